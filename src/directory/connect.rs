//! Opening a session: socket, TLS, bind, all within one bound.
//!
//! # Decisions
//! - The socket is made by us (timeouts, keepalive) and handed to the LDAP library with a URL that names the
//!   configured host, so `address` says where to connect and `host` what the certificate must say.
//! - An empty password is refused here: a DC takes it for an anonymous bind and answers success (RFC 4513 5.1.2).
//! - Kerberos only over TLS: the library's own sealing on a clear connection loses entries without an error.

use std::net::Ipv6Addr;

use ldap3::{LdapConnAsync, LdapConnSettings, LdapError, LdapResult, StdStream};
use secrecy::ExposeSecret;

use super::error::DirectoryError;
use super::session::{Fault, Session, bounded};
use super::socket::{self, Budget};
use super::{gssapi, refusal, tls};
use crate::config::{Credentials, DcSettings, Security};

/// Which of a DC's ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    /// The directory: its own naming contexts.
    Directory,
    /// The global catalog: also partial replicas of the other domains.
    GlobalCatalog,
}

impl Session {
    /// Connects, secures and authenticates, all within `Timeouts::connect`.
    ///
    /// Every failure is typed: the name, the port, the route, TLS, the credentials. No error holds a secret.
    pub async fn open(dc: &DcSettings, port: Port) -> Result<Session, DirectoryError> {
        let budget = Budget::new(dc.timeouts.connect);
        let number = match port {
            Port::Directory => dc.port,
            Port::GlobalCatalog => dc.global_catalog_port,
        };
        let target = format!("{}:{number}", bracketed(&dc.host));
        refuse_unusable(dc, &target)?;
        let mut session = attach(dc, port, number, target, &budget).await?;
        session.bind(dc, &budget).await?;
        Ok(session)
    }

    async fn bind(&mut self, dc: &DcSettings, budget: &Budget) -> Result<(), DirectoryError> {
        let bound = budget.left().min(dc.timeouts.operation);
        let result = match &dc.credentials {
            Credentials::Anonymous => return Ok(()),
            Credentials::Simple { user, password } => {
                let bind = self
                    .ldap
                    .with_timeout(bound)
                    .simple_bind(user, password.expose_secret());
                bounded(bound, bind).await
            }
            Credentials::External { .. } => {
                let bind = self.ldap.with_timeout(bound).sasl_external_bind();
                bounded(bound, bind).await
            }
            Credentials::Gssapi { .. } => {
                return gssapi::bind(self, &dc.host, bound).await;
            }
            Credentials::NotRead { .. } => return Err(not_read(&self.target)),
        };
        self.judge_bind(result, dc.security != Security::Clear)
            .await
    }

    /// The outcome of a bind from the library's answer.
    pub(super) async fn judge_bind(
        &mut self,
        result: Result<ldap3::result::Result<LdapResult>, Fault>,
        encrypted: bool,
    ) -> Result<(), DirectoryError> {
        match result {
            Ok(Ok(result)) if result.rc == 0 => Ok(()),
            Ok(Ok(result)) => Err(refusal::of_bind(
                &self.target,
                result.rc,
                &result.text,
                encrypted,
            )),
            Ok(Err(error)) => Err(self.explain("the bind", Fault::Library(error)).await),
            Err(fault) => Err(self.explain("the bind", fault).await),
        }
    }
}

/// Refuses, before anything is sent, what cannot or must not work.
fn refuse_unusable(dc: &DcSettings, target: &str) -> Result<(), DirectoryError> {
    let clear = dc.security == Security::Clear;
    let refuse = |problem: &str| {
        Err(DirectoryError::Credentials {
            target: target.to_owned(),
            problem: problem.to_owned(),
        })
    };
    if !clear && dc.host.parse::<Ipv6Addr>().is_ok() {
        return Err(DirectoryError::Tls {
            target: target.to_owned(),
            problem: "an IPv6 address cannot be verified against a certificate here".to_owned(),
            cure: "set `host` to the name in the certificate and `address` to the IPv6 address"
                .to_owned(),
        });
    }
    match &dc.credentials {
        Credentials::Simple { user, password } => {
            if password.expose_secret().is_empty() {
                return refuse(
                    "the password is empty, which a DC would take for an anonymous bind; give the password",
                );
            }
            if user.is_empty() {
                return refuse("the user is empty; give a DN, user@domain or DOMAIN\\user");
            }
            Ok(())
        }
        Credentials::External { .. } if clear => refuse(
            "a client certificate works only over TLS; set `security` to \"ldaps\" or \"starttls\"",
        ),
        Credentials::Gssapi { .. } if clear => refuse(
            "Kerberos is used only over TLS, since its own sealing on a clear connection loses entries \
             without an error; set `security` to \"ldaps\" or \"starttls\"",
        ),
        Credentials::Gssapi {
            principal,
            keytab,
            ccache,
        } => gssapi::check(
            target,
            principal.as_deref(),
            keytab.as_deref(),
            ccache.as_deref(),
        ),
        Credentials::NotRead { .. } => Err(not_read(target)),
        Credentials::External { .. } | Credentials::Anonymous => Ok(()),
    }
}

fn not_read(target: &str) -> DirectoryError {
    DirectoryError::Credentials {
        target: target.to_owned(),
        problem: "the password was not read, since this command connects to no DC".to_owned(),
    }
}

/// Connects and secures the connection, and starts the task that drives it.
async fn attach(
    dc: &DcSettings,
    port: Port,
    number: u16,
    target: String,
    budget: &Budget,
) -> Result<Session, DirectoryError> {
    let place = dc.address.as_deref().unwrap_or(&dc.host);
    let mut settings = LdapConnSettings::new();
    if dc.security != Security::Clear {
        let config = tls::client_config(&dc.trust, &dc.credentials)
            .map_err(|problem| problem.at(&target))?;
        settings = settings
            .set_config(config)
            .set_starttls(dc.security == Security::StartTls);
    }
    let stream = socket::connect(&target, place, number, budget, dc.timeouts.operation).await?;
    let (scheme, what) = match dc.security {
        Security::Ldaps => ("ldaps", "the TLS handshake"),
        Security::StartTls => ("ldap", "StartTLS and the TLS handshake"),
        Security::Clear => ("ldap", "connecting"),
    };
    let url = format!("{scheme}://{target}");
    let settings = settings.set_std_stream(StdStream::Tcp(stream));
    let handshake = LdapConnAsync::with_settings(settings, &url);
    let (driver, ldap) = match bounded(budget.left(), handshake).await {
        Ok(Ok(pair)) => pair,
        Ok(Err(error)) | Err(Fault::Library(error)) => {
            return Err(handshake_error(&target, what, error, budget));
        }
        Err(Fault::Timeout) => return Err(budget.spent(&target, what)),
        Err(Fault::Panic(problem)) => {
            return Err(DirectoryError::Internal {
                target,
                problem: format!("{what} failed in the LDAP library: {problem}"),
            });
        }
    };
    Ok(Session {
        ldap,
        driver: Some(tokio::spawn(driver.drive())),
        target,
        timeouts: dc.timeouts,
        port,
        expected_server: dc.server_name.clone(),
    })
}

/// A host as it stands in a URL.
fn bracketed(host: &str) -> String {
    if host.parse::<Ipv6Addr>().is_ok() {
        format!("[{host}]")
    } else {
        host.to_owned()
    }
}

fn handshake_error(target: &str, what: &str, error: LdapError, budget: &Budget) -> DirectoryError {
    let target = target.to_owned();
    match error {
        LdapError::Io { source } => {
            let tls = source
                .get_ref()
                .and_then(|inner| inner.downcast_ref::<rustls::Error>());
            match tls {
                Some(error) => tls::handshake_problem(error).at(&target),
                None => DirectoryError::Disconnected {
                    target,
                    what: what.to_owned(),
                    cause: format!("{source}; has the DC a certificate, and is the port right?"),
                },
            }
        }
        LdapError::Rustls { source } => tls::handshake_problem(&source).at(&target),
        LdapError::DNSName { .. } => DirectoryError::Tls {
            problem: format!("`{target}` names no host that a certificate could name"),
            cure: "set `host` to the DC's DNS name".to_owned(),
            target,
        },
        LdapError::LdapResult { result } => DirectoryError::Tls {
            problem: format!(
                "StartTLS was refused: {}",
                refusal::sentence(result.rc, &result.text)
            ),
            cure: "give the DC a certificate".to_owned(),
            target,
        },
        LdapError::Timeout { .. } => budget.spent(&target, what),
        LdapError::ResultRecv { .. } | LdapError::OpSend { .. } => DirectoryError::Disconnected {
            target,
            what: what.to_owned(),
            cause: "the DC closed the connection".to_owned(),
        },
        other => DirectoryError::Internal {
            target,
            problem: format!("{what} failed: {other}"),
        },
    }
}
