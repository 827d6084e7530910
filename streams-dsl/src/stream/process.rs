//! `process`: a user's processor in the middle of a stream, with the stores it names.

use std::fmt;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;

use streams_core::processor::Processor;
use streams_core::state::StateStore;
use streams_core::topology::Wiring;
use streams_core::{NodeId, Result};

use crate::graph::{ProcessorNode, PROCESSOR};
use crate::ops::process::process;
use crate::stream::KStream;

/// A store that was added to a builder, by the type of its handle `S`. Naming it in
/// [`KStream::process_with`] both connects it and hands it to the processor.
pub struct StoreRef<S> {
    name: Arc<str>,
    handle: PhantomData<fn() -> S>,
}

impl<S> StoreRef<S> {
    pub(crate) fn new(name: Arc<str>) -> Self {
        Self { name, handle: PhantomData }
    }

    /// The store's name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl<S> Clone for StoreRef<S> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.name))
    }
}

impl<S> fmt::Debug for StoreRef<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreRef({})", self.name)
    }
}

/// The stores that a processor asks for: `()`, a reference to a [`StoreRef`], or a tuple of such references.
#[diagnostic::on_unimplemented(
    message = "`{Self}` names no stores",
    note = "pass `&store` or a tuple `(&first, &second)` of what `StreamsBuilder::add_store` returned"
)]
pub trait StoreSet {
    /// The typed handles, in the same shape.
    type Handles;

    /// The stores' names.
    fn names(&self) -> Vec<Arc<str>>;

    /// The handles of one task's stores, given their names.
    ///
    /// # Errors
    /// When a store is of another type than its reference says.
    fn handles(names: &[Arc<str>], node: NodeId, wiring: &Wiring<'_>) -> Result<Self::Handles>;
}

impl StoreSet for () {
    type Handles = ();

    fn names(&self) -> Vec<Arc<str>> {
        Vec::new()
    }

    fn handles(_: &[Arc<str>], _: NodeId, _: &Wiring<'_>) -> Result<()> {
        Ok(())
    }
}

impl<S: StateStore> StoreSet for &StoreRef<S> {
    type Handles = S;

    fn names(&self) -> Vec<Arc<str>> {
        vec![Arc::clone(&self.name)]
    }

    fn handles(names: &[Arc<str>], node: NodeId, wiring: &Wiring<'_>) -> Result<S> {
        wiring.store(node, names.first().map_or("", |name| name))
    }
}

macro_rules! store_set_of_tuple {
    ($($store:ident $index:tt),+) => {
        impl<$($store: StateStore),+> StoreSet for ($(&StoreRef<$store>,)+) {
            type Handles = ($($store,)+);

            fn names(&self) -> Vec<Arc<str>> {
                vec![$(Arc::clone(&self.$index.name)),+]
            }

            fn handles(names: &[Arc<str>], node: NodeId, wiring: &Wiring<'_>) -> Result<Self::Handles> {
                Ok(($(wiring.store::<$store>(node, names.get($index).map_or("", |name| name))?,)+))
            }
        }
    };
}

store_set_of_tuple!(S0 0);
store_set_of_tuple!(S0 0, S1 1);
store_set_of_tuple!(S0 0, S1 1, S2 2);
store_set_of_tuple!(S0 0, S1 1, S2 2, S3 3);
store_set_of_tuple!(S0 0, S1 1, S2 2, S3 3, S4 4);
store_set_of_tuple!(S0 0, S1 1, S2 2, S3 3, S4 4, S5 5);

impl<K: 'static, V: 'static> KStream<K, V> {
    /// Runs every record through a processor; `supplier` makes one for each task. What follows by key is
    /// repartitioned, because a processor may forward other keys.
    #[track_caller]
    pub fn process<P, F>(&self, supplier: F) -> KStream<P::KOut, P::VOut>
    where
        P: Processor<K, V>,
        F: Fn() -> P + Send + Sync + 'static,
    {
        self.process_with((), move |()| supplier())
    }

    /// The same for a processor with stores: they are connected to it, and `supplier` gets their handles.
    ///
    /// ```
    /// use streams_core::testing::TopologyTestDriver;
    /// use streams_dsl::prelude::*;
    ///
    /// struct OnlyFirst(KeyValueStore<String, i64>);
    ///
    /// impl Processor<String, i64> for OnlyFirst {
    ///     type KOut = String;
    ///     type VOut = i64;
    ///
    ///     fn process(&mut self, record: Record<'_, String, i64>, cx: &mut Context<'_, String, i64>) -> Result<()> {
    ///         match self.0.put_if_absent(record.key, record.value)? {
    ///             None => cx.forward(record),
    ///             Some(_) => Ok(()),
    ///         }
    ///     }
    /// }
    ///
    /// let builder = StreamsBuilder::new();
    /// let seen = builder.add_store(Stores::in_memory_key_value::<String, i64>("seen"));
    /// builder.stream::<String, i64>("in").process_with(&seen, OnlyFirst).to("out");
    ///
    /// let driver = TopologyTestDriver::new(builder.build()?)?;
    /// driver.input::<String, i64>("in")?.pipe_all([("a", 1), ("a", 2), ("b", 3)])?;
    /// driver.output::<String, i64>("out")?.check("a = 1 @ 0\nb = 3 @ 0");
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    pub fn process_with<S, P, F>(&self, stores: S, supplier: F) -> KStream<P::KOut, P::VOut>
    where
        S: StoreSet,
        P: Processor<K, V>,
        F: Fn(S::Handles) -> P + Send + Sync + 'static,
    {
        let names = stores.names();
        let connected = names.clone();
        let factory = process::<K, V, P, _>(move |node, wiring| Ok(supplier(S::handles(&names, node, wiring)?)));
        let lower = ProcessorNode::stream_to_stream::<K, V, P::KOut, P::VOut>(factory).connected_to(connected);
        let node = self.add(PROCESSOR, lower);
        KStream::new(Rc::clone(&self.graph), node, Rc::clone(&self.sources)).requiring_repartition(true)
    }
}
