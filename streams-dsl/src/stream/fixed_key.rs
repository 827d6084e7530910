//! `process_values`: a user's processor that cannot change keys, so that what follows needs no repartition.
//!
//! It is an ordinary [`Processor`] behind two wrappers that give no way to another key.

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use streams_core::processor::{Cancellable, Context, Processor, Punctuation, PunctuationType, RecordPosition};
use streams_core::{Headers, Record, Result, TaskId, Timestamp};

use crate::graph::{ProcessorNode, PROCESS_VALUES};
use crate::ops::process::process;
use crate::stream::{KStream, StoreSet};

/// A user's operator that keeps every record's key: one instance per task, with its own stores.
pub trait FixedKeyProcessor<K, V>: 'static {
    /// The value type of what it forwards.
    type VOut: 'static;

    /// Runs once before the first record, with restored stores.
    ///
    /// # Errors
    /// Stops the task.
    fn init(&mut self, cx: &mut FixedKeyContext<'_, '_, K, Self::VOut>) -> Result<()> {
        let _ = cx;
        Ok(())
    }

    /// Processes one record.
    ///
    /// # Errors
    /// Goes to the processing handler, which stops the task unless told otherwise.
    fn process(
        &mut self,
        record: FixedKeyRecord<'_, K, V>,
        cx: &mut FixedKeyContext<'_, '_, K, Self::VOut>,
    ) -> Result<()>;

    /// One of the schedules made with [`FixedKeyContext::schedule`] is due. There is no record, so nothing can be forwarded.
    ///
    /// # Errors
    /// As [`Self::process`], without a source record.
    fn punctuate(&mut self, tick: Punctuation, cx: &mut FixedKeyContext<'_, '_, K, Self::VOut>) -> Result<()> {
        let _ = (tick, cx);
        Ok(())
    }

    /// Runs once when the task closes, also after a failure.
    ///
    /// # Errors
    /// Is logged; the task closes all the same.
    fn close(&mut self) -> Result<()> {
        Ok(())
    }
}

/// A record whose key stays. Only a processor's input makes one.
pub struct FixedKeyRecord<'a, K, V>(Record<'a, K, V>);

impl<'a, K, V> FixedKeyRecord<'a, K, V> {
    /// The key.
    pub fn key(&self) -> &'a K {
        self.0.key
    }

    /// The value.
    pub fn value(&self) -> &'a V {
        self.0.value
    }

    /// The event time.
    pub fn timestamp(&self) -> Timestamp {
        self.0.timestamp
    }

    /// The headers.
    pub fn headers(&self) -> &'a Headers {
        self.0.headers
    }

    /// The same record with another value.
    pub fn with_value<'b, V2>(self, value: &'b V2) -> FixedKeyRecord<'b, K, V2>
    where
        'a: 'b,
    {
        FixedKeyRecord(self.0.with_value(value))
    }

    /// The same record at another time.
    #[must_use]
    pub fn with_timestamp(self, timestamp: Timestamp) -> Self {
        Self(self.0.with_timestamp(timestamp))
    }

    /// The same record with other headers.
    #[must_use]
    pub fn with_headers(self, headers: &'a Headers) -> Self {
        Self(self.0.with_headers(headers))
    }
}

impl<K, V> Clone for FixedKeyRecord<'_, K, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V> Copy for FixedKeyRecord<'_, K, V> {}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for FixedKeyRecord<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a processor of values can do while a record, or a tick, is its turn.
#[derive(Debug)]
pub struct FixedKeyContext<'a, 'b, K, VOut>(&'a mut Context<'b, K, VOut>);

impl<K, VOut> FixedKeyContext<'_, '_, K, VOut> {
    /// Sends a record to all children, depth first; returns when all that follows from it is done.
    ///
    /// # Errors
    /// What nodes downstream report; pass it on.
    #[inline]
    pub fn forward(&mut self, record: FixedKeyRecord<'_, K, VOut>) -> Result<()> {
        self.0.forward(record.0)
    }

    /// Asks for a call of [`FixedKeyProcessor::punctuate`] every `interval` of the given clock.
    pub fn schedule(&mut self, interval: Duration, clock: PunctuationType) -> Cancellable {
        self.0.schedule(interval, clock)
    }

    /// Asks for a commit at the next opportunity.
    pub fn commit(&mut self) {
        self.0.commit();
    }

    /// The task that this instance belongs to.
    pub fn task_id(&self) -> TaskId {
        self.0.task_id()
    }

    /// Topic, partition and offset of the record being processed; `None` inside a punctuation.
    pub fn record_position(&self) -> Option<&RecordPosition> {
        self.0.record_position()
    }

    /// The task's stream time: the largest timestamp seen so far, -1 before the first record.
    pub fn current_stream_time(&self) -> Timestamp {
        self.0.current_stream_time()
    }

    /// The wall clock as of the current step.
    pub fn current_system_time(&self) -> Timestamp {
        self.0.current_system_time()
    }
}

/// The processor that hosts one of values.
struct KeepsKeys<P>(P);

impl<K: 'static, V, P: FixedKeyProcessor<K, V>> Processor<K, V> for KeepsKeys<P> {
    type KOut = K;
    type VOut = P::VOut;

    fn init(&mut self, cx: &mut Context<'_, K, P::VOut>) -> Result<()> {
        self.0.init(&mut FixedKeyContext(cx))
    }

    #[inline]
    fn process(&mut self, record: Record<'_, K, V>, cx: &mut Context<'_, K, P::VOut>) -> Result<()> {
        self.0.process(FixedKeyRecord(record), &mut FixedKeyContext(cx))
    }

    fn punctuate(&mut self, tick: Punctuation, cx: &mut Context<'_, K, P::VOut>) -> Result<()> {
        self.0.punctuate(tick, &mut FixedKeyContext(cx))
    }

    fn close(&mut self) -> Result<()> {
        self.0.close()
    }
}

impl<K: 'static, V: 'static> KStream<K, V> {
    /// Runs every record through a processor that keeps its key; `supplier` makes one for each task. Unlike
    /// [`KStream::process`] it does not make what follows repartition.
    #[doc(alias = "processValues")]
    #[track_caller]
    pub fn process_values<P, F>(&self, supplier: F) -> KStream<K, P::VOut>
    where
        P: FixedKeyProcessor<K, V>,
        F: Fn() -> P + Send + Sync + 'static,
    {
        self.process_values_with((), move |()| supplier())
    }

    /// The same for a processor with stores: they are connected to it, and `supplier` gets their handles.
    ///
    /// ```
    /// use streams_core::testing::TopologyTestDriver;
    /// use streams_dsl::prelude::*;
    ///
    /// /// By how much each value differs from the one before it.
    /// struct Differences(KeyValueStore<String, i64>);
    ///
    /// impl FixedKeyProcessor<String, i64> for Differences {
    ///     type VOut = i64;
    ///
    ///     fn process(
    ///         &mut self,
    ///         record: FixedKeyRecord<'_, String, i64>,
    ///         cx: &mut FixedKeyContext<'_, '_, String, i64>,
    ///     ) -> Result<()> {
    ///         let before = self.0.get(record.key())?.unwrap_or(0);
    ///         self.0.put(record.key(), record.value())?;
    ///         cx.forward(record.with_value(&(record.value() - before)))
    ///     }
    /// }
    ///
    /// let builder = StreamsBuilder::new();
    /// let last = builder.add_store(Stores::in_memory_key_value::<String, i64>("last"));
    /// builder.stream::<String, i64>("in").process_values_with(&last, Differences).to("out");
    ///
    /// let driver = TopologyTestDriver::new(builder.build()?)?;
    /// driver.input::<String, i64>("in")?.pipe_all([("a", 1), ("a", 5), ("b", 3)])?;
    /// driver.output::<String, i64>("out")?.check("a = 1 @ 0\na = 4 @ 0\nb = 3 @ 0");
    /// # Ok::<(), Error>(())
    /// ```
    #[doc(alias = "processValues")]
    #[track_caller]
    pub fn process_values_with<S, P, F>(&self, stores: S, supplier: F) -> KStream<K, P::VOut>
    where
        S: StoreSet,
        P: FixedKeyProcessor<K, V>,
        F: Fn(S::Handles) -> P + Send + Sync + 'static,
    {
        let names = stores.names();
        let connected = names.clone();
        let factory = process::<K, V, KeepsKeys<P>, _>(move |node, wiring| {
            Ok(KeepsKeys(supplier(S::handles(&names, node, wiring)?)))
        });
        let lower = ProcessorNode::stream_to_stream::<K, V, K, P::VOut>(factory).connected_to(connected);
        let node = self.add(PROCESS_VALUES, lower);
        KStream::new(Rc::clone(&self.graph), node, Rc::clone(&self.sources))
            .with_serdes(self.keys.clone(), None)
            .requiring_repartition(self.repartition_required)
    }
}
