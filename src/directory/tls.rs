//! The TLS configuration of a connection: which authorities are trusted, and our own certificate.
//!
//! # Decisions
//! - The crypto provider is named here (ring), so no process-wide default has to be installed.
//! - Roots are loaded by us: a system store with a bad certificate among good ones is usable, an empty one is
//!   an error that says so, where the LDAP library would go on with no roots at all.
//! - The files are read at every connect, so a renewed certificate counts at once; but connections whose files say
//!   the same share one configuration, since a store of roots for each of 1,000 DCs is most of their memory.
//! - No session is resumed: every connection verifies the DC's certificate with the roots of the moment.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{CertificateError, ClientConfig, RootCertStore};
use sha2::{Digest as _, Sha256};

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

/// The configurations that connections use, by the digest of what they were made from.
static IN_USE: Mutex<Vec<(Fingerprint, Weak<ClientConfig>)>> = Mutex::new(Vec::new());

type Fingerprint = [u8; 32];

/// What a configuration is made from.
struct Material {
    roots: Vec<CertificateDer<'static>>,
    client: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
}

impl Material {
    /// Reads the files, which are small and local.
    fn read(trust: &TlsTrust, credentials: &Credentials) -> Result<Self, TlsProblem> {
        let client = match credentials {
            Credentials::External { certificate, key } => {
                Some((certificates(certificate)?, private_key(key)?))
            }
            Credentials::Anonymous
            | Credentials::Simple { .. }
            | Credentials::NotRead { .. }
            | Credentials::Gssapi { .. } => None,
        };
        let roots = match trust {
            TlsTrust::File(path) => certificates(path)?,
            TlsTrust::System => system_roots()?,
        };
        Ok(Self { roots, client })
    }

    fn fingerprint(&self, trust: &TlsTrust) -> Fingerprint {
        let mut digest = Sha256::new();
        let mut add = |bytes: &[u8]| {
            digest.update(bytes.len().to_be_bytes());
            digest.update(bytes);
        };
        // A bad certificate is left out where the system has it, and an error in a file of ours.
        add(if *trust == TlsTrust::System {
            b"system"
        } else {
            b"file"
        });
        for root in &self.roots {
            add(root);
        }
        if let Some((chain, key)) = &self.client {
            add(b"client");
            for certificate in chain {
                add(certificate);
            }
            add(key.secret_der());
        }
        digest.finalize().into()
    }
}

/// The client configuration; reads the files it needs, and shares it with the connections for which they say the same.
pub(super) fn client_config(
    trust: &TlsTrust,
    credentials: &Credentials,
) -> Result<Arc<ClientConfig>, TlsProblem> {
    let material = Material::read(trust, credentials)?;
    let fingerprint = material.fingerprint(trust);
    let mut in_use = IN_USE.lock().unwrap_or_else(PoisonError::into_inner);
    in_use.retain(|(_, config)| config.strong_count() > 0);
    let same = in_use.iter().find(|(of, _)| *of == fingerprint);
    if let Some(config) = same.and_then(|(_, config)| config.upgrade()) {
        return Ok(config);
    }
    let config = Arc::new(built(material, trust, credentials)?);
    in_use.push((fingerprint, Arc::downgrade(&config)));
    Ok(config)
}

fn built(
    material: Material,
    trust: &TlsTrust,
    credentials: &Credentials,
) -> Result<ClientConfig, TlsProblem> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsProblem::new(error.to_string(), "this is a defect of the build"))?
        .with_root_certificates(roots(material.roots, trust)?);
    let mut config = match (material.client, credentials) {
        (Some((chain, own)), Credentials::External { certificate, key }) => {
            builder.with_client_auth_cert(chain, own).map_err(|error| {
                TlsProblem::new(
                    format!(
                        "{} and {} do not go together: {error}",
                        certificate.display(),
                        key.display()
                    ),
                    "`key` must be the private key of `certificate`",
                )
            })?
        }
        _ => builder.with_no_client_auth(),
    };
    config.resumption = Resumption::disabled();
    Ok(config)
}

fn roots(
    certificates: Vec<CertificateDer<'static>>,
    trust: &TlsTrust,
) -> Result<RootCertStore, TlsProblem> {
    let mut store = RootCertStore::empty();
    match trust {
        TlsTrust::File(path) => {
            for certificate in certificates {
                store.add(certificate).map_err(|error| {
                    TlsProblem::new(
                        format!("{} holds an unusable certificate: {error}", path.display()),
                        "give the certificates of your authority in PEM",
                    )
                })?;
            }
        }
        TlsTrust::System => {
            store.add_parsable_certificates(certificates);
            if store.is_empty() {
                return Err(no_system_roots("none is usable"));
            }
        }
    }
    Ok(store)
}

fn system_roots() -> Result<Vec<CertificateDer<'static>>, TlsProblem> {
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        let reasons: Vec<_> = found.errors.iter().map(ToString::to_string).collect();
        return Err(no_system_roots(&if reasons.is_empty() {
            "none found".to_owned()
        } else {
            reasons.join("; ")
        }));
    }
    Ok(found.certs)
}

fn no_system_roots(why: &str) -> TlsProblem {
    TlsProblem::new(
        format!("this system has no usable root certificates ({why})"),
        "install ca-certificates, or name the authority's PEM file",
    )
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

#[cfg(test)]
#[path = "tls_tests.rs"]
mod tests;
