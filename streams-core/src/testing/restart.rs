//! A restart of the driver's tasks, as on another machine: new processors and stores, what was committed, nothing else.
//!
//! Steps, as in production: commit, close, open empty stores, restore them from their changelogs, go on at the committed
//! offsets with the committed partition times. What a store does not log is lost, and so is what a node keeps in itself.

use crate::error::{Error, ErrorKind, Result};
use crate::ids::Offset;
use crate::state::ChangelogRow;
use crate::testing::driver::{changelog_topic, tasks, Inner};
use crate::testing::wire::WireRecord;

/// Commits that may leave something to commit: as many as sub-topologies lie one behind the other.
const COMMITS_MAX: usize = 1_000;

impl Inner {
    pub(super) fn restart(&mut self) -> Result<()> {
        self.commit_to_the_end()?;
        for task in &mut self.tasks {
            task.close();
            self.dropped_before += task.dropped_records();
        }
        let mut fresh = tasks(&self.topology, &self.config, &self.wire, &|spec, rows| {
            let wire = self.wire.borrow();
            let logged = wire.logged(&changelog_topic(&self.application_id, spec.name()));
            let Some(last) = i64::try_from(logged.len()).ok().filter(|length| *length > 0) else { return Ok(()) };
            rows.restore(logged.iter().map(changelog_row), Offset(last - 1))
        })?;
        for (partition, committed) in &self.committed {
            if let Some(reader) = self.readers.get(&partition.topic) {
                fresh[reader.task].seek(partition, committed.offset, &committed.metadata)?;
            }
        }
        for task in &mut fresh {
            task.init(self.now)?;
        }
        self.tasks = fresh;
        self.run_until_idle()
    }

    fn commit_to_the_end(&mut self) -> Result<()> {
        for _ in 0..COMMITS_MAX {
            if !self.commit_all()? {
                return Ok(());
            }
        }
        let message =
            format!("after {COMMITS_MAX} commits there is still something to commit: does the topology feed itself?");
        Err(Error::new(ErrorKind::InvalidTopology, message))
    }
}

fn changelog_row(record: &WireRecord) -> ChangelogRow<'_> {
    let WireRecord { key, value, timestamp, .. } = record;
    ChangelogRow { key: key.as_deref().unwrap_or_default(), value: value.as_deref(), timestamp: *timestamp }
}
