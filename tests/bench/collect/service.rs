//! `highwater run` over many DCs: its memory and CPU, round by round, over LDAPS to forests at work.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use highwater::clock::Stopwatch;
use highwater::config::{Security, TlsTrust};
use highwater::lab::server::READER;
use highwater::store::Store;

use crate::cost;
use crate::round::wanted;
use crate::servers::{Kind, PER_FOREST, Servers, password};

/// How many lines the report has at most.
const LINES: u64 = 12;

/// The program on a configuration.
pub(crate) fn highwater(config: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_highwater"));
    command.arg("--config").arg(config);
    command
}

/// Writes a configuration with every DC, and with a resource and its cursor file for every forest.
pub(crate) fn configuration(servers: &Servers, period: &str) -> PathBuf {
    let folder = servers.folder();
    let mut text = format!(
        "[store]\npath = \"{}\"\n[collector]\nperiod = \"{period}\"\n[connection]\n",
        folder.join("highwater.db").display()
    );
    for (number, dc) in servers.dcs.iter().enumerate() {
        let forest = number / PER_FOREST;
        if number % PER_FOREST == 0 {
            let file = folder.join(format!("forest{forest}.pass"));
            private(&file, password(dc));
            writeln!(
                text,
                "[credentials.forest{forest}]\nmethod = \"simple\"\nuser = \"{READER}\"\npassword = {{ file = \"{}\" }}",
                file.display()
            )
            .unwrap();
            text.push_str(&resource(servers, number, folder));
        }
        let security = match dc.security {
            Security::Ldaps => "ldaps",
            _ => "clear, passwords readable on the network",
        };
        writeln!(
            text,
            "[dc.{}]\nhost = \"{}\"\naddress = \"127.0.0.1\"\nport = {}\nsecurity = \"{security}\"\ncredentials = \"forest{forest}\"",
            dc.name, dc.host, dc.port
        )
        .unwrap();
        if let TlsTrust::File(file) = &dc.trust {
            writeln!(text, "ca_file = \"{}\"", file.display()).unwrap();
        }
    }
    let file = folder.join("highwater.toml");
    std::fs::write(&file, text).unwrap();
    file
}

/// The resource of the forest whose first DC this is; it reads that one.
fn resource(servers: &Servers, first: usize, folder: &Path) -> String {
    let forest = first / PER_FOREST;
    let host = &servers.dcs.get(first).unwrap().host;
    let cursor = folder.join(format!("forest{forest}.json"));
    let content = format!(
        "{{\"version\":1,\"resource\":\"forest{forest}\",\"ldapHost\":\"{host}\",\"globalCatalog\":null,\
         \"invocationId\":null,\"lastUpdated\":1,\"lastDeleted\":1}}"
    );
    std::fs::write(&cursor, content).unwrap();
    let backups: Vec<String> = (first + 1..=(first + PER_FOREST).min(servers.dcs.len()))
        .map(|number| format!("\"dc{number}\""))
        .collect();
    format!(
        "[resource.forest{forest}]\nbase_contexts = [\"{}\"]\nbackup_dcs = [{}]\n[resource.forest{forest}.consumer]\n\
         kind = \"file\"\npath = \"{}\"\nposition = \"before_search\"\nstop = [\"true\"]\nstart = [\"true\"]\n",
        wanted(first).bases.remove(0),
        backups.join(", "),
        cursor.display()
    )
}

fn private(file: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(file, text).unwrap();
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// The running service, killed when this is dropped.
struct Service(Child);

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Runs the service for so many polls of every DC, and prints its memory and CPU along the way.
pub(crate) async fn watch(dcs: usize, polls: u64, period: &str) {
    let servers = Servers::start(dcs, Kind::TlsAtWork);
    let config = configuration(&servers, period);
    let store = Store::open(&servers.folder().join("highwater.db"))
        .await
        .unwrap();
    println!(
        "highwater run: {dcs} DCs over LDAPS, {} resources, a poll every {period}",
        dcs.div_ceil(PER_FOREST)
    );
    println!(
        "{:>8} {:>10} {:>11} {:>11} {:>10} {:>16}",
        "polls", "seconds", "RSS MB", "most MB", "CPU s", "failed polls"
    );
    let watch = Stopwatch::start();
    let mut command = highwater(&config);
    // As the systemd unit has it.
    command.env("MALLOC_ARENA_MAX", "1");
    let child = command
        .arg("run")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut service = Service(child.spawn().unwrap());
    let process = service.0.id();
    let mut next = 1;
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert!(service.0.try_wait().unwrap().is_none(), "the service ended");
        let counts = store.sample_counts().await.unwrap();
        let done = counts.values().sum::<u64>() / u64::try_from(dcs).unwrap();
        if done < next {
            continue;
        }
        let mut failed = 0;
        for dc in counts.keys() {
            let all = store.failures(dc, highwater::model::UtcMs::from_millis(0), 1_000);
            failed += all.await.unwrap().len();
        }
        println!(
            "{done:>8} {:>10.0} {:>11.1} {:>11.1} {:>10.1} {failed:>16}",
            watch.elapsed().as_secs_f64(),
            megabytes(process, "VmRSS:"),
            megabytes(process, "VmHWM:"),
            cost::cpu_of(process).as_secs_f64()
        );
        if done >= polls {
            return;
        }
        next = (done + polls.div_ceil(LINES)).min(polls);
    }
}

/// A figure of proc_pid_status(5), in MB (10^6 bytes).
fn megabytes(process: u32, name: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    let kib: u32 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    f64::from(kib) * 1024.0 / 1e6
}
