//! Streams joined with streams in windows: which pairs match, in which order, and when what did not match comes out.
//!
//! Left and outer joins look for what did not match at every record, or with an interval of wall clock between as a
//! program has it by default.

use serde_json::{json, Value};

use super::build::{between, case, grace, within, Case};
use super::input::Mixture;
use super::stream_table::{IN_ORDER, OUT_OF_ORDER, SCRIPT};

const OPS: [(&str, &str); 3] = [("inner", "stream_join"), ("left", "stream_left_join"), ("outer", "stream_outer_join")];

pub(crate) fn cases() -> Vec<Case> {
    [
        every_kind(),
        documented(),
        upstream_inner(),
        upstream_left(),
        upstream_outer(),
        throttle(),
        placed(),
        self_joins(),
    ]
    .concat()
}

fn joined(name: impl Into<String>, about: &str, op: &str, window: Value) -> Case {
    let sources = case(name, about).stream("l", "l").stream("r", "r");
    let echoing = if op == "stream_join" { sources } else { sources.echo("l").echo("r") };
    echoing.op(op, "j", "l", json!({"with": "r", "joiner": "concat", "window": window})).out("j")
}

fn every_kind() -> Vec<Case> {
    let mut cases = Vec::new();
    for (kind, op) in OPS {
        let one = |name: &str, about: &str, window: Value| joined(format!("{kind}-{name}"), about, op, window);
        cases.extend([
            one(
                "in-order",
                "row 15: the shared script, in order and with null keys",
                grace(within(10_000), 86_400_000),
            )
            .feed([SCRIPT, IN_ORDER].concat()),
            one("out-of-order", "row 15: the shared script, out of order", grace(within(10_000), 86_400_000))
                .feed([SCRIPT, OUT_OF_ORDER].concat()),
            one("edges", "row 2: a window holds both its ends", within(10))
                .feed("l:a=x@20 r:a=R@10 r:a=S@30 r:a=T@9 r:a=U@31 l:a=y@41 l:a=z@42 l:b=w@200"),
            one(
                "asymmetric",
                "row 2: before and after are the left side's; the right side has them exchanged",
                between(5, 20),
            )
            .feed("l:a=x@20 r:a=R@14 r:a=S@15 r:a=T@40 r:a=U@41 l:a=y@46 l:b=w@200 r:c=V@400"),
            one("late", "late records still join with what the other side keeps", grace(within(10), 20))
                .feed("l:a=x@50 r:b=R@100 r:a=S@45 l:b=y@95 l:a=z@60 r:a=T@69 l:a=w@71 r:a=U@66 l:c=v@300"),
            one("seeded", "random interleaving of three keys with nulls and disorder", grace(within(6), 4)).feed(
                Mixture {
                    topics: &["l", "r"],
                    keys: &["a", "b", "c", "a", "~"],
                    values: &["x", "y", "z", "~"],
                    back: 6,
                    on: 9,
                    records: 50,
                }
                .script(121),
            ),
            one("hot-key", "one key, many equal times, no disorder", grace(within(2), 1)).feed(
                Mixture { topics: &["l", "r"], keys: &["a"], values: &["x", "y", "z"], back: 0, on: 3, records: 25 }
                    .script(122),
            ),
            one("again", "times that start again from small ones", grace(within(10), 20))
                .feed("l:a=x@100 r:a=R@200 l:a=y@0 r:a=S@0 l:b=z@170 r:b=T@169 l:a=w@201 r:a=U@5"),
            one("far-future", "the far future closes every window", grace(within(10), 5))
                .feed("l:a=x@10 r:b=R@15 l:c=y@253402300799999 r:a=S@12 r:c=T@253402300799990 l:b=z@16"),
        ]);
    }
    cases
}

fn documented() -> Vec<Case> {
    let seconds = "l:k=~@1000 r:k=~@2000 l:k=A@3000 r:k=a@4000 l:k=B@5000 r:k=b@6000 l:k=~@7000 r:k=~@8000 l:k=C@9000 \
        r:k=c@10000 r:k=~@11000 l:k=~@12000 r:k=~@13000 r:k=d@14000 l:k=D@15000 l:k=E@40000 l:k=F@60000 r:k=f@80000 \
        l:k=G@100000";
    let table = |(kind, op): (&str, &str)| {
        joined(
            format!("{kind}-documented"),
            "row 15: the documented truth table, 15 seconds and 5 of grace",
            op,
            grace(within(15_000), 5_000),
        )
        .feed(seconds)
    };
    OPS.map(table).into()
}

fn upstream_inner() -> Vec<Case> {
    vec![
        joined("inner-duplicates", "row 1, golden sequence 1: every record of a key is kept, matches in order of arrival", "stream_join", within(100))
            .feed("l:0=A0@0 l:1=A1@0 r:0=a0@0 r:1=a1@0 l:0=B0@0 l:1=B1@0 l:2=B2@0 l:3=B3@0 r:0=b0@0 r:1=b1@0 r:2=b2@0 r:3=b3@0")
            .feed("l:0=C0@0 l:1=C1@0 l:2=C2@0 l:3=C3@0 r:0=c0@0 r:1=c1@0"),
        joined("inner-windowing", "row 2: matches by increasing distance of time", "stream_join", within(100)).feed(
            "l:0=A0@0 l:1=A1@0 r:0=a0@1000 r:1=a1@1000 l:0=B0@1000 l:1=B1@1099 l:2=B2@1100 r:0=b0@1101 r:1=b1@1000 r:0=c0@900 r:1=c1@999 r:2=c2@1200 r:2=d2@1201",
        ),
        joined("inner-nulls", "row 4: null keys and values of either side are dropped and counted", "stream_join", within(10))
            .feed("l:a=~@1 l:~=x@2 r:a=~@3 r:~=R@4 l:~=~@5 l:a=@6 r:a=@7 l:=y@8 r:=S@9"),
        joined("inner-before-only", "row 2: the right record before the left one or at its time", "stream_join", between(10, 0))
            .feed("l:a=x@20 r:a=R@9 r:a=S@10 r:a=T@20 r:a=U@21 l:a=y@21"),
        joined("inner-negative-bound", "a window that lies wholly after the left record", "stream_join", between(-5, 10))
            .feed("l:a=x@20 r:a=R@24 r:a=S@25 r:a=T@30 r:a=U@31 l:a=y@15 l:a=z@20"),
        joined("inner-zero", "a window of no width joins equal times", "stream_join", within(0)).feed("l:a=x@5 r:a=R@5 r:a=S@6 l:a=y@6 l:a=z@5 r:a=T@5"),
        joined("inner-expired", "what the stores no longer keep joins no more, and is not put either", "stream_join", within(10))
            .feed("l:a=x@10 r:a=R@15 l:b=y@30 r:a=S@12 l:a=z@31 r:a=T@11 l:a=w@9 r:a=U@21 r:c=V@100 l:a=v@14"),
    ]
}

fn upstream_left() -> Vec<Case> {
    let left = |name: &str, about: &str, window: Value| joined(name, about, "stream_left_join", window);
    vec![
        left("left-duplicates", "row 5: all that waits under one time and key comes out, each once", within(100))
            .feed("l:0=A0@0 l:0=A0-0@0 l:1=A1@0 r:1=a1@10 r:9=dummy@315 l:9=end@700"),
        left("left-expired-by-left", "row 6: what did not match comes out when the left side moves time", within(100))
            .feed("l:0=A0@1 l:1=A1@2 l:0=A0-0@3 r:1=a1@3 l:2=dummy@401"),
        left(
            "left-expired-by-right",
            "row 6: what did not match comes out when the right side moves time",
            within(100),
        )
        .feed("l:0=A0@1 l:1=A1@2 l:0=A0-0@3 r:1=a1@3 r:2=dummy@401"),
        left("left-never-right", "row 7: a left join never emits the right side alone", within(100))
            .feed("r:0=A0@1 r:1=A1@2 r:0=A0-0@3 l:1=a1@3 l:2=dummy@401 r:2=dummy@900 l:3=end@1800"),
        left(
            "left-ordering",
            "row 8, golden sequence 4: within one call what did not match comes before what matches",
            within(100),
        )
        .feed("l:0=A0@0 l:1=A1@100 r:1=a1@110"),
        left("left-grace", "row 9: nothing comes out within the grace period", grace(within(100), 10))
            .feed("l:0=A0@0 l:1=A1@0 l:9=d@101 l:9=d@110 l:9=d@111 l:9=end@1201"),
        left(
            "left-zero-after",
            "row 10: a window without an after: what did not match comes out with the next time",
            between(100, 0),
        )
        .feed("l:0=A0@0 l:1=A1@0 l:2=B2@1 r:0=a0@1 r:1=a1@0 r:2=b2@2 l:9=end@500"),
        left(
            "left-asymmetric-not-yet",
            "row 10: what may still match by the longer bound does not come out",
            between(0, 100),
        )
        .feed("l:0=A0@0 l:1=A1@0 r:0=a0@100 r:1=a1@101 r:9=end@250"),
        left(
            "left-late-unmatched",
            "quirk 7: what is late and does not match comes out at once, though the grace period runs",
            grace(within(5), 50),
        )
        .feed("l:a=x@100 l:b=y@94 r:b=R@95 l:c=z@95 l:d=w@40 r:q=Q@300"),
        left(
            "left-exactly-closed",
            "quirk 7: stream time must lie beyond time, bound and grace, not on it",
            grace(within(5), 3),
        )
        .feed("l:a=x@10 r:q=Q@18 r:q=Q@19 r:q=Q@30"),
        left(
            "left-null-key",
            "quirk 24, row 16: a left record without a key comes out at once; without a value it is dropped",
            grace(within(5), 50),
        )
        .feed("l:~=x@10{h:1} l:~=~@11 r:~=R@12 l:a=~@13 r:a=~@14"),
    ]
}

fn upstream_outer() -> Vec<Case> {
    let outer = |name: &str, about: &str, window: Value| joined(name, about, "stream_outer_join", window);
    vec![
        outer("outer-duplicates", "row 12, golden sequence 2: by time, then the right side before the left, then by key", grace(within(100), 10))
            .feed("l:0=A0@0 l:0=A0-0@0 r:1=11@0 r:1=12@0 r:1=10@111 r:3=100@211 l:2=A2@200 l:2=A2-0@200 r:2=13@201 r:2=14@201 r:3=100@1500"),
        outer("outer-asymmetric-pending", "row 12, golden sequence 3: each side waits for its own bound", between(5, 20))
            .feed("l:0=A0@29 l:1=A1@30 r:2=12@31 r:3=13@36 r:4=14@37 r:5=15@50"),
        outer("outer-headers", "row 12: what did not match has the headers of the record that let it out", within(10))
            .feed("l:a=x@0{h:left} r:b=R@1{h:right} l:c=y@30{h:trigger,i:~} r:d=S@60{h:other}"),
        outer("outer-matched-is-removed", "what waits is taken away by its match, and other records of the same time stay", within(10))
            .feed("l:a=x@0 l:b=y@0 l:a=z@0 r:a=R@5 r:q=Q@50 l:q=P@100"),
        outer("outer-same-time-both", "both sides wait at one time with one key each", within(3))
            .feed("l:a=x@10 r:b=R@10 r:c=S@10 l:d=y@10 l:=w@10 l:q=Q@30"),
        outer("outer-null-keys", "row 16: records without a key come out at once, on both sides", within(10)).feed("l:~=x@1 r:~=R@2 l:~=~@3 r:~=~@4 l:a=~@5"),
        outer("outer-late-unmatched", "quirk 7: what is late on either side and does not match comes out at once", grace(within(5), 50))
            .feed("l:a=x@100 r:b=R@94 l:b=y@95 l:c=z@94 r:c=S@95 r:q=Q@300"),
        outer("outer-many-lists", "lists of several values of both sides in the shared store and its changelog", grace(within(5), 5))
            .feed("l:a=x@1 l:a=y@1 l:a=~@1 r:b=R@1 r:b=S@1 l:a=@1 l:c=z@2 r:a=T@30 r:q=Q@80 l:q=P@200"),
    ]
}

fn throttle() -> Vec<Case> {
    let outer = |name: &str, about: &str| joined(name, about, "stream_outer_join", within(10));
    let slow = |name: &str, about: &str| outer(name, about).config("emit_interval", 1000);
    vec![
        slow("throttled", "quirk 7, row 3: what did not match is looked for once per second of wall clock")
            .feed("l:a=x@0 r:b=R@20 l:c=y@40 +999 l:d=z@60 +1 l:e=w@80 l:f=v@100 +1000 l:f=u@100"),
        slow(
            "throttle-after-a-try",
            "row 3: the very first record begins a second, so that nothing comes out within it",
        )
        .feed("l:a=x@0 l:b=y@5 +500 l:c=z@12 +400 l:d=w@30 +100 l:e=v@50 +1000 r:f=R@70"),
        slow("throttle-nothing-due", "row 3: a record by which nothing can be due begins no new second")
            .feed("l:a=x@0 +1000 l:b=y@5 +1 l:c=z@12 +999 l:d=w@13"),
        slow("clock-without-records", "the wall clock alone lets nothing out")
            .feed("l:a=x@0 r:b=R@50 l:d=w@99 +1000 +1000 +10000 l:c=y@98 l:d=z@100"),
        outer("not-when-late", "only a record that moves stream time, or has it, looks for what did not match")
            .feed("l:a=x@0 r:q=Q@50 l:b=y@51 l:c=z@20 l:d=w@100 r:e=R@99 r:f=S@100"),
    ]
}

fn placed() -> Vec<Case> {
    let keyed = |name: &str, about: &str, op: &str, fields: Value| {
        let mut join = json!({"with": "kr", "joiner": "concat", "window": grace(within(10), 5)});
        for (name, value) in fields.as_object().into_iter().flatten() {
            join[name] = value.clone();
        }
        case(name, about)
            .stream("l", "l")
            .stream("r", "r")
            .op("select_key", "kl", "l", json!({"mapper": "first_char"}))
            .op("select_key", "kr", "r", json!({"mapper": "first_char"}))
            .op(op, "j", "kl", join)
            .out("j")
            .feed("l:1=ax@1 r:2=ay@2 l:3=bx@3 r:4=cz@4 l:5=~@5 r:6=@6 r:7=q@50")
    };
    vec![
        keyed("repartitioned-both", "row 15: both sides repartitioned", "stream_join", json!({})),
        keyed("repartitioned-left-join", "row 15: a left join of repartitioned streams", "stream_left_join", json!({})),
        keyed(
            "repartitioned-named",
            "a named join of repartitioned streams",
            "stream_outer_join",
            json!({"name": "pairs"}),
        ),
        keyed(
            "stores-in-memory",
            "row 14: a join in stores in memory",
            "stream_outer_join",
            json!({"stores": "in_memory"}),
        ),
        case("three-streams", "row 15: a join of a join with the same stream")
            .stream("l", "l")
            .stream("r", "r")
            .op("stream_join", "one", "l", json!({"with": "r", "joiner": "concat", "window": within(10)}))
            .op("stream_join", "two", "one", json!({"with": "r", "joiner": "concat", "window": within(10)}))
            .out("two")
            .feed("l:a=A@1 r:a=a@2 r:a=b@4 l:a=B@5 r:b=c@6 l:b=C@30"),
        case("then-count", "a join's results keep their key: a count needs no repartition")
            .stream("l", "l")
            .stream("r", "r")
            .op("stream_join", "j", "l", json!({"with": "r", "joiner": "concat", "window": within(10)}))
            .op("group_by_key", "groups", "j", json!({}))
            .op("count", "counts", "groups", json!({}))
            .show("counts")
            .feed("l:a=A@1 r:a=a@2 r:a=b@4 l:b=B@5 r:b=c@6"),
        case("types", "a stream of strings joined with one of longs by longs")
            .stream_of("l", "l", "long", "string")
            .stream_of("r", "r", "long", "long")
            .op("stream_left_join", "j", "l", json!({"with": "r", "joiner": "concat", "window": within(10)}))
            .out("j")
            .feed("l:1=x@1 r:1=-5@2 l:2=y@3 r:1=~@4 l:-1=z@5 r:-1=9@5 r:3=0@60"),
        case("joiner-with-key", "a joiner that sees the key, null as well")
            .stream("l", "l")
            .stream("r", "r")
            .op("stream_outer_join", "j", "l", json!({"with": "r", "joiner": "with_key", "window": within(10)}))
            .out("j")
            .feed("l:a=x@1 r:a=R@2 l:~=y@3 r:~=S@4 l:b=z@5 l:q=Q@90"),
        case("joiner-returns-null", "a joiner that returns null: a record with null is passed on")
            .stream("l", "l")
            .stream("r", "r")
            .op(
                "stream_left_join",
                "j",
                "l",
                json!({"with": "r", "joiner": "null_if_right_null", "window": within(10)}),
            )
            .out("j")
            .feed("l:a=x@1 r:a=R@2 l:b=z@5 l:q=Q@90"),
    ]
}

fn self_joins() -> Vec<Case> {
    let own = |name: &str, about: &str, op: &str, window: Value, optimized: bool| {
        let case = case(name, about)
            .stream("in", "in")
            .op(op, "j", "in", json!({"with": "in", "joiner": "concat", "window": window}))
            .out("j");
        if optimized {
            case.config("optimization", "all")
        } else {
            case
        }
    };
    let script = "a=x@10 a=y@12 b=z@12 a=w@22 a=v@11 a=~@13 ~=u@14 a=t@30 b=s@5 a=r@10";
    let mut cases = Vec::new();
    for (suffix, optimized) in [("", false), ("-optimized", true)] {
        cases.extend([
            own(
                &format!("self-join{suffix}"),
                "row 13: a stream joined with itself, out of order",
                "stream_join",
                within(10),
                optimized,
            )
            .feed(script),
            own(
                &format!("self-join-asymmetric{suffix}"),
                "row 13: a stream joined with itself, before and after different",
                "stream_join",
                grace(between(2, 10), 30),
                optimized,
            )
            .feed(script),
        ]);
    }
    cases.push(
        own(
            "self-left-join-optimized",
            "a left join with itself is not optimized",
            "stream_left_join",
            within(10),
            true,
        )
        .feed(script),
    );
    cases
}
