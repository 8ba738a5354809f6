//! Names for tickets that do not exist yet: they come in the order in which the tickets are asked for, and are kept in the
//! order in which these will be made.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{Item, Wish};
use crate::ticketing::record::{Attendee, BookingItem};
use crate::ticketing::{SeatId, TicketTypeId};

/// Each name at the place of its ticket among those of a booking with these `items`.
pub fn attendees_of(named: &[Attendee], wish: &Wish, items: &[BookingItem]) -> Vec<Attendee> {
    let asked = match wish {
        Wish::Items(asked) if !named.is_empty() => asked,
        Wish::Items(_) | Wish::Cheapest { .. } => return named.to_vec(),
    };
    let wanted = asked.iter().filter_map(|item| match item {
        Item::Seat { seat_id } => Some(*seat_id),
        Item::Quantity { .. } | Item::BestAvailable { .. } => None,
    });
    let wanted: BTreeSet<SeatId> = wanted.collect();
    let mut seats: BTreeMap<SeatId, usize> = BTreeMap::new();
    let mut others: BTreeMap<TicketTypeId, VecDeque<usize>> = BTreeMap::new();
    for (place, (ticket_type, seat)) in tickets(items).enumerate() {
        match seat.filter(|seat| wanted.contains(seat)) {
            Some(seat) => drop(seats.insert(seat, place)),
            None => others.entry(ticket_type).or_default().push_back(place),
        }
    }
    let mut names = named.iter().cloned();
    let mut placed = BTreeMap::new();
    for item in asked {
        let places: Vec<usize> = match item {
            Item::Seat { seat_id } => seats.remove(seat_id).into_iter().collect(),
            Item::Quantity {
                ticket_type_id,
                quantity,
            }
            | Item::BestAvailable {
                ticket_type_id,
                quantity,
            } => {
                let left = others.entry(*ticket_type_id).or_default();
                let taken =
                    usize::try_from(*quantity).map_or(left.len(), |all| all.min(left.len()));
                left.drain(..taken).collect()
            }
        };
        placed.extend(places.into_iter().zip(names.by_ref()));
    }
    at_places(placed)
}

/// A ticket without a name before others has an empty one.
pub fn at_places(placed: impl IntoIterator<Item = (usize, Attendee)>) -> Vec<Attendee> {
    let mut attendees = Vec::new();
    for (place, attendee) in placed {
        attendees.resize_with(place, || Attendee {
            name: String::new(),
            email: None,
        });
        attendees.push(attendee);
    }
    attendees
}

/// In the order in which they are made.
fn tickets(items: &[BookingItem]) -> impl Iterator<Item = (TicketTypeId, Option<SeatId>)> {
    items.iter().flat_map(|item| {
        let seats = item.seats.iter().map(|seat| Some(seat.id));
        let without = item.quantity - item.seats.len() as i64;
        let without = (0..without).map(|_| None);
        let ticket_type = item.ticket_type_id;
        seats.chain(without).map(move |seat| (ticket_type, seat))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ticketing::record::{BookedSeat, Money};

    fn item(ticket_type: i64, quantity: i64, seats: &[i64]) -> BookingItem {
        let seats = seats.iter().map(|id| BookedSeat {
            id: SeatId(*id),
            section: String::new(),
            row: String::new(),
            number: id.to_string(),
        });
        BookingItem {
            ticket_type_id: TicketTypeId(ticket_type),
            name: String::new(),
            quantity,
            unit_price: Money {
                amount: 0,
                currency: "EUR".to_owned(),
            },
            seats: seats.collect(),
        }
    }

    fn of(ticket_type: i64, quantity: i64) -> Item {
        Item::Quantity {
            ticket_type_id: TicketTypeId(ticket_type),
            quantity,
        }
    }

    fn seat(id: i64) -> Item {
        Item::Seat {
            seat_id: SeatId(id),
        }
    }

    fn placed(named: &[&str], wish: &[Item], items: &[BookingItem]) -> Vec<String> {
        let named = named.iter().map(|name| Attendee {
            name: (*name).to_owned(),
            email: None,
        });
        let named: Vec<Attendee> = named.collect();
        let all = attendees_of(&named, &Wish::Items(wish.to_vec()), items);
        all.into_iter().map(|one| one.name).collect()
    }

    #[test]
    fn names_go_to_the_tickets_that_they_were_given_for() {
        let items = [item(3, 2, &[]), item(9, 1, &[])];
        let dearer_first = [of(9, 1), of(3, 2)];
        let all = ["Ada", "Bo", "Cy"];
        assert_eq!(placed(&all, &dearer_first, &items), ["Bo", "Cy", "Ada"]);
        assert_eq!(placed(&all[..1], &dearer_first, &items), ["", "", "Ada"]);
        let in_parts = [of(3, 1), of(9, 1), of(3, 1)];
        assert_eq!(placed(&all, &in_parts, &items), ["Ada", "Cy", "Bo"]);
    }

    #[test]
    fn names_go_to_the_seats_that_they_were_given_for() {
        let items = [item(1, 3, &[42, 41, 50]), item(2, 1, &[60])];
        // The hall chose seat 50.
        let wish = [of(1, 1), seat(60), seat(41), seat(42)];
        let all = ["Ada", "Bo", "Cy", "Di"];
        assert_eq!(placed(&all, &wish, &items), ["Di", "Cy", "Ada", "Bo"]);
    }
}
