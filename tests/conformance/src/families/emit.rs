//! Windows that emit once, when they close: at every record by which one may close, and with an interval of wall clock
//! between emissions as a program has it by default.
//!
//! What a store no longer shows is never emitted. Most cases keep rows longer than they must, so that this does not hide
//! what they are about; `hidden` shows it.

use serde_json::{json, Value};

use super::build::{case, grace, hopping, session, sliding, tumbling, Case};
use super::input::Mixture;

pub(crate) fn cases() -> Vec<Case> {
    [tumblings(), hoppings(), slidings(), sessions(), throttle(), hidden(), others()].concat()
}

fn closing(name: &str, about: &str, window: Value) -> Case {
    case(name, about).stream("in", "in").echo("in").op("group_by_key", "groups", "in", json!({})).op(
        "windowed_by",
        "windows",
        "groups",
        json!({"window": window, "emit": "close"}),
    )
}

fn appended(name: &str, about: &str, window: Value) -> Case {
    let merger = window["kind"] == "session";
    let mut fields =
        json!({"initializer": "empty", "aggregator": "append", "materialized": {"name": "rows", "retention": 1000}});
    if merger {
        fields["merger"] = "concat".into();
    }
    closing(name, about, window).op("aggregate", "rows", "windows", fields).show("rows")
}

fn tumblings() -> Vec<Case> {
    vec![
        appended(
            "tumbling",
            "a window is emitted once, when stream time reaches its end, by a record of any key",
            tumbling(10),
        )
        .feed("a=x@1 a=y@5 b=z@9 a=w@10 b=v@12 a=u@20 a=t@35"),
        appended("tumbling-grace", "row 35: with grace: late records are in what is emitted", grace(tumbling(10), 5))
            .feed("a=x@1 a=y@12 a=z@3 b=w@14 b=v@15 a=u@4 a=t@40"),
        appended("tumbling-late", "a record too late moves nothing, but may still emit what is due", tumbling(10))
            .feed("a=x@1 b=y@25 a=z@2 a=w@30"),
        appended("tumbling-order", "several windows at once: by time, then by key", grace(tumbling(10), 50))
            .feed("b=x@1 a=y@2 ab=q@3 b=z@12 a=w@14 =v@15 c=u@25 a=t@500"),
        appended("tumbling-null-values", "null values are aggregated and emitted", tumbling(10))
            .feed("a=~@1 ~=x@20 a=y@30"),
        closing("tumbling-count", "row 28: counts emitted on close, in a persistent store", grace(tumbling(10), 2))
            .op(
                "count",
                "rows",
                "windows",
                json!({"materialized": {"name": "rows", "store": "persistent", "retention": 1000}}),
            )
            .show("rows")
            .feed("b=x@1 a=y@2 b=z@12 a=w@14 =v@15 c=u@27 a=t@60"),
        closing("tumbling-reduce-null", "a reduction to null is not emitted", tumbling(10))
            .op(
                "reduce",
                "rows",
                "windows",
                json!({"reducer": "newest", "materialized": {"name": "rows", "retention": 1000}}),
            )
            .show("rows")
            .feed("a=x@1 a=~@2 b=y@3 c=z@15 d=w@30"),
        appended("tumbling-seeded", "random disorder, emitted on close", grace(tumbling(8), 6))
            .feed(Mixture { back: 6, on: 9, records: 40, ..Mixture::default() }.script(91)),
    ]
}

fn hoppings() -> Vec<Case> {
    vec![
        appended("hopping", "row 30: overlapping windows emitted in order of their starts", grace(hopping(10, 5), 5))
            .feed("k=A@0 k=B@5 k=C@15 k=D@25 k=E@60"),
        appended("hopping-late", "row 28: emission with late records between", grace(hopping(10, 5), 5))
            .feed("A=1@0 B=2@1 C=3@12 A=1@4 D=4@16 B=2@9 A=1@21 C=3@10 D=4@40"),
        appended(
            "hopping-not-enough",
            "row 30: stream time moves, but closes no window that begins anew",
            grace(hopping(10, 5), 5),
        )
        .feed("k=A@0 k=B@5 k=C@10 k=D@14 k=E@15 k=F@16 k=G@19 k=H@20"),
    ]
}

fn slidings() -> Vec<Case> {
    vec![
        appended("sliding", "row 35: sliding windows emitted when their end is before the close time", sliding(10))
            .feed("a=x@12 a=y@15 a=z@22 b=w@27 a=v@40 a=u@60"),
        appended("sliding-grace", "row 35: sliding windows with grace and late records", grace(sliding(10), 5))
            .feed("a=x@12 b=y@20 a=z@15 b=w@27 a=v@14 a=u@45 a=t@80"),
        appended(
            "sliding-early",
            "quirk 11: an early record emits nothing, even when something is due",
            grace(sliding(10), 50),
        )
        .config("emit_interval", 1000)
        .feed("a=x@2 b=q@11 b=y@69 +1000 a=z@9 +1 c=w@69"),
        appended("sliding-late", "a record too late for all windows emits nothing", sliding(5))
            .feed("a=x@12 b=y@40 a=z@13 b=w@41"),
    ]
}

fn sessions() -> Vec<Case> {
    vec![
        appended(
            "session",
            "row 33, golden sequence 8: sessions emitted when closed; merged ones without tombstones",
            session(5),
        )
        .feed("a=x@0 a=y@5 b=z@6 a=w@10 b=v@16 a=u@21 a=t@50"),
        appended("session-grace", "row 34: sessions with grace and late records", grace(session(5), 10))
            .feed("a=x@10 a=y@20 a=z@15 b=w@31 a=v@14 b=u@36 a=t@36 c=s@80"),
        closing("session-count", "counted sessions emitted on close, persistent", session(5))
            .op(
                "count",
                "rows",
                "windows",
                json!({"materialized": {"name": "rows", "store": "persistent", "retention": 1000}}),
            )
            .show("rows")
            .feed("b=x@1 a=y@2 b=z@4 c=w@20 a=v@21 =u@40 a=t@90"),
        appended(
            "session-time-of-results",
            "the time of what is emitted is the session's end, the headers the record's that emits",
            session(5),
        )
        .feed("a=x@1{h:one} b=y@20{h:two} b=z@50{h:three}"),
    ]
}

fn throttle() -> Vec<Case> {
    let slow = |name: &str, about: &str, window: Value| appended(name, about, window).config("emit_interval", 1000);
    vec![
        slow("throttled", "row 30: within a second of wall clock there is one emission only", tumbling(10))
            .feed("a=x@1 a=y@15 a=z@25 +999 a=w@35 +1 a=v@45 a=u@55 +1000 a=t@56"),
        slow(
            "throttle-first-try",
            "row 30: a second begins with the first try, also when nothing was due",
            tumbling(10),
        )
        .feed("a=x@1 a=y@12 +500 a=z@23 +500 a=w@24 +1000 b=v@25"),
        slow("throttled-together", "windows closed while throttled are emitted together, each once", hopping(10, 5))
            .feed("a=x@1 a=y@7 a=z@13 a=w@19 a=v@26 +2000 a=u@27 +2000 a=t@50"),
        slow("clock-without-records", "the wall clock alone emits nothing", tumbling(10))
            .feed("a=x@1 b=y@20 a=z@40 +1000 +1000 +5000"),
        slow("throttled-sessions", "row 30: sessions closed while throttled", session(5))
            .feed("a=x@1 b=y@10 a=z@20 +1000 b=w@21 +999 c=v@50 +1 c=u@50"),
    ]
}

/// Windows that a store hides before they are emitted, because it keeps no longer than it must.
fn hidden() -> Vec<Case> {
    let counted = |name: &str, about: &str, window: Value, store: &str| {
        closing(name, about, window)
            .op("count", "rows", "windows", json!({"materialized": {"name": "rows", "store": store}}))
            .show("rows")
    };
    let steps = "a=x@1 b=y@5 a=z@10 b=w@12 a=v@20 b=u@21 a=t@33";
    let sessions = "a=x@1 b=y@3 a=z@7 b=w@14 a=v@15 b=u@22 a=t@40";
    vec![
        counted(
            "hidden-no-grace",
            "without grace and with the least retention the store hides a window when it closes",
            tumbling(10),
            "in_memory",
        )
        .feed(steps),
        counted("hidden-no-grace-persistent", "the same in a persistent store", tumbling(10), "persistent").feed(steps),
        counted(
            "hidden-by-a-jump",
            "with grace a window is emitted, but not when time jumps far",
            grace(tumbling(10), 5),
            "in_memory",
        )
        .feed("a=x@1 b=y@12 a=z@15 b=w@26 a=v@70 b=u@71 a=t@90"),
        counted("hidden-by-a-jump-persistent", "the same in a persistent store", grace(tumbling(10), 5), "persistent")
            .feed("a=x@1 b=y@12 a=z@15 b=w@26 a=v@70 b=u@71 a=t@90"),
        counted(
            "hidden-hopping",
            "overlapping windows: those hidden and those still shown",
            hopping(10, 5),
            "persistent",
        )
        .feed(steps),
        counted(
            "hidden-sliding",
            "sliding windows are kept for twice their difference, which suffices for steps",
            sliding(10),
            "persistent",
        )
        .feed(steps),
        counted("hidden-session", "sessions without grace in memory", session(5), "in_memory").feed(sessions),
        counted("hidden-session-persistent", "sessions without grace in a persistent store", session(5), "persistent")
            .feed(sessions),
    ]
}

fn others() -> Vec<Case> {
    vec![
        appended(
            "far-future",
            "one record of the far future: the store shows none of the windows that it closes",
            grace(tumbling(10), 5),
        )
        .feed("a=x@1 b=y@12 a=z@13 c=w@253402300799999 c=v@253402300799999"),
        closing("then-filter", "what is emitted on close goes through a view and to a sink", tumbling(10))
            .op("count", "rows", "windows", json!({"materialized": {"name": "rows", "retention": 1000}}))
            .op("filter", "even", "rows", json!({"predicate": "value_even"}))
            .show("even")
            .feed("a=x@1 a=y@2 b=z@3 a=w@15 b=v@30"),
        closing("named", "the names of a windowed aggregation that emits on close", tumbling(10))
            .op(
                "count",
                "rows",
                "windows",
                json!({"name": "final-counts", "materialized": {"name": "kept", "retention": 1000}}),
            )
            .show("rows")
            .feed("a=x@1 a=y@15"),
    ]
}
