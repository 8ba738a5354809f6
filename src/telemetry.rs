//! LOG AND TRACES: the log on stderr, since stdout is for results, and spans to a collector.
//!
//! | span | covers | attributes |
//! |---|---|---|
//! | `request` | a REST request | `id`, and of a booking `event`, `reference`, `revision` |
//! | `batch` | the desk's transaction | how many `commands` of how many `events`; of the last event `event`, `revision`; it follows from its requests |
//! | `read` | a read of the log | the number of events |
//! | `publish` | one publication of the feed | `event`, `from`, `to`; linked with the span that committed it ([`trail`]) |
//! | `fan_out` | its delivery to one shard's viewers | the same, and the shard |
//!
//! The last three are of level `debug`. There is no span for each viewer.

#[cfg(feature = "otlp")]
mod marks;
#[cfg(feature = "otlp")]
mod otlp;
pub(crate) mod outage;
pub mod trail;

use std::error::Error;
use std::io::{self, IsTerminal};

use clap::{Args, ValueEnum};
#[cfg(feature = "otlp")]
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

/// The pool of connections says once more of each one what `store` says of all that broke.
const LEVELS: &str = "warn,deadpool=error,seatcast=info";

/// Levels of `seatcast bench` and of the server that it starts, where no others are asked for: a line for each booking would hide
/// the report.
pub(crate) const BENCH_LEVELS: &str = "warn";

#[derive(Debug, Clone, Args)]
pub struct LogConfig {
    /// The level to log, or levels by module, as in `seatcast::feed=debug,info`.
    #[arg(
        long,
        env = "RUST_LOG",
        default_value = LEVELS,
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
    /// Send traces to this collector, by OTLP over plain HTTP, as in `http://127.0.0.1:4318`.
    #[cfg(feature = "otlp")]
    #[arg(
        long,
        env = "OTEL_EXPORTER_OTLP_ENDPOINT",
        global = true,
        value_name = "URL",
        value_parser = otlp::collector
    )]
    pub otlp_endpoint: Option<String>,
}

impl LogConfig {
    pub(crate) fn for_bench(mut self) -> LogConfig {
        if self.log_level == LEVELS {
            BENCH_LEVELS.clone_into(&mut self.log_level);
        }
        self
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One line an entry, for people.
    Text,
    /// One JSON object a line, for collectors.
    Json,
}

impl LogFormat {
    /// Says why the program ends, on stderr and as one line: of the log, where collectors read that.
    pub fn report(self, error: &(dyn Error + 'static)) {
        let line = with_causes(error);
        if self == LogFormat::Json && tracing::enabled!(tracing::Level::ERROR) {
            tracing::error!("{line}");
        } else {
            eprintln!("seatcast: {line}");
        }
    }
}

/// An error and its causes, on one line; what an error says with its cause's words stands there once.
pub fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !line.contains(&text) {
            line = format!("{line}: {text}");
        }
        cause = error.source();
    }
    line
}

/// Lets all clients of HTTP in this process use ring; they have no provider of cryptography of their own.
pub fn choose_cryptography() {
    // It may have been chosen before.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Starts logging, and sending traces where it is asked for.
///
/// # Errors
/// When the levels cannot be read, logging was started before, or traces cannot be sent as asked.
pub fn start(config: &LogConfig) -> Result<Telemetry, Box<dyn Error + Send + Sync>> {
    choose_cryptography();
    let text = tracing_subscriber::fmt::layer()
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr);
    let log = match config.log {
        LogFormat::Text => text.boxed(),
        LogFormat::Json => text.json().flatten_event(true).boxed(),
    };
    let mut layers: Layers = vec![
        log.with_filter(EnvFilter::try_new(&config.log_level)?)
            .boxed(),
    ];
    let telemetry = traces(config, &mut layers)?;
    tracing_subscriber::registry().with(layers).try_init()?;
    Ok(telemetry)
}

type Layers = Vec<Box<dyn Layer<Registry> + Send + Sync>>;

#[cfg(feature = "otlp")]
fn traces(
    config: &LogConfig,
    layers: &mut Layers,
) -> Result<Telemetry, Box<dyn Error + Send + Sync>> {
    let mut telemetry = Telemetry { traces: None };
    if let Some(endpoint) = &config.otlp_endpoint {
        let (layer, traces) = otlp::layer(endpoint)?;
        layers.push(layer);
        telemetry.traces = Some(traces);
        marks::begin();
    }
    Ok(telemetry)
}

#[cfg(not(feature = "otlp"))]
fn traces(_: &LogConfig, _: &mut Layers) -> Result<Telemetry, Box<dyn Error + Send + Sync>> {
    Ok(Telemetry {})
}

/// Keep it as long as the process runs; dropping it flushes the traces.
#[derive(Debug)]
#[must_use]
pub struct Telemetry {
    #[cfg(feature = "otlp")]
    traces: Option<SdkTracerProvider>,
}

#[cfg(feature = "otlp")]
impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.traces.take().map(|traces| traces.shutdown()) {
            eprintln!("seatcast: the last traces were not sent: {error}");
        }
    }
}
