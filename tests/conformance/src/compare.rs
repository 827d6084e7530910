//! The first difference between what Kafka Streams answered and what we did, side by side.
//!
//! What is not compared is counted by name ([`Compared::not_compared`]), never left out silently.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::interpret::{build, Stop};
use crate::model::{CachedRun, Case, Expected, OutputRecord, Row, Run};
use crate::run::{run, Caches};
use crate::value::Datum;

/// Lines of a list that are shown around the first that differs.
const CONTEXT: usize = 3;

/// What came of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Everything that is compared is equal.
    Passed,
    /// The first difference, as text.
    Failed(String),
    /// It was not run; the name of what is missing.
    Skipped(String),
}

/// What came of a case, and what was not looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// What came of it.
    pub outcome: Outcome,
    /// The checks that the expectation has and we do not make yet.
    pub not_compared: Vec<&'static str>,
}

/// Runs a case and compares it with what Kafka Streams answered.
pub fn check(case: &Case) -> Compared {
    let mut not_compared = Vec::new();
    let outcome = match &case.expected {
        None => Outcome::Skipped("an answer: `make golden` was not run".to_owned()),
        Some(expected) => match against(case, expected, &mut not_compared) {
            Ok(()) => Outcome::Passed,
            Err(Difference::Stop(Stop::Missing(what))) => Outcome::Skipped(what),
            Err(Difference::Stop(Stop::Mistake(what))) => Outcome::Failed(format!("the case is wrong: {what}")),
            Err(Difference::Stop(Stop::Refused(error))) => {
                Outcome::Failed(format!("Kafka Streams takes the program, we refuse it: {}", error.report()))
            }
            Err(Difference::Text(text)) => Outcome::Failed(text),
        },
    };
    if matches!(outcome, Outcome::Skipped(_)) {
        not_compared.clear();
    }
    not_compared.sort_unstable();
    not_compared.dedup();
    Compared { outcome, not_compared }
}

enum Difference {
    Stop(Stop),
    Text(String),
}

impl From<Stop> for Difference {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

type Stores = BTreeMap<String, Vec<Row>>;
type Equal = Result<(), Difference>;

fn against(case: &Case, expected: &Expected, not_compared: &mut Vec<&'static str>) -> Equal {
    if let Some(refused) = &expected.refused {
        return match build(&case.topology) {
            Err(Stop::Refused(_)) => Ok(()),
            Err(stop) => Err(stop.into()),
            Ok(_) => differ(format!("Kafka Streams refuses the program, we take it\nKafka: {refused}")),
        };
    }
    let described = build(&case.topology)?.topology.describe().to_string();
    let described: Vec<String> = described.lines().map(str::to_owned).collect();
    if let Some(lines) = &expected.describe {
        let (lines, described) = (without_chooser(lines), without_chooser(&described));
        if lines.iter().any(|line| line.contains(CHOOSER)) {
            not_compared.push("the class that chooses a sink's topic: closures have none");
        }
        equal_lists("describe", &lines, &described)?;
    }
    if expected.describe_optimized.is_some() {
        not_compared.push("describe_optimized: there is no optimizer yet");
    }
    let Some(runs) = &expected.runs else { return Ok(()) };
    let subtopologies = described.iter().filter(|line| line.contains("Sub-topology: ")).count();
    if let Some(uncached) = &runs.uncached {
        equal_runs("without caches", (uncached, &run(case, Caches::Off)?), subtopologies, not_compared)?;
    }
    let cached = match &runs.cached {
        Some(CachedRun::Other(cached)) => Some(cached),
        Some(CachedRun::Same) => runs.uncached.as_ref(),
        None => None,
    };
    match cached {
        Some(cached) => equal_runs("with caches", (cached, &run(case, Caches::On)?), subtopologies, not_compared),
        None => Ok(()),
    }
}

/// Where `describe()` names the class that chooses the topic of each record.
const CHOOSER: &str = "(extractor class: ";

fn without_chooser(lines: &[String]) -> Vec<String> {
    let without = |line: &String| match line.split_once(CHOOSER) {
        Some((front, _)) => format!("{front}{CHOOSER}..)"),
        None => line.clone(),
    };
    lines.iter().map(without).collect()
}

fn differ(text: String) -> Equal {
    Err(Difference::Text(text))
}

fn equal_runs(
    when: &str,
    (kafka, ours): (&Run, &Run),
    subtopologies: usize,
    not_compared: &mut Vec<&'static str>,
) -> Equal {
    match (&kafka.fails, &ours.fails) {
        (None, Some(_)) => {
            let why = ours.failure.as_deref().unwrap_or_default();
            return differ(format!("{when}: our run fails at step {}: {why}", ours.fails_at.unwrap_or(-1)));
        }
        (Some(class), None) => {
            let (at, why) = (kafka.fails_at.unwrap_or(-1), kafka.failure.as_deref().unwrap_or_default());
            return differ(format!("{when}: Kafka's run fails at step {at}, ours does not\nKafka: {class}: {why}"));
        }
        (Some(_), Some(_)) if kafka.fails_at.is_some() && kafka.fails_at != ours.fails_at => {
            let (theirs, at) = (kafka.fails_at.unwrap_or(-1), ours.fails_at.unwrap_or(-1));
            let why = ours.failure.as_deref().unwrap_or_default();
            return differ(format!("{when}: Kafka's run fails at step {theirs}, ours at step {at}: {why}"));
        }
        (Some(_), Some(_)) => not_compared.push("the class of a failure: ours are not Java's"),
        (None, None) => {}
    }
    if kafka.output != ours.output && by_topic(kafka) == by_topic(ours) && subtopologies > 1 {
        not_compared
            .push("the order of records over the topics of several sub-topologies: ours are tasks of their own");
    } else {
        equal_lists(&format!("{when}: output"), &kafka.output, &ours.output)?;
    }
    if let (Some(kafka), Some(ours)) = (&kafka.stores, &ours.stores) {
        let kafka = alike(kafka, ours, not_compared);
        equal_maps(&format!("{when}: store"), &kafka, ours)?;
    }
    equal_maps(&format!("{when}: internal topic"), &kafka.internal, &ours.internal)?;
    equal_maps(&format!("{when}: seen by"), &kafka.seen, &ours.seen)?;
    if kafka.dropped != ours.dropped {
        return differ(format!("{when}: dropped records\nKafka: {}\nours:  {}", kafka.dropped, ours.dropped));
    }
    Ok(())
}

fn by_topic(run: &Run) -> BTreeMap<&str, Vec<&OutputRecord>> {
    let mut topics: BTreeMap<&str, Vec<&OutputRecord>> = BTreeMap::new();
    for record in &run.output {
        topics.entry(&record.topic).or_default().push(record);
    }
    topics
}

/// Kafka's rows as they are to be compared with ours. Of window stores two things are not compared, and counted:
/// the order, which is Kafka's own for each kind of store, and rows past the retention that its cache still shows.
fn alike(kafka: &Stores, ours: &Stores, not_compared: &mut Vec<&'static str>) -> Stores {
    let mut kafka = kafka.clone();
    for (name, theirs) in &mut kafka {
        let Some(mine) = ours.get(name).filter(|mine| *mine != theirs) else { continue };
        let start = |row: &Row| match &row.key {
            Datum::Windowed(windowed) => Some(windowed.start),
            _ => None,
        };
        if theirs.iter().chain(mine).any(|row| start(row).is_none()) {
            continue;
        }
        let earliest = mine.iter().filter_map(start).min();
        let is_expired = |row: &Row| !mine.contains(row) && start(row) < earliest;
        if earliest.is_some() && theirs.iter().any(is_expired) {
            theirs.retain(|row| !is_expired(row));
            not_compared.push("rows past the retention that Kafka's cache still shows");
        }
        let sorted = |rows: &[Row]| {
            let mut lines = lines(rows);
            lines.sort_unstable();
            lines
        };
        if theirs != mine && sorted(theirs) == sorted(mine) {
            theirs.clone_from(mine);
            not_compared.push("the order of a window store's rows: ours is by segment and key");
        }
    }
    kafka
}

fn equal_maps<T: Serialize>(what: &str, kafka: &BTreeMap<String, Vec<T>>, ours: &BTreeMap<String, Vec<T>>) -> Equal {
    let names = |map: &BTreeMap<String, Vec<T>>| map.keys().cloned().collect::<Vec<_>>();
    let (theirs, mine) = (names(kafka), names(ours));
    if theirs != mine {
        return differ(format!(
            "{what}: others than Kafka's\nKafka: {}\nours:  {}",
            theirs.join(", "),
            mine.join(", ")
        ));
    }
    for (name, rows) in kafka {
        equal_lists(&format!("{what} {name}"), rows, &ours[name])?;
    }
    Ok(())
}

fn equal_lists<A: Serialize, B: Serialize>(what: &str, kafka: &[A], ours: &[B]) -> Equal {
    let (kafka, ours) = (lines(kafka), lines(ours));
    if kafka == ours {
        return Ok(());
    }
    let equal = kafka.iter().zip(&ours).take_while(|(kafka, ours)| kafka == ours).count();
    let from = equal.saturating_sub(CONTEXT);
    let to = (equal + CONTEXT + 1).min(kafka.len().max(ours.len()));
    let width = kafka.iter().skip(from).take(to - from).map(|line| line.chars().count()).max().unwrap_or(0).max(5);
    let mut text = format!(
        "{what}: entry {equal} of {} differs (we have {})\n    {:width$} | ours",
        kafka.len(),
        ours.len(),
        "Kafka"
    );
    for index in from..to {
        let none = || "(nothing)".to_owned();
        let (theirs, mine) =
            (kafka.get(index).cloned().unwrap_or_else(none), ours.get(index).cloned().unwrap_or_else(none));
        let mark = if theirs == mine { ' ' } else { '>' };
        text.push_str(&format!("\n  {mark} {theirs:width$} | {mine}"));
    }
    differ(text)
}

fn lines<T: Serialize>(list: &[T]) -> Vec<String> {
    let line = |entry: &T| match serde_json::to_value(entry) {
        Ok(serde_json::Value::String(text)) => text,
        Ok(value) => value.to_string(),
        Err(error) => error.to_string(),
    };
    list.iter().map(line).collect()
}
