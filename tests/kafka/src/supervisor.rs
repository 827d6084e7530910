//! The shell that runs the nodes and outlives us by as long as it takes to remove them.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::jars::Kafka;

/// Arguments: the directory, java, the class path, the id of the cluster, options of java. Each node has a folder
/// with its settings; there it leaves its log, its process id, and how it ended. Ends with standard input.
///
/// `$!` in the trap is the JVM that was started last, so there is no moment at which a signal could miss one. Nodes are
/// killed, not stopped: what they would save is removed next.
const SCRIPT: &str = r#"
dir=$1 java=$2 class_path=$3 cluster=$4
shift 4

node() {
  trap 'kill -KILL $! 2>/dev/null; wait; exit' TERM
  home=$1
  shift
  "$java" -cp "$class_path" "$@" kafka.tools.StorageTool format --cluster-id "$cluster" \
    --config "$home/server.properties" >"$home/log" 2>&1 &
  if wait $!; then
    "$java" -cp "$class_path" "$@" kafka.Kafka "$home/server.properties" >>"$home/log" 2>&1 &
    echo $! >"$home/pid"
    wait $!
  fi
  echo $? >"$home/exit"
}

nodes=
for home in "$dir"/node-*; do
  node "$home" "$@" &
  nodes="$nodes $!"
done
cat >/dev/null
kill $nodes 2>/dev/null
wait
rm -rf "$dir"
"#;

/// Runs the nodes below a directory; dropping it ends them and removes the directory.
#[derive(Debug)]
pub(crate) struct Supervisor {
    shell: Child,
    dir: PathBuf,
}

impl Supervisor {
    /// Formats and starts every `node-*` below `dir`.
    ///
    /// # Errors
    /// When there is no shell.
    pub(crate) fn start(kafka: &Kafka, dir: &Path, cluster_id: &str, java_options: &[String]) -> io::Result<Self> {
        let shell = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "kafka-cluster"])
            .arg(dir)
            .arg(kafka.java())
            .arg(kafka.class_path())
            .arg(cluster_id)
            .args(java_options)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            // Standard error stays ours: who reads it to its end knows that nothing is left.
            // Ctrl-C at a terminal goes to a whole process group: the shell must live on to clean up.
            .process_group(0)
            .spawn()?;
        Ok(Self { shell, dir: dir.to_owned() })
    }

    /// The folder of a node.
    pub(crate) fn home(&self, id: u16) -> PathBuf {
        self.dir.join(format!("node-{id}"))
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        // It fails only when somebody else has waited for our child, who then knows as much.
        let _ = self.shell.wait();
    }
}
