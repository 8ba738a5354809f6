//! A connection of the desk: opened when it is needed, dropped when it fails.
//!
//! Its I/O future is polled by the task that uses it, so a round trip wakes one task and not two. Between
//! transactions nobody polls it; a break shows at the next transaction.

use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::poll_fn;
use jiff::Timestamp;
use tokio_postgres::Client;

use super::{DeskDatabase, Facts, Questions, Turns, WriteEnd, Writes, read, write};
use crate::store::address::Connection;
use crate::store::{Store, StoreError};

/// Lock timeout of all statements here. Short, since a batch that waits for a row holds the turns of many events.
const LOCK_TIMEOUT_MS: u64 = 100;

/// Time to connect to a database that did not serve the last time, so that its buyers need not wait as long as the first ones
/// to be told.
const AWAY_CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

pub struct DeskConnection {
    store: Store,
    /// Time the database has for a round trip before it counts as unreachable.
    patience: Duration,
    open: Option<Open>,
    /// Whether the database did not serve the last time.
    was_away: bool,
}

struct Open {
    client: Client,
    connection: Connection,
    read: read::Statements,
    write: write::Statements,
    priced: read::PricedEvents,
    /// Whether the connection has answered before, so that a failure may only mean that it broke while idle.
    is_old: bool,
}

impl Store {
    /// A connection for the desk, not opened yet.
    pub fn desk_connection(&self, patience: Duration) -> DeskConnection {
        DeskConnection {
            store: self.clone(),
            patience,
            open: None,
            was_away: false,
        }
    }
}

impl DeskDatabase for DeskConnection {
    async fn begin(&mut self, questions: &Questions, turns: Turns) -> Result<Facts, StoreError> {
        let was_old = self.open.as_ref().is_some_and(|open| open.is_old);
        let asked_at = Instant::now();
        match self.try_begin(questions, turns).await {
            // The connection broke while idle: try a new one. Not after a timeout: then no time is left, and the callers are
            // answered that the database is away.
            Err(StoreError::Unavailable(_)) if was_old && asked_at.elapsed() < self.patience => {
                self.was_away = false;
                self.try_begin(questions, turns).await
            }
            outcome => outcome,
        }
    }

    async fn write(&mut self, writes: &Writes, end: WriteEnd) -> Result<(), StoreError> {
        let Some(open) = &mut self.open else {
            return Err(StoreError::corrupt("a write without a transaction"));
        };
        let work = write::write(&open.client, &open.write, writes, end);
        let outcome = drive(&mut open.connection, work, self.patience).await;
        let undo = match end {
            WriteEnd::Commit => "rollback",
            WriteEnd::Savepoint => "rollback to savepoint command",
        };
        self.after(outcome, undo).await
    }

    async fn commit(&mut self, in_time: Option<Timestamp>) -> Result<(), StoreError> {
        let Some(open) = &mut self.open else {
            return Err(StoreError::corrupt("a commit without a transaction"));
        };
        let work = write::commit(&open.client, &open.write, in_time);
        let outcome = drive(&mut open.connection, work, self.patience).await;
        self.after(outcome, "rollback").await
    }

    async fn rollback(&mut self) {
        self.undo("rollback").await;
    }
}

impl DeskConnection {
    async fn try_begin(
        &mut self,
        questions: &Questions,
        turns: Turns,
    ) -> Result<Facts, StoreError> {
        let open = match &mut self.open {
            Some(open) => open,
            closed @ None => {
                let patience = self.patience.min(self.store.connect_timeout());
                let to_connect = match self.was_away {
                    true => patience.min(AWAY_CONNECT_TIMEOUT),
                    false => patience,
                };
                self.was_away = true;
                closed.insert(Open::new(&self.store, patience, to_connect).await?)
            }
        };
        let work = read::begin(&open.client, &open.read, &mut open.priced, questions, turns);
        let outcome = drive(&mut open.connection, work, self.patience).await;
        open.is_old = true;
        self.after(outcome, "rollback").await
    }

    /// After an error, rolls back the aborted transaction, or drops a connection that cannot be used any more.
    async fn after<T>(
        &mut self,
        outcome: Result<T, StoreError>,
        undo: &str,
    ) -> Result<T, StoreError> {
        self.was_away = matches!(outcome, Err(StoreError::Unavailable(_)));
        match &outcome {
            Ok(_) => {}
            Err(StoreError::Unavailable(_)) => self.open = None,
            Err(_) => self.undo(undo).await,
        }
        outcome
    }

    async fn undo(&mut self, undo: &str) {
        let Some(open) = &mut self.open else { return };
        let work = async { Ok(open.client.batch_execute(undo).await?) };
        if drive(&mut open.connection, work, self.patience)
            .await
            .is_err()
        {
            self.open = None;
        }
    }
}

impl Open {
    async fn new(
        store: &Store,
        patience: Duration,
        to_connect: Duration,
    ) -> Result<Open, StoreError> {
        let opening = async {
            let connecting = store.room.connect(store.address(), to_connect);
            let connecting = tokio::time::timeout(to_connect, connecting).await;
            let connecting = connecting.map_err(|elapsed| StoreError::Unavailable(elapsed.into()));
            let (client, mut connection) = connecting??;
            let prepare = async {
                client.batch_execute(&settings()).await?;
                let read = read::Statements::prepare(&client).await?;
                let write = write::Statements::prepare(&client).await?;
                Ok((read, write))
            };
            let (read, write) = drive(&mut connection, prepare, patience).await?;
            Ok(Open {
                client,
                connection,
                read,
                write,
                priced: read::PricedEvents::default(),
                is_old: false,
            })
        };
        tokio::time::timeout(patience, opening)
            .await
            .unwrap_or_else(|elapsed| Err(StoreError::Unavailable(elapsed.into())))
    }
}

/// Plans are made once, when tables may be empty, so they have to be right however the tables grow: every row is looked
/// up by its key, and no index is read as a whole, to join or to intersect it with another.
///
/// Triggers that take turns, or count versions of bookings whose rows are written anyway, are spared this writer: it takes
/// the turns first, and writes the row of each booking of which it writes anything (`sql/V7__private_topics.sql`).
fn settings() -> String {
    format!(
        "set plan_cache_mode = force_generic_plan; set enable_hashjoin = off; set enable_mergejoin = off;
         set lock_timeout = {LOCK_TIMEOUT_MS}; set seatcast.writer = 'desk'"
    )
}

/// Runs `work`, and polls the connection meanwhile. A database that does not answer within `patience` counts as
/// unreachable, so that callers do not wait for it.
async fn drive<T>(
    connection: &mut Connection,
    work: impl Future<Output = Result<T, StoreError>>,
    patience: Duration,
) -> Result<T, StoreError> {
    let mut moving = poll_fn(|context| {
        loop {
            match connection.poll_message(context) {
                // Notices of the server are of no interest here.
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(error)),
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
    });
    let mut work = pin!(work);
    let working = poll_fn(|context| {
        // Twice, so that what `work` has ready is sent before it makes more ready.
        for _ in 0..2 {
            if let Poll::Ready(outcome) = work.as_mut().poll(context) {
                return Poll::Ready(outcome);
            }
            if let Poll::Ready(end) = moving.poll_unpin(context) {
                // The last message before the end may be the answer.
                return Poll::Ready(work.as_mut().now_or_never().unwrap_or_else(|| {
                    Err(match end {
                        Some(error) => StoreError::Unavailable(error.into()),
                        None => StoreError::Unavailable("the connection ended".into()),
                    })
                }));
            }
        }
        Poll::Pending
    });
    match tokio::time::timeout(patience, working).await {
        Ok(outcome) => outcome,
        Err(elapsed) => Err(StoreError::Unavailable(elapsed.into())),
    }
}

/// Names statements, and prepares them all in one round trip.
macro_rules! statements {
    ($($name:ident = $sql:expr;)*) => {
        pub(super) struct Statements {
            $(pub(super) $name: tokio_postgres::Statement,)*
        }

        impl Statements {
            pub(super) async fn prepare(
                client: &tokio_postgres::Client,
            ) -> Result<Statements, tokio_postgres::Error> {
                $(let $name = $sql;)*
                let ($($name,)*) = tokio::try_join!($(client.prepare(&*$name),)*)?;
                Ok(Statements { $($name,)* })
            }
        }
    };
}
pub(super) use statements;
