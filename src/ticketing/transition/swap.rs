//! Other tickets in place of a pending booking's: all or nothing, until the same deadline.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::Timestamp;

use super::{Moved, Standing, invalid, release, status};
use crate::ticketing::booking::{self, Grant, GrantLine, Request, Sells};
use crate::ticketing::record::{Booking, BookingKind, BookingStatus};
use crate::ticketing::refusal::Refusal;
use crate::ticketing::stock::{Claim, Proof, Stock};
use crate::ticketing::{SeatId, TicketTypeId};

/// Tickets of a booking that keep their names.
const NAMED_PLACE_MAX: i32 = 10_000;

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
                let (of, voucher) = (claim.ticket_type_id, claim.voucher_id);
                stock.take(of, claim.quantity, &seats, claim.state, voucher);
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

/// A ticket's place among those of its booking, from 1, before and after a swap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeptPlace {
    pub was: i32,
    pub is: i32,
}

/// The tickets whose names stay: those that stay themselves, and those of a type that have another seat instead. The last
/// ones of a type that there are fewer of go.
pub fn kept_places(was: &[Claim], are: &[Claim]) -> Vec<KeptPlace> {
    let mut free: BTreeMap<(TicketTypeId, Option<SeatId>), VecDeque<i32>> = BTreeMap::new();
    for (of, place) in places(was) {
        free.entry(of).or_default().push_back(place);
    }
    let (mut kept, mut others) = (Vec::new(), Vec::new());
    for (of, is) in places(are) {
        match free.get_mut(&of).and_then(VecDeque::pop_front) {
            Some(was) => kept.push(KeptPlace { was, is }),
            None => others.push((of.0, is)),
        }
    }
    let mut left: BTreeMap<TicketTypeId, BTreeSet<i32>> = BTreeMap::new();
    for ((ticket_type, _), places) in free {
        left.entry(ticket_type).or_default().extend(places);
    }
    for (ticket_type, is) in others {
        let was = left.get_mut(&ticket_type).and_then(BTreeSet::pop_first);
        kept.extend(was.map(|was| KeptPlace { was, is }));
    }
    kept
}

/// A booking's tickets with their types, seats and places.
fn places(claims: &[Claim]) -> impl Iterator<Item = ((TicketTypeId, Option<SeatId>), i32)> {
    let claims = Claim::in_order(claims).into_iter();
    let tickets = claims.flat_map(|claim| {
        let of = (claim.ticket_type_id, claim.seat_id);
        (0..claim.quantity).map(move |_| of)
    });
    tickets.zip(1..=NAMED_PLACE_MAX)
}

/// In whatever order.
fn is_same(one: &[Claim], other: &[Claim]) -> bool {
    one.len() == other.len() && one.iter().all(|claim| other.contains(claim))
}

fn claims(before: &[Claim], grant: &Grant) -> Vec<Claim> {
    let state = grant.claim_state();
    let of = |line: &GrantLine, seat_id, quantity| {
        let ticket_type_id = line.ticket_type_id;
        let mut before = before.iter();
        // A claim's voucher stays; another one's is another claim.
        let kept = before.find(|claim| {
            claim.ticket_type_id == ticket_type_id
                && claim.seat_id == seat_id
                && claim.voucher_id == line.reserve
        });
        Claim {
            id: kept.map_or(Claim::UNSTORED, |claim| claim.id),
            ticket_type_id,
            seat_id,
            quantity,
            state,
            voucher_id: line.reserve,
        }
    };
    let lines = grant.lines.iter();
    lines
        .flat_map(|line| match line.seats.is_empty() {
            true => vec![of(line, None, line.quantity)],
            false => {
                let seats = line.seats.iter();
                seats.map(|seat| of(line, Some(*seat), 1)).collect()
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ticketing::ClaimId;
    use crate::ticketing::stock::ClaimState;

    fn claim(id: i64, ticket_type: i64, seat: Option<i64>, quantity: i64) -> Claim {
        Claim {
            id: ClaimId(id),
            ticket_type_id: TicketTypeId(ticket_type),
            seat_id: seat.map(SeatId),
            quantity,
            state: ClaimState::Held,
            voucher_id: None,
        }
    }

    fn kept(was: &[Claim], are: &[Claim]) -> Vec<(i32, i32)> {
        let kept = kept_places(was, are);
        let mut kept: Vec<_> = kept.iter().map(|one| (one.was, one.is)).collect();
        kept.sort_unstable();
        kept
    }

    #[test]
    fn names_stay_with_tickets_that_stay() {
        let was = [claim(1, 1, None, 3), claim(2, 2, None, 1)];
        let fewer = [claim(1, 1, None, 1), claim(2, 2, None, 1)];
        assert_eq!(kept(&was, &fewer), [(1, 1), (4, 2)]);
        let more = [claim(1, 1, None, 5), claim(2, 2, None, 1)];
        assert_eq!(kept(&was, &more), [(1, 1), (2, 2), (3, 3), (4, 6)]);
        let other = [claim(0, 3, None, 1), claim(2, 2, None, 1)];
        assert_eq!(kept(&was, &other), [(4, 1)]);
    }

    #[test]
    fn names_go_along_to_another_seat_of_the_type() {
        let seats = [41, 42, 43].map(|seat| claim(seat, 1, Some(seat), 1));
        let fewer = [seats[2]];
        assert_eq!(kept(&seats, &fewer), [(3, 1)]);
        // Claims come in any order; new ones are numbered last.
        let moved = [claim(0, 1, Some(50), 1), seats[2], seats[1]];
        assert_eq!(kept(&seats, &moved), [(1, 3), (2, 1), (3, 2)]);
        let dearer = [claim(0, 2, Some(60), 1), seats[1]];
        assert_eq!(kept(&seats, &dearer), [(2, 1)]);
    }
}
