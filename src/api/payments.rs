//! Paying a booking: `POST /bookings/{id}/payment`, and what Stripe tells: `POST /webhooks/stripe`.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::ApiState;
use super::bookings::{ProofToken, is_visible, not_found};
use super::envelope::{Envelope, Failure, Reply};
use super::error::{ApiError, ApiResult};
use super::extract::{At, Body, header_text};
use super::fields::{Fields, Input};
use crate::auth::Caller;
use crate::config::rest::METHOD_CHARS_MAX;
use crate::lang::Lang;
use crate::metrics;
use crate::payments::hear::ProviderEvent;
use crate::payments::{Started, demo};
use crate::schema;
use crate::store::payments::Heard;
use crate::ticketing::payment::{Attempt, PaymentState, ProviderName};
use crate::ticketing::record::{BookingStatus, Money};
use crate::ticketing::refusal::Refusal;
use crate::ticketing::{BookingId, PaymentId};

/// The way to pay.
#[derive(ToSchema)]
#[schema(example = json!({"return_url": "/bookings"}))]
pub(super) struct PaymentWish {
    /// The server's usual one where none is named.
    provider: Option<ProviderName>,
    /// As the provider names it; for staff, what they are asked to take.
    #[schema(schema_with = schema::method, required = false)]
    method: Option<String>,
    /// Where the provider sends the buyer's browser in the end: a path here, or an address with http or https.
    #[schema(schema_with = schema::return_url, required = false)]
    return_url: Option<String>,
}

impl Input for PaymentWish {
    fn read(fields: &mut Fields) -> Option<PaymentWish> {
        let choices = ProviderName::ALL.map(|name| (name.as_str(), name));
        let provider = fields.choice("provider", &choices);
        let method = fields.filled_text("method", METHOD_CHARS_MAX);
        let return_url = fields.url("return_url");
        Some(PaymentWish {
            provider,
            method,
            return_url,
        })
    }
}

/// An attempt to pay, and what its buyer has to do now.
#[derive(Serialize, ToSchema)]
pub(super) struct PaymentData {
    #[schema(value_type = uuid::Uuid)]
    attempt: PaymentId,
    provider: ProviderName,
    status: PaymentState,
    amount: Money,
    /// With Stripe: what its elements in the browser need.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
    /// With Stripe: the key that browsers use.
    #[serde(skip_serializing_if = "Option::is_none")]
    publishable_key: Option<String>,
    /// Where the buyer goes to pay.
    #[serde(skip_serializing_if = "Option::is_none")]
    redirect_url: Option<String>,
    /// Instructions, where staff take the money: the reference to name, the amount, and the organizer's own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    instructions: Option<String>,
    /// Why the last card was declined.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
    /// The booking's deadline; null where it is confirmed and paid again.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    server_time: Timestamp,
}

/// Begin to pay a booking
///
/// Answers the attempt that is live, or makes one. One that is live by another way than is asked for is let go first, as long
/// as it has taken no money. Its amount is the booking's total. A card that is declined leaves it
/// live: another one may be tried. Where less than five minutes are left, the deadline moves to five minutes from now,
/// once. The booking is confirmed when the provider says that the money is there, never by this request. A confirmed booking whose
/// money did not come (`payment.owed`) is paid again, with no deadline.
#[utoipa::path(
    post, path = "/bookings/{id}/payment", tag = "payments", request_body = PaymentWish,
    params(("id" = Uuid, Path)),
    responses(
        (status = 201, description = "Go on as it says", body = Envelope<PaymentData>),
        (status = 404, description = "`BOOKING_NOT_FOUND`: there is none, or it is somebody else's", body = Failure),
        (status = 409, description = "`INVALID_TRANSITION {from}`: it is not held any more and owes nothing, or costs nothing", body = Failure),
        (status = 422, description = "`VALIDATION_FAILED`, `PROVIDER_UNKNOWN`, `OFFLINE_NOT_ALLOWED`, `PAYMENT_REFUSED`: the provider does not want \
            it", body = Failure),
        (status = 503, description = "`UNAVAILABLE`: come again after `Retry-After`", body = Failure),
    )
)]
pub(super) async fn pay(
    State(state): State<ApiState>,
    caller: Caller,
    At(id): At<BookingId>,
    ProofToken(token): ProofToken,
    headers: HeaderMap,
    body: Body<PaymentWish>,
) -> ApiResult<Reply<PaymentData>> {
    let found = state.store.booking_belongs(id).await?;
    let found = found.filter(|found| is_visible(&state, found, &caller, token.as_deref()));
    found.ok_or_else(not_found)?;
    let PaymentWish {
        provider,
        method,
        return_url,
    } = body.input;
    let started = state
        .payments
        .start(id, provider, method.as_deref(), return_url.as_deref())
        .await?;
    let (attempt, hold) = match started {
        Started::Attempt(attempt, hold) => (*attempt, hold),
        Started::NoBooking => return Err(not_found()),
        Started::NotPayable(from) => {
            return Err(Refusal::InvalidTransition {
                from,
                to: BookingStatus::Confirmed,
                used: false,
                started: false,
            }
            .into());
        }
        Started::NoTerms => return Err(refused("OFFLINE_NOT_ALLOWED")),
        Started::NoProvider => return Err(refused("PROVIDER_UNKNOWN")),
        Started::Refused(_) => return Err(refused("PAYMENT_REFUSED")),
    };
    let instructions = instructions(&state, &attempt, &hold.reference).await?;
    let stripe = state.payments.providers().stripe.as_ref();
    let of_stripe = attempt.provider == ProviderName::Stripe;
    let key = stripe
        .filter(|_| of_stripe)
        .and_then(|stripe| stripe.publishable_key());
    // The demo's page cannot know in which language its buyer read until now.
    let speaks =
        headers.contains_key(header::ACCEPT_LANGUAGE) && attempt.provider == ProviderName::Demo;
    let redirect_url = attempt.redirect_url.map(|address| match speaks {
        true => demo::in_language(&address, Lang::of(&headers)),
        false => address,
    });
    Ok(Reply::created(
        "PAYMENT_STARTED",
        PaymentData {
            attempt: attempt.id,
            provider: attempt.provider,
            status: attempt.state,
            instructions,
            client_secret: attempt.client_secret.filter(|_| of_stripe),
            publishable_key: key.map(str::to_owned),
            redirect_url,
            failure: attempt.failure,
            amount: attempt.amount,
            expires_at: hold.expires_at,
            server_time: hold.moment(),
        },
    ))
}

fn refused(code: &'static str) -> ApiError {
    ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, code)
}

/// For a buyer who pays to staff: what to name, how much, and how the organizer wants to be paid.
async fn instructions(
    state: &ApiState,
    attempt: &Attempt,
    reference: &str,
) -> ApiResult<Option<String>> {
    if attempt.provider != ProviderName::Offline {
        return Ok(None);
    }
    let amount = format!("{} {}", attempt.amount.shown(), attempt.amount.currency);
    let mut text = format!("{reference} · {amount}");
    if attempt.pay_by.is_some() {
        let terms = state.store.payment_terms(attempt.event_id).await?;
        let terms = terms.map(|terms| terms.instructions);
        if let Some(terms) = terms.filter(|terms| !terms.is_empty()) {
            text.push('\n');
            text.push_str(&terms);
        }
    }
    Ok(Some(text))
}

/// The answer to a webhook: empty, since providers read only its status.
#[derive(Serialize, ToSchema)]
pub(super) struct Taken {
    /// It had been taken in before.
    double: bool,
}

/// As Stripe sends it; read as raw bytes, since they are what is signed.
#[derive(ToSchema)]
#[schema(example = json!({"id": "evt_1", "type": "payment_intent.succeeded"}))]
#[expect(dead_code, reason = "describes the body; `StripeEvent` reads it")]
pub(super) struct StripeBody {
    #[schema(schema_with = schema::name)]
    id: String,
    #[schema(schema_with = schema::name)]
    r#type: String,
}

/// An event of Stripe
///
/// The signature (`Stripe-Signature`, of the raw body) is checked. An event is taken in once, and only tells which attempt
/// to look at: what Stripe has is then asked. One about a payment that is not known yet is answered 503, so that it comes
/// again.
#[utoipa::path(
    post, path = "/webhooks/stripe", tag = "payments",
    request_body(content = StripeBody, description = "As Stripe sends it"),
    responses(
        (status = 200, description = "Taken in, now or before, or of no interest here", body = Envelope<Taken>),
        (status = 400, description = "`BAD_SIGNATURE`: not signed by Stripe, or too old", body = Failure),
        (status = 503, description = "`UNKNOWN_PAYMENT`, `UNAVAILABLE`: come again", body = Failure),
    )
)]
pub(super) async fn stripe(
    State(state): State<ApiState>,
    headers: HeaderMap,
    body: Bytes,
) -> ApiResult<Reply<Taken>> {
    let signature = header_text(&headers, &super::STRIPE_SIGNATURE).unwrap_or_default();
    let stripe = state.payments.providers().stripe.as_ref();
    let event = stripe.and_then(|stripe| stripe.webhook(signature, &body, state.desk.now()));
    let Some(event) = event else {
        metrics::WEBHOOKS.one("bad_signature");
        return Err(ApiError::bad_request("BAD_SIGNATURE"));
    };
    if event.intent().is_empty() && event.attempt().is_none() {
        metrics::WEBHOOKS.one("of_no_interest");
        return Ok(Reply::ok("WEBHOOK_TAKEN", Taken { double: false }));
    }
    let heard = state
        .payments
        .hear(&ProviderEvent {
            provider: ProviderName::Stripe,
            id: &event.id,
            kind: &event.kind,
            provider_ref: event.intent(),
            attempt: event.attempt(),
            is_after_sale: event.is_after_sale(),
        })
        .await?;
    metrics::WEBHOOKS.one(match heard {
        Heard::Taken => "taken",
        Heard::Double => "double",
        Heard::Unknown => "unknown",
    });
    match heard {
        Heard::Unknown => Err(ApiError::unavailable("UNKNOWN_PAYMENT", 30)),
        Heard::Taken | Heard::Double => {
            let double = heard == Heard::Double;
            Ok(Reply::ok("WEBHOOK_TAKEN", Taken { double }))
        }
    }
}
