//! One DC's database as searches see it: which objects lie in range, and which of them are looked at.
//!
//! # Decisions
//! - A filter that needs an objectGUID or a least uSNChanged is answered from the index, as on AD, where both are
//!   indexed; the entries come in the order of arrival all the same.
//! - The global catalog's port shows the partial attribute set of the domain's objects, and those of the configuration
//!   whole: every DC is a full replica of it. It takes the empty base, for the whole forest.

use uuid::Uuid;

use super::answer::{Outcome, entry, reference};
use super::naming::{Alternative, alternative, sid_of};
use super::schema::{self, SchemaObject};
use super::search::{Asked, DOMAIN_SCOPE, SHOW_DELETED};
use super::view::View;
use crate::lab::forest::{CONFIGURATION, DOMAIN, Dc, Forest, Object, find};
use crate::model::{Dn, UtcMs};

/// One DC's database at one moment.
pub(super) struct Database<'a> {
    pub(super) forest: &'a Forest,
    pub(super) number: usize,
    pub(super) dc: &'a Dc,
    pub(super) now: UtcMs,
    /// Whether the global catalog's port asks: it shows the partial attribute set alone.
    pub(super) is_catalog: bool,
}

/// Which objects a search looks at.
struct Range {
    base: Uuid,
    /// `None` for all of them.
    nc: Option<usize>,
    scope: i64,
    deleted: bool,
}

/// What a base leads to.
enum Base {
    /// The whole forest, as a global catalog has it.
    Everything,
    Object(Uuid),
    Schema(SchemaObject),
}

impl Database<'_> {
    /// The messages that answer a search, or why there is none.
    pub(super) fn search(&self, asked: &Asked<'_>) -> Result<Vec<Vec<u8>>, Outcome> {
        let deleted = asked.request.control(SHOW_DELETED).is_some();
        let guid = match self.base(&asked.search.base)? {
            Base::Schema(base) => return Ok(self.search_schema(asked, &base)),
            Base::Object(guid) => guid,
            Base::Everything => {
                let range = Range {
                    base: Uuid::nil(),
                    nc: None,
                    scope: 2,
                    deleted,
                };
                return Ok(self.walk(asked, &range));
            }
        };
        let object = self.dc.objects.get(&guid);
        let object = object
            .filter(|object| deleted || !object.is_deleted())
            .ok_or_else(|| self.no_object())?;
        let range = Range {
            base: guid,
            nc: Some(object.nc),
            scope: asked.search.scope,
            deleted,
        };
        Ok(self.walk(asked, &range))
    }

    fn walk(&self, asked: &Asked<'_>, range: &Range) -> Vec<Vec<u8>> {
        let found = self.candidates(asked, range).into_iter();
        let entries = found.filter_map(|(seat, guid)| {
            let object = self.dc.objects.get(&guid)?;
            Some((seat, self.found(asked, range, object)?))
        });
        asked.page(entries, self.references(asked, range))
    }

    fn no_object(&self) -> Outcome {
        Outcome {
            matched: self.forest.context_dn(DOMAIN),
            ..Outcome::failed(
                32,
                "0000208D: NameErr: DSID-03100245, problem 2001 (NO_OBJECT)",
            )
        }
    }

    fn base(&self, base: &str) -> Result<Base, Outcome> {
        if base.is_empty() && self.is_catalog {
            return Ok(Base::Everything);
        }
        if let Some(alternative) = alternative(base) {
            return self.named(&alternative).ok_or_else(|| self.no_object());
        }
        let name: Dn = base
            .parse()
            .map_err(|_| Outcome::failed(34, "0000208F: NameErr: the base is no DN"))?;
        let unnamed = |_| Outcome::failed(80, "the forest has no name");
        let head: Dn = self.forest.context_dn(DOMAIN).parse().map_err(unnamed)?;
        if !name.is_within(&head) {
            return Err(Outcome {
                referral: Some(format!("ldap://{}/{name}", self.forest.domain)),
                ..Outcome::failed(10, "0000202B: RefErr: no such naming context here")
            });
        }
        let schema: Dn = schema::name(self.forest).parse().map_err(unnamed)?;
        let found = if name.is_within(&schema) {
            let mut objects = schema::objects(self.forest).into_iter();
            let found = objects.find(|object| object.dn.parse::<Dn>().is_ok_and(|dn| dn == name));
            found.map(Base::Schema)
        } else {
            find(self.forest, self.dc, &name).map(Base::Object)
        };
        found.ok_or_else(|| self.no_object())
    }

    fn named(&self, alternative: &Alternative) -> Option<Base> {
        match alternative {
            Alternative::Guid(guid) if self.dc.objects.contains_key(guid) => {
                Some(Base::Object(*guid))
            }
            Alternative::Guid(guid) => {
                let mut objects = schema::objects(self.forest).into_iter();
                objects
                    .find(|object| object.guid == *guid)
                    .map(Base::Schema)
            }
            Alternative::Sid(sid) => {
                let mut objects = self.dc.objects.values();
                let found = objects.find(|object| sid_of(object) == Some(sid.as_slice()));
                found.map(|object| Base::Object(object.guid))
            }
        }
    }

    fn search_schema(&self, asked: &Asked<'_>, base: &SchemaObject) -> Vec<Vec<u8>> {
        let (search, head) = (asked.search, schema::name(self.forest));
        let in_range = |object: &SchemaObject| match search.scope {
            0 => object.guid == base.guid,
            1 => base.dn == head && object.guid != base.guid,
            _ => base.dn == head || object.guid == base.guid,
        };
        let objects = schema::objects(self.forest);
        let found = objects.iter().enumerate().skip(asked.from());
        let entries = found
            .filter(|(_, object)| in_range(object) && search.filter.matches(*object))
            .map(|(at, object)| {
                let name = object.written(asked.extended);
                let shown = object.shown(&search.attributes);
                let message = entry(asked.request.id, &name, &shown, search.types_only);
                (at, message)
            });
        asked.page(entries, Vec::new())
    }

    /// The objects worth a look, in the order of their arrival, from where the page begins.
    fn candidates(&self, asked: &Asked<'_>, range: &Range) -> Vec<(usize, Uuid)> {
        let from = asked.from();
        let seated = |guid: Uuid| Some((self.dc.objects.get(&guid)?.seat, guid));
        let filter = &asked.search.filter;
        let some: Vec<Uuid> = if range.scope == 0 {
            vec![range.base]
        } else if let Some(guid) = filter.needed_guid() {
            vec![guid]
        } else if let Some(least) = filter.least("usnchanged") {
            let changed = self.dc.changed_after(least.saturating_sub(1));
            changed.map(|(_, guid)| guid).collect()
        } else {
            let all = self.dc.order.iter().copied().enumerate();
            return all.skip(from).collect();
        };
        let mut some: Vec<(usize, Uuid)> = some
            .into_iter()
            .filter_map(seated)
            .filter(|(seat, _)| *seat >= from)
            .collect();
        some.sort_unstable();
        some
    }

    /// The entry of an object, where it lies in the range and matches.
    fn found(&self, asked: &Asked<'_>, range: &Range, object: &Object) -> Option<Vec<u8>> {
        let visible = range.deleted || !object.is_deleted();
        if range.nc.is_some_and(|nc| nc != object.nc) || !visible || !self.lies_in(range, object) {
            return None;
        }
        let view = View {
            forest: self.forest,
            dc: self.dc,
            object,
            now_seconds: self.now.as_millis().div_euclid(1000),
            extended: asked.extended,
            is_partial: self.is_catalog && object.nc == DOMAIN,
        };
        let search = asked.search;
        if !search.filter.matches(&view) {
            return None;
        }
        let shown = view.shown(&search.attributes);
        let name = view.name_of(object.guid)?;
        Some(entry(asked.request.id, &name, &shown, search.types_only))
    }

    fn lies_in(&self, range: &Range, object: &Object) -> bool {
        match range.scope {
            0 => object.guid == range.base,
            1 => self.parent(object) == Some(range.base),
            _ if range.nc.is_none() => true,
            _ if self.forest.heads.contains(&range.base) => true,
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

    /// Below the domain's head lies the configuration and below that one the schema, each a naming context of its own
    /// (ADTS 3.1.1.3.1.3.2).
    fn references(&self, asked: &Asked<'_>, range: &Range) -> Vec<Vec<u8>> {
        let is_head = |nc: usize| self.forest.heads.get(nc) == Some(&range.base);
        let wanted = range.scope > 0 && asked.request.control(DOMAIN_SCOPE).is_none();
        let below = if is_head(DOMAIN) {
            self.forest.context_dn(CONFIGURATION)
        } else if is_head(CONFIGURATION) {
            schema::name(self.forest)
        } else {
            return Vec::new();
        };
        if !wanted {
            return Vec::new();
        }
        let url = format!("ldap://{}/{below}", self.forest.domain);
        vec![reference(asked.request.id, &url)]
    }
}
