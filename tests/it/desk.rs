//! The desk alone, without HTTP: what it grants is what the database has.

use std::time::{Duration, Instant};

use seatcast::config::Config;
use seatcast::desk::{Answer, Book, Change, Desk, DeskError, Outcome};
use seatcast::store::Store;
use seatcast::store::audit::audit;
use seatcast::store::idempotency::{IdempotencyKey, Once};
use seatcast::ticketing::booking::{Item, Request, Sells, Wish};
use seatcast::ticketing::record::{BookingStatus, PaidBy};
use seatcast::ticketing::refusal::Refusal;
use seatcast::ticketing::stock::Share;
use seatcast::ticketing::transition::{Canceller, Paid, Transition};
use seatcast::ticketing::{BookingId, EventId, TicketTypeId, UserId};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::support::database::TestDatabase;
use crate::support::show::{Show, Staged, one, user};

fn desk(store: Store) -> Desk {
    Desk::new(
        store,
        Config::default().desk,
        false,
        TaskTracker::new(),
        CancellationToken::new(),
    )
}

fn request(event_id: EventId, buyer: Option<UserId>, items: Vec<Item>) -> Book {
    Book {
        event_id,
        request: Request {
            booking_id: BookingId(uuid::Uuid::now_v7()),
            buyer,
            guest: None,
            share: Share::default(),
            sells: Sells::Nowhere,
            member: false,
            wish: Wish::Items(items),
            email_proven: false,
            expected_total: None,
            vouchers: Vec::new(),
            least_charge: false,
        },
        token_hash: None,
        contact: None,
        attendees: Vec::new(),
        answers: None,
        key: None,
        lang: seatcast::lang::Lang::En,
    }
}

fn quantity(ticket_type_id: TicketTypeId, quantity: i64) -> Item {
    Item::Quantity {
        ticket_type_id,
        quantity,
    }
}

/// Of a command that did something itself.
fn made(outcome: Outcome) -> Answer {
    match outcome {
        Ok(Once::Made(answer)) => answer,
        other => panic!("not made: {other:?}"),
    }
}

fn refusal(outcome: Outcome) -> &'static str {
    match outcome {
        Err(DeskError::Refused(refusal)) => refusal.code(),
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn a_booking_of_several_kinds_is_stored_as_answered() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let show = Show::new()
        .ticket_type("Standing", 1_500, 100)
        .ticket_type("Seated", 4_000, 10)
        .row(10)
        .stage(&client)
        .await;
    let buyer = user(&client, "customer").await;
    let desk = desk(database.store().await);
    let best = Item::BestAvailable {
        ticket_type_id: show.ticket_types[1],
        quantity: 2,
    };
    let seat = Item::Seat {
        seat_id: show.seats[0],
    };
    let items = vec![quantity(show.ticket_types[0], 3), seat, best];
    let answer = made(desk.book(request(show.event, Some(buyer), items)).await);
    let booking = answer.booking;
    assert_eq!(booking.status, BookingStatus::Pending);
    assert_eq!(booking.quantity, 6);
    assert_eq!(booking.total.amount, 3 * 1_500 + 3 * 4_000);
    assert_eq!(booking.items[1].seats.len(), 3);
    assert_eq!(booking.items[1].seats[0].number, "1");
    let held = booking.expires_at.unwrap().duration_since(answer.now);
    assert_eq!(held.as_mins(), 15);

    let sql = "select revision from turns where event_id = $1";
    let revision: i64 = one(&client, sql, &[&show.event]).await;
    assert_eq!(answer.revision, u64::try_from(revision).unwrap());
    let sql = "select held from pools where ticket_type_id = $1";
    let held: i32 = one(&client, sql, &[&show.ticket_types[1]]).await;
    assert_eq!(held, 3);
    // A second one waits for the first.
    let again = request(
        show.event,
        Some(buyer),
        vec![quantity(show.ticket_types[0], 1)],
    );
    assert_eq!(refusal(desk.book(again).await), "PENDING_BOOKING_EXISTS");
}

/// Overdue holds end first, also those of a ticket type that the command does not name.
#[tokio::test]
async fn overdue_holds_of_another_type_make_room() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let show = Show::new()
        .capacity(5)
        .ticket_type("Floor", 1_500, 5)
        .ticket_type("Balcony", 1_500, 5)
        .stage(&client)
        .await;
    let desk = desk(database.store().await);
    let all = vec![quantity(show.ticket_types[1], 5)];
    made(desk.book(request(show.event, None, all)).await);
    let one = || request(show.event, None, vec![quantity(show.ticket_types[0], 1)]);
    assert_eq!(refusal(desk.book(one()).await), "EVENT_AT_CAPACITY");
    let late = "update bookings set expires_at = now()";
    client.batch_execute(late).await.unwrap();
    made(desk.book(one()).await);
}

/// Bookings that find enough do not wait for holds to end, which is the sweeper's to do; those that need their stock, or
/// whose buyer had one of them, do, and those that find holds which nobody ends.
#[tokio::test]
async fn overdue_holds_are_left_to_the_sweeper_where_they_do_not_matter() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let show = Show::new()
        .capacity(10)
        .ticket_type("Standing", 1_500, 10)
        .stage(&client)
        .await;
    let buyer = user(&client, "customer").await;
    let desk = desk(database.store().await);
    let of = |units| vec![quantity(show.ticket_types[0], units)];
    let book = async |buyer, units| made(desk.book(request(show.event, buyer, of(units))).await);
    let end_all = async |ago: &str| {
        let late = format!(
            "update bookings set expires_at = now() - interval '{ago}' where status = 'pending'"
        );
        client.batch_execute(&late).await.unwrap();
    };
    let pending = async || -> i64 {
        let sql = "select count(*) from bookings where status = 'pending'";
        one(&client, sql, &[]).await
    };
    // Holds that are over for longer are ended by any batch.
    let is_left = |since: Instant| since.elapsed() < Duration::from_millis(900);
    book(None, 4).await;
    let since = Instant::now();
    end_all("1 ms").await;
    book(None, 2).await;
    assert!(pending().await == 2 || !is_left(since));
    book(None, 5).await;
    assert_eq!(pending().await, 2, "stock was needed");

    let since = Instant::now();
    end_all("1 ms").await;
    book(Some(buyer), 1).await;
    assert!(pending().await == 3 || !is_left(since));
    end_all("1 ms").await;
    book(Some(buyer), 1).await;
    assert_eq!(pending().await, 1, "the buyer had one");
    end_all("2 s").await;
    book(None, 1).await;
    assert_eq!(pending().await, 1, "nobody ended it");
}

#[tokio::test]
async fn a_full_batch_grants_what_there_is_and_no_more() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let show = Show::new()
        .capacity(50)
        .ticket_type("Standing", 1_500, 50)
        .stage(&client)
        .await;
    let desk = desk(database.store().await);
    let mut buyers = JoinSet::new();
    for _ in 0..200 {
        let desk = desk.clone();
        let request = request(show.event, None, vec![quantity(show.ticket_types[0], 1)]);
        buyers.spawn(async move { desk.book(request).await });
    }
    let outcomes = buyers.join_all().await;
    let granted = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(granted, 50);
    for outcome in outcomes.into_iter().filter(Result::is_err) {
        assert_eq!(
            outcome,
            Err(DeskError::Refused(Refusal::SoldOut {
                by_type: [(show.ticket_types[0], 0)].into()
            }))
        );
    }
    let sql = "select held from pools where event_id = $1 and kind = 'event'";
    assert_eq!(one::<i32>(&client, sql, &[&show.event]).await, 50);
}

#[tokio::test]
async fn the_same_key_is_answered_the_same() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let show = Show::new().ticket_type("Free", 0, 50).stage(&client).await;
    let desk = desk(database.store().await);
    let keyed = |body: u8| {
        let mut request = request(show.event, None, vec![quantity(show.ticket_types[0], 2)]);
        request.key = Some(IdempotencyKey::new("test".into(), "key", [body; 32]));
        request
    };
    // Together in one batch, and later.
    let (first, second) = tokio::join!(desk.book(keyed(1)), desk.book(keyed(1)));
    let third = desk.book(keyed(1)).await;
    let mut replayed = 0;
    let answers = [first, second, third].map(|outcome| match outcome.unwrap() {
        Once::Made(answer) => answer,
        Once::Replayed(answer) => {
            replayed += 1;
            answer
        }
        Once::Mismatch => panic!("the same body"),
    });
    assert_eq!(replayed, 2);
    assert_eq!(answers[0].booking, answers[1].booking);
    assert_eq!(answers[0].booking, answers[2].booking);
    assert_eq!(answers[0].booking.status, BookingStatus::Confirmed);
    assert_eq!(answers[0].booking.tickets.len(), 2);
    let other = desk.book(keyed(2)).await;
    assert_eq!(other, Ok(Once::Mismatch));
    let sql = "select count(*) from tickets where event_id = $1";
    assert_eq!(one::<i64>(&client, sql, &[&show.event]).await, 2);
}

#[tokio::test]
async fn a_made_up_event_is_not_found() {
    let database = TestDatabase::new().await;
    let desk = desk(database.store().await);
    let request = request(EventId(i64::MAX), None, vec![quantity(TicketTypeId(1), 1)]);
    assert_eq!(refusal(desk.book(request).await), "EVENT_NOT_FOUND");
}

#[tokio::test]
async fn an_unknown_user_is_refused_alone() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let show = Show::new()
        .ticket_type("Standing", 1_500, 50)
        .stage(&client)
        .await;
    let desk = desk(database.store().await);
    let one = || vec![quantity(show.ticket_types[0], 1)];
    let (known, unknown) = tokio::join!(
        desk.book(request(show.event, None, one())),
        desk.book(request(show.event, Some(UserId(i64::MAX)), one())),
    );
    known.unwrap();
    assert_eq!(refusal(unknown), "USER_NOT_FOUND");
}

#[tokio::test]
async fn when_the_database_refuses_a_batch_only_the_offender_hears_of_it() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let show = Show::new()
        .ticket_type("Standing", 1_500, 50)
        .then(
            "create function no_threes() returns trigger language plpgsql as $$
             begin raise exception 'three' using errcode = '23514', constraint = 'pools_no_oversell'; end $$;
             create trigger no_threes before insert on bookings for each row when (new.quantity = 3)
                 execute function no_threes()",
        )
        .stage(&client)
        .await;
    let desk = desk(database.store().await);
    let ask = |n| {
        desk.book(request(
            show.event,
            None,
            vec![quantity(show.ticket_types[0], n)],
        ))
    };
    // Joined, they wait together and make one batch.
    let (one, three, two) = tokio::join!(ask(1), ask(3), ask(2));
    one.unwrap();
    two.unwrap();
    assert_eq!(refusal(three), "SOLD_OUT");
}

#[tokio::test]
async fn at_the_end_the_desk_serves_who_waits_and_nobody_else() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let show = Show::new()
        .ticket_type("Standing", 1_500, 50)
        .stage(&client)
        .await;
    let (tracker, end) = (TaskTracker::new(), CancellationToken::new());
    let config = Config::default().desk;
    let desk = Desk::new(
        database.store().await,
        config,
        false,
        tracker.clone(),
        end.clone(),
    );
    let ask = || {
        desk.book(request(
            show.event,
            None,
            vec![quantity(show.ticket_types[0], 1)],
        ))
    };
    let waiting = futures_util::future::join_all((0..20).map(|_| ask()));
    let (outcomes, ()) = tokio::join!(waiting, async { end.cancel() });
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!(ask().await, Err(DeskError::Unavailable));
    tracker.close();
    tracker.wait().await;
}

/// A trigger that refuses every booking of three, whatever the rules say.
const NO_THREES: &str = "
    create or replace function no_threes() returns trigger language plpgsql as $$
    begin raise exception 'three' using errcode = '23514', constraint = 'pools_no_oversell'; end $$;
    create or replace trigger no_threes before insert on bookings for each row when (new.quantity = 3)
        execute function no_threes()";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_offender_costs_the_buyers_of_99_events_one_retry() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let mut shows = Vec::new();
    for _ in 0..100 {
        let show = Show::new().ticket_type("Standing", 1_500, 50);
        shows.push(show.stage(&client).await);
    }
    client.batch_execute(NO_THREES).await.unwrap();
    let desk = desk(database.store().await);
    let ask = |show: &Staged, n| {
        desk.book(request(
            show.event,
            None,
            vec![quantity(show.ticket_types[0], n)],
        ))
    };
    let offence = ask(&shows[50], 3);
    let others = shows.iter().map(|show| ask(show, 1));
    let (offence, others) = tokio::join!(offence, futures_util::future::join_all(others));
    assert_eq!(refusal(offence), "SOLD_OUT");
    for other in others {
        made(other);
    }
    // The time of a booking is its transaction's: one or two of single commands, and one of all that were left.
    let sql = "select count(distinct created_at) from bookings";
    let transactions = one::<i64>(&client, sql, &[]).await;
    assert!(transactions <= 4, "{transactions} transactions");
    let report = audit(&database.store().await).await.unwrap();
    assert!(report.is_clean(), "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_booking_in_somebody_elses_hands_is_waited_for_alone() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let show = Show::new()
        .ticket_type("Standing", 1_500, 50)
        .stage(&client)
        .await;
    let desk = desk(database.store().await);
    let one_more = || {
        desk.book(request(
            show.event,
            None,
            vec![quantity(show.ticket_types[0], 1)],
        ))
    };
    let booking_id = made(one_more().await).booking.id;
    // By hand, and without the turn first: the booking's row is locked, the event's turn is not.
    let other = database.client().await;
    let sql = "begin; update bookings set cancel_reason = 'by hand'";
    other.batch_execute(sql).await.unwrap();
    let confirm = tokio::spawn({
        let desk = desk.clone();
        let event_id = show.event;
        async move {
            let paid = Paid::ByStaff(PaidBy::Cash);
            let confirm = Transition::Confirm { paid };
            desk.change(Change::new(event_id, booking_id, confirm))
                .await
        }
    });
    for _ in 0..5 {
        made(one_more().await);
        assert!(!confirm.is_finished());
    }
    let sql = format!(
        "update bookings set status = 'cancelled' where id = '{booking_id}';
         update claims set state = 'dead' where booking_id = '{booking_id}'; commit"
    );
    other.batch_execute(&sql).await.unwrap();
    assert_eq!(refusal(confirm.await.unwrap()), "INVALID_TRANSITION");
    let report = audit(&database.store().await).await.unwrap();
    assert!(report.is_clean(), "{report}");
}

#[tokio::test]
async fn the_revision_of_an_answer_is_the_databases() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let show = Show::new()
        .ticket_type("Seated", 1_500, 6)
        .row(6)
        .stage(&client)
        .await;
    let event_id = show.event;
    let desk = desk(database.store().await);
    let revision = async || {
        let sql = "select revision from turns where event_id = $1";
        u64::try_from(one::<i64>(&client, sql, &[&event_id]).await).unwrap()
    };
    let four = || request(event_id, None, vec![quantity(show.ticket_types[0], 4)]);
    let first = made(desk.book(four()).await);
    assert_eq!(first.revision, revision().await);
    // The first one's hold ends on the way, for the second one needs its seats: two revisions, one commit.
    let sql = "update bookings set expires_at = clock_timestamp()";
    client.execute(sql, &[]).await.unwrap();
    let second = made(desk.book(four()).await);
    assert_eq!(second.revision, first.revision + 2);
    assert_eq!(second.revision, revision().await);
    let booking_id = second.booking.id;
    let paid = Paid::ByStaff(PaidBy::Terminal);
    let confirm = Transition::Confirm { paid };
    let confirm = Change::new(event_id, booking_id, confirm);
    let confirmed = made(desk.change(confirm).await);
    assert_eq!(confirmed.revision, revision().await);
    assert_eq!(confirmed.booking.tickets.len(), 4);
    let by = Canceller::Staff;
    let reason = None;
    let cancel = Transition::Cancel {
        by,
        reason,
        as_unpaid: false,
    };
    let cancel = Change::new(event_id, booking_id, cancel);
    let cancelled = made(desk.change(cancel.clone()).await);
    assert_eq!(cancelled.revision, revision().await);
    assert_eq!(cancelled.booking.version, 3);
    let again = desk.change(cancel).await.unwrap();
    assert!(matches!(again, Once::Replayed(answer) if answer.revision == cancelled.revision));
    let report = audit(&database.store().await).await.unwrap();
    assert!(report.is_clean(), "{report}");
}
