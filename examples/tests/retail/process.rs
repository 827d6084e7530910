//! The program as a process: the real file to its end, a kill in the middle, bad input, the demo's two starts.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use streams_core::{Clock, SystemClock};
use streams_examples::retail::csv::HEADER;

use super::data;

/// No wait is longer: a replay in a build without optimisation, on a machine that does other things too.
const PATIENCE: Duration = Duration::from_secs(900);

fn retail(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_retail"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn output(arguments: &[&str]) -> Output {
    retail(arguments).output().expect("runs")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("is UTF-8")
}

/// The JSON object that is the last line of a replay.
fn figures(output: &Output) -> Value {
    let (out, complaints) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}: {complaints}", output.status);
    let last = out.lines().last().unwrap_or_default();
    serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: `{last}`\n{complaints}"))
}

/// Bytes below a directory.
fn size(path: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(path) else { return 0 };
    let sizes = entries.flatten().map(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => size(&entry.path()),
        _ => entry.metadata().map_or(0, |metadata| metadata.len()),
    });
    sizes.sum()
}

/// Waits until something holds, and fails when the process ends before.
fn wait_until(child: &mut Child, what: &str, holds: impl Fn() -> bool) {
    let deadline = SystemClock.now() + PATIENCE;
    while !holds() {
        assert!(SystemClock.now() < deadline, "{what} did not come to hold");
        assert!(child.try_wait().expect("can be asked").is_none(), "the process ended before {what}");
        std::thread::yield_now();
    }
}

/// The figures of the real file, whatever happened on the way.
const EXPECTED: [(&str, f64); 9] = [
    ("rows", 541_909.0),
    ("invoices", 25_900.0),
    ("skus", 3_926.0),
    ("units_net", 5_176_450.0),
    ("revenue_net", 9_747_747.934),
    ("sold_units", 5_576_996.0),
    ("returned_units", 272_030.0),
    ("adjusted_units", -138_874.0),
    ("dead_letters", 0.0),
];

/// Kills a replay twice in the middle, with nothing said or flushed, and lets a third one finish.
///
/// What lines add up to is exact all the same, because every row keeps the number of the last line that it took in; so is
/// conservation, which `replay` checks for each product before it succeeds. How many orders and price changes there are
/// may differ from a run that was not killed: they follow from deliveries, which come when the supplier gets to them.
#[test]
fn a_replay_that_is_killed_and_started_again_has_the_exact_figures() {
    let Some(file) = data::file("online-retail.csv.gz") else { return };
    let dir = tempfile::tempdir().expect("a directory");
    let arguments = ["replay", "--data", text(&file), "--data-dir", text(dir.path())];
    // The whole comes to about 430 MB.
    for bytes in [60_000_000, 150_000_000] {
        let mut child = retail(&arguments).spawn().expect("starts");
        wait_until(&mut child, "so much is written", || size(&dir.path().join("broker/topics")) > bytes);
        child.kill().expect("is killed");
        child.wait().expect("has ended");
    }
    let figures = figures(&output(&arguments));
    for (name, expected) in EXPECTED {
        assert_eq!(figures[name].as_f64(), Some(expected), "{name} in {figures}");
    }
    for name in ["reorders", "price_changes"] {
        assert!(figures[name].as_u64().is_some_and(|count| count > 1_000), "{name} in {figures}");
    }
}

#[test]
fn a_broken_row_is_a_dead_letter_and_a_second_run_adds_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("sales.csv");
    let rows = "1,85123A,HEART,6,2010-12-01 08:26:00,2.55,17850.0,France\n\
                1,85123a,HEART,x,2010-12-01 08:26:00,2.55,17850.0,France\n\
                short,row\n\
                C2,85123a,HEART,-2,2010-12-02 08:26:00,2.55,,France\n\
                3,POST,,1,2010-12-02 08:26:00,18,,\n";
    std::fs::write(&file, format!("{HEADER}\n{rows}")).expect("is written");
    let data_dir = dir.path().join("data");
    for is_first in [true, false] {
        let figures = figures(&output(&["replay", "--data", text(&file), "--data-dir", text(&data_dir)]));
        let expected = [
            ("rows", 3.0),
            ("invoices", 3.0),
            ("skus", 1.0),
            ("units_net", 5.0),
            ("revenue_net", 28.2),
            ("sold_units", 6.0),
            ("returned_units", 2.0),
            ("dead_letters", 2.0),
        ];
        for (name, expected) in expected {
            assert_eq!(figures[name].as_f64(), Some(expected), "{name} in {figures}");
        }
        let rate = &figures["records_per_second"];
        assert!(if is_first { rate.as_f64().is_some() } else { rate.is_null() }, "{figures}");
    }
}

/// Rows B01 and B02.
#[test]
fn bad_input_is_named_with_its_exit_code() {
    let dir = tempfile::tempdir().expect("a directory");
    let (other, data_dir) = (dir.path().join("other.csv"), dir.path().join("data"));
    std::fs::write(&other, "Invoice,Code\n").expect("is written");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("is bound").port().to_string();
    let cases: [(&[&str], i32, &str); 4] = [
        (&["replay", "--dta", "x"], 2, "unexpected argument '--dta'"),
        (&["replay", "--data", "/nonexistent.csv", "--data-dir", text(&data_dir)], 3, "open /nonexistent.csv"),
        (&["replay", "--data", text(&other), "--data-dir", text(&data_dir)], 2, "the first line is `Invoice,Code`"),
        (&["demo", "--port", &port, "--data-dir", text(&data_dir), "--seconds", "1"], 3, "is in use"),
    ];
    for (arguments, code, message) in cases {
        let output = output(arguments);
        let complaints = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {complaints}");
        assert!(complaints.contains(message), "{arguments:?}: {complaints}");
    }
}

/// A demo that was started, and its lines.
struct Demo {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Demo {
    fn start(data_dir: &Path) -> Self {
        let mut child = retail(&["demo", "--port", "0", "--data-dir", text(data_dir)]).spawn().expect("starts");
        let lines = BufReader::new(child.stdout.take().expect("is piped")).lines();
        Self { child, lines }
    }

    /// Reads until a line has a text; the process must print one.
    fn expect(&mut self, text: &str) -> String {
        let found = self.lines.by_ref().map(|line| line.expect("is text")).find(|line| line.contains(text));
        found.unwrap_or_else(|| panic!("the demo ended without `{text}`: {}", self.complaints()))
    }

    fn complaints(&mut self) -> String {
        let mut text = String::new();
        let _ = self.child.stderr.take().map(|mut stderr| stderr.read_to_string(&mut text));
        text
    }

    /// Ends it as Ctrl-C does, and answers the line at which it stopped.
    fn stop(mut self) -> u64 {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().expect("runs").success());
        let last = self.expect("stopping after line ");
        let status = self.child.wait().expect("has ended");
        assert!(status.success(), "{status}: {}", self.complaints());
        let digits: String = last.chars().filter(char::is_ascii_digit).collect();
        digits.parse().unwrap_or_else(|_| panic!("no number in `{last}`"))
    }
}

#[test]
fn the_demo_shows_orders_and_prices_and_goes_on_where_it_stopped() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut demo = Demo::start(dir.path());
    demo.expect("opening a new shop");
    demo.expect("reorder");
    demo.expect("price");

    let second = retail(&["demo", "--port", "0", "--data-dir", text(dir.path()), "--seconds", "1"]);
    let second = { second }.output().expect("runs");
    let complaints = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(6), "a directory that is in use: {complaints}");

    let stopped_at = demo.stop();
    let mut demo = Demo::start(dir.path());
    demo.expect(&format!("going on with line {}", stopped_at + 1));
    demo.expect("reorder");
    assert!(demo.stop() >= stopped_at);
}
