//! Refusals and failures, with the codes of PostgREST (`PGRST…`) and Postgres.

use std::error::Error;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::AuthError;
use crate::limits::rates::TooOften;
use crate::protocol::excerpt;
use crate::protocol::supabase::ConditionFault;
use crate::store::StoreError;
use crate::telemetry::outage;

/// `Retry-After` while the database is away, or too much waits to be stored.
const RETRY_AFTER_S: u64 = 2;

/// A refusal, as PostgREST writes it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RestError {
    #[serde(skip)]
    status: u16,
    #[serde(skip)]
    retry_after_s: Option<u64>,
    /// How many rows there are, where the page that was asked for begins behind them.
    #[serde(skip)]
    rows: Option<u32>,
    /// Stable, such as `PGRST116` or `22P02`.
    code: &'static str,
    details: Option<String>,
    hint: Option<String>,
    message: String,
}

impl RestError {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> RestError {
        RestError {
            status: status.as_u16(),
            retry_after_s: None,
            rows: None,
            code,
            details: None,
            hint: None,
            message: message.into(),
        }
    }

    fn details(mut self, details: impl Into<String>) -> RestError {
        self.details = Some(details.into());
        self
    }

    fn hint(mut self, hint: impl Into<String>) -> RestError {
        self.hint = Some(hint.into());
        self
    }

    fn later(self) -> RestError {
        self.after(RETRY_AFTER_S)
    }

    fn after(mut self, seconds: u64) -> RestError {
        self.retry_after_s = Some(seconds);
        self
    }

    pub(super) fn of_rows(mut self, rows: i64) -> RestError {
        self.rows = u32::try_from(rows).ok();
        self
    }

    pub(super) fn no_path() -> RestError {
        let message = "Invalid path specified in request URL";
        RestError::new(StatusCode::NOT_FOUND, "PGRST125", message)
    }

    /// A schema that is not served, by `Accept-Profile` or `Content-Profile`.
    pub(super) fn no_schema(name: &str) -> RestError {
        let message = format!("Invalid schema: {}", excerpt(name));
        RestError::new(StatusCode::NOT_ACCEPTABLE, "PGRST106", message)
            .hint("Only the following schemas are exposed: public")
    }

    pub(super) fn no_table(name: &str) -> RestError {
        let message = format!(
            "Could not find the table 'public.{}' in the schema cache",
            excerpt(name)
        );
        RestError::new(StatusCode::NOT_FOUND, "PGRST205", message)
            .hint("Tables: event_tickets, events, seats, notices; user_interactions for inserts")
    }

    pub(super) fn no_function(name: &str) -> RestError {
        let name = excerpt(name);
        let message = format!("Could not find the function public.{name} in the schema cache");
        RestError::new(StatusCode::NOT_FOUND, "PGRST202", message)
    }

    pub(super) fn no_method(method: &str) -> RestError {
        let message = format!("Unsupported HTTP method: {}", excerpt(method));
        RestError::new(StatusCode::METHOD_NOT_ALLOWED, "PGRST117", message)
            .details("Tables are read by GET and HEAD; interactions are inserted by POST")
    }

    /// The table is there, and not for this.
    pub(super) fn not_permitted(table: &str) -> RestError {
        let message = format!("permission denied for table {table}");
        RestError::new(StatusCode::FORBIDDEN, "42501", message)
    }

    pub(super) fn no_column(table: &str, column: &str) -> RestError {
        let message = format!("column {table}.{} does not exist", excerpt(column));
        RestError::new(StatusCode::BAD_REQUEST, "42703", message)
    }

    pub(super) fn no_inserted_column(table: &str, column: &str) -> RestError {
        let column = excerpt(column);
        let message =
            format!("Could not find the '{column}' column of '{table}' in the schema cache");
        RestError::new(StatusCode::BAD_REQUEST, "PGRST204", message)
    }

    pub(super) fn no_relationship(table: &str, other: &str) -> RestError {
        let other = excerpt(other);
        let message = format!(
            "Could not find a relationship between '{table}' and '{other}' in the schema cache"
        );
        RestError::new(StatusCode::BAD_REQUEST, "PGRST200", message)
            .details("Tables are not embedded here: read each by itself")
    }

    /// A part of the query string that cannot be read.
    pub(super) fn unreadable(part: &str, text: &str, why: impl Into<String>) -> RestError {
        let message = format!("\"failed to parse {part} ({})\"", excerpt(text));
        RestError::new(StatusCode::BAD_REQUEST, "PGRST100", message).details(why)
    }

    pub(super) fn bad_condition(filter: &str, fault: &ConditionFault) -> RestError {
        let message = fault.to_string();
        let bad = |code| RestError::new(StatusCode::BAD_REQUEST, code, message.clone());
        match fault {
            ConditionFault::Operator(_) | ConditionFault::Form(_) => {
                RestError::unreadable("filter", filter, message)
            }
            ConditionFault::Value { .. } => bad("22P02"),
            ConditionFault::Type(_) => bad("42883"),
        }
    }

    pub(super) fn bad_value(message: impl Into<String>) -> RestError {
        RestError::new(StatusCode::BAD_REQUEST, "22P02", message)
    }

    /// A field of an inserted row has no value, or one that is too long.
    pub(super) fn bad_row(code: &'static str, message: String, row: usize) -> RestError {
        RestError::new(StatusCode::BAD_REQUEST, code, message).details(format!("row {row}"))
    }

    pub(super) fn bad_body(message: impl Into<String>) -> RestError {
        RestError::new(StatusCode::BAD_REQUEST, "PGRST102", message)
    }

    pub(super) fn too_large() -> RestError {
        let message = "The body is too large";
        RestError::new(StatusCode::PAYLOAD_TOO_LARGE, "PGRST102", message)
    }

    pub(super) fn unsatisfiable(details: impl Into<String>) -> RestError {
        let message = "Requested range not satisfiable";
        RestError::new(StatusCode::RANGE_NOT_SATISFIABLE, "PGRST103", message).details(details)
    }

    pub(super) fn no_media_type(asked: &str) -> RestError {
        let message = format!(
            "None of these media types are available: {}",
            excerpt(asked)
        );
        RestError::new(StatusCode::NOT_ACCEPTABLE, "PGRST107", message)
    }

    /// One row was asked for.
    pub(super) fn not_one_row(rows: usize) -> RestError {
        let message = "JSON object requested, multiple (or no) rows returned";
        RestError::new(StatusCode::NOT_ACCEPTABLE, "PGRST116", message)
            .details(format!("The result contains {rows} rows"))
    }

    pub(super) fn too_much_to_read() -> RestError {
        let message = "too many rows would have to be read to answer this query";
        RestError::new(StatusCode::BAD_REQUEST, "54000", message)
            .hint("Filter by id or event_id; page by id=gt.<last id> instead of offset")
    }

    pub(super) fn too_many(what: &str, max: usize) -> RestError {
        RestError::new(
            StatusCode::BAD_REQUEST,
            "54000",
            format!("at most {max} {what}"),
        )
    }

    pub(super) fn busy() -> RestError {
        let message = "too many interactions wait to be stored; none was taken";
        RestError::new(StatusCode::SERVICE_UNAVAILABLE, "53000", message).later()
    }

    pub(super) fn too_often(refused: TooOften) -> RestError {
        let message = "too many interactions of one sender; none was taken";
        RestError::new(StatusCode::TOO_MANY_REQUESTS, "53400", message).after(refused.retry_after_s)
    }

    pub(super) fn timeout() -> RestError {
        let message = "canceling statement due to statement timeout";
        RestError::new(StatusCode::GATEWAY_TIMEOUT, "57014", message).later()
    }
}

impl From<AuthError> for RestError {
    fn from(error: AuthError) -> RestError {
        let message = match &error {
            AuthError::Expired => "JWT expired".to_owned(),
            AuthError::Invalid(_) => error.to_string(),
            AuthError::Unready => {
                let status = StatusCode::SERVICE_UNAVAILABLE;
                return RestError::new(status, "PGRST001", error.to_string()).later();
            }
        };
        RestError::new(StatusCode::UNAUTHORIZED, "PGRST301", message)
    }
}

/// The cause is logged here, once, and not shown.
impl From<StoreError> for RestError {
    fn from(error: StoreError) -> RestError {
        let (status, code, message) = match &error {
            StoreError::Unavailable(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "PGRST001",
                "Could not connect with the database",
            ),
            StoreError::Busy(_) | StoreError::Contended(_) | StoreError::Full(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "PGRST003",
                "The database is too busy",
            ),
            StoreError::BadValue(_) => (
                StatusCode::BAD_REQUEST,
                "22P02",
                "the database refused a value",
            ),
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "XX000", "internal error"),
        };
        let refused = RestError::new(status, code, message);
        let cause = &error as &(dyn Error + 'static);
        match status {
            StatusCode::BAD_REQUEST => {
                tracing::debug!(error = cause, "request refused");
                refused
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                outage::not_served(code, cause);
                refused.later()
            }
            _ => {
                tracing::error!(error = cause, "request failed");
                refused
            }
        }
    }
}

impl IntoResponse for RestError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let (retry_after_s, rows) = (self.retry_after_s, self.rows);
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        let range = rows.map(|rows| HeaderValue::try_from(format!("*/{rows}")));
        if let Some(Ok(range)) = range {
            headers.insert(header::CONTENT_RANGE, range);
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
