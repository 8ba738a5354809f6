//! The doorbell rings, notices when it is off or deaf, and comes back.

use std::time::Duration;

use seatcast::config::Config;
use seatcast::store::Store;
use seatcast::store::doorbell::{self, HistoryPlace, Ring};
use seatcast::ticketing::EventId;
use tokio::sync::mpsc;
use tokio_postgres::Client;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::support::cut::Link;
use crate::support::database::TestDatabase;
use crate::support::server::DEADLINE;

const QUIET: Duration = Duration::from_secs(60);
const IMPATIENT: Duration = Duration::from_secs(1);

struct HeardBell {
    rings: mpsc::Receiver<Ring>,
    place: Option<HistoryPlace>,
    _end: DropGuard,
}

impl HeardBell {
    async fn hang(url: &str, probe_interval: Duration) -> HeardBell {
        let config = Config::default().database;
        let store = Store::connect(&config, url).await.unwrap();
        let mut bell = HeardBell::hang_unheard(store, probe_interval);
        bell.place = Some(bell.listening().await);
        bell
    }

    /// The same, without waiting until it listens.
    fn hang_unheard(store: Store, probe_interval: Duration) -> HeardBell {
        let (out, rings) = mpsc::channel(16);
        let cancel = CancellationToken::new();
        tokio::spawn(doorbell::run(store, probe_interval, out, cancel.clone()));
        HeardBell {
            rings,
            place: None,
            _end: cancel.drop_guard(),
        }
    }

    /// The place in which it listens. On a busy machine a connection may take longer than it has here.
    async fn listening(&mut self) -> HistoryPlace {
        loop {
            match self.next().await {
                Ring::Lost => {}
                Ring::Listening(Some(place)) => return place,
                ring => panic!("{ring:?}"),
            }
        }
    }

    /// It listens again, in the database of before.
    async fn expect_listening(&mut self) {
        let place = Some(self.listening().await);
        assert_eq!(place, self.place);
    }

    /// The next ring that is not `Probe`: those come whenever it is quiet.
    async fn next(&mut self) -> Ring {
        loop {
            match self.any().await {
                Ring::Probe => {}
                ring => return ring,
            }
        }
    }

    async fn any(&mut self) -> Ring {
        tokio::time::timeout(Duration::from_secs(10), self.rings.recv())
            .await
            .expect("a ring in time")
            .expect("a bell that lives")
    }

    /// A small row of the log rides on its ring.
    async fn expect_change(&mut self, of: EventId, key: &str) {
        let Ring::Change(event, row) = self.next().await else {
            panic!("no row rides");
        };
        let row: serde_json::Value = serde_json::from_str(&row).unwrap();
        assert_eq!(event, of);
        assert!(row["revision"].is_u64() && row["at"].is_string(), "{row}");
        assert!(row["payload"].get(key).is_some(), "{row}");
    }

    async fn expect(&mut self, ring: Ring) {
        assert_eq!(self.next().await, ring);
    }
}

async fn add_event(client: &Client) {
    client
        .batch_execute(
            "insert into users (id, name) values (2, 'Organizer') on conflict do nothing;
             insert into events (organizer_id, title, venue, starts_at, capacity)
             values (2, 'Show', 'Hall', now(), 5)",
        )
        .await
        .unwrap();
}

#[tokio::test]
async fn every_change_rings_when_it_is_committed() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let mut bell = HeardBell::hang(database.url(), QUIET).await;
    add_event(&client).await;
    bell.expect_change(EventId(1), "event").await;
    // Unreadable rings are not for us; what was rolled back did not happen.
    client
        .batch_execute(
            "notify seatcast, 'rubbish'; notify seatcast, 'probe:of-another-node';
             begin; update events set title = 'Never'; rollback;
             begin; update events set title = 'A'; update events set title = 'B'; commit",
        )
        .await
        .unwrap();
    add_event(&client).await;
    bell.expect_change(EventId(1), "event").await;
    bell.expect_change(EventId(1), "event").await;
    bell.expect_change(EventId(2), "event").await;
    // A row that is too large to ride rings by its id, and many events at once do.
    client
        .batch_execute(
            "update events set description = repeat('long ', 500) where id = 2;
             insert into events (organizer_id, title, venue, starts_at, capacity)
             select 2, 'Show', 'Hall', now(), 5 from generate_series(1, 351)",
        )
        .await
        .unwrap();
    for event in 2..=353 {
        bell.expect(Ring::Event(EventId(event))).await;
    }
}

#[tokio::test]
async fn one_payload_may_name_many_events_or_carry_a_change() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let mut bell = HeardBell::hang(database.url(), QUIET).await;
    client
        .batch_execute(r#"notify seatcast, '4,5'; notify seatcast, 'change:6:{"revision": 2}'"#)
        .await
        .unwrap();
    bell.expect(Ring::Event(EventId(4))).await;
    bell.expect(Ring::Event(EventId(5))).await;
    bell.expect(Ring::Change(EventId(6), r#"{"revision": 2}"#.to_owned()))
        .await;
}

#[tokio::test]
async fn silence_is_probed() {
    let database = TestDatabase::new().await;
    let mut bell = HeardBell::hang(database.url(), IMPATIENT).await;
    for _ in 0..3 {
        assert_eq!(bell.any().await, Ring::Probe);
    }
}

#[tokio::test]
async fn a_killed_backend_is_replaced() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let mut bell = HeardBell::hang(database.url(), QUIET).await;
    let killed = client
        .query(
            "select pg_terminate_backend(pid) from pg_stat_activity
              where datname = current_database() and query = 'listen seatcast'",
            &[],
        )
        .await
        .unwrap();
    assert_eq!(killed.len(), 1);
    bell.expect(Ring::Lost).await;
    bell.expect_listening().await;
    add_event(&client).await;
    bell.expect_change(EventId(1), "event").await;
}

#[tokio::test]
async fn a_cut_link_is_tried_again_until_it_is_back() {
    let database = TestDatabase::new().await;
    let (link, through) = Link::to_postgres(database.url());
    let mut bell = HeardBell::hang(&through, QUIET).await;
    link.cut();
    bell.expect(Ring::Lost).await;
    bell.expect(Ring::Lost).await;
    link.restore();
    bell.expect_listening().await;
}

/// The link stands and carries nothing: only the missing answer to its own ring tells.
#[tokio::test]
async fn a_deaf_connection_is_noticed_by_its_own_ring() {
    let database = TestDatabase::new().await;
    let (link, through) = Link::to_postgres(database.url());
    let mut bell = HeardBell::hang(&through, IMPATIENT).await;
    link.stall();
    bell.expect(Ring::Lost).await;
    link.restore();
    bell.expect_listening().await;
    add_event(&database.client().await).await;
    bell.expect_change(EventId(1), "event").await;
}

#[tokio::test]
async fn an_unreachable_database_is_said_at_once() {
    let config = Config::default().database;
    let nowhere = "postgresql:///seatcast?host=/nowhere/at/all";
    let error = Store::connect(&config, nowhere).await.err().unwrap();
    assert_eq!(error.to_string(), "the database cannot be reached");
    let error = Store::connect(&config, "not a url").await.err().unwrap();
    assert!(
        error.to_string().contains("address is not valid"),
        "{error}"
    );
}

/// It is asked for once, so a doorbell without it would not notice another database until its connection is lost.
#[tokio::test]
async fn it_listens_only_where_the_place_of_the_log_was_noted() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let rename = "alter function note_history() rename to note_history_later";
    client.batch_execute(rename).await.unwrap();
    let mut bell = HeardBell::hang_unheard(database.store().await, QUIET);
    assert_eq!(bell.next().await, Ring::Lost);
    let rename = "alter function note_history_later() rename to note_history";
    client.batch_execute(rename).await.unwrap();
    let place = bell.listening().await;
    let row = client.query_one("select history_place()", &[]).await;
    assert_eq!(place.0, row.unwrap().get::<_, String>(0));
}

/// Providers make a database read-only for a while, and others may write to it all the same.
#[tokio::test]
async fn it_listens_to_a_database_that_takes_no_writes() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let mut bell = HeardBell::hang(database.url(), QUIET).await;
    let read_only = "do $$ begin
            execute format('alter database %I set default_transaction_read_only = on', current_database());
        end $$";
    client.batch_execute(read_only).await.unwrap();
    let kill = "select pg_terminate_backend(pid) from pg_stat_activity
                 where datname = current_database() and query = 'listen seatcast'";
    client.batch_execute(kill).await.unwrap();
    bell.expect(Ring::Lost).await;
    let listening = tokio::time::timeout(DEADLINE, bell.expect_listening());
    listening.await.expect("it listens");
    add_event(&client).await;
    bell.expect_change(EventId(1), "event").await;
}

/// A replica that takes over differs in the timeline only.
#[tokio::test]
async fn the_place_has_a_timeline_where_the_cluster_may_not_be_asked_for() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let deny = "create function pg_control_system(out system_identifier bigint) language plpgsql
                    as $$ begin raise insufficient_privilege; end $$;
                do $$ begin
                    execute format('set search_path = %I, pg_catalog', current_schema());
                end $$";
    client.batch_execute(deny).await.unwrap();
    let row = client.query_one("select history_place()", &[]).await;
    let place: String = row.unwrap().get(0);
    assert!(place.starts_with("/00000001/"), "{place}");
}
