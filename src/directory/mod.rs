//! All LDAP: the only place that knows the LDAP library.
pub mod decode;

mod access;
mod connect;
mod discover;
mod entry;
mod error;
mod gssapi;
mod identify;
mod read;
mod refusal;
mod search;
mod session;
mod socket;
mod tls;

pub use access::{Access, Grant, Verdict, check, check_access};
pub use connect::Port;
pub use discover::{
    DirectoryDc, Discovered, DnsError, discover_directory, discover_dns, merge_discovered,
};
pub use entry::Entry;
pub use error::DirectoryError;
pub use gssapi::kerberos_environment;
pub use identify::{RootDse, identify, read_root};
pub use read::{Wanted, read_facts};
pub use search::{Control, Query, Scope, filter_value};
pub use session::{Pages, Session};

#[cfg(test)]
mod wire;
