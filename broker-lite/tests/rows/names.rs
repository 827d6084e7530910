//! Topic names that are no names, names that collide, and topics that are made because someone asks about them.

use broker_lite::Broker;
use streams_core::protocol::ErrorCode;

use crate::support::*;

/// B85: with Kafka's words, where a person can read them.
#[rstest::rstest]
#[case::b85_empty("", "the empty string is not allowed")]
#[case::b85_dot(".", "'.' is not allowed")]
#[case::b85_dots("..", "'..' is not allowed")]
#[case::b85_slash("a/b", "'a/b' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'")]
#[case::b85_traversal("../../etc/passwd", "'../../etc/passwd' contains")]
#[case::b85_nul("a\0b", "'a\\u{0}b' contains")]
#[case::b84_b85_escape("a\u{1b}[2Jb\r\n", "'a\\u{1b}[2Jb\\u{d}\\u{a}' contains")]
#[case::b85_umlaut("ü", "'ü' contains")]
#[case::b85_too_long(&"x".repeat(250), "is longer than the max allowed length 249")]
fn a_bad_topic_name_is_refused(#[case] name: &str, #[case] words: &str) {
    let mut wire = Wire::new();
    let (code, message) = wire.try_create(name, &[]);
    assert_eq!(code, ErrorCode::INVALID_TOPIC_EXCEPTION);
    assert!(message.starts_with("Topic name is invalid: ") && message.contains(words), "{message}");
    assert_eq!(wire.describe(name, true).error_code, ErrorCode::INVALID_TOPIC_EXCEPTION, "nor is it made on asking");
    assert_eq!(wire.produce(name, batch("v")).error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(wire.fetch(name, 0).error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
}

/// B86.
#[test]
fn names_collide_where_a_dot_stands_for_an_underscore_and_not_in_case() {
    let mut wire = Wire::new();
    wire.create("a_b", &[]);
    let (code, message) = wire.try_create("a.b", &[]);
    assert_eq!(code, ErrorCode::INVALID_TOPIC_EXCEPTION);
    assert_eq!(message, "Topic 'a.b' collides with existing topics: a_b");
    wire.create("Foo", &[]);
    wire.create("foo", &[]);
    wire.produce("Foo", batch("v"));
    assert_eq!((wire.fetch("Foo", 0).high_watermark, wire.fetch("foo", 0).high_watermark), (1, 0));
}

/// `auto.create.topics.enable`: the broker and the request must both allow it, and the name must be a user's.
#[rstest::rstest]
#[case(true, true, "made", ErrorCode::NONE)]
#[case(true, false, "made", ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)]
#[case(false, true, "made", ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)]
#[case(false, false, "made", ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)]
#[case(true, true, "__transaction_state", ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)]
fn topics_are_made_on_asking(
    #[case] is_enabled: bool,
    #[case] is_allowed: bool,
    #[case] name: &str,
    #[case] code: ErrorCode,
) {
    let builder = Broker::builder().configure(|config| {
        (config.auto_create_topics, config.default_partitions) = (is_enabled, 3);
    });
    let mut wire = Wire::over(builder);
    let topic = wire.describe(name, is_allowed);
    let partitions = if code.is_none() { 3 } else { 0 };
    assert_eq!((topic.error_code, topic.name.as_deref(), topic.partitions.len()), (code, Some(name), partitions));
    assert_eq!(topic.is_internal, name.starts_with("__"));
    assert_eq!(wire.describe(name, false).error_code, code, "what is answered is so");
    if code.is_none() {
        assert_eq!(wire.describe(name, true).topic_id, topic.topic_id, "asking again makes no other one");
        assert_eq!(wire.produce(name, batch("v")).base_offset, 0, "it takes records at once");
    }
    assert_eq!(wire.produce("by-producing", batch("v")).error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
}
