//! Producing: what comes out is what went in; batches; sizes.

use std::time::Duration;

use bytes::Bytes;
use rstest::rstest;
use streams_core::record::Headers;
use streams_core::{ErrorKind, Offset, SystemClock, Timestamp};

use super::support::{now, offsets, partition, produce, send, take, values, Cluster, Over, LIMIT};

#[rstest]
fn what_goes_in_comes_out(
    #[values(Over::InProcess, Over::Tcp)] over: Over,
    #[values("none", "gzip", "snappy", "lz4", "zstd")] compression: &str,
) {
    let cluster = Cluster::with_topic(over, "t", 1);
    let t0 = partition("t", 0);
    let mut headers = Headers::new();
    headers.push("a", Some(Bytes::from_static(b"1")));
    headers.push("a", None);
    let mut producer = cluster.producer(&[("compression.type", compression)]);
    producer.send(&t0, Some(b"k"), Some(b"v"), Timestamp(5), &headers).expect("there is room");
    producer.send(&t0, None, Some(b""), Timestamp(4), Headers::none()).expect("there is room");
    producer.send(&t0, Some(b""), None, Timestamp(6), Headers::none()).expect("there is room");
    producer.flush(&SystemClock, LIMIT).expect("all is acknowledged");
    assert_eq!(producer.last_acked_offset(&t0), Some(Offset(2)));

    let mut consumer = cluster.consumer(&[]);
    consumer.assign(std::slice::from_ref(&t0));
    let records = take(&mut consumer, 3);
    let parts = records.iter().map(|record| (record.key.as_deref(), record.value.as_deref(), record.timestamp.0));
    let expected = [(Some(&b"k"[..]), Some(&b"v"[..]), 5), (None, Some(&b""[..]), 4), (Some(&b""[..]), None, 6)];
    assert_eq!(parts.collect::<Vec<_>>(), expected);
    assert_eq!((&records[0].headers, records[1].headers.len()), (&headers, 0));
    assert_eq!(offsets(&records), [0, 1, 2]);
}

#[rstest]
fn partitions_keep_their_order_and_their_records(#[values(Over::InProcess, Over::Tcp)] over: Over) {
    let cluster = Cluster::with_topic(over, "t", 4);
    let mut producer = cluster.producer(&[("batch.size", "500"), ("buffer.memory", "20000")]);
    for number in 0..4_000 {
        send(&mut producer, &partition("t", number % 4), None, Some(number.to_string().as_bytes()), Timestamp(1));
    }
    producer.flush(&SystemClock, LIMIT).expect("all is acknowledged");
    let mut consumer = cluster.consumer(&[("fetch.max.bytes", "3000")]);
    let all = (0..4).map(|index| partition("t", index)).collect::<Vec<_>>();
    consumer.assign(&all);
    let records = take(&mut consumer, 4_000);
    for (index, of) in (0..).zip(&all) {
        let own = records.iter().filter(|record| record.partition == *of).cloned().collect::<Vec<_>>();
        assert_eq!(offsets(&own), (0..1_000).collect::<Vec<_>>());
        let expected = (0..1_000).map(|number| (number * 4 + index).to_string()).collect::<Vec<_>>();
        assert_eq!(values(&own), expected);
        assert_eq!(consumer.current_lag(of), Some(0));
    }
}

#[rstest]
fn records_of_one_linger_share_a_batch(#[values(Over::InProcess, Over::Tcp)] over: Over) {
    let cluster = Cluster::with_topic(over, "t", 1);
    let t0 = partition("t", 0);
    let mut producer = cluster.producer(&[("linger.ms", "1h"), ("delivery.timeout.ms", "2h"), ("batch.size", "1MiB")]);
    produce(&mut producer, &t0, (0..500).map(|number| number.to_string()));
    let mut consumer = cluster.consumer(&[]);
    consumer.assign(&[t0]);
    let mut batches = 0;
    let mut records = 0;
    while records < 500 {
        for fetched in consumer.poll(now(), Duration::from_secs(1)).expect("polling goes on").partitions {
            for batch in fetched.batches() {
                batches += 1;
                records += batch.expect("it is whole").records_count();
            }
        }
    }
    assert_eq!((batches, records), (1, 500));
}

#[rstest]
fn a_record_larger_than_every_fetch_limit_still_comes(#[values(Over::InProcess, Over::Tcp)] over: Over) {
    let cluster = Cluster::with_topic(over, "t", 1);
    let t0 = partition("t", 0);
    let mut producer = cluster.producer(&[]);
    let large = "x".repeat(900_000);
    produce(&mut producer, &t0, ["small".to_owned(), large.clone(), "last".to_owned()]);
    let mut consumer = cluster.consumer(&[("max.partition.fetch.bytes", "1024"), ("fetch.max.bytes", "1024")]);
    consumer.assign(std::slice::from_ref(&t0));
    assert_eq!(values(&take(&mut consumer, 3)), ["small", large.as_str(), "last"]);

    let error = producer.send(&t0, None, Some(&vec![0; 2_000_000]), Timestamp(1), Headers::none());
    assert!(error.expect_err("too large").to_string().contains("`max.request.size`"));
}

#[rstest]
fn a_record_the_topic_refuses_fails_the_flush_and_nothing_after_it(#[values(Over::InProcess, Over::Tcp)] over: Over) {
    let cluster = Cluster::with_topic(over, "t", 1);
    let t0 = partition("t", 0);
    let mut producer = cluster.producer(&[("max.request.size", "10MB")]);
    producer.send(&t0, None, Some(&vec![0; 3_000_000]), Timestamp(1), Headers::none()).expect("the client allows it");
    let error = producer.flush(&SystemClock, LIMIT).expect_err("the broker does not");
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.report().contains("t-0") && error.report().contains("MESSAGE_TOO_LARGE"), "{error:?}");
    produce(&mut producer, &t0, ["next".to_owned()]);
    assert_eq!(producer.last_acked_offset(&t0), Some(Offset(0)));
}

#[rstest]
fn a_partition_that_does_not_exist_is_named(#[values(Over::InProcess, Over::Tcp)] over: Over) {
    let cluster = Cluster::with_topic(over, "t", 2);
    let mut producer = cluster.producer(&[]);
    producer.send(&partition("t", 7), None, None, Timestamp(1), Headers::none()).expect("there is room");
    let error = producer.flush(&SystemClock, LIMIT).expect_err("there are two").report();
    assert!(error.contains("t-7") && error.contains("2 partitions"), "{error}");
}
