//! Serdes of the types everybody uses, in the bytes of Kafka's own serdes.
//!
//! | type | bytes |
//! |---|---|
//! | `i16`, `i32`, `i64`, `f32`, `f64` | big-endian, as Kafka's Short, Integer, Long, Float, Double |
//! | `bool` | one byte, `0x00` or `0x01` |
//! | `String` | UTF-8; other bytes are an error (Java would put replacement characters) |
//! | `Vec<u8>`, `Bytes` | as they are |
//! | `Uuid` | its 36 characters of text |
//! | [`Timestamp`] | as `i64` |
//! | `()` | written as null; any bytes and null are read |
//! | `i8`, `u8`, `u16`, `u32`, `u64`, `i128`, `u128` | big-endian; ours, Kafka has no serde for them |
//!
//! Invariant: a serde writes nothing but its value, and reads nothing but whole values: a wrong length is an error.

use std::sync::Arc;

use bytes::Bytes;
use uuid::Uuid;

use super::{DefaultSerde, Serde, SerdeRef};
use crate::error::{Error, ErrorKind, Result};
use crate::time::Timestamp;

/// An error of a serde that got bytes of a length it cannot read.
#[cold]
pub(super) fn wrong_length(type_name: &str, got: usize, expected: &str) -> Error {
    Error::new(ErrorKind::Serialization, format!("serde `{type_name}` got {got} bytes, expects {expected}"))
}

/// The serde of numbers: big-endian bytes of their fixed width.
#[derive(Debug, Clone, Copy, Default)]
pub struct NumberSerde;

macro_rules! number_serdes {
    ($($number:ty),*) => {$(
        impl Serde<$number> for NumberSerde {
            fn name(&self) -> String {
                stringify!($number).to_owned()
            }

            #[inline]
            fn serialize(&self, value: &$number, out: &mut Vec<u8>) -> Result<()> {
                out.extend_from_slice(&value.to_be_bytes());
                Ok(())
            }

            #[inline]
            fn deserialize(&self, bytes: &[u8]) -> Result<$number> {
                match bytes.try_into() {
                    Ok(array) => Ok(<$number>::from_be_bytes(array)),
                    Err(_) => {
                        let width = std::mem::size_of::<$number>();
                        Err(wrong_length(stringify!($number), bytes.len(), &width.to_string()))
                    }
                }
            }
        }

        impl DefaultSerde for $number {
            fn default_serde() -> SerdeRef<Self> {
                Arc::new(NumberSerde)
            }
        }
    )*};
}

number_serdes!(i8, i16, i32, i64, i128, u8, u16, u32, u64, u128, f32, f64);

impl Serde<Timestamp> for NumberSerde {
    fn name(&self) -> String {
        "i64".to_owned()
    }

    #[inline]
    fn serialize(&self, value: &Timestamp, out: &mut Vec<u8>) -> Result<()> {
        self.serialize(&value.0, out)
    }

    #[inline]
    fn deserialize(&self, bytes: &[u8]) -> Result<Timestamp> {
        self.deserialize(bytes).map(Timestamp)
    }
}

impl DefaultSerde for Timestamp {
    fn default_serde() -> SerdeRef<Self> {
        Arc::new(NumberSerde)
    }
}

/// The serde of `bool`.
#[derive(Debug, Clone, Copy, Default)]
pub struct BoolSerde;

impl Serde<bool> for BoolSerde {
    fn name(&self) -> String {
        "bool".to_owned()
    }

    fn serialize(&self, value: &bool, out: &mut Vec<u8>) -> Result<()> {
        out.push(u8::from(*value));
        Ok(())
    }

    fn deserialize(&self, bytes: &[u8]) -> Result<bool> {
        match bytes {
            [0] => Ok(false),
            [1] => Ok(true),
            [other] => Err(Error::new(
                ErrorKind::Serialization,
                format!("serde `bool` got the byte {other:#04x}, expects 0x00 or 0x01"),
            )),
            _ => Err(wrong_length("bool", bytes.len(), "1")),
        }
    }
}

impl DefaultSerde for bool {
    fn default_serde() -> SerdeRef<Self> {
        Arc::new(BoolSerde)
    }
}

/// The serde of `String`: UTF-8.
#[derive(Debug, Clone, Copy, Default)]
pub struct StringSerde;

fn utf8(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|error| {
        let message = format!("serde `String` got bytes that are not UTF-8 at byte {}", error.valid_up_to());
        Error::with_source(ErrorKind::Serialization, message, error)
    })
}

impl Serde<String> for StringSerde {
    fn name(&self) -> String {
        "String".to_owned()
    }

    #[inline]
    fn serialize(&self, value: &String, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(value.as_bytes());
        Ok(())
    }

    #[inline]
    fn deserialize(&self, bytes: &[u8]) -> Result<String> {
        utf8(bytes).map(str::to_owned)
    }

    #[inline]
    fn deserialize_into(&self, bytes: &[u8], slot: &mut String) -> Result<()> {
        let text = utf8(bytes)?;
        slot.clear();
        slot.push_str(text);
        Ok(())
    }
}

impl DefaultSerde for String {
    fn default_serde() -> SerdeRef<Self> {
        Arc::new(StringSerde)
    }
}

/// The serde of `Vec<u8>` and [`Bytes`]: the bytes as they are.
#[derive(Debug, Clone, Copy, Default)]
pub struct BytesSerde;

impl Serde<Vec<u8>> for BytesSerde {
    fn name(&self) -> String {
        "bytes".to_owned()
    }

    #[inline]
    fn serialize(&self, value: &Vec<u8>, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(value);
        Ok(())
    }

    #[inline]
    fn deserialize(&self, bytes: &[u8]) -> Result<Vec<u8>> {
        Ok(bytes.to_vec())
    }

    #[inline]
    fn deserialize_into(&self, bytes: &[u8], slot: &mut Vec<u8>) -> Result<()> {
        slot.clear();
        slot.extend_from_slice(bytes);
        Ok(())
    }
}

impl DefaultSerde for Vec<u8> {
    fn default_serde() -> SerdeRef<Self> {
        Arc::new(BytesSerde)
    }
}

impl Serde<Bytes> for BytesSerde {
    fn name(&self) -> String {
        "bytes".to_owned()
    }

    fn serialize(&self, value: &Bytes, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(value);
        Ok(())
    }

    fn deserialize(&self, bytes: &[u8]) -> Result<Bytes> {
        Ok(Bytes::copy_from_slice(bytes))
    }
}

impl DefaultSerde for Bytes {
    fn default_serde() -> SerdeRef<Self> {
        Arc::new(BytesSerde)
    }
}

/// The serde of [`Uuid`]: its text with hyphens in lower case.
#[derive(Debug, Clone, Copy, Default)]
pub struct UuidSerde;

/// The length of a UUID's text: 32 digits and 4 hyphens.
const UUID_TEXT_BYTES: usize = 36;

impl Serde<Uuid> for UuidSerde {
    fn name(&self) -> String {
        "Uuid".to_owned()
    }

    fn serialize(&self, value: &Uuid, out: &mut Vec<u8>) -> Result<()> {
        let mut text = [0; UUID_TEXT_BYTES];
        out.extend_from_slice(value.hyphenated().encode_lower(&mut text).as_bytes());
        Ok(())
    }

    fn deserialize(&self, bytes: &[u8]) -> Result<Uuid> {
        if bytes.len() != UUID_TEXT_BYTES {
            return Err(wrong_length("Uuid", bytes.len(), "36 characters of text"));
        }
        Uuid::try_parse_ascii(bytes).map_err(|error| {
            Error::with_source(ErrorKind::Serialization, "serde `Uuid` got 36 bytes that are no UUID", error)
        })
    }
}

impl DefaultSerde for Uuid {
    fn default_serde() -> SerdeRef<Self> {
        Arc::new(UuidSerde)
    }
}

/// The serde of `()`, for a key or value that does not matter: reads anything, writes null.
#[derive(Debug, Clone, Copy, Default)]
pub struct UnitSerde;

impl Serde<()> for UnitSerde {
    fn name(&self) -> String {
        "()".to_owned()
    }

    fn serialize(&self, _: &(), _: &mut Vec<u8>) -> Result<()> {
        Ok(())
    }

    fn deserialize(&self, _: &[u8]) -> Result<()> {
        Ok(())
    }

    fn is_null(&self, _: &()) -> bool {
        true
    }

    fn null(&self) -> Option<()> {
        Some(())
    }
}

impl DefaultSerde for () {
    fn default_serde() -> SerdeRef<Self> {
        Arc::new(UnitSerde)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn round_trip<T: DefaultSerde + PartialEq + std::fmt::Debug>(value: T) -> String {
        let serde = T::default_serde();
        let mut bytes = Vec::new();
        serde.serialize(&value, &mut bytes).unwrap();
        assert_eq!(serde.deserialize(&bytes).unwrap(), value);
        let mut slot = serde.deserialize(&bytes).unwrap();
        serde.deserialize_into(&bytes, &mut slot).unwrap();
        assert_eq!(slot, value);
        hex(&bytes)
    }

    #[rstest]
    #[case(round_trip(-2_i16), "fffe")]
    #[case(round_trip(258_i32), "00000102")]
    #[case(round_trip(-1_i64), "ffffffffffffffff")]
    #[case(round_trip(1.5_f32), "3fc00000")]
    #[case(round_trip(-2.0_f64), "c000000000000000")]
    #[case(round_trip(true), "01")]
    #[case(round_trip(false), "00")]
    #[case(round_trip(7_u8), "07")]
    #[case(round_trip(0x0102_0304_0506_0708_u64), "0102030405060708")]
    #[case(round_trip("aé".to_owned()), "61c3a9")]
    #[case(round_trip(String::new()), "")]
    #[case(round_trip(vec![0_u8, 255]), "00ff")]
    #[case(round_trip(Bytes::from_static(b"ab")), "6162")]
    #[case(round_trip(Timestamp(5)), "0000000000000005")]
    #[case(
        round_trip(Uuid::from_u128(0xa1a2a3a4b1b2c1c2d1d2d3d4d5d6d7d8)),
        &hex(b"a1a2a3a4-b1b2-c1c2-d1d2-d3d4d5d6d7d8")
    )]
    #[case(round_trip(()), "")]
    fn bytes_are_kafkas(#[case] bytes: String, #[case] expected: &str) {
        assert_eq!(bytes, expected);
    }

    fn refusal<T: DefaultSerde + std::fmt::Debug>(bytes: &[u8]) -> String {
        let error = T::default_serde().deserialize(bytes).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Serialization);
        error.to_string()
    }

    #[rstest]
    #[case(refusal::<i64>(&[0; 11]), "serde `i64` got 11 bytes, expects 8")]
    #[case(refusal::<i16>(&[]), "serde `i16` got 0 bytes, expects 2")]
    #[case(refusal::<bool>(&[2]), "serde `bool` got the byte 0x02, expects 0x00 or 0x01")]
    #[case(refusal::<bool>(&[]), "serde `bool` got 0 bytes, expects 1")]
    #[case(refusal::<String>(b"ab\xff"), "serde `String` got bytes that are not UTF-8 at byte 2")]
    #[case(refusal::<Uuid>(b"abc"), "serde `Uuid` got 3 bytes, expects 36 characters of text")]
    #[case(refusal::<Uuid>(&[b'x'; 36]), "serde `Uuid` got 36 bytes that are no UUID")]
    fn wrong_bytes_are_refused_by_name(#[case] message: String, #[case] expected: &str) {
        assert_eq!(message, expected);
    }

    #[test]
    fn a_string_slot_keeps_its_memory() {
        let mut slot = String::with_capacity(100);
        let memory = slot.as_ptr();
        StringSerde.deserialize_into(b"hello", &mut slot).unwrap();
        assert_eq!((slot.as_str(), slot.as_ptr()), ("hello", memory));
        StringSerde.deserialize_into(b"\xff", &mut slot).unwrap_err();
        assert_eq!(slot, "hello");
    }
}
