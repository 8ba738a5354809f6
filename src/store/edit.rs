//! Runs an organizer's change of an event: checks rights, holds the event's turn, returns the revision that it made.

use deadpool_postgres::{GenericClient, Transaction};
use futures_util::future::BoxFuture;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;

use super::audit_trail::AuditEntry;
use super::changes::unsigned;
use super::constraint::{self, Rule};
use super::idempotency::{self, IdempotencyKey, Once};
use super::{Store, StoreError};
use crate::auth::{Caller, Right};
use crate::ticketing::edit::{self, EditRefusal, EventBefore, OnlyType};
use crate::ticketing::live::EventStatus;
use crate::ticketing::{EventId, Revision};

/// Why a change did not happen.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    #[error("refused: {}", .0.code())]
    Refused(EditRefusal),
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub type EditResult<T> = Result<T, EditError>;

/// The result of a change, and the event's revision after it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Edited<T> {
    pub value: T,
    pub revision: Revision,
}

impl From<EditRefusal> for EditError {
    fn from(refusal: EditRefusal) -> EditError {
        EditError::Refused(refusal)
    }
}

/// Maps constraints that can fail although the code checks first, since other programs write as well.
impl From<tokio_postgres::Error> for EditError {
    fn from(error: tokio_postgres::Error) -> EditError {
        let error = StoreError::from(error);
        match error.constraint().and_then(constraint::rule) {
            Some(Rule::User) => EditRefusal::UserNotFound.into(),
            Some(Rule::TicketTypeInUse) => EditRefusal::TicketTypeInUse.into(),
            Some(Rule::UnitsClaimed) => EditRefusal::TicketTypeHasUnits.into(),
            _ => EditError::Store(error),
        }
    }
}

impl Store {
    /// Runs `work` in the event's turn, if `caller` may change the event. `work` gets the event as it is now, and must
    /// decide whether to refuse before it writes: a refusal does not roll back.
    pub(super) async fn edit<G, T, W>(
        &self,
        event: EventId,
        caller: &Caller,
        given: &G,
        work: W,
    ) -> EditResult<Edited<T>>
    where
        G: Sync + ?Sized,
        T: Send,
        W: for<'t> Fn(&'t Transaction<'t>, &'t G, EventBefore) -> BoxFuture<'t, EditResult<T>>
            + Sync,
    {
        let lent = (event, *caller, given, &work);
        let outcome = self.in_turn(event, &lent, |tx, (event, caller, given, work)| {
            Box::pin(async move {
                match in_turn(tx, *event, caller, *given, *work).await {
                    Ok(edited) => Ok(Ok(edited)),
                    Err(EditError::Refused(refusal)) => Ok(Err(refusal)),
                    Err(EditError::Store(error)) => Err(error),
                }
            })
        });
        Ok(outcome.await??)
    }

    /// As [`Store::edit`], once for each `key`, under which the result of `work` is stored. A repeated request gets it even
    /// if the caller could not make the change any more.
    pub(super) async fn edit_once<G, T, W>(
        &self,
        event: EventId,
        caller: &Caller,
        key: Option<&IdempotencyKey>,
        given: &G,
        work: W,
    ) -> EditResult<Once<Edited<T>>>
    where
        G: Sync + ?Sized,
        T: Serialize + DeserializeOwned + Send + Sync,
        W: for<'t> Fn(&'t Transaction<'t>, &'t G, EventBefore) -> BoxFuture<'t, EditResult<T>>
            + Sync,
    {
        let lent = (event, *caller, key, given, &work);
        let outcome = self.in_turn(event, &lent, |tx, (event, caller, key, given, work)| {
            Box::pin(async move {
                match once_in_turn(tx, *event, caller, *key, *given, *work).await {
                    Ok(once) => Ok(Ok(once)),
                    Err(EditError::Refused(refusal)) => Ok(Err(refusal)),
                    Err(EditError::Store(error)) => Err(error),
                }
            })
        });
        Ok(outcome.await??)
    }
}

/// Looks the key up while holding the event's turn, so that of two nodes the later one finds it.
async fn once_in_turn<'t, G, T, W>(
    tx: &'t Transaction<'t>,
    event: EventId,
    caller: &Caller,
    key: Option<&IdempotencyKey>,
    given: &'t G,
    work: &W,
) -> EditResult<Once<Edited<T>>>
where
    G: ?Sized,
    T: Serialize + DeserializeOwned,
    W: Fn(&'t Transaction<'t>, &'t G, EventBefore) -> BoxFuture<'t, EditResult<T>>,
{
    if key.is_some() {
        take_turn(tx, event).await?;
    }
    if let Some(known) = idempotency::recall_made(tx, key).await? {
        return Ok(known);
    }
    let edited = in_turn(tx, event, caller, given, work).await?;
    idempotency::remember_made(tx, key, &edited).await?;
    Ok(Once::Made(edited))
}

async fn in_turn<'t, G, T, W>(
    tx: &'t Transaction<'t>,
    event: EventId,
    caller: &Caller,
    given: &'t G,
    work: &W,
) -> EditResult<Edited<T>>
where
    G: ?Sized,
    W: Fn(&'t Transaction<'t>, &'t G, EventBefore) -> BoxFuture<'t, EditResult<T>>,
{
    take_turn(tx, event).await?;
    let before = authorized(tx, event, caller).await?;
    let organizer = before.organizer_id;
    let value = work(tx, given, before).await?;
    let entry = AuditEntry::of_event(caller, organizer, event);
    entry.write(tx).await?;
    let revision = revision(tx, event).await?;
    Ok(Edited { value, revision })
}

/// Locks the event against other writers until the transaction ends.
async fn take_turn(tx: &Transaction<'_>, event: EventId) -> Result<(), StoreError> {
    tx.execute("select take_turn_to_edit($1)", &[&event])
        .await?;
    Ok(())
}

/// The event as it is now, if `caller` may change it.
pub(super) async fn authorized(
    client: &impl GenericClient,
    event: EventId,
    caller: &Caller,
) -> EditResult<EventBefore> {
    let before = before(client, event)
        .await?
        .ok_or(EditRefusal::EventNotFound)?;
    edit::authorize(
        caller.may(Right::Manage, before.organizer_id),
        before.status,
    )?;
    Ok(before)
}

async fn before(
    client: &impl GenericClient,
    event: EventId,
) -> Result<Option<EventBefore>, StoreError> {
    let statement = "
        select e.organizer_id, e.status, e.capacity, turn.revision, root.held, root.sold,
               types.count, types.id, types.capacity, types.seats
          from events e
          join turns turn on turn.event_id = e.id
          join pools root on root.event_id = e.id and root.kind = 'event'
          cross join lateral (select count(*) as count, min(id) as id, min(capacity) as capacity,
                                    coalesce(sum(capacity) filter (where seated), 0) as seats
                                from ticket_types where event_id = e.id) as types
         where e.id = $1 and e.deleted_at is null";
    let row = client.query_opt(statement, &[&event]).await?;
    row.map(|row| event_before(&row)).transpose()
}

fn event_before(row: &Row) -> Result<EventBefore, StoreError> {
    let ticket_type_count: i64 = row.try_get(6)?;
    let seats: i64 = row.try_get(9)?;
    let only_type = if ticket_type_count == 1 {
        Some(OnlyType {
            id: row.try_get(7)?,
            capacity: i64::from(row.try_get::<_, i32>(8)?),
            seated: seats > 0,
        })
    } else {
        None
    };
    Ok(EventBefore {
        organizer_id: row.try_get(0)?,
        status: status(row.try_get(1)?)?,
        capacity: i64::from(row.try_get::<_, i32>(2)?),
        revision: unsigned(row.try_get(3)?)?,
        held: i64::from(row.try_get::<_, i32>(4)?),
        sold: i64::from(row.try_get::<_, i32>(5)?),
        seats,
        ticket_type_count,
        only_type,
    })
}

/// The event's revision, as this transaction sees it.
pub(super) async fn revision(
    client: &impl GenericClient,
    event: EventId,
) -> Result<Revision, StoreError> {
    let statement = "select revision from turns where event_id = $1";
    unsigned(client.query_one(statement, &[&event]).await?.try_get(0)?)
}

pub(super) fn status(text: &str) -> Result<EventStatus, StoreError> {
    EventStatus::parse(text).ok_or_else(|| StoreError::corrupt(format!("event status {text}")))
}
