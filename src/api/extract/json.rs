//! Reads a JSON body. An object that has a name twice keeps one of its values, and nobody can say which the sender
//! meant (RFC 8259, section 4), so all such places are noted.

use std::cell::RefCell;
use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Places noted in one body.
const DOUBLED_MAX: usize = 100;
/// Characters of a place that are noted.
const PLACE_CHARS_MAX: usize = 200;

/// A body's value, and the places of names that are there again, such as `items[0].quantity`.
pub(super) struct Document {
    pub(super) value: Value,
    pub(super) doubled: Vec<String>,
}

impl Document {
    /// # Errors
    /// Not JSON.
    pub(super) fn parse(bytes: &[u8]) -> Result<Document, serde_json::Error> {
        let doubled = RefCell::default();
        let mut from = serde_json::Deserializer::from_slice(bytes);
        let whole = NotingSeed {
            place: &Place::Root,
            doubled: &doubled,
        };
        let value = whole.deserialize(&mut from)?;
        from.end()?;
        Ok(Document {
            value,
            doubled: doubled.into_inner(),
        })
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
    doubled: &'a RefCell<Vec<String>>,
}

impl NotingSeed<'_> {
    fn note(&self, name: &str) {
        let mut doubled = self.doubled.borrow_mut();
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
                doubled: self.doubled,
            };
            match items.next_element_seed(item)? {
                Some(value) => list.push(value),
                None => return Ok(Value::Array(list)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let place = Place::Member(self.place, &name);
            let value = members.next_value_seed(NotingSeed {
                place: &place,
                doubled: self.doubled,
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

    #[test]
    fn a_body_is_read_as_it_is() {
        let text = r#"{"a": [1, -2, 1.5, 1e30, 18446744073709551615, null, true, "\u00e9"], "b": {"": {}}}"#;
        let read = Document::parse(text.as_bytes()).unwrap();
        assert_eq!(read.value, serde_json::from_str::<Value>(text).unwrap());
        assert!(read.doubled.is_empty());
        for bad in ["", "{", "{} x", "[1,]", &"[".repeat(1_000)] {
            let ours = Document::parse(bad.as_bytes()).err().unwrap().to_string();
            let theirs = serde_json::from_str::<Value>(bad).unwrap_err().to_string();
            assert_eq!(ours, theirs, "{bad}");
        }
    }

    #[test]
    fn names_that_are_there_again_are_noted_with_their_place() {
        let text =
            r#"{"a": 1, "b": [{"c": 1}, {"c": 1, "c": 1, "\u0063": {"d": 1, "d": 2}}], "a": 1}"#;
        let read = Document::parse(text.as_bytes()).unwrap();
        assert_eq!(read.doubled, ["b[1].c", "b[1].c.d", "b[1].c", "a"]);
        let many = format!("{{{}\"a\": 1}}", "\"a\": 1,".repeat(1_000));
        let read = Document::parse(many.as_bytes()).unwrap();
        assert_eq!(read.doubled.len(), DOUBLED_MAX);
    }
}
