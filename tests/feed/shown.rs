//! What a DC of the forest shows a reader, without LDAP in between. USNs are shown larger than they are: as far apart as
//! where other objects and naming contexts take most of them.

use std::collections::{BTreeMap, BTreeSet};

use highwater::clock;
use highwater::directory::Position;
use highwater::lab::forest::{
    self, Attribute, DOMAIN, Dc, Forest, MEMBER, Object, definitions, dn,
};
use highwater::model::{
    self, AttributeOid, DcFacts, Dn, Identity, Image, InstanceType, LinkValue, LocalStamp,
    ObjectGuid, Schema, Stamp, Syntax, Usn, Vector,
};
use uuid::Uuid;

/// How far apart USNs are shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale(pub(crate) i64);

impl Scale {
    pub(crate) fn usn(self, value: i64) -> Usn {
        Usn::new(value.saturating_mul(self.0)).unwrap()
    }

    pub(crate) fn vector(self, dc: &Dc) -> Vector {
        let known = dc.vector(DOMAIN);
        known.iter().map(|(id, at)| (*id, self.usn(*at))).collect()
    }

    fn stamp(self, of: forest::Stamp) -> Stamp {
        Stamp {
            version: of.version,
            seconds: of.seconds,
            origin: of.by,
            usn: self.usn(of.usn),
        }
    }

    /// The object as a search for these values shows it.
    pub(crate) fn image(self, forest: &Forest, dc: &Dc, object: &Object) -> Image {
        // What each DC keeps for itself has no stamp (ADTS 3.1.1.2.3).
        let stamped = object
            .attrs
            .iter()
            .filter(|(attribute, _)| !attribute.is_local());
        let stamps = stamped.map(|(attribute, attr)| {
            let local = LocalStamp {
                stamp: self.stamp(attr.stamp),
                local: self.usn(attr.local),
            };
            (oid(*attribute), local)
        });
        let values = object.attrs.iter().filter(|(attribute, attr)| {
            let shown = !object.is_deleted() || attribute.outlives_deletion();
            shown && !attr.values.is_empty() && TOLD.contains(attribute)
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
            usn_changed: self.usn(object.changed),
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
                [(AttributeOid::new(MEMBER_OID), links)].into()
            },
        }
    }

    /// Where a DC stands, as of now but for its vector.
    pub(crate) fn position(self, dc: &Dc, vector: Vector) -> Position {
        Position {
            identity: identity(dc),
            vectors: [(nc(), vector)].into(),
            unreadable: BTreeMap::new(),
            instance_types: [(nc(), InstanceType(5))].into(),
            committed: self.usn(dc.usn),
            synchronized: dc.is_synchronized,
            schema: format!("CN=Schema,CN=Configuration,{}", nc())
                .parse()
                .unwrap(),
        }
    }

    /// What a DC answers a collector or a failover.
    pub(crate) fn facts(self, dc: &Dc) -> DcFacts {
        let now = clock::now();
        DcFacts {
            started_at: now,
            committed_at: now,
            vectors_at: now,
            identity: identity(dc),
            synchronized: dc.is_synchronized,
            global_catalog_ready: true,
            committed: self.usn(dc.usn),
            committed_after: None,
            skew_ms: Some(0),
            took_ms: 0,
            vectors: [(nc(), self.vector(dc))].into(),
            unreadable: BTreeMap::new(),
            instance_types: [(nc(), InstanceType(5))].into(),
            tombstone_lifetime_days: None,
        }
    }
}

/// The values that are told, `member` and the name besides.
const TOLD: [Attribute; 10] = [
    Attribute::Sn,
    Attribute::Description,
    Attribute::TelephoneNumber,
    Attribute::GivenName,
    Attribute::Mail,
    Attribute::SamAccountName,
    Attribute::ObjectClass,
    Attribute::ProxyAddresses,
    Attribute::UserAccountControl,
    Attribute::TestTag,
];

const MEMBER_OID: &str = "2.5.4.31";

/// The attributes as the configuration names them.
pub(crate) fn told() -> Vec<String> {
    let told = TOLD.into_iter().map(Attribute::ldap_name);
    told.chain([MEMBER]).map(str::to_owned).collect()
}

pub(crate) fn nc() -> Dn {
    "DC=sim,DC=test".parse().unwrap()
}

pub(crate) fn guid(of: Uuid) -> ObjectGuid {
    ObjectGuid::from_uuid(of)
}

pub(crate) fn uuid(of: ObjectGuid) -> Uuid {
    Uuid::from_bytes_le(of.to_octets())
}

fn oid(attribute: Attribute) -> AttributeOid {
    AttributeOid::new(attribute.oid())
}

pub(crate) fn schema() -> Schema {
    let mut schema = Schema::default();
    for known in definitions() {
        let attribute = model::Attribute {
            oid: AttributeOid::new(known.oid),
            name: known.name.to_owned(),
            syntax: syntax(known.syntax),
            is_single_valued: known.is_single_valued,
            link_id: known.link_id.map(|id| i32::try_from(id).unwrap()),
            is_confidential: known.search_flags & 128 != 0,
            is_not_replicated: known.system_flags & 1 != 0,
            is_constructed: known.system_flags & 4 != 0,
        };
        schema.insert(attribute, Some(known.attid));
    }
    schema
}

fn syntax(of: forest::Syntax) -> Syntax {
    match of {
        forest::Syntax::Dn => Syntax::Dn,
        forest::Syntax::Oid | forest::Syntax::Text => Syntax::Text,
        forest::Syntax::Boolean => Syntax::Boolean,
        forest::Syntax::Integer => Syntax::Integer,
        forest::Syntax::Octets => Syntax::Octets,
        forest::Syntax::Time => Syntax::Time,
        forest::Syntax::Large => Syntax::LargeInteger,
        forest::Syntax::Sid => Syntax::Sid,
    }
}

pub(crate) fn identity(dc: &Dc) -> Identity {
    Identity {
        server_name: dc.name.clone(),
        ds_service_name: format!("CN=NTDS Settings,CN={}", dc.name).parse().unwrap(),
        dns_host_name: format!("{}.sim.test", dc.name.to_lowercase()),
        site: dc.site.clone(),
        invocation_id: dc.invocation_id,
        is_global_catalog: true,
        is_read_only: false,
    }
}

/// The members a group shows: those that are alive here.
fn members(dc: &Dc, object: &Object) -> BTreeSet<Uuid> {
    if object.is_deleted() {
        return BTreeSet::new();
    }
    let present = object.links.iter().filter(|(_, link)| link.present);
    present
        .map(|(target, _)| *target)
        .filter(|target| dc.is_live(*target))
        .collect()
}

/// Which objects a consumer is told of, besides the base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filter {
    Everything,
    WithMail,
    Accounts,
    AccountsWithMail,
}

impl Filter {
    pub(crate) const ALL: [Filter; 4] = [
        Self::Everything,
        Self::WithMail,
        Self::Accounts,
        Self::AccountsWithMail,
    ];

    /// As the configuration has it.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Everything => "(objectClass=*)",
            Self::WithMail => "(mail=*)",
            Self::Accounts => "(|(objectClass=user)(objectClass=group))",
            Self::AccountsWithMail => "(&(|(objectClass=user)(objectClass=group))(mail=*))",
        }
    }

    fn of(text: &str) -> Self {
        let found = Self::ALL.into_iter().find(|filter| filter.text() == text);
        found.unwrap_or_else(|| panic!("no DC of the forest knows the filter {text}"))
    }

    pub(crate) fn has(self, object: &Object) -> bool {
        let account = || object.is_a("user") || object.is_a("group");
        let mail = || !object.values(Attribute::Mail).is_empty();
        match self {
            Self::Everything => true,
            Self::WithMail => mail(),
            Self::Accounts => account(),
            Self::AccountsWithMail => account() && mail(),
        }
    }
}

/// Whether an object matches a filter; tombstones show what outlives the deletion alone.
pub(crate) fn matches(filter: Option<&str>, object: &Object) -> bool {
    filter.is_none_or(|filter| Filter::of(filter).has(object))
}

/// Whether an object lies at or below another one; what is deleted lies in the container of the deleted.
pub(crate) fn is_below(forest: &Forest, dc: &Dc, object: &Object, above: Uuid) -> bool {
    let container = forest.deleted_objects[object.nc];
    let mut at = Some(object.guid);
    while let Some(guid) = at {
        if guid == above {
            return true;
        }
        at = dc.objects.get(&guid).and_then(|object| {
            if object.is_deleted() && guid != container {
                Some(container)
            } else {
                object.place.parent
            }
        });
    }
    false
}
