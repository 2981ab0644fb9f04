//! The DCs of a forest: by its configuration, by DNS, and where the two differ.
//!
//! # Decisions
//! - The configuration names every DC of the forest with its site and replicas but not whether it is reachable;
//!   DNS names those of one domain that registered. Neither is the truth alone, so both are kept apart.

use std::collections::BTreeMap;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::proto::rr::RData;
use serde::Serialize;

use super::decode::{self, DecodeError};
use super::entry::Entry;
use super::error::{DirectoryError, one_line};
use super::identify::{has_class, names, read_root};
use super::search::{Query, Scope};
use super::session::Session;
use crate::model::{Dn, InvocationId};

/// A DC as the forest's configuration describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DirectoryDc {
    /// The name of its server object, as `DC1`.
    pub server_name: String,
    /// `dNSHostName` of the server object; `None` where it is absent or unreadable.
    pub dns_host_name: Option<String>,
    /// Its site.
    pub site: String,
    /// Whether it is configured as a global catalog.
    pub is_global_catalog: bool,
    /// Whether it is a read-only DC.
    pub is_read_only: bool,
    /// Its incarnation; `None` where it may not be read.
    pub invocation_id: Option<InvocationId>,
    /// The domains it holds in full.
    pub domains: Vec<Dn>,
}

/// A DC found in the directory, in DNS, or in both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Discovered {
    /// Its host name, in lower case; the server name where the directory shows no host name.
    pub host: String,
    /// What the directory says; `None` where only DNS knows it.
    pub directory: Option<DirectoryDc>,
    /// Whether DNS lists it; `None` where DNS was not asked or its domain is another one.
    pub in_dns: Option<bool>,
}

/// DNS could not be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("DNS, {name}: {reason}; check the resolver of this machine (/etc/resolv.conf)")]
pub struct DnsError {
    /// The name asked for.
    pub name: String,
    /// The resolver's words.
    pub reason: String,
}

/// Every DC of the forest, from the configuration naming context, by server name.
pub async fn discover_directory(session: &mut Session) -> Result<Vec<DirectoryDc>, DirectoryError> {
    let root = read_root(session).await?;
    let base = format!("CN=Sites,{}", root.configuration);
    let settings = session
        .search_all(Query {
            base: &base,
            scope: Scope::Subtree,
            filter: "(|(objectClass=nTDSDSA)(objectClass=nTDSDSARO))",
            attributes: &[
                "objectClass",
                "invocationId",
                "options",
                "hasMasterNCs",
                "msDS-hasMasterNCs",
                "msDS-hasFullReplicaNCs",
            ],
            controls: Vec::new(),
        })
        .await?;
    let servers = session
        .search_all(Query {
            base: &base,
            scope: Scope::Subtree,
            filter: "(objectClass=server)",
            attributes: &["dNSHostName"],
            controls: Vec::new(),
        })
        .await?;
    let target = session.target().to_owned();
    merge_objects(&settings, &servers).map_err(|source| DirectoryError::Decode { target, source })
}

fn merge_objects(settings: &[Entry], servers: &[Entry]) -> Result<Vec<DirectoryDc>, DecodeError> {
    let mut hosts: BTreeMap<Dn, String> = BTreeMap::new();
    for server in servers {
        if let Some(host) = server.first("dNSHostName") {
            let name = decode::dn("server", server.dn.as_bytes())?;
            hosts.insert(name, decode::text("dNSHostName", host)?.to_owned());
        }
    }
    let mut found = settings
        .iter()
        .map(|entry| described(entry, &hosts))
        .collect::<Result<Vec<_>, _>>()?;
    found.sort_by(|a, b| a.server_name.cmp(&b.server_name));
    Ok(found)
}

fn described(entry: &Entry, hosts: &BTreeMap<Dn, String>) -> Result<DirectoryDc, DecodeError> {
    let name = decode::dn("nTDSDSA", entry.dn.as_bytes())?;
    let place = decode::service_place("nTDSDSA", &name)?;
    let parent = entry.dn.split_once(',').map_or(Ok(None), |(_, parent)| {
        decode::dn("server", parent.as_bytes()).map(Some)
    })?;
    let options = entry
        .first("options")
        .map_or(Ok(0), |value| decode::integer("options", value))?;
    let mut domains: Vec<Dn> = Vec::new();
    for attribute in [
        "hasMasterNCs",
        "msDS-hasMasterNCs",
        "msDS-hasFullReplicaNCs",
    ] {
        domains.extend(names(entry, attribute)?);
    }
    domains.retain(super::read::is_domain);
    domains.sort();
    domains.dedup();
    Ok(DirectoryDc {
        server_name: place.server,
        dns_host_name: parent.and_then(|parent| hosts.get(&parent).cloned()),
        site: place.site,
        is_global_catalog: options & 1 != 0,
        is_read_only: has_class(entry, "nTDSDSARO"),
        invocation_id: entry
            .first("invocationId")
            .map(decode::invocation_id)
            .transpose()?,
        domains,
    })
}

/// The DCs that DNS lists for a domain (SRV `_ldap._tcp.dc._msdcs.<domain>`), in lower case; none where the name
/// does not exist. Bounded by `bound`.
pub async fn discover_dns(domain: &str, bound: Duration) -> Result<Vec<String>, DnsError> {
    let domain = domain.trim_end_matches('.');
    // The final dot keeps the search list of the machine out of it.
    let name = format!("_ldap._tcp.dc._msdcs.{domain}.");
    let failed = |reason: String| DnsError {
        name: name.clone(),
        reason: one_line(&reason),
    };
    let resolver = TokioResolver::builder_tokio()
        .and_then(hickory_resolver::ResolverBuilder::build)
        .map_err(|error| failed(error.to_string()))?;
    let answer = tokio::time::timeout(bound, resolver.srv_lookup(name.as_str()))
        .await
        .map_err(|_| failed(format!("no answer within {bound:?}")))?;
    let lookup = match answer {
        Ok(lookup) => lookup,
        Err(error) if error.is_no_records_found() => return Ok(Vec::new()),
        Err(error) => return Err(failed(error.to_string())),
    };
    let mut hosts: Vec<String> = lookup
        .answers()
        .iter()
        .filter_map(|record| match &record.data {
            RData::SRV(srv) => Some(srv.target.to_ascii()),
            _ => None,
        })
        .map(|host| host.trim_end_matches('.').to_ascii_lowercase())
        .collect();
    hosts.sort();
    hosts.dedup();
    Ok(hosts)
}

/// Both lists as one, by host: what both say and what only one says. `dns` is the domain asked for and its answer.
pub fn merge_discovered(
    directory: Vec<DirectoryDc>,
    dns: Option<(&Dn, &[String])>,
) -> Vec<Discovered> {
    let mut found = BTreeMap::new();
    for dc in directory {
        let host = dc
            .dns_host_name
            .as_deref()
            .unwrap_or(&dc.server_name)
            .to_ascii_lowercase();
        let in_dns = dns
            .filter(|(domain, _)| dc.domains.contains(domain))
            .map(|(_, hosts)| hosts.contains(&host));
        let one = Discovered {
            host: host.clone(),
            directory: Some(dc),
            in_dns,
        };
        found.insert(host, one);
    }
    for host in dns.map(|(_, hosts)| hosts).unwrap_or_default() {
        found
            .entry(host.clone())
            .or_insert_with(|| Discovered {
                host: host.clone(),
                directory: None,
                in_dns: None,
            })
            .in_dns = Some(true);
    }
    found.into_values().collect()
}

#[cfg(test)]
#[path = "discover_tests.rs"]
mod tests;
