//! The schema's naming context: an attributeSchema object per attribute, made up when asked for.
//!
//! # Decisions
//! - Nothing writes to it, so its objects are the same on every DC and at every time, and it has no vector. For that
//!   it is no `namingContexts` value, as it would be on AD: it is found by `schemaNamingContext` alone.

use uuid::Uuid;

use super::answer::Shown;
use super::filter::Values;
use super::naming::Extended;
use crate::lab::forest::{CONFIGURATION, Definition, Forest, definitions};

/// When the forest's schema was made.
const MADE: &str = "20200101000000.0Z";

/// An object of the schema.
pub(super) struct SchemaObject {
    pub(super) guid: Uuid,
    pub(super) dn: String,
    attributes: Vec<Shown>,
}

impl Values for SchemaObject {
    fn values(&self, name: &str) -> Vec<Vec<u8>> {
        let mut found = self.attributes.iter();
        found
            .find(|(there, _)| there.eq_ignore_ascii_case(name))
            .map(|(_, values)| values.clone())
            .unwrap_or_default()
    }
}

/// The schema's DN.
pub(super) fn name(forest: &Forest) -> String {
    format!("CN=Schema,{}", forest.context_dn(CONFIGURATION))
}

/// The head first, then the attributes in the order of [`definitions`].
pub(super) fn objects(forest: &Forest) -> Vec<SchemaObject> {
    let schema = name(forest);
    let mut head = object(1, "Schema", schema.clone(), "dMD", 0);
    head.attributes.push(one("objectVersion", "88".to_owned()));
    let mut found = vec![head];
    for (at, definition) in definitions().enumerate() {
        let cn = common_name(definition.name);
        let dn = format!("CN={cn},{schema}");
        let usn = at.saturating_add(2);
        let number = u64::from(definition.attid).saturating_add(1);
        let mut object = object(usn, &cn, dn, "attributeSchema", number);
        object
            .attributes
            .extend(described(&definition, object.guid));
        found.push(object);
    }
    found
}

fn one(name: &str, value: String) -> Shown {
    (name.to_owned(), vec![value.into_bytes()])
}

fn object(usn: usize, cn: &str, dn: String, class: &str, number: u64) -> SchemaObject {
    let guid = Uuid::from_u64_pair(0x5c4e_3a00_7a11_4000, 0x8000_0000_0000_0000 | number);
    let attributes = vec![
        (
            "objectClass".to_owned(),
            vec![b"top".to_vec(), class.as_bytes().to_vec()],
        ),
        one("cn", cn.to_owned()),
        one("name", cn.to_owned()),
        one("distinguishedName", dn.clone()),
        ("objectGUID".to_owned(), vec![guid.to_bytes_le().to_vec()]),
        one(
            "instanceType",
            if number == 0 { "5" } else { "4" }.to_owned(),
        ),
        one("uSNCreated", usn.to_string()),
        one("uSNChanged", usn.to_string()),
        one("whenCreated", MADE.to_owned()),
        one("whenChanged", MADE.to_owned()),
    ];
    SchemaObject {
        guid,
        dn,
        attributes,
    }
}

/// What an attributeSchema object says (ADTS 3.1.1.2.3).
fn described(definition: &Definition, guid: Uuid) -> Vec<Shown> {
    let truth = |value: bool| if value { "TRUE" } else { "FALSE" }.to_owned();
    let (syntax, om_syntax) = definition.syntax.numbers();
    let mut shown = vec![
        one("lDAPDisplayName", definition.name.to_owned()),
        one("attributeID", definition.oid.to_owned()),
        one("attributeSyntax", syntax.to_owned()),
        one("oMSyntax", om_syntax.to_string()),
        one("isSingleValued", truth(definition.is_single_valued)),
        one("searchFlags", definition.search_flags.to_string()),
        ("schemaIDGUID".to_owned(), vec![guid.to_bytes_le().to_vec()]),
    ];
    if definition.system_flags != 0 {
        shown.push(one("systemFlags", definition.system_flags.to_string()));
    }
    if let Some(link) = definition.link_id {
        shown.push(one("linkID", link.to_string()));
    }
    if definition.has_int_id {
        // An LDAP integer is signed.
        let id = definition.attid.cast_signed();
        shown.push(one("msDS-IntId", id.to_string()));
    }
    if definition.is_in_partial_set() {
        shown.push(one("isMemberOfPartialAttributeSet", truth(true)));
    }
    shown
}

/// `telephoneNumber` → `Telephone-Number`: the schema's common names are not the LDAP names.
fn common_name(name: &str) -> String {
    let mut out = String::new();
    let mut was_lower = false;
    for c in name.chars() {
        if out.is_empty() {
            out.extend(c.to_uppercase());
        } else {
            if was_lower && c.is_uppercase() {
                out.push('-');
            }
            out.push(c);
        }
        was_lower = c.is_lowercase();
    }
    out
}

impl SchemaObject {
    /// The DN as the client wants it.
    pub(super) fn written(&self, extended: Option<Extended>) -> String {
        extended.map_or_else(
            || self.dn.clone(),
            |form| form.name(self.guid, None, &self.dn),
        )
    }

    /// The attributes a search asks for.
    pub(super) fn shown(&self, wanted: &[String]) -> Vec<Shown> {
        select(&self.attributes, wanted)
    }
}

/// Those of some attributes that a search asks for.
pub(super) fn select(attributes: &[Shown], wanted: &[String]) -> Vec<Shown> {
    let everything = wanted.is_empty() || wanted.iter().any(|name| name == "*");
    let asked = |name: &str| {
        wanted
            .iter()
            .any(|wanted| wanted.eq_ignore_ascii_case(name))
    };
    attributes
        .iter()
        .filter(|(name, _)| everything || asked(name))
        .cloned()
        .collect()
}
