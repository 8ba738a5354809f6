//! Stripe: PaymentIntents over its REST API. Cards are authorised first, and captured once the booking is sold.
//!
//! Requests that could be done twice have an idempotency key made of the attempt's or the refund's id, so one that is sent
//! again is the same one. Stripe keeps the answer under a key for a day, also where it is an error of its own. Webhooks are
//! not believed: they only tell which attempt to look at, and their signature that it is worth looking.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use jiff::{SignedDuration, Timestamp};
use reqwest::{Client, Method, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::refunds::provider_key;
use super::{Provider, ProviderError, Returned};
use crate::clock::database_now;
use crate::config::StripeConfig;
use crate::config::inside::{PROVIDER_TIMEOUT_S, WEBHOOK_TOLERANCE_S};
use crate::outgoing;
use crate::store::refunds::Refund;
use crate::ticketing::PaymentId;
use crate::ticketing::movement::{
    DisputeState, DisputeTransfer, Going, Movements, ProviderDispute, ProviderFee, ProviderRefund,
};
use crate::ticketing::payment::{Attempt, Buyer, Charge, ChargeStatus};

/// The version of the API that this was written for.
const VERSION: &str = "2025-03-31.basil";
/// Parts of an intent that are read with it: without them it names the charge alone.
const CHARGE_AND_FEE: &str = "latest_charge.balance_transaction";
/// Bytes of an answer that are read.
const ANSWER_BYTES_MAX: usize = 512 * 1024;

/// The means of payment where none is named, by Stripe's name.
pub(crate) const CARD: &str = "card";
/// Means of payment that Stripe can authorise now and capture later, by its names; with others the money is taken at once.
const AUTHORIZED_FIRST: [&str; 9] = [
    CARD,
    "affirm",
    "afterpay_clearpay",
    "amazon_pay",
    "cashapp",
    "klarna",
    "link",
    "mobilepay",
    "revolut_pay",
];

/// Currencies without decimals of which Stripe has hundredths nevertheless, which are always 0: 100 is one króna. All other
/// amounts are in the same units there and here.
const IN_HUNDREDTHS: [&str; 2] = ["ISK", "UGX"];

/// How long the answer under a key is sure to be kept: Stripe forgets it after a day.
const KEY_IS_KEPT: SignedDuration = SignedDuration::from_hours(12);
/// Objects on a page of a list.
const PAGE_MAX: usize = 100;
/// Pages of the movements of one payment.
const PAGES_MAX: usize = 50;
/// Events that tell of money which was taken before.
const AFTER_SALE: [&str; 10] = [
    "charge.refunded",
    "charge.refund.updated",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
];

/// Why Stripe cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("the connection to Stripe cannot be set up")]
pub struct StripeSetupError(#[source] Box<dyn std::error::Error + Send + Sync>);

#[derive(Clone)]
pub struct Stripe(Arc<StripeInner>);

struct StripeInner {
    client: Client,
    base: String,
    secret_key: String,
    publishable_key: Option<String>,
    /// Any of them may have signed a webhook: two, while one replaces the other.
    webhook_secrets: Vec<String>,
}

impl Stripe {
    /// `None` without a key.
    pub fn new(config: &StripeConfig) -> Result<Option<Stripe>, StripeSetupError> {
        let Some(secret_key) = config.secret_key.clone().filter(|key| !key.is_empty()) else {
            return Ok(None);
        };
        let timeout = Duration::from_secs(PROVIDER_TIMEOUT_S);
        let client = outgoing::client(timeout).map_err(StripeSetupError)?;
        let secrets = config.webhook_secret.as_deref().unwrap_or_default();
        let secrets = secrets.split(',').map(str::trim);
        Ok(Some(Stripe(Arc::new(StripeInner {
            client,
            base: config.api_base.trim_end_matches('/').to_owned(),
            secret_key,
            publishable_key: config.publishable_key.clone(),
            webhook_secrets: secrets
                .filter(|secret| !secret.is_empty())
                .map(str::to_owned)
                .collect(),
        }))))
    }

    /// The key that browsers may have.
    pub fn publishable_key(&self) -> Option<&str> {
        self.0.publishable_key.as_deref()
    }

    /// The event in a webhook's body, if Stripe signed it lately.
    pub fn webhook(&self, signature: &str, body: &[u8], now: Timestamp) -> Option<StripeEvent> {
        let secrets = self.0.webhook_secrets.iter();
        let mut secrets = secrets.map(|secret| secret.as_bytes());
        secrets
            .any(|secret| is_signed(signature, body, secret, now))
            .then(|| serde_json::from_slice(body).ok())
            .flatten()
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        key: Option<String>,
        form: &[(&str, String)],
    ) -> Result<Value, ProviderError> {
        let answer = self.say(method, path, key, form).await;
        answer.map_err(|failed| failed.error)
    }

    async fn say(
        &self,
        method: Method,
        path: &str,
        key: Option<String>,
        form: &[(&str, String)],
    ) -> Result<Value, StripeFailed> {
        let StripeInner {
            client,
            base,
            secret_key,
            ..
        } = &*self.0;
        let mut request = client
            .request(method.clone(), format!("{base}{path}"))
            .bearer_auth(secret_key)
            .header("Stripe-Version", VERSION);
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        if method == Method::POST {
            request = request.form(form);
        }
        let answer = request.send().await.map_err(unanswered)?;
        let (status, again) = (answer.status(), says(&answer, "Stripe-Should-Retry"));
        let is_kept = status.is_server_error() && says(&answer, "Idempotent-Replayed");
        let body = read(answer).await?;
        match status.is_success() {
            true => Ok(body),
            false => Err(StripeFailed {
                error: refusal(status, again, &body),
                is_kept,
            }),
        }
    }

    /// Makes something that does no harm if nobody is told of it: it is made once more, under another key, where Stripe keeps
    /// an error of its own under the first.
    async fn make(
        &self,
        path: &str,
        key: String,
        form: &[(&str, String)],
    ) -> Result<Value, ProviderError> {
        let again = format!("{key}:again");
        match self.say(Method::POST, path, Some(key), form).await {
            Err(StripeFailed { is_kept: true, .. }) => {}
            answered => return answered.map_err(|failed| failed.error),
        }
        match self.say(Method::POST, path, Some(again), form).await {
            Err(StripeFailed {
                is_kept: true,
                error,
            }) => Err(ProviderError::Refused(error.to_string())),
            answered => answered.map_err(|failed| failed.error),
        }
    }

    /// Makes a refund of this intent, once: a request whose answer was an error, or was lost, may have made it.
    async fn make_refund(&self, intent: &str, refund: &Refund) -> Result<Value, ProviderError> {
        let age = refund.created_at.duration_until(database_now());
        if age >= KEY_IS_KEPT
            && let Some(made) = self.made_refund(intent, refund).await?
        {
            return Ok(made);
        }
        let form = [
            ("payment_intent", intent.to_owned()),
            ("amount", told(refund.amount, &refund.currency).to_string()),
            ("metadata[refund]", refund.id.to_string()),
        ];
        let key = provider_key(refund);
        match self
            .say(Method::POST, "/v1/refunds", Some(key), &form)
            .await
        {
            Err(StripeFailed {
                is_kept: true,
                error,
            }) => {
                // Under another key it might be made twice: what Stripe has begun it may still end.
                let made = self.made_refund(intent, refund).await?;
                made.ok_or(error)
            }
            answered => answered.map_err(|failed| failed.error),
        }
    }

    async fn made_refund(
        &self,
        intent: &str,
        refund: &Refund,
    ) -> Result<Option<Value>, ProviderError> {
        let ours = refund.id.to_string();
        let mut all = self.all("/v1/refunds", intent).await?.into_iter();
        Ok(all.find(|one| one["metadata"]["refund"] == ours))
    }

    /// The intent as it is.
    async fn intent(&self, reference: &str) -> Result<Intent, ProviderError> {
        let path = format!("/v1/payment_intents/{reference}?expand[]={CHARGE_AND_FEE}");
        parsed(self.ask(Method::GET, &path, None, &[]).await?)
    }

    /// All refunds, or disputes, of an intent.
    async fn all(&self, path: &str, intent: &str) -> Result<Vec<Value>, ProviderError> {
        let of = format!("{path}?payment_intent={intent}&limit={PAGE_MAX}");
        let no_list = || ProviderError::Unanswered("the answer is no list".to_owned());
        let mut all: Vec<Value> = Vec::new();
        for _ in 0..PAGES_MAX {
            let path = match all.last() {
                None => of.clone(),
                Some(last) => {
                    let last = last["id"].as_str().ok_or_else(no_list)?;
                    format!("{of}&starting_after={last}")
                }
            };
            let mut body = self.ask(Method::GET, &path, None, &[]).await?;
            let Value::Array(data) = body["data"].take() else {
                return Err(no_list());
            };
            let is_last = body["has_more"] != true || data.is_empty();
            all.extend(data);
            if is_last {
                return Ok(all);
            }
        }
        Err(ProviderError::Refused(format!(
            "it has more than {} movements of one payment",
            all.len()
        )))
    }

    /// Events of refunds and disputes since then, the newest first; after the event `after`.
    pub(crate) async fn later_events(
        &self,
        since_s: i64,
        after: Option<&str>,
    ) -> Result<LaterEvents, ProviderError> {
        let mut path = format!("/v1/events?limit={PAGE_MAX}&created[gte]={since_s}");
        for kind in AFTER_SALE {
            path.push_str("&types[]=");
            path.push_str(kind);
        }
        if let Some(after) = after {
            path.push_str("&starting_after=");
            path.push_str(after);
        }
        let body = self.ask(Method::GET, &path, None, &[]).await?;
        serde_json::from_value(body)
            .map_err(|error| ProviderError::Unanswered(format!("the answer is no list: {error}")))
    }
}

/// A page of events.
#[derive(Debug, Deserialize)]
pub(crate) struct LaterEvents {
    pub(crate) data: Vec<StripeEvent>,
    pub(crate) has_more: bool,
}

/// An event of a webhook: of which attempt it is.
#[derive(Debug, Clone, Deserialize)]
pub struct StripeEvent {
    pub id: String,
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub(crate) created: i64,
    data: StripeEventData,
}

#[derive(Debug, Clone, Deserialize)]
struct StripeEventData {
    object: Value,
}

impl StripeEvent {
    /// The intent that it is about; empty if it is about none.
    pub fn intent(&self) -> &str {
        let object = &self.data.object;
        let name = match object["object"].as_str() {
            Some("payment_intent") => &object["id"],
            _ => &object["payment_intent"],
        };
        name.as_str().unwrap_or_default()
    }

    /// Whether it tells of money that was taken before: a refund or a dispute.
    pub fn is_after_sale(&self) -> bool {
        AFTER_SALE.contains(&&*self.kind)
    }

    /// The attempt that we wrote into it.
    pub fn attempt(&self) -> Option<PaymentId> {
        self.data.object["metadata"]["payment"]
            .as_str()?
            .parse()
            .ok()
    }
}

/// A signature as Stripe makes it, at this time in seconds of Unix time: for stand-ins of Stripe.
pub(crate) fn signature(at_s: u64, body: &[u8], secret: &[u8]) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else {
        return String::new();
    };
    mac.update(format!("{at_s}.").as_bytes());
    mac.update(body);
    let digits = mac.finalize().into_bytes();
    let hex: String = digits.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={at_s},v1={hex}")
}

fn is_signed(signature: &str, body: &[u8], secret: &[u8], now: Timestamp) -> bool {
    let part = |name: &'static str| {
        signature.split(',').filter_map(move |part| {
            let (key, value) = part.trim().split_once('=')?;
            (key == name).then_some(value)
        })
    };
    let Some(at) = part("t").next() else {
        return false;
    };
    let is_fresh = at
        .parse::<i64>()
        .is_ok_and(|at| now.as_second().abs_diff(at) <= WEBHOOK_TOLERANCE_S);
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else {
        return false;
    };
    mac.update(at.as_bytes());
    mac.update(b".");
    mac.update(body);
    is_fresh
        && part("v1").any(|hex| {
            let given = unhex(hex);
            given.is_some_and(|given| mac.clone().verify_slice(&given).is_ok())
        })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .bytes()
        .map(|digit| Some(char::from(digit).to_digit(16)? as u8))
        .collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    Some(
        digits
            .chunks(2)
            .map(|pair| pair[0] << 4 | pair[1])
            .collect(),
    )
}

fn unanswered(error: reqwest::Error) -> ProviderError {
    // Without its address, which may have a name that is nobody's business.
    ProviderError::Unanswered(error.without_url().to_string())
}

/// Why Stripe did not do what it was asked.
struct StripeFailed {
    error: ProviderError,
    /// It failed before under the same key, and answers so for a day.
    is_kept: bool,
}

impl From<ProviderError> for StripeFailed {
    fn from(error: ProviderError) -> StripeFailed {
        StripeFailed {
            error,
            is_kept: false,
        }
    }
}

fn says(answer: &reqwest::Response, header: &str) -> bool {
    let header = answer.headers().get(header);
    header.is_some_and(|value| value == "true")
}

async fn read(answer: reqwest::Response) -> Result<Value, ProviderError> {
    let body = outgoing::body(answer, ANSWER_BYTES_MAX).await;
    let body = body.map_err(|error| ProviderError::Unanswered(error.to_string()))?;
    serde_json::from_slice(&body)
        .map_err(|_| ProviderError::Unanswered("the answer is no JSON".to_owned()))
}

/// 409 (a request with the same key is under way), 429 and 5xx come again; other refusals are final.
fn refusal(status: StatusCode, again: bool, body: &Value) -> ProviderError {
    let error = &body["error"];
    let said = ["code", "message"].map(|part| error[part].as_str().unwrap_or_default());
    let said = format!("{status} {} {}", said[0], said[1]);
    let is_later =
        status.is_server_error() || again || matches!(status.as_u16(), 401 | 403 | 409 | 429);
    match is_later {
        true => ProviderError::Unanswered(said),
        false => ProviderError::Refused(said),
    }
}

#[derive(Deserialize)]
struct Intent {
    id: String,
    status: String,
    amount: i64,
    currency: String,
    #[serde(default)]
    amount_received: i64,
    client_secret: Option<String>,
    #[serde(default)]
    metadata: Value,
    last_payment_error: Option<Value>,
    latest_charge: Option<Value>,
}

fn parsed(body: Value) -> Result<Intent, ProviderError> {
    serde_json::from_value(body)
        .map_err(|error| ProviderError::Unanswered(format!("the answer is no intent: {error}")))
}

impl Intent {
    fn charge(self) -> Charge {
        let status = match self.status.as_str() {
            "processing" => ChargeStatus::Processing,
            "requires_capture" => ChargeStatus::Authorized,
            "succeeded" => ChargeStatus::Captured,
            "canceled" => ChargeStatus::Canceled,
            _ => ChargeStatus::Open,
        };
        let latest = self.latest_charge.unwrap_or_default();
        let currency = self.currency.as_str();
        let failure = self.last_payment_error.unwrap_or_default();
        let failure = failure["decline_code"]
            .as_str()
            .or(failure["code"].as_str());
        Charge {
            provider_ref: self.id,
            status,
            // A part of a króna is no amount of ours: it is told apart from every attempt's.
            amount: match self.amount % units(currency) {
                0 => heard(self.amount, currency),
                _ => 0,
            },
            currency: self.currency.to_ascii_uppercase(),
            attempt: self.metadata["payment"]
                .as_str()
                .and_then(|id| id.parse().ok()),
            captured_amount: heard(self.amount_received, currency),
            fee_amount: fee_of(&latest["balance_transaction"], currency),
            method: latest["payment_method_details"]["type"]
                .as_str()
                .map(|method| method.chars().take(50).collect()),
            client_secret: self.client_secret,
            redirect_url: None,
            failure: failure
                .map(str::to_owned)
                .filter(|_| status == ChargeStatus::Open),
            fee_follows: status == ChargeStatus::Captured
                && latest["balance_transaction"]["fee"].is_null(),
            has_moved: latest["amount_refunded"].as_i64().unwrap_or(0) > 0
                || latest["disputed"].as_bool().unwrap_or(false),
        }
    }
}

/// Stripe's units in one of ours.
fn units(currency: &str) -> i64 {
    let mut all = IN_HUNDREDTHS.iter();
    match all.any(|one| one.eq_ignore_ascii_case(currency)) {
        true => 100,
        false => 1,
    }
}

/// An amount of ours, as Stripe is told it.
fn told(amount: i64, currency: &str) -> i64 {
    amount.saturating_mul(units(currency))
}

/// An amount that Stripe tells, as one of ours. A fee may be of parts that nobody can pay.
fn heard(amount: i64, currency: &str) -> i64 {
    let units = units(currency);
    let half = amount.signum() * (units / 2);
    amount.saturating_add(half) / units
}

/// The fee in the charge's currency. An account that is kept in another one says at which rate it was exchanged.
fn fee_of(transaction: &Value, currency: &str) -> i64 {
    let fee = transaction["fee"].as_i64().unwrap_or(0).max(0);
    let own = transaction["currency"].as_str().unwrap_or(currency);
    let fee = match (
        own.eq_ignore_ascii_case(currency),
        transaction["exchange_rate"].as_f64(),
    ) {
        (true, _) => fee,
        (false, Some(rate)) if rate > 0.0 => (fee as f64 / rate).round() as i64,
        // It cannot be told what it is in this currency.
        (false, _) => 0,
    };
    heard(fee, currency)
}

fn reference(of: &Attempt) -> Result<&str, ProviderError> {
    let missing = || ProviderError::Refused("the attempt has no intent".to_owned());
    of.provider_ref.as_deref().ok_or_else(missing)
}

fn refund_of(object: &Value, currency: &str) -> Option<ProviderRefund> {
    let ours = object["metadata"]["refund"].as_str();
    Some(ProviderRefund {
        provider_ref: object["id"].as_str()?.to_owned(),
        ours: ours.and_then(|id| id.parse().ok()),
        amount: heard(object["amount"].as_i64()?, currency),
        state: match object["status"].as_str()? {
            "succeeded" => Going::Done,
            "failed" | "canceled" => Going::Failed,
            _ => Going::Pending,
        },
    })
}

fn dispute_of(object: &Value, currency: &str) -> Option<ProviderDispute> {
    let amount = heard(object["amount"].as_i64()?, currency);
    let transfers = object["balance_transactions"].as_array();
    let transfers = transfers.into_iter().flatten().filter_map(|transfer| {
        let moved = transfer["amount"].as_i64()?;
        // An account may be kept in another currency than the payment was made in: then its own figures say nothing here.
        let is_same = (transfer["currency"].as_str()?).eq_ignore_ascii_case(currency);
        let fee = transfer["fee"].as_i64().unwrap_or(0);
        Some(DisputeTransfer {
            provider_ref: transfer["id"].as_str()?.to_owned(),
            amount: if is_same {
                heard(moved, currency)
            } else {
                moved.signum() * amount
            },
            fee: if is_same { heard(fee, currency) } else { 0 },
        })
    });
    Some(ProviderDispute {
        provider_ref: object["id"].as_str()?.to_owned(),
        amount,
        state: match object["status"].as_str()? {
            "won" | "warning_closed" | "prevented" => DisputeState::Won,
            "lost" => DisputeState::Lost,
            _ => DisputeState::Open,
        },
        transfers: transfers.collect(),
    })
}

impl Provider for Stripe {
    async fn start(&self, of: &Attempt, customer: Option<&str>) -> Result<Charge, ProviderError> {
        let method = of.method.as_deref().unwrap_or(CARD);
        let capture = match AUTHORIZED_FIRST.contains(&method) {
            true => "manual",
            false => "automatic",
        };
        let mut form = vec![
            (
                "amount",
                told(of.amount.amount, &of.amount.currency).to_string(),
            ),
            ("currency", of.amount.currency.to_ascii_lowercase()),
            ("capture_method", capture.to_owned()),
            ("payment_method_types[0]", method.to_owned()),
            ("metadata[payment]", of.id.to_string()),
            ("metadata[booking]", of.booking_id.to_string()),
        ];
        // Under one key Stripe takes one form.
        let key = match customer {
            Some(customer) => {
                form.push(("customer", customer.to_owned()));
                format!("{}:start", of.id)
            }
            None => format!("{}:start-alone", of.id),
        };
        let made = self.make("/v1/payment_intents", key, &form).await?;
        Ok(parsed(made)?.charge())
    }

    async fn customer(&self, of: &Buyer) -> Result<Option<String>, ProviderError> {
        let mut form = vec![
            ("name", of.name.clone()),
            ("metadata[user]", of.user.to_string()),
        ];
        if let Some(email) = &of.email {
            form.push(("email", email.clone()));
        }
        // Of what is asked for at once by two nodes one customer is made: what they ask is the same, and its key as well.
        let mut hash = Sha256::new();
        for (name, value) in &form {
            hash.update(format!("{name}={value}\n"));
        }
        let hash = URL_SAFE_NO_PAD.encode(hash.finalize());
        let key = format!("customer:{}:{hash}", of.user);
        let made = self.make("/v1/customers", key, &form).await?;
        Ok(made["id"].as_str().map(str::to_owned))
    }

    async fn look(&self, of: &Attempt) -> Result<Charge, ProviderError> {
        Ok(self.intent(reference(of)?).await?.charge())
    }

    async fn capture(&self, of: &Attempt) -> Result<Charge, ProviderError> {
        // Without a key: it can be done once, and under a key Stripe would repeat an error of its own for a day.
        let path = format!("/v1/payment_intents/{}/capture", reference(of)?);
        let form = [("expand[]", CHARGE_AND_FEE.to_owned())];
        let taken = self.ask(Method::POST, &path, None, &form);
        Ok(parsed(taken.await?)?.charge())
    }

    async fn cancel(&self, of: &Attempt) -> Result<(), ProviderError> {
        // Without a key: under it Stripe would repeat for a day that it cannot be cancelled now.
        let path = format!("/v1/payment_intents/{}/cancel", reference(of)?);
        self.ask(Method::POST, &path, None, &[]).await?;
        Ok(())
    }

    async fn refund(&self, of: &Attempt, refund: &Refund) -> Result<Returned, ProviderError> {
        let made = match &refund.provider_ref {
            Some(reference) => {
                let path = format!("/v1/refunds/{reference}");
                self.ask(Method::GET, &path, None, &[]).await?
            }
            None => self.make_refund(reference(of)?, refund).await?,
        };
        let provider_ref = made["id"].as_str().unwrap_or_default().to_owned();
        Ok(match made["status"].as_str().unwrap_or_default() {
            "succeeded" => Returned::Done { provider_ref },
            "failed" | "canceled" => Returned::Failed {
                reason: made["failure_reason"]
                    .as_str()
                    .unwrap_or("failed")
                    .to_owned(),
            },
            _ => Returned::Pending { provider_ref },
        })
    }

    async fn movements(&self, of: &Attempt) -> Result<Movements, ProviderError> {
        let (reference, currency) = (reference(of)?, &of.amount.currency);
        let refunds = self.all("/v1/refunds", reference).await?;
        let disputes = self.all("/v1/disputes", reference).await?;
        let disputes = disputes.iter();
        let fee = match of.fee_amount {
            0 => {
                let charge = self.intent(reference).await?.charge();
                match charge.fee_follows {
                    true => Some(ProviderFee::Follows),
                    false => Some(ProviderFee::Known(charge.fee_amount)),
                }
            }
            _ => None,
        };
        Ok(Movements {
            fee,
            refunds: refunds
                .iter()
                .filter_map(|refund| refund_of(refund, currency))
                .collect(),
            disputes: disputes
                .filter_map(|dispute| dispute_of(dispute, currency))
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const SECRET: &[u8] = b"whsec_test";

    fn signed(at: i64, body: &[u8], secret: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
        mac.update(format!("{at}.").as_bytes());
        mac.update(body);
        let hex: String = mac
            .finalize()
            .into_bytes()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        format!("t={at},v0=00,v1=ff,v1={hex}")
    }

    #[test]
    fn only_what_was_signed_lately_is_heard() {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let (at, body) = (now.as_second(), br#"{"id":"evt_1"}"#);
        let good = signed(at, body, SECRET);
        assert!(is_signed(&good, body, SECRET, now));
        assert!(!is_signed(&good, b"{}", SECRET, now), "another body");
        assert!(!is_signed(&good, body, b"other", now), "another secret");
        assert!(
            !is_signed(&signed(at - 301, body, SECRET), body, SECRET, now),
            "old"
        );
        assert!(
            !is_signed(&signed(at + 301, body, SECRET), body, SECRET, now),
            "of the future"
        );
        // As far from now as a number of seconds can be.
        for at in [i64::MIN, i64::MAX] {
            assert!(
                !is_signed(&signed(at, body, SECRET), body, SECRET, now),
                "{at}"
            );
        }
        for bad in ["", "t=1", "v1=00", "t=x,v1=00", "t=1,v1=0", "t=1,v1=zz"] {
            assert!(!is_signed(bad, body, SECRET, now), "{bad}");
        }
    }

    #[test]
    fn amounts_in_kronur_are_stripes_hundredths() {
        assert_eq!((told(9_900, "ISK"), told(9_900, "JPY")), (990_000, 9_900));
        assert_eq!(
            (heard(990_000, "isk"), heard(-990_000, "ISK")),
            (9_900, -9_900)
        );
        assert_eq!(
            (heard(14_850, "isk"), heard(14_849, "isk")),
            (149, 148),
            "a fee"
        );
        let charged = |amount: i64| {
            let said = serde_json::json!({
                "id": "pi_1", "status": "succeeded", "amount": amount, "currency": "isk", "amount_received": amount,
                "latest_charge": {"balance_transaction": {"fee": 500, "currency": "eur", "exchange_rate": 0.005}},
            });
            parsed(said).unwrap().charge()
        };
        let charge = charged(990_000);
        assert_eq!((charge.amount, charge.captured_amount), (9_900, 9_900));
        assert_eq!(charge.fee_amount, 1_000, "100,000 hundredths");
        assert_eq!(charged(990_001).amount, 0, "of no attempt");
        let lost = serde_json::json!({
            "id": "dp_1", "amount": 990_000, "status": "needs_response",
            "balance_transactions": [
                {"id": "txn_1", "amount": -990_000, "currency": "isk", "fee": 200_000},
                {"id": "txn_2", "amount": -6_600, "currency": "eur", "fee": 1_500},
            ],
        });
        let lost = dispute_of(&lost, "ISK").unwrap();
        let moved: Vec<(i64, i64)> = lost
            .transfers
            .iter()
            .map(|one| (one.amount, one.fee))
            .collect();
        assert_eq!(moved, [(-9_900, 2_000), (-9_900, 0)]);
    }

    #[test]
    fn what_may_pass_is_asked_again_and_the_rest_is_final() {
        let body = serde_json::json!({"error": {"code": "card_declined", "message": "no"}});
        let later = |status: u16, again| {
            let status = StatusCode::from_u16(status).unwrap();
            matches!(refusal(status, again, &body), ProviderError::Unanswered(_))
        };
        assert!(later(500, false) && later(429, false) && later(409, false) && later(401, false));
        assert!(later(400, true));
        assert!(!later(400, false) && !later(402, false) && !later(404, false));
    }
}
