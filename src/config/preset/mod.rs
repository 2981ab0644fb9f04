//! Presets: what a few named parameters of a known product stand for, in the words of the general configuration. Pure.
//!
//! A preset decides nothing that the general configuration could not say: it gives a table, which is then read and
//! checked like one written by hand, and which `highwater config check` shows.
//!
//! # Decisions
//! - What stands beside the parameters replaces what the preset would say under the same key, so that a release that
//!   differs needs one line and not another program.
//! - `position` is `largest_seen` wherever the product's source shows that, or is not known to show anything better: a
//!   wrong `before_search` would lose changes.

mod products;

use std::collections::BTreeSet;

use toml::{Table, Value};

/// A parameter that is missing or wrong: the key within the consumer's table, what is wrong, and the cure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mistake {
    pub(super) key: &'static str,
    pub(super) what: String,
    pub(super) cure: String,
}

/// One product.
pub(super) struct Preset {
    pub(super) name: &'static str,
    /// Its own parameters, which the general configuration does not know.
    parameters: &'static [&'static str],
    expand: fn(&mut Given<'_>) -> Table,
}

/// The parameters that were given, and what is wrong with them.
struct Given<'t> {
    table: &'t Table,
    mistakes: Vec<Mistake>,
}

impl Given<'_> {
    /// A text; where it is missing the mistake is noted and the example given, so that what else is wrong can be told.
    fn need(&mut self, key: &'static str, like: &str) -> String {
        let text = self.text(key, like);
        if text.is_none() && find(self.table, key).is_none() {
            self.mistakes.push(Mistake {
                key,
                what: "is missing".to_owned(),
                cure: format!("add {key} = \"{like}\""),
            });
        }
        text.unwrap_or_else(|| like.to_owned())
    }

    /// A text that may be left out.
    fn text(&mut self, key: &'static str, like: &str) -> Option<String> {
        match find(self.table, key)? {
            Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
            _ => {
                self.mistakes.push(Mistake {
                    key,
                    what: "is no text".to_owned(),
                    cure: format!("write it like \"{like}\""),
                });
                None
            }
        }
    }

    fn or(&mut self, key: &'static str, default: &str) -> String {
        self.text(key, default)
            .unwrap_or_else(|| default.to_owned())
    }
}

/// The value of the key, which may be written in camelCase.
fn find<'t>(table: &'t Table, key: &str) -> Option<&'t Value> {
    table.get(key).or_else(|| table.get(&camel(key)))
}

fn camel(key: &str) -> String {
    let mut words = key.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| {
        let mut letters = word.chars();
        let capital = letters.next().map(|letter| letter.to_ascii_uppercase());
        name + &capital.into_iter().chain(letters).collect::<String>()
    })
}

/// The names of all presets.
pub(super) fn names() -> Vec<&'static str> {
    products::ALL.iter().map(|preset| preset.name).collect()
}

/// The parameters of all presets, each once.
pub(super) fn parameters() -> BTreeSet<&'static str> {
    products::ALL
        .iter()
        .flat_map(|preset| preset.parameters)
        .copied()
        .collect()
}

/// What a preset stands for with the parameters given.
pub(super) struct Expanded {
    /// What it says that is not given beside the parameters.
    pub(super) defaults: Table,
    /// The whole consumer's table: the defaults and what is given, without `preset` and its parameters.
    pub(super) table: Table,
    /// The names of its parameters.
    pub(super) parameters: &'static [&'static str],
    /// The parameters that are missing or wrong; the tables then say the examples in their place.
    pub(super) mistakes: Vec<Mistake>,
}

/// What the consumer's table `given` stands for; `None` where there is no preset of this name.
pub(super) fn expand(name: &str, given: &Table) -> Option<Expanded> {
    let preset = products::ALL.iter().find(|preset| preset.name == name)?;
    let mut parameters = Given {
        table: given,
        mistakes: Vec::new(),
    };
    let mut defaults = (preset.expand)(&mut parameters);
    defaults.insert("kind".to_owned(), Value::from("outside"));
    let mut table = defaults.clone();
    for (key, value) in given {
        let is_parameter = preset
            .parameters
            .iter()
            .any(|name| *key == **name || *key == camel(name));
        if key != "preset" && !is_parameter {
            defaults.remove(key);
            table.insert(key.clone(), value.clone());
        }
    }
    Some(Expanded {
        defaults,
        table,
        parameters: preset.parameters,
        mistakes: parameters.mistakes,
    })
}

#[cfg(test)]
mod tests;
