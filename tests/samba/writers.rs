//! Writers on every DC at once (`writers.py`).

use std::time::Duration;

use serde_json::Value;

use super::lab::{CLIENT, DCS, Lab, host, script};
use super::process::{Outcome, Running};

/// Running writers, one to a DC.
#[derive(Debug)]
pub(crate) struct Writers(Vec<(&'static str, Running)>);

impl Writers {
    /// Starts a writer to every DC, `rate` writes a second each, until they are stopped.
    pub(crate) fn start(lab: &Lab, seed: u32, rate: u32) -> Self {
        Self::of("writers.py", lab, &DCS, seed, rate)
    }

    /// The same with the writers of everything a feed tells (`feed_writers.py`).
    pub(crate) fn of_everything(lab: &Lab, seed: u32, rate: u32) -> Self {
        Self::of("feed_writers.py", lab, &DCS, seed, rate)
    }

    /// The same with a writer to one DC alone.
    pub(crate) fn of_everything_on(lab: &Lab, dc: &str, seed: u32, rate: u32) -> Self {
        let at = DCS.iter().position(|name| *name == dc).unwrap();
        Self::of("feed_writers.py", lab, &DCS[at..=at], seed, rate)
    }

    fn of(program: &str, lab: &Lab, dcs: &[&'static str], seed: u32, rate: u32) -> Self {
        let (program, seed, rate) = (script(program), seed.to_string(), rate.to_string());
        let begin = |dc: &&'static str| {
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
            (
                *dc,
                lab.spawn(CLIENT, &format!("writer-{dc}-{seed}"), &words),
            )
        };
        Self(dcs.iter().map(begin).collect())
    }

    /// Tells the writer of one DC to stop, without waiting: its DC may not answer any more.
    pub(crate) fn end(&self, dc: &str) {
        let (_, writer) = self.0.iter().find(|(name, _)| *name == dc).unwrap();
        writer.signal("TERM");
    }

    /// Stops them; what each of them did, as `writers.py` describes.
    pub(crate) fn stop(self) -> Vec<Value> {
        for (_, writer) in &self.0 {
            writer.signal("TERM");
        }
        let ended = self
            .0
            .into_iter()
            .map(|(_, writer)| writer.wait(Duration::from_secs(30)).success());
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
