//! Every limit with its default and unit: one struct per stage. What an operator sets is a flag and an environment
//! variable, named by whose it is, and checked once in [`Config::validate`]. Nothing else reads the environment.
//!
//! Fields without a flag have their value from [`inside`], where all bounds are that an operator need not know;
//! those of the REST contract are in [`rest`]. A name ends in its unit. Tests start from [`Config::default`] and
//! change fields.

mod cidr;
pub mod inside;
mod issuer;
mod validate;

use std::convert::Infallible;
use std::env;
use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, ValueEnum};

pub use self::cidr::Cidr;
pub use self::issuer::{KeySource, OutsideIssuer};
pub use self::validate::InvalidConfig;
use crate::ticketing::availability::Thresholds;
use crate::ticketing::stock::Share;

/// All of `seatcast serve`.
#[derive(Debug, Clone, Args)]
pub struct Config {
    #[command(flatten)]
    pub http: HttpConfig,
    #[command(flatten)]
    pub limits: LimitsConfig,
    #[command(flatten)]
    pub database: DatabaseConfig,
    /// Leave the schema as it is: `seatcast migrate` brings it up to date, under a role that owns it.
    #[arg(long, env = "SEATCAST_NO_MIGRATE", default_value_t = false)]
    pub no_migrate: bool,
    #[command(flatten)]
    pub auth: AuthConfig,
    #[command(flatten)]
    pub mail: MailConfig,
    #[command(flatten)]
    pub push: PushConfig,
    #[command(flatten)]
    pub stripe: StripeConfig,
    #[command(flatten)]
    pub desk: DeskConfig,
    #[command(flatten)]
    pub sweep: SweepConfig,
    #[command(flatten)]
    pub feed: FeedConfig,
    #[command(flatten)]
    pub private: PrivateConfig,
    #[command(flatten)]
    pub interactions: InteractionsConfig,
    #[command(flatten)]
    pub bus: BusConfig,
    #[command(flatten)]
    pub socket: SocketConfig,
    #[command(flatten)]
    pub stream: StreamConfig,
    #[command(flatten)]
    pub presence: PresenceConfig,
    #[command(flatten)]
    pub availability: AvailabilityConfig,
}

#[derive(Debug, Clone, Args)]
pub struct HttpConfig {
    /// Address to listen on.
    #[arg(long, env = "HOST", default_value = "127.0.0.1")]
    pub host: IpAddr,
    /// Port to listen on; 0 takes a free one.
    #[arg(long, env = "PORT", default_value_t = 8000)]
    pub port: u16,
    /// HTTP connections open at a time, those upgraded to WebSocket not counted; more wait to be
    /// accepted.
    #[arg(long, env = "SEATCAST_HTTP_CONNECTIONS_MAX", default_value_t = 10_000)]
    pub http_connections_max: usize,
    /// Of those, the ones from one address (IPv6: /64), and never more than half; 0 means no bound. Trusted proxies are
    /// not counted.
    #[arg(
        long,
        env = "SEATCAST_HTTP_CONNECTIONS_PER_ADDRESS_MAX",
        default_value_t = 2_000
    )]
    pub http_connections_per_address_max: usize,
    /// [`inside::HTTP_BODY_BYTES_MAX`].
    #[arg(skip = inside::HTTP_BODY_BYTES_MAX)]
    pub body_bytes_max: usize,
    /// [`inside::HTTP_HEADER_BYTES_MAX`].
    #[arg(skip = inside::HTTP_HEADER_BYTES_MAX)]
    pub header_bytes_max: usize,
    /// [`inside::HTTP_HEADER_TIMEOUT_MS`]; a flag for tests and benches.
    #[arg(long = "http-header-timeout-ms", hide = true, default_value_t = inside::HTTP_HEADER_TIMEOUT_MS)]
    pub header_timeout_ms: u64,
    /// [`inside::HTTP_STALL_TIMEOUT_MS`].
    #[arg(skip = inside::HTTP_STALL_TIMEOUT_MS)]
    pub stall_timeout_ms: u64,
    /// Time a REST request may take before it is answered 503, in milliseconds.
    #[arg(
        long = "http-request-timeout-ms",
        env = "SEATCAST_HTTP_REQUEST_TIMEOUT_MS",
        default_value_t = 15_000
    )]
    pub request_timeout_ms: u64,
    /// [`inside::HTTP_STANDINGS_MAX`].
    #[arg(skip = inside::HTTP_STANDINGS_MAX)]
    pub standings_max: usize,
    /// [`inside::HTTP_STANDING_MS`].
    #[arg(skip = inside::HTTP_STANDING_MS)]
    pub standing_ms: u64,
    /// [`inside::HTTP_KEYS_IN_FLIGHT_MAX`].
    #[arg(skip = inside::HTTP_KEYS_IN_FLIGHT_MAX)]
    pub keys_in_flight_max: usize,
    /// Time after the signal to stop in which everything is served as before while `/readyz` says `draining`, so that
    /// balancers take the node out, in milliseconds.
    #[arg(long, env = "SEATCAST_DRAIN_DELAY_MS", default_value_t = 0)]
    pub drain_delay_ms: u64,
    /// Time given to requests under way at shutdown, in milliseconds.
    #[arg(long, env = "SEATCAST_DRAIN_TIMEOUT_MS", default_value_t = 10_000)]
    pub drain_timeout_ms: u64,
    /// Networks of proxies that are believed what they say about the client's address, as in
    /// `10.0.0.0/8,2001:db8::/32`.
    #[arg(long, env = "SEATCAST_TRUSTED_PROXIES", value_delimiter = ',')]
    pub trusted_proxies: Vec<Cidr>,
    /// The header in which they name it; no other is read then, so that a client cannot speak through one that the
    /// proxy passes on. Without it `Forwarded` and `X-Forwarded-For` are read, and neither counts where they differ.
    #[arg(long, env = "SEATCAST_FORWARDED_HEADER", value_enum)]
    pub forwarded_header: Option<ForwardedHeader>,
    /// Connections of trusted proxies begin with a header of the PROXY protocol, version 1 or 2.
    #[arg(long, env = "SEATCAST_PROXY_PROTOCOL", default_value_t = false)]
    pub proxy_protocol: bool,
}

/// How often one client may ask, and how much of an event one may have.
#[derive(Debug, Clone, Args)]
pub struct LimitsConfig {
    /// `off` lifts all limits by address and account, on requests, joins and holds: for load tests only.
    #[arg(long, env = "SEATCAST_LIMITS", value_enum, default_value_t = Switch::On)]
    pub limits: Switch,
    /// Pending bookings of one event that buyers without an account may have at one address (IPv6: /64); 0 means no
    /// bound.
    #[arg(long, env = "SEATCAST_HOLDS_PER_ADDRESS_MAX", default_value_t = 4)]
    pub holds_per_address_max: i64,
    /// Tickets of one event, held and sold, that buyers without an account may have at one address (IPv6: /64); 0 means
    /// no bound.
    #[arg(long, env = "SEATCAST_TICKETS_PER_ADDRESS_MAX", default_value_t = 20)]
    pub tickets_per_address_max: i64,
    /// Tickets of one event, held and sold, that one account may have, the organizer's and admins' excepted; 0 means no
    /// bound.
    #[arg(long, env = "SEATCAST_TICKETS_PER_ACCOUNT_MAX", default_value_t = 100)]
    pub tickets_per_account_max: i64,
    /// [`inside::LIMIT_READS`].
    #[arg(skip = inside::LIMIT_READS)]
    pub reads: Rate,
    /// [`inside::LIMIT_WRITES`].
    #[arg(skip = inside::LIMIT_WRITES)]
    pub writes: Rate,
    /// [`inside::LIMIT_BOOKINGS`].
    #[arg(skip = inside::LIMIT_BOOKINGS)]
    pub bookings: Rate,
    /// [`inside::LIMIT_SIGN_UPS`].
    #[arg(skip = inside::LIMIT_SIGN_UPS)]
    pub sign_ups: Rate,
    /// [`inside::LIMIT_SIGN_INS`].
    #[arg(skip = inside::LIMIT_SIGN_INS)]
    pub sign_ins: Rate,
    /// [`inside::LIMIT_CODES`].
    #[arg(skip = inside::LIMIT_CODES)]
    pub codes: Rate,
    /// [`inside::LIMIT_MAILS`].
    #[arg(skip = inside::LIMIT_MAILS)]
    pub mails: Rate,
    /// [`inside::LIMIT_CONNECTIONS`].
    #[arg(skip = inside::LIMIT_CONNECTIONS)]
    pub connections: Rate,
    /// [`inside::LIMIT_INTERACTIONS`].
    #[arg(skip = inside::LIMIT_INTERACTIONS)]
    pub interactions: Rate,
    /// [`inside::LIMIT_JOINS`].
    #[arg(skip = inside::LIMIT_JOINS)]
    pub joins: Rate,
    /// [`inside::LIMITED_CLIENTS_MAX`].
    #[arg(skip = inside::LIMITED_CLIENTS_MAX)]
    pub limited_clients_max: usize,
}

/// How a proxy names the client that it asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ForwardedHeader {
    /// RFC 7239.
    Forwarded,
    /// A list, to which each proxy appends the address that it was asked from.
    XForwardedFor,
    /// One address; the proxy replaces what a client sent.
    XRealIp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    On,
    Off,
}

/// How often something may be done: so many times a minute, and `burst` times at once after a rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    pub per_minute: u32,
    pub burst: u32,
}

#[derive(Debug, Clone, Args)]
pub struct DatabaseConfig {
    /// Postgres 15 or newer, with libpq's sslmode and sslrootcert. Without it a private Postgres is started in `--data-dir`.
    #[arg(
        long = "database-url",
        env = "DATABASE_URL",
        hide_env_values = true,
        value_parser = trimmed
    )]
    pub url: Option<String>,
    /// Time that a database has to come up before the server gives up starting, in seconds.
    #[arg(
        long = "database-wait-s",
        env = "SEATCAST_DATABASE_WAIT_S",
        default_value_t = 60
    )]
    pub wait_s: u64,
    /// Schema of the database in which everything of Seatcast's lives, and the name of its NOTIFY channel.
    #[arg(long, env = "SEATCAST_SCHEMA", default_value = "seatcast")]
    pub schema: String,
    /// Folder of the private Postgres (default: /var/lib/seatcast as root, else
    /// $XDG_DATA_HOME/seatcast or ~/.local/share/seatcast).
    #[arg(long, env = "SEATCAST_DATA_DIR")]
    pub data_dir: Option<PathBuf>,
    /// Folder with the Postgres binaries (`initdb`, `postgres`) for the private Postgres.
    #[arg(long, env = "PG_BIN_DIR")]
    pub pg_bin_dir: Option<PathBuf>,
    /// [`inside::EMBEDDED_START_TIMEOUT_MS`].
    #[arg(skip = inside::EMBEDDED_START_TIMEOUT_MS)]
    pub embedded_start_timeout_ms: u64,
    /// [`inside::EMBEDDED_STARTS_MAX`].
    #[arg(long = "embedded-starts-max", hide = true, default_value_t = inside::EMBEDDED_STARTS_MAX)]
    pub embedded_starts_max: u32,
    /// [`inside::EMBEDDED_STOP_TIMEOUT_MS`].
    #[arg(skip = inside::EMBEDDED_STOP_TIMEOUT_MS)]
    pub embedded_stop_timeout_ms: u64,
    /// Pooled connections; the feed's LISTEN connection comes on top.
    #[arg(
        long = "database-connections-max",
        env = "SEATCAST_DATABASE_CONNECTIONS_MAX",
        default_value_t = 16
    )]
    pub pool_connections_max: usize,
    /// Time a request waits for a pooled connection before it is answered 503, in milliseconds.
    #[arg(
        long = "database-pool-wait-ms",
        env = "SEATCAST_DATABASE_POOL_WAIT_MS",
        default_value_t = 5_000
    )]
    pub pool_wait_ms: u64,
    /// [`inside::DATABASE_CONNECT_TIMEOUT_MS`].
    #[arg(skip = inside::DATABASE_CONNECT_TIMEOUT_MS)]
    pub connect_timeout_ms: u64,
    /// [`inside::DATABASE_STATEMENT_TIMEOUT_MS`].
    #[arg(skip = inside::DATABASE_STATEMENT_TIMEOUT_MS)]
    pub statement_timeout_ms: u64,
    /// [`inside::DATABASE_LOCK_TIMEOUT_MS`].
    #[arg(skip = inside::DATABASE_LOCK_TIMEOUT_MS)]
    pub lock_timeout_ms: u64,
    /// [`inside::DATABASE_IDLE_IN_TRANSACTION_TIMEOUT_MS`].
    #[arg(skip = inside::DATABASE_IDLE_IN_TRANSACTION_TIMEOUT_MS)]
    pub idle_in_transaction_timeout_ms: u64,
    /// [`inside::DATABASE_KEEPALIVE_MS`].
    #[arg(skip = inside::DATABASE_KEEPALIVE_MS)]
    pub keepalive_ms: u64,
    /// [`inside::DATABASE_RECONNECT_PAUSE_MS_MAX`].
    #[arg(skip = inside::DATABASE_RECONNECT_PAUSE_MS_MAX)]
    pub reconnect_pause_ms_max: u64,
    /// How long a change stays in the log, in hours. Older readers get a snapshot.
    #[arg(
        long = "changes-retention-hours",
        env = "SEATCAST_CHANGES_RETENTION_HOURS",
        default_value_t = 24
    )]
    pub log_retention_hours: u32,
}

#[derive(Debug, Clone, Args)]
pub struct AuthConfig {
    /// Secret of HS256 tokens, at least 32 bytes.
    #[arg(long, env = "SEATCAST_JWT_SECRET", value_parser = trimmed, hide_env_values = true)]
    pub jwt_secret: Option<String>,
    /// File with the public key (PEM; RSA, EC or Ed25519) of the tokens' issuer, in place of a secret.
    #[arg(long, env = "SEATCAST_JWT_PUBLIC_KEY")]
    pub jwt_public_key: Option<PathBuf>,
    /// Accept only tokens made for this audience (`aud`).
    #[arg(long, env = "SEATCAST_JWT_AUDIENCE")]
    pub jwt_audience: Option<String>,
    /// Accept only tokens of this issuer (`iss`).
    #[arg(long, env = "SEATCAST_JWT_ISSUER")]
    pub jwt_issuer: Option<String>,
    /// Other issuers whose tokens are accepted, with spaces in between, each as in
    /// `https://x.auth0.com/,audience=tickets`. Further parts: `keys=` with the URL or file of its keys (JWKS; without it
    /// those at its well-known place), and `emails=verified` if it gives tokens to owners of an address only, but they
    /// do not say so.
    #[arg(long, env = "SEATCAST_ISSUERS", value_delimiter = ' ')]
    pub issuers: Vec<OutsideIssuer>,
    /// [`inside::JWKS_REFRESH_MS`].
    #[arg(skip = inside::JWKS_REFRESH_MS)]
    pub jwks_refresh_ms: u64,
    /// [`inside::JWKS_REFETCH_MS`].
    #[arg(skip = inside::JWKS_REFETCH_MS)]
    pub jwks_refetch_ms: u64,
    /// Also trust the `X-User-Id` header. For demos and tests only.
    #[arg(long, env = "SEATCAST_DEV", default_value_t = false)]
    pub dev: bool,
}

/// How mails go out. Without a server nothing is offered that needs one; in development mode mails are kept at
/// `/dev/outbox`.
#[derive(Debug, Clone, Args)]
pub struct MailConfig {
    /// Server that mails go to, as in `smtp://user:password@host:587?tls=required` or `smtps://user:password@host`.
    #[arg(long, env = "SEATCAST_SMTP_URL", value_parser = trimmed, hide_env_values = true)]
    pub smtp_url: Option<String>,
    /// Sender of mails, as in `Box office <tickets@example.org>`. Required with `--smtp-url`.
    #[arg(long, env = "SEATCAST_MAIL_FROM")]
    pub mail_from: Option<String>,
    /// Address of the pages as buyers reach them, as in `https://tickets.example.org`; links in mails begin with it.
    /// Required with `--smtp-url`. [default in development mode: the address that is listened on]
    #[arg(long, env = "SEATCAST_PUBLIC_URL")]
    pub public_url: Option<String>,
}

/// Messages to browsers, by their push services. Off without a contact.
#[derive(Debug, Clone, Args)]
pub struct PushConfig {
    /// Whom a push service asks if something is wrong, as in `mailto:tickets@example.org` or `https://example.org/contact`.
    /// Turns on messages to browsers. [default in development mode: an address that nobody reads]
    #[arg(long = "push-contact", env = "SEATCAST_PUSH_CONTACT")]
    pub contact: Option<String>,
}

/// Payments by Stripe. Without a key, staff take the money, or in development mode the demo's provider does.
#[derive(Debug, Clone, Args)]
pub struct StripeConfig {
    /// Stripe's secret key.
    #[arg(
        long = "stripe-secret-key",
        env = "STRIPE_SECRET_KEY", value_parser = trimmed,
        hide_env_values = true
    )]
    pub secret_key: Option<String>,
    /// Stripe's publishable key, which pages use.
    #[arg(long = "stripe-publishable-key", env = "STRIPE_PUBLISHABLE_KEY", value_parser = trimmed)]
    pub publishable_key: Option<String>,
    /// Secrets with which Stripe signs its webhooks. Several are separated by commas, while one replaces another.
    #[arg(
        long = "stripe-webhook-secret",
        env = "STRIPE_WEBHOOK_SECRET", value_parser = trimmed,
        hide_env_values = true
    )]
    pub webhook_secret: Option<String>,
    /// Address of Stripe's API, or of a server that stands in for it.
    #[arg(
        long = "stripe-api-base",
        env = "STRIPE_API_BASE",
        default_value = "https://api.stripe.com"
    )]
    pub api_base: String,
    /// How long a new event holds tickets for their buyers, in minutes, where its organizer does not say.
    #[arg(long = "payment-timeout-minutes", env = "TICKET_PAYMENT_TIMEOUT", default_value_t = 15,
          value_parser = clap::value_parser!(i64).range(1..=1440))]
    pub payment_timeout_minutes: i64,
}

impl StripeConfig {
    /// Whether there is a secret key, and a publishable one.
    pub fn keys(&self) -> (bool, bool) {
        let has = |key: &Option<String>| key.as_ref().is_some_and(|key| !key.is_empty());
        (has(&self.secret_key), has(&self.publishable_key))
    }
}

#[derive(Debug, Clone, Args)]
pub struct DeskConfig {
    /// [`inside::DESK_QUEUE_COMMANDS_MAX`].
    #[arg(skip = inside::DESK_QUEUE_COMMANDS_MAX)]
    pub queue_commands_max: usize,
    /// [`inside::DESK_QUEUED_COMMANDS_MAX`].
    #[arg(skip = inside::DESK_QUEUED_COMMANDS_MAX)]
    pub queued_commands_max: usize,
    /// [`inside::DESK_BATCH_COMMANDS_MAX`].
    #[arg(skip = inside::DESK_BATCH_COMMANDS_MAX)]
    pub batch_commands_max: usize,
    /// [`inside::DESK_BATCH_TIMEOUT_MS`].
    #[arg(skip = inside::DESK_BATCH_TIMEOUT_MS)]
    pub batch_timeout_ms: u64,
    /// How long a command (a booking, confirmation, cancellation) may wait to be decided, in milliseconds. Past it
    /// the command is dropped and answered 503 TOO_LATE: its sender has given up by then.
    #[arg(
        long = "desk-patience-ms",
        env = "SEATCAST_DESK_PATIENCE_MS",
        default_value_t = 8_000
    )]
    pub patience_ms: u64,
}

#[derive(Debug, Clone, Args)]
pub struct SweepConfig {
    /// [`inside::SWEEP_PAUSE_MS_MAX`].
    #[arg(skip = inside::SWEEP_PAUSE_MS_MAX)]
    pub sweep_pause_ms_max: u64,
    /// [`inside::SWEEP_FAILING_PAUSE_MS_MAX`].
    #[arg(skip = inside::SWEEP_FAILING_PAUSE_MS_MAX)]
    pub sweep_failing_pause_ms_max: u64,
    /// [`inside::PRUNE_INTERVAL_S`].
    #[arg(skip = inside::PRUNE_INTERVAL_S)]
    pub prune_interval_s: u64,
    /// How long interactions are kept, in hours.
    #[arg(
        long,
        env = "SEATCAST_INTERACTIONS_RETENTION_HOURS",
        default_value_t = 24 * 90
    )]
    pub interactions_retention_hours: u32,
    /// [`inside::PRUNE_ROWS_MAX`].
    #[arg(skip = inside::PRUNE_ROWS_MAX)]
    pub prune_rows_max: usize,
    /// How long the answer to an Idempotency-Key is kept, in hours.
    #[arg(
        long,
        env = "SEATCAST_IDEMPOTENCY_RETENTION_HOURS",
        default_value_t = 24
    )]
    pub idempotency_retention_hours: u32,
}

#[derive(Debug, Clone, Args)]
pub struct FeedConfig {
    /// Least time between two frames of one topic, in milliseconds.
    #[arg(long, env = "SEATCAST_CONFLATION_WINDOW_MS", default_value_t = 50)]
    pub conflation_window_ms: u64,
    /// The log of watched events is read at least this often, doorbell or not, in milliseconds.
    #[arg(
        long = "feed-poll-interval-ms",
        env = "SEATCAST_FEED_POLL_INTERVAL_MS",
        default_value_t = 1_000
    )]
    pub poll_interval_ms: u64,
    /// [`inside::FEED_PROBE_INTERVAL_MS`].
    #[arg(skip = inside::FEED_PROBE_INTERVAL_MS)]
    pub probe_interval_ms: u64,
    /// [`inside::FEED_RING_DELTAS_MAX`].
    #[arg(skip = inside::FEED_RING_DELTAS_MAX)]
    pub ring_deltas_max: usize,
    /// [`inside::FEED_UNWATCH_GRACE_S`].
    #[arg(skip = inside::FEED_UNWATCH_GRACE_S)]
    pub unwatch_grace_s: u64,
    /// [`inside::FEED_LOG_ROWS_MAX`].
    #[arg(skip = inside::FEED_LOG_ROWS_MAX)]
    pub log_rows_max: usize,
    /// Events watched at a time; a join that would be one more is told to come later.
    #[arg(
        long = "feed-events-max",
        env = "SEATCAST_FEED_EVENTS_MAX",
        default_value_t = 10_000
    )]
    pub watched_events_max: usize,
    /// [`inside::FEED_LOADS_PARALLEL_MAX`].
    #[arg(skip = inside::FEED_LOADS_PARALLEL_MAX)]
    pub loads_parallel_max: usize,
    /// [`inside::FEED_ABSENT_MS`].
    #[arg(skip = inside::FEED_ABSENT_MS)]
    pub absent_ms: u64,
    /// [`inside::FEED_ABSENT_EVENTS_MAX`].
    #[arg(skip = inside::FEED_ABSENT_EVENTS_MAX)]
    pub absent_events_max: usize,
    /// [`inside::FEED_OPEN_TIMEOUT_MS`].
    #[arg(skip = inside::FEED_OPEN_TIMEOUT_MS)]
    pub open_timeout_ms: u64,
    /// [`inside::FEED_READ_TIMEOUT_MS`].
    #[arg(skip = inside::FEED_READ_TIMEOUT_MS)]
    pub read_timeout_ms: u64,
}

/// Private topics: users' own bookings, figures of events.
#[derive(Debug, Clone, Args)]
pub struct PrivateConfig {
    /// [`inside::PRIVATE_TOPICS_MAX`].
    #[arg(skip = inside::PRIVATE_TOPICS_MAX)]
    pub private_topics_max: usize,
    /// [`inside::PRIVATE_PER_READ_MAX`].
    #[arg(skip = inside::PRIVATE_PER_READ_MAX)]
    pub private_per_read_max: usize,
    /// [`inside::PRIVATE_BOOKINGS_MAX`].
    #[arg(skip = inside::PRIVATE_BOOKINGS_MAX)]
    pub own_bookings_max: i64,
    /// [`inside::PRIVATE_TICKETS_MAX`].
    #[arg(skip = inside::PRIVATE_TICKETS_MAX)]
    pub own_tickets_max: i64,
    /// [`inside::PRIVATE_POLL_INTERVAL_MS`].
    #[arg(skip = inside::PRIVATE_POLL_INTERVAL_MS)]
    pub private_poll_interval_ms: u64,
    /// [`inside::PRIVATE_FIGURES_INTERVAL_MS`].
    #[arg(skip = inside::PRIVATE_FIGURES_INTERVAL_MS)]
    pub figures_interval_ms: u64,
    /// [`inside::PRIVATE_JOINS_INTERVAL_MS`].
    #[arg(skip = inside::PRIVATE_JOINS_INTERVAL_MS)]
    pub joins_interval_ms: u64,
    /// [`inside::PRIVATE_JOINED_EVENTS_MAX`].
    #[arg(skip = inside::PRIVATE_JOINED_EVENTS_MAX)]
    pub joined_events_max: usize,
}

/// Interactions that clients report on people's way to a ticket, for analytics.
#[derive(Debug, Clone, Args)]
pub struct InteractionsConfig {
    /// [`inside::INTERACTIONS_WAITING_MAX`].
    #[arg(skip = inside::INTERACTIONS_WAITING_MAX)]
    pub interactions_waiting_max: usize,
    /// [`inside::INTERACTIONS_ENOUGH`].
    #[arg(skip = inside::INTERACTIONS_ENOUGH)]
    pub interactions_enough: usize,
    /// [`inside::INTERACTIONS_BATCH_MAX`].
    #[arg(skip = inside::INTERACTIONS_BATCH_MAX)]
    pub interactions_batch_max: usize,
    /// [`inside::INTERACTIONS_INTERVAL_MS`].
    #[arg(skip = inside::INTERACTIONS_INTERVAL_MS)]
    pub interactions_interval_ms: u64,
    /// [`inside::INTERACTIONS_PER_S_MAX`].
    #[arg(skip = inside::INTERACTIONS_PER_S_MAX)]
    pub interactions_per_s_max: u32,
}

/// How changes come from the log to the nodes.
#[derive(Debug, Clone, Args)]
pub struct BusConfig {
    /// Each node reads the log of what it watches (`postgres`), or one reads it for all (`nats`), which
    /// spares the database where nodes are many.
    #[arg(long, env = "SEATCAST_BUS", value_enum, default_value_t = Bus::Postgres)]
    pub bus: Bus,
    /// Address of NATS, for `--bus nats`.
    #[cfg(feature = "nats")]
    #[arg(
        long,
        env = "NATS_URL", value_parser = trimmed,
        default_value = "nats://127.0.0.1:4222",
        hide_env_values = true
    )]
    pub nats_url: String,
    /// [`inside::NATS_RELAY_EVENTS_MAX`].
    #[arg(skip = inside::NATS_RELAY_EVENTS_MAX)]
    pub relay_events_max: usize,
    /// [`inside::NATS_RELAY_ROWS_MAX`].
    #[arg(skip = inside::NATS_RELAY_ROWS_MAX)]
    pub relay_rows_max: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Bus {
    Postgres,
    #[cfg(feature = "nats")]
    Nats,
}

#[derive(Debug, Clone, Args)]
pub struct SocketConfig {
    /// Event loops that own the WebSocket connections; 0 means one per core.
    #[arg(
        long = "socket-shards",
        env = "SEATCAST_SOCKET_SHARDS",
        default_value_t = 0
    )]
    pub shards: usize,
    /// WebSocket connections in total.
    #[arg(
        long = "socket-connections-max",
        env = "SEATCAST_SOCKET_CONNECTIONS_MAX",
        default_value_t = 100_000
    )]
    pub connections_max: usize,
    /// WebSocket connections from one address, and never more than half of all; 0 means no bound, as behind a proxy that
    /// is not trusted, whose address all have.
    #[arg(
        long = "socket-connections-per-address-max",
        env = "SEATCAST_SOCKET_CONNECTIONS_PER_ADDRESS_MAX",
        default_value_t = 20_000
    )]
    pub connections_per_address_max: usize,
    /// [`inside::SOCKET_FRAME_BYTES_MAX`].
    #[arg(skip = inside::SOCKET_FRAME_BYTES_MAX)]
    pub frame_bytes_max: usize,
    /// [`inside::SOCKET_JOINS_MAX`]; a flag for tests and benches.
    #[arg(long = "socket-joins-max", hide = true, default_value_t = inside::SOCKET_JOINS_MAX)]
    pub joins_max: usize,
    /// [`inside::SOCKET_BINDINGS_MAX`].
    #[arg(skip = inside::SOCKET_BINDINGS_MAX)]
    pub bindings_max: usize,
    /// [`inside::SOCKET_BINDINGS_BYTES_MAX`].
    #[arg(skip = inside::SOCKET_BINDINGS_BYTES_MAX)]
    pub bindings_bytes_max: usize,
    /// [`inside::SOCKET_JOINS_PER_S_MAX`]; a flag for tests and benches.
    #[arg(long = "socket-joins-per-s-max", hide = true, default_value_t = inside::SOCKET_JOINS_PER_S_MAX)]
    pub joins_per_s_max: u32,
    /// [`inside::SOCKET_PUSHES_PER_S_MAX`]; a flag for tests and benches.
    #[arg(long = "socket-pushes-per-s-max", hide = true, default_value_t = inside::SOCKET_PUSHES_PER_S_MAX)]
    pub pushes_per_s_max: u32,
    /// [`inside::SOCKET_OUTBOX_BYTES_MAX`].
    #[arg(skip = inside::SOCKET_OUTBOX_BYTES_MAX)]
    pub outbox_bytes_max: usize,
    /// [`inside::SOCKET_BROADCASTS_WAITING_MAX`].
    #[arg(skip = inside::SOCKET_BROADCASTS_WAITING_MAX)]
    pub broadcasts_waiting_max: usize,
    /// Bytes sent to one client that the kernel may hold: bounds what a client that
    /// does not read costs, and how old what it reads can be.
    #[arg(long = "socket-send-buffer-bytes", env = "SEATCAST_SOCKET_SEND_BUFFER_BYTES", default_value_t = 128 * 1024)]
    pub send_buffer_bytes: usize,
    /// Interval of the beat that proves freshness, in milliseconds.
    #[arg(long, env = "SEATCAST_BEAT_INTERVAL_MS", default_value_t = 5_000)]
    pub beat_interval_ms: u64,
    /// [`inside::SOCKET_IDLE_TIMEOUT_MS`]; a flag for tests and benches.
    #[arg(long = "socket-idle-timeout-ms", hide = true, default_value_t = inside::SOCKET_IDLE_TIMEOUT_MS)]
    pub idle_timeout_ms: u64,
    /// [`inside::SOCKET_FIRST_JOIN_TIMEOUT_MS`].
    #[arg(skip = inside::SOCKET_FIRST_JOIN_TIMEOUT_MS)]
    pub first_join_timeout_ms: u64,
}

/// Server-sent events. Beats come as often as on sockets.
#[derive(Debug, Clone, Args)]
pub struct StreamConfig {
    /// Streams open at a time; one more is answered 503 BUSY.
    #[arg(
        long = "sse-streams-max",
        env = "SEATCAST_SSE_STREAMS_MAX",
        default_value_t = 5_000
    )]
    pub streams_max: usize,
    /// Streams from one address; one more is answered 503 BUSY. 0 means no bound, as behind a proxy that is
    /// not trusted, whose address all have.
    #[arg(
        long = "sse-streams-per-address-max",
        env = "SEATCAST_SSE_STREAMS_PER_ADDRESS_MAX",
        default_value_t = 1_000
    )]
    pub streams_per_address_max: usize,
    /// [`inside::SSE_COMMENT_INTERVAL_MS`].
    #[arg(skip = inside::SSE_COMMENT_INTERVAL_MS)]
    pub comment_interval_ms: u64,
}

/// Presence: people who are here, by step.
#[derive(Debug, Clone, Args)]
pub struct PresenceConfig {
    /// [`inside::PRESENCE_COUNTS_INTERVAL_MS`]; a flag for tests and benches.
    #[arg(long = "presence-counts-interval-ms", hide = true, default_value_t = inside::PRESENCE_COUNTS_INTERVAL_MS)]
    pub counts_interval_ms: u64,
    /// [`inside::PRESENCE_DIFF_WINDOW_MS`].
    #[arg(skip = inside::PRESENCE_DIFF_WINDOW_MS)]
    pub diff_window_ms: u64,
    /// [`inside::PRESENCE_MEMBERS_LISTED_MAX`].
    #[arg(skip = inside::PRESENCE_MEMBERS_LISTED_MAX)]
    pub members_listed_max: usize,
    /// [`inside::PRESENCE_TRACKED_BYTES_MAX`].
    #[arg(skip = inside::PRESENCE_TRACKED_BYTES_MAX)]
    pub tracked_bytes_max: usize,
    /// [`inside::PRESENCE_STEPS_MAX`].
    #[arg(skip = inside::PRESENCE_STEPS_MAX)]
    pub steps_max: usize,
    /// [`inside::PRESENCE_LEASE_MS`]; a flag for tests and benches.
    #[arg(long = "presence-lease-ms", hide = true, default_value_t = inside::PRESENCE_LEASE_MS)]
    pub lease_ms: u64,
}

/// When a number of tickets is called limited, almost sold out, low.
#[derive(Debug, Clone, Args)]
pub struct AvailabilityConfig {
    /// At or below this share left, in percent, stock is «limited».
    #[arg(long, env = "SEATCAST_LIMITED_PERCENT", default_value_t = 25)]
    pub limited_percent: u8,
    /// At or below this share left, in percent, stock is «almost sold out».
    #[arg(long, env = "SEATCAST_ALMOST_SOLD_OUT_PERCENT", default_value_t = 10)]
    pub almost_sold_out_percent: u8,
    /// Fewer tickets left than this is `low_stock` («Only 3 left»).
    #[arg(long, env = "SEATCAST_LOW_STOCK_BELOW", default_value_t = 10)]
    pub low_stock_below: i64,
}

/// Secrets in files and manifests tend to end in a newline.
fn trimmed(text: &str) -> Result<String, Infallible> {
    Ok(text.trim().to_owned())
}

impl LimitsConfig {
    /// The share of an event that a buyer without an account may have, together with all others at the same address; `None`
    /// where nothing is counted.
    pub fn guests_share(&self) -> Option<Share> {
        (self.limits == Switch::On).then(|| Share {
            pending: bound(self.holds_per_address_max),
            tickets: bound(self.tickets_per_address_max),
        })
    }

    /// Mails of one address and to one: more where one address may have more tickets of an event.
    pub fn mails_of_address(&self) -> Rate {
        let tickets = u32::try_from(self.tickets_per_address_max).unwrap_or(0);
        let times = (tickets / self.mails.burst.max(1)).max(1);
        Rate {
            per_minute: self.mails.per_minute.saturating_mul(times),
            burst: self.mails.burst.saturating_mul(times),
        }
    }

    /// The share of an event that a buyer with an account may have. One pending booking is a rule of its own.
    pub fn accounts_share(&self) -> Share {
        let max = bound(self.tickets_per_account_max);
        Share {
            pending: None,
            tickets: max.filter(|_| self.limits == Switch::On),
        }
    }
}

fn bound(max: i64) -> Option<i64> {
    (max > 0).then_some(max)
}

impl DatabaseConfig {
    /// The address that was given. An empty one is none: environments are often filled in so.
    pub fn given_url(&self) -> Option<&str> {
        self.url
            .as_deref()
            .map(str::trim)
            .filter(|url| !url.is_empty())
    }

    /// The folder of the private Postgres; `None` when there is no home folder either.
    pub(crate) fn data_dir_or_default(&self, as_root: bool) -> Option<PathBuf> {
        if let Some(dir) = &self.data_dir {
            return Some(dir.clone());
        }
        if as_root {
            // /root is closed to the account that Postgres then runs as.
            return Some("/var/lib/seatcast".into());
        }
        let var = |name| env::var_os(name).filter(|value| !value.is_empty());
        var("XDG_DATA_HOME")
            .map(PathBuf::from)
            .or_else(|| Some(PathBuf::from(var("HOME")?).join(".local/share")))
            .map(|dir| dir.join("seatcast"))
    }
}

/// The folders of PATH.
pub(crate) fn search_path() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).collect()
}

/// Bounds of the REST contract. Clients may rely on them, so they are not for configuration.
pub mod rest {
    /// Rows of a list when the caller does not say.
    pub const LIST_ROWS_DEFAULT: i64 = 20;
    /// Rows of a list at most.
    pub const LIST_ROWS_MAX: i64 = 100;
    /// Accounts of the ledger in one answer: an organization has a few for each currency.
    pub const LEDGER_ACCOUNTS_MAX: i64 = 10_000;
    /// How far a caller may leaf through a list, in rows; a search is the better way.
    pub const LIST_OFFSET_MAX: i64 = 1_000_000;
    /// Of a list that is longer the total is one more than this: counting on would cost each page a full scan.
    pub const LIST_COUNTED_MAX: i64 = 10_000;
    /// The same of a search: an index finds so many events at once, and more are not counted.
    pub const SEARCH_COUNTED_MAX: i64 = 2_000;
    /// Events whose availability is read in one request.
    pub const AVAILABILITY_EVENTS_MAX: usize = 1_000;
    /// Ticket types of one event that are made with it.
    pub const TICKET_TYPES_MAX: usize = 100;
    /// Tickets of one event or ticket type.
    pub const CAPACITY_MAX: i64 = i32::MAX as i64;
    /// Most tickets of one booking that are shown at once, or printed in one file.
    pub const TICKETS_MAX: i64 = 1_000;
    /// Files of one booking's tickets.
    pub const TICKETS_PARTS_MAX: i64 = CAPACITY_MAX / TICKETS_MAX + 1;
    /// A price in minor units.
    pub const PRICE_AMOUNT_MAX: i64 = 1_000_000_000_000;
    /// Tickets that one booking may have when the organizer does not say.
    pub const MAX_PER_BOOKING_DEFAULT: i64 = 10;
    /// How long a hold lasts when the organizer does not say, in minutes.
    pub const HOLD_MINUTES_DEFAULT: i64 = 15;
    /// How long a hold may last, in minutes.
    pub const HOLD_MINUTES_MAX: i64 = 1_440;
    /// How long an offer of the waitlist lasts when the organizer does not say, in minutes.
    pub const OFFER_MINUTES_DEFAULT: i64 = 720;
    /// How long such an offer may last, in minutes.
    pub const OFFER_MINUTES_MAX: i64 = 43_200;
    /// Seats of one event.
    pub const SEATS_MAX: usize = 100_000;
    /// Seats changed in one request.
    pub const SEATS_CHANGED_MAX: usize = 10_000;
    /// Of these, seats whose holds are ended by force: all in one transaction, for which others of the event wait.
    pub const HELD_SEATS_FORCED_MAX: usize = 2_000;
    /// The body of a seat map, in bytes.
    pub const SEATMAP_BYTES_MAX: usize = 16 * 1024 * 1024;
    /// Titles, names, venues, in characters.
    pub const NAME_CHARS_MAX: usize = 200;
    /// Passwords that are set, in characters.
    pub const PASSWORD_CHARS_MIN: usize = 8;
    pub const PASSWORD_CHARS_MAX: usize = 200;
    /// Labels of rows and numbers of seats, in characters.
    pub const LABEL_CHARS_MAX: usize = 20;
    /// A cursor, in characters: its place may be a title, in base64 of JSON.
    pub const CURSOR_CHARS_MAX: usize = 16 * NAME_CHARS_MAX;
    /// Descriptions, in characters.
    pub const DESCRIPTION_CHARS_MAX: usize = 10_000;
    /// Messages of notices, in characters.
    pub const MESSAGE_CHARS_MAX: usize = 2_000;
    /// The `data` of a notice and the payload of a broadcast, as JSON, in bytes: it goes to every viewer.
    pub const NOTICE_DATA_BYTES_MAX: usize = 12 * 1024;
    /// Interactions in one request.
    pub const INTERACTIONS_MAX: usize = 200;
    /// Rows of a published table in one answer, and interactions in one insert, of `/rest/v1/`.
    pub const PUBLISHED_ROWS_MAX: i64 = 1_000;
    /// Rows of a published table that one query reads along an index, whatever it filters by.
    pub const PUBLISHED_READ_ROWS_MAX: i64 = 10_000;
    /// The same where the query names a key: all seats of one event.
    pub const PUBLISHED_OF_KEY_ROWS_MAX: i64 = SEATS_MAX as i64;
    /// Columns that one query selects or sorts by, and conditions that it has.
    pub const PUBLISHED_TERMS_MAX: usize = 64;
    /// `like` and `ilike` conditions among them: each is compared at every place of a text.
    pub const PUBLISHED_PATTERNS_MAX: usize = 8;
    /// Of so many connections of the pool one may read a published table: rows that the caller may not see are passed over
    /// without a bound, which may take a while, and buyers need the others.
    pub const PUBLISHED_READER_A_CONNECTIONS: usize = 4;
    /// Values in one `in.(…)` of a query.
    pub const PUBLISHED_VALUES_MAX: usize = 1_000;
    /// How deep `and(…)` and `or(…)` of a query may be nested.
    pub const PUBLISHED_DEPTH_MAX: usize = 8;
    /// Broadcasts in one request.
    pub const BROADCASTS_MAX: usize = 100;
    /// Items of one booking.
    pub const BOOKING_ITEMS_MAX: usize = 100;
    /// Vouchers of one booking.
    pub const BOOKING_VOUCHERS_MAX: usize = 5;
    /// A voucher's code, in characters.
    pub const VOUCHER_CODE_CHARS_MAX: usize = 64;
    /// Taxes, and fees, of one event: the desk reads all of them for a booking.
    pub const PRICE_RULES_MAX: i64 = 100;
    /// Vouchers of one event.
    pub const VOUCHERS_MAX: i64 = 100_000;
    /// Bookings that may use a voucher.
    pub const VOUCHER_USES_MAX: i64 = 1_000_000;
    /// Ticket types that a voucher names.
    pub const VOUCHER_TYPES_MAX: usize = 100;
    /// Attendees of one booking.
    pub const ATTENDEES_MAX: usize = 1_000;
    /// Answers of one booking, and characters of a question's name or of an answer.
    pub const ANSWERS_MAX: usize = 100;
    pub const ANSWER_CHARS_MAX: usize = 2_000;
    /// All answers of one booking as JSON, in bytes; less than the database takes, which writes them with more spaces.
    pub const ANSWERS_BYTES_MAX: usize = 8 * 1024;
    /// Why a booking is cancelled, in characters.
    pub const REASON_CHARS_MAX: usize = 500;
    /// An Idempotency-Key, in bytes.
    pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;
    /// An Idempotency-Key of a caller without an account, in bytes: it must not be guessed.
    pub const IDEMPOTENCY_KEY_BYTES_MIN_ANONYMOUS: usize = 16;
    /// Name of a way to pay, in characters.
    pub const METHOD_CHARS_MAX: usize = 50;
    /// Addresses of images, in characters.
    pub const URL_CHARS_MAX: usize = 2_000;
}

impl AvailabilityConfig {
    pub fn thresholds(&self) -> Thresholds {
        Thresholds {
            limited_percent: self.limited_percent,
            almost_sold_out_percent: self.almost_sold_out_percent,
            low_stock_below: self.low_stock_below,
        }
    }
}

impl Default for Config {
    /// The defaults of the command line, with an empty environment's values where the
    /// environment says nothing.
    fn default() -> Self {
        #[derive(Parser)]
        struct Defaults {
            #[command(flatten)]
            config: Config,
        }
        Defaults::parse_from(["seatcast"]).config
    }
}
