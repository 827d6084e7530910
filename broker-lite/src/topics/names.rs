//! Which topic names are legal. Source: Kafka's `Topic.validate`.

/// The longest topic name: Kafka's limit, which leaves room for suffixes within 255 bytes.
const NAME_LENGTH_MAX: usize = 249;

/// The topic that holds committed offsets.
pub(crate) const CONSUMER_OFFSETS: &str = "__consumer_offsets";

/// Where Kafka's controllers keep what they know. No topic can take its name.
pub(crate) const CLUSTER_METADATA: &str = "__cluster_metadata";

/// Topics that only the broker writes.
const INTERNAL: &[&str] = &[CONSUMER_OFFSETS, "__transaction_state", "__share_group_state"];

/// Whether only the broker may write to a topic of this name.
pub(crate) fn is_internal(name: &str) -> bool {
    INTERNAL.contains(&name)
}

/// Refuses names that Kafka refuses, with its words.
///
/// # Errors
/// The message for the client.
pub(crate) fn validate(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("Topic name is invalid: the empty string is not allowed".to_owned());
    }
    if name == "." || name == ".." {
        return Err(format!("Topic name is invalid: '{name}' is not allowed"));
    }
    if name.len() > NAME_LENGTH_MAX {
        return Err(format!(
            "Topic name is invalid: the length of '{}' is longer than the max allowed length {NAME_LENGTH_MAX}",
            crate::text::escape(name)
        ));
    }
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')) {
        return Err(format!(
            "Topic name is invalid: '{}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'",
            crate::text::escape(name)
        ));
    }
    Ok(())
}

/// The form under which names collide: metric names cannot tell `.` from `_`.
pub(crate) fn collision_key(name: &str) -> String {
    name.replace('.', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("orders", "")]
    #[case("a.b_c-D9", "")]
    #[case("", "the empty string is not allowed")]
    #[case(".", "'.' is not allowed")]
    #[case("..", "'..' is not allowed")]
    #[case("a/b", "'a/b' contains one or more characters")]
    #[case("../../etc/passwd", "contains one or more characters")]
    #[case("a\0b", "'a\\u{0}b' contains")]
    #[case("ü", "contains one or more characters")]
    fn names_are_kafkas(#[case] name: &str, #[case] part: &str) {
        match validate(name) {
            Ok(()) => assert_eq!(part, ""),
            Err(message) => assert!(!part.is_empty() && message.contains(part), "{message}"),
        }
    }

    #[test]
    fn names_have_a_limit() {
        assert_eq!(validate(&"x".repeat(249)), Ok(()));
        assert!(validate(&"x".repeat(250)).is_err_and(|message| message.contains("max allowed length 249")));
    }

    #[test]
    fn dots_and_underscores_collide() {
        assert_eq!(collision_key("a.b"), collision_key("a_b"));
        assert_ne!(collision_key("Foo"), collision_key("foo"));
    }
}
