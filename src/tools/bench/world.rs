//! What every bench needs: a Postgres, a store on it, and a server in front of it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tokio::runtime::Runtime;

use super::BenchError;
use super::process::Process;
use crate::config::DatabaseConfig;
use crate::embedded::{Durability, Embedded, Restarts, Settings};
use crate::store::Store;
use crate::store::migrate::migrate;

/// Connections for the server, the naive buyers and the bench itself.
const CONNECTIONS_MAX: usize = 200;

/// Fields drop in this order: clients before the database, the database before its folder.
pub(super) struct World {
    pub(super) store: Store,
    pub(super) runtime: Runtime,
    url: String,
    _embedded: Option<Embedded>,
    _folder: Option<Folder>,
}

impl World {
    /// On the given database, or on a private one with all the safety of the real one.
    pub(super) fn start(config: &DatabaseConfig) -> Result<World, BenchError> {
        let (url, embedded, folder) = match &config.url {
            Some(url) => (url.clone(), None, None),
            None => {
                let folder = Folder::new()?;
                let embedded = Embedded::start_with(&settings(config, &folder))?;
                (embedded.url().to_owned(), Some(embedded), Some(folder))
            }
        };
        let runtime = Runtime::new().map_err(BenchError::io("start a runtime"))?;
        let store = runtime.block_on(async {
            migrate(config, &url).await?;
            Store::connect(config, &url).await
        })?;
        Ok(World {
            store,
            runtime,
            url,
            _embedded: embedded,
            _folder: folder,
        })
    }

    pub(super) fn server(&self) -> Result<(Process, SocketAddr), BenchError> {
        self.server_with(&[])
    }

    /// The same with other settings.
    pub(super) fn server_with(&self, args: &[&str]) -> Result<(Process, SocketAddr), BenchError> {
        Process::server(&self.url, args)
    }
}

fn settings(config: &DatabaseConfig, folder: &Folder) -> Settings {
    Settings {
        data_dir: folder.0.clone(),
        bin_dir: config.pg_bin_dir.clone(),
        connections_max: CONNECTIONS_MAX,
        durability: Durability::Safe,
        options: Vec::new(),
        start_timeout: Duration::from_millis(config.embedded_start_timeout_ms),
        stop_timeout: Duration::from_millis(config.embedded_stop_timeout_ms),
        restarts: Restarts::default(),
    }
}

/// A temporary folder, removed when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Folder, BenchError> {
        let name = format!("seatcast-bench-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).map_err(BenchError::io("make a temporary folder"))?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            eprintln!("{} could not be removed: {error}", self.0.display());
        }
    }
}
