//! Bounds of a booking, and of what one buyer may have of an event.

use super::{Request, RequestedType, ticket_type, total_quantity};
use crate::ticketing::refusal::{BuyerLimit, Refusal};
use crate::ticketing::stock::{Share, Stock, TicketTypeTerms};
use crate::ticketing::{TicketTypeId, UserId};

pub(super) fn check_limits(
    stock: &Stock,
    request: &Request,
    lines: &[RequestedType],
) -> Result<(), Refusal> {
    for line in lines {
        let terms = ticket_type(stock, line.ticket_type_id)?;
        let min = terms.min_per_booking.max(1);
        if line.quantity < min || line.blocks.iter().any(|block| *block < 1) {
            return Err(Refusal::BelowMinimum {
                min,
                ticket_type_id: line.ticket_type_id,
            });
        }
        let allowance = allowance(stock, request, line.ticket_type_id, terms);
        if let Some(max) = allowance.filter(|max| line.quantity > *max) {
            return Err(Refusal::LimitExceeded {
                max,
                ticket_type_id: Some(line.ticket_type_id),
            });
        }
    }
    let max = stock.event.max_per_booking;
    match total_quantity(lines) {
        1.. if total_quantity(lines) <= max => Ok(()),
        _ => Err(Refusal::LimitExceeded {
            max,
            ticket_type_id: None,
        }),
    }
}

/// How many of a ticket type this booking may have; `None` means no bound of the type's own.
fn allowance(
    stock: &Stock,
    request: &Request,
    id: TicketTypeId,
    terms: &TicketTypeTerms,
) -> Option<i64> {
    let buyer = request.buyer.and_then(|user| stock.buyers.get(&user));
    let guest = request.guest.and_then(|guest| stock.guests.get(&guest));
    let live = match (buyer, guest) {
        (Some(buyer), _) => buyer.live.get(&id).copied(),
        (None, Some(guest)) => guest.live.get(&id).copied(),
        (None, None) => None,
    };
    let for_user = terms
        .max_per_user
        .map(|max| (max - live.unwrap_or(0)).max(0));
    [terms.max_per_booking, for_user]
        .into_iter()
        .flatten()
        .min()
}

pub(super) fn check_pending(stock: &Stock, buyer: Option<UserId>) -> Result<(), Refusal> {
    let record = buyer.and_then(|user| stock.buyers.get(&user));
    match record.and_then(|buyer| buyer.pending) {
        Some(booking_id) => Err(Refusal::PendingBookingExists {
            booking_id: Some(booking_id),
        }),
        None => Ok(()),
    }
}

/// No buyer gets more than a share of the event, by however many bookings.
pub(super) fn check_share(stock: &Stock, request: &Request, quantity: i64) -> Result<(), Refusal> {
    let buyer = request.buyer.and_then(|user| stock.buyers.get(&user));
    let guest = request.guest.and_then(|guest| stock.guests.get(&guest));
    let (pending, tickets) = match (buyer, guest) {
        (Some(buyer), _) => (i64::from(buyer.pending.is_some()), buyer.tickets),
        (None, Some(guest)) => (guest.pending, guest.tickets),
        (None, None) => (0, 0),
    };
    let exceeded = |max, of| Err(Refusal::HoldsExceeded { max, of });
    match request.share {
        Share {
            pending: Some(max), ..
        } if pending >= max => exceeded(max, BuyerLimit::PendingBookings),
        Share {
            tickets: Some(max), ..
        } if tickets.saturating_add(quantity) > max => exceeded(max, BuyerLimit::Tickets),
        _ => Ok(()),
    }
}
