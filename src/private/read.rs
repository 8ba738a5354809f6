//! Makes one read of the database, and turns its rows into the planner's types.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::planner::{AskedTopic, ToldTopic, TopicAnswers};
use crate::hub::private::{FoundContent, Listed, Picture};
use crate::protocol::native::EntityKind;
use crate::protocol::topic::Topic;
use crate::store::private::OwnBookings;
use crate::store::{Store, StoreError};
use crate::ticketing::UserId;
use crate::ticketing::record::Booking;

pub(super) async fn read(
    store: &Store,
    asked: &[AskedTopic],
    bookings_max: i64,
) -> Result<TopicAnswers, StoreError> {
    let (mut users, mut events) = (HashMap::new(), Vec::new());
    for asked in asked {
        match asked.topic {
            Topic::User(user) => drop(users.insert(user, asked.known.as_deref())),
            Topic::Admin(event) => events.push(event),
            _ => {}
        }
    }
    let mut answer = TopicAnswers::with_capacity(asked.len());
    if !users.is_empty() {
        let ids: Vec<UserId> = users.keys().copied().collect();
        let lacks = |user: UserId, listed: &[_]| {
            Picture::lacks(users.get(&user).copied().flatten(), listed)
        };
        for own in store.own_bookings(&ids, bookings_max, lacks).await? {
            answer.insert(Topic::User(own.user), told_of(own));
        }
    }
    if !events.is_empty() {
        for (read, figures) in store.figures(&events).await? {
            let told = ToldTopic {
                owner: figures.organizer,
                read,
                found: FoundContent::Figures(raw(&figures)),
            };
            answer.insert(Topic::Admin(figures.event), told);
        }
    }
    Ok(answer)
}

fn told_of(own: OwnBookings) -> ToldTopic {
    let mut bodies: HashMap<_, Booking> = own.bookings.into_iter().map(|b| (b.id, b)).collect();
    let listed = own.listed.into_iter().map(|(id, version)| {
        let booking = bodies.remove(&id);
        Listed {
            kind: EntityKind::Booking,
            id,
            // The booking may have been written between the two statements.
            version: booking.as_ref().map_or(version, |booking| booking.version),
            body: booking.as_ref().map(raw),
        }
    });
    ToldTopic {
        owner: own.user,
        found: FoundContent::Own(listed.collect()),
        read: own.read,
    }
}

/// Encodes a struct with string keys and finite numbers, which cannot fail.
fn raw(value: &impl Serialize) -> Arc<RawValue> {
    to_raw_value(value).map_or_else(|_| RawValue::NULL.to_owned().into(), Arc::from)
}
