//! A store that is named by text instead of what `add_store` returned.

use streams_dsl::prelude::*;

struct Keep;

impl Processor<String, i64> for Keep {
    type KOut = String;
    type VOut = i64;

    fn process(&mut self, record: Record<'_, String, i64>, cx: &mut Context<'_, String, i64>) -> Result<()> {
        cx.forward(record)
    }
}

fn main() {
    let builder = StreamsBuilder::new();
    builder.stream::<String, i64>("in").process_with("sums", |_| Keep);
}
