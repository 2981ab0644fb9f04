//! `rules`: what the failure process makes of errors.

use std::fmt::Write as _;

use clap::Subcommand;
use serde::Serialize;

use super::output::table;
use super::{CliError, Context, Exit};
use crate::config::{self, ConfigError, Process, Secrets};
use crate::on_error::decide::{Misjudged, classify, test_rules};

const EXAMPLES: &str = "\
Examples:
  highwater rules test    the samples that stand beside the rules
  highwater rules test 'ldap_bind: Invalid credentials (49)'
  highwater rules list

If no process is configured, the rules of the program are tested and listed.";

/// Tests and lists the rules
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub action: Action,
}

/// What to do with the rules.
#[derive(Debug, Clone, Subcommand)]
pub enum Action {
    /// Runs the samples beside the rules, or the errors given
    #[command(
        after_help = "Examples:\n  highwater rules test\n  highwater rules test 'Connection refused'"
    )]
    Test {
        /// Errors to judge; without any, the samples are run
        errors: Vec<String>,
    },
    /// Lists the rules of every process in the order they are tried
    #[command(after_help = "Examples:\n  highwater rules list\n  highwater -o json rules list")]
    List,
}

#[derive(Debug, Serialize)]
struct Tested {
    process: String,
    samples: usize,
    misjudged: Vec<Misjudged>,
}

#[derive(Debug, Serialize)]
struct Judged {
    process: String,
    error: String,
    outcome: String,
    rule: Option<String>,
}

#[derive(Debug, Serialize)]
struct Row {
    process: String,
    rule: String,
    outcome: String,
    count: u32,
    within_s: u64,
    is_shipped: bool,
    pattern: String,
}

/// Tests or lists; a sample that is misjudged ends with [`Exit::Failed`].
pub fn run(args: Args, context: &Context) -> Result<Exit, CliError> {
    let processes = processes(context)?;
    let processes = processes.iter();
    match args.action {
        Action::Test { errors } if errors.is_empty() => test(processes, context),
        Action::Test { errors } => judge(processes, &errors, context),
        Action::List => list(processes, context),
    }
}

/// Those that are configured; where there is none, or no configuration, the rules that come with the program.
fn processes(context: &Context) -> Result<Vec<Process>, CliError> {
    let configured: Vec<Process> = match context.settings(Secrets::Skip) {
        Ok(settings) => settings.on_error.processes.into_values().collect(),
        Err(CliError::Config(ConfigError::NotFound)) => Vec::new(),
        Err(error) => return Err(error),
    };
    if !configured.is_empty() {
        return Ok(configured);
    }
    context.message(
        "no process is configured: these are the rules of the program, which nothing uses yet; add a table [process.ad] \
         and process = \"ad\" to a resource, as `highwater config example` has them",
    );
    Ok(vec![config::shipped_process("shipped")])
}

fn test<'p>(
    processes: impl Iterator<Item = &'p Process>,
    context: &Context,
) -> Result<Exit, CliError> {
    let tested: Vec<Tested> = processes
        .map(|process| Tested {
            process: process.name.clone(),
            samples: process
                .rules
                .iter()
                .map(|rule| rule.samples.len() + rule.counter_samples.len())
                .sum(),
            misjudged: test_rules(process),
        })
        .collect();
    context.output.show(&tested, || {
        let lines = tested.iter().map(|one| {
            let (samples, wrong) = (one.samples, one.misjudged.len());
            let mut text = format!("{}: {samples} samples, {wrong} misjudged", one.process);
            for misjudged in &one.misjudged {
                // Writing to a String cannot fail.
                _ = write!(
                    text,
                    "\n  the sample of rule {} {}: {}",
                    misjudged.rule, misjudged.problem, misjudged.sample
                );
            }
            text
        });
        lines.collect::<Vec<_>>().join("\n")
    })?;
    let right = tested.iter().all(|one| one.misjudged.is_empty());
    Ok(if right { Exit::Ok } else { Exit::Failed })
}

fn judge<'p>(
    processes: impl Iterator<Item = &'p Process>,
    errors: &[String],
    context: &Context,
) -> Result<Exit, CliError> {
    let mut judged = Vec::new();
    for process in processes {
        for error in errors {
            let verdict = classify(process, std::slice::from_ref(error));
            judged.push(Judged {
                process: process.name.clone(),
                error: error.clone(),
                outcome: verdict.outcome.to_string(),
                rule: verdict.rule,
            });
        }
    }
    context.output.emit(&judged, || {
        let mut rows = table(&["PROCESS", "OUTCOME", "RULE", "ERROR"]);
        for one in &judged {
            let rule = one.rule.clone().unwrap_or_else(|| "-".to_owned());
            rows.add_row([
                one.process.clone(),
                one.outcome.clone(),
                rule,
                one.error.clone(),
            ]);
        }
        rows
    })?;
    Ok(Exit::Ok)
}

fn list<'p>(
    processes: impl Iterator<Item = &'p Process>,
    context: &Context,
) -> Result<Exit, CliError> {
    let mut listed = Vec::new();
    for process in processes {
        listed.extend(process.rules.iter().map(|rule| Row {
            process: process.name.clone(),
            rule: rule.name.clone(),
            outcome: rule.outcome.to_string(),
            count: rule.count,
            within_s: rule.within.as_secs(),
            is_shipped: rule.is_shipped,
            pattern: rule.pattern.to_string(),
        }));
    }
    context.output.emit(&listed, || {
        let mut rows = table(&["PROCESS", "RULE", "OUTCOME", "COUNT", "WITHIN", "FROM"]);
        for one in &listed {
            rows.add_row([
                one.process.clone(),
                one.rule.clone(),
                one.outcome.clone(),
                one.count.to_string(),
                format!("{} s", one.within_s),
                if one.is_shipped {
                    "the program"
                } else {
                    "the configuration"
                }
                .to_owned(),
            ]);
        }
        rows
    })?;
    Ok(Exit::Ok)
}
