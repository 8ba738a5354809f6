//! What the program says of itself: to stderr, so that stdout stays for results.

use std::error::Error;
use std::io::{self, IsTerminal};

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

#[derive(Debug, Clone, Args)]
pub struct LogConfig {
    /// What to log: a level, or levels by module, as in `seatcast::feed=debug,info`.
    #[arg(
        long,
        env = "RUST_LOG",
        default_value = "warn,seatcast=info",
        global = true,
        value_name = "LEVELS"
    )]
    pub log_level: String,
    /// How to write the log.
    #[arg(
        long,
        env = "SEATCAST_LOG",
        default_value = "text",
        global = true,
        value_name = "FORMAT"
    )]
    pub log: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One line an entry, for people.
    Text,
    /// One JSON object a line, for collectors.
    Json,
}

/// Starts logging for the life of the process.
///
/// # Errors
/// When the levels cannot be read, or logging was started before.
pub fn start(config: &LogConfig) -> Result<(), Box<dyn Error + Send + Sync>> {
    let filter = EnvFilter::try_new(&config.log_level)?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr);
    match config.log {
        LogFormat::Text => log.try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    }
}
