//! Tickets that are handed on: offered by their holder, accepted by whoever reads the mail.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::ApiState;
use super::bookings::{ProofToken, is_buyer};
use super::contact;
use super::envelope::{Envelope, Failure, Reply};
use super::error::{ApiError, ApiResult};
use super::extract::{At, Body, NoBody};
use super::fields::{Fields, Input};
use super::idempotency::{IdempotencyHeader, made, replayed, unless_asked_before};
use super::tickets::{PRIVATE, SeenTicket, TicketData, may_use, seen};
use crate::auth::Caller;
use crate::config::inside::{TICKET_OFFERS_MAX, TICKET_OFFERS_S};
use crate::config::rest::NAME_CHARS_MAX;
use crate::jobs::{Accepted, TransferOffer, row};
use crate::lang::Lang;
use crate::schema;
use crate::store::audit_trail::AuditEntry;
use crate::store::transfers::{NotHandedOn, Recipient, Transfer};
use crate::ticketing::admission::TransferRefusal;
use crate::ticketing::reference::ticket_code;
use crate::ticketing::{EventId, TicketId, TransferId};

/// Whom the ticket is offered to.
#[derive(ToSchema)]
#[schema(example = json!({"name": "Grace Hopper", "email": "grace@example.org"}))]
#[expect(dead_code, reason = "documents the body that `NewHolder` reads")]
pub(super) struct RecipientBody {
    #[schema(schema_with = schema::name)]
    name: String,
    #[schema(schema_with = schema::email)]
    email: String,
}

pub(super) struct NewHolder {
    name: String,
    email: String,
}

impl Input for NewHolder {
    fn read(fields: &mut Fields) -> Option<NewHolder> {
        fields.require(&["name", "email"]);
        let name = fields.filled_text("name", NAME_CHARS_MAX);
        let email = contact::email(fields);
        Some(NewHolder {
            name: name?,
            email: email?,
        })
    }
}

/// A ticket that was handed over.
#[derive(Serialize, ToSchema)]
pub(super) struct AcceptedTicket {
    #[serde(flatten)]
    ticket: TicketData,
    /// Proves the ticket to be its reader's, as `X-Booking-Token`. Shown once here, and mailed.
    token: String,
}

/// Offer a ticket to somebody
///
/// By whoever holds it, until the event begins. They get a mail, in the language of `Accept-Language`; the ticket stays as
/// it is until its link is used. Then the old code opens nothing, and what was paid stays the buyer's.
#[utoipa::path(
    post, path = "/tickets/{code}/transfer", tag = "tickets", request_body = RecipientBody,
    params(
        ("code" = String, Path, description = "The ticket's code, or its id"),
        IdempotencyHeader,
    ),
    responses(
        (status = 201, description = "Offered, or offered before with the same key", body = Envelope<Transfer>,
            headers(("X-Event-Revision" = u64, description = "The event's revision"))),
        (status = 403, description = "`FORBIDDEN`: the caller only reads the bookings", body = Failure),
        (status = 404, description = "`TICKET_NOT_FOUND`: there is none, or it is somebody else's", body = Failure),
        (status = 409, description = "`TICKET_REPLACED`: somebody else holds it; `TICKET_NOT_VALID`, `TRANSFERS_CLOSED`, \
            `TRANSFER_PENDING`; `IDEMPOTENCY_IN_FLIGHT`", body = Failure),
        (status = 422, description = "`VALIDATION_FAILED`, `IDEMPOTENCY_MISMATCH`", body = Failure),
        (status = 429, description = "`TOO_MANY_OFFERS {max}`: so many offers of a ticket in an hour; `RATE_LIMITED`",
            body = Failure),
        (status = 501, description = "`NO_MAIL`: this server has no way to send mails", body = Failure),
    )
)]
pub(super) async fn offer(
    State(state): State<ApiState>,
    caller: Caller,
    At(code): At<String>,
    ProofToken(token): ProofToken,
    headers: HeaderMap,
    body: Body<NewHolder>,
) -> ApiResult<Reply<Transfer>> {
    let seen = seen(&state, &caller, &code, token.as_deref()).await?;
    let (ticket, audit) = of_caller(&state, &caller, &seen, token.as_deref());
    let route = format!("POST /tickets/{}/transfer", ticket.0);
    let keyed = state
        .in_flight
        .begin(&headers, &caller, &route, body.hash())?;
    unless_asked_before(&state.store, &keyed, may_use(&seen)).await?;
    if !state.jobs.sends_mails() {
        super::email_codes::taken(Accepted::NoMail)?;
    }
    let to = Recipient {
        name: body.input.name,
        email: body.input.email,
        lang: Lang::of(&headers),
    };
    let id = TransferId(Uuid::now_v7());
    let offer = TransferOffer {
        transfer_id: id,
        event_id: ticket.1,
    };
    let job = row(&offer, &state.proofs);
    let stored = keyed.stored();
    let store = &state.store;
    let offered = store.offer_ticket(ticket, &to, id, &job, stored, audit.as_ref());
    let ((transfer, revision), again) = made(offered.await?.map_err(refused)?)?;
    state.jobs.wake();
    let reply = Reply::created("TRANSFER_CREATED", transfer).revision(revision);
    Ok(replayed(reply, again))
}

/// Withdraw the offer of a ticket
///
/// By whoever holds it, before it was accepted: its link is dead. Repeated, it answers the same.
#[utoipa::path(
    delete, path = "/tickets/{code}/transfer", tag = "tickets",
    params(("code" = String, Path, description = "The ticket's code, or its id")),
    responses(
        (status = 200, description = "Withdrawn", body = Envelope<Option<bool>>,
            headers(("X-Event-Revision" = u64, description = "The event's revision"))),
        (status = 403, description = "`FORBIDDEN`: the caller only reads the bookings", body = Failure),
        (status = 404, description = "`TICKET_NOT_FOUND`: there is none, or it is somebody else's; `TRANSFER_NOT_FOUND`: it \
            is offered to nobody", body = Failure),
        (status = 409, description = "`TICKET_REPLACED`: somebody else holds it", body = Failure),
    )
)]
pub(super) async fn withdraw(
    State(state): State<ApiState>,
    caller: Caller,
    At(code): At<String>,
    ProofToken(token): ProofToken,
    _: NoBody,
) -> ApiResult<Reply<Option<bool>>> {
    let ((ticket, ..), audit) = held(&state, &caller, &code, token.as_deref()).await?;
    let offer = state.store.latest_offer(ticket).await?;
    let offer = offer.ok_or_else(no_transfer)?;
    let withdrawn = state.store.withdraw_transfer(offer, audit.as_ref()).await?;
    let revision = withdrawn.map_err(refused)?;
    Ok(Reply::ok("TRANSFER_CANCELLED", None).revision(revision))
}

/// Take over a ticket that was offered by mail
///
/// With the token of the link; repeated by the same account, or soon, it answers the same. A caller with an account keeps the ticket there as well. The
/// old code opens nothing from now on; the new one is mailed, too.
#[utoipa::path(
    post, path = "/transfers/{token}/accept", tag = "tickets", params(("token" = String, Path)),
    responses(
        (status = 200, description = "The ticket is the caller's", body = Envelope<AcceptedTicket>,
            headers(("X-Event-Revision" = u64, description = "The event's revision, with this in it"))),
        (status = 404, description = "`TRANSFER_NOT_FOUND`: the link is of no offer, or it was withdrawn, or \
            somebody else accepted it", body = Failure),
        (status = 409, description = "`TICKET_NOT_VALID`: it was used or taken back meanwhile; `TRANSFERS_CLOSED`: the event \
            has begun", body = Failure),
    )
)]
pub(super) async fn accept(
    State(state): State<ApiState>,
    caller: Caller,
    At(token): At<String>,
    _: NoBody,
) -> ApiResult<Reply<AcceptedTicket>> {
    let id = state.proofs.open_transfer(&token).ok_or_else(no_transfer)?;
    let code = ticket_code(state.desk.now(), &mut rand::rng());
    let over = state.store.accept_transfer(id, caller.user_id(), &code);
    let over = over.await?.map_err(refused)?;
    state.board.committed(over.event, over.revision);
    state.jobs.wake();
    let token = state.proofs.ticket_token(over.ticket, over.generation);
    let seen = seen(&state, &caller, &over.code, Some(&token)).await?;
    let ticket = TicketData::of(&state, seen).await?;
    let private = HeaderValue::from_static(PRIVATE);
    let reply = Reply::ok("TRANSFER_ACCEPTED", AcceptedTicket { ticket, token });
    Ok(reply
        .revision(over.revision)
        .header(header::CACHE_CONTROL, private))
}

fn no_transfer() -> ApiError {
    ApiError::not_found("TRANSFER_NOT_FOUND")
}

fn refused(not: NotHandedOn) -> ApiError {
    match not {
        NotHandedOn::NotFound => no_transfer(),
        NotHandedOn::Refused(TransferRefusal::TooMany) => ApiError::new(
            StatusCode::TOO_MANY_REQUESTS,
            TransferRefusal::TooMany.code(),
        )
        .retry_after(TICKET_OFFERS_S)
        .with("max", TICKET_OFFERS_MAX),
        NotHandedOn::Refused(refusal) => ApiError::conflict(refusal.code()),
    }
}

/// The ticket, its event and generation, if the caller holds it; and what the audit trail says of staff, whose it is not.
async fn held(
    state: &ApiState,
    caller: &Caller,
    code: &str,
    token: Option<&str>,
) -> ApiResult<((TicketId, EventId, u16), Option<AuditEntry>)> {
    let seen = seen(state, caller, code, token).await?;
    may_use(&seen)?;
    Ok(of_caller(state, caller, &seen, token))
}

/// The ticket as it was seen, and the audit trail's entry of staff.
fn of_caller(
    state: &ApiState,
    caller: &Caller,
    seen: &SeenTicket,
    token: Option<&str>,
) -> ((TicketId, EventId, u16), Option<AuditEntry>) {
    let ticket = &seen.ticket;
    let of = &ticket.belongs;
    let by_staff = ticket.holder.is_none() && !is_buyer(state, of, caller, token);
    let audit = by_staff.then(|| {
        let entry = AuditEntry::of_booking(caller, of.organizer_id, of.id);
        entry.with(json!({ "ticket_id": ticket.id }))
    });
    ((ticket.id, ticket.event.id, ticket.generation), audit)
}
