//! A ticket on paper: a page each.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{
    About, Align, GREY, PAGE_HEIGHT, PAGE_WIDTH, PALE, Press, PrintError, Qr, Sheet, Style,
};
use crate::auth::passes::TicketKey;
use crate::lang::Lang;
use crate::store::tickets::TicketInFull;
use crate::ticketing::record::Money;

const MARGIN: f32 = 56.0;
const WIDTH: f32 = PAGE_WIDTH - 2.0 * MARGIN;
/// 52 mm with the quiet zone: 43 mm of modules, more than the 30 that scanners ask for.
const QR_EDGE: f32 = 148.0;

/// The content of a ticket.
#[derive(Debug, Clone, PartialEq)]
pub struct PrintedTicket {
    pub title: String,
    pub venue: String,
    pub starts_at: Timestamp,
    pub doors_at: Option<Timestamp>,
    /// IANA; one that is not known is read as UTC.
    pub timezone: String,
    pub ticket_type: String,
    /// Section, row and number.
    pub seat: Option<(String, String, String)>,
    pub code: String,
    /// Of the booking; empty: not to be shown, since the ticket was handed on.
    pub reference: String,
    pub holder: Option<String>,
    /// `None`: not to be shown, since the ticket was handed on.
    pub price: Option<Money>,
    /// The text of the QR.
    pub pass: String,
}

impl PrintedTicket {
    /// The ticket as its buyer prints it; `None`: an id has no room in the QR.
    pub fn of(ticket: &TicketInFull, key: &TicketKey) -> Option<PrintedTicket> {
        let event = &ticket.event;
        let seat = ticket.seat.as_ref();
        Some(PrintedTicket {
            title: event.title.clone(),
            venue: event.venue.clone(),
            starts_at: event.starts_at,
            doors_at: event.doors_at,
            timezone: event.timezone.clone(),
            ticket_type: ticket.type_name.clone(),
            seat: seat.map(|seat| (seat.section.clone(), seat.row.clone(), seat.number.clone())),
            code: ticket.live_code().to_owned(),
            reference: ticket.reference.clone(),
            holder: ticket.name().map(str::to_owned),
            price: Some(ticket.price.clone()),
            pass: ticket.signed(key)?,
        })
    }

    /// As somebody prints it whom it was handed to: without what is between the organizer and the buyer.
    pub fn of_holder(ticket: &TicketInFull, key: &TicketKey) -> Option<PrintedTicket> {
        Some(PrintedTicket {
            reference: String::new(),
            price: None,
            ..PrintedTicket::of(ticket, key)?
        })
    }
}

/// The words around what is filled in.
struct TicketWords {
    ticket: &'static str,
    venue: &'static str,
    starts: &'static str,
    doors: &'static str,
    kind: &'static str,
    seat: &'static str,
    holder: &'static str,
    price: &'static str,
    free: &'static str,
    code: &'static str,
    booking: &'static str,
    hint: &'static str,
}

fn words(lang: Lang) -> TicketWords {
    match lang {
        Lang::En => TicketWords {
            ticket: "Ticket",
            venue: "Venue",
            starts: "Begins",
            doors: "Doors open",
            kind: "Ticket type",
            seat: "Seat",
            holder: "Name",
            price: "Price",
            free: "Free",
            code: "Ticket code",
            booking: "Booking",
            hint: "Show this code at the entrance, on paper or on a screen. It admits one person, once. Do not show it to anybody else.",
        },
        Lang::Th => TicketWords {
            ticket: "บัตรเข้างาน",
            venue: "สถานที่",
            starts: "เริ่ม",
            doors: "เปิดประตู",
            kind: "ประเภทบัตร",
            seat: "ที่นั่ง",
            holder: "ชื่อ",
            price: "ราคา",
            free: "ฟรี",
            code: "รหัสบัตร",
            booking: "การจอง",
            hint: "แสดงรหัสนี้ที่ทางเข้า จะเป็นกระดาษหรือหน้าจอก็ได้ ใช้ได้หนึ่งคนหนึ่งครั้ง โปรดอย่าให้ผู้อื่นเห็นรหัสนี้",
        },
        Lang::Fa => TicketWords {
            ticket: "بلیت",
            venue: "مکان",
            starts: "شروع",
            doors: "باز شدن درها",
            kind: "نوع بلیت",
            seat: "صندلی",
            holder: "نام",
            price: "بها",
            free: "رایگان",
            code: "کد بلیت",
            booking: "رزرو",
            hint: "این کد را روی کاغذ یا صفحهٔ نمایش در ورودی نشان دهید. هر بلیت یک نفر را یک بار راه می‌دهد. آن را به کس دیگری نشان ندهید.",
        },
    }
}

/// A page for each ticket.
pub fn print(
    press: &mut Press,
    tickets: &[PrintedTicket],
    lang: Lang,
) -> Result<Vec<u8>, PrintError> {
    let mut sheets = Vec::with_capacity(tickets.len());
    for ticket in tickets {
        sheets.push(sheet(press, ticket, lang)?);
    }
    let title = tickets.first().map_or("", |ticket| &ticket.title);
    let title = format!("{}: {title}", words(lang).ticket);
    press.bind(About { title, lang }, sheets)
}

fn sheet(press: &mut Press, ticket: &PrintedTicket, lang: Lang) -> Result<Sheet, PrintError> {
    let said = words(lang);
    let mut sheet = Sheet::default();
    let mut y = MARGIN;
    let small = Style::new(lang, 10.0).ink(GREY);
    let heading = press.set(said.ticket, WIDTH, small);
    y = put(&mut sheet, MARGIN, y, heading);
    let title = press.set(&ticket.title, WIDTH, Style::new(lang, 26.0).bold());
    y = put(&mut sheet, MARGIN, y, title) + 10.0;
    sheet.fill(MARGIN, y, (WIDTH, 1.0), PALE);
    y += 22.0;

    // The code stands where lines end, the facts where they begin.
    let column = WIDTH - QR_EDGE - 28.0;
    let (facts_x, qr_x) = match lang {
        Lang::Fa => (MARGIN + QR_EDGE + 28.0, MARGIN),
        Lang::En | Lang::Th => (MARGIN, MARGIN + WIDTH - QR_EDGE),
    };
    let qr = Qr::of(&ticket.pass);
    let qr = qr.ok_or_else(|| PrintError::Unwritten("the QR's text is too long".to_owned()))?;
    sheet.qr(qr_x, y, QR_EDGE, qr);
    let mono = Style::new(Lang::En, 11.0).bold().align(Align::Center);
    let code = press.set(&ticket.code, QR_EDGE, mono);
    sheet.text(qr_x, y + QR_EDGE + 2.0, code);

    let zone = &ticket.timezone;
    let mut facts = vec![(said.starts, when(ticket.starts_at, zone, lang))];
    if let Some(doors) = ticket.doors_at {
        facts.push((said.doors, when(doors, zone, lang)));
    }
    facts.push((said.venue, ticket.venue.clone()));
    facts.push((said.kind, ticket.ticket_type.clone()));
    if let Some((section, row, number)) = &ticket.seat {
        facts.push((said.seat, format!("{section} · {row} · {number}")));
    }
    if let Some(holder) = &ticket.holder {
        facts.push((said.holder, holder.clone()));
    }
    if let Some(price) = &ticket.price {
        let price = match price.amount {
            0 => said.free.to_owned(),
            _ => amount(price),
        };
        facts.push((said.price, price));
    }
    facts.push((said.code, isolated(&ticket.code)));
    if !ticket.reference.is_empty() {
        facts.push((said.booking, isolated(&ticket.reference)));
    }
    for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
        let name = press.set(name, column, small);
        y = put(&mut sheet, facts_x, y, name);
        let value = press.set(value, column, Style::new(lang, 14.0));
        y = put(&mut sheet, facts_x, y, value) + 9.0;
    }
    let hint = press.set(said.hint, WIDTH, small);
    let foot = PAGE_HEIGHT - MARGIN - hint.height;
    sheet.fill(MARGIN, foot - 14.0, (WIDTH, 1.0), PALE);
    sheet.text(MARGIN, foot, hint);
    Ok(sheet)
}

/// Lays the text down and answers where it ends.
fn put(sheet: &mut Sheet, x: f32, y: f32, text: super::SetText) -> f32 {
    let end = y + text.height;
    sheet.text(x, y, text);
    end
}

/// A time as the event's people read it, such as `2026-12-04 20:00 (Europe/Berlin)`: a date that no two languages read
/// differently.
pub fn when(at: Timestamp, timezone: &str, lang: Lang) -> String {
    let (zone, name) = match TimeZone::get(timezone) {
        Ok(zone) => (zone, timezone),
        Err(_) => (TimeZone::UTC, "UTC"),
    };
    let local = at.to_zoned(zone);
    let [date, time] = ["%Y-%m-%d", "%H:%M"].map(|form| local.strftime(form).to_string());
    let weekday = weekday(local.weekday(), lang);
    let text = format!("{date} {time}");
    format!("{weekday}, {} ({})", isolated(&text), isolated(name)).replace(
        ", ",
        match lang {
            Lang::Fa => "، ",
            Lang::En | Lang::Th => ", ",
        },
    )
}

fn weekday(day: jiff::civil::Weekday, lang: Lang) -> &'static str {
    let names = match lang {
        Lang::En => ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
        Lang::Th => [
            "วันจันทร์",
            "วันอังคาร",
            "วันพุธ",
            "วันพฤหัสบดี",
            "วันศุกร์",
            "วันเสาร์",
            "วันอาทิตย์",
        ],
        Lang::Fa => [
            "دوشنبه",
            "سه‌شنبه",
            "چهارشنبه",
            "پنجشنبه",
            "جمعه",
            "شنبه",
            "یکشنبه",
        ],
    };
    let day = usize::try_from(day.to_monday_zero_offset()).unwrap_or_default();
    names.get(day).copied().unwrap_or_default()
}

/// Kept together from left to right, wherever it stands.
fn isolated(text: &str) -> String {
    format!("\u{2066}{text}\u{2069}")
}

/// `45.00 EUR`, kept on one line.
pub fn amount(money: &Money) -> String {
    isolated(&format!("{}\u{a0}{}", money.shown(), money.currency))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    pub(super) fn ticket(title: &str, venue: &str, kind: &str, holder: &str) -> PrintedTicket {
        PrintedTicket {
            title: title.to_owned(),
            venue: venue.to_owned(),
            starts_at: "2026-12-04T19:00:00Z".parse().unwrap(),
            doors_at: Some("2026-12-04T18:00:00Z".parse().unwrap()),
            timezone: "Europe/Berlin".to_owned(),
            ticket_type: kind.to_owned(),
            seat: Some(("Balcony".to_owned(), "C".to_owned(), "14".to_owned())),
            code: "TKT-20261121-7F3K9QWX".to_owned(),
            reference: "BK-7F3K9Q".to_owned(),
            holder: Some(holder.to_owned()),
            price: Some(Money {
                amount: 123_450,
                currency: "EUR".to_owned(),
            }),
            pass: format!("SC1:{}", "7Q$".repeat(49)),
        }
    }

    fn all() -> [(Lang, PrintedTicket); 3] {
        [
            (
                Lang::En,
                ticket(
                    "Příliš žluťoučký office affair",
                    "Kulturní dům",
                    "Standing, reduced",
                    "Zoë Šťastná",
                ),
            ),
            (
                Lang::Th,
                ticket(
                    "เทศกาลดนตรีญี่ปุ่นครั้งที่สิบสองที่กรุงเทพมหานครพร้อมศิลปินรับเชิญ",
                    "ศูนย์วัฒนธรรมแห่งประเทศไทย",
                    "บัตรยืน",
                    "อาดา น้ำใจดี",
                ),
            ),
            (
                Lang::Fa,
                ticket(
                    "کنسرت بزرگ تالار وحدت ۱۴۰۵ می‌آید",
                    "تالار وحدت، تهران",
                    "ایستاده",
                    "Ali علی (3 بلیت)",
                ),
            ),
        ]
    }

    #[test]
    fn the_same_ticket_is_the_same_file_in_each_language() {
        let (mut one, mut other) = (Press::default(), Press::default());
        for (lang, ticket) in all() {
            let tickets = [ticket.clone(), ticket];
            let file = print(&mut one, &tickets, lang).unwrap();
            assert!(file.starts_with(b"%PDF-"));
            assert!(file.len() < 150_000, "{lang:?}: {}", file.len());
            assert_eq!(file, print(&mut other, &tickets, lang).unwrap());
        }
    }

    /// Copying and screen readers get the text that was set, and poppler's `pdftotext`.
    #[test]
    fn the_text_of_a_ticket_can_be_read_out_of_the_file() {
        let mut press = Press::default();
        let folder = tempfile::tempdir().unwrap();
        for (lang, ticket) in all() {
            let path = folder.path().join(format!("{}.pdf", lang.tag()));
            let file = print(&mut press, std::slice::from_ref(&ticket), lang).unwrap();
            std::fs::write(&path, file).unwrap();
            let read = std::process::Command::new("pdftotext")
                .arg(&path)
                .arg("-")
                .output()
                .expect("pdftotext runs (scripts/setup.sh test installs it)");
            assert!(read.status.success(), "{read:?}");
            let plain = |text: &str| {
                let marks = ['\u{2066}', '\u{2069}', '\u{202a}', '\u{202b}', '\u{202c}'];
                let text: String = text
                    .chars()
                    .filter(|sign| !sign.is_whitespace() && !marks.contains(sign))
                    .collect();
                // Poppler turns a line that runs right to left sign by sign, also within a glyph of several: each is
                // there, in another order.
                text.replace('\u{200c}', "")
                    .replace("لا", "ال")
                    .replace("ه\u{654}", "\u{654}ه")
            };
            let text = plain(&String::from_utf8(read.stdout).unwrap());
            for said in [
                &ticket.title,
                &ticket.venue,
                &ticket.ticket_type,
                &ticket.code,
                words(lang).starts,
                words(lang).hint,
            ] {
                assert!(text.contains(&plain(said)), "{lang:?}: {said}\n{text}");
            }
        }
    }

    #[test]
    fn amounts_have_the_digits_of_their_currency() {
        for (amount, currency, text) in [
            (4500, "EUR", "45.00\u{a0}EUR"),
            (4500, "JPY", "4500\u{a0}JPY"),
            (4505, "KWD", "4.505\u{a0}KWD"),
            (-45, "EUR", "-0.45\u{a0}EUR"),
        ] {
            let money = Money {
                amount,
                currency: currency.to_owned(),
            };
            assert_eq!(super::amount(&money), isolated(text));
        }
    }
}
