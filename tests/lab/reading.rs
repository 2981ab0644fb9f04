//! What a reader of changes asks of a DC: the schema, names with GUIDs, back links, and bases by GUID.

use std::collections::{BTreeMap, BTreeSet};

use highwater::directory::{Control, DirectoryError, Entry, Query, Scope, Session, filter_value};
use highwater::lab::forest::{
    Attribute, DOMAIN, Kind, MEMBER, Traffic, Weights, definitions, dn, text,
};
use uuid::Uuid;

use crate::bed::{BUSY, Bed, name};

const DOMAIN_DN: &str = "DC=sim,DC=test";
const SCHEMA_DN: &str = "CN=Schema,CN=Configuration,DC=sim,DC=test";

async fn session(bed: &Bed) -> Session {
    let dc = &bed.settings.dcs[&name(0)];
    Session::open(dc, highwater::directory::Port::Directory)
        .await
        .unwrap()
}

fn query<'a>(base: &'a str, filter: &'a str, attributes: &'a [&'a str]) -> Query<'a> {
    Query {
        base,
        scope: Scope::Subtree,
        filter,
        attributes,
        controls: Vec::new(),
    }
}

/// The extended DN control; `None` leaves its value out.
fn extended(flag: Option<u8>) -> Control {
    Control {
        oid: "1.2.840.113556.1.4.529".to_owned(),
        critical: true,
        value: flag.map(|flag| vec![0x30, 3, 2, 1, flag]),
    }
}

fn line<'a>(entry: &'a Entry, name: &str) -> &'a str {
    std::str::from_utf8(entry.first(name).unwrap()).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let digits = digits.map(|digit| char::from_digit(u32::from(digit), 16).unwrap());
    digits.collect()
}

fn first(bed: &Bed, kind: Kind) -> (Uuid, String) {
    bed.with(|forest, _| {
        let holder = forest.dc(0).unwrap();
        let guid = holder.of_kind(kind)[0];
        (guid, dn(forest, holder, guid).unwrap())
    })
}

#[tokio::test]
async fn the_schema_says_what_every_attribute_is() {
    let bed = Bed::new(11, 1).await;
    let mut session = session(&bed).await;
    let root = session
        .search_base("", &["schemaNamingContext"])
        .await
        .unwrap();
    assert_eq!(line(&root, "schemaNamingContext"), SCHEMA_DN);
    let wanted = query(SCHEMA_DN, "(objectClass=attributeSchema)", &["*"]);
    let mut pages = session.pages(Query {
        scope: Scope::OneLevel,
        ..wanted
    });
    let mut found = BTreeMap::new();
    while let Some(page) = pages.next_page().await.unwrap() {
        for entry in page {
            found.insert(line(&entry, "lDAPDisplayName").to_owned(), entry);
        }
    }
    assert_eq!(found.len(), definitions().count());
    let seen = |name: &str, attribute: &str| {
        let entry: &Entry = &found[name];
        let value = entry.first(attribute);
        value.map(|value| String::from_utf8(value.to_vec()).unwrap())
    };
    let says = |name: &str, attribute: &str, value: &str| {
        assert_eq!(
            seen(name, attribute).as_deref(),
            Some(value),
            "{name} {attribute}"
        );
    };
    says("member", "linkID", "2");
    says("memberOf", "linkID", "3");
    says("member", "attributeID", "2.5.4.31");
    says("member", "attributeSyntax", "2.5.5.1");
    says("logonCount", "systemFlags", "17");
    says("canonicalName", "systemFlags", "20");
    says("unixUserPassword", "searchFlags", "128");
    says("proxyAddresses", "isSingleValued", "FALSE");
    says("pwdLastSet", "oMSyntax", "65");
    says("highwaterTestTag", "msDS-IntId", "-1975575547");
    assert_eq!(seen("mail", "msDS-IntId"), None);
    assert_eq!(seen("mail", "linkID"), None);
    let all = session
        .search_all(query(SCHEMA_DN, "(objectClass=*)", &["cn"]))
        .await
        .unwrap();
    assert_eq!(all.len(), found.len() + 1);
    let one = found["telephoneNumber"].dn.clone();
    let one = session.search_base(&one, &["attributeID"]).await.unwrap();
    assert_eq!(line(&one, "attributeID"), "2.5.4.20");
}

#[tokio::test]
async fn names_come_with_guids_and_sids_when_asked_for() {
    let bed = Bed::new(12, 1).await;
    let ((user, user_dn), (group, group_dn)) = (first(&bed, Kind::User), first(&bed, Kind::Group));
    bed.with(|forest, now| {
        forest.link(0, now, group, user, true).unwrap();
    });
    let mut session = session(&bed).await;
    let plain = session
        .search_base(&user_dn, &["objectSid", "memberOf"])
        .await
        .unwrap();
    let sid = plain.first("objectSid").unwrap().to_vec();
    assert_eq!(sid.len(), 28);
    assert!(
        plain
            .values("memberOf")
            .any(|group| group == group_dn.as_bytes())
    );
    for flag in [None, Some(0), Some(1)] {
        let by_guid = format!("(objectGUID={})", filter_value(group.to_bytes_le()));
        let mut found = session
            .search_all(Query {
                controls: vec![extended(flag)],
                ..query(DOMAIN_DN, &by_guid, &[MEMBER])
            })
            .await
            .unwrap();
        let entry = found.pop().unwrap();
        assert!(found.is_empty());
        let (own, its) = if flag == Some(1) {
            (group.to_string(), user.to_string())
        } else {
            (hex(&group.to_bytes_le()), hex(&user.to_bytes_le()))
        };
        assert!(
            entry.dn.starts_with(&format!("<GUID={own}>;<SID=")),
            "{}",
            entry.dn
        );
        assert!(entry.dn.ends_with(&format!(">;{group_dn}")), "{}", entry.dn);
        let members = entry.values(MEMBER);
        let members: BTreeSet<_> = members
            .map(|m| String::from_utf8(m.to_vec()).unwrap())
            .collect();
        let sought = format!("<GUID={its}>;<SID=");
        let member = members
            .iter()
            .find(|member| member.starts_with(&sought))
            .unwrap();
        assert!(member.ends_with(&format!(">;{user_dn}")), "{member}");
        if flag != Some(1) {
            assert!(member.contains(&format!("<SID={}>", hex(&sid))), "{member}");
        }
    }
    // A unit has no SID; the deleted one's last parent is a name like any other.
    bed.with(|forest, now| forest.delete(0, now, user).unwrap());
    let found = session
        .search_all(Query {
            controls: vec![extended(Some(1)), Control::show_deleted()],
            ..query(
                DOMAIN_DN,
                "(&(isDeleted=TRUE)(objectSid=*))",
                &["lastKnownParent"],
            )
        })
        .await
        .unwrap();
    let parent = line(&found[0], "lastKnownParent");
    assert!(
        parent.starts_with("<GUID=") && parent.contains(">;OU="),
        "{parent}"
    );
}

#[tokio::test]
async fn a_base_may_be_a_guid() {
    let bed = Bed::new(13, 1).await;
    let (user, user_dn) = first(&bed, Kind::User);
    let mut session = session(&bed).await;
    let octets = hex(&user.to_bytes_le());
    for base in [format!("<GUID={user}>"), format!("<GUID={octets}>")] {
        let found = session.search_base(&base, &["objectGUID"]).await.unwrap();
        assert_eq!(found.dn, user_dn);
    }
    let nobody = format!("<GUID={}>", Uuid::nil());
    let gone = session.search_base(&nobody, &["cn"]).await.unwrap_err();
    assert!(
        matches!(gone, DirectoryError::Result { code: 32, .. }),
        "{gone}"
    );
    bed.with(|forest, now| forest.delete(0, now, user).unwrap());
    let hidden = session
        .search_base(&format!("<GUID={user}>"), &["cn"])
        .await;
    assert!(hidden.is_err());
}

#[tokio::test]
async fn filters_know_numbers_times_octets_and_bits() {
    let bed = Bed::new(14, 1).await;
    let (user, _) = first(&bed, Kind::User);
    bed.with(|forest, now| {
        let state = [(Attribute::UserAccountControl, text("514"))].into();
        forest.set(0, now + 5_000, user, state).unwrap();
    });
    let mut session = session(&bed).await;
    let users = bed.with(|forest, _| forest.dc(0).unwrap().of_kind(Kind::User).len());
    for (filter, count) in [
        ("(userAccountControl:1.2.840.113556.1.4.803:=2)", 1),
        ("(userAccountControl:1.2.840.113556.1.4.804:=3)", 1),
        ("(userAccountControl>=513)", 1),
        ("(&(objectClass=user)(!(userAccountControl<=513)))", 1),
        (
            "(&(userAccountControl=*)(|(userAccountControl=512)(userAccountControl=514)))",
            users,
        ),
        ("(whenChanged>=20270115080002.0Z)", 1),
        ("(&(objectClass=user)(sAMAccountName=us*r1))", 1),
        ("(unixUserPassword=*)", 0),
        ("(objectSid=S-1-5-18)", 0),
    ] {
        let found = session
            .search_all(query(DOMAIN_DN, filter, &["cn"]))
            .await
            .unwrap();
        assert_eq!(found.len(), count, "{filter}");
    }
}

/// By what a DC shows a reader rebuilds just what the forest holds, and the stamps are of attributes the schema knows.
#[tokio::test]
async fn what_is_shown_is_what_is_there() {
    let mut bed = Bed::new(15, 3).await;
    bed.traffic = Traffic::mixed(BUSY, Weights::EVERYTHING);
    bed.live(400);
    let state = bed.with(|forest, _| forest.state(0, DOMAIN).unwrap());
    let mut session = session(&bed).await;
    let wanted = ["*", "replPropertyMetaData", "msDS-ReplValueMetaData"];
    let found = session
        .search_all(query(DOMAIN_DN, "(uSNChanged>=1)", &wanted))
        .await
        .unwrap();
    let numbers: BTreeSet<u32> = definitions().map(|found| found.attid).collect();
    let mut tags = 0;
    let mut shown = BTreeMap::new();
    for entry in found {
        let guid = Uuid::from_slice_le(entry.first("objectGUID").unwrap()).unwrap();
        assert!(entry.values("unixUserPassword").is_empty());
        let stamps = entry.first("replPropertyMetaData").unwrap();
        for record in stamps[16..].chunks(48) {
            let attid = u32::from_le_bytes(record[..4].try_into().unwrap());
            assert!(numbers.contains(&attid), "{attid:#x}");
            assert_ne!(attid, Attribute::LogonCount.attid());
            tags += usize::from(attid == Attribute::TestTag.attid());
        }
        let links = entry.values("msDS-ReplValueMetaData");
        assert!(links.len() >= entry.values(MEMBER).len());
        shown.insert(guid, entry);
    }
    assert!(tags > 0);
    // The container of deleted objects counts as deleted.
    shown.retain(|_, entry| entry.first("isDeleted").is_none());
    assert_eq!(shown.len(), state.len());
    for (guid, truth) in &state {
        let entry = &shown[guid];
        assert_eq!(entry.dn, truth.dn);
        for (name, values) in &truth.attributes {
            assert_eq!(&entry.values(name).to_vec(), values, "{name} of {guid}");
        }
        let members: BTreeSet<Vec<u8>> = entry.values(MEMBER).map(<[u8]>::to_vec).collect();
        let sought = truth
            .members
            .iter()
            .map(|member| state[member].dn.clone().into_bytes());
        assert_eq!(members, sought.collect::<BTreeSet<_>>());
    }
}
