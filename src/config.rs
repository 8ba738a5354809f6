//! Every limit with its default and unit: one struct per stage, filled from flags and
//! environment, checked once in [`Config::validate`]. Nothing else reads the environment.
//!
//! Bounds that are not for whoever runs it are in [`inside`] and [`rest`]. A name ends in its unit. Tests start from [`Config::default`] and change fields.

pub mod inside;
mod validate;

use std::env;
use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, ValueEnum};

pub use self::validate::InvalidConfig;
use crate::ticketing::availability::Thresholds;

/// All of `seatcast serve`.
#[derive(Debug, Clone, Args)]
pub struct Config {
    #[command(flatten)]
    pub http: HttpConfig,
    #[command(flatten)]
    pub database: DatabaseConfig,
    #[command(flatten)]
    pub auth: AuthConfig,
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
    /// Largest request body, in bytes.
    #[arg(long, env = "SEATCAST_BODY_BYTES_MAX", default_value_t = 1024 * 1024)]
    pub body_bytes_max: usize,
    /// Largest head (request line and headers) of a request, in bytes.
    #[arg(long, env = "SEATCAST_HEADER_BYTES_MAX", default_value_t = 64 * 1024)]
    pub header_bytes_max: usize,
    /// Time a client has to send its request's headers, in milliseconds.
    #[arg(long, env = "SEATCAST_HEADER_TIMEOUT_MS", default_value_t = 10_000)]
    pub header_timeout_ms: u64,
    /// Time a REST request may take before it is answered 503, in milliseconds.
    #[arg(long, env = "SEATCAST_REQUEST_TIMEOUT_MS", default_value_t = 15_000)]
    pub request_timeout_ms: u64,
    /// Users whose role is kept in memory for `X-User-Id` (development mode).
    #[arg(long, env = "SEATCAST_STANDINGS_MAX", default_value_t = 1_000)]
    pub standings_max: usize,
    /// How long a user's role is kept in memory for `X-User-Id`, in milliseconds.
    #[arg(long, env = "SEATCAST_STANDING_MS", default_value_t = 1_000)]
    pub standing_ms: u64,
    /// Requests with an Idempotency-Key that may be under way at a time.
    #[arg(long, env = "SEATCAST_KEYS_IN_FLIGHT_MAX", default_value_t = 100_000)]
    pub keys_in_flight_max: usize,
    /// Time given to requests under way at shutdown, in milliseconds.
    #[arg(long, env = "SEATCAST_DRAIN_TIMEOUT_MS", default_value_t = 10_000)]
    pub drain_timeout_ms: u64,
}

#[derive(Debug, Clone, Args)]
pub struct DatabaseConfig {
    /// Postgres 15 or newer, with libpq's sslmode and sslrootcert. Without it a private Postgres is started in `--data-dir`.
    #[arg(long = "database-url", env = "DATABASE_URL", hide_env_values = true)]
    pub url: Option<String>,
    /// Folder of the private Postgres (default: /var/lib/seatcast as root, else
    /// $XDG_DATA_HOME/seatcast or ~/.local/share/seatcast).
    #[arg(long, env = "SEATCAST_DATA_DIR")]
    pub data_dir: Option<PathBuf>,
    /// Folder with the Postgres binaries (`initdb`, `postgres`) for the private Postgres.
    #[arg(long, env = "PG_BIN_DIR")]
    pub pg_bin_dir: Option<PathBuf>,
    /// Time the private Postgres has to start, crash recovery included, in milliseconds.
    #[arg(
        long,
        env = "SEATCAST_EMBEDDED_START_TIMEOUT_MS",
        default_value_t = 60_000
    )]
    pub embedded_start_timeout_ms: u64,
    /// Time the private Postgres has for an orderly stop, in milliseconds.
    #[arg(
        long,
        env = "SEATCAST_EMBEDDED_STOP_TIMEOUT_MS",
        default_value_t = 20_000
    )]
    pub embedded_stop_timeout_ms: u64,
    /// Pooled connections; the feed's LISTEN connection comes on top.
    #[arg(long, env = "SEATCAST_POOL_CONNECTIONS_MAX", default_value_t = 16)]
    pub pool_connections_max: usize,
    /// Time a request waits for a pooled connection before it is answered 503, in milliseconds.
    #[arg(long, env = "SEATCAST_POOL_WAIT_MS", default_value_t = 5_000)]
    pub pool_wait_ms: u64,
    /// Time a new connection may take, in milliseconds.
    #[arg(long, env = "SEATCAST_CONNECT_TIMEOUT_MS", default_value_t = 5_000)]
    pub connect_timeout_ms: u64,
    /// Time one statement may take before it is cancelled, in milliseconds.
    #[arg(long, env = "SEATCAST_STATEMENT_TIMEOUT_MS", default_value_t = 10_000)]
    pub statement_timeout_ms: u64,
    /// Time a statement may wait for a row lock before it gives up, in milliseconds.
    #[arg(long, env = "SEATCAST_LOCK_TIMEOUT_MS", default_value_t = 5_000)]
    pub lock_timeout_ms: u64,
    /// Time a transaction may idle, with its locks, before the database ends it, in milliseconds.
    #[arg(
        long,
        env = "SEATCAST_IDLE_IN_TRANSACTION_TIMEOUT_MS",
        default_value_t = 15_000
    )]
    pub idle_in_transaction_timeout_ms: u64,
    /// Silence after which TCP asks whether the database's machine lives, in milliseconds;
    /// unanswered three times, the connection counts as lost.
    #[arg(long, env = "SEATCAST_DATABASE_KEEPALIVE_MS", default_value_t = 3_000)]
    pub keepalive_ms: u64,
    /// Longest pause before the LISTEN connection is tried again, in milliseconds.
    #[arg(long, env = "SEATCAST_RECONNECT_PAUSE_MS_MAX", default_value_t = 2_000)]
    pub reconnect_pause_ms_max: u64,
    /// How long a change stays in the log, in hours. Older readers get a snapshot.
    #[arg(long, env = "SEATCAST_LOG_RETENTION_HOURS", default_value_t = 24)]
    pub log_retention_hours: u32,
}

#[derive(Debug, Clone, Args)]
pub struct AuthConfig {
    /// Secret of HS256 tokens, at least 32 bytes.
    #[arg(long, env = "SEATCAST_JWT_SECRET", hide_env_values = true)]
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
    /// Also trust the `X-User-Id` header. For demos and tests only.
    #[arg(long, env = "SEATCAST_DEV", default_value_t = false)]
    pub dev: bool,
}

#[derive(Debug, Clone, Args)]
pub struct DeskConfig {
    /// Booking requests that one event's desk keeps waiting; past it the answer is 503 BUSY.
    #[arg(long, env = "SEATCAST_DESK_QUEUE_MAX", default_value_t = 2_048)]
    pub queue_requests_max: usize,
    /// Booking requests decided in one transaction.
    #[arg(long, env = "SEATCAST_DESK_BATCH_MAX", default_value_t = 128)]
    pub batch_requests_max: usize,
    /// Time the database has to decide one batch before its requests are answered 503, in milliseconds.
    #[arg(long, env = "SEATCAST_DESK_BATCH_TIMEOUT_MS", default_value_t = 6_000)]
    pub batch_timeout_ms: u64,
    /// Desks open at a time; a booking for one event more is answered 503 BUSY.
    #[arg(long, env = "SEATCAST_DESKS_MAX", default_value_t = 10_000)]
    pub desks_max: usize,
    /// An event's desk goes home after this long without a request, in seconds.
    #[arg(long, env = "SEATCAST_DESK_IDLE_S", default_value_t = 60)]
    pub idle_s: u64,
}

#[derive(Debug, Clone, Args)]
pub struct SweepConfig {
    /// Longest sleep between two looks at the deadlines of holds, in milliseconds. A deadline that another
    /// node or a statement typed by hand has set is seen after at most this.
    #[arg(long, env = "SEATCAST_SWEEP_PAUSE_MS_MAX", default_value_t = 500)]
    pub sweep_pause_ms_max: u64,
    /// Longest sleep while the database fails, for one event or for all, in milliseconds.
    #[arg(
        long,
        env = "SEATCAST_SWEEP_FAILING_PAUSE_MS_MAX",
        default_value_t = 5_000
    )]
    pub sweep_failing_pause_ms_max: u64,
    /// Holds ended in one transaction.
    #[arg(long, env = "SEATCAST_SWEEP_HOLDS_MAX", default_value_t = 500)]
    pub holds_per_transaction_max: usize,
    /// Events whose holds are ended at the same time.
    #[arg(long, env = "SEATCAST_SWEEP_EVENTS_MAX", default_value_t = 4)]
    pub events_parallel_max: usize,
    /// How often old changes and stored answers are dropped, in seconds.
    #[arg(long, env = "SEATCAST_PRUNE_INTERVAL_S", default_value_t = 300)]
    pub prune_interval_s: u64,
    /// How long interactions are kept, in hours.
    #[arg(
        long,
        env = "SEATCAST_INTERACTIONS_RETENTION_HOURS",
        default_value_t = 24 * 90
    )]
    pub interactions_retention_hours: u32,
    /// Rows dropped in one transaction.
    #[arg(long, env = "SEATCAST_PRUNE_ROWS_MAX", default_value_t = 5_000)]
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
    #[arg(long, env = "SEATCAST_POLL_INTERVAL_MS", default_value_t = 1_000)]
    pub poll_interval_ms: u64,
    /// Silence on the LISTEN connection after which the feed rings its own bell, in milliseconds.
    #[arg(long, env = "SEATCAST_PROBE_INTERVAL_MS", default_value_t = 5_000)]
    pub probe_interval_ms: u64,
    /// Deltas kept in memory per watched event, for resumes and slow viewers.
    #[arg(long, env = "SEATCAST_RING_DELTAS_MAX", default_value_t = 1_024)]
    pub ring_deltas_max: usize,
    /// An event stays in memory this long after its last viewer left, in seconds.
    #[arg(long, env = "SEATCAST_UNWATCH_GRACE_S", default_value_t = 30)]
    pub unwatch_grace_s: u64,
    /// Rows of the log read in one query.
    #[arg(long, env = "SEATCAST_LOG_ROWS_MAX", default_value_t = 2_000)]
    pub log_rows_max: usize,
    /// Events watched at a time; a join that would be one more is told to come later.
    #[arg(long, env = "SEATCAST_WATCHED_EVENTS_MAX", default_value_t = 10_000)]
    pub watched_events_max: usize,
    /// Events loaded from the database at a time.
    #[arg(long, env = "SEATCAST_LOADS_PARALLEL_MAX", default_value_t = 4)]
    pub loads_parallel_max: usize,
    /// How long an event that the database did not have is not asked for again, in milliseconds; its
    /// doorbell ends that.
    #[arg(long, env = "SEATCAST_ABSENT_MS", default_value_t = 1_000)]
    pub absent_ms: u64,
    /// Events that the database did not have and that are kept in mind.
    #[arg(long, env = "SEATCAST_ABSENT_EVENTS_MAX", default_value_t = 10_000)]
    pub absent_events_max: usize,
    /// Time after which a join that waits for its event is told to come later, in milliseconds.
    #[arg(long, env = "SEATCAST_OPEN_TIMEOUT_MS", default_value_t = 5_000)]
    pub open_timeout_ms: u64,
    /// Time that the database has to answer the feed before it counts as down, in milliseconds.
    #[arg(long, env = "SEATCAST_READ_TIMEOUT_MS", default_value_t = 3_000)]
    pub read_timeout_ms: u64,
}

/// Private topics: users' own bookings, figures of events.
#[derive(Debug, Clone, Args)]
pub struct PrivateConfig {
    /// Users' bookings and events' figures watched at a time; a join that would be one more is told to come later.
    #[arg(long, env = "SEATCAST_PRIVATE_TOPICS_MAX", default_value_t = 10_000)]
    pub private_topics_max: usize,
    /// Of these, how many are read in one query.
    #[arg(long, env = "SEATCAST_PRIVATE_PER_READ_MAX", default_value_t = 200)]
    pub private_per_read_max: usize,
    /// Bookings that a user is told of: those that are pending, then the newest.
    #[arg(long, env = "SEATCAST_OWN_BOOKINGS_MAX", default_value_t = 100)]
    pub own_bookings_max: i64,
    /// These are read at least this often, doorbell or not, in milliseconds.
    #[arg(
        long,
        env = "SEATCAST_PRIVATE_POLL_INTERVAL_MS",
        default_value_t = 5_000
    )]
    pub private_poll_interval_ms: u64,
    /// Least time between two figures of one event, in milliseconds.
    #[arg(long, env = "SEATCAST_FIGURES_INTERVAL_MS", default_value_t = 1_000)]
    pub figures_interval_ms: u64,
    /// How often a node adds the joins that it counted to those of the others, in milliseconds.
    #[arg(long, env = "SEATCAST_JOINS_INTERVAL_MS", default_value_t = 5_000)]
    pub joins_interval_ms: u64,
    /// Events whose joins a node counts between two such times.
    #[arg(long, env = "SEATCAST_JOINED_EVENTS_MAX", default_value_t = 10_000)]
    pub joined_events_max: usize,
}

/// What clients tell of people's way to a ticket, for analytics.
#[derive(Debug, Clone, Args)]
pub struct InteractionsConfig {
    /// Interactions that may wait to be stored; further ones are refused and counted.
    #[arg(
        long,
        env = "SEATCAST_INTERACTIONS_WAITING_MAX",
        default_value_t = 20_000
    )]
    pub interactions_waiting_max: usize,
    /// Interactions stored in one statement; so many are stored at once, fewer after a while.
    #[arg(long, env = "SEATCAST_INTERACTIONS_BATCH_MAX", default_value_t = 500)]
    pub interactions_batch_max: usize,
    /// How long an interaction waits for others to be stored with, in milliseconds.
    #[arg(
        long,
        env = "SEATCAST_INTERACTIONS_INTERVAL_MS",
        default_value_t = 5_000
    )]
    pub interactions_interval_ms: u64,
    /// Interactions a second that a node takes in (twice as many in a burst); further ones are refused and counted.
    #[arg(long, env = "SEATCAST_INTERACTIONS_PER_S_MAX", default_value_t = 5_000)]
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
    #[arg(
        long,
        env = "NATS_URL",
        default_value = "nats://127.0.0.1:4222",
        hide_env_values = true
    )]
    pub nats_url: String,
    /// Events whose last revision the node that reads for all keeps in mind.
    #[arg(long, env = "SEATCAST_RELAY_EVENTS_MAX", default_value_t = 100_000)]
    pub relay_events_max: usize,
    /// Rows of the log that it reads in one query.
    #[arg(long, env = "SEATCAST_RELAY_ROWS_MAX", default_value_t = 1_000)]
    pub relay_rows_max: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Bus {
    Postgres,
    Nats,
}

#[derive(Debug, Clone, Args)]
pub struct SocketConfig {
    /// Event loops that own the WebSocket connections; 0 means one per core.
    #[arg(long, env = "SEATCAST_SHARDS", default_value_t = 0)]
    pub shards: usize,
    /// WebSocket connections in total.
    #[arg(long, env = "SEATCAST_CONNECTIONS_MAX", default_value_t = 100_000)]
    pub connections_max: usize,
    /// WebSocket connections from one address; 0 means no bound.
    #[arg(
        long,
        env = "SEATCAST_CONNECTIONS_PER_ADDRESS_MAX",
        default_value_t = 0
    )]
    pub connections_per_address_max: usize,
    /// Largest message a client may send, in bytes.
    #[arg(long, env = "SEATCAST_FRAME_BYTES_MAX", default_value_t = 64 * 1024)]
    pub frame_bytes_max: usize,
    /// Topics joined at a time on one connection.
    #[arg(long, env = "SEATCAST_JOINS_MAX", default_value_t = 100)]
    pub joins_max: usize,
    /// Bindings (`postgres_changes`) in one join of the Supabase dialect.
    #[arg(long, env = "SEATCAST_BINDINGS_MAX", default_value_t = 32)]
    pub bindings_max: usize,
    /// All bindings of one join together, in bytes of their JSON.
    #[arg(long, env = "SEATCAST_BINDINGS_BYTES_MAX", default_value_t = 8 * 1024)]
    pub bindings_bytes_max: usize,
    /// Joins a second on one connection (twice as many in a burst).
    #[arg(long, env = "SEATCAST_JOINS_PER_S_MAX", default_value_t = 100)]
    pub joins_per_s_max: u32,
    /// Frames a second from one connection (twice as many in a burst).
    #[arg(long, env = "SEATCAST_PUSHES_PER_S_MAX", default_value_t = 200)]
    pub pushes_per_s_max: u32,
    /// Bytes of replies and notices that may wait for a client that does not read.
    #[arg(long, env = "SEATCAST_OUTBOX_BYTES_MAX", default_value_t = 256 * 1024)]
    pub outbox_bytes_max: usize,
    /// Broadcasts of all clients that may wait to be stored.
    #[arg(long, env = "SEATCAST_BROADCASTS_WAITING_MAX", default_value_t = 256)]
    pub broadcasts_waiting_max: usize,
    /// What the kernel may hold of the bytes sent to one client, in bytes: bounds what a client that
    /// does not read costs, and how old what it reads can be.
    #[arg(long, env = "SEATCAST_SEND_BUFFER_BYTES", default_value_t = 128 * 1024)]
    pub send_buffer_bytes: usize,
    /// Interval of the beat that proves freshness, in milliseconds.
    #[arg(long, env = "SEATCAST_BEAT_INTERVAL_MS", default_value_t = 5_000)]
    pub beat_interval_ms: u64,
    /// A connection that sent nothing for this long is closed, in milliseconds.
    #[arg(long, env = "SEATCAST_IDLE_TIMEOUT_MS", default_value_t = 60_000)]
    pub idle_timeout_ms: u64,
    /// Time from the handshake to the first join, in milliseconds.
    #[arg(long, env = "SEATCAST_FIRST_JOIN_TIMEOUT_MS", default_value_t = 30_000)]
    pub first_join_timeout_ms: u64,
}

/// Server-sent events. Beats come as often as on sockets.
#[derive(Debug, Clone, Args)]
pub struct StreamConfig {
    /// Streams open at a time; one more is answered 503 BUSY.
    #[arg(long, env = "SEATCAST_STREAMS_MAX", default_value_t = 5_000)]
    pub streams_max: usize,
    /// Streams from one address; one more is answered 503 BUSY. 0 means no bound, as behind a proxy, whose
    /// address all have.
    #[arg(
        long,
        env = "SEATCAST_STREAMS_PER_ADDRESS_MAX",
        default_value_t = 1_000
    )]
    pub streams_per_address_max: usize,
    /// A stream whose client takes nothing of what waits for it is ended after this long, in milliseconds.
    #[arg(
        long,
        env = "SEATCAST_STREAM_STALL_TIMEOUT_MS",
        default_value_t = 30_000
    )]
    pub stall_timeout_ms: u64,
    /// Silence on a stream after which a comment is sent, so that proxies keep it open, in milliseconds.
    #[arg(
        long,
        env = "SEATCAST_STREAM_COMMENT_INTERVAL_MS",
        default_value_t = 15_000
    )]
    pub comment_interval_ms: u64,
}

/// Who is here, by step.
#[derive(Debug, Clone, Args)]
pub struct PresenceConfig {
    /// Least time between two counts of one event, in milliseconds.
    #[arg(long, env = "SEATCAST_PRESENCE_INTERVAL_MS", default_value_t = 1_000)]
    pub counts_interval_ms: u64,
    /// Members who come and go within this time are told of together, in milliseconds.
    #[arg(long, env = "SEATCAST_PRESENCE_DIFF_WINDOW_MS", default_value_t = 100)]
    pub diff_window_ms: u64,
    /// Members of one event that are listed by name; the others are counted only.
    #[arg(long, env = "SEATCAST_PRESENCE_LISTED_MAX", default_value_t = 200)]
    pub members_listed_max: usize,
    /// Largest object that a member may track, in bytes of JSON.
    #[arg(long, env = "SEATCAST_PRESENCE_BYTES_MAX", default_value_t = 2_048)]
    pub tracked_bytes_max: usize,
    /// Steps of one event that are told apart on a node; further ones count as `other`.
    #[arg(long, env = "SEATCAST_PRESENCE_STEPS_MAX", default_value_t = 32)]
    pub steps_max: usize,
    /// The people of a node that is not heard of for this long no longer count on the others, in
    /// milliseconds. It is heard of four times as often.
    #[arg(long, env = "SEATCAST_PRESENCE_LEASE_MS", default_value_t = 4_000)]
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

impl DatabaseConfig {
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
    /// How far a caller may leaf through a list, in rows; a search is the better way.
    pub const LIST_OFFSET_MAX: i64 = 1_000_000;
    /// Events whose availability is read in one request.
    pub const AVAILABILITY_EVENTS_MAX: usize = 1_000;
    /// Ticket types of one event that are made with it.
    pub const TICKET_TYPES_MAX: usize = 100;
    /// Tickets of one event or ticket type.
    pub const CAPACITY_MAX: i64 = i32::MAX as i64;
    /// A price in minor units.
    pub const PRICE_AMOUNT_MAX: i64 = 1_000_000_000_000;
    /// Tickets that one booking may have when the organizer does not say.
    pub const MAX_PER_BOOKING_DEFAULT: i64 = 10;
    /// How long a hold lasts when the organizer does not say, in minutes.
    pub const HOLD_MINUTES_DEFAULT: i64 = 15;
    /// How long a hold may last, in minutes.
    pub const HOLD_MINUTES_MAX: i64 = 1_440;
    /// Seats of one event.
    pub const SEATS_MAX: usize = 100_000;
    /// Seats changed in one request.
    pub const SEATS_CHANGED_MAX: usize = 10_000;
    /// The body of a seat map, in bytes.
    pub const SEATMAP_BYTES_MAX: usize = 16 * 1024 * 1024;
    /// Titles, names, venues, in characters.
    pub const NAME_CHARS_MAX: usize = 200;
    /// Descriptions, in characters.
    pub const DESCRIPTION_CHARS_MAX: usize = 10_000;
    /// Messages of notices, in characters.
    pub const MESSAGE_CHARS_MAX: usize = 2_000;
    /// The `data` of a notice, as JSON, in bytes: it goes to every viewer.
    pub const NOTICE_DATA_BYTES_MAX: usize = 8 * 1024;
    /// Interactions in one request.
    pub const INTERACTIONS_MAX: usize = 200;
    /// Broadcasts in one request.
    pub const BROADCASTS_MAX: usize = 100;
    /// Items of one booking.
    pub const BOOKING_ITEMS_MAX: usize = 100;
    /// Why a booking is cancelled, in characters.
    pub const REASON_CHARS_MAX: usize = 500;
    /// An Idempotency-Key, in bytes.
    pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;
    /// An Idempotency-Key of a caller without an account, in bytes: it must not be guessed.
    pub const IDEMPOTENCY_KEY_BYTES_MIN_ANONYMOUS: usize = 16;
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
