//! Highwater under test: its configuration, and the binary run with it in the client's view.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::consumer::Consumer;
use super::lab::{CLIENT, DCS, Lab, host};
use super::process::{Outcome, Running};

/// The account Highwater binds with unless a scenario says otherwise: a plain domain user.
pub(crate) const READER: &str = "method = \"simple\"\nuser = \"reader@LAB.TEST\"\n\
                                 password = { file = \"reader.pass\" }\n";

/// An account that sees what is deleted.
pub(crate) const ADMINISTRATOR: &str = "method = \"simple\"\nuser = \"administrator@LAB.TEST\"\n\
                                        password = { file = \"administrator.pass\" }\n";

/// A `highwater.toml` to be written into the scenario's folder.
#[derive(Debug)]
pub(crate) struct Configuration<'a> {
    lab: &'a Lab,
    store: String,
    security: String,
    authority: String,
    credentials: String,
    dcs: Vec<(String, String)>,
    reaction: String,
    resources: String,
    tables: String,
}

impl<'a> Configuration<'a> {
    /// All DCs over LDAPS as `reader`, polled every second, with bounds of 3 s; no resource yet.
    pub(crate) fn new(lab: &'a Lab) -> Self {
        Self {
            lab,
            store: "highwater.db".to_owned(),
            security: "ldaps".to_owned(),
            authority: "ca".to_owned(),
            credentials: READER.to_owned(),
            dcs: DCS
                .map(|dc| (dc.to_owned(), format!("host = \"{}\"\n", host(dc))))
                .into(),
            reaction: String::new(),
            resources: String::new(),
            tables: String::new(),
        }
    }

    /// A database of its own, of this name.
    pub(crate) fn store(mut self, name: &str) -> Self {
        name.clone_into(&mut self.store);
        self
    }

    /// Another way of securing connections, in the configuration's words.
    pub(crate) fn security(mut self, words: &str) -> Self {
        words.clone_into(&mut self.security);
        self
    }

    /// Trusts the certificate authority of this name in the lab's `ca` folder.
    pub(crate) fn authority(mut self, name: &str) -> Self {
        name.clone_into(&mut self.authority);
        self
    }

    /// Other credentials, as the lines of their table.
    pub(crate) fn credentials(mut self, lines: &str) -> Self {
        lines.clone_into(&mut self.credentials);
        self
    }

    /// Only this DC, with the lines of its table.
    pub(crate) fn only(mut self, dc: &str, lines: &str) -> Self {
        self.dcs = vec![(dc.to_owned(), lines.to_owned())];
        self
    }

    /// A resource that the sync reads, stopped and started by command; `more` are further lines of its table.
    pub(crate) fn sync(mut self, consumer: &Consumer, more: &str) -> Self {
        let words = |verb| format!("{:?}", consumer.service(verb));
        let (stop, start) = (words("stop"), words("start"));
        self.resource(consumer.name(), more, |text| {
            let path = consumer.cursor_file().display();
            writeln!(
                text,
                "kind = \"file\"\nposition = \"before_search\"\npath = \"{path}\""
            )
            .unwrap();
            writeln!(text, "stop = {stop}\nstart = {start}").unwrap();
        });
        self
    }

    /// What resources named from here on say of their failures, and tables of the failure process.
    pub(crate) fn reaction(mut self, lines: &str, tables: &str) -> Self {
        lines.clone_into(&mut self.reaction);
        tables.clone_into(&mut self.tables);
        self
    }

    /// Further tables at the end of the file.
    pub(crate) fn more_tables(mut self, tables: &str) -> Self {
        self.tables.push_str(tables);
        self
    }

    /// A resource with these lines as the table of its consumer.
    pub(crate) fn consumer(mut self, name: &str, lines: &str) -> Self {
        self.resource(name, "", |text| text.push_str(lines));
        self
    }

    /// A resource `hr` that Highwater reads itself, with these further lines of the feed's table; its events go to
    /// `events.jsonl`.
    pub(crate) fn feed(mut self, lines: &str) -> Self {
        let events = self.lab.scratch().join("events.jsonl");
        self.resource("hr", "", |text| {
            let events = events.display();
            writeln!(text, "kind = \"builtin\"\n\n[resource.hr.feed]\n{lines}").unwrap();
            writeln!(text, "\n[resource.hr.feed.sink.archive]\nkind = \"file\"").unwrap();
            writeln!(text, "path = \"{events}\"").unwrap();
        });
        self.credentials(ADMINISTRATOR)
    }

    fn resource(&mut self, name: &str, more: &str, consumer: impl FnOnce(&mut String)) {
        let names: Vec<&str> = self.dcs.iter().map(|(name, _)| name.as_str()).collect();
        let text = &mut self.resources;
        writeln!(text, "\n[resource.{name}]").unwrap();
        writeln!(text, "base_contexts = [\"OU=Lab,DC=lab,DC=test\"]").unwrap();
        writeln!(text, "backup_dcs = {names:?}\n{}{more}", self.reaction).unwrap();
        writeln!(text, "[resource.{name}.consumer]").unwrap();
        consumer(text);
    }

    fn text(&self) -> String {
        let authority = self.lab.folder().join(format!("ca/{}.pem", self.authority));
        let mut text = format!(
            "[store]\npath = {:?}\n\n[collector]\nperiod = \"1s\"\n\n[connection]\nsecurity = {:?}\n\
             ca_file = \"{}\"\ncredentials = \"account\"\nconnect_timeout = \"3s\"\noperation_timeout = \"3s\"\n\
             \n[credentials.account]\n{}",
            self.store,
            self.security,
            authority.display(),
            self.credentials
        );
        for (name, lines) in &self.dcs {
            write!(text, "\n[dc.{name}]\n{lines}").unwrap();
        }
        text + &self.resources + &self.tables
    }

    /// Writes it as `highwater.toml`, with the password files beside it.
    pub(crate) fn write(self) -> Product<'a> {
        self.write_as("highwater.toml")
    }

    /// Writes it under another name.
    pub(crate) fn write_as(self, name: &str) -> Product<'a> {
        let folder = self.lab.scratch();
        for (file, secret) in [
            ("reader.pass", "Reader.Lab1\n"),
            ("administrator.pass", "Passw0rd.Lab1\n"),
            ("wrong.pass", "Wrong.Lab1\n"),
            ("disabled.pass", "Disabled.Lab1\n"),
            ("mail.pass", "Mail.Lab1\n"),
        ] {
            let file = folder.join(file);
            std::fs::write(&file, secret).unwrap();
            std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
        }
        let path = folder.join(name);
        std::fs::write(&path, self.text()).unwrap();
        Product {
            lab: self.lab,
            path,
        }
    }
}

/// The binary with one configuration.
#[derive(Debug)]
pub(crate) struct Product<'a> {
    lab: &'a Lab,
    path: PathBuf,
}

impl Product<'_> {
    fn words<'w>(&'w self, words: &[&'w str]) -> Vec<&'w str> {
        [&["--config", self.path.to_str().unwrap()], words].concat()
    }

    /// The configuration file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, words: &[&str]) -> Outcome {
        self.lab.highwater(&self.words(words))
    }

    /// Runs a command that succeeds and answers in JSON.
    #[track_caller]
    pub(crate) fn json(&self, words: &[&str]) -> Value {
        self.run(&[&["-o", "json"], words].concat())
            .success()
            .json()
    }

    /// Starts `highwater run`.
    pub(crate) fn service(&self) -> Running {
        let words = self.words(&["run"]);
        let program = self.lab.program();
        let words = [&[program.as_str()], words.as_slice()].concat();
        self.lab.spawn(CLIENT, "service", &words)
    }

    /// The samples of a DC that can be picked for `--usn-date`, as `history` lists them.
    #[track_caller]
    pub(crate) fn samples(&self, resource: &str, dc: &str) -> Vec<Value> {
        let rows = self.json(&["history", resource, "--dc", dc, "--limit", "1000"]);
        rows.as_array().unwrap().clone()
    }
}

/// The verdict on one DC in a plan.
#[track_caller]
pub(crate) fn verdict<'v>(plan: &'v Value, dc: &str) -> &'v Value {
    let all = plan["candidates"].as_array().unwrap();
    let of_dc = all.iter().find(|verdict| verdict["dc"] == dc);
    of_dc.unwrap_or_else(|| panic!("no verdict on {dc}: {plan:#}"))
}
