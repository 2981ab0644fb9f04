//! Searches: base, scope, filter, pages, limits and referrals, as AD answers them.
//!
//! # Decisions
//! - Results come in the order objects arrived on the DC and every page looks at the database as it is then: neither
//!   sorted nor a snapshot, as with AD, so that a client which relies on either fails here too.

use super::answer::{Outcome, entry, page_control, result};
use super::ber::{Malformed, Parts};
use super::database::Database;
use super::naming::{EXTENDED_DN, Extended};
use super::request::{Request, Search};
use super::{root, schema};

/// Paged results (RFC 2696).
pub(super) const PAGED: &str = "1.2.840.113556.1.4.319";
pub(super) const SHOW_DELETED: &str = "1.2.840.113556.1.4.417";
pub(super) const DOMAIN_SCOPE: &str = "1.2.840.113556.1.4.1339";
/// The controls this server takes.
pub(super) const CONTROLS: [&str; 4] = [PAGED, SHOW_DELETED, DOMAIN_SCOPE, EXTENDED_DN];
/// AD's `MaxPageSize` (ADTS 3.1.1.3.4.6).
const MAX_PAGE_SIZE: usize = 1000;
const SEARCH_DONE: u8 = 0x65;

/// What the client asked of paging.
pub(super) struct Paging {
    size: usize,
    /// The position to go on from.
    pub(super) from: usize,
}

/// A search with what its controls ask for.
pub(super) struct Asked<'a> {
    pub(super) request: &'a Request,
    pub(super) search: &'a Search,
    pub(super) paging: Option<Paging>,
    pub(super) extended: Option<Extended>,
}

impl Asked<'_> {
    /// The position to begin at.
    pub(super) fn from(&self) -> usize {
        self.paging.as_ref().map_or(0, |paging| paging.from)
    }

    /// One page of these entries, each with its position, and the references after the last one.
    pub(super) fn page(
        &self,
        entries: impl Iterator<Item = (usize, Vec<u8>)>,
        references: Vec<Vec<u8>>,
    ) -> Vec<Vec<u8>> {
        let paging = self.paging.as_ref();
        let page = paging.map_or(MAX_PAGE_SIZE, |paging| paging.size);
        let asked = match self.search.size_limit {
            0 => usize::MAX,
            limit => limit,
        };
        let mut messages = Vec::new();
        let mut outcome = Outcome::default();
        let mut cookie = Vec::new();
        for (at, message) in entries {
            if messages.len() >= asked || (messages.len() >= page && paging.is_none()) {
                outcome = Outcome::failed(4, "00002023: SvcErr: size limit exceeded");
                break;
            }
            if messages.len() >= page {
                cookie = u64::try_from(at).unwrap_or(u64::MAX).to_be_bytes().to_vec();
                break;
            }
            messages.push(message);
        }
        if cookie.is_empty() && outcome.code == 0 {
            messages.extend(references);
        }
        let controls = paging.map_or_else(Vec::new, |_| page_control(&cookie));
        let done = result(self.request.id, SEARCH_DONE, &outcome, &controls);
        messages.push(done);
        messages
    }
}

/// The messages that answer a search.
pub(super) fn answer(
    database: &Database<'_>,
    request: &Request,
    search: &Search,
    bound: bool,
) -> Result<Vec<Vec<u8>>, Malformed> {
    let done = |outcome: Outcome| vec![result(request.id, SEARCH_DONE, &outcome, &[])];
    if let Some(control) = request
        .controls
        .iter()
        .find(|control| control.critical && !CONTROLS.contains(&control.oid.as_str()))
    {
        return Ok(done(Outcome::failed(
            12,
            format!("control {}", control.oid),
        )));
    }
    if search.base.is_empty() && search.scope == 0 {
        return Ok(root_dse(database, request, search));
    }
    if !bound {
        let text = "000004DC: LdapErr: DSID-0C090A5C, comment: In order to perform this operation a successful \
                    bind must be completed on the connection., data 0, v4563";
        return Ok(done(Outcome::failed(1, text)));
    }
    let paging = match paging(request)? {
        Some(Ok(paging)) => Some(paging),
        Some(Err(outcome)) => return Ok(done(outcome)),
        None => None,
    };
    let asked = Asked {
        request,
        search,
        paging,
        extended: Extended::of(request)?,
    };
    Ok(database.search(&asked).unwrap_or_else(done))
}

fn root_dse(database: &Database<'_>, request: &Request, search: &Search) -> Vec<Vec<u8>> {
    let host = database.forest.host(database.number).unwrap_or_default();
    let all = root::attributes(database.forest, database.dc, &host, database.now);
    let shown = schema::select(&all, &search.attributes);
    vec![
        entry(request.id, "", &shown, search.types_only),
        result(request.id, SEARCH_DONE, &Outcome::default(), &[]),
    ]
}

/// The paging asked for, or why it cannot be: a cookie of another search.
fn paging(request: &Request) -> Result<Option<Result<Paging, Outcome>>, Malformed> {
    let Some(control) = request.control(PAGED) else {
        return Ok(None);
    };
    let mut parts = Parts(&control.value).need("a paging control")?.parts();
    let size = parts.need("a page size")?.number()?;
    let cookie = parts.need("a cookie")?.content;
    let from = if cookie.is_empty() {
        Some(0)
    } else {
        <[u8; 8]>::try_from(cookie)
            .ok()
            .and_then(|bytes| usize::try_from(u64::from_be_bytes(bytes)).ok())
    };
    Ok(Some(match from {
        Some(from) => Ok(Paging {
            size: usize::try_from(size).unwrap_or(0).clamp(1, MAX_PAGE_SIZE),
            from,
        }),
        None => Err(Outcome::failed(
            53,
            "00000057: the paging cookie is not one of this server",
        )),
    }))
}
