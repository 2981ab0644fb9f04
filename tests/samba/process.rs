//! Processes with a deadline, and waiting for a condition.

use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use highwater::clock::Stopwatch;

/// How long one command may take before it counts as hung.
pub(crate) const PATIENCE: Duration = Duration::from_secs(150);

const TICK: Duration = Duration::from_millis(50);

/// Waits until `done`, looking twenty times a second; panics with `what` when the limit has passed.
pub(crate) fn until(what: &str, limit: Duration, mut done: impl FnMut() -> bool) {
    let watch = Stopwatch::start();
    while !done() {
        assert!(watch.elapsed() < limit, "not within {limit:?}: {what}");
        sleep(TICK);
    }
}

/// How a command ended.
pub(crate) struct Outcome {
    /// The command line, for messages.
    pub(crate) line: String,
    /// The exit code; `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            line,
            code,
            stdout,
            stderr,
        } = self;
        let code = code.map_or_else(|| "a signal".to_owned(), |code| code.to_string());
        write!(
            f,
            "{line}\nended with {code}\nstdout: {stdout}\nstderr: {stderr}"
        )
    }
}

impl Outcome {
    /// Itself, after asserting that the exit code is 0.
    #[track_caller]
    pub(crate) fn success(self) -> Self {
        self.exits(0)
    }

    /// Itself, after asserting the exit code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert!(self.code == Some(code), "should exit with {code}: {self}");
        self
    }

    /// stdout as one JSON value.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("stdout is no JSON ({error}): {self}"))
    }

    /// stdout as one JSON value a line.
    #[track_caller]
    pub(crate) fn json_lines(&self) -> Vec<serde_json::Value> {
        let parse = |line| {
            serde_json::from_str(line)
                .unwrap_or_else(|error| panic!("{line:?} is no JSON ({error})"))
        };
        self.stdout.lines().map(parse).collect()
    }
}

/// A process that runs beside the test, with its output in files; killed when dropped.
#[derive(Debug)]
pub(crate) struct Running {
    line: String,
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Running {
    /// Starts it; its output goes to `NAME.out` and `NAME.err` in the folder.
    pub(crate) fn start(mut command: Command, folder: &Path, name: &str) -> Self {
        let (stdout, stderr) = (
            folder.join(format!("{name}.out")),
            folder.join(format!("{name}.err")),
        );
        command.stdin(Stdio::null());
        command
            .stdout(File::create(&stdout).unwrap())
            .stderr(File::create(&stderr).unwrap());
        let line = format!("{command:?}");
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{line}: {error}"));
        Self {
            line,
            child,
            stdout,
            stderr,
        }
    }

    /// What it has written to stdout so far.
    pub(crate) fn stdout(&self) -> String {
        std::fs::read_to_string(&self.stdout).unwrap()
    }

    /// What it has written to stderr so far.
    pub(crate) fn stderr(&self) -> String {
        std::fs::read_to_string(&self.stderr).unwrap()
    }

    /// Sends a signal by name (`TERM`, `KILL`, `STOP`).
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill")
            .args(["-s", name, &pid])
            .status()
            .unwrap();
        assert!(
            sent.success(),
            "kill -s {name} {pid}: {sent}: {}",
            self.line
        );
    }

    /// Asks it to end with SIGTERM and waits for that.
    pub(crate) fn terminate(self) -> Outcome {
        self.signal("TERM");
        self.wait(Duration::from_secs(30))
    }

    /// Waits for its own end; panics after the limit.
    pub(crate) fn wait(mut self, limit: Duration) -> Outcome {
        let mut status = None;
        let line = self.line.clone();
        until(&format!("the end of {line}"), limit, || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        let stderr = std::fs::read_to_string(&self.stderr).unwrap();
        Outcome {
            line,
            code: status.and_then(|s| s.code()),
            stdout: self.stdout(),
            stderr,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // it may have ended already: then there is nothing to kill, and only its status to collect
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Runs a command to its end; panics after [`PATIENCE`].
pub(crate) fn run(command: Command) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    Running::start(command, folder.path(), "command").wait(PATIENCE)
}

/// A command line of its words.
pub(crate) fn command(program: impl AsRef<OsStr>, words: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(words);
    command
}
