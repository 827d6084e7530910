//! The DSL's option objects out of a node's fields. Serdes are given explicitly wherever the DSL takes them.

use std::time::Duration;

use streams_core::state::EngineKind;
use streams_dsl::{timestamps, Consumed, Grouped, Joined, Materialized, Produced, Repartitioned};

use crate::functions::embedded_time;
use crate::interpret::{missing, mistake, Stop};
use crate::model::{MaterializedSpec, Node};
use crate::value::{Cell, Type};
use streams_core::topology::OffsetResetPolicy;
use streams_core::Timestamp;

/// A duration in ms out of a case.
pub(super) fn millis(value: i64) -> Result<Duration, Stop> {
    match u64::try_from(value) {
        Ok(value) => Ok(Duration::from_millis(value)),
        Err(_) => missing("negative durations"),
    }
}

/// How a source reads.
pub(super) fn consumed<K: Cell, V: Cell>(node: &Node, key: &Type, value: &Type) -> Result<Consumed<K, V>, Stop> {
    let mut consumed = Consumed::with(K::serde(key), V::serde(value));
    if let Some(name) = &node.name {
        consumed = consumed.named(name);
    }
    consumed = match node.extractor.as_deref() {
        None => consumed,
        Some("fail") => consumed.timestamp_extractor(timestamps::fail_on_invalid),
        Some("log_and_skip") => consumed.timestamp_extractor(timestamps::log_and_skip_on_invalid),
        Some("partition_time") => consumed.timestamp_extractor(timestamps::use_partition_time_on_invalid),
        Some("embedded") => consumed.timestamp_extractor(|record, _| Timestamp(embedded_time(&record.value.datum()))),
        Some(other) => return mistake(format!("there is no timestamp extractor `{other}`")),
    };
    Ok(match node.reset.as_deref() {
        None => consumed,
        Some("earliest") => consumed.offset_reset(OffsetResetPolicy::Earliest),
        Some("latest") => consumed.offset_reset(OffsetResetPolicy::Latest),
        Some(other) => return missing(format!("reset policy {other}")),
    })
}

/// How a sink writes, but for its partitioner.
pub(super) fn produced<K: Cell, V: Cell>(node: &Node, key: &Type, value: &Type) -> Produced<K, V> {
    let produced = Produced::with(K::serde(key), V::serde(value));
    match &node.name {
        Some(name) => produced.named(name),
        None => produced,
    }
}

/// How a stream is grouped.
pub(super) fn grouped<K: Cell, V: Cell>(node: &Node, key: &Type, value: &Type) -> Grouped<K, V> {
    let grouped = Grouped::with(K::serde(key), V::serde(value));
    match &node.name {
        Some(name) => grouped.with_name(name),
        None => grouped,
    }
}

/// How a stream is joined with a table.
pub(super) fn joined<K: Cell, V: Cell>(node: &Node, key: &Type, value: &Type) -> Joined<K, V> {
    let joined = Joined::with(K::serde(key), V::serde(value));
    match &node.name {
        Some(name) => joined.with_name(name),
        None => joined,
    }
}

/// How a stream is repartitioned.
pub(super) fn repartitioned<K: Cell, V: Cell>(
    node: &Node,
    key: &Type,
    value: &Type,
) -> Result<Repartitioned<K, V>, Stop> {
    let mut repartitioned = Repartitioned::with(K::serde(key), V::serde(value));
    if let Some(name) = &node.name {
        repartitioned = repartitioned.with_name(name);
    }
    if let Some(partitions) = node.partitions {
        repartitioned = repartitioned.partitions(partitions);
    }
    match node.partitioner.as_deref() {
        None | Some("hash") => Ok(repartitioned),
        Some(_) => missing("repartition with a partitioner"),
    }
}

/// How a table is stored; without the field, with its serdes.
pub(super) fn materialized<K: Cell, V: Cell>(
    node: &Node,
    key: &Type,
    value: &Type,
) -> Result<Materialized<K, V>, Stop> {
    let mut materialized = Materialized::with(K::serde(key), V::serde(value));
    let Some(spec) = &node.materialized else { return Ok(materialized) };
    let MaterializedSpec { name, store, history, retention, caching, logging } = spec;
    if let Some(name) = name {
        materialized = materialized.store_name(name);
    }
    materialized = match store.as_deref() {
        None => materialized,
        Some("in_memory") => materialized.store_type(EngineKind::InMemory),
        Some("persistent") => materialized.store_type(EngineKind::RocksDb),
        Some("versioned") => return missing("versioned store"),
        Some(other) => return mistake(format!("there is no store `{other}`")),
    };
    if history.is_some() {
        return mistake("only versioned stores have a `history`");
    }
    if let Some(retention) = retention {
        materialized = materialized.retention(millis(*retention)?);
    }
    if *caching == Some(false) {
        materialized = materialized.caching_disabled();
    }
    if *logging == Some(false) {
        materialized = materialized.logging_disabled();
    }
    Ok(materialized)
}
