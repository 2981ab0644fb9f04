//! Names: of DCs and resources as configured, and distinguished names as AD compares them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A name that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// A DC or resource name with other characters, empty or too long.
    #[error(
        "`{0}` is no usable name: 1 to 64 letters, digits, `.`, `_` or `-`, beginning with a letter or digit"
    )]
    Short(String),
    /// Not a distinguished name.
    #[error("`{0}` is no distinguished name: write it like OU=People,DC=example,DC=com")]
    Dn(String),
}

/// A short name, as DCs, resources and sinks have it: 1 to 64 letters, digits, `.`, `_` or `-`.
pub fn short_name(text: &str) -> Result<String, NameError> {
    let usable = (1..=64).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    if usable {
        Ok(text.to_owned())
    } else {
        Err(NameError::Short(text.chars().take(80).collect()))
    }
}

macro_rules! short_name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                short_name(text).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

short_name! {
    /// The name of a DC in the configuration, such as `dc1`; history and samples hang on it.
    DcName
}
short_name! {
    /// The name of a resource in the configuration, such as `hr`.
    ResourceName
}

/// A distinguished name, kept as written; compared and ordered without case or blanks around separators.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Dn {
    written: String,
    folded: String,
}

impl Dn {
    /// The name as it was written.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// The form that compares: lower case, no blanks around `,` and `=`.
    pub fn folded(&self) -> &str {
        &self.folded
    }

    /// Whether this name is `ancestor` or lies below it.
    pub fn is_within(&self, ancestor: &Dn) -> bool {
        self.folded == ancestor.folded
            || self
                .folded
                .strip_suffix(&ancestor.folded)
                .is_some_and(|head| head.ends_with(','))
    }
}

fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    let mut escaped = false;
    for c in text.trim().chars() {
        let separator = !escaped && matches!(c, ',' | '=');
        if separator {
            folded.truncate(folded.trim_end_matches(' ').len());
        } else if c == ' ' && !escaped && (folded.ends_with(',') || folded.ends_with('=')) {
            continue;
        }
        escaped = c == '\\' && !escaped;
        folded.extend(c.to_lowercase());
    }
    folded
}

impl FromStr for Dn {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let folded = fold(text);
        let shaped = folded
            .split(',')
            .next()
            .is_some_and(|rdn| rdn.find('=').is_some_and(|at| at > 0));
        if shaped {
            Ok(Self {
                written: text.trim().to_owned(),
                folded,
            })
        } else {
            Err(NameError::Dn(text.chars().take(120).collect()))
        }
    }
}

impl TryFrom<String> for Dn {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<Dn> for String {
    fn from(dn: Dn) -> String {
        dn.written
    }
}

impl fmt::Display for Dn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.written)
    }
}

impl PartialEq for Dn {
    fn eq(&self, other: &Self) -> bool {
        self.folded == other.folded
    }
}

impl Eq for Dn {}

impl PartialOrd for Dn {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Dn {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.folded.cmp(&other.folded)
    }
}
