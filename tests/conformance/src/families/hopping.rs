//! Hopping windows: every window that holds a record, in order of their starts.

use serde_json::json;

use super::build::{case, grace, hopping, Case};
use super::input::Mixture;
use super::tumbling::appended;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        appended("basic", "row 28: the same values in overlapping windows", grace(hopping(10, 5), 100))
            .feed("A=1@0 B=2@1 C=3@2 D=4@3 A=1@4 A=1@5 B=2@6 D=4@7 B=2@8 C=3@9 A=1@10 B=2@11 D=4@12 B=2@13 C=3@14 B=1@3 B=2@2 D=3@9 B=4@2 A=3@9"),
        appended("first-windows", "no window begins before 0: the first records are in fewer windows", grace(hopping(10, 3), 100))
            .feed("a=x@0 a=y@2 a=z@3 a=w@8 a=v@9 a=u@10 a=t@12"),
        appended("advance-one", "a window for every millisecond", grace(hopping(4, 1), 2)).feed("a=x@0 a=y@3 a=z@3 a=w@7 a=v@4 a=u@5"),
        appended("uneven-advance", "an advance that does not divide the size", grace(hopping(10, 4), 6))
            .feed("a=x@9 a=y@10 a=z@11 a=w@12 b=v@22 a=u@13 a=t@17"),
        appended("some-windows-closed", "a late record is added to windows still open and dropped for each that is closed", hopping(10, 5))
            .feed("a=x@12 b=y@16 a=z@13 b=w@20 a=v@14 a=u@9"),
        appended("some-closed-within-grace", "quirk 8: the same with grace: one more window open", grace(hopping(10, 5), 5))
            .feed("a=x@12 b=y@16 a=z@13 b=w@20 a=v@14 a=u@9 b=t@25 a=s@14"),
        appended("all-closed", "row 29: expired by grace: a record for closed windows only counts as dropped once per window", grace(hopping(10, 5), 90))
            .feed("k=100@100 k=200@200 k=1@101 k=2@102 k=3@103 k=4@104 k=5@105 k=6@6"),
        appended("disorder", "disorder and several keys in hopping windows", grace(hopping(12, 4), 6))
            .feed(Mixture { back: 9, on: 12, records: 40, ..Mixture::default() }.script(61)),
        appended("far-future", "the far future closes everything", grace(hopping(10, 5), 20)).feed("a=x@7 b=y@253402300799999 a=z@7 b=w@253402300799998"),
        appended("again", "times that start again from small ones", grace(hopping(10, 5), 20)).feed("a=x@30 a=y@60 a=z@0 a=w@41 a=v@39 a=u@61"),
        case("count-persistent", "hopping counts in a persistent store: all rows of a key by time")
            .stream("in", "in")
            .op("group_by_key", "groups", "in", json!({}))
            .op("windowed_by", "windows", "groups", json!({"window": grace(hopping(10, 5), 20)}))
            .op("count", "rows", "windows", json!({"materialized": {"name": "rows", "store": "persistent"}}))
            .show("rows")
            .feed("b=x@7 a=y@12 b=z@11 a=~@3 =w@20 ~=v@21"),
        case("reduce", "hopping reductions: nulls are reduced, a null result deletes")
            .stream("in", "in")
            .op("group_by_key", "groups", "in", json!({}))
            .op("windowed_by", "windows", "groups", json!({"window": grace(hopping(10, 5), 20)}))
            .op("reduce", "rows", "windows", json!({"reducer": "newest", "materialized": {"name": "rows"}}))
            .show("rows")
            .feed("a=x@7 a=y@12 a=~@8 a=z@9 a=~@30"),
        case("two-window-kinds", "row 28: two windowed aggregations of one stream joined")
            .stream("l", "l")
            .stream("r", "r")
            .op("group_by_key", "gl", "l", json!({}))
            .op("windowed_by", "wl", "gl", json!({"window": grace(hopping(10, 5), 20)}))
            .op("aggregate", "tl", "wl", json!({"initializer": "empty", "aggregator": "append"}))
            .op("group_by_key", "gr", "r", json!({}))
            .op("windowed_by", "wr", "gr", json!({"window": grace(hopping(10, 5), 20)}))
            .op("aggregate", "tr", "wr", json!({"initializer": "empty", "aggregator": "append"}))
            .op("join", "j", "tl", json!({"with": "tr", "joiner": "concat"}))
            .show("j")
            .feed("l:A=1@0 l:B=2@1 r:A=a@0 r:B=b@1 l:A=1@5 l:B=2@6 r:A=a@5 r:B=b@6 r:A=a@10 l:A=1@9"),
    ]
}
