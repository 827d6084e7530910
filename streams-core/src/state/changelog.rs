//! Where a store's writes go so that they can be restored: the seam between stores and the producer.

use crate::error::Result;
use crate::time::Timestamp;

/// Takes the changelog records of one store. The runtime implements it over the producer; it knows topic and
/// partition. Held as `Rc<dyn ChangelogSink>`.
///
/// Called while the store is borrowed: an implementation must not call back into the store.
pub trait ChangelogSink {
    /// Appends a record; `None` is a tombstone. Bytes are those of `state::schema`, without what is only inside.
    ///
    /// # Errors
    /// What the producer refuses.
    fn log(&self, key: &[u8], value: Option<&[u8]>, timestamp: Timestamp) -> Result<()>;
}
