//! The document at `/openapi.json` and the page at `/docs` are complete, valid, and served without other servers.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::server::TestServer;

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
                if good && response["content"]["text/event-stream"].is_object() {
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
