//! A mail server in the client's view, and what it was given, as a mail program reads it.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::lab::{CLIENT, Lab, script};
use super::process::{Running, command, run, until};

/// The name it is reached at, and its port there.
const HOST: &str = "cl.lab.test";
const PORT: &str = "2587";

/// What must be in no mail and no log.
pub(crate) const SECRETS: [&str; 4] = ["Reader.Lab1", "Passw0rd", "Mail.Lab1", "Wrong.Lab1"];

/// A mail server with STARTTLS and a login; it ends with its drop.
#[derive(Debug)]
pub(crate) struct Post<'a> {
    lab: &'a Lab,
    server: Option<Running>,
}

impl<'a> Post<'a> {
    /// Starts it, with a certificate made on the spot.
    pub(crate) fn open(lab: &'a Lab) -> Self {
        let folder = lab.scratch();
        std::fs::write(folder.join("mail.login"), "highwater\nMail.Lab1\n").unwrap();
        let make = "openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=\"$3\" -keyout mail.key \
                    -out mail.csr && printf 'subjectAltName=DNS:%s\\n' \"$3\" > mail.ext && openssl x509 -req -in mail.csr \
                    -CA \"$2/ca.pem\" -CAkey \"$2/ca.key\" -CAcreateserial -days 30 -extfile mail.ext -out mail.pem";
        let authority = lab.folder().join("ca");
        let words = [
            "-euc",
            &format!("cd \"$1\"; {make}"),
            "_",
            folder.to_str().unwrap(),
            authority.to_str().unwrap(),
            HOST,
        ];
        run(command("bash", &words)).success();
        let mut post = Self { lab, server: None };
        post.reopen();
        post
    }

    /// Ends it: nobody listens any more.
    pub(crate) fn close(&mut self) {
        self.server = None;
    }

    /// Starts it again.
    pub(crate) fn reopen(&mut self) {
        let folder = self.lab.scratch().to_str().unwrap();
        let server = self
            .lab
            .spawn(CLIENT, "mail", &[&script("mail_server.py"), folder, PORT]);
        until("the mail server listens", Duration::from_secs(20), || {
            server.stdout().contains("ready")
        });
        self.server = Some(server);
    }

    /// The tables that tell Highwater of it, with a channel `operators` of one address.
    pub(crate) fn tables(&self) -> String {
        let authority = self.lab.folder().join("ca/ca.pem");
        format!(
            "\n[mail]\nhost = \"{HOST}\"\nport = {PORT}\nca_file = \"{}\"\nuser = \"highwater\"\n\
             password = {{ file = \"mail.pass\" }}\nfrom = \"Highwater <highwater@lab.test>\"\ntimeout = \"5s\"\n\
             \n[channel.operators]\nkind = \"mail\"\nto = [\"anna@lab.test\"]\n",
            authority.display()
        )
    }

    fn files(&self) -> Vec<PathBuf> {
        let at = |n: usize| self.lab.scratch().join(format!("mails/{n}.eml"));
        (1..1_000)
            .map(at)
            .take_while(|file| file.exists())
            .collect()
    }

    /// How many mails there are.
    pub(crate) fn count(&self) -> usize {
        self.files().len()
    }

    /// Waits for so many mails in all.
    pub(crate) fn wait(&self, mails: usize, limit: Duration) {
        until(&format!("mail {mails}"), limit, || self.count() >= mails);
    }

    /// The mails in the order they came in; each is a mail as it should be, and tells no secret.
    #[track_caller]
    pub(crate) fn mails(&self) -> Vec<Mail> {
        let files = self.files();
        let names = files.iter().map(|file| file.to_str().unwrap());
        let words: Vec<&str> = names.collect();
        let read = run(command(script("mail_read.py"), &words)).success();
        let mails: Vec<Mail> = read.json_lines().into_iter().map(Mail).collect();
        for mail in &mails {
            mail.check();
        }
        mails
    }
}

/// One mail.
#[derive(Debug)]
pub(crate) struct Mail(Value);

impl Mail {
    /// A header, decoded.
    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.0["headers"][name].as_str();
        value.unwrap_or_else(|| panic!("no header {name}: {}", self.raw()))
    }

    /// Whether it has that header.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0["headers"].get(name).is_some()
    }

    /// The plain text.
    pub(crate) fn text(&self) -> &str {
        self.0["plain"].as_str().unwrap()
    }

    /// The HTML.
    pub(crate) fn html(&self) -> &str {
        self.0["html"].as_str().unwrap()
    }

    /// As it came over the wire.
    pub(crate) fn raw(&self) -> &str {
        self.0["raw"].as_str().unwrap()
    }

    #[track_caller]
    fn check(&self) {
        assert_eq!(self.0["type"], "multipart/alternative", "{}", self.raw());
        assert_eq!(self.0["defects"], serde_json::json!([]), "{}", self.raw());
        assert_eq!(self.header("auto-submitted"), "auto-generated");
        assert_eq!(self.header("x-auto-response-suppress"), "OOF, AutoReply");
        assert_eq!(self.header("from"), "Highwater <highwater@lab.test>");
        assert_eq!(self.header("x-envelope-to"), self.header("to"));
        let id = self.header("message-id");
        assert!(id.starts_with('<') && id.ends_with("@lab.test>"), "{id}");
        assert!(self.has("date") && !self.header("subject").is_empty());
        for secret in SECRETS {
            for told in [self.text(), self.html(), self.raw()] {
                assert!(!told.contains(secret), "a secret is told: {told}");
            }
        }
    }

    /// Asserts that these words are in the text and, less what markup does to them, in the HTML.
    #[track_caller]
    pub(crate) fn says(&self, words: &[&str]) {
        let unescaped = self.html().replace("&#x2f;", "/").replace("&gt;", ">");
        let unescaped = unescaped.replace("&#x27;", "'").replace("&quot;", "\"");
        for word in words {
            assert!(self.text().contains(word), "no {word:?}: {}", self.text());
            assert!(unescaped.contains(word), "no {word:?}: {unescaped}");
        }
    }
}
