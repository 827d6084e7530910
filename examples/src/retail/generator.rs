//! Made-up customers: the line with number `row` is a pure function of the seed and that number.
//!
//! So a shop that was closed goes on where its topic `sales` ends, and two shops of one seed sell the same. The shop's own
//! time moves by [`LINE_MS`] with each line: ten minutes, so that days pass in seconds and demand has something to say.

use rust_decimal::Decimal;
use streams_core::Timestamp;

use super::calendar;
use super::model::{SaleLine, UnreadableRow};

/// The shop's time between two lines.
pub const LINE_MS: i64 = 600_000;
/// The shop's time of row 0: 2026-01-01.
const START: Timestamp = Timestamp(1_767_225_600_000);
/// Lines of one invoice.
const LINES_PER_INVOICE: u64 = 4;

/// What the shop sells: code, name, price in cents, and how often it is asked for, relative to the rest.
const PRODUCTS: [(&str, &str, i64, u64); 16] = [
    ("85123A", "WHITE HANGING HEART T-LIGHT HOLDER", 295, 30),
    ("22423", "REGENCY CAKESTAND 3 TIER", 1_275, 14),
    ("85099B", "JUMBO BAG RED RETROSPOT", 195, 34),
    ("47566", "PARTY BUNTING", 495, 18),
    ("20725", "LUNCH BAG RED RETROSPOT", 165, 22),
    ("84879", "ASSORTED COLOUR BIRD ORNAMENT", 169, 20),
    ("22197", "SMALL POPCORN HOLDER", 85, 40),
    ("21212", "PACK OF 72 RETROSPOT CAKE CASES", 55, 26),
    ("22086", "PAPER CHAIN KIT 50'S CHRISTMAS", 295, 6),
    ("23084", "RABBIT NIGHT LIGHT", 208, 12),
    ("22720", "SET OF 3 CAKE TINS PANTRY DESIGN", 495, 8),
    ("22960", "JAM MAKING SET WITH JARS", 425, 4),
    ("23298", "SPOTTY BUNTING", 495, 3),
    ("22457", "NATURAL SLATE HEART CHALKBOARD", 295, 2),
    ("21931", "JUMBO STORAGE BAG SUKI", 208, 2),
    ("84946", "ANTIQUE SILVER T-LIGHT GLASS", 125, 1),
];
const COUNTRIES: [&str; 6] = ["United Kingdom", "United Kingdom", "United Kingdom", "Germany", "France", "EIRE"];

/// A line, or a row that a broken till wrote.
pub type Generated = Result<SaleLine, UnreadableRow>;

/// The shop's time of a row.
pub fn time_of(row: u64) -> Timestamp {
    let row = i64::try_from(row).unwrap_or(i64::MAX);
    Timestamp(START.0.saturating_add(row.saturating_mul(LINE_MS)))
}

/// The name of a product that the shop sells, for readers.
pub fn name_of(code: &str) -> Option<&'static str> {
    PRODUCTS.iter().find(|(known, ..)| *known == code).map(|(_, name, ..)| *name)
}

/// What happens at a row.
pub fn generate(seed: u64, row: u64) -> Generated {
    let mut random = Random(mix(seed ^ mix(row)));
    let (code, name, cents, _) = product(&mut random);
    let invoice = 600_000 + row / LINES_PER_INVOICE;
    let units = i64::try_from(1 + random.below(4) * random.below(4)).unwrap_or(1);
    let line = |invoice: String, quantity: i64, cents: i64| SaleLine {
        row: Some(row),
        invoice,
        code: code.to_owned(),
        description: Some(name.to_owned()),
        quantity,
        unit_price: Decimal::new(cents, 2),
        customer: Some((12_000 + mix(invoice_seed(seed, row)) % 6_000).to_string()),
        country: Some(country(seed, row).to_owned()),
        at: Some(calendar::date_time(time_of(row))),
    };
    let line = match random.below(100) {
        0 => {
            let text = format!("{invoice},{code},{name},?,,,,");
            return Err(UnreadableRow { row, unreadable: "quantity `?` is no whole number".to_owned(), text });
        }
        1..=4 => line(format!("C{invoice}"), -units, cents),
        5 => line(invoice.to_string(), -units, 0),
        6..=7 => SaleLine {
            code: "POST".to_owned(),
            description: Some("POSTAGE".to_owned()),
            ..line(invoice.to_string(), 1, 1_800)
        },
        8 => line(invoice.to_string(), units * 20, cents),
        _ => line(invoice.to_string(), units, cents),
    };
    Ok(line)
}

fn product(random: &mut Random) -> (&'static str, &'static str, i64, u64) {
    let all: u64 = PRODUCTS.iter().map(|product| product.3).sum();
    let mut at = random.below(all);
    for product in PRODUCTS {
        if at < product.3 {
            return product;
        }
        at -= product.3;
    }
    PRODUCTS[0]
}

/// Lines of one invoice have one customer and one country.
fn invoice_seed(seed: u64, row: u64) -> u64 {
    seed ^ mix(row / LINES_PER_INVOICE)
}

fn country(seed: u64, row: u64) -> &'static str {
    let index = mix(invoice_seed(seed, row)) >> 32;
    COUNTRIES[usize::try_from(index).unwrap_or(0) % COUNTRIES.len()]
}

/// Numbers that look like chance; splitmix64.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0) % limit.max(1)
    }
}

fn mix(seed: u64) -> u64 {
    let seed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let seed = (seed ^ (seed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    seed ^ (seed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_always_the_same_and_a_mixture_comes_of_them() {
        let rows: Vec<Generated> = (1..=5_000).map(|row| generate(7, row)).collect();
        assert_eq!(rows, (1..=5_000).map(|row| generate(7, row)).collect::<Vec<_>>());
        assert_ne!(generate(8, 1), generate(7, 1));
        let lines: Vec<&SaleLine> = rows.iter().filter_map(|row| row.as_ref().ok()).collect();
        let count = |what: &dyn Fn(&SaleLine) -> bool| lines.iter().filter(|line| what(line)).count();
        assert!((10..100).contains(&(rows.len() - lines.len())), "bad rows");
        assert!(count(&|line| line.invoice.starts_with('C')) > 100, "cancellations");
        assert!(count(&|line| line.unit_price.is_zero()) > 10, "write-offs");
        assert!(count(&|line| line.code == "POST") > 20, "postage");
        for (code, ..) in PRODUCTS {
            assert!(count(&|line| line.code == code) > 0, "{code} is never sold");
        }
    }

    #[test]
    fn a_day_is_144_lines() {
        assert_eq!(calendar::date_time(time_of(0)), "2026-01-01 00:00:00");
        assert_eq!(calendar::date_time(time_of(145)), "2026-01-02 00:10:00");
    }
}
