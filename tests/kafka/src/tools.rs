//! Java and Maven on this machine: where they are, and whether they are new enough.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The oldest Java that runs Kafka 4.
const JAVA_MIN: u32 = 17;

/// The program that runs Java: that of `JAVA_HOME`, or the first on the `PATH`; or what is missing and how to mend it.
pub(crate) fn java() -> Result<PathBuf, String> {
    let java = match env::var_os("JAVA_HOME") {
        Some(home) if !home.is_empty() => PathBuf::from(home).join("bin").join("java"),
        _ => on_path("java").ok_or("there is no `java` on the PATH: install a JDK (Debian: default-jdk-headless)")?,
    };
    let version = version_of(&java)?;
    if version < JAVA_MIN {
        let java = java.display();
        return Err(format!("{java} is version {version}, Kafka needs {JAVA_MIN} or newer: set JAVA_HOME to another"));
    }
    Ok(java)
}

/// Maven's program, or what is missing.
pub(crate) fn maven() -> Result<PathBuf, String> {
    on_path("mvn").ok_or_else(|| "there is no `mvn` on the PATH: install Maven (Debian: maven)".to_owned())
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

fn version_of(java: &Path) -> Result<u32, String> {
    let failed = |why: &str| format!("{} -version: {why}", java.display());
    let said = Command::new(java).arg("-version").output().map_err(|error| failed(&error.to_string()))?;
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    major(&said).ok_or_else(|| failed(&format!("names no version: {said}")))
}

/// The major version in `openjdk version "17.0.15" 2025-04-15`; `1.8.0` is 8, written as before Java 9.
fn major(said: &str) -> Option<u32> {
    let quoted = said.split('"').nth(1)?;
    let quoted = quoted.strip_prefix("1.").unwrap_or(quoted);
    quoted.split(|char: char| !char.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_java_are_read() {
        for (said, version) in [
            ("openjdk version \"17.0.15\" 2025-04-15\nOpenJDK Runtime", Some(17)),
            ("java version \"1.8.0_392\"", Some(8)),
            ("openjdk version \"26-ea\" 2026-03-17", Some(26)),
            ("Error: no java", None),
        ] {
            assert_eq!(major(said), version, "{said}");
        }
    }
}
