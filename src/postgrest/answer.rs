//! Rows as JSON or CSV.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::Value;
use serde_json::value::RawValue;

use super::columns::Selected;
use super::error::RestError;
use super::headers::AnswerForm;

pub(super) type AnswerRow = Vec<Box<RawValue>>;

/// The answer with these rows.
///
/// # Errors
/// One row is wanted, and there are none or several.
pub(super) fn of_rows(
    status: StatusCode,
    form: AnswerForm,
    selected: &[Selected],
    rows: &[AnswerRow],
    content_range: &str,
) -> Result<Response, RestError> {
    let body = match (form, rows) {
        (AnswerForm::List, rows) => list(selected, rows),
        (AnswerForm::Object, [row]) => object(selected, row),
        (AnswerForm::Object, rows) => return Err(RestError::not_one_row(rows.len())),
        (AnswerForm::Csv, rows) => csv(selected, rows),
    };
    let mut response = empty(status, content_range);
    let content_type = HeaderValue::from_static(form.content_type());
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, content_type);
    *response.body_mut() = Body::from(body);
    Ok(response)
}

/// An answer without rows.
pub(super) fn empty(status: StatusCode, content_range: &str) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    if let Ok(range) = HeaderValue::from_str(content_range) {
        response.headers_mut().insert(header::CONTENT_RANGE, range);
    }
    response
}

fn list(selected: &[Selected], rows: &[AnswerRow]) -> String {
    let rows: Vec<String> = rows.iter().map(|row| object(selected, row)).collect();
    format!("[{}]", rows.join(",\n "))
}

/// Members in the order of `select`.
fn object(selected: &[Selected], row: &AnswerRow) -> String {
    let members = selected.iter().zip(row);
    let members: Vec<String> = members
        .map(|(column, cell)| format!("{}:{}", Value::from(column.name.as_str()), cell.get()))
        .collect();
    format!("{{{}}}", members.join(","))
}

/// RFC 4180, with a line of names; null is nothing, and booleans are `t` and `f`, as Postgres writes them.
fn csv(selected: &[Selected], rows: &[AnswerRow]) -> String {
    let names: Vec<String> = selected.iter().map(|column| field(&column.name)).collect();
    let mut lines = vec![names.join(",")];
    for row in rows {
        let cells: Vec<String> = row.iter().map(|cell| cell_text(cell)).collect();
        lines.push(cells.join(","));
    }
    lines.join("\n")
}

fn cell_text(cell: &RawValue) -> String {
    match serde_json::from_str(cell.get()) {
        Ok(Value::Null) => String::new(),
        Ok(Value::Bool(flag)) => (if flag { "t" } else { "f" }).to_owned(),
        Ok(Value::String(text)) => field(&text),
        _ => field(cell.get()),
    }
}

fn field(text: &str) -> String {
    match text.contains(['"', ',', '\n', '\r']) || text.is_empty() {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn selected(names: &[&str]) -> Vec<Selected> {
        let names = names.iter().enumerate();
        names
            .map(|(column, name)| Selected {
                column,
                name: (*name).to_owned(),
            })
            .collect()
    }

    fn row(cells: &[&str]) -> AnswerRow {
        let cells = cells
            .iter()
            .map(|cell| RawValue::from_string((*cell).to_owned()).unwrap());
        cells.collect()
    }

    #[test]
    fn members_keep_the_order_that_was_asked_for() {
        let selected = selected(&["b", "a\""]);
        assert_eq!(list(&selected, &[]), "[]");
        let rows = [row(&["1", "null"]), row(&["2", "{\"x\": 1}"])];
        let json: Value = serde_json::from_str(&list(&selected, &rows)).unwrap();
        assert_eq!(
            json,
            serde_json::json!([{"b": 1, "a\"": null}, {"b": 2, "a\"": {"x": 1}}])
        );
        assert!(list(&selected, &rows).starts_with("[{\"b\":1,\"a\\\"\":null}"));
    }

    #[test]
    fn csv_tells_nothing_from_an_empty_text() {
        let rows = [row(&[
            "1",
            "\"a, \\\"b\\\"\"",
            "null",
            "true",
            "\"\"",
            "{\"x\": 1}",
        ])];
        let text = csv(&selected(&["id", "a", "b", "c", "d", "e"]), &rows);
        assert_eq!(
            text,
            "id,a,b,c,d,e\n1,\"a, \"\"b\"\"\",,t,\"\",\"{\"\"x\"\": 1}\""
        );
    }
}
