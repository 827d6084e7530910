//! Inputs: a notation of one word per step, and scripts made from a seed.
//!
//! Pure: the same seed makes the same script on every machine, forever, because recorded answers depend on it.

use std::fmt::Write;

use serde_json::{json, Value};

/// Steps from words: `topic:key=value@time{header:text,..}` is a record (the topic `in` may be left out), `+5` moves
/// the wall clock by 5 ms, `!` commits, `*` restarts. `~` is null, `_` a space, nothing the empty string,
/// and `'x` the text x where the topic has longs.
pub(crate) fn parse(script: &str, types: &dyn Fn(&str) -> (Value, Value)) -> Vec<Value> {
    script.split_whitespace().map(|word| step(word, types)).collect()
}

fn step(word: &str, types: &dyn Fn(&str) -> (Value, Value)) -> Value {
    if word == "!" {
        return json!({"commit": true});
    }
    if word == "*" {
        return json!({"restart": true});
    }
    if let Some(ms) = word.strip_prefix('+') {
        return json!({"advance": number(ms, word)});
    }
    let (record, headers) = match word.split_once('{') {
        Some((record, headers)) => (record, Some(headers.trim_end_matches('}'))),
        None => (word, None),
    };
    let (record, time) = record.rsplit_once('@').unwrap_or_else(|| panic!("`{word}` has no time"));
    let (key, value) = record.split_once('=').unwrap_or_else(|| panic!("`{word}` has no value"));
    let (topic, key) = key.split_once(':').unwrap_or(("in", key));
    let (key_type, value_type) = types(topic);
    let mut step = json!({
        "topic": topic,
        "key": datum(key, &key_type, word),
        "value": datum(value, &value_type, word),
        "ts": number(time, word),
    });
    if let Some(headers) = headers {
        let pairs =
            headers.split(',').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once(':').unwrap_or((pair, "")));
        step["headers"] = pairs.map(|(name, text)| json!([name, text_of(text)])).collect();
    }
    step
}

fn datum(text: &str, kind: &Value, word: &str) -> Value {
    if let Some(text) = text.strip_prefix('\'') {
        return text_of(text);
    }
    match text_of(text) {
        Value::String(text) if kind == "long" => number(&text, word).into(),
        datum => datum,
    }
}

fn text_of(text: &str) -> Value {
    match text {
        "~" => Value::Null,
        text => text.replace('_', " ").into(),
    }
}

fn number(text: &str, word: &str) -> i64 {
    text.parse().unwrap_or_else(|_| panic!("`{text}` in `{word}` is no number"))
}

/// What a script made from a seed is like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mixture {
    /// Topics to choose from; one twice as often when named twice.
    pub(crate) topics: &'static [&'static str],
    /// Keys to choose from, as the notation writes them.
    pub(crate) keys: &'static [&'static str],
    /// Values to choose from, as the notation writes them.
    pub(crate) values: &'static [&'static str],
    /// How far time may go back from one record to the next, in ms.
    pub(crate) back: i64,
    /// How far time may go on from one record to the next, in ms.
    pub(crate) on: i64,
    /// How many records.
    pub(crate) records: usize,
}

impl Default for Mixture {
    fn default() -> Self {
        Self {
            topics: &["in"],
            keys: &["a", "b", "c"],
            values: &["x", "yy", "zzz", "wwww"],
            back: 0,
            on: 3,
            records: 30,
        }
    }
}

impl Mixture {
    /// The script of a seed.
    pub(crate) fn script(&self, seed: u64) -> String {
        let mut random = SplitMix(seed);
        let (mut script, mut time) = (String::new(), 0_i64);
        for _ in 0..self.records {
            let (topic, key) = (random.one(self.topics), random.one(self.keys));
            time = (time - self.back + random.below(self.back + self.on + 1)).max(0);
            let value = random.one(self.values);
            write!(script, "{topic}:{key}={value}@{time} ").expect("a string takes all text");
        }
        script
    }
}

/// Steele, Lea and Flood's SplitMix64.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    fn below(&mut self, end: i64) -> i64 {
        let end = u64::try_from(end).expect("mixtures have no negative spans");
        i64::try_from(self.next() % end).expect("it is less than an i64")
    }

    fn one(&mut self, among: &[&'static str]) -> &'static str {
        let count = i64::try_from(among.len()).expect("a list in this program is short");
        among[usize::try_from(self.below(count)).expect("it is an index")]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(_: &str) -> (Value, Value) {
        ("string".into(), "string".into())
    }

    #[test]
    fn every_word_is_a_step() {
        let steps = parse("a=x@1 r:~=@-2{h:~,i:j_k} +5 ! *", &strings);
        let expected = json!([
            {"topic": "in", "key": "a", "value": "x", "ts": 1},
            {"topic": "r", "key": null, "value": "", "ts": -2, "headers": [["h", null], ["i", "j k"]]},
            {"advance": 5},
            {"commit": true},
            {"restart": true},
        ]);
        assert_eq!(Value::from(steps), expected);
    }

    #[test]
    fn a_seed_makes_one_script() {
        let mixture = Mixture { back: 2, records: 4, ..Mixture::default() };
        assert_eq!(mixture.script(1), mixture.script(1));
        assert_ne!(mixture.script(1), mixture.script(2));
        assert_eq!(SplitMix(0).next(), 0xe220_a839_7b1d_cdaf);
    }
}
