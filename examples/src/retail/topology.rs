//! The pipeline, drawn in the [parent module](super).

use std::collections::BTreeMap;

use streams_core::state::StoreSerdes;
use streams_dsl::prelude::*;

use super::calendar;
use super::demand::{DayDemand, DayUnits, History};
use super::lines::{self, Checked};
use super::model::{
    Demand, Invoice, Movement, MovementKind, Price, Product, Receipt, SaleLine, Stock, Suggestion, Total,
};
use super::pricing::PriceKeeper;
use super::rules::Rules;
use super::stock::{InformedMovement, Policy, StockEvent, StockKeeper, UNITS_MAX};

/// What the shop sells, line by line. One partition, because the order of its lines counts.
pub const SALES: &str = "sales";
/// Records of [`SALES`] that are no good lines.
pub const DEAD_LETTERS: &str = "sales.dlq";
/// Master data by product.
pub const PRODUCTS: &str = "products";
/// Deliveries by product.
pub const RECEIPTS: &str = "receipts";
/// Stock by product.
pub const STOCK_LEVELS: &str = "stock-levels";
/// Open orders by product.
pub const REORDER_SUGGESTIONS: &str = "reorder-suggestions";
/// Prices by product.
pub const PRICES: &str = "prices";
/// What moved prices.
pub const PRICE_CHANGES: &str = "price-changes";
/// Demand by product and day.
pub const DEMAND_DAILY: &str = "demand-daily";
/// Sums by invoice.
pub const INVOICES: &str = "invoices";
/// Sums by country.
pub const TOTALS: &str = "totals";

/// Partitions of all topics with products as keys.
pub const PRODUCT_PARTITIONS: u32 = 2;

/// The pipeline under a shop's rules.
///
/// # Errors
/// None, unless the rules of building a topology change.
pub fn topology(rules: &Rules) -> Result<Topology> {
    let builder = StreamsBuilder::new();
    let lines = good_lines(&builder);
    invoices_and_totals(&lines);

    let moves = lines
        .filter(|_, line| lines::is_merchandise(line))
        .map(|_, line| lines::movement(line))
        .repartition_with(Repartitioned::named("stock-moves").partitions(PRODUCT_PARTITIONS));
    let history = demand(&moves);

    let products = builder.table::<String, Product>(PRODUCTS);
    let policies = history.outer_join(&products, |history, product| Policy {
        history: history.cloned().unwrap_or_default(),
        product: product.cloned(),
    });
    let receipts = builder
        .stream::<String, Receipt>(RECEIPTS)
        .filter(|_, receipt| (1..=UNITS_MAX).contains(&receipt.units))
        .map_values(received);
    let listings = products.to_stream().drop_tombstones().map_values(listed);
    let informed = moves.merge(&receipts).merge(&listings).left_join_table(&policies, |movement, policy| {
        InformedMovement { movement: movement.clone(), policy: policy.cloned().unwrap_or_default() }
    });
    stock_and_prices(&builder, &informed, rules);
    builder.build()
}

fn good_lines(builder: &StreamsBuilder) -> KStream<Option<String>, SaleLine> {
    let checked = builder
        .stream::<Option<String>, Vec<u8>>(SALES)
        .map_values_with_key(|key, value| lines::check(key.as_deref(), value));
    let mut checked = checked.split();
    let good = checked.branch(|_, checked| matches!(checked, Checked::Line(_)));
    checked.default_branch().flat_map_values(Checked::dead_letter).to(DEAD_LETTERS);
    good.flat_map_values(Checked::line)
}

fn invoices_and_totals(lines: &KStream<Option<String>, SaleLine>) {
    lines
        .group_by_key()
        .aggregate_with(Materialized::named("invoices"), Invoice::default, |_, line, invoice| invoice.add(line))
        .to_stream()
        .to(INVOICES);
    lines
        .map(|_, line| lines::amount(line))
        .group_by_key_with(Grouped::named("totals"))
        .aggregate_with(Materialized::named("totals"), Total::default, |_, amount, total| total.add(amount))
        .to_stream()
        .to(TOTALS);
}

/// Demand by day, and the last days' demand by product.
fn demand(moves: &KStream<String, Movement>) -> KTable<String, History> {
    // The shop's time need not be the broker's: what is old there must not be deleted here.
    let kept = BTreeMap::from([("retention.ms".to_owned(), "-1".to_owned())]);
    let by_day = moves
        .filter(|_, movement| matches!(movement.kind, MovementKind::Sale | MovementKind::Return))
        .group_by_key()
        .windowed_by(TimeWindows::of_size_and_grace(days(1), days(2)))
        .aggregate_with(Materialized::named("demand").logging_enabled(kept), DayDemand::default, |_, movement, day| {
            day.add(movement);
        })
        .to_stream()
        .drop_tombstones();
    by_day
        .map(|window, demand| {
            let day = calendar::date(calendar::day_of(window.window.start));
            let key = format!("{}@{day}", window.key);
            (key, Demand { code: window.key.clone(), day, units: demand.units, lines: demand.lines })
        })
        .to(DEMAND_DAILY);
    by_day
        .map(|window, demand| {
            let day = calendar::day_of(window.window.start);
            (window.key.clone(), DayUnits { day, units: demand.units })
        })
        .group_by_key_with(Grouped::named("demand-days"))
        .aggregate_with(Materialized::named("demand-history"), History::default, |_, day, history| history.set(*day))
}

fn stock_and_prices(builder: &StreamsBuilder, informed: &KStream<String, InformedMovement>, rules: &Rules) {
    let stock = Stores::key_value::<String, Stock>("stock", StoreSerdes::default()).with_caching_enabled();
    let stock = builder.add_store(stock);
    let keeper_rules = rules.clone();
    let events = informed.process_with(&stock, move |stock| StockKeeper::new(stock, keeper_rules.clone()));
    events.flat_map_values(level).to(STOCK_LEVELS);
    events.flat_map_values(suggestion).to(REORDER_SUGGESTIONS);

    let prices = Stores::key_value::<String, Price>("prices", StoreSerdes::default()).with_caching_enabled();
    let prices = builder.add_store(prices);
    let keeper_rules = rules.clone();
    let changes = events.process_with(&prices, move |prices| PriceKeeper::new(prices, keeper_rules.clone()));
    changes.map_values(|event| event.price.clone()).to(PRICES);
    changes.flat_map_values(|event| event.change.clone()).to(PRICE_CHANGES);
}

fn level(event: &StockEvent) -> Option<Stock> {
    match event {
        StockEvent::Level { stock, .. } | StockEvent::Repeated(stock) => Some(stock.clone()),
        StockEvent::Suggested(_) | StockEvent::Fulfilled => None,
    }
}

/// The suggestion, or the tombstone that clears it.
fn suggestion(event: &StockEvent) -> Option<Option<Suggestion>> {
    match event {
        StockEvent::Suggested(suggestion) => Some(Some(suggestion.clone())),
        StockEvent::Fulfilled => Some(None),
        StockEvent::Level { .. } | StockEvent::Repeated(_) => None,
    }
}

fn received(receipt: &Receipt) -> Movement {
    let Receipt { order, units } = receipt;
    let (unit_price, order) = (Default::default(), Some(order.clone()));
    Movement { row: None, kind: MovementKind::Receipt, units: *units, unit_price, order }
}

fn listed(_: &Product) -> Movement {
    Movement { row: None, kind: MovementKind::Listing, units: 0, unit_price: Default::default(), order: None }
}
