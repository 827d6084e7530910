//! Text to typed values, and what to say when it is none.
//!
//! A parser answers with the value or with what it expects ("an integer from 1 to 1024"); [`value`] makes the error
//! of both. Numbers never wrap: what does not fit is refused.
//!
//! Grammar of durations: an integer and one of `ms`, `s`, `m`, `h`, `d` (`250ms`, `30s`, `7d`); of sizes: an integer
//! and one of `B`, `KB`, `MB`, `GB`, `KiB`, `MiB`, `GiB` (`64KiB`). Where Kafka's name says the unit (`..ms`,
//! `..bytes`), a bare integer means that unit.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};

/// The most addresses `bootstrap.servers` may hold; more is a mistake in the text.
pub const BOOTSTRAP_SERVERS_MAX: usize = 256;
/// The longest host name that DNS allows.
const HOST_LENGTH_MAX: usize = 253;
/// The longest `application.id`: it is part of topic names, which end at 249 characters.
const APPLICATION_ID_LENGTH_MAX: usize = 200;

/// What a parser says it wants; the end of the sentence "expects ..".
pub type Expected = String;

/// Runs a parser over the value of a setting.
///
/// # Errors
/// [`ErrorKind::InvalidConfig`] naming key, value and what is accepted.
pub fn value<T>(key: &str, text: &str, parser: impl FnOnce(&str) -> Result<T, Expected>) -> Result<T> {
    parser(text.trim()).map_err(|expected| invalid(key, text, &expected))
}

/// The error of a setting whose value is not accepted.
#[cold]
pub fn invalid(key: &str, text: &str, expected: &str) -> Error {
    Error::new(ErrorKind::InvalidConfig, format!("setting `{key}` is `{}`: expects {expected}", shown(text)))
}

/// The error of a key that is none of `known`: names the nearest one.
#[cold]
pub fn unknown_key(key: &str, known: &[&str]) -> Error {
    let hint = match nearest(key, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "check its spelling against Kafka's documentation".to_owned(),
    };
    Error::new(ErrorKind::InvalidConfig, format!("unknown setting `{}`: {hint}", shown(key)))
}

/// An integer within a range.
pub fn integer<T>(range: RangeInclusive<T>) -> impl Fn(&str) -> Result<T, Expected>
where
    T: FromStr + PartialOrd + fmt::Display,
{
    move |text| match text.parse::<T>() {
        Ok(number) if range.contains(&number) => Ok(number),
        _ => Err(format!("an integer from {} to {}", range.start(), range.end())),
    }
}

/// A duration within a range; a bare integer is milliseconds.
pub fn millis(range: RangeInclusive<Duration>) -> impl Fn(&str) -> Result<Duration, Expected> {
    move |text| {
        let parsed = text.parse().ok().map(Duration::from_millis).or_else(|| duration(text).ok());
        parsed.filter(|duration| range.contains(duration)).ok_or_else(|| {
            let (low, high) = (range.start().as_millis(), range.end().as_millis());
            format!("milliseconds from {low} to {high}, or a duration such as `250ms`, `30s`, `5m`, `2h`, `7d`")
        })
    }
}

/// A size in bytes within a range; a bare integer is bytes.
pub fn bytes<T>(range: RangeInclusive<T>) -> impl Fn(&str) -> Result<T, Expected>
where
    T: TryFrom<u64> + PartialOrd + fmt::Display,
{
    move |text| {
        let parsed = text.parse().ok().or_else(|| size(text).ok());
        parsed.and_then(|bytes| T::try_from(bytes).ok()).filter(|bytes| range.contains(bytes)).ok_or_else(|| {
            format!("bytes from {} to {}, or a size such as `64KiB`, `10MB`", range.start(), range.end())
        })
    }
}

/// `true` or `false`.
pub fn boolean(text: &str) -> Result<bool, Expected> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("`true` or `false`".to_owned()),
    }
}

/// Any text, empty too.
pub fn text(text: &str) -> Result<String, Expected> {
    Ok(text.to_owned())
}

/// Text that is optional: empty is none.
pub fn optional_text(text: &str) -> Result<Option<String>, Expected> {
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// One of a list of words, in Kafka's spelling or any other case.
pub fn word<T: Clone>(words: &'static [(&'static str, T)]) -> impl Fn(&str) -> Result<T, Expected> {
    move |text| match words.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)) {
        Some((_, value)) => Ok(value.clone()),
        None => Err(words.iter().map(|(word, _)| format!("`{word}`")).collect::<Vec<_>>().join(" or ")),
    }
}

/// A duration with a unit.
///
/// # Errors
/// The grammar, when the text is none or does not fit.
pub fn duration(text: &str) -> Result<Duration, Expected> {
    let units = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
    quantity(text, &units)
        .map(Duration::from_millis)
        .ok_or_else(|| "an integer and one of `ms`, `s`, `m`, `h`, `d`, such as `30s` or `90m`".to_owned())
}

/// A size with a unit, in bytes.
///
/// # Errors
/// The grammar, when the text is none or does not fit.
pub fn size(text: &str) -> Result<u64, Expected> {
    let units = [
        ("B", 1),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
    ];
    quantity(text, &units)
        .ok_or_else(|| "an integer and one of `B`, `KB`, `MB`, `GB`, `KiB`, `MiB`, `GiB`, such as `64KiB`".to_owned())
}

/// An integer directly followed by a unit; none when it is neither or overflows.
fn quantity(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(end);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostPort {
    /// A host name or an address; an IPv6 address without its brackets.
    pub host: String,
    /// A port, never 0.
    pub port: u16,
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// The addresses of `bootstrap.servers`: `host:port`, separated by commas.
///
/// # Errors
/// What is wrong with the first bad entry, which it names.
pub fn bootstrap_servers(text: &str) -> Result<Vec<HostPort>, Expected> {
    if text.is_empty() {
        return Err("at least one `host:port`, such as `localhost:9092`".to_owned());
    }
    let entries = text.split(',').map(str::trim).collect::<Vec<_>>();
    if entries.len() > BOOTSTRAP_SERVERS_MAX {
        return Err(format!("at most {BOOTSTRAP_SERVERS_MAX} addresses and got {}", entries.len()));
    }
    entries.into_iter().map(host_port).collect()
}

fn host_port(entry: &str) -> Result<HostPort, Expected> {
    let refuse = |why: &str| Err(format!("`host:port` in each entry; `{}` {why}", shown(entry)));
    if entry.contains("://") {
        return refuse("has a scheme: leave it out");
    }
    let Some((host, port)) = entry.rsplit_once(':') else {
        return refuse("has no port");
    };
    let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address,
        None if host.contains(':') => return refuse("is an IPv6 address without brackets: write `[::1]:9092`"),
        None => host,
    };
    if host.is_empty() {
        return refuse("has no host");
    }
    if host.len() > HOST_LENGTH_MAX || host.contains(|c: char| c.is_whitespace() || c.is_control() || c == '/') {
        return refuse("has a host that is no name or address");
    }
    match port.parse::<u16>() {
        Ok(port) if port > 0 => Ok(HostPort { host: host.to_owned(), port }),
        _ => refuse("has a port that is not from 1 to 65535"),
    }
}

/// An `application.id`: it names the group, the internal topics and a directory, so it never contains a path.
///
/// # Errors
/// What is accepted.
pub fn application_id(text: &str) -> Result<String, Expected> {
    if text.is_empty() {
        return Err("a name: it becomes the group id, the prefix of internal topics and a directory below `state.dir`"
            .to_owned());
    }
    let legal = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    if legal && text.len() <= APPLICATION_ID_LENGTH_MAX && text != "." && text != ".." {
        return Ok(text.to_owned());
    }
    Err(format!(
        "1 to {APPLICATION_ID_LENGTH_MAX} of the characters A-Z a-z 0-9 . _ - and neither `.` nor `..`: it names a directory"
    ))
}

/// The name in `known` that is nearest to `name`, if one is near.
pub fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let limit = (name.chars().count() / 4).clamp(1, 5);
    known
        .iter()
        .map(|candidate| (edit_distance(name, candidate), *candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// How many characters to insert, delete or replace to make one text of the other (Levenshtein). Bounded, because
/// the text can be anything.
fn edit_distance(a: &str, b: &str) -> usize {
    const CHARS_MAX: usize = 128;
    let b = b.chars().take(CHARS_MAX).collect::<Vec<_>>();
    let mut row = (0..=b.len()).collect::<Vec<_>>();
    for (i, from) in a.chars().take(CHARS_MAX).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// Text for a message: escaped, and cut where it is long.
fn shown(text: &str) -> String {
    const SHOWN_MAX: usize = 200;
    let mut shown = text.chars().take(SHOWN_MAX).flat_map(char::escape_debug).collect::<String>();
    if text.chars().nth(SHOWN_MAX).is_some() {
        shown.push_str("..");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Row B16.
    #[test]
    fn durations_and_sizes_have_one_grammar() {
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("2h"), Ok(Duration::from_secs(7_200)));
        assert_eq!(size("64KiB"), Ok(65_536));
        assert_eq!(size("10MB"), Ok(10_000_000));
        for bad in ["5 min", "1h30", "-1s", "1e99", "5", "", "s", "99999999999999999999s", "18446744073709551615d"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
        for bad in ["10ZB", "1.5MB", "-1B", "18446744073709551615KiB", "10 MB"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_bare_number_takes_the_unit_of_the_name() {
        let parser = millis(Duration::ZERO..=Duration::from_secs(10));
        assert_eq!(parser("5"), Ok(Duration::from_millis(5)));
        assert_eq!(parser("5s"), Ok(Duration::from_secs(5)));
        assert!(parser("11s").is_err());
        assert_eq!(bytes(1..=100_000_i32)("64KiB"), Ok(65_536));
        assert!(bytes(1..=100_000_i32)("1MiB").is_err());
        assert!(bytes(1..=i32::MAX)("4GiB").is_err(), "must not wrap");
    }

    /// Row B08.
    #[test]
    fn bootstrap_servers_name_the_bad_entry() {
        let servers = bootstrap_servers("a:1, [::1]:9092").expect("valid");
        assert_eq!(servers.iter().map(ToString::to_string).collect::<Vec<_>>(), ["a:1", "[::1]:9092"]);
        let many = vec!["h:1"; 300].join(",");
        for (bad, word) in [
            ("localhost", "`localhost` has no port"),
            ("a:1,host:99999", "`host:99999` has a port"),
            ("h:0", "`h:0` has a port"),
            ("kafka://h:9092", "has a scheme"),
            ("", "localhost:9092"),
            ("a:1,,b:2", "has no port"),
            (":9092", "has no host"),
            ("::1:9092", "brackets"),
            ("a b:1", "no name or address"),
            (many.as_str(), "at most 256 addresses and got 300"),
        ] {
            let message = bootstrap_servers(bad).expect_err(bad);
            assert!(message.contains(word), "{bad}: {message}");
        }
    }

    /// Row B07.
    #[test]
    fn application_ids_are_never_paths() {
        assert_eq!(application_id("word-count_1.0"), Ok("word-count_1.0".to_owned()));
        let long = "x".repeat(201);
        for bad in ["", "../x", "a/b", "a b", ".", "..", "ü", long.as_str()] {
            assert!(application_id(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_unknown_key_gets_the_nearest_name() {
        let known = ["num.stream.threads", "state.dir", "poll.ms"];
        assert_eq!(nearest("num.stream.thread", &known), Some("num.stream.threads"));
        assert_eq!(nearest("stat.dir", &known), Some("state.dir"));
        assert_eq!(nearest("completely.else", &known), None);
        let message = unknown_key("num.stream.thread", &known).to_string();
        assert_eq!(message, "unknown setting `num.stream.thread`: did you mean `num.stream.threads`?");
        assert!(unknown_key(&"x".repeat(10_000), &known).to_string().len() < 400);
    }
}
