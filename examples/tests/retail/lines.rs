//! What lines do to stock, to sums and to the dead letters.

use rstest::rstest;
use streams_core::Result;
use streams_examples::retail::model::{Invoice, Stock, Total};
use streams_examples::retail::rules::Rules;
use streams_examples::retail::topology::{INVOICES, TOTALS};

use super::harness::{noon, Shop, CODE};

/// Sold, returned, adjusted and on hand, of 250 to begin with.
fn figures(stock: &Stock) -> (i64, i64, i64, i64) {
    assert!(stock.is_conserved(), "{stock:?}");
    (stock.sold, stock.returned, stock.adjusted, stock.on_hand)
}

#[rstest]
#[case::sale(&[("1", CODE, 6, "2.55")], (6, 0, 0, 244))]
#[case::return_of_a_part(&[("1", CODE, 6, "2.55"), ("C2", CODE, -2, "2.55")], (6, 2, 0, 246))]
#[case::cancellation(&[("1", CODE, 74_215, "1.04"), ("C2", CODE, -74_215, "1.04")], (74_215, 74_215, 0, 250))]
#[case::write_off(&[("1", CODE, -10, "0")], (0, 0, -10, 240))]
#[case::negative_and_no_cancellation(&[("1", CODE, -10, "1")], (0, 0, -10, 240))]
#[case::found_at_price_0(&[("1", CODE, 10, "0.0")], (0, 0, 10, 260))]
#[case::codes_that_differ_by_case(&[("1", "85123a", 6, "2.55"), ("1", "85123A", 1, "2.55")], (7, 0, 0, 243))]
fn lines_move_stock(#[case] lines: &[(&str, &str, i64, &str)], #[case] expected: (i64, i64, i64, i64)) -> Result<()> {
    let shop = Shop::new(&Rules::default())?;
    for (invoice, code, quantity, price) in lines {
        shop.pipe(noon(1), &shop.line(invoice, code, *quantity, price))?;
    }
    let stock = shop.stock()?;
    assert_eq!(stock.len(), 1, "{stock:?}");
    assert_eq!(figures(&stock[CODE]), expected);
    Ok(())
}

#[test]
fn what_is_no_merchandise_counts_as_money_only() -> Result<()> {
    let shop = Shop::new(&Rules::default())?;
    for (invoice, code, quantity, price) in
        [("1", "POST", 1, "18.00"), ("A5", "B", 1, "-11062.06"), ("C6", "D", -1, "27.50")]
    {
        shop.pipe(noon(1), &shop.line(invoice, code, quantity, price))?;
    }
    assert!(shop.stock()?.is_empty());
    assert!(shop.dead_letters()?.is_empty());
    let total = &shop.output::<Total>(TOTALS)?.read_key_values_to_map()?["France"];
    assert_eq!((total.rows, total.units_net, total.revenue_net.to_string()), (3, 1, "-11071.56".to_owned()));
    Ok(())
}

#[test]
fn invoices_and_totals_are_exact() -> Result<()> {
    let shop = Shop::new(&Rules::default())?;
    for (invoice, price) in [("1", "0.001"), ("1", "0.10"), ("2", "0.20")] {
        shop.pipe(noon(1), &shop.line(invoice, CODE, 3, price))?;
    }
    let invoices = shop.output::<Invoice>(INVOICES)?.read_key_values_to_map()?;
    let sums: Vec<_> =
        invoices.iter().map(|(key, sum)| format!("{key}: {} {} {}", sum.lines, sum.units, sum.amount)).collect();
    assert_eq!(sums, ["1: 2 6 0.303", "2: 1 3 0.60"]);
    let total = &shop.output::<Total>(TOTALS)?.read_key_values_to_map()?["France"];
    assert_eq!(total.revenue_net.to_string(), "0.903");
    Ok(())
}

#[test]
fn bad_records_become_dead_letters_and_nothing_else() -> Result<()> {
    let shop = Shop::new(&Rules::default())?;
    let row = br#"{"row":3,"unreadable":"quantity `x` is no whole number","text":"1,85123A,,x,,,,"}"#;
    shop.pipe_bytes(None, row)?;
    shop.pipe_bytes(Some(b"1"), b"{\"invoice\":")?;
    shop.pipe_bytes(None, br#"{"invoice":"1","code":"85123A","quantity":1,"unit_price":"1"}"#)?;
    shop.pipe(noon(1), &shop.line("1", CODE, 0, "1"))?;
    let reasons: Vec<_> =
        shop.dead_letters()?.into_iter().map(|letter| format!("{:?}: {}", letter.row, letter.reason)).collect();
    let expected = [
        "Some(3): quantity `x` is no whole number",
        "None: is no sale line: EOF while parsing a value at line 1 column 11",
        "None: the record has no key: the key is the invoice's number",
        "Some(1): the quantity is 0",
    ];
    assert_eq!(reasons, expected);
    assert!(shop.stock()?.is_empty());
    assert!(shop.output::<Total>(TOTALS)?.is_empty());
    Ok(())
}

#[test]
fn late_lines_count_for_stock_and_within_the_grace_for_demand() -> Result<()> {
    let shop = Shop::new(&Rules::default())?;
    for (day, units) in [(3, 1), (2, 5), (4, 2), (5, 3), (2, 7)] {
        shop.sell(day, units)?;
    }
    let demand: Vec<_> = shop.demand()?.into_iter().collect();
    let expected =
        [("85123A@2011-01-02", 5), ("85123A@2011-01-03", 1), ("85123A@2011-01-04", 2), ("85123A@2011-01-05", 3)];
    assert_eq!(demand, expected.map(|(key, units)| (key.to_owned(), units)));
    assert_eq!(shop.stock_of(CODE)?.sold, 18);
    assert_eq!(shop.driver.dropped_records(), 1, "the last line is later than two days");
    Ok(())
}
