//! Wall time, CPU and memory of one process, and the table of them.

use std::process::Command;
use std::time::Duration;

use highwater::clock::Stopwatch;

use super::peers::Peer;

/// How often the memory of a running process is looked at; its peak never falls, so only its last growth can be missed.
const LOOK: Duration = Duration::from_millis(5);

/// What one run of a process took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) wall: Duration,
    /// User and system.
    pub(crate) cpu: Duration,
    /// The most memory it had resident, in 10^6 bytes.
    pub(crate) megabytes: f64,
}

/// Runs a process to its end, which must be a good one, and gives what it printed where that is piped.
pub(crate) fn run(command: &mut Command) -> (Cost, String) {
    let before = children_cpu();
    let wall = Stopwatch::start();
    let mut child = command.spawn().unwrap();
    let mut megabytes: f64 = 0.0;
    let status = loop {
        if let Some(peak) = peak(child.id()) {
            megabytes = megabytes.max(peak);
        }
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        std::thread::sleep(LOOK);
    };
    let wall = wall.elapsed();
    assert!(status.success(), "{command:?}: {status}");
    let cpu = children_cpu().saturating_sub(before);
    let printed = child
        .stdout
        .take()
        .map(|out| std::io::read_to_string(out).unwrap());
    (
        Cost {
            wall,
            cpu,
            megabytes,
        },
        printed.unwrap_or_default(),
    )
}

/// The CPU of the children that have ended, cutime and cstime (proc(5)), in steps of 10 ms.
fn children_cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    // The name in parentheses may hold blanks; cutime is the 14th field after it.
    let (_, rest) = stat.rsplit_once(") ").unwrap();
    let ticks = rest.split(' ').skip(13).take(2);
    let ticks: u64 = ticks.map(|field| field.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

/// `VmHWM` of proc_pid_status(5); `None` once the process has ended.
fn peak(process: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: u32 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(f64::from(kib) * 1024.0 / 1e6)
}

/// The table: of each client its quickest round.
pub(crate) fn print(peers: &[Peer], users: usize) {
    println!(
        "{:<50} {:>7} {:>7} {:>10} {:>7}  walls of all rounds",
        "client", "wall s", "CPU s", "entries/s", "most MB"
    );
    for peer in peers {
        let Some(cost) = peer.best() else {
            println!(
                "{:<50} MISSING: {}",
                peer.what,
                peer.missing.as_deref().unwrap_or("?")
            );
            continue;
        };
        let wall = cost.wall.as_secs_f64();
        let per_second = f64::from(u32::try_from(users).unwrap()) / wall;
        let walls: Vec<String> = peer
            .rounds
            .iter()
            .map(|cost| format!("{:.2}", cost.wall.as_secs_f64()))
            .collect();
        println!(
            "{:<50} {wall:>7.2} {:>7.2} {per_second:>10.0} {:>7.1}  {}",
            peer.what,
            cost.cpu.as_secs_f64(),
            cost.megabytes,
            walls.join(" ")
        );
    }
}
