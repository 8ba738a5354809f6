//! The REST of the documents that Seatcast was specified by: every endpoint and example that they name is a row of
//! `tests/sources/rest.json`, asked in order of a fresh demo.
//!
//! `from` quotes the document («Real-Time Ticket Availability System», or the «Complete Project Summary»). An answer has
//! at least what `answer` says: `<int>` and the like stand for any value of that form, and a list begins with the rows
//! named. `keep` remembers a part of an answer, which `{name}` stands for in later rows. Where the documents contradict
//! Seatcast's own contract, the contract counts, and `decided` says how.

use std::collections::BTreeMap;

use jiff::Timestamp;
use seatcast::ticketing::UserId;
use serde::Deserialize;
use serde_json::Value;

use crate::support::caller::Caller;
use crate::support::server::TestServer;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    from: String,
    who: String,
    /// Method and address.
    ask: String,
    body: Option<Value>,
    status: u16,
    /// Pages have none.
    answer: Option<Value>,
    #[serde(default)]
    keep: BTreeMap<String, String>,
    #[expect(
        dead_code,
        reason = "tells readers of the table why a row is not as its source"
    )]
    decided: Option<String>,
}

type Kept = BTreeMap<String, Value>;

#[tokio::test]
async fn what_the_source_documents_name_answers_as_they_say() {
    let server = TestServer::start().await;
    let store = server.database.store().await;
    seatcast::store::seed::seed(&store).await.unwrap();
    let rows: Vec<Row> = serde_json::from_str(include_str!("../sources/rest.json")).unwrap();
    let mut kept = Kept::new();
    let mut wrong = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        if let Err(why) = ask(&server, row, &mut kept).await {
            wrong.push(format!("row {number}, {} ({}): {why}", row.from, row.ask));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

async fn ask(server: &TestServer, row: &Row, kept: &mut Kept) -> Result<(), String> {
    let caller = caller(server, &row.who, kept);
    let (method, path) = row.ask.split_once(' ').expect("a method and an address");
    let body = row.body.as_ref().map(|body| told(body, kept).to_string());
    let path = filled(path, kept);
    let answer = caller.send(method.parse().unwrap(), &path, body).await;
    if answer.status != row.status {
        return Err(format!("{} {}", answer.status, answer.text));
    }
    if let Some(expected) = &row.answer {
        matches(&told(expected, kept), &answer.body, "")?;
    }
    for (name, pointer) in &row.keep {
        let part = answer
            .body
            .pointer(pointer)
            .ok_or(format!("no {pointer}"))?;
        kept.insert(name.clone(), part.clone());
    }
    Ok(())
}

fn caller(server: &TestServer, who: &str, kept: &Kept) -> Caller {
    let id = match who {
        "nobody" => return server.anonymous(),
        "admin" => 1,
        "organizer" => 2,
        "customer" => 3,
        name => kept[name.trim_matches(['{', '}'])].as_i64().unwrap(),
    };
    server.user(UserId(id))
}

/// A text with what was kept in its places.
fn filled(text: &str, kept: &Kept) -> String {
    let mut text = text.to_owned();
    for (name, value) in kept {
        let plain = value.to_string();
        text = text.replace(&format!("{{{name}}}"), plain.trim_matches('"'));
    }
    text
}

/// A value in which every text that is a place has become what was kept for it.
fn told(value: &Value, kept: &Kept) -> Value {
    match value {
        Value::String(text) => {
            let name = text
                .strip_prefix('{')
                .and_then(|text| text.strip_suffix('}'));
            let known = name.and_then(|name| kept.get(name));
            known.unwrap_or(value).clone()
        }
        Value::Array(items) => items.iter().map(|item| told(item, kept)).collect(),
        Value::Object(members) => {
            let told = members
                .iter()
                .map(|(name, value)| (name.clone(), told(value, kept)));
            Value::Object(told.collect())
        }
        other => other.clone(),
    }
}

/// Whether `found` has at least what is expected.
fn matches(expected: &Value, found: &Value, place: &str) -> Result<(), String> {
    let is = match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            return expected.iter().try_for_each(|(name, expected)| {
                let found = found.get(name).unwrap_or(&Value::Null);
                matches(expected, found, &format!("{place}/{name}"))
            });
        }
        (Value::Array(expected), Value::Array(found)) if !expected.is_empty() => {
            return expected.iter().enumerate().try_for_each(|(nth, expected)| {
                let found = found.get(nth).unwrap_or(&Value::Null);
                matches(expected, found, &format!("{place}/{nth}"))
            });
        }
        (Value::String(form), found) if form.starts_with('<') => has_form(form, found),
        (expected, found) => expected == found,
    };
    match is {
        true => Ok(()),
        false => Err(format!("{place} is {found}, not {expected}")),
    }
}

fn has_form(form: &str, found: &Value) -> bool {
    let text = found.as_str();
    match form {
        "<int>" => found.is_i64(),
        "<number>" => found.is_number(),
        "<bool>" => found.is_boolean(),
        "<text>" => text.is_some_and(|text| !text.is_empty()),
        "<time>" => text.is_some_and(|text| text.parse::<Timestamp>().is_ok()),
        "<TKT-YYYYMMDD-XXXXXXXX>" => text.is_some_and(is_ticket_code),
        other => panic!("no such form: {other}"),
    }
}

fn is_ticket_code(code: &str) -> bool {
    let parts: Vec<&str> = code.split('-').collect();
    let [kind, day, random] = parts[..] else {
        return false;
    };
    let signs = |part: &str, count: usize, good: fn(&char) -> bool| {
        part.len() == count && part.chars().all(|sign| good(&sign))
    };
    kind == "TKT"
        && signs(day, 8, char::is_ascii_digit)
        && signs(random, 8, char::is_ascii_alphanumeric)
}

#[test]
fn an_answer_that_lacks_something_is_told_from_a_whole_one() {
    let kept = Kept::from([("id".to_owned(), 7.into())]);
    let expected = told(
        &serde_json::json!({"id": "{id}", "at": "<time>", "rows": [{"n": 1}], "none": []}),
        &kept,
    );
    let whole = serde_json::json!({"id": 7, "at": "2037-01-01T00:00:00Z", "rows": [{"n": 1, "m": 2}, 3], "none": [], "x": 1});
    assert_eq!(matches(&expected, &whole, ""), Ok(()));
    for (name, wrong) in [
        ("id", 8.into()),
        ("at", "soon".into()),
        ("rows", Value::Array(vec![])),
        ("none", serde_json::json!([1])),
        ("id", Value::Null),
    ] {
        let mut answer = whole.clone();
        answer[name] = wrong;
        assert!(matches(&expected, &answer, "").is_err(), "{answer}");
    }
}
