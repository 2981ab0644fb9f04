//! A first load through `highwater sync --once`: everything a simulated forest holds, judged, stored, and delivered into a
//! file and to standard output, both synced where they can be.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use highwater::clock;
use highwater::lab::forest::{Forest, Shape};
use highwater::lab::server::{Lab, READER};
use secrecy::ExposeSecret as _;

use crate::directory::TIMEOUTS;
use crate::process;

/// The argument that makes this program the forest; how many users it has follows.
pub(crate) const CHILD: &str = "--forest";
const ROUNDS: usize = 3;

/// The forest as a process of its own, killed when this is dropped.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Serves a forest with so many users until standard input ends; prints host, port and password.
pub(crate) fn serve(users: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let shape = Shape {
            users,
            groups: users / 20,
            ..Shape::of(1)
        };
        let forest = Forest::new(1, &shape, clock::now().as_millis()).unwrap();
        let lab = Lab::start(forest, None).unwrap();
        let dc = lab.settings(0, TIMEOUTS).unwrap();
        let highwater::config::Credentials::Simple { password, .. } = &dc.credentials else {
            return;
        };
        println!("{} {} {}", dc.host, dc.port, password.expose_secret());
        let ended = tokio::task::spawn_blocking(|| std::io::stdin().read(&mut [0]));
        drop(ended.await);
    });
}

/// Loads a forest with so many users into a new store, several times, and prints what each load took.
pub(crate) fn measure(users: usize) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([CHILD, &users.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let server = Server(child);
    let line = lines.next().unwrap().unwrap();
    println!(
        "a first load of a simulated forest with {users} users, through `highwater sync --once`"
    );
    for _ in 0..ROUNDS {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let config = configuration(folder.path(), &line);
        let mut command = Command::new(env!("CARGO_BIN_EXE_highwater"));
        command
            .args(["--quiet", "--config"])
            .arg(&config)
            .args(["sync", "hr", "--once"])
            // As the systemd unit has it.
            .env("MALLOC_ARENA_MAX", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let (cost, _) = process::run(&mut command);
        let delivered = std::fs::read_to_string(folder.path().join("events.jsonl")).unwrap();
        let events = u32::try_from(delivered.lines().count()).unwrap();
        let wall = cost.wall.as_secs_f64();
        println!(
            "{events} events, {:.1} KB each: {wall:.2} s, {:.0} events/s, CPU {:.2} s, {:.0} us an event, most {:.0} MB, \
             store {:.1} MB",
            f64::from(u32::try_from(delivered.len()).unwrap()) / f64::from(events) / 1e3,
            f64::from(events) / wall,
            cost.cpu.as_secs_f64(),
            cost.cpu.as_secs_f64() * 1e6 / f64::from(events),
            cost.megabytes,
            f64::from(u32::try_from(size(&folder.path().join("highwater.db"))).unwrap()) / 1e6,
        );
    }
    drop(server);
}

fn size(file: &Path) -> u64 {
    std::fs::metadata(file).unwrap().len()
}

fn configuration(folder: &Path, line: &str) -> std::path::PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let mut words = line.split(' ');
    let mut next = || words.next().unwrap();
    let (host, port, password) = (next(), next(), next());
    let secret = folder.join("password");
    std::fs::write(&secret, password).unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    let folder = folder.display();
    let text = format!(
        "[store]\npath = \"{folder}/highwater.db\"\n[credentials.reader]\nmethod = \"simple\"\nuser = \"{READER}\"\n\
         password = {{ file = \"{folder}/password\" }}\n[dc.dc1]\nhost = \"{host}\"\naddress = \"127.0.0.1\"\n\
         port = {port}\nsecurity = \"clear, passwords readable on the network\"\ncredentials = \"reader\"\n\
         [resource.hr]\nbase_contexts = [\"DC=sim,DC=test\"]\nbackup_dcs = [\"dc1\"]\n[resource.hr.consumer]\n\
         kind = \"builtin\"\n[resource.hr.feed.sink.file]\nkind = \"file\"\npath = \"{folder}/events.jsonl\"\n"
    );
    let file = secret.with_file_name("highwater.toml");
    std::fs::write(&file, text).unwrap();
    file
}
