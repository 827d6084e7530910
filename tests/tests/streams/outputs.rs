//! Output topics that are deleted under an application. Row numbers are those of `tests/tests/bad_inputs/README.md`.

use std::time::Duration;

use rstest::rstest;
use streams_core::topology::Topology;
use streams_core::{Clock, Offset, TopicPartition};
use streams_dsl::prelude::*;

use super::harness::{close, Cluster, Hurried};

/// Counts by key: what it restores again and again if it does not end.
fn counted(partitioner: bool) -> Topology {
    let builder = StreamsBuilder::new();
    let counts = builder.stream::<String, String>("in").group_by_key().count_with(Materialized::named("counts"));
    let options = if partitioner { Produced::default().partitioner(|_, _, _| Some(0)) } else { Produced::default() };
    counts.to_stream().drop_tombstones().to_with("out", options);
    builder.build().expect("is valid")
}

const CONTINUE: (&str, &str) = ("production.exception.handler", "continue");

fn cluster() -> Cluster {
    let cluster = Cluster::without_auto_creation(&[("in", 1), ("out", 1)]);
    cluster.produce("in", 0, &[("a", "x")]);
    cluster
}

fn committed(cluster: &Cluster) -> Option<Offset> {
    cluster.committed(&TopicPartition::new("in", 0))
}

/// Row B54, for an output.
#[test]
fn b54_an_output_that_is_deleted_ends_the_application() {
    let cluster = cluster();
    let app = Hurried::run(&cluster, counted(false), &[]);
    app.until("the commit", |_| committed(&cluster) == Some(Offset(1)));
    cluster.delete_topic("out");
    cluster.produce("in", 0, &[("a", "x")]);
    let began = app.clock.now();
    let text = app.failure();
    assert!(text.starts_with("sink KSTREAM-SINK-"), "{text}");
    assert!(
        text.contains(" cannot write to topic out; production.exception.handler=continue goes on without"),
        "{text}"
    );
    assert!(text.contains("topic out does not exist, or not any more (unknown to the broker for 3"), "{text}");
    assert!(app.clock.now() - began < Duration::from_secs(40), "it took {:?}", app.clock.now() - began);
    assert_eq!(committed(&cluster), Some(Offset(1)), "what was not written is not done");
}

/// Row B54, for an output that the application can do without: while it runs and from the start, and used again once it
/// is back.
#[rstest]
fn b54_a_handler_that_continues_does_without_the_output(#[values(false, true)] partitioner: bool) {
    let cluster = cluster();
    let app = Hurried::run(&cluster, counted(partitioner), &[CONTINUE, ("metadata.max.age.ms", "1000")]);
    app.until("the commit", |_| committed(&cluster) == Some(Offset(1)));
    cluster.delete_topic("out");
    cluster.produce("in", 0, &[("a", "x")]);
    app.until("the commit without an output", |_| committed(&cluster) == Some(Offset(2)));
    close(&app.streams);

    let app = Hurried::run(&cluster, counted(partitioner), &[CONTINUE, ("metadata.max.age.ms", "1000")]);
    cluster.produce("in", 0, &[("a", "x")]);
    app.until("the commit after a restart", |_| committed(&cluster) == Some(Offset(3)));
    cluster.create_topic("out");
    app.until("a record in the topic that is back", |_| {
        cluster.produce("in", 0, &[("b", "x")]);
        !cluster.is_empty(&TopicPartition::new("out", 0))
    });
    close(&app.streams);
    assert_eq!(committed(&cluster).map(|offset| offset >= Offset(4)), Some(true));
}
