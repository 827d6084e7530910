//! The reader of the UCI "Online Retail" file, plain or gzipped.
//!
//! A row that is no line does not stop the file: it comes out as an [`UnreadableRow`] with its number and what is wrong.
//! What the file itself is (missing, another header, damaged) is an error.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use flate2::bufread::MultiGzDecoder;
use rust_decimal::Decimal;
use streams_core::{Error, ErrorKind, Result, ResultExt as _, Timestamp};

use super::calendar;
use super::model::{SaleLine, UnreadableRow};

/// The first line of the file.
pub const HEADER: &str = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country";
const COLUMNS: usize = 8;
/// Every gzip member begins with it.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// A row of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Its number; the first below the header is 1.
    pub number: u64,
    /// When; an unreadable row stands where the one before it stood.
    pub time: Timestamp,
    /// The line, or why there is none.
    pub content: Result<SaleLine, UnreadableRow>,
}

/// An open file.
pub struct SalesFile {
    path: PathBuf,
    reader: csv::Reader<Box<dyn Read>>,
    record: csv::ByteRecord,
    rows: u64,
    time: Timestamp,
    bytes_read: Arc<AtomicU64>,
    bytes: u64,
}

impl SalesFile {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when it cannot be read; [`ErrorKind::InvalidConfig`] when it is another kind of file.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).context(|| format!("open {}", path.display()))?;
        let bytes = file.metadata().context(|| format!("open {}", path.display()))?.len();
        let bytes_read = Arc::new(AtomicU64::new(0));
        let mut file = BufReader::new(Counted { file, bytes_read: Arc::clone(&bytes_read) });
        let first = file.fill_buf().context(|| format!("read {}", path.display()))?;
        let content: Box<dyn Read> = match first.starts_with(&GZIP_MAGIC) {
            true => Box::new(MultiGzDecoder::new(file)),
            false => Box::new(file),
        };
        let reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(content);
        let time = Timestamp(0);
        let mut opened =
            Self { path: path.to_owned(), reader, record: csv::ByteRecord::new(), rows: 0, time, bytes_read, bytes };
        opened.check_header()?;
        Ok(opened)
    }

    fn check_header(&mut self) -> Result<()> {
        let is_there = self.read()?;
        let header = if is_there { text_of(&self.record) } else { String::new() };
        if header.trim_start_matches('\u{feff}') == HEADER {
            return Ok(());
        }
        let shown: String = header.chars().take(100).collect();
        let message = format!(
            "{}: the first line is `{shown}`, not `{HEADER}`: expects the UCI Online Retail file as CSV, plain or gzipped",
            self.path.display()
        );
        Err(Error::new(ErrorKind::InvalidConfig, message))
    }

    /// The next row; none at the end.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when the file cannot be read on; [`ErrorKind::Corrupt`] when it is damaged or cut off.
    pub fn next_row(&mut self) -> Result<Option<Row>> {
        if !self.read()? {
            return Ok(None);
        }
        self.rows += 1;
        let content = match line(self.rows, &self.record) {
            Ok((line, time)) => {
                self.time = time;
                Ok(line)
            }
            Err(unreadable) => Err(UnreadableRow { row: self.rows, unreadable, text: text_of(&self.record) }),
        };
        Ok(Some(Row { number: self.rows, time: self.time, content }))
    }

    fn read(&mut self) -> Result<bool> {
        self.reader.read_byte_record(&mut self.record).map_err(|error| {
            let message = format!("{}: read the row after row {}", self.path.display(), self.rows);
            let damaged = matches!(error.kind(), csv::ErrorKind::Io(cause)
                if matches!(cause.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData));
            let kind = if damaged { ErrorKind::Corrupt } else { ErrorKind::Io };
            Error::with_source(kind, message, error)
        })
    }

    /// How much of the file was read, from 0 to 1.
    #[expect(clippy::cast_precision_loss, reason = "it fills a progress bar")]
    pub fn fraction(&self) -> f64 {
        self.bytes_read.load(Ordering::Relaxed) as f64 / self.bytes.max(1) as f64
    }
}

impl std::fmt::Debug for SalesFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SalesFile").field("path", &self.path).field("rows", &self.rows).finish_non_exhaustive()
    }
}

/// Counts what was read of a file, before it is unpacked.
struct Counted {
    file: File,
    bytes_read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.bytes_read.fetch_add(u64::try_from(count).unwrap_or(0), Ordering::Relaxed);
        Ok(count)
    }
}

fn text_of(record: &csv::ByteRecord) -> String {
    record.iter().map(String::from_utf8_lossy).collect::<Vec<_>>().join(",")
}

/// The line of a row and its time, or what is wrong.
fn line(row: u64, record: &csv::ByteRecord) -> Result<(SaleLine, Timestamp), String> {
    if record.len() != COLUMNS {
        return Err(format!("has {} fields, not {COLUMNS}", record.len()));
    }
    let field =
        |index: usize| std::str::from_utf8(&record[index]).map_err(|_| format!("field {} is no UTF-8", index + 1));
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let quantity =
        field(3)?.parse().map_err(|_| format!("quantity `{}` is no whole number", field(3).unwrap_or("")))?;
    let at = field(4)?;
    let time = calendar::parse_date_time(at).ok_or_else(|| format!("time `{at}` is not like `2010-12-01 08:26:00`"))?;
    let price = field(5)?;
    let unit_price = Decimal::from_str_exact(price).map_err(|_| format!("price `{price}` is no exact decimal"))?;
    let customer = field(6)?;
    let line = SaleLine {
        row: Some(row),
        invoice: field(0)?.to_owned(),
        code: field(1)?.to_owned(),
        description: some(field(2)?),
        quantity,
        unit_price,
        customer: some(customer.strip_suffix(".0").unwrap_or(customer)),
        country: some(field(7)?),
        at: Some(at.to_owned()),
    };
    Ok((line, time))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn written(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(bytes).expect("is written");
        file
    }

    fn zipped(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).expect("is packed");
        encoder.finish().expect("is packed")
    }

    const ROWS: &str = "536365,85123A,\"WHITE, HANGING\",6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom\n\
                        536366,22423,,x,2010-12-01 08:28:00,1,,France\n\
                        1,2,3\n\
                        536367,22423,,1,1.12.2010,1,,France\n\
                        C536368,22423,,-1,2010-12-01 08:30:00,0.001,,France\n";

    #[test]
    fn rows_are_lines_or_say_why_not() {
        let text = format!("{HEADER}\n{ROWS}");
        for bytes in [text.as_bytes().to_vec(), zipped(text.as_bytes())] {
            let file = written(&bytes);
            let mut sales = SalesFile::open(file.path()).expect("is opened");
            let mut rows = Vec::new();
            while let Some(row) = sales.next_row().expect("is read") {
                rows.push(row);
            }
            let texts: Vec<String> = rows
                .iter()
                .map(|row| match &row.content {
                    Ok(line) => format!(
                        "{} {} {:?} {} {}",
                        row.number, line.invoice, line.customer, line.quantity, line.unit_price
                    ),
                    Err(bad) => format!("{} {} [{}]", bad.row, bad.unreadable, bad.text),
                })
                .collect();
            let expected = [
                "1 536365 Some(\"17850\") 6 2.55",
                "2 quantity `x` is no whole number [536366,22423,,x,2010-12-01 08:28:00,1,,France]",
                "3 has 3 fields, not 8 [1,2,3]",
                "4 time `1.12.2010` is not like `2010-12-01 08:26:00` [536367,22423,,1,1.12.2010,1,,France]",
                "5 C536368 None -1 0.001",
            ];
            assert_eq!(texts, expected);
            assert_eq!(rows[1].time, rows[0].time, "a bad row stands where the one before it stood");
        }
    }

    #[test]
    fn what_is_no_such_file_is_refused() {
        let missing = SalesFile::open(Path::new("/nonexistent/sales.csv")).expect_err("is missing");
        assert_eq!((missing.kind().exit_code(), missing.to_string()), (3, "open /nonexistent/sales.csv".to_owned()));
        for bytes in [&b""[..], b"Invoice,Code\n1,2\n", b"\xff\xfe\n"] {
            let file = written(bytes);
            let error = SalesFile::open(file.path()).expect_err("has another header");
            assert_eq!(error.kind().exit_code(), 2, "{error}");
            assert!(error.to_string().contains("the first line is `"), "{error}");
        }
    }

    #[test]
    fn a_file_that_is_cut_off_is_an_error_and_not_an_end() {
        let bytes = zipped(format!("{HEADER}\n{}", ROWS.repeat(1_000)).as_bytes());
        let file = written(&bytes[..bytes.len() / 2]);
        let mut sales = SalesFile::open(file.path()).expect("begins well");
        let error = loop {
            match sales.next_row() {
                Ok(Some(_)) => {}
                Ok(None) => panic!("the end of half a file"),
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.to_string().contains("read the row after row "), "{error}");
    }
}
