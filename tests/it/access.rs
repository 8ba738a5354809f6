//! Every route and topic is asked by every kind of caller: `docs/access.md` says whom each admits, and nobody else gets in.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use seatcast::protocol::topic::Topic;
use seatcast::ticketing::UserId;
use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::support::caller::{Answer, Caller};
use crate::support::server::TestServer;
use crate::support::show::{Show, Staged, one, user};
use crate::support::websocket::{Socket, WireVersion};

const SECRET: &str = "the tests' secret, of more than 32 bytes";
const TABLE: &str = include_str!("../../docs/access.md");

/// Kinds of callers, as the table names them.
const CALLERS: [&str; 11] = [
    "anonymous",
    "buyer",
    "customer",
    "scanner",
    "box_office",
    "finance",
    "manager",
    "owner",
    "stranger",
    "admin",
    "key",
];

/// Words of the table for several kinds.
const GROUPS: [(&str, &[&str]); 4] = [
    ("all", &CALLERS),
    (
        "accounts",
        &[
            "buyer",
            "customer",
            "scanner",
            "box_office",
            "finance",
            "manager",
            "owner",
            "stranger",
            "admin",
        ],
    ),
    (
        "staff",
        &[
            "scanner",
            "box_office",
            "finance",
            "manager",
            "owner",
            "stranger",
            "admin",
            "key",
        ],
    ),
    ("managers", &["manager", "owner", "admin", "key"]),
];

/// The rows of one table of the page: what is asked for, and the kinds of callers that it admits.
pub(crate) fn table(of: &str) -> BTreeMap<String, BTreeSet<&'static str>> {
    let (_, after) = TABLE.split_once(&format!("## {of}\n")).expect(of);
    let section = after.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let mut cells = row.split('|').skip(1).map(str::trim);
        let asked = cells.next().unwrap().trim_matches('`').to_owned();
        let mut admitted = BTreeSet::new();
        for word in cells.next().unwrap().split(", ") {
            match GROUPS.iter().find(|(group, _)| *group == word) {
                Some((_, kinds)) => admitted.extend(kinds.iter().copied()),
                None => {
                    let kind = CALLERS.iter().find(|kind| **kind == word);
                    admitted.insert(*kind.unwrap_or_else(|| panic!("{asked}: who is {word}?")));
                }
            }
        }
        (asked, admitted)
    })
    .collect()
}

pub(crate) struct World {
    server: TestServer,
    pub(crate) client: Client,
    pub(crate) organizer: UserId,
    pub(crate) people: BTreeMap<&'static str, UserId>,
    key: String,
}

impl World {
    async fn new() -> World {
        World::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut seatcast::config::Config)) -> World {
        let server = TestServer::builder().with(|config| {
            config.auth.dev = false;
            config.auth.jwt_secret = Some(SECRET.to_owned());
            change(config);
        });
        let server = server.start().await;
        let client = server.client().await;
        let mut people = BTreeMap::new();
        for (kind, role) in [
            ("buyer", "customer"),
            ("customer", "customer"),
            ("scanner", "customer"),
            ("box_office", "customer"),
            ("finance", "customer"),
            ("manager", "customer"),
            ("owner", "organizer"),
            ("stranger", "organizer"),
            ("admin", "admin"),
        ] {
            people.insert(kind, user(&client, role).await);
        }
        let organizer = people["owner"];
        for kind in ["scanner", "box_office", "finance", "manager"] {
            let sql = "insert into organization_members (organization_id, user_id, role) values ($1, $2, $3)";
            let (organization, member) = (organizer.0, people[kind].0);
            client
                .execute(sql, &[&organization, &member, &kind])
                .await
                .unwrap();
        }
        let mut world = World {
            server,
            client,
            organizer,
            people,
            key: String::new(),
        };
        let all = json!({"name": "All", "scopes": ["see", "manage", "sell", "check_in", "figures", "money"]});
        world.key = world.make_key(&all).await;
        world
    }

    pub(crate) async fn make_key(&self, wish: &Value) -> String {
        let path = format!("/api/v1/organizations/{}/api-keys", self.organizer);
        let made = self.caller("owner").post(&path, wish).await;
        made.data(201)["key"].as_str().unwrap().to_owned()
    }

    /// The token of a kind of caller, as an issuer with the shared secret makes it.
    fn token(&self, kind: &str) -> Option<String> {
        let id = self.people.get(kind)?;
        let role = match kind {
            "owner" | "stranger" => "organizer",
            "admin" => "admin",
            _ => "customer",
        };
        let mut claims = json!({"sub": id.to_string(), "role": role, "exp": 4_000_000_000_u64});
        if ["scanner", "box_office", "finance", "manager"].contains(&kind) {
            claims["organizations"] = json!({self.organizer.to_string(): kind});
        }
        let key = jsonwebtoken::EncodingKey::from_secret(SECRET.as_bytes());
        let token = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key);
        Some(token.unwrap())
    }

    pub(crate) fn caller(&self, kind: &str) -> Caller {
        let caller = self.server.anonymous();
        match kind {
            "key" => caller.with_header("x-api-key", self.key.clone()),
            kind => match self.token(kind) {
                Some(token) => caller.with_header("authorization", format!("Bearer {token}")),
                None => caller,
            },
        }
    }

    /// Of a kind of caller; without its key, which no socket takes.
    async fn socket(&self, kind: &str) -> Socket {
        let token = self.token(kind).unwrap_or_default();
        let query = format!("&token={token}");
        Socket::connect_with(self.server.address(), WireVersion::V2, &query).await
    }

    /// The buyer's place on the event's waitlist.
    pub(crate) async fn waiting(&self, staged: &Staged) -> i64 {
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 2] =
            [&staged.event.0, &self.people["buyer"].0];
        let sql = "insert into waitlist (event_id, user_id, quantity) values ($1, $2, 1) on conflict do nothing";
        self.client.execute(sql, &values).await.unwrap();
        let sql = "select max(id) from waitlist where event_id = $1 and user_id = $2";
        let row = self.client.query_one(sql, &values).await.unwrap();
        row.get(0)
    }

    /// A scan that let nobody in.
    async fn checkin(&self, staged: &Staged) -> i64 {
        let sql = "
            insert into checkins (event_id, nonce, scanned_at, result, offline, shown_hash)
            values ($1, gen_random_uuid()::text, now(), 'unknown', true, sha256('')) returning id";
        let row = self.client.query_one(sql, &[&staged.event.0]).await;
        row.unwrap().get(0)
    }

    pub(crate) async fn show(&self) -> (Staged, Value) {
        let staged = Show::new()
            .ticket_type("Seat", 1_500, 1_000)
            .stage(&self.client)
            .await;
        let organizer = self.organizer.0;
        let sql = "update events set organizer_id = $1 where id = $2";
        self.client
            .execute(sql, &[&organizer, &staged.event.0])
            .await
            .unwrap();
        let body = json!({"event_id": staged.event, "quantity": 1});
        let sold = self.caller("buyer").post("/api/v1/bookings", &body).await;
        let path = format!(
            "/api/v1/bookings/{}/status",
            sold.data(201)["id"].as_str().unwrap()
        );
        let paid = json!({"status": "confirmed", "paid_by": "cash"});
        let sold = self.caller("owner").put(&path, &paid).await;
        let booked = self.caller("buyer").post("/api/v1/bookings", &body).await;
        let mut booked = booked.data(201).clone();
        // Of another booking: this one is held.
        booked["ticket"] = sold.data(200)["tickets"][0]["code"].clone();
        (staged, booked)
    }
}

/// One operation of the document, with a body that it takes.
struct Operation {
    method: Method,
    path: String,
    body: Option<Value>,
}

fn operations() -> Vec<Operation> {
    let document = seatcast::run::document();
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let content = &operation["requestBody"]["content"]["application/json"];
            let schema = content["schema"]["$ref"].as_str().unwrap_or_default();
            let schema = schema.rsplit('/').next().unwrap();
            let of_schema = &document["components"]["schemas"][schema]["example"];
            let examples = content["examples"].as_object();
            let first = examples.and_then(|all| all.values().next());
            let first = first.map_or(&Value::Null, |one| &one["value"]);
            let given = [&content["example"], first, of_schema];
            let body = given.into_iter().find(|example| !example.is_null());
            all.push(Operation {
                method: method.to_uppercase().parse().unwrap(),
                path: path.clone(),
                body: body.cloned(),
            });
        }
    }
    all
}

impl Operation {
    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    async fn asked_by(&self, world: &World, kind: &str, of: &(Staged, Value)) -> Answer {
        let (staged, booked) = of;
        let waiting = world.waiting(staged).await;
        let checkin = world.checkin(staged).await;
        let parts = self.path.split('/').map(|part| match part {
            "{event_id}" => staged.event.to_string(),
            "{ticket_type_id}" => staged.ticket_types[0].to_string(),
            "{organization_id}" => world.organizer.to_string(),
            "{user_id}" if self.path.contains("/organizations/") => {
                world.people["stranger"].to_string()
            }
            "{user_id}" => world.people["buyer"].to_string(),
            "{id}" => booked["id"].as_str().unwrap().to_owned(),
            "{code}" => booked["ticket"].as_str().unwrap().to_owned(),
            "{checkin_id}" => checkin.to_string(),
            "{file}" => format!("{}.pdf", booked["id"].as_str().unwrap()),
            "{waiting_id}" => waiting.to_string(),
            "{reference}" => booked["reference"].as_str().unwrap().to_owned(),
            "{table}" => "event_tickets".to_owned(),
            // Not the key that asks.
            "{api_key_id}" => "999999".to_owned(),
            part if part.starts_with('{') => "1".to_owned(),
            part => part.to_owned(),
        });
        let mut path = parts.collect::<Vec<_>>().join("/");
        if path.ends_with("availability") {
            path.push_str("?event_ids=1");
        }
        if path.ends_with("/mails") {
            path.push_str(&format!("?event_id={}", staged.event));
        }
        let body = self.body.as_ref().map(Value::to_string);
        let body = body.or_else(|| (self.method != Method::GET).then(|| "{}".to_owned()));
        let caller = world.caller(kind);
        caller.send(self.method.clone(), &path, body).await
    }
}

#[tokio::test]
async fn every_route_admits_whom_the_table_names_and_nobody_else() {
    let table = table("Routes");
    let world = World::new().await;
    let operations = operations();
    let served: BTreeSet<_> = operations.iter().map(Operation::name).collect();
    let named: BTreeSet<_> = table.keys().cloned().collect();
    assert_eq!(served, named, "docs/access.md has a row for each route");
    let mut faults = Vec::new();
    for operation in &operations {
        let admitted = &table[&operation.name()];
        let of = world.show().await;
        // Those that are refused come first: what others do might hide it.
        let (inside, outside): (Vec<_>, Vec<_>) =
            CALLERS.iter().partition(|kind| admitted.contains(**kind));
        for (kinds, wanted) in [(outside, false), (inside, true)] {
            for kind in kinds {
                // An endless answer says by its head alone that it was admitted.
                if wanted && operation.path.ends_with("/stream") {
                    continue;
                }
                let answer = operation.asked_by(&world, kind, &of).await;
                let is_own = ["/bookings/", "/waitlist/", "/tickets/", "/invoice/"]
                    .iter()
                    .any(|own| operation.path.contains(own));
                let hidden = answer.status == 404 && is_own;
                let refused = [401, 403].contains(&answer.status)
                    && answer.body["data"]["code"] != "BAD_CREDENTIALS"
                    && answer.body["data"]["code"] != "BAD_REFRESH_TOKEN"
                    && answer.body["data"]["code"] != "MEMBERSHIP_REQUIRED";
                let right = match wanted {
                    true => !refused && answer.status < 500 || answer.status == 501,
                    false => refused || hidden,
                };
                if !right {
                    let name = operation.name();
                    faults.push(format!("{name}, {kind}, {wanted}: {:.200}", answer.text));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Asks to join every topic of a table as every kind of caller.
async fn topics_admit(world: &World, of: &str, staged: &Staged) {
    let table = table(of);
    for (topic, admitted) in &table {
        let buyer = world.people["buyer"];
        let name = topic
            .replace("{event_id}", &staged.event.to_string())
            .replace("{user_id}", &buyer.to_string());
        // A socket takes tokens, not keys.
        for kind in CALLERS.iter().filter(|kind| **kind != "key") {
            let mut socket = world.socket(kind).await;
            let answer = socket.ask(&name, "phx_join", json!({})).await;
            let joined = answer["status"] == "ok";
            assert_eq!(joined, admitted.contains(kind), "{topic}, {kind}: {answer}");
        }
    }
    let named: BTreeSet<&str> = table
        .keys()
        .map(|topic| &topic[..topic.find('{').unwrap()])
        .collect();
    // A user's own has nothing to do with drafts.
    let joinable = Topic::prefixes().into_iter();
    let joinable = joinable.filter(|prefix| of == "Topics" || *prefix != "user:");
    assert_eq!(named, joinable.collect(), "docs/access.md has each topic");
}

#[tokio::test]
async fn every_topic_admits_whom_the_table_names_and_nobody_else() {
    let world = World::new().await;
    let (staged, _) = world.show().await;
    topics_admit(&world, "Topics", &staged).await;
}

#[tokio::test]
async fn a_drafts_topics_admit_whom_the_table_names_and_nobody_else() {
    let world = World::new().await;
    let draft = Show::new().ticket_type("Seat", 1_500, 10);
    let draft = draft
        .by(world.organizer)
        .then("update events set status = 'draft' where id = $event");
    let staged = draft.stage(&world.client).await;
    topics_admit(&world, "Topics of a draft", &staged).await;
}

#[tokio::test]
async fn every_way_to_broadcast_admits_whom_the_table_names_and_nobody_else() {
    let world = World::new().await;
    let (staged, _) = world.show().await;
    let topic = format!("event-updates:{}", staged.event);
    let payload = json!({"updateType": "custom", "data": {}});
    for (way, admitted) in table("Broadcasts") {
        for kind in CALLERS {
            let by_rest = |path: &str, body: Value| {
                let (caller, path) = (world.caller(kind), path.to_owned());
                async move { caller.post(&path, &body).await.status == 202 }
            };
            let was_sent = match &*way {
                "realtime:event-updates:{event_id}" => {
                    let mut socket = world.socket(kind).await;
                    let topic = format!("realtime:{topic}");
                    let config = json!({"config": {"broadcast": {"ack": true}}});
                    socket.ask(&topic, "phx_join", config).await;
                    let sent = json!({"type": "broadcast", "event": "update", "payload": payload});
                    socket.ask(&topic, "broadcast", sent).await["status"] == "ok"
                }
                "POST /realtime/v1/api/broadcast" => {
                    let message = json!({"topic": topic, "event": "update", "payload": payload});
                    let body = json!({"messages": [message]});
                    by_rest("/realtime/v1/api/broadcast", body).await
                }
                "POST /realtime/v1/api/broadcast/{topic}/events/{event}" => {
                    let path = format!("/realtime/v1/api/broadcast/{topic}/events/update");
                    by_rest(&path, payload.clone()).await
                }
                other => panic!("{other} is no way to broadcast"),
            };
            assert_eq!(was_sent, admitted.contains(kind), "{way}, {kind}");
        }
    }
}

/// A buyer's name and address are the account's where the booking says none; those who may not sell neither see nor find them.
#[tokio::test]
async fn buyers_are_shown_to_and_found_by_those_who_may_sell() {
    let world = World::new().await;
    let (staged, booked) = world.show().await;
    let named = "update users set name = 'Ada Lovelace', email = 'ada@example.org' where id = $1";
    let buyer = world.people["buyer"].0;
    world.client.execute(named, &[&buyer]).await.unwrap();
    let contact = json!({"name": "Grace Hopper", "email": "grace@example.org"});
    let body = json!({"event_id": staged.event, "quantity": 1, "contact": contact});
    let anonymous = world.caller("anonymous");
    let guest = anonymous.post("/api/v1/bookings", &body).await;
    let guest = guest.data(201)["reference"].clone();
    let found = async |kind: &str, query: &str| -> Vec<(String, Value)> {
        let path = format!("/api/v1/bookings/event/{}?{query}", staged.event);
        let list = world.caller(kind).get(&path).await;
        let rows = list.data(200).as_array().unwrap().clone();
        assert_eq!(
            list.header("x-total-count"),
            Some(rows.len().to_string().as_str())
        );
        let row = |row: &Value| {
            let reference = row["reference"].as_str().unwrap().to_owned();
            (reference, row["contact"]["email"].clone())
        };
        rows.iter().map(row).collect()
    };
    let guest = guest.as_str().unwrap().to_owned();
    let held = booked["reference"].as_str().unwrap().to_owned();
    for seller in ["box_office", "manager"] {
        let hopper = vec![(guest.clone(), json!("grace@example.org"))];
        assert_eq!(found(seller, "q=hopper").await, hopper);
        assert_eq!(found(seller, "q=GRACE@example").await, hopper);
        assert_eq!(
            found(seller, &format!("q={}", guest.to_lowercase())).await,
            hopper
        );
        let lovelace = found(seller, "q=lovelace").await;
        assert_eq!(lovelace.len(), 2);
        assert!(lovelace.iter().all(|(_, email)| email == "ada@example.org"));
        let held_only = found(seller, "q=ada@&status=pending").await;
        assert_eq!(held_only, [(held.clone(), json!("ada@example.org"))]);
        assert_eq!(found(seller, "q=nobody").await, []);
    }
    let of_ticket = format!("q={}", booked["ticket"].as_str().unwrap());
    assert_eq!(found("box_office", &of_ticket).await.len(), 1);
    assert_eq!(found("box_office", "q=").await.len(), 3);
    assert_eq!(found("finance", "q=hopper").await, []);
    assert_eq!(
        found("finance", &format!("q={held}")).await,
        [(held.clone(), Value::Null)]
    );
    assert_eq!(found("finance", &of_ticket).await.len(), 1);
    assert!(
        found("finance", "")
            .await
            .iter()
            .all(|(_, email)| email.is_null())
    );
    let one = format!("/api/v1/bookings/by-reference/{held}");
    let one = world.caller("box_office").get(&one).await;
    assert_eq!(one.data(200)["contact"]["name"], "Ada Lovelace");
}

/// Money is kept without names: whatever `finance` may read says nothing of people but the name on an invoice.
#[tokio::test]
async fn those_who_keep_the_money_are_shown_nobody() {
    let world = World::with(|config| {
        config.mail.smtp_url = Some("smtp://127.0.0.1:9".to_owned());
        config.mail.public_url = Some("http://127.0.0.1".to_owned());
        config.mail.mail_from = Some("tickets@example.org".to_owned());
    })
    .await;
    let (staged, _) = world.show().await;
    let body = json!({
        "event_id": staged.event, "quantity": 3,
        "contact": {"name": "Mxyz Buyer", "email": "mxyz-buyer@example.org", "phone": "+4915112345678"},
        "attendees": [{"name": "Mxyz Guest", "email": "mxyz-guest@example.org"}],
    });
    let made = world
        .caller("anonymous")
        .post("/api/v1/bookings", &body)
        .await;
    let token = made.header("x-booking-token").unwrap().to_owned();
    let made = made.data(201).clone();
    let (id, event) = (made["id"].as_str().unwrap(), staged.event);
    let guest = world
        .caller("anonymous")
        .with_header("x-booking-token", token);
    let booking = format!("/api/v1/bookings/{id}");
    let paid = json!({"status": "confirmed", "paid_by": "cash"});
    let paid = world
        .caller("box_office")
        .put(&format!("{booking}/status"), &paid)
        .await;
    let codes = paid.data(200)["tickets"].as_array().unwrap().clone();
    let ticket = |at: usize| format!("/api/v1/tickets/{}", codes[at]["code"].as_str().unwrap());
    let taker = json!({"name": "Mxyz Taker", "email": "mxyz-taker@example.org"});
    let offered = guest.post(&format!("{}/transfer", ticket(1)), &taker).await;
    offered.data(201);
    let handed = "with handed as (update tickets set generation = 2, status = 'transferred' where code = $1 returning id)
                  insert into ticket_holders (ticket_id, code, name) select id, 'TKT-MXYZ', 'Mxyz Holder' from handed";
    let code = codes[2]["code"].as_str().unwrap();
    world.client.execute(handed, &[&code]).await.unwrap();

    let paths = [
        booking.clone(),
        format!(
            "/api/v1/bookings/by-reference/{}",
            made["reference"].as_str().unwrap()
        ),
        format!("/api/v1/bookings/event/{event}"),
        format!("{booking}/refunds"),
        format!("{booking}/invoices"),
        ticket(0),
        ticket(1),
        ticket(2),
        format!("/api/v1/events/{event}/report.csv"),
        format!("/api/v1/events/{event}/changes"),
        format!("/api/v1/events/{event}/analytics"),
        format!("/api/v1/events/{event}/payout"),
        format!("/api/v1/bookings/event/{event}?q=Mxyz"),
        format!(
            "/api/v1/ledger/entries?organization_id={}",
            staged.organizer
        ),
        "/api/v1/payments".to_owned(),
        "/api/v1/jobs".to_owned(),
    ];
    let says = |text: &str| ["xyz", "5112345678"].iter().any(|part| text.contains(part));
    let finance = world.caller("finance");
    for path in &paths {
        let answer = finance.get(path).await;
        assert!(
            answer.status == 200 || path.contains("ledger"),
            "{path}: {}",
            answer.text
        );
        assert!(!says(&answer.text), "{path}: {}", answer.text);
    }
    // Those who sell, and the buyer, are told; of an address that a ticket is offered to, as much as they know it by.
    for who in [&world.caller("box_office"), &guest] {
        let whole = who.get(&booking).await;
        assert_eq!(whole.data(200)["contact"]["name"], "Mxyz Buyer");
        assert_eq!(whole.data(200)["attendees"][0]["name"], "Mxyz Guest");
        assert_eq!(
            whole.data(200)["tickets"][1]["offer"]["to"],
            "m…@example.org"
        );
        for path in [0, 2].map(ticket) {
            let shown = who.get(&path).await;
            assert!(shown.data(200)["name"].is_string(), "{path}");
        }
    }
    let shown = finance.get(&booking).await;
    let offer = &shown.data(200)["tickets"][1]["offer"];
    assert!(offer["at"].is_string() && offer["to"].is_null(), "{offer}");
}

#[tokio::test]
async fn a_key_does_what_its_scopes_say_until_it_is_revoked() {
    let world = World::new().await;
    let (staged, booked) = world.show().await;
    let key = world
        .make_key(&json!({"name": "Till", "scopes": ["see", "sell"]}))
        .await;
    let bearer = world
        .server
        .anonymous()
        .with_header("authorization", format!("Bearer {key}"));
    let bookings = format!("/api/v1/bookings/event/{}", staged.event);
    bearer.get(&bookings).await.data(200);
    let patch = json!({"title": "Other"});
    let event = format!("/api/v1/events/{}", staged.event);
    assert_eq!(bearer.patch(&event, &patch).await.code(403), "FORBIDDEN");
    let status = format!("/api/v1/bookings/{}/status", booked["id"].as_str().unwrap());
    let paid = json!({"status": "confirmed", "paid_by": "cash"});
    bearer.put(&status, &paid).await.data(200);
    let people = format!("/api/v1/organizations/{}/members", world.organizer);
    let invite = json!({"email": "ada@example.org", "role": "owner"});
    assert_eq!(bearer.post(&people, &invite).await.code(403), "FORBIDDEN");
    let unscoped = json!({"name": "All", "scopes": ["people"]});
    let keys = format!("/api/v1/organizations/{}/api-keys", world.organizer);
    world.caller("owner").post(&keys, &unscoped).await.code(422);
    let listed = world.caller("owner").get(&keys).await;
    let listed = listed.data(200).as_array().unwrap().clone();
    let till = listed.iter().find(|one| one["name"] == "Till").unwrap();
    assert!(key.starts_with(till["prefix"].as_str().unwrap()) && till.get("key").is_none());
    world
        .caller("owner")
        .delete(&format!("{keys}/{}", till["id"]))
        .await
        .data(200);
    assert_eq!(bearer.get(&bookings).await.code(401), "INVALID_TOKEN");
    let wish = json!({"name": "Ended", "scopes": ["see"], "expires_at": "2099-01-01T00:00:00Z"});
    let ended = world.make_key(&wish).await;
    let sql = "update api_keys set expires_at = now() where name = 'Ended'";
    world.client.batch_execute(sql).await.unwrap();
    let late = world.server.anonymous().with_header("x-api-key", ended);
    assert_eq!(late.get("/api/v1/events").await.code(401), "INVALID_TOKEN");
}

#[tokio::test]
async fn what_people_do_is_told_in_an_audit_trail_that_stays() {
    let world = World::new().await;
    let (staged, _) = world.show().await;
    let event = format!("/api/v1/events/{}", staged.event);
    let patch = json!({"title": "Renamed"});
    let manager = world
        .caller("manager")
        .with_header("x-request-id", "request-7");
    manager.patch(&event, &patch).await.data(200);
    let scanner = world.caller("scanner");
    assert_eq!(scanner.patch(&event, &patch).await.code(403), "FORBIDDEN");
    let trail = format!("/api/v1/organizations/{}/audit-trail", world.organizer);
    let rows = world.caller("owner").get(&trail).await.data(200).clone();
    assert_eq!(rows[0]["action"], "PATCH /events/{event_id}");
    assert_eq!(rows[0]["object"], format!("event:{}", staged.event));
    assert_eq!(rows[0]["user_id"], world.people["manager"].0);
    assert_eq!(rows[0]["request_id"], "request-7");
    assert!(rows[0]["address_hash"].is_string());
    assert_eq!(
        rows[1]["action"], "PUT /bookings/{id}/status",
        "staff sold it"
    );
    assert_eq!(
        rows[2]["action"],
        "POST /organizations/{organization_id}/api-keys"
    );
    for sql in [
        "update audit_trail set action = 'x'",
        "delete from audit_trail",
        "truncate audit_trail",
    ] {
        let refused = world.client.batch_execute(sql).await.unwrap_err();
        let refused = refused.as_db_error().unwrap();
        assert_eq!(
            refused.constraint(),
            Some("audit_trail_append_only"),
            "{sql}"
        );
    }
}

/// A role that was taken away is gone from tokens that say it.
#[tokio::test]
async fn another_role_ends_the_tokens_that_say_the_old_one() {
    let world = World::new().await;
    let generation = "select token_generation from users where id = $1";
    let scanner = world.people["scanner"];
    let before: i32 = one(&world.client, generation, &[&scanner.0]).await;
    let path = format!(
        "/api/v1/organizations/{}/members/{scanner}",
        world.organizer
    );
    let owner = world.caller("owner");
    let changed = owner.put(&path, &json!({"role": "manager"})).await;
    assert_eq!(changed.data(200)["role"], "manager");
    let after: i32 = one(&world.client, generation, &[&scanner.0]).await;
    assert!(after > before);
    owner.delete(&path).await.data(200);
    assert_eq!(owner.delete(&path).await.code(404), "MEMBER_NOT_FOUND");
    let founder = format!("/api/v1/organizations/{0}/members/{0}", world.organizer);
    assert_eq!(owner.delete(&founder).await.code(409), "FOUNDER_STAYS");
    let stranger = format!(
        "/api/v1/organizations/{}/members/{}",
        world.organizer, world.people["stranger"]
    );
    let uninvited = owner.put(&stranger, &json!({"role": "owner"})).await;
    assert_eq!(uninvited.code(404), "MEMBER_NOT_FOUND");
}

#[tokio::test]
async fn a_membership_counts_while_it_is_valid() {
    let world = World::new().await;
    let (staged, _) = world.show().await;
    let sql = "update events set membership_required = true where id = $1";
    world.client.execute(sql, &[&staged.event.0]).await.unwrap();
    let body = json!({"event_id": staged.event, "quantity": 1});
    let customer = world.caller("customer");
    let refused = customer.post("/api/v1/bookings", &body).await;
    assert_eq!(refused.code(403), "MEMBERSHIP_REQUIRED");
    let path = format!("/api/v1/users/{}/memberships", world.people["customer"]);
    let admin = world.caller("admin");
    let past = json!({"kind": "season", "valid_from": "2001-01-01T00:00:00Z", "valid_to": "2001-12-31T00:00:00Z"});
    let made = admin.post(&path, &past).await.data(201).clone();
    let refused = customer.post("/api/v1/bookings", &body).await;
    assert_eq!(refused.code(403), "MEMBERSHIP_REQUIRED");
    let longer = json!({"kind": "season", "valid_to": "2099-12-31T00:00:00Z"});
    admin
        .put(&format!("{path}/{}", made["id"]), &longer)
        .await
        .data(200);
    customer.post("/api/v1/bookings", &body).await.data(201);
    assert_eq!(
        customer
            .get(&path)
            .await
            .data(200)
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

/// Nobody learns by its number that somebody else drafts an event, or did; and what was deleted does not change any more.
#[tokio::test]
async fn drafts_of_others_do_not_exist() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let draft = "update events set status = 'draft' where id = $event";
    let show = Show::new().ticket_type("Standing", 1_500, 10).then(draft);
    let show = show.stage(&client).await;
    let stranger = server.user(user(&client, "organizer").await);
    let organizer = server.user(show.organizer);
    let event = show.event;
    let policy = (
        format!("/api/v1/events/{event}/refund-policy"),
        json!({"percent": 50}),
    );
    let terms = (
        format!("/api/v1/events/{event}/payment-terms"),
        json!({"offline_days": 7}),
    );
    let read = [
        format!("/api/v1/bookings/event/{event}"),
        format!("/api/v1/mails?event_id={event}"),
        format!("/api/v1/events/{event}/payout"),
        format!("/api/v1/events/{event}/attendees"),
        format!("/api/v1/events/{event}/vouchers"),
    ];
    for (path, body) in [&policy, &terms] {
        assert_eq!(stranger.put(path, body).await.code(404), "EVENT_NOT_FOUND");
        organizer.put(path, body).await.data(200);
    }
    for path in &read {
        assert_eq!(
            stranger.get(path).await.code(404),
            "EVENT_NOT_FOUND",
            "{path}"
        );
        organizer.get(path).await.data(200);
    }
    client
        .execute(
            "update events set status = 'active' where id = $1",
            &[&event],
        )
        .await
        .unwrap();
    for path in &read {
        assert_eq!(stranger.get(path).await.code(403), "FORBIDDEN", "{path}");
    }
    client
        .execute(
            "update events set deleted_at = now() where id = $1",
            &[&event],
        )
        .await
        .unwrap();
    for (path, body) in [&policy, &terms] {
        assert_eq!(organizer.put(path, body).await.code(404), "EVENT_NOT_FOUND");
    }
    for path in &read {
        assert_eq!(
            stranger.get(path).await.code(404),
            "EVENT_NOT_FOUND",
            "{path}"
        );
    }
}

/// A key for programs that make events once dropped what was to pay somebody back.
#[tokio::test]
async fn what_waits_for_a_person_about_money_is_for_those_who_keep_it() {
    let world = World::new().await;
    let (staged, _) = world.show().await;
    let wish = json!({"name": "Programme", "scopes": ["manage"]});
    let key = world.make_key(&wish).await;
    let by_key = world.server.anonymous();
    let by_key = by_key.with_header("x-api-key", key);
    let owner = world.caller("owner");
    for (kind, status) in [
        ("give_back", 403),
        ("event_refunds", 403),
        ("confirmation", 200),
    ] {
        let sql = "insert into jobs (kind, key, payload, state, expires_at)
                   values ($1, $1, jsonb_build_object('event_id', $2::bigint), 'needs_review', now() + interval '1 day') returning id";
        let row = world.client.query_one(sql, &[&kind, &staged.event]).await;
        let id: i64 = row.unwrap().get(0);
        for act in ["retry", "drop"] {
            let sql = "update jobs set state = 'needs_review' where id = $1";
            world.client.execute(sql, &[&id]).await.unwrap();
            let answer = by_key
                .post(&format!("/api/v1/jobs/{id}/{act}"), &json!({}))
                .await;
            assert_eq!(answer.status, status, "{kind} {act}: {}", answer.text);
        }
        if status == 403 {
            let drop = format!("/api/v1/jobs/{id}/drop");
            owner.post(&drop, &json!({})).await.data(200);
        }
    }
}
