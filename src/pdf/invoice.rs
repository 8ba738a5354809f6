//! Invoices and credit notes on paper: a page each.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::ticket::amount;
use super::{About, Align, GREY, PAGE_HEIGHT, PAGE_WIDTH, PALE, Press, PrintError, Sheet, Style};
use crate::lang::Lang;
use crate::store::invoices::Invoice;
use crate::ticketing::price::LineKind;
use crate::ticketing::record::{BookingLine, Money};

const MARGIN: f32 = 56.0;
const WIDTH: f32 = PAGE_WIDTH - 2.0 * MARGIN;
/// Of the amounts, at the end of a line.
const AMOUNT_WIDTH: f32 = 130.0;
/// Where lines end on a page that goes on.
const LINES_END: f32 = PAGE_HEIGHT - MARGIN - 90.0;

/// An invoice of a sale, or of what stayed of it after all; or a credit note of what went back of it.
#[derive(Debug, Clone, PartialEq)]
pub struct PrintedInvoice {
    pub is_credit_note: bool,
    /// `INV-2026-000001`.
    pub number: String,
    pub issued_at: Timestamp,
    /// IANA; one that is not known is read as UTC.
    pub timezone: String,
    pub seller: String,
    pub buyer: Option<String>,
    pub title: String,
    pub reference: String,
    /// Of the sale; what went back of it, or stayed after all, is an amount, and so is money for what the booking was once.
    pub lines: Vec<BookingLine>,
    pub total: Money,
    /// Of the total.
    pub tax: Money,
}

impl PrintedInvoice {
    /// `None`: it has no number yet.
    pub fn of(
        invoice: &Invoice,
        lines: &[BookingLine],
        (title, timezone): (&str, &str),
        buyer: Option<&str>,
    ) -> Option<PrintedInvoice> {
        let is_credit_note = invoice.kind != "invoice";
        Some(PrintedInvoice {
            is_credit_note,
            number: invoice.number.clone()?,
            issued_at: invoice.issued_at,
            timezone: timezone.to_owned(),
            seller: invoice.seller.clone(),
            buyer: buyer.map(str::to_owned),
            title: title.to_owned(),
            reference: invoice.reference.clone(),
            lines: match invoice.is_of_sale && is_paid_by(lines, invoice) {
                true => lines.to_vec(),
                false => Vec::new(),
            },
            total: invoice.total.clone(),
            tax: invoice.tax.clone(),
        })
    }
}

/// The money is for these lines: a booking may have changed, or ended, before money came for what it was.
fn is_paid_by(lines: &[BookingLine], invoice: &Invoice) -> bool {
    let total: i64 = lines.iter().map(|line| line.amount).sum();
    let taxes = lines.iter().filter(|line| line.kind == LineKind::Tax);
    let tax: i64 = taxes.map(|line| line.tax_amount).sum();
    (total, tax) == (invoice.total.amount, invoice.tax.amount)
}

/// The words around what is filled in.
struct InvoiceWords {
    invoice: &'static str,
    credit_note: &'static str,
    date: &'static str,
    booking: &'static str,
    event: &'static str,
    buyer: &'static str,
    back: &'static str,
    total: &'static str,
    total_back: &'static str,
    tax: &'static str,
    contains: &'static str,
}

fn words(lang: Lang) -> InvoiceWords {
    match lang {
        Lang::En => InvoiceWords {
            invoice: "Invoice",
            credit_note: "Credit note",
            date: "Date",
            booking: "Booking",
            event: "Event",
            buyer: "Buyer",
            back: "Given back",
            total: "Total",
            total_back: "Total given back",
            tax: "Tax",
            contains: "of which tax",
        },
        Lang::Th => InvoiceWords {
            invoice: "ใบแจ้งหนี้",
            credit_note: "ใบลดหนี้",
            date: "วันที่",
            booking: "การจอง",
            event: "งาน",
            buyer: "ผู้ซื้อ",
            back: "คืนเงิน",
            total: "รวม",
            total_back: "รวมคืนเงิน",
            tax: "ภาษี",
            contains: "รวมภาษีแล้ว",
        },
        Lang::Fa => InvoiceWords {
            invoice: "صورت‌حساب",
            credit_note: "برگهٔ بازپرداخت",
            date: "تاریخ",
            booking: "رزرو",
            event: "رویداد",
            buyer: "خریدار",
            back: "بازپرداخت",
            total: "جمع",
            total_back: "جمع بازپرداخت",
            tax: "مالیات",
            contains: "شامل مالیات",
        },
    }
}

/// A page for each; more, where one has many lines.
pub fn print(
    press: &mut Press,
    invoices: &[PrintedInvoice],
    lang: Lang,
) -> Result<Vec<u8>, PrintError> {
    let mut sheets = Vec::with_capacity(invoices.len());
    for invoice in invoices {
        draw(press, invoice, lang, &mut sheets);
    }
    let title = invoices.first().map_or("", |invoice| &invoice.number);
    let title = title.to_owned();
    press.bind(About { title, lang }, sheets)
}

/// A page that is being filled.
struct InvoiceWriter<'a> {
    press: &'a mut Press,
    lang: Lang,
    sheet: Sheet,
    y: f32,
}

impl InvoiceWriter<'_> {
    fn put(&mut self, text: &str, style: Style) {
        let text = self.press.set(text, WIDTH, style);
        let height = text.height;
        self.sheet.text(MARGIN, self.y, text);
        self.y += height;
    }

    fn rule(&mut self) {
        self.y += 8.0;
        self.sheet.fill(MARGIN, self.y, (WIDTH, 1.0), PALE);
        self.y += 10.0;
    }

    /// A name where reading begins, and an amount at the other end.
    fn row(&mut self, name: &str, money: &str, style: Style) {
        let name = self.press.set(name, WIDTH - AMOUNT_WIDTH - 12.0, style);
        let money = self.press.set(money, AMOUNT_WIDTH, style.align(Align::End));
        let height = name.height.max(money.height);
        let (name_x, money_x) = match self.lang {
            Lang::Fa => (MARGIN + AMOUNT_WIDTH + 12.0, MARGIN),
            Lang::En | Lang::Th => (MARGIN, MARGIN + WIDTH - AMOUNT_WIDTH),
        };
        self.sheet.text(name_x, self.y, name);
        self.sheet.text(money_x, self.y, money);
        self.y += height + 4.0;
    }
}

fn draw(press: &mut Press, invoice: &PrintedInvoice, lang: Lang, sheets: &mut Vec<Sheet>) {
    let said = words(lang);
    let mut page = InvoiceWriter {
        press,
        lang,
        sheet: Sheet::default(),
        y: MARGIN,
    };
    let (small, plain) = (Style::new(lang, 10.0).ink(GREY), Style::new(lang, 11.0));
    let kind = match invoice.is_credit_note {
        true => said.credit_note,
        false => said.invoice,
    };
    page.put(&invoice.seller, Style::new(lang, 14.0).bold());
    page.y += 18.0;
    let heading = format!("{kind} {}", isolated(&invoice.number));
    page.put(&heading, Style::new(lang, 24.0).bold());
    page.y += 6.0;
    let mut facts = vec![
        (said.date, isolated(&day(invoice))),
        (said.booking, isolated(&invoice.reference)),
        (said.event, invoice.title.clone()),
    ];
    if let Some(buyer) = &invoice.buyer {
        facts.push((said.buyer, buyer.clone()));
    }
    for (name, value) in facts {
        page.put(&format!("{name}: {value}"), small);
    }
    page.rule();
    let money = |amount_: i64| {
        amount(&Money {
            amount: amount_,
            currency: invoice.total.currency.clone(),
        })
    };
    if invoice.lines.is_empty() {
        let name = match invoice.is_credit_note {
            true => said.back,
            false => said.booking,
        };
        let name = format!("{name} {}", isolated(&invoice.reference));
        page.row(&name, &money(invoice.total.amount), plain);
    }
    for line in (invoice.lines.iter()).filter(|line| line.kind != LineKind::Tax) {
        if page.y > LINES_END {
            sheets.push(std::mem::take(&mut page.sheet));
            page.y = MARGIN;
        }
        let name = match line.quantity {
            1 => line.name.clone(),
            quantity => {
                let each = money(line.unit_amount);
                format!(
                    "{} · {} × {each}",
                    line.name,
                    isolated(&quantity.to_string())
                )
            }
        };
        page.row(&name, &money(line.amount), plain);
    }
    for tax in (invoice.lines.iter()).filter(|line| line.kind == LineKind::Tax) {
        if !tax.tax.is_some_and(|rate| rate.included) {
            page.row(&rated(tax), &money(tax.amount), plain);
        }
    }
    page.rule();
    let total = match invoice.is_credit_note {
        true => said.total_back,
        false => said.total,
    };
    let bold = Style::new(lang, 13.0).bold();
    page.row(total, &money(invoice.total.amount), bold);
    let taxes: Vec<&BookingLine> = (invoice.lines.iter())
        .filter(|line| line.kind == LineKind::Tax)
        .collect();
    for tax in &taxes {
        let name = format!("{} {}", said.contains, rated(tax));
        page.row(&name, &money(tax.tax_amount), small);
    }
    if taxes.is_empty() && invoice.tax.amount > 0 {
        page.row(said.tax, &money(invoice.tax.amount), small);
    }
    sheets.push(page.sheet);
}

/// `VAT 19 %`.
fn rated(tax: &BookingLine) -> String {
    let Some(rate) = tax.tax else {
        return tax.name.clone();
    };
    let (whole, rest) = (rate.basis_points / 100, rate.basis_points % 100);
    let rate = match rest {
        0 => format!("{whole}"),
        rest => format!("{whole}.{rest:02}"),
    };
    format!("{} {}", tax.name, isolated(&format!("{rate}\u{a0}%")))
}

fn day(invoice: &PrintedInvoice) -> String {
    let zone = TimeZone::get(&invoice.timezone).unwrap_or(TimeZone::UTC);
    let day = invoice.issued_at.to_zoned(zone);
    day.strftime("%Y-%m-%d").to_string()
}

/// Kept together from left to right, wherever it stands.
fn isolated(text: &str) -> String {
    format!("\u{2066}{text}\u{2069}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::ticketing::price::TaxRate;
    use crate::ticketing::{BookingId, EventId};

    fn euros(amount: i64) -> Money {
        Money {
            amount,
            currency: "EUR".to_owned(),
        }
    }

    fn line(kind: LineKind, name: &str, quantity: i64, unit_amount: i64) -> BookingLine {
        let rate = TaxRate {
            basis_points: 1_900,
            included: true,
        };
        BookingLine {
            kind,
            ticket_type_id: None,
            name: name.to_owned(),
            quantity,
            unit_amount,
            amount: match kind {
                LineKind::Tax => 0,
                _ => quantity * unit_amount,
            },
            tax_amount: 718,
            tax: Some(rate),
        }
    }

    fn invoice(lines: usize) -> PrintedInvoice {
        let tickets = (0..lines).map(|n| line(LineKind::Ticket, &format!("Row {n}"), 2, 2_250));
        PrintedInvoice {
            is_credit_note: false,
            number: "INV-2026-000001".to_owned(),
            issued_at: "2026-12-04T23:30:00Z".parse().unwrap(),
            timezone: "Europe/Berlin".to_owned(),
            seller: "Harbour Music".to_owned(),
            buyer: Some("Zoë Šťastná".to_owned()),
            title: "Office affair".to_owned(),
            reference: "BK-7F3K9Q".to_owned(),
            lines: tickets.chain([line(LineKind::Tax, "VAT", 1, 0)]).collect(),
            total: euros(4_500),
            tax: euros(718),
        }
    }

    #[test]
    fn every_language_and_length_is_printed() {
        let mut press = Press::default();
        for lang in [Lang::En, Lang::Th, Lang::Fa] {
            let note = PrintedInvoice {
                is_credit_note: true,
                lines: Vec::new(),
                ..invoice(0)
            };
            let kept = PrintedInvoice {
                is_credit_note: false,
                ..note.clone()
            };
            for invoices in [
                vec![invoice(1)],
                vec![invoice(1), note, kept],
                vec![invoice(200)],
            ] {
                let file = print(&mut press, &invoices, lang).unwrap();
                assert!(file.starts_with(b"%PDF-"));
            }
        }
    }

    /// Money that came late is of tickets that its booking may not have any more, and its invoice is of an amount.
    #[test]
    fn lines_are_printed_where_they_are_what_was_paid() {
        let lines = [
            line(LineKind::Ticket, "Row 1", 2, 2_500),
            line(LineKind::Discount, "SUMMER", 1, -500),
            line(LineKind::Tax, "VAT", 1, 0),
        ];
        let of = |is_of_sale: bool, total: i64, tax: i64| {
            let invoice = Invoice {
                kind: "invoice".to_owned(),
                number: Some("INV-2026-000001".to_owned()),
                issued_at: "2026-12-04T23:30:00Z".parse().unwrap(),
                seller: "Harbour Music".to_owned(),
                event_id: EventId(1),
                booking_id: BookingId(uuid::Uuid::nil()),
                reference: "BK-7F3K9Q".to_owned(),
                total: euros(total),
                tax: euros(tax),
                is_of_sale,
            };
            let printed = PrintedInvoice::of(&invoice, &lines, ("Office affair", "UTC"), None);
            printed.unwrap().lines.len()
        };
        assert_eq!(of(true, 4_500, 718), 3);
        for (is_of_sale, total, tax) in [(false, 4_500, 718), (true, 9_000, 0), (true, 4_500, 0)] {
            assert_eq!(of(is_of_sale, total, tax), 0, "{total} {tax}");
        }
    }

    #[test]
    fn dates_are_of_the_event_and_rates_as_people_write_them() {
        assert_eq!(day(&invoice(1)), "2026-12-05");
        let tax = line(LineKind::Tax, "VAT", 1, 0);
        assert_eq!(rated(&tax), format!("VAT {}", isolated("19\u{a0}%")));
    }
}
