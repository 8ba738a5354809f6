//! THE DEVELOPERS' PAGE, `/dev`, in development mode only: `web/src/dev/` with what it needs beside the API. Mails are at
//! `/dev/outbox` (`src/mail/outbox.rs`).

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use crate::api;
use crate::store::Store;
use crate::telemetry::with_causes;
use crate::ticketing::BookingId;
use crate::web;

pub fn router(store: Store) -> Router {
    let routes = Router::new()
        .route("/dev", get(web::dev_page))
        .route("/dev/holds/{booking}/expire", post(expire))
        .with_state(store);
    api::with_not_found(routes)
}

/// A hold's deadline is now; the sweeper ends it within a second or two, as any other. 404: there is no such hold.
async fn expire(State(store): State<Store>, Path(booking): Path<BookingId>) -> Response {
    match store.let_hold_end(booking).await {
        Ok(true) => StatusCode::NO_CONTENT.into_response(),
        Ok(false) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => {
            tracing::warn!(error = %with_causes(&error), %booking, "a hold's deadline could not be changed");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}
