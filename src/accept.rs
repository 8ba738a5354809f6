//! The encodings that a client takes.

/// Whether an `Accept-Encoding` names the encoding without `q=0`.
pub(crate) fn takes(accepted: &str, token: &str) -> bool {
    accepted.split(',').any(|offer| {
        let mut parts = offer.split(';').map(str::trim);
        let named = parts
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case(token));
        let refused = parts
            .filter_map(|parameter| parameter.strip_prefix("q="))
            .any(|weight| weight.parse::<f32>().is_ok_and(|weight| weight <= 0.0));
        named && !refused
    })
}

#[cfg(test)]
mod tests {
    use super::takes;

    #[test]
    fn an_encoding_is_taken_only_when_it_is_offered() {
        assert!(takes("gzip, deflate, br", "br"));
        assert!(takes("BR;q=0.5", "br"));
        assert!(!takes("gzip;q=0, br;q=0.0", "gzip"));
        assert!(!takes("", "br"));
        assert!(!takes("brotli", "br"));
    }
}
