//! Prices in requests: `{"amount": 4500, "currency": "EUR"}`, or the amount alone.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use serde_json::Value;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::api::fields::{FieldError, Fields};
use crate::config::rest::PRICE_AMOUNT_MAX;
use crate::schema;
use crate::ticketing::currency::{self, Currency};

/// An amount in minor units, with the currency if the request names it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Amount {
    pub(super) amount: i64,
    pub(super) currency: Option<String>,
}

impl Amount {
    /// Whether it names another currency than this one.
    pub(super) fn is_other(&self, currency: &str) -> bool {
        self.currency.as_deref().is_some_and(|own| own != currency)
    }
}

impl PartialSchema for Amount {
    fn schema() -> RefOr<Schema> {
        amount_schema(0, PRICE_AMOUNT_MAX)
    }
}

impl ToSchema for Amount {
    fn name() -> Cow<'static, str> {
        "Price".into()
    }
}

/// The price of a whole booking.
pub(super) struct TotalAmount;

impl PartialSchema for TotalAmount {
    fn schema() -> RefOr<Schema> {
        amount_schema(0, i64::MAX)
    }
}

/// Money that goes back: something.
pub(super) struct BackAmount;

impl PartialSchema for BackAmount {
    fn schema() -> RefOr<Schema> {
        amount_schema(1, i64::MAX)
    }
}

impl ToSchema for BackAmount {
    fn name() -> Cow<'static, str> {
        "Back".into()
    }
}

impl ToSchema for TotalAmount {
    fn name() -> Cow<'static, str> {
        "Total".into()
    }
}

fn amount_schema(min: i64, max: i64) -> RefOr<Schema> {
    let money = ObjectBuilder::new()
        .schema_type(Type::Object)
        .property("amount", schema::integer(min, max))
        .required("amount")
        .property("currency", schema::currency());
    let either = OneOfBuilder::new()
        .description(Some(
            "Minor units with their currency, or alone: 4500 is 45 euros where the event is sold in euros",
        ))
        .item(money)
        .item(schema::integer(min, max));
    Schema::from(either.build()).into()
}

/// The refusal of an amount that the currency does not have: card networks round it.
pub(super) fn off_step(field: &str, amount: i64, currency: &str) -> Option<FieldError> {
    let step = currency::step(currency);
    (amount % step != 0).then(|| FieldError::new(field, "NOT_A_MULTIPLE", step))
}

/// A price.
pub(super) fn amount(fields: &mut Fields, name: &str) -> Option<Amount> {
    amount_within(fields, name, 0..=PRICE_AMOUNT_MAX)
}

pub(super) fn amount_within(
    fields: &mut Fields,
    name: &str,
    bounds: RangeInclusive<i64>,
) -> Option<Amount> {
    match fields.raw(name)? {
        Value::Object(_) => {
            let value = fields.take(name)?;
            fields.within(name, value, |inner| {
                inner.require(&["amount"]);
                let amount = inner.integer("amount", bounds);
                let currency = currency(inner, "currency");
                Some(Amount {
                    amount: amount?,
                    currency,
                })
            })
        }
        _ => {
            let amount = fields.integer(name, bounds)?;
            Some(Amount {
                amount,
                currency: None,
            })
        }
    }
}

/// Three letters, as ISO 4217 has them, of a currency that tickets may be sold in.
pub(super) fn currency(fields: &mut Fields, name: &str) -> Option<String> {
    let code = fields.filled_text(name, 3)?;
    if Currency::of(&code).is_none() {
        fields.refuse(name, "NOT_A_CURRENCY", "");
        return None;
    }
    Some(code)
}
