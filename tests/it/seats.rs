//! Seat maps: drawn, fetched once per version, redrawn around what is sold. Seats: which are free, what
//! changed, and taking them off sale.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};

use crate::refunds::eventually;
use crate::support::caller::Caller;
use crate::support::http_client;
use crate::support::server::TestServer;
use crate::support::show::{Show, Staged, one, user};
use crate::support::websocket::WireVersion;
use seatcast::ticketing::SeatId;

struct Theatre {
    server: TestServer,
    organizer: Caller,
    show: Staged,
    path: String,
}

/// A show of two ticket types, without seats yet.
async fn theatre() -> Theatre {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Stalls", 3_000, 500)
        .ticket_type("Balcony", 2_000, 500)
        .stage(&client)
        .await;
    Theatre {
        organizer: server.user(show.organizer),
        path: format!("/api/v1/events/{}", show.event),
        server,
        show,
    }
}

impl Theatre {
    /// Two rows of the stalls and one of the balcony, three seats each.
    fn map(&self) -> Value {
        let row = |label: &str, y: f64| {
            let seats =
                (1..=3).map(|number| json!({"number": number.to_string(), "x": number, "y": y}));
            json!({"label": label, "seats": seats.collect::<Vec<_>>()})
        };
        let [stalls, balcony] = self.show.ticket_types[..] else {
            unreachable!()
        };
        json!({"sections": [
            {"name": "Stalls", "ticket_type_id": stalls, "rows": [row("A", 0.1), row("B", 1.5)]},
            {"name": "Balcony", "ticket_type_id": balcony, "rows": [row("A", 9.0)]},
        ]})
    }

    async fn draw(&self, map: &Value) -> u64 {
        let answer = self
            .organizer
            .put(&format!("{}/seatmap", self.path), map)
            .await;
        answer.data(200);
        answer.revision()
    }

    async fn get(&self, below: &str) -> Value {
        let answer = self
            .server
            .anonymous()
            .get(&format!("{}/{below}", self.path))
            .await;
        answer.data(200).clone()
    }

    async fn ids(&self) -> Vec<Option<i64>> {
        let ids = self.get("seatmap").await["seats"]["id"].take();
        serde_json::from_value(ids).unwrap()
    }

    /// The status of every place: 0 available, 1 held, 2 sold, 3 blocked.
    async fn statuses(&self) -> Vec<u8> {
        let places = self.ids().await.len();
        let packed = self.get("seats").await;
        let packed = STANDARD.decode(packed["seats"].as_str().unwrap()).unwrap();
        let status = |place: usize| packed[place / 4] >> (place % 4 * 2) & 3;
        (0..places).map(status).collect()
    }

    async fn patch_seats(&self, body: Value) -> crate::support::caller::Answer {
        self.organizer
            .patch(&format!("{}/seats", self.path), &body)
            .await
    }

    /// Holds seats and gives the booking's id.
    async fn hold(&self, seats: &[i64]) -> String {
        let client = self.server.client().await;
        let items: Vec<Value> = seats.iter().map(|seat| json!({"seat_id": seat})).collect();
        let buyer = self.server.user(user(&client, "customer").await);
        let body = json!({"event_id": self.show.event, "items": items});
        let made = buyer.post("/api/v1/bookings", &body).await;
        made.data(201)["id"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn a_map_is_fetched_as_columns_once_per_version() {
    let theatre = theatre().await;
    let empty = theatre.get("seatmap").await;
    assert_eq!(
        (&empty["layout"], &empty["seats"]["id"]),
        (&json!(0), &json!([]))
    );
    let revision = theatre.draw(&theatre.map()).await;
    assert!(revision > 0);
    let map = theatre.get("seatmap").await;
    let names: Vec<&Value> = map["sections"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| &s["name"])
        .collect();
    assert_eq!(names, ["Stalls", "Balcony"]);
    let seats = &map["seats"];
    let [stalls, balcony] = theatre.show.ticket_types[..] else {
        unreachable!()
    };
    assert_eq!(seats["section"], json!([0, 0, 0, 0, 0, 0, 1, 1, 1]));
    assert_eq!(
        seats["row"],
        json!(["A", "A", "A", "B", "B", "B", "A", "A", "A"])
    );
    assert_eq!(
        seats["number"],
        json!(["1", "2", "3", "1", "2", "3", "1", "2", "3"])
    );
    assert_eq!(seats["ticket_type_id"][5], stalls.0);
    assert_eq!(seats["ticket_type_id"][6], balcony.0);
    assert_eq!((&seats["x"][1], &seats["y"][0]), (&json!(2.0), &json!(0.1)));

    let layout = &map["layout"];
    let anonymous = theatre.server.anonymous();
    let path = format!("{}/seatmap", theatre.path);
    let version = anonymous.get(&format!("{path}?layout={layout}")).await;
    assert_eq!(version.data(200), &map);
    assert!(
        version
            .header("cache-control")
            .unwrap()
            .contains("immutable")
    );
    let known = anonymous.with_header("if-none-match", format!("\"{layout}\""));
    assert_eq!(known.get(&path).await.status, 304);
    let gone = theatre
        .server
        .anonymous()
        .get(&format!("{path}?layout=999"))
        .await;
    assert_eq!(gone.code(404), "LAYOUT_NOT_FOUND");
    assert_eq!(&gone.body["data"]["layout"], layout);
    let event = theatre.server.anonymous().get(&theatre.path).await;
    let event = event.data(200);
    assert_eq!(event["sections"][0]["seats"], 6);
    assert_eq!(event["ticket_types"][0]["seated"], true);
    theatre.server.audit().await;
}

#[tokio::test]
async fn speed_i_a_map_comes_as_runs_and_packed() {
    let theatre = theatre().await;
    let map = theatre.map();
    theatre.draw(&map).await;
    let (ids, layout) = (
        theatre.ids().await,
        theatre.get("seatmap").await["layout"].clone(),
    );
    let path = format!("{}/seatmap?layout={layout}&form=runs", theatre.path);
    let anonymous = || theatre.server.anonymous();
    let plain = anonymous().get(&path).await;
    let runs = plain.data(200);
    assert_eq!(runs["id"], json!([ids[0], 1, 9]));
    assert_eq!(runs["number"], json!([1, 1, 3, 1, 1, 3, 1, 1, 3]));
    let rows = json!({"section": [0, 0, 1], "label": ["A", "B", "A"], "places": [3, 3, 3]});
    assert_eq!(runs["rows"], rows);
    assert_eq!(runs["unit"], 0.0625);
    assert_eq!(plain.header("content-encoding"), None);
    let known = anonymous().with_header("if-none-match", plain.header("etag").unwrap());
    assert_eq!(known.get(&path).await.status, 304);
    let columns = path.replace("&form=runs", "&form=columns");
    assert_eq!(known.get(&columns).await.status, 200, "another form");

    // Packed for those who take it, in each language, and made once.
    for (lang, message) in [("en", &plain.body["message"]), ("th", &Value::Null)] {
        for _ in 0..2 {
            let url = format!("http://{}{path}", theatre.server.address());
            let packed = http_client()
                .get(url)
                .header("accept-encoding", "br;q=0.5, gzip")
                .header("accept-language", lang);
            let packed = packed.send().await.unwrap();
            assert_eq!(packed.headers()["content-encoding"], "gzip");
            assert_eq!(packed.headers()["content-language"], lang);
            let cache = packed.headers()["cache-control"].to_str().unwrap();
            assert!(cache.contains("immutable"), "{cache}");
            let bytes = packed.bytes().await.unwrap();
            let unpacked = flate2::read::GzDecoder::new(&bytes[..]);
            let body: Value = serde_json::from_reader(unpacked).unwrap();
            assert_eq!(&body["data"], runs);
            assert_eq!(&body["message"] == message, lang == "en");
        }
    }
    let refused = anonymous()
        .get(&format!("{}/seatmap?form=svg", theatre.path))
        .await;
    assert_eq!(refused.code(422), "VALIDATION_FAILED");

    // Another version is another body, and the old one is gone.
    let mut smaller = map.clone();
    smaller["sections"].as_array_mut().unwrap().pop();
    theatre.draw(&smaller).await;
    let gone = anonymous().get(&path).await;
    assert_eq!(gone.code(404), "LAYOUT_NOT_FOUND");
    let path = format!("{}/seatmap?form=runs", theatre.path);
    let newer = anonymous().get(&path).await;
    assert_eq!(newer.data(200)["id"], json!([ids[0], 1, 6]));
    assert_eq!(newer.header("cache-control"), Some("public, no-cache"));
    // Names of sections are part of the map.
    let client = theatre.server.client().await;
    client
        .execute("update sections set name = 'Parterre'", &[])
        .await
        .unwrap();
    let renamed = anonymous().get(&path).await;
    assert_eq!(renamed.data(200)["sections"][0]["name"], "Parterre");
}

/// A job packs a large map after it was drawn, so no reader waits for that, on any node.
#[tokio::test]
async fn speed_i_a_large_map_is_packed_before_anybody_asks() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .capacity(10_000)
        .ticket_type("Arena", 3_000, 10_000)
        .stage(&client)
        .await;
    let theatre = Theatre {
        organizer: server.user(show.organizer),
        path: format!("/api/v1/events/{}", show.event),
        server,
        show,
    };
    let arena = |rows: u32| {
        let row = |row: u32| {
            let seats = (1..=100).map(|n| json!({"number": n.to_string(), "x": n, "y": row}));
            json!({"label": row.to_string(), "seats": seats.collect::<Vec<_>>()})
        };
        let rows: Vec<Value> = (0..rows).map(row).collect();
        let section =
            json!({"name": "Arena", "ticket_type_id": theatre.show.ticket_types[0], "rows": rows});
        json!({ "sections": [section] })
    };
    let packed = |layout: &Value| {
        format!(
            "select count(*) = 2 from packed_seatmaps where event_id = {} and layout = {layout}",
            theatre.show.event
        )
    };
    let whole = |map: &Value, seats: u64| {
        let places = map["rows"]["places"].as_array().unwrap();
        let places = places.iter().map(|places| places.as_u64().unwrap());
        assert_eq!(places.sum::<u64>(), seats);
    };
    for seats in [6_000, 5_000] {
        theatre.draw(&arena(seats / 100)).await;
        // Whether or not it is packed yet.
        let first = theatre.get("seatmap?form=runs").await;
        whole(&first, seats.into());
        eventually(&client, "packed map", &packed(&first["layout"])).await;
        let fresh = TestServer::builder().beside(&theatre.server).start().await;
        for form in ["runs", "columns"] {
            let path = format!("{}/seatmap?form={form}", theatre.path);
            let stored = fresh.anonymous().get(&path).await;
            assert_eq!(
                stored.body,
                theatre.server.anonymous().get(&path).await.body
            );
        }
        // It is read from there: of what stands in the place of the columns nobody but the database knows.
        let other = "update packed_seatmaps c set packed = r.packed from packed_seatmaps r
                      where r.event_id = c.event_id and r.form = 'runs' and c.form = 'columns'";
        client.execute(other, &[]).await.unwrap();
        let fresh = TestServer::builder().beside(&theatre.server).start().await;
        let stored = fresh
            .anonymous()
            .get(&format!("{}/seatmap", theatre.path))
            .await;
        assert_eq!(stored.data(200), &first);
    }
}

/// Browsers and nodes keep a version of a map for ever. A restored backup that draws another one gives it another number.
#[tokio::test]
async fn a_map_that_a_restored_database_draws_again_has_another_address() {
    let theatre = theatre().await;
    let client = theatre.server.client().await;
    let before = theatre.server.anonymous().get(&theatre.path).await;
    let before = before.data(200)["revision"].clone();
    theatre.draw(&theatre.map()).await;
    let layout = theatre.get("seatmap").await["layout"].clone();
    let kept = format!("{}/seatmap?layout={layout}", theatre.path);
    theatre.server.anonymous().get(&kept).await.data(200);
    // No backup is restored within the second.
    let go_back = format!(
        "select pg_sleep(1);
         set xmlbinary = hex;
         begin;
         delete from seats where event_id = {0};
         delete from sections where event_id = {0};
         delete from changes where event_id = {0} and revision > {before};
         update turns set revision = {before}, layout = 0 where event_id = {0};
         commit;
         reset xmlbinary",
        theatre.show.event
    );
    client.batch_execute(&go_back).await.expect("a step back");
    let mut other = theatre.map();
    other["sections"][0]["rows"][0]["label"] = json!("Z");
    theatre.draw(&other).await;
    let map = theatre.get("seatmap").await;
    assert_eq!(map["seats"]["row"][0], "Z");
    assert_ne!(map["layout"], layout);
    let gone = theatre.server.anonymous().get(&kept).await;
    assert_eq!(gone.code(404), "LAYOUT_NOT_FOUND");
    theatre.server.audit().await;
}

/// A restored backup writes the same revisions again.
#[tokio::test]
async fn what_a_node_keeps_of_a_history_that_nobody_saw_lost_is_not_shown() {
    let theatre = theatre().await;
    let (client, event) = (theatre.server.client().await, theatre.show.event);
    theatre.draw(&theatre.map()).await;
    let ids = theatre.ids().await;
    let revision = theatre.get("seats").await["revision"].clone();
    let block = |place: usize, blocked: bool| {
        format!(
            "update seats set blocked = {blocked} where id = {};",
            ids[place].unwrap()
        )
    };
    let backup = format!("create table backup as select * from pools where event_id = {event};");
    let changed = [backup, block(1, true)];
    client.batch_execute(&changed.concat()).await.unwrap();
    assert_eq!(theatre.statuses().await[..3], [0, 3, 0]);
    let lost = theatre.get("seats").await["revision"].clone();

    let restored = [
        "set xmlbinary = hex; begin;".to_owned(),
        block(1, false),
        "update pools p set updated_at = b.updated_at from backup b where b.id = p.id;".to_owned(),
        format!(
            "delete from changes where event_id = {event} and revision > {revision};
             update turns set revision = {revision} where event_id = {event};"
        ),
        "commit; reset xmlbinary;".to_owned(),
        block(2, true),
    ];
    client.batch_execute(&restored.concat()).await.unwrap();
    assert_eq!(theatre.get("seats").await["revision"], lost);
    assert_eq!(theatre.statuses().await[..3], [0, 0, 3]);
}

#[tokio::test]
async fn seats_stay_themselves_when_the_map_is_redrawn() {
    let theatre = theatre().await;
    let mut map = theatre.map();
    theatre.draw(&map).await;
    let before = theatre.ids().await;
    theatre.hold(&[before[4].unwrap()]).await;
    // The first row goes, a seat comes before the others, and the balcony comes first.
    let rows = map["sections"][0]["rows"].as_array_mut().unwrap();
    rows.remove(0);
    let new = json!({"number": "0", "x": 0, "y": 1.5, "blocked": true});
    rows[0]["seats"].as_array_mut().unwrap().insert(0, new);
    map["sections"].as_array_mut().unwrap().swap(0, 1);
    theatre.draw(&map).await;
    let after = theatre.ids().await;
    assert_eq!(after.len(), 7);
    assert_eq!(after[..3], before[6..]);
    assert_eq!(after[4..], before[3..6]);
    assert_eq!(theatre.statuses().await, [0, 0, 0, 3, 0, 1, 0]);
    theatre.server.audit().await;
}

#[tokio::test]
async fn places_for_wheelchairs_are_named_in_the_map() {
    let theatre = theatre().await;
    let mut map = theatre.map();
    map["sections"][0]["rows"][0]["seats"][1]["kind"] = json!("wheelchair");
    map["sections"][0]["rows"][0]["seats"][2]["kind"] = json!("companion");
    let first = theatre.draw(&map).await;
    for form in ["columns", "runs"] {
        let shown = theatre.get(&format!("seatmap?form={form}")).await;
        assert_eq!(shown["wheelchair"], json!([1]), "{form}");
        assert_eq!(shown["companion"], json!([2]), "{form}");
    }
    // A map that does not say keeps them; one that says otherwise is another version.
    assert_eq!(theatre.draw(&theatre.map()).await, first);
    map["sections"][0]["rows"][0]["seats"][1]["kind"] = json!("standard");
    assert!(theatre.draw(&map).await > first);
    let shown = theatre.get("seatmap").await;
    assert_eq!(shown["wheelchair"], Value::Null);
    assert_eq!(shown["companion"], json!([2]));
    theatre.server.audit().await;
}

#[tokio::test]
async fn the_stage_is_part_of_the_map() {
    let theatre = theatre().await;
    let mut map = theatre.map();
    let stage = json!({"x": -2.5, "y": -8.0, "width": 12.0, "height": 3.0, "label": "Orchestra"});
    map["stage"] = stage.clone();
    let first = theatre.draw(&map).await;
    for form in ["columns", "runs"] {
        let shown = theatre.get(&format!("seatmap?form={form}")).await;
        assert_eq!(shown["stage"], stage, "{form}");
    }
    // A map that does not say keeps it; one that moves it, or takes it away, is another version.
    assert_eq!(theatre.draw(&theatre.map()).await, first);
    map["stage"] = json!({"x": 0, "y": -8, "width": 12, "height": 3});
    let second = theatre.draw(&map).await;
    assert!(second > first);
    assert_eq!(theatre.get("seatmap").await["stage"]["label"], "");
    map["stage"] = Value::Null;
    assert!(theatre.draw(&map).await > second);
    assert_eq!(theatre.get("seatmap").await["stage"], Value::Null);
    map["stage"] = json!({"x": 0, "y": 0, "width": 0, "height": 3, "colour": "red"});
    let path = format!("{}/seatmap", theatre.path);
    let refused = theatre.organizer.put(&path, &map).await;
    assert_eq!(refused.code(422), "VALIDATION_FAILED");
    let errors = refused.body["data"]["errors"].as_array().unwrap();
    let fields: Vec<_> = errors.iter().map(|error| &error["field"]).collect();
    assert_eq!(fields, ["stage.width", "stage.colour"]);
    theatre.server.audit().await;
}

#[tokio::test]
async fn a_map_cannot_take_away_what_somebody_has() {
    let theatre = theatre().await;
    let map = theatre.map();
    theatre.draw(&map).await;
    let ids = theatre.ids().await;
    theatre.hold(&[ids[0].unwrap()]).await;
    let client = theatre.server.client().await;
    let sold = theatre
        .show
        .try_sell(&client, 1, ids[8].map(SeatId), 1)
        .await;
    sold.unwrap();
    let refused = async |map: &Value, code: &str, seat: Option<i64>| {
        let answer = theatre
            .organizer
            .put(&format!("{}/seatmap", theatre.path), map)
            .await;
        assert_eq!(answer.code(409), code);
        assert_eq!(answer.body["data"]["seats"], json!([seat]));
    };
    let mut without_first = map.clone();
    without_first["sections"][0]["rows"][0]["seats"]
        .as_array_mut()
        .unwrap()
        .remove(0);
    refused(&without_first, "SEAT_HELD", ids[0]).await;
    let mut without_balcony = map.clone();
    without_balcony["sections"].as_array_mut().unwrap().pop();
    refused(&without_balcony, "SEAT_SOLD", ids[8]).await;
    let mut dearer = map.clone();
    dearer["sections"][1]["ticket_type_id"] = json!(theatre.show.ticket_types[0]);
    refused(&dearer, "SEAT_SOLD", ids[8]).await;
    let mut blocked = map.clone();
    blocked["sections"][0]["rows"][0]["seats"][0]["blocked"] = json!(true);
    refused(&blocked, "SEAT_HELD", ids[0]).await;
    theatre.draw(&map).await;
    assert_eq!(theatre.statuses().await, [1, 0, 0, 0, 0, 0, 0, 0, 2]);
    theatre.server.audit().await;
}

#[tokio::test]
async fn a_map_that_cannot_be_meant_is_refused_with_the_place_of_each_fault() {
    let theatre = theatre().await;
    let path = format!("{}/seatmap", theatre.path);
    let wrong = async |map: &Value| -> Vec<String> {
        let answer = theatre.organizer.put(&path, map).await;
        let errors = answer.data(422)["errors"].as_array().unwrap().clone();
        let text = |error: &Value, name: &str| error[name].as_str().unwrap().to_owned();
        errors
            .iter()
            .map(|error| format!("{} {}", text(error, "field"), text(error, "code")))
            .collect()
    };
    assert_eq!(wrong(&json!({})).await, ["sections REQUIRED"]);
    let mut map = theatre.map();
    map["sections"][0]
        .as_object_mut()
        .unwrap()
        .remove("ticket_type_id");
    assert_eq!(wrong(&map).await.len(), 6, "every seat lacks a ticket type");
    let mut map = theatre.map();
    map["sections"][1]["name"] = json!("Stalls");
    map["sections"][0]["rows"][1]["label"] = json!("A");
    map["sections"][0]["rows"][0]["seats"][2]["number"] = json!("1");
    map["sections"][0]["rows"][0]["seats"][0]["x"] = json!("left");
    assert_eq!(
        wrong(&map).await,
        [
            "sections[0].rows[0].seats[0].x NOT_A_NUMBER",
            "sections[0].rows[1].label DUPLICATE",
            "sections[1].name DUPLICATE",
        ]
    );
    let mut map = theatre.map();
    map["sections"][0]["rows"][0]["seats"][2]["number"] = json!("1");
    assert_eq!(
        wrong(&map).await,
        ["sections[0].rows[0].seats[2].number DUPLICATE"]
    );
    let mut map = theatre.map();
    map["sections"][1]["ticket_type_id"] = json!(999_999);
    let unknown = theatre.organizer.put(&path, &map).await;
    assert_eq!(unknown.code(404), "TICKET_TYPE_NOT_FOUND");
    assert_eq!(
        theatre.get("seatmap").await["layout"],
        0,
        "nothing was drawn"
    );
}

#[tokio::test]
async fn what_changed_since_a_revision_is_told_where_the_log_reaches() {
    let theatre = theatre().await;
    let drawn = theatre.draw(&theatre.map()).await;
    let ids: Vec<i64> = theatre.ids().await.into_iter().flatten().collect();
    let whole = theatre.get("seats").await;
    assert_eq!(whole["revision"].as_u64(), Some(drawn));
    assert_eq!(
        STANDARD.decode(whole["seats"].as_str().unwrap()).unwrap(),
        [0, 0, 0]
    );
    theatre.hold(&[ids[1], ids[2]]).await;
    let blocked = theatre
        .patch_seats(json!({"seat_ids": [ids[5]], "blocked": true}))
        .await;
    let since = |revision: u64| format!("seats?since={revision}");
    // Unwatched and watched events answer alike.
    for watched in [false, true] {
        if watched {
            let mut viewer = theatre.server.ws(WireVersion::V2).await;
            viewer
                .join(&format!("seats:{}", theatre.show.event), json!({}))
                .await;
        }
        let changed = theatre.get(&since(drawn)).await;
        assert_eq!(changed["changed"], json!([[1, 1], [2, 1], [5, 3]]));
        assert_eq!(changed["revision"].as_u64(), Some(blocked.revision()));
        let nothing = theatre.get(&since(blocked.revision())).await;
        assert_eq!(nothing["changed"], json!([]));
        // Another map in between, a revision of the future, a log that was pruned: everything.
        for from in [0, 1, 999] {
            let whole = theatre.get(&since(from)).await;
            assert!(whole.get("changed").is_none(), "{from}: {whole}");
            assert_eq!(theatre.statuses().await, [0, 1, 1, 0, 0, 3, 0, 0, 0]);
        }
    }
    let client = theatre.server.client().await;
    let prune = "delete from changes where event_id = $1 and revision <= $2";
    client
        .execute(
            prune,
            &[&theatre.show.event, &(blocked.revision() as i64 - 1)],
        )
        .await
        .unwrap();
    assert!(theatre.get(&since(drawn)).await.get("changed").is_none());
    let tag = format!("\"{}\"", blocked.revision());
    let known = theatre.server.anonymous().with_header("if-none-match", tag);
    assert_eq!(
        known.get(&format!("{}/seats", theatre.path)).await.status,
        304
    );
}

#[tokio::test]
async fn seats_are_taken_off_sale_unless_somebody_has_them() {
    let theatre = theatre().await;
    theatre.draw(&theatre.map()).await;
    let ids: Vec<i64> = theatre.ids().await.into_iter().flatten().collect();
    let booking = theatre.hold(&[ids[0], ids[1]]).await;
    let client = theatre.server.client().await;
    theatre
        .show
        .try_sell(&client, 0, Some(SeatId(ids[2])), 1)
        .await
        .unwrap();

    let held = theatre
        .patch_seats(json!({"seat_ids": [ids[0], ids[4]], "blocked": true}))
        .await;
    assert_eq!(held.code(409), "SEAT_HELD");
    assert_eq!(held.body["data"]["seats"], json!([ids[0]]));
    let sold = theatre
        .patch_seats(json!({"seat_ids": [ids[2]], "blocked": true, "force": true}))
        .await;
    assert_eq!(sold.code(409), "SEAT_SOLD");
    let unknown = theatre
        .patch_seats(json!({"seat_ids": [ids[4], 999_999], "blocked": true}))
        .await;
    assert_eq!(unknown.code(404), "SEAT_NOT_FOUND");
    for body in [
        json!({"seat_ids": [], "blocked": true}),
        json!({"seat_ids": [ids[4]]}),
        json!({"blocked": true}),
        json!({"seat_ids": ["x"], "blocked": true}),
        json!({"seat_ids": [ids[4]], "blocked": 1}),
    ] {
        assert_eq!(
            theatre.patch_seats(body.clone()).await.code(422),
            "VALIDATION_FAILED",
            "{body}"
        );
    }
    assert_eq!(theatre.statuses().await[..6], [1, 1, 2, 0, 0, 0]);

    // By force the whole booking goes: a buyer of two seats does not want one.
    let forced = theatre
        .patch_seats(json!({"seat_ids": [ids[0], ids[4]], "blocked": true, "force": true}))
        .await;
    forced.data(200);
    assert_eq!(theatre.statuses().await[..6], [3, 0, 2, 0, 3, 0]);
    let status = "select status || ': ' || cancel_reason from bookings where id = $1::text::uuid";
    let status: String = client.query_one(status, &[&booking]).await.unwrap().get(0);
    assert_eq!(status, "cancelled: seats withdrawn by the organizer");
    let back = theatre
        .patch_seats(json!({"seat_ids": [ids[0], ids[4]], "blocked": false}))
        .await;
    assert_eq!(back.revision(), forced.revision() + 1);
    assert_eq!(theatre.statuses().await[..6], [0, 0, 2, 0, 0, 0]);

    let balcony = theatre.show.ticket_types[1];
    let moved = theatre
        .patch_seats(json!({"seat_ids": [ids[5]], "ticket_type_id": balcony}))
        .await;
    moved.data(200);
    assert_eq!(
        theatre.get("seatmap").await["seats"]["ticket_type_id"][5],
        balcony.0
    );
    theatre.server.audit().await;
}

#[tokio::test]
async fn core_17_a_map_may_come_as_a_table() {
    let theatre = theatre().await;
    let [stalls, balcony] = theatre.show.ticket_types[..] else {
        unreachable!()
    };
    let put = async |text: &str| {
        let path = format!("{}/seatmap", theatre.path);
        let headers = [("content-type", "text/csv; charset=utf-8")];
        let body = text.as_bytes().to_vec();
        theatre
            .organizer
            .send_bytes(Method::PUT, &path, &headers, body)
            .await
    };
    let saved = put(&format!(
        "\u{feff}section,row,number,ticket_type_id,ticket_type,x,y,blocked,kind\r\n\
         \"Stalls, left\",A,1,{stalls},,1,0.1,,\r\n\
         \"Stalls, left\",A,2,,Stalls,2,0.1,TRUE,\r\n\
         Balcony,A,1,{balcony},,1,9,,wheelchair\r\n"
    ))
    .await;
    assert_eq!(saved.data(200)["seats"], 3);
    assert_eq!(theatre.statuses().await, [0, 3, 0]);
    let map = theatre.get("seatmap").await;
    assert_eq!(map["sections"][0]["name"], "Stalls, left");
    assert_eq!(map["wheelchair"], json!([2]));
    assert_eq!(
        map["seats"]["ticket_type_id"],
        json!([stalls, stalls, balcony])
    );

    for (text, field, code) in [
        ("section,row,number,x,y,colour\n", "colour", "UNKNOWN_FIELD"),
        (
            "section,row,number,x,y\nS,A,1,1,1",
            "line[2].ticket_type_id",
            "REQUIRED",
        ),
        (
            "section,row,number,ticket_type,x,y\n\nS,A,1,Pit,1,1",
            "line[3].ticket_type",
            "NOT_A_CHOICE",
        ),
        (
            &format!(
                "section,row,number,ticket_type,ticket_type_id,x,y\nS,A,1,Stalls,{balcony},1,1"
            ),
            "line[2].ticket_type",
            "DUPLICATE",
        ),
        (
            "section,row,number,ticket_type,x,y,kind\nS,A,1,Stalls,1,1,sofa",
            "line[2].kind",
            "NOT_A_CHOICE",
        ),
        (
            "section,row,number,ticket_type,x,y\nS,A,1,Stalls,left,1",
            "line[2].x",
            "NOT_A_NUMBER",
        ),
        (
            "section,row,number,ticket_type,x,y\nS,A,1,Stalls,1,1\nS,A,1,Stalls,2,1",
            "line[3].number",
            "DUPLICATE",
        ),
    ] {
        let refused = put(text).await;
        let error = &refused.data(422)["errors"][0];
        assert_eq!(
            (&error["field"], &error["code"]),
            (&json!(field), &json!(code)),
            "{text}"
        );
    }
    assert_eq!(put("section,\"row\nS,A").await.code(400), "BAD_CSV");
    assert_eq!(put("").await.code(400), "BAD_CSV");
    assert_eq!(theatre.statuses().await, [0, 3, 0], "refused as a whole");
    theatre.server.audit().await;
}

/// A caller that was served by a node which is ahead is not given the older map of one that is behind.
#[tokio::test]
async fn a_node_that_is_behind_shows_nobody_an_older_map() {
    let server = TestServer::builder().with(|config| config.feed.conflation_window_ms = 60_000);
    let server = server.start().await;
    let client = server.client().await;
    let show = Show::new().ticket_type("Stalls", 4_500, 4).row(4);
    let show = show.stage(&client).await;
    let mut viewer = server.ws(WireVersion::V2).await;
    let topic = format!("seats:{}", show.event);
    viewer.join(&topic, json!({})).await;
    let [first, others @ ..] = &show.seats[..3] else {
        panic!("four seats")
    };
    show.try_sell(&client, 0, Some(*first), 1).await.unwrap();
    // It is told at once; what follows waits for the window's end.
    viewer.next_on(&topic, "update").await;
    for seat in others {
        show.try_sell(&client, 0, Some(*seat), 1).await.unwrap();
    }
    let sql = "select revision from turns where event_id = $1";
    let newest: i64 = one(&client, sql, &[&show.event]).await;
    let path = format!("/api/v1/events/{}/seats", show.event);
    let behind = server.anonymous().get(&path).await;
    assert!(
        behind.data(200)["revision"].as_i64() < Some(newest),
        "the node is behind: {}",
        behind.text
    );
    let read = server
        .anonymous()
        .get(&format!("{path}?since={newest}"))
        .await;
    let read = read.data(200);
    assert_eq!(read["revision"].as_i64(), Some(newest));
    let seats = STANDARD.decode(read["seats"].as_str().unwrap()).unwrap();
    assert_eq!(seats, [0b0010_1010]);
}

#[tokio::test]
async fn many_held_seats_go_off_sale_together_or_not_at_all() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new().ticket_type("Stalls", 4_500, 40).row(40);
    let show = show.stage(&client).await;
    for seat in &show.seats[..30] {
        let buyer = server.user(user(&client, "customer").await);
        let body = json!({"event_id": show.event, "items": [{"seat_id": seat}]});
        buyer.post("/api/v1/bookings", &body).await.data(201);
    }
    show.try_sell(&client, 0, Some(show.seats[35]), 1)
        .await
        .unwrap();
    let organizer = server.user(show.organizer);
    let block = async |seats: &[SeatId]| {
        let body = json!({"seat_ids": seats, "blocked": true, "force": true});
        let path = format!("/api/v1/events/{}/seats", show.event);
        organizer.patch(&path, &body).await
    };
    let revision = "select revision from turns where event_id = $1";
    let before: i64 = one(&client, revision, &[&show.event]).await;
    assert_eq!(block(&show.seats).await.code(409), "SEAT_SOLD");
    let after: i64 = one(&client, revision, &[&show.event]).await;
    assert_eq!(after, before, "nothing has changed");

    // One transaction: a revision of the claims, and one of the seats.
    let blocked = block(&show.seats[..35]).await;
    blocked.data(200);
    let after: i64 = one(&client, revision, &[&show.event]).await;
    assert_eq!(after, before + 2);
    assert_eq!(blocked.revision(), after.unsigned_abs());
    let ended = "select count(*) from bookings where event_id = $1 and status = 'cancelled'";
    let ended: i64 = one(&client, ended, &[&show.event]).await;
    assert_eq!(ended, 30);
    let off_sale = "select count(*) from seats where event_id = $1 and blocked";
    let off_sale: i64 = one(&client, off_sale, &[&show.event]).await;
    assert_eq!(off_sale, 35);
    let trail = "select count(*) from audit_trail where action = 'PATCH /events/{event_id}/seats'";
    let trail: i64 = one(&client, trail, &[]).await;
    assert_eq!(trail, 1);
    server.audit().await;
}

/// One transaction ends them all, so they are bounded: with more nothing happens.
#[tokio::test]
async fn more_holds_than_one_command_ends_are_left_alone() {
    const MAX: usize = 2_000;
    let server = TestServer::start().await;
    let client = server.client().await;
    let count = i32::try_from(MAX + 1).unwrap();
    let show = Show::new()
        .capacity(count)
        .ticket_type("Stalls", 4_500, count)
        .row(count);
    let show = show.stage(&client).await;
    let ids: Vec<uuid::Uuid> = show.seats.iter().map(|_| uuid::Uuid::now_v7()).collect();
    let hold = "
        with made as (
            insert into bookings (id, reference, event_id, status, quantity, total_amount, currency, expires_at)
            select id, replace(id::text, '-', ''), $2, 'pending', 1, 4500, 'EUR', now() + interval '10 minutes' from unnest($1::uuid[]) b (id)),
        item as (
            insert into booking_items (booking_id, line, ticket_type_id, quantity, unit_amount)
            select id, 1, $3, 1, 4500 from unnest($1::uuid[]) b (id))
        insert into claims (booking_id, event_id, ticket_type_id, seat_id, quantity, state)
        select id, $2, $3, seat, 1, 'held' from unnest($1::uuid[], $4::bigint[]) b (id, seat)";
    let of = &show.ticket_types[0];
    client
        .execute(hold, &[&ids, &show.event, of, &show.seats])
        .await
        .unwrap();
    let organizer = server.user(show.organizer);
    let block = async |seats: &[SeatId]| {
        let body = json!({"seat_ids": seats, "blocked": true, "force": true});
        let path = format!("/api/v1/events/{}/seats", show.event);
        organizer.patch(&path, &body).await
    };
    let held = "select count(*) from bookings where event_id = $1 and status = 'pending'";
    let too_many = block(&show.seats).await;
    assert_eq!(too_many.data(422)["errors"][0]["code"], "TOO_MANY");
    let left: i64 = one(&client, held, &[&show.event]).await;
    assert_eq!(left, i64::from(count));
    block(&show.seats[..MAX]).await.data(200);
    let left: i64 = one(&client, held, &[&show.event]).await;
    assert_eq!(left, 1);
    server.audit().await;
}

/// A held seat is moved to another type in the same way.
#[tokio::test]
async fn a_held_seat_is_moved_to_another_type_by_force() {
    let theatre = theatre().await;
    theatre.draw(&theatre.map()).await;
    let ids: Vec<i64> = theatre.ids().await.into_iter().flatten().collect();
    let balcony = theatre.show.ticket_types[1];
    theatre.hold(&[ids[0], ids[1]]).await;
    let held = theatre
        .patch_seats(json!({"seat_ids": [ids[0]], "ticket_type_id": balcony}))
        .await;
    assert_eq!(held.code(409), "SEAT_HELD");
    let moved = theatre
        .patch_seats(json!({"seat_ids": [ids[0]], "ticket_type_id": balcony, "force": true}))
        .await;
    moved.data(200);
    assert_eq!(theatre.statuses().await[..3], [0, 0, 0]);
    let types = &theatre.get("seatmap").await["seats"]["ticket_type_id"];
    assert_eq!(types[0], balcony.0);
    assert_eq!(theatre.get("seats").await["revision"], moved.revision());
    theatre.hold(&[ids[0]]).await;
    theatre.server.audit().await;
}

/// The places of a change are of the map as it was then, whatever this node has heard of.
#[tokio::test]
async fn a_node_that_is_behind_tells_changes_of_the_map_that_they_are_of() {
    let server = TestServer::builder().with(|config| config.feed.conflation_window_ms = 60_000);
    let server = server.start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Stalls", 4_500, 4)
        .row(4)
        .ticket_type("Friends", 4_500, 2)
        .row(2)
        .then("update ticket_types set hidden = true where event_id = $event and name = 'Friends'");
    let show = show.stage(&client).await;
    let mut viewer = server.ws(WireVersion::V2).await;
    let topic = format!("seats:{}", show.event);
    viewer.join(&topic, json!({})).await;
    show.try_sell(&client, 0, Some(show.seats[0]), 1)
        .await
        .unwrap();
    // It is told at once; what follows waits for the window's end.
    viewer.next_on(&topic, "update").await;
    show.try_sell(&client, 0, Some(show.seats[1]), 1)
        .await
        .unwrap();
    let redraw = "update seats set y = y + 1 where event_id = $1";
    client.execute(redraw, &[&show.event]).await.unwrap();
    let sql = "select revision from turns where event_id = $1";
    let drawn: i64 = one(&client, sql, &[&show.event]).await;
    show.try_sell(&client, 0, Some(show.seats[2]), 1)
        .await
        .unwrap();
    let layout = "select layout from turns where event_id = $1";
    let layout: i32 = one(&client, layout, &[&show.event]).await;
    let path = format!("/api/v1/events/{}/seats", show.event);
    let behind = server.anonymous().get(&path).await;
    let behind = behind.data(200);
    assert!(behind["revision"].as_i64() < Some(drawn), "{behind}");
    assert_ne!(behind["layout"], layout);
    let changed = server
        .anonymous()
        .get(&format!("{path}?since={drawn}"))
        .await;
    let changed = changed.data(200);
    assert_eq!(changed["changed"], json!([[2, 2]]), "{changed}");
    assert_eq!(changed["layout"], layout);

    // Free seats of hidden types are read now: they are not told as places of the map that this node has.
    let organizer = server.user(show.organizer);
    let own = organizer.get(&path).await;
    let own = own.data(200);
    let is_of_one_map = own["layout"] == layout || own["revealed"] == json!([]);
    assert!(is_of_one_map, "{own}");
    let own = organizer.get(&format!("{path}?since={drawn}")).await;
    let own = own.data(200);
    assert_eq!(
        (&own["layout"], &own["revealed"]),
        (&json!(layout), &json!([4, 5])),
        "{own}"
    );
}

/// A file that broke off after its header is no order to delete every seat.
#[tokio::test]
async fn a_table_without_lines_is_no_map() {
    let theatre = theatre().await;
    theatre.draw(&theatre.map()).await;
    let path = format!("{}/seatmap", theatre.path);
    let headers = [("content-type", "text/csv")];
    for text in [
        "section,row,number,ticket_type,x,y",
        "section,row,number,ticket_type,x,y\r\n,,,,,\r\n",
    ] {
        let body = text.as_bytes().to_vec();
        let put = theatre
            .organizer
            .send_bytes(Method::PUT, &path, &headers, body)
            .await;
        assert_eq!(put.code(422), "VALIDATION_FAILED");
        assert_eq!(put.data(422)["errors"][0]["code"], "EMPTY");
    }
    assert_eq!(theatre.statuses().await.len(), 9);
}

/// A value costs a hundred times its bytes in memory: a body of too many is not read to its end.
#[tokio::test]
async fn a_body_of_too_many_values_is_refused_while_it_is_read() {
    let theatre = theatre().await;
    let of = |bytes: usize| format!("{{\"sections\": [{}0]}}", "{\"\":0},".repeat(bytes / 7));
    let seatmap = format!("{}/seatmap", theatre.path);
    let json = [("content-type", "application/json")];
    let put = async |text: String| {
        let put = (theatre.organizer).send_bytes(Method::PUT, &seatmap, &json, text.into_bytes());
        put.await
    };
    assert_eq!(put(of(15_000_000)).await.code(413), "BODY_TOO_LARGE");
    let bookings = theatre
        .server
        .anonymous()
        .send_bytes(
            Method::POST,
            "/api/v1/bookings",
            &json,
            of(1_000_000).into_bytes(),
        )
        .await;
    assert_eq!(bookings.code(413), "BODY_TOO_LARGE");
    // A hall of as many seats as may be, each with all that it may have, is none of them.
    let stalls = theatre.show.ticket_types[0];
    let seats = (0..100_000).map(|number| {
        json!({"number": number.to_string(), "x": number % 400, "y": number / 400, "ticket_type_id": stalls,
               "blocked": false, "kind": "standard"})
    });
    let seats: Vec<Value> = seats.collect();
    let large = json!({"sections": [{"name": "Stalls", "rows": [{"label": "A", "seats": seats}]}]});
    // It is read, and refused for what it says: the event has room for fewer.
    let large = put(large.to_string()).await;
    assert_ne!(large.status, 413, "{}", large.text);
}
