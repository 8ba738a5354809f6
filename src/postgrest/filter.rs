//! Filters: `id=gt.5`, `name=not.like.*x*`, `or=(id.eq.1,and(name.is.null,left.gt.0))`.
//!
//! Conditions are those of the dialect's bindings, but for regular expressions.

use super::columns::TableColumns;
use super::error::RestError;
use crate::config::rest::{
    PUBLISHED_DEPTH_MAX, PUBLISHED_PATTERNS_MAX, PUBLISHED_TERMS_MAX, PUBLISHED_VALUES_MAX,
};
use crate::protocol::supabase::{ConditionFault, PublishedTable, Quotes, Test, split_conditions};
use crate::store::published::{Filter, FilterKind};

/// Reads the filters of one query.
pub(super) struct Filters<'a> {
    table: &'a PublishedTable,
    columns: &'a TableColumns,
    read: Vec<Filter>,
    conditions: usize,
    patterns: usize,
}

impl<'a> Filters<'a> {
    pub(super) fn new(table: &'a PublishedTable, columns: &'a TableColumns) -> Filters<'a> {
        Filters {
            table,
            columns,
            read: Vec::new(),
            conditions: 0,
            patterns: 0,
        }
    }

    /// Adds a parameter of the query string.
    pub(super) fn add(&mut self, name: &str, value: &str) -> Result<(), RestError> {
        let (negated, plain) = match name.strip_prefix("not.") {
            Some(rest) => (true, rest),
            None => (false, name),
        };
        let filter = match plain {
            "and" | "or" => self.group(plain, negated, value, 1)?,
            _ => self.condition(name, value, Quotes::Kept)?,
        };
        self.read.push(filter);
        Ok(())
    }

    /// All of them must hold.
    pub(super) fn done(self) -> Vec<Filter> {
        self.read
    }

    /// `(…,…)` behind `and` or `or`.
    fn group(
        &mut self,
        word: &str,
        negated: bool,
        text: &str,
        depth: usize,
    ) -> Result<Filter, RestError> {
        let unreadable = |why: &str| RestError::unreadable("logic tree", text, why);
        if depth > PUBLISHED_DEPTH_MAX {
            return Err(RestError::too_many(
                "levels of and() and or()",
                PUBLISHED_DEPTH_MAX,
            ));
        }
        let inside = text
            .trim()
            .strip_prefix('(')
            .and_then(|rest| rest.strip_suffix(')'));
        let inside = inside.ok_or_else(|| unreadable("conditions are in parentheses"))?;
        let parts = split_conditions(inside).into_iter();
        let filters = parts.map(|part| self.part(part.trim(), text, depth));
        let filters = filters.collect::<Result<Vec<_>, _>>()?;
        let kind = match word {
            "or" => FilterKind::Any(filters),
            _ => FilterKind::All(filters),
        };
        Ok(Filter { negated, kind })
    }

    /// `and(…)`, `not.or(…)` or `column.operator.value`.
    fn part(&mut self, part: &str, text: &str, depth: usize) -> Result<Filter, RestError> {
        for (word, negated) in [("and", false), ("or", false), ("and", true), ("or", true)] {
            let plain = if negated {
                part.strip_prefix("not.")
            } else {
                Some(part)
            };
            let inside = plain.and_then(|plain| plain.strip_prefix(word));
            if let Some(inside) = inside.filter(|inside| inside.starts_with('(')) {
                return self.group(word, negated, inside, depth + 1);
            }
        }
        let (name, condition) = part.split_once('.').ok_or_else(|| {
            RestError::unreadable("logic tree", text, "a condition is column.operator.value")
        })?;
        self.condition(name, condition, Quotes::Undone)
    }

    /// `operator.value` or `not.operator.value` on a column.
    fn condition(&mut self, name: &str, text: &str, quotes: Quotes) -> Result<Filter, RestError> {
        self.conditions += 1;
        if self.conditions > PUBLISHED_TERMS_MAX {
            return Err(RestError::too_many("conditions", PUBLISHED_TERMS_MAX));
        }
        let (negated, rest) = match text.strip_prefix("not.") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (operator, value) = rest.split_once('.').ok_or_else(|| {
            RestError::unreadable("filter", text, "a filter is operator.value, such as eq.5")
        })?;
        let column = self.columns.place(name)?;
        // An address may not hold a bare `%`, so `*` stands for it.
        let pattern = value.replace('*', "%");
        let value = match operator {
            "like" | "ilike" if self.patterns == PUBLISHED_PATTERNS_MAX => {
                return Err(RestError::too_many("patterns", PUBLISHED_PATTERNS_MAX));
            }
            "like" | "ilike" => {
                self.patterns += 1;
                &pattern
            }
            "match" | "imatch" => {
                let fault = ConditionFault::Operator(operator.to_owned());
                return Err(RestError::bad_condition(text, &fault));
            }
            _ => value,
        };
        let kind = self.table.columns[column].kind;
        let test = Test::parse(operator, value, kind, quotes, PUBLISHED_VALUES_MAX)
            .map_err(|fault| RestError::bad_condition(text, &fault))?;
        Ok(Filter {
            negated,
            kind: FilterKind::Column(column, test),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::protocol::supabase::TABLES;

    fn read(name: &str, value: &str) -> Result<Vec<Filter>, RestError> {
        let columns = TableColumns::of(TABLES[0]);
        let mut filters = Filters::new(TABLES[0], &columns);
        filters.add(name, value)?;
        Ok(filters.done())
    }

    fn told(filter: &Filter) -> String {
        let list = |filters: &[Filter]| filters.iter().map(told).collect::<Vec<_>>().join(" ");
        let text = match &filter.kind {
            FilterKind::Column(column, Test::Compare(comparison, value)) => {
                format!("{column}:{comparison:?}:{value:?}")
            }
            FilterKind::Column(column, Test::In(values)) => format!("{column}:{values:?}"),
            FilterKind::Column(column, Test::Like(pattern)) => {
                format!("{column}~{}", pattern.text())
            }
            FilterKind::Column(column, test) => format!("{column}:{test:?}"),
            FilterKind::All(filters) => format!("all({})", list(filters)),
            FilterKind::Any(filters) => format!("any({})", list(filters)),
        };
        if filter.negated {
            format!("!{text}")
        } else {
            text
        }
    }

    #[test]
    fn filters_are_read_with_the_type_of_their_column() {
        for (name, value, expected) in [
            ("id", "eq.5", "0:Eq:Int(5)"),
            ("id", "not.lt.5", "!0:Lt:Int(5)"),
            ("name", "neq.", "2:Neq:Text(\"\")"),
            ("name", "eq.a.b,c", "2:Eq:Text(\"a.b,c\")"),
            ("name", "eq.\"VIP\"", "2:Eq:Text(\"\\\"VIP\\\"\")"),
            ("name", "like.*a_b%", "2~%a_b%"),
            ("id", "in.(1, 2)", "0:[Int(1), Int(2)]"),
            ("name", "in.(\"a,b\",c)", "2:[Text(\"a,b\"), Text(\"c\")]"),
            ("name", "not.is.null", "!2:IsNull"),
            ("or", "(id.eq.1,id.eq.2)", "any(0:Eq:Int(1) 0:Eq:Int(2))"),
            ("not.and", "(id.eq.1)", "!all(0:Eq:Int(1))"),
            (
                "or",
                "(name.eq.\"a,b\", and(id.not.gt.1,not.or(id.eq.3)))",
                "any(2:Eq:Text(\"a,b\") all(!0:Gt:Int(1) !any(0:Eq:Int(3))))",
            ),
        ] {
            let read = read(name, value).unwrap();
            let text = read.iter().map(told).collect::<Vec<_>>().join(" ");
            assert_eq!(text, expected, "{name}={value}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        let deep = format!("({}id.eq.1{}", "and(".repeat(20), ")".repeat(21));
        let many = format!("({}id.eq.1)", "id.eq.1,".repeat(100));
        let patterns = |n: usize| format!("({}id.eq.1)", "name.ilike.*x*,".repeat(n));
        assert!(read("or", &patterns(PUBLISHED_PATTERNS_MAX)).is_ok());
        for (name, value) in [
            ("id", "5"),
            ("id", "eq.x"),
            ("id", "like.x"),
            ("id", "is.maybe"),
            ("id", "is.true"),
            ("id", "in.1,2"),
            ("id", "fts.x"),
            ("id", "eq(any).{1}"),
            ("name", "match.x"),
            ("name", "like.x\\"),
            ("nope", "eq.1"),
            ("or", "id.eq.1"),
            ("or", "()"),
            ("or", "(id)"),
            ("or", "(nope.eq.1)"),
            ("and", &deep),
            ("and", &many),
            ("or", &patterns(PUBLISHED_PATTERNS_MAX + 1)),
        ] {
            assert!(read(name, value).is_err(), "{name}={value}");
        }
    }
}
