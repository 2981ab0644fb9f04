//! Reading a whole domain as a feed does, compared with what the DC's own database holds.
//!
//! The reading runs in the client's view, where the DCs are: this test's own binary again, with the ignored test below.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::prelude::*;
use highwater::config::{Credentials, DcSettings, Security, Timeouts, TlsTrust};
use highwater::directory::{
    ChangeQuery, ChangeSource, Port, Projection, Reading, Search, Session, Target, read_position,
};
use highwater::model::{Dn, Image, ObjectGuid, Schema, Usn};
use serde_json::{Value, json};

use super::lab::{CLIENT, Lab, host, script, show};

const MEMBERS: usize = 3000;
const FOLDER: &str = "HIGHWATER_SAMBA_FOLDER";
pub(crate) const AUTHORITY: &str = "HIGHWATER_SAMBA_CA";

/// A group of many contacts; one contact is deleted, one renamed, one user is made.
fn changes_of_every_kind() -> String {
    let mut ldif =
        "dn: CN=big,OU=Lab,DC=lab,DC=test\nchangetype: add\nobjectClass: group\n\n".to_owned();
    let mut members =
        "dn: CN=big,OU=Lab,DC=lab,DC=test\nchangetype: modify\nadd: member\n".to_owned();
    for at in 0..MEMBERS {
        let dn = format!("CN=m{at:04},OU=Lab,DC=lab,DC=test");
        write!(ldif, "dn: {dn}\nchangetype: add\nobjectClass: contact\n\n").unwrap();
        writeln!(members, "member: {dn}").unwrap();
    }
    ldif + &members
        + "\ndn: CN=shared1,OU=Lab,DC=lab,DC=test\nchangetype: delete\n\n\
           dn: CN=shared2,OU=Lab,DC=lab,DC=test\nchangetype: modrdn\nnewrdn: CN=renamed, at\ndeleteoldrdn: 1\n\n\
           dn: CN=person,OU=Lab,DC=lab,DC=test\nchangetype: add\nobjectClass: user\nsAMAccountName: person\nsn: Größe\n\n"
            .replace("renamed, at", "renamed\\, at")
            .as_str()
}

#[test]
fn a_whole_domain_is_read_as_the_dc_holds_it() {
    let lab = Lab::fresh();
    let file = lab.scratch().join("changes.ldif");
    std::fs::write(&file, changes_of_every_kind()).unwrap();
    let url = format!("ldaps://{}", host("dc1"));
    let words = [
        "ldapmodify",
        "-x",
        "-H",
        &url,
        "-D",
        "administrator@LAB.TEST",
        "-w",
        "Passw0rd.Lab1",
    ];
    let words = [&words[..], &["-f", file.to_str().unwrap()]].concat();
    lab.exec(CLIENT, &words).success();
    lab.settle();

    let folder = format!("{FOLDER}={}", lab.scratch().display());
    let authority = format!("{AUTHORITY}={}/ca/ca.pem", lab.folder().display());
    let own = std::env::current_exe().unwrap();
    let name = "reading::read_in_the_clients_view";
    let words = [
        "env",
        &folder,
        &authority,
        own.to_str().unwrap(),
        name,
        "--exact",
        "--ignored",
        "--nocapture",
    ];
    show(&lab.exec(CLIENT, &words).success().stderr);

    let names = lab.scratch().join("names.json");
    let theirs = lab
        .exec(
            "dc1",
            &[
                "/usr/bin/python3",
                &script("reading.py"),
                names.to_str().unwrap(),
            ],
        )
        .success()
        .json();
    let ours = std::fs::read_to_string(lab.scratch().join("read.json")).unwrap();
    compare(&serde_json::from_str(&ours).unwrap(), &theirs);
}

/// Both have the same objects, and each object the same in every part.
fn compare(ours: &Value, theirs: &Value) {
    let (ours, theirs) = (ours.as_object().unwrap(), theirs.as_object().unwrap());
    let keys = |all: &serde_json::Map<String, Value>| all.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(keys(ours), keys(theirs));
    assert!(ours.len() > MEMBERS);
    for (guid, one) in ours {
        let other = &theirs[guid];
        for part in ["dn", "deleted", "stamps", "values", "links", "usn"] {
            assert_eq!(one[part], other[part], "{part} of {guid}, {}", one["dn"]);
        }
    }
    let deleted = ours.values().filter(|one| one["deleted"] == true).count();
    assert!(
        deleted >= 2,
        "the contact, and the container of deleted objects"
    );
}

#[tokio::test]
#[ignore = "a part of a_whole_domain_is_read_as_the_dc_holds_it, in the client's view"]
async fn read_in_the_clients_view() {
    let folder = PathBuf::from(std::env::var(FOLDER).unwrap());
    let authority = PathBuf::from(std::env::var(AUTHORITY).unwrap());
    let dc = administrator(&authority);
    let mut session = Session::open(&dc, Port::Directory).await.unwrap();
    let nc: Dn = "DC=lab,DC=test".parse().unwrap();
    let position = read_position(&mut session, std::slice::from_ref(&nc))
        .await
        .unwrap();
    assert_eq!(
        position.vectors[&nc].len(),
        2,
        "the two partners: {position:?}"
    );
    let schema = session.schema(&position.schema).await.unwrap();
    assert!(schema.len() > 1400, "{}", schema.len());
    let projection = Projection::new(&schema, &["*".to_owned()], &[]).unwrap();
    let reading = Reading::new(&schema, &projection);

    let all = read_all(&mut session, &reading, &nc, Usn::ZERO, None).await;
    assert_eq!(all.iter().map(|image| image.unknown_stamps).sum::<u32>(), 0);
    assert!(all.iter().all(|image| image.stamps_readable));
    for other in [
        "CN=Configuration,DC=lab,DC=test",
        "DC=DomainDnsZones,DC=lab,DC=test",
        position.schema.as_str(),
    ] {
        let images = read_all(
            &mut session,
            &reading,
            &other.parse().unwrap(),
            Usn::ZERO,
            None,
        )
        .await;
        assert!(images.len() > 5, "{other}");
        assert!(
            images
                .iter()
                .all(|image| image.stamps_readable && image.unknown_stamps == 0),
            "{other}"
        );
    }
    check_chunks(&mut session, &reading, &nc, position.committed, &all).await;
    check_group(&mut session, &reading, &schema, &all).await;

    let names: BTreeMap<String, String> = schema
        .iter()
        .filter(|one| projection.wants(&one.oid))
        .map(|one| (one.name.clone(), one.oid.to_string()))
        .collect();
    std::fs::write(folder.join("names.json"), json!(names).to_string()).unwrap();
    let shown: BTreeMap<String, Value> = all
        .iter()
        .map(|image| (image.guid.to_string(), as_json(image, &schema)))
        .collect();
    std::fs::write(folder.join("read.json"), json!(shown).to_string()).unwrap();
    show(&format!(
        "{} objects, {} attributes followed",
        all.len(),
        names.len()
    ));
}

/// dc1 as the administrator sees it over LDAPS; `authority` is the file of the lab's CA.
pub(crate) fn administrator(authority: &Path) -> DcSettings {
    DcSettings {
        name: "dc1".parse().unwrap(),
        host: host("dc1"),
        address: None,
        port: 636,
        global_catalog_port: 3269,
        server_name: None,
        security: Security::Ldaps,
        trust: TlsTrust::File(authority.to_owned()),
        credentials: Credentials::Simple {
            user: "administrator@LAB.TEST".to_owned(),
            password: "Passw0rd.Lab1".to_owned().into(),
        },
        timeouts: Timeouts {
            connect: Duration::from_secs(20),
            operation: Duration::from_mins(1),
            search: Duration::from_mins(2),
        },
    }
}

async fn read_all(
    session: &mut Session,
    reading: &Reading<'_>,
    nc: &Dn,
    floor: Usn,
    ceiling: Option<Usn>,
) -> Vec<Image> {
    let query = ChangeQuery {
        base: Target::Dn(nc.clone()),
        floor,
        ceiling,
        filter: None,
    };
    let (mut all, mut search) = (Vec::new(), Search::new(reading, &query));
    while let Some(images) = search.next(session).await.unwrap() {
        assert!(images.len() <= 1000);
        all.extend(images);
    }
    all
}

/// Two chunks and what is above them are the whole.
async fn check_chunks(
    session: &mut Session,
    reading: &Reading<'_>,
    nc: &Dn,
    committed: Usn,
    all: &[Image],
) {
    let middle = Usn::new(committed.get() / 2).unwrap();
    let lower = read_all(session, reading, nc, Usn::ZERO, Some(middle)).await;
    let upper = read_all(session, reading, nc, middle, Some(committed)).await;
    assert!(lower.iter().all(|image| image.usn_changed <= middle));
    assert!(upper.iter().all(|image| image.usn_changed > middle));
    assert_eq!(lower.len() + upper.len(), all.len());
}

/// The large group by its GUID, its members in the filter, and the way back from a member.
async fn check_group(session: &mut Session, reading: &Reading<'_>, schema: &Schema, all: &[Image]) {
    let named = |dn: &str| all.iter().find(|image| image.dn.starts_with(dn)).unwrap();
    let big = named("CN=big,");
    let again = session.object(big.guid, reading).await.unwrap();
    assert_eq!(again.as_ref(), Some(big));
    let members: Vec<ObjectGuid> = big.links[&schema.named("member").unwrap().oid]
        .iter()
        .map(|link| link.target)
        .collect();
    assert_eq!(members.len(), MEMBERS);
    let lab: Dn = "OU=Lab,DC=lab,DC=test".parse().unwrap();
    let found = session
        .matching(&lab, "(objectClass=contact)", &members)
        .await
        .unwrap();
    assert_eq!(found, members.iter().copied().collect());
    let deleted = all
        .iter()
        .find(|image| image.dn.starts_with("CN=shared1\\0ADEL:"))
        .unwrap();
    let asked = [deleted.guid, members[0], big.guid];
    let found = session
        .matching(&lab, "objectClass=contact", &asked)
        .await
        .unwrap();
    assert_eq!(
        found,
        BTreeSet::from([members[0]]),
        "neither the deleted contact nor the group"
    );
    assert_eq!(session.member_of(members[0]).await.unwrap(), [big.guid]);
    let parent = deleted.last_known_parent.as_deref();
    assert_eq!(parent, Some("OU=Lab,DC=lab,DC=test"));
    assert!(
        all.iter()
            .any(|image| image.dn.starts_with("CN=renamed\\, at,"))
    );
    let nobody: ObjectGuid = "00000000-1111-2222-3333-444444444444".parse().unwrap();
    assert_eq!(session.object(nobody, reading).await.unwrap(), None);
}

fn as_json(image: &Image, schema: &Schema) -> Value {
    let name = |oid| schema.attribute(oid).unwrap().name.clone();
    let stamps: BTreeMap<String, Value> = image
        .stamps
        .iter()
        .map(|(oid, one)| {
            let (stamp, origin) = (one.stamp, one.stamp.origin.to_string());
            (
                name(oid),
                json!([stamp.version, stamp.seconds, origin, stamp.usn, one.local]),
            )
        })
        .collect();
    let values: BTreeMap<String, Vec<String>> = image
        .values
        .iter()
        .map(|(oid, values)| {
            let mut values: Vec<String> = values
                .iter()
                .map(|value| BASE64_STANDARD.encode(value))
                .collect();
            values.sort();
            (name(oid), values)
        })
        .collect();
    let links: BTreeMap<String, BTreeSet<String>> = image
        .links
        .iter()
        .map(|(oid, links)| {
            (
                name(oid),
                links.iter().map(|link| link.target.to_string()).collect(),
            )
        })
        .collect();
    json!({
        "dn": image.dn,
        "usn": image.usn_changed,
        "deleted": image.is_deleted,
        "stamps": stamps,
        "values": values,
        "links": links,
    })
}
