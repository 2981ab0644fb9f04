//! What a feed needs of a DC, on DCs that withhold some of it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::reading::Dc;
use super::server::{Act, Request, found, message, serve, settings};
use crate::config::{Feed, MaxDeletes};
use crate::directory::{Access, Port, Verdict, Wanted, check_feed};

/// What the DC withholds.
#[derive(Clone, Copy, PartialEq)]
enum Withheld {
    Nothing,
    Stamps,
    Guids,
    Objects,
    Deleted,
}

fn attribute_schema(request: &Request) -> Vec<u8> {
    let text = |value: &str| vec![value.as_bytes().to_vec()];
    let attributes = [
        ("attributeID", text("2.5.4.3")),
        ("lDAPDisplayName", text("cn")),
        ("attributeSyntax", text("2.5.5.12")),
        ("isSingleValued", text("TRUE")),
    ];
    request.entry("CN=Common-Name,CN=Schema,CN=x", &attributes)
}

fn object(request: &Request, withheld: Withheld) -> Vec<u8> {
    let name = match withheld {
        Withheld::Guids => "CN=ann,DC=lab,DC=test",
        _ => "<GUID=00000000-0000-0000-0000-000000000001>;CN=ann,DC=lab,DC=test",
    };
    let mut attributes = vec![
        ("objectGUID", vec![vec![1; 16]]),
        ("uSNChanged", vec![b"7".to_vec()]),
    ];
    if withheld != Withheld::Stamps {
        attributes.push(("replPropertyMetaData", vec![vec![1]]));
    }
    let one = message(request.id, &found(name, &attributes), &[]);
    [one, request.done(0, "")].concat()
}

async fn checked(withheld: Withheld) -> Vec<Access> {
    let mut dc = Dc::new();
    let address = serve(move |request| {
        Act::Answer(match () {
            () if request.has("attributeID") => attribute_schema(request),
            () if request.has("CN=Deleted Objects") && withheld == Withheld::Deleted => {
                request.done(32, "no such object")
            }
            () if request.has("CN=Deleted Objects") => object(request, Withheld::Nothing),
            () if request.has("replPropertyMetaData") && withheld == Withheld::Objects => {
                request.done(0, "")
            }
            () if request.has("replPropertyMetaData") => object(request, withheld),
            () => return dc.act(request),
        })
    });
    let wanted = Wanted {
        bases: vec!["DC=lab,DC=test".parse().unwrap()],
        ..Wanted::default()
    };
    let feed = Feed {
        filter: "(objectClass=*)".to_owned(),
        attributes: vec!["*".to_owned()],
        exclude: Vec::new(),
        poll: Duration::from_secs(1),
        overlap: 0,
        start_margin: 0,
        heartbeat: None,
        max_deletes: MaxDeletes::Number(0),
        backlog_bytes: 250_000_000,
        sinks: BTreeMap::new(),
    };
    check_feed(&settings(address), Port::Directory, &wanted, &feed).await
}

/// The items that are not well, as `name: verdict`.
fn unwell(items: &[Access]) -> Vec<(&str, Verdict)> {
    items
        .iter()
        .filter(|item| item.verdict != Verdict::Ok)
        .map(|item| (item.item.as_str(), item.verdict))
        .collect()
}

#[tokio::test]
async fn what_a_feed_lacks_is_told_with_what_to_grant() {
    let well = checked(Withheld::Nothing).await;
    assert_eq!(unwell(&well), []);
    assert_eq!(well.len(), 4, "{well:#?}");

    let stamps = checked(Withheld::Stamps).await;
    let item = "feed: stamps below DC=lab,DC=test";
    assert_eq!(unwell(&stamps), [(item, Verdict::Fail)]);
    let grant = stamps.iter().find_map(|item| item.grant.as_ref()).unwrap();
    assert_eq!(
        grant.dsacls,
        "dsacls \"CN=ann,DC=lab,DC=test\" /I:T /G \"DOMAIN\\account:RP;replPropertyMetaData\""
    );

    let guids = checked(Withheld::Guids).await;
    let item = "feed: names below DC=lab,DC=test";
    assert_eq!(unwell(&guids), [(item, Verdict::Fail)]);

    let none = checked(Withheld::Objects).await;
    let item = "feed: stamps below DC=lab,DC=test";
    assert_eq!(unwell(&none), [(item, Verdict::Warn)]);

    let deleted = checked(Withheld::Deleted).await;
    let item = "feed: deleted objects of DC=lab,DC=test";
    assert_eq!(unwell(&deleted), [(item, Verdict::Fail)]);
    let grant = deleted.iter().find_map(|item| item.grant.as_ref()).unwrap();
    assert!(grant.dsacls.contains("CN=Deleted Objects,DC=lab,DC=test"));
}
