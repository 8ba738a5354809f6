//! Tells the holder of a ticket that was handed on that it was taken back.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::booking_letter::{event_lines, isolated};
use super::{End, Failed, JobHands, Kind, Task};
use crate::auth::proofs::Proofs;
use crate::lang::Lang;
use crate::mail::Letter;
use crate::pdf::ticket::when;
use crate::store::letters::{LETTER_WORTH, TICKET_VOID_JOB, ticket_void_job};
use crate::store::tickets::TicketInFull;
use crate::ticketing::EventId;
use crate::ticketing::live::EventStatus;
use crate::ticketing::record::TicketStatus;

/// Written by the desk, with what takes the ticket back, or for each ticket of a cancelled event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketVoid {
    /// By which the booking knows the ticket.
    pub code: String,
    pub event_id: EventId,
}

impl Kind for TicketVoid {
    const NAME: &'static str = TICKET_VOID_JOB;
    const WORTH: Duration = LETTER_WORTH;
    // Of a cancelled event it is asked for twice: at once, and when the booking ends, which a slow provider puts off for hours.
    const QUIET: Duration = LETTER_WORTH;
    const NEEDS_MAIL: bool = true;

    fn key(&self, _: &Proofs) -> String {
        ticket_void_job(&self.code, self.event_id).key
    }

    async fn carry_out(&self, hands: &JobHands, task: &Task<'_>) -> Result<End, Failed> {
        let Some(ticket) = hands.store.ticket(&self.code).await? else {
            return Ok(End::Done);
        };
        let is_over =
            ticket.status == TicketStatus::Void || ticket.event.status == EventStatus::Cancelled;
        let holder = ticket.holder.as_ref().filter(|_| is_over);
        let person = holder.map(|holder| &holder.person);
        let Some((person, email)) = person.and_then(|one| Some((one, one.email.as_ref()?))) else {
            return Ok(End::Done);
        };
        let mail = letter(&ticket, person.lang).mail(email, &task.mail_key())?;
        hands.mailer()?.send(mail).await?;
        Ok(End::Done)
    }
}

fn letter(ticket: &TicketInFull, lang: Lang) -> Letter {
    let event = &ticket.event;
    let title = &event.title;
    let (subject, line, reason) = match (lang, event.status == EventStatus::Cancelled) {
        (Lang::En, true) => (
            format!("{title} does not take place"),
            "The event was cancelled, and with it the ticket that was handed to you. What was paid goes back to whoever paid.",
            "You get this mail because somebody handed you this ticket.",
        ),
        (Lang::En, false) => (
            format!("Your ticket for {title} was taken back"),
            "The ticket that was handed to you is no longer good. Please ask the person who gave it to you: what was paid goes back to whoever paid.",
            "You get this mail because somebody handed you this ticket.",
        ),
        (Lang::Th, true) => (
            format!("{title} ถูกยกเลิก"),
            "งานนี้ถูกยกเลิก บัตรที่โอนให้คุณจึงใช้ไม่ได้แล้ว เงินจะคืนให้ผู้ที่ชำระ",
            "คุณได้รับอีเมลนี้เพราะมีผู้โอนบัตรนี้ให้คุณ",
        ),
        (Lang::Th, false) => (
            format!("บัตรของคุณสำหรับ {title} ถูกยกเลิก"),
            "บัตรที่โอนให้คุณใช้ไม่ได้แล้ว โปรดถามผู้ที่โอนให้คุณ เงินจะคืนให้ผู้ที่ชำระ",
            "คุณได้รับอีเมลนี้เพราะมีผู้โอนบัตรนี้ให้คุณ",
        ),
        (Lang::Fa, true) => (
            format!("{} برگزار نمی‌شود", isolated(title)),
            "این رویداد لغو شد و بلیتی که به شما داده شده بود نیز با آن. پول به پرداخت‌کننده بازمی‌گردد.",
            "این نامه را می‌گیرید چون کسی این بلیت را به شما داده بود.",
        ),
        (Lang::Fa, false) => (
            format!("بلیت شما برای {} باطل شد", isolated(title)),
            "بلیتی که به شما داده شده بود دیگر اعتبار ندارد. از کسی که آن را به شما داد بپرسید؛ پول به پرداخت‌کننده بازمی‌گردد.",
            "این نامه را می‌گیرید چون کسی این بلیت را به شما داده بود.",
        ),
    };
    let mut lines = vec![line.to_owned()];
    lines.extend(event_lines(
        title,
        &event.venue,
        when(event.starts_at, &event.timezone, lang),
    ));
    Letter {
        lang,
        subject,
        lines,
        code: None,
        action: None,
        reason: reason.to_owned(),
    }
}
