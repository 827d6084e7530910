//! Exactly once and in order per partition, whatever is lost, late or doubled on the way.

use rstest::rstest;
use streams_core::client::transport::{FaultRates, FaultyTransport};
use streams_core::SystemClock;
use streams_core::Timestamp;

use super::support::{offsets, partition, send, take, values, Cluster, Over, LIMIT};

const RATES: FaultRates = FaultRates { lost_requests: 10, lost_answers: 10, repeats: 10, late_answers: 20 };

/// Short pauses, because there are many faults.
const QUICK: [(&str, &str); 2] = [("retry.backoff.ms", "1"), ("retry.backoff.max.ms", "5")];

#[rstest]
fn idempotent_repeats_write_each_record_once_in_order(
    #[values(Over::InProcess, Over::Tcp)] over: Over,
    #[values(1, 2, 3, 4)] seed: u64,
) {
    let cluster = Cluster::with_topic(over, "t", 2);
    let transport = Box::new(FaultyTransport::new(cluster.transport(), RATES, seed));
    let settings = QUICK.into_iter().chain([("batch.size", "100"), ("linger.ms", "0"), ("buffer.memory", "4000")]);
    let mut producer = cluster.producer_over(transport, &settings.collect::<Vec<_>>());
    for number in 0..600 {
        send(&mut producer, &partition("t", number % 2), None, Some(number.to_string().as_bytes()), Timestamp(1));
    }
    producer.flush(&SystemClock, LIMIT).expect("all is acknowledged in the end");

    let transport = Box::new(FaultyTransport::new(cluster.transport(), RATES, seed + 100));
    let mut consumer = cluster.consumer_over(transport, &[QUICK[0], QUICK[1], ("fetch.max.bytes", "500")]);
    let both = [partition("t", 0), partition("t", 1)];
    consumer.assign(&both);
    let records = take(&mut consumer, 600);
    for (index, of) in (0..).zip(&both) {
        let own = records.iter().filter(|record| record.partition == *of).cloned().collect::<Vec<_>>();
        assert_eq!(offsets(&own), (0..300).collect::<Vec<_>>());
        assert_eq!(values(&own), (0..300).map(|number| (2 * number + index).to_string()).collect::<Vec<_>>());
    }
}

#[rstest]
fn commits_survive_faults(#[values(Over::InProcess, Over::Tcp)] over: Over, #[values(5, 6)] seed: u64) {
    let cluster = Cluster::with_topic(over, "t", 1);
    let t0 = partition("t", 0);
    let transport = Box::new(FaultyTransport::new(cluster.transport(), RATES, seed));
    let mut consumer = cluster.consumer_over(transport, &[QUICK[0], QUICK[1], ("group.id", "g")]);
    for offset in 0..50 {
        let offset = streams_core::Offset(offset);
        consumer.commit_sync(&SystemClock, vec![(t0.clone(), offset.into())]).expect("it is taken in the end");
        let committed = consumer.committed(&SystemClock, std::slice::from_ref(&t0)).expect("the coordinator answers");
        assert_eq!(committed[0].1.as_ref().map(|committed| committed.offset), Some(offset));
    }
}
