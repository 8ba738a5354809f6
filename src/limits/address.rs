//! The client's address: that of the connection's peer, or, where that is a proxy that the operator trusts, what
//! it says about whom it asks for.

use std::convert::Infallible;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;

use super::forwarded;
pub(crate) use super::forwarded::{X_FORWARDED_FOR, X_REAL_IP};
use crate::config::{Cidr, ForwardedHeader, HttpConfig};

/// Bits of an IPv6 address that one household or server has to itself.
const V6_NETWORK_BITS: u32 = 64;

/// The client of a request; every request has one among its extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client {
    address: IpAddr,
}

/// One client, as limits count it: an IPv4 address, or the /64 of an IPv6 address, since whoever has one address
/// of a /64 has all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Network(IpAddr);

/// The proxies that are believed, and how they name a client.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    trusted: Vec<Cidr>,
    /// `None`: either of the two lists.
    header: Option<ForwardedHeader>,
}

impl Proxies {
    pub fn of(config: &HttpConfig) -> Proxies {
        Proxies {
            trusted: config.trusted_proxies.clone(),
            header: config.forwarded_header,
        }
    }

    pub fn trusts(&self, address: IpAddr) -> bool {
        let mut trusted = self.trusted.iter();
        trusted.any(|network| network.contains(address))
    }

    /// `hops` in the order in which they were appended; `None` is one that names no address. From the last one on, an
    /// address counts as long as the one that reported it is trusted.
    fn last_untrusted(&self, peer: IpAddr, hops: &[Option<IpAddr>]) -> IpAddr {
        let mut reporter = peer;
        for hop in hops.iter().rev() {
            let Some(hop) = hop.map(|hop| hop.to_canonical()) else {
                return reporter;
            };
            if !self.trusts(hop) {
                return hop;
            }
            reporter = hop;
        }
        reporter
    }
}

impl Client {
    pub fn new(address: IpAddr) -> Client {
        Client {
            address: address.to_canonical(),
        }
    }

    /// The client by the peer and the headers. A peer that is not trusted may say what it likes.
    ///
    /// `Forwarded` and `X-Forwarded-For` are lists to which each proxy appends the address that it was asked from. So
    /// the client is the last one that is not itself a trusted proxy; what stands before it was written by the client.
    /// A proxy commonly writes one of the two headers and passes the other on as it came. The operator may say which it
    /// writes, and the other is not read; else, where both are sent and name different clients, neither is believed.
    pub fn of(peer: IpAddr, headers: &HeaderMap, proxies: &Proxies) -> Client {
        let peer = Client::new(peer);
        if !proxies.trusts(peer.address) {
            return peer;
        }
        let last = |hops: Vec<Option<IpAddr>>| proxies.last_untrusted(peer.address, &hops);
        let (by_standard, by_custom) = match proxies.header {
            None => (forwarded::hops(headers), forwarded::x_hops(headers)),
            Some(ForwardedHeader::Forwarded) => (forwarded::hops(headers), None),
            Some(ForwardedHeader::XForwardedFor) => (None, forwarded::x_hops(headers)),
            Some(ForwardedHeader::XRealIp) => (None, forwarded::real(headers)),
        };
        match (by_standard.map(last), by_custom.map(last)) {
            (Some(one), Some(other)) if one != other => peer,
            (Some(found), _) | (None, Some(found)) => Client::new(found),
            (None, None) => peer,
        }
    }

    pub fn network(self) -> Network {
        match self.address {
            IpAddr::V4(address) => Network(IpAddr::V4(address)),
            IpAddr::V6(address) => {
                let mask = u128::MAX << (128 - V6_NETWORK_BITS);
                let network = Ipv6Addr::from_bits(address.to_bits() & mask);
                Network(IpAddr::V6(network))
            }
        }
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

impl Network {
    /// The bytes by which networks are told apart: 16 in all cases.
    pub fn bytes(self) -> [u8; 16] {
        match self.0 {
            IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
            IpAddr::V6(address) => address.octets(),
        }
    }
}

/// A request that did not come through the accept loop, as in tests of a router, is from nowhere.
impl<S: Send + Sync> FromRequestParts<S> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Client, Infallible> {
        let found = parts.extensions.get::<Client>().copied();
        Ok(found.unwrap_or(Client::new(Ipv6Addr::UNSPECIFIED.into())))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use axum::http::HeaderName;
    use proptest::prelude::*;

    use super::*;

    fn proxies(trusted: &[&str], header: Option<ForwardedHeader>) -> Proxies {
        let trusted = trusted.iter().map(|text| text.parse().unwrap());
        Proxies {
            trusted: trusted.collect(),
            header,
        }
    }

    fn client(peer: &str, trusted: &[&str], headers: &[(&'static str, &str)]) -> String {
        named(peer, &proxies(trusted, None), headers)
    }

    fn named(peer: &str, proxies: &Proxies, headers: &[(&'static str, &str)]) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), value.parse().unwrap());
        }
        Client::of(peer.parse().unwrap(), &map, proxies).to_string()
    }

    const XFF: &str = "x-forwarded-for";
    const PROXY: &[&str] = &["10.0.0.0/8"];

    #[test]
    fn a_stranger_is_not_believed() {
        let said = [(XFF, "192.0.2.1"), ("forwarded", "for=192.0.2.1")];
        assert_eq!(client("203.0.113.9", PROXY, &said), "203.0.113.9");
        assert_eq!(client("10.0.0.1", &[], &said), "10.0.0.1");
    }

    #[test]
    fn the_last_hop_that_is_not_trusted_is_the_client() {
        let of = |value| client("10.0.0.1", PROXY, &[(XFF, value)]);
        assert_eq!(of("192.0.2.1"), "192.0.2.1");
        assert_eq!(of("1.2.3.4, 192.0.2.1"), "192.0.2.1");
        assert_eq!(of("1.2.3.4, 192.0.2.1, 10.0.0.7"), "192.0.2.1");
        assert_eq!(of("10.0.0.9, 10.0.0.7"), "10.0.0.9");
        assert_eq!(of("::ffff:192.0.2.1"), "192.0.2.1");
        let lines = [(XFF, "1.2.3.4"), (XFF, "192.0.2.1")];
        assert_eq!(client("10.0.0.1", PROXY, &lines), "192.0.2.1");
        let forwarded = [(
            "forwarded",
            "for=1.2.3.4, for=\"[2001:db8::7]:4711\";proto=https",
        )];
        assert_eq!(client("10.0.0.1", PROXY, &forwarded), "2001:db8::7");
    }

    #[test]
    fn what_cannot_be_read_is_not_passed_over() {
        let of = |value| client("10.0.0.1", PROXY, &[(XFF, value)]);
        assert_eq!(of("192.0.2.1, unknown"), "10.0.0.1");
        assert_eq!(of("192.0.2.1, junk, 10.0.0.7"), "10.0.0.7");
        assert_eq!(of(""), "10.0.0.1");
    }

    /// nginx writes the one and passes the other on as the client sent it.
    #[test]
    fn two_headers_that_disagree_are_not_believed() {
        let both = |other| {
            client(
                "10.0.0.1",
                PROXY,
                &[(XFF, "192.0.2.1"), ("forwarded", other)],
            )
        };
        assert_eq!(both("for=1.2.3.4"), "10.0.0.1");
        assert_eq!(both("for=192.0.2.1"), "192.0.2.1");
    }

    #[test]
    fn faults_1_a_client_cannot_speak_through_a_header_that_the_proxy_does_not_write() {
        let all = [
            ("forwarded", "for=192.0.2.1"),
            (XFF, "192.0.2.2"),
            ("x-real-ip", "192.0.2.3"),
        ];
        for (header, address) in [
            (ForwardedHeader::Forwarded, "192.0.2.1"),
            (ForwardedHeader::XForwardedFor, "192.0.2.2"),
            (ForwardedHeader::XRealIp, "192.0.2.3"),
        ] {
            let proxies = proxies(PROXY, Some(header));
            assert_eq!(named("10.0.0.1", &proxies, &all), address);
            assert_eq!(named("203.0.113.9", &proxies, &all), "203.0.113.9");
            assert_eq!(named("10.0.0.1", &proxies, &[]), "10.0.0.1");
        }
        // One that is a list, or nonsense, is not one that the proxy wrote.
        let proxies = proxies(PROXY, Some(ForwardedHeader::XRealIp));
        for real in ["192.0.2.3, 192.0.2.4", "unknown", ""] {
            assert_eq!(
                named("10.0.0.1", &proxies, &[("x-real-ip", real)]),
                "10.0.0.1"
            );
        }
        let twice = [("x-real-ip", "192.0.2.3"), ("x-real-ip", "192.0.2.4")];
        assert_eq!(named("10.0.0.1", &proxies, &twice), "10.0.0.1");
    }

    #[test]
    fn one_client_has_a_whole_64() {
        let network = |text: &str| Client::new(text.parse().unwrap()).network();
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:2"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
    }

    proptest! {
        #[test]
        fn whatever_is_said_there_is_an_address(values in proptest::collection::vec("\\PC{0,60}", 0..4), standard: bool) {
            let name = if standard { "forwarded" } else { XFF };
            let mut headers = HeaderMap::new();
            for value in values {
                if let Ok(value) = axum::http::HeaderValue::from_str(&value) {
                    headers.append(HeaderName::from_static(name), value);
                }
            }
            let peer: IpAddr = "10.0.0.1".parse().unwrap();
            let _ = Client::of(peer, &headers, &proxies(PROXY, None));
            prop_assert_eq!(Client::of(peer, &headers, &Proxies::default()), Client::new(peer));
        }

        /// The last entry is the proxy's, with any text of the client's in front.
        #[test]
        fn what_a_client_says_of_itself_does_not_count(said in "[ -~]{0,60}", real: u32) {
            let real = std::net::Ipv4Addr::from_bits(real);
            let proxies = proxies(PROXY, None);
            prop_assume!(!proxies.trusts(real.into()));
            let mut headers = HeaderMap::new();
            let value = format!("{said}, {real}");
            headers.insert(HeaderName::from_static(XFF), value.parse().unwrap());
            let found = Client::of("10.0.0.1".parse().unwrap(), &headers, &proxies);
            prop_assert_eq!(found, Client::new(real.into()));
        }
    }
}
