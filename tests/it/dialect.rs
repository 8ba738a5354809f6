//! The tables of the Supabase dialect, watched through the server: whoever changes a row.

use serde_json::{Value, json};

use crate::support::server::{DEADLINE, TestServer};
use crate::support::show::Show;
use crate::support::websocket::{Socket, WireVersion};

/// The next row that a channel is told of: `[table, type, record, old_record]`.
async fn row(viewer: &mut Socket, topic: &str) -> [Value; 4] {
    let mut message = viewer.next_on(topic, "postgres_changes").await;
    let data = &mut message["data"];
    ["table", "type", "record", "old_record"].map(|part| data[part].take())
}

/// Reads on until a row of this table, changed in this way, comes.
async fn next(viewer: &mut Socket, topic: &str, table: &str, kind: &str) -> (Value, Value) {
    loop {
        let [of, did, record, old] = row(viewer, topic).await;
        if (of == table) && (did == kind) {
            return (record, old);
        }
    }
}

fn binding(table: &str, kind: &str, filter: &str) -> Value {
    json!({"event": kind, "schema": "public", "table": table, "filter": filter})
}

/// Twenty viewers with a filter each, so with a channel each, who do not read: a change of all seats costs the
/// node next to nothing, and each is told to read the seats anew.
#[tokio::test]
async fn a_change_of_a_whole_house_is_not_told_seat_by_seat() {
    const VIEWERS: usize = 20;
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .capacity(20_000)
        .ticket_type("Seat", 1_000, 20_000);
    let show = (0..10).fold(show, |show, _| show.row(2_000));
    let event = show.stage(&client).await.event;
    let topic = format!("realtime:event-tickets:{event}");
    let mut viewers = Vec::new();
    for number in 0..VIEWERS {
        let mut viewer = server.ws(WireVersion::V2).await;
        let filter = format!("event_id=eq.{event},position=gte.-{number}");
        let join = json!({"config": {"postgres_changes": [binding("seats", "*", &filter)]}});
        viewer.join(&topic, join.clone()).await;
        viewers.push((viewer, join));
    }
    let block = format!("update seats set blocked = true where event_id = {event}");
    client.batch_execute(&block).await.unwrap();
    for (viewer, _) in &mut viewers {
        loop {
            let frame = viewer.next_frame(DEADLINE).await.unwrap();
            assert_ne!(frame.event, "postgres_changes");
            if frame.event == "phx_error" {
                break;
            }
        }
    }
    // Joined again, they are told what comes after.
    let free = format!(
        "update seats set blocked = false where event_id = {event} and row_label = 'R0' and number = '3'"
    );
    for (viewer, join) in &mut viewers {
        viewer.join(&topic, join.clone()).await;
    }
    client.batch_execute(&free).await.unwrap();
    for (viewer, _) in &mut viewers {
        let (record, _) = next(viewer, &topic, "seats", "UPDATE").await;
        assert_eq!(record["status"], "available");
    }
}

#[tokio::test]
async fn every_table_is_watched_on_any_channel() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .capacity(100)
        .ticket_type("Stalls", 1_000, 50)
        .row(5)
        .stage(&client)
        .await;
    let event = show.event;
    let of_event = format!("event_id=eq.{event}");
    let wanted = [
        binding("events", "*", &format!("id=eq.{event}")),
        binding("seats", "UPDATE", &of_event),
        binding("notices", "INSERT", &of_event),
        binding("event_tickets", "DELETE", &of_event),
    ];
    let mut viewers = Vec::new();
    for (vsn, name) in [
        (WireVersion::V1, "event-tickets"),
        (WireVersion::V2, "registration"),
        (WireVersion::V2, "event-updates"),
    ] {
        let (topic, mut viewer) = (format!("realtime:{name}:{event}"), server.ws(vsn).await);
        let join = json!({"config": {"postgres_changes": wanted}});
        let joined = viewer.join(&topic, join).await;
        let ids = joined["postgres_changes"].as_array().unwrap();
        assert_eq!(ids.len(), wanted.len());
        let system = viewer.next_on(&topic, "system").await;
        assert_eq!(system["status"], "ok", "{system}");
        viewers.push((topic, viewer));
    }
    show.try_sell(&client, 0, Some(show.seats[3]), 1)
        .await
        .unwrap();
    for (topic, viewer) in &mut viewers {
        let (record, old) = next(viewer, topic, "seats", "UPDATE").await;
        let sold = json!({"position": 3, "event_id": event, "status": "sold"});
        assert_eq!((record, old), (sold, json!({"position": 3})));
    }
    client
        .batch_execute(&format!(
            "update events set venue = 'Arena' where id = {event}"
        ))
        .await
        .unwrap();
    for (topic, viewer) in &mut viewers {
        let (record, old) = next(viewer, topic, "events", "UPDATE").await;
        assert_eq!(
            (&record["venue"], &record["membership_required"], &old),
            (&json!("Arena"), &json!(false), &json!({"id": event}))
        );
        let (record, old) = next(viewer, topic, "notices", "INSERT").await;
        assert_eq!(
            (&record["type"], &record["message"], &old),
            (
                &json!("info_update"),
                &json!("The event moved to Arena."),
                &Value::Null
            )
        );
        if topic.contains("updates") {
            let told = viewer.next_on(topic, "broadcast").await;
            assert_eq!(told["payload"]["data"]["old"]["venue"], "Town hall");
        }
    }
    let late =
        "insert into ticket_types (event_id, name, capacity) values ($1, 'Late', 5) returning id";
    let late: i64 = client.query_one(late, &[&event]).await.unwrap().get(0);
    client
        .execute("delete from ticket_types where id = $1", &[&late])
        .await
        .unwrap();
    for (topic, viewer) in &mut viewers {
        let [table, kind, _, old] = row(viewer, topic).await;
        assert_eq!(
            (table, kind, old),
            (json!("event_tickets"), json!("DELETE"), json!({"id": late}))
        );
    }
    // The end of the event is told, then its channels close.
    client
        .batch_execute(&format!(
            "update events set deleted_at = now() where id = {event}"
        ))
        .await
        .unwrap();
    for (topic, viewer) in &mut viewers {
        let (_, old) = next(viewer, topic, "events", "DELETE").await;
        assert_eq!(old, json!({"id": event}));
        viewer.next_on(topic, "phx_close").await;
    }
}
