//! Makes one read of the database, and turns its rows into the planner's types.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::planner::{AskedTopic, ToldTopic, TopicAnswers};
use crate::hub::private::{FoundContent, Listed, Picture};
use crate::protocol::native::EntityId;
use crate::protocol::topic::Topic;
use crate::store::private::{OwnEntities, OwnMost};
use crate::store::{Store, StoreError};
use crate::ticketing::UserId;

pub(super) async fn read(
    store: &Store,
    asked: &[AskedTopic],
    most: OwnMost,
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
        for own in store.own_entities(&ids, most, lacks).await? {
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

fn told_of(own: OwnEntities) -> ToldTopic {
    let bookings = own.bookings.into_iter();
    let bookings = bookings.map(|one| (EntityId::Booking(one.id), (one.version, raw(&one))));
    let tickets = own.tickets.into_iter();
    let tickets = tickets.map(|one| {
        let version = one.version.unwrap_or_default();
        (EntityId::Ticket(one.id), (version, raw(&one)))
    });
    let mut bodies: HashMap<EntityId, (i64, Arc<RawValue>)> = bookings.chain(tickets).collect();
    let listed = own.listed.into_iter().map(|(id, version)| {
        // It may have been written between the statements.
        let (version, body) = match bodies.remove(&id) {
            Some((version, body)) => (version, Some(body)),
            None => (version, None),
        };
        Listed { id, version, body }
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
