//! Interactions, reported by clients for analytics. They are accepted at once and stored a little later.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::ApiState;
use super::envelope::{Envelope, Failure, Reply};
use super::error::{ApiError, ApiResult};
use super::extract::BeaconBody;
use super::fields::{Fields, Input};
use crate::auth::Caller;
use crate::config::rest::INTERACTIONS_MAX;
use crate::interactions::Untold;
use crate::limits::address::Client;
use crate::schema::interaction::InteractionBody;
use crate::ticketing::interaction::{self, Interaction};

/// `Retry-After` while the buffer is full.
const RETRY_AFTER_S: u64 = 5;

/// Reported interactions.
#[derive(ToSchema)]
#[schema(example = json!({"interactions": [{"action": "ticket_selected", "event_id": 2, "data": {"ticket_type_id": 3}}]}))]
#[expect(dead_code, reason = "documents the body that `InteractionBatch` reads")]
pub(super) struct InteractionsBody {
    /// Also read from `items`.
    #[schema(max_items = 200)]
    interactions: Vec<InteractionBody>,
}

/// The number of accepted interactions.
#[derive(Serialize, ToSchema)]
pub(super) struct TakenIn {
    accepted: usize,
}

pub(super) struct InteractionBatch(Vec<Interaction>);

impl Input for InteractionBatch {
    fn read(fields: &mut Fields) -> Option<InteractionBatch> {
        fields.alias("items", "interactions");
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
