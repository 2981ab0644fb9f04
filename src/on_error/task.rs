//! The actor: takes failures in, considers incidents, carries proposals on, probes and sends, until it is told to stop.
//!
//! # Decisions
//! - Deciding, probing and sending are three loops: a mail server that hangs holds up no decision.
//! - Every turn reads the store anew, so a turn that was cut off is done by the next one, of this process or another.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::decide::{self, Jump};
use super::desk::{Desk, Eyes};
use crate::clock::{self, Pulse, Stopwatch};
use crate::model::{ProposalState, UtcMs};
use crate::store::StoreError;

/// How often the store is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// The same while a move is on its way: every step of it is a look.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// How often what is old is removed, and how old that is, in milliseconds: 90 days.
const PRUNE_EVERY: Duration = Duration::from_hours(6);
const KEPT_MS: i64 = 90 * 86_400_000;

impl Desk {
    /// One turn of deciding.
    pub async fn turn(&self, eyes: Eyes, now: UtcMs) -> Result<(), StoreError> {
        self.take_in(now).await?;
        self.consider(eyes, now).await?;
        self.carry_on(eyes, now).await?;
        self.tell_of_held_back(now).await
    }
}

/// Runs the failure process until `stop`; `pulse` beats with every look, so it stands still where the store does.
pub async fn serve(desk: Desk, pulse: Pulse, stop: CancellationToken) -> Result<(), StoreError> {
    tokio::try_join!(
        decide_on(&desk, &pulse, &stop),
        watch_on(&desk, &stop),
        send_on(&desk, &stop),
    )?;
    Ok(())
}

async fn decide_on(desk: &Desk, pulse: &Pulse, stop: &CancellationToken) -> Result<(), StoreError> {
    let mut lookout = Lookout::of_service();
    let mut pruned = None;
    loop {
        pulse.beat();
        let now = clock::now();
        let eyes = lookout.eyes(now);
        if let Some(seen) = eyes.jump.filter(|seen| seen.at == now) {
            tracing::warn!(
                by_ms = seen.by_ms,
                "the clock jumped: nothing by itself for 30 s"
            );
        }
        sit_out(desk.turn(eyes, now).await)?;
        if pruned.is_none_or(|pruned: Stopwatch| pruned.elapsed() >= PRUNE_EVERY) {
            sit_out(
                desk.store
                    .prune_failures(now.minus_ms(KEPT_MS))
                    .await
                    .map(drop),
            )?;
            pruned = Some(Stopwatch::start());
        }
        let open = desk.store.open_proposals().await.unwrap_or_default();
        let is_on_its_way = open.iter().any(|one| one.state != ProposalState::Waiting);
        let wait = if is_on_its_way {
            LOOK_AGAIN
        } else {
            LOOK_EVERY
        };
        if pause(wait, stop).await {
            return Ok(());
        }
    }
}

async fn watch_on(desk: &Desk, stop: &CancellationToken) -> Result<(), StoreError> {
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            watched = desk.watch() => sit_out(watched.map(drop))?,
        }
        if pause(LOOK_EVERY, stop).await {
            return Ok(());
        }
    }
}

async fn send_on(desk: &Desk, stop: &CancellationToken) -> Result<(), StoreError> {
    loop {
        // A mail under way is not broken off: whether it was taken would be unknown.
        let tried = match desk.send_due().await {
            Ok(tried) => tried,
            Err(error) => {
                sit_out(Err(error))?;
                0
            }
        };
        if stop.is_cancelled() || (tried == 0 && pause(LOOK_EVERY, stop).await) {
            return Ok(());
        }
    }
}

/// Waits for the next look; whether it is time to stop.
async fn pause(wait: Duration, stop: &CancellationToken) -> bool {
    tokio::select! {
        () = stop.cancelled() => true,
        () = tokio::time::sleep(wait) => false,
    }
}

/// A full disk or a lock is told and sat out: the next turn may find it gone.
fn sit_out(result: Result<(), StoreError>) -> Result<(), StoreError> {
    match result {
        Err(error) if error.may_pass() => {
            tracing::error!("{error}");
            Ok(())
        }
        result => result,
    }
}

/// Sees when the process started and how the clock jumps, for as long as it is asked.
#[derive(Debug)]
pub struct Lookout {
    started_at: Option<UtcMs>,
    clocks: Clocks,
    jump: Option<Jump>,
}

impl Lookout {
    /// Of a service that starts now.
    pub fn of_service() -> Self {
        let clocks = Clocks::start();
        Self {
            started_at: Some(clocks.wall),
            clocks,
            jump: None,
        }
    }

    /// Of a command, which somebody called: its start is no reason to wait.
    pub fn of_command() -> Self {
        Self {
            started_at: None,
            ..Self::of_service()
        }
    }

    /// What is seen now, where `now` is what the wall clock says.
    pub fn eyes(&mut self, now: UtcMs) -> Eyes {
        self.jump = self.clocks.turn(now).or(self.jump);
        Eyes {
            started_at: self.started_at,
            jump: self.jump,
            is_last: false,
        }
    }
}

/// The wall clock beside the steady one.
#[derive(Debug)]
struct Clocks {
    wall: UtcMs,
    steady: Stopwatch,
}

impl Clocks {
    fn start() -> Self {
        Self {
            wall: clock::now(),
            steady: Stopwatch::start(),
        }
    }

    /// The jump since the last turn, where there was one; `now` is what the wall clock says.
    fn turn(&mut self, now: UtcMs) -> Option<Jump> {
        let jump = decide::jumped(self.wall, now, i64::from(self.steady.elapsed_ms()));
        *self = Self {
            wall: now,
            steady: Stopwatch::start(),
        };
        jump
    }
}

#[cfg(test)]
#[path = "task_tests.rs"]
mod tests;
