//! Mails to buyers about their bookings, to a real SMTP server: each once, with what belongs to it.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use seatcast::store::jobs::JobLane;
use seatcast::store::prune::OldRows;
use seatcast::store::refunds::{NewRefund, RefundBegun};
use seatcast::ticketing::ledger::RefundedParts;
use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::mail::{PAGES, mailing, waits};
use crate::support::database::TestDatabase;
use crate::support::http_client;
use crate::support::server::TestServer;
use crate::support::show::{Show, Staged, one, user};
use crate::support::smtp::Smtp;

const BOOKINGS: &str = "/api/v1/bookings";
/// Refunds are looked at again after a while, whatever became of them.
const NOTHING_LEFT: &str = "select count(*) = 0 from jobs
    where state = 'leased' or state = 'waiting' and kind <> 'refund'";

/// Books as somebody without an account: the booking's path.
async fn book(server: &TestServer, show: &Staged, quantity: i64, lang: &'static str) -> String {
    let item = json!({"ticket_type_id": show.ticket_types[0], "quantity": quantity});
    let contact = json!({"name": "Ada", "email": "ada@example.org"});
    let body = json!({"event_id": show.event, "items": [item], "contact": contact});
    let anonymous = server.anonymous().with_header("accept-language", lang);
    let booked = anonymous.post(BOOKINGS, &body).await;
    format!("{BOOKINGS}/{}", booked.data(201)["id"].as_str().unwrap())
}

fn paid() -> Value {
    json!({"status": "confirmed", "paid_by": "cash"})
}

fn attached(mail: &Value, number: usize) -> Vec<u8> {
    let text = mail["attachments"][number]["base64"].as_str();
    STANDARD.decode(text.expect("an attachment")).unwrap()
}

/// The mails that were sent before nothing was left to be done.
async fn all_mails(smtp: &mut Smtp, server: &TestServer, client: &Client) -> Vec<Value> {
    waits(client, NOTHING_LEFT).await;
    // Asked for by a new address each time, since one mail to an address within a minute is the most.
    let last = format!("{}@example.org", uuid::Uuid::now_v7());
    let body = json!({ "email": last });
    let codes = server.anonymous().post("/api/v1/email-codes", &body).await;
    codes.data(202);
    let mut mails = Vec::new();
    loop {
        match smtp.mail().await {
            mail if mail["to"] == last.as_str() => return mails,
            mail => mails.push(mail),
        }
    }
}

#[tokio::test]
async fn a_confirmed_booking_sends_its_tickets_once() {
    let mut smtp = Smtp::start().await;
    let server = mailing(&smtp).await;
    let client = server.client().await;
    let show = Show::new().ticket_type("Seat", 1_500, 10);
    let show = show.stage(&client).await;
    let organizer = server.user(show.organizer);
    let booking = book(&server, &show, 2, "th").await;
    let status = format!("{booking}/status");
    for _ in 0..2 {
        let confirmed = organizer.put(&status, &paid()).await;
        assert_eq!(confirmed.data(200)["status"], "confirmed");
    }
    let mail = smtp.mail().await;
    assert_eq!(mail["to"], "ada@example.org");
    let subject = mail["subject"].as_str().unwrap();
    assert!(subject.starts_with("บัตรของคุณสำหรับ"), "{subject}");
    let text = mail["text"].as_str().unwrap();
    let link = text.split(&format!("{PAGES}/bookings#link=")).nth(1);
    let link = link.expect(text).split_whitespace().next().unwrap();
    let opened = server.anonymous();
    let opened = opened
        .post(&format!("{BOOKINGS}/open"), &json!({"link": link}))
        .await;
    assert_eq!(opened.data(200)["status"], "confirmed");

    assert_eq!(mail["attachments"][0]["type"], "application/pdf");
    assert!(attached(&mail, 0).starts_with(b"%PDF-"));
    assert_eq!(mail["attachments"][1]["type"], "text/calendar");
    let calendar = String::from_utf8(attached(&mail, 1)).unwrap();
    let lines: Vec<&str> = calendar.split_terminator("\r\n").collect();
    assert_eq!(lines.first(), Some(&"BEGIN:VCALENDAR"));
    assert_eq!(lines.last(), Some(&"END:VCALENDAR"));
    for line in [
        "METHOD:PUBLISH",
        "STATUS:CONFIRMED",
        "LOCATION:Town hall",
        &format!(
            "DESCRIPTION:{}\\n2 × Seat",
            opened.data(200)["reference"].as_str().unwrap()
        ),
    ] {
        assert!(lines.contains(&line), "{line} in {calendar}");
    }
    assert!(
        lines
            .iter()
            .all(|line| line.len() <= 75 && !line.contains('\n'))
    );
    assert_eq!(all_mails(&mut smtp, &server, &client).await.len(), 0);

    // Sent again on demand: by another request another mail, by the same one not.
    let id = booking.rsplit('/').next().unwrap();
    let body = json!({"action": "resend", "booking_ids": [id]});
    for key in [
        "a key for resending",
        "a key for resending",
        "another key for that",
    ] {
        let organizer = server.user(show.organizer);
        let organizer = organizer.with_header("idempotency-key", key);
        organizer
            .post(&format!("{BOOKINGS}/bulk"), &body)
            .await
            .data(202);
    }
    let again = all_mails(&mut smtp, &server, &client).await;
    assert_eq!(again.len(), 2);
    // And so may the buyer, who proves to be one.
    let resend = format!("{booking}/resend");
    let stranger = server.anonymous().post(&resend, &json!({})).await;
    assert_eq!(stranger.code(401), "UNAUTHENTICATED");
    let token = opened.data(200)["token"].as_str().unwrap();
    let buyer = server.anonymous().with_header("x-booking-token", token);
    buyer.post(&resend, &json!({})).await.data(202);
    assert_eq!(all_mails(&mut smtp, &server, &client).await.len(), 1);
    assert!(
        again
            .iter()
            .all(|mail| attached(mail, 0).starts_with(b"%PDF-"))
    );
    server.audit().await;
}

/// The server took the mail, and its answer was lost: the second mail has the first one's name.
#[tokio::test]
async fn a_mail_that_is_sent_again_is_the_same_mail() {
    let mut smtp = Smtp::start().await;
    let server = mailing(&smtp).await;
    let client = server.client().await;
    let show = Show::new().ticket_type("Free", 0, 10).stage(&client).await;
    let item = json!({"ticket_type_id": show.ticket_types[0], "quantity": 1});
    let body = json!({"event_id": show.event, "items": [item], "contact": {"email": "silent@example.org"}});
    let booked = server.anonymous().post(BOOKINGS, &body).await;
    assert_eq!(booked.data(201)["status"], "confirmed");
    let first = smtp.mail().await;
    waits(
        &client,
        "select count(*) = 1 from jobs where state = 'waiting' and reason is not null",
    )
    .await;
    let hurry = "update jobs set run_at = now() where state = 'waiting'";
    client.batch_execute(hurry).await.unwrap();
    let second = smtp.mail().await;
    assert_eq!(first["message_id"], second["message_id"]);
    assert_eq!(first["to"], second["to"]);
    waits(&client, NOTHING_LEFT).await;
}

/// A booking of a cancelled event stands until its money is given back, and a mail may be late.
#[tokio::test]
async fn no_tickets_are_mailed_of_an_event_that_is_cancelled() {
    let mut smtp = Smtp::start().await;
    let server = mailing(&smtp).await;
    let client = server.client().await;
    let show = Show::new().ticket_type("Seat", 1_500, 10);
    let show = show.stage(&client).await;
    let organizer = server.user(show.organizer);
    let booking = book(&server, &show, 1, "en").await;
    let status = format!("{booking}/status");
    organizer.put(&status, &paid()).await.data(200);
    let told = all_mails(&mut smtp, &server, &client).await;
    assert_eq!(told.len(), 1, "{told:?}");
    // As if neither mail had gone out before, and nobody had begun to give money back.
    let late = format!(
        "begin;
         update events set status = 'cancelled' where id = {event};
         delete from jobs;
         insert into transfers (ticket_id, event_id, generation)
             select id, event_id, generation + 1 from tickets where event_id = {event};
         insert into transfer_contacts (transfer_id, name, email) select id, 'Bo', 'bo@example.org' from transfers;
         insert into jobs (kind, key, payload, expires_at)
             select 'confirmation', 'late-tickets', jsonb_build_object('booking_id', id, 'event_id', event_id), now() + interval '1 day'
               from bookings where event_id = {event} and status = 'confirmed';
         insert into jobs (kind, key, payload, expires_at)
             select 'transfer_offer', 'late-offer', jsonb_build_object('transfer_id', id, 'event_id', event_id), now() + interval '1 day'
               from transfers;
         commit",
        event = show.event
    );
    client.batch_execute(&late).await.unwrap();
    let told = all_mails(&mut smtp, &server, &client).await;
    assert_eq!(told, [json!(null); 0]);
}

/// Nobody is told that a mail is on its way where none will be sent.
#[tokio::test]
async fn tickets_are_mailed_again_only_where_there_are_some() {
    let smtp = Smtp::start().await;
    let server = mailing(&smtp).await;
    let client = server.client().await;
    let show = Show::new().ticket_type("Seat", 1_500, 10);
    let show = show.stage(&client).await;
    let organizer = server.user(show.organizer);
    let booking = book(&server, &show, 1, "en").await;
    let status = format!("{booking}/status");
    organizer.put(&status, &paid()).await.data(200);
    let resend = format!("{booking}/resend");
    organizer.post(&resend, &json!({})).await.data(202);
    let bulk = format!("{BOOKINGS}/bulk");
    let id = booking.rsplit('/').next().unwrap();
    let body = json!({"action": "resend", "booking_ids": [id]});
    let refused_with = async |code: &str| {
        let written = organizer.post(&bulk, &body).await;
        let job = format!("/api/v1/jobs/{}", written.data(202)["job_id"]);
        waits(
            &client,
            "select count(*) = 0 from jobs where kind = 'bulk_bookings' and state in ('waiting', 'leased')",
        )
        .await;
        let job = organizer.get(&job).await;
        assert_eq!(job.data(200)["progress"]["failed"][0]["code"], code);
    };
    let event = show.event;
    let hand_on = format!(
        "insert into ticket_holders (ticket_id, code, name) select id, 'TKT-AAAAAAAAAAAA', 'Bo' from tickets where event_id = {event}"
    );
    client.batch_execute(&hand_on).await.unwrap();
    let none = organizer.post(&resend, &json!({})).await;
    assert_eq!(none.code(404), "TICKET_NOT_FOUND");
    refused_with("TICKET_NOT_FOUND").await;

    let cancel = format!(
        "delete from ticket_holders; update events set status = 'cancelled' where id = {event}"
    );
    client.batch_execute(&cancel).await.unwrap();
    let cancelled = organizer.post(&resend, &json!({})).await;
    assert_eq!(cancelled.code(410), "EVENT_CANCELLED");
    refused_with("EVENT_CANCELLED").await;
}

/// They were once `done`, as if they had gone out.
#[tokio::test]
async fn mails_whose_time_ran_out_wait_for_a_person() {
    let smtp = Smtp::start().await;
    let server = mailing(&smtp).await;
    let client = server.client().await;
    let show = Show::new().ticket_type("Seat", 0, 10).stage(&client).await;
    let late = format!(
        "insert into jobs (kind, key, payload, reason, created_at, expires_at) values
             ('cancellation', 'late-mail', '{{\"event_id\": {event}, \"booking_id\": \"{nil}\"}}', 'MAIL_DEFERRED: not now',
              now() - interval '20 days', now() - interval '13 days'),
             ('email_code', 'late-code', '{{}}', 'MAIL_DEFERRED: not now', now() - interval '1 day', now() - interval '1 minute')",
        event = show.event,
        nil = uuid::Uuid::nil()
    );
    client.batch_execute(&late).await.unwrap();
    waits(&client, NOTHING_LEFT).await;
    let states = "select string_agg(state, ' ' order by key) = 'done needs_review' from jobs where key like 'late-%'";
    waits(&client, states).await;
    let kept = "select expires_at > now() - interval '1 minute' from jobs where key = 'late-mail'";
    assert!(one::<bool>(&client, kept, &[]).await, "days from here on");
    let organizer = server.user(show.organizer);
    let mails = format!("/api/v1/mails?event_id={}", show.event);
    for path in [mails.as_str(), "/api/v1/jobs"] {
        let listed = organizer.get(path).await;
        let one = listed.data(200)[0].clone();
        assert_eq!(one["status"], "needs_review");
        assert_eq!(one["code"], "JOB_NOT_IN_TIME");
        assert_eq!(one["detail"], "MAIL_DEFERRED: not now");
    }
}

/// Messages to browsers stay due for months where no node sends them any more.
#[tokio::test]
async fn jobs_that_nobody_takes_hold_up_no_mails_and_go_when_their_time_is_over() {
    let database = TestDatabase::new().await;
    let store = database.store().await;
    let client = database.client().await;
    let untaken = "
        insert into jobs (kind, key, payload, expires_at)
            select 'push', 'push-' || n, '{}', now() + interval '1 day' from generate_series(1, 60) n;
        insert into jobs (kind, key, payload, reason, expires_at) values
            ('push', 'late-push', '{}', null, now() - interval '1 day'),
            ('refund', 'late-refund', '{}', 'JOB_FAILED: it is away', now() - interval '1 day'),
            ('cancellation', 'late-mail', '{}', null, now() - interval '1 day'),
            ('refund_mail', 'taken', '{}', null, now() - interval '1 day');
        insert into jobs (kind, key, payload, state, reason, expires_at) values
            ('confirmation', 'undecided', '{\"event_id\": 7}', 'needs_review', 'MAIL_REFUSED: no ada@example.org', now() - interval '8 days'),
            ('refund', 'refund:7', '{}', 'needs_review', 'JOB_PANICKED', now() - interval '8 days'),
            ('confirmation', 'to be decided', '{}', 'needs_review', 'MAIL_REFUSED: no', now() - interval '6 days')";
    client.batch_execute(untaken).await.unwrap();
    assert_eq!(store.due_jobs(JobLane::Mail, 50).await.unwrap(), 2);
    assert_eq!(store.due_jobs(JobLane::Push, 50).await.unwrap(), 50);
    let late = store
        .tidy_jobs(100, &["refund_mail"], &["push"])
        .await
        .unwrap();
    assert_eq!((late.parked, late.dropped), (2, 1));
    let left = "select string_agg(concat_ws(' ', key, state, reason), ', ' order by key) from jobs where kind <> 'push'";
    let left: String = client.query_one(left, &[]).await.unwrap().get(0);
    assert_eq!(
        left,
        "late-mail needs_review JOB_NOT_IN_TIME, late-refund needs_review JOB_NOT_IN_TIME: JOB_FAILED: it is away, \
         taken waiting, to be decided needs_review MAIL_REFUSED: no"
    );
    // The audit has to know of money that nobody goes on with; keys of mails are made of addresses.
    let trace = "select string_agg(concat_ws(' ', action, detail ->> 'kind', detail ->> 'why', detail ->> 'key'), ', '
                                   order by detail ->> 'kind') from audit_trail where object like 'job:%'";
    let trace: String = client.query_one(trace, &[]).await.unwrap().get(0);
    assert_eq!(
        trace,
        "job given up confirmation MAIL_REFUSED, job given up refund JOB_PANICKED refund:7"
    );
}

/// As a stable code and a sentence in the reader's language; the server's own words, which name the address, for those who
/// may know it.
#[tokio::test]
async fn a_mail_that_is_refused_says_why() {
    let smtp = Smtp::start().await;
    let server = mailing(&smtp).await;
    let client = server.client().await;
    let show = Show::new().ticket_type("Free", 0, 10).stage(&client).await;
    let body =
        json!({"event_id": show.event, "quantity": 1, "contact": {"email": "never@example.org"}});
    let booked = server.anonymous().post(BOOKINGS, &body).await;
    assert_eq!(booked.data(201)["status"], "confirmed");
    let refused = "select count(*) = 1 from jobs where state = 'needs_review'";
    waits(&client, refused).await;
    let mails = format!("/api/v1/mails?event_id={}", show.event);
    let organizer = server.user(show.organizer);
    for (lang, sentence) in [
        ("en", "The mail server refused the mail"),
        ("th", "เซิร์ฟเวอร์อีเมลปฏิเสธอีเมล"),
        ("fa", "سرور ایمیل ایمیل را رد کرد"),
    ] {
        let reader = organizer.clone().with_header("accept-language", lang);
        for path in [mails.as_str(), "/api/v1/jobs"] {
            let listed = reader.get(path).await;
            let one = listed.data(200)[0].clone();
            assert_eq!(
                (&one["code"], &one["reason"]),
                (&json!("MAIL_REFUSED"), &json!(sentence))
            );
            let detail = one["detail"].as_str().unwrap();
            assert!(detail.contains("never@example.org"), "{detail}");
        }
    }
    let finance = user(&client, "customer").await;
    let join = "insert into organization_members (organization_id, user_id, role) values ($1, $2, 'finance')";
    client
        .execute(join, &[&show.organizer, &finance])
        .await
        .unwrap();
    let finance = server.user(finance).get("/api/v1/jobs").await;
    let one = finance.data(200)[0].clone();
    assert_eq!(one["code"], "MAIL_REFUSED");
    assert!(one["detail"].is_null(), "{one}");
}

#[tokio::test]
async fn nobody_is_written_to_who_gave_no_address() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new().ticket_type("Free", 0, 10).stage(&client).await;
    let item = json!({"ticket_type_id": show.ticket_types[0], "quantity": 1});
    let mut body = json!({"event_id": show.event, "items": [item]});
    let guest = server.anonymous().post(BOOKINGS, &body).await;
    assert_eq!(guest.data(201)["status"], "confirmed");
    let jobs = "select count(*) = 0 from jobs where kind = 'confirmation'";
    waits(&client, jobs).await;
    // The demo's outbox serves what is attached.
    let buyer = server.user(user(&client, "customer").await);
    body["contact"] = json!({"email": "ada@example.org"});
    buyer.post(BOOKINGS, &body).await.data(201);
    waits(
        &client,
        "select count(*) = 1 from jobs where kind = 'confirmation' and state = 'done'",
    )
    .await;
    // A buyer with an account that has no address either: there was a job, and nothing was sent.
    let other = server.user(user(&client, "customer").await);
    body["contact"].take();
    other.post(BOOKINGS, &body).await.data(201);
    waits(
        &client,
        "select count(*) = 2 from jobs where kind = 'confirmation' and state = 'done'",
    )
    .await;
    let organizer = server.user(show.organizer);
    let mails = format!("/api/v1/mails?event_id={}", show.event);
    let mails = organizer.get(&mails).await;
    let addressed = mails.data(200).as_array().unwrap().iter();
    let addressed: Vec<&Value> = addressed.map(|mail| &mail["has_address"]).collect();
    assert_eq!(addressed, [false, true]);
    let fetch = async |path: &str| {
        let url = format!("http://{}{path}", server.address());
        let answer = http_client().get(url).send().await.unwrap();
        answer.bytes().await.unwrap()
    };
    let kept: Value = serde_json::from_slice(&fetch("/dev/outbox").await).unwrap();
    assert_eq!(kept.as_array().unwrap().len(), 1);
    let url = kept[0]["attachments"][0]["url"].as_str().unwrap();
    assert!(fetch(url).await.starts_with(b"%PDF-"));
}

#[tokio::test]
async fn buyers_are_told_when_staff_or_the_event_cancels_and_when_money_goes_back() {
    let mut smtp = Smtp::start().await;
    let server = mailing(&smtp).await;
    let client = server.client().await;
    let show = Show::new().ticket_type("Seat", 1_500, 20);
    let show = show.stage(&client).await;
    let organizer = server.user(show.organizer);
    let confirmed = async |lang| {
        let booking = book(&server, &show, 1, lang).await;
        let status = format!("{booking}/status");
        organizer.put(&status, &paid()).await.data(200);
        booking
    };
    let subjects = |mails: Vec<Value>| {
        let of = |mail: &Value| mail["subject"].as_str().unwrap().to_owned();
        let mut subjects: Vec<String> = mails.iter().map(of).collect();
        subjects.sort();
        subjects
    };
    let cancelled = json!({"status": "cancelled", "reason": "The balcony is closed"});
    let one = confirmed("en").await;
    let first = all_mails(&mut smtp, &server, &client).await;
    assert_eq!(first.len(), 1);
    for _ in 0..2 {
        let path = format!("{one}/status");
        organizer.put(&path, &cancelled).await.data(200);
    }
    let mails = all_mails(&mut smtp, &server, &client).await;
    let told = mails.iter().find(|mail| {
        let subject = mail["subject"].as_str().unwrap();
        subject.ends_with("was cancelled")
    });
    let told = told.expect("a mail about the cancellation");
    let listed = format!("/api/v1/mails?event_id={}", show.event);
    let listed = organizer.get(&listed).await;
    let kinds = listed.data(200).as_array().unwrap().iter();
    let kinds: Vec<_> = kinds.map(|mail| mail["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds.len(), 3, "{kinds:?}");
    assert!(
        listed
            .data(200)
            .as_array()
            .unwrap()
            .iter()
            .all(|mail| mail["status"] == "done")
    );
    assert_eq!(listed.header("x-total-count"), Some("3"));
    let address = "/api/v1/mails";
    let page = format!("{address}?event_id={}&limit=2", show.event);
    let page = organizer.get(&page).await;
    let next = page.header("link").unwrap().split(['<', '>']).nth(1);
    let page = organizer.get(&format!("{address}{}", next.unwrap())).await;
    assert_eq!(page.data(200).as_array().unwrap().len(), 1);
    assert_eq!(page.data(200)[0]["id"], listed.data(200)[2]["id"]);
    let id = one.rsplit('/').next().unwrap();
    let of_booking = format!("{address}?event_id={}&booking_id=", show.event);
    let theirs = organizer.get(&format!("{of_booking}{id}&limit=1")).await;
    assert_eq!(theirs.data(200)[0]["booking_id"], id);
    assert_eq!(theirs.header("x-total-count"), Some("3"));
    let other = organizer
        .get(&format!("{of_booking}{}", uuid::Uuid::nil()))
        .await;
    assert_eq!(*other.data(200), json!([]));
    organizer.get(&format!("{of_booking}7")).await.code(422);
    let none = format!("{address}?event_id={}&status=needs_review", show.event);
    let none = organizer.get(&none).await;
    assert_eq!(*none.data(200), json!([]));
    assert_eq!(none.header("x-total-count"), Some("0"));
    let text = told["text"].as_str().unwrap();
    assert!(text.contains("The balcony is closed"), "{text}");
    let calendar = String::from_utf8(attached(told, 0)).unwrap();
    let sequence = |calendar: &str| {
        let line = calendar
            .lines()
            .find_map(|line| line.strip_prefix("SEQUENCE:"));
        line.unwrap().parse::<i64>().unwrap()
    };
    let uid = |calendar: &str| {
        calendar
            .lines()
            .find(|line| line.starts_with("UID:"))
            .map(str::to_owned)
    };
    let before = String::from_utf8(attached(&first[0], 1)).unwrap();
    assert!(calendar.contains("METHOD:CANCEL\r\n"), "{calendar}");
    assert!(calendar.contains("STATUS:CANCELLED"), "{calendar}");
    assert_eq!(uid(&calendar), uid(&before));
    assert!(sequence(&calendar) > sequence(&before));
    let money = mails
        .iter()
        .find(|mail| mail["text"].as_str().unwrap().contains("15.00"));
    let money = money.expect("a mail about the money")["text"]
        .as_str()
        .unwrap();
    assert!(money.contains("in the way you paid on site"), "{money}");
    assert!(
        money.contains("Reason: The booking was cancelled."),
        "{money}"
    );
    assert_eq!(mails.len(), 2, "{mails:?}");

    // Some of the tickets, with a reason.
    let booking = book(&server, &show, 2, "en").await;
    let status = format!("{booking}/status");
    let sold = organizer.put(&status, &paid()).await;
    let code = sold.data(200)["tickets"][0]["code"].clone();
    all_mails(&mut smtp, &server, &client).await;
    let back = json!({"ticket_ids": [code], "reason": "A pillar stands there"});
    let path = format!("{booking}/refunds");
    organizer.post(&path, &back).await.data(201);
    let mails = all_mails(&mut smtp, &server, &client).await;
    let text = mails[0]["text"].as_str().unwrap();
    for said in [
        "15.00",
        "For these tickets",
        "Seat",
        "A pillar stands there",
    ] {
        assert!(text.contains(said), "{said} in {text}");
    }
    assert_eq!(
        mails[0]["attachments"],
        json!([]),
        "the other ticket is good"
    );
    organizer.put(&status, &cancelled).await.data(200);
    all_mails(&mut smtp, &server, &client).await;

    // The event: those who have something are told, in their own languages, and nobody else.
    confirmed("th").await;
    let given_away = book(&server, &show, 1, "th").await;
    let comp = json!({"status": "confirmed", "paid_by": "comp"});
    let status = format!("{given_away}/status");
    organizer.put(&status, &comp).await.data(200);
    book(&server, &show, 1, "fa").await;
    let gone = book(&server, &show, 1, "en").await;
    let by_staff = organizer.put(&format!("{gone}/status"), &cancelled).await;
    by_staff.data(200);
    let handed_on = confirmed("en").await;
    let handed_on = organizer.get(&handed_on).await.data(200).clone();
    let code = handed_on["tickets"][0]["code"].as_str().unwrap();
    let transfer = format!("/api/v1/tickets/{code}/transfer");
    let grace = json!({"name": "Grace", "email": "grace@example.org"});
    organizer.post(&transfer, &grace).await.data(201);
    let mails = all_mails(&mut smtp, &server, &client).await;
    let offer = mails.iter().find(|mail| mail["to"] == "grace@example.org");
    let offer = offer.expect("an offer")["text"].as_str().unwrap();
    let link = offer.split("#transfer=").nth(1).unwrap();
    let link = link.split_whitespace().next().unwrap();
    let accept = format!("/api/v1/transfers/{link}/accept");
    server.anonymous().post(&accept, &json!({})).await.data(200);
    all_mails(&mut smtp, &server, &client).await;
    let cancel = format!("/api/v1/events/{}/cancel", show.event);
    let reason = json!({"reason": "The singer is ill"});
    organizer.post(&cancel, &reason).await.data(202);
    let mails = all_mails(&mut smtp, &server, &client).await;
    let (holders, buyers): (Vec<Value>, Vec<Value>) =
        (mails.into_iter()).partition(|mail| mail["to"] == "grace@example.org");
    assert!(buyers.iter().all(|mail| {
        let text = mail["text"].as_str().unwrap();
        text.contains("The singer is ill") || text.contains("15.00")
    }));
    let told = subjects(buyers);
    assert_eq!(told.len(), 6, "{told:?}");
    let ended = organizer.get(&given_away).await;
    assert_eq!(ended.data(200)["cancel_reason"], "The singer is ill");
    // A holder would else wonder why the ticket was taken back.
    assert_eq!(subjects(holders), ["A show does not take place"]);
    server.audit().await;
}

/// They have no booking that would tell them.
#[tokio::test]
async fn those_on_the_waitlist_of_a_cancelled_event_are_told_once() {
    /// More than one step of the job takes.
    const OTHERS: usize = 50;
    let mut smtp = Smtp::start().await;
    let server = mailing(&smtp).await;
    let client = server.client().await;
    let show = Show::new().ticket_type("Seat", 1_500, 2);
    let show = show.stage(&client).await;
    show.sell(&client, 2).await;
    let line = format!("/api/v1/events/{}/waitlist", show.event);
    let join = async |lang: &'static str| {
        let caller = server.user(user(&client, "customer").await);
        let caller = caller.with_header("accept-language", lang);
        let place = caller.post(&line, &json!({"quantity": 1})).await;
        (caller, place.data(201)["id"].clone())
    };
    for lang in ["en", "th", "fa"] {
        join(lang).await;
    }
    let (left, place) = join("en").await;
    left.delete(&format!("/api/v1/waitlist/{place}"))
        .await
        .data(200);
    let (_, nowhere) = join("en").await;
    let others = format!(
        "with people as (insert into users (name) select 'Somebody' from generate_series(1, {OTHERS}) returning id)
         insert into waitlist (event_id, user_id, quantity) select {}, id, 1 from people;
         update users set email = 'user' || id || '@example.org'
          where id in (select user_id from waitlist where id <> {nowhere});",
        show.event
    );
    client.batch_execute(&others).await.unwrap();
    let cancel = format!("/api/v1/events/{}/cancel", show.event);
    let reason = json!({"reason": "The singer is ill"});
    let organizer = server.user(show.organizer);
    organizer.post(&cancel, &reason).await.data(202);
    let mails = all_mails(&mut smtp, &server, &client).await;
    let reasons = mails.iter().map(|mail| mail["text"].as_str().unwrap());
    assert!({ reasons }.all(|text| text.contains("The singer is ill")));
    let told: BTreeSet<String> = (mails.iter().map(|mail| mail["to"].to_string())).collect();
    assert_eq!((mails.len(), told.len()), (OTHERS + 3, OTHERS + 3));
    let subjects: BTreeSet<&str> = (mails.iter())
        .map(|mail| mail["subject"].as_str().unwrap())
        .collect();
    assert_eq!(
        subjects.into_iter().collect::<Vec<_>>(),
        [
            "A show does not take place",
            "A show ถูกยกเลิก",
            "\u{2068}A show\u{2069} برگزار نمی‌شود"
        ]
    );
    // As after the death of its node.
    let again = "update jobs set state = 'waiting', progress = null, run_at = clock_timestamp() where kind = 'event_cancelled'";
    assert_eq!(client.execute(again, &[]).await.unwrap(), 1);
    let mails = all_mails(&mut smtp, &server, &client).await;
    assert_eq!(mails, Vec::<Value>::new());
    server.audit().await;
}

#[tokio::test]
async fn a_buyer_who_does_not_pay_is_reminded_once_and_one_who_does_is_not() {
    let mut smtp = Smtp::start().await;
    let server = mailing(&smtp).await;
    let client = server.client().await;
    let show = Show::new().ticket_type("Seat", 1_500, 20);
    let show = show.stage(&client).await;
    let paying = book(&server, &show, 1, "en").await;
    let payment = json!({});
    server
        .user(show.organizer)
        .post(&format!("{paying}/payment"), &payment)
        .await
        .data(201);
    book(&server, &show, 2, "en").await;
    // One that was made just now has its whole time before it.
    client
        .batch_execute("update bookings set created_at = now() - interval '10 min', expires_at = now() + interval '2 min'")
        .await
        .unwrap();
    book(&server, &show, 1, "en").await;
    waits(
        &client,
        "select count(*) = 1 from jobs where kind = 'payment_reminder' and state = 'done'",
    )
    .await;
    let mail = smtp.mail().await;
    let text = mail["text"].as_str().unwrap();
    assert!(text.contains("30.00"), "{text}");
    // Due again, it is not written again; and one that was paid meanwhile sends nothing.
    let again = "update jobs set state = 'waiting', run_at = now() where kind = 'payment_reminder'";
    client
        .batch_execute("update bookings set status = 'cancelled' where status = 'pending'")
        .await
        .unwrap();
    client.batch_execute(again).await.unwrap();
    waits(
        &client,
        "select count(*) = 1 from jobs where kind = 'payment_reminder' and state = 'done'",
    )
    .await;
    let body = json!({"email": "last@example.org"});
    let codes = server.anonymous().post("/api/v1/email-codes", &body).await;
    codes.data(202);
    assert_eq!(smtp.mail().await["to"], "last@example.org");
}

#[tokio::test]
async fn a_ticket_goes_over_by_the_link_in_the_mail_and_the_old_code_is_dead() {
    let mut smtp = Smtp::start().await;
    let server = mailing(&smtp).await;
    let client = server.client().await;
    let show = Show::new().ticket_type("Seat", 1_500, 20);
    let show = show.stage(&client).await;
    let organizer = server.user(show.organizer);
    let ada = user(&client, "customer").await;
    let buyer = server.user(ada);
    let item = json!({"ticket_type_id": show.ticket_types[0], "quantity": 2});
    let contact = json!({"name": "Ada", "email": "ada@example.org"});
    let body = json!({"event_id": show.event, "items": [item], "contact": contact});
    let booked = buyer.post(BOOKINGS, &body).await;
    let booking = format!("{BOOKINGS}/{}", booked.data(201)["id"].as_str().unwrap());
    let status = format!("{booking}/status");
    let sold = organizer.put(&status, &paid()).await;
    let code = sold.data(200)["tickets"][0]["code"]
        .as_str()
        .unwrap()
        .to_owned();
    let old = buyer
        .get(&format!("/api/v1/tickets/{code}"))
        .await
        .data(200)
        .clone();
    assert_eq!(smtp.mail().await["to"], "ada@example.org");

    let transfer = format!("/api/v1/tickets/{code}/transfer");
    let grace = json!({"name": "Grace", "email": "grace@example.org"});
    let stranger = server.user(user(&client, "customer").await);
    assert_eq!(
        stranger.post(&transfer, &grace).await.code(404),
        "TICKET_NOT_FOUND"
    );
    let keyed = server.user(ada);
    let keyed = keyed.with_header("idempotency-key", "a transfer to grace");
    let offered = keyed.post(&transfer, &grace).await;
    assert_eq!(offered.data(201)["state"], "pending");
    assert!(offered.header("x-event-revision").is_some());
    assert_eq!(
        keyed.post(&transfer, &grace).await.data(201),
        offered.data(201)
    );
    assert_eq!(
        buyer.post(&transfer, &grace).await.code(409),
        "TRANSFER_PENDING"
    );
    // The holder sees whom it is offered to, as far as needed to know them, on the ticket and with the booking.
    let ticket = format!("/api/v1/tickets/{code}");
    let offers = async || {
        let (one, all) = (buyer.get(&ticket).await, buyer.get(&booking).await);
        let all = all.data(200).clone();
        let offer = all["tickets"][0]["offer"].clone();
        assert_eq!(one.data(200)["offer"], offer);
        assert!(all["tickets"][1]["offer"].is_null());
        (offer, all["version"].as_i64().unwrap())
    };
    let (under_way, version) = offers().await;
    assert_eq!(under_way["to"], "g…@example.org");
    let at = offered.data(201)["created_at"].clone();
    let times = [&under_way["at"], &at].map(|at| {
        let at = at.as_str().unwrap().parse::<jiff::Timestamp>();
        at.unwrap()
    });
    assert_eq!(times[0], times[1]);
    let link = async |smtp: &mut Smtp| {
        let mail = smtp.mail().await;
        assert_eq!(mail["to"], "grace@example.org");
        let text = mail["text"].as_str().unwrap().to_owned();
        assert!(
            text.starts_with("You are offered the ticket of \u{2068}Ada\u{2069}. "),
            "{text}"
        );
        let link = text.split(&format!("{PAGES}/account#transfer=")).nth(1);
        let link = link.expect(&text).split_whitespace().next().unwrap();
        format!("/api/v1/transfers/{link}/accept")
    };
    // Withdrawn, its link is dead; reading a link consumes nothing.
    let withdrawn = link(&mut smtp).await;
    assert_eq!(buyer.delete(&transfer).await.status, 200);
    // Repeated where the first answer was lost.
    assert_eq!(buyer.delete(&transfer).await.status, 200);
    assert_eq!(offers().await, (Value::Null, version + 1));
    let anonymous = server.anonymous();
    assert_eq!(
        anonymous.post(&withdrawn, &json!({})).await.code(404),
        "TRANSFER_NOT_FOUND"
    );
    assert_eq!(
        anonymous
            .post("/api/v1/transfers/x/accept", &json!({}))
            .await
            .code(404),
        "TRANSFER_NOT_FOUND"
    );
    let by_id = format!("/api/v1/tickets/{}/transfer", old["id"]);
    buyer.post(&by_id, &grace).await.data(201);
    let accept = link(&mut smtp).await;
    assert_eq!(anonymous.get(&accept).await.status, 405);
    let availability = format!("/api/v1/availability/{}", show.event);
    let left = organizer.get(&availability).await;
    let accepted = anonymous.post(&accept, &json!({})).await;
    let again = anonymous.post(&accept, &json!({})).await;
    assert_eq!(again.data(200)["code"], accepted.data(200)["code"]);
    // Later the link in the mail is nobody's key to the ticket.
    let later =
        "update transfers set ended_at = ended_at - interval '1 hour' where state = 'accepted'";
    client.batch_execute(later).await.unwrap();
    let late = anonymous.post(&accept, &json!({})).await;
    assert_eq!(late.code(404), "TRANSFER_NOT_FOUND");
    let after = organizer.get(&availability).await;
    assert_eq!(left.data(200)["available"], after.data(200)["available"]);
    let new = accepted.data(200).clone();
    assert_ne!(new["code"], code.as_str());
    assert_eq!(new["status"], "transferred");
    assert_eq!(offers().await.0, Value::Null);
    assert!(
        new["reference"].is_null() && new["price"].is_null(),
        "{new}"
    );

    // To the holder the ticket, to the buyer the word.
    let (one, other) = (smtp.mail().await, smtp.mail().await);
    let (sent, given) = match one["to"] == "grace@example.org" {
        true => (one, other),
        false => (other, one),
    };
    assert_eq!(sent["to"], "grace@example.org");
    assert!(attached(&sent, 0).starts_with(b"%PDF-"));
    let calendar = String::from_utf8(attached(&sent, 1)).unwrap();
    assert!(!calendar.contains(booked.data(201)["reference"].as_str().unwrap()));
    assert_eq!(given["to"], "ada@example.org");

    // The holder sees the ticket and not the booking, the buyer the booking and not the code.
    let holder = server.anonymous();
    let holder = holder.with_header("x-booking-token", new["token"].as_str().unwrap());
    let path = format!("/api/v1/tickets/{}", new["code"].as_str().unwrap());
    let seen = holder.get(&path).await;
    assert_eq!(seen.data(200)["payload"], new["payload"]);
    assert_ne!(seen.data(200)["payload"], old["payload"]);
    assert_eq!(holder.get(&format!("{path}/qr.svg")).await.status, 200);
    let paper = holder.get(&format!("{path}/ticket.pdf")).await;
    assert!(paper.text.starts_with("%PDF-"));
    assert_eq!(holder.get(&booking).await.code(404), "BOOKING_NOT_FOUND");
    let theirs = buyer.get(&format!("/api/v1/tickets/{code}")).await;
    assert_eq!(theirs.data(200)["code"], code.as_str());
    assert!(theirs.data(200)["payload"].is_null());
    assert_eq!(
        buyer
            .get(&format!("/api/v1/tickets/{code}/qr.svg"))
            .await
            .code(409),
        "TICKET_REPLACED"
    );
    assert_eq!(
        buyer.post(&transfer, &grace).await.code(409),
        "TICKET_REPLACED"
    );
    for shown in [json!({"code": code}), json!({"payload": old["payload"]})] {
        let mut scan = shown.clone();
        scan["nonce"] = json!(uuid::Uuid::now_v7().to_string());
        let refused = organizer.post("/api/v1/checkins", &scan).await;
        assert_eq!(refused.code(409), "TICKET_REPLACED", "{shown}");
    }

    // Its owner cannot cancel; the organizer can, and the holder is told.
    let cancelled = json!({"status": "cancelled"});
    assert_eq!(
        buyer.put(&status, &cancelled).await.code(409),
        "TICKET_TRANSFERRED"
    );
    organizer.put(&status, &cancelled).await.data(200);
    let mails = all_mails(&mut smtp, &server, &client).await;
    let told = mails.iter().find(|mail| mail["to"] == "grace@example.org");
    let subject = told.expect("the holder is told")["subject"]
        .as_str()
        .unwrap();
    assert!(subject.ends_with("was taken back"), "{subject}");
    assert_eq!(holder.get(&path).await.data(200)["status"], "void");
    server.audit().await;
}

/// The desk has still to hear of a refund that is written: its tickets are nobody else's any more.
#[tokio::test]
async fn a_ticket_that_is_about_to_go_back_is_not_handed_on() {
    let mut smtp = Smtp::start().await;
    let server = mailing(&smtp).await;
    let client = server.client().await;
    let show = Show::new().ticket_type("Standing", 1_500, 20);
    let show = show.stage(&client).await;
    let organizer = server.user(show.organizer);
    let buyer = server.user(user(&client, "customer").await);
    let body = json!({"event_id": show.event, "quantity": 1});
    let booked = buyer.post(BOOKINGS, &body).await;
    let booking = format!("{BOOKINGS}/{}", booked.data(201)["id"].as_str().unwrap());
    let sold = organizer.put(&format!("{booking}/status"), &paid()).await;
    let code = sold.data(200)["tickets"][0]["code"]
        .as_str()
        .unwrap()
        .to_owned();
    let offer = format!("/api/v1/tickets/{code}/transfer");
    let to = json!({"name": "Grace", "email": "grace@example.org"});
    buyer.post(&offer, &to).await.data(201);
    let mails = all_mails(&mut smtp, &server, &client).await;
    let mail = mails.iter().find(|mail| mail["to"] == "grace@example.org");
    let text = mail.expect("an offer")["text"].as_str().unwrap();
    let link = text.split("#transfer=").nth(1).unwrap();
    let link = link.split_whitespace().next().unwrap();
    let accept = format!("/api/v1/transfers/{link}/accept");
    let reserve = "update payments set refunded_amount = refunded_amount + 1500;
                   insert into refunds (payment_id, booking_id, event_id, amount, tickets, key)
                   select p.id, p.booking_id, p.event_id, 1500, array[k.code], 'busy'
                     from payments p join tickets k on k.booking_id = p.booking_id";
    client.batch_execute(reserve).await.unwrap();
    let other = server.user(user(&client, "customer").await);
    let taken = other.post(&accept, &json!({})).await;
    assert_eq!(taken.code(409), "TICKET_NOT_VALID");
    buyer.delete(&offer).await.data(200);
    let again = buyer.post(&offer, &to).await;
    assert_eq!(again.code(409), "TICKET_NOT_VALID");
    let free = "update refunds set state = 'failed'; update payments set refunded_amount = 0";
    client.batch_execute(free).await.unwrap();
    buyer.post(&offer, &to).await.data(201);
    let mails = all_mails(&mut smtp, &server, &client).await;
    let mut to_her = mails
        .iter()
        .filter(|mail| mail["to"] == "grace@example.org");
    let text = to_her.next_back().expect("an offer")["text"]
        .as_str()
        .unwrap();
    let link = text.split("#transfer=").nth(1).unwrap();
    let link = link.split_whitespace().next().unwrap();
    let accept = format!("/api/v1/transfers/{link}/accept");
    other.post(&accept, &json!({})).await.data(200);

    // And the other way round: its owner has read it as theirs, and it was accepted before the refund is written.
    let store = server.database.store().await;
    let row = client
        .query_one("select id from payments", &[])
        .await
        .unwrap();
    let tickets = [code];
    for by_owner in [true, false] {
        let new = NewRefund {
            event: show.event,
            payment: row.get(0),
            amount: 1_500,
            reason: "",
            tickets: Some(&tickets),
            by_owner,
            parts: RefundedParts::default(),
            key: "late",
            audit: None,
            asked: None,
        };
        let begun = store.begin_refund(&new).await.unwrap();
        assert_eq!(begun == RefundBegun::HandedOn, by_owner, "{begun:?}");
    }
}

#[tokio::test]
async fn offers_are_bounded_and_end_with_the_ticket_or_the_event() {
    let mut smtp = Smtp::start().await;
    let server = mailing(&smtp).await;
    let client = server.client().await;
    let show = Show::new().ticket_type("Seat", 1_500, 20);
    let show = show.stage(&client).await;
    let organizer = server.user(show.organizer);
    let buyer = server.user(user(&client, "customer").await);
    let item = json!({"ticket_type_id": show.ticket_types[0], "quantity": 2});
    let body = json!({"event_id": show.event, "items": [item]});
    let booked = buyer.post(BOOKINGS, &body).await;
    let booking = format!("{BOOKINGS}/{}", booked.data(201)["id"].as_str().unwrap());
    let sold = organizer.put(&format!("{booking}/status"), &paid()).await;
    let tickets = sold.data(200)["tickets"].clone();
    let path = |nth: usize| {
        let code = tickets[nth]["code"].as_str().unwrap();
        format!("/api/v1/tickets/{code}/transfer")
    };
    let to = json!({"name": "Grace", "email": "grace@example.org"});
    for _ in 0..4 {
        buyer.post(&path(0), &to).await.data(201);
        buyer.delete(&path(0)).await.data(200);
    }
    buyer.post(&path(0), &to).await.data(201);
    buyer.delete(&path(0)).await.data(200);
    let refused = buyer.post(&path(0), &to).await;
    assert_eq!(refused.code(429), "TOO_MANY_OFFERS");
    let earlier = "update transfers set created_at = created_at - interval '1 hour'";
    client.batch_execute(earlier).await.unwrap();
    buyer.post(&path(0), &to).await.data(201);

    // Its account gets the answer again, nobody else.
    buyer.post(&path(1), &to).await.data(201);
    let mut accept = String::new();
    for _ in 0..20 {
        let mail = smtp.mail().await;
        let text = mail["text"].as_str().unwrap_or_default();
        let Some(link) = text.split("#transfer=").nth(1) else {
            continue;
        };
        let link = link.split_whitespace().next().unwrap();
        accept = format!("/api/v1/transfers/{link}/accept");
        let holder = server.user(user(&client, "customer").await);
        let taken = holder.post(&accept, &json!({})).await;
        if taken.status == 200 {
            holder.post(&accept, &json!({})).await.data(200);
            break;
        }
    }
    let stolen = server.anonymous().post(&accept, &json!({})).await;
    assert_eq!(stolen.code(404), "TRANSFER_NOT_FOUND");

    // Whoever else waits is forgotten when the tickets are taken back.
    let waiting = async || {
        let sql = "select (select count(*) from transfers where state = 'pending'), (select count(*) from transfer_contacts)";
        let row = client.query_one(sql, &[]).await.unwrap();
        (row.get::<_, i64>(0), row.get::<_, i64>(1))
    };
    assert_eq!(waiting().await, (1, 1));
    let cancelled = json!({"status": "cancelled"});
    organizer
        .put(&format!("{booking}/status"), &cancelled)
        .await
        .data(200);
    assert_eq!(waiting().await, (0, 0));

    // And when the event has begun.
    let booked = buyer.post(BOOKINGS, &body).await;
    let booking = format!("{BOOKINGS}/{}", booked.data(201)["id"].as_str().unwrap());
    let sold = organizer.put(&format!("{booking}/status"), &paid()).await;
    let code = sold.data(200)["tickets"][0]["code"].as_str().unwrap();
    let offer = format!("/api/v1/tickets/{code}/transfer");
    buyer.post(&offer, &to).await.data(201);
    let store = server.database.store().await;
    assert_eq!(store.prune(OldRows::Transfers, 1, 10).await.unwrap(), 0);
    let begun = "update events set starts_at = now() - interval '2 hours'";
    client.batch_execute(begun).await.unwrap();
    assert_eq!(store.prune(OldRows::Transfers, 1, 10).await.unwrap(), 1);
    assert_eq!(waiting().await, (0, 0));
}
