//! A stream cut by a duration instead of a kind of window.

use streams_dsl::prelude::*;

fn main() {
    let builder = StreamsBuilder::new();
    builder.stream::<String, i64>("in").group_by_key().windowed_by(millis(10));
}
