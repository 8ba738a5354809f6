//! The frame of mails about a booking: what is said first, then the event, the booking's reference and the way to it.

use super::JobHands;
use crate::lang::Lang;
use crate::mail::Letter;
use crate::pdf::ticket::when;
use crate::store::letters::BookingToTell;

/// The words of one mail, in the booking's language.
pub(super) struct Words {
    pub(super) subject: String,
    pub(super) lines: Vec<String>,
}

pub(super) fn letter(told: &BookingToTell, words: Words, hands: &JobHands) -> Letter {
    let (booking, action, reason) = match told.lang {
        Lang::En => (
            "Booking",
            "Open the booking",
            "You get this mail because this booking was made with your address.",
        ),
        Lang::Th => (
            "การจอง",
            "เปิดการจอง",
            "คุณได้รับอีเมลนี้เพราะการจองนี้ทำด้วยอีเมลของคุณ",
        ),
        Lang::Fa => (
            "رزرو",
            "باز کردن رزرو",
            "این نامه را می‌گیرید چون این رزرو با نشانی شما انجام شده است.",
        ),
    };
    let mut lines = words.lines;
    lines.extend(event_lines(
        &told.title,
        &told.venue,
        when(told.starts_at, &told.timezone, told.lang),
    ));
    lines.push(format!("{booking}: {}", isolated(&told.reference)));
    Letter {
        lang: told.lang,
        subject: words.subject,
        lines,
        code: None,
        action: Some((action.to_owned(), way_to(told, hands))),
        reason: reason.to_owned(),
    }
}

/// The event in a few lines.
pub(super) fn event_lines(title: &str, venue: &str, when: String) -> Vec<String> {
    let lines = [title.to_owned(), venue.to_owned(), when];
    lines.into_iter().filter(|line| !line.is_empty()).collect()
}

/// Where the buyer sees the booking: signed in, or by a link that proves the address.
fn way_to(told: &BookingToTell, hands: &JobHands) -> String {
    let pages = &hands.public_url;
    match told.has_account {
        true => format!("{pages}/bookings"),
        // Behind the `#`: what follows it is in no server's log. The page sends it with a POST.
        false => format!(
            "{pages}/bookings#link={}",
            hands.proofs.link(told.id, told.now)
        ),
    }
}

/// Names and codes keep their own direction, whatever stands around them.
pub(super) fn isolated(text: &str) -> String {
    format!("\u{2068}{text}\u{2069}")
}
