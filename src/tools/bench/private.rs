//! The private Postgres of a bench in a temporary folder. Both go with the bench, also when a signal ends it.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

use super::BenchError;
use crate::config::DatabaseConfig;
use crate::embedded::{Durability, Embedded, Restarts, Settings};

/// The one that runs: a process has one bench at a time. Locked while it is started or stopped, so that a signal waits for
/// that.
static RUNNING: Mutex<Option<FolderPostgres>> = Mutex::new(None);

/// Fields drop in this order: the database before its folder.
struct FolderPostgres {
    _embedded: Embedded,
    _folder: BenchFolder,
}

/// Ends the private Postgres when dropped.
pub(super) struct PrivatePostgres(());

impl PrivatePostgres {
    /// With all the safety of a real one. Returns its URL, too.
    pub(super) fn start(
        config: &DatabaseConfig,
        connections_max: usize,
    ) -> Result<(PrivatePostgres, String), BenchError> {
        let mut running = running();
        let folder = BenchFolder::new()?;
        let embedded = Embedded::start_with(&Settings {
            data_dir: folder.0.clone(),
            bin_dir: config.pg_bin_dir.clone(),
            connections_max,
            durability: Durability::Safe,
            options: Vec::new(),
            start_timeout: Duration::from_millis(config.embedded_start_timeout_ms),
            stop_timeout: Duration::from_millis(config.embedded_stop_timeout_ms),
            restarts: Restarts::default(),
        })?;
        let url = embedded.url().to_owned();
        *running = Some(FolderPostgres {
            _embedded: embedded,
            _folder: folder,
        });
        Ok((PrivatePostgres(()), url))
    }
}

impl Drop for PrivatePostgres {
    fn drop(&mut self) {
        running().take();
    }
}

fn running() -> MutexGuard<'static, Option<FolderPostgres>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on SIGINT and SIGTERM remove the private Postgres before they end this process. Its children end with it.
pub(super) fn end_at_signals() -> Result<(), BenchError> {
    let no_signals = BenchError::io("wait for signals");
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(BenchError::io("start a runtime"))?;
    let within = runtime.enter();
    let kinds = [SignalKind::interrupt(), SignalKind::terminate()];
    let [interrupt, terminate] = kinds.map(signal);
    let (mut interrupt, mut terminate) = interrupt
        .and_then(|interrupt| Ok((interrupt, terminate?)))
        .map_err(no_signals)?;
    drop(within);
    std::thread::spawn(move || {
        let signal = runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => SignalKind::interrupt(),
                _ = terminate.recv() => SignalKind::terminate(),
            }
        });
        // Kept locked, since the main thread may be on its way out as well.
        let mut running = running();
        running.take();
        std::process::exit(128 + signal.as_raw_value());
    });
    Ok(())
}

/// A temporary folder, removed when dropped.
struct BenchFolder(PathBuf);

impl BenchFolder {
    fn new() -> Result<BenchFolder, BenchError> {
        let name = format!("seatcast-bench-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).map_err(BenchError::io("make a temporary folder"))?;
        Ok(BenchFolder(path))
    }
}

impl Drop for BenchFolder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            eprintln!("{} could not be removed: {error}", self.0.display());
        }
    }
}
