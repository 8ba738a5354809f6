//! Lists come in pages: `limit` and `offset` in, `X-Total-Count` and `Link` out.

use axum::extract::{FromRequestParts, OriginalUri};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Uri, header};
use serde::Serialize;
use utoipa::IntoParams;

use super::envelope::{Reply, TOTAL_COUNT};
use super::error::ApiError;
use super::fields::{Fields, Input};
use crate::config::rest::{LIST_OFFSET_MAX, LIST_ROWS_DEFAULT, LIST_ROWS_MAX};

/// One page of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// The most rows to return.
    #[param(required = false, minimum = 1, maximum = 100, default = 20)]
    pub limit: i64,
    /// The number of rows to skip.
    #[param(required = false, minimum = 0, maximum = 1_000_000, default = 0)]
    pub offset: i64,
}

impl Input for Page {
    fn read(fields: &mut Fields) -> Option<Page> {
        let limit = fields.integer("limit", 1..=LIST_ROWS_MAX);
        let offset = fields.integer("offset", 0..=LIST_OFFSET_MAX);
        Some(Page {
            limit: limit.unwrap_or(LIST_ROWS_DEFAULT),
            offset: offset.unwrap_or(0),
        })
    }
}

/// The requested address, from which links to the other pages are made.
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

/// One page of `total` rows.
pub fn reply<T: Serialize>(
    said: &'static str,
    rows: Vec<T>,
    total: i64,
    page: Page,
    asked: &RequestedUri,
) -> Reply<Vec<T>> {
    let reply = Reply::ok(said, rows).header(TOTAL_COUNT, HeaderValue::from(total));
    match HeaderValue::from_str(&links(page, total, &asked.0)) {
        Ok(links) if !links.is_empty() => reply.header(header::LINK, links),
        _ => reply,
    }
}

/// Links (RFC 8288) to the first, previous, next and last page that exist. Pages are counted from the requested
/// offset, so that following `next` arrives at `last`.
fn links(page: Page, total: i64, asked: &Uri) -> String {
    let pages_on = ((total - 1).max(0) - page.offset).div_euclid(page.limit);
    let last = (page.offset + pages_on * page.limit).max(0);
    let previous = (page.offset - page.limit).max(0);
    let mut links = Vec::new();
    let mut link = |relation: &str, offset: i64| {
        let address = address(asked, page.limit, offset);
        links.push(format!("<{address}>; rel=\"{relation}\""));
    };
    if page.offset > 0 {
        link("first", 0);
        link("prev", previous.min(last));
    }
    if page.offset + page.limit < total {
        link("next", page.offset + page.limit);
        link("last", last);
    }
    links.join(", ")
}

fn address(asked: &Uri, limit: i64, offset: i64) -> String {
    let kept = asked
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty())
        .filter(|pair| !pair.starts_with("limit=") && !pair.starts_with("offset="));
    let mut query: Vec<String> = kept.map(str::to_owned).collect();
    query.push(format!("limit={limit}"));
    query.push(format!("offset={offset}"));
    format!("{}?{}", asked.path(), query.join("&"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_links_of_a_middle_page_name_its_neighbours() {
        let page = Page {
            limit: 20,
            offset: 40,
        };
        let asked = "/api/v1/events?q=jazz&offset=40".parse().unwrap();
        let links = links(page, 101, &asked);
        assert_eq!(links.matches("q=jazz&limit=20").count(), 4);
        for (relation, offset) in [("first", 0), ("prev", 20), ("next", 60), ("last", 100)] {
            assert!(links.contains(&format!("offset={offset}>; rel=\"{relation}\"")));
        }
    }

    #[test]
    fn the_next_pages_lead_to_the_last_from_any_offset() {
        let asked = "/x".parse().unwrap();
        let at = |offset, total| links(Page { limit: 2, offset }, total, &asked);
        for relation in ["next", "last"] {
            assert!(at(1, 4).contains(&format!("offset=3>; rel=\"{relation}\"")));
        }
        // Past the end, `prev` leads to the last rows that exist.
        assert!(at(9, 4).contains("offset=3>; rel=\"prev\""));
        assert!(at(9, 0).contains("offset=0>; rel=\"prev\""));
    }

    #[test]
    fn a_list_of_one_page_has_no_links() {
        let page = Page {
            limit: 20,
            offset: 0,
        };
        assert_eq!(links(page, 20, &"/x".parse().unwrap()), "");
    }
}
