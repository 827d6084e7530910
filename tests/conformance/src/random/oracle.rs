//! The other side: a JVM with Apache Kafka Streams that answers cases, one JSON a line (`scripts/oracle.sh`).

use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::model::{Case, Expected};

/// The program that answers.
const ANSWERS: [&str; 2] = ["oracle.conformance.Main", "run"];

/// A running oracle. It ends with its standard input, when this is dropped.
#[derive(Debug)]
pub struct Oracle {
    process: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Oracle {
    /// Starts it.
    ///
    /// # Errors
    /// When the script does not start.
    pub fn start(script: &Path) -> io::Result<Self> {
        let mut process = Command::new(script).args(ANSWERS).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let no_pipe = || io::Error::other("the oracle has no pipes");
        let questions = process.stdin.take().ok_or_else(no_pipe)?;
        let answers = BufReader::new(process.stdout.take().ok_or_else(no_pipe)?);
        Ok(Self { process, questions: Some(questions), answers })
    }

    /// Fills in what Kafka Streams answers, or returns what is wrong with the case.
    ///
    /// # Errors
    /// When the oracle is gone.
    pub fn ask(&mut self, case: &mut Case) -> io::Result<Result<(), String>> {
        case.expected = None;
        let Some(questions) = &mut self.questions else { return Err(io::Error::other("the oracle was closed")) };
        writeln!(questions, "{}", serde_json::to_string(case)?)?;
        questions.flush()?;
        let mut answer = String::new();
        while answer.trim().is_empty() || !answer.contains('{') {
            answer.clear();
            if self.answers.read_line(&mut answer)? == 0 {
                let message = "the oracle ended: is there a JVM? scripts/install-tools.sh jvm installs one";
                return Err(io::Error::other(message));
            }
        }
        // A terminal's escape codes of Maven may stand in front of the first answer.
        let answer = &answer[answer.find('{').unwrap_or(0)..];
        let answer: Value = serde_json::from_str(answer)?;
        if let Some(mistake) = answer.get("mistake") {
            return Ok(Err(mistake.as_str().unwrap_or_default().to_owned()));
        }
        case.expected = Some(serde_json::from_value::<Expected>(answer)?);
        Ok(Ok(()))
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        self.questions = None;
        // Its end is not waited for longer than it takes: without input it has nothing left to do.
        let _ = self.process.wait();
    }
}
