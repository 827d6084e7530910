//! Runs a case's input through the test driver and writes down what came of it, in the shape of [`Run`].

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use streams_core::config::{ExceptionHandler, StreamsConfig};
use streams_core::serde::{SerdeRef, Windowed};
use streams_core::state::{KeyValueStore, StoreCursor, TimestampedKeyValueStore, TimestampedWindowStore, WindowStore};
use streams_core::testing::{ProducedRecord, TestRecord, TopologyTestDriver};
use streams_core::{Error, Header, Headers, Result, Timestamp};

use crate::interpret::{build, Program, Stop};
use crate::model::{Case, ConfigSpec, HeaderSpec, InputRecord, InternalRecord, OutputRecord, Row, Run, Step};
use crate::value::{Cell, Datum, HexDatum, Type};

/// The application of every case; internal topics begin with it.
const APPLICATION_ID: &str = "app";
const INTERNAL: &str = "app-";
/// Topics that a sink chooses per record begin so.
const CHOSEN: &str = "out-";
/// Caches larger than any case fills, so that only commits flush.
const CACHE_BYTES: u64 = 100 << 20;
/// How often a commit may leave something to commit: a case has far fewer sub-topologies one behind the other.
const COMMITS_MAX: usize = 100;

/// Whether a run has caches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caches {
    /// None, and a commit after each record.
    Off,
    /// Caches that only commits of the case flush.
    On,
}

/// Builds the case's program anew and feeds it the input.
///
/// # Errors
/// As [`build`]; a run that fails is a run.
pub fn run(case: &Case, caches: Caches) -> std::result::Result<Run, Stop> {
    let Program { topology, sinks, sources, seen, .. } = build(&case.topology)?;
    let config = config(&case.topology.config, caches).map_err(Stop::Refused)?;
    let store_names: Vec<String> = topology.stores().map(|store| store.name().to_owned()).collect();
    let driver = match TopologyTestDriver::with_config(topology, &config) {
        Ok(driver) => driver,
        Err(error) => {
            let run = Run { seen: seen.all(), ..Run::default() };
            return Ok(failed(run, &error, -1));
        }
    };
    if caches == Caches::On {
        driver.commit_manually();
    }
    let failure = feed(&driver, &case.input, &sources, caches)?;
    let mut run = Run { seen: seen.all(), dropped: driver.dropped_records(), ..Run::default() };
    for produced in driver.take_produced() {
        let ProducedRecord { topic, record } = produced;
        if topic.starts_with(INTERNAL) {
            run.internal.entry(topic).or_default().push(internal(record));
        } else {
            let chosen = || sinks.get(CHOSEN).filter(|_| topic.starts_with(CHOSEN));
            let types = sinks.get(&topic).or_else(chosen);
            let (key, value) = types.cloned().unwrap_or_default();
            run.output.push(output(topic, record, &key, &value));
        }
    }
    match failure {
        Some((error, step)) => Ok(failed(run, &error, step)),
        None => {
            run.stores = Some(stores(&driver, store_names).map_err(|error| Stop::Mistake(error.report()))?);
            Ok(run)
        }
    }
}

fn failed(run: Run, error: &Error, step: i64) -> Run {
    let (fails, failure) = (Some(format!("{:?}", error.kind())), Some(error.report()));
    Run { stores: None, fails, fails_at: Some(step), failure, ..run }
}

fn config(spec: &ConfigSpec, caches: Caches) -> Result<StreamsConfig> {
    let mut config = StreamsConfig::new(APPLICATION_ID)?;
    config.runtime.statestore_cache_max_bytes = if caches == Caches::On { CACHE_BYTES } else { 0 };
    if spec.processing_handler.as_deref() == Some("continue") {
        config.runtime.processing_exception_handler = ExceptionHandler::Continue;
    }
    if spec.deserialization_handler.as_deref() == Some("continue") {
        config.runtime.deserialization_exception_handler = ExceptionHandler::Continue;
    }
    Ok(config)
}

type Types = BTreeMap<String, (Type, Type)>;

/// Feeds the input step by step. Returns the failure that ended it and its step.
fn feed(
    driver: &TopologyTestDriver,
    input: &[Step],
    sources: &Types,
    caches: Caches,
) -> std::result::Result<Option<(Error, i64)>, Stop> {
    for (index, step) in (0..).zip(input) {
        let done = match step {
            Step::Record(record) => {
                let Some(types) = sources.get(&record.topic) else {
                    return Err(Stop::Mistake(format!("step {index}: no node reads the topic `{}`", record.topic)));
                };
                pipe(driver, record, types)
            }
            Step::Advance(step) => {
                driver.advance_wall_clock_time(Duration::from_millis(u64::try_from(step.advance).unwrap_or(0)))
            }
            Step::Commit(_) if caches == Caches::On => driver.commit().map(|_| ()),
            Step::Commit(_) => Ok(()),
            Step::Restart(_) => driver.restart(),
        };
        if let Err(error) = done {
            return Ok(Some((error, index)));
        }
    }
    let mut is_left = caches == Caches::On;
    for _ in 0..COMMITS_MAX {
        if !is_left {
            break;
        }
        match driver.commit() {
            Ok(left) => is_left = left,
            Err(error) => return Ok(Some((error, i64::try_from(input.len()).unwrap_or(i64::MAX)))),
        }
    }
    Ok(None)
}

/// Keys and values go in as what they are, whatever the topic's types are, so that a case can pipe what does not decode.
fn pipe(driver: &TopologyTestDriver, record: &InputRecord, types: &(Type, Type)) -> Result<()> {
    let InputRecord { topic, key, value, ts, headers } = record;
    let input = driver.input_with(topic, serde_like(key, &types.0), serde_like(value, &types.1))?;
    let header = |(key, value): &HeaderSpec| Header { key: key.clone(), value: value.clone().map(Bytes::from) };
    let headers: Headers = headers.iter().map(header).collect();
    input.pipe_record(&TestRecord { key: key.clone(), value: value.clone(), timestamp: Timestamp(*ts), headers })
}

/// The serde of what a datum is; of a windowed key the topic's type says which of the two forms.
fn serde_like(datum: &Datum, of: &Type) -> SerdeRef<Datum> {
    match datum {
        Datum::Long(_) => Datum::serde(&Type::Long),
        Datum::Windowed(_) => Datum::serde(of),
        _ => Datum::serde(&Type::String),
    }
}

type Bits = TestRecord<Option<Bytes>, Option<Bytes>>;

fn output(topic: String, record: Bits, key: &Type, value: &Type) -> OutputRecord {
    let TestRecord { key: keys, value: values, timestamp, headers } = record;
    let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
    let headers = headers.iter().map(|header| (header.key.clone(), header.value.as_ref().map(text))).collect();
    OutputRecord { topic, key: decoded(keys, key), value: decoded(values, value), ts: timestamp.0, headers }
}

fn decoded(bytes: Option<Bytes>, of: &Type) -> Datum {
    match bytes {
        None => Datum::Null,
        Some(bytes) => {
            Datum::serde(of).deserialize(&bytes).unwrap_or_else(|_| Datum::Bytes(HexDatum { hex: hex(&bytes) }))
        }
    }
}

fn internal(record: Bits) -> InternalRecord {
    let TestRecord { key, value, timestamp, headers } = record;
    let digits = |bytes: Option<Bytes>| bytes.map(|bytes| hex(&bytes));
    let headers = headers.iter().map(|header| (header.key.clone(), digits(header.value.clone()))).collect();
    InternalRecord { key: digits(key), value: digits(value), ts: Some(timestamp.0), headers }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

/// The rows of all stores that show theirs. One that the topology has and no task opens is listed too: Kafka Streams leaves
/// out what nobody uses.
fn stores(driver: &TopologyTestDriver, names: Vec<String>) -> Result<BTreeMap<String, Vec<Row>>> {
    let open = driver.store_names();
    let mut all = BTreeMap::new();
    for name in names {
        let rows = if open.contains(&name) { rows(driver, &name)? } else { Vec::new() };
        all.insert(name, rows);
    }
    Ok(all)
}

/// Opens the store under each type of handle that the interpreter makes; a store is of one of them.
fn rows(driver: &TopologyTestDriver, name: &str) -> Result<Vec<Row>> {
    macro_rules! try_stores {
        ($($kind:ident<$key:ty, $value:ty> $rows:ident;)+) => {
            $(if let Ok(store) = driver.store::<$kind<$key, $value>>(name) {
                return $rows!(store);
            })+
        };
    }
    macro_rules! timestamped {
        ($store:expr) => {
            collect($store.all(), |(key, row)| (key.datum(), row.value.datum(), Some(row.timestamp)))
        };
    }
    macro_rules! windows {
        ($store:expr) => {
            collect($store.all()?, |(key, row)| (key.datum(), row.value.datum(), Some(row.timestamp)))
        };
    }
    macro_rules! plain {
        ($store:expr) => {
            collect($store.all(), |(key, value)| (key.datum(), value.datum(), None))
        };
    }
    macro_rules! plain_windows {
        ($store:expr) => {
            collect($store.all()?, |(key, value)| (key.datum(), value.datum(), None))
        };
    }
    try_stores! {
        TimestampedKeyValueStore<Datum, Datum> timestamped;
        TimestampedKeyValueStore<Datum, i64> timestamped;
        TimestampedKeyValueStore<Datum, Option<Datum>> timestamped;
        TimestampedKeyValueStore<Datum, Option<i64>> timestamped;
        TimestampedKeyValueStore<Windowed<Datum>, Datum> timestamped;
        TimestampedKeyValueStore<Windowed<Datum>, i64> timestamped;
        TimestampedKeyValueStore<Windowed<Datum>, Option<Datum>> timestamped;
        TimestampedKeyValueStore<Windowed<Datum>, Option<i64>> timestamped;
        TimestampedWindowStore<Datum, Datum> windows;
        TimestampedWindowStore<Datum, i64> windows;
        TimestampedWindowStore<Datum, Option<Datum>> windows;
        TimestampedWindowStore<Datum, Option<i64>> windows;
        KeyValueStore<Datum, Datum> plain;
        WindowStore<Datum, Datum> plain_windows;
    }
    let message = format!("store `{name}` is of a type that the interpreter does not make");
    Err(Error::new(streams_core::ErrorKind::Internal, message))
}

fn collect<T>(mut rows: StoreCursor<T>, row: impl Fn(T) -> (Datum, Datum, Option<Timestamp>)) -> Result<Vec<Row>> {
    let mut all = Vec::new();
    while let Some(next) = rows.next()? {
        let (key, value, time) = row(next);
        all.push(Row { key, value, ts: time.map(|time| time.0), ..Row::default() });
    }
    Ok(all)
}
