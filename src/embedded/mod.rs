//! The private Postgres that runs when no database is given.
//!
//! It is started from the machine's binaries, keeps its data in a folder that survives restarts, listens only on a unix
//! socket in that folder, and ends with this process, however that ends. Where this process is root, it runs under
//! another account, since Postgres refuses root. A thread watches it ([`supervisor`]): when it ends by itself (killed,
//! or its disk was full), it is started again, more slowly each time; after too many tries the server ends as well.
//!
//! ```text
//! <data-dir>/postgres/     0700, of the account that Postgres runs as
//!   lock                   held (flock) by the server that owns the folder
//!   data/                  the cluster; data.new/ while it is being made
//!   .s.PGSQL.5432          the socket
//!   postgres.log           the log of this run; postgres.previous.log of the one before
//! ```

mod account;
mod binaries;
mod cluster;
mod error;
mod folder;
mod postmaster;
mod supervisor;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::geteuid;
use tokio_util::sync::CancellationToken;

use self::account::SystemAccount;
use self::binaries::Binaries;
use crate::config::DatabaseConfig;

pub(crate) use cluster::end_with_us;
pub use error::EmbeddedError;
pub use supervisor::Restarts;
use supervisor::Supervisor;

/// The database, and the superuser that owns it.
const DATABASE: &str = "seatcast";
/// Connections beyond our pool: the feed's, `psql`, tools, a second node on the same socket.
const SPARE_CONNECTIONS: usize = 32;

/// Data that may be lost when the machine (not the process) dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// No committed data: fsync is on.
    Safe,
    /// All of it: for clusters that are deleted after use.
    Throwaway,
}

/// How to run a private Postgres. [`Embedded::start`] derives it from the configuration.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The account that Postgres runs as must be able to reach its parents.
    pub data_dir: PathBuf,
    /// The folder of `initdb` and `postgres`; searched for if `None`.
    pub bin_dir: Option<PathBuf>,
    pub connections_max: usize,
    pub durability: Durability,
    /// Further settings of Postgres, each `name=value`. They win over ours.
    pub options: Vec<String>,
    /// Longest time of a start, crash recovery included.
    pub start_timeout: Duration,
    /// After this long an orderly stop becomes an immediate one.
    pub stop_timeout: Duration,
    pub restarts: Restarts,
}

/// A private Postgres that is not made yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prospect {
    pub dir: PathBuf,
    pub major: u32,
}

/// A private Postgres. Dropping it stops Postgres, if this process started it.
#[derive(Debug)]
pub struct Embedded {
    url: String,
    /// `None` when another process of ours runs it.
    supervisor: Option<Supervisor>,
}

impl Embedded {
    /// Starts Postgres, making its cluster on the first run, and from then on starts it again when it ends by
    /// itself. Blocks until it takes connections.
    pub fn start(config: &DatabaseConfig) -> Result<Embedded, EmbeddedError> {
        Self::start_with(&Settings::from_config(config)?)
    }

    /// Like [`Embedded::start`], but uses the Postgres of a server that runs on the same folder: for commands beside it
    /// (`audit`, `seed`, …).
    pub fn join_or_start(config: &DatabaseConfig) -> Result<Embedded, EmbeddedError> {
        let settings = Settings::from_config(config)?;
        match Self::start_with(&settings) {
            Err(EmbeddedError::InUse { dir }) if folder::postmaster_is_ready(&dir) => {
                Ok(Embedded {
                    url: url(&dir),
                    supervisor: None,
                })
            }
            started => started,
        }
    }

    /// Like [`Embedded::join_or_start`], but makes no cluster: for commands that only read.
    pub fn join_or_start_existing(config: &DatabaseConfig) -> Result<Embedded, EmbeddedError> {
        let data_dir = Settings::from_config(config)?.data_dir;
        match folder::is_missing(&data_dir) {
            true => Err(EmbeddedError::NoDatabase),
            false => Self::join_or_start(config),
        }
    }

    /// The private Postgres that the first start would make, where there is none yet. Touches nothing.
    ///
    /// # Errors
    /// There is none, and it could not be made.
    pub fn prospect(config: &DatabaseConfig) -> Result<Option<Prospect>, EmbeddedError> {
        let settings = Settings::from_config(config)?;
        if !folder::is_missing(&settings.data_dir) {
            return Ok(None);
        }
        let dir = settings.data_dir.join(folder::NAME);
        let account = SystemAccount::to_run_as(&dir)?;
        // Missing parents are made so that the account may enter them.
        let parent = dir.ancestors().skip(1).find(|parent| parent.exists());
        let below = parent.map(|parent| parent.join(folder::NAME));
        if let (Some(account), Some(below)) = (account, below)
            && let Some(barrier) = account.barrier_to(&below)
        {
            return Err(EmbeddedError::Unreachable {
                barrier: barrier.to_owned(),
                account: account.name,
            });
        }
        let binaries = Binaries::find(settings.bin_dir.as_deref(), None)?;
        Ok(Some(Prospect {
            major: binaries.major,
            dir,
        }))
    }

    /// Like [`Embedded::start`], with the caller's settings.
    pub fn start_with(settings: &Settings) -> Result<Embedded, EmbeddedError> {
        let (url, supervisor) = Supervisor::start(settings.clone())?;
        Ok(Embedded {
            url,
            supervisor: Some(supervisor),
        })
    }

    /// The URL for tokio-postgres and `psql`: `postgres:///seatcast?host=<folder>&user=seatcast`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Cancelled when Postgres ended by itself and could not be started again; [`Embedded::stop`] then returns the reason.
    /// Never cancelled if another process of ours runs it.
    pub fn lost(&self) -> CancellationToken {
        let supervisor = self.supervisor.as_ref();
        supervisor.map_or_else(CancellationToken::new, Supervisor::ended)
    }

    /// Stops Postgres: clients are disconnected, committed data is flushed.
    ///
    /// # Errors
    /// It does not stop, or was lost before.
    pub fn stop(mut self) -> Result<(), EmbeddedError> {
        match &mut self.supervisor {
            Some(supervisor) => supervisor.stop(),
            None => Ok(()),
        }
    }
}

impl Settings {
    fn from_config(config: &DatabaseConfig) -> Result<Settings, EmbeddedError> {
        Ok(Settings {
            data_dir: config
                .data_dir_or_default(geteuid().is_root())
                .ok_or(EmbeddedError::NoHome)?,
            bin_dir: config.pg_bin_dir.clone(),
            connections_max: config.pool_connections_max + SPARE_CONNECTIONS,
            durability: Durability::Safe,
            options: Vec::new(),
            start_timeout: Duration::from_millis(config.embedded_start_timeout_ms),
            stop_timeout: Duration::from_millis(config.embedded_stop_timeout_ms),
            restarts: Restarts {
                tries_max: config.embedded_starts_max,
                ..Restarts::default()
            },
        })
    }
}

fn url(dir: &Path) -> String {
    use std::fmt::Write;
    use std::os::unix::ffi::OsStrExt;

    let mut host = String::new();
    for &byte in dir.as_os_str().as_bytes() {
        match byte {
            b'/' | b'-' | b'_' | b'.' | b'~' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                host.push(byte.into());
            }
            _ => {
                let _ = write!(host, "%{byte:02X}");
            }
        }
    }
    format!("postgres:///{DATABASE}?host={host}&user={DATABASE}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_escapes_what_a_folder_may_be_called() {
        let url = url(Path::new("/tmp/a b&c/postgres"));
        assert_eq!(
            url,
            "postgres:///seatcast?host=/tmp/a%20b%26c/postgres&user=seatcast"
        );
    }
}
