//! Which fields an operator takes: others are mistakes, so that an option never has no effect unnoticed.

use crate::interpret::{mistake, Stop};
use crate::model::{Node, Op};

/// Refuses fields that the operator does not take.
pub(super) fn check(node: &Node) -> Result<(), Stop> {
    let own = of(node.op);
    for field in node.given() {
        if !matches!(field, "id" | "from" | "name" | "serdes") && !own.contains(&field) {
            return mistake(format!("it takes no `{field}`"));
        }
    }
    Ok(())
}

fn of(op: Op) -> &'static [&'static str] {
    match op {
        Op::Stream => &["topics", "pattern", "key", "value", "extractor", "reset"],
        Op::Table | Op::GlobalTable => &["topic", "key", "value", "extractor", "reset", "materialized"],
        Op::Filter | Op::FilterNot => &["predicate", "materialized"],
        Op::Map | Op::FlatMap | Op::FlatMapValues | Op::SelectKey | Op::ToStream | Op::GroupBy => &["mapper"],
        Op::MapValues => &["mapper", "materialized"],
        Op::Peek | Op::Foreach | Op::GroupByKey => &[],
        Op::Print => &["label"],
        Op::Split => &["branches", "default"],
        Op::Merge => &["with"],
        Op::Repartition => &["partitions", "partitioner"],
        Op::To => &["topic", "chooser", "partitioner"],
        Op::ToTable => &["materialized"],
        Op::WindowedBy => &["window", "emit"],
        Op::Count => &["materialized"],
        Op::Reduce => &["materialized", "reducer", "adder", "subtractor"],
        Op::Aggregate => &["materialized", "initializer", "aggregator", "subtractor", "merger"],
        Op::Cogroup => &["aggregator", "result"],
        Op::CogroupWith => &["with", "aggregator"],
        Op::StreamJoin | Op::StreamLeftJoin | Op::StreamOuterJoin => {
            &["with", "joiner", "window", "store_name", "stores"]
        }
        Op::TableJoin | Op::TableLeftJoin => &["with", "joiner", "grace"],
        Op::GlobalJoin | Op::GlobalLeftJoin => &["with", "mapper", "joiner"],
        Op::Join | Op::LeftJoin | Op::OuterJoin => &["with", "joiner", "materialized"],
        Op::ForeignJoin | Op::ForeignLeftJoin => &["with", "extractor", "joiner", "materialized"],
        Op::Suppress => &["until"],
        Op::TransformValues => &["processor", "stores", "materialized"],
        Op::Process | Op::ProcessValues => &["processor", "stores"],
        Op::AddGlobalStore => &["store", "topic", "key", "value"],
    }
}
