//! The configuration: raw TOML in, checked settings out.
//!
//! Owns the file's shape, its checks and where secrets come from. It opens no connection and no database.

mod settings;

pub use settings::{
    Collector, Consumer, ConsumerKind, Credentials, DcSettings, Position, ResourceSettings,
    Security, Settings, Timeouts, TlsTrust,
};
