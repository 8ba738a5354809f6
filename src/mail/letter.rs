//! The look of mails: one letter for all kinds, as text and as HTML.

use askama::Template;

use super::{Mail, MailError};
use crate::lang::Lang;

/// The words of a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    pub lang: Lang,
    pub subject: String,
    /// Paragraphs.
    pub lines: Vec<String>,
    /// A code to be typed.
    pub code: Option<String>,
    /// A button: its words and where it leads.
    pub action: Option<(String, String)>,
    /// Why the reader gets it.
    pub reason: String,
}

/// The language's tag, and its direction.
#[derive(Debug, Clone, Copy)]
struct LetterStyle {
    lang: &'static str,
    dir: &'static str,
}

#[derive(Template)]
#[template(path = "letter.txt")]
struct AsText<'a> {
    letter: &'a Letter,
}

#[derive(Template)]
#[template(path = "letter.html")]
struct AsHtml<'a> {
    letter: &'a Letter,
    style: LetterStyle,
}

impl Letter {
    /// The mail to `to`; `key` as in [`Mail`].
    pub fn mail(&self, to: &str, key: &str) -> Result<Mail, MailError> {
        let unwritten = |error: askama::Error| MailError::Refused(error.to_string());
        let dir = match self.lang {
            Lang::Fa => "rtl",
            Lang::En | Lang::Th => "ltr",
        };
        let style = LetterStyle {
            lang: self.lang.tag(),
            dir,
        };
        Ok(Mail {
            to: to.to_owned(),
            key: key.to_owned(),
            subject: self.subject.clone(),
            text: AsText { letter: self }.render().map_err(unwritten)?,
            html: AsHtml {
                letter: self,
                style,
            }
            .render()
            .map_err(unwritten)?,
            attachments: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn names_are_escaped_in_html_and_left_alone_in_text() {
        let letter = Letter {
            lang: Lang::Fa,
            subject: "s".to_owned(),
            lines: vec!["<b>Tom & Jerry</b>".to_owned()],
            code: Some("ABCD2345".to_owned()),
            action: Some((
                "Open".to_owned(),
                "https://tickets.example/bookings?a=1&b=2".to_owned(),
            )),
            reason: "r".to_owned(),
        };
        let mail = letter.mail("ada@example.org", "key").unwrap();
        assert!(mail.text.contains("<b>Tom & Jerry</b>"), "{}", mail.text);
        assert!(mail.text.contains("?a=1&b=2"), "{}", mail.text);
        assert!(!mail.html.contains("<b>Tom"), "{}", mail.html);
        assert!(mail.html.contains("dir=\"rtl\""), "{}", mail.html);
        assert!(
            mail.html.contains("<bdi dir=\"ltr\">ABCD2345</bdi>"),
            "{}",
            mail.html
        );
    }
}
