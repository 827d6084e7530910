//! Runs every recorded case, so that the tests of the workspace are the suite too.

use std::fs;
use std::path::Path;

use streams_conformance::families::FAMILIES;
use streams_conformance::suite::{self, Selection};

#[test]
fn every_case_answers_as_kafka_streams() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let cases = suite::load(&here.join("cases")).expect("the cases can be read");
    let known = suite::known_differences(&here.join("known-differences.json")).expect("the list can be read");
    let report = suite::run(&cases, &Selection::default(), &known);
    println!("{report}");
    assert!(report.is_green(), "{} cases differ from Kafka Streams", report.failed());
}

#[test]
fn the_readme_counts_the_cases() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(readme).expect("it can be read");
    let mut total = 0;
    for family in FAMILIES {
        let count = (family.cases)().len();
        total += count;
        let row = format!("| `{}` | {count} |", family.name);
        assert!(readme.contains(&row), "tests/conformance/README.md: no row begins with {row}");
    }
    let row = format!("| all | {total} |");
    assert!(readme.contains(&row), "tests/conformance/README.md: no row begins with {row}");
}
