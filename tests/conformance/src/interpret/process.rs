//! `process` with the named processors.

use std::marker::PhantomData;

use bytes::Bytes;
use streams_core::state::{KeyValueStore, WindowStore};
use streams_dsl::prelude::*;

use crate::functions::number;
use crate::interpret::handles::{each_stream, Handle, Opt};
use crate::interpret::{missing, mistake, required, AddedStore, Builder, Stop};
use crate::model::{Node, StoresSpec};
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

impl Builder {
    /// `process`.
    pub(super) fn process(&mut self, node: &Node) -> Result<(), Stop> {
        let (stream, key, value) = self.input_stream(node)?;
        let (kind, result) = kind(required(&node.processor, "processor")?, &value)?;
        let names = match &node.stores {
            None => &[][..],
            Some(StoresSpec::Names(names)) => names,
            Some(StoresSpec::Kind(_)) => return mistake("a processor's `stores` is a list of names"),
        };
        let store = match names {
            [] => None,
            [name] => match self.stores.get(name) {
                Some(store) => Some(store),
                // A store is named by what `add_store` returned, so that the compiler refuses one that was not added.
                None => {
                    let message = format!("there is no store `{name}`");
                    return Err(Stop::Refused(Error::new(ErrorKind::InvalidTopology, message)));
                }
            },
            _ => return missing("a processor with several stores"),
        };
        let wants_rows = matches!(kind, Kind::CountInStore | Kind::LastValue | Kind::Punctuate(_));
        let stream = each_stream!(&stream, s => {
            let processed = match store {
                None => s.process(move || Named::new(kind, NoStore)),
                Some(AddedStore::KeyValue(store)) if wants_rows => {
                    s.process_with(store, move |store| Named::new(kind, Rows(store)))
                }
                Some(AddedStore::Window(store)) if kind == Kind::WindowPuts => {
                    s.process_with(store, move |store| Named::new(kind, Windows(store)))
                }
                Some(AddedStore::KeyValue(store)) => s.process_with(store, move |_| Named::new(kind, NoStore)),
                Some(AddedStore::Window(store)) => s.process_with(store, move |_| Named::new(kind, NoStore)),
            };
            match &node.name {
                Some(name) => processed.named(name).into(),
                None => processed.into(),
            }
        });
        self.returns(node, Handle::Stream(stream), key, result)
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
        let same = Opt::of(value.clone());
        match self.kind {
            Kind::Forward => cx.forward(record.with_value(&same)),
            Kind::Metadata => {
                // Java's words for no place at all, as in a punctuator.
                let place = cx.record_position().map_or_else(
                    || "null/-1/-1".to_owned(),
                    |at| format!("{}/{}/{}", at.topic_partition.topic, at.topic_partition.partition.0, at.offset.0),
                );
                cx.forward(record.with_value(&Opt::of(Datum::Text(place))))
            }
            Kind::TimeShift => {
                cx.forward(record.with_value(&same).with_timestamp(Timestamp(record.timestamp.0.saturating_add(5))))
            }
            Kind::Headers => {
                let mut headers = record.headers.clone();
                headers.push("seen", Some(Bytes::from(key.to_string())));
                cx.forward(record.with_value(&same).with_headers(&headers))
            }
            Kind::ForwardThenFail => {
                cx.forward(record.with_value(&same))?;
                if value == Datum::text("fail") {
                    return Err(Error::new(ErrorKind::Processing, "the value says so"));
                }
                Ok(())
            }
            _ if key.is_null() => Ok(()),
            Kind::Punctuate(_) => self.store.put(self.kind, &key, &value, record.timestamp).map(|_| ()),
            Kind::CountInStore | Kind::LastValue | Kind::WindowPuts => {
                let result = self.store.put(self.kind, &key, &value, record.timestamp)?;
                cx.forward(record.with_value(&Opt::of(result)))
            }
        }
    }

    fn punctuate(&mut self, tick: Punctuation, cx: &mut Context<'_, K, Opt>) -> Result<()> {
        for (key, value) in self.store.rows()? {
            cx.forward(Record::new(&K::of(key), &Opt::of(value), tick.timestamp))?;
        }
        Ok(())
    }
}
