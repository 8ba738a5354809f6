//! Payments that wait for a person: `GET /payments?state=needs_review`, `POST /payments/{id}/review`. Jobs that do are in
//! `jobs.rs`.

use axum::extract::State;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::envelope::{Envelope, Failure, Reply};
use super::error::{ApiError, ApiResult};
use super::extract::{At, Body, Query};
use super::fields::{Fields, Input};
use super::page::{self, Page, RequestedUri};
use super::refunds::{not_given, with_revision};
use crate::auth::{Caller, Right};
use crate::config::rest::REASON_CHARS_MAX;
use crate::desk::{Change, DeskError};
use crate::payments::give_back::{NotGiven, RefundOrder, give_back, with_cancellation};
use crate::schema;
use crate::store::audit_trail::AuditEntry;
use crate::store::bookings::Name;
use crate::store::refunds::DECIDED;
use crate::store::refunds::RefundState;
use crate::store::reviews::PaymentForReview;
use crate::ticketing::payment::{Attempt, PaymentState, ProviderName};
use crate::ticketing::record::{BookingStatus, Money};
use crate::ticketing::refund::RefundWish;
use crate::ticketing::refusal::Refusal;
use crate::ticketing::review::{Decision, possible};
use crate::ticketing::transition::{Canceller, Transition};
use crate::ticketing::{BookingId, EventId, PaymentId};

/// The things that are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ToSchema)]
#[schema(rename_all = "snake_case")]
pub(super) enum Waiting {
    /// Those that wait for a person.
    NeedsReview,
}

const STATES: [(&str, Waiting); 1] = [("needs_review", Waiting::NeedsReview)];

/// Selection of jobs.
#[derive(Debug, Clone, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ReviewList {
    /// The only list that there is.
    #[param(inline)]
    #[expect(dead_code, reason = "it has one value")]
    state: Option<Waiting>,
    #[param(ignore)]
    pub(super) page: Page,
}

impl Input for ReviewList {
    fn read(fields: &mut Fields) -> Option<ReviewList> {
        let state = fields.choice("state", &STATES);
        let page = Page::read(fields)?;
        Some(ReviewList { state, page })
    }
}

/// Selection of payments.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct WhichPayments {
    /// The only list that there is.
    #[param(inline)]
    #[expect(dead_code, reason = "it has one value")]
    state: Option<Waiting>,
    /// Those of this event alone.
    event_id: Option<EventId>,
    /// Those of this booking alone.
    #[param(value_type = Option<uuid::Uuid>)]
    booking_id: Option<BookingId>,
    #[param(ignore)]
    page: Page,
}

impl Input for WhichPayments {
    fn read(fields: &mut Fields) -> Option<WhichPayments> {
        let state = fields.choice("state", &STATES);
        let event_id = fields.id("event_id");
        let booking_id = fields.uuid("booking_id").map(BookingId);
        let page = Page::read(fields)?;
        Some(WhichPayments {
            state,
            event_id,
            booking_id,
            page,
        })
    }
}

/// A payment that waits for a person.
#[derive(Serialize, ToSchema)]
pub(super) struct PaymentToReview {
    #[schema(value_type = uuid::Uuid)]
    id: PaymentId,
    #[schema(value_type = uuid::Uuid)]
    booking_id: BookingId,
    #[schema(example = "BK-7F3K9Q")]
    reference: String,
    booking_status: BookingStatus,
    event_id: EventId,
    provider: ProviderName,
    /// The provider's name for it.
    provider_ref: Option<String>,
    /// `captured`: its money came.
    state: PaymentState,
    amount: Money,
    /// Refunds, made or about to be: without those that failed and wait as well.
    refunded: Money,
    /// Why somebody has to look, the newest reason first.
    #[schema(example = json!(["money was given back at the provider, and not by us"]))]
    reasons: Vec<String>,
    /// Reasons that there ever were: a decision says up to which it has read them.
    reason_count: i32,
    /// Decisions that the payment allows.
    decisions: Vec<Decision>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

fn decisions(of: &PaymentForReview) -> Vec<Decision> {
    let Attempt {
        captured_amount,
        refunded_amount,
        ..
    } = of.attempt;
    let left = captured_amount - (refunded_amount - of.stuck_amount) - of.lost_amount;
    let is_gone = of.is_rivalled || of.attempt.owed;
    possible(of.attempt.state, of.booking, left, is_gone)
}

impl From<PaymentForReview> for PaymentToReview {
    fn from(of: PaymentForReview) -> PaymentToReview {
        let decisions = decisions(&of);
        let attempt = of.attempt;
        PaymentToReview {
            id: attempt.id,
            booking_id: attempt.booking_id,
            reference: of.reference,
            booking_status: of.booking,
            event_id: attempt.event_id,
            provider: attempt.provider,
            provider_ref: attempt.provider_ref,
            state: attempt.state,
            refunded: Money {
                amount: attempt.refunded_amount - of.stuck_amount,
                currency: attempt.amount.currency.clone(),
            },
            amount: attempt.amount,
            reasons: of.reasons,
            reason_count: of.reason_count,
            decisions,
            created_at: attempt.created_at,
        }
    }
}

/// Payments that wait for a person, the oldest first
///
/// Of the organizations whose money the caller keeps; admins see all. Of an event or a booking that is not theirs the list is
/// empty.
#[utoipa::path(
    get, path = "/payments", tag = "payments", params(WhichPayments, Page),
    responses((status = 200, body = Envelope<Vec<PaymentToReview>>, headers(("X-Total-Count" = i64), ("Link" = String))))
)]
pub(super) async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    Query(which): Query<WhichPayments>,
    asked: RequestedUri,
) -> ApiResult<Reply<Vec<PaymentToReview>>> {
    let page = &which.page;
    let after = page.after_id("payments")?;
    let own = match caller.is_admin() {
        true => None,
        false => Some(caller.organizations_with(Right::Money)),
    };
    let (rows, total) = state
        .store
        .payments_for_review(
            own.as_deref(),
            (which.event_id, which.booking_id),
            after,
            (page.rows_wanted(), page.offset),
        )
        .await?;
    let rows: Vec<_> = rows.into_iter().map(PaymentToReview::from).collect();
    let (said, asked) = ("PAYMENTS_FOR_REVIEW", (page, &asked));
    Ok(page::by_id(said, "payments", (rows, total), asked, |row| {
        row.id
    }))
}

/// The decision that was made.
#[derive(ToSchema)]
#[schema(example = json!({"decision": "accept", "reason_count": 1, "note": "Agreed with the buyer on the telephone"}))]
pub(super) struct ReviewVerdict {
    decision: Decision,
    /// Of the list: a reason that came later is not decided about. It may be left out where there is one reason only.
    #[schema(minimum = 0, maximum = 2147483647, required = false)]
    reason_count: Option<i64>,
    /// For the audit trail. Nothing personal.
    #[schema(schema_with = schema::reason, required = false)]
    note: Option<String>,
}

impl Input for ReviewVerdict {
    fn read(fields: &mut Fields) -> Option<ReviewVerdict> {
        fields.require(&["decision"]);
        let decision = fields.choice("decision", &Decision::ALL);
        let reason_count = fields.integer("reason_count", 0..=i32::MAX.into());
        let note = fields.text("note", REASON_CHARS_MAX);
        Some(ReviewVerdict {
            decision: decision?,
            reason_count,
            note,
        })
    }
}

/// The decision that was carried out.
#[derive(Serialize, ToSchema)]
pub(super) struct Decided {
    decision: Decision,
}

/// Decide about a payment that waits for a person
///
/// `accept`: all stays as it is, an attempt whose money did not come ends, and so does a refund that failed: its amount can be
/// given back another time. `refund`: what is left goes back, and the
/// tickets become void. `cancel`: the booking is cancelled, and what was paid for it otherwise goes back. `retry`: the provider is asked again. The
/// list says which of them are possible.
#[utoipa::path(
    post, path = "/payments/{id}/review", tag = "payments", request_body = ReviewVerdict, params(("id" = Uuid, Path)),
    responses(
        (status = 200, description = "It is off the list", body = Envelope<Decided>,
            headers(("X-Event-Revision" = i64))),
        (status = 404, description = "`PAYMENT_NOT_FOUND`: there is none that waits, or it is somebody else's", body = Failure),
        (status = 409, description = "`REASONS_UNREAD {reasons, reason_count}`: one came after those \
            that were read; `DECISION_IMPOSSIBLE {possible}`, `NOT_REFUNDABLE {used}`, `INVALID_TRANSITION`; \
            `REFUND_FAILED`: the provider did not take it; `MONEY_AT_PROVIDER {amount}`: give it back there first", body = Failure),
        (status = 422, description = "`VALIDATION_FAILED`", body = Failure),
        (status = 503, description = "`BUSY`, `TOO_LATE`, `UNAVAILABLE`, `STORAGE_FULL`: come again after `Retry-After`",
            body = Failure),
    )
)]
pub(super) async fn decide(
    State(state): State<ApiState>,
    caller: Caller,
    At(id): At<PaymentId>,
    body: Body<ReviewVerdict>,
) -> ApiResult<Reply<Decided>> {
    let none = || ApiError::not_found("PAYMENT_NOT_FOUND");
    let ReviewVerdict {
        decision,
        reason_count,
        note,
    } = body.input;
    let note = note.unwrap_or_default();
    let found = state.store.payment_for_review(id).await?;
    let found = found.filter(|found| caller.may(Right::Money, found.organizer));
    let mut of = found.ok_or_else(none)?;
    let read_up_to = match (reason_count, &of.reasons[..]) {
        (Some(count), _) => count,
        (None, [_]) => of.reason_count.into(),
        (None, _) => return Err(unread(&of)),
    };
    if read_up_to != i64::from(of.reason_count) {
        return Err(unread(&of));
    }
    if decision == Decision::Refund {
        state.store.give_up_refunds(id).await?;
        of = (state.store.payment_for_review(id).await?).ok_or_else(none)?;
        if read_up_to != i64::from(of.reason_count) {
            return Err(unread(&of));
        }
    }
    let impossible = |of: &PaymentForReview| {
        ApiError::conflict("DECISION_IMPOSSIBLE").with("possible", json!(decisions(of)))
    };
    if !decisions(&of).contains(&decision) {
        return Err(impossible(&of));
    }
    let ends = matches!(decision, Decision::Accept | Decision::Cancel);
    if ends
        && of.attempt.state == PaymentState::NeedsReview
        && let Some(amount) = state.payments.let_go(&of.attempt).await?
    {
        return Err(ApiError::conflict("MONEY_AT_PROVIDER").with("amount", json!(amount)));
    }
    match decision {
        Decision::Refund => refund(&state, &caller, &of).await?,
        Decision::Cancel => cancel(&state, &caller, &of, &note).await?,
        Decision::Accept | Decision::Retry => {}
    }
    let decided = state.store.decide_payment(&caller, &of, decision, &note);
    if !decided.await? {
        // Something has changed since it was read.
        let now = state.store.payment_for_review(id).await?;
        return Err(match now {
            None => none(),
            Some(now) if now.reason_count != of.reason_count => unread(&now),
            Some(now) => impossible(&now),
        });
    }
    state.jobs.wake();
    let reply = Reply::ok("PAYMENT_DECIDED", Decided { decision });
    with_revision(&state, of.attempt.event_id, reply).await
}

/// The refusal of a decision that was made without reading all reasons.
fn unread(of: &PaymentForReview) -> ApiError {
    ApiError::conflict("REASONS_UNREAD")
        .with("reasons", json!(of.reasons))
        .with("reason_count", of.reason_count)
}

async fn refund(state: &ApiState, caller: &Caller, of: &PaymentForReview) -> ApiResult<()> {
    let attempt = &of.attempt;
    // The same decision, taken again after this node died at it, is the same refund.
    let failed = state.store.failed_refunds(attempt.id).await?;
    let key = format!("review:{}:{failed}", attempt.id);
    let wish = RefundOrder {
        booking: attempt.booking_id,
        payment: Some(attempt.id),
        wish: RefundWish::All,
        reason: DECIDED,
        key: &key,
        audit: Some(AuditEntry::of_booking(
            caller,
            of.organizer,
            attempt.booking_id,
        )),
        asked: None,
    };
    match give_back(&state.store, &state.payments, wish).await? {
        Ok(refund) if refund.state.is_open() || refund.state == RefundState::Succeeded => Ok(()),
        Ok(_) => Err(ApiError::conflict("REFUND_FAILED")),
        Err(NotGiven::Exceeds { left }) if left.amount == 0 => Ok(()),
        Err(refusal) => Err(not_given(refusal)),
    }
}

async fn cancel(
    state: &ApiState,
    caller: &Caller,
    of: &PaymentForReview,
    note: &str,
) -> ApiResult<()> {
    let attempt = &of.attempt;
    let cancel = Transition::Cancel {
        by: Canceller::Staff,
        reason: (!note.is_empty()).then(|| note.to_owned()),
        as_unpaid: false,
    };
    let mut change = Change::new(attempt.event_id, attempt.booking_id, cancel);
    // It may be paid otherwise, by another attempt or at the desk, also in this moment: that goes back.
    let found = state.store.booking(Name::Id(attempt.booking_id)).await?;
    if let Some(found) = found {
        change.with = with_cancellation(&found.booking, None);
    }
    let entry = AuditEntry::of_booking(caller, of.organizer, attempt.booking_id);
    change.with.audit = Some(entry.with(json!({ "status": "cancelled" })));
    match state.desk.change(change).await {
        Ok(_) => Ok(()),
        // It ended meanwhile.
        Err(DeskError::Refused(Refusal::InvalidTransition {
            from: BookingStatus::Expired | BookingStatus::Refunded,
            ..
        })) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
