//! Word count: reads lines from the topic `lines`, writes to `counts`. Start a broker first: `broker-lite serve`.
use streams_core::{client::transport::tcp::TcpTransport, config::StreamsConfig, runtime::KafkaStreams};
use streams_dsl::prelude::*;

fn main() -> Result<()> {
    let builder = StreamsBuilder::new();
    let lines = builder.stream::<Option<String>, String>("lines");
    let words = lines.flat_map_values(|line| line.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>());
    words.group_by(|_, word| word.clone()).count().to_stream().to("counts");
    let settings =
        [("application.id", "word-count"), ("bootstrap.servers", "localhost:9092"), ("dsl.store.type", "in_memory")];
    let config = StreamsConfig::from_settings(settings)?;
    let client = config.client().clone();
    let streams = KafkaStreams::new(builder.build()?, config, move || Ok(Box::new(TcpTransport::new(&client)?)))?;
    streams.start()?;
    streams.wait_until_ended(days(365)).is_live();
    Ok(())
}
