//! `POST /email-codes`.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};

use super::ApiState;
use super::contact::{EmailAddress, EmailInput};
use super::envelope::{Envelope, Failure, Reply};
use super::error::{ApiError, ApiResult};
use super::extract::Body;
use crate::auth::Caller;
use crate::jobs::{Accepted, EmailCode};
use crate::lang::Lang;

/// Have a code mailed that proves an e-mail address
///
/// For ticket types with `email_required`: `POST /bookings` takes the code as `email_code`, beside `contact.email`. It is
/// good for 15 minutes at least. Accepted again within a minute, one mail goes out.
#[utoipa::path(
    post, path = "/email-codes", tag = "bookings", request_body = EmailInput,
    responses(
        (status = 202, description = "A mail is on its way", body = Envelope<Option<bool>>),
        (status = 422, description = "`VALIDATION_FAILED`", body = Failure),
        (status = 501, description = "`NO_MAIL`: this server has no way to send mails", body = Failure),
    )
)]
pub(in crate::api) async fn create(
    State(state): State<ApiState>,
    _: Caller,
    headers: HeaderMap,
    Body { input, .. }: Body<EmailAddress>,
) -> ApiResult<Reply<Option<bool>>> {
    let job = EmailCode {
        email: input.0,
        lang: Lang::of(&headers),
    };
    taken(state.jobs.ask(&job).await?)?;
    Ok(Reply::accepted("EMAIL_CODE_ASKED", None))
}

/// Nothing is promised that cannot be sent.
pub(in crate::api) fn taken(asked: Accepted) -> ApiResult<()> {
    match asked {
        Accepted::Taken => Ok(()),
        Accepted::NoMail => Err(ApiError::new(StatusCode::NOT_IMPLEMENTED, "NO_MAIL")),
    }
}
