//! Every command explains itself by example, and wrong arguments name the value and the cure.

use std::path::Path;

use clap::{Args, CommandFactory as _};
use highwater::cli;

use super::{run, stderr, stdout};

/// The commands of a subcommand enum, below the program or on their own until they are wired.
fn commands() -> Vec<clap::Command> {
    fn of<A: Args>(name: &'static str) -> clap::Command {
        A::augment_args(clap::Command::new(name))
    }
    vec![
        cli::args::Args::command(),
        of::<cli::approve::Args>("approve"),
        of::<cli::approve::RejectArgs>("reject"),
        of::<cli::incidents::Args>("incidents"),
        of::<cli::mail::Args>("mail"),
        of::<cli::on_error::Args>("on-error"),
        of::<cli::pause::Args>("pause"),
        of::<cli::rules::Args>("rules"),
        of::<cli::attempts::Args>("attempts"),
        of::<cli::backup::Args>("backup"),
        of::<cli::check::Args>("check"),
        of::<cli::collect::Args>("collect"),
        of::<cli::completions::Args>("completions"),
        of::<cli::config::Args>("config"),
        of::<cli::dead_letters::Args>("dead-letters"),
        of::<cli::demo::Args>("demo"),
        of::<cli::discover::Args>("discover"),
        of::<cli::export::Args>("export"),
        of::<cli::failover::Args>("failover"),
        of::<cli::help::Args>("help"),
        of::<cli::history::Args>("history"),
        of::<cli::import::Args>("import"),
        of::<cli::man::Args>("man"),
        of::<cli::plan::Args>("plan"),
        of::<cli::quarantine::Args>("quarantine"),
        of::<cli::run::Args>("run"),
        of::<cli::status::Args>("status"),
        of::<cli::undo::Args>("undo"),
    ]
}

/// The example lines of a help text: those that begin with the program's name.
fn examples(command: &clap::Command) -> Vec<String> {
    let help = command.clone().render_long_help().to_string();
    help.lines()
        .filter_map(|line| line.strip_prefix("  highwater "))
        .map(str::to_owned)
        .collect()
}

fn each(command: &clap::Command, visit: &mut impl FnMut(&clap::Command)) {
    visit(command);
    for below in command.get_subcommands() {
        each(below, visit);
    }
}

#[test]
fn every_command_has_a_purpose_and_an_example() {
    let mut seen = 0;
    for command in commands() {
        command.clone().debug_assert();
        each(&command, &mut |command| {
            seen += 1;
            let name = command.get_name();
            assert!(command.get_about().is_some(), "{name} says what it does");
            assert!(!examples(command).is_empty(), "{name} has an example");
            for argument in command.get_arguments() {
                assert!(
                    argument.get_help().is_some(),
                    "{name} {}",
                    argument.get_id()
                );
            }
        });
    }
    assert!(seen >= 20, "{seen}");
}

#[test]
fn every_example_is_a_command_line_that_parses() {
    for command in commands() {
        let name = command.get_name().to_owned();
        for example in examples(&command) {
            let line = example.split("  ").next().unwrap_or_default();
            let words: Vec<String> = words(line);
            let Some(at) = words.iter().position(|word| *word == name) else {
                continue;
            };
            let own = words
                .iter()
                .skip(at)
                .take_while(|word| *word != ">")
                .cloned();
            command
                .clone()
                .try_get_matches_from(own)
                .unwrap_or_else(|error| panic!("{example}: {error}"));
        }
    }
}

/// The words of a line as a shell reads them, single quotes included.
pub(super) fn words(line: &str) -> Vec<String> {
    let parts = line.split('\'').enumerate();
    parts
        .flat_map(|(nth, part)| {
            if nth % 2 == 1 {
                vec![part.to_owned()]
            } else {
                part.split_whitespace().map(str::to_owned).collect()
            }
        })
        .collect()
}

fn refusal<A: Args>(words: &[&str]) -> String {
    let command = A::augment_args(clap::Command::new("x"));
    let words = std::iter::once("x").chain(words.iter().copied());
    match command.try_get_matches_from(words) {
        Ok(_) => panic!("accepted"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn wrong_arguments_name_the_value_and_the_cure() {
    use cli::failover::Args as Failover;
    let said = refusal::<Failover>(&["h r"]);
    assert!(said.contains("`h r` is no usable name: 1 to 64"), "{said}");
    let said = refusal::<Failover>(&["hr", "--to", "dc2", "--usn-date", "noon"]);
    assert!(said.contains("`noon` is no time: write it like"), "{said}");
    let said = refusal::<Failover>(&["hr", "--replication-time", "3h"]);
    assert!(said.contains("`3h` is no number of hours"), "{said}");
    let said = refusal::<Failover>(&["hr", "--method", "luck"]);
    assert!(
        said.contains("[possible values: best, time, vector]"),
        "{said}"
    );
}

#[test]
fn arguments_that_exclude_each_other_are_refused() {
    use cli::plan::Args as Plan;
    let manual = ["hr", "--to", "dc2", "--usn-date", "2026-11-22T10:00:00Z"];
    let with = |more: &[&'static str]| refusal::<Plan>(&[&manual[..], more].concat());
    assert!(with(&["--auto"]).contains("cannot be used with"));
    assert!(with(&["--method", "time"]).contains("cannot be used with"));
    assert!(with(&["--replication-time", "1"]).contains("cannot be used with"));
    let alone = refusal::<Plan>(&["hr", "--usn-date", "2026-11-22T10:00:00Z"]);
    assert!(alone.contains("--to"), "{alone}");
    let both = refusal::<cli::check::Args>(&["hr", "--dc", "dc1"]);
    assert!(both.contains("cannot be used with"), "{both}");
}

#[test]
fn the_last_word_on_restarting_counts() {
    use clap::FromArgMatches as _;
    let wanted = |words: &[&'static str]| {
        let command = cli::undo::Args::augment_args(clap::Command::new("undo"));
        let words = ["undo", "hr"].into_iter().chain(words.iter().copied());
        let matches = command.try_get_matches_from(words).unwrap();
        cli::undo::Args::from_arg_matches(&matches)
            .unwrap()
            .restart
            .wanted()
    };
    assert!(wanted(&[]));
    assert!(!wanted(&["--no-restart"]));
    assert!(wanted(&["--no-restart", "--restart"]));
    assert!(!wanted(&["--restart", "--no-restart"]));
}

#[test]
fn help_goes_to_stdout_and_a_usage_error_to_stderr() {
    let here = Path::new("/");
    let help = run(here, &["config", "check", "--help"]);
    assert_eq!(help.status.code(), Some(0));
    assert!(stdout(&help).contains("Examples:"), "{}", stdout(&help));
    let wrong = run(here, &["config", "chekc"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(wrong.stdout.is_empty());
    assert!(stderr(&wrong).contains("chekc"), "{}", stderr(&wrong));
    assert_eq!(run(here, &[]).status.code(), Some(2));
    assert_eq!(run(here, &["--version"]).status.code(), Some(0));
}

#[test]
fn shared_arguments_leave_a_command_its_own_words() {
    let mut seen = std::collections::BTreeSet::new();
    for command in commands() {
        let about = command.get_about().unwrap().to_string();
        assert!(
            command
                .get_long_about()
                .is_none_or(|long| long.to_string().starts_with(&about))
        );
        assert!(
            seen.insert(about),
            "{} has its own purpose",
            command.get_name()
        );
    }
    let plan = cli::plan::Args::augment_args(clap::Command::new("plan"));
    let help = plan.clone().render_long_help().to_string();
    assert!(help.starts_with("Shows what `failover` would do"), "{help}");
}
