//! A transport that a test plays: it sees what was sent and says what is answered, when and in which order.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use uuid::Uuid;

use crate::client::transport::{BrokerAddress, BrokerId, Delivery, RequestId, Transport, Waker};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::messages::metadata::{
    MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use crate::protocol::messages::transactions::InitProducerIdResponse;
use crate::protocol::{Request, Response};

/// Answers requests at once; `None` leaves them to the test.
type Answer = Box<dyn FnMut(BrokerId, &Request) -> Option<Result<Response>> + Send>;

#[derive(Default)]
struct State {
    next: u64,
    sent: VecDeque<(RequestId, BrokerId, Request)>,
    deliveries: VecDeque<Delivery>,
    metadata: Option<MetadataResponse>,
    epoch: i16,
    /// Requests that the script else answers by itself are left to the test.
    holds_own: bool,
    answer: Option<Answer>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("sent", &self.sent).finish_non_exhaustive()
    }
}

/// The test's end of the transport.
#[derive(Debug, Clone, Default)]
pub(crate) struct Script(Arc<Mutex<State>>);

impl Script {
    /// A cluster whose partitions are led by these brokers, by topic. Metadata and producer ids are answered at once;
    /// each further producer id has the next epoch.
    pub(crate) fn with_topics(topics: &[(&str, &[i32])]) -> (Self, Box<dyn Transport>) {
        let script = Self::default();
        script.set_leaders(topics, 0);
        (script.clone(), Box::new(ScriptedTransport(script)))
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_leaders(&self, topics: &[(&str, &[i32])], leader_epoch: i32) {
        let broker = |node_id| MetadataResponseBroker { node_id, host: "h".into(), port: 1, rack: None };
        let topic = |(name, leaders): &(&str, &[i32])| MetadataResponseTopic {
            name: Some((*name).into()),
            topic_id: Uuid::from_u128(name.len() as u128),
            partitions: (0..)
                .zip(*leaders)
                .map(|(partition_index, leader_id)| MetadataResponsePartition {
                    partition_index,
                    leader_id: *leader_id,
                    leader_epoch,
                    ..Default::default()
                })
                .collect(),
            ..Default::default()
        };
        self.state().metadata = Some(MetadataResponse {
            brokers: vec![broker(1), broker(2)],
            controller_id: 1,
            topics: topics.iter().map(topic).collect(),
            ..Default::default()
        });
    }

    /// What the script answers about topics.
    pub(crate) fn metadata(&self) -> MetadataResponse {
        self.state().metadata.clone().unwrap_or_default()
    }

    /// Which broker takes requests about topics.
    pub(crate) fn set_controller(&self, node: i32) {
        if let Some(metadata) = &mut self.state().metadata {
            metadata.controller_id = node;
        }
    }

    /// Answers at once what the script does not answer by itself, for clients that wait.
    pub(crate) fn answer_with(
        &self,
        answer: impl FnMut(BrokerId, &Request) -> Option<Result<Response>> + Send + 'static,
    ) {
        self.state().answer = Some(Box::new(answer));
    }

    /// Whether questions for metadata and producer ids are left to the test from now on.
    pub(crate) fn hold_own(&self, holds: bool) {
        self.state().holds_own = holds;
    }

    /// The oldest request that was sent and not taken.
    pub(crate) fn take(&self) -> Option<(RequestId, BrokerId, Request)> {
        self.state().sent.pop_front()
    }

    pub(crate) fn answer(&self, id: RequestId, response: impl Into<Response>) {
        self.state().deliveries.push_back(Delivery { id, response: Ok(response.into()) });
    }

    pub(crate) fn fail(&self, id: RequestId) {
        let response = Err(Error::new(ErrorKind::Retriable, "connection reset"));
        self.state().deliveries.push_back(Delivery { id, response });
    }
}

struct ScriptedTransport(Script);

impl Transport for ScriptedTransport {
    fn send(&mut self, to: BrokerId, request: Request) -> Result<RequestId> {
        let mut state = self.0.state();
        let id = RequestId(state.next);
        state.next += 1;
        let response: Option<Response> = match &request {
            _ if state.holds_own => None,
            Request::Metadata(_) => state.metadata.clone().map(Into::into),
            Request::InitProducerId(_) => {
                state.epoch += 1;
                let answer =
                    InitProducerIdResponse { producer_id: 7, producer_epoch: state.epoch - 1, ..Default::default() };
                Some(answer.into())
            }
            _ => None,
        };
        let answered = || state.answer.as_mut().and_then(|answer| answer(to, &request));
        match response.map(Ok).or_else(answered) {
            Some(response) => state.deliveries.push_back(Delivery { id, response }),
            None => state.sent.push_back((id, to, request)),
        }
        Ok(id)
    }

    fn poll(&mut self, _wait: Duration) -> Result<Option<Delivery>> {
        Ok(self.0.state().deliveries.pop_front())
    }

    fn update_brokers(&mut self, _brokers: &[BrokerAddress]) {}

    fn waker(&self) -> Waker {
        Waker::new(|| {})
    }
}
