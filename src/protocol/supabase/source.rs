//! The tables that one binding listens to, each with a filter and selected columns.

use serde_json::{Map, Value};

use super::filter::BindingFilter;
use super::table::{ColumnSet, PublishedTable, TABLES};
use crate::protocol::excerpt;

/// A table that a binding listens to.
#[derive(Debug)]
pub(super) struct TableSource {
    pub(super) table: &'static PublishedTable,
    pub(super) filter: BindingFilter,
    pub(super) columns: ColumnSet,
}

/// The tables that a binding names, each with its filter and columns.
pub(super) fn sources(asked: &Map<String, Value>) -> Result<Vec<TableSource>, String> {
    let (schema, name) = (text(asked, "schema")?, text(asked, "table")?);
    if schema.is_none() && name.is_none() {
        return Err(nothing_given());
    }
    let (schema, name) = (schema.unwrap_or("public"), name.unwrap_or("*"));
    let is_wildcard = schema == "*" || name == "*";
    let fits = |wanted: &str, one: &str| wanted == "*" || wanted == one;
    let tables = TABLES
        .into_iter()
        .filter(|table| fits(schema, table.schema) && fits(name, table.name));
    let filter = text(asked, "filter")?.unwrap_or("");
    let mut sources = Vec::new();
    for table in tables {
        let filter = BindingFilter::parse(filter, table)
            .map_err(|error| format!("Error parsing `filter` params: {error}"))?;
        let columns = columns(asked.get("select"), table, is_wildcard)?;
        sources.push(TableSource {
            table,
            filter,
            columns,
        });
    }
    if sources.is_empty() {
        let (schema, name) = (excerpt(schema), excerpt(name));
        return Err(format!(
            "Unable to subscribe to changes with given parameters: no table {schema}.{name} is published"
        ));
    }
    Ok(sources)
}

fn text<'a>(asked: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, String> {
    match asked.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(nothing_given()),
    }
}

fn nothing_given() -> String {
    "No subscription params provided. Please provide at least a `schema` or `table` to subscribe to, as text"
        .to_owned()
}

/// The columns of `select` and the primary key; all columns without `select`.
fn columns(
    select: Option<&Value>,
    table: &PublishedTable,
    is_wildcard: bool,
) -> Result<ColumnSet, String> {
    let names = match select {
        None | Some(Value::Null) => return Ok(ColumnSet::ALL),
        Some(Value::Array(names)) => names,
        Some(_) => {
            return Err(
                "Error parsing `select` params: expected a list of column name strings".to_owned(),
            );
        }
    };
    if is_wildcard {
        return Err(
            "Column selection is not supported for wildcard subscriptions. Provide an explicit schema and table name."
                .to_owned(),
        );
    }
    let mut columns = ColumnSet::PRIMARY_KEY;
    for name in names.iter().filter_map(Value::as_str) {
        let column = table.column(name);
        columns
            .insert(column.ok_or_else(|| format!("invalid column for select {}", excerpt(name)))?);
    }
    Ok(columns)
}
