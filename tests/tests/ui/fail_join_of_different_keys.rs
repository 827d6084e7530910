//! A join of a stream with a table that has keys of another type.

use streams_dsl::prelude::*;

fn main() {
    let builder = StreamsBuilder::new();
    let prices = builder.table::<i64, i64>("prices");
    builder.stream::<String, i64>("sales").join_table(&prices, |sold, price| sold * price).for_each(|_, _| {});
}
