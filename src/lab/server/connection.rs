//! One client's connection: reads requests, answers them from the DC's database, and goes wrong on command.

use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::answer::{self, Outcome};
use super::ber;
use super::database::Database;
use super::request::{Operation, Request, START_TLS};
use super::search;
use super::shared::{Cover, Fault, Shared};
use crate::clock;

/// Where LDAP is spoken: a TCP connection, or TLS over one.
pub(super) trait Wire: AsyncRead + AsyncWrite + Unpin + Send {
    /// The TCP connection below.
    fn tcp(&self) -> &TcpStream;
}

impl Wire for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Wire for tokio_rustls::server::TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }
}

/// What a request leads to.
enum Reply {
    /// These messages.
    Messages(Vec<Vec<u8>>),
    /// This message, and TLS after it.
    StartTls(Vec<u8>),
    /// None.
    Nothing,
    /// The end.
    Goodbye,
}

/// Makes the end of a connection a reset.
pub(super) fn reset(tcp: &TcpStream) {
    // Where the socket is gone already there is nothing to reset.
    drop(SockRef::from(tcp).set_linger(Some(Duration::ZERO)));
}

/// Speaks LDAP until the client or a fault ends it, or `living` is cancelled, which resets the connection. Gives the
/// connection back where the client is to speak TLS from now on.
pub(super) async fn converse<W: Wire>(
    mut wire: W,
    shared: Arc<Shared>,
    living: &CancellationToken,
    is_secure: bool,
) -> io::Result<Option<W>> {
    tokio::select! {
        ended = talk(&mut wire, &shared, is_secure) => return Ok(ended?.then_some(wire)),
        () = living.cancelled() => {}
    }
    reset(wire.tcp());
    Ok(None)
}

/// True where TLS was agreed on.
async fn talk(wire: &mut impl Wire, shared: &Shared, is_secure: bool) -> io::Result<bool> {
    let mut buffer = Vec::new();
    let mut client = Client {
        is_bound: false,
        is_secure,
    };
    while let Some(bytes) = message(wire, &mut buffer).await? {
        let Ok(request) = Request::read(&bytes) else {
            return Ok(false);
        };
        if shared.fault() == Fault::Hang {
            return pending().await;
        }
        match reply(shared, &request, &mut client) {
            Reply::Messages(messages) => {
                if !deliver(wire, shared, &request, messages).await? {
                    return Ok(false);
                }
            }
            Reply::StartTls(agreed) => {
                wire.write_all(&agreed).await?;
                wire.flush().await?;
                // What came before the handshake was sent in clear and counts for nothing (RFC 4511 4.14.1).
                return Ok(buffer.is_empty());
            }
            Reply::Nothing => {}
            Reply::Goodbye => {
                wire.shutdown().await?;
                return Ok(false);
            }
        }
    }
    Ok(false)
}

/// What is known of the client.
struct Client {
    is_bound: bool,
    is_secure: bool,
}

/// The next whole message; `None` at the end of the connection.
async fn message(wire: &mut impl Wire, buffer: &mut Vec<u8>) -> io::Result<Option<Vec<u8>>> {
    loop {
        let lengths = ber::header(buffer)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        if let Some((head, length)) = lengths {
            let whole = head.saturating_add(length);
            if buffer.len() >= whole {
                let rest = buffer.split_off(whole);
                return Ok(Some(std::mem::replace(buffer, rest)));
            }
        }
        if wire.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}

/// Sends the answer as the fault of the moment wants it; false where that ended the connection.
async fn deliver(
    wire: &mut impl Wire,
    shared: &Shared,
    request: &Request,
    messages: Vec<Vec<u8>>,
) -> io::Result<bool> {
    let fault = shared.fault();
    let is_search = matches!(request.operation, Operation::Search(_));
    let bytes = match fault {
        Fault::Slow(per_answer) => {
            sleep(per_answer).await;
            messages.concat()
        }
        Fault::ExtendedResponse if is_search => {
            let refusal = Outcome::failed(2, "an extended response to a search");
            answer::result(request.id, 0x78, &refusal, &[])
        }
        Fault::Busy if is_search => {
            let busy = Outcome::failed(51, "00002024: SvcErr: busy");
            answer::result(request.id, 0x65, &busy, &[])
        }
        Fault::ResetMidAnswer if is_search => {
            let whole = messages.concat();
            let half = whole.get(..whole.len() / 2).unwrap_or_default();
            wire.write_all(half).await?;
            wire.flush().await?;
            // The half answer has to be on its way before the reset overtakes it.
            sleep(Duration::from_millis(5)).await;
            reset(wire.tcp());
            return Ok(false);
        }
        _ => messages.concat(),
    };
    wire.write_all(&bytes).await?;
    wire.flush().await?;
    Ok(true)
}

fn reply(shared: &Shared, request: &Request, client: &mut Client) -> Reply {
    match &request.operation {
        Operation::Unbind => Reply::Goodbye,
        Operation::Abandon => Reply::Nothing,
        Operation::Bind { name, password } => {
            let outcome = bind(shared, name, password.as_deref(), client);
            Reply::Messages(vec![answer::result(request.id, 0x61, &outcome, &[])])
        }
        Operation::Search(wanted) => {
            let number = shared.answers_as();
            let forest = shared.forest();
            let Ok(dc) = forest.dc(number) else {
                return Reply::Goodbye;
            };
            let database = Database {
                forest: &forest,
                number,
                dc,
                now: clock::now(),
                is_catalog: shared.is_catalog,
            };
            match search::answer(&database, request, wanted, client.is_bound) {
                Ok(messages) => Reply::Messages(messages),
                Err(_) => Reply::Goodbye,
            }
        }
        Operation::StartTls => start_tls(shared, request, client),
        Operation::Other(tag) => {
            let outcome = Outcome::failed(2, "0000203D: LdapErr: the operation is not known here");
            Reply::Messages(vec![answer::result(request.id, *tag, &outcome, &[])])
        }
    }
}

fn start_tls(shared: &Shared, request: &Request, client: &Client) -> Reply {
    let answer = |outcome| answer::extended(request.id, &outcome, START_TLS);
    match shared.cover {
        Cover::StartTls(_) if !client.is_secure => Reply::StartTls(answer(Outcome::default())),
        Cover::Clear => {
            let text = "00000000: LdapErr: DSID-0C091172, comment: Error initializing SSL/TLS";
            Reply::Messages(vec![answer(Outcome::failed(52, text))])
        }
        Cover::StartTls(_) | Cover::Ldaps(_) => {
            let text = "00000000: LdapErr: TLS or SSL already in effect";
            Reply::Messages(vec![answer(Outcome::failed(1, text))])
        }
    }
}

fn bind(shared: &Shared, name: &str, password: Option<&[u8]>, client: &mut Client) -> Outcome {
    client.is_bound = false;
    match password {
        None => Outcome::failed(7, "00002027: LdapErr: only simple binds are taken here"),
        // An unauthenticated bind succeeds and authenticates nobody (RFC 4513 5.1.2).
        Some([]) => Outcome::default(),
        Some(_) if matches!(shared.cover, Cover::StartTls(_)) && !client.is_secure => {
            let text = "00002028: LdapErr: DSID-0C090259, comment: The server requires binds to turn on integrity \
                        checking if SSL\\TLS are not already active on the connection, data 0, v4563";
            Outcome::failed(8, text)
        }
        Some(given) if !name.is_empty() && given == shared.password.as_bytes() => {
            client.is_bound = true;
            Outcome::default()
        }
        Some(_) => Outcome::failed(
            49,
            "80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data 52e, v4563",
        ),
    }
}
