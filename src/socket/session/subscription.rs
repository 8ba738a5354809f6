//! The joined topics of a connection, and their positions.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Effect, ReplyTo, Session, ShownTopic, SubscriptionPresence, Voice};
use crate::hub::NativeView;
use crate::protocol::code;
use crate::protocol::phoenix::{self, ClientFrame, Ref};
use crate::socket::channel::{ChannelKey, Has, View};
use crate::ticketing::Revision;

/// A joined topic, or one whose join waits for its event to be loaded.
#[derive(Debug)]
pub(crate) struct Subscription {
    pub(super) topic: Arc<str>,
    pub(super) join_ref: Option<Ref>,
    pub(crate) stage: JoinStage,
    pub(crate) presence: SubscriptionPresence,
    pub(crate) voice: Option<Box<Voice>>,
    /// Its private topic, beside a channel or instead of one.
    pub(crate) private: Option<Box<ShownTopic>>,
}

#[derive(Debug)]
pub(crate) enum JoinStage {
    /// The event is being loaded; then the join is answered.
    Waiting(Box<PendingJoin>),
    /// A private topic is being read; then the join is answered.
    Asking(Box<PendingAsk>),
    /// Joined to a private topic.
    Told,
    /// Joined: `sent` is the revision that the client has or is being sent.
    Live {
        channel: usize,
        member: usize,
        sent: Revision,
        view: Option<NativeView>,
    },
}

/// A join that waits for its event.
#[derive(Debug)]
pub(crate) struct PendingJoin {
    pub(super) reference: Option<Ref>,
    /// Given by the shard to each join that it lets wait; 0 before.
    pub(super) number: u32,
    pub(super) view: View,
    pub(super) since: Option<Revision>,
    /// Messages that came before the answer.
    pub(super) early: Vec<ClientFrame>,
}

/// A join that waits for its private topic.
#[derive(Debug)]
pub(crate) struct PendingAsk {
    pub(super) reference: Option<Ref>,
    /// Messages that came before the answer.
    pub(super) early: Vec<ClientFrame>,
}

impl Subscription {
    pub(crate) fn is_live_in(&self, channel: usize) -> bool {
        matches!(self.stage, JoinStage::Live { channel: own, .. } if own == channel)
    }
}

impl Session {
    pub(crate) fn subscriptions_mut(&mut self) -> impl Iterator<Item = (u32, &mut Subscription)> {
        (0..)
            .zip(&mut self.subscriptions)
            .filter_map(|(place, slot)| Some((place, slot.as_mut()?)))
    }

    pub(crate) fn subscription_mut(&mut self, place: u32) -> Option<&mut Subscription> {
        self.subscriptions.get_mut(place as usize)?.as_mut()
    }

    /// Ends a subscription for good: `phx_close`, under the join_ref that ends.
    pub(crate) fn end(&mut self, place: u32, effects: &mut Vec<Effect>) {
        self.end_with(place, "phx_close", &json!({}), effects);
    }

    /// Ends a subscription in a way after which clients join anew: `phx_error`.
    pub(crate) fn fail(&mut self, place: u32, effects: &mut Vec<Effect>) {
        let reason = json!({"reason": "the topic failed"});
        self.end_with(place, "phx_error", &reason, effects);
    }

    /// The same, because more rows changed than can be sent one by one.
    pub(crate) fn let_read_anew(&mut self, place: u32, effects: &mut Vec<Effect>) {
        let reason = json!({"reason": "too much changed: join again and read the tables anew"});
        self.end_with(place, "phx_error", &reason, effects);
    }

    fn end_with(&mut self, place: u32, event: &str, payload: &Value, effects: &mut Vec<Effect>) {
        self.give_up(place, effects);
        let Some(mut subscription) = self
            .subscriptions
            .get_mut(place as usize)
            .and_then(Option::take)
        else {
            return;
        };
        let (join_ref, topic) = (subscription.join_ref.as_ref(), &*subscription.topic);
        if let JoinStage::Live {
            channel, member, ..
        } = subscription.stage
        {
            effects.extend(subscription.presence.leave(channel));
            effects.push(Effect::Leave { channel, member });
        }
        let frame = phoenix::push_to(self.vsn, join_ref, topic, event, payload);
        effects.extend(
            subscription
                .private
                .as_deref()
                .map(|shown| Effect::Unwatch {
                    subscription: place,
                    name: shown.name,
                }),
        );
        effects.push(Effect::Send(frame));
    }

    /// Answers a join that was left or replaced before its event was open: clients wait for an answer to every ref.
    pub(super) fn give_up(&mut self, place: u32, effects: &mut Vec<Effect>) {
        let Some(subscription) = self.subscription_mut(place) else {
            return;
        };
        let early = subscription.stage.take_early();
        let reference = match &mut subscription.stage {
            JoinStage::Waiting(join) => join.reference.take(),
            JoinStage::Asking(join) => join.reference.take(),
            JoinStage::Told | JoinStage::Live { .. } => return,
        };
        if reference.is_some()
            && let Some(subscription) = &self.subscriptions[place as usize]
        {
            let at = ReplyTo {
                join_ref: subscription.join_ref.as_ref(),
                reference: reference.as_ref(),
                topic: &subscription.topic,
            };
            let error = code::JOIN_ENDED.because("left or joined again before it was answered");
            effects.push(self.refuse(at, error));
        }
        effects.extend(self.refuse_early(early));
    }

    /// The position of a joined topic: what the client has or is being sent.
    pub(crate) fn has(&self, place: u32) -> Option<Has> {
        let subscription = self.subscriptions.get(place as usize)?.as_ref()?;
        match subscription.stage {
            JoinStage::Live { sent, .. } => Some(Has {
                revision: sent,
                vsn: self.vsn,
                without: subscription.without(),
            }),
            _ => None,
        }
    }

    pub(crate) fn set_sent(&mut self, place: u32, revision: Revision) {
        if let Some(Subscription {
            stage: JoinStage::Live { sent, .. },
            ..
        }) = self.subscription_mut(place)
        {
            *sent = revision;
        }
    }

    /// Notes the serial of presence that it was sent.
    pub(crate) fn set_shown(&mut self, place: u32, serial: u64) {
        let subscription = self.subscription_mut(place);
        if let Some(sent) = subscription.and_then(|subscription| subscription.presence.sent()) {
            *sent = serial;
        }
    }

    /// Whether this place still has the join that waits for this channel.
    pub(crate) fn waits_for(&self, place: u32, key: &ChannelKey) -> bool {
        self.subscriptions
            .get(place as usize)
            .and_then(Option::as_ref)
            .is_some_and(|subscription| {
                matches!(&subscription.stage, JoinStage::Waiting(join)
                if subscription.topic == key.topic && join.view == key.view)
            })
    }

    /// Numbers the join that waits at this place.
    pub(crate) fn number_join(&mut self, place: u32, number: u32) {
        if let Some(Subscription {
            stage: JoinStage::Waiting(join),
            ..
        }) = self.subscription_mut(place)
        {
            join.number = number;
        }
    }

    /// The number of the join that waits at this place; 0 if none does.
    pub(crate) fn join_number(&self, place: u32) -> u32 {
        let subscription = self.subscriptions.get(place as usize);
        match subscription.and_then(Option::as_ref).map(|one| &one.stage) {
            Some(JoinStage::Waiting(join)) => join.number,
            _ => 0,
        }
    }

    /// The revision that the client of a waiting join has.
    pub(crate) fn since(&self, place: u32, key: &ChannelKey) -> Option<Revision> {
        let subscription = self.subscriptions.get(place as usize)?.as_ref()?;
        match &subscription.stage {
            JoinStage::Waiting(join) if self.waits_for(place, key) => join.since,
            _ => None,
        }
    }

    pub(super) fn place_of(&self, topic: &str) -> Option<u32> {
        let place = self
            .subscriptions
            .iter()
            .position(|s| s.as_ref().is_some_and(|s| &*s.topic == topic))?;
        u32::try_from(place).ok()
    }

    pub(super) fn place(&mut self, subscription: Subscription) -> u32 {
        let place = self
            .subscriptions
            .iter()
            .position(Option::is_none)
            .unwrap_or_else(|| {
                if self.subscriptions.is_empty() {
                    // A widget joins one topic, and growth would make room for four.
                    self.subscriptions.reserve_exact(1);
                }
                self.subscriptions.push(None);
                self.subscriptions.len() - 1
            });
        self.subscriptions[place] = Some(subscription);
        // `joins_max` keeps places few.
        u32::try_from(place).unwrap_or(u32::MAX)
    }
}
