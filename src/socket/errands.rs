//! Requests that take I/O, which other tasks do for a shard: broadcasts are stored by a task of the back, and their answers
//! come through the mailbox.

use tokio::time::Instant;
use uuid::Uuid;

use super::session::{Saying, TrackReply};
use super::shard::Shard;
use crate::broadcast::SentBroadcast;
use crate::hub::ErrandAnswer;
use crate::protocol::code;
use crate::ticketing::interaction::Interaction;

impl Shard {
    /// Hands over a broadcast. The join gets its sender id now, since its own notice may come back before the answer does and
    /// is recognised by that id.
    pub(super) fn pass_on(&mut self, id: usize, subscription: u32, channel: usize, saying: Saying) {
        let (Some(event), Ok(place)) = (self.channels.event_of(channel), u32::try_from(id)) else {
            return;
        };
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        let session = &mut connection.session;
        let voice = session.subscription_mut(subscription);
        let Some(voice) = voice.and_then(|subscription| subscription.voice.as_mut()) else {
            return;
        };
        let sender = *voice.sender.get_or_insert_with(Uuid::now_v7);
        let Saying {
            caller,
            mut notice,
            reference,
        } = saying;
        notice.sender = Some(sender);
        let answer = ErrandAnswer {
            connection: place,
            subscription,
            sender,
            reference,
            outcome: Ok(()),
        };
        let said = SentBroadcast {
            event,
            caller,
            notice,
            at: Instant::now(),
            shard: self.shard as usize,
            answer: answer.clone(),
        };
        if !self.config.broadcasts.say(Box::new(said)) {
            let outcome = Err(code::UNAVAILABLE.because("too many broadcasts wait"));
            session.answered(ErrandAnswer { outcome, ..answer }, &mut self.effects);
        }
    }

    /// Hands over an interaction; never waits until it is stored.
    pub(super) fn tell(&mut self, id: usize, frame: &TrackReply, interaction: Interaction) {
        if let Some(connection) = self.connections.get_mut(id) {
            let from = connection.admission.address;
            let told = self.config.interactions.tell(from, vec![interaction]);
            let session = &connection.session;
            session.answer_told(frame, told, &mut self.effects);
        }
    }

    pub(super) fn on_answer(&mut self, answer: ErrandAnswer) {
        let id = answer.connection as usize;
        if let Some(connection) = self.connections.get_mut(id) {
            connection.session.answered(answer, &mut self.effects);
            self.perform(id);
        }
    }
}
