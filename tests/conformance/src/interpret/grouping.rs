//! Grouping and windowing.

use streams_core::Timestamp;
use streams_dsl::prelude::{TimeWindows, UnlimitedWindows};
use streams_dsl::{KGroupedStream, TimeWindowedKStream};

use crate::functions::key_mapper;
use crate::interpret::handles::{each_stream, Grouped, Handle, InWindows};
use crate::interpret::options::{grouped, millis};
use crate::interpret::{missing, mistake, required, Builder, Stop};
use crate::model::{Node, Op, WindowSpec};
use crate::value::{Cell, Datum};

impl Builder {
    /// `group_by_key` and `group_by`.
    pub(super) fn group(&mut self, node: &Node) -> Result<(), Stop> {
        if matches!(self.from(node)?.handle, Handle::Table(_)) {
            return missing("group_by of a table");
        }
        let (stream, key, value) = self.input_stream(node)?;
        if node.op == Op::GroupByKey {
            let handle: Grouped = each_stream!(&stream, s => s.group_by_key_with(grouped(node, &key, &value)).into());
            return self.returns(node, Handle::Grouped(handle), key, value);
        }
        let (key, map) = key_mapper(required(&node.mapper, "mapper")?, &key, &value)?;
        let handle: Grouped = each_stream!(&stream, s => {
            let select = move |key: &_, value: &_| map(&Cell::datum(key), &Cell::datum(value));
            s.group_by_with(grouped(node, &key, &value), select).into()
        });
        self.returns(node, Handle::Grouped(handle), key, value)
    }

    /// `windowed_by`.
    pub(super) fn windowed_by(&mut self, node: &Node) -> Result<(), Stop> {
        let from = self.from(node)?;
        let (key, value) = (from.key.clone(), from.value.clone());
        let Handle::Grouped(grouped) = &from.handle else {
            return mistake(format!("a grouped stream is wanted, not a {:?}", from.handle.kind()));
        };
        let Some(window) = &node.window else { return mistake("`window` is missing") };
        let size = size(window)?;
        match node.emit.as_deref() {
            None | Some("update") => {}
            Some("close") => return missing("emit on window close"),
            Some(other) => return mistake(format!("there is no emit strategy `{other}`")),
        }
        let windowed = match grouped {
            Grouped::Plain(grouped) => InWindows::Plain(windowed(grouped, window)?),
            Grouped::Counts(grouped) => InWindows::Counts(windowed(grouped, window)?),
            Grouped::Nested(_) | Grouped::NestedCounts(_) => return missing("windows over nested nullability"),
            _ => return missing("windows over windowed keys"),
        };
        self.returns(node, Handle::InWindows(windowed, size), key, value)
    }
}

/// The size of windows in ms.
fn size(spec: &WindowSpec) -> Result<i64, Stop> {
    match spec {
        WindowSpec::Tumbling { size, .. } | WindowSpec::Hopping { size, .. } => Ok(*size),
        WindowSpec::Unlimited { .. } => Ok(i64::MAX),
        WindowSpec::Sliding { .. } => missing("sliding windows"),
        WindowSpec::Session { .. } => missing("session windows"),
        WindowSpec::Join { .. } => mistake("a join's windows do not group"),
    }
}

fn windowed<V: Cell>(
    grouped: &KGroupedStream<Datum, V>,
    spec: &WindowSpec,
) -> Result<TimeWindowedKStream<Datum, V>, Stop> {
    let of = |size: i64, grace: Option<i64>| {
        let size = millis(size)?;
        Ok(match grace {
            Some(grace) => TimeWindows::of_size_and_grace(size, millis(grace)?),
            None => TimeWindows::of_size_with_no_grace(size),
        })
    };
    Ok(match spec {
        WindowSpec::Tumbling { size, grace } => grouped.windowed_by(of(*size, *grace)?),
        WindowSpec::Hopping { size, advance, grace } => {
            grouped.windowed_by(of(*size, *grace)?.advance_by(millis(*advance)?))
        }
        WindowSpec::Unlimited { start } => {
            let windows = UnlimitedWindows::of();
            grouped.windowed_by(match start {
                Some(start) => windows.start_on(Timestamp(*start)),
                None => windows,
            })
        }
        WindowSpec::Sliding { .. } | WindowSpec::Session { .. } | WindowSpec::Join { .. } => {
            return missing("such windows");
        }
    })
}
