//! The database. Beside `sql/`, the only folder that has SQL, and the only one that names tokio_postgres.
//!
//! [`Store`] is a cheap handle on a pool of connections; its methods are in files by subject. `sql/README.md` has the
//! rules for writers of the tables.

pub mod accounts;
mod address;
pub mod audit;
pub mod audit_trail;
pub mod availability;
pub mod bookings;
pub mod books;
mod changes;
pub mod checkins;
pub mod constraint;
mod crowd;
pub mod demo_charges;
pub mod desk;
pub mod dev;
pub mod doctor;
pub mod doorbell;
pub mod edit;
mod error;
pub mod event_edits;
pub mod events;
pub mod expiry;
pub mod exports;
pub mod idempotency;
mod identities;
mod ids;
mod interactions;
pub mod invoices;
pub mod jobs;
mod ledger;
pub mod letters;
pub mod memberships;
pub mod migrate;
pub mod movements;
pub mod notices;
pub mod numbers;
pub mod organization_taxes;
pub mod organizations;
pub mod packed_seatmaps;
pub mod payment_terms;
pub mod payments;
pub mod presence;
pub mod price_rules;
pub mod prices;
pub mod private;
mod provider_customers;
pub mod prune;
pub(crate) mod published;
pub mod push;
pub mod read_only;
pub mod refunds;
pub mod relay;
pub mod reviews;
mod room;
pub mod seatmap;
pub mod seats;
mod secrets;
pub mod seed;
pub mod settlements;
mod snapshot;
pub mod start;
pub(crate) mod statement_places;
pub mod ticket_types;
pub mod tickets;
mod tls;
pub(crate) mod together;
mod total;
pub mod transfers;
pub(crate) mod turn_places;
mod turns;
pub mod users;
pub mod waitlist;
pub mod yardstick;

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool_postgres::{Object, Pool, Transaction};
use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;
use tokio_postgres::IsolationLevel;

use crate::config::DatabaseConfig;
use crate::config::rest::PUBLISHED_READER_A_CONNECTIONS;
use crate::metrics;
use crate::pacing::Backoff;
use crate::ticketing::payment::{Attempt, Attempted};
use crate::ticketing::{BookingId, EventId, PaymentId};

use address::DatabaseAddress;
pub use changes::LogMark;
use crowd::{PoolLine, Room};
pub use error::{QueryFailure, StoreError};
pub use snapshot::LiveEvent;
use statement_places::StatementPlaces;
use together::Together;
pub use total::Total;
use turn_places::{TurnPlace, TurnPlaces};

/// How often a transaction is run at most (deadlocks, serialization failures).
const TRANSACTION_TRIES_MAX: u32 = 6;
/// Longest pause before the second try; it doubles with every further one.
const TRANSACTION_PAUSE_MIN: Duration = Duration::from_millis(4);
const TRANSACTION_PAUSE_MAX: Duration = Duration::from_millis(64);

/// A handle on the database. Clones share one pool.
#[derive(Clone)]
pub struct Store {
    pool: Pool,
    crowd: Arc<PoolLine>,
    /// The pool that gives way to connections outside of it.
    room: Room,
    turn_places: Arc<TurnPlaces>,
    /// Those who read published tables with filters of their own.
    table_readers: Arc<Semaphore>,
    /// Time that a query waits for a connection.
    pool_wait: Duration,
    /// For connections outside of the pool.
    address: Arc<DatabaseAddress>,
    connect_timeout: Duration,
    reconnect_pause_max: Duration,
    lines: Arc<Lines>,
}

type Shared<Ask, Answer> = Together<Store, Ask, Answer>;

/// Requests that share statements: those of which a sale needs several for each buyer.
struct Lines {
    places: StatementPlaces,
    begun_payments: Shared<payments::AttemptWish, Option<(Attempt, payments::Hold)>>,
    payments: Shared<PaymentId, Option<Attempted>>,
    heard_charges: Shared<payments::HeardCharge, Option<Attempt>>,
    rung_payments: Shared<PaymentId, bool>,
    settlements: Shared<settlements::Settlement, bool>,
    settled_jobs: Shared<(jobs::JobLease, jobs::Settled), bool>,
    bookings: Shared<BookingId, Option<bookings::FoundBooking>>,
    belongs: Shared<BookingId, Option<bookings::Belongs>>,
    demo_charges: Shared<PaymentId, Option<demo_charges::DemoCharge>>,
    demo_openings: Shared<demo_charges::NewDemoCharge, Option<demo_charges::DemoCharge>>,
    demo_cards: Shared<(PaymentId, demo_charges::CardSays), bool>,
    demo_captures: Shared<PaymentId, Option<demo_charges::DemoCharge>>,
}

impl Lines {
    fn new() -> Lines {
        let places = StatementPlaces::of_machine();
        Lines {
            begun_payments: Together::new(payments::begin_all, &places),
            payments: Together::new(payments::read_all, &places),
            heard_charges: Together::new(payments::hear_all, &places),
            rung_payments: Together::new(jobs::ring_payments, &places),
            settlements: Together::new(settlements::settle_sold, &places),
            settled_jobs: Together::new(jobs::settle_jobs, &places),
            bookings: Together::new(bookings::read_all, &places),
            belongs: Together::new(bookings::belong_all, &places),
            demo_charges: Together::new(demo_charges::read_all, &places),
            demo_openings: Together::new(demo_charges::open_all, &places),
            demo_cards: Together::new(demo_charges::pay_all, &places),
            demo_captures: Together::new(demo_charges::capture_all, &places),
            places,
        }
    }
}

impl Store {
    /// Opens the pool and one connection, to say at once if the database cannot be reached.
    pub async fn connect(config: &DatabaseConfig, url: &str) -> Result<Store, StoreError> {
        let address = DatabaseAddress::read(config, url)?;
        let connect_timeout = Duration::from_millis(config.connect_timeout_ms);
        let pool = Pool::builder(address.manager())
            .max_size(config.pool_connections_max)
            // The connection that was used last: its session has its plans and its caches, and is still in the
            // processor's. In turns, each of them would be cold whenever there is less to do than for all.
            .queue_mode(deadpool_postgres::QueueMode::Lifo)
            .wait_timeout(Some(Duration::from_millis(config.pool_wait_ms)))
            .create_timeout(Some(connect_timeout))
            .runtime(deadpool_postgres::Runtime::Tokio1)
            .build()
            .map_err(|error| StoreError::Unexpected(error.into()))?;
        let crowd: Arc<PoolLine> = Arc::default();
        let room = Room {
            pool: pool.clone(),
            line: crowd.clone(),
        };
        let store = Store {
            pool,
            crowd,
            room,
            turn_places: Arc::new(TurnPlaces::new(config.pool_connections_max)),
            table_readers: Arc::new(Semaphore::new(
                config
                    .pool_connections_max
                    .div_ceil(PUBLISHED_READER_A_CONNECTIONS),
            )),
            pool_wait: Duration::from_millis(config.pool_wait_ms),
            address: Arc::new(address),
            connect_timeout,
            reconnect_pause_max: Duration::from_millis(config.reconnect_pause_ms_max),
            lines: Arc::new(Lines::new()),
        };
        store.ping().await?;
        Ok(store)
    }

    /// The same, for which the pool of `other` makes room where the database grants no more connections.
    pub fn beside(self, other: &Store) -> Store {
        Store {
            room: other.room.clone(),
            ..self
        }
    }

    /// One round trip to the database.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.client().await?.simple_query("").await?;
        Ok(())
    }

    /// Ends the connections of the pool, also those of clones, as Postgres expects it: for commands that end by themselves.
    pub async fn close(&self) {
        self.pool.close();
        self.address.ended().await;
    }

    /// The database's time while it was asked.
    pub async fn clock(&self) -> Result<jiff::Timestamp, StoreError> {
        let client = self.client().await?;
        let row = client.query_one("select clock_timestamp()", &[]).await?;
        Ok(row.try_get(0)?)
    }

    fn address(&self) -> &DatabaseAddress {
        &self.address
    }

    fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }

    fn reconnect_pause_max(&self) -> Duration {
        self.reconnect_pause_max
    }

    /// A connection for reads and single statements.
    pub(crate) async fn client(&self) -> Result<Object, StoreError> {
        let asked = Instant::now();
        let mut client = self.crowd.get(&self.pool, &self.room, self.pool_wait).await;
        while let Ok(old) = &client
            && read_only::is_of_before(Object::metrics(old).created)
            && asked.elapsed() < self.pool_wait
        {
            drop(client.map(Object::take));
            client = self.crowd.get(&self.pool, &self.room, self.pool_wait).await;
        }
        metrics::POOL_WAIT.took(asked.elapsed());
        metrics::POOL_FAILURES.add(u64::from(client.is_err()));
        Ok(client?)
    }

    /// Runs `work` with `given` in a READ COMMITTED transaction and commits. After a serialization failure or deadlock
    /// (40001, 40P01) it is run again, so `work` must do nothing outside the database.
    ///
    /// `given` is a parameter because the compiler cannot prove futures of borrowing closures `Send`:
    /// `store.transaction(&(id, name), |tx, (id, name)| Box::pin(async move { … }))`.
    pub(crate) async fn transaction<G, T, W>(&self, given: &G, work: W) -> Result<T, StoreError>
    where
        G: Sync + ?Sized,
        W: for<'t> Fn(&'t Transaction<'t>, &'t G) -> BoxFuture<'t, Result<T, StoreError>>,
    {
        let mut client = self.client().await?;
        let mut backoff = Backoff::new(TRANSACTION_PAUSE_MIN, TRANSACTION_PAUSE_MAX);
        for _ in 1..TRANSACTION_TRIES_MAX {
            match attempt(&mut client, given, &work).await {
                Err(error) if error.is_contention() => {
                    tokio::time::sleep(backoff.fully_jittered()).await;
                }
                outcome => return outcome,
            }
        }
        attempt(&mut client, given, &work).await
    }

    /// As [`Store::transaction`], for one that takes the event's turn.
    pub(crate) async fn in_turn<G, T, W>(
        &self,
        event: EventId,
        given: &G,
        work: W,
    ) -> Result<T, StoreError>
    where
        G: Sync + ?Sized,
        W: for<'t> Fn(&'t Transaction<'t>, &'t G) -> BoxFuture<'t, Result<T, StoreError>>,
    {
        let _place = self.turn_place(event).await?;
        self.transaction(given, work).await
    }

    /// To be had by what waits with a connection of the pool for the event's turn.
    async fn turn_place(&self, event: EventId) -> Result<TurnPlace, StoreError> {
        self.turn_places.place(event, self.pool_wait).await
    }

    /// A connection for what waits for the event's turn, or for rows that whoever has it may have locked: its bookings and their
    /// payments.
    async fn client_of(&self, event: EventId) -> Result<EventClient, StoreError> {
        let place = self.turn_place(event).await?;
        Ok(EventClient {
            client: self.client().await?,
            _place: place,
        })
    }
}

/// A connection of the pool, and a place among those that may wait for one event.
struct EventClient {
    client: Object,
    _place: TurnPlace,
}

impl Deref for EventClient {
    type Target = Object;

    fn deref(&self) -> &Object {
        &self.client
    }
}

impl DerefMut for EventClient {
    fn deref_mut(&mut self) -> &mut Object {
        &mut self.client
    }
}

/// An error drops the transaction, which rolls it back.
async fn attempt<G, T, W>(client: &mut Object, given: &G, work: &W) -> Result<T, StoreError>
where
    G: ?Sized,
    W: for<'t> Fn(&'t Transaction<'t>, &'t G) -> BoxFuture<'t, Result<T, StoreError>>,
{
    let begin = client.build_transaction();
    let transaction = begin
        .isolation_level(IsolationLevel::ReadCommitted)
        .start()
        .await?;
    let value = work(&transaction, given).await?;
    transaction.commit().await?;
    Ok(value)
}
