//! Organizations: their people, API keys, taxes and audit trail.

pub(super) mod api_keys;
pub(super) mod people;
pub(super) mod taxes;

use axum::http::StatusCode;

use super::error::ApiError;
use crate::auth::{Caller, Right};
use crate::store::organizations::PeopleRefusal;
use crate::ticketing::OrganizationId;

/// 403 for callers without this right.
fn needs(caller: &Caller, right: Right, organization: OrganizationId) -> Result<(), ApiError> {
    match caller.may(right, organization) {
        true => Ok(()),
        false => Err(ApiError::forbidden()),
    }
}

impl From<PeopleRefusal> for ApiError {
    fn from(refusal: PeopleRefusal) -> ApiError {
        match refusal {
            PeopleRefusal::OrganizationNotFound => ApiError::not_found("ORGANIZATION_NOT_FOUND"),
            PeopleRefusal::UserNotFound => ApiError::not_found("USER_NOT_FOUND"),
            PeopleRefusal::MemberNotFound => ApiError::not_found("MEMBER_NOT_FOUND"),
            PeopleRefusal::ApiKeyNotFound => ApiError::not_found("API_KEY_NOT_FOUND"),
            PeopleRefusal::InvitationNotFound => ApiError::not_found("INVITATION_NOT_FOUND"),
            PeopleRefusal::InvitationEnded => ApiError::new(StatusCode::GONE, "INVITATION_EXPIRED"),
            PeopleRefusal::TaxNotFound => ApiError::not_found("TAX_NOT_FOUND"),
            PeopleRefusal::AnothersInvitation => {
                ApiError::new(StatusCode::FORBIDDEN, "INVITATION_OF_ANOTHER")
            }
            PeopleRefusal::FounderStays => ApiError::conflict("FOUNDER_STAYS"),
            PeopleRefusal::TooManyOrganizations => ApiError::conflict("TOO_MANY_ORGANIZATIONS"),
            PeopleRefusal::TooMany(most) => ApiError::conflict("LIMIT_REACHED").with("max", most),
        }
    }
}
