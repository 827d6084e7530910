//! Which lines are good, and what a line means for stock.
//!
//! Codes are upper-cased first. A line is *merchandise* when its code begins with five digits; the rest is postage,
//! fees, vouchers and corrections, which count as money and not as stock. A merchandise line is an *adjustment* when its
//! price is 0, or its quantity is negative without the invoice being a cancellation; else a *return* when the invoice
//! begins with `C`; else a *sale*.

use rust_decimal::Decimal;

use super::model::{Amount, DeadLetter, Invoice, Movement, MovementKind, SaleLine, Total, UnreadableRow};

/// So much of a bad record is kept with its dead letter: enough to find it, not enough to fill the topic.
const VALUE_CHARS_MAX: usize = 1_000;
/// Codes of merchandise begin with so many digits.
const MERCHANDISE_DIGITS: usize = 5;
/// No line has more units: beyond it sums could overflow.
const QUANTITY_MAX: u64 = 1_000_000_000;
/// No unit costs more: beyond it exact sums could overflow.
const UNIT_PRICE_MAX: i64 = 1_000_000_000;
/// The country of a line that names none.
const NO_COUNTRY: &str = "Unspecified";

/// What came of checking a record of `sales`.
#[derive(Debug, Clone, PartialEq)]
pub enum Checked {
    /// A good line.
    Line(SaleLine),
    /// Something else.
    Bad(DeadLetter),
}

impl Checked {
    /// The good line.
    pub fn line(&self) -> Option<SaleLine> {
        match self {
            Self::Line(line) => Some(line.clone()),
            Self::Bad(_) => None,
        }
    }

    /// The dead letter.
    pub fn dead_letter(&self) -> Option<DeadLetter> {
        match self {
            Self::Line(_) => None,
            Self::Bad(letter) => Some(letter.clone()),
        }
    }
}

/// Checks a record of `sales`.
pub fn check(key: Option<&str>, value: &[u8]) -> Checked {
    let bad = |row, reason: String| {
        let value = String::from_utf8_lossy(value).chars().take(VALUE_CHARS_MAX).collect();
        Checked::Bad(DeadLetter { row, reason, value })
    };
    let line: SaleLine = match serde_json::from_slice(value) {
        Ok(line) => line,
        Err(error) => {
            return match serde_json::from_slice::<UnreadableRow>(value) {
                Ok(row) => {
                    let value = row.text.chars().take(VALUE_CHARS_MAX).collect();
                    Checked::Bad(DeadLetter { row: Some(row.row), reason: row.unreadable, value })
                }
                Err(_) => bad(None, format!("is no sale line: {error}")),
            }
        }
    };
    match fault(key, &line) {
        Some(reason) => bad(line.row, reason),
        None => Checked::Line(line),
    }
}

/// What is wrong with a line.
fn fault(key: Option<&str>, line: &SaleLine) -> Option<String> {
    let fault = match key {
        None => "the record has no key: the key is the invoice's number".to_owned(),
        Some(key) if key != line.invoice => format!("the key is `{key}` and the invoice `{}`", line.invoice),
        _ if line.invoice.is_empty() => "the invoice's number is empty".to_owned(),
        _ if line.code.is_empty() => "the product's code is empty".to_owned(),
        _ if line.row == Some(0) => "row 0 does not exist: rows count from 1".to_owned(),
        _ if line.quantity == 0 => "the quantity is 0".to_owned(),
        _ if line.quantity.unsigned_abs() > QUANTITY_MAX => format!("the quantity {} is too large", line.quantity),
        _ if line.unit_price.abs() > Decimal::from(UNIT_PRICE_MAX) => {
            format!("the price {} is too large", line.unit_price)
        }
        _ if is_merchandise(line) && line.unit_price.is_sign_negative() && !line.unit_price.is_zero() => {
            format!("the price of a product is {}", line.unit_price)
        }
        _ => return None,
    };
    Some(fault)
}

/// Whether a line is about a product on a shelf.
pub fn is_merchandise(line: &SaleLine) -> bool {
    let code = line.code.as_bytes();
    code.len() >= MERCHANDISE_DIGITS && code[..MERCHANDISE_DIGITS].iter().all(u8::is_ascii_digit)
}

/// The product's code and what a line does to its stock. For merchandise.
pub fn movement(line: &SaleLine) -> (String, Movement) {
    let is_cancellation = line.invoice.starts_with('C');
    let (kind, units) = if line.unit_price.is_zero() || (line.quantity < 0 && !is_cancellation) {
        (MovementKind::Adjustment, line.quantity)
    } else if is_cancellation {
        (MovementKind::Return, -line.quantity)
    } else {
        (MovementKind::Sale, line.quantity)
    };
    let movement = Movement { row: line.row, kind, units, unit_price: line.unit_price, order: None };
    (line.code.to_uppercase(), movement)
}

/// The country of a line and what it adds to its totals.
pub fn amount(line: &SaleLine) -> (String, Amount) {
    let country = line.country.as_deref().filter(|country| !country.is_empty()).unwrap_or(NO_COUNTRY);
    (country.to_owned(), Amount { row: line.row, units: line.quantity, amount: worth(line) })
}

fn worth(line: &SaleLine) -> Decimal {
    Decimal::from(line.quantity) * line.unit_price
}

impl Invoice {
    /// Takes a line in.
    pub fn add(&mut self, line: &SaleLine) {
        if self.last_row.pass(line.row) {
            self.lines += 1;
            self.units += line.quantity;
            self.amount += worth(line);
        }
    }
}

impl Total {
    /// Takes a line's amount in.
    pub fn add(&mut self, amount: &Amount) {
        if self.last_row.pass(amount.row) {
            self.rows += 1;
            self.units_net += amount.units;
            self.revenue_net += amount.amount;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn line(invoice: &str, code: &str, quantity: i64, price: &str) -> SaleLine {
        SaleLine {
            row: Some(1),
            invoice: invoice.to_owned(),
            code: code.to_owned(),
            description: None,
            quantity,
            unit_price: price.parse().expect("is decimal"),
            customer: None,
            country: None,
            at: None,
        }
    }

    #[rstest]
    #[case::sale("536365", 6, "2.55", MovementKind::Sale, 6)]
    #[case::cancellation("C536365", -6, "2.55", MovementKind::Return, 6)]
    #[case::write_off("536589", -10, "0", MovementKind::Adjustment, -10)]
    #[case::found("536589", 10, "0.00", MovementKind::Adjustment, 10)]
    #[case::negative_without_cancellation("536589", -3, "1.25", MovementKind::Adjustment, -3)]
    #[case::cancellation_for_nothing("C536589", -3, "0", MovementKind::Adjustment, -3)]
    fn a_merchandise_line_moves_stock(
        #[case] invoice: &str,
        #[case] quantity: i64,
        #[case] price: &str,
        #[case] kind: MovementKind,
        #[case] units: i64,
    ) {
        let (code, movement) = movement(&line(invoice, "85123a", quantity, price));
        assert_eq!((code.as_str(), movement.kind, movement.units), ("85123A", kind, units));
    }

    #[rstest]
    #[case("85123A", true)]
    #[case("22423", true)]
    #[case("POST", false)]
    #[case("C2", false)]
    #[case("1234", false)]
    #[case("1234A5", false)]
    fn merchandise_begins_with_five_digits(#[case] code: &str, #[case] expected: bool) {
        assert_eq!(is_merchandise(&line("1", code, 1, "1")), expected);
    }

    #[rstest]
    #[case::bad_debt("A563187", "B", 1, "-11062.06", None)]
    #[case::no_quantity("1", "22423", 0, "1", Some("the quantity is 0"))]
    #[case::negative_price("1", "22423", 1, "-1", Some("the price of a product is -1"))]
    #[case::no_code("1", "", 1, "1", Some("the product's code is empty"))]
    #[case::other_key("2", "22423", 1, "1", Some("the key is `1` and the invoice `2`"))]
    #[case::too_many("1", "22423", i64::MIN, "1", Some("the quantity -9223372036854775808 is too large"))]
    fn faults_are_named(
        #[case] invoice: &str,
        #[case] code: &str,
        #[case] quantity: i64,
        #[case] price: &str,
        #[case] expected: Option<&str>,
    ) {
        let key = if expected.is_some_and(|reason| reason.starts_with("the key")) { "1" } else { invoice };
        assert_eq!(fault(Some(key), &line(invoice, code, quantity, price)).as_deref(), expected);
    }

    #[test]
    fn what_is_no_line_becomes_a_dead_letter() {
        let letter = |key, value: &[u8]| check(key, value).dead_letter().expect("is bad");
        assert!(letter(Some("1"), b"hello").reason.starts_with("is no sale line: expected value at line 1"));
        assert_eq!(letter(Some("1"), &[0xff]).value, "\u{fffd}");
        let row = br#"{"row":7,"unreadable":"has 3 fields","text":"a,b,c"}"#;
        let expected = DeadLetter { row: Some(7), reason: "has 3 fields".to_owned(), value: "a,b,c".to_owned() };
        assert_eq!(letter(None, row), expected);
        let keyless = br#"{"invoice":"1","code":"22423","quantity":1,"unit_price":"1"}"#;
        assert_eq!(letter(None, keyless).reason, "the record has no key: the key is the invoice's number");
        assert!(check(Some("1"), keyless).line().is_some());
    }

    #[test]
    fn a_row_that_comes_again_adds_nothing() {
        let (mut invoice, mut total) = (Invoice::default(), Total::default());
        for _ in 0..2 {
            let line = line("1", "22423", 3, "0.10");
            invoice.add(&line);
            total.add(&amount(&line).1);
        }
        assert_eq!((invoice.lines, invoice.units, invoice.amount), (1, 3, Decimal::new(30, 2)));
        assert_eq!((total.rows, total.units_net, total.revenue_net), (1, 3, Decimal::new(30, 2)));
    }
}
