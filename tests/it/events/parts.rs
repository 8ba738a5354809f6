//! Parts of an event: ticket types and notices.

use serde_json::{Value, json};

use super::{concert, made, world, wrong};

#[tokio::test]
async fn ticket_types_come_and_change_and_go() {
    let (server, organizer) = world().await;
    let path = made(&organizer, &concert()).await;
    let types = format!("{path}/ticket-types");
    let vip = json!({"name": "VIP", "price": 9_000, "capacity": 20, "sort": -1,
                     "sale_to": "2099-01-01T00:00:00Z"});
    let answer = organizer.post(&types, &vip).await;
    let id = answer.data(201)["id"].clone();
    let vip = format!("{types}/{id}");
    assert!(answer.revision() > 2);
    let listed = server.anonymous().get(&types).await;
    let listed = listed.data(200).as_array().unwrap();
    let names: Vec<&Value> = listed.iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["VIP", "General admission"]);
    let change = json!({"price": 8_000, "sale_to": null, "max_per_user": 4});
    let changed = organizer.patch(&vip, &change).await;
    assert_eq!(changed.data(200)["price"]["amount"], 8_000);
    assert_eq!(changed.data(200)["sale_to"], Value::Null);
    assert_eq!(changed.data(200)["max_per_user"], 4);
    let change = json!({"min_per_booking": 5, "max_per_booking": 4});
    let ordered = organizer.patch(&vip, &change).await;
    assert_eq!(wrong(&ordered), ["max_per_booking BELOW_MIN_PER_BOOKING"]);
    let change = json!({"price": {"amount": 1, "currency": "USD"}});
    let dollars = organizer.patch(&vip, &change).await;
    assert_eq!(wrong(&dollars), ["price OTHER_CURRENCY"]);

    let elsewhere = made(&organizer, &concert()).await;
    let foreign = format!("{elsewhere}/ticket-types/{id}");
    let patched = organizer.patch(&foreign, &json!({"price": 0})).await;
    for answer in [patched, organizer.delete(&foreign).await] {
        assert_eq!(answer.code(404), "TICKET_TYPE_NOT_FOUND");
    }
    let event = organizer.get(&path).await.data(200)["id"].clone();
    let items = json!([{"ticket_type_id": id, "quantity": 1}]);
    let booking = json!({"event_id": event, "items": items});
    server
        .anonymous()
        .post("/api/v1/bookings", &booking)
        .await
        .data(201);
    assert_eq!(organizer.delete(&vip).await.code(409), "TICKET_TYPE_IN_USE");
    // All of them are in one frame to each viewer.
    let client = server.client().await;
    let room = "insert into ticket_types (event_id, name, capacity)
                select $1, 'Type ' || i, 1 from generate_series(1, $2) i";
    let filled = client
        .execute(room, &[&event.as_i64().unwrap(), &98_i32])
        .await;
    assert_eq!(filled.unwrap(), 98);
    let spare = json!({"name": "Spare", "price": 0, "capacity": 1});
    assert_eq!(
        organizer.post(&types, &spare).await.code(409),
        "TOO_MANY_RULES"
    );
    let fewer = "delete from ticket_types where event_id = $1 and name like 'Type %'";
    client
        .execute(fewer, &[&event.as_i64().unwrap()])
        .await
        .unwrap();
    let spare = organizer.post(&types, &spare).await;
    let spare = format!("{types}/{}", spare.data(201)["id"]);
    organizer.delete(&spare).await.data(200);
    assert_eq!(
        organizer.delete(&spare).await.code(404),
        "TICKET_TYPE_NOT_FOUND"
    );
    server.audit().await;
}

#[tokio::test]
async fn notices_are_published_listed_and_withdrawn() {
    let (server, organizer) = world().await;
    let path = format!("{}/notices", made(&organizer, &concert()).await);
    let notice = json!({"type": "custom", "message": "Doors open at 6", "data": {"gate": 4},
                        "until": "2099-01-01T00:00:00Z"});
    let published = organizer.post(&path, &notice).await;
    assert_eq!(published.data(201)["data"], json!({"gate": 4}));
    assert!(published.revision() > 2);
    let listed = server.anonymous().get(&path).await;
    assert_eq!(&listed.data(200)[0], published.data(201));
    let custom = |data: Value| json!({"type": "custom", "message": "x", "data": data});
    for (body, expected) in [
        (json!({"message": "x"}), "type REQUIRED"),
        (
            json!({"type": "gossip", "message": "x"}),
            "type NOT_A_CHOICE",
        ),
        (json!({"type": "custom", "message": ""}), "message EMPTY"),
        (custom(json!(5)), "data NOT_AN_OBJECT"),
        (custom(json!({"a": "\u{0}"})), "data NUL_IN_TEXT"),
        (custom(json!({"a": "x".repeat(13_000)})), "data TOO_LONG"),
        (
            json!({"type": "custom", "message": "x", "until": "2020-01-01T00:00:00Z"}),
            "until IN_THE_PAST",
        ),
    ] {
        let answer = organizer.post(&path, &body).await;
        assert_eq!(wrong(&answer), [expected], "{body}");
    }
    let one = format!("{path}/{}", published.data(201)["id"]);
    organizer.delete(&one).await.data(200);
    assert_eq!(organizer.delete(&one).await.code(404), "NOTICE_NOT_FOUND");
    assert_eq!(server.anonymous().get(&path).await.data(200), &json!([]));
}
