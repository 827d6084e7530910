//! `retail demo`: broker, pipeline, customers and supplier in one process, and a picture of what happens.
//!
//! Kafka clients reach the broker while it runs. The customers go on where `sales` ends, so a second start continues.

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::Duration;

use broker_lite::server::{Server, ServerConfig};
use broker_lite::SyncPolicy;
use streams_core::client::consumer::Consumer;
use streams_core::client::producer::{Destination, Producer};
use streams_core::{Clock, Error, ErrorKind, Headers, Result, ResultExt as _, SystemClock, Timestamp, TopicPartition};

use super::deliveries::Deliveries;
use super::generator;
use super::rules::Rules;
use super::screen::{Picture, TOPICS};
use super::shop::{Shop, ShopConfig, StoreKind};
use super::{calendar, topology, view};

/// Kafka's own port.
const PORT: u16 = 9092;
const SEED: u64 = 85_123;
/// Lines in a second: with ten minutes between two of them, a day of the shop is a second and a half.
const LINES_PER_SECOND: i64 = 100;
/// A new shop begins with ten days behind it, so that there is a forecast at once.
const FIRST_LINES: u64 = 1_440;
/// A loop that was held up catches up with no more lines than this at once.
const LINES_PER_TURN_MAX: u64 = 2_000;
const TURN: Duration = Duration::from_millis(20);
const DRAW_INTERVAL: Duration = Duration::from_millis(500);
const STATUS_INTERVAL: Duration = Duration::from_secs(2);
/// Lines of a picture that goes where nobody knows the size.
const LINES_UNKNOWN: usize = 40;
const FLUSH_TIMEOUT: Duration = Duration::from_secs(10);
const COMMIT_INTERVAL_MS: u32 = 200;

/// How the demo runs.
#[derive(Debug, Clone)]
pub struct DemoOptions {
    /// Where Kafka clients connect; none takes 9092, or a free one.
    pub port: Option<u16>,
    /// Where the data lies.
    pub data_dir: PathBuf,
    /// The stores' engine.
    pub store: StoreKind,
    /// Stop after so long.
    pub duration: Option<Duration>,
    /// Lines instead of a picture.
    pub is_plain: bool,
}

/// Rules for a shop whose days pass in a second and a half.
fn rules() -> Rules {
    Rules {
        opening_units: 400,
        lead_time_days: 2.0,
        review_days: 5.0,
        history_days_min: 3,
        markdown_cover: 12.0,
        markdown_release_cover: 8.0,
        raise_cover: 1.5,
        raise_release_cover: 4.0,
        cooldown: Duration::from_secs(3 * 86_400),
        ..Rules::default()
    }
}

/// Runs until it is told to stop.
///
/// # Errors
/// When directory or port cannot be used, and what broker and application report.
pub fn run(options: &DemoOptions) -> Result<()> {
    let stop = stop_signal()?;
    let rules = rules();
    let lead_time = Duration::from_secs_f64(rules.lead_time_days * 86_400.0);
    let shop = Shop::open(&ShopConfig {
        data_dir: options.data_dir.clone(),
        store: options.store,
        rules,
        sync: SyncPolicy::Fsync,
        commit_interval_ms: COMMIT_INTERVAL_MS,
    })?;
    let server = serve(&shop, options.port)?;
    let outcome = Demo::new(&shop, lead_time, options, server.address()).and_then(|mut demo| demo.run(&stop));
    let closed = shop.close();
    server.stop();
    outcome.and(closed)
}

/// Listens on the port asked for; without one on Kafka's own, or any that is free.
fn serve(shop: &Shop, port: Option<u16>) -> Result<Server> {
    let listen = |port| Server::start(shop.broker(), ServerConfig::new(SocketAddr::from((Ipv4Addr::LOCALHOST, port))));
    match port {
        Some(port) => listen(port),
        None => listen(PORT).or_else(|error| {
            let mut out = io::stderr().lock();
            let _ = writeln!(out, "{error}; taking a free port");
            listen(0)
        }),
    }
}

struct Demo<'a> {
    shop: &'a Shop,
    till: Till,
    deliveries: Deliveries,
    consumer: Consumer,
    picture: Picture,
    output: Output,
    ends_at: Option<Timestamp>,
}

impl<'a> Demo<'a> {
    fn new(shop: &'a Shop, lead_time: Duration, options: &DemoOptions, address: SocketAddr) -> Result<Self> {
        let mut consumer = shop.consumer(&[("fetch.max.wait.ms", "20")])?;
        consumer.assign(&view::partitions(shop, &TOPICS)?);
        let now = SystemClock.now();
        Ok(Self {
            shop,
            till: Till::open(shop, now)?,
            deliveries: Deliveries::new(shop, lead_time)?,
            consumer,
            picture: Picture::default(),
            output: Output::new(options, address, now),
            ends_at: options.duration.map(|duration| now + duration),
        })
    }

    fn run(&mut self, stop: &AtomicBool) -> Result<()> {
        self.output.begin(&self.till)?;
        loop {
            let now = SystemClock.now();
            let is_over = stop.load(Ordering::Relaxed) || self.ends_at.is_some_and(|end| now >= end);
            if is_over {
                self.till.producer.flush(&SystemClock, FLUSH_TIMEOUT)?;
                return self.output.end(&mut self.picture, &self.till);
            }
            self.shop.check()?;
            self.till.turn(now)?;
            self.deliveries.turn(Some(self.till.time()))?;
            for record in self.consumer.poll_records(now, TURN)? {
                self.picture.take(&record)?;
            }
            self.output.draw(&mut self.picture, &self.till, now)?;
        }
    }
}

/// Where the customers pay.
struct Till {
    producer: Producer,
    to: Destination,
    first_row: u64,
    next_row: u64,
    began: Timestamp,
    /// Rows that are due at once, before the clock counts.
    head_start: u64,
    value: Vec<u8>,
}

impl Till {
    /// Goes on after the last record of `sales`, whoever wrote it: offsets count from 0 and rows from 1.
    fn open(shop: &Shop, now: Timestamp) -> Result<Self> {
        let sales = TopicPartition::new(topology::SALES, 0);
        let end = shop.ends(std::slice::from_ref(&sales))?.first().map_or(0, |(_, end)| end.0);
        let next_row = u64::try_from(end).unwrap_or(0) + 1;
        let head_start = if end == 0 { FIRST_LINES } else { 0 };
        let mut producer = shop.producer(&[("linger.ms", "5")])?;
        let to = producer.destination(&sales);
        Ok(Self { producer, to, first_row: next_row, next_row, began: now, head_start, value: Vec::new() })
    }

    fn turn(&mut self, now: Timestamp) -> Result<()> {
        let elapsed_ms = now.0.saturating_sub(self.began.0).max(0);
        let due = u64::try_from(elapsed_ms.saturating_mul(LINES_PER_SECOND) / 1_000).unwrap_or(0);
        let target = self.first_row + self.head_start + due;
        for _ in 0..target.saturating_sub(self.next_row).min(LINES_PER_TURN_MAX) {
            if self.producer.is_full() {
                break;
            }
            self.send()?;
        }
        self.producer.poll(now, Duration::ZERO)
    }

    fn send(&mut self) -> Result<()> {
        let row = self.next_row;
        self.value.clear();
        let line = generator::generate(SEED, row);
        let (key, written) = match &line {
            Ok(line) => (Some(line.invoice.as_bytes()), serde_json::to_writer(&mut self.value, line)),
            Err(unreadable) => (None, serde_json::to_writer(&mut self.value, unreadable)),
        };
        written.map_err(|error| Error::with_source(ErrorKind::Serialization, format!("write row {row}"), error))?;
        self.next_row += 1;
        self.producer.send_to(self.to, key, Some(&self.value), generator::time_of(row), Headers::none())
    }

    /// The shop's time.
    fn time(&self) -> Timestamp {
        generator::time_of(self.next_row - 1)
    }
}

/// What a person sees on stdout.
struct Output {
    is_plain: bool,
    heading: String,
    next: Timestamp,
    next_status: Timestamp,
}

impl Output {
    fn new(options: &DemoOptions, address: SocketAddr, now: Timestamp) -> Self {
        let heading = format!(
            "retail demo   broker on {address}   data in {}\n\
             try: kcat -b {address} -L\n\
             \u{20}    kcat -b {address} -C -t reorder-suggestions -o -5 -e -f '%k %s\\n'\n\
             \u{20}    echo '1:{{\"invoice\":\"1\",\"code\":\"22423\",\"quantity\":500,\"unit_price\":\"12.75\"}}' |\n\
             \u{20}      kcat -b {address} -P -t sales -K:\n\
             Ctrl-C stops; a second start goes on from there",
            options.data_dir.display()
        );
        Self { is_plain: options.is_plain, heading, next: now, next_status: now + STATUS_INTERVAL }
    }

    fn begin(&self, till: &Till) -> Result<()> {
        let how = match till.first_row {
            1 => "opening a new shop".to_owned(),
            row => format!("going on with line {row}"),
        };
        let clear = if self.is_plain { "" } else { "\x1b[2J" };
        print(&format!("{clear}{}\n{how}\n", self.heading))
    }

    fn draw(&mut self, picture: &mut Picture, till: &Till, now: Timestamp) -> Result<()> {
        if now < self.next {
            return Ok(());
        }
        self.next = now + DRAW_INTERVAL;
        if self.is_plain {
            let mut text = String::new();
            for event in picture.take_events() {
                text.push_str(&event);
                text.push('\n');
            }
            if now >= self.next_status {
                self.next_status = now + STATUS_INTERVAL;
                text.push_str(&format!("{}  {}\n", calendar::date_time(till.time()), picture.status()));
            }
            return print(&text);
        }
        let time = calendar::date_time(till.time());
        let page = picture.page(&format!("{}\n\nshop time {time}", self.heading), terminal_lines());
        let lines: String = page.lines().map(|line| format!("{line}\x1b[K\n")).collect();
        // Lines that are too long for the terminal are cut, so that each stays where the next picture overwrites it.
        print(&format!("\x1b[?7l\x1b[H{lines}\x1b[J\x1b[?7h"))
    }

    fn end(&mut self, picture: &mut Picture, till: &Till) -> Result<()> {
        let mut text = String::new();
        if self.is_plain {
            text = picture.take_events().iter().map(|event| format!("{event}\n")).collect();
            text.push_str(&picture.table());
        }
        let status = picture.status();
        print(&format!(
            "{text}{status}\nstopping after line {}; a second start goes on from there\n",
            till.next_row - 1
        ))
    }
}

/// How many lines the terminal has now.
fn terminal_lines() -> usize {
    rustix::termios::tcgetwinsize(io::stdout()).map_or(LINES_UNKNOWN, |size| usize::from(size.ws_row))
}

fn print(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).context(|| "write to stdout".to_owned())
}

/// Becomes true at SIGINT or SIGTERM. A second one ends the process at once.
fn stop_signal() -> Result<Arc<AtomicBool>> {
    use tokio::signal::unix::{signal, SignalKind};
    let stop = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&stop);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context(|| "listen for signals".to_owned())?;
    let wait = move || {
        runtime.block_on(async {
            let (Ok(mut terminate), Ok(mut interrupt)) =
                (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
            else {
                return;
            };
            for _ in 0..2 {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                if told.swap(true, Ordering::Relaxed) {
                    std::process::exit(130);
                }
            }
        });
    };
    let spawned = std::thread::Builder::new().name("signals".to_owned()).spawn(wait);
    spawned.context(|| "listen for signals".to_owned())?;
    Ok(stop)
}
