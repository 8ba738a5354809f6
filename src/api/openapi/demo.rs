//! Our part of the page at `/docs`: it can be read and used by everybody, and in development mode has a choice of the
//! demo's people, so that requests carry the token of the one that is chosen.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;
use utoipa_swagger_ui::Config;

use crate::api::ApiState;
use crate::api::cache;
use crate::api::envelope::Reply;
use crate::api::error::{ApiError, ApiResult};
use crate::auth::Role;
use crate::ticketing::UserId;

/// The page's script, with ours after it.
const SCRIPT_PATH: &str = "/docs/swagger-initializer.js";
const PEOPLE_PATH: &str = "/docs/people.json";
const READABLE: &str = include_str!("readable.js");
const CHOICE: &str = include_str!("demo.js");
/// A demo that is left open over a day wants to be loaded again.
const TOKEN_TTL: Duration = Duration::from_secs(24 * 3_600);
/// People to choose from.
const PEOPLE_MAX: i64 = 100;

/// One of the people to act as.
#[derive(Serialize)]
struct DemoUser {
    id: UserId,
    name: String,
    role: Role,
    token: String,
}

pub(super) fn routes(config: Config<'static>, dev: bool) -> Router<ApiState> {
    let config = Arc::new(config);
    let page = Router::new().route(SCRIPT_PATH, get(async move || script(config.clone(), dev)));
    match dev {
        true => page.route(PEOPLE_PATH, get(people)),
        false => page,
    }
}

fn script(config: Arc<Config<'static>>, dev: bool) -> Response {
    let name = SCRIPT_PATH.rsplit('/').next().unwrap_or_default();
    let file = match utoipa_swagger_ui::serve(name, config) {
        Ok(Some(file)) => file,
        Ok(None) => return ApiError::not_found("NOT_FOUND").into_response(),
        Err(error) => return ApiError::internal(error.to_string()).into_response(),
    };
    let choice = if dev { CHOICE } else { "" };
    let script = [&file.bytes, READABLE.as_bytes(), choice.as_bytes()].concat();
    let mut response = script.into_response();
    let kind = HeaderValue::from_static("text/javascript; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// The users, each with a token; none where tokens are made by somebody else.
async fn people(State(state): State<ApiState>) -> ApiResult<Response> {
    let (users, _) = state.store.users(None, PEOPLE_MAX, 0).await?;
    let people = users.into_iter().filter_map(|user| {
        let token = state.auth.issue(user.id, user.role, TOKEN_TTL).ok()?;
        Some(DemoUser {
            id: user.id,
            name: user.name,
            role: user.role,
            token,
        })
    });
    let mut response = Reply::ok("USERS", people.collect::<Vec<_>>()).into_response();
    let control = HeaderValue::from_static(cache::PRIVATE);
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, control);
    Ok(response)
}
