//! Counts the words of the topic `lines` into the topic `counts`; both must be there. Arguments are settings, such as
//! `bootstrap.servers=kafka:9092`; without one it is the broker that `broker-lite serve` starts.

use streams_core::{config::StreamsConfig, runtime::KafkaStreams};
use streams_dsl::prelude::*;

fn main() -> Result<()> {
    let builder = StreamsBuilder::new();
    let lines = builder.stream::<Option<String>, String>("lines");
    let words = lines.flat_map_values(|line| line.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>());
    words.group_by(|_, word| word.clone()).count().to_stream().to("counts");

    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let settings = arguments.iter().map(|argument| argument.split_once('=').unwrap_or((argument, "")));
    let defaults = [("application.id", "word-count"), ("bootstrap.servers", "localhost:9092")];
    let config = StreamsConfig::from_settings(defaults.into_iter().chain(settings))?;
    KafkaStreams::connect(builder.build()?, config)?.run()
}
