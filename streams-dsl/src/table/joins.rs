//! Joins of two tables on equal keys.

use std::rc::Rc;
use std::sync::Arc;

use streams_core::processor::TableEdge;
use streams_core::serde::Nullable;
use streams_core::state::StoreSpec;
use streams_core::topology::{NodeFactory, TypeSignature};
use streams_core::{NodeId, Result};

use crate::graph::{GraphId, Lower, LowerSite};
use crate::ops::join::{merge_tables, table_table, JoinGetter, TableJoin};
use crate::ops::table::{GetterFactory, Nulls, OldRow, TableFlags};
use crate::options::Materialized;
use crate::table::stateless::Kept;
use crate::table::{Asked, KTable, TableView};

/// What each side of a join does, and which of them must know the row before a change.
struct Kinds {
    this: TableJoin,
    other: TableJoin,
    this_old_values: bool,
    other_old_values: bool,
}

const INNER: Kinds =
    Kinds { this: TableJoin::Inner, other: TableJoin::Inner, this_old_values: false, other_old_values: false };
const LEFT: Kinds =
    Kinds { this: TableJoin::This, other: TableJoin::Other, this_old_values: true, other_old_values: false };
const OUTER: Kinds =
    Kinds { this: TableJoin::Either, other: TableJoin::Either, this_old_values: true, other_old_values: true };

impl<K: 'static, V: 'static> KTable<K, V> {
    /// The rows that both tables have. As with all joins of tables, a row for which `joiner` gives `None` is not there, as
    /// for null in Kafka Streams.
    #[track_caller]
    pub fn join<VO, R, F>(&self, other: &KTable<K, VO>, joiner: F) -> KTable<K, R>
    where
        VO: 'static,
        R: Nullable + 'static,
        F: Fn(&V, &VO) -> R + Send + Sync + 'static,
    {
        // The kind guarantees both rows; without one of them there is no result to make.
        self.joined(other, INNER, Nulls::of_type(), None, move |_, this: Option<&V>, other: Option<&VO>| {
            Some(joiner(this?, other?))
        })
    }

    /// This table's rows, each with the other's if it has one.
    #[doc(alias = "leftJoin")]
    #[track_caller]
    pub fn left_join<VO, R, F>(&self, other: &KTable<K, VO>, joiner: F) -> KTable<K, R>
    where
        VO: 'static,
        R: Nullable + 'static,
        F: Fn(&V, Option<&VO>) -> R + Send + Sync + 'static,
    {
        self.joined(other, LEFT, Nulls::of_type(), None, move |_, this: Option<&V>, other: Option<&VO>| {
            Some(joiner(this?, other))
        })
    }

    /// The rows that either table has.
    #[doc(alias = "outerJoin")]
    #[track_caller]
    pub fn outer_join<VO, R, F>(&self, other: &KTable<K, VO>, joiner: F) -> KTable<K, R>
    where
        VO: 'static,
        R: Nullable + 'static,
        F: Fn(Option<&V>, Option<&VO>) -> R + Send + Sync + 'static,
    {
        self.joined(other, OUTER, Nulls::of_type(), None, move |_, this: Option<&V>, other: Option<&VO>| {
            Some(joiner(this, other))
        })
    }

    /// As [`Self::join`], kept in a store; without a name in `materialized` it gets a generated one.
    #[doc(alias = "join")]
    #[track_caller]
    pub fn join_with<VO, R, F>(
        &self,
        other: &KTable<K, VO>,
        materialized: Materialized<K, R>,
        joiner: F,
    ) -> KTable<K, R>
    where
        VO: 'static,
        R: 'static,
        F: Fn(&V, &VO) -> R + Send + Sync + 'static,
    {
        let joiner = move |_: &K, this: Option<&V>, other: Option<&VO>| Some(joiner(this?, other?));
        self.joined(other, INNER, nulls_of(&materialized), Some(materialized), joiner)
    }

    /// As [`Self::left_join`], kept in a store; without a name in `materialized` it gets a generated one.
    #[doc(alias = "leftJoin")]
    #[track_caller]
    pub fn left_join_with<VO, R, F>(
        &self,
        other: &KTable<K, VO>,
        materialized: Materialized<K, R>,
        joiner: F,
    ) -> KTable<K, R>
    where
        VO: 'static,
        R: 'static,
        F: Fn(&V, Option<&VO>) -> R + Send + Sync + 'static,
    {
        let joiner = move |_: &K, this: Option<&V>, other: Option<&VO>| Some(joiner(this?, other));
        self.joined(other, LEFT, nulls_of(&materialized), Some(materialized), joiner)
    }

    /// As [`Self::outer_join`], kept in a store; without a name in `materialized` it gets a generated one.
    #[doc(alias = "outerJoin")]
    #[track_caller]
    pub fn outer_join_with<VO, R, F>(
        &self,
        other: &KTable<K, VO>,
        materialized: Materialized<K, R>,
        joiner: F,
    ) -> KTable<K, R>
    where
        VO: 'static,
        R: 'static,
        F: Fn(Option<&V>, Option<&VO>) -> R + Send + Sync + 'static,
    {
        let joiner = move |_: &K, this: Option<&V>, other: Option<&VO>| Some(joiner(this, other));
        self.joined(other, OUTER, nulls_of(&materialized), Some(materialized), joiner)
    }

    #[track_caller]
    fn joined<VO, R, F>(
        &self,
        other: &KTable<K, VO>,
        kinds: Kinds,
        nulls: Nulls<R>,
        materialized: Option<Materialized<K, R>>,
        joiner: F,
    ) -> KTable<K, R>
    where
        VO: 'static,
        R: 'static,
        F: Fn(&K, Option<&V>, Option<&VO>) -> Option<R> + Send + Sync + 'static,
    {
        if kinds.this_old_values {
            self.view.enable_old_values(Asked::Needed);
        }
        if kinds.other_old_values {
            other.view.enable_old_values(Asked::Needed);
        }
        let (joiner, flags) = (Arc::new(joiner), TableFlags::new());
        let mut graph = self.graph.borrow_mut();
        let kept = materialized.as_ref().map(|materialized| {
            let name = match materialized.given_name() {
                Some(name) => name.to_owned(),
                None => graph.names().store("KTABLE-MERGE-"),
            };
            Kept::new(&name, materialized, &flags, OldRow::Given)
        });
        let view: Rc<dyn TableView<K, R>> = Rc::new(JoinView {
            flags: Arc::clone(&flags),
            this: Rc::clone(&self.view),
            other: Rc::clone(&other.view),
            kind: kinds.this,
            joiner: Arc::clone(&joiner),
            nulls: nulls.clone(),
            kept: kept.as_ref().map(Kept::view),
        });
        let (this_side, other_side) = self.sides(other, &kinds, &flags, &joiner, &nulls);
        let (store, keep) = kept.map(|kept| (kept.spec, kept.keep)).unzip();
        let store_name = store.as_ref().map(|store| store.name().to_owned());
        let name = graph.names().operator("KTABLE-MERGE-");
        let lower = TableTableJoin {
            generated_name: name.clone(),
            this_name: graph.names().operator("KTABLE-JOINTHIS-"),
            other_name: graph.names().operator("KTABLE-JOINOTHER-"),
            this: this_side,
            other: other_side,
            output: TypeSignature::of::<TableEdge<K, R>>(),
            merge: merge_tables::<K, R>(keep),
            store,
            sources: self.sources.iter().chain(other.sources.iter()).copied().collect(),
        };
        let sources = Rc::clone(&lower.sources);
        let node = graph.add(name, &[self.node, other.node], lower);
        drop(graph);
        let values = materialized.as_ref().map(|materialized| Arc::clone(materialized.values()));
        let table = KTable::new(Rc::clone(&self.graph), node, view, sources).with_serdes(self.keys.clone(), values);
        match store_name {
            Some(name) => table.stored_in(&name),
            None => table,
        }
    }

    /// The two nodes of a join, each with the stores that it looks the other's rows up in.
    #[track_caller]
    fn sides<VO, R, F>(
        &self,
        other: &KTable<K, VO>,
        kinds: &Kinds,
        flags: &Arc<TableFlags>,
        joiner: &Arc<F>,
        nulls: &Nulls<R>,
    ) -> (Side, Side)
    where
        VO: 'static,
        R: 'static,
        F: Fn(&K, Option<&V>, Option<&VO>) -> Option<R> + Send + Sync + 'static,
    {
        let (this_getter, other_getter) = (self.view.getter(), other.view.getter());
        let mirrored = {
            let joiner = Arc::clone(joiner);
            Arc::new(move |key: &K, other: Option<&VO>, this: Option<&V>| joiner(key, this, other))
        };
        let (flags, nulls) = ((Arc::clone(flags), Arc::clone(flags)), (nulls.clone(), nulls.clone()));
        let joiner = Arc::clone(joiner);
        let this = Side {
            input: TypeSignature::of::<TableEdge<K, V>>(),
            looked_up: other_getter.stores(),
            factory: table_table::<K, V, VO, R, _>(kinds.this, other_getter, flags.0, joiner, nulls.0),
        };
        let other = Side {
            input: TypeSignature::of::<TableEdge<K, VO>>(),
            looked_up: this_getter.stores(),
            factory: table_table::<K, VO, V, R, _>(kinds.other, this_getter, flags.1, mirrored, nulls.1),
        };
        (this, other)
    }
}

/// What null is among the values of a store.
fn nulls_of<K: 'static, R: 'static>(materialized: &Materialized<K, R>) -> Nulls<R> {
    Nulls::Serde(Arc::clone(materialized.values()))
}

struct JoinView<K, V, VO, R, F> {
    flags: Arc<TableFlags>,
    this: Rc<dyn TableView<K, V>>,
    other: Rc<dyn TableView<K, VO>>,
    kind: TableJoin,
    joiner: Arc<F>,
    nulls: Nulls<R>,
    /// The join's own store, where it has one.
    kept: Option<Rc<dyn TableView<K, R>>>,
}

impl<K, V, VO, R, F> TableView<K, R> for JoinView<K, V, VO, R, F>
where
    K: 'static,
    V: 'static,
    VO: 'static,
    R: 'static,
    F: Fn(&K, Option<&V>, Option<&VO>) -> Option<R> + Send + Sync + 'static,
{
    fn getter(&self) -> Arc<dyn GetterFactory<K, R>> {
        if let Some(kept) = &self.kept {
            return kept.getter();
        }
        let (this, other) = (self.this.getter(), self.other.getter());
        Arc::new(JoinGetter {
            kind: self.kind,
            this,
            other,
            joiner: Arc::clone(&self.joiner),
            nulls: self.nulls.clone(),
        })
    }

    fn enable_old_values(&self, _: Asked) -> bool {
        // Both sides keep their rows for the join anyhow, so the row before costs no further store. A join that keeps its
        // rows asks them too, as in Kafka Streams: the row before is the join of the old values.
        self.flags.enable_old_values();
        self.this.enable_old_values(Asked::Needed);
        self.other.enable_old_values(Asked::Needed);
        true
    }
}

struct Side {
    input: TypeSignature,
    looked_up: Vec<Arc<str>>,
    factory: Arc<dyn NodeFactory>,
}

struct TableTableJoin {
    generated_name: String,
    this_name: String,
    other_name: String,
    this: Side,
    other: Side,
    output: TypeSignature,
    merge: Arc<dyn NodeFactory>,
    /// Keeps the joined rows.
    store: Option<Arc<StoreSpec>>,
    sources: Rc<[GraphId]>,
}

impl Lower for TableTableJoin {
    fn lower(&self, mut site: LowerSite<'_>) -> Result<NodeId> {
        site.copartition(&self.sources);
        let LowerSite { name, parents, topology, .. } = site;
        // A join that the user named names its sides after itself.
        let (this_name, other_name) = if name == self.generated_name {
            (self.this_name.clone(), self.other_name.clone())
        } else {
            (format!("{name}-join-this"), format!("{name}-join-other"))
        };
        let (this_parent, other_parent) = (&parents[..1], &parents[1..]);
        let output = Some(self.output);
        let this =
            topology.add_processor(&this_name, this_parent, self.this.input, output, Arc::clone(&self.this.factory))?;
        let other = topology.add_processor(
            &other_name,
            other_parent,
            self.other.input,
            output,
            Arc::clone(&self.other.factory),
        )?;
        for (node, side) in [(this, &self.this), (other, &self.other)] {
            for store in &side.looked_up {
                topology.connect(node, store)?;
            }
        }
        let merge = topology.add_processor(name, &[this, other], self.output, output, Arc::clone(&self.merge))?;
        if let Some(store) = &self.store {
            topology.add_store(Arc::clone(store))?;
            topology.connect(merge, store.name())?;
        }
        Ok(merge)
    }
}
