//! Servers of the tests' own in Node.js: processes that say where they listen in their first line.

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

pub(crate) struct NodeServer {
    /// The server's first line.
    pub(crate) said: Value,
    pub(crate) lines: Lines<BufReader<ChildStdout>>,
    /// It ends with this.
    pub(crate) process: Child,
}

impl NodeServer {
    /// `script`: below the project's root.
    pub(crate) async fn start(script: &str) -> NodeServer {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut process = Command::new("node")
            .arg(root.join(script))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("Node.js starts (scripts/setup.sh installs it)");
        let out = process.stdout.take().expect("it is piped");
        let mut lines = BufReader::new(out).lines();
        let line = lines.next_line().await.expect("it speaks");
        let said = serde_json::from_str(&line.expect("it lives")).expect("JSON");
        NodeServer {
            said,
            lines,
            process,
        }
    }
}
