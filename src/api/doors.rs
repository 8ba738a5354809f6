//! The doors: what is asked of every request before anything is done for it. It names one host, and its address has
//! not asked too often; accounts are counted where the caller is found (`caller.rs`).

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Uri, Version, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};

use super::envelope;
use super::error::ApiError;
use super::layers::request_id;
use crate::auth::Caller;
use crate::lang::Lang;
use crate::limits::address::Client;
use crate::limits::rates::{RateKind, Rates, TooOften, Who};

/// As in <https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/>.
pub(super) const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
pub(super) const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Admits a request to routes whose errors are written by `layers::observe`.
pub(super) async fn admit(
    State(rates): State<Rates>,
    client: Client,
    mut request: Request,
    next: Next,
) -> Response {
    let kind = kind(request.method(), request.uri());
    if let Err(refused) = check(&rates, client, &request, kind) {
        return refused.into_response();
    }
    if let Some(kind) = kind {
        request.extensions_mut().insert(kind);
    }
    next.run(request).await
}

/// Puts the doors before routes of other stages, which write their errors themselves.
pub(super) fn before(rates: Rates, routes: Router) -> Router {
    let admit = async |State(rates): State<Rates>, client: Client, request: Request, next: Next| {
        let kind = kind(request.method(), request.uri());
        match check(&rates, client, &request, kind) {
            Ok(()) => next.run(request).await,
            Err(refused) => {
                let (lang, id) = (Lang::of(request.headers()), request_id(&request));
                let mut response = envelope::render(refused.into_response(), lang, &id);
                // The routes' own layers are behind the doors; a page has to read when to come again.
                let (origin, exposed) = (
                    header::ACCESS_CONTROL_ALLOW_ORIGIN,
                    header::ACCESS_CONTROL_EXPOSE_HEADERS,
                );
                let headers = response.headers_mut();
                headers.insert(origin, HeaderValue::from_static("*"));
                headers.insert(exposed, HeaderValue::from_static("*"));
                response
            }
        }
    };
    routes.layer(from_fn_with_state(rates, admit))
}

fn check(
    rates: &Rates,
    client: Client,
    request: &Request,
    kind: Option<RateKind>,
) -> Result<(), ApiError> {
    // Caches and proxies may each go by another one of two hosts.
    let hosts = request.headers().get_all(header::HOST).iter().count();
    if hosts > 1 || (hosts == 0 && request.version() == Version::HTTP_11) {
        return Err(ApiError::bad_request("BAD_HOST"));
    }
    let who = Who::Network(client.network());
    kind.map_or(Ok(()), |kind| rates.count(kind, who))?;
    Ok(())
}

/// Counts a request of a caller who is known by an account, wherever it comes from.
pub(super) fn count_account(
    rates: &Rates,
    caller: &Caller,
    kind: Option<RateKind>,
) -> Result<(), ApiError> {
    let who = match caller {
        Caller::Anonymous => None,
        Caller::User { id, .. } => Some(Who::Account(*id)),
        Caller::Key { id, .. } => Some(Who::Key(*id)),
    };
    match kind.zip(who) {
        Some((kind, who)) => Ok(rates.count(kind, who)?),
        None => Ok(()),
    }
}

/// `None`: not counted. Operators ask how the node is while it is flooded, and browsers ask before they ask.
fn kind(method: &Method, uri: &Uri) -> Option<RateKind> {
    let path = uri.path();
    let opens = path == "/realtime/v1/websocket" || path == "/socket/websocket";
    match (method, path) {
        (&Method::OPTIONS, _) | (_, "/healthz" | "/readyz" | "/metrics") => None,
        (&Method::GET | &Method::HEAD, path) if opens || is_stream(path) => {
            Some(RateKind::Connections)
        }
        (&Method::GET | &Method::HEAD, _) => Some(RateKind::Reads),
        (&Method::POST, "/api/v1/bookings") => Some(RateKind::Bookings),
        // These make an account, or have a mail sent to somebody.
        (&Method::POST, "/api/v1/users" | "/api/v1/email-codes" | "/api/v1/bookings/find") => {
            Some(RateKind::SignUps)
        }
        (&Method::POST, path) if offers_a_ticket(path) || invites(path) => Some(RateKind::SignUps),
        (
            &Method::POST,
            "/api/v1/auth/register" | "/api/v1/auth/password/forgot" | "/api/v1/auth/link",
        ) => Some(RateKind::SignUps),
        // These try a password.
        (&Method::POST, "/api/v1/auth/login") | (&Method::PUT, "/api/v1/auth/password") => {
            Some(RateKind::SignIns)
        }
        _ => Some(RateKind::Writes),
    }
}

/// It is a mail to an address of the caller's choice.
fn offers_a_ticket(path: &str) -> bool {
    path.starts_with("/api/v1/tickets/") && path.ends_with("/transfer")
}

/// The same: whoever is invited need have no account.
fn invites(path: &str) -> bool {
    path.starts_with("/api/v1/organizations/") && path.ends_with("/members")
}

fn is_stream(path: &str) -> bool {
    path.starts_with("/api/v1/events/") && path.ends_with("/stream")
}

impl From<TooOften> for ApiError {
    fn from(refused: TooOften) -> ApiError {
        let TooOften {
            kind,
            rate,
            retry_after_s,
        } = refused;
        let name = kind.name();
        // A full burst comes back in so many seconds.
        let window_s = (u64::from(rate.burst) * 60).div_ceil(u64::from(rate.per_minute.max(1)));
        let policy = format!("\"{name}\";q={};w={window_s}", rate.burst);
        let state = format!("\"{name}\";r=0;t={retry_after_s}");
        let error = ApiError::new(StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED");
        let mut error = error.retry_after(retry_after_s);
        for (name, value) in [(RATE_LIMIT_POLICY, policy), (RATE_LIMIT, state)] {
            if let Ok(value) = HeaderValue::try_from(value) {
                error = error.header(name, value);
            }
        }
        error
    }
}
