//! Operators by which records are seen: `to`, `peek`, `foreach`, `print`.

use std::fmt::Debug;

use streams_dsl::{KStream, Printed};

use crate::interpret::handles::{each_stream, Handle};
use crate::interpret::options::produced;
use crate::interpret::{missing, mistake, required, Builder, Lines, Stop};
use crate::model::{Node, Op};
use crate::value::{Cell, Type};

/// The entry of `sinks` for topics that are chosen per record.
pub(crate) const CHOSEN: &str = "out-";

impl Builder {
    /// `to`.
    pub(super) fn to(&mut self, node: &Node) -> Result<(), Stop> {
        let (stream, key, value) = self.input_stream(node)?;
        let topic = match &node.chooser {
            None => required(&node.topic, "topic")?.to_owned(),
            Some(chooser) if chooser == "by_key" => CHOSEN.to_owned(),
            Some(chooser) => return mistake(format!("there is no topic chooser `{chooser}`")),
        };
        each_stream!(&stream, s => write(s, node, &topic, &key, &value)?);
        self.sinks.insert(topic, (key, value));
        Ok(())
    }

    /// `print`.
    pub(super) fn print(&mut self, node: &Node) -> Result<(), Stop> {
        let (stream, _, _) = self.input_stream(node)?;
        let lines = self.seen.lines(required(&node.id, "id")?);
        each_stream!(&stream, s => print(s, node, lines));
        Ok(())
    }

    /// `peek` and `foreach`.
    pub(super) fn look(&mut self, node: &Node) -> Result<(), Stop> {
        let (stream, key, value) = self.input_stream(node)?;
        let id = required(&node.id, "id")?.to_owned();
        let seen = self.seen.clone();
        seen.watch(&id);
        if node.op == Op::Foreach {
            if node.name.is_some() {
                return missing("foreach with a name");
            }
            each_stream!(&stream, s => s.for_each(move |key, value| seen.saw(&id, &key.datum(), &value.datum())));
            return Ok(());
        }
        let stream = each_stream!(&stream, s => {
            let peeked = s.peek(move |key, value| seen.saw(&id, &key.datum(), &value.datum()));
            match &node.name {
                Some(name) => peeked.named(name).into(),
                None => peeked.into(),
            }
        });
        self.returns(node, Handle::Stream(stream), key, value)
    }
}

fn print<K: Cell + Debug, V: Cell + Debug>(stream: &KStream<K, V>, node: &Node, lines: Lines) {
    let mut printed = Printed::to_writer(lines).key_value_mapper(|key: &K, value: &V| {
        // As Java prints them.
        format!("{}, {}", key.datum(), value.datum())
    });
    if let Some(label) = &node.label {
        printed = printed.label(label);
    }
    if let Some(name) = &node.name {
        printed = printed.named(name);
    }
    stream.print(printed);
}

fn write<K: Cell, V: Cell>(
    stream: &KStream<K, V>,
    node: &Node,
    topic: &str,
    key: &Type,
    value: &Type,
) -> Result<(), Stop> {
    let mut options = produced(node, key, value);
    options = match node.partitioner.as_deref() {
        None | Some("hash") => options,
        Some("first") => options.partitioner(|_, _, _| Some(0)),
        Some("none") => return missing("a partitioner that drops records"),
        Some(other) => return mistake(format!("there is no partitioner `{other}`")),
    };
    if node.chooser.is_some() {
        stream.to_chosen_with(options, |key, _| format!("{CHOSEN}{}", key.datum()));
    } else {
        stream.to_with(topic, options);
    }
    Ok(())
}
