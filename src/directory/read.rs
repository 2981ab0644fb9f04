//! One complete reading of a DC, in the order that makes its parts evidence.
//!
//! Identity → highestCommittedUSN (hc₁) → the vectors → highestCommittedUSN (hc₂) → invocationId again, all on
//! one connection. A vector read before hc₂ proves what a reader whose cursor reaches hc₂ holds; hc₁ was
//! reached before the vectors, so the DC as a backup has at least that. In any other order neither follows.
//!
//! # Decisions
//! - A vector that cannot be read is a finding in the facts, not a failed reading: history needs hc₁ alone.
//! - The raw blob is one value and so of one moment; it is preferred to `msDS-NCReplCursors`.
//! - An absent vector is taken as empty only where the configuration shows no second DC holding the naming
//!   context; where others hold it, absence means that the account may not read it, or that no cycle has ended.

use std::collections::{BTreeMap, BTreeSet};

use super::connect::Port;
use super::decode;
use super::entry::Entry;
use super::error::DirectoryError;
use super::identify::{Identified, identified, read_invocation_id, read_moment};
use super::search::{Query, Scope, filter_value};
use super::session::Session;
use super::socket::Budget;
use crate::clock::{self, Stopwatch};
use crate::model::{DcFacts, Dn, InstanceType, NcVectors, Vector};

/// tombstoneLifetime where the attribute is absent (MS-ADA3 2.307 names it; 60 days by ADTS 3.1.1.1.15).
const DEFAULT_TOMBSTONE_DAYS: u32 = 60;

/// What a reading is to bring besides identity and highestCommittedUSN.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Base contexts of resources: the vector of the naming context of each is read.
    pub bases: Vec<Dn>,
    /// Also every domain naming context below those; on the global catalog's port partial replicas too.
    pub subdomains: bool,
    /// Every naming context the DC holds in full, whatever the bases are.
    pub every_naming_context: bool,
    /// Also `tombstoneLifetime`.
    pub tombstones: bool,
}

/// Reads a DC, all within `Timeouts::search`.
///
/// An invocationId that changes meanwhile is [`DirectoryError::Protocol`]: nothing read is of one incarnation.
pub async fn read_facts(session: &mut Session, wanted: &Wanted) -> Result<DcFacts, DirectoryError> {
    let budget = Budget::new(session.timeouts().search);
    let target = session.target().to_owned();
    budget
        .run(&target, "the reading of the DC", facts(session, wanted))
        .await?
}

async fn facts(session: &mut Session, wanted: &Wanted) -> Result<DcFacts, DirectoryError> {
    let started_at = clock::now();
    let watch = Stopwatch::start();
    let who = identified(session).await?;
    let before = read_moment(session).await?;
    let found = read_contexts(session, wanted, &who).await?;
    let vectors_at = clock::now();
    let asked = !(found.vectors.is_empty() && found.unreadable.is_empty());
    let committed_after = if asked {
        Some(read_moment(session).await?.committed)
    } else {
        None
    };
    let tombstone_lifetime_days = if wanted.tombstones {
        tombstone_lifetime(session, &who.root.configuration).await?
    } else {
        None
    };
    same_incarnation(session, &who).await?;
    Ok(DcFacts {
        started_at,
        committed_at: before.arrived_at,
        vectors_at,
        synchronized: before.synchronized,
        global_catalog_ready: before.global_catalog_ready,
        committed: before.committed,
        committed_after,
        skew_ms: before
            .current_time
            .map(|theirs| theirs.ms_since(before.arrived_at)),
        took_ms: watch.elapsed_ms(),
        vectors: found.vectors,
        unreadable: found.unreadable,
        instance_types: found.instance_types,
        tombstone_lifetime_days,
        identity: who.identity,
    })
}

/// What all wanted naming contexts say.
#[derive(Default)]
pub(super) struct Contexts {
    pub(super) vectors: NcVectors,
    pub(super) unreadable: BTreeMap<Dn, String>,
    pub(super) instance_types: BTreeMap<Dn, InstanceType>,
}

pub(super) async fn read_contexts(
    session: &mut Session,
    wanted: &Wanted,
    who: &Identified,
) -> Result<Contexts, DirectoryError> {
    let (contexts, unreadable) = contexts(wanted, who, session.port());
    let mut found = Contexts {
        unreadable,
        ..Contexts::default()
    };
    for context in contexts {
        let reading = match read_context(session, &context, who).await {
            Ok(reading) => reading,
            Err(error) if error.ends_session() => return Err(error),
            Err(error) => {
                found.unreadable.insert(context, error.failure().detail);
                continue;
            }
        };
        if let Some(kind) = reading.instance_type {
            found.instance_types.insert(context.clone(), kind);
        }
        match reading.vector {
            Ok(vector) => {
                found.vectors.insert(context, vector);
            }
            Err(reason) => {
                found.unreadable.insert(context, reason);
            }
        }
    }
    Ok(found)
}

async fn same_incarnation(session: &mut Session, who: &Identified) -> Result<(), DirectoryError> {
    let name = &who.identity.ds_service_name;
    let now = read_invocation_id(session, name).await?;
    let then = who.identity.invocation_id;
    if now == then {
        return Ok(());
    }
    Err(session.protocol(
        "the reading of the DC",
        format!(
            "invocationId changed from {then} to {now} meanwhile (a restore?): nothing read counts; read again"
        ),
    ))
}

/// The naming contexts whose vectors are wanted, and the bases that are in none.
pub(super) fn contexts(
    wanted: &Wanted,
    who: &Identified,
    port: Port,
) -> (BTreeSet<Dn>, BTreeMap<Dn, String>) {
    let full = &who.root.naming_contexts;
    let partial = match port {
        Port::GlobalCatalog => who.partial_replicas.as_slice(),
        Port::Directory => &[],
    };
    let held: Vec<&Dn> = full.iter().chain(partial).collect();
    let mut chosen = BTreeSet::new();
    let mut missing = BTreeMap::new();
    for base in &wanted.bases {
        let longest = held
            .iter()
            .filter(|context| base.is_within(context))
            .max_by_key(|context| context.folded().len());
        if let Some(context) = longest {
            chosen.insert((*context).clone());
        } else {
            let reason = format!("this DC holds no naming context that {base} lies in");
            missing.insert(base.clone(), reason);
        }
    }
    if wanted.subdomains {
        let below: Vec<Dn> = held
            .iter()
            .filter(|context| is_domain(context))
            .filter(|context| chosen.iter().any(|above| context.is_within(above)))
            .map(|context| (*context).clone())
            .collect();
        chosen.extend(below);
    }
    if wanted.every_naming_context {
        chosen.extend(full.iter().cloned());
    }
    (chosen, missing)
}

/// Whether a naming context is a domain, neither the forest's own nor a DNS application partition.
pub(super) fn is_domain(context: &Dn) -> bool {
    let name = context.folded();
    name.starts_with("dc=")
        && !name.starts_with("dc=domaindnszones,")
        && !name.starts_with("dc=forestdnszones,")
}

/// What the head of a naming context says.
pub(super) struct ContextReading {
    pub(super) instance_type: Option<InstanceType>,
    pub(super) vector: Result<Vector, String>,
}

pub(super) async fn read_context(
    session: &mut Session,
    context: &Dn,
    who: &Identified,
) -> Result<ContextReading, DirectoryError> {
    // Constructed attributes come only by name, and asking for one that is unknown does no harm.
    let attributes = ["replUpToDateVector", "instanceType"];
    let head = session.search_base(context.as_str(), &attributes).await?;
    let instance_type = head
        .first("instanceType")
        .map(decode::instance_type)
        .transpose()
        .map_err(|source| DirectoryError::Decode {
            target: session.target().to_owned(),
            source,
        })?;
    let vector = match head.first("replUpToDateVector") {
        Some(blob) => decode::vector_from_blob(blob).map_err(|error| error.to_string()),
        None => Err(String::new()),
    };
    let vector = match vector {
        Ok(vector) => Ok(vector),
        Err(problem) => second_way(session, context, who, problem).await?,
    };
    let own = who.identity.invocation_id;
    Ok(ContextReading {
        instance_type,
        vector: vector.map(|vector| vector.iter().filter(|(id, _)| *id != own).collect()),
    })
}

/// The vector from `msDS-NCReplCursors`, or why there is none; `problem` is that of the blob, empty where absent.
async fn second_way(
    session: &mut Session,
    context: &Dn,
    who: &Identified,
    problem: String,
) -> Result<Result<Vector, String>, DirectoryError> {
    for attribute in ["msDS-NCReplCursors;binary", "msDS-NCReplCursors"] {
        let head = match session.search_base(context.as_str(), &[attribute]).await {
            Ok(head) => head,
            Err(error) if error.ends_session() => return Err(error),
            Err(_) => continue,
        };
        if let Some(vector) = cursors(&head, attribute) {
            return Ok(vector);
        }
    }
    if !problem.is_empty() {
        return Ok(Err(problem));
    }
    Ok(match holders(session, context, who).await {
        Ok(1) => Ok(Vector::new()),
        Ok(number) => Err(format!(
            "replUpToDateVector is not shown although {number} DCs hold {context}: grant Read Property on it \
             or Monitor-Topology, or wait for the first replication to complete"
        )),
        Err(error) if error.ends_session() => return Err(error),
        Err(error) => Err(format!(
            "replUpToDateVector is not shown, and who else holds {context} is unknown: {error}"
        )),
    })
}

/// The vector in an answer to `msDS-NCReplCursors`; `None` where it holds none.
fn cursors(head: &Entry, attribute: &str) -> Option<Result<Vector, String>> {
    // A server that sends only a range of the values names it in the attribute's options.
    let partly = head.attributes().any(|(name, values)| {
        name.starts_with("msds-ncreplcursors;") && name.contains("range=") && !values.is_empty()
    });
    if partly {
        return Some(Err(format!(
            "{attribute} has more values than one answer holds"
        )));
    }
    let values = head.values(attribute);
    if values.is_empty() {
        return None;
    }
    let vector = if attribute.ends_with(";binary") {
        decode::vector_from_binary(&values.to_vec())
    } else {
        decode::vector_from_xml(&values.to_vec())
    };
    Some(vector.map_err(|error| error.to_string()))
}

/// How many DCs hold a naming context, by the forest's configuration.
async fn holders(
    session: &mut Session,
    context: &Dn,
    who: &Identified,
) -> Result<usize, DirectoryError> {
    let value = filter_value(context.as_str());
    let mut holds = String::new();
    for attribute in [
        "hasMasterNCs",
        "msDS-hasMasterNCs",
        "hasPartialReplicaNCs",
        "msDS-hasFullReplicaNCs",
    ] {
        for part in ["(", attribute, "=", &value, ")"] {
            holds.push_str(part);
        }
    }
    let filter = format!("(&(|(objectClass=nTDSDSA)(objectClass=nTDSDSARO))(|{holds}))");
    let base = format!("CN=Sites,{}", who.root.configuration);
    let query = Query {
        base: &base,
        scope: Scope::Subtree,
        filter: &filter,
        attributes: &["1.1"],
        controls: Vec::new(),
    };
    Ok(session.search_all(query).await?.len())
}

/// tombstoneLifetime in days; `None` where the object may not be read.
pub(super) async fn tombstone_lifetime(
    session: &mut Session,
    configuration: &Dn,
) -> Result<Option<u32>, DirectoryError> {
    let name = format!("CN=Directory Service,CN=Windows NT,CN=Services,{configuration}");
    let object = match session
        .search_base(&name, &["tombstoneLifetime", "objectClass"])
        .await
    {
        Ok(object) => object,
        Err(error) if error.ends_session() => return Err(error),
        Err(_) => return Ok(None),
    };
    // Whoever may not read the object's properties gets it without any: that is no absent attribute.
    if object.values("objectClass").is_empty() {
        return Ok(None);
    }
    let Some(value) = object.first("tombstoneLifetime") else {
        return Ok(Some(DEFAULT_TOMBSTONE_DAYS));
    };
    decode::integer("tombstoneLifetime", value)
        .and_then(|days| {
            u32::try_from(days)
                .map_err(|_| decode::DecodeError::new("tombstoneLifetime", 0, "negative"))
        })
        .map(Some)
        .map_err(|source| DirectoryError::Decode {
            target: session.target().to_owned(),
            source,
        })
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
