//! Notices as text, HTML and data, from templates.
//!
//! # Decisions
//! - The templates are part of the program; a folder of the configuration may hold others of the same names. All are
//!   rendered once with a sample when they are loaded: a misspelled name is found at the start, not in the night.
//! - Nothing in a mail acts: it names commands to paste.
//! - Times are to the second and UTC: whoever reads may sit anywhere.
//! - Errors come from outside: each is shown in one line, so that it cannot look like a line of ours, and without control
//!   characters; what goes into the HTML is escaped, and a subject is one line. The data keep them as they came.

mod words;

use std::path::{Path, PathBuf};

use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::Serialize;
use serde_json::Value;

pub use words::{plan_lines, sample};

use crate::model::{Notice, NoticeKind, UtcMs, in_a_line, text_of};

/// The templates, as (file name, text of the program).
const OURS: [(&str, &str); 3] = [
    (
        "mail.subject",
        include_str!("../../../templates/mail.subject"),
    ),
    ("mail.txt", include_str!("../../../templates/mail.txt")),
    ("mail.html", include_str!("../../../templates/mail.html")),
];

/// The longest subject, in characters.
const SUBJECT: usize = 200;

/// A template that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// The file cannot be read.
    #[error("the template {} cannot be read: {problem}; check notices.templates", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        problem: String,
    },
    /// It is wrong.
    #[error(
        "the template {name} cannot be used: {problem}; correct it, or remove the file to have the program's"
    )]
    Wrong {
        /// Its name.
        name: String,
        /// What is wrong, and where.
        problem: String,
    },
}

/// What a notice says, for templates and for programs.
#[derive(Debug, Clone, Serialize)]
pub struct Content {
    /// What it tells.
    pub kind: NoticeKind,
    /// When it was made.
    pub at: UtcMs,
    /// What happened, in a line.
    pub headline: String,
    /// More of it, in a sentence; empty where there is nothing more.
    pub said: String,
    /// The incidents it is about.
    pub incidents: Vec<Told>,
    /// What was seen of the DCs.
    pub evidence: Vec<Evidence>,
    /// The proposal it is about.
    pub proposal: Option<Asked>,
    /// The plan, line by line.
    pub plan: Vec<String>,
    /// Commands to paste.
    pub commands: Vec<String>,
    /// The subjects of what was held back.
    pub held_back: Vec<String>,
    /// The host that tells.
    pub host: String,
    /// The version that tells.
    pub version: &'static str,
}

/// An incident in a notice.
#[derive(Debug, Clone, Serialize)]
pub struct Told {
    /// Its number.
    pub id: i64,
    /// Whose sync.
    pub resource: String,
    /// The DC the sync reads.
    pub dc: Option<String>,
    /// When it began.
    pub opened_at: UtcMs,
    /// When it ended.
    pub resolved_at: Option<UtcMs>,
    /// How many failures.
    pub failures: u64,
    /// The newest.
    pub last_failure_at: UtcMs,
    /// What the errors say.
    pub outcome: String,
    /// Which rule says so.
    pub rule: Option<String>,
    /// How it ended.
    pub resolution: Option<String>,
    /// The newest errors.
    pub errors: Vec<String>,
    /// What stands in the way of doing something.
    pub why: Vec<String>,
}

/// What was seen of a DC.
#[derive(Debug, Clone, Serialize)]
pub struct Evidence {
    /// The DC.
    pub dc: String,
    /// In a line.
    pub text: String,
}

/// A proposal in a notice.
#[derive(Debug, Clone, Serialize)]
pub struct Asked {
    /// Its number.
    pub id: i64,
    /// How it stands.
    pub state: String,
    /// The person who proposed it.
    pub by: Option<String>,
    /// Who answered it, and why.
    pub answered: Option<String>,
    /// Until when it may be answered.
    pub expires_at: Option<UtcMs>,
}

/// The templates in use, all of them known to render.
#[derive(Debug)]
pub struct Templates {
    environment: Environment<'static>,
}

impl Templates {
    /// Loads the program's templates, and from `folder` those that stand in for them, and tries each.
    pub fn load(folder: Option<&Path>) -> Result<Self, TemplateError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|name| {
            let is_html = Path::new(name).extension().is_some_and(|end| end == "html");
            if is_html {
                AutoEscape::Html
            } else {
                AutoEscape::None
            }
        });
        environment.add_filter("moment", moment);
        for (name, ours) in OURS {
            let text = match folder {
                Some(folder) => read(&folder.join(name))?.unwrap_or_else(|| ours.to_owned()),
                None => ours.to_owned(),
            };
            environment
                .add_template_owned(name, text)
                .map_err(|error| wrong(name, &error))?;
        }
        let templates = Self { environment };
        for kind in NoticeKind::ALL {
            for (name, _) in OURS {
                templates.one(name, &sample(*kind))?;
            }
        }
        Ok(templates)
    }

    fn one(&self, name: &str, content: &impl Serialize) -> Result<String, TemplateError> {
        self.environment
            .get_template(name)
            .and_then(|template| template.render(minijinja::value::Serde(content)))
            .map_err(|error| wrong(name, &error))
    }

    /// The notice; where a template fails on what the samples did not show, the headline and the data alone.
    pub fn notice(&self, content: &Content, message_id: String, thread: Option<String>) -> Notice {
        let or_less = |rendered: Result<String, TemplateError>, less: &dyn Fn() -> String| {
            rendered.unwrap_or_else(|error| {
                tracing::error!("{error}");
                less()
            })
        };
        let data = serde_json::to_value(content).unwrap_or_default();
        let shown = in_lines(data.clone());
        let headline = in_a_line(&content.headline);
        let subject = or_less(self.one("mail.subject", &shown), &|| headline.clone());
        let text = or_less(self.one("mail.txt", &shown), &|| {
            format!("{headline}\n\n{shown:#}\n")
        });
        let html = or_less(self.one("mail.html", &shown), &|| String::new());
        Notice {
            kind: content.kind,
            at: content.at,
            message_id,
            thread,
            subject: one_line(&subject),
            text: no_gaps(&text),
            html,
            data,
        }
    }
}

/// The data with each text in one line and nothing in it that acts on a terminal.
fn in_lines(data: Value) -> Value {
    match data {
        Value::String(text) => Value::String(in_a_line(&text)),
        Value::Array(items) => items.into_iter().map(in_lines).collect(),
        Value::Object(members) => {
            let members = members.into_iter();
            members.map(|(name, one)| (name, in_lines(one))).collect()
        }
        other => other,
    }
}

fn read(path: &Path) -> Result<Option<String>, TemplateError> {
    let unreadable = |problem| TemplateError::Unreadable {
        path: path.to_owned(),
        problem,
    };
    match std::fs::read(path) {
        Ok(bytes) => text_of(&bytes)
            .map(Some)
            .map_err(|error| unreadable(format!("it is {error}, save it as UTF-8"))),
        Err(error)
            if error.kind() == std::io::ErrorKind::NotFound
                && path.parent().is_some_and(Path::is_dir) =>
        {
            Ok(None)
        }
        Err(error) => Err(unreadable(error.to_string())),
    }
}

fn wrong(name: &str, error: &minijinja::Error) -> TemplateError {
    let line = error
        .line()
        .map_or_else(String::new, |line| format!(" (line {line})"));
    TemplateError::Wrong {
        name: name.to_owned(),
        problem: format!("{error}{line}"),
    }
}

/// A time as a person reads it: `2026-11-22T16:04:11.297Z` is `2026-11-22 16:04:11 UTC`.
fn moment(at: String) -> String {
    match at.parse::<UtcMs>() {
        Ok(time) => {
            let text = time.to_string();
            let seconds = text.split('.').next().unwrap_or_default();
            format!("{} UTC", seconds.replace('T', " "))
        }
        Err(_) => at,
    }
}

fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words
        .join(" ")
        .chars()
        .filter(|c| !c.is_control())
        .take(SUBJECT)
        .collect()
}

/// The text without several empty lines in a row, which conditions in a template leave behind.
fn no_gaps(text: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for line in text.lines().map(str::trim_end) {
        if line.is_empty() && kept.last().is_none_or(|last| last.is_empty()) {
            continue;
        }
        // The signature's mark is two dashes and a blank.
        kept.push(if line == "--" { "-- " } else { line });
    }
    kept.join("\n") + "\n"
}

#[cfg(test)]
mod tests;
