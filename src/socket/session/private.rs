//! Private topics: rights to join them, and answers to joins.

use super::{Effect, FirstJoin, JoinStage, ReplyTo, Rules, Session, Subscription};
use crate::auth::Right;
use crate::hub::NotOpened;
use crate::hub::private::Picture;
use crate::metrics;
use crate::protocol::code::{self, ErrorReply};
use crate::protocol::phoenix::{self, PhoenixReply};
use crate::protocol::topic::Topic;
use crate::ticketing::Revision;

/// The private topic of a subscription, and the revision that it has.
#[derive(Debug)]
pub(crate) struct ShownTopic {
    pub(crate) name: Topic,
    /// The revision that the client has or is being sent.
    pub(crate) sent: Revision,
}

impl Session {
    /// Whether the caller may ask for the topic at all. An event's organizer is known only with its picture.
    pub(super) fn may_ask(&self, name: Topic) -> Result<(), ErrorReply> {
        match name {
            Topic::User(user) if self.caller.user_id() != Some(user) => {
                Err(code::UNAUTHORIZED.because(format_args!("only user {user} joins \"{name}\"")))
            }
            Topic::Admin(_) if !self.caller.is_staff() => Err(code::UNAUTHORIZED
                .because(format_args!("only the event's organizer joins \"{name}\""))),
            _ => Ok(()),
        }
    }

    /// The private topics whose joins are not answered yet.
    pub(crate) fn asking(&self) -> Vec<(u32, Topic)> {
        let places = (0..).zip(&self.subscriptions);
        let asking = places.filter_map(|(place, slot)| {
            let subscription = slot.as_ref()?;
            let shown = subscription.private.as_deref()?;
            let asks = matches!(subscription.stage, JoinStage::Asking(_));
            asks.then_some((place, shown.name))
        });
        asking.collect()
    }

    fn may_read(&self, picture: &Picture) -> bool {
        match picture.topic {
            Topic::Admin(_) => self.caller.may(Right::Figures, picture.owner),
            _ => self.caller.user_id() == Some(picture.owner),
        }
    }

    /// Ends a subscription whose caller may not see the picture (any more).
    pub(crate) fn recheck_private(
        &mut self,
        place: u32,
        picture: &Picture,
        effects: &mut Vec<Effect>,
    ) {
        let may_read = self.may_read(picture);
        let subscription = self.subscription_mut(place);
        let shown = subscription.and_then(|subscription| subscription.private.as_deref());
        if !may_read && shown.is_some_and(|shown| shown.name == picture.topic) {
            self.end(place, effects);
        }
    }

    /// Answers a join with the changes from its `since` to the picture.
    pub(crate) fn answer_private(
        &mut self,
        place: u32,
        picture: &Picture,
        since: Option<Revision>,
        rules: Rules<'_>,
        effects: &mut Vec<Effect>,
    ) {
        if !self.may_read(picture) {
            return;
        }
        let vsn = self.vsn;
        let Some(subscription) = self.subscription_mut(place) else {
            return;
        };
        let (JoinStage::Asking(join), Some(shown)) =
            (&mut subscription.stage, &mut subscription.private)
        else {
            return;
        };
        if shown.name != picture.topic {
            return;
        }
        let (reference, body) = (join.reference.take(), picture.joined(since));
        shown.sent = body.revision;
        effects.push(Effect::SendState(phoenix::reply(
            vsn,
            subscription.join_ref.as_ref(),
            reference.as_ref(),
            &subscription.topic,
            PhoenixReply::Ok(body),
        )));
        let early = subscription.stage.take_early();
        subscription.stage = JoinStage::Told;
        metrics::JOINS.one("private");
        (self.first_join, self.needs_token) = (FirstJoin::Answered, true);
        self.take_early(place, early, rules, effects);
    }

    /// Tells a waiting join why there is no picture. A viewer that has one keeps it.
    pub(crate) fn no_private(&mut self, place: u32, why: NotOpened, effects: &mut Vec<Effect>) {
        let asking = |subscription: &mut Subscription| match &mut subscription.stage {
            JoinStage::Asking(join) => Some(join.reference.take()),
            _ => None,
        };
        let Some(reference) = self.subscription_mut(place).and_then(asking) else {
            return;
        };
        let Some(mut subscription) = self.subscriptions[place as usize].take() else {
            return;
        };
        let at = ReplyTo {
            join_ref: subscription.join_ref.as_ref(),
            reference: reference.as_ref(),
            topic: &subscription.topic,
        };
        let error = match why {
            NotOpened::Restarting => code::RESTARTING.because("the node goes down"),
            NotOpened::NoSuchEvent => {
                code::EVENT_NOT_FOUND.because(format_args!("no event of \"{}\"", at.topic))
            }
            NotOpened::Unavailable | NotOpened::Behind => {
                code::UNAVAILABLE.because("the database does not answer")
            }
        };
        self.refuses_join(&error);
        effects.push(self.refuse(at, error));
        effects.extend(self.refuse_early(subscription.stage.take_early()));
        effects.extend(
            subscription
                .private
                .as_deref()
                .map(|shown| Effect::Unwatch {
                    subscription: place,
                    name: shown.name,
                }),
        );
    }

    /// Ends a subscription whose topic is gone for good; a new join is answered `EVENT_NOT_FOUND`.
    pub(crate) fn private_gone(&mut self, place: u32, name: Topic, effects: &mut Vec<Effect>) {
        let subscription = self.subscription_mut(place);
        let shown = subscription.and_then(|subscription| subscription.private.as_deref());
        if shown.is_some_and(|shown| shown.name == name) {
            self.end(place, effects);
        }
    }
}
