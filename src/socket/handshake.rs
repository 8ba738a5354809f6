//! `GET /realtime/v1/websocket`: from an HTTP request to a connection of a shard.

use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router, body::Body};
use hyper::upgrade::OnUpgrade;

use super::{AcceptedSocket, Shards};
use crate::auth::{self, AuthError, Caller};
use crate::http::{ConnectionPlace, Transport};
use crate::limits::address::Client;
use crate::protocol::code;
use crate::protocol::phoenix::Vsn;
use crate::protocol::websocket;

/// Offered by npm `phoenix` when it has a token; a browser fails the connection unless one is chosen.
const SUBPROTOCOL: &str = "phoenix";
/// Prefix of the sub-protocol that carries npm `phoenix`'s token, base64url without padding.
const TOKEN_SUBPROTOCOL: &str = "base64url.bearer.phx.";

/// The WebSocket endpoint, and the same under the path that stock Phoenix clients use.
pub fn router(shards: Shards) -> Router {
    Router::new()
        .route("/realtime/v1/websocket", get(upgrade))
        .route("/socket/websocket", get(upgrade))
        .with_state(shards)
}

async fn upgrade(
    State(shards): State<Shards>,
    client: Client,
    Query(pairs): Query<Vec<(String, String)>>,
    mut request: Request<Body>,
) -> Response {
    let headers = request.headers();
    let offer = match ClientHandshake::read(headers, QueryOffer::read(pairs)) {
        Ok(offer) => offer,
        Err(refused) => return refused.into_response(),
    };
    let caller = match offer.caller(&shards).await {
        Ok(caller) => caller,
        Err(refused) => return refused.into_response(),
    };
    let Some(on_upgrade) = request.extensions_mut().remove::<OnUpgrade>() else {
        return RefusedHandshake(
            StatusCode::UPGRADE_REQUIRED,
            "this connection cannot become a WebSocket",
        )
        .into_response();
    };
    let place = request.extensions_mut().remove::<ConnectionPlace>();
    let answer = offer.accepted();
    let handshakes = shards.handshakes.clone();
    handshakes.spawn(hand_over(
        shards,
        on_upgrade,
        offer,
        caller,
        (client, place),
    ));
    answer
}

/// Waits until the 101 is written, takes the socket out of the async runtime and gives it to a shard.
async fn hand_over(
    shards: Shards,
    on_upgrade: OnUpgrade,
    offer: ClientHandshake,
    caller: Caller,
    (client, place): (Client, Option<ConnectionPlace>),
) {
    let Ok(upgraded) = on_upgrade.await else {
        return;
    };
    let Ok(parts) = upgraded.downcast::<Transport>() else {
        tracing::error!("a WebSocket came over something else than TCP");
        return;
    };
    let Ok(stream) = parts.io.into_inner().into_inner().into_std() else {
        return;
    };
    let (admission, over) = shards.admit(client.network(), place);
    let refused = over.then_some((code::TOO_MANY_CONNECTIONS.number, "too many connections"));
    let accepted = AcceptedSocket {
        stream,
        leftover: parts.read_buf,
        vsn: offer.vsn,
        caller,
        api_key: offer.api_key.map(String::into_boxed_str),
        admission,
        refused,
    };
    if !shards.adopt(accepted) {
        tracing::warn!(%client, "a connection was dropped: its shard has too many new ones, or has drained");
    }
}

/// The parameters that are read from the query; clients add others.
#[derive(Default)]
struct QueryOffer {
    vsn: Option<String>,
    apikey: Option<String>,
    token: Option<String>,
    access_token: Option<String>,
}

impl QueryOffer {
    /// Of a parameter that is there several times the last one counts, as in Phoenix: clients add their own to those of
    /// the address that they are given.
    fn read(pairs: Vec<(String, String)>) -> QueryOffer {
        let mut offer = QueryOffer::default();
        for (name, value) in pairs {
            let place = match &*name {
                "vsn" => &mut offer.vsn,
                "apikey" => &mut offer.apikey,
                "token" => &mut offer.token,
                "access_token" => &mut offer.access_token,
                _ => continue,
            };
            *place = Some(value);
        }
        offer
    }
}

/// A client's handshake.
struct ClientHandshake {
    vsn: Vsn,
    key: String,
    subprotocol: bool,
    token: Option<String>,
    api_key: Option<String>,
    /// `X-User-Id`, which counts in development mode, where nothing else says who calls.
    user: Option<String>,
}

impl ClientHandshake {
    fn read(headers: &HeaderMap, query: QueryOffer) -> Result<Self, RefusedHandshake> {
        if !has_token(headers, header::CONNECTION, "upgrade")
            || !has_token(headers, header::UPGRADE, "websocket")
        {
            return Err(RefusedHandshake(
                StatusCode::UPGRADE_REQUIRED,
                "this address speaks WebSocket",
            ));
        }
        if headers
            .get(header::SEC_WEBSOCKET_VERSION)
            .is_none_or(|version| version != "13")
        {
            return Err(RefusedHandshake(
                StatusCode::UPGRADE_REQUIRED,
                "WebSocket version 13 is needed",
            ));
        }
        let key = text(headers, header::SEC_WEBSOCKET_KEY).filter(|key| key.len() == 24);
        let Some(key) = key.map(str::to_owned) else {
            return Err(RefusedHandshake(
                StatusCode::BAD_REQUEST,
                "Sec-WebSocket-Key is missing or malformed",
            ));
        };
        let vsn = Vsn::from_query(query.vsn.as_deref()).ok_or(RefusedHandshake(
            StatusCode::FORBIDDEN,
            "vsn is 1.0.0 or 2.0.0",
        ))?;
        // Some clients always send the parameter, also without a token.
        let said = |token: &String| !token.is_empty();
        let token = query.token.filter(said);
        let token = token.or(query.access_token.filter(said));
        let mut offer = Self {
            vsn,
            key,
            subprotocol: false,
            token,
            api_key: query.apikey,
            user: text(headers, auth::USER_ID_HEADER).map(str::to_owned),
        };
        offer.read_subprotocols(headers);
        if let Some(token) = text(headers, header::AUTHORIZATION).and_then(auth::bearer) {
            offer.token = Some(token.to_owned());
        }
        Ok(offer)
    }

    fn read_subprotocols(&mut self, headers: &HeaderMap) {
        use base64::Engine;
        use base64::engine::general_purpose::URL_SAFE_NO_PAD;
        let offered = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
        for name in offered
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
        {
            let name = name.trim();
            if name == SUBPROTOCOL {
                self.subprotocol = true;
            } else if let Some(encoded) = name.strip_prefix(TOKEN_SUBPROTOCOL) {
                let decoded = URL_SAFE_NO_PAD.decode(encoded.trim_end_matches('=')).ok();
                self.token = decoded
                    .and_then(|bytes| String::from_utf8(bytes).ok())
                    .or(self.token.take());
            }
        }
    }

    /// The caller. A token must be valid; with one that has ended its bearer is nobody: public topics need none, and
    /// what needs one is refused when it is joined. An API key may be anything, and names a caller only if it is a token.
    async fn caller(&self, shards: &Shards) -> Result<Caller, RefusedHandshake> {
        match (&self.token, &self.api_key) {
            (Some(token), api_key) if api_key.as_ref() != Some(token) => {
                match shards.auth.check(token).await {
                    Err(AuthError::Expired) => Ok(Caller::Anonymous),
                    Err(AuthError::Unready) => Err(RefusedHandshake(
                        StatusCode::SERVICE_UNAVAILABLE,
                        "the token cannot be checked now",
                    )),
                    verified => verified.map_err(|_| {
                        RefusedHandshake(StatusCode::UNAUTHORIZED, "the token is not valid")
                    }),
                }
            }
            (_, Some(key)) => match shards.auth.check(key).await {
                Ok(caller @ Caller::User { .. }) => Ok(caller),
                _ => Ok(self.dev_user(shards)),
            },
            _ => Ok(self.dev_user(shards)),
        }
    }

    fn dev_user(&self, shards: &Shards) -> Caller {
        let user = self.user.as_deref().and_then(|id| shards.auth.dev_user(id));
        user.unwrap_or(Caller::Anonymous)
    }

    fn accepted(&self) -> Response {
        let accept = websocket::accept_key(&self.key);
        let mut response = StatusCode::SWITCHING_PROTOCOLS.into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        if let Ok(accept) = HeaderValue::from_str(&accept) {
            headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
        }
        if self.subprotocol {
            headers.insert(
                header::SEC_WEBSOCKET_PROTOCOL,
                HeaderValue::from_static(SUBPROTOCOL),
            );
        }
        response
    }
}

/// A refused handshake: a status and a sentence.
struct RefusedHandshake(StatusCode, &'static str);

impl IntoResponse for RefusedHandshake {
    fn into_response(self) -> Response {
        let Self(status, message) = self;
        let mut response = (status, Json(serde_json::json!({ "error": message }))).into_response();
        if status == StatusCode::UPGRADE_REQUIRED {
            let headers = response.headers_mut();
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(
                header::SEC_WEBSOCKET_VERSION,
                HeaderValue::from_static("13"),
            );
        }
        response
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// Whether a comma-separated header names `token`, in any case.
fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    let values = headers.get_all(name);
    let mut tokens = values
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    tokens.any(|name| name.trim().eq_ignore_ascii_case(token))
}
