//! THE RULES. Pure: no async, no clock, no I/O.
//!
//! `live` is the state that viewers see of an event, and the changes that move it. Beside it are the rules of booking
//! (stock + command + now → grant or refusal), of what becomes of a booking (`transition`), of
//! payments and their postings (`payment`, `ledger`), of organizers' changes, and of
//! availability.

pub mod adjacent;
pub mod admission;
pub mod availability;
pub mod booking;
pub mod calendar;
pub mod currency;
pub mod edit;
pub mod email;
mod ids;
pub mod interaction;
pub mod ledger;
pub mod live;
pub mod movement;
pub mod numbers;
pub mod pass;
pub mod payment;
pub mod price;
pub mod record;
pub mod reference;
pub mod refund;
pub mod refund_policy;
pub mod refusal;
pub mod review;
pub mod rules;
pub mod sellable;
pub mod stock;
pub mod transition;
pub mod waitlist;

pub use ids::{
    ApiKeyId, BookingId, CheckinId, ClaimId, EventId, FeeId, NoticeId, OrganizationId, PaymentId,
    PoolId, PushSubscriptionId, RefundId, SeatId, SessionId, TaxId, TicketId, TicketTypeId,
    TransferId, UserId, VoucherId, WaitingId,
};
/// An event's counter of changes: starts at 1, no gaps, commit order.
pub type Revision = u64;
