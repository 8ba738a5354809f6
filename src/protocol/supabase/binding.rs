//! The bindings of one join: the changes that it wants to receive.

use std::hash::{Hash, Hasher};

use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::System;
use super::change::{self, TableMessage};
use super::filter::BindingFilter;
use super::source::{TableSource, sources};
use super::table::{ColumnSet, PublishedTable, TABLES, TableChange};
use crate::config::SocketConfig;
use crate::config::inside::TABLE_MESSAGES_MAX;
use crate::protocol::code::{self, ErrorReply};
use crate::ticketing::EventId;
use crate::ticketing::live::{Delta, EventState, Op};

/// Compiled patterns in all filters of one join; nothing else in a filter takes much memory.
const REGEXES_MAX: usize = 2;
/// Pieces of the `like` patterns of a join that may be compared at every place of a text: with a description of 10,000
/// characters, a few milliseconds for each change.
const LIKE_PIECES_MAX: usize = 256;

/// Some clients read ids into signed 32-bit integers.
const ID_MAX: u32 = i32::MAX as u32;

/// The bindings of a channel, in the order of the join.
///
/// Equal requests compare equal and have equal ids, on every node and after every rejoin.
#[derive(Debug, Default)]
pub struct Bindings {
    /// Hash of all bindings as requested.
    fingerprint: [u8; 32],
    list: Vec<Binding>,
}

#[derive(Debug)]
struct Binding {
    /// Never 0, which JavaScript takes for «none».
    id: u32,
    /// The binding as requested, with the id added.
    echo: Map<String, Value>,
    /// The operation; `None` for `*`.
    op: Option<Op>,
    /// The tables that it listens to, or an error in the binding.
    sources: Result<Vec<TableSource>, String>,
}

/// Too many rows changed, or it is unknown which: viewers have to read the tables again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadAnew;

impl Bindings {
    /// Reads `config.postgres_changes`, a list of objects; anything else is ignored.
    pub(super) fn read(value: &Value, limits: &SocketConfig) -> Result<Bindings, ErrorReply> {
        let asked = value.as_array().map_or(&[][..], Vec::as_slice);
        let asked: Vec<_> = asked.iter().filter_map(Value::as_object).collect();
        if asked.len() > limits.bindings_max {
            let max = limits.bindings_max;
            return Err(too_much(format!("a join has at most {max} bindings")));
        }
        let texts: Vec<String> = asked.iter().map(|&map| canonical(map)).collect();
        if texts.iter().map(String::len).sum::<usize>() > limits.bindings_bytes_max {
            let max = limits.bindings_bytes_max;
            return Err(too_much(format!(
                "a join's bindings have at most {max} bytes"
            )));
        }
        let mut bindings = Bindings {
            fingerprint: Sha256::digest(texts.join("\n")).into(),
            list: Vec::with_capacity(asked.len()),
        };
        for (map, text) in asked.into_iter().zip(&texts) {
            let id = bindings.id_of(map, text);
            bindings.list.push(Binding::read(map, id));
        }
        if bindings.sum(BindingFilter::regexes) > REGEXES_MAX {
            return Err(too_much(format!(
                "a join has at most {REGEXES_MAX} patterns"
            )));
        }
        if bindings.sum(BindingFilter::like_pieces) > LIKE_PIECES_MAX {
            return Err(too_much(format!(
                "a join has at most {LIKE_PIECES_MAX} characters behind a % of like patterns"
            )));
        }
        Ok(bindings)
    }

    /// A hash of the binding, so that the id is the same on every rejoin. Different bindings of one join with the same
    /// hash get consecutive numbers, in their order.
    fn id_of(&self, asked: &Map<String, Value>, text: &str) -> u32 {
        let [a, b, c, d, ..] = <[u8; 32]>::from(Sha256::digest(text));
        let mut id = (u32::from_be_bytes([a, b, c, d]) & ID_MAX).max(1);
        while let Some(other) = self.list.iter().find(|binding| binding.id == id) {
            if other.asked_for(asked) {
                break;
            }
            id = if id == ID_MAX { 1 } else { id + 1 };
        }
        id
    }

    /// The sum of something over all filters.
    fn sum(&self, of: impl Fn(&BindingFilter) -> usize) -> usize {
        let sources = self
            .list
            .iter()
            .filter_map(|binding| binding.sources.as_ref().ok());
        sources.flatten().map(|source| of(&source.filter)).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// `response` of the join: the bindings in their order and unchanged, each with an id. Clients compare field by field,
    /// and leave the channel if anything differs.
    pub fn reply(&self) -> impl Serialize + use<'_> {
        #[derive(Serialize)]
        struct BindingsReply<'a> {
            postgres_changes: Vec<&'a Map<String, Value>>,
        }
        BindingsReply {
            postgres_changes: self.list.iter().map(|binding| &binding.echo).collect(),
        }
    }

    /// The `system` message after the reply: success, or the errors in the bindings. `None` without bindings.
    pub fn system(&self, topic: &str) -> Option<System> {
        if self.is_empty() {
            return None;
        }
        let errors = self
            .list
            .iter()
            .filter_map(|binding| binding.sources.as_ref().err());
        let errors: Vec<&str> = errors.map(String::as_str).collect();
        let (status, message) = if errors.is_empty() {
            ("ok", "Subscribed to PostgreSQL".to_owned())
        } else {
            ("error", errors.join("; "))
        };
        Some(System::new("postgres_changes", status, topic, message))
    }

    /// The messages of a delta for this channel: one for each changed row, with the ids of all bindings that it matches.
    /// Bindings that select different columns get separate messages. `state` is the event's after the delta.
    ///
    /// # Errors
    /// [`ReadAnew`] if the delta cannot be told row by row; that is known before many messages are made.
    pub fn changes<'a>(
        &self,
        delta: &'a Delta,
        state: &'a EventState,
    ) -> Result<Vec<TableMessage<'a>>, ReadAnew> {
        let is_bound = |table: &&'static PublishedTable| {
            let mut sources = self.sources();
            sources.any(|(_, source)| std::ptr::eq(source.table, *table))
        };
        let tables: Vec<_> = TABLES.into_iter().filter(is_bound).collect();
        let rows: usize = tables.iter().map(|table| (table.rows)(delta)).sum();
        if rows > TABLE_MESSAGES_MAX || (delta.from == 0 && !tables.is_empty()) {
            return Err(ReadAnew);
        }
        let commit_timestamp = change::commit_timestamp(&delta.at);
        let mut messages = Vec::new();
        for table in tables {
            for change in (table.changes)(delta, state) {
                for (kind, ids) in self.matching(table, &change) {
                    let message = TableMessage::new(ids, table, kind, &change, &commit_timestamp);
                    messages.push(message);
                }
                if messages.len() > TABLE_MESSAGES_MAX {
                    return Err(ReadAnew);
                }
            }
        }
        Ok(messages)
    }

    /// The ids of the bindings that match a change, by what they are told of it and their selected columns.
    fn matching(
        &self,
        table: &PublishedTable,
        change: &TableChange<'_>,
    ) -> Vec<((Op, ColumnSet), Vec<u32>)> {
        let mut groups: Vec<((Op, ColumnSet), Vec<u32>)> = Vec::new();
        for (binding, source) in self.sources() {
            let is_of = std::ptr::eq(source.table, table);
            let Some(op) = binding.told_of(change).filter(|_| is_of) else {
                continue;
            };
            if !source.filter.lets_through(&change.row) {
                continue;
            }
            let told = (op, source.columns);
            match groups.iter_mut().find(|(other, _)| *other == told) {
                Some((_, ids)) if ids.contains(&binding.id) => {}
                Some((_, ids)) => ids.push(binding.id),
                None => groups.push((told, vec![binding.id])),
            }
        }
        groups.sort_by_key(|((op, _), _)| *op != change.op);
        groups
    }

    fn sources(&self) -> impl Iterator<Item = (&Binding, &TableSource)> {
        self.list.iter().flat_map(|binding| {
            let sources = binding.sources.iter().flatten();
            sources.map(move |source| (binding, source))
        })
    }

    /// The same on a channel of one event. A filter for another one would never hear anything: that is an error in the binding.
    pub fn of_event(mut self, event: EventId) -> Bindings {
        for binding in &mut self.list {
            let other = binding.sources.iter().flatten().find_map(|source| {
                let column = source.table.column(match source.table.name {
                    "events" => "id",
                    _ => "event_id",
                })?;
                source.filter.number(column).filter(|id| *id != event.0)
            });
            if let Some(other) = other {
                let error = format!(
                    "The channel is of event {}, the filter of event {other}",
                    event.0
                );
                binding.sources = Err(error);
            }
        }
        self
    }
}

impl PartialEq for Bindings {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }
}

impl Eq for Bindings {}

impl Hash for Bindings {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.fingerprint.hash(state);
    }
}

impl Binding {
    fn read(asked: &Map<String, Value>, id: u32) -> Self {
        let mut echo = asked.clone();
        echo.insert("id".to_owned(), id.into());
        Binding {
            id,
            echo,
            op: operation(asked.get("event")),
            sources: sources(asked),
        }
    }

    /// The operation that its viewers are told of a change; `None`: they asked for another. A row that was made and changed
    /// in one delta is an INSERT, and to those who watch changes alone an UPDATE.
    fn told_of(&self, change: &TableChange<'_>) -> Option<Op> {
        match self.op {
            None => Some(change.op),
            Some(op) if op == change.op => Some(op),
            Some(Op::Update) if change.op == Op::Insert && change.updated => Some(Op::Update),
            Some(_) => None,
        }
    }

    fn asked_for(&self, asked: &Map<String, Value>) -> bool {
        let is_id = |name: &str| name == "id";
        let mine = self.echo.iter().filter(|(name, _)| !is_id(name));
        mine.eq(asked.iter().filter(|(name, _)| !is_id(name)))
    }
}

/// A binding as text, without a member called `id`: ids are given by the server.
fn canonical(asked: &Map<String, Value>) -> String {
    let mut asked = asked.clone();
    asked.remove("id");
    Value::Object(asked).to_string()
}

/// The operation; `None`, which is any, for anything else.
fn operation(event: Option<&Value>) -> Option<Op> {
    match event?.as_str()?.to_ascii_uppercase().as_str() {
        "INSERT" => Some(Op::Insert),
        "UPDATE" => Some(Op::Update),
        "DELETE" => Some(Op::Delete),
        _ => None,
    }
}

fn too_much(detail: String) -> ErrorReply {
    code::INVALID_PAYLOAD.because(detail)
}
