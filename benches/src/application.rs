//! The project's side of a case: an application over an embedded broker, run to the end of its input.
//!
//! The broker keeps its data in memory under `os` durability. Its handlers run on the stream thread (the in-process
//! transport), so that one core does all the work; whatever other threads do is counted too, because the time is that of
//! the process. The application is closed, and so committed, within the time.

use std::sync::Arc;
use std::time::Duration;

use broker_lite::disk::memory::MemoryDisk;
use broker_lite::{Broker, SyncPolicy};
use bytes::Bytes;
use streams_core::client::admin::{Admin, NewTopic, OffsetSpec};
use streams_core::client::transport::{BrokerId, Transport};
use streams_core::config::{AdminConfig, StreamsConfig};
use streams_core::protocol::messages::produce::{
    PartitionProduceData, ProduceRequest, ProduceResponse, TopicProduceData,
};
use streams_core::runtime::{KafkaStreams, State};
use streams_core::topology::Topology;
use streams_core::{Error, ErrorKind, Result, SystemClock, TopicPartition};

/// The topic that every case reads.
pub const INPUT: &str = "lines";
/// The topic that every case writes.
pub const OUTPUT: &str = "results";
/// A run that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often the owner looks whether all is done.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// A broker with the input in it.
#[derive(Debug)]
pub struct Cluster {
    broker: Arc<Broker>,
    admin: Admin,
    records: u64,
    runs: usize,
}

impl Cluster {
    /// Starts a broker and writes the batches to the input topic.
    ///
    /// # Errors
    /// What the broker refuses.
    pub fn new(batches: &[Bytes], records: u64) -> Result<Self> {
        let disk = Arc::new(MemoryDisk::ephemeral());
        let broker = Broker::builder().disk(disk).sync(SyncPolicy::Os).start()?;
        let admin = Admin::new(AdminConfig::default(), Box::new(broker.in_process()), Arc::new(SystemClock), 1);
        let mut cluster = Self { broker, admin, records, runs: 0 };
        cluster.create(INPUT)?;
        cluster.produce(batches)?;
        Ok(cluster)
    }

    fn create(&mut self, topic: &str) -> Result<()> {
        for (_, outcome) in self.admin.create_topics(&[NewTopic::new(topic, 1)])? {
            outcome?;
        }
        Ok(())
    }

    fn produce(&self, batches: &[Bytes]) -> Result<()> {
        let mut transport = self.broker.in_process();
        for batch in batches {
            let partition_data = vec![PartitionProduceData { index: 0, records: Some(batch.clone()) }];
            let data = TopicProduceData { name: INPUT.to_owned(), partition_data, ..TopicProduceData::default() };
            let request = ProduceRequest { acks: 1, topic_data: vec![data], ..ProduceRequest::default() };
            transport.send(BrokerId::Bootstrap, request.into())?;
            let Some(delivery) = transport.poll(PATIENCE)? else { return Err(failed("the broker does not answer")) };
            let response = ProduceResponse::try_from(delivery.response?)?;
            let refused = response.responses.iter().flat_map(|topic| &topic.partition_responses);
            if let Some(refused) = refused.clone().find(|answer| answer.error_code.is_error()) {
                return Err(failed(&format!("a batch of the input is refused: {}", refused.error_code)));
            }
        }
        Ok(())
    }

    /// Runs the topology from the start of the input to its end and commits; returns the CPU time of the process and
    /// how many records are in the output then. Every run has an `application.id` of its own and so begins anew.
    ///
    /// # Errors
    /// What the application fails with.
    pub fn run(&mut self, topology: &Topology, settings: &[(&str, &str)]) -> Result<(Duration, u64)> {
        self.create(OUTPUT)?;
        self.runs += 1;
        let id = format!("bench-{}", self.runs);
        let state = tempfile::tempdir().map_err(|error| failed(&format!("make a state directory: {error}")))?;
        let state_dir = state.path().to_string_lossy();
        let own = [("application.id", id.as_str()), ("state.dir", &state_dir), ("auto.offset.reset", "earliest")];
        let config = StreamsConfig::from_settings(own.into_iter().chain(settings.iter().copied()))?;
        let broker = Arc::clone(&self.broker);
        let connect = move || -> Result<Box<dyn Transport>> { Ok(Box::new(broker.in_process())) };
        let streams = KafkaStreams::new(topology.clone(), config, connect)?;
        let start = crate::cpu_time();
        streams.start()?;
        self.wait_for_the_end(&streams)?;
        if !streams.close(PATIENCE)? {
            return Err(failed("the application does not close"));
        }
        let elapsed = crate::cpu_time().saturating_sub(start);
        drop(streams);
        let written = self.written()?;
        self.forget()?;
        Ok((elapsed, written))
    }

    #[expect(clippy::disallowed_methods, reason = "a benchmark is a driver; the application's threads do not see it")]
    fn wait_for_the_end(&self, streams: &KafkaStreams) -> Result<()> {
        for _ in 0..PATIENCE.as_millis() / LOOK_INTERVAL.as_millis() {
            if streams.metrics().total().records_processed >= self.records {
                return Ok(());
            }
            if streams.state() == State::Error {
                break;
            }
            std::thread::sleep(LOOK_INTERVAL);
        }
        Err(streams.failure().unwrap_or_else(|| failed("the application does not come to the end of its input")))
    }

    /// How many records are in the output.
    fn written(&mut self) -> Result<u64> {
        let end = self.admin.list_offsets(&[(TopicPartition::new(OUTPUT, 0), OffsetSpec::Latest)])?;
        let mut written = 0;
        for (_, offset) in end {
            written += u64::try_from(offset?.0).unwrap_or(0);
        }
        Ok(written)
    }

    /// Deletes what a run has written.
    fn forget(&mut self) -> Result<()> {
        let topics = self.admin.list_topics()?;
        let written: Vec<&str> = topics
            .iter()
            .map(|topic| topic.name.as_str())
            .filter(|name| *name != INPUT && !name.starts_with("__"))
            .collect();
        for (_, outcome) in self.admin.delete_topics(&written)? {
            outcome?;
        }
        Ok(())
    }
}

fn failed(message: &str) -> Error {
    Error::new(ErrorKind::Internal, message.to_owned())
}
