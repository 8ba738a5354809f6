//! A lost booking: asked for by reference and e-mail address, and opened by the link that is mailed.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use utoipa::ToSchema;

use super::{BookingData, not_found};
use crate::api::ApiState;
use crate::api::contact::email;
use crate::api::email_codes::taken;
use crate::api::envelope::{Envelope, Failure, Reply};
use crate::api::error::{ApiError, ApiResult};
use crate::api::extract::Body;
use crate::api::fields::{Fields, Input};
use crate::auth::Caller;
use crate::auth::proofs::BadLink;
use crate::config::rest::NAME_CHARS_MAX;
use crate::jobs::BookingLink;
use crate::lang::Lang;
use crate::schema;
use crate::store::bookings::Name;
use crate::ticketing::reference::parse_booking_reference;

#[derive(ToSchema)]
#[schema(example = json!({"reference": "BK-7F3K9Q", "email": "ada@example.org"}))]
#[expect(dead_code, reason = "describes the body; `Lost` reads it")]
pub(in crate::api) struct LostBooking {
    #[schema(schema_with = schema::reference)]
    reference: String,
    #[schema(schema_with = schema::email)]
    email: String,
}

pub(in crate::api) struct Lost {
    /// As it was typed.
    reference: String,
    email: String,
}

impl Input for Lost {
    fn read(fields: &mut Fields) -> Option<Lost> {
        fields.require(&["reference", "email"]);
        let reference = fields.filled_text("reference", NAME_CHARS_MAX);
        let email = email(fields);
        Some(Lost {
            reference: reference?,
            email: email?,
        })
    }
}

/// Have a link to a lost booking mailed to its buyer
///
/// For a booking without account, and for one that staff sold, to the e-mail address in its `contact`. The answer is the same whether or not there is
/// such a booking, and nothing is looked up before it: neither its words nor its time tell. Asked again within a minute,
/// one mail goes out.
#[utoipa::path(
    post, path = "/bookings/find", tag = "bookings", request_body = LostBooking,
    responses(
        (status = 202, description = "Heard", body = Envelope<Option<bool>>),
        (status = 422, description = "`VALIDATION_FAILED`", body = Failure),
        (status = 501, description = "`NO_MAIL`: this server has no way to send mails", body = Failure),
    )
)]
pub(in crate::api) async fn find_again(
    State(state): State<ApiState>,
    _: Caller,
    headers: HeaderMap,
    Body { input, .. }: Body<Lost>,
) -> ApiResult<Reply<Option<bool>>> {
    let job = BookingLink {
        // No booking has an empty one.
        reference: parse_booking_reference(&input.reference).unwrap_or_default(),
        email: input.email,
        lang: Lang::of(&headers),
    };
    taken(state.jobs.ask(&job).await?)?;
    Ok(Reply::accepted("BOOKING_FIND_ASKED", None))
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body; `Link` reads it")]
pub(in crate::api) struct BookingLinkBody {
    /// The part of the mailed address that follows `#link=`.
    #[schema(schema_with = schema::name)]
    link: String,
}

pub(in crate::api) struct MailedLink(String);

impl Input for MailedLink {
    fn read(fields: &mut Fields) -> Option<MailedLink> {
        fields.require(&["link"]);
        fields.filled_text("link", NAME_CHARS_MAX).map(MailedLink)
    }
}

/// Open a booking by the link that was mailed
///
/// Answers the booking with a `token` that proves it the caller's from now on, as `X-Booking-Token`.
#[utoipa::path(
    post, path = "/bookings/open", tag = "bookings", request_body = BookingLinkBody,
    responses(
        (status = 200, description = "The booking, with its `token`", body = Envelope<BookingData>),
        (status = 404, description = "`BOOKING_NOT_FOUND`: it is no link of ours, or the booking is gone", body = Failure),
        (status = 410, description = "`LINK_EXPIRED`: ask for another", body = Failure),
        (status = 422, description = "`VALIDATION_FAILED`", body = Failure),
    )
)]
pub(in crate::api) async fn open(
    State(state): State<ApiState>,
    _: Caller,
    Body { input, .. }: Body<MailedLink>,
) -> ApiResult<Reply<BookingData>> {
    let id = match state.proofs.open(&input.0, state.desk.now()) {
        Ok(id) => id,
        Err(BadLink::Invalid) => return Err(not_found()),
        Err(BadLink::Expired) => return Err(ApiError::new(StatusCode::GONE, "LINK_EXPIRED")),
    };
    let found = state.store.booking(Name::Id(id)).await?;
    let found = found.ok_or_else(not_found)?;
    let mut data = BookingData::found(found);
    data.token = Some(state.proofs.booking_token(id));
    Ok(Reply::ok("BOOKING", data))
}
