//! Deletes old rows, a bounded number at a time. It compares with `statement_timestamp()`, which can bound an index scan;
//! `clock_timestamp()` would scan the whole index.

use super::{Store, StoreError};

/// Rows that are of no use any more after some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OldRows {
    /// Each event's newest change stays, so that a reader that fell behind finds a gap instead of nothing.
    Changes,
    /// Stored answers; their keys may then be used again.
    IdempotencyKeys,
    Interactions,
    /// Names of providers' events. One that comes again afterwards is too old to be signed.
    ProviderEvents,
    /// Sessions that ended by themselves, with their refresh tokens.
    Sessions,
    /// Links to accounts that are good for nothing any more.
    AccountLinks,
    /// News of tokens that have ended by themselves since.
    EndedTokens,
    /// Browsers that are to be told of an event that is over: its sales have ended, or it does not take place.
    PushSubscriptions,
    /// Offers of tickets whose event has begun or does not take place: they end, and it is forgotten whom they were made
    /// to.
    Transfers,
}

impl OldRows {
    /// `$1`: hours since then; `$2`: the most rows.
    fn statement(self) -> String {
        match self {
            OldRows::Changes => "
                delete from changes where ctid = any(array(
                    select old.ctid from changes old
                     where old.at < statement_timestamp() - make_interval(hours => $1)
                       and exists (select from changes newer
                                    where newer.event_id = old.event_id and newer.revision > old.revision)
                     order by old.at limit $2))"
                .to_owned(),
            OldRows::IdempotencyKeys => oldest("idempotency_keys", "created_at"),
            OldRows::Interactions => oldest("interactions", "received_at"),
            OldRows::ProviderEvents => oldest("provider_events", "received_at"),
            OldRows::Sessions => oldest("sessions", "expires_at"),
            OldRows::AccountLinks => oldest("account_links", "expires_at"),
            OldRows::EndedTokens => oldest("ended_tokens", "at"),
            // From event to event along the index, however many wait for one.
            OldRows::PushSubscriptions => "
                with recursive asked (event_id) as (
                    (select event_id from push_subscriptions order by event_id limit 1)
                    union all
                    select (select s.event_id from push_subscriptions s where s.event_id > asked.event_id order by s.event_id limit 1)
                      from asked where asked.event_id is not null
                ), over as materialized (
                    select asked.event_id
                      from asked
                      cross join lateral (select starts_at, status, deleted_at from events where id = asked.event_id limit 1) e
                     where asked.event_id is not null
                       and (e.deleted_at is not null or e.status in ('cancelled', 'completed')
                            or greatest(e.starts_at, (select max(sale_to) from ticket_types where event_id = asked.event_id))
                               < statement_timestamp() - make_interval(hours => $1))
                       -- The waitlist is told of its cancellation last.
                       and (select true from jobs where key = 'event-cancelled:' || asked.event_id
                               and state in ('waiting', 'leased') limit 1) is null
                )
                delete from push_subscriptions where id = any(array(
                    select gone.id from over cross join lateral (
                        select id from push_subscriptions s
                         where event_id = over.event_id
                           and (select true from jobs where key = 'push-' || s.id || '-over'
                                   and state in ('waiting', 'leased') limit 1) is null
                         order by event_id, id limit $2) gone
                     limit $2))"
                .to_owned(),
            OldRows::Transfers => "
                with ended as (
                    update transfers set state = 'cancelled', ended_at = clock_timestamp()
                     where state = 'pending' and id = any(array(
                         select t.id from transfers t
                           join lateral (select starts_at, status from events where id = t.event_id limit 1) e on true
                          where t.state = 'pending'
                            and (e.starts_at < statement_timestamp() - make_interval(hours => $1)
                                 or e.status in ('cancelled', 'completed'))
                          order by t.ticket_id limit $2))
                    returning id)
                delete from transfer_contacts where transfer_id = any(array(select id from ended))"
                .to_owned(),
        }
    }
}

/// The statement for a table that has an index on the time of its rows.
fn oldest(table: &str, at: &str) -> String {
    format!(
        "delete from {table} where ctid = any(array(
             select ctid from {table} where {at} < statement_timestamp() - make_interval(hours => $1)
              order by {at} limit $2))"
    )
}

impl Store {
    /// Deletes old rows, oldest first, and returns their number; if it is `rows_max`, there are more.
    pub async fn prune(
        &self,
        rows: OldRows,
        older_than_hours: u32,
        rows_max: usize,
    ) -> Result<u64, StoreError> {
        let hours = i32::try_from(older_than_hours).unwrap_or(i32::MAX);
        let rows_max = i64::try_from(rows_max).unwrap_or(i64::MAX);
        let client = self.client().await?;
        Ok(client
            .execute(&rows.statement(), &[&hours, &rows_max])
            .await?)
    }
}
