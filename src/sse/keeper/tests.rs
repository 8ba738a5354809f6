//! What becomes of a place whose event could not be opened anew.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::config::AuthConfig;
use crate::hub::Hub;
use crate::ticketing::live::{Delta, samples};

const SECRET: &str = "a secret of thirty-two bytes, or more";

fn opening(revision: u64) -> Arc<Opening> {
    Arc::new(Opening {
        event: 1,
        state: Arc::new(samples::state(revision)),
        ring: Vec::new(),
        lost: 0,
    })
}

fn publication(from: u64, to: u64) -> Arc<Publication> {
    let delta = Delta {
        from,
        to,
        ..Delta::default()
    };
    let state = Arc::new(samples::state(to));
    Arc::new(Publication::new(1, Arc::new(delta), state))
}

/// A keeper, whom presence hears as long as the second one is kept.
fn keeper(mailbox: Mailbox<ToShard>) -> (Keeper, impl Sized) {
    let auth = AuthConfig {
        jwt_secret: Some(SECRET.to_owned()),
        ..Config::default().auth
    };
    let auth = Auth::new(&auth).unwrap();
    let (presence, said) = Presence::new();
    let (_, keeper) = new(Arc::new(Config::default()), auth, presence, mailbox);
    (keeper, said)
}

#[test]
fn an_older_opening_ends_the_streams_and_is_what_the_next_ones_show() {
    let (hub, mailboxes, _watches) = Hub::new(1);
    let (mut keeper, _said) = keeper(mailboxes.streams);
    keeper.topics.insert(1, Topic::default());
    hub.opened(1, opening(5));
    keeper.on_mail();
    let lost = keeper.topics[&1].place.clone().unwrap();
    // The database went back, and the mailbox was too full for the word of it.
    hub.opened(1, opening(3));
    keeper.on_mail();
    assert!(lost.is_over());
    let place = keeper.topics[&1].place.clone().unwrap();
    assert_eq!((place.revision(), place.is_over()), (3, false));
}

#[test]
fn after_a_gap_it_is_asked_until_it_is_open_and_nothing_is_proven_till_then() {
    let (hub, mailboxes, mut watches) = Hub::new(1);
    let (mut keeper, _said) = keeper(mailboxes.streams);
    let streams = [1].into_iter().collect();
    keeper.topics.insert(1, Topic::default());
    hub.opened(1, opening(5));
    keeper.on_mail();
    let place = keeper.topics[&1].place.clone().unwrap();
    assert_eq!((place.revision(), place.proven_at()), (5, None));

    // Revision 6 was lost; what was checked after that proves nothing here.
    let before = keeper.node.checked().at;
    let after = before + SignedDuration::from_secs(9);
    hub.checked(after, true);
    hub.publish(streams, publication(6, 7));
    keeper.on_mail();
    assert_eq!(keeper.node.checked().at, after);
    assert_eq!(place.proven_at(), Some(before));
    let asked = Watch::Watch { event: 1, shard: 1 };
    assert_eq!(watches.try_recv().ok(), Some(asked));
    // The feed cannot open it now: it is asked again and again.
    for _ in 0..3 {
        hub.not_opened(1, 1, NotOpened::Unavailable);
        keeper.on_mail();
        assert!(watches.try_recv().is_err());
        keeper.tend();
        assert_eq!(watches.try_recv().ok(), Some(asked));
        assert_eq!(place.proven_at(), Some(before));
    }
    hub.opened(1, opening(7));
    keeper.on_mail();
    keeper.tend();
    assert_eq!((place.revision(), place.proven_at()), (7, None));
    assert!(watches.try_recv().is_err());
    assert!(Timestamp::now() < after);
}
