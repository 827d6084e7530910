//! The program `retail`; see [`streams_examples::retail`].

use std::process::ExitCode;

fn main() -> ExitCode {
    streams_examples::retail::cli::run()
}
