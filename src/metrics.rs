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

#[cfg(test)]
pub(crate) use kinds::VALUES_MAX;
pub use kinds::{Counter, Gauge, GaugeGuard, Histogram, Labelled, Since};
use kinds::{Metric, MetricKind};

// --- viewers

pub static CONNECTIONS: Gauge = Gauge::new();
pub static CONNECTIONS_REFUSED: Counter = Counter::new();
pub static STREAMS: Gauge = Gauge::new();
pub static STALLED_ANSWERS: Counter = Counter::new();
pub static JOINS: Labelled = Labelled::new("source");
pub static PRESENT: Gauge = Gauge::new();
pub static SOCKET_REFUSALS: Labelled = Labelled::new("code");
pub static CLOSES: Labelled = Labelled::new("code");
pub static SILENT_CLOSES: Counter = Counter::new();
pub static LATE_HEADS: Counter = Counter::new();
pub static SPARE_CONNECTIONS: Counter = Counter::new();

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
pub static BOOKINGS: Labelled = Labelled::new("outcome");
pub static CAPACITY_ON_SALE: Gauge = Gauge::new();
pub static SOLD_ON_SALE: Gauge = Gauge::new();
pub static HELD_ON_SALE: Gauge = Gauge::new();
pub static ANSWERS: Labelled = Labelled::new("status");
pub static REFUSALS: Labelled = Labelled::new("code");
pub static POOL_WAIT: Histogram = Histogram::seconds();
pub static POOL_FAILURES: Counter = Counter::new();

// --- jobs

pub static PAYMENTS: Labelled = Labelled::new("outcome");
pub static PAYMENTS_CAPTURED: Labelled = Labelled::new("provider");
pub static PAYMENTS_BY_METHOD: Labelled = Labelled::new("method");
pub static PAYMENTS_LOST_BY_METHOD: Labelled = Labelled::new("method");
pub static WEBHOOKS: Labelled = Labelled::new("result");
pub static REFUNDS: Labelled = Labelled::new("outcome");
pub static JOBS: Labelled = Labelled::new("outcome");
pub static JOBS_DUE: Gauge = Gauge::new();
pub static JOBS_OLDEST_MS: Gauge = Gauge::new();
pub static JOBS_FOR_REVIEW: Gauge = Gauge::new();
pub static PAYMENTS_FOR_REVIEW: Gauge = Gauge::new();
pub static REFUNDS_FOR_REVIEW: Gauge = Gauge::new();
pub static MAILS: Labelled = Labelled::new("outcome");
pub static PUSHES: Labelled = Labelled::new("outcome");
pub static JWKS_FETCHES: Labelled = Labelled::new("outcome");

// --- the database's condition

pub static COUNTERS_WRONG: Gauge = Gauge::new();
pub static STORAGE_FULL: Gauge = Gauge::new();
pub static DATABASE_READ_ONLY: Gauge = Gauge::new();
pub static FREE_BYTES: Gauge = Gauge::new();

/// Name, meaning and number of each metric, in the order of the page.
static ALL: &[Metric] = &[
    Metric(
        "seatcast_connections",
        "WebSocket connections that are open.",
        MetricKind::Gauge(&CONNECTIONS),
    ),
    Metric(
        "seatcast_connections_refused_total",
        "Connections closed at once because there were too many.",
        MetricKind::Counter(&CONNECTIONS_REFUSED),
    ),
    Metric(
        "seatcast_streams",
        "Streams of server-sent events that are open.",
        MetricKind::Gauge(&STREAMS),
    ),
    Metric(
        "seatcast_stalled_answers_total",
        "Connections of HTTP ended because their clients took nothing of an answer or a stream that waited for them.",
        MetricKind::Counter(&STALLED_ANSWERS),
    ),
    Metric(
        "seatcast_joins_total",
        "Joins answered, by where the answer came from: `state` (no `since`), `ring` (resumed from \
         memory), `snapshot` (`since` was out of the ring's reach), `dialect`, `private` (a user's own topic).",
        MetricKind::Labelled(&JOINS),
    ),
    Metric(
        "seatcast_present",
        "People who named a step, on all events, as this node last showed them.",
        MetricKind::Gauge(&PRESENT),
    ),
    Metric(
        "seatcast_socket_refusals_total",
        "Joins and pushes answered with an error, by code.",
        MetricKind::Labelled(&SOCKET_REFUSALS),
    ),
    Metric(
        "seatcast_closes_total",
        "WebSocket connections that this node closed, by the name of the close code; `NORMAL` is the \
         answer to a client that closes.",
        MetricKind::Labelled(&CLOSES),
    ),
    Metric(
        "seatcast_silent_closes_total",
        "Of those, connections on which nothing whole was heard for too long: their peers are gone, asleep \
         or send byte by byte.",
        MetricKind::Counter(&SILENT_CLOSES),
    ),
    Metric(
        "seatcast_late_heads_total",
        "HTTP connections cut because no whole head of a request came in time.",
        MetricKind::Counter(&LATE_HEADS),
    ),
    Metric(
        "seatcast_spare_connections_total",
        "HTTP connections past all bounds, on which only the node's health was told.",
        MetricKind::Counter(&SPARE_CONNECTIONS),
    ),
    Metric(
        "seatcast_deliveries_total",
        "Topic frames written to viewers, sockets and streams.",
        MetricKind::Counter(&DELIVERIES),
    ),
    Metric(
        "seatcast_catch_ups_total",
        "Of those, frames for viewers who had lagged: all that they missed in one.",
        MetricKind::Counter(&CATCH_UPS),
    ),
    Metric(
        "seatcast_read_anew_total",
        "Joins of the dialect ended because more changed than can be told row by row: clients join again and read.",
        MetricKind::Counter(&READ_ANEW),
    ),
    Metric(
        "seatcast_viewers_skipped_total",
        "Frames not written because the viewer's socket was full; a catch-up follows.",
        MetricKind::Counter(&SKIPPED),
    ),
    Metric(
        "seatcast_commit_to_send_seconds",
        "From the newest change in a publication to the end of its fan-out on a shard. Compares the \
         database's clock with the node's.",
        MetricKind::Histogram(&COMMIT_TO_SEND),
    ),
    Metric(
        "seatcast_publications_total",
        "Publications made of the log of watched events.",
        MetricKind::Counter(&PUBLICATIONS),
    ),
    Metric(
        "seatcast_interactions_dropped_total",
        "Interactions refused because too many waited or came, or lost when the node ended without its database.",
        MetricKind::Counter(&INTERACTIONS_DROPPED),
    ),
    Metric(
        "seatcast_private_told_total",
        "Private topics (users' bookings, events' figures): how often one was told as it changed.",
        MetricKind::Counter(&PRIVATE_TOLD),
    ),
    Metric(
        "seatcast_changes_conflated_total",
        "Changes that went out in the frame of a later one.",
        MetricKind::Counter(&CONFLATED),
    ),
    Metric(
        "seatcast_event_loads_total",
        "Events loaded from the database for their viewers, or anew after a gap.",
        MetricKind::Counter(&LOADS),
    ),
    Metric(
        "seatcast_gaps_total",
        "Missing revisions that were noticed and healed: in what the bus or the doorbell brought (`delivery`), in the `log` \
         (pruned), at a `shard` or at the `streams` (the mailbox was full).",
        MetricKind::Labelled(&GAPS),
    ),
    Metric(
        "seatcast_doorbell_rings_total",
        "Rings heard from the database.",
        MetricKind::Counter(&RINGS),
    ),
    Metric(
        "seatcast_doorbell_changes_total",
        "Of those, rings of watched events that carried the change itself, so that no query was needed.",
        MetricKind::Counter(&RINGS_WITH_CHANGE),
    ),
    Metric(
        "seatcast_doorbell_lost_total",
        "Times that the LISTEN connection was lost, or could not be made.",
        MetricKind::Counter(&DOORBELL_LOST),
    ),
    Metric(
        "seatcast_doorbell_silence_seconds",
        "Since the doorbell was last heard, its own probe counted.",
        MetricKind::Since(&LAST_RING),
    ),
    Metric(
        "seatcast_database_up",
        "1 when the latest read of the log was answered.",
        MetricKind::Gauge(&DATABASE_UP),
    ),
    Metric(
        "seatcast_database_silence_seconds",
        "Since the log was last known to be read to its end.",
        MetricKind::Since(&LAST_READ),
    ),
    Metric(
        "seatcast_feed_queue_messages",
        "Rings, wishes of shards and changes from the bus that wait for the feed.",
        MetricKind::Gauge(&FEED_QUEUE),
    ),
    Metric(
        "seatcast_shard_queue_messages",
        "Publications and other messages that wait for a shard, or for the streams.",
        MetricKind::Gauge(&SHARD_QUEUE),
    ),
    Metric(
        "seatcast_bus_connected",
        "1 while there is a connection to NATS, 0 while there should be one; -1 without a bus.",
        MetricKind::Gauge(&BUS_CONNECTED),
    ),
    Metric(
        "seatcast_bus_lost_total",
        "Times that the connection to NATS was lost.",
        MetricKind::Counter(&BUS_LOST),
    ),
    Metric(
        "seatcast_bus_leader",
        "1 while this node carries the log to the others.",
        MetricKind::Gauge(&BUS_LEADER),
    ),
    Metric(
        "seatcast_bus_carried",
        "1 while this node hears that somebody carries the log; without, it reads it itself.",
        MetricKind::Gauge(&BUS_CARRIED),
    ),
    Metric(
        "seatcast_bus_changes_sent_total",
        "Rows of the log that this node gave to the bus.",
        MetricKind::Counter(&BUS_SENT),
    ),
    Metric(
        "seatcast_bus_changes_received_total",
        "Rows of the log that the bus brought, of events watched here.",
        MetricKind::Counter(&BUS_RECEIVED),
    ),
    Metric(
        "seatcast_bus_changes_dropped_total",
        "Rows that the bus could not bring, and the log was read for: `large` (more than NATS takes), \
         `unreadable`, `slow` (more than this node took in time).",
        MetricKind::Labelled(&BUS_DROPPED),
    ),
    Metric(
        "seatcast_desk_queue_requests",
        "Booking requests that wait for their desk.",
        MetricKind::Gauge(&DESK_QUEUE),
    ),
    Metric(
        "seatcast_desk_batch_requests",
        "Booking requests decided in one transaction.",
        MetricKind::Histogram(&DESK_BATCH),
    ),
    Metric(
        "seatcast_desk_batch_seconds",
        "From taking a batch to its answers.",
        MetricKind::Histogram(&DESK_BATCH_TIME),
    ),
    Metric(
        "seatcast_claims_expired_total",
        "Claims of holds that ran out, put back on sale by this node's sweeper.",
        MetricKind::Counter(&HOLDS_EXPIRED),
    ),
    Metric(
        "seatcast_bookings_total",
        "Bookings that this node's desk changed, by what became of them: `made`, `confirmed`, `expired`, `cancelled`, \
         `refunded`.",
        MetricKind::Labelled(&BOOKINGS),
    ),
    Metric(
        "seatcast_on_sale_capacity_tickets",
        "Tickets of all events on sale together, every five minutes; of the next 10,000 events.",
        MetricKind::Gauge(&CAPACITY_ON_SALE),
    ),
    Metric(
        "seatcast_on_sale_sold_tickets",
        "Of these, the ones that are sold.",
        MetricKind::Gauge(&SOLD_ON_SALE),
    ),
    Metric(
        "seatcast_on_sale_held_tickets",
        "Of these, the ones that are held.",
        MetricKind::Gauge(&HELD_ON_SALE),
    ),
    Metric(
        "seatcast_answers_total",
        "REST answers, by class of status.",
        MetricKind::Labelled(&ANSWERS),
    ),
    Metric(
        "seatcast_refusals_total",
        "REST answers that say no, by code.",
        MetricKind::Labelled(&REFUSALS),
    ),
    Metric(
        "seatcast_pool_wait_seconds",
        "Waits for a pooled database connection.",
        MetricKind::Histogram(&POOL_WAIT),
    ),
    Metric(
        "seatcast_pool_failures_total",
        "Waits that ended without a connection.",
        MetricKind::Counter(&POOL_FAILURES),
    ),
    Metric(
        "seatcast_payments_total",
        "Attempts to pay that ended, by outcome: `captured` (its money is booked), `too_late` (booked, and on its way back), \
         `canceled`, `failed` (the provider refused it), `needs_review` (a person has to decide).",
        MetricKind::Labelled(&PAYMENTS),
    ),
    Metric(
        "seatcast_payments_captured_total",
        "Attempts whose money is booked, by provider.",
        MetricKind::Labelled(&PAYMENTS_CAPTURED),
    ),
    Metric(
        "seatcast_payments_captured_by_method_total",
        "Attempts whose money is booked, by the means of payment: `card`, `transfer`, `cash`, …",
        MetricKind::Labelled(&PAYMENTS_BY_METHOD),
    ),
    Metric(
        "seatcast_payments_lost_by_method_total",
        "Attempts that ended without money, or wait for a person, by the means of payment.",
        MetricKind::Labelled(&PAYMENTS_LOST_BY_METHOD),
    ),
    Metric(
        "seatcast_webhooks_total",
        "Webhooks of providers, by result: `taken`, `double`, `unknown` (of no payment here: it comes again), `of_no_interest`, \
         `bad_signature`.",
        MetricKind::Labelled(&WEBHOOKS),
    ),
    Metric(
        "seatcast_refunds_total",
        "Refunds that ended, by outcome: `succeeded`, `refused` (its tickets cannot be taken back), `needs_review`.",
        MetricKind::Labelled(&REFUNDS),
    ),
    Metric(
        "seatcast_jobs_total",
        "Attempts at jobs (mails), by outcome: `done`, `again` (it failed and is tried later), `needs_review` (a person \
         has to decide), `dropped` (it came too late to be worth anything).",
        MetricKind::Labelled(&JOBS),
    ),
    Metric(
        "seatcast_jobs_due",
        "Jobs of all nodes that are due and that nobody is at, as this node last counted them; 1,000 at most.",
        MetricKind::Gauge(&JOBS_DUE),
    ),
    Metric(
        "seatcast_jobs_oldest_milliseconds",
        "How long the oldest of them has been due.",
        MetricKind::Gauge(&JOBS_OLDEST_MS),
    ),
    Metric(
        "seatcast_jobs_for_review",
        "Jobs that wait for a person; 1,000 at most.",
        MetricKind::Gauge(&JOBS_FOR_REVIEW),
    ),
    Metric(
        "seatcast_payments_for_review",
        "Payments that wait for a person, of all nodes.",
        MetricKind::Gauge(&PAYMENTS_FOR_REVIEW),
    ),
    Metric(
        "seatcast_refunds_for_review",
        "Refunds that wait for a person, of all nodes: their money is neither back nor given up.",
        MetricKind::Gauge(&REFUNDS_FOR_REVIEW),
    ),
    Metric(
        "seatcast_mails_total",
        "Attempts to send a mail, by outcome: `sent`, `failed` (it may be tried again).",
        MetricKind::Labelled(&MAILS),
    ),
    Metric(
        "seatcast_pushes_total",
        "Attempts to send a message to a browser, by outcome: `sent`, `gone` (the browser takes no more), `failed` (it may be \
         tried again).",
        MetricKind::Labelled(&PUSHES),
    ),
    Metric(
        "seatcast_jwks_fetches_total",
        "Fetches of the keys of other issuers, by outcome: `fetched`, `failed` (those that are known stay).",
        MetricKind::Labelled(&JWKS_FETCHES),
    ),
    Metric(
        "seatcast_counters_wrong",
        "Counters that differed from the claims when the events that changed last were looked at, every five minutes. \
         `seatcast audit` names them.",
        MetricKind::Gauge(&COUNTERS_WRONG),
    ),
    Metric(
        "seatcast_storage_full",
        "1 while writes fail because the database's disk is full.",
        MetricKind::Gauge(&STORAGE_FULL),
    ),
    Metric(
        "seatcast_database_read_only",
        "1 while the database answers and takes no writes.",
        MetricKind::Gauge(&DATABASE_READ_ONLY),
    ),
    Metric(
        "seatcast_database_free_bytes",
        "Free on the database's disk, every five minutes; -1 where it is on another machine, or its user may not know.",
        MetricKind::Gauge(&FREE_BYTES),
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
