//! Tickets as their holders see them: as data, as a QR, on paper, in a calendar.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::bookings::{self, ProofToken};
use super::envelope::{Envelope, Failure, Reply};
use super::error::{ApiError, ApiResult};
use super::extract::{At, Query};
use super::fields::{Fields, Input};
use super::page::{self, Cursor, Page, RequestedUri};
use crate::auth::{Caller, Right};
use crate::config::rest::TICKETS_PARTS_MAX;
use crate::lang::Lang;
use crate::pdf::ticket::{self, PrintedTicket};
use crate::pdf::{Press, PrintError, Qr};
use crate::schema;
use crate::store::tickets::{TicketInFull, entry_of};
use crate::ticketing::calendar::{self, CalendarEntry};
use crate::ticketing::record::{HeldTicket, Money, TicketStatus};
use crate::ticketing::reference::typed_ticket_code;
use crate::ticketing::{BookingId, TicketId};

/// Seconds after which a press may be free.
const RETRY_AFTER_PRINTS_S: u64 = 2;

/// Longer than any code of ours.
const CODE_CHARS_MAX: usize = 40;

/// A ticket.
#[derive(Serialize, ToSchema)]
pub(super) struct TicketData {
    #[serde(flatten)]
    ticket: HeldTicket,
    /// The booking's, for its owner; a holder whom the ticket was handed to is not told.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<uuid::Uuid>)]
    booking_id: Option<BookingId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<Money>,
    /// The holder's name, where it is known; for those who hold the ticket, its booking's owner, and those who may `sell`.
    name: Option<String>,
    /// The text of the QR; absent for those who do not hold the ticket, and where it opens nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<String>,
}

/// A ticket that the caller may see.
pub(super) struct SeenTicket {
    pub(super) ticket: TicketInFull,
    /// Whether it is the caller's to use.
    pub(super) holds: bool,
    /// Whether the booking is the caller's, or one of the caller's event.
    is_of_booking: bool,
    /// Whether the caller may know who holds it.
    sees_people: bool,
}

impl TicketData {
    pub(super) async fn of(state: &ApiState, seen: SeenTicket) -> ApiResult<TicketData> {
        let payload = match seen.holds && seen.ticket.status != TicketStatus::Void {
            true => Some(payload(state, &seen).await?),
            false => None,
        };
        Ok(TicketData::with(seen, payload))
    }

    fn with(seen: SeenTicket, payload: Option<String>) -> TicketData {
        let SeenTicket {
            ticket,
            holds,
            is_of_booking,
            sees_people,
        } = seen;
        TicketData {
            ticket: ticket.shown(holds),
            booking_id: is_of_booking.then_some(ticket.belongs.id),
            name: ticket.name().filter(|_| sees_people).map(str::to_owned),
            reference: is_of_booking.then_some(ticket.reference),
            price: is_of_booking.then_some(ticket.price),
            payload,
        }
    }
}

/// Selection of tickets of a list.
#[derive(Debug, Clone, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct TicketList {
    /// Only those that were taken over from others, or only those of the caller's own bookings.
    #[param(required = false)]
    taken_over: Option<bool>,
    #[param(ignore)]
    page: Page,
}

impl Input for TicketList {
    fn read(fields: &mut Fields) -> Option<TicketList> {
        let taken_over = fields.boolean("taken_over");
        let page = Page::read(fields)?;
        Some(TicketList { taken_over, page })
    }
}

/// The tickets that the caller holds
///
/// Those of the caller's own bookings that were not handed on, and those that the caller took over from others; what came last is
/// first. One that was taken over is without its booking.
#[utoipa::path(
    get, path = "/tickets/mine", tag = "tickets", params(TicketList, Page),
    responses((status = 200, description = "A page of them", body = Envelope<Vec<TicketData>>,
        headers(("X-Total-Count" = i64), ("Link" = String))))
)]
pub(super) async fn mine(
    State(state): State<ApiState>,
    caller: Caller,
    Query(list): Query<TicketList>,
    asked: RequestedUri,
) -> ApiResult<Reply<Vec<TicketData>>> {
    let user = caller.user_id().ok_or_else(ApiError::unauthenticated)?;
    let TicketList { taken_over, page } = list;
    let id = |id: &str| id.parse().ok().map(TicketId);
    let after = page.after("own_tickets", page::time, id)?;
    let bounds = (page.rows_wanted(), page.offset);
    let found = state.store.held_tickets(user, taken_over, after, bounds);
    let (mut found, total) = found.await?;
    let next = page.cut(&mut found, |(at, ticket)| {
        Cursor::new("own_tickets", at, ticket.id)
    });
    let key = state.store.signing_key().await?;
    let rows = found.into_iter().map(|(_, ticket)| {
        let payload = ticket.signed(&key);
        let payload = payload.filter(|_| ticket.status != TicketStatus::Void);
        let seen = SeenTicket {
            holds: true,
            is_of_booking: bookings::is_owner(&state, &ticket.belongs, &caller, None),
            sees_people: true,
            ticket,
        };
        TicketData::with(seen, payload)
    });
    let reply = page::reply("TICKETS", rows.collect(), total, (&page, next), &asked);
    let private = HeaderValue::from_static(PRIVATE);
    Ok(reply.header(header::CACHE_CONTROL, private))
}

/// The ticket with this code, or this id, if the caller may see it.
pub(super) async fn seen(
    state: &ApiState,
    caller: &Caller,
    code: &str,
    token: Option<&str>,
) -> ApiResult<SeenTicket> {
    let code = typed_ticket_code(code);
    let is_code = code.len() <= CODE_CHARS_MAX && code.bytes().all(|byte| byte.is_ascii_graphic());
    let found = match (code.parse(), is_code) {
        (Ok(id), _) => state.store.ticket_numbered(TicketId(id)).await?,
        (Err(_), true) => state.store.ticket(&code).await?,
        (Err(_), false) => None,
    };
    let ticket = found.ok_or_else(not_found)?;
    let is_of_booking = bookings::is_visible(state, &ticket.belongs, caller, token);
    let handed_to_caller = ticket.holder.as_ref().is_some_and(|holder| {
        let by_token = token.is_some_and(|token| {
            let proofs = &state.proofs;
            proofs.is_ticket_token(ticket.id, ticket.generation, token)
        });
        let by_account = holder.user_id.is_some_and(|user| caller.may_act_for(user));
        by_token || by_account
    });
    let holds = match ticket.holder {
        Some(_) => handed_to_caller,
        None => holds(state, &ticket, caller, token),
    };
    let sees_people = holds || bookings::sees_people(state, &ticket.belongs, caller, token);
    match is_of_booking || handed_to_caller {
        true => Ok(SeenTicket {
            ticket,
            holds,
            is_of_booking,
            sees_people,
        }),
        false => Err(not_found()),
    }
}

/// Refuses those who see the ticket and do not hold it.
pub(super) fn may_use(seen: &SeenTicket) -> ApiResult<()> {
    match &seen.ticket.holder {
        _ if seen.holds => Ok(()),
        Some(_) => Err(ApiError::conflict("TICKET_REPLACED")),
        None => Err(ApiError::forbidden()),
    }
}

/// Whether a ticket that was not handed on is the caller's to use: its buyer's, and the box office's, which prints.
fn holds(state: &ApiState, ticket: &TicketInFull, caller: &Caller, token: Option<&str>) -> bool {
    bookings::is_owner(state, &ticket.belongs, caller, token)
        || caller.may(Right::Sell, ticket.belongs.organizer_id)
}

fn not_found() -> ApiError {
    ApiError::not_found("TICKET_NOT_FOUND")
}

/// The text of the QR of a ticket that opens the door.
async fn payload(state: &ApiState, seen: &SeenTicket) -> ApiResult<String> {
    may_use(seen)?;
    if seen.ticket.status == TicketStatus::Void {
        return Err(ApiError::conflict("TICKET_VOID"));
    }
    let key = state.store.signing_key().await?;
    let text = seen.ticket.signed(&key);
    text.ok_or_else(|| ApiError::internal("the ticket has no room in a QR"))
}

/// One ticket, by its code
///
/// For its booking's owner (by token or `X-Booking-Token`), whom it was handed to, and the event's staff. `payload`, the
/// text of the QR, is there for whoever holds it now.
#[utoipa::path(
    get, path = "/tickets/{code}", tag = "tickets",
    params(("code" = String, Path)),
    responses(
        (status = 200, description = "The ticket", body = Envelope<TicketData>),
        (status = 404, description = "`TICKET_NOT_FOUND`: there is none, or it is somebody else's", body = Failure),
    )
)]
pub(super) async fn show(
    State(state): State<ApiState>,
    caller: Caller,
    At(code): At<String>,
    ProofToken(token): ProofToken,
) -> ApiResult<Reply<TicketData>> {
    let seen = seen(&state, &caller, &code, token.as_deref()).await?;
    let data = TicketData::of(&state, seen).await?;
    let private = HeaderValue::from_static(PRIVATE);
    Ok(Reply::ok("TICKET", data).header(header::CACHE_CONTROL, private))
}

/// A ticket's QR as SVG
#[utoipa::path(
    get, path = "/tickets/{code}/qr.svg", tag = "tickets",
    params(("code" = String, Path)),
    responses(
        (status = 200, description = "The QR", content_type = "image/svg+xml", body = String),
        (status = 404, description = "`TICKET_NOT_FOUND`: there is none, or it is somebody else's", body = Failure),
        (status = 409, description = "`TICKET_VOID`, `TICKET_REPLACED`: it opens nothing for the caller", body = Failure),
    )
)]
pub(super) async fn qr_svg(
    State(state): State<ApiState>,
    caller: Caller,
    At(code): At<String>,
    ProofToken(token): ProofToken,
) -> ApiResult<Response> {
    let qr = qr(&state, &caller, &code, token.as_deref()).await?;
    Ok(file("image/svg+xml", None, qr.svg().into_bytes()))
}

/// A ticket's QR as PNG
#[utoipa::path(
    get, path = "/tickets/{code}/qr.png", tag = "tickets",
    params(("code" = String, Path)),
    responses(
        (status = 200, description = "The QR", content_type = "image/png", body = Vec<u8>),
        (status = 404, description = "`TICKET_NOT_FOUND`: there is none, or it is somebody else's", body = Failure),
        (status = 409, description = "`TICKET_VOID`, `TICKET_REPLACED`: it opens nothing for the caller", body = Failure),
    )
)]
pub(super) async fn qr_png(
    State(state): State<ApiState>,
    caller: Caller,
    At(code): At<String>,
    ProofToken(token): ProofToken,
) -> ApiResult<Response> {
    let qr = qr(&state, &caller, &code, token.as_deref()).await?;
    let png = qr.png();
    let png = png.ok_or_else(|| ApiError::internal("the QR was not written"))?;
    Ok(file("image/png", None, png))
}

async fn qr(state: &ApiState, caller: &Caller, code: &str, token: Option<&str>) -> ApiResult<Qr> {
    let seen = seen(state, caller, code, token).await?;
    let text = payload(state, &seen).await?;
    Qr::of(&text).ok_or_else(|| ApiError::internal("the QR's text is too long"))
}

/// A ticket to print
///
/// A4, in the language of `Accept-Language`, for whoever holds it. One that was handed on is without price and booking.
#[utoipa::path(
    get, path = "/tickets/{code}/ticket.pdf", tag = "tickets",
    params(("code" = String, Path)),
    responses(
        (status = 200, description = "The ticket", content_type = "application/pdf", body = Vec<u8>,
            headers(("Content-Disposition" = String))),
        (status = 403, description = "`FORBIDDEN`: the caller only reads the bookings", body = Failure),
        (status = 404, description = "`TICKET_NOT_FOUND`: there is none, or it is somebody else's", body = Failure),
        (status = 409, description = "`TICKET_VOID`, `TICKET_REPLACED`: it opens nothing for the caller", body = Failure),
    )
)]
pub(super) async fn pdf_of_one(
    State(state): State<ApiState>,
    caller: Caller,
    At(code): At<String>,
    ProofToken(token): ProofToken,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let seen = seen(&state, &caller, &code, token.as_deref()).await?;
    may_use(&seen)?;
    if seen.ticket.status == TicketStatus::Void {
        return Err(ApiError::conflict("TICKET_VOID"));
    }
    let key = state.store.signing_key().await?;
    let printed = match seen.ticket.holder {
        Some(_) => PrintedTicket::of_holder(&seen.ticket, &key),
        None => PrintedTicket::of(&seen.ticket, &key),
    };
    let printed = printed.ok_or_else(|| ApiError::internal("the ticket has no room in a QR"))?;
    let name = format!("{}.pdf", printed.code);
    let lang = Lang::of(&headers);
    let print = move |press: &mut Press| ticket::print(press, &[printed], lang);
    let written = state.printer.print_now(print).await?;
    Ok(file("application/pdf", Some(name), written))
}

impl From<PrintError> for ApiError {
    fn from(error: PrintError) -> ApiError {
        match error {
            PrintError::Busy => ApiError::unavailable("BUSY", RETRY_AFTER_PRINTS_S),
            error => ApiError::internal(error),
        }
    }
}

/// A booking's tickets to print
///
/// A4, a page each, in the language of `Accept-Language`. For its owner and the event's box office. Tickets that were
/// taken back or handed on are left out. A file has 1,000 of them: of a larger booking `Link` leads to the next part.
#[utoipa::path(
    get, path = "/bookings/{id}/tickets.pdf", tag = "tickets",
    params(("id" = Uuid, Path), WhichPart),
    responses(
        (status = 200, description = "The tickets", content_type = "application/pdf", body = Vec<u8>,
            headers(("Content-Disposition" = String), ("Link" = String))),
        (status = 404, description = "`BOOKING_NOT_FOUND`: there is none, or it is somebody else's; `TICKET_NOT_FOUND`: it \
            has no ticket to print, or no such part", body = Failure),
    )
)]
pub(super) async fn pdf(
    State(state): State<ApiState>,
    caller: Caller,
    At(id): At<BookingId>,
    Query(which): Query<WhichPart>,
    ProofToken(token): ProofToken,
    headers: HeaderMap,
) -> ApiResult<Response> {
    insist_on_printing(&state, &caller, id, token.as_deref()).await?;
    let found = state.store.tickets_part(id, which.part).await?;
    let found = found.ok_or_else(not_found)?;
    let key = state.store.signing_key().await?;
    let printed: Vec<PrintedTicket> = (found.tickets.iter())
        .filter_map(|ticket| PrintedTicket::of(ticket, &key))
        .collect();
    let lang = Lang::of(&headers);
    let print = move |press: &mut Press| ticket::print(press, &printed, lang);
    let written = state.printer.print_now(print).await?;
    let mut response = file("application/pdf", Some(found.file_name()), written);
    if found.part < found.parts {
        // Only a query, as of lists: a proxy may serve us below a path that we do not know of.
        let link = format!("<?part={}>; rel=\"next\"", found.part + 1);
        let link = HeaderValue::from_str(&link).map_err(ApiError::internal)?;
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}

/// A file of the tickets to print.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct WhichPart {
    /// Which 1,000 of the tickets.
    #[param(schema_with = schema::tickets_part, required = false)]
    part: i64,
}

impl Input for WhichPart {
    fn read(fields: &mut Fields) -> Option<WhichPart> {
        let part = fields.integer("part", 1..=TICKETS_PARTS_MAX);
        Some(WhichPart {
            part: part.unwrap_or(1),
        })
    }
}

/// A booking's event for calendars
///
/// iCalendar with one entry, whose `SEQUENCE` rises with the booking's changes. For those who may print its tickets.
#[utoipa::path(
    get, path = "/bookings/{id}/calendar.ics", tag = "tickets",
    params(("id" = Uuid, Path)),
    responses(
        (status = 200, description = "The entry", content_type = "text/calendar", body = String,
            headers(("Content-Disposition" = String))),
        (status = 404, description = "`BOOKING_NOT_FOUND`: there is none, or it is somebody else's; `TICKET_NOT_FOUND`: it \
            has no ticket", body = Failure),
    )
)]
pub(super) async fn ics(
    State(state): State<ApiState>,
    caller: Caller,
    At(id): At<BookingId>,
    ProofToken(token): ProofToken,
) -> ApiResult<Response> {
    insist_on_printing(&state, &caller, id, token.as_deref()).await?;
    let (text, name) = match state.store.tickets_part(id, 1).await? {
        Some(first) => entry_file(first.entry()),
        None => {
            let tickets = state.store.tickets_of(id).await?;
            let is_over = tickets.iter().all(|one| one.status == TicketStatus::Void);
            entry_file(entry_of(&tickets, is_over))
        }
    }
    .ok_or_else(not_found)?;
    Ok(file(
        "text/calendar; charset=utf-8",
        Some(name),
        text.into_bytes(),
    ))
}

/// Its text, and the name of the file that has it.
fn entry_file(entry: Option<CalendarEntry<'_>>) -> Option<(String, String)> {
    entry.map(|entry| (calendar::calendar(&entry), format!("{}.ics", entry.uid)))
}

/// Whether the caller may print a booking's tickets.
async fn insist_on_printing(
    state: &ApiState,
    caller: &Caller,
    id: BookingId,
    token: Option<&str>,
) -> ApiResult<()> {
    let found = state.store.booking_belongs(id).await?;
    let may = |found: &crate::store::bookings::Belongs| {
        bookings::is_owner(state, found, caller, token)
            || caller.may(Right::Sell, found.organizer_id)
    };
    found.filter(may).ok_or_else(bookings::not_found)?;
    Ok(())
}

/// Nobody between us and the reader keeps what opens a door.
pub(super) const PRIVATE: &str = "private, no-store";

pub(super) fn file(kind: &'static str, name: Option<String>, bytes: Vec<u8>) -> Response {
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(PRIVATE));
    let name = name.map(|name| format!("attachment; filename=\"{name}\""));
    if let Some(name) = name.and_then(|name| HeaderValue::from_str(&name).ok()) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    response
}
