//! The tickets of a booking that was confirmed, with the entry for a calendar.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::booking_letter::{Words, isolated, letter};
use super::{End, Failed, JobHands, Kind, Task};
use crate::auth::proofs::Proofs;
use crate::lang::Lang;
use crate::mail::Attachment;
use crate::pdf::ticket::{self, PrintedTicket};
use crate::store::letters::{BookingToTell, CONFIRMATION_JOB, LETTER_WORTH, confirmation_job};
use crate::store::tickets::{TicketInFull, TicketsPart};
use crate::ticketing::record::BookingStatus;
use crate::ticketing::{BookingId, EventId, calendar};

/// Written by the desk, with the confirmation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    pub booking_id: BookingId,
    pub event_id: EventId,
    /// Names the request that wants it sent again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<String>,
}

impl Kind for Confirmation {
    const NAME: &'static str = CONFIRMATION_JOB;
    const WORTH: Duration = LETTER_WORTH;
    const NEEDS_MAIL: bool = true;

    fn key(&self, proofs: &Proofs) -> String {
        let key = confirmation_job(self.booking_id, self.event_id).key;
        match &self.again {
            None => key,
            Some(again) => format!("{key}-{}", proofs.key(again)),
        }
    }

    /// Sends nothing where there is no address, or no ticket any more.
    async fn carry_out(&self, hands: &JobHands, task: &Task<'_>) -> Result<End, Failed> {
        let told = hands.store.booking_to_tell(self.booking_id).await?;
        let Some(told) = told.filter(is_due) else {
            return Ok(End::Done);
        };
        let Some(first) = hands.store.tickets_part(self.booking_id, 1).await? else {
            return Ok(End::Done);
        };
        let Some(entry) = first.entry() else {
            return Ok(End::Done);
        };
        let letter = letter(&told, words(told.lang, &told.title, &first), hands);
        let mail = letter.mail(&told.email, &task.mail_key())?;
        let paper = paper(hands, &first.tickets, told.lang, PrintedTicket::of);
        let mail = mail
            .attach(Attachment {
                name: first.file_name(),
                content_type: "application/pdf",
                bytes: paper.await?,
            })
            .attach(Attachment {
                name: format!("{}.ics", told.reference),
                content_type: "text/calendar; method=PUBLISH; charset=utf-8",
                bytes: calendar::calendar(&entry).into_bytes(),
            });
        hands.mailer()?.send(mail).await?;
        Ok(End::Done)
    }
}

/// Whether the booking still stands. One of a cancelled event does so until its money is given back; its tickets open nothing.
pub(crate) fn is_due(told: &BookingToTell) -> bool {
    told.status == BookingStatus::Confirmed && !told.event_cancelled || mistaken!(ConfirmUndone)
}

/// Prints those of the tickets for which there is something to print.
pub(super) async fn paper(
    hands: &JobHands,
    tickets: &[TicketInFull],
    lang: Lang,
    of: impl Fn(&TicketInFull, &crate::auth::passes::TicketKey) -> Option<PrintedTicket>,
) -> Result<Vec<u8>, Failed> {
    let key = hands.store.signing_key().await?;
    let printed: Vec<PrintedTicket> = tickets.iter().filter_map(|one| of(one, &key)).collect();
    let print = move |press: &mut crate::pdf::Press| ticket::print(press, &printed, lang);
    let written = hands.printer.print(print).await;
    written.map_err(|error| Failed::Later(error.to_string()))
}

fn words(lang: Lang, title: &str, part: &TicketsPart) -> Words {
    let (subject, line) = match lang {
        Lang::En => (
            format!("Your tickets for {title}"),
            "Your booking is confirmed. The tickets are attached; each code admits one person, once.",
        ),
        Lang::Th => (
            format!("บัตรของคุณสำหรับ {title}"),
            "การจองของคุณได้รับการยืนยันแล้ว บัตรแนบมากับอีเมลนี้ แต่ละรหัสใช้เข้าได้หนึ่งคนหนึ่งครั้ง",
        ),
        Lang::Fa => (
            format!("بلیت‌های شما برای {}", isolated(title)),
            "رزرو شما تأیید شد. بلیت‌ها پیوست این نامه‌اند؛ هر کد یک نفر را یک بار راه می‌دهد.",
        ),
    };
    let mut lines = vec![line.to_owned()];
    if part.parts > 1 {
        let (some, all) = (part.tickets.len(), part.all);
        lines.push(match lang {
            Lang::En => format!(
                "These are the first {some} of your {all} tickets, as many as one mail can have. You find all of them in your booking, below."
            ),
            Lang::Th => format!(
                "อีเมลนี้มีบัตร {some} ใบแรกจากทั้งหมด {all} ใบ ซึ่งมากที่สุดที่แนบได้ในอีเมลเดียว บัตรทั้งหมดอยู่ในการจองของคุณตามลิงก์ด้านล่าง"
            ),
            Lang::Fa => format!(
                "این‌ها {some} بلیت نخست از {all} بلیت شما هستند، بیشترین شماری که در یک نامه جا می‌گیرد. همهٔ آن‌ها را در رزرو خود، در پیوند زیر، می‌یابید."
            ),
        });
    }
    Words { subject, lines }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_without_all_tickets_says_so() {
        let part = |all, parts| TicketsPart {
            tickets: Vec::new(),
            all,
            part: 1,
            parts,
        };
        for lang in [Lang::En, Lang::Th, Lang::Fa] {
            assert_eq!(words(lang, "Show", &part(2, 1)).lines.len(), 1);
            let some = words(lang, "Show", &part(1_001, 2));
            assert!(some.lines[1].contains("1001"), "{:?}", some.lines);
        }
    }
}
