//! What an account may do on a DC, item by item, and what to grant where it may not.
//!
//! # Decisions
//! - What cannot be told apart is said so: no visible deletion may mean that there was none.
//! - Each grant is written twice, for `dsacls` (Windows) and `samba-tool dsacl set` (Samba), with the account
//!   left for the reader to fill in.

use serde::Serialize;

use super::connect::Port;
use super::error::DirectoryError;
use super::identify::{Identified, identified};
use super::read::{Wanted, contexts, read_context, tombstone_lifetime};
use super::search::{Control, Query, Scope};
use super::session::Session;
use crate::config::{Credentials, DcSettings};
use crate::model::{Dn, FailureKind};

/// Skew beyond which Kerberos fails and times of different DCs mislead.
const SKEW_FAIL_MS: u64 = 300_000;
/// Skew that is worth a word.
const SKEW_WARN_MS: u64 = 5_000;
/// schemaIDGUID of replUpToDateVector.
const VECTOR_GUID: &str = "bf967a16-0de6-11d0-a285-00aa003049e2";
/// Enough to meet a tombstone of the naming context among those of others, which a global catalog lists too.
const SOME: i32 = 200;

/// How one item stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Usable with a loss, or not to be told.
    Warn,
    /// Does not work.
    Fail,
}

/// What to grant, in the words of two tools; `DOMAIN\account` and `SID` stand for the account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Grant {
    /// For Windows.
    pub dsacls: String,
    /// For Samba.
    pub samba_tool: String,
}

/// One item of the check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Access {
    /// What was tried, as `vector of DC=lab,DC=test`.
    pub item: String,
    /// How it stands.
    pub verdict: Verdict,
    /// What was found and what it means, in one sentence.
    pub finding: String,
    /// The typed reason, where an operation failed.
    pub failure: Option<FailureKind>,
    /// What to grant, where rights are missing.
    pub grant: Option<Grant>,
}

impl Access {
    pub(super) fn new(
        item: impl Into<String>,
        verdict: Verdict,
        finding: impl Into<String>,
    ) -> Self {
        Self {
            item: item.into(),
            verdict,
            finding: finding.into(),
            failure: None,
            grant: None,
        }
    }

    pub(super) fn failed(item: impl Into<String>, error: &DirectoryError) -> Self {
        let failure = error.failure();
        Self {
            failure: Some(failure.kind),
            ..Self::new(item, Verdict::Fail, failure.detail)
        }
    }

    pub(super) fn granting(mut self, grant: Grant) -> Self {
        self.grant = Some(grant);
        self
    }
}

/// Connects to a DC and tries everything the service needs there; a failure is an item, never an error.
pub async fn check(dc: &DcSettings, port: Port, wanted: &Wanted) -> Vec<Access> {
    let mut session = match Session::open(dc, port).await {
        Ok(session) => session,
        Err(error) => return vec![Access::failed("connect and bind", &error)],
    };
    let bind = match dc.credentials {
        Credentials::Anonymous => Access::new(
            "connect and bind",
            Verdict::Warn,
            "connected without authentication: only the rootDSE can be read, and no USN can be tied to an incarnation",
        ),
        _ => Access::new(
            "connect and bind",
            Verdict::Ok,
            "connected and authenticated",
        ),
    };
    let mut items = vec![bind];
    items.extend(check_access(&mut session, wanted).await);
    session.close().await;
    items
}

/// Tries everything the service needs on an open session.
pub async fn check_access(session: &mut Session, wanted: &Wanted) -> Vec<Access> {
    let who = match identified(session).await {
        Ok(who) => who,
        Err(error) => return vec![identity_failed(&error)],
    };
    let mut items = vec![identity(&who), synchronized(&who), skew(&who)];
    let (contexts, missing) = contexts(wanted, &who, session.port());
    for (base, reason) in missing {
        items.push(Access::new(format!("base {base}"), Verdict::Fail, reason));
    }
    for context in &contexts {
        items.push(vector(session, context, &who).await);
        if super::read::is_domain(context) {
            items.push(deletions(session, context, &who).await);
        }
    }
    items.push(tombstones(session, &who.root.configuration).await);
    items
}

fn identity_failed(error: &DirectoryError) -> Access {
    let item = Access::failed("identity", error);
    match error {
        DirectoryError::Permission { what, .. } => {
            let object = what.split_once(" on ").map_or("", |(_, name)| name);
            item.granting(Grant {
                dsacls: format!("dsacls \"{object}\" /G \"DOMAIN\\account:LCRP\""),
                samba_tool: format!(
                    "samba-tool dsacl set --objectdn=\"{object}\" --sddl=\"(A;;LCRP;;;SID)\""
                ),
            })
        }
        _ => item,
    }
}

fn identity(who: &Identified) -> Access {
    let identity = &who.identity;
    let kind = match (identity.is_read_only, identity.is_global_catalog) {
        (true, _) => "a read-only DC, which can stand in for none",
        (false, true) => "a full DC with a global catalog",
        (false, false) => "a full DC",
    };
    let verdict = if identity.is_read_only {
        Verdict::Warn
    } else {
        Verdict::Ok
    };
    let finding = format!(
        "{} in site {}, {kind}; invocationId {}",
        identity.server_name, identity.site, identity.invocation_id
    );
    Access::new("identity", verdict, finding)
}

fn synchronized(who: &Identified) -> Access {
    if who.root.synchronized {
        Access::new("synchronized", Verdict::Ok, "isSynchronized is TRUE")
    } else {
        Access::new(
            "synchronized",
            Verdict::Fail,
            "isSynchronized is FALSE: the DC has not completed its first replication and is no candidate",
        )
    }
}

fn skew(who: &Identified) -> Access {
    let Some(theirs) = who.root.current_time else {
        return Access::new("clock", Verdict::Warn, "the DC tells no time");
    };
    let ms = theirs.ms_since(who.root.arrived_at);
    // currentTime is cut to the second, so up to 1 s of this is no skew.
    let verdict = match ms.unsigned_abs() {
        ms if ms > SKEW_FAIL_MS => Verdict::Fail,
        ms if ms > SKEW_WARN_MS => Verdict::Warn,
        _ => Verdict::Ok,
    };
    let finding = format!(
        "the DC's clock less ours: {ms} ms, down to -1000 ms of which come from its telling whole seconds"
    );
    Access::new("clock", verdict, finding)
}

async fn vector(session: &mut Session, context: &Dn, who: &Identified) -> Access {
    let item = format!("vector of {context}");
    let reading = match read_context(session, context, who).await {
        Ok(reading) => reading,
        Err(error) => return Access::failed(item, &error).granting(monitor(context)),
    };
    match reading.vector {
        Ok(vector) if vector.is_empty() => Access::new(
            item,
            Verdict::Ok,
            "empty: no other DC holds this naming context yet",
        ),
        Ok(vector) => Access::new(
            item,
            Verdict::Ok,
            format!("readable, {} entries", vector.len()),
        ),
        Err(reason) => Access::new(
            item,
            Verdict::Warn,
            format!("{reason}; without it only the manual and the time start are possible"),
        )
        .granting(monitor(context)),
    }
}

/// On Windows the right DS-Replication-Monitor-Topology (f98340fb-7c5b-4cdb-a00b-2ebdfa115a96) shows the vector;
/// Samba asks for Read Property on the attribute.
fn monitor(context: &Dn) -> Grant {
    Grant {
        dsacls: format!(
            "dsacls \"{context}\" /G \"DOMAIN\\account:CA;Monitor Active Directory Replication\""
        ),
        samba_tool: format!(
            "samba-tool dsacl set --objectdn=\"{context}\" --sddl=\"(OA;;RP;{VECTOR_GUID};;SID)\""
        ),
    }
}

async fn deletions(session: &mut Session, context: &Dn, who: &Identified) -> Access {
    let item = format!("deletions in {context}");
    let query = Query {
        base: context.as_str(),
        scope: Scope::Subtree,
        filter: "(isDeleted=TRUE)",
        attributes: &["uSNChanged"],
        controls: vec![Control::show_deleted()],
    };
    let found = match session.search_some(&query, SOME).await {
        Ok(found) => found,
        Err(error) => {
            return Access::failed(item, &error).granting(read_deleted(context));
        }
    };
    let tombstones = found
        .iter()
        .filter(|entry| is_tombstone_of(context, &entry.dn, &who.root.naming_contexts))
        .count();
    if tombstones > 0 {
        return Access::new(item, Verdict::Ok, "deleted objects are listed");
    }
    Access::new(
        item,
        Verdict::Warn,
        "no deleted object is listed: there is none, or, more likely, the account may not see them; deletions \
         would then go unnoticed",
    )
    .granting(read_deleted(context))
}

/// Whether this is a deleted object of the naming context itself, not of one below it (a global catalog lists
/// those too), and not the container, which is marked deleted like its contents.
fn is_tombstone_of(context: &Dn, name: &str, held: &[Dn]) -> bool {
    let Ok(name) = name.parse::<Dn>() else {
        return false;
    };
    let below = held
        .iter()
        .any(|other| other != context && other.is_within(context) && name.is_within(other));
    name.is_within(context) && !below && !name.folded().starts_with("cn=deleted objects,")
}

/// KB 892806: by default only administrators and the system may list the container of deleted objects.
pub(super) fn read_deleted(context: &Dn) -> Grant {
    let container = format!("CN=Deleted Objects,{context}");
    Grant {
        dsacls: format!(
            "dsacls \"{container}\" /takeOwnership, then dsacls \"{container}\" /G \"DOMAIN\\account:LCRP\""
        ),
        // samba-tool sends no Show Deleted control and so does not find the container.
        samba_tool: format!(
            "samba-tool dsacl set cannot reach the container; on a DC put (A;CI;LCRP;;;SID) into the \
             nTSecurityDescriptor of \"{container}\" with ldbmodify -H sam.ldb --controls=show_deleted:1"
        ),
    }
}

async fn tombstones(session: &mut Session, configuration: &Dn) -> Access {
    let item = "tombstoneLifetime";
    match tombstone_lifetime(session, configuration).await {
        Err(error) => Access::failed(item, &error),
        Ok(Some(days)) => Access::new(
            item,
            Verdict::Ok,
            format!("{days} days: a cursor older than that has lost deletions"),
        ),
        Ok(None) => {
            let object = format!("CN=Directory Service,CN=Windows NT,CN=Services,{configuration}");
            Access::new(
                item,
                Verdict::Warn,
                "not readable: whether a cursor is too old for deletions cannot be told",
            )
            .granting(Grant {
                dsacls: format!("dsacls \"{object}\" /G \"DOMAIN\\account:RP\""),
                samba_tool: format!(
                    "samba-tool dsacl set --objectdn=\"{object}\" --sddl=\"(A;;RP;;;SID)\""
                ),
            })
        }
    }
}
