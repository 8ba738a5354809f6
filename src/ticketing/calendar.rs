//! The calendar entry of a booking, as iCalendar (RFC 5545, and RFC 5546 for the method). Pure.
//!
//! An event whose end is not known has no `DTEND`: then it takes no time, which is what is known of it.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A line has at most so many bytes; longer ones go on in the next, after a blank.
const LINE_BYTES_MAX: usize = 75;

/// RFC 5546 wants an organizer where an entry is published or cancelled; there is nobody who takes answers.
const ORGANIZER: &str = "ORGANIZER:invalid:nomail";

/// The content of an entry.
#[derive(Debug, Clone, PartialEq)]
pub struct CalendarEntry<'a> {
    /// The same each time the entry is given out.
    pub uid: &'a str,
    /// Rises with each change; a calendar takes the highest.
    pub sequence: i64,
    pub title: &'a str,
    pub venue: &'a str,
    pub description: String,
    pub starts_at: Timestamp,
    pub ends_at: Option<Timestamp>,
    /// It does not take place, or is the reader's no longer.
    pub cancelled: bool,
    pub now: Timestamp,
}

/// A calendar with this entry alone.
pub fn calendar(entry: &CalendarEntry<'_>) -> String {
    let (method, status) = match entry.cancelled {
        // Takes out of the calendar what came under the same UID before.
        true => ("CANCEL", "CANCELLED"),
        false => ("PUBLISH", "CONFIRMED"),
    };
    let mut lines = vec![
        "BEGIN:VCALENDAR".to_owned(),
        "VERSION:2.0".to_owned(),
        "PRODID:-//Seatcast//Seatcast//EN".to_owned(),
        format!("METHOD:{method}"),
        "BEGIN:VEVENT".to_owned(),
        format!("UID:{}@seatcast", entry.uid),
        format!("SEQUENCE:{}", entry.sequence),
        format!("DTSTAMP:{}", utc(entry.now)),
        ORGANIZER.to_owned(),
        format!("DTSTART:{}", utc(entry.starts_at)),
    ];
    if let Some(end) = entry.ends_at.filter(|end| *end > entry.starts_at) {
        lines.push(format!("DTEND:{}", utc(end)));
    }
    lines.push(format!("SUMMARY:{}", escaped(entry.title)));
    if !entry.venue.is_empty() {
        lines.push(format!("LOCATION:{}", escaped(entry.venue)));
    }
    lines.push(format!("DESCRIPTION:{}", escaped(&entry.description)));
    lines.push(format!("STATUS:{status}"));
    lines.extend(["END:VEVENT", "END:VCALENDAR"].map(str::to_owned));
    lines.iter().map(|line| folded(line)).collect()
}

fn utc(at: Timestamp) -> String {
    let at = at.to_zoned(TimeZone::UTC);
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '\\' | ';' | ',' => escaped.extend(['\\', sign]),
            '\n' => escaped.push_str("\\n"),
            _ if sign.is_control() => {}
            _ => escaped.push(sign),
        }
    }
    escaped
}

/// The line with its end, folded between characters.
fn folded(line: &str) -> String {
    let mut folded = String::with_capacity(line.len() + 2);
    let mut bytes = 0;
    for sign in line.chars() {
        if bytes + sign.len_utf8() > LINE_BYTES_MAX {
            folded.push_str("\r\n ");
            bytes = 1;
        }
        folded.push(sign);
        bytes += sign.len_utf8();
    }
    folded.push_str("\r\n");
    folded
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn entry<'a>(title: &'a str, venue: &'a str) -> CalendarEntry<'a> {
        CalendarEntry {
            uid: "BK-7F3K9Q",
            sequence: 2,
            title,
            venue,
            description: "BK-7F3K9Q".to_owned(),
            starts_at: "2026-12-04T19:00:00Z".parse().unwrap(),
            ends_at: None,
            cancelled: false,
            now: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn signs_that_mean_something_are_escaped() {
        let text = calendar(&entry("A, b; c\\d\ne\rf", ""));
        assert!(text.contains("SUMMARY:A\\, b\\; c\\\\d\\nef\r\n"), "{text}");
        assert!(text.contains("DTSTART:20261204T190000Z\r\n"), "{text}");
        assert!(!text.contains("LOCATION"), "{text}");
    }

    #[test]
    fn a_cancellation_names_the_entry_and_takes_it_out() {
        let shown = entry("Concert", "Hall");
        let cancelled = CalendarEntry {
            cancelled: true,
            sequence: 3,
            ends_at: Some("2026-12-04T22:00:00Z".parse().unwrap()),
            ..shown.clone()
        };
        let (shown, cancelled) = (calendar(&shown), calendar(&cancelled));
        for line in ["METHOD:PUBLISH", "SEQUENCE:2", "STATUS:CONFIRMED"] {
            assert!(shown.contains(&format!("{line}\r\n")), "{shown}");
        }
        assert!(!shown.contains("DTEND"), "{shown}");
        for line in [
            "METHOD:CANCEL",
            "SEQUENCE:3",
            "STATUS:CANCELLED",
            "DTEND:20261204T220000Z",
        ] {
            assert!(cancelled.contains(&format!("{line}\r\n")), "{cancelled}");
        }
        for text in [shown, cancelled] {
            assert!(text.contains("UID:BK-7F3K9Q@seatcast\r\n"), "{text}");
        }
    }

    proptest! {
        #[test]
        fn lines_are_short_and_say_what_was_said(title in "[a-zก-ฮآ-ی 🎷]{0,200}") {
            let text = calendar(&entry(&title, "Hall"));
            prop_assert!(text.ends_with("END:VCALENDAR\r\n"));
            prop_assert!(text.split("\r\n").all(|line| line.len() <= LINE_BYTES_MAX));
            let said = format!("SUMMARY:{title}\r\n");
            prop_assert!(text.replace("\r\n ", "").contains(&said));
        }
    }
}
