//! The rootDSE (ADTS 3.1.1.3.2): what a DC shows to everybody.

use super::answer::Shown;
use crate::lab::forest::{CONFIGURATION, DOMAIN, Dc, Forest, dn};
use crate::model::UtcMs;

/// Every attribute of a DC's rootDSE; `host` is its DNS name, `now` the true time.
pub(super) fn attributes(forest: &Forest, dc: &Dc, host: &str, now: UtcMs) -> Vec<Shown> {
    let domain = forest.context_dn(DOMAIN);
    let configuration = forest.context_dn(CONFIGURATION);
    let schema = super::schema::name(forest);
    let settings = dn(forest, dc, dc.settings).unwrap_or_default();
    let server = settings
        .split_once(',')
        .map_or_else(String::new, |(_, server)| server.to_owned());
    let clock = chrono::DateTime::from_timestamp_millis(dc.clock(now.as_millis()))
        .map(|time| time.format("%Y%m%d%H%M%S.0Z").to_string())
        .unwrap_or_default();
    let truth = |value: bool| if value { "TRUE" } else { "FALSE" }.to_owned();
    let one = |name: &str, value: String| (name.to_owned(), vec![value.into_bytes()]);
    let many = |name: &str, values: &[&str]| {
        let values = values.iter().map(|value| value.as_bytes().to_vec());
        (name.to_owned(), values.collect())
    };
    vec![
        one("currentTime", clock),
        one("dsServiceName", settings),
        many("namingContexts", &[&domain, &configuration]),
        one("defaultNamingContext", domain.clone()),
        one("configurationNamingContext", configuration.clone()),
        one("schemaNamingContext", schema),
        one("rootDomainNamingContext", domain.clone()),
        many("supportedControl", &super::search::CONTROLS),
        many("supportedExtension", &[super::request::START_TLS]),
        many("supportedLDAPVersion", &["3"]),
        one("highestCommittedUSN", dc.usn.to_string()),
        one("dnsHostName", host.to_owned()),
        one("serverName", server),
        one("isSynchronized", truth(dc.is_synchronized)),
        one(
            "isGlobalCatalogReady",
            truth(dc.is_global_catalog && dc.is_synchronized),
        ),
        one("domainFunctionality", "7".to_owned()),
    ]
}
