//! When to reorder, how much, and when to move a price: pure functions of numbers.
//!
//! Reorder when the *position* (on hand and on order) is not above the reorder point
//! `mean * lead time + z * deviation * sqrt(lead time)`, or above the level that the product's listing asks for. Stock
//! alone would order again what is on its way.
//!
//! A price follows the cover, which is for how many days the shelf lasts. It moves one step at a time, not again before a
//! cooldown is over, and goes back at another cover than it came: without both it would swing, for the price moves the
//! sales that move the cover.

use std::time::Duration;

use rust_decimal::{Decimal, RoundingStrategy};
use streams_core::time::duration_ms;
use streams_core::Timestamp;

use super::demand::Forecast;
use super::model::{Price, Product};

/// Price in percent of the list price, by step; the first is the raised one.
const PERCENT_BY_STEP: [i64; 5] = [105, 100, 90, 80, 70];
const STEP_MIN: i8 = -1;
const STEP_MAX: i8 = 3;
/// No order is larger, whatever a forecast says.
const ORDER_UNITS_MAX: i64 = 1_000_000;
const CENTS: u32 = 2;

/// The shop's rules.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// Stock that a product opens with that is not listed.
    pub opening_units: i64,
    /// Reorder level of a product that is not listed.
    pub reorder_level: i64,
    /// How many days a delivery takes.
    pub lead_time_days: f64,
    /// For how many days beyond the reorder point an order lasts.
    pub review_days: f64,
    /// Standard deviations of safety: 1.65 has stock in 95 of 100 lead times.
    pub service_factor: f64,
    /// Orders are multiples of so many units.
    pub pack_units: i64,
    /// Prices move only on forecasts of at least so many days.
    pub history_days_min: i64,
    /// A price goes down a step above this cover in days.
    pub markdown_cover: f64,
    /// A price that is down goes up a step below this cover.
    pub markdown_release_cover: f64,
    /// A price goes above the list price below this cover.
    pub raise_cover: f64,
    /// A raised price goes back above this cover.
    pub raise_release_cover: f64,
    /// A price does not move again within this time.
    pub cooldown: Duration,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            opening_units: 250,
            reorder_level: 12,
            lead_time_days: 7.0,
            review_days: 14.0,
            service_factor: 1.65,
            pack_units: 12,
            history_days_min: 14,
            markdown_cover: 56.0,
            markdown_release_cover: 42.0,
            raise_cover: 7.0,
            raise_release_cover: 14.0,
            cooldown: Duration::from_secs(7 * 86_400),
        }
    }
}

impl Rules {
    /// The position at which to reorder.
    pub fn reorder_point(&self, forecast: &Forecast, product: Option<&Product>) -> i64 {
        let level = product.map_or(self.reorder_level, |product| product.reorder_level);
        let safety = self.service_factor * forecast.deviation * self.lead_time_days.sqrt();
        level.max(units(forecast.mean * self.lead_time_days + safety))
    }

    /// How many units to order at a position, if any. At most what fills an empty shelf: a backlog is no demand.
    pub fn order(
        &self,
        position: i64,
        reorder_point: i64,
        forecast: &Forecast,
        product: Option<&Product>,
    ) -> Option<i64> {
        if position > reorder_point || product.is_some_and(|product| product.discontinued) {
            return None;
        }
        let lasting = reorder_point.saturating_add(units(forecast.mean * self.review_days));
        let target = lasting.max(reorder_point.saturating_mul(2)).max(self.pack_units);
        let missing = target.saturating_sub(position).min(target);
        let packs = missing.saturating_add(self.pack_units - 1) / self.pack_units;
        Some(packs.saturating_mul(self.pack_units).clamp(self.pack_units, ORDER_UNITS_MAX))
    }

    /// The step and the price that a price moves to, and why; none when it stays.
    pub fn reprice(&self, price: &Price, cover: f64, now: Timestamp) -> Option<(i8, Decimal, String)> {
        if price.changes > 0 && now.0.saturating_sub(price.changed_at) < duration_ms(self.cooldown) {
            return None;
        }
        let step = self.next_step(price.step, cover);
        let new = price_at(price.list_price, step);
        if step == price.step || new == price.price {
            return None;
        }
        let cover = format!("{cover:.1} days of cover");
        let reason = match (price.step, step) {
            (old, new) if new > old && new > 0 => format!("{cover} are above {}", self.markdown_cover),
            (old, new) if new > old => format!("{cover} are above {} again", self.raise_release_cover),
            (_, new) if new >= 0 => format!("{cover} are below {} again", self.markdown_release_cover),
            _ => format!("{cover} are below {}", self.raise_cover),
        };
        Some((step, new, reason))
    }

    fn next_step(&self, step: i8, cover: f64) -> i8 {
        let next = match step {
            _ if cover > self.markdown_cover => step + 1,
            1.. if cover < self.markdown_release_cover => step - 1,
            0 if cover < self.raise_cover => -1,
            ..0 if cover > self.raise_release_cover => 0,
            _ => step,
        };
        next.clamp(STEP_MIN, STEP_MAX)
    }
}

/// The price of a step.
fn price_at(list_price: Decimal, step: i8) -> Decimal {
    let index = usize::try_from(step - STEP_MIN).unwrap_or(0).min(PERCENT_BY_STEP.len() - 1);
    let price = list_price * Decimal::new(PERCENT_BY_STEP[index], 2);
    price.round_dp_with_strategy(CENTS, RoundingStrategy::MidpointAwayFromZero)
}

/// Whole units of an estimate, rounded up; the largest order for what is no number of units.
#[expect(clippy::cast_possible_truncation, reason = "the value is clamped to a small range before")]
fn units(estimate: f64) -> i64 {
    #[expect(clippy::cast_precision_loss, reason = "the limit is far below 2^53")]
    let limit = ORDER_UNITS_MAX as f64;
    if estimate.is_nan() {
        return 0;
    }
    estimate.ceil().clamp(0.0, limit) as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn product(reorder_level: i64) -> Product {
        Product { reorder_level, ..Product::default() }
    }

    #[test]
    fn the_reorder_point_covers_the_lead_time_and_its_risk() {
        let rules = Rules { service_factor: 2.0, lead_time_days: 4.0, ..Rules::default() };
        let forecast = Forecast { days: 28, mean: 10.0, deviation: 3.0 };
        assert_eq!(rules.reorder_point(&forecast, None), 40 + 12);
        assert_eq!(rules.reorder_point(&forecast, Some(&product(60))), 60);
        assert_eq!(rules.reorder_point(&Forecast::default(), None), rules.reorder_level);
    }

    #[rstest]
    #[case::above(53, None)]
    #[case::at(52, Some(144))]
    #[case::empty(0, Some(192))]
    #[case::backlog_is_no_demand(-74_215, Some(192))]
    fn an_order_fills_up_to_the_target_in_packs(#[case] position: i64, #[case] expected: Option<i64>) {
        let rules = Rules { review_days: 14.0, ..Rules::default() };
        let forecast = Forecast { days: 28, mean: 10.0, deviation: 0.0 };
        assert_eq!(rules.order(position, 52, &forecast, None), expected);
        let gone = Product { discontinued: true, ..Product::default() };
        assert_eq!(rules.order(position, 52, &forecast, Some(&gone)), None);
    }

    fn price(step: i8) -> Price {
        let list_price = Decimal::new(295, 2);
        Price { list_price, price: price_at(list_price, step), step, changes: 1, changed_at: 0 }
    }

    #[rstest]
    #[case::too_much(0, 57.0, Some((1, "2.66")))]
    #[case::still_too_much(1, 57.0, Some((2, "2.36")))]
    #[case::lowest(3, 570.0, None)]
    #[case::hysteresis_down(1, 50.0, None)]
    #[case::back_to_list(1, 41.0, Some((0, "2.95")))]
    #[case::normal(0, 20.0, None)]
    #[case::scarce(0, 6.9, Some((-1, "3.10")))]
    #[case::still_scarce(-1, 2.0, None)]
    #[case::hysteresis_up(-1, 10.0, None)]
    #[case::no_longer_scarce(-1, 15.0, Some((0, "2.95")))]
    fn a_price_moves_a_step(#[case] step: i8, #[case] cover: f64, #[case] expected: Option<(i8, &str)>) {
        let moved = Rules::default().reprice(&price(step), cover, Timestamp(i64::MAX));
        assert_eq!(moved.map(|(step, price, _)| (step, price.to_string())), expected.map(|(s, p)| (s, p.to_owned())));
    }

    #[test]
    fn a_price_rests_for_the_cooldown() {
        let rules = Rules::default();
        let almost = Timestamp(duration_ms(rules.cooldown) - 1);
        assert_eq!(rules.reprice(&price(0), 100.0, almost), None);
        assert!(rules.reprice(&price(0), 100.0, almost + Duration::from_millis(1)).is_some());
        let first = Price { changes: 0, ..price(0) };
        assert!(rules.reprice(&first, 100.0, Timestamp(0)).is_some(), "the first change waits for nothing");
    }
}
