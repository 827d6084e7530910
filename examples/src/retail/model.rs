//! The records on the shop's topics. All are JSON that a person can read; money is exact decimal, written as text.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use streams_core::json_serde;

/// One line of an invoice, as it stands on the topic `sales` under the invoice's number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SaleLine {
    /// The number of the line in its feed, from 1 on and growing. A line with a number counts once however often it
    /// comes; one without counts each time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<u64>,
    /// The invoice; begins with `C` when it cancels.
    pub invoice: String,
    /// The product's code as written; codes differ by case without meaning it.
    pub code: String,
    /// What the product is called on this line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Units; negative when they come back or are written off.
    pub quantity: i64,
    /// The price of a unit.
    pub unit_price: Decimal,
    /// The customer, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
    /// The customer's country.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// When, for readers; the record's timestamp is what counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
}

/// A row of a file that is no line: it takes its place on `sales`, so that it is accounted for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnreadableRow {
    /// The number of the row.
    pub row: u64,
    /// What is wrong with it.
    pub unreadable: String,
    /// The row as it stands in the file.
    pub text: String,
}

/// A record of `sales` that is no good line, on `sales.dlq`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// The number of its row, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<u64>,
    /// What is wrong with it.
    pub reason: String,
    /// What it was.
    pub value: String,
}

/// The last row that a table's row has taken in. Rows of one key come in the order of their numbers, also when they
/// come again after a crash, so that a number not above the mark has been counted before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Mark(u64);

impl Mark {
    /// Moves the mark to a row; false when the row is not new. A row without a number is always new.
    pub fn pass(&mut self, row: Option<u64>) -> bool {
        match row {
            None => true,
            Some(row) if row > self.0 => {
                self.0 = row;
                true
            }
            Some(_) => false,
        }
    }
}

/// What happened to a product's stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MovementKind {
    /// Units were sold.
    Sale,
    /// Sold units came back.
    Return,
    /// Units were written off (negative) or found.
    Adjustment,
    /// A supplier delivered an order.
    Receipt,
    /// The product was listed, or its listing changed.
    Listing,
}

/// One movement of a product's stock, on the repartition topic `stock-moves` under the product's code.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Movement {
    /// The row of the line that it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<u64>,
    /// What happened.
    pub kind: MovementKind,
    /// How many units: not negative, except for adjustments.
    pub units: i64,
    /// What a unit was sold for.
    #[serde(default)]
    pub unit_price: Decimal,
    /// The order that a receipt fulfils.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<String>,
}

/// A product's master data, on `products` under its code. A product that is sold without being listed has defaults.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Product {
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// The stock it opens with; counts only before its first movement.
    pub opening_units: i64,
    /// What was on order elsewhere before we began; counts only before its first movement.
    #[serde(default)]
    pub on_order: i64,
    /// Reorder at this position at the latest, whatever the demand.
    pub reorder_level: i64,
    /// The price that adjustments start from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list_price: Option<Decimal>,
    /// Is not reordered any more.
    #[serde(default)]
    pub discontinued: bool,
}

/// A delivery, on `receipts` under the product's code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The order that it fulfils: [`Suggestion::order`].
    pub order: String,
    /// How many units came.
    pub units: i64,
}

/// An order that is on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenOrder {
    /// Its name: the product's code and a number.
    pub order: String,
    /// How many units.
    pub units: i64,
}

/// A product's stock, on `stock-levels` under its code and in the store `stock`.
///
/// `on_hand` = `opening` + `received` - `sold` + `returned` + `adjusted`; `position` = `on_hand` + `on_order`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Stock {
    /// What it began with.
    pub opening: i64,
    /// Units delivered since.
    pub received: i64,
    /// Units sold.
    pub sold: i64,
    /// Units that came back.
    pub returned: i64,
    /// Units found, less those written off.
    pub adjusted: i64,
    /// Units on the shelf; negative when more were sold than there were.
    pub on_hand: i64,
    /// Units on order.
    pub on_order: i64,
    /// Units on the shelf and on order.
    pub position: i64,
    /// Reorder when the position is not above this.
    pub reorder_point: i64,
    /// Units sold a day, on average of the days that are over.
    pub mean_daily: f64,
    /// For how many days the shelf lasts; none without demand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cover_days: Option<f64>,
    /// How many orders were suggested so far.
    pub orders: u64,
    /// The suggestion that is not fulfilled yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_order: Option<OpenOrder>,
    /// What the product cost first: price adjustments start from here.
    pub list_price: Decimal,
    /// The last row taken in.
    pub last_row: Mark,
}

/// A suggestion to reorder, on `reorder-suggestions` under the product's code; a tombstone when it is fulfilled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Suggestion {
    /// The order's name.
    pub order: String,
    /// How many units.
    pub units: i64,
    /// Why: the position that was not above the reorder point.
    pub position: i64,
    /// What is on the shelf.
    pub on_hand: i64,
    /// What was on order before this suggestion.
    pub on_order: i64,
    /// The reorder point.
    pub reorder_point: i64,
    /// Units sold a day.
    pub mean_daily: f64,
    /// When, for readers.
    pub at: String,
}

/// A product's price, on `prices` under its code and in the store `prices`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Price {
    /// The price that adjustments start from.
    pub list_price: Decimal,
    /// The price now.
    pub price: Decimal,
    /// Steps below the list price; -1 is above it.
    pub step: i8,
    /// How often it changed.
    pub changes: u64,
    /// When it changed last, in milliseconds since 1970.
    pub changed_at: i64,
}

/// A change of a price, on `price-changes` under the product's code.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PriceChange {
    /// The number of the change: with the product it names the change.
    pub change: u64,
    /// The price before.
    pub old: Decimal,
    /// The price from now on.
    pub new: Decimal,
    /// Why.
    pub reason: String,
    /// For how many days the shelf lasts.
    pub cover_days: f64,
    /// When, for readers.
    pub at: String,
}

/// An invoice's sums, on `invoices` under its number.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Invoice {
    /// Lines.
    pub lines: u64,
    /// Units, less those that came back.
    pub units: i64,
    /// Units times their price.
    pub amount: Decimal,
    /// The last row taken in.
    pub last_row: Mark,
}

/// What a line adds to the totals of its country, on the repartition topic `totals`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Amount {
    /// The row of the line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<u64>,
    /// Units.
    pub units: i64,
    /// Units times their price.
    pub amount: Decimal,
}

/// A country's sums over all lines, on `totals` under its name.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Total {
    /// Lines.
    pub rows: u64,
    /// Units, less those that came back or were written off.
    pub units_net: i64,
    /// Units times their price.
    pub revenue_net: Decimal,
    /// The last row taken in.
    pub last_row: Mark,
}

/// A product's demand on one day, on `demand-daily` under `code@day`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Demand {
    /// The product.
    pub code: String,
    /// The day.
    pub day: String,
    /// Units sold, less those that came back the same day.
    pub units: i64,
    /// Lines.
    pub lines: u64,
}

json_serde!(
    SaleLine,
    UnreadableRow,
    DeadLetter,
    Movement,
    Product,
    Receipt,
    Stock,
    Suggestion,
    Price,
    PriceChange,
    Invoice,
    Amount,
    Total,
    Demand,
);

#[cfg(test)]
mod tests {
    use super::*;
    use streams_core::serde::DefaultSerde;

    #[test]
    fn a_line_is_readable_and_its_money_exact() {
        let text = br#"{"row":7,"invoice":"536365","code":"85123A","quantity":6,"unit_price":"0.10"}"#;
        let line = SaleLine::default_serde().deserialize(text).expect("is a line");
        assert_eq!(line.unit_price * Decimal::from(3), Decimal::new(30, 2));
        let mut bytes = Vec::new();
        SaleLine::default_serde().serialize(&line, &mut bytes).expect("is written");
        assert_eq!(std::str::from_utf8(&bytes), std::str::from_utf8(text));
    }

    #[test]
    fn a_mark_takes_each_number_once_and_what_has_none_always() {
        let mut mark = Mark::default();
        let taken: Vec<bool> =
            [Some(1), Some(1), None, Some(3), Some(2), None, Some(4)].into_iter().map(|row| mark.pass(row)).collect();
        assert_eq!(taken, [true, false, true, true, false, true, true]);
    }
}
