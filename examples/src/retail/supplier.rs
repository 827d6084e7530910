//! A supplier: delivers what the pipeline reorders, after the lead time.
//!
//! It follows the topic `reorder-suggestions` from its beginning and keeps nothing of its own: after a restart it finds
//! the open suggestions there and delivers them, some of them again. The stock processor takes a receipt in only while
//! its order is open, so that does no harm.

use std::collections::BTreeMap;
use std::time::Duration;

use streams_core::Timestamp;

use super::calendar::DAY_MS;
use super::model::{Receipt, Suggestion};

/// A delivery takes up to so many days longer than the lead time, differently for each order.
const DELAY_DAYS: i64 = 3;

/// What is to be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The product.
    pub code: String,
    /// What comes.
    pub receipt: Receipt,
    /// When.
    pub at: Timestamp,
}

/// The supplier of all products.
#[derive(Debug)]
pub struct Supplier {
    lead_time: Duration,
    /// By product, because each has one open order at most.
    open: BTreeMap<String, Delivery>,
    delivered: BTreeMap<String, String>,
}

impl Supplier {
    /// A supplier that has no orders yet.
    pub fn new(lead_time: Duration) -> Self {
        Self { lead_time, open: BTreeMap::new(), delivered: BTreeMap::new() }
    }

    /// Takes a record of `reorder-suggestions`.
    pub fn take(&mut self, code: &str, suggestion: Option<Suggestion>, time: Timestamp) {
        let Some(suggestion) = suggestion else {
            self.open.remove(code);
            return;
        };
        if self.delivered.get(code) == Some(&suggestion.order)
            || self.open.get(code).is_some_and(|open| open.receipt.order == suggestion.order)
        {
            return;
        }
        let delay = suggestion.order.bytes().map(i64::from).sum::<i64>() % (DELAY_DAYS + 1) * DAY_MS;
        let at = Timestamp((time + self.lead_time).0.saturating_add(delay));
        let receipt = Receipt { order: suggestion.order, units: suggestion.units };
        self.open.insert(code.to_owned(), Delivery { code: code.to_owned(), receipt, at });
    }

    /// What is due at a time, in the order of its coming.
    pub fn due(&mut self, now: Timestamp) -> Vec<Delivery> {
        let mut due: Vec<Delivery> = self.open.values().filter(|delivery| delivery.at <= now).cloned().collect();
        due.sort_by(|a, b| (a.at, &a.code).cmp(&(b.at, &b.code)));
        for delivery in &due {
            self.open.remove(&delivery.code);
            self.delivered.insert(delivery.code.clone(), delivery.receipt.order.clone());
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suggestion(order: &str) -> Option<Suggestion> {
        Some(Suggestion {
            order: order.to_owned(),
            units: 12,
            position: 0,
            on_hand: 0,
            on_order: 0,
            reorder_point: 0,
            mean_daily: 0.0,
            at: String::new(),
        })
    }

    #[test]
    fn an_order_is_delivered_once_after_its_time() {
        let mut supplier = Supplier::new(Duration::from_millis(1_000));
        supplier.take("a", suggestion("a-1"), Timestamp(0));
        let due = Timestamp(1_000 + (i64::from(b'a') + i64::from(b'-') + i64::from(b'1')) % 4 * DAY_MS);
        assert_eq!(supplier.due(Timestamp(due.0 - 1)), []);
        let receipt = Receipt { order: "a-1".to_owned(), units: 12 };
        assert_eq!(supplier.due(due), [Delivery { code: "a".to_owned(), receipt, at: due }]);
        // The suggestion is published again until it is fulfilled.
        supplier.take("a", suggestion("a-1"), Timestamp(5));
        assert_eq!(supplier.due(Timestamp(i64::MAX)), []);
        supplier.take("a", None, Timestamp(6));
        supplier.take("a", suggestion("a-2"), Timestamp(7));
        assert_eq!(supplier.due(Timestamp(i64::MAX)).len(), 1);
    }

    #[test]
    fn what_is_cleared_is_not_delivered() {
        let mut supplier = Supplier::new(Duration::ZERO);
        supplier.take("a", suggestion("a-1"), Timestamp(0));
        supplier.take("a", None, Timestamp(1));
        assert_eq!(supplier.due(Timestamp(i64::MAX)), []);
    }
}
