//! Taxes, fees and vouchers as organizers see them. [`super::price`] has them as a booking's price needs them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{FeeId, TaxId, TicketTypeId, VoucherId};

/// The effect of a voucher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum VoucherKind {
    /// `value` hundredths of a percent off.
    Percent,
    /// `value` minor units off the whole booking.
    Amount,
    /// Each ticket that costs more costs `value` minor units.
    FixedPrice,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct VoucherRule {
    pub id: VoucherId,
    /// In upper case; buyers may type it in any.
    #[schema(example = "EARLY")]
    pub code: String,
    pub kind: VoucherKind,
    pub value: i64,
    /// Live bookings with it.
    pub uses: i64,
    /// `null`: any number.
    pub uses_max: Option<i64>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub valid_from: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub valid_to: Option<Timestamp>,
    /// `null`: all.
    pub ticket_type_ids: Option<Vec<TicketTypeId>>,
    /// Most tickets of a booking that become cheaper, the dearest first; `null`: all.
    pub max_per_booking: Option<i64>,
    /// Its bearer may book hidden ticket types.
    pub reveals_hidden: bool,
    /// Tickets of its one ticket type of which its bearers are sure in all, until its window ends.
    pub reserved: i64,
    /// The units of them that are set aside now: nobody else can book these.
    pub reserved_left: i64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TaxRule {
    pub id: TaxId,
    #[schema(example = "VAT")]
    pub name: String,
    /// Hundredths of a percent.
    #[schema(example = 1900)]
    pub rate: i64,
    /// Prices contain it; otherwise it is added to them.
    pub included: bool,
    /// `null`: of all ticket types that have no tax of their own, and of fees.
    pub ticket_type_id: Option<TicketTypeId>,
}

/// A tax of an organization's events that have none themselves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OrganizationTax {
    pub id: TaxId,
    /// Of events in this country, ISO 3166-1; `null`: of those in countries that have none here.
    #[schema(example = "TH")]
    pub country: Option<String>,
    #[schema(example = "VAT")]
    pub name: String,
    /// Hundredths of a percent.
    #[schema(example = 700)]
    pub rate: i64,
    /// Prices contain it; otherwise it is added to them.
    pub included: bool,
}

/// The base of a fee.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FeeKind {
    /// `value` minor units for each ticket.
    PerTicket,
    /// `value` minor units.
    PerBooking,
    /// `value` hundredths of a percent of what the tickets cost after discounts.
    Percent,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FeeRule {
    pub id: FeeId,
    #[schema(example = "Service fee")]
    pub name: String,
    pub kind: FeeKind,
    pub value: i64,
    /// The organizer pays it: it is no line of a booking.
    pub absorbed: bool,
}
