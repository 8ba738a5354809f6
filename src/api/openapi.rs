//! The OpenAPI document: gathered from the handlers, and completed here with the parts that all operations share.

use axum::Router;
use utoipa::OpenApi;
use utoipa::openapi::path::{Operation, ParameterIn, PathItem};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, RefOr, Response};
use utoipa::openapi::{OpenApi as Document, content::ContentBuilder, schema::Ref};

#[cfg(feature = "swagger")]
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::envelope::Failure;
use crate::auth::Role;

const DOCUMENT_PATH: &str = "/openapi.json";
/// Routes with the forms of PostgREST.
const TABLES_PATH: &str = "/rest/v1/";
const BEARER: &str = "bearer";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Seatcast",
        description = "Tickets, sold while everyone watches. Every answer is `{success, message, data}`; \
            the sentence in `message` follows `Accept-Language` (en, th, fa), codes in `data.code` are stable. \
            Live numbers come over `/realtime/v1/websocket`; the reads here give the same numbers."
    ),
    components(schemas(Failure)),
    tags(
        (name = "availability", description = "What is left, now"),
        (name = "events", description = "What is on sale"),
        (name = "seats", description = "The map of an event and the status of its seats"),
        (name = "bookings", description = "Holds and sales"),
        (name = "notices", description = "What organizers tell everyone"),
        (name = "users", description = "Who buys and who organizes"),
        (name = "interactions", description = "What people did, for analytics"),
        (name = "supabase", description = "Tables as clients of Supabase read them; answers have the forms of PostgREST"),
        (name = "health", description = "Is the server well"),
    )
)]
struct Base;

/// The document without paths.
pub(super) fn base() -> Document {
    let mut document = Base::openapi();
    let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    document
        .components
        .get_or_insert_with(Components::new)
        .add_security_scheme(BEARER, bearer);
    document
}

/// The document at `/openapi.json`, and a page to try it at `/docs`. The page's files are in the binary; the
/// validator's badge is off, since it would be fetched from another server.
#[cfg(feature = "swagger")]
pub(super) fn pages<S: Clone + Send + Sync + 'static>(document: Document) -> Router<S> {
    let config = Config::from(DOCUMENT_PATH).validator_url("none");
    SwaggerUi::new("/docs")
        .url(DOCUMENT_PATH, document)
        .config(config)
        .into()
}

/// The document at `/openapi.json`.
#[cfg(not(feature = "swagger"))]
pub(super) fn pages<S: Clone + Send + Sync + 'static>(document: Document) -> Router<S> {
    let document = axum::Json(document);
    Router::new().route(
        DOCUMENT_PATH,
        axum::routing::get(async move || document.clone()),
    )
}

/// Marks every operation as needing a token of at least this role.
pub(super) fn require(role: Role, document: &mut Document) {
    for operation in operations(document) {
        let scopes: [&str; 0] = [];
        operation.security = Some(vec![SecurityRequirement::new(BEARER, scopes)]);
        let who = match role {
            Role::Customer => "Any signed-in user.".to_owned(),
            _ => format!("Role {role}."),
        };
        let text = operation.description.take().unwrap_or_default();
        operation.description = Some(format!("{text}\n\n{who}").trim().to_owned());
        answer(operation, "403", "Not allowed to this caller");
    }
}

/// Adds the answers that every operation may give.
pub(super) fn complete(document: &mut Document) {
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in verbs(item) {
            operation.operation_id = Some(operation_id(method, path));
            // Those say themselves what they answer, in another form.
            if !path.starts_with(TABLES_PATH) {
                complete_operation(operation);
            }
        }
    }
}

fn complete_operation(operation: &mut Operation) {
    answer(
        operation,
        "401",
        "No token where one is needed, or a bad one",
    );
    let parameters = operation.parameters.iter().flatten();
    let query = parameters
        .filter(|one| matches!(one, RefOr::T(one) if one.parameter_in == ParameterIn::Query));
    if query.count() > 0 {
        answer(operation, "422", "Validation failed");
    }
    if operation.parameters.is_some() {
        answer(operation, "400", "The path or the query cannot be read");
    }
    if operation.request_body.is_some() {
        answer(operation, "400", "The body is not JSON");
        answer(operation, "408", "The body came too slowly");
        answer(operation, "413", "The body is too large");
        answer(
            operation,
            "415",
            "`NOT_JSON`, `UNSUPPORTED_ENCODING`: not what the operation takes",
        );
        answer(operation, "422", "Validation failed");
    }
    answer(
        operation,
        "429",
        "`RATE_LIMITED`: this address or account asks too often; `Retry-After` and `RateLimit` say when to come again",
    );
    answer(operation, "500", "Something went wrong on our side");
    answer(operation, "503", "Not now: come again after `Retry-After`");
}

fn answer(operation: &mut Operation, status: &str, description: &str) {
    let failure = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Failure")))
        .build();
    let response = Response::builder()
        .description(description)
        .content("application/json", failure);
    operation
        .responses
        .responses
        .entry(status.to_owned())
        .or_insert_with(|| RefOr::T(response.build()));
}

/// A name that is unique in the document, as in `get_events_event_id`; handlers' names are unique in their file only.
fn operation_id(method: &str, path: &str) -> String {
    let path = path.strip_prefix("/api/v1").unwrap_or(path);
    let words = path
        .split(|sign: char| !sign.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    std::iter::once(method)
        .chain(words)
        .collect::<Vec<_>>()
        .join("_")
}

fn operations(document: &mut Document) -> impl Iterator<Item = &mut Operation> {
    let items = document.paths.paths.values_mut();
    items.flat_map(|item| verbs(item).map(|(_, operation)| operation))
}

fn verbs(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let PathItem {
        get,
        put,
        post,
        delete,
        patch,
        ..
    } = item;
    [
        ("get", get),
        ("put", put),
        ("post", post),
        ("delete", delete),
        ("patch", patch),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}
