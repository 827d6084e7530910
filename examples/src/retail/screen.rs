//! The demo's picture: text from what is known, with no terminal in sight.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;

use rust_decimal::Decimal;
use streams_core::client::consumer::ConsumerRecord;
use streams_core::{Offset, Result};

use super::generator::name_of;
use super::model::{Price, PriceChange, Stock, Suggestion, Total};
use super::topology::{DEAD_LETTERS, PRICES, PRICE_CHANGES, REORDER_SUGGESTIONS, STOCK_LEVELS, TOTALS};
use super::view::decode;

/// The topics that the picture is made of.
pub const TOPICS: [&str; 6] = [STOCK_LEVELS, REORDER_SUGGESTIONS, PRICES, PRICE_CHANGES, TOTALS, DEAD_LETTERS];
const STOCK_ROWS_MAX: usize = 16;
const EVENTS_MAX: usize = 8;
const NAME_CHARS_MAX: usize = 32;
/// What a page has beside heading, table rows and events: three empty lines, the table's head, the sums, and the line where
/// the cursor rests.
const LINES_BETWEEN: usize = 7;
/// A table is as wide as a terminal of 80 columns.
const PRODUCT_CHARS_MAX: usize = 23;

/// What the pipeline has told so far.
#[derive(Debug, Default)]
pub struct Picture {
    stock: BTreeMap<String, Stock>,
    orders: BTreeMap<String, Suggestion>,
    prices: BTreeMap<String, Decimal>,
    totals: BTreeMap<String, Total>,
    dead_letters: BTreeSet<Offset>,
    events: VecDeque<String>,
    fresh: Vec<String>,
}

impl Picture {
    /// Takes a record of one of [`TOPICS`].
    ///
    /// # Errors
    /// When it is not what the pipeline writes.
    pub fn take(&mut self, record: &ConsumerRecord) -> Result<()> {
        let topic = &*record.partition.topic;
        let key = String::from_utf8_lossy(record.key.as_deref().unwrap_or_default()).into_owned();
        match (topic, &record.value) {
            (STOCK_LEVELS, Some(value)) => {
                self.stock.insert(key.clone(), decode(topic, &key, value)?);
            }
            (PRICES, Some(value)) => {
                let price: Price = decode(topic, &key, value)?;
                self.prices.insert(key, price.price);
            }
            (TOTALS, Some(value)) => {
                self.totals.insert(key.clone(), decode(topic, &key, value)?);
            }
            (REORDER_SUGGESTIONS, Some(value)) => {
                let order: Suggestion = decode(topic, &key, value)?;
                let is_new = self.orders.get(&key).is_none_or(|known| known.order != order.order);
                if is_new {
                    self.event(format!(
                        "{}  reorder  {} x {}: position {} is not above {}",
                        order.at,
                        order.units,
                        label(&key),
                        order.position,
                        order.reorder_point
                    ));
                }
                self.orders.insert(key, order);
            }
            (REORDER_SUGGESTIONS, None) => {
                if let Some(order) = self.orders.remove(&key) {
                    self.event(format!("{:19}  arrived  {} x {}", "", order.units, label(&key)));
                }
            }
            (PRICE_CHANGES, Some(value)) => {
                let change: PriceChange = decode(topic, &key, value)?;
                let PriceChange { at, old, new, reason, .. } = change;
                self.event(format!("{at}  price    {old} -> {new} for {}: {reason}", label(&key)));
            }
            (DEAD_LETTERS, _) => {
                self.dead_letters.insert(record.offset);
            }
            _ => {}
        }
        Ok(())
    }

    fn event(&mut self, text: String) {
        if self.events.len() == EVENTS_MAX {
            self.events.pop_front();
        }
        self.events.push_back(text.clone());
        // Whoever draws tables never takes these.
        if self.fresh.len() < 10 * EVENTS_MAX {
            self.fresh.push(text);
        }
    }

    /// What happened since the last call.
    pub fn take_events(&mut self) -> Vec<String> {
        std::mem::take(&mut self.fresh)
    }

    /// One line of sums.
    pub fn status(&self) -> String {
        let rows: u64 = self.totals.values().map(|total| total.rows).sum();
        let units: i64 = self.totals.values().map(|total| total.units_net).sum();
        let revenue: Decimal = self.totals.values().map(|total| total.revenue_net).sum();
        let out_of_stock = self.stock.values().filter(|stock| stock.on_hand <= 0).count();
        format!(
            "{rows} lines, {units} units, revenue {revenue:.2}, {} products, {out_of_stock} out of stock, \
             {} orders open, {} prices moved, {} bad records",
            self.stock.len(),
            self.orders.len(),
            self.prices.len(),
            self.dead_letters.len()
        )
    }

    /// The table of stock, most urgent first.
    pub fn table(&self) -> String {
        self.table_of(STOCK_ROWS_MAX)
    }

    fn table_of(&self, rows_max: usize) -> String {
        let mut text = format!(
            "{:<PRODUCT_CHARS_MAX$} {:>7} {:>8} {:>8} {:>7} {:>7} {:>6} {:>7}\n",
            "product", "on hand", "on order", "position", "reorder", "per day", "days", "price"
        );
        let mut rows: Vec<(&String, &Stock)> = self.stock.iter().collect();
        let cover = |stock: &Stock| stock.cover_days.unwrap_or(f64::MAX);
        rows.sort_by(|a, b| cover(a.1).total_cmp(&cover(b.1)).then_with(|| a.0.cmp(b.0)));
        for (code, stock) in rows.into_iter().take(rows_max) {
            let price = self.prices.get(code).unwrap_or(&stock.list_price);
            let cover = stock.cover_days.map_or_else(|| "-".to_owned(), |days| format!("{days:.1}"));
            let _ = writeln!(
                text,
                "{:<PRODUCT_CHARS_MAX$.PRODUCT_CHARS_MAX$} {:>7} {:>8} {:>8} {:>7} {:>7.1} {cover:>6} {price:>7.2}",
                label(code),
                stock.on_hand,
                stock.on_order,
                stock.position,
                stock.reorder_point,
                stock.mean_daily
            );
        }
        text
    }

    /// Table, events and sums, in no more lines than the terminal has: as much of table and events as there is room for.
    pub fn page(&self, heading: &str, lines_max: usize) -> String {
        let room = lines_max.saturating_sub(heading.lines().count() + LINES_BETWEEN);
        let events = (room / 3).min(EVENTS_MAX);
        let mut text = format!("{heading}\n\n{}\n", self.table_of((room - events).min(STOCK_ROWS_MAX)));
        for event in self.events.iter().skip(self.events.len().saturating_sub(events)) {
            let _ = writeln!(text, "{event}");
        }
        let _ = writeln!(text, "\n{}", self.status().replacen("stock, ", "stock,\n", 1));
        text
    }
}

/// A product's code and its name.
fn label(code: &str) -> String {
    let name: String = name_of(code).unwrap_or("").chars().take(NAME_CHARS_MAX).collect();
    format!("{code:<8} {name}").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use streams_core::{Headers, Timestamp, TopicPartition};

    fn record(topic: &str, key: &str, value: Option<&str>) -> ConsumerRecord {
        ConsumerRecord {
            partition: TopicPartition::new(topic, 0),
            offset: Offset(0),
            timestamp: Timestamp(0),
            key: Some(Bytes::copy_from_slice(key.as_bytes())),
            value: value.map(|value| Bytes::copy_from_slice(value.as_bytes())),
            headers: Headers::new(),
        }
    }

    #[test]
    fn a_page_is_no_longer_than_the_terminal() -> Result<()> {
        let mut picture = Picture::default();
        for code in 10..40 {
            let order = format!(
                r#"{{"order":"{code}-1","units":1,"position":3,"on_hand":3,"on_order":0,"reorder_point":12,"mean_daily":1.5,"at":""}}"#
            );
            picture.take(&record(REORDER_SUGGESTIONS, &code.to_string(), Some(&order)))?;
            let stock = Stock { cover_days: Some(f64::from(code)), ..Stock::default() };
            picture.take(&record(
                STOCK_LEVELS,
                &code.to_string(),
                Some(&serde_json::to_string(&stock).expect("is JSON")),
            ))?;
        }
        let lines = |lines_max| picture.page("one\ntwo", lines_max).lines().count();
        assert_eq!((lines(24), lines(10)), (23, 9));
        assert_eq!(lines(100), 2 + LINES_BETWEEN - 1 + STOCK_ROWS_MAX + EVENTS_MAX, "no longer than it is useful");
        let page = picture.page("one\ntwo", 24);
        assert!(
            page.contains("\n10 ") && page.contains("39: position"),
            "the most urgent product, the last event: {page}"
        );
        Ok(())
    }

    #[test]
    fn an_order_is_told_once_and_its_arrival_too() -> Result<()> {
        let mut picture = Picture::default();
        let order = r#"{"order":"22423-1","units":24,"position":3,"on_hand":3,"on_order":0,"reorder_point":12,"mean_daily":1.5,"at":"2026-01-01 00:10:00"}"#;
        for value in [Some(order), Some(order), None, None] {
            picture.take(&record(REORDER_SUGGESTIONS, "22423", value))?;
        }
        let expected = [
            "2026-01-01 00:10:00  reorder  24 x 22423    REGENCY CAKESTAND 3 TIER: position 3 is not above 12",
            "                     arrived  24 x 22423    REGENCY CAKESTAND 3 TIER",
        ];
        assert_eq!(picture.take_events(), expected);
        assert_eq!(picture.take_events(), [""; 0]);
        Ok(())
    }

    #[test]
    fn a_record_that_is_something_else_is_named() {
        let error = Picture::default().take(&record(TOTALS, "France", Some("[]"))).expect_err("is no total");
        assert!(error.to_string().contains("`France` on topic totals"), "{error}");
    }
}
