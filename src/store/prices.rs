//! Taxes, fees and vouchers as the desk reads them (`ticketing/price.rs`).

use tokio_postgres::Row;

use super::StoreError;
use crate::ticketing::VoucherId;
use crate::ticketing::price::{Benefit, Fee, FeeCharge, PriceTerms, Tax, TaxRate, Voucher};
use crate::ticketing::stock::Reserve;

/// Taxes and fees of events, one a row; of taxes the most special first.
pub(super) const RULES: &str = "
    select wanted.id, rule.is_tax, rule.name, rule.kind, rule.value, rule.yes, rule.ticket_type_id
      from unnest($1::bigint[]) wanted (id)
      cross join lateral (select organizer_id, country from events where id = wanted.id limit 1) e
      cross join lateral (
          select true as is_tax, (ticket_type_id is null)::int as rank, id, name, null as kind, rate::bigint as value,
                 included as yes, ticket_type_id
            from taxes where event_id = wanted.id
          union all
          select true, 2 + (country is null)::int, id, name, null, rate, included, null
            from taxes where organization_id = e.organizer_id and coalesce(country, '') in ('', coalesce(e.country, ''))
          union all
          select false, 4, id, name, kind, value, absorbed, null from fees where event_id = wanted.id
           order by 2, 3) rule";

/// Vouchers by event and code.
pub(super) const VOUCHERS: &str = "
    select asked.event_id, v.id, v.code, v.kind, v.value, v.uses_max - v.uses, v.valid_from, v.valid_to, v.ticket_type_ids,
           v.max_per_booking, v.reveals_hidden, v.id, v.reserved_type_id, v.reserved, v.reserved_taken, v.reserve_open
      from unnest($1::bigint[], $2::text[]) as asked (event_id, code)
      cross join lateral (select * from vouchers where event_id = asked.event_id and code = asked.code limit 1) v";

/// Of these vouchers, and of those that the bookings drew on before they ended: event, booking, and what is set aside. A voucher
/// may have been edited since: only claims of its one ticket type are marked with it (`draw_reserves` in `sql/V4__counters.sql`),
/// so one of several types, or of all, has no type here.
pub(super) const RESERVES: &str = "
    select v.event_id, drew.booking_id, v.id, case when cardinality(v.ticket_type_ids) = 1 then v.ticket_type_ids[1] end,
           v.reserved, v.reserved_taken, v.reserve_open
      from (select id as voucher_id, null::uuid as booking_id from unnest($1::bigint[]) asked (id)
            union all
            select c.voucher_id, ended.id
              from unnest($2::uuid[]) ended (id)
             cross join lateral (select voucher_id from claims
                                  where booking_id = ended.id and voucher_id is not null limit 10000) c) drew
     cross join lateral (select * from vouchers where id = drew.voucher_id limit 1) v";

/// The reserve whose columns begin at `first`: the voucher's id and what it sets aside. `None`: it can set nothing aside.
pub(super) fn reserve(row: &Row, first: usize) -> Result<Option<(VoucherId, Reserve)>, StoreError> {
    let Some(ticket_type_id) = row.try_get(first + 1)? else {
        return Ok(None);
    };
    let reserve = Reserve {
        ticket_type_id,
        reserved: row.try_get::<_, i32>(first + 2)?.into(),
        taken: row.try_get::<_, i32>(first + 3)?.into(),
        open: row.try_get(first + 4)?,
    };
    Ok(Some((row.try_get(first)?, reserve)))
}

/// Adds a row of [`RULES`].
pub(super) fn rule(row: &Row, terms: &mut PriceTerms) -> Result<(), StoreError> {
    let (name, value): (String, i64) = (row.try_get(2)?, row.try_get(4)?);
    let yes: bool = row.try_get(5)?;
    match row.try_get(1)? {
        true => terms.taxes.push(Tax {
            name,
            rate: TaxRate {
                basis_points: value,
                included: yes,
            },
            ticket_type_id: row.try_get(6)?,
        }),
        false => terms.fees.push(Fee {
            name,
            charge: charge(row.try_get(3)?, value)?,
            absorbed: yes,
        }),
    }
    Ok(())
}

fn charge(kind: &str, value: i64) -> Result<FeeCharge, StoreError> {
    match kind {
        "per_ticket" => Ok(FeeCharge::PerTicket(value)),
        "per_booking" => Ok(FeeCharge::PerBooking(value)),
        "percent" => Ok(FeeCharge::Percent(value)),
        kind => Err(StoreError::corrupt(format!("a fee that is {kind:?}"))),
    }
}

/// A voucher whose columns begin at `first`, in the order of [`VOUCHERS`].
pub(super) fn voucher(row: &Row, first: usize) -> Result<Voucher, StoreError> {
    let value = row.try_get(first + 3)?;
    let benefit = match row.try_get(first + 2)? {
        "percent" => Benefit::Percent(value),
        "amount" => Benefit::Amount(value),
        "fixed_price" => Benefit::FixedPrice(value),
        kind => return Err(StoreError::corrupt(format!("a voucher that is {kind:?}"))),
    };
    Ok(Voucher {
        id: row.try_get(first)?,
        code: row.try_get(first + 1)?,
        benefit,
        uses_left: row.try_get::<_, Option<i32>>(first + 4)?.map(i64::from),
        valid_from: row.try_get(first + 5)?,
        valid_to: row.try_get(first + 6)?,
        ticket_types: row
            .try_get::<_, Option<Vec<_>>>(first + 7)?
            .unwrap_or_default(),
        max_per_booking: row.try_get::<_, Option<i32>>(first + 8)?.map(i64::from),
        reveals_hidden: row.try_get(first + 9)?,
    })
}
