//! Fetch sessions (KIP-227): the broker remembers which partitions a consumer reads, so that a request names only what
//! changed and an answer only what is new.
//!
//! ```text
//! (0, 0), (id, 0)   everything is named, and a session begins; the one of that id ends
//! (0, -1), (id, -1) everything is named, and none begins; the one of that id ends
//! (id, n)           goes on with the session, whose next number must be n
//! ```
//!
//! A session is a convenience: who finds theirs gone starts with a full request again. It therefore goes without saying
//! when there are too many. Partitions that had records go to the end, so that no partition starves the others under
//! the limits of an answer.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use streams_core::protocol::messages::fetch::{
    FetchPartition, FetchRequest, FetchResponse, FetchTopic, ForgottenTopic, PartitionData,
};
use streams_core::protocol::ErrorCode;
use streams_core::time::Timestamp;
use uuid::Uuid;

use super::TOPIC_IDS_SINCE;
use crate::topics::partition::NO_EPOCH;

/// How many sessions there can be; Kafka's `max.incremental.fetch.session.cache.slots`.
pub(crate) const SESSIONS_MAX: usize = 1000;

/// How many partitions all sessions together can remember: some 200 bytes each.
const PARTITIONS_MAX: usize = 200_000;

/// A session that was silent for so long gives way to a new one, as in Kafka.
const IDLE_MAX: Duration = Duration::from_secs(120);

/// The id of no session.
const NO_SESSION: i32 = 0;

/// The numbers of requests that name all their partitions.
const FIRST: i32 = 0;
const LAST: i32 = -1;

/// Where a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Session {
    /// It has none.
    None,
    /// It wants one.
    New { goes_by_id: bool },
    /// It goes on with one, whose next request has this number.
    Next { id: i32, epoch: i32 },
}

/// A partition by the name or id of its topic.
type Place = (String, Uuid, i32);

struct Remembered {
    place: Place,
    wanted: FetchPartition,
    /// What was answered last.
    high_watermark: i64,
    log_start_offset: i64,
}

#[derive(Default)]
struct Open {
    /// The number of the next request.
    epoch: i32,
    goes_by_id: bool,
    last_used: Timestamp,
    /// In the order in which they are read.
    partitions: BTreeMap<u64, Remembered>,
    numbers: HashMap<Place, u64, FixedState>,
    next_number: u64,
}

/// The sessions of a broker.
#[derive(Default)]
pub(crate) struct FetchSessions(Mutex<BTreeMap<i32, Open>>);

fn remembered(sessions: &BTreeMap<i32, Open>) -> usize {
    sessions.values().map(|open| open.partitions.len()).sum()
}

/// The number after another one; after the largest comes 1.
fn after(epoch: i32) -> i32 {
    epoch.checked_add(1).unwrap_or(1)
}

impl FetchSessions {
    /// Finds where a request stands. One that goes on with a session is completed by the partitions of the session.
    ///
    /// # Errors
    /// What is wrong with the session that it names.
    pub(super) fn begin(&self, request: &mut FetchRequest, version: i16, now: Timestamp) -> Result<Session, ErrorCode> {
        let goes_by_id = version >= TOPIC_IDS_SINCE;
        let id = request.session_id;
        if [FIRST, LAST].contains(&request.session_epoch) {
            if id != NO_SESSION {
                self.lock().remove(&id);
            }
            return Ok(if request.session_epoch == FIRST { Session::New { goes_by_id } } else { Session::None });
        }
        let mut sessions = self.lock();
        let more: usize = request.topics.iter().map(|topic| topic.partitions.len()).sum();
        let has_room = more == 0 || remembered(&sessions).saturating_add(more) <= PARTITIONS_MAX;
        let open = sessions.get_mut(&id).ok_or(ErrorCode::FETCH_SESSION_ID_NOT_FOUND)?;
        if open.epoch != request.session_epoch {
            return Err(ErrorCode::INVALID_FETCH_SESSION_EPOCH);
        }
        if open.goes_by_id != goes_by_id {
            return Err(ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR);
        }
        if !has_room {
            sessions.remove(&id);
            return Err(ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
        }
        open.update(std::mem::take(&mut request.topics), std::mem::take(&mut request.forgotten_topics_data));
        (open.epoch, open.last_used) = (after(open.epoch), now);
        if open.partitions.is_empty() {
            sessions.remove(&id);
            return Ok(Session::None);
        }
        request.topics = open.topics();
        Ok(Session::Next { id, epoch: open.epoch })
    }

    /// Starts a session with everything that was asked for and what was answered; 0 when there are too many.
    /// Its id comes from `random`, so that nobody takes it for one of before a restart.
    pub(super) fn create<'a>(
        &self,
        goes_by_id: bool,
        answered: impl Iterator<Item = (Place, FetchPartition, &'a PartitionData)>,
        random: u128,
        now: Timestamp,
    ) -> i32 {
        let mut open = Open { epoch: after(FIRST), goes_by_id, last_used: now, ..Open::default() };
        for (place, wanted, data) in answered {
            open.put(place.clone(), wanted);
            if let Some(known) = open.numbers.get(&place).and_then(|number| open.partitions.get_mut(number)) {
                (known.high_watermark, known.log_start_offset) = (data.high_watermark, data.log_start_offset);
            }
        }
        let mut sessions = self.lock();
        if sessions.len() >= SESSIONS_MAX {
            sessions.retain(|_, open| now - open.last_used < IDLE_MAX);
        }
        let partitions = remembered(&sessions).saturating_add(open.partitions.len());
        if sessions.len() >= SESSIONS_MAX || partitions > PARTITIONS_MAX || open.partitions.is_empty() {
            return NO_SESSION;
        }
        let mut id = i32::try_from(random & 0x7fff_ffff).unwrap_or(NO_SESSION);
        while id == NO_SESSION || sessions.contains_key(&id) {
            id = after(id);
        }
        sessions.insert(id, open);
        id
    }

    /// Leaves in an answer what is new since the last one.
    pub(super) fn settle(&self, id: i32, epoch: i32, mut response: FetchResponse) -> FetchResponse {
        let refuse = |error_code| FetchResponse { error_code, ..FetchResponse::default() };
        let mut sessions = self.lock();
        let Some(open) = sessions.get_mut(&id) else { return refuse(ErrorCode::FETCH_SESSION_ID_NOT_FOUND) };
        if open.epoch != epoch {
            return refuse(ErrorCode::INVALID_FETCH_SESSION_EPOCH);
        }
        for topic in &mut response.responses {
            let (name, topic_id) = (&topic.topic, topic.topic_id);
            topic.partitions.retain(|data| open.is_new(&(name.clone(), topic_id, data.partition_index), data));
        }
        response.responses.retain(|topic| !topic.partitions.is_empty());
        response.session_id = id;
        response
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<i32, Open>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn update(&mut self, topics: Vec<FetchTopic>, forgotten: Vec<ForgottenTopic>) {
        for topic in topics {
            for wanted in topic.partitions {
                self.put((topic.topic.clone(), topic.topic_id, wanted.partition), wanted);
            }
        }
        for topic in forgotten {
            for partition in topic.partitions {
                let number = self.numbers.remove(&(topic.topic.clone(), topic.topic_id, partition));
                number.map(|number| self.partitions.remove(&number));
            }
        }
    }

    fn put(&mut self, place: Place, wanted: FetchPartition) {
        if let Some(known) = self.numbers.get(&place).and_then(|number| self.partitions.get_mut(number)) {
            known.wanted = wanted;
            return;
        }
        let remembered = Remembered { place: place.clone(), wanted, high_watermark: -1, log_start_offset: -1 };
        self.partitions.insert(self.next_number, remembered);
        self.numbers.insert(place, self.next_number);
        self.next_number += 1;
    }

    /// Everything to read, in order.
    fn topics(&self) -> Vec<FetchTopic> {
        let mut topics: Vec<FetchTopic> = Vec::new();
        for Remembered { place: (name, id, _), wanted, .. } in self.partitions.values() {
            if topics.last().is_none_or(|last| last.topic != *name || last.topic_id != *id) {
                topics.push(FetchTopic { topic: name.clone(), topic_id: *id, partitions: Vec::new() });
            }
            if let Some(last) = topics.last_mut() {
                last.partitions.push(wanted.clone());
            }
        }
        topics
    }

    /// Whether an answer says anything that the last one did not; remembers it.
    fn is_new(&mut self, place: &Place, data: &PartitionData) -> bool {
        let Some(number) = self.numbers.get_mut(place) else { return false };
        let Some(known) = self.partitions.get_mut(number) else { return false };
        let has_records = data.records.as_ref().is_some_and(|records| !records.is_empty());
        let is_error = data.error_code.is_error();
        let is_new = has_records
            || is_error
            || data.diverging_epoch.epoch != NO_EPOCH
            || known.high_watermark != data.high_watermark
            || known.log_start_offset != data.log_start_offset;
        // What follows an error is always news.
        known.high_watermark = if is_error { -1 } else { data.high_watermark };
        known.log_start_offset = data.log_start_offset;
        if has_records {
            let moved = std::mem::replace(number, self.next_number);
            if let Some(known) = self.partitions.remove(&moved) {
                self.partitions.insert(self.next_number, known);
            }
            self.next_number += 1;
        }
        is_new
    }
}

impl std::fmt::Debug for FetchSessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("FetchSessions").field(&self.lock().len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000);

    /// A session of this many partitions; 0 when it is declined.
    fn create(sessions: &FetchSessions, partitions: i32, now: Timestamp) -> i32 {
        let data = PartitionData::default();
        let answered = (0..partitions).map(|index| {
            let wanted = FetchPartition { partition: index, ..FetchPartition::default() };
            (("orders".to_owned(), Uuid::nil(), index), wanted, &data)
        });
        sessions.create(false, answered, 7, now)
    }

    fn go_on(sessions: &FetchSessions, id: i32, epoch: i32, partitions: i32) -> Result<Session, ErrorCode> {
        let partitions = (0..partitions).map(|partition| FetchPartition { partition, ..FetchPartition::default() });
        let topic =
            FetchTopic { topic: "orders".to_owned(), partitions: partitions.collect(), ..FetchTopic::default() };
        let mut request = FetchRequest { session_id: id, session_epoch: epoch, ..FetchRequest::default() };
        request.topics = vec![topic];
        sessions.begin(&mut request, 12, NOW)
    }

    #[test]
    fn a_silent_session_gives_way_and_a_busy_one_does_not() {
        let sessions = FetchSessions::default();
        let ids: Vec<i32> = (0..SESSIONS_MAX).map(|_| create(&sessions, 1, NOW)).collect();
        assert!(ids.iter().all(|id| *id > 0) && ids.windows(2).all(|pair| pair[0] != pair[1]));
        assert_eq!(create(&sessions, 1, NOW + IDLE_MAX - Duration::from_millis(1)), NO_SESSION);
        assert_ne!(create(&sessions, 1, NOW + IDLE_MAX), NO_SESSION);
        assert_eq!(go_on(&sessions, ids[1], 1, 0), Err(ErrorCode::FETCH_SESSION_ID_NOT_FOUND));
    }

    #[test]
    fn all_sessions_together_remember_a_limited_number_of_partitions() {
        let most = i32::try_from(PARTITIONS_MAX).expect("is small");
        let sessions = FetchSessions::default();
        assert_eq!(create(&sessions, most + 1, NOW), NO_SESSION);
        let id = create(&sessions, most - 1, NOW);
        assert_eq!(create(&sessions, 2, NOW), NO_SESSION);
        assert_eq!(go_on(&sessions, id, 1, 0), Ok(Session::Next { id, epoch: 2 }));
        assert_eq!(go_on(&sessions, id, 2, 2), Err(ErrorCode::FETCH_SESSION_ID_NOT_FOUND), "it would grow too large");
        assert_eq!(go_on(&sessions, id, 2, 0), Err(ErrorCode::FETCH_SESSION_ID_NOT_FOUND));
    }

    #[test]
    fn the_answer_to_an_overtaken_request_is_refused() {
        let sessions = FetchSessions::default();
        let id = create(&sessions, 1, NOW);
        assert_eq!(go_on(&sessions, id, 1, 0), Ok(Session::Next { id, epoch: 2 }));
        assert_eq!(go_on(&sessions, id, 2, 0), Ok(Session::Next { id, epoch: 3 }));
        let late = sessions.settle(id, 2, FetchResponse::default());
        assert_eq!((late.error_code, late.session_id), (ErrorCode::INVALID_FETCH_SESSION_EPOCH, NO_SESSION));
        let answer = sessions.settle(id, 3, FetchResponse::default());
        assert_eq!((answer.error_code, answer.session_id), (ErrorCode::NONE, id));
    }

    #[test]
    fn after_the_largest_number_comes_the_first() {
        assert_eq!((after(0), after(i32::MAX - 1), after(i32::MAX)), (1, i32::MAX, 1));
    }
}
