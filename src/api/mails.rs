//! Mails to buyers and holders of tickets: whether they went out (`GET /mails`), and once more (`resend`).

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::bookings::{self, ProofToken};
use super::counted::Counted;
use super::email_codes::taken;
use super::envelope::{Envelope, Failure, Reply};
use super::error::{ApiError, ApiResult};
use super::events::organizer_with;
use super::extract::{At, NoBody, Query};
use super::fields::{Fields, Input};
use super::jobs::Why;
use super::page::{self, Page, RequestedUri};
use crate::auth::{Caller, Right};
use crate::jobs::Confirmation;
use crate::lang::Lang;
use crate::limits::address::Client;
use crate::store::bookings::{FoundBooking, Name};
use crate::store::jobs::JobState;
use crate::store::letters::TicketsUnmailed;
use crate::ticketing::{BookingId, EventId};

/// Selection of mails.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct WhichMails {
    #[param(example = 2)]
    event_id: EventId,
    /// Those about this booking alone.
    #[param(value_type = Option<uuid::Uuid>)]
    booking_id: Option<BookingId>,
    /// Those in this state alone.
    status: Option<JobState>,
}

impl Input for WhichMails {
    fn read(fields: &mut Fields) -> Option<WhichMails> {
        fields.require(&["event_id"]);
        let status = fields.choice("status", &JobState::ALL);
        let booking_id = fields.uuid("booking_id").map(BookingId);
        Some(WhichMails {
            event_id: fields.id("event_id")?,
            booking_id,
            status,
        })
    }
}

/// A mail about a booking or a ticket, and whether it went out.
#[derive(Serialize, ToSchema)]
pub(super) struct MailData {
    #[schema(minimum = 1)]
    id: i64,
    #[schema(example = "confirmation")]
    kind: String,
    /// `done`: the mail server took it, or there was nobody to write to.
    status: JobState,
    #[schema(value_type = Option<uuid::Uuid>)]
    booking_id: Option<BookingId>,
    /// Whether the booking has an address, or its buyer's account. Without one a mail to the buyer is `done`, and was not
    /// sent. True of mails that name no booking.
    has_address: bool,
    #[serde(flatten)]
    why: Why,
    /// Attempts so far.
    attempts: i32,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

/// Mails about an event's bookings and tickets, newest first
///
/// For those who may read the bookings. One that went out is known for an hour, one that needs a person (`needs_review`) for
/// a week after it was worth anything. Addresses are in the bookings.
#[utoipa::path(
    get, path = "/mails", tag = "jobs", params(WhichMails, Page),
    responses(
        (status = 200, body = Envelope<Vec<MailData>>, headers(("X-Total-Count" = i64), ("Link" = String))),
        (status = 404, description = "`EVENT_NOT_FOUND`", body = Failure),
    )
)]
pub(super) async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    Query(which): Query<WhichMails>,
    Query(page): Query<Page>,
    asked: RequestedUri,
    headers: HeaderMap,
) -> ApiResult<Reply<Vec<MailData>>> {
    let event = which.event_id;
    organizer_with(&state, &caller, &[Right::Sell], event).await?;
    let before = page.after_id("mails")?;
    let rows = (page.rows_wanted(), page.offset);
    let WhichMails {
        booking_id, status, ..
    } = which;
    let mails = state
        .store
        .mails_of_event(event, booking_id, status, before, rows);
    let ((mails, total), asked) = (mails.await?, (&page, &asked));
    let lang = Lang::of(&headers);
    let mails: Vec<MailData> = (mails.into_iter())
        .map(|mail| MailData {
            id: mail.id,
            kind: mail.kind,
            status: mail.status,
            booking_id: mail.booking_id,
            has_address: mail.has_address,
            why: Why::of(mail.reason, lang),
            attempts: mail.attempts,
            created_at: mail.created_at,
        })
        .collect();
    let mails = (mails, total);
    Ok(page::by_id("MAILS", "mails", mails, asked, |mail| mail.id))
}

/// Have a booking's tickets mailed again
///
/// To the booking's e-mail address, for its owner and the event's box office. At most five times in an hour.
#[utoipa::path(
    post, path = "/bookings/{id}/resend", tag = "tickets", params(("id" = Uuid, Path)),
    responses(
        (status = 202, description = "A mail is on its way", body = Envelope<Option<bool>>),
        (status = 404, description = "`BOOKING_NOT_FOUND`: there is none, or it is somebody else's; `TICKET_NOT_FOUND`: all its tickets were taken \
            back or handed on", body = Failure),
        (status = 409, description = "`NOT_CONFIRMED`; `NO_ADDRESS`: the booking has no e-mail address", body = Failure),
        (status = 410, description = "`EVENT_CANCELLED`: its tickets open nothing any more", body = Failure),
        (status = 501, description = "`NO_MAIL`: this server has no way to send mails", body = Failure),
    )
)]
pub(super) async fn resend(
    State(state): State<ApiState>,
    caller: Caller,
    At(id): At<BookingId>,
    ProofToken(token): ProofToken,
    client: Client,
    _: NoBody,
) -> ApiResult<Reply<Option<bool>>> {
    let found = state.store.booking(Name::Id(id)).await?;
    let may = |found: &FoundBooking| {
        bookings::is_owner(&state, &found.belongs, &caller, token.as_deref())
            || caller.may(Right::Sell, found.belongs.organizer_id)
    };
    let booking = found.filter(may).ok_or_else(bookings::not_found)?.booking;
    let to = match state.store.ticket_mail_address(id).await? {
        Ok(to) => to,
        Err(why) => {
            let status = match why {
                TicketsUnmailed::EventCancelled => StatusCode::GONE,
                TicketsUnmailed::NoTicket => StatusCode::NOT_FOUND,
                TicketsUnmailed::NotConfirmed | TicketsUnmailed::NoAddress => StatusCode::CONFLICT,
            };
            return Err(ApiError::new(status, why.code()));
        }
    };
    let mail = Counted::mail(&state, &caller, client, Some(&to)).await?;
    let job = Confirmation {
        booking_id: id,
        event_id: booking.event_id,
        again: Some("asked".to_owned()),
    };
    taken(state.jobs.ask(&job).await?)?;
    mail.counts();
    Ok(Reply::accepted("TICKETS_RESENT", None))
}
