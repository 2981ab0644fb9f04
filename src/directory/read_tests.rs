#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::directory::identify::RootDse;
use crate::model::{Identity, InvocationId, Usn, UtcMs};

fn dn(text: &str) -> Dn {
    text.parse().unwrap()
}

fn dns(texts: &[&str]) -> Vec<Dn> {
    texts.iter().map(|text| dn(text)).collect()
}

fn who() -> Identified {
    let name =
        dn("CN=NTDS Settings,CN=DC1,CN=Servers,CN=S,CN=Sites,CN=Configuration,DC=lab,DC=test");
    Identified {
        identity: Identity {
            server_name: "DC1".to_owned(),
            ds_service_name: name.clone(),
            dns_host_name: "dc1.lab.test".to_owned(),
            site: "S".to_owned(),
            invocation_id: InvocationId::from_octets([1; 16]),
            is_global_catalog: true,
            is_read_only: false,
        },
        root: RootDse {
            arrived_at: UtcMs::from_millis(0),
            ds_service_name: name,
            server_name: "DC1".to_owned(),
            dns_host_name: "dc1.lab.test".to_owned(),
            site: "S".to_owned(),
            committed: Usn::ZERO,
            current_time: None,
            synchronized: true,
            global_catalog_ready: true,
            naming_contexts: dns(&[
                "DC=lab,DC=test",
                "CN=Configuration,DC=lab,DC=test",
                "CN=Schema,CN=Configuration,DC=lab,DC=test",
                "DC=DomainDnsZones,DC=lab,DC=test",
                "DC=ForestDnsZones,DC=lab,DC=test",
            ]),
            configuration: dn("CN=Configuration,DC=lab,DC=test"),
            schema: dn("CN=Schema,CN=Configuration,DC=lab,DC=test"),
            root_domain: dn("DC=lab,DC=test"),
        },
        partial_replicas: dns(&["DC=child,DC=lab,DC=test", "DC=other,DC=test"]),
    }
}

fn chosen(wanted: &Wanted, port: Port) -> Vec<String> {
    let (contexts, _) = contexts(wanted, &who(), port);
    contexts
        .iter()
        .map(|context| context.as_str().to_owned())
        .collect()
}

#[test]
fn a_base_is_in_the_longest_context_around_it() {
    let wanted = Wanted {
        bases: dns(&[
            "ou=people,dc=LAB,dc=test",
            "CN=Sites,CN=Configuration,DC=lab,DC=test",
            "DC=lab.test,CN=MicrosoftDNS,DC=DomainDnsZones,DC=lab,DC=test",
        ]),
        ..Wanted::default()
    };
    let mut expected = vec![
        "CN=Configuration,DC=lab,DC=test",
        "DC=DomainDnsZones,DC=lab,DC=test",
        "DC=lab,DC=test",
    ];
    expected.sort_unstable();
    let mut found = chosen(&wanted, Port::Directory);
    found.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn subdomains_are_domains_and_partial_replicas_only_on_the_global_catalog() {
    let wanted = Wanted {
        bases: dns(&["DC=lab,DC=test"]),
        subdomains: true,
        ..Wanted::default()
    };
    assert_eq!(chosen(&wanted, Port::Directory), ["DC=lab,DC=test"]);
    assert_eq!(
        chosen(&wanted, Port::GlobalCatalog),
        ["DC=child,DC=lab,DC=test", "DC=lab,DC=test"]
    );
}

#[test]
fn a_base_elsewhere_is_reported() {
    let wanted = Wanted {
        bases: dns(&["OU=x,DC=other,DC=test", "DC=nowhere"]),
        ..Wanted::default()
    };
    let (found, missing) = contexts(&wanted, &who(), Port::Directory);
    assert!(found.is_empty());
    assert_eq!(missing.len(), 2);
    let (found, missing) = contexts(&wanted, &who(), Port::GlobalCatalog);
    assert_eq!(found.len(), 1);
    assert!(missing.contains_key(&dn("DC=nowhere")));
}

#[test]
fn every_context_means_the_full_replicas() {
    let wanted = Wanted {
        every_naming_context: true,
        ..Wanted::default()
    };
    assert_eq!(chosen(&wanted, Port::GlobalCatalog).len(), 5);
    assert!(chosen(&Wanted::default(), Port::Directory).is_empty());
}
