//! How a table's operator tells that what a closure gave is null: such a row is not there.
//!
//! Every operator that makes values asks, so that no change and no lookup of any table carries a null: whether a table is
//! kept in a store or computed, its rows are the same.

use streams_core::serde::{Nullable, SerdeRef};

/// What null is among values of one type.
pub(crate) enum Nulls<V> {
    /// What the type says.
    Type(fn(&V) -> bool),
    /// What the serde writes as null.
    Serde(SerdeRef<V>),
}

impl<V: Nullable> Nulls<V> {
    /// What the type says.
    pub(crate) fn of_type() -> Self {
        Self::Type(V::is_null)
    }
}

impl<V: 'static> Nulls<V> {
    /// The row that a value makes.
    #[inline]
    pub(crate) fn row(&self, value: V) -> Option<V> {
        let is_null = match self {
            Self::Type(is_null) => is_null(&value),
            Self::Serde(serde) => serde.is_null(&value),
        };
        (!is_null).then_some(value)
    }
}

impl<V> Clone for Nulls<V> {
    fn clone(&self) -> Self {
        match self {
            Self::Type(is_null) => Self::Type(*is_null),
            Self::Serde(serde) => Self::Serde(SerdeRef::clone(serde)),
        }
    }
}
