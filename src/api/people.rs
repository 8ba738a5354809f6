//! Parts of a request that tell of those who come: attendees, answers to the organizer's questions; and the vouchers that it names.

use serde_json::Value;
use utoipa::ToSchema;

use super::contact;
use super::fields::{Fields, Input};
use crate::config::rest::{
    ANSWER_CHARS_MAX, ANSWERS_BYTES_MAX, ANSWERS_MAX, ATTENDEES_MAX, BOOKING_VOUCHERS_MAX,
    NAME_CHARS_MAX, VOUCHER_CODE_CHARS_MAX,
};
use crate::schema;
use crate::ticketing::record::{Answers, Attendee};
use crate::ticketing::reference::plain_code;

/// Somebody who comes.
#[derive(ToSchema)]
#[schema(as = AttendeeInput)]
#[expect(dead_code, reason = "documents the body that `attendees` reads")]
pub(super) struct AttendeeBody {
    #[schema(schema_with = schema::name)]
    name: String,
    #[schema(schema_with = schema::email, required = false)]
    email: Option<String>,
}

impl Input for Attendee {
    fn read(fields: &mut Fields) -> Option<Attendee> {
        fields.require(&["name"]);
        let name = fields.filled_text("name", NAME_CHARS_MAX);
        let email = contact::email(fields);
        Some(Attendee { name: name?, email })
    }
}

/// In the order in which the tickets are asked for.
pub(super) fn attendees(fields: &mut Fields) -> Option<Vec<Attendee>> {
    fields.list("attendees", ATTENDEES_MAX)
}

/// By question: texts, numbers, booleans, lists of texts.
pub(super) fn answers(fields: &mut Fields) -> Option<Answers> {
    let value = fields.take("answers")?;
    let Value::Object(answers) = value else {
        fields.refuse("answers", "NOT_AN_OBJECT", "");
        return None;
    };
    if answers.len() > ANSWERS_MAX {
        fields.refuse("answers", "TOO_MANY", ANSWERS_MAX);
        return None;
    }
    let fits = |text: &str| text.chars().count() <= ANSWER_CHARS_MAX && !text.contains('\0');
    for (question, answer) in &answers {
        let is_good = match answer {
            Value::String(text) => fits(text),
            Value::Array(several) => several.iter().all(|one| one.as_str().is_some_and(fits)),
            Value::Object(_) => false,
            Value::Null | Value::Bool(_) | Value::Number(_) => true,
        };
        if !is_good || !fits(question) {
            fields.refuse("answers", "NOT_TEXT", "");
            return None;
        }
    }
    let sent = serde_json::to_string(&answers).map_or(usize::MAX, |text| text.len());
    let bytes = answers
        .values()
        .map(more_in_full)
        .fold(sent, usize::saturating_add);
    if bytes > ANSWERS_BYTES_MAX {
        fields.refuse("answers", "TOO_LONG", ANSWERS_BYTES_MAX);
        return None;
    }
    Some(answers)
}

/// Bytes that a number has more in the database, which writes `1e300` with all its digits.
fn more_in_full(answer: &Value) -> usize {
    let number = answer.as_f64().filter(|_| answer.is_f64());
    let in_full = number.map_or(0, |number| number.to_string().len());
    in_full.saturating_sub(answer.to_string().len())
}

/// Codes, each once.
pub(super) fn vouchers(fields: &mut Fields) -> Vec<String> {
    let mut named: Vec<String> = Vec::new();
    let read = fields.items("vouchers", BOOKING_VOUCHERS_MAX, |fields, place, value| {
        let code = value.as_str().and_then(voucher_code);
        match code {
            None => fields.refuse(place, "NOT_A_VOUCHER_CODE", ""),
            Some(code) if named.contains(&code) => fields.refuse(place, "DUPLICATE", ""),
            Some(code) => named.push(code),
        }
        Some(())
    });
    read.map_or_else(Vec::new, |_| named)
}

/// The code as it is stored, in upper case; `None` of what cannot be one.
pub(super) fn voucher_code(typed: &str) -> Option<String> {
    let code = plain_code(typed);
    let is_sign = |sign: u8| sign.is_ascii_alphanumeric() || b"-_".contains(&sign);
    let is_code = (1..=VOUCHER_CODE_CHARS_MAX).contains(&code.len()) && code.bytes().all(is_sign);
    is_code.then_some(code)
}
