//! The bytes of a row: key and value behind one another, in place while they are short.
//!
//! A store looks up one row per record, at a random place in memory. Each pointer on the way there is a wait for memory,
//! and with a hundred thousand rows these waits are most of what an update costs. So rows of up to [`INLINE_MAX`] bytes
//! lie in the table itself, and only longer ones in a piece of memory of their own.

/// What fits in place beside length and tag: a key of 16 bytes with its window (segment, start, sequence number: 20
/// bytes), a number and its time.
const INLINE_MAX: usize = 54;

/// The bytes.
#[derive(Debug)]
pub(crate) enum RowBytes {
    /// The first `len` of `bytes`.
    Inline { len: u8, bytes: [u8; INLINE_MAX] },
    /// More than fit in place, at least once: a row that was long keeps its memory.
    Heap(Vec<u8>),
}

impl RowBytes {
    pub(crate) const EMPTY: Self = Self::Inline { len: 0, bytes: [0; INLINE_MAX] };

    pub(crate) fn new(key: &[u8], value: &[u8]) -> Self {
        let mut row = Self::EMPTY;
        row.set(key, value);
        row
    }

    /// Replaces everything.
    #[inline]
    pub(crate) fn set(&mut self, key: &[u8], value: &[u8]) {
        match self {
            Self::Heap(heap) => {
                heap.clear();
                heap.extend_from_slice(key);
                heap.extend_from_slice(value);
            }
            Self::Inline { len, bytes } => match bytes.get_mut(..key.len() + value.len()) {
                Some(both) => {
                    let (key_place, value_place) = both.split_at_mut(key.len());
                    key_place.copy_from_slice(key);
                    value_place.copy_from_slice(value);
                    *len = short(key.len() + value.len());
                }
                None => *self = Self::Heap([key, value].concat()),
            },
        }
    }

    /// Keeps the first `key_len` bytes and replaces the others.
    #[inline]
    pub(crate) fn set_value(&mut self, key_len: usize, value: &[u8]) {
        match self {
            Self::Heap(heap) => {
                heap.truncate(key_len);
                heap.extend_from_slice(value);
            }
            Self::Inline { len, bytes } => match bytes.get_mut(key_len..key_len + value.len()) {
                Some(place) => {
                    place.copy_from_slice(value);
                    *len = short(key_len + value.len());
                }
                None => *self = Self::Heap([&bytes[..key_len], value].concat()),
            },
        }
    }

    #[inline]
    pub(crate) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Inline { len, bytes } => &bytes[..usize::from(*len)],
            Self::Heap(heap) => heap,
        }
    }

    /// How much memory they take outside of this struct, the allocator's share included.
    #[inline]
    pub(crate) fn heap_bytes(&self) -> usize {
        const ALLOCATION_BYTES: usize = 16;
        match self {
            Self::Inline { .. } => 0,
            Self::Heap(heap) => heap.len() + ALLOCATION_BYTES,
        }
    }
}

/// The length of a key as rows keep it: four bytes less than a `usize` keep a row of a table within a line of cache.
#[inline]
pub(crate) fn key_len(key: &[u8]) -> u32 {
    u32::try_from(key.len()).expect("a key is part of a record, and those end at 2 GiB")
}

/// A length that fits in place.
#[inline]
fn short(len: usize) -> u8 {
    u8::try_from(len).expect("no more than INLINE_MAX bytes are in place")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn a_row_takes_no_more_room_than_its_bytes_and_a_tag() {
        assert_eq!(size_of::<RowBytes>(), 56);
    }

    #[rstest]
    #[case::in_place(16, &[8, 0, 38, 16])]
    #[case::grows_out(16, &[8, 39, 8, 200, 0])]
    #[case::long_key(100, &[0, 8, 8])]
    #[case::no_key(0, &[54, 55, 0])]
    fn any_length_is_kept(#[case] key_len: usize, #[case] value_lens: &[usize]) {
        let key = vec![b'k'; key_len];
        let mut row = RowBytes::new(&key, b"first");
        assert_eq!(row.as_slice(), [&key[..], b"first"].concat());
        for (fill, len) in (b'0'..).zip(value_lens) {
            let value = vec![fill; *len];
            row.set_value(key_len, &value);
            assert_eq!(row.as_slice(), [&key[..], &value].concat());
            assert!(row.heap_bytes() == 0 || row.heap_bytes() > row.as_slice().len());
        }
        row.set(b"other", b"value");
        assert_eq!(row.as_slice(), b"othervalue");
    }

    #[test]
    fn short_rows_take_no_memory_of_their_own() {
        assert_eq!(RowBytes::new(&[1; 16], &[2; 38]).heap_bytes(), 0);
        assert_eq!(RowBytes::new(&[1; 16], &[2; 39]).heap_bytes(), 55 + 16);
    }
}
