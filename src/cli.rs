//! The command line: the arguments of each command, and the one function that it calls.
//!
//! A command that needs a database uses the one it is given, or else the private Postgres, which is started here and
//! stopped when the command is done.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use jiff::{Span, SpanRelativeTo};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::auth::{Auth, Role};
use crate::config::{AuthConfig, Config, DatabaseConfig};
use crate::descriptors;
use crate::embedded::{Embedded, EmbeddedError};
use crate::store::Store;
use crate::store::audit::audit;
use crate::store::doctor::{Condition, Diagnosis};
use crate::store::migrate::migrate;
use crate::store::seed::seed;
use crate::store::start::until_ready;
use crate::telemetry::{self, LogConfig, LogFormat};
use crate::ticketing::UserId;
use crate::tools::bench::BenchArgs;
use crate::tools::watch::WatchOptions;

type CliResult<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// Sells tickets while everyone watches: bookings over REST, every change live over WebSocket,
/// Postgres as the engine.
#[derive(Debug, Parser)]
#[command(name = "seatcast", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(flatten)]
    log: LogConfig,
    #[command(subcommand)]
    command: CliCommand,
}

#[derive(Debug, Subcommand)]
enum CliCommand {
    /// Run the server.
    ///
    /// Brings the schema up to date, then serves REST, WebSocket and the pages until Ctrl-C or
    /// SIGTERM, which lets requests under way finish and tells live clients when to come back. A
    /// second Ctrl-C ends it at once. Without --database-url a private Postgres is started.
    Serve(Box<Config>),
    /// Bring the database's schema up to date.
    ///
    /// `serve` does the same at its start. Several may run at once; one waits for the other.
    Migrate(DatabaseConfig),
    /// Add the demo data, unless it is there already.
    ///
    /// Users 1 (admin), 2 (organizer) and 3 to 9 (customers), three events of different fullness,
    /// one of them with 100,000 tickets, a seated event of 2,000 seats, and some notices.
    Seed(DatabaseConfig),
    /// Recompute every counter from the claims and compare.
    ///
    /// Also checks bookings against claims and tickets, the log for gaps, and that its replay
    /// gives the state. Prints each difference, and fails if there is one.
    Audit(DatabaseConfig),
    /// Say what this machine and database allow, and what to mend.
    ///
    /// Open files, poolers, version, locale, durability, clocks, connections, roles, notifications, old
    /// transactions, disk. Fails if the server would not serve safely. Makes no database: where there is none yet, it says
    /// what the first start would make.
    Doctor(Box<Config>),
    /// Make another key that signs the QR codes of tickets.
    ///
    /// It signs from now on, on all nodes; what the keys before it signed stays good.
    TicketKey(DatabaseConfig),
    /// Make an access token for scripts and tests.
    ///
    /// Needs the secret that the server checks tokens with.
    Token(TokenArgs),
    /// Show what is left of an event, live in the terminal.
    ///
    /// Connects like any viewer, says when what it shows is stale, and comes back by itself.
    Watch(WatchOptions),
    /// Measure what Seatcast costs on this machine, beside a floor measured in the same run.
    ///
    /// Starts a server of its own, on a private Postgres that is removed afterwards or on the one
    /// given, and stays on the loopback. Build with --release first.
    Bench(Box<BenchArgs>),
}

#[derive(Debug, Args)]
struct TokenArgs {
    /// The user's number.
    #[arg(long)]
    user: UserId,
    /// The bearer's role: customer, organizer or admin.
    #[arg(long, default_value = "customer")]
    role: Role,
    /// How long the token is good for, as in 90s, 15m, 1h or 7d.
    #[arg(long, default_value = "15m", value_parser = ttl)]
    ttl: Duration,
    #[command(flatten)]
    auth: AuthConfig,
}

impl Cli {
    /// How the log is written.
    pub fn log_format(&self) -> LogFormat {
        self.log.log
    }

    /// Does what was asked for.
    pub fn run(self) -> CliResult {
        let log = match self.command {
            CliCommand::Bench(_) => self.log.for_bench(),
            _ => self.log,
        };
        let _telemetry = telemetry::start(&log)?;
        match self.command {
            CliCommand::Serve(config) => serve(*config),
            CliCommand::Migrate(config) => {
                on_database(&config, Embedded::join_or_start, async |url, _| {
                    until_ready(&config, &url).await?;
                    let applied = migrate(&config, &url).await?;
                    println!("{applied} migrations applied");
                    Ok(())
                })
            }
            CliCommand::Seed(config) => {
                on_database(&config, Embedded::join_or_start, async |url, _| {
                    until_ready(&config, &url).await?;
                    migrate(&config, &url).await?;
                    let store = Store::connect(&config, &url).await?;
                    let added = seed(&store).await;
                    store.close().await;
                    println!("{}", added?);
                    Ok(())
                })
            }
            CliCommand::Audit(config) => {
                on_database(&config, Embedded::join_or_start_existing, async |url, _| {
                    until_ready(&config, &url).await?;
                    let store = Store::connect(&config, &url).await?;
                    let report = audit(&store).await;
                    store.close().await;
                    let report = report?;
                    println!("{report}");
                    if report.is_clean() {
                        Ok(())
                    } else {
                        Err("the database does not keep its promises".into())
                    }
                })
            }
            CliCommand::Doctor(config) => doctor(&config),
            CliCommand::TicketKey(config) => {
                on_database(&config, Embedded::join_or_start_existing, async |url, _| {
                    until_ready(&config, &url).await?;
                    let store = Store::connect(&config, &url).await?;
                    let made = store.rotate_ticket_key().await;
                    store.close().await;
                    let made = made?.ok_or("there are as many keys as there may be")?;
                    println!("Key {made} signs tickets from now on");
                    Ok(())
                })
            }
            CliCommand::Watch(options) => watch(options),
            CliCommand::Bench(bench) => Ok(crate::tools::bench::run(*bench)?),
            CliCommand::Token(args) => token(args),
        }
    }
}

fn serve(config: Config) -> CliResult {
    config.validate()?;
    descriptors::raise_limit();
    on_database(&config.database, Embedded::start, async |url, lost| {
        let shutdown = shutdown_on_signals()?;
        let asked = shutdown.clone();
        // Without its database the server can only end. It drains first, so that viewers are told to come back.
        tokio::spawn(async move {
            lost.cancelled().await;
            asked.cancel();
        });
        let address = SocketAddr::new(config.http.host, config.http.port);
        let listener = TcpListener::bind(address)
            .await
            .map_err(|cause| format!("cannot listen on {address}: {cause}"))?;
        let private = url.clone();
        crate::run::run(config.clone(), url, listener, shutdown, |address| {
            println!("Seatcast is on http://{address}");
            if config.database.given_url().is_none() {
                println!("Its database, to change a row by hand: psql \"{private}\"");
            }
        })
        .await?;
        Ok(())
    })
}

fn doctor(config: &Config) -> CliResult {
    let given = config.database.given_url();
    if given.is_none() {
        // The mailer is made to see whether it can be, and has tasks.
        let runtime = Runtime::new()?;
        let _inside = runtime.enter();
        if let Some(diagnosis) = crate::tools::doctor::examine_without_database(config) {
            return told(&diagnosis);
        }
    }
    let database = &config.database;
    on_database(
        database,
        Embedded::join_or_start_existing,
        async |url, _| told(&crate::tools::doctor::examine(config, &url).await?),
    )
}

/// Prints it, and fails where the server should not run.
fn told(diagnosis: &Diagnosis) -> CliResult {
    print!("{diagnosis}");
    match diagnosis.worst() {
        Condition::Ill => Err("the server would not serve safely here".into()),
        _ => Ok(()),
    }
}

fn watch(options: WatchOptions) -> CliResult {
    Runtime::new()?.block_on(async {
        crate::tools::watch::watch(options, shutdown_on_signals()?).await?;
        Ok(())
    })
}

fn token(args: TokenArgs) -> CliResult {
    // Not development mode, in which a random secret would be made: no server would accept the token.
    let auth = Auth::new(&AuthConfig {
        dev: false,
        ..args.auth
    })?;
    println!("{}", auth.issue(args.user, args.role, args.ttl)?);
    Ok(())
}

/// Runs `work` with the URL of the database that the configuration names, or of the private one, and with what is
/// cancelled when that one is lost.
fn on_database(
    config: &DatabaseConfig,
    start: fn(&DatabaseConfig) -> Result<Embedded, EmbeddedError>,
    work: impl AsyncFnOnce(String, CancellationToken) -> CliResult,
) -> CliResult {
    let (url, embedded) = match config.given_url() {
        Some(url) => (url.to_owned(), None),
        None => {
            let embedded = start(config)?;
            (embedded.url().to_owned(), Some(embedded))
        }
    };
    let lost = embedded.as_ref().map(Embedded::lost).unwrap_or_default();
    let outcome = Runtime::new()?.block_on(work(url, lost));
    if let Some(embedded) = embedded {
        embedded.stop()?;
    }
    outcome
}

/// Cancelled by the first Ctrl-C or SIGTERM; the second ends the process.
fn shutdown_on_signals() -> io::Result<CancellationToken> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let shutdown = CancellationToken::new();
    let asked = shutdown.clone();
    tokio::spawn(async move {
        let mut next = async || {
            tokio::select! {
                _ = interrupt.recv() => (),
                _ = terminate.recv() => (),
            }
        };
        next().await;
        asked.cancel();
        next().await;
        std::process::exit(130);
    });
    Ok(shutdown)
}

fn ttl(text: &str) -> Result<Duration, String> {
    let span: Span = text
        .parse()
        .map_err(|cause: jiff::Error| cause.to_string())?;
    let ttl = span.to_duration(SpanRelativeTo::days_are_24_hours());
    ttl.ok()
        .and_then(|ttl| Duration::try_from(ttl).ok())
        .filter(|ttl| !ttl.is_zero())
        .ok_or_else(|| "a token has to be good for some time".to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_ttl_is_written_as_people_do() {
        assert_eq!(ttl("1h"), Ok(Duration::from_secs(3_600)));
        assert_eq!(ttl("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(ttl("7d"), Ok(Duration::from_secs(7 * 86_400)));
        assert!(ttl("-1h").is_err());
        assert!(ttl("soon").is_err());
    }
}
