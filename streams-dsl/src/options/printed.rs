//! `Printed`: where and how `print` writes records.

use std::fmt::{self, Debug};
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

/// Turns a record into what stands behind its label.
type Mapper<K, V> = Arc<dyn Fn(&K, &V) -> String + Send + Sync>;

/// Where lines go, label, form and name of a printer. All tasks write to the same place, line by line.
#[must_use]
pub struct Printed<K, V> {
    pub(crate) out: Arc<Mutex<dyn Write + Send>>,
    pub(crate) label: Option<String>,
    pub(crate) mapper: Mapper<K, V>,
    pub(crate) name: Option<String>,
}

impl<K: Debug, V: Debug> Printed<K, V> {
    /// Prints on standard output.
    #[doc(alias = "toSysOut")]
    pub fn to_sys_out() -> Self {
        Self::to_writer(io::stdout())
    }

    /// Prints wherever `out` leads; for a file, `Printed::to_writer(File::create(path)?)`.
    #[doc(alias = "toFile")]
    pub fn to_writer(out: impl Write + Send + 'static) -> Self {
        Self {
            out: Arc::new(Mutex::new(out)),
            label: None,
            mapper: Arc::new(|key, value| format!("{key:?}, {value:?}")),
            name: None,
        }
    }
}

impl<K, V> Printed<K, V> {
    /// Begins each line with `[label]`; otherwise that is the name of what the stream comes from.
    #[doc(alias = "withLabel")]
    pub fn label(mut self, label: &str) -> Self {
        self.label = Some(label.to_owned());
        self
    }

    /// Writes what `mapper` makes of each record, instead of key and value as [`Debug`] shows them.
    #[doc(alias = "withKeyValueMapper")]
    pub fn key_value_mapper<F>(mut self, mapper: F) -> Self
    where
        F: Fn(&K, &V) -> String + Send + Sync + 'static,
    {
        self.mapper = Arc::new(mapper);
        self
    }

    /// Names the printer's node.
    #[doc(alias = "withName")]
    pub fn named(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }
}

impl<K, V> Debug for Printed<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Printed").field("label", &self.label).field("name", &self.name).finish_non_exhaustive()
    }
}
