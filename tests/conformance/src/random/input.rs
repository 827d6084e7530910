//! Random input: few keys, nulls, tombstones, equal and late timestamps, jumps of time, commits, ticks.

use super::rng::Rng;
use crate::model::{AdvanceStep, CommitStep, InputRecord, Step};
use crate::value::{Datum, Type, WindowedDatum};

const RECORDS_MIN: i64 = 5;
const RECORDS_MAX: i64 = 30;
const TEXTS: &[&str] = &["a", "b", "c", "ab", "", "a b", "b c a", "apple", "12", "7"];
const KEYS: &[&str] = &["a", "b", "c", "a b", ""];

/// Records on the topics, which are read under these types.
pub(super) fn input(rng: &mut Rng, topics: &[(String, Type, Type)]) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut now = rng.between(0, 20);
    for _ in 0..rng.between(RECORDS_MIN, RECORDS_MAX) {
        match rng.below(24) {
            0..=2 => steps.push(Step::Commit(CommitStep { commit: true })),
            3 => steps.push(Step::Advance(AdvanceStep { advance: rng.between(1, 25) })),
            4 => now += rng.between(20, 200),
            _ => {}
        }
        now += rng.between(0, 5);
        let late = if rng.once_in(5) { rng.between(1, 30) } else { 0 };
        let (topic, key, value) = rng.pick(topics).clone();
        let headers = if rng.once_in(8) { vec![("h".to_owned(), Some("x".to_owned()))] } else { Vec::new() };
        let (key, value) = (datum(rng, &key, KEYS, 12), datum(rng, &value, TEXTS, 6));
        steps.push(Step::Record(InputRecord { topic, key, value, ts: (now - late).max(0), headers }));
    }
    steps
}

/// A datum of a type; null once in `null_in`.
fn datum(rng: &mut Rng, of: &Type, texts: &[&str], null_in: usize) -> Datum {
    if rng.once_in(null_in) {
        return Datum::Null;
    }
    match of {
        Type::String => Datum::text(*rng.pick(texts)),
        Type::Long => Datum::Long(rng.between(-2, 6)),
        Type::Windowed(windowed) => {
            let (key, start) = (datum(rng, &windowed.windowed, texts, usize::MAX), rng.between(0, 5) * windowed.size);
            Datum::Windowed(Box::new(WindowedDatum { key, start, end: start + windowed.size }))
        }
        Type::Session(session) => {
            let (key, start) = (datum(rng, &session.session, texts, usize::MAX), rng.between(0, 50));
            Datum::Windowed(Box::new(WindowedDatum { key, start, end: start + rng.between(0, 20) }))
        }
    }
}
