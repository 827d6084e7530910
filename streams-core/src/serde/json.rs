//! JSON for user types: `json_serde!(Order, Customer);` beside the types, or [`Json`] as a value.
//!
//! One JSON document per key or value, without line breaks. A document with anything behind it is refused. JSON's
//! `null` is a value of a type that allows it, never Kafka's null.

use std::fmt;
use std::marker::PhantomData;

use ::serde::{de::DeserializeOwned, Serialize};

use super::Serde;
use crate::error::{Error, ErrorKind, Result};

/// The JSON serde of a type that implements serde's traits.
pub struct Json<T>(PhantomData<fn() -> T>);

impl<T> Json<T> {
    /// The serde.
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T> Default for Json<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for Json<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Json<{}>", std::any::type_name::<T>())
    }
}

impl<T: Serialize + DeserializeOwned + 'static> Serde<T> for Json<T> {
    fn serialize(&self, value: &T, out: &mut Vec<u8>) -> Result<()> {
        let start = out.len();
        serde_json::to_writer(&mut *out, value).map_err(|error| {
            out.truncate(start);
            let message = format!("write `{}` as JSON", std::any::type_name::<T>());
            Error::with_source(ErrorKind::Serialization, message, error)
        })
    }

    fn deserialize(&self, bytes: &[u8]) -> Result<T> {
        serde_json::from_slice(bytes).map_err(|error| {
            let message = format!("read {} bytes as JSON of `{}`", bytes.len(), std::any::type_name::<T>());
            Error::with_source(ErrorKind::Serialization, message, error)
        })
    }
}

/// Gives types JSON as their serde. They implement serde's `Serialize` and `Deserialize`.
///
/// ```
/// use streams_core::serde::DefaultSerde;
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Order {
///     sku: String,
///     quantity: i64,
/// }
/// streams_core::json_serde!(Order);
///
/// let mut bytes = Vec::new();
/// Order::default_serde().serialize(&Order { sku: "85123A".into(), quantity: 6 }, &mut bytes)?;
/// assert_eq!(bytes, br#"{"sku":"85123A","quantity":6}"#);
/// # Ok::<(), streams_core::Error>(())
/// ```
#[macro_export]
macro_rules! json_serde {
    ($($type:ty),+ $(,)?) => {$(
        impl $crate::serde::Nullable for $type {}

        impl $crate::serde::DefaultSerde for $type {
            fn default_serde() -> $crate::serde::SerdeRef<Self> {
                ::std::sync::Arc::new($crate::serde::Json::<Self>::new())
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
    json_serde!(Price);

    #[test]
    fn a_struct_is_one_document() {
        let serde = Price::default_serde();
        let price = Price { sku: "22423".to_owned(), cents: 1095 };
        let mut bytes = b"#".to_vec();
        serde.serialize(&price, &mut bytes).unwrap();
        assert_eq!(bytes, br##"#{"sku":"22423","cents":1095}"##);
        assert_eq!(serde.deserialize(&bytes[1..]).unwrap(), price);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let error = Price::default_serde().deserialize(br#"{"sku":"1","cents":"x"}"#).unwrap_err();
        let report = error.report();
        assert!(report.starts_with("read 23 bytes as JSON of `"), "{report}");
        assert!(report.contains("Price`: invalid type: string \"x\", expected i64 at line 1 column 22"), "{report}");
        Price::default_serde().deserialize(br#"{"sku":"1","cents":2} {}"#).unwrap_err();
    }
}
