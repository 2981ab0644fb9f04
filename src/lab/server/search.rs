//! Searches: base, scope, filter, pages, limits and referrals, as AD answers them.
//!
//! # Decisions
//! - Results come in the order objects arrived on the DC and every page looks at the database as it is then: neither
//!   sorted nor a snapshot, as with AD, so that a client which relies on either fails here too.

use uuid::Uuid;

use super::answer::{Outcome, entry, page_control, reference, result};
use super::ber::{Malformed, Parts};
use super::request::{Request, Search};
use super::root;
use super::view::View;
use crate::lab::forest::{DOMAIN, Dc, Forest, Object, dn};
use crate::model::{Dn, UtcMs};

/// Paged results (RFC 2696).
pub(super) const PAGED: &str = "1.2.840.113556.1.4.319";
const SHOW_DELETED: &str = "1.2.840.113556.1.4.417";
const DOMAIN_SCOPE: &str = "1.2.840.113556.1.4.1339";
/// The controls this server takes.
pub(super) const CONTROLS: [&str; 3] = [PAGED, SHOW_DELETED, DOMAIN_SCOPE];
/// AD's `MaxPageSize` (ADTS 3.1.1.3.4.6).
const MAX_PAGE_SIZE: usize = 1000;
const SEARCH_DONE: u8 = 0x65;

/// One DC's database at one moment.
pub(super) struct Database<'a> {
    pub(super) forest: &'a Forest,
    pub(super) number: usize,
    pub(super) dc: &'a Dc,
    pub(super) now: UtcMs,
}

/// Which objects a search looks at.
struct Range {
    base: Uuid,
    nc: usize,
    scope: i64,
    deleted: bool,
}

/// What the client asked of paging.
struct Paging {
    size: usize,
    from: usize,
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
    let range = match database.range(request, search) {
        Ok(range) => range,
        Err(outcome) => return Ok(done(outcome)),
    };
    let paging = match paging(request)? {
        Some(Ok(paging)) => Some(paging),
        Some(Err(outcome)) => return Ok(done(outcome)),
        None => None,
    };
    Ok(database.walk(request, search, &range, paging.as_ref()))
}

fn root_dse(database: &Database<'_>, request: &Request, search: &Search) -> Vec<Vec<u8>> {
    let host = database.forest.host(database.number).unwrap_or_default();
    let mut shown = root::attributes(database.forest, database.dc, &host, database.now);
    let everything =
        search.attributes.is_empty() || search.attributes.iter().any(|name| name == "*");
    shown.retain(|(name, _)| {
        everything
            || search
                .attributes
                .iter()
                .any(|wanted| wanted.eq_ignore_ascii_case(name))
    });
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

impl Database<'_> {
    fn range(&self, request: &Request, search: &Search) -> Result<Range, Outcome> {
        let deleted = request.control(SHOW_DELETED).is_some();
        let base: Dn = search
            .base
            .parse()
            .map_err(|_| Outcome::failed(34, "0000208F: NameErr: the base is no DN"))?;
        let head: Dn = self
            .forest
            .context_dn(DOMAIN)
            .parse()
            .map_err(|_| Outcome::failed(80, "the forest has no name"))?;
        if !base.is_within(&head) {
            return Err(Outcome {
                referral: Some(format!("ldap://{}/{base}", self.forest.domain)),
                ..Outcome::failed(10, "0000202B: RefErr: no such naming context here")
            });
        }
        let object = self
            .object_named(&base)
            .filter(|object| deleted || !object.is_deleted());
        let object = object.ok_or_else(|| Outcome {
            matched: head.to_string(),
            ..Outcome::failed(
                32,
                "0000208D: NameErr: DSID-03100245, problem 2001 (NO_OBJECT)",
            )
        })?;
        Ok(Range {
            base: object.guid,
            nc: object.nc,
            scope: search.scope,
            deleted,
        })
    }

    fn object_named(&self, name: &Dn) -> Option<&Object> {
        let folded = name.folded();
        let heads = self.forest.heads.iter();
        let head = heads
            .filter_map(|head| self.dc.objects.get(head))
            .find(|head| {
                self.forest
                    .context_dn(head.nc)
                    .eq_ignore_ascii_case(name.as_str())
            });
        head.or_else(|| {
            self.dc.objects.values().find(|object| {
                // Only where the first RDN fits is the whole name worked out.
                let rdn = object.place.rdn.to_lowercase();
                let value = folded.split_once('=').map(|(_, rest)| rest);
                let begins: String = rdn.chars().take_while(|c| c.is_alphanumeric()).collect();
                value.is_some_and(|value| value.starts_with(&begins))
                    && dn(self.forest, self.dc, object.guid)
                        .and_then(|dn| dn.parse::<Dn>().ok())
                        .is_some_and(|dn| dn == *name)
            })
        })
    }

    fn walk(
        &self,
        request: &Request,
        search: &Search,
        range: &Range,
        paging: Option<&Paging>,
    ) -> Vec<Vec<u8>> {
        let page = paging.map_or(MAX_PAGE_SIZE, |paging| paging.size);
        let asked = match search.size_limit {
            0 => usize::MAX,
            limit => limit,
        };
        let mut messages = Vec::new();
        let mut at = paging.map_or(0, |paging| paging.from);
        let mut outcome = Outcome::default();
        let mut cookie = Vec::new();
        while let Some(guid) = self.dc.order.get(at) {
            let found = self.dc.objects.get(guid);
            if let Some(message) =
                found.and_then(|object| self.found(request, search, range, object))
            {
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
            at = at.saturating_add(1);
        }
        if cookie.is_empty() && outcome.code == 0 {
            messages.extend(self.referrals(request, range));
        }
        let controls = paging.map_or_else(Vec::new, |_| page_control(&cookie));
        messages.push(result(request.id, SEARCH_DONE, &outcome, &controls));
        messages
    }

    /// The entry of an object, where it lies in the range and matches.
    fn found(
        &self,
        request: &Request,
        search: &Search,
        range: &Range,
        object: &Object,
    ) -> Option<Vec<u8>> {
        let visible = range.deleted || !object.is_deleted();
        if object.nc != range.nc || !visible || !self.lies_in(range, object) {
            return None;
        }
        let view = View {
            forest: self.forest,
            dc: self.dc,
            object,
            now_seconds: self.now.as_millis().div_euclid(1000),
        };
        if !search.filter.matches(&view) {
            return None;
        }
        let shown = view.shown(&search.attributes);
        Some(entry(request.id, &view.dn()?, &shown, search.types_only))
    }

    fn lies_in(&self, range: &Range, object: &Object) -> bool {
        match range.scope {
            0 => object.guid == range.base,
            1 => self.parent(object) == Some(range.base),
            _ => {
                let mut at = object;
                loop {
                    if at.guid == range.base {
                        return true;
                    }
                    let above = self.parent(at).and_then(|guid| self.dc.objects.get(&guid));
                    match above {
                        Some(above) => at = above,
                        None => return false,
                    }
                }
            }
        }
    }

    fn parent(&self, object: &Object) -> Option<Uuid> {
        let container = self.forest.deleted_objects.get(object.nc).copied();
        if object.is_deleted() && container != Some(object.guid) {
            container
        } else {
            object.place.parent
        }
    }

    /// Below the domain's head lies the configuration, which is another naming context (ADTS 3.1.1.3.1.3.2).
    fn referrals(&self, request: &Request, range: &Range) -> Option<Vec<u8>> {
        let at_head = self.forest.heads.get(DOMAIN) == Some(&range.base) && range.scope > 0;
        let wanted = at_head && request.control(DOMAIN_SCOPE).is_none();
        let configuration = self.forest.context_dn(crate::lab::forest::CONFIGURATION);
        wanted.then(|| {
            let url = format!("ldap://{}/{configuration}", self.forest.domain);
            reference(request.id, &url)
        })
    }
}
