//! Style as a test: the rules of the house that the compiler does not know.
//!
//! Reads the source text only, so it sees neither macros' output nor what an alias (`as`) hides.
//!
//! # Decisions
//! - Comments and literals are blanked before anything is looked for, so a word in a sentence is no violation.
//! - Test files (`tests.rs`, `*_tests.rs`, `tests/`) may import what they like; size and names bind them too.
//! - `model` stands below `clock` and `wake`, because times are values of the model.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "tidy/rules.rs"]
mod rules;
#[path = "tidy/scan.rs"]
mod scan;
#[path = "tidy/self_tests.rs"]
mod self_tests;

use std::path::{Path, PathBuf};

/// Every file below `folder`, as (path from the project's root with `/`, text); files that are no text are left out.
fn files(folder: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = vec![root.join(folder)];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = std::fs::read_to_string(&path) {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap();
                found.push((name.replace('\\', "/"), text));
            }
        }
    }
    found.sort();
    found
}

fn rust(folder: &str) -> Vec<(String, String)> {
    let mut found = files(folder);
    found.retain(|(name, _)| rules::extension(name) == Some("rs"));
    found
}

/// Fails with every violation that `rule` finds in the files.
fn keep(files: &[(String, String)], rule: fn(&str, &str) -> Vec<String>) {
    assert!(!files.is_empty(), "no file was looked at");
    let broken: Vec<String> = files
        .iter()
        .flat_map(|(name, text)| rule(name, text))
        .collect();
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn dependencies_point_down() {
    keep(&rust("src"), rules::arrows);
}

#[test]
fn deciding_code_is_pure() {
    keep(&rust("src"), rules::purity);
}

#[test]
fn only_the_clock_reads_the_clock() {
    keep(&rust("src"), rules::clock_reads);
}

#[test]
fn files_are_short() {
    let mut all = files("src");
    all.extend(files("tests"));
    keep(&all, rules::size);
}

#[test]
fn modules_are_named_after_what_they_own() {
    let mut all = rust("src");
    all.extend(rust("tests"));
    keep(&all, rules::names);
}

#[test]
fn only_main_ends_the_process() {
    keep(&rust("src"), rules::exits);
}

/// The rules of the feed that a text cites, as `R4`.
fn cited(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| {
        let number = word.strip_prefix('R').unwrap_or_default();
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

#[test]
fn every_rule_that_is_cited_is_defined() {
    let rules = files("src/active_sync");
    let (_, rules) = rules
        .iter()
        .find(|(name, _)| name.ends_with("/RULES.md"))
        .unwrap();
    let heads = rules.lines().filter_map(|line| line.strip_prefix("### "));
    let defined: Vec<&str> = heads.filter_map(|head| cited(head).next()).collect();
    let expected: Vec<String> = (1..=13).map(|number| format!("R{number}")).collect();
    assert_eq!(defined, expected);
    let all = ["src", "tests", "schema"].into_iter().flat_map(files);
    let unknown: Vec<String> = all
        .flat_map(|(name, text)| {
            let unknown = cited(&text).filter(|rule| !defined.contains(rule));
            let found: Vec<_> = unknown.map(|rule| format!("{name} cites {rule}")).collect();
            found
        })
        .collect();
    assert!(
        unknown.is_empty(),
        "{unknown:#?}: define it in src/active_sync/RULES.md"
    );
}

#[test]
fn a_rule_that_is_nowhere_defined_is_seen() {
    // Put together here, or the test above would find it.
    let unknown = format!("R{}", 21);
    let text = format!("as R4 says, and ({unknown}); not H{unknown}, R_1, {unknown}x");
    let found: Vec<&str> = cited(&text).collect();
    assert_eq!(found, ["R4", &unknown]);
}
