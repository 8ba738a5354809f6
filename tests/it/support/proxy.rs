//! The proxies that people put before Seatcast (Debian's), with the files of `ops/proxy`.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use super::free_port;
use super::server::DEADLINE;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Nginx,
    HaProxy,
    Caddy,
}

/// It ends when dropped.
pub(crate) struct Proxy {
    address: SocketAddr,
    process: Child,
    _folder: tempfile::TempDir,
}

impl Proxy {
    /// With its file of `ops/proxy`, in which only the ports are others, before a server. Blocks until it takes
    /// connections.
    pub(crate) fn start(kind: Kind, upstream: SocketAddr) -> Proxy {
        Self::start_changed(kind, upstream, |config| config)
    }

    pub(crate) fn start_changed(
        kind: Kind,
        upstream: SocketAddr,
        change: impl FnOnce(String) -> String,
    ) -> Proxy {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let folder = tempfile::tempdir().expect("a temporary folder");
        let shipped = change(shipped(kind));
        let config = written(kind, &shipped, address, upstream, folder.path());
        let process = command(kind, &config, folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("the proxy starts (scripts/setup.sh test installs it)");
        let mut proxy = Proxy {
            address,
            process,
            _folder: folder,
        };
        let patience = Instant::now() + DEADLINE;
        while TcpStream::connect(address).is_err() {
            assert!(Instant::now() < patience, "{kind:?} does not answer");
            let ended = proxy.process.try_wait().expect("it is ours");
            assert!(ended.is_none(), "{kind:?} ended: {ended:?}");
            std::thread::yield_now();
        }
        proxy
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn shipped(kind: Kind) -> String {
    let file = match kind {
        Kind::Nginx => "nginx.conf",
        Kind::HaProxy => "haproxy.cfg",
        Kind::Caddy => "Caddyfile",
    };
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("ops/proxy")
        .join(file);
    fs::read_to_string(path).expect("a file of ops/proxy")
}

/// Writes the shipped file with these addresses, and what surrounds it on a machine.
fn written(
    kind: Kind,
    shipped: &str,
    address: SocketAddr,
    upstream: SocketAddr,
    folder: &Path,
) -> PathBuf {
    let (listens, ours) = match kind {
        Kind::Nginx => ("listen 80;", format!("listen {address};")),
        Kind::HaProxy => ("bind :80\n", format!("bind {address}\n")),
        Kind::Caddy => ("tickets.example.org {", format!("http://{address} {{")),
    };
    assert_eq!(shipped.matches(listens).count(), 1, "{listens}");
    assert!(shipped.contains("127.0.0.1:8000"));
    let shipped = shipped.replace(listens, &ours);
    let shipped = shipped.replace("127.0.0.1:8000", &upstream.to_string());
    let own = folder.display();
    let whole = match kind {
        // One process, so that nothing outlives it when it is killed.
        Kind::Nginx => format!(
            "daemon off; master_process off; pid {own}/pid; error_log stderr;\nevents {{}}\n\
             http {{\naccess_log off; client_body_temp_path {own}/body; proxy_temp_path {own}/proxy;\n\
             fastcgi_temp_path {own}/fastcgi; scgi_temp_path {own}/scgi; uwsgi_temp_path {own}/uwsgi;\n{shipped}\n}}\n"
        ),
        Kind::HaProxy => format!("global\n    maxconn 200\n{shipped}"),
        Kind::Caddy => {
            format!("{{\n\tadmin off\n\tauto_https off\n}}\n{shipped}")
        }
    };
    let path = folder.join("config");
    fs::write(&path, whole).expect("a file");
    path
}

fn command(kind: Kind, config: &Path, folder: &Path) -> Command {
    let unpacked = unpacked();
    let program = |path: &str| {
        let found = [unpacked.join(path), Path::new("/").join(path)];
        found.into_iter().find(|path| path.is_file())
    };
    let libraries = unpacked.join("usr/lib/x86_64-linux-gnu");
    let mut command = match kind {
        Kind::Nginx => {
            let mut command = Command::new(program("usr/sbin/nginx").unwrap_or("nginx".into()));
            command.args(["-e", "stderr", "-c"]).arg(config);
            command
        }
        Kind::HaProxy => {
            let mut command = Command::new(program("usr/sbin/haproxy").unwrap_or("haproxy".into()));
            command.args(["-db", "-f"]).arg(config);
            command
        }
        Kind::Caddy => {
            let mut command = Command::new(program("usr/bin/caddy").unwrap_or("caddy".into()));
            command.args(["run", "--adapter", "caddyfile", "--config"]);
            command.arg(config).stderr(Stdio::null());
            command
        }
    };
    command
        .env("LD_LIBRARY_PATH", libraries)
        .env("HOME", folder)
        .current_dir(folder);
    command
}

/// Where `scripts/setup.sh` put them.
fn unpacked() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/proxies")
}
