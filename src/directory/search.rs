//! What is asked of a DC: scope, filter and controls, without any type of the LDAP library.

use std::fmt::Write;

/// How far below the base a search goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The base object alone.
    Base,
    /// The objects immediately below.
    OneLevel,
    /// The base and everything below.
    Subtree,
}

impl From<Scope> for ldap3::Scope {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Base => Self::Base,
            Scope::OneLevel => Self::OneLevel,
            Scope::Subtree => Self::Subtree,
        }
    }
}

/// A request control.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    /// Its OID.
    pub oid: String,
    /// Whether the server must refuse the operation rather than ignore the control.
    pub critical: bool,
    /// Its BER value, where it has one.
    pub value: Option<Vec<u8>>,
}

impl Control {
    /// Show Deleted (ADTS 3.1.1.3.4.1.14): tombstones and deleted objects too. Critical: a server that ignored it
    /// would seem to have no deletions.
    pub fn show_deleted() -> Self {
        Self {
            oid: "1.2.840.113556.1.4.417".to_owned(),
            critical: true,
            value: None,
        }
    }

    /// Extended DN (ADTS 3.1.1.3.4.1.5) with dashed GUIDs: names come as `<GUID=…>;<SID=…>;CN=…`. Not critical: that the
    /// GUIDs came is seen in the answer.
    pub fn extended_dn() -> Self {
        Self {
            oid: "1.2.840.113556.1.4.529".to_owned(),
            critical: false,
            // SEQUENCE { INTEGER 1 }
            value: Some(vec![0x30, 0x03, 0x02, 0x01, 0x01]),
        }
    }
}

impl From<Control> for ldap3::controls::RawControl {
    fn from(control: Control) -> Self {
        Self {
            ctype: control.oid,
            crit: control.critical,
            val: control.value,
        }
    }
}

/// A search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query<'a> {
    /// The name of the base; empty for the rootDSE.
    pub base: &'a str,
    /// How far below it.
    pub scope: Scope,
    /// The filter (RFC 4515); put foreign values in through [`filter_value`].
    pub filter: &'a str,
    /// The attributes wanted; some, the vector for one, come only when named.
    pub attributes: &'a [&'a str],
    /// Controls besides the paging one.
    pub controls: Vec<Control>,
}

/// A value as it may stand in a filter: every byte that is no ASCII letter or digit as `\xx` (RFC 4515 3).
pub fn filter_value(value: impl AsRef<[u8]>) -> String {
    let mut escaped = String::new();
    for byte in value.as_ref() {
        if byte.is_ascii_alphanumeric() {
            escaped.push(char::from(*byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(escaped, "\\{byte:02x}");
        }
    }
    escaped
}
