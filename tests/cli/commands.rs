//! Every command of the README and the topics is run, with folders, accounts and services of its own.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::texts;

/// What stands in for programs that need a whole machine, by name.
const STAND_INS: [(&str, &str); 8] = [
    ("systemctl", "exit 0"),
    ("useradd", "exit 0"),
    ("chown", "exit 0"),
    ("cargo", "exit 0"),
    ("hr-sync", "echo 'connection refused' >&2; exit 1"),
    ("runuser", "shift 3; exec \"$@\""),
    // Without the owner and group, which are not there.
    (
        "install",
        "n=$#; while [ $n -gt 0 ]; do a=$1; shift; n=$((n - 1)); case $a in -o|-g) shift; n=$((n - 1));; \
         *) set -- \"$@\" \"$a\";; esac; done; exec /usr/bin/install \"$@\"",
    ),
    ("tests/run", "exit 0"),
];

/// The folders that the commands name, below one of the test's own.
const FOLDERS: [&str; 10] = [
    "bin/tests",
    "etc/highwater",
    "etc/systemd/system",
    "target/release",
    "tests",
    "usr/local/bin",
    "usr/local/share/man",
    "etc/bash_completion.d",
    "var/backups",
    "var/lib/highwater",
];

struct Machine {
    root: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        for folder in FOLDERS {
            std::fs::create_dir_all(at(folder)).unwrap();
        }
        for (name, script) in STAND_INS {
            let path = if name.contains('/') {
                at(name)
            } else {
                at("bin").join(name)
            };
            std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let program = env!("CARGO_BIN_EXE_highwater");
        for path in ["bin/highwater", "target/release/highwater"] {
            std::os::unix::fs::symlink(program, at(path)).unwrap();
        }
        let authority =
            rcgen::generate_simple_self_signed(vec!["ca.example.com".to_owned()]).unwrap();
        std::fs::write(at("ca.cer"), authority.cert.der()).unwrap();
        std::fs::write(at("etc/highwater/ca.pem"), authority.cert.pem()).unwrap();
        let secret = at("etc/highwater/reader.pass");
        std::fs::write(&secret, "hunter2").unwrap();
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
        let machine = Self { root };
        machine.configure();
        machine
    }

    /// The configuration of the README, with DCs that refuse at once.
    fn configure(&self) {
        let smallest = texts::blocks(&texts::readme(), "toml").remove(0);
        let text = smallest.replace(
            ".example.com\"\n[",
            ".example.com\"\naddress = \"127.0.0.1\"\nport = 1\n[",
        );
        let text = text.replace(
            "host = \"dc2.example.com\"\n",
            "host = \"dc2.example.com\"\naddress = \"127.0.0.1\"\nport = 1\n",
        );
        std::fs::write(self.configuration(), self.moved(&text)).unwrap();
    }

    fn configuration(&self) -> PathBuf {
        self.root.path().join("etc/highwater/highwater.toml")
    }

    /// Text whose paths lead into the test's folder.
    fn moved(&self, text: &str) -> String {
        let root = self.root.path().display();
        let text = text.replace("/etc/", "/:etc/").replace("/usr/", "/:usr/");
        text.replace("/var/", "/:var/")
            .replace("/:", &format!("{root}/"))
    }

    fn run(&self, line: &str) -> Output {
        let bin = self.root.path().join("bin");
        let path = format!("{}:/usr/bin:/bin", bin.display());
        let endless = ["highwater run", "highwater sync", "--watch"];
        let bound = if endless.iter().any(|one| line.contains(one)) {
            "2"
        } else {
            "60"
        };
        Command::new("/usr/bin/timeout")
            .args([bound, "sh", "-c", &self.moved(line)])
            .current_dir(self.root.path())
            .env_clear()
            .env("PATH", path)
            .env("HIGHWATER_CONFIG", self.configuration())
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }
}

/// Words for something else, as FILE, which nobody types.
fn has_a_placeholder(line: &str) -> bool {
    let mut words = line.split_whitespace();
    words.any(|word| word.len() > 2 && word.bytes().all(|byte| byte.is_ascii_uppercase()))
}

#[test]
fn every_command_of_the_texts_runs() {
    let machine = Machine::new();
    let mut ran = 0;
    for (name, text) in texts::all() {
        let typed = texts::typed(&text).into_iter();
        let lines = typed.chain(texts::inline(&text));
        for line in lines.filter(|line| !has_a_placeholder(line)) {
            // The demonstration takes its time, and has tests of its own.
            if line.contains("highwater demo") {
                continue;
            }
            let output = machine.run(&line);
            let said = String::from_utf8_lossy(&output.stderr);
            let code = output.status.code();
            let is_known = code.is_some_and(|code| ![126, 127].contains(&code));
            assert!(is_known, "`{line}` of {name}: {code:?}: {said}");
            for wrong in ["panicked", "Usage: highwater", "sh: "] {
                assert!(!said.contains(wrong), "`{line}` of {name}: {said}");
            }
            if !line.contains("highwater") {
                assert_eq!(code, Some(0), "`{line}` of {name}: {said}");
            }
            ran += 1;
        }
    }
    assert!(ran >= 80, "{ran}");
    assert!(exists(
        machine.root.path(),
        "usr/local/share/man/man7/highwater-starts.7"
    ));
    assert!(exists(machine.root.path(), "ca.pem"));
}

fn exists(root: &Path, path: &str) -> bool {
    root.join(path).is_file()
}
