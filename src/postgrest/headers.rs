//! `Accept`, `Prefer`, `Range` and `Content-Range`; `Accept-Profile` and `Content-Profile`, which name a schema.

use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};

use super::error::RestError;

pub(super) const PREFER: HeaderName = HeaderName::from_static("prefer");

const ACCEPT_PROFILE: HeaderName = HeaderName::from_static("accept-profile");
const CONTENT_PROFILE: HeaderName = HeaderName::from_static("content-profile");
/// The schema that the tables are in; clients of Supabase name it with each request.
const SCHEMA: &str = "public";

/// # Errors
/// The request names another schema: by the one header where it writes, by the other where it reads.
pub(super) fn schema(method: &Method, headers: &HeaderMap) -> Result<(), RestError> {
    let name = match *method {
        Method::POST | Method::PUT | Method::PATCH | Method::DELETE => CONTENT_PROFILE,
        _ => ACCEPT_PROFILE,
    };
    let mut named = headers.get_all(name).iter();
    match named.find(|named| *named != SCHEMA) {
        Some(other) => Err(RestError::no_schema(&String::from_utf8_lossy(
            other.as_bytes(),
        ))),
        None => Ok(()),
    }
}

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AnswerForm {
    /// A list of objects.
    List,
    /// The one row.
    Object,
    Csv,
}

impl AnswerForm {
    /// The first form of `Accept` that there is.
    pub(super) fn of(headers: &HeaderMap) -> Result<AnswerForm, RestError> {
        let Some(asked) = headers.get(header::ACCEPT) else {
            return Ok(AnswerForm::List);
        };
        let asked = asked.to_str().unwrap_or_default();
        let types = asked
            .split(',')
            .map(|one| one.split(';').next().unwrap_or_default().trim());
        let mut forms = types.filter_map(|name| match name {
            "*/*"
            | "application/*"
            | "application/json"
            | ""
            | "application/vnd.pgrst.array+json"
            | "application/vnd.pgrst.array" => Some(AnswerForm::List),
            "application/vnd.pgrst.object+json" | "application/vnd.pgrst.object" => {
                Some(AnswerForm::Object)
            }
            "text/csv" | "text/*" => Some(AnswerForm::Csv),
            _ => None,
        });
        forms.next().ok_or_else(|| RestError::no_media_type(asked))
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            AnswerForm::List => "application/json; charset=utf-8",
            AnswerForm::Object => "application/vnd.pgrst.object+json; charset=utf-8",
            AnswerForm::Csv => "text/csv; charset=utf-8",
        }
    }
}

/// The parts of `Prefer` that mean something here; others are ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Prefer {
    pub(super) counted: bool,
    /// `return=representation`.
    pub(super) rows: bool,
    /// `resolution=…`: an upsert.
    pub(super) upsert: bool,
}

impl Prefer {
    pub(super) fn of(headers: &HeaderMap) -> Prefer {
        let values = headers.get_all(PREFER).iter();
        let texts = values.filter_map(|value| value.to_str().ok());
        let mut prefer = Prefer::default();
        for wish in texts.flat_map(|text| text.split([',', ';'])) {
            match wish.trim() {
                // Nothing is estimated: up to a bound the true number costs no more.
                "count=exact" | "count=planned" | "count=estimated" => prefer.counted = true,
                "return=representation" => prefer.rows = true,
                other => prefer.upsert |= other.starts_with("resolution="),
            }
        }
        prefer
    }
}

/// Rows from `first` to `last`, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RowRange {
    pub(super) first: i64,
    pub(super) last: Option<i64>,
}

impl RowRange {
    /// `Range: 0-9` or `items=10-`; anything else is no range.
    pub(super) fn of(headers: &HeaderMap) -> Result<Option<RowRange>, RestError> {
        let text = headers
            .get(header::RANGE)
            .and_then(|value| value.to_str().ok());
        let Some((first, last)) =
            text.and_then(|text| text.trim_start_matches("items=").split_once('-'))
        else {
            return Ok(None);
        };
        let Ok(first) = first.trim().parse() else {
            return Ok(None);
        };
        let last = match last.trim() {
            "" => None,
            last => match last.parse() {
                Ok(last) => Some(last),
                Err(_) => return Ok(None),
            },
        };
        if last.is_some_and(|last: i64| last < first) {
            let why = "The lower boundary must be lower than or equal to the upper boundary in the Range header.";
            return Err(RestError::unsatisfiable(why));
        }
        Ok(Some(RowRange { first, last }))
    }
}

/// `Content-Range` of so many rows from `offset` on.
pub(super) fn content_range(offset: i64, rows: usize, total: Option<i64>) -> String {
    let total_text = total.map_or("*".to_owned(), |total| total.to_string());
    match rows as i64 {
        0 => format!("*/{total_text}"),
        rows => format!("{offset}-{}/{total_text}", offset + rows - 1),
    }
}

/// 206 for a part of what is known to be more.
///
/// # Errors
/// The page begins behind the last row.
pub(super) fn status(
    offset: i64,
    rows: usize,
    total: Option<i64>,
) -> Result<StatusCode, RestError> {
    match total {
        Some(total) if offset > total => {
            let why =
                format!("An offset of {offset} was requested, but there are only {total} rows.");
            Err(RestError::unsatisfiable(why).of_rows(total))
        }
        Some(total) if (rows as i64) < total => Ok(StatusCode::PARTIAL_CONTENT),
        _ => Ok(StatusCode::OK),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        headers
    }

    #[test]
    fn the_first_form_that_there_is_counts() {
        for (accept, form) in [
            ("application/json", Some(AnswerForm::List)),
            ("*/*", Some(AnswerForm::List)),
            ("text/html, application/json;q=0.9", Some(AnswerForm::List)),
            ("text/csv", Some(AnswerForm::Csv)),
            (
                "application/vnd.pgrst.object+json",
                Some(AnswerForm::Object),
            ),
            ("application/geo+json", None),
        ] {
            assert_eq!(
                AnswerForm::of(&headers(header::ACCEPT, accept)).ok(),
                form,
                "{accept}"
            );
        }
        assert_eq!(
            AnswerForm::of(&HeaderMap::new()).ok(),
            Some(AnswerForm::List)
        );
    }

    #[test]
    fn preferences_are_a_list() {
        let prefer = Prefer::of(&headers(PREFER, "return=representation,count=exact"));
        assert_eq!(
            (prefer.rows, prefer.counted, prefer.upsert),
            (true, true, false)
        );
        assert!(Prefer::of(&headers(PREFER, "resolution=merge-duplicates")).upsert);
    }

    #[test]
    fn ranges_are_read_or_ignored() {
        let read = |text: &str| RowRange::of(&headers(header::RANGE, text));
        let range = |first, last| Some(RowRange { first, last });
        assert_eq!(read("0-9").ok(), Some(range(0, Some(9))));
        assert_eq!(read("items=10-").ok(), Some(range(10, None)));
        assert_eq!(read("bytes=0-9").ok(), Some(None));
        assert_eq!(read("-5").ok(), Some(None));
        assert!(read("9-0").is_err());
    }

    #[test]
    fn a_page_says_where_it_stands() {
        assert_eq!(content_range(0, 2, None), "0-1/*");
        assert_eq!(content_range(10, 5, Some(40)), "10-14/40");
        assert_eq!(content_range(0, 0, Some(0)), "*/0");
        assert_eq!(status(0, 2, None).ok(), Some(StatusCode::OK));
        assert_eq!(status(0, 2, Some(2)).ok(), Some(StatusCode::OK));
        assert_eq!(
            status(0, 2, Some(3)).ok(),
            Some(StatusCode::PARTIAL_CONTENT)
        );
        assert!(status(4, 0, Some(3)).is_err());
    }
}
