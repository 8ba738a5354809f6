//! Lists come in pages. `limit` and `offset`, or `cursor`, in; `X-Total-Count` and `Link` out.
//!
//! A cursor says after which row a page begins, so a page far down costs what the first costs, and rows that come and
//! go meanwhile move no others across its edge. It is opaque to callers: the list's name, the row's place in the list's
//! order, and its id.

use std::str::FromStr;

use axum::extract::{FromRequestParts, OriginalUri};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Uri, header};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::IntoParams;
use utoipa::openapi::RefOr;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::schema::Schema;

use super::envelope::{Reply, TOTAL_COUNT};
use super::error::ApiError;
use super::fields::{Fields, Input};
use crate::config::rest::{CURSOR_CHARS_MAX, LIST_OFFSET_MAX, LIST_ROWS_DEFAULT, LIST_ROWS_MAX};
use crate::schema;
use crate::store::Total;

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// The most rows to return.
    #[param(required = false, minimum = 1, maximum = 100, default = 20)]
    pub limit: i64,
    /// The number of rows to skip.
    #[param(required = false, minimum = 0, maximum = 1_000_000, default = 0)]
    pub offset: i64,
    /// From the `next` link of the page before, in place of `offset`.
    #[param(schema_with = schema::cursor, required = false)]
    pub cursor: Option<Cursor>,
}

impl Input for Page {
    fn read(fields: &mut Fields) -> Option<Page> {
        Some(Page::read_with(fields, LIST_ROWS_DEFAULT))
    }
}

impl Page {
    fn read_with(fields: &mut Fields, limit_default: i64) -> Page {
        let limit = fields.integer("limit", 1..=LIST_ROWS_MAX);
        let offset = fields.integer("offset", 0..=LIST_OFFSET_MAX);
        let cursor = fields.filled_text("cursor", CURSOR_CHARS_MAX);
        let cursor = cursor.and_then(|text| {
            let cursor = Cursor::decode(&text);
            if cursor.is_none() {
                fields.refuse("cursor", "NOT_A_CURSOR", "");
            }
            cursor
        });
        if cursor.is_some() && offset.is_some_and(|offset| offset > 0) {
            fields.refuse("offset", "CURSOR_OR_OFFSET", "");
        }
        Page {
            limit: limit.unwrap_or(limit_default),
            offset: offset.unwrap_or(0),
            cursor,
        }
    }

    /// One row more than is shown tells whether there is a next page.
    pub fn rows_wanted(&self) -> i64 {
        self.limit + 1
    }

    /// Where this page of `list` begins: the place of a row in its order, and its id.
    ///
    /// # Errors
    /// 422: the cursor is another list's, or none of ours.
    pub fn after<K, I>(
        &self,
        list: &str,
        place: impl Fn(&str) -> Option<K>,
        id: impl Fn(&str) -> Option<I>,
    ) -> Result<Option<(K, I)>, ApiError> {
        let Some(cursor) = &self.cursor else {
            return Ok(None);
        };
        let after = (cursor.list == list)
            .then(|| Some((place(&cursor.place)?, id(&cursor.id)?)))
            .flatten();
        let after = after.ok_or_else(|| ApiError::invalid_field("cursor", "NOT_A_CURSOR"))?;
        Ok(Some(after))
    }

    /// Where this page begins of a list in the order of ids.
    ///
    /// # Errors
    /// As [`Page::after`].
    pub fn after_id<I: FromStr>(&self, list: &str) -> Result<Option<I>, ApiError> {
        let after = self.after(list, |_| Some(()), |id| id.parse().ok())?;
        Ok(after.map(|((), id)| id))
    }

    /// Takes the row beyond the page away; the cursor of the next page, if that row was there.
    pub fn cut<T>(&self, rows: &mut Vec<T>, cursor: impl Fn(&T) -> Cursor) -> Option<Cursor> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        if rows.len() <= limit {
            return None;
        }
        rows.truncate(limit);
        rows.last().map(cursor)
    }
}

/// The page of a list that is wanted whole as a rule: without `limit` it is as long as a page may be.
pub struct LongPage(pub Page);

impl Input for LongPage {
    fn read(fields: &mut Fields) -> Option<LongPage> {
        Some(LongPage(Page::read_with(fields, LIST_ROWS_MAX)))
    }
}

impl IntoParams for LongPage {
    fn into_params(place: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let mut params = Page::into_params(place);
        for param in params.iter_mut().filter(|param| param.name == "limit") {
            if let Some(RefOr::T(Schema::Object(limit))) = &mut param.schema {
                limit.default = Some(LIST_ROWS_MAX.into());
            }
        }
        params
    }
}

/// A row of a list, after which a page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The list and its order: a place in one means nothing in another.
    list: String,
    /// The order of the list.
    place: String,
    id: String,
}

/// A place that is a time, of those that Postgres can be asked about.
pub fn time(place: &str) -> Option<Timestamp> {
    let at: Timestamp = place.parse().ok()?;
    let year = at.to_zoned(jiff::tz::TimeZone::UTC).year();
    (1..=9999).contains(&year).then_some(at)
}

impl Cursor {
    pub fn new(list: &str, place: impl ToString, id: impl ToString) -> Cursor {
        Cursor {
            list: list.to_owned(),
            place: place.to_string(),
            id: id.to_string(),
        }
    }

    fn encode(&self) -> String {
        let parts = serde_json::json!([self.list, self.place, self.id]);
        URL_SAFE_NO_PAD.encode(parts.to_string())
    }

    fn decode(text: &str) -> Option<Cursor> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let [list, place, id]: [String; 3] = serde_json::from_slice(&bytes).ok()?;
        // Postgres takes no NUL in text.
        let good = !place.contains('\0');
        good.then_some(Cursor { list, place, id })
    }
}

/// The requested address, whose query the links to the other pages repeat.
pub struct RequestedUri(Uri);

impl<S: Send + Sync> FromRequestParts<S> for RequestedUri {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<RequestedUri, ApiError> {
        let OriginalUri(uri) = OriginalUri::from_request_parts(parts, state)
            .await
            .unwrap_or_else(|never| match never {});
        Ok(RequestedUri(uri))
    }
}

/// One page of `total` rows; `next` is where the page after it begins.
pub fn reply<T: Serialize>(
    said: &'static str,
    rows: Vec<T>,
    total: Total,
    (page, next): (&Page, Option<Cursor>),
    asked: &RequestedUri,
) -> Reply<Vec<T>> {
    let reply = Reply::ok(said, rows);
    let headers = headers(total, (page, next.as_ref()), asked).into_iter();
    headers.fold(reply, |reply, (name, value)| reply.header(name, value))
}

/// One page of a list in the order of ids, of which one row more than is shown was read.
pub fn by_id<T: Serialize, I: ToString>(
    said: &'static str,
    list: &str,
    (mut rows, total): (Vec<T>, Total),
    (page, asked): (&Page, &RequestedUri),
    id: impl Fn(&T) -> I,
) -> Reply<Vec<T>> {
    let next = page.cut(&mut rows, |row| Cursor::new(list, "", id(row)));
    reply(said, rows, total, (page, next), asked)
}

/// One page of a list that was read whole, since it is bounded and short as a rule.
///
/// # Errors
/// As [`Page::after`].
pub fn of_whole<T: Serialize, I: ToString>(
    said: &'static str,
    list: &str,
    mut rows: Vec<T>,
    (page, asked): (&Page, &RequestedUri),
    id: impl Fn(&T) -> I,
) -> Result<Reply<Vec<T>>, ApiError> {
    let total = Total {
        rows: i64::try_from(rows.len()).unwrap_or(i64::MAX),
        is_exact: true,
    };
    let place = |place: &str| place.parse::<usize>().ok();
    let first = match page.after(list, place, |id| Some(id.to_owned()))? {
        // Where the row is gone, what came after it has its place.
        Some((place, after)) => rows
            .iter()
            .position(|row| id(row).to_string() == after)
            .map_or(place, |at| at + 1),
        None => usize::try_from(page.offset).unwrap_or(usize::MAX),
    };
    rows.drain(..first.min(rows.len()));
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let last = first.saturating_add(limit).saturating_sub(1);
    let next = page.cut(&mut rows, |row| Cursor::new(list, last, id(row)));
    Ok(reply(said, rows, total, (page, next), asked))
}

/// `X-Total-Count`, and `Link` where there are other pages.
pub fn headers(
    total: Total,
    (page, next): (&Page, Option<&Cursor>),
    asked: &RequestedUri,
) -> Vec<(HeaderName, HeaderValue)> {
    let mut headers = vec![(TOTAL_COUNT, HeaderValue::from(total.rows))];
    match HeaderValue::from_str(&links(page, next, total, &asked.0)) {
        Ok(links) if !links.is_empty() => headers.push((header::LINK, links)),
        _ => {}
    }
    headers
}

/// Links (RFC 8288) to the first, previous, next and last page that exist and that this page knows of. The next one is
/// named by its cursor. The last one is counted from the requested offset, unless there are more rows than were counted.
/// They have only a query: a proxy may serve us below a path that we do not know of.
fn links(page: &Page, next: Option<&Cursor>, total: Total, asked: &Uri) -> String {
    let pages_on = ((total.rows - 1).max(0) - page.offset).div_euclid(page.limit);
    let last = (page.offset + pages_on * page.limit).max(0);
    let previous = (page.offset - page.limit).max(0);
    let mut links = Vec::new();
    let mut link = |relation: &str, place: &str| {
        let query = query(asked, page.limit, place);
        links.push(format!("<?{query}>; rel=\"{relation}\""));
    };
    if page.offset > 0 || page.cursor.is_some() {
        link("first", "offset=0");
    }
    if page.offset > 0 {
        link("prev", &format!("offset={}", previous.min(last)));
    }
    if let Some(next) = next {
        link("next", &format!("cursor={}", next.encode()));
        if page.cursor.is_none() && total.is_exact {
            link("last", &format!("offset={last}"));
        }
    }
    links.join(", ")
}

fn query(asked: &Uri, limit: i64, place: &str) -> String {
    let ours = ["limit=", "offset=", "cursor="];
    let kept = asked
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty())
        .filter(|pair| !ours.iter().any(|name| pair.starts_with(name)));
    let mut query: Vec<String> = kept.map(in_ascii).collect();
    query.push(format!("limit={limit}"));
    query.push(place.to_owned());
    query.join("&")
}

/// The same part of an address in ASCII, for a header, which many read as Latin-1.
fn in_ascii(text: &str) -> String {
    let mut ascii = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte.is_ascii() {
            true => ascii.push(char::from(byte)),
            false => ascii.push_str(&format!("%{byte:02X}")),
        }
    }
    ascii
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn page(limit: i64, offset: i64) -> Page {
        Page {
            limit,
            offset,
            cursor: None,
        }
    }

    fn all(rows: i64) -> Total {
        Total {
            rows,
            is_exact: true,
        }
    }

    fn cursor() -> Cursor {
        Cursor::new("events", "Ünter \"den\" Linden", 42)
    }

    #[test]
    fn the_links_of_a_middle_page_name_its_neighbours() {
        let asked = "/api/v1/events?q=jazz&offset=40".parse().unwrap();
        let links = links(&page(20, 40), Some(&cursor()), all(101), &asked);
        assert_eq!(links.matches("q=jazz&limit=20").count(), 4);
        for (relation, offset) in [("first", 0), ("prev", 20), ("last", 100)] {
            assert!(links.contains(&format!("offset={offset}>; rel=\"{relation}\"")));
        }
        let next = format!("cursor={}>; rel=\"next\"", cursor().encode());
        assert!(links.contains(&next), "{links}");
    }

    #[test]
    fn core_16_a_page_by_cursor_knows_its_start_and_its_next() {
        let asked = "/x?cursor=abc&limit=5".parse().unwrap();
        let mut by_cursor = page(5, 0);
        by_cursor.cursor = Some(cursor());
        let links = links(&by_cursor, Some(&cursor()), all(50_000), &asked);
        assert_eq!(links.matches("rel=").count(), 2, "{links}");
        assert!(links.contains("<?limit=5&offset=0>; rel=\"first\""));
        // More than were counted: nobody knows where the end is.
        let more = Total {
            rows: 10_001,
            is_exact: false,
        };
        let uncounted = super::links(&page(5, 0), Some(&cursor()), more, &asked);
        assert!(!uncounted.contains("last"), "{uncounted}");
    }

    #[test]
    fn core_16_a_cursor_is_read_as_it_was_written_and_by_its_own_list() {
        let read = Cursor::decode(&cursor().encode()).unwrap();
        assert_eq!(read, cursor());
        let text = |place: &str| Some(place.to_owned());
        let number = |id: &str| id.parse::<i64>().ok();
        let mut by_cursor = page(5, 0);
        by_cursor.cursor = Some(read);
        let after = by_cursor.after("events", text, number).unwrap();
        assert_eq!(after.map(|(_, id)| id), Some(42));
        assert!(by_cursor.after("users", text, number).is_err());
        for text in ["", "abc", "W10", "WyJhIl0", "WzEsMiwzXQ"] {
            assert_eq!(Cursor::decode(text), None, "{text}");
        }
        let nul = Cursor::new("events", "a\0b", 1).encode();
        assert_eq!(Cursor::decode(&nul), None);
    }

    #[test]
    fn the_next_pages_lead_to_the_last_from_any_offset() {
        let asked = "/x".parse().unwrap();
        let at = |offset, total| {
            let next = (offset + 2 < total).then(cursor);
            links(&page(2, offset), next.as_ref(), all(total), &asked)
        };
        assert!(at(1, 4).contains("offset=3>; rel=\"last\""));
        // Past the end, `prev` leads to the last rows that exist.
        assert!(at(9, 4).contains("offset=3>; rel=\"prev\""));
        assert!(at(9, 0).contains("offset=0>; rel=\"prev\""));
    }

    #[test]
    fn links_are_ascii_however_they_were_asked_for() {
        assert_eq!(in_ascii("q=café&x=%20"), "q=caf%C3%A9&x=%20");
    }

    #[test]
    fn a_list_of_one_page_has_no_links() {
        assert_eq!(
            links(&page(20, 0), None, all(20), &"/x".parse().unwrap()),
            ""
        );
    }
}
