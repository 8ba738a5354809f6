//! Carries out the effects of sessions.

use super::session::{Effect, JoinStage};
use super::shard::Shard;
use crate::config::inside::EFFECTS_KEPT_MAX;
use crate::metrics;
use crate::protocol::code;

impl Shard {
    /// Carries out the effects that the session asked for, then writes.
    pub(super) fn perform(&mut self, id: usize) {
        let mut effects = std::mem::take(&mut self.effects);
        // Answering a join may add effects, at the end of the same list.
        let mut next = 0;
        while next < effects.len() {
            let effect = std::mem::replace(&mut effects[next], Effect::Send(bytes::Bytes::new()));
            next += 1;
            self.act(id, effect);
            effects.append(&mut self.effects);
        }
        effects.clear();
        effects.shrink_to(EFFECTS_KEPT_MAX);
        self.effects = effects;
        self.recheck(id);
        self.bring(id);
    }

    /// Carries out one effect. Writes nothing, though a frame may wait afterwards.
    pub(super) fn act(&mut self, id: usize, effect: Effect) {
        match effect {
            Effect::Send(frame) => self.send(id, frame),
            Effect::SendState(frame) => self.send_state(id, frame),
            Effect::Close { code, reason } => self.close(id, code, reason),
            Effect::Step { channel, was, is } => self.step(channel, was, is),
            Effect::Track {
                subscription,
                channel,
                key,
                tracked,
            } => self.track(id, subscription, channel, key, tracked),
            Effect::Untrack {
                subscription,
                channel,
            } => self.untrack(id, subscription, channel),
            Effect::Depart { channel, owner } => self.depart(channel, owner),
            Effect::Say {
                subscription,
                channel,
                saying,
            } => self.pass_on(id, subscription, channel, *saying),
            Effect::Leave { channel, member } => self.leave(id, channel, member),
            Effect::Tell { frame, interaction } => self.tell(id, &frame, *interaction),
            Effect::Watch {
                subscription,
                name,
                since,
            } => self.watch_private(id, subscription, name, since),
            Effect::Unwatch { subscription, name } => {
                self.unwatch_private(id, subscription, name);
            }
            Effect::Join {
                subscription,
                key,
                event,
            } => self.join(id, subscription, key, event),
        }
    }

    /// After a new token: ends subscriptions that its bearer may not have.
    pub(super) fn recheck(&mut self, id: usize) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        if !connection.session.take_caller_changed() {
            return;
        }
        let mut hidden = Vec::new();
        for (place, subscription) in connection.session.subscriptions_mut() {
            let name = subscription.private.as_deref().map(|shown| shown.name);
            let state = match subscription.stage {
                JoinStage::Live { channel, .. } => {
                    let event = self.channels.event_of(channel);
                    let history = event.and_then(|event| self.watching.history(event));
                    history.map(|history| history.state().clone())
                }
                _ => None,
            };
            hidden.push((place, name, state));
        }
        let session = &mut connection.session;
        hidden.retain(|(_, name, state)| {
            let event = state.as_ref().map(|state| &state.event);
            event.is_some_and(|event| !session.caller().may_see(event))
                || name.is_some_and(|name| session.forbidden(name, event))
        });
        for (place, ..) in hidden {
            session.end(place, &mut self.effects);
        }
        if !self.effects.is_empty() {
            self.perform(id);
        }
    }

    fn send_state(&mut self, id: usize, frame: bytes::Bytes) {
        let connection = self.connections.get_mut(id);
        if let Some(connection) = connection.filter(|connection| connection.is_open()) {
            connection.outbox.push_state(frame);
        }
    }

    pub(super) fn send(&mut self, id: usize, frame: bytes::Bytes) {
        let max = self.config.socket.outbox_bytes_max;
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        if connection.is_open() && connection.send(frame, max).is_err() {
            self.close(id, code::OUTBOX_OVERFLOW.number, "read faster, then resume");
        }
    }

    pub(super) fn close(&mut self, id: usize, code: u16, reason: &str) {
        let now_ms = self.now_ms();
        if let Some(connection) = self.connections.get_mut(id)
            && connection.close(code, reason, now_ms)
        {
            metrics::CLOSES.one(code::name_of_close(code));
        }
    }

    /// Removes an ended connection from all parts of the shard.
    pub(super) fn remove(&mut self, id: usize) {
        let Some(mut connection) = self.connections.remove(id) else {
            return;
        };
        for (place, subscription) in connection.session.subscriptions_mut() {
            if let Some(shown) = &subscription.private {
                self.unwatch_private(id, place, shown.name);
            }
            if let JoinStage::Live {
                channel, member, ..
            } = subscription.stage
            {
                let presence = &mut subscription.presence;
                match presence.leave(channel).filter(|_| !mistaken!(DropLeave)) {
                    Some(Effect::Step { channel, was, is }) => self.step(channel, was, is),
                    Some(Effect::Depart { channel, owner }) => self.depart(channel, owner),
                    _ => {}
                }
                self.leave(id, channel, member);
            }
        }
    }
}
