//! The files to begin with.

use clap::ValueEnum;

use crate::config;

/// What every small configuration begins with.
const HEAD: &str = include_str!("../../../templates/presets/head.toml");

/// A file to begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Example {
    /// The configuration, with every key and its default
    Config,
    /// The systemd unit of the service
    Service,
    /// The systemd unit of the collector task alone
    CollectService,
    /// The systemd timer that starts it
    CollectTimer,
}

impl Example {
    /// The file.
    pub fn text(self) -> &'static str {
        match self {
            Self::Config => config::EXAMPLE,
            Self::Service => include_str!("../../../templates/highwater.service"),
            Self::CollectService => include_str!("../../../templates/highwater-collect.service"),
            Self::CollectTimer => include_str!("../../../templates/highwater-collect.timer"),
        }
    }
}

/// A known product, by the name of its preset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Preset {
    /// OpenIDM and PingIDM
    Openidm,
    /// Apache Syncope
    Syncope,
    /// midPoint 4.4 and newer
    Midpoint,
    /// The AD connector of Univention Corporate Server
    Ucs,
    /// IBM Tivoli Directory Integrator
    Tdi,
    /// A script with its last USN in a file
    Script,
}

impl Preset {
    /// A small configuration whose sync is this product.
    pub fn text(self) -> String {
        let consumer = match self {
            Self::Openidm => include_str!("../../../templates/presets/openidm.toml"),
            Self::Syncope => include_str!("../../../templates/presets/syncope.toml"),
            Self::Midpoint => include_str!("../../../templates/presets/midpoint.toml"),
            Self::Ucs => include_str!("../../../templates/presets/ucs.toml"),
            Self::Tdi => include_str!("../../../templates/presets/tdi.toml"),
            Self::Script => include_str!("../../../templates/presets/script.toml"),
        };
        format!("{HEAD}{consumer}")
    }
}
