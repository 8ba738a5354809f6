//! Work that goes on after its request was answered: `GET /jobs/{job_id}`, and `POST /bookings/bulk`, which makes such work.
//! Work that waits for a person: `GET /jobs`, `POST /jobs/{job_id}/retry`, `POST /jobs/{job_id}/drop`.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::http::HeaderMap;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa::openapi::schema::Array;
use uuid::Uuid;

use super::ApiState;
use super::bookings::not_found;
use super::envelope::{Envelope, Failure, Reply};
use super::error::{ApiError, ApiResult};
use super::extract::{At, Body, NoBody, Query};
use super::fields::{Fields, Input};
use super::idempotency::{self, IdempotencyHeader};
use super::message;
use super::page::{self, Cursor, Page, RequestedUri};
use super::reviews::ReviewList;
use crate::auth::{Caller, Right};
use crate::config::rest::REASON_CHARS_MAX;
use crate::jobs::bulk::{BULK_BOOKINGS_MAX, BulkAction, BulkBookings};
use crate::jobs::{is_of_money, row};
use crate::lang::Lang;
use crate::schema;
use crate::store::audit_trail::AuditEntry;
use crate::store::jobs::{JobReason, JobState, KnownJob};
use crate::ticketing::BookingId;

/// A job, and how far it is.
#[derive(Serialize, ToSchema)]
pub(super) struct JobData {
    #[schema(example = 1)]
    id: i64,
    #[schema(example = "event_refunds")]
    kind: String,
    status: JobState,
    /// `total` and `done` count what it works through; what else there is depends on the kind. Null before it began.
    #[schema(value_type = Option<Object>)]
    progress: Value,
    #[serde(flatten)]
    why: Why,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

/// Why the last attempt of a job failed, or why a person has to decide; absent where none did.
#[derive(Default, Serialize, ToSchema)]
pub(super) struct Why {
    /// Stable.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "MAIL_REFUSED")]
    code: Option<&'static str>,
    /// The same as a sentence, in the language of `Accept-Language`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "The mail server refused the mail")]
    reason: Option<&'static str>,
    /// As a mail server, a provider or the server said it. Of mails for those who may `sell`: it may name an address.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "permanent error (550): 5.1.1 no such mailbox")]
    detail: Option<String>,
}

impl Why {
    pub(super) fn of(reason: Option<JobReason>, lang: Lang) -> Why {
        let Some(reason) = reason else {
            return Why::default();
        };
        Why {
            code: Some(reason.code),
            reason: Some(message::text(reason.code, lang)),
            detail: reason.detail,
        }
    }
}

/// How far a job is
///
/// For those who sell, manage or keep the money of the organization for which it works. A job that is done is known for an hour.
#[utoipa::path(
    get, path = "/jobs/{job_id}", tag = "jobs", params(("job_id" = i64, Path, minimum = 1)),
    responses(
        (status = 200, body = Envelope<JobData>),
        (status = 404, description = "`JOB_NOT_FOUND`: there is none, or it is somebody else's", body = Failure),
    )
)]
pub(super) async fn show(
    State(state): State<ApiState>,
    caller: Caller,
    At(id): At<i64>,
    headers: HeaderMap,
) -> ApiResult<Reply<JobData>> {
    // Box offices have bookings worked on, and look how far that is.
    let job = seen(
        &state,
        &caller,
        id,
        &[Right::Sell, Right::Money, Right::Manage],
    )
    .await?;
    Ok(Reply::ok(
        "JOB",
        JobData::of(job, &caller, Lang::of(&headers)),
    ))
}

impl JobData {
    fn of(job: KnownJob, caller: &Caller, lang: Lang) -> JobData {
        let sells = |of| caller.may(Right::Sell, of);
        let sees_addresses = caller.is_admin() || job.organization.is_some_and(sells);
        let mut reason = job.reason;
        if let Some(reason) = reason
            .as_mut()
            .filter(|reason| reason.is_of_mail() && !sees_addresses)
        {
            reason.detail = None;
        }
        JobData {
            id: job.id,
            kind: job.kind,
            status: job.state,
            progress: job.progress,
            why: Why::of(reason, lang),
            created_at: job.created_at,
        }
    }
}

/// A job of an organization in which the caller has one of these rights.
async fn seen(state: &ApiState, caller: &Caller, id: i64, rights: &[Right]) -> ApiResult<KnownJob> {
    let none = || ApiError::not_found("JOB_NOT_FOUND");
    let job = state.store.job(id).await?.ok_or_else(none)?;
    let may = |of| rights.iter().any(|right| caller.may(*right, of));
    match caller.is_admin() || job.organization.is_some_and(may) {
        true => Ok(job),
        false => Err(none()),
    }
}

/// A job about which the caller decides: of those who see it, whoever may do by hand what it was to do.
async fn to_decide(state: &ApiState, caller: &Caller, id: i64) -> ApiResult<KnownJob> {
    let job = seen(state, caller, id, &[Right::Money, Right::Manage]).await?;
    let keeps_money = |of| caller.may(Right::Money, of);
    let may = caller.is_admin() || job.organization.is_some_and(keeps_money);
    match may || !is_of_money(&job.kind) {
        true => Ok(job),
        false => Err(ApiError::forbidden()),
    }
}

/// Jobs that wait for a person
///
/// Of the organizations that the caller manages, or whose money the caller keeps; admins see all. By organization, and the
/// oldest first.
#[utoipa::path(
    get, path = "/jobs", tag = "jobs", params(ReviewList, Page),
    responses((status = 200, body = Envelope<Vec<JobData>>, headers(("X-Total-Count" = i64), ("Link" = String))))
)]
pub(super) async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    Query(list): Query<ReviewList>,
    asked: RequestedUri,
    headers: HeaderMap,
) -> ApiResult<Reply<Vec<JobData>>> {
    let page = &list.page;
    let after = page.after("jobs", |of| of.parse().ok(), |id| id.parse().ok())?;
    let own = match caller.is_admin() {
        true => None,
        false => {
            let mut own = caller.organizations_with(Right::Money);
            own.extend(caller.organizations_with(Right::Manage));
            own.sort_unstable();
            own.dedup();
            Some(own)
        }
    };
    let (mut jobs, total) = state
        .store
        .jobs_for_review(own.as_deref(), after, page.rows_wanted(), page.offset)
        .await?;
    let next = page.cut(&mut jobs, |job| {
        let organization = job.organization.map_or(0, |organization| organization.0);
        Cursor::new("jobs", organization, job.id)
    });
    let lang = Lang::of(&headers);
    let jobs = jobs
        .into_iter()
        .map(|job| JobData::of(job, &caller, lang))
        .collect();
    Ok(page::reply(
        "JOBS_FOR_REVIEW",
        jobs,
        total,
        (page, next),
        &asked,
    ))
}

/// Let a job that waits for a person be tried again
#[utoipa::path(
    post, path = "/jobs/{job_id}/retry", tag = "jobs", params(("job_id" = i64, Path, minimum = 1)),
    responses(
        (status = 200, description = "It will be tried", body = Envelope<JobData>),
        (status = 403, description = "It is about money, for which the caller lacks the right `money`", body = Failure),
        (status = 404, description = "`JOB_NOT_FOUND`: there is none, or it is somebody else's", body = Failure),
        (status = 409, description = "`JOB_NOT_WAITING`: it waits for nobody", body = Failure),
    )
)]
pub(super) async fn retry(
    State(state): State<ApiState>,
    caller: Caller,
    At(id): At<i64>,
    headers: HeaderMap,
    _: NoBody,
) -> ApiResult<Reply<JobData>> {
    let job = to_decide(&state, &caller, id).await?;
    if !state.store.retry_job(&caller, &job).await? {
        return Err(ApiError::conflict("JOB_NOT_WAITING"));
    }
    state.jobs.wake();
    let job = state.store.job(id).await?.unwrap_or(job);
    Ok(Reply::ok(
        "JOB_RETRIED",
        JobData::of(job, &caller, Lang::of(&headers)),
    ))
}

/// Drop a job that waits for a person
///
/// It was done by hand, or is worth nothing any more.
#[utoipa::path(
    post, path = "/jobs/{job_id}/drop", tag = "jobs", params(("job_id" = i64, Path, minimum = 1)),
    responses(
        (status = 200, description = "As it was", body = Envelope<JobData>),
        (status = 403, description = "It is about money, for which the caller lacks the right `money`", body = Failure),
        (status = 404, description = "`JOB_NOT_FOUND`: there is none, or it is somebody else's", body = Failure),
        (status = 409, description = "`JOB_NOT_WAITING`: it waits for nobody", body = Failure),
    )
)]
pub(super) async fn give_up(
    State(state): State<ApiState>,
    caller: Caller,
    At(id): At<i64>,
    headers: HeaderMap,
    _: NoBody,
) -> ApiResult<Reply<JobData>> {
    let job = to_decide(&state, &caller, id).await?;
    if !state.store.drop_job(&caller, &job).await? {
        return Err(ApiError::conflict("JOB_NOT_WAITING"));
    }
    Ok(Reply::ok(
        "JOB_DROPPED",
        JobData::of(job, &caller, Lang::of(&headers)),
    ))
}

/// The operation for many bookings.
#[derive(ToSchema)]
#[schema(example = json!({
    "action": "cancel", "booking_ids": ["0199e7a0-0000-7000-8000-000000000001"], "reason": "The hall is closed"
}))]
#[expect(dead_code, reason = "documents the body that `BulkInput` reads")]
pub(super) struct BulkBody {
    action: BulkAction,
    #[schema(schema_with = booking_ids)]
    booking_ids: Vec<Uuid>,
    /// Of `cancel` and `refund`.
    #[schema(schema_with = schema::reason, required = false)]
    reason: Option<String>,
}

fn booking_ids() -> Array {
    schema::list_of(schema::uuid(), 1, BULK_BOOKINGS_MAX)
}

pub(super) struct BulkInput {
    action: BulkAction,
    booking_ids: BTreeSet<BookingId>,
    reason: String,
}

impl Input for BulkInput {
    fn read(fields: &mut Fields) -> Option<BulkInput> {
        fields.require(&["action", "booking_ids"]);
        let action = fields.choice("action", &BulkAction::ALL);
        let reason = match action {
            // Mails are sent again as they were.
            Some(BulkAction::Resend) => None,
            _ => fields.text("reason", REASON_CHARS_MAX),
        };
        let ids = fields.items("booking_ids", BULK_BOOKINGS_MAX, |fields, place, value| {
            let id = value.as_str().and_then(|text| text.parse::<Uuid>().ok());
            if id.is_none() {
                fields.refuse(place, "NOT_AN_ID", "");
            }
            id.map(BookingId)
        });
        if ids.as_ref().is_some_and(Vec::is_empty) {
            fields.refuse("booking_ids", "EMPTY", "");
        }
        Some(BulkInput {
            action: action?,
            booking_ids: ids?.into_iter().collect(),
            reason: reason.unwrap_or_default(),
        })
    }
}

/// The job that was written.
#[derive(Serialize, ToSchema)]
pub(super) struct JobWritten {
    #[schema(example = 1)]
    job_id: i64,
}

/// Cancel, give back, or mail again many bookings
///
/// All of one organization, at most 1,000. It is done by a job, one booking after the other; `GET /jobs/{job_id}` says how far
/// it is, and of which bookings it was refused and why. Cancelling gives back what was paid, so paid bookings are refused
/// (`FORBIDDEN`) to those without the right `money`.
#[utoipa::path(
    post, path = "/bookings/bulk", tag = "bookings", request_body = BulkBody, params(IdempotencyHeader),
    responses(
        (status = 202, description = "Being done", body = Envelope<JobWritten>, headers(("Location" = String))),
        (status = 403, description = "`FORBIDDEN`", body = Failure),
        (status = 404, description = "`BOOKING_NOT_FOUND`: one of them does not exist, or is somebody else's", body = Failure),
        (status = 422, description = "`VALIDATION_FAILED`, `SEVERAL_ORGANIZATIONS`, `IDEMPOTENCY_MISMATCH`", body = Failure),
    )
)]
pub(super) async fn bulk(
    State(state): State<ApiState>,
    caller: Caller,
    headers: HeaderMap,
    body: Body<BulkInput>,
) -> ApiResult<Reply<JobWritten>> {
    let keyed = state
        .in_flight
        .begin(&headers, &caller, "POST /bookings/bulk", body.hash())?;
    let BulkInput {
        action,
        booking_ids,
        reason,
    } = body.input;
    let booking_ids: Vec<BookingId> = booking_ids.into_iter().collect();
    if let Some(written) = state.store.recall_asked(keyed.stored()).await? {
        let (job_id, replayed) = idempotency::made(written)?;
        return Ok(written_reply(job_id, replayed));
    }
    let organizers = state.store.organizers_of(&booking_ids).await?;
    let right = match action {
        BulkAction::Refund => Right::Money,
        BulkAction::Cancel | BulkAction::Resend => Right::Sell,
    };
    if organizers.len() < booking_ids.len() {
        return Err(not_found());
    }
    if !organizers
        .iter()
        .all(|organizer| caller.may(right, *organizer))
    {
        return Err(not_found());
    }
    let organizers: BTreeSet<_> = organizers.into_iter().collect();
    let mut organizers = organizers.into_iter();
    let (Some(organizer), None) = (organizers.next(), organizers.next()) else {
        return Err(ApiError::invalid_field(
            "booking_ids",
            "SEVERAL_ORGANIZATIONS",
        ));
    };
    let object = format!("organization:{organizer}");
    let entry = AuditEntry::new(&caller, Some(organizer.into()), object);
    // The job has the ids, and each booking that it changes an entry of its own: all of them in one are more than it takes.
    let asked = entry.clone();
    let asked = asked.with(json!({ "action": action, "count": booking_ids.len() }));
    let asked_by = keyed.stored();
    let job = BulkBookings {
        key: match asked_by {
            Some(key) => format!("{}:{}", key.scope, key.digest),
            None => Uuid::now_v7().to_string(),
        },
        organization_id: organizer.into(),
        may_refund: caller.may(Right::Money, organizer),
        action,
        reason,
        booking_ids,
        audit: entry,
    };
    let job = row(&job, &state.proofs);
    let once = state.store.queue_asked(&job, asked, asked_by).await?;
    state.jobs.wake();
    let (job_id, replayed) = idempotency::made(once)?;
    Ok(written_reply(job_id, replayed))
}

fn written_reply(job_id: i64, replayed: bool) -> Reply<JobWritten> {
    let reply = Reply::accepted("JOB_WRITTEN", JobWritten { job_id });
    let reply = reply.at(&format!("/api/v1/jobs/{job_id}"));
    idempotency::replayed(reply, replayed)
}
