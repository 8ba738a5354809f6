//! Tests the frames and join answers of pictures.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use serde_json::value::RawValue;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{FoundContent, Listed, Picture};
use crate::config::inside::{GONE_ENTITIES_MAX, REVISIONS_TOLD_MAX};
use crate::protocol::native::EntityId;
use crate::protocol::phoenix::{Vsn, encoded};
use crate::protocol::topic::Topic;
use crate::ticketing::{BookingId, EventId, TicketId, UserId};

fn raw(value: Value) -> Arc<RawValue> {
    encoded(&value).into()
}

fn booking(id: u128) -> EntityId {
    EntityId::Booking(BookingId(Uuid::from_u128(id)))
}

/// Bookings by number and version, as a first read finds them.
fn own(bookings: &[(u128, i64)]) -> FoundContent {
    let listed = bookings.iter().map(|&(id, version)| Listed {
        id: booking(id),
        version,
        body: Some(raw(json!({"id": id as u64, "version": version}))),
    });
    FoundContent::Own(listed.collect())
}

fn first(read: u64, bookings: &[(u128, i64)]) -> Picture {
    Picture::first(Topic::User(UserId(3)), UserId(3), read, own(bookings))
}

fn after(picture: &Picture, read: u64, bookings: &[(u128, i64)]) -> Picture {
    picture
        .after(UserId(3), read, own(bookings), false)
        .unwrap()
}

/// `[from, to, [[id, version], …], [gone, …]]`
fn shown(picture: &Picture, sent: u64) -> Value {
    let Some(frame) = picture.frame(Vsn::V2, sent) else {
        return Value::Null;
    };
    let start = frame.iter().position(|byte| *byte == b'[').unwrap();
    let frame: Value = serde_json::from_slice(&frame[start..]).unwrap();
    let body = &frame[4];
    json!([body["from"], body["to"], entities(body), gone(body)])
}

fn entities(body: &Value) -> Value {
    let bookings = body["bookings"].as_array().into_iter().flatten();
    bookings.map(|b| json!([b["id"], b["version"]])).collect()
}

fn gone(body: &Value) -> Value {
    let gone = body["gone"].as_array().into_iter().flatten();
    let number = |id: &Value| {
        id.as_str()
            .unwrap()
            .parse::<BookingId>()
            .unwrap()
            .0
            .as_u128()
    };
    gone.map(|id| json!(number(id) as u64)).collect()
}

/// `[revision, resumed, [[id, version], …], [gone, …]]`
fn joined(picture: &Picture, since: Option<u64>) -> Value {
    let response = serde_json::to_value(picture.joined(since)).unwrap();
    let state = &response["state"];
    json!([
        response["revision"],
        response["resumed"],
        entities(state),
        gone(state)
    ])
}

/// Once, an update sent all bookings of the user.
#[test]
fn a_viewer_is_sent_what_changed_and_nothing_else() {
    let one = first(10, &[(1, 1), (2, 1), (3, 1)]);
    let two = after(&one, 20, &[(1, 1), (2, 2), (3, 1)]);
    assert_eq!(shown(&two, 10), json!([10, 20, [[2, 2]], []]));
    let three = after(&two, 30, &[(4, 1), (2, 2), (3, 1)]);
    assert_eq!(shown(&three, 20), json!([20, 30, [[4, 1]], [1]]));
    assert_eq!(shown(&three, 30), Value::Null);
    // A viewer that lags is sent all missed changes in one frame.
    assert_eq!(shown(&three, 10), json!([10, 30, [[4, 1], [2, 2]], [1]]));
}

#[test]
fn a_read_that_finds_the_same_only_proves_it() {
    let one = first(10, &[(1, 1)]);
    assert!(one.after(UserId(3), 20, own(&[(1, 1)]), false).is_none());
    assert_eq!((one.read(), one.revision), (20, 10));
    assert_eq!(one.checked_at().as_microsecond(), 20);
    // The client whose join it answers has revision 30; the next frame leads on from it, and from those before.
    let answer = one.after(UserId(3), 30, own(&[(1, 1)]), true).unwrap();
    assert_eq!(joined(&answer, None), json!([30, false, [[1, 1]], []]));
    assert_eq!(shown(&answer, 10), Value::Null);
    let two = after(&answer, 40, &[(1, 2)]);
    assert_eq!(shown(&two, 30), json!([10, 40, [[1, 2]], []]));
    assert_eq!(shown(&two, 10), shown(&two, 30));
}

/// Another node may have shown a booking that came and went between two reads here.
#[test]
fn only_a_client_that_was_told_here_is_answered_by_what_changed() {
    let one = first(10, &[(1, 1), (2, 1)]);
    let two = after(&one, 20, &[(1, 2), (2, 1)]);
    let three = two
        .after(UserId(3), 30, own(&[(1, 2), (2, 1)]), true)
        .unwrap();
    for (since, answer) in [
        (10, json!([30, true, [[1, 2]], []])),
        (20, json!([30, true, [], []])),
        (30, json!([30, true, [], []])),
        (25, json!([30, false, [[1, 2], [2, 1]], []])),
        // Of another database, or of a clock that was set back.
        (31, json!([30, false, [[1, 2], [2, 1]], []])),
    ] {
        assert_eq!(joined(&three, Some(since)), answer, "since {since}");
    }
    let mut later = three;
    for read in 0..REVISIONS_TOLD_MAX as u64 {
        later = later
            .after(UserId(3), 100 + read, own(&[(1, 2), (2, 1)]), true)
            .unwrap();
    }
    assert_eq!(joined(&later, Some(30))[1], false, "it is forgotten");
    assert_eq!(joined(&later, Some(100))[1], true);
}

#[test]
fn what_comes_back_is_not_gone() {
    let one = first(10, &[(1, 1), (2, 1)]);
    let two = after(&one, 20, &[(2, 1)]);
    let three = after(&two, 30, &[(1, 2), (2, 1)]);
    assert_eq!(shown(&three, 10), json!([10, 30, [[1, 2]], []]));
    assert_eq!(shown(&three, 20), json!([20, 30, [[1, 2]], []]));
}

#[test]
fn beyond_what_is_known_to_be_gone_the_whole_is_told() {
    let many: Vec<(u128, i64)> = (1..=GONE_ENTITIES_MAX as u128 + 2)
        .map(|id| (id, 1))
        .collect();
    let mut picture = first(10, &many);
    for (n, at) in (1..many.len()).zip((20..).step_by(10)) {
        picture = after(&picture, at, &many[n..]);
    }
    let last = many.last().unwrap();
    let now = picture.revision;
    assert_eq!(
        shown(&picture, 10),
        json!([0, now, [[last.0 as u64, 1]], []])
    );
    let Value::Array(frame) = shown(&picture, 20) else {
        panic!("a frame")
    };
    assert_eq!(frame[0], 20);
    assert_eq!(frame[3].as_array().map(Vec::len), Some(GONE_ENTITIES_MAX));
}

#[test]
fn of_what_is_known_no_body_is_read() {
    let id = booking;
    let listed = [(id(1), 1), (id(2), 2), (id(3), 1)];
    assert_eq!(Picture::lacks(None, &listed), [id(1), id(2), id(3)]);
    let one = first(10, &[(1, 1), (2, 1)]);
    assert_eq!(Picture::lacks(Some(&one), &listed), [id(2), id(3)]);
    // It was removed before its body could be read.
    let without = |id, version| Listed {
        id: booking(id),
        version,
        body: None,
    };
    let found = FoundContent::Own(vec![without(1, 1), without(2, 2)]);
    let two = one.after(UserId(3), 20, found, false).unwrap();
    assert_eq!(shown(&two, 10), json!([10, 20, [], [2]]));
}

#[test]
fn numbers_grow_though_the_clock_was_set_back() {
    let one = first(1_000, &[(1, 1)]);
    let two = after(&one, 500, &[(1, 2)]);
    assert_eq!(shown(&two, 1_000), json!([1_000, 1_001, [[1, 2]], []]));
}

#[test]
fn figures_are_sent_when_they_differ() {
    let figures = |sold: i64| FoundContent::Figures(raw(json!({"tickets_sold": sold})));
    let one = Picture::first(Topic::Admin(EventId(42)), UserId(2), 10, figures(1));
    assert!(one.after(UserId(2), 20, figures(1), false).is_none());
    let two = one.after(UserId(2), 30, figures(2), false).unwrap();
    for sent in [0, 10, 20] {
        let frame = two.frame(Vsn::V1, sent).unwrap();
        let start = frame.iter().position(|byte| *byte == b'{').unwrap();
        let frame: Value = serde_json::from_slice(&frame[start..]).unwrap();
        assert_eq!(frame["event"], "figures");
        assert_eq!(frame["payload"], json!({"as_of": 30, "tickets_sold": 2}));
    }
    assert!(two.frame(Vsn::V1, 30).is_none());
    // Another organizer owns the event now; the one before has to be told, so the picture changes.
    assert_eq!(
        two.after(UserId(9), 40, figures(2), false).unwrap().owner,
        UserId(9)
    );
}

/// Tickets and bookings are told apart, and each kind has its own ids that went away.
#[test]
fn tickets_taken_over_come_and_go_beside_the_bookings() {
    let ticket = |id, version| Listed {
        id: EntityId::Ticket(TicketId(id)),
        version,
        body: Some(raw(json!({"id": id, "version": version}))),
    };
    let with = |tickets: &[(i64, i64)]| {
        let FoundContent::Own(bookings) = own(&[(7, 1)]) else {
            unreachable!("bookings")
        };
        let tickets = tickets.iter().map(|&(id, version)| ticket(id, version));
        FoundContent::Own(tickets.chain(bookings).collect())
    };
    let body = |picture: &Picture, sent| -> Value {
        let frame = picture.frame(Vsn::V2, sent).unwrap();
        let start = frame.iter().position(|byte| *byte == b'[').unwrap();
        let frame: Value = serde_json::from_slice(&frame[start..]).unwrap();
        frame[4].clone()
    };
    let user = UserId(3);
    let none = Picture::first(Topic::User(user), user, 10, with(&[]));
    assert_eq!(body(&none, 0)["tickets"], json!([]));
    let two = none
        .after(user, 20, with(&[(7, 1), (8, 4)]), false)
        .unwrap();
    let taken = json!([{"id": 7, "version": 1}, {"id": 8, "version": 4}]);
    assert_eq!(
        body(&two, 10),
        json!({"from": 10, "to": 20, "tickets": taken})
    );
    let one = two.after(user, 30, with(&[(8, 5)]), false).unwrap();
    let used = json!([{"id": 8, "version": 5}]);
    let change = json!({"from": 20, "to": 30, "tickets": used, "gone_tickets": [7]});
    assert_eq!(body(&one, 20), change);
    let joined = serde_json::to_value(one.joined(Some(20)).state).unwrap();
    assert_eq!(joined, json!({"tickets": used, "gone_tickets": [7]}));
    // Booking 7 is another thing than ticket 7.
    assert_eq!(body(&one, 0)["bookings"].as_array().map(Vec::len), Some(1));
}

/// An agency's bookings may have thousands of seats.
#[test]
fn bookings_that_do_not_fit_into_a_frame_are_left_out() {
    let big = |id, kib: usize| Listed {
        id: booking(id),
        version: 1,
        body: Some(raw(
            json!({"id": id as u64, "version": 1, "seats": "x".repeat(kib * 1024)}),
        )),
    };
    let (read, user) = (10, UserId(3));
    let all = || vec![big(1, 300), big(2, 500), big(3, 300)];
    let picture = Picture::first(Topic::User(user), user, read, FoundContent::Own(all()));
    assert_eq!(shown(&picture, 0), json!([0, 10, [[1, 1], [3, 1]], []]));
    assert!(picture.frame(Vsn::V2, 0).unwrap().len() < 1024 * 1024);
    // Read again, and left out again: no change.
    let next = picture.after(user, 20, FoundContent::Own(all()), false);
    assert!(next.is_none());
    // It has room when another one goes, and one that fits no more goes.
    let next = picture.after(
        user,
        30,
        FoundContent::Own(vec![big(2, 500), big(3, 300)]),
        false,
    );
    assert_eq!(shown(&next.unwrap(), 10), json!([10, 30, [[2, 1]], [1, 3]]));
}
