//! `help`: the commands and topics, and what a command says of its options.

use std::path::Path;

use clap::CommandFactory as _;
use highwater::cli::args::Args;
use highwater::cli::help::{WIDTH, program, topics::TOPICS};

use super::{run, stderr, stdout};

fn help(words: &[&str]) -> String {
    let output = run(Path::new("/"), &[&["help"], words].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(output.stderr.is_empty());
    stdout(&output)
}

/// Fails with the lines that a terminal of 80 columns would break.
#[track_caller]
fn fits(name: &str, text: &str) {
    let wide: Vec<&str> = text
        .lines()
        .filter(|line| line.chars().count() > WIDTH)
        .collect();
    assert!(wide.is_empty(), "{name}: {wide:#?}");
}

#[test]
fn the_list_names_every_command_and_topic() {
    let listed = help(&[]);
    for command in Args::command().get_subcommands() {
        let line = format!("\n  {} ", command.get_name());
        assert!(listed.contains(&line), "{line}: {listed}");
    }
    for topic in TOPICS {
        let line = format!("\n  {} ", topic.name);
        assert!(listed.contains(&line), "{line}: {listed}");
    }
    let asked = stdout(&run(Path::new("/"), &["--help"]));
    assert_eq!(asked.trim(), listed.trim());
    fits("the list", &listed);
}

#[test]
fn every_topic_fits_a_terminal() {
    for topic in TOPICS {
        let title = format!("# {}: ", topic.name);
        assert!(topic.markdown.starts_with(&title), "{title}");
        assert!(topic.markdown.is_ascii(), "{} is plain ASCII", topic.name);
        let shown = help(&[topic.name]);
        assert!(shown.contains(&topic.name.to_uppercase()), "{shown}");
        fits(topic.name, &shown);
        fits(topic.name, &topic.on_a_terminal(WIDTH));
    }
}

#[test]
fn no_value_is_broken() {
    let feed = help(&["starts"]);
    assert!(
        feed.contains("`highwater quarantine release dc2`"),
        "{feed}"
    );
    let account = help(&["account"]);
    let value = "`security = \"clear, passwords readable on the network\"`";
    assert!(account.contains(value), "{account}");
}

#[test]
fn a_topic_that_bears_a_commands_name_follows_its_help() {
    let shown = help(&["incidents"]);
    let command = shown.find("Usage: highwater incidents").unwrap();
    let topic = shown
        .find("INCIDENTS: what happens when a sync fails")
        .unwrap();
    assert!(command < topic, "{shown}");
}

#[test]
fn a_command_is_found_by_all_its_words() {
    let shown = help(&["config", "check"]);
    assert!(shown.contains("Usage: highwater config check"), "{shown}");
    assert!(shown.contains("--strict"), "{shown}");
}

#[test]
fn what_is_unknown_is_refused_with_what_may_be_meant() {
    let here = Path::new("/");
    let wrong = run(here, &["help", "startz"]);
    assert_eq!(wrong.status.code(), Some(2));
    let said = stderr(&wrong);
    assert!(said.contains("`startz`; did you mean `starts`?"), "{said}");
    let wrong = run(here, &["help", "zzzzzz", "zzzzzz"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(stderr(&wrong).contains("`highwater help` lists them"));
}

#[test]
fn a_command_shows_its_own_options_and_where_the_others_are() {
    let mut program = program();
    let names: Vec<String> = program
        .get_subcommands()
        .map(|one| one.get_name().to_owned())
        .collect();
    for name in names {
        let command = program.find_subcommand_mut(&name).unwrap();
        for shown in [command.render_long_help(), command.render_help()] {
            let shown = shown.to_string();
            assert!(shown.contains("highwater help options"), "{name}: {shown}");
            assert!(!shown.contains("--log-format <"), "{name}: {shown}");
            assert!(!shown.contains("Global options"), "{name}: {shown}");
            fits(&name, &shown);
        }
    }
    let options = help(&["options"]);
    for option in [
        "--config <PATH>",
        "--output <FORMAT>",
        "--log-format",
        "--quiet",
    ] {
        assert!(options.contains(option), "{options}");
    }
    fits("options", &options);
}

#[test]
fn examples_stand_in_the_help_as_they_were_written() {
    fn each(command: &mut clap::Command) {
        let shown = command.render_long_help().to_string();
        let after = command.get_after_help().map(ToString::to_string);
        for line in after.iter().flat_map(|after| after.lines()) {
            if !line.starts_with("  ") {
                continue;
            }
            assert!(shown.lines().any(|one| one == line), "`{line}`: {shown}");
        }
        for below in command.get_subcommands_mut() {
            each(below);
        }
    }
    each(&mut program());
}

#[test]
fn global_options_are_taken_before_and_after_the_command() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("good.toml"), super::GOOD).unwrap();
    for words in [
        ["--config", "good.toml", "-o", "json", "config", "show"],
        ["config", "show", "--config", "good.toml", "-o", "json"],
        ["config", "--config", "good.toml", "show", "-o", "json"],
    ] {
        let output = run(folder.path(), &words);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert!(stdout(&output).starts_with('{'), "{}", stdout(&output));
    }
}
