//! The cases themselves, written as programs: one file per family, each a function that returns its cases without
//! answers. `conformance write` puts them into `cases/*.json`, where `make golden` adds what Kafka Streams answers.
//!
//! Nothing here runs a topology or knows what it should do: only Kafka's answers count. The same program makes the same
//! cases for ever, for an answer stays with a case only while its topology and its input stay the same.

mod aggregate;
mod build;
mod caching;
mod cogroup;
mod count;
mod emit;
mod foreign_key;
mod global;
mod headers;
mod hopping;
mod input;
mod keys;
mod naming;
mod optimization;
mod processors;
mod punctuation;
mod quirks;
mod reduce;
mod refused;
mod repartition;
mod restart;
mod session;
mod sliding;
mod split_merge;
mod stateless;
mod stream_stream;
mod stream_table;
mod suppress;
mod table_table;
mod tables;
mod timestamps;
mod tumbling;
mod unlimited;
mod versioned;

use crate::model::Case;

/// A family of cases by its name, which is also the name of its file.
#[derive(Debug, Clone, Copy)]
pub struct FamilyOf {
    /// The name.
    pub name: &'static str,
    /// Makes its cases, always the same.
    pub cases: fn() -> Vec<Case>,
}

macro_rules! families {
    ($($module:ident)+) => {
        &[$(FamilyOf { name: stringify!($module), cases: || finished(stringify!($module), $module::cases()) }),+]
    };
}

/// All families in the order of the report.
pub const FAMILIES: &[FamilyOf] = families![
    stateless keys naming split_merge repartition
    aggregate reduce count cogroup tables
    tumbling hopping sliding session unlimited emit suppress
    stream_table stream_stream table_table foreign_key global
    versioned processors punctuation timestamps headers caching
    restart optimization refused quirks
];

fn finished(family: &str, cases: Vec<build::Case>) -> Vec<Case> {
    cases.into_iter().map(|case| case.finish(family)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn names_are_unique_and_say_what_is_shown() {
        let mut names = BTreeMap::new();
        for family in FAMILIES {
            for case in (family.cases)() {
                assert!(case.about.len() > 10, "{}: what is it about?", case.name);
                assert_eq!(names.insert(case.name.clone(), ()), None, "{} twice", case.name);
            }
        }
        assert!(names.len() >= 400, "{} cases", names.len());
    }

    #[test]
    fn no_two_cases_are_the_same() {
        let mut seen = BTreeMap::new();
        for case in FAMILIES.iter().flat_map(|family| (family.cases)()) {
            let what = serde_json::to_string(&(case.topology, case.input)).expect("a case is JSON");
            if let Some(other) = seen.insert(what, case.name.clone()) {
                panic!("{} is {other}", case.name);
            }
        }
    }
}
