//! Rules → what an error is.

use super::trace::{most_telling, without_frames};
use crate::config::{Process, Rule};
use crate::model::{Outcome, Verdicted};

/// The first rule, in their order, that matches any of the errors; without one the outcome is unknown.
pub fn classify(process: &Process, errors: &[String]) -> Verdicted {
    match rule_for(process, errors) {
        Some(rule) => Verdicted {
            outcome: rule.outcome,
            rule: Some(rule.name.clone()),
        },
        None => Verdicted {
            outcome: Outcome::Unknown,
            rule: None,
        },
    }
}

/// The rule that judges these errors. Stack frames are not looked at: what they name was under way, not at fault.
pub fn rule_for<'p>(process: &'p Process, errors: &[String]) -> Option<&'p Rule> {
    let errors: Vec<String> = errors.iter().map(|error| without_frames(error)).collect();
    let matches = |rule: &&Rule| errors.iter().any(|error| rule.pattern.is_match(error));
    process.rules.iter().find(matches)
}

/// The rule of this name, as long as the configuration has it.
pub fn rule_named<'p>(process: &'p Process, name: Option<&str>) -> Option<&'p Rule> {
    let name = name?;
    process.rules.iter().find(|rule| rule.name == name)
}

/// The errors that a person is shown first, at most `most`: those that the rule took, then the most telling.
pub fn telling<'e>(errors: &'e [String], rule: Option<&Rule>, most: usize) -> Vec<&'e str> {
    let is_taken = |error: &&str| rule.is_some_and(|rule| rule.pattern.is_match(error));
    let errors = errors.iter().map(String::as_str);
    let (taken, rest): (Vec<&str>, Vec<&str>) = errors.partition(is_taken);
    let rest = most_telling(&rest, most.saturating_sub(taken.len()));
    taken.into_iter().chain(rest).take(most).collect()
}

/// A sample of a rule that is judged otherwise than its rule says.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Misjudged {
    /// The rule whose sample it is.
    pub rule: String,
    /// The sample.
    pub sample: String,
    /// What is wrong.
    pub problem: String,
}

/// Runs every sample of a process's rules: each must be judged by its own rule, each counter-sample by another.
pub fn test_rules(process: &Process) -> Vec<Misjudged> {
    let mut found = Vec::new();
    for rule in &process.rules {
        for sample in &rule.samples {
            let by = rule_for(process, std::slice::from_ref(sample));
            // A rule of one's own may take what a later one would have judged alike.
            if by.is_some_and(|by| by.name == rule.name || by.outcome == rule.outcome) {
                continue;
            }
            let problem = match by {
                Some(by) => format!("is taken by the rule `{}`, which stands before it", by.name),
                None => "is not matched".to_owned(),
            };
            found.push(misjudged(rule, sample, problem));
        }
        for sample in &rule.counter_samples {
            if rule.pattern.is_match(sample) {
                found.push(misjudged(
                    rule,
                    sample,
                    "is matched and must not be".to_owned(),
                ));
            }
        }
    }
    found
}

fn misjudged(rule: &Rule, sample: &str, problem: String) -> Misjudged {
    Misjudged {
        rule: rule.name.clone(),
        sample: sample.to_owned(),
        problem,
    }
}
