//! The TLS configuration of a connection: which authorities are trusted, and our own certificate.
//!
//! # Decisions
//! - The crypto provider is named here (ring), so no process-wide default has to be installed.
//! - Roots are loaded by us: a system store with a bad certificate among good ones is usable, an empty one is
//!   an error that says so, where the LDAP library would go on with no roots at all.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{CertificateError, ClientConfig, RootCertStore};

use super::error::DirectoryError;
use crate::config::{Credentials, TlsTrust};

/// What is wrong with our TLS files or with a handshake, and what to do about it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}: {cure}")]
pub struct TlsProblem {
    problem: String,
    cure: String,
}

impl TlsProblem {
    fn new(problem: impl Into<String>, cure: impl Into<String>) -> Self {
        Self {
            problem: problem.into(),
            cure: cure.into(),
        }
    }

    /// The error for this DC.
    pub(super) fn at(self, target: &str) -> DirectoryError {
        DirectoryError::Tls {
            target: target.to_owned(),
            problem: self.problem,
            cure: self.cure,
        }
    }
}

/// The configuration of a client that shows no certificate, for whatever is no DC; reads the files it needs.
pub fn trusting(trust: &TlsTrust) -> Result<ClientConfig, TlsProblem> {
    let config = client_config(trust, &Credentials::Anonymous)?;
    Ok(Arc::unwrap_or_clone(config))
}

/// The client configuration; reads the files it needs, which are small and local.
pub(super) fn client_config(
    trust: &TlsTrust,
    credentials: &Credentials,
) -> Result<Arc<ClientConfig>, TlsProblem> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsProblem::new(error.to_string(), "this is a defect of the build"))?
        .with_root_certificates(roots(trust)?);
    let config = match credentials {
        Credentials::External { certificate, key } => builder
            .with_client_auth_cert(certificates(certificate)?, private_key(key)?)
            .map_err(|error| {
                TlsProblem::new(
                    format!(
                        "{} and {} do not go together: {error}",
                        certificate.display(),
                        key.display()
                    ),
                    "`key` must be the private key of `certificate`",
                )
            })?,
        Credentials::Anonymous
        | Credentials::Simple { .. }
        | Credentials::NotRead { .. }
        | Credentials::Gssapi { .. } => builder.with_no_client_auth(),
    };
    Ok(Arc::new(config))
}

fn roots(trust: &TlsTrust) -> Result<RootCertStore, TlsProblem> {
    let mut store = RootCertStore::empty();
    match trust {
        TlsTrust::File(path) => {
            for certificate in certificates(path)? {
                store.add(certificate).map_err(|error| {
                    TlsProblem::new(
                        format!("{} holds an unusable certificate: {error}", path.display()),
                        "give the certificates of your authority in PEM",
                    )
                })?;
            }
        }
        TlsTrust::System => {
            let found = rustls_native_certs::load_native_certs();
            store.add_parsable_certificates(found.certs);
            if store.is_empty() {
                let reasons: Vec<_> = found.errors.iter().map(ToString::to_string).collect();
                return Err(TlsProblem::new(
                    format!(
                        "this system has no usable root certificates ({})",
                        if reasons.is_empty() {
                            "none found".to_owned()
                        } else {
                            reasons.join("; ")
                        }
                    ),
                    "install ca-certificates, or name the authority's PEM file",
                ));
            }
        }
    }
    Ok(store)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsProblem> {
    let unreadable = |error: rustls::pki_types::pem::Error| {
        TlsProblem::new(
            format!("{} cannot be read: {error}", path.display()),
            "give a readable PEM file",
        )
    };
    let found: Vec<_> = CertificateDer::pem_file_iter(path)
        .map_err(unreadable)?
        .collect::<Result<_, _>>()
        .map_err(unreadable)?;
    if found.is_empty() {
        return Err(TlsProblem::new(
            format!("{} contains no certificate", path.display()),
            "give a PEM file with `-----BEGIN CERTIFICATE-----`",
        ));
    }
    Ok(found)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsProblem> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| {
        TlsProblem::new(
            format!("{} holds no usable private key: {error}", path.display()),
            "give an unencrypted PEM key (PKCS#8, PKCS#1 or SEC1) that this user may read",
        )
    })
}

/// What a failed handshake means.
pub(super) fn handshake_problem(error: &rustls::Error) -> TlsProblem {
    use rustls::Error as E;
    match error {
        E::InvalidCertificate(reason) => certificate_problem(reason),
        E::AlertReceived(alert) => TlsProblem::new(
            format!("the DC ended the handshake: {alert:?}"),
            "it may want a client certificate, or speak only ciphers this program does not have (RSA key exchange, TLS 1.1)",
        ),
        E::InvalidMessage(_) | E::InappropriateMessage { .. } => TlsProblem::new(
            format!("the answer is no TLS ({error})"),
            "is this the LDAPS port? On 389 use StartTLS",
        ),
        E::PeerIncompatible(_) | E::PeerMisbehaved(_) => TlsProblem::new(
            error.to_string(),
            "the DC must speak TLS 1.2 or 1.3 with forward secrecy",
        ),
        other => TlsProblem::new(other.to_string(), "see the DC's event log for its side"),
    }
}

fn certificate_problem(reason: &CertificateError) -> TlsProblem {
    match reason {
        CertificateError::UnknownIssuer => TlsProblem::new(
            "unknown issuer: no trusted authority has issued the DC's certificate",
            "set `ca_file` to the PEM file of the authority that has",
        ),
        CertificateError::BadSignature => TlsProblem::new(
            "the certificate is not signed by the trusted authority of that name (bad signature): a renewed or another authority",
            "set `ca_file` to the PEM file of the authority that has issued it",
        ),
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => TlsProblem::new(
            format!(
                "the certificate is not for {} but for {}",
                expected.to_str(),
                if presented.is_empty() {
                    "no name at all (subjectAltName is missing)".to_owned()
                } else {
                    plain_names(presented)
                }
            ),
            "set `host` to a name in the certificate, and `address` to where to connect",
        ),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => TlsProblem::new(
            reason.to_string(),
            "renew the DC's certificate; if it is valid, set this machine's clock",
        ),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            TlsProblem::new(
                reason.to_string(),
                "set this machine's clock, or the authority's",
            )
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            TlsProblem::new(
                reason.to_string(),
                "the DC's certificate needs the purpose Server Authentication",
            )
        }
        other => TlsProblem::new(
            format!("the DC's certificate is refused: {other}"),
            "replace the DC's certificate",
        ),
    }
}

/// The names in a certificate as they stand in it: rustls shows them as `DnsName("dc1")`.
fn plain_names(presented: &[String]) -> String {
    let plain: Vec<&str> = presented
        .iter()
        .map(|name| {
            name.split_once('(')
                .and_then(|(_, inner)| inner.strip_suffix(')'))
                .unwrap_or(name)
                .trim_matches('"')
        })
        .collect();
    plain.join(", ")
}
