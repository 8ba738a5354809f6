//! Tokens of accounts, as an issuer with the server's secret makes them.

use std::time::Duration;

use seatcast::auth::{Auth, Role};
use seatcast::config::{AuthConfig, Config};
use seatcast::ticketing::UserId;

/// To be the server's `jwt_secret`.
pub(crate) const SECRET: &str = "the tests' secret, of more than 32 bytes";

/// A token of a minute.
pub(crate) fn token(user: UserId, role: Role) -> String {
    token_for(user, role, Duration::from_secs(60))
}

pub(crate) fn token_for(user: UserId, role: Role, life: Duration) -> String {
    let config = AuthConfig {
        jwt_secret: Some(SECRET.to_owned()),
        ..Config::default().auth
    };
    let auth = Auth::new(&config).expect("a secret that is long enough");
    auth.issue(user, role, life).expect("a token")
}
