//! The others: `ldapsearch`, python-ldap and go-ldap, with pages as large as ours.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::attributes::PLAIN;
use super::process::{self, Cost};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bench/reading");
/// Where Debian keeps the sources of Go libraries.
const GO_SOURCES: &str = "/usr/share/gocode";

/// What all clients read, and as whom.
pub(crate) struct Source {
    pub(crate) url: String,
    pub(crate) user: &'static str,
    pub(crate) password: &'static str,
    pub(crate) base: &'static str,
    pub(crate) filter: &'static str,
}

/// A client, and what its rounds took.
pub(crate) struct Peer {
    pub(crate) what: String,
    command: Option<Command>,
    /// Why there is none.
    pub(crate) missing: Option<String>,
    pub(crate) rounds: Vec<Cost>,
}

impl Peer {
    /// A client that prints how many entries it has read on a line of its own, where its output is piped.
    pub(crate) fn of(what: &str, command: Command) -> Self {
        Self {
            what: what.to_owned(),
            command: Some(command),
            missing: None,
            rounds: Vec::new(),
        }
    }

    fn missing(what: &str, why: impl Into<String>) -> Self {
        Self {
            what: what.to_owned(),
            command: None,
            missing: Some(why.into()),
            rounds: Vec::new(),
        }
    }

    /// Reads everything once.
    pub(crate) fn round(&mut self, users: usize) {
        if let Some(command) = &mut self.command {
            let (cost, printed) = process::run(command);
            assert!(
                printed.is_empty() || printed.lines().any(|line| line == users.to_string()),
                "{}: {printed}",
                self.what
            );
            self.rounds.push(cost);
        }
    }

    /// Its quickest round.
    pub(crate) fn best(&self) -> Option<Cost> {
        self.rounds.iter().copied().min_by_key(|cost| cost.wall)
    }
}

/// With these controls besides that of the pages, by their OIDs.
pub(crate) fn ldapsearch(
    what: &str,
    source: &Source,
    attributes: &[&str],
    controls: &[&str],
) -> Peer {
    if !succeeds(Command::new("ldapsearch").arg("-VV")) {
        return Peer::missing(what, "not installed (Debian: ldap-utils)");
    }
    let mut command = Command::new("ldapsearch");
    command
        .args(["-LLL", "-x", "-D", source.user, "-w", source.password])
        .args(["-b", source.base, "-H", &source.url])
        .args(["-E", "pr=1000/noprompt"])
        .args(controls.iter().flat_map(|control| ["-E", control]))
        .arg(source.filter)
        .args(attributes)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    Peer::of(what, command)
}

pub(crate) fn python(source: &Source) -> Peer {
    let what = "python-ldap";
    let interpreters = ["/usr/bin/python3", "python3"];
    let found = interpreters
        .iter()
        .find(|python| succeeds(Command::new(python).args(["-c", "import ldap.controls.libldap"])));
    match found {
        Some(python) => {
            let mut command = Command::new(python);
            command.arg(Path::new(FOLDER).join("peer.py"));
            Peer::of(what, with_arguments(command, source))
        }
        None => Peer::missing(what, "not installed (Debian: python3-ldap)"),
    }
}

pub(crate) fn go(source: &Source) -> Peer {
    match build_go() {
        Ok(program) => Peer::of("go-ldap", with_arguments(Command::new(program), source)),
        Err(why) => Peer::missing("go-ldap", why),
    }
}

fn with_arguments(mut command: Command, source: &Source) -> Command {
    command
        .args([
            &source.url,
            source.user,
            source.password,
            source.base,
            source.filter,
        ])
        .args(PLAIN)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    command
}

/// Builds the Go client with Debian's library, else with the module; or why neither can be.
fn build_go() -> Result<PathBuf, String> {
    if !succeeds(Command::new("go").arg("version")) {
        return Err("no Go compiler (Debian: golang-go)".to_owned());
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("go-peer");
    std::fs::create_dir_all(&folder).unwrap();
    let source = folder.join("main.go");
    std::fs::copy(Path::new(FOLDER).join("peer.go"), &source).unwrap();
    let program = folder.join("peer");
    let go = |arguments: &[&str]| {
        let mut command = Command::new("go");
        command.current_dir(&folder).args(arguments);
        command
    };
    if Path::new(GO_SOURCES)
        .join("src/github.com/go-ldap/ldap")
        .exists()
    {
        let mut build = go(&["build", "-o", "peer", "main.go"]);
        if succeeds(build.env("GO111MODULE", "off").env("GOPATH", GO_SOURCES)) {
            return Ok(program);
        }
    }
    let made = folder.join("go.mod").exists() || succeeds(&mut go(&["mod", "init", "peer"]));
    if made
        && succeeds(&mut go(&["mod", "tidy"]))
        && succeeds(&mut go(&["build", "-o", "peer", "."]))
    {
        return Ok(program);
    }
    Err("go-ldap is neither installed (Debian: golang-github-go-ldap-ldap-dev) nor to be had as a module".to_owned())
}

fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
