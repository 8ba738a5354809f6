//! Makes, changes and deletes events. Triggers publish what viewers see of them.

use deadpool_postgres::{GenericClient, Transaction};
use serde_json::Value;
use tokio_postgres::types::ToSql;

use super::audit_trail::AuditEntry;
use super::edit::{EditError, EditResult, Edited};
use super::events::{EventInFull, event_in_full};
use super::idempotency::{self, IdempotencyKey, KEY_TAKEN, Once};
use super::ticket_types::{NewTicketType, insert_ticket_types};
use super::{Store, StoreError};
use crate::auth::Caller;
use crate::ticketing::edit::{EditRefusal, EventChange, EventEdit, edit_event};
use crate::ticketing::live::EventStatus;
use crate::ticketing::{EventId, Revision, UserId};

/// An event to be made, with at least one ticket type.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    pub organizer_id: UserId,
    pub title: String,
    pub description: String,
    pub venue: String,
    pub category: String,
    pub image_url: Option<String>,
    pub starts_at: jiff::Timestamp,
    pub ends_at: Option<jiff::Timestamp>,
    pub doors_at: Option<jiff::Timestamp>,
    pub timezone: String,
    pub country: Option<String>,
    pub city: Option<String>,
    pub currency: String,
    pub capacity: i64,
    /// Draft or active.
    pub status: EventStatus,
    pub membership_required: bool,
    pub max_per_booking: i64,
    pub hold_minutes: i64,
    pub offer_minutes: i64,
    pub ticket_types: Vec<NewTicketType>,
}

/// The result of a request that may be a repetition; the answer as it was rendered the first time.
#[derive(Debug, Clone, PartialEq)]
pub enum Created {
    New(Edited<(EventId, Value)>),
    /// The same request made an event before.
    Replayed(Value),
    /// The key was used with another body.
    Mismatch,
}

const CREATED: u16 = 201;

impl Store {
    /// Makes an event and its ticket types, once for each `key`, under which the rendered answer is kept.
    pub async fn create_event(
        &self,
        caller: &Caller,
        event: &NewEvent,
        key: Option<&IdempotencyKey>,
        render: impl Fn(EventInFull) -> Value + Sync,
    ) -> EditResult<Created> {
        let created = self.try_create_event(caller, event, key, &render).await;
        match created {
            // Another request stored the key meanwhile: the second try finds its answer.
            Err(EditError::Store(error)) if error.constraint() == Some(KEY_TAKEN) => {
                self.try_create_event(caller, event, key, &render).await
            }
            created => created,
        }
    }

    async fn try_create_event(
        &self,
        caller: &Caller,
        event: &NewEvent,
        key: Option<&IdempotencyKey>,
        render: &(impl Fn(EventInFull) -> Value + Sync),
    ) -> EditResult<Created> {
        let lent = (caller, event, key, render);
        let outcome = self.transaction(&lent, |tx, (caller, event, key, render)| {
            Box::pin(async move {
                match create(tx, caller, event, *key, *render).await {
                    Ok(created) => Ok(Ok(created)),
                    Err(EditError::Refused(refusal)) => Ok(Err(refusal)),
                    Err(EditError::Store(error)) => Err(error),
                }
            })
        });
        Ok(outcome.await??)
    }

    /// Changes an event. Triggers push the change to its viewers.
    pub async fn change_event(
        &self,
        event: EventId,
        caller: &Caller,
        change: &EventChange,
        if_match: Option<&[Revision]>,
    ) -> EditResult<Edited<()>> {
        let given = (event, change, if_match);
        self.edit(event, caller, &given, |tx, given, before| {
            Box::pin(async move {
                let (event, change, if_match) = given;
                let edit = edit_event(&before, (*change).clone(), *if_match)?;
                apply(tx, *event, &edit).await?;
                Ok(())
            })
        })
        .await
    }

    /// Deletes softly: bookings keep their event, viewers lose it.
    pub async fn delete_event(
        &self,
        event: EventId,
        caller: &Caller,
        if_match: Option<&[Revision]>,
    ) -> EditResult<Edited<()>> {
        self.edit(event, caller, &(event, if_match), |tx, given, before| {
            Box::pin(async move {
                let (event, if_match) = given;
                before.require(*if_match)?;
                let live = "select count(*) from bookings
                             where event_id = $1 and status in ('pending', 'confirmed')";
                let live_bookings = tx.query_one(live, &[event]).await?.try_get(0)?;
                if live_bookings > 0 {
                    return Err(EditRefusal::EventHasBookings { live_bookings }.into());
                }
                let delete = "update events set deleted_at = clock_timestamp() where id = $1";
                tx.execute(delete, &[event]).await?;
                Ok(())
            })
        })
        .await
    }
}

async fn create(
    tx: &Transaction<'_>,
    caller: &Caller,
    event: &NewEvent,
    key: Option<&IdempotencyKey>,
    render: &(impl Fn(EventInFull) -> Value + Sync),
) -> EditResult<Created> {
    if let Some(key) = key {
        match idempotency::recall(tx, key).await? {
            None => {}
            Some(Once::Mismatch) => return Ok(Created::Mismatch),
            Some(Once::Made(answer) | Once::Replayed(answer)) => {
                return Ok(Created::Replayed(answer.response));
            }
        }
    }
    let id = insert(tx, event).await?;
    let entry = AuditEntry::of_event(caller, event.organizer_id, id);
    entry.write(tx).await?;
    insert_ticket_types(tx, id, &event.ticket_types).await?;
    let made = event_in_full(tx, id).await?;
    let made = made.ok_or_else(|| StoreError::corrupt("the event just made is not there"))?;
    let revision = made.row.revision;
    let answer = render(made);
    if let Some(key) = key {
        idempotency::remember(tx, key, CREATED, &answer).await?;
    }
    Ok(Created::New(Edited {
        value: (id, answer),
        revision,
    }))
}

async fn insert(tx: &Transaction<'_>, event: &NewEvent) -> EditResult<EventId> {
    let statement = "
        insert into events (organizer_id, title, description, venue, category, image_url, starts_at, timezone,
                            currency, capacity, status, membership_required, max_per_booking, hold_minutes,
                            ends_at, doors_at, country, city, offer_minutes)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::bigint::int, $11, $12, $13::bigint::int, $14::bigint::int,
                $15, $16, $17, $18, $19::bigint::int)
        returning id";
    let values: [&(dyn ToSql + Sync); 19] = [
        &event.organizer_id,
        &event.title,
        &event.description,
        &event.venue,
        &event.category,
        &event.image_url,
        &event.starts_at,
        &event.timezone,
        &event.currency,
        &event.capacity,
        &event.status.name(),
        &event.membership_required,
        &event.max_per_booking,
        &event.hold_minutes,
        &event.ends_at,
        &event.doors_at,
        &event.country,
        &event.city,
        &event.offer_minutes,
    ];
    Ok(tx.query_one(statement, &values).await?.try_get(0)?)
}

async fn apply(tx: &Transaction<'_>, event: EventId, edit: &EventEdit) -> EditResult<()> {
    update(tx, event, &edit.change).await?;
    if let Some((id, capacity, price)) = edit.only_type {
        let statement = "
            update ticket_types
               set capacity = coalesce($2::bigint::int, capacity), price_amount = coalesce($3, price_amount)
             where id = $1";
        tx.execute(statement, &[&id, &capacity, &price]).await?;
    }
    Ok(())
}

async fn update(tx: &Transaction<'_>, event: EventId, change: &EventChange) -> EditResult<()> {
    let statement = "
        update events
           set title = coalesce($2, title),
               description = coalesce($3, description),
               venue = coalesce($4, venue),
               category = coalesce($5, category),
               image_url = case when $6 then $7 else image_url end,
               starts_at = coalesce($8, starts_at),
               timezone = coalesce($9, timezone),
               status = coalesce($10, status),
               capacity = coalesce($11::bigint::int, capacity),
               membership_required = coalesce($12, membership_required),
               max_per_booking = coalesce($13::bigint::int, max_per_booking),
               hold_minutes = coalesce($14::bigint::int, hold_minutes),
               cancel_reason = case when status <> 'cancelled' then coalesce($15, cancel_reason) else cancel_reason end,
               ends_at = case when $16 then $17 else ends_at end,
               doors_at = case when $18 then $19 else doors_at end,
               country = case when $20 then $21 else country end,
               city = case when $22 then $23 else city end,
               offer_minutes = coalesce($24::bigint::int, offer_minutes)
         where id = $1";
    let values: [&(dyn ToSql + Sync); 24] = [
        &event,
        &change.title,
        &change.description,
        &change.venue,
        &change.category,
        &change.image_url.is_some(),
        &change.image_url.as_ref().and_then(Option::as_ref),
        &change.starts_at,
        &change.timezone,
        &change.status.map(EventStatus::name),
        &change.capacity,
        &change.membership_required,
        &change.max_per_booking,
        &change.hold_minutes,
        &change.cancel_reason,
        &change.ends_at.is_some(),
        &change.ends_at.flatten(),
        &change.doors_at.is_some(),
        &change.doors_at.flatten(),
        &change.country.is_some(),
        &change.country.as_ref().and_then(Option::as_ref),
        &change.city.is_some(),
        &change.city.as_ref().and_then(Option::as_ref),
        &change.offer_minutes,
    ];
    tx.execute(statement, &values).await?;
    Ok(())
}
