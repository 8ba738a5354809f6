//! Conditional reads: `ETag`, `If-None-Match`, `If-Match`, `Cache-Control`.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::IntoParams;

use super::envelope::Reply;
use super::extract::header_text;
use crate::ticketing::Revision;

/// A condition of reads.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "documents the header that `tagged` reads")]
pub(super) struct IfNoneMatch {
    /// The `ETag` of an earlier answer: 304 if it is still true.
    #[param(rename = "If-None-Match")]
    if_none_match: Option<String>,
}

/// A condition of changes.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "documents the header that `if_match` reads")]
pub(super) struct IfMatch {
    /// The revision that the caller knows: 409 `VERSION_CONFLICT` if the event has changed since.
    #[param(rename = "If-Match")]
    if_match: Option<String>,
}

/// For shared caches, one second: so a rush of equal requests is answered by the first cache.
pub(super) const MOMENT: &str = "public, max-age=1";
/// For shared caches, without end: another version has another address.
pub(super) const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// For shared caches, to be revalidated each time.
pub(super) const ASK_AGAIN: &str = "public, no-cache";
/// For nobody but the caller.
pub(super) const PRIVATE: &str = "private, no-store";

/// Answers `data`, or 304 when the caller has this version already. `tag` is without quotes.
pub(super) fn tagged<T: Serialize>(
    headers: &HeaderMap,
    tag: &str,
    control: &'static str,
    said: &'static str,
    data: impl FnOnce() -> T,
) -> Response {
    let answer = match is_known(headers, tag) {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => Reply::ok(said, data()).into_response(),
    };
    marked(answer, tag, control)
}

/// Whether the caller has this version already.
pub(super) fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let known = header_text(headers, &header::IF_NONE_MATCH);
    known.is_some_and(|known| names(known, &format!("\"{tag}\"")))
}

/// Says which version the answer is, and how long it may be kept.
pub(super) fn marked(mut answer: Response, tag: &str, control: &'static str) -> Response {
    let headers = answer.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{tag}\"")) {
        headers.insert(header::ETAG, tag);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(control));
    answer
}

/// Sent with what is remembered while the database cannot be asked: when it was last known to be so.
pub(super) const STALE_SINCE: HeaderName = HeaderName::from_static("x-stale-since");

/// Marks an answer that may no longer be true. Nobody may keep it.
pub(super) fn stale(mut answer: Response, since: Option<Timestamp>) -> Response {
    if let Some(since) = since.and_then(|since| HeaderValue::try_from(since.to_string()).ok()) {
        answer.headers_mut().insert(STALE_SINCE, since);
        answer
            .headers_mut()
            .insert(header::CACHE_CONTROL, HeaderValue::from_static(PRIVATE));
    }
    answer
}

/// Whether a list of tags contains `tag` (quoted). A weak tag counts as the strong one: proxies make them weak.
fn names(list: &str, tag: &str) -> bool {
    list.split(',')
        .map(str::trim)
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

/// The revisions that `If-Match` allows, on one line or several; `None` without such a condition. A tag that is no revision
/// matches nothing, nor does a line that cannot be read: its sender has a condition.
pub(super) fn if_match(headers: &HeaderMap) -> Option<Vec<Revision>> {
    if !headers.contains_key(header::IF_MATCH) {
        return None;
    }
    let lines = headers.get_all(header::IF_MATCH).iter();
    let tags = lines.filter_map(|line| line.to_str().ok());
    let tags = tags.flat_map(|line| line.split(',')).map(str::trim);
    let tags: Vec<&str> = tags.collect();
    if tags == ["*"] {
        return None;
    }
    let revisions = tags.into_iter().filter_map(|tag| {
        let tag = tag.strip_prefix("W/").unwrap_or(tag);
        tag.trim_matches('"').parse().ok()
    });
    Some(revisions.collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_known_version_is_found_in_a_list() {
        for list in ["\"57\"", "W/\"57\"", "\"5\", \"57\"", "*"] {
            assert!(names(list, "\"57\""), "{list}");
        }
        for list in ["", "57", "\"5\"", "\"577\""] {
            assert!(!names(list, "\"57\""), "{list}");
        }
    }

    #[test]
    fn a_condition_names_revisions() {
        let condition = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_MATCH, value.parse().unwrap());
            if_match(&headers)
        };
        assert_eq!(condition("\"57\", W/\"58\", 59"), Some(vec![57, 58, 59]));
        assert_eq!(condition("*"), None);
        assert_eq!(condition("\"abc\""), Some(vec![]));
        assert_eq!(if_match(&HeaderMap::new()), None);
        // Curly quotes, as pages show them: somebody who has a condition overwrites nothing.
        let mut headers = HeaderMap::new();
        let curly = HeaderValue::from_bytes("“57”".as_bytes()).unwrap();
        headers.insert(header::IF_MATCH, curly);
        assert_eq!(if_match(&headers), Some(vec![]));
        headers.append(header::IF_MATCH, HeaderValue::from_static("\"58\""));
        assert_eq!(if_match(&headers), Some(vec![58]));
    }
}
