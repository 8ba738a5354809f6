//! Token → caller, and what each role may do. No HTTP routes, no database: the REST side and the
//! socket ask the same [`Auth`].
//!
//! A token is a JWT. Claims: `sub` (the user's id, a number or a numeric string), `role`
//! (`customer`, `organizer`, `admin`; without it `customer`), `exp` (required), `member` (optional), `organizations`
//! (optional: roles by organization, as in `{"2": "scanner"}`). Our own tokens name their session, too.
//! Supabase clients carry a token of role `anon` as `apikey`: it is accepted, and its bearer is anonymous.
//! Role `authenticated` is a customer. Tokens of other issuers ([`issuers`]) are checked with the keys that these publish.

pub mod ended;
pub mod issuers;
pub mod passes;
pub mod password;
pub mod proofs;
pub mod rights;
pub mod secrets;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, header};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use self::ended::EndedTokens;
use self::issuers::Issuers;
pub use self::rights::{Right, Rights, StaffRole, Staffs};
use self::secrets::API_KEY_PREFIX;
use crate::config::AuthConfig;
use crate::config::inside::ACCESS_TOKEN_S;
use crate::ticketing::live::{EventInfo, EventStatus};
use crate::ticketing::{ApiKeyId, OrganizationId, SessionId, UserId};

/// Names the caller's user id; trusted in development mode only.
///
/// A browser's WebSocket sends no headers: there, in development mode, `dev:4` in place of a token names user 4,
/// as a customer.
pub const USER_ID_HEADER: HeaderName = HeaderName::from_static("x-user-id");

/// The project's key of Supabase clients. It may be anything, and names a caller only if it is a token.
pub const API_KEY_HEADER: HeaderName = HeaderName::from_static("apikey");

/// A program's key, beside `Authorization: Bearer sk_…`.
const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Shorter secrets can be guessed offline from one token (RFC 7518 §3.2 asks for 256 bits).
const SECRET_BYTES_MIN: usize = 32;
/// How far an issuer's clock may be ahead of ours.
const CLOCK_SKEW_S: u64 = 5;

/// In order of rights: a role may do everything that those before it may.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Customer,
    Organizer,
    Admin,
}

impl Role {
    pub fn parse(name: &str) -> Option<Role> {
        match name {
            "customer" | "authenticated" => Some(Role::Customer),
            "organizer" => Some(Role::Organizer),
            "admin" => Some(Role::Admin),
            _ => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Role::Customer => "customer",
            Role::Organizer => "organizer",
            Role::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Role {
    type Err = String;

    fn from_str(name: &str) -> Result<Role, String> {
        Role::parse(name).ok_or_else(|| format!("no such role: {name}"))
    }
}

/// The sender of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    Anonymous,
    User {
        id: UserId,
        role: Role,
        /// Whether the token (or, in development mode, the users table) says that this user is a member.
        member: bool,
        /// When the token ends; `None` for callers without one.
        token_expires: Option<jiff::Timestamp>,
        /// The sign-in that the token is of; `None`: a token that was made without one.
        session: Option<TokenSession>,
        /// The organizations that the user works for, beside the own one.
        staffs: Staffs,
    },
    /// A program with a key of an organization.
    Key {
        id: ApiKeyId,
        organization: OrganizationId,
        rights: Rights,
    },
}

/// Reasons for a token to end before its time: its session ended, or its user's tokens are of a later generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenSession {
    /// `None`: of another issuer, where people sign out.
    pub id: Option<SessionId>,
    /// For such a token, the one that the rights of its bearer were looked up in.
    pub generation: i32,
}

impl Caller {
    pub fn user_id(&self) -> Option<UserId> {
        match self {
            Caller::Anonymous | Caller::Key { .. } => None,
            Caller::User { id, .. } => Some(*id),
        }
    }

    pub fn role(&self) -> Option<Role> {
        match self {
            Caller::Anonymous | Caller::Key { .. } => None,
            Caller::User { role, .. } => Some(*role),
        }
    }

    pub fn is_admin(&self) -> bool {
        self.role() == Some(Role::Admin)
    }

    /// Whether the caller is user `id`, or an admin.
    pub fn may_act_for(&self, id: UserId) -> bool {
        self.is_admin() || self.user_id() == Some(id)
    }

    /// Drafts are seen by their organization only.
    pub fn may_see(&self, event: &EventInfo) -> bool {
        event.status != EventStatus::Draft || self.may(Right::See, event.organizer_id)
    }

    /// Whether the caller has this right in an organization, given by itself or by its founder, as `events.organizer_id`
    /// does. Does no I/O.
    pub fn may(&self, right: Right, organization: impl Into<OrganizationId>) -> bool {
        let organization = organization.into();
        match self {
            Caller::Anonymous => false,
            Caller::Key {
                organization: own,
                rights,
                ..
            } => *own == organization && rights.has(right),
            Caller::User {
                role: Role::Admin, ..
            } => true,
            Caller::User {
                id, role, staffs, ..
            } => {
                *role == Role::Organizer && OrganizationId::from(*id) == organization
                    || staffs
                        .role_in(organization)
                        .is_some_and(|role| role.may(right))
            }
        }
    }

    /// Whether the caller works for some organization, and so may ask what only organizations' people are told.
    pub fn is_staff(&self) -> bool {
        match self {
            Caller::Anonymous => false,
            Caller::Key { .. } => true,
            Caller::User { role, staffs, .. } => *role >= Role::Organizer || !staffs.is_empty(),
        }
    }

    /// The organizations in which the caller has this right. An admin has it everywhere, and none is named here.
    pub fn organizations_with(&self, right: Right) -> Vec<OrganizationId> {
        match self {
            Caller::Anonymous => Vec::new(),
            Caller::Key { organization, .. } => {
                let own = Some(*organization).filter(|own| self.may(right, *own));
                own.into_iter().collect()
            }
            Caller::User {
                id, role, staffs, ..
            } => {
                let own = (*role >= Role::Organizer).then_some(OrganizationId::from(*id));
                let others = staffs.iter().filter(|(_, role)| role.may(right));
                let others = others.map(|(organization, _)| organization);
                let mut all: Vec<_> = own.into_iter().chain(others).collect();
                all.sort_unstable();
                all.dedup();
                all
            }
        }
    }

    /// Whether nobody knows yet for whom the caller works: a token that was made without a session does not say it.
    pub fn lacks_staffs(&self) -> bool {
        matches!(self, Caller::User { session: None, staffs, .. } if staffs.is_empty())
    }

    /// The caller with the organizations that were looked up.
    pub fn with_staffs(mut self, found: Staffs) -> Caller {
        if let Caller::User { staffs, .. } = &mut self {
            *staffs = found;
        }
        self
    }
}

/// A token was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// A new token will do.
    #[error("the token has ended")]
    Expired,
    /// Unreadable, of another issuer, forged, or without the claims that are needed.
    #[error("the token is not valid: {0}")]
    Invalid(String),
    /// Its issuer's keys, or its bearer's user, are not known yet: the same token may do in a moment.
    #[error("the token cannot be checked now")]
    Unready,
}

/// The configuration gives no way to check or to make tokens.
#[derive(Debug, thiserror::Error)]
pub enum AuthSetupError {
    #[error(
        "no way to check tokens: give --jwt-secret (or SEATCAST_JWT_SECRET), --jwt-public-key, or --issuers"
    )]
    NoKey,
    #[error("give either a secret or a public key for tokens, not both")]
    TwoKeys,
    #[error("the secret of tokens must have at least {SECRET_BYTES_MIN} bytes")]
    ShortSecret,
    #[error("cannot read the public key {path}")]
    KeyFile {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{0} holds no RSA, EC or Ed25519 public key in PEM form")]
    NotAKey(PathBuf),
    #[error("tokens are made by the holder of the private key; only a secret can make them here")]
    CannotIssue,
    #[error("cannot make the token")]
    Signing(#[from] jsonwebtoken::errors::Error),
}

/// A request's claim to be somebody, read from its headers before the users table is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credentials {
    /// Final: anonymous, or the bearer of a valid token.
    Caller(Caller),
    /// The bearer of a valid token that does not say for whom the bearer works.
    Unplaced(Caller),
    /// The hash of an API key.
    Key([u8; 32]),
    /// From `X-User-Id` in development mode; the users table gives the role.
    DevUser(UserId),
}

/// Checks and makes tokens. Cheap to clone.
#[derive(Clone)]
pub struct Auth(Arc<Keys>);

struct Keys {
    /// For all tokens that no other issuer made; none, where all are of other issuers.
    own: Option<(DecodingKey, Validation)>,
    encoding: Option<EncodingKey>,
    dev: bool,
    ended: EndedTokens,
    issuers: Issuers,
    /// Issuer and audience of our own tokens, so that they are accepted here.
    issuer: Option<String>,
    audience: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sub: Option<TokenSubject>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    /// Seconds since 1970; other issuers write fractions.
    exp: f64,
    #[serde(default)]
    member: bool,
    /// The session, in our own tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sid: Option<SessionId>,
    /// The generation of the user's tokens, in our own ones.
    #[serde(default, rename = "gen", skip_serializing_if = "Option::is_none")]
    generation: Option<i32>,
    /// Role by organization.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    organizations: BTreeMap<String, StaffRole>,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum TokenSubject {
    Number(UserId),
    Text(String),
}

impl Auth {
    /// In development mode without any key, tokens are signed with a random secret of this process.
    pub fn new(config: &AuthConfig) -> Result<Auth, AuthSetupError> {
        let some = |(decoding, encoding)| (Some(decoding), encoding);
        let (decoding, encoding) = match (&config.jwt_secret, &config.jwt_public_key) {
            (Some(_), Some(_)) => return Err(AuthSetupError::TwoKeys),
            (Some(secret), None) => secret_keys(secret.as_bytes()).map(some)?,
            (None, Some(path)) => (Some(public_key(path)?), None),
            (None, None) if config.dev => {
                secret_keys(&rand::random::<[u8; SECRET_BYTES_MIN]>()).map(some)?
            }
            (None, None) if !config.issuers.is_empty() => (None, None),
            (None, None) => return Err(AuthSetupError::NoKey),
        };
        let own = decoding.map(|key| {
            let validation = validation(config, &key, encoding.is_some());
            (key, validation)
        });
        let ended = EndedTokens::default();
        Ok(Auth(Arc::new(Keys {
            own,
            encoding,
            dev: config.dev,
            issuers: Issuers::new(config, ended.clone()),
            ended,
            issuer: config.jwt_issuer.clone(),
            audience: config.jwt_audience.clone(),
        })))
    }

    /// Whether `X-User-Id` is trusted.
    pub fn dev(&self) -> bool {
        self.0.dev
    }

    /// Tokens that have ended before their time.
    pub fn ended(&self) -> &EndedTokens {
        &self.0.ended
    }

    /// The other issuers whose tokens are accepted.
    pub fn issuers(&self) -> &Issuers {
        &self.0.issuers
    }

    /// Whether the caller's session has ended, or its tokens say what is not so any more.
    pub fn has_ended(&self, caller: &Caller) -> bool {
        match caller {
            Caller::User {
                id,
                session: Some(session),
                ..
            } => self.0.ended.have(*id, session),
            _ => false,
        }
    }

    /// Whether the caller's token has ended, in its time or before.
    pub fn is_over(&self, caller: &Caller, now: jiff::Timestamp) -> bool {
        let expired = match caller {
            Caller::User {
                token_expires: Some(end),
                ..
            } => *end <= now,
            _ => false,
        };
        expired || self.has_ended(caller)
    }

    /// Whether this server can make tokens: it has the secret.
    pub fn can_issue(&self) -> bool {
        self.0.encoding.is_some()
    }

    /// The bearer of `token`. Does no I/O, so the socket may call it in its loop. A token of another issuer may be
    /// [`AuthError::Unready`]; [`Auth::check`] waits.
    pub fn verify(&self, token: &str) -> Result<Caller, AuthError> {
        match self.0.issuers.of(token) {
            Some(issuer) => self.0.issuers.verify(issuer, token),
            None => self.verify_own(token),
        }
    }

    /// The bearer of `token`; waits for what has to be known of another issuer's, for a bounded time.
    pub async fn check(&self, token: &str) -> Result<Caller, AuthError> {
        match self.0.issuers.of(token) {
            Some(issuer) => self.0.issuers.check(issuer, token).await,
            None => self.verify_own(token),
        }
    }

    fn verify_own(&self, token: &str) -> Result<Caller, AuthError> {
        if let Some(customer) = self.dev_customer(token) {
            return Ok(customer);
        }
        let own = self.0.own.as_ref();
        let (key, validation) =
            own.ok_or_else(|| AuthError::Invalid("its issuer is not known here".to_owned()))?;
        let claims = jsonwebtoken::decode::<Claims>(token, key, validation)?.claims;
        let role = claims.role.as_deref().unwrap_or("customer");
        if role == "anon" {
            return Ok(Caller::Anonymous);
        }
        let invalid = |why: &str| AuthError::Invalid(why.to_owned());
        let staffs = claims.organizations.iter();
        let staffs = staffs.filter_map(|(id, role)| Some((id.parse().ok()?, *role)));
        let staffs = staffs.collect();
        let session = claims.sid.map(|id| TokenSession {
            id: Some(id),
            generation: claims.generation.unwrap_or_default(),
        });
        let caller = Caller::User {
            id: user_id(claims.sub).ok_or_else(|| invalid("`sub` is not a user's number"))?,
            role: Role::parse(role).ok_or_else(|| invalid("`role` is unknown"))?,
            member: claims.member,
            token_expires: Some(expiry(claims.exp).ok_or_else(|| invalid("`exp` is no time"))?),
            session,
            staffs,
        };
        match self.has_ended(&caller) {
            true => Err(AuthError::Expired),
            false => Ok(caller),
        }
    }

    /// The user that `dev:4` names, in development mode only.
    fn dev_customer(&self, token: &str) -> Option<Caller> {
        self.dev_user(token.strip_prefix("dev:")?)
    }

    /// The user of a number, with no right but a customer's; in development mode only.
    pub fn dev_user(&self, id: &str) -> Option<Caller> {
        let id = id.trim().parse().ok().filter(|_| self.0.dev)?;
        Some(Caller::User {
            id,
            role: Role::Customer,
            member: false,
            token_expires: None,
            session: None,
            staffs: Staffs::default(),
        })
    }

    /// Reads `Authorization: Bearer …`, or `X-User-Id` in development mode.
    pub async fn credentials(&self, headers: &HeaderMap) -> Result<Credentials, AuthError> {
        if let Some(value) = headers.get(header::AUTHORIZATION) {
            let token = value.to_str().ok().and_then(bearer).ok_or_else(|| {
                AuthError::Invalid("`Authorization` is not `Bearer <token>`".to_owned())
            })?;
            if token.starts_with(API_KEY_PREFIX) {
                return Ok(Credentials::Key(secrets::hash_of(token)));
            }
            let caller = self.check(token).await?;
            return Ok(
                match caller.lacks_staffs() && self.0.issuers.of(token).is_none() {
                    true => Credentials::Unplaced(caller),
                    false => Credentials::Caller(caller),
                },
            );
        }
        if let Some(key) = headers.get(X_API_KEY) {
            return Ok(Credentials::Key(secrets::hash_of(
                key.to_str().unwrap_or_default(),
            )));
        }
        match headers.get(USER_ID_HEADER).filter(|_| self.0.dev) {
            None => Ok(Credentials::Caller(Caller::Anonymous)),
            Some(value) => value
                .to_str()
                .ok()
                .and_then(|text| text.trim().parse().ok())
                .map(Credentials::DevUser)
                .ok_or_else(|| AuthError::Invalid("`X-User-Id` is not a number".to_owned())),
        }
    }

    /// The sender of a request by a Supabase client: the bearer of its token, or of its API key if that is a token.
    ///
    /// # Errors
    /// The token is neither valid nor the API key.
    pub async fn supabase_caller(&self, headers: &HeaderMap) -> Result<Caller, AuthError> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let api_key = text(API_KEY_HEADER);
        let token = text(header::AUTHORIZATION).and_then(bearer);
        match (token.filter(|token| !is_api_key(token, api_key)), api_key) {
            (Some(token), _) => self.check(token).await,
            (None, Some(key)) => Ok(self.check(key).await.unwrap_or(Caller::Anonymous)),
            (None, None) => Ok(Caller::Anonymous),
        }
    }

    /// Makes the token of a session, which says for whom the user works.
    pub fn issue_for(
        &self,
        user: UserId,
        role: Role,
        session: &TokenSession,
        staffs: &Staffs,
    ) -> Result<String, AuthSetupError> {
        let key = self.0.encoding.as_ref();
        let key = key.ok_or(AuthSetupError::CannotIssue)?;
        let now = jsonwebtoken::get_current_timestamp();
        let organizations: BTreeMap<String, StaffRole> = staffs
            .iter()
            .map(|(organization, role)| (organization.to_string(), role))
            .collect();
        let mut claims = serde_json::json!({
            "sub": user.to_string(), "role": role, "iat": now, "exp": now + ACCESS_TOKEN_S,
            "sid": session.id, "gen": session.generation, "organizations": organizations,
        });
        for (name, value) in [("iss", &self.0.issuer), ("aud", &self.0.audience)] {
            if let Some(value) = value {
                claims[name] = value.as_str().into();
            }
        }
        Ok(jsonwebtoken::encode(
            &Header::new(Algorithm::HS256),
            &claims,
            key,
        )?)
    }

    /// Makes a token that ends after `ttl`.
    pub fn issue(&self, user: UserId, role: Role, ttl: Duration) -> Result<String, AuthSetupError> {
        let key = self.0.encoding.as_ref();
        let key = key.ok_or(AuthSetupError::CannotIssue)?;
        let exp = jsonwebtoken::get_current_timestamp().saturating_add(ttl.as_secs());
        let claims = serde_json::json!({ "sub": user.to_string(), "role": role, "exp": exp });
        Ok(jsonwebtoken::encode(
            &Header::new(Algorithm::HS256),
            &claims,
            key,
        )?)
    }
}

/// Whether a client's access token is only its API key, so that the caller is anonymous.
///
/// Supabase clients send their `apikey` as token while nobody is signed in, and newer keys begin with `sb_`. Neither is
/// a bad token.
pub fn is_api_key(token: &str, api_key: Option<&str>) -> bool {
    token.starts_with("sb_") || api_key == Some(token)
}

fn secret_keys(secret: &[u8]) -> Result<(DecodingKey, Option<EncodingKey>), AuthSetupError> {
    if secret.len() < SECRET_BYTES_MIN {
        return Err(AuthSetupError::ShortSecret);
    }
    Ok((
        DecodingKey::from_secret(secret),
        Some(EncodingKey::from_secret(secret)),
    ))
}

fn public_key(path: &PathBuf) -> Result<DecodingKey, AuthSetupError> {
    let pem = fs::read(path).map_err(|source| AuthSetupError::KeyFile {
        path: path.clone(),
        source,
    })?;
    DecodingKey::from_rsa_pem(&pem)
        .or_else(|_| DecodingKey::from_ec_pem(&pem))
        .or_else(|_| DecodingKey::from_ed_pem(&pem))
        .map_err(|_| AuthSetupError::NotAKey(path.clone()))
}

/// The algorithms are fixed by the key's kind, so a token can neither say `none` nor pass off a
/// public key as an HMAC secret.
fn validation(config: &AuthConfig, key: &DecodingKey, secret: bool) -> Validation {
    let mut validation = if secret {
        Validation::new(Algorithm::HS256)
    } else {
        Validation::new_for_family(key.family())
    };
    validation.leeway = CLOCK_SKEW_S;
    validation.validate_nbf = true;
    validation.validate_aud = false;
    let mut required = vec!["exp"];
    if let Some(audience) = &config.jwt_audience {
        validation.validate_aud = true;
        validation.set_audience(&[audience]);
        required.push("aud");
    }
    if let Some(issuer) = &config.jwt_issuer {
        validation.set_issuer(&[issuer]);
        required.push("iss");
    }
    validation.set_required_spec_claims(&required);
    validation
}

/// The time by which tokens end. Whoever signs them means no database, so it is this node's.
pub fn token_time() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// The token of an `Authorization` header.
pub fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(token.trim())
}

fn user_id(subject: Option<TokenSubject>) -> Option<UserId> {
    let id = match subject? {
        TokenSubject::Number(id) => id,
        TokenSubject::Text(text) => text.parse().ok()?,
    };
    (id.0 > 0).then_some(id)
}

fn expiry(seconds: f64) -> Option<jiff::Timestamp> {
    jiff::Timestamp::from_second(seconds as i64).ok()
}

impl From<jsonwebtoken::errors::Error> for AuthError {
    fn from(error: jsonwebtoken::errors::Error) -> AuthError {
        match error.kind() {
            ErrorKind::ExpiredSignature => AuthError::Expired,
            _ => AuthError::Invalid(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests;
