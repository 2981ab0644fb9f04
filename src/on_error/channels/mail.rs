//! Mail by SMTP (RFC 5321).
//!
//! # Decisions
//! - A connection of its own for each mail: there are few, and a pooled one may count a server's good-bye (221) as
//!   success. The end of DATA alone counts.
//! - What fails before the mail is handed over (connecting, TLS, login) says nothing of it and is tried again, a 5xx
//!   included: a wrong password is put right by a person, and the mail then goes out.
//! - The answer to DATA decides, and `timeout` bounds all that comes before it. The good-bye follows with a bound of its
//!   own: a server that takes the mail and then hangs must not be sent it again.
//! - A connection cut after DATA leaves open whether the mail was taken: it is sent again with the same Message-ID.
//! - Without TLS nothing is sent, unless the configuration says so in words: a server without STARTTLS is an error.

use std::time::Duration;

use lettre::address::Envelope;
use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters,
};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Response;
use lettre::{Address, Message};
use secrecy::ExposeSecret as _;

use super::Outcome;
use crate::config::{MailSecurity, MailServer, Secret, TlsTrust};
use crate::model::{Notice, Target};

/// How long a good-bye may take, the answer to it included.
const GOOD_BYE: Duration = Duration::from_secs(2);

/// A mail that cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("the mail cannot be written: {0}")]
pub struct MailProblem(String);

/// `Auto-Submitted: auto-generated` (RFC 3834 5): no vacation notice answers it.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// `X-Auto-Response-Suppress` (MS-OXCMAIL 2.1.3.2.20): nor does one of Exchange. Reports that a mail could not be
/// delivered are wanted.
#[derive(Clone)]
struct SuppressResponses;

impl Header for SuppressResponses {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("X-Auto-Response-Suppress")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "OOF, AutoReply".to_owned())
    }
}

/// The mail: plain text and HTML, in the thread of its incident.
pub fn message(from: &Mailbox, to: &Address, notice: &Notice) -> Result<Message, MailProblem> {
    let problem = |error: &dyn std::fmt::Display| MailProblem(error.to_string());
    let seconds = u64::try_from(notice.at.as_millis() / 1_000).unwrap_or(0);
    let mut builder = Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, to.clone()))
        .subject(&notice.subject)
        .message_id(Some(notice.message_id.clone()))
        .date(std::time::UNIX_EPOCH + Duration::from_secs(seconds))
        .header(AutoSubmitted)
        .header(SuppressResponses);
    if let Some(thread) = notice
        .thread
        .as_ref()
        .filter(|thread| **thread != notice.message_id)
    {
        builder = builder
            .in_reply_to(thread.clone())
            .references(thread.clone());
    }
    let plain = SinglePart::builder()
        .header(ContentType::TEXT_PLAIN)
        .body(notice.text.clone());
    let built = if notice.html.is_empty() {
        builder.singlepart(plain)
    } else {
        let html = SinglePart::builder()
            .header(ContentType::TEXT_HTML)
            .body(notice.html.clone());
        builder.multipart(MultiPart::alternative().singlepart(plain).singlepart(html))
    };
    built.map_err(|error| problem(&error))
}

/// Sends the notice to the target's address.
pub(super) async fn send(server: &MailServer, target: &Target, notice: &Notice) -> Outcome {
    let to: Address = match target.recipient.parse() {
        Ok(to) => to,
        Err(error) => {
            return Outcome::Refused(format!("{} is no address: {error}", target.recipient));
        }
    };
    let message = match message(&server.from, &to, notice) {
        Ok(message) => message,
        Err(problem) => return Outcome::Refused(problem.to_string()),
    };
    let envelope = match Envelope::new(Some(server.from.email.clone()), vec![to]) {
        Ok(envelope) => envelope,
        Err(error) => return Outcome::Refused(error.to_string()),
    };
    // The server's certificate is verified against this name, and the bound covers all of it up to the answer to DATA.
    let sending = hand_over(server, &envelope, message.formatted());
    let handed = tokio::time::timeout(server.timeout, sending).await;
    let (outcome, connection) = handed.unwrap_or_else(|_| {
        let problem = format!(
            "{} did not answer within timeout ({} s)",
            server.host,
            server.timeout.as_secs_f64()
        );
        (Outcome::Later(problem), None)
    });
    tracing::debug!(kind = %notice.kind, ?outcome, "mail handed over");
    if let Some(connection) = connection {
        good_bye(&server.host, connection).await;
    }
    outcome
}

/// What became of the mail, and the connection that is still open then.
async fn hand_over(
    server: &MailServer,
    envelope: &Envelope,
    mail: Vec<u8>,
) -> (Outcome, Option<AsyncSmtpConnection>) {
    let mut connection = match connect(server).await {
        Ok(connection) => connection,
        Err(problem) => {
            let problem = format!("{}: {problem}", server.host);
            return (Outcome::Later(problem), None);
        }
    };
    let sent = offer(&mut connection, envelope, &mail).await;
    let outcome = match sent {
        Ok(answer) if answer.is_positive() && answer.code().to_string().starts_with("250") => {
            Outcome::Taken
        }
        Ok(answer) => Outcome::Later(format!(
            "{} answered {} to the mail",
            server.host,
            answer.code()
        )),
        Err(error) if error.is_permanent() => {
            Outcome::Refused(format!("{}: {}", server.host, causes(&error)))
        }
        Err(error) => Outcome::Later(format!("{}: {}", server.host, causes(&error))),
    };
    (outcome, Some(connection))
}

/// Envelope and mail, up to the answer to DATA. What lettre's own `send` says of a refusal comes only after a good-bye,
/// for which a server may let it wait until the bound has cut off the refusal too.
async fn offer(
    connection: &mut AsyncSmtpConnection,
    envelope: &Envelope,
    mail: &[u8],
) -> Result<Response, lettre::transport::smtp::Error> {
    // These take extensions that it knows how to ask for.
    let mut addresses = envelope.to().iter().chain(envelope.from());
    if !mail.is_ascii() || addresses.any(|one| !AsRef::<str>::as_ref(one).is_ascii()) {
        return connection.send(envelope, mail).await;
    }
    let from = Mail::new(envelope.from().cloned(), Vec::new());
    connection.command(from).await?;
    for to in envelope.to() {
        connection
            .command(Rcpt::new(to.clone(), Vec::new()))
            .await?;
    }
    connection.command(Data).await?;
    connection.message(mail).await
}

/// Ends the conversation; what became of the mail is known by then, so nothing that fails here changes it.
async fn good_bye(host: &str, mut connection: AsyncSmtpConnection) {
    match tokio::time::timeout(GOOD_BYE, connection.quit()).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::debug!(host, problem = %causes(&error), "the good-bye failed"),
        Err(_) => tracing::debug!(host, "the good-bye was not answered"),
    }
}

async fn connect(server: &MailServer) -> Result<AsyncSmtpConnection, String> {
    let hello = ClientId::default();
    let tls = match server.security {
        MailSecurity::Clear => None,
        MailSecurity::Tls | MailSecurity::StartTls => Some(tls(server).await?),
    };
    let first = if server.security == MailSecurity::Tls {
        tls.clone()
    } else {
        None
    };
    let place = (server.host.as_str(), server.port);
    let mut connection =
        AsyncSmtpConnection::connect_tokio1(place, Some(server.timeout), &hello, first, None)
            .await
            .map_err(|error| causes(&error))?;
    if server.security == MailSecurity::StartTls {
        if !connection.can_starttls() {
            connection.abort().await;
            return Err(
                "the server offers no STARTTLS, so nothing is sent; repair it, or choose another security".to_owned(),
            );
        }
        if let Some(tls) = tls {
            connection
                .starttls(tls, &hello)
                .await
                .map_err(|error| causes(&error))?;
        }
    }
    if let Some((user, password)) = &server.login {
        let Secret::Known(password) = password else {
            return Err("the password was not read".to_owned());
        };
        let credentials = Credentials::new(user.clone(), password.expose_secret().to_owned());
        let ways = [Mechanism::Plain, Mechanism::Login];
        connection
            .auth(&ways, &credentials)
            .await
            .map_err(|error| format!("login as {user} failed: {}", causes(&error)))?;
    }
    Ok(connection)
}

async fn tls(server: &MailServer) -> Result<TlsParameters, String> {
    let builder = TlsParameters::builder(server.host.clone());
    let builder = match &server.trust {
        TlsTrust::System => builder,
        TlsTrust::File(path) => {
            let unreadable = |problem: &dyn std::fmt::Display| {
                format!("ca_file {} cannot be used: {problem}", path.display())
            };
            let pem = tokio::fs::read(path)
                .await
                .map_err(|error| unreadable(&error))?;
            let certificate = Certificate::from_pem(&pem).map_err(|error| unreadable(&error))?;
            builder
                .certificate_store(CertificateStore::None)
                .add_root_certificate(certificate)
        }
    };
    builder.build_rustls().map_err(|error| causes(&error))
}

/// What failed, with its causes, in one line.
fn causes(error: &lettre::transport::smtp::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let words = inner.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = inner.source();
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
