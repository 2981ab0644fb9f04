//! What the consumer should hold, by the forest's own account.

use std::collections::{BTreeMap, BTreeSet};

use highwater::directory::decode::json_values;
use highwater::directory::{ChangeSource, Port, Projection, Session, read_root};
use highwater::lab::forest::{DOMAIN, Truth};
use highwater::model::{Dn, Schema};
use serde_json::Value;
use uuid::Uuid;

use crate::bed::Bed;
use crate::receiver::Entry;

/// Which objects a consumer is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filter {
    Everything,
    WithMail,
    Accounts,
}

impl Filter {
    pub(crate) const ALL: [Filter; 3] = [Self::Everything, Self::WithMail, Self::Accounts];

    /// As the configuration has it.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Everything => "(objectClass=*)",
            Self::WithMail => "(mail=*)",
            Self::Accounts => "(|(objectClass=user)(objectClass=group))",
        }
    }

    fn matches(self, truth: &Truth) -> bool {
        let is_a = |class: &[u8]| {
            truth.attributes["objectClass"]
                .iter()
                .any(|one| one == class)
        };
        match self {
            Self::Everything => true,
            Self::WithMail => truth.attributes.contains_key("mail"),
            Self::Accounts => is_a(b"user") || is_a(b"group"),
        }
    }
}

/// How values are shown: by the schema the DCs have.
pub(crate) struct Shown {
    schema: Schema,
    projection: Projection,
}

impl Shown {
    pub(crate) async fn read(dc: &highwater::config::DcSettings) -> Self {
        let mut session = Session::open(dc, Port::Directory).await.unwrap();
        let root = read_root(&mut session).await.unwrap();
        let schema = session.schema(&root.schema).await.unwrap();
        let projection = Projection::new(&schema, &["*".to_owned()], &[]).unwrap();
        Self { schema, projection }
    }

    /// The attributes of an object that a consumer has, less those the forest's account leaves out.
    fn attributes(&self, truth: &Truth) -> BTreeMap<String, Value> {
        let known = truth.attributes.iter().filter_map(|(name, values)| {
            let attribute = self.schema.named(name)?;
            let wanted = self.projection.wants(&attribute.oid) && *name != "name";
            wanted.then(|| ((*name).to_owned(), json_values(attribute, values)))
        });
        known.collect()
    }
}

/// Attributes that are compared in another way than by the forest's account: RDN attributes by the name.
const BY_NAME: [&str; 4] = ["cn", "ou", "dc", "name"];

impl Bed {
    /// Every difference between what the consumer holds and what its DC holds.
    pub(crate) fn missed(&self, dc: usize) -> Vec<String> {
        let state = self.lab.with(|forest| forest.state(dc, DOMAIN)).unwrap();
        let mut missed = Vec::new();
        let mut there = BTreeSet::new();
        for (guid, truth) in &state {
            let dn: Dn = truth.dn.parse().unwrap();
            if !dn.is_within(&self.base) || !self.filter.matches(truth) {
                continue;
            }
            there.insert(*guid);
            match self.receiver.entries.get(guid) {
                None => missed.push(format!("{guid} {} is not held", truth.dn)),
                Some(entry) => self.compare(*guid, truth, entry, &mut missed),
            }
        }
        for (guid, entry) in &self.receiver.entries {
            if !there.contains(guid) {
                missed.push(format!("{guid} {} is held and should not be", entry.dn));
            }
        }
        missed
    }

    fn compare(&self, guid: Uuid, truth: &Truth, entry: &Entry, missed: &mut Vec<String>) {
        if entry.dn != truth.dn {
            missed.push(format!("{guid} is held as {}, is {}", entry.dn, truth.dn));
        }
        let theirs = self.shown.attributes(truth);
        let mut held = entry.attributes.clone();
        for name in BY_NAME {
            held.remove(name);
        }
        if held != theirs {
            missed.push(format!("{guid} {}: held {held:?}, is {theirs:?}", truth.dn));
        }
        if entry.members != truth.members {
            missed.push(format!(
                "members of {guid} {}: held {:?}, are {:?}",
                truth.dn, entry.members, truth.members
            ));
        }
        let rdn = truth.dn.split_once('=').unwrap();
        let named = entry.attributes.get(&rdn.0.to_ascii_lowercase());
        let value = rdn.1.split_once(',').map_or(rdn.1, |(value, _)| value);
        let shown = named.map(|named| match named {
            Value::Array(values) => values[0].clone(),
            one => one.clone(),
        });
        if rdn.0 != "DC" && shown != Some(Value::from(value)) {
            missed.push(format!("{guid} {}: named {named:?}", truth.dn));
        }
    }
}
