//! `select=id,left:available_count,*`.

use super::error::RestError;
use crate::config::rest::PUBLISHED_TERMS_MAX;
use crate::protocol::supabase::{PublishedTable, split_conditions, unquote};

/// A table's name and the names of its columns.
#[derive(Debug, Clone)]
pub(super) struct TableColumns {
    pub(super) table: &'static str,
    pub(super) names: Vec<&'static str>,
}

/// A column of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Selected {
    pub(super) column: usize,
    /// The column's own name, or its alias.
    pub(super) name: String,
}

impl TableColumns {
    pub(super) fn of(table: &PublishedTable) -> TableColumns {
        TableColumns {
            table: table.name,
            names: table.columns.iter().map(|column| column.name).collect(),
        }
    }

    /// The place of a column, whose name may be quoted.
    ///
    /// # Errors
    /// There is none of this name.
    pub(super) fn place(&self, name: &str) -> Result<usize, RestError> {
        let plain = unquote(name.trim());
        let place = self.names.iter().position(|one| *one == plain);
        place.ok_or_else(|| RestError::no_column(self.table, &plain))
    }

    /// Reads `select`; all columns without one.
    pub(super) fn select(&self, text: &str) -> Result<Vec<Selected>, RestError> {
        if text.trim().is_empty() {
            return Ok(self.all());
        }
        let mut selected = Vec::new();
        for item in split_conditions(text) {
            match item.trim() {
                "*" => selected.extend(self.all()),
                item => selected.push(self.item(item, text)?),
            }
            if selected.len() > PUBLISHED_TERMS_MAX {
                return Err(RestError::too_many("selected columns", PUBLISHED_TERMS_MAX));
            }
        }
        Ok(selected)
    }

    pub(super) fn all(&self) -> Vec<Selected> {
        let names = self.names.iter().enumerate();
        names
            .map(|(column, name)| Selected {
                column,
                name: (*name).to_owned(),
            })
            .collect()
    }

    fn item(&self, item: &str, text: &str) -> Result<Selected, RestError> {
        let unreadable = |why: &str| RestError::unreadable("parameter `select`", text, why);
        if item.is_empty() {
            return Err(unreadable("a column's name is missing"));
        }
        if let Some((called, inside)) = item.split_once('(') {
            let called = called.rsplit([':', '.']).next().unwrap_or_default();
            return Err(match inside {
                ")" => unreadable("aggregate functions are not available"),
                _ => RestError::no_relationship(
                    self.table,
                    called.split('!').next().unwrap_or(called),
                ),
            });
        }
        if item.contains("::") {
            return Err(unreadable("casts are not available"));
        }
        if item.contains("->") {
            return Err(unreadable("paths into JSON are not available"));
        }
        let (alias, name) = match item.split_once(':') {
            Some((alias, name)) => (Some(unquote(alias.trim())), name),
            None => (None, item),
        };
        let column = self.place(name)?;
        let name = alias.unwrap_or_else(|| self.names[column].to_owned());
        Ok(Selected { column, name })
    }
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

    fn selected(text: &str) -> String {
        let selected = columns().select(text).unwrap();
        let told = selected
            .iter()
            .map(|one| format!("{}={}", one.name, one.column));
        told.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn columns_have_their_own_names_or_aliases() {
        for (text, expected) in [
            ("", "id=0 name=1 left=2"),
            ("*", "id=0 name=1 left=2"),
            ("left, id", "left=2 id=0"),
            ("free:left,*", "free=2 id=0 name=1 left=2"),
            ("\"left\",\"so many\":left", "left=2 so many=2"),
        ] {
            assert_eq!(selected(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_not_a_column_is_refused() {
        for text in [
            "id,",
            "nope",
            "id::text",
            "name->>x",
            "count()",
            "left.sum()",
            "venue(*)",
            "hall:venue!inner(id,name)",
            "...venue(name)",
            &"id,".repeat(100),
        ] {
            assert!(columns().select(text).is_err(), "{text}");
        }
    }
}
