//! TLS made on the spot: one authority, and a certificate per DC in the DC's host name.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair,
};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio_rustls::TlsAcceptor;

use super::LabError;

/// The authority of one lab.
pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

fn broken(error: impl std::fmt::Display) -> LabError {
    LabError::Certificates(error.to_string())
}

impl Authority {
    /// A new one.
    pub(super) fn new() -> Result<Self, LabError> {
        let mut params = CertificateParams::new(Vec::new()).map_err(broken)?;
        params
            .distinguished_name
            .push(DnType::CommonName, "Simulated forest");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().map_err(broken)?;
        CertifiedIssuer::self_signed(params, key)
            .map(Self)
            .map_err(broken)
    }

    /// Its certificate as PEM.
    pub(super) fn pem(&self) -> String {
        self.0.pem()
    }

    /// What a server of this name accepts connections with.
    pub(super) fn acceptor(&self, host: &str) -> Result<TlsAcceptor, LabError> {
        let key = KeyPair::generate().map_err(broken)?;
        let mut params = CertificateParams::new(vec![host.to_owned()]).map_err(broken)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&key, &self.0).map_err(broken)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let secret = PrivateKeyDer::try_from(key.serialize_der()).map_err(broken)?;
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(broken)?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], secret)
            .map_err(broken)?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}
