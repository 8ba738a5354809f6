//! The text and the parameters of a query on a published table.

use tokio_postgres::types::ToSql;

use super::path::{Path, full_order, primary_key};
use super::{Filter, FilterKind, OrderKey, Reading, RowSource};
use crate::protocol::supabase::{ColumnType, Comparison, PublishedTable, Test, Value};

/// Collects parameters while the text is written.
#[derive(Default)]
pub(super) struct Statement(Vec<Box<dyn ToSql + Send + Sync>>);

impl Statement {
    /// Adds a parameter; its place in the text, as `$3`.
    pub(super) fn bind(&mut self, value: impl ToSql + Send + Sync + 'static) -> String {
        self.0.push(Box::new(value));
        format!("${}", self.0.len())
    }

    pub(super) fn values(&self) -> Vec<&(dyn ToSql + Sync)> {
        self.0
            .iter()
            .map(|value| &**value as &(dyn ToSql + Sync))
            .collect()
    }

    /// The query. Its one row: the page as a JSON list of lists, how many candidates there were, and, if it is counted,
    /// how many of them pass. $1 and $2 are bound.
    pub(super) fn read(&mut self, reading: &Reading, source: &RowSource, path: &Path) -> String {
        let table = reading.table;
        let candidates = self.candidates(reading, source, path);
        let passing = path.filters(reading, false);
        let passing = self.all(&passing, &|column| quoted(table, column));
        let order = full_order(reading, &primary_key(table, source));
        let order: Vec<String> = order.iter().map(|key| ordered(table, key)).collect();
        let order = order.join(", ");
        let cells = reading.columns.iter().enumerate();
        let cells: Vec<String> = cells
            .map(|(nth, &column)| format!("{} as c{nth}", shown(table, column)))
            .collect();
        let cells = cells.join(", ");
        let listed: Vec<String> = (0..reading.columns.len())
            .map(|nth| format!("c{nth}"))
            .collect();
        let listed = listed.join(", ");
        let limit = self.bind(reading.limit);
        let offset = self.bind(reading.offset);
        let counted = match reading.counted {
            true => format!("(select count(*) from candidates where {passing})"),
            false => "null::bigint".to_owned(),
        };
        format!(
            "with candidates as materialized ({candidates}),
                  page as (select {cells} from candidates where {passing}
                            order by {order} limit {limit}::bigint offset {offset}::bigint)
             select (select coalesce(json_agg(json_build_array({listed})), '[]') from page)::text,
                    (select count(*) from candidates), {counted}"
        )
    }

    fn candidates(&mut self, reading: &Reading, source: &RowSource, path: &Path) -> String {
        let table = reading.table;
        let cell = |column: usize| {
            source
                .cells
                .get(column)
                .copied()
                .unwrap_or("null")
                .to_owned()
        };
        let used = used(reading, source).into_iter();
        let used: Vec<String> = used
            .map(|column| format!("{} as {}", cell(column), quoted(table, column)))
            .collect();
        let used = used.join(", ");
        // The expression of `partial` needs no parameter; a plan for any value could not use the index.
        let mut indexed = path.filters(reading, true);
        let (along, backwards) = path.along();
        let mut partial = "true";
        if let Some(expression) = path.partial() {
            partial = expression;
            indexed.retain(|filter| matches!(&filter.kind, FilterKind::Column(column, _) if along.contains(column)));
        }
        let indexed = self.all(&indexed, &cell);
        let direction = if backwards { "desc" } else { "asc" };
        let along: Vec<String> = along
            .iter()
            .map(|&column| format!("{} {direction}", cell(column)))
            .collect();
        let order = match along.is_empty() {
            true => String::new(),
            false => format!("order by {}", along.join(", ")),
        };
        let RowSource { from, visible, .. } = source;
        let holds = path.holds();
        let limit = self.bind(match path.is_short() {
            true => reading.offset.saturating_add(reading.limit),
            false => path.candidates() + 1,
        });
        format!(
            "select {used} from {from} where {visible} and {holds} and {partial} and {indexed} {order} limit {limit}::bigint"
        )
    }

    /// All filters at once; `true` without any.
    fn all(&mut self, filters: &[&Filter], cell: &dyn Fn(usize) -> String) -> String {
        let filters: Vec<String> = filters
            .iter()
            .map(|filter| self.filter(filter, cell))
            .collect();
        joined(&filters, " and ", "true")
    }

    fn filter(&mut self, filter: &Filter, cell: &dyn Fn(usize) -> String) -> String {
        let text = match &filter.kind {
            FilterKind::Column(column, test) => self.test(&cell(*column), test),
            FilterKind::All(filters) => {
                let filters: Vec<&Filter> = filters.iter().collect();
                self.all(&filters, cell)
            }
            FilterKind::Any(filters) => {
                let filters: Vec<String> =
                    filters.iter().map(|one| self.filter(one, cell)).collect();
                joined(&filters, " or ", "false")
            }
        };
        match filter.negated {
            true => format!("not ({text})"),
            false => format!("({text})"),
        }
    }

    fn test(&mut self, cell: &str, test: &Test) -> String {
        match test {
            Test::Compare(comparison, value) => {
                let sign = match comparison {
                    Comparison::Eq => "=",
                    Comparison::Neq => "<>",
                    Comparison::Lt => "<",
                    Comparison::Lte => "<=",
                    Comparison::Gt => ">",
                    Comparison::Gte => ">=",
                };
                format!("{cell} {sign} {}", self.value(value))
            }
            Test::In(values) => format!("{cell} = any({})", self.list(values)),
            Test::Like(pattern) => {
                let operator = if pattern.ignores_case() {
                    "ilike"
                } else {
                    "like"
                };
                let text = self.bind(pattern.text().to_owned());
                format!("{cell} {operator} {text}::text")
            }
            Test::IsNull => format!("{cell} is null"),
            Test::IsBool(flag) => format!("{cell} is {flag}"),
            Test::IsDistinct(None) => format!("{cell} is not null"),
            Test::IsDistinct(Some(value)) => {
                format!("{cell} is distinct from {}", self.value(value))
            }
            // Patterns of the dialect are not those of Postgres, so the parser lets none through.
            Test::Match(_) => "false".to_owned(),
        }
    }

    fn value(&mut self, value: &Value) -> String {
        match value {
            Value::Bool(flag) => format!("{}::bool", self.bind(*flag)),
            Value::Int(number) => format!("{}::bigint", self.bind(*number)),
            Value::Text(text) => format!("{}::text", self.bind(text.clone())),
            Value::Time(time) => format!("{}::timestamptz", self.bind(*time)),
        }
    }

    /// The values of one list are of one type.
    fn list(&mut self, values: &[Value]) -> String {
        fn each<T>(values: &[Value], of: impl Fn(&Value) -> Option<T>) -> Vec<T> {
            values.iter().filter_map(of).collect()
        }
        match values.first() {
            Some(Value::Bool(_)) => {
                let flags = each(values, |value| match value {
                    Value::Bool(flag) => Some(*flag),
                    _ => None,
                });
                format!("{}::bool[]", self.bind(flags))
            }
            Some(Value::Int(_)) => {
                let numbers = each(values, |value| match value {
                    Value::Int(number) => Some(*number),
                    _ => None,
                });
                format!("{}::bigint[]", self.bind(numbers))
            }
            Some(Value::Text(_)) => {
                let texts = each(values, |value| match value {
                    Value::Text(text) => Some(text.clone()),
                    _ => None,
                });
                format!("{}::text[]", self.bind(texts))
            }
            Some(Value::Time(_)) => {
                let times = each(values, |value| match value {
                    Value::Time(time) => Some(*time),
                    _ => None,
                });
                format!("{}::timestamptz[]", self.bind(times))
            }
            None => "'{}'".to_owned(),
        }
    }
}

fn joined(parts: &[String], by: &str, none: &str) -> String {
    match parts {
        [] => none.to_owned(),
        parts => parts.join(by),
    }
}

/// Places of the columns that are selected, filtered or sorted by: others are not computed.
fn used(reading: &Reading, source: &RowSource) -> Vec<usize> {
    fn named(filter: &Filter, into: &mut Vec<usize>) {
        match &filter.kind {
            FilterKind::Column(column, _) => into.push(*column),
            FilterKind::All(filters) | FilterKind::Any(filters) => {
                filters.iter().for_each(|filter| named(filter, into));
            }
        }
    }
    let mut used = reading.columns.clone();
    let filters = reading.filters.iter();
    filters.for_each(|filter| named(filter, &mut used));
    let order = full_order(reading, &primary_key(reading.table, source));
    used.extend(order.iter().map(|key| key.column));
    used.sort_unstable();
    used.dedup();
    used
}

/// The name of a column of ours, some of which are words of SQL.
fn quoted(table: &PublishedTable, column: usize) -> String {
    let name = table.columns.get(column).map_or("", |column| column.name);
    format!("\"{name}\"")
}

/// A cell as it leaves: times as the dialect writes them.
fn shown(table: &PublishedTable, column: usize) -> String {
    let name = quoted(table, column);
    match table.columns.get(column).map(|column| column.kind) {
        Some(ColumnType::Timestamptz) => format!("rfc3339({name})"),
        _ => name,
    }
}

fn ordered(table: &PublishedTable, key: &OrderKey) -> String {
    let direction = if key.descending { "desc" } else { "asc" };
    let nulls = match key.nulls_first {
        None => "",
        Some(true) => " nulls first",
        Some(false) => " nulls last",
    };
    format!("{} {direction}{nulls}", quoted(table, key.column))
}
