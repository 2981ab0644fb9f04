//! Gives the process the environment the Kerberos library reads its keytab and cache from.
//!
//! # Decisions
//! - The library reads two variables and nothing else, and a running program cannot set variables safely: the
//!   program starts itself again with them, once, under the same process id.

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::CliError;
use crate::config::{Credentials, Settings};
use crate::directory::kerberos_environment;

/// Returns where the environment is right; otherwise starts the program again with it.
pub(super) fn prepare(settings: &Settings) -> Result<(), CliError> {
    let wanted = wanted(settings)?;
    if is_set(&wanted) {
        return Ok(());
    }
    Err(CliError::failed(
        "cannot start again with the keytab and cache",
        start_again(&wanted),
    ))
}

/// Refuses settings that would need another environment than the running program's.
pub(super) fn unchanged(settings: &Settings) -> Result<(), CliError> {
    if is_set(&wanted(settings)?) {
        return Ok(());
    }
    let what = "another keytab or cache is named than this process was started with: restart it";
    Err(CliError::Usage(what.to_owned()))
}

fn is_set(wanted: &BTreeMap<&'static str, OsString>) -> bool {
    wanted
        .iter()
        .all(|(name, value)| std::env::var_os(name).as_ref() == Some(value))
}

/// The variables the settings need.
fn wanted(settings: &Settings) -> Result<BTreeMap<&'static str, OsString>, CliError> {
    let mut wanted: BTreeMap<&'static str, OsString> = BTreeMap::new();
    for dc in settings.dcs.values() {
        let Credentials::Gssapi { keytab, ccache, .. } = &dc.credentials else {
            continue;
        };
        let needed = kerberos_environment(keytab.as_deref(), ccache.as_deref());
        if wanted
            .iter()
            .any(|(name, value)| needed.get(name).is_some_and(|other| other != value))
        {
            let what = format!(
                "[dc.{}] needs another keytab or cache than a DC before it: one process has one of each; use the same \
                 [credentials] for all DCs that are read with Kerberos",
                dc.name
            );
            return Err(CliError::Usage(what));
        }
        wanted.extend(needed);
    }
    Ok(wanted)
}

#[cfg(unix)]
fn start_again(environment: &BTreeMap<&'static str, OsString>) -> std::io::Error {
    use std::os::unix::process::CommandExt as _;
    match std::env::current_exe() {
        Ok(program) => std::process::Command::new(program)
            .args(std::env::args_os().skip(1))
            .envs(environment)
            .exec(),
        Err(error) => error,
    }
}

#[cfg(not(unix))]
fn start_again(_: &BTreeMap<&'static str, OsString>) -> std::io::Error {
    std::io::Error::other("set KRB5_CLIENT_KTNAME and KRB5CCNAME for this program yourself")
}
