#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::*;

fn entry(dn: &str, attributes: &[(&str, &[&str])]) -> Entry {
    let add = |entry: Entry, (name, values): &(&str, &[&str])| entry.with(name, *values);
    attributes.iter().fold(Entry::named(dn), add)
}

const SITES: &str = "CN=Sites,CN=Configuration,DC=lab,DC=test";

fn forest() -> Vec<DirectoryDc> {
    let settings = [
        entry(
            &format!("CN=NTDS Settings,CN=DC2,CN=Servers,CN=Köln,{SITES}"),
            &[
                ("objectClass", &["top", "nTDSDSARO"]),
                ("msDS-hasFullReplicaNCs", &["DC=lab,DC=test"]),
            ],
        ),
        entry(
            &format!("CN=NTDS Settings,CN=DC1,CN=Servers,CN=Home,{SITES}"),
            &[
                ("objectClass", &["top", "nTDSDSA"]),
                ("options", &["1"]),
                (
                    "hasMasterNCs",
                    &["DC=lab,DC=test", "CN=Configuration,DC=lab,DC=test"],
                ),
                (
                    "msDS-hasMasterNCs",
                    &["DC=LAB,DC=test", "DC=DomainDnsZones,DC=lab,DC=test"],
                ),
            ],
        ),
    ];
    let servers = [
        entry(
            &format!("cn=dc1,cn=servers,cn=home,{SITES}"),
            &[("dNSHostName", &["DC1.lab.test"])],
        ),
        entry(&format!("CN=DC2,CN=Servers,CN=Köln,{SITES}"), &[]),
    ];
    merge_objects(&settings, &servers).unwrap()
}

#[test]
fn objects_and_their_servers_come_together() {
    let found = forest();
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].dns_host_name.as_deref(), Some("DC1.lab.test"));
    assert_eq!(found[0].domains, ["DC=lab,DC=test".parse::<Dn>().unwrap()]);
    assert!(found[0].is_global_catalog && !found[0].is_read_only);
    assert_eq!(found[1].site, "Köln");
    assert!(found[1].is_read_only && !found[1].is_global_catalog);
    assert_eq!(found[1].dns_host_name, None);
}

#[test]
fn what_only_one_side_says_shows() {
    let domain: Dn = "DC=lab,DC=test".parse().unwrap();
    let dns = ["dc1.lab.test".to_owned(), "old.lab.test".to_owned()];
    let merged = merge_discovered(forest(), Some((&domain, &dns)));
    let told: Vec<_> = merged
        .iter()
        .map(|dc| (dc.host.as_str(), dc.directory.is_some(), dc.in_dns))
        .collect();
    assert_eq!(
        told,
        [
            ("dc1.lab.test", true, Some(true)),
            ("dc2", true, Some(false)),
            ("old.lab.test", false, Some(true)),
        ]
    );
    let elsewhere: Dn = "DC=other,DC=test".parse().unwrap();
    let merged = merge_discovered(forest(), Some((&elsewhere, &[])));
    assert!(merged.iter().all(|dc| dc.in_dns.is_none()));
    assert!(
        merge_discovered(forest(), None)
            .iter()
            .all(|dc| dc.in_dns.is_none())
    );
}
