//! `seatcast bench …`: the cost of each thing Seatcast does, beside a floor measured in the same run.
//!
//! The server is a child process, so its CPU and memory are its own; Postgres is a private one, or
//! the one given, in which a database is made and removed again. Everything stays on the loopback
//! and ends by itself. Figures of a debug build say nothing: build with `--release`.

mod all;
mod checkout;
mod client;
mod clock;
mod connections;
mod cores;
mod crowd;
mod deadlines;
mod fanout;
mod floor;
mod holds;
mod http;
mod latency;
mod metrics;
mod nodes;
mod overload;
mod postgres;
mod presence;
mod private;
mod process;
mod reads;
mod report;
mod resume;
mod show;
mod slow;
mod statement;
mod together;
mod usage;
mod webhooks;
mod world;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use crate::config::DatabaseConfig;
use crate::embedded::EmbeddedError;
use crate::store::StoreError;
use crate::ticketing::EventId;
use crowd::Greeting;
use report::Report;

/// Viewers that the figures are asked for.
const VIEWERS: &str = "1000,10000";
/// None, and the server's default.
const WINDOWS: &str = "0,50";

#[derive(Debug, Clone, clap::Args)]
pub struct BenchArgs {
    /// Fail if a target was missed. Without it a bench only says so.
    #[arg(long, global = true)]
    check: bool,
    #[command(subcommand)]
    command: BenchCommand,
}

#[derive(Debug, Clone, clap::Subcommand)]
pub enum BenchCommand {
    /// Every bench that has a target (all but `nodes`), and one table of them in the end.
    All {
        /// A third of the time, and a fifth of the rows of other events.
        #[arg(long)]
        short: bool,
        #[command(flatten)]
        database: DatabaseConfig,
    },
    /// Updates to many viewers of one event: CPU per delivery, deliveries a second, and how long
    /// after its commit the last viewer has a change.
    Fanout {
        /// How many viewers; each number is measured by itself.
        #[arg(long, value_delimiter = ',', default_value = VIEWERS)]
        viewers: Vec<usize>,
        /// The server's conflation windows, in milliseconds; each is measured by itself.
        #[arg(long, value_delimiter = ',', default_value = WINDOWS)]
        windows: Vec<u64>,
        #[command(flatten)]
        database: DatabaseConfig,
    },
    /// An event that changes 100 times a second before more viewers than the server's one core can
    /// tell each time: answers to heartbeats and joins, lag, memory.
    Overload {
        #[arg(long, default_value_t = 10_000)]
        viewers: usize,
        /// The server's conflation windows, in milliseconds; each is measured by itself.
        #[arg(long, value_delimiter = ',', default_value = WINDOWS)]
        windows: Vec<u64>,
        /// How long it changes, in seconds.
        #[arg(long, default_value_t = 15)]
        seconds: u64,
        #[command(flatten)]
        database: DatabaseConfig,
    },
    /// Bookings while many watch the event, beside the same without viewers.
    Together {
        #[arg(long, default_value_t = 64)]
        buyers: usize,
        #[arg(long, default_value_t = 10_000)]
        viewers: usize,
        /// How long is sold with viewers, and as long without, in seconds.
        #[arg(long, default_value_t = 9)]
        seconds: u64,
        #[command(flatten)]
        database: DatabaseConfig,
    },
    /// The time from a commit to the event's viewer, beside a raw LISTEN, and that of the committing
    /// statement, beside a bare one.
    Latency {
        /// How many events move; each number is measured by itself.
        #[arg(long, value_delimiter = ',', default_value = "1,100,1000")]
        events: Vec<usize>,
        /// How long they move, in seconds.
        #[arg(long, default_value_t = 10)]
        seconds: u64,
        #[command(flatten)]
        database: DatabaseConfig,
    },
    /// Statements over many rows: events with two ticket types each, made by one; 128 claims made by
    /// one, on more and more events.
    Statement {
        /// How many events one statement makes; each number is measured by itself.
        #[arg(long, value_delimiter = ',', default_value = "1000,2000,10000")]
        events: Vec<usize>,
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
    /// Bookings at the desk and by REST, beside a transaction for each.
    Holds {
        /// How many events they are spread over; each number is measured by itself.
        #[arg(long, value_delimiter = ',', default_value = "1,10,100,1000")]
        events: Vec<usize>,
        /// How many buyers at a time; each number is measured by itself.
        #[arg(long, value_delimiter = ',', default_value = "64")]
        buyers: Vec<usize>,
        /// How long each way sells, in seconds.
        #[arg(long, default_value_t = 6)]
        seconds: u64,
        /// Instead: one event, beside so many seats and as many bookings of others, and the same
        /// in an empty database.
        #[arg(long)]
        beside: Option<u32>,
        #[command(flatten)]
        database: DatabaseConfig,
    },
    /// Whole purchases (hold, pay by the demo's provider, tickets) by REST, and holds with all rules, beside holds that are
    /// a transaction each.
    Checkout {
        #[arg(long, default_value_t = 64)]
        buyers: usize,
        /// How long each way sells, in seconds.
        #[arg(long, default_value_t = 9)]
        seconds: u64,
        #[command(flatten)]
        database: DatabaseConfig,
    },
    /// Holds that all end at one instant, while buyers book: how long one of them waits.
    Deadlines {
        #[arg(long, default_value_t = 10_000)]
        holds: i64,
        #[arg(long, default_value_t = 16)]
        buyers: usize,
        /// How long before their end they are made, and how long is sold beside it, in seconds.
        #[arg(long, default_value_t = 6)]
        seconds: u64,
        #[command(flatten)]
        database: DatabaseConfig,
    },
    /// Webhooks that all come at once: how soon they are answered, and whether all payments end in tickets.
    Webhooks {
        #[arg(long, default_value_t = 1_000)]
        webhooks: usize,
        #[command(flatten)]
        database: DatabaseConfig,
    },
    /// Every read of REST beside many events, and of one with many seats, from outside.
    Reads {
        #[arg(long, default_value_t = 100_000)]
        events: u32,
        /// Of the one event that has seats; half of them are sold.
        #[arg(long, default_value_t = 100_000)]
        seats: u32,
        /// How often each read is asked for.
        #[arg(long, default_value_t = 200)]
        rounds: usize,
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
    /// The bare loop of `send()` that `fanout` compares with.
    #[command(hide = true)]
    Floor { connections: usize },
    /// The viewers, which the other benches start.
    #[command(hide = true)]
    Crowd {
        address: SocketAddr,
        viewers: usize,
        /// The events that they join, in turn; without any they only listen.
        #[arg(long, value_delimiter = ',')]
        events: Vec<EventId>,
        /// Receive buffer of each one's socket.
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
    #[error("the bench broke the database's promises: its figures are worth nothing")]
    Audit,
    #[error("{0} of the targets were missed")]
    Missed(usize),
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
pub fn run(BenchArgs { check, command }: BenchArgs) -> Result<(), BenchError> {
    let reports = measure(command)?;
    let missed: usize = reports.iter().map(Report::missed).sum();
    match check && missed > 0 {
        true => Err(BenchError::Missed(missed)),
        false => Ok(()),
    }
}

fn measure(command: BenchCommand) -> Result<Vec<Report>, BenchError> {
    let is_child = matches!(
        command,
        BenchCommand::Floor { .. } | BenchCommand::Crowd { .. }
    );
    if cfg!(debug_assertions) && !is_child {
        println!("This is a debug build: its figures say nothing. Build with --release.");
    }
    if !is_child {
        private::end_at_signals()?;
    }
    match command {
        BenchCommand::All { short, database } => all::run(short, &database),
        BenchCommand::Fanout {
            viewers,
            windows,
            database,
        } => fanout::run(&viewers, &windows, &database),
        BenchCommand::Overload {
            viewers,
            windows,
            seconds,
            database,
        } => {
            let time = Duration::from_secs(seconds);
            overload::run(viewers, &windows, time, &database)
        }
        BenchCommand::Together {
            buyers,
            viewers,
            seconds,
            database,
        } => {
            let time = Duration::from_secs(seconds);
            together::run(buyers, viewers, time, &database)
        }
        BenchCommand::Latency {
            events,
            seconds,
            database,
        } => latency::run(&events, Duration::from_secs(seconds), &database),
        BenchCommand::Statement { events, database } => statement::run(&events, &database),
        BenchCommand::Connections { viewers, database } => connections::run(&viewers, &database),
        BenchCommand::Holds {
            events,
            buyers,
            seconds,
            beside,
            database,
        } => {
            let time = Duration::from_secs(seconds);
            match beside {
                Some(rows) => holds::beside::run(rows, &buyers, time, &database),
                None => holds::run(&events, &buyers, time, &database),
            }
        }
        BenchCommand::Checkout {
            buyers,
            seconds,
            database,
        } => checkout::run(buyers, Duration::from_secs(seconds), &database),
        BenchCommand::Deadlines {
            holds,
            buyers,
            seconds,
            database,
        } => {
            let time = Duration::from_secs(seconds);
            deadlines::run(holds, buyers, time, &database)
        }
        BenchCommand::Webhooks { webhooks, database } => webhooks::run(webhooks, &database),
        BenchCommand::Reads {
            events,
            seats,
            rounds,
            database,
        } => reads::run(events, seats, rounds, &database),
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
        BenchCommand::Floor { connections } => floor::send_loop(connections).map(|()| Vec::new()),
        BenchCommand::Crowd {
            address,
            viewers,
            events,
            buffer_bytes,
        } => {
            let greeting = match events.is_empty() {
                true => Greeting::Silent,
                false => Greeting::Join(events),
            };
            crowd::run(address, viewers, greeting, buffer_bytes).map(|()| Vec::new())
        }
    }
}
