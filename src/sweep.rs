//! Sees to it that holds end at their deadline: any number of nodes may sweep, and any of them may die.
//!
//! A look at the database tells which events have overdue holds and when the next hold runs out. The holds are
//! the desk's to end, like everything that changes claims; the sweeper asks it to, event by event, and goes
//! on looking meanwhile: an event whose turn somebody keeps holds up nobody else. The sleep between two looks
//! is bounded, because a deadline may come from elsewhere: another node, or a statement typed by
//! hand. The bound is far below the shortest hold (a minute), so a hold made by this node needs no
//! wake-up of its own.
//!
//! An event whose holds cannot be ended rests by itself, longer each time; the others go on.
//!
//! Beside it, what is kept for a time only is dropped now and then: the log, and stored answers. After that, the database's
//! condition is measured, for the alerts.

mod pauses;
mod reserves;

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio_util::sync::CancellationToken;

use self::pauses::{Pauses, Rests};
use crate::config::SweepConfig;
use crate::config::inside::{
    ENDED_KEPT_HOURS, PROVIDER_EVENTS_KEPT_HOURS, PUSH_FIRES_MAX, REMINDER_BEFORE,
    SESSIONS_PRUNED_MAX, TRANSFER_ENDED_HOURS,
};
use crate::desk::{Desk, DeskError, Expired};
use crate::metrics;
use crate::store::prune::OldRows;
use crate::store::waitlist::LookedAt;
use crate::store::{Store, StoreError};
use crate::tasks::Tasks;
use crate::telemetry::with_causes;
use crate::ticketing::EventId;

/// Pause after holds were due and none could be ended: somebody else has them in hand.
const CROSSED_PAUSE: Duration = Duration::from_millis(50);
/// Pause between two looks for stock that those who wait could be offered.
const OFFER_PAUSE: Duration = Duration::from_secs(1);
/// Pause between two looks for buyers to be reminded.
const REMINDER_PAUSE: Duration = Duration::from_secs(5);
/// Pause between two looks whether the database takes writes.
const WRITABLE_PAUSE: Duration = Duration::from_secs(5);
/// Events that one look at the deadlines takes on.
const EVENTS_MAX: usize = 1_000;

/// Starts the task.
pub(crate) fn start(
    back: &mut Tasks,
    config: &SweepConfig,
    log_retention_hours: u32,
    store: &Store,
    desk: &Desk,
    pushes: bool,
) {
    let sweeping = run(
        store.clone(),
        desk.clone(),
        config.clone(),
        log_retention_hours,
        pushes,
        back.end(),
    );
    back.spawn_endless("the sweeper", sweeping);
}

/// Sweeps and prunes until `cancel`, side by side: however much there is to drop, no hold waits
/// for it. Errors of the database are logged and waited out. `pushes`: browsers are told of tickets that are back.
pub async fn run(
    store: Store,
    desk: Desk,
    config: SweepConfig,
    log_retention_hours: u32,
    pushes: bool,
    cancel: CancellationToken,
) {
    tokio::join!(
        keep_sweeping(&store, &desk, &config, &cancel),
        keep_pruning(&store, &config, log_retention_hours, &cancel),
        reserves::keep_ending(&store, &cancel),
        keep_offering(&store, &desk, pushes, &cancel),
        keep_reminding(&store, &desk, &cancel),
        keep_trying_to_write(&store, &cancel),
    );
}

async fn keep_sweeping(
    store: &Store,
    desk: &Desk,
    config: &SweepConfig,
    cancel: &CancellationToken,
) {
    let mut pauses = Pauses::new(config);
    let mut rests = Rests::new(config);
    let mut asked = HashSet::new();
    let mut ending = FuturesUnordered::new();
    let mut look_at = Instant::now();
    loop {
        tokio::select! {
            biased;
            () = cancel.cancelled() => return,
            Some((event, outcome)) = ending.next(), if !ending.is_empty() => {
                asked.remove(&event);
                let pause = after(event, outcome, &mut rests);
                look_at = look_at.min(Instant::now() + pause);
            }
            () = tokio::time::sleep_until(look_at.into()) => {
                let looked = look(store, &mut rests, pauses.most()).await;
                let (due, next_in) = match looked {
                    Ok((due, next_in)) => (due, Ok(next_in)),
                    Err(error) => (Vec::new(), Err(error)),
                };
                look_at = Instant::now() + pauses.after(next_in);
                for event in due.into_iter().filter(|event| asked.insert(*event)) {
                    ending.push(async move { (event, desk.expire(event).await) });
                }
            }
        }
    }
}

/// Which events have to be seen to, and how long there will be nothing more to do, if that is known and not longer than `most`.
async fn look(
    store: &Store,
    rests: &mut Rests,
    most: Duration,
) -> Result<(Vec<EventId>, Option<Duration>), StoreError> {
    let due = store.due_holds(EVENTS_MAX, most).await?;
    let now = Instant::now();
    let events = rests.awake(due.events, now);
    let next_in = due.next_in.into_iter().chain(rests.next_in(now)).min();
    Ok((events, next_in))
}

/// Answers when to look again at the latest: an event may have more holds than one transaction ends.
fn after(event: EventId, outcome: Result<Expired, DeskError>, rests: &mut Rests) -> Duration {
    match outcome {
        Ok(Expired { holds: 0, .. }) => CROSSED_PAUSE,
        Ok(Expired { holds, revision }) => {
            rests.ended(event);
            tracing::debug!(event = event.0, holds, revision, "holds ran out");
            Duration::ZERO
        }
        Err(error) => {
            rests.failed(event, &error, Instant::now());
            CROSSED_PAUSE
        }
    }
}

/// Finds stock for those who wait that came free without the desk: by plain SQL, by a greater capacity, by seats that are on
/// sale again, by vouchers that set nothing aside any more. The desk offers what is left in every transaction of an event, so it
/// is only asked to look. What is left after that is for everybody, and those are told who asked for it.
async fn keep_offering(store: &Store, desk: &Desk, pushes: bool, cancel: &CancellationToken) {
    let mut seen: HashMap<EventId, LookedAt> = HashMap::new();
    let mut asked = HashSet::new();
    let mut offering = FuturesUnordered::new();
    let mut look_at = Instant::now() + OFFER_PAUSE;
    loop {
        tokio::select! {
            biased;
            () = cancel.cancelled() => return,
            Some((event, now, outcome)) = offering.next(), if !offering.is_empty() => {
                asked.remove(&event);
                if let Ok(Expired { revision, .. }) = outcome {
                    seen.insert(event, LookedAt { revision, ..now });
                }
                continue;
            }
            () = tokio::time::sleep_until(look_at.into()) => {}
        }
        match store.waited_for(EVENTS_MAX).await {
            Ok(waited) => {
                let now: HashMap<_, _> = waited.into_iter().collect();
                // Nothing has changed since the desk looked: what is left serves nobody.
                seen.retain(|event, looked| now.get(event) == Some(looked));
                // All at once: the desk takes many events together, and one whose turn somebody keeps holds up no other.
                for (event, now) in now {
                    if !seen.contains_key(&event) && asked.insert(event) {
                        offering.push(async move { (event, now, desk.expire(event).await) });
                    }
                }
            }
            Err(error) => {
                tracing::debug!(error = %with_causes(&error), "the waitlist is not read");
            }
        }
        if pushes {
            tell_of_tickets(store, desk, &seen).await;
        }
        look_at = Instant::now() + OFFER_PAUSE;
    }
}

/// Has those told whose tickets are back. `seen`: what was offered to waitlists, as in [`Store::fire_tickets_back`].
async fn tell_of_tickets(store: &Store, desk: &Desk, seen: &HashMap<EventId, LookedAt>) {
    let looked_at: Vec<_> = seen.iter().map(|(event, at)| (*event, *at)).collect();
    let fired = store.fire_tickets_back(&looked_at, EVENTS_MAX, PUSH_FIRES_MAX);
    match fired.await {
        Ok(0) => {}
        Ok(_) => desk.jobs_written().notify_one(),
        Err(error) => {
            tracing::debug!(error = %with_causes(&error), "those who wait for tickets are not told");
        }
    }
}

/// Has buyers reminded who have not begun to pay, some minutes before their holds end. The deadlines are read here instead
/// of a job being written for each hold, most of which are paid by then.
async fn keep_reminding(store: &Store, desk: &Desk, cancel: &CancellationToken) {
    if !desk.mails() {
        return;
    }
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            () = tokio::time::sleep(REMINDER_PAUSE) => {}
        }
        match store.queue_reminders(REMINDER_BEFORE).await {
            Ok(0) => {}
            Ok(_) => desk.jobs_written().notify_one(),
            Err(error) => {
                tracing::debug!(error = %with_causes(&error), "reminders are not written");
            }
        }
    }
}

/// Notices that a database takes writes again, or no more, also where nobody asks for this node's health.
async fn keep_trying_to_write(store: &Store, cancel: &CancellationToken) {
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            () = tokio::time::sleep(WRITABLE_PAUSE) => {}
        }
        let tried = async {
            store.condition().await?;
            store.has_room().await
        };
        if let Err(error) = tried.await {
            tracing::debug!(error = %with_causes(&error), "whether the database takes writes is not known");
        }
    }
}

/// A failure waits for the next round: what is old can grow older.
async fn keep_pruning(
    store: &Store,
    config: &SweepConfig,
    log_retention_hours: u32,
    cancel: &CancellationToken,
) {
    let pruning = async {
        loop {
            if let Err(error) = look_after(store).await {
                tracing::warn!(error = %with_causes(&error), "counters and disk cannot be looked at");
            }
            if let Err(error) = prune(store, config, log_retention_hours).await {
                tracing::warn!(error = %with_causes(&error), "what is old cannot be dropped");
            }
            tokio::time::sleep(Duration::from_secs(config.prune_interval_s)).await;
        }
    };
    tokio::select! {
        () = cancel.cancelled() => {}
        () = pruning => {}
    }
}

/// Measures what operators are to be warned of, and nobody sees by selling.
async fn look_after(store: &Store) -> Result<(), StoreError> {
    let free = store.free_bytes().await?;
    let free = free.map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX));
    metrics::FREE_BYTES.set(free.unwrap_or(-1));
    let on_sale = store.on_sale().await?;
    metrics::CAPACITY_ON_SALE.set(on_sale.capacity);
    metrics::SOLD_ON_SALE.set(on_sale.sold);
    metrics::HELD_ON_SALE.set(on_sale.held);
    let wrong = store.counters_that_differ().await?;
    if wrong > 0 {
        tracing::error!(
            wrong,
            "counters differ from the claims: `seatcast audit` names them"
        );
    }
    metrics::COUNTERS_WRONG.set(i64::try_from(wrong).unwrap_or(i64::MAX));
    Ok(())
}

/// Drops what is old, in chunks small enough to hurt nobody.
async fn prune(
    store: &Store,
    config: &SweepConfig,
    log_retention_hours: u32,
) -> Result<(), StoreError> {
    let rows_max = config.prune_rows_max;
    let mut failed = None;
    for (rows, hours, rows_max) in [
        (OldRows::Changes, log_retention_hours, rows_max),
        (
            OldRows::IdempotencyKeys,
            config.idempotency_retention_hours,
            rows_max,
        ),
        (
            OldRows::Interactions,
            config.interactions_retention_hours,
            rows_max,
        ),
        (
            OldRows::ProviderEvents,
            PROVIDER_EVENTS_KEPT_HOURS,
            rows_max,
        ),
        (OldRows::AccountLinks, ENDED_KEPT_HOURS, rows_max),
        (OldRows::EndedTokens, ENDED_KEPT_HOURS, rows_max),
        (OldRows::Transfers, TRANSFER_ENDED_HOURS, rows_max),
        (OldRows::PushSubscriptions, TRANSFER_ENDED_HOURS, rows_max),
        // Each has many tokens.
        (OldRows::Sessions, ENDED_KEPT_HOURS, SESSIONS_PRUNED_MAX),
    ] {
        let full = u64::try_from(rows_max).unwrap_or(u64::MAX);
        loop {
            match store.prune(rows, hours, rows_max).await {
                Ok(gone) if gone >= full => {}
                Ok(_) => break,
                // The tables behind it are pruned all the same.
                Err(error) => {
                    failed.get_or_insert(error);
                    break;
                }
            }
        }
    }
    failed.map_or(Ok(()), Err)
}
