//! The typed `KStream`/`KTable` DSL of a Kafka Streams in Rust.
//!
//! Start with [`StreamsBuilder`]; [`prelude`] has the names a program needs. Kafka's names are kept in snake case,
//! with these deviations:
//!
//! | Kafka Streams | here | why |
//! |---|---|---|
//! | overloads of an operator | `op(..)` with defaults, `op_with(.., options)` | one signature per name |
//! | `Named.as("x")` | `.named("x")` on the returned handle | a given name still burns an index, so it may come later |
//! | `Materialized.as("x")` and its like | `Materialized::named("x")` | `as` is a keyword |
//! | `mapValues((k, v) -> ..)` | `map_values_with_key(..)` | two closures of different shape need two names |
//! | `split().branch(..).defaultBranch()` returning a map | `split()`; each `branch(..)` returns its stream | no map of names |
//! | aggregator returns the new aggregate | aggregator updates `&mut A` | no clone of the aggregate |
//! | a mapper, joiner or aggregator of a table gives null to delete a row | it gives `None`; a table never shows it | types say what null is ([`streams_core::serde::Nullable`]) |
//! | null allowed everywhere | `Option<K>`, `Option<V>` where null is allowed | a source drops and counts other nulls |
//! | `KStream.join(table, ..)` | `join_table`, `left_join_table` | `join` is for two streams |
//! | `KTable::toStream` of nulls | `KStream<K, Option<V>>` | tombstones are visible; `drop_tombstones()` hides them |
//! | `Printed.toFile(path)` | `Printed::to_writer(File::create(path)?)` | only drivers open files |
//! | `stream.toTable()` | `to_table()` of a `KStream<K, Option<V>>` | the type says whether records can delete |
//! | a position that the log has lost follows `auto.offset.reset` | the application stops, unless `offset.out.of.range.policy` is `earliest` or `latest` | records are not skipped in silence |
//! | a changelog that is gone is made anew, and its store begins empty | the application stops and keeps the store's rows | state is not lost in silence |
//! | a second `stream(topic)` may bring another extractor, which is ignored | `build` refuses it | nothing is ignored silently |
//!
//! A handle is a cheap reference to a node of the logical graph; the plan is made by [`StreamsBuilder::build`].

mod builder;
mod graph;
mod grouped;
mod ops;
mod options;
pub mod prelude;
mod stream;
mod table;
pub mod timestamps;
pub mod windows;

pub use builder::StreamsBuilder;
pub use grouped::{KGroupedStream, TimeWindowedKStream};
pub use options::{Branched, Consumed, Grouped, Joined, Materialized, Printed, Produced, Repartitioned};
pub use stream::{FixedKeyContext, FixedKeyProcessor, FixedKeyRecord, KStream, Split, StoreRef, StoreSet};
pub use table::KTable;
