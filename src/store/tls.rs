//! TLS to the database, by libpq's `sslmode` and `sslrootcert`.
//!
//! | `sslmode` | encrypted | the server's certificate |
//! |---|---|---|
//! | `disable` | no | |
//! | `prefer` (also without any) | if the server can | anyone's |
//! | `require` | yes | anyone's; with a `sslrootcert` as `verify-ca` |
//! | `verify-ca` | yes | signed by `sslrootcert` |
//! | `verify-full` | yes | signed by `sslrootcert`, for this host |
//!
//! `sslrootcert` is a PEM file with one authority or more; `system`, or no setting, means those that the machine trusts.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use tokio_postgres_rustls::MakeRustlsConnect;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Trust {
    Plain,
    Prefer,
    Anyone,
    SignedBy(Authorities),
    Verified(Authorities),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Authorities {
    Machine,
    File(PathBuf),
}

impl Trust {
    pub(super) fn read(mode: Option<&str>, roots: Option<&str>) -> Result<Trust, String> {
        let authorities = match roots {
            None | Some("" | "system") => Authorities::Machine,
            Some(path) => Authorities::File(path.into()),
        };
        let system = roots == Some("system");
        match mode {
            None if system => Ok(Trust::Verified(authorities)),
            Some("verify-full") => Ok(Trust::Verified(authorities)),
            // Without a check of the host name, any server with a certificate of a public authority would pass.
            Some(mode) if system => Err(format!(
                "sslrootcert=system wants sslmode=verify-full, not {mode}"
            )),
            Some("disable") => Ok(Trust::Plain),
            None | Some("prefer") => Ok(Trust::Prefer),
            Some("require") if authorities == Authorities::Machine => Ok(Trust::Anyone),
            Some("require" | "verify-ca") => Ok(Trust::SignedBy(authorities)),
            Some(other) => Err(format!(
                "sslmode is disable, prefer, require, verify-ca or verify-full, not {other}"
            )),
        }
    }
}

pub(super) fn connector(trust: &Trust) -> Result<MakeRustlsConnect, String> {
    let provider = Arc::new(ring::default_provider());
    let verifier = match trust {
        Trust::Plain | Trust::Prefer | Trust::Anyone => Verifier::new(None, false, &provider)?,
        Trust::SignedBy(authorities) => Verifier::new(Some(authorities), false, &provider)?,
        Trust::Verified(authorities) => Verifier::new(Some(authorities), true, &provider)?,
    };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    // Postgres 17 and newer require it where TLS begins at once (`sslnegotiation=direct`).
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    Ok(MakeRustlsConnect::new(config))
}

/// Whether the connection failed in TLS, before Postgres answered.
pub(super) fn is_failure(error: &tokio_postgres::Error) -> bool {
    // tokio-postgres does not export its kinds of errors.
    error
        .to_string()
        .starts_with("error performing TLS handshake")
}

/// Advice for the operator.
pub(super) fn advice(error: &tokio_postgres::Error) -> &'static str {
    let cause = error.source();
    if cause.is_some_and(|cause| cause.to_string().contains("does not support TLS")) {
        return "the server offers no TLS: turn it on there (ssl = on), or say sslmode=prefer or \
                sslmode=disable in DATABASE_URL, if nobody else can listen on the way";
    }
    match certificate_fault(cause) {
        Some(CertificateError::UnknownIssuer) => {
            "no trusted authority signed the server's certificate: name the file with the right \
             one by sslrootcert=… in DATABASE_URL"
        }
        Some(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => {
            "the server's certificate is for another host (its subjectAltName counts): use that \
             name in DATABASE_URL, or sslmode=verify-ca, which does not look at it"
        }
        Some(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            "the server's certificate has expired: renew it there"
        }
        _ => "TLS with the server failed",
    }
}

fn certificate_fault<'a>(cause: Option<&'a (dyn Error + 'static)>) -> Option<&'a CertificateError> {
    let cause = cause?.downcast_ref::<std::io::Error>()?.get_ref()?;
    match cause.downcast_ref::<rustls::Error>()? {
        rustls::Error::InvalidCertificate(fault) => Some(fault),
        _ => None,
    }
}

/// Checks certificates by libpq's levels; rustls alone has only the strictest.
#[derive(Debug)]
struct Verifier {
    /// `None`: any certificate passes.
    chain: Option<Arc<WebPkiServerVerifier>>,
    /// The trusted certificates, some of which may be the server's own.
    roots: Vec<CertificateDer<'static>>,
    by_name: bool,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    fn new(
        authorities: Option<&Authorities>,
        by_name: bool,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Verifier, String> {
        let roots = match authorities {
            None => Vec::new(),
            Some(Authorities::Machine) => of_the_machine()?,
            Some(Authorities::File(path)) => of_file(path)?,
        };
        let chain = authorities.map(|_| {
            let mut store = RootCertStore::empty();
            // The machine's list may contain certificates that cannot be parsed.
            store.add_parsable_certificates(roots.iter().cloned());
            WebPkiServerVerifier::builder_with_provider(store.into(), provider.clone()).build()
        });
        Ok(Verifier {
            chain: chain
                .transpose()
                .map_err(|error| format!("sslrootcert: {error}"))?,
            roots,
            by_name,
            provider: provider.clone(),
        })
    }

    /// Whether it is a trusted self-signed certificate, as `openssl req -x509` makes them. webpki refuses such a certificate
    /// for a server, but only after it has checked its dates.
    fn is_root_itself(&self, certificate: &CertificateDer<'_>, fault: &rustls::Error) -> bool {
        let rustls::Error::InvalidCertificate(CertificateError::Other(other)) = fault else {
            return false;
        };
        other.to_string() == "CaUsedAsEndEntity" && self.roots.contains(certificate)
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(chain) = &self.chain else {
            return Ok(ServerCertVerified::assertion());
        };
        let checked =
            chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match checked {
            Err(fault) if self.is_root_itself(end_entity, &fault) => {
                if self.by_name {
                    let certificate = rustls::server::ParsedCertificate::try_from(end_entity)?;
                    rustls::client::verify_server_name(&certificate, server_name)?;
                }
                Ok(ServerCertVerified::assertion())
            }
            // The host name is checked last.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.by_name => Ok(ServerCertVerified::assertion()),
            outcome => outcome,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

fn of_the_machine() -> Result<Vec<CertificateDer<'static>>, String> {
    let found = rustls_native_certs::load_native_certs();
    match found.certs.is_empty() {
        false => Ok(found.certs),
        true => Err(
            "this machine trusts no authority (Debian has them in ca-certificates): name a file \
             with one by sslrootcert=…"
                .to_owned(),
        ),
    }
}

fn of_file(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let cannot = |error| format!("sslrootcert {} cannot be read: {error}", path.display());
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(cannot)?;
    match certificates.is_empty() {
        false => Ok(certificates),
        true => Err(format!("sslrootcert {} has no certificate", path.display())),
    }
}
