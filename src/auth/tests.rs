#![allow(clippy::unwrap_used, clippy::expect_used)]
use serde_json::{Value, json};

use super::*;
use crate::config::Config;

const SECRET: &str = "a secret of at least thirty-two bytes";

fn auth() -> Auth {
    let mut config = Config::default().auth;
    config.jwt_secret = Some(SECRET.to_owned());
    Auth::new(&config).unwrap()
}

fn signed(claims: &Value) -> String {
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    jsonwebtoken::encode(&Header::default(), claims, &key).unwrap()
}

fn in_an_hour() -> u64 {
    jsonwebtoken::get_current_timestamp() + 3_600
}

#[test]
fn an_issued_token_names_its_user() {
    let token = auth().issue(UserId(2), Role::Organizer, Duration::from_secs(60));
    let caller = auth().verify(&token.unwrap()).unwrap();
    assert_eq!(caller.user_id(), Some(UserId(2)));
    assert_eq!(caller.role(), Some(Role::Organizer));
    let manages = |owner| caller.may(Right::Manage, UserId(owner));
    assert!(manages(2) && !manages(3));
}

#[test]
fn the_subject_may_be_a_number_or_a_numeric_string() {
    for sub in [json!(7), json!("7")] {
        let token = signed(&json!({ "sub": sub, "exp": in_an_hour() as f64 + 0.5 }));
        let caller = auth().verify(&token).unwrap();
        assert_eq!(
            (caller.user_id(), caller.role()),
            (Some(UserId(7)), Some(Role::Customer))
        );
    }
}

#[test]
fn bad_tokens_are_refused() {
    let exp = in_an_hour();
    let cases = [
        json!({ "role": "admin", "exp": exp }),
        json!({ "sub": "abc", "exp": exp }),
        json!({ "sub": 0, "exp": exp }),
        json!({ "sub": -4, "exp": exp }),
        json!({ "sub": "99999999999999999999", "exp": exp }),
        json!({ "sub": 1, "role": "root", "exp": exp }),
        json!({ "sub": 1, "exp": 1e300 }),
        json!({ "sub": 1, "exp": exp, "nbf": exp }),
        json!({ "sub": 1 }),
    ];
    for claims in cases {
        let refused = auth().verify(&signed(&claims));
        assert!(matches!(refused, Err(AuthError::Invalid(_))), "{claims}");
    }
    for garbage in ["", ".", "..", "a.b.c", "\u{0}"] {
        assert!(auth().verify(garbage).is_err());
    }
    // {"alg":"none","typ":"JWT"}, {"sub":1,"role":"admin","exp":9999999999}
    let unsigned = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJzdWIiOjEsInJvbGUiOiJhZG1pbiIsImV4cCI6OTk5OTk5OTk5OX0.";
    assert!(auth().verify(unsigned).is_err());
}

#[test]
fn an_ended_token_says_so() {
    let token = signed(&json!({ "sub": 1, "exp": 1_000_000 }));
    assert!(matches!(auth().verify(&token), Err(AuthError::Expired)));
}

#[test]
fn anon_tokens_name_nobody() {
    let token = signed(&json!({ "role": "anon", "exp": in_an_hour() }));
    assert_eq!(auth().verify(&token).unwrap(), Caller::Anonymous);
}

#[test]
fn a_named_audience_is_required() {
    let mut config = Config::default().auth;
    config.jwt_secret = Some(SECRET.to_owned());
    config.jwt_audience = Some("tickets".to_owned());
    let auth = Auth::new(&config).unwrap();
    let with = |aud: &str| signed(&json!({ "sub": 1, "aud": aud, "exp": in_an_hour() }));
    assert!(auth.verify(&with("tickets")).is_ok());
    assert!(auth.verify(&with("cinema")).is_err());
    assert!(
        auth.verify(&signed(&json!({ "sub": 1, "exp": in_an_hour() })))
            .is_err()
    );
}

#[tokio::test]
async fn the_user_id_header_counts_in_development_mode_only() {
    let mut headers = HeaderMap::new();
    headers.insert(USER_ID_HEADER, "3".parse().unwrap());
    let nobody = Credentials::Caller(Caller::Anonymous);
    assert_eq!(auth().credentials(&headers).await.unwrap(), nobody);
    let mut config = Config::default().auth;
    config.dev = true;
    let dev = Auth::new(&config).unwrap();
    assert_eq!(
        dev.credentials(&headers).await.unwrap(),
        Credentials::DevUser(UserId(3))
    );
    headers.insert(header::AUTHORIZATION, "Basic eDp5".parse().unwrap());
    assert!(dev.credentials(&headers).await.is_err());
}

#[test]
fn a_socket_names_its_user_without_a_token_in_development_mode_only() {
    assert!(auth().verify("dev:3").is_err());
    let mut config = Config::default().auth;
    config.dev = true;
    let dev = Auth::new(&config).unwrap();
    let customer = dev.verify("dev:3").unwrap();
    assert_eq!(
        (customer.user_id(), customer.role()),
        (Some(UserId(3)), Some(Role::Customer))
    );
    assert!(dev.verify("dev:").is_err());
    assert!(dev.verify("dev:x").is_err());
}

#[test]
fn a_setup_without_a_good_key_is_refused() {
    let mut config = Config::default().auth;
    assert!(matches!(Auth::new(&config), Err(AuthSetupError::NoKey)));
    config.jwt_secret = Some("short".to_owned());
    assert!(matches!(
        Auth::new(&config),
        Err(AuthSetupError::ShortSecret)
    ));
    config.jwt_secret = None;
    config.jwt_public_key = Some(PathBuf::from("Cargo.toml"));
    assert!(matches!(
        Auth::new(&config),
        Err(AuthSetupError::NotAKey(_))
    ));
}

// Public keys, and a token of user 7, organizer, until 2100, that was signed with the private half of each.
const RSA_KEY: &str = "\
-----BEGIN PUBLIC KEY-----\n\
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA9ZDyaQjk4sISYo6n18s/\n\
U/uv2NuJh6VDmgyFuSTz7rz7pJoe1VsslqMt1iazTVjxs4CpWcrpnwlOU1XXFxKN\n\
quJwrwpOEkqfc8Q4dTxOkyxjUh9Atu5dNDvgB9krUgfbgfjLVFVw5n79LykzWNHp\n\
4kSP39f35S8T/rXcSiIMFUobEoSAnZA0aApeh2xVbsxrFKT4UiO4ji2+XzV6prhw\n\
Ai6RgnZhsSUShO8k5r1oi631UKTc42wFd0NsRV8KDuJbYNQstXLkLYUjXjQ8QZNY\n\
ejWBredR3xhCNCfRQkvpr3cAuBMl3PvGJ94K+6DtQIj6pMPXRAXFcH0AD5L1bMaX\n\
TQIDAQAB\n\
-----END PUBLIC KEY-----\n";
const RSA_TOKEN: &str = "\
eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiI3Iiwicm9sZSI6Im9yZ2FuaXplciIsImV4cCI6NDEwM\
jQ0NDgwMH0.1SPeHbeo1XwmpCbTeOSIzTVkXCpjeyXEDBq1dnc71M57DcSloOB-Hb7lwphuy0uNsamqDy__hglP--7\
KYL24LxAkWywvtgkmhi8V5JDlZkPKP6diJ8-I8ZorSHfiQF-ah2H-C708tPzkn21E0yhgbzZAZ4N4EHeNXr-RXZeWG\
eCtgYbmnYnpxm2Xv8vQQ3qaEFd7eMLrGE52ZLuWflrRMZR-0rF0SuN-6grsn_gX8yb2jcaW4VZjjHhDkNDcKzXHst1\
z-YGIGYJs4AaEPSv97_UegqLfilBaDwAIV83rxV5i1_zNF_d6_7VKz9cV4pjKoNNoaVk1Hc1Hucbfq2D_Tg";

const EC_KEY: &str = "\
-----BEGIN PUBLIC KEY-----\n\
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEryaJmf3zKN2u5mq/3/EYWFqPGsUe\n\
agFEF7bSbvHfJF1Y3JA+LGZ/oWCwck8BlkqKUsdBCCOW65l1Glb7oysqHA==\n\
-----END PUBLIC KEY-----\n";
const EC_TOKEN: &str = "\
eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiI3Iiwicm9sZSI6Im9yZ2FuaXplciIsImV4cCI6NDEwM\
jQ0NDgwMH0.OE--bS-h7QXUJRSo7B9xnKPSr35-pqAonFiOv3SX5oM1UBPcfY49pkkR8F2DYcH9F1cWK--THTGs1QZ\
5xeq10w";

const ED25519_KEY: &str = "\
-----BEGIN PUBLIC KEY-----\n\
MCowBQYDK2VwAyEAkm9f26VtOspqFvxfzoreCIJJQiCwupMN2l+kfbddiaY=\n\
-----END PUBLIC KEY-----\n";
const ED25519_TOKEN: &str = "\
eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9.eyJzdWIiOiI3Iiwicm9sZSI6Im9yZ2FuaXplciIsImV4cCI6NDEwM\
jQ0NDgwMH0.Rcnj92WiEBfbeo7wKTYGX1NRZk0SGuPzokshIreFFfIwKvXv5HdKc7e_UaVPe7x2C2Bpmqqg8xWl-gs\
E9rQ6Dw";

fn auth_by_key(pem: &str) -> Auth {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, pem.as_bytes()).unwrap();
    let mut config = Config::default().auth;
    config.jwt_public_key = Some(file.path().to_owned());
    Auth::new(&config).unwrap()
}

#[test]
fn tokens_of_an_issuer_are_checked_with_its_public_key() {
    for (key, token) in [
        (RSA_KEY, RSA_TOKEN),
        (EC_KEY, EC_TOKEN),
        (ED25519_KEY, ED25519_TOKEN),
    ] {
        let auth = auth_by_key(key);
        let caller = auth.verify(token).unwrap();
        assert_eq!(caller.user_id(), Some(UserId(7)));
        assert_eq!(caller.role(), Some(Role::Organizer));
        let mut forged = token.to_owned();
        forged.replace_range(40..41, if &token[40..41] == "A" { "B" } else { "A" });
        assert!(auth.verify(&forged).is_err());
        let ttl = Duration::from_secs(60);
        let issued = auth.issue(UserId(7), Role::Admin, ttl);
        assert!(matches!(issued, Err(AuthSetupError::CannotIssue)));
    }
}

#[test]
fn a_public_key_is_no_secret() {
    for key in [RSA_KEY, EC_KEY, ED25519_KEY] {
        let claims = json!({ "sub": 1, "role": "admin", "exp": in_an_hour() });
        let public = EncodingKey::from_secret(key.as_bytes());
        let forged = jsonwebtoken::encode(&Header::default(), &claims, &public).unwrap();
        assert!(auth_by_key(key).verify(&forged).is_err());
        assert!(auth_by_key(key).verify(&signed(&claims)).is_err());
    }
    assert!(auth_by_key(EC_KEY).verify(RSA_TOKEN).is_err());
}

#[test]
fn an_api_key_names_nobody() {
    assert!(is_api_key("K", Some("K")));
    assert!(is_api_key("sb_publishable_x", None));
    assert!(!is_api_key("K", Some("L")));
    assert!(!is_api_key("K", None));
}
