//! Many buyers, few tickets: nothing is sold twice, by REST and by plain SQL at once.

use std::sync::Arc;

use futures_util::future::join_all;
use seatcast::auth::Role;
use seatcast::config::Config;
use seatcast::store::audit::audit;
use seatcast::ticketing::{EventId, SeatId};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::support::caller::Caller;
use crate::support::database::{TestDatabase, wait_for_a_lock};
use crate::support::server::{DEADLINE, TestServer};
use crate::support::show::{Show, Staged, one, user};
use crate::support::tokens::{SECRET, token};
use crate::support::viewer::{finish, viewers};

const BROADCASTS: &str = "/realtime/v1/api/broadcast";
const BOOKINGS: &str = "/api/v1/bookings";
/// Tickets of the scarce type.
const LAST: i32 = 50;
const SEATS: i32 = 24;

/// One ticket of the scarce type and one type of seats; the event has room for both.
async fn stage(database: &TestDatabase) -> Arc<Staged> {
    let client = database.client().await;
    let show = Show::new()
        .capacity(LAST + SEATS)
        .ticket_type("Standing", 1_500, LAST)
        .ticket_type("Seated", 4_000, SEATS)
        .row(SEATS)
        .stage(&client)
        .await;
    Arc::new(show)
}

/// A buyer by REST; answers whether the booking was made.
async fn buy(caller: Caller, event: EventId, items: Value) -> bool {
    let body = json!({"event_id": event, "items": items});
    let answer = caller.post(BOOKINGS, &body).await;
    match answer.status {
        201 => true,
        409 => {
            let code = answer.code(409);
            let known = [
                "SOLD_OUT",
                "NOT_ENOUGH_LEFT",
                "TICKET_TYPE_SOLD_OUT",
                "SEAT_TAKEN",
                "EVENT_AT_CAPACITY",
            ];
            assert!(known.contains(&code), "{code}");
            false
        }
        _ => panic!("{}", answer.text),
    }
}

/// A buyer by plain SQL, who knows nothing of desks and turns; answers whether the sale was stored. A
/// deadlock would be a failure: everybody takes the event's turn first, these by trigger.
async fn sell_by_hand(
    database: Arc<TestDatabase>,
    show: Arc<Staged>,
    ticket_type: usize,
    seat: Option<SeatId>,
) -> bool {
    let client = database.client().await;
    let Err(error) = show.try_sell(&client, ticket_type, seat, 1).await else {
        return true;
    };
    let refused = error.as_db_error().and_then(|reply| reply.constraint());
    let known = ["pools_no_oversell", "claims_one_live_seat"];
    assert!(
        refused.is_some_and(|name| known.contains(&name)),
        "{error:?}"
    );
    false
}

/// 200 buyers, half of them by REST, two thirds after the last tickets, the others after seats.
async fn scramble(server: &TestServer, show: &Arc<Staged>) -> (usize, usize) {
    let (mut tickets, mut seats) = (JoinSet::new(), JoinSet::new());
    let seat = |n: usize| show.seats[n % show.seats.len()];
    for n in 0..100 {
        let (caller, event) = (server.anonymous(), show.event);
        let (database, show) = (server.database.clone(), show.clone());
        if n % 3 == 0 {
            let pair = json!([{"seat_id": seat(n)}, {"seat_id": seat(7 * n + 1)}]);
            let by_hand = seat(5 * n);
            seats.spawn(async move { usize::from(buy(caller, event, pair).await) * 2 });
            seats.spawn(async move {
                usize::from(sell_by_hand(database, show, 1, Some(by_hand)).await)
            });
        } else {
            let one = json!([{"ticket_type_id": show.ticket_types[0], "quantity": 1}]);
            tickets.spawn(async move { usize::from(buy(caller, event, one).await) });
            tickets.spawn(async move { usize::from(sell_by_hand(database, show, 0, None).await) });
        }
    }
    let (tickets, seats) = tokio::join!(tickets.join_all(), seats.join_all());
    (tickets.iter().sum(), seats.iter().sum())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_buyers_get_fifty_tickets_and_each_seat_once() {
    let database = Arc::new(TestDatabase::new().await);
    let show = stage(&database).await;
    let server = TestServer::builder().on(database).start().await;
    let client = server.client().await;
    let (_address, address) = watch::channel(Some(server.address()));
    let watching = viewers(&address, show.event, 4);
    let (tickets, seats) = scramble(&server, &show).await;
    assert_eq!(tickets, LAST as usize);
    // Whoever watched saw nothing that was not so, and ends on the true numbers.
    finish(&server.database.store().await, show.event, watching).await;

    let sql = "select coalesce(sum(quantity), 0) from claims where ticket_type_id = $1 and state <> 'dead'";
    let claimed = [
        one::<i64>(&client, sql, &[&show.ticket_types[0]]).await,
        one::<i64>(&client, sql, &[&show.ticket_types[1]]).await,
    ];
    assert_eq!(claimed, [i64::from(LAST), seats as i64]);
    let sql =
        "select count(*) from (select from claims where seat_id is not null and state <> 'dead'
                group by seat_id having count(*) > 1) as twice";
    assert_eq!(one::<i64>(&client, sql, &[]).await, 0);
    server.audit().await;
}

/// The test above has teeth: without the constraint, writers who do not ask first oversell, and
/// both the count and the audit say so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_constraint_the_fifty_are_oversold() {
    let database = Arc::new(TestDatabase::new().await);
    let show = stage(&database).await;
    let client = database.client().await;
    let sql = "alter table pools drop constraint pools_no_oversell";
    client.batch_execute(sql).await.unwrap();
    let server = TestServer::builder().on(database).start().await;
    let (tickets, _) = scramble(&server, &show).await;
    assert!(tickets > LAST as usize, "{tickets}");
    let report = audit(&server.database.store().await).await.unwrap();
    assert!(!report.is_clean());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn buyers_who_cross_on_two_seats_do_not_wait_for_each_other() {
    let database = Arc::new(TestDatabase::new().await);
    let show = stage(&database).await;
    let server = TestServer::builder().on(database).start().await;
    let second_node = TestServer::builder().beside(&server).start().await;
    for pair in show.seats.chunks(2) {
        let (first, second) = (json!({"seat_id": pair[0]}), json!({"seat_id": pair[1]}));
        let outcomes = tokio::join!(
            buy(server.anonymous(), show.event, json!([first, second])),
            buy(second_node.anonymous(), show.event, json!([second, first])),
        );
        assert!(outcomes.0 != outcomes.1, "{outcomes:?}");
    }
    server.audit().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_in_a_hurry_has_one_pending_booking() {
    let database = Arc::new(TestDatabase::new().await);
    let show = stage(&database).await;
    let server = TestServer::builder().on(database).start().await;
    let second_node = TestServer::builder().beside(&server).start().await;
    let buyer = user(&server.client().await, "customer").await;
    let nodes = [server.user(buyer), second_node.user(buyer)];
    let body = json!({"event_id": show.event, "quantity": 1});
    let answers = join_all((0..40).map(|n| nodes[n % 2].post(BOOKINGS, &body))).await;
    let made: Vec<_> = answers
        .iter()
        .filter(|answer| answer.status == 201)
        .collect();
    assert_eq!(made.len(), 1);
    for refused in answers.iter().filter(|answer| answer.status != 201) {
        assert_eq!(refused.code(409), "PENDING_BOOKING_EXISTS");
        assert_eq!(refused.data(409)["booking_id"], made[0].data(201)["id"]);
    }
    server.audit().await;
}

/// Requests wait for a turn or a connection for as long as a busy machine needs for the rest of the test.
fn wait_long(config: &mut Config) {
    config.database.pool_wait_ms = 60_000;
    config.database.lock_timeout_ms = 60_000;
    config.database.statement_timeout_ms = 60_000;
    config.http.request_timeout_ms = 60_000;
}

/// The event's organizer, with a token.
fn speaker(server: &TestServer, show: &Staged) -> Caller {
    let token = token(show.organizer, Role::Organizer);
    let caller = server.anonymous();
    caller.with_header("authorization", format!("Bearer {token}"))
}

/// A broadcast for each of the events.
fn broadcasts(shows: &[&Staged]) -> Value {
    let message = |show: &&Staged| {
        let payload = json!({"updateType": "custom", "data": {"n": 1}});
        json!({"topic": format!("event-updates:{}", show.event), "event": "update", "payload": payload})
    };
    json!({"messages": shows.iter().map(message).collect::<Vec<_>>()})
}

/// Takes the event's turn and keeps it.
async fn stand_in_the_way(client: &tokio_postgres::Client, show: &Staged) {
    let sql = format!("begin; select take_turn({})", show.event);
    client.batch_execute(&sql).await.unwrap();
}

#[tokio::test]
async fn a_full_desk_says_so_at_once_and_does_nothing_by_halves() {
    let database = Arc::new(TestDatabase::new().await);
    let show = stage(&database).await;
    let server = TestServer::builder()
        .on(database)
        .with(|config| {
            config.desk.queue_commands_max = 2;
            // Commands of a batch are not in the queue, and come back while the turn is held.
            config.desk.batch_commands_max = 1;
            // However busy the machine is, nobody's time runs out meanwhile.
            config.desk.patience_ms = 60_000;
            config.http.request_timeout_ms = 60_000;
        })
        .start()
        .await;
    let client = server.client().await;
    stand_in_the_way(&client, &show).await;
    let body = json!({"event_id": show.event, "quantity": 1});
    let mut buyers = JoinSet::new();
    let mut send = |count: usize| {
        for _ in 0..count {
            let (caller, body) = (server.anonymous(), body.clone());
            buyers.spawn(async move { caller.post(BOOKINGS, &body).await });
        }
    };
    send(1);
    wait_for_a_lock(&server.client().await).await;
    send(12);
    // One is being decided, two wait; all others need not.
    let mut busy = 0;
    while busy < 10 {
        let refused = buyers.join_next().await.unwrap().unwrap();
        assert_eq!(refused.code(503), "BUSY");
        assert_eq!(refused.header("retry-after"), Some("1"));
        busy += 1;
    }
    client.batch_execute("commit").await.unwrap();
    let rest = buyers.join_all().await;
    let made = rest.iter().filter(|answer| answer.status == 201).count();
    assert!(made >= 2, "{rest:?}");
    let sql = "select count(*) from bookings where event_id = $1";
    let stored = one::<i64>(&client, sql, &[&show.event]).await;
    assert_eq!(stored, made as i64);
    server.audit().await;
}

#[tokio::test]
async fn a_turn_that_nobody_gives_back_is_not_waited_for_for_ever() {
    let database = Arc::new(TestDatabase::new().await);
    let show = stage(&database).await;
    let server = TestServer::builder()
        .on(database)
        .with(|config| config.desk.patience_ms = 300)
        .start()
        .await;
    let client = server.client().await;
    stand_in_the_way(&client, &show).await;
    let body = json!({"event_id": show.event, "quantity": 1});
    let nobody = server.anonymous();
    let answers = join_all((0..20).map(|_| nobody.post(BOOKINGS, &body))).await;
    for answer in answers {
        assert_eq!(answer.code(503), "TOO_LATE");
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    client.batch_execute("commit").await.unwrap();
    // On a busy machine one more may find its time gone.
    let served = async {
        loop {
            let made = nobody.post(BOOKINGS, &body).await;
            if made.status == 201 {
                return;
            }
            assert_eq!(made.code(503), "TOO_LATE");
        }
    };
    tokio::time::timeout(DEADLINE, served)
        .await
        .expect("the turn is free");
    let sql = "select count(*) from bookings where event_id = $1";
    assert_eq!(one::<i64>(&client, sql, &[&show.event]).await, 1);
    server.audit().await;
}

/// Forty cancellations of an event whose turn somebody keeps, and bookings of another one meanwhile: these are
/// answered while all of those still wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_6_a_held_turn_delays_its_event_alone() {
    let database = Arc::new(TestDatabase::new().await);
    let (held, free) = (stage(&database).await, stage(&database).await);
    // Fewer connections than cancellations that wait.
    let server = TestServer::builder()
        .on(database)
        .with(|config| {
            config.database.pool_connections_max = 4;
            // They wait for as long as a busy machine needs for the others.
            config.desk.patience_ms = 60_000;
            config.http.request_timeout_ms = 60_000;
        })
        .start()
        .await;
    let client = server.client().await;
    let nobody = server.anonymous();
    let mut cancels = Vec::new();
    for _ in 0..40 {
        let body = json!({"event_id": held.event, "quantity": 1});
        let made = nobody.post(BOOKINGS, &body).await;
        let booking = made.data(201);
        let token = booking["token"].as_str().unwrap();
        let holder = nobody.clone().with_header("x-booking-token", token);
        let path = format!("{BOOKINGS}/{}/status", booking["id"].as_str().unwrap());
        cancels.push((holder, path));
    }
    stand_in_the_way(&client, &held).await;
    let mut waiting = JoinSet::new();
    for (holder, path) in cancels {
        waiting.spawn(async move {
            let cancel = json!({"status": "cancelled"});
            holder.put(&path, &cancel).await
        });
    }
    wait_for_a_lock(&server.client().await).await;
    for _ in 0..20 {
        let body = json!({"event_id": free.event, "quantity": 1});
        nobody.post(BOOKINGS, &body).await.data(201);
        assert!(waiting.try_join_next().is_none(), "the turn is held");
    }
    client.batch_execute("commit").await.unwrap();
    for cancelled in waiting.join_all().await {
        assert_eq!(cancelled.data(200)["status"], "cancelled");
    }
    server.audit().await;
}

/// As above, with what staff do: changes of the event, notices, and scans at its doors take connections of the pool.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_6_staff_who_wait_for_a_turn_leave_other_events_their_connections() {
    let database = Arc::new(TestDatabase::new().await);
    let (held, free) = (stage(&database).await, stage(&database).await);
    // Fewer connections than requests that wait.
    let server = TestServer::builder()
        .on(database)
        .with(|config| {
            config.auth.jwt_secret = Some(SECRET.to_owned());
            config.database.pool_connections_max = 4;
            wait_long(config);
        })
        .start()
        .await;
    let client = server.client().await;
    let staff = |show: &Staged| server.user(show.organizer);
    let notice = json!({"type": "custom", "message": "Doors open late"});
    let scan = |show: &Staged, nonce: usize| {
        let nonce = format!("a scan at a gate {nonce}");
        json!({"code": "TKT-20261130-AAAAAAAA", "nonce": nonce, "event_id": show.event})
    };
    let event = |show: &Staged, of: &str| format!("/api/v1/events/{}{of}", show.event);
    stand_in_the_way(&client, &held).await;
    let mut waiting = JoinSet::new();
    for nth in 0..20 {
        let (caller, path, body) = (staff(&held), event(&held, "/notices"), notice.clone());
        waiting.spawn(async move { caller.post(&path, &body).await.status });
        let (caller, path) = (staff(&held), event(&held, ""));
        waiting.spawn(async move { caller.patch(&path, &json!({"title": "Later"})).await.status });
        let (caller, body) = (staff(&held), scan(&held, nth));
        waiting.spawn(async move { caller.post("/api/v1/checkins", &body).await.status });
        let (caller, body) = (speaker(&server, &held), broadcasts(&[&held]));
        waiting.spawn(async move { caller.post(BROADCASTS, &body).await.status });
    }
    wait_for_a_lock(&server.client().await).await;
    for nth in 0..10 {
        let made = staff(&free).post(&event(&free, "/notices"), &notice).await;
        made.data(201);
        let scanned = staff(&free)
            .post("/api/v1/checkins", &scan(&free, nth))
            .await;
        assert_eq!(scanned.status, 404, "{}", scanned.text);
        let booked = json!({"event_id": free.event, "quantity": 1});
        server.anonymous().post(BOOKINGS, &booked).await.data(201);
        assert!(waiting.try_join_next().is_none(), "the turn is held");
    }
    client.batch_execute("commit").await.unwrap();
    for status in waiting.join_all().await {
        assert!([200, 201, 202, 404].contains(&status), "{status}");
    }
    server.audit().await;
}

/// Broadcasts for two events, of which somebody keeps the second one's turn, or the first one's: they wait, and the other
/// event goes on selling.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turn_is_not_kept_while_another_one_is_waited_for() {
    let database = Arc::new(TestDatabase::new().await);
    let client = database.client().await;
    let organizer = user(&client, "organizer").await;
    let mut shows = Vec::new();
    for _ in 0..3 {
        let show = Show::new()
            .by(organizer)
            .ticket_type("Standing", 1_500, LAST);
        shows.push(show.stage(&client).await);
    }
    let server = TestServer::builder()
        .on(database)
        .with(|config| {
            config.auth.jwt_secret = Some(SECRET.to_owned());
            wait_long(config);
        })
        .start()
        .await;
    let [before, held, after] = &shows[..] else {
        panic!("three shows");
    };
    stand_in_the_way(&client, held).await;
    let mut waiting = JoinSet::new();
    for pair in [[before, held], [held, after]] {
        let (caller, body) = (speaker(&server, held), broadcasts(&pair));
        waiting.spawn(async move { caller.post(BROADCASTS, &body).await.status });
    }
    wait_for_a_lock(&server.client().await).await;
    for _ in 0..10 {
        for free in [before, after] {
            let booked = json!({"event_id": free.event, "quantity": 1});
            server.anonymous().post(BOOKINGS, &booked).await.data(201);
        }
        assert!(waiting.try_join_next().is_none(), "the turn is held");
    }
    // Nobody stands in line for the turn of an event that is not theirs.
    let stranger = Show::new().stage(&server.client().await).await;
    let (stranger, body) = (speaker(&server, &stranger), broadcasts(&[held]));
    assert_eq!(stranger.post(BROADCASTS, &body).await.status, 403);
    client.batch_execute("commit").await.unwrap();
    for status in waiting.join_all().await {
        assert_eq!(status, 202);
    }
    let told = "select count(*) from notices";
    assert_eq!(one::<i64>(&client, told, &[]).await, 4);
    server.audit().await;
}
