//! Offers views to the shards until they have taken them.
//!
//! A full mailbox takes no view, and a shard cannot notice that it missed one, since counts that do not change
//! are not sent again. So the latest view of each event waits here for the shards that have not taken it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::hub::presence::PresenceView;
use crate::hub::{Hub, ShardSet};
use crate::metrics;
use crate::ticketing::EventId;

/// Pause before a view is offered again; a busy shard empties its mailbox in one turn.
const OFFER_AGAIN_AFTER: Duration = Duration::from_millis(20);

pub(crate) struct Showing {
    hub: Hub,
    /// The latest view of an event, and the shards that have not taken it.
    missed: BTreeMap<EventId, (Arc<PresenceView>, ShardSet)>,
    offer_again_at: Option<Instant>,
    /// The last sent total of each event, for the metric `seatcast_present`. Bounded as the rosters are.
    present: HashMap<EventId, i64>,
}

impl Showing {
    pub(crate) fn new(hub: Hub) -> Self {
        Self {
            hub,
            missed: BTreeMap::new(),
            offer_again_at: None,
            present: HashMap::new(),
        }
    }

    /// Offers a view to every shard. It replaces an earlier view of the event that some shards have not taken.
    pub(crate) fn show(&mut self, view: PresenceView, now: Instant) {
        self.note(&view);
        let shards = self.hub.shards();
        self.offer(shards, Arc::new(view), now);
    }

    /// Offers the views again that shards have not taken, when it is time.
    pub(crate) fn show_missed(&mut self, now: Instant) {
        if self.offer_again_at.is_none_or(|at| now < at) {
            return;
        }
        self.offer_again_at = None;
        for (view, shards) in std::mem::take(&mut self.missed).into_values() {
            self.offer(shards, view, now);
        }
    }

    /// When views are to be offered again.
    pub(crate) fn next_at(&self) -> Option<Instant> {
        self.offer_again_at
    }

    fn offer(&mut self, shards: ShardSet, view: Arc<PresenceView>, now: Instant) {
        let missed = self.hub.present(shards, &view);
        if missed.is_empty() {
            self.missed.remove(&view.event);
        } else {
            self.missed.insert(view.event, (view, missed));
            self.offer_again_at.get_or_insert(now + OFFER_AGAIN_AFTER);
        }
    }

    fn note(&mut self, view: &PresenceView) {
        let present = i64::try_from(view.counted.counts.total).unwrap_or(i64::MAX);
        let before = match present {
            0 => self.present.remove(&view.event),
            _ => self.present.insert(view.event, present),
        };
        metrics::PRESENT.add(present - before.unwrap_or(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::presence::{Counted, Listing};
    use crate::hub::{Mailbox, News, NotOpened, ToShard};
    use crate::protocol::presence::Counts;

    const EVENT: EventId = EventId(42);

    fn view(total: u64) -> PresenceView {
        let empty = || serde_json::value::RawValue::NULL.to_owned();
        let counts = Counts {
            total,
            ..Counts::default()
        };
        PresenceView {
            event: EVENT,
            counted: Arc::new(Counted::new(total, counts)),
            listing: Arc::new(Listing::new(0, 0, empty(), empty())),
        }
    }

    fn totals(mailbox: &Mailbox<ToShard>) -> Vec<u64> {
        let messages = std::iter::from_fn(|| mailbox.next());
        let total = |message| match message {
            ToShard::News(News::Present(view)) => Some(view.counted.counts.total),
            _ => None,
        };
        messages.filter_map(total).collect()
    }

    #[test]
    fn a_shard_whose_mailbox_was_full_is_shown_the_latest_view_once_it_is_not() {
        let (hub, mailboxes, _watches) = Hub::new(2);
        let mailboxes = mailboxes.shards;
        let mut showing = Showing::new(hub.clone());
        let mut now = Instant::now();
        while mailboxes[0].take_dropped() == 0 {
            hub.not_opened(0, EventId(7), NotOpened::Unavailable);
        }
        showing.show(view(5), now);
        showing.show(view(9), now);
        assert_eq!(totals(&mailboxes[1]), [5, 9]);
        // The mailbox is still full: the view goes on waiting.
        now = showing.next_at().unwrap_or(now);
        showing.show_missed(now);
        assert!(totals(&mailboxes[0]).is_empty());
        showing.show_missed(now);
        assert!(totals(&mailboxes[0]).is_empty());
        now = showing.next_at().unwrap_or(now);
        showing.show_missed(now);
        assert_eq!(totals(&mailboxes[0]), [9]);
        // Every shard has it: no view is sent twice, and none waits.
        assert!(totals(&mailboxes[1]).is_empty());
        assert_eq!(showing.next_at(), None);
    }
}
