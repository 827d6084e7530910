//! Nodes of joins on equal keys.

mod stream_table;
mod table_table;

pub(crate) use stream_table::{stream_table, StreamTableJoin};
pub(crate) use table_table::{merge_tables, table_table, JoinGetter, TableJoin};
