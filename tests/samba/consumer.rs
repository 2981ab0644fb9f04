//! The test sync (`sync.py`): the outside product whose cursor Highwater rewrites.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::lab::{CLIENT, Lab, host, script};
use super::process::{Outcome, Running};

/// One incremental sync of OU=Lab, with its cursor file and its state.
#[derive(Debug)]
pub(crate) struct Consumer<'a> {
    lab: &'a Lab,
    cursor: PathBuf,
    state: PathBuf,
}

impl<'a> Consumer<'a> {
    /// A sync that has read nothing yet and will read `dc`; `more` are further flags of `sync.py init`.
    #[track_caller]
    pub(crate) fn new(lab: &'a Lab, dc: &str, more: &[&str]) -> Self {
        let cursor = lab.scratch().join("hr.cursor.json");
        let consumer = Self {
            lab,
            cursor,
            state: lab.scratch().join("hr.state.json"),
        };
        let host = host(dc);
        consumer
            .sync(
                &[
                    &["init", "--cursor", consumer.path(), "--host", &host],
                    more,
                ]
                .concat(),
            )
            .success();
        consumer
    }

    /// The cursor file, locked with `flock` on the same name with `.lock`.
    pub(crate) fn cursor_file(&self) -> &Path {
        &self.cursor
    }

    fn path(&self) -> &str {
        self.cursor.to_str().unwrap()
    }

    fn sync(&self, words: &[&str]) -> Outcome {
        self.lab
            .exec(CLIENT, &[&[script("sync.py").as_str()], words].concat())
    }

    /// One poll; exit code 0 when it was completed. stdout is its report in JSON.
    pub(crate) fn poll(&self) -> Outcome {
        self.sync(&[
            "poll",
            "--cursor",
            self.path(),
            "--state",
            self.state.to_str().unwrap(),
        ])
    }

    /// Polls all the time until it is terminated.
    pub(crate) fn run(&self) -> Running {
        let (sync, state) = (script("sync.py"), self.state.to_str().unwrap());
        let words = [
            sync.as_str(),
            "run",
            "--cursor",
            self.path(),
            "--state",
            state,
            "--interval",
            "0.3",
        ];
        self.lab.spawn(CLIENT, "sync", &words)
    }

    /// The content of the cursor file.
    pub(crate) fn position(&self) -> Value {
        serde_json::from_slice(&std::fs::read(&self.cursor).unwrap()).unwrap()
    }

    /// What it holds that `dc` does not, and the other way round, by objectGUID.
    pub(crate) fn compare(&self, dc: &str) -> Outcome {
        self.sync(&[
            "compare",
            "--state",
            self.state.to_str().unwrap(),
            "--host",
            &host(dc),
        ])
    }
}
