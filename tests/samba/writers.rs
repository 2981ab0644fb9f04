//! Writers on every DC at once (`writers.py`).

use std::time::Duration;

use serde_json::Value;

use super::lab::{CLIENT, DCS, Lab, host, script};
use super::process::{Outcome, Running};

/// Running writers, one to a DC.
#[derive(Debug)]
pub(crate) struct Writers(Vec<Running>);

impl Writers {
    /// Starts a writer to every DC, `rate` writes a second each, until they are stopped.
    pub(crate) fn start(lab: &Lab, seed: u32, rate: u32) -> Self {
        Self::of("writers.py", lab, seed, rate)
    }

    /// The same with the writers of everything a feed tells (`feed_writers.py`).
    pub(crate) fn of_everything(lab: &Lab, seed: u32, rate: u32) -> Self {
        Self::of("feed_writers.py", lab, seed, rate)
    }

    fn of(program: &str, lab: &Lab, seed: u32, rate: u32) -> Self {
        let (program, seed, rate) = (script(program), seed.to_string(), rate.to_string());
        let begin = |dc: &str| {
            let host = host(dc);
            let words = [
                program.as_str(),
                "--host",
                &host,
                "--seed",
                &seed,
                "--rate",
                &rate,
            ];
            lab.spawn(CLIENT, &format!("writer-{dc}"), &words)
        };
        Self(DCS.map(begin).into())
    }

    /// Tells the writer of one DC to stop, without waiting: its DC may not answer any more.
    pub(crate) fn end(&self, dc: &str) {
        let at = DCS.iter().position(|name| *name == dc);
        self.0.get(at.unwrap()).unwrap().signal("TERM");
    }

    /// Stops them; what each of them did, as `writers.py` describes.
    pub(crate) fn stop(self) -> Vec<Value> {
        for writer in &self.0 {
            writer.signal("TERM");
        }
        let ended = self
            .0
            .into_iter()
            .map(|writer| writer.wait(Duration::from_secs(30)).success());
        ended.map(|outcome: Outcome| outcome.json()).collect()
    }

    /// Stops them; how many writes succeeded.
    pub(crate) fn stop_and_count(self) -> u64 {
        let counts = self.stop();
        let succeeded = counts
            .iter()
            .map(|count| count["succeeded"].as_u64().unwrap());
        succeeded.sum()
    }
}
