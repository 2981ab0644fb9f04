//! Writing one entry of a directory that is no AD: the entry in which another product keeps its cursor.
//!
//! # Decisions
//! - Old values are deleted by value and new ones added in one operation, which a server carries out whole or not at all
//!   (RFC 4511 4.6): compare-and-set without any control.

use std::collections::HashSet;

use ldap3::Mod;

use super::error::DirectoryError;
use super::refusal;
use super::session::{Fault, Session, bounded};

/// One attribute's value, taken out and put in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    /// The attribute.
    pub attribute: String,
    /// The value that must stand there; `None` where there is none.
    pub old: Option<Vec<u8>>,
    /// The value to stand there; `None` leaves none.
    pub new: Option<Vec<u8>>,
}

/// What became of a [`Session::modify`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Modified {
    /// It was carried out.
    Done,
    /// An old value does not stand there, and nothing was written.
    NotAsExpected,
}

impl Session {
    /// Carries out the replacements where every old value stands, all of them or none.
    ///
    /// After [`DirectoryError::Timeout`] and [`DirectoryError::Disconnected`] it may have been carried out all the same.
    pub async fn modify(
        &mut self,
        dn: &str,
        replacements: &[Replacement],
    ) -> Result<Modified, DirectoryError> {
        let mut changes: Vec<Mod<Vec<u8>>> = Vec::new();
        for change in replacements {
            let name = change.attribute.clone().into_bytes();
            if let Some(old) = &change.old {
                changes.push(Mod::Delete(name.clone(), HashSet::from([old.clone()])));
            }
            if let Some(new) = &change.new {
                changes.push(Mod::Add(name, HashSet::from([new.clone()])));
            }
        }
        let what = format!("writing {dn}");
        let bound = self.timeouts.operation;
        let sent = self.ldap.with_timeout(bound).modify(dn, changes);
        let answer = match bounded(bound, sent).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(self.explain(&what, Fault::Library(error)).await),
            Err(fault) => return Err(self.explain(&what, fault).await),
        };
        match answer.rc {
            0 => Ok(Modified::Done),
            NO_SUCH_ATTRIBUTE | ATTRIBUTE_OR_VALUE_EXISTS => Ok(Modified::NotAsExpected),
            code => Err(refusal::of_search(&self.target, &what, code, &answer.text)),
        }
    }
}

/// `noSuchAttribute`: the value to delete is not there.
const NO_SUCH_ATTRIBUTE: u32 = 16;
/// `attributeOrValueExists`: the value to add is there already.
const ATTRIBUTE_OR_VALUE_EXISTS: u32 = 20;
