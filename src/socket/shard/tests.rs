//! Tests that a shard's beats claim nothing for a topic that lacks changes, and how fan-outs share the loop.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::auth::Auth;
use crate::config::inside::{SOCKET_FIRST_JOIN_TIMEOUT_MS, SOCKET_OUTBOX_BYTES_MAX};
use crate::config::{AuthConfig, Config};
use crate::hub::private::PrivateTopics;
use crate::hub::{Hub, Mailbox, NotOpened, Opening, Publication, ToShard, Watch};
use crate::presence::Presence;
use crate::protocol::phoenix::Vsn;
use crate::socket::held::HeldShard;
use crate::ticketing::live::{Delta, EventState, EventStatus, Notice, samples};
use crate::ticketing::{EventId, NoticeId, Revision};

/// A short text message as a client sends it, masked with zeros.
fn say(client: &mut UnixStream, text: &str) {
    let mut frame = vec![0x81, 0x80 | u8::try_from(text.len()).unwrap(), 0, 0, 0, 0];
    frame.extend_from_slice(text.as_bytes());
    client.write_all(&frame).unwrap();
}

/// A shard that nothing has been sent to yet.
fn held(mailbox: Mailbox<ToShard>) -> HeldShard {
    let config = Config::default();
    let auth = AuthConfig {
        jwt_secret: Some("a secret of thirty-two bytes, or more".to_owned()),
        ..config.auth.clone()
    };
    let auth = Arc::new(Auth::new(&auth).unwrap());
    let private = PrivateTopics::new().0;
    HeldShard::new(&config, auth, Presence::new().0, private, mailbox)
}

/// An opening of event 1 at this revision.
fn opening(revision: Revision) -> Arc<Opening> {
    Arc::new(Opening {
        event: EventId(1),
        state: Arc::new(samples::state(revision)),
        ring: Vec::new(),
        lost: 0,
        proven_at: None,
    })
}

fn publish(hub: &Hub, delta: Delta, state: EventState) {
    let publication = Publication::new(EventId(1), Arc::new(delta), Arc::new(state));
    hub.publish([0].into_iter().collect(), Arc::new(publication));
}

/// The frames that have come to a client.
fn heard(client: &mut UnixStream) -> String {
    let mut bytes = Vec::new();
    // The socket does not block, so this reads what has come and then fails.
    let _ = client.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// `checked_at` of the last beat among what has come.
fn last_checked(client: &mut UnixStream) -> Option<Timestamp> {
    let text = heard(client);
    let (_, beat) = text.rsplit_once(r#""checked_at":""#)?;
    beat.split('"').next()?.parse().ok()
}

#[test]
fn no_beat_proves_what_waits_to_be_opened_anew() {
    let (hub, mut mailboxes, mut watches) = Hub::new(1);
    let mut shard = held(mailboxes.shards.remove(0));
    let mut client = shard.connect(Vsn::V2);
    shard.turn(0);
    say(&mut client, r#"["1","1","event:1","phx_join",{}]"#);
    shard.turn(10);
    let watch = Watch::Watch {
        event: EventId(1),
        shard: 0,
    };
    assert_eq!(watches.try_recv().ok(), Some(watch));
    hub.opened(0, opening(5));
    let before = Timestamp::now() + SignedDuration::from_secs(100);
    hub.checked(before, true);
    let mut now_ms = 20;
    // Enough turns for a beat to come.
    let mut beat = |shard: &mut HeldShard, client: &mut UnixStream| {
        for _ in 0..200 {
            now_ms += 50;
            shard.turn(now_ms);
        }
        last_checked(client)
    };
    assert_eq!(beat(&mut shard, &mut client), Some(before));

    // Revision 6 was lost before the feed reported the log as read; the next publication shows the gap.
    let after = before + SignedDuration::from_secs(9);
    hub.checked(after, true);
    let delta = Delta {
        from: 6,
        to: 7,
        ..Delta::default()
    };
    publish(&hub, delta, samples::state(7));
    assert_eq!(beat(&mut shard, &mut client), Some(before));
    assert_eq!(watches.try_recv().ok(), Some(watch));
    // The event cannot be opened now: still nothing is proven, and the request is repeated.
    hub.not_opened(0, EventId(1), NotOpened::Unavailable);
    assert_eq!(beat(&mut shard, &mut client), Some(before));
    assert_eq!(watches.try_recv().ok(), Some(watch));
    hub.opened(0, opening(7));
    assert_eq!(beat(&mut shard, &mut client), Some(after));
}

/// A connection is ended on one topic of the event after the other; no frame may be made for the others meanwhile.
#[test]
fn an_event_that_becomes_a_draft_shows_its_last_change_on_no_topic() {
    let (hub, mut mailboxes, _watches) = Hub::new(1);
    let mut shard = held(mailboxes.shards.remove(0));
    let mut client = shard.connect(Vsn::V2);
    shard.turn(0);
    let topics = ["seats:1", "event:1", "realtime:event-updates:1"];
    for topic in topics {
        say(
            &mut client,
            &format!(r#"["1","1","{topic}","phx_join",{{}}]"#),
        );
    }
    shard.turn(10);
    hub.opened(0, opening(5));
    shard.turn(20);
    let joined = heard(&mut client);
    assert_eq!(joined.matches(r#""phx_reply""#).count(), 3, "{joined}");

    let mut state = samples::state(6);
    state.event.status = EventStatus::Draft;
    state.event.title = "Secret".to_owned();
    let delta = Delta {
        from: 5,
        to: 6,
        event: Some(state.event.clone()),
        ..Delta::default()
    };
    publish(&hub, delta, state);
    for now_ms in 30..60 {
        shard.turn(now_ms);
    }
    let heard = heard(&mut client);
    assert_eq!(heard.matches("phx_close").count(), 3, "{heard}");
    assert!(!heard.contains("Secret"), "{heard}");
}

/// In an outage joins are answered «later». That is no breach of the rules, so the client is not closed as if it were one:
/// it would not come back.
#[test]
fn a_client_that_is_told_to_join_later_may_go_on_trying() {
    let (hub, mut mailboxes, _watches) = Hub::new(1);
    let mut shard = held(mailboxes.shards.remove(0));
    let mut client = shard.connect(Vsn::V2);
    let limit_ms = SOCKET_FIRST_JOIN_TIMEOUT_MS;
    for now_ms in (0..4 * limit_ms).step_by(100) {
        if now_ms % (limit_ms / 2) == 0 {
            say(&mut client, r#"["1","1","event:1","phx_join",{}]"#);
        }
        if now_ms % (limit_ms / 2) == limit_ms / 4 {
            hub.not_opened(0, EventId(1), NotOpened::Unavailable);
        }
        shard.turn(now_ms);
    }
    let answers = heard(&mut client);
    assert_eq!(answers.matches("UNAVAILABLE").count(), 8, "{answers}");
    assert!(!answers.contains("nothing was joined"), "{answers}");
    // One that gives up is closed, as one that never asked.
    for now_ms in (4 * limit_ms..6 * limit_ms).step_by(100) {
        shard.turn(now_ms);
    }
    let last = heard(&mut client);
    assert!(last.contains("nothing was joined"), "{last}");
}

/// A client that does not read is bounded in its replies; a topic's state is owed to it however big it is.
#[test]
fn a_client_that_reads_a_big_state_slowly_is_not_cut_off() {
    let (hub, mut mailboxes, _watches) = Hub::new(1);
    let mut shard = held(mailboxes.shards.remove(0));
    let mut client = shard.connect(Vsn::V2);
    let mut state = samples::state(5);
    for id in 1..=32 {
        let notice = Notice {
            message: "x".repeat(SOCKET_OUTBOX_BYTES_MAX / 8),
            ..samples::notice(NoticeId(id))
        };
        state.notices.insert(notice.id, notice);
    }
    let state = Arc::new(state);
    shard.turn(0);
    say(&mut client, r#"["1","1","event:1","phx_join",{}]"#);
    shard.turn(10);
    hub.opened(
        0,
        Arc::new(Opening {
            state: state.clone(),
            ..Opening::clone(&opening(5))
        }),
    );
    for now_ms in 20..30 {
        shard.turn(now_ms);
        say(&mut client, r#"[null,"2","phoenix","heartbeat",{}]"#);
    }
    let mut all = String::new();
    for now_ms in 30..200 {
        all += &heard(&mut client);
        shard.turn(now_ms);
    }
    let ends = all.ends_with(r#"{"status":"ok","response":{}}]"#);
    assert!(ends && !all.contains("read faster"), "{} bytes", all.len());
    // The same of a shared frame, of which the socket takes only a part.
    let whole = Delta {
        to: 6,
        ..state.whole()
    };
    let next = EventState {
        revision: 6,
        ..EventState::clone(&state)
    };
    publish(&hub, whole, next);
    for now_ms in 200..300 {
        shard.turn(now_ms);
        if now_ms % 10 == 0 {
            say(&mut client, r#"[null,"3","phoenix","heartbeat",{}]"#);
        }
    }
    let mut all = String::new();
    for now_ms in 300..500 {
        all += &heard(&mut client);
        shard.turn(now_ms);
    }
    assert!(all.contains(r#""from":0,"to":6"#) && !all.contains("read faster"));
}

/// A client that leaves a join which waits for a revision, and joins again with a later one, gets no state older than that.
#[test]
fn a_join_is_not_answered_in_place_of_a_later_one() {
    let (hub, mut mailboxes, mut watches) = Hub::new(1);
    let mut shard = held(mailboxes.shards.remove(0));
    let mut client = shard.connect(Vsn::V2);
    shard.turn(0);
    say(&mut client, r#"["1","1","event:1","phx_join",{"since":6}]"#);
    shard.turn(10);
    hub.opened(0, opening(5));
    shard.turn(20);
    say(&mut client, r#"["1","2","event:1","phx_leave",{}]"#);
    say(&mut client, r#"["3","3","event:1","phx_join",{"since":8}]"#);
    shard.turn(30);
    heard(&mut client);

    let moved = |to| Delta {
        from: to - 1,
        to,
        ..Delta::default()
    };
    publish(&hub, moved(6), samples::state(6));
    for now_ms in 40..60 {
        shard.turn(now_ms);
    }
    let early = heard(&mut client);
    assert!(!early.contains(r#""3","3""#), "{early}");
    publish(&hub, moved(7), samples::state(7));
    publish(&hub, moved(8), samples::state(8));
    for now_ms in 60..80 {
        shard.turn(now_ms);
    }
    let answer = heard(&mut client);
    assert!(answer.contains(r#""3","3""#), "{answer}");
    assert!(answer.contains(r#""revision":8"#), "{answer}");
    while watches.try_recv().is_ok() {}
}

#[test]
fn publications_that_wait_are_one_fan_out_and_sockets_are_read_between_its_portions() {
    const VIEWERS: usize = 6;
    let (hub, mut mailboxes, _watches) = Hub::new(1);
    let mut shard = held(mailboxes.shards.remove(0));
    let mut clients: Vec<_> = (0..VIEWERS).map(|_| shard.connect(Vsn::V2)).collect();
    shard.turn(0);
    for client in &mut clients {
        say(client, r#"["1","1","event:1","phx_join",{}]"#);
    }
    shard.turn(1);
    hub.opened(0, opening(5));
    shard.turn(2);
    for client in &mut clients {
        assert!(heard(client).contains(r#""revision":5"#));
    }

    for from in 5..8 {
        let delta = Delta {
            from,
            to: from + 1,
            ..Delta::default()
        };
        publish(&hub, delta, samples::state(from + 1));
    }
    let update = r#""event:1","update",{"from":5,"to":8}"#;
    let mut sent = vec![String::new(); VIEWERS];
    let mut read = |clients: &mut [UnixStream]| {
        for (sent, client) in sent.iter_mut().zip(clients) {
            sent.push_str(&heard(client));
        }
        sent.clone()
    };
    assert!(shard.turn(3).is_zero(), "there is more to do");
    let told = |sent: &[String]| sent.iter().filter(|sent| sent.contains(update)).count();
    assert_eq!(told(&read(&mut clients)), 2, "a portion");
    say(&mut clients[0], r#"[null,"9","phoenix","heartbeat",{}]"#);
    shard.turn(3);
    let sent = read(&mut clients);
    assert!(sent[0].contains(r#""phx_reply""#), "{}", sent[0]);
    assert!(told(&sent) < VIEWERS, "not all have been told yet");
    for _ in 0..VIEWERS {
        shard.turn(3);
    }
    for sent in read(&mut clients) {
        assert_eq!(sent.matches(r#""update""#).count(), 1, "{sent}");
        assert!(sent.contains(update), "{sent}");
    }
}
