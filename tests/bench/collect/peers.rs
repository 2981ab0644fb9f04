//! The same round by others: two LDAP libraries of Python, `ldapsearch`, and `highwater collect` as a process.
//!
//! # Decisions
//! - A peer library is looked for in the system's Python; where it is not, it is put into an environment of its own
//!   below the build folder. What cannot be had is a row that says so.
//! - `ldapsearch` reads the rootDSE alone, one of the six reads of a poll: a process cannot follow what it read.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::cost::{Cost, Row, Watch};
use crate::round::wanted;
use crate::servers::{Servers, password};
use crate::{CONCURRENCY, service};

const PEER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bench/collect/peer.py");
const ROUNDS: usize = 3;
/// Python's own lock lets more threads do no good.
const THREADS: &str = "8";

pub(crate) async fn all(servers: &Servers) -> Vec<Row> {
    vec![
        one_shot(servers),
        python(servers, "python-ldap", "ldap"),
        python(servers, "ldap3", "ldap3"),
        ldapsearch(servers).await,
    ]
}

/// `highwater collect` as cron would start it: connects to every DC anew.
fn one_shot(servers: &Servers) -> Row {
    let config = service::configuration(servers, "1h");
    let rounds: Vec<Cost> = (0..ROUNDS)
        .map(|_| {
            let watch = Watch::start(servers);
            let output = output(service::highwater(&config).args(["-o", "json", "collect"]));
            assert!(output.status.success(), "{output:?}");
            watch.stop(servers)
        })
        .collect();
    Row::of("highwater collect, one process, connects anew", &rounds)
}

fn output(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().unwrap()
}

/// Rounds by a Python library over open connections.
fn python(servers: &Servers, library: &str, module: &str) -> Row {
    let what = format!("Python {library}, open connections, {THREADS} threads");
    let interpreter = match interpreter(library, module) {
        Ok(interpreter) => interpreter,
        Err(why) => return Row::missing(&what, why),
    };
    let mut lines = String::new();
    for (number, dc) in servers.dcs.iter().enumerate() {
        let base = wanted(number).bases.remove(0);
        writeln!(lines, "{} {} {} {base}", dc.host, dc.port, password(dc)).unwrap();
    }
    let mut child = Command::new(interpreter)
        .args([PEER, library, &ROUNDS.to_string(), THREADS])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(lines.as_bytes()).unwrap();
    drop(input);
    let before = servers.cpu();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let share = servers.cpu().saturating_sub(before) / u32::try_from(ROUNDS).unwrap();
    let rounds: Vec<Cost> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| {
            let (wall, cpu) = line.split_once(' ').unwrap();
            Cost {
                wall: Duration::from_secs_f64(wall.parse().unwrap()),
                client: Duration::from_secs_f64(cpu.parse().unwrap()),
                servers: share,
            }
        })
        .collect();
    Row::of(&what, &rounds)
}

/// A Python that has the module, installed where none has and the index can be reached; else why there is none.
fn interpreter(package: &str, module: &str) -> Result<PathBuf, String> {
    let environment = Path::new(env!("CARGO_TARGET_TMPDIR")).join("peers");
    let own = environment.join("bin/python");
    for python in [
        own.as_path(),
        "/usr/bin/python3".as_ref(),
        "python3".as_ref(),
    ] {
        if succeeds(Command::new(python).args(["-c", &format!("import {module}")])) {
            return Ok(python.to_owned());
        }
    }
    if !own.exists()
        && !succeeds(
            Command::new("python3")
                .args(["-m", "venv"])
                .arg(&environment),
        )
    {
        return Err("no Python 3 that can make an environment (python3-venv)".to_owned());
    }
    let mut pip = Command::new(&own);
    if succeeds(pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        package,
    ])) {
        return Ok(own);
    }
    Err(format!(
        "neither installed (Debian: python3-{module}) nor to be had from PyPI"
    ))
}

fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// A process per DC, as many at once as we poll.
async fn ldapsearch(servers: &Servers) -> Row {
    let what = "ldapsearch, a process per DC, reads the rootDSE alone";
    if !succeeds(Command::new("ldapsearch").arg("-VV")) {
        return Row::missing(what, "not installed (Debian: ldap-utils)");
    }
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let watch = Watch::start(servers);
        let permits = Arc::new(Semaphore::new(CONCURRENCY));
        let mut running = JoinSet::new();
        for dc in &servers.dcs {
            let mut command = tokio::process::Command::new("ldapsearch");
            let url = format!("ldap://127.0.0.1:{}", dc.port);
            command
                .args(["-LLL", "-x", "-H", &url, "-D", "reader@sim.test"])
                .args(["-w", password(dc), "-s", "base", "-b", ""])
                .args(["highestCommittedUSN", "dsServiceName"])
                .stdin(Stdio::null());
            let permits = Arc::clone(&permits);
            running.spawn(async move {
                let _permit = permits.acquire_owned().await.unwrap();
                let output = command.output().await.unwrap();
                assert!(output.status.success(), "{output:?}");
            });
        }
        running.join_all().await;
        rounds.push(watch.stop(servers));
    }
    Row::of(what, &rounds)
}
