//! Tells a buyer that the booking was cancelled: by staff, or with its event.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::booking_letter::{Words, isolated, letter};
use super::{End, Failed, JobHands, Kind, Task};
use crate::auth::proofs::Proofs;
use crate::lang::Lang;
use crate::mail::{Attachment, Mail};
use crate::store::letters::{BookingToTell, CANCELLATION_JOB, LETTER_WORTH, cancellation_job};
use crate::store::tickets::{TicketInFull, entry_of};
use crate::ticketing::record::BookingStatus;
use crate::ticketing::transition::{PAYMENT_CANCELED, SEATS_WITHDRAWN};
use crate::ticketing::{BookingId, EventId, calendar};

/// Written by the desk, with the cancellation, or for each booking of a cancelled event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancellation {
    pub booking_id: BookingId,
    pub event_id: EventId,
}

impl Kind for Cancellation {
    const NAME: &'static str = CANCELLATION_JOB;
    const WORTH: Duration = LETTER_WORTH;
    const NEEDS_MAIL: bool = true;

    fn key(&self, _: &Proofs) -> String {
        cancellation_job(self.booking_id, self.event_id).key
    }

    async fn carry_out(&self, hands: &JobHands, task: &Task<'_>) -> Result<End, Failed> {
        let told = hands.store.booking_to_tell(self.booking_id).await?;
        let Some(told) = told.filter(is_cancelled) else {
            return Ok(End::Done);
        };
        let letter = letter(&told, words(&told), hands);
        let mut mail = letter.mail(&told.email, &task.mail_key())?;
        let tickets = hands.store.tickets_of(self.booking_id).await?;
        mail = out_of_calendar(mail, &told, &tickets);
        hands.mailer()?.send(mail).await?;
        Ok(End::Done)
    }
}

/// Takes the entry that came with the tickets out of the reader's calendar.
pub(super) fn out_of_calendar(mail: Mail, told: &BookingToTell, tickets: &[TicketInFull]) -> Mail {
    match entry_of(tickets, true) {
        None => mail,
        Some(entry) => mail.attach(Attachment {
            name: format!("{}.ics", told.reference),
            content_type: "text/calendar; method=CANCEL; charset=utf-8",
            bytes: calendar::calendar(&entry).into_bytes(),
        }),
    }
}

pub(crate) fn is_cancelled(told: &BookingToTell) -> bool {
    match told.status {
        BookingStatus::Cancelled | BookingStatus::Refunded => true,
        BookingStatus::Confirmed => told.event_cancelled,
        BookingStatus::Pending | BookingStatus::Expired => false,
    }
}

/// The server's own reasons in the buyer's language; those that people gave as they are.
fn in_words(lang: Lang, reason: &str) -> String {
    let known = match (reason, lang) {
        (SEATS_WITHDRAWN, Lang::En) => "Your seats were taken off sale.",
        (SEATS_WITHDRAWN, Lang::Th) => "ที่นั่งของคุณถูกนำออกจากการขาย",
        (SEATS_WITHDRAWN, Lang::Fa) => "صندلی‌های شما از فروش خارج شدند.",
        (PAYMENT_CANCELED, Lang::En) => "The payment was cancelled.",
        (PAYMENT_CANCELED, Lang::Th) => "การชำระเงินถูกยกเลิก",
        (PAYMENT_CANCELED, Lang::Fa) => "پرداخت لغو شد.",
        _ => return isolated(reason),
    };
    known.to_owned()
}

fn words(told: &BookingToTell) -> Words {
    let title = &told.title;
    let (subject, line, reason, money) = match (told.lang, told.event_cancelled) {
        (Lang::En, true) => (
            format!("{title} does not take place"),
            "The event was cancelled, and your booking with it.",
            "Reason",
            "What you paid goes back the way it came. You get a mail when it is on its way.",
        ),
        (Lang::En, false) => (
            format!("Your booking for {title} was cancelled"),
            "The organizer cancelled your booking.",
            "Reason",
            "What you paid goes back the way it came. You get a mail when it is on its way.",
        ),
        (Lang::Th, true) => (
            format!("{title} ถูกยกเลิก"),
            "งานนี้ถูกยกเลิก การจองของคุณจึงถูกยกเลิกด้วย",
            "เหตุผล",
            "เงินที่คุณชำระจะคืนตามช่องทางเดิม คุณจะได้รับอีเมลเมื่อเงินถูกส่งคืน",
        ),
        (Lang::Th, false) => (
            format!("การจองของคุณสำหรับ {title} ถูกยกเลิก"),
            "ผู้จัดงานยกเลิกการจองของคุณ",
            "เหตุผล",
            "เงินที่คุณชำระจะคืนตามช่องทางเดิม คุณจะได้รับอีเมลเมื่อเงินถูกส่งคืน",
        ),
        (Lang::Fa, true) => (
            format!("{} برگزار نمی‌شود", isolated(title)),
            "این رویداد لغو شد و رزرو شما نیز با آن لغو شد.",
            "دلیل",
            "آنچه پرداخته‌اید از همان راه بازمی‌گردد. هنگام بازگشت آن نامه‌ای می‌گیرید.",
        ),
        (Lang::Fa, false) => (
            format!("رزرو شما برای {} لغو شد", isolated(title)),
            "برگزارکننده رزرو شما را لغو کرد.",
            "دلیل",
            "آنچه پرداخته‌اید از همان راه بازمی‌گردد. هنگام بازگشت آن نامه‌ای می‌گیرید.",
        ),
    };
    if told.is_offer && told.cancel_reason.as_deref() == Some(SEATS_WITHDRAWN) {
        return offer_withdrawn(told);
    }
    let mut lines = vec![line.to_owned()];
    let given = told
        .cancel_reason
        .as_ref()
        .or(told.event_cancel_reason.as_ref());
    lines.extend(given.map(|given| format!("{reason}: {}", in_words(told.lang, given))));
    lines.extend(told.was_paid.then(|| money.to_owned()));
    Words { subject, lines }
}

/// They have booked nothing, and the next tickets that come free are offered to them as before.
fn offer_withdrawn(told: &BookingToTell) -> Words {
    let title = &told.title;
    let (subject, line) = match told.lang {
        Lang::En => (
            format!("Your offer for {title} was withdrawn"),
            "The organizer took the seats that you were offered off sale. You keep your place on the waitlist.",
        ),
        Lang::Th => (
            format!("ข้อเสนอของคุณสำหรับ {title} ถูกเพิกถอน"),
            "ผู้จัดงานนำที่นั่งที่เสนอให้คุณออกจากการขาย คุณยังคงอยู่ในลำดับเดิมของรายชื่อรอ",
        ),
        Lang::Fa => (
            format!("پیشنهاد شما برای {} پس گرفته شد", isolated(title)),
            "برگزارکننده صندلی‌هایی را که به شما پیشنهاد شده بود از فروش خارج کرد. جای شما در فهرست انتظار محفوظ است.",
        ),
    };
    Words {
        subject,
        lines: vec![line.to_owned()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_of_the_server_is_in_the_language_of_the_mail() {
        for reason in [SEATS_WITHDRAWN, PAYMENT_CANCELED] {
            for lang in [Lang::En, Lang::Th, Lang::Fa] {
                let said = in_words(lang, reason);
                let latin = said.chars().any(|char| char.is_ascii_alphabetic());
                assert_eq!(latin, lang == Lang::En, "{said}");
                assert!(!said.contains(reason));
            }
        }
        let given = in_words(Lang::Th, "The singer is ill");
        assert!(given.contains("The singer is ill"));
    }
}
