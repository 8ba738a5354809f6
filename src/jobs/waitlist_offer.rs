//! Tells somebody on the waitlist of their offer.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{End, Failed, JobHands, Kind, Task};
use crate::auth::proofs::Proofs;
use crate::lang::Lang;
use crate::mail::Letter;
use crate::store::waitlist::{OFFER_MAIL, OFFER_MAIL_WORTH, OfferToTell, offer_mail_key};
use crate::ticketing::{BookingId, WaitingId};

/// Written by the desk, with the offer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitlistOffer {
    pub waiting_id: WaitingId,
    pub booking_id: BookingId,
}

impl Kind for WaitlistOffer {
    const NAME: &'static str = OFFER_MAIL;
    const WORTH: Duration = OFFER_MAIL_WORTH;
    const DROPPED_WHEN_LATE: bool = true;
    const NEEDS_MAIL: bool = true;

    fn key(&self, _: &Proofs) -> String {
        offer_mail_key(self.booking_id)
    }

    /// Sends nothing where the offer is over, or its receiver has no address.
    async fn carry_out(&self, hands: &JobHands, task: &Task<'_>) -> Result<End, Failed> {
        let offer = hands.store.offer_to_tell(self.waiting_id, self.booking_id);
        let Some(offer) = offer.await? else {
            return Ok(End::Done);
        };
        let letter = letter(&offer, &hands.public_url);
        let mail = letter.mail(&offer.email, &task.mail_key())?;
        hands.mailer()?.send(mail).await?;
        Ok(End::Done)
    }
}

fn letter(offer: &OfferToTell, public_url: &str) -> Letter {
    let lang = Lang::parse(&offer.lang).unwrap_or(Lang::En);
    let (title, quantity) = (&offer.title, offer.quantity);
    let until = offer.until.in_tz(&offer.timezone);
    let until = match until {
        Ok(until) => until.strftime("%Y-%m-%d %H:%M %Z").to_string(),
        Err(_) => offer.until.to_string(),
    };
    let (subject, line, action, reason) = match lang {
        Lang::En => (
            format!("Your tickets for {title}"),
            format!(
                "{quantity} tickets have come free and are held for you until {until}. After that they go to the next in line."
            ),
            "See the offer",
            "You get this mail because you are on the waitlist of this event.",
        ),
        Lang::Th => (
            format!("บัตรของคุณสำหรับ {title}"),
            format!("มีบัตรว่าง {quantity} ใบ และเก็บไว้ให้คุณถึง {until} หลังจากนั้นจะเสนอให้คนถัดไป"),
            "ดูข้อเสนอ",
            "คุณได้รับอีเมลนี้เพราะอยู่ในรายชื่อรอของงานนี้",
        ),
        Lang::Fa => (
            format!("بلیت‌های شما برای \u{2068}{title}\u{2069}"),
            format!(
                "{quantity} بلیت آزاد شده و تا \u{2068}{until}\u{2069} برای شما نگه داشته می‌شود. پس از آن به نفر بعدی می‌رسد."
            ),
            "دیدن پیشنهاد",
            "این نامه را می‌گیرید چون در فهرست انتظار این رویداد هستید.",
        ),
    };
    Letter {
        lang,
        subject,
        lines: vec![line, offer.reference.clone()],
        code: None,
        action: Some((action.to_owned(), format!("{public_url}/bookings"))),
        reason: reason.to_owned(),
    }
}
