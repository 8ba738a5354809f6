//! The demo's provider: a page with cards that are not real, and books of its own (`store/demo_charges.rs`).
//!
//! | card | what its bank does |
//! |---|---|
//! | 4242 4242 4242 4242 | pays |
//! | 4000 0000 0000 0002 | declines |
//! | 4000 0025 0000 3155 | asks its holder first |
//! | 4000 0000 0000 0119 | never answers |

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Form, Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use rand::Rng;
use serde::Deserialize;

use super::refunds::provider_key;
use super::{Payments, Provider, ProviderError, Returned};
use crate::lang::Lang;
use crate::store::demo_charges::{CardSays, DemoCharge};
use crate::store::refunds::Refund;
use crate::store::{Store, StoreError};
use crate::telemetry::with_causes;
use crate::ticketing::PaymentId;
use crate::ticketing::movement::Movements;
use crate::ticketing::payment::{Attempt, Buyer, Charge, ChargeStatus, ProviderName};
use crate::ticketing::record::Money;

#[derive(Clone)]
pub struct Demo {
    store: Store,
}

impl Demo {
    pub fn new(store: Store) -> Demo {
        Demo { store }
    }

    async fn charge(&self, of: &Attempt) -> Result<Charge, ProviderError> {
        let found = self.store.demo_charge(of.id).await.map_err(away)?;
        let found =
            found.ok_or_else(|| ProviderError::Refused("there is no such charge".to_owned()))?;
        Ok(charge_of(found))
    }
}

fn charge_of(found: DemoCharge) -> Charge {
    let status = match found.status.as_str() {
        "processing" => ChargeStatus::Processing,
        "authorized" => ChargeStatus::Authorized,
        "captured" => ChargeStatus::Captured,
        "canceled" => ChargeStatus::Canceled,
        _ => ChargeStatus::Open,
    };
    let fee_amount = found.fee_amount();
    Charge {
        provider_ref: found.id.to_string(),
        status,
        amount: found.amount,
        currency: found.currency,
        attempt: Some(found.id),
        captured_amount: found.captured_amount,
        fee_amount,
        method: Some("card".to_owned()),
        client_secret: None,
        redirect_url: Some(format!("/pay/demo/{}", found.id)),
        failure: found.failure,
        has_moved: false,
        fee_follows: false,
    }
}

fn away(error: StoreError) -> ProviderError {
    ProviderError::Unanswered(error.to_string())
}

fn moved(after: Option<DemoCharge>, wanted: &str) -> Result<DemoCharge, ProviderError> {
    match after {
        Some(charge) if charge.status == wanted => Ok(charge),
        other => {
            let status = other.map(|charge| charge.status);
            Err(ProviderError::Refused(format!("the charge is {status:?}")))
        }
    }
}

impl Provider for Demo {
    async fn start(&self, of: &Attempt, _: Option<&str>) -> Result<Charge, ProviderError> {
        let (amount, back) = (&of.amount, of.return_url.as_deref());
        let opened = self
            .store
            .open_demo_charge(of.id, amount.amount, &amount.currency, back);
        match opened.await.map_err(away)? {
            Some(made) => Ok(charge_of(made)),
            None => self.charge(of).await,
        }
    }

    async fn customer(&self, _: &Buyer) -> Result<Option<String>, ProviderError> {
        Ok(None)
    }

    async fn look(&self, of: &Attempt) -> Result<Charge, ProviderError> {
        self.charge(of).await
    }

    async fn capture(&self, of: &Attempt) -> Result<Charge, ProviderError> {
        let after = self.store.capture_demo_charge(of.id).await;
        moved(after.map_err(away)?, "captured").map(charge_of)
    }

    async fn cancel(&self, of: &Attempt) -> Result<(), ProviderError> {
        let after = self.store.cancel_demo_charge(of.id).await;
        moved(after.map_err(away)?, "canceled").map(drop)
    }

    async fn refund(&self, of: &Attempt, refund: &Refund) -> Result<Returned, ProviderError> {
        let key = provider_key(refund);
        let given = self.store.refund_demo_charge(of.id, &key, refund.amount);
        match given.await.map_err(away)? {
            true => Ok(Returned::Done { provider_ref: key }),
            false => Ok(Returned::Failed {
                reason: "not so much was taken".to_owned(),
            }),
        }
    }

    /// Nobody but us gives its money back.
    async fn movements(&self, _of: &Attempt) -> Result<Movements, ProviderError> {
        Ok(Movements::default())
    }
}

#[derive(Clone)]
struct Till {
    demo: Demo,
    payments: Payments,
    /// Style rules of the page's fonts.
    fonts: Arc<str>,
}

/// From the page to the root of the server, wherever a proxy puts that.
pub const TO_ROOT: &str = "../../";

/// `/pay/demo/{payment}`: the page where a card is typed. `fonts` are style rules, of files on this server.
pub fn router(demo: Demo, payments: Payments, fonts: &str) -> Router {
    let fonts = fonts.into();
    Router::new()
        .route("/pay/demo/{payment}", get(show).post(pay))
        .with_state(Till {
            demo,
            payments,
            fonts,
        })
}

/// The address of the page in a language: that of the page from which its buyer comes.
pub fn in_language(address: &str, lang: Lang) -> String {
    format!("{address}?lang={}", lang.tag())
}

/// The language that the page was asked for in; without one the browser's counts.
#[derive(Deserialize)]
struct InLanguage {
    lang: Option<String>,
}

impl InLanguage {
    fn or_of(&self, headers: &HeaderMap) -> Lang {
        let named = self.lang.as_deref().and_then(Lang::parse);
        named.unwrap_or_else(|| Lang::of(headers))
    }
}

struct PageWords {
    lang: &'static str,
    dir: &'static str,
    title: &'static str,
    card: &'static str,
    pay: &'static str,
    cards: &'static str,
    challenge: &'static str,
    approve: &'static str,
    refuse: &'static str,
    over: &'static str,
    back: &'static str,
    note: &'static str,
    declined: &'static str,
    unknown: &'static str,
    list: [(&'static str, &'static str); 4],
}

const CARDS: [(&str, CardSays); 4] = [
    ("4242 4242 4242 4242", CardSays::Yes),
    ("4000 0000 0000 0002", CardSays::Declined),
    ("4000 0025 0000 3155", CardSays::Challenge),
    ("4000 0000 0000 0119", CardSays::Nothing),
];

fn list(words: [&'static str; 4]) -> [(&'static str, &'static str); 4] {
    std::array::from_fn(|place| (CARDS[place].0, words[place]))
}

fn words(lang: Lang) -> PageWords {
    match lang {
        Lang::En => PageWords {
            lang: "en",
            dir: "ltr",
            title: "Pay with a test card",
            card: "Card number",
            pay: "Pay",
            cards: "Test cards",
            challenge: "Your bank asks whether it is you.",
            approve: "It is me",
            refuse: "Refuse",
            over: "There is nothing to pay here any more.",
            back: "Back",
            note: "This is a demonstration. No money moves; do not type a real card.",
            declined: "The card was declined. Try another one.",
            unknown: "This is none of the test cards.",
            list: list([
                "pays",
                "is declined",
                "asks its holder first",
                "never answers",
            ]),
        },
        Lang::Th => PageWords {
            lang: "th",
            dir: "ltr",
            title: "ชำระเงินด้วยบัตรทดสอบ",
            card: "หมายเลขบัตร",
            pay: "ชำระเงิน",
            cards: "บัตรทดสอบ",
            challenge: "ธนาคารของคุณขอให้ยืนยันตัวตน",
            approve: "ยืนยัน",
            refuse: "ปฏิเสธ",
            over: "ไม่มียอดที่ต้องชำระแล้ว",
            back: "กลับ",
            note: "นี่คือการสาธิต ไม่มีการตัดเงินจริง อย่ากรอกบัตรจริง",
            declined: "บัตรถูกปฏิเสธ ลองใช้บัตรอื่น",
            unknown: "ไม่ใช่บัตรทดสอบ",
            list: list(["ชำระสำเร็จ", "ถูกปฏิเสธ", "ถามเจ้าของบัตรก่อน", "ไม่ตอบเลย"]),
        },
        Lang::Fa => PageWords {
            lang: "fa",
            dir: "rtl",
            title: "پرداخت با کارت آزمایشی",
            card: "شمارهٔ کارت",
            pay: "پرداخت",
            cards: "کارت‌های آزمایشی",
            challenge: "بانک می‌پرسد که آیا خودتان هستید.",
            approve: "خودم هستم",
            refuse: "رد",
            over: "دیگر چیزی برای پرداخت نیست.",
            back: "بازگشت",
            note: "این یک نمایش است. پولی جابه‌جا نمی‌شود؛ کارت واقعی وارد نکنید.",
            declined: "کارت پذیرفته نشد. کارت دیگری بیازمایید.",
            unknown: "این هیچ‌یک از کارت‌های آزمایشی نیست.",
            list: list([
                "می‌پردازد",
                "رد می‌شود",
                "نخست از دارنده می‌پرسد",
                "پاسخ نمی‌دهد",
            ]),
        },
    }
}

#[derive(Template)]
#[template(path = "pay.html")]
struct PaymentPage<'a> {
    words: PageWords,
    nonce: &'a str,
    fonts: &'a str,
    amount: String,
    problem: Option<&'static str>,
    is_open: bool,
    is_challenged: bool,
    back: Option<&'a str>,
}

async fn show(
    State(till): State<Till>,
    Path(payment): Path<String>,
    Query(asked): Query<InLanguage>,
    headers: HeaderMap,
) -> Response {
    match charge(&till, &payment).await {
        Ok(charge) => page(&till, &charge, asked.or_of(&headers), None),
        Err(refused) => refused,
    }
}

/// The form that the page was sent: a card's number, or its holder's answer.
#[derive(Deserialize)]
struct Typed {
    #[serde(default)]
    card: String,
    #[serde(default)]
    answer: String,
}

async fn pay(
    State(till): State<Till>,
    Path(payment): Path<String>,
    Query(asked): Query<InLanguage>,
    headers: HeaderMap,
    Form(typed): Form<Typed>,
) -> Response {
    let lang = asked.or_of(&headers);
    let charge = match charge(&till, &payment).await {
        Ok(charge) => charge,
        Err(refused) => return refused,
    };
    let says = match typed.answer.as_str() {
        "yes" if charge.status == "challenged" => Some(CardSays::Yes),
        "no" if charge.status == "challenged" => Some(CardSays::Declined),
        _ => card(&typed.card),
    };
    let Some(says) = says else {
        return page(&till, &charge, lang, Some(words(lang).unknown));
    };
    let changed = match till.demo.store.demo_card(charge.id, says).await {
        Ok(changed) => changed,
        Err(error) => return unavailable(&error),
    };
    if changed && let Err(error) = till.payments.ring(charge.id).await {
        return unavailable(&error);
    }
    match (says, &charge.return_url) {
        (CardSays::Yes | CardSays::Nothing, Some(back)) => Redirect::to(back).into_response(),
        _ => Redirect::to(&in_language(&format!("/pay/demo/{}", charge.id), lang)).into_response(),
    }
}

/// The digits of any script, so that a card may be typed as people write numbers.
fn card(typed: &str) -> Option<CardSays> {
    let digits: String = crate::ticketing::reference::plain_digits(typed)
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    let known = CARDS
        .iter()
        .find(|(number, _)| number.replace(' ', "") == digits);
    known.map(|(_, says)| *says)
}

async fn charge(till: &Till, payment: &str) -> Result<DemoCharge, Response> {
    let id: Option<PaymentId> = payment.parse().ok();
    let found = match id {
        None => None,
        Some(id) => match till.demo.store.demo_charge(id).await {
            Ok(found) => found,
            Err(error) => return Err(unavailable(&error)),
        },
    };
    found.ok_or_else(|| (StatusCode::NOT_FOUND, "There is no such payment.").into_response())
}

fn unavailable(error: &StoreError) -> Response {
    tracing::warn!(error = %with_causes(error), provider = ProviderName::Demo.as_str(), "the demo's provider is away");
    let again = [(header::RETRY_AFTER, "1")];
    (
        StatusCode::SERVICE_UNAVAILABLE,
        again,
        "Try again in a moment.",
    )
        .into_response()
}

fn page(till: &Till, charge: &DemoCharge, lang: Lang, problem: Option<&'static str>) -> Response {
    let nonce: String = format!("{:032x}", rand::rng().random::<u128>());
    let words = words(lang);
    let amount = Money {
        amount: charge.amount,
        currency: charge.currency.clone(),
    };
    let declined = charge.failure.as_ref().map(|_| words.declined);
    let html = PaymentPage {
        nonce: &nonce,
        fonts: &till.fonts,
        amount: format!("{} {}", lang.number(&amount.shown()), amount.currency),
        problem: problem.or(declined),
        is_open: charge.status == "open",
        is_challenged: charge.status == "challenged",
        back: charge.return_url.as_deref(),
        words,
    }
    .render();
    let html = match html {
        Ok(html) => html,
        Err(error) => {
            tracing::error!(%error, "the page cannot be written");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    };
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; font-src 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    let mut answer = Html(html).into_response();
    let headers = answer.headers_mut();
    if let Ok(policy) = HeaderValue::try_from(policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cards_are_read_as_people_write_them() {
        assert_eq!(card("4242-4242 4242 4242"), Some(CardSays::Yes));
        assert_eq!(card("۴۲۴۲۴۲۴۲۴۲۴۲۴۲۴۲"), Some(CardSays::Yes));
        assert_eq!(card("4000 0000 0000 0002"), Some(CardSays::Declined));
        assert_eq!(card("1234"), None);
    }
}
