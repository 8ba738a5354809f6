//! The caller of a request, and the roles that groups of routes need. The caller is found once per request and
//! stored with it; handlers take [`Caller`] to check ownership.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use dashmap::DashMap;
use serde_json::{Map, Value};
use utoipa_axum::router::OpenApiRouter;

use super::doors::count_account;
use super::error::{ApiError, ApiResult};
use super::layers::RequestId;
use super::{ApiState, openapi};
use crate::auth::{AuthError, Caller, Credentials, Role};
use crate::config::HttpConfig;
use crate::config::inside::{ACCESS_TOKEN_S, KEYS_KNOWN_MAX};
use crate::limits::address::Client;
use crate::limits::rates::RateKind;
use crate::store::audit_trail::{self, RequestOrigin};
use crate::store::organizations::KeyRights;
use crate::store::users::UserRights;
use crate::store::{Store, StoreError};
use crate::ticketing::UserId;

/// Routes whose body is the proof, so the caller is nobody yet. To come by another token is their purpose.
const PROVED_BY_BODY: [&str; 8] = [
    "/api/v1/auth/confirm",
    "/api/v1/auth/link",
    "/api/v1/auth/link/open",
    "/api/v1/auth/login",
    "/api/v1/auth/password/forgot",
    "/api/v1/auth/password/reset",
    "/api/v1/auth/refresh",
    "/api/v1/auth/register",
];

/// Finds the caller by token, or by `X-User-Id` in development mode. A bad token is refused even where none is
/// needed, since its sender expects it to count; only where the body is the proof, it is as good as none.
pub(super) async fn identify(
    State(state): State<ApiState>,
    mut request: Request,
    next: Next,
) -> Response {
    let kind = request.extensions().get::<RateKind>().copied();
    let found = match is_proved_by_body(&request) {
        true => Ok(Caller::Anonymous),
        false => caller(&state, request.headers()).await,
    };
    match found.and_then(|caller| count_account(&state.rates, &caller, kind).map(|()| caller)) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            match origin(&state, &request) {
                Some(origin) => audit_trail::of_request(origin, next.run(request)).await,
                None => next.run(request).await,
            }
        }
        Err(error) => error.into_response(),
    }
}

fn is_proved_by_body(request: &Request) -> bool {
    let route = request.extensions().get::<MatchedPath>();
    route.is_some_and(|route| PROVED_BY_BODY.contains(&route.as_str()))
}

/// The request as the audit trail shows it. Reads are not told.
fn origin(state: &ApiState, request: &Request) -> Option<RequestOrigin> {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return None;
    }
    let extensions = request.extensions();
    let route = extensions.get::<MatchedPath>()?.as_str();
    let parts = varying(route, request.uri().path());
    let route = route.strip_prefix("/api/v1").unwrap_or(route);
    let client = extensions.get::<Client>().copied();
    Some(RequestOrigin {
        action: format!("{} {route}", request.method()),
        parts,
        request_id: extensions.get::<RequestId>()?.0.clone(),
        address_hash: state.guests.hash_of_address(client?),
    })
}

/// The parts of a path that its route leaves open, by name, but for those that open something.
fn varying(route: &str, path: &str) -> Map<String, Value> {
    // From the end: a path may have lost its beginning on its way here.
    let parts = route.rsplit('/').zip(path.rsplit('/'));
    let named = parts.filter_map(|(name, part)| {
        let name = name.strip_prefix('{')?.strip_suffix('}')?;
        let is_secret = matches!(name, "code" | "token");
        (!is_secret).then(|| (name.to_owned(), Value::from(part)))
    });
    named.collect()
}

async fn caller(state: &ApiState, headers: &HeaderMap) -> ApiResult<Caller> {
    match state.auth.credentials(headers).await? {
        Credentials::Caller(caller) => Ok(caller),
        Credentials::Unplaced(caller) => Ok(state.roles.placed(&state.store, caller).await),
        Credentials::Key(hash) => state.roles.program(state, hash).await,
        Credentials::DevUser(id) => state.roles.caller(&state.store, id).await,
    }
}

/// How long a caller's role is waited for.
const LOOK_UP_PATIENCE: Duration = Duration::from_secs(1);

/// A short-lived cache of the roles of users named by `X-User-Id`: a demo asks many times a second.
#[derive(Clone)]
pub(super) struct RoleCache {
    known: Arc<DashMap<UserId, (UserRights, Instant)>>,
    /// API keys by their hash.
    keys: Arc<DashMap<[u8; 32], KnownKey>>,
    known_max: usize,
    age_max: Duration,
}

/// The rights of a key, unless it is no good, and when they were looked up.
type KnownKey = (Option<KeyRights>, Instant);

impl RoleCache {
    pub(super) fn new(config: &HttpConfig) -> RoleCache {
        RoleCache {
            known: Arc::default(),
            keys: Arc::default(),
            known_max: config.standings_max,
            age_max: Duration::from_millis(config.standing_ms),
        }
    }

    /// Asks for the user anew, whose rights have changed.
    pub(super) fn forget(&self, user: UserId) {
        self.known.remove(&user);
    }

    /// Asks for API keys anew, one of which was revoked.
    pub(super) fn forget_keys(&self) {
        self.keys.clear();
    }

    /// The organization's program with this key.
    async fn program(&self, state: &ApiState, hash: [u8; 32]) -> ApiResult<Caller> {
        let fresh = |known: &KnownKey| (known.1.elapsed() < self.age_max).then_some(known.0);
        let known = self.keys.get(&hash).and_then(|known| fresh(&known));
        let rights = match known {
            Some(rights) => rights,
            None => {
                let rights = state.store.key_rights(&hash).await?;
                if self.keys.len() >= KEYS_KNOWN_MAX {
                    self.keys.clear();
                }
                self.keys.insert(hash, (rights, Instant::now()));
                rights
            }
        };
        let now = state.desk.now();
        let ended = |rights: &KeyRights| rights.expires_at.is_some_and(|end| end <= now);
        let rights = rights.filter(|rights| !ended(rights));
        let unknown = || AuthError::Invalid("no such API key, or it has ended".to_owned());
        let rights = rights.ok_or_else(unknown)?;
        Ok(Caller::Key {
            id: rights.id,
            organization: rights.organization,
            rights: rights.rights,
        })
    }

    async fn caller(&self, store: &Store, id: UserId) -> ApiResult<Caller> {
        let standing = match self.fresh(id) {
            Some(standing) => standing,
            None => self.look_up(store, id).await?,
        };
        Ok(Caller::User {
            id,
            role: standing.role,
            member: standing.member,
            token_expires: None,
            session: None,
            staffs: standing.staffs,
        })
    }

    /// The caller with the organizations that the token does not name. While the database is away, those that were known
    /// last: a token is good without any.
    async fn placed(&self, store: &Store, caller: Caller) -> Caller {
        let Some(id) = caller.user_id() else {
            return caller;
        };
        let standing = match self.fresh(id) {
            Some(standing) => Some(standing),
            None => self.look_up(store, id).await.ok(),
        };
        caller.with_staffs(standing.map(|standing| standing.staffs).unwrap_or_default())
    }

    fn fresh(&self, id: UserId) -> Option<UserRights> {
        let known = self.known.get(&id)?;
        (known.1.elapsed() < self.age_max).then_some(known.0)
    }

    /// A database that does not answer must not hold up what would be answered without it: then the role that was
    /// known last counts, if that is not too long ago.
    async fn look_up(&self, store: &Store, id: UserId) -> ApiResult<UserRights> {
        let unknown = || AuthError::Invalid(format!("there is no user {id}"));
        let asked = tokio::time::timeout(LOOK_UP_PATIENCE, store.standing(id)).await;
        let asked = asked.unwrap_or_else(|elapsed| Err(StoreError::Unavailable(elapsed.into())));
        let standing = match (asked, self.known.get(&id)) {
            (Err(error), Some(known)) if error.is_transient() && may_be_believed(known.1) => {
                return Ok(known.0);
            }
            (asked, _) => asked?.ok_or_else(unknown)?,
        };
        if self.known.len() >= self.known_max {
            self.known.clear();
        }
        self.known.insert(id, (standing, Instant::now()));
        Ok(standing)
    }
}

/// Rights that were looked up then may have been taken since. They count for as long as those that a token says.
fn may_be_believed(looked_up: Instant) -> bool {
    looked_up.elapsed() < Duration::from_secs(ACCESS_TOKEN_S)
}

/// Restricts `routes` to callers of at least this role, where people of an organization count as organizers, and says so in the OpenAPI document.
pub(super) fn only(role: Role, routes: OpenApiRouter<ApiState>) -> OpenApiRouter<ApiState> {
    let keep = move |caller: Caller, request: Request, next: Next| async move {
        let admits = match role {
            Role::Customer => caller.role().is_some(),
            Role::Organizer => caller.is_staff(),
            Role::Admin => caller.is_admin(),
        };
        match caller {
            _ if admits => next.run(request).await,
            Caller::Anonymous => ApiError::unauthenticated().into_response(),
            _ => ApiError::forbidden().into_response(),
        }
    };
    let mut routes = routes.route_layer(middleware::from_fn(keep));
    openapi::require(role, routes.get_openapi_mut());
    routes
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> ApiResult<Caller> {
        let found = parts.extensions.get::<Caller>().copied();
        found.ok_or_else(|| ApiError::internal("a route outside of `identify` asks for its caller"))
    }
}
