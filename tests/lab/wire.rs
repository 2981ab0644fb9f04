//! The simulated DC answers as AD does: what a client must be able to rely on, and what it must not.

use highwater::config::Credentials;
use highwater::directory::{Control, DirectoryError, Port, Query, Scope, Session};
use highwater::lab::forest::{Attribute, DOMAIN, MEMBER, dn};
use highwater::model::FailureKind;

use crate::bed::{Bed, PATIENT, name, small};

async fn session(bed: &Bed, dc: usize) -> Session {
    let dc = &bed.settings.dcs[&name(dc)];
    Session::open(dc, Port::Directory).await.unwrap()
}

fn query<'a>(base: &'a str, filter: &'a str, deleted: bool) -> Query<'a> {
    Query {
        base,
        scope: Scope::Subtree,
        filter,
        attributes: &["uSNChanged", "objectGUID"],
        controls: if deleted {
            vec![Control::show_deleted()]
        } else {
            Vec::new()
        },
    }
}

const DOMAIN_DN: &str = "DC=sim,DC=test";

#[tokio::test]
async fn pages_have_a_thousand_entries_and_bring_every_object_once() {
    let mut shape = small(1);
    shape.users = 2_300;
    let bed = Bed::of(1, &shape, false, PATIENT).await;
    let mut session = session(&bed, 0).await;
    let mut pages = session.pages(query(DOMAIN_DN, "(objectClass=user)", false));
    let (mut sizes, mut guids) = (Vec::new(), std::collections::BTreeSet::new());
    while let Some(page) = pages.next_page().await.unwrap() {
        sizes.push(page.len());
        guids.extend(page.iter().map(|entry| entry.values("objectGUID").to_vec()));
    }
    assert_eq!(sizes, [1000, 1000, 300]);
    assert_eq!(guids.len(), 2_300);
    let some = session
        .search_some(&query(DOMAIN_DN, "(objectClass=user)", false), 7)
        .await
        .unwrap();
    assert_eq!(some.len(), 7);
}

#[tokio::test]
async fn usn_filters_and_tombstones_are_as_in_ad() {
    let mut bed = Bed::new(2, 2).await;
    bed.live(200);
    let (reached, above, dead) = bed.with(|forest, _| {
        let dc = forest.dc(0).unwrap();
        let mut usns: Vec<i64> = dc
            .objects
            .values()
            .filter(|object| object.nc == DOMAIN)
            .map(|object| object.changed)
            .collect();
        usns.sort_unstable();
        let reached = usns[usns.len() / 2];
        let above = usns.iter().filter(|usn| **usn >= reached).count();
        let dead = dc
            .objects
            .values()
            .filter(|o| o.nc == DOMAIN && o.is_deleted());
        (reached, above, dead.count())
    });
    assert!(dead > 3, "{dead}");
    let mut session = session(&bed, 0).await;
    let filter = format!("(uSNChanged>={reached})");
    let found = session
        .search_all(query(DOMAIN_DN, &filter, true))
        .await
        .unwrap();
    assert_eq!(found.len(), above);
    for entry in &found {
        let usn = std::str::from_utf8(entry.first("uSNChanged").unwrap()).unwrap();
        assert!(usn.parse::<i64>().unwrap() >= reached);
    }
    let deleted = "(isDeleted=TRUE)";
    let shown = session
        .search_all(query(DOMAIN_DN, deleted, true))
        .await
        .unwrap();
    assert_eq!(shown.len(), dead);
    let hidden = session
        .search_all(query(DOMAIN_DN, deleted, false))
        .await
        .unwrap();
    assert!(hidden.is_empty());
    let both = format!("(&(!(isDeleted=TRUE))(|(uSNChanged>={reached})(objectClass=group)))");
    let live = session
        .search_all(query(DOMAIN_DN, &both, true))
        .await
        .unwrap();
    assert!(!live.is_empty() && live.len() < above + 20);
    assert!(live.iter().all(|entry| !entry.dn.contains("DEL:")));
}

#[tokio::test]
async fn a_tombstone_keeps_little_and_loses_its_links() {
    let bed = Bed::new(3, 1).await;
    let (user, group) = bed.with(|forest, now| {
        let user = forest.new_user(0, 77, now).unwrap();
        let group = forest.new_group(0, 78, now).unwrap();
        forest.link(0, now, group, user, true).unwrap();
        (user, group)
    });
    let mut session = session(&bed, 0).await;
    let name_of = |guid| bed.with(|forest, _| dn(forest, forest.dc(0).unwrap(), guid).unwrap());
    let group_dn = name_of(group);
    let members = session.search_base(&group_dn, &[MEMBER]).await.unwrap();
    assert_eq!(
        members.values(MEMBER).to_vec(),
        [name_of(user).into_bytes()]
    );
    let before = session
        .search_base(&group_dn, &["uSNChanged"])
        .await
        .unwrap();
    bed.with(|forest, now| forest.delete(0, now, user).unwrap());
    let after = session
        .search_base(&group_dn, &["uSNChanged", MEMBER])
        .await
        .unwrap();
    // The link is gone and the group was not touched.
    assert!(after.values(MEMBER).is_empty());
    assert_eq!(after.first("uSNChanged"), before.first("uSNChanged"));

    let filter = "(sAMAccountName=user77)";
    let found = session
        .search_all(Query {
            attributes: &["*"],
            ..query(DOMAIN_DN, filter, true)
        })
        .await
        .unwrap();
    let [tombstone] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert!(
        tombstone.dn.ends_with(",CN=Deleted Objects,DC=sim,DC=test"),
        "{}",
        tombstone.dn
    );
    assert_eq!(tombstone.first("isDeleted"), Some(&b"TRUE"[..]));
    assert!(tombstone.first("lastKnownParent").is_some());
    assert!(tombstone.values("mail").is_empty());
    let gone = session
        .search_base(&tombstone.dn, &["name"])
        .await
        .unwrap_err();
    assert!(
        matches!(gone, DirectoryError::Result { code: 32, .. }),
        "{gone}"
    );
}

/// The stamps travel unchanged, but for the RDN attribute's, and every record has its local USN.
#[tokio::test]
async fn stamps_are_those_of_the_forest() {
    let mut bed = Bed::new(4, 2).await;
    bed.live(100);
    let user = bed.with(|forest, now| {
        let user = forest.new_user(1, 77, now).unwrap();
        forest.pull(0, 1, now).unwrap();
        user
    });
    let mut session = session(&bed, 0).await;
    let name = bed.with(|forest, _| dn(forest, forest.dc(0).unwrap(), user).unwrap());
    let entry = session
        .search_base(&name, &["replPropertyMetaData"])
        .await
        .unwrap();
    let blob = entry.first("replPropertyMetaData").unwrap();
    let int = |at: usize| u32::from_le_bytes(blob[at..at + 4].try_into().unwrap());
    let long = |at: usize| i64::from_le_bytes(blob[at..at + 8].try_into().unwrap());
    let object = bed.with(|forest, _| forest.dc(0).unwrap().objects[&user].clone());
    assert_eq!(
        (int(0), int(8)),
        (1, u32::try_from(object.attrs.len()).unwrap())
    );
    assert_eq!(blob.len(), 16 + 48 * object.attrs.len());
    for at in (16..blob.len()).step_by(48) {
        let mut all = Attribute::ALL.into_iter();
        let attribute = all.find(|attribute| attribute.attid() == int(at)).unwrap();
        let attr = &object.attrs[&attribute];
        assert_eq!(int(at + 4), attr.stamp.version);
        assert_eq!(long(at + 8), attr.stamp.seconds + 11_644_473_600);
        assert_eq!(blob[at + 16..at + 32], attr.stamp.by.to_octets());
        assert_eq!((long(at + 32), long(at + 40)), (attr.stamp.usn, attr.local));
        let origin = bed.with(|forest, _| {
            forest
                .dc(usize::from(!attribute.is_rdn()))
                .unwrap()
                .invocation_id
        });
        assert_eq!(attr.stamp.by, origin, "{attribute:?}");
    }
}

#[tokio::test]
async fn many_members_come_in_ranges() {
    let mut shape = small(1);
    shape.users = 3_100;
    let mut bed = Bed::of(5, &shape, false, PATIENT).await;
    bed.with(|forest, now| {
        let group = forest.new_group(0, 5_000, now).unwrap();
        let holder = forest.dc(0).unwrap();
        let users: Vec<_> = holder
            .objects
            .values()
            .filter(|o| o.is_a("user"))
            .map(|o| o.guid)
            .collect();
        for user in users {
            forest.link(0, now, group, user, true).unwrap();
        }
    });
    bed.poll().await;
    assert_eq!(bed.compare().missed, Vec::<String>::new());
    let mut session = session(&bed, 0).await;
    let found = session
        .search_all(Query {
            attributes: &[MEMBER],
            ..query(DOMAIN_DN, "(sAMAccountName=group5000)", false)
        })
        .await
        .unwrap();
    let group = &found[0];
    assert!(group.values(MEMBER).is_empty());
    assert_eq!(group.values("member;range=0-1499").len(), 1500);
    let last = session
        .search_base(&group.dn, &["member;range=3000-*"])
        .await
        .unwrap();
    assert_eq!(last.values("member;range=3000-*").len(), 100);
}

#[tokio::test]
async fn what_ad_refuses_is_refused() {
    let bed = Bed::of(6, &small(1), true, PATIENT).await;
    let mut dc = bed.settings.dcs[&name(0)].clone();
    let mut session = session(&bed, 0).await;
    let other = session
        .search_base("DC=other,DC=test", &["name"])
        .await
        .unwrap_err();
    assert!(
        matches!(other, DirectoryError::Result { code: 10, .. }),
        "{other}"
    );
    let none = session
        .search_base("OU=None,DC=sim,DC=test", &["name"])
        .await
        .unwrap_err();
    assert!(
        matches!(none, DirectoryError::Result { code: 32, .. }),
        "{none}"
    );
    let odd = Query {
        controls: vec![Control {
            oid: "1.2.3.4".to_owned(),
            critical: true,
            value: None,
        }],
        ..query(DOMAIN_DN, "(objectClass=*)", false)
    };
    let odd = session.search_all(odd).await.unwrap_err();
    assert!(
        matches!(odd, DirectoryError::Result { code: 12, .. }),
        "{odd}"
    );

    dc.credentials = Credentials::Anonymous;
    let mut anonymous = Session::open(&dc, Port::Directory).await.unwrap();
    highwater::directory::read_root(&mut anonymous)
        .await
        .unwrap();
    let denied = anonymous
        .search_base(DOMAIN_DN, &["name"])
        .await
        .unwrap_err();
    assert_eq!(denied.kind(), FailureKind::Permission, "{denied}");
    dc.credentials = Credentials::Simple {
        user: "reader@sim.test".to_owned(),
        password: "wrong".to_owned().into(),
    };
    let wrong = Session::open(&dc, Port::Directory).await.unwrap_err();
    assert_eq!(wrong.kind(), FailureKind::Credentials, "{wrong}");
}
