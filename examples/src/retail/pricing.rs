//! The price processor: moves one product's price per key when its cover asks for it.
//!
//! It follows the stock processor in the same task, so it sees every level once. A repeated level moves nothing; the
//! price is published again, for the same reason as there.

use streams_core::Timestamp;
use streams_dsl::prelude::*;

use super::calendar;
use super::model::{Price, PriceChange, Stock};
use super::rules::Rules;
use super::stock::StockEvent;

/// What the price processor tells.
#[derive(Debug, Clone, PartialEq)]
pub struct PriceEvent {
    /// The price.
    pub price: Price,
    /// How it came; none when it is only told again.
    pub change: Option<PriceChange>,
}

/// Keeps the prices of a task's products.
#[derive(Debug)]
pub struct PriceKeeper {
    prices: KeyValueStore<String, Price>,
    rules: Rules,
}

impl PriceKeeper {
    /// A processor over its store.
    pub fn new(prices: KeyValueStore<String, Price>, rules: Rules) -> Self {
        Self { prices, rules }
    }

    fn change(&self, price: &Price, cover_days: f64, now: Timestamp) -> Option<PriceEvent> {
        let (step, new, reason) = self.rules.reprice(price, cover_days, now)?;
        let changes = price.changes + 1;
        let change =
            PriceChange { change: changes, old: price.price, new, reason, cover_days, at: calendar::date_time(now) };
        let price = Price { list_price: price.list_price, price: new, step, changes, changed_at: now.0 };
        Some(PriceEvent { price, change: Some(change) })
    }
}

impl Processor<String, StockEvent> for PriceKeeper {
    type KOut = String;
    type VOut = PriceEvent;

    fn process(
        &mut self,
        record: Record<'_, String, StockEvent>,
        cx: &mut Context<'_, String, PriceEvent>,
    ) -> Result<()> {
        match record.value {
            StockEvent::Level { stock, forecast_days } if *forecast_days >= self.rules.history_days_min => {
                let Some(cover_days) = stock.cover_days.filter(|_| !stock.list_price.is_zero()) else { return Ok(()) };
                let price = self.prices.get(record.key)?.unwrap_or_else(|| listed(stock));
                if let Some(event) = self.change(&price, cover_days, record.timestamp) {
                    self.prices.put(record.key, &event.price)?;
                    cx.forward(record.with_value(&event))?;
                }
                Ok(())
            }
            StockEvent::Repeated(_) => match self.prices.get(record.key)? {
                Some(price) => cx.forward(record.with_value(&PriceEvent { price, change: None })),
                None => Ok(()),
            },
            StockEvent::Level { .. } | StockEvent::Suggested(_) | StockEvent::Fulfilled => Ok(()),
        }
    }
}

/// A price that has never changed.
fn listed(stock: &Stock) -> Price {
    Price { list_price: stock.list_price, price: stock.list_price, step: 0, changes: 0, changed_at: 0 }
}
