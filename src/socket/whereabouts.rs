//! Sends the presence of a shard's sessions to the task of presence.

use std::sync::Arc;

use serde_json::{Map, Value};
use uuid::Uuid;

use super::session::SubscriptionPresence;
use super::shard::Shard;
use crate::presence::Owner;
use crate::presence::roster::ListedMember;
use crate::protocol::code;
use crate::protocol::presence::is_step;

impl Shard {
    pub(super) fn step(&mut self, channel: usize, was: Option<Arc<str>>, is: Option<Arc<str>>) {
        if let Some(event) = self.channels.event_of(channel) {
            self.whereabouts.step(event, was.as_ref(), is.as_ref());
        }
    }

    pub(super) fn track(
        &mut self,
        id: usize,
        subscription: u32,
        channel: usize,
        key: Option<Arc<str>>,
        tracked: Map<String, Value>,
    ) {
        let (Some(event), Some(connection)) = (
            self.channels.event_of(channel),
            self.connections.get_mut(id),
        ) else {
            return;
        };
        let Some(subscription) = connection.session.subscription_mut(subscription) else {
            return;
        };
        if !subscription.is_live_in(channel) {
            // The topic was joined again right after this; the member ended with the older join.
            return;
        }
        let SubscriptionPresence::Listed {
            owner,
            key: own_key,
            ..
        } = &mut subscription.presence
        else {
            return;
        };
        let owner = *owner.get_or_insert_with(|| self.whereabouts.new_owner());
        // A join without a key gets one of its own, which it keeps.
        let key = key.unwrap_or_else(|| Uuid::now_v7().to_string().into());
        *own_key = Some(key.clone());
        // A step that is too long, or empty, counts as none.
        let step = tracked.get("step").and_then(Value::as_str);
        let step = step.filter(|step| is_step(step));
        let member = ListedMember {
            key,
            step: step.map(Arc::from),
            tracked: Arc::new(tracked),
        };
        if self.whereabouts.track(event, owner, member).is_err() {
            // The end of the join removes the member; if it comes back later, there is room.
            let code = code::OUTBOX_OVERFLOW.number;
            self.close(id, code, "too many members at once: come back");
        }
    }

    pub(super) fn untrack(&mut self, id: usize, subscription: u32, channel: usize) {
        let connection = self.connections.get_mut(id);
        let subscription = connection.and_then(|c| c.session.subscription_mut(subscription));
        let presence = subscription.map(|subscription| &mut subscription.presence);
        if let Some(SubscriptionPresence::Listed { owner, .. }) = presence
            && let Some(owner) = owner.take()
        {
            self.depart(channel, owner);
        }
    }

    pub(super) fn depart(&mut self, channel: usize, owner: Owner) {
        if let Some(event) = self.channels.event_of(channel) {
            self.whereabouts.untrack(event, owner);
        }
    }
}
