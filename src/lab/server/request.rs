//! What a client asks, read from an LDAPMessage (RFC 4511 4.1.1).

use super::ber::{Malformed, Parts};
use super::filter::Filter;

/// StartTLS (RFC 4511 4.14.1).
pub(super) const START_TLS: &str = "1.3.6.1.4.1.1466.20037";

/// A request with its controls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) id: i64,
    pub(super) operation: Operation,
    pub(super) controls: Vec<Control>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Control {
    pub(super) oid: String,
    pub(super) critical: bool,
    pub(super) value: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Operation {
    /// A simple bind; `None` for any other way to authenticate.
    Bind {
        name: String,
        password: Option<Vec<u8>>,
    },
    Unbind,
    Abandon,
    Search(Search),
    StartTls,
    /// Anything else, with the tag its answer has.
    Other(u8),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Search {
    pub(super) base: String,
    /// 0 base, 1 one level, 2 subtree.
    pub(super) scope: i64,
    pub(super) size_limit: usize,
    pub(super) types_only: bool,
    pub(super) filter: Filter,
    /// As the client wrote them.
    pub(super) attributes: Vec<String>,
}

impl Request {
    /// Reads one whole message.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let message = Parts(bytes).need("a message")?;
        let mut parts = message.parts();
        let id = parts.need("a message id")?.number()?;
        let operation = parts.need("an operation")?;
        let body = operation.parts();
        let operation = match operation.tag {
            0x60 => bind(body)?,
            0x42 => Operation::Unbind,
            0x50 => Operation::Abandon,
            0x63 => Operation::Search(search(body)?),
            0x77 if named(body)? == START_TLS => Operation::StartTls,
            other => Operation::Other(other.saturating_add(1)),
        };
        let controls = match parts.next()? {
            Some(list) if list.tag == 0xa0 => controls(list.parts())?,
            _ => Vec::new(),
        };
        Ok(Self {
            id,
            operation,
            controls,
        })
    }

    /// The control of this OID.
    pub(super) fn control(&self, oid: &str) -> Option<&Control> {
        self.controls.iter().find(|control| control.oid == oid)
    }
}

/// The name of an extended request (RFC 4511 4.12).
fn named(mut body: Parts<'_>) -> Result<&str, Malformed> {
    body.need("the name of an extended request")?.text()
}

fn bind(mut body: Parts<'_>) -> Result<Operation, Malformed> {
    body.need("a version")?;
    let name = body.need("a name")?.text()?.to_owned();
    let way = body.need("credentials")?;
    let password = (way.tag == 0x80).then(|| way.content.to_vec());
    Ok(Operation::Bind { name, password })
}

fn search(mut body: Parts<'_>) -> Result<Search, Malformed> {
    let base = body.need("a base")?.text()?.to_owned();
    let scope = body.need("a scope")?.number()?;
    body.need("an alias rule")?;
    let size_limit = body.need("a size limit")?.number()?;
    body.need("a time limit")?;
    let types_only = body.need("typesOnly")?.truth();
    let filter = Filter::read(body.need("a filter")?)?;
    let wanted = body.need("attributes")?.parts().all()?;
    let attributes = wanted
        .into_iter()
        .map(|name| name.text().map(str::to_owned))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Search {
        base,
        scope,
        size_limit: usize::try_from(size_limit).unwrap_or(0),
        types_only,
        filter,
        attributes,
    })
}

fn controls(list: Parts<'_>) -> Result<Vec<Control>, Malformed> {
    let mut found = Vec::new();
    for control in list.all()? {
        let mut parts = control.parts();
        let mut read = Control {
            oid: parts.need("a control's type")?.text()?.to_owned(),
            critical: false,
            value: Vec::new(),
        };
        while let Some(part) = parts.next()? {
            match part.tag {
                0x01 => read.critical = part.truth(),
                _ => read.value = part.content.to_vec(),
            }
        }
        found.push(read);
    }
    Ok(found)
}
