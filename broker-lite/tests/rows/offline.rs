//! Partitions that are damaged or gone: nothing that a client can ask may make them pass for empty ones.

use std::path::Path;

use broker_lite::disk::memory::{Crash, MemoryDisk};
use broker_lite::SyncPolicy;
use streams_core::protocol::messages::fetch::FetchResponse;
use streams_core::protocol::messages::list_offsets::{
    OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use streams_core::protocol::ErrorCode;
use streams_core::ErrorKind;

use crate::damage::*;
use crate::stepped::*;
use crate::support::*;

/// B99, B101: an application that restores a table from it, or starts at one of its ends, must not find it empty.
#[rstest::rstest]
#[case::latest(-1)]
#[case::earliest(-2)]
#[case::max_timestamp(-3)]
#[case::earliest_local(-4)]
#[case::by_time(0)]
fn offsets_of_an_offline_partition_are_not_listed(#[case] timestamp: i64, #[values(shorten, remove)] damage: Damage) {
    let broker = with_damage(damage);
    assert_eq!(broker.list("broken", timestamp), (ErrorCode::KAFKA_STORAGE_ERROR, -1, -1));
    assert_eq!(broker.list("whole", timestamp).0, ErrorCode::NONE);
}

/// B99, B101: a consumer that asks where the epoch of its last record ended must not learn that it ended at 0.
#[rstest::rstest]
fn epochs_of_an_offline_partition_have_no_end(#[values(shorten, remove)] damage: Damage) {
    let broker = with_damage(damage);
    for (topic, code) in [("broken", ErrorCode::KAFKA_STORAGE_ERROR), ("whole", ErrorCode::NONE)] {
        let partition = |leader_epoch| OffsetForLeaderPartition { leader_epoch, ..OffsetForLeaderPartition::default() };
        let topics =
            vec![OffsetForLeaderTopic { topic: topic.to_owned(), partitions: vec![partition(0), partition(1)] }];
        let request = OffsetForLeaderEpochRequest { topics, ..OffsetForLeaderEpochRequest::default() };
        let answer: OffsetForLeaderEpochResponse = broker.ask(request, NOW);
        for found in &answer.topics[0].partitions {
            assert_eq!((found.error_code, found.end_offset), (code, if code.is_none() { 1 } else { -1 }), "{topic}");
        }
        let mut request = fetch_request(topic, 0, 1);
        request.topics[0].partitions[0].last_fetched_epoch = 0;
        let answer: FetchResponse = broker.ask(request, NOW);
        let data = &answer.responses[0].partitions[0];
        assert_eq!((data.error_code, data.diverging_epoch.epoch, data.diverging_epoch.end_offset), (code, -1, -1));
    }
    assert_eq!(broker.delete_records("broken", 1).0, ErrorCode::KAFKA_STORAGE_ERROR);
}

/// B99, B101: a broker that lost the committed offsets does not start as if there had been none, for every group would
/// process everything again. What its message offers is true.
#[rstest::rstest]
fn a_broker_without_its_committed_offsets_does_not_start(#[values(shorten, remove)] damage: Damage) {
    let disk = MemoryDisk::new();
    let broker = Stepped::over(&disk, SyncPolicy::Fsync);
    broker.create("orders", &[]);
    broker.produce("orders", "v");
    assert_eq!(broker.commit("orders", 1), ErrorCode::NONE);
    broker.0.close();
    let (whole, image) = (disk.crash(Crash::KeepAll), disk.crash(Crash::KeepAll));
    let segment = segment_of(&image, "group");
    damage(&image, &segment);
    let refused = Stepped::builder(&image, SyncPolicy::Fsync).open().expect_err("it lost something");
    let words = refused.report();
    assert_eq!(refused.kind(), ErrorKind::Corrupt, "{words}");
    let dir = segment.parent().unwrap().to_str().unwrap();
    for part in ["__consumer_offsets-0", dir, "restore", "catalogue.json", "auto.offset.reset"] {
        assert!(words.contains(part), "{part} is not in: {words}");
    }
    assert_eq!(Stepped::over(&whole, SyncPolicy::Fsync).committed("orders"), 1, "restored");
    let path = Path::new("/data/catalogue.json");
    let mut catalogue: serde_json::Value = serde_json::from_slice(&image.content(path).unwrap()).unwrap();
    catalogue["topics"].as_array_mut().unwrap().retain(|topic| topic["name"] != "__consumer_offsets");
    image.overwrite(path, serde_json::to_vec(&catalogue).unwrap());
    let broker = Stepped::over(&image, SyncPolicy::Fsync);
    assert_eq!((broker.committed("orders"), broker.fetch("orders").high_watermark), (-1, 1));
    assert_eq!(broker.commit("orders", 1), ErrorCode::NONE);
}

/// Bytes that changed in the middle of the journal are found when it is read, and named.
#[test]
fn a_flipped_bit_in_the_committed_offsets_is_named() {
    let disk = MemoryDisk::new();
    let broker = Stepped::over(&disk, SyncPolicy::Fsync);
    broker.create("orders", &[]);
    assert_eq!(broker.commit("orders", 1), ErrorCode::NONE);
    broker.0.close();
    let image = disk.crash(Crash::KeepAll);
    let segment = segment_of(&image, "group");
    image.flip(&segment, 70, 1);
    let words = Stepped::builder(&image, SyncPolicy::Fsync).open().expect_err("it is damaged").report();
    assert!(words.contains(segment.to_str().unwrap()) && words.contains("byte 0"), "{words}");
}
