//! `Topology::describe()` of the DSL against golden texts of Kafka Streams itself.
//!
//! `describe/README.md` says which topology each text belongs to. Texts of operators that are not
//! built yet have no case here.

#![expect(clippy::ptr_arg, reason = "functions that stand for closures over strings take what those take")]

use std::path::Path;

use rstest::rstest;
use streams_dsl::prelude::*;

type Program = fn(&StreamsBuilder);

fn stream(builder: &StreamsBuilder, topic: &str) -> KStream<String, String> {
    builder.stream(topic)
}

fn table(builder: &StreamsBuilder, topic: &str) -> KTable<String, String> {
    builder.table(topic)
}

fn same(value: &String) -> String {
    value.clone()
}

fn longer(left: &String, right: &String) -> String {
    left.max(right).clone()
}

fn optional(left: &String, _: Option<&String>) -> String {
    left.clone()
}

fn stateless(builder: &StreamsBuilder) {
    stream(builder, "in")
        .filter(|_, _| true)
        .filter_not(|_, _| false)
        .map_values(same)
        .peek(|_, _| {})
        .map(|key, value| (key.clone(), value.clone()))
        .flat_map_values(|value| vec![value.clone()])
        .select_key(|key, _| key.clone())
        .to("out");
}

fn stateless_named(builder: &StreamsBuilder) {
    builder
        .stream_with::<String, String>("in", Consumed::default().named("read"))
        .filter(|_, _| true)
        .named("keep")
        .map_values(same)
        .named("change")
        .to_with("out", Produced::default().named("write"));
}

fn merge(builder: &StreamsBuilder) {
    let (a, b) = (stream(builder, "a"), stream(builder, "b"));
    a.merge(&b).map_values(same).to("out");
}

fn diamond(builder: &StreamsBuilder) {
    let source = stream(builder, "in");
    let mapped = source.map_values(same);
    mapped.merge(&source.filter(|_, _| true)).to("out");
}

fn split_branches(builder: &StreamsBuilder) {
    let mut split = stream(builder, "in").split().named("kind-");
    let big = split.branch_with(Branched::named("big"), |_, _| true);
    let small = split.branch_with(Branched::named("small"), |_, _| true);
    let rest = split.default_branch_with(Branched::named("rest"));
    big.to("big");
    small.to("small");
    rest.to("rest");
}

fn split_default_names(builder: &StreamsBuilder) {
    let mut split = stream(builder, "in").split();
    let (first, second) = (split.branch(|_, _| true), split.branch(|_, _| true));
    first.to("out0");
    second.to("out1");
}

fn split_and_merge(builder: &StreamsBuilder) {
    let mut split = stream(builder, "in").split().named("kind-");
    let big = split.branch_with(Branched::named("big"), |_, _| true);
    let rest = split.default_branch_with(Branched::named("rest"));
    big.map_values(same).merge(&rest).to("out");
}

fn two_topics(builder: &StreamsBuilder) {
    builder.stream_of::<String, String>(&["in1", "in2"], Consumed::default()).to("out");
}

fn two_subtopologies(builder: &StreamsBuilder) {
    stream(builder, "in1").to("out1");
    stream(builder, "in2").group_by_key().count().to_stream().to("out2");
}

fn repartition(builder: &StreamsBuilder) {
    stream(builder, "in").map(|key, value| (key.clone(), value.clone())).repartition().to("out");
}

fn repartition_named(builder: &StreamsBuilder) {
    stream(builder, "in")
        .select_key(|key, _| key.clone())
        .repartition_with(Repartitioned::named("by-value").partitions(3))
        .group_by_key()
        .count()
        .to_stream()
        .to("out");
}

fn count_by_key(builder: &StreamsBuilder) {
    stream(builder, "in").group_by_key().count().to_stream().to("out");
}

fn word_count(builder: &StreamsBuilder) {
    let words = stream(builder, "lines").flat_map_values(|line| vec![line.clone()]);
    words.group_by(|_, word| word.clone()).count().to_stream().to("counts");
}

fn word_count_named_store(builder: &StreamsBuilder) {
    let words = stream(builder, "lines").flat_map_values(|line| vec![line.clone()]);
    words
        .group_by_with(Grouped::named("words"), |_, word| word.clone())
        .count_with(Materialized::named("word-counts"))
        .to_stream()
        .to("counts");
}

fn reduce_aggregate(builder: &StreamsBuilder) {
    let grouped = stream(builder, "in").group_by_key();
    grouped.reduce(longer).to_stream().to("reduced");
    let totals = Materialized::<String, String>::named("totals");
    grouped.aggregate_with(totals, String::new, |_, value, all| all.push_str(value)).to_stream().to("totals-out");
}

fn two_aggregations(builder: &StreamsBuilder) {
    let grouped = stream(builder, "in").select_key(|key, _| key.clone()).group_by_key();
    grouped.count().to_stream().to("counts");
    grouped.reduce(longer).to_stream().to("last");
}

fn windowed_count(builder: &StreamsBuilder) {
    let windows = TimeWindows::of_size_and_grace(mins(1), secs(10));
    stream(builder, "in").group_by_key().windowed_by(windows).count().to_stream().to("out");
}

fn windowed_count_after_key_change(builder: &StreamsBuilder) {
    stream(builder, "in")
        .select_key(|key, _| key.clone())
        .group_by_key()
        .windowed_by(TimeWindows::of_size_with_no_grace(mins(1)))
        .count_with(Materialized::named("per-minute"))
        .to_stream()
        .select_key(|windowed, _| windowed.key.clone())
        .to("out");
}

fn table_source(builder: &StreamsBuilder) {
    table(builder, "in").to_stream().to("out");
}

fn table_source_materialized(builder: &StreamsBuilder) {
    builder
        .table_with::<String, String>("in", Consumed::default(), Materialized::named("rows"))
        .filter(|_, _| true)
        .map_values(same)
        .to_stream()
        .to("out");
}

fn table_table_join(builder: &StreamsBuilder) {
    let (left, right) = (table(builder, "left"), table(builder, "right"));
    left.join(&right, longer).to_stream().to("out");
}

fn table_table_outer_join(builder: &StreamsBuilder) {
    let (left, right) = (table(builder, "left"), table(builder, "right"));
    left.outer_join(&right, |left, right| left.or(right).cloned().unwrap_or_default()).to_stream().to("out");
}

fn stream_table_join(builder: &StreamsBuilder) {
    let products = table(builder, "products");
    stream(builder, "sales").join_table(&products, longer).to("out");
}

fn stream_table_left_join(builder: &StreamsBuilder) {
    let store = Materialized::named("products-store");
    let products = builder.table_with::<String, String>("products", Consumed::default(), store);
    stream(builder, "sales").left_join_table(&products, optional).to("out");
}

fn stream_table_join_after_key_change(builder: &StreamsBuilder) {
    let products = table(builder, "products");
    stream(builder, "sales").select_key(|key, _| key.clone()).join_table(&products, longer).to("out");
}

fn one_topic_two_streams(builder: &StreamsBuilder) {
    stream(builder, "in").filter(|_, _| true).to("out1");
    stream(builder, "in").map_values(same).to("out2");
}

fn one_topic_two_named(builder: &StreamsBuilder) {
    let read = |name: &str| builder.stream_with::<String, String>("in", Consumed::default().named(name));
    read("first").to("out1");
    read("second").to("out2");
}

fn stream_table_join_named(builder: &StreamsBuilder) {
    let products = table(builder, "products");
    stream(builder, "sales").join_table_with(&products, Joined::named("j1"), longer).to("out1");
}

fn stream_table_joins(builder: &StreamsBuilder) {
    let (products, prices) = (table(builder, "products"), table(builder, "prices"));
    let sales = stream(builder, "sales").select_key(|key, _| key.clone());
    sales.join_table(&products, longer).to("out1");
    sales.left_join_table(&prices, optional).to("out2");
}

fn stream_table_joins_named(builder: &StreamsBuilder) {
    let (products, prices) = (table(builder, "products"), table(builder, "prices"));
    let sales = stream(builder, "sales").select_key(|key, _| key.clone());
    sales.join_table_with(&products, Joined::named("j1"), longer).to("out1");
    sales.left_join_table_with(&prices, Joined::named("j2"), optional).to("out2");
}

fn updates(builder: &StreamsBuilder, topic: &str) -> KStream<String, Option<String>> {
    builder.stream(topic)
}

fn kept(name: &str) -> Materialized<String, String> {
    Materialized::named(name)
}

fn to_table(builder: &StreamsBuilder) {
    updates(builder, "in").to_table_with(kept("latest")).to_stream().to("out");
}

fn to_table_unnamed(builder: &StreamsBuilder) {
    updates(builder, "in").to_table().to_stream().to("out");
}

fn to_table_after_key_change(builder: &StreamsBuilder) {
    updates(builder, "in").select_key(|key, _| key.clone()).to_table().to_stream().to("out");
}

fn to_table_joined(builder: &StreamsBuilder) {
    let sales = stream(builder, "sales");
    sales.join_table(&updates(builder, "in").to_table(), longer).to("out");
}

fn table_filter_materialized(builder: &StreamsBuilder) {
    let filtered = table(builder, "in").filter_with(kept("kept"), |_, _| true);
    filtered.map_values_with(kept("mapped"), |_, value| value.clone()).to_stream().to("out");
}

fn table_filter_materialized_unnamed(builder: &StreamsBuilder) {
    let filtered = table(builder, "in").filter_with(Materialized::default(), |_, _| true);
    filtered.map_values_with(Materialized::<String, String>::default(), |_, value| value.clone()).to_stream().to("out");
}

fn table_filter_joined(builder: &StreamsBuilder) {
    let filtered = table(builder, "in").filter(|_, _| true);
    filtered.left_join(&table(builder, "other"), optional).to_stream().to("out");
}

fn table_filter_materialized_joined(builder: &StreamsBuilder) {
    let filtered = table(builder, "in").filter_with(kept("kept"), |_, _| true);
    let mapped = table(builder, "other").map_values_with(Materialized::default(), |_, value: &String| value.clone());
    filtered.left_join(&mapped, optional).to_stream().to("out");
}

fn table_table_left_join_materialized(builder: &StreamsBuilder) {
    let (left, right) = (table(builder, "left"), table(builder, "right"));
    left.left_join_with(&right, kept("joined"), optional).to_stream().to("out");
}

fn table_table_join_materialized_unnamed(builder: &StreamsBuilder) {
    let (left, right) = (table(builder, "left"), table(builder, "right"));
    left.join_with(&right, Materialized::default(), longer).to_stream().to("out");
}

fn table_table_join_named(builder: &StreamsBuilder) {
    let (left, right) = (table(builder, "left"), table(builder, "right"));
    left.join_with(&right, kept("joined"), longer).named("both").to_stream().to("out");
}

fn table_table_join_chain(builder: &StreamsBuilder) {
    let (left, right) = (table(builder, "left"), table(builder, "right"));
    left.join(&right, longer).left_join(&table(builder, "third"), optional).to_stream().to("out");
}

struct Pass(KeyValueStore<String, String>);

impl Processor<String, String> for Pass {
    type KOut = String;
    type VOut = String;

    fn process(&mut self, record: Record<'_, String, String>, cx: &mut Context<'_, String, String>) -> Result<()> {
        self.0.put(record.key, record.value)?;
        cx.forward(record)
    }
}

fn process_with_store(builder: &StreamsBuilder) {
    let seen = builder.add_store(Stores::in_memory_key_value::<String, String>("seen"));
    stream(builder, "in").process_with(&seen, Pass).to("out");
}

#[rstest]
#[case("stateless", stateless)]
#[case("stateless-named", stateless_named)]
#[case("merge", merge)]
#[case("diamond", diamond)]
#[case("split-branches", split_branches)]
#[case("split-branches-default-names", split_default_names)]
#[case("split-and-merge", split_and_merge)]
#[case("one-stream-two-topics", two_topics)]
#[case("two-subtopologies", two_subtopologies)]
#[case("repartition", repartition)]
#[case("repartition-named", repartition_named)]
#[case("count-by-key", count_by_key)]
#[case("word-count", word_count)]
#[case("word-count-named-store", word_count_named_store)]
#[case("reduce-aggregate", reduce_aggregate)]
#[case("two-aggregations-after-one-key-change", two_aggregations)]
#[case("windowed-count", windowed_count)]
#[case("windowed-count-after-key-change", windowed_count_after_key_change)]
#[case("table-source", table_source)]
#[case("table-source-materialized", table_source_materialized)]
#[case("table-table-join", table_table_join)]
#[case("table-table-outer-join", table_table_outer_join)]
#[case("stream-table-join", stream_table_join)]
#[case("stream-table-left-join", stream_table_left_join)]
#[case("stream-table-join-after-key-change", stream_table_join_after_key_change)]
#[case("process-with-store", process_with_store)]
#[case("one-topic-two-streams", one_topic_two_streams)]
#[case("one-topic-two-named", one_topic_two_named)]
#[case("stream-table-join-named", stream_table_join_named)]
#[case("stream-table-joins-after-key-change", stream_table_joins)]
#[case("stream-table-joins-named-after-key-change", stream_table_joins_named)]
#[case("to-table", to_table)]
#[case("to-table-unnamed", to_table_unnamed)]
#[case("to-table-after-key-change", to_table_after_key_change)]
#[case("to-table-joined", to_table_joined)]
#[case("table-filter-materialized", table_filter_materialized)]
#[case("table-filter-materialized-unnamed", table_filter_materialized_unnamed)]
#[case("table-filter-joined", table_filter_joined)]
#[case("table-filter-materialized-joined", table_filter_materialized_joined)]
#[case("table-table-left-join-materialized", table_table_left_join_materialized)]
#[case("table-table-join-materialized-unnamed", table_table_join_materialized_unnamed)]
#[case("table-table-join-named", table_table_join_named)]
#[case("table-table-join-chain", table_table_join_chain)]
fn describes_as_kafka_streams_does(#[case] name: &str, #[case] program: Program) -> Result<()> {
    let builder = StreamsBuilder::new();
    program(&builder);
    let described = builder.build()?.describe().to_string();
    assert_eq!(described, golden(name), "{name}");
    Ok(())
}

fn golden(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/describe").join(format!("{name}.txt"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("read {}: {error}", path.display()))
}
