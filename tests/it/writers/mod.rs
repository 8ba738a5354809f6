//! Other programs write too. Many connections change everything at random, by plain SQL, with
//! rollbacks, savepoints and transactions over several events; afterwards the counters equal
//! the claims, the log has no gaps, and replaying it gives the tables. A reader that follows the
//! log meanwhile never meets revision n + 1 before n.
//!
//! The negative controls take one guard away each, and show that the audit notices.

mod actions;
mod tail;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use seatcast::store::audit::{AuditReport, audit};
use tokio::task::JoinSet;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use tokio_util::sync::CancellationToken;

use crate::support::database::{TestDatabase, wait_for_a_lock};
use actions::{ACTIONS, WORLD, act};
use tail::follow;

const WRITERS: u64 = 10;
const TRANSACTIONS_EACH: usize = 120;
const TRANSACTIONS_EACH_MAX: usize = 600;

#[tokio::test]
async fn whoever_writes_counters_log_and_tables_agree() {
    let database = TestDatabase::new().await;
    let seed: u64 = rand::random();
    println!("seed {seed}");
    database.client().await.batch_execute(WORLD).await.unwrap();
    let done = CancellationToken::new();
    let follower = tokio::spawn(follow(database.store().await, done.clone()));

    let committed = Arc::new(Mutex::new(BTreeMap::new()));
    let mut writers = JoinSet::new();
    for nth in 0..WRITERS {
        let client = database.client().await;
        let random = StdRng::seed_from_u64(seed ^ nth);
        writers.spawn(write_at_random(client, random, committed.clone()));
    }
    while let Some(end) = writers.join_next().await {
        end.unwrap();
    }
    done.cancel();
    let followed = follower.await.unwrap();

    println!(
        "{:?}, {} changes",
        committed.lock().unwrap(),
        followed.changes
    );
    assert!(
        untried(&committed).is_empty(),
        "never went through: {:?}",
        untried(&committed)
    );
    let store = database.store().await;
    for (event, state) in &followed.states {
        let live = store.live_event(*event, 5_000).await.unwrap();
        // Notices that ended by the clock left without a change.
        let mut state = state.clone();
        if let (Some(state), Some(live)) = (&mut state, &live) {
            let listed = &live.state.notices;
            state.notices.retain(|id, _| listed.contains_key(id));
        }
        assert_eq!(state, live.map(|live| live.state), "event {event}");
    }
    let report = audit(&store).await.unwrap();
    assert!(report.is_clean(), "{report}");
}

/// How often each action was committed.
type Committed = Arc<Mutex<BTreeMap<&'static str, u32>>>;

fn untried(committed: &Committed) -> Vec<&'static str> {
    let committed = committed.lock().unwrap();
    let missing = ACTIONS
        .iter()
        .filter(|action| !committed.contains_key(*action));
    missing.copied().collect()
}

/// Transactions of one to four actions, each in a savepoint; one in five savepoints and one in
/// seven transactions are thrown away. Goes on, up to a bound, until every action went through.
async fn write_at_random(client: Client, mut random: StdRng, committed: Committed) {
    // Deadlocks between careless writers are expected, and should not take a second each.
    client
        .batch_execute("set deadlock_timeout = '5ms'")
        .await
        .unwrap();
    for nth in 0..TRANSACTIONS_EACH_MAX {
        if nth >= TRANSACTIONS_EACH && untried(&committed).is_empty() {
            break;
        }
        let written = transaction(&client, &mut random).await;
        let mut committed = committed.lock().unwrap();
        for action in written {
            *committed.entry(action).or_insert(0) += 1;
        }
    }
}

/// Answers what was committed.
async fn transaction(client: &Client, random: &mut StdRng) -> Vec<&'static str> {
    let isolation = match random.random_range(0..20) {
        0 | 1 => "begin isolation level repeatable read",
        2 => "begin isolation level serializable",
        _ => "begin",
    };
    client.batch_execute(isolation).await.unwrap();
    let mut written = Vec::new();
    for _ in 0..random.random_range(1..=4) {
        client.batch_execute("savepoint s").await.unwrap();
        let action = ACTIONS[random.random_range(0..ACTIONS.len())];
        match act(client, action, random).await {
            Ok(()) if random.random_bool(0.8) => written.push(action),
            Ok(()) => client.batch_execute("rollback to s").await.unwrap(),
            Err(error) if lost_the_race(&error) => {
                client.batch_execute("rollback").await.unwrap();
                return Vec::new();
            }
            Err(error) => {
                assert!(is_refusal(&error), "{action}: {error:?}");
                client.batch_execute("rollback to s").await.unwrap();
            }
        }
    }
    if random.random_bool(0.85) {
        match client.batch_execute("commit").await {
            Ok(()) => written,
            Err(error) => {
                assert!(lost_the_race(&error), "{error:?}");
                Vec::new()
            }
        }
    } else {
        client.batch_execute("rollback").await.unwrap();
        Vec::new()
    }
}

fn lost_the_race(error: &tokio_postgres::Error) -> bool {
    matches!(
        error.code(),
        Some(&SqlState::T_R_DEADLOCK_DETECTED | &SqlState::T_R_SERIALIZATION_FAILURE)
    ) || is_multixact_check(error)
}

/// Postgres itself throws a transaction away, now and then, in which a savepoint that had changed
/// a row was rolled back while others hold key-share locks of it. Nothing is stored of it.
fn is_multixact_check(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().is_some_and(|refused| {
        refused.code() == &SqlState::INTERNAL_ERROR
            && refused.message().contains("more than one updating member")
    })
}

/// A constraint said no (class 23): what happens to writers who do not look first.
fn is_refusal(error: &tokio_postgres::Error) -> bool {
    error
        .code()
        .is_some_and(|code| code.code().starts_with("23"))
}

const ONE_LEFT: &str = "insert into users (id, name) values (2, 'Organizer');
    insert into events (organizer_id, title, venue, starts_at, capacity, status)
    values (2, 'Last one', 'Hall', now() + interval '9 days', 1, 'active');
    insert into ticket_types (event_id, name, capacity) values (1, 'Only', 1)";

/// Two buyers who look first and take then. Answers what the second was told.
async fn race_for_the_last_one(database: &TestDatabase) -> Result<(), tokio_postgres::Error> {
    let (first, second) = (database.client().await, database.client().await);
    for buyer in [&first, &second] {
        buyer.batch_execute("begin").await.unwrap();
        let left = buyer
            .query_one("select available_count from event_tickets", &[])
            .await
            .unwrap();
        assert_eq!(left.get::<_, i32>(0), 1);
    }
    take_one(&first, "BK-1").await.unwrap();
    let watcher = database.client().await;
    let (late, ()) = tokio::join!(take_one(&second, "BK-2"), async {
        wait_for_a_lock(&watcher).await;
        first.batch_execute("commit").await.unwrap();
    });
    late?;
    second.batch_execute("commit").await
}

async fn take_one(client: &Client, reference: &str) -> Result<(), tokio_postgres::Error> {
    take(client, reference, 1, 1).await
}

async fn take(
    client: &Client,
    reference: &str,
    ticket_type: i64,
    units: i32,
) -> Result<(), tokio_postgres::Error> {
    let take = format!(
        "with b as (insert into bookings (reference, event_id, quantity, total_amount, currency, expires_at)
                    values ('{reference}', 1, {units}, 0, 'EUR', now() + interval '1 hour') returning id),
              i as (insert into booking_items (booking_id, line, ticket_type_id, quantity, unit_amount)
                    select id, 1, {ticket_type}, {units}, 0 from b)
         insert into claims (booking_id, event_id, ticket_type_id, quantity) select id, 1, {ticket_type}, {units} from b"
    );
    client.batch_execute(&take).await
}

async fn audited(database: &TestDatabase) -> AuditReport {
    audit(&database.store().await).await.unwrap()
}

#[tokio::test]
async fn the_last_one_is_sold_once() {
    let database = TestDatabase::new().await;
    database
        .client()
        .await
        .batch_execute(ONE_LEFT)
        .await
        .unwrap();
    let late = race_for_the_last_one(&database).await.unwrap_err();
    let constraint = late.as_db_error().and_then(|reply| reply.constraint());
    assert_eq!(constraint, Some("pools_no_oversell"));
    let report = audited(&database).await;
    assert!(report.is_clean(), "{report}");
}

/// Without its constraint the same race sells two of one, and the audit says so.
#[tokio::test]
async fn without_the_constraint_the_last_one_is_sold_twice() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    client.batch_execute(ONE_LEFT).await.unwrap();
    client
        .batch_execute("alter table pools drop constraint pools_no_oversell")
        .await
        .unwrap();
    race_for_the_last_one(&database).await.unwrap();
    let report = audited(&database).await;
    assert_eq!(report.findings.len(), 1, "{report}");
    assert!(
        report.findings[0]
            .promise
            .starts_with("nothing is oversold")
    );
    assert_eq!(report.differences(), 2, "the root pool and the type's own");
}

/// Without the turn before the read, the second of two writers decides by what was true before the first what there is to
/// tell: here, that few are left of a ticket type in its own pool, so that it has no less when the event has. The log no
/// longer leads to the tables.
#[tokio::test]
async fn without_the_lock_the_log_goes_astray() {
    // The rows of sales over time would make the second writer wait as well. What moves units of one type reads after it has
    // locked their pools, so it is the way of many types that is tried.
    let lockless = "create or replace function take_turns(events bigint[]) returns void language sql as 'select';
                    do $$ begin
                        execute replace(replace(pg_get_functiondef('claims_inserted'::regproc), 'not net.is_mixed', 'false'),
                                        'one.rows = 1', 'false');
                    end $$;
                    alter table bookings disable trigger bookings_numbers_insert";
    for (guard, promise_holds) in [("select", true), (lockless, false)] {
        let database = TestDatabase::new().await;
        let client = database.client().await;
        let two_types = ONE_LEFT
            .replace("days', 1,", "days', 8,")
            .replace("'Only', 1)", "'Few', 5), (1, 'Many', 9)");
        client.batch_execute(&two_types).await.unwrap();
        take(&client, "BK-1", 1, 5).await.unwrap();
        client.batch_execute(guard).await.unwrap();
        let (first, second) = (database.client().await, database.client().await);
        let give_back =
            "begin; update bookings set status = 'expired'; update claims set state = 'dead'";
        first.batch_execute(give_back).await.unwrap();
        let (late, ()) = tokio::join!(take(&second, "BK-2", 2, 4), async {
            wait_for_a_lock(&client).await;
            first.batch_execute("commit").await.unwrap();
        });
        late.unwrap();
        let report = audited(&database).await;
        let mut promises = report.findings.iter().map(|found| found.promise);
        let log_holds = !promises.any(|promise| !promise.starts_with("the numbers of"));
        assert_eq!(log_holds, promise_holds, "{report}");
        assert!(report.is_clean() || !promise_holds, "{report}");
    }
}

/// A link that changes nothing that viewers see is not logged. A transaction that does not know it
/// yet must fail all the same, or it would count past the linked pool.
#[tokio::test]
async fn a_stale_snapshot_cannot_write() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    client.batch_execute(ONE_LEFT).await.unwrap();
    let late = database.client().await;
    late.batch_execute("begin isolation level repeatable read; select from events")
        .await
        .unwrap();
    client
        .batch_execute(
            "insert into pools (event_id, kind, name, capacity) values (1, 'allotment', 'Roomy', 9);
             insert into ticket_type_pools select 1, id from pools where kind = 'allotment'",
        )
        .await
        .unwrap();
    let error = take_one(&late, "BK-1").await.unwrap_err();
    assert!(lost_the_race(&error), "{error:?}");
    late.batch_execute("rollback").await.unwrap();
    take_one(&late, "BK-1").await.unwrap();
    let report = audited(&database).await;
    assert!(report.is_clean(), "{report}");
}

/// A writer that waits for the turn holds nothing that the one whose turn it is may want.
#[tokio::test]
async fn a_seat_is_not_taken_before_the_turn() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    client.batch_execute(WORLD).await.unwrap();
    let (first, second) = (database.client().await, database.client().await);
    first
        .batch_execute("begin; select take_turn(3)")
        .await
        .unwrap();
    let (late, ()) = tokio::join!(actions::take_seat(&second, 1), async {
        wait_for_a_lock(&client).await;
        actions::take_seat(&first, 1).await.unwrap();
        first.batch_execute("commit").await.unwrap();
    });
    let late = late.unwrap_err();
    let constraint = late.as_db_error().and_then(|reply| reply.constraint());
    assert_eq!(constraint, Some("claims_one_live_seat"), "{late:?}");
}

/// Without its index a seat is sold twice.
#[tokio::test]
async fn without_the_index_a_seat_is_sold_twice() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    client.batch_execute(WORLD).await.unwrap();
    client
        .batch_execute("drop index claims_one_live_seat")
        .await
        .unwrap();
    for _ in 0..2 {
        actions::take_seat(&client, 1).await.unwrap();
    }
    let report = audited(&database).await;
    let promises: Vec<_> = report.findings.iter().map(|found| found.promise).collect();
    assert!(
        promises.contains(&"a seat has one live claim at most"),
        "{report}"
    );
}
