//! Edges between nodes: the hot path itself.
//!
//! An edge is a `Box<dyn Sink<K, V>>`: one virtual call per record; what lies behind it is concrete and inlined.
//! Records are borrowed and `Copy`, so fan-out is a loop. A single-parent child is owned by its parent's edge; a child
//! with several parents, with a punctuator or with a cache to flush is [`Shared`]. Topologies have no cycles, and
//! nodes never forward while they are borrowed twice, so the borrow of a shared node is always free.
//!
//! Errors are boxed and one word wide: a hop that does not fail pays one register. The handler runs once, at the
//! innermost failing child, as in Kafka Streams.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use crate::error::Result;
use crate::ids::NodeId;
use crate::processor::TaskContext;
use crate::record::{Change, Headers, Record};
use crate::time::Timestamp;

/// Takes the records of a stream edge.
pub trait Sink<K, V> {
    /// Processes one record and everything that follows from it.
    ///
    /// # Errors
    /// What user code, a serde, a store or the collector reports.
    fn push(&mut self, record: Record<'_, K, V>, task: &mut TaskContext) -> Result<()>;
}

/// One change of a row on its way through a task.
pub struct TableRecord<'a, K, V> {
    /// The row's key; tables have no null keys.
    pub key: &'a K,
    /// The row before and after.
    pub change: Change<'a, V>,
    /// The time of the change.
    pub timestamp: Timestamp,
    /// The headers of the record that caused it.
    pub headers: &'a Headers,
}

impl<K, V> Clone for TableRecord<'_, K, V> {
    #[inline]
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V> Copy for TableRecord<'_, K, V> {}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for TableRecord<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} = {:?} @ {}", self.key, self.change, self.timestamp)
    }
}

impl<'a, K, V> TableRecord<'a, K, V> {
    /// The same row with another change.
    #[inline]
    pub fn with_change<'b, V2>(self, change: Change<'b, V2>) -> TableRecord<'b, K, V2>
    where
        'a: 'b,
    {
        TableRecord { key: self.key, change, timestamp: self.timestamp, headers: self.headers }
    }

    /// The same change at another time.
    #[inline]
    #[must_use]
    pub fn with_timestamp(self, timestamp: Timestamp) -> Self {
        Self { timestamp, ..self }
    }
}

/// Takes the changes of a table edge.
pub trait TableSink<K, V> {
    /// Processes one change and everything that follows from it.
    ///
    /// # Errors
    /// What user code, a serde, a store or the collector reports.
    fn push(&mut self, record: TableRecord<'_, K, V>, task: &mut TaskContext) -> Result<()>;
}

/// The type of a stream edge, for signatures such as `Output<StreamEdge<K, V>>`.
pub type StreamEdge<K, V> = dyn Sink<K, V>;

/// The type of a table edge.
pub type TableEdge<K, V> = dyn TableSink<K, V>;

/// The outgoing side of a node: its children in the order in which they were added.
pub struct Output<E: ?Sized> {
    children: Vec<Child<E>>,
}

struct Child<E: ?Sized> {
    node: NodeId,
    edge: Box<E>,
}

impl<E: ?Sized> Output<E> {
    /// An output with these children, in this order.
    pub fn new(children: impl IntoIterator<Item = (NodeId, Box<E>)>) -> Self {
        Self { children: children.into_iter().map(|(node, edge)| Child { node, edge }).collect() }
    }

    /// Whether nothing listens, so that work for the children can be left out.
    pub fn is_empty(&self) -> bool {
        self.children.is_empty()
    }
}

impl<E: ?Sized> fmt::Debug for Output<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.children.iter().map(|child| child.node)).finish()
    }
}

impl<K, V> Output<dyn Sink<K, V>> {
    /// Pushes a record to every child, depth first.
    ///
    /// # Errors
    /// The first failure that the processing handler does not take.
    #[inline]
    pub fn push(&mut self, record: Record<'_, K, V>, task: &mut TaskContext) -> Result<()> {
        for child in &mut self.children {
            if let Err(error) = child.edge.push(record, task) {
                task.on_processing_error(child.node, error)?;
            }
        }
        Ok(())
    }
}

impl<K, V> Output<dyn Sink<K, V>> {
    /// Pushes a record to the child at `index` in the order in which children were added; no such child, no effect.
    ///
    /// # Errors
    /// The failure of that child, unless the processing handler takes it.
    #[inline]
    pub fn push_to(&mut self, index: usize, record: Record<'_, K, V>, task: &mut TaskContext) -> Result<()> {
        let Some(child) = self.children.get_mut(index) else { return Ok(()) };
        match child.edge.push(record, task) {
            Ok(()) => Ok(()),
            Err(error) => task.on_processing_error(child.node, error),
        }
    }
}

impl<K, V> Output<dyn TableSink<K, V>> {
    /// Pushes a change to every child, depth first. What follows from it happens at its time, which is mostly that of a row
    /// and not of the record that changed it: a store without times of its own logs with it, as in Kafka Streams.
    ///
    /// # Errors
    /// The first failure that the processing handler does not take.
    #[inline]
    pub fn push(&mut self, record: TableRecord<'_, K, V>, task: &mut TaskContext) -> Result<()> {
        let before = task.replace_record_time(record.timestamp);
        let pushed = self.push_to_each(record, task);
        task.replace_record_time(before);
        pushed
    }

    #[inline]
    fn push_to_each(&mut self, record: TableRecord<'_, K, V>, task: &mut TaskContext) -> Result<()> {
        for child in &mut self.children {
            if let Err(error) = child.edge.push(record, task) {
                task.on_processing_error(child.node, error)?;
            }
        }
        Ok(())
    }
}

/// A node that several edges lead to, or that its task also reaches by another way (punctuation, flush).
pub struct Shared<N: ?Sized>(Rc<RefCell<N>>);

impl<N> Shared<N> {
    /// Puts a node where several edges can reach it.
    pub fn new(node: N) -> Self {
        Self(Rc::new(RefCell::new(node)))
    }

    /// The node, for registration with its task.
    pub fn handle(&self) -> Rc<RefCell<N>> {
        Rc::clone(&self.0)
    }
}

impl<N: ?Sized> Clone for Shared<N> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<N: ?Sized> fmt::Debug for Shared<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared")
    }
}

impl<K, V, N: Sink<K, V>> Sink<K, V> for Shared<N> {
    #[inline]
    fn push(&mut self, record: Record<'_, K, V>, task: &mut TaskContext) -> Result<()> {
        self.0.borrow_mut().push(record, task)
    }
}

impl<K, V, N: TableSink<K, V>> TableSink<K, V> for Shared<N> {
    #[inline]
    fn push(&mut self, record: TableRecord<'_, K, V>, task: &mut TaskContext) -> Result<()> {
        self.0.borrow_mut().push(record, task)
    }
}

impl<K, V> Sink<K, V> for Box<dyn Sink<K, V>> {
    #[inline]
    fn push(&mut self, record: Record<'_, K, V>, task: &mut TaskContext) -> Result<()> {
        (**self).push(record, task)
    }
}

impl<K, V> TableSink<K, V> for Box<dyn TableSink<K, V>> {
    #[inline]
    fn push(&mut self, record: TableRecord<'_, K, V>, task: &mut TaskContext) -> Result<()> {
        (**self).push(record, task)
    }
}
