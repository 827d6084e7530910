//! `Consumed`: how a source reads its topic.

use std::sync::Arc;

use streams_core::serde::{DefaultSerde, SerdeRef};
use streams_core::topology::{OffsetResetPolicy, SourceOptions};
use streams_core::{Record, Timestamp};

use crate::timestamps::ExtractedTime;

/// Serdes, timestamp extractor, offset reset policy and name of a source.
#[derive(Debug, Clone)]
#[must_use]
pub struct Consumed<K, V> {
    pub(crate) source: SourceOptions<K, V>,
    pub(crate) name: Option<String>,
}

impl<K: DefaultSerde, V: DefaultSerde> Default for Consumed<K, V> {
    fn default() -> Self {
        Self { source: SourceOptions::default(), name: None }
    }
}

impl<K, V> Consumed<K, V> {
    /// Reads with these serdes instead of the types' own.
    pub fn with(keys: SerdeRef<K>, values: SerdeRef<V>) -> Self {
        let source = SourceOptions { keys, values, extractor: None, reset: OffsetResetPolicy::Default };
        Self { source, name: None }
    }

    /// Takes the event time from `extractor` instead of the record's timestamp. It is given the record and the largest time
    /// seen on its partition ([`Timestamp::UNKNOWN`] before the first), and returns a time or a `Result` of one: a negative
    /// time drops the record, an error ends the run. [`crate::timestamps`] has Kafka's own. It sees a table's deletions as
    /// null where the values' type has one, such as `Option<V>`; else a deletion has its record's timestamp.
    ///
    /// ```
    /// use streams_core::testing::TopologyTestDriver;
    /// use streams_dsl::prelude::*;
    /// use streams_dsl::timestamps;
    ///
    /// let builder = StreamsBuilder::new();
    /// let by_value = Consumed::default().timestamp_extractor(|record, _| Timestamp(*record.value));
    /// builder.stream_with::<String, i64>("times", by_value).to("out");
    /// let consumed = Consumed::default().timestamp_extractor(timestamps::use_partition_time_on_invalid);
    /// builder.stream_with::<String, i64>("old", consumed).to("out");
    ///
    /// let driver = TopologyTestDriver::new(builder.build()?)?;
    /// driver.input::<String, i64>("times")?.pipe_all([("a", 7), ("b", -1)])?;
    /// driver.output::<String, i64>("out")?.check("a = 7 @ 7");
    /// let old = driver.input::<String, i64>("old")?;
    /// old.pipe_at(Timestamp(3), "c", 0)?;
    /// old.pipe_at(Timestamp(-1), "d", 0)?;
    /// driver.output::<String, i64>("out")?.check("c = 0 @ 3\nd = 0 @ 3");
    /// # Ok::<(), Error>(())
    /// ```
    #[doc(alias = "withTimestampExtractor")]
    pub fn timestamp_extractor<F, T>(mut self, extractor: F) -> Self
    where
        T: ExtractedTime,
        F: Fn(Record<'_, K, V>, Timestamp) -> T + Send + Sync + 'static,
    {
        self.source.extractor = Some(Arc::new(move |record, partition_time| extractor(record, partition_time).time()));
        self
    }

    /// Where to start on a partition without a committed offset.
    pub fn offset_reset(mut self, policy: OffsetResetPolicy) -> Self {
        self.source.reset = policy;
        self
    }

    /// Names the source node.
    pub fn named(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }
}
