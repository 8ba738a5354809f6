//! The shards get every change, whichever program makes it and whatever breaks on the way.

use std::sync::Arc;
use std::time::{Duration, Instant};

use seatcast::board::Board;
use seatcast::config::{Config, FeedConfig};
use seatcast::feed::{self, FeedInputs, Outputs};
use seatcast::hub::{Hub, Mailbox, News, NotOpened, Publication, ToShard, Watch};
use seatcast::nats::Interest;
use seatcast::store::prune::OldRows;
use seatcast::store::{Store, doorbell};
use seatcast::ticketing::live::{EventState, TicketType};
use seatcast::ticketing::{EventId, TicketTypeId};
use tokio::sync::{Notify, mpsc};
use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::support::cut::Link;
use crate::support::database::TestDatabase;
use crate::support::show::{Show, Staged};

const DEADLINE: Duration = Duration::from_secs(10);
/// Longer than any test: a change that is seen was not found by the poll.
const NEVER_MS: u64 = 60_000;

/// A feed with one shard, which is the test.
struct FeedUnderTest {
    mailbox: Mailbox<ToShard>,
    woken: Arc<Notify>,
    board: Board,
    _tasks: [AbortOnDropHandle<()>; 2],
}

impl FeedUnderTest {
    /// Reads the log at `url`, listens at `bell_url`.
    async fn start(
        url: &str,
        bell_url: &str,
        change: impl FnOnce(&mut FeedConfig),
    ) -> FeedUnderTest {
        let Config {
            database,
            feed: mut config,
            ..
        } = Config::default();
        config.poll_interval_ms = NEVER_MS;
        config.probe_interval_ms = NEVER_MS;
        change(&mut config);
        let store = Store::connect(&database, url).await.unwrap();
        let bell_store = Store::connect(&database, bell_url).await.unwrap();
        let (hub, mut mailboxes, watches) = Hub::new(1);
        let mailbox = mailboxes.shards.remove(0);
        let woken = Arc::new(Notify::new());
        let wake = woken.clone();
        mailbox.bell.connect(move || wake.notify_one());

        let (end, board) = (CancellationToken::new(), Board::default());
        let (rings, heard) = mpsc::channel(64);
        let probe_interval = Duration::from_millis(config.probe_interval_ms);
        let bell = doorbell::run(bell_store, probe_interval, rings, end.clone());
        let inputs = FeedInputs {
            rings: heard,
            watches,
            heard: mpsc::channel(1).1,
        };
        let outputs = Outputs {
            hub,
            board: board.clone(),
            interest: Interest::default(),
        };
        let feed = async {
            feed::run(store, inputs, outputs, config, end)
                .await
                .unwrap()
        };
        let tasks = [tokio::spawn(bell), tokio::spawn(feed)].map(AbortOnDropHandle::new);
        let mut feed = FeedUnderTest {
            mailbox,
            woken,
            board,
            _tasks: tasks,
        };
        while !feed.board.freshness().listening {
            feed.checked(true).await;
        }
        feed
    }

    async fn next(&mut self) -> ToShard {
        tokio::time::timeout(DEADLINE, async {
            loop {
                self.mailbox.bell.answer();
                match self.mailbox.next() {
                    Some(message) => return message,
                    None => self.woken.notified().await,
                }
            }
        })
        .await
        .expect("a message from the feed")
    }

    /// Skips to the next word on the database that says `up`.
    async fn checked(&mut self, up: bool) {
        while !matches!(self.next().await, ToShard::News(News::Checked(checked)) if checked.database_up == up)
        {
        }
    }

    async fn published(&mut self) -> Arc<Publication> {
        loop {
            match self.next().await {
                ToShard::News(News::Published(publication, _)) => return publication,
                ToShard::News(News::Checked(_)) => {}
                other => panic!("not a publication: {other:?}"),
            }
        }
    }

    fn ask(&self, event: EventId) {
        assert!(self.mailbox.asker.ask(Watch::Watch { event, shard: 0 }));
    }

    async fn open(&mut self, event: EventId) -> EventState {
        self.ask(event);
        loop {
            match self.next().await {
                ToShard::News(News::Opened(opening)) => return (*opening.state).clone(),
                ToShard::News(News::Checked(_)) => {}
                other => panic!("not an opening: {other:?}"),
            }
        }
    }

    async fn refused(&mut self, wanted: EventId) -> NotOpened {
        loop {
            match self.next().await {
                ToShard::News(News::NotOpened { event, why }) if event == wanted => return why,
                ToShard::News(News::Checked(_)) => {}
                other => panic!("not a refusal: {other:?}"),
            }
        }
    }

    /// Applies publications until the state has this many tickets sold of the type; none may
    /// leave a gap.
    async fn until_sold(&mut self, state: &mut EventState, ticket_type: TicketTypeId, sold: i64) {
        while state.ticket_types[&ticket_type].sold != sold {
            let publication = self.published().await;
            state.apply(&publication.delta).expect("no gap");
            assert_eq!(*state, *publication.state);
        }
    }
}

/// A database with a show, and a client that writes to it as any program may.
async fn world() -> (TestDatabase, Client, Staged) {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let show = Show::new()
        .ticket_type("Stalls", 4_500, 100)
        .stage(&client)
        .await;
    (database, client, show)
}

#[tokio::test]
async fn a_row_changed_by_hand_is_published() {
    let (database, client, show) = world().await;
    let mut feed = FeedUnderTest::start(database.url(), database.url(), |_| {}).await;
    let mut state = feed.open(show.event).await;
    show.sell(&client, 3).await;
    feed.until_sold(&mut state, show.ticket_types[0], 3).await;
    client
        .execute(
            "update ticket_types set name = 'Balcony' where id = $1",
            &[&show.ticket_types[0]],
        )
        .await
        .unwrap();
    let publication = feed.published().await;
    let TicketType {
        name, available, ..
    } = &publication.state.ticket_types[&show.ticket_types[0]];
    assert_eq!((name.as_str(), *available), ("Balcony", 97));
    assert_eq!(feed.board.get(show.event).unwrap().state, publication.state);
}

#[tokio::test]
async fn what_is_rolled_back_is_not_published() {
    let (database, mut client, show) = world().await;
    let mut feed = FeedUnderTest::start(database.url(), database.url(), |_| {}).await;
    let mut state = feed.open(show.event).await;
    let transaction = client.transaction().await.unwrap();
    show.sell(&transaction, 50).await;
    transaction.rollback().await.unwrap();
    show.sell(&client, 1).await;
    let publication = feed.published().await;
    assert_eq!(
        (publication.delta.from, publication.delta.to),
        (state.revision, state.revision + 1)
    );
    state.apply(&publication.delta).unwrap();
    assert_eq!(state.ticket_types[&show.ticket_types[0]].sold, 1);
}

#[tokio::test]
async fn many_changes_become_few_publications() {
    let (database, client, show) = world().await;
    let mut feed = FeedUnderTest::start(database.url(), database.url(), |feed| {
        feed.conflation_window_ms = 200
    })
    .await;
    let mut state = feed.open(show.event).await;
    let first = state.revision;
    let started = Instant::now();
    for _ in 0..100 {
        show.sell(&client, 1).await;
    }
    let mut publications = 0;
    while state.revision < first + 100 {
        let publication = feed.published().await;
        state.apply(&publication.delta).unwrap();
        publications += 1;
    }
    let windows = started.elapsed().as_millis() / 200 + 1;
    assert!(
        publications <= windows,
        "{publications} in {windows} windows"
    );
}

#[tokio::test]
async fn a_deaf_doorbell_is_healed_by_the_poll() {
    let (database, client, show) = world().await;
    let (link, bell_url) = Link::to_postgres(database.url());
    let mut feed = FeedUnderTest::start(database.url(), &bell_url, |feed| {
        feed.poll_interval_ms = 100
    })
    .await;
    let mut state = feed.open(show.event).await;
    link.stall();
    show.sell(&client, 2).await;
    feed.until_sold(&mut state, show.ticket_types[0], 2).await;
}

#[tokio::test]
async fn a_cut_doorbell_is_said_and_comes_back() {
    let (database, client, show) = world().await;
    let (link, bell_url) = Link::to_postgres(database.url());
    let mut feed = FeedUnderTest::start(database.url(), &bell_url, |_| {}).await;
    let mut state = feed.open(show.event).await;
    link.cut();
    feed.checked(false).await;
    show.sell(&client, 2).await;
    link.restore();
    feed.until_sold(&mut state, show.ticket_types[0], 2).await;
    show.sell(&client, 1).await;
    feed.until_sold(&mut state, show.ticket_types[0], 3).await;
    assert!(feed.board.freshness().listening);
}

#[tokio::test]
async fn killed_backends_are_replaced_and_nothing_is_missed() {
    let (database, client, show) = world().await;
    let mut feed = FeedUnderTest::start(database.url(), database.url(), |feed| {
        feed.poll_interval_ms = 100
    })
    .await;
    let mut state = feed.open(show.event).await;
    for sold in 1..=3 {
        client
            .execute(
                "select pg_terminate_backend(pid) from pg_stat_activity
                  where datname = current_database() and pid <> pg_backend_pid()",
                &[],
            )
            .await
            .unwrap();
        show.sell(&client, 1).await;
        feed.until_sold(&mut state, show.ticket_types[0], sold)
            .await;
    }
}

#[tokio::test]
async fn an_unreachable_database_is_said_and_healed() {
    let (database, client, show) = world().await;
    let (link, url) = Link::to_postgres(database.url());
    let mut feed = FeedUnderTest::start(&url, &url, |feed| {
        feed.poll_interval_ms = 100;
        feed.open_timeout_ms = 2_000;
    })
    .await;
    let mut state = feed.open(show.event).await;
    link.cut();
    feed.checked(false).await;
    // The first may have been the doorbell's, and a read that was under way still succeed.
    feed.checked(false).await;
    assert!(feed.board.get(show.event).unwrap().stale_since.is_some());
    assert_eq!(
        feed.open(show.event).await,
        state,
        "a known event opens from memory"
    );
    feed.ask(EventId(404));
    assert_eq!(feed.refused(EventId(404)).await, NotOpened::Unavailable);
    show.sell(&client, 5).await;
    link.restore();
    feed.until_sold(&mut state, show.ticket_types[0], 5).await;
    feed.checked(true).await;
    assert_eq!(*feed.board.get(show.event).unwrap().state, state);
}

#[tokio::test]
async fn a_database_that_hangs_counts_as_down() {
    let (database, client, show) = world().await;
    let (link, url) = Link::to_postgres(database.url());
    let mut feed = FeedUnderTest::start(&url, &url, |feed| {
        feed.poll_interval_ms = 100;
        feed.read_timeout_ms = 300;
    })
    .await;
    let mut state = feed.open(show.event).await;
    link.stall();
    feed.checked(false).await;
    show.sell(&client, 5).await;
    link.restore();
    feed.until_sold(&mut state, show.ticket_types[0], 5).await;
}

#[tokio::test]
async fn a_pruned_log_is_bridged() {
    let (database, client, show) = world().await;
    let (link, url) = Link::to_postgres(database.url());
    let mut feed = FeedUnderTest::start(&url, &url, |feed| feed.poll_interval_ms = 100).await;
    let mut state = feed.open(show.event).await;
    link.cut();
    feed.checked(false).await;
    for _ in 0..4 {
        show.sell(&client, 1).await;
    }
    client
        .execute("update changes set at = at - interval '2 days'", &[])
        .await
        .unwrap();
    let pruned = database
        .store()
        .await
        .prune(OldRows::Changes, 24, 1_000)
        .await
        .unwrap();
    assert!(pruned >= 3, "all but the newest change of the event");
    link.restore();
    feed.until_sold(&mut state, show.ticket_types[0], 4).await;
}

#[tokio::test]
async fn an_unknown_event_is_refused() {
    let (database, _client, _show) = world().await;
    let mut feed = FeedUnderTest::start(database.url(), database.url(), |_| {}).await;
    feed.ask(EventId(404));
    assert_eq!(feed.refused(EventId(404)).await, NotOpened::NoSuchEvent);
}
