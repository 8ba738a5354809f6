//! BROADCASTS. An organizer's broadcast on `realtime:event-updates:` is stored as a notice and reaches viewers
//! through the log, like every notice: nothing is pushed from here.
//!
//! It comes from a socket, whose shard does no I/O, queues it with [`Broadcasts`] and gets the answer through its
//! mailbox; or over REST ([`rest`]), which Supabase's clients use while they are not connected.

mod lines;
pub mod rest;

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::lines::Lines;
use crate::auth::{self, Auth, Caller};
use crate::config::inside::{BROADCAST_PATIENCE_MS, BROADCASTS_STORED_AT_ONCE};
use crate::hub::{ErrandAnswer, Hub};
use crate::protocol::code::{self, ErrorReply};
use crate::store::constraint::{self, Rule};
use crate::store::edit::EditError;
use crate::store::{Store, StoreError};
use crate::tasks::Tasks;
use crate::telemetry::with_causes;
use crate::ticketing::EventId;
use crate::ticketing::edit::{EditRefusal, NewNotice};

/// A broadcast from a socket, waiting to be stored.
#[derive(Debug)]
pub struct SentBroadcast {
    pub event: EventId,
    pub caller: Caller,
    pub notice: NewNotice,
    /// When the socket sent it.
    pub at: Instant,
    /// The shard that waits for the answer.
    pub shard: usize,
    /// The answer if it is stored.
    pub answer: ErrandAnswer,
}

/// The queue of broadcasts from sockets. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Broadcasts(mpsc::Sender<Box<SentBroadcast>>);

impl Broadcasts {
    /// At most `waiting_max` broadcasts wait.
    pub fn new(waiting_max: usize) -> (Broadcasts, mpsc::Receiver<Box<SentBroadcast>>) {
        let (say, said) = mpsc::channel(waiting_max.max(1));
        (Broadcasts(say), said)
    }

    /// Queues a broadcast; `false` when too many wait.
    pub fn say(&self, said: Box<SentBroadcast>) -> bool {
        self.0.try_send(said).is_ok()
    }
}

/// Starts the task that stores what is said.
pub(crate) fn start(
    back: &mut Tasks,
    waiting_max: usize,
    (store, auth): (&Store, &Auth),
    hub: &Hub,
) -> Broadcasts {
    let (broadcasts, said) = Broadcasts::new(waiting_max);
    back.spawn_endless(
        "broadcasts",
        run(said, (store.clone(), auth.clone()), hub.clone(), back.end()),
    );
    broadcasts
}

/// Stores those of an event one after the other, so that each sender's keep their order, and of a few events at a time:
/// whoever holds an event's turn delays no other event.
pub async fn run(
    mut said: mpsc::Receiver<Box<SentBroadcast>>,
    (store, auth): (Store, Auth),
    hub: Hub,
    end: CancellationToken,
) {
    let waiting_max = said.max_capacity();
    let mut lines = Lines::default();
    let mut storing = FuturesUnordered::new();
    loop {
        while storing.len() < BROADCASTS_STORED_AT_ONCE
            && let Some(said) = lines.pop()
        {
            storing.push(store_in_time((&store, &auth), said));
        }
        tokio::select! {
            () = end.cancelled() => break,
            Some((event, shard, answer)) = storing.next() => {
                lines.done(event);
                hub.answer(shard, answer);
            }
            said = said.recv(), if lines.waiting() < waiting_max => {
                let Some(said) = said else { break };
                if let Err(said) = lines.push(said) {
                    let outcome = Err(code::UNAVAILABLE.because("too many broadcasts wait"));
                    hub.answer(said.shard, ErrandAnswer { outcome, ..said.answer });
                }
            }
        }
    }
    while let Some((_, shard, answer)) = storing.next().await {
        hub.answer(shard, answer);
    }
}

/// Unless it is so old that its sender takes it for lost, and sends it again.
async fn store_in_time(
    (store, auth): (&Store, &Auth),
    said: Box<SentBroadcast>,
) -> (EventId, usize, ErrandAnswer) {
    let outcome = if said.at.elapsed() > Duration::from_millis(BROADCAST_PATIENCE_MS) {
        Err(code::UNAVAILABLE.because("the broadcast waited for too long"))
    } else {
        tell((store, auth), said.event, &said.caller, &said.notice).await
    };
    let answer = ErrandAnswer {
        outcome,
        ..said.answer
    };
    (said.event, said.shard, answer)
}

/// Stores a notice if `caller` may.
async fn tell(
    (store, auth): (&Store, &Auth),
    event: EventId,
    caller: &Caller,
    notice: &NewNotice,
) -> Result<(), ErrorReply> {
    in_force(auth, caller)?;
    match store.create_notice(event, caller, notice, None).await {
        Ok(_) => Ok(()),
        Err(EditError::Refused(refusal)) => Err(refused(event, &refusal)),
        Err(EditError::Store(error)) => Err(failed(event, &error)),
    }
}

/// Stores all notices if `caller` may send every one of them, or none.
async fn tell_all(
    (store, auth): (&Store, &Auth),
    caller: &Caller,
    notices: &[(EventId, NewNotice)],
) -> Result<(), ErrorReply> {
    in_force(auth, caller)?;
    let Some((first, _)) = notices.first() else {
        return Ok(());
    };
    match store.create_notices(caller, notices).await {
        Ok(told) => told.map_err(|(event, refusal)| refused(event, &refusal)),
        Err(error) => Err(failed(*first, &error)),
    }
}

/// Checks the token again: it may have ended while the socket was open.
fn in_force(auth: &Auth, caller: &Caller) -> Result<(), ErrorReply> {
    match auth.is_over(caller, auth::token_time()) {
        true => Err(code::INVALID_TOKEN.because("the token has ended")),
        false => Ok(()),
    }
}

fn refused(event: EventId, refusal: &EditRefusal) -> ErrorReply {
    match refusal {
        EditRefusal::EventNotFound => {
            code::EVENT_NOT_FOUND.because(format_args!("no event {event}"))
        }
        EditRefusal::Forbidden => {
            code::UNAUTHORIZED.because(format_args!("event {event} is somebody else's"))
        }
        other => code::INVALID_PAYLOAD.because(other.code()),
    }
}

fn failed(event: EventId, error: &StoreError) -> ErrorReply {
    match error {
        error if error.is_transient() => code::UNAVAILABLE.because("the database does not answer"),
        StoreError::BadValue(_) => code::INVALID_PAYLOAD.because("a value cannot be stored"),
        // Numbers are longer where they are written out.
        StoreError::Constraint { name, .. }
            if matches!(constraint::rule(name), Some(Rule::Length | Rule::Bound)) =>
        {
            code::INVALID_PAYLOAD.because("the payload is too long")
        }
        _ => {
            tracing::error!(event = event.0, error = %with_causes(error), "a broadcast was not stored");
            code::INTERNAL.because("the broadcast was not stored")
        }
    }
}
