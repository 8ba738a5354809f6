//! `POST /bookings/find`.

use utoipa::ToSchema;

use crate::api::contact::email;
use crate::api::envelope::{Envelope, Failure, Reply};
use crate::api::error::ApiResult;
use crate::api::extract::Body;
use crate::api::fields::{Fields, Input};
use crate::config::rest::NAME_CHARS_MAX;

#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body; `Lost` reads it")]
pub(in crate::api) struct LostBooking {
    #[schema(example = "BK-7F3K9Q")]
    reference: String,
    email: String,
}

pub(in crate::api) struct Lost;

impl Input for Lost {
    fn read(fields: &mut Fields) -> Option<Lost> {
        fields.require(&["reference", "email"]);
        let reference = fields.filled_text("reference", NAME_CHARS_MAX);
        let email = email(fields);
        reference.and(email).map(|_| Lost)
    }
}

/// Ask for a lost booking to be sent to its buyer
///
/// The answer is the same whether or not there is such a booking, and nothing is looked up before it: neither its words
/// nor its time tell. This version sends no mails yet.
#[utoipa::path(
    post, path = "/bookings/find", tag = "bookings", request_body = LostBooking,
    responses(
        (status = 202, description = "Heard", body = Envelope<Option<bool>>),
        (status = 422, description = "`VALIDATION_FAILED`", body = Failure),
    )
)]
pub(in crate::api) async fn find_again(_: Body<Lost>) -> ApiResult<Reply<Option<bool>>> {
    Ok(Reply::accepted("BOOKING_FIND_ASKED", None))
}
