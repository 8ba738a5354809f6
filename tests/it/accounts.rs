//! Accounts: registering and signing in tell nobody who has one; sessions, tokens and links end when they should.

use std::time::{Duration, Instant};

use seatcast::config::{Rate, Switch};
use seatcast::ticketing::{EventId, UserId};
use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::sse::Stream;
use crate::support::caller::{Answer, Caller};
use crate::support::database::wait_for_a_lock;
use crate::support::server::{DEADLINE, TestServer};
use crate::support::show::{Show, one, user};
use crate::support::smtp::Smtp;
use crate::support::websocket::{Socket, WireVersion};

const PAGES: &str = "https://tickets.example.org";
const PASSWORD: &str = "correct horse";

async fn mailing(smtp: &Smtp) -> TestServer {
    let url = smtp.url();
    let mails = TestServer::builder().with(|config| {
        config.mail.smtp_url = Some(url);
        config.mail.public_url = Some(PAGES.to_owned());
        config.mail.mail_from = Some("Box office <tickets@example.org>".to_owned());
    });
    mails.start().await
}

async fn post(server: &TestServer, path: &str, body: &Value) -> Answer {
    let path = format!("/api/v1/auth/{path}");
    server.anonymous().post(&path, body).await
}

async fn register(server: &TestServer, email: &str, password: &str) -> Answer {
    let body = json!({"name": "Ada", "email": email, "password": password});
    post(server, "register", &body).await
}

async fn login(server: &TestServer, email: &str, password: &str) -> Answer {
    let body = json!({"email": email, "password": password});
    post(server, "login", &body).await
}

/// Registers, and proves the address as its mail would.
async fn join(server: &TestServer, email: &str, password: &str) {
    register(server, email, password).await.data(202);
    let proven = "update users set email_confirmed_at = clock_timestamp() where email = lower($1)";
    let client = server.client().await;
    assert_eq!(client.execute(proven, &[&email]).await.unwrap(), 1);
}

fn bearer(server: &TestServer, tokens: &Value) -> Caller {
    let token = tokens["access_token"].as_str().unwrap();
    let caller = server.anonymous();
    caller.with_header("authorization", format!("Bearer {token}"))
}

/// The secret of the link in a mail.
fn link(mail: &Value, named: &str) -> String {
    let text = mail["text"].as_str().unwrap();
    let after = text.split(&format!("{PAGES}/account#{named}=")).nth(1);
    let secret = after.unwrap_or_else(|| panic!("no {named} in {text}"));
    secret.split_whitespace().next().unwrap().to_owned()
}

/// Waits until the mails that are due have gone out, and lets the next of the same kind go out at once.
async fn mails_done(client: &Client) {
    let waiting = async {
        while one::<bool>(
            client,
            "select exists (select from jobs where state in ('waiting', 'leased'))",
            &[],
        )
        .await
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, waiting).await.unwrap();
    client.batch_execute("delete from jobs").await.unwrap();
}

#[tokio::test]
async fn an_account_signs_in_stays_and_signs_out() {
    let server = TestServer::start().await;
    join(&server, "Ada@Example.org", PASSWORD).await;
    let wrong = login(&server, "ada@example.org", "battery staple").await;
    assert_eq!(wrong.code(401), "BAD_CREDENTIALS");
    let nobody = login(&server, "eve@example.org", PASSWORD).await;
    assert_eq!(nobody.code(401), "BAD_CREDENTIALS");
    let tokens = login(&server, "ada@EXAMPLE.org", PASSWORD).await;
    let tokens = tokens.data(200).clone();
    let me = bearer(&server, &tokens).get("/api/v1/auth/me").await;
    assert_eq!(me.data(200)["email"], "ada@example.org");
    assert_eq!(me.data(200)["email_confirmed"], true);
    assert!(me.data(200).get("password_hash").is_none());

    let body = json!({"refresh_token": tokens["refresh_token"]});
    let next = post(&server, "refresh", &body).await.data(200).clone();
    // Another tab of the same person, a moment later.
    let again = post(&server, "refresh", &body).await;
    assert_eq!(again.code(409), "REFRESHED_MEANWHILE");
    bearer(&server, &next)
        .get("/api/v1/auth/me")
        .await
        .data(200);

    // A page that slept asks with the token that has ended meanwhile.
    let slept = server
        .anonymous()
        .with_header("authorization", "Bearer of.no.use".to_owned());
    let body = json!({"refresh_token": next["refresh_token"]});
    let next = slept.post("/api/v1/auth/refresh", &body).await;
    let next = next.data(200).clone();
    let sign_in = json!({"email": "ada@example.org", "password": PASSWORD});
    let other = slept.post("/api/v1/auth/login", &sign_in).await;
    bearer(&server, other.data(200))
        .post("/api/v1/auth/logout", &json!({}))
        .await
        .data(200);
    let refused = slept.get("/api/v1/auth/me").await;
    assert_eq!(refused.code(401), "INVALID_TOKEN");

    let out = bearer(&server, &next)
        .post("/api/v1/auth/logout", &json!({}))
        .await;
    out.data(200);
    let gone = bearer(&server, &next).get("/api/v1/auth/me").await;
    assert_eq!(gone.code(401), "TOKEN_EXPIRED");
    let body = json!({"refresh_token": next["refresh_token"]});
    let refused = post(&server, "refresh", &body).await;
    assert_eq!(refused.code(401), "BAD_REFRESH_TOKEN");
}

#[tokio::test]
async fn an_admin_gives_roles_and_shuts_accounts() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let admin_id = user(&client, "admin").await;
    let admin = server.user(admin_id);
    join(&server, "ada@example.org", PASSWORD).await;
    let ada: i64 = one(
        &client,
        "select id from users where email = 'ada@example.org'",
        &[],
    )
    .await;
    let path = format!("/api/v1/users/{ada}");
    let ends = async |of: &Caller| {
        let refused = async { while of.get("/api/v1/auth/me").await.status != 401 {} };
        tokio::time::timeout(DEADLINE, refused)
            .await
            .expect("it ends");
    };
    let tokens = login(&server, "ada@example.org", PASSWORD).await;
    let customer = bearer(&server, tokens.data(200));
    assert_eq!(
        customer
            .patch(&path, &json!({"role": "admin"}))
            .await
            .code(403),
        "FORBIDDEN"
    );
    let changed = admin.patch(&path, &json!({"role": "organizer"})).await;
    assert_eq!(changed.data(200)["role"], "organizer");
    ends(&customer).await;
    let next = json!({"refresh_token": tokens.data(200)["refresh_token"]});
    let next = post(&server, "refresh", &next).await.data(200).clone();
    assert_eq!(next["user"]["role"], "organizer");

    let changed = admin.patch(&path, &json!({"active": false})).await;
    assert_eq!(changed.data(200)["active"], false);
    assert_eq!(changed.data(200)["role"], "organizer");
    ends(&bearer(&server, &next)).await;
    let again = json!({"refresh_token": next["refresh_token"]});
    let again = post(&server, "refresh", &again).await;
    assert_eq!(again.code(401), "BAD_REFRESH_TOKEN");
    let shut = login(&server, "ada@example.org", PASSWORD).await;
    assert_eq!(shut.code(401), "BAD_CREDENTIALS");
    let named = server.user(UserId(ada)).get("/api/v1/bookings/mine").await;
    assert_eq!(named.code(401), "INVALID_TOKEN");
    let opened = admin.patch(&path, &json!({"active": true})).await;
    assert_eq!(opened.data(200)["active"], true);
    login(&server, "ada@example.org", PASSWORD).await.data(200);

    let own = format!("/api/v1/users/{admin_id}");
    let own = admin.patch(&own, &json!({"active": false})).await;
    assert_eq!(own.code(409), "OWN_ACCOUNT");
    // Two who shut each other out in the same moment: the later one would leave nobody.
    let other = user(&client, "admin").await;
    client.batch_execute("begin").await.unwrap();
    let first = format!("update users set active = false where id = {admin_id}");
    client.batch_execute(&first).await.unwrap();
    let second = format!("/api/v1/users/{other}");
    let shut = json!({"active": false});
    let asked = admin.patch(&second, &shut);
    let commits = async {
        wait_for_a_lock(&server.client().await).await;
        client.batch_execute("commit").await.unwrap();
    };
    let (last, ()) = tokio::join!(asked, commits);
    assert_eq!(last.code(409), "LAST_ADMIN");
    let again = format!("update users set active = true where id = {admin_id}");
    client.batch_execute(&again).await.unwrap();
    let nobody = "/api/v1/users/999999";
    let nobody = admin.patch(nobody, &json!({"role": "admin"})).await;
    assert_eq!(nobody.code(404), "USER_NOT_FOUND");
    let trail = admin.get("/api/v1/audit-trail").await;
    let shut = trail.data(200).as_array().unwrap().iter();
    let mut shut = shut.filter(|entry| entry["object"] == format!("user:{ada}"));
    assert!(shut.any(|entry| entry["detail"]["active"] == false));
}

#[tokio::test]
async fn a_stolen_refresh_token_ends_its_session_on_every_node() {
    let server = TestServer::start().await;
    // Nodes that make each other's tokens share a secret; here each has its own, so the row is looked at.
    let client = server.client().await;
    join(&server, "ada@example.org", PASSWORD).await;
    let tokens = login(&server, "ada@example.org", PASSWORD).await;
    let tokens = tokens.data(200).clone();
    let body = json!({"refresh_token": tokens["refresh_token"]});
    let next = post(&server, "refresh", &body).await.data(200).clone();
    let earlier = "update refresh_tokens set used_at = used_at - interval '1 minute'";
    client.batch_execute(earlier).await.unwrap();
    let stolen = post(&server, "refresh", &body).await;
    assert_eq!(stolen.code(401), "BAD_REFRESH_TOKEN");
    let ended: bool = one(
        &client,
        "select ended_at is not null and end_reason = 'reused' from sessions",
        &[],
    )
    .await;
    assert!(
        ended,
        "the end is committed although the answer is an error"
    );
    let body = json!({"refresh_token": next["refresh_token"]});
    let after = post(&server, "refresh", &body).await;
    assert_eq!(after.code(401), "BAD_REFRESH_TOKEN");
    let me = bearer(&server, &next).get("/api/v1/auth/me").await;
    assert_eq!(me.code(401), "TOKEN_EXPIRED");
}

/// Races of eight clients: each token has one successor.
#[tokio::test]
async fn a_refresh_token_has_one_successor() {
    let server = TestServer::start().await;
    join(&server, "ada@example.org", PASSWORD).await;
    let tokens = login(&server, "ada@example.org", PASSWORD).await;
    let mut token = tokens.data(200)["refresh_token"].clone();
    for _ in 0..20 {
        let body = json!({"refresh_token": token});
        let racing = (0..8).map(|_| post(&server, "refresh", &body));
        let answers = futures_util::future::join_all(racing).await;
        let next: Vec<_> = answers.iter().filter(|one| one.status == 200).collect();
        assert_eq!(next.len(), 1);
        assert!(answers.iter().all(|one| [200, 409].contains(&one.status)));
        token = next[0].data(200)["refresh_token"].clone();
    }
}

#[tokio::test]
async fn signing_out_everywhere_closes_what_tokens_opened() {
    let server = TestServer::start().await;
    join(&server, "ada@example.org", PASSWORD).await;
    let tokens = login(&server, "ada@example.org", PASSWORD).await;
    let tokens = tokens.data(200).clone();
    let other = login(&server, "ada@example.org", PASSWORD).await;
    let other = other.data(200).clone();
    let topic = format!("user:{}", tokens["user"]["id"]);
    let query = format!("&token={}", tokens["access_token"].as_str().unwrap());
    let mut socket = Socket::connect_with(server.address(), WireVersion::V2, &query).await;
    socket.join(&topic, json!({})).await;
    let everywhere = json!({"everywhere": true});
    let leaving = bearer(&server, &other);
    let out = leaving.post("/api/v1/auth/logout", &everywhere).await;
    out.data(200);
    let closed = tokio::time::timeout(DEADLINE, socket.closed()).await;
    assert_eq!(closed.unwrap(), Some(4001));
    for tokens in [&tokens, &other] {
        let me = bearer(&server, tokens).get("/api/v1/auth/me").await;
        assert_eq!(me.code(401), "TOKEN_EXPIRED");
    }
    // Another node sees it within a second; that it is not refused for another reason shows first.
    login(&server, "ada@example.org", PASSWORD).await.data(200);
}

/// A renewal and the end may cross: each token of the session ends it, whatever came of it meanwhile.
#[tokio::test]
async fn any_refresh_token_of_a_session_ends_it() {
    let server = TestServer::start().await;
    join(&server, "ada@example.org", PASSWORD).await;
    for everywhere in [false, true] {
        let first = login(&server, "ada@example.org", PASSWORD).await;
        let first = first.data(200)["refresh_token"].clone();
        let other = login(&server, "ada@example.org", PASSWORD).await;
        let other = other.data(200).clone();
        let body = json!({ "refresh_token": first });
        let next = post(&server, "refresh", &body).await.data(200).clone();
        let body = json!({"refresh_token": first, "everywhere": everywhere});
        post(&server, "logout", &body).await.data(200);
        let me = bearer(&server, &next).get("/api/v1/auth/me").await;
        assert_eq!(me.code(401), "TOKEN_EXPIRED");
        let body = json!({"refresh_token": next["refresh_token"]});
        let refused = post(&server, "refresh", &body).await;
        assert_eq!(refused.code(401), "BAD_REFRESH_TOKEN");
        let me = bearer(&server, &other).get("/api/v1/auth/me").await;
        assert_eq!(me.status, if everywhere { 401 } else { 200 });
    }
    let unknown = json!({"refresh_token": "of nobody"});
    post(&server, "logout", &unknown).await.data(200);
    let nobody = post(&server, "logout", &json!({})).await;
    assert_eq!(nobody.code(401), "UNAUTHENTICATED");
}

/// A sign-in that is under way while its owner signs out everywhere is one of those sessions.
#[tokio::test]
async fn signing_out_everywhere_waits_for_a_sign_in() {
    let server = TestServer::start().await;
    join(&server, "ada@example.org", PASSWORD).await;
    let tokens = login(&server, "ada@example.org", PASSWORD).await;
    let tokens = tokens.data(200).clone();
    let user = UserId(tokens["user"]["id"].as_i64().unwrap());
    let client = server.client().await;
    // As a sign-in does, which has not committed yet.
    let open = format!(
        "begin; select from users where id = {user} for no key update;
         insert into sessions (user_id, expires_at) values ({user}, now() + interval '1 day')"
    );
    client.batch_execute(&open).await.unwrap();
    let leaving = bearer(&server, &tokens);
    let body = json!({"everywhere": true});
    let leaving = leaving.post("/api/v1/auth/logout", &body);
    let (out, ()) = tokio::join!(leaving, async {
        wait_for_a_lock(&server.client().await).await;
        client.batch_execute("commit").await.unwrap();
    });
    out.data(200);
    let open = "select count(*) from sessions where user_id = $1 and ended_at is null";
    let open: i64 = one(&client, open, &[&user]).await;
    assert_eq!(open, 0);
}

/// A stream of a draft once went on until the token ended by itself, a quarter of an hour later.
#[tokio::test]
async fn what_somebody_follows_ends_with_the_work_for_an_organization() {
    let server = TestServer::start().await;
    join(&server, "ada@example.org", PASSWORD).await;
    let client = server.client().await;
    let show = Show::new().ticket_type("Stalls", 4_500, 10);
    let show = show.stage(&client).await;
    let sql = "insert into organization_members (organization_id, user_id, role)
               select $1, id, 'manager' from users where email = 'ada@example.org' returning user_id";
    let ada: UserId = one(&client, sql, &[&show.organizer]).await;
    let sql = format!(
        "update events set status = 'draft' where id = {}",
        show.event
    );
    client.batch_execute(&sql).await.unwrap();
    let tokens = login(&server, "ada@example.org", PASSWORD).await;
    let tokens = tokens.data(200).clone();
    let token = tokens["access_token"].as_str().unwrap();
    let path = format!("/api/v1/events/{}/stream", show.event);
    let authorization = format!("Bearer {token}");
    let mut stream = Stream::open(&server, &path, &[("authorization", &authorization)]).await;
    stream.next_of("snapshot").await;
    let query = format!("&token={token}");
    let mut socket = Socket::connect_with(server.address(), WireVersion::V2, &query).await;
    let topic = format!("admin:{}", show.event);
    socket.join(&topic, json!({})).await;

    let removed = format!("/api/v1/organizations/{}/members/{ada}", show.organizer);
    let owner = server.user(show.organizer);
    owner.delete(&removed).await.data(200);
    let closed = tokio::time::timeout(DEADLINE, socket.closed()).await;
    assert_eq!(closed.unwrap(), Some(4001));
    let over = async { while stream.next().await.is_some() {} };
    tokio::time::timeout(DEADLINE, over).await.expect("it ends");
}

#[tokio::test]
async fn registering_and_forgetting_tell_nobody_who_has_an_account() {
    let mut smtp = Smtp::start().await;
    let server = mailing(&smtp).await;
    let client = server.client().await;
    let first = register(&server, "ada@example.org", PASSWORD).await;
    let confirm = link(&smtp.mail().await, "confirm");
    mails_done(&client).await;
    // The same answers as for an address that has another's account: see below.
    let unproven = login(&server, "ada@example.org", PASSWORD).await;
    assert_eq!(unproven.code(401), "BAD_CREDENTIALS");
    let body = json!({"token": confirm, "password": PASSWORD});
    post(&server, "confirm", &body).await.data(200);
    let twice = post(&server, "confirm", &body).await;
    assert_eq!(twice.code(410), "LINK_EXPIRED");
    let again = register(&server, "ada@example.org", "another password").await;
    assert_eq!((first.status, &first.body), (again.status, &again.body));
    let mail = smtp.mail().await;
    assert!(
        mail["subject"]
            .as_str()
            .unwrap()
            .contains("account already"),
        "{mail}"
    );
    mails_done(&client).await;
    login(&server, "ada@example.org", PASSWORD).await.data(200);
    let other = login(&server, "ada@example.org", "another password").await;
    assert_eq!((other.status, other.body), (unproven.status, unproven.body));

    let (ada, eve) = (
        json!({"email": "ada@example.org"}),
        json!({"email": "eve@example.org"}),
    );
    let known = post(&server, "password/forgot", &ada).await;
    let unknown = post(&server, "password/forgot", &eve).await;
    assert_eq!((known.status, &known.body), (unknown.status, &unknown.body));
    known.data(202);
    let reset = link(&smtp.mail().await, "reset");
    // A link is good for its purpose only, and once.
    let body = json!({"token": reset, "password": PASSWORD});
    let wrong = post(&server, "confirm", &body).await;
    assert_eq!(wrong.code(410), "LINK_EXPIRED");
    let before = login(&server, "ada@example.org", PASSWORD)
        .await
        .data(200)
        .clone();
    let body = json!({"token": reset, "password": "battery staple"});
    post(&server, "password/reset", &body).await.data(200);
    let twice = post(&server, "password/reset", &body).await;
    assert_eq!(twice.code(410), "LINK_EXPIRED");
    let ended = bearer(&server, &before).get("/api/v1/auth/me").await;
    assert_eq!(ended.code(401), "TOKEN_EXPIRED");
    assert_eq!(
        login(&server, "ada@example.org", PASSWORD).await.status,
        401
    );
    let now = login(&server, "ada@example.org", "battery staple").await;
    assert_eq!(now.data(200)["user"]["email_confirmed"], true);
}

#[tokio::test]
async fn a_guests_bookings_join_the_account_that_proves_the_address() {
    let mut smtp = Smtp::start().await;
    let server = mailing(&smtp).await;
    let client = server.client().await;
    let show = Show::new().ticket_type("Free", 0, 10).stage(&client).await;
    let body =
        json!({"event_id": show.event, "quantity": 2, "contact": {"email": "ada@example.org"}});
    let booked = server.anonymous().post("/api/v1/bookings", &body).await;
    let booked = booked.data(201).clone();
    assert_eq!(booked["status"], "confirmed");
    // Staff sold to that address as well.
    let staff = server.user(show.organizer);
    let sold = staff.post("/api/v1/bookings", &body).await;
    let sold = sold.data(201).clone();
    assert_eq!(sold["kind"], "staff");
    register(&server, "ada@example.org", PASSWORD)
        .await
        .data(202);
    // The tickets come by mail as well.
    let mut mail = smtp.mail().await;
    while !mail["text"].as_str().unwrap().contains("#confirm=") {
        mail = smtp.mail().await;
    }
    let confirm = link(&mail, "confirm");
    let body = json!({"token": confirm, "password": PASSWORD});
    post(&server, "confirm", &body).await.data(200);
    let tokens = login(&server, "ada@example.org", PASSWORD).await;
    let ada = bearer(&server, tokens.data(200));
    let mine = ada.get("/api/v1/bookings/mine").await;
    let mine = mine.data(200);
    assert_eq!(mine[0]["id"], sold["id"]);
    assert!(mine[0]["kind"].is_null(), "it is a buyer's own: {mine}");
    assert_eq!(mine[1]["id"], booked["id"]);
    assert_eq!(mine.as_array().unwrap().len(), 2);
    let of_staff = staff.get("/api/v1/bookings/mine").await;
    assert_eq!(*of_staff.data(200), json!([]));
    let version: i64 = one(&client, "select min(version) from bookings", &[]).await;
    assert!(
        version > booked["version"].as_i64().unwrap(),
        "viewers are told"
    );
    server.audit().await;
}

/// Less than a lock is waited for otherwise.
const SOON: Duration = Duration::from_secs(4);

#[tokio::test]
async fn a_sign_in_does_not_wait_for_an_event_whose_turn_somebody_holds() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let free_show = async || Show::new().ticket_type("Free", 0, 10).stage(&client).await;
    let (held, free) = (free_show().await, free_show().await);
    join(&server, "ada@example.org", PASSWORD).await;
    for show in [&held, &free] {
        let contact = json!({"email": "ada@example.org"});
        let body = json!({"event_id": show.event, "quantity": 1, "contact": contact});
        let booked = server.anonymous().post("/api/v1/bookings", &body).await;
        booked.data(201);
    }
    let mut somebody = server.client().await;
    let turn = somebody.transaction().await.unwrap();
    let take = "select take_turn($1)";
    turn.execute(take, &[&held.event]).await.unwrap();
    let start = Instant::now();
    let tokens = login(&server, "ada@example.org", PASSWORD).await;
    let tokens = tokens.data(200).clone();
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    let theirs = "select coalesce(array_agg(event_id order by event_id), '{}') from bookings where user_id is not null";
    let joined: Vec<EventId> = one(&client, theirs, &[]).await;
    assert_eq!(joined, [free.event]);
    turn.commit().await.unwrap();
    let body = json!({"refresh_token": tokens["refresh_token"]});
    post(&server, "refresh", &body).await.data(200);
    let joined: Vec<EventId> = one(&client, theirs, &[]).await;
    assert_eq!(joined, [held.event, free.event]);
    server.audit().await;
}

/// Eve registers with Ada's address and a number of her own, and somehow has a session. Whichever way Ada proves the address,
/// nothing of Eve's is left.
#[tokio::test]
async fn a_registration_of_an_unproven_address_ends_when_its_owner_proves_it() {
    let mut smtp = Smtp::start().await;
    let server = mailing(&smtp).await;
    let client = server.client().await;
    for way in ["confirm", "reset", "sign-in"] {
        client.batch_execute("delete from users").await.unwrap();
        let eve = json!({"name": "Eve", "email": "ada@example.org", "phone": "+4912345678", "password": "eves password"});
        post(&server, "register", &eve).await.data(202);
        smtp.mail().await;
        mails_done(&client).await;
        let by = json!({"phone": "+4912345678", "password": "eves password"});
        assert_eq!(
            post(&server, "login", &by).await.code(401),
            "BAD_CREDENTIALS"
        );
        // No way leads to a session of an unproven account; should one, it ends.
        let set = "update users set email_confirmed_at = case when $1 then clock_timestamp() end";
        client.execute(set, &[&true]).await.unwrap();
        let session = post(&server, "login", &by).await.data(200).clone();
        client.execute(set, &[&false]).await.unwrap();
        match way {
            "reset" => {
                post(
                    &server,
                    "password/forgot",
                    &json!({"email": "ada@example.org"}),
                )
                .await
            }
            "sign-in" => post(&server, "link", &json!({"email": "ada@example.org"})).await,
            _ => post(&server, "register", &eve).await,
        }
        .data(202);
        let mail = smtp.mail().await;
        mails_done(&client).await;
        let body = json!({"token": link(&mail, way), "password": PASSWORD});
        let sign_in = json!({"token": body["token"]});
        match way {
            "confirm" => post(&server, "confirm", &body).await,
            "reset" => post(&server, "password/reset", &body).await,
            _ => post(&server, "link/open", &sign_in).await,
        }
        .data(200);
        // At once, and not when the list of ends is read again.
        let out = bearer(&server, &session).get("/api/v1/auth/me").await;
        assert_eq!(out.code(401), "TOKEN_EXPIRED", "{way}");
        let body = json!({"refresh_token": session["refresh_token"]});
        assert_eq!(
            post(&server, "refresh", &body).await.code(401),
            "BAD_REFRESH_TOKEN"
        );
        for login in [
            by,
            json!({"email": "ada@example.org", "password": "eves password"}),
        ] {
            assert_eq!(
                post(&server, "login", &login).await.code(401),
                "BAD_CREDENTIALS"
            );
        }
        let left: Option<String> = one(&client, "select phone from users", &[]).await;
        assert_eq!(left, None, "{way}");
        let links: i64 = one(&client, "select count(*) from account_links", &[]).await;
        assert_eq!(links, 0, "{way}");
        if way != "sign-in" {
            login(&server, "ada@example.org", PASSWORD).await.data(200);
        }
    }
}

/// Eve was first. Ada registers as usual, and the account is as she wants it.
#[tokio::test]
async fn an_address_that_somebody_else_registered_can_still_be_registered() {
    let mut smtp = Smtp::start().await;
    let server = mailing(&smtp).await;
    let client = server.client().await;
    let eve = json!({"name": "Eve", "email": "ada@example.org", "phone": "+4912345678", "password": "eves password"});
    let first = post(&server, "register", &eve).await;
    smtp.mail().await;
    mails_done(&client).await;
    let ada = json!({"name": "Ada", "email": "ada@example.org", "phone": "+4987654321", "password": PASSWORD});
    let second = post(&server, "register", &ada).await;
    assert_eq!((first.status, first.body), (second.status, second.body));
    let body = json!({"token": link(&smtp.mail().await, "confirm"), "password": PASSWORD});
    post(&server, "confirm", &body).await.data(200);
    let by = json!({"phone": "+4987654321", "password": PASSWORD});
    let tokens = post(&server, "login", &by).await.data(200).clone();
    assert_eq!(tokens["user"]["name"], "Ada");
    mails_done(&client).await;
    // A proven account is changed by nobody's registration.
    post(&server, "register", &eve).await.data(202);
    let subject = smtp.mail().await["subject"].clone();
    assert!(
        subject.as_str().unwrap().contains("account already"),
        "{subject}"
    );
    let me = bearer(&server, &tokens).get("/api/v1/auth/me").await;
    assert_eq!(
        (&me.data(200)["name"], &me.data(200)["phone"]),
        (&json!("Ada"), &json!("+4987654321"))
    );
}

/// None comes back while a test runs, however long passwords take.
const GUESSES: Rate = Rate {
    per_minute: 0,
    burst: 3,
};

/// Each from a network that has guessed nothing yet.
#[tokio::test]
async fn guesses_of_many_networks_at_one_account_are_slowed() {
    let server = TestServer::builder().with(|config| {
        config.limits.limits = Switch::On;
        config.limits.sign_ins = GUESSES;
        config.http.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    });
    let server = server.start().await;
    join(&server, "ada@example.org", PASSWORD).await;
    let networks = std::cell::Cell::new(0);
    let guess = async |email: &str, password: &str| {
        networks.set(networks.get() + 1);
        let network = format!("203.0.{}.7", networks.get());
        let caller = server.anonymous().with_header("x-forwarded-for", network);
        let body = json!({"email": email, "password": password});
        caller.post("/api/v1/auth/login", &body).await
    };
    for email in ["ada@example.org", "nobody@example.org"] {
        for _ in 0..GUESSES.burst {
            assert_eq!(guess(email, "guess").await.code(401), "BAD_CREDENTIALS");
        }
        let refused = guess(email, PASSWORD).await;
        assert_eq!(refused.code(429), "RATE_LIMITED", "{email}");
        // However its letters are written.
        let refused = guess(&email.to_uppercase(), PASSWORD).await;
        assert_eq!(refused.code(429), "RATE_LIMITED", "{email}");
    }
    let other = guess("eve@example.org", "guess").await;
    assert_eq!(other.code(401), "BAD_CREDENTIALS");
}

#[tokio::test]
async fn guessing_is_slowed_by_account_whether_or_not_there_is_one() {
    let server = TestServer::builder().with(|config| {
        config.limits.limits = Switch::On;
        config.limits.sign_ins = GUESSES;
    });
    let server = server.start().await;
    join(&server, "ada@example.org", PASSWORD).await;
    for _ in 0..3 {
        assert_eq!(login(&server, "ada@example.org", "guess").await.status, 401);
    }
    let refused = login(&server, "ada@example.org", PASSWORD).await;
    assert_eq!(refused.code(429), "RATE_LIMITED");
    let refused = login(&server, "eve@example.org", PASSWORD).await;
    assert_eq!(
        refused.code(429),
        "RATE_LIMITED",
        "the address counts as well"
    );
}

#[tokio::test]
async fn without_mail_what_needs_it_says_so() {
    let server = TestServer::builder().with(|config| {
        config.auth.dev = false;
        config.auth.jwt_secret = Some("the tests' secret, of more than 32 bytes".to_owned());
    });
    let server = server.start().await;
    let refused = register(&server, "ada@example.org", PASSWORD).await;
    assert_eq!(refused.code(501), "NO_MAIL");
    // A number proves nothing, and needs no mail.
    let body = json!({"name": "Ada", "phone": "+4912345678", "password": PASSWORD});
    let registered = post(&server, "register", &body).await;
    registered.data(202);
    let said = registered.body["message"].as_str().unwrap();
    assert!(!said.contains("mail"), "{said}");
    for phone in ["+4912345678", "0049 123 456 78", "+49 (0)123-45678"] {
        let body = json!({"phone": phone, "password": PASSWORD});
        post(&server, "login", &body).await.data(200);
    }
    for path in ["link", "password/forgot"] {
        let refused = post(&server, path, &json!({"email": "ada@example.org"})).await;
        assert_eq!(refused.code(501), "NO_MAIL");
    }
}

/// A link may be passed on; the right that it gives may not.
#[tokio::test]
async fn an_invitation_is_for_the_account_that_has_proven_its_address() {
    let mut smtp = Smtp::start().await;
    let server = mailing(&smtp).await;
    let client = server.client().await;
    let owner = user(&client, "organizer").await;
    let members = format!("/api/v1/organizations/{owner}/members");
    let body = json!({"email": "ada@example.org", "role": "manager"});
    server.user(owner).post(&members, &body).await.data(202);
    let body = json!({"token": link(&smtp.mail().await, "invitation")});
    let accept = "/api/v1/invitations/accept";
    let eve = user(&client, "customer").await;
    let ada = user(&client, "customer").await;
    let address = "update users set email = $2, email_confirmed_at = case when $3 then now() end where id = $1";
    let proves = async |who: seatcast::ticketing::UserId, email: &str, proven: bool| {
        client
            .execute(address, &[&who.0, &email, &proven])
            .await
            .unwrap();
    };
    proves(eve, "eve@example.org", true).await;
    proves(ada, "ada@example.org", false).await;
    for who in [eve, ada] {
        let refused = server.user(who).post(accept, &body).await;
        assert_eq!(refused.code(403), "INVITATION_OF_ANOTHER");
    }
    proves(ada, "ada@example.org", true).await;
    let joined = server.user(ada).post(accept, &body).await;
    assert_eq!(joined.data(200)["member"]["role"], "manager");
    let used = server.user(ada).post(accept, &body).await;
    assert_eq!(used.code(410), "INVITATION_EXPIRED");
}

/// Invited by a wrong address, a stranger must not keep a link that works.
#[tokio::test]
async fn an_open_invitation_is_listed_and_may_be_withdrawn() {
    let mut smtp = Smtp::start().await;
    let server = mailing(&smtp).await;
    let client = server.client().await;
    let organizer = user(&client, "organizer").await;
    let owner = server.user(organizer);
    let at = |path: &str| format!("/api/v1/organizations/{organizer}{path}");
    let invited = async |email: &str| {
        let body = json!({"email": email, "role": "finance"});
        owner.post(&at("/members"), &body).await.data(202).clone()
    };
    let wrong = invited("ada@exmaple.org").await;
    let token = json!({"token": link(&smtp.mail().await, "invitation")});
    let right = invited("ada@example.org").await;
    let past = "insert into organization_invitations (organization_id, email, role, expires_at)
                values ($1, 'grace@example.org', 'owner', now() - interval '1 minute') returning id";
    let past = client.query_one(past, &[&organizer.0]).await.unwrap();

    let open = owner.get(&at("/invitations")).await;
    assert_eq!(open.data(200), &json!([wrong, right]));
    assert_eq!(open.header("x-total-count"), Some("2"));
    assert!(!open.text.contains("token"), "{}", open.text);
    let page = owner.get(&at("/invitations?limit=1&offset=1")).await;
    assert_eq!(page.data(200), &json!([right]));

    let one = at(&format!("/invitations/{}", wrong["id"]));
    let elsewhere = user(&client, "organizer").await;
    let manager = user(&client, "customer").await;
    let joined = "insert into organization_members (organization_id, user_id, role) values ($1, $2, 'manager')";
    let joined = client.execute(joined, &[&organizer.0, &manager.0]).await;
    joined.unwrap();
    for other in [elsewhere, manager] {
        let list = server.user(other).get(&at("/invitations")).await;
        assert_eq!(list.code(403), "FORBIDDEN");
        let withdrawn = server.user(other).delete(&one).await;
        assert_eq!(withdrawn.code(403), "FORBIDDEN");
    }
    // By way of an organization that is the caller's own.
    let own = format!(
        "/api/v1/organizations/{elsewhere}/invitations/{}",
        wrong["id"]
    );
    let hidden = server.user(elsewhere).delete(&own).await;
    assert_eq!(hidden.code(404), "INVITATION_NOT_FOUND");

    owner.delete(&one).await.data(200);
    let ended = at(&format!("/invitations/{}", past.get::<_, i64>(0)));
    for gone in [&one, &ended] {
        let again = owner.delete(gone).await;
        assert_eq!(again.code(404), "INVITATION_NOT_FOUND");
    }
    let left = owner.get(&at("/invitations")).await;
    assert_eq!(left.data(200), &json!([right]));
    let stranger = user(&client, "customer").await;
    let proves =
        "update users set email = 'ada@exmaple.org', email_confirmed_at = now() where id = $1";
    client.execute(proves, &[&stranger.0]).await.unwrap();
    let accept = "/api/v1/invitations/accept";
    let refused = server.user(stranger).post(accept, &token).await;
    assert_eq!(refused.code(410), "INVITATION_EXPIRED");
}

/// Each invitation once was another mail: an organizer could have hundreds a minute sent to one address.
#[tokio::test]
async fn somebody_who_is_invited_again_and_again_gets_one_mail() {
    let mut smtp = Smtp::start().await;
    let server = mailing(&smtp).await;
    let client = server.client().await;
    let organizer = user(&client, "organizer").await;
    let members = format!("/api/v1/organizations/{organizer}/members");
    let owner = server.user(organizer);
    let mut made = Vec::new();
    for role in ["scanner", "finance", "manager"] {
        let body = json!({"email": "ada@example.org", "role": role});
        made.push(owner.post(&members, &body).await.data(202).clone());
        let sent = "select count(*) = 0 from jobs where state in ('waiting', 'leased')";
        crate::mail::waits(&client, sent).await;
    }
    let mails: i64 = one(&client, "select sum(times)::bigint from jobs", &[]).await;
    assert_eq!(mails, 1);
    let open = format!("/api/v1/organizations/{organizer}/invitations");
    assert_eq!(*owner.get(&open).await.data(200), json!([made[2]]));
    // The mail leads to what was said last.
    let body = json!({"token": link(&smtp.mail().await, "invitation")});
    let ada = user(&client, "customer").await;
    let proves =
        "update users set email = 'ada@example.org', email_confirmed_at = now() where id = $1";
    client.execute(proves, &[&ada.0]).await.unwrap();
    let joined = server
        .user(ada)
        .post("/api/v1/invitations/accept", &body)
        .await;
    assert_eq!(joined.data(200)["member"]["role"], "manager");
}

#[tokio::test]
async fn invitations_are_as_few_as_sign_ups() {
    let smtp = Smtp::start().await;
    let server = TestServer::builder().limited().with(|config| {
        config.limits.sign_ups.burst = 2;
        config.limits.sign_ups.per_minute = 0;
        config.mail.smtp_url = Some(smtp.url());
        config.mail.public_url = Some("https://tickets.example.org".to_owned());
        config.mail.mail_from = Some("Box office <tickets@example.org>".to_owned());
    });
    let server = server.start().await;
    let client = server.client().await;
    let organizer = user(&client, "organizer").await;
    let members = format!("/api/v1/organizations/{organizer}/members");
    let owner = server.user(organizer);
    let invited = async |email: &str| {
        let body = json!({"email": email, "role": "scanner"});
        owner.post(&members, &body).await
    };
    invited("one@example.org").await.data(202);
    invited("two@example.org").await.data(202);
    let refused = invited("three@example.org").await;
    assert_eq!(refused.code(429), "RATE_LIMITED");
}

/// A password is compared outside of a transaction, and takes time. Whoever has stolen it asks for a session, or for a
/// password of their own, again and again while its owner replaces it.
#[tokio::test]
async fn a_password_that_is_replaced_meanwhile_opens_nothing() {
    let server = TestServer::start().await;
    join(&server, "ada@example.org", PASSWORD).await;
    join(&server, "new@example.org", "the new password").await;
    let before = login(&server, "ada@example.org", PASSWORD).await;
    let eve = bearer(&server, before.data(200));
    let watcher = server.client().await;
    let mut owner = server.client().await;
    let attempts = [
        (
            "POST",
            json!({"email": "ada@example.org", "password": PASSWORD}),
        ),
        (
            "PUT",
            json!({"password": PASSWORD, "new_password": "of the thief"}),
        ),
    ];
    for (method, body) in attempts {
        let reset = owner.transaction().await.unwrap();
        let replace = "update users set password_hash = (select password_hash from users where email = 'new@example.org')
                        where email = 'ada@example.org'";
        reset.execute(replace, &[]).await.unwrap();
        let attempt = async {
            match method {
                "POST" => eve.post("/api/v1/auth/login", &body).await,
                _ => eve.put("/api/v1/auth/password", &body).await,
            }
        };
        let commit = async {
            wait_for_a_lock(&watcher).await;
            reset.commit().await.unwrap();
        };
        let (answer, ()) = tokio::join!(attempt, commit);
        assert_eq!(answer.code(401), "BAD_CREDENTIALS", "{method}");
        let after = login(&server, "ada@example.org", "the new password").await;
        after.data(200);
        // As it was, for the next attempt.
        let restore = "update users set password_hash = (select password_hash from users where email = 'old@example.org')
                        where email = 'ada@example.org'";
        if method == "POST" {
            join(&server, "old@example.org", PASSWORD).await;
            owner.execute(restore, &[]).await.unwrap();
        }
    }
    let sessions = one::<i64>(
        &watcher,
        "select count(*) from sessions where user_id = (select id from users where email = 'ada@example.org')",
        &[],
    );
    // That of before, and two with the new password.
    assert_eq!(sessions.await, 3);
}
