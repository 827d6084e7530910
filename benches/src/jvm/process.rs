//! An application as a child process: its two lines, and what it and its broker have used of the CPU between them.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use streams_core::{Error, ErrorKind, Result, ResultExt as _};

/// What one run took.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// From having its tasks to the end of the close.
    pub elapsed: Duration,
    /// CPU time of the application over the measured run.
    pub application: Duration,
    /// CPU time of the broker in the same time.
    pub broker: Duration,
}

/// Runs an application that speaks the protocol of [`super::application`], and measures it and the broker.
///
/// # Errors
/// When the program cannot be started, ends too early, or says something else.
pub fn measure(command: &mut Command, broker: u32) -> Result<Run> {
    let name = format!("{:?}", command.get_program());
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = Guard(child.context(|| format!("start {name}"))?);
    let (Some(mut answers), Some(lines)) = (child.0.stdin.take(), child.0.stdout.take()) else {
        return Err(failed(&format!("{name} has no pipes")));
    };
    let mut lines = BufReader::new(lines).lines();
    let mut expect = |word: &str| -> Result<String> {
        let line = match lines.next() {
            Some(line) => line.context(|| format!("read what {name} says"))?,
            None => return Err(failed(&format!("{name} ended without saying `{word}`: see above"))),
        };
        let rest = line.strip_prefix(word).map(|rest| rest.trim().to_owned());
        rest.ok_or_else(|| failed(&format!("{name} says `{line}`, expects `{word}`")))
    };
    let pid = child.0.id();
    expect("start")?;
    let before = (cpu_time(pid)?, cpu_time(broker)?);
    writeln!(answers).context(|| format!("answer {name}"))?;
    let seconds = expect("end")?;
    let after = (cpu_time(pid)?, cpu_time(broker)?);
    writeln!(answers).context(|| format!("answer {name}"))?;
    let seconds: f64 = seconds.parse().map_err(|_| failed(&format!("{name} says `end {seconds}`: not seconds")))?;
    let status = child.0.wait().context(|| format!("wait for {name}"))?;
    if !status.success() {
        return Err(failed(&format!("{name} ended with {status}")));
    }
    Ok(Run { elapsed: Duration::from_secs_f64(seconds), application: after.0 - before.0, broker: after.1 - before.1 })
}

/// Ends the child when the measurement fails.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        // One that has ended cannot be killed, which is as well.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// User and system time of a process and its threads, to the hundredth of a second in which Linux counts them.
///
/// # Errors
/// When there is no such process.
fn cpu_time(pid: u32) -> Result<Duration> {
    let stat =
        std::fs::read_to_string(format!("/proc/{pid}/stat")).context(|| format!("read the CPU time of {pid}"))?;
    // The name, in parentheses, may hold anything; `utime` and `stime` are the 12th and 13th field after it.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks: u64 = fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(ticks * 10))
}

fn failed(message: &str) -> Error {
    Error::new(ErrorKind::Internal, message.to_owned())
}
