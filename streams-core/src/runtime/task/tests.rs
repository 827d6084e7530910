//! Tasks over fetched batches: the order of records, waiting, positions, damaged bytes.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rstest::rstest;

use super::{ActiveTask, PartitionMetadata, TaskOptions};
use crate::error::{ErrorKind, Result};
use crate::ids::{Offset, Partition, TopicPartition};
use crate::processor::{Context, Processor, Punctuation, PunctuationType, RecordCollector, SinkTopic};
use crate::protocol::batch::{BatchBuilder, BatchOptions, Compression, ControlRecord, ControlType};
use crate::record::{Headers, Record};
use crate::serde::{Serde, SerdeRef};
use crate::testing::support::{add_processor, add_processor_with};
use crate::time::Timestamp;
use crate::topology::{SinkOptions, SourceOptions, TopologyBuilder};

/// Writes what a task sends as lines `value@timestamp`.
#[derive(Clone, Default)]
struct Lines(Rc<RefCell<Vec<String>>>);

impl Lines {
    fn take(&self) -> String {
        self.0.borrow_mut().drain(..).collect::<Vec<_>>().join(" ")
    }
}

impl RecordCollector for Lines {
    fn topic(&mut self, _: &str) -> Result<SinkTopic> {
        Ok(SinkTopic(0))
    }

    fn partition_count(&mut self, _: SinkTopic) -> Result<u32> {
        Ok(1)
    }

    fn send(
        &mut self,
        _: SinkTopic,
        _: Option<Partition>,
        _: Option<&[u8]>,
        value: Option<&[u8]>,
        timestamp: Timestamp,
        headers: &Headers,
    ) -> Result<()> {
        let mut line = format!("{}@{timestamp}", String::from_utf8_lossy(value.unwrap_or(b"null")));
        for header in headers {
            line.push_str(&format!(",{}={:?}", header.key, header.value.as_deref().map(String::from_utf8_lossy)));
        }
        self.0.borrow_mut().push(line);
        Ok(())
    }
}

/// Partition 3 of topics `a` and `b`, merged; a record `bad` fails.
fn task(topics: &[&str], options: &TaskOptions) -> (ActiveTask, Lines) {
    failing_task(topics, options, ErrorKind::Processing)
}

/// The same with a failure of some kind.
fn failing_task(topics: &[&str], options: &TaskOptions, kind: ErrorKind) -> (ActiveTask, Lines) {
    let mut builder = TopologyBuilder::new();
    let mut sources = Vec::new();
    for topic in topics {
        sources.push(builder.add_source::<(), String>(topic, &[topic], SourceOptions::default()).unwrap());
    }
    let merge = add_processor::<(), String>(&mut builder, "merge", &sources, move |record, cx| {
        if record.value == "bad" {
            return Err(crate::Error::new(kind, "bad record"));
        }
        cx.forward(record)
    })
    .unwrap();
    builder.add_sink::<(), String>("sink", "out", SinkOptions::default(), &[merge]).unwrap();
    let topology = builder.build().unwrap();
    let lines = Lines::default();
    let (part, collector) = (&topology.subtopologies()[0], Box::new(lines.clone()));
    let mut task = ActiveTask::new(&topology, part, Partition(3), options, collector, Vec::new(), &|_| 4).unwrap();
    task.init(Timestamp(0)).unwrap();
    (task, lines)
}

fn options() -> TaskOptions {
    TaskOptions::new("shop")
}

fn partition(topic: &str) -> TopicPartition {
    TopicPartition::new(topic, 3)
}

/// A batch of records `value@timestamp`.
fn batch(base_offset: i64, records: &str, compression: Compression) -> Vec<u8> {
    let mut builder = BatchBuilder::default();
    for record in records.split_whitespace() {
        let (value, timestamp) = record.split_once('@').unwrap();
        let headers = value.starts_with('h').then_some((&b"trace"[..], Some(value.as_bytes())));
        let timestamp = Timestamp(timestamp.parse().unwrap());
        builder.append_with_headers(timestamp, None, Some(value.as_bytes()), headers).unwrap();
    }
    let options = BatchOptions { base_offset: Offset(base_offset), compression, ..BatchOptions::default() };
    builder.finish(&options).unwrap().to_vec()
}

fn add(task: &mut ActiveTask, topic: &str, base_offset: i64, records: &str) {
    let bytes = Bytes::from(batch(base_offset, records, Compression::None));
    task.add_records(&partition(topic), &bytes).unwrap();
}

fn set_lags(task: &mut ActiveTask, lag: Option<u64>) {
    for topic in ["a", "b"] {
        task.set_lag(&partition(topic), lag).unwrap();
    }
}

fn committed(task: &mut ActiveTask) -> Vec<String> {
    let offsets = task.prepare_commit().unwrap();
    task.post_commit(&|_| None).unwrap();
    let text = |offset: super::CommittableOffset| {
        let time = PartitionMetadata::decode(&offset.metadata).partition_time;
        format!("{} {} {time}", offset.topic_partition, offset.offset)
    };
    offsets.into_iter().map(text).collect()
}

#[rstest]
#[case(1)]
#[case(2)]
#[case(3)]
#[case(100)]
fn records_of_two_partitions_go_by_time_whatever_the_step(#[case] step: usize) {
    let (mut task, lines) = task(&["a", "b"], &options());
    add(&mut task, "b", 0, "b1@2 b2@5");
    add(&mut task, "a", 0, "a1@1 a2@5 a3@4");
    add(&mut task, "a", 3, "a4@9");
    add(&mut task, "b", 2, "b3@5 b4@8");
    set_lags(&mut task, Some(0));
    while task.process(step, Timestamp(0)).unwrap() > 0 {}
    assert_eq!(lines.take(), "a1@1 b1@2 a2@5 a3@4 b2@5 b3@5 b4@8 a4@9");
    assert_eq!(task.stream_time(), Timestamp(9));
    assert_eq!(committed(&mut task), ["a-3 4 9", "b-3 4 8"]);
    assert!(!task.is_commit_needed());
    assert!(committed(&mut task).is_empty());
}

/// Counts what it decodes.
#[derive(Default)]
struct Counting(AtomicUsize);

impl Serde<String> for Counting {
    fn serialize(&self, value: &String, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(value.as_bytes());
        Ok(())
    }

    fn deserialize(&self, bytes: &[u8]) -> Result<String> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }
}

/// Partitions of two topics may share the slots of one source: each record is decoded again only if the other was between.
#[rstest]
#[case::one_topic(&["a"], 4)]
#[case::two_topics(&["a", "b"], 14)]
fn an_extractor_does_not_decode_records_twice(#[case] topics: &[&str], #[case] decoded_max: usize) {
    let values = Arc::new(Counting::default());
    let mut builder = TopologyBuilder::new();
    let source = SourceOptions::<(), String> {
        values: Arc::clone(&values) as SerdeRef<String>,
        extractor: Some(Arc::new(|record, _| Ok(record.timestamp))),
        ..SourceOptions::default()
    };
    let source = builder.add_source::<(), String>("source", topics, source).unwrap();
    builder.add_sink::<(), String>("sink", "out", SinkOptions::default(), &[source]).unwrap();
    let topology = builder.build().unwrap();
    let lines = Lines::default();
    let (part, collector) = (&topology.subtopologies()[0], Box::new(lines.clone()));
    let mut task = ActiveTask::new(&topology, part, Partition(3), &options(), collector, Vec::new(), &|_| 4).unwrap();
    task.init(Timestamp(0)).unwrap();
    let mut expected = vec!["a1@1", "a2@3", "a3@5", "a4@7"];
    add(&mut task, "a", 0, "a1@1 a2@3 a3@5 a4@7");
    task.set_lag(&partition("a"), Some(0)).unwrap();
    if topics.len() == 2 {
        add(&mut task, "b", 0, "b1@2 b2@4 b3@6");
        task.set_lag(&partition("b"), Some(0)).unwrap();
        expected = vec!["a1@1", "b1@2", "a2@3", "b2@4", "a3@5", "b3@6", "a4@7"];
    }
    while task.process(2, Timestamp(0)).unwrap() > 0 {}
    assert_eq!(lines.take(), expected.join(" "));
    let decoded = values.0.load(Ordering::SeqCst);
    assert!((expected.len()..=decoded_max).contains(&decoded), "decoded {decoded} times");
}

#[rstest]
#[case::unknown_lag(Some(Duration::ZERO), None, &[(0, 1)])]
#[case::records_on_the_way(Some(Duration::ZERO), Some(3), &[(0, 1), (9_999, 1)])]
#[case::caught_up(Some(Duration::ZERO), Some(0), &[(0, 3)])]
#[case::idles(Some(Duration::from_millis(100)), Some(0), &[(50, 1), (149, 1), (150, 3)])]
#[case::never_waits(None, None, &[(0, 3)])]
fn an_empty_partition_is_waited_for(
    #[case] max_task_idle: Option<Duration>,
    #[case] lag: Option<u64>,
    #[case] processed_by: &[(i64, usize)],
) {
    let (mut task, _) = task(&["a", "b"], &TaskOptions { max_task_idle, ..options() });
    add(&mut task, "a", 0, "a1@2 a2@3");
    add(&mut task, "b", 0, "b1@1");
    set_lags(&mut task, lag);
    let mut processed = 0;
    for (now, expected) in processed_by {
        processed += task.process(10, Timestamp(*now)).unwrap();
        assert_eq!(processed, *expected, "at {now}");
    }
}

#[rstest]
#[case(Compression::None)]
#[case(Compression::Gzip)]
#[case(Compression::Snappy)]
#[case(Compression::Lz4)]
#[case(Compression::Zstd)]
fn batches_are_read_from_a_position_with_their_headers(#[case] compression: Compression) {
    let (mut task, lines) = task(&["a"], &options());
    let mut fetched = batch(10, "old@1 h1@2 x@3", compression);
    let mut control = BatchBuilder::default();
    let marker = ControlRecord { control_type: ControlType::Commit, coordinator_epoch: 0 };
    fetched.extend_from_slice(marker.build(&mut control, 1, 0, Timestamp(4)).unwrap());
    let at = fetched.len() - control.len();
    fetched[at..at + 8].copy_from_slice(&13_i64.to_be_bytes());
    fetched.extend_from_slice(&batch(14, "y@5", compression));
    let whole = fetched.len();
    fetched.extend_from_slice(&batch(15, "cut@6", compression)[..40]);
    task.seek(&partition("a"), Offset(11), &PartitionMetadata { partition_time: Timestamp(7) }.encode()).unwrap();
    assert_eq!(task.stream_time(), Timestamp(7));
    assert_eq!(task.add_records(&partition("a"), &Bytes::from(fetched)).unwrap(), 4);
    assert!(whole > at);
    assert_eq!(task.process(10, Timestamp(0)).unwrap(), 3);
    assert_eq!(lines.take(), "h1@2,trace=Some(\"h1\") x@3 y@5");
    assert_eq!(task.buffered(), 0);
    assert_eq!(committed(&mut task), ["a-3 15 7"]);
}

/// Compaction takes records and leaves offsets; a marker has an offset and no record.
#[rstest]
#[case::the_last_record_is_compacted_away(5, false, "a-3 16 2")]
#[case::a_marker_is_last(1, true, "a-3 13 2")]
fn offsets_without_a_record_are_passed(
    #[case] last_offset_delta: i32,
    #[case] is_followed: bool,
    #[case] expected: &str,
) {
    let (mut task, _) = task(&["a"], &options());
    let mut fetched = batch(10, "x@1 y@2", Compression::None);
    fetched[23..27].copy_from_slice(&last_offset_delta.to_be_bytes());
    if is_followed {
        let mut control = BatchBuilder::default();
        let marker = ControlRecord { control_type: ControlType::Commit, coordinator_epoch: 0 };
        let at = fetched.len();
        fetched.extend_from_slice(marker.build(&mut control, 1, 0, Timestamp(4)).unwrap());
        fetched[at..at + 8].copy_from_slice(&12_i64.to_be_bytes());
    }
    task.add_records(&partition("a"), &Bytes::from(fetched)).unwrap();
    assert_eq!(task.process(10, Timestamp(0)).unwrap(), 2);
    assert_eq!(committed(&mut task), [expected]);
}

#[test]
fn the_epoch_of_the_last_batch_and_the_latest_time_are_committed() {
    let (mut task, _) = task(&["a"], &options());
    let mut fetched = Vec::new();
    for (base_offset, epoch, records) in [(0_i64, 4_i32, "x@1"), (1, 6, "y@9 late@3")] {
        let mut batch = batch(base_offset, records, Compression::None);
        batch[12..16].copy_from_slice(&epoch.to_be_bytes());
        fetched.extend_from_slice(&batch);
    }
    task.add_records(&partition("a"), &Bytes::from(fetched)).unwrap();
    assert_eq!(task.process(10, Timestamp(0)).unwrap(), 3);
    assert_eq!(task.prepare_commit().unwrap()[0].leader_epoch, 6);
    assert_eq!(committed(&mut task), ["a-3 3 9"]);
}

/// What is buffered comes before the gap, so it is processed first.
#[test]
fn a_gap_is_left_when_nothing_waits_before_it() {
    let (mut task, lines) = task(&["a"], &options());
    add(&mut task, "a", 0, "x@1 y@2");
    assert!(!task.leave_gap(&partition("a"), Offset(10)).unwrap());
    assert_eq!(task.process(10, Timestamp(0)).unwrap(), 2);
    assert!(task.leave_gap(&partition("a"), Offset(10)).unwrap());
    add(&mut task, "a", 8, "lost@3 lost@4 z@5");
    assert_eq!(task.process(10, Timestamp(0)).unwrap(), 1);
    assert_eq!(lines.take(), "x@1 y@2 z@5");
}

/// Forgets what it had; what it counted goes with it.
#[test]
fn a_seek_forgets_what_is_buffered() {
    let (mut task, lines) = task(&["a"], &options());
    add(&mut task, "a", 0, "x@1 y@2");
    task.seek(&partition("a"), Offset(5), "").unwrap();
    assert_eq!((task.buffered(), task.process(10, Timestamp(0)).unwrap()), (0, 0));
    add(&mut task, "a", 5, "z@3");
    assert_eq!((task.buffered(), task.process(10, Timestamp(0)).unwrap()), (1, 1));
    assert_eq!(lines.take(), "z@3");
}

/// Each wait is as long as the setting says, however long one before it was.
#[rstest]
#[case::a_record_came_meanwhile(&[("b 0", 0, 0), ("b 0", 60, 1), ("", 70, 1), ("", 150, 1), ("", 170, 2)])]
#[case::records_were_on_their_way(&[("b 0", 0, 0), ("b 3", 60, 0), ("b 0", 70, 0), ("", 150, 0), ("", 170, 1)])]
fn idling_begins_anew(#[case] steps: &[(&str, i64, usize)]) {
    let max_task_idle = Some(Duration::from_millis(100));
    let (mut task, _) = task(&["a", "b"], &TaskOptions { max_task_idle, ..options() });
    set_lags(&mut task, Some(0));
    add(&mut task, "a", 0, "a1@5 a2@6");
    let mut processed = 0;
    let mut next = 0;
    for (what, now, expected) in steps {
        if let Some(lag) = what.strip_prefix("b ") {
            task.set_lag(&partition("b"), Some(lag.parse().unwrap())).unwrap();
        }
        if *now == 60 && *expected == 1 {
            add(&mut task, "b", next, "b@1");
            next += 1;
        }
        processed += task.process(1, Timestamp(*now)).unwrap();
        assert_eq!(processed, *expected, "at {now}");
    }
}

/// Ticks with the wall clock and writes down what time it is when a record comes.
struct Ticking(Arc<std::sync::atomic::AtomicI64>);

impl Processor<(), String> for Ticking {
    type KOut = ();
    type VOut = String;

    fn init(&mut self, cx: &mut Context<'_, (), String>) -> Result<()> {
        cx.schedule(Duration::from_millis(100), PunctuationType::WallClockTime);
        Ok(())
    }

    fn process(&mut self, _: Record<'_, (), String>, cx: &mut Context<'_, (), String>) -> Result<()> {
        self.0.store(cx.current_system_time().0, Ordering::Relaxed);
        Ok(())
    }

    fn punctuate(&mut self, tick: Punctuation, cx: &mut Context<'_, (), String>) -> Result<()> {
        let value = "tick".to_owned();
        cx.forward(Record::new(&(), &value, tick.timestamp))
    }
}

#[test]
fn the_wall_clock_is_that_of_the_step_and_what_a_tick_does_is_committed() {
    let mut builder = TopologyBuilder::new();
    let source = builder.add_source::<(), String>("a", &["a"], SourceOptions::default()).unwrap();
    let seen = Arc::new(std::sync::atomic::AtomicI64::new(0));
    let shared = Arc::clone(&seen);
    let ticking =
        add_processor_with(&mut builder, "ticking", &[source], move |_, _| Ok(Ticking(Arc::clone(&shared)))).unwrap();
    builder.add_sink::<(), String>("sink", "out", SinkOptions::default(), &[ticking]).unwrap();
    let topology = builder.build().unwrap();
    let lines = Lines::default();
    let (part, collector) = (&topology.subtopologies()[0], Box::new(lines.clone()));
    let mut task = ActiveTask::new(&topology, part, Partition(3), &options(), collector, Vec::new(), &|_| 4).unwrap();
    task.init(Timestamp(1_000)).unwrap();
    add(&mut task, "a", 0, "x@1");
    assert_eq!(task.process(1, Timestamp(1_050)).unwrap(), 1);
    assert_eq!(seen.load(Ordering::Relaxed), 1_050);
    assert_eq!((committed(&mut task).len(), task.is_commit_needed()), (1, false));

    assert_eq!(task.next_punctuation(), Some(Timestamp(1_100)));
    assert!(!task.punctuate(Timestamp(1_099)).unwrap());
    assert!(!task.is_commit_needed());
    assert!(task.punctuate(Timestamp(1_100)).unwrap());
    assert_eq!(lines.take(), "tick@1100");
    assert!(task.is_commit_needed(), "stores may have changed");
    assert!(committed(&mut task).is_empty(), "no offset moved");
    assert!(!task.is_commit_needed());
}

#[test]
fn a_failed_record_stays_the_next_one() {
    let (mut task, lines) = task(&["a"], &options());
    add(&mut task, "a", 990, "ok@1 bad@2 after@3");
    for _ in 0..2 {
        let error = task.process(10, Timestamp(0)).unwrap_err();
        assert_eq!(error.report(), "node merge of task 0_3 fails at a-3 offset 991: bad record");
    }
    assert_eq!(lines.take(), "ok@1");
    assert_eq!(task.position().map(ToString::to_string).as_deref(), Some("a-3 offset 991"));
    assert_eq!(committed(&mut task), ["a-3 991 1"]);
}

/// Row B52.
#[test]
fn a_poison_record_is_named_by_its_offset() {
    let mut builder = TopologyBuilder::new();
    let source = builder.add_source::<i64, String>("s", &["t"], SourceOptions::default()).unwrap();
    builder.add_sink::<i64, String>("sink", "out", SinkOptions::default(), &[source]).unwrap();
    let topology = builder.build().unwrap();
    let (part, collector) = (&topology.subtopologies()[0], Box::new(Lines::default()));
    let mut task = ActiveTask::new(&topology, part, Partition(3), &options(), collector, Vec::new(), &|_| 4).unwrap();
    task.init(Timestamp(0)).unwrap();
    let mut records = BatchBuilder::default();
    records.append(Timestamp(0), Some(b"hello world"), Some(b"v")).unwrap();
    let options = BatchOptions { base_offset: Offset(991), ..BatchOptions::default() };
    let bytes = Bytes::copy_from_slice(records.finish(&options).unwrap());
    task.add_records(&TopicPartition::new("t", 3), &bytes).unwrap();
    let report = task.process(1, Timestamp(0)).unwrap_err().report();
    assert!(report.starts_with("t-3 offset 991 key: deserialize failed; "), "{report}");
    assert!(report.ends_with(": serde `i64` got 11 bytes, expects 8"), "{report}");
}

#[test]
fn damaged_bytes_are_corrupt_with_their_place() {
    let (mut task, _) = task(&["a"], &options());
    let mut fetched = batch(7, "x@1", Compression::None);
    fetched[16] = 9;
    let error = task.add_records(&partition("a"), &Bytes::from(fetched)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().starts_with("a-3 at or after offset 0: the fetched records are damaged"), "{error}");

    let mut fetched = batch(7, "x@1 y@2", Compression::None);
    let last = fetched.len() - 1;
    fetched[last] = 0x7f;
    task.add_records(&partition("a"), &Bytes::from(fetched)).unwrap();
    let error = task.process(10, Timestamp(0)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().starts_with("a-3 at or after offset 8: "), "{error}");
    assert_eq!(committed(&mut task), ["a-3 8 1"]);
}

#[test]
fn a_partition_is_full_above_its_limit() {
    let (mut task, _) = task(&["a"], &TaskOptions { buffered_records_per_partition: 2, ..options() });
    add(&mut task, "a", 0, "x@1 y@2");
    assert!(!task.is_full(&partition("a")));
    add(&mut task, "a", 2, "z@3");
    assert!(task.is_full(&partition("a")));
    assert_eq!(task.process(1, Timestamp(0)).unwrap(), 1);
    assert!(!task.is_full(&partition("a")));
}

#[test]
fn a_task_reads_only_partitions_that_exist_and_refuses_others() {
    let mut builder = TopologyBuilder::new();
    let source = builder.add_source::<(), String>("s", &["a", "small"], SourceOptions::default()).unwrap();
    builder.add_sink::<(), String>("sink", "out", SinkOptions::default(), &[source]).unwrap();
    let topology = builder.build().unwrap();
    let new = |partitions: i32| {
        let count = move |topic: &str| if topic == "small" { 1 } else { partitions };
        let (part, collector) = (&topology.subtopologies()[0], Box::new(Lines::default()));
        ActiveTask::new(&topology, part, Partition(3), &options(), collector, Vec::new(), &count)
    };
    let mut task = new(4).unwrap();
    assert_eq!(task.input_partitions().map(ToString::to_string).collect::<Vec<_>>(), ["a-3"]);
    let error = task.set_lag(&partition("small"), None).unwrap_err();
    assert_eq!(error.to_string(), "task 0_3 does not read small-3: give its records to another");
    let error = new(2).unwrap_err();
    assert_eq!(error.to_string(), "task 0_3 has no partition to read: no source topic of its has that many");
}

#[test]
fn a_task_refuses_what_its_state_does_not_allow() {
    let (mut task, _) = task(&["a"], &options());
    let error = task.init(Timestamp(0)).unwrap_err();
    assert_eq!(error.to_string(), "task 0_3 is Running and cannot init: it has to be Created");
    task.close();
    task.close();
    let error = task.process(1, Timestamp(0)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
    assert_eq!(error.to_string(), "task 0_3 is Closed and cannot process: it has to be Running");
}

#[test]
fn a_handler_that_continues_passes_over_a_record_and_its_offset_is_committed() {
    let processing_handler: crate::processor::ProcessingHandler =
        Arc::new(|_, _, _| crate::processor::Verdict::Continue);
    let (mut task, lines) = task(&["a"], &TaskOptions { processing_handler, ..options() });
    add(&mut task, "a", 0, "x@1 bad@2");
    assert_eq!(task.process(10, Timestamp(0)).unwrap(), 2);
    assert_eq!(lines.take(), "x@1");
    assert_eq!(task.dropped_records(), 1);
    assert_eq!(committed(&mut task), ["a-3 2 2"]);
}

/// Kafka Streams asks about whatever is thrown below `process`, a store's failure too. The kinds that are not asked about
/// would lose more than the record that meets them.
#[rstest]
#[case(ErrorKind::Processing, true)]
#[case(ErrorKind::Serialization, true)]
#[case(ErrorKind::Store, true)]
#[case::the_disk_of_a_store(ErrorKind::Io, false)]
#[case::a_damaged_store(ErrorKind::Corrupt, false)]
#[case::a_write_that_was_refused(ErrorKind::Refused, false)]
#[case(ErrorKind::Retriable, false)]
#[case(ErrorKind::TaskCorrupted, false)]
#[case(ErrorKind::Fenced, false)]
#[case(ErrorKind::Internal, false)]
fn the_processing_handler_is_asked_about(#[case] kind: ErrorKind, #[case] is_asked: bool) {
    let asked = Arc::new(std::sync::Mutex::new(Vec::new()));
    let into = Arc::clone(&asked);
    let processing_handler: crate::processor::ProcessingHandler = Arc::new(move |node, position, error| {
        let position = position.map(ToString::to_string).unwrap_or_default();
        into.lock().unwrap().push(format!("{node} {position} {:?}", error.kind()));
        crate::processor::Verdict::Continue
    });
    let (mut task, lines) = failing_task(&["a"], &TaskOptions { processing_handler, ..options() }, kind);
    add(&mut task, "a", 7, "bad@1 after@2");
    let outcome = task.process(10, Timestamp(0));
    let asked = asked.lock().unwrap().clone();
    if is_asked {
        assert_eq!(outcome.unwrap(), 2);
        assert_eq!(asked, [format!("merge a-3 offset 7 {kind:?}")]);
        assert_eq!((lines.take().as_str(), task.dropped_records()), ("after@2", 1));
    } else {
        assert_eq!(outcome.unwrap_err().kind(), kind);
        assert_eq!((asked.len(), task.dropped_records()), (0, 0));
    }
}
