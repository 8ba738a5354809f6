//! The routes under `/rest/v1/`.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn, from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use serde_json::json;
use utoipa::openapi::OpenApi;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    ArrayBuilder, Object, ObjectBuilder, OneOfBuilder, Ref, Schema, Type,
};
use utoipa::{IntoParams, PartialSchema, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer;
use super::error::RestError;
use super::headers::{self, AnswerForm, Prefer, RowRange};
use super::{insert, query};
use crate::auth::Auth;
use crate::config::Config;
use crate::config::rest::PUBLISHED_ROWS_MAX;
use crate::interactions::{Interactions, Untold};
use crate::limits::address::Client;
use crate::protocol::supabase::{PublishedTable, TABLES};
use crate::schema::interaction::InteractionBody;
use crate::schema::{self, revision};
use crate::store::Store;
use crate::store::published::Published;

/// State of the routes. Cheap to clone.
#[derive(Clone)]
pub struct RestTables {
    pub config: Arc<Config>,
    pub auth: Auth,
    pub store: Store,
    pub interactions: Interactions,
}

/// The routes, without layers for CORS and the like.
pub fn router(tables: RestTables) -> Router {
    let (router, _) = routes().split_for_parts();
    let patience = Duration::from_millis(tables.config.http.request_timeout_ms);
    router
        .route("/rest/v1/rpc/{function}", any(no_function))
        .method_not_allowed_fallback(no_method)
        .layer(from_fn(of_our_schema))
        .route("/rest/v1/", any(no_path))
        .route("/rest/v1/{table}/{*rest}", any(no_path))
        .layer(DefaultBodyLimit::max(tables.config.http.body_bytes_max))
        .layer(from_fn_with_state(patience, deadline))
        .layer(map_response(for_the_caller))
        .with_state(tables)
}

/// Their part of the OpenAPI document.
pub fn document() -> OpenApi {
    routes().into_openapi()
}

fn routes() -> OpenApiRouter<RestTables> {
    OpenApiRouter::new()
        .routes(routes!(read)) // GET /rest/v1/{table}
        .routes(routes!(take_interactions)) // POST /rest/v1/user_interactions
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "documents the path that `read` reads")]
struct TableName {
    #[param(schema_with = tables)]
    table: String,
}

fn tables() -> Object {
    schema::choice(TABLES.map(|table| table.name))
}

/// The words of a query. Every other parameter filters by the column of its name.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents the query that `query::read` reads")]
struct ReadQuery {
    /// Columns between commas, each as `name` or `shown_as:name`; all without it.
    #[param(example = "*")]
    select: Option<String>,
    /// Columns between commas, each as `name`, `name.desc`, `name.asc.nullslast`.
    order: Option<String>,
    #[param(schema_with = revision, required = false)]
    limit: Option<i64>,
    #[param(schema_with = revision, required = false)]
    offset: Option<i64>,
}

fn profile() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(["public"]))
        .build()
}

#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "documents the headers that `headers` reads")]
struct ReadHeaders {
    /// `count=exact`: the number of rows in all, in `Content-Range`.
    #[param(rename = "Prefer")]
    prefer: Option<String>,
    /// Rows `0-9`, as `limit` and `offset` name them.
    #[param(rename = "Range")]
    range: Option<String>,
    /// The schema; there is only `public`.
    #[param(rename = "Accept-Profile", schema_with = profile, required = false)]
    accept_profile: Option<String>,
}

/// Rows to insert.
struct InsertedRows;

impl PartialSchema for InsertedRows {
    fn schema() -> RefOr<Schema> {
        let row = || Ref::from_schema_name(InteractionBody::name());
        let rows_max = usize::try_from(PUBLISHED_ROWS_MAX).ok();
        let list = ArrayBuilder::new().items(row()).max_items(rows_max);
        let either = OneOfBuilder::new()
            .description(Some("A list of rows, or one"))
            .examples([json!([{"action": "ticket_selected", "event_id": 2}])])
            .item(list)
            .item(row());
        Schema::from(either.build()).into()
    }
}

impl ToSchema for InsertedRows {}

/// Read a table as with PostgREST
///
/// For clients of Supabase: `event_tickets`, `events`, `seats`, `notices`. `select`, filters (`eq`, `neq`, `gt`, `gte`,
/// `lt`, `lte`, `like`, `ilike`, `in`, `is`, `not.…`, `and`, `or`), `order`, `limit`, `offset`, `Range`,
/// `Prefer: count=exact`; at most 1,000 rows.
#[utoipa::path(get, path = "/rest/v1/{table}", tag = "supabase",
    params(TableName, ReadQuery, ReadHeaders),
    responses(
        (status = 200, description = "Rows: JSON, one object, or CSV, by `Accept`", headers(("Content-Range" = String)),
            content((Vec<Object> = "application/json"), (Object = "application/vnd.pgrst.object+json"), (String = "text/csv"))),
        (status = 206, description = "A part of the rows, where they were counted", headers(("Content-Range" = String)),
            content((Vec<Object> = "application/json"), (Object = "application/vnd.pgrst.object+json"), (String = "text/csv"))),
        (status = 400, body = RestError, description = "A column, operator or value is wrong; the query reads too much"),
        (status = 401, body = RestError, description = "A token that is not valid"),
        (status = 403, body = RestError, description = "The table is not for reading"),
        (status = 404, body = RestError, description = "No such table"),
        (status = 406, body = RestError, description = "Not one row (`PGRST116`), no such form, or no such schema (`PGRST106`)"),
        (status = 416, body = RestError, description = "The page begins behind the last row",
            headers(("Content-Range" = Option<String>, description = "`*/2`: so many rows were counted"))),
        (status = 500, body = RestError, description = "Something went wrong on our side"),
        (status = 503, body = RestError, description = "Not now: come again after `Retry-After`"),
        (status = 504, body = RestError, description = "It took too long"),
    ))]
async fn read(
    State(tables): State<RestTables>,
    name: Result<Path<String>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, RestError> {
    let Path(name) = name.map_err(|_| RestError::no_path())?;
    let table = table(&name)?;
    let caller = tables.auth.supabase_caller(&headers).await?;
    let (form, prefer) = (AnswerForm::of(&headers)?, Prefer::of(&headers));
    let range = RowRange::of(&headers)?;
    let asked = query::read(table, &pairs(&uri)?, range, prefer.counted)?;
    let page = match tables.store.published(&asked.reading, &caller).await? {
        Published::Page(page) => page,
        Published::TooMany => return Err(RestError::too_much_to_read()),
    };
    let offset = asked.reading.offset;
    let status = headers::status(offset, page.rows.len(), page.total)?;
    let range = headers::content_range(offset, page.rows.len(), page.total);
    answer::of_rows(status, form, &asked.selected, &page.rows, &range)
}

/// Insert interactions as with PostgREST
///
/// For trackers of Supabase clients; a list of rows, or one. They are stored within seconds, under the caller's user if
/// there is one.
#[utoipa::path(post, path = "/rest/v1/user_interactions", tag = "supabase", request_body = InsertedRows,
    responses(
        (status = 201, description = "Taken in, all of them; with `Prefer: return=representation` the answer has the rows"),
        (status = 400, body = RestError, description = "A column is not known (`PGRST204`), or a value is wrong"),
        (status = 401, body = RestError, description = "A token that is not valid"),
        (status = 406, body = RestError, description = "No such form of the answer, or no such schema (`PGRST106`)"),
        (status = 413, body = RestError, description = "The body is too large"),
        (status = 429, body = RestError, description = "More rows than one address or account may insert: come again after `Retry-After`"),
        (status = 500, body = RestError, description = "Something went wrong on our side"),
        (status = 503, body = RestError, description = "Too many wait to be stored; none was taken in"),
        (status = 504, body = RestError, description = "It took too long"),
    ))]
async fn take_interactions(
    State(tables): State<RestTables>,
    client: Client,
    uri: Uri,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, RestError> {
    let caller = tables.auth.supabase_caller(&headers).await?;
    let (form, prefer) = (AnswerForm::of(&headers)?, Prefer::of(&headers));
    if prefer.upsert {
        return Err(RestError::not_permitted(insert::TABLE));
    }
    let pairs = pairs(&uri)?;
    let parameter = |name: &str| {
        let mut pairs = pairs.iter();
        pairs
            .find(|(one, _)| one == name)
            .map(|(_, value)| value.as_str())
    };
    let selected = insert::columns().select(parameter("select").unwrap_or_default())?;
    let rows = insert::rows(&body.map_err(unreadable)?, parameter("columns"))?;
    let batch = insert::interactions(&rows, caller.user_id())?;
    let count = prefer.counted.then_some(rows.len() as i64);
    let range = headers::content_range(0, 0, count);
    let answer = match prefer.rows {
        true => {
            let columns: Vec<usize> = selected.iter().map(|one| one.column).collect();
            let shown = insert::shown(&rows, &columns);
            let shown = shown.map_err(|error| RestError::bad_body(error.to_string()))?;
            answer::of_rows(StatusCode::CREATED, form, &selected, &shown, &range)?
        }
        false => answer::empty(StatusCode::CREATED, &range),
    };
    let told = tables.interactions.tell(client.network(), batch);
    told.map_err(|untold| match untold {
        Untold::TooOften(refused) => RestError::too_often(refused),
        Untold::NoRoom => RestError::busy(),
    })?;
    Ok(answer)
}

/// A published table.
fn table(name: &str) -> Result<&'static PublishedTable, RestError> {
    let mut tables = TABLES.into_iter();
    let table = tables.find(|table| table.name == name);
    table.ok_or_else(|| RestError::no_table(name))
}

fn pairs(uri: &Uri) -> Result<Vec<(String, String)>, RestError> {
    let pairs = Query::<Vec<(String, String)>>::try_from_uri(uri);
    let pairs = pairs.map_err(|error| RestError::unreadable("query", "", error.body_text()))?;
    Ok(pairs.0)
}

fn unreadable(rejection: BytesRejection) -> RestError {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => RestError::too_large(),
        _ => RestError::bad_body("The body cannot be read"),
    }
}

async fn no_function(name: Result<Path<String>, PathRejection>) -> RestError {
    match name {
        Ok(Path(name)) => RestError::no_function(&name),
        Err(_) => RestError::no_path(),
    }
}

async fn no_path() -> RestError {
    RestError::no_path()
}

/// The table may not be there, not be for this, or know no such method.
async fn no_method(method: Method, uri: Uri) -> RestError {
    let name = uri.path().trim_start_matches("/rest/v1/");
    if name != insert::TABLE && table(name).is_err() {
        return RestError::no_table(name);
    }
    match method {
        Method::GET | Method::HEAD | Method::POST => RestError::not_permitted(name),
        method => RestError::no_method(method.as_str()),
    }
}

async fn of_our_schema(request: Request, next: Next) -> Response {
    match headers::schema(request.method(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refused) => refused.into_response(),
    }
}

/// Rows depend on who asks, and no cache is told who that is.
async fn for_the_caller(mut response: Response) -> Response {
    let private = HeaderValue::from_static("private, no-store");
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, private);
    response
}

/// A request that takes too long is dropped, with its query.
async fn deadline(State(patience): State<Duration>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(patience, next.run(request)).await {
        Ok(response) => response,
        Err(_) => RestError::timeout().into_response(),
    }
}
