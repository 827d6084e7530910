//! How many records each task processes between two looks at the broker and the clock.
//!
//! Kafka Streams' rule: the number starts at 1, grows by one after a round that nothing interrupted, and is halved
//! after a round in which something was due (a punctuation, a commit). So a thread that has little else to do works in
//! long stretches, and one with much to do besides looks up often.

/// No stretch is longer, so that `close` and due punctuations never wait for more than this many records of each task:
/// a few milliseconds at the speed of a cheap topology.
const RECORDS_MAX: usize = 8_192;

/// The number of records per task and round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pacing {
    records: usize,
}

impl Default for Pacing {
    fn default() -> Self {
        Self { records: 1 }
    }
}

impl Pacing {
    /// How many records each task may process in this round.
    pub(crate) fn records(self) -> usize {
        self.records
    }

    /// A round ended.
    pub(crate) fn round_ended(&mut self, interrupted: bool) {
        self.records = if interrupted { (self.records / 2).max(1) } else { (self.records + 1).min(RECORDS_MAX) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_by_one_and_halves() {
        let mut pacing = Pacing::default();
        let mut seen = Vec::new();
        for interrupted in [false, false, false, false, true, true, true, false] {
            seen.push(pacing.records());
            pacing.round_ended(interrupted);
        }
        assert_eq!(seen, [1, 2, 3, 4, 5, 2, 1, 1]);
        for _ in 0..2 * RECORDS_MAX {
            pacing.round_ended(false);
        }
        assert_eq!(pacing.records(), RECORDS_MAX);
    }
}
