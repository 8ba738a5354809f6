//! The folder of a private Postgres: made, given to the right account, locked, and cleared of
//! what a killed predecessor left.

use std::fs::{File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, geteuid, kill_process};

use super::EmbeddedError;
use super::account::SystemAccount;

/// Below `data_dir`.
pub(super) const NAME: &str = "postgres";
const SOCKET: &str = ".s.PGSQL.5432";
/// `sun_path` has 108 bytes, the last one is NUL.
const SOCKET_PATH_BYTES_MAX: usize = 107;
/// Time that another server which is just ending may keep the lock.
const LOCK_PATIENCE: Duration = Duration::from_secs(3);
/// Time that a leftover Postgres has for a fast shutdown, and then for an immediate one.
const LEFTOVER_PATIENCE: Duration = Duration::from_secs(10);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// A locked folder. The kernel releases the lock when this process ends.
#[derive(Debug)]
pub(super) struct Folder {
    dir: PathBuf,
    _lock: File,
}

/// The folder below `data_dir`, as an absolute path without links: /proc is searched for it.
/// A sub-folder of our own, so that the caller's may have any mode, owner and content.
pub(super) fn place(data_dir: &Path) -> Result<PathBuf, EmbeddedError> {
    if !data_dir.exists() {
        std::fs::create_dir_all(data_dir).map_err(EmbeddedError::file("make", data_dir))?;
        // Root's umask may be narrow, and another account has to pass.
        std::fs::set_permissions(data_dir, Permissions::from_mode(0o755))
            .map_err(EmbeddedError::file("open", data_dir))?;
    }
    let dir = data_dir
        .canonicalize()
        .map_err(EmbeddedError::file("find", data_dir))?
        .join(NAME);
    let socket = dir.join(SOCKET);
    match socket.as_os_str().len().checked_sub(SOCKET_PATH_BYTES_MAX) {
        None | Some(0) => Ok(dir),
        Some(excess) => Err(EmbeddedError::PathTooLong { socket, excess }),
    }
}

/// Whether there is certainly no cluster below `data_dir`: a folder without read permission is reported when it is opened.
pub(super) fn is_missing(data_dir: &Path) -> bool {
    let version = data_dir.join(NAME).join("data/PG_VERSION");
    matches!(version.try_exists(), Ok(false))
}

impl Folder {
    pub(super) fn open(
        dir: &Path,
        account: Option<&SystemAccount>,
    ) -> Result<Folder, EmbeddedError> {
        if let Some(account) = account
            && let Some(barrier) = account.barrier_to(dir)
        {
            return Err(EmbeddedError::Unreachable {
                barrier: barrier.to_owned(),
                account: account.name.clone(),
            });
        }
        own(dir, account)?;
        let lock = lock(dir, account)?;
        Ok(Folder {
            dir: dir.to_owned(),
            _lock: lock,
        })
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// The folder in which a cluster is made before it is renamed, so that an unfinished one is never used.
    pub(super) fn unfinished_data(&self) -> PathBuf {
        self.dir.join("data.new")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.dir.join("postgres.log")
    }

    pub(super) fn previous_log(&self) -> PathBuf {
        self.dir.join("postgres.previous.log")
    }

    /// The major version that made the data, and the data's path; `None` before the first run.
    pub(super) fn major(&self) -> Result<Option<(u32, &Path)>, EmbeddedError> {
        let path = self.data().join("PG_VERSION");
        match std::fs::read_to_string(&path) {
            Ok(major) => Ok(major.trim().parse().ok().map(|major| (major, self.dir()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(EmbeddedError::file("read", path)(error)),
        }
    }

    /// Ends a Postgres that outlived its server, and removes its lock files. Call it with the folder locked: any Postgres
    /// that runs in it then has no server.
    pub(super) fn end_leftovers(&self) -> Result<(), EmbeddedError> {
        for signal in [Signal::INT, Signal::QUIT] {
            // Only the postmaster understands these signals in this way; its children end with it.
            for postmaster in postmasters(&self.data()) {
                // It may have ended by itself.
                let _ = kill_process(postmaster, signal);
            }
            if self.wait_until_empty() {
                break;
            }
        }
        let pids = processes(&self.data());
        if !pids.is_empty() {
            let pids = pids.iter().map(|process| process.pid.to_string());
            return Err(EmbeddedError::LeftoverLives {
                dir: self.dir.clone(),
                pids: pids.collect::<Vec<_>>().join(", "),
            });
        }
        // Postgres refuses to start on a postmaster.pid whose process is a zombie nobody reaps.
        for file in [
            self.data().join("postmaster.pid"),
            self.dir.join(SOCKET),
            self.dir.join(format!("{SOCKET}.lock")),
        ] {
            remove(std::fs::remove_file(&file), &file)?;
        }
        let unfinished = self.unfinished_data();
        remove(std::fs::remove_dir_all(&unfinished), &unfinished)
    }

    fn wait_until_empty(&self) -> bool {
        let deadline = Instant::now() + LEFTOVER_PATIENCE;
        while !processes(&self.data()).is_empty() {
            if Instant::now() > deadline {
                return false;
            }
            std::thread::sleep(POLL_INTERVAL);
        }
        true
    }
}

/// Makes the folder if needed, gives it to the account, and closes it to all others: Postgres trusts every process that
/// can reach the socket in it.
fn own(dir: &Path, account: Option<&SystemAccount>) -> Result<(), EmbeddedError> {
    std::fs::create_dir_all(dir).map_err(EmbeddedError::file("make", dir))?;
    let us = geteuid().as_raw();
    let owner = std::fs::metadata(dir)
        .map_err(EmbeddedError::file("read", dir))?
        .uid();
    let wanted = account.map_or(us, |account| account.uid);
    if owner != wanted && owner != us {
        return Err(EmbeddedError::NotOurs {
            dir: dir.to_owned(),
            owner,
            account: account.map_or(format!("uid {us}"), |account| account.name.clone()),
        });
    }
    give(dir, account)?;
    std::fs::set_permissions(dir, Permissions::from_mode(0o700))
        .map_err(EmbeddedError::file("protect", dir))
}

/// Gives a file that we made to the account that Postgres runs as.
pub(super) fn give(path: &Path, account: Option<&SystemAccount>) -> Result<(), EmbeddedError> {
    match account {
        Some(account) => chown(path, Some(account.uid), Some(account.gid))
            .map_err(EmbeddedError::file("give away", path)),
        None => Ok(()),
    }
}

fn lock(dir: &Path, account: Option<&SystemAccount>) -> Result<File, EmbeddedError> {
    let path = dir.join("lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(EmbeddedError::file("open", &path))?;
    give(&path, account)?;
    let deadline = Instant::now() + LOCK_PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                std::thread::sleep(POLL_INTERVAL);
            }
            Err(TryLockError::WouldBlock) => {
                return Err(EmbeddedError::InUse {
                    dir: dir.to_owned(),
                });
            }
            Err(TryLockError::Error(error)) => {
                return Err(EmbeddedError::file("lock", path)(error));
            }
        }
    }
}

fn remove(done: io::Result<()>, path: &Path) -> Result<(), EmbeddedError> {
    match done {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(EmbeddedError::file("remove", path)(error))
        }
        _ => Ok(()),
    }
}

/// Whether `postmaster.pid` in the folder says that Postgres takes connections.
pub(super) fn postmaster_is_ready(dir: &Path) -> bool {
    std::fs::read_to_string(dir.join("data/postmaster.pid"))
        .is_ok_and(|file| parse_ready(&file).is_some())
}

/// The pid in a `postmaster.pid` whose eighth line is `ready`.
pub(super) fn parse_ready(file: &str) -> Option<u32> {
    let mut lines = file.lines();
    let pid = lines.next()?.trim().parse().ok()?;
    (lines.nth(6)?.trim() == "ready").then_some(pid)
}

struct Process {
    pid: i32,
    parent: i32,
}

/// Device and inode, which identify a folder. The text of `/proc/PID/cwd` does not: the same path names another folder
/// in another root or container.
fn identity(folder: &Path) -> Option<(u64, u64)> {
    let found = std::fs::metadata(folder).ok()?;
    Some((found.dev(), found.ino()))
}

/// The Postgres processes that work in `data`. `kill(pid, 0)` would also find zombies; they have
/// no working directory any more.
fn processes(data: &Path) -> Vec<Process> {
    let Some(ours) = identity(data) else {
        return Vec::new();
    };
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let proc = entry.path();
            let pid = entry.file_name().to_str()?.parse().ok()?;
            if identity(&proc.join("cwd"))? != ours {
                return None;
            }
            // `pid (name) state parent …`. A shell may have this working directory as well.
            let stat = std::fs::read_to_string(proc.join("stat")).ok()?;
            let (name, rest) = stat.split_once('(')?.1.rsplit_once(") ")?;
            let parent = rest.split(' ').nth(1)?.parse().ok()?;
            name.starts_with("postgres")
                .then_some(Process { pid, parent })
        })
        .collect()
}

fn postmasters(data: &Path) -> Vec<Pid> {
    let all = processes(data);
    let is_ours = |pid: i32| all.iter().any(|process| process.pid == pid);
    all.iter()
        .filter(|process| !is_ours(process.parent))
        .filter_map(|process| Pid::from_raw(process.pid))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_is_the_eighth_line() {
        let file = "4711\n/data\n1763712000\n5432\n/run\n\n  1234  5\nready   \n";
        assert_eq!(parse_ready(file), Some(4711));
        assert_eq!(parse_ready(&file.replace("ready", "starting")), None);
        assert_eq!(parse_ready("4711\n/data\n"), None);
    }
}
