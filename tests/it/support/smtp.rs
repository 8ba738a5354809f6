//! A real SMTP server of the test's own, from PyPI: see `smtp.py` for what it does with which address.

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

use super::server::DEADLINE;

pub(crate) struct Smtp {
    port: u16,
    mails: mpsc::UnboundedReceiver<String>,
    _server: Child,
}

impl Smtp {
    pub(crate) async fn start() -> Smtp {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut server = Command::new(root.join("target/tools/smtp/bin/python"))
            .arg(root.join("tests/it/support/smtp.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("python starts (scripts/setup.sh test installs it)");
        let said = server.stdout.take().expect("it is piped");
        let mut lines = BufReader::new(said).lines();
        let port = lines.next_line().await.expect("it speaks");
        // Read at once: a server whose pipe is full takes no more mails.
        let (read, mails) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                if read.send(line).is_err() {
                    return;
                }
            }
        });
        Smtp {
            port: port.expect("it lives").parse().expect("a port"),
            mails,
            _server: server,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }

    /// The next mail that is taken.
    pub(crate) async fn mail(&mut self) -> Value {
        let line = tokio::time::timeout(DEADLINE, self.mails.recv()).await;
        let line = line.expect("a mail comes").expect("it lives");
        serde_json::from_str(&line).expect("JSON")
    }
}
