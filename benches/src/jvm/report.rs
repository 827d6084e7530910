//! The table and the lines of JSON.

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
    /// What was measured; the operator or feature that is missing otherwise.
    pub outcome: Result<Run, String>,
}

/// Prints the rows as a table, each with its ratio to Kafka Streams under the same workload and guarantee.
#[must_use]
pub fn table(rows: &[Row], records: u64) -> String {
    let mut text = format!(
        "{:<17} {:<16} {:<14} {:<12} {:>9} {:>11} {:>13} {:>13} {:>7}\n",
        "workload", "guarantee", "framework", "broker", "seconds", "records/s", "/s app CPU", "/s broker CPU", "ratio"
    );
    for row in rows {
        let head = format!("{:<17} {:<16} {:<14} {:<12}", row.workload, row.guarantee, row.framework, row.broker);
        let line = match &row.outcome {
            Err(missing) => format!("{head} not measured: {missing}\n"),
            Ok(run) => format!(
                "{head} {:>9.2} {:>11.0} {:>13.0} {:>13.0} {:>7}\n",
                run.elapsed.as_secs_f64(),
                per_second(records, run.elapsed),
                per_second(records, run.application),
                per_second(records, run.broker),
                ratio(rows, row).map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}")),
            ),
        };
        text.push_str(&line);
    }
    text.push_str("ratio: records/s against kafka-streams of the same workload and guarantee, in this run\n");
    text
}

/// One object of JSON a row.
#[must_use]
pub fn json(rows: &[Row], records: u64) -> String {
    let mut text = String::new();
    for row in rows {
        let Row { workload, framework, broker, guarantee, outcome } = row;
        let head = format!(
            r#"{{"workload":"{workload}","framework":"{framework}","broker":"{broker}","guarantee":"{guarantee}""#
        );
        let rest = match outcome {
            Err(missing) => format!(r#","missing":"{missing}"}}"#),
            Ok(run) => format!(
                concat!(
                    r#","records":{},"seconds":{:.3},"records_per_second":{:.0},"#,
                    r#""records_per_application_cpu_second":{:.0},"records_per_broker_cpu_second":{:.0}}}"#
                ),
                records,
                run.elapsed.as_secs_f64(),
                per_second(records, run.elapsed),
                per_second(records, run.application),
                per_second(records, run.broker),
            ),
        };
        text.push_str(&head);
        text.push_str(&rest);
        text.push('\n');
    }
    text
}

fn ratio(rows: &[Row], row: &Row) -> Option<f64> {
    let reference = rows.iter().find(|other| {
        other.framework == "kafka-streams" && other.workload == row.workload && other.guarantee == row.guarantee
    })?;
    let (run, reference) = (row.outcome.as_ref().ok()?, reference.outcome.as_ref().ok()?);
    Some(reference.elapsed.as_secs_f64() / run.elapsed.as_secs_f64())
}
