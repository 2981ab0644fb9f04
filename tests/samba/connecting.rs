//! Connections that work, and those that do not: the typed reason, the words, and the exit code.

use std::time::Duration;

use highwater::clock::Stopwatch;
use serde_json::Value;

use super::lab::{Lab, host};
use super::product::{Configuration, Product};

/// A collection that samples dc2.
#[track_caller]
fn works(config: Configuration) {
    let product = config.write();
    let round = product.json(&["collect"]);
    assert_eq!(round["polls"][0]["outcome"], "sampled", "{round:#}");
    let checked = product.json(&["check"]);
    let first = &checked["dcs"][0]["findings"][0];
    assert_eq!(first["verdict"], "ok", "{first}");
}

/// `collect` and `check` fail with this kind, these words and this exit code.
#[track_caller]
fn fails(config: Configuration, kind: &str, words: &[&str], code: i32) {
    let product = config.write();
    let round = product.run(&["-o", "json", "collect"]).exits(code).json();
    let poll = &round["polls"][0];
    assert_eq!(poll["outcome"], "failed", "{poll:#}");
    says(&poll["kind"], &poll["detail"], kind, words);
    let checked = product.run(&["-o", "json", "check"]).exits(code).json();
    let findings = checked["dcs"][0]["findings"].as_array().unwrap();
    let failed = findings.iter().find(|finding| finding["verdict"] == "fail");
    let failed = failed.unwrap_or_else(|| panic!("check found nothing: {checked:#}"));
    says(&failed["failure"], &failed["finding"], kind, words);
}

#[track_caller]
fn says(found: &Value, text: &Value, kind: &str, words: &[&str]) {
    assert_eq!(found, kind, "{text}");
    let text = text.as_str().unwrap();
    for word in words {
        assert!(text.contains(word), "{word:?} is missing: {text}");
    }
    for secret in ["Reader.Lab1", "Wrong.Lab1", "Disabled.Lab1"] {
        assert!(!text.contains(secret), "a secret is told: {text}");
    }
}

fn dc2(lab: &Lab) -> Configuration<'_> {
    Configuration::new(lab).only("dc2", "host = \"dc2.lab.test\"\n")
}

fn account(user: &str, file: &str) -> String {
    format!("method = \"simple\"\nuser = \"{user}\"\npassword = {{ file = \"{file}.pass\" }}\n")
}

#[test]
fn each_way_to_connect_works() {
    let lab = Lab::fresh();
    works(dc2(&lab));
    works(dc2(&lab).security("starttls"));
    works(dc2(&lab).credentials(&account("LAB\\\\reader", "reader")));
    works(dc2(&lab).credentials(&account("CN=reader,CN=Users,DC=lab,DC=test", "reader")));
    // the host's name is verified, wherever it is reached
    let address = "host = \"dc2.lab.test\"\naddress = \"10.99.0.12\"\nserver_name = \"DC2\"\n";
    works(Configuration::new(&lab).only("dc2", address));
}

#[cfg(feature = "gssapi")]
#[test]
fn kerberos_works_over_ldaps_and_starttls() {
    let lab = Lab::fresh();
    let keytab = lab.folder().join("reader.keytab");
    let lines = |principal: &str| {
        format!("method = \"gssapi\"\nprincipal = {principal:?}\nkeytab = {keytab:?}\n")
    };
    works(dc2(&lab).credentials(&lines("reader@LAB.TEST")));
    works(
        dc2(&lab)
            .security("starttls")
            .credentials(&lines("reader@LAB.TEST")),
    );
    fails(
        dc2(&lab).credentials(&lines("nobody@LAB.TEST")),
        "credentials",
        &["nobody@LAB.TEST"],
        6,
    );
}

#[test]
fn tls_that_cannot_be_trusted_is_refused() {
    let lab = Lab::fresh();
    fails(
        dc2(&lab).authority("other-ca"),
        "tls",
        &["dc2.lab.test:636", "ca_file"],
        7,
    );
    fails(
        dc2(&lab).authority("other-ca").security("starttls"),
        "tls",
        &["dc2.lab.test:389", "ca_file"],
        7,
    );
    let elsewhere = "host = \"dc1.lab.test\"\naddress = \"10.99.0.12\"\n";
    fails(
        Configuration::new(&lab).only("dc1", elsewhere),
        "tls",
        &["dc1.lab.test", "dc2.lab.test"],
        7,
    );
    // a real renewal by a foreign authority
    lab.stop("dc2");
    lab.certificate("dc2", "other");
    lab.start("dc2");
    fails(dc2(&lab), "tls", &["ca_file"], 7);
    works(dc2(&lab).authority("other-ca"));
}

#[test]
fn credentials_that_are_refused_are_told_apart() {
    let lab = Lab::fresh();
    let credentials = "credentials";
    fails(
        dc2(&lab).credentials(&account("reader@LAB.TEST", "wrong")),
        credentials,
        &["wrong user or password"],
        6,
    );
    fails(
        dc2(&lab).credentials(&account("disabled@LAB.TEST", "disabled")),
        credentials,
        &["account is disabled"],
        6,
    );
    let clear = dc2(&lab).security("clear, passwords readable on the network");
    fails(
        clear,
        "stronger_auth_required",
        &["the bind was in clear", "use LDAPS or StartTLS"],
        6,
    );
    // without any: the rootDSE answers, what counts does not
    let anonymous = dc2(&lab).credentials("method = \"anonymous\"\n").write();
    let round = anonymous.run(&["-o", "json", "collect"]).exits(6).json();
    assert_eq!(round["polls"][0]["kind"], "permission", "{round:#}");
}

#[test]
fn a_dc_that_is_not_there_is_unreachable() {
    let lab = Lab::fresh();
    let closed = "host = \"dc2.lab.test\"\nport = 6360\n";
    fails(
        Configuration::new(&lab).only("dc2", closed),
        "refused",
        &["dc2.lab.test:6360", "is the DC running"],
        5,
    );
    let unknown = "host = \"dc9.lab.test\"\n";
    fails(
        Configuration::new(&lab).only("dc9", unknown),
        "unknown_host",
        &["dc9.lab.test", "DNS"],
        5,
    );
    let other = "host = \"dc2.lab.test\"\nserver_name = \"DC1\"\n";
    fails(
        Configuration::new(&lab).only("dc1", other),
        "wrong_dc",
        &["DC2", "DC1"],
        3,
    );
    lab.cut("dc2");
    fails(dc2(&lab), "timeout", &["dc2.lab.test:636"], 5);
}

/// A round that ends in time, with one failure and the others sampled.
fn in_part(product: &Product, kind: &str) {
    let watch = Stopwatch::start();
    let round = product.run(&["-o", "json", "collect"]).exits(4).json();
    let took = watch.elapsed();
    assert!(took < Duration::from_secs(8), "{took:?}");
    for poll in round["polls"].as_array().unwrap() {
        if poll["dc"] == "dc2" {
            assert_eq!(poll["kind"], kind, "{poll:#}");
        } else {
            assert_eq!(poll["outcome"], "sampled", "{poll:#}");
        }
    }
    let status = product.json(&["status"]);
    assert_eq!(status["dcs"][1]["failing"]["failure"]["kind"], kind);
}

#[test]
fn one_bad_dc_delays_nobody() {
    let lab = Lab::fresh();
    let product = Configuration::new(&lab).write();
    lab.pause("dc2");
    in_part(&product, "timeout");
    lab.resume("dc2");
    lab.kill("dc2");
    in_part(&product, "refused");
    lab.start("dc2");
    let round = product.json(&["collect"]);
    assert_eq!(round["polls"][1]["outcome"], "sampled", "{round:#}");
    let status = product.json(&["status"]);
    assert!(
        status["dcs"][1]["failing"].is_null(),
        "{} failed",
        host("dc2")
    );
}
