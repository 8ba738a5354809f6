//! Bookings read: one, a user's, an event's, and their numbers.

use axum::extract::State;
use axum::http::HeaderMap;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::{BookingData, find, token_of};
use crate::api::ApiState;
use crate::api::envelope::{Envelope, Failure, Reply};
use crate::api::error::{ApiError, ApiResult};
use crate::api::events::organizer_with;
use crate::api::extract::{At, Query};
use crate::api::fields::{Fields, Input};
use crate::api::page::{self, Cursor, Page, RequestedUri};
use crate::auth::{Caller, Right};
use crate::config::rest::NAME_CHARS_MAX;
use crate::schema;
use crate::store::Total;
use crate::store::bookings::{Name, Of, Selection, Words};
use crate::ticketing::record::{Booking, BookingStatus, Contact, Money};
use crate::ticketing::reference::{parse_booking_reference, plain_digits, typed_ticket_code};
use crate::ticketing::{BookingId, EventId, UserId};

/// Selection of bookings of a list.
#[derive(Debug, Clone, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct BookingList {
    /// Only those of this status.
    status: Option<BookingStatus>,
    #[param(ignore)]
    page: Page,
}

impl Input for BookingList {
    fn read(fields: &mut Fields) -> Option<BookingList> {
        let choices = BookingStatus::ALL.map(|status| (status.as_str(), status));
        let status = fields.choice("status", &choices);
        let page = Page::read(fields)?;
        Some(BookingList { status, page })
    }
}

/// Selection of bookings of an event.
#[derive(Debug, Clone, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct EventBookingList {
    /// A reference, a ticket's code, or a part of a name or e-mail address.
    #[param(schema_with = schema::search, required = false)]
    q: Option<String>,
    #[param(ignore)]
    list: BookingList,
}

impl Input for EventBookingList {
    fn read(fields: &mut Fields) -> Option<EventBookingList> {
        let q = fields.text("q", NAME_CHARS_MAX);
        let list = BookingList::read(fields)?;
        Some(EventBookingList { q, list })
    }
}

/// A booking as its event's people find it in a list.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct EventBooking {
    #[serde(flatten)]
    booking: Booking,
    /// How its buyer can be reached, as the booking says or else the account; for those who may `sell`.
    #[serde(skip_serializing_if = "Option::is_none")]
    contact: Option<Contact>,
}

/// One booking, with its items, tickets and deadline
///
/// For its owner (by token or `X-Booking-Token`), the event's organizer and admins. Those who keep the money alone are shown
/// nobody's name or address.
#[utoipa::path(
    get, path = "/bookings/{id}", tag = "bookings",
    params(
        ("id" = Uuid, Path),
    ),
    responses(
        (status = 200, description = "The booking", body = Envelope<BookingData>),
        (status = 404, description = "`BOOKING_NOT_FOUND`: there is none, or it is somebody else's", body = Failure),
    )
)]
pub(in crate::api) async fn by_id(
    State(state): State<ApiState>,
    caller: Caller,
    At(id): At<BookingId>,
    headers: HeaderMap,
) -> ApiResult<Reply<BookingData>> {
    let token = token_of(&caller, &headers)?;
    let found = find(&state, Name::Id(id), &caller, token).await?;
    let data = BookingData::read(&state, &caller, token, found).await?;
    Ok(Reply::ok("BOOKING", data))
}

/// One booking by the reference that people read to each other
///
/// For those who may read it by its id. Whoever knows reference and address only has a link mailed: `POST /bookings/find`.
#[utoipa::path(
    get, path = "/bookings/by-reference/{reference}", tag = "bookings",
    params(
        ("reference" = String, Path, example = "BK-7F3K9Q"),
    ),
    responses(
        (status = 200, description = "The booking", body = Envelope<BookingData>),
        (status = 404, description = "`BOOKING_NOT_FOUND`: there is none, or it is somebody else's", body = Failure),
    )
)]
pub(in crate::api) async fn by_reference(
    State(state): State<ApiState>,
    caller: Caller,
    At(typed): At<String>,
    headers: HeaderMap,
) -> ApiResult<Reply<BookingData>> {
    // A text that cannot be a reference is looked up as well: who may not ask hears so first.
    let reference = parse_booking_reference(&typed).unwrap_or_default();
    let token = token_of(&caller, &headers)?;
    let found = find(&state, Name::Reference(&reference), &caller, token).await?;
    let data = BookingData::read(&state, &caller, token, found).await?;
    Ok(Reply::ok("BOOKING", data))
}

/// The caller's own bookings, the newest first
#[utoipa::path(
    get, path = "/bookings/mine", tag = "bookings", params(BookingList, Page),
    responses((status = 200, body = Envelope<Vec<Booking>>, headers(("X-Total-Count" = i64), ("Link" = String))))
)]
pub(in crate::api) async fn mine(
    State(state): State<ApiState>,
    caller: Caller,
    Query(list): Query<BookingList>,
    asked: RequestedUri,
) -> ApiResult<Reply<Vec<Booking>>> {
    let user = caller.user_id().ok_or_else(ApiError::unauthenticated)?;
    page_of(&state, Of::User(user), list, &asked).await
}

/// A user's bookings, the newest first
///
/// For that user and admins.
#[utoipa::path(
    get, path = "/bookings/user/{user_id}", tag = "bookings",
    params(("user_id" = UserId, Path), BookingList, Page),
    responses(
        (status = 200, body = Envelope<Vec<Booking>>, headers(("X-Total-Count" = i64), ("Link" = String))),
        (status = 403, description = "Somebody else's", body = Failure),
    )
)]
pub(in crate::api) async fn of_user(
    State(state): State<ApiState>,
    caller: Caller,
    At(user): At<UserId>,
    Query(list): Query<BookingList>,
    asked: RequestedUri,
) -> ApiResult<Reply<Vec<Booking>>> {
    if !caller.may_act_for(user) {
        return Err(ApiError::forbidden());
    }
    page_of(&state, Of::User(user), list, &asked).await
}

/// An event's bookings, the newest first
///
/// Names and addresses of buyers are shown to, and found by, those who may `sell`.
#[utoipa::path(
    get, path = "/bookings/event/{event_id}", tag = "bookings",
    params(("event_id" = EventId, Path), EventBookingList, BookingList, Page),
    responses(
        (status = 200, body = Envelope<Vec<EventBooking>>, headers(("X-Total-Count" = i64), ("Link" = String))),
        (status = 404, description = "`EVENT_NOT_FOUND`", body = Failure),
    )
)]
pub(in crate::api) async fn of_event(
    State(state): State<ApiState>,
    caller: Caller,
    At(event): At<EventId>,
    Query(EventBookingList { q, list }): Query<EventBookingList>,
    asked: RequestedUri,
) -> ApiResult<Reply<Vec<EventBooking>>> {
    let organizer = organizer_with(&state, &caller, &super::SEES_BOOKINGS, event).await?;
    let shows_buyers = caller.may(Right::Sell, organizer);
    let words = q.map(|words| plain_digits(&words));
    let words = words.as_deref().filter(|words| !words.is_empty());
    let code = words
        .map(|typed| parse_booking_reference(typed).unwrap_or_else(|| typed_ticket_code(typed)));
    let words = code.as_deref().map(|code| Words {
        code,
        name: words.filter(|_| shows_buyers),
    });
    let of = Of::Event(event);
    let (bookings, total, next) = read_page(&state, of, &list, words).await?;
    let buyers = match shows_buyers {
        true => {
            let ids: Vec<BookingId> = bookings.iter().map(|booking| booking.id).collect();
            state.store.buyers(&ids).await?
        }
        false => Vec::new(),
    };
    let mut buyers = buyers.into_iter();
    let bookings = bookings.into_iter().map(|booking| EventBooking {
        booking: match shows_buyers {
            true => booking,
            false => booking.without_people(),
        },
        contact: buyers.next().filter(|buyer| *buyer != Contact::default()),
    });
    let bookings = bookings.collect();
    Ok(page::reply(
        "BOOKINGS",
        bookings,
        total,
        (&list.page, next),
        &asked,
    ))
}

async fn page_of(
    state: &ApiState,
    of: Of,
    list: BookingList,
    asked: &RequestedUri,
) -> ApiResult<Reply<Vec<Booking>>> {
    let (bookings, total, next) = read_page(state, of, &list, None).await?;
    Ok(page::reply(
        "BOOKINGS",
        bookings,
        total,
        (&list.page, next),
        asked,
    ))
}

async fn read_page(
    state: &ApiState,
    of: Of,
    list: &BookingList,
    words: Option<Words<'_>>,
) -> ApiResult<(Vec<Booking>, Total, Option<Cursor>)> {
    let BookingList { status, page } = list;
    let id = |id: &str| id.parse().ok().map(BookingId);
    let selection = Selection {
        of,
        status: *status,
        words,
        after: page.after("bookings", page::time, id)?,
        limit: page.rows_wanted(),
        offset: page.offset,
    };
    let (mut bookings, total) = state.store.bookings(selection).await?;
    let next = page.cut(&mut bookings, |booking| {
        Cursor::new("bookings", booking.created_at, booking.id.0)
    });
    Ok((bookings, total, next))
}

/// The numbers of an event's bookings.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct BookingStats {
    event_id: EventId,
    /// Confirmed ones: what is cancelled or never paid was no sale.
    total_bookings: i64,
    total_tickets_sold: i64,
    pending_bookings: i64,
    tickets_held: i64,
    cancelled_bookings: i64,
    expired_bookings: i64,
    refunded_bookings: i64,
    /// Of confirmed bookings; for the organizer and admins.
    #[serde(skip_serializing_if = "Option::is_none")]
    total_revenue: Option<Money>,
}

/// The numbers of an event's bookings
///
/// The event's organizer and admins also read the revenue.
#[utoipa::path(
    get, path = "/bookings/event/{event_id}/stats", tag = "bookings",
    params(("event_id" = EventId, Path)),
    responses(
        (status = 200, description = "The numbers", body = Envelope<BookingStats>),
        (status = 404, description = "`EVENT_NOT_FOUND`", body = Failure),
    )
)]
pub(in crate::api) async fn stats(
    State(state): State<ApiState>,
    caller: Caller,
    At(event): At<EventId>,
) -> ApiResult<Reply<BookingStats>> {
    let stats = state.store.booking_stats(event).await?;
    let organizes = |organizer| caller.may(Right::Figures, organizer);
    let stats = stats.filter(|stats| !stats.draft || organizes(stats.organizer_id));
    let stats = stats.ok_or_else(|| ApiError::not_found("EVENT_NOT_FOUND"))?;
    // Elsewhere, too, the public is not told how many of the hidden types are sold.
    let sees = caller.may(Right::See, stats.organizer_id);
    let (sold, held) = match sees {
        true => (stats.tickets_sold, stats.tickets_held),
        false => (
            stats.tickets_sold - stats.hidden_sold,
            stats.tickets_held - stats.hidden_held,
        ),
    };
    let revenue = Money {
        amount: stats.revenue_amount,
        currency: stats.currency,
    };
    let stats = BookingStats {
        event_id: event,
        total_bookings: stats.confirmed,
        total_tickets_sold: sold,
        pending_bookings: stats.pending,
        tickets_held: held,
        cancelled_bookings: stats.cancelled,
        expired_bookings: stats.expired,
        refunded_bookings: stats.refunded,
        total_revenue: organizes(stats.organizer_id).then_some(revenue),
    };
    Ok(Reply::ok("BOOKING_STATS", stats))
}
