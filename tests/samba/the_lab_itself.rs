//! Proves the lab, the writers and the test sync, without Highwater: what a scenario builds on must hold.

use std::time::Duration;

use super::consumer::Consumer;
use super::lab::{CLIENT, DCS, Lab, host, show};
use super::process::until;
use super::writers::Writers;

#[test]
fn an_undisturbed_sync_holds_what_the_directory_holds() {
    let lab = Lab::fresh();
    let consumer = Consumer::new(&lab, "dc1", &["--record-id"]);
    let sync = consumer.run();
    let writers = Writers::start(&lab, 1, 40);
    until(
        "the sync has completed 15 polls",
        Duration::from_mins(1),
        || sync.stdout().matches("\"moved\": true").count() >= 15,
    );
    let counts = writers.stop();
    for count in &counts {
        show(&format!("{count}"));
        assert!(
            count.get("succeeded").and_then(serde_json::Value::as_u64) > Some(50),
            "hardly a write: {count}"
        );
        assert_eq!(count.get("failed"), Some(&0.into()), "{count}");
    }
    assert_eq!(counts.len(), DCS.len());
    lab.settle();
    let polls = sync.terminate().success().json_lines();
    assert!(
        polls.iter().all(|poll| poll.get("error").is_none()),
        "{polls:#?}"
    );

    let (id, _) = lab.identity("dc1");
    let report = consumer.poll().success().json();
    let position = consumer.position();
    assert_eq!(position.get("lastUpdated"), report.get("to"));
    assert_eq!(position.get("lastDeleted"), report.get("to"));
    assert_eq!(position.get("invocationId"), Some(&id.into()));
    for dc in DCS {
        consumer.compare(dc).success();
    }
}

#[test]
fn compare_tells_a_sync_that_missed_something() {
    let lab = Lab::fresh();
    let consumer = Consumer::new(&lab, "dc1", &[]);
    consumer.poll().success();
    consumer.compare("dc1").success();
    let writers = Writers::start(&lab, 2, 40);
    until("dc1 has new objects", Duration::from_secs(30), || {
        consumer.compare("dc1").code == Some(1)
    });
    writers.stop();
    lab.settle();
    // a cursor moved to the end by somebody who read nothing
    let mut position = consumer.position();
    let end = lab.identity("dc1").1;
    for field in ["lastUpdated", "lastDeleted"] {
        position
            .as_object_mut()
            .unwrap()
            .insert(field.to_owned(), end.into());
    }
    std::fs::write(consumer.cursor_file(), position.to_string()).unwrap();
    consumer.poll().success();
    let found = consumer.compare("dc1").exits(1).json();
    assert!(
        found
            .get("missing")
            .and_then(serde_json::Value::as_array)
            .is_some_and(|list| !list.is_empty()),
        "{found}"
    );
}

#[test]
fn writers_and_sync_go_on_after_a_crash() {
    let lab = Lab::fresh();
    let consumer = Consumer::new(&lab, "dc1", &[]);
    let sync = consumer.run();
    let polls = |text: &str| sync.stdout().matches(text).count();
    let writers = Writers::start(&lab, 4, 40);
    for dc in ["dc2", "dc1"] {
        let before = polls("\"moved\": true");
        until("5 more polls", Duration::from_mins(1), || {
            polls("\"moved\": true") >= before + 5
        });
        lab.kill(dc);
        if dc == "dc1" {
            until(
                "the sync meets the dead DC",
                Duration::from_secs(30),
                || polls("\"error\"") > 0,
            );
        }
        lab.start(dc);
    }
    let before = polls("\"moved\": true");
    until("5 more polls", Duration::from_mins(1), || {
        polls("\"moved\": true") >= before + 5
    });
    let counts = writers.stop();
    for count in counts
        .iter()
        .filter(|count| count.get("host") != Some(&host("dc3").into()))
    {
        assert_ne!(
            count.get("failed"),
            Some(&0.into()),
            "its DC was dead for a while: {count}"
        );
    }
    lab.settle();
    drop(sync.terminate().success());
    consumer.poll().success();
    consumer.compare("dc1").success();
}

#[test]
fn the_faults_do_what_they_say() {
    let lab = Lab::fresh();
    let consumer = Consumer::new(&lab, "dc2", &[]);
    consumer.poll().success();
    let held = consumer.position();

    lab.kill("dc2");
    let failed = consumer.poll().exits(1);
    assert!(
        failed.stderr.contains("Can't contact LDAP server (-1)"),
        "{failed}"
    );
    assert_eq!(
        consumer.position(),
        held,
        "a failed poll must not move the cursor"
    );
    lab.start("dc2");
    consumer.poll().success();

    lab.pause("dc2");
    assert!(!lab.answers("dc2"));
    lab.resume("dc2");
    assert!(lab.answers("dc2"));

    lab.cut("dc2");
    assert!(!lab.answers("dc2"));
    lab.mend("dc2");
    until(
        "dc2 answers on its mended cable",
        Duration::from_secs(10),
        || lab.answers("dc2"),
    );
    lab.mesh();
}

#[test]
fn a_rollback_keeps_the_invocation_id_and_a_supported_restore_does_not() {
    let lab = Lab::fresh();
    lab.stop("dc3");
    lab.save("dc3");
    lab.start("dc3");
    let (id, saved) = lab.identity("dc3");
    // never touched again: Samba cannot take back an object of which the vector hides some attributes only
    lab.add(
        "dc3",
        &[
            "gone1", "gone2", "gone3", "gone4", "gone5", "gone6", "gone7", "gone8",
        ],
    );
    lab.settle();
    let (_, before) = lab.identity("dc3");

    lab.kill("dc3");
    lab.restore("dc3");
    lab.add_offline("dc3", &["unheard1", "unheard2", "unheard3"]);
    assert!(
        before > saved + 3,
        "the writes must take USNs the partners know already"
    );
    lab.start("dc3");
    let (rolled, _) = lab.identity("dc3");
    assert_eq!(rolled, id);
    lab.mesh();
    // everybody reports good health, and yet dc3's new writes reach nobody: their USNs count as known
    assert!(!lab.is_settled());

    lab.kill("dc3");
    lab.restore("dc3");
    lab.new_invocation("dc3");
    lab.start("dc3");
    let (restored, _) = lab.identity("dc3");
    assert_ne!(restored, id);
    lab.mesh();
    lab.settle(); // the copy has no unheard writes, and takes back its own earlier ones from its partners
}

#[test]
fn certificates_of_the_other_authority_are_refused() {
    let lab = Lab::fresh();
    let url = format!("ldaps://{}", host("dc2"));
    let authority = |name: &str| format!("LDAPTLS_CACERT={}/ca/{name}.pem", lab.folder().display());
    let read = |name: &str| {
        let trust = authority(name);
        lab.exec(
            CLIENT,
            &[
                "env",
                &trust,
                "ldapsearch",
                "-LLL",
                "-x",
                "-H",
                &url,
                "-b",
                "",
                "-s",
                "base",
                "dn",
            ],
        )
    };
    read("ca").success();
    assert_ne!(read("other-ca").code, Some(0));
    lab.stop("dc2");
    lab.certificate("dc2", "other");
    lab.start("dc2");
    assert_ne!(read("ca").code, Some(0));
    read("other-ca").success();
}

#[test]
fn kerberos_works_inside_tls_with_the_keytab() {
    let lab = Lab::fresh();
    let keytab = lab.folder().join("reader.keytab");
    lab.exec(
        CLIENT,
        &["kinit", "-k", "-t", keytab.to_str().unwrap(), "reader"],
    )
    .success();
    for dc in DCS {
        let url = format!("ldaps://{}", host(dc));
        let words = [
            "ldapsearch",
            "-LLL",
            "-Q",
            "-Y",
            "GSSAPI",
            "-O",
            "maxssf=0",
            "-H",
            &url,
            "-b",
            "DC=lab,DC=test",
        ];
        let found = lab
            .exec(
                CLIENT,
                &[&words[..], &["-s", "base", "replUpToDateVector"]].concat(),
            )
            .success();
        assert!(found.stdout.contains("replUpToDateVector:"), "{found}");
    }
}

#[test]
fn every_dc_is_in_the_dns_of_every_dc() {
    let lab = Lab::fresh();
    for dc in DCS {
        let server = format!("@{}", host(dc));
        let found = lab
            .exec(
                CLIENT,
                &[
                    "dig",
                    "+short",
                    &server,
                    "SRV",
                    "_ldap._tcp.dc._msdcs.lab.test",
                ],
            )
            .success();
        for other in DCS {
            assert!(
                found.stdout.contains(&format!("389 {}.", host(other))),
                "{other} is missing: {found}"
            );
        }
    }
}

#[test]
fn the_binary_runs_in_the_clients_view() {
    let lab = Lab::fresh();
    lab.highwater(&["--version"]).success();
}
