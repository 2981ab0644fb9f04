//! What a DC of the forest shows a reader, without LDAP in between.

use std::collections::{BTreeMap, BTreeSet};

use highwater::lab::forest::{Attribute, DOMAIN, Dc, Forest, MEMBER, Object, dn};
use highwater::model::{
    self, AttributeOid, Image, InvocationId, LinkValue, LocalStamp, ObjectGuid, Schema, Stamp,
    Syntax, Usn, Vector,
};
use uuid::Uuid;

pub(crate) fn usn(value: i64) -> Usn {
    Usn::new(value).unwrap()
}

pub(crate) fn guid(of: Uuid) -> ObjectGuid {
    ObjectGuid::from_uuid(of)
}

/// The attribute's OID: AD's own where the decisions know it, else its name, which serves as well.
pub(crate) fn oid(attribute: Attribute) -> AttributeOid {
    AttributeOid::new(match attribute {
        Attribute::Name => "1.2.840.113556.1.4.1",
        Attribute::IsDeleted => "1.2.840.113556.1.2.48",
        other => other.ldap_name(),
    })
}

pub(crate) fn member() -> AttributeOid {
    AttributeOid::new(MEMBER)
}

pub(crate) fn schema() -> Schema {
    let mut schema = Schema::default();
    let names = Attribute::ALL
        .into_iter()
        .map(|attribute| (oid(attribute), attribute.ldap_name(), None));
    for (oid, name, link_id) in names.chain([(member(), MEMBER, Some(2))]) {
        let attribute = model::Attribute {
            oid,
            name: name.to_owned(),
            syntax: Syntax::Text,
            is_single_valued: false,
            link_id,
            is_confidential: false,
            is_not_replicated: false,
            is_constructed: false,
        };
        schema.insert(attribute, None);
    }
    schema
}

/// The attributes a consumer wants.
pub(crate) fn wanted() -> BTreeSet<AttributeOid> {
    let people = Attribute::OF_A_PERSON.into_iter().map(oid);
    people
        .chain([
            oid(Attribute::SamAccountName),
            oid(Attribute::ObjectClass),
            oid(Attribute::Cn),
            member(),
        ])
        .collect()
}

fn stamp(of: highwater::lab::forest::Stamp) -> Stamp {
    Stamp {
        version: of.version,
        seconds: of.seconds,
        origin: of.by,
        usn: usn(of.usn),
    }
}

pub(crate) fn vector(dc: &Dc) -> Vector {
    let known = dc.vector(DOMAIN);
    known.iter().map(|(id, at)| (*id, usn(*at))).collect()
}

pub(crate) fn id(dc: &Dc) -> InvocationId {
    dc.invocation_id
}

/// The members a group shows: those that are alive here.
pub(crate) fn members(dc: &Dc, object: &Object) -> BTreeSet<Uuid> {
    if object.is_deleted() {
        return BTreeSet::new();
    }
    let present = object.links.iter().filter(|(_, link)| link.present);
    present
        .map(|(target, _)| *target)
        .filter(|target| dc.is_live(*target))
        .collect()
}

pub(crate) fn image(forest: &Forest, dc: &Dc, object: &Object) -> Image {
    // What each DC keeps for itself has no stamp (ADTS 3.1.1.2.3).
    let stamped = object
        .attrs
        .iter()
        .filter(|(attribute, _)| !attribute.is_local());
    let stamps = stamped.map(|(attribute, attr)| {
        let local = LocalStamp {
            stamp: stamp(attr.stamp),
            local: usn(attr.local),
        };
        (oid(*attribute), local)
    });
    let values = object.attrs.iter().filter(|(attribute, attr)| {
        let shown = !object.is_deleted() || attribute.outlives_deletion();
        shown && !attr.values.is_empty() && **attribute != Attribute::Name
    });
    let links: Vec<LinkValue> = members(dc, object)
        .into_iter()
        .map(|target| LinkValue {
            target: guid(target),
            data: None,
            dn: dn(forest, dc, target).unwrap_or_default(),
            life: 0,
        })
        .collect();
    Image {
        guid: guid(object.guid),
        dn: dn(forest, dc, object.guid).unwrap(),
        usn_changed: usn(object.changed),
        is_deleted: object.is_deleted(),
        last_known_parent: None,
        stamps: stamps.collect(),
        unknown_stamps: 0,
        stamps_readable: true,
        values: values
            .map(|(attribute, attr)| (oid(*attribute), attr.values.clone()))
            .collect(),
        links: if links.is_empty() {
            BTreeMap::new()
        } else {
            [(member(), links)].into()
        },
    }
}
