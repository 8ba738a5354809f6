//! Texts of messages. The service worker shows it as it is, and puts times in the place of `{time}`: only the browser knows
//! in which zone its reader is when it is shown.

use jiff::Timestamp;
use serde::Serialize;

use crate::lang::Lang;

/// A message as the service worker reads it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Notification {
    pub title: String,
    pub body: String,
    /// Path of the page that it leads to.
    pub url: String,
    /// One with the same tag is replaced, so that a message that came twice is seen once.
    pub tag: String,
    pub lang: &'static str,
    pub dir: &'static str,
    /// In the place of `{time}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// The news of a message.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PushNews<'a> {
    TicketsBack {
        event: &'a str,
        /// Where one ticket type was asked for.
        ticket_type: Option<&'a str>,
    },
    HoldEnds {
        event: &'a str,
    },
    WaitlistOffer {
        event: &'a str,
    },
    /// Somebody waited for its tickets.
    EventCancelled {
        event: &'a str,
    },
}

/// Title and body.
pub fn words(news: PushNews<'_>, lang: Lang) -> (String, String) {
    let (title, body) = match (news, lang) {
        (PushNews::TicketsBack { event, ticket_type }, _) => {
            let what = match ticket_type {
                Some(name) => format!("{} · {}", isolated(event, lang), isolated(name, lang)),
                None => isolated(event, lang),
            };
            match lang {
                Lang::En => (
                    "Tickets are back",
                    format!("{what}: tickets are on sale again."),
                ),
                Lang::Th => ("มีบัตรอีกครั้ง", format!("{what}: เปิดขายบัตรอีกครั้งแล้ว")),
                Lang::Fa => (
                    "بلیت دوباره موجود است",
                    format!("{what}: بلیت دوباره به فروش می‌رسد."),
                ),
            }
        }
        (PushNews::HoldEnds { event }, Lang::En) => (
            "Your tickets are not paid yet",
            format!("{event}: they are held for you until {{time}}."),
        ),
        (PushNews::HoldEnds { event }, Lang::Th) => (
            "บัตรของคุณยังไม่ได้ชำระเงิน",
            format!("{event}: เราเก็บบัตรไว้ให้คุณถึง {{time}}"),
        ),
        (PushNews::HoldEnds { event }, Lang::Fa) => (
            "بهای بلیت‌های شما هنوز پرداخت نشده است",
            format!(
                "{}: تا {{time}} برای شما نگه داشته می‌شوند.",
                isolated(event, lang)
            ),
        ),
        (PushNews::WaitlistOffer { event }, Lang::En) => (
            "Tickets for you",
            format!("{event}: tickets have come free and are held for you until {{time}}."),
        ),
        (PushNews::WaitlistOffer { event }, Lang::Th) => (
            "มีบัตรสำหรับคุณ",
            format!("{event}: มีบัตรว่างและเก็บไว้ให้คุณถึง {{time}}"),
        ),
        (PushNews::WaitlistOffer { event }, Lang::Fa) => (
            "بلیت برای شما",
            format!(
                "{}: بلیت آزاد شده و تا {{time}} برای شما نگه داشته می‌شود.",
                isolated(event, lang)
            ),
        ),
        (PushNews::EventCancelled { event }, Lang::En) => (
            "An event was cancelled",
            format!("{event}, for which you are on the waitlist, does not take place."),
        ),
        (PushNews::EventCancelled { event }, Lang::Th) => {
            ("งานถูกยกเลิก", format!("{event} ที่คุณอยู่ในรายชื่อรอถูกยกเลิกแล้ว"))
        }
        (PushNews::EventCancelled { event }, Lang::Fa) => (
            "رویدادی لغو شد",
            format!(
                "{} که در فهرست انتظار آن هستید برگزار نمی‌شود.",
                isolated(event, lang)
            ),
        ),
    };
    (title.to_owned(), body)
}

pub fn direction(lang: Lang) -> &'static str {
    match lang {
        Lang::Fa => "rtl",
        Lang::En | Lang::Th => "ltr",
    }
}

/// A name keeps its direction within right-to-left text.
fn isolated(name: &str, lang: Lang) -> String {
    match lang {
        Lang::Fa => format!("\u{2068}{name}\u{2069}"),
        Lang::En | Lang::Th => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::push::encryption::PAYLOAD_BYTES_MAX;

    #[test]
    fn the_longest_message_fits_into_a_record() {
        let long = "ก".repeat(200);
        for lang in [Lang::En, Lang::Th, Lang::Fa] {
            for news in [
                PushNews::TicketsBack {
                    event: &long,
                    ticket_type: Some(&long),
                },
                PushNews::HoldEnds { event: &long },
                PushNews::WaitlistOffer { event: &long },
                PushNews::EventCancelled { event: &long },
            ] {
                let (title, body) = words(news, lang);
                assert!(body.contains(&long));
                let whole = Notification {
                    title,
                    body,
                    url: format!("/bookings/{}", uuid::Uuid::nil()),
                    tag: "seatcast-9223372036854775807".to_owned(),
                    lang: lang.tag(),
                    dir: direction(lang),
                    until: Some(Timestamp::UNIX_EPOCH),
                };
                let bytes = serde_json::to_vec(&whole).unwrap();
                assert!(bytes.len() < PAYLOAD_BYTES_MAX, "{}", bytes.len());
            }
        }
    }
}
