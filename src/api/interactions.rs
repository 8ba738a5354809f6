//! Interactions, reported by clients for analytics. They are accepted at once and stored a little later.

use axum::extract::State;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, OneOfBuilder, Schema, Type};

use super::ApiState;
use super::envelope::{Envelope, Failure, Reply};
use super::error::{ApiError, ApiResult};
use super::extract::BeaconBody;
use super::fields::{Fields, Input};
use super::schema;
use crate::auth::Caller;
use crate::config::rest::INTERACTIONS_MAX;
use crate::interactions::Untold;
use crate::limits::address::Client;
use crate::ticketing::interaction::{
    self, ACTION_CHARS_MAX, Interaction, PAGE_URL_CHARS_MAX, SESSION_CHARS_MAX,
    USER_AGENT_CHARS_MAX,
};

/// `Retry-After` while the buffer is full.
const RETRY_AFTER_S: u64 = 5;

/// Reported interactions.
#[derive(ToSchema)]
#[schema(example = json!({"interactions": [{"action": "ticket_selected", "event_id": 2, "data": {"ticket_type_id": 3}}]}))]
#[expect(dead_code, reason = "documents the body that `InteractionBatch` reads")]
pub(super) struct InteractionsBody {
    #[schema(max_items = 200)]
    interactions: Vec<InteractionBody>,
}

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
    #[schema(schema_with = schema::time, required = false)]
    timestamp: Option<Timestamp>,
    /// At most 4 KiB.
    #[schema(value_type = Option<Object>)]
    data: Option<Value>,
    /// Not believed: an interaction is its sender's.
    #[schema(value_type = Option<Value>)]
    user_id: Option<Value>,
}

fn action() -> Object {
    schema::text_up_to(ACTION_CHARS_MAX)
        .min_length(Some(1))
        .build()
}

fn event_id() -> Schema {
    let digits = ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some("^[1-9][0-9]{0,17}$"));
    OneOfBuilder::new()
        .item(schema::integer(1, i64::MAX))
        .item(digits)
        .build()
        .into()
}

fn session_id() -> Object {
    schema::text_up_to(SESSION_CHARS_MAX).build()
}

fn page_url() -> Object {
    schema::text_up_to(PAGE_URL_CHARS_MAX).build()
}

fn user_agent() -> Object {
    schema::text_up_to(USER_AGENT_CHARS_MAX).build()
}

/// The number of accepted interactions.
#[derive(Serialize, ToSchema)]
pub(super) struct TakenIn {
    accepted: usize,
}

pub(super) struct InteractionBatch(Vec<Interaction>);

impl Input for InteractionBatch {
    fn read(fields: &mut Fields) -> Option<InteractionBatch> {
        fields.require(&["interactions"]);
        let batch = fields.items("interactions", INTERACTIONS_MAX, |fields, place, value| {
            fields.within(place, value, |fields| {
                let read = Interaction::read(fields.take_known(&interaction::FIELDS), None);
                read.inspect_err(|fault| {
                    let bound = fault.bound.map_or(String::new(), |bound| bound.to_string());
                    fields.refuse(fault.field, fault.code, bound);
                })
                .ok()
            })
        });
        batch.map(InteractionBatch)
    }
}

/// Report interactions
///
/// For analytics. They are accepted at once and stored within seconds, under the caller's user if there is one.
#[utoipa::path(post, path = "/interactions", tag = "interactions", request_body = InteractionsBody,
    responses(
        (status = 202, body = Envelope<TakenIn>, description = "Taken in, all of them"),
        (status = 503, body = Failure, description = "`BUSY`: too many wait to be stored; none was taken in"),
    ))]
pub(super) async fn create(
    State(state): State<ApiState>,
    caller: Caller,
    client: Client,
    BeaconBody(batch): BeaconBody<InteractionBatch>,
) -> ApiResult<Reply<TakenIn>> {
    let mut batch = batch.0;
    let accepted = batch.len();
    for interaction in &mut batch {
        interaction.user_id = caller.user_id();
    }
    let told = state.interactions.tell(client.network(), batch);
    told.map_err(|untold| match untold {
        Untold::TooOften(refused) => refused.into(),
        Untold::NoRoom => ApiError::unavailable("BUSY", RETRY_AFTER_S),
    })?;
    Ok(Reply::accepted(
        "INTERACTIONS_ACCEPTED",
        TakenIn { accepted },
    ))
}
