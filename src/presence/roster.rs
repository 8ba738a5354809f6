//! One event's presence. Pure: `now` is handed in.
//!
//! The last sent list is kept beside the current one, and a diff is the difference of the two. A change waits for a
//! window before it is sent, so a member who comes and goes within it is never sent to anybody. Neither is the first
//! of two objects that a client tracks as it joins, as clients do that track before they are subscribed and again
//! then: realtime-js 2.109, which npm installs on Node before 22, would show both for ever.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::Owner;
use crate::config::PresenceConfig;
use crate::config::inside::{PRESENCE_LISTED_BYTES_MAX, PRESENCE_WINDOW_BYTES};
use crate::hub::ShardSet;
use crate::hub::presence::{Counted, Listing};
use crate::protocol::presence::{Counts, Diff, Members, Meta};

/// A member as its shard names it.
#[derive(Debug, Clone)]
pub struct ListedMember {
    /// The key that it is listed under; several members may share one.
    pub key: Arc<str>,
    pub step: Option<Arc<str>>,
    pub tracked: Arc<Map<String, Value>>,
}

#[derive(Debug)]
struct RosterMember {
    key: Arc<str>,
    step: Option<Arc<str>>,
    meta: Meta,
    /// Its size in a listing, at most.
    bytes: usize,
}

/// Key and meta of each listed member, in order of arrival.
type ShownMembers = BTreeMap<u64, (Arc<str>, Meta)>;

/// The visitors of one event, and the last view that was sent of it.
#[derive(Debug)]
pub struct Roster {
    /// The shards that have viewers of the event.
    watching: ShardSet,
    /// Native visitors by shard.
    shards: HashMap<usize, Counts>,
    /// In order of arrival; the first ones are listed.
    members: BTreeMap<u64, RosterMember>,
    arrivals: HashMap<Owner, u64>,
    next_arrival: u64,
    /// Counts of the other nodes, summed up.
    elsewhere: Counts,
    counted: Arc<Counted>,
    counts_moved: bool,
    counts_quiet_until: Option<Instant>,
    listing: Arc<Listing>,
    /// The members of the last listing, by arrival.
    shown: ShownMembers,
    members_moved: bool,
    /// When the window of the change is over that was the first since the last listing.
    list_due: Option<Instant>,
    /// Until when the last diff keeps the next one waiting.
    list_quiet_until: Option<Instant>,
    config: PresenceConfig,
}

impl Roster {
    pub fn new(config: &PresenceConfig) -> Self {
        Self {
            watching: ShardSet::default(),
            shards: HashMap::new(),
            members: BTreeMap::new(),
            arrivals: HashMap::new(),
            next_arrival: 0,
            elsewhere: Counts::default(),
            counted: Arc::new(Counted::new(0, Counts::default())),
            counts_moved: false,
            counts_quiet_until: None,
            listing: Arc::new(nobody()),
            shown: BTreeMap::new(),
            members_moved: false,
            list_due: None,
            list_quiet_until: None,
            config: config.clone(),
        }
    }

    /// Notes whether a shard has viewers of the event.
    pub fn watch(&mut self, shard: usize, watched: bool) {
        if watched {
            self.watching.insert(shard);
        } else {
            self.watching.remove(shard);
        }
    }

    /// Replaces a shard's counts of native visitors.
    pub fn count(&mut self, shard: usize, counts: Counts) {
        if counts.is_empty() {
            self.shards.remove(&shard);
        } else {
            self.shards.insert(shard, counts);
        }
        self.counts_moved = true;
    }

    /// Replaces the counts of the other nodes.
    pub fn count_elsewhere(&mut self, counts: Counts) {
        self.counts_moved |= self.elsewhere != counts;
        self.elsewhere = counts;
    }

    /// Adds a member, or replaces the object that it tracks. The same object again changes nothing.
    pub fn track(&mut self, owner: Owner, listed: ListedMember) {
        let before = self
            .arrivals
            .get(&owner)
            .and_then(|arrival| self.members.get(arrival));
        if before
            .is_some_and(|member| member.meta.tracked == listed.tracked && member.key == listed.key)
        {
            return;
        }
        let phx_ref_prev = before.map(|member| member.meta.phx_ref.clone());
        let phx_ref = fresh_ref();
        let meta = Meta {
            tracked: listed.tracked,
            phx_ref,
            phx_ref_prev,
        };
        let arrival = *self.arrivals.entry(owner).or_insert_with(|| {
            self.next_arrival += 1;
            self.next_arrival
        });
        let bytes = bytes_listed(&listed.key, &meta);
        self.members.insert(
            arrival,
            RosterMember {
                key: listed.key,
                step: listed.step,
                meta,
                bytes,
            },
        );
        self.members_moved = true;
        self.counts_moved = true;
    }

    pub fn untrack(&mut self, owner: Owner) {
        if let Some(arrival) = self.arrivals.remove(&owner)
            && !mistaken!(LoseUntrack)
        {
            self.members.remove(&arrival);
            self.members_moved = true;
            self.counts_moved = true;
        }
    }

    /// This node's counts: native visitors and members of the dialect. Steps are any text, so they are bounded wherever
    /// counts come together.
    pub fn here(&self) -> Counts {
        let mut counts = Counts::default();
        self.shards.values().for_each(|shard| counts.merge(shard));
        self.members
            .values()
            .for_each(|member| counts.add(member.step.as_ref()));
        counts.with_steps(self.config.steps_max)
    }

    /// Whether the event has visitors or viewers here.
    pub fn is_wanted(&self) -> bool {
        !self.watching.is_empty() || !self.shards.is_empty() || !self.members.is_empty()
    }

    /// Whether the event has no visitors, and all viewers have been sent that.
    pub fn is_over(&self) -> bool {
        !self.is_wanted() && !self.counts_moved && !self.members_moved
    }

    /// When the next view is due, if one is: now, where nobody has asked for it since something changed.
    pub fn next_at(&self, now: Instant) -> Option<Instant> {
        let counts = self.counts_quiet_until.unwrap_or(now);
        let counts = self.counts_moved.then_some(counts);
        let list = self.list_due.unwrap_or(now);
        let list = self.members_moved.then_some(list);
        [counts, list].into_iter().flatten().min()
    }

    /// The view to send now, if something has changed and its window is over.
    pub fn view(&mut self, now: Instant, serial: &mut u64) -> Option<(Arc<Counted>, Arc<Listing>)> {
        let counted =
            self.counts_moved && is_past(self.counts_quiet_until, now) && self.recount(now, serial);
        let listed = self.members_moved && self.is_list_due(now) && self.relist(now, serial);
        (counted || listed).then(|| (self.counted.clone(), self.listing.clone()))
    }

    fn recount(&mut self, now: Instant, serial: &mut u64) -> bool {
        self.counts_moved = false;
        let mut counts = self.here();
        counts.merge(&self.elsewhere);
        let counts = counts.with_steps(self.config.steps_max);
        if counts == self.counted.counts {
            return false;
        }
        self.counts_quiet_until = Some(now + Duration::from_millis(self.config.counts_interval_ms));
        *serial += 1;
        self.counted = Arc::new(Counted::new(*serial, counts));
        true
    }

    /// How long a diff of so many bytes keeps the next one waiting, since every member is sent both.
    fn pause_after(&self, bytes: usize) -> Duration {
        let windows = (bytes / PRESENCE_WINDOW_BYTES) as u64;
        Duration::from_millis(self.config.diff_window_ms.saturating_mul(windows))
    }

    /// Whether the window of the first change is over; opens it if that is new.
    fn is_list_due(&mut self, now: Instant) -> bool {
        let window = now + Duration::from_millis(self.config.diff_window_ms);
        let due = self
            .list_quiet_until
            .map_or(window, |quiet| quiet.max(window));
        *self.list_due.get_or_insert(due) <= now
    }

    fn relist(&mut self, now: Instant, serial: &mut u64) -> bool {
        self.members_moved = false;
        self.list_due = None;
        let mut room = PRESENCE_LISTED_BYTES_MAX;
        let has_room = |(_, member): &(&u64, &RosterMember)| match room.checked_sub(member.bytes) {
            Some(left) => {
                room = left;
                true
            }
            None => false,
        };
        let listed = self.members.iter().take(self.config.members_listed_max);
        let listed = listed.take_while(has_room);
        let listed: ShownMembers = listed
            .map(|(&arrival, member)| (arrival, (member.key.clone(), member.meta.clone())))
            .collect();
        let diff = Diff {
            joins: missing(&listed, &self.shown),
            leaves: missing(&self.shown, &listed),
        };
        if diff.joins.is_empty() && diff.leaves.is_empty() {
            return false;
        }
        let state = raw(&listed
            .values()
            .map(|(key, meta)| (&**key, meta))
            .collect::<Members<'_>>());
        let diff = raw(&diff);
        self.list_quiet_until = Some(now + self.pause_after(diff.get().len()));
        *serial += 1;
        self.listing = Arc::new(Listing::new(*serial, self.listing.serial, state, diff));
        self.shown = listed;
        true
    }
}

/// The metas of `here` that are missing in `there`, or differ.
fn missing<'a>(here: &'a ShownMembers, there: &ShownMembers) -> Members<'a> {
    let is_there = |arrival: &u64, meta: &Meta| {
        there
            .get(arrival)
            .is_some_and(|(_, other)| other.phx_ref == meta.phx_ref)
    };
    let missing = here
        .iter()
        .filter(|(arrival, (_, meta))| !is_there(arrival, meta));
    missing.map(|(_, (key, meta))| (&**key, meta)).collect()
}

/// The size of a member that shares its key with no other.
fn bytes_listed(key: &str, meta: &Meta) -> usize {
    let members: Members<'_> = [(key, meta)].into_iter().collect();
    raw(&members).get().len()
}

/// Unique on all nodes: clients identify a meta by it.
fn fresh_ref() -> Arc<str> {
    Uuid::now_v7().simple().to_string().into()
}

/// A listing before anybody came.
fn nobody() -> Listing {
    let empty = Diff {
        joins: Members::default(),
        leaves: Members::default(),
    };
    Listing::new(0, 0, raw(&Members::default()), raw(&empty))
}

fn is_past(at: Option<Instant>, now: Instant) -> bool {
    at.is_none_or(|at| at <= now)
}

/// Encodes a value of string keys and JSON values, which cannot fail.
fn raw(value: &impl Serialize) -> Box<RawValue> {
    to_raw_value(value).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    fn config() -> PresenceConfig {
        PresenceConfig {
            members_listed_max: 2,
            ..crate::config::Config::default().presence
        }
    }

    fn owner(serial: u64) -> Owner {
        Owner { shard: 0, serial }
    }

    fn listed(key: &str, step: &str) -> ListedMember {
        let Value::Object(tracked) = json!({ "step": step }) else {
            unreachable!()
        };
        ListedMember {
            key: key.into(),
            step: Some(step.into()),
            tracked: Arc::new(tracked),
        }
    }

    fn counts(steps: &[(&str, u64)]) -> Counts {
        let by_step = steps
            .iter()
            .map(|&(step, count)| (step.into(), count))
            .collect();
        Counts {
            total: steps.iter().map(|(_, count)| count).sum(),
            by_step,
        }
    }

    /// The newest view, two seconds and a window later.
    fn settled(
        roster: &mut Roster,
        now: &mut Instant,
        serial: &mut u64,
    ) -> Option<(Arc<Counted>, Arc<Listing>)> {
        *now += Duration::from_secs(2);
        let first = roster.view(*now, serial);
        *now += Duration::from_millis(config().diff_window_ms);
        roster.view(*now, serial).or(first)
    }

    fn json_of(raw: &RawValue) -> Value {
        serde_json::from_str(raw.get()).unwrap()
    }

    #[test]
    fn native_viewers_members_and_other_nodes_are_one_number() {
        let (mut roster, mut serial) = (Roster::new(&config()), 0);
        roster.count(0, counts(&[("pay", 2)]));
        roster.count(1, counts(&[("pay", 1), ("look", 3)]));
        roster.track(owner(1), listed("ann", "look"));
        roster.count_elsewhere(counts(&[("pay", 10)]));
        let (counted, _) = roster.view(Instant::now(), &mut serial).unwrap();
        assert_eq!(counted.counts, counts(&[("pay", 13), ("look", 4)]));
        assert_eq!(roster.here(), counts(&[("pay", 3), ("look", 4)]));
    }

    /// A step is any text that somebody sends.
    #[test]
    fn steps_are_bounded_whoever_takes_them() {
        let (mut roster, mut serial) = (Roster::new(&config()), 0);
        let max = config().steps_max as u64;
        let of = |name: &str, n: u64| listed("ann", &format!("{name}{n}"));
        (0..3 * max).for_each(|n| roster.track(owner(n), of("here", n)));
        let elsewhere: Vec<_> = (0..max).map(|n| format!("there{n}")).collect();
        let elsewhere: Vec<_> = elsewhere.iter().map(|step| (&**step, 2)).collect();
        roster.count_elsewhere(counts(&elsewhere));
        let here = roster.here();
        assert_eq!((here.total, here.by_step.len() as u64), (3 * max, max));
        let (counted, _) = roster.view(Instant::now(), &mut serial).unwrap();
        let counted = &counted.counts;
        assert!(counted.by_step.len() as u64 <= max);
        assert_eq!(counted.by_step.values().sum::<u64>(), counted.total);
        assert_eq!(counted.total, 5 * max);
    }

    #[test]
    fn a_large_diff_keeps_the_next_one_waiting() {
        let (mut roster, mut serial) = (Roster::new(&config()), 0);
        let (mut now, window) = (
            Instant::now(),
            Duration::from_millis(config().diff_window_ms),
        );
        let mut waits = |roster: &mut Roster, step: &str| {
            roster.track(owner(1), listed("ann", step));
            let begun = now;
            roster.view(now, &mut serial);
            now = roster.next_at(now).unwrap();
            while !roster
                .view(now, &mut serial)
                .is_some_and(|(_, listing)| listing.state.get().contains(step))
            {
                now += window;
            }
            now - begun
        };
        let large = "x".repeat(3 * PRESENCE_WINDOW_BYTES);
        assert_eq!(waits(&mut roster, "small"), window);
        assert_eq!(waits(&mut roster, &large), window);
        assert!(waits(&mut roster, "small again") >= 3 * window);
    }

    #[test]
    fn counts_leave_once_an_interval_and_only_when_they_moved() {
        let (mut roster, mut serial) = (Roster::new(&config()), 0);
        let start = Instant::now();
        roster.count(0, counts(&[("pay", 1)]));
        assert!(roster.view(start, &mut serial).is_some());
        roster.count(0, counts(&[("pay", 2)]));
        assert!(
            roster
                .view(start + Duration::from_millis(999), &mut serial)
                .is_none()
        );
        assert_eq!(
            roster.next_at(start),
            Some(start + Duration::from_millis(1_000))
        );
        roster.count(0, counts(&[("pay", 1)]));
        assert!(
            roster
                .view(start + Duration::from_millis(1_000), &mut serial)
                .is_none()
        );
        roster.count(0, Counts::default());
        assert!(
            roster
                .view(start + Duration::from_millis(1_001), &mut serial)
                .is_some()
        );
        assert!(roster.is_over());
    }

    #[test]
    fn a_diff_leads_from_one_listing_to_the_next() {
        let (mut roster, mut serial) = (Roster::new(&config()), 0);
        let mut now = Instant::now();
        let mut view = |roster: &mut Roster| {
            settled(roster, &mut now, &mut serial).map(|(_, listing)| listing)
        };
        roster.track(owner(1), listed("ann", "look"));
        let first = view(&mut roster).unwrap();
        let before = json_of(&first.state)["ann"]["metas"][0].clone();
        assert_eq!(json_of(&first.diff)["joins"]["ann"]["metas"][0], before);
        roster.track(owner(1), listed("ann", "pay"));
        let second = view(&mut roster).unwrap();
        assert_eq!(second.follows, first.serial);
        let diff = json_of(&second.diff);
        let after = &diff["joins"]["ann"]["metas"][0];
        assert_eq!(diff["leaves"]["ann"]["metas"][0], before);
        assert_eq!(
            (&after["step"], &after["phx_ref_prev"]),
            (&json!("pay"), &before["phx_ref"])
        );
        assert_ne!(after["phx_ref"], before["phx_ref"]);
        // The same object again is no change.
        roster.track(owner(1), listed("ann", "pay"));
        assert!(view(&mut roster).is_none());
    }

    #[test]
    fn who_tracks_twice_while_joining_joins_once() {
        let (mut roster, mut serial) = (Roster::new(&config()), 0);
        let start = Instant::now();
        let window = Duration::from_millis(config().diff_window_ms);
        roster.count(0, counts(&[("pay", 1)]));
        roster.view(start, &mut serial).unwrap();
        roster.track(owner(1), listed("ann", "look"));
        assert_eq!(
            roster.next_at(start),
            Some(start),
            "whenever counts are due again"
        );
        assert!(roster.view(start, &mut serial).is_none());
        roster.track(owner(1), listed("ann", "pay"));
        assert_eq!(roster.next_at(start), Some(start + window));
        let (_, listing) = roster.view(start + window, &mut serial).unwrap();
        let diff = json_of(&listing.diff);
        assert_eq!(diff["joins"]["ann"]["metas"][0]["step"], "pay");
        assert_eq!(diff["joins"]["ann"]["metas"].as_array().unwrap().len(), 1);
        assert_eq!(diff["leaves"], json!({}));
    }

    #[test]
    fn who_comes_and_goes_within_a_window_was_never_there() {
        let (mut roster, mut serial) = (Roster::new(&config()), 0);
        let mut now = Instant::now();
        roster.track(owner(1), listed("ann", "look"));
        settled(&mut roster, &mut now, &mut serial).unwrap();
        roster.track(owner(2), listed("bob", "look"));
        roster.untrack(owner(2));
        assert!(settled(&mut roster, &mut now, &mut serial).is_none());
    }

    #[test]
    fn what_is_listed_fits_into_a_frame_however_big_each_member_is() {
        let config = PresenceConfig {
            tracked_bytes_max: 100_000,
            ..crate::config::Config::default().presence
        };
        let (mut roster, mut serial, mut now) = (Roster::new(&config), 0, Instant::now());
        let track = |roster: &mut Roster, letter: &str| {
            for serial in 0..20 {
                let key = "\u{1}".repeat(1_000 + serial as usize);
                roster.track(owner(serial), listed(&key, &letter.repeat(90_000)));
            }
        };
        track(&mut roster, "a");
        settled(&mut roster, &mut now, &mut serial).unwrap();
        track(&mut roster, "b");
        let (counted, listing) = settled(&mut roster, &mut now, &mut serial).unwrap();
        assert_eq!(counted.counts.total, 20);
        let listed = json_of(&listing.state).as_object().unwrap().len();
        assert!((1..20).contains(&listed), "{listed}");
        for frame in [&listing.state, &listing.diff] {
            assert!(frame.get().len() < 1 << 20, "{}", frame.get().len());
        }
    }

    #[test]
    fn members_past_the_bound_are_counted_and_listed_when_there_is_room() {
        let (mut roster, mut serial) = (Roster::new(&config()), 0);
        let mut now = Instant::now();
        for (serial, key) in [(1, "ann"), (2, "bob"), (3, "cid")] {
            roster.track(owner(serial), listed(key, "look"));
        }
        let (counted, listing) = settled(&mut roster, &mut now, &mut serial).unwrap();
        assert_eq!(counted.counts.total, 3);
        assert_eq!(json_of(&listing.state).as_object().unwrap().len(), 2);
        roster.untrack(owner(1));
        let (_, listing) = settled(&mut roster, &mut now, &mut serial).unwrap();
        let diff = json_of(&listing.diff);
        assert!(diff["joins"]["cid"].is_object() && diff["leaves"]["ann"].is_object());
    }
}
