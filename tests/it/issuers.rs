//! Tokens of other issuers: their keys come and go, people keep their user, and nothing forged is believed.

use std::time::Duration;

use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::join_all;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::support::caller::{Answer, Caller};
use crate::support::issuer::{Issuer, Signer};
use crate::support::server::{Builder, DEADLINE, TestServer};
use crate::support::show::{Show, one};
use crate::support::websocket::{Socket, WireVersion};

const ME: &str = "/api/v1/auth/me";

fn trusting(settings: &[String]) -> Builder {
    let issuers: Vec<_> = settings.iter().map(|text| text.parse().unwrap()).collect();
    TestServer::builder().with(move |config| {
        config.auth.issuers = issuers;
        config.auth.jwks_refetch_ms = 0;
    })
}

fn bearer(server: &TestServer, token: &str) -> Caller {
    let caller = server.anonymous();
    caller.with_header("authorization", format!("Bearer {token}"))
}

async fn me(server: &TestServer, token: &str) -> Answer {
    bearer(server, token).get(ME).await
}

/// Asks until the answer has this status: keys and the database come back at a time of their own.
async fn me_until(server: &TestServer, token: &str, status: u16) -> Answer {
    let asking = async {
        loop {
            let answer = me(server, token).await;
            if answer.status == status {
                return answer;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, asking).await.unwrap()
}

#[tokio::test]
async fn each_kind_of_key_names_a_person_who_keeps_the_user() {
    for algorithm in [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA] {
        let signer = Signer::new("one", algorithm);
        let issuer = Issuer::start(&[&signer]).await;
        let server = trusting(&[issuer.setting()]).start().await;
        let mut claims = issuer.claims("auth0|5f7c");
        claims["name"] = "Ada\u{0} Lovelace".into();
        claims["role"] = "admin".into();
        let ada = me(&server, &signer.sign(&claims)).await.data(200).clone();
        assert_eq!(ada["name"], "Ada Lovelace", "{algorithm:?}");
        assert_eq!(ada["role"], "customer", "rights are ours to give");
        claims["exp"] = (claims["exp"].as_u64().unwrap() - 60).into();
        let again = me(&server, &signer.sign(&claims)).await;
        assert_eq!(again.data(200)["id"], ada["id"]);
        let other = me(&server, &signer.sign(&issuer.claims("auth0|5f7d"))).await;
        assert_ne!(other.data(200)["id"], ada["id"]);

        // On a socket, in the address and in the join.
        let topic = format!("user:{}", ada["id"]);
        let token = signer.sign(&claims);
        let query = format!("&token={token}");
        let mut socket = Socket::connect_with(server.address(), WireVersion::V2, &query).await;
        let joined = socket.join(&topic, json!({})).await;
        assert!(joined["state"].is_object(), "{joined}");
        let mut socket = Socket::connect(server.address(), WireVersion::V2).await;
        let joined = socket.join(&topic, json!({"access_token": token})).await;
        assert!(joined["state"].is_object(), "{joined}");
        // Of somebody whom this node has not seen yet, a socket cannot wait for the user.
        let token = signer.sign(&issuer.claims("auth0|new"));
        let joining = async {
            loop {
                let wish = json!({"access_token": token});
                let joined = socket.ask("event:1", "phx_join", wish).await;
                match joined["response"]["code"].as_str() {
                    Some("UNAVAILABLE") => assert_eq!(joined["response"]["retry"], "later"),
                    code => break assert_eq!(code, Some("EVENT_NOT_FOUND")),
                }
            }
        };
        tokio::time::timeout(DEADLINE, joining).await.unwrap();
    }
}

/// A socket cannot wait for the user of a refreshed token. Clients of Supabase join again after `phx_error`, and never after
/// `phx_close`.
#[tokio::test]
async fn a_refreshed_token_of_somebody_unknown_lets_the_channel_join_again() {
    let signer = Signer::new("one", Algorithm::ES256);
    let issuer = Issuer::start(&[&signer]).await;
    let server = trusting(&[issuer.setting()]).start().await;
    let show = Show::new().ticket_type("Standing", 1_000, 5);
    let show = show.stage(&server.client().await).await;
    let topic = format!("realtime:event-tickets:{}", show.event);
    let mut socket = Socket::connect(server.address(), WireVersion::V2).await;
    socket.join(&topic, json!({})).await;
    let token = signer.sign(&issuer.claims("auth0|new"));
    let fresh = json!({"access_token": token});
    let refused = socket.ask(&topic, "access_token", fresh.clone()).await;
    assert_eq!(refused["response"]["code"], "UNAVAILABLE", "{refused}");
    let ended = async {
        loop {
            let frame = socket.next_frame(DEADLINE).await.unwrap();
            if ["phx_close", "phx_error"].contains(&&*frame.event) {
                break frame.event;
            }
        }
    };
    assert_eq!(ended.await, "phx_error");
    let joining =
        async { while socket.ask(&topic, "phx_join", fresh.clone()).await["status"] != "ok" {} };
    tokio::time::timeout(DEADLINE, joining).await.unwrap();
}

#[tokio::test]
async fn keys_are_rotated_and_those_that_are_gone_check_nothing() {
    let (old, new) = (
        Signer::new("old", Algorithm::ES256),
        Signer::new("new", Algorithm::ES256),
    );
    let issuer = Issuer::start(&[&old]).await;
    let server = trusting(&[issuer.setting()]).start().await;
    let claims = issuer.claims("ada");
    me(&server, &old.sign(&claims)).await.data(200);
    let seen = issuer.fetches();
    issuer.publish(&[&new]);
    // The keys that are known are not asked for again.
    me(&server, &old.sign(&claims)).await.data(200);
    assert_eq!(issuer.fetches(), seen);
    me(&server, &new.sign(&claims)).await.data(200);
    assert_eq!(issuer.fetches(), seen + 1);
    let refused = me(&server, &old.sign(&claims)).await;
    assert_eq!(refused.code(401), "INVALID_TOKEN");
}

#[tokio::test]
async fn keys_that_are_withdrawn_go_though_nobody_asks() {
    let signer = Signer::new("one", Algorithm::ES256);
    let issuer = Issuer::start(&[&signer]).await;
    let server = trusting(&[issuer.setting()]).with(|config| config.auth.jwks_refresh_ms = 20);
    let server = server.start().await;
    let token = signer.sign(&issuer.claims("ada"));
    me(&server, &token).await.data(200);
    issuer.publish(&[]);
    me_until(&server, &token, 401).await;
}

#[tokio::test]
async fn made_up_keys_make_the_issuer_be_asked_once_in_a_while() {
    let signer = Signer::new("one", Algorithm::ES256);
    let issuer = Issuer::start(&[&signer]).await;
    let server = trusting(&[issuer.setting()]).with(|config| {
        config.auth.jwks_refetch_ms = 3_600_000;
    });
    let server = server.start().await;
    let good = signer.sign(&issuer.claims("ada"));
    me(&server, &good).await.data(200);
    let seen = issuer.fetches();
    for made_up in 0..50 {
        let kid = format!("kid {made_up}");
        let refused = me(&server, &signer.sign_as(Some(&kid), &issuer.claims("ada"))).await;
        assert_eq!(refused.code(401), "INVALID_TOKEN");
    }
    assert_eq!(issuer.fetches(), seen);
    // Without the bound each of them asks.
    let open = trusting(&[issuer.setting()]).start().await;
    me(&open, &good).await.data(200);
    let seen = issuer.fetches();
    let kid = Some("kid");
    me(&open, &signer.sign_as(kid, &issuer.claims("ada")))
        .await
        .code(401);
    assert_eq!(issuer.fetches(), seen + 1);
}

#[tokio::test]
async fn nothing_forged_is_believed() {
    let (rsa, ec) = (
        Signer::new("rsa", Algorithm::RS256),
        Signer::new("ec", Algorithm::ES256),
    );
    let stranger = Signer::new("rsa", Algorithm::RS256);
    let issuer = Issuer::start(&[&rsa, &ec]).await;
    let other = Issuer::start(&[&ec]).await;
    let server = trusting(&[issuer.setting(), other.setting()]).start().await;
    let claims = issuer.claims("ada");
    let with = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        claims
    };
    let without = |name: &str| {
        let mut claims = claims.clone();
        claims.as_object_mut().unwrap().remove(name);
        claims
    };
    me(&server, &rsa.sign(&claims)).await.data(200);
    me(&server, &ec.sign(&claims)).await.data(200);
    let encode = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let unsigned = |alg: &str| {
        let header = encode(json!({"alg": alg, "typ": "JWT", "kid": "rsa"}));
        format!("{header}.{}.", encode(claims.clone()))
    };
    let hmac = |secret: &[u8]| {
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some("rsa".to_owned());
        jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(secret)).unwrap()
    };
    let modulus = URL_SAFE_NO_PAD
        .decode(rsa.public["n"].as_str().unwrap())
        .unwrap();
    let mut broken = rsa.sign(&claims);
    broken.truncate(broken.len() - 4);
    let forged = [
        ("alg none", unsigned("none")),
        ("alg None", unsigned("None")),
        ("no signature", unsigned("RS256")),
        ("HS256 with the public key", hmac(rsa.public_pem.as_bytes())),
        ("HS256 with the modulus", hmac(&modulus)),
        ("another's key of the same name", stranger.sign(&claims)),
        ("the name of another key", ec.sign_as(Some("rsa"), &claims)),
        ("no name, and there are several", rsa.sign_as(None, &claims)),
        ("a broken signature", broken),
        ("another audience", rsa.sign(&with("aud", "other".into()))),
        ("no audience", rsa.sign(&without("aud"))),
        (
            "among other audiences",
            rsa.sign(&with("aud", json!(["a", "b"]))),
        ),
        ("no end", rsa.sign(&without("exp"))),
        ("not yet", rsa.sign(&with("nbf", claims["exp"].clone()))),
        ("no subject", rsa.sign(&without("sub"))),
        ("an empty subject", rsa.sign(&with("sub", "".into()))),
        (
            "a long subject",
            rsa.sign(&with("sub", "a".repeat(501).into())),
        ),
        ("NUL in a subject", rsa.sign(&with("sub", "a\u{0}".into()))),
        ("no issuer", rsa.sign(&without("iss"))),
        (
            "an issuer that is not known",
            rsa.sign(&with("iss", "https://example.org".into())),
        ),
        (
            "the name of another issuer",
            rsa.sign(&with("iss", other.name().into())),
        ),
    ];
    for (what, token) in forged {
        let answer = me(&server, &token).await;
        assert_eq!(answer.code(401), "INVALID_TOKEN", "{what}");
    }
    let ended = me(&server, &rsa.sign(&with("exp", json!(1_000_000_000)))).await;
    assert_eq!(ended.code(401), "TOKEN_EXPIRED");
    let several = with("aud", json!(["account", "tickets"]));
    me(&server, &rsa.sign(&several)).await.data(200);
    let client = server.client().await;
    assert_eq!(
        one::<i64>(&client, "select count(*) from identities", &[]).await,
        1
    );
}

#[tokio::test]
async fn an_issuer_that_is_away_takes_nobody_with_it() {
    let (old, new) = (
        Signer::new("old", Algorithm::ES256),
        Signer::new("new", Algorithm::ES256),
    );
    let issuer = Issuer::start(&[&old]).await;
    let server = trusting(&[issuer.setting()]).start().await;
    let claims = issuer.claims("ada");
    me(&server, &old.sign(&claims)).await.data(200);
    for (status, body) in [
        (StatusCode::INTERNAL_SERVER_ERROR, "no"),
        (StatusCode::FOUND, ""),
        (StatusCode::OK, "<html>"),
        (StatusCode::OK, "{}"),
    ] {
        issuer.answer(status, body.to_owned());
        let seen = issuer.fetches();
        // It may be a new key: its bearer is told to come again.
        let unknown = me(&server, &new.sign(&claims)).await;
        assert_eq!(unknown.code(503), "UNAVAILABLE");
        assert!(unknown.header("retry-after").is_some());
        issuer.fetched_after(seen).await;
        me(&server, &old.sign(&claims)).await.data(200);
    }
    issuer.answer(StatusCode::OK, "x".repeat(100_000));
    me(&server, &new.sign(&claims)).await.code(503);
    // A node that starts meanwhile has no keys at all, but serves.
    let second = trusting(&[issuer.setting()]).beside(&server).start().await;
    assert_eq!(
        me(&second, &old.sign(&claims)).await.code(503),
        "UNAVAILABLE"
    );
    second.anonymous().get("/api/v1/events").await.data(200);
    issuer.publish(&[&new]);
    me_until(&server, &new.sign(&claims), 200).await;
    me_until(&second, &new.sign(&claims), 200).await;
}

#[tokio::test]
async fn an_address_counts_only_if_the_issuer_says_that_it_is_proven() {
    let signer = Signer::new("one", Algorithm::ES256);
    let issuer = Issuer::start(&[&signer]).await;
    let server = trusting(&[issuer.setting()]).start().await;
    let client = server.client().await;
    let show = Show::new().ticket_type("Free", 0, 10).stage(&client).await;
    let body =
        json!({"event_id": show.event, "quantity": 2, "contact": {"email": "ada@example.org"}});
    let booked = server.anonymous().post("/api/v1/bookings", &body).await;
    let booked = booked.data(201).clone();
    // Eve registers with Ada's address, which she does not prove.
    let body = json!({"name": "Eve", "email": "ada@example.org", "password": "eves password"});
    let auth = "/api/v1/auth";
    server
        .anonymous()
        .post(&format!("{auth}/register"), &body)
        .await
        .data(202);
    let body = json!({"email": "ada@example.org", "password": "eves password"});
    // No way leads to a session of an unproven account; should one, it ends.
    let set = "update users set email_confirmed_at = case when $1 then clock_timestamp() end";
    client.execute(set, &[&true]).await.unwrap();
    let eve = server
        .anonymous()
        .post(&format!("{auth}/login"), &body)
        .await;
    let eve = eve.data(200).clone();
    client.execute(set, &[&false]).await.unwrap();

    let with = |verified: Value| {
        let mut claims = issuer.claims("ada");
        claims["email"] = "Ada@EXAMPLE.org".into();
        claims["email_verified"] = verified;
        signer.sign(&claims)
    };
    for verified in [json!(false), json!(null), json!("false")] {
        let ada = me(&server, &with(verified)).await.data(200).clone();
        assert_eq!(ada["email"], json!(null));
        assert_ne!(ada["id"], eve["user"]["id"]);
    }
    // Somebody new, whose address is proven, is who has it here: Eve is out.
    let mut claims = issuer.claims("another");
    claims["email"] = "Ada@EXAMPLE.org".into();
    claims["email_verified"] = true.into();
    let token = signer.sign(&claims);
    let ada = me(&server, &token).await.data(200).clone();
    assert_eq!(
        (&ada["email"], &ada["email_confirmed"]),
        (&json!("ada@example.org"), &json!(true))
    );
    let mine = bearer(&server, &token).get("/api/v1/bookings/mine").await;
    assert_eq!(mine.data(200)[0]["id"], booked["id"]);
    let refused = server
        .anonymous()
        .post(&format!("{auth}/login"), &body)
        .await;
    assert_eq!(refused.code(401), "BAD_CREDENTIALS");
    let out = me_until(&server, eve["access_token"].as_str().unwrap(), 401).await;
    assert_eq!(out.code(401), "TOKEN_EXPIRED");
    // Another person with the same address stays somebody else.
    let other = me(&server, &with(json!(true))).await;
    assert_ne!(other.data(200)["id"], ada["id"]);
    server.audit().await;
}

#[tokio::test]
async fn a_person_proves_the_address_later() {
    let signer = Signer::new("one", Algorithm::ES256);
    let issuer = Issuer::start(&[&signer]).await;
    let server = trusting(&[issuer.setting()]).start().await;
    let mut claims = issuer.claims("ada");
    claims["email"] = "ada@example.org".into();
    let before = me(&server, &signer.sign(&claims)).await.data(200).clone();
    assert_eq!(before["email"], json!(null));
    claims["email_verified"] = true.into();
    let token = signer.sign(&claims);
    let proven = async {
        loop {
            let now = me(&server, &token).await.data(200).clone();
            assert_eq!(now["id"], before["id"]);
            if now["email"] == "ada@example.org" {
                break;
            }
        }
    };
    tokio::time::timeout(DEADLINE, proven).await.unwrap();
    // An issuer that gives tokens to owners of an address only, and does not say so.
    let setting = format!("{},emails=verified", issuer.setting());
    let trusting = trusting(&[setting]).start().await;
    let mut claims = issuer.claims("bob");
    claims["email"] = "bob@example.org".into();
    let bob = me(&trusting, &signer.sign(&claims)).await;
    assert_eq!(bob.data(200)["email"], "bob@example.org");
}

#[tokio::test]
async fn a_person_is_one_user_however_many_nodes_meet_it_first() {
    let signer = Signer::new("one", Algorithm::ES256);
    let issuer = Issuer::start(&[&signer]).await;
    let first = trusting(&[issuer.setting()]).start().await;
    let second = trusting(&[issuer.setting()]).beside(&first).start().await;
    let mut claims = issuer.claims("ada");
    claims["email"] = "ada@example.org".into();
    claims["email_verified"] = true.into();
    let token = signer.sign(&claims);
    let asking = (0..20).map(|n| me(if n % 2 == 0 { &first } else { &second }, &token));
    let mut ids: Vec<_> = join_all(asking)
        .await
        .iter()
        .map(|answer| answer.data(200)["id"].as_i64().unwrap())
        .collect();
    ids.dedup();
    assert_eq!(ids.len(), 1);
    let client = first.client().await;
    assert_eq!(
        one::<i64>(&client, "select count(*) from users", &[]).await,
        1
    );
}

#[tokio::test]
async fn rights_are_looked_up_and_change_with_the_tables() {
    let signer = Signer::new("one", Algorithm::ES256);
    let issuer = Issuer::start(&[&signer]).await;
    let server = trusting(&[issuer.setting()]).start().await;
    let client = server.client().await;
    let token = signer.sign(&issuer.claims("ada"));
    let id = me(&server, &token).await.data(200)["id"].as_i64().unwrap();
    let promote = "update users set role = 'organizer' where id = $1";
    client.execute(promote, &[&id]).await.unwrap();
    let event = json!({"title": "Jazz", "venue": "Hall", "capacity": 10, "price": 0,
                       "starts_at": "2099-01-01T20:00:00Z"});
    let promoted = async {
        while bearer(&server, &token)
            .post("/api/v1/events", &event)
            .await
            .status
            != 201
        {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(DEADLINE, promoted).await.unwrap();
}

/// A token of another issuer may last for days, and went on showing an event's figures so long.
#[tokio::test]
async fn a_socket_ends_with_the_work_for_an_organization() {
    let signer = Signer::new("one", Algorithm::ES256);
    let issuer = Issuer::start(&[&signer]).await;
    let server = trusting(&[issuer.setting()]).start().await;
    let client = server.client().await;
    let show = Show::new().ticket_type("Stalls", 4_500, 10);
    let show = show.stage(&client).await;
    let token = signer.sign(&issuer.claims("ada"));
    let ada = me(&server, &token).await.data(200)["id"].as_i64().unwrap();
    let owner = server.user(show.organizer);
    let members = format!("/api/v1/organizations/{}/members/{ada}", show.organizer);
    let sql = "insert into organization_members (organization_id, user_id, role) values ($1, $2, 'manager')";
    client.execute(sql, &[&show.organizer, &ada]).await.unwrap();
    let topic = format!("admin:{}", show.event);
    let query = format!("&token={token}");
    let open = async || Socket::connect_with(server.address(), WireVersion::V2, &query).await;
    let books = format!("/api/v1/events/{}/payout", show.event);
    let employed = async {
        // Its rights were looked up a moment ago.
        while bearer(&server, &token).get(&books).await.status != 200 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, employed).await.unwrap();
    let mut socket = open().await;
    socket.join(&topic, json!({})).await;
    owner.delete(&members).await.data(200);
    let closed = tokio::time::timeout(DEADLINE, socket.closed()).await;
    assert_eq!(closed.unwrap(), Some(4001));
    // Its bearer is still somebody, though not of the organization; what was known of it a moment ago is not believed.
    let answer = open().await.ask(&topic, "phx_join", json!({})).await;
    assert_eq!(answer["response"]["code"], "UNAUTHORIZED");
}

#[tokio::test]
async fn keys_come_from_a_file_too() {
    let signer = Signer::new("one", Algorithm::EdDSA);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    // Beside keys that are of no use here: a secret, an encryption key, a kind that is not known, a weak one.
    let mut encrypts = signer.public.clone();
    encrypts["use"] = "enc".into();
    let keys = json!({"keys": [
        {"kty": "oct", "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ", "kid": "secret", "alg": "HS256"},
        {"kty": "XYZ", "kid": "unknown"}, encrypts,
        {"kty": "RSA", "kid": "weak", "n": "sXchDaQ", "e": "AQAB"}, signer.public,
    ]});
    std::fs::write(&path, keys.to_string()).unwrap();
    let setting = format!("keycloak,audience=tickets,keys={}", path.display());
    let server = trusting(&[setting]).with(|config| {
        // No tokens of its own are asked for.
        config.auth.dev = false;
    });
    let server = server.start().await;
    let exp = jsonwebtoken::get_current_timestamp() + 60;
    let claims = json!({"iss": "keycloak", "aud": "tickets", "sub": "f:1:ada", "exp": exp});
    // One key of use needs no name.
    me(&server, &signer.sign_as(None, &claims)).await.data(200);
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some("secret".to_owned());
    let secret = URL_SAFE_NO_PAD
        .decode("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ")
        .unwrap();
    let forged = jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(&secret));
    assert_eq!(
        me(&server, &forged.unwrap()).await.code(401),
        "INVALID_TOKEN"
    );
}
