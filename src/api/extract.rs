//! Extractors: `Body`, `Query`, `At` (the path) and headers. Each refuses with an enveloped error.

mod json;

use std::io;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{
    FromRequest, FromRequestParts, OptionalFromRequest, Path, RawPathParams, Request,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use self::json::{Document, Unread};
use super::error::ApiError;
use super::fields::{self, FieldError, Fields, Input};
use crate::config::inside::SEATMAPS_READ_AT_ONCE_MAX;

/// Some editors put it in front of UTF-8.
pub const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// A JSON body: 415 if it is sent as something else, 408 if it comes too slowly, 400 if it is not JSON, 422 with all
/// wrong fields if it is not valid.
pub struct Body<T> {
    pub input: T,
    hash: [u8; 32],
}

impl<T> Body<T> {
    /// Equal for bodies of equal content, whatever their spacing and order.
    pub fn hash(&self) -> [u8; 32] {
        self.hash
    }
}

impl<T: Input> Body<T> {
    fn parse(bytes: &[u8]) -> Result<Body<T>, ApiError> {
        let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
        let read = Document::parse(bytes, T::MEMORY_BYTES_MAX).map_err(|unread| match unread {
            Unread::NotJson(error) => {
                ApiError::bad_request("BAD_JSON").with("reason", error.to_string())
            }
            Unread::TooManyValues => too_large(),
        })?;
        if !read.doubled.is_empty() {
            let doubled = read.doubled.iter();
            let errors = doubled.map(|place| FieldError::new(place, "DUPLICATE", ""));
            return Err(ApiError::invalid(errors.collect()));
        }
        let hash = canonical_hash(&read.value);
        let input = fields::read_json(read.value)?;
        Ok(Body { input, hash })
    }
}

/// SHA-256 of the canonical form: serde_json writes objects sorted and without spaces.
fn canonical_hash(json: &Value) -> [u8; 32] {
    struct Hasher(Sha256);
    impl io::Write for Hasher {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.update(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut hasher = Hasher(Sha256::new());
    // Writing a JSON value into a hasher cannot fail.
    let _ = serde_json::to_writer(&mut hasher, json);
    hasher.0.finalize().into()
}

impl<T: Input, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Body<T>, ApiError> {
        check_type(request.headers())?;
        Body::parse(&read(request, state).await?)
    }
}

/// Places of large bodies that are being read.
static LARGE: Semaphore = Semaphore::const_new(SEATMAPS_READ_AT_ONCE_MAX);

impl<T: Input + Send + 'static> Body<T> {
    /// Reads a body that may be large: few at once, for their memory, and beside the threads that answer others.
    pub(super) async fn large(
        request: Request,
        state: &(impl Send + Sync),
    ) -> Result<Body<T>, ApiError> {
        check_type(request.headers())?;
        let bytes = read(request, state).await?;
        let place = LARGE.acquire().await.map_err(ApiError::internal)?;
        let parsed = spawn_blocking(move || {
            let _place = place;
            Body::parse(&bytes)
        });
        parsed.await.map_err(ApiError::internal)?
    }
}

/// A body that may be left out, or null.
impl<T: Input, S: Send + Sync> OptionalFromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Option<Body<T>>, ApiError> {
        let right_type = check_type(request.headers());
        let bytes = read(request, state).await?;
        match bytes.is_empty() || bytes.trim_ascii() == b"null" {
            true => Ok(None),
            false => right_type.and_then(|()| Body::parse(&bytes).map(Some)),
        }
    }
}

/// For requests that take no body. Many programs send an empty object all the same; fields are refused by name, as
/// everywhere.
pub struct NoBody;

impl Input for NoBody {
    fn read(_: &mut Fields) -> Option<NoBody> {
        Some(NoBody)
    }
}

impl<S: Send + Sync> FromRequest<S> for NoBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<NoBody, ApiError> {
        Option::<Body<NoBody>>::from_request(request, state).await?;
        Ok(NoBody)
    }
}

/// A JSON body that pages may also send as text, as `navigator.sendBeacon` does when they close. For requests that do
/// nothing in their visitor's name.
pub struct BeaconBody<T>(pub T);

impl<T: Input, S: Send + Sync> FromRequest<S> for BeaconBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<BeaconBody<T>, ApiError> {
        if media_type(request.headers()) != "text/plain" {
            check_type(request.headers())?;
        }
        let body = Body::parse(&read(request, state).await?)?;
        Ok(BeaconBody(body.input))
    }
}

/// Time for a body to come, among the extensions of its request: less than the request has in all.
#[derive(Clone, Copy)]
pub(super) struct BodyPatience(pub(super) Duration);

/// The bytes of a body. Gzip has been inflated on the way in, and no other encoding is understood.
pub(super) async fn read(request: Request, state: &(impl Send + Sync)) -> Result<Bytes, ApiError> {
    let coding = header_text(request.headers(), &header::CONTENT_ENCODING).unwrap_or_default();
    if !coding.is_empty() && !coding.eq_ignore_ascii_case("identity") {
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return Err(ApiError::new(status, "UNSUPPORTED_ENCODING").with("accepts", "gzip"));
    }
    let patience = request.extensions().get::<BodyPatience>().copied();
    let patience = patience.map_or(Duration::MAX, |patience| patience.0);
    match tokio::time::timeout(patience, Bytes::from_request(request, state)).await {
        Ok(read) => read.map_err(unreadable),
        // The rest of the body must not be taken for the next request.
        Err(_) => Err(ApiError::new(StatusCode::REQUEST_TIMEOUT, "BODY_TOO_SLOW")
            .header(header::CONNECTION, HeaderValue::from_static("close"))),
    }
}

/// JSON sent as `text/plain` or as a form would need no preflight, so any page could send it in its visitor's name.
fn check_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let essence = media_type(headers);
    let is_json = essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"));
    match is_json {
        true => Ok(()),
        false => Err(ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "NOT_JSON",
        )),
    }
}

/// The media type without its parameters, in lower case; empty where none is said.
pub(super) fn media_type(headers: &HeaderMap) -> String {
    let given = header_text(headers, &header::CONTENT_TYPE).unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

fn too_large() -> ApiError {
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "BODY_TOO_LARGE")
}

fn unreadable(rejection: BytesRejection) -> ApiError {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => too_large(),
        _ => ApiError::bad_request("BAD_BODY").caused_by(rejection),
    }
}

/// The parameters after the `?`.
pub struct Query<T>(pub T);

impl<T: Input, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Query<T>, ApiError> {
        type Pairs = axum::extract::Query<Vec<(String, String)>>;
        let pairs = Pairs::try_from_uri(&parts.uri).map_err(|error| {
            ApiError::bad_request("BAD_QUERY").with("reason", error.body_text())
        })?;
        fields::read_query(pairs.0).map(Query)
    }
}

/// The parameters in the path, as in `At<EventId>` or `At<(EventId, NoticeId)>`. Numbers of rows, whose names end in
/// `_id`, begin at 1: nothing has a smaller one.
pub struct At<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for At<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<At<T>, ApiError> {
        let bad = || ApiError::bad_request("BAD_ID");
        let raw = RawPathParams::from_request_parts(parts, state).await;
        let raw = raw.map_err(|_| bad())?;
        let mut numbers = raw.iter().filter(|(name, _)| name.ends_with("_id"));
        if numbers.any(|(_, id)| id.parse().is_ok_and(|id: i64| id < 1)) {
            return Err(ApiError::not_found("NOT_FOUND"));
        }
        let path = Path::<T>::from_request_parts(parts, state).await;
        path.map(|Path(value)| At(value)).map_err(|_| bad())
    }
}

/// A header's text, if it is there and readable.
pub fn header_text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}
