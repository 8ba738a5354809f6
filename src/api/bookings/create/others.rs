//! Ticket types that could serve a booking instead, which was refused because too little is left.
//!
//! It is read after the refusal and outside of the event's turn, from memory where the event is watched: a hint, which
//! may be sold itself by the time it arrives.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::api::ApiState;
use crate::api::availability;
use crate::auth::Caller;
use crate::ticketing::availability::SaleState;
use crate::ticketing::booking::{Item, Wish};
use crate::ticketing::stock::Proof;
use crate::ticketing::{EventId, TicketTypeId};

/// The request, as far as it decides which other ticket types would do.
pub(in crate::api::bookings) struct AskedTypes {
    ticket_types: BTreeSet<TicketTypeId>,
    quantity: i64,
    member: bool,
    proof: Proof,
}

impl AskedTypes {
    pub(in crate::api::bookings) fn of(
        wish: &Wish,
        caller: &Caller,
        email_proven: bool,
    ) -> AskedTypes {
        let mut asked = AskedTypes {
            ticket_types: BTreeSet::new(),
            quantity: 0,
            member: matches!(caller, Caller::User { member: true, .. }),
            proof: Proof::of(caller.user_id().is_some(), email_proven),
        };
        match wish {
            Wish::Cheapest { quantity } => asked.quantity = *quantity,
            Wish::Items(items) => items.iter().for_each(|item| asked.add(item)),
        }
        asked
    }

    fn add(&mut self, item: &Item) {
        let quantity = match item {
            Item::Seat { .. } => 1,
            Item::Quantity {
                ticket_type_id,
                quantity,
            }
            | Item::BestAvailable {
                ticket_type_id,
                quantity,
            } => {
                self.ticket_types.insert(*ticket_type_id);
                *quantity
            }
        };
        self.quantity = self.quantity.saturating_add(quantity);
    }
}

/// `[{"ticket_type_id", "available"}]` in display order; empty where nothing else would do, or nobody can tell.
pub(in crate::api::bookings) async fn of(
    state: &ApiState,
    caller: &Caller,
    event_id: EventId,
    asked: &AskedTypes,
) -> Value {
    let Ok(stock) = availability::visible(state, caller, event_id).await else {
        return json!([]);
    };
    let now = state.desk.now();
    let mut types = stock.ticket_types();
    types.retain(|one| {
        let most = [one.max_per_booking, one.max_per_user];
        let most = most.into_iter().flatten().min().unwrap_or(i64::MAX);
        let takes = one.min_per_booking.unwrap_or(1)..=most;
        !asked.ticket_types.contains(&one.id)
            && one.available >= asked.quantity
            && takes.contains(&asked.quantity)
            && (asked.member || !one.members_only)
            && asked.proof >= Proof::of(one.account_required, one.email_required)
            && SaleState::of(stock.event(), one, now) == SaleState::OnSale
    });
    types.sort_by_key(|one| (one.sort, one.id));
    let others = types
        .iter()
        .map(|one| json!({"ticket_type_id": one.id, "available": one.available}));
    others.collect()
}
