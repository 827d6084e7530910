//! The program `broker-lite`: a broker and the tools around it, in one binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    broker_lite::cli::run()
}
