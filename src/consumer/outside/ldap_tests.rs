#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ldap3::asn1::{PL, StructureTag, parse_tag};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::LdapSpot;
use crate::config::{Credentials, DcSettings, LdapSpotSettings, Security, Timeouts, TlsTrust};
use crate::consumer::outside::spot::Field::{Cookie, Host, Updated};
use crate::consumer::outside::spot::{Change, Field, SpotError};
use crate::directory::{Modified, Port, Replacement, Session};

const ENTRY: &str = "cn=agreement,cn=config";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// The modify is carried out, and the connection cut.
    CutAfter,
    /// The connection is cut.
    CutBefore,
    /// The modify is refused with this result code.
    Code(u8),
}

#[derive(Default)]
struct State {
    attributes: BTreeMap<String, Vec<Vec<u8>>>,
    fault: Option<Fault>,
    modifies: usize,
    /// Somebody writes this right before a modify.
    race: Option<(String, Vec<u8>)>,
}

/// A directory with one entry, which does searches of the base and modifies.
struct Directory {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Directory {
    async fn start(attributes: &[(&str, &[u8])]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut state = State::default();
        for (name, value) in attributes {
            let values = state.attributes.entry((*name).to_owned()).or_default();
            values.push(value.to_vec());
        }
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self { address, state }
    }

    fn spot(&self, attributes: &[(Field, &str)]) -> LdapSpot {
        let second = Duration::from_secs(2);
        LdapSpot::new(LdapSpotSettings {
            server: Box::new(DcSettings {
                name: "cursor".parse().unwrap(),
                host: "ds.example.com".to_owned(),
                address: Some(self.address.ip().to_string()),
                port: self.address.port(),
                global_catalog_port: self.address.port(),
                server_name: None,
                security: Security::Clear,
                trust: TlsTrust::System,
                credentials: Credentials::Anonymous,
                timeouts: Timeouts {
                    connect: second,
                    operation: second,
                    search: second,
                },
            }),
            entry: ENTRY.to_owned(),
            attributes: attributes
                .iter()
                .map(|(f, name)| (*f, (*name).to_owned()))
                .collect(),
        })
    }

    fn value(&self, name: &str) -> Vec<Vec<u8>> {
        self.state
            .lock()
            .unwrap()
            .attributes
            .get(name)
            .cloned()
            .unwrap_or_default()
    }
}

fn ber(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    [&[tag, 0x84][..], &length, content].concat()
}

fn parts(tag: StructureTag) -> Vec<StructureTag> {
    match tag.payload {
        PL::C(parts) => parts,
        PL::P(_) => panic!("a primitive"),
    }
}

fn bytes(tag: &StructureTag) -> Vec<u8> {
    match &tag.payload {
        PL::P(bytes) => bytes.clone(),
        PL::C(_) => panic!("a sequence"),
    }
}

async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    let mut buffer = Vec::new();
    loop {
        let Ok((rest, message)) = parse_tag(&buffer) else {
            if stream.read_buf(&mut buffer).await.unwrap_or(0) == 0 {
                return;
            }
            continue;
        };
        buffer = rest.to_vec();
        let mut message = parts(message).into_iter();
        let id = ber(0x02, &bytes(&message.next().unwrap()));
        let operation = message.next().unwrap();
        let done = |tag: u8, code: u8| {
            let result = [ber(0x0a, &[code]), ber(0x04, b""), ber(0x04, b"")].concat();
            ber(0x30, &[id.clone(), ber(tag, &result)].concat())
        };
        let answer = match operation.id {
            3 => {
                let found = found(&state.lock().unwrap());
                [ber(0x30, &[id.clone(), found].concat()), done(0x65, 0)].concat()
            }
            6 => {
                let fault = state.lock().unwrap().fault.take();
                if fault == Some(Fault::CutBefore) {
                    return;
                }
                let code = match fault {
                    Some(Fault::Code(code)) => code,
                    _ => modify(&mut state.lock().unwrap(), operation),
                };
                if fault == Some(Fault::CutAfter) {
                    return;
                }
                done(0x67, code)
            }
            _ => return,
        };
        stream.write_all(&answer).await.unwrap();
    }
}

fn found(state: &State) -> Vec<u8> {
    let list: Vec<u8> = state
        .attributes
        .iter()
        .flat_map(|(name, values)| {
            let set: Vec<u8> = values.iter().flat_map(|value| ber(0x04, value)).collect();
            ber(
                0x30,
                &[ber(0x04, name.as_bytes()), ber(0x31, &set)].concat(),
            )
        })
        .collect();
    ber(
        0x64,
        &[ber(0x04, ENTRY.as_bytes()), ber(0x30, &list)].concat(),
    )
}

/// The whole or nothing (RFC 4511 4.6).
fn modify(state: &mut State, operation: StructureTag) -> u8 {
    state.modifies += 1;
    if let Some((name, value)) = state.race.take() {
        state.attributes.insert(name, vec![value]);
    }
    let mut operation = parts(operation).into_iter();
    assert_eq!(bytes(&operation.next().unwrap()), ENTRY.as_bytes());
    let mut attributes = state.attributes.clone();
    for change in parts(operation.next().unwrap()) {
        let mut change = parts(change).into_iter();
        let kind = bytes(&change.next().unwrap());
        let mut attribute = parts(change.next().unwrap()).into_iter();
        let name = String::from_utf8(bytes(&attribute.next().unwrap())).unwrap();
        let value = bytes(&parts(attribute.next().unwrap())[0]);
        let values = attributes.entry(name).or_default();
        let at = values.iter().position(|held| *held == value);
        match (kind.as_slice(), at) {
            ([1], Some(at)) => drop(values.remove(at)),
            ([1], None) => return 16,
            ([0], Some(_)) => return 20,
            ([0], None) => values.push(value),
            _ => return 2,
        }
    }
    attributes.retain(|_, values| !values.is_empty());
    state.attributes = attributes;
    0
}

const KEYS: [(Field, &str); 2] = [(Updated, "lastusn"), (Host, "replicahost")];

async fn directory() -> Directory {
    Directory::start(&[("lastusn", b"48213"), ("replicahost", b"dc1")]).await
}

fn change(texts: &[(Field, &str)]) -> Change {
    texts
        .iter()
        .map(|(f, text)| (*f, Some((*text).to_owned())))
        .collect()
}

#[tokio::test]
async fn an_entry_is_read_compared_and_set() {
    let directory = directory().await;
    let spot = directory.spot(&KEYS);
    let old = spot.read().await.unwrap();
    assert_eq!(old.fields[&Updated], "48213");
    assert_eq!(old.fields[&Host], "dc1");
    let new = change(&[(Updated, "7"), (Host, "dc2")]);
    spot.replace(&old, &new).await.unwrap();
    assert_eq!(directory.value("lastusn"), [b"7"]);
    assert_eq!(directory.value("replicahost"), [b"dc2"]);
    // Again: nothing is written.
    spot.replace(&old, &new).await.unwrap();
    assert_eq!(directory.state.lock().unwrap().modifies, 1);
    let error = spot
        .replace(&old, &change(&[(Updated, "8")]))
        .await
        .unwrap_err();
    assert!(matches!(error, SpotError::Moved { .. }), "{error}");
    let now = spot.read().await.unwrap();
    spot.replace(&now, &change(&[(Updated, "48213"), (Host, "dc1")]))
        .await
        .unwrap();
    assert_eq!(spot.read().await.unwrap(), old);
}

#[tokio::test]
async fn a_write_in_between_is_refused_whole() {
    let directory = directory().await;
    let spot = directory.spot(&KEYS);
    let old = spot.read().await.unwrap();
    directory.state.lock().unwrap().race = Some(("lastusn".to_owned(), b"48300".to_vec()));
    let new = change(&[(Host, "dc2"), (Updated, "7")]);
    let error = spot.replace(&old, &new).await.unwrap_err();
    assert!(matches!(error, SpotError::Moved { .. }), "{error}");
    assert_eq!(directory.value("replicahost"), [b"dc1"]);
    assert_eq!(directory.value("lastusn"), [b"48300"]);
}

#[tokio::test]
async fn a_write_without_answer_is_settled() {
    let directory = directory().await;
    let spot = directory.spot(&KEYS);
    let old = spot.read().await.unwrap();
    let new = change(&[(Updated, "7")]);
    directory.state.lock().unwrap().fault = Some(Fault::CutBefore);
    let error = spot.replace(&old, &new).await.unwrap_err();
    assert!(
        error.to_string().contains("the old values still stand"),
        "{error}"
    );
    directory.state.lock().unwrap().fault = Some(Fault::CutAfter);
    spot.replace(&old, &new).await.unwrap();
    assert_eq!(directory.value("lastusn"), [b"7"]);
}

#[tokio::test]
async fn a_refusal_is_told() {
    let directory = directory().await;
    let spot = directory.spot(&KEYS);
    let old = spot.read().await.unwrap();
    directory.state.lock().unwrap().fault = Some(Fault::Code(50));
    let error = spot
        .replace(&old, &change(&[(Updated, "7")]))
        .await
        .unwrap_err();
    assert!(matches!(error, SpotError::Unwritable { .. }), "{error}");
    assert!(
        error.to_string().contains("insufficient access rights"),
        "{error}"
    );
}

#[tokio::test]
async fn a_cookie_is_bytes_and_can_be_removed() {
    let directory = Directory::start(&[("nsds7DirsyncCookie", b"MSDS\xff\x00")]).await;
    let spot = directory.spot(&[(Cookie, "nsds7DirsyncCookie")]);
    let old = spot.read().await.unwrap();
    assert_eq!(old.fields[&Cookie], "TVNEU/8A");
    let gone = Change::from([(Cookie, None)]);
    spot.replace(&old, &gone).await.unwrap();
    assert!(directory.value("nsds7DirsyncCookie").is_empty());
    spot.replace(&old, &gone).await.unwrap();
    let now = spot.read().await.unwrap();
    let back = change(&[(Cookie, "TVNEU/8A")]);
    spot.replace(&now, &back).await.unwrap();
    assert_eq!(directory.value("nsds7DirsyncCookie"), [b"MSDS\xff\x00"]);
}

#[tokio::test]
async fn what_is_no_one_text_is_told() {
    let directory = Directory::start(&[("a", b"1"), ("a", b"2"), ("b", b"\xff")]).await;
    for name in ["a", "b"] {
        let error = directory.spot(&[(Updated, name)]).read().await.unwrap_err();
        assert!(matches!(error, SpotError::Flawed { .. }), "{error}");
    }
}

/// A slapd on loopback, ended with the test.
struct Slapd {
    child: std::process::Child,
    folder: tempfile::TempDir,
    port: u16,
}

impl Slapd {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        std::fs::create_dir(&data).unwrap();
        let config = folder.path().join("slapd.conf");
        let text = format!(
            "include /etc/ldap/schema/core.schema\npidfile {0}/pid\ndatabase ldif\nsuffix \"cn=config2\"\ndirectory {1}\n\
             rootdn \"cn=root,cn=config2\"\nrootpw hunter2\n",
            folder.path().display(),
            data.display()
        );
        std::fs::write(&config, text).unwrap();
        let entry = "dn: cn=config2\nobjectClass: device\ncn: config2\n\ndn: cn=a,cn=config2\nobjectClass: device\n\
                     objectClass: simpleSecurityObject\ncn: a\nserialNumber: 48213\nl: dc1.example.com\n\
                     userPassword:: TVNEU/8A\n";
        std::fs::write(folder.path().join("entry.ldif"), entry).unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let loaded = std::process::Command::new("/usr/sbin/slapadd")
            .args(["-f", &path("slapd.conf"), "-l", &path("entry.ldif")])
            .output()
            .unwrap();
        assert!(loaded.status.success(), "{loaded:?}");
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let listen = format!("ldap://127.0.0.1:{port}");
        let child = std::process::Command::new("/usr/sbin/slapd")
            .args(["-f", &path("slapd.conf"), "-d", "0", "-h", &listen])
            .spawn()
            .unwrap();
        let slapd = Self {
            child,
            folder,
            port,
        };
        for _ in 0..200 {
            if TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                return slapd;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("slapd does not listen in {}", slapd.folder.path().display());
    }
}

impl Drop for Slapd {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[tokio::test]
#[ignore = "needs slapd, which the other tests do without; tests/run has it and runs this"]
async fn a_real_server_compares_and_sets() {
    let slapd = Slapd::start().await;
    let stand_in = directory().await;
    let spot = |password: &str| {
        let keys = [
            (Updated, "serialNumber"),
            (Host, "l"),
            (Cookie, "userPassword"),
        ];
        let mut settings = stand_in.spot(&keys).settings;
        settings.entry = "cn=a,cn=config2".to_owned();
        settings.server.port = slapd.port;
        settings.server.credentials = Credentials::Simple {
            user: "cn=root,cn=config2".to_owned(),
            password: password.to_owned().into(),
        };
        LdapSpot::new(settings)
    };
    let refused = spot("wrong").read().await.unwrap_err();
    assert!(matches!(refused, SpotError::Refused { .. }), "{refused}");
    let spot = spot("hunter2");
    let old = spot.read().await.unwrap();
    assert_eq!(old.fields[&Updated], "48213");
    assert_eq!(old.fields[&Cookie], "TVNEU/8A");
    let new = change(&[(Updated, "7"), (Host, "dc2.example.com")]);
    spot.replace(&old, &new).await.unwrap();
    let now = spot.read().await.unwrap();
    assert_eq!(
        (&*now.fields[&Updated], &*now.fields[&Host]),
        ("7", "dc2.example.com")
    );
    let error = spot
        .replace(&old, &change(&[(Updated, "8")]))
        .await
        .unwrap_err();
    assert!(matches!(error, SpotError::Moved { .. }), "{error}");
    // Behind its back: the server itself refuses, and keeps both.
    let mut session = Session::open(&spot.settings.server, Port::Directory)
        .await
        .unwrap();
    let stale = [
        ("l", "dc2.example.com", "x"),
        ("serialNumber", "48213", "9"),
    ];
    let stale = stale.map(|(attribute, old, new)| Replacement {
        attribute: attribute.to_owned(),
        old: Some(old.into()),
        new: Some(new.into()),
    });
    let modified = session.modify(&spot.settings.entry, &stale).await.unwrap();
    assert_eq!(modified, Modified::NotAsExpected);
    assert_eq!(spot.read().await.unwrap(), now);
    let back = change(&[(Updated, "48213"), (Host, "dc1.example.com")]);
    spot.replace(&now, &back).await.unwrap();
    assert_eq!(spot.read().await.unwrap(), old);
}
