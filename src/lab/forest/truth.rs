//! The truth for a reader that follows every change: what it should hold, and every write it should have heard of.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::names::dn;
use super::object::{Object, Stamp};
use super::oracle::{What, Written};
use super::schema::Attribute;
use super::{Forest, ForestError, MEMBER};

/// A live object as a reader should hold it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Truth {
    /// Its DN now.
    pub dn: String,
    /// Its values by LDAP name, as a search shows them: replicated, not confidential, without RDN attributes, links
    /// and DNs; none is empty.
    pub attributes: BTreeMap<&'static str, Vec<Vec<u8>>>,
    /// Its live members.
    pub members: BTreeSet<Uuid>,
}

/// The live objects of a naming context.
pub type State = BTreeMap<Uuid, Truth>;

/// What one originating write changed, as a reader tells it apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// The object.
    pub guid: Uuid,
    /// The attribute's LDAP name.
    pub attribute: &'static str,
    /// The attribute's OID.
    pub oid: &'static str,
    /// The member, of a write to [`MEMBER`].
    pub target: Option<Uuid>,
    /// The stamp it made.
    pub stamp: Stamp,
}

impl Written {
    /// What it changed.
    pub fn change(&self) -> Change {
        let (attribute, oid, target) = match &self.what {
            What::Attribute { attribute, .. } => (attribute.ldap_name(), attribute.oid(), None),
            What::Link { target, .. } => (MEMBER, "2.5.4.31", Some(*target)),
        };
        Change {
            guid: self.guid,
            attribute,
            oid,
            target,
            stamp: self.stamp,
        }
    }

    /// Whether a reader can see it: neither the RDN attribute, which every DC stamps for itself, nor what is
    /// confidential.
    pub fn is_visible(&self) -> bool {
        match &self.what {
            What::Attribute { attribute, .. } => {
                !attribute.is_rdn() && !attribute.is_confidential() && !attribute.is_local()
            }
            What::Link { .. } => true,
        }
    }
}

impl Forest {
    /// What a reader of a naming context on a DC should hold now.
    pub fn state(&self, dc: usize, nc: usize) -> Result<State, ForestError> {
        let objects = self.dc(dc)?.objects.values();
        let live = objects.filter(|object| object.nc == nc && !object.is_deleted());
        let known = live.filter_map(|object| Some((object.guid, self.truth(dc, object)?)));
        Ok(known.collect())
    }

    fn truth(&self, dc: usize, object: &Object) -> Option<Truth> {
        let holder = self.dcs.get(dc)?;
        let shown = |attribute: &Attribute| {
            let own = attribute.is_rdn() || attribute.is_local();
            let named = matches!(
                attribute,
                Attribute::LastKnownParent | Attribute::HasMasterNcs
            );
            !own && !named && !attribute.is_confidential()
        };
        let attributes = object
            .attrs
            .iter()
            .filter(|(attribute, attr)| shown(attribute) && !attr.values.is_empty())
            .map(|(attribute, attr)| (attribute.ldap_name(), attr.values.clone()));
        let present = object.links.iter().filter(|(_, link)| link.present);
        let targets = present.map(|(target, _)| *target);
        Some(Truth {
            dn: dn(self, holder, object.guid)?,
            attributes: attributes.collect(),
            members: targets.filter(|target| holder.is_live(*target)).collect(),
        })
    }

    /// This forest with every cut healed, every dead DC up, and everything replicated that can be; `self` stays as it
    /// is.
    pub fn converged(&self, now: i64) -> Result<Self, ForestError> {
        let mut settled = self.clone();
        settled.cuts.clear();
        for dc in &mut settled.dcs {
            dc.is_alive = true;
        }
        settled.settle(now)?;
        Ok(settled)
    }

    /// Whether a DC holds a write, or one that superseded it.
    pub fn has(&self, dc: usize, written: &Written) -> Result<bool, ForestError> {
        let Some(object) = self.dc(dc)?.objects.get(&written.guid) else {
            return Ok(false);
        };
        Ok(match &written.what {
            What::Attribute { attribute, .. } => object
                .attrs
                .get(attribute)
                .is_some_and(|attr| attr.stamp >= written.stamp),
            What::Link {
                target, created, ..
            } => object
                .links
                .get(target)
                .is_some_and(|link| (link.created, link.stamp) >= (*created, written.stamp)),
        })
    }
}
