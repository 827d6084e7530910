//! A table's values become a type of which it is not known whether it can be null.

use streams_dsl::prelude::*;

struct Price(i64);

fn main() {
    let builder = StreamsBuilder::new();
    builder.table::<String, i64>("prices").map_values(|cents| Price(*cents));
}
