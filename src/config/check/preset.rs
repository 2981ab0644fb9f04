//! `preset = "…"` in a consumer's table: replaced by what it stands for, which is then read like one written by hand.
//!
//! # Decisions
//! - What the file gives keeps its place in the expansion, so that a mistake is shown where it was made; what the preset
//!   says by itself is placed at the `preset` line.

use toml::de::DeTable;

use super::super::problem::Notes;
use super::super::raw::Section;
use super::super::{Consumer, Expansion, preset, suggest};

/// Reads the consumer in `section`, or, where it names a preset, the one that this stands for.
pub(super) fn expanded(
    mut section: Section<'_>,
    notes: &mut Notes,
    read: impl FnOnce(Section<'_>, &mut Notes) -> Option<Consumer>,
) -> Option<Consumer> {
    let Some(field) = section.take("preset", notes) else {
        for name in preset::parameters() {
            if let Some(field) = section.take(name, notes) {
                let message = format!("`{}` goes with a preset alone", field.path());
                notes.add(field.span(), message, "remove it, or name the preset");
            }
        }
        return read(section, notes);
    };
    let names = preset::names();
    let name = field.text(&format!("\"{}\"", names.join("\" or \"")), notes)?;
    let given = section.values();
    if let Some(kind) = given
        .get("kind")
        .filter(|kind| kind.as_str() != Some("outside"))
    {
        let message = format!(
            "`{}.kind` is {kind}, and every preset is kind \"outside\"",
            section.path()
        );
        notes.add(section.span_of("kind"), message, "remove kind");
        return None;
    }
    let Some(expanded) = preset::expand(name, &given) else {
        field.unknown("is no known preset", suggest::cure(name, &names), notes);
        return None;
    };
    let is_complete = expanded.mistakes.is_empty();
    for mistake in expanded.mistakes {
        let message = format!("`{}.{}` {}", section.path(), mistake.key, mistake.what);
        notes.add(section.span_of(mistake.key), message, mistake.cure);
    }
    let defaults = toml::to_string(&expanded.defaults).unwrap_or_default();
    let defaults = DeTable::parse(&defaults).ok()?.into_inner();
    let own = [&["preset"], expanded.parameters].concat();
    let table = section.over(defaults, &field.span(), &own);
    let mut whole = Section::of(section.path().to_owned(), section.span(), &table);
    whole.knows(&own);
    let consumer = read(whole, notes).filter(|_| is_complete)?;
    Some(Consumer {
        preset: Some(Expansion {
            name: name.to_owned(),
            text: toml::to_string_pretty(&expanded.table).unwrap_or_default(),
        }),
        ..consumer
    })
}
