//! Counts the words of the topic `lines` into the topic `counts`. First: `broker-lite serve`, and create both topics.
use streams_core::{client::transport::tcp::TcpTransport, config::StreamsConfig, runtime::KafkaStreams};
use streams_dsl::prelude::*;

fn main() -> Result<()> {
    let builder = StreamsBuilder::new();
    let lines = builder.stream::<Option<String>, String>("lines");
    let words = lines.flat_map_values(|line| line.split(' ').map(str::to_lowercase).collect::<Vec<_>>());
    words.group_by(|_, word| word.clone()).count().to_stream().to("counts");
    let config = StreamsConfig::from_settings([("application.id", "words"), ("bootstrap.servers", "localhost:9092")])?;
    let client = config.client().clone();
    let streams = KafkaStreams::new(builder.build()?, config, move || Ok(Box::new(TcpTransport::new(&client)?)))?;
    streams.start()?;
    streams.wait_until_ended(days(365));
    Ok(())
}
