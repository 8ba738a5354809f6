//! A hold ends at its deadline, its stock is on sale again, and viewers see it.

use std::time::Duration;

use seatcast::config::Config;
use seatcast::desk::Desk;
use seatcast::sweep;
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::support::server::{DEADLINE, TestServer};
use crate::support::show::{Show, Staged, one, user};
use crate::support::websocket::{Socket, WireVersion};

const BOOKINGS: &str = "/api/v1/bookings";

async fn hold(server: &TestServer, show: &Staged, quantity: i64) -> Value {
    let body = json!({"event_id": show.event, "quantity": quantity});
    server
        .anonymous()
        .post(BOOKINGS, &body)
        .await
        .data(201)
        .clone()
}

/// Moves the event's deadlines to so many milliseconds from now.
async fn end_in(client: &Client, show: &Staged, ms: f64) {
    let sql = "update bookings set expires_at = clock_timestamp() + make_interval(secs => $2::float8 / 1000)
                where event_id = $1 and status = 'pending'";
    client.execute(sql, &[&show.event, &ms]).await.unwrap();
}

/// A sale that opens makes many holds of several seats end at once, more claims than one transaction takes.
#[tokio::test]
async fn many_holds_of_several_seats_end_whole() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .capacity(1_200)
        .ticket_type("Seat", 1_500, 1_200)
        .row(1_200)
        .stage(&client)
        .await;
    let sql = "
        with booked as (
            insert into bookings (reference, event_id, quantity, total_amount, currency, expires_at)
            select 'BK-' || n, $1, 3, 4500, 'EUR', now() + interval '1 hour' from generate_series(0, 399) n
            returning id, substr(reference, 4)::int as nth
        ), itemised as (
            insert into booking_items (booking_id, line, ticket_type_id, quantity, unit_amount)
            select id, 1, $2, 3, 1500 from booked
        )
        insert into claims (booking_id, event_id, ticket_type_id, seat_id, quantity)
        select booked.id, $1, $2, ($3::bigint[])[3 * nth + k], 1 from booked, generate_series(1, 3) k";
    client
        .execute(sql, &[&show.event, &show.ticket_types[0], &show.seats])
        .await
        .expect("holds");
    let topic = format!("event:{}", show.event);
    let mut viewer = server.ws(WireVersion::V2).await;
    viewer.join(&topic, json!({})).await;
    end_in(&client, &show, 0.0).await;
    let mut left = 0;
    while left < 1_200 {
        let update = viewer.next_on(&topic, "update").await;
        left = update["ticket_types"][0]["available"]
            .as_i64()
            .unwrap_or(left);
    }
    server.audit().await;
}

#[tokio::test]
async fn an_ended_hold_is_seen_by_viewers_within_a_second() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Standing", 1_500, 10)
        .stage(&client)
        .await;
    let topic = format!("event:{}", show.event);
    let mut viewer = server.ws(WireVersion::V2).await;
    viewer.join(&topic, json!({})).await;
    let left_is = async |viewer: &mut Socket, left: i64| {
        while viewer.next_on(&topic, "update").await["ticket_types"][0]["available"] != left {}
    };

    let deadline = Duration::from_millis(700);
    let mut late = Vec::new();
    // The machine may be busy with something else in one of these seconds.
    for ended in 1..=5 {
        hold(&server, &show, 4).await;
        left_is(&mut viewer, 6).await;
        let started = Instant::now();
        end_in(&client, &show, 700.0).await;
        left_is(&mut viewer, 10).await;
        let seen = started.elapsed();
        assert!(seen >= deadline, "{seen:?}");
        let sql = "select count(*) from bookings where event_id = $1 and status = 'expired'";
        assert_eq!(one::<i64>(&client, sql, &[&show.event]).await, ended);
        if seen < deadline + Duration::from_secs(1) {
            server.audit().await;
            return;
        }
        late.push(seen);
    }
    panic!("{late:?}");
}

/// A node whose sweeper looks once a minute.
async fn with_a_slow_sweeper() -> (TestServer, Client, Staged) {
    let server = TestServer::builder()
        .with(|config| {
            config.sweep.sweep_pause_ms_max = 60_000;
            config.sweep.sweep_failing_pause_ms_max = 60_000;
        })
        .start()
        .await;
    let client = server.client().await;
    let show = Show::new().ticket_type("Standing", 1_500, 4);
    let show = show.stage(&client).await;
    (server, client, show)
}

#[tokio::test]
async fn a_buyer_does_not_wait_for_the_sweeper() {
    let (server, client, show) = with_a_slow_sweeper().await;
    let first = hold(&server, &show, 4).await;
    end_in(&client, &show, 0.0).await;
    let second = hold(&server, &show, 4).await;
    assert_ne!(first["id"], second["id"]);
    let sql = "select status from bookings where id::text = $1";
    let status: String = one(&client, sql, &[&first["id"].as_str().unwrap()]).await;
    assert_eq!(status, "expired");
    server.audit().await;
}

/// The last use of the voucher is with a hold that the buyer's own command ends.
#[tokio::test]
async fn a_use_of_a_voucher_comes_free_with_its_hold() {
    let (server, client, show) = with_a_slow_sweeper().await;
    let sql = "insert into vouchers (event_id, code, kind, value, uses_max) values ($1, 'ONCE', 'percent', 1000, 1)";
    client.execute(sql, &[&show.event]).await.unwrap();
    let items = json!([{"ticket_type_id": show.ticket_types[0], "quantity": 1}]);
    let body = json!({"event_id": show.event, "items": items, "vouchers": ["ONCE"]});
    let first = server.user(user(&client, "customer").await);
    first.post(BOOKINGS, &body).await.data(201);
    let second = server.user(user(&client, "customer").await);
    let refused = second.post(BOOKINGS, &body).await;
    assert_eq!(refused.code(409), "VOUCHER_USED_UP");
    end_in(&client, &show, 0.0).await;
    second.post(BOOKINGS, &body).await.data(201);
    server.audit().await;
}

#[tokio::test]
async fn a_replay_answers_a_revision_that_stands() {
    let (server, client, show) = with_a_slow_sweeper().await;
    let keyed = server
        .anonymous()
        .with_header("idempotency-key", "5b2f7a0e-6f0c-4a53-9d43-6a1d6b1f0c11");
    let body = json!({"event_id": show.event, "quantity": 2});
    let first = keyed.post(BOOKINGS, &body).await;
    end_in(&client, &show, 0.0).await;
    let replay = keyed.post(BOOKINGS, &body).await;
    assert_eq!(replay.header("idempotent-replay"), Some("true"));
    assert_eq!(replay.data(201)["id"], first.data(201)["id"]);
    assert!(replay.revision() > first.revision());

    let sql = "select revision from turns where event_id = $1";
    let revision: i64 = one(&client, sql, &[&show.event]).await;
    assert_eq!(u64::try_from(revision), Ok(replay.revision()));
    let sql = "select count(*) from claims where event_id = $1 and state = 'held'";
    assert_eq!(one::<i64>(&client, sql, &[&show.event]).await, 0);
    // Nothing is left to end: the next replay changes nothing.
    let again = keyed.post(BOOKINGS, &body).await;
    assert_eq!(again.revision(), replay.revision());
    server.audit().await;
}

#[tokio::test]
async fn any_number_of_sweepers_end_each_hold_once() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let mut shows = Vec::new();
    for _ in 0..3 {
        let show = Show::new().ticket_type("Standing", 1_500, 100);
        shows.push(show.stage(&client).await);
    }
    for show in &shows {
        for _ in 0..25 {
            hold(&server, show, 2).await;
        }
    }
    let end = CancellationToken::new();
    let mut sweepers = Vec::new();
    for _ in 0..3 {
        let store = server.database.store().await;
        let config = Config::default();
        let desk = Desk::new(
            store.clone(),
            config.desk,
            false,
            TaskTracker::new(),
            end.clone(),
        );
        let sweeper = sweep::run(store, desk, config.sweep, 24, false, end.clone());
        sweepers.push(tokio::spawn(sweeper));
    }
    for show in &shows {
        end_in(&client, show, 100.0).await;
    }
    let patience = Instant::now() + DEADLINE;
    let sql = "select count(*) from claims where state = 'held'";
    while one::<i64>(&client, sql, &[]).await > 0 {
        assert!(Instant::now() < patience, "holds are still there");
        tokio::task::yield_now().await;
    }
    end.cancel();
    for sweeper in sweepers {
        sweeper.await.unwrap();
    }
    let sql = "select count(*) from bookings where status = 'expired'";
    assert_eq!(one::<i64>(&client, sql, &[]).await, 75);
    server.audit().await;
}

#[tokio::test]
async fn a_hold_does_not_wait_for_pruning() {
    let server = TestServer::builder()
        .with(|config| config.sweep.prune_interval_s = 1)
        .start()
        .await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Standing", 1_500, 4)
        .stage(&client)
        .await;
    hold(&server, &show, 4).await;
    let mut other = server.client().await;
    let lock = other.transaction().await.unwrap();
    let sql = "lock table idempotency_keys in access exclusive mode";
    lock.batch_execute(sql).await.unwrap();
    let sql = "select count(*) from pg_locks
                where relation = 'idempotency_keys'::regclass and not granted";
    let patience = Instant::now() + DEADLINE;
    while one::<i64>(&client, sql, &[]).await == 0 {
        assert!(Instant::now() < patience, "nobody prunes");
        tokio::task::yield_now().await;
    }
    end_in(&client, &show, 0.0).await;
    // The lock for pruning is waited for 5 s.
    let patience = Instant::now() + Duration::from_secs(4);
    let sql = "select count(*) from claims where state = 'held'";
    while one::<i64>(&client, sql, &[]).await > 0 {
        assert!(Instant::now() < patience, "the hold waits for pruning");
        tokio::task::yield_now().await;
    }
    lock.rollback().await.unwrap();
    server.audit().await;
}

#[tokio::test]
async fn what_is_of_no_use_any_more_is_dropped() {
    let server = TestServer::builder()
        .with(|config| config.sweep.prune_interval_s = 1)
        .start()
        .await;
    let client = server.client().await;
    let buyer = crate::support::show::user(&client, "customer").await.0;
    let sql = format!(
        "insert into provider_events (provider, id, type, received_at) values
             ('stripe', 'evt_old', 'x', now() - interval '91 days'), ('stripe', 'evt_new', 'x', now() - interval '89 days');
         insert into sessions (id, user_id, expires_at) overriding system value values
             (901, {buyer}, now() - interval '3 days'), (902, {buyer}, now());
         insert into refresh_tokens (hash, session_id) values ('old', 901), ('new', 902);
         insert into account_links (hash, user_id, purpose, email, expires_at) values
             ('old', {buyer}, 'confirm', 'a@b.c', now() - interval '3 days'), ('new', {buyer}, 'confirm', 'a@b.c', now());
         insert into ended_tokens (session_id, at) values (1, now() - interval '3 days'), (2, now());"
    );
    client.batch_execute(&sql).await.unwrap();
    let left = "select concat_ws(' ', (select string_agg(id, ',') from provider_events),
                       (select string_agg(id::text, ',') from sessions),
                       (select string_agg(encode(hash, 'escape'), ',') from refresh_tokens),
                       (select string_agg(encode(hash, 'escape'), ',') from account_links),
                       (select string_agg(session_id::text, ',') from ended_tokens))";
    let patience = Instant::now() + DEADLINE;
    while one::<String>(&client, left, &[]).await != "evt_new 902 new new 2" {
        assert!(Instant::now() < patience, "nobody prunes");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_event_whose_holds_cannot_be_ended_holds_up_no_other() {
    let server = TestServer::builder()
        .with(|config| {
            config.sweep.sweep_pause_ms_max = 100;
            config.sweep.sweep_failing_pause_ms_max = 60_000;
        })
        .start()
        .await;
    let client = server.client().await;
    let stage = || Show::new().ticket_type("Standing", 1_500, 4);
    let (failing, well) = (stage().stage(&client).await, stage().stage(&client).await);
    hold(&server, &failing, 4).await;
    hold(&server, &well, 4).await;
    // A sequence counts on when its transaction is rolled back.
    let sql = format!(
        "create sequence failures;
         create function fail() returns trigger language plpgsql security definer as $$
         begin
             perform nextval('failures');
             raise exception 'not this event';
         end $$;
         create trigger fail before update on claims for each row
            when (old.event_id = {}) execute function fail()",
        failing.event
    );
    client.batch_execute(&sql).await.unwrap();
    end_in(&client, &failing, 0.0).await;
    // By then the next try is 6.4 seconds away.
    let patience = Instant::now() + DEADLINE;
    let sql = "select last_value from failures";
    while one::<i64>(&client, sql, &[]).await < 7 {
        assert!(Instant::now() < patience, "it is not tried again");
        tokio::task::yield_now().await;
    }
    let held = "select count(*) from claims where event_id = $1 and state = 'held'";
    end_in(&client, &well, 0.0).await;
    let patience = Instant::now() + Duration::from_secs(5);
    while one::<i64>(&client, held, &[&well.event]).await > 0 {
        assert!(Instant::now() < patience, "it waits for the other");
        tokio::task::yield_now().await;
    }
    assert_eq!(one::<i64>(&client, held, &[&failing.event]).await, 1);

    let sql = "drop trigger fail on claims; drop function fail; drop sequence failures";
    client.batch_execute(sql).await.unwrap();
    let patience = Instant::now() + DEADLINE;
    while one::<i64>(&client, held, &[&failing.event]).await > 0 {
        assert!(Instant::now() < patience, "it is not tried again");
        tokio::task::yield_now().await;
    }
    server.audit().await;
}

/// One event has more overdue holds than a look goes through, and they cannot be ended: those of other events end in time.
#[tokio::test]
async fn many_holds_that_cannot_be_ended_hide_no_others() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let stage = || Show::new().ticket_type("Standing", 1_500, 4);
    let (stuck, well) = (stage().stage(&client).await, stage().stage(&client).await);
    hold(&server, &well, 4).await;
    let sql = format!(
        "create function fail() returns trigger language plpgsql as $$
         begin
             raise exception 'not this event';
         end $$;
         create trigger fail before update on bookings for each row
            when (old.event_id = {event}) execute function fail();
         insert into bookings (reference, event_id, status, quantity, total_amount, currency, expires_at)
         select 'BK-S' || n, {event}, 'pending', 1, 1500, 'EUR', clock_timestamp() - interval '1 hour'
           from generate_series(1, 10001) n",
        event = stuck.event
    );
    client.batch_execute(&sql).await.unwrap();
    end_in(&client, &well, 0.0).await;
    let held = "select count(*) from claims where event_id = $1 and state = 'held'";
    let patience = Instant::now() + DEADLINE;
    while one::<i64>(&client, held, &[&well.event]).await > 0 {
        assert!(Instant::now() < patience, "it is hidden by the others");
        tokio::task::yield_now().await;
    }
}
