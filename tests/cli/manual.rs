//! The manual pages: groff takes them without a warning, and shows examples as they are.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use highwater::cli::help::topics::TOPICS;

use super::{run, stderr, stdout, texts};

/// Every page as a terminal of 80 columns shows it, by the name of its file.
fn pages() -> BTreeMap<String, String> {
    let folder = tempfile::tempdir().unwrap();
    let written = run(folder.path(), &["-o", "json", "man", "."]);
    assert_eq!(written.status.code(), Some(0), "{}", stderr(&written));
    let names: Vec<String> = serde_json::from_str(&stdout(&written)).unwrap();
    names
        .iter()
        .map(|name| {
            (
                name.trim_start_matches("./").to_owned(),
                rendered(&folder.path().join(name)),
            )
        })
        .collect()
}

#[track_caller]
fn rendered(page: &Path) -> String {
    let output = Command::new("groff")
        .args(["-k", "-man", "-Tutf8", "-ww", "-rLL=80n", "-P-cbou"])
        .arg(page)
        .output()
        .unwrap_or_else(|error| panic!("groff, of the package groff-base: {error}"));
    assert!(output.status.success());
    let said = stderr(&output);
    assert!(said.is_empty(), "{}: {said}", page.display());
    stdout(&output)
}

#[test]
fn every_page_is_rendered_without_a_warning_and_fits_80_columns() {
    let pages = pages();
    for (name, text) in &pages {
        assert!(!text.contains("EXTRA"), "{name}");
        assert!(
            !text.contains("-help("),
            "{name} names a page of help: {text}"
        );
        let wide: Vec<&str> = text
            .lines()
            .filter(|line| line.chars().count() > 80)
            .collect();
        assert!(wide.is_empty(), "{name}: {wide:#?}");
        assert!(text.contains("SEE ALSO"), "{name}");
    }
    assert!(pages.contains_key("highwater.1") && pages.contains_key("highwater.toml.5"));
}

#[test]
fn every_page_that_is_named_is_there() {
    let pages = pages();
    for (name, text) in &pages {
        for word in text.split_whitespace() {
            let word = word.trim_end_matches([',', '.', ';']);
            let Some((page, section)) = word.split_once('(') else {
                continue;
            };
            if page.starts_with("highwater") && section.ends_with(')') {
                let file = format!("{page}.{}", section.trim_end_matches(')'));
                assert!(pages.contains_key(&file), "{name} names {word}");
            }
        }
    }
}

#[test]
fn every_topic_is_a_page_and_its_examples_stand_as_they_are() {
    let pages = pages();
    for topic in TOPICS {
        let name = match topic.name {
            "configuration" => "highwater.toml.5".to_owned(),
            name => format!("highwater-{name}.7"),
        };
        let text = pages.get(&name).unwrap_or_else(|| panic!("{name}"));
        let languages = ["", "text", "toml", "json"];
        let blocks = languages
            .iter()
            .flat_map(|one| texts::blocks(topic.markdown, one));
        for line in blocks.flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>()) {
            assert!(text.contains(line.trim_end()), "{name}: `{line}`: {text}");
        }
        for command in texts::inline(topic.markdown) {
            let is_short = command.len() <= 60;
            assert!(
                !is_short || text.contains(&command),
                "{name} breaks `{command}`: {text}"
            );
        }
    }
}

#[test]
fn the_examples_of_a_command_stand_as_they_are() {
    let pages = pages();
    let failover = &pages["highwater-failover.1"];
    assert!(failover.contains("EXAMPLES"), "{failover}");
    assert!(
        failover.contains("\n       highwater failover hr --dry-run"),
        "{failover}"
    );
    assert!(failover.contains("See highwater(1)"), "{failover}");
    assert!(pages["highwater.1"].contains("--log-format"));
    let keys = &pages["highwater.toml.5"];
    for text in [
        "[resource.NAME.consumer]",
        "days_to_keep_usns",
        "Default: 7.",
    ] {
        assert!(keys.contains(text), "{text}: {keys}");
    }
}

#[test]
fn pages_go_into_folders_by_section() {
    let folder = tempfile::tempdir().unwrap();
    let written = run(folder.path(), &["man", "--sections", "."]);
    assert_eq!(written.status.code(), Some(0), "{}", stderr(&written));
    for page in [
        "man1/highwater-plan.1",
        "man5/highwater.toml.5",
        "man7/highwater-feed.7",
    ] {
        assert!(folder.path().join(page).is_file(), "{page}");
    }
    let alone = run(folder.path(), &["man", "--sections"]);
    assert_eq!(alone.status.code(), Some(2));
}
