//! Reads a JSON body. An object that has a name twice keeps one of its values, and nobody can say which the sender
//! meant (RFC 8259, section 4), so all such places are noted. What it takes in memory is counted while it is read, since a
//! few kilobytes of gzip can be gigabytes of values.

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Places noted in one body.
const DOUBLED_MAX: usize = 100;
/// Characters of a place that are noted.
const PLACE_CHARS_MAX: usize = 200;

/// Bytes that values take in memory, beside their text. An object has a node for its first eleven members, and more of them for
/// others; a member has its name.
const OBJECT_BYTES: usize = 640;
const MEMBER_BYTES: usize = 128;
const ITEM_BYTES: usize = 32;

/// Why a body is not read.
#[derive(Debug)]
pub(super) enum Unread {
    NotJson(serde_json::Error),
    TooManyValues,
}

/// A body's value, and the places of names that are there again, such as `items[0].quantity`.
pub(super) struct Document {
    pub(super) value: Value,
    pub(super) doubled: Vec<String>,
}

impl Document {
    /// # Errors
    /// Not JSON, or more than `memory_bytes_max` in memory.
    pub(super) fn parse(bytes: &[u8], memory_bytes_max: usize) -> Result<Document, Unread> {
        let notes = Notes {
            doubled: RefCell::default(),
            left_bytes: Cell::new(Some(memory_bytes_max)),
        };
        let mut from = serde_json::Deserializer::from_slice(bytes);
        let whole = NotingSeed {
            place: &Place::Root,
            notes: &notes,
        };
        let read = whole.deserialize(&mut from);
        let read = read.and_then(|value| from.end().map(|()| value));
        match (read, notes.left_bytes.get()) {
            (Ok(value), _) => Ok(Document {
                value,
                doubled: notes.doubled.into_inner(),
            }),
            (Err(_), None) => Err(Unread::TooManyValues),
            (Err(error), Some(_)) => Err(Unread::NotJson(error)),
        }
    }
}

/// Notes on one body.
struct Notes {
    doubled: RefCell<Vec<String>>,
    /// Of the memory that the values may take; `None`: they would take more.
    left_bytes: Cell<Option<usize>>,
}

impl Notes {
    fn take<E: Error>(&self, bytes: usize) -> Result<(), E> {
        let left = self.left_bytes.get();
        let left = left.and_then(|left| left.checked_sub(bytes));
        self.left_bytes.set(left);
        match left {
            Some(_) => Ok(()),
            None => Err(E::custom("too many values")),
        }
    }
}

/// The place of a value in its body. Written down only where it is noted, since a seat map has a million values.
enum Place<'a> {
    Root,
    Member(&'a Place<'a>, &'a str),
    Item(&'a Place<'a>, usize),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Root => Ok(()),
            Place::Member(Place::Root, name) => f.write_str(name),
            Place::Member(within, name) => write!(f, "{within}.{name}"),
            Place::Item(within, index) => write!(f, "{within}[{index}]"),
        }
    }
}

struct NotingSeed<'a> {
    place: &'a Place<'a>,
    notes: &'a Notes,
}

impl NotingSeed<'_> {
    fn note(&self, name: &str) {
        let mut doubled = self.notes.doubled.borrow_mut();
        if doubled.len() < DOUBLED_MAX {
            let place = Place::Member(self.place, name).to_string();
            doubled.push(place.chars().take(PLACE_CHARS_MAX).collect());
        }
    }
}

impl<'de> DeserializeSeed<'de> for NotingSeed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for NotingSeed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        loop {
            let place = Place::Item(self.place, list.len());
            let item = NotingSeed {
                place: &place,
                notes: self.notes,
            };
            match items.next_element_seed(item)? {
                Some(value) => {
                    self.notes.take::<A::Error>(ITEM_BYTES)?;
                    list.push(value);
                }
                None => return Ok(Value::Array(list)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        self.notes.take::<A::Error>(OBJECT_BYTES)?;
        while let Some(name) = members.next_key::<String>()? {
            self.notes.take::<A::Error>(MEMBER_BYTES)?;
            let place = Place::Member(self.place, &name);
            let value = members.next_value_seed(NotingSeed {
                place: &place,
                notes: self.notes,
            })?;
            if object.contains_key(&name) {
                self.note(&name);
            }
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const PLENTY: usize = 1_000_000;

    #[test]
    fn a_body_is_read_as_it_is() {
        let text = r#"{"a": [1, -2, 1.5, 1e30, 18446744073709551615, null, true, "\u00e9"], "b": {"": {}}}"#;
        let read = Document::parse(text.as_bytes(), PLENTY).unwrap();
        assert_eq!(read.value, serde_json::from_str::<Value>(text).unwrap());
        assert!(read.doubled.is_empty());
        for bad in ["", "{", "{} x", "[1,]", &"[".repeat(1_000)] {
            let ours = match Document::parse(bad.as_bytes(), PLENTY).err().unwrap() {
                Unread::NotJson(error) => error.to_string(),
                Unread::TooManyValues => panic!("{bad}"),
            };
            let theirs = serde_json::from_str::<Value>(bad).unwrap_err().to_string();
            assert_eq!(ours, theirs, "{bad}");
        }
    }

    #[test]
    fn names_that_are_there_again_are_noted_with_their_place() {
        let text =
            r#"{"a": 1, "b": [{"c": 1}, {"c": 1, "c": 1, "\u0063": {"d": 1, "d": 2}}], "a": 1}"#;
        let read = Document::parse(text.as_bytes(), PLENTY).unwrap();
        assert_eq!(read.doubled, ["b[1].c", "b[1].c.d", "b[1].c", "a"]);
        let many = format!("{{{}\"a\": 1}}", "\"a\": 1,".repeat(1_000));
        let read = Document::parse(many.as_bytes(), PLENTY).unwrap();
        assert_eq!(read.doubled.len(), DOUBLED_MAX);
    }

    #[test]
    fn a_body_is_read_only_as_far_as_its_values_have_room() {
        let takes = |text: &str, bytes: usize| {
            let read = |bytes| Document::parse(text.as_bytes(), bytes);
            assert!(read(bytes).is_ok(), "{text}");
            let short = read(bytes - 1).err();
            assert!(matches!(short, Some(Unread::TooManyValues)), "{text}");
        };
        takes("[1, 2]", 2 * ITEM_BYTES);
        takes(
            r#"{"a": [{}]}"#,
            2 * OBJECT_BYTES + MEMBER_BYTES + ITEM_BYTES,
        );
        // Nothing behind the bound is looked at.
        let broken = Document::parse(b"[1, 2, 3, x", 2 * ITEM_BYTES).err();
        assert!(matches!(broken, Some(Unread::TooManyValues)));
    }
}
