//! METRICS: the server's counters, for Prometheus at `GET /metrics`.
//!
//! Plain atomics, one set for the process. Shards add to them during a fan-out, so nothing here locks or
//! allocates, and counts per viewer are summed up before they are added. [`ALL`] lists every metric with its
//! meaning.

mod kinds;

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;

pub use kinds::{Counter, Gauge, Held, Histogram, Labelled, Since};
use kinds::{Entry, Kind};

// --- viewers

pub static CONNECTIONS: Gauge = Gauge::new();
pub static CONNECTIONS_REFUSED: Counter = Counter::new();
pub static STREAMS: Gauge = Gauge::new();
pub static STALLED_STREAMS: Counter = Counter::new();
pub static JOINS: Labelled = Labelled::new("source");
pub static PRESENT: Gauge = Gauge::new();
pub static SOCKET_REFUSALS: Labelled = Labelled::new("code");
pub static CLOSES: Labelled = Labelled::new("code");
pub static SILENT_CLOSES: Counter = Counter::new();
pub static LATE_HEADS: Counter = Counter::new();

// --- fan-out

pub static DELIVERIES: Counter = Counter::new();
pub static CATCH_UPS: Counter = Counter::new();
pub static READ_ANEW: Counter = Counter::new();
pub static SKIPPED: Counter = Counter::new();
pub static COMMIT_TO_SEND: Histogram = Histogram::seconds();

// --- feed

pub static PUBLICATIONS: Counter = Counter::new();
pub static INTERACTIONS_DROPPED: Counter = Counter::new();
pub static PRIVATE_TOLD: Counter = Counter::new();
pub static CONFLATED: Counter = Counter::new();
pub static LOADS: Counter = Counter::new();
pub static GAPS: Labelled = Labelled::new("at");
pub static RINGS: Counter = Counter::new();
pub static RINGS_WITH_CHANGE: Counter = Counter::new();
pub static DOORBELL_LOST: Counter = Counter::new();
pub static LAST_RING: Since = Since::new();
pub static DATABASE_UP: Gauge = Gauge::new();
pub static LAST_READ: Since = Since::new();

// --- queues inside

pub static FEED_QUEUE: Gauge = Gauge::new();
pub static SHARD_QUEUE: Gauge = Gauge::new();

// --- bus

pub static BUS_CONNECTED: Gauge = Gauge::new();
pub static BUS_LOST: Counter = Counter::new();
pub static BUS_LEADER: Gauge = Gauge::new();
pub static BUS_CARRIED: Gauge = Gauge::new();
pub static BUS_SENT: Counter = Counter::new();
pub static BUS_RECEIVED: Counter = Counter::new();
pub static BUS_DROPPED: Labelled = Labelled::new("why");

// --- bookings and REST

pub static DESK_QUEUE: Gauge = Gauge::new();
pub static DESK_BATCH: Histogram = Histogram::counts();
pub static DESK_BATCH_TIME: Histogram = Histogram::seconds();
pub static HOLDS_EXPIRED: Counter = Counter::new();
pub static ANSWERS: Labelled = Labelled::new("status");
pub static REFUSALS: Labelled = Labelled::new("code");
pub static POOL_WAIT: Histogram = Histogram::seconds();
pub static POOL_FAILURES: Counter = Counter::new();

/// Name, meaning and number of each metric, in the order of the page.
static ALL: &[Entry] = &[
    Entry(
        "seatcast_connections",
        "WebSocket connections that are open.",
        Kind::Gauge(&CONNECTIONS),
    ),
    Entry(
        "seatcast_connections_refused_total",
        "Connections closed at once because there were too many.",
        Kind::Counter(&CONNECTIONS_REFUSED),
    ),
    Entry(
        "seatcast_streams",
        "Streams of server-sent events that are open.",
        Kind::Gauge(&STREAMS),
    ),
    Entry(
        "seatcast_stalled_streams_total",
        "Streams ended because their clients took nothing of what waited for them.",
        Kind::Counter(&STALLED_STREAMS),
    ),
    Entry(
        "seatcast_joins_total",
        "Joins answered, by where the answer came from: `state` (no `since`), `ring` (resumed from \
         memory), `snapshot` (`since` was out of the ring's reach), `dialect`, `private` (a user's own topic).",
        Kind::Labelled(&JOINS),
    ),
    Entry(
        "seatcast_present",
        "People who named a step, on all events, as this node last showed them.",
        Kind::Gauge(&PRESENT),
    ),
    Entry(
        "seatcast_socket_refusals_total",
        "Joins and pushes answered with an error, by code.",
        Kind::Labelled(&SOCKET_REFUSALS),
    ),
    Entry(
        "seatcast_closes_total",
        "WebSocket connections that this node closed, by the name of the close code; `NORMAL` is the \
         answer to a client that closes.",
        Kind::Labelled(&CLOSES),
    ),
    Entry(
        "seatcast_silent_closes_total",
        "Of those, connections on which nothing whole was heard for too long: their peers are gone, asleep \
         or send byte by byte.",
        Kind::Counter(&SILENT_CLOSES),
    ),
    Entry(
        "seatcast_late_heads_total",
        "HTTP connections cut because no whole head of a request came in time.",
        Kind::Counter(&LATE_HEADS),
    ),
    Entry(
        "seatcast_deliveries_total",
        "Topic frames written to viewers, sockets and streams.",
        Kind::Counter(&DELIVERIES),
    ),
    Entry(
        "seatcast_catch_ups_total",
        "Of those, frames for viewers who had lagged: all that they missed in one.",
        Kind::Counter(&CATCH_UPS),
    ),
    Entry(
        "seatcast_read_anew_total",
        "Joins of the dialect ended because more changed than can be told row by row: clients join again and read.",
        Kind::Counter(&READ_ANEW),
    ),
    Entry(
        "seatcast_viewers_skipped_total",
        "Frames not written because the viewer's socket was full; a catch-up follows.",
        Kind::Counter(&SKIPPED),
    ),
    Entry(
        "seatcast_commit_to_send_seconds",
        "From the newest change in a publication to the end of its fan-out on a shard. Compares the \
         database's clock with the node's.",
        Kind::Histogram(&COMMIT_TO_SEND),
    ),
    Entry(
        "seatcast_publications_total",
        "Publications made of the log of watched events.",
        Kind::Counter(&PUBLICATIONS),
    ),
    Entry(
        "seatcast_interactions_dropped_total",
        "Interactions refused because too many waited or came, or lost when the node ended without its database.",
        Kind::Counter(&INTERACTIONS_DROPPED),
    ),
    Entry(
        "seatcast_private_told_total",
        "Private topics (users' bookings, events' figures): how often one was told as it changed.",
        Kind::Counter(&PRIVATE_TOLD),
    ),
    Entry(
        "seatcast_changes_conflated_total",
        "Changes that went out in the frame of a later one.",
        Kind::Counter(&CONFLATED),
    ),
    Entry(
        "seatcast_event_loads_total",
        "Events loaded from the database for their viewers, or anew after a gap.",
        Kind::Counter(&LOADS),
    ),
    Entry(
        "seatcast_gaps_total",
        "Missing revisions that were noticed and healed: in what the bus or the doorbell brought (`delivery`), in the `log` \
         (pruned), at a `shard` or at the `streams` (the mailbox was full).",
        Kind::Labelled(&GAPS),
    ),
    Entry(
        "seatcast_doorbell_rings_total",
        "Rings heard from the database.",
        Kind::Counter(&RINGS),
    ),
    Entry(
        "seatcast_doorbell_changes_total",
        "Of those, rings of watched events that carried the change itself, so that no query was needed.",
        Kind::Counter(&RINGS_WITH_CHANGE),
    ),
    Entry(
        "seatcast_doorbell_lost_total",
        "Times that the LISTEN connection was lost, or could not be made.",
        Kind::Counter(&DOORBELL_LOST),
    ),
    Entry(
        "seatcast_doorbell_silence_seconds",
        "Since the doorbell was last heard, its own probe counted.",
        Kind::Since(&LAST_RING),
    ),
    Entry(
        "seatcast_database_up",
        "1 when the latest read of the log was answered.",
        Kind::Gauge(&DATABASE_UP),
    ),
    Entry(
        "seatcast_database_silence_seconds",
        "Since the log was last known to be read to its end.",
        Kind::Since(&LAST_READ),
    ),
    Entry(
        "seatcast_feed_queue_messages",
        "Rings, wishes of shards and changes from the bus that wait for the feed.",
        Kind::Gauge(&FEED_QUEUE),
    ),
    Entry(
        "seatcast_shard_queue_messages",
        "Publications and other messages that wait for a shard, or for the streams.",
        Kind::Gauge(&SHARD_QUEUE),
    ),
    Entry(
        "seatcast_bus_connected",
        "1 while there is a connection to NATS.",
        Kind::Gauge(&BUS_CONNECTED),
    ),
    Entry(
        "seatcast_bus_lost_total",
        "Times that the connection to NATS was lost.",
        Kind::Counter(&BUS_LOST),
    ),
    Entry(
        "seatcast_bus_leader",
        "1 while this node carries the log to the others.",
        Kind::Gauge(&BUS_LEADER),
    ),
    Entry(
        "seatcast_bus_carried",
        "1 while this node hears that somebody carries the log; without, it reads it itself.",
        Kind::Gauge(&BUS_CARRIED),
    ),
    Entry(
        "seatcast_bus_changes_sent_total",
        "Rows of the log that this node gave to the bus.",
        Kind::Counter(&BUS_SENT),
    ),
    Entry(
        "seatcast_bus_changes_received_total",
        "Rows of the log that the bus brought, of events watched here.",
        Kind::Counter(&BUS_RECEIVED),
    ),
    Entry(
        "seatcast_bus_changes_dropped_total",
        "Rows that the bus could not bring, and the log was read for: `large` (more than NATS takes), \
         `unreadable`, `slow` (more than this node took in time).",
        Kind::Labelled(&BUS_DROPPED),
    ),
    Entry(
        "seatcast_desk_queue_requests",
        "Booking requests that wait for their desk.",
        Kind::Gauge(&DESK_QUEUE),
    ),
    Entry(
        "seatcast_desk_batch_requests",
        "Booking requests decided in one transaction.",
        Kind::Histogram(&DESK_BATCH),
    ),
    Entry(
        "seatcast_desk_batch_seconds",
        "From taking a batch to its answers.",
        Kind::Histogram(&DESK_BATCH_TIME),
    ),
    Entry(
        "seatcast_claims_expired_total",
        "Claims of holds that ran out, put back on sale by this node's sweeper.",
        Kind::Counter(&HOLDS_EXPIRED),
    ),
    Entry(
        "seatcast_answers_total",
        "REST answers, by class of status.",
        Kind::Labelled(&ANSWERS),
    ),
    Entry(
        "seatcast_refusals_total",
        "REST answers that say no, by code.",
        Kind::Labelled(&REFUSALS),
    ),
    Entry(
        "seatcast_pool_wait_seconds",
        "Waits for a pooled database connection.",
        Kind::Histogram(&POOL_WAIT),
    ),
    Entry(
        "seatcast_pool_failures_total",
        "Waits that ended without a connection.",
        Kind::Counter(&POOL_FAILURES),
    ),
];

/// `GET /metrics`, in Prometheus' text format.
pub fn router() -> Router {
    Router::new().route("/metrics", get(page))
}

async fn page() -> impl IntoResponse {
    let mut text = String::new();
    for entry in ALL {
        entry.write(&mut text);
    }
    let text_format = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, text_format)], text)
}
