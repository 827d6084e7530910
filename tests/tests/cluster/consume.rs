//! Consuming: positions, seeking, pausing, committed offsets, and offsets that are gone.

use std::time::Duration;

use rstest::rstest;
use streams_core::client::consumer::OffsetAndMetadata;
use streams_core::client::Consumer;
use streams_core::{ErrorKind, Offset, Result, SystemClock, Timestamp};

use super::support::{eventually, now, offsets, partition, position, produce, take, values, Cluster, Over, LIMIT};

/// A topic `t` with one partition and values 0 to `count`, record n at time 1000 + n.
fn filled(over: Over, count: usize) -> (Cluster, Consumer) {
    let cluster = Cluster::with_topic(over, "t", 1);
    let mut producer = cluster.producer(&[("batch.size", "200")]);
    produce(&mut producer, &partition("t", 0), (0..count).map(|number| number.to_string()));
    let mut consumer = cluster.consumer(&[]);
    consumer.assign(&[partition("t", 0)]);
    (cluster, consumer)
}

#[rstest]
fn seeking_goes_anywhere(#[values(Over::InProcess, Over::Tcp)] over: Over) {
    let (_cluster, mut consumer) = filled(over, 100);
    let t0 = partition("t", 0);
    assert_eq!(offsets(&take(&mut consumer, 100)), (0..100).collect::<Vec<_>>());
    consumer.seek(&t0, Offset(37)).expect("assigned");
    assert_eq!(offsets(&take(&mut consumer, 63))[..2], [37, 38], "the middle of a batch is where it starts");
    consumer.seek_to_timestamp(&t0, Timestamp(1_090)).expect("assigned");
    assert_eq!(offsets(&take(&mut consumer, 10)), (90..100).collect::<Vec<_>>());
    consumer.seek_to_beginning(&t0).expect("assigned");
    assert_eq!(position(&mut consumer, &t0), Offset(0));
    consumer.seek_to_end(&t0).expect("assigned");
    assert_eq!(position(&mut consumer, &t0), Offset(100));
    consumer.seek_to_timestamp(&t0, Timestamp(9_999)).expect("assigned");
    assert_eq!(position(&mut consumer, &t0), Offset(100), "no record is that late");
    let error = consumer.seek(&partition("u", 0), Offset(0)).expect_err("not assigned");
    assert_eq!(error.to_string(), "u-0 is not assigned to this consumer");
}

#[rstest]
fn a_paused_partition_keeps_its_position_and_goes_on(#[values(Over::InProcess, Over::Tcp)] over: Over) {
    let cluster = Cluster::with_topic(over, "t", 2);
    let (t0, t1) = (partition("t", 0), partition("t", 1));
    let mut producer = cluster.producer(&[]);
    produce(&mut producer, &t0, ["a".to_owned(), "b".to_owned()]);
    produce(&mut producer, &t1, ["c".to_owned()]);
    let mut consumer = cluster.consumer(&[]);
    consumer.assign(&[t0.clone(), t1]);
    consumer.pause(&t0).expect("assigned");
    assert_eq!(values(&take(&mut consumer, 1)), ["c"]);
    assert_eq!(position(&mut consumer, &t0), Offset(0));
    consumer.resume(&t0).expect("assigned");
    assert_eq!(values(&take(&mut consumer, 2)), ["a", "b"]);
}

#[rstest]
fn a_group_goes_on_where_it_committed(#[values(Over::InProcess, Over::Tcp)] over: Over) {
    let (cluster, _) = filled(over, 20);
    let t0 = partition("t", 0);
    let mut consumer = cluster.consumer(&[("group.id", "g")]);
    let committed = consumer.committed(&SystemClock, std::slice::from_ref(&t0)).expect("the coordinator answers");
    assert_eq!(committed, [(t0.clone(), None)]);
    consumer.assign(std::slice::from_ref(&t0));
    assert_eq!(offsets(&take(&mut consumer, 20))[0], 0, "no offset, so auto.offset.reset decides");
    let offset = OffsetAndMetadata { offset: Offset(15), leader_epoch: -1, metadata: "AgAAAA==".to_owned() };
    consumer.commit_sync(&SystemClock, vec![(t0.clone(), offset)]).expect("the coordinator takes it");

    let mut next = cluster.consumer(&[("group.id", "g")]);
    let committed = next.committed(&SystemClock, std::slice::from_ref(&t0)).expect("the coordinator answers");
    let committed = committed[0].1.as_ref().expect("there is one");
    assert_eq!((committed.offset, committed.metadata.as_str()), (Offset(15), "AgAAAA=="));
    next.assign(&[t0]);
    assert_eq!(offsets(&take(&mut next, 5)), (15..20).collect::<Vec<_>>());
}

#[rstest]
fn committing_without_a_group_is_refused(#[values(Over::InProcess, Over::Tcp)] over: Over) {
    let (_cluster, mut consumer) = filled(over, 1);
    let offset = vec![(partition("t", 0), OffsetAndMetadata::from(Offset(1)))];
    let error = consumer.commit_sync(&SystemClock, offset).expect_err("there is no group");
    assert!(error.to_string().contains("`group.id`"), "{error}");
}

fn until_error(consumer: &mut Consumer) -> Result<()> {
    let deadline = now() + LIMIT;
    while now() < deadline {
        consumer.poll(now(), Duration::from_millis(50))?;
    }
    Ok(())
}

#[rstest]
fn an_offset_that_is_gone_follows_the_policy(#[values(Over::InProcess, Over::Tcp)] over: Over) {
    let (cluster, mut consumer) = filled(over, 50);
    let t0 = partition("t", 0);
    let deleted = cluster.admin().delete_records(&[(t0.clone(), Offset(30))]).expect("the broker answers");
    assert_eq!(deleted[0].1, Ok(Offset(30)));
    consumer.seek(&t0, Offset(10)).expect("assigned");
    assert_eq!(offsets(&take(&mut consumer, 20))[0], 30);

    let mut latest = cluster.consumer(&[("auto.offset.reset", "latest")]);
    latest.assign(std::slice::from_ref(&t0));
    latest.seek(&t0, Offset(500)).expect("assigned");
    eventually(&mut latest, "the position is the end", |consumer| consumer.position(&t0) == Some(Offset(50)));

    let mut strict = cluster.consumer(&[("auto.offset.reset", "none")]);
    strict.assign(std::slice::from_ref(&t0));
    strict.seek(&t0, Offset(10)).expect("assigned");
    let error = until_error(&mut strict).expect_err("there is no policy");
    assert_eq!(error.kind(), ErrorKind::Refused);
    let message = error.to_string();
    let gap = "fetch t-0 at offset 10: out of range, the log holds 30 to 50 (20 records, 10 to 29, are deleted)";
    assert!(message.starts_with(gap), "{message}");
    let found = &strict.out_of_range()[0];
    assert_eq!((found.start, found.end), (Offset(30), Offset(50)));
    strict.seek(&t0, Offset(49)).expect("assigned");
    assert!(strict.out_of_range().is_empty());
    assert_eq!(offsets(&take(&mut strict, 1)), [49]);
}

#[rstest]
fn a_long_poll_ends_when_data_comes(#[values(Over::InProcess, Over::Tcp)] over: Over) {
    let (cluster, _) = filled(over, 1);
    let t0 = partition("t", 0);
    let mut consumer = cluster.consumer(&[("fetch.max.wait.ms", "30s"), ("request.timeout.ms", "60s")]);
    consumer.assign(std::slice::from_ref(&t0));
    assert_eq!(take(&mut consumer, 1).len(), 1);
    let start = now();
    consumer.poll(start, Duration::ZERO).expect("the next fetch is on its way");
    produce(&mut cluster.producer(&[]), &t0, ["late".to_owned()]);
    assert_eq!(values(&take(&mut consumer, 1)), ["late"]);
    assert!(now() - start < Duration::from_secs(20), "it did not wait for fetch.max.wait.ms");
}
