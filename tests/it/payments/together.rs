//! Attempts of many buyers at the same moment share statements; each gets what is its own, once.

use std::time::Duration;

use futures_util::future::join_all;
use seatcast::config::Config;
use seatcast::desk::{Change, Desk};
use seatcast::store::Store;
use seatcast::store::audit::audit;
use seatcast::store::jobs::Settled;
use seatcast::store::payments::{Begun, PAYMENT_JOB, PaymentWay, payment_job};
use seatcast::ticketing::BookingId;
use seatcast::ticketing::ledger::Parts;
use seatcast::ticketing::payment::{Attempt, Charge, ChargeStatus, PaymentState, ProviderName};
use seatcast::ticketing::transition::Transition;
use tokio::time::timeout;
use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::support::database::{TestDatabase, wait_for_a_lock};
use crate::support::server::DEADLINE;
use crate::support::show::{Show, Staged, one};

const BUYERS: usize = 60;
const PRICE: i64 = 1_500;
const FEE: i64 = 55;

const DEMO: PaymentWay = PaymentWay {
    provider: ProviderName::Demo,
    is_named: false,
    method: None,
};

struct Till {
    client: Client,
    store: Store,
    show: Staged,
    bookings: Vec<BookingId>,
    /// Last, since it ends with its database.
    database: TestDatabase,
}

/// An event with a hold for each buyer.
async fn till() -> Till {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let show = Show::new()
        .ticket_type("Standing", PRICE, 100)
        .stage(&client)
        .await;
    let sql = "
        with made as (
            insert into bookings (reference, event_id, status, quantity, total_amount, currency, expires_at)
            select 'BK-' || n, $1, 'pending', 1, $3, 'EUR', clock_timestamp() + interval '15 minutes'
              from generate_series(1, $4) n returning id
        ), listed as (
            insert into booking_items (booking_id, line, ticket_type_id, quantity, unit_amount)
            select id, 1, $2, 1, $3 from made
        ), claimed as (
            insert into claims (booking_id, event_id, ticket_type_id, quantity, state)
            select id, $1, $2, 1, 'held' from made
        )
        select id from made";
    let count = i32::try_from(BUYERS).unwrap();
    let rows = client
        .query(sql, &[&show.event, &show.ticket_types[0], &PRICE, &count])
        .await
        .unwrap();
    Till {
        store: database.store().await,
        client,
        show,
        bookings: rows.iter().map(|row| row.get(0)).collect(),
        database,
    }
}

fn charge(of: &Attempt, status: ChargeStatus) -> Charge {
    let captured = if status == ChargeStatus::Captured {
        PRICE
    } else {
        0
    };
    Charge {
        provider_ref: format!("ch_{}", of.id),
        status,
        amount: PRICE,
        currency: "EUR".to_owned(),
        attempt: Some(of.id),
        captured_amount: captured,
        fee_amount: if captured > 0 { FEE } else { 0 },
        method: Some("card".to_owned()),
        client_secret: None,
        redirect_url: Some(format!("/pay/{}", of.id)),
        failure: None,
        has_moved: false,
        fee_follows: false,
    }
}

async fn begin(store: &Store, booking: BookingId) -> Begun {
    store.begin_payment(booking, DEMO, None).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_attempts_at_once_are_begun_noted_and_settled_each_once() {
    let Till {
        client,
        store,
        show,
        bookings,
        database: _database,
    } = till().await;
    // Everybody presses twice.
    let twice = bookings.iter().chain(&bookings);
    let begun = join_all(twice.map(|booking| begin(&store, *booking))).await;
    let attempts = begun.iter().map(|begun| match begun {
        Begun::New(attempt, hold) | Begun::Live(attempt, hold) => {
            assert!(!hold.is_short && hold.expires_at > Some(hold.now));
            attempt
        }
        other => panic!("not begun: {other:?}"),
    });
    let attempts: Vec<&Attempt> = attempts.collect();
    let new = begun.iter().filter(|begun| matches!(begun, Begun::New(..)));
    assert_eq!(new.count(), BUYERS);
    for ((one, two), booking) in attempts.iter().zip(&attempts[BUYERS..]).zip(&bookings) {
        assert_eq!((one.id, one.booking_id), (two.id, *booking));
    }
    let attempts = &attempts[..BUYERS];
    let jobs = "select count(*) from jobs where kind = 'payment' and state = 'waiting'";
    assert_eq!(one::<i64>(&client, jobs, &[]).await, BUYERS as i64);

    let open: Vec<Charge> = attempts
        .iter()
        .map(|of| charge(of, ChargeStatus::Open))
        .collect();
    let heard = attempts
        .iter()
        .zip(&open)
        .map(|(of, open)| store.payment_heard(of, open));
    for (heard, of) in join_all(heard).await.into_iter().zip(attempts) {
        let heard = heard.unwrap().unwrap();
        assert_eq!(
            (heard.id, heard.state),
            (of.id, PaymentState::RequiresAction)
        );
        assert_eq!(heard.provider_ref, Some(format!("ch_{}", of.id)));
        assert_eq!(heard.redirect_url, Some(format!("/pay/{}", of.id)));
    }
    let again = attempts
        .iter()
        .zip(&open)
        .map(|(of, open)| store.payment_heard(of, open));
    for heard in join_all(again).await {
        assert_eq!(heard.unwrap(), None, "nothing is new");
    }
    // Somebody else began it, too, and had another answer.
    let (first, open) = (attempts[0], &open[0]);
    let other = Charge {
        provider_ref: "ch_other".to_owned(),
        ..open.clone()
    };
    assert_eq!(store.payment_heard(first, &other).await.unwrap(), None);
    let kept = store.payment(first.id).await.unwrap().unwrap();
    assert_eq!(kept.provider_ref.as_ref(), Some(&open.provider_ref));

    let desk = Desk::new(
        store.clone(),
        Config::default().desk,
        false,
        TaskTracker::new(),
        CancellationToken::new(),
    );
    let sold = attempts.iter().map(|of| {
        let payment = of.id;
        let amount = of.amount.clone();
        let sale = Transition::Reclaim {
            payment,
            amount,
            seats: Vec::new(),
            instead_of: None,
        };
        desk.change(Change::new(show.event, of.booking_id, sale))
    });
    for sold in join_all(sold).await {
        sold.unwrap();
    }
    let taken: Vec<Charge> = attempts
        .iter()
        .map(|of| charge(of, ChargeStatus::Captured))
        .collect();
    let parts = Parts {
        revenue: PRICE,
        ..Parts::default()
    };
    // Its job and somebody else, at the same moment.
    let settled = attempts.iter().zip(&taken).cycle().take(3 * BUYERS);
    let settled = settled.map(|(of, taken)| store.settle_payment(of, taken, parts, false));
    for settled in join_all(settled).await {
        settled.unwrap();
    }
    let booked = "select sum(e.amount)::bigint from ledger_entries e join ledger_accounts a on a.id = e.account_id
                   where a.name = $1";
    for (account, amount) in [
        ("money at the demo provider", PRICE - FEE),
        ("ticket revenue", -PRICE),
        ("provider fees", FEE),
    ] {
        let sum: i64 = one(&client, booked, &[&account]).await;
        assert_eq!(sum, amount * BUYERS as i64, "{account}");
    }
    let captured = "select count(*) from payments where state = 'captured' and captured_amount = $1 and fee_amount = $2";
    assert_eq!(
        one::<i64>(&client, captured, &[&PRICE, &FEE]).await,
        BUYERS as i64
    );
    let report = audit(&store).await.unwrap();
    assert!(report.is_clean(), "{report}");
}

/// They share a statement: both ask before the line has its first turn.
#[tokio::test]
async fn who_asked_for_a_way_that_is_not_to_be_had_is_not_answered_with_the_other_s() {
    let till = till().await;
    let days = PaymentWay {
        provider: ProviderName::Offline,
        is_named: true,
        method: Some("transfer"),
    };
    let ways = [days, DEMO].map(|way| till.store.begin_payment(till.bookings[0], way, None));
    let begun = join_all(ways).await;
    let [Ok(Begun::Live(other, _)), Ok(Begun::New(own, _))] = &begun[..] else {
        panic!("{begun:?}");
    };
    assert_eq!((own.provider, own.id), (ProviderName::Demo, other.id));
}

/// Who lost a job's lease settles it in the same moment as who has it.
#[tokio::test]
async fn a_job_is_settled_as_the_one_with_its_lease_says() {
    let till = till().await;
    let job = payment_job("00000000-0000-0000-0000-000000000001".parse().unwrap());
    let id = till.store.queue_job(&job).await.unwrap();
    let take = async || {
        let lease = Duration::from_secs(60);
        let mut taken = till
            .store
            .take_jobs(&[PAYMENT_JOB], [1, 0, 0], lease)
            .await
            .unwrap();
        taken.pop().unwrap()
    };
    let lost = take().await;
    let late = "update jobs set lease_until = clock_timestamp() - interval '1 s' where id = $1";
    till.client.execute(late, &[&id]).await.unwrap();
    till.store.tidy_jobs(10, &[], &[]).await.unwrap();
    let ours = take().await;
    let quiet = Duration::from_secs(1);
    let (done, again) = (
        Settled::Done { quiet },
        Settled::Again {
            after: quiet,
            reason: "not yet".to_owned(),
        },
    );
    let settled = [(&lost, &done), (&ours, &again)];
    let settled = settled.map(|(job, settled)| till.store.settle_job(job, settled));
    let settled = join_all(settled).await.into_iter().map(Result::unwrap);
    assert_eq!(settled.collect::<Vec<_>>(), [false, true]);
    let state = "select state || ': ' || reason from jobs where id = $1";
    let state: String = one(&till.client, state, &[&id]).await;
    assert_eq!(state, "waiting: not yet");
}

/// A booking that somebody writes keeps nobody else waiting.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_to_wait_for_a_row_waits_alone() {
    let mut till = till().await;
    let (busy, free) = till.bookings.split_first().unwrap();
    let writer = till.client.transaction().await.unwrap();
    let lock = "select from bookings where id = $1 for no key update";
    writer.query_one(lock, &[busy]).await.unwrap();
    let waits = tokio::spawn({
        let (store, busy) = (till.store.clone(), *busy);
        async move { begin(&store, busy).await }
    });
    let others = join_all(free.iter().map(|booking| begin(&till.store, *booking)));
    for begun in timeout(DEADLINE, others).await.unwrap() {
        assert!(matches!(begun, Begun::New(..)), "{begun:?}");
    }
    assert!(!waits.is_finished());
    writer.commit().await.unwrap();
    let begun = timeout(DEADLINE, waits).await.unwrap().unwrap();
    assert!(matches!(begun, Begun::New(..)), "{begun:?}");
}

/// The same with jobs: one whose row is locked is rung for and settled by itself.
#[tokio::test]
async fn who_has_to_wait_for_a_job_waits_alone() {
    let mut till = till().await;
    let begun = join_all(till.bookings.iter().map(|one| begin(&till.store, *one))).await;
    let attempts = begun.into_iter().map(|begun| match begun {
        Begun::New(attempt, _) => attempt.id,
        other => panic!("{other:?}"),
    });
    let attempts: Vec<_> = attempts.collect();
    let lease = Duration::from_secs(60);
    join_all(attempts.iter().map(|id| till.store.ring_payment(*id))).await;
    let mut taken = till
        .store
        .take_jobs(&[PAYMENT_JOB], [500, 0, 0], lease)
        .await;
    let taken = taken.as_mut().unwrap();
    assert_eq!(taken.len(), attempts.len());
    let busy = attempts[0];
    taken.sort_by_key(|job| job.key != payment_job(busy).key);
    let done = Settled::Done {
        quiet: Duration::ZERO,
    };
    let writer = till.client.transaction().await.unwrap();
    let lock = "select from jobs where key = $1 for update";
    writer
        .query_one(lock, &[&payment_job(busy).key])
        .await
        .unwrap();
    let waits = tokio::spawn({
        let (store, job, done) = (till.store.clone(), taken[0].clone(), done.clone());
        async move { tokio::join!(store.ring_payment(busy), store.settle_job(&job, &done)) }
    });
    let rung = join_all(attempts[1..].iter().map(|id| till.store.ring_payment(*id)));
    for rung in timeout(DEADLINE, rung).await.unwrap() {
        rung.unwrap();
    }
    let settled = join_all(
        taken[1..]
            .iter()
            .map(|job| till.store.settle_job(job, &done)),
    );
    for settled in timeout(DEADLINE, settled).await.unwrap() {
        assert!(settled.unwrap());
    }
    assert!(!waits.is_finished());
    writer.commit().await.unwrap();
    let (rung, settled) = timeout(DEADLINE, waits).await.unwrap().unwrap();
    rung.unwrap();
    assert!(settled.unwrap());
    // Each was rung for while it was worked at, so each is due again.
    let again = till
        .store
        .take_jobs(&[PAYMENT_JOB], [500, 0, 0], lease)
        .await;
    assert_eq!(again.unwrap().len(), attempts.len());
    // And one that is forgotten at this moment is written anew.
    let writer = till.client.transaction().await.unwrap();
    let forget = "delete from jobs where key = $1";
    let key = payment_job(busy).key;
    assert_eq!(writer.execute(forget, &[&key]).await.unwrap(), 1);
    let waits = tokio::spawn({
        let store = till.store.clone();
        async move { store.ring_payment(busy).await }
    });
    wait_for_a_lock(&till.database.client().await).await;
    writer.commit().await.unwrap();
    timeout(DEADLINE, waits).await.unwrap().unwrap().unwrap();
    let again = till
        .store
        .take_jobs(&[PAYMENT_JOB], [500, 0, 0], lease)
        .await
        .unwrap();
    assert_eq!(again.len(), 1);
}

/// Whoever writes an attempt locks its booking next, by the trigger that counts the booking's version; whoever has the event's
/// turn goes on to its bookings. Money that comes in meanwhile waits for both and is not in the way of either.
#[tokio::test]
async fn rows_of_money_are_locked_attempt_turn_booking() {
    let mut till = till().await;
    let watcher = till.database.client().await;
    let cases = [
        (
            ProviderName::Demo,
            "select from payments where booking_id = $1 for no key update",
        ),
        (
            ProviderName::Offline,
            "select from turns where event_id = (select event_id from bookings where id = $1) for no key update",
        ),
    ];
    for ((provider, first), booking) in cases.into_iter().zip(till.bookings.clone()) {
        let way = PaymentWay { provider, ..DEMO };
        let begun = till.store.begin_payment(booking, way, None).await.unwrap();
        let Begun::New(attempt, _) = begun else {
            panic!("{begun:?}");
        };
        let taken = charge(&attempt, ChargeStatus::Captured);
        let writer = till.client.transaction().await.unwrap();
        writer.query_one(first, &[&booking]).await.unwrap();
        let waits = tokio::spawn({
            let (store, attempt) = (till.store.clone(), attempt.clone());
            async move {
                let parts = Parts::default();
                store.settle_payment(&attempt, &taken, parts, true).await
            }
        });
        wait_for_a_lock(&watcher).await;
        let lock = "select from bookings where id = $1 for no key update";
        writer.query_one(lock, &[&booking]).await.unwrap();
        writer.commit().await.unwrap();
        timeout(DEADLINE, waits).await.unwrap().unwrap().unwrap();
        let settled = till.store.payment(attempt.id).await.unwrap().unwrap();
        assert_eq!(settled.state, PaymentState::Captured, "{provider:?}");
    }
}
