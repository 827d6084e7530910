//! Demand per product and day, and the forecast that the last four weeks give.
//!
//! A day's demand is what was sold less what came back the same day, so that an order of 74,215 units that is cancelled
//! a quarter of an hour later leaves no trace. The day that is not over does not count in a forecast, for the same
//! reason. Days without a sale count as zero.

use serde::{Deserialize, Serialize};
use streams_core::json_serde;

use super::model::{Mark, Movement, MovementKind};

/// How many days a forecast looks back.
pub const HISTORY_DAYS: i64 = 28;

/// Demand within one window of a day.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DayDemand {
    /// Units sold, less those that came back.
    pub units: i64,
    /// Lines.
    pub lines: u64,
    /// The last row taken in.
    pub last_row: Mark,
}

impl DayDemand {
    /// Takes a sale or a return in.
    pub fn add(&mut self, movement: &Movement) {
        if !self.last_row.pass(movement.row) {
            return;
        }
        self.lines += 1;
        self.units += match movement.kind {
            MovementKind::Sale => movement.units,
            MovementKind::Return => -movement.units,
            MovementKind::Adjustment | MovementKind::Receipt | MovementKind::Listing => 0,
        };
    }
}

/// A day's demand on its way to the product's history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayUnits {
    /// The day, counted from 1970-01-01.
    pub day: i64,
    /// Units sold, less those that came back.
    pub units: i64,
}

/// The demand of a product's last days.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct History {
    /// The first day there was any demand.
    first_day: Option<i64>,
    /// Days with demand, in order.
    days: Vec<DayUnits>,
}

json_serde!(DayDemand, DayUnits, History);

/// What a history promises.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Forecast {
    /// How many days it rests on.
    pub days: i64,
    /// Units a day.
    pub mean: f64,
    /// The standard deviation of units a day.
    pub deviation: f64,
}

impl History {
    /// Sets a day's demand, whether it was known before or not.
    pub fn set(&mut self, day: DayUnits) {
        let first_day = self.first_day.map_or(day.day, |first| first.min(day.day));
        self.first_day = Some(first_day);
        match self.days.binary_search_by_key(&day.day, |known| known.day) {
            Ok(at) => self.days[at] = day,
            Err(at) => self.days.insert(at, day),
        }
        let newest = self.days.last().map_or(day.day, |newest| newest.day);
        self.days.retain(|known| known.day >= newest - HISTORY_DAYS);
    }

    /// The forecast on a day, from the days before it.
    #[expect(clippy::cast_precision_loss, reason = "a forecast is an estimate, and units are far below 2^53")]
    pub fn forecast(&self, today: i64) -> Forecast {
        let Some(first_day) = self.first_day else { return Forecast::default() };
        let from = first_day.max(today - HISTORY_DAYS);
        let count = today - from;
        if count <= 0 {
            return Forecast::default();
        }
        let known = self.days.iter().filter(|day| (from..today).contains(&day.day));
        let (sum, squares) = known
            .map(|day| day.units.max(0) as f64)
            .fold((0.0, 0.0), |(sum, squares), units| (sum + units, squares + units * units));
        let mean = sum / count as f64;
        let variance = (squares / count as f64 - mean * mean).max(0.0);
        Forecast { days: count, mean, deviation: variance.sqrt() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(days: &[(i64, i64)]) -> History {
        let mut history = History::default();
        for (day, units) in days {
            history.set(DayUnits { day: *day, units: *units });
        }
        history
    }

    #[test]
    fn a_forecast_rests_on_the_days_that_are_over() {
        let history = history(&[(10, 4), (12, 8), (13, 1_000)]);
        assert_eq!(history.forecast(10), Forecast::default());
        assert_eq!(history.forecast(13), Forecast { days: 3, mean: 4.0, deviation: (32.0_f64 / 3.0).sqrt() });
        assert_eq!(History::default().forecast(13), Forecast::default());
    }

    #[test]
    fn a_day_is_replaced_and_old_days_go() {
        let mut history = history(&[(1, 5), (20, 7), (20, 3)]);
        assert_eq!(history.days, [DayUnits { day: 1, units: 5 }, DayUnits { day: 20, units: 3 }]);
        history.set(DayUnits { day: 40, units: 1 });
        assert_eq!(history.days.len(), 2, "day 1 is more than four weeks before day 40");
        assert_eq!(history.forecast(41).days, HISTORY_DAYS);
        // A late day finds its place.
        history.set(DayUnits { day: 30, units: 9 });
        assert_eq!(history.days.iter().map(|day| day.day).collect::<Vec<_>>(), [20, 30, 40]);
    }

    #[test]
    fn a_negative_day_is_no_demand() {
        assert_eq!(history(&[(1, -5), (2, 3)]).forecast(3).mean, 1.5);
    }

    #[test]
    fn a_cancelled_order_leaves_no_demand() {
        let movement = |row, kind| Movement { row: Some(row), kind, units: 74_215, unit_price: 1.into(), order: None };
        let mut day = DayDemand::default();
        day.add(&movement(1, MovementKind::Sale));
        day.add(&movement(1, MovementKind::Sale));
        day.add(&movement(2, MovementKind::Return));
        assert_eq!((day.units, day.lines), (0, 2));
    }
}
