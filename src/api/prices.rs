//! Taxes, fees and vouchers of an event: what its bookings cost besides the tickets' prices.

pub(super) mod fees;
pub(super) mod taxes;
pub(super) mod vouchers;

use axum::http::HeaderMap;
use serde_json::Value;
use utoipa::openapi::schema::Object;

use super::ApiState;
use super::envelope::{Deleted, Reply};
use super::error::ApiResult;
use super::fields::Fields;
use super::idempotency;
use super::numbers::event_with;
use super::page::{self, Page, RequestedUri};
use crate::auth::{Caller, Right};
use crate::config::rest::{NAME_CHARS_MAX, PRICE_AMOUNT_MAX};
use crate::schema;
use crate::store::price_rules::{PriceRule, RuleColumns};
use crate::ticketing::EventId;
use crate::ticketing::price::WHOLE_BP;

/// Minor units, or of percentages hundredths of a percent.
fn value() -> Object {
    schema::integer(0, PRICE_AMOUNT_MAX).build()
}

/// Reads columns into `columns`; `null` empties one that may be empty.
struct ColumnReader<'a> {
    fields: &'a mut Fields,
    columns: RuleColumns,
}

impl ColumnReader<'_> {
    fn put(&mut self, name: &str, read: impl FnOnce(&mut Fields, &str) -> Option<Value>) {
        if let Some(value) = read(self.fields, name) {
            self.columns.insert(name.to_owned(), value);
        }
    }

    fn put_or_null(&mut self, name: &str, read: impl FnOnce(&mut Fields, &str) -> Option<Value>) {
        match self.fields.is_null(name) {
            true => drop(self.columns.insert(name.to_owned(), Value::Null)),
            false => self.put(name, read),
        }
    }

    /// A switch that has a column of its own, and `usual` in what is new.
    fn switch(&mut self, name: &str, usual: bool, is_new: bool) {
        if is_new {
            self.columns.insert(name.to_owned(), usual.into());
        }
        self.put(name, |fields, name| fields.boolean(name).map(Value::from));
    }

    /// A kind, and the value that fits it.
    fn kind_and_value(&mut self, kinds: &[(&str, &'static str)]) {
        self.put("kind", |fields, name| {
            fields.choice(name, kinds).map(Value::from)
        });
        let max = match self.columns.get("kind").and_then(Value::as_str) {
            Some("percent") => WHOLE_BP,
            _ => PRICE_AMOUNT_MAX,
        };
        self.put("value", |fields, name| {
            fields.integer(name, 0..=max).map(Value::from)
        });
    }
}

fn read(fields: &mut Fields, into: impl FnOnce(&mut ColumnReader<'_>)) -> RuleColumns {
    let mut reading = ColumnReader {
        fields,
        columns: RuleColumns::new(),
    };
    into(&mut reading);
    reading.columns
}

fn name(fields: &mut Fields, name: &str) -> Option<Value> {
    fields.filled_text(name, NAME_CHARS_MAX).map(Value::from)
}

/// The event whose rules somebody asks about.
type RulesOf<'a> = (&'a ApiState, &'a Caller, EventId);

async fn page_of<R: PriceRule>(
    (state, caller, event): RulesOf<'_>,
    said: &'static str,
    (page, asked): (Page, &RequestedUri),
) -> ApiResult<Reply<Vec<R>>> {
    event_with(state, caller, Right::Manage, event).await?;
    let list = R::TABLE;
    let after = page.after_id(list)?;
    let found = state
        .store
        .price_rules::<R>(event, after, page.rows_wanted(), page.offset);
    let found = found.await?;
    Ok(page::by_id(said, list, found, (&page, asked), R::id))
}

async fn made<R: PriceRule>(
    (state, caller, event): RulesOf<'_>,
    said: &'static str,
    headers: &HeaderMap,
    (columns, hash): (&RuleColumns, [u8; 32]),
) -> ApiResult<Reply<R>> {
    let route = format!("POST /events/{event}/{}", R::TABLE);
    let keyed = state.in_flight.begin(headers, caller, &route, hash)?;
    let key = keyed.stored();
    let once = state
        .store
        .create_price_rule::<R>(event, caller, columns, key)
        .await?;
    let (made, replayed) = idempotency::made(once)?;
    state.board.committed(event, made.revision);
    let reply = Reply::created(said, made.value).revision(made.revision);
    Ok(idempotency::replayed(reply, replayed))
}

async fn changed<R: PriceRule>(
    (state, caller, event): RulesOf<'_>,
    id: i64,
    said: &'static str,
    columns: &RuleColumns,
) -> ApiResult<Reply<R>> {
    let changed = state
        .store
        .change_price_rule(event, id, caller, columns)
        .await?;
    state.board.committed(event, changed.revision);
    Ok(Reply::ok(said, changed.value).revision(changed.revision))
}

async fn removed<R: PriceRule>(
    (state, caller, event): RulesOf<'_>,
    id: i64,
    said: &'static str,
) -> ApiResult<Reply<Deleted>> {
    let removed = state
        .store
        .delete_price_rule::<R>(event, id, caller)
        .await?;
    state.board.committed(event, removed.revision);
    Ok(Reply::ok(said, Deleted { id }).revision(removed.revision))
}
