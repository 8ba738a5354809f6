//! Makes, changes and deletes ticket types. Triggers keep their pools.

use deadpool_postgres::{GenericClient, Transaction};
use jiff::Timestamp;
use serde_json::Value;
use tokio_postgres::types::ToSql;

use super::edit::{EditResult, Edited};
use super::events::{EventInFull, event_in_full};
use super::idempotency::{IdempotencyKey, Once};
use super::{Store, StoreError};
use crate::auth::Caller;
use crate::config::rest::TICKET_TYPES_MAX;
use crate::ticketing::edit::EditRefusal;
use crate::ticketing::{EventId, TicketTypeId};

/// A new ticket type.
#[derive(Debug, Clone, PartialEq)]
pub struct NewTicketType {
    pub name: String,
    /// Minor units of the event's currency.
    pub price: i64,
    pub capacity: i64,
    pub sort: i64,
    pub sale_from: Option<Timestamp>,
    pub sale_to: Option<Timestamp>,
    pub min_per_booking: i64,
    pub max_per_booking: Option<i64>,
    pub max_per_user: Option<i64>,
    pub hidden: bool,
    pub members_only: bool,
    pub account_required: bool,
    pub email_required: bool,
}

/// Changes of a ticket type; `None` leaves a field as it is, `Some(None)` removes a limit.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TicketTypeChange {
    pub name: Option<String>,
    pub price: Option<i64>,
    pub capacity: Option<i64>,
    pub sort: Option<i64>,
    pub sale_from: Option<Option<Timestamp>>,
    pub sale_to: Option<Option<Timestamp>>,
    pub min_per_booking: Option<i64>,
    pub max_per_booking: Option<Option<i64>>,
    pub max_per_user: Option<Option<i64>>,
    pub hidden: Option<bool>,
    pub members_only: Option<bool>,
    pub account_required: Option<bool>,
    pub email_required: Option<bool>,
}

/// Units of a ticket type that are taken.
struct Committed {
    /// Held and sold.
    units: i64,
    /// Its seats, if it has any.
    seats: Option<i64>,
}

impl Committed {
    /// Whether the capacity may be this.
    fn allow(&self, capacity: i64) -> Result<(), EditRefusal> {
        match self.seats {
            Some(seats) if seats != capacity => Err(EditRefusal::CapacityIsSeats { seats }),
            _ if capacity < self.units => Err(EditRefusal::CapacityBelowCommitted {
                minimum: self.units,
            }),
            _ => Ok(()),
        }
    }
}

impl Store {
    /// Makes a ticket type, once for each `key`, under which the answer that `render` makes is stored.
    pub async fn create_ticket_type(
        &self,
        event: EventId,
        caller: &Caller,
        ticket_type: &NewTicketType,
        key: Option<&IdempotencyKey>,
        render: impl Fn(EventInFull, TicketTypeId) -> Value + Sync,
    ) -> EditResult<Once<Edited<Value>>> {
        let given = (event, ticket_type, &render);
        self.edit_once(event, caller, key, &given, |tx, given, _| {
            let (event, ticket_type, render) = given;
            Box::pin(async move {
                let max = i64::try_from(TICKET_TYPES_MAX).unwrap_or(i64::MAX);
                let count = "select count(*) from ticket_types where event_id = $1";
                let count: i64 = tx.query_one(count, &[event]).await?.try_get(0)?;
                if count >= max {
                    return Err(EditRefusal::TooManyRules { max }.into());
                }
                let types = std::slice::from_ref(*ticket_type);
                let id = insert_ticket_types(tx, *event, types).await?;
                let event = event_in_full(tx, *event).await?;
                let event = event.ok_or_else(|| StoreError::corrupt("an event without itself"))?;
                Ok(render(event, id))
            })
        })
        .await
    }

    /// Fails by `ticket_types_sale_window` or `ticket_types_limits_ordered` if new and remaining values do not fit.
    pub async fn change_ticket_type(
        &self,
        event: EventId,
        ticket_type: TicketTypeId,
        caller: &Caller,
        change: &TicketTypeChange,
    ) -> EditResult<Edited<()>> {
        let given = (event, ticket_type, change);
        self.edit(event, caller, &given, |tx, given, _| {
            Box::pin(async move {
                let (event, ticket_type, change) = given;
                let committed = committed(tx, *event, *ticket_type).await?;
                if let Some(capacity) = change.capacity {
                    committed.allow(capacity)?;
                }
                update(tx, *ticket_type, change).await
            })
        })
        .await
    }

    /// Deletes a type; refused if it was ever booked, or if a seat has it, or a voucher sets some of it aside.
    pub async fn delete_ticket_type(
        &self,
        event: EventId,
        ticket_type: TicketTypeId,
        caller: &Caller,
    ) -> EditResult<Edited<()>> {
        let given = (event, ticket_type);
        self.edit(event, caller, &given, |tx, (event, ticket_type), _| {
            Box::pin(async move {
                committed(tx, *event, *ticket_type).await?;
                let used = "select exists (select from seats where ticket_type_id = $1)
                                or exists (select from claims where ticket_type_id = $1)
                                or exists (select from vouchers where reserved_type_id = $1 and reserved_left > 0)";
                if tx.query_one(used, &[ticket_type]).await?.try_get(0)? {
                    return Err(EditRefusal::TicketTypeInUse.into());
                }
                tx.execute("delete from ticket_types where id = $1", &[ticket_type])
                    .await?;
                Ok(())
            })
        })
        .await
    }
}

/// The held and sold units of a ticket type; refused if the event has no such type.
async fn committed(
    tx: &Transaction<'_>,
    event: EventId,
    ticket_type: TicketTypeId,
) -> EditResult<Committed> {
    let statement = "
        select p.held::bigint + p.sold, case when t.seated then t.capacity::bigint end
          from ticket_types t join pools p on p.ticket_type_id = t.id
         where t.id = $1 and t.event_id = $2";
    match tx.query_opt(statement, &[&ticket_type, &event]).await? {
        Some(row) => Ok(Committed {
            units: row.try_get(0)?,
            seats: row.try_get(1)?,
        }),
        None => Err(EditRefusal::TicketTypeNotFound {
            ticket_type_id: ticket_type,
        }
        .into()),
    }
}

/// Inserts all in one statement, which makes one revision; returns the first id.
pub(super) async fn insert_ticket_types(
    tx: &Transaction<'_>,
    event: EventId,
    types: &[NewTicketType],
) -> EditResult<TicketTypeId> {
    fn column<'a, T>(types: &'a [NewTicketType], of: fn(&'a NewTicketType) -> T) -> Vec<T> {
        types.iter().map(of).collect()
    }
    let statement = "
        insert into ticket_types (event_id, name, price_amount, capacity, sort, sale_from, sale_to,
                                  min_per_booking, max_per_booking, max_per_user, members_only, account_required,
                                  email_required, hidden)
        select $1, name, price, capacity, sort, sale_from, sale_to, low, high, per_user, members, account, email, hidden
          from unnest($2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::timestamptz[], $7::timestamptz[],
                      $8::bigint[], $9::bigint[], $10::bigint[], $11::boolean[], $12::boolean[], $13::boolean[],
                      $14::boolean[]) with ordinality
            as t (name, price, capacity, sort, sale_from, sale_to, low, high, per_user, members, account, email, hidden, place)
         order by place
        returning id";
    let values: [&(dyn ToSql + Sync); 14] = [
        &event,
        &column(types, |t| t.name.as_str()),
        &column(types, |t| t.price),
        &column(types, |t| t.capacity),
        &column(types, |t| t.sort),
        &column(types, |t| t.sale_from),
        &column(types, |t| t.sale_to),
        &column(types, |t| t.min_per_booking),
        &column(types, |t| t.max_per_booking),
        &column(types, |t| t.max_per_user),
        &column(types, |t| t.members_only),
        &column(types, |t| t.account_required),
        &column(types, |t| t.email_required),
        &column(types, |t| t.hidden),
    ];
    let rows = tx.query(statement, &values).await?;
    match rows.first() {
        Some(row) => Ok(row.try_get(0)?),
        None => Err(StoreError::corrupt("no ticket type was made").into()),
    }
}

async fn update(
    tx: &Transaction<'_>,
    ticket_type: TicketTypeId,
    change: &TicketTypeChange,
) -> EditResult<()> {
    let statement = "
        update ticket_types
           set name = coalesce($2, name),
               price_amount = coalesce($3, price_amount),
               capacity = coalesce($4::bigint::int, capacity),
               sort = coalesce($5::bigint::int, sort),
               sale_from = case when $6 then $7 else sale_from end,
               sale_to = case when $8 then $9 else sale_to end,
               min_per_booking = coalesce($10::bigint::int, min_per_booking),
               max_per_booking = case when $11 then $12::bigint::int else max_per_booking end,
               max_per_user = case when $13 then $14::bigint::int else max_per_user end,
               members_only = coalesce($15, members_only),
               account_required = coalesce($16, account_required),
               email_required = coalesce($17, email_required),
               hidden = coalesce($18, hidden)
         where id = $1";
    let values: [&(dyn ToSql + Sync); 18] = [
        &ticket_type,
        &change.name,
        &change.price,
        &change.capacity,
        &change.sort,
        &change.sale_from.is_some(),
        &change.sale_from.flatten(),
        &change.sale_to.is_some(),
        &change.sale_to.flatten(),
        &change.min_per_booking,
        &change.max_per_booking.is_some(),
        &change.max_per_booking.flatten(),
        &change.max_per_user.is_some(),
        &change.max_per_user.flatten(),
        &change.members_only,
        &change.account_required,
        &change.email_required,
        &change.hidden,
    ];
    tx.execute(statement, &values).await?;
    Ok(())
}
