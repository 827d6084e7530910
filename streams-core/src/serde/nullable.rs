//! What null is: [`Nullable`] by type, [`OptionSerde`] in bytes, which are those of `T`.
//!
//! `None` is written as null (a tombstone for tables) and null is read as `None`. Bytes are always a `Some`, also
//! empty ones: null and empty differ, as in Kafka.

use std::fmt;
use std::sync::Arc;

use super::{DefaultSerde, Serde, SerdeRef};
use crate::error::{Error, ErrorKind, Result};

/// Whether a value is null, known without a serde: `None` is, and everything else is not. Tables need it of what their
/// operators make, because a row whose value is null is not there.
///
/// ```
/// use streams_core::serde::Nullable;
///
/// assert!(Nullable::is_null(&None::<String>));
/// assert!(!Nullable::is_null(&Some(String::new())));
/// assert!(!Nullable::is_null(&0));
/// ```
#[diagnostic::on_unimplemented(
    message = "it is not known whether a `{Self}` is null",
    label = "tables hold values of this type, and a null is a row that is not there",
    note = "write `impl streams_core::serde::Nullable for {Self} {{}}` beside the type; `json_serde!` and its like do so"
)]
pub trait Nullable {
    /// Whether this value stands for null: a serde for the type writes it as null, too.
    fn is_null(value: &Self) -> bool {
        let _ = value;
        false
    }
}

impl<T: Nullable> Nullable for Option<T> {
    fn is_null(value: &Self) -> bool {
        value.as_ref().is_none_or(T::is_null)
    }
}

/// Types of which no value is null.
macro_rules! never_null {
    ($($type:ty),+ $(,)?) => {
        $(impl Nullable for $type {})+
    };
}

never_null!(
    (),
    bool,
    char,
    i8,
    i16,
    i32,
    i64,
    i128,
    isize,
    u8,
    u16,
    u32,
    u64,
    u128,
    usize,
    f32,
    f64,
    String,
    &'static str,
    bytes::Bytes,
    uuid::Uuid,
    std::time::Duration,
    crate::time::Timestamp,
);

impl<T: ?Sized> Nullable for Box<T> {}
impl<T: ?Sized> Nullable for Arc<T> {}
impl<T> Nullable for Vec<T> {}
impl<T> Nullable for std::collections::VecDeque<T> {}
impl<T> Nullable for std::collections::BTreeSet<T> {}
impl<K, V> Nullable for std::collections::BTreeMap<K, V> {}
impl<T, S> Nullable for hashbrown::HashSet<T, S> {}
impl<K, V, S> Nullable for hashbrown::HashMap<K, V, S> {}
impl<T, const N: usize> Nullable for [T; N] {}
impl<K> Nullable for super::Windowed<K> {}
impl<V> Nullable for super::ValueAndTimestamp<V> {}

macro_rules! tuples_are_never_null {
    ($(($($part:ident)+))+) => {
        $(impl<$($part),+> Nullable for ($($part,)+) {})+
    };
}

tuples_are_never_null!((A)(A B)(A B C)(A B C D)(A B C D E)(A B C D E F)(A B C D E F G)(A B C D E F G H));

/// The serde of `Option<T>` over one of `T`.
pub struct OptionSerde<T>(SerdeRef<T>);

impl<T: 'static> OptionSerde<T> {
    /// Allows null beside what `inner` reads and writes.
    pub fn new(inner: SerdeRef<T>) -> Self {
        Self(inner)
    }
}

impl<T> fmt::Debug for OptionSerde<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OptionSerde<{}>", std::any::type_name::<T>())
    }
}

impl<T: 'static> Serde<Option<T>> for OptionSerde<T> {
    fn name(&self) -> String {
        self.0.name()
    }

    #[inline]
    fn serialize(&self, value: &Option<T>, out: &mut Vec<u8>) -> Result<()> {
        match value {
            Some(value) => self.0.serialize(value, out),
            None => Err(Error::new(ErrorKind::Internal, "null reached `serialize`: ask `is_null` first")),
        }
    }

    #[inline]
    fn deserialize(&self, bytes: &[u8]) -> Result<Option<T>> {
        self.0.deserialize(bytes).map(Some)
    }

    #[inline]
    fn deserialize_into(&self, bytes: &[u8], slot: &mut Option<T>) -> Result<()> {
        match slot {
            Some(value) => self.0.deserialize_into(bytes, value),
            None => {
                *slot = Some(self.0.deserialize(bytes)?);
                Ok(())
            }
        }
    }

    #[inline]
    fn is_null(&self, value: &Option<T>) -> bool {
        value.as_ref().is_none_or(|value| self.0.is_null(value))
    }

    #[inline]
    fn null(&self) -> Option<Option<T>> {
        Some(None)
    }
}

impl<T: DefaultSerde> DefaultSerde for Option<T> {
    fn default_serde() -> SerdeRef<Self> {
        Arc::new(OptionSerde::new(T::default_serde()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_is_none_and_empty_is_some() {
        let serde = Option::<String>::default_serde();
        assert!(serde.is_null(&None));
        assert!(!serde.is_null(&Some(String::new())));
        assert_eq!(serde.null(), Some(None));
        assert_eq!(serde.deserialize(b"").unwrap(), Some(String::new()));

        let mut slot = None;
        serde.deserialize_into(b"a", &mut slot).unwrap();
        serde.deserialize_into(b"bc", &mut slot).unwrap();
        assert_eq!(slot.as_deref(), Some("bc"));
        assert_eq!(String::default_serde().null(), None);
    }

    #[test]
    fn a_null_that_is_serialized_is_an_error_and_not_empty_bytes() {
        let error = Option::<String>::default_serde().serialize(&None, &mut Vec::new()).unwrap_err();
        assert_eq!(error.to_string(), "null reached `serialize`: ask `is_null` first");
    }
}
