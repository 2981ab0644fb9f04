//! Where a DC stands at the beginning of a pass, read in the order the rules want: invocationId → vectors → USN (R1).
//!
//! A vector that was read before highestCommittedUSN says what a reader that has then read up to that USN holds. Read the
//! other way round, a change that arrived in between would count as held and never be read.

use std::collections::BTreeMap;

use super::error::DirectoryError;
use super::identify::{identified, read_root};
use super::read::{Wanted, read_contexts};
use super::session::Session;
use super::socket::Budget;
use crate::model::{Dn, Identity, InstanceType, NcVectors, Usn};

/// Where a DC stood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// Who answers, with the invocationId; to be compared with [`super::identify`] after the pass.
    pub identity: Identity,
    /// The up-to-dateness vectors that could be read, own entry left out.
    pub vectors: NcVectors,
    /// Why the others could not.
    pub unreadable: BTreeMap<Dn, String>,
    /// The instanceType of each naming context's head, where it is shown.
    pub instance_types: BTreeMap<Dn, InstanceType>,
    /// highestCommittedUSN, read after the vectors.
    pub committed: Usn,
    /// `isSynchronized` then.
    pub synchronized: bool,
    /// The naming context of the schema.
    pub schema: Dn,
}

/// Reads where the DC stands with these naming contexts, all within `Timeouts::search`.
pub async fn read_position(session: &mut Session, ncs: &[Dn]) -> Result<Position, DirectoryError> {
    let budget = Budget::new(session.timeouts().search);
    let target = session.target().to_owned();
    budget
        .run(
            &target,
            "reading where the DC stands",
            position(session, ncs),
        )
        .await?
}

async fn position(session: &mut Session, ncs: &[Dn]) -> Result<Position, DirectoryError> {
    let who = identified(session).await?;
    let wanted = Wanted {
        bases: ncs.to_vec(),
        ..Wanted::default()
    };
    let found = read_contexts(session, &wanted, &who).await?;
    let now = read_root(session).await?;
    Ok(Position {
        identity: who.identity,
        vectors: found.vectors,
        unreadable: found.unreadable,
        instance_types: found.instance_types,
        committed: now.committed,
        synchronized: now.synchronized,
        schema: now.schema,
    })
}
