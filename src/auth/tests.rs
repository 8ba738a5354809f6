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
    let token = auth().issue(2, Role::Organizer, Duration::from_secs(60));
    let caller = auth().verify(&token.unwrap()).unwrap();
    assert_eq!(caller.user_id(), Some(2));
    assert_eq!(caller.role(), Some(Role::Organizer));
    assert!(caller.may_organize(2) && !caller.may_organize(3));
}

#[test]
fn the_subject_may_be_a_number_or_a_numeric_string() {
    for sub in [json!(7), json!("7")] {
        let token = signed(&json!({ "sub": sub, "exp": in_an_hour() as f64 + 0.5 }));
        let caller = auth().verify(&token).unwrap();
        assert_eq!(
            (caller.user_id(), caller.role()),
            (Some(7), Some(Role::Customer))
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

#[test]
fn the_user_id_header_counts_in_development_mode_only() {
    let mut headers = HeaderMap::new();
    headers.insert(USER_ID_HEADER, "3".parse().unwrap());
    let nobody = Credentials::Caller(Caller::Anonymous);
    assert_eq!(auth().credentials(&headers).unwrap(), nobody);
    let mut config = Config::default().auth;
    config.dev = true;
    let dev = Auth::new(&config).unwrap();
    assert_eq!(dev.credentials(&headers).unwrap(), Credentials::DevUser(3));
    headers.insert(header::AUTHORIZATION, "Basic eDp5".parse().unwrap());
    assert!(dev.credentials(&headers).is_err());
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
