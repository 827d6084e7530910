//! An input whose end is lost with the power and written again: the application is told before it reads on.

use std::sync::Arc;

use broker_lite::disk::memory::{Crash, MemoryDisk};
use broker_lite::{Broker, SyncPolicy};
use streams_core::client::consumer::{Consumer, OffsetAndMetadata};
use streams_core::config::ConsumerConfig;
use streams_core::topology::Topology;
use streams_core::{Offset, SystemClock, TopicPartition};
use streams_dsl::prelude::*;

use super::harness::{close, eventually, failure, run, Cluster};

fn copy() -> Topology {
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("in").to("out");
    builder.build().expect("is valid")
}

fn input() -> TopicPartition {
    TopicPartition::new("in", 0)
}

fn start(disk: &MemoryDisk) -> Arc<Broker> {
    Broker::builder().disk(Arc::new(disk.clone())).sync(SyncPolicy::Os).start().expect("starts")
}

fn group(cluster: &Cluster) -> Consumer {
    let config = ConsumerConfig::from_settings([("group.id", "app")]).expect("is valid");
    Consumer::new(config, (cluster.connect())().expect("connects"), 4).expect("is valid")
}

/// What the application has committed, whole.
fn committed(cluster: &Cluster) -> Option<OffsetAndMetadata> {
    let answer = group(cluster).committed(&SystemClock, &[input()]).expect("the broker answers");
    answer.into_iter().find_map(|(_, position)| position)
}

/// Row B57, when others came in the place of what was lost.
#[test]
fn b57_an_input_that_lost_its_end_and_was_filled_again_is_noticed() {
    let disk = MemoryDisk::new();
    let broker = start(&disk);
    let cluster = Cluster::over(Arc::clone(&broker), &[("in", 1), ("out", 1)]);
    cluster.produce("in", 0, &[("k", "0"), ("k", "1")]);
    broker.close();

    let disk = disk.crash(Crash::KeepAll);
    let cluster = Cluster::over(start(&disk), &[]);
    cluster.produce("in", 0, &[("k", "2"), ("k", "3")]);
    let streams = cluster.streams(copy(), &[]);
    run(&streams);
    eventually("the commit", || committed(&cluster).is_some_and(|position| position.offset == Offset(4)));
    close(&streams);
    let before = committed(&cluster).expect("it was there");
    assert_eq!(before.leader_epoch, 1, "the epoch in which the last record was written");

    // The group's offsets are on another machine, which kept its power.
    let disk = disk.crash(Crash::LoseUnsynced);
    let cluster = Cluster::over(start(&disk), &[]);
    cluster.produce("in", 0, &[("k", "a"), ("k", "b"), ("k", "c")]);
    group(&cluster).commit_sync(&SystemClock, vec![(input(), before)]).expect("is taken");
    let streams = cluster.streams(copy(), &[]);
    streams.start().expect("starts");
    let text = failure(&streams);
    let lost = "in-0 at offset 4: out of range, the log holds 0 to 5 (2 records that were read, 2 to 3, were lost and \
                others are in their place)";
    assert!(text.contains(lost), "{text}");
    assert!(text.contains("offset.out.of.range.policy=earliest (at offset 2) or latest (at 5)"), "{text}");

    let streams = cluster.streams(copy(), &[("offset.out.of.range.policy", "earliest")]);
    run(&streams);
    eventually("the commit", || committed(&cluster).is_some_and(|position| position.offset == Offset(5)));
    close(&streams);
    let read = cluster.read("out", 1, |records| records.len() >= 3);
    let read: Vec<_> = read.iter().filter_map(|record| record.value.as_deref()).collect();
    assert_eq!(read, [b"a", b"b", b"c"]);
}
