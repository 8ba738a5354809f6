//! The languages in which we speak to people: in answers and in mails.

use axum::http::{HeaderMap, header};
use serde::{Deserialize, Serialize};

/// A language that we speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lang {
    En,
    Th,
    Fa,
}

impl Lang {
    /// The one that the caller likes most of those that we speak; English otherwise.
    pub fn of(headers: &HeaderMap) -> Lang {
        let wishes = headers
            .get(header::ACCEPT_LANGUAGE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let mut best = (Lang::En, 0.0);
        for wish in wishes.split(',') {
            let (tag, weight) = wish.split_once(";q=").unwrap_or((wish, "1"));
            let weight: f32 = weight.trim().parse().unwrap_or(0.0);
            if let Some(lang) = Lang::parse(tag.trim())
                && weight > best.1
            {
                best = (lang, weight);
            }
        }
        best.0
    }

    pub fn parse(tag: &str) -> Option<Lang> {
        match tag.split('-').next()?.to_ascii_lowercase().as_str() {
            "en" => Some(Lang::En),
            "th" => Some(Lang::Th),
            "fa" => Some(Lang::Fa),
            _ => None,
        }
    }

    /// A number in the language's digits.
    pub fn number(self, plain: &str) -> String {
        let persian = |digit: char| match digit {
            '0'..='9' => char::from_u32(0x06F0 + (digit as u32 - '0' as u32)).unwrap_or(digit),
            '.' => '٫',
            other => other,
        };
        match self {
            Lang::En | Lang::Th => plain.to_owned(),
            Lang::Fa => plain.chars().map(persian).collect(),
        }
    }

    pub fn tag(self) -> &'static str {
        match self {
            Lang::En => "en",
            Lang::Th => "th",
            Lang::Fa => "fa",
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn wish(value: &str) -> Lang {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_LANGUAGE, value.parse().unwrap());
        Lang::of(&headers)
    }

    #[test]
    fn numbers_have_the_digits_of_their_language() {
        assert_eq!(Lang::Fa.number("1045.90"), "۱۰۴۵٫۹۰");
        assert_eq!(Lang::Th.number("45.00"), "45.00");
    }

    #[test]
    fn the_most_wanted_language_that_we_speak_wins() {
        assert_eq!(wish("de, th;q=0.5, fa;q=0.8"), Lang::Fa);
        assert_eq!(wish("th-TH"), Lang::Th);
        assert_eq!(wish("de-DE,de;q=0.9"), Lang::En);
        assert_eq!(wish("en;q=0.3,th;q=bad,fa;q=0"), Lang::En);
    }
}
