//! A processor that is made with the handle of a store of another type.

use streams_dsl::prelude::*;

struct Remember(KeyValueStore<String, String>);

impl Processor<String, i64> for Remember {
    type KOut = String;
    type VOut = i64;

    fn process(&mut self, record: Record<'_, String, i64>, _: &mut Context<'_, String, i64>) -> Result<()> {
        self.0.put(record.key, &record.value.to_string())
    }
}

fn main() {
    let builder = StreamsBuilder::new();
    let sums = builder.add_store(Stores::in_memory_key_value::<String, i64>("sums"));
    builder.stream::<String, i64>("in").process_with(&sums, Remember);
}
