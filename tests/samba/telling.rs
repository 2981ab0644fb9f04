//! The whole use from the first check to the undo, as a person sees it: what the README shows is made here.
//!
//! With `HIGHWATER_TRANSCRIPT=path` the commands and their output are written to that file.

use std::fmt::Write as _;
use std::time::Duration;

use super::consumer::Consumer;
use super::lab::{CLIENT, DCS, Lab, script};
use super::moving::collect_for;
use super::process::Outcome;
use super::product::Configuration;
use super::writers::Writers;

/// Commands with what they wrote, as a terminal shows them.
struct Transcript<'a> {
    lab: &'a Lab,
    text: String,
}

impl Transcript<'_> {
    /// Runs a command as a person would and takes its output down.
    #[track_caller]
    fn run(&mut self, words: &[&str], code: i32) -> Outcome {
        // in the folder of highwater.toml, as a person would
        let folder = self.lab.scratch().to_str().unwrap();
        let highwater = self.lab.program();
        let program = ["env", "-C", folder, highwater.as_str()];
        let outcome = self
            .lab
            .exec(CLIENT, &[&program[..], words].concat())
            .exits(code);
        let line = words.join(" ");
        write!(
            self.text,
            "$ highwater {line}\n{}{}\n",
            outcome.stderr, outcome.stdout
        )
        .unwrap();
        outcome
    }

    fn remark(&mut self, text: &str) {
        writeln!(self.text, "# {text}\n").unwrap();
    }
}

#[test]
fn the_whole_use_reads_well() {
    let lab = Lab::fresh();
    let sync = Consumer::new(&lab, "dc1", &["--record-id"]);
    let product = Configuration::new(&lab).sync(&sync, "").write();
    let mut told = Transcript {
        lab: &lab,
        text: String::new(),
    };
    told.run(&["config", "check"], 0);
    told.run(&["check"], 0);
    told.run(&["collect"], 0);
    let service = product.service();
    sync.start();
    let writers = Writers::start(&lab, 41, 10);
    collect_for(&product, "hr", Duration::from_secs(3));
    sync.wait_polls("dc1", 3);

    let status = told.run(&["status"], 0);
    assert!(status.stdout.contains("service runs"), "{status}");
    let history = told.run(&["history", "hr", "--limit", "2"], 0);
    for dc in DCS {
        assert!(history.stdout.contains(dc), "{history}");
    }
    told.remark("dc1 dies, and the sync fails");
    lab.kill("dc1");
    writers.end("dc1");
    sync.wait_failure();
    let plan = told.run(&["plan", "hr"], 0);
    assert!(
        plan.stdout
            .contains("by vector, proven: nothing is skipped"),
        "{plan}"
    );
    let moved = told.run(&["failover", "hr", "--yes"], 0);
    assert!(moved.stdout.contains("the sync was started"), "{moved}");
    let to = sync.position()["ldapHost"].as_str().unwrap().to_owned();
    sync.wait_polls(to.split('.').next().unwrap(), 2);
    let status = told.run(&["status"], 0);
    assert!(status.stdout.contains("dc1 failed at"), "{status}");
    told.run(&["attempts", "hr"], 0);
    told.remark("dc1 is repaired");
    lab.start("dc1");
    let undo = told.run(&["undo", "hr", "--dry-run"], 0);
    assert!(undo.stdout.contains("nothing was done"), "{undo}");

    for secret in ["Reader.Lab1", "Passw0rd"] {
        assert!(
            !told.text.contains(secret),
            "a secret is told:\n{}",
            told.text
        );
    }
    if let Some(path) = std::env::var_os("HIGHWATER_TRANSCRIPT") {
        // this machine's folders mean nothing to a reader
        let folder = lab.scratch().display();
        let text = told.text.replace(&script(""), "/opt/hr-sync/");
        let text = text.replace(&format!("{folder}/"), "/var/lib/hr-sync/");
        let text = text.replace(&folder.to_string(), "/var/lib/hr-sync");
        std::fs::write(path, text).unwrap();
    }
    writers.stop();
    sync.stop();
    service.terminate().success();
}
