//! What compaction leaves of a batch, against what Kafka's log cleaner leaves of the same batch.

use std::collections::BTreeSet;

use serde_json::Value;
use streams_core::protocol::batch::Compression;

use super::*;
use crate::kafka_fixtures as fixtures;

/// Kafka lets the markers of empty transactions go after a horizon; ours stay for good.
const MARKER_WITH_HORIZON: &str = "compacted, a marker of an empty transaction gets a horizon";

fn bytes(line: &Value, name: &str) -> Vec<u8> {
    fixtures::unhex(line[name].as_str().expect("a text"))
}

fn rewritten(line: &Value) -> Vec<u8> {
    let records = line["batches"][0]["records"].as_array().expect("an array");
    let kept: BTreeSet<_> = records.iter().map(|record| record["offset"].as_i64()).collect();
    let rules = Rules {
        is_newest: &|_, offset| kept.contains(&Some(offset.0)),
        mapped_to: Offset(i64::MAX),
        now: Timestamp(0),
        delete_horizon: Timestamp(line["newDeleteHorizonMs"].as_i64().expect("a number")),
        is_sequenced: true,
    };
    let dirty = bytes(line, "dirty");
    let mut out = Vec::new();
    let view = BatchView::parse(&dirty).expect("it is a batch");
    Rewriter::default().rewrite(&view, &rules, &mut out).expect("it is rewritten");
    out
}

fn records(batch: &BatchView<'_>) -> Vec<String> {
    let mut scratch = Scratch::default();
    batch.records(&mut scratch).expect("it decompresses").map(|record| format!("{record:?}")).collect()
}

#[test]
fn compaction_leaves_what_kafkas_cleaner_leaves() {
    let text = String::from_utf8(fixtures::bytes("batches.jsonl")).expect("the fixtures are text");
    let (mut same, mut compressed) = (0, 0);
    for line in fixtures::parse(&text).iter().filter(|line| line.get("dirty").is_some()) {
        let name = line["name"].as_str().expect("a text");
        if name == MARKER_WITH_HORIZON {
            assert_eq!(rewritten(line), bytes(line, "dirty"), "{name}");
            continue;
        }
        let (ours, kafkas) = (rewritten(line), bytes(line, "bytes"));
        let (our_view, kafkas_view) = (BatchView::parse(&ours).expect(name), BatchView::parse(&kafkas).expect(name));
        our_view.check_crc().expect(name);
        if our_view.compression().expect(name) == Compression::None {
            assert_eq!(ours, kafkas, "{name}");
            same += 1;
        } else {
            // Compressors differ, so length and checksum do; all between them is the same.
            assert_eq!(ours[21..HEADER_BYTES], kafkas[21..HEADER_BYTES], "{name}");
            assert_eq!(records(&our_view), records(&kafkas_view), "{name}");
            compressed += 1;
        }
    }
    assert_eq!((same, compressed), (7, 4));
}
