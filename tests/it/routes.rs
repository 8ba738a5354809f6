//! Every route: who it is for, that the document and the source agree with what is served, and what
//! comes where there is no route.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::caller::{Answer, Caller};
use crate::support::server::TestServer;
use crate::support::show::{Show, user};

/// Writes that need no account: to become a user, to buy and give back without one, and to tell what one does.
const OPEN_WRITES: [&str; 21] = [
    "POST /api/v1/push/subscriptions",
    "POST /api/v1/push/subscriptions/renew",
    "POST /api/v1/webhooks/stripe",
    "POST /api/v1/auth/register",
    "POST /api/v1/auth/login",
    "POST /api/v1/auth/refresh",
    "POST /api/v1/auth/logout",
    "POST /api/v1/auth/confirm",
    "POST /api/v1/auth/password/forgot",
    "POST /api/v1/auth/password/reset",
    "POST /api/v1/auth/link",
    "POST /api/v1/auth/link/open",
    "POST /rest/v1/user_interactions",
    "POST /api/v1/users",
    "POST /api/v1/interactions",
    "POST /api/v1/bookings",
    "POST /api/v1/bookings/quote",
    "POST /api/v1/bookings/find",
    "POST /api/v1/bookings/open",
    "POST /api/v1/email-codes",
    "POST /api/v1/transfers/{token}/accept",
];

/// One operation of the document.
struct Operation {
    method: Method,
    /// As in `/api/v1/events/{event_id}`.
    path: String,
    /// Needs a token.
    closed: bool,
    /// Needs more than an account.
    role: bool,
    statuses: Vec<String>,
}

impl Operation {
    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The path with something in the place of its parameters.
    fn address(&self) -> String {
        let parts = self.path.split('/').map(|part| match part {
            "{id}" => "01890000-0000-7000-8000-000000000000",
            "{reference}" => "BK-2345AB",
            _ if part.starts_with('{') => "1",
            _ => part,
        });
        let path = parts.collect::<Vec<_>>().join("/");
        match path.ends_with("availability") {
            true => format!("{path}?event_ids=1"),
            false => path,
        }
    }

    async fn asked_by(&self, caller: &Caller) -> Answer {
        let answer = caller
            .send(self.method.clone(), &self.address(), None)
            .await;
        let status = answer.status.to_string();
        let name = self.name();
        assert!(self.statuses.contains(&status), "{name} lists no {status}");
        answer
    }
}

fn operations() -> Vec<Operation> {
    let document = seatcast::run::document();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let description = operation["description"].as_str().unwrap_or_default();
            let statuses = operation["responses"].as_object().unwrap().keys();
            operations.push(Operation {
                method: method.to_uppercase().parse().unwrap(),
                path: path.clone(),
                closed: !open_to_all(&operation["security"]),
                role: description.contains("Role "),
                statuses: statuses.cloned().collect(),
            });
        }
    }
    assert!(operations.len() > 30);
    operations
}

/// Whether one may come without any proof.
fn open_to_all(security: &Value) -> bool {
    let ways = security
        .as_array()
        .expect("every operation says who may come");
    ways.is_empty() || ways.contains(&json!({}))
}

/// Routes that come by a token, or by an account: one that has ended is no reason against them.
const PROVED_BY_BODY: [&str; 8] = [
    "POST /api/v1/auth/confirm",
    "POST /api/v1/auth/link",
    "POST /api/v1/auth/link/open",
    "POST /api/v1/auth/login",
    "POST /api/v1/auth/password/forgot",
    "POST /api/v1/auth/password/reset",
    "POST /api/v1/auth/refresh",
    "POST /api/v1/auth/register",
];

#[tokio::test]
async fn every_route_refuses_whom_it_is_not_for() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let customer = server.user(user(&client, "customer").await);
    let forged = server
        .anonymous()
        .with_header("authorization", "Bearer forged.to.ken");
    for operation in operations() {
        let name = operation.name();
        if operation.path.starts_with("/api/v1/") {
            let answer = operation.asked_by(&forged).await;
            let is_refused = answer.body["data"]["code"] == "INVALID_TOKEN";
            assert_eq!(
                is_refused,
                !PROVED_BY_BODY.contains(&name.as_str()),
                "{name}"
            );
        }
        let answer = operation.asked_by(&server.anonymous()).await;
        if operation.closed {
            assert_eq!(answer.code(401), "UNAUTHENTICATED", "{name}");
        } else {
            // `/api` says 503 until the doorbell is connected.
            let well = answer.status < 500 || operation.path == "/api";
            assert!(well, "{name}: {}", answer.text);
        }
        if operation.role {
            let answer = operation.asked_by(&customer).await;
            assert_eq!(answer.code(403), "FORBIDDEN", "{name}");
        }
        let open = !operation.closed && operation.method != Method::GET;
        assert_eq!(open, OPEN_WRITES.contains(&name.as_str()), "{name}");
    }
}

/// The paths that stand beside the routes are what a reader goes by.
#[test]
fn the_table_of_routes_says_what_is_served() {
    let source = concat!(
        include_str!("../../src/api/mod.rs"),
        include_str!("../../src/postgrest/route.rs"),
        include_str!("../../src/sse/route.rs")
    );
    let mut told = BTreeSet::new();
    for line in source.lines().filter(|line| line.contains("routes!(")) {
        let (_, comment) = line.split_once("// ").expect("a path beside each route");
        let (method, path) = comment.split_once(' ').unwrap_or((comment, ""));
        let bases: &[&str] = match path {
            "/api" | "/healthz" | "/readyz" => &[""],
            _ if path.starts_with("/api/v1/") || path.starts_with("/rest/v1/") => &[""],
            _ if line.contains("availability::") => {
                &["/api/v1/availability", "/api/v1/event-availability"]
            }
            _ => &["/api/v1"],
        };
        told.extend(bases.iter().map(|base| format!("{method} {base}{path}")));
    }
    let served = operations().iter().map(Operation::name).collect();
    assert_eq!(told, served);
}

#[tokio::test]
async fn core_28c_where_there_is_no_route_the_answer_says_so() {
    let server = TestServer::start().await;
    let anonymous = server.anonymous();
    for path in [
        "/api/",
        "/api/nothing",
        "/api/v1",
        "/api/v1/",
        "/api/v2/events",
        "/api/v1/events/1/nothing",
    ] {
        assert_eq!(anonymous.get(path).await.code(404), "NOT_FOUND", "{path}");
    }
    // Clients take an empty 404 for a success, and pages of other sites see none without CORS.
    for path in [
        "/nothing",
        "/rest/v2/events",
        "/auth/v1/token",
        "/realtime/v1/nothing",
        "/assets/nothing.js",
        "/embed/nothing.js",
        "/events/nothing",
    ] {
        let answer = anonymous.get(path).await;
        assert_eq!(answer.code(404), "NOT_FOUND", "{path}");
        let allowed = answer.header("access-control-allow-origin");
        assert_eq!(allowed, Some("*"), "{path}");
    }
    for path in [
        "/api",
        "/healthz",
        "/api/v1/events",
        "/api/v1/availability/1",
    ] {
        let answer = anonymous.send(Method::DELETE, path, None).await;
        assert_eq!(answer.code(405), "METHOD_NOT_ALLOWED", "{path}");
    }
}

#[tokio::test]
async fn health_is_told_to_people_and_to_machines() {
    let server = TestServer::start().await;
    for path in ["/healthz", "/readyz"] {
        assert_eq!(server.anonymous().get(path).await.data(200)["alive"], true);
    }
    let heard = async {
        loop {
            let answer = server.anonymous().get("/api").await;
            if answer.status != 200 {
                assert_eq!(answer.code(503), "UNHEALTHY");
            } else if answer.body["data"]["listener"]["lag_ms"].is_i64() {
                return answer;
            }
        }
    };
    let about = tokio::time::timeout(crate::support::server::DEADLINE, heard).await;
    let about = about.expect("the listener connects").data(200).clone();
    assert_eq!(about["name"], "seatcast");
    assert_eq!(about["mode"], "development");
    assert_eq!(about["database"], true);
    assert_eq!(about["migrated"], true);
    assert_eq!(about["draining"], false);
    assert_eq!(about["listener"]["connected"], true);
}

#[tokio::test]
async fn every_answer_has_an_envelope_in_the_callers_language() {
    let server = TestServer::start().await;
    let said = async |path: &str, wish: &'static str| {
        let answer = server
            .anonymous()
            .with_header("accept-language", wish)
            .get(path)
            .await;
        assert!(answer.body["success"].is_boolean(), "{}", answer.text);
        assert!(answer.body.get("data").is_some(), "{}", answer.text);
        let language = answer.header("content-language").map(str::to_owned);
        (
            answer.body["message"].as_str().unwrap().to_owned(),
            language.unwrap(),
        )
    };
    let path = "/api/v1/events/999999";
    assert_eq!(
        said(path, "en").await,
        ("Event not found".to_owned(), "en".to_owned())
    );
    assert_eq!(
        said(path, "th-TH,en;q=0.5").await,
        ("ไม่พบงาน".to_owned(), "th".to_owned())
    );
    assert_eq!(
        said(path, "fa").await,
        ("رویداد یافت نشد".to_owned(), "fa".to_owned())
    );
    assert_eq!(
        said(path, "de").await,
        ("Event not found".to_owned(), "en".to_owned())
    );
    assert_eq!(said("/api/v1/events", "th").await.0, "ดึงรายการงานแล้ว");
    assert_eq!(said("/api/nothing", "fa").await.1, "fa");
    let bad = server.anonymous().with_header("accept-language", "th");
    let bad = bad
        .post(
            "/api/v1/users",
            &serde_json::json!({"name": 5, "phone": "12345"}),
        )
        .await;
    let errors: &Value = &bad.data(422)["errors"];
    assert_eq!(errors[0]["message"], "ต้องเป็นข้อความ");
    assert_eq!(errors[0]["code"], "NOT_TEXT");
}

#[tokio::test]
async fn requests_have_ids_and_pages_of_other_sites_may_ask() {
    let server = TestServer::start().await;
    let answer = server.anonymous().get("/api/v1/events").await;
    assert_eq!(answer.header("x-request-id").unwrap().len(), 32);
    let named = server.anonymous().with_header("x-request-id", "trace-7");
    assert_eq!(
        named.get("/api/v1/events").await.header("x-request-id"),
        Some("trace-7")
    );
    let page = server
        .anonymous()
        .with_header("origin", "https://tickets.example")
        .with_header("access-control-request-method", "PATCH")
        .with_header("access-control-request-headers", "authorization,if-match");
    let preflight = page.send(Method::OPTIONS, "/api/v1/events/1", None).await;
    assert_eq!(preflight.status, 200);
    let allowed = preflight.header("access-control-allow-headers").unwrap();
    assert!(allowed.contains("authorization") && allowed.contains("if-match"));
    assert!(
        preflight
            .header("access-control-allow-methods")
            .unwrap()
            .contains("PATCH")
    );
    let answer = page.get("/api/v1/events").await;
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    let exposed = answer.header("access-control-expose-headers").unwrap();
    for name in [
        "x-event-revision",
        "etag",
        "idempotent-replay",
        "x-booking-token",
        "x-total-count",
        "link",
        "location",
        "retry-after",
    ] {
        assert!(exposed.contains(name), "{name} in {exposed}");
    }
}

#[tokio::test]
async fn what_is_large_is_refused_or_packed() {
    let server = TestServer::builder().with(|config| config.http.body_bytes_max = 2_000);
    let server = server.start().await;
    let body = format!("{{\"name\": \"{}\"}}", "x".repeat(2_000));
    let answer = server
        .anonymous()
        .send(Method::POST, "/api/v1/users", Some(body))
        .await;
    assert_eq!(answer.code(413), "BODY_TOO_LARGE");
    let packing = server.anonymous().with_header("accept-encoding", "gzip");
    let document = packing.get("/openapi.json").await;
    assert_eq!(document.header("content-encoding"), Some("gzip"));
}

#[tokio::test]
async fn bodies_that_are_not_json_are_told_from_bad_values() {
    let server = TestServer::start().await;
    let anonymous = server.anonymous();
    let post = async |body: &str| {
        let body = Some(body.to_owned());
        anonymous.send(Method::POST, "/api/v1/users", body).await
    };
    let deep = "[".repeat(100_000);
    for body in [
        "",
        "{",
        "nope",
        "{'a': 1}",
        "{\"name\": 1e999}",
        "{\"name\": \"\\ud800\"}",
        &deep,
    ] {
        assert_eq!(post(body).await.code(400), "BAD_JSON", "{body:.40}");
    }
    for body in ["[]", "null", "5", "\"text\""] {
        assert_eq!(post(body).await.code(422), "VALIDATION_FAILED", "{body}");
    }
}

/// `{"name": "Ada", "phone": "+66 123 456"}`
const GZIPPED_USER: &str =
    "H4sIAAAAAAACA6tWykvMTVWyUlByTElU0lFQKsjIzwPztc3MFAyNjBVMTM2UagFC9wjtJwAAAA==";
/// 100,000 blanks.
const GZIPPED_BLANKS: &str = "H4sIAAAAAAACA+3BMQEAAADCoCrrn9IaHkABAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAArwYt8HnKoIYBAA==";

#[tokio::test]
async fn core_18_core_19_bodies_are_json_that_says_so_packed_or_not() {
    let server = TestServer::builder().with(|config| config.http.body_bytes_max = 2_000);
    let server = server.start().await;
    let anonymous = server.anonymous();
    let post = async |headers: &[(&str, &str)], body: &[u8]| {
        let path = "/api/v1/users";
        anonymous
            .send_bytes(Method::POST, path, headers, body.to_vec())
            .await
    };
    let unpacked = |text: &str| STANDARD.decode(text).unwrap();
    let json = ("content-type", "application/json; charset=utf-8");
    let gzip = ("content-encoding", "gzip");
    let user = br#"{"name": "Ada", "phone": "+66 123 457"}"#;

    post(&[json, gzip], &unpacked(GZIPPED_USER)).await.data(201);
    let bomb = post(&[json, gzip], &unpacked(GZIPPED_BLANKS)).await;
    assert_eq!(
        bomb.code(413),
        "BODY_TOO_LARGE",
        "the bound counts what comes out"
    );
    assert_eq!(post(&[json, gzip], user).await.code(400), "BAD_BODY");
    let brotli = post(&[json, ("content-encoding", "br")], user).await;
    assert_eq!(brotli.code(415), "UNSUPPORTED_ENCODING");

    let marked = [b"\xef\xbb\xbf".as_slice(), user].concat();
    post(&[json], &marked).await.data(201);
    for said in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
    ] {
        let answer = post(&[("content-type", said)], user).await;
        assert_eq!(answer.code(415), "NOT_JSON", "{said}");
    }
    let unsaid = post(&[], user).await;
    assert_eq!(unsaid.code(415), "NOT_JSON");
}

#[tokio::test]
async fn core_15_unknown_fields_of_any_body_are_refused_by_name() {
    let server = TestServer::start().await;
    let anonymous = server.anonymous();
    for (path, body, field) in [
        (
            "users",
            json!({"name": "Ada", "phone": "12345", "nmae": 1}),
            "nmae",
        ),
        (
            "bookings",
            json!({"event_id": 1, "quantity": 1, "email": "a@b.org"}),
            "email",
        ),
        (
            "bookings",
            json!({"event_id": 1, "items": [{"seat_id": 1, "row": "A"}]}),
            "items[0].row",
        ),
        (
            "interactions",
            json!({"interactions": [{"action": "x", "price": 1}]}),
            "interactions[0].price",
        ),
    ] {
        let refused = anonymous.post(&format!("/api/v1/{path}"), &body).await;
        assert_eq!(refused.code(422), "UNKNOWN_FIELD");
        assert_eq!(refused.data(422)["errors"][0]["field"], field);
    }
    let read = anonymous.get("/api/v1/events?utm_source=mail").await;
    read.data(200);
}

#[tokio::test]
async fn a_name_that_is_there_twice_is_refused_with_its_place() {
    let server = TestServer::start().await;
    let body = r#"{"event_id": 1, "items": [{"ticket_type_id": 1, "quantity": 1, "quantity": 2}], "event_id": 2}"#;
    for path in ["/api/v1/bookings", "/api/v1/bookings/quote"] {
        let caller = server.anonymous();
        let answer = caller.send(Method::POST, path, Some(body.to_owned())).await;
        let errors = answer.data(422)["errors"].clone();
        let places = [0, 1].map(|nth| (errors[nth]["field"].clone(), errors[nth]["code"].clone()));
        let doubled = |place: &str| (json!(place), json!("DUPLICATE"));
        assert_eq!(places, [doubled("items[0].quantity"), doubled("event_id")]);
    }
}

/// A field that means something beside another value of its neighbour is not dropped beside this one.
#[tokio::test]
async fn fields_that_do_not_go_together_are_refused_by_name() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new().ticket_type("Standing", 1_500, 10);
    let show = show.stage(&client).await;
    let organizer = server.user(show.organizer);
    let wish = json!({"event_id": show.event, "quantity": 1});
    let held = organizer.post("/api/v1/bookings", &wish).await.data(201)["id"].clone();
    let status = format!("/api/v1/bookings/{}/status", held.as_str().unwrap());
    let both = json!({"email": "a@b.org", "phone": "12345678", "password": "seatcast-demo"});
    let code = json!({"event_id": show.event, "quantity": 1, "email_code": "123456"});
    let reachable = json!({
        "event_id": show.event, "quantity": 1, "email_code": "123456", "contact": {"phone": "12345678"},
    });
    for (method, path, body, error) in [
        (
            Method::PUT,
            &*status,
            json!({"status": "cancelled", "paid_by": "cash"}),
            "paid_by UNKNOWN_FIELD",
        ),
        (
            Method::PUT,
            &status,
            json!({"status": "confirmed", "paid_by": "cash", "reason": "ill"}),
            "reason UNKNOWN_FIELD",
        ),
        (
            Method::POST,
            "/api/v1/bookings/bulk",
            json!({"action": "resend", "booking_ids": [held], "reason": "lost"}),
            "reason UNKNOWN_FIELD",
        ),
        (Method::POST, "/api/v1/auth/login", both, "phone DUPLICATE"),
        (
            Method::POST,
            "/api/v1/bookings",
            code,
            "contact.email REQUIRED",
        ),
        (
            Method::POST,
            "/api/v1/bookings/quote",
            reachable,
            "contact.email REQUIRED",
        ),
    ] {
        let refused = organizer.send(method, path, Some(body.to_string())).await;
        let errors = refused.data(422)["errors"].as_array().unwrap().clone();
        let [only] = &errors[..] else {
            panic!("{path} {body}: {errors:?}")
        };
        let said = [&only["field"], &only["code"]].map(|text| text.as_str().unwrap());
        assert_eq!(said.join(" "), error, "{path} {body}");
    }
    let still = organizer.get(status.trim_end_matches("/status")).await;
    assert_eq!(still.data(200)["status"], "pending");
}

/// A reason that an organizer gives to a pause, or another address to mail tickets to, is not dropped silently either.
#[tokio::test]
async fn core_15_routes_without_a_body_refuse_the_fields_of_one() {
    let server = TestServer::start().await;
    let admin = server.user(user(&server.client().await, "admin").await);
    let document = seatcast::run::document();
    let mut asked = 0;
    for operation in operations() {
        let method = operation.method.as_str().to_lowercase();
        let described = &document["paths"][&operation.path][&method];
        if method == "get" || !described["requestBody"].is_null() {
            continue;
        }
        let send = async |body: Value| {
            let (method, path) = (operation.method.clone(), operation.address());
            admin.send(method, &path, Some(body.to_string())).await
        };
        let name = operation.name();
        let refused = send(json!({"reason": "ill"})).await;
        assert_eq!(refused.code(422), "UNKNOWN_FIELD", "{name}");
        assert_eq!(refused.data(422)["errors"][0]["field"], "reason", "{name}");
        assert_ne!(send(json!({})).await.status, 422, "{name}");
        asked += 1;
    }
    assert!(asked > 20, "{asked}");
}
