//! Every way in which a request can fail, as status, stable code and data. This is the one place that turns errors
//! from below into answers. Causes are kept, logged once at the edge, and never shown.

use std::sync::Arc;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::fields::FieldError;
use super::message;
use crate::auth::AuthError;
use crate::desk::DeskError;
use crate::lang::Lang;
use crate::metrics;
use crate::store::StoreError;
use crate::store::constraint::{self, Rule};
use crate::store::edit::EditError;
use crate::tasks::BoxError;
use crate::telemetry::{outage, with_causes};
use crate::ticketing::edit::EditRefusal;
use crate::ticketing::price::WHOLE_BP;
use crate::ticketing::refusal::Refusal;

pub type ApiResult<T> = Result<T, ApiError>;
/// `Retry-After` while the database is away or busy.
const RETRY_AFTER_DATABASE_S: u64 = 1;
/// `Retry-After` while its disk is full, which a person has to mend.
const RETRY_AFTER_FULL_S: u64 = 30;

/// A refusal or failure on its way out. Boxed, so that results stay small.
#[derive(Debug)]
pub struct ApiError(Box<Details>);

#[derive(Debug)]
struct Details {
    status: StatusCode,
    code: &'static str,
    /// Members of `data` beside `code`.
    detail: Map<String, Value>,
    fields: Vec<FieldError>,
    retry_after_s: Option<u64>,
    headers: Vec<(HeaderName, HeaderValue)>,
    cause: Option<BoxError>,
}

impl ApiError {
    /// `code` is a key of the table in `message.rs`.
    pub fn new(status: StatusCode, code: &'static str) -> ApiError {
        ApiError(Box::new(Details {
            status,
            code,
            detail: Map::new(),
            fields: Vec::new(),
            retry_after_s: None,
            headers: Vec::new(),
            cause: None,
        }))
    }

    pub fn bad_request(code: &'static str) -> ApiError {
        ApiError::new(StatusCode::BAD_REQUEST, code)
    }

    /// 401: the request needs a caller and has none.
    pub fn unauthenticated() -> ApiError {
        ApiError::new(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED")
    }

    /// 403: the caller is known and may not do this.
    pub fn forbidden() -> ApiError {
        ApiError::new(StatusCode::FORBIDDEN, "FORBIDDEN")
    }

    pub fn not_found(code: &'static str) -> ApiError {
        ApiError::new(StatusCode::NOT_FOUND, code)
    }

    pub fn conflict(code: &'static str) -> ApiError {
        ApiError::new(StatusCode::CONFLICT, code)
    }

    /// 422: readable, but fields are wrong. `UNKNOWN_FIELD` where nothing else is.
    pub fn invalid(fields: Vec<FieldError>) -> ApiError {
        let unknown = |field: &FieldError| field.code == "UNKNOWN_FIELD";
        let code = match !fields.is_empty() && fields.iter().all(unknown) {
            true => "UNKNOWN_FIELD",
            false => "VALIDATION_FAILED",
        };
        let mut error = ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, code);
        error.0.fields = fields;
        error
    }

    /// One thing that is wrong with one field.
    pub fn invalid_field(field: &str, code: &'static str) -> ApiError {
        ApiError::invalid(vec![FieldError {
            field: field.to_owned(),
            code,
            bound: String::new(),
        }])
    }

    /// 500: a fault of ours. The caller gets the request's id, the log the cause.
    pub fn internal(cause: impl Into<BoxError>) -> ApiError {
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL").caused_by(cause)
    }

    /// 503: the same request may succeed later.
    pub fn unavailable(code: &'static str, retry_after_s: u64) -> ApiError {
        let mut error = ApiError::new(StatusCode::SERVICE_UNAVAILABLE, code);
        error.0.retry_after_s = Some(retry_after_s);
        error
    }

    /// Adds a member to `data`.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> ApiError {
        self.0.detail.insert(name.to_owned(), value.into());
        self
    }

    /// When the same request may succeed.
    pub(super) fn retry_after(mut self, seconds: u64) -> ApiError {
        self.0.retry_after_s = Some(seconds);
        self
    }

    /// Adds a header to the answer.
    pub(super) fn header(mut self, name: HeaderName, value: HeaderValue) -> ApiError {
        self.0.headers.push((name, value));
        self
    }

    pub fn caused_by(mut self, cause: impl Into<BoxError>) -> ApiError {
        self.0.cause = Some(cause.into());
        self
    }

    /// A business «no» that serializes to the `data` of its answer.
    pub(super) fn refused(status: u16, code: &'static str, refusal: &impl Serialize) -> ApiError {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::CONFLICT);
        let mut error = ApiError::new(status, code);
        if let Ok(Value::Object(detail)) = serde_json::to_value(refusal) {
            error.0.detail = detail;
        }
        error
    }

    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// The wrong fields, if this is [`ApiError::invalid`].
    pub fn field_errors(&self) -> &[FieldError] {
        &self.0.fields
    }
}

impl From<AuthError> for ApiError {
    fn from(error: AuthError) -> ApiError {
        let code = match &error {
            AuthError::Expired => "TOKEN_EXPIRED",
            AuthError::Invalid(_) => "INVALID_TOKEN",
            AuthError::Unready => {
                return ApiError::unavailable("UNAVAILABLE", RETRY_AFTER_DATABASE_S);
            }
        };
        ApiError::new(StatusCode::UNAUTHORIZED, code).with("reason", error.to_string())
    }
}

/// Refusals of the booking rules.
impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> ApiError {
        let mut error = ApiError::refused(refusal.status(), refusal.code(), &refusal);
        if let Refusal::Busy { retry_after_s } | Refusal::TooLate { retry_after_s } = refusal {
            error.0.retry_after_s = Some(retry_after_s);
        }
        error
    }
}

impl From<DeskError> for ApiError {
    fn from(error: DeskError) -> ApiError {
        match error {
            DeskError::Refused(refusal) => refusal.into(),
            DeskError::Unavailable => ApiError::unavailable("UNAVAILABLE", RETRY_AFTER_DATABASE_S),
            DeskError::Full => ApiError::unavailable("STORAGE_FULL", RETRY_AFTER_FULL_S),
            DeskError::BadValue => ApiError::bad_request("BAD_VALUE"),
            // The desk has logged the cause.
            DeskError::Internal => ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL"),
        }
    }
}

/// Refusals of the rules for organizers' changes.
impl From<EditRefusal> for ApiError {
    fn from(refusal: EditRefusal) -> ApiError {
        match refusal {
            EditRefusal::NotAMultiple { step } => {
                ApiError::invalid(vec![FieldError::new("value", "NOT_A_MULTIPLE", step)])
            }
            EditRefusal::ReserveNeedsOneType | EditRefusal::ReserveOfSeats { .. } => {
                ApiError::invalid_field("reserved", refusal.code())
            }
            _ => ApiError::refused(refusal.status(), refusal.code(), &refusal),
        }
    }
}

impl From<EditError> for ApiError {
    fn from(error: EditError) -> ApiError {
        match error {
            EditError::Refused(refusal) => refusal.into(),
            EditError::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> ApiError {
        let known = match &error {
            StoreError::Unavailable(_) => {
                Some(ApiError::unavailable("UNAVAILABLE", RETRY_AFTER_DATABASE_S))
            }
            StoreError::Busy(_) | StoreError::Contended(_) => {
                Some(ApiError::unavailable("BUSY", RETRY_AFTER_DATABASE_S))
            }
            StoreError::Full(_) => Some(ApiError::unavailable("STORAGE_FULL", RETRY_AFTER_FULL_S)),
            StoreError::BadValue(_) => Some(ApiError::bad_request("BAD_VALUE")),
            StoreError::Constraint { name, .. } => of_constraint(name),
            _ => None,
        };
        known
            .unwrap_or_else(|| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL"))
            .caused_by(error)
    }
}

/// The answer for a violated constraint of the schema; `None` for one that no request should violate.
fn of_constraint(name: &str) -> Option<ApiError> {
    Some(match constraint::rule(name)? {
        Rule::EmailTaken => ApiError::conflict("EMAIL_TAKEN"),
        Rule::PhoneTaken => ApiError::conflict("PHONE_TAKEN"),
        Rule::SaleWindow => ApiError::invalid_field("sale_to", "NOT_AFTER_SALE_FROM"),
        Rule::EndsAfterStart => ApiError::invalid_field("ends_at", "NOT_AFTER_STARTS_AT"),
        Rule::DoorsBeforeStart => ApiError::invalid_field("doors_at", "AFTER_STARTS_AT"),
        Rule::LimitsOrdered => ApiError::invalid_field("max_per_booking", "BELOW_MIN_PER_BOOKING"),
        Rule::VoucherUses => ApiError::conflict("VOUCHER_USES_BELOW_USED"),
        Rule::Reserve => ApiError::conflict("RESERVE_IN_USE"),
        Rule::VoucherInUse => ApiError::conflict("VOUCHER_IN_USE"),
        Rule::VoucherCodeTaken => ApiError::conflict("VOUCHER_CODE_TAKEN"),
        Rule::VoucherWindow => ApiError::invalid_field("valid_to", "NOT_AFTER_VALID_FROM"),
        Rule::Percentage => ApiError::invalid(vec![FieldError::new("value", "TOO_BIG", WHOLE_BP)]),
        Rule::TaxExists => ApiError::conflict("TAX_EXISTS"),
        Rule::TaxedType => ApiError::not_found("TICKET_TYPE_NOT_FOUND"),
        Rule::Length | Rule::Bound => ApiError::bad_request("BAD_VALUE"),
        _ => return None,
    })
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.0.status.into_response();
        let headers = response.headers_mut();
        if self.0.status == StatusCode::UNAUTHORIZED {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"seatcast\""),
            );
        }
        if let Some(seconds) = self.0.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        headers.extend(self.0.headers.iter().cloned());
        response.extensions_mut().insert(Problem(Arc::from(self.0)));
        response
    }
}

/// Left on the response by an [`ApiError`], read when the envelope is written.
#[derive(Clone)]
pub(super) struct Problem(Arc<Details>);

impl Problem {
    /// The key of the sentence: of a field `UNKNOWN_FIELD` says something else than of the body.
    pub(super) fn said(&self) -> &'static str {
        match self.0.code {
            "UNKNOWN_FIELD" => "UNKNOWN_FIELDS",
            code => code,
        }
    }

    /// Logs the cause with its own causes. The surrounding span carries the request's id.
    pub(super) fn log(&self) {
        metrics::REFUSALS.one(self.0.code);
        let Some(cause) = &self.0.cause else { return };
        let (cause, code) = (&**cause, self.0.code);
        match self.0.status {
            StatusCode::INTERNAL_SERVER_ERROR => {
                tracing::error!(code, cause = %with_causes(cause), "request failed");
            }
            StatusCode::SERVICE_UNAVAILABLE => outage::not_served(code, cause),
            // A mistake of the caller, of no interest to the operator.
            _ => tracing::debug!(code, cause = %with_causes(cause), "request refused"),
        }
    }

    pub(super) fn data(&self, lang: Lang, request_id: &str) -> Value {
        let mut data = self.0.detail.clone();
        data.insert("code".to_owned(), json!(self.0.code));
        if !self.0.fields.is_empty() {
            let errors = self.0.fields.iter().map(|field| described(field, lang));
            data.insert("errors".to_owned(), errors.collect());
        }
        if self.0.status == StatusCode::INTERNAL_SERVER_ERROR {
            data.insert("request_id".to_owned(), json!(request_id));
        }
        Value::Object(data)
    }
}

fn described(error: &FieldError, lang: Lang) -> Value {
    let message = message::text(error.code, lang).replace("{}", &error.bound);
    json!({ "field": error.field, "code": error.code, "message": message })
}
