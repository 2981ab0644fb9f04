//! A mail server (RFC 5321) on loopback, with STARTTLS, login, and a fault at any step.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{
    AsyncBufRead, AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// What goes wrong, in every connection, until it is set otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    /// This answer in place of the greeting.
    Greet(&'static str),
    /// This answer to RCPT.
    Rcpt(&'static str),
    /// This answer to the end of the mail, which is not kept.
    Data(&'static str),
    /// The mail is kept, and the connection cut before the answer.
    CutAfterData,
    /// The mail is kept, and the answer waits until another fault, or none, is set.
    Hold,
    /// The mail is taken, and the good-bye never answered.
    HangAtQuit,
    /// The mail is refused for good, and the good-bye never answered.
    RefuseAndHang,
    /// No answer to anything.
    Silent,
}

#[derive(Debug, Clone)]
pub(super) struct Mail {
    pub(super) to: String,
    pub(super) text: String,
    pub(super) encrypted: bool,
    pub(super) user: Option<String>,
}

impl Mail {
    pub(super) fn header(&self, name: &str) -> Option<String> {
        let (head, _) = self.text.split_once("\r\n\r\n")?;
        // Folded lines begin with a blank (RFC 5322 2.2.3).
        let head = head.replace("\r\n ", " ").replace("\r\n\t", " ");
        let prefix = format!("{}: ", name.to_ascii_lowercase());
        let found = head
            .split("\r\n")
            .find(|line| line.to_ascii_lowercase().starts_with(&prefix))?;
        Some(found[prefix.len()..].to_owned())
    }
}

#[derive(Debug, Default)]
struct Kept {
    mails: Mutex<Vec<Mail>>,
    fault: Mutex<Option<Fault>>,
}

/// The server; `tls` is what it accepts with, `offers` whether it says so.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) port: u16,
    kept: Arc<Kept>,
}

/// How a server protects what it is told.
#[derive(Clone)]
pub(super) enum Protection {
    Clear,
    StartTls(TlsAcceptor),
    Tls(TlsAcceptor),
}

impl Server {
    pub(super) async fn start(protection: Protection) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            port: listener.local_addr().unwrap().port(),
            kept: Arc::default(),
        };
        let kept = Arc::clone(&server.kept);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(connection(stream, protection.clone(), Arc::clone(&kept)));
            }
        });
        server
    }

    pub(super) fn mails(&self) -> Vec<Mail> {
        self.kept.mails.lock().unwrap().clone()
    }

    pub(super) fn set(&self, fault: Fault) {
        *self.kept.fault.lock().unwrap() = Some(fault);
    }
}

/// An authority whose PEM is written to `ca`, and a certificate for `host`.
pub(super) fn acceptor(host: &str, ca: &Path) -> TlsAcceptor {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    std::fs::write(ca, issuer.pem()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![host.to_owned()]).unwrap();
    let certificate = certificate.signed_by(&key, &issuer).unwrap();
    let secret = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config =
        ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], secret)
            .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// How a conversation over one stream ended.
enum Ended {
    Closed,
    StartTls,
}

async fn connection(stream: TcpStream, protection: Protection, kept: Arc<Kept>) {
    match protection {
        Protection::Tls(tls) => {
            if let Ok(mut stream) = tls.accept(stream).await {
                talk(&mut stream, false, true, true, &kept).await;
            }
        }
        Protection::Clear => {
            let mut stream = stream;
            talk(&mut stream, false, false, true, &kept).await;
        }
        Protection::StartTls(tls) => {
            let mut stream = stream;
            if let Ended::StartTls = talk(&mut stream, true, false, true, &kept).await
                && let Ok(mut stream) = tls.accept(stream).await
            {
                talk(&mut stream, false, true, false, &kept).await;
            }
        }
    }
}

async fn talk(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    offers: bool,
    encrypted: bool,
    greets: bool,
    kept: &Kept,
) -> Ended {
    let fault = kept.fault.lock().unwrap().unwrap_or(Fault::None);
    let mut stream = BufReader::new(stream);
    if fault == Fault::Silent {
        tokio::time::sleep(Duration::from_mins(1)).await;
    }
    if greets {
        let greeting = if let Fault::Greet(answer) = fault {
            answer
        } else {
            "220 mail.test ready"
        };
        say(&mut stream, greeting).await;
    }
    let (mut to, mut user) = (String::new(), None);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return Ended::Closed;
        }
        let line = line.trim_end();
        match line.split_whitespace().next().unwrap_or_default() {
            "EHLO" if offers => {
                say(&mut stream, "250-mail.test\r\n250-STARTTLS\r\n250 8BITMIME").await;
            }
            "EHLO" => {
                say(
                    &mut stream,
                    "250-mail.test\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME",
                )
                .await;
            }
            "STARTTLS" => {
                say(&mut stream, "220 go ahead").await;
                return Ended::StartTls;
            }
            "AUTH" => {
                let given = line.rsplit(' ').next().unwrap();
                let plain = String::from_utf8(STANDARD.decode(given).unwrap()).unwrap();
                let right = plain.ends_with("\0secret");
                user = right.then(|| plain.split('\0').nth(1).unwrap().to_owned());
                say(
                    &mut stream,
                    if right {
                        "235 welcome"
                    } else {
                        "535 wrong password"
                    },
                )
                .await;
            }
            "RCPT" => {
                line.clone_into(&mut to);
                let answer = if let Fault::Rcpt(answer) = fault {
                    answer
                } else {
                    "250 ok"
                };
                say(&mut stream, answer).await;
            }
            "DATA" => {
                say(&mut stream, "354 go on").await;
                // Cut off before its end, it was never given (RFC 5321 4.1.1.4).
                let Some(text) = mail(&mut stream).await else {
                    return Ended::Closed;
                };
                if fault == Fault::RefuseAndHang {
                    say(&mut stream, "554 no").await;
                    continue;
                }
                if let Fault::Data(answer) = fault {
                    say(&mut stream, answer).await;
                    continue;
                }
                let one = Mail {
                    to: to.clone(),
                    text,
                    encrypted,
                    user: user.clone(),
                };
                kept.mails.lock().unwrap().push(one);
                if fault == Fault::CutAfterData {
                    return Ended::Closed;
                }
                while *kept.fault.lock().unwrap() == Some(Fault::Hold) {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                say(&mut stream, "250 taken").await;
            }
            "QUIT" => {
                if matches!(fault, Fault::HangAtQuit | Fault::RefuseAndHang) {
                    tokio::time::sleep(Duration::from_mins(1)).await;
                }
                say(&mut stream, "221 bye").await;
                return Ended::Closed;
            }
            _ => say(&mut stream, "250 ok").await,
        }
    }
}

async fn mail(stream: &mut (impl AsyncBufRead + Unpin)) -> Option<String> {
    let mut text = String::new();
    loop {
        let before = text.len();
        if stream.read_line(&mut text).await.unwrap_or(0) == 0 {
            return None;
        }
        if &text[before..] == ".\r\n" {
            text.truncate(before);
            return Some(text);
        }
    }
}

async fn say(stream: &mut (impl AsyncWrite + Unpin), answer: &str) {
    // Whoever went away hears nothing; the next read tells.
    drop(stream.write_all(format!("{answer}\r\n").as_bytes()).await);
    drop(stream.flush().await);
}
