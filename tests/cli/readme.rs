//! The README and the topics: their commands parse, their configurations load, and what they name is there.

use std::path::Path;

use clap::Parser as _;
use highwater::cli::args::Args;
use highwater::config::{self, Secrets};

use crate::structure::problems;
use crate::texts::{self, blocks, readme};

/// The most lines that the README may have.
const MAX_LINES: usize = 250;

#[test]
fn the_readme_is_short() {
    let lines = readme().lines().count();
    assert!(
        lines <= MAX_LINES,
        "the README has {lines} lines, and {MAX_LINES} is the limit: move what is for later into a topic"
    );
}

#[test]
fn every_command_line_parses() {
    let mut parsed = 0;
    for (name, text) in texts::all() {
        let lines = texts::typed(&text).into_iter().chain(texts::inline(&text));
        for line in lines {
            let Some((_, own)) = line.rsplit_once("highwater ") else {
                continue;
            };
            if !line.starts_with("highwater ")
                && !line.contains("- highwater ")
                && !line.contains("| highwater ")
            {
                continue;
            }
            let own = own.split(['>', '<']).next().unwrap();
            let words = super::help::words(own);
            Args::try_parse_from(std::iter::once("highwater".to_owned()).chain(words))
                .unwrap_or_else(|error| panic!("`{line}` of {name}: {error}"));
            parsed += 1;
        }
    }
    assert!(parsed >= 60, "the texts show their commands: {parsed}");
}

#[test]
fn every_command_is_named() {
    let text = readme();
    let commands = <Args as clap::CommandFactory>::command();
    for command in commands.get_subcommands() {
        let name = command.get_name();
        assert!(
            text.contains(&format!("`{name}")) || text.contains(&format!("highwater {name}")),
            "the README does not name `{name}`"
        );
    }
}

#[test]
fn the_smallest_configurations_load() {
    let blocks: Vec<String> = texts::all()
        .iter()
        .flat_map(|(_, text)| blocks(text, "toml"))
        .collect();
    let [smallest, others @ ..] = blocks.as_slice() else {
        panic!("no block of TOML");
    };
    let (rest, _) = smallest.split_once("[resource.hr.consumer]").unwrap();
    let (consumers, rules): (Vec<_>, Vec<_>) = others
        .iter()
        .partition(|block| block.contains("[resource.hr.consumer]"));
    assert!(consumers.len() >= 6 && !rules.is_empty());
    let consumers = consumers.into_iter().map(|block| {
        let feeds = usize::from(block.contains("\"builtin\""));
        (format!("{rest}{block}"), feeds, false)
    });
    let rules = rules
        .into_iter()
        .map(|block| (format!("{smallest}\n{block}"), 0, true));
    let alone = std::iter::once((smallest.clone(), 0, false));
    for (text, feeds, with_rule) in alone.chain(consumers).chain(rules) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("highwater.toml");
        std::fs::write(&path, text).unwrap();
        let settings = config::load(&path, Secrets::Skip).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(settings.resources.len(), 1);
        let process = settings.on_error.processes.get("ad");
        let own = process.and_then(|process| process.rules.first());
        assert_eq!(own.map(|rule| rule.count), with_rule.then_some(1));
        let with_feed = settings.resources.values().filter(|hr| hr.feed.is_some());
        assert_eq!(with_feed.count(), feeds);
    }
}

fn markdown(topic: &str) -> &'static str {
    highwater::cli::help::topics::named(topic).unwrap().markdown
}

#[test]
fn the_event_and_the_cursor_are_as_their_schemas_say() {
    let schema: serde_json::Value =
        serde_json::from_str(include_str!("../../schema/event.schema.json")).unwrap();
    let [event] = blocks(markdown("feed"), "json").try_into().unwrap();
    let event = serde_json::from_str(&event).unwrap();
    assert_eq!(problems(&schema, &schema, &event, ""), [""; 0]);
    let schema: serde_json::Value =
        serde_json::from_str(include_str!("../../schema/cursor.schema.json")).unwrap();
    let [cursor] = blocks(markdown("cursors"), "json").try_into().unwrap();
    let cursor: serde_json::Value = serde_json::from_str(&cursor).unwrap();
    for key in cursor.as_object().unwrap().keys() {
        assert!(schema["properties"].get(key).is_some(), "{key}");
    }
    for key in schema["required"].as_array().unwrap() {
        assert!(cursor.get(key.as_str().unwrap()).is_some(), "{key}");
    }
}

#[test]
fn every_file_it_links_to_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for file in ["README.md", "tests/README.md", "tests/bench/README.md"] {
        let path = root.join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        let links = text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.starts_with("http") && !link.starts_with('#')) {
            let target = path.parent().unwrap().join(link);
            assert!(
                target.exists(),
                "{file} links to {link}, which is not there"
            );
        }
    }
}
