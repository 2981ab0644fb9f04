//! The program itself on a simulated forest, with a mail server on loopback: one folder with all it has.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use highwater::config::Credentials;
use rusqlite::Connection;
use secrecy::ExposeSecret as _;
use serde_json::Value;

use crate::bed::Bed;

/// Where the program runs.
pub(crate) struct Outside {
    folder: PathBuf,
    password: String,
}

/// What the lab's DCs want to hear.
fn password(bed: &Bed) -> String {
    let dc = bed.settings.dcs.values().next().unwrap();
    match &dc.credentials {
        Credentials::Simple { password, .. } => password.expose_secret().to_owned(),
        other => panic!("the lab binds by password: {other:?}"),
    }
}

impl Outside {
    /// A folder for the bed's sync: what the store and the cursor are now, and a process that tells a mail server.
    pub(crate) fn of(bed: &Bed, folder: PathBuf, port: u16, mode: &str) -> Self {
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::copy(bed.file("cursor.json"), folder.join("cursor.json")).unwrap();
        let password = password(bed);
        let outside = Self { folder, password };
        let target = outside.file("hw.db");
        let store = Connection::open(&bed.settings.store).unwrap();
        store
            .execute("VACUUM INTO ?1", [target.to_str().unwrap()])
            .unwrap();
        outside.configure(bed, port, mode);
        outside
    }

    /// The same as another one is now, in a folder of its own and with a mail server of its own.
    pub(crate) fn copy(&self, bed: &Bed, folder: PathBuf, port: u16, mode: &str) -> Self {
        std::fs::create_dir_all(&folder).unwrap();
        let password = self.password.clone();
        let copy = Self { folder, password };
        std::fs::copy(self.file("cursor.json"), copy.file("cursor.json")).unwrap();
        let target = copy.file("hw.db");
        let store = self.sql();
        store
            .execute("VACUUM INTO ?1", [target.to_str().unwrap()])
            .unwrap();
        copy.configure(bed, port, mode);
        copy
    }

    fn configure(&self, bed: &Bed, port: u16, mode: &str) {
        let mut text = "[store]\npath = \"hw.db\"\n[connection]\ncredentials = \"reader\"\n\
                        security = \"clear, passwords readable on the network\"\n[credentials.reader]\n\
                        method = \"simple\"\nuser = \"reader@sim.test\"\npassword = { env = \"HW_PASS\" }\n"
            .to_owned();
        for dc in bed.settings.dcs.values() {
            writeln!(text, "[dc.{}]\nhost = \"{}\"", dc.name, dc.host).unwrap();
            writeln!(text, "address = \"127.0.0.1\"\nport = {}", dc.port).unwrap();
        }
        let base = &bed.resource().base_contexts[0];
        let names: Vec<&str> = bed
            .settings
            .dcs
            .keys()
            .map(highwater::model::DcName::as_str)
            .collect();
        write!(
            text,
            "[resource.hr]\nbase_contexts = [\"{base}\"]\nbackup_dcs = {names:?}\nprocess = \"ad\"\n\
             auto_failover = \"{mode}\"\n[resource.hr.consumer]\nkind = \"file\"\nposition = \"before_search\"\n\
             path = \"cursor.json\"\n[mail]\nhost = \"localhost\"\nport = {port}\n\
             security = \"clear, readable on the network\"\nfrom = \"hw@example.com\"\ntimeout = \"5s\"\n\
             [channel.operators]\nkind = \"mail\"\nto = [\"anna@example.com\"]\n[safety]\nprobe_failures = 1\n\
             approvers = [\"root\", \"uid:{}\"]\n[process.ad]\nnotify = [\"operators\"]\n[[process.ad.rule]]\n\
             name = \"once\"\nmatch = 'cannot connect'\noutcome = \"outage\"\ncount = 1\n",
            rustix::process::getuid().as_raw()
        )
        .unwrap();
        std::fs::write(self.file("highwater.toml"), text).unwrap();
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The store, past the program.
    pub(crate) fn sql(&self) -> Connection {
        Connection::open(self.file("hw.db")).unwrap()
    }

    /// One number of the store.
    pub(crate) fn number(&self, query: &str) -> i64 {
        self.sql().query_row(query, [], |row| row.get(0)).unwrap()
    }

    /// The program, or what runs it: `before` stands in front of its command line.
    pub(crate) fn command(&self, before: &[String], words: &[&str]) -> Command {
        let program = env!("CARGO_BIN_EXE_highwater").to_owned();
        let line: Vec<String> = [before, &[program]].concat();
        let mut command = Command::new(&line[0]);
        command
            .args(&line[1..])
            .args(words)
            .current_dir(&self.folder)
            .env("HW_PASS", &self.password)
            .stdin(Stdio::null());
        command
    }

    /// Runs it to its end; what it says must be no defect.
    pub(crate) fn run(&self, words: &[&str]) -> Output {
        let output = self.command(&[], words).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains("panicked"), "{words:?}: {said}");
        output
    }

    /// The host in the cursor.
    pub(crate) fn host(&self) -> String {
        let text = std::fs::read_to_string(self.file("cursor.json")).unwrap();
        let cursor: Value = serde_json::from_str(&text).unwrap();
        cursor["ldapHost"].as_str().unwrap().to_owned()
    }

    /// Lets the leases of the dead run out at once, and what waits for another try come due.
    pub(crate) fn time_passes(&self) {
        let changed = "UPDATE mail_outbox SET leased_until = 0, due_at = 0 WHERE state = 'queued'";
        self.sql().execute(changed, []).unwrap();
    }
}

/// A folder for each of many runs.
pub(crate) fn folders(root: &Path) -> impl FnMut() -> PathBuf + '_ {
    let mut n = 0;
    move || {
        n += 1;
        root.join(n.to_string())
    }
}
