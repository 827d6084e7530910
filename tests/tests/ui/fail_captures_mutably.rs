//! A closure that changes what it captured.

use streams_dsl::prelude::*;

fn main() {
    let mut count = 0;
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("lines").for_each(move |_, _| count += 1);
}
