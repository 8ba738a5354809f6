//! The layers around every route, outermost first: CORS, gzip both ways, request id and span with the writing of the
//! envelope, catching panics, the deadline. Also the answers where there is no route.

use std::any::Any;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, Predicate, SizeAbove};
use tower_http::cors::{AllowHeaders, Any as AnyOrigin, CorsLayer};
use tower_http::decompression::RequestDecompressionLayer;
use tracing::Instrument;
use tracing::field::Empty;

use super::cache::STALE_SINCE;
use super::doors::{RATE_LIMIT, RATE_LIMIT_POLICY};
use super::envelope::{self, EVENT_REVISION, TOTAL_COUNT};
use super::error::ApiError;
use super::extract::BodyPatience;
use crate::lang::Lang;
use crate::metrics;

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest request id that is taken from a client; ids are logged.
const REQUEST_ID_BYTES_MAX: usize = 64;
/// Answers below this size gain nothing from gzip.
const GZIP_BYTES_MIN: u64 = 1_024;
const CORS_MAX_AGE: Duration = Duration::from_secs(3_600);
/// `Retry-After` of a request that took too long.
const RETRY_AFTER_TIMEOUT_S: u64 = 2;
/// `Retry-After` where no connection is left.
const RETRY_AFTER_NO_ROOM_S: u64 = 2;

/// Open to every page: callers prove themselves by tokens in headers, never by cookies.
pub(super) fn cors() -> CorsLayer {
    let exposed = [
        EVENT_REVISION,
        header::DATE,
        header::ETAG,
        HeaderName::from_static("idempotent-replay"),
        HeaderName::from_static("x-booking-token"),
        TOTAL_COUNT,
        header::LINK,
        header::LOCATION,
        header::CONTENT_DISPOSITION,
        header::RETRY_AFTER,
        RATE_LIMIT,
        RATE_LIMIT_POLICY,
        STALE_SINCE,
        REQUEST_ID,
        header::CONTENT_RANGE,
    ];
    CorsLayer::new()
        .allow_origin(AnyOrigin)
        .allow_methods([
            Method::GET,
            Method::HEAD,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ])
        // `*` would not cover Authorization.
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(exposed)
        .max_age(CORS_MAX_AGE)
}

pub(super) fn gzip() -> CompressionLayer<impl Predicate> {
    CompressionLayer::new()
        .compress_when(DefaultPredicate::new().and(SizeAbove::new(GZIP_BYTES_MIN)))
}

/// Inflates bodies as they are read: the bound of a body's size counts what comes out. Other encodings are left to
/// the extractors, which refuse them by name.
pub(super) fn gunzip() -> RequestDecompressionLayer {
    RequestDecompressionLayer::new().pass_through_unaccepted(true)
}

/// Gives the request its id and span, and writes the envelope of its answer in the caller's language.
pub(super) async fn observe(mut request: Request, next: Next) -> Response {
    let id = request_id(&request);
    request.extensions_mut().insert(RequestId(id.clone()));
    let lang = Lang::of(request.headers());
    // The desk fills these in for bookings.
    let span = tracing::info_span!("request", %id, method = %request.method(), path = logged_path(&request),
        event = Empty, reference = Empty, revision = Empty);
    async move {
        let started = Instant::now();
        let mut response = envelope::render(next.run(request).await, lang, &id);
        if let Ok(id) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        metrics::ANSWERS.one(class(&response));
        let elapsed_us = started.elapsed().as_micros();
        tracing::debug!(status = response.status().as_u16(), elapsed_us, "answered");
        response
    }
    .instrument(span)
    .await
}

/// The path as it is logged and traced. A token in it opens what it stands for, and a ticket's code the door, so there the
/// route is told instead.
fn logged_path(request: &Request) -> &str {
    let matched = request.extensions().get::<MatchedPath>();
    let route = matched.map(MatchedPath::as_str);
    route
        .filter(|route| route.contains("{token}") || route.contains("{code}"))
        .unwrap_or_else(|| request.uri().path())
}

/// The id of a request, among its extensions.
#[derive(Debug, Clone)]
pub(super) struct RequestId(pub(super) String);

fn class(response: &Response) -> &'static str {
    match response.status().as_u16() / 100 {
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    }
}

pub(super) fn request_id(request: &Request) -> String {
    let given = request.headers().get(REQUEST_ID);
    let given = given.and_then(|value| value.to_str().ok());
    match given {
        Some(id) if !id.is_empty() && id.len() <= REQUEST_ID_BYTES_MAX => id.to_owned(),
        _ => uuid::Uuid::new_v4().simple().to_string(),
    }
}

/// A panic ends its request, not the connection beside it.
pub(super) fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let why = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a message");
    ApiError::internal(format!("panic: {why}")).into_response()
}

/// A request that takes too long is dropped, with the transaction that it may have open.
pub(super) async fn deadline(
    State(limit): State<Duration>,
    mut request: Request,
    next: Next,
) -> Response {
    request.extensions_mut().insert(BodyPatience(limit * 2 / 3));
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::unavailable("TIMEOUT", RETRY_AFTER_TIMEOUT_S).into_response(),
    }
}

/// All places for connections are taken.
pub(super) async fn no_room() -> ApiError {
    ApiError::unavailable("BUSY", RETRY_AFTER_NO_ROOM_S)
}

pub(super) async fn no_such_route() -> ApiError {
    ApiError::not_found("NOT_FOUND")
}

/// Pages of other sites may read that something is not there.
pub(super) async fn tell_not_found(request: Request, next: Next) -> Response {
    let lang = Lang::of(request.headers());
    let response = next.run(request).await;
    if response.status() != StatusCode::NOT_FOUND {
        return response;
    }
    let not_found = ApiError::not_found("NOT_FOUND").into_response();
    let mut response = envelope::render(not_found, lang, "");
    let anyone = HeaderValue::from_static("*");
    response
        .headers_mut()
        .insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, anyone);
    response
}

pub(super) async fn no_such_method() -> ApiError {
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED")
}
