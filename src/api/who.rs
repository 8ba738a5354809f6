//! Who asks, and whether they may: the caller is found once per request and left with it; groups of routes
//! are kept by role; handlers take [`Caller`] to check whose a thing is.

use axum::extract::{FromRequestParts, Request, State};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;

use super::error::{ApiError, ApiResult};
use super::{ApiState, openapi};
use crate::auth::{Caller, Credentials, Role};

/// Finds the caller by token, or by `X-User-Id` in development mode. A bad token is refused even where none is
/// needed: whoever sends one expects it to count.
pub(super) async fn identify(
    State(state): State<ApiState>,
    mut request: Request,
    next: Next,
) -> Response {
    match caller(&state, request.headers()).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(error) => error.into_response(),
    }
}

async fn caller(state: &ApiState, headers: &HeaderMap) -> ApiResult<Caller> {
    match state.auth.credentials(headers)? {
        Credentials::Caller(caller) => Ok(caller),
        Credentials::DevUser(_) => Err(ApiError::unauthenticated()),
    }
}

/// Keeps `routes` for callers of at least this role, and says so in the OpenAPI.
pub(super) fn only(role: Role, routes: OpenApiRouter<ApiState>) -> OpenApiRouter<ApiState> {
    let keep = move |caller: Caller, request: Request, next: Next| async move {
        match caller.role() {
            None => ApiError::unauthenticated().into_response(),
            Some(has) if has < role => ApiError::forbidden().into_response(),
            Some(_) => next.run(request).await,
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
