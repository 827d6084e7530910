//! The pipeline in a test driver, with a till to sell from.

use std::cell::Cell;
use std::collections::BTreeMap;

use streams_core::testing::{TestInputTopic, TestOutputTopic, TopologyTestDriver};
use streams_core::time::Timestamp;
use streams_core::Result;
use streams_examples::retail::calendar::{parse_date_time, DAY_MS};
use streams_examples::retail::model::{DeadLetter, Demand, PriceChange, Product, Receipt, SaleLine, Stock, Suggestion};
use streams_examples::retail::rules::Rules;
use streams_examples::retail::topology::{
    topology, DEAD_LETTERS, DEMAND_DAILY, PRICE_CHANGES, PRODUCTS, RECEIPTS, REORDER_SUGGESTIONS, SALES, STOCK_LEVELS,
};

/// The product that most tests sell.
pub(super) const CODE: &str = "85123A";

pub(super) struct Shop {
    pub(super) driver: TopologyTestDriver,
    sales: TestInputTopic<Option<String>, Vec<u8>>,
    receipts: TestInputTopic<String, Receipt>,
    products: TestInputTopic<String, Product>,
    next_row: Cell<u64>,
}

impl Shop {
    pub(super) fn new(rules: &Rules) -> Result<Self> {
        let driver = TopologyTestDriver::new(topology(rules)?)?;
        Ok(Self {
            sales: driver.input(SALES)?,
            receipts: driver.input(RECEIPTS)?,
            products: driver.input(PRODUCTS)?,
            next_row: Cell::new(1),
            driver,
        })
    }

    /// A line under the next row's number.
    pub(super) fn line(&self, invoice: &str, code: &str, quantity: i64, price: &str) -> SaleLine {
        SaleLine {
            row: Some(self.next_row.replace(self.next_row.get() + 1)),
            invoice: invoice.to_owned(),
            code: code.to_owned(),
            description: None,
            quantity,
            unit_price: price.parse().expect("is decimal"),
            customer: None,
            country: Some("France".to_owned()),
            at: None,
        }
    }

    /// Puts a line on `sales`, as often as it is called.
    pub(super) fn pipe(&self, at: Timestamp, line: &SaleLine) -> Result<()> {
        let value = serde_json::to_vec(line).expect("is JSON");
        self.sales.pipe_at(at, Some(line.invoice.clone()), value)
    }

    pub(super) fn pipe_bytes(&self, key: Option<&[u8]>, value: &[u8]) -> Result<()> {
        self.sales.pipe_bytes_at(Timestamp(0), key, Some(value))
    }

    /// Sells units of [`CODE`] for 2.95 each on a day counted from 1.
    pub(super) fn sell(&self, day: i64, units: i64) -> Result<()> {
        self.pipe(noon(day), &self.line("1", CODE, units, "2.95"))
    }

    pub(super) fn deliver(&self, at: Timestamp, code: &str, order: &str, units: i64) -> Result<()> {
        self.receipts.pipe_at(at, code, Receipt { order: order.to_owned(), units })
    }

    pub(super) fn list(&self, code: &str, product: Product) -> Result<()> {
        self.products.pipe_at(noon(1), code, product)
    }

    /// The stock of all products, by what the topic says last.
    pub(super) fn stock(&self) -> Result<BTreeMap<String, Stock>> {
        self.output(STOCK_LEVELS)?.read_key_values_to_map()
    }

    pub(super) fn stock_of(&self, code: &str) -> Result<Stock> {
        Ok(self.stock()?.remove(code).unwrap_or_else(|| panic!("{code} has no stock")))
    }

    /// Suggestions and tombstones since the last call, as short text.
    pub(super) fn suggestions(&self) -> Result<Vec<String>> {
        let suggestions = self.output::<Option<Suggestion>>(REORDER_SUGGESTIONS)?.read_key_values_to_list()?;
        let short = |(code, suggestion): (String, Option<Suggestion>)| match suggestion {
            Some(suggestion) => format!(
                "{} of {}: {} <= {}",
                suggestion.order, suggestion.units, suggestion.position, suggestion.reorder_point
            ),
            None => format!("{code} is cleared"),
        };
        Ok(suggestions.into_iter().map(short).collect())
    }

    pub(super) fn price_changes(&self) -> Result<Vec<PriceChange>> {
        Ok(self.output(PRICE_CHANGES)?.read_key_values_to_list()?.into_iter().map(|(_, change)| change).collect())
    }

    pub(super) fn dead_letters(&self) -> Result<Vec<DeadLetter>> {
        let letters = self.driver.output::<Option<String>, DeadLetter>(DEAD_LETTERS)?.read_key_values_to_list()?;
        Ok(letters.into_iter().map(|(_, letter)| letter).collect())
    }

    pub(super) fn demand(&self) -> Result<BTreeMap<String, i64>> {
        let demand = self.output::<Demand>(DEMAND_DAILY)?.read_key_values_to_map()?;
        Ok(demand.into_iter().map(|(key, demand)| (key, demand.units)).collect())
    }

    pub(super) fn output<V: streams_core::serde::DefaultSerde>(
        &self,
        topic: &str,
    ) -> Result<TestOutputTopic<String, V>> {
        self.driver.output(topic)
    }
}

/// Noon of a day of 2011, counted from 1.
pub(super) fn noon(day: i64) -> Timestamp {
    let first = parse_date_time("2011-01-01 12:00:00").expect("is a time");
    Timestamp(first.0 + (day - 1) * DAY_MS)
}
