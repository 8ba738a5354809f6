//! Accounts that take tickets over: they have them in a list and on their own topic, live, without anything of the booking.

use seatcast::auth::Role;
use seatcast::ticketing::UserId;
use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::mail::PAGES;
use crate::support::caller::Caller;
use crate::support::own::Own;
use crate::support::server::TestServer;
use crate::support::show::{Show, Staged, user};
use crate::support::smtp::Smtp;
use crate::support::tokens::{SECRET, token};

const BOOKINGS: &str = "/api/v1/bookings";
const MINE: &str = "/api/v1/tickets/mine";

/// A server that mails, a show, and a buyer with some of its tickets.
struct World {
    server: TestServer,
    smtp: Smtp,
    client: Client,
    show: Staged,
    buyer: UserId,
    booking: String,
    codes: Vec<String>,
}

impl World {
    async fn new(quantity: i64) -> World {
        let smtp = Smtp::start().await;
        let url = smtp.url();
        let server = TestServer::builder().with(|config| {
            config.auth.jwt_secret = Some(SECRET.to_owned());
            config.mail.smtp_url = Some(url);
            config.mail.public_url = Some(format!("{PAGES}/"));
            config.mail.mail_from = Some("Box office <tickets@example.org>".to_owned());
        });
        let server = server.start().await;
        let client = server.client().await;
        let show = Show::new().ticket_type("Stalls", 1_500, 20).row(6);
        let show = show.stage(&client).await;
        let buyer = user(&client, "customer").await;
        let items: Vec<Value> = (0..quantity)
            .map(|seat| json!({"seat_id": show.seats[usize::try_from(seat).unwrap()]}))
            .collect();
        let contact = json!({"name": "Ada", "email": "ada@example.org"});
        let body = json!({"event_id": show.event, "items": items, "contact": contact});
        let booked = server.user(buyer).post(BOOKINGS, &body).await;
        let booking = format!("{BOOKINGS}/{}", booked.data(201)["id"].as_str().unwrap());
        let paid = json!({"status": "confirmed", "paid_by": "cash"});
        let organizer = server.user(show.organizer);
        let sold = organizer.put(&format!("{booking}/status"), &paid).await;
        let tickets = sold.data(200)["tickets"].as_array().unwrap().clone();
        let codes = tickets.iter().map(|one| one["code"].as_str().unwrap());
        let codes = codes.map(str::to_owned).collect();
        World {
            server,
            smtp,
            client,
            show,
            buyer,
            booking,
            codes,
        }
    }

    /// Offers a ticket to an address that nobody else has: the address of the link that takes it over.
    async fn offer(&mut self, giver: &Caller, code: &str, name: &str) -> String {
        let email = format!("{name}@example.org");
        let to = json!({"name": name, "email": email});
        let path = format!("/api/v1/tickets/{code}/transfer");
        giver.post(&path, &to).await.data(201);
        loop {
            let mail = self.smtp.mail().await;
            let text = mail["text"].as_str().unwrap();
            let link = text.split("#transfer=").nth(1);
            if let Some(link) = link.filter(|_| mail["to"] == email.as_str()) {
                let link = link.split_whitespace().next().unwrap();
                return format!("/api/v1/transfers/{link}/accept");
            }
        }
    }

    async fn own(&self, user: UserId) -> Own {
        Own::join(&self.server, user, &token(user, Role::Customer)).await
    }

    fn organizer(&self) -> Caller {
        self.server.user(self.show.organizer)
    }
}

/// Codes of a list of tickets.
fn codes(list: &Value) -> Vec<&str> {
    let list = list.as_array().unwrap().iter();
    list.map(|one| one["code"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn an_account_has_the_tickets_that_it_took_over_live_until_they_go_on() {
    let mut world = World::new(2).await;
    let client = world.server.client().await;
    let (grace, bo) = (
        user(&client, "customer").await,
        user(&client, "customer").await,
    );
    let (mut at_grace, mut at_bo) = (world.own(grace).await, world.own(bo).await);
    let mut at_buyer = world.own(world.buyer).await;
    assert!(at_grace.tickets.is_empty());
    let giver = world.server.user(world.buyer);
    let code = world.codes[0].clone();
    let accept = world.offer(&giver, &code, "grace").await;
    let taker = world.server.user(grace);
    let taken = taker.post(&accept, &json!({})).await.data(200).clone();

    // It appears at once, without anything of the booking; the answer and the frame are the same ticket.
    at_grace.holds(|tickets| tickets.len() == 1).await;
    let (&id, ticket) = at_grace.tickets.first_key_value().unwrap();
    for (name, value) in ticket.as_object().unwrap() {
        assert_eq!(&taken[name], value, "{name}");
    }
    assert_eq!(ticket["code"], taken["code"]);
    assert_eq!(ticket["status"], "transferred");
    assert_eq!(ticket["event_status"], "active");
    assert_eq!(ticket["ticket_type"], "Stalls");
    assert!(ticket["seat"]["number"].is_string(), "{ticket}");
    assert!(ticket["taken_over_at"].is_string(), "{ticket}");
    let text = ticket.to_string();
    for secret in ["reference", "price", "booking", "Ada", "ada@", &code] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    assert!(at_grace.bookings.is_empty());
    assert!(at_buyer.tickets.is_empty());
    let booking = at_buyer.bookings.keys().next().unwrap().clone();
    let shown = at_buyer.sees(&booking, |booking| {
        booking["tickets"][0]["status"] == "transferred"
    });
    assert_eq!(shown.await["tickets"][0]["code"], code.as_str());

    // In the list of whoever holds it, and not of the buyer any more.
    let mine = taker.get(MINE).await;
    assert_eq!(mine.header("x-total-count"), Some("1"));
    assert_eq!(mine.header("cache-control"), Some("private, no-store"));
    let listed = &mine.data(200)[0];
    for (name, value) in ticket.as_object().unwrap() {
        assert_eq!(&listed[name], value, "{name}");
    }
    assert_eq!(listed["payload"], taken["payload"]);
    assert!(listed["booking_id"].is_null() && listed["price"].is_null());
    let theirs = giver.get(MINE).await;
    assert_eq!(codes(theirs.data(200)), [world.codes[1].as_str()]);
    assert!(theirs.data(200)[0]["reference"].is_string());
    assert!(theirs.data(200)[0]["taken_over_at"].is_null());

    // Offered, withdrawn, used, let out again.
    let live = taken["code"].as_str().unwrap().to_owned();
    let accept = world.offer(&taker, &live, "bo").await;
    at_grace
        .holds(|all| all[0]["offer"]["to"] == "b…@example.org")
        .await;
    let withdrawn = taker
        .delete(&format!("/api/v1/tickets/{live}/transfer"))
        .await;
    withdrawn.data(200);
    at_grace.holds(|all| all[0]["offer"].is_null()).await;
    assert_eq!(
        world.server.user(bo).post(&accept, &json!({})).await.status,
        404
    );
    let scan = json!({"code": live, "nonce": "scan-00001"});
    let admitted = world.organizer().post("/api/v1/checkins", &scan).await;
    at_grace.holds(|all| all[0]["status"] == "used").await;
    let undo = format!("/api/v1/checkins/{}/undo", admitted.data(200)["id"]);
    world.organizer().post(&undo, &json!({})).await.data(200);
    at_grace
        .holds(|all| all[0]["status"] == "transferred")
        .await;

    // It goes on, is gone here at once, and comes back with a higher version.
    let accept = world.offer(&taker, &live, "bo").await;
    let over = world.server.user(bo).post(&accept, &json!({})).await;
    let next = over.data(200)["code"].as_str().unwrap().to_owned();
    at_bo
        .holds(|all| all.len() == 1 && all[0]["code"] == next.as_str())
        .await;
    at_grace.holds(|all| all.is_empty()).await;
    assert_eq!(codes(taker.get(MINE).await.data(200)), Vec::<&str>::new());
    let accept = world.offer(&world.server.user(bo), &next, "grace").await;
    taker.post(&accept, &json!({})).await.data(200);
    at_grace.holds(|all| all.len() == 1).await;
    at_bo.holds(|all| all.is_empty()).await;
    assert_eq!(at_grace.tickets.keys().next(), Some(&id));

    // Names and times of what it is for, whoever writes them.
    for (sql, is) in [
        (
            "update events set title = 'Moved', starts_at = starts_at + interval '1 day'",
            "/event_title=Moved",
        ),
        (
            "update ticket_types set name = 'Parquet'",
            "/ticket_type=Parquet",
        ),
        ("update sections set name = 'Left'", "/seat/section=Left"),
        ("update seats set number = number || 'b'", "/seat/number=b"),
        (
            "update events set status = 'cancelled'",
            "/event_status=cancelled",
        ),
        ("update tickets set status = 'void'", "/status=void"),
    ] {
        world.client.batch_execute(sql).await.unwrap();
        let (path, value) = is.split_once('=').unwrap();
        at_grace
            .holds(|all| {
                all[0]
                    .pointer(path)
                    .and_then(Value::as_str)
                    .is_some_and(|now| now.ends_with(value))
            })
            .await;
    }

    // A client that comes back is told what it missed, also at another node.
    let another = TestServer::builder()
        .with(|config| config.auth.jwt_secret = Some(SECRET.to_owned()))
        .beside(&world.server)
        .start()
        .await;
    let sql = "with used as (update tickets set status = 'used' returning id, event_id)
               insert into checkins (event_id, ticket_id, nonce, scanned_at, result, shown_hash)
               select event_id, id, 'by hand ' || id, now(), 'admitted', sha256('') from used";
    world.client.batch_execute(sql).await.unwrap();
    at_grace
        .resume(&world.server, &token(grace, Role::Customer))
        .await;
    at_grace.holds(|all| all[0]["status"] == "used").await;
    at_grace
        .resume(&another, &token(grace, Role::Customer))
        .await;
    assert_eq!(at_grace.tickets[&id]["status"], "used");
    world.server.audit().await;
}

#[tokio::test]
async fn an_organizers_cancellation_voids_a_ticket_where_its_holder_sees_it() {
    let mut world = World::new(1).await;
    let grace = user(&world.client, "customer").await;
    let mut at_grace = world.own(grace).await;
    let giver = world.server.user(world.buyer);
    let code = world.codes[0].clone();
    let accept = world.offer(&giver, &code, "grace").await;
    let taker = world.server.user(grace);
    taker.post(&accept, &json!({})).await.data(200);
    at_grace.holds(|all| all.len() == 1).await;
    // The desk writes it, whose connections are spared the triggers of bookings.
    let status = format!("{}/status", world.booking);
    let cancelled = json!({"status": "cancelled"});
    world.organizer().put(&status, &cancelled).await.data(200);
    at_grace.holds(|all| all[0]["status"] == "void").await;
    let mine = taker.get(MINE).await;
    assert_eq!(mine.data(200)[0]["status"], "void");
    assert!(mine.data(200)[0]["payload"].is_null());
}

/// Whoever has no account takes a ticket over by its token, and finds it in the account that proves the address.
#[tokio::test]
async fn a_ticket_taken_over_without_an_account_joins_the_account_of_its_address() {
    let mut world = World::new(2).await;
    let giver = world.server.user(world.buyer);
    let (first, second) = (world.codes[0].clone(), world.codes[1].clone());
    let accept = world.offer(&giver, &first, "grace").await;
    let anonymous = world.server.anonymous();
    let taken = anonymous.post(&accept, &json!({})).await.data(200).clone();
    assert!(taken["version"].is_i64(), "{taken}");
    let accept = world.offer(&giver, &second, "bo").await;
    anonymous.post(&accept, &json!({})).await.data(200);

    let grace = user(&world.client, "customer").await;
    let address = "update users set email = 'grace@example.org' where id = $1";
    world.client.execute(address, &[&grace.0]).await.unwrap();
    let mut at_grace = world.own(grace).await;
    let ask = json!({"email": "grace@example.org"});
    let asked = anonymous.post("/api/v1/auth/link", &ask).await;
    assert_eq!(asked.status, 202, "{}", asked.text);
    let link = loop {
        let mail = world.smtp.mail().await;
        let text = mail["text"].as_str().unwrap().to_owned();
        if let Some(link) = text.split("#sign-in=").nth(1) {
            break link.split_whitespace().next().unwrap().to_owned();
        }
    };
    assert!(at_grace.tickets.is_empty(), "nobody proved the address");
    let proof = json!({ "token": link });
    let signed_in = anonymous.post("/api/v1/auth/link/open", &proof).await;
    assert_eq!(signed_in.status, 200, "{}", signed_in.text);
    at_grace
        .holds(|all| all.len() == 1 && all[0]["code"] == taken["code"])
        .await;
    let mine = world.server.user(grace).get(MINE).await;
    assert_eq!(codes(mine.data(200)), [taken["code"].as_str().unwrap()]);
    // The token that was answered goes on opening it.
    let holder = anonymous.with_header("x-booking-token", taken["token"].as_str().unwrap());
    let path = format!("/api/v1/tickets/{}", taken["code"].as_str().unwrap());
    holder.get(&path).await.data(200);
}

#[tokio::test]
async fn the_list_has_pages_and_both_kinds_apart() {
    let mut world = World::new(4).await;
    let giver = world.server.user(world.buyer);
    let grace = user(&world.client, "customer").await;
    let taker = world.server.user(grace);
    let all = world.codes.clone();
    let mut taken = Vec::new();
    for (code, name) in [(&all[0], "one"), (&all[1], "two")] {
        let accept = world.offer(&giver, code, name).await;
        let over = taker.post(&accept, &json!({})).await;
        taken.insert(0, over.data(200)["code"].as_str().unwrap().to_owned());
    }
    // Grace has a booking of her own, which is older than both.
    let give = "with theirs as (update bookings set user_id = $1 returning id) select from theirs";
    world.client.execute(give, &[&grace.0]).await.unwrap();
    let mine = taker.get(MINE).await;
    let expected = [&taken[0], &taken[1], &all[3], &all[2]].map(String::as_str);
    assert_eq!(codes(mine.data(200)), expected);
    let over = taker.get(&format!("{MINE}?taken_over=true")).await;
    assert_eq!(codes(over.data(200)), expected[..2]);
    let bought = taker.get(&format!("{MINE}?taken_over=false")).await;
    assert_eq!(codes(bought.data(200)), expected[2..]);
    assert_eq!(bought.header("x-total-count"), Some("2"));
    let second = taker.get(&format!("{MINE}?limit=1&offset=1")).await;
    assert_eq!(codes(second.data(200)), expected[1..2]);
    let (mut seen, mut page) = (Vec::new(), Some(format!("{MINE}?limit=3")));
    while let Some(path) = page {
        let answer = taker.get(&path).await;
        seen.extend(codes(answer.data(200)).into_iter().map(str::to_owned));
        page = answer.next_page();
    }
    assert_eq!(seen, expected);
    let wrong = taker.get(&format!("{MINE}?cursor=x")).await;
    assert_eq!(wrong.code(422), "VALIDATION_FAILED");
    let nobody = world.server.anonymous().get(MINE).await;
    assert_eq!(nobody.code(401), "UNAUTHENTICATED");
    assert!(
        giver
            .get(MINE)
            .await
            .data(200)
            .as_array()
            .unwrap()
            .is_empty()
    );
}
