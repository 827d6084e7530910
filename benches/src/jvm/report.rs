//! The table, the lines of JSON, and whether both sides wrote the same.

use std::fmt::Write as _;

use crate::jvm::output::Output;
use crate::jvm::process::Run;
use crate::per_second;

/// One measured run, or why there is none.
#[derive(Debug)]
pub struct Row {
    /// The workload.
    pub workload: &'static str,
    /// `kafka-streams` or `ours`.
    pub framework: &'static str,
    /// `kafka` or `broker-lite`.
    pub broker: &'static str,
    /// `at_least_once` or `exactly_once_v2`.
    pub guarantee: &'static str,
    /// What was measured; the operators or features that are missing otherwise.
    pub outcome: Result<Measured, String>,
}

/// What a run took, and what it wrote.
#[derive(Debug, Clone, Copy)]
pub struct Measured {
    /// Time and CPU time.
    pub run: Run,
    /// The output, read back from the broker afterwards.
    pub output: Output,
}

/// How an output stands to the first one of its workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Check {
    /// It is the first one: the others are compared with it.
    Reference,
    Same,
    Differs,
    /// It is the first one and holds nothing that could be compared.
    Empty,
}

impl Check {
    fn text(self) -> &'static str {
        match self {
            Self::Reference => "reference",
            Self::Same => "same",
            Self::Differs => "DIFFERS",
            Self::Empty => "EMPTY",
        }
    }
}

/// Prints the rows as a table, each with its ratio to Kafka Streams under the same workload and guarantee; then what
/// each run wrote.
#[must_use]
pub fn table(rows: &[Row], records: u64) -> String {
    let mut text = format!(
        "{:<17} {:<16} {:<14} {:<12} {:>9} {:>11} {:>13} {:>13} {:>7}  output\n",
        "workload", "guarantee", "framework", "broker", "seconds", "records/s", "/s app CPU", "/s broker CPU", "ratio"
    );
    for row in rows {
        let line = match &row.outcome {
            Err(missing) => format!("{} not measured: {missing}\n", head(row)),
            Ok(Measured { run, output }) => format!(
                "{} {:>9.2} {:>11.0} {:>13.0} {:>13.0} {:>7}  {}\n",
                head(row),
                run.elapsed.as_secs_f64(),
                per_second(records, run.elapsed),
                per_second(records, run.application),
                per_second(records, run.broker),
                ratio(rows, row).map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}")),
                check(rows, row, output).text(),
            ),
        };
        text.push_str(&line);
    }
    let _ = writeln!(
        text,
        "{records} records in; ratio: records/s against kafka-streams of the same workload and guarantee"
    );
    text.push_str(&outputs(rows));
    text
}

fn head(row: &Row) -> String {
    format!("{:<17} {:<16} {:<14} {:<12}", row.workload, row.guarantee, row.framework, row.broker)
}

/// What each run wrote; how many records that were depends on caches where only last values are compared.
fn outputs(rows: &[Row]) -> String {
    let mut text = format!("\n{:<62} {:>11} {:>11} {:>17}\n", "output", "records", "compared", "digest");
    for row in rows {
        if let Ok(Measured { output, .. }) = &row.outcome {
            let Output { records, compared, digest } = output;
            let _ = writeln!(
                text,
                "{} {records:>11} {compared:>11} {digest:>17x}  {}",
                head(row),
                check(rows, row, output).text()
            );
        }
    }
    text.push_str(
        "compared: every record where no cache merges them, else the last value of each key (of each window)\n",
    );
    text
}

fn check(rows: &[Row], row: &Row, output: &Output) -> Check {
    let measured = |other: &'_ &Row| other.workload == row.workload && other.outcome.is_ok();
    let Some((reference, Ok(first))) = rows.iter().find(measured).map(|first| (first, &first.outcome)) else {
        return Check::Reference;
    };
    match std::ptr::eq(reference, row) {
        true if output.compared == 0 => Check::Empty,
        true => Check::Reference,
        false if output.agrees_with(&first.output) => Check::Same,
        false => Check::Differs,
    }
}

/// The workloads whose runs did not write the same, a line each with both numbers.
#[must_use]
pub fn differences(rows: &[Row]) -> Vec<String> {
    let said = |row: &Row, output: &Output| {
        let Output { records, compared, digest } = output;
        let Row { framework, broker, guarantee, .. } = row;
        format!("{framework} on {broker} ({guarantee}): {records} records, {compared} compared, digest {digest:x}")
    };
    let mut lines = Vec::new();
    for row in rows {
        let Ok(Measured { output, .. }) = &row.outcome else { continue };
        let this = format!("`{}`: {}", row.workload, said(row, output));
        match check(rows, row, output) {
            Check::Reference | Check::Same => {}
            Check::Empty => lines.push(format!("{this}: there is nothing to compare")),
            Check::Differs => {
                let first = rows.iter().filter(|other| other.workload == row.workload).find_map(|other| {
                    let output = &other.outcome.as_ref().ok()?.output;
                    Some(said(other, output))
                });
                lines.push(format!("{this}; {}", first.unwrap_or_default()));
            }
        }
    }
    lines
}

/// One object of JSON a row.
#[must_use]
pub fn json(rows: &[Row], records: u64, warm_records: u64) -> String {
    let mut text = String::new();
    for row in rows {
        let Row { workload, framework, broker, guarantee, outcome } = row;
        let _ = write!(
            text,
            concat!(
                r#"{{"workload":"{}","framework":"{}","broker":"{}","guarantee":"{}","#,
                r#""records":{},"warm_records":{}"#
            ),
            workload, framework, broker, guarantee, records, warm_records
        );
        let rest = match outcome {
            Err(missing) => format!(r#","missing":"{missing}"}}"#),
            Ok(Measured { run, output }) => format!(
                concat!(
                    r#","seconds":{:.3},"records_per_second":{:.0},"records_per_application_cpu_second":{:.0},"#,
                    r#""records_per_broker_cpu_second":{:.0},"output_records":{},"output_compared":{},"#,
                    r#""output_digest":"{:x}","output":"{}"}}"#
                ),
                run.elapsed.as_secs_f64(),
                per_second(records, run.elapsed),
                per_second(records, run.application),
                per_second(records, run.broker),
                output.records,
                output.compared,
                output.digest,
                check(rows, row, output).text().to_lowercase(),
            ),
        };
        text.push_str(&rest);
        text.push('\n');
    }
    text
}

fn ratio(rows: &[Row], row: &Row) -> Option<f64> {
    let reference = rows.iter().find(|other| {
        other.framework == "kafka-streams" && other.workload == row.workload && other.guarantee == row.guarantee
    })?;
    let (run, reference) = (row.outcome.as_ref().ok()?.run, reference.outcome.as_ref().ok()?.run);
    Some(reference.elapsed.as_secs_f64() / run.elapsed.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn row(workload: &'static str, framework: &'static str, digest: Option<u64>) -> Row {
        let second = Duration::from_secs(1);
        let measured = |digest| Measured {
            run: Run { elapsed: second, application: second, broker: second },
            output: Output { records: 9, compared: digest, digest },
        };
        let outcome = digest.map(measured).ok_or_else(|| "an operator is not built".to_owned());
        Row { workload, framework, broker: "kafka", guarantee: "at_least_once", outcome }
    }

    #[test]
    fn a_difference_names_its_workload_and_both_numbers() {
        let rows = [
            row("count", "kafka-streams", Some(7)),
            row("count", "ours", Some(7)),
            row("stateless", "kafka-streams", Some(7)),
            row("stateless", "ours", Some(8)),
            row("stream-join", "kafka-streams", Some(0)),
            row("stream-join", "ours", None),
        ];
        assert_eq!(
            differences(&rows),
            [
                "`stateless`: ours on kafka (at_least_once): 9 records, 8 compared, digest 8; \
                 kafka-streams on kafka (at_least_once): 9 records, 7 compared, digest 7",
                "`stream-join`: kafka-streams on kafka (at_least_once): 9 records, 0 compared, digest 0: \
                 there is nothing to compare",
            ]
        );
        assert_eq!(differences(&rows[..2]), Vec::<String>::new());
        let table = table(&rows, 100);
        for part in ["1.00  same\n", "1.00  DIFFERS\n", "1.00  EMPTY\n", "not measured: an operator is not built\n"] {
            assert!(table.contains(part), "no `{part}` in:\n{table}");
        }
        let json = json(&rows, 100, 25);
        assert!(json.contains(r#""records":100,"warm_records":25,"missing":"an operator is not built"}"#), "{json}");
        assert!(json.contains(r#""output_digest":"8","output":"differs"}"#), "{json}");
    }
}
