//! Completes the document with what handlers need not repeat: answers and headers that many operations have, who may
//! call, closed bodies, names. It works on the document's JSON, since it walks over all of it.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

/// The security scheme of tokens.
pub(super) const BEARER: &str = "bearer";
/// The security scheme of bookings without an account.
const BOOKING_TOKEN: &str = "bookingToken";
/// The security scheme of browsers that are to be told of something.
const PUSH_AUTH: &str = "pushAuth";
/// The security scheme of Supabase clients.
const API_KEY: &str = "apiKey";
/// The security scheme of an `EventSource`.
const ACCESS_TOKEN: &str = "accessToken";
/// Routes with the forms of PostgREST.
const TABLES_PATH: &str = "/rest/v1/";
/// The methods that the document has.
const METHODS: [&str; 5] = ["get", "put", "post", "delete", "patch"];

/// Schemas of which at least one of these fields must be there.
const EITHER: [(&str, [&str; 2]); 3] = [
    ("UserInput", ["email", "phone"]),
    ("ContactInput", ["email", "phone"]),
    ("SeatsPatch", ["blocked", "ticket_type_id"]),
];

/// Fields that null empties in the bodies of changes ([`Input::IS_CHANGE`](crate::api::fields::Input::IS_CHANGE)); of their other
/// fields it is refused.
const EMPTIED: [(&str, &[&str]); 6] = [
    (
        "EventPatch",
        &[
            "city",
            "country",
            "description",
            "doors_at",
            "ends_at",
            "image_url",
        ],
    ),
    (
        "TicketTypePatch",
        &["max_per_booking", "max_per_user", "sale_from", "sale_to"],
    ),
    ("FeePatch", &[]),
    ("TaxPatch", &["ticket_type_id"]),
    ("OrganizationTaxPatch", &["country"]),
    (
        "VoucherPatch",
        &[
            "max_per_booking",
            "ticket_type_ids",
            "uses_max",
            "valid_from",
            "valid_to",
        ],
    ),
];

/// The document, completed.
pub(in crate::api) fn complete(mut document: Value) -> Value {
    document["components"]["securitySchemes"] = schemes();
    document["components"]["headers"] = headers();
    for (path, method, operation) in operations(&mut document) {
        operation["operationId"] = operation_id(&method, &path).into();
        secure(&path, operation);
        // Those say themselves what they answer, in another form.
        if !path.starts_with(TABLES_PATH) {
            add_failures(&method, operation);
        }
        describe_answers(&method, operation);
        add_headers(operation);
        bound(operation);
    }
    let bodies = body_schemas(&mut document);
    for name in &bodies {
        let change = EMPTIED.iter().find(|(change, _)| change == name);
        let emptied = change.map(|(_, fields)| *fields);
        close(&mut document["components"]["schemas"][name], emptied);
    }
    for (name, fields) in EITHER {
        require_either(&mut document["components"]["schemas"][name], fields);
    }
    refer_to_data(&mut document);
    drop_unused(&mut document);
    document
}

fn operations(document: &mut Value) -> impl Iterator<Item = (String, String, &mut Value)> {
    let paths = document["paths"].as_object_mut();
    paths.into_iter().flatten().flat_map(|(path, item)| {
        let verbs = item.as_object_mut().into_iter().flatten();
        let verbs = verbs.filter(|(method, _)| METHODS.contains(&method.as_str()));
        verbs.map(move |(method, operation)| (path.clone(), method.clone(), operation))
    })
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

fn schemes() -> Value {
    json!({
        BEARER: {
            "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
            "description": "Claims: `sub` (the user's number), `role`, `exp`",
        },
        BOOKING_TOKEN: {
            "type": "apiKey", "in": "header", "name": "X-Booking-Token",
            "description": "What a booking without an account was answered with",
        },
        PUSH_AUTH: {
            "type": "apiKey", "in": "header", "name": "X-Push-Auth",
            "description": "The secret of a browser's push subscription (`keys.auth`), in base64url",
        },
        API_KEY: {
            "type": "apiKey", "in": "header", "name": "apikey",
            "description": "As Supabase clients send it; names a caller if it is a token",
        },
        ACCESS_TOKEN: {
            "type": "apiKey", "in": "query", "name": "access_token",
            "description": "A token, for an `EventSource`, which sends no headers",
        },
    })
}

/// Says who may call where the route's role does not: bookings belong to an account or to the bearer of their token,
/// and everything else is for everybody, whose token counts nevertheless.
fn secure(path: &str, operation: &mut Value) {
    if operation.get("security").is_some() {
        answer(operation, "403", "`FORBIDDEN`: not allowed to this caller");
        return;
    }
    let by = |scheme: &str| json!({ scheme: [] });
    let nobody = json!({});
    operation["security"] = match path {
        "/api/v1/bookings/{id}"
        | "/api/v1/bookings/{id}/invoices"
        | "/api/v1/bookings/{id}/status"
        | "/api/v1/bookings/{id}/cancellation"
        | "/api/v1/bookings/{id}/payment"
        | "/api/v1/bookings/{id}/resend" => {
            json!([by(BEARER), by(BOOKING_TOKEN)])
        }
        "/api/v1/events/{event_id}/invoice/{file}"
        | "/api/v1/bookings/{id}/tickets.pdf"
        | "/api/v1/bookings/{id}/calendar.ics" => {
            json!([by(BEARER), by(BOOKING_TOKEN)])
        }
        _ if path.starts_with("/api/v1/tickets/") => json!([by(BEARER), by(BOOKING_TOKEN)]),
        "/api/v1/push/subscriptions" => json!([nobody, by(BEARER), by(BOOKING_TOKEN)]),
        "/api/v1/push/subscriptions/mine" | "/api/v1/push/subscriptions/{subscription_id}" => {
            json!([by(BEARER), by(PUSH_AUTH)])
        }
        "/api/v1/bookings/by-reference/{reference}" => {
            json!([nobody, by(BEARER), by(BOOKING_TOKEN)])
        }
        _ if path.starts_with(TABLES_PATH) => json!([nobody, by(BEARER), by(API_KEY)]),
        _ if path.ends_with("/stream") => json!([nobody, by(BEARER), by(ACCESS_TOKEN)]),
        _ if path.starts_with("/api/v1/") => json!([nobody, by(BEARER)]),
        _ => json!([]),
    };
}

/// Adds the refusals and failures that operations have by their shape.
fn add_failures(method: &str, operation: &mut Value) {
    let has = |place: &str| {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        parameters.filter(|one| one["in"] == place).count() > 0
    };
    let (path, query, header) = (has("path"), has("query"), has("header"));
    // A write that takes no body refuses one that has fields.
    let body = method != "get";
    if operation["security"] != json!([]) {
        let what = "`UNAUTHENTICATED`, `INVALID_TOKEN`, `TOKEN_EXPIRED`: no token where one is needed, or a bad one";
        answer(operation, "401", what);
    }
    if path || query || header || body {
        let what = "`BAD_ID`, `BAD_QUERY`, `BAD_KEY`, `WEAK_KEY`, `BAD_JSON`, `BAD_BODY`: path, query, header or body \
            cannot be read";
        answer(operation, "400", what);
    }
    if path {
        answer(operation, "404", "`NOT_FOUND`: nothing has such a number");
    }
    if query || body {
        let what = "`VALIDATION_FAILED`, `UNKNOWN_FIELD`: `errors` names each field that is wrong";
        answer(operation, "422", what);
    }
    if body {
        answer(operation, "408", "`BODY_TOO_SLOW`");
        answer(operation, "413", "`BODY_TOO_LARGE`");
        answer(operation, "415", "`NOT_JSON`, `UNSUPPORTED_ENCODING`");
    }
    let what = "`RATE_LIMITED`: this address or account asks too often; `Retry-After` and `RateLimit` say when to come \
        again";
    answer(operation, "429", what);
    let what = "`INTERNAL`: a fault of the server; `request_id` finds it in the log";
    answer(operation, "500", what);
    let what = "`BUSY`, `UNAVAILABLE`, `TIMEOUT`: not now; come again after `Retry-After`";
    answer(operation, "503", what);
}

/// Numbers in parameters have 64 bits, where nothing else is said. Texts in a path or a header have no bound of their own:
/// a request's head is bounded as a whole.
fn bound(operation: &mut Value) {
    let parameters = operation.get_mut("parameters");
    let parameters = parameters.and_then(Value::as_array_mut);
    for parameter in parameters.into_iter().flatten() {
        let schema = &mut parameter["schema"];
        let is_number = match &schema["type"] {
            Value::Array(kinds) => kinds.iter().any(|kind| kind == "integer"),
            kind => kind == "integer",
        };
        if let Some(schema) = schema.as_object_mut().filter(|_| is_number) {
            schema.entry("maximum").or_insert(json!(i64::MAX));
        }
    }
}

fn answer(operation: &mut Value, status: &str, description: &str) {
    let Some(responses) = operation["responses"].as_object_mut() else {
        return;
    };
    let failure = json!({ "schema": { "$ref": "#/components/schemas/Failure" } });
    responses.entry(status).or_insert_with(
        || json!({ "description": description, "content": { "application/json": failure } }),
    );
}

/// Every answer has a description: the operation's own words for what it reads, or what its status means.
fn describe_answers(method: &str, operation: &mut Value) {
    let summary = operation["summary"].clone();
    let responses = operation["responses"].as_object_mut();
    for (status, response) in responses.into_iter().flatten() {
        if !response["description"]
            .as_str()
            .unwrap_or_default()
            .is_empty()
        {
            continue;
        }
        let status = status
            .parse()
            .ok()
            .and_then(|code| StatusCode::from_u16(code).ok());
        let reason = status.and_then(|status| status.canonical_reason());
        response["description"] = match (method, status) {
            ("get", Some(StatusCode::OK)) => summary.clone(),
            _ => reason.unwrap_or("Done").into(),
        };
    }
}

/// The headers of answers, described once.
fn headers() -> Value {
    let text =
        |description: &str| json!({ "description": description, "schema": { "type": "string" } });
    let number = |description: &str| {
        let schema = json!({ "type": "integer", "format": "int64", "minimum": 0 });
        json!({ "description": description, "schema": schema })
    };
    json!({
        "X-Request-Id": text("Of the request if it named one, else made for it; the log has it"),
        "X-Event-Revision": number("The event's revision, with this change in it"),
        "X-Total-Count": number("Rows of the whole list; 10,001 where there are more than 10,000; a search counts up to 2,000"),
        "Link": text("Pages of the list (RFC 8288): `first`, `prev`, `next`, `last`, those that exist; relative to the requested address"),
        "Location": text("The address of what was made"),
        "ETag": text("The version of this answer, for `If-None-Match`: the event's revision"),
        "Cache-Control": text("How long a cache may keep the answer"),
        "X-Stale-Since": {
            "description": "Only while the database cannot be asked: when this was last known to be so",
            "schema": { "type": "string", "format": "date-time" },
        },
        "Idempotent-Replay": {
            "description": "`true`: this answers an earlier request with the same `Idempotency-Key`",
            "schema": { "type": "string", "enum": ["true"] },
        },
        "X-Booking-Token": text("To callers without an account: what proves the booking theirs"),
        "Retry-After": number("When to come again, in seconds"),
        "RateLimit": text("The limit that was met: `\"reads\";r=0;t=2`, what remains and in how many seconds there is more"),
        "RateLimit-Policy": text("That limit: `\"reads\";q=120;w=12`, how many in how many seconds"),
        "WWW-Authenticate": text("`Bearer realm=\"seatcast\"`"),
        "Content-Disposition": text("The name of the file: `attachment; filename=\"report-2.csv\"`"),
        "Content-Range": text("The rows that the answer has, of how many: `0-9/57`, or `0-9/*` where they were not counted"),
    })
}

/// Adds the headers that go with a status, and refers to the descriptions of all.
fn add_headers(operation: &mut Value) {
    let keyed = operation["parameters"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|one| one["name"] == "Idempotency-Key");
    let responses = operation["responses"].as_object_mut();
    for (status, response) in responses.into_iter().flatten() {
        let own = response["headers"].as_object().cloned().unwrap_or_default();
        let mut names: BTreeSet<&str> = own.keys().map(String::as_str).collect();
        names.insert("X-Request-Id");
        let more: &[&str] = match status.as_str() {
            "200" if names.contains("ETag") => &["Cache-Control", "X-Stale-Since"],
            "201" if keyed => &["Idempotent-Replay"],
            "304" => &["ETag", "Cache-Control"],
            "401" => &["WWW-Authenticate"],
            "429" => &["Retry-After", "RateLimit", "RateLimit-Policy"],
            "503" => &["Retry-After"],
            _ => &[],
        };
        names.extend(more);
        let reference = |name| json!({ "$ref": format!("#/components/headers/{name}") });
        let named = names
            .into_iter()
            .map(|name| (name.to_owned(), reference(name)));
        response["headers"] = named.collect::<Map<_, _>>().into();
    }
}

/// The names of all schemas that bodies of requests are made of.
fn body_schemas(document: &mut Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut waiting = BTreeSet::new();
    for (_, _, operation) in operations(document) {
        references(&operation["requestBody"], &mut waiting);
    }
    while let Some(name) = waiting.pop_first() {
        if names.insert(name.clone()) {
            references(&document["components"]["schemas"][&name], &mut waiting);
        }
    }
    names
}

/// Collects the names of the schemas that `value` refers to.
fn references(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            if let Some(Value::String(reference)) = object.get("$ref") {
                names.extend(reference.rsplit('/').next().map(str::to_owned));
            }
            object.values().for_each(|inner| references(inner, names));
        }
        Value::Array(items) => items.iter().for_each(|inner| references(inner, names)),
        _ => {}
    }
}

/// Unknown fields are refused, and null says as little as absence, or empties what is in `emptied`. An object without
/// named properties stays open.
fn close(schema: &mut Value, emptied: Option<&[&str]>) {
    if let Some(choices) = list(schema, "oneOf") {
        choices.iter_mut().for_each(|choice| close(choice, None));
    }
    let required = list(schema, "required").cloned().unwrap_or_default();
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else {
        return;
    };
    for (name, property) in properties {
        close(property, None);
        let is_optional = !required.contains(&json!(name));
        if is_optional && emptied.is_none_or(|emptied| emptied.contains(&name.as_str())) {
            allow_null(property);
        }
    }
    schema["additionalProperties"] = false.into();
}

fn list<'a>(schema: &'a mut Value, name: &str) -> Option<&'a mut Vec<Value>> {
    schema.get_mut(name)?.as_array_mut()
}

fn allow_null(schema: &mut Value) {
    let null = json!("null");
    if let Some(choices) = list(schema, "oneOf") {
        let allowed = json!({ "type": "null" });
        if !choices.contains(&allowed) {
            choices.push(allowed);
        }
    } else if schema.get("$ref").is_some() {
        let mut reference = schema.take();
        let description = reference
            .as_object_mut()
            .and_then(|object| object.remove("description"));
        *schema = json!({ "oneOf": [reference, { "type": "null" }] });
        if let Some(description) = description {
            schema["description"] = description;
        }
    } else if let Some(own) = schema["type"].as_str().map(str::to_owned) {
        schema["type"] = json!([own, "null"]);
        if let Some(values) = list(schema, "enum") {
            values.push(Value::Null);
        }
    } else if let Some(types) = list(schema, "type")
        && !types.contains(&null)
    {
        types.push(null);
    }
}

/// At least one of these fields is there and not null.
fn require_either(schema: &mut Value, fields: [&str; 2]) {
    let present = |field: &str| {
        let mut own = schema["properties"][field].clone();
        without_null(&mut own);
        json!({ "required": [field], "properties": { field: own } })
    };
    let either: Vec<Value> = fields.into_iter().map(present).collect();
    schema["anyOf"] = either.into();
}

/// Undoes [`allow_null`].
fn without_null(schema: &mut Value) {
    if let Some(types) = list(schema, "type") {
        types.retain(|one| one != "null");
        if let [only] = types.as_slice() {
            schema["type"] = only.clone();
        }
    }
    if let Some(choices) = list(schema, "oneOf") {
        choices.retain(|one| one["type"] != "null");
        if let [only] = choices.as_slice() {
            *schema = only.clone();
        }
    }
}

/// The data of an envelope is written out by the generator; where it is a schema of its own, a name is enough, and
/// clients made from the document have one type of it.
fn refer_to_data(document: &mut Value) {
    let Some(schemas) = document["components"]["schemas"].as_object_mut() else {
        return;
    };
    let whole = schemas.clone();
    for (name, envelope) in schemas.iter_mut() {
        let Some(inner) = name.strip_prefix("Envelope_") else {
            continue;
        };
        envelope["properties"]["success"] = json!({ "type": "boolean", "enum": [true] });
        let (list, inner) = match inner.strip_prefix("Vec_") {
            Some(inner) => (true, inner),
            None => (false, inner),
        };
        let data = &mut envelope["properties"]["data"];
        let place = if list { &mut data["items"] } else { data };
        if whole.contains_key(inner) {
            *place = json!({ "$ref": format!("#/components/schemas/{inner}") });
        }
    }
    if let Some(failure) = schemas.get_mut("Failure") {
        failure["properties"]["success"] = json!({ "type": "boolean", "enum": [false] });
    }
}

/// Leaves out schemas that nothing refers to any more.
fn drop_unused(document: &mut Value) {
    let mut used = BTreeSet::new();
    let mut waiting = BTreeSet::new();
    references(&document["paths"], &mut waiting);
    while let Some(name) = waiting.pop_first() {
        if used.insert(name.clone()) {
            references(&document["components"]["schemas"][&name], &mut waiting);
        }
    }
    for kind in ["schemas", "headers"] {
        if let Some(parts) = document["components"][kind].as_object_mut() {
            parts.retain(|name, _| used.contains(name));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use utoipa::PartialSchema;

    use super::*;
    use crate::api::events::input::EventPatch;
    use crate::api::fields::{Input, read_json};
    use crate::api::organizations::taxes::{OrganizationTaxChange, OrganizationTaxPatchBody};
    use crate::api::prices::fees::{FeeChange, FeePatchBody};
    use crate::api::prices::taxes::{TaxChange, TaxPatchBody};
    use crate::api::prices::vouchers::{VoucherChange, VoucherPatchBody};
    use crate::api::ticket_types::TicketTypePatch;

    /// The fields of a body that null empties.
    fn emptied<Body: PartialSchema, Read: Input>() -> BTreeSet<String> {
        let schema = serde_json::to_value(Body::schema()).unwrap();
        let names = schema["properties"].as_object().unwrap().keys();
        let is_read = |name: &&String| read_json::<Read>(json!({ (*name): null })).is_ok();
        names.filter(is_read).cloned().collect()
    }

    #[test]
    fn null_is_documented_where_it_is_read() {
        let read = [
            emptied::<EventPatch, EventPatch>(),
            emptied::<TicketTypePatch, TicketTypePatch>(),
            emptied::<FeePatchBody, FeeChange>(),
            emptied::<TaxPatchBody, TaxChange>(),
            emptied::<OrganizationTaxPatchBody, OrganizationTaxChange>(),
            emptied::<VoucherPatchBody, VoucherChange>(),
        ];
        for ((name, documented), read) in EMPTIED.iter().zip(read) {
            assert!(documented.iter().copied().eq(&read), "{name}: {read:?}");
        }
    }
}
