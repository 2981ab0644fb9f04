//! Section 7: the topics.

use roff::{Roff, roman};

use super::page::{self, Page};
use crate::cli::help::topics::{TOPICS, Topic};

/// A page for each topic but the configuration, whose page is in section 5.
pub(super) fn all() -> impl Iterator<Item = Page> {
    TOPICS
        .iter()
        .filter(|topic| !is_configuration(topic))
        .map(page)
}

/// The name of a topic's page with its section.
pub(super) fn reference(topic: &Topic) -> String {
    if is_configuration(topic) {
        "highwater.toml(5)".to_owned()
    } else {
        format!("highwater-{}(7)", topic.name)
    }
}

fn is_configuration(topic: &Topic) -> bool {
    topic.name == "configuration"
}

fn page(topic: &Topic) -> Page {
    let name = format!("highwater-{}", topic.name);
    let mut roff = Roff::new();
    roff.control("SH", ["NAME"]);
    roff.text([roman(format!("{name} - {}", topic.about()))]);
    roff.control("SH", ["DESCRIPTION"]);
    page::document(&mut roff, &topic.document());
    let others = TOPICS.iter().filter(|other| other.name != topic.name);
    let mut pages = vec!["highwater(1)".to_owned()];
    pages.extend(others.map(reference));
    page::see_also(&mut roff, &pages);
    Page::new(&name, 7, &roff)
}
