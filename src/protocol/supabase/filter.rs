//! The filter of a binding: `column=op.value`, several joined by commas, all of which must hold.
//!
//! The grammar is that of Supabase Realtime: `not.` before the operator negates; values may be
//! `"quoted"` with backslash escapes; commas in quotes or parentheses do not split; blanks around
//! a condition do not count. Values are cast to the column's type when the filter is read, and
//! compared as that type: 10 is more than 9. Text compares by its bytes.
//!
//! As in SQL, a condition on null is neither true nor false, even when negated, except for `is` and `isdistinct`; a
//! row passes only if the condition is true.

use std::cmp::Ordering;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use regex::{Regex, RegexBuilder};

use super::grammar::{split_conditions, split_list, unquote};
use super::like::LikePattern;
use super::table::{Cell, ColumnType, PublishedTable};
use crate::protocol::excerpt;

/// Values in one `in.(…)`, as in the reference.
const IN_VALUES_MAX: usize = 100;
/// A compiled pattern's size; its matcher's scratch memory has the same bound.
const REGEX_BYTES_MAX: usize = 64 * 1024;

/// Conditions that must all hold.
#[derive(Debug)]
pub(super) struct BindingFilter {
    conditions: Vec<FilterTerm>,
}

#[derive(Debug)]
struct FilterTerm {
    column: usize,
    negated: bool,
    test: Test,
}

/// A condition on one value.
#[derive(Debug)]
pub(crate) enum Test {
    Compare(Comparison, Value),
    In(Vec<Value>),
    Like(LikePattern),
    Match(Regex),
    IsNull,
    IsBool(bool),
    IsDistinct(Option<Value>),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Comparison {
    Eq,
    Neq,
    Lt,
    Lte,
    Gt,
    Gte,
}

/// A value, cast to its column's type.
#[derive(Debug, PartialEq)]
pub(crate) enum Value {
    Bool(bool),
    Int(i64),
    Text(String),
    Time(Timestamp),
}

/// The treatment of quotes around a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quotes {
    /// They are part of the grammar, and taken off.
    Undone,
    /// They are part of the value.
    Kept,
}

/// An operator or a value that a column cannot be tested with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConditionFault {
    #[error("unknown operator \"{0}\"")]
    Operator(String),
    #[error("invalid input syntax for type {kind}: \"{text}\"")]
    Value { kind: &'static str, text: String },
    /// The column's type has no such operation.
    #[error("{0}")]
    Type(String),
    #[error("{0}")]
    Form(String),
}

impl BindingFilter {
    /// Reads a filter over a table; blank text lets every row pass.
    ///
    /// # Errors
    /// A text for the `system` message.
    pub(super) fn parse(text: &str, table: &PublishedTable) -> Result<BindingFilter, String> {
        if text.trim().is_empty() {
            let conditions = Vec::new();
            return Ok(BindingFilter { conditions });
        }
        let parts = split_conditions(text).into_iter();
        let conditions = parts.map(|part| FilterTerm::parse(part.trim(), table));
        Ok(BindingFilter {
            conditions: conditions.collect::<Result<_, _>>()?,
        })
    }

    /// Whether a row passes. Unknown cells of a deleted row let it pass: one deletion too many is better than a viewer that
    /// goes on showing a deleted row.
    pub(super) fn lets_through(&self, row: &[Cell<'_>]) -> bool {
        self.conditions.iter().all(|condition| {
            row.get(condition.column)
                .is_some_and(|&cell| cell == Cell::Unknown || condition.holds(cell))
        })
    }

    /// The number that the filter requires the column to equal, if it does.
    pub(super) fn number(&self, column: usize) -> Option<i64> {
        self.conditions
            .iter()
            .find_map(|condition| match condition.test {
                Test::Compare(Comparison::Eq, Value::Int(number))
                    if condition.column == column && !condition.negated =>
                {
                    Some(number)
                }
                _ => None,
            })
    }

    /// The pieces of its `like` patterns that may be compared at every place of a text.
    pub(super) fn like_pieces(&self) -> usize {
        let pieces = |condition: &FilterTerm| match &condition.test {
            Test::Like(pattern) => pattern.costly_pieces(),
            _ => 0,
        };
        self.conditions.iter().map(pieces).sum()
    }

    /// The number of compiled patterns in it.
    pub(super) fn regexes(&self) -> usize {
        let is_regex = |condition: &&FilterTerm| matches!(condition.test, Test::Match(_));
        self.conditions.iter().filter(is_regex).count()
    }
}

impl FilterTerm {
    fn parse(text: &str, table: &PublishedTable) -> Result<FilterTerm, String> {
        if text.is_empty() {
            return Err("filter must not contain empty segments (check for extra commas)".into());
        }
        let unreadable = || format!("\"{}\" is not column=operator.value", excerpt(text));
        let (name, rest) = text.split_once('=').ok_or_else(unreadable)?;
        let (negated, rest) = match rest.strip_prefix("not.") {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let (operator, value) = rest.split_once('.').ok_or_else(unreadable)?;
        let name = name.trim();
        let column = table
            .column(name)
            .ok_or_else(|| format!("invalid column for filter {}", excerpt(name)))?;
        Ok(FilterTerm {
            column,
            negated,
            test: Test::parse(
                operator,
                value,
                table.columns[column].kind,
                Quotes::Undone,
                IN_VALUES_MAX,
            )
            .map_err(|fault| fault.to_string())?,
        })
    }

    fn holds(&self, cell: Cell<'_>) -> bool {
        self.test
            .result(cell)
            .is_some_and(|result| result != self.negated)
    }
}

impl Test {
    /// Reads the value of a condition; that of `in` has at most `values_max` members.
    pub(crate) fn parse(
        operator: &str,
        value: &str,
        kind: ColumnType,
        quotes: Quotes,
        values_max: usize,
    ) -> Result<Test, ConditionFault> {
        // No text of ours has one, and Postgres takes none.
        if value.contains('\0') {
            return Err(ConditionFault::Value {
                kind: kind.spelled_out(),
                text: excerpt(value),
            });
        }
        let scalar = || match quotes {
            Quotes::Undone => unquote(value),
            Quotes::Kept => value.to_owned(),
        };
        let compare = |comparison| Ok(Test::Compare(comparison, cast(&scalar(), kind)?));
        match operator {
            "eq" => compare(Comparison::Eq),
            "neq" => compare(Comparison::Neq),
            "lt" => compare(Comparison::Lt),
            "lte" => compare(Comparison::Lte),
            "gt" => compare(Comparison::Gt),
            "gte" => compare(Comparison::Gte),
            "in" => Ok(Test::In(list(value, kind, values_max)?)),
            "like" | "ilike" => {
                text_only(operator, kind)?;
                LikePattern::parse(&scalar(), operator == "ilike")
                    .map(Test::Like)
                    .map_err(|_| form("LIKE pattern must not end with escape character"))
            }
            "match" | "imatch" => {
                text_only(operator, kind)?;
                regex(&scalar(), operator == "imatch").map(Test::Match)
            }
            "is" => match value.to_ascii_lowercase().as_str() {
                "null" => Ok(Test::IsNull),
                "true" | "false" | "unknown" if kind != ColumnType::Bool => Err(
                    ConditionFault::Type(format!("`is.{value}` wants a boolean column")),
                ),
                "true" => Ok(Test::IsBool(true)),
                "false" => Ok(Test::IsBool(false)),
                "unknown" => Ok(Test::IsNull),
                _ => Err(form(
                    "`is` filter value must be null, true, false or unknown",
                )),
            },
            "isdistinct" if value == "null" => Ok(Test::IsDistinct(None)),
            "isdistinct" => Ok(Test::IsDistinct(Some(cast(&scalar(), kind)?))),
            _ => Err(ConditionFault::Operator(excerpt(operator))),
        }
    }

    /// `None` is SQL's «unknown».
    fn result(&self, cell: Cell<'_>) -> Option<bool> {
        match self {
            Test::IsNull => return Some(cell == Cell::Null),
            Test::IsBool(flag) => return Some(cell == Cell::Bool(*flag)),
            Test::IsDistinct(None) => return Some(cell != Cell::Null),
            Test::IsDistinct(Some(value)) => {
                return Some(order(cell, value) != Some(Ordering::Equal));
            }
            _ if cell == Cell::Null => return None,
            _ => {}
        }
        match (self, cell) {
            (Test::Compare(comparison, value), _) => {
                order(cell, value).map(|ordering| comparison.holds(ordering))
            }
            (Test::In(values), _) => Some(
                values
                    .iter()
                    .any(|value| order(cell, value) == Some(Ordering::Equal)),
            ),
            (Test::Like(pattern), Cell::Text(text)) => Some(pattern.matches(text)),
            (Test::Match(regex), Cell::Text(text)) => Some(regex.is_match(text)),
            _ => None,
        }
    }
}

impl Comparison {
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Comparison::Eq => ordering.is_eq(),
            Comparison::Neq => ordering.is_ne(),
            Comparison::Lt => ordering.is_lt(),
            Comparison::Lte => ordering.is_le(),
            Comparison::Gt => ordering.is_gt(),
            Comparison::Gte => ordering.is_ge(),
        }
    }
}

/// Compares a cell with a value, which was cast to the column's type.
fn order(cell: Cell<'_>, value: &Value) -> Option<Ordering> {
    match (cell, value) {
        (Cell::Bool(cell), Value::Bool(value)) => Some(cell.cmp(value)),
        (Cell::Int(cell), Value::Int(value)) => Some(cell.cmp(value)),
        (Cell::Text(cell), Value::Text(value)) => Some(cell.cmp(value.as_str())),
        (Cell::Time(_), Value::Time(value)) => Some(cell.time()?.cmp(value)),
        _ => None,
    }
}

fn list(value: &str, kind: ColumnType, values_max: usize) -> Result<Vec<Value>, ConditionFault> {
    let inner = value
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'))
        .ok_or_else(|| form("`in` filter value must be wrapped by parentheses"))?;
    if inner.trim().is_empty() {
        return Ok(Vec::new());
    }
    // A quote may open right after the parenthesis, as after the dot of a condition.
    let members = split_list(inner);
    if members.len() > values_max {
        return Err(form(format!(
            "too many values for `in` filter. Maximum {values_max}"
        )));
    }
    let values = members.into_iter();
    values
        .map(|member| cast(&unquote(member.trim()), kind))
        .collect()
}

fn cast(text: &str, kind: ColumnType) -> Result<Value, ConditionFault> {
    let value = match kind {
        ColumnType::Text => Some(Value::Text(text.to_owned())),
        ColumnType::Jsonb => {
            let fault = "columns of type jsonb are not compared".to_owned();
            return Err(ConditionFault::Type(fault));
        }
        ColumnType::Bool => match text.trim().to_ascii_lowercase().as_str() {
            "t" | "true" | "y" | "yes" | "on" | "1" => Some(Value::Bool(true)),
            "f" | "false" | "n" | "no" | "off" | "0" => Some(Value::Bool(false)),
            _ => None,
        },
        ColumnType::Int4 => {
            let number = text.trim().parse::<i32>().ok();
            number.map(|number| Value::Int(number.into()))
        }
        ColumnType::Int8 => text.trim().parse().ok().map(Value::Int),
        ColumnType::Timestamptz => time(text.trim()).map(Value::Time),
    };
    value.ok_or_else(|| ConditionFault::Value {
        kind: kind.spelled_out(),
        text: excerpt(text),
    })
}

fn form(fault: impl Into<String>) -> ConditionFault {
    ConditionFault::Form(fault.into())
}

/// A time with an offset, or without one in UTC; a date alone is its midnight.
fn time(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| {
        let civil: DateTime = text.parse().ok()?;
        Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
    })
}

fn text_only(operator: &str, kind: ColumnType) -> Result<(), ConditionFault> {
    match kind {
        ColumnType::Text => Ok(()),
        _ => Err(ConditionFault::Type(format!(
            "`{operator}` wants a text column"
        ))),
    }
}

fn regex(pattern: &str, ignores_case: bool) -> Result<Regex, ConditionFault> {
    RegexBuilder::new(pattern)
        .case_insensitive(ignores_case)
        .size_limit(REGEX_BYTES_MAX)
        .dfa_size_limit(REGEX_BYTES_MAX)
        .build()
        .map_err(|_| form(format!("invalid regular expression: {}", excerpt(pattern))))
}
