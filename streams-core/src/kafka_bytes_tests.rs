//! What Kafka's serdes and Kafka Streams write (`tests/fixtures/`), against ours: the same bytes, and the same values back.
//! A format that does not exist here yet is pinned by name.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use bytes::Bytes;
use expect_test::{expect, Expect};
use rstest::rstest;
use serde_json::Value;
use uuid::Uuid;

use crate::client::producer::{murmur2, partition_for_key};
use crate::kafka_fixtures as fixtures;
use crate::runtime::task::PartitionMetadata;
use crate::serde::{
    ChangeSerde, ChangeSides, DefaultSerde, Serde, SessionWindowedSerde, TimeWindowedSerde, ValueAndTimestamp, Window,
    Windowed,
};
use crate::time::Timestamp;

/// What became of a line.
enum Outcome {
    /// We write these bytes and read them.
    Same,
    /// We read them, and write another form on purpose.
    Read,
    /// There is no such format here.
    Missing,
}

use Outcome::{Missing, Read, Same};

#[rstest]
#[case::serdes("serdes.jsonl", expect![[r#"
    Boolean: 2 same
    ByteArray: 3 same
    ByteBuffer: 4 same
    Bytes: 3 same
    Double: 9 same
    Float: 9 same
    Integer: 6 same
    List<Integer>: 0 same, 1 missing here
    List<Long>: 0 same, 3 missing here
    List<Short>: 0 same, 1 missing here
    List<String>: 0 same, 2 missing here
    List<UUID>: 0 same, 1 missing here
    Long: 7 same
    SessionWindowed: 13 same
    Short: 6 same
    String: 6 same
    TimeWindowed: 12 same
    UUID: 4 same
    Void: 1 same
    murmur2: 214 same
"#]])]
#[case::stores("stores.jsonl", expect![[r#"
    aggregationWithHeaders: 0 same, 6 missing here
    change: 12 same
    combinedKey: 0 same, 3 missing here
    combinedKeyPrefix: 0 same, 3 missing here
    commitMetadata: 4 same, 4 only read
    fkResponse: 0 same, 6 missing here
    fkSubscription: 0 same, 16 missing here
    keyFirstSessionKey: 0 same, 12 missing here
    keyFirstWindowKey: 0 same, 36 missing here
    leftOrRightValue: 0 same, 6 missing here
    murmur3: 0 same, 7 missing here
    position: 0 same, 2 missing here
    sessionKey: 0 same, 12 missing here
    suppressChangelog: 0 same, 8 missing here
    timeFirstSessionKey: 0 same, 12 missing here
    timeFirstWindowKey: 0 same, 36 missing here
    timestampedKeyAndJoinSide: 0 same, 6 missing here
    valueAndTimestamp: 12 same
    valueTimestampHeaders: 0 same, 6 missing here
    versionedLatest: 0 same, 3 missing here
    versionedSegment: 0 same, 6 missing here
    windowKey: 12 same, 24 only read
"#]])]
#[case::groups("groups.jsonl", expect![[r#"
    consumerAssignment: 0 same, 16 missing here
    consumerSubscription: 0 same, 16 missing here
    cooperativeStickyUserData: 0 same, 1 missing here
    stickyUserData: 0 same, 1 missing here
    streamsAssignment: 0 same, 11 missing here
    streamsSubscription: 0 same, 11 missing here
"#]])]
fn kafkas_bytes_are_ours_or_pinned_as_missing(#[case] file: &str, #[case] expected: Expect) {
    let text = String::from_utf8(fixtures::bytes(file)).expect("the fixtures are text");
    let mut counts = BTreeMap::<String, [usize; 3]>::new();
    // The records of coordinators are the broker's.
    for line in fixtures::parse(&text).iter().filter(|line| line.get("type").is_none()) {
        let outcome = check(line) as usize;
        counts.entry(field(line, "format").to_owned()).or_default()[outcome] += 1;
    }
    let mut list = String::new();
    for (format, [same, read, missing]) in &counts {
        list += &format!("{format}: {same} same");
        for (count, what) in [(read, "only read"), (missing, "missing here")] {
            list += &(if *count > 0 { format!(", {count} {what}") } else { String::new() });
        }
        list.push('\n');
    }
    expected.assert_eq(&list);
}

fn check(line: &Value) -> Outcome {
    match field(line, "format") {
        "murmur2" => hash(line),
        "String" => value(line, str::to_owned),
        "Long" => value(line, number::<i64>),
        "Integer" => value(line, number::<i32>),
        "Short" => value(line, number::<i16>),
        "Float" => value(line, |text| Bits(f32::from_bits(u32::from_str_radix(text, 16).expect("bits")))),
        "Double" => value(line, |text| Bits(f64::from_bits(u64::from_str_radix(text, 16).expect("bits")))),
        "Boolean" => value(line, number::<bool>),
        "ByteArray" => value(line, fixtures::unhex),
        "Bytes" | "ByteBuffer" => value(line, |text| Bytes::from(fixtures::unhex(text))),
        "UUID" => value(line, number::<Uuid>),
        "Void" => {
            assert!(<() as DefaultSerde>::default_serde().is_null(&()), "void is written as null");
            Same
        }
        "TimeWindowed" => time_windowed(line),
        "SessionWindowed" => same(line, &SessionWindowedSerde::new(String::default_serde()), &windowed(line)),
        "valueAndTimestamp" => {
            let row =
                ValueAndTimestamp::new(field(line, "value").to_owned(), Timestamp(number(field(line, "timestamp"))));
            same(line, &*ValueAndTimestamp::<String>::default_serde(), &row)
        }
        "change" => change(line),
        "commitMetadata" => commit_metadata(line),
        // Checked where it is private, in state/schema.rs: duplicates of a window are read and not yet written.
        "windowKey" => match line["seq"].as_i64() {
            Some(0) => Same,
            _ => Read,
        },
        _ => Missing,
    }
}

fn field<'a>(line: &'a Value, name: &str) -> &'a str {
    line[name].as_str().unwrap_or_else(|| panic!("{line} has a text `{name}`"))
}

fn number<T: std::str::FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().expect("the fixtures are well formed")
}

/// The bytes of a line, which are those of the value in our serde.
fn same<T: PartialEq + Debug>(line: &Value, serde: &(impl Serde<T> + ?Sized), value: &T) -> Outcome {
    let kafkas = fixtures::unhex(field(line, "bytes"));
    let mut ours = Vec::new();
    serde.serialize(value, &mut ours).unwrap_or_else(|error| panic!("{line}: {error}"));
    assert_eq!(ours, kafkas, "{line}");
    assert_eq!(&serde.deserialize(&kafkas).unwrap_or_else(|error| panic!("{line}: {error}")), value, "{line}");
    Same
}

/// A value that may be null, in the default serde of its type.
fn value<T: DefaultSerde + PartialEq + Debug>(line: &Value, parse: impl Fn(&str) -> T) -> Outcome {
    let value = line["value"].as_str().map(parse);
    let serde = <Option<T>>::default_serde();
    if value.is_some() {
        return same(line, &*serde, &value);
    }
    assert!(serde.is_null(&value) && line["bytes"].is_null(), "{line}");
    Same
}

/// A floating point number that equals itself bit by bit.
#[derive(Debug)]
struct Bits<T>(T);

macro_rules! bits {
    ($($float:ty),*) => {$(
        impl PartialEq for Bits<$float> {
            fn eq(&self, other: &Self) -> bool {
                self.0.to_bits() == other.0.to_bits()
            }
        }

        impl Serde<Bits<$float>> for crate::serde::NumberSerde {
            fn serialize(&self, value: &Bits<$float>, out: &mut Vec<u8>) -> crate::Result<()> {
                self.serialize(&value.0, out)
            }

            fn deserialize(&self, bytes: &[u8]) -> crate::Result<Bits<$float>> {
                self.deserialize(bytes).map(Bits)
            }
        }

        impl DefaultSerde for Bits<$float> {
            fn default_serde() -> crate::serde::SerdeRef<Self> {
                std::sync::Arc::new(crate::serde::NumberSerde)
            }
        }
    )*};
}

bits!(f32, f64);

fn windowed(line: &Value) -> Windowed<String> {
    let window = Window::new(Timestamp(number(field(line, "start"))), Timestamp(number(field(line, "end"))));
    Windowed::new(field(line, "key").to_owned(), window)
}

fn time_windowed(line: &Value) -> Outcome {
    let value = windowed(line);
    let size = u64::try_from(value.window.end.0 - value.window.start.0).expect("a window has a size");
    same(line, &TimeWindowedSerde::new(String::default_serde(), Duration::from_millis(size)), &value)
}

fn change(line: &Value) -> Outcome {
    let side = |name: &str| line[name].as_str().map(str::to_owned);
    // Whether it is the latest version goes only into the bytes of an upgrade, so that it reads as true.
    let change = ChangeSides { new: side("new"), old: side("old"), is_latest: true };
    same(line, &ChangeSerde::new(String::default_serde()), &change)
}

fn commit_metadata(line: &Value) -> Outcome {
    let (text, time) = (field(line, "text"), Timestamp(number(field(line, "partitionTime"))));
    assert_eq!(PartitionMetadata::decode(text), PartitionMetadata { partition_time: time }, "{line}");
    if line["processors"].is_null() {
        assert_eq!(PartitionMetadata { partition_time: time }.encode(), text, "{line}");
        return Same;
    }
    Read
}

fn hash(line: &Value) -> Outcome {
    let key = fixtures::unhex(field(line, "bytes"));
    assert_eq!(Value::from(murmur2(&key)), line["hash"], "{line}");
    for pair in line["partitions"].as_array().expect("an array") {
        let count = i32::try_from(pair[0].as_i64().expect("a number")).expect("a small number");
        assert_eq!(Value::from(partition_for_key(&key, count).0), pair[1], "{line}");
    }
    Same
}
