//! The people of an organization, and who did what in it.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::needs;
use crate::api::ApiState;
use crate::api::contact::email;
use crate::api::email_codes::taken;
use crate::api::envelope::{Envelope, Failure, Reply};
use crate::api::error::{ApiError, ApiResult};
use crate::api::extract::{At, Body, NoBody, Query};
use crate::api::fields::{Fields, Input};
use crate::api::page::{self, Page, RequestedUri};
use crate::auth::secrets::hash_of;
use crate::auth::{Caller, Right, StaffRole};
use crate::config::rest::NAME_CHARS_MAX;
use crate::jobs::{AccountMail, Purpose};
use crate::lang::Lang;
use crate::schema;
use crate::store::audit_trail::Audited;
use crate::store::organizations::{Invitation, Member};
use crate::ticketing::{OrganizationId, UserId};

const ROLES: [(&str, StaffRole); 5] = [
    ("owner", StaffRole::Owner),
    ("manager", StaffRole::Manager),
    ("box_office", StaffRole::BoxOffice),
    ("scanner", StaffRole::Scanner),
    ("finance", StaffRole::Finance),
];

/// The people of an organization, by user
#[utoipa::path(get, path = "/organizations/{organization_id}/members", tag = "organizations",
    params(("organization_id" = OrganizationId, Path), Page),
    responses((status = 200, body = Envelope<Vec<Member>>, headers(("X-Total-Count" = i64), ("Link" = String)))))]
pub(in crate::api) async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    At(organization): At<OrganizationId>,
    Query(page): Query<Page>,
    asked: RequestedUri,
) -> ApiResult<Reply<Vec<Member>>> {
    needs(&caller, Right::See, organization)?;
    let after = page.after_id("members")?;
    let members = state
        .store
        .members(organization, after, page.rows_wanted(), page.offset)
        .await?;
    let asked = (&page, &asked);
    Ok(page::by_id(
        "MEMBERS",
        "members",
        members,
        asked,
        |member| member.user_id,
    ))
}

#[derive(ToSchema)]
#[schema(example = json!({"email": "ada@example.org", "role": "box_office"}))]
#[expect(dead_code, reason = "describes the body; `Invited` reads it")]
pub(in crate::api) struct InvitationInput {
    #[schema(schema_with = schema::email)]
    email: String,
    role: StaffRole,
}

pub(in crate::api) struct Invited {
    email: String,
    role: StaffRole,
}

impl Input for Invited {
    fn read(fields: &mut Fields) -> Option<Invited> {
        fields.require(&["email", "role"]);
        let email = email(fields);
        let role = fields.choice("role", &ROLES);
        Some(Invited {
            email: email?,
            role: role?,
        })
    }
}

/// Invite somebody to work for an organization
///
/// By a mail with a link that is good for a week. Invited again, what was said last counts; within a minute, and past five
/// mails in an hour, none goes out, and the link in the one before leads there.
#[utoipa::path(post, path = "/organizations/{organization_id}/members", tag = "organizations",
    params(("organization_id" = OrganizationId, Path)), request_body = InvitationInput,
    responses(
        (status = 202, body = Envelope<Invitation>, description = "A mail is on its way"),
        (status = 404, body = Failure, description = "`ORGANIZATION_NOT_FOUND`"),
        (status = 409, body = Failure, description = "`LIMIT_REACHED {max}`"),
        (status = 501, body = Failure, description = "`NO_MAIL`: this server has no way to send mails"),
    ))]
pub(in crate::api) async fn invite(
    State(state): State<ApiState>,
    caller: Caller,
    At(organization): At<OrganizationId>,
    headers: HeaderMap,
    Body { input, .. }: Body<Invited>,
) -> ApiResult<Reply<Invitation>> {
    needs(&caller, Right::People, organization)?;
    if !state.jobs.sends_mails() {
        return Err(ApiError::new(StatusCode::NOT_IMPLEMENTED, "NO_MAIL"));
    }
    let made = state
        .store
        .invite(&caller, organization, &input.email, input.role)
        .await??;
    let job = AccountMail {
        purpose: Purpose::Invitation { organization },
        email: input.email,
        lang: Lang::of(&headers),
    };
    taken(state.jobs.ask(&job).await?)?;
    Ok(Reply::accepted("INVITED", made))
}

/// The open invitations of an organization, oldest first
///
/// Those that were accepted, were withdrawn or have ended are not among them.
#[utoipa::path(get, path = "/organizations/{organization_id}/invitations", tag = "organizations",
    params(("organization_id" = OrganizationId, Path), Page),
    responses((status = 200, body = Envelope<Vec<Invitation>>, headers(("X-Total-Count" = i64), ("Link" = String)))))]
pub(in crate::api) async fn invitations(
    State(state): State<ApiState>,
    caller: Caller,
    At(organization): At<OrganizationId>,
    Query(page): Query<Page>,
    asked: RequestedUri,
) -> ApiResult<Reply<Vec<Invitation>>> {
    needs(&caller, Right::People, organization)?;
    let open = state.store.open_invitations(organization).await?;
    let asked = (&page, &asked);
    page::of_whole("INVITATIONS", "invitations", open, asked, |one| one.id)
}

/// Withdraw an invitation
///
/// The mailed link is refused from now on.
#[utoipa::path(delete, path = "/organizations/{organization_id}/invitations/{invitation_id}", tag = "organizations",
    params(("organization_id" = OrganizationId, Path), ("invitation_id" = i64, Path, minimum = 1)),
    responses(
        (status = 200, body = Envelope<Option<bool>>),
        (status = 404, body = Failure, description = "`INVITATION_NOT_FOUND`: it was accepted, was withdrawn, has ended, or \
            never was"),
    ))]
pub(in crate::api) async fn withdraw(
    State(state): State<ApiState>,
    caller: Caller,
    At((organization, id)): At<(OrganizationId, i64)>,
    _: NoBody,
) -> ApiResult<Reply<Option<bool>>> {
    needs(&caller, Right::People, organization)?;
    state
        .store
        .withdraw_invitation(&caller, organization, id)
        .await??;
    Ok(Reply::ok("INVITATION_WITHDRAWN", None))
}

#[derive(ToSchema)]
#[schema(example = json!({"role": "scanner"}))]
#[expect(dead_code, reason = "describes the body; `RoleGiven` reads it")]
pub(in crate::api) struct RoleInput {
    role: StaffRole,
}

pub(in crate::api) struct RoleGiven(StaffRole);

impl Input for RoleGiven {
    fn read(fields: &mut Fields) -> Option<RoleGiven> {
        fields.require(&["role"]);
        fields.choice("role", &ROLES).map(RoleGiven)
    }
}

/// Give somebody another role
///
/// Admins may also add users who were not invited. The tokens of the user end, since they say the role.
#[utoipa::path(put, path = "/organizations/{organization_id}/members/{user_id}", tag = "organizations",
    params(("organization_id" = OrganizationId, Path), ("user_id" = UserId, Path)), request_body = RoleInput,
    responses(
        (status = 200, body = Envelope<Member>),
        (status = 404, body = Failure, description = "`ORGANIZATION_NOT_FOUND`, `MEMBER_NOT_FOUND`, `USER_NOT_FOUND`"),
        (status = 409, body = Failure, description = "`FOUNDER_STAYS`, `LIMIT_REACHED {max}`, `TOO_MANY_ORGANIZATIONS`"),
    ))]
pub(in crate::api) async fn set_role(
    State(state): State<ApiState>,
    caller: Caller,
    At((organization, user)): At<(OrganizationId, UserId)>,
    Body { input, .. }: Body<RoleGiven>,
) -> ApiResult<Reply<Member>> {
    needs(&caller, Right::People, organization)?;
    let must_be_there = !caller.is_admin();
    let member = state
        .store
        .set_member(&caller, organization, user, input.0, must_be_there)
        .await??;
    state.roles.forget(user);
    Ok(Reply::ok("MEMBER_CHANGED", member))
}

/// End somebody's work for an organization
///
/// Everybody may leave; owners may remove others.
#[utoipa::path(delete, path = "/organizations/{organization_id}/members/{user_id}", tag = "organizations",
    params(("organization_id" = OrganizationId, Path), ("user_id" = UserId, Path)),
    responses(
        (status = 200, body = Envelope<Option<bool>>),
        (status = 404, body = Failure, description = "`MEMBER_NOT_FOUND`"),
        (status = 409, body = Failure, description = "`FOUNDER_STAYS`"),
    ))]
pub(in crate::api) async fn remove(
    State(state): State<ApiState>,
    caller: Caller,
    At((organization, user)): At<(OrganizationId, UserId)>,
    _: NoBody,
) -> ApiResult<Reply<Option<bool>>> {
    if caller.user_id() != Some(user) {
        needs(&caller, Right::People, organization)?;
    }
    state
        .store
        .remove_member(&caller, organization, user)
        .await??;
    state.roles.forget(user);
    Ok(Reply::ok("MEMBER_REMOVED", None))
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body; `Acceptance` reads it")]
pub(in crate::api) struct AcceptanceInput {
    /// The part of the mailed address that follows `#invitation=`.
    #[schema(schema_with = schema::name)]
    token: String,
}

pub(in crate::api) struct Acceptance(String);

impl Input for Acceptance {
    fn read(fields: &mut Fields) -> Option<Acceptance> {
        fields.require(&["token"]);
        fields.filled_text("token", NAME_CHARS_MAX).map(Acceptance)
    }
}

/// The organization that one has joined.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct JoinedOrganization {
    organization_id: OrganizationId,
    member: Member,
}

/// Accept an invitation
///
/// For the account that has proven the address that was invited: a link may be passed on. The caller's tokens end, since they
/// do not say the new role: refresh them.
#[utoipa::path(post, path = "/invitations/accept", tag = "organizations", request_body = AcceptanceInput,
    responses(
        (status = 200, body = Envelope<JoinedOrganization>),
        (status = 403, body = Failure, description = "`INVITATION_OF_ANOTHER`: the caller's account has not proven the address \
            that was invited"),
        (status = 404, body = Failure, description = "`USER_NOT_FOUND`: the caller is no user of this server"),
        (status = 409, body = Failure, description = "`LIMIT_REACHED {max}`, `TOO_MANY_ORGANIZATIONS`"),
        (status = 410, body = Failure, description = "`INVITATION_EXPIRED`: it was accepted, was withdrawn, has ended, \
            or never was"),
    ))]
pub(in crate::api) async fn accept(
    State(state): State<ApiState>,
    caller: Caller,
    Body { input, .. }: Body<Acceptance>,
) -> ApiResult<Reply<JoinedOrganization>> {
    let user = caller.user_id().ok_or_else(ApiError::unauthenticated)?;
    let (organization_id, member) = state
        .store
        .accept_invitation(&caller, user, &hash_of(&input.0))
        .await??;
    state.roles.forget(user);
    let joined = JoinedOrganization {
        organization_id,
        member,
    };
    Ok(Reply::ok("MEMBER_ADDED", joined))
}

/// The audit trail of an organization, newest first
///
/// Rows are written with what they tell, and never changed.
#[utoipa::path(get, path = "/organizations/{organization_id}/audit-trail", tag = "organizations",
    params(("organization_id" = OrganizationId, Path), Page),
    responses((status = 200, body = Envelope<Vec<Audited>>, headers(("X-Total-Count" = i64), ("Link" = String)))))]
pub(in crate::api) async fn audit_trail(
    State(state): State<ApiState>,
    caller: Caller,
    At(organization): At<OrganizationId>,
    Query(page): Query<Page>,
    asked: RequestedUri,
) -> ApiResult<Reply<Vec<Audited>>> {
    needs(&caller, Right::People, organization)?;
    trail(&state, Some(organization), &page, &asked).await
}

/// The audit trail of all organizations, newest first
#[utoipa::path(get, path = "/audit-trail", tag = "organizations", params(Page),
    responses((status = 200, body = Envelope<Vec<Audited>>, headers(("X-Total-Count" = i64), ("Link" = String)))))]
pub(in crate::api) async fn whole_audit_trail(
    State(state): State<ApiState>,
    Query(page): Query<Page>,
    asked: RequestedUri,
) -> ApiResult<Reply<Vec<Audited>>> {
    trail(&state, None, &page, &asked).await
}

async fn trail(
    state: &ApiState,
    organization: Option<OrganizationId>,
    page: &Page,
    asked: &RequestedUri,
) -> ApiResult<Reply<Vec<Audited>>> {
    let before = page.after_id("audit-trail")?;
    let rows = state
        .store
        .audit_trail(organization, before, page.rows_wanted(), page.offset)
        .await?;
    let asked = (page, asked);
    Ok(page::by_id(
        "AUDIT_TRAIL",
        "audit-trail",
        rows,
        asked,
        |row| row.id,
    ))
}
