//! Splits a filter's text into conditions and values, without interpreting them.

/// Splits at commas outside quotes and parentheses. A quote opens only where a value begins, so that names that contain
/// quotes need no escapes.
pub(crate) fn split_conditions(text: &str) -> Vec<&str> {
    let (mut parts, mut start) = (Vec::new(), 0);
    let (mut depth, mut in_quotes) = (0usize, false);
    let (mut escaped, mut before) = (false, '\0');
    for (at, char) in text.char_indices() {
        match char {
            _ if escaped => escaped = false,
            '\\' if in_quotes => escaped = true,
            '"' if in_quotes => in_quotes = false,
            _ if in_quotes => {}
            '"' if matches!(before, '.' | '(' | ',') => in_quotes = true,
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
        before = char;
    }
    parts.push(&text[start..]);
    parts
}

/// The text within quotes, with escapes undone; a value that is not quoted from end to end is returned as it is.
pub(crate) fn unquote(value: &str) -> String {
    let mut inner = String::new();
    let mut chars = value.strip_prefix('"').unwrap_or("").chars();
    while let Some(char) = chars.next() {
        match char {
            '"' if chars.as_str().is_empty() => return inner,
            '"' => break,
            '\\' => inner.extend(chars.next()),
            char => inner.push(char),
        }
    }
    value.to_owned()
}

/// Splits at the commas outside quotes; a quote opens at the start of a value.
pub(super) fn split_list(inner: &str) -> Vec<&str> {
    let (mut parts, mut start) = (Vec::new(), 0);
    let (mut in_quotes, mut escaped) = (false, false);
    for (at, char) in inner.char_indices() {
        match char {
            _ if escaped => escaped = false,
            '\\' if in_quotes => escaped = true,
            '"' if in_quotes => in_quotes = false,
            '"' if inner[start..at].trim().is_empty() => in_quotes = true,
            ',' if !in_quotes => {
                parts.push(&inner[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&inner[start..]);
    parts
}
