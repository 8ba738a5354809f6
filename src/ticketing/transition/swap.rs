//! Other tickets in place of a pending booking's: all or nothing, until the same deadline.

use jiff::Timestamp;

use super::{Moved, Standing, invalid, release, status};
use crate::ticketing::booking::{self, Grant, Request, Sells};
use crate::ticketing::record::{Booking, BookingKind, BookingStatus};
use crate::ticketing::refusal::Refusal;
use crate::ticketing::stock::{Claim, Proof, Stock};
use crate::ticketing::{SeatId, TicketTypeId};

/// The rules are those of a new booking for which the old one is free: its stock, its part of the buyer's share, and its
/// uses of vouchers. `request.vouchers` are the booking's own; they are judged again for the new tickets. A claim that serves
/// both stays, so that viewers never see its seat come free.
pub(super) fn swap(
    stock: &mut Stock,
    standing: &mut Standing,
    request: &Request,
    now: Timestamp,
) -> Result<Moved, Refusal> {
    let booking = &standing.booking;
    let is_open = booking.processing_since.is_none() && booking.kind != BookingKind::Offer;
    match status(booking, now) {
        BookingStatus::Pending if is_open => {}
        from => return Err(invalid(from, BookingStatus::Pending)),
    }
    let request = Request {
        booking_id: booking.id,
        buyer: booking.user_id,
        sells: match booking.kind {
            BookingKind::Staff => request.sells.clone(),
            _ => Sells::Nowhere,
        },
        email_proven: request.email_proven || was_proven(stock, booking),
        ..request.clone()
    };
    let buyer = booking.user_id.and_then(|user| stock.buyers.get(&user));
    let buyer = buyer.cloned();
    let guest = request.guest.and_then(|guest| stock.guests.get(&guest));
    let guest = guest.cloned();
    if !mistaken!(SwapKeepsStock) {
        release(stock, booking.id, booking.user_id, &standing.claims);
    }
    forget_guest(stock, &request, standing);
    count_uses(stock, &request, 1);
    match booking::decide(stock, &request, now) {
        Ok(grant) => Ok(swapped(stock, standing, &grant, now)),
        Err(refusal) => {
            count_uses(stock, &request, -1);
            for claim in &standing.claims {
                let seats: Vec<SeatId> = claim.seat_id.into_iter().collect();
                stock.take(claim.ticket_type_id, claim.quantity, &seats, claim.state);
            }
            if let (Some(user), Some(buyer)) = (standing.booking.user_id, buyer) {
                stock.buyers.insert(user, buyer);
            }
            if let (Some(hash), Some(guest)) = (request.guest, guest) {
                stock.guests.insert(hash, guest);
            }
            Err(refusal)
        }
    }
}

/// The booking has tickets that are sold with proof only, so its buyer has given it.
fn was_proven(stock: &Stock, booking: &Booking) -> bool {
    booking.items.iter().any(|item| {
        let terms = stock.ticket_types.get(&item.ticket_type_id);
        terms.is_some_and(|terms| terms.proof >= Proof::Email)
    })
}

/// A booking uses each of its vouchers once, also while it is swapped.
fn count_uses(stock: &mut Stock, request: &Request, by: i64) {
    for voucher in &mut stock.prices.vouchers {
        if request.vouchers.contains(&voucher.code) {
            voucher.uses_left = voucher.uses_left.map(|left| left + by);
        }
    }
}

fn forget_guest(stock: &mut Stock, request: &Request, standing: &Standing) {
    let guest = request.guest.and_then(|guest| stock.guests.get_mut(&guest));
    let Some(guest) = guest else { return };
    guest.pending = (guest.pending - 1).max(0);
    for claim in &standing.claims {
        guest.tickets = (guest.tickets - claim.quantity).max(0);
        if let Some(live) = guest.live.get_mut(&claim.ticket_type_id) {
            *live = (*live - claim.quantity).max(0);
        }
    }
}

fn swapped(stock: &Stock, standing: &mut Standing, grant: &Grant, now: Timestamp) -> Moved {
    let (claims, items) = (claims(&standing.claims, grant), grant.items(stock));
    let lines = grant.price_lines();
    let as_before = lines == standing.booking.lines && items == standing.booking.items;
    if as_before && is_same(&claims, &standing.claims) {
        return Moved::Before;
    }
    standing.claims = claims;
    standing.absorbed_fee_amount = Some(grant.absorbed_fee_amount);
    let booking = &mut standing.booking;
    booking.items = items;
    booking.quantity = grant.quantity;
    booking.total = grant.total(stock);
    booking.lines = lines;
    booking.version += 1;
    if grant.terms == booking::Terms::Confirmed {
        booking.status = BookingStatus::Confirmed;
        booking.confirmed_at = Some(now);
    }
    Moved::Now
}

/// In whatever order.
fn is_same(one: &[Claim], other: &[Claim]) -> bool {
    one.len() == other.len() && one.iter().all(|claim| other.contains(claim))
}

fn claims(before: &[Claim], grant: &Grant) -> Vec<Claim> {
    let state = grant.claim_state();
    let of = |ticket_type_id: TicketTypeId, seat_id, quantity| {
        let mut before = before.iter();
        let kept =
            before.find(|claim| claim.ticket_type_id == ticket_type_id && claim.seat_id == seat_id);
        Claim {
            id: kept.map_or(Claim::UNSTORED, |claim| claim.id),
            ticket_type_id,
            seat_id,
            quantity,
            state,
        }
    };
    let lines = grant.lines.iter();
    lines
        .flat_map(|line| match line.seats.is_empty() {
            true => vec![of(line.ticket_type_id, None, line.quantity)],
            false => {
                let seats = line.seats.iter();
                seats
                    .map(|seat| of(line.ticket_type_id, Some(*seat), 1))
                    .collect()
            }
        })
        .collect()
}
