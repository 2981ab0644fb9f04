//! What a feed needs of a DC beyond what every sync needs, tried item by item.
//!
//! # Decisions
//! - It is tried on objects the feed would tell of, at its bases and with its filter: rights differ from place to place.
//! - What an attribute lacks on one of them is told with that object's name, so that the right can be looked up there.

use super::access::{Access, Grant, Verdict, read_deleted};
use super::connect::Port;
use super::entry::Entry;
use super::identify::{Identified, identified};
use super::projection::Projection;
use super::read::{Wanted, contexts};
use super::schema::read_schema;
use super::search::{Control, Query, Scope};
use super::session::Session;
use crate::config::{DcSettings, Feed};
use crate::model::Dn;

/// schemaIDGUID of replPropertyMetaData.
const STAMPS_GUID: &str = "281416c0-1968-11d0-a28f-00aa003049e2";
/// How many objects below each base are looked at.
const SOME: i32 = 50;

/// Connects to a DC and tries everything this feed needs there; a failure is an item, never an error.
pub async fn check_feed(dc: &DcSettings, port: Port, wanted: &Wanted, feed: &Feed) -> Vec<Access> {
    let mut session = match Session::open(dc, port).await {
        Ok(session) => session,
        Err(error) => return vec![Access::failed("feed", &error)],
    };
    let items = check_feed_access(&mut session, wanted, feed).await;
    session.close().await;
    items
}

/// Tries everything a feed needs on an open session.
pub async fn check_feed_access(session: &mut Session, wanted: &Wanted, feed: &Feed) -> Vec<Access> {
    let who = match identified(session).await {
        Ok(who) => who,
        Err(error) => return vec![Access::failed("feed", &error)],
    };
    let mut items = vec![schema(session, &who, feed).await];
    for base in &wanted.bases {
        items.extend(objects(session, base, feed).await);
    }
    for context in contexts(wanted, &who, session.port()).0 {
        if super::read::is_domain(&context) {
            items.push(deleted_objects(session, &context).await);
        }
    }
    items
}

async fn schema(session: &mut Session, who: &Identified, feed: &Feed) -> Access {
    let item = "feed: schema";
    let found = match read_schema(session, &who.root.schema).await {
        Ok(found) => found,
        Err(error) => return Access::failed(item, &error),
    };
    match Projection::new(&found, &feed.attributes, &feed.exclude) {
        Ok(projection) => Access::new(
            item,
            Verdict::Ok,
            format!(
                "readable; {} attributes are followed",
                projection.names().len()
            ),
        ),
        Err(error) => Access::new(item, Verdict::Fail, error.to_string()),
    }
}

/// The stamps and names of some objects below a base.
async fn objects(session: &mut Session, base: &Dn, feed: &Feed) -> Vec<Access> {
    let item = format!("feed: stamps below {base}");
    let query = Query {
        base: base.as_str(),
        scope: Scope::Subtree,
        filter: &feed.filter,
        attributes: &["objectGUID", "uSNChanged", "replPropertyMetaData"],
        controls: vec![Control::show_deleted(), Control::extended_dn()],
    };
    let found = match session.search_some(&query, SOME).await {
        Ok(found) => found,
        Err(error) => return vec![Access::failed(item, &error)],
    };
    let Some(first) = found.first() else {
        return vec![Access::new(
            item,
            Verdict::Warn,
            "no object matches the filter there, or the account may see none: whether stamps are readable cannot be told",
        )];
    };
    vec![stamps(item, &found), names(base, first)]
}

fn stamps(item: String, found: &[Entry]) -> Access {
    for (attribute, meaning) in [
        ("objectGUID", "the object cannot be told from others"),
        ("uSNChanged", "its changes are not found"),
        (
            "replPropertyMetaData",
            "what is new on it cannot be told from what was told before",
        ),
    ] {
        if let Some(entry) = found.iter().find(|entry| entry.first(attribute).is_none()) {
            let name = plain(&entry.dn);
            let finding = format!("{attribute} of {name} cannot be read: {meaning}");
            return Access::new(item, Verdict::Fail, finding)
                .granting(read_property(name, attribute));
        }
    }
    let finding = format!(
        "objectGUID, uSNChanged and replPropertyMetaData are readable on {} objects",
        found.len()
    );
    Access::new(item, Verdict::Ok, finding)
}

fn read_property(name: &str, attribute: &str) -> Grant {
    let right = match attribute {
        "replPropertyMetaData" => format!("(OA;CI;RP;{STAMPS_GUID};;SID)"),
        _ => "(A;CI;RP;;;SID)".to_owned(),
    };
    Grant {
        dsacls: format!("dsacls \"{name}\" /I:T /G \"DOMAIN\\account:RP;{attribute}\""),
        samba_tool: format!("samba-tool dsacl set --objectdn=\"{name}\" --sddl=\"{right}\""),
    }
}

/// ADTS 3.1.1.3.4.1.5: the control is not critical, so a server that does not know it leaves the GUIDs out.
fn names(base: &Dn, entry: &Entry) -> Access {
    let item = format!("feed: names below {base}");
    if entry.dn.starts_with("<GUID=") {
        return Access::new(item, Verdict::Ok, "names come with their GUIDs");
    }
    Access::new(
        item,
        Verdict::Fail,
        "the Extended DN control is ignored: links to renamed objects cannot be followed on this server",
    )
}

/// The name without the GUID and SID before it.
fn plain(dn: &str) -> &str {
    dn.rsplit(">;").next().unwrap_or(dn)
}

async fn deleted_objects(session: &mut Session, context: &Dn) -> Access {
    let item = format!("feed: deleted objects of {context}");
    let container = format!("CN=Deleted Objects,{context}");
    let query = Query {
        base: &container,
        scope: Scope::Base,
        filter: "(objectClass=*)",
        attributes: &["objectGUID"],
        controls: vec![Control::show_deleted()],
    };
    match session.search_some(&query, 1).await {
        Ok(found) if !found.is_empty() => Access::new(
            item,
            Verdict::Ok,
            "the container of deleted objects is visible",
        ),
        Ok(_) => Access::new(
            item,
            Verdict::Fail,
            format!("{container} cannot be seen: deletions would go unnoticed"),
        )
        .granting(read_deleted(context)),
        Err(error) => Access::failed(item, &error).granting(read_deleted(context)),
    }
}
