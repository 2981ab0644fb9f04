//! The server: accepts one connection after another and answers each request by a function of the test.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use crate::config::{Credentials, DcSettings, Security, Timeouts, TlsTrust};

/// BER: tag, length, content.
pub(super) fn ber(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let length = content.len();
    if length < 128 {
        out.push(u8::try_from(length).unwrap());
    } else {
        out.push(0x84);
        out.extend(u32::try_from(length).unwrap().to_be_bytes());
    }
    out.extend(content);
    out
}

pub(super) fn octets(text: impl AsRef<[u8]>) -> Vec<u8> {
    ber(0x04, text.as_ref())
}

/// An `LDAPMessage` with this operation and, where not empty, these controls.
pub(super) fn message(id: u8, operation: &[u8], controls: &[u8]) -> Vec<u8> {
    let mut content = ber(0x02, &[id]);
    content.extend(operation);
    if !controls.is_empty() {
        content.extend(ber(0xa0, controls));
    }
    ber(0x30, &content)
}

/// An `LDAPResult` under the tag of an operation: 0x61 bind, 0x65 search done, 0x78 extended.
pub(super) fn result(tag: u8, code: u8, text: &str) -> Vec<u8> {
    let content = [ber(0x0a, &[code]), octets(""), octets(text)].concat();
    ber(tag, &content)
}

pub(super) fn found(dn: &str, attributes: &[(&str, Vec<Vec<u8>>)]) -> Vec<u8> {
    let list: Vec<u8> = attributes
        .iter()
        .flat_map(|(name, values)| {
            let set: Vec<u8> = values.iter().flat_map(octets).collect();
            ber(0x30, &[octets(name), ber(0x31, &set)].concat())
        })
        .collect();
    ber(0x64, &[octets(dn), ber(0x30, &list)].concat())
}

pub(super) fn paged(cookie: &str) -> Vec<u8> {
    let value = ber(0x30, &[ber(0x02, &[0]), octets(cookie)].concat());
    let control = [octets("1.2.840.113556.1.4.319"), octets(value)].concat();
    ber(0x30, &control)
}

/// A request as the server sees it.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) id: u8,
    /// The tag of the operation: 0x60 bind, 0x63 search, 0x42 unbind, 0x50 abandon.
    pub(super) operation: u8,
    /// The whole message.
    pub(super) bytes: Vec<u8>,
}

impl Request {
    /// Whether the message has this text in it.
    pub(super) fn has(&self, text: &str) -> bool {
        self.bytes
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    }

    /// A search's end with this code.
    pub(super) fn done(&self, code: u8, text: &str) -> Vec<u8> {
        message(self.id, &result(0x65, code, text), &[])
    }

    /// One entry and a good end.
    pub(super) fn entry(&self, dn: &str, attributes: &[(&str, Vec<Vec<u8>>)]) -> Vec<u8> {
        [
            message(self.id, &found(dn, attributes), &[]),
            self.done(0, ""),
        ]
        .concat()
    }
}

/// What to do with a request.
pub(super) enum Act {
    /// Send these bytes.
    Answer(Vec<u8>),
    /// Say nothing, keep the connection.
    Silence,
    /// Send these bytes and close properly.
    Close(Vec<u8>),
    /// Send these bytes and reset the connection.
    Reset(Vec<u8>),
}

/// A stream the server can speak over.
pub(super) trait Speak: Read + Write {
    /// Makes closing send a reset.
    fn reset(&mut self);
}

impl Speak for TcpStream {
    fn reset(&mut self) {
        socket2::SockRef::from(&*self)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
    }
}

/// Starts the server; it ends with the test's process. It is ready when this returns: the port is bound.
pub(super) fn serve(mut act: impl FnMut(&Request) -> Act + Send + 'static) -> SocketAddr {
    serve_streams(move |mut stream| converse(&mut stream, &mut act))
}

pub(super) fn serve_streams(mut serve: impl FnMut(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            serve(stream.unwrap());
        }
    });
    address
}

pub(super) fn converse(stream: &mut impl Speak, act: &mut impl FnMut(&Request) -> Act) {
    while let Some(request) = receive(stream) {
        let sent = match act(&request) {
            Act::Silence => Ok(()),
            Act::Answer(bytes) => stream.write_all(&bytes).and_then(|()| stream.flush()),
            Act::Close(bytes) => {
                stream.write_all(&bytes).unwrap();
                return;
            }
            Act::Reset(bytes) => {
                stream.write_all(&bytes).unwrap();
                stream.reset();
                return;
            }
        };
        if sent.is_err() {
            return;
        }
    }
}

/// The next message; `None` at the end of the connection.
fn receive(stream: &mut impl Read) -> Option<Request> {
    let mut head = [0; 2];
    stream.read_exact(&mut head).ok()?;
    let length = match head[1] {
        short @ 0..=127 => usize::from(short),
        long => {
            let mut bytes = vec![0; usize::from(long - 128)];
            stream.read_exact(&mut bytes).ok()?;
            bytes
                .iter()
                .fold(0, |sum, byte| sum << 8 | usize::from(*byte))
        }
    };
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).ok()?;
    Some(Request {
        id: bytes[2],
        operation: bytes[3],
        bytes,
    })
}

/// Settings for a server on loopback: anonymous, clear, bounds that no busy machine reaches.
pub(super) fn settings(address: SocketAddr) -> DcSettings {
    DcSettings {
        name: "dc1".parse().unwrap(),
        host: "dc1.lab.test".to_owned(),
        address: Some(address.ip().to_string()),
        port: address.port(),
        global_catalog_port: address.port(),
        server_name: None,
        security: Security::Clear,
        trust: TlsTrust::System,
        credentials: Credentials::Anonymous,
        timeouts: Timeouts {
            connect: Duration::from_secs(20),
            operation: Duration::from_secs(20),
            search: Duration::from_secs(20),
        },
    }
}

/// The same with bounds that are meant to be reached.
pub(super) fn hasty(address: SocketAddr) -> DcSettings {
    let mut dc = settings(address);
    dc.timeouts = Timeouts {
        connect: Duration::from_millis(900),
        operation: Duration::from_millis(400),
        search: Duration::from_millis(1200),
    };
    dc
}

pub(super) fn simple(password: &str) -> Credentials {
    Credentials::Simple {
        user: "reader@lab.test".to_owned(),
        password: password.to_owned().into(),
    }
}
