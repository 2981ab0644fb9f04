//! Who gives an order: kept with every attempt.

/// The operating-system user and host, such as `root on sync1`; what cannot be found out is left out.
pub(super) fn who() -> String {
    let named = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let user = named("SUDO_USER").map(|user| format!("{user} (sudo)"));
    let user = user
        .or_else(|| named("USER"))
        .or_else(|| named("USERNAME"))
        .unwrap_or_else(uid);
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| named("COMPUTERNAME"));
    match host
        .map(|host| host.trim().to_owned())
        .filter(|host| !host.is_empty())
    {
        Some(host) => format!("{user} on {host}"),
        None => user,
    }
}

#[cfg(unix)]
fn uid() -> String {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").map_or_else(
        |_| "unknown user".to_owned(),
        |own| format!("uid {}", own.uid()),
    )
}

#[cfg(not(unix))]
fn uid() -> String {
    "unknown user".to_owned()
}
