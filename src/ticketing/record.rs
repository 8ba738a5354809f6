//! A booking as it is answered, read and stored for replay.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::currency::{decimals, in_units};
use super::live::EventStatus;
use super::payment::{PaymentState, ProviderName};
use super::price::{LineKind, PriceLine, TaxRate};
use super::{BookingId, EventId, PaymentId, SeatId, TicketId, TicketTypeId, UserId};

/// One booking with its items and tickets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Booking {
    #[schema(value_type = uuid::Uuid)]
    pub id: BookingId,
    /// Counts the booking's changes, from 1, with those of its items, seats and tickets: of two pictures of a booking,
    /// the higher version is the newer.
    pub version: i64,
    /// The reference that people read aloud: `BK-7F3K9Q`.
    #[schema(example = "BK-7F3K9Q")]
    pub reference: String,
    pub event_id: EventId,
    /// `null` for a booking held by its token alone.
    pub user_id: Option<UserId>,
    pub status: BookingStatus,
    /// Absent in a buyer's own, the most common.
    #[serde(default, skip_serializing_if = "BookingKind::is_checkout")]
    #[schema(required = false)]
    pub kind: BookingKind,
    pub quantity: i64,
    pub total: Money,
    pub items: Vec<BookingItem>,
    /// The price of the booking: tickets as in `items`, then discounts, fees and taxes. The amounts add up to the total.
    #[serde(default)]
    pub lines: Vec<BookingLine>,
    /// Empty until the booking is confirmed.
    pub tickets: Vec<Ticket>,
    /// The deadline; `null` for a booking that never had one.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub confirmed_at: Option<Timestamp>,
    /// How it was paid, of a booking that staff confirmed; absent in all others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paid_by: Option<PaidBy>,
    /// The attempt that paid it; absent in all others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<uuid::Uuid>)]
    pub payment_id: Option<PaymentId>,
    /// When its deadline was moved because the buyer had begun to pay; that happens once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub extended_at: Option<Timestamp>,
    /// Since when the provider has been working on a payment, for which the hold waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub processing_since: Option<Timestamp>,
    pub cancel_reason: Option<String>,
    /// The latest attempt to pay it, and what went back of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<PaymentSummary>,
}

/// An attempt to pay, as its booking shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PaymentSummary {
    #[schema(value_type = uuid::Uuid)]
    pub id: PaymentId,
    pub provider: ProviderName,
    /// As the provider names it, or as staff were paid.
    pub method: Option<String>,
    pub state: PaymentState,
    pub amount: Money,
    /// Refunds, made or about to be.
    pub refunded: Money,
    /// Why the last card was declined.
    pub failure: Option<String>,
    /// The booking is confirmed and its money did not come: it is to be paid again.
    #[serde(default)]
    pub owed: bool,
}

/// How a buyer can be reached.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Contact {
    pub name: Option<String>,
    /// In lower case.
    pub email: Option<String>,
    /// ASCII digits, with an optional `+` in front.
    pub phone: Option<String>,
}

/// Somebody who comes with one of a booking's tickets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Attendee {
    #[schema(example = "Ada Lovelace")]
    pub name: String,
    /// In lower case.
    #[schema(example = "ada@example.org")]
    pub email: Option<String>,
}

/// The buyer's answers to the organizer's questions, by question.
pub type Answers = serde_json::Map<String, serde_json::Value>;

/// `pending → confirmed | expired | cancelled → refunded`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BookingStatus {
    /// A hold with a deadline.
    Pending,
    Confirmed,
    Expired,
    Cancelled,
    Refunded,
}

/// How a booking came to be, which decides what its buyer may have beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BookingKind {
    /// A buyer's own: one pending at a time for each event.
    #[default]
    Checkout,
    /// Held for somebody on the waitlist until they answer.
    Offer,
    /// Made by the people of the event's organization.
    Staff,
}

/// How a booking was paid that staff confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaidBy {
    Cash,
    /// A card terminal at the door or the box office.
    Terminal,
    Transfer,
    /// Complimentary: nothing was paid.
    Comp,
}

/// Minor units and an ISO 4217 code: `{"amount": 4500, "currency": "EUR"}` is 45 euros.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Money {
    #[schema(example = 4500)]
    pub amount: i64,
    #[schema(example = "EUR")]
    pub currency: String,
}

impl Money {
    /// As a number of units: `45.00`.
    pub fn shown(&self) -> String {
        in_units(self.amount, decimals(&self.currency))
    }
}

/// All that a booking has of one ticket type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BookingItem {
    pub ticket_type_id: TicketTypeId,
    pub name: String,
    pub quantity: i64,
    pub unit_price: Money,
    /// Empty for general admission.
    pub seats: Vec<BookedSeat>,
}

/// A line of a booking's price. Amounts are minor units of the total's currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BookingLine {
    pub kind: LineKind,
    /// Of tickets and discounts.
    pub ticket_type_id: Option<TicketTypeId>,
    /// Of a discount the voucher's code.
    #[schema(example = "Stalls")]
    pub name: String,
    pub quantity: i64,
    /// Negative in discounts.
    #[schema(example = 4500)]
    pub unit_amount: i64,
    /// The line's part of the total: nothing, if it is a tax that the prices contain.
    #[schema(example = 4500)]
    pub amount: i64,
    /// Of tickets and fees: their share of the tax, after discounts. Of a tax: all of it.
    pub tax_amount: i64,
    /// The tax of this line.
    pub tax: Option<TaxRate>,
}

impl From<PriceLine> for BookingLine {
    fn from(line: PriceLine) -> BookingLine {
        BookingLine {
            amount: line.amount(),
            kind: line.kind,
            ticket_type_id: line.ticket_type_id,
            name: line.name,
            quantity: line.quantity,
            unit_amount: line.unit_amount,
            tax_amount: line.tax_amount,
            tax: line.tax,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BookedSeat {
    pub id: SeatId,
    pub section: String,
    pub row: String,
    pub number: String,
}

/// One admission.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Ticket {
    #[schema(example = "TKT-20261121-7F3K9QWX")]
    pub code: String,
    pub ticket_type_id: TicketTypeId,
    pub seat_id: Option<SeatId>,
    pub status: TicketStatus,
    /// To whom its buyer offers it, until they take it or it is withdrawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub offer: Option<TicketOffer>,
}

/// A ticket with its event and place, as somebody who may see it is shown it, without its booking.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HeldTicket {
    pub id: TicketId,
    /// Of a ticket that was taken over, for whoever holds it: counts its changes, with those of its event, type and seat. Of two
    /// pictures of it, the higher version is the newer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub version: Option<i64>,
    /// The one that opens the door, for whoever holds the ticket.
    #[schema(example = "TKT-20261121-7F3K9QWX")]
    pub code: String,
    /// `transferred` is as good as `valid`, for whoever took it over.
    pub status: TicketStatus,
    pub event_id: EventId,
    pub event_title: String,
    pub event_status: EventStatus,
    pub venue: String,
    #[schema(value_type = String, format = DateTime)]
    pub starts_at: Timestamp,
    /// IANA.
    #[schema(example = "Europe/Berlin")]
    pub timezone: String,
    pub ticket_type_id: TicketTypeId,
    pub ticket_type: String,
    pub seat: Option<BookedSeat>,
    /// When whoever holds it took it over; absent while it is its buyer's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, required = false)]
    pub taken_over_at: Option<Timestamp>,
    /// For whoever holds the ticket: to whom they offer it. `DELETE /tickets/{code}/transfer` withdraws that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub offer: Option<TicketOffer>,
}

/// A ticket on its way to somebody else, which is its holder's until then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TicketOffer {
    /// The address that it was offered to, but for its first sign and its host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(required = false, example = "g…@example.org")]
    pub to: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TicketStatus {
    Valid,
    Used,
    /// Somebody else holds it now, by a code of their own.
    Transferred,
    Void,
}

impl Booking {
    /// Leaves out what says anything of people.
    pub fn without_people(mut self) -> Booking {
        for offer in self
            .tickets
            .iter_mut()
            .filter_map(|ticket| ticket.offer.as_mut())
        {
            offer.to = None;
        }
        self
    }
}

impl TicketStatus {
    /// As the database and the wire spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            TicketStatus::Valid => "valid",
            TicketStatus::Used => "used",
            TicketStatus::Transferred => "transferred",
            TicketStatus::Void => "void",
        }
    }

    pub fn parse(text: &str) -> Option<TicketStatus> {
        use TicketStatus::{Transferred, Used, Valid, Void};
        let all = [Valid, Used, Transferred, Void];
        all.into_iter().find(|status| status.as_str() == text)
    }
}

impl Booking {
    /// Whether money came for it, or is about to.
    pub fn is_paid(&self) -> bool {
        self.status == BookingStatus::Confirmed
            && self.total.amount > 0
            && self.paid_by != Some(PaidBy::Comp)
    }
}

impl BookingStatus {
    pub const ALL: [BookingStatus; 5] = [
        BookingStatus::Pending,
        BookingStatus::Confirmed,
        BookingStatus::Expired,
        BookingStatus::Cancelled,
        BookingStatus::Refunded,
    ];

    /// As the database and the wire spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            BookingStatus::Pending => "pending",
            BookingStatus::Confirmed => "confirmed",
            BookingStatus::Expired => "expired",
            BookingStatus::Cancelled => "cancelled",
            BookingStatus::Refunded => "refunded",
        }
    }
}

impl std::str::FromStr for BookingStatus {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        let all = BookingStatus::ALL;
        let found = all.into_iter().find(|status| status.as_str() == text);
        found.ok_or(UnknownStatus)
    }
}

impl BookingKind {
    pub fn is_checkout(&self) -> bool {
        *self == BookingKind::Checkout
    }

    pub fn parse(text: &str) -> Option<BookingKind> {
        let all = [
            BookingKind::Checkout,
            BookingKind::Offer,
            BookingKind::Staff,
        ];
        all.into_iter().find(|kind| kind.as_str() == text)
    }

    /// As the database and the wire spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            BookingKind::Checkout => "checkout",
            BookingKind::Offer => "offer",
            BookingKind::Staff => "staff",
        }
    }
}

impl PaidBy {
    pub const ALL: [PaidBy; 4] = [
        PaidBy::Cash,
        PaidBy::Terminal,
        PaidBy::Transfer,
        PaidBy::Comp,
    ];

    /// As the database and the wire spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            PaidBy::Cash => "cash",
            PaidBy::Terminal => "terminal",
            PaidBy::Transfer => "transfer",
            PaidBy::Comp => "comp",
        }
    }
}

/// The text names no status of a booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of pending, confirmed, expired, cancelled, refunded")]
pub struct UnknownStatus;
