//! A throw-away Postgres: without fsync, in a temporary folder that goes with it.
//!
//! It ends and its folder is removed however the test binary ends: by the kernel's death signal,
//! and by a shell beside us that waits for our end of a pipe to close.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use seatcast::embedded::{Durability, Embedded, EmbeddedError, Restarts, Settings};

/// Connections for all tests that run at a time on the shared cluster.
const CONNECTIONS_MAX: usize = 1_000;

/// A shell script: once standard input ends, stops the Postgres in "$1" and removes the folder.
const REAPER: &str = r#"
    cat > /dev/null
    pid_file="$1/postgres/data/postmaster.pid"
    patience=200
    while [ -e "$pid_file" ] && [ "$patience" -gt 0 ]; do
        kill -INT "$(head -n 1 "$pid_file")" 2> /dev/null
        sleep 0.05
        patience=$((patience - 1))
    done
    umount -l "$1" 2> /dev/null
    rm -rf "$1"
"#;

/// A folder that Postgres's account can reach, removed when this process ends.
pub(crate) struct Scratch {
    dir: PathBuf,
    _reaper: ChildStdin,
}

impl Scratch {
    pub(crate) fn new() -> io::Result<Scratch> {
        use std::os::unix::fs::PermissionsExt;

        let dir = tempfile::Builder::new()
            .prefix("seatcast-test-")
            .permissions(std::fs::Permissions::from_mode(0o755))
            .tempdir()?
            .keep();
        let mut reaper = Command::new("sh")
            .args(["-c", REAPER, "reaper"])
            .arg(&dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C in the terminal should end us, and not Postgres at the same time.
            .process_group(0)
            .spawn()?;
        Ok(Scratch {
            dir,
            _reaper: reaper.stdin.take().expect("a piped stdin"),
        })
    }

    /// With a disk of its own of so many MiB; `None` where we may not mount one (it takes root).
    pub(crate) fn of_size(mebibytes: usize) -> Option<Scratch> {
        let scratch = Scratch::new().expect("a temporary folder and a shell");
        let size = format!("size={mebibytes}m,mode=755");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]);
        let mounted = mount.arg(&scratch.dir).stderr(Stdio::null()).status();
        mounted
            .is_ok_and(|status| status.success())
            .then_some(scratch)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.dir
    }

    fn ballast(&self) -> PathBuf {
        self.dir.join("ballast")
    }

    /// Takes what room there is.
    pub(crate) fn fill(&self) {
        let mut ballast = std::fs::File::create(self.ballast()).expect("a file");
        let full = io::copy(&mut io::repeat(0), &mut ballast).expect_err("a small disk");
        assert_eq!(full.kind(), io::ErrorKind::StorageFull);
    }

    pub(crate) fn make_room(&self) {
        std::fs::remove_file(self.ballast()).expect("it was filled");
    }
}

/// A Postgres that a test may stop, kill and start again. (Most need only a database on the
/// shared one: [`super::database::TestDatabase`].)
pub(crate) struct ThrowawayPostgres {
    url: String,
    orders: mpsc::Sender<ClusterOrder>,
    thread: Option<JoinHandle<()>>,
    scratch: Scratch,
}

enum ClusterOrder {
    Start(Vec<String>, mpsc::Sender<Result<String, EmbeddedError>>),
    Stop(mpsc::Sender<Result<(), EmbeddedError>>),
}

impl ThrowawayPostgres {
    /// Makes a cluster and starts it: about a second.
    pub(crate) fn start() -> Result<ThrowawayPostgres, EmbeddedError> {
        Self::start_in(Scratch::new().expect("a temporary folder and a shell"))
    }

    pub(crate) fn start_in(scratch: Scratch) -> Result<ThrowawayPostgres, EmbeddedError> {
        let (orders, inbox) = mpsc::channel();
        let settings = settings(scratch.path());
        // Starting and stopping block.
        let thread = std::thread::spawn(move || obey(&settings, &inbox));
        let mut postgres = ThrowawayPostgres {
            url: String::new(),
            orders,
            thread: Some(thread),
            scratch,
        };
        postgres.url = postgres.order(|reply| ClusterOrder::Start(Vec::new(), reply))?;
        Ok(postgres)
    }

    /// The URL of the database `seatcast`, empty at first. It stays the same after a restart.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn data_dir(&self) -> &Path {
        self.scratch.path()
    }

    /// Where its files are.
    pub(crate) fn cluster(&self) -> PathBuf {
        self.scratch.path().join("postgres/data")
    }

    pub(crate) fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    /// Stops it and starts it again. Blocks.
    pub(crate) fn restart(&self) -> Result<(), EmbeddedError> {
        self.stop()?;
        self.resume()
    }

    pub(crate) fn stop(&self) -> Result<(), EmbeddedError> {
        self.order(ClusterOrder::Stop)
    }

    pub(crate) fn resume(&self) -> Result<(), EmbeddedError> {
        self.resume_with(&[])
    }

    /// Starts it again with further settings, each `name=value`.
    pub(crate) fn resume_with(&self, options: &[String]) -> Result<(), EmbeddedError> {
        self.order(|reply| ClusterOrder::Start(options.to_vec(), reply))
            .map(drop)
    }

    fn order<T>(
        &self,
        order: impl FnOnce(mpsc::Sender<Result<T, EmbeddedError>>) -> ClusterOrder,
    ) -> Result<T, EmbeddedError> {
        let (reply, answer) = mpsc::channel();
        self.orders.send(order(reply)).expect("the thread lives");
        answer.recv().expect("the thread answers")
    }
}

impl Drop for ThrowawayPostgres {
    fn drop(&mut self) {
        let (orders, _) = mpsc::channel();
        self.orders = orders;
        if let Some(thread) = self.thread.take() {
            // It stops its Postgres when its inbox closes; a panic there was reported already.
            let _ = thread.join();
        }
    }
}

fn obey(settings: &Settings, inbox: &mpsc::Receiver<ClusterOrder>) {
    let mut running: Option<Embedded> = None;
    for order in inbox {
        match order {
            ClusterOrder::Start(options, reply) => {
                let settings = Settings {
                    options,
                    ..settings.clone()
                };
                let started = Embedded::start_with(&settings).map(|embedded| {
                    let url = embedded.url().to_owned();
                    running = Some(embedded);
                    url
                });
                let _ = reply.send(started);
            }
            ClusterOrder::Stop(reply) => {
                let stopped = running.take().map_or(Ok(()), Embedded::stop);
                let _ = reply.send(stopped);
            }
        }
    }
}

pub(crate) fn settings(data_dir: &Path) -> Settings {
    Settings {
        data_dir: data_dir.to_owned(),
        bin_dir: std::env::var_os("PG_BIN_DIR").map(PathBuf::from),
        connections_max: CONNECTIONS_MAX,
        durability: Durability::Throwaway,
        options: Vec::new(),
        start_timeout: Duration::from_secs(60),
        stop_timeout: Duration::from_secs(20),
        restarts: Restarts::default(),
    }
}
