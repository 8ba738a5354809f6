//! The mails of a ticket that is handed on: to whom it is offered, to its new holder, and to the one who gave it away.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::booking_letter::{event_lines, isolated};
use super::confirmation::paper;
use super::{End, Failed, JobHands, Kind, Task};
use crate::auth::proofs::Proofs;
use crate::lang::Lang;
use crate::mail::{Attachment, Letter};
use crate::pdf::ticket::{PrintedTicket, when};
use crate::store::letters::LETTER_WORTH;
use crate::store::tickets::TicketInFull;
use crate::store::transfers::{
    TICKET_GIVEN_JOB, TICKET_SENT_JOB, TRANSFER_OFFER_JOB, given_key, sent_key,
};
use crate::ticketing::calendar::{self, CalendarEntry};
use crate::ticketing::live::EventStatus;
use crate::ticketing::record::TicketStatus;
use crate::ticketing::{EventId, TransferId};

/// Sends the link by which an offered ticket is accepted. Written with the offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferOffer {
    pub transfer_id: TransferId,
    pub event_id: EventId,
}

impl Kind for TransferOffer {
    const NAME: &'static str = TRANSFER_OFFER_JOB;
    const WORTH: Duration = LETTER_WORTH;
    const NEEDS_MAIL: bool = true;

    fn key(&self, _: &Proofs) -> String {
        format!("transfer-offer-{}", self.transfer_id)
    }

    /// Sends nothing once the offer was accepted or withdrawn, or the event is cancelled.
    async fn carry_out(&self, hands: &JobHands, task: &Task<'_>) -> Result<End, Failed> {
        let store = &hands.store;
        let Some(offered) = store.transfer_to_tell(self.transfer_id).await? else {
            return Ok(End::Done);
        };
        let ticket = ticket_of(hands, self.transfer_id).await?;
        let Some(ticket) = ticket.filter(takes_place) else {
            return Ok(End::Done);
        };
        let link = hands.proofs.transfer_link(self.transfer_id);
        // Behind the `#`: what follows it is in no server's log. The page sends it with a POST.
        let url = format!("{}/account#transfer={link}", hands.public_url);
        let letter = offer_letter(&ticket, offered.to.lang, url);
        let mail = letter.mail(&offered.to.email, &task.mail_key())?;
        hands.mailer()?.send(mail).await?;
        Ok(End::Done)
    }
}

/// Sends the ticket to its new holder. Written with the acceptance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketSent {
    pub transfer_id: TransferId,
    /// The one that the holder has.
    pub generation: u16,
}

impl Kind for TicketSent {
    const NAME: &'static str = TICKET_SENT_JOB;
    const WORTH: Duration = LETTER_WORTH;
    const NEEDS_MAIL: bool = true;

    fn key(&self, _: &Proofs) -> String {
        sent_key(self.transfer_id)
    }

    /// Sends nothing once the ticket went further, or was taken back, or the event is cancelled.
    async fn carry_out(&self, hands: &JobHands, task: &Task<'_>) -> Result<End, Failed> {
        let ticket = ticket_of(hands, self.transfer_id).await?;
        let Some(ticket) = ticket.filter(takes_place) else {
            return Ok(End::Done);
        };
        let is_theirs = is_theirs(self.generation, ticket.generation, ticket.status);
        let holder = ticket.holder.as_ref().filter(|_| is_theirs);
        let person = holder.map(|holder| &holder.person);
        let Some((person, email)) = person.and_then(|one| Some((one, one.email.as_ref()?))) else {
            return Ok(End::Done);
        };
        let code = ticket.live_code();
        let entry = CalendarEntry {
            uid: code,
            description: format!("{code}\n{}", ticket.place()),
            sequence: i64::from(ticket.generation),
            ..ticket.entry(false)
        };
        let of = |ticket: &TicketInFull, key: &_| PrintedTicket::of_holder(ticket, key);
        let tickets = std::slice::from_ref(&ticket);
        let mail = sent_letter(&ticket, person.lang)
            .mail(email, &task.mail_key())?
            .attach(Attachment {
                name: format!("{code}.pdf"),
                content_type: "application/pdf",
                bytes: paper(hands, tickets, person.lang, of).await?,
            })
            .attach(Attachment {
                name: format!("{code}.ics"),
                content_type: "text/calendar; method=PUBLISH; charset=utf-8",
                bytes: calendar::calendar(&entry).into_bytes(),
            });
        hands.mailer()?.send(mail).await?;
        Ok(End::Done)
    }
}

/// Whether the ticket may still open a door.
fn takes_place(ticket: &TicketInFull) -> bool {
    ticket.event.status != EventStatus::Cancelled
}

/// Whether the ticket is still that of the holder to whom this generation of it went.
pub(crate) fn is_theirs(sent: u16, is: u16, status: TicketStatus) -> bool {
    sent == is && status != TicketStatus::Void
}

/// Tells the one who gave a ticket away that it is somebody else's now. Written with the acceptance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketGiven {
    pub transfer_id: TransferId,
    /// Of a holder who handed it further; the booking's buyer is looked up.
    pub email: Option<String>,
    pub lang: Option<Lang>,
}

impl Kind for TicketGiven {
    const NAME: &'static str = TICKET_GIVEN_JOB;
    const WORTH: Duration = LETTER_WORTH;
    const NEEDS_MAIL: bool = true;

    fn key(&self, _: &Proofs) -> String {
        given_key(self.transfer_id)
    }

    async fn carry_out(&self, hands: &JobHands, task: &Task<'_>) -> Result<End, Failed> {
        let Some(ticket) = ticket_of(hands, self.transfer_id).await? else {
            return Ok(End::Done);
        };
        let (email, lang) = match &self.email {
            Some(email) => (Some(email), self.lang.unwrap_or(Lang::En)),
            None => (ticket.buyer.email.as_ref(), ticket.buyer.lang),
        };
        let Some(email) = email else {
            return Ok(End::Done);
        };
        let mail = given_letter(&ticket, lang).mail(email, &task.mail_key())?;
        hands.mailer()?.send(mail).await?;
        Ok(End::Done)
    }
}

async fn ticket_of(hands: &JobHands, id: TransferId) -> Result<Option<TicketInFull>, Failed> {
    let Some(code) = hands.store.ticket_of_transfer(id).await? else {
        return Ok(None);
    };
    Ok(hands.store.ticket(&code).await?)
}

fn framed(
    ticket: &TicketInFull,
    lang: Lang,
    (subject, line, reason): (String, String, &str),
    action: Option<(&str, String)>,
) -> Letter {
    let event = &ticket.event;
    let when = when(event.starts_at, &event.timezone, lang);
    let mut lines = vec![line];
    lines.extend(event_lines(&event.title, &event.venue, when));
    Letter {
        lang,
        subject,
        lines,
        code: None,
        action: action.map(|(words, url)| (words.to_owned(), url)),
        reason: reason.to_owned(),
    }
}

fn offer_letter(ticket: &TicketInFull, lang: Lang, url: String) -> Letter {
    let title = &ticket.event.title;
    let of = ticket.name().filter(|name| !name.is_empty()).map(isolated);
    let (subject, line, action, reason) = match lang {
        Lang::En => (
            format!("A ticket for {title} for you"),
            format!(
                "You are offered {}. It is yours once you accept it; until then it can be withdrawn.",
                of.map_or_else(|| "a ticket".to_owned(), |of| format!("the ticket of {of}"))
            ),
            "Accept the ticket",
            "You get this mail because somebody wants to hand you a ticket. If you do not want it, do nothing.",
        ),
        Lang::Th => (
            format!("บัตร {title} สำหรับคุณ"),
            format!(
                "มีผู้เสนอโอนบัตร{}ให้คุณ บัตรจะเป็นของคุณเมื่อคุณรับ ก่อนหน้านั้นผู้โอนยกเลิกได้",
                of.map_or_else(String::new, |of| format!("ของ {of} "))
            ),
            "รับบัตร",
            "คุณได้รับอีเมลนี้เพราะมีผู้ต้องการโอนบัตรให้คุณ หากไม่ต้องการ ไม่ต้องทำอะไร",
        ),
        Lang::Fa => (
            format!("بلیتی برای {} برای شما", isolated(title)),
            format!(
                "{} به شما پیشنهاد شده است. با پذیرفتن، مال شماست؛ تا آن زمان ممکن است پس گرفته شود.",
                of.map_or_else(|| "بلیتی".to_owned(), |of| format!("بلیت {of}"))
            ),
            "پذیرفتن بلیت",
            "این نامه را می‌گیرید چون کسی می‌خواهد بلیتی به شما بدهد. اگر نمی‌خواهید، کاری نکنید.",
        ),
    };
    framed(ticket, lang, (subject, line, reason), Some((action, url)))
}

fn sent_letter(ticket: &TicketInFull, lang: Lang) -> Letter {
    let title = &ticket.event.title;
    let (subject, line, reason) = match lang {
        Lang::En => (
            format!("Your ticket for {title}"),
            "The ticket is yours, and attached. Its code admits one person, once; the one before is no longer good.",
            "You get this mail because you accepted this ticket.",
        ),
        Lang::Th => (
            format!("บัตรของคุณสำหรับ {title}"),
            "บัตรเป็นของคุณแล้วและแนบมากับอีเมลนี้ รหัสใช้เข้าได้หนึ่งคนหนึ่งครั้ง รหัสเดิมใช้ไม่ได้แล้ว",
            "คุณได้รับอีเมลนี้เพราะคุณรับโอนบัตรนี้",
        ),
        Lang::Fa => (
            format!("بلیت شما برای {}", isolated(title)),
            "بلیت مال شماست و پیوست این نامه است. کد آن یک نفر را یک بار راه می‌دهد؛ کد پیشین دیگر اعتبار ندارد.",
            "این نامه را می‌گیرید چون این بلیت را پذیرفتید.",
        ),
    };
    framed(ticket, lang, (subject, line.to_owned(), reason), None)
}

fn given_letter(ticket: &TicketInFull, lang: Lang) -> Letter {
    let title = &ticket.event.title;
    let (subject, line, reason) = match lang {
        Lang::En => (
            format!("Your ticket for {title} was accepted"),
            "The ticket that you offered is somebody else's now. Your code for it opens nothing any more.",
            "You get this mail because you handed a ticket on.",
        ),
        Lang::Th => (
            format!("มีผู้รับโอนบัตร {title} ของคุณแล้ว"),
            "บัตรที่คุณเสนอโอนเป็นของผู้อื่นแล้ว รหัสเดิมของคุณใช้ไม่ได้อีก",
            "คุณได้รับอีเมลนี้เพราะคุณโอนบัตร",
        ),
        Lang::Fa => (
            format!("بلیت شما برای {} پذیرفته شد", isolated(title)),
            "بلیتی که پیشنهاد کردید اکنون مال کس دیگری است. کد شما برای آن دیگر چیزی را باز نمی‌کند.",
            "این نامه را می‌گیرید چون بلیتی را به کسی دادید.",
        ),
    };
    framed(ticket, lang, (subject, line.to_owned(), reason), None)
}
