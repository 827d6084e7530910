//! `print`: a line per record, for eyes.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use streams_core::processor::{Sink, TaskContext};
use streams_core::topology::NodeFactory;
use streams_core::{Record, Result, ResultExt};

use crate::ops::wire_with;

/// Turns a record into what stands behind its label.
type PrintMapper<K, V> = Arc<dyn Fn(&K, &V) -> String + Send + Sync>;

struct Print<K, V> {
    out: Arc<Mutex<dyn Write + Send>>,
    label: Arc<str>,
    mapper: PrintMapper<K, V>,
}

impl<K, V> Sink<K, V> for Print<K, V> {
    fn push(&mut self, record: Record<'_, K, V>, _: &mut TaskContext) -> Result<()> {
        let line = format!("[{}]: {}\n", self.label, (self.mapper)(record.key, record.value));
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        out.write_all(line.as_bytes()).context(|| format!("print a record of {}", self.label))
    }
}

/// A factory of nodes that write a line per record.
pub(crate) fn print<K: 'static, V: 'static>(
    out: Arc<Mutex<dyn Write + Send>>,
    label: Arc<str>,
    mapper: PrintMapper<K, V>,
) -> Arc<dyn NodeFactory> {
    wire_with(move |node, wiring| {
        let (out, label, mapper) = (Arc::clone(&out), Arc::clone(&label), Arc::clone(&mapper));
        wiring.input::<K, V>(node, Print { out, label, mapper });
        Ok(())
    })
}
