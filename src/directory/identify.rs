//! Who answers on a connection: the rootDSE, and the NTDS Settings object it names.
//!
//! # Decisions
//! - A name or load balancer may lead to another DC at any connect, so this is asked on every connection, and
//!   an answer from another server than the configured one is an error.
//! - Without invocationId there is no identity: a USN means nothing without it.

use super::decode;
use super::entry::Entry;
use super::error::DirectoryError;
use super::refusal;
use super::session::Session;
use crate::clock;
use crate::model::{Dn, Identity, InvocationId, Usn, UtcMs};

/// What the rootDSE says at one moment (ADTS 3.1.1.3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootDse {
    /// When the answer had arrived, by our clock.
    pub arrived_at: UtcMs,
    /// `dsServiceName`: the DN of the DC's NTDS Settings object.
    pub ds_service_name: Dn,
    /// The RDN value of `serverName`.
    pub server_name: String,
    /// `dnsHostName`.
    pub dns_host_name: String,
    /// The site, from `dsServiceName`.
    pub site: String,
    /// `highestCommittedUSN`.
    pub committed: Usn,
    /// `currentTime`, the DC's clock; one second fine.
    pub current_time: Option<UtcMs>,
    /// `isSynchronized`.
    pub synchronized: bool,
    /// `isGlobalCatalogReady`.
    pub global_catalog_ready: bool,
    /// `namingContexts`: full replicas; partial ones are not listed.
    pub naming_contexts: Vec<Dn>,
    /// `configurationNamingContext`.
    pub configuration: Dn,
    /// `schemaNamingContext`.
    pub schema: Dn,
    /// `rootDomainNamingContext`.
    pub root_domain: Dn,
}

/// The identity, and what came along with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identified {
    pub(super) identity: Identity,
    pub(super) root: RootDse,
    /// NTDS Settings `hasPartialReplicaNCs`.
    pub(super) partial_replicas: Vec<Dn>,
}

const ROOT_ATTRIBUTES: [&str; 11] = [
    "dsServiceName",
    "serverName",
    "dnsHostName",
    "highestCommittedUSN",
    "currentTime",
    "isSynchronized",
    "isGlobalCatalogReady",
    "namingContexts",
    "configurationNamingContext",
    "schemaNamingContext",
    "rootDomainNamingContext",
];

const SETTINGS_ATTRIBUTES: [&str; 4] = [
    "invocationId",
    "options",
    "objectClass",
    "hasPartialReplicaNCs",
];

/// What changes from one moment to the next on a DC that has been identified (ADTS 3.1.1.3.2).
pub(super) struct Moment {
    /// When the answer had arrived, by our clock.
    pub(super) arrived_at: UtcMs,
    /// `highestCommittedUSN`.
    pub(super) committed: Usn,
    /// `currentTime`, the DC's clock; one second fine.
    pub(super) current_time: Option<UtcMs>,
    /// `isSynchronized`.
    pub(super) synchronized: bool,
    /// `isGlobalCatalogReady`.
    pub(super) global_catalog_ready: bool,
}

const MOMENT_ATTRIBUTES: [&str; 4] = [
    "highestCommittedUSN",
    "currentTime",
    "isSynchronized",
    "isGlobalCatalogReady",
];

/// Who answers on this connection.
///
/// An unreadable invocationId is [`DirectoryError::Permission`], another server than the configured one
/// [`DirectoryError::WrongDc`].
pub async fn identify(session: &mut Session) -> Result<Identity, DirectoryError> {
    Ok(identified(session).await?.identity)
}

/// Reads the rootDSE, which every DC shows to everybody.
pub async fn read_root(session: &mut Session) -> Result<RootDse, DirectoryError> {
    let entry = session.search_base("", &ROOT_ATTRIBUTES).await?;
    let arrived_at = clock::now();
    let target = session.target().to_owned();
    if entry.first("dsServiceName").is_none() {
        return Err(session.protocol(
            "reading the rootDSE",
            "dsServiceName is missing: this is no Active Directory domain controller",
        ));
    }
    root(&entry, arrived_at).map_err(|source| DirectoryError::Decode { target, source })
}

/// Reads from the rootDSE what changes: on a connection whose DC is known, a fraction of [`read_root`].
pub(super) async fn read_moment(session: &mut Session) -> Result<Moment, DirectoryError> {
    let entry = session.search_base("", &MOMENT_ATTRIBUTES).await?;
    let arrived_at = clock::now();
    moment(&entry, arrived_at).map_err(|source| DirectoryError::Decode {
        target: session.target().to_owned(),
        source,
    })
}

pub(super) async fn identified(session: &mut Session) -> Result<Identified, DirectoryError> {
    let root = read_root(session).await?;
    if let Some(expected) = &session.expected_server
        && !expected.eq_ignore_ascii_case(&root.server_name)
    {
        return Err(DirectoryError::WrongDc {
            target: session.target().to_owned(),
            expected: expected.clone(),
            found: root.server_name,
        });
    }
    let settings = settings_object(session, &root.ds_service_name, &SETTINGS_ATTRIBUTES).await?;
    let invocation_id = invocation_id(session, &settings)?;
    let target = session.target().to_owned();
    let wrong = |source| DirectoryError::Decode {
        target: target.clone(),
        source,
    };
    let options = match settings.first("options") {
        Some(value) => decode::integer("options", value).map_err(wrong)?,
        None => 0,
    };
    let partial_replicas = names(&settings, "hasPartialReplicaNCs").map_err(wrong)?;
    let is_read_only = has_class(&settings, "nTDSDSARO");
    Ok(Identified {
        identity: Identity {
            server_name: root.server_name.clone(),
            ds_service_name: root.ds_service_name.clone(),
            dns_host_name: root.dns_host_name.clone(),
            site: root.site.clone(),
            invocation_id,
            is_global_catalog: options & 1 != 0,
            is_read_only,
        },
        root,
        partial_replicas,
    })
}

/// The invocationId alone, for comparing it once more.
pub(super) async fn read_invocation_id(
    session: &mut Session,
    ds_service_name: &Dn,
) -> Result<InvocationId, DirectoryError> {
    let settings = settings_object(session, ds_service_name, &["invocationId"]).await?;
    invocation_id(session, &settings)
}

async fn settings_object(
    session: &mut Session,
    name: &Dn,
    attributes: &[&str],
) -> Result<Entry, DirectoryError> {
    match session.search_base(name.as_str(), attributes).await {
        Err(DirectoryError::Result {
            code: refusal::NO_SUCH_OBJECT | 50,
            ..
        }) => Err(unreadable(session, name)),
        Err(DirectoryError::Permission { target, grant, .. }) => Err(DirectoryError::Permission {
            target,
            what: format!("invocationId on {name}"),
            grant,
        }),
        other => other,
    }
}

fn invocation_id(session: &Session, settings: &Entry) -> Result<InvocationId, DirectoryError> {
    let Some(value) = settings.first("invocationId") else {
        let name = settings.dn.parse::<Dn>();
        let name =
            name.map_err(|error| session.protocol("reading NTDS Settings", error.to_string()))?;
        return Err(unreadable(session, &name));
    };
    decode::invocation_id(value).map_err(|source| DirectoryError::Decode {
        target: session.target().to_owned(),
        source,
    })
}

fn unreadable(session: &Session, name: &Dn) -> DirectoryError {
    DirectoryError::Permission {
        target: session.target().to_owned(),
        what: format!("invocationId on {name}"),
        grant: format!(
            "a USN means nothing without it; bind with an account, and grant it List Contents and Read \
             Property there: dsacls \"{name}\" /G \"DOMAIN\\account:LCRP\" (Authenticated Users have it by default)"
        ),
    }
}

fn needed<'e>(entry: &'e Entry, name: &str) -> Result<&'e [u8], decode::DecodeError> {
    entry
        .first(name)
        .ok_or_else(|| decode::DecodeError::new(name, 0, "missing in the rootDSE"))
}

fn moment(entry: &Entry, arrived_at: UtcMs) -> Result<Moment, decode::DecodeError> {
    let truth = |name: &str| {
        entry
            .first(name)
            .map_or(Ok(false), |value| decode::boolean(name, value))
    };
    Ok(Moment {
        arrived_at,
        committed: decode::usn("highestCommittedUSN", needed(entry, "highestCommittedUSN")?)?,
        current_time: entry
            .first("currentTime")
            .map(|value| decode::generalized_time("currentTime", value))
            .transpose()?,
        synchronized: truth("isSynchronized")?,
        global_catalog_ready: truth("isGlobalCatalogReady")?,
    })
}

fn root(entry: &Entry, arrived_at: UtcMs) -> Result<RootDse, decode::DecodeError> {
    let name = |attribute: &str| decode::dn(attribute, needed(entry, attribute)?);
    let moment = moment(entry, arrived_at)?;
    let ds_service_name = name("dsServiceName")?;
    let place = decode::service_place("dsServiceName", &ds_service_name)?;
    let server_name = match entry.first("serverName") {
        Some(value) => decode::rdn_value("serverName", &decode::dn("serverName", value)?)?,
        None => place.server,
    };
    Ok(RootDse {
        arrived_at,
        server_name,
        dns_host_name: decode::text("dnsHostName", needed(entry, "dnsHostName")?)?.to_owned(),
        site: place.site,
        ds_service_name,
        committed: moment.committed,
        current_time: moment.current_time,
        synchronized: moment.synchronized,
        global_catalog_ready: moment.global_catalog_ready,
        naming_contexts: names(entry, "namingContexts")?,
        configuration: name("configurationNamingContext")?,
        schema: name("schemaNamingContext")?,
        root_domain: name("rootDomainNamingContext")?,
    })
}

/// The values of an attribute as names.
pub(super) fn names(entry: &Entry, attribute: &str) -> Result<Vec<Dn>, decode::DecodeError> {
    entry
        .values(attribute)
        .map(|value| decode::dn(attribute, value))
        .collect()
}

/// Whether an entry's objectClass has this value.
pub(super) fn has_class(entry: &Entry, class: &str) -> bool {
    entry
        .values("objectClass")
        .any(|value| value.eq_ignore_ascii_case(class.as_bytes()))
}
