//! The machines and what can happen to them: a wrapper of the script `lab` beside this file.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::process::{Outcome, Running, command, run, until};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/samba/lab");

/// All domain controllers of the lab.
pub(crate) const DCS: [&str; 3] = ["dc1", "dc2", "dc3"];

/// The client's view, from which LDAP is spoken.
pub(crate) const CLIENT: &str = "cl";

/// One lab at a time: a scenario holds this while its lab stands.
static TURN: Mutex<()> = Mutex::new(());

/// A running lab; taken down when dropped.
#[derive(Debug)]
pub(crate) struct Lab {
    folder: PathBuf,
    prefix: String,
    scratch: tempfile::TempDir,
    _turn: MutexGuard<'static, ()>,
}

/// The fully qualified name of a DC.
pub(crate) fn host(dc: &str) -> String {
    format!("{dc}.lab.test")
}

/// A file beside this one.
pub(crate) fn script(name: &str) -> String {
    format!("{}/tests/samba/{name}", env!("CARGO_MANIFEST_DIR"))
}

impl Lab {
    /// Waits for its turn and brings up a fresh lab with healthy replication; what an earlier run left is removed.
    ///
    /// `LAB` and `LABP` choose where, as the script says; the defaults here differ from the script's, so that a lab
    /// somebody plays with is left alone.
    pub(crate) fn fresh() -> Self {
        // a scenario that panicked has dropped its lab: the turn is free all the same
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let or =
            |name: &str, default: &str| std::env::var(name).unwrap_or_else(|_| default.to_owned());
        let folder = PathBuf::from(or("LAB", "/dev/shm/highwater-test"));
        let prefix = or("LABP", "hwt");
        let scratch = tempfile::tempdir().unwrap();
        let lab = Self {
            folder,
            prefix,
            scratch,
            _turn: turn,
        };
        // A build meanwhile puts another program in its place, which does not open the store of this one.
        std::fs::copy(env!("CARGO_BIN_EXE_highwater"), lab.program()).unwrap();
        lab.script(&["down"]);
        lab.script(&["up"]);
        lab
    }

    /// The program under test, for as long as the lab stands.
    pub(crate) fn program(&self) -> String {
        let path = self.scratch.path().join("highwater");
        path.to_str().unwrap().to_owned()
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = command(SCRIPT, words);
        command.env("LAB", &self.folder).env("LABP", &self.prefix);
        command
    }

    /// Runs a subcommand of the script; panics when it fails.
    fn script(&self, words: &[&str]) {
        run(self.command(words)).success();
    }

    /// The state folder of the lab: `ca/ca.pem`, `ca/other-ca.pem`, `reader.keytab`, and each DC's `log`.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A folder for the scenario's own files, removed with the lab.
    pub(crate) fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    fn view(&self, machine: &str, words: &[&str]) -> Command {
        self.command(&[&["exec", machine], words].concat())
    }

    /// Runs a command in a machine's view to its end.
    pub(crate) fn exec(&self, machine: &str, words: &[&str]) -> Outcome {
        run(self.view(machine, words))
    }

    /// Starts a command in a machine's view; signals reach the command itself.
    pub(crate) fn spawn(&self, machine: &str, name: &str, words: &[&str]) -> Running {
        Running::start(self.view(machine, words), self.scratch(), name)
    }

    /// Runs the highwater under test in the client's view.
    pub(crate) fn highwater(&self, words: &[&str]) -> Outcome {
        self.exec(CLIENT, &[&[self.program().as_str()], words].concat())
    }

    /// Crashes a DC: SIGKILL to all of it.
    pub(crate) fn kill(&self, dc: &str) {
        self.script(&["sig", "KILL", dc]);
    }

    /// Hangs a DC: it accepts connections and never answers.
    pub(crate) fn pause(&self, dc: &str) {
        self.script(&["sig", "STOP", dc]);
    }

    /// Ends [`Lab::pause`].
    pub(crate) fn resume(&self, dc: &str) {
        self.script(&["sig", "CONT", dc]);
    }

    /// Pulls a DC's network cable.
    pub(crate) fn cut(&self, dc: &str) {
        self.script(&["cut", dc]);
    }

    /// Plugs it in again.
    pub(crate) fn mend(&self, dc: &str) {
        self.script(&["mend", dc]);
    }

    /// Cuts all DCs off from each other; clients reach them as before.
    pub(crate) fn split(&self) {
        for dc in DCS {
            let others = DCS.iter().filter(|other| **other != dc);
            let others: Vec<String> = others
                .map(|other| format!("10.99.0.1{}", &other[2..]))
                .collect();
            let rules = format!(
                "table inet split {{ chain input {{ type filter hook input priority 0; ip saddr {{ {} }} drop; }}; }}",
                others.join(", ")
            );
            self.exec(dc, &["nft", &rules]).success();
        }
    }

    /// Ends [`Lab::split`], where there is one.
    pub(crate) fn join(&self) {
        for dc in DCS {
            self.exec(
                dc,
                &["nft", "add table inet split; delete table inet split"],
            )
            .success();
        }
    }

    /// Starts a DC and waits until it answers.
    pub(crate) fn start(&self, dc: &str) {
        self.script(&["start", dc]);
    }

    /// Stops a DC in good order.
    pub(crate) fn stop(&self, dc: &str) {
        self.script(&["stop", dc]);
    }

    /// Keeps a copy of a stopped DC's database.
    pub(crate) fn save(&self, dc: &str) {
        self.script(&["save", dc]);
    }

    /// Puts the copy of a stopped DC back: a USN rollback.
    pub(crate) fn restore(&self, dc: &str) {
        self.script(&["restore", dc]);
    }

    /// Gives a stopped DC a new invocationId: with [`Lab::restore`] before it, a supported restore.
    pub(crate) fn new_invocation(&self, dc: &str) {
        self.script(&["newinv", dc]);
    }

    /// A file that adds contacts below OU=Lab.
    fn contacts(&self, names: &[&str]) -> String {
        let entry = |name| format!("dn: CN={name},OU=Lab,DC=lab,DC=test\nobjectClass: contact\n\n");
        let file = self.scratch().join("contacts.ldif");
        std::fs::write(&file, names.iter().map(entry).collect::<String>()).unwrap();
        file.to_str().unwrap().to_owned()
    }

    /// Adds contacts below OU=Lab on a running DC.
    pub(crate) fn add(&self, dc: &str, names: &[&str]) {
        let (url, file) = (format!("ldaps://{}", host(dc)), self.contacts(names));
        let bind = [
            "ldapadd",
            "-x",
            "-D",
            "administrator@LAB.TEST",
            "-w",
            "Passw0rd.Lab1",
        ];
        self.exec(CLIENT, &[&bind[..], &["-H", &url, "-f", &file]].concat())
            .success();
    }

    /// Adds contacts below OU=Lab to a stopped DC's database, as its own writes: they are there before any partner is.
    pub(crate) fn add_offline(&self, dc: &str, names: &[&str]) {
        let file = self.contacts(names);
        self.exec(
            dc,
            &["ldbadd", "-H", "/var/lib/samba/private/sam.ldb", &file],
        )
        .success();
    }

    /// Lets a stopped DC present a certificate of the `lab`'s CA, or of the `other` one (dc2 only).
    pub(crate) fn certificate(&self, dc: &str, authority: &str) {
        self.script(&["cert", dc, authority]);
    }

    /// Waits until every DC has replicated with every other and none reports an error.
    pub(crate) fn mesh(&self) {
        self.script(&["mesh"]);
    }

    /// Whether these DCs hold the same below OU=Lab.
    pub(crate) fn agree(&self, dcs: &[&str]) -> bool {
        let hosts: Vec<String> = dcs.iter().map(|dc| host(dc)).collect();
        let sync = script("sync.py");
        let mut words = vec![sync.as_str(), "settled"];
        words.extend(hosts.iter().map(String::as_str));
        self.exec(CLIENT, &words).code == Some(0)
    }

    /// Whether all DCs hold the same below OU=Lab.
    pub(crate) fn is_settled(&self) -> bool {
        self.agree(&DCS)
    }

    /// Waits until these DCs hold the same. Writers must have stopped.
    pub(crate) fn settle_among(&self, dcs: &[&str]) {
        let what = format!("{dcs:?} hold the same");
        until(&what, Duration::from_mins(2), || self.agree(dcs));
    }

    /// Waits until all DCs hold the same. Writers must have stopped.
    pub(crate) fn settle(&self) {
        self.settle_among(&DCS);
    }

    /// Whether a DC answers LDAP within 3 s.
    pub(crate) fn answers(&self, dc: &str) -> bool {
        let url = format!("ldap://{}", host(dc));
        let words = [
            "timeout",
            "3",
            "ldapsearch",
            "-LLL",
            "-x",
            "-H",
            &url,
            "-b",
            "",
            "-s",
            "base",
            "dn",
        ];
        self.exec(CLIENT, &words).code == Some(0)
    }

    /// A DC's invocationId and highestCommittedUSN.
    #[track_caller]
    pub(crate) fn identity(&self, dc: &str) -> (String, u64) {
        let shown = self
            .exec(CLIENT, &[&script("sync.py"), "identity", &host(dc)])
            .success()
            .json();
        let field = |name: &str| shown.get(name).cloned().unwrap_or_default();
        let id = field("invocationId").as_str().unwrap().to_owned();
        (id, field("highestCommittedUSN").as_u64().unwrap())
    }

    fn show_logs(&self) {
        for dc in DCS {
            let log = std::fs::read_to_string(self.folder.join(dc).join("log")).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let tail = lines
                .get(lines.len().saturating_sub(15)..)
                .unwrap_or_default();
            show(&format!("the end of {dc}'s log:\n  {}", tail.join("\n  ")));
        }
    }
}

/// Prints a line for whoever watches the test.
#[expect(clippy::print_stderr, reason = "a test speaks to its reader on stderr")]
pub(crate) fn show(text: &str) {
    eprintln!("{text}");
}

impl Drop for Lab {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.show_logs();
        }
        let outcome = run(self.command(&["down"]));
        if outcome.code != Some(0) {
            show(&format!("the lab is not down: {outcome}"));
        }
    }
}
