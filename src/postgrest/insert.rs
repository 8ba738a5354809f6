//! Rows of `user_interactions` → interactions, with the columns that trackers written for Supabase send.

use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};

use super::answer::AnswerRow;
use super::columns::TableColumns;
use super::error::RestError;
use crate::config::rest::PUBLISHED_ROWS_MAX;
use crate::protocol::supabase::unquote;
use crate::ticketing::UserId;
use crate::ticketing::interaction::{Interaction, InteractionFault};

pub(super) const TABLE: &str = "user_interactions";

const COLUMNS: [&str; 8] = [
    "action",
    "data",
    "timestamp",
    "session_id",
    "user_id",
    "page_url",
    "user_agent",
    "event_id",
];

pub(super) fn columns() -> TableColumns {
    TableColumns {
        table: TABLE,
        names: COLUMNS.to_vec(),
    }
}

/// The rows of a body: a list of objects, or one object.
///
/// `named` is the parameter `columns`, which clients send with lists: other members of the rows do not count.
pub(super) fn rows(body: &[u8], named: Option<&str>) -> Result<Vec<Map<String, Value>>, RestError> {
    let named: Option<Vec<String>> =
        named.map(|named| named.split(',').map(|name| unquote(name.trim())).collect());
    for name in named.iter().flatten() {
        known(name)?;
    }
    let list = match serde_json::from_slice(body) {
        Ok(Value::Array(list)) => list,
        Ok(one @ Value::Object(_)) => vec![one],
        Ok(_) => {
            return Err(RestError::bad_body(
                "rows are a list of objects, or one object",
            ));
        }
        Err(error) => {
            return Err(RestError::bad_body(format!(
                "Empty or invalid json: {error}"
            )));
        }
    };
    let rows_max = usize::try_from(PUBLISHED_ROWS_MAX).unwrap_or(usize::MAX);
    if list.len() > rows_max {
        return Err(RestError::too_many("rows in one insert", rows_max));
    }
    let mut rows = Vec::with_capacity(list.len());
    for row in list {
        let Value::Object(mut row) = row else {
            return Err(RestError::bad_body(
                "rows are a list of objects, or one object",
            ));
        };
        match &named {
            Some(named) => row.retain(|name, _| named.contains(name)),
            None => row.keys().try_for_each(|name| known(name))?,
        }
        rows.push(row);
    }
    Ok(rows)
}

fn known(name: &str) -> Result<(), RestError> {
    match COLUMNS.contains(&name) {
        true => Ok(()),
        false => Err(RestError::no_inserted_column(TABLE, name)),
    }
}

/// The rows as interactions of the caller.
pub(super) fn interactions(
    rows: &[Map<String, Value>],
    user_id: Option<UserId>,
) -> Result<Vec<Interaction>, RestError> {
    let rows = rows.iter().enumerate();
    rows.map(|(nth, row)| {
        let read = Interaction::read(with_own_word(row.clone()), user_id);
        read.map_err(|fault| refusal(&fault, nth))
    })
    .collect()
}

/// The user is the caller; the one that the client names is kept as its word, in `data`.
fn with_own_word(mut row: Map<String, Value>) -> Map<String, Value> {
    let named = row.remove("user_id").filter(|named| !named.is_null());
    if let Some(named) = named {
        let data = row.entry("data").or_insert(Value::Null);
        if data.is_null() {
            *data = Value::Object(Map::new());
        }
        if let Value::Object(data) = data {
            data.entry("user_id").or_insert(named);
        }
    }
    row
}

fn refusal(fault: &InteractionFault, row: usize) -> RestError {
    let field = fault.field;
    let (code, message) = match (fault.code, fault.bound) {
        ("REQUIRED", _) => (
            "23502",
            format!(
                "null value in column \"{field}\" of relation \"{TABLE}\" violates not-null constraint"
            ),
        ),
        ("TOO_LONG", Some(bound)) => (
            "22001",
            format!("value too long for column \"{field}\": at most {bound}"),
        ),
        ("NUL_IN_TEXT", _) => (
            "22P05",
            format!("unsupported Unicode escape sequence in column \"{field}\": \\u0000"),
        ),
        (code, _) => (
            "22P02",
            format!("invalid value for column \"{field}\": {code}"),
        ),
    };
    RestError::bad_row(code, message, row)
}

/// The rows as they came, to be shown.
pub(super) fn shown(
    rows: &[Map<String, Value>],
    selected: &[usize],
) -> Result<Vec<AnswerRow>, serde_json::Error> {
    let cell =
        |row: &Map<String, Value>, column: usize| -> Result<Box<RawValue>, serde_json::Error> {
            to_raw_value(row.get(COLUMNS[column]).unwrap_or(&Value::Null))
        };
    let rows = rows.iter();
    rows.map(|row| selected.iter().map(|&column| cell(row, column)).collect())
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    fn read(body: &Value, named: Option<&str>) -> Result<Vec<Interaction>, RestError> {
        interactions(&rows(body.to_string().as_bytes(), named)?, Some(UserId(7)))
    }

    #[test]
    fn rows_become_interactions_of_the_caller() {
        let row = json!({"action": "x", "data": {"eventId": 3}, "timestamp": "2027-03-01T19:30:00Z",
            "session_id": "s", "user_id": "ann", "page_url": "https://example.org/", "user_agent": "y"});
        let read_rows = read(&json!([row, {"action": "y", "user_id": 4}]), None).unwrap();
        assert_eq!(read_rows[0].user_id, Some(UserId(7)));
        assert_eq!(read_rows[0].data, json!({"eventId": 3, "user_id": "ann"}));
        assert_eq!(read_rows[1].data, json!({"user_id": 4}));
        assert_eq!(read(&row, None).unwrap().len(), 1);
        let odd = json!([{"action": "x", "odd": 1}]);
        assert_eq!(read(&odd, Some("\"action\"")).unwrap().len(), 1);
    }

    #[test]
    fn what_is_wrong_is_refused() {
        for body in [
            json!([{"action": "x", "odd": 1}]),
            json!([{"action": 5}]),
            json!([{}]),
            json!([5]),
            json!("text"),
            json!(vec![json!({"action": "x"}); 1_001]),
        ] {
            assert!(read(&body, None).is_err(), "{body}");
        }
        assert!(read(&json!([]), Some("\"odd\"")).is_err());
    }
}
