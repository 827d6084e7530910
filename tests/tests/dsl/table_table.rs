//! Joins of two tables.

use rstest::rstest;
use streams_dsl::prelude::*;

use super::script::{cached, check, or_null};

type Table = KTable<String, String>;
type Join = fn(&Table, &Table) -> Table;

fn inner(left: &Table, right: &Table) -> Table {
    left.join(right, |left, right| format!("{left}-{right}"))
}

fn left(left: &Table, right: &Table) -> Table {
    left.left_join(right, |left, right| format!("{left}-{}", or_null(right)))
}

fn outer(left: &Table, right: &Table) -> Table {
    left.outer_join(right, |left, right| format!("{}-{}", or_null(left), or_null(right)))
}

fn tables(builder: &StreamsBuilder) -> (Table, Table) {
    (builder.table("left"), builder.table("right"))
}

/// An inner join is silent while the other side has no row, also about deletions.
#[rstest]
#[case::inner(
    inner,
    "
    left k null 1 ->
    right k null 2 ->
    left k A 3 ->
    right k a 4 -> k = A-a @ 4
    left k B 5 -> k = B-a @ 5
    right k b 6 -> k = B-b @ 6
    left k null 7 -> k = null @ 7
    right k null 8 ->
    left k C 9 ->
    right k c 10 -> k = C-c @ 10
    right k null 11 -> k = null @ 11
    left k null 12 ->
    right k null 13 ->
    right k d 14 ->
    left k D 15 -> k = D-d @ 15
    dropped 0"
)]
#[case::left(
    left,
    "
    left k null 1 ->
    right k null 2 ->
    left k A 3 -> k = A-null @ 3
    right k a 4 -> k = A-a @ 4
    left k B 5 -> k = B-a @ 5
    right k b 6 -> k = B-b @ 6
    left k null 7 -> k = null @ 7
    right k null 8 ->
    left k C 9 -> k = C-null @ 9
    right k c 10 -> k = C-c @ 10
    right k null 11 -> k = C-null @ 11
    left k null 12 -> k = null @ 12
    right k null 13 ->
    right k d 14 ->
    left k D 15 -> k = D-d @ 15
    dropped 0"
)]
#[case::outer(
    outer,
    "
    left k null 1 ->
    right k null 2 ->
    left k A 3 -> k = A-null @ 3
    right k a 4 -> k = A-a @ 4
    left k B 5 -> k = B-a @ 5
    right k b 6 -> k = B-b @ 6
    left k null 7 -> k = null-b @ 7
    right k null 8 -> k = null @ 8
    left k C 9 -> k = C-null @ 9
    right k c 10 -> k = C-c @ 10
    right k null 11 -> k = C-null @ 11
    left k null 12 -> k = null @ 12
    right k null 13 ->
    right k d 14 -> k = null-d @ 14
    left k D 15 -> k = D-d @ 15
    dropped 0"
)]
#[case::inner_late(
    inner,
    "
    left k null 1 ->
    right k null 2 ->
    left k A 3 ->
    right k a 4 -> k = A-a @ 4
    left k B 5 -> k = B-a @ 5
    right k b 6 -> k = B-b @ 6
    left k null 7 -> k = null @ 7
    right k null 8 ->
    left k C 9 ->
    right k c 10 -> k = C-c @ 10
    right k null 11 -> k = null @ 11
    left k null 12 ->
    right k null 13 ->
    right k d 7 ->
    left k D 6 -> k = D-d @ 7
    left k null 2 -> k = null @ 7
    right k null 3 ->
    right k e 14 ->
    left k E 15 -> k = E-e @ 15
    left k null 10 -> k = null @ 14
    right k null 9 ->
    left k F 4 ->
    right k f 3 -> k = F-f @ 4
    dropped 0"
)]
#[case::left_late(
    left,
    "
    left k null 1 ->
    right k null 2 ->
    left k A 3 -> k = A-null @ 3
    right k a 4 -> k = A-a @ 4
    left k B 5 -> k = B-a @ 5
    right k b 6 -> k = B-b @ 6
    left k null 7 -> k = null @ 7
    right k null 8 ->
    left k C 9 -> k = C-null @ 9
    right k c 10 -> k = C-c @ 10
    right k null 11 -> k = C-null @ 11
    left k null 12 -> k = null @ 12
    right k null 13 ->
    right k d 7 ->
    left k D 6 -> k = D-d @ 7
    left k null 2 -> k = null @ 7
    right k null 3 ->
    right k e 14 ->
    left k E 15 -> k = E-e @ 15
    left k null 10 -> k = null @ 14
    right k null 9 ->
    left k F 4 -> k = F-null @ 4
    right k f 3 -> k = F-f @ 4
    dropped 0"
)]
#[case::outer_late(
    outer,
    "
    left k null 1 ->
    right k null 2 ->
    left k A 3 -> k = A-null @ 3
    right k a 4 -> k = A-a @ 4
    left k B 5 -> k = B-a @ 5
    right k b 6 -> k = B-b @ 6
    left k null 7 -> k = null-b @ 7
    right k null 8 -> k = null @ 8
    left k C 9 -> k = C-null @ 9
    right k c 10 -> k = C-c @ 10
    right k null 11 -> k = C-null @ 11
    left k null 12 -> k = null @ 12
    right k null 13 ->
    right k d 7 -> k = null-d @ 7
    left k D 6 -> k = D-d @ 7
    left k null 2 -> k = null-d @ 7
    right k null 3 -> k = null @ 3
    right k e 14 -> k = null-e @ 14
    left k E 15 -> k = E-e @ 15
    left k null 10 -> k = null-e @ 14
    right k null 9 -> k = null @ 9
    left k F 4 -> k = F-null @ 4
    right k f 3 -> k = F-f @ 4
    dropped 0"
)]
fn rows_are_joined(#[case] join: Join, #[case] script: &str) {
    let program = |builder: &StreamsBuilder| {
        let (left, right) = tables(builder);
        join(&left, &right).to_stream().to("out");
    };
    check(program, script);
}

fn plus(left: Option<&String>, right: Option<&String>) -> String {
    format!("{}+{}", or_null(left), or_null(right))
}

/// Lets some rows through and joins them again: a deletion comes out only where the row before was let through, which
/// shows what the first join told of it.
fn observed(builder: &StreamsBuilder, join: Join, is_taken: fn(&String, &String) -> bool) {
    let (left, right) = tables(builder);
    let third = builder.table::<String, String>("third");
    let taken = join(&left, &right).filter(is_taken);
    taken.left_join(&third, |row, third| format!("{row}|{}", or_null(third))).to_stream().to("out");
}

#[rstest]
#[case::inner(
    |left: &Table, right: &Table| left.join(right, |left, right| plus(Some(left), Some(right))),
    |_: &String, row: &String| row.contains("Y0") || row.contains("X2+YY"),
    "
    left 0 X0 5 ->
    left 1 X1 6 ->
    right 0 Y0 0 -> 0 = X0+Y0|null @ 5
    right 1 Y1 10 ->
    left 0 XX0 7 -> 0 = XX0+Y0|null @ 7
    left 1 XX1 7 ->
    left 2 XX2 7 ->
    left 3 XX3 7 ->
    right 0 YY0 0 -> 0 = XX0+YY0|null @ 7
    right 1 YY1 5 ->
    right 2 YY2 10 -> 2 = XX2+YY2|null @ 10
    right 3 YY3 15 ->
    left 0 XXX0 6 -> 0 = XXX0+YY0|null @ 6
    left 1 XXX1 6 ->
    right 0 null 5 -> 0 = null @ 6
    right 1 null 5 ->
    left 2 null 10 -> 2 = null @ 10
    dropped 0"
)]
#[case::left(
    |left: &Table, right: &Table| left.left_join(right, |left, right| plus(Some(left), right)),
    |_: &String, row: &String| row.contains("Y0") || row.contains("X2+null"),
    "
    left 0 X0 5 ->
    left 1 X1 6 ->
    right 0 Y0 0 -> 0 = X0+Y0|null @ 5
    right 1 Y1 10 ->
    left 0 XX0 7 -> 0 = XX0+Y0|null @ 7
    left 1 XX1 7 ->
    left 2 XX2 7 -> 2 = XX2+null|null @ 7
    left 3 XX3 7 ->
    right 0 YY0 0 -> 0 = XX0+YY0|null @ 7
    right 1 YY1 5 ->
    right 2 YY2 10 -> 2 = null @ 10
    right 3 YY3 15 ->
    left 0 XXX0 6 -> 0 = XXX0+YY0|null @ 6
    left 1 XXX1 6 ->
    right 0 null 5 -> 0 = null @ 6
    right 1 null 5 ->
    left 2 null 10 ->
    dropped 0"
)]
#[case::outer(
    |left: &Table, right: &Table| left.outer_join(right, plus),
    |_: &String, row: &String| row.contains("Y0") || row.contains("X2+null"),
    "
    left 0 X0 5 ->
    left 1 X1 6 ->
    right 0 Y0 0 -> 0 = X0+Y0|null @ 5
    right 1 Y1 10 ->
    left 0 XX0 7 -> 0 = XX0+Y0|null @ 7
    left 1 XX1 7 ->
    left 2 XX2 7 -> 2 = XX2+null|null @ 7
    left 3 XX3 7 ->
    right 0 YY0 0 -> 0 = XX0+YY0|null @ 7
    right 1 YY1 5 ->
    right 2 YY2 10 -> 2 = null @ 10
    right 3 YY3 15 ->
    left 0 XXX0 6 -> 0 = XXX0+YY0|null @ 6
    left 1 XXX1 6 ->
    right 0 null 5 -> 0 = null @ 6
    right 1 null 5 ->
    left 2 null 10 ->
    dropped 0"
)]
fn joins_tell_the_row_before(#[case] join: Join, #[case] is_taken: fn(&String, &String) -> bool, #[case] script: &str) {
    check(|builder| observed(builder, join, is_taken), script);
}

#[test]
fn a_join_is_joined() {
    let program = |builder: &StreamsBuilder| {
        let (left, right) = tables(builder);
        let third = builder.table::<String, String>("third");
        let joined = left.outer_join(&right, plus).join(&third, |row, third| format!("{row}|{third}"));
        joined.to_stream().to("out");
    };
    check(
        program,
        "
    third k T 20 ->
    left k A 1 -> k = A+null|T @ 20
    right k a 2 -> k = A+a|T @ 20
    left k null 3 -> k = null+a|T @ 20
    right k null 4 -> k = null @ 20
    third k null 5 ->
    third k null 6 ->
    dropped 0",
    );
}

#[test]
fn a_count_is_joined() {
    let program = |builder: &StreamsBuilder| {
        let counts = builder.stream::<String, String>("in").group_by_key().count();
        let other = builder.table::<String, String>("other");
        counts.join(&other, |count, other| format!("{count}-{other}")).to_stream().to("out");
    };
    check(
        program,
        "
    in a x 1 ->
    other a o 5 -> a = 1-o @ 5
    in a x 2 -> a = 2-o @ 5
    other a null 7 -> a = null @ 7
    other a null 8 ->
    dropped 0",
    );
}

#[rstest]
#[case::uncached(
    false,
    "
    left k null 1 ->
    right k null 2 ->
    left k A 3 ->
    right k a 4 -> k = Aa @ 4
    left k B 5 -> k = Ba @ 5
    right k b 6 -> k = Bb @ 6
    left k null 7 -> k = null @ 7
    right k null 8 ->
    left k C 9 ->
    right k c 10 -> k = Cc @ 10
    right k null 11 -> k = null @ 11
    left k null 12 ->
    right k null 13 ->
    right k d 14 ->
    left k D 15 -> k = Dd @ 15
    dropped 0"
)]
#[case::cached(
    true,
    "
    left k null 1 ->
    right k null 2 ->
    left k A 3 ->
    right k a 4 -> k = Aa @ 4
    left k B 5 -> k = Ba @ 5
    right k b 6 -> k = Bb @ 6
    left k null 7 -> k = null @ 7
    right k null 8 ->
    left k C 9 ->
    right k c 10 -> k = Cc @ 10
    right k null 11 -> k = null @ 11
    left k null 12 ->
    right k null 13 ->
    right k d 14 ->
    left k D 15 -> k = Dd @ 15
    dropped 0"
)]
fn a_join_is_kept(#[case] is_cached: bool, #[case] script: &str) {
    let program = |builder: &StreamsBuilder| {
        let (left, right) = tables(builder);
        let joined =
            left.join_with(&right, cached(is_cached).store_name("joined"), |left, right| format!("{left}{right}"));
        assert_eq!(joined.queryable_store_name(), Some("joined"));
        joined.to_stream().to("out");
    };
    check(program, script);
}

#[rstest]
#[case::uncached(
    false,
    "
    left k null 1 ->
    right k null 2 ->
    left k A 3 -> k = Anull+null @ 3
    right k a 4 -> k = Aa+null @ 4
    left k B 5 -> k = Ba+null @ 5
    right k b 6 -> k = Bb+null @ 6
    left k null 7 -> k = nullb+null @ 7
    right k null 8 -> k = null @ 8
    left k C 9 -> k = Cnull+null @ 9
    right k c 10 -> k = Cc+null @ 10
    right k null 11 -> k = Cnull+null @ 11
    left k null 12 -> k = null @ 12
    right k null 13 ->
    right k d 14 -> k = nulld+null @ 14
    left k D 15 -> k = Dd+null @ 15
    dropped 0"
)]
#[case::cached(
    true,
    "
    left k null 1 ->
    right k null 2 ->
    left k A 3 -> k = Anull+null @ 3
    right k a 4 -> k = Aa+null @ 4
    left k B 5 -> k = Ba+null @ 5
    right k b 6 -> k = Bb+null @ 6
    left k null 7 -> k = nullb+null @ 7
    right k null 8 -> k = null @ 8
    left k C 9 -> k = Cnull+null @ 9
    right k c 10 -> k = Cc+null @ 10
    right k null 11 -> k = Cnull+null @ 11
    left k null 12 -> k = null @ 12
    right k null 13 ->
    right k d 14 -> k = nulld+null @ 14
    left k D 15 -> k = Dd+null @ 15
    dropped 0"
)]
fn a_kept_outer_join_is_joined(#[case] is_cached: bool, #[case] script: &str) {
    let program = |builder: &StreamsBuilder| {
        let (left, right) = tables(builder);
        let materialized = cached(is_cached).store_name("joined");
        let joined =
            left.outer_join_with(&right, materialized, |left, right| format!("{}{}", or_null(left), or_null(right)));
        let third = builder.table::<String, String>("third");
        joined.left_join(&third, |row, third| format!("{row}+{}", or_null(third))).to_stream().to("out");
    };
    check(program, script);
}

#[test]
fn a_table_is_joined_with_itself() {
    let program = |builder: &StreamsBuilder| {
        let table = builder.table::<String, String>("in");
        table.left_join(&table, |left, right| format!("{left}{}", or_null(right))).to_stream().to("out");
    };
    // Each side forwards, and the row is written before either looks it up.
    check(
        program,
        "
    in k a 1 -> k = aa @ 1; k = aa @ 1
    in k null 2 -> k = null @ 2
    dropped 0",
    );
}

/// The store behind the join tells the row before, whether or not the joined tables do.
#[rstest]
#[case::uncached(
    false,
    "
    left 0 X0 5 ->
    left 1 X1 6 ->
    right 0 Y0 0 -> 0 = X0+Y0|null @ 5
    right 1 Y1 10 ->
    left 0 XX0 7 -> 0 = XX0+Y0|null @ 7
    left 1 XX1 7 ->
    left 2 XX2 7 ->
    left 3 XX3 7 ->
    right 0 YY0 0 -> 0 = XX0+YY0|null @ 7
    right 1 YY1 5 ->
    right 2 YY2 10 -> 2 = XX2+YY2|null @ 10
    right 3 YY3 15 ->
    left 0 XXX0 6 -> 0 = XXX0+YY0|null @ 6
    left 1 XXX1 6 ->
    right 0 null 5 -> 0 = null @ 6
    right 1 null 5 ->
    left 2 null 10 -> 2 = null @ 10
    dropped 0"
)]
#[case::cached(
    true,
    "
    left 0 X0 5 ->
    left 1 X1 6 ->
    right 0 Y0 0 -> 0 = X0+Y0|null @ 5
    right 1 Y1 10 ->
    left 0 XX0 7 -> 0 = XX0+Y0|null @ 7
    left 1 XX1 7 ->
    left 2 XX2 7 ->
    left 3 XX3 7 ->
    right 0 YY0 0 -> 0 = XX0+YY0|null @ 7
    right 1 YY1 5 ->
    right 2 YY2 10 -> 2 = XX2+YY2|null @ 10
    right 3 YY3 15 ->
    left 0 XXX0 6 -> 0 = XXX0+YY0|null @ 6
    left 1 XXX1 6 ->
    right 0 null 5 -> 0 = null @ 6
    right 1 null 5 ->
    left 2 null 10 -> 2 = null @ 10
    dropped 0"
)]
fn a_kept_inner_join_is_filtered_and_joined(#[case] is_cached: bool, #[case] script: &str) {
    let program = |builder: &StreamsBuilder| {
        let (left, right) = tables(builder);
        let materialized = cached(is_cached).store_name("joined");
        let joined = left.join_with(&right, materialized, |left, right| plus(Some(left), Some(right)));
        let third = builder.table::<String, String>("third");
        let taken = joined.filter(|_, row| row.contains("Y0") || row.contains("X2+YY"));
        taken.left_join(&third, |row, third| format!("{row}|{}", or_null(third))).to_stream().to("out");
    };
    check(program, script);
}
