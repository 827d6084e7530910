//! Values with something beside them: a row's timestamp, and the two sides of a table change on a repartition topic.
//!
//! ```text
//! value and timestamp   i64 ts ‖ value
//! change                old ‖ 0x00  |  new ‖ 0x01  |  varint length of new ‖ new ‖ old ‖ 0x02
//! ```
//!
//! The varint is Kafka's zig-zag one. Changes written with an `isLatest` byte before the flag (flags 3, 4, 5) are
//! read, never written, as in Kafka Streams.

use std::fmt;
use std::sync::Arc;

use super::{DefaultSerde, Serde, SerdeRef};
use crate::error::{Error, ErrorKind, Result};
use crate::record::Change;
use crate::time::Timestamp;

/// A value and the event time of the row that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ValueAndTimestamp<V> {
    /// The value.
    pub value: V,
    /// The time of the row.
    pub timestamp: Timestamp,
}

impl<V> ValueAndTimestamp<V> {
    /// A value and its time.
    pub const fn new(value: V, timestamp: Timestamp) -> Self {
        Self { value, timestamp }
    }
}

/// The serde of values with a timestamp in front.
pub struct ValueAndTimestampSerde<V>(SerdeRef<V>);

impl<V: 'static> ValueAndTimestampSerde<V> {
    /// Puts a timestamp before what `inner` writes.
    pub fn new(inner: SerdeRef<V>) -> Self {
        Self(inner)
    }
}

impl<V> fmt::Debug for ValueAndTimestampSerde<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ValueAndTimestampSerde")
    }
}

impl<V: 'static> Serde<ValueAndTimestamp<V>> for ValueAndTimestampSerde<V> {
    fn name(&self) -> String {
        format!("timestamped {}", self.0.name())
    }

    fn serialize(&self, value: &ValueAndTimestamp<V>, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(&value.timestamp.0.to_be_bytes());
        self.0.serialize(&value.value, out)
    }

    fn deserialize(&self, bytes: &[u8]) -> Result<ValueAndTimestamp<V>> {
        let Some((timestamp, value)) = bytes.split_first_chunk::<8>() else {
            return Err(super::primitives::wrong_length("value and timestamp", bytes.len(), "at least 8"));
        };
        Ok(ValueAndTimestamp::new(self.0.deserialize(value)?, Timestamp(i64::from_be_bytes(*timestamp))))
    }

    fn is_null(&self, value: &ValueAndTimestamp<V>) -> bool {
        self.0.is_null(&value.value)
    }
}

impl<V: DefaultSerde> DefaultSerde for ValueAndTimestamp<V> {
    fn default_serde() -> SerdeRef<Self> {
        Arc::new(ValueAndTimestampSerde::new(V::default_serde()))
    }
}

/// Both sides of a table change, owned: what a table's repartition topic carries. [`Change`] is its borrowed form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChangeSides<V> {
    /// The row after the change.
    pub new: Option<V>,
    /// The row before the change.
    pub old: Option<V>,
    /// False only for an out-of-order update to a versioned table.
    pub is_latest: bool,
}

impl<V> ChangeSides<V> {
    /// The change, borrowed.
    pub fn as_change(&self) -> Change<'_, V> {
        Change { new: &self.new, old: &self.old, is_latest: self.is_latest }
    }
}

/// The serde of changes on repartition topics.
pub struct ChangeSerde<V>(SerdeRef<V>);

const OLD_ONLY: u8 = 0;
const NEW_ONLY: u8 = 1;
const BOTH: u8 = 2;
/// Added to a flag when a byte `isLatest` stands before it.
const WITH_IS_LATEST: u8 = 3;
/// The bytes of the longest varint of 32 bits.
const VARINT_BYTES_MAX: usize = 5;

impl<V: 'static> ChangeSerde<V> {
    /// Changes of values that `inner` reads and writes.
    pub fn new(inner: SerdeRef<V>) -> Self {
        Self(inner)
    }

    /// Appends the bytes of a change.
    ///
    /// # Errors
    /// [`ErrorKind::Serialization`] when neither side has a value, or the new one is longer than 2 GiB.
    pub fn serialize_change(&self, change: Change<'_, V>, out: &mut Vec<u8>) -> Result<()> {
        let flag = match (change.new, change.old) {
            (Some(new), None) => self.0.serialize(new, out).map(|()| NEW_ONLY),
            (None, Some(old)) => self.0.serialize(old, out).map(|()| OLD_ONLY),
            (Some(new), Some(old)) => self.serialize_both(new, old, out).map(|()| BOTH),
            (None, None) => Err(malformed("neither a new nor an old value")),
        }?;
        out.push(flag);
        Ok(())
    }

    fn serialize_both(&self, new: &V, old: &V, out: &mut Vec<u8>) -> Result<()> {
        // The length comes first: write the value behind the largest room for it, then close the gap.
        let start = out.len();
        out.extend_from_slice(&[0; VARINT_BYTES_MAX]);
        self.0.serialize(new, out)?;
        let length = out.len() - start - VARINT_BYTES_MAX;
        let length = i32::try_from(length).map_err(|_| malformed("a new value of more than 2 GiB"))?;
        let (varint, size) = zigzag_varint(length);
        out.splice(start..start + VARINT_BYTES_MAX, varint[..size].iter().copied());
        self.0.serialize(old, out)
    }

    fn sides(&self, flag: u8, payload: &[u8]) -> Result<(Option<V>, Option<V>)> {
        match flag {
            OLD_ONLY => Ok((None, Some(self.0.deserialize(payload)?))),
            NEW_ONLY => Ok((Some(self.0.deserialize(payload)?), None)),
            _ => {
                let (length, rest) = read_length(payload).ok_or_else(|| malformed("a broken length"))?;
                let (new, old) = rest.split_at_checked(length).ok_or_else(|| malformed("a new value cut short"))?;
                Ok((Some(self.0.deserialize(new)?), Some(self.0.deserialize(old)?)))
            }
        }
    }
}

#[cold]
fn malformed(what: &str) -> Error {
    Error::new(ErrorKind::Serialization, format!("serde `change` got {what}"))
}

fn zigzag_varint(value: i32) -> ([u8; VARINT_BYTES_MAX], usize) {
    let mut rest = (value.wrapping_shl(1) ^ (value >> 31)).cast_unsigned();
    let mut bytes = [0; VARINT_BYTES_MAX];
    for (index, byte) in bytes.iter_mut().enumerate() {
        let low = rest.to_le_bytes()[0] & 0x7f;
        rest >>= 7;
        if rest == 0 {
            *byte = low;
            return (bytes, index + 1);
        }
        *byte = low | 0x80;
    }
    (bytes, VARINT_BYTES_MAX)
}

fn read_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut raw = 0_u64;
    for (index, byte) in bytes.iter().take(VARINT_BYTES_MAX).enumerate() {
        raw |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            // An odd zig-zag number is negative, and no length is.
            let length = usize::try_from(raw >> 1).ok().filter(|_| raw & 1 == 0)?;
            return Some((length, &bytes[index + 1..]));
        }
    }
    None
}

impl<V> fmt::Debug for ChangeSerde<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChangeSerde")
    }
}

impl<V: 'static> Serde<ChangeSides<V>> for ChangeSerde<V> {
    fn name(&self) -> String {
        format!("change of {}", self.0.name())
    }

    fn serialize(&self, value: &ChangeSides<V>, out: &mut Vec<u8>) -> Result<()> {
        self.serialize_change(value.as_change(), out)
    }

    fn deserialize(&self, bytes: &[u8]) -> Result<ChangeSides<V>> {
        let (flag, payload) = bytes.split_last().ok_or_else(|| malformed("no bytes"))?;
        let (flag, payload, is_latest) = match *flag {
            flag @ OLD_ONLY..=BOTH => (flag, payload, true),
            flag @ WITH_IS_LATEST..=5 => {
                let (is_latest, payload) = payload.split_last().ok_or_else(|| malformed("no `isLatest`"))?;
                (flag - WITH_IS_LATEST, payload, *is_latest == 1)
            }
            flag => return Err(malformed(&format!("the flag {flag}, expects 0 to 5"))),
        };
        let (new, old) = self.sides(flag, payload)?;
        Ok(ChangeSides { new, old, is_latest })
    }
}

impl<V: DefaultSerde> DefaultSerde for ChangeSides<V> {
    fn default_serde() -> SerdeRef<Self> {
        Arc::new(ChangeSerde::new(V::default_serde()))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn text(value: &str) -> Option<String> {
        Some(value.to_owned())
    }

    #[rstest]
    #[case(None, text("old"), b"old\x00")]
    #[case(text("new"), None, b"new\x01")]
    #[case(text("new"), text("old"), b"\x06newold\x02")]
    #[case(text(""), text("o"), b"\x00o\x02")]
    fn changes_are_kafkas(#[case] new: Option<String>, #[case] old: Option<String>, #[case] expected: &[u8]) {
        let serde = ChangeSides::<String>::default_serde();
        let change = ChangeSides { new, old, is_latest: true };
        let mut bytes = b"#".to_vec();
        serde.serialize(&change, &mut bytes).unwrap();
        assert_eq!(&bytes[1..], expected);
        assert_eq!(serde.deserialize(expected).unwrap(), change);
    }

    #[test]
    fn long_values_have_long_lengths() {
        let serde = ChangeSides::<String>::default_serde();
        let change = ChangeSides { new: Some("n".repeat(100)), old: text("o"), is_latest: true };
        let mut bytes = Vec::new();
        serde.serialize(&change, &mut bytes).unwrap();
        assert_eq!(bytes[..3], [0xc8, 0x01, b'n']);
        assert_eq!(serde.deserialize(&bytes).unwrap(), change);
    }

    #[test]
    fn flags_with_is_latest_are_read() {
        let serde = ChangeSides::<String>::default_serde();
        let stale = serde.deserialize(b"\x06newold\x00\x05").unwrap();
        assert_eq!(stale, ChangeSides { new: text("new"), old: text("old"), is_latest: false });
        assert!(serde.deserialize(b"new\x01\x04").unwrap().is_latest);
    }

    #[rstest]
    #[case(b"", "serde `change` got no bytes")]
    #[case(b"x\x09", "serde `change` got the flag 9, expects 0 to 5")]
    #[case(b"\x05", "serde `change` got no `isLatest`")]
    #[case(b"\x80\x02", "serde `change` got a broken length")]
    #[case(b"\x01a\x02", "serde `change` got a broken length")]
    #[case(b"\x08abc\x02", "serde `change` got a new value cut short")]
    fn damaged_changes_are_refused(#[case] bytes: &[u8], #[case] message: &str) {
        let error = ChangeSides::<String>::default_serde().deserialize(bytes).unwrap_err();
        assert_eq!(error.to_string(), message);
    }

    #[test]
    fn a_timestamp_stands_in_front() {
        let serde = ValueAndTimestamp::<String>::default_serde();
        let mut bytes = Vec::new();
        serde.serialize(&ValueAndTimestamp::new("a".to_owned(), Timestamp(3)), &mut bytes).unwrap();
        assert_eq!(bytes, b"\0\0\0\0\0\0\0\x03a");
        assert_eq!(serde.deserialize(&bytes).unwrap().timestamp, Timestamp(3));
        serde.deserialize(b"short").unwrap_err();
    }
}
