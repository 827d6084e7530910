//! Price adjustments: from cover, with hysteresis and a cooldown.

use streams_core::Result;
use streams_examples::retail::model::Product;
use streams_examples::retail::rules::Rules;

use super::harness::{Shop, CODE};

/// Sells so many units a day, from one day to before another.
fn sell_daily(shop: &Shop, days: std::ops::Range<i64>, units: i64) -> Result<()> {
    days.into_iter().try_for_each(|day| shop.sell(day, units))
}

fn texts(shop: &Shop) -> Result<Vec<String>> {
    let text = |change: streams_examples::retail::model::PriceChange| {
        format!("{} {} -> {}: {}", change.at, change.old, change.new, change.reason)
    };
    Ok(shop.price_changes()?.into_iter().map(text).collect())
}

#[test]
fn slow_movers_go_down_a_step_per_cooldown() -> Result<()> {
    let shop = Shop::new(&Rules::default())?;
    sell_daily(&shop, 1..24, 1)?;
    let expected = [
        "2011-01-15 12:00:00 2.95 -> 2.66: 235.0 days of cover are above 56",
        "2011-01-22 12:00:00 2.66 -> 2.36: 228.0 days of cover are above 56",
    ];
    assert_eq!(texts(&shop)?, expected);
    Ok(())
}

#[test]
fn what_runs_out_goes_up_and_comes_back_at_another_cover() -> Result<()> {
    // Nothing is reordered, so that the cover is what the sales make it.
    let shop = Shop::new(&Rules::default())?;
    let listing = Product { opening_units: 210, reorder_level: 0, discontinued: true, ..Product::default() };
    shop.list(CODE, listing)?;
    sell_daily(&shop, 1..16, 10)?;
    assert_eq!(texts(&shop)?, ["2011-01-15 12:00:00 2.95 -> 3.10: 6.0 days of cover are below 7"]);
    // Ten days of cover are enough not to go up, and not enough to come back.
    for (day, found, expected) in
        [(23, 8, &[][..]), (24, 200, &["2011-01-24 12:00:00 3.10 -> 2.95: 41.1 days of cover are above 14 again"][..])]
    {
        shop.pipe(super::harness::noon(day), &shop.line("1", CODE, found, "0"))?;
        assert_eq!(texts(&shop)?, expected, "day {day}");
    }
    Ok(())
}

#[test]
fn a_price_needs_a_forecast_of_two_weeks() -> Result<()> {
    let shop = Shop::new(&Rules::default())?;
    sell_daily(&shop, 1..15, 1)?;
    assert_eq!(texts(&shop)?, [""; 0]);
    Ok(())
}
