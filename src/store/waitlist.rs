//! The waitlist: people join, leave and are listed here. Offers are made by the desk (`store/desk.rs`), and a trigger writes
//! what becomes of them.

use std::time::Duration;

use deadpool_postgres::GenericClient;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use utoipa::ToSchema;

use super::audit_trail::AuditEntry;
use super::idempotency::{self, IdempotencyKey, Once};
use super::letters::LETTER_WORTH;
use super::push::PUSH_JOB;
use super::{Store, StoreError, Total};
use crate::config::rest::LIST_COUNTED_MAX;
use crate::ticketing::{BookingId, EventId, Revision, TicketTypeId, UserId, WaitingId};

/// The kind of job that tells somebody of an offer, and how long it is worth doing.
pub const OFFER_MAIL: &str = "waitlist_offer";
pub const OFFER_MAIL_WORTH: Duration = Duration::from_secs(24 * 3_600);
/// The job that tells somebody on a waitlist that the event was cancelled.
pub const WAITLIST_OVER_JOB: &str = "waitlist_over";

/// The key of the job that tells of this offer.
pub fn offer_mail_key(booking: BookingId) -> String {
    format!("waitlist-offer-{booking}")
}

/// Places in a line are counted up to this.
const PLACE_MAX: i64 = 10_000;

/// Somebody on the waitlist, as it is answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WaitingRow {
    pub id: WaitingId,
    pub event_id: EventId,
    pub user_id: UserId,
    /// So many together, or none.
    pub quantity: i64,
    /// Any one of these; `null`: any of the event's.
    pub ticket_type_ids: Option<Vec<TicketTypeId>>,
    pub status: WaitingStatus,
    /// The place in the line, from 1, counted up to 10,000; `null` for those who wait no more.
    pub place: Option<i64>,
    /// The booking that is offered.
    #[schema(value_type = Option<uuid::Uuid>)]
    pub booking_id: Option<BookingId>,
    /// Until when the offer stands.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub offer_until: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WaitingStatus {
    Waiting,
    /// The tickets are held for them.
    Offered,
    Accepted,
    Declined,
    /// The offer was not answered in time.
    Expired,
    Left,
    /// The event was cancelled or completed, or began: nothing is offered any more.
    Over,
}

impl WaitingStatus {
    const ALL: [WaitingStatus; 7] = [
        WaitingStatus::Waiting,
        WaitingStatus::Offered,
        WaitingStatus::Accepted,
        WaitingStatus::Declined,
        WaitingStatus::Expired,
        WaitingStatus::Left,
        WaitingStatus::Over,
    ];

    /// As the database and the wire spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            WaitingStatus::Waiting => "waiting",
            WaitingStatus::Offered => "offered",
            WaitingStatus::Accepted => "accepted",
            WaitingStatus::Declined => "declined",
            WaitingStatus::Expired => "expired",
            WaitingStatus::Left => "left",
            WaitingStatus::Over => "over",
        }
    }
}

/// A person to be put on the waitlist.
#[derive(Debug, Clone, PartialEq)]
pub struct NewWaiting {
    pub event_id: EventId,
    pub user_id: UserId,
    pub quantity: i64,
    pub ticket_types: Option<Vec<TicketTypeId>>,
    /// A member by their token, and not by a row here.
    pub member: bool,
    /// As `Lang::tag` names it.
    pub lang: &'static str,
}

/// An offer, as its mail tells of it.
#[derive(Debug, Clone, PartialEq)]
pub struct OfferToTell {
    pub email: String,
    pub lang: String,
    pub title: String,
    pub reference: String,
    pub quantity: i64,
    pub until: Timestamp,
    pub timezone: String,
}

/// The end of a wait, as its mail tells of it.
#[derive(Debug, Clone, PartialEq)]
pub struct WaitToEnd {
    pub email: String,
    pub lang: String,
    pub title: String,
    pub reason: Option<String>,
}

/// An event as the desk found it when it offered what there was: as long as it is so, there is nothing more to offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LookedAt {
    pub revision: Revision,
    /// Ticket types whose sale began by the clock, which makes no revision.
    pub sales_begun: i64,
    /// The last of those who wait: they come without one, too.
    pub newest: WaitingId,
}

/// Nobody ends a place whose event is over: it may begin later after all.
const PLACES: &str = "
    select w.id, w.event_id, w.user_id, w.quantity, w.ticket_type_ids, s.status, w.booking_id, w.created_at,
           case when s.status = 'waiting' then
               (select count(*) from (select from waitlist o where o.event_id = w.event_id and o.status = 'waiting' and o.id <= w.id
                                       limit $2) before) end,
           case when s.status = 'offered' then (select expires_at from bookings where id = w.booking_id) end
      from waitlist w
      cross join lateral (
          select case when w.status = 'waiting'
                           and (e.status in ('cancelled', 'completed') or e.starts_at <= statement_timestamp())
                      then 'over' else w.status end as status
            from events e where e.id = w.event_id limit 1) s";

async fn find(
    client: &impl GenericClient,
    id: WaitingId,
) -> Result<Option<WaitingRow>, StoreError> {
    let sql = format!("{PLACES} where w.id = $1");
    let statement = client.prepare_cached(&sql).await?;
    let row = client.query_opt(&statement, &[&id, &PLACE_MAX]).await?;
    row.map(|row| read(&row)).transpose()
}

fn read(row: &Row) -> Result<WaitingRow, StoreError> {
    let status: &str = row.try_get(5)?;
    let known = WaitingStatus::ALL
        .into_iter()
        .find(|one| one.as_str() == status);
    let status =
        known.ok_or_else(|| StoreError::corrupt(format!("somebody waits as {status:?}")))?;
    Ok(WaitingRow {
        id: row.try_get(0)?,
        event_id: row.try_get(1)?,
        user_id: row.try_get(2)?,
        quantity: row.try_get::<_, i32>(3)?.into(),
        ticket_type_ids: row.try_get(4)?,
        status,
        booking_id: row.try_get(6)?,
        created_at: row.try_get(7)?,
        place: row.try_get(8)?,
        offer_until: row.try_get(9)?,
    })
}

impl Store {
    /// Puts somebody at the end of the line. `None`: they are in it.
    pub async fn wait_for(
        &self,
        new: &NewWaiting,
        key: Option<&IdempotencyKey>,
    ) -> Result<Option<Once<WaitingRow>>, StoreError> {
        self.transaction(&(new, key), |tx, (new, key)| {
            Box::pin(async move {
                if let Some(known) = idempotency::recall_made(tx, *key).await? {
                    return Ok(Some(known));
                }
                let sql = "
                    insert into waitlist (event_id, user_id, quantity, ticket_type_ids, lang, member)
                    values ($1, $2, $3, $4, $5, $6)
                        on conflict (event_id, user_id) where status in ('waiting', 'offered') do nothing
                    returning id";
                let statement = tx.prepare_cached(sql).await?;
                let quantity = i32::try_from(new.quantity).unwrap_or(i32::MAX);
                let row = tx
                    .query_opt(
                        &statement,
                        &[
                            &new.event_id,
                            &new.user_id,
                            &quantity,
                            &new.ticket_types,
                            &new.lang,
                            &new.member,
                        ],
                    )
                    .await?;
                let Some(row) = row else {
                    // The same request may have come first, on another node.
                    return idempotency::recall_made(tx, *key).await;
                };
                let made = find(tx, row.try_get(0)?).await?;
                let made = made.ok_or_else(|| StoreError::corrupt("nobody waits"))?;
                idempotency::remember_made(tx, *key, &made).await?;
                Ok(Some(Once::Made(made)))
            })
        })
        .await
    }

    /// The entry that an earlier request with the key made.
    pub async fn waited_by(
        &self,
        key: Option<&IdempotencyKey>,
    ) -> Result<Option<Once<WaitingRow>>, StoreError> {
        match key {
            None => Ok(None),
            key => idempotency::recall_made(&self.client().await?, key).await,
        }
    }

    pub async fn waiting(&self, id: WaitingId) -> Result<Option<WaitingRow>, StoreError> {
        find(&self.client().await?, id).await
    }

    /// A page of the places where a user waits or has waited, the newest first, and how many there are. `before`: behind the
    /// one with this id.
    pub async fn waiting_of_user(
        &self,
        user: UserId,
        before: Option<WaitingId>,
        limit: i64,
        offset: i64,
    ) -> Result<(Vec<WaitingRow>, Total), StoreError> {
        let client = self.client().await?;
        let sql = format!(
            "{PLACES} where w.user_id = $1 and w.id < $3 order by w.id desc limit $4 offset $5"
        );
        let statement = client.prepare_cached(&sql).await?;
        let before = before.unwrap_or(WaitingId(i64::MAX));
        let rows = client
            .query(&statement, &[&user, &PLACE_MAX, &before, &limit, &offset])
            .await?;
        let matches = "from waitlist where user_id = $1";
        let total = Total::of(&client, matches, &[&user], LIST_COUNTED_MAX).await?;
        let rows = rows.iter().map(read).collect::<Result<_, _>>()?;
        Ok((rows, total))
    }

    /// A page of an event's waitlist in the order in which people came, and how many there are. `after`: behind the one with
    /// this id.
    pub async fn waiting_of_event(
        &self,
        event: EventId,
        after: Option<WaitingId>,
        limit: i64,
        offset: i64,
    ) -> Result<(Vec<WaitingRow>, Total), StoreError> {
        let client = self.client().await?;
        let sql = format!(
            "{PLACES} where w.event_id = $1 and w.id > $3 order by w.event_id, w.id limit $4 offset $5"
        );
        let statement = client.prepare_cached(&sql).await?;
        let after = after.unwrap_or(WaitingId(0));
        let rows = client
            .query(&statement, &[&event, &PLACE_MAX, &after, &limit, &offset])
            .await?;
        let matches = "from waitlist where event_id = $1";
        let total = Total::of(&client, matches, &[&event], LIST_COUNTED_MAX).await?;
        let rows = rows.iter().map(read).collect::<Result<_, _>>()?;
        Ok((rows, total))
    }

    /// A user's own pending booking of an event; what the waitlist offers is none.
    pub async fn pending_of(
        &self,
        event: EventId,
        user: UserId,
    ) -> Result<Option<BookingId>, StoreError> {
        let client = self.client().await?;
        let sql = "select id from bookings where event_id = $1 and user_id = $2 and status = 'pending' and kind = 'checkout'";
        let statement = client.prepare_cached(sql).await?;
        let row = client.query_opt(&statement, &[&event, &user]).await?;
        Ok(row.map(|row| row.try_get(0)).transpose()?)
    }

    /// Takes somebody out of the line who waits in it. Waits for a desk that is making an offer.
    /// `audit`: somebody else does it.
    pub async fn leave_waitlist(
        &self,
        id: WaitingId,
        audit: Option<&AuditEntry>,
    ) -> Result<(), StoreError> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await?;
        let sql = "update waitlist set status = 'left', updated_at = clock_timestamp() where id = $1 and status = 'waiting'";
        let statement = transaction.prepare_cached(sql).await?;
        let left = transaction.execute(&statement, &[&id]).await?;
        if let Some(entry) = audit.filter(|_| left > 0) {
            entry.write(&transaction).await?;
        }
        Ok(transaction.commit().await?)
    }

    /// Events with people who wait and something left, each as it is now.
    pub async fn waited_for(
        &self,
        events_max: usize,
    ) -> Result<Vec<(EventId, LookedAt)>, StoreError> {
        let client = self.client().await?;
        // From event to event along the index, however many wait for one.
        let sql = "
            with recursive waited (event_id) as (
                (select event_id from waitlist where status = 'waiting' order by event_id limit 1)
                union all
                select (select w.event_id from waitlist w where w.status = 'waiting' and w.event_id > waited.event_id
                         order by w.event_id limit 1)
                  from waited where waited.event_id is not null
            )
            select waited.event_id, turn.revision, begun.sales, newest.id
              from waited
              cross join lateral (select count(*) as sales
                                    from (select sale_from from ticket_types where event_id = waited.event_id offset 0) t
                                   where t.sale_from <= statement_timestamp()) begun
              cross join lateral (select id from waitlist w where w.event_id = waited.event_id and w.status = 'waiting'
                                   order by w.event_id desc, w.id desc limit 1) newest
              cross join lateral (select revision from turns where event_id = waited.event_id limit 1) turn
              cross join lateral (select from pools where event_id = waited.event_id and kind = 'event'
                                     and capacity - blocked - held - sold > 0 limit 1) something
             where waited.event_id is not null limit $1";
        let statement = client.prepare_cached(sql).await?;
        let events_max = i64::try_from(events_max).unwrap_or(i64::MAX);
        let rows = client.query(&statement, &[&events_max]).await?;
        let waited = rows.iter().map(|row| {
            let revision: i64 = row.try_get(1)?;
            let looked = LookedAt {
                revision: Revision::try_from(revision).unwrap_or(0),
                sales_begun: row.try_get(2)?,
                newest: row.try_get(3)?,
            };
            Ok((row.try_get(0)?, looked))
        });
        waited.collect()
    }

    /// The offer that somebody has, and the address to tell them of it; `None` where it is over or there is no address.
    pub async fn offer_to_tell(
        &self,
        id: WaitingId,
        booking: BookingId,
    ) -> Result<Option<OfferToTell>, StoreError> {
        let client = self.client().await?;
        let sql = "
            select u.email, w.lang, e.title, b.reference, w.quantity, b.expires_at, e.timezone
              from waitlist w
              join bookings b on b.id = w.booking_id
              join users u on u.id = w.user_id
              join events e on e.id = w.event_id
             where w.id = $1 and w.booking_id = $2 and w.status = 'offered' and u.email is not null and b.expires_at is not null";
        let statement = client.prepare_cached(sql).await?;
        let row = client.query_opt(&statement, &[&id, &booking]).await?;
        row.map(|row| {
            Ok(OfferToTell {
                email: row.try_get(0)?,
                lang: row.try_get(1)?,
                title: row.try_get(2)?,
                reference: row.try_get(3)?,
                quantity: row.try_get::<_, i32>(4)?.into(),
                until: row.try_get(5)?,
                timezone: row.try_get(6)?,
            })
        })
        .transpose()
    }

    /// Writes the mails and the messages to browsers for the next people on the waitlist of an event that was cancelled; whose offer
    /// ended by it is told as a buyer is. Answers where to go on; `None`: there are no more.
    pub async fn tell_waitlist_of_cancelled_event(
        &self,
        event: EventId,
        after: Option<WaitingId>,
        mails: bool,
        limit: i64,
    ) -> Result<Option<WaitingId>, StoreError> {
        let client = self.client().await?;
        let sql = format!(
            "with batch as materialized (
                 select id, user_id from waitlist where event_id = $1 and status = 'waiting' and id > $2
                  order by event_id, id limit $3
             ), mails as (
                 insert into jobs (kind, key, payload, expires_at)
                 select '{WAITLIST_OVER_JOB}', '{WAITLIST_OVER_JOB}-' || batch.id,
                        jsonb_build_object('waiting_id', batch.id, 'event_id', $1), clock_timestamp() + $5 * interval '1 s'
                   from batch cross join lateral (select email from users where id = batch.user_id limit 1) u
                  where $4 and u.email is not null order by batch.id
                     on conflict (key) do nothing
             ), pushes as (
                 insert into jobs (kind, key, payload, expires_at)
                 select '{PUSH_JOB}', '{PUSH_JOB}-' || s.id || '-over', jsonb_build_object('subscription_id', s.id, 'event_id', $1),
                        clock_timestamp() + $5 * interval '1 s'
                   from batch cross join lateral (
                        select id from push_subscriptions
                         where kind = 'waitlist_offer' and event_id = $1 and user_id = batch.user_id offset 0) s
                  order by s.id
                     on conflict (key) do nothing
             )
             select max(id) from batch"
        );
        let statement = client.prepare_cached(&sql).await?;
        let after = after.unwrap_or(WaitingId(0));
        let worth = LETTER_WORTH.as_secs_f64();
        let values: [&(dyn ToSql + Sync); 5] = [&event, &after, &limit, &mails, &worth];
        Ok(client.query_one(&statement, &values).await?.try_get(0)?)
    }

    /// The contents of the mail about a cancelled event to somebody who waits for it; `None`: they wait no more, or have no address.
    pub async fn wait_to_end(&self, id: WaitingId) -> Result<Option<WaitToEnd>, StoreError> {
        let client = self.client().await?;
        let sql = "
            select u.email, w.lang, e.title, e.cancel_reason
              from waitlist w
              join users u on u.id = w.user_id
              join events e on e.id = w.event_id
             where w.id = $1 and w.status = 'waiting' and e.status = 'cancelled' and u.email is not null";
        let statement = client.prepare_cached(sql).await?;
        let row = client.query_opt(&statement, &[&id]).await?;
        row.map(|row| {
            Ok(WaitToEnd {
                email: row.try_get(0)?,
                lang: row.try_get(1)?,
                title: row.try_get(2)?,
                reason: row.try_get(3)?,
            })
        })
        .transpose()
    }
}
