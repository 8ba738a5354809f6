//! Events as they are found, by everybody and by their organizers.

use serde_json::json;

use super::{EVENTS, made, with, world, wrong};
use crate::support::server::TestServer;
use crate::support::show::{Show, user};

#[tokio::test]
async fn events_are_found_by_what_they_are() {
    let (server, organizer) = world().await;
    for (title, category, starts_at) in [
        ("Blue Jazz", "music", "2099-01-01T00:00:00Z"),
        ("100% Comedy", "stage", "2099-02-01T00:00:00Z"),
        ("jazz_brunch", "food", "2099-03-01T00:00:00Z"),
    ] {
        let event = json!({"title": title, "category": category, "starts_at": starts_at});
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
    ] {
        let answer = server.anonymous().get(&format!("{EVENTS}?{query}")).await;
        assert_eq!(wrong(&answer), [expected], "{query}");
    }
    let broken = server.anonymous().get(&format!("{EVENTS}?q=%ff")).await;
    assert!(matches!(broken.status, 200 | 400), "{}", broken.text);
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
