//! Zigzag varints of records. Overlong ones are refused; values of one and two bytes take the short way.

/// The bytes of a varint that a record can need at most, for a 64-bit value.
pub(super) const VARLONG_LEN_MAX: usize = 10;

/// Why bytes are not the next part of a record.
pub(super) type Wrong = &'static str;

#[inline]
pub(super) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

#[inline]
fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// How many bytes a zigzag value takes.
#[inline]
pub(super) fn varint_len(zigzag: u64) -> usize {
    let bits = u64::BITS - (zigzag | 1).leading_zeros();
    (bits as usize * 9 + 64) / 64
}

/// Appends a zigzag value.
pub(super) fn push_varint(out: &mut Vec<u8>, zigzag: u64) {
    let mut bits = zigzag;
    while bits >= 0x80 {
        out.push(bits as u8 | 0x80);
        bits >>= 7;
    }
    out.push(bits as u8);
}

/// What takes three bytes or more.
pub(super) const SHORT_MAX: u64 = 0x4000;

/// The varint of a zigzag value below [`SHORT_MAX`] in a register, the first byte lowest, and its length.
#[inline]
pub(super) fn short(zigzag: u64) -> (u64, usize) {
    let two = u64::from(zigzag >= 0x80);
    (zigzag & 0x7f | two << 7 | zigzag >> 7 << 8, 1 + two as usize)
}

/// A varlong at the start of `bytes`, and what follows it.
#[inline]
pub(super) fn varlong(bytes: &[u8]) -> Result<(i64, &[u8]), Wrong> {
    match bytes {
        [a, rest @ ..] if *a < 0x80 => Ok((unzigzag(u64::from(*a)), rest)),
        [a, b, rest @ ..] if *b < 0x80 && *b != 0 => Ok((unzigzag(u64::from(*a & 0x7f) | u64::from(*b) << 7), rest)),
        _ => long_varlong(bytes),
    }
}

fn long_varlong(bytes: &[u8]) -> Result<(i64, &[u8]), Wrong> {
    let mut value = 0_u64;
    for (i, byte) in bytes.iter().take(VARLONG_LEN_MAX).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * i);
        if *byte < 0x80 {
            let overlong = (*byte == 0 && i > 0) || (i == VARLONG_LEN_MAX - 1 && *byte > 1);
            return if overlong { Err("overlong varint") } else { Ok((unzigzag(value), &bytes[i + 1..])) };
        }
    }
    Err(if bytes.len() < VARLONG_LEN_MAX { "varint is cut off" } else { "overlong varint" })
}

/// A varint of 32 bits at the start of `bytes`, and what follows it.
#[inline]
pub(super) fn varint(bytes: &[u8]) -> Result<(i32, &[u8]), Wrong> {
    let (value, rest) = varlong(bytes)?;
    match i32::try_from(value) {
        Ok(value) => Ok((value, rest)),
        Err(_) => Err("varint of more than 32 bits"),
    }
}

/// Bytes behind their length, `None` for length -1, and what follows them.
#[inline]
pub(super) fn nullable_bytes(bytes: &[u8]) -> Result<(Option<&[u8]>, &[u8]), Wrong> {
    let (length, rest) = varint(bytes)?;
    if length == -1 {
        return Ok((None, rest));
    }
    match usize::try_from(length).ok().and_then(|length| rest.split_at_checked(length)) {
        Some((value, rest)) => Ok((Some(value), rest)),
        None => Err(if length < 0 { "negative length" } else { "length goes past the record" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_round_trip_at_every_length() {
        let powers = (0..63).map(|bit| 1_i64 << bit);
        let edges = powers.flat_map(|power| [power - 1, power, -power, !power]);
        for value in edges.chain([i64::MIN, i64::MAX, 0, -1]) {
            let mut out = Vec::new();
            push_varint(&mut out, zigzag(value));
            let end = out.len();
            assert_eq!(end, varint_len(zigzag(value)), "{value}");
            if zigzag(value) < SHORT_MAX {
                let (bytes, len) = short(zigzag(value));
                assert_eq!(&bytes.to_le_bytes()[..len], out, "{value}");
            }
            assert_eq!(varlong(&out[..end]), Ok((value, &[][..])), "{value}");
            assert!(varlong(&out[..end - 1]).is_err(), "{value} cut off");
        }
    }

    #[test]
    fn overlong_varints_are_refused() {
        assert_eq!(varlong(&[0x80, 0]), Err("overlong varint"));
        assert_eq!(varlong(&[0xff; 11]), Err("overlong varint"));
        assert_eq!(varlong(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]), Err("overlong varint"));
        assert_eq!(varint(&[0x80, 0x80, 0x80, 0x80, 0x10]), Err("varint of more than 32 bits"));
    }
}
