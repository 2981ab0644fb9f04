//! The topics: text to read, embedded in the program.

use super::document::Document;
use super::text;

/// A text about one thing.
#[derive(Debug, Clone, Copy)]
pub struct Topic {
    /// What it is asked for by.
    pub name: &'static str,
    /// Markdown; the first line is `# name: what it is about`.
    pub markdown: &'static str,
}

macro_rules! topic {
    ($name:literal) => {
        Topic {
            name: $name,
            markdown: include_str!(concat!("../../../templates/help/", $name, ".md")),
        }
    };
}

/// Every topic, in the order in which they are read.
pub const TOPICS: &[Topic] = &[
    topic!("starts"),
    topic!("account"),
    topic!("configuration"),
    topic!("cursors"),
    topic!("products"),
    topic!("feed"),
    topic!("incidents"),
    topic!("operations"),
    topic!("columns"),
    topic!("exit-codes"),
    topic!("limits"),
];

/// The topic of this name.
pub fn named(name: &str) -> Option<&'static Topic> {
    TOPICS.iter().find(|topic| topic.name == name)
}

impl Topic {
    /// What it is about, in a few words.
    pub fn about(&self) -> &'static str {
        let title = self.markdown.lines().next().unwrap_or_default();
        title
            .split_once(": ")
            .map_or(title, |(_, about)| about.trim())
    }

    /// The text below its title.
    pub fn document(&self) -> Document {
        let (_, body) = self.markdown.split_once('\n').unwrap_or_default();
        Document::read(body)
    }

    /// The text as a terminal shows it, no line wider than `width`.
    pub fn on_a_terminal(&self, width: usize) -> String {
        let about = self.about();
        let name = self.name.to_uppercase();
        format!(
            "{name}: {about}\n\n{}",
            text::rendered(&self.document(), width)
        )
    }
}
