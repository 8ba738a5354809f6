//! Payments and jobs that wait for a person, and how they are worked off.

use serde_json::{Value, json};

use super::shop::{GOOD, Held, PRICE, Shop};
use crate::support::caller::Caller;
use crate::support::show::{one, user};

const PAYMENTS: &str = "/api/v1/payments?state=needs_review";
const JOBS: &str = "/api/v1/jobs?state=needs_review";

impl Shop {
    fn staff(&self) -> Caller {
        self.server.user(self.show.organizer)
    }

    /// The only payment that waits.
    async fn waiting(&self) -> Value {
        let listed = self.staff().get(PAYMENTS).await;
        let listed = listed.data(200).as_array().unwrap().clone();
        assert_eq!(listed.len(), 1, "{listed:?}");
        listed[0].clone()
    }

    async fn decide(&self, decision: &str) -> crate::support::caller::Answer {
        let count = self.waiting().await["reason_count"].clone();
        self.decide_after(decision, count).await
    }

    /// By somebody who has read so many reasons.
    async fn decide_after(&self, decision: &str, count: Value) -> crate::support::caller::Answer {
        let id = self.waiting().await["id"].as_str().unwrap().to_owned();
        let path = format!("/api/v1/payments/{id}/review");
        let mut verdict = json!({"decision": decision, "note": "as agreed"});
        if !count.is_null() {
            verdict["reason_count"] = count;
        }
        self.staff().post(&path, &verdict).await
    }

    async fn paid(&self, quantity: i64) -> (Held, String) {
        let held = self.hold(quantity).await;
        let intent = self.begin(&held).await;
        self.stripe.give_card(&intent, GOOD).await;
        self.paid_and_sold(&held, &intent, quantity).await;
        (held, intent)
    }

    /// The sum of an account's entries.
    async fn balance(&self, account: &str) -> i64 {
        let sql = "select coalesce(sum(e.amount), 0)::bigint from ledger_entries e
                     join ledger_accounts a on a.id = e.account_id where a.name = $1";
        one(&self.client, sql, &[&account]).await
    }

    async fn until_waiting(&self) {
        self.in_the_end("select count(*) = 1 from payments where review is not null")
            .await;
    }
}

/// The bank of a card that has expired takes nothing back.
#[tokio::test]
async fn money_whose_refund_failed_can_still_be_given_back() {
    let shop = Shop::open(10).await;
    for decision in ["accept", "refund"] {
        let (held, intent) = shop.paid(2).await;
        shop.stripe.tell(json!({"refunds": "pending"})).await;
        let back = format!("/api/v1/bookings/{}/refunds", held.id);
        let all = json!({"all": true});
        let asked = shop.staff().post(&back, &all).await;
        assert_eq!(asked.data(201)["status"], "pending");
        let books = shop.stripe.books().await;
        let mut refunds = books["refunds"].as_array().unwrap().iter();
        let of = refunds.find(|one| one["payment_intent"] == intent.as_str());
        let fails = json!({"refund": of.unwrap()["id"], "ends": "failed"});
        shop.stripe.tell(fails).await;
        shop.in_the_end("select count(*) = 1 from payments where review is not null")
            .await;
        let waiting = shop.waiting().await;
        assert_eq!(waiting["decisions"], json!(["accept", "refund"]));
        assert_eq!(waiting["refunded"]["amount"], 0);
        shop.stripe.tell(json!({"refunds": "succeeded"})).await;
        shop.decide(decision).await.data(200);
        if decision == "accept" {
            assert_eq!(shop.kept(&intent).await, 2 * PRICE);
            let again = shop.staff().post(&back, &all).await;
            assert_eq!(again.data(201)["status"], "succeeded");
        }
        assert_eq!(shop.kept(&intent).await, 0, "{decision}");
    }
    shop.server.audit().await;
}

/// Money that came too late, and that its bank takes no more: a person may let it stay, and the audit knows that.
#[tokio::test]
async fn money_that_came_late_stays_where_a_person_decides_so() {
    for disputed in [false, true] {
        let shop = Shop::open(2).await;
        shop.stripe.tell(json!({"delivery": "hold"})).await;
        let late = shop.hold(2).await;
        let intent = shop.begin(&late).await;
        shop.stripe
            .tell(json!({"tamper": {"intent": intent, "capture_method": "automatic"}}))
            .await;
        shop.stripe.give_card(&intent, GOOD).await;
        shop.pass_the_deadline(&late).await;
        let _other = shop.hold(1).await;
        let mut dispute = Value::Null;
        if disputed {
            dispute = shop.stripe.tell(json!({"dispute": intent})).await["id"].clone();
        } else {
            shop.stripe.tell(json!({"refunds": "pending"})).await;
        }
        shop.stripe.tell(json!({"release": "as_happened"})).await;
        shop.stripe.tell(json!({"delivery": "send"})).await;
        if disputed {
            shop.in_the_end("select count(*) = 1 from refunds where state = 'needs_review'")
                .await;
            let closed = json!({"dispute_closed": dispute, "status": "lost"});
            shop.stripe.tell(closed).await;
            shop.in_the_end("select count(*) = 1 from disputes where state = 'lost'")
                .await;
        } else {
            shop.in_the_end("select count(*) = 1 from refunds where state = 'pending'")
                .await;
            let books = shop.stripe.books().await;
            let fails = json!({"refund": books["refunds"][0]["id"], "ends": "failed"});
            shop.stripe.tell(fails).await;
        }
        shop.in_the_end("select count(*) = 1 from payments where review is not null")
            .await;
        shop.server.audit().await;
        shop.decide("accept").await.data(200);
        let stays =
            "select count(*) = 1 from payments where captured_amount > 0 and refunded_amount = 0";
        assert!(one::<bool>(&shop.client, stays, &[]).await);
        shop.server.audit().await;
    }
}

#[tokio::test]
async fn payments_that_wait_are_found_by_event_and_by_booking() {
    let shop = Shop::open(10).await;
    let (held, _) = shop.paid(1).await;
    let (other, _) = shop.paid(1).await;
    let ask = "update payments set review = 'look', review_count = 1";
    shop.client.batch_execute(ask).await.unwrap();
    let found = async |caller: &Caller, query: &str| {
        let found = caller.get(&format!("{PAYMENTS}&{query}")).await;
        let rows = found.data(200).as_array().unwrap().len();
        let total = found.header("x-total-count").map(str::to_owned);
        assert_eq!(total, Some(rows.to_string()));
        rows
    };
    let (staff, event) = (shop.staff(), shop.show.event);
    assert_eq!(found(&staff, &format!("event_id={event}")).await, 2);
    assert_eq!(found(&staff, &format!("event_id={}", event.0 + 1)).await, 0);
    for booking in [&held, &other] {
        let of = format!("booking_id={}", booking.id);
        let listed = staff.get(&format!("{PAYMENTS}&{of}")).await;
        assert_eq!(listed.data(200)[0]["booking_id"], json!(booking.id));
        assert_eq!(found(&staff, &of).await, 1);
        assert_eq!(
            found(&staff, &format!("{of}&event_id={}", event.0 + 1)).await,
            0
        );
    }
    let elsewhere = shop.server.user(user(&shop.client, "organizer").await);
    assert_eq!(found(&elsewhere, &format!("event_id={event}")).await, 0);
    let wrong = staff.get(&format!("{PAYMENTS}&booking_id=7")).await;
    assert_eq!(wrong.code(422), "VALIDATION_FAILED");
}

/// The provider gives nothing back of a payment that is disputed.
#[tokio::test]
async fn what_was_asked_back_during_a_dispute_goes_back_when_it_is_won() {
    let shop = Shop::open(10).await;
    for (end, decisions) in [
        ("won", json!(["accept", "refund"])),
        ("lost", json!(["accept"])),
    ] {
        let (held, intent) = shop.paid(2).await;
        let dispute = shop.stripe.tell(json!({"dispute": intent})).await;
        shop.until_waiting().await;
        let back = format!("/api/v1/bookings/{}/refunds", held.id);
        let all = json!({"all": true});
        let asked = shop.staff().post(&back, &all).await;
        assert_eq!(asked.data(201)["status"], "needs_review");
        let closed = json!({"dispute_closed": dispute["id"], "status": end});
        shop.stripe.tell(closed).await;
        shop.until(&format!(
            "select count(*) = 1 from disputes where state = '{end}'"
        ))
        .await;
        assert_eq!(shop.waiting().await["decisions"], decisions);
        match end {
            "won" => {
                shop.decide("refund").await.data(200);
                assert_eq!(shop.kept(&intent).await, 0);
            }
            _ => {
                shop.decide("accept").await.data(200);
                let again = shop.staff().post(&back, &all).await;
                assert_eq!(again.code(409), "REFUND_EXCEEDS");
            }
        }
    }
    shop.server.audit().await;
}

#[tokio::test]
async fn a_decision_is_about_the_reasons_that_were_read() {
    let shop = Shop::open(10).await;
    let (held, intent) = shop.paid(2).await;
    shop.stripe.tell(json!({"refunds": "pending"})).await;
    let back = format!("/api/v1/bookings/{}/refunds", held.id);
    let half = json!({ "amount": PRICE });
    shop.staff().post(&back, &half).await.data(201);
    let books = shop.stripe.books().await;
    let fails = json!({"refund": books["refunds"][0]["id"], "ends": "failed"});
    shop.stripe.tell(fails).await;
    shop.until_waiting().await;
    let read = shop.waiting().await["reason_count"].clone();
    let dispute = json!({"dispute": intent, "amount": 100});
    let dispute = shop.stripe.tell(dispute).await["id"].clone();
    shop.until("select count(*) = 1 from disputes").await;
    for count in [read.clone(), Value::Null] {
        let listed = shop.waiting().await;
        let unread = shop.decide_after("accept", count.clone()).await;
        assert_eq!(unread.status, 409, "{count} of {listed}");
        assert_eq!(unread.code(409), "REASONS_UNREAD");
        let reasons = unread.body["data"]["reasons"].as_array().unwrap();
        assert_eq!(reasons[0], "the cardholder disputes the payment");
        assert!(reasons[1].as_str().unwrap().starts_with("a refund failed"));
    }
    shop.decide("accept").await.data(200);
    let closed = json!({"dispute_closed": dispute, "status": "won"});
    shop.stripe.tell(closed).await;
    shop.until("select count(*) = 1 from disputes where state = 'won'")
        .await;

    // The same reason again is another one: what it is about was not seen.
    shop.stripe.tell(json!({"refunds": "succeeded"})).await;
    let mut read = Value::Null;
    for (amount, back) in [(1_000, 1_000), (500, 1_500)] {
        let there = json!({"refund_intent": intent, "amount": amount});
        shop.stripe.tell(there).await;
        shop.in_the_end(&format!("select refunded_amount = {back} from payments"))
            .await;
        if read.is_null() {
            // Of the reasons that were decided about none is left.
            assert_eq!(shop.waiting().await["reasons"].as_array().unwrap().len(), 1);
            read = shop.waiting().await["reason_count"].clone();
        }
    }
    let unread = shop.decide_after("accept", read).await;
    assert_eq!(unread.code(409), "REASONS_UNREAD");
    assert_eq!(shop.balance("unexplained movements").await, 1_500);
    shop.decide("accept").await.data(200);
    assert_eq!(shop.balance("unexplained movements").await, 0);
    shop.server.audit().await;
}

/// The bank returns a refund that had succeeded: its credit note stands for whatever goes back next, and ends with an invoice
/// where the money stays.
#[tokio::test]
async fn a_refund_that_failed_after_it_had_succeeded_is_in_the_books_once() {
    const HALF: i64 = PRICE;
    let shop = Shop::open(20).await;
    let tax = "insert into taxes (event_id, name, rate, included) select id, 'VAT', 1900, true from events";
    shop.client.execute(tax, &[]).await.unwrap();
    let mut kept = 0;
    for how in ["refund", "accept", "beside", "part", "elsewhere"] {
        let (held, intent) = shop.paid(2).await;
        let tax_before = shop.balance("tax payable").await;
        let back = format!("/api/v1/bookings/{}/refunds", held.id);
        let half = json!({ "amount": HALF });
        let given = shop.staff().post(&back, &half).await;
        assert_eq!(given.data(201)["status"], "succeeded");
        let books = shop.stripe.books().await;
        let mut refunds = books["refunds"].as_array().unwrap().iter();
        let of = refunds.find(|one| one["payment_intent"] == intent.as_str());
        let fails =
            json!({"refund": of.unwrap()["id"], "ends": "failed", "even_if_succeeded": true});
        shop.stripe.tell(fails).await;
        shop.until_waiting().await;
        assert_eq!(shop.balance("unexplained movements").await, -HALF);
        let (mut notes, mut invoices, mut back_in_all) = (1, 1, HALF);
        match how {
            "refund" => {
                shop.decide("refund").await.data(200);
                (notes, back_in_all) = (2, 2 * HALF);
            }
            "accept" => {
                shop.decide("accept").await.data(200);
                (invoices, back_in_all) = (2, 0);
            }
            "beside" => {
                shop.staff().post(&back, &half).await.data(201);
                shop.decide("accept").await.data(200);
            }
            "part" => {
                shop.staff()
                    .post(&back, &json!({"amount": 400}))
                    .await
                    .data(201);
                shop.decide("accept").await.data(200);
                (invoices, back_in_all) = (2, 400);
            }
            _ => {
                let there = json!({"refund_intent": intent, "amount": HALF});
                shop.stripe.tell(there).await;
                shop.in_the_end("select count(*) = 1 from refunds where key like 'foreign:%' and state = 'succeeded'").await;
                shop.decide("accept").await.data(200);
            }
        }
        kept += 2 * HALF - back_in_all;
        assert_eq!(shop.kept(&intent).await, 2 * HALF - back_in_all, "{how}");
        assert_eq!(shop.balance("unexplained movements").await, 0, "{how}");
        let sold = -(shop.balance("ticket revenue").await + shop.balance("tax payable").await);
        assert_eq!(sold, kept, "{how}");
        let tax = tax_before - shop.balance("tax payable").await;
        let share = 479 * back_in_all / (2 * HALF);
        assert!((tax + share).abs() <= 1, "{how}: {tax} of {share}");
        let path = format!("/api/v1/bookings/{}/invoices", held.id);
        let shown = shop.buyer(&held).get(&path).await;
        let shown = shown.data(200).as_array().unwrap().clone();
        let of = |kind: &str| shown.iter().filter(|one| one["kind"] == kind).count();
        assert_eq!(
            (of("invoice"), of("credit_note")),
            (invoices, notes),
            "{how}: {shown:?}"
        );
        let total = |kind: &str| -> i64 {
            let of_kind = shown.iter().filter(|one| one["kind"] == kind);
            of_kind
                .map(|one| one["total"]["amount"].as_i64().unwrap())
                .sum()
        };
        assert_eq!(
            total("invoice") - total("credit_note"),
            2 * HALF - back_in_all,
            "{how}"
        );
        let print = format!("/api/v1/events/{}/invoice/{}.pdf", shop.show.event, held.id);
        shop.in_the_end("select count(*) = 0 from invoices where number is null")
            .await;
        assert_eq!(shop.buyer(&held).get(&print).await.status, 200);
        shop.server.audit().await;
    }
}

#[tokio::test]
async fn what_others_gave_back_is_accepted_or_ends_the_booking() {
    let shop = Shop::open(10).await;
    let (held, intent) = shop.paid(2).await;
    shop.stripe
        .tell(json!({"refund_intent": intent, "amount": 1_000}))
        .await;
    shop.until_waiting().await;
    let waiting = shop.waiting().await;
    assert_eq!(waiting["state"], "captured");
    assert_eq!(waiting["decisions"], json!(["accept", "refund"]));
    assert_eq!(waiting["refunded"]["amount"], 1_000);
    let stranger = shop.server.user(user(&shop.client, "organizer").await);
    assert_eq!(stranger.get(PAYMENTS).await.data(200), &json!([]));
    let path = format!(
        "/api/v1/payments/{}/review",
        waiting["id"].as_str().unwrap()
    );
    let verdict = json!({"decision": "accept"});
    let theirs = stranger.post(&path, &verdict).await;
    assert_eq!(theirs.code(404), "PAYMENT_NOT_FOUND");
    let retried = shop.decide("retry").await;
    assert_eq!(retried.code(409), "DECISION_IMPOSSIBLE");
    assert_eq!(shop.balance("unexplained movements").await, 1_000);
    shop.decide("accept").await.data(200);
    assert_eq!(shop.tickets(&held).await, 2);
    // It was a refund like ours: in the books, on paper, and in a mail to the buyer.
    assert_eq!(shop.balance("unexplained movements").await, 0);
    assert_eq!(shop.balance("ticket revenue").await, 1_000 - 2 * PRICE);
    shop.in_the_end(
        "select count(*) = 1 from invoices where kind = 'credit_note' and number is not null",
    )
    .await;
    let invoices = format!("/api/v1/bookings/{}/invoices", held.id);
    let invoices = shop.buyer(&held).get(&invoices).await;
    assert_eq!(invoices.data(200)[1]["total"]["amount"], 1_000);
    let mails = "select count(*) from jobs where kind = 'refund_mail'";
    assert_eq!(one::<i64>(&shop.client, mails, &[]).await, 1);
    let again = shop.staff().post(&path, &verdict).await;
    assert_eq!(again.code(404), "PAYMENT_NOT_FOUND", "it is decided");
    let told = "select count(*) from audit_trail where object like 'payment:%' and detail->>'decision' = 'accept'";
    assert_eq!(one::<i64>(&shop.client, told, &[]).await, 1);

    shop.stripe
        .tell(json!({"refund_intent": intent, "amount": 500}))
        .await;
    shop.until_waiting().await;
    shop.decide("refund").await.data(200);
    shop.in_the_end("select count(*) = 0 from refunds where state in ('requested', 'pending')")
        .await;
    assert_eq!(
        (shop.kept(&intent).await, shop.tickets(&held).await),
        (0, 0)
    );
    for account in ["unexplained movements", "ticket revenue"] {
        assert_eq!(shop.balance(account).await, 0, "{account}");
    }
    assert_eq!(one::<i64>(&shop.client, mails, &[]).await, 3);
    shop.server.audit().await;

    let (held, intent) = shop.paid(1).await;
    shop.stripe.tell(json!({"refund_intent": intent})).await;
    shop.until_waiting().await;
    assert_eq!(
        shop.waiting().await["decisions"],
        json!(["accept", "cancel"])
    );
    shop.decide("cancel").await.data(200);
    shop.until_status(&held, "cancelled").await;
    shop.server.audit().await;
}

#[tokio::test]
async fn a_payment_that_was_put_right_is_looked_at_again() {
    let shop = Shop::open(10).await;
    let held = shop.hold(1).await;
    let intent = shop.begin(&held).await;
    let tamper = |amount: i64| json!({"tamper": {"intent": intent, "amount": amount}});
    shop.stripe.tell(tamper(1)).await;
    shop.stripe.give_card(&intent, GOOD).await;
    shop.until_waiting().await;
    let decisions = json!(["accept", "cancel", "retry"]);
    assert_eq!(shop.waiting().await["decisions"], decisions);
    shop.stripe.tell(tamper(PRICE)).await;
    shop.stripe
        .tell(json!({"tamper": {"intent": intent, "amount_capturable": PRICE}}))
        .await;
    shop.decide("retry").await.data(200);
    shop.until_status(&held, "confirmed").await;
    shop.until_payment(&held, "captured").await;
    assert_eq!(shop.tickets(&held).await, 1);
}

/// No attempt ends whose money the provider has: nobody would look for it any more.
#[tokio::test]
async fn an_attempt_of_which_a_part_was_given_back_does_not_end() {
    let shop = Shop::open(10).await;
    let held = shop.hold(1).await;
    let intent = shop.begin(&held).await;
    let taken = json!({"intent": intent, "amount": PRICE + 500, "capture_method": "automatic"});
    shop.stripe.tell(json!({ "tamper": taken })).await;
    shop.stripe.give_card(&intent, GOOD).await;
    shop.until_waiting().await;
    for (back, left) in [(500, PRICE), (PRICE - 1, 1)] {
        let there = json!({"refund_intent": intent, "amount": back});
        shop.stripe.tell(there).await;
        for decision in ["accept", "cancel"] {
            let decided = shop.decide(decision).await;
            assert_eq!(decided.code(409), "MONEY_AT_PROVIDER");
            let amount = &decided.body["data"]["amount"];
            assert_eq!(amount, &json!({"amount": left, "currency": "EUR"}));
        }
    }
    shop.until_status(&held, "pending").await;
    let rest = json!({"refund_intent": intent, "amount": 1});
    shop.stripe.tell(rest).await;
    shop.decide("cancel").await.data(200);
    shop.until_status(&held, "cancelled").await;
    assert_eq!(shop.kept(&intent).await, 0);
    shop.server.audit().await;
}

/// Refunds that a cancelled event could not make are made when a person has its job tried again.
#[tokio::test]
async fn refunds_of_a_cancelled_event_that_failed_are_tried_again_with_its_job() {
    let shop = Shop::open(10).await;
    let (_, intent) = shop.paid(2).await;
    let (_, other) = shop.paid(1).await;
    shop.stripe.tell(json!({"refunds": "pending"})).await;
    let cancel = format!("/api/v1/events/{}/cancel", shop.show.event);
    let reason = json!({"reason": "Storm"});
    shop.staff().post(&cancel, &reason).await.data(202);
    shop.until("select count(*) = 2 from refunds where state = 'pending'")
        .await;
    let books = shop.stripe.books().await;
    for refund in books["refunds"].as_array().unwrap() {
        let ends = match refund["payment_intent"] == intent.as_str() {
            true => "failed",
            false => "succeeded",
        };
        let ends = json!({"refund": refund["id"], "ends": ends});
        shop.stripe.tell(ends).await;
    }
    let stuck =
        "select count(*) = 1 from jobs where kind = 'event_refunds' and state = 'needs_review'";
    shop.in_the_end(stuck).await;
    assert_eq!(
        (shop.kept(&intent).await, shop.kept(&other).await),
        (2 * PRICE, 0)
    );
    shop.decide("accept").await.data(200);
    shop.stripe.tell(json!({"refunds": "succeeded"})).await;
    let jobs = shop.staff().get(JOBS).await;
    let job = jobs.data(200)[0].clone();
    assert_eq!(job["code"], "REFUNDS_NEED_REVIEW");
    let retry = format!("/api/v1/jobs/{}/retry", job["id"]);
    shop.staff().post(&retry, &json!({})).await.data(200);
    let done = "select count(*) = 1 from jobs where kind = 'event_refunds' and state = 'done'";
    shop.in_the_end(done).await;
    assert_eq!(shop.kept(&intent).await, 0);
    assert_eq!(shop.staff().get(JOBS).await.data(200), &json!([]));
    shop.server.audit().await;
}

#[tokio::test]
async fn a_job_that_waits_is_tried_again_or_dropped_by_its_own_people() {
    let shop = Shop::open(10).await;
    let event = shop.show.event.0;
    for (n, kind) in [(1, "unknown_kind"), (2, "refund")] {
        let sql = format!(
            "insert into jobs (kind, key, payload, state, reason, expires_at) values
             ('{kind}', 'test:{n}', jsonb_build_object('event_id', $1::bigint), 'needs_review', 'it broke', now() + interval '1 day')"
        );
        shop.client.execute(&sql, &[&event]).await.unwrap();
    }
    let listed = shop.staff().get(JOBS).await;
    assert_eq!(listed.header("x-total-count"), Some("2"));
    let jobs = listed.data(200).as_array().unwrap().clone();
    // Of whatever has no code of its own.
    assert_eq!(jobs[0]["code"], "JOB_FAILED");
    assert_eq!(jobs[0]["reason"], "It did not succeed");
    assert_eq!(jobs[0]["detail"], "it broke");
    let stranger = shop.server.user(user(&shop.client, "organizer").await);
    assert_eq!(stranger.get(JOBS).await.data(200), &json!([]));
    let path = |n: usize, act: &str| format!("/api/v1/jobs/{}/{act}", jobs[n]["id"]);
    let theirs = stranger.post(&path(0, "drop"), &json!({})).await;
    assert_eq!(theirs.code(404), "JOB_NOT_FOUND");
    let retried = shop.staff().post(&path(0, "retry"), &json!({})).await;
    assert_eq!(retried.data(200)["status"], "waiting");
    let again = shop.staff().post(&path(0, "retry"), &json!({})).await;
    assert_eq!(again.code(409), "JOB_NOT_WAITING");
    shop.staff()
        .post(&path(1, "drop"), &json!({}))
        .await
        .data(200);
    let gone = shop
        .staff()
        .get(&format!("/api/v1/jobs/{}", jobs[1]["id"]))
        .await;
    assert_eq!(gone.code(404), "JOB_NOT_FOUND");
    let told = "select string_agg(concat_ws(' ', detail ->> 'decision', detail ->> 'kind', detail ->> 'key'), ', ' order by id)
                  from audit_trail where object like 'job:%'";
    let told: String = one(&shop.client, told, &[]).await;
    assert_eq!(told, "retry unknown_kind, drop refund test:2");
}

#[tokio::test]
async fn an_invoice_and_its_credit_notes_are_printed_for_those_who_may_see_the_booking() {
    let shop = Shop::open(10).await;
    let (held, _) = shop.paid(2).await;
    shop.in_the_end("select count(*) = 1 from invoices where number is not null")
        .await;
    let path = format!("/api/v1/events/{}/invoice/{}.pdf", shop.show.event, held.id);
    let one_page = shop.buyer(&held).get(&path).await;
    assert_eq!(one_page.status, 200, "{}", one_page.text);
    assert_eq!(one_page.header("content-type"), Some("application/pdf"));
    let name = one_page.header("content-disposition").unwrap();
    assert!(name.contains("INV-"), "{name}");
    let back = format!("/api/v1/bookings/{}/refunds", held.id);
    let amount = json!({"amount": 500});
    shop.staff().post(&back, &amount).await.data(201);
    shop.in_the_end("select count(*) = 2 from invoices where number is not null")
        .await;
    let told = "select count(*) from audit_trail where object like 'booking:%' and detail->>'amount' = '500'";
    assert_eq!(one::<i64>(&shop.client, told, &[]).await, 1);
    let two_pages = shop.staff().get(&path).await;
    assert!(two_pages.text.len() > one_page.text.len());
    let stranger = shop.server.user(user(&shop.client, "customer").await);
    assert_eq!(stranger.get(&path).await.code(404), "INVOICE_NOT_FOUND");
    let other = path.replace(&held.id, "01890000-0000-7000-8000-000000000000");
    assert_eq!(
        shop.staff().get(&other).await.code(404),
        "INVOICE_NOT_FOUND"
    );
}

/// The first attempt goes to a person while the booking is held, and the second one pays: who cancels the booking because of
/// the first cancels what the second has paid.
#[tokio::test]
async fn a_booking_that_is_cancelled_for_one_attempt_gives_back_what_another_paid() {
    let shop = Shop::open(2).await;
    let held = shop.hold(1).await;
    let first = shop.begin(&held).await;
    let wrong = json!({"intent": first, "amount": 1});
    shop.stripe.tell(json!({ "tamper": wrong })).await;
    shop.stripe.give_card(&first, GOOD).await;
    shop.until_payment(&held, "needs_review").await;
    let second = shop.begin(&held).await;
    shop.stripe.give_card(&second, GOOD).await;
    shop.until_payment(&held, "captured").await;
    shop.decide("cancel").await.data(200);
    shop.until_status(&held, "cancelled").await;
    shop.in_the_end(
        "select count(*) = 1 from refunds where key like 'cancelled:%' and state = 'succeeded'",
    )
    .await;
    assert_eq!(shop.kept(&second).await, 0);
    shop.server.audit().await;
}

/// The provider took the money and denies it, until staff have it asked again: what its owner's cancellation wrote down waits for
/// that, and gives back what the policy says.
#[tokio::test]
async fn what_a_person_has_asked_for_again_goes_back_by_the_policy() {
    let shop = Shop::open(2).await;
    let policy = format!("/api/v1/events/{}/refund-policy", shop.show.event);
    let half = json!({"percent": 50});
    shop.staff().put(&policy, &half).await.data(200);
    let held = shop.hold(1).await;
    let intent = shop.begin(&held).await;
    let looks = "GET /v1/payment_intents/.*";
    let faults = json!([
        {"on": "POST /v1/payment_intents/.*/capture", "does": "cut_after", "times": 1_000},
        {"on": looks, "does": "404", "times": 1_000},
    ]);
    let first = json!([&faults[0]]);
    shop.stripe
        .tell(json!({"faults": first, "delivery": "hold"}))
        .await;
    shop.stripe.give_card(&intent, GOOD).await;
    // It tells of the card; word of the capture is held back until it denies that.
    shop.stripe.tell(json!({"release": "as_happened"})).await;
    shop.until_status(&held, "confirmed").await;
    let denied = json!({"faults": faults, "delivery": "send", "release": "as_happened"});
    shop.stripe.tell(denied).await;
    shop.until_payment(&held, "needs_review").await;
    let status = format!("/api/v1/bookings/{}/status", held.id);
    let cancel = json!({"status": "cancelled"});
    shop.buyer(&held).put(&status, &cancel).await.data(200);
    let waits = "select count(*) = 1 from jobs where kind = 'give_back' and state = 'waiting'
                    and run_at > now() + interval '2 s'";
    shop.until(waits).await;
    shop.stripe.tell(json!({"faults": []})).await;
    shop.decide("retry").await.data(200);
    shop.in_the_end("select count(*) = 1 from refunds where state = 'succeeded'")
        .await;
    assert_eq!(shop.kept(&intent).await, PRICE / 2);
    shop.server.audit().await;
}

/// Two of the staff at once: the amount of the refund that failed comes free once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_that_two_give_up_at_once_frees_its_amount_once() {
    let shop = Shop::open(10).await;
    let (held, intent) = shop.paid(2).await;
    let back = format!("/api/v1/bookings/{}/refunds", held.id);
    let part = json!({"amount": 900});
    shop.staff().post(&back, &part).await.data(201);
    shop.stripe.tell(json!({"refunds": "pending"})).await;
    shop.staff().post(&back, &part).await.data(201);
    let books = shop.stripe.books().await;
    let mut refunds = books["refunds"].as_array().unwrap().iter();
    let stuck = refunds.find(|one| one["status"] == "pending").unwrap();
    let fails = json!({"refund": stuck["id"], "ends": "failed"});
    shop.stripe.tell(fails).await;
    shop.until_waiting().await;
    shop.stripe.tell(json!({"refunds": "succeeded"})).await;
    let mut somebody = shop.server.client().await;
    let writes = somebody.transaction().await.unwrap();
    let sql = "select from bookings for no key update";
    writes.execute(sql, &[]).await.unwrap();
    let both = async { tokio::join!(shop.decide("refund"), shop.decide("refund")) };
    let then = async {
        let sql = "select count(*) = 2 from pg_stat_activity
                    where datname = current_database() and wait_event_type = 'Lock'";
        shop.until(sql).await;
        writes.commit().await.unwrap();
    };
    let ((one, other), ()) = tokio::join!(both, then);
    let said = [one, other];
    let said: Vec<_> = said.iter().map(|one| (one.status, &one.body)).collect();
    assert!(said.iter().any(|(status, _)| *status == 200), "{said:?}");
    assert_eq!(shop.kept(&intent).await, 0);
    let waits = "select count(*) from refunds where state not in ('succeeded', 'failed')";
    let waits: i64 = crate::support::show::one(&shop.client, waits, &[]).await;
    assert_eq!(waits, 0);
    shop.server.audit().await;
}

/// Its buyer begins another attempt in the moment in which staff want the first one asked after again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_is_not_asked_after_again_beside_a_new_one() {
    let shop = Shop::open(2).await;
    let held = shop.hold(1).await;
    let first = shop.begin(&held).await;
    let wrong = json!({"intent": first, "amount": 1});
    shop.stripe.tell(json!({ "tamper": wrong })).await;
    shop.stripe.give_card(&first, GOOD).await;
    shop.until_payment(&held, "needs_review").await;
    let mut somebody = shop.server.client().await;
    let begins = somebody.transaction().await.unwrap();
    let sql = "insert into payments (booking_id, event_id, provider, amount, currency)
               select booking_id, event_id, 'offline', amount, currency from payments";
    begins.execute(sql, &[]).await.unwrap();
    let then = async {
        crate::support::database::wait_for_a_lock(&shop.client).await;
        begins.commit().await.unwrap();
    };
    let (retried, ()) = tokio::join!(shop.decide("retry"), then);
    assert_eq!(retried.code(409), "DECISION_IMPOSSIBLE");
}
