//! postcard for user types: `postcard_serde!(Order);`, compact bytes without field names.
//!
//! The layout follows the order of fields, so a type can grow at the end only with a new topic or store. Bytes left
//! over are refused.

use std::fmt;
use std::marker::PhantomData;

use ::serde::{de::DeserializeOwned, Serialize};

use super::Serde;
use crate::error::{Error, ErrorKind, Result};

/// The postcard serde of a type that implements serde's traits.
pub struct Postcard<T>(PhantomData<fn() -> T>);

impl<T> Postcard<T> {
    /// The serde.
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T> Default for Postcard<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for Postcard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Postcard<{}>", std::any::type_name::<T>())
    }
}

impl<T: Serialize + DeserializeOwned + 'static> Serde<T> for Postcard<T> {
    fn serialize(&self, value: &T, out: &mut Vec<u8>) -> Result<()> {
        let start = out.len();
        match postcard::to_io(value, &mut *out) {
            Ok(_) => Ok(()),
            Err(error) => {
                out.truncate(start);
                let message = format!("write `{}` as postcard", std::any::type_name::<T>());
                Err(Error::with_source(ErrorKind::Serialization, message, error))
            }
        }
    }

    fn deserialize(&self, bytes: &[u8]) -> Result<T> {
        let describe = || format!("read {} bytes as postcard of `{}`", bytes.len(), std::any::type_name::<T>());
        match postcard::take_from_bytes(bytes) {
            Ok((value, [])) => Ok(value),
            Ok((_, rest)) => {
                Err(Error::new(ErrorKind::Serialization, format!("{}: {} bytes are left over", describe(), rest.len())))
            }
            Err(error) => Err(Error::with_source(ErrorKind::Serialization, describe(), error)),
        }
    }
}

/// Gives types postcard as their serde. They implement serde's `Serialize` and `Deserialize`.
#[macro_export]
macro_rules! postcard_serde {
    ($($type:ty),+ $(,)?) => {$(
        impl $crate::serde::Nullable for $type {}

        impl $crate::serde::DefaultSerde for $type {
            fn default_serde() -> $crate::serde::SerdeRef<Self> {
                ::std::sync::Arc::new($crate::serde::Postcard::<Self>::new())
            }
        }
    )+};
}

#[cfg(test)]
mod tests {
    use crate::serde::DefaultSerde;

    #[derive(Debug, PartialEq, ::serde::Serialize, ::serde::Deserialize)]
    struct Price {
        sku: String,
        cents: i64,
    }
    postcard_serde!(Price);

    #[test]
    fn a_struct_is_its_fields_in_order() {
        let serde = Price::default_serde();
        let price = Price { sku: "ab".to_owned(), cents: -1 };
        let mut bytes = Vec::new();
        serde.serialize(&price, &mut bytes).unwrap();
        assert_eq!(bytes, [2, b'a', b'b', 1]);
        assert_eq!(serde.deserialize(&bytes).unwrap(), price);
    }

    #[test]
    fn short_and_long_bytes_are_refused() {
        let serde = Price::default_serde();
        let long = serde.deserialize(&[2, b'a', b'b', 1, 9]).unwrap_err();
        assert!(long.report().ends_with("Price`: 1 bytes are left over"), "{}", long.report());
        serde.deserialize(&[200, b'a']).unwrap_err();
    }
}
