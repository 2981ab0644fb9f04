//! The ways in: StartTLS, and the global catalog.

use std::collections::BTreeMap;

use highwater::config::{DcSettings, Security};
use highwater::directory::{DirectoryError, Port, Query, Scope, Session, read_root};
use highwater::lab::forest::{Attribute, Forest, text};
use highwater::lab::server::{Fault, Lab};
use highwater::model::FailureKind;
use tempfile::TempDir;

use crate::bed::{PATIENT, small};

fn query<'a>(base: &'a str, filter: &'a str, attributes: &'a [&'a str]) -> Query<'a> {
    Query {
        base,
        scope: Scope::Subtree,
        filter,
        attributes,
        controls: Vec::new(),
    }
}

async fn refused(dc: &DcSettings, port: Port) -> DirectoryError {
    Session::open(dc, port).await.map(|_| ()).unwrap_err()
}

#[tokio::test]
async fn start_tls_covers_the_password_and_what_follows() {
    let folder = TempDir::new().unwrap();
    let forest = Forest::new(21, &small(2), 1_800_000_000_000).unwrap();
    let lab = Lab::start_tls(forest, folder.path()).unwrap();
    let mut dc = lab.settings(0, PATIENT).unwrap();
    assert_eq!(dc.security, Security::StartTls);
    for port in [Port::Directory, Port::GlobalCatalog] {
        let mut session = Session::open(&dc, port).await.unwrap();
        let found = session
            .search_all(query("DC=sim,DC=test", "(objectClass=user)", &["cn"]))
            .await
            .unwrap();
        assert_eq!(found.len(), 25);
        session.close().await;
    }
    // Another DC's name is not in this one's certificate.
    let other = lab.settings(1, PATIENT).unwrap();
    let wrong = DcSettings {
        host: other.host,
        ..dc.clone()
    };
    assert_eq!(
        refused(&wrong, Port::Directory).await.kind(),
        FailureKind::Tls
    );
    // In clear the rootDSE is there for everybody, and the password for nobody.
    dc.security = Security::Clear;
    let clear = refused(&dc, Port::Directory).await;
    assert!(clear.to_string().contains("LDAP 8"), "{clear}");
    dc.credentials = highwater::config::Credentials::Anonymous;
    let mut anonymous = Session::open(&dc, Port::Directory).await.unwrap();
    read_root(&mut anonymous).await.unwrap();
    dc.security = Security::Ldaps;
    refused(&dc, Port::Directory).await;
}

#[tokio::test]
async fn a_port_without_start_tls_says_so() {
    let forest = Forest::new(22, &small(1), 1_800_000_000_000).unwrap();
    let lab = Lab::start(forest, None).unwrap();
    let mut dc = lab.settings(0, PATIENT).unwrap();
    dc.security = Security::StartTls;
    let error = refused(&dc, Port::Directory).await;
    assert!(error.to_string().contains("52"), "{error}");
}

#[tokio::test]
async fn a_global_catalog_shows_the_partial_set() {
    let mut shape = small(2);
    shape.dcs[1].is_global_catalog = false;
    let forest = Forest::new(23, &shape, 1_800_000_000_000).unwrap();
    let mut lab = Lab::start(forest, None).unwrap();
    let dc = lab.settings(0, PATIENT).unwrap();
    assert_ne!(dc.port, dc.global_catalog_port);
    lab.with(|forest| {
        let user = forest.new_user(0, 77, 1_800_000_001_000).unwrap();
        let telephone = [(Attribute::TelephoneNumber, text("5"))].into();
        forest.set(0, 1_800_000_002_000, user, telephone).unwrap();
    });
    let wanted = ["cn", "mail", "telephoneNumber", "uSNChanged", "givenName"];
    let mut shown = Vec::new();
    for port in [Port::Directory, Port::GlobalCatalog] {
        let mut session = Session::open(&dc, port).await.unwrap();
        let base = if port == Port::Directory {
            "DC=sim,DC=test"
        } else {
            ""
        };
        let by_name = "(sAMAccountName=user77)";
        let mut found = session
            .search_all(query(base, by_name, &wanted))
            .await
            .unwrap();
        assert_eq!(found.len(), 1);
        let shows = found.pop().unwrap();
        let shows = shows.attributes();
        shown.push(
            shows
                .map(|(name, values)| (name.to_owned(), values.to_vec()))
                .collect::<BTreeMap<_, _>>(),
        );
        let by_telephone = query(base, "(telephoneNumber=5)", &wanted);
        let found = session.search_all(by_telephone).await.unwrap();
        assert_eq!(found.len(), usize::from(port == Port::Directory));
    }
    let [mut whole, partial] = <[_; 2]>::try_from(shown).unwrap();
    assert_eq!(whole.len(), 5);
    whole.retain(|name, _| name != "telephonenumber" && name != "givenname");
    assert_eq!(whole, partial);

    let none = lab.settings(1, PATIENT).unwrap();
    Session::open(&none, Port::Directory).await.unwrap();
    refused(&none, Port::GlobalCatalog).await;
    lab.kill(0).await.unwrap();
    refused(&dc, Port::GlobalCatalog).await;
    lab.revive(0).await.unwrap();
    lab.set_fault(0, Fault::Busy).unwrap();
    let mut session = Session::open(&dc, Port::GlobalCatalog).await.unwrap();
    let busy = session
        .search_all(query("", "(cn=x)", &wanted))
        .await
        .unwrap_err();
    assert!(
        matches!(busy, DirectoryError::Result { code: 51, .. }),
        "{busy}"
    );
}

/// A debug build answers many polls a second over some thousand objects: what a test under load relies on.
#[tokio::test]
async fn polls_of_a_large_forest_are_quick() {
    let mut shape = small(2);
    shape.users = 5_000;
    let forest = Forest::new(24, &shape, 1_800_000_000_000).unwrap();
    let usn = forest.dcs[0].usn;
    let lab = Lab::start(forest, None).unwrap();
    let dc = lab.settings(0, PATIENT).unwrap();
    let mut session = Session::open(&dc, Port::Directory).await.unwrap();
    let filter = format!("(uSNChanged>={})", usn - 20);
    let by_name = "CN=user4000,OU=";
    let name = lab.with(|forest| {
        let state = forest.state(0, highwater::lab::forest::DOMAIN).unwrap();
        let mut names = state.into_values().map(|truth| truth.dn);
        names.find(|name| name.starts_with(by_name)).unwrap()
    });
    let watch = highwater::clock::Stopwatch::start();
    for _ in 0..100 {
        let found = session
            .search_all(query(
                "DC=sim,DC=test",
                &filter,
                &["*", "replPropertyMetaData"],
            ))
            .await
            .unwrap();
        assert!(found.len() < 30);
        session.search_base(&name, &["*"]).await.unwrap();
    }
    let elapsed = watch.elapsed();
    // 200 searches, each of which would take tens of milliseconds if it looked at every object.
    assert!(elapsed.as_secs() < 10, "{elapsed:?}");
}
