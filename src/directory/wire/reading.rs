//! Identity and facts of a DC that plays its part, and of DCs that do not.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use super::server::{Act, Request, found, message, serve, settings};
use crate::directory::{
    DirectoryError, Port, Session, Verdict, Wanted, check_access, identify, read_facts,
};
use crate::model::{Dn, FailureKind, InvocationId, Usn, Vector};

const SETTINGS: &str =
    "CN=NTDS Settings,CN=DC1,CN=Servers,CN=Home,CN=Sites,CN=Configuration,DC=lab,DC=test";

/// A DC as far as a reading sees it; the fields are what tests turn.
#[derive(Clone)]
pub(super) struct Dc {
    usns: Vec<u32>,
    ids: Vec<[u8; 16]>,
    vector: Option<Vec<u8>>,
    cursors: Option<(&'static str, Vec<u8>)>,
    holders: usize,
    class: &'static str,
    id_visible: bool,
    pub(super) asked: Arc<Mutex<Vec<&'static str>>>,
}

const OWN: [u8; 16] = [1; 16];
const OTHER: [u8; 16] = [2; 16];

/// A version 1 blob with the DC's own entry, stale, and one of another DC.
fn blob() -> Vec<u8> {
    let mut blob = vec![1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0];
    for (id, usn) in [(OWN, 5_i64), (OTHER, 77)] {
        blob.extend(id);
        blob.extend(usn.to_le_bytes());
    }
    blob
}

fn text(values: &[&str]) -> Vec<Vec<u8>> {
    values
        .iter()
        .map(|value| value.as_bytes().to_vec())
        .collect()
}

impl Dc {
    pub(super) fn new() -> Self {
        Self {
            usns: vec![100, 101, 109],
            ids: vec![OWN],
            vector: Some(blob()),
            cursors: None,
            holders: 3,
            class: "nTDSDSA",
            id_visible: true,
            asked: Arc::default(),
        }
    }

    /// The first of a list, which moves on until one is left.
    fn next<T: Clone>(list: &mut Vec<T>) -> Vec<T> {
        if list.len() > 1 {
            vec![list.remove(0)]
        } else {
            list.clone()
        }
    }

    /// What a request asks for.
    fn subject(request: &Request) -> &'static str {
        [
            ("highestCommittedUSN", "root"),
            ("invocationId", "id"),
            ("replUpToDateVector", "vector"),
            ("msDS-NCReplCursors", "cursors"),
            ("hasMasterNCs", "holders"),
            ("tombstoneLifetime", "tombstones"),
        ]
        .into_iter()
        .find(|(attribute, _)| request.has(attribute))
        .map_or("other", |(_, subject)| subject)
    }

    pub(super) fn act(&mut self, request: &Request) -> Act {
        let subject = Self::subject(request);
        self.asked.lock().unwrap().push(subject);
        let attributes = match subject {
            "root" => self.root(),
            "id" => self.settings(),
            "vector" => {
                let blob = self.vector.clone();
                let blob = blob.map(|blob| ("replUpToDateVector", vec![blob]));
                [("instanceType", text(&["5"]))]
                    .into_iter()
                    .chain(blob)
                    .collect()
            }
            "cursors" => {
                let cursors = self.cursors.clone().into_iter();
                cursors
                    .filter(|(name, _)| name.contains(";binary") == request.has(";binary"))
                    .map(|(name, value)| (name, vec![value]))
                    .collect()
            }
            "tombstones" => vec![("objectClass", text(&["nTDSService"]))],
            "holders" => {
                let one = message(request.id, &found(SETTINGS, &[]), &[]);
                return Act::Answer([one.repeat(self.holders), request.done(0, "")].concat());
            }
            _ => return Act::Answer(request.done(0, "")),
        };
        Act::Answer(request.entry("DC=lab,DC=test", &attributes))
    }

    fn root(&mut self) -> Vec<(&'static str, Vec<Vec<u8>>)> {
        let usn = Self::next(&mut self.usns)[0].to_string();
        let server = SETTINGS.strip_prefix("CN=NTDS Settings,").unwrap();
        let configuration = "CN=Configuration,DC=lab,DC=test";
        vec![
            ("dsServiceName", text(&[SETTINGS])),
            ("serverName", text(&[server])),
            ("dnsHostName", text(&["dc1.lab.test"])),
            ("highestCommittedUSN", text(&[&usn])),
            ("currentTime", text(&["20200101000000.0Z"])),
            ("isSynchronized", text(&["TRUE"])),
            ("isGlobalCatalogReady", text(&["TRUE"])),
            ("namingContexts", text(&["DC=lab,DC=test", configuration])),
            ("configurationNamingContext", text(&[configuration])),
            ("schemaNamingContext", text(&["CN=Schema,CN=x"])),
            ("rootDomainNamingContext", text(&["DC=lab,DC=test"])),
        ]
    }

    fn settings(&mut self) -> Vec<(&'static str, Vec<Vec<u8>>)> {
        let id = Self::next(&mut self.ids)
            .into_iter()
            .map(Vec::from)
            .collect();
        let mut attributes = vec![
            ("objectClass", text(&["top", self.class])),
            ("options", text(&["1"])),
        ];
        if self.id_visible {
            attributes.push(("invocationId", id));
        }
        attributes
    }

    pub(super) fn start(mut self) -> SocketAddr {
        serve(move |request| self.act(request))
    }
}

async fn open(address: SocketAddr) -> Session {
    Session::open(&settings(address), Port::Directory)
        .await
        .unwrap()
}

fn wanted() -> Wanted {
    Wanted {
        bases: vec!["OU=people,DC=lab,DC=test".parse().unwrap()],
        ..Wanted::default()
    }
}

fn domain() -> Dn {
    "DC=lab,DC=test".parse().unwrap()
}

fn other(usn: i64) -> Vector {
    Vector::new().with(InvocationId::from_octets(OTHER), Usn::new(usn).unwrap())
}

#[tokio::test]
async fn the_reading_keeps_the_order_that_makes_it_evidence() {
    let dc = Dc::new();
    let asked = Arc::clone(&dc.asked);
    let mut session = open(dc.start()).await;
    let facts = read_facts(&mut session, &wanted()).await.unwrap();
    assert_eq!(
        *asked.lock().unwrap(),
        ["root", "id", "root", "vector", "root", "id"]
    );
    assert_eq!(facts.committed.get(), 101);
    assert_eq!(facts.committed_after.map(Usn::get), Some(109));
    assert_eq!(facts.vectors[&domain()], other(77), "own entry left out");
    assert!(facts.instance_types[&domain()].is_writable());
    assert!(facts.unreadable.is_empty());
    assert!(facts.started_at <= facts.committed_at && facts.committed_at <= facts.vectors_at);
    let skew = facts.skew_ms.unwrap();
    assert_eq!(
        facts.committed_at.plus_ms(skew).to_string(),
        "2020-01-01T00:00:00.000Z"
    );
    assert_eq!(facts.tombstone_lifetime_days, None);
    assert!(facts.identity.is_global_catalog && !facts.identity.is_read_only);
    assert_eq!(facts.identity.site, "Home");
}

#[tokio::test]
async fn without_wanted_contexts_no_vector_is_asked_for() {
    let dc = Dc::new();
    let asked = Arc::clone(&dc.asked);
    let mut session = open(dc.start()).await;
    let only_tombstones = Wanted {
        tombstones: true,
        ..Wanted::default()
    };
    let facts = read_facts(&mut session, &only_tombstones).await.unwrap();
    assert_eq!(
        *asked.lock().unwrap(),
        ["root", "id", "root", "tombstones", "id"]
    );
    assert_eq!(facts.committed_after, None);
    assert_eq!(facts.tombstone_lifetime_days, Some(60), "absent means 60");
}

#[tokio::test]
async fn an_incarnation_that_changes_meanwhile_voids_the_reading() {
    let mut dc = Dc::new();
    dc.ids = vec![OWN, [9; 16]];
    let mut session = open(dc.start()).await;
    let error = read_facts(&mut session, &wanted()).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Protocol);
    assert!(
        error.to_string().contains("invocationId changed"),
        "{error}"
    );
}

#[tokio::test]
async fn the_constructed_attribute_stands_in() {
    let mut binary = OTHER.to_vec();
    binary.extend(88_i64.to_le_bytes());
    binary.extend([0; 12]);
    let id = InvocationId::from_octets(OTHER);
    let xml = format!(
        "<x><uuidSourceDsaInvocationID>{id}</uuidSourceDsaInvocationID><usnAttributeFilter>99</usnAttributeFilter></x>\0"
    );
    for (name, value, usn) in [
        ("msDS-NCReplCursors;binary", binary, 88),
        ("msDS-NCReplCursors", xml.into_bytes(), 99),
    ] {
        let mut dc = Dc::new();
        dc.vector = None;
        dc.cursors = Some((name, value));
        let mut session = open(dc.start()).await;
        let facts = read_facts(&mut session, &wanted()).await.unwrap();
        assert_eq!(facts.vectors[&domain()], other(usn), "{name}");
    }
}

#[tokio::test]
async fn an_absent_vector_is_empty_only_where_no_other_dc_is() {
    for (holders, empty) in [(1, true), (3, false), (0, false)] {
        let mut dc = Dc::new();
        dc.vector = None;
        dc.holders = holders;
        let mut session = open(dc.start()).await;
        let facts = read_facts(&mut session, &wanted()).await.unwrap();
        assert_eq!(
            facts.vectors.get(&domain()).is_some_and(Vector::is_empty),
            empty
        );
        assert_eq!(facts.unreadable.contains_key(&domain()), !empty);
    }
    let mut dc = Dc::new();
    dc.vector = Some(b"nonsense".to_vec());
    let mut session = open(dc.start()).await;
    let facts = read_facts(&mut session, &wanted()).await.unwrap();
    let reason = &facts.unreadable[&domain()];
    assert!(reason.contains("replUpToDateVector, byte"), "{reason}");
}

#[tokio::test]
async fn who_answers_is_checked() {
    let mut dc = Dc::new();
    dc.class = "nTDSDSARO";
    let mut session = open(dc.start()).await;
    assert!(identify(&mut session).await.unwrap().is_read_only);

    let mut hidden = Dc::new();
    hidden.id_visible = false;
    let mut session = open(hidden.start()).await;
    let error = identify(&mut session).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Permission);
    assert!(error.to_string().contains("dsacls"), "{error}");

    for (name, fits) in [("dc1", true), ("DC2", false)] {
        let mut dc = settings(Dc::new().start());
        dc.server_name = Some(name.to_owned());
        let mut session = Session::open(&dc, Port::Directory).await.unwrap();
        match identify(&mut session).await {
            Ok(_) => assert!(fits),
            Err(error) => {
                assert!(!fits);
                assert!(matches!(error, DirectoryError::WrongDc { .. }), "{error}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_no_domain_controller_is_told() {
    let mut session = open(serve(|request| Act::Answer(request.entry("", &[])))).await;
    let error = identify(&mut session).await.unwrap_err();
    assert!(error.to_string().contains("no Active Directory"), "{error}");
}

#[tokio::test]
async fn the_check_tells_what_to_grant() {
    let mut dc = Dc::new();
    dc.vector = None;
    let mut session = open(dc.start()).await;
    let items = check_access(&mut session, &wanted()).await;
    let find = |name: &str| {
        items
            .iter()
            .find(|item| item.item.starts_with(name))
            .unwrap()
    };
    assert_eq!(find("identity").verdict, Verdict::Ok);
    assert_eq!(find("clock").verdict, Verdict::Fail, "years off");
    let vector = find("vector of DC=lab,DC=test");
    assert_eq!(vector.verdict, Verdict::Warn);
    let grant = vector.grant.as_ref().unwrap();
    assert!(
        grant
            .dsacls
            .contains("Monitor Active Directory Replication")
    );
    assert!(
        grant
            .samba_tool
            .contains("bf967a16-0de6-11d0-a285-00aa003049e2")
    );
    let deletions = find("deletions in DC=lab,DC=test");
    assert_eq!(deletions.verdict, Verdict::Warn, "none seen proves nothing");
    assert!(
        deletions
            .grant
            .as_ref()
            .unwrap()
            .dsacls
            .contains("CN=Deleted Objects")
    );
}
