//! Taxes, fees and vouchers of an event, as its organizers list, make, change and delete them. What changes here is for
//! bookings that are made later.

use deadpool_postgres::{GenericClient, Transaction};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tokio_postgres::types::Json;

use super::bookings::Holder;
use super::edit::{EditResult, Edited};
use super::idempotency::{IdempotencyKey, Once};
use super::{Store, StoreError, Total};
use crate::auth::Caller;
use crate::config::rest::{LIST_COUNTED_MAX, PRICE_RULES_MAX, VOUCHERS_MAX};
use crate::ticketing::currency;
use crate::ticketing::edit::EditRefusal;
use crate::ticketing::rules::{FeeRule, TaxRule, VoucherRule};
use crate::ticketing::{EventId, TicketTypeId};

/// Hidden types and reserved units that the code of a voucher opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenedBy {
    /// No voucher of the event has it.
    NoCode,
    Voucher(Opened),
}

/// Hidden types and reserved units that a voucher opens to its bearers: none where it is used up, or does not count today.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Opened {
    /// Hidden ticket types; empty: all of them; `None`: none.
    pub hidden: Option<Vec<TicketTypeId>>,
    /// Tickets that are set aside for them, and of which type.
    pub reserve: Option<(TicketTypeId, i64)>,
}

impl Opened {
    pub fn reveals(&self, ticket_type: TicketTypeId) -> bool {
        let hidden = self.hidden.as_ref();
        hidden.is_some_and(|types| types.is_empty() || types.contains(&ticket_type))
    }
}

/// Values of columns by their names.
pub type RuleColumns = Map<String, Value>;

/// A table of price rules.
pub trait PriceRule: Serialize + DeserializeOwned + Send + Sync + 'static {
    const TABLE: &'static str;
    /// The columns that organizers write.
    const COLUMNS: &'static str;
    /// Rows of one event.
    const ROWS_MAX: i64;
    const NOT_FOUND: EditRefusal;
    /// The kinds whose `value` is an amount.
    const AMOUNTS: &'static [&'static str] = &[];
    /// A rule may set stock aside.
    const RESERVES: bool = false;

    fn id(&self) -> i64;
}

impl PriceRule for VoucherRule {
    const TABLE: &'static str = "vouchers";
    const COLUMNS: &'static str = "code, kind, value, uses_max, valid_from, valid_to, ticket_type_ids, max_per_booking, \
        reveals_hidden, reserved";
    const ROWS_MAX: i64 = VOUCHERS_MAX;
    const NOT_FOUND: EditRefusal = EditRefusal::VoucherNotFound;
    const AMOUNTS: &'static [&'static str] = &["amount", "fixed_price"];
    const RESERVES: bool = true;

    fn id(&self) -> i64 {
        self.id.0
    }
}

impl PriceRule for TaxRule {
    const TABLE: &'static str = "taxes";
    const COLUMNS: &'static str = "name, rate, included, ticket_type_id";
    const ROWS_MAX: i64 = PRICE_RULES_MAX;
    const NOT_FOUND: EditRefusal = EditRefusal::TaxNotFound;

    fn id(&self) -> i64 {
        self.id.0
    }
}

impl PriceRule for FeeRule {
    const TABLE: &'static str = "fees";
    const COLUMNS: &'static str = "name, kind, value, absorbed";
    const ROWS_MAX: i64 = PRICE_RULES_MAX;
    const NOT_FOUND: EditRefusal = EditRefusal::FeeNotFound;
    const AMOUNTS: &'static [&'static str] = &["per_ticket", "per_booking"];

    fn id(&self) -> i64 {
        self.id.0
    }
}

impl Store {
    /// One page of the event's rules, oldest first, and how many there are in all.
    pub async fn price_rules<R: PriceRule>(
        &self,
        event: EventId,
        after: Option<i64>,
        limit: i64,
        offset: i64,
    ) -> Result<(Vec<R>, Total), StoreError> {
        let of_event = format!("from {} r where event_id = $1", R::TABLE);
        let sql =
            format!("select to_jsonb(r) {of_event} and id > $2 order by id limit $3 offset $4");
        let client = self.client().await?;
        let page = client.prepare_cached(&sql).await?;
        let after = after.unwrap_or(i64::MIN);
        let rows = client
            .query(&page, &[&event, &after, &limit, &offset])
            .await?;
        let total = Total::of(&client, &of_event, &[&event], LIST_COUNTED_MAX).await?;
        let rule = |row: &tokio_postgres::Row| {
            let Json(rule) = row.try_get(0)?;
            Ok(rule)
        };
        let rules = rows.iter().map(rule).collect::<Result<_, StoreError>>()?;
        Ok((rules, total))
    }

    /// The types and units that a code opens now. A use by `holder` does not count as used up for them.
    pub async fn opened_by(
        &self,
        event: EventId,
        code: &str,
        holder: &Holder,
    ) -> Result<OpenedBy, StoreError> {
        let sql = "select coalesce(ticket_type_ids, '{}'), uses >= uses_max, reveals_hidden,
                          coalesce(valid_from <= statement_timestamp(), true) and coalesce(valid_to > statement_timestamp(), true),
                          reserved_type_id, reserved_left::bigint
                     from vouchers where event_id = $1 and code = $2";
        let (is_used_up, counts, opened) = {
            let client = self.client().await?;
            let statement = client.prepare_cached(sql).await?;
            let Some(row) = client.query_opt(&statement, &[&event, &code]).await? else {
                return Ok(OpenedBy::NoCode);
            };
            let types: Vec<TicketTypeId> = row.try_get(0)?;
            let left: i64 = row.try_get(5)?;
            let counts: bool = row.try_get(3)?;
            let reserved_type: Option<TicketTypeId> = row.try_get(4)?;
            let opened = Opened {
                hidden: row.try_get::<_, bool>(2)?.then_some(types),
                reserve: reserved_type.map(|of| (of, left)).filter(|_| left > 0),
            };
            let is_used_up: Option<bool> = row.try_get(1)?;
            (is_used_up == Some(true), counts, opened)
        };
        if !counts || opened == Opened::default() {
            return Ok(OpenedBy::Voucher(Opened::default()));
        }
        if is_used_up {
            let code = [code.to_owned()];
            if self.vouchers_held(event, &code, holder).await?.is_empty() {
                return Ok(OpenedBy::Voucher(Opened::default()));
            }
        }
        Ok(OpenedBy::Voucher(opened))
    }

    /// Makes a rule, once for each `key`.
    pub async fn create_price_rule<R: PriceRule>(
        &self,
        event: EventId,
        caller: &Caller,
        columns: &RuleColumns,
        key: Option<&IdempotencyKey>,
    ) -> EditResult<Once<Edited<R>>> {
        let given = (event, columns);
        self.edit_once(event, caller, key, &given, |tx, (event, columns), _| {
            Box::pin(async move {
                check_types(tx, *event, columns).await?;
                check_step::<R>(tx, *event, None, columns).await?;
                check_reserve::<R>(tx, *event, None, columns).await?;
                let (table, names) = (R::TABLE, R::COLUMNS);
                let count = format!(
                    "select count(*) from (select from {table} where event_id = $1 limit $2) counted"
                );
                let count = tx.query_one(&count, &[event, &R::ROWS_MAX]).await?;
                if count.try_get::<_, i64>(0)? >= R::ROWS_MAX {
                    return Err(EditRefusal::TooManyRules { max: R::ROWS_MAX }.into());
                }
                let insert = format!(
                    "insert into {table} (event_id, {names})
                     select $1::bigint, {names} from jsonb_populate_record(null::{table}, $2)
                     returning to_jsonb({table}.*)"
                );
                let row = tx.query_one(&insert, &[event, &Json(columns)]).await?;
                let Json(rule) = row.try_get(0)?;
                Ok(rule)
            })
        })
        .await
    }

    /// Columns that are not named stay.
    pub async fn change_price_rule<R: PriceRule>(
        &self,
        event: EventId,
        id: i64,
        caller: &Caller,
        columns: &RuleColumns,
    ) -> EditResult<Edited<R>> {
        let given = (event, id, columns);
        self.edit(event, caller, &given, |tx, (event, id, columns), _| {
            Box::pin(async move {
                check_types(tx, *event, columns).await?;
                check_step::<R>(tx, *event, Some(*id), columns).await?;
                check_reserve::<R>(tx, *event, Some(*id), columns).await?;
                let (table, names) = (R::TABLE, R::COLUMNS);
                let update = format!(
                    "update {table} r set ({names}) = (select {names} from jsonb_populate_record(r, $3))
                      where event_id = $1 and id = $2 returning to_jsonb(r.*)"
                );
                let row = tx.query_opt(&update, &[event, id, &Json(columns)]).await?;
                let Json(rule) = row.ok_or(R::NOT_FOUND)?.try_get(0)?;
                Ok(rule)
            })
        })
        .await
    }

    /// Fails by `voucher_uses_voucher_exists` for a voucher that bookings have used.
    pub async fn delete_price_rule<R: PriceRule>(
        &self,
        event: EventId,
        id: i64,
        caller: &Caller,
    ) -> EditResult<Edited<()>> {
        let given = (event, id);
        self.edit(event, caller, &given, |tx, (event, id), _| {
            Box::pin(async move {
                let delete = format!("delete from {} where event_id = $1 and id = $2", R::TABLE);
                match tx.execute(&delete, &[event, id]).await? {
                    0 => Err(R::NOT_FOUND.into()),
                    _ => Ok(()),
                }
            })
        })
        .await
    }
}

/// An amount, as it will be, is one that the event's currency has.
async fn check_step<R: PriceRule>(
    tx: &Transaction<'_>,
    event: EventId,
    id: Option<i64>,
    columns: &RuleColumns,
) -> EditResult<()> {
    let mut kind = columns
        .get("kind")
        .and_then(Value::as_str)
        .map(str::to_owned);
    let mut value = columns.get("value").and_then(Value::as_i64);
    if R::AMOUNTS.is_empty() || (kind.is_none() && value.is_none()) {
        return Ok(());
    }
    if let Some(id) = id.filter(|_| kind.is_none() || value.is_none()) {
        let sql = format!(
            "select kind, value from {} where event_id = $1 and id = $2",
            R::TABLE
        );
        let row = tx.query_opt(&sql, &[&event, &id]).await?;
        let row = row.ok_or(R::NOT_FOUND)?;
        kind = kind.or(row.try_get(0)?);
        value = value.or(row.try_get(1)?);
    }
    let is_amount = kind.is_some_and(|kind| R::AMOUNTS.contains(&&*kind));
    let Some(value) = value.filter(|value| is_amount && value % currency::STEPS_MAX != 0) else {
        return Ok(());
    };
    let sql = "select currency from events where id = $1";
    let row = tx.query_one(sql, &[&event]).await?;
    match currency::step(row.try_get(0)?) {
        step if value % step != 0 => Err(EditRefusal::NotAMultiple { step }.into()),
        _ => Ok(()),
    }
}

/// The units that the rule will set aside are there, of one ticket type that is sold by units. The turn is taken, so they stay there.
async fn check_reserve<R: PriceRule>(
    tx: &Transaction<'_>,
    event: EventId,
    id: Option<i64>,
    columns: &RuleColumns,
) -> EditResult<()> {
    if !R::RESERVES {
        return Ok(());
    }
    // As it will be. A new one is made of what is given alone.
    // As it will be: a new one is made of what is given alone. What it sets aside now is left for it, also in pools that two
    // ticket types share.
    let sql = "
        select was.id is not null, coalesce(was.reserved_taken, 0)::bigint,
               coalesce(was.reserved_taken > 0 and will.ticket_type_ids is distinct from was.ticket_type_ids, false),
               coalesce(will.reserved, 0)::bigint, will.ticket_type_ids[1], coalesce(cardinality(will.ticket_type_ids), 0) = 1,
               coalesce(t.seated, false), coalesce(will.valid_to > clock_timestamp(), true),
               (select min(p.capacity - p.held - p.sold - p.blocked
                           + case when was.reserved_left > 0 and exists (select from ticket_type_pools o
                                                                         where o.ticket_type_id = was.reserved_type_id
                                                                           and o.pool_id = p.id)
                                  then was.reserved_left else 0 end)::bigint
                  from ticket_type_pools l join pools p on p.id = l.pool_id where l.ticket_type_id = t.id)
          from (values (1)) one (row)
          left join vouchers was on was.event_id = $1 and was.id = $2
         cross join lateral jsonb_populate_record(was, $3) will
          left join ticket_types t on t.id = will.ticket_type_ids[1]";
    let row = tx.query_one(sql, &[&event, &id, &Json(columns)]).await?;
    if id.is_some() && !row.try_get::<_, bool>(0)? {
        return Err(R::NOT_FOUND.into());
    }
    let taken: i64 = row.try_get(1)?;
    if row.try_get(2)? {
        return Err(EditRefusal::ReserveInUse { taken }.into());
    }
    let reserved: i64 = row.try_get(3)?;
    if reserved == 0 {
        return Ok(());
    }
    let (Some(ticket_type_id), true) = (row.try_get(4)?, row.try_get(5)?) else {
        return Err(EditRefusal::ReserveNeedsOneType.into());
    };
    let counts: bool = row.try_get(7)?;
    // A type may have got seats since the window ended.
    if counts && row.try_get(6)? {
        return Err(EditRefusal::ReserveOfSeats { ticket_type_id }.into());
    }
    let left: Option<i64> = row.try_get(8)?;
    let most = taken + left.unwrap_or(0).max(0);
    match counts && reserved > most {
        true => Err(EditRefusal::NotEnoughToReserve { most }.into()),
        false => Ok(()),
    }
}

/// Every ticket type that is named is one of the event.
async fn check_types(
    tx: &Transaction<'_>,
    event: EventId,
    columns: &RuleColumns,
) -> EditResult<()> {
    let one = columns.get("ticket_type_id").and_then(Value::as_i64);
    let several = columns.get("ticket_type_ids").and_then(Value::as_array);
    let several = several.into_iter().flatten().filter_map(Value::as_i64);
    let named: Vec<i64> = several.chain(one).collect();
    if named.is_empty() {
        return Ok(());
    }
    let sql = "select id from unnest($2::bigint[]) named (id)
                where not exists (select from ticket_types t where t.id = named.id and t.event_id = $1) limit 1";
    match tx.query_opt(sql, &[&event, &named]).await? {
        None => Ok(()),
        Some(row) => Err(EditRefusal::TicketTypeNotFound {
            ticket_type_id: TicketTypeId(row.try_get(0)?),
        }
        .into()),
    }
}
