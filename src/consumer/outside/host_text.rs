//! The host within a text such as `dc1.example.com`, `dc1:636` or `ldaps://dc1.example.com:636/`. Pure.
//!
//! # Decisions
//! - A text with a user in it is refused: an LDAP URL has none (RFC 4516 2), and its password would be kept with the
//!   cursor.

use std::net::Ipv6Addr;
use std::ops::Range;

/// Where the host stands.
struct Place {
    /// The host itself.
    host: Range<usize>,
    /// The same with the brackets around an IPv6 address, where they are.
    written: Range<usize>,
}

/// The host in the text; `None` where there is none, or more than one, or a user in front of it.
pub(super) fn host(text: &str) -> Option<&str> {
    text.get(place(text)?.host)
}

/// The text with another host; its scheme, port and the rest stay.
pub(super) fn with_host(text: &str, host: &str) -> Option<String> {
    let place = place(text)?;
    let is_address = host.parse::<Ipv6Addr>().is_ok();
    // Alone an address needs no brackets; where anything stands around it, it does.
    let is_alone = text.trim().len() == place.written.len();
    let is_bare = place.written == place.host && is_alone;
    let written = if is_address && !is_bare {
        format!("[{host}]")
    } else {
        host.to_owned()
    };
    let mut new = text.to_owned();
    new.replace_range(place.written, &written);
    Some(new)
}

/// The text as it may be shown: what stands in front of an `@` can be a user and password.
pub(super) fn shown(text: &str) -> String {
    let Some((secret, rest)) = text.rsplit_once('@') else {
        return text.to_owned();
    };
    let scheme = secret.split_once("://").map(|(scheme, _)| scheme);
    match scheme.filter(|scheme| !scheme.contains('@')) {
        Some(scheme) => format!("{scheme}://***@{rest}"),
        None => format!("***@{rest}"),
    }
}

fn place(text: &str) -> Option<Place> {
    let lead = text.len() - text.trim_start().len();
    let end = text.trim_end().len();
    let alone = text.get(lead..end)?;
    if alone.parse::<Ipv6Addr>().is_ok() {
        return Some(Place {
            host: lead..end,
            written: lead..end,
        });
    }
    let start = match alone.split_once("://") {
        Some((scheme, _)) if !is_scheme(scheme) => return None,
        Some((scheme, _)) => lead + scheme.len() + "://".len(),
        None => lead,
    };
    let rest = text.get(start..end)?;
    let place = if let Some(inner) = rest.strip_prefix('[') {
        let close = start + 1 + inner.find(']')?;
        Place {
            host: start + 1..close,
            written: start..close + 1,
        }
    } else {
        let host = start..start + rest.find([':', '/', '?']).unwrap_or(rest.len());
        Place {
            written: host.clone(),
            host,
        }
    };
    let found = text.get(place.host.clone())?;
    let parts_hosts = |c: char| c.is_whitespace() || matches!(c, ',' | ';' | '@');
    // Behind a URL's path a comma belongs to a DN. In front of it nothing but a port follows a host: anything else is
    // a second host, or the host was a user (`ldap://user:secret@dc1`).
    let tail = text.get(place.written.end..end)?;
    let is_one = !found.is_empty()
        && !found.contains(parts_hosts)
        && is_port(tail.split(['/', '?']).next().unwrap_or_default())
        && !tail.contains("://")
        && !alone.contains(char::is_whitespace);
    is_one.then_some(place)
}

fn is_scheme(text: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    !text.is_empty() && text.chars().all(is_letter)
}

/// Whether this is a port with its colon, or nothing.
fn is_port(text: &str) -> bool {
    text.is_empty()
        || text
            .strip_prefix(':')
            .is_some_and(|port| port.is_empty() || port.parse::<u16>().is_ok())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::{host, shown, with_host};

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
            ("ldap://[fd00::1]:389", "fd00::1", "ldap://dc2:389"),
            ("fd00::1", "fd00::1", "dc2"),
            ("dc1:", "dc1", "dc2:"),
            ("ldap://dc1?cn=a@b,c", "dc1", "ldap://dc2?cn=a@b,c"),
        ];
        for (text, found, new) in cases {
            assert_eq!(host(text), Some(found), "{text:?}");
            assert_eq!(with_host(text, "dc2").unwrap(), new);
            assert_eq!(host(new), Some("dc2"));
        }
    }

    #[test]
    fn an_address_is_put_in_brackets_where_it_must_be() {
        for (text, new) in [
            ("dc1", "fd00::2"),
            ("dc1:389", "[fd00::2]:389"),
            ("ldap://[fd00::1]:389/", "ldap://[fd00::2]:389/"),
            ("ldaps://dc1", "ldaps://[fd00::2]"),
            ("[fd00::1]", "[fd00::2]"),
            (" fd00::1 ", " fd00::2 "),
        ] {
            assert_eq!(with_host(text, "fd00::2").unwrap(), new);
            assert_eq!(host(new), Some("fd00::2"));
        }
    }

    #[test]
    fn what_may_be_a_password_is_not_shown() {
        for (text, seen) in [
            ("ldap://dc1:389", "ldap://dc1:389"),
            ("ldap://user:secret@dc1", "ldap://***@dc1"),
            ("ldap://u:se@cr/et@dc1 x", "ldap://***@dc1 x"),
            ("u:secret@dc1 ldap://u:secret@dc2", "***@dc2"),
        ] {
            assert_eq!(shown(text), seen);
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
            "ldap://user:secret@dc1",
            "ldap://user:se/cret@dc1",
            "ldap://user@dc1:389/",
            "dc1:636,dc2:636",
            "dc1:636;dc2:636",
            "dc1:636 dc2:636",
            "dc1,ldap://dc2",
            "ldap://dc1:389/,ldap://dc2:389/",
            "ldaps://dc1:636 ldaps://dc2:636",
            "ldap://dc1:99999",
            "ldap://[fd00::1]x:389",
            "dc1:636,dc2:636",
            "ldap://dc1:389/,ldap://dc2:389/",
            "dc1:636;dc2:636",
        ] {
            assert_eq!(host(text), None, "{text:?}");
        }
    }
}
