//! Joins and leaves: reads them and checks rights.

use std::sync::Arc;

use super::{
    Effect, JoinStage, PendingAsk, PendingJoin, ReplyTo, Rules, Session, ShownTopic, Subscription,
    SubscriptionPresence, Voice,
};
use crate::hub::NativeView;
use crate::protocol::code::{self, ErrorReply};
use crate::protocol::native;
use crate::protocol::phoenix::{ClientFrame, Payload, Ref, Vsn};
use crate::protocol::supabase::JoinConfig;
use crate::protocol::topic::{RealtimeTopic, Topic};
use crate::socket::channel::{ChannelKey, View};
use crate::ticketing::{EventId, Revision};

/// A join: of a channel of an event, or of a private topic.
enum JoinRequest {
    Channel(Box<AskedToJoin>),
    Private {
        name: Topic,
        since: Option<Revision>,
    },
}

struct AskedToJoin {
    name: Topic,
    event: EventId,
    join: PendingJoin,
    presence: SubscriptionPresence,
    voice: Option<Box<Voice>>,
}

impl AskedToJoin {
    fn of_native(
        name: Topic,
        event: EventId,
        view: NativeView,
        join: native::Join,
        frame: &ClientFrame,
    ) -> Self {
        let step = join.presence.and_then(|presence| presence.step);
        let presence = match view {
            NativeView::Event => SubscriptionPresence::Counted {
                step: step.map(Arc::from),
                sent: 0,
            },
            // The organizer sees the counts, but is not counted.
            NativeView::Admin => SubscriptionPresence::Counted {
                step: None,
                sent: 0,
            },
            NativeView::Seats => SubscriptionPresence::None,
        };
        AskedToJoin {
            name,
            event,
            join: PendingJoin {
                reference: frame.reference.clone(),
                number: 0,
                view: View::Native(view),
                since: join.since,
                early: Vec::new(),
            },
            presence,
            voice: None,
        }
    }

    fn of_dialect(topic: RealtimeTopic, config: JoinConfig, frame: &ClientFrame) -> Self {
        let presence = match topic {
            RealtimeTopic::Registration(_) => SubscriptionPresence::Listed {
                key: config.presence.key.map(Arc::from),
                shown: config.presence.enabled,
                sent: 0,
                owner: None,
            },
            _ if config.presence.enabled => SubscriptionPresence::Nobody,
            _ => SubscriptionPresence::None,
        };
        let voice = match topic {
            RealtimeTopic::EventUpdates(_) => Some(Box::new(Voice::new(config.broadcast))),
            _ => None,
        };
        AskedToJoin {
            name: Topic::Realtime(topic),
            event: topic.event(),
            join: PendingJoin {
                reference: frame.reference.clone(),
                number: 0,
                view: View::Tables(Arc::new(config.bindings.of_event(topic.event()))),
                since: None,
                early: Vec::new(),
            },
            presence,
            voice,
        }
    }
}

impl Session {
    pub(super) fn on_join(
        &mut self,
        frame: &ClientFrame,
        now_ms: u64,
        rules: Rules<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let at = ReplyTo::of(frame);
        if !self.joins.take(now_ms) {
            let error = code::JOIN_RATE.because("Too many joins per second");
            return effects.push(self.refuse(at, error));
        }
        let of_address = self.joins_of_address.as_ref();
        if of_address.is_some_and(|joins| !joins.take(now_ms)) {
            let error = code::JOIN_RATE.because("Too many joins from this address");
            return effects.push(self.refuse(at, error));
        }
        let asked = match self.read_join(frame, rules) {
            Ok(asked) => asked,
            Err(error) => return effects.push(self.refuse(at, error)),
        };
        if let Some(place) = self.place_of(&frame.topic) {
            // A second join of a topic ends the first; its end names the first's join_ref, else the
            // client would take it for the end of the new one.
            self.end(place, effects);
        } else if self.subscriptions.iter().flatten().count() >= rules.limits.joins_max {
            let error = code::TOO_MANY_JOINS.because("Too many channels");
            return effects.push(self.refuse(at, error));
        }
        let topic: Arc<str> = frame.topic.as_str().into();
        let asked = match asked {
            JoinRequest::Private { since, name } => {
                return self.ask_for_private(topic, name, since, frame, effects);
            }
            JoinRequest::Channel(asked) => *asked,
        };
        let key = ChannelKey {
            name: asked.name,
            topic: topic.clone(),
            view: asked.join.view.clone(),
        };
        let subscription = Subscription {
            topic,
            join_ref: self.join_ref(frame),
            stage: JoinStage::Waiting(Box::new(asked.join)),
            presence: asked.presence,
            voice: asked.voice,
            private: None,
        };
        let place = self.place(subscription);
        effects.push(Effect::Join {
            subscription: place,
            key,
            event: asked.event,
        });
    }

    /// The join_ref by which a client identifies a join. 1.0.0 has no field for it, so it is the ref of the join itself; a close
    /// without it would end a later join of the same topic.
    fn join_ref(&self, frame: &ClientFrame) -> Option<Ref> {
        let own = frame.reference.as_ref().filter(|_| self.vsn == Vsn::V1);
        frame.join_ref.as_ref().or(own).cloned()
    }

    /// Joins a private topic that has no event behind it.
    fn ask_for_private(
        &mut self,
        topic: Arc<str>,
        name: Topic,
        since: Option<Revision>,
        frame: &ClientFrame,
        effects: &mut Vec<Effect>,
    ) {
        let join_ref = self.join_ref(frame);
        let subscription = self.place(Subscription {
            topic,
            join_ref,
            stage: JoinStage::Asking(Box::new(PendingAsk {
                reference: frame.reference.clone(),
                early: Vec::new(),
            })),
            presence: SubscriptionPresence::None,
            voice: None,
            private: Some(Box::new(ShownTopic { name, sent: 0 })),
        });
        effects.push(Effect::Watch {
            subscription,
            name,
            since,
        });
    }

    /// Reads a join frame, or returns the reason to refuse it. A token in it becomes the caller's.
    fn read_join(
        &mut self,
        frame: &ClientFrame,
        rules: Rules<'_>,
    ) -> Result<JoinRequest, ErrorReply> {
        let name = Topic::parse(&frame.topic)?;
        let Payload::Json(payload) = &frame.payload else {
            return Err(code::INVALID_PAYLOAD.because("a join's payload is JSON"));
        };
        let (event, view) = match name {
            Topic::Event(event) => (event, NativeView::Event),
            Topic::Seats(event) => (event, NativeView::Seats),
            Topic::Admin(event) => (event, NativeView::Admin),
            Topic::User(_) => {
                let join = native::Join::read(payload)?;
                self.sign_in(join.access_token.as_deref(), rules)?;
                self.may_ask(name)?;
                let since = join.since;
                return Ok(JoinRequest::Private { name, since });
            }
            Topic::Realtime(topic) => {
                let config = JoinConfig::read(payload, rules.limits)?;
                self.sign_in(config.access_token.as_deref(), rules)?;
                let asked = AskedToJoin::of_dialect(topic, config, frame);
                return Ok(JoinRequest::Channel(Box::new(asked)));
            }
            Topic::Phoenix => {
                return Err(code::UNMATCHED_TOPIC
                    .because(format_args!("\"{}\" is not served", frame.topic)));
            }
        };
        let join = native::Join::read(payload)?;
        self.sign_in(join.access_token.as_deref(), rules)?;
        self.may_ask(name)?;
        let asked = AskedToJoin::of_native(name, event, view, join, frame);
        Ok(JoinRequest::Channel(Box::new(asked)))
    }

    pub(super) fn on_leave(&mut self, frame: &ClientFrame, effects: &mut Vec<Effect>) {
        let left = self.place_of(&frame.topic).filter(|place| {
            // A leave of an older join must not end a newer one of the same topic.
            let joined = self.subscriptions[*place as usize]
                .as_ref()
                .and_then(|s| s.join_ref.as_ref());
            frame.join_ref.is_none() || frame.join_ref.as_ref() == joined
        });
        // In Phoenix a join is always answered before its leave.
        if let Some(place) = left {
            self.give_up(place, effects);
        }
        effects.push(self.ok(ReplyTo::of(frame)));
        if let Some(place) = left {
            self.end(place, effects);
        }
    }
}
