//! The OpenAPI document: gathered from the handlers, completed with what all operations share (`complete`), and served
//! with a page to try it.

mod complete;
#[cfg(feature = "swagger")]
mod demo;

use axum::Router;
#[cfg(feature = "swagger")]
use axum::response::Redirect;
use axum::routing::get;
use serde_json::Value;
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::security::SecurityRequirement;

#[cfg(feature = "swagger")]
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::ApiState;
use super::envelope::Failure;
use crate::auth::Role;

pub(super) use complete::complete;

const DOCUMENT_PATH: &str = "/openapi.json";
#[cfg(feature = "swagger")]
const PAGE_PATH: &str = "/docs";
/// Where servers made with FastAPI have their second page.
#[cfg(feature = "swagger")]
const READER_PATH: &str = "/redoc";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Seatcast",
        description = "Tickets, sold while everyone watches. Every answer is `{success, message, data}`; \
            the sentence in `message` follows `Accept-Language` (en, th, fa), codes in `data.code` are stable. \
            Live numbers come over `/realtime/v1/websocket`; the reads here give the same numbers. \
            In development mode `X-User-Id` names the caller as well."
    ),
    servers((url = "/", description = "This server")),
    components(schemas(Failure)),
    tags(
        (name = "availability", description = "What is left, now"),
        (name = "events", description = "What is on sale"),
        (name = "seats", description = "The map of an event and the status of its seats"),
        (name = "bookings", description = "Holds and sales"),
        (name = "tickets", description = "Tickets as their holders see them, and the doors that they open"),
        (name = "payments", description = "Money for bookings"),
        (name = "waitlist", description = "Tickets that may come free"),
        (name = "notices", description = "What organizers tell everyone"),
        (name = "prices", description = "Taxes, fees and vouchers"),
        (name = "numbers", description = "Sales over time, the way of visitors, and tables for spreadsheets"),
        (name = "users", description = "Who buys and who organizes"),
        (name = "interactions", description = "What people did, for analytics"),
        (name = "supabase", description = "Tables as clients of Supabase read them; answers have the forms of PostgREST"),
        (name = "health", description = "Is the server well"),
    )
)]
struct Base;

/// The document without paths.
pub(super) fn base() -> Document {
    Base::openapi()
}

/// The document at `/openapi.json`, and a page to try it at `/docs`. The page's files are in the binary; the
/// validator's badge is off, since it would be fetched from another server. In development mode the page also lets one
/// act as any user.
#[cfg(feature = "swagger")]
pub(super) fn pages(document: Value, dev: bool) -> Router<ApiState> {
    let config = Config::from(DOCUMENT_PATH).validator_url("none");
    let page = Router::from(SwaggerUi::new(PAGE_PATH).config(config.clone()));
    page.merge(demo::routes(config, dev))
        .route(READER_PATH, get(async || Redirect::to(PAGE_PATH)))
        .merge(document_route(document))
}

/// The document at `/openapi.json`.
#[cfg(not(feature = "swagger"))]
pub(super) fn pages(document: Value, _: bool) -> Router<ApiState> {
    document_route(document)
}

fn document_route(document: Value) -> Router<ApiState> {
    let document = axum::Json(document);
    Router::new().route(DOCUMENT_PATH, get(async move || document.clone()))
}

/// Marks every operation as needing a token of at least this role.
pub(super) fn require(role: Role, document: &mut Document) {
    let items = document.paths.paths.values_mut();
    let operations = items.flat_map(|item| {
        [
            &mut item.get,
            &mut item.put,
            &mut item.post,
            &mut item.delete,
            &mut item.patch,
        ]
        .into_iter()
        .flatten()
    });
    for operation in operations {
        let scopes: [&str; 0] = [];
        operation.security = Some(vec![SecurityRequirement::new(complete::BEARER, scopes)]);
        let who = match role {
            Role::Customer => "Any signed-in user.".to_owned(),
            _ => format!("Role {role}."),
        };
        let text = operation.description.take().unwrap_or_default();
        operation.description = Some(format!("{text}\n\n{who}").trim().to_owned());
    }
}
