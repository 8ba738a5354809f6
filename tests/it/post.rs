//! What buyers are told by mail of their bookings, to a real SMTP server: each once, with what belongs to it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::mail::{PAGES, mailing, waits};
use crate::support::http_client;
use crate::support::server::TestServer;
use crate::support::show::{Show, Staged, user};
use crate::support::smtp::Smtp;

const BOOKINGS: &str = "/api/v1/bookings";
const NOTHING_LEFT: &str = "select count(*) = 0 from jobs where state in ('waiting', 'leased')";

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
    assert!(lines.contains(&"STATUS:CONFIRMED"), "{calendar}");
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
