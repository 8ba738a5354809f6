//! A link to a lost booking, to the e-mail address that it was booked with.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{End, Failed, JobHands, Kind, Task};
use crate::auth::proofs::Proofs;
use crate::lang::Lang;
use crate::mail::Letter;
use crate::store::bookings::{FoundBooking, Name};

/// A reference and an address as they were typed: nobody has looked yet whether there is such a booking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookingLink {
    /// In its stored form.
    pub reference: String,
    /// In lower case.
    pub email: String,
    pub lang: Lang,
}

impl Kind for BookingLink {
    const NAME: &'static str = "booking_link";
    const WORTH: Duration = Duration::from_secs(24 * 3_600);
    const DROPPED_WHEN_LATE: bool = true;
    /// One mail in this time about a booking, whoever asks.
    const QUIET: Duration = Duration::from_secs(60);
    const NEEDS_MAIL: bool = true;

    fn key(&self, proofs: &Proofs) -> String {
        let parts = [&*self.reference, &*self.email].join("\n");
        format!("booking-link-{}", proofs.key(&parts))
    }

    /// Sends nothing where there is no such booking.
    async fn carry_out(&self, hands: &JobHands, task: &Task<'_>) -> Result<End, Failed> {
        let found = hands
            .store
            .booking(Name::Reference(&self.reference))
            .await?;
        let Some(found) = found.filter(|found| found.is_of_guest(&self.email)) else {
            return Ok(End::Done);
        };
        let letter = self.letter(&found, hands);
        let mail = letter.mail(&self.email, &task.mail_key())?;
        hands.mailer()?.send(mail).await?;
        Ok(End::Done)
    }
}

impl BookingLink {
    fn letter(&self, found: &FoundBooking, hands: &JobHands) -> Letter {
        let link = hands.proofs.link(found.booking.id, found.now);
        // Behind the `#`: what follows it is in no server's log. The page sends it with a POST.
        let url = format!("{}/bookings#link={link}", hands.public_url);
        let reference = &self.reference;
        let (subject, line, action, reason) = match self.lang {
            Lang::En => (
                format!("Your booking {reference}"),
                "Here is the way to your booking. The link is good for a day.",
                "Open the booking",
                "You get this mail because somebody asked for this booking. If it was not you, do nothing.",
            ),
            Lang::Th => (
                format!("การจอง {reference} ของคุณ"),
                "เปิดการจองของคุณได้ที่ลิงก์นี้ ลิงก์ใช้ได้หนึ่งวัน",
                "เปิดการจอง",
                "คุณได้รับอีเมลนี้เพราะมีผู้ขอลิงก์ของการจองนี้ หากไม่ใช่คุณ ไม่ต้องทำอะไร",
            ),
            Lang::Fa => (
                format!("رزرو شما \u{2068}{reference}\u{2069}"),
                "راه رزرو شما اینجاست. این پیوند یک روز اعتبار دارد.",
                "باز کردن رزرو",
                "این نامه را می‌گیرید چون کسی این رزرو را خواسته است. اگر شما نبودید، کاری نکنید.",
            ),
        };
        Letter {
            lang: self.lang,
            subject,
            lines: vec![line.to_owned()],
            code: None,
            action: Some((action.to_owned(), url)),
            reason: reason.to_owned(),
        }
    }
}
