//! The six programs that the DSL was designed around, compiled against type signatures.
//!
//! Word count, branch and merge, and the processor with a store run on operators that exist; here they only have to
//! compile. The others use [`Planned`]: the signatures of operators that are still to be built, without bodies, so that
//! inference and ergonomics are proven before the operators are.

use std::time::Duration;

use streams_dsl::prelude::*;

/// Signatures of operators that are not built yet.
mod planned {
    use super::*;

    /// Windows of a join of two streams.
    #[expect(dead_code, reason = "signatures have no bodies that would read it")]
    pub(super) struct JoinWindows(pub(super) Duration, pub(super) Duration);

    /// Session windows.
    #[expect(dead_code, reason = "signatures have no bodies that would read it")]
    pub(super) struct SessionWindows(pub(super) Duration, pub(super) Duration);

    /// When a windowed table's final results are shown.
    pub(super) struct UntilWindowCloses;

    /// Joins of two streams.
    pub(super) trait PlannedStream<K, V> {
        fn left_join<VO, R, F>(&self, other: &KStream<K, VO>, windows: JoinWindows, joiner: F) -> KStream<K, R>
        where
            F: Fn(&V, Option<&VO>) -> R + Send + Sync + 'static;
    }

    /// Foreign-key joins of two tables. The extractor may return a key or an optional one.
    pub(super) trait PlannedTable<K, V> {
        fn foreign_key_left_join<KO, VO, FK, R, E, F>(
            &self,
            other: &KTable<KO, VO>,
            extract: E,
            joiner: F,
        ) -> KTable<K, R>
        where
            FK: Into<Option<KO>>,
            E: Fn(&V) -> FK + Send + Sync + 'static,
            F: Fn(&V, Option<&VO>) -> R + Send + Sync + 'static;
    }

    /// Session windows on a grouped stream.
    pub(super) trait PlannedGrouped<K, V> {
        type Sessions;
        fn windowed_by_sessions(&self, windows: SessionWindows) -> Self::Sessions;
    }

    /// Aggregations of sessions.
    pub(super) trait PlannedSessions<K> {
        type Counted: PlannedWindowedTable<K, i64>;
        fn count_with(&self, materialized: Materialized<K, i64>) -> Self::Counted;
    }

    /// Only a windowed table can be held back until its windows close.
    pub(super) trait PlannedWindowedTable<K, V> {
        fn suppress(&self, until: UntilWindowCloses) -> KTable<Windowed<K>, V>;
    }
}

use planned::*;

#[derive(Debug, Clone)]
struct Order {
    customer: Option<i64>,
    country: String,
    total: i64,
}

struct View {
    page: String,
}

struct Outcome {
    _page: String,
    _clicked: bool,
}

struct Finished {
    _start: Timestamp,
    _clicks: i64,
}

fn word_count() -> Result<Topology> {
    let builder = StreamsBuilder::new();
    builder
        .stream::<(), String>("lines")
        .flat_map_values(|line| line.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>())
        .group_by(|_, word| word.clone())
        .count()
        .named("word-counts")
        .to_stream()
        .to("counts");
    builder.build()
}

fn stream_stream_left_join(
    views: &impl PlannedStream<i64, View>,
    clicks: &KStream<i64, String>,
) -> KStream<i64, Outcome> {
    let windows = JoinWindows(secs(30), secs(5));
    views.left_join(clicks, windows, |view, click| Outcome { _page: view.page.clone(), _clicked: click.is_some() })
}

/// An order's total with its customer's name.
type Enriched = KTable<i64, (i64, Option<String>)>;

fn foreign_key_join(orders: &impl PlannedTable<i64, Order>, customers: &KTable<i64, String>) -> Enriched {
    orders.foreign_key_left_join(customers, |order| order.customer, |order, customer| (order.total, customer.cloned()))
}

fn sessions_until_closed<G>(clicks: &G) -> KStream<String, Finished>
where
    G: PlannedGrouped<String, String>,
    G::Sessions: PlannedSessions<String>,
{
    clicks
        .windowed_by_sessions(SessionWindows(mins(5), secs(30)))
        .count_with(Materialized::named("sessions").retention(mins(60)))
        .suppress(UntilWindowCloses)
        .to_stream()
        .drop_tombstones()
        .map(|session, clicks| (session.key.clone(), Finished { _start: session.window.start, _clicks: *clicks }))
}

fn branch_and_merge(orders: &KStream<i64, Order>) -> (KStream<i64, Order>, KStream<i64, Order>) {
    let mut split = orders.split();
    let domestic = split.branch(|_, order| order.country == "SE");
    let priority = split.branch(|_, order| order.total > 10_000);
    let rest = split.default_branch();
    (domestic.merge(&priority), rest)
}

struct Dedup {
    seen: KeyValueStore<String, Timestamp>,
    ttl: Duration,
}

impl Processor<String, String> for Dedup {
    type KOut = String;
    type VOut = String;

    fn init(&mut self, cx: &mut Context<'_, String, String>) -> Result<()> {
        cx.schedule(self.ttl, PunctuationType::StreamTime);
        Ok(())
    }

    fn process(&mut self, event: Record<'_, String, String>, cx: &mut Context<'_, String, String>) -> Result<()> {
        if self.seen.put_if_absent(event.key, &event.timestamp)?.is_none() {
            cx.forward(event)?;
        }
        Ok(())
    }

    fn punctuate(&mut self, tick: Punctuation, _: &mut Context<'_, String, String>) -> Result<()> {
        let mut entries = self.seen.all();
        while let Some((id, at)) = entries.next()? {
            if at + self.ttl <= tick.timestamp {
                self.seen.delete(&id)?;
            }
        }
        Ok(())
    }
}

fn dedup() -> Result<Topology> {
    let builder = StreamsBuilder::new();
    let seen = builder.add_store(Stores::in_memory_key_value::<String, Timestamp>("seen"));
    builder
        .stream::<String, String>("events")
        .process_with(&seen, |seen| Dedup { seen, ttl: mins(10) })
        .to("unique-events");
    builder.build()
}

#[test]
fn the_programs_that_can_run_are_valid_topologies() {
    assert!(word_count().is_ok(), "{:?}", word_count().err());
    assert!(dedup().is_ok(), "{:?}", dedup().err());
    // These compile against signatures only.
    let _ = branch_and_merge;
    assert!(generic_programs() > 0);
}

/// Names the generic programs, so that their bodies are checked and not reported as unused.
fn generic_programs() -> usize {
    struct Never;
    impl PlannedStream<i64, View> for Never {
        fn left_join<VO, R, F>(&self, _: &KStream<i64, VO>, _: JoinWindows, _: F) -> KStream<i64, R>
        where
            F: Fn(&View, Option<&VO>) -> R + Send + Sync + 'static,
        {
            unreachable!("signatures have no bodies")
        }
    }
    impl PlannedTable<i64, Order> for Never {
        fn foreign_key_left_join<KO, VO, FK, R, E, F>(&self, _: &KTable<KO, VO>, _: E, _: F) -> KTable<i64, R>
        where
            FK: Into<Option<KO>>,
            E: Fn(&Order) -> FK + Send + Sync + 'static,
            F: Fn(&Order, Option<&VO>) -> R + Send + Sync + 'static,
        {
            unreachable!("signatures have no bodies")
        }
    }
    struct NoSessions;
    impl PlannedGrouped<String, String> for NoSessions {
        type Sessions = Self;
        fn windowed_by_sessions(&self, _: SessionWindows) -> Self {
            unreachable!("signatures have no bodies")
        }
    }
    impl PlannedSessions<String> for NoSessions {
        type Counted = Self;
        fn count_with(&self, _: Materialized<String, i64>) -> Self {
            unreachable!("signatures have no bodies")
        }
    }
    impl PlannedWindowedTable<String, i64> for NoSessions {
        fn suppress(&self, _: UntilWindowCloses) -> KTable<Windowed<String>, i64> {
            unreachable!("signatures have no bodies")
        }
    }
    let sessions: fn(&NoSessions) -> KStream<String, Finished> = sessions_until_closed;
    let join: fn(&Never, &KStream<i64, String>) -> KStream<i64, Outcome> = stream_stream_left_join;
    let foreign: fn(&Never, &KTable<i64, String>) -> Enriched = foreign_key_join;
    size_of_val(&join) + size_of_val(&foreign) + size_of_val(&sessions)
}
