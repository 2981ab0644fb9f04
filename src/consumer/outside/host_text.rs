//! The host within a text such as `dc1.example.com`, `dc1:636` or `ldaps://dc1.example.com:636/`. Pure.

use std::ops::Range;

/// The host in the text; `None` where there is none, or more than one.
pub(super) fn host(text: &str) -> Option<&str> {
    text.get(place(text)?)
}

/// The text with another host; its scheme, port and the rest stay.
pub(super) fn with_host(text: &str, host: &str) -> Option<String> {
    let mut new = text.to_owned();
    new.replace_range(place(text)?, host);
    Some(new)
}

fn place(text: &str) -> Option<Range<usize>> {
    let lead = text.len() - text.trim_start().len();
    let start = text.find("://").map_or(lead, |at| at + "://".len());
    let rest = text.get(start..)?;
    let host = match rest.strip_prefix('[') {
        // An IPv6 address, brackets left out.
        Some(inner) => start + 1..start + 1 + inner.find(']')?,
        None => start..start + rest.find([':', '/', '?']).unwrap_or(rest.trim_end().len()),
    };
    let found = text.get(host.clone())?;
    let is_one = !found.is_empty()
        && !found.contains(|c: char| c.is_whitespace() || c == ',' || c == ';' || c == '@')
        && !text.trim().contains(char::is_whitespace);
    is_one.then_some(host)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::{host, with_host};

    #[test]
    fn the_host_alone_is_replaced() {
        let cases = [
            ("dc1.lab.test", "dc1.lab.test", "dc2"),
            ("dc1:3268", "dc1", "dc2:3268"),
            (
                "ldaps://dc1.lab.test:636/",
                "dc1.lab.test",
                "ldaps://dc2:636/",
            ),
            (
                "ldap://dc1/DC=lab,DC=test??sub",
                "dc1",
                "ldap://dc2/DC=lab,DC=test??sub",
            ),
            (" dc1\n", "dc1", " dc2\n"),
            ("ldap://[fd00::1]:389", "fd00::1", "ldap://[dc2]:389"),
        ];
        for (text, found, new) in cases {
            assert_eq!(host(text), Some(found), "{text:?}");
            assert_eq!(with_host(text, "dc2").unwrap(), new);
            assert_eq!(host(new), Some("dc2"));
        }
    }

    #[test]
    fn no_host_or_several_are_none() {
        for text in [
            "",
            " ",
            "dc1 dc2",
            "ldap://dc1 ldap://dc2",
            "dc1,dc2",
            "ldap://",
            "me@dc1",
        ] {
            assert_eq!(host(text), None, "{text:?}");
        }
    }
}
