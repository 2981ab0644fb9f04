//! Reading changes from a DC that sends long attributes in ranges, changes meanwhile, or forgets the GUIDs.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use super::server::{Act, Request, found, message, paged, result, serve, settings};
use crate::directory::{
    ChangeQuery, ChangeSource, DirectoryError, Port, Projection, Reading, Search, Session, Target,
    read_position,
};
use crate::model::{Attribute, AttributeOid, Image, ObjectGuid, Schema, Syntax, Usn};

type Values = Vec<Vec<u8>>;

fn schema() -> Schema {
    let mut schema = Schema::default();
    let attribute = Attribute {
        oid: AttributeOid::new("2.5.4.31"),
        name: "member".to_owned(),
        syntax: Syntax::Dn,
        is_single_valued: false,
        link_id: Some(2),
        is_confidential: false,
        is_not_replicated: false,
        is_constructed: false,
    };
    schema.insert(attribute, Some(31));
    schema
}

fn guid(number: u8) -> ObjectGuid {
    ObjectGuid::from_octets([number; 16])
}

fn text(value: &str) -> Values {
    vec![value.as_bytes().to_vec()]
}

/// A group of `size` members, served three at a time.
#[derive(Clone)]
struct Group {
    size: u8,
    /// uSNChanged, one for each time it is shown; the last one stays.
    usns: Vec<&'static str>,
    /// Gone when its next range is asked for.
    is_gone: bool,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Group {
    fn new(size: u8) -> Self {
        Self {
            size,
            usns: vec!["50"],
            is_gone: false,
            asked: Arc::default(),
        }
    }

    fn entry(&mut self, from: u8) -> Vec<(String, Values)> {
        let usn = if self.usns.len() > 1 {
            self.usns.remove(0)
        } else {
            self.usns[0]
        };
        let end = from.saturating_add(3).min(self.size);
        let last = if end == self.size {
            "*".to_owned()
        } else {
            (end - 1).to_string()
        };
        let members = (from..end)
            .map(|at| format!("<GUID={}>;CN=m{at}", guid(at)).into_bytes())
            .collect();
        vec![
            ("objectGUID".to_owned(), vec![vec![200; 16]]),
            ("uSNChanged".to_owned(), text(usn)),
            ("member".to_owned(), Vec::new()),
            (format!("member;range={from}-{last}"), members),
        ]
    }

    fn act(&mut self, request: &Request) -> Act {
        let asked_range =
            (0..self.size).find(|from| request.has(&format!("member;range={from}-*")));
        let what = match asked_range {
            Some(from) => format!("range {from}"),
            None if request.has("<GUID=") => "object".to_owned(),
            None => "page".to_owned(),
        };
        self.asked.lock().unwrap().push(what);
        assert!(request.has("1.2.840.113556.1.4.417") && request.has("1.2.840.113556.1.4.529"));
        if self.is_gone && asked_range.is_some() {
            return Act::Answer(request.done(32, "gone"));
        }
        let attributes = self.entry(asked_range.unwrap_or(0));
        let attributes: Vec<(&str, Values)> = attributes
            .iter()
            .map(|(name, values)| (name.as_str(), values.clone()))
            .collect();
        let dn = format!("<GUID={}>;CN=g,DC=lab,DC=test", guid(200));
        // A first page that announces a second, empty one.
        let cookie = if asked_range.is_none() && !request.has("<GUID=") && !request.has("again") {
            "again"
        } else {
            ""
        };
        let entry = if request.has("again") {
            Vec::new()
        } else {
            message(request.id, &found(&dn, &attributes), &[])
        };
        let done = message(request.id, &result(0x65, 0, ""), &paged(cookie));
        Act::Answer([entry, done].concat())
    }

    fn start(mut self) -> SocketAddr {
        serve(move |request| self.act(request))
    }
}

async fn open(address: SocketAddr) -> Session {
    Session::open(&settings(address), Port::Directory)
        .await
        .unwrap()
}

async fn all(
    session: &mut Session,
    reading: &Reading<'_>,
    query: &ChangeQuery<'_>,
) -> Result<Vec<Image>, DirectoryError> {
    let (mut all, mut search) = (Vec::new(), Search::new(reading, query));
    while let Some(images) = search.next(session).await? {
        all.extend(images);
    }
    Ok(all)
}

/// What a pass over this group reads, and what it asked for.
async fn pass(group: Group) -> (Result<Vec<Image>, String>, Vec<String>) {
    let asked = Arc::clone(&group.asked);
    let schema = schema();
    let projection = Projection::new(&schema, &["member".to_owned()], &[]).unwrap();
    let reading = Reading::new(&schema, &projection);
    let mut session = open(group.start()).await;
    let query = ChangeQuery {
        base: Target::Dn("DC=lab,DC=test".parse().unwrap()),
        floor: Usn::ZERO,
        ceiling: None,
        filter: None,
    };
    let read = all(&mut session, &reading, &query).await;
    let asked = asked.lock().unwrap().clone();
    (read.map_err(|error| error.to_string()), asked)
}

fn members(image: &Image) -> Vec<ObjectGuid> {
    let links = &image.links[&AttributeOid::new("2.5.4.31")];
    links.iter().map(|link| link.target).collect()
}

#[tokio::test]
async fn a_long_attribute_is_read_to_its_end() {
    let (read, asked) = pass(Group::new(8)).await;
    let read = read.unwrap();
    assert_eq!(asked, ["page", "range 3", "range 6", "page"]);
    assert_eq!(read.len(), 1);
    assert_eq!(members(&read[0]), (0..8).map(guid).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_object_that_changes_meanwhile_is_read_again() {
    let mut group = Group::new(8);
    group.usns = vec!["50", "50", "51"];
    let (read, asked) = pass(group).await;
    assert_eq!(
        asked,
        [
            "page", "range 3", "range 6", "object", "range 3", "range 6", "page"
        ]
    );
    let read = read.unwrap();
    assert_eq!(
        (read[0].usn_changed.get(), members(&read[0]).len()),
        (51, 8)
    );
}

#[tokio::test]
async fn an_object_that_never_rests_is_given_up() {
    let mut group = Group::new(8);
    group.usns = ["50", "51"].repeat(20);
    let (read, asked) = pass(group).await;
    let said = read.unwrap_err();
    assert!(
        said.contains("CN=g,DC=lab,DC=test") && said.contains("it changed"),
        "{said}"
    );
    assert_eq!(asked.iter().filter(|what| *what == "range 3").count(), 5);
}

#[tokio::test]
async fn an_object_that_is_gone_meanwhile_is_left_out() {
    let mut group = Group::new(8);
    group.is_gone = true;
    assert_eq!(pass(group).await.0.unwrap(), []);
}

#[tokio::test]
async fn one_object_by_its_guid_or_none() {
    let schema = schema();
    let projection = Projection::new(&schema, &["member".to_owned()], &[]).unwrap();
    let reading = Reading::new(&schema, &projection);
    let mut session = open(Group::new(4).start()).await;
    let image = session.object(guid(200), &reading).await.unwrap();
    assert_eq!(members(&image.unwrap()).len(), 4);

    let mut session = open(serve(|request| {
        Act::Answer(request.done(32, "no such object"))
    }))
    .await;
    let none = session.object(guid(9), &reading).await.unwrap();
    assert_eq!(none, None);
}

#[tokio::test]
async fn a_dc_that_forgets_the_guids_is_found_out() {
    let address = serve(|request| {
        let attributes = [
            ("objectGUID", vec![vec![200; 16]]),
            ("uSNChanged", text("1")),
            ("member", text("CN=a,DC=lab,DC=test")),
        ];
        Act::Answer(request.entry("CN=g,DC=lab,DC=test", &attributes))
    });
    let schema = schema();
    let projection = Projection::new(&schema, &["member".to_owned()], &[]).unwrap();
    let reading = Reading::new(&schema, &projection);
    let mut session = open(address).await;
    let error = session.object(guid(200), &reading).await.unwrap_err();
    let said = error.to_string();
    assert!(said.contains("member of CN=g,DC=lab,DC=test"), "{said}");
    assert!(said.contains("extended DN control"), "{said}");
}

#[tokio::test]
async fn membership_in_a_filter_is_asked_in_batches() {
    let asked = Arc::new(Mutex::new(0));
    let count = Arc::clone(&asked);
    let address = serve(move |request| {
        *count.lock().unwrap() += 1;
        assert!(!request.has("1.2.840.113556.1.4.417"), "only live objects");
        let found: Vec<u8> = [3_u8, 250]
            .into_iter()
            .filter(|number| {
                request
                    .bytes
                    .windows(16)
                    .any(|bytes| bytes == [*number; 16])
            })
            .flat_map(|number| {
                let attributes = [("objectGUID", vec![vec![number; 16]])];
                message(request.id, &found("CN=x", &attributes), &[])
            })
            .collect();
        Act::Answer([found, request.done(0, "")].concat())
    });
    let mut session = open(address).await;
    let guids: Vec<ObjectGuid> = (0..=255).map(guid).collect();
    let base = "OU=people,DC=lab,DC=test".parse().unwrap();
    let found = session
        .matching(&base, "objectClass=user", &guids)
        .await
        .unwrap();
    assert_eq!(found, BTreeSet::from([guid(3), guid(250)]));
    assert_eq!(*asked.lock().unwrap(), 2);
    assert!(
        session
            .matching(&base, "a=b", &[])
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn groups_come_in_ranges_too() {
    let address = serve(|request| {
        let (name, number) = if request.has("memberOf;range=1-*") {
            ("memberOf;range=1-*", 8)
        } else {
            ("memberOf;range=0-0", 7)
        };
        let mut value = String::new();
        write!(value, "<GUID={}>;CN=group", guid(number)).unwrap();
        Act::Answer(request.entry("CN=x", &[(name, vec![value.into_bytes()])]))
    });
    let mut session = open(address).await;
    assert_eq!(
        session.member_of(guid(1)).await.unwrap(),
        [guid(7), guid(8)]
    );
    let mut session = open(serve(|request| Act::Answer(request.done(32, "")))).await;
    assert!(session.member_of(guid(1)).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_position_is_read_identity_first_and_the_usn_last() {
    let dc = super::reading::Dc::new();
    let asked = Arc::clone(&dc.asked);
    let mut session = open(dc.start()).await;
    let domain = "DC=lab,DC=test".parse().unwrap();
    let position = read_position(&mut session, &[domain]).await.unwrap();
    assert_eq!(*asked.lock().unwrap(), ["root", "id", "vector", "root"]);
    assert_eq!(
        position.committed.get(),
        101,
        "the second time it was shown"
    );
    assert_eq!(position.vectors.len(), 1);
    assert!(position.unreadable.is_empty() && position.synchronized);
    assert_eq!(position.schema.as_str(), "CN=Schema,CN=x");
}
