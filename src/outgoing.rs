//! The HTTP client for servers of others: of payment providers, of issuers of tokens, and of push services, whose addresses
//! anybody may name.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, ClientBuilder, Response};
use rustls::crypto::ring::default_provider;

use crate::tasks::BoxError;

/// Hosts that are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hosts {
    /// Those of the open internet.
    Public,
    /// And this machine: for demos and tests.
    PublicAndOwn,
}

/// A client that trusts the authorities that the machine trusts, and follows no redirection.
pub(crate) fn client(timeout: Duration) -> Result<Client, BoxError> {
    Ok(builder(timeout)?.build()?)
}

/// The same for addresses that others name: a name that leads to another place than `hosts` allows leads nowhere, whatever
/// it led to when it was first looked at. Addresses without a name are the caller's to judge.
pub(crate) fn client_for(hosts: Hosts, timeout: Duration) -> Result<Client, BoxError> {
    let guarded = builder(timeout)?
        .no_proxy()
        .dns_resolver(Arc::new(Guarded(hosts)));
    Ok(guarded.build()?)
}

fn builder(timeout: Duration) -> Result<ClientBuilder, BoxError> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Client::builder()
        .timeout(timeout)
        .redirect(reqwest::redirect::Policy::none())
        .tls_backend_preconfigured(tls))
}

/// Looks names up, and drops addresses that are not to be asked.
struct Guarded(Hosts);

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let hosts = self.0;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let is_allowed = |at: &SocketAddr| {
                let is_own = hosts == Hosts::PublicAndOwn && at.ip().is_loopback();
                is_own || is_public(at.ip())
            };
            let allowed: Vec<SocketAddr> = found.filter(is_allowed).collect();
            match allowed.is_empty() {
                true => Err(BoxError::from("the name leads to no public address")),
                false => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}

/// Whether an address is one of the open internet: none of the registries of special purpose (RFC 6890), whatever form it is
/// written in.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = matches!(
        (a, b, c),
        (0 | 10 | 127 | 240..=255, _, _)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 168, _)
            | (192, 0, 0 | 2)
            | (192, 88, 99)
            | (198, 18 | 19, _)
            | (198, 51, 100)
            | (203, 0, 113)
    );
    !is_special && !address.is_multicast()
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(inner) = address.to_ipv4_mapped() {
        return is_public_v4(inner);
    }
    let [a, b, c, ..] = address.segments();
    let low = (u128::from(address) & u128::from(u32::MAX)) as u32;
    match (a, b) {
        // A translator's addresses have an IPv4 one in them.
        (0x64, 0xff9b) if c == 0 => is_public_v4(Ipv4Addr::from(low)),
        (0x2002, _) => false,
        (0x2001, 0..=0x1ff | 0xdb8) => false,
        (0x3fff, 0..=0xfff) => false,
        // The rest of what is given out.
        (0x2000..=0x3fff, _) => true,
        _ => false,
    }
}

/// The body, unless it is longer than `bytes_max`.
pub(crate) async fn body(mut answer: Response, bytes_max: usize) -> Result<Vec<u8>, BoxError> {
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await? {
        if body.len() + piece.len() > bytes_max {
            return Err(format!("the answer has more than {bytes_max} bytes").into());
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn special_addresses_are_not_public() {
        for (address, public) in [
            ("8.8.8.8", true),
            ("172.15.0.1", true),
            ("172.16.0.1", false),
            ("10.0.0.1", false),
            ("100.64.0.1", false),
            ("127.8.8.8", false),
            ("169.254.169.254", false),
            ("192.168.1.1", false),
            ("198.18.0.1", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("0.0.0.0", false),
            ("2606:4700::1111", true),
            ("::", false),
            ("::1", false),
            ("::127.0.0.1", false),
            ("::ffff:8.8.8.8", true),
            ("::ffff:10.0.0.1", false),
            ("64:ff9b::808:808", true),
            ("64:ff9b::a00:1", false),
            ("2002:a00:1::", false),
            ("fc00::1", false),
            ("fe80::1", false),
            ("ff02::1", false),
            ("2001:db8::1", false),
        ] {
            assert_eq!(is_public(address.parse().unwrap()), public, "{address}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_home_leads_nowhere() {
        let _ = default_provider().install_default();
        let timeout = Duration::from_secs(5);
        let asked = |hosts| async move {
            let name = Guarded(hosts).resolve("localhost".parse().unwrap()).await;
            name.map(Iterator::count)
        };
        assert!(asked(Hosts::Public).await.is_err());
        assert!(asked(Hosts::PublicAndOwn).await.unwrap() > 0);
        assert!(client_for(Hosts::Public, timeout).is_ok());
    }
}
