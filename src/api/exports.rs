//! Whole lists as tables for spreadsheets, written row by row as their reader takes them: memory does not grow with rows.

mod sheet;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::poll_fn;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::timeout;
use utoipa::IntoParams;

use self::sheet::CsvSheet;
use super::ApiState;
use super::envelope::Failure;
use super::error::{ApiError, ApiResult};
use super::extract::{At, Query};
use super::fields::{Fields, Input};
use super::numbers::{event_with, timezone};
use crate::auth::{Caller, Right};
use crate::config::inside::{EXPORT_CHUNK_BYTES, EXPORT_MS_MAX, EXPORT_STALL_MS_MAX, EXPORTS_MAX};
use crate::store::StoreError;
use crate::store::exports::{DoorRow, ExportRows, ReportRow};
use crate::store::numbers::NumbersEvent;
use crate::telemetry::with_causes;
use crate::ticketing::EventId;
use crate::ticketing::currency::decimals;
use crate::ticketing::record::BookingStatus;

/// `Retry-After` while others are being written.
const RETRY_AFTER_S: u64 = 10;

/// Places for exports of this node. Each holds a connection to the database and its snapshot, maybe for minutes.
#[derive(Clone)]
pub(super) struct ExportPlaces(Arc<Semaphore>);

impl Default for ExportPlaces {
    fn default() -> ExportPlaces {
        ExportPlaces(Arc::new(Semaphore::new(EXPORTS_MAX)))
    }
}

impl ExportPlaces {
    fn take(&self) -> ApiResult<OwnedSemaphorePermit> {
        let busy = |_| ApiError::unavailable("BUSY", RETRY_AFTER_S);
        self.0.clone().try_acquire_owned().map_err(busy)
    }
}

/// Selection of bookings of the report.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ReportQuery {
    /// Only those of this status.
    status: Option<BookingStatus>,
}

impl Input for ReportQuery {
    fn read(fields: &mut Fields) -> Option<ReportQuery> {
        let choices = BookingStatus::ALL.map(|status| (status.as_str(), status));
        Some(ReportQuery {
            status: fields.choice("status", &choices),
        })
    }
}

/// An event's bookings as a table
///
/// CSV in UTF-8 with a byte order mark, one booking a line, the oldest first; times are of the event's time zone. The last
/// line is `# end, N rows`: a file without it was cut. Cells that a spreadsheet would run begin with an apostrophe. Needs
/// the right `figures`; names and addresses of buyers are there for those who may also sell.
#[utoipa::path(get, path = "/events/{event_id}/report.csv", tag = "numbers",
    params(("event_id" = EventId, Path), ReportQuery),
    responses(
        (status = 200, description = "The table", content_type = "text/csv", body = String,
            headers(("Content-Disposition" = String))),
        (status = 404, body = Failure, description = "`EVENT_NOT_FOUND`"),
        (status = 503, body = Failure, description = "`BUSY`: other tables are being written"),
    ))]
pub(super) async fn report(
    State(state): State<ApiState>,
    caller: Caller,
    At(event_id): At<EventId>,
    Query(asked): Query<ReportQuery>,
) -> ApiResult<Response> {
    let event = event_with(&state, &caller, Right::Figures, event_id).await?;
    let place = state.exports.take()?;
    let rows = state.store.report(event_id, asked.status, patience());
    let rows = rows.await?;
    let shows_buyers = caller.may(Right::Sell, event.organizer_id);
    let sheet = sheet(&event, &REPORT_COLUMNS);
    let currency = event.currency.clone();
    let write = move |sheet: &mut CsvSheet, row: &ReportRow| {
        report_row(sheet, row, &currency, shows_buyers);
    };
    Ok(table(
        &format!("report-{event_id}.csv"),
        sheet,
        rows,
        write,
        place,
    ))
}

/// An event's tickets as a door list
///
/// CSV like the report, one ticket a line, by the holders' names; void ones are left out. Needs the right `check_in`.
#[utoipa::path(get, path = "/events/{event_id}/doors.csv", tag = "numbers",
    params(("event_id" = EventId, Path)),
    responses(
        (status = 200, description = "The table", content_type = "text/csv", body = String,
            headers(("Content-Disposition" = String))),
        (status = 404, body = Failure, description = "`EVENT_NOT_FOUND`"),
        (status = 503, body = Failure, description = "`BUSY`: other tables are being written"),
    ))]
pub(super) async fn doors(
    State(state): State<ApiState>,
    caller: Caller,
    At(event_id): At<EventId>,
) -> ApiResult<Response> {
    let event = event_with(&state, &caller, Right::CheckIn, event_id).await?;
    let place = state.exports.take()?;
    let rows = state.store.door_list(event_id, patience()).await?;
    let sheet = sheet(&event, &DOOR_COLUMNS);
    Ok(table(
        &format!("doors-{event_id}.csv"),
        sheet,
        rows,
        door_row,
        place,
    ))
}

const REPORT_COLUMNS: [&str; 17] = [
    "reference",
    "status",
    "created_at",
    "confirmed_at",
    "ended_at",
    "paid_by",
    "tickets",
    "items",
    "seats",
    "tickets_amount",
    "total_amount",
    "refunded_amount",
    "currency",
    "name",
    "email",
    "phone",
    "cancel_reason",
];

fn report_row(sheet: &mut CsvSheet, row: &ReportRow, currency: &str, shows_buyers: bool) {
    let of_buyer = |text: &Option<String>| text.clone().filter(|_| shows_buyers);
    sheet.cell(&row.reference);
    sheet.cell(&row.status);
    sheet.time(Some(row.created_at));
    sheet.time(row.confirmed_at);
    sheet.time(row.ended_at);
    sheet.optional(row.paid_by.as_deref());
    sheet.number(row.quantity);
    sheet.cell(&row.items);
    sheet.cell(&row.seats);
    sheet.amount(row.tickets_amount);
    sheet.amount(row.total_amount);
    sheet.amount(row.refunded_amount);
    sheet.cell(currency);
    sheet.optional(of_buyer(&row.name).as_deref());
    sheet.optional(of_buyer(&row.email).as_deref());
    sheet.optional(of_buyer(&row.phone).as_deref());
    sheet.optional(row.cancel_reason.as_deref());
    sheet.end_row();
}

const DOOR_COLUMNS: [&str; 8] = [
    "holder",
    "code",
    "ticket_type",
    "section",
    "row",
    "seat",
    "status",
    "booking",
];

fn door_row(sheet: &mut CsvSheet, row: &DoorRow) {
    sheet.optional(row.holder.as_deref());
    sheet.cell(&row.code);
    sheet.cell(&row.ticket_type);
    sheet.optional(row.section.as_deref());
    sheet.optional(row.row.as_deref());
    sheet.optional(row.seat.as_deref());
    sheet.cell(&row.status);
    sheet.cell(&row.reference);
    sheet.end_row();
}

fn patience() -> Duration {
    Duration::from_millis(EXPORT_MS_MAX)
}

fn sheet(event: &NumbersEvent, columns: &[&str]) -> CsvSheet {
    CsvSheet::new(columns, timezone(event).0, decimals(&event.currency))
}

/// The answer whose body is written while it is read. A task writes it; it ends with the body, and after so long without
/// a reader.
fn table<T: Send + 'static>(
    name: &str,
    sheet: CsvSheet,
    rows: ExportRows<T>,
    write: impl Fn(&mut CsvSheet, &T) + Send + 'static,
    place: OwnedSemaphorePermit,
) -> Response {
    let (chunks, mut written) = mpsc::channel(1);
    let mut writer = JoinSet::new();
    writer.spawn(async move {
        let written = write_rows(sheet, rows, write, &chunks).await;
        // Not later: what cuts the table waits for its reader as long as the connection lives.
        drop(place);
        if let Err(error) = written {
            tracing::warn!(error = %with_causes(&error), "a table was cut");
            // Without this the body would look whole to HTTP.
            let _ = chunks.send(Err(io::Error::other(error))).await;
        }
    });
    let body = poll_fn(move |context| {
        let _ends_with_the_body = &writer;
        written.poll_recv(context)
    });
    let mut response = Body::from_stream(body).into_response();
    let headers = response.headers_mut();
    let text = HeaderValue::from_static("text/csv; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, text);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(named) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, named);
    }
    response
}

/// Why a table was cut.
#[derive(Debug, thiserror::Error)]
enum CutReason {
    #[error("the database failed")]
    Database(#[from] StoreError),
    #[error("its reader left or stalled")]
    Reader,
}

async fn write_rows<T>(
    mut sheet: CsvSheet,
    mut rows: ExportRows<T>,
    write: impl Fn(&mut CsvSheet, &T),
    chunks: &mpsc::Sender<Result<Bytes, io::Error>>,
) -> Result<(), CutReason> {
    while let Some(row) = rows.next().await? {
        write(&mut sheet, &row);
        if sheet.len() >= EXPORT_CHUNK_BYTES {
            send(chunks, &mut sheet).await?;
        }
    }
    sheet.end();
    send(chunks, &mut sheet).await
}

async fn send(
    chunks: &mpsc::Sender<Result<Bytes, io::Error>>,
    sheet: &mut CsvSheet,
) -> Result<(), CutReason> {
    let chunk = Ok(Bytes::from(sheet.take()));
    let stall_max = Duration::from_millis(EXPORT_STALL_MS_MAX);
    match timeout(stall_max, chunks.send(chunk)).await {
        Ok(Ok(())) => Ok(()),
        _ => Err(CutReason::Reader),
    }
}
