//! The stock processor: keeps one product's stock per key, and suggests orders.
//!
//! ```text
//!              position <= reorder point                    its receipt
//! no order ──────────────────────────────► order is open ──────────────────► no order
//!            suggestion, on_order grows                       tombstone
//! ```
//!
//! A product has at most one open suggestion. A movement that comes again, after a crash, changes nothing; what it led to
//! is published again, because the crash may have come between the store and the topics.

use streams_core::Timestamp;
use streams_dsl::prelude::*;

use super::calendar;
use super::demand::{Forecast, History};
use super::model::{Movement, MovementKind, OpenOrder, Product, Stock, Suggestion};
use super::rules::Rules;

/// No listing or delivery has more units: beyond it sums could overflow.
pub const UNITS_MAX: i64 = 1_000_000_000;

/// What is known about a product beside its stock.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Policy {
    /// Its demand so far.
    pub history: History,
    /// Its listing.
    pub product: Option<Product>,
}

impl Nullable for Policy {}

/// A movement with what is known about its product.
#[derive(Debug, Clone, PartialEq)]
pub struct InformedMovement {
    /// The movement.
    pub movement: Movement,
    /// What is known.
    pub policy: Policy,
}

/// What the stock processor tells.
#[derive(Debug, Clone, PartialEq)]
pub enum StockEvent {
    /// The stock after a movement; on the days that are over the forecast rests on so many days.
    Level {
        /// The stock.
        stock: Stock,
        /// How many days its forecast rests on.
        forecast_days: i64,
    },
    /// The stock, again.
    Repeated(Stock),
    /// An order should be placed.
    Suggested(Suggestion),
    /// The open order is fulfilled.
    Fulfilled,
}

/// What a movement did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It was taken in.
    Applied,
    /// It was taken in, and with it the open order is fulfilled.
    Fulfilled,
    /// It was taken in before, or is a receipt of an order that is not open.
    None,
}

impl Stock {
    /// A product's stock before its first movement.
    pub fn open(rules: &Rules, product: Option<&Product>) -> Self {
        let opening = product.map_or(rules.opening_units, |product| product.opening_units);
        let on_order = product.map_or(0, |product| product.on_order);
        let (opening, on_order) = (opening.clamp(-UNITS_MAX, UNITS_MAX), on_order.clamp(0, UNITS_MAX));
        let list_price = product.and_then(|product| product.list_price).unwrap_or_default();
        Self { opening, on_hand: opening, on_order, position: opening + on_order, list_price, ..Self::default() }
    }

    /// Takes a movement in.
    pub fn apply(&mut self, movement: &Movement) -> Effect {
        if !self.last_row.pass(movement.row) {
            return Effect::None;
        }
        let mut effect = Effect::Applied;
        match movement.kind {
            MovementKind::Sale => {
                self.sold += movement.units;
                self.on_hand -= movement.units;
                // The first price that was paid stands in for a list.
                if self.list_price.is_zero() {
                    self.list_price = movement.unit_price;
                }
            }
            MovementKind::Return => {
                self.returned += movement.units;
                self.on_hand += movement.units;
            }
            MovementKind::Adjustment => {
                self.adjusted += movement.units;
                self.on_hand += movement.units;
            }
            MovementKind::Receipt => match self.open_order.take_if(|open| movement.order.as_ref() == Some(&open.order))
            {
                Some(open) => {
                    self.received += movement.units;
                    self.on_hand += movement.units;
                    self.on_order -= open.units;
                    effect = Effect::Fulfilled;
                }
                None => effect = Effect::None,
            },
            MovementKind::Listing => {}
        }
        self.position = self.on_hand + self.on_order;
        effect
    }

    /// Works out reorder point and cover, and places an order if it is time.
    pub fn review(&mut self, code: &str, rules: &Rules, policy: &Policy, now: Timestamp) -> Option<Suggestion> {
        let forecast = policy.history.forecast(calendar::day_of(now));
        let product = policy.product.as_ref();
        self.note(&forecast, rules.reorder_point(&forecast, product));
        if self.open_order.is_some() {
            return None;
        }
        let units = rules.order(self.position, self.reorder_point, &forecast, product)?;
        self.orders += 1;
        let order = OpenOrder { order: format!("{code}-{}", self.orders), units };
        let suggestion = self.suggestion(&order, now);
        self.on_order += units;
        self.position += units;
        self.open_order = Some(order);
        Some(suggestion)
    }

    #[expect(clippy::cast_precision_loss, reason = "cover is an estimate, and units are far below 2^53")]
    fn note(&mut self, forecast: &Forecast, reorder_point: i64) {
        self.reorder_point = reorder_point;
        self.mean_daily = hundredths(forecast.mean);
        self.cover_days = (forecast.mean > 0.0).then(|| hundredths(self.on_hand.max(0) as f64 / forecast.mean));
    }

    /// A suggestion of an order that is not counted in yet.
    fn suggestion(&self, order: &OpenOrder, at: Timestamp) -> Suggestion {
        Suggestion {
            order: order.order.clone(),
            units: order.units,
            position: self.position,
            on_hand: self.on_hand,
            on_order: self.on_order,
            reorder_point: self.reorder_point,
            mean_daily: self.mean_daily,
            at: calendar::date_time(at),
        }
    }

    /// The suggestion of the open order, as far as it can be told from the stock.
    fn open_suggestion(&self, at: Timestamp) -> Option<Suggestion> {
        let order = self.open_order.as_ref()?;
        let mut before = self.clone();
        before.on_order -= order.units;
        before.position -= order.units;
        Some(before.suggestion(order, at))
    }

    /// Whether nothing was lost and nothing invented.
    pub fn is_conserved(&self) -> bool {
        self.on_hand == self.opening + self.received - self.sold + self.returned + self.adjusted
            && self.position == self.on_hand + self.on_order
    }
}

fn hundredths(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

/// Keeps the stock of a task's products.
#[derive(Debug)]
pub struct StockKeeper {
    stock: KeyValueStore<String, Stock>,
    rules: Rules,
}

impl StockKeeper {
    /// A processor over its store.
    pub fn new(stock: KeyValueStore<String, Stock>, rules: Rules) -> Self {
        Self { stock, rules }
    }
}

impl Processor<String, InformedMovement> for StockKeeper {
    type KOut = String;
    type VOut = StockEvent;

    fn process(
        &mut self,
        record: Record<'_, String, InformedMovement>,
        cx: &mut Context<'_, String, StockEvent>,
    ) -> Result<()> {
        let InformedMovement { movement, policy } = record.value;
        let mut stock =
            self.stock.get(record.key)?.unwrap_or_else(|| Stock::open(&self.rules, policy.product.as_ref()));
        let effect = stock.apply(movement);
        if effect == Effect::None {
            return repeat(stock, record, cx);
        }
        let suggestion = stock.review(record.key, &self.rules, policy, record.timestamp);
        self.stock.put(record.key, &stock)?;
        if effect == Effect::Fulfilled {
            cx.forward(record.with_value(&StockEvent::Fulfilled))?;
        }
        if let Some(suggestion) = suggestion {
            cx.forward(record.with_value(&StockEvent::Suggested(suggestion)))?;
        }
        let forecast_days = policy.history.forecast(calendar::day_of(record.timestamp)).days;
        cx.forward(record.with_value(&StockEvent::Level { stock, forecast_days }))
    }
}

/// Publishes again what a movement that came again has led to.
fn repeat(
    stock: Stock,
    record: Record<'_, String, InformedMovement>,
    cx: &mut Context<'_, String, StockEvent>,
) -> Result<()> {
    match stock.open_suggestion(record.timestamp) {
        Some(suggestion) => cx.forward(record.with_value(&StockEvent::Suggested(suggestion)))?,
        None if stock.orders > 0 => cx.forward(record.with_value(&StockEvent::Fulfilled))?,
        None => {}
    }
    cx.forward(record.with_value(&StockEvent::Repeated(stock)))
}
