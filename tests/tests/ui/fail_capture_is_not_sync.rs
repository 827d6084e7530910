//! A closure that captures state of its own: one closure serves all tasks, so state belongs in a store.

use std::cell::Cell;

use streams_dsl::prelude::*;

fn main() {
    let seen = Cell::new(0);
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("lines").for_each(move |_, _| seen.set(seen.get() + 1));
}
