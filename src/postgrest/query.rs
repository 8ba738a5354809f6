//! The query string of a read.

use super::columns::{Selected, TableColumns};
use super::error::RestError;
use super::filter::Filters;
use super::headers::RowRange;
use super::order;
use crate::config::rest::PUBLISHED_ROWS_MAX;
use crate::protocol::supabase::PublishedTable;
use crate::store::published::Reading;

/// A query, and the names of its columns in the answer.
#[derive(Debug)]
pub(super) struct ParsedQuery {
    pub(super) reading: Reading,
    pub(super) selected: Vec<Selected>,
}

/// Reads the parameters of a query on a table. A parameter that is no word of PostgREST is a filter.
pub(super) fn read(
    table: &'static PublishedTable,
    pairs: &[(String, String)],
    range: Option<RowRange>,
    counted: bool,
) -> Result<ParsedQuery, RestError> {
    let columns = TableColumns::of(table);
    let mut filters = Filters::new(table, &columns);
    let mut selected = columns.all();
    let (mut order, mut limit, mut offset) = (Vec::new(), None, 0);
    for (name, value) in pairs {
        match name.as_str() {
            "select" => selected = columns.select(value)?,
            "order" => order = order::read(value, &columns)?,
            "limit" => limit = Some(number(value)?),
            "offset" => offset = number(value)?,
            // Gateways of Supabase take the key in the address as well.
            "apikey" => {}
            // Of inserts; PostgREST takes them with every request.
            "columns" | "on_conflict" => {}
            name => filters.add(name, value)?,
        }
    }
    if limit.is_some_and(|limit| limit < 0) {
        return Err(RestError::unsatisfiable(
            "Limit should be greater than or equal to zero.",
        ));
    }
    if offset < 0 {
        return Err(RestError::unsatisfiable(
            "Offset should be greater than or equal to zero.",
        ));
    }
    let mut limit = limit.unwrap_or(PUBLISHED_ROWS_MAX);
    if let Some(RowRange { first, last }) = range {
        // Of the rows that `limit` and `offset` leave, those that are in the range, too.
        let end = offset.saturating_add(limit);
        let last = last.map_or(end, |last| end.min(last.saturating_add(1)));
        offset = offset.max(first);
        limit = last.saturating_sub(offset).max(0);
    }
    let reading = Reading {
        table,
        columns: selected.iter().map(|one| one.column).collect(),
        filters: filters.done(),
        order,
        limit: limit.min(PUBLISHED_ROWS_MAX),
        offset,
        counted,
    };
    Ok(ParsedQuery { reading, selected })
}

fn number(text: &str) -> Result<i64, RestError> {
    let bad = |_| RestError::bad_value(format!("invalid input syntax for type bigint: \"{text}\""));
    text.trim().parse().map_err(bad)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::protocol::supabase::TABLES;

    fn page(query: &str, range: Option<RowRange>) -> (i64, i64) {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let pairs: Vec<_> = pairs
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let asked = read(TABLES[0], &pairs, range, false).unwrap();
        (asked.reading.offset, asked.reading.limit)
    }

    #[test]
    fn a_page_is_bounded_and_within_the_range() {
        let range = |first, last| Some(RowRange { first, last });
        assert_eq!(page("", None), (0, PUBLISHED_ROWS_MAX));
        assert_eq!(page("limit=5000", None), (0, PUBLISHED_ROWS_MAX));
        assert_eq!(page("limit=10&offset=20", None), (20, 10));
        assert_eq!(page("", range(5, Some(9))), (5, 5));
        assert_eq!(page("limit=3", range(2, None)), (2, 1));
        assert_eq!(page("limit=3", range(7, Some(9))), (7, 0));
    }
}
