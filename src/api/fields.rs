//! Reads a request's fields one by one and collects everything that is wrong, so that the caller
//! can mend it all at once. A field of a body that no reader asked for is wrong as well: to drop it would be to do
//! something else than the caller said. Unknown parameters of a query are ignored, since caches and trackers add them.
//!
//! A reader returns `None` for a field that is absent, null or wrong; a wrong one is noted. So an input reads all
//! its fields first and uses `?` after that.

use std::cell::Cell;
use std::collections::{BTreeMap, HashSet};
use std::ops::RangeInclusive;

use jiff::Timestamp;
use jiff::fmt::temporal::Pieces;
use jiff::tz::TimeZone;
use serde_json::{Map, Number, Value};
use uuid::Uuid;

use super::error::{ApiError, ApiResult};
use crate::config::inside::BODY_MEMORY_BYTES_MAX;
use crate::config::rest::{NAME_CHARS_MAX, URL_CHARS_MAX};
use crate::ticketing::reference::plain_digits;

/// One thing that is wrong with one field. `code` is a key of the table in `message.rs`.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldError {
    pub field: String,
    pub code: &'static str,
    /// Replaces the `{}` in the message.
    pub bound: String,
}

impl FieldError {
    pub fn new(field: &str, code: &'static str, bound: impl ToString) -> FieldError {
        FieldError {
            field: field.to_owned(),
            code,
            bound: bound.to_string(),
        }
    }
}

/// A type that is read from a body or a query.
pub trait Input: Sized {
    /// Whether it changes what is there: fields that are left out stay, and null empties a field, so it is refused of those
    /// that cannot be empty. In other bodies null is as good as nothing.
    const IS_CHANGE: bool = false;
    /// Memory that its JSON may take when it is read, in bytes.
    const MEMORY_BYTES_MAX: usize = BODY_MEMORY_BYTES_MAX;

    fn read(fields: &mut Fields) -> Option<Self>;
}

/// A JSON object (or a query's parameters) being read.
pub struct Fields {
    members: BTreeMap<String, GivenField>,
    /// The sender's names of fields that were read from another name, by ours.
    aliases: BTreeMap<String, String>,
    /// Put before every name in errors, as in `ticket_types[0].`
    prefix: String,
    /// Whether the values come from a query, where everything is text.
    textual: bool,
    errors: Vec<FieldError>,
}

struct GivenField {
    value: Value,
    /// Values of a query's parameter that is there several times, before the last one.
    more: Vec<Value>,
    /// Whether a reader asked for it: what nobody asks for is unknown.
    asked: Cell<bool>,
    was_null: bool,
    /// Whether a reader asked for null, so the field may be empty.
    may_be_null: Cell<bool>,
}

/// Years, in UTC, that times may lie in. The schema takes none from 9999 on: shown in a zone, they would have five
/// digits.
const YEARS: RangeInclusive<i16> = 1970..=9998;
/// Errors named in one answer.
const ERRORS_MAX: usize = 100;
/// Above this (2^53) a floating-point number does not tell neighbouring integers apart.
const EXACT_FLOAT_MAX: f64 = 9_007_199_254_740_992.0;

/// Reads `T` from a JSON value.
///
/// # Errors
/// All wrong fields.
pub fn read_json<T: Input>(value: Value) -> Result<T, ApiError> {
    match value {
        Value::Object(object) => read(Fields::new(object, false)),
        _ => Err(ApiError::invalid(vec![FieldError {
            field: String::new(),
            code: "NOT_AN_OBJECT",
            bound: String::new(),
        }])),
    }
}

/// Reads `T` from the parameters of a query. A parameter that is there twice is refused, unless it is a list
/// ([`Fields::texts`]).
pub fn read_query<T: Input>(parameters: Vec<(String, String)>) -> Result<T, ApiError> {
    let mut fields = Fields::new(Map::new(), true);
    for (name, value) in parameters {
        let before = fields.members.remove(&name);
        let mut member = GivenField::new(Value::String(value));
        if let Some(before) = before {
            member.more = before.more;
            member.more.push(before.value);
        }
        fields.members.insert(name, member);
    }
    read(fields)
}

/// Reads the lines of a table, each as the members of `names` that it has, of which empty ones count as absent.
/// Errors name a line as a text editor counts them, as in `line[2].x`.
pub fn read_lines<T>(
    names: &[String],
    lines: impl Iterator<Item = (usize, Vec<String>)>,
    mut line: impl FnMut(&mut Fields) -> Option<T>,
) -> Result<Vec<T>, ApiError> {
    let mut read = Vec::new();
    let mut errors = Vec::new();
    for (number, cells) in lines {
        let beyond = cells.len() > names.len();
        let cells = names.iter().cloned().zip(cells);
        let object = cells
            .filter(|(_, cell)| !cell.is_empty())
            .map(|(name, cell)| (name, Value::String(cell)))
            .collect();
        let mut fields = Fields {
            prefix: format!("line[{number}]."),
            errors,
            ..Fields::new(object, true)
        };
        if beyond {
            fields.refuse("", "TOO_MANY", names.len());
        }
        read.extend(line(&mut fields));
        errors = fields.errors;
    }
    match errors.is_empty() {
        true => Ok(read),
        false => Err(ApiError::invalid(errors)),
    }
}

/// JSON cannot tell 12 from 12.0, so both are read.
fn whole(number: &Number) -> Option<i64> {
    let float = number.as_f64()?;
    let exact = float.fract() == 0.0 && float.abs() <= EXACT_FLOAT_MAX;
    number.as_i64().or(exact.then_some(float as i64))
}

/// A time that is asked for, if one is, has not passed.
///
/// # Errors
/// It has.
pub(super) fn in_the_future(field: &str, time: Option<Timestamp>, now: Timestamp) -> ApiResult<()> {
    match time.is_some_and(|time| time <= now) {
        true => Err(ApiError::invalid_field(field, "IN_THE_PAST")),
        false => Ok(()),
    }
}

/// Whether the text is a time with offset that [`Timestamp`] cannot hold, such as the last day of 9999.
fn is_beyond_timestamps(text: &str) -> bool {
    let pieces = Pieces::parse(text);
    pieces.is_ok_and(|pieces| pieces.time().is_some() && pieces.offset().is_some())
}

fn read<T: Input>(mut fields: Fields) -> Result<T, ApiError> {
    let input = T::read(&mut fields);
    fields.refuse_unknown();
    fields.refuse_doubled();
    if T::IS_CHANGE {
        fields.refuse_nulls();
    }
    match input {
        Some(input) if fields.errors.is_empty() => Ok(input),
        _ => Err(ApiError::invalid(fields.errors)),
    }
}

/// A field that no reader knows.
const UNKNOWN_FIELD: &str = "UNKNOWN_FIELD";
/// Characters of an unknown name that are answered.
const UNKNOWN_NAME_CHARS_MAX: usize = 100;

impl GivenField {
    fn new(value: Value) -> GivenField {
        GivenField {
            was_null: value.is_null(),
            may_be_null: Cell::new(false),
            value,
            more: Vec::new(),
            asked: Cell::new(false),
        }
    }
}

impl Fields {
    fn new(object: Map<String, Value>, textual: bool) -> Fields {
        let members = object.into_iter();
        Fields {
            members: members
                .map(|(name, value)| (name, GivenField::new(value)))
                .collect(),
            aliases: BTreeMap::new(),
            prefix: String::new(),
            textual,
            errors: Vec::new(),
        }
    }

    fn member(&self, name: &str) -> Option<&Value> {
        let member = self.members.get(name)?;
        member.asked.set(true);
        Some(&member.value)
    }

    /// Notes every field of the body that was not asked for.
    fn refuse_unknown(&mut self) {
        if self.textual {
            return;
        }
        let unknown = self
            .members
            .iter()
            .filter(|(_, member)| !member.asked.get());
        let names = unknown.map(|(name, _)| name.chars().take(UNKNOWN_NAME_CHARS_MAX).collect());
        for name in names.take(ERRORS_MAX).collect::<Vec<String>>() {
            self.refuse(&name, UNKNOWN_FIELD, "");
        }
    }

    /// Notes every parameter that was asked for as one value and is there several times.
    fn refuse_doubled(&mut self) {
        let asked = self.members.iter().filter(|(_, one)| one.asked.get());
        let doubled = asked.filter(|(_, one)| !one.more.is_empty());
        for name in doubled.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
            self.refuse(&name, "DUPLICATE", "");
        }
    }

    /// Notes every null of a field that cannot be empty.
    fn refuse_nulls(&mut self) {
        let asked = self.members.iter().filter(|(_, one)| one.asked.get());
        let nulls = asked.filter(|(_, one)| one.was_null && !one.may_be_null.get());
        for name in nulls.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
            self.refuse(&name, "EMPTY", "");
        }
    }

    /// All values of a query's parameter that is a list.
    pub fn texts(&mut self, name: &str) -> Vec<String> {
        let Some(member) = self.members.get_mut(name) else {
            return Vec::new();
        };
        member.asked.set(true);
        let mut values = std::mem::take(&mut member.more);
        values.push(member.value.clone());
        let texts = values.iter().filter_map(Value::as_str);
        texts.map(str::to_owned).collect()
    }

    /// Fields that are known but not read, since others are wrong already.
    pub fn known(&self, names: &[&str]) {
        for name in names {
            self.member(name);
        }
    }

    /// Reads `other` as another name of `name`. Both at once are refused, whatever they say.
    pub fn alias(&mut self, other: &str, name: &str) {
        if !self.has(other) {
            return;
        }
        let member = self.members.remove(other);
        if self.has(name) {
            self.refuse(other, "DUPLICATE", "");
        } else if let Some(member) = member {
            self.members.insert(name.to_owned(), member);
            self.aliases.insert(name.to_owned(), other.to_owned());
        }
    }

    /// Notes each of `names` that is absent or null.
    pub fn require(&mut self, names: &[&str]) {
        for name in names {
            if !self.has(name) {
                self.refuse(name, "REQUIRED", "");
            }
        }
    }

    /// Whether the field is there and not null.
    pub fn has(&self, name: &str) -> bool {
        self.member(name).is_some_and(|value| !value.is_null())
    }

    /// Whether the field is there and null: a change that clears it.
    pub fn is_null(&self, name: &str) -> bool {
        let Some(member) = self.members.get(name) else {
            return false;
        };
        member.asked.set(true);
        member.may_be_null.set(true);
        member.value.is_null()
    }

    pub fn raw(&self, name: &str) -> Option<&Value> {
        self.member(name).filter(|value| !value.is_null())
    }

    /// Moves a value out instead of copying it: lists may be long.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        let member = self.members.get_mut(name)?;
        member.asked.set(true);
        Some(member.value.take()).filter(|value| !value.is_null())
    }

    /// Moves all of these fields out, to be read elsewhere.
    pub fn take_known(&mut self, names: &[&str]) -> Map<String, Value> {
        let one = |name: &&str| Some(((*name).to_owned(), self.take(name)?));
        names.iter().filter_map(one).collect()
    }

    pub fn refuse(&mut self, name: &str, code: &'static str, bound: impl ToString) {
        if self.errors.len() >= ERRORS_MAX {
            return;
        }
        self.errors.push(FieldError {
            field: self.place(name),
            code,
            bound: bound.to_string(),
        });
    }

    /// The place of a field, or of something in it (`price.amount`), in the sender's words.
    fn place(&self, name: &str) -> String {
        if name.is_empty() {
            return self.prefix.trim_end_matches('.').to_owned();
        }
        let end = name.find(['.', '[']).unwrap_or(name.len());
        let (field, rest) = name.split_at(end);
        let said = self.aliases.get(field).map_or(field, String::as_str);
        format!("{}{said}{rest}", self.prefix)
    }

    /// Text without NUL (Postgres cannot store it), trimmed, of at most `chars_max` characters. Empty is allowed.
    pub fn text(&mut self, name: &str, chars_max: usize) -> Option<String> {
        let Value::String(text) = self.raw(name)? else {
            self.refuse(name, "NOT_TEXT", "");
            return None;
        };
        let text = text.trim().to_owned();
        if text.contains('\0') {
            self.refuse(name, "NUL_IN_TEXT", "");
        } else if text.chars().count() > chars_max {
            self.refuse(name, "TOO_LONG", chars_max);
        } else {
            return Some(text);
        }
        None
    }

    /// An `http`, `https` or local address; pages show it as it is, so no `javascript:` and no `data:`.
    pub fn url(&mut self, name: &str) -> Option<String> {
        let url = self.filled_text(name, URL_CHARS_MAX)?;
        let web = url.starts_with("https://") || url.starts_with("http://");
        let path = url.starts_with('/') && !url.starts_with("//") && !url.starts_with("/\\");
        if !(web || path) || url.contains(char::is_whitespace) {
            self.refuse(name, "NOT_A_URL", "");
            return None;
        }
        Some(url)
    }

    /// Text that is not empty.
    pub fn filled_text(&mut self, name: &str, chars_max: usize) -> Option<String> {
        let text = self.text(name, chars_max)?;
        if text.is_empty() {
            self.refuse(name, "EMPTY", "");
            return None;
        }
        Some(text)
    }

    /// A whole number within bounds.
    pub fn integer(&mut self, name: &str, bounds: RangeInclusive<i64>) -> Option<i64> {
        let number = match self.raw(name)? {
            Value::Number(number) => Some(number.clone()),
            Value::String(text) if self.textual => plain_digits(text.trim()).parse().ok(),
            _ => None,
        };
        let Some(number) = number else {
            self.refuse(name, "NOT_AN_INTEGER", "");
            return None;
        };
        let float = number.as_f64().unwrap_or(f64::NAN);
        match whole(&number) {
            Some(value) if bounds.contains(&value) => return Some(value),
            Some(value) if value < *bounds.start() => {
                self.refuse(name, "TOO_SMALL", bounds.start());
            }
            Some(_) => self.refuse(name, "TOO_BIG", bounds.end()),
            None if float.fract() != 0.0 => self.refuse(name, "NOT_AN_INTEGER", ""),
            None if float < 0.0 => self.refuse(name, "TOO_SMALL", bounds.start()),
            None => self.refuse(name, "TOO_BIG", bounds.end()),
        }
        None
    }

    /// A number of things, which people type: also as a text, in digits of any script.
    pub fn quantity(&mut self, name: &str, bounds: RangeInclusive<i64>) -> Option<i64> {
        if let Some(member) = self.members.get_mut(name)
            && let Some(text) = member.value.as_str()
            && let Ok(number) = plain_digits(text.trim()).parse::<i64>()
        {
            member.value = Value::from(number);
        }
        self.integer(name, bounds)
    }

    /// The number of a row: 1 or more.
    pub fn id<Id: From<i64>>(&mut self, name: &str) -> Option<Id> {
        self.integer(name, 1..=i64::MAX).map(Id::from)
    }

    pub fn uuid(&mut self, name: &str) -> Option<Uuid> {
        let text = self.text(name, NAME_CHARS_MAX)?;
        let id = Uuid::parse_str(&text).ok();
        if id.is_none() {
            self.refuse(name, "NOT_AN_ID", "");
        }
        id
    }

    pub fn real(&mut self, name: &str, bounds: RangeInclusive<f64>) -> Option<f64> {
        let value = match self.raw(name)? {
            Value::String(text) if self.textual => plain_digits(text.trim()).parse().ok(),
            value => value.as_f64(),
        };
        match value.filter(|value: &f64| value.is_finite()) {
            Some(value) if bounds.contains(&value) => return Some(value),
            Some(value) if value < *bounds.start() => {
                self.refuse(name, "TOO_SMALL", bounds.start());
            }
            Some(_) => self.refuse(name, "TOO_BIG", bounds.end()),
            None => self.refuse(name, "NOT_A_NUMBER", ""),
        }
        None
    }

    pub fn boolean(&mut self, name: &str) -> Option<bool> {
        let value = match self.raw(name)? {
            Value::Bool(value) => Some(*value),
            Value::String(text) if self.textual => text.to_ascii_lowercase().parse().ok(),
            _ => None,
        };
        if value.is_none() {
            self.refuse(name, "NOT_A_BOOLEAN", "");
        }
        value
    }

    /// A time in RFC 3339 with offset, in one of [`YEARS`].
    pub fn time(&mut self, name: &str) -> Option<Timestamp> {
        let text = self.raw(name)?.as_str().unwrap_or_default();
        let time = text.parse::<Timestamp>().ok();
        let year = time.map(|time| time.to_zoned(TimeZone::UTC).year());
        if time.is_none() && !is_beyond_timestamps(text) {
            self.refuse(name, "NOT_A_TIME", "");
            return None;
        }
        if year.is_none_or(|year| !YEARS.contains(&year)) {
            let bound = format!("{}–{}", YEARS.start(), YEARS.end());
            self.refuse(name, "YEAR_OUT_OF_RANGE", bound);
            return None;
        }
        time
    }

    /// One of a few names.
    pub fn choice<T: Copy>(&mut self, name: &str, choices: &[(&str, T)]) -> Option<T> {
        let value = self.raw(name)?.as_str().unwrap_or_default();
        let found = choices.iter().find(|(choice, _)| *choice == value);
        if found.is_none() {
            let names: Vec<&str> = choices.iter().map(|(choice, _)| *choice).collect();
            self.refuse(name, "NOT_A_CHOICE", names.join(", "));
        }
        found.map(|(_, value)| *value)
    }

    /// An array of at most `items_max` values, each read by `item`, which also gets the item's place.
    pub fn items<T>(
        &mut self,
        name: &str,
        items_max: usize,
        mut item: impl FnMut(&mut Fields, &str, Value) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Value::Array(values) = self.take(name)? else {
            self.refuse(name, "NOT_A_LIST", "");
            return None;
        };
        if values.len() > items_max {
            self.refuse(name, "TOO_MANY", items_max);
            return None;
        }
        let mut read = Vec::with_capacity(values.len());
        for (index, value) in values.into_iter().enumerate() {
            read.push(item(self, &format!("{name}[{index}]"), value));
        }
        read.into_iter().collect()
    }

    /// An array of objects, each read as a `T`.
    pub fn list<T: Input>(&mut self, name: &str, items_max: usize) -> Option<Vec<T>> {
        self.items(name, items_max, |fields, place, value| {
            fields.within(place, value, T::read)
        })
    }

    /// An array of row numbers; what is named twice is named once.
    pub fn ids<Id: From<i64>>(&mut self, name: &str, items_max: usize) -> Option<Vec<Id>> {
        let mut ids = self.items(name, items_max, |fields, place, value| {
            let id = value.as_number().and_then(whole).filter(|id| *id > 0);
            if id.is_none() {
                fields.refuse(place, "NOT_AN_ID", "");
            }
            id
        })?;
        let mut named = HashSet::with_capacity(ids.len());
        ids.retain(|id| named.insert(*id));
        Some(ids.into_iter().map(Id::from).collect())
    }

    /// A nested object, read by `read`; its wrong fields are noted under `place`.
    pub fn within<T>(
        &mut self,
        place: &str,
        value: Value,
        read: impl FnOnce(&mut Fields) -> Option<T>,
    ) -> Option<T> {
        let Value::Object(object) = value else {
            self.refuse(place, "NOT_AN_OBJECT", "");
            return None;
        };
        let mut inner = Fields {
            prefix: format!("{}.", self.place(place)),
            errors: std::mem::take(&mut self.errors),
            ..Fields::new(object, self.textual)
        };
        let value = read(&mut inner);
        inner.refuse_unknown();
        self.errors = inner.errors;
        value
    }
}

#[cfg(test)]
mod tests;
