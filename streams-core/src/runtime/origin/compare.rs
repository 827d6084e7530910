//! What differs between the topology that made the state and the one that is to go on with it. Pure.
//!
//! What is only new differs in nothing that matters. A store that is gone leaves its state behind, and where its name has
//! moved, another store takes it for its own; a repartition topic that is gone can hold records that nobody will process.

use std::collections::BTreeSet;

use super::{Origin, StoreOrigin};

/// A difference, and what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) of: Subject,
    /// What was and what is.
    pub(super) text: String,
}

/// What a difference is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Subject {
    Store(String),
    RepartitionTopic(String),
}

/// All differences, stores first.
pub(super) fn differences(was: &Origin, is: &Origin) -> Vec<Difference> {
    let mut found = Vec::new();
    for (name, was_store) in &was.stores {
        let text = match is.stores.get(name) {
            Some(is_store) => changes(was_store, is_store),
            None => Some(gone(was.stores.keys(), is.stores.keys())),
        };
        let Some(text) = text else { continue };
        found.push(Difference { of: Subject::Store(name.clone()), text: format!("store {name}: it {text}") });
    }
    for name in was.repartition_topics.difference(&is.repartition_topics) {
        let text = gone(was.repartition_topics.iter(), is.repartition_topics.iter());
        let of = Subject::RepartitionTopic(name.clone());
        found.push(Difference { of, text: format!("repartition topic {name}: it {text}") });
    }
    found
}

/// What is not there any more; what is new may be the same under another name.
fn gone<'a>(was: impl Iterator<Item = &'a String>, is: impl Iterator<Item = &'a String>) -> String {
    let was: BTreeSet<&String> = was.collect();
    let new: Vec<&str> = is.filter(|name| !was.contains(name)).map(String::as_str).collect();
    match new.is_empty() {
        true => "was there and is not any more".to_owned(),
        false => format!("was there and is not any more, and {} is new (the same under another name?)", new.join(", ")),
    }
}

fn changes(was: &StoreOrigin, is: &StoreOrigin) -> Option<String> {
    let mut changes = Vec::new();
    if was.kind != is.kind {
        changes.push(format!("was a store of {}, and is one of {}", was.kind, is.kind));
    }
    for (what, was, is) in [("keys", &was.keys, &is.keys), ("values", &was.values, &is.values)] {
        if was != is {
            changes.push(format!("has {what} written by serde {was}, and the topology has serde {is}"));
        }
    }
    if was.subtopology != is.subtopology {
        changes.push(format!("was in sub-topology {}, and is in {}", was.subtopology, is.subtopology));
    }
    let lost: Vec<&str> = was.inputs.difference(&is.inputs).map(String::as_str).collect();
    if !lost.is_empty() {
        let inputs: Vec<&str> = is.inputs.iter().map(String::as_str).collect();
        changes.push(format!("was made from topic {}, and is from {}", lost.join(", "), inputs.join(", ")));
    }
    (!changes.is_empty()).then(|| changes.join("; it "))
}
