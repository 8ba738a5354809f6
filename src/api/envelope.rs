//! The envelope of every answer: `{"success", "message", "data"}`.
//!
//! A handler returns data and a key of the table in `message.rs`. [`render`] adds the sentence in the caller's
//! language on the way out, for errors as well.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use utoipa::ToSchema;

use super::cache::PRIVATE;
use super::error::{ApiError, Problem};
use super::message;
use crate::lang::Lang;
use crate::ticketing::Revision;

/// The event's revision after a write.
pub const EVENT_REVISION: HeaderName = HeaderName::from_static("x-event-revision");
/// The number of rows of the whole list.
pub const TOTAL_COUNT: HeaderName = HeaderName::from_static("x-total-count");

/// An answer of success.
#[derive(Serialize, ToSchema)]
pub struct Envelope<T> {
    /// Always true.
    pub success: bool,
    /// A sentence in the caller's language (`Accept-Language`: en, th, fa).
    pub message: String,
    pub data: T,
}

/// A refusal or a failure.
#[derive(Serialize, ToSchema)]
pub struct Failure {
    /// Always false.
    pub success: bool,
    /// A sentence in the caller's language (`Accept-Language`: en, th, fa).
    pub message: String,
    pub data: FailureData,
}

/// Further members depend on the code: `minimum`, `max`, `seats`, `by_type`, `request_id` …
#[derive(Serialize, ToSchema)]
pub struct FailureData {
    /// Stable English name, such as `SOLD_OUT` or `VALIDATION_FAILED`.
    pub code: String,
    /// With `VALIDATION_FAILED`: everything that is wrong with the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<Vec<FieldFailure>>,
}

/// One thing that is wrong with one field.
#[derive(Serialize, ToSchema)]
pub struct FieldFailure {
    /// The field's place, as in `capacity` or `ticket_types[0].name`.
    pub field: String,
    /// Stable English name, such as `REQUIRED` or `TOO_SMALL`.
    pub code: String,
    pub message: String,
}

/// The id of a deleted row.
#[derive(Serialize, ToSchema)]
pub struct Deleted {
    pub id: i64,
}

/// A handler's answer of success.
pub struct Reply<T> {
    status: StatusCode,
    said: &'static str,
    data: T,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl<T: Serialize> Reply<T> {
    /// `said` is a key of the table in `message.rs`.
    pub fn new(status: StatusCode, said: &'static str, data: T) -> Reply<T> {
        Reply {
            status,
            said,
            data,
            headers: Vec::new(),
        }
    }

    pub fn ok(said: &'static str, data: T) -> Reply<T> {
        Reply::new(StatusCode::OK, said, data)
    }

    pub fn created(said: &'static str, data: T) -> Reply<T> {
        Reply::new(StatusCode::CREATED, said, data)
    }

    /// 202: it will be done.
    pub fn accepted(said: &'static str, data: T) -> Reply<T> {
        Reply::new(StatusCode::ACCEPTED, said, data)
    }

    pub fn status(mut self, status: StatusCode) -> Reply<T> {
        self.status = status;
        self
    }

    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Reply<T> {
        self.headers.push((name, value));
        self
    }

    /// Sets `Location`: the address of the new resource.
    pub fn at(self, address: &str) -> Reply<T> {
        match HeaderValue::from_str(address) {
            Ok(address) => self.header(header::LOCATION, address),
            Err(_) => self,
        }
    }

    /// Sets `X-Event-Revision`: the event's revision after this write.
    pub fn revision(self, revision: Revision) -> Reply<T> {
        self.header(EVENT_REVISION, HeaderValue::from(revision))
    }
}

impl<T: Serialize> IntoResponse for Reply<T> {
    fn into_response(self) -> Response {
        let data = match to_raw_value(&self.data) {
            Ok(data) => data,
            Err(error) => return ApiError::internal(error).into_response(),
        };
        let mut response = self.status.into_response();
        response.headers_mut().extend(self.headers);
        response
            .extensions_mut()
            .insert(SuccessBody(self.said, Arc::from(data)));
        response
    }
}

/// Left on the response by a [`Reply`], read by [`render`].
#[derive(Clone)]
struct SuccessBody(&'static str, Arc<RawValue>);

#[derive(Serialize)]
struct Rendered<'a, D> {
    success: bool,
    message: &'a str,
    data: D,
}

/// Writes the body of a [`Reply`] or an error. Other answers (304, files) pass as they are.
pub(super) fn render(mut response: Response, lang: Lang, request_id: &str) -> Response {
    let body =
        if let Some(SuccessBody(key, data)) = response.extensions_mut().remove::<SuccessBody>() {
            written(true, message::text(key, lang), data)
        } else if let Some(problem) = response.extensions_mut().remove::<Problem>() {
            problem.log();
            let data = problem.data(lang, request_id);
            written(false, message::text(problem.said(), lang), data)
        } else {
            return response;
        };
    response.headers_mut().remove(header::CONTENT_LENGTH);
    describe(response.headers_mut(), lang);
    keep_to_the_caller(response.headers_mut());
    *response.body_mut() = Body::from(body);
    response
}

/// The headers of a body of ours.
fn describe(headers: &mut HeaderMap, lang: Lang) {
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(
        header::CONTENT_LANGUAGE,
        HeaderValue::from_static(lang.tag()),
    );
    headers.append(header::VARY, HeaderValue::from_static("accept-language"));
}

/// An answer is for its caller alone, unless a handler says how it may be kept: a shared cache may store what says nothing, and
/// the tokens in `X-Booking-Token` and `X-API-Key` do not tell it whose answer it is.
fn keep_to_the_caller(headers: &mut HeaderMap) {
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static(PRIVATE));
}

/// The text before and after the data of a [`Reply`], for data that is made once and sent often.
pub(super) fn around(said: &'static str, lang: Lang) -> (Vec<u8>, Vec<u8>) {
    let mut before = written(true, message::text(said, lang), ());
    let after = before.split_off(before.len().saturating_sub(1));
    before.truncate(before.len().saturating_sub("null".len()));
    (before, after)
}

/// Answers such a body.
pub(super) fn ready(body: impl Into<Body>, lang: Lang) -> Response {
    let mut response = Response::new(body.into());
    describe(response.headers_mut(), lang);
    response
}

fn written<D: Serialize>(success: bool, message: &str, data: D) -> Vec<u8> {
    let envelope = Rendered {
        success,
        message,
        data,
    };
    // Strings, numbers and values that are JSON already cannot fail to serialise.
    serde_json::to_vec(&envelope).unwrap_or_default()
}
