//! A mapper that returns a part of its input instead of an owned value.

use streams_dsl::prelude::*;

fn main() {
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("lines").map_values(|line| line.as_str()).for_each(|_, _| {});
}
