//! Mails, to a real SMTP server: a link that opens a lost booking, a code that proves an address; both as jobs that
//! outlive a server's refusals, silence and absence.

use jiff::Timestamp;
use seatcast::auth::proofs::{LINK_LIFE_S, Proofs};
use seatcast::jobs::lanes;
use seatcast::ticketing::BookingId;
use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::support::database::TestDatabase;
use crate::support::http_client;
use crate::support::server::{DEADLINE, TestServer};
use crate::support::show::{Show, Staged, one, user};
use crate::support::smtp::Smtp;

const BOOKINGS: &str = "/api/v1/bookings";
const FIND: &str = "/api/v1/bookings/find";
const CODES: &str = "/api/v1/email-codes";
pub(crate) const PAGES: &str = "https://tickets.example.org/hall";

pub(crate) async fn mailing(smtp: &Smtp) -> TestServer {
    mailing_to(smtp.url()).await
}

async fn mailing_to(url: String) -> TestServer {
    let mails = TestServer::builder().with(|config| {
        config.mail.smtp_url = Some(url);
        config.mail.public_url = Some(format!("{PAGES}/"));
        config.mail.mail_from = Some("Box office <tickets@example.org>".to_owned());
    });
    mails.start().await
}

/// Books as somebody without an account.
async fn book(server: &TestServer, show: &Staged, email: &str) -> Value {
    let item = json!({"ticket_type_id": show.ticket_types[0], "quantity": 1});
    let body = json!({"event_id": show.event, "items": [item], "contact": {"name": "Ada", "email": email}});
    server
        .anonymous()
        .post(BOOKINGS, &body)
        .await
        .data(201)
        .clone()
}

pub(crate) async fn waits(client: &Client, sql: &str) {
    let waiting = async {
        while !one::<bool>(client, sql, &[]).await {
            tokio::task::yield_now().await;
        }
    };
    if tokio::time::timeout(DEADLINE, waiting).await.is_err() {
        let left: Option<String> = one(client, "select string_agg(concat_ws(' ', kind, key, state, run_at::text, reason), '; ') from jobs", &[]).await;
        panic!("{sql}: {left:?}");
    }
}

#[tokio::test]
async fn core_19_a_lost_booking_is_opened_by_a_mailed_link() {
    let mut smtp = Smtp::start().await;
    let server = mailing(&smtp).await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Seat", 1_500, 10)
        .stage(&client)
        .await;
    let booking = book(&server, &show, "Ada@Example.org").await;
    let anonymous = server.anonymous();

    // A request for a booking that is not there is answered alike, and no mail goes out: the next one is the right one.
    for (reference, email) in [
        (booking["reference"].as_str().unwrap(), "eve@example.org"),
        ("BK-222222", "ada@example.org"),
        ("nonsense", "ada@example.org"),
    ] {
        let body = json!({"reference": reference, "email": email});
        assert!(anonymous.post(FIND, &body).await.data(202).is_null());
    }
    let body = json!({"reference": booking["reference"], "email": "ada@EXAMPLE.org"});
    let persian = server.anonymous().with_header("accept-language", "fa");
    persian.post(FIND, &body).await.data(202);
    // Asked again at once, it is the same wish.
    persian.post(FIND, &body).await.data(202);
    let mail = smtp.mail().await;
    assert_eq!(mail["to"], "ada@example.org");
    assert_eq!(mail["from"], "tickets@example.org");
    assert!(
        mail["subject"].as_str().unwrap().starts_with("رزرو شما"),
        "{mail}"
    );
    let text = mail["text"].as_str().unwrap();
    let link = text.split(&format!("{PAGES}/bookings#link=")).nth(1);
    let link = link.expect(text).split_whitespace().next().unwrap();
    assert!(mail["html"].as_str().unwrap().contains(link), "{mail}");
    assert!(
        mail["html"].as_str().unwrap().contains("dir=\"rtl\""),
        "{mail}"
    );

    // After its minute the key is free, and five mails are the most in an hour.
    let later = "update jobs set run_at = now() where state = 'done' and kind = 'booking_link'";
    for _ in 0..5 {
        waits(
            &client,
            "select count(*) = 0 from jobs where state in ('waiting', 'leased')",
        )
        .await;
        client.batch_execute(later).await.unwrap();
        persian.post(FIND, &body).await.data(202);
    }
    waits(
        &client,
        "select count(*) = 0 from jobs where state in ('waiting', 'leased')",
    )
    .await;
    anonymous
        .post(CODES, &json!({"email": "last@example.org"}))
        .await
        .data(202);
    let mut to = vec![mail["to"].clone()];
    let mut ids = vec![mail["message_id"].clone()];
    while to.last().unwrap() != "last@example.org" {
        let next = smtp.mail().await;
        to.push(next["to"].clone());
        ids.push(next["message_id"].clone());
    }
    assert_eq!(to[..to.len() - 1], vec![json!("ada@example.org"); 5]);
    ids.sort_by_key(Value::to_string);
    ids.dedup();
    assert_eq!(ids.len(), 6, "each is a mail of its own");

    let opened = anonymous
        .post(&format!("{BOOKINGS}/open"), &json!({"link": link}))
        .await;
    assert_eq!(opened.data(200)["id"], booking["id"]);
    assert_eq!(opened.data(200)["contact"]["name"], "Ada");
    // The token in the answer proves the booking from now on; the old one goes on doing so.
    let path = format!("{BOOKINGS}/{}", booking["id"].as_str().unwrap());
    for token in [&opened.data(200)["token"], &booking["token"]] {
        let owner = server
            .anonymous()
            .with_header("x-booking-token", token.as_str().unwrap());
        owner.get(&path).await.data(200);
    }
    let owner = opened.data(200)["token"].as_str().unwrap().to_owned();
    let owner = server.anonymous().with_header("x-booking-token", owner);
    let cancelled = owner
        .put(&format!("{path}/status"), &json!({"status": "cancelled"}))
        .await;
    assert_eq!(cancelled.data(200)["status"], "cancelled");
    let other = book(&server, &show, "ada@example.org").await;
    let other = format!("{BOOKINGS}/{}", other["id"].as_str().unwrap());
    assert_eq!(
        owner.get(&other).await.code(404),
        "BOOKING_NOT_FOUND",
        "each booking its own"
    );
    server.audit().await;
}

/// Those to whom staff sold once had no way to their booking.
#[tokio::test]
async fn what_staff_sold_is_opened_by_a_link_to_its_contact() {
    let mut smtp = Smtp::start().await;
    let server = mailing(&smtp).await;
    let client = server.client().await;
    let show = Show::new().ticket_type("Seat", 1_500, 10);
    let show = show.stage(&client).await;
    let staff = server.user(show.organizer);
    let item = json!({"ticket_type_id": show.ticket_types[0], "quantity": 1});
    let body =
        json!({"event_id": show.event, "items": [item], "contact": {"email": "ada@example.org"}});
    let sold = staff.post(BOOKINGS, &body).await.data(201).clone();
    assert!(sold["token"].is_null(), "{sold}");
    let anonymous = server.anonymous();
    let body = json!({"reference": sold["reference"], "email": "ada@example.org"});
    anonymous.post(FIND, &body).await.data(202);
    let mail = smtp.mail().await;
    assert_eq!(mail["to"], "ada@example.org");
    let text = mail["text"].as_str().unwrap();
    let link = text.split("/bookings#link=").nth(1).expect(text);
    let link = json!({"link": link.split_whitespace().next().unwrap()});
    let opened = anonymous.post(&format!("{BOOKINGS}/open"), &link).await;
    let token = opened.data(200)["token"].as_str().unwrap();
    let owner = server.anonymous().with_header("x-booking-token", token);
    let path = format!("{BOOKINGS}/{}", sold["id"].as_str().unwrap());
    let seen = owner.get(&path).await;
    assert_eq!(seen.data(200)["contact"]["email"], "ada@example.org");
    // It stays a sale of staff: other tickets are theirs to give.
    let other = owner.patch(&path, &json!({"items": [item]})).await;
    assert_eq!(other.code(403), "FORBIDDEN");
    let paid = json!({"status": "confirmed", "paid_by": "cash"});
    let paid = staff.put(&format!("{path}/status"), &paid).await;
    let code = paid.data(200)["tickets"][0]["code"].as_str().unwrap();
    let ticket = owner.get(&format!("/api/v1/tickets/{code}")).await;
    assert!(ticket.data(200)["payload"].is_string(), "{}", ticket.text);
    // Its mail leads the buyer to it, who has no account.
    let mut mail = smtp.mail().await;
    while mail["to"] != "ada@example.org" {
        mail = smtp.mail().await;
    }
    let text = mail["text"].as_str().unwrap();
    assert!(text.contains("/bookings#link="), "{text}");
    server.audit().await;
}

#[tokio::test]
async fn a_link_that_is_not_ours_or_too_old_opens_nothing() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Seat", 1_500, 10)
        .stage(&client)
        .await;
    let booking = book(&server, &show, "ada@example.org").await;
    let id = BookingId(booking["id"].as_str().unwrap().parse().unwrap());
    let secret = "select value from secrets where name = 'mails'";
    let secret: Vec<u8> = one(&client, secret, &[]).await;
    let proofs = Proofs::new(secret.try_into().unwrap());
    let now = Timestamp::now();
    let old = Timestamp::from_second(now.as_second() - LINK_LIFE_S).unwrap();
    let open = async |link: String| {
        let body = json!({ "link": link });
        server
            .anonymous()
            .post(&format!("{BOOKINGS}/open"), &body)
            .await
    };
    open(proofs.link(id, now)).await.data(200);
    assert_eq!(open(proofs.link(id, old)).await.code(410), "LINK_EXPIRED");
    let forged = Proofs::new([0; 32]).link(id, now);
    assert_eq!(open(forged).await.code(404), "BOOKING_NOT_FOUND");
    assert_eq!(open("x".to_owned()).await.code(404), "BOOKING_NOT_FOUND");
}

#[tokio::test]
async fn some_tickets_ask_for_a_proven_address() {
    let mut smtp = Smtp::start().await;
    let server = mailing(&smtp).await;
    let client = server.client().await;
    let show = Show::new().ticket_type("Free", 0, 10).stage(&client).await;
    let organizer = server.user(show.organizer);
    let path = format!(
        "/api/v1/events/{}/ticket-types/{}",
        show.event, show.ticket_types[0]
    );
    let changed = organizer
        .patch(&path, &json!({"email_required": true}))
        .await;
    assert_eq!(changed.data(200)["email_required"], true);

    let item = json!({"ticket_type_id": show.ticket_types[0], "quantity": 1});
    let ask = async |code: Option<&str>| {
        let mut body = json!({"event_id": show.event, "items": [item], "contact": {"email": "ada@example.org"}});
        if let Some(code) = code {
            body["email_code"] = json!(code);
        }
        server.anonymous().post(BOOKINGS, &body).await
    };
    assert_eq!(ask(None).await.code(403), "EMAIL_PROOF_REQUIRED");
    assert_eq!(
        ask(Some("ABCDEFGH")).await.code(403),
        "EMAIL_PROOF_REQUIRED"
    );
    server
        .anonymous()
        .post(CODES, &json!({"email": "Ada@example.org"}))
        .await
        .data(202);
    let mail = smtp.mail().await;
    assert_eq!(mail["to"], "ada@example.org");
    let text = mail["text"].as_str().unwrap();
    let code = text
        .lines()
        .find_map(|line| line.strip_prefix("    "))
        .expect(text);
    let booked = ask(Some(&code.to_lowercase())).await;
    assert_eq!(booked.data(201)["status"], "confirmed");
    // An account has proven itself.
    let buyer = server.user(user(&client, "customer").await);
    let body = json!({"event_id": show.event, "items": [item]});
    buyer.post(BOOKINGS, &body).await.data(201);
    server.audit().await;
}

/// The server refuses for now, says nothing although it took the mail, or refuses for ever.
#[tokio::test]
async fn a_mail_is_tried_until_it_is_taken_or_a_person_has_to_look() {
    let mut smtp = Smtp::start().await;
    let server = mailing(&smtp).await;
    let client = server.client().await;
    let hurry = "update jobs set run_at = now() where state = 'waiting' and reason is not null";
    for name in ["later", "silent", "never"] {
        let body = json!({"email": format!("{name}@example.org")});
        server.anonymous().post(CODES, &body).await.data(202);
    }
    let first = smtp.mail().await;
    assert_eq!(first["to"], "silent@example.org");
    waits(
        &client,
        "select count(*) = 2 from jobs where state = 'waiting' and reason is not null",
    )
    .await;
    client.batch_execute(hurry).await.unwrap();
    let (one_mail, other) = (smtp.mail().await, smtp.mail().await);
    let again = [&one_mail, &other]
        .into_iter()
        .find(|mail| mail["to"] == first["to"]);
    assert_eq!(
        again.expect("it is sent again")["message_id"],
        first["message_id"],
        "it is the same mail"
    );
    waits(
        &client,
        "select count(*) = 2 from jobs where state = 'done'",
    )
    .await;
    let reason = "select reason from jobs where state = 'needs_review'";
    waits(
        &client,
        "select count(*) = 1 from jobs where state = 'needs_review'",
    )
    .await;
    let reason: String = one(&client, reason, &[]).await;
    assert!(reason.contains("no such person"), "{reason}");
    // Asked for again, it is tried again.
    let body = json!({"email": "never@example.org"});
    server.anonymous().post(CODES, &body).await.data(202);
    waits(
        &client,
        "select count(*) = 1 from jobs where times = 2 and state = 'needs_review'",
    )
    .await;
}

/// More than a node sends at once.
const WAITING_MAILS: i32 = 100;

/// A mail server that takes connections and says nothing, for as long as a mail may take.
#[tokio::test]
async fn a_mail_server_that_does_not_answer_delays_mails_alone() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("smtp://{}", silent.local_addr().unwrap());
    let server = mailing_to(url).await;
    let client = server.client().await;
    let mails = "
        insert into jobs (kind, key, payload, expires_at)
        select 'email_code', 'mail-' || n, '{\"email\": \"ada@example.org\", \"lang\": \"en\"}', now() + interval '1 hour'
          from generate_series(1, $1) n";
    client.execute(mails, &[&WAITING_MAILS]).await.unwrap();
    waits(
        &client,
        "select count(*) = 64 from jobs where state = 'leased'",
    )
    .await;
    // An attempt that is gone by now.
    let payment = "
        insert into jobs (kind, key, payload, expires_at)
        values ('payment', 'one', '{\"payment_id\": \"01890000-0000-7000-8000-000000000000\"}', now() + interval '1 hour')";
    client.batch_execute(payment).await.unwrap();
    waits(&client, "select state = 'done' from jobs where key = 'one'").await;
    let left = "select count(*) from jobs where kind = 'email_code' and state = 'waiting'";
    assert_eq!(one::<i64>(&client, left, &[]).await, 36);
}

#[tokio::test]
async fn the_database_has_each_kind_of_job_in_its_lane() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    for (kind, lane) in lanes() {
        let sql = "insert into jobs (kind, key, payload, expires_at) values ($1, $1, '{}', now()) returning lane";
        let row = client.query_one(sql, &[&kind]).await.unwrap();
        assert_eq!(row.get::<_, &str>(0), lane.as_str(), "{kind}");
    }
}

/// The node that had a job is gone: its lease ends, and another node does it.
#[tokio::test]
async fn a_job_outlives_its_node() {
    let mut smtp = Smtp::start().await;
    let server = mailing(&smtp).await;
    let client = server.client().await;
    client
        .batch_execute(
            "insert into jobs (kind, key, payload, state, attempts, lease_until, expires_at)
             values ('email_code', 'left', '{\"email\": \"ada@example.org\", \"lang\": \"en\"}', 'leased', 1,
                     now() - interval '1 s', now() + interval '1 hour'),
                    ('email_code', 'late', '{\"email\": \"eve@example.org\", \"lang\": \"en\"}', 'leased', 1,
                     now() - interval '1 s', now() - interval '1 s'),
                    ('of_a_newer_node', 'new', '{}', 'waiting', 0, null, now() + interval '1 hour')",
        )
        .await
        .unwrap();
    assert_eq!(smtp.mail().await["to"], "ada@example.org");
    waits(
        &client,
        "select count(*) = 1 from jobs where key = 'late' and state = 'done'",
    )
    .await;
    waits(
        &client,
        "select state = 'waiting' and attempts = 0 from jobs where key = 'new'",
    )
    .await;
}

#[tokio::test]
async fn without_a_way_for_mails_none_is_promised() {
    let server = TestServer::builder().with(|config| {
        config.auth.dev = false;
        config.auth.jwt_secret = Some("a secret of more than thirty-two bytes".to_owned());
    });
    let server = server.start().await;
    let body = json!({"email": "ada@example.org"});
    assert_eq!(
        server.anonymous().post(CODES, &body).await.code(501),
        "NO_MAIL"
    );
    let outbox = server.anonymous().get("/dev/outbox").await;
    assert_eq!(outbox.code(404), "NOT_FOUND");
}

#[tokio::test]
async fn the_demo_keeps_its_mails_to_be_looked_at() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let body = json!({"email": "ada@example.org"});
    server.anonymous().post(CODES, &body).await.data(202);
    waits(
        &client,
        "select count(*) = 1 from jobs where state = 'done'",
    )
    .await;
    let kept = http_client()
        .get(format!("http://{}/dev/outbox", server.address()))
        .send()
        .await
        .unwrap();
    let kept: Value = serde_json::from_slice(&kept.bytes().await.unwrap()).unwrap();
    assert_eq!(kept[0]["to"], "ada@example.org");
    assert_eq!(kept.as_array().unwrap().len(), 1);
}
