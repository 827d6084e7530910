//! Random lives of a log against a list: appends, syncs, reads, deletions, clean restarts and crashes.

use broker_lite::disk::memory::{Crash, MemoryDisk};
use broker_lite::log::{Durability, Log, LogConfig};
use proptest::prelude::*;
use streams_core::Offset;

use crate::support::*;

#[derive(Debug, Clone)]
enum Step {
    Append(u8),
    Sync,
    Delete(u8),
    Restart,
    Crash(u64),
    Kill,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (1..5_u8).prop_map(Step::Append),
        3 => Just(Step::Sync),
        1 => any::<u8>().prop_map(Step::Delete),
        1 => Just(Step::Restart),
        1 => any::<u64>().prop_map(Step::Crash),
        1 => Just(Step::Kill),
    ]
}

/// What must be in the log: every record, how many of them are durable, and where it starts.
struct Model {
    all: Vec<String>,
    durable: usize,
    start: usize,
    next_value: u32,
}

impl Model {
    fn check(&self, log: &Log) {
        assert_eq!(log.start_offset().0, self.start as i64);
        assert_eq!(log.durable_end().0, self.durable as i64);
        let visible = match log.config().durability {
            Durability::Fsync => self.durable,
            _ => self.all.len(),
        };
        assert_eq!(records(log).unwrap(), self.all[self.start.min(visible)..visible]);
    }

    /// After a restart everything that is there counts as durable.
    fn settle(&mut self, log: &Log) {
        let end = usize::try_from(log.end_offset().0).unwrap();
        assert!(
            (self.durable..=self.all.len()).contains(&end),
            "{end} of {}, {} durable",
            self.all.len(),
            self.durable
        );
        self.all.truncate(end);
        self.durable = end;
        self.start = self.start.min(end);
    }
}

fn run(steps: Vec<Step>, config: &LogConfig) {
    let mut disk = MemoryDisk::new();
    let (mut log, _) = open(&disk, config).unwrap();
    let mut model = Model { all: Vec::new(), durable: 0, start: 0, next_value: 0 };
    for step in steps {
        match step {
            Step::Append(count) => {
                let values: Vec<String> = (0..u32::from(count)).map(|n| format!("v{}", model.next_value + n)).collect();
                model.next_value += u32::from(count);
                let appended = append(&mut log, &values.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
                assert_eq!(appended.base_offset.0, model.all.len() as i64);
                model.all.extend(
                    values.iter().zip(model.all.len()..).map(|(value, at)| format!("{at}={value}")).collect::<Vec<_>>(),
                );
            }
            Step::Sync => {
                sync(&mut log).unwrap();
                model.durable = model.all.len();
            }
            Step::Delete(share) => {
                let visible = usize::try_from(log.visible_end().0).unwrap();
                let before = model.start + (visible.saturating_sub(model.start)) * usize::from(share) / 255;
                log.delete_records(Offset(before as i64)).unwrap();
                model.start = before;
            }
            Step::Restart => {
                log.close().unwrap();
                model.durable = model.all.len();
                (log, _) = open(&disk, config).unwrap();
                model.settle(&log);
            }
            Step::Crash(seed) => {
                drop(log);
                disk = disk.crash(Crash::Seeded(seed));
                (log, _) = open(&disk, config).unwrap();
                model.settle(&log);
            }
            Step::Kill => {
                drop(log);
                disk = disk.crash(Crash::KeepAll);
                let (reopened, recovery) = open(&disk, config).unwrap();
                log = reopened;
                assert_eq!((log.end_offset().0, recovery.truncated), (model.all.len() as i64, None));
                model.settle(&log);
            }
        }
        model.check(&log);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_log_is_a_list(
        steps in proptest::collection::vec(step(), 1..60),
        segment_bytes in 200..900_u64,
        tail_bytes_max in prop_oneof![Just(0_usize), Just(250), Just(1 << 20)],
        synced in any::<bool>(),
    ) {
        let durability = if synced { Durability::Fsync } else { Durability::Os };
        let config = LogConfig { segment_bytes, index_interval_bytes: 70, tail_bytes_max, durability, retention_ms: -1, ..LogConfig::default() };
        run(steps, &config);
    }
}

#[test]
fn a_start_beyond_what_a_crash_left_is_forgotten() {
    let config = LogConfig {
        segment_bytes: 200,
        index_interval_bytes: 70,
        tail_bytes_max: 0,
        durability: Durability::Os,
        retention_ms: -1,
        ..LogConfig::default()
    };
    let (first, second) = (Step::Crash(9_573_014_450_371_067_649), Step::Crash(5_066_265_273_722_357_807));
    run(vec![Step::Append(2), Step::Delete(128), first, Step::Append(1), second], &config);
}
