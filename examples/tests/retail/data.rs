//! Real data, where it is at hand: in the directory that `STREAMS_TEST_DATA` names, or beside the checkout. It is no part
//! of the project; a test without it says so and passes.

use std::path::PathBuf;

use streams_examples::retail::model::Product;

/// A file of the data, if it is at hand.
pub(super) fn file(name: &str) -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "a test's data is named by the environment")]
    let named = std::env::var("STREAMS_TEST_DATA").ok().map(PathBuf::from);
    let directory = named.unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data").into());
    let path = directory.join(name);
    if path.is_file() {
        return Some(path);
    }
    #[expect(clippy::print_stderr, reason = "a test that does nothing must say so")]
    {
        eprintln!("SKIPPED: {} is not there: name its directory in STREAMS_TEST_DATA", path.display());
    }
    None
}

/// The products of the Northwind data.
pub(super) fn northwind() -> Option<Vec<Product>> {
    let mut reader = csv::Reader::from_path(file("northwind/products.csv")?).expect("is readable");
    let headers = reader.headers().expect("has a header").clone();
    let column = |name: &str| headers.iter().position(|header| header == name).expect("has the column");
    let columns = ["productName", "unitsInStock", "unitsOnOrder", "reorderLevel", "discontinued"].map(column);
    let product = |row: csv::StringRecord| {
        let [name, stock, on_order, level, discontinued] = columns.map(|column| row[column].to_owned());
        let number = |text: String| text.parse().expect("is a number");
        Product {
            name,
            opening_units: number(stock),
            on_order: number(on_order),
            reorder_level: number(level),
            list_price: None,
            discontinued: discontinued == "1",
        }
    };
    Some(reader.records().map(|row| product(row.expect("is a row"))).collect())
}
