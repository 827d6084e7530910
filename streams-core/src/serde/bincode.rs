//! bincode 2 for user types: `bincode_serde!(Order);`. The only file that knows the crate, so that it can be replaced.
//!
//! The crate is complete but no longer maintained (deny.toml has the exception); JSON and postcard are what new code
//! takes first. Bytes left over are refused.
//!
//! bincode reserves memory for strings by the length it reads. Each input is therefore decoded under a limit in
//! proportion to its own length, so that damaged bytes cannot ask for more.

use std::fmt;
use std::marker::PhantomData;

use ::bincode::config::{standard, Configuration, Limit, LittleEndian, Varint};
use ::bincode::error::DecodeError;
use ::serde::{de::DeserializeOwned, Serialize};

use super::Serde;
use crate::error::{Error, ErrorKind, Result};

/// The longest input that is decoded; Kafka's default `max.request.size` is a sixteenth of it.
const INPUT_BYTES_MAX: usize = 16 << 20;

/// The bincode serde of a type that implements serde's traits.
pub struct Bincode<T>(PhantomData<fn() -> T>);

impl<T> Bincode<T> {
    /// The serde.
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T> Default for Bincode<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for Bincode<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bincode<{}>", std::any::type_name::<T>())
    }
}

fn decode_within<T: DeserializeOwned, const LIMIT: usize>(bytes: &[u8]) -> Result<(T, usize), DecodeError> {
    let config: Configuration<LittleEndian, Varint, Limit<LIMIT>> = standard().with_limit::<LIMIT>();
    ::bincode::serde::decode_from_slice(bytes, config)
}

/// The limit counts the widest form of each integer, 16 bytes, where the varint on the wire can be one.
fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, usize), DecodeError> {
    match bytes.len() {
        0..=0x1000 => decode_within::<T, 0x1_0000>(bytes),
        0x1001..=0x1_0000 => decode_within::<T, 0x10_0000>(bytes),
        0x1_0001..=0x10_0000 => decode_within::<T, 0x100_0000>(bytes),
        _ => decode_within::<T, 0x1000_0000>(bytes),
    }
}

impl<T: Serialize + DeserializeOwned + 'static> Serde<T> for Bincode<T> {
    fn serialize(&self, value: &T, out: &mut Vec<u8>) -> Result<()> {
        let start = out.len();
        match ::bincode::serde::encode_into_std_write(value, &mut *out, standard()) {
            Ok(_) => Ok(()),
            Err(error) => {
                out.truncate(start);
                let message = format!("write `{}` as bincode", std::any::type_name::<T>());
                Err(Error::with_source(ErrorKind::Serialization, message, error))
            }
        }
    }

    fn deserialize(&self, bytes: &[u8]) -> Result<T> {
        let describe = || format!("read {} bytes as bincode of `{}`", bytes.len(), std::any::type_name::<T>());
        let refuse = |why: String| Err(Error::new(ErrorKind::Serialization, format!("{}: {why}", describe())));
        if bytes.len() > INPUT_BYTES_MAX {
            return refuse(format!("the limit is {INPUT_BYTES_MAX} bytes"));
        }
        match decode(bytes) {
            Ok((value, read)) if read == bytes.len() => Ok(value),
            Ok((_, read)) => refuse(format!("{} bytes are left over", bytes.len() - read)),
            Err(error) => Err(Error::with_source(ErrorKind::Serialization, describe(), error)),
        }
    }
}

/// Gives types bincode as their serde. They implement serde's `Serialize` and `Deserialize`.
#[macro_export]
macro_rules! bincode_serde {
    ($($type:ty),+ $(,)?) => {$(
        impl $crate::serde::Nullable for $type {}

        impl $crate::serde::DefaultSerde for $type {
            fn default_serde() -> $crate::serde::SerdeRef<Self> {
                ::std::sync::Arc::new($crate::serde::Bincode::<Self>::new())
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
    bincode_serde!(Price);

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
    fn damaged_bytes_are_refused_without_the_memory_they_ask_for() {
        let serde = Price::default_serde();
        let long = serde.deserialize(&[2, b'a', b'b', 1, 9]).unwrap_err();
        assert!(long.report().ends_with("Price`: 1 bytes are left over"), "{}", long.report());
        // A string of 2^62 bytes: the varint marker 253 and eight bytes, little-endian.
        let huge = [253, 0, 0, 0, 0, 0, 0, 0, 0x40, b'a'];
        let error = serde.deserialize(&huge).unwrap_err();
        assert!(error.report().contains("LimitExceeded"), "{}", error.report());
    }

    #[test]
    fn input_of_many_small_integers_passes_the_limit() {
        #[derive(Debug, PartialEq, ::serde::Serialize, ::serde::Deserialize)]
        struct Many(Vec<u64>);
        bincode_serde!(Many);
        let many = Many((0..200).cycle().take(4000).collect());
        let mut bytes = Vec::new();
        Many::default_serde().serialize(&many, &mut bytes).unwrap();
        assert_eq!(bytes.len(), 4003);
        assert_eq!(Many::default_serde().deserialize(&bytes).unwrap(), many);
    }
}
