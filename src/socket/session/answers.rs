//! Answers joins, once their event is open or known not to exist.

use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;

use super::{
    Effect, FirstJoin, JoinStage, ReplyTo, Rules, Session, ShownTopic, Subscription,
    SubscriptionPresence,
};
use crate::auth::Right;
use crate::hub::presence as here;
use crate::hub::{NativeView, NotOpened};
use crate::metrics;
use crate::protocol::code::{self, ErrorReply};
use crate::protocol::phoenix::{self, Empty, PhoenixReply, Vsn};
use crate::protocol::presence;
use crate::protocol::supabase::{Bindings, SYSTEM};
use crate::protocol::topic::Topic;
use crate::socket::channel::{Joined, View};
use crate::ticketing::live::{EventInfo, EventStatus};
use crate::ticketing::{EventId, Revision};

/// The event that a join waited for, and the place of its viewer-to-be.
pub(crate) struct OpenedEvent<'a> {
    pub(crate) channel: usize,
    pub(crate) member: usize,
    /// The topic's name in the key of the channel, which all its viewers share.
    pub(crate) topic: Arc<str>,
    pub(crate) event: &'a EventInfo,
    /// The revision that the answer brings the viewer to.
    pub(crate) revision: Revision,
    pub(crate) here: Option<&'a here::PresenceView>,
}

impl Session {
    /// The event of a waiting join is open: checks that the caller may see it, and answers. `joined` makes the body of the answer
    /// to a native join.
    pub(crate) fn opened(
        &mut self,
        place: u32,
        opened: OpenedEvent<'_>,
        joined: impl FnOnce(NativeView, Option<Revision>) -> Joined,
        rules: Rules<'_>,
        effects: &mut Vec<Effect>,
    ) -> bool {
        let OpenedEvent {
            channel,
            member,
            topic,
            event,
            revision,
            here,
        } = opened;
        let vsn = self.vsn;
        let seen = self.caller.may_see(event);
        let organizes = self.caller.may(Right::Figures, event.organizer_id);
        let Some(subscription) = self
            .subscriptions
            .get_mut(place as usize)
            .and_then(Option::as_mut)
        else {
            return false;
        };
        let JoinStage::Waiting(join) = &subscription.stage else {
            return false;
        };
        if !seen {
            self.not_opened(place, event.id, NotOpened::NoSuchEvent, effects);
            return false;
        }
        let is_admin = matches!(join.view, View::Native(NativeView::Admin));
        if is_admin && !organizes {
            let error = format_args!("event {} is somebody else's", event.id);
            self.refuse_join(place, code::UNAUTHORIZED.because(error), effects);
            return false;
        }
        let view = match &join.view {
            &View::Native(view) => {
                let answer = subscription.answer(vsn, joined(view, join.since));
                effects.push(Effect::SendState(answer));
                Some(view)
            }
            View::Tables(bindings) => {
                metrics::JOINS.one("dialect");
                let bindings = bindings.clone();
                effects.push(Effect::Send(subscription.answer(vsn, bindings.reply())));
                effects.extend(subscription.members(vsn, here));
                effects.extend(subscription.system(vsn, &bindings));
                None
            }
        };
        let early = subscription.stage.take_early();
        subscription.topic = topic;
        subscription.stage = JoinStage::Live {
            channel,
            member,
            sent: revision,
            view,
        };
        if let SubscriptionPresence::Counted { step, sent } = &mut subscription.presence {
            *sent = here.map_or(0, |here| here.counted.serial);
            let is = step.clone();
            effects.extend(is.map(|is| Effect::Step {
                channel,
                was: None,
                is: Some(is),
            }));
        }
        if is_admin {
            let name = Topic::Admin(event.id);
            subscription.private = Some(Box::new(ShownTopic { name, sent: 0 }));
            effects.push(Effect::Watch {
                subscription: place,
                name,
                since: None,
            });
        }
        self.first_join = FirstJoin::Answered;
        self.needs_token |= is_admin || event.status == EventStatus::Draft;
        self.take_early(place, early, rules, effects);
        true
    }

    /// The event of a waiting join cannot be opened: answers with the reason, and drops the join.
    pub(crate) fn not_opened(
        &mut self,
        place: u32,
        event: EventId,
        why: NotOpened,
        effects: &mut Vec<Effect>,
    ) {
        let error = match why {
            NotOpened::NoSuchEvent => {
                code::EVENT_NOT_FOUND.because(format_args!("no event {event}"))
            }
            NotOpened::Unavailable => code::UNAVAILABLE.because("the database does not answer"),
            NotOpened::Behind => code::UNAVAILABLE
                .because("this node is behind what you have, and does not reach the database"),
            NotOpened::Restarting => code::RESTARTING.because("the node goes down"),
        };
        self.refuse_join(place, error, effects);
    }

    /// Answers a waiting join with an error, and drops it.
    fn refuse_join(&mut self, place: u32, error: ErrorReply, effects: &mut Vec<Effect>) {
        self.refuses_join(&error);
        let Some(subscription) = self
            .subscriptions
            .get_mut(place as usize)
            .and_then(|slot| slot.take_if(|slot| matches!(slot.stage, JoinStage::Waiting(_))))
        else {
            return;
        };
        let JoinStage::Waiting(join) = subscription.stage else {
            return;
        };
        let at = ReplyTo {
            join_ref: subscription.join_ref.as_ref(),
            reference: join.reference.as_ref(),
            topic: &subscription.topic,
        };
        effects.push(self.refuse(at, error));
        effects.extend(self.refuse_early(join.early));
    }
}

impl Subscription {
    /// The reply to the join.
    fn answer(&self, vsn: Vsn, body: impl Serialize) -> Bytes {
        let reference = match &self.stage {
            JoinStage::Waiting(join) => join.reference.as_ref(),
            _ => None,
        };
        let (join_ref, body) = (self.join_ref.as_ref(), PhoenixReply::Ok(body));
        phoenix::reply(vsn, join_ref, reference, &self.topic, body)
    }

    /// The list of members, for a join of the dialect that asked for it; sent even if it is empty, since clients hold back every
    /// diff until they have a state.
    fn members(&mut self, vsn: Vsn, here: Option<&here::PresenceView>) -> Option<Effect> {
        let here = match &mut self.presence {
            SubscriptionPresence::Listed {
                shown: true, sent, ..
            } => {
                *sent = here.map_or(0, |here| here.listing.serial);
                here
            }
            SubscriptionPresence::Nobody => None,
            _ => return None,
        };
        let (join_ref, topic, event) = (
            self.join_ref.as_ref(),
            &*self.topic,
            presence::PRESENCE_STATE,
        );
        Some(Effect::SendState(match here {
            Some(here) => phoenix::push_to(vsn, join_ref, topic, event, &here.listing.state),
            None => phoenix::push_to(vsn, join_ref, topic, event, &Empty {}),
        }))
    }

    /// The confirmation that clients of the dialect wait for after the reply, if they bound tables.
    fn system(&self, vsn: Vsn, bindings: &Bindings) -> Option<Effect> {
        let system = bindings.system(&self.topic)?;
        let join_ref = self.join_ref.as_ref();
        let system = phoenix::push_to(vsn, join_ref, &self.topic, SYSTEM, &system);
        Some(Effect::Send(system))
    }
}
