//! TLS against certificates made for the test: good, of another authority, for another name, expired.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::server::{
    Act, Speak, converse, hasty, message, result, serve, serve_streams, settings, simple,
};
use crate::config::{Credentials, DcSettings, Security, TlsTrust};
use crate::directory::{Port, Session};
use crate::model::FailureKind;

type Issuer = CertifiedIssuer<'static, KeyPair>;

impl Speak for StreamOwned<ServerConnection, TcpStream> {
    fn reset(&mut self) {
        self.sock.reset();
    }
}

fn authority(name: &str) -> Issuer {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

struct Leaf {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

fn leaf(issuer: &Issuer, name: &str, purpose: ExtendedKeyUsagePurpose, expired: bool) -> Leaf {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.extended_key_usages = vec![purpose];
    if expired {
        params.not_before = rcgen::date_time_ymd(2019, 1, 1);
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    }
    let certificate = params.signed_by(&key, issuer).unwrap();
    Leaf { certificate, key }
}

fn server_config(leaf: &Leaf, clients: Option<&Issuer>) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(issuer) => {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(issuer.der().clone()).unwrap();
            let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(
                Arc::new(roots),
                provider,
            );
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let chain: Vec<CertificateDer<'static>> = vec![leaf.certificate.der().clone()];
    let key = PrivateKeyDer::try_from(leaf.key.serialize_der()).unwrap();
    Arc::new(builder.with_single_cert(chain, key).unwrap())
}

/// Takes every bind and nothing else.
fn greet(request: &super::server::Request) -> Act {
    match request.operation {
        0x60 => Act::Answer(message(request.id, &result(0x61, 0, ""), &[])),
        _ => Act::Silence,
    }
}

fn serve_ldaps(config: Arc<ServerConfig>) -> SocketAddr {
    serve_streams(move |stream| {
        let tls = ServerConnection::new(Arc::clone(&config)).unwrap();
        converse(&mut StreamOwned::new(tls, stream), &mut greet);
    })
}

/// `StartTLS`: takes the extended request in clear, agrees, and goes on in TLS.
fn serve_start_tls(config: Arc<ServerConfig>) -> SocketAddr {
    serve_streams(move |mut stream| {
        let mut request = [0; 512];
        let length = stream.read(&mut request).unwrap();
        assert!(length > 5);
        let answer = message(request[4], &result(0x78, 0, ""), &[]);
        stream.write_all(&answer).unwrap();
        let tls = ServerConnection::new(Arc::clone(&config)).unwrap();
        converse(&mut StreamOwned::new(tls, stream), &mut greet);
    })
}

struct Client {
    dc: DcSettings,
    folder: tempfile::TempDir,
}

/// Settings that trust this authority.
fn client(address: SocketAddr, trusted: &Issuer, security: Security) -> Client {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, trusted.pem()).unwrap();
    let mut dc = settings(address);
    dc.security = security;
    dc.trust = TlsTrust::File(file);
    dc.credentials = simple("x");
    Client { dc, folder }
}

const SERVER: ExtendedKeyUsagePurpose = ExtendedKeyUsagePurpose::ServerAuth;

async fn tls_failure(address: SocketAddr, trusted: &Issuer) -> String {
    let client = client(address, trusted, Security::Ldaps);
    let error = Session::open(&client.dc, Port::Directory)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), FailureKind::Tls, "{error}");
    error.to_string()
}

#[tokio::test]
async fn a_good_certificate_is_accepted() {
    let authority = authority("Test CA");
    let leaf = leaf(&authority, "dc1.lab.test", SERVER, false);
    let config = server_config(&leaf, None);
    for (address, security) in [
        (serve_ldaps(Arc::clone(&config)), Security::Ldaps),
        (serve_start_tls(config), Security::StartTls),
    ] {
        let client = client(address, &authority, security);
        Session::open(&client.dc, Port::Directory).await.unwrap();
    }
}

#[tokio::test]
async fn another_authority_is_an_unknown_issuer() {
    let leaf = leaf(&authority("Test CA"), "dc1.lab.test", SERVER, false);
    let address = serve_ldaps(server_config(&leaf, None));
    let told = tls_failure(address, &authority("Other CA")).await;
    assert!(told.contains("unknown issuer"), "{told}");
    let told = tls_failure(address, &authority("Test CA")).await;
    assert!(
        told.contains("bad signature"),
        "same name, other key: {told}"
    );
}

#[tokio::test]
async fn another_name_is_named() {
    let authority = authority("Test CA");
    let leaf = leaf(&authority, "other.lab.test", SERVER, false);
    let address = serve_ldaps(server_config(&leaf, None));
    let told = tls_failure(address, &authority).await;
    assert!(
        told.contains("not for dc1.lab.test but for other.lab.test"),
        "{told}"
    );
}

#[tokio::test]
async fn an_expired_or_misused_certificate_is_refused() {
    let authority = authority("Test CA");
    let old = leaf(&authority, "dc1.lab.test", SERVER, true);
    let told = tls_failure(serve_ldaps(server_config(&old, None)), &authority).await;
    assert!(told.contains("expired"), "{told}");
    let purpose = ExtendedKeyUsagePurpose::ClientAuth;
    let client = leaf(&authority, "dc1.lab.test", purpose, false);
    let told = tls_failure(serve_ldaps(server_config(&client, None)), &authority).await;
    assert!(told.contains("Server Authentication"), "{told}");
}

#[tokio::test]
async fn a_clear_port_is_no_tls() {
    let address = serve_streams(|mut stream| {
        let answer = message(0, &result(0x78, 2, "what?"), &[]);
        let _ = stream.write_all(&answer);
        let _ = stream.read(&mut [0; 2000]);
    });
    let told = tls_failure(address, &authority("Test CA")).await;
    assert!(told.contains("no TLS"), "{told}");
}

#[tokio::test]
async fn a_handshake_that_hangs_is_bounded() {
    let address = serve_streams(|mut stream| {
        let mut sink = Vec::new();
        let _ = stream.read_to_end(&mut sink);
    });
    let mut client = client(address, &authority("Test CA"), Security::Ldaps);
    client.dc.timeouts = hasty(address).timeouts;
    let error = Session::open(&client.dc, Port::Directory)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), FailureKind::Timeout, "{error}");
    assert!(error.to_string().contains("TLS handshake"), "{error}");
}

#[tokio::test]
async fn a_refused_start_tls_says_so() {
    let address = serve(|request| {
        Act::Answer(message(
            request.id,
            &result(0x78, 52, "no certificate"),
            &[],
        ))
    });
    let client = client(address, &authority("Test CA"), Security::StartTls);
    let error = Session::open(&client.dc, Port::Directory)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), FailureKind::Tls, "{error}");
    assert!(
        error.to_string().contains("StartTLS was refused"),
        "{error}"
    );
}

#[tokio::test]
async fn files_without_certificates_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("empty.pem");
    std::fs::write(&file, "nothing here\n").unwrap();
    let mut dc = settings(serve(|_| Act::Silence));
    dc.security = Security::Ldaps;
    dc.trust = TlsTrust::File(file);
    let error = Session::open(&dc, Port::Directory).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("empty.pem contains no certificate"),
        "{error}"
    );
    dc.trust = TlsTrust::File(folder.path().join("absent.pem"));
    let error = Session::open(&dc, Port::Directory).await.unwrap_err();
    assert!(
        error.to_string().contains("absent.pem cannot be read"),
        "{error}"
    );
}

#[tokio::test]
async fn a_client_certificate_is_shown_to_the_server() {
    let authority = authority("Test CA");
    let server = leaf(&authority, "dc1.lab.test", SERVER, false);
    let address = serve_ldaps(server_config(&server, Some(&authority)));
    let mut client = client(address, &authority, Security::Ldaps);
    let own = leaf(
        &authority,
        "highwater",
        ExtendedKeyUsagePurpose::ClientAuth,
        false,
    );
    let certificate = client.folder.path().join("own.pem");
    let key = client.folder.path().join("own.key");
    std::fs::write(&certificate, own.certificate.pem()).unwrap();
    std::fs::write(&key, own.key.serialize_pem()).unwrap();
    let error = Session::open(&client.dc, Port::Directory)
        .await
        .unwrap_err();
    assert!(
        matches!(error.kind(), FailureKind::Tls | FailureKind::Disconnected),
        "without one: {error}"
    );
    client.dc.credentials = Credentials::External { certificate, key };
    Session::open(&client.dc, Port::Directory).await.unwrap();
    client.dc.security = Security::Clear;
    let error = Session::open(&client.dc, Port::Directory)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), FailureKind::Credentials, "{error}");
}
