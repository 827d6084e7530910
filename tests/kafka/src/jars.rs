//! The jars of Apache Kafka: fetched once by Maven into the build cache, then used without a network.
//!
//! They lie in `kafka/VERSION` below `STREAMS_CACHE_DIR` (by default `rust-streams` in the user's cache), beside the
//! `pom.xml` that asked for them: another pom fetches them again.

use std::env;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::fs::FlockOperation;

use crate::tools;

/// The version of Apache Kafka; that of `pom.xml`.
pub const VERSION: &str = "4.3.1";

/// What to fetch.
const POM: &str = include_str!("../pom.xml");
/// Pinned, so that the same jars come whatever Maven is installed.
const COPY_JARS: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";

/// Apache Kafka's classes, and the Java that runs them.
#[derive(Debug, Clone)]
pub struct Kafka {
    java: PathBuf,
    jars: PathBuf,
}

impl Kafka {
    /// Finds Java and the jars, and fetches these when they are not in the cache (about 130 MB).
    ///
    /// # Errors
    /// What is missing on this machine, in words for the person who sees a test skipped.
    pub fn find() -> Result<Self, String> {
        let java = tools::java()?;
        let cache = cache_dir()?.join("kafka");
        let jars = cache.join(VERSION);
        if !is_complete(&jars) {
            fetch(&cache, &jars)?;
        }
        Ok(Self { java, jars })
    }

    /// The same; a line on standard error says what is missing, past the capture of test output.
    pub fn find_or_skip() -> Option<Self> {
        let found = Self::find();
        if let Err(missing) = &found {
            say(&format!("SKIPPED: no Apache Kafka {VERSION}: {missing}"));
        }
        found.ok()
    }

    /// A Java and a folder of jars that need not exist.
    #[cfg(test)]
    pub(crate) fn at(java: &str, jars: &str) -> Self {
        Self { java: java.into(), jars: jars.into() }
    }

    /// The program `java`.
    pub fn java(&self) -> &Path {
        &self.java
    }

    /// The class path: every jar of the folder.
    pub fn class_path(&self) -> String {
        format!("{}/*", self.jars.display())
    }
}

fn cache_dir() -> Result<PathBuf, String> {
    let var = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let user = || var("XDG_CACHE_HOME").or_else(|| Some(var("HOME")?.join(".cache")));
    var("STREAMS_CACHE_DIR")
        .or_else(|| Some(user()?.join("rust-streams")))
        .ok_or_else(|| "neither STREAMS_CACHE_DIR nor HOME is set: there is no place for Kafka's jars".to_owned())
}

/// Whether the folder holds what the pom asks for; its copy of the pom is written last.
fn is_complete(jars: &Path) -> bool {
    fs::read_to_string(jars.join("pom.xml")).is_ok_and(|pom| pom == POM)
}

fn fetch(cache: &Path, jars: &Path) -> Result<(), String> {
    let maven = tools::maven()?;
    let failed = |what: &str, error: io::Error| format!("{what} {}: {error}", cache.display());
    fs::create_dir_all(cache).map_err(|error| failed("create", error))?;
    let lock = File::create(cache.join("lock")).map_err(|error| failed("create a lock in", error))?;
    rustix::fs::flock(&lock, FlockOperation::LockExclusive).map_err(|error| failed("lock", error.into()))?;
    if is_complete(jars) {
        return Ok(());
    }
    let part = cache.join("part");
    let asked = part.join("asked.xml");
    remove(&part).and_then(|()| fs::create_dir(&part)).map_err(|error| failed("make room in", error))?;
    fs::write(&asked, POM).map_err(|error| failed("write a pom in", error))?;
    say(&format!("fetching Apache Kafka {VERSION} from Maven Central into {} ..", jars.display()));
    let said = Command::new(maven)
        .args(["-q", "-B", COPY_JARS, "-f"])
        .arg(&asked)
        .arg(format!("-DoutputDirectory={}", part.display()))
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("run mvn: {error}"))?;
    if !said.status.success() {
        let said = [said.stdout, said.stderr].concat();
        return Err(format!("Maven cannot fetch Kafka's jars: {}", String::from_utf8_lossy(&said).trim()));
    }
    let done =
        fs::rename(&asked, part.join("pom.xml")).and_then(|()| remove(jars)).and_then(|()| fs::rename(part, jars));
    done.map_err(|error| failed("keep the jars in", error))
}

fn say(line: &str) {
    // Nobody is left to hear that standard error is closed.
    let _ = writeln!(io::stderr(), "{line}");
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_that_of_the_pom() {
        assert!(POM.contains(&format!("<kafka.version>{VERSION}</kafka.version>")));
    }
}
