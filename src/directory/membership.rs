//! Which objects match a filter, which lie below an object, and which groups it is in.

use std::collections::BTreeSet;

use super::changes::{Target, bracketed, read_by_guid, undecodable};
use super::decode::{DecodeError, extended_dn};
use super::draft::{guid, key_parts};
use super::entry::Entry;
use super::error::DirectoryError;
use super::refusal::NO_SUCH_OBJECT;
use super::search::{Query, Scope, filter_value};
use super::session::Session;
use crate::model::{Dn, ObjectGuid};

/// How many objects one filter names: 200 make about 12 KB of it.
const BATCH: usize = 200;

/// Which of these objects are alive, at or below `base`, and matched by the filter.
pub(super) async fn matching(
    session: &mut Session,
    base: &Dn,
    filter: &str,
    guids: &[ObjectGuid],
) -> Result<BTreeSet<ObjectGuid>, DirectoryError> {
    let filter = bracketed(filter);
    let mut found = BTreeSet::new();
    for batch in guids.chunks(BATCH) {
        let mut any = String::new();
        for guid in batch {
            any.push_str("(objectGUID=");
            any.push_str(&filter_value(guid.to_octets()));
            any.push(')');
        }
        let filter = format!("(&{filter}(|{any}))");
        let query = Query {
            base: base.as_str(),
            scope: Scope::Subtree,
            filter: &filter,
            attributes: &["objectGUID"],
            controls: Vec::new(),
        };
        for entry in session.search_all(query).await? {
            let guid = guid(&entry).map_err(|source| undecodable(session, &entry.dn, source))?;
            found.insert(guid);
        }
    }
    Ok(found)
}

/// Whether anything alive lies immediately below an object, which an index answers; a search of its subtree by uSNChanged
/// takes a DC many times as long.
pub(super) async fn has_children(
    session: &mut Session,
    guid: ObjectGuid,
) -> Result<bool, DirectoryError> {
    let base = Target::Guid(guid).base();
    let query = Query {
        base: &base,
        scope: Scope::OneLevel,
        filter: "(objectClass=*)",
        attributes: &["objectGUID"],
        controls: Vec::new(),
    };
    match session.search_some(&query, 1).await {
        Ok(found) => Ok(!found.is_empty()),
        Err(DirectoryError::Result { code, .. }) if code == NO_SUCH_OBJECT => Ok(false),
        Err(error) => Err(error),
    }
}

/// The objects whose `member` values lead to this one, as far as this DC knows them; none where it does not have it.
pub(super) async fn member_of(
    session: &mut Session,
    guid: ObjectGuid,
) -> Result<Vec<ObjectGuid>, DirectoryError> {
    let mut groups = BTreeSet::new();
    let mut asked = "memberOf".to_owned();
    loop {
        let Some(entry) = read_by_guid(session, guid, &[&asked]).await? else {
            return Ok(Vec::new());
        };
        let next = groups_in(&entry, &mut groups)
            .map_err(|source| undecodable(session, &entry.dn, source))?;
        match next {
            Some(next) => asked = format!("memberOf;range={next}-*"),
            None => return Ok(groups.into_iter().collect()),
        }
    }
}

/// Takes up the groups an entry names, and says where the next range begins; `None` after the last.
fn groups_in(entry: &Entry, groups: &mut BTreeSet<ObjectGuid>) -> Result<Option<u64>, DecodeError> {
    let mut next = None;
    for (key, values) in entry.attributes() {
        let Some((name, range)) = key_parts(key)? else {
            continue;
        };
        if !name.eq_ignore_ascii_case("memberOf") {
            continue;
        }
        for value in values {
            groups.insert(extended_dn("memberOf", value)?.needed_guid("memberOf")?);
        }
        if let Some(last) = range.and_then(|range| range.last) {
            next = Some(last.saturating_add(1));
        }
    }
    Ok(next)
}
