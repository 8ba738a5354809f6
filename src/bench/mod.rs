//! `seatcast bench fanout|connections|holds`: what Seatcast costs, beside a floor measured in the
//! same run.
//!
//! The server is a child process, so its CPU and memory are its own; Postgres is a private one, or
//! the one given. Everything stays on the loopback and ends by itself. Figures of a debug build
//! say nothing: build with `--release`.

mod connections;
mod crowd;
mod fanout;
mod floor;
mod holds;
mod process;
mod report;
mod scan;
mod viewers;
mod world;

use std::io;
use std::net::SocketAddr;

use crate::config::DatabaseConfig;
use crate::embedded::EmbeddedError;
use crate::store::StoreError;
use crate::ticketing::EventId;
use crowd::Greeting;

/// Viewers that the figures are asked for.
const VIEWERS: &str = "1000,10000";

#[derive(Debug, Clone, clap::Subcommand)]
pub enum BenchCommand {
    /// Updates to many viewers of one event: CPU per delivery, deliveries a second, and how long
    /// after its commit the last viewer has a change.
    Fanout {
        /// How many viewers; each number is measured by itself.
        #[arg(long, value_delimiter = ',', default_value = VIEWERS)]
        viewers: Vec<usize>,
        #[command(flatten)]
        database: DatabaseConfig,
    },
    /// Memory and CPU of connections that joined an event and wait.
    Connections {
        /// How many connections; each number is measured by itself.
        #[arg(long, value_delimiter = ',', default_value = VIEWERS)]
        viewers: Vec<usize>,
        #[command(flatten)]
        database: DatabaseConfig,
    },
    /// Holds on one hot event: at the desk and by REST, beside the naive transaction.
    Holds {
        /// How many buyers at a time; each number is measured by itself.
        #[arg(long, value_delimiter = ',', default_value = "1,64")]
        buyers: Vec<usize>,
        #[command(flatten)]
        database: DatabaseConfig,
    },
    /// The bare loops of `send()` that `fanout` compares with.
    #[command(hide = true)]
    Floor { connections: usize, loops: usize },
    /// The viewers, which the other benches start.
    #[command(hide = true)]
    Crowd {
        address: SocketAddr,
        viewers: usize,
        /// What they join; without it they only listen.
        event: Option<EventId>,
    },
}

#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    #[error(transparent)]
    Embedded(#[from] EmbeddedError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the server does not answer")]
    Http(#[from] hyper::Error),
    #[error("{0}")]
    Child(&'static str),
    #[error(
        "{needed} open files are needed, but this process may have no more than {maximum}: raise \
         the limit (ulimit -Hn) or give fewer --viewers"
    )]
    Files { needed: u64, maximum: u64 },
    #[error("cannot {action}")]
    Io {
        action: &'static str,
        #[source]
        source: io::Error,
    },
}

impl BenchError {
    fn io(action: &'static str) -> impl FnOnce(io::Error) -> BenchError {
        move |source| BenchError::Io { action, source }
    }
}

/// Measures and prints. Call it on the main thread, outside of any runtime: it may start a
/// Postgres.
pub fn run(command: BenchCommand) -> Result<(), BenchError> {
    let is_child = matches!(
        command,
        BenchCommand::Floor { .. } | BenchCommand::Crowd { .. }
    );
    if cfg!(debug_assertions) && !is_child {
        println!("This is a debug build: its figures say nothing. Build with --release.");
    }
    match command {
        BenchCommand::Fanout { viewers, database } => fanout::run(&viewers, &database),
        BenchCommand::Connections { viewers, database } => connections::run(&viewers, &database),
        BenchCommand::Holds { buyers, database } => holds::run(&buyers, &database),
        BenchCommand::Floor { connections, loops } => floor::send_loops(connections, loops),
        BenchCommand::Crowd {
            address,
            viewers,
            event,
        } => crowd::run(
            address,
            viewers,
            event.map_or(Greeting::Silent, Greeting::Join),
        ),
    }
}
