//! Reorder suggestions: by position, one at a time, cleared when they are fulfilled.

use streams_core::Result;
use streams_examples::retail::model::Product;
use streams_examples::retail::rules::Rules;

use super::data;
use super::harness::{noon, Shop, CODE};

fn product(opening_units: i64, on_order: i64, reorder_level: i64) -> Product {
    Product { opening_units, on_order, reorder_level, ..Product::default() }
}

#[test]
fn position_and_not_stock_drives_reordering() -> Result<()> {
    let shop = Shop::new(&Rules::default())?;
    // Figures of the Northwind data: stock, on order, reorder level. All four have too little on the shelf.
    for (name, stock, on_order, level) in [
        ("Chang", 17, 40, 25),
        ("Aniseed Syrup", 13, 70, 25),
        ("Nord-Ost Matjeshering", 10, 0, 15),
        ("Outback Lager", 15, 10, 30),
    ] {
        shop.list(name, product(stock, on_order, level))?;
    }
    let expected = ["Nord-Ost Matjeshering-1 of 24: 10 <= 15", "Outback Lager-1 of 36: 25 <= 30"];
    assert_eq!(shop.suggestions()?, expected);
    Ok(())
}

#[test]
fn of_all_northwind_products_two_are_reordered() -> Result<()> {
    let Some(products) = data::northwind() else { return Ok(()) };
    let low = products.iter().filter(|product| !product.discontinued && product.opening_units <= product.reorder_level);
    assert_eq!(low.count(), 18);
    let shop = Shop::new(&Rules::default())?;
    for product in products {
        shop.list(&product.name.clone(), product)?;
    }
    let suggestions = shop.suggestions()?;
    let names: Vec<_> = suggestions.iter().filter_map(|text| text.split_once("-1 of ")).map(|(name, _)| name).collect();
    assert_eq!(names, ["Nord-Ost Matjeshering", "Outback Lager"], "{suggestions:?}");
    Ok(())
}

#[test]
fn a_suggestion_is_made_once_and_cleared_by_its_receipt() -> Result<()> {
    let shop = Shop::new(&Rules::default())?;
    shop.sell(1, 237)?;
    assert_eq!(shop.suggestions()?, [""; 0], "13 are left, and 12 is the level");
    shop.sell(1, 1)?;
    assert_eq!(shop.suggestions()?, ["85123A-1 of 12: 12 <= 12"]);
    shop.sell(1, 12)?;
    assert_eq!(shop.suggestions()?, [""; 0], "one order is open: {:?}", shop.stock());

    shop.deliver(noon(1), CODE, "85123A-2", 12)?;
    assert_eq!(shop.suggestions()?, ["85123A-1 of 12: 0 <= 12"], "there is no such order, only the open one");
    shop.deliver(noon(1), CODE, "85123A-1", 12)?;
    assert_eq!(shop.suggestions()?, ["85123A is cleared", "85123A-2 of 12: 12 <= 12"]);
    let stock = shop.stock_of(CODE)?;
    assert_eq!((stock.received, stock.on_hand, stock.on_order, stock.orders), (12, 12, 12, 2));

    shop.deliver(noon(1), CODE, "85123A-1", 12)?;
    assert_eq!(shop.stock_of(CODE)?.received, 12, "a receipt that comes again is not stock again");
    Ok(())
}

#[test]
fn a_delivery_may_be_short_or_long() -> Result<()> {
    let shop = Shop::new(&Rules::default())?;
    shop.sell(1, 250)?;
    shop.deliver(noon(1), CODE, "85123A-1", 5)?;
    let stock = shop.stock_of(CODE)?;
    assert!(stock.is_conserved(), "{stock:?}");
    assert_eq!((stock.on_hand, stock.on_order), (5, 24), "what is missing is ordered again");
    assert_eq!(shop.suggestions()?.last().map(String::as_str), Some("85123A-2 of 24: 5 <= 12"));
    Ok(())
}

#[test]
fn a_huge_order_that_is_cancelled_neither_orders_nor_forecasts_much() -> Result<()> {
    let shop = Shop::new(&Rules::default())?;
    for day in 1..=10 {
        shop.sell(day, 2)?;
    }
    shop.sell(11, 74_215)?;
    shop.pipe(noon(11), &shop.line("C541431", CODE, -74_215, "1.04"))?;
    for day in 11..=14 {
        shop.sell(day, 2)?;
    }
    let suggestions = shop.suggestions()?;
    assert_eq!(suggestions, ["85123A-1 of 48: -73985 <= 14"]);
    let stock = shop.stock_of(CODE)?;
    assert_eq!((stock.mean_daily, stock.reorder_point), (2.0, 14), "{stock:?}");
    Ok(())
}

#[test]
fn demand_raises_the_reorder_point() -> Result<()> {
    let shop = Shop::new(&Rules::default())?;
    for day in 1..=10 {
        shop.sell(day, 10)?;
    }
    assert_eq!(shop.stock_of(CODE)?.reorder_point, 70, "seven days of ten");
    for day in 11..=18 {
        shop.sell(day, 10)?;
    }
    assert_eq!(shop.suggestions()?, ["85123A-1 of 144: 70 <= 70"], "210 less 70, in dozens");
    Ok(())
}

#[test]
fn what_is_discontinued_is_not_reordered() -> Result<()> {
    let shop = Shop::new(&Rules::default())?;
    shop.list(CODE, Product { discontinued: true, ..product(3, 0, 10) })?;
    shop.sell(1, 5)?;
    assert_eq!(shop.suggestions()?, [""; 0]);
    assert_eq!(shop.stock_of(CODE)?.on_hand, -2);
    Ok(())
}
