//! `process` and `process_values` with the named processors.

use std::marker::PhantomData;

use bytes::Bytes;
use streams_core::processor::RecordPosition;
use streams_core::state::{KeyValueStore, WindowStore};
use streams_dsl::prelude::*;

use crate::functions::number;
use crate::interpret::handles::{each_stream, Handle, Opt};
use crate::interpret::{missing, mistake, required, AddedStore, Builder, Stop};
use crate::model::{Node, Op, StoresSpec};
use crate::value::{Cell, Datum, Type};

/// How often a punctuator is due.
const PUNCTUATION_MS: u64 = 10;

/// What a named processor does with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Forward,
    CountInStore,
    LastValue,
    Punctuate(PunctuationType),
    Metadata,
    TimeShift,
    Headers,
    ForwardThenFail,
    WindowPuts,
}

/// Hands a named processor to one of the two operators, with the store that it works on and one that it leaves alone.
macro_rules! hosted {
    ($stream:ident, ($store:ident, $idle:ident), $kind:ident, $process:ident, $process_with:ident) => {
        match $store {
            Some(AddedStore::KeyValue(store)) if $idle.is_some() && $kind.wants_rows() => match $idle {
                Some(AddedStore::KeyValue(idle)) => {
                    $stream.$process_with((store, idle), move |(store, _)| Named::new($kind, Rows(store)))
                }
                _ => return missing("a processor with several stores that are not key-value stores"),
            },
            _ if $idle.is_some() => return missing("several stores of a processor without rows"),
            None => $stream.$process(move || Named::new($kind, NoStore)),
            Some(AddedStore::KeyValue(store)) if $kind.wants_rows() => {
                $stream.$process_with(store, move |store| Named::new($kind, Rows(store)))
            }
            Some(AddedStore::Window(store)) if $kind == Kind::WindowPuts => {
                $stream.$process_with(store, move |store| Named::new($kind, Windows(store)))
            }
            Some(AddedStore::KeyValue(store)) => $stream.$process_with(store, move |_| Named::new($kind, NoStore)),
            Some(AddedStore::Window(store)) => $stream.$process_with(store, move |_| Named::new($kind, NoStore)),
        }
    };
}

impl Kind {
    fn wants_rows(self) -> bool {
        matches!(self, Self::CountInStore | Self::LastValue | Self::Punctuate(_))
    }
}

impl Builder {
    /// `process` and `process_values`.
    pub(super) fn process(&mut self, node: &Node) -> Result<(), Stop> {
        let (stream, key, value) = self.input_stream(node)?;
        let (kind, result) = kind(required(&node.processor, "processor")?, &value)?;
        let names = match &node.stores {
            None => &[][..],
            Some(StoresSpec::Names(names)) => names,
            Some(StoresSpec::Kind(_)) => return mistake("a processor's `stores` is a list of names"),
        };
        let (store, idle) = match names {
            [] => (None, None),
            [name] => (Some(self.added_store(name)?), None),
            [name, idle] => (Some(self.added_store(name)?), Some(self.added_store(idle)?)),
            _ => return missing("a processor with more than two stores"),
        };
        if node.op == Op::ProcessValues && matches!(kind, Kind::Punctuate(_)) {
            return mistake("a processor of values has no record to forward when it punctuates");
        }
        let stream = each_stream!(&stream, s => {
            let processed = if node.op == Op::Process {
                hosted!(s, (store, idle), kind, process, process_with)
            } else {
                hosted!(s, (store, idle), kind, process_values, process_values_with)
            };
            match &node.name {
                Some(name) => processed.named(name).into(),
                None => processed.into(),
            }
        });
        self.returns(node, Handle::Stream(stream), key, result)
    }

    /// A store is named by what `add_store` returned, so that the compiler refuses one that was not added.
    fn added_store(&self, name: &str) -> Result<&AddedStore, Stop> {
        self.stores.get(name).ok_or_else(|| {
            let message = format!("there is no store `{name}`");
            Stop::Refused(Error::new(ErrorKind::InvalidTopology, message))
        })
    }
}

fn kind(name: &str, value: &Type) -> Result<(Kind, Type), Stop> {
    Ok(match name {
        "forward" => (Kind::Forward, value.clone()),
        "count_in_store" => (Kind::CountInStore, Type::Long),
        "last_value" => (Kind::LastValue, value.clone()),
        "punctuate_stream" => (Kind::Punctuate(PunctuationType::StreamTime), Type::Long),
        "punctuate_wall" => (Kind::Punctuate(PunctuationType::WallClockTime), Type::Long),
        "metadata" => (Kind::Metadata, Type::String),
        "time_shift" => (Kind::TimeShift, value.clone()),
        "headers" => (Kind::Headers, value.clone()),
        "forward_then_fail" => (Kind::ForwardThenFail, value.clone()),
        "window_puts" => (Kind::WindowPuts, Type::Long),
        "session_puts" => return missing("session store"),
        "versioned_puts" => return missing("versioned store"),
        _ => return mistake(format!("there is no processor `{name}`")),
    })
}

/// The store of a processor, if it has one.
trait Store: 'static {
    /// The row of a key before, after it is counted or replaced; what a record becomes.
    fn put(&self, kind: Kind, key: &Datum, value: &Datum, timestamp: Timestamp) -> Result<Datum>;

    /// All rows in order.
    fn rows(&self) -> Result<Vec<(Datum, Datum)>>;
}

/// A processor was given no store, or one of another kind than it works on.
fn no_store<T>() -> Result<T> {
    Err(Error::new(ErrorKind::Processing, "the processor has no store of the kind that it works on"))
}

struct NoStore;

impl Store for NoStore {
    fn put(&self, _: Kind, _: &Datum, _: &Datum, _: Timestamp) -> Result<Datum> {
        no_store()
    }

    fn rows(&self) -> Result<Vec<(Datum, Datum)>> {
        no_store()
    }
}

struct Rows(KeyValueStore<Datum, Datum>);

impl Store for Rows {
    fn put(&self, kind: Kind, key: &Datum, value: &Datum, _: Timestamp) -> Result<Datum> {
        let before = self.0.get(key)?.unwrap_or_default();
        if kind == Kind::LastValue {
            self.0.put(key, value)?;
            return Ok(before);
        }
        let count = Datum::Long(number(&before) + 1);
        self.0.put(key, &count)?;
        Ok(count)
    }

    fn rows(&self) -> Result<Vec<(Datum, Datum)>> {
        let (mut rows, mut all) = (Vec::new(), self.0.all());
        while let Some(row) = all.next()? {
            rows.push(row);
        }
        Ok(rows)
    }
}

struct Windows(WindowStore<Datum, Datum>);

impl Store for Windows {
    fn put(&self, _: Kind, key: &Datum, value: &Datum, timestamp: Timestamp) -> Result<Datum> {
        self.0.put(key, value, timestamp)?;
        let (mut count, mut rows) = (0, self.0.fetch_range(key, Timestamp(0), timestamp)?);
        while rows.next()?.is_some() {
            count += 1;
        }
        Ok(Datum::Long(count))
    }

    fn rows(&self) -> Result<Vec<(Datum, Datum)>> {
        no_store()
    }
}

/// A record as both kinds of processor give it.
struct In<'a> {
    key: Datum,
    value: Datum,
    timestamp: Timestamp,
    headers: &'a Headers,
}

/// Where results go, under the record's key.
trait Out {
    fn forward(&mut self, value: &Opt, timestamp: Timestamp, headers: &Headers) -> Result<()>;

    fn position(&self) -> Option<&RecordPosition>;
}

struct ToKeys<'r, 'c, 'a, K: 'static, V> {
    record: Record<'r, K, V>,
    cx: &'c mut Context<'a, K, Opt>,
}

impl<K, V> Out for ToKeys<'_, '_, '_, K, V> {
    fn forward(&mut self, value: &Opt, timestamp: Timestamp, headers: &Headers) -> Result<()> {
        self.cx.forward(self.record.with_value(value).with_timestamp(timestamp).with_headers(headers))
    }

    fn position(&self) -> Option<&RecordPosition> {
        self.cx.record_position()
    }
}

struct ToValues<'r, 'c, 'a, 'b, K: 'static, V> {
    record: FixedKeyRecord<'r, K, V>,
    cx: &'c mut FixedKeyContext<'a, 'b, K, Opt>,
}

impl<K, V> Out for ToValues<'_, '_, '_, '_, K, V> {
    fn forward(&mut self, value: &Opt, timestamp: Timestamp, headers: &Headers) -> Result<()> {
        self.cx.forward(self.record.with_value(value).with_timestamp(timestamp).with_headers(headers))
    }

    fn position(&self) -> Option<&RecordPosition> {
        self.cx.record_position()
    }
}

/// The processor of a name.
struct Named<K, S> {
    kind: Kind,
    store: S,
    keys: PhantomData<fn() -> K>,
}

impl<K, S> Named<K, S> {
    fn new(kind: Kind, store: S) -> Self {
        Self { kind, store, keys: PhantomData }
    }
}

impl<K, S: Store> Named<K, S> {
    fn run(&self, record: &In<'_>, out: &mut impl Out) -> Result<()> {
        let In { key, value, timestamp, headers } = record;
        let same = Opt::of(value.clone());
        match self.kind {
            Kind::Forward => out.forward(&same, *timestamp, headers),
            Kind::Metadata => {
                // Java's words for no place at all, as in a punctuator.
                let place = out.position().map_or_else(
                    || "null/-1/-1".to_owned(),
                    |at| format!("{}/{}/{}", at.topic_partition.topic, at.topic_partition.partition.0, at.offset.0),
                );
                out.forward(&Opt::of(Datum::Text(place)), *timestamp, headers)
            }
            Kind::TimeShift => out.forward(&same, Timestamp(timestamp.0.saturating_add(5)), headers),
            Kind::Headers => {
                let mut more = (*headers).clone();
                more.push("seen", Some(Bytes::from(key.to_string())));
                out.forward(&same, *timestamp, &more)
            }
            Kind::ForwardThenFail => {
                out.forward(&same, *timestamp, headers)?;
                if *value == Datum::text("fail") {
                    return Err(Error::new(ErrorKind::Processing, "the value says so"));
                }
                Ok(())
            }
            _ if key.is_null() => Ok(()),
            Kind::Punctuate(_) => self.store.put(self.kind, key, value, *timestamp).map(|_| ()),
            Kind::CountInStore | Kind::LastValue | Kind::WindowPuts => {
                let result = self.store.put(self.kind, key, value, *timestamp)?;
                out.forward(&Opt::of(result), *timestamp, headers)
            }
        }
    }
}

impl<K: Cell, V: Cell, S: Store> FixedKeyProcessor<K, V> for Named<K, S> {
    type VOut = Opt;

    fn process(&mut self, record: FixedKeyRecord<'_, K, V>, cx: &mut FixedKeyContext<'_, '_, K, Opt>) -> Result<()> {
        let (key, value) = (record.key().datum(), record.value().datum());
        let (timestamp, headers) = (record.timestamp(), record.headers());
        self.run(&In { key, value, timestamp, headers }, &mut ToValues { record, cx })
    }
}

impl<K: Cell, V: Cell, S: Store> Processor<K, V> for Named<K, S> {
    type KOut = K;
    type VOut = Opt;

    fn init(&mut self, cx: &mut Context<'_, K, Opt>) -> Result<()> {
        if let Kind::Punctuate(by) = self.kind {
            cx.schedule(millis(PUNCTUATION_MS), by);
        }
        Ok(())
    }

    fn process(&mut self, record: Record<'_, K, V>, cx: &mut Context<'_, K, Opt>) -> Result<()> {
        let (key, value) = (record.key.datum(), record.value.datum());
        let (timestamp, headers) = (record.timestamp, record.headers);
        self.run(&In { key, value, timestamp, headers }, &mut ToKeys { record, cx })
    }

    fn punctuate(&mut self, tick: Punctuation, cx: &mut Context<'_, K, Opt>) -> Result<()> {
        for (key, value) in self.store.rows()? {
            cx.forward(Record::new(&K::of(key), &Opt::of(value), tick.timestamp))?;
        }
        Ok(())
    }
}
