//! Names, e-mail addresses and phone numbers in requests.

use utoipa::ToSchema;

use super::fields::{Fields, Input};
use crate::config::rest::NAME_CHARS_MAX;
use crate::schema;
use crate::ticketing::email::normal_form;
use crate::ticketing::record::Contact;
use crate::ticketing::reference::digit;

/// How a buyer can be reached: by e-mail or by phone.
#[derive(ToSchema)]
#[schema(as = ContactInput)]
#[expect(dead_code, reason = "documents the body that `contact` reads")]
pub(super) struct ContactBody {
    #[schema(schema_with = schema::name, required = false)]
    name: Option<String>,
    #[schema(schema_with = schema::email, required = false)]
    email: Option<String>,
    /// Digits of any script, with an optional `+` in front.
    #[schema(schema_with = schema::phone, required = false)]
    phone: Option<String>,
}

/// E.164 has at most 15 digits; national ways to write them a few more.
const PHONE_DIGITS_MIN: usize = 4;
const PHONE_DIGITS_MAX: usize = 20;

/// `{name, email, phone}` with an e-mail address or a phone number; null counts as absent.
pub(super) fn contact(fields: &mut Fields, name: &str) -> Option<Contact> {
    let value = fields.take(name)?;
    fields.within(name, value, |inner| {
        if !inner.has("email") && !inner.has("phone") {
            inner.refuse("email", "MISSING_CONTACT", "");
        }
        Some(Contact {
            name: inner.filled_text("name", NAME_CHARS_MAX),
            email: email(inner),
            phone: phone(inner),
        })
    })
}

/// A body that names an e-mail address, and nothing else.
#[derive(ToSchema)]
#[schema(example = json!({"email": "ada@example.org"}))]
#[expect(dead_code, reason = "describes the body; `EmailAddress` reads it")]
pub(super) struct EmailInput {
    #[schema(schema_with = schema::email)]
    email: String,
}

pub(super) struct EmailAddress(pub String);

impl Input for EmailAddress {
    fn read(fields: &mut Fields) -> Option<EmailAddress> {
        fields.require(&["email"]);
        email(fields).map(EmailAddress)
    }
}

/// In lower case, the domain as DNS has it. Checks the form only: a mail that arrives is the only proof of an address.
pub(super) fn email(fields: &mut Fields) -> Option<String> {
    let typed = fields.filled_text("email", NAME_CHARS_MAX)?;
    let Some(email) = normal_form(&typed) else {
        fields.refuse("email", "NOT_AN_EMAIL", "");
        return None;
    };
    // Of other scripts DNS writes more letters than were typed, and the database keeps what DNS writes.
    if email.len() > NAME_CHARS_MAX {
        fields.refuse("email", "TOO_LONG", NAME_CHARS_MAX);
        return None;
    }
    Some(email)
}

/// ASCII digits, with `+` in front of a country's code, whether it was typed as `+` or as `00`.
pub(super) fn phone(fields: &mut Fields) -> Option<String> {
    let typed = fields.filled_text("phone", NAME_CHARS_MAX)?;
    let (dialled, phone) = forms(&typed);
    let digits = dialled.strip_prefix('+').unwrap_or(&dialled);
    let many = (PHONE_DIGITS_MIN..=PHONE_DIGITS_MAX).contains(&digits.len());
    if !many || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        fields.refuse("phone", "NOT_A_PHONE", "");
        return None;
    }
    // Too short without its zeros, it is one that begins with them.
    let is_short = phone.trim_start_matches('+').len() < PHONE_DIGITS_MIN;
    Some(if is_short { dialled } else { phone })
}

/// Its signs as they were dialled, and the form that is one for all ways of dialling.
fn forms(typed: &str) -> (String, String) {
    let signs = typed.chars().map(|sign| match sign {
        '＋' => '+',
        sign => digit(sign).unwrap_or(sign),
    });
    let signs: String = signs.filter(|sign| !separates(*sign)).collect();
    let without_brackets = |signs: &str| signs.replace(['(', ')'], "");
    let dialled = without_brackets(&signs);
    if !dialled.starts_with('+') && !dialled.starts_with("00") {
        return (dialled.clone(), dialled);
    }
    // The 0 that is dialled only at home.
    let number = without_brackets(&signs.replacen("(0)", "", 1));
    let number = match number.strip_prefix("00") {
        Some(number) => format!("+{number}"),
        None => number,
    };
    (dialled, number)
}

/// Between the groups of a number; marks of direction come with numbers that are copied from right-to-left text.
fn separates(sign: char) -> bool {
    let hyphens = '\u{2010}'..='\u{2015}';
    let directions = '\u{202a}'..='\u{202e}';
    sign.is_whitespace()
        || matches!(sign, '-' | '.' | '/' | '\u{200e}' | '\u{200f}')
        || hyphens.contains(&sign)
        || directions.contains(&sign)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::{Value, json};

    use super::*;
    use crate::api::fields::{Input, read_json};

    struct Read(Option<Contact>);
    impl Input for Read {
        fn read(fields: &mut Fields) -> Option<Read> {
            Some(Read(contact(fields, "contact")))
        }
    }

    fn read(contact: Value) -> Result<Contact, String> {
        let read = read_json::<Read>(json!({ "contact": contact }));
        let read = read.map_err(|error| error.field_errors()[0].field.clone());
        read.map(|Read(contact)| contact.unwrap())
    }

    #[test]
    fn a_phone_number_has_one_form_however_it_is_dialled() {
        for typed in [
            "+49 171 7773631",
            "0049 171 7773631",
            "(0049) 171 777-3631",
            "+49 (0) 171 777 3631",
            "۰۰۴۹ ۱۷۱ ۷۷۷ ۳۶۳۱",
        ] {
            let kept = read(json!({"name": "Ada", "phone": typed})).unwrap();
            assert_eq!(kept.phone.as_deref(), Some("+491717773631"), "{typed}");
        }
        let local = read(json!({"name": "Ada", "phone": "(0171) 777 3631"})).unwrap();
        assert_eq!(local.phone.as_deref(), Some("01717773631"));
        let zeros = read(json!({"name": "Ada", "phone": "0000"})).unwrap();
        assert_eq!(zeros.phone.as_deref(), Some("0000"));
        for typed in ["00", "+(0)", "+49 171 x"] {
            assert_eq!(
                read(json!({"phone": typed})),
                Err("contact.phone".to_owned()),
                "{typed}"
            );
        }
    }

    #[test]
    fn core_15_a_contact_is_kept_as_one_form_whatever_script_it_is_typed_in() {
        let typed =
            json!({"name": " อาดา ", "email": "Ada@Example.ORG", "phone": "＋๖๖ (๒) ๑๒๓-๔๕๖๗"});
        let kept = read(typed).unwrap();
        assert_eq!(kept.name.as_deref(), Some("อาดา"));
        assert_eq!(kept.email.as_deref(), Some("ada@example.org"));
        assert_eq!(kept.phone.as_deref(), Some("+6621234567"));
        let domain = read(json!({"email": "a.da+x@تهران.ایران"})).unwrap();
        assert_eq!(
            domain.email.as_deref(),
            Some("a.da+x@xn--mgbfv9fc.xn--mgba3a4f16a")
        );
        let persian = read(json!({"phone": "\u{200e}۰۹۱۲ ۳۴۵ ۶۷۸۹"})).unwrap();
        assert_eq!(persian.phone.as_deref(), Some("09123456789"));
        for (contact, field) in [
            (json!({}), "contact.email"),
            (json!({"name": "Ada"}), "contact.email"),
            (json!({"email": "ada"}), "contact.email"),
            (json!({"email": "a<ada@example.org>"}), "contact.email"),
            (
                json!({"email": "\"pay here\"<ada@example.org>"}),
                "contact.email",
            ),
            (json!({"email": "ada@10.0.0.1"}), "contact.email"),
            (json!({"email": "ada@localhost"}), "contact.email"),
            (json!({"email": "ada..b@example.org"}), "contact.email"),
            (json!({"email": "ada@example.org\u{7}"}), "contact.email"),
            (json!({"email": "علی@example.org"}), "contact.email"),
            (
                json!({"email": "ada@example.org, eve@example.org"}),
                "contact.email",
            ),
            (json!({"phone": "call me"}), "contact.phone"),
            (json!({"phone": "1234", "fax": "1"}), "contact.fax"),
            (json!("ada@example.org"), "contact"),
        ] {
            assert_eq!(read(contact), Err(field.to_owned()));
        }
    }
}
