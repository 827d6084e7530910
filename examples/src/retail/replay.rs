//! `retail replay`: the file through broker and pipeline, and the figures that came of it.
//!
//! Each row of the file becomes one record of `sales`, good or bad, in order. So after a crash the last record of the
//! topic says with which row to go on; the application goes on from what it committed.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::time::Duration;

use broker_lite::SyncPolicy;
use serde::Deserialize;
use streams_core::client::consumer::Consumer;
use streams_core::client::producer::{Destination, Producer};
use streams_core::{Clock, Error, ErrorKind, Headers, Result, ResultExt as _, SystemClock, Timestamp, TopicPartition};

use super::csv::{Row, SalesFile};
use super::deliveries::Deliveries;
use super::rules::Rules;
use super::shop::{self, Shop, ShopConfig, StoreKind};
use super::topology;
use super::view::Figures;

/// So many rows are sent between two looks at everything else.
const ROWS_PER_TURN: usize = 2_000;
/// The producer of rows waits so long for room or answers.
const TURN: Duration = Duration::from_millis(20);
const FLUSH_TIMEOUT: Duration = Duration::from_secs(60);
const PROGRESS_INTERVAL: Duration = Duration::from_millis(250);
/// Asking whether everything is processed takes a dozen requests, so it is not asked all the time.
const SETTLE_INTERVAL: Duration = Duration::from_millis(250);
const BAR_CELLS: usize = 30;
const COMMIT_INTERVAL_MS: u32 = 100;

/// What to replay, and where.
#[derive(Debug, Clone)]
pub struct ReplayOptions {
    /// The file.
    pub data: PathBuf,
    /// Where broker and state lie.
    pub data_dir: PathBuf,
    /// Whether to begin anew when there is something already.
    pub fresh: bool,
    /// The stores' engine.
    pub store: StoreKind,
}

/// Replays a file to its end, and writes the figures as the last line of `out`.
///
/// # Errors
/// When file or directory cannot be used, and what broker and application report.
pub fn run(options: &ReplayOptions, out: &mut dyn Write) -> Result<()> {
    let file = SalesFile::open(&options.data)?;
    if options.fresh {
        shop::empty(&options.data_dir)?;
    }
    let rules = Rules::default();
    let lead_time = Duration::from_secs_f64(rules.lead_time_days * 86_400.0);
    let began = SystemClock.now();
    let shop = Shop::open(&ShopConfig {
        data_dir: options.data_dir.clone(),
        store: options.store,
        rules,
        sync: SyncPolicy::Interval(Duration::from_millis(100)),
        commit_interval_ms: COMMIT_INTERVAL_MS,
    })?;
    let last_row = last_row(&shop)?;
    if last_row > 0 {
        tracing::info!("going on after row {last_row}, the last one in {}", options.data_dir.display());
    }
    let mut replay = Replay {
        feed: Feed::new(&shop, file, last_row)?,
        deliveries: Deliveries::new(&shop, lead_time)?,
        progress: Progress::new(began),
        next_settle: began,
        shop: &shop,
    };
    replay.run()?;
    drop(replay);
    let seconds = (SystemClock.now() - began).as_secs_f64();
    let rows_processed = shop.sales_processed()?;
    let figures = Figures::read(&shop)?;
    shop.close()?;
    writeln!(out, "{}", summary(&figures, seconds, rows_processed)).context(|| "write the figures".to_owned())?;
    match figures.unbalanced.as_slice() {
        [] => Ok(()),
        [first, ..] => {
            let message =
                format!("the stock of {} products does not add up, {first} for one", figures.unbalanced.len());
            Err(Error::new(ErrorKind::Internal, message))
        }
    }
}

struct Replay<'a> {
    shop: &'a Shop,
    feed: Feed,
    deliveries: Deliveries,
    progress: Progress,
    next_settle: Timestamp,
}

impl Replay<'_> {
    fn run(&mut self) -> Result<()> {
        loop {
            self.shop.check()?;
            self.feed.turn()?;
            self.deliveries.turn(None)?;
            self.progress.show(&self.feed, self.deliveries.rows());
            if self.feed.is_done && self.is_settled()? {
                self.progress.clear();
                return Ok(());
            }
        }
    }

    /// Whether everything is processed, and nothing new came of it.
    fn is_settled(&mut self) -> Result<bool> {
        let now = SystemClock.now();
        if now < self.next_settle {
            return Ok(false);
        }
        self.next_settle = now + SETTLE_INTERVAL;
        if self.shop.uncommitted()? > 0 {
            return Ok(false);
        }
        let sent = self.deliveries.turn(None)?;
        Ok(sent == 0 && self.deliveries.is_at_end(self.shop)? && self.shop.uncommitted()? == 0)
    }
}

/// Puts the rows of the file on `sales`.
struct Feed {
    producer: Producer,
    to: Destination,
    file: SalesFile,
    last_row: u64,
    fed: u64,
    value: Vec<u8>,
    is_done: bool,
}

impl Feed {
    fn new(shop: &Shop, file: SalesFile, last_row: u64) -> Result<Self> {
        let mut producer = shop.producer(&[("linger.ms", "5"), ("batch.size", "131072")])?;
        let to = producer.destination(&TopicPartition::new(topology::SALES, 0));
        Ok(Self { producer, to, file, last_row, fed: 0, value: Vec::new(), is_done: false })
    }

    fn turn(&mut self) -> Result<()> {
        if self.is_done {
            return Ok(());
        }
        for _ in 0..ROWS_PER_TURN {
            if self.producer.is_full() {
                break;
            }
            match self.file.next_row()? {
                Some(row) if row.number > self.last_row => self.send(&row)?,
                Some(_) => {}
                None => {
                    self.is_done = true;
                    return self.producer.flush(&SystemClock, FLUSH_TIMEOUT);
                }
            }
        }
        let wait = if self.producer.is_full() { TURN } else { Duration::ZERO };
        self.producer.poll(SystemClock.now(), wait)
    }

    fn send(&mut self, row: &Row) -> Result<()> {
        self.value.clear();
        let (key, written) = match &row.content {
            Ok(line) => (Some(line.invoice.as_bytes()), serde_json::to_writer(&mut self.value, line)),
            Err(unreadable) => (None, serde_json::to_writer(&mut self.value, unreadable)),
        };
        written.map_err(|error| {
            Error::with_source(ErrorKind::Serialization, format!("write row {} as JSON", row.number), error)
        })?;
        self.fed += 1;
        self.producer.send_to(self.to, key, Some(&self.value), row.time, Headers::none())
    }
}

/// The number of the last row on `sales`; 0 when there is none.
fn last_row(shop: &Shop) -> Result<u64> {
    #[derive(Deserialize)]
    struct Numbered {
        row: u64,
    }
    let partition = TopicPartition::new(topology::SALES, 0);
    let end = shop.ends(std::slice::from_ref(&partition))?.first().map_or(0, |(_, end)| end.0);
    if end == 0 {
        return Ok(0);
    }
    let mut consumer: Consumer = shop.consumer(&[])?;
    consumer.assign(std::slice::from_ref(&partition));
    consumer.seek(&partition, streams_core::Offset(end - 1))?;
    loop {
        shop.check()?;
        let records = consumer.poll_records(SystemClock.now(), Duration::from_millis(50))?;
        let Some(record) = records.into_iter().next_back() else { continue };
        let value = record.value.unwrap_or_default();
        let numbered: Numbered = serde_json::from_slice(&value).map_err(|error| {
            let message = format!(
                "{partition}: the last record has no row number, so something else than a replay wrote it: take an \
                 empty --data-dir, or --fresh"
            );
            Error::with_source(ErrorKind::InvalidConfig, message, error)
        })?;
        return Ok(numbered.row);
    }
}

/// The last line: one JSON object. Money is a number here, digit by digit the exact sum. The rate is of the rows that this
/// run processed, which after a crash are fewer than the file has, or more than it had left to read; a run that found
/// everything done has no rate, and says null.
#[expect(clippy::cast_precision_loss, reason = "a rate is an estimate")]
fn summary(figures: &Figures, seconds: f64, rows_processed: u64) -> String {
    let rate = match rows_processed {
        0 => "null".to_owned(),
        rows => format!("{}", (rows as f64 / seconds.max(0.001)).round()),
    };
    let pairs = [
        ("rows", figures.rows.to_string()),
        ("invoices", figures.invoices.to_string()),
        ("skus", figures.skus.to_string()),
        ("units_net", figures.units_net.to_string()),
        ("revenue_net", figures.revenue_net.to_string()),
        ("sold_units", figures.sold_units.to_string()),
        ("returned_units", figures.returned_units.to_string()),
        ("adjusted_units", figures.adjusted_units.to_string()),
        ("reorders", figures.reorders.to_string()),
        ("price_changes", figures.price_changes.to_string()),
        ("dead_letters", figures.dead_letters.to_string()),
        ("seconds", format!("{seconds:.1}")),
        ("records_per_second", rate),
    ];
    let fields = pairs.iter().map(|(name, value)| format!("\"{name}\": {value}")).collect::<Vec<_>>();
    format!("{{{}}}", fields.join(", "))
}

/// A bar on stderr, where that is a terminal.
struct Progress {
    is_shown: bool,
    began: Timestamp,
    next: Timestamp,
}

impl Progress {
    fn new(began: Timestamp) -> Self {
        Self { is_shown: io::stderr().is_terminal(), began, next: began }
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it fills a bar of a few cells"
    )]
    fn show(&mut self, feed: &Feed, processed: u64) {
        let now = SystemClock.now();
        if !self.is_shown || now < self.next {
            return;
        }
        self.next = now + PROGRESS_INTERVAL;
        let on_topic = (feed.last_row + feed.fed).max(1);
        let fraction = if feed.is_done { 1.0 } else { feed.file.fraction() };
        let done = (fraction * processed as f64 / on_topic as f64).clamp(0.0, 1.0);
        let full = (done * BAR_CELLS as f64) as usize;
        let rate = feed.fed as f64 / (now - self.began).as_secs_f64().max(0.001);
        let mut line = String::from("\r[");
        line.extend((0..BAR_CELLS).map(|cell| if cell < full { '#' } else { '.' }));
        let _ = write!(
            line,
            "] {:>3.0} %  {processed} of {on_topic} rows processed, {rate:.0} rows/s read\x1b[K",
            done * 100.0
        );
        // A progress bar that cannot be written is no reason to stop.
        let _ = io::stderr().write_all(line.as_bytes());
    }

    fn clear(&self) {
        if self.is_shown {
            let _ = io::stderr().write_all(b"\r\x1b[K");
        }
    }
}
