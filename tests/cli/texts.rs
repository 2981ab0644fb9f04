//! What people read: the README and the topics, and the blocks in them.

use std::path::Path;

use highwater::cli::help::topics::TOPICS;

/// Every text with its name, the README first.
pub(super) fn all() -> Vec<(String, String)> {
    let topics = TOPICS
        .iter()
        .map(|topic| (format!("topic {}", topic.name), topic.markdown.to_owned()));
    std::iter::once(("the README".to_owned(), readme()))
        .chain(topics)
        .collect()
}

pub(super) fn readme() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap()
}

/// The fenced blocks of one language; `""` for those that name none.
pub(super) fn blocks(text: &str, language: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open: Option<(&str, String)> = None;
    for line in text.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(named)) => open = Some((named, String::new())),
            (Some((named, block)), Some(_)) => {
                if *named == language {
                    found.push(std::mem::take(block));
                }
                open = None;
            }
            (Some((_, block)), None) => {
                block.push_str(line);
                block.push('\n');
            }
            (None, None) => {}
        }
    }
    found
}

/// The lines that a reader types into a shell, without remarks; a line that ends in `\` or `^` goes on in the next.
pub(super) fn typed(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for block in blocks(text, "sh").into_iter().chain(blocks(text, "")) {
        let block = block.replace("\\\n", " ").replace("^\n", " ");
        lines.extend(block.lines().map(without_remark));
    }
    for block in blocks(text, "console") {
        let typed = block.lines().filter_map(|line| line.strip_prefix("$ "));
        lines.extend(typed.map(str::to_owned));
    }
    lines.retain(|line| !line.is_empty());
    lines
}

/// What is typed before a remark: two spaces or ` # ` begin one.
fn without_remark(line: &str) -> String {
    let line = line.split(" # ").next().unwrap_or_default();
    line.split("   ")
        .next()
        .unwrap_or_default()
        .trim()
        .to_owned()
}

/// The commands within sentences and tables, as `highwater plan hr`.
pub(super) fn inline(text: &str) -> Vec<String> {
    let prose: Vec<&str> = text.split("```").step_by(2).collect();
    prose
        .iter()
        .flat_map(|part| part.split('`').skip(1).step_by(2))
        .filter(|code| code.starts_with("highwater "))
        .map(|code| code.replace('\n', " "))
        .collect()
}
