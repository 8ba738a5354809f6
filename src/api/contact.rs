//! Names, e-mail addresses and phone numbers in requests.

use super::fields::Fields;
use crate::config::rest::NAME_CHARS_MAX;
use crate::ticketing::record::Contact;

/// E.164 has at most 15 digits; national ways to write them a few more.
const PHONE_DIGITS_MIN: usize = 4;
const PHONE_DIGITS_MAX: usize = 20;

/// The zeros of the scripts that write numbers with ten digits of their own (Unicode's category Nd, in the plane that
/// people type from); their other digits follow each.
const ZEROS: [u32; 37] = [
    0x0030, 0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6,
    0x0D66, 0x0DE6, 0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80,
    0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0,
    0xFF10,
];

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

/// In lower case. Checks the form only: a mail that arrives is the only proof of an address.
pub(super) fn email(fields: &mut Fields) -> Option<String> {
    let email = fields.filled_text("email", NAME_CHARS_MAX)?;
    let good = email
        .split_once('@')
        .is_some_and(|(name, host)| !name.is_empty() && host.contains('.') && !host.contains('@'));
    if !good || email.contains(char::is_whitespace) {
        fields.refuse("email", "NOT_AN_EMAIL", "");
        return None;
    }
    Some(email.to_lowercase())
}

/// ASCII digits, with `+` in front where it was typed.
pub(super) fn phone(fields: &mut Fields) -> Option<String> {
    let typed = fields.filled_text("phone", NAME_CHARS_MAX)?;
    let phone: String = typed
        .chars()
        .filter(|sign| !separates(*sign))
        .map(|sign| match sign {
            '＋' => '+',
            sign => digit(sign).unwrap_or(sign),
        })
        .collect();
    let digits = phone.strip_prefix('+').unwrap_or(&phone);
    let many = (PHONE_DIGITS_MIN..=PHONE_DIGITS_MAX).contains(&digits.len());
    if !many || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        fields.refuse("phone", "NOT_A_PHONE", "");
        return None;
    }
    Some(phone)
}

/// Between the groups of a number; marks of direction come with numbers that are copied from right-to-left text.
fn separates(sign: char) -> bool {
    let hyphens = '\u{2010}'..='\u{2015}';
    let directions = '\u{202a}'..='\u{202e}';
    sign.is_whitespace()
        || matches!(sign, '-' | '(' | ')' | '.' | '/' | '\u{200e}' | '\u{200f}')
        || hyphens.contains(&sign)
        || directions.contains(&sign)
}

fn digit(sign: char) -> Option<char> {
    let code = u32::from(sign);
    let zero = ZEROS
        .iter()
        .find(|zero| (**zero..**zero + 10).contains(&code))?;
    char::from_digit(code - zero, 10)
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
    fn core_15_a_contact_is_kept_as_one_form_whatever_script_it_is_typed_in() {
        let typed =
            json!({"name": " อาดา ", "email": "Ada@Example.ORG", "phone": "＋๖๖ (๒) ๑๒๓-๔๕๖๗"});
        let kept = read(typed).unwrap();
        assert_eq!(kept.name.as_deref(), Some("อาดา"));
        assert_eq!(kept.email.as_deref(), Some("ada@example.org"));
        assert_eq!(kept.phone.as_deref(), Some("+6621234567"));
        let persian = read(json!({"phone": "\u{200e}۰۹۱۲ ۳۴۵ ۶۷۸۹"})).unwrap();
        assert_eq!(persian.phone.as_deref(), Some("09123456789"));
        for (contact, field) in [
            (json!({}), "contact.email"),
            (json!({"name": "Ada"}), "contact.email"),
            (json!({"email": "ada"}), "contact.email"),
            (json!({"phone": "call me"}), "contact.phone"),
            (json!({"phone": "1234", "fax": "1"}), "contact.fax"),
            (json!("ada@example.org"), "contact"),
        ] {
            assert_eq!(read(contact), Err(field.to_owned()));
        }
    }
}
