//! ListOffsets and OffsetForLeaderEpoch.

use streams_core::protocol::batch::BatchOptions;
use streams_core::protocol::messages::list_offsets::{
    ListOffsetsRequest, ListOffsetsResponse, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use streams_core::Timestamp;

use crate::support::batch_with;
use crate::talk::{list_request, Talk};

fn note(talk: &mut Talk, label: &str, request: ListOffsetsRequest, version: i16) {
    let answer: ListOffsetsResponse = talk.ask(request, version);
    let mut found: Vec<_> = answer.topics.into_iter().flat_map(|topic| topic.partitions).collect();
    found.sort_by_key(|partition| partition.partition_index);
    talk.note(format!("{label}, v{version}"), found);
}

/// Every special timestamp and one too many, and some times.
const TIMESTAMPS: [i64; 13] = [-1, -2, -3, -4, -5, -6, -7, i64::MIN, 0, 100, 250, 300, 301];

pub(crate) fn list(talk: &mut Talk) {
    talk.create("listed", 2, &[]);
    for timestamp in TIMESTAMPS {
        note(talk, &format!("{timestamp} in an empty log"), list_request("listed", [(0, timestamp)]), 11);
    }
    for time in [100, 300, 200, 300, 250] {
        talk.produce("listed", batch_with(&["v", "v"], Timestamp(time), &BatchOptions::default()));
    }
    for version in 1..=11 {
        for timestamp in TIMESTAMPS {
            note(talk, &format!("{timestamp}"), list_request("listed", [(0, timestamp)]), version);
        }
    }
    talk.delete_records("listed", 5);
    for timestamp in TIMESTAMPS {
        note(talk, &format!("{timestamp} after records were deleted"), list_request("listed", [(0, timestamp)]), 11);
    }
    for epoch in [-2, -1, 0, 1] {
        for timestamp in [-1, 0] {
            let mut request = list_request("listed", [(0, timestamp)]);
            request.topics[0].partitions[0].current_leader_epoch = epoch;
            note(talk, &format!("{timestamp} in epoch {epoch}"), request, 7);
        }
    }
    for timestamp in [-1, -2, -3, 0] {
        let mut request = list_request("listed", [(0, timestamp)]);
        request.isolation_level = 1;
        note(talk, &format!("{timestamp}, committed only"), request, 7);
    }
    note(talk, "a partition twice", list_request("listed", [(0, -1), (1, -1), (0, -2)]), 7);
    note(talk, "no such partition", list_request("listed", [(-1, -1), (2, -1)]), 7);
    note(talk, "no such topic", list_request("missing", [(0, -1), (0, -7)]), 7);
    talk.delete_records("listed", 10);
    for timestamp in TIMESTAMPS {
        note(talk, &format!("{timestamp} after all were deleted"), list_request("listed", [(0, timestamp)]), 11);
    }
}

pub(crate) fn epochs(talk: &mut Talk) {
    talk.create("epochs", 1, &[]);
    let ask =
        |talk: &mut Talk, label: &str, topic: &str, partition: i32, current_leader_epoch: i32, leader_epoch: i32| {
            let partitions = vec![OffsetForLeaderPartition { partition, current_leader_epoch, leader_epoch }];
            let topics = vec![OffsetForLeaderTopic { topic: topic.to_owned(), partitions }];
            for version in [2, 3, 4] {
                let request = OffsetForLeaderEpochRequest { replica_id: -1, topics: topics.clone() };
                let answer: OffsetForLeaderEpochResponse = talk.ask(request, version);
                let found = answer.topics.into_iter().flat_map(|topic| topic.partitions);
                talk.note(format!("{label}, v{version}"), found);
            }
        };
    for epoch in [-1, 0, 1] {
        ask(talk, &format!("epoch {epoch} of an empty log"), "epochs", 0, -1, epoch);
    }
    talk.produce("epochs", batch_with(&["v"; 3], Timestamp(100), &BatchOptions::default()));
    for epoch in [-2, -1, 0, 1] {
        ask(talk, &format!("epoch {epoch}"), "epochs", 0, -1, epoch);
        ask(talk, &format!("in epoch {epoch}"), "epochs", 0, epoch, 0);
    }
    ask(talk, "no such partition", "epochs", 1, -1, 0);
    ask(talk, "no such topic", "missing", 0, -1, 0);
}
