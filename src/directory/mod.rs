//! All LDAP: the only place that knows the LDAP library.
//!
//! Owns the way to a DC ([`Session`]), what is read there ([`read_facts`], [`identify`]; for a feed what a [`ChangeSource`]
//! answers), how its values are decoded ([`decode`], pure), which DCs there are ([`discover_directory`], [`discover_dns`])
//! and what an account may do ([`check`], [`check_feed`]). It never writes to AD
//! (the one write, [`Session::modify`], is for the entry in which another product keeps its cursor), keeps nothing between
//! calls, and judges nothing: what a reading means for a cursor is decided elsewhere. No type of the LDAP library leaves it.
//!
//! # Decisions
//! - Every wait has a bound, the library's and one of ours, since the library waits for ever unless told.
//! - Every failure is a [`DirectoryError`] with a stable kind and one line that tells cause and cure.

pub mod decode;

mod access;
mod changes;
mod connect;
mod discover;
mod draft;
mod entry;
mod error;
mod feed_access;
mod gssapi;
mod identify;
mod membership;
mod modify;
mod position;
mod projection;
mod read;
mod refusal;
mod schema;
mod search;
mod session;
mod socket;
mod source;
mod tls;

pub use access::{Access, Grant, Verdict, check, check_access};
pub use changes::{ChangeQuery, Target};
pub use connect::Port;
pub use discover::{
    DirectoryDc, Discovered, DnsError, discover_directory, discover_dns, merge_discovered,
};
pub use draft::Reading;
pub use entry::Entry;
pub use error::DirectoryError;
pub use feed_access::{check_feed, check_feed_access};
pub use gssapi::kerberos_environment;
pub use identify::{RootDse, identify, read_root};
pub use modify::{Modified, Replacement};
pub use position::{Position, read_position};
pub use projection::{Projection, ProjectionError};
pub use read::{Wanted, read_facts};
pub use search::{Control, Query, Scope, filter_value};
pub use session::{Pages, Session};
pub use source::{ChangePage, ChangeSource, Directory, Ldap, PageMark, Search};
pub use tls::{TlsProblem, trusting};

#[cfg(test)]
mod wire;
