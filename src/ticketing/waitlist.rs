//! The rules of the waitlist: who is offered what of the stock that is left.
//!
//! In the order in which they came, each the whole of what they wait for; those whom the stock cannot serve are passed
//! over and keep their place. An offer is a hold until its own deadline.

use jiff::{SignedDuration, Timestamp};

use super::booking::{self, Grant, Item, Request, Sells, Wish};
use super::live::TicketType;
use super::refusal::Refusal;
use super::stock::{Share, Stock};
use super::{BookingId, SeatId, TicketTypeId, UserId, WaitingId};

/// An offer that could stand for less than this is not made, in seconds.
const OFFER_S_MIN: i64 = 60;

/// Somebody who waits.
#[derive(Debug, Clone, PartialEq)]
pub struct WaitingBuyer {
    pub id: WaitingId,
    pub user_id: UserId,
    pub quantity: i64,
    /// Any one of these, the first that has enough; `None`: any of the event's.
    pub ticket_types: Option<Vec<TicketTypeId>>,
    /// A member by the token with which they came.
    pub member: bool,
    /// Tag of the language of mails about what they are offered.
    pub lang: String,
}

/// The offer to an entry of the waitlist. The stock has moved already.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    pub to: WaitingBuyer,
    pub booking_id: BookingId,
    pub grant: Grant,
}

/// Whether a buyer who has none yet may have so many of a ticket type in one booking: otherwise none is ever offered.
///
/// # Errors
/// The bound that is in the way.
pub fn may_have(ticket_type: &TicketType, quantity: i64) -> Result<(), Refusal> {
    let ticket_type_id = ticket_type.id;
    let bounds = [ticket_type.max_per_booking, ticket_type.max_per_user];
    if let Some(max) = bounds
        .into_iter()
        .flatten()
        .min()
        .filter(|max| quantity > *max)
    {
        let ticket_type_id = Some(ticket_type_id);
        return Err(Refusal::LimitExceeded {
            max,
            ticket_type_id,
        });
    }
    match ticket_type.min_per_booking.filter(|min| quantity < *min) {
        Some(min) => Err(Refusal::BelowMinimum {
            min,
            ticket_type_id,
        }),
        None => Ok(()),
    }
}

/// Makes all offers that the stock allows; those who get one wait no more.
pub fn offers(stock: &mut Stock, waiting: &mut Vec<WaitingBuyer>, now: Timestamp) -> Vec<Offer> {
    let lasts = SignedDuration::from_mins(stock.event.offer_minutes);
    let until = now.saturating_add(lasts).unwrap_or(Timestamp::MAX);
    let until = until.min(stock.event.starts_at);
    if until.duration_since(now) < SignedDuration::from_secs(OFFER_S_MIN) {
        return Vec::new();
    }
    let mut made = Vec::new();
    waiting.retain(|one| {
        if stock.pool_left(stock.root) < one.quantity {
            return true;
        }
        match offer(stock, one, until, now) {
            Some(offer) => {
                made.push(offer);
                mistaken!(OfferTwice)
            }
            None => true,
        }
    });
    made
}

fn offer(stock: &mut Stock, to: &WaitingBuyer, until: Timestamp, now: Timestamp) -> Option<Offer> {
    let booking_id = id(to.id, now);
    for ticket_type in wanted(stock, to) {
        let mut request = Request {
            booking_id,
            buyer: Some(to.user_id),
            guest: None,
            share: Share::default(),
            sells: Sells::Nowhere,
            member: to.member,
            email_proven: false,
            wish: Wish::Items(vec![Item::Quantity {
                ticket_type_id: ticket_type,
                quantity: to.quantity,
            }]),
            expected_total: None,
            vouchers: Vec::new(),
            least_charge: false,
        };
        let mut granted = booking::offer(stock, &request, until, now);
        if let Err(Refusal::NoAdjacentSeats { .. }) = granted {
            // Better apart than not at all.
            request.wish = Wish::Items(any_seats(stock, ticket_type, to.quantity));
            granted = booking::offer(stock, &request, until, now);
        }
        if let Ok(grant) = granted {
            let to = to.clone();
            return Some(Offer {
                to,
                booking_id,
                grant,
            });
        }
    }
    None
}

fn wanted(stock: &Stock, to: &WaitingBuyer) -> Vec<TicketTypeId> {
    match &to.ticket_types {
        Some(types) => types.clone(),
        // A hidden type is for who has its voucher.
        None => {
            let types = stock.ticket_types.iter().filter(|(_, terms)| !terms.hidden);
            let mut types: Vec<_> = types.map(|(id, terms)| (terms.sort, *id)).collect();
            types.sort_unstable();
            types.into_iter().map(|(_, id)| id).collect()
        }
    }
}

fn any_seats(stock: &Stock, ticket_type: TicketTypeId, quantity: i64) -> Vec<Item> {
    let of_type = stock.seats.iter();
    let of_type = of_type.filter(|(_, seat)| seat.ticket_type_id == ticket_type && !seat.taken);
    let seats: Vec<SeatId> = of_type.map(|(id, _)| *id).collect();
    let quantity = usize::try_from(quantity).unwrap_or(usize::MAX);
    let items = seats.into_iter().take(quantity);
    items.map(|seat_id| Item::Seat { seat_id }).collect()
}

/// A UUIDv7 without chance: somebody who waits is offered one booking.
fn id(waiting: WaitingId, now: Timestamp) -> BookingId {
    let ms = u64::try_from(now.as_millisecond()).unwrap_or(0);
    let mut tail = [0; 10];
    tail[2..].copy_from_slice(&waiting.0.to_be_bytes());
    BookingId(uuid::Builder::from_unix_timestamp_millis(ms, &tail).into_uuid())
}

#[cfg(test)]
mod tests;
