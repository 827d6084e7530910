//! What makes a plan valid: legal names, edges between equal types, topics read once, stores in use.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::state::StoreSpec;
use crate::topology::{NodeKind, NodeSpec};

/// Kafka's limit on the length of a topic name, which node and store names share because topics are named after them.
const NAME_LENGTH_MAX: usize = 249;

/// Checks a name of a node, a store or a topic against Kafka's rules.
pub(crate) fn validate_name(what: &str, name: &str) -> Result<()> {
    let invalid = |why: String| Err(Error::new(ErrorKind::InvalidTopology, format!("{what} name {name:?} {why}")));
    if name.is_empty() {
        return invalid("is empty: give it at least one character".to_owned());
    }
    if name == "." || name == ".." {
        return invalid("is not allowed: choose another".to_owned());
    }
    if name.len() > NAME_LENGTH_MAX {
        return invalid(format!("has {} characters: at most {NAME_LENGTH_MAX} are allowed", name.len()));
    }
    if let Some((at, bad)) = name.char_indices().find(|(_, c)| !(c.is_ascii_alphanumeric() || "._-".contains(*c))) {
        return invalid(format!("has {bad:?} at position {at}: only letters, digits, '.', '_' and '-' are allowed"));
    }
    Ok(())
}

/// Checks the whole plan.
pub(crate) fn validate(nodes: &[NodeSpec], stores: &BTreeMap<Arc<str>, Arc<StoreSpec>>) -> Result<()> {
    if !nodes.iter().any(|node| matches!(node.kind, NodeKind::Source { .. })) {
        let message = "topology has no source: start it with `stream`, `table` or `add_source`";
        return Err(Error::new(ErrorKind::InvalidTopology, message));
    }
    validate_sources(nodes)?;
    validate_edges(nodes)?;
    for name in stores.keys() {
        if !nodes.iter().any(|node| node.stores.contains(name)) {
            let message = format!("store {name} is connected to no processor: connect it or do not add it");
            return Err(Error::new(ErrorKind::InvalidTopology, message));
        }
    }
    Ok(())
}

fn validate_sources(nodes: &[NodeSpec]) -> Result<()> {
    let mut read_by: BTreeMap<&str, &str> = BTreeMap::new();
    for node in nodes {
        let NodeKind::Source { topics, .. } = &node.kind else { continue };
        if topics.is_empty() {
            let message = format!("source {} reads no topic: name at least one", node.name);
            return Err(Error::new(ErrorKind::InvalidTopology, message));
        }
        for topic in topics {
            validate_name("topic", topic)?;
            if let Some(other) = read_by.insert(topic, &node.name) {
                let message = format!(
                    "topic {topic} has already been registered by another source: {other} and {} both read it; \
                     read it once and use the stream twice",
                    node.name
                );
                return Err(Error::new(ErrorKind::InvalidTopology, message));
            }
        }
    }
    Ok(())
}

fn validate_edges(nodes: &[NodeSpec]) -> Result<()> {
    for node in nodes {
        if matches!(node.kind, NodeKind::Sink { .. } | NodeKind::Processor) && node.parents.is_empty() {
            let message = format!("node {} has no parent: nothing would reach it", node.name);
            return Err(Error::new(ErrorKind::InvalidTopology, message));
        }
        for parent in &node.parents {
            let parent = &nodes[parent.index()];
            match (parent.output, node.input) {
                (Some(emitted), Some(taken)) if emitted == taken => {}
                (Some(emitted), Some(taken)) => {
                    let message =
                        format!("node {} expects {taken}, and its parent {} emits {emitted}", node.name, parent.name);
                    return Err(Error::new(ErrorKind::InvalidTopology, message));
                }
                (None, _) | (_, None) => {
                    let message =
                        format!("node {} cannot be the parent of {}: it emits nothing", parent.name, node.name);
                    return Err(Error::new(ErrorKind::InvalidTopology, message));
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::empty("", "is empty")]
    #[case::dot(".", "is not allowed")]
    #[case::slash("a/b", "has '/' at position 1")]
    #[case::long(&"x".repeat(250), "has 250 characters")]
    fn illegal_names_are_refused(#[case] name: &str, #[case] why: &str) {
        let error = validate_name("node", name).expect_err("it is illegal");
        assert!(error.to_string().contains(why), "{error}");
    }
}
