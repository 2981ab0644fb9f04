//! All LDAP: the only place that knows the LDAP library.
pub mod decode;

mod connect;
mod entry;
mod error;
mod gssapi;
mod refusal;
mod search;
mod session;
mod socket;
mod tls;

pub use connect::Port;
pub use entry::Entry;
pub use error::DirectoryError;
pub use gssapi::kerberos_environment;
pub use search::{Control, Query, Scope, filter_value};
pub use session::{Pages, Session};
