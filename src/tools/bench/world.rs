//! The setting of every bench: a Postgres, a database of its own in it, and servers in front of it.

use std::cell::{Cell, RefCell};
use std::iter;
use std::net::SocketAddr;

use tokio::runtime::Runtime;

use super::BenchError;
use super::postgres::Postgres;
use super::private::PrivatePostgres;
use super::process::BenchProcess;
use super::report::Report;
use crate::config::DatabaseConfig;
use crate::store::Store;
use crate::store::audit::audit;
use crate::store::migrate::migrate;
use crate::store::yardstick::{drop_database, make_database};

/// Connections for servers and the bench itself, beside those that a bench says it needs.
const SPARE_CONNECTIONS: usize = 100;

/// Fields drop in this order: clients before the database.
pub(super) struct BenchWorld {
    pub(super) store: Store,
    pub(super) runtime: Runtime,
    pub(super) postgres: Postgres,
    url: String,
    config: DatabaseConfig,
    /// Address of the Postgres, and how many databases were made in it.
    server_url: String,
    made: Cell<u32>,
    /// The stores of all but the first.
    beside: RefCell<Vec<Store>>,
    private: Option<PrivatePostgres>,
}

/// Another database of the same Postgres.
pub(super) struct Beside {
    pub(super) store: Store,
    url: String,
}

impl BenchWorld {
    /// Runs a bench on the given Postgres, or on a private one with all the safety of the real one;
    /// in either case in databases that are made for this and removed afterwards. `connections` is
    /// how many it needs for itself. Its databases are audited in the end, without exception:
    /// figures of one that broke its promises are worth nothing.
    pub(super) fn audited(
        config: &DatabaseConfig,
        connections: usize,
        bench: impl FnOnce(&BenchWorld) -> Result<Vec<Report>, BenchError>,
    ) -> Result<Vec<Report>, BenchError> {
        let world = Self::start(config, connections)?;
        let reports = bench(&world)?;
        world.audit()?;
        Ok(reports)
    }

    fn start(config: &DatabaseConfig, connections: usize) -> Result<BenchWorld, BenchError> {
        let (server_url, private) = match config.given_url() {
            Some(url) => (url.to_owned(), None),
            None => {
                let connections_max = connections + SPARE_CONNECTIONS;
                let (private, url) = PrivatePostgres::start(config, connections_max)?;
                (url, Some(private))
            }
        };
        let runtime = Runtime::new().map_err(BenchError::io("start a runtime"))?;
        let made = Cell::new(0);
        let (store, url) = runtime.block_on(another(config, &server_url, &made))?;
        let backend = runtime.block_on(store.backend())?;
        Ok(BenchWorld {
            store,
            runtime,
            postgres: Postgres::of_backend(backend)?,
            url,
            config: config.clone(),
            server_url,
            made,
            beside: RefCell::default(),
            private,
        })
    }

    /// Another database, empty as the first one was.
    pub(super) fn beside(&self) -> Result<Beside, BenchError> {
        let another = another(&self.config, &self.server_url, &self.made);
        let (store, url) = self.runtime.block_on(another)?;
        self.beside.borrow_mut().push(store.clone());
        Ok(Beside { store, url })
    }

    pub(super) fn server(&self) -> Result<(BenchProcess, SocketAddr), BenchError> {
        self.server_with(&[])
    }

    /// The same with other settings.
    pub(super) fn server_with(
        &self,
        args: &[&str],
    ) -> Result<(BenchProcess, SocketAddr), BenchError> {
        BenchProcess::server(&self.url, args)
    }

    fn audit(&self) -> Result<(), BenchError> {
        let beside = self.beside.borrow();
        for store in iter::once(&self.store).chain(beside.iter()) {
            let report = self.runtime.block_on(audit(store))?;
            println!("audit: {report}");
            if !report.is_clean() {
                return Err(BenchError::Audit);
            }
        }
        Ok(())
    }
}

impl Beside {
    pub(super) fn server(&self) -> Result<(BenchProcess, SocketAddr), BenchError> {
        BenchProcess::server(&self.url, &[])
    }
}

impl Drop for BenchWorld {
    fn drop(&mut self) {
        // A private Postgres goes as a whole.
        if self.private.is_some() {
            return;
        }
        for store in iter::once(&self.store).chain(self.beside.borrow().iter()) {
            self.runtime.block_on(store.close());
        }
        for number in 1..=self.made.get() {
            let name = name(number);
            let dropped = drop_database(&self.config, &self.server_url, &name);
            if let Err(error) = self.runtime.block_on(dropped) {
                eprintln!("{name} could not be removed: {error}");
            }
        }
    }
}

async fn another(
    config: &DatabaseConfig,
    server_url: &str,
    made: &Cell<u32>,
) -> Result<(Store, String), BenchError> {
    let number = made.get() + 1;
    let url = make_database(config, server_url, &name(number)).await?;
    made.set(number);
    migrate(config, &url).await?;
    Ok((Store::connect(config, &url).await?, url))
}

fn name(number: u32) -> String {
    format!("seatcast_bench_{}_{number}", std::process::id())
}
