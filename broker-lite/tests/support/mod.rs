//! Server processes and kcat for the tests of the program: start, talk, kill.

#![expect(dead_code, reason = "each test binary uses its part")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_broker-lite");

/// A running `broker-lite serve`, killed at the end.
pub(crate) struct ServerProcess {
    child: Child,
    pub(crate) address: String,
    dir: TempDir,
    options: Vec<String>,
}

impl ServerProcess {
    /// Starts a server over a new directory on a free port.
    pub(crate) fn start(options: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
        let (child, address) = spawn(dir.path(), "127.0.0.1:0", &options);
        Self { child, address, dir, options }
    }

    /// Kills the server (SIGKILL) and starts it again over the same data and port.
    pub(crate) fn kill_and_restart(&mut self) {
        self.kill();
        (self.child, self.address) = spawn(self.dir.path(), &self.address.clone(), &self.options);
    }

    /// Kills the server (SIGKILL).
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks the server to stop (SIGTERM) and waits for its exit code.
    pub(crate) fn terminate(&mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }

    /// The process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The data directory.
    pub(crate) fn data_dir(&self) -> &Path {
        self.dir.path()
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(dir: &Path, listen: &str, options: &[String]) -> (Child, String) {
    let mut child = Command::new(PROGRAM)
        .args(["serve", "--log", "error", "--listen", listen, "--data-dir"])
        .arg(dir)
        .args(options)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let address = first.trim().strip_prefix("listening on ").expect("the first line names the address").to_owned();
    (child, address)
}

/// What a program said.
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Runs the program under test to its end.
pub(crate) fn program(arguments: &[&str], input: &str) -> Said {
    run(Command::new(PROGRAM).args(arguments), input)
}

/// Whether kcat is installed; says so loudly when it is not.
pub(crate) fn is_kcat_there() -> bool {
    let is_there = Command::new("kcat").arg("-V").output().is_ok();
    if !is_there {
        #[expect(clippy::print_stdout, reason = "a skipped test must be seen")]
        {
            println!("SKIPPED: kcat is not installed");
        }
    }
    is_there
}

/// Runs kcat against a server and returns what it printed.
pub(crate) fn kcat(server: &ServerProcess, arguments: &[&str]) -> String {
    kcat_with_input(server, arguments, "")
}

/// The same with something on its stdin.
pub(crate) fn kcat_with_input(server: &ServerProcess, arguments: &[&str], input: &str) -> String {
    let said = try_kcat(server, arguments, input);
    assert_eq!(said.code, Some(0), "kcat {arguments:?}: {}", said.stderr);
    said.stdout
}

/// Runs kcat, which may fail.
pub(crate) fn try_kcat(server: &ServerProcess, arguments: &[&str], input: &str) -> Said {
    run(Command::new("timeout").args(["60", "kcat", "-b", &server.address]).args(arguments), input)
}

fn run(command: &mut Command, input: &str) -> Said {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::Builder::new().spawn(move || {
        // A program that does not read its input is fine.
        let _ = stdin.write_all(input.as_bytes());
    });
    let output = child.wait_with_output().unwrap();
    writer.unwrap().join().unwrap();
    output.into()
}
