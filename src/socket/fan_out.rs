//! From an entry that moved to the sockets of its viewers.

use bytes::Bytes;

use super::channel::{Frames, Has, PHOENIX, View};
use super::session::{Stage, Subscription};
use super::shard::Shard;
use crate::metrics;
use crate::protocol::native;
use crate::protocol::phoenix;
use crate::ticketing::Revision;

impl Shard {
    /// Gives every viewer of a topic what it misses, as far as its socket takes it. A viewer whose
    /// socket is full keeps its revision and is brought to whatever is now when it drains.
    pub(super) fn fan_out(&mut self, topic: usize) {
        for channel in self.channels_of(topic) {
            // Removing a connection that has ended may have taken its last viewer from a channel.
            let Some(moved) = self.channels.get_mut(channel) else {
                continue;
            };
            moved.moved();
            let gone = self.fan_out_channel(topic, channel);
            gone.into_iter().for_each(|id| self.remove(id));
        }
    }

    /// Returns the connections that turned out to have ended.
    fn fan_out_channel(&mut self, topic: usize, channel: usize) -> Vec<usize> {
        let Some(entry) = &self.topics[topic].entry else {
            return Vec::new();
        };
        let (revision, limits) = (entry.revision(), &self.config.availability);
        let channel = &mut self.channels[channel];
        let (mut gone, mut with_beat) = (Vec::new(), Vec::new());
        let mut to_read_anew = Vec::new();
        let (mut delivered, mut skipped) = (0, 0);
        for place in 0..channel.members.len() {
            let member = channel.members[place];
            let id = member.connection as usize;
            let Some(connection) = self.connections.get_mut(id) else {
                continue;
            };
            if !connection.is_clear() {
                skipped += 1;
                continue;
            }
            if connection.beat_in <= 1 {
                // Its beat is due within a visit: let it go out in the same write.
                with_beat.push(id);
                continue;
            }
            let Some(has) = connection.session.has(member.subscription) else {
                continue;
            };
            if has.revision >= revision {
                continue;
            }
            let frames = channel.frames(entry, has, limits);
            let written = frames.bytes.is_empty()
                || match connection.write_shared(&frames.bytes) {
                    Ok(taken) => taken,
                    Err(_) => {
                        gone.push(id);
                        continue;
                    }
                };
            if written {
                delivered += 1;
                connection.session.set_sent(member.subscription, revision);
                if frames.read_anew {
                    to_read_anew.push((id, member.subscription));
                }
            } else {
                skipped += 1;
            }
        }
        metrics::DELIVERIES.add(delivered);
        metrics::SKIPPED.add(skipped);
        with_beat.into_iter().for_each(|id| self.beat(id));
        for (id, subscription) in to_read_anew {
            self.let_read_anew(id, &[subscription]);
        }
        gone
    }

    /// Ends joins of clients that are to read the tables anew: they join again by themselves.
    fn let_read_anew(&mut self, id: usize, subscriptions: &[u32]) {
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

    /// Sends a connection what waits for it, then brings each of its topics to now.
    pub(super) fn bring(&mut self, id: usize) {
        self.bring_with(id, false);
    }

    /// The same, with the beat at the end. A socket that is full gets no beat: what it has is old.
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
            if !matches!(subscription.stage, Stage::Asking { .. } | Stage::Waiting(_))
                && let Some(shown) = subscription.private.as_deref_mut()
                && let Some(picture) = self.private.latest(shown.name)
                && let Some(frame) = picture.frame(vsn, shown.sent)
            {
                connection.outbox.push_state(frame);
                shown.sent = picture.revision;
            }
            let without = subscription.without();
            let Stage::Live { channel, sent, .. } = &mut subscription.stage else {
                continue;
            };
            let channel = &mut self.channels[*channel];
            let Some(entry) = &self.topics[channel.topic].entry else {
                continue;
            };
            if *sent < entry.revision() {
                metrics::DELIVERIES.add(1);
                metrics::CATCH_UPS.add(u64::from(entry.is_lagging(*sent)));
                let has = Has {
                    revision: *sent,
                    vsn,
                    without,
                };
                let mut frames = channel.frames(entry, has, &self.config.availability);
                if matches!(&channel.key.view, View::Tables(bindings) if !bindings.is_empty()) {
                    // A client may have many such channels, and what each is told is its own.
                    let bytes = frames.bytes.len();
                    if bytes_of_rows > 0 && bytes_of_rows + bytes > outbox_bytes_max {
                        frames = Frames {
                            bytes: Bytes::new(),
                            read_anew: true,
                        };
                    }
                    bytes_of_rows += frames.bytes.len();
                }
                connection.outbox.push_state(frames.bytes);
                *sent = entry.revision();
                if frames.read_anew {
                    to_read_anew.push(place);
                    continue;
                }
            }
            if let Some(here) = self.whereabouts.view(self.topics[channel.topic].event)
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

    fn queue_beat(&mut self, id: usize) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        connection.beat_in = self.wheel.beat_visits();
        let vsn = connection.session.vsn;
        let told = connection.session.subscriptions_mut();
        let told = told.filter(|(_, subscription)| matches!(subscription.stage, Stage::Told));
        let told = told.filter_map(|(_, subscription)| {
            let shown = subscription.private.as_deref()?;
            let picture = self.private.latest(shown.name)?;
            Some(((shown.name, shown.sent), picture.checked_at()))
        });
        let (told, read_at): (Vec<_>, Vec<_>) = told.unzip();
        let joined = |(_, subscription): (u32, &mut Subscription)| match subscription.stage {
            Stage::Live {
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
        let mut checked = self.checked;
        for (channel, _) in &topics {
            // A topic that waits to be opened anew may lack something: nothing is proven of it.
            let topic = &self.topics[self.channels[*channel].topic];
            checked.at = topic.proven_at.map_or(checked.at, |at| at.min(checked.at));
        }
        let frame = |revisions: &[_], checked| {
            let beat = native::beat(revisions, checked);
            phoenix::push(vsn, PHOENIX, native::BEAT, &beat)
        };
        match &*topics {
            [] => {}
            // Nearly all: their beat is the same as their neighbours'.
            [(channel, sent)] => {
                let beat = self.channels[*channel].beat(*sent, checked, vsn);
                connection.outbox.push(beat);
            }
            _ => {
                let name =
                    |(channel, sent): &(usize, Revision)| (self.channels[*channel].key.name, *sent);
                let revisions: Vec<_> = topics.iter().map(name).collect();
                connection.outbox.push(frame(&revisions, checked));
            }
        }
        // Private topics are read apart from the log, and proven by their own reads alone.
        if let Some(at) = read_at.into_iter().min() {
            let checked = native::Checked {
                at,
                database_up: self.checked.database_up,
            };
            connection.outbox.push(frame(&told, checked));
        }
    }
}
