//! Tells a buyer that money went back.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::booking_letter::{Words, isolated, letter};
use super::cancellation::out_of_calendar;
use super::{End, Failed, JobHands, Kind, Task};
use crate::auth::proofs::Proofs;
use crate::lang::Lang;
use crate::pdf::ticket::amount;
use crate::store::jobs::JobLane;
use crate::store::letters::{LETTER_WORTH, REFUND_MAIL_JOB, refund_mail_job};
use crate::store::movements::REFUNDED_ELSEWHERE;
use crate::store::refunds::{
    BOOKING_CANCELLED, DECIDED, EVENT_CANCELLED, PAID_TOO_LATE, TICKETS_GIVEN_BACK,
};
use crate::store::refunds::{Refund, RefundState};
use crate::store::tickets::places;
use crate::ticketing::payment::{Attempt, ProviderName};
use crate::ticketing::record::{BookingStatus, Money};
use crate::ticketing::{BookingId, EventId, RefundId};

/// Written in the transaction that posts the refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundMail {
    pub refund_id: RefundId,
    pub booking_id: BookingId,
    pub event_id: EventId,
}

impl Kind for RefundMail {
    const NAME: &'static str = REFUND_MAIL_JOB;
    const WORTH: Duration = LETTER_WORTH;
    const LANE: JobLane = JobLane::Mail;

    fn key(&self, _: &Proofs) -> String {
        refund_mail_job(self.refund_id, self.booking_id, self.event_id).key
    }

    /// Done at once on a node that sends no mails: then nobody was promised one.
    async fn carry_out(&self, hands: &JobHands, task: &Task<'_>) -> Result<End, Failed> {
        let Some(mailer) = &hands.mailer else {
            return Ok(End::Done);
        };
        let refund = hands.store.refund(self.refund_id).await?;
        let Some(refund) = refund.filter(is_due) else {
            return Ok(End::Done);
        };
        let Some(told) = hands.store.booking_to_tell(refund.booking_id).await? else {
            return Ok(End::Done);
        };
        let money = amount(&Money {
            amount: refund.amount,
            currency: told.total.currency.clone(),
        });
        let codes = refund.tickets.as_deref().unwrap_or_default();
        let back = (hands.store)
            .tickets_coded(refund.booking_id, codes)
            .await?;
        let payment = hands.store.payment(refund.payment_id).await?;
        let said = RefundFacts {
            money,
            places: places(back.iter()),
            reason: Reason::of(&refund.reason),
            way: payment.map_or(RefundRoute::AsPaid, |payment| RefundRoute::of(&payment)),
        };
        let letter = letter(&told, words(told.lang, &told.title, &said), hands);
        let mut mail = letter.mail(&told.email, &task.mail_key())?;
        if matches!(
            told.status,
            BookingStatus::Cancelled | BookingStatus::Refunded
        ) {
            let tickets = hands.store.tickets_of(refund.booking_id).await?;
            mail = out_of_calendar(mail, &told, &tickets);
        }
        mailer.send(mail).await?;
        Ok(End::Done)
    }
}

/// Whether the money went back, and did not come again.
pub(crate) fn is_due(refund: &Refund) -> bool {
    refund.state == RefundState::Succeeded
}

/// The contents of the mail about one refund.
struct RefundFacts<'a> {
    money: String,
    /// Of the tickets that were given back.
    places: Vec<String>,
    reason: Reason<'a>,
    way: RefundRoute,
}

/// Why money goes back, as far as the buyer is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason<'a> {
    None,
    TooLate,
    BookingCancelled,
    EventCancelled,
    /// In the words of the organizer's people.
    Given(&'a str),
}

impl Reason<'_> {
    fn of(reason: &str) -> Reason<'_> {
        match reason {
            "" | DECIDED | REFUNDED_ELSEWHERE | TICKETS_GIVEN_BACK => Reason::None,
            PAID_TOO_LATE => Reason::TooLate,
            BOOKING_CANCELLED => Reason::BookingCancelled,
            EVENT_CANCELLED => Reason::EventCancelled,
            given => Reason::Given(given),
        }
    }
}

/// Where the money goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RefundRoute {
    Card,
    /// The organizer's people took it, and hand it back.
    Staff,
    Transfer,
    AsPaid,
}

impl RefundRoute {
    fn of(payment: &Attempt) -> RefundRoute {
        match (payment.provider, payment.method.as_deref()) {
            (ProviderName::Offline, Some("transfer" | "invoice")) => RefundRoute::Transfer,
            (ProviderName::Offline, _) => RefundRoute::Staff,
            (_, Some("card")) => RefundRoute::Card,
            _ => RefundRoute::AsPaid,
        }
    }
}

fn words(lang: Lang, title: &str, said: &RefundFacts<'_>) -> Words {
    let money = &said.money;
    let subject = match lang {
        Lang::En => format!("Your money for {title} is on its way back"),
        Lang::Th => format!("กำลังคืนเงินสำหรับ {title}"),
        Lang::Fa => format!("پول شما برای {} در راه بازگشت است", isolated(title)),
    };
    let way = match (lang, said.way) {
        (Lang::En, RefundRoute::Card) => format!(
            "{money} went back to the card that you paid with. Banks may need some days to show it."
        ),
        (Lang::En, RefundRoute::Staff) => {
            format!("The organizer gives you {money} back, in the way you paid on site.")
        }
        (Lang::En, RefundRoute::Transfer) => {
            format!("{money} is transferred back to your account. Banks may need some days.")
        }
        (Lang::En, RefundRoute::AsPaid) => {
            format!("{money} went back the way it was paid. Banks may need some days to show it.")
        }
        (Lang::Th, RefundRoute::Card) => {
            format!("คืนเงิน {money} ไปยังบัตรที่คุณใช้ชำระแล้ว ธนาคารอาจใช้เวลาสองสามวัน")
        }
        (Lang::Th, RefundRoute::Staff) => format!("ผู้จัดงานจะคืนเงิน {money} ให้คุณตามวิธีที่คุณชำระหน้างาน"),
        (Lang::Th, RefundRoute::Transfer) => {
            format!("กำลังโอนเงิน {money} คืนเข้าบัญชีของคุณ ธนาคารอาจใช้เวลาสองสามวัน")
        }
        (Lang::Th, RefundRoute::AsPaid) => {
            format!("คืนเงิน {money} ตามช่องทางที่ชำระแล้ว ธนาคารอาจใช้เวลาสองสามวัน")
        }
        (Lang::Fa, RefundRoute::Card) => format!(
            "{money} به کارتی که با آن پرداختید بازگردانده شد. ممکن است چند روز طول بکشد تا بانک نشانش دهد."
        ),
        (Lang::Fa, RefundRoute::Staff) => {
            format!("برگزارکننده {money} را به همان شیوه‌ای که در محل پرداختید به شما پس می‌دهد.")
        }
        (Lang::Fa, RefundRoute::Transfer) => {
            format!("{money} به حساب شما بازگردانده می‌شود. ممکن است چند روز طول بکشد.")
        }
        (Lang::Fa, RefundRoute::AsPaid) => format!(
            "{money} از همان راه پرداخت بازگردانده شد. ممکن است چند روز طول بکشد تا بانک نشانش دهد."
        ),
    };
    let (tickets, why) = match lang {
        Lang::En => ("For these tickets, which admit nobody any more:", "Reason"),
        Lang::Th => ("สำหรับบัตรเหล่านี้ ซึ่งใช้เข้างานไม่ได้อีก:", "เหตุผล"),
        Lang::Fa => ("برای این بلیت‌ها، که دیگر کسی را راه نمی‌دهند:", "دلیل"),
    };
    let reason = match (lang, said.reason) {
        (_, Reason::None) => None,
        (_, Reason::Given(given)) => Some(isolated(given)),
        (Lang::En, Reason::TooLate) => Some(
            "The payment came after the time for it, when the tickets were no longer held."
                .to_owned(),
        ),
        (Lang::En, Reason::BookingCancelled) => Some("The booking was cancelled.".to_owned()),
        (Lang::En, Reason::EventCancelled) => Some("The event was cancelled.".to_owned()),
        (Lang::Th, Reason::TooLate) => {
            Some("การชำระเงินมาถึงหลังหมดเวลา เมื่อบัตรไม่ได้ถูกจองไว้แล้ว".to_owned())
        }
        (Lang::Th, Reason::BookingCancelled) => Some("การจองถูกยกเลิก".to_owned()),
        (Lang::Th, Reason::EventCancelled) => Some("งานถูกยกเลิก".to_owned()),
        (Lang::Fa, Reason::TooLate) => {
            Some("پرداخت پس از پایان مهلت رسید، وقتی بلیت‌ها دیگر نگه داشته نشده بودند.".to_owned())
        }
        (Lang::Fa, Reason::BookingCancelled) => Some("رزرو لغو شد.".to_owned()),
        (Lang::Fa, Reason::EventCancelled) => Some("رویداد لغو شد.".to_owned()),
    };
    let mut lines = vec![way];
    if !said.places.is_empty() {
        lines.push(tickets.to_owned());
        lines.extend(said.places.iter().map(|place| isolated(place)));
    }
    lines.extend(reason.map(|reason| format!("{why}: {reason}")));
    Words { subject, lines }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every reason that the server gives itself is told in the reader's language, or not at all.
    #[test]
    fn the_servers_own_reasons_are_not_shown_as_they_are() {
        for own in [
            PAID_TOO_LATE,
            BOOKING_CANCELLED,
            EVENT_CANCELLED,
            DECIDED,
            REFUNDED_ELSEWHERE,
            TICKETS_GIVEN_BACK,
            "",
        ] {
            assert!(!matches!(Reason::of(own), Reason::Given(_)), "{own}");
            for lang in [Lang::En, Lang::Th, Lang::Fa] {
                let said = RefundFacts {
                    money: "45.00 EUR".to_owned(),
                    places: vec!["2 × Standing".to_owned()],
                    reason: Reason::of(own),
                    way: RefundRoute::Card,
                };
                let said = words(lang, "Concert", &said).lines.join("\n");
                assert!(said.contains("45.00 EUR") && said.contains("2 × Standing"));
                assert!(own.is_empty() || !said.contains(own), "{said}");
            }
        }
        assert_eq!(
            Reason::of("The seat broke"),
            Reason::Given("The seat broke")
        );
    }
}
