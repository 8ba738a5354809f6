//! Tests that a channel of updates sends each notice once, by whatever way a viewer is brought to the current revision.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::{Value, json};

use super::*;
use crate::config::Config;
use crate::hub::Opening;
use crate::protocol::supabase::JoinConfig;
use crate::ticketing::NoticeId;
use crate::ticketing::live::{OriginalBroadcast, RowChange, samples};

/// A channel of updates, and an history at revision 10 that remembers three deltas.
fn updates() -> (Channel, History) {
    let name = Topic::parse("realtime:event-updates:1").unwrap();
    let config = JoinConfig::read(&json!({}), &Config::default().socket).unwrap();
    let key = ChannelKey {
        name,
        topic: "realtime:event-updates:1".into(),
        view: View::Tables(Arc::new(config.bindings)),
    };
    let opening = Opening {
        event: EventId(1),
        state: Arc::new(samples::state(10)),
        ring: Vec::new(),
        lost: 0,
        proven_at: None,
    };
    (Channel::new(key, EventId(1)), History::open(&opening, 3))
}

/// The next revision makes this notice.
fn publish(channel: &mut Channel, history: &mut History, sender: Option<Uuid>) {
    let to = history.revision() + 1;
    let id = NoticeId(i64::try_from(to).unwrap());
    let notice = Notice {
        id,
        revision: to,
        sender,
        ..samples::notice(id)
    };
    let delta = Delta {
        from: to - 1,
        to,
        notices: [(id, RowChange::update(notice))].into(),
        ..Delta::default()
    };
    step(channel, history, delta);
}

fn step(channel: &mut Channel, history: &mut History, delta: Delta) {
    let mut state = EventState::clone(history.state());
    state.apply(&delta).unwrap();
    let publication = Publication::new(EventId(1), Arc::new(delta), Arc::new(state));
    assert_eq!(history.publish(Arc::new(publication)), Ok(true));
    channel.moved();
}

fn has(revision: Revision) -> Has {
    Has {
        revision,
        vsn: Vsn::V2,
        without: None,
    }
}

/// The ids of the notices that a viewer is sent, in order.
fn told(channel: &mut Channel, history: &History, has: Has) -> Vec<i64> {
    let limits = Config::default().availability;
    let bytes = channel.frames(history, has, &limits).bytes;
    let text = String::from_utf8_lossy(&bytes);
    let frames = text.match_indices("[null,null,").map(|(at, _)| {
        let mut frames = serde_json::Deserializer::from_str(&text[at..]).into_iter();
        let frame: Value = frames.next().unwrap().unwrap();
        assert_eq!(frame[3], "broadcast");
        frame[4]["payload"]["id"].as_i64().unwrap()
    });
    frames.collect()
}

#[test]
fn a_viewer_is_told_what_is_newer_than_it_and_nothing_twice() {
    let (mut channel, mut history) = updates();
    for _ in 0..6 {
        publish(&mut channel, &mut history, None);
    }
    // A level viewer, one within the ring, and one beyond it.
    assert_eq!(told(&mut channel, &history, has(15)), [16]);
    assert_eq!(told(&mut channel, &history, has(13)), [14, 15, 16]);
    assert_eq!(told(&mut channel, &history, has(11)), [12, 13, 14, 15, 16]);
    assert_eq!(
        told(&mut channel, &history, has(10)),
        [11, 12, 13, 14, 15, 16]
    );
    // A viewer that is ahead gets the whole state, and no notices.
    assert_eq!(told(&mut channel, &history, has(99)), [0; 0]);
}

/// A channel with two viewers and this view.
fn seen_by_two(topic: &str, view: View) -> Channel {
    let key = ChannelKey {
        name: Topic::parse(topic).unwrap(),
        topic: topic.into(),
        view,
    };
    let member = |connection| ChannelMember {
        connection,
        subscription: 0,
    };
    Channel {
        members: [1, 2].map(member).into(),
        ..Channel::new(key, EventId(1))
    }
}

fn watching(table: &str) -> View {
    let binding = json!({"event": "*", "schema": "public", "table": table});
    let join = json!({"config": {"postgres_changes": [binding]}});
    let config = JoinConfig::read(&join, &Config::default().socket).unwrap();
    View::Tables(Arc::new(config.bindings))
}

#[test]
fn a_viewer_of_tables_who_missed_too_much_is_to_read_anew() {
    let (mut updates, mut history) = updates();
    for _ in 0..6 {
        publish(&mut updates, &mut history, None);
    }
    let limits = Config::default().availability;
    let mut tickets = seen_by_two("realtime:event-tickets:1", watching("notices"));
    // Within the ring rows are sent; beyond it, it is unknown which rows are gone.
    let told = tickets.frames(&history, has(13), &limits);
    assert!(!told.read_anew && !told.bytes.is_empty());
    let lost = tickets.frames(&history, has(12), &limits);
    assert!(lost.read_anew && lost.bytes.is_empty());
    // Broadcasts are sent first, since they cannot be read again.
    let mut both = seen_by_two("realtime:event-updates:1", watching("notices"));
    let lost = both.frames(&history, has(12), &limits);
    assert!(lost.read_anew);
    let said = String::from_utf8_lossy(&lost.bytes)
        .matches("\"broadcast\"")
        .count();
    assert!(said >= 4, "{said} notices");
    assert!(
        !updates.frames(&history, has(12), &limits).read_anew,
        "it watches no table"
    );
}

/// The sender of a broadcast was told that it is sent, so the bound on an event's notices keeps none from a viewer; and one
/// who has been away for too long is told that some may be missing.
#[test]
fn a_broadcast_that_was_deleted_since_is_sent_all_the_same() {
    let (mut updates, mut history) = updates();
    let limits = Config::default().availability;
    let said = |id, revision| Notice {
        id: NoticeId(id),
        revision,
        sent: Some(OriginalBroadcast {
            event: format!("said {id}"),
            payload: json!({}),
        }),
        ..samples::notice(NoticeId(id))
    };
    let mut all = Delta {
        from: 10,
        to: 10,
        ..Delta::default()
    };
    for id in 1..=12 {
        let revision = history.revision() + 1;
        let made = (NoticeId(id), RowChange::update(said(id, revision)));
        let gone = (NoticeId(id - 4), RowChange::delete());
        let notices = [made].into_iter().chain((id > 4).then_some(gone));
        let delta = Delta {
            from: revision - 1,
            to: revision,
            notices: notices.collect(),
            ..Delta::default()
        };
        all.merge(&delta);
        step(&mut updates, &mut history, delta);
    }
    let told = |frames: Frames| {
        let text = String::from_utf8_lossy(&frames.bytes).into_owned();
        (text.matches("\"broadcast\"").count() / 2, frames.read_anew)
    };
    let merged = updates.encode(&all, history.state(), has(10), &limits);
    assert_eq!(told(merged), (12, false));
    assert_eq!(told(updates.frames(&history, has(20), &limits)), (2, false));
    // Four are left for one who missed twelve. Of an event that keeps so few, all are told.
    assert_eq!(told(updates.frames(&history, has(11), &limits)), (4, false));
    let mut many = history.state().whole();
    many.notices = (0..BROADCASTS_KEPT_LEAST as i64)
        .map(|id| (NoticeId(id), RowChange::update(said(id, 30))))
        .collect();
    let whole = updates.encode(&many, history.state(), has(11), &limits);
    assert_eq!(told(whole), (BROADCASTS_KEPT_LEAST, true));
    let whole = updates.encode(&many, history.state(), has(30), &limits);
    assert_eq!(told(whole), (0, false));
    // More than the changes in memory keep.
    all.passed_lost = 11;
    assert!(
        updates
            .encode(&all, history.state(), has(10), &limits)
            .read_anew
    );
    assert!(
        !updates
            .encode(&all, history.state(), has(11), &limits)
            .read_anew
    );
}

#[test]
fn viewers_beyond_the_ring_are_sent_the_same_bytes() {
    let (mut updates, mut history) = updates();
    for _ in 0..6 {
        publish(&mut updates, &mut history, None);
    }
    let limits = Config::default().availability;
    let view = View::Native(NativeView::Event);
    let mut channel = seen_by_two("event:1", view);
    let mut whole = |have| channel.frames(&history, has(have), &limits).bytes.as_ptr();
    assert_eq!(whole(3), whole(7));
    assert_ne!(whole(3), whole(14), "that one is in the ring");
    channel.moved();
    channel.members.pop();
    channel.frames(&history, has(3), &limits);
    let kept = channel.prepared.get(&has(0));
    assert!(kept.is_none(), "for a single viewer");
}

#[test]
fn a_join_does_not_hear_itself_but_hears_the_others() {
    let (mut channel, mut history) = updates();
    let (one, other) = (Uuid::now_v7(), Uuid::now_v7());
    for sender in [Some(one), None, Some(other)] {
        publish(&mut channel, &mut history, sender);
    }
    let without = |join| Has {
        without: Some(join),
        ..has(10)
    };
    assert_eq!(told(&mut channel, &history, without(one)), [12, 13]);
    assert_eq!(told(&mut channel, &history, without(other)), [11, 12]);
    assert_eq!(told(&mut channel, &history, has(10)), [11, 12, 13]);
}

#[test]
fn a_join_is_not_given_notices_that_have_ended() {
    let (mut channel, mut history) = updates();
    let until: Timestamp = "2037-01-01T00:00:00Z".parse().unwrap();
    let notice = Notice {
        until: Some(until.to_string()),
        ..samples::notice(NoticeId(70))
    };
    let delta = Delta {
        from: 10,
        to: 11,
        notices: [(NoticeId(70), RowChange::update(notice))].into(),
        ..Delta::default()
    };
    let mut state = EventState::clone(history.state());
    state.apply(&delta).unwrap();
    let publication = Publication::new(EventId(1), Arc::new(delta), Arc::new(state));
    assert_eq!(history.publish(Arc::new(publication)), Ok(true));
    let limits = Config::default().availability;
    let mut has_it = |now| {
        let joined = channel.joined(NativeView::Event, &history, None, None, &limits, now);
        let state: Value = serde_json::from_str(joined.state.get()).unwrap();
        let notices = state["notices"].as_array().unwrap();
        notices.iter().any(|notice| notice["id"] == 70)
    };
    assert!(has_it(until - jiff::SignedDuration::from_secs(1)));
    assert!(!has_it(until));
}
