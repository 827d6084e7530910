//! What the nodes of a case return: the DSL's handles, in every combination of Rust types that its operators impose.
//!
//! A case has one dynamic type, [`Datum`]; the DSL has types, and some operators choose them: counts are `i64`, a table's
//! changes as a stream are `Option`s, keys of windowed tables are `Windowed`. So a handle is one of a few variants, and
//! `each_*!` runs the same code on whichever it is. What has no variant (an `Option` of an `Option` of an `Option`) is
//! skipped by name.

use streams_dsl::prelude::*;
use streams_dsl::TimeWindowedKStream;

use crate::interpret::Kind;
use crate::value::{Datum, Type};

/// A windowed key.
pub(crate) type W = Windowed<Datum>;
/// A value of a stream.
pub(crate) type Opt = Option<Datum>;
/// A count in a stream.
pub(crate) type Count = Option<i64>;
/// A value of a stream of a table of nullable values.
pub(crate) type OptOpt = Option<Option<Datum>>;
/// A count of a stream of a table of nullable counts.
pub(crate) type OptCount = Option<Option<i64>>;

macro_rules! handles {
    ($(#[$doc:meta])* $name:ident, $each:ident, $handle:ident, [$($variant:ident: $key:ty, $value:ty;)+]) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub(crate) enum $name {
            $($variant($handle<$key, $value>),)+
        }

        $(impl From<$handle<$key, $value>> for $name {
            fn from(handle: $handle<$key, $value>) -> Self {
                Self::$variant(handle)
            }
        })+

        /// Runs an expression on the handle, whatever its types are.
        macro_rules! $each {
            ($of:expr, $bound:ident => $run:expr) => {
                match $of {
                    $($crate::interpret::handles::$name::$variant($bound) => $run,)+
                }
            };
        }
        pub(crate) use $each;
    };
}

handles!(
    /// A stream.
    Stream, each_stream, KStream, [
    Plain: Datum, Opt;
    Counts: Datum, Count;
    Nested: Datum, OptOpt;
    NestedCounts: Datum, OptCount;
    Windows: W, Opt;
    WindowCounts: W, Count;
    WindowNested: W, OptOpt;
    WindowNestedCounts: W, OptCount;
]);

handles!(
    /// A table.
    Table, each_table, KTable, [
    Plain: Datum, Datum;
    Counts: Datum, i64;
    Nullable: Datum, Opt;
    NullableCounts: Datum, Count;
    Windows: W, Datum;
    WindowCounts: W, i64;
    WindowNullable: W, Opt;
    WindowNullableCounts: W, Count;
]);

handles!(
    /// A grouped stream.
    Grouped, each_grouped, KGroupedStream, [
    Plain: Datum, Opt;
    Counts: Datum, Count;
    Nested: Datum, OptOpt;
    NestedCounts: Datum, OptCount;
    Windows: W, Opt;
    WindowCounts: W, Count;
    WindowNested: W, OptOpt;
    WindowNestedCounts: W, OptCount;
]);

/// A grouped stream in time windows, and the size of these in ms.
pub(crate) enum InWindows {
    Plain(TimeWindowedKStream<Datum, Opt>),
    Counts(TimeWindowedKStream<Datum, Count>),
}

/// What an id stands for.
pub(crate) enum Handle {
    Stream(Stream),
    Table(Table),
    Grouped(Grouped),
    InWindows(InWindows, i64),
}

impl Handle {
    /// What it is.
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Stream(_) => Kind::Stream,
            Self::Table(_) => Kind::Table,
            Self::Grouped(_) => Kind::Grouped,
            Self::InWindows(..) => Kind::Windowed,
        }
    }
}

/// A handle and the types of its keys and values.
pub(crate) struct Typed {
    pub(crate) handle: Handle,
    pub(crate) key: Type,
    pub(crate) value: Type,
}
