//! Our side of the comparison: this program started again, with a thread of its own as a feed has it.

use std::process::{Command, Stdio};

use highwater::config::{Credentials, DcSettings, Security, TlsTrust};
use highwater::directory::{
    ChangeQuery, Port, Projection, Query, Reading, Scope, Search, Session, Target,
};
use highwater::model::{Attribute, AttributeOid, Schema, Syntax, Usn};

use crate::attributes::PLAIN;
use crate::directory::{BASE, FILTER, PASSWORD, TIMEOUTS, USER};
use crate::peers::Peer;

/// The argument that makes this program a reading client; what it reads follows.
pub(crate) const CHILD: &str = "--read";

pub(crate) fn peer(kind: &str, what: &str, port: u16) -> Peer {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([CHILD, kind, "--port", &port.to_string()])
        // As the systemd unit has it.
        .env("MALLOC_ARENA_MAX", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    Peer::of(what, command)
}

/// Reads everything and prints how many entries there were.
pub(crate) fn read(kind: &str, port: u16) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let read = runtime.block_on(async {
        let mut session = Session::open(&settings(port), Port::Directory)
            .await
            .unwrap();
        match kind {
            "images" => images(&mut session).await,
            _ => entries(&mut session).await,
        }
    });
    println!("{read}");
}

async fn entries(session: &mut Session) -> usize {
    let mut pages = session.pages(Query {
        base: BASE,
        scope: Scope::Subtree,
        filter: FILTER,
        attributes: &PLAIN,
        controls: Vec::new(),
    });
    let mut read = 0;
    while let Some(page) = pages.next_page().await.unwrap() {
        // That they came whole, not only that they came.
        read += page
            .iter()
            .filter(|entry| entry.attributes().len() == PLAIN.len())
            .count();
    }
    read
}

async fn images(session: &mut Session) -> usize {
    let mut schema = Schema::default();
    for (number, name) in PLAIN.iter().enumerate() {
        let number = u32::try_from(number).unwrap();
        // objectClass is known by its OID; the others have any.
        let oid = if *name == "objectClass" {
            "2.5.4.0".to_owned()
        } else {
            format!("1.3.6.1.4.1.4203.666.1.{number}")
        };
        schema.insert(attribute(AttributeOid::new(&oid), name), Some(number));
    }
    let projection = Projection::new(&schema, &PLAIN.map(str::to_owned), &[]).unwrap();
    let reading = Reading::new(&schema, &projection);
    let query = ChangeQuery {
        base: Target::Dn(BASE.parse().unwrap()),
        floor: Usn::ZERO,
        ceiling: None,
        filter: None,
    };
    let (mut read, mut search) = (0, Search::new(&reading, &query));
    while let Some(images) = search.next(session).await.unwrap() {
        let whole = images
            .iter()
            .filter(|image| image.stamps.len() == PLAIN.len() && image.values.len() == PLAIN.len());
        read += whole.count();
    }
    read
}

fn attribute(oid: AttributeOid, name: &str) -> Attribute {
    Attribute {
        oid,
        name: name.to_owned(),
        syntax: Syntax::Text,
        is_single_valued: false,
        link_id: None,
        is_confidential: false,
        is_not_replicated: false,
        is_constructed: false,
    }
}

fn settings(port: u16) -> DcSettings {
    DcSettings {
        name: "slapd".parse().unwrap(),
        host: "127.0.0.1".to_owned(),
        address: None,
        port,
        global_catalog_port: port,
        server_name: None,
        security: Security::Clear,
        trust: TlsTrust::System,
        credentials: Credentials::Simple {
            user: USER.to_owned(),
            password: PASSWORD.into(),
        },
        timeouts: TIMEOUTS,
    }
}
