//! Broadcasts by REST, with the paths and bodies of Supabase Realtime. Its clients take only 202 for success,
//! and show `error` or `message` of other answers.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tower_http::cors::{AllowHeaders, Any, CorsLayer};

use super::{tell, tell_all};
use crate::auth::{Auth, AuthError, Caller};
use crate::config::rest::BROADCASTS_MAX;
use crate::protocol::code::{self, ErrorReply};
use crate::protocol::phoenix::{BroadcastBody, UserBroadcast};
use crate::protocol::supabase;
use crate::protocol::topic::{RealtimeTopic, Topic};
use crate::store::Store;
use crate::ticketing::EventId;
use crate::ticketing::edit::NewNotice;

/// State of the routes.
#[derive(Clone)]
pub struct Doors {
    pub auth: Auth,
    pub store: Store,
}

/// Both routes, with CORS for every origin: callers prove themselves by tokens, never by cookies.
///
/// `patience` is the time that a request may take, its body included.
pub fn router(doors: Doors, body_bytes_max: usize, patience: Duration) -> Router {
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods(Any)
        .allow_headers(AllowHeaders::mirror_request());
    Router::new()
        .route("/realtime/v1/api/broadcast", post(several))
        .route(
            "/realtime/v1/api/broadcast/{topic}/events/{event}",
            post(one),
        )
        .layer(DefaultBodyLimit::max(body_bytes_max))
        .layer(from_fn_with_state(patience, deadline))
        .layer(cors)
        .with_state(doors)
}

/// A body that never ends must not keep its connection for ever.
async fn deadline(State(patience): State<Duration>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(patience, next.run(request)).await {
        Ok(response) => response,
        Err(_) => StatusCode::REQUEST_TIMEOUT.into_response(),
    }
}

/// `{"messages": [{"topic", "event", "payload", "private"}]}`. All are stored, or none.
async fn several(State(doors): State<Doors>, headers: HeaderMap, body: Bytes) -> Response {
    let told = async {
        let caller = speaker(&doors.auth, &headers).await?;
        tell_all((&doors.store, &doors.auth), &caller, &read_messages(&body)?).await
    };
    answer(told.await)
}

/// One broadcast; the body is its payload.
async fn one(
    State(doors): State<Doors>,
    Path((topic, event)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let told = async {
        let caller = speaker(&doors.auth, &headers).await?;
        let payload = read_json(&body)?;
        let (id, notice) = read_message(&topic, event, payload)?;
        tell((&doors.store, &doors.auth), id, &caller, &notice).await
    };
    answer(told.await)
}

/// The caller by the bearer token, or by the API key if that is a token.
///
/// # Errors
/// The caller is not an organizer.
async fn speaker(auth: &Auth, headers: &HeaderMap) -> Result<Caller, ErrorReply> {
    let caller = auth
        .supabase_caller(headers)
        .await
        .map_err(|error| match error {
            AuthError::Unready => code::UNAVAILABLE.because(error),
            error => code::INVALID_TOKEN.because(error),
        })?;
    match caller {
        Caller::Anonymous => {
            Err(code::INVALID_TOKEN.because("a token of the event's organizer is needed"))
        }
        caller if !caller.is_staff() => {
            Err(code::UNAUTHORIZED.because("only an event's organizer broadcasts"))
        }
        caller => Ok(caller),
    }
}

/// Each message as the event and the notice that it becomes.
fn read_messages(body: &[u8]) -> Result<Vec<(EventId, NewNotice)>, ErrorReply> {
    let mut body = read_json(body)?;
    let Value::Array(messages) = take(&mut body, "messages") else {
        return Err(code::INVALID_PAYLOAD.because("`messages` has to be a list"));
    };
    if messages.len() > BROADCASTS_MAX {
        let max = BROADCASTS_MAX;
        return Err(
            code::INVALID_PAYLOAD.because(format_args!("at most {max} messages in one request"))
        );
    }
    let mut read = Vec::with_capacity(messages.len());
    for mut message in messages {
        let (Value::String(topic), Value::String(event)) =
            (take(&mut message, "topic"), take(&mut message, "event"))
        else {
            let error = "`topic` and `event` of a message have to be strings";
            return Err(code::INVALID_PAYLOAD.because(error));
        };
        read.push(read_message(&topic, event, take(&mut message, "payload"))?);
    }
    Ok(read)
}

fn read_json(body: &[u8]) -> Result<Value, ErrorReply> {
    serde_json::from_slice(body)
        .map_err(|error| code::INVALID_PAYLOAD.because(format_args!("not JSON: {error}")))
}

/// Takes a member out of an object; null if it has none.
fn take(value: &mut Value, name: &str) -> Value {
    value.get_mut(name).map(Value::take).unwrap_or_default()
}

fn read_message(
    topic: &str,
    event: String,
    payload: Value,
) -> Result<(EventId, NewNotice), ErrorReply> {
    let topic = topic.strip_prefix("realtime:").unwrap_or(topic);
    let Topic::Realtime(RealtimeTopic::EventUpdates(id)) =
        Topic::parse(&format!("realtime:{topic}"))?
    else {
        return Err(code::UNAUTHORIZED.because(format_args!("\"{topic}\" takes no broadcasts")));
    };
    let broadcast = UserBroadcast {
        event,
        metadata: None,
        body: BroadcastBody::Json(payload),
    };
    Ok((id, supabase::read_update(broadcast)?))
}

/// No 404: the clients take it for a server that is too old for broadcasts by REST, whatever the body says.
fn status(refused: &ErrorReply) -> StatusCode {
    match refused.code {
        name if name == code::INVALID_TOKEN.name => StatusCode::UNAUTHORIZED,
        name if name == code::UNAUTHORIZED.name => StatusCode::FORBIDDEN,
        name if name == code::UNAVAILABLE.name => StatusCode::SERVICE_UNAVAILABLE,
        name if name == code::INTERNAL.name => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

fn answer(told: Result<(), ErrorReply>) -> Response {
    let refused = match told {
        Ok(()) => return StatusCode::ACCEPTED.into_response(),
        Err(refused) => refused,
    };
    let status = status(&refused);
    let ErrorReply { code, reason, .. } = refused;
    let mut body = json!({"code": code, "error": reason, "message": reason});
    if status == StatusCode::UNPROCESSABLE_ENTITY {
        body["errors"] = json!([reason]);
    }
    (status, Json(body)).into_response()
}
