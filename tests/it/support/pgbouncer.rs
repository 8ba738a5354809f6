//! PgBouncer (Debian's) before a Postgres of the tests.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use super::server::DEADLINE;

const PORT: u16 = 6_432;

/// It ends when dropped.
pub(crate) struct PgBouncer {
    url: String,
    process: Child,
    _folder: tempfile::TempDir,
}

impl PgBouncer {
    /// Before the Postgres of this URL, with further settings. Blocks until it takes connections.
    pub(crate) fn start(upstream: &str, settings: &str) -> PgBouncer {
        let (head, host) = upstream.split_once("?host=").expect("a socket's URL");
        let (host, rest) = host.split_once('&').expect("a user");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path();
        let config = format!(
            "[databases]\n* = host={host} user=seatcast\n[pgbouncer]\nlisten_addr =\nlisten_port = {PORT}\n\
             unix_socket_dir = {}\nauth_type = any\nmax_client_conn = 500\ndefault_pool_size = 40\n{settings}\n",
            path.display()
        );
        std::fs::write(path.join("pgbouncer.ini"), config).expect("a file");
        // Only who runs Postgres may reach its socket.
        let owner = std::fs::metadata(host).expect("the socket's folder");
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(path, open).expect("our folder");
        chown(path, Some(owner.uid()), Some(owner.gid())).expect("our folder");
        // Run from there: that user may not be able to read the project's folder.
        let program = path.join("pgbouncer");
        std::fs::copy(binary(), &program).expect("scripts/setup.sh test unpacks it");
        for library in libraries() {
            let name = library.file_name().expect("a file");
            std::fs::copy(&library, path.join(name)).expect("a copy");
        }
        let process = Command::new(program)
            .arg(path.join("pgbouncer.ini"))
            .env("LD_LIBRARY_PATH", path)
            .uid(owner.uid())
            .gid(owner.gid())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("pgbouncer starts");
        let socket = path.join(format!(".s.PGSQL.{PORT}"));
        let patience = Instant::now() + DEADLINE;
        while UnixStream::connect(&socket).is_err() {
            assert!(Instant::now() < patience, "pgbouncer does not answer");
            std::thread::yield_now();
        }
        PgBouncer {
            url: format!("{head}?host={}&port={PORT}&{rest}", path.display()),
            process,
            _folder: folder,
        }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn unpacked() -> &'static Path {
    Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/target/tools/pgbouncer"
    ))
}

/// Where `scripts/setup.sh` put it, else the system's.
fn binary() -> PathBuf {
    let folders = [unpacked().join("usr/sbin"), PathBuf::from("/usr/sbin")];
    let found = folders.map(|folder| folder.join("pgbouncer"));
    let found = found.into_iter().find(|binary| binary.is_file());
    found.unwrap_or_else(|| "pgbouncer".into())
}

/// Those that were unpacked with it.
fn libraries() -> Vec<PathBuf> {
    let paths = |folder: &Path| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect::<Vec<_>>()
    };
    let folders = paths(&unpacked().join("usr/lib"));
    let folders = folders.iter().filter(|path| path.is_dir());
    let files = folders.flat_map(|folder| paths(folder));
    files.filter(|path| path.is_file()).collect()
}
