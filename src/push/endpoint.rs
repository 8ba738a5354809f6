//! Addresses of push services. Whoever subscribes names one, so nothing is asked that only this machine can reach.

use std::net::IpAddr;

use reqwest::Url;

use crate::outgoing::{Hosts, is_public};

/// Why an address is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndpointFault {
    NotAUrl,
    NotHttps,
    /// It is of a private network or this machine, or it is no name of the internet.
    PrivateHost,
}

impl EndpointFault {
    /// As a field's error is named.
    pub fn code(self) -> &'static str {
        match self {
            EndpointFault::NotAUrl => "NOT_A_URL",
            EndpointFault::NotHttps => "NOT_HTTPS",
            EndpointFault::PrivateHost => "PRIVATE_HOST",
        }
    }
}

/// Reads the address of a browser at its push service: `https`, or on this machine, where it is asked, `http` as well. What a name leads to is judged when it is looked up
/// (`outgoing::client_for`).
pub fn read(endpoint: &str, hosts: Hosts) -> Result<Url, EndpointFault> {
    let url = Url::parse(endpoint).map_err(|_| EndpointFault::NotAUrl)?;
    let has_password = !url.username().is_empty() || url.password().is_some();
    if !matches!(url.scheme(), "http" | "https") || has_password || url.fragment().is_some() {
        return Err(EndpointFault::NotAUrl);
    }
    let host = url.host_str().ok_or(EndpointFault::NotAUrl)?;
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let address: Option<IpAddr> = address.parse().ok();
    let is_own = match address {
        Some(address) => address.is_loopback(),
        None => host == "localhost",
    };
    if is_own && hosts == Hosts::PublicAndOwn {
        return Ok(url);
    }
    if url.scheme() != "https" {
        return Err(EndpointFault::NotHttps);
    }
    let is_open = match address {
        Some(address) => is_public(address),
        None => is_public_name(host),
    };
    is_open.then_some(url).ok_or(EndpointFault::PrivateHost)
}

/// Names of one word, and those that are kept for networks of one's own (RFC 6761, RFC 6762, RFC 8375, and `.internal`).
fn is_public_name(host: &str) -> bool {
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    let own = [
        "localhost",
        "local",
        "internal",
        "home.arpa",
        "test",
        "invalid",
    ];
    name.contains('.')
        && own.iter().all(|end| {
            name.strip_suffix(end)
                .is_none_or(|rest| !rest.ends_with('.'))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_open_internet_is_asked() {
        for endpoint in [
            "https://fcm.googleapis.com/fcm/send/abc:def",
            "https://updates.push.services.mozilla.com/wpush/v2/gAAA",
            "https://web.push.apple.com/QGu",
            "https://[2606:4700::1111]:8443/up",
        ] {
            assert!(read(endpoint, Hosts::Public).is_ok(), "{endpoint}");
        }
        for (endpoint, fault) in [
            ("fcm.googleapis.com/x", EndpointFault::NotAUrl),
            ("ftp://fcm.googleapis.com/x", EndpointFault::NotAUrl),
            ("https://a:b@fcm.googleapis.com/x", EndpointFault::NotAUrl),
            ("https://fcm.googleapis.com/x#y", EndpointFault::NotAUrl),
            ("http://fcm.googleapis.com/x", EndpointFault::NotHttps),
            ("http://127.0.0.1/x", EndpointFault::NotHttps),
            ("https://127.0.0.1/x", EndpointFault::PrivateHost),
            ("https://2130706433/x", EndpointFault::PrivateHost),
            ("https://0x7f.1/x", EndpointFault::PrivateHost),
            ("https://[::1]/x", EndpointFault::PrivateHost),
            ("https://[::ffff:10.0.0.1]/x", EndpointFault::PrivateHost),
            ("https://10.1.2.3/x", EndpointFault::PrivateHost),
            ("https://169.254.169.254/latest", EndpointFault::PrivateHost),
            ("https://localhost/x", EndpointFault::PrivateHost),
            ("https://LOCALHOST./x", EndpointFault::PrivateHost),
            ("https://db/x", EndpointFault::PrivateHost),
            (
                "https://metadata.google.internal/x",
                EndpointFault::PrivateHost,
            ),
            ("https://printer.local/x", EndpointFault::PrivateHost),
        ] {
            assert_eq!(read(endpoint, Hosts::Public), Err(fault), "{endpoint}");
        }
    }

    #[test]
    fn in_development_this_machine_is_asked_as_well_and_no_other() {
        for endpoint in [
            "http://127.0.0.1:9/x",
            "http://localhost:9/x",
            "http://[::1]:9/x",
        ] {
            assert!(read(endpoint, Hosts::PublicAndOwn).is_ok(), "{endpoint}");
        }
        for endpoint in [
            "http://10.0.0.1/x",
            "https://192.168.0.1/x",
            "http://push.example.org/x",
        ] {
            assert!(read(endpoint, Hosts::PublicAndOwn).is_err(), "{endpoint}");
        }
    }
}
