//! The README: its commands parse, its configuration loads, and what it names is there.

use std::path::Path;

use clap::Parser as _;
use highwater::cli::args::Args;
use highwater::config::{self, Secrets};

use crate::structure::problems;

fn readme() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap()
}

/// The fenced blocks of one language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    text.split(&fence)
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap().to_owned())
        .collect()
}

#[test]
fn every_command_line_parses() {
    let text = readme();
    let shell = blocks(&text, "sh").join("\n");
    let shown = blocks(&text, "console").join("\n");
    let typed = shown.lines().filter_map(|line| line.strip_prefix("$ "));
    let inline = text
        .split('`')
        .filter(|code| code.starts_with("highwater ") && !code.contains('\n'));
    let lines: Vec<&str> = shell.lines().chain(typed).chain(inline).collect();
    let mut parsed = 0;
    for line in lines.iter().filter(|line| line.starts_with("highwater ")) {
        let words: Vec<&str> = line
            .split(['#', '>'])
            .next()
            .unwrap()
            .split_whitespace()
            .collect();
        Args::try_parse_from(&words)
            .unwrap_or_else(|error| panic!("`{line}` of the README: {error}"));
        parsed += 1;
    }
    assert!(parsed >= 5, "the README shows its commands: {parsed}");
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
    let blocks = blocks(&readme(), "toml");
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

#[test]
fn the_event_is_as_the_schema_says() {
    let schema: serde_json::Value =
        serde_json::from_str(include_str!("../../schema/event.schema.json")).unwrap();
    let shown = blocks(&readme(), "json");
    assert_eq!(shown.len(), 1);
    for block in shown {
        let event = serde_json::from_str(&block).unwrap();
        assert_eq!(problems(&schema, &schema, &event, ""), [""; 0]);
    }
}

#[test]
fn every_file_it_links_to_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = readme();
    let links = text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    for link in links.filter(|link| !link.starts_with("http") && !link.starts_with('#')) {
        assert!(
            root.join(link).exists(),
            "the README links to {link}, which is not there"
        );
    }
}
