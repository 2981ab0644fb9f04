//! `preset = "…"` in a consumer's table: replaced by what it stands for, which is then read like one written by hand.

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
    let (path, given) = (section.path().to_owned(), section.values());
    if let Some(kind) = given
        .get("kind")
        .filter(|kind| kind.as_str() != Some("outside"))
    {
        let message = format!("`{path}.kind` is {kind}, and every preset is kind \"outside\"");
        notes.add(section.span(), message, "remove kind");
        return None;
    }
    let table = match preset::expand(name, &given) {
        None => {
            field.wrong("is no known preset", suggest::cure(name, &names), notes);
            return None;
        }
        Some(Err(mistakes)) => {
            for mistake in mistakes {
                let message = format!("`{path}.{}` {}", mistake.key, mistake.what);
                notes.add(section.span(), message, mistake.cure);
            }
            return None;
        }
        Some(Ok(table)) => table,
    };
    let text = toml::to_string_pretty(&table).unwrap_or_default();
    let document = DeTable::parse(&text).ok()?;
    let mut found = Notes::default();
    let consumer = read(Section::of(path, 0..0, document.get_ref()), &mut found);
    for (message, cure) in found.told() {
        // The expansion has no place in the file: what names it has.
        notes.add(field.span(), message, cure);
    }
    consumer.map(|consumer| Consumer {
        preset: Some(Expansion {
            name: name.to_owned(),
            text,
        }),
        ..consumer
    })
}
