//! The body of a write that is no edited document: a JSON text in which fields stand in braces. Pure.
//!
//! # Decisions
//! - `"{updated}"` alone becomes a value of the kind found in the document, a number where a number stands there; within a
//!   longer text the value is put in as text. `{old_updated}` is what was read.

use super::super::spot::{Field, Fields};
use super::document::{Flaw, literal, quoted};
use crate::config::HttpSpotSettings;

/// The body for writing `new` over the document `text`, whose fields are `old`.
pub(super) fn fill(
    template: &str,
    settings: &HttpSpotSettings,
    text: &str,
    old: &Fields,
    new: &Fields,
) -> Result<String, Flaw> {
    let mut filled = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, from)) = rest.split_at_checked(rest.find('{').unwrap_or(rest.len())) {
        filled.push_str(before);
        let Some((slot, field, is_old, after)) = slot(from) else {
            let brace = from.len().min(1);
            filled.push_str(from.get(..brace).unwrap_or_default());
            rest = from.get(brace..).unwrap_or_default();
            if rest.is_empty() {
                break;
            }
            continue;
        };
        let value = if is_old { None } else { new.get(&field) };
        let value = value.or_else(|| old.get(&field)).ok_or_else(|| Flaw {
            what: format!("`{slot}` of the body"),
            value: "in no place that was read".to_owned(),
            must: "one of the fields in `json`, with a value".to_owned(),
        })?;
        let is_alone = filled.ends_with('"') && !filled.ends_with("\\\"") && after.starts_with('"');
        if is_alone {
            filled.pop();
            filled.push_str(&match settings.keys.get(&field) {
                Some(path) => literal(text, path, value)?,
                None => quoted(value),
            });
        } else {
            let json = quoted(value);
            let within = json
                .strip_prefix('"')
                .and_then(|text| text.strip_suffix('"'));
            filled.push_str(within.unwrap_or_default());
        }
        rest = after.get(usize::from(is_alone)..).unwrap_or_default();
    }
    Ok(filled)
}

/// The field that the text begins with in braces, whether it is the old one, and what follows.
fn slot(text: &str) -> Option<(&str, Field, bool, &str)> {
    let inside = text.strip_prefix('{')?;
    let (word, after) = inside.split_once('}')?;
    let (is_old, name) = match word.strip_prefix("old_") {
        Some(name) => (true, name),
        None => (false, word),
    };
    let field = Field::ALL.into_iter().find(|field| field.word() == name)?;
    Some((text.get(..word.len() + 2)?, field, is_old, after))
}

#[cfg(test)]
#[path = "template_tests.rs"]
mod tests;
