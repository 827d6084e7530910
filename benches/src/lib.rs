//! Harness of the benchmarks: what a case is, how it is timed, and how its result is printed.
//!
//! A case does the same work several times and keeps the fastest run, because a shared machine only ever adds time.
//! Ratios are between cases of one process, never between processes.

pub mod application;
pub mod by_hand;
pub mod codec;
pub mod input;
pub mod jvm;

use std::time::{Duration, Instant};

use rustix::time::{clock_gettime, ClockId};

/// How often a case is run; the fastest counts.
pub const RUNS: usize = 5;

/// The fastest of [`RUNS`] runs of `work`, which returns what it counted so that it cannot be optimised away.
#[expect(clippy::disallowed_methods, reason = "a benchmark is a driver: it reads the clock")]
pub fn fastest(mut work: impl FnMut() -> u64) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..RUNS {
        let start = Instant::now();
        std::hint::black_box(work());
        best = best.min(start.elapsed());
    }
    best
}

/// The CPU time that all threads of the process have used. Other processes on the machine do not move it, so that rates
/// per CPU second are those of one core that has nothing else to do.
pub fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Records per second, given how many took how long.
pub fn per_second(records: u64, elapsed: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a count of records is far below 2^52")]
    let records = records as f64;
    records / elapsed.as_secs_f64()
}
