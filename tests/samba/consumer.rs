//! The test sync (`sync.py`): the outside product whose cursor Highwater rewrites.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::lab::{CLIENT, Lab, host, script};
use super::process::{Outcome, Running, until};

/// One incremental sync of OU=Lab, with its cursor file and its state.
#[derive(Debug)]
pub(crate) struct Consumer<'a> {
    lab: &'a Lab,
    name: String,
    cursor: PathBuf,
    state: PathBuf,
}

impl<'a> Consumer<'a> {
    /// The sync `hr` that has read nothing yet and will read `dc`; `more` are further flags of `sync.py init`.
    #[track_caller]
    pub(crate) fn new(lab: &'a Lab, dc: &str, more: &[&str]) -> Self {
        Self::named(lab, "hr", dc, more)
    }

    /// The same under another resource name.
    #[track_caller]
    pub(crate) fn named(lab: &'a Lab, name: &str, dc: &str, more: &[&str]) -> Self {
        let consumer = Self {
            lab,
            name: name.to_owned(),
            cursor: lab.scratch().join(format!("{name}.cursor.json")),
            state: lab.scratch().join(format!("{name}.state.json")),
        };
        let host = host(dc);
        let path = consumer.path();
        let words = [
            "init",
            "--cursor",
            path,
            "--host",
            &host,
            "--resource",
            name,
        ];
        consumer.sync(&[&words[..], more].concat()).success();
        consumer
    }

    /// The resource's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
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

    /// The words of the command that starts or stops the sync in the background, as an operator configures them.
    pub(crate) fn service(&self, verb: &str) -> Vec<String> {
        let folder = self.lab.scratch().to_str().unwrap().to_owned();
        vec![
            script("sync-service"),
            verb.to_owned(),
            folder,
            self.name.clone(),
        ]
    }

    fn order(&self, verb: &str) {
        let words = self.service(verb);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        self.lab.exec(CLIENT, &words).success();
    }

    /// Starts it in the background.
    pub(crate) fn start(&self) {
        self.order("start");
    }

    /// Stops what [`Consumer::start`] or Highwater started.
    pub(crate) fn stop(&self) {
        self.order("stop");
    }

    /// The reports of its polls in the background so far, oldest first.
    pub(crate) fn reports(&self) -> Vec<Value> {
        let file = self.lab.scratch().join(format!("{}.sync.out", self.name));
        let text = std::fs::read_to_string(file).unwrap_or_default();
        // the last line may be half written
        let whole = text
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'));
        whole
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The reports of completed polls of `dc`.
    pub(crate) fn completed(&self, dc: &str) -> Vec<Value> {
        let host = host(dc);
        let of_dc = |report: &Value| {
            report["moved"] == true && report["url"].as_str().unwrap().contains(&host)
        };
        self.reports().into_iter().filter(of_dc).collect()
    }

    /// When the last completed poll of `dc` began: the sync has every change the DC had by then.
    pub(crate) fn last_good(&self, dc: &str) -> String {
        let last = self.completed(dc).pop().unwrap();
        last["at"].as_str().unwrap().to_owned()
    }

    /// Waits for so many further completed polls of `dc`.
    pub(crate) fn wait_polls(&self, dc: &str, more: usize) {
        let wanted = self.completed(dc).len() + more;
        let what = format!("{more} more polls of {} on {dc}", self.name);
        until(&what, Duration::from_secs(40), || {
            self.completed(dc).len() >= wanted
        });
    }

    /// Waits until its last poll has failed.
    pub(crate) fn wait_failure(&self) {
        let what = format!("the sync {} fails by itself", self.name);
        until(&what, Duration::from_secs(40), || {
            let last = self.reports().pop();
            last.is_some_and(|report| report.get("error").is_some())
        });
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

    /// How many objects it does not hold as `dc` does.
    #[track_caller]
    pub(crate) fn differences(&self, dc: &str) -> usize {
        let found = self.compare(dc);
        assert_ne!(found.code, Some(2), "{dc} could not be read: {found}");
        let found = found.json();
        ["missing", "surplus", "different"]
            .iter()
            .map(|kind| found[*kind].as_array().unwrap().len())
            .sum()
    }
}
