//! An issuer of tokens outside of the server: real keys, published over HTTP.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::AbortHandle;

pub(crate) const AUDIENCE: &str = "tickets";

/// A private key with its name.
pub(crate) struct Signer {
    pub(crate) kid: String,
    pub(crate) algorithm: Algorithm,
    key: EncodingKey,
    pub(crate) public: Value,
    /// The public key as anybody may have it, in PEM form.
    pub(crate) public_pem: String,
}

impl Signer {
    pub(crate) fn new(kid: &str, algorithm: Algorithm) -> Signer {
        let kind: &[&str] = match algorithm {
            Algorithm::RS256 => &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
            Algorithm::ES256 => &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
            _ => &["-algorithm", "ED25519"],
        };
        let folder = tempfile::tempdir().expect("a folder");
        let private = folder.path().join("key.pem");
        openssl(
            Command::new("openssl")
                .arg("genpkey")
                .args(kind)
                .arg("-out")
                .arg(&private),
        );
        let public_pem = openssl(
            Command::new("openssl")
                .args(["pkey", "-pubout", "-in"])
                .arg(&private),
        );
        let pem = std::fs::read(&private).expect("a key");
        let key = match algorithm {
            Algorithm::RS256 => EncodingKey::from_rsa_pem(&pem),
            Algorithm::ES256 => EncodingKey::from_ec_pem(&pem),
            _ => EncodingKey::from_ed_pem(&pem),
        };
        let key = key.expect("a private key");
        let mut public = Jwk::from_encoding_key(&key, algorithm).expect("a public key");
        public.common.key_id = Some(kid.to_owned());
        Signer {
            kid: kid.to_owned(),
            algorithm,
            public: serde_json::to_value(public).expect("JSON"),
            key,
            public_pem,
        }
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_as(Some(&self.kid), claims)
    }

    pub(crate) fn sign_as(&self, kid: Option<&str>, claims: &Value) -> String {
        let mut header = Header::new(self.algorithm);
        header.kid = kid.map(str::to_owned);
        jsonwebtoken::encode(&header, claims, &self.key).expect("a token")
    }
}

fn openssl(command: &mut Command) -> String {
    let done = command.output().expect("openssl starts");
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    String::from_utf8_lossy(&done.stdout).into_owned()
}

/// Publishes keys until it is dropped.
pub(crate) struct Issuer {
    address: SocketAddr,
    state: Published,
    server: AbortHandle,
}

#[derive(Clone)]
struct Published {
    answer: Arc<Mutex<(StatusCode, String)>>,
    fetches: watch::Sender<u64>,
}

impl Issuer {
    pub(crate) async fn start(keys: &[&Signer]) -> Issuer {
        let state = Published {
            answer: Arc::new(Mutex::new((StatusCode::OK, String::new()))),
            fetches: watch::Sender::new(0),
        };
        let router = Router::new()
            .route("/.well-known/jwks.json", get(publish))
            .with_state(state.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        let issuer = Issuer {
            address,
            state,
            server: server.abort_handle(),
        };
        issuer.publish(keys);
        issuer
    }

    pub(crate) fn name(&self) -> String {
        format!("http://{}", self.address)
    }

    /// As an operator names it.
    pub(crate) fn setting(&self) -> String {
        format!("{},audience={AUDIENCE}", self.name())
    }

    pub(crate) fn publish(&self, keys: &[&Signer]) {
        let keys: Vec<_> = keys.iter().map(|key| &key.public).collect();
        self.answer(StatusCode::OK, json!({ "keys": keys }).to_string());
    }

    /// Answers like this from now on.
    pub(crate) fn answer(&self, status: StatusCode, body: String) {
        *self.state.answer.lock().expect("no panic") = (status, body);
    }

    pub(crate) fn fetches(&self) -> u64 {
        *self.state.fetches.borrow()
    }

    /// Waits for the next fetch, counted from `seen`.
    pub(crate) async fn fetched_after(&self, seen: u64) {
        let mut fetches = self.state.fetches.subscribe();
        let next = fetches.wait_for(|fetches| *fetches > seen);
        let next = tokio::time::timeout(super::server::DEADLINE, next).await;
        next.expect("a fetch").expect("an issuer");
    }

    /// Claims of a token that is good for an hour.
    pub(crate) fn claims(&self, subject: &str) -> Value {
        let exp = jsonwebtoken::get_current_timestamp() + 3_600;
        json!({"iss": self.name(), "aud": AUDIENCE, "sub": subject, "exp": exp})
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn publish(State(published): State<Published>) -> impl IntoResponse {
    let answer = published.answer.lock().expect("no panic").clone();
    published.fetches.send_modify(|fetches| *fetches += 1);
    answer
}
