//! The document at `/openapi.json` and the page at `/docs` are complete, valid, and served without other servers.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::server::TestServer;
use crate::support::show::user;

/// Calls `visit` with every object in `value`.
fn each_object<'a>(value: &'a Value, visit: &mut impl FnMut(&'a serde_json::Map<String, Value>)) {
    match value {
        Value::Object(object) => {
            visit(object);
            object.values().for_each(|inner| each_object(inner, visit));
        }
        Value::Array(items) => items.iter().for_each(|inner| each_object(inner, visit)),
        _ => {}
    }
}

#[tokio::test]
async fn the_document_is_served_and_all_its_references_lead_somewhere() {
    let server = TestServer::start().await;
    let answer = server.anonymous().get("/openapi.json").await;
    let document = answer.body;
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"]["title"], "Seatcast");
    each_object(&document, &mut |object| {
        if let Some(Value::String(reference)) = object.get("$ref") {
            let pointer = reference
                .strip_prefix('#')
                .expect("a reference within the document");
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    });
}

#[tokio::test]
async fn every_operation_is_named_once_and_says_what_it_answers() {
    let document = seatcast::run::document();
    let mut names = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name = operation["operationId"].as_str().unwrap();
            assert!(names.insert(name), "{name} twice");
            let parameters = operation.get("parameters");
            assert!(parameters.is_none_or(Value::is_array), "{method} {path}");
            assert!(
                operation["summary"].is_string(),
                "{method} {path} has a summary"
            );
            assert_eq!(
                operation["tags"].as_array().unwrap().len(),
                1,
                "{method} {path}"
            );
            for (status, response) in operation["responses"].as_object().unwrap() {
                let schema = &response["content"]["application/json"]["schema"]["$ref"];
                let reference = schema.as_str().unwrap_or_default();
                let good = status.starts_with('2');
                let other = [
                    "text/event-stream",
                    "text/csv",
                    "text/calendar",
                    "image/svg+xml",
                    "image/png",
                    "application/pdf",
                ];
                if good
                    && other
                        .iter()
                        .any(|kind| response["content"][kind].is_object())
                {
                    continue;
                }
                let expected = match status.as_str() {
                    "304" => continue,
                    _ if good && path.starts_with("/rest/v1/") => continue,
                    _ if path.starts_with("/rest/v1/") => "#/components/schemas/RestError",
                    _ if good => "#/components/schemas/Envelope_",
                    _ => "#/components/schemas/Failure",
                };
                assert!(
                    reference.starts_with(expected),
                    "{method} {path} {status}: {reference}"
                );
            }
            for name in path.split('/').filter(|part| part.starts_with('{')) {
                let name = name.trim_matches(['{', '}']);
                let told = operation["parameters"].as_array().expect("parameters");
                let told = told
                    .iter()
                    .any(|one| one["name"] == name && one["in"] == "path");
                assert!(told, "{method} {path} tells of {name}");
            }
        }
    }
}

/// A page that loads its scripts from elsewhere is blank without a way there.
#[tokio::test]
async fn the_page_asks_nobody_else() {
    let server = TestServer::start().await;
    let page = server.anonymous().get("/docs/").await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("swagger-ui"));
    let parts = page.text.split(['"', '\'']);
    let files = parts.filter(|part| part.ends_with(".js") || part.ends_with(".css"));
    let mut seen = 0;
    for file in files {
        assert!(!file.contains("://"), "{file}");
        let answer = server
            .anonymous()
            .get(&format!("/docs/{}", file.trim_start_matches("./")))
            .await;
        assert_eq!(answer.status, 200, "{file}");
        seen += 1;
    }
    assert!(seen >= 4, "{}", page.text);
    let initializer = server.anonymous().get("/docs/swagger-initializer.js").await;
    assert!(
        initializer.text.contains("/openapi.json"),
        "{}",
        initializer.text
    );
    assert!(!initializer.text.contains("://"), "{}", initializer.text);
}

/// Clients are made from the document, and forms are checked by it: of everything that a request may hold it says how
/// much.
#[test]
fn faults_15_everything_in_a_request_is_bounded() {
    let document = seatcast::run::document();
    let (mut seen, mut faults) = (0, Vec::new());
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let mut bounded = |place: &str, schema: &Value| {
                seen += 1;
                let place = format!("{method} {path} {place}");
                is_bounded(&document, schema, &place, &mut faults);
            };
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let (schema, within) = (&parameter["schema"], &parameter["in"]);
                let is_text = match &schema["type"] {
                    Value::Array(kinds) => kinds.contains(&"string".into()),
                    kind => kind == "string",
                };
                // What no reader bounds is bounded by the size of a request's head as a whole, which a schema cannot say.
                let is_head = within == "path" || within == "header" || path.starts_with("/rest/");
                if is_text && is_head && schema["maxLength"].is_null() {
                    continue;
                }
                bounded(parameter["name"].as_str().unwrap(), schema);
            }
            let content = operation["requestBody"]["content"].as_object();
            for (kind, body) in content.into_iter().flatten() {
                if kind == "application/json" {
                    bounded("body", &body["schema"]);
                }
            }
        }
    }
    assert!(seen > 200, "{seen}");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Adds every part of `schema` that has no bound.
fn is_bounded(document: &Value, schema: &Value, place: &str, faults: &mut Vec<String>) {
    assert!(place.len() < 500, "{place}");
    if let Some(reference) = schema["$ref"].as_str() {
        let referenced = document.pointer(&reference[1..]).unwrap();
        return is_bounded(document, referenced, place, faults);
    }
    let choices = schema["oneOf"].as_array();
    for choice in choices.into_iter().flatten() {
        is_bounded(document, choice, place, faults);
    }
    let kinds = match &schema["type"] {
        Value::String(kind) => vec![kind.as_str()],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ if choices.is_some() => return,
        // Not believed, whatever it is.
        _ if place.ends_with(".user_id") => return,
        _ => vec!["anything"],
    };
    let says = |names: &[&str]| names.iter().all(|name| !schema[name].is_null());
    for kind in kinds {
        let is_good = match kind {
            "null" | "boolean" => true,
            // A format or pattern may bound a text as well, and so do values.
            "string" if schema["format"] == "uuid" => true,
            "string" => {
                let pattern = schema["pattern"].as_str().unwrap_or("*");
                let is_endless = ["*", "+", ",}"].iter().any(|end| pattern.contains(end));
                says(&["enum"]) || says(&["maxLength"]) || !is_endless
            }
            "integer" | "number" => says(&["minimum", "maximum"]),
            "array" => {
                let place = format!("{place}[]");
                is_bounded(document, &schema["items"], &place, faults);
                says(&["maxItems"])
            }
            "object" if says(&["properties"]) => {
                for (name, property) in schema["properties"].as_object().unwrap() {
                    let place = format!("{place}.{name}");
                    is_bounded(document, property, &place, faults);
                }
                schema["additionalProperties"] == false
            }
            // These are free within their size, which a schema cannot say.
            "object" => [".data", ".answers"].iter().any(|end| place.ends_with(end)),
            _ => false,
        };
        if !is_good {
            faults.push(format!("{place}: {kind}: {schema}"));
        }
    }
}

/// Headers are described where they are sent, each once for all operations.
#[test]
fn faults_15_headers_are_told_where_they_are_sent() {
    let document = seatcast::run::document();
    let mut seen = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            for (status, response) in operation["responses"].as_object().unwrap() {
                let told = |name: &str| response["headers"].get(name).is_some();
                let mut expect = |names: &[&str]| {
                    for name in names {
                        assert!(told(name), "{method} {path} {status}: {name}");
                        seen.insert((*name).to_owned());
                    }
                };
                expect(&["X-Request-Id"]);
                match status.as_str() {
                    "304" => expect(&["ETag", "Cache-Control"]),
                    "401" => expect(&["WWW-Authenticate"]),
                    "429" => expect(&["Retry-After", "RateLimit", "RateLimit-Policy"]),
                    "503" => expect(&["Retry-After"]),
                    _ => {}
                }
                let parameters = operation["parameters"].as_array().into_iter().flatten();
                let names: BTreeSet<_> =
                    parameters.filter_map(|one| one["name"].as_str()).collect();
                if names.contains("cursor") && status == "200" {
                    expect(&["X-Total-Count", "Link"]);
                }
                if names.contains("If-None-Match") && status == "200" {
                    expect(&["ETag"]);
                }
                if names.contains("Idempotency-Key") && status == "201" {
                    expect(&["Idempotent-Replay"]);
                }
            }
        }
    }
    assert_eq!(seen.len(), 10, "{seen:?}");
}

/// Lists come in pages: all but the availability that is asked for by event, and the seats of one event by section.
#[test]
fn every_list_takes_a_page_and_tells_how_many_there_are() {
    let document = seatcast::run::document();
    let whole = ["/availability", "/event-availability"].map(|path| format!("/api/v1{path}"));
    for (path, item) in document["paths"].as_object().unwrap() {
        let Some(answer) = item["get"].pointer("/responses/200") else {
            continue;
        };
        let data = answer.pointer("/content/application~1json/schema/$ref");
        let data = data.and_then(Value::as_str).unwrap_or_default();
        let is_list = data.starts_with("#/components/schemas/Envelope_Vec_");
        if !is_list || whole.contains(path) || path.ends_with("/sections") {
            continue;
        }
        for header in ["X-Total-Count", "Link"] {
            assert!(answer["headers"].get(header).is_some(), "{path}: {header}");
        }
        let parameters = item["get"]["parameters"].as_array().unwrap();
        for name in ["limit", "offset", "cursor"] {
            let taken = parameters.iter().any(|one| one["name"] == name);
            assert!(taken, "{path}: {name}");
        }
    }
}

/// On a fresh demo, as an admin, every operation does what its examples ask for.
#[tokio::test]
async fn faults_15_the_examples_work() {
    let server = TestServer::start().await;
    let store = server.database.store().await;
    seatcast::store::seed::seed(&store).await.unwrap();
    let admin = server.user(seatcast::ticketing::UserId(1));
    let document = seatcast::run::document();
    let mut asked = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let Some(address) = example_address(&document, path, operation) else {
                continue;
            };
            // Streams have no end; what ends or deletes the demo's event is tried elsewhere; the demo's halls have
            // buyers, so nobody may draw them anew; links and
            // tokens are made by mail and at sign-in; nobody waits for what is not sold out.
            let ends = [
                "/webhooks/stripe",
                "/cancel",
                "/complete",
                "/stream",
                "/seatmap",
                "/open",
                "/auth/confirm",
                "/auth/password/reset",
                "/auth/refresh",
                "/invitations/accept",
                "/bulk",
                "/waitlist",
                "/push/subscriptions",
                // Of a browser that nobody knows.
                "/renew",
                // Nobody knows the code of a ticket before it is sold.
                "/checkins",
                "/undo",
                // Nor which booking has an invoice.
                "{file}",
            ];
            // Those of the demo's other event have the first numbers.
            let rules = ["{fee_id}", "{tax_id}", "{voucher_id}"];
            let ends = ends.iter().chain(&rules).any(|end| path.ends_with(end));
            if ends || method == "delete" {
                continue;
            }
            let body = &operation["requestBody"]["content"]["application/json"];
            let body = body["schema"]["$ref"].as_str().map(|reference| {
                let schema = document.pointer(&reference[1..]).unwrap();
                let told = [&body["example"], &schema["example"], &schema["examples"][0]];
                let example = told.into_iter().find(|example| !example.is_null());
                let example = example.unwrap_or(&Value::Null);
                assert!(!example.is_null(), "{method} {path} has an example");
                example.to_string()
            });
            let verb = method.to_uppercase().parse().unwrap();
            let answer = admin.send(verb, &address, body).await;
            assert!(answer.status < 300, "{method} {address}: {}", answer.text);
            asked += 1;
        }
    }
    assert!(asked > 30, "{asked}");
}

/// The path with its parameters' examples, and the query's required ones; `None` where a parameter has no example,
/// since nobody knows the ids of bookings before they are made.
fn example_address(document: &Value, path: &str, operation: &Value) -> Option<String> {
    let mut address = path.to_owned();
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let schema = match parameter["schema"]["$ref"].as_str() {
            Some(reference) => document.pointer(&reference[1..]).unwrap(),
            None => &parameter["schema"],
        };
        let name = parameter["name"].as_str().unwrap();
        let example = [
            &parameter["example"],
            &schema["examples"][0],
            &schema["enum"][0],
        ];
        let example = example.into_iter().find(|example| !example.is_null());
        if parameter["in"] == "path" {
            let example = example?.to_string();
            address = address.replace(&format!("{{{name}}}"), example.trim_matches('"'));
        } else if parameter["in"] == "query" && parameter["required"] == true {
            let ids = example?.to_string();
            address.push_str(&format!("?{name}={}", ids.trim_matches(['[', ']'])));
        }
    }
    let unknown = ["{id}", "{reference}", "{waiting_id}"];
    let is_known = !unknown.iter().any(|part| path.contains(part));
    is_known.then_some(address)
}

/// The people of the demo, each with a token, so that the page may act as any of them: in development mode only.
#[tokio::test]
async fn the_page_acts_as_anybody_in_the_demo_and_nowhere_else() {
    let demo = TestServer::start().await;
    let client = demo.client().await;
    let organizer = user(&client, "organizer").await;
    let people = demo.anonymous().get("/docs/people.json").await;
    assert_eq!(people.header("cache-control"), Some("private, no-store"));
    let people = people.data(200).as_array().unwrap().clone();
    let person = people.iter().find(|one| one["id"] == organizer.0).unwrap();
    let token = format!("Bearer {}", person["token"].as_str().unwrap());
    let they = demo.anonymous().with_header("authorization", token);
    they.get("/api/v1/events/management/view").await.data(200);
    let script = demo.anonymous().get("/docs/swagger-initializer.js").await;
    assert!(script.text.contains("people.json"));

    let live = TestServer::builder().with(|config| {
        config.auth.dev = false;
        config.auth.jwt_secret = Some("a secret of more than thirty-two bytes".to_owned());
    });
    let live = live.beside(&demo).start().await;
    assert_eq!(live.anonymous().get("/docs/people.json").await.status, 404);
    let script = live.anonymous().get("/docs/swagger-initializer.js").await;
    assert_eq!(script.status, 200);
    assert!(!script.text.contains("people.json"));
}

/// Every parameter's value is done or refused, never dropped.
#[tokio::test]
async fn faults_15_empty_and_doubled_parameters_are_refused() {
    let server = TestServer::start().await;
    let anonymous = server.anonymous();
    for (query, field) in [
        ("events?to=", "to"),
        ("events?limit=", "limit"),
        ("events?status=", "status"),
        ("events?limit=5&limit=6", "limit"),
        ("events?cursor=", "cursor"),
        ("availability?event_ids=", "event_ids"),
    ] {
        let answer = anonymous.get(&format!("/api/v1/{query}")).await;
        assert_eq!(answer.code(422), "VALIDATION_FAILED", "{query}");
        assert_eq!(answer.body["data"]["errors"][0]["field"], field, "{query}");
    }
    for query in [
        "events?q=",
        "events?utm_source=a&utm_source=b",
        "availability?event_ids=1&event_ids=2,3",
    ] {
        anonymous.get(&format!("/api/v1/{query}")).await.data(200);
    }
}
