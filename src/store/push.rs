//! Browsers that are to be told of something: subscribed, found when there is something to tell, and forgotten.
//!
//! `tickets back` is found by a look at the events that are waited for, once a second, along an index of what waits: a sale
//! may open by the clock, which no statement sees, and what books pays nothing for it.

use std::time::Duration;

use deadpool_postgres::GenericClient;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use utoipa::ToSchema;

use super::jobs::{self, QueuedJob, millis};
use super::waitlist::LookedAt;
use super::{Store, StoreError};
use crate::config::inside::{
    PUSH_JOBS_WAITING_MAX, PUSH_SUBSCRIPTIONS_PER_BROWSER_MAX, PUSH_SUBSCRIPTIONS_PER_USER_MAX,
};
use crate::lang::Lang;
use crate::ticketing::record::BookingStatus;
use crate::ticketing::{BookingId, EventId, PushSubscriptionId, Revision, TicketTypeId, UserId};

/// The kind of job that sends a message. `sql/V18__push.sql` writes some.
pub const PUSH_JOB: &str = "push";
/// How long a message may wait for what it tells: longer than any hold lasts. Whether it is still true is looked at when it
/// is sent.
pub const PUSH_JOB_WORTH: Duration = Duration::from_secs(70 * 24 * 3_600);
/// Of a browser's public key: an uncompressed point of P-256.
pub const POINT_BYTES: usize = 65;
/// Of the secret that browser and server share.
pub const AUTH_BYTES: usize = 16;
/// Subscriptions in one answer: more than a browser or user may have.
const LISTED_MAX: i64 = 500;

/// A browser, as its push service knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushRecipient {
    pub endpoint: String,
    /// Its public key.
    pub p256dh: Vec<u8>,
    /// The secret of browser and server: who has it proves the browser.
    pub auth: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PushKind {
    /// Tickets of an event, or of one type of it, can be booked again.
    TicketsBack,
    /// A pending booking will end.
    HoldEnds,
    /// Tickets are offered to somebody on the waitlist.
    WaitlistOffer,
}

impl PushKind {
    pub const ALL: [(&'static str, PushKind); 3] = [
        ("tickets_back", PushKind::TicketsBack),
        ("hold_ends", PushKind::HoldEnds),
        ("waitlist_offer", PushKind::WaitlistOffer),
    ];

    /// As the database and the wire spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            PushKind::TicketsBack => "tickets_back",
            PushKind::HoldEnds => "hold_ends",
            PushKind::WaitlistOffer => "waitlist_offer",
        }
    }

    fn read(text: &str) -> Result<PushKind, StoreError> {
        let known = PushKind::ALL.into_iter().find(|(name, _)| *name == text);
        let unknown = || StoreError::corrupt(format!("a push subscription of kind {text:?}"));
        known.map(|(_, kind)| kind).ok_or_else(unknown)
    }
}

/// Something of which a browser is to be told.
#[derive(Debug, Clone, PartialEq)]
pub struct NewPush {
    pub to: PushRecipient,
    pub user: Option<UserId>,
    pub kind: PushKind,
    pub event: EventId,
    pub ticket_type: Option<TicketTypeId>,
    pub booking: Option<BookingId>,
    pub lang: Lang,
    /// Of a hold: when to tell, from now on, and how long before its end that is.
    pub hold: Option<HoldPush>,
}

/// When to tell of a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoldPush {
    pub after: Duration,
    /// Before the hold's deadline, wherever that is by then.
    pub lead: Duration,
}

/// A subscription as it is answered.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PushSubscription {
    pub id: PushSubscriptionId,
    pub kind: PushKind,
    pub event_id: EventId,
    /// Of `tickets_back`; `null`: any of the event's.
    pub ticket_type_id: Option<TicketTypeId>,
    /// Of `hold_ends`.
    #[schema(value_type = Option<uuid::Uuid>)]
    pub booking_id: Option<BookingId>,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// There are as many as one may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManyPushes {
    pub max: i64,
}

/// The payload of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushJob {
    pub subscription_id: PushSubscriptionId,
    pub event_id: EventId,
    /// Of `tickets_back`: how often it was found, so that an older message says nothing.
    #[serde(default)]
    pub fires: i32,
    /// Of `hold_ends`: how long before the deadline, in seconds.
    #[serde(default)]
    pub lead_s: u64,
}

/// All that a message needs.
#[derive(Debug, Clone, PartialEq)]
pub struct PushToSend {
    pub to: PushRecipient,
    /// Of the browser.
    pub endpoint_id: i64,
    pub lang: Lang,
    pub kind: PushKind,
    pub event_id: EventId,
    pub title: String,
    pub ticket_type: Option<String>,
    pub fires: i32,
    /// Its message is on the way.
    pub is_fired: bool,
    /// The tickets that were asked for can be booked.
    pub is_back: bool,
    pub hold: Option<HoldToTell>,
    /// Of the offer that its user has: until when it stands.
    pub offer_until: Option<Timestamp>,
    /// Its user waits for an event that was cancelled.
    pub is_over: bool,
    /// By the database's clock.
    pub now: Timestamp,
}

/// A booking whose end is to be told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HoldToTell {
    pub booking_id: BookingId,
    pub status: BookingStatus,
    pub expires_at: Option<Timestamp>,
    /// The provider works on a payment, for which the hold waits.
    pub is_processing: bool,
}

fn hold_job(id: PushSubscriptionId, event: EventId, hold: HoldPush) -> QueuedJob {
    QueuedJob {
        kind: PUSH_JOB,
        key: format!("{PUSH_JOB}-{id}-hold"),
        payload: json!({ "subscription_id": id, "event_id": event, "lead_s": hold.lead.as_secs() }),
        worth: PUSH_JOB_WORTH,
    }
}

const COLUMNS: &str = "s.id, s.kind, s.event_id, s.ticket_type_id, s.booking_id, s.created_at";

fn read(row: &Row) -> Result<PushSubscription, StoreError> {
    Ok(PushSubscription {
        id: row.try_get(0)?,
        kind: PushKind::read(row.try_get(1)?)?,
        event_id: row.try_get(2)?,
        ticket_type_id: row.try_get(3)?,
        booking_id: row.try_get(4)?,
        created_at: row.try_get(5)?,
    })
}

/// Writes a browser, or its new keys, and locks it.
async fn keep_browser(client: &impl GenericClient, to: &PushRecipient) -> Result<i64, StoreError> {
    let sql = "
        insert into push_endpoints (endpoint, p256dh, auth) values ($1, $2, $3)
            on conflict (endpoint) do update set p256dh = excluded.p256dh, auth = excluded.auth
        returning id";
    let statement = client.prepare_cached(sql).await?;
    let row = client
        .query_one(&statement, &[&to.endpoint, &to.p256dh, &to.auth])
        .await?;
    Ok(row.try_get(0)?)
}

async fn count(
    client: &impl GenericClient,
    sql: &str,
    of: &(dyn ToSql + Sync),
    max: i64,
) -> Result<bool, StoreError> {
    let statement = client.prepare_cached(sql).await?;
    let row = client.query_one(&statement, &[of, &max]).await?;
    Ok(row.try_get::<_, i64>(0)? >= max)
}

impl Store {
    /// The secret of which the key for push services is made.
    pub async fn push_secret(&self) -> Result<[u8; 32], StoreError> {
        self.secret("push").await
    }

    /// Ticket types of an event of which anybody could book some now.
    pub async fn bookable_types(&self, event: EventId) -> Result<Vec<TicketTypeId>, StoreError> {
        let client = self.client().await?;
        let statement = client
            .prepare_cached("select array(select id from bookable_types($1) as bookable (id))")
            .await?;
        let row = client.query_one(&statement, &[&event]).await?;
        Ok(row.try_get(0)?)
    }

    /// Writes of what a browser is to be told; asked for again it is the same one, and waits anew.
    pub async fn subscribe_push(
        &self,
        new: &NewPush,
    ) -> Result<Result<PushSubscription, TooManyPushes>, StoreError> {
        self.transaction(new, |tx, new| {
            Box::pin(async move {
                let endpoint = keep_browser(tx, &new.to).await?;
                if let Some(full) = full(tx, endpoint, new).await? {
                    let sql = "
                        delete from push_endpoints
                         where id = $1 and not exists (select from push_subscriptions where endpoint_id = $1)";
                    let statement = tx.prepare_cached(sql).await?;
                    tx.execute(&statement, &[&endpoint]).await?;
                    return Ok(Err(full));
                }
                let sql = format!(
                    "insert into push_subscriptions as s (endpoint_id, user_id, kind, event_id, ticket_type_id, booking_id, lang)
                     values ($1, $2, $3, $4, $5, $6, $7)
                         on conflict (endpoint_id, kind, event_id, ticket_type_id, booking_id) do update
                            set user_id = excluded.user_id, lang = excluded.lang, fired_at = null
                     returning {COLUMNS}"
                );
                let statement = tx.prepare_cached(&sql).await?;
                let (kind, lang) = (new.kind.as_str(), new.lang.tag());
                let values: [&(dyn ToSql + Sync); 7] =
                    [&endpoint, &new.user, &kind, &new.event, &new.ticket_type, &new.booking, &lang];
                let made = read(&tx.query_one(&statement, &values).await?)?;
                if let Some(hold) = new.hold {
                    jobs::ring(tx, &hold_job(made.id, made.event_id, hold), hold.after).await?;
                }
                Ok(Ok(made))
            })
        })
        .await
    }

    /// Of what a browser (who has its secret) or a user is to be told, the newest first.
    pub async fn push_subscriptions(
        &self,
        user: Option<UserId>,
        auth: Option<&[u8]>,
    ) -> Result<Vec<PushSubscription>, StoreError> {
        let client = self.client().await?;
        let of_browser = format!(
            "select {COLUMNS} from push_endpoints e
              cross join lateral (select * from push_subscriptions where endpoint_id = e.id offset 0) s
              where e.auth = $1 order by s.id desc limit $2"
        );
        let of_user = format!(
            "select {COLUMNS} from push_subscriptions s where s.user_id = $1
              order by s.user_id desc, s.id desc limit $2"
        );
        let rows = match (auth, user) {
            (Some(auth), _) => {
                let statement = client.prepare_cached(&of_browser).await?;
                client.query(&statement, &[&auth, &LISTED_MAX]).await?
            }
            (None, Some(user)) => {
                let statement = client.prepare_cached(&of_user).await?;
                client.query(&statement, &[&user, &LISTED_MAX]).await?
            }
            (None, None) => Vec::new(),
        };
        rows.iter().map(read).collect()
    }

    /// Answers whether there was such a one, of that user or that browser.
    pub async fn unsubscribe_push(
        &self,
        id: PushSubscriptionId,
        user: Option<UserId>,
        auth: Option<&[u8]>,
    ) -> Result<bool, StoreError> {
        let given = (id, user, auth);
        self.transaction(&given, |tx, (id, user, auth)| {
            Box::pin(async move {
                let sql = "
                    delete from push_subscriptions s using push_endpoints e
                     where s.id = $1 and e.id = s.endpoint_id and (s.user_id = $2 or e.auth = $3)";
                let statement = tx.prepare_cached(sql).await?;
                Ok(tx.execute(&statement, &[id, user, auth]).await? > 0)
            })
        })
        .await
    }

    /// The browser with this secret has another address and other keys; answers whether it is known.
    pub async fn renew_push(&self, auth: &[u8], to: &PushRecipient) -> Result<bool, StoreError> {
        self.transaction(&(auth, to), |tx, (auth, to)| {
            Box::pin(async move {
                let sql =
                    "select id from push_endpoints where auth = $1 order by id limit 1 for update";
                let statement = tx.prepare_cached(sql).await?;
                let Some(row) = tx.query_opt(&statement, &[auth]).await? else {
                    return Ok(false);
                };
                let old: i64 = row.try_get(0)?;
                let new = keep_browser(tx, to).await?;
                if new == old {
                    return Ok(true);
                }
                // It may have asked for the same under its new address already.
                let sql = "
                    update push_subscriptions s set endpoint_id = $2
                     where s.endpoint_id = $1 and not exists (
                        select from push_subscriptions o
                         where o.endpoint_id = $2 and o.kind = s.kind and o.event_id = s.event_id
                           and o.ticket_type_id is not distinct from s.ticket_type_id
                           and o.booking_id is not distinct from s.booking_id)";
                let statement = tx.prepare_cached(sql).await?;
                tx.execute(&statement, &[&old, &new]).await?;
                let statement = tx
                    .prepare_cached("delete from push_endpoints where id = $1")
                    .await?;
                tx.execute(&statement, &[&old]).await?;
                Ok(true)
            })
        })
        .await
    }

    /// Writes the messages that tickets are back, `fires_max` at most and only while few jobs wait; answers how many.
    /// `looked_at` has events with people on their waitlist, whom the desk has offered what there was then: if anything has
    /// changed since, what is free may be theirs.
    pub async fn fire_tickets_back(
        &self,
        looked_at: &[(EventId, LookedAt)],
        events_max: usize,
        fires_max: i64,
    ) -> Result<u64, StoreError> {
        let client = self.client().await?;
        // From event to event along the index, however many wait for one; then by ticket type, 0 for any. Who asked first is
        // told first.
        let sql = format!(
            "with recursive waited (event_id) as (
                 (select event_id from push_subscriptions where kind = 'tickets_back' and fired_at is null
                   order by event_id limit 1)
                 union all
                 select (select s.event_id from push_subscriptions s
                          where s.kind = 'tickets_back' and s.fired_at is null and s.event_id > waited.event_id
                          order by s.event_id limit 1)
                   from waited where waited.event_id is not null
             ), back as materialized (
                 select found.event_id, array_agg(bookable.id) as types
                   from (select waited.event_id
                           from waited
                           cross join lateral (select from pools where event_id = waited.event_id and kind = 'event'
                                                  and capacity - blocked - held - sold > 0 limit 1) something
                          where waited.event_id is not null) found
                   cross join lateral bookable_types(found.event_id) as bookable (id)
                   cross join lateral (select revision from turns where event_id = found.event_id limit 1) turn
                  where ((select count(*) from (select from waitlist w where w.event_id = found.event_id and w.status = 'waiting'
                                                 limit 1) as one) = 0
                         or exists (select from unnest($1::bigint[], $2::bigint[], $7::bigint[]) as looked (event_id, revision, sales)
                                     where looked.event_id = found.event_id and looked.revision = turn.revision
                                       and looked.sales = (
                                           select count(*) from (select sale_from from ticket_types
                                                                  where event_id = found.event_id offset 0) t
                                            where t.sale_from <= statement_timestamp())))
                  group by found.event_id limit $3
             ), room as (
                 select greatest($4 - (select count(*) from (
                     select from jobs where state = 'waiting' and lane = 'push' and run_at <= statement_timestamp()
                      order by run_at, id limit $5) as due), 0) as units
             ), chosen as (
                 select one.id
                   from back
                   cross join lateral unnest(array_prepend(0::bigint, back.types)) as wanted (ticket_type_id)
                   cross join lateral (
                       select s.id from push_subscriptions s
                        where s.kind = 'tickets_back' and s.fired_at is null and s.event_id = back.event_id
                          and coalesce(s.ticket_type_id, 0) = wanted.ticket_type_id
                        order by s.event_id, coalesce(s.ticket_type_id, 0), s.id limit $4 for update skip locked) one
                  order by one.id limit (select units from room)
             ), fired as (
                 update push_subscriptions s set fired_at = clock_timestamp(), fires = s.fires + 1
                  where s.id = any(array(select id from chosen)) and s.fired_at is null
                 returning s.id, s.event_id, s.fires
             )
             insert into jobs (kind, key, payload, expires_at)
             select '{PUSH_JOB}', '{PUSH_JOB}-' || id || '-back-' || fires,
                    jsonb_build_object('subscription_id', id, 'event_id', event_id, 'fires', fires),
                    clock_timestamp() + $6 * interval '1 ms'
               from fired order by id
                 on conflict (key) do nothing"
        );
        let statement = client.prepare_cached(&sql).await?;
        let revision = |revision: Revision| i64::try_from(revision).unwrap_or(i64::MAX);
        let looked = looked_at.iter().map(|(event, seen)| (*event, *seen));
        let (events, seen): (Vec<EventId>, Vec<LookedAt>) = looked.unzip();
        let revisions: Vec<i64> = seen.iter().map(|seen| revision(seen.revision)).collect();
        let sales: Vec<i64> = seen.iter().map(|seen| seen.sales_begun).collect();
        let events_max = i64::try_from(events_max).unwrap_or(i64::MAX);
        let worth = millis(PUSH_JOB_WORTH) as f64;
        let values: [&(dyn ToSql + Sync); 7] = [
            &events,
            &revisions,
            &events_max,
            &fires_max,
            &PUSH_JOBS_WAITING_MAX,
            &worth,
            &sales,
        ];
        Ok(client.execute(&statement, &values).await?)
    }

    /// The parts of a job's message; `None`: nobody is to be told any more.
    pub async fn push_to_send(
        &self,
        id: PushSubscriptionId,
    ) -> Result<Option<PushToSend>, StoreError> {
        let client = self.client().await?;
        let sql = "
            select p.endpoint, p.p256dh, p.auth, p.id, s.lang, s.kind, s.event_id, e.title, t.name, s.fires,
                   s.fired_at is not null,
                   s.kind = 'tickets_back' and exists (
                       select from bookable_types(s.event_id) as bookable (id)
                        where s.ticket_type_id is null or s.ticket_type_id = bookable.id),
                   b.id, b.status, b.expires_at, b.processing_since is not null, o.expires_at, statement_timestamp(),
                   s.kind = 'waitlist_offer' and e.status = 'cancelled' and exists (
                       select from waitlist w
                        where w.event_id = s.event_id and w.user_id = s.user_id and w.status = 'waiting')
              from push_subscriptions s
              join push_endpoints p on p.id = s.endpoint_id
              join events e on e.id = s.event_id
              left join ticket_types t on t.id = s.ticket_type_id
              left join bookings b on b.id = s.booking_id
              left join lateral (
                  select offered.expires_at
                    from waitlist w join bookings offered on offered.id = w.booking_id
                   where s.kind = 'waitlist_offer' and w.event_id = s.event_id and w.user_id = s.user_id
                     and w.status = 'offered' limit 1) o on true
             where s.id = $1";
        let statement = client.prepare_cached(sql).await?;
        let row = client.query_opt(&statement, &[&id]).await?;
        row.map(|row| to_send(&row)).transpose()
    }

    /// A subscription that was told, or of which there is nothing to tell any more.
    pub async fn forget_push(&self, id: PushSubscriptionId) -> Result<(), StoreError> {
        self.delete_push("delete from push_subscriptions where id = $1", id.0)
            .await
    }

    /// A browser that takes no more messages.
    pub async fn forget_browser(&self, endpoint_id: i64) -> Result<(), StoreError> {
        self.delete_push("delete from push_endpoints where id = $1", endpoint_id)
            .await
    }

    async fn delete_push(&self, sql: &'static str, id: i64) -> Result<(), StoreError> {
        self.transaction(&(sql, id), |tx, (sql, id)| {
            Box::pin(async move {
                let statement = tx.prepare_cached(sql).await?;
                tx.execute(&statement, &[id]).await?;
                Ok(())
            })
        })
        .await
    }

    /// Tickets that were back are gone again before the message went out: it waits anew.
    pub async fn rearm_push(&self, id: PushSubscriptionId, fires: i32) -> Result<(), StoreError> {
        let client = self.client().await?;
        let sql = "update push_subscriptions set fired_at = null where id = $1 and fires = $2";
        let statement = client.prepare_cached(sql).await?;
        client.execute(&statement, &[&id, &fires]).await?;
        Ok(())
    }
}

/// Whether browser or user have as many as they may, where this is not one of them.
async fn full(
    client: &impl GenericClient,
    endpoint: i64,
    new: &NewPush,
) -> Result<Option<TooManyPushes>, StoreError> {
    let sql = "
        select exists (select from push_subscriptions
                        where endpoint_id = $1 and kind = $2 and event_id = $3
                          and ticket_type_id is not distinct from $4 and booking_id is not distinct from $5)";
    let statement = client.prepare_cached(sql).await?;
    let kind = new.kind.as_str();
    let values: [&(dyn ToSql + Sync); 5] =
        [&endpoint, &kind, &new.event, &new.ticket_type, &new.booking];
    if client.query_one(&statement, &values).await?.try_get(0)? {
        return Ok(None);
    }
    let of_browser = "select count(*) from (select from push_subscriptions where endpoint_id = $1 limit $2) as kept";
    let max = PUSH_SUBSCRIPTIONS_PER_BROWSER_MAX;
    if count(client, of_browser, &endpoint, max).await? {
        return Ok(Some(TooManyPushes { max }));
    }
    let of_user =
        "select count(*) from (select from push_subscriptions where user_id = $1 limit $2) as kept";
    let max = PUSH_SUBSCRIPTIONS_PER_USER_MAX;
    match &new.user {
        Some(user) if count(client, of_user, user, max).await? => Ok(Some(TooManyPushes { max })),
        _ => Ok(None),
    }
}

fn to_send(row: &Row) -> Result<PushToSend, StoreError> {
    let status: Option<&str> = row.try_get(13)?;
    let known = |text: &str| {
        let found = BookingStatus::ALL
            .into_iter()
            .find(|one| one.as_str() == text);
        found.ok_or_else(|| StoreError::corrupt(format!("booking status {text}")))
    };
    let booking: Option<BookingId> = row.try_get(12)?;
    let hold = match (booking, status.map(known).transpose()?) {
        (Some(booking_id), Some(status)) => Some(HoldToTell {
            booking_id,
            status,
            expires_at: row.try_get(14)?,
            is_processing: row.try_get(15)?,
        }),
        _ => None,
    };
    Ok(PushToSend {
        to: PushRecipient {
            endpoint: row.try_get(0)?,
            p256dh: row.try_get(1)?,
            auth: row.try_get(2)?,
        },
        endpoint_id: row.try_get(3)?,
        lang: Lang::parse(row.try_get(4)?).unwrap_or(Lang::En),
        kind: PushKind::read(row.try_get(5)?)?,
        event_id: row.try_get(6)?,
        title: row.try_get(7)?,
        ticket_type: row.try_get(8)?,
        fires: row.try_get(9)?,
        is_fired: row.try_get(10)?,
        is_back: row.try_get(11)?,
        hold,
        offer_until: row.try_get(16)?,
        now: row.try_get(17)?,
        is_over: row.try_get(18)?,
    })
}
