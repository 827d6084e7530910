//! State stores: a typed facade over cache, changelog and byte engine.
//!
//! ```text
//!   KeyValueStore<K, V> ..   typed handles: encode, call, decode (`facade` and one file per kind)
//!         │ bytes
//!       Layers               cache ─► changelog + overlay ─► engine (`layers`)
//!         │
//!   RestoringStore           engine and the shape of its rows: restored by anyone (`restore`)
//!         │
//!     ByteStore              memory, RocksDB (`engine`)
//! ```
//!
//! Invariants:
//! - No borrow of a store outlives a call: nodes forward, and cursors are walked, with the store free for others.
//! - A store that outlives the process is never ahead of its committed changelog: rows reach its engine only together
//!   with the changelog offset that covers them.
//! - Restoring touches bytes only. Types come when a task attaches.
//!
//! Must not import client, protocol, topology or runtime: the changelog leaves through [`ChangelogSink`].

mod schema;

mod engine;

mod restore;

mod changelog;

mod cache;

mod flushed;

mod layers;

mod facade;

mod cursor;

mod key_value;

mod timestamped;

mod window;

mod timestamped_window;

mod stores;

mod open;

#[cfg(test)]
#[cfg(feature = "rocksdb")]
mod kill_tests;
#[cfg(test)]
mod tests;

pub use self::changelog::ChangelogSink;
pub use self::cursor::StoreCursor;
pub use self::key_value::KeyValueStore;
pub use self::layers::FlushListener;
pub use self::open::{AnyStore, StoreContext};
pub use self::restore::{ChangelogRow, RestoringStore};
pub use self::stores::{ChangelogConfig, EngineKind, StoreBuilder, StoreSerdes, StoreSpec, Stores};
pub use self::timestamped::{Flushed, TimestampedKeyValueStore};
pub use self::timestamped_window::TimestampedWindowStore;
pub use self::window::WindowStore;

/// A typed handle on a store. Cloning copies the handle, not the store.
pub trait StateStore: Clone + 'static {
    /// The store's name.
    fn name(&self) -> &str;
}
