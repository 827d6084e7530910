//! Branches are streams, not entries of a map.

use streams_dsl::prelude::*;

fn main() {
    let builder = StreamsBuilder::new();
    let mut split = builder.stream::<i64, String>("orders-in").split();
    let domestic = split.branch(|_, country| country == "SE");
    let priority = split.branch(|order, _| *order > 10_000);
    let rest = split.default_branch();
    domestic.merge(&priority).to("fast-lane");
    rest.to("slow-lane");
    builder.build().expect("it is valid");
}
