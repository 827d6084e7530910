//! A value type without a serde.

use streams_dsl::prelude::*;

struct Order {
    _total: i64,
}

fn main() {
    let builder = StreamsBuilder::new();
    builder.stream::<String, Order>("orders");
}
