//! Who sits at the terminal, as the operating system knows them: approvals are bound to it.
//!
//! # Decisions
//! - The user id counts, never `$USER`, which anybody may set. Under `sudo` the person behind it counts, which only root
//!   could forge.
//! - The name is asked of the system's own `id`, which knows users of directories as well; a name that cannot be found out
//!   is `uid:N`.

use super::who::who;
use crate::on_error::Person;

/// The person at the terminal.
pub(super) async fn person() -> Person {
    let (number, name) = behind().await;
    let uid = format!("uid:{number}");
    let name = name.unwrap_or_else(|| uid.clone());
    // Kept as attempts record it, with the name that was proved.
    let host = who().split_once(" on ").map(|(_, host)| host.to_owned());
    let who = host.map_or_else(|| name.clone(), |host| format!("{name} on {host}"));
    Person { name, uid, who }
}

#[cfg(unix)]
async fn behind() -> (String, Option<String>) {
    let own = rustix::process::getuid().as_raw();
    if own == 0
        && let (Ok(name), Ok(number)) = (std::env::var("SUDO_USER"), std::env::var("SUDO_UID"))
        && number.parse::<u32>().is_ok()
        && !name.is_empty()
    {
        return (number, Some(name));
    }
    (own.to_string(), name_of(own).await)
}

#[cfg(unix)]
async fn name_of(uid: u32) -> Option<String> {
    let mut command = tokio::process::Command::new("/usr/bin/id");
    command
        .args(["-un", &uid.to_string()])
        .env_clear()
        .kill_on_drop(true);
    let bound = std::time::Duration::from_secs(5);
    let asked = tokio::time::timeout(bound, command.output())
        .await
        .ok()?
        .ok()?;
    let name = String::from_utf8(asked.stdout).ok()?.trim().to_owned();
    (asked.status.success() && !name.is_empty()).then_some(name)
}

#[cfg(not(unix))]
async fn behind() -> (String, Option<String>) {
    ("unknown".to_owned(), std::env::var("USERNAME").ok())
}
