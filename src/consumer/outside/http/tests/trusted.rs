//! TLS: whom a request trusts.

use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::{PASSWORD, at};
use crate::config::{HttpGuard, TlsTrust};
use crate::consumer::outside::http::HttpSpot;
use crate::consumer::outside::spot::Field::Updated;
use crate::consumer::outside::spot::SpotError;

/// A server with a certificate of its own for `localhost`, which answers everything with one document.
async fn server() -> (u16, tempfile::TempDir) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = made.signing_key.serialize_der().try_into().unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                let mut asked = vec![0; 4096];
                drop(stream.read(&mut asked).await);
                let answer = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{\"usn\":1}";
                stream.write_all(answer.as_bytes()).await.unwrap();
                stream.shutdown().await.unwrap();
            }
        }
    });
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ca.pem"), made.cert.pem()).unwrap();
    (port, folder)
}

#[tokio::test]
async fn only_the_named_authority_is_trusted() {
    let (port, folder) = server().await;
    let (_, others) = server().await;
    let spot = |host: &str, trust: TlsTrust| {
        let base = format!("https://{host}:{port}/").parse().unwrap();
        let mut settings = at(base, &[(Updated, "/usn")]);
        settings.guard = HttpGuard::Compare;
        let mut server = (*settings.server).clone();
        server.trust = trust;
        settings.server = Arc::new(server);
        HttpSpot::new(settings)
    };
    let own = TlsTrust::File(folder.path().join("ca.pem"));
    let found = spot("localhost", own.clone()).read().await.unwrap();
    assert_eq!(found.fields[&Updated], "1");
    let other = TlsTrust::File(others.path().join("ca.pem"));
    let missing = TlsTrust::File(folder.path().join("nowhere.pem"));
    for (host, trust) in [
        ("localhost", other),
        ("127.0.0.1", own),
        ("localhost", missing),
    ] {
        let error = spot(host, trust).read().await.unwrap_err();
        assert!(matches!(error, SpotError::Tls { .. }), "{error}");
        assert!(error.to_string().contains("ca_file"), "{error}");
        assert!(!error.to_string().contains(PASSWORD), "{error}");
    }
}
