//! Invoices and credit notes to print: `GET /events/{event_id}/invoice/{booking}.pdf`.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::ApiState;
use super::bookings::{ProofToken, is_visible, sees_people};
use super::envelope::Failure;
use super::error::{ApiError, ApiResult};
use super::extract::At;
use super::tickets::file;
use crate::auth::Caller;
use crate::lang::Lang;
use crate::pdf::Press;
use crate::pdf::invoice::{self, PrintedInvoice};
use crate::store::bookings::Name;
use crate::ticketing::{BookingId, EventId};

/// The invoice of a booking to print, and its credit notes
///
/// A page each, in the language of `Accept-Language`. For the booking's owner, and for the people of the event's
/// organization. Documents are numbered in the moment after the sale or refund; those that have no number yet are left out.
#[utoipa::path(
    get, path = "/events/{event_id}/invoice/{file}", tag = "payments",
    params(
        ("event_id" = EventId, Path),
        ("file" = String, Path, description = "The booking's id, and `.pdf`", example = "01890000-0000-7000-8000-000000000000.pdf"),
    ),
    responses(
        (status = 200, description = "Invoice and credit notes", content_type = "application/pdf", body = Vec<u8>,
            headers(("Content-Disposition" = String))),
        (status = 404, description = "`INVOICE_NOT_FOUND`: there is no such booking, it is somebody else's, or it has no \
            invoice yet", body = Failure),
    )
)]
pub(super) async fn pdf(
    State(state): State<ApiState>,
    caller: Caller,
    At((event_id, name)): At<(EventId, String)>,
    ProofToken(token): ProofToken,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let none = || ApiError::not_found("INVOICE_NOT_FOUND");
    let id = name.strip_suffix(".pdf").and_then(|id| id.parse().ok());
    let id: BookingId = id.ok_or_else(none)?;
    let found = state.store.booking(Name::Id(id)).await?;
    let found = found.filter(|found| {
        found.belongs.event_id == event_id
            && is_visible(&state, &found.belongs, &caller, token.as_deref())
    });
    let found = found.ok_or_else(none)?;
    // Also of an event that was deleted since.
    let event = state.store.numbers_event(event_id).await?;
    let event = event.ok_or_else(none)?;
    // An invoice names its buyer, also for those who keep the books; an address is for those who may write to it.
    let sees_people = sees_people(&state, &found.belongs, &caller, token.as_deref());
    let buyer = found
        .contact
        .and_then(|contact| contact.name.or(contact.email.filter(|_| sees_people)));
    let invoices = state.store.invoices_of(id).await?;
    let printed: Vec<PrintedInvoice> = (invoices.iter())
        .filter_map(|invoice| {
            let about = (event.title.as_str(), event.timezone.as_str());
            PrintedInvoice::of(invoice, &found.booking.lines, about, buyer.as_deref())
        })
        .collect();
    let name = printed.first().map(|first| format!("{}.pdf", first.number));
    let name = name.ok_or_else(none)?;
    let lang = Lang::of(&headers);
    let print = move |press: &mut Press| invoice::print(press, &printed, lang);
    let written = state.printer.print_now(print).await?;
    Ok(file("application/pdf", Some(name), written))
}
