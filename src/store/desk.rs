//! An event's turn: one transaction in which a desk reads the stock, decides, and writes what it granted.
//!
//! Two round trips a batch: [`Store::take_turn`] sends `begin`, the lock and every read at once,
//! [`Turn::write`] every insert and `commit`. The statements of each are pipelined, so they are
//! prepared first: one that had to be prepared on the way would be overtaken.
//!
//! # Why the root pool is locked before anything else
//! Its row is the event's turn, and the triggers on `claims` lock it before they move a counter. Every
//! transaction of ours that touches an event's stock (desk, cancellation, expiry) takes the
//! turn first and the rest after, so no two of them can each hold what the other waits for.
//! What is read after the lock is the truth until commit. Writers of plain SQL take the turn in triggers, a
//! claim on a seat even before it enters the index of live seats. In what crossings remain (a hand-made booking for
//! the same user, say) Postgres ends one of the two with 40P01, and a desk decides its batch again.
//!
//! Clock: `statement_timestamp()` of statements that begin after the lock was granted. Unlike
//! `clock_timestamp()` it can bound an index scan.

mod read;
mod write;

use std::collections::HashMap;

use deadpool_postgres::Object;
use futures_util::FutureExt;
use jiff::Timestamp;

use super::idempotency::{IdempotencyKey, StoredAnswer};
use super::{Store, StoreError};
use crate::ticketing::record::Booking;
use crate::ticketing::stock::{ClaimState, Stock};
use crate::ticketing::{EventId, Revision, SeatId, TicketTypeId, UserId};

/// What the requests of a batch make it necessary to read.
#[derive(Debug, Default)]
pub struct Questions {
    pub buyers: Vec<UserId>,
    /// Seats asked for by name.
    pub seats: Vec<SeatId>,
    /// Ticket types of which seats may have to be chosen.
    pub ticket_types: Vec<TicketTypeId>,
    /// As if `ticket_types` named them all.
    pub every_ticket_type: bool,
    pub keys: Vec<IdempotencyKey>,
    /// Candidates, some of which may be taken.
    pub references: Vec<String>,
}

/// The event's turn, held until it is written, settled or dropped.
pub struct Turn {
    connection: Connection,
    event: EventId,
    pub now: Timestamp,
    /// Before anything is written, but with the overdue holds ended: true once committed.
    revision: Revision,
    expired: bool,
    pub stock: Stock,
    /// By scope and digest of the key.
    pub stored: HashMap<(String, String), StoredAnswer>,
    pub references_taken: Vec<String>,
}

/// A booking to be written: row, items, claims, tickets, and the answer to be remembered.
#[derive(Debug, Clone)]
pub struct NewBooking {
    pub booking: Booking,
    pub state: ClaimState,
    /// SHA-256 of the token of a buyer without an account.
    pub token_hash: Option<[u8; 32]>,
    pub key: Option<IdempotencyKey>,
}

impl Store {
    /// Waits for the event's turn, lets its overdue holds go, and reads what the decision needs.
    /// `None`: there is no such event.
    pub async fn take_turn(
        &self,
        event: EventId,
        questions: &Questions,
    ) -> Result<Option<Turn>, StoreError> {
        let connection = Connection::new(self.client().await?);
        let statements = read::Statements::prepare(&connection.client).await?;
        let facts = read::begin(&connection.client, &statements, event, questions).await?;
        Ok(facts.map(|facts| Turn {
            connection,
            event,
            now: facts.now,
            revision: facts.revision,
            expired: facts.expired,
            stock: facts.stock,
            stored: facts.stored,
            references_taken: facts.references_taken,
        }))
    }
}

impl Turn {
    /// Writes the bookings and commits; all or nothing. Answers the event's revision after it.
    ///
    /// [`StoreError::Unavailable`] leaves open whether it was committed.
    pub async fn write(mut self, bookings: &[NewBooking]) -> Result<Revision, StoreError> {
        let client = &self.connection.client;
        let statements = write::Statements::prepare(client).await?;
        let revision = write::commit(client, &statements, self.event, bookings).await?;
        self.connection.open = false;
        Ok(revision)
    }

    /// Ends a turn that books nothing. What ended overdue holds is committed, or else the revision
    /// that is answered would never be. Safe to be tried again.
    pub async fn settle(mut self) -> Result<Revision, StoreError> {
        if self.expired {
            self.connection.client.batch_execute("commit").await?;
            self.connection.open = false;
        }
        Ok(self.revision)
    }
}

/// A pooled connection with a transaction on it. Dropped before the transaction has ended (a
/// turn that came to nothing, an error, a panic), it sends a rollback on its way back to the
/// pool, ahead of whatever the next user sends. A rollback costs no fsync.
struct Connection {
    client: Object,
    open: bool,
}

impl Connection {
    fn new(client: Object) -> Connection {
        Connection { client, open: true }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.open {
            // Polled once, it is sent; nobody needs the answer.
            let _ = self.client.batch_execute("rollback").now_or_never();
        }
    }
}

/// Names statements, and prepares them once per connection, all in one round trip.
macro_rules! statements {
    ($($name:ident = $sql:expr;)*) => {
        pub(super) struct Statements {
            $(pub(super) $name: tokio_postgres::Statement,)*
        }

        impl Statements {
            pub(super) async fn prepare(
                client: &deadpool_postgres::Client,
            ) -> Result<Statements, tokio_postgres::Error> {
                let ($($name,)*) = tokio::try_join!($(client.prepare_cached($sql),)*)?;
                Ok(Statements { $($name,)* })
            }
        }
    };
}
use statements;
