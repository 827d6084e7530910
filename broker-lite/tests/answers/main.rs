//! What broker-lite answers is what Apache Kafka answers, field by field.
//!
//! A case asks a broker and notes each answer under a label. `kafka/` has what Apache Kafka answered; broker-lite must
//! answer the same, but for the differences that `different` lists with their reasons. Where Java and Kafka's jars are,
//! a test asks Apache Kafka again, and with `UPDATE_EXPECT=1` it writes `kafka/` anew:
//!
//! ```sh
//! UPDATE_EXPECT=1 cargo test -p broker-lite --test answers apache_kafka
//! ```
//!
//! What differs from run to run is replaced: ids, addresses, times. Messages are for people and each broker has its
//! own words: only whether there is one is compared.

#![expect(clippy::unwrap_used, reason = "helpers of tests end a test, too")]

mod configs;
mod different;
mod fetches;
mod groups;
mod offsets;
mod places;
mod produces;
#[path = "../rows/support.rs"]
#[expect(dead_code, reason = "each test binary uses its part")]
mod support;
mod talk;
mod topics;

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use different::DIFFERENT;
use kafka_cluster::{KafkaCluster, Options};
use support::Wire;
use talk::{Answers, Talk};

/// What asks and notes.
type Case = fn(&mut Talk);

/// Every case, under the name of its file in `kafka/`. The first one finds a cluster that nobody used yet.
const CASES: &[(&str, Case)] = &[
    ("groups", groups::positions),
    ("coordinators", groups::coordinators),
    ("producer-ids", groups::producer_ids),
    ("produce", produces::produce),
    ("produce-records", produces::records),
    ("produce-sequences", produces::sequences),
    ("fetch", fetches::fetch),
    ("fetch-limits", fetches::limits),
    ("fetch-epochs", fetches::epochs),
    ("fetch-sessions", fetches::sessions),
    ("list-offsets", offsets::list),
    ("leader-epochs", offsets::epochs),
    ("create-topics", topics::create),
    ("create-topics-configs", topics::configs),
    ("delete-topics", topics::delete),
    ("create-partitions", topics::grow),
    ("delete-records", topics::trim),
    ("metadata", places::metadata),
    ("configs-of-topics", configs::of_topics),
    ("configs-of-brokers", configs::of_brokers),
];

#[rstest::rstest]
#[case::groups("groups")]
#[case::coordinators("coordinators")]
#[case::producer_ids("producer-ids")]
#[case::produce("produce")]
#[case::produce_records("produce-records")]
#[case::produce_sequences("produce-sequences")]
#[case::fetch("fetch")]
#[case::fetch_limits("fetch-limits")]
#[case::fetch_epochs("fetch-epochs")]
#[case::fetch_sessions("fetch-sessions")]
#[case::list_offsets("list-offsets")]
#[case::leader_epochs("leader-epochs")]
#[case::create_topics("create-topics")]
#[case::create_topics_configs("create-topics-configs")]
#[case::delete_topics("delete-topics")]
#[case::create_partitions("create-partitions")]
#[case::delete_records("delete-records")]
#[case::metadata("metadata")]
#[case::configs_of_topics("configs-of-topics")]
#[case::configs_of_brokers("configs-of-brokers")]
fn broker_lite_answers_as_apache_kafka_does(#[case] name: &str) {
    let (_, case) = CASES.iter().find(|(known, _)| *known == name).unwrap();
    let wire = Wire::new();
    let mut talk = Talk::with(&wire.address());
    case(&mut talk);
    let answers = talk.answers();
    let recorded = parse(&fs::read_to_string(path(name)).unwrap());
    let expected: Answers =
        recorded.into_iter().map(|(label, answer)| (label.clone(), here(name, label, answer))).collect();
    let found = show(&answers);
    assert!(found == show(&expected), "{}", differences(&expected, &answers));
}

/// What broker-lite has to answer where Apache Kafka answers this.
fn here(case: &str, label: String, kafkas: String) -> String {
    let listed = DIFFERENT.iter().find(|different| (different.case, different.label) == (case, label.as_str()));
    let Some(different) = listed else { return kafkas };
    let ours = kafkas.replace(different.kafka, different.here);
    assert_ne!(ours, kafkas, "{case}, {label}: Apache Kafka does not answer `{}` any more", different.kafka);
    ours
}

#[test]
fn every_case_is_compared_and_every_difference_is_in_one() {
    let compared = include_str!("main.rs").matches("#[case::").count() - 1;
    assert_eq!(compared, CASES.len());
    for different in DIFFERENT {
        let text = fs::read_to_string(path(different.case)).unwrap();
        let is_known = parse(&text).iter().any(|(label, _)| label == different.label);
        assert!(is_known && !different.why.is_empty(), "{}, {}", different.case, different.label);
    }
}

#[test]
fn apache_kafka_answers_as_recorded() {
    let Some(cluster) = KafkaCluster::start(&Options::default()).unwrap() else { return };
    for (name, case) in CASES {
        let mut talk = Talk::with(&cluster.bootstrap_servers());
        case(&mut talk);
        expect_test::expect_file![path(name)].assert_eq(&show(&talk.answers()));
    }
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/answers/kafka").join(format!("{name}.txt"))
}

/// A label, and its answer indented below it.
fn show(answers: &Answers) -> String {
    let mut text = String::new();
    for (label, answer) in answers {
        writeln!(text, "{label}").unwrap();
        answer.lines().for_each(|line| writeln!(text, "    {line}").unwrap());
    }
    text
}

fn parse(text: &str) -> Answers {
    let mut answers = Answers::new();
    for line in text.lines() {
        match (line.strip_prefix("    "), answers.last_mut()) {
            (Some(line), Some((_, answer))) => {
                if !answer.is_empty() {
                    answer.push('\n');
                }
                answer.push_str(line);
            }
            _ => answers.push((line.to_owned(), String::new())),
        }
    }
    answers
}

fn differences(expected: &Answers, found: &Answers) -> String {
    let mut text = "answers differ".to_owned();
    for (label, answer) in found {
        let wanted = expected.iter().find(|(known, _)| known == label).map_or("", |(_, answer)| answer);
        if wanted != answer {
            write!(
                text,
                "\n{label}\n  kafka: {}\n  here:  {}",
                wanted.replace('\n', "\n         "),
                answer.replace('\n', "\n         ")
            )
            .unwrap();
        }
    }
    for (label, _) in expected.iter().filter(|(label, _)| found.iter().all(|(known, _)| known != label)) {
        write!(text, "\n{label}\n  was not asked").unwrap();
    }
    text
}
