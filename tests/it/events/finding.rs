//! Events as they are found, by everybody and by their organizers.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{EVENTS, made, with, world, wrong};
use crate::support::caller::Caller;
use crate::support::server::TestServer;
use crate::support::show::{Show, one, user};
use seatcast::ticketing::UserId;

#[tokio::test]
async fn events_are_found_by_what_they_are() {
    let (server, organizer) = world().await;
    for (title, category, starts_at) in [
        ("Blue Jazz", "music", "2099-01-01T00:00:00Z"),
        ("100% Comedy", "stage", "2099-02-01T00:00:00Z"),
        ("jazz_brunch", "food", "2099-03-01T00:00:00Z"),
    ] {
        let city = (category != "food").then_some(if category == "music" {
            "Hamburg"
        } else {
            "Wien"
        });
        let event =
            json!({"title": title, "category": category, "starts_at": starts_at, "city": city});
        made(&organizer, &with(event)).await;
    }
    let titles = async |query: &str| -> Vec<String> {
        let answer = server.anonymous().get(&format!("{EVENTS}?{query}")).await;
        let events = answer.data(200).as_array().unwrap().clone();
        let total: usize = answer.header("x-total-count").unwrap().parse().unwrap();
        assert!(total >= events.len());
        let title = |event: &serde_json::Value| event["title"].as_str().unwrap().to_owned();
        events.iter().map(title).collect()
    };
    let none: [&str; 0] = [];
    assert_eq!(
        titles("").await,
        ["Blue Jazz", "100% Comedy", "jazz_brunch"]
    );
    assert_eq!(titles("q=JAZZ").await, ["Blue Jazz", "jazz_brunch"]);
    assert_eq!(titles("q=0%25").await, ["100% Comedy"]);
    assert_eq!(titles("q=z_b").await, ["jazz_brunch"]);
    assert_eq!(titles("q=%27%3B%20drop%20table%20users").await, none);
    assert_eq!(titles("category=Stage").await, ["100% Comedy"]);
    assert_eq!(titles("city=hamburg").await, ["Blue Jazz"]);
    assert_eq!(titles("city=Wien&q=jazz").await, none);
    let february = "from=2099-02-01T00:00:00Z&to=2099-03-01T00:00:00Z";
    assert_eq!(titles(february).await, ["100% Comedy"]);
    assert_eq!(titles("status=paused").await, none);
    assert_eq!(titles("sort=-starts_at&limit=1").await, ["jazz_brunch"]);
    assert_eq!(titles("sort=title&limit=1&offset=1").await, ["Blue Jazz"]);
    assert_eq!(titles("offset=50").await, none);
    let page = server
        .anonymous()
        .get(&format!("{EVENTS}?limit=1&offset=1"))
        .await;
    assert_eq!(page.header("x-total-count"), Some("3"));
    let links = page.header("link").unwrap();
    for relation in ["first", "prev", "next", "last"] {
        assert!(links.contains(&format!("rel=\"{relation}\"")), "{links}");
    }
    for (query, expected) in [
        ("limit=0", "limit TOO_SMALL"),
        ("limit=101", "limit TOO_BIG"),
        ("limit=ten", "limit NOT_AN_INTEGER"),
        ("offset=-1", "offset TOO_SMALL"),
        ("status=open", "status NOT_A_CHOICE"),
        ("sort=price", "sort NOT_A_CHOICE"),
        ("from=soon", "from NOT_A_TIME"),
        ("q=%00", "q NUL_IN_TEXT"),
        ("cursor=page2", "cursor NOT_A_CURSOR"),
    ] {
        let answer = server.anonymous().get(&format!("{EVENTS}?{query}")).await;
        assert_eq!(wrong(&answer), [expected], "{query}");
    }
    let broken = server.anonymous().get(&format!("{EVENTS}?q=%ff")).await;
    assert!(matches!(broken.status, 200 | 400), "{}", broken.text);
}

#[tokio::test]
async fn speed_h_a_search_needs_neither_case_nor_accents() {
    let (server, organizer) = world().await;
    let titles = [
        "Théâtre de ŁÓDŹ",
        "Straße der Musik",
        "Ελληνική Βραδιά",
        "คอนเสิร์ตใหญ่",
        "کنسرت موسیقی",
    ];
    for title in titles {
        made(&organizer, &with(json!({"title": title}))).await;
    }
    let found = async |q: &str| -> Vec<String> {
        let q: String = q.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let answer = server.anonymous().get(&format!("{EVENTS}?q={q}")).await;
        let events = answer.data(200).as_array().unwrap().clone();
        let total = answer.header("x-total-count").unwrap();
        assert_eq!(total, events.len().to_string());
        let title = |event: &Value| event["title"].as_str().unwrap().to_owned();
        events.iter().map(title).collect()
    };
    for (q, title) in [
        ("theatre", 0),
        ("THE\u{301}ÂTRE DE", 0),
        ("lodz", 0),
        ("é", 0),
        ("STRASSE", 1),
        ("straße der m", 1),
        ("ΕΛΛΗΝΙΚΗ", 2),
        ("βραδια", 2),
        ("ิร์ต", 3),
        ("ใหญ่", 3),
        // From an Arabic keyboard.
        ("كنسرت", 4),
        ("موسيقي", 4),
    ] {
        let found = found(q).await;
        assert!(found.contains(&titles[title].to_owned()), "{q}: {found:?}");
    }
    assert_eq!(found("theatre de łódź").await, [titles[0]]);
    assert_eq!(found("hall").await.len(), titles.len(), "the venue counts");
    assert_eq!(found("lodz\nhall").await.len(), 0, "a part is of one text");
    assert_eq!(found("\u{301}").await.len(), titles.len());
    let client = server.client().await;
    let change = "update events set title = 'Opera' where title like 'Stra%';
                  update events set deleted_at = now() where title like '%Theatre%' or title like 'Théâ%'";
    client.batch_execute(change).await.unwrap();
    assert_eq!(found("strasse").await.len(), 0);
    assert_eq!(found("opera").await, ["Opera"]);
    assert_eq!(found("theatre").await.len(), 0, "it is deleted");
}

#[tokio::test]
async fn speed_h_what_is_found_too_often_is_not_counted_to_the_end() {
    let server = TestServer::start().await;
    let client = server.client().await;
    Show::new().ticket_type("Free", 0, 10).stage(&client).await;
    let many = "insert into events (organizer_id, title, category, venue, starts_at, capacity, status)
                select organizer_id, 'Common ' || n, case when n > 1990 then 'late' else 'early' end, 'Place',
                       now() + n * interval '1 hour', 10, 'active'
                  from events, generate_series(1, 2010) n";
    client.batch_execute(many).await.unwrap();
    for (query, total, shown, has_last) in [
        // More than are counted.
        ("q=common", "2001", 5, false),
        ("q=co", "2001", 5, false),
        ("q=common&offset=2008", "2001", 2, false),
        ("q=common&category=late", "20", 5, true),
        ("q=common%20199&sort=-title", "11", 5, true),
        ("q=common%201", "1111", 5, true),
        ("", "2011", 5, true),
    ] {
        let page = server
            .anonymous()
            .get(&format!("{EVENTS}?{query}&limit=5"))
            .await;
        assert_eq!(page.data(200).as_array().unwrap().len(), shown, "{query}");
        assert_eq!(page.header("x-total-count"), Some(total), "{query}");
        let links = page.header("link").unwrap();
        assert_eq!(links.contains("last"), has_last, "{query}: {links}");
    }
}

#[tokio::test]
async fn organizers_see_what_their_events_brought_in() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .capacity(200)
        .ticket_type("Seat", 2_500, 200)
        .stage(&client)
        .await;
    let other = Show::new()
        .ticket_type("Seat", 100, 10)
        .stage(&client)
        .await;
    show.sell(&client, 50).await;
    let raise = "update bookings set total_amount = 125000 where event_id = $1";
    client.execute(raise, &[&show.event]).await.unwrap();
    let pending = json!({"event_id": show.event, "quantity": 3});
    server
        .anonymous()
        .post("/api/v1/bookings", &pending)
        .await
        .data(201);
    let path = "/api/v1/events/management/view";
    let view = server.user(show.organizer).get(path).await;
    let events = view.data(200).as_array().unwrap();
    assert_eq!(events.len(), 1);
    let event = &events[0];
    assert_eq!(event["total_tickets_sold"], 50);
    assert_eq!(event["total_bookings"], 1);
    assert_eq!(
        event["total_revenue"],
        json!({"amount": 125_000, "currency": "EUR"})
    );
    assert_eq!(event["held_tickets"], 3);
    assert_eq!(event["occupancy_percentage"], 25.0);
    let admin = server.user(user(&client, "admin").await);
    let all = admin.get(path).await;
    assert_eq!(all.header("x-total-count"), Some("2"));
    let all = all.data(200).as_array().unwrap();
    assert!(all.iter().any(|event| event["id"] == other.event.0));
}

/// Whatever they do there, and whether or not they have events of their own.
#[tokio::test]
async fn people_find_the_events_of_all_they_work_for() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let own = Show::new().ticket_type("Seat", 100, 10);
    let own = own.stage(&client).await;
    let (member, other) = (own.organizer, user(&client, "customer").await);
    let mut theirs = Vec::new();
    for role in ["box_office", "scanner", "finance", "manager"] {
        let show = Show::new().ticket_type("Seat", 100, 10);
        let show = show.stage(&client).await;
        for member in [member, other] {
            let sql = "insert into organization_members (organization_id, user_id, role) values ($1, $2, $3)";
            let (organization, member) = (show.organizer.0, member.0);
            client
                .execute(sql, &[&organization, &member, &role])
                .await
                .unwrap();
        }
        theirs.push((show.event.0, matches!(role, "finance" | "manager")));
    }
    let seen = async |who: UserId| {
        let view = server.user(who).get("/api/v1/events/management/view").await;
        let seen = view.data(200).as_array().unwrap().iter().map(|event| {
            assert_eq!(event["total_tickets_sold"], 0);
            let figures = ["total_revenue", "total_bookings"].map(|name| event.get(name).is_some());
            assert_eq!(figures[0], figures[1], "{event}");
            (event["id"].as_i64().unwrap(), figures[0])
        });
        seen.collect::<BTreeSet<_>>()
    };
    assert_eq!(seen(other).await, theirs.iter().copied().collect());
    theirs.push((own.event.0, true));
    assert_eq!(seen(member).await, theirs.iter().copied().collect());
}

/// Availability names its event.
fn id(row: &Value) -> Value {
    row.get("id").unwrap_or(&row["event_id"]).clone()
}

/// Follows `next` from the first page of two to the end, and gives the ids in the order in which they came.
async fn leafed(caller: &Caller, path: &str) -> Vec<Value> {
    let mut ids = Vec::new();
    let mut next = Some(format!(
        "{path}{}limit=2",
        if path.contains('?') { '&' } else { '?' }
    ));
    while let Some(path) = next.take() {
        let page = caller.get(&path).await;
        let rows = page.data(200).as_array().unwrap();
        assert!((1..=2).contains(&rows.len()), "{path}");
        ids.extend(rows.iter().map(id));
        next = page.next_page();
        assert!(
            next.as_ref().is_none_or(|next| next.contains("cursor=")),
            "{next:?}"
        );
        assert!(ids.len() <= 50, "{path} leads on for ever");
    }
    ids
}

#[tokio::test]
async fn core_16_speed_f_every_list_is_read_to_its_end_by_cursor() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let mut shows = Vec::new();
    for _ in 0..3 {
        let show = Show::new().ticket_type("Free", 0, 100).stage(&client).await;
        shows.push(show);
    }
    let buyer = server.user(user(&client, "customer").await);
    for show in &shows {
        for _ in 0..2 {
            let one = json!({"event_id": show.event, "quantity": 1});
            buyer.post("/api/v1/bookings", &one).await.data(201);
        }
    }
    // Rows that share their place in the order are told apart by their ids.
    let same = "update events set starts_at = '2099-01-01z', created_at = '2026-01-01z', organizer_id = 1;
                update bookings set created_at = '2026-01-01z' where ctid in (select ctid from bookings limit 4)";
    client.batch_execute(same).await.unwrap();
    let organizer = server.user(UserId(1));
    let event = shows[0].event;
    for number in 0..5 {
        let notice = json!({"type": "custom", "message": format!("{number}")});
        organizer
            .post(&format!("{EVENTS}/{event}/notices"), &notice)
            .await
            .data(201);
    }
    let admin = server.user(user(&client, "admin").await);
    let mine: i64 = one(&client, "select user_id from bookings limit 1", &[]).await;
    for (path, caller, rows) in [
        (EVENTS.to_owned(), &buyer, 3),
        (format!("{EVENTS}?sort=-starts_at"), &buyer, 3),
        (format!("{EVENTS}?sort=title"), &buyer, 3),
        (format!("{EVENTS}?sort=-title&q=show"), &buyer, 3),
        (format!("{EVENTS}?sort=created_at"), &buyer, 3),
        (format!("{EVENTS}?sort=-created_at"), &buyer, 3),
        (format!("{EVENTS}/management/view"), &organizer, 3),
        ("/api/v1/availability/all/active".to_owned(), &buyer, 3),
        // One of them told of the new time.
        (format!("{EVENTS}/{event}/notices"), &buyer, 6),
        ("/api/v1/bookings/mine".to_owned(), &buyer, 6),
        (format!("/api/v1/bookings/user/{mine}"), &buyer, 6),
        (
            "/api/v1/bookings/mine?status=confirmed".to_owned(),
            &buyer,
            6,
        ),
        (format!("/api/v1/bookings/event/{event}"), &organizer, 2),
        ("/api/v1/users".to_owned(), &admin, 5),
    ] {
        let ids = leafed(caller, &path).await;
        assert_eq!(ids.len(), rows, "{path}");
        let (mut once, whole) = (ids.clone(), caller.get(&path).await);
        once.sort_by_key(Value::to_string);
        once.dedup();
        assert_eq!(once.len(), rows, "{path} names a row twice");
        let whole: Vec<Value> = whole.data(200).as_array().unwrap().iter().map(id).collect();
        assert_eq!(ids, whole, "{path}");
    }

    // A cursor is its own list's, and stands in place of an offset.
    let first = buyer.get(&format!("{EVENTS}?limit=1")).await;
    let link = first.header("link").unwrap();
    let cursor = link
        .split("cursor=")
        .nth(1)
        .unwrap()
        .split('>')
        .next()
        .unwrap();
    for (path, expected) in [
        (
            format!("{EVENTS}?sort=title&cursor={cursor}"),
            "cursor NOT_A_CURSOR",
        ),
        (
            format!("/api/v1/bookings/mine?cursor={cursor}"),
            "cursor NOT_A_CURSOR",
        ),
        (
            format!("{EVENTS}?cursor={cursor}&offset=1"),
            "offset CURSOR_OR_OFFSET",
        ),
    ] {
        assert_eq!(wrong(&buyer.get(&path).await), [expected], "{path}");
    }
}
