//! `seatcast bench fanout|connections|holds|resume|presence|slow|nodes`: what Seatcast costs, beside a floor measured in the
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
mod lags;
mod metrics;
mod nodes;
mod presence;
mod process;
mod report;
mod resume;
mod scan;
mod slow;
mod viewers;
mod world;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

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
    /// A node is killed, and all of its viewers come back to another one, with `since`: how soon the
    /// last is current, and what the database was asked for it.
    Resume {
        /// How many viewers; each number is measured by itself.
        #[arg(long, value_delimiter = ',', default_value = VIEWERS)]
        viewers: Vec<usize>,
        #[command(flatten)]
        database: DatabaseConfig,
    },
    /// People who come and go at one event, over few connections, while viewers watch the count.
    Presence {
        /// How many watch.
        #[arg(long, default_value_t = 1_000)]
        viewers: usize,
        /// How many joins, and as many leaves, within ten seconds.
        #[arg(long, default_value_t = 100_000)]
        joins: usize,
        #[command(flatten)]
        database: DatabaseConfig,
    },
    /// A tenth of the viewers stops reading while the event changes 200 times a second: memory,
    /// and what the others notice.
    Slow {
        #[arg(long, default_value_t = 10_000)]
        viewers: usize,
        /// How long they do not read, in seconds; as long all of them read, for comparison.
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        #[command(flatten)]
        database: DatabaseConfig,
    },
    /// The same viewers on one node and on three: from the commit to the last of them.
    Nodes {
        /// How many viewers in all; each number is measured by itself.
        #[arg(long, value_delimiter = ',', default_value = VIEWERS)]
        viewers: Vec<usize>,
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
        /// What the kernel may keep of what one of them does not read.
        #[arg(long)]
        buffer_bytes: Option<usize>,
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
        BenchCommand::Resume { viewers, database } => resume::run(&viewers, &database),
        BenchCommand::Presence {
            viewers,
            joins,
            database,
        } => presence::run(viewers, joins, &database),
        BenchCommand::Slow {
            viewers,
            seconds,
            database,
        } => slow::run(viewers, Duration::from_secs(seconds), &database),
        BenchCommand::Nodes { viewers, database } => nodes::run(&viewers, &database),
        BenchCommand::Floor { connections, loops } => floor::send_loops(connections, loops),
        BenchCommand::Crowd {
            address,
            viewers,
            event,
            buffer_bytes,
        } => crowd::run(
            address,
            viewers,
            event.map_or(Greeting::Silent, Greeting::Join),
            buffer_bytes,
        ),
    }
}
