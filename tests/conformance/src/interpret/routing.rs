//! Operators that split, join and redirect streams: `split`, `merge`, `repartition`, `to_table`.

use streams_dsl::{Branched, KStream, KTable};

use crate::functions::predicate;
use crate::interpret::handles::{each_stream, Handle, Stream, Table};
use crate::interpret::options::{materialized, repartitioned};
use crate::interpret::{missing, mistake, stream_of, Builder, Stop};
use crate::model::{BranchSpec, Node};
use crate::value::{Cell, Type};

impl Builder {
    /// `split`.
    pub(super) fn split(&mut self, node: &Node) -> Result<(), Stop> {
        let (stream, key, value) = self.input_stream(node)?;
        if node.branches.iter().flatten().any(|branch| branch.chain.is_some()) {
            return missing("branch with a function");
        }
        let branches = each_stream!(&stream, s => branches(s, node)?);
        for (id, branch) in branches {
            self.returns_as(&id, Handle::Stream(branch), key.clone(), value.clone())?;
        }
        Ok(())
    }

    /// `merge`.
    pub(super) fn merge(&mut self, node: &Node) -> Result<(), Stop> {
        let (stream, key, value) = self.input_stream(node)?;
        let (other, other_key, other_value) = stream_of(self.with(node)?)?;
        if (&key, &value) != (&other_key, &other_value) {
            return mistake("the two streams have different types");
        }
        macro_rules! merged {
            ($($variant:ident)+) => {
                match (&stream, &other) {
                    $((Stream::$variant(stream), Stream::$variant(other)) => Stream::$variant(stream.merge(other)),)+
                    _ => return missing("merge of streams of different nullability"),
                }
            };
        }
        let merged = merged!(Plain Counts Nested NestedCounts Windows WindowCounts WindowNested WindowNestedCounts);
        let merged = match &node.name {
            Some(name) => each_stream!(merged, s => s.named(name).into()),
            None => merged,
        };
        self.returns(node, Handle::Stream(merged), key, value)
    }

    /// `repartition`.
    pub(super) fn repartition(&mut self, node: &Node) -> Result<(), Stop> {
        let (stream, key, value) = self.input_stream(node)?;
        let stream: Stream = each_stream!(&stream, s => s.repartition_with(repartitioned(node, &key, &value)?).into());
        self.returns(node, Handle::Stream(stream), key, value)
    }

    /// `to_table`.
    pub(super) fn table_of_stream(&mut self, node: &Node) -> Result<(), Stop> {
        let (stream, key, value) = self.input_stream(node)?;
        let table = each_stream!(&stream, s => to_table(s, node, &key, &value)?);
        self.returns(node, Handle::Table(table), key, value)
    }
}

fn to_table<K: Cell, V: Cell>(
    stream: &KStream<K, Option<V>>,
    node: &Node,
    key: &Type,
    value: &Type,
) -> Result<Table, Stop>
where
    Table: From<KTable<K, V>>,
{
    let table = stream.to_table_with(materialized(node, key, value)?);
    Ok(match &node.name {
        Some(name) => table.named(name).into(),
        None => table.into(),
    })
}

fn branches<K: Cell, V: Cell>(stream: &KStream<K, V>, node: &Node) -> Result<Vec<(String, Stream)>, Stop>
where
    Stream: From<KStream<K, V>>,
{
    let mut split = stream.split();
    if let Some(name) = &node.name {
        split = split.named(name);
    }
    let mut branches = Vec::new();
    for BranchSpec { predicate: name, name: given, id, .. } in node.branches.iter().flatten() {
        let predicate = predicate(name)?;
        let taken = move |key: &K, value: &V| predicate(&key.datum(), &value.datum());
        branches.push((id.clone(), split.branch_with(branched(given.as_deref()), taken).into()));
    }
    if let Some(rest) = &node.default {
        let stream = split.default_branch_with(branched(rest.name.as_deref()));
        branches.push((rest.id.clone(), stream.into()));
    }
    Ok(branches)
}

fn branched(name: Option<&str>) -> Branched {
    name.map_or_else(Branched::default, Branched::named)
}
