//! Brings one connection to the current state: the missing frames of each of its topics, then a beat if one is due.

use super::channel::{Has, PHOENIX};
use super::session::{JoinStage, Subscription};
use super::shard::Shard;
use crate::metrics;
use crate::protocol::native;
use crate::protocol::phoenix;
use crate::ticketing::Revision;

impl Shard {
    /// Writes a connection's waiting frames, then brings each of its topics to the current state.
    pub(super) fn bring(&mut self, id: usize) {
        self.bring_with(id, false);
    }

    /// The same, with a beat at the end. A full socket gets none, since its client's state is old.
    pub(super) fn beat(&mut self, id: usize) {
        self.bring_with(id, true);
    }

    fn bring_with(&mut self, id: usize, beat: bool) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        let mut flushed = connection.flush();
        if flushed.is_ok() && connection.is_clear() {
            self.queue_missing(id);
            if beat {
                self.queue_beat(id);
            }
            if let Some(connection) = self.connections.get_mut(id) {
                flushed = connection.flush();
            }
        }
        if flushed.is_err() {
            self.remove(id);
        }
    }

    /// At most one frame for each joined topic waits in a connection's outbox, because this is
    /// called only when nothing waits.
    fn queue_missing(&mut self, id: usize) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        let vsn = connection.session.vsn;
        let outbox_bytes_max = self.config.socket.outbox_bytes_max;
        let (mut to_read_anew, mut bytes_of_rows) = (Vec::new(), 0);
        for (place, subscription) in connection.session.subscriptions_mut() {
            if !matches!(
                subscription.stage,
                JoinStage::Asking(_) | JoinStage::Waiting(_)
            ) && let Some(shown) = subscription.private.as_deref_mut()
                && let Some(picture) = self.private.latest(shown.name)
                && let Some(frame) = picture.frame(vsn, shown.sent)
            {
                connection.outbox.push_state(frame);
                shown.sent = picture.revision;
            }
            let without = subscription.without();
            let JoinStage::Live { channel, sent, .. } = &mut subscription.stage else {
                continue;
            };
            let Some(channel) = self.channels.get_mut(*channel) else {
                continue;
            };
            let Some(history) = self.watching.history(channel.event) else {
                continue;
            };
            if *sent < history.revision() {
                metrics::DELIVERIES.add(1);
                metrics::CATCH_UPS.add(u64::from(history.is_lagging(*sent)));
                let has = Has {
                    revision: *sent,
                    vsn,
                    without,
                };
                let mut frames = channel.frames(history, has, &self.config.availability);
                // A client may have many channels of tables, and each needs rows of its own: bound their sum.
                if frames.rows() > 0
                    && bytes_of_rows > 0
                    && bytes_of_rows + frames.rows() > outbox_bytes_max
                {
                    frames = frames.without_rows();
                }
                bytes_of_rows += frames.rows();
                connection.outbox.push_state(frames.bytes);
                *sent = history.revision();
                if frames.read_anew {
                    to_read_anew.push(place);
                    continue;
                }
            }
            if let Some(here) = self.watching.here(channel.event)
                && let Some(sent) = subscription.presence.sent()
                && let Some((serial, frame)) = channel.presence(here, *sent, vsn)
            {
                connection.outbox.push_state(frame);
                *sent = serial;
            }
        }
        if !to_read_anew.is_empty() {
            self.let_read_anew(id, &to_read_anew);
        }
    }

    /// Ends joins of clients that missed more rows than can be sent: they join again by themselves and read the tables.
    pub(super) fn let_read_anew(&mut self, id: usize, subscriptions: &[u32]) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        metrics::READ_ANEW.add(subscriptions.len() as u64);
        for &subscription in subscriptions {
            let session = &mut connection.session;
            session.let_read_anew(subscription, &mut self.effects);
        }
        self.perform(id);
    }

    fn queue_beat(&mut self, id: usize) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        connection.beat_in = self.wheel.beat_visits();
        let vsn = connection.session.vsn;
        let told = connection.session.subscriptions_mut();
        let told = told.filter(|(_, subscription)| matches!(subscription.stage, JoinStage::Told));
        let told = told.filter_map(|(_, subscription)| {
            let shown = subscription.private.as_deref()?;
            let picture = self.private.latest(shown.name)?;
            let checked_at = match mistaken!(BeatByEvents) {
                true => self.watching.checked().at,
                false => picture.checked_at(),
            };
            Some(((shown.name, shown.sent), checked_at))
        });
        let (told, read_at): (Vec<_>, Vec<_>) = told.unzip();
        let joined = |(_, subscription): (u32, &mut Subscription)| match subscription.stage {
            JoinStage::Live {
                channel,
                sent,
                view: Some(_),
                ..
            } => Some((channel, sent)),
            _ => None,
        };
        let topics: Vec<_> = connection
            .session
            .subscriptions_mut()
            .filter_map(joined)
            .collect();
        // `None`: the client lacks changes of an event, and a beat would hide that.
        let proven = topics
            .iter()
            .try_fold(self.watching.checked(), |checked, (channel, sent)| {
                let event = self.channels.event_of(*channel)?;
                let proof = self.watching.proof(event, *sent)?;
                let at = checked.at.min(proof.at);
                Some(native::Checked { at, ..checked })
            });
        let frame = |revisions: &[_], checked| {
            let beat = native::beat(revisions, checked);
            phoenix::push(vsn, PHOENIX, native::BEAT, &beat)
        };
        match (&*topics, proven) {
            ([], _) | (_, None) => {}
            // Nearly all clients have one topic, and get the same bytes as the other viewers of the channel.
            ([(channel, sent)], Some(checked)) => {
                if let Some(channel) = self.channels.get_mut(*channel) {
                    let beat = channel.beat(*sent, checked, vsn);
                    connection.outbox.push(beat);
                }
            }
            (_, Some(checked)) => {
                let name = |&(channel, sent): &(usize, Revision)| {
                    let channel = self.channels.get(channel)?;
                    Some((channel.key.name, sent))
                };
                let revisions: Vec<_> = topics.iter().filter_map(name).collect();
                connection.outbox.push(frame(&revisions, checked));
            }
        }
        // Private topics are not in the log: only their own reads prove them current.
        if let Some(at) = read_at.into_iter().min() {
            let checked = native::Checked {
                at,
                ..self.watching.checked()
            };
            connection.outbox.push(frame(&told, checked));
        }
    }
}
