//! Every rule catches what it is there for, and lets pass what it should.

use crate::rules::{arrows, clock_reads, exits, names, purity, size};
use crate::scan::{code_only, paths};

/// Asserts that the rule finds exactly one violation, at this line, and that its message names a cure.
fn caught(rule: fn(&str, &str) -> Vec<String>, name: &str, line: usize, text: &str) {
    let broken = rule(name, text);
    let [only] = broken.as_slice() else {
        panic!("{} violations in {text:?}: {broken:?}", broken.len())
    };
    let place = format!("{name}:{line}: ");
    assert!(
        only.starts_with(&place),
        "{only:?} should start with {place:?}"
    );
    assert!(
        only.trim_start_matches(&place).contains(": "),
        "{only:?} names no cure"
    );
}

fn passes(rule: fn(&str, &str) -> Vec<String>, name: &str, text: &str) {
    assert_eq!(
        rule(name, text),
        Vec::<String>::new(),
        "in {name}: {text:?}"
    );
}

#[test]
fn an_import_upwards_is_caught() {
    caught(
        arrows,
        "src/store/mod.rs",
        2,
        "\nuse crate::collector::task;",
    );
    caught(
        arrows,
        "src/store/mod.rs",
        1,
        "use crate::{model::Usn, cli::run};",
    );
    caught(
        arrows,
        "src/store/mod.rs",
        1,
        "fn f() { crate::runtime::stop() }",
    );
    caught(arrows, "src/store/mod.rs", 1, "use super::cli;");
    caught(arrows, "src/store/rows.rs", 1, "use super::super::cli;");
    caught(arrows, "src/model/usn.rs", 1, "use crate::clock::now;");
}

#[test]
fn an_import_sideways_is_caught() {
    caught(
        arrows,
        "src/collector/task.rs",
        1,
        "use crate::failover::Plan;",
    );
    caught(arrows, "src/status/view.rs", 1, "use crate::{on_error};");
}

#[test]
fn imports_downwards_and_at_home_pass() {
    passes(
        arrows,
        "src/cli/mod.rs",
        "use crate::{runtime, lab, store::Store, cli::output};",
    );
    passes(
        arrows,
        "src/store/rows.rs",
        "use super::Store; use super::super::model::Usn;",
    );
    passes(arrows, "src/clock.rs", "use crate::model::UtcMs;");
    passes(arrows, "src/main.rs", "use highwater::cli;");
    passes(arrows, "src/lib.rs", "pub use crate::cli::run;");
    passes(
        arrows,
        "src/store/mod.rs",
        "/// As crate::cli says.\nconst A: &str = \"crate::cli\";",
    );
    passes(arrows, "src/store/tests.rs", "use crate::lab::Forest;");
}

#[test]
fn a_module_without_a_floor_is_caught() {
    caught(arrows, "src/cellar.rs", 1, "");
}

#[test]
fn impure_deciding_code_is_caught() {
    for text in [
        "use std::time::{Duration, Instant};",
        "use std::time::SystemTime;",
        "fn f() { chrono::Utc::now(); }",
        "use tokio::sync::mpsc;",
        "use std::fs;",
        "use std::{collections::BTreeMap, net::TcpStream};",
        "use std::process::Command;",
        "fn f() { ::std::env::var(x); }",
        "fn f() { rand::random() }",
        "use std::collections::HashMap;",
        "fn f(a: &HashSet<u8>) {}",
        "use crate::clock;",
        "fn f() { Uuid::new_v4() }",
        "fn f() { Uuid::now_v7() }",
    ] {
        caught(purity, "src/failover/decide.rs", 1, text);
        caught(purity, "src/failover/decide/start.rs", 1, text);
        caught(purity, "src/failover/decide_start.rs", 1, text);
        caught(purity, "src/directory/decode/vector.rs", 1, text);
        caught(purity, "src/model/usn.rs", 1, text);
        passes(purity, "src/failover/task.rs", text);
        passes(purity, "src/failover/decide/tests.rs", text);
    }
    passes(
        purity,
        "src/model/time.rs",
        "use std::time::Duration; use chrono::{DateTime, Utc}; // Instant\nfn brand() {}",
    );
}

#[test]
fn a_clock_read_is_caught() {
    caught(
        clock_reads,
        "src/cli/run.rs",
        3,
        "\n\nlet a = chrono::Utc::now();",
    );
    caught(clock_reads, "src/cli/run.rs", 1, "let a = Local::now();");
    caught(
        clock_reads,
        "src/cli/run.rs",
        1,
        "let a = std::time::SystemTime::now();",
    );
    caught(
        clock_reads,
        "src/cli/run.rs",
        2,
        "\nlet a = tokio::time::Instant::now();",
    );
    passes(clock_reads, "src/clock.rs", "let a = Utc::now();");
    passes(
        clock_reads,
        "src/cli/run.rs",
        "let a = clock::now(); // not Utc::now()",
    );
}

#[test]
fn a_long_file_is_caught() {
    caught(size, "tests/samba/lab", 500, &"x\n".repeat(501));
    caught(size, "src/store/rows.rs", 500, &"x\n".repeat(501));
    passes(size, "src/store/rows.rs", &"x\n".repeat(500));
    passes(size, "tests/golden/plan.txt", &"x\n".repeat(501));
}

#[test]
fn an_empty_name_is_caught() {
    caught(names, "src/store/utils.rs", 1, "");
    caught(names, "src/helpers/mod.rs", 1, "");
    caught(names, "tests/common/mod.rs", 1, "");
    caught(names, "src/cli/mod.rs", 2, "\npub mod manager { }");
    passes(names, "src/cli/mod.rs", "mod output; // mod utils");
}

#[test]
fn an_exit_is_caught() {
    caught(
        exits,
        "src/cli/mod.rs",
        1,
        "fn f() { std::process::exit(1) }",
    );
    caught(
        exits,
        "src/cli/mod.rs",
        1,
        "use std::process::{ExitCode, exit};",
    );
    passes(exits, "src/main.rs", "fn main() { std::process::exit(1) }");
    passes(exits, "src/cli/mod.rs", "fn f() { process.exit(1) }");
}

#[test]
fn comments_and_literals_are_blanked() {
    for text in [
        "// a::b",
        "/* a::b /* a::b */ a::b */",
        "\"a::b \\\" a::b\"",
        "r\"a::b\"",
        "br#\"a::b \" a::b\"#",
        "'\\''",
        "'a'",
        "'\"'",
    ] {
        assert_eq!(code_only(&format!("{text}\nx")).trim(), "x", "{text}");
    }
    assert_eq!(
        code_only("fn f<'a>(x: &'a str) {}"),
        "fn f<'a>(x: &'a str) {}"
    );
    assert_eq!(code_only("r#type"), "r#type");
}

#[test]
fn use_trees_are_read_to_their_leaves() {
    let found = paths("use a::{b, c::{d as e,\n f}, *};");
    let written: Vec<(usize, String)> = found.iter().map(|n| (n.line, n.path.join("::"))).collect();
    for expected in [(1, "a::b"), (1, "a::c::d"), (2, "a::c::f"), (2, "a::*")] {
        assert!(
            written.contains(&(expected.0, expected.1.to_owned())),
            "{expected:?} is not in {written:?}"
        );
    }
}
