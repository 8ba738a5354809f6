//! Reads `Forwarded` (RFC 7239), `X-Forwarded-For` and `X-Real-IP`: the addresses of the hops, in the order in which they were
//! appended. A hop that names no address (`unknown`, `_hidden`, or nonsense) is `None`.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, header};

pub(crate) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
pub(crate) const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
/// Hops that are looked at, counted from the last.
const HOPS_MAX: usize = 32;

/// Of `Forwarded`; `None` without that header.
pub(super) fn hops(headers: &HeaderMap) -> Option<Vec<Option<IpAddr>>> {
    read(headers, &header::FORWARDED, element)
}

/// One hop, as in `for=192.0.2.1;proto=https`. Every pair has to be well formed: with a quote that it leaves open, a
/// client could make what a proxy appends part of a value of its own.
fn element(text: &str) -> Option<IpAddr> {
    let mut address = None;
    for pair in split_unquoted(text, ';') {
        let (name, value) = pair.split_once('=')?;
        let (name, value) = (name.trim(), value_of(value.trim())?);
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        if name.eq_ignore_ascii_case("for") {
            address = address.or(Some(value));
        }
    }
    node(&address?)
}

/// Of `X-Forwarded-For`; `None` without that header.
pub(super) fn x_hops(headers: &HeaderMap) -> Option<Vec<Option<IpAddr>>> {
    read(headers, &X_FORWARDED_FOR, |element| node(element.trim()))
}

/// Of `X-Real-IP`, as a list of one; `None` without that header. A second line is not from a proxy that replaces it.
pub(super) fn real(headers: &HeaderMap) -> Option<Vec<Option<IpAddr>>> {
    let mut lines = headers.get_all(X_REAL_IP).iter();
    let value = lines.next()?.to_str().ok();
    let address = value.filter(|_| lines.next().is_none());
    Some(vec![address.and_then(|text| node(text.trim()))])
}

/// Several lines are one list.
fn read(
    headers: &HeaderMap,
    name: &HeaderName,
    hop: impl Fn(&str) -> Option<IpAddr>,
) -> Option<Vec<Option<IpAddr>>> {
    let mut hops: Vec<Option<IpAddr>> = Vec::new();
    for value in headers.get_all(name) {
        match value.to_str() {
            Ok(text) => {
                let elements = match *name == X_FORWARDED_FOR {
                    // It has no quotes, so a stray one hides nothing.
                    true => text.split(',').collect(),
                    false => split_unquoted(text, ','),
                };
                hops.extend(elements.into_iter().map(&hop));
            }
            Err(_) => hops.push(None),
        }
    }
    let first = hops.len().saturating_sub(HOPS_MAX);
    headers.contains_key(name).then(|| hops.split_off(first))
}

/// Splits at `separator`, but not inside of a quoted string. A quote that is never closed is taken for a plain
/// character, else a client could swallow with it what a proxy appends.
fn split_unquoted(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut at) = (0, 0);
    let bytes = text.as_bytes();
    while let Some(&byte) = bytes.get(at) {
        if byte == b'"' {
            at = end_of_quoted(bytes, at).unwrap_or(at);
        } else if char::from(byte) == separator {
            parts.push(&text[start..at]);
            start = at + 1;
        }
        at += 1;
    }
    parts.push(&text[start..]);
    parts
}

/// The place of the quote that closes the one at `start`.
fn end_of_quoted(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// A token, or the content of a quoted string.
fn value_of(value: &str) -> Option<String> {
    if !value.starts_with('"') {
        return (!value.contains('"')).then(|| value.to_owned());
    }
    let end = end_of_quoted(value.as_bytes(), 0)?;
    let inner = value.get(1..end).filter(|_| end + 1 == value.len())?;
    let mut text = String::with_capacity(inner.len());
    let mut signs = inner.chars();
    while let Some(sign) = signs.next() {
        match sign {
            '\\' => text.push(signs.next()?),
            sign => text.push(sign),
        }
    }
    Some(text)
}

/// `192.0.2.1`, `192.0.2.1:80`, `[2001:db8::1]`, `[2001:db8::1]:80`, and the bare IPv6 address of `X-Forwarded-For`.
fn node(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address);
    }
    let bracketed = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    if let Some(address) = bracketed {
        return Some(address.parse::<Ipv6Addr>().ok()?.into());
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some(address.ip());
    }
    // A port may be obfuscated, as in `192.0.2.1:_secret`.
    let (address, port) = text.rsplit_once(':')?;
    let is_hidden = port
        .strip_prefix('_')?
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
    let address = address
        .strip_prefix('[')
        .map_or(address, |rest| rest.trim_end_matches(']'));
    address.parse().ok().filter(|_| is_hidden)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn read_all(value: &str) -> Vec<Option<String>> {
        let mut headers = HeaderMap::new();
        headers.insert(header::FORWARDED, value.parse().unwrap());
        let hops = hops(&headers).unwrap();
        hops.iter()
            .map(|hop| hop.map(|hop| hop.to_string()))
            .collect()
    }

    fn one(value: &str) -> Option<String> {
        let mut all = read_all(value);
        assert_eq!(all.len(), 1, "{value}");
        all.remove(0)
    }

    #[test]
    fn the_forms_of_the_rfc_are_read() {
        let is = |value: &str, address: &str| {
            assert_eq!(one(value).as_deref(), Some(address), "{value}");
        };
        is("for=192.0.2.43", "192.0.2.43");
        is("For=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17");
        is("for=\"[2001:db8::1]\"", "2001:db8::1");
        is("for=\"192.0.2.43:47011\"", "192.0.2.43");
        is("for=\"192.0.2.43:_port\"", "192.0.2.43");
        is("proto=http; FOR=192.0.2.60 ;by=203.0.113.43", "192.0.2.60");
        is("by=\"a,b;for=1.2.3.4\";for=192.0.2.60", "192.0.2.60");
        is("for=\"192.0.2.\\43\"", "192.0.2.43");
        assert_eq!(
            read_all("for=192.0.2.43, for=198.51.100.17"),
            [Some("192.0.2.43".into()), Some("198.51.100.17".into())]
        );
    }

    #[test]
    fn what_names_no_address_is_none() {
        for value in [
            "for=unknown",
            "for=_gazonk",
            "for=",
            "for=\"",
            "for=\"192.0.2.1",
            "by=192.0.2.1",
            "192.0.2.1",
            "for=[2001:db8::1",
            "for=192.0.2.1:99999",
            "",
        ] {
            assert_eq!(one(value), None, "{value}");
        }
    }

    #[test]
    fn an_open_quote_swallows_nothing() {
        let hops = read_all("for=\"1.2.3.4, for=192.0.2.1");
        assert_eq!(hops.last().unwrap().as_deref(), Some("192.0.2.1"));
    }

    /// The first part is a client's, the second what a proxy appends.
    #[test]
    fn a_client_cannot_quote_what_a_proxy_appends() {
        for said in [
            "for=1.2.3.4;x=\"",
            "for=1.2.3.4;x=\"\\",
            "for=1.2.3.4;\"",
            "for=\"1.2.3.4",
        ] {
            for appended in [
                "for=192.0.2.1",
                "for=\"192.0.2.1:80\"",
                "for=192.0.2.1;by=\"[::1]:80\"",
            ] {
                let hops = read_all(&format!("{said}, {appended}"));
                let last = hops.last().unwrap().as_deref();
                assert!(
                    last.is_none_or(|last| last == "192.0.2.1"),
                    "{said}, {appended}"
                );
            }
        }
    }

    #[test]
    fn a_long_list_is_read_from_its_end() {
        let long = vec!["for=1.2.3.4"; 500].join(",") + ",for=192.0.2.1";
        let hops = read_all(&long);
        assert_eq!(hops.len(), HOPS_MAX);
        assert_eq!(hops.last().unwrap().as_deref(), Some("192.0.2.1"));
    }
}
