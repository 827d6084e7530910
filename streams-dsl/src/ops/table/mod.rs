//! Nodes of tables: their source, views of them, and the way in which a table's rows are looked up and written.

mod filter;
mod flags;
mod getter;
mod map_values;
mod nulls;
mod source;
mod store;
mod stored;
mod to_stream;
mod writer;

pub(crate) use filter::{filter, FilterGetter};
pub(crate) use flags::TableFlags;
pub(crate) use getter::{GetterFactory, StoreGetter, ValueGetter};
pub(crate) use map_values::{map_values, MapValuesGetter};
pub(crate) use nulls::Nulls;
pub(crate) use source::{stored_source, unstored_source};
pub(crate) use store::TableStore;
pub(crate) use stored::{Keep, OldRow};
pub(crate) use to_stream::to_stream;
pub(crate) use writer::{TableWriter, Update};
