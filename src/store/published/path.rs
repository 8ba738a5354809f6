//! The way to the candidates of a query: by a key, or along an index.

use super::{Filter, FilterKind, OrderKey, Reading, RowSource};
use crate::config::rest::{PUBLISHED_OF_KEY_ROWS_MAX, PUBLISHED_READ_ROWS_MAX};
use crate::protocol::supabase::{Comparison, PublishedTable, Test, Value};

#[derive(Debug)]
pub(super) struct Path {
    /// Places of the columns of the index that rows are read along; none where keys lead to them.
    along: Vec<usize>,
    backwards: bool,
    /// Whether rows are read in the order in which they are asked for.
    in_order: bool,
    /// Filters that the index answers; the others are applied to the candidates.
    indexed: Vec<bool>,
    /// Conditions that the index holds for, answered by it as well.
    holds: &'static str,
    partial: Option<&'static str>,
    candidates_max: i64,
    /// The first candidates are the page: nothing is filtered, sorted or counted.
    short: bool,
}

impl Path {
    pub(super) fn choose(reading: &Reading, source: &RowSource) -> Path {
        let table = reading.table;
        let place = |name: &&str| table.column(name);
        let keys: Vec<usize> = source.keys.iter().filter_map(place).collect();
        let orders = source.orders.iter();
        let orders: Vec<Vec<usize>> = orders
            .map(|order| order.columns.iter().filter_map(place).collect())
            .collect();
        let primary = orders.first().cloned().unwrap_or_default();
        let tests = |column: usize, fits: &dyn Fn(&Test) -> bool| {
            let mut filters = reading.filters.iter();
            filters.any(|filter| plain(filter).is_some_and(|(of, test)| of == column && fits(test)))
        };
        let leads = |fits: &dyn Fn(&Test) -> bool| {
            let mut orders = orders.iter();
            orders.find(|order| order.first().is_some_and(|&first| tests(first, fits)))
        };
        let fixed = leads(&is_equal);
        let is_keyed = keys.iter().any(|&key| tests(key, &is_listed));
        let partial = source.partial.filter(|_| fixed.is_none() && !is_keyed);
        let partial = partial.and_then(|(column, value, expression)| {
            let column = table.column(column)?;
            tests(column, &|test| is_text(test, value)).then_some((column, value, expression))
        });
        let wanted = reading.order.first().map(|key| key.column);
        let along = match (fixed, is_keyed) {
            (Some(order), _) => order.clone(),
            (None, true) => Vec::new(),
            _ if partial.is_some() => orders.last().cloned().unwrap_or_default(),
            _ => {
                let sorted = orders.iter().find(|order| order.first() == wanted.as_ref());
                let ranged = sorted.or_else(|| leads(&is_ranged));
                ranged.unwrap_or(&primary).clone()
            }
        };
        let taken = orders.iter().position(|order| *order == along);
        let holds = taken
            .and_then(|nth| source.orders.get(nth))
            .map_or("true", |order| order.holds);
        let constant = fixed.and_then(|order| order.first().copied());
        let is_indexed = |filter: &Filter| {
            plain(filter).is_some_and(|(column, test)| match along.first() {
                None => keys.contains(&column) && is_listed(test),
                Some(&first) if column == first => is_ranged(test) || is_listed(test),
                // Behind a column that is fixed the next one of the index is as good.
                Some(_) if constant.is_some() => along.contains(&column) && is_ranged(test),
                Some(_) => false,
            })
        };
        let indexed: Vec<bool> = reading
            .filters
            .iter()
            .map(|filter| {
                let by_partial = partial.is_some_and(|(column, value, _)| {
                    plain(filter).is_some_and(|(of, test)| of == column && is_text(test, value))
                });
                by_partial || is_indexed(filter)
            })
            .collect();
        let order = full_order(reading, &primary);
        let (in_order, backwards) = follows(&order, &along, constant);
        let of_key = is_keyed || constant.is_some();
        let bound = if of_key {
            PUBLISHED_OF_KEY_ROWS_MAX
        } else {
            PUBLISHED_READ_ROWS_MAX
        };
        let short = in_order && !reading.counted && indexed.iter().all(|&indexed| indexed);
        Path {
            along,
            backwards,
            in_order,
            indexed,
            holds,
            partial: partial.map(|(_, _, expression)| expression),
            candidates_max: bound,
            short,
        }
    }

    /// Most rows that are read.
    pub(super) fn candidates(&self) -> i64 {
        self.candidates_max
    }

    pub(super) fn is_short(&self) -> bool {
        self.short
    }

    pub(super) fn is_in_order(&self) -> bool {
        self.in_order
    }

    pub(super) fn along(&self) -> (&[usize], bool) {
        (&self.along, self.backwards)
    }

    pub(super) fn holds(&self) -> &'static str {
        self.holds
    }

    pub(super) fn partial(&self) -> Option<&'static str> {
        self.partial
    }

    /// The filters that the index answers, or the others.
    pub(super) fn filters<'a>(&self, reading: &'a Reading, indexed: bool) -> Vec<&'a Filter> {
        let filters = reading.filters.iter().zip(&self.indexed);
        filters
            .filter(|(_, is)| **is == indexed)
            .map(|(filter, _)| filter)
            .collect()
    }
}

/// The order with the primary key behind it, so that pages neither overlap nor leave rows out.
pub(super) fn full_order(reading: &Reading, primary: &[usize]) -> Vec<OrderKey> {
    let mut order = reading.order.clone();
    let descending = order.last().is_some_and(|key| key.descending);
    for &column in primary {
        if order.iter().all(|key| key.column != column) {
            order.push(OrderKey {
                column,
                descending,
                nulls_first: None,
            });
        }
    }
    order
}

/// The places of the primary key's columns.
pub(super) fn primary_key(table: &PublishedTable, source: &RowSource) -> Vec<usize> {
    let names = source.orders.first().map_or(&[][..], |order| order.columns);
    names.iter().filter_map(|name| table.column(name)).collect()
}

/// Whether rows read along these columns come in `order`, and whether they are to be read backwards. A column that is
/// the same in all rows does not count. None of the columns can be null.
fn follows(order: &[OrderKey], along: &[usize], constant: Option<usize>) -> (bool, bool) {
    let wanted: Vec<&OrderKey> = order
        .iter()
        .filter(|key| Some(key.column) != constant)
        .collect();
    let backwards = wanted.first().is_some_and(|key| key.descending);
    let along: Vec<usize> = along
        .iter()
        .copied()
        .filter(|&column| Some(column) != constant)
        .collect();
    let is_same = !along.is_empty() || constant.is_some();
    let columns = wanted.iter().map(|key| key.column);
    let in_order =
        is_same && columns.eq(along) && wanted.iter().all(|key| key.descending == backwards);
    (in_order, in_order && backwards)
}

/// The column and condition of a filter that is neither negated nor made of others.
fn plain(filter: &Filter) -> Option<(usize, &Test)> {
    match &filter.kind {
        FilterKind::Column(column, test) if !filter.negated => Some((*column, test)),
        _ => None,
    }
}

fn is_text(test: &Test, text: &str) -> bool {
    matches!(test, Test::Compare(Comparison::Eq, Value::Text(value)) if value == text)
}

fn is_equal(test: &Test) -> bool {
    matches!(test, Test::Compare(Comparison::Eq, _))
}

fn is_listed(test: &Test) -> bool {
    is_equal(test) || matches!(test, Test::In(_))
}

fn is_ranged(test: &Test) -> bool {
    matches!(test, Test::Compare(comparison, _) if *comparison != Comparison::Neq)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::source;
    use super::*;
    use crate::protocol::supabase::{Quotes, TABLES};

    /// `events`, `id=gt.5 status=eq.active`, `starts_at.desc` → the path.
    fn path(table: &str, filters: &str, order: &str) -> Path {
        let table = TABLES.into_iter().find(|one| one.name == table).unwrap();
        let column = |name: &str| table.column(name).unwrap();
        let filters = filters.split_whitespace().map(|filter| {
            let (name, test) = filter.split_once('=').unwrap();
            let (operator, value) = test.split_once('.').unwrap();
            let kind = table.columns[column(name)].kind;
            let test = Test::parse(operator, value, kind, Quotes::Kept, 10).unwrap();
            Filter {
                negated: false,
                kind: FilterKind::Column(column(name), test),
            }
        });
        let order = order.split_whitespace().map(|key| OrderKey {
            column: column(key.trim_end_matches(".desc")),
            descending: key.ends_with(".desc"),
            nulls_first: None,
        });
        let reading = Reading {
            table,
            columns: vec![0],
            filters: filters.collect(),
            order: order.collect(),
            limit: 10,
            offset: 0,
            counted: false,
        };
        Path::choose(&reading, source(table).unwrap())
    }

    /// The columns that rows are read along (`-` in front: backwards; none: by keys), whether that is their order, and
    /// how many of the filters the index answers.
    fn way(table: &str, filters: &str, order: &str) -> (String, bool, usize) {
        let path = path(table, filters, order);
        let table = TABLES.into_iter().find(|one| one.name == table).unwrap();
        let names: Vec<_> = path
            .along
            .iter()
            .map(|&column| table.columns[column].name)
            .collect();
        let sign = if path.backwards { "-" } else { "" };
        let indexed = path.indexed.iter().filter(|&&indexed| indexed).count();
        (format!("{sign}{}", names.join(",")), path.in_order, indexed)
    }

    #[test]
    fn a_query_goes_by_keys_or_along_an_index() {
        for (table, filters, order, along, in_order, indexed) in [
            ("events", "", "", "id", true, 0),
            ("events", "", "id.desc", "-id", true, 0),
            ("events", "id=gt.5", "id", "id", true, 1),
            ("events", "title=eq.x", "title", "id", false, 0),
            ("events", "", "starts_at", "starts_at,id", true, 0),
            ("events", "", "starts_at.desc", "-starts_at,id", true, 0),
            ("events", "", "starts_at.desc id", "starts_at,id", false, 0),
            (
                "events",
                "starts_at=gte.2027-01-01",
                "title",
                "starts_at,id",
                false,
                1,
            ),
            (
                "events",
                "status=eq.active",
                "starts_at",
                "starts_at,id",
                true,
                1,
            ),
            ("events", "status=eq.active", "", "starts_at,id", false, 1),
            (
                "events",
                "status=eq.paused",
                "starts_at",
                "starts_at,id",
                true,
                0,
            ),
            ("events", "id=eq.5 status=eq.active", "", "id", true, 1),
            ("events", "id=in.(1,2)", "", "", false, 1),
            ("event_tickets", "event_id=eq.1 name=eq.x", "", "", false, 1),
            ("event_tickets", "id=gt.1 name=eq.x", "", "id", true, 1),
            ("seats", "event_id=eq.1", "", "event_id,position", true, 1),
            (
                "seats",
                "event_id=eq.1 position=lt.9",
                "position.desc",
                "-event_id,position",
                true,
                2,
            ),
            (
                "seats",
                "event_id=eq.1 status=eq.held",
                "position",
                "event_id,position",
                true,
                1,
            ),
            ("seats", "event_id=in.(1,2)", "position", "", false, 1),
            ("seats", "position=eq.1", "", "event_id,position", true, 0),
            ("notices", "event_id=eq.1", "created_at.desc", "", false, 1),
        ] {
            let found = way(table, filters, order);
            let expected = (along.to_owned(), in_order, indexed);
            assert_eq!(found, expected, "{table} {filters} {order}");
        }
    }

    #[test]
    fn what_a_key_leads_to_may_be_more() {
        assert_eq!(
            path("seats", "event_id=eq.1", "").candidates(),
            PUBLISHED_OF_KEY_ROWS_MAX
        );
        assert_eq!(
            path("seats", "position=eq.1", "").candidates(),
            PUBLISHED_READ_ROWS_MAX
        );
    }
}
