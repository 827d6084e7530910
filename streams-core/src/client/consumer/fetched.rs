//! What a poll brings: whole batches per partition, as fetched; and records one by one for those who want them.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::error::{Result, ResultExt};
use crate::ids::{Offset, TopicPartition};
use crate::protocol::batch::{BatchView, Batches, ControlRecord, ControlType, RecordView, Scratch};
use crate::record::{Header, Headers};
use crate::time::Timestamp;

/// What one poll brought.
#[derive(Debug, Default)]
pub struct Fetched {
    /// By partition, each at most once.
    pub partitions: Vec<FetchedPartition>,
}

impl Fetched {
    /// Whether nothing came.
    pub fn is_empty(&self) -> bool {
        self.partitions.is_empty()
    }
}

/// Whole batches of one partition, one after another, as the broker keeps them.
#[derive(Debug, Clone)]
pub struct FetchedPartition {
    /// Where they are from.
    pub partition: TopicPartition,
    /// The position the fetch was for. The first batch can hold earlier records, which the reader passes over.
    pub start: Offset,
    /// The position after the last batch.
    pub end: Offset,
    /// The leader epoch in which the last batch was written; -1 is not known.
    pub leader_epoch: i32,
    /// The batches: complete, checked against their checksums, none cut off.
    pub records: Bytes,
    /// The end of what readers could see when the broker answered.
    pub high_watermark: Offset,
    /// Transactions that were aborted, by producer id and first offset; empty unless `isolation.level` is
    /// `read_committed`.
    pub aborted_transactions: Vec<(i64, Offset)>,
}

/// A record with bytes of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerRecord {
    /// Where it is from.
    pub partition: TopicPartition,
    /// Its position.
    pub offset: Offset,
    /// Its time.
    pub timestamp: Timestamp,
    /// Its key; `None` is null.
    pub key: Option<Bytes>,
    /// Its value; `None` is null.
    pub value: Option<Bytes>,
    /// Its headers in order.
    pub headers: Headers,
}

impl FetchedPartition {
    /// The batches that hold data for the reader: no control batches, none of an aborted transaction.
    pub fn batches(&self) -> DataBatches<'_> {
        DataBatches {
            batches: Batches::new(&self.records),
            aborted: self.aborted_transactions.clone().into(),
            aborting: Vec::new(),
        }
    }

    /// Runs `visit` over every record from [`Self::start`] on.
    ///
    /// # Errors
    /// The first failure of `visit`, and [`crate::ErrorKind::Corrupt`] for bytes that do not decode.
    pub fn for_each_record(
        &self,
        scratch: &mut Scratch,
        mut visit: impl FnMut(RecordView<'_>) -> Result<()>,
    ) -> Result<()> {
        for batch in self.batches() {
            let batch = batch.context(|| format!("read {}", self.partition))?;
            let at = || format!("read {} in the batch at offset {}", self.partition, batch.base_offset());
            for record in batch.records(scratch).map_err(crate::Error::from).context(at)? {
                let record = record.map_err(crate::Error::from).context(at)?;
                if record.offset >= self.start {
                    visit(record)?;
                }
            }
        }
        Ok(())
    }

    /// All records, with bytes of their own.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Corrupt`] for bytes that do not decode.
    pub fn to_records(&self) -> Result<Vec<ConsumerRecord>> {
        let mut records = Vec::new();
        self.decode_into(&mut records).map(|()| records)
    }

    /// Adds the records to `records`, those before the first that does not decode in any case.
    pub(super) fn decode_into(&self, records: &mut impl Extend<ConsumerRecord>) -> Result<()> {
        self.for_each_record(&mut Scratch::default(), |record| {
            let header = |header: crate::protocol::batch::HeaderView<'_>| Header {
                key: header.key_text().into_owned(),
                value: header.value.map(Bytes::copy_from_slice),
            };
            records.extend([ConsumerRecord {
                partition: self.partition.clone(),
                offset: record.offset,
                timestamp: record.timestamp,
                key: record.key.map(Bytes::copy_from_slice),
                value: record.value.map(Bytes::copy_from_slice),
                headers: record.headers.map(header).collect::<Headers>(),
            }]);
            Ok(())
        })
    }
}

/// Iterates over batches with data; see [`FetchedPartition::batches`].
#[derive(Debug)]
pub struct DataBatches<'a> {
    batches: Batches<'a>,
    /// Aborted transactions that begin further on, by first offset.
    aborted: VecDeque<(i64, Offset)>,
    /// Producers whose records belong to an aborted transaction here.
    aborting: Vec<i64>,
}

impl<'a> DataBatches<'a> {
    /// Whether a batch is to be passed over. Keeps track of which transactions begin and end.
    fn is_passed_over(&mut self, batch: &BatchView<'a>) -> Result<bool> {
        while let Some((producer, _)) = self.aborted.front().filter(|(_, first)| *first <= batch.last_offset()) {
            self.aborting.push(*producer);
            self.aborted.pop_front();
        }
        if batch.is_control() {
            if !self.aborting.is_empty() && is_abort(batch)? {
                self.aborting.retain(|producer| *producer != batch.producer_id());
            }
            return Ok(true);
        }
        Ok(batch.is_transactional() && self.aborting.contains(&batch.producer_id()))
    }
}

impl<'a> Iterator for DataBatches<'a> {
    type Item = Result<BatchView<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let batch = match self.batches.next()? {
                Ok(batch) => batch,
                Err(error) => return Some(Err(error.into())),
            };
            match self.is_passed_over(&batch) {
                Ok(true) => {}
                Ok(false) => return Some(Ok(batch)),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

fn is_abort(batch: &BatchView<'_>) -> Result<bool> {
    let mut scratch = Scratch::default();
    let Some(record) = batch.records(&mut scratch)?.next() else { return Ok(false) };
    let record = record?;
    Ok(ControlRecord::parse(record.key, record.value)?.control_type == ControlType::Abort)
}
