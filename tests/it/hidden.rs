//! Hidden ticket types: shown to the event's people alone, sold with a voucher, and counted where they share a pool.

use serde_json::{Value, json};

use crate::support::caller::Answer;
use crate::support::server::{DEADLINE, TestServer};
use crate::support::show::{Show, Staged, user};
use crate::support::websocket::{Socket, WireVersion};

const SECRET: &str = "Friends";

struct World {
    server: TestServer,
    show: Staged,
    /// The path of the event's ticket types.
    types: String,
    hidden: Value,
}

/// A house of 100 with two types that together could fill it, and a hidden one.
async fn world() -> World {
    let server = TestServer::start().await;
    let show = Show::new()
        .capacity(100)
        .ticket_type("Standing", 1_000, 80)
        .ticket_type("Stalls", 2_000, 60)
        .then(
            "insert into vouchers (event_id, code, kind, value, reveals_hidden)
             values ($event, 'FRIEND', 'percent', 0, true)",
        )
        .stage(&server.client().await)
        .await;
    let types = format!("/api/v1/events/{}/ticket-types", show.event);
    let made = server
        .user(show.organizer)
        .post(
            &types,
            &json!({"name": SECRET, "price": 0, "capacity": 30, "hidden": true}),
        )
        .await;
    let made = made.data(201);
    assert_eq!(made["hidden"], true);
    let hidden = made["id"].clone();
    World {
        server,
        show,
        types,
        hidden,
    }
}

impl World {
    async fn hide(&self, hidden: bool) {
        let path = format!("{}/{}", self.types, self.hidden);
        let organizer = self.server.user(self.show.organizer);
        let changed = organizer.patch(&path, &json!({"hidden": hidden})).await;
        assert_eq!(changed.data(200)["hidden"], hidden);
    }

    /// Books hidden tickets with the voucher.
    async fn book(&self, quantity: i64) {
        let buyer = self
            .server
            .user(user(&self.server.client().await, "customer").await);
        let items = json!([{"ticket_type_id": self.hidden, "quantity": quantity}]);
        let mut wish = json!({"event_id": self.show.event, "items": items});
        let refused = buyer.post("/api/v1/bookings", &wish).await;
        assert_eq!(refused.code(404), "TICKET_TYPE_NOT_FOUND");
        wish["vouchers"] = json!(["FRIEND"]);
        buyer.post("/api/v1/bookings", &wish).await.data(201);
    }

    /// Addresses that everybody may read.
    fn paths(&self) -> [String; 6] {
        let event = self.show.event;
        [
            format!("/api/v1/events/{event}"),
            self.types.clone(),
            format!("/api/v1/availability/{event}"),
            format!("/api/v1/availability?event_ids={event}"),
            format!("/api/v1/availability/{event}/sections"),
            format!("/rest/v1/event_tickets?event_id=eq.{event}"),
        ]
    }

    async fn is_shown(&self, path: &str) -> bool {
        let answer = self.server.anonymous().get(path).await;
        assert_eq!(answer.status, 200, "{path}");
        answer.body.to_string().contains(SECRET)
    }
}

/// The first frame of this event that says something of the hidden type.
async fn news(viewer: &mut Socket, kind: &str, id: &Value, is_secret: bool) -> Value {
    loop {
        let frame = viewer.next_frame(DEADLINE).await.expect("a frame");
        let text = frame.payload.to_string();
        assert!(!is_secret || !text.contains(SECRET), "{text}");
        let data = &frame.payload["data"];
        if frame.event == kind && kind == "postgres_changes" {
            let [record, old] = [&data["record"], &data["old_record"]];
            if record["id"] == *id || old["id"] == *id {
                return data.clone();
            }
        } else if frame.event == kind {
            let rows = frame.payload["ticket_types"].as_array();
            if let Some(row) = rows.into_iter().flatten().find(|row| row["id"] == *id) {
                return row.clone();
            }
        }
    }
}

#[tokio::test]
async fn a_hidden_type_is_shown_to_the_events_people_alone() {
    let world = world().await;
    for path in world.paths() {
        assert!(!world.is_shown(&path).await, "{path}");
    }
    let organizer = world.server.user(world.show.organizer);
    let all = organizer.get(&world.types).await;
    let all = all.data(200).as_array().unwrap().clone();
    let hidden: Vec<&Value> = all.iter().map(|one| &one["hidden"]).collect();
    assert_eq!(hidden.iter().filter(|hidden| **hidden == true).count(), 1);
    assert_eq!(all.len(), 3);
    world.hide(false).await;
    for path in world.paths() {
        let has_seats = !path.ends_with("sections");
        assert_eq!(world.is_shown(&path).await, has_seats, "{path}");
    }
    world.server.audit().await;
}

/// Seats of a hidden type are on the map, and nowhere free; who has the voucher books them all the same.
#[tokio::test]
async fn free_seats_of_a_hidden_type_are_shown_as_blocked() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Stalls", 1_000, 4)
        .row(4)
        .ticket_type("Box", 2_000, 3)
        .row(3)
        .then(
            "insert into vouchers (event_id, code, kind, value, reveals_hidden)
             values ($event, 'FRIEND', 'percent', 0, true)",
        )
        .stage(&client)
        .await;
    let organizer = server.user(show.organizer);
    let event = show.event;
    let map = format!("/api/v1/events/{event}/seats");
    // Two bits a seat: three bytes of four seats would be more than there are.
    let shown = async || {
        let read = server.anonymous().get(&map).await;
        // An answer that a shared cache keeps is not for the event's people.
        let vary = read.header("vary").unwrap_or_default();
        assert!(vary.contains("authorization"), "{vary}");
        let text = read.data(200)["seats"].as_str().unwrap().to_owned();
        let bytes =
            base64::Engine::decode(&base64::engine::general_purpose::STANDARD, text).unwrap();
        (0..7)
            .map(|place| bytes[place / 4] >> (2 * (place % 4)) & 3)
            .collect::<Vec<u8>>()
    };
    assert_eq!(shown().await, [0, 0, 0, 0, 0, 0, 0]);
    // Free seats of hidden types, for whoever knows a code.
    let revealed = async |code: &str| {
        let read = server
            .anonymous()
            .get(&format!("{map}?voucher={code}"))
            .await;
        assert_eq!(read.header("cache-control"), Some("private, no-store"));
        read.data(200)["revealed"].clone()
    };
    assert_eq!(revealed("FRIEND").await, json!([]));
    let of_one_type =
        "insert into vouchers (event_id, code, kind, value, reveals_hidden, ticket_type_ids)
                       values ($1, $2, 'percent', 0, true, array[$3::bigint])";
    for (code, of) in [("STALLS", 0), ("BOX", 1)] {
        let of = show.ticket_types[of].0;
        let row: [&(dyn tokio_postgres::types::ToSql + Sync); 3] = [&show.event.0, &code, &of];
        client.execute(of_one_type, &row).await.unwrap();
    }
    let mut viewer = server.ws(WireVersion::V2).await;
    viewer.join(&format!("seats:{event}"), json!({})).await;
    let path = format!(
        "/api/v1/events/{event}/ticket-types/{}",
        show.ticket_types[1]
    );
    organizer
        .patch(&path, &json!({"hidden": true}))
        .await
        .data(200);
    assert_eq!(shown().await, [0, 0, 0, 0, 3, 3, 3]);
    for code in ["FRIEND", "BOX"] {
        assert_eq!(revealed(code).await, json!([4, 5, 6]), "{code}");
    }
    assert_eq!(revealed("STALLS").await, json!([]));
    assert_eq!(revealed("NOBODYS").await, Value::Null);
    let own = organizer.get(&map).await;
    assert_eq!(own.data(200)["revealed"], json!([4, 5, 6]));
    let seen = loop {
        let frame = viewer.next_frame(DEADLINE).await.expect("a frame");
        if let Some(seats) = frame.payload["seats"]
            .as_array()
            .filter(|seats| !seats.is_empty())
        {
            break seats.clone();
        }
    };
    assert_eq!(seen, [json!([4, 3]), json!([5, 3]), json!([6, 3])]);
    let table = format!("/rest/v1/seats?event_id=eq.{event}&status=eq.available");
    let table = server.anonymous().get(&table).await;
    assert_eq!(table.body.as_array().unwrap().len(), 4, "{}", table.text);

    // By name, and by choice: only with the voucher.
    let seats: Vec<i64> = {
        let sql = "select id from seats where ticket_type_id = $1 order by position";
        let rows = client.query(sql, &[&show.ticket_types[1].0]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    };
    let some_seats =
        json!({"ticket_type_id": show.ticket_types[1], "quantity": 1, "best_available": true});
    for item in [json!({"seat_id": seats[0]}), some_seats] {
        let buyer = server.user(user(&client, "customer").await);
        let mut wish = json!({"event_id": event, "items": [item]});
        let refused = buyer.post("/api/v1/bookings", &wish).await;
        assert_eq!(refused.code(404), "TICKET_TYPE_NOT_FOUND");
        wish["vouchers"] = json!(["FRIEND"]);
        buyer.post("/api/v1/bookings", &wish).await.data(201);
    }
    let held = shown().await;
    assert_eq!(held.iter().filter(|status| **status == 1).count(), 2);
    let left: Vec<usize> = (0..7).filter(|place| held[*place] == 3).collect();
    assert_eq!(revealed("FRIEND").await, json!(left));
    organizer
        .patch(
            &map,
            &json!({"seat_ids": [seats[left[0] - 4]], "blocked": true}),
        )
        .await
        .data(200);
    assert_eq!(revealed("FRIEND").await, json!([]));
    organizer
        .patch(
            &map,
            &json!({"seat_ids": [seats[left[0] - 4]], "blocked": false}),
        )
        .await
        .data(200);
    // A seat that moves to the hidden type is free no more.
    let first = "select id from seats where event_id = $1 order by position limit 1";
    let first: i64 = crate::support::show::one(&client, first, &[&event.0]).await;
    let moved = json!({"seat_ids": [first], "ticket_type_id": show.ticket_types[1]});
    organizer.patch(&map, &moved).await.data(200);
    assert_eq!(shown().await[0], 3);
    let cancelled = "update bookings set status = 'cancelled' where event_id = $1";
    client.execute(cancelled, &[&event.0]).await.unwrap();
    let freed = "update claims set state = 'dead' where event_id = $1";
    client.execute(freed, &[&event.0]).await.unwrap();
    // Watched events are read from memory, which hears of it in a moment.
    let freed = async {
        while shown().await != [3, 0, 0, 0, 3, 3, 3] {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(DEADLINE, freed)
        .await
        .expect("the freed seats are blocked");
    organizer
        .patch(&path, &json!({"hidden": false}))
        .await
        .data(200);
    assert_eq!(shown().await, [0, 0, 0, 0, 0, 0, 0]);
    server.audit().await;
}

#[tokio::test]
async fn viewers_see_a_type_come_and_go_and_can_tell_what_is_left_of_the_event() {
    let world = world().await;
    let event = world.show.event;
    let topic = format!("event:{event}");
    let mut viewer = world.server.ws(WireVersion::V2).await;
    let state = viewer.join(&topic, json!({})).await;
    assert!(!state.to_string().contains(SECRET), "{state}");
    let mut table = world.server.ws(WireVersion::V2).await;
    let binding = json!({"event": "*", "schema": "public", "table": "event_tickets",
                         "filter": format!("event_id=eq.{event}")});
    let joining = json!({"config": {"postgres_changes": [binding]}});
    table
        .join(&format!("realtime:event-tickets:{event}"), joining)
        .await;

    world.book(10).await;
    let gone = json!({"id": world.hidden, "removed": true});
    assert_eq!(news(&mut viewer, "update", &world.hidden, true).await, gone);
    let told = news(&mut table, "postgres_changes", &world.hidden, true).await;
    assert_eq!(told["type"], "DELETE");

    let path = format!("/api/v1/availability/{event}");
    let answer = world.server.anonymous().get(&path).await;
    let data = answer.data(200);
    // 80 of standing and 60 of the stalls are left, but 90 places in the house.
    assert_eq!(data["available_tickets"], 90);
    assert_eq!(data["booked_tickets"], 0);
    // A viewer who joins now can tell as much: both types tell what the house has left.
    let mut other = world.server.ws(WireVersion::V2).await;
    let state = other.join(&topic, json!({})).await;
    let types = state["state"]["ticket_types"].as_array().unwrap();
    assert_eq!(types.len(), 2, "{state}");
    for one in types {
        assert_eq!(one["shared"][0][1], 90, "{state}");
    }

    world.hide(false).await;
    let row = news(&mut viewer, "update", &world.hidden, false).await;
    assert_eq!(
        (&row["name"], &row["available"], &row["sold"]),
        (&json!(SECRET), &json!(20), &json!(10))
    );
    assert_eq!(row.get("shared"), None);
    let told = news(&mut table, "postgres_changes", &world.hidden, false).await;
    assert_eq!(
        (&told["type"], &told["record"]["name"]),
        (&json!("INSERT"), &json!(SECRET))
    );

    world.hide(true).await;
    assert_eq!(
        news(&mut viewer, "update", &world.hidden, false).await,
        gone
    );
    let told = news(&mut table, "postgres_changes", &world.hidden, false).await;
    assert_eq!(told["type"], "DELETE");
    world.server.audit().await;
}

/// «Hidden types revealed»: by a voucher that reveals them, while it can be used; any other code is as good as none.
#[tokio::test]
async fn a_hidden_type_is_shown_to_whoever_knows_its_voucher() {
    let world = world().await;
    let client = world.server.client().await;
    let setup = format!(
        "insert into vouchers (event_id, code, kind, value, reveals_hidden, uses_max, valid_from, valid_to, ticket_type_ids)
         values ({event}, 'PLAIN', 'percent', 100, false, null, null, null, '{{}}'),
                ({event}, 'USED', 'percent', 0, true, 1, null, null, '{{}}'),
                ({event}, 'EARLY', 'percent', 0, true, null, now() + interval '1 day', null, '{{}}'),
                ({event}, 'LATE', 'percent', 0, true, null, null, now() - interval '1 day', '{{}}'),
                ({event}, 'THIS', 'percent', 0, true, null, null, null, '{{{hidden}}}'),
                ({event}, 'OTHER', 'percent', 0, true, null, null, null, '{{{other}}}')",
        event = world.show.event,
        hidden = world.hidden,
        other = world.show.ticket_types[0],
    );
    client.batch_execute(&setup).await.unwrap();
    client
        .batch_execute("update vouchers set uses = 1 where code = 'USED'")
        .await
        .unwrap();
    let event = format!("/api/v1/events/{}", world.show.event);
    let anonymous = world.server.anonymous();
    let none = anonymous.get(&world.types).await;
    for (code, is_shown) in [
        ("FRIEND", true),
        ("friend", true),
        ("THIS", true),
        ("OTHER", false),
        ("PLAIN", false),
        ("USED", false),
        ("EARLY", false),
        ("LATE", false),
        ("NOBODYS", false),
        ("not%20a%20code!", false),
    ] {
        let path = format!("{}?voucher={code}", world.types);
        let types = anonymous.get(&path).await;
        let listed = types.data(200).as_array().unwrap();
        assert_eq!(
            listed.iter().any(|one| one["id"] == world.hidden),
            is_shown,
            "{code}"
        );
        if !is_shown {
            assert_eq!(types.body, none.body, "{code}");
        }
        let path = format!("{event}?voucher={code}");
        let whole = anonymous.get(&path).await;
        let listed = whole.data(200)["ticket_types"].as_array().unwrap().clone();
        assert_eq!(
            listed.iter().any(|one| one["id"] == world.hidden),
            is_shown,
            "{code}"
        );
    }
}

#[tokio::test]
async fn codes_of_vouchers_cannot_be_guessed_by_the_thousand() {
    let server = TestServer::builder().with(|config| {
        config.limits.limits = seatcast::config::Switch::On;
        config.limits.codes.burst = 3;
        config.limits.codes.per_minute = 0;
    });
    let server = server.start().await;
    let show = Show::new().ticket_type("Standing", 1_000, 80).then(
        "insert into vouchers (event_id, code, kind, value, reveals_hidden)
         values ($event, 'FRIEND', 'percent', 0, true)",
    );
    let show = show.stage(&server.client().await).await;
    let types = format!("/api/v1/events/{}/ticket-types", show.event);
    let event = format!("/api/v1/events/{}", show.event);
    let seats = format!("{event}/seats");
    // A right code is no guess: its bearer reads as often as anybody.
    for path in [&types, &event, &seats].repeat(3) {
        let known = format!("{path}?voucher=FRIEND");
        server.anonymous().get(&known).await.data(200);
    }
    // However the parameter is spelled.
    for path in [&types, &event, &seats] {
        let guess = format!("{path}?%76oucher=GUESS");
        server.anonymous().get(&guess).await.data(200);
    }
    for path in [&types, &event, &seats] {
        let known = format!("{path}?voucher=FRIEND");
        let refused = server.anonymous().get(&known).await;
        assert_eq!(refused.code(429), "RATE_LIMITED", "guessing ends here");
        let guess = format!("{path}?voucher=GUESS");
        let refused = server.anonymous().get(&guess).await;
        assert_eq!(refused.code(429), "RATE_LIMITED");
        server.anonymous().get(path).await.data(200);
    }
}

#[tokio::test]
async fn nor_are_they_guessed_by_prices_and_bookings() {
    let server = TestServer::builder().with(|config| {
        config.limits.limits = seatcast::config::Switch::On;
        config.limits.codes.burst = 4;
        config.limits.codes.per_minute = 0;
    });
    let server = server.start().await;
    let show = Show::new().ticket_type("Standing", 1_000, 80).then(
        "insert into vouchers (event_id, code, kind, value)
         values ($event, 'FRIEND', 'percent', 1000)",
    );
    let show = show.stage(&server.client().await).await;
    let guest = server.anonymous();
    let body = |codes: &[&str]| json!({"event_id": show.event, "quantity": 1, "vouchers": codes});
    let routes = ["/api/v1/bookings/quote", "/api/v1/bookings"];
    // Right ones are no guesses, however many people have them, nor is a booking without any.
    for _ in 0..3 {
        guest.post(routes[0], &body(&["FRIEND"])).await.data(200);
        guest.post(routes[1], &body(&["FRIEND"])).await.data(201);
    }
    for route in routes.repeat(2) {
        let guess = guest.post(route, &body(&["FRIEND", "GUESS"])).await;
        assert_eq!(guess.code(404), "VOUCHER_NOT_FOUND");
    }
    for (route, status) in routes.into_iter().zip([200, 201]) {
        for codes in [&["GUESS"], &["FRIEND"]] {
            let refused = guest.post(route, &body(codes)).await;
            assert_eq!(refused.code(429), "RATE_LIMITED", "{codes:?}");
        }
        guest.post(route, &body(&[])).await.data(status);
    }
}

/// Right codes are no guesses, whatever they are for, and whether or not they can be used today; and guesses of codes keep
/// nobody from signing in.
#[tokio::test]
async fn right_codes_that_open_nothing_stop_nobody() {
    let server = TestServer::builder().with(|config| {
        config.limits.limits = seatcast::config::Switch::On;
        config.limits.codes.burst = 1;
        config.limits.codes.per_minute = 0;
    });
    let server = server.start().await;
    let client = server.client().await;
    let show = Show::new().ticket_type("Standing", 1_000, 80).then(
        "insert into vouchers (event_id, code, kind, value, reveals_hidden, uses_max, valid_to)
         values ($event, 'STAFF10', 'percent', 1000, false, null, null),
                ($event, 'YESTERDAY', 'percent', 0, true, null, now() - interval '1 day')",
    );
    let show = show.stage(&client).await;
    let types = format!("/api/v1/events/{}/ticket-types", show.event);
    let guest = server.anonymous();
    for code in ["STAFF10", "YESTERDAY"].repeat(3) {
        guest
            .get(&format!("{types}?voucher={code}"))
            .await
            .data(200);
    }
    let body = json!({"event_id": show.event, "quantity": 1, "vouchers": ["STAFF10"]});
    guest.post("/api/v1/bookings/quote", &body).await.data(200);
    guest.get(&format!("{types}?voucher=GUESS")).await.data(200);
    let refused = guest.get(&format!("{types}?voucher=STAFF10")).await;
    assert_eq!(refused.code(429), "RATE_LIMITED");
    let login = json!({"email": "ada@example.org", "password": "a password of many"});
    let login = guest.post("/api/v1/auth/login", &login).await;
    assert_eq!(login.status, 401, "{}", login.text);
}

/// Of guesses that are sent at once none passes before the first is counted.
#[tokio::test]
async fn guesses_at_once_are_counted_as_guesses_one_by_one() {
    let server = TestServer::builder().with(|config| {
        config.limits.limits = seatcast::config::Switch::On;
        config.limits.codes.burst = 2;
        config.limits.codes.per_minute = 0;
    });
    let server = server.start().await;
    let client = server.client().await;
    let show = Show::new().ticket_type("Standing", 1_000, 80);
    let show = show.stage(&client).await;
    let guess = format!("/api/v1/events/{}/ticket-types?voucher=GUESS", show.event);
    // Nobody is answered while the table is locked.
    client
        .batch_execute("begin; lock table vouchers in access exclusive mode")
        .await
        .unwrap();
    let guesses = (0..8).map(|_| {
        let (guest, guess) = (server.anonymous(), guess.clone());
        tokio::spawn(async move { guest.get(&guess).await.status })
    });
    let mut guesses: futures_util::stream::FuturesUnordered<_> = guesses.collect();
    for _ in 0..6 {
        let refused = tokio::time::timeout(DEADLINE, futures_util::StreamExt::next(&mut guesses));
        let refused = refused.await.expect("refused before the look");
        assert_eq!(refused.unwrap().unwrap(), 429);
    }
    client.batch_execute("commit").await.unwrap();
    while let Some(status) = futures_util::StreamExt::next(&mut guesses).await {
        assert_eq!(status.unwrap(), 200);
    }
}

/// A voucher for one booking opens its types to whoever has that booking, until it ends.
#[tokio::test]
async fn a_code_stays_open_for_the_hold_that_uses_it() {
    let world = world().await;
    let client = world.server.client().await;
    let once = format!(
        "update vouchers set uses_max = 1 where event_id = {};
         update ticket_types set price_amount = 500 where id = {}",
        world.show.event, world.hidden
    );
    client.batch_execute(&once).await.unwrap();
    let account = world.server.user(user(&client, "customer").await);
    for guest in [false, true] {
        let mut buyer = if guest {
            world.server.anonymous()
        } else {
            account.clone()
        };
        let items = json!([{"ticket_type_id": world.hidden, "quantity": 1}]);
        let wish = json!({"event_id": world.show.event, "items": items, "vouchers": ["FRIEND"]});
        let held = buyer.post("/api/v1/bookings", &wish).await;
        let id = held.data(201)["id"].as_str().unwrap().to_owned();
        if guest {
            let token = held.data(201)["token"].as_str().unwrap().to_owned();
            buyer = buyer.with_header("x-booking-token", token);
        }
        let path = format!("{}?voucher=FRIEND", world.types);
        let shown = |answer: &Answer| answer.text.contains(SECRET);
        assert!(shown(&buyer.get(&path).await), "guest: {guest}");
        assert!(!shown(&world.server.anonymous().get(&path).await));
        let over = json!({"status": "cancelled"});
        let path = format!("/api/v1/bookings/{id}/status");
        buyer.put(&path, &over).await.data(200);
    }
}

/// Two public numbers of one event agree, and their difference tells nothing; its people are told all of it, everywhere.
#[tokio::test]
async fn numbers_for_everybody_leave_hidden_sales_out() {
    let world = world().await;
    world.book(10).await;
    let event = world.show.event;
    let path = format!("/api/v1/bookings/event/{event}/stats");
    let availability = format!("/api/v1/availability/{event}");
    let guest = world.server.anonymous();
    let stats = guest.get(&path).await.data(200).clone();
    let shown = guest.get(&availability).await.data(200).clone();
    assert_eq!(stats["total_tickets_sold"], shown["booked_tickets"]);
    assert_eq!(stats["total_tickets_sold"], 0);
    assert_eq!(stats["tickets_held"], shown["held_tickets"]);
    let organizer = world.server.user(world.show.organizer);
    assert_eq!(
        organizer.get(&path).await.data(200)["total_tickets_sold"],
        10
    );
    let managed = organizer.get("/api/v1/events/management/view").await;
    let managed = &managed.data(200)[0];
    assert_eq!(managed["total_tickets_sold"], 10);
    assert_eq!(managed["booked_tickets"], 10);
    // By a way to ask that only tickets of seats have.
    let best = json!([{"ticket_type_id": world.hidden, "quantity": 1, "best_available": true}]);
    let refused = guest
        .post(
            "/api/v1/bookings/quote",
            &json!({"event_id": event, "items": best}),
        )
        .await;
    assert_eq!(refused.code(404), "TICKET_TYPE_NOT_FOUND");
}
