//! The HTTP client for servers of others: of payment providers, and of issuers of tokens.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, Response};
use rustls::crypto::ring::default_provider;

use crate::tasks::BoxError;

/// A client that trusts the authorities that the machine trusts, and follows no redirection.
pub(crate) fn client(timeout: Duration) -> Result<Client, BoxError> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let client = Client::builder()
        .timeout(timeout)
        .redirect(reqwest::redirect::Policy::none())
        .tls_backend_preconfigured(tls);
    Ok(client.build()?)
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
