//! The rights of callers: by token, and by `X-User-Id` in development mode only.

use seatcast::auth::Role;
use seatcast::ticketing::UserId;
use serde_json::json;

use crate::sse::Stream;
use crate::support::caller::Caller;
use crate::support::server::TestServer;
use crate::support::show::{Show, user};
use crate::support::tokens::{SECRET, token};
use crate::support::websocket::{Socket, WireVersion};

/// A server that is not in development mode.
async fn strict() -> TestServer {
    let server = TestServer::builder().with(|config| {
        config.auth.dev = false;
        config.auth.jwt_secret = Some(SECRET.to_owned());
    });
    server.start().await
}

fn bearer(server: &TestServer, token: &str) -> Caller {
    let caller = server.anonymous();
    caller.with_header("authorization", format!("Bearer {token}"))
}

#[tokio::test]
async fn developers_have_their_page_in_development_mode_only() {
    let hold = "/dev/holds/00000000-0000-0000-0000-000000000000/expire";
    let server = strict().await;
    for path in ["/dev", "/dev/outbox"] {
        let answer = server.anonymous().get(path).await;
        assert_eq!(answer.code(404), "NOT_FOUND", "{path}");
    }
    let answer = server.anonymous().post(hold, &json!({})).await;
    assert_eq!(answer.code(404), "NOT_FOUND");
    // There is the route, and no such hold.
    let server = TestServer::start().await;
    let answer = server.anonymous().post(hold, &json!({})).await;
    assert_eq!(answer.code(404), "NOT_FOUND");
}

#[tokio::test]
async fn tokens_name_callers_and_headers_do_not() {
    let server = strict().await;
    let client = server.client().await;
    let organizer = user(&client, "organizer").await;
    let event = json!({"title": "Jazz", "venue": "Hall", "capacity": 10, "price": 0,
                       "starts_at": "2099-01-01T20:00:00Z"});
    let by_header = server.user(organizer).post("/api/v1/events", &event).await;
    assert_eq!(by_header.code(401), "UNAUTHENTICATED");
    assert!(by_header.header("www-authenticate").is_some());
    let by_token = bearer(&server, &token(organizer, Role::Organizer));
    let made = by_token.post("/api/v1/events", &event).await;
    assert_eq!(made.data(201)["organizer_id"], organizer.0);
    // A token of another scheme's header, and one that is none.
    let basic = server
        .anonymous()
        .with_header("authorization", "Basic eDp5");
    assert_eq!(basic.get("/api/v1/events").await.code(401), "INVALID_TOKEN");
    let broken = bearer(&server, "not.a.token");
    assert_eq!(
        broken.get("/api/v1/events").await.code(401),
        "INVALID_TOKEN"
    );
    let about = server.anonymous().get("/api").await;
    assert_eq!(about.body["data"]["mode"], "production");
}

#[tokio::test]
async fn an_ended_token_is_told_from_a_bad_one() {
    let server = strict().await;
    let answer = bearer(&server, &token_of_2001())
        .get("/api/v1/events")
        .await;
    assert_eq!(answer.code(401), "TOKEN_EXPIRED");
}

/// Some clients always send `token`, and others go on sending one that has ended: public topics need none.
#[tokio::test]
async fn core_28a_an_empty_or_ended_token_opens_what_needs_none() {
    let server = strict().await;
    let client = server.client().await;
    let show = Show::new().ticket_type("Floor", 0, 10).stage(&client).await;
    let public = format!("event:{}", show.event);
    let own = format!("admin:{}", show.event);
    let ended = format!("&token={}", token_of_2001());
    for query in ["&token=", "&access_token=", "&token=&apikey=", &ended] {
        let mut socket = Socket::connect_with(server.address(), WireVersion::V2, query).await;
        socket.join(&public, json!({})).await;
        let refused = socket.ask(&own, "phx_join", json!({})).await;
        assert_eq!(refused["status"], "error", "{query}: {refused}");
        let token = token(show.organizer, Role::Organizer);
        socket.join(&own, json!({"access_token": token})).await;
    }
    let path = format!("/api/v1/events/{}/stream?access_token=", show.event);
    Stream::open(&server, &path, &[])
        .await
        .next_of("snapshot")
        .await;
}

fn token_of_2001() -> String {
    let key = jsonwebtoken::EncodingKey::from_secret(SECRET.as_bytes());
    let claims = json!({"sub": "2", "role": "organizer", "exp": 1_000_000_000});
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap()
}

#[tokio::test]
async fn organizers_change_their_own_events_and_admins_all() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new().ticket_type("Seat", 0, 10).stage(&client).await;
    let path = format!("/api/v1/events/{}", show.event);
    let patch = json!({"title": "Renamed"});
    let customer = server.user(user(&client, "customer").await);
    let stranger = server.user(user(&client, "organizer").await);
    let admin = server.user(user(&client, "admin").await);
    let anonymous = server.anonymous().patch(&path, &patch).await;
    assert_eq!(anonymous.code(401), "UNAUTHENTICATED");
    for caller in [&customer, &stranger] {
        assert_eq!(caller.patch(&path, &patch).await.code(403), "FORBIDDEN");
        assert_eq!(caller.delete(&path).await.code(403), "FORBIDDEN");
    }
    server
        .user(show.organizer)
        .patch(&path, &patch)
        .await
        .data(200);
    admin.patch(&path, &patch).await.data(200);

    // An organizer makes events for herself, an admin for anybody.
    let mut event = json!({"title": "Jazz", "venue": "Hall", "capacity": 10, "price": 0,
                           "starts_at": "2099-01-01T20:00:00Z", "organizer_id": show.organizer});
    let refused = stranger.post("/api/v1/events", &event).await;
    assert_eq!(refused.code(403), "FORBIDDEN");
    let made = admin.post("/api/v1/events", &event).await;
    assert_eq!(made.data(201)["organizer_id"], show.organizer.0);
    event["organizer_id"] = json!(999_999);
    let nobody = admin.post("/api/v1/events", &event).await;
    assert_eq!(nobody.code(404), "USER_NOT_FOUND");
}

#[tokio::test]
async fn users_see_themselves_and_admins_everybody() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let (ann, bob) = (
        user(&client, "customer").await,
        user(&client, "customer").await,
    );
    let admin = server.user(user(&client, "admin").await);
    let path = |id: UserId| format!("/api/v1/users/{id}");
    server.user(ann).get(&path(ann)).await.data(200);
    assert_eq!(
        server.user(ann).get(&path(bob)).await.code(403),
        "FORBIDDEN"
    );
    assert_eq!(
        server.user(ann).get("/api/v1/users").await.code(403),
        "FORBIDDEN"
    );
    admin.get(&path(bob)).await.data(200);
    let all = admin.get("/api/v1/users?limit=2").await;
    assert_eq!(all.data(200).as_array().unwrap().len(), 2);
    assert_eq!(all.header("x-total-count"), Some("3"));
    assert!(all.next_page().unwrap().contains("cursor="));
    assert_eq!(
        admin.get(&path(UserId(999_999))).await.code(404),
        "USER_NOT_FOUND"
    );
}

#[tokio::test]
async fn anybody_may_become_a_customer_and_nobody_more() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let admin = server.user(user(&client, "admin").await);
    let mut ann = json!({"name": "Ann", "phone": "+66 81-234-5678", "email": "Ann@Example.org"});
    let made = server.anonymous().post("/api/v1/users", &ann).await;
    assert_eq!(made.data(201)["phone"], "+66812345678");
    assert_eq!(made.data(201)["email"], "ann@example.org");
    assert_eq!(made.data(201)["role"], "customer");
    let location = made.header("location").unwrap();
    admin.get(location).await.data(200);
    let again = server.anonymous().post("/api/v1/users", &ann).await;
    assert_eq!(again.status, 409);
    ann["email"] = json!("other@example.org");
    let again = server.anonymous().post("/api/v1/users", &ann).await;
    assert_eq!(again.code(409), "PHONE_TAKEN");
    for more in [json!({"role": "admin"}), json!({"member": true})] {
        let mut body = json!({"name": "Eve", "email": "eve@example.org"});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let refused = server.anonymous().post("/api/v1/users", &body).await;
        assert_eq!(refused.code(403), "FORBIDDEN");
    }
    let body = json!({"name": "Olga", "phone": "5555", "role": "organizer"});
    assert_eq!(
        admin.post("/api/v1/users", &body).await.data(201)["role"],
        "organizer"
    );
}

#[tokio::test]
async fn a_user_id_that_nobody_has_is_no_caller() {
    let server = TestServer::start().await;
    for id in ["999999", "abc", "-1", ""] {
        let caller = server.anonymous().with_header("x-user-id", id);
        let answer = caller.get("/api/v1/events").await;
        assert_eq!(answer.code(401), "INVALID_TOKEN", "{id}");
    }
}
