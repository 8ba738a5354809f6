//! An interaction, as REST and `/rest/v1/` take it.

use jiff::Timestamp;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, OneOfBuilder, Schema, Type};

use super::{integer, text_up_to, time};
use crate::ticketing::interaction::{
    ACTION_CHARS_MAX, PAGE_URL_CHARS_MAX, SESSION_CHARS_MAX, USER_AGENT_CHARS_MAX,
};

/// One interaction, such as a click.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the body that `InteractionBatch` reads")]
pub struct InteractionBody {
    #[schema(schema_with = action)]
    action: String,
    /// A number, or its digits. Also read from `eventId`, and from `data`.
    #[schema(schema_with = event_id, required = false)]
    event_id: Option<i64>,
    #[schema(schema_with = session_id, required = false)]
    session_id: Option<String>,
    #[schema(schema_with = page_url, required = false)]
    page_url: Option<String>,
    #[schema(schema_with = user_agent, required = false)]
    user_agent: Option<String>,
    /// RFC 3339, by the client's clock.
    #[schema(schema_with = time, required = false)]
    timestamp: Option<Timestamp>,
    /// At most 4 KiB.
    #[schema(value_type = Option<Object>)]
    data: Option<Value>,
    /// Not believed: an interaction is its sender's.
    #[schema(value_type = Option<Value>)]
    user_id: Option<Value>,
}

fn action() -> Object {
    text_up_to(ACTION_CHARS_MAX).min_length(Some(1)).build()
}

fn event_id() -> Schema {
    let digits = ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some("^[1-9][0-9]{0,17}$"));
    OneOfBuilder::new()
        .item(integer(1, i64::MAX))
        .item(digits)
        .build()
        .into()
}

fn session_id() -> Object {
    text_up_to(SESSION_CHARS_MAX).build()
}

fn page_url() -> Object {
    text_up_to(PAGE_URL_CHARS_MAX).build()
}

fn user_agent() -> Object {
    text_up_to(USER_AGENT_CHARS_MAX).build()
}
