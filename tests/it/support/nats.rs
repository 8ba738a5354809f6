//! A NATS server of the test's own (Debian's `nats-server`), which can be killed and started again under the same
//! address.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use super::free_port;
use super::server::DEADLINE;

pub(crate) struct Nats {
    address: SocketAddr,
    server: Option<Child>,
}

impl Nats {
    /// Blocks until it answers.
    pub(crate) fn start() -> Nats {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let mut nats = Nats {
            address,
            server: None,
        };
        nats.restart();
        nats
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://{}", self.address)
    }

    /// Sends SIGKILL.
    pub(crate) fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill().expect("it lived");
            server.wait().expect("it is ours");
        }
    }

    pub(crate) fn restart(&mut self) {
        self.kill();
        let port = self.address.port().to_string();
        let server = Command::new(binary())
            .args(["--addr", "127.0.0.1", "--port", &port])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nats-server starts (scripts/setup.sh test installs it)");
        self.server = Some(server);
        let patience = Instant::now() + DEADLINE;
        while TcpStream::connect(self.address).is_err() {
            assert!(Instant::now() < patience, "nats-server does not answer");
            std::thread::yield_now();
        }
    }

    pub(crate) async fn client(&self) -> async_nats::Client {
        async_nats::connect(self.url()).await.expect("NATS")
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The binary where Debian or `scripts/setup.sh` put it, else the one in the PATH.
fn binary() -> PathBuf {
    let ours = concat!(env!("CARGO_MANIFEST_DIR"), "/target/tools/nats/usr/sbin");
    let folders = [ours, "/usr/sbin"].map(PathBuf::from);
    let found = folders.map(|folder| folder.join("nats-server"));
    let found = found.into_iter().find(|binary| binary.is_file());
    found.unwrap_or_else(|| "nats-server".into())
}
