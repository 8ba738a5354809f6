//! `order=starts_at.desc.nullslast,id`.

use super::columns::TableColumns;
use super::error::RestError;
use crate::config::rest::PUBLISHED_TERMS_MAX;
use crate::store::published::OrderKey;

pub(super) fn read(text: &str, columns: &TableColumns) -> Result<Vec<OrderKey>, RestError> {
    let mut order: Vec<OrderKey> = Vec::new();
    for term in text.split(',').filter(|term| !term.trim().is_empty()) {
        let unreadable = || {
            let why = "an order is column.asc or column.desc, with .nullsfirst or .nullslast";
            RestError::unreadable("order", text, why)
        };
        let mut parts = term.trim().split('.');
        let column = columns.place(parts.next().unwrap_or_default())?;
        let mut key = OrderKey {
            column,
            descending: false,
            nulls_first: None,
        };
        let mut rest: Vec<&str> = parts.collect();
        if let Some("asc" | "desc") = rest.first().copied() {
            key.descending = rest.remove(0) == "desc";
        }
        match rest.as_slice() {
            [] => {}
            ["nullsfirst"] => key.nulls_first = Some(true),
            ["nullslast"] => key.nulls_first = Some(false),
            _ => return Err(unreadable()),
        }
        // A column that was named before decides nothing any more.
        if order.iter().all(|before| before.column != column) {
            order.push(key);
        }
    }
    if order.len() > PUBLISHED_TERMS_MAX {
        return Err(RestError::too_many(
            "columns to order by",
            PUBLISHED_TERMS_MAX,
        ));
    }
    Ok(order)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn columns() -> TableColumns {
        TableColumns {
            table: "shows",
            names: vec!["id", "name", "left"],
        }
    }

    #[test]
    fn an_order_names_columns_directions_and_the_place_of_nulls() {
        let told = |text: &str| {
            let order = read(text, &columns()).unwrap().into_iter();
            let keys = order.map(|key| (key.column, key.descending, key.nulls_first));
            keys.collect::<Vec<_>>()
        };
        assert_eq!(told(""), []);
        assert_eq!(told("id"), [(0, false, None)]);
        assert_eq!(
            told("left.desc,id.asc"),
            [(2, true, None), (0, false, None)]
        );
        assert_eq!(told("name.nullsfirst"), [(1, false, Some(true))]);
        assert_eq!(told("name.desc.nullslast"), [(1, true, Some(false))]);
        assert_eq!(told("\"id\".desc,id"), [(0, true, None)]);
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "nope",
            "id.up",
            "id.asc.desc",
            "venue(name).asc",
            "id.nullsfirst.desc",
        ] {
            assert!(read(text, &columns()).is_err(), "{text}");
        }
    }
}
