//! The demonstration: a forest of three, a sync, a death, and every way to go on, counted by what is true.
//!
//! Owns the scene and the counting. Collector, planner and carrying out are the real ones, over LDAPS to the simulated
//! DCs; nothing here decides where the sync goes.
//!
//! # Decisions
//! - Time is compressed: replication takes seconds here where a real forest takes minutes to hours. What is missed and
//!   repeated depends on the changes made within the lag, not on its length.
//! - The DC dies where replication to it is due, not just done: the best case of every rule shows nothing.
//! - Every start is tried on a copy of the consumer from the moment of the death, on the same DC, after the same
//!   writes; the consumer itself is moved by the plan that `best` makes.

mod feed;
mod report;
mod scene;

use std::path::PathBuf;
use std::time::Duration;

use tokio::time::sleep;

pub use feed::FeedRow;
pub use report::{Means, Report, Row};
use scene::Scene;

use super::forest::ForestError;
use super::server::LabError;
use super::sync::SyncError;
use crate::clock::Stopwatch;
use crate::failover::{self, ApplyError, FailoverError};
use crate::model::{Ask, Chosen, DcName, Hours, How, Plan, StartMethod, TimeError, UtcMs};
use crate::store::StoreError;

/// How long the forest works before the DC in use dies: long enough for samples older than the most generous bound.
const HISTORY: Duration = Duration::from_secs(12);
/// The DC in use dies once it is so far behind each of the others, as it would be between two inter-site cycles.
const BEHIND_MS: i64 = 2_500;
/// How long such a moment is waited for; after that any will do.
const PATIENCE: Duration = Duration::from_secs(12);
/// From the death to the plan, as an operator needs some time.
const REACTION: Duration = Duration::from_millis(1500);
/// Milliseconds in an hour.
const HOUR_MS: f64 = 3_600_000.0;

/// The demonstration could not be given.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The lab.
    #[error(transparent)]
    Lab(#[from] LabError),
    /// The forest.
    #[error(transparent)]
    Forest(#[from] ForestError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The planner.
    #[error(transparent)]
    Failover(#[from] FailoverError),
    /// The carrying out of the plan.
    #[error(transparent)]
    Apply(Box<ApplyError>),
    /// The sync.
    #[error(transparent)]
    Sync(#[from] SyncError),
    /// A bound that is no number of hours.
    #[error(transparent)]
    Hours(#[from] TimeError),
    /// The temporary folder.
    #[error("{}: {source}; set TMPDIR to a folder that can be written", path.display())]
    Folder {
        /// Where.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A part of the scene failed.
    #[error("{0}")]
    Scene(String),
}

impl From<ApplyError> for DemoError {
    fn from(error: ApplyError) -> Self {
        Self::Apply(Box::new(error))
    }
}

/// Gives the demonstration; `say` is told what happens, a line at a time.
pub async fn run(seed: u64, mut say: impl FnMut(String)) -> Result<Report, DemoError> {
    let watch = Stopwatch::start();
    let mut scene = Scene::set(seed).await?;
    say(format!(
        "a forest of three DCs over LDAPS on loopback, seed {seed}: writes on all three, replication some seconds \
         behind (a second here stands for many minutes in a real forest)"
    ));
    say(format!(
        "the collector samples them, a sync reads dc1; this goes on for {} s",
        HISTORY.as_secs()
    ));
    scene.live(HISTORY).await?;
    let waited = Stopwatch::start();
    while !scene.is_behind(BEHIND_MS)? && waited.elapsed() < PATIENCE {
        scene.poll().await?;
    }
    let written = scene.lab.with(|forest| forest.oracle.written().len());
    say(format!(
        "dc1 dies, with {written} writes made so far and {} objects read by the sync",
        scene.sync.tally.read
    ));
    scene.lab.kill(0).await?;
    sleep(REACTION).await;
    scene.stop_collecting().await?;

    let best = plan(&scene, None, auto(StartMethod::Best), Hours::new(0.0)?).await?;
    let chosen = best.chosen.clone().ok_or_else(|| refused(&best))?;
    let to = chosen.switch.to.clone();
    let failure = best
        .failure_timestamp
        .ok_or_else(|| DemoError::Scene("no sample shows how far the sync had read".to_owned()))?;
    let number = scene.number(&to)?;
    let lag_ms = scene
        .lab
        .with(|forest| forest.lag_ms(0, number, super::forest::DOMAIN, failure.as_millis()))?;
    say(format!(
        "`best` moves the sync to {to} from USN {} ({}); dc1 was {lag_ms} ms behind {to}",
        chosen.start.usn, chosen.method
    ));
    let starts = starts(&scene, &to, failure, lag_ms).await?;
    say(
        "Highwater's own feed, which has read dc1 as well, is moved too, while the writing goes on"
            .to_owned(),
    );
    scene.move_feed().await?;
    scene.calm().await?;
    say("the writing stops, what is left replicates, and every start is carried on".to_owned());
    let mut rows = Vec::new();
    for (means, replication_ms, plan) in starts {
        rows.push(scene.try_start(means, replication_ms, &plan, &to).await?);
    }
    let moved = apply(&mut scene, &best, &chosen).await?;
    say(
        "dc1 comes back and gives away what it alone had; the feed reads that from the other DC"
            .to_owned(),
    );
    let feed = scene.judge_feed().await?;
    Ok(Report {
        seed,
        moved_to: to,
        best: chosen.method,
        lag_ms,
        writes: written,
        rows,
        moved,
        feed,
        took_ms: watch.elapsed_ms(),
    })
}

fn auto(method: StartMethod) -> How {
    How::Auto { method }
}

fn refused(plan: &Plan) -> DemoError {
    let why: Vec<String> = plan
        .candidates
        .iter()
        .flat_map(|verdict| {
            verdict
                .why_not
                .iter()
                .map(move |why| format!("{}: {why}", verdict.dc))
        })
        .collect();
    DemoError::Scene(format!("no DC may take over: {}", why.join("; ")))
}

async fn plan(
    scene: &Scene,
    only: Option<&DcName>,
    how: How,
    replication_time: Hours,
) -> Result<Plan, DemoError> {
    let ask = Ask {
        how,
        only: only.cloned(),
        failure_timestamp: None,
        replication_time,
        allow_gap: false,
        restart: false,
    };
    let resource = scene.resource()?;
    Ok(failover::plan(&scene.store, &scene.settings, resource, ask).await?)
}

type Start = (Means, Option<i64>, Plan);

/// A plan per method, all for the same DC.
async fn starts(
    scene: &Scene,
    to: &DcName,
    failure: UtcMs,
    lag_ms: i64,
) -> Result<Vec<Start>, DemoError> {
    let vector = plan(scene, Some(to), auto(StartMethod::Vector), Hours::new(0.0)?).await?;
    let mut starts = vec![(Means::Vector, None, vector)];
    let bounds = [
        (Means::TimeNone, 0),
        (Means::TimeHalf, lag_ms / 2),
        (Means::TimeHonest, lag_ms.saturating_add(1)),
        (
            Means::TimeGenerous,
            lag_ms.saturating_mul(3).saturating_add(1),
        ),
    ];
    for (means, bound_ms) in bounds {
        let ms = i32::try_from(bound_ms).unwrap_or(i32::MAX);
        let hours = Hours::new(f64::from(ms) / HOUR_MS)?;
        let made = plan(scene, Some(to), auto(StartMethod::Time), hours).await?;
        starts.push((means, Some(bound_ms), made));
    }
    let rows = scene.store.samples_near(to, failure, 1).await?;
    let times = rows.iter().map(|row| row.sample.collected_at);
    if let Some(usn_date) = times.filter(|at| *at <= failure).max() {
        let how = How::Manual { usn_date };
        let made = plan(scene, Some(to), how, Hours::new(0.0)?).await?;
        starts.push((Means::Manual, None, made));
    }
    Ok(starts)
}

/// Moves the consumer itself as `best` says, by the real order, and lets it read on.
async fn apply(scene: &mut Scene, best: &Plan, chosen: &Chosen) -> Result<Row, DemoError> {
    let order = failover::order(best, chosen, "the demo".to_owned())?;
    let consumer = scene.consumer()?;
    failover::apply(&scene.store, &consumer, order, |_| {}).await?;
    scene.carry_on(chosen).await
}

#[cfg(test)]
mod tests;
