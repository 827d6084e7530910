//! A join of two tables with keys of different types.

use streams_dsl::prelude::*;

fn main() {
    let builder = StreamsBuilder::new();
    let prices = builder.table::<i64, i64>("prices");
    let stock = builder.table::<String, i64>("stock");
    stock.join(&prices, |units, price| units * price);
}
