//! Whatever comes, and however often: nothing is lost and nothing invented.

use std::collections::BTreeMap;

use proptest::prelude::*;
use streams_examples::retail::model::{SaleLine, Total};
use streams_examples::retail::rules::Rules;
use streams_examples::retail::topology::TOTALS;

use super::harness::{noon, Shop};

/// What happens next: a line, a delivery of the order that is open, or a crash that brings the last lines again.
#[derive(Debug, Clone)]
enum Event {
    Line { product: usize, quantity: i64, price: u32, is_cancellation: bool },
    Delivery { product: usize },
    Again { lines: usize },
}

const CODES: [&str; 4] = ["22423", "85123A", "85123a", "POST"];

fn event() -> impl Strategy<Value = Event> {
    let line = (0..CODES.len(), -400..400_i64, 0..3_u32, any::<bool>());
    let line = line.prop_filter_map("a quantity of 0 is no line", |(product, quantity, price, is_cancellation)| {
        (quantity != 0).then_some(Event::Line { product, quantity, price, is_cancellation })
    });
    prop_oneof![
        8 => line,
        2 => (0..2_usize).prop_map(|product| Event::Delivery { product }),
        1 => (1..8_usize).prop_map(|lines| Event::Again { lines }),
    ]
}

/// Sold less returned less adjusted units, by product: the lines added up by hand.
fn gone(lines: &[SaleLine]) -> BTreeMap<String, i64> {
    let mut gone = BTreeMap::new();
    for line in lines.iter().filter(|line| line.code != "POST") {
        let is_adjustment = line.unit_price.is_zero() || (line.quantity < 0 && !line.invoice.starts_with('C'));
        let units = if is_adjustment { -line.quantity } else { line.quantity };
        *gone.entry(line.code.to_uppercase()).or_insert(0) += units;
    }
    gone
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn stock_is_conserved(events in proptest::collection::vec(event(), 1..60)) {
        let rules = Rules::default();
        let shop = Shop::new(&rules).expect("is built");
        let mut lines: Vec<SaleLine> = Vec::new();
        let mut stock = BTreeMap::new();
        for (at, event) in (0_i64..).zip(&events) {
            let time = noon(1 + at / 4);
            match event {
                Event::Line { product, quantity, price, is_cancellation } => {
                    let invoice = if *is_cancellation { "C1" } else { "1" };
                    let line = shop.line(invoice, CODES[*product], *quantity, &price.to_string());
                    shop.pipe(time, &line).expect("is processed");
                    lines.push(line);
                }
                Event::Delivery { product } => {
                    let code = CODES[*product];
                    let known: Option<&streams_examples::retail::model::Stock> = stock.get(code);
                    if let Some(order) = known.and_then(|stock| stock.open_order.clone()) {
                        // It comes twice.
                        for _ in 0..2 {
                            shop.deliver(time, code, &order.order, order.units).expect("is processed");
                        }
                    }
                }
                Event::Again { lines: count } => {
                    for line in &lines[lines.len().saturating_sub(*count)..] {
                        shop.pipe(time, line).expect("is processed");
                    }
                }
            }
            stock.extend(shop.stock().expect("is readable"));
        }
        for (code, gone) in gone(&lines) {
            let stock = &stock[&code];
            prop_assert!(stock.is_conserved(), "{code}: {stock:?}");
            prop_assert_eq!(stock.on_hand, rules.opening_units + stock.received - gone);
            prop_assert!(stock.on_order >= 0, "{}: {:?}", code, stock);
        }
        let totals = shop.output::<Total>(TOTALS).expect("is there").read_key_values_to_map().expect("is readable");
        let rows: u64 = totals.values().map(|total| total.rows).sum();
        prop_assert_eq!(rows, lines.len() as u64);
    }
}
