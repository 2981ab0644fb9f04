//! Stopping and starting a systemd unit, and waiting until systemd says that it is so.
//!
//! # Decisions
//! - `systemctl stop` may return before a unit that is stopped elsewhere at the same time is down, and a unit may come
//!   up and fall at once: the state is asked for afterwards, and no other word than the right one counts.

use std::time::Duration;

use super::CommandFailure;
use super::command::{self, Input};
use crate::clock::Stopwatch;

/// The program.
pub(super) const SYSTEMCTL: &str = "systemctl";

/// How often the state is asked for.
const LOOK: Duration = Duration::from_millis(200);

/// Why a unit is not as it was asked to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum UnitProblem {
    /// `systemctl` did not succeed.
    Command(CommandFailure),
    /// It did, and the unit's state is another.
    State(String),
}

/// Lets `systemctl` `stop` or `start` the unit and waits, at most `bound`, until the unit's state is the right one.
pub(super) async fn turn(
    systemctl: &str,
    which: &str,
    unit: &str,
    bound: Duration,
) -> Result<(), UnitProblem> {
    let argv = |verb: &str| [systemctl, verb, "--", unit].map(str::to_owned);
    let waited = Stopwatch::start();
    command::run(&argv(which), bound, Input::Nothing)
        .await
        .map_err(UnitProblem::Command)?;
    loop {
        let state = state(&argv("is-active"), bound).await?;
        let is_right = match which {
            "start" => state == "active",
            _ => ["inactive", "failed"].contains(&state.as_str()),
        };
        if is_right {
            return Ok(());
        }
        // A unit that fell down after its start does not come back by waiting.
        let has_fallen = which == "start" && ["inactive", "failed"].contains(&state.as_str());
        if has_fallen || waited.elapsed() >= bound {
            return Err(UnitProblem::State(state));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// What `is-active` says: its exit status is 0 for an active unit alone, the word is on its output.
async fn state(argv: &[String], bound: Duration) -> Result<String, UnitProblem> {
    match command::run(argv, bound, Input::Nothing).await {
        Ok(()) => Ok("active".to_owned()),
        Err(CommandFailure::Failed {
            code: Some(_),
            output,
            ..
        }) if !output.is_empty() => Ok(output),
        Err(failure) => Err(UnitProblem::Command(failure)),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::time::Duration;

    use tempfile::TempDir;

    use super::{UnitProblem, turn};

    /// A `systemctl` that keeps each unit's states in a file: the first line is the state, and goes with every look.
    const FAKE: &str = r#"#!/bin/sh
cd "$(dirname "$0")" || exit 1
echo "$*" >> calls
case $1 in
  stop) [ "$3" != stubborn ] || exit 1; cp after_stop state ;;
  start) cp after_start state ;;
  is-active) s=$(head -n 1 state); [ "$(wc -l < state)" = 1 ] || sed -i 1d state; echo "$s"; [ "$s" = active ] || exit 3 ;;
esac
"#;

    struct Fake(TempDir);

    impl Fake {
        fn new(after_stop: &str, after_start: &str) -> Self {
            let dir = TempDir::new().unwrap();
            let program = dir.path().join("systemctl");
            fs::write(&program, FAKE).unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
            fs::write(dir.path().join("after_stop"), after_stop).unwrap();
            fs::write(dir.path().join("after_start"), after_start).unwrap();
            Self(dir)
        }

        async fn turn(&self, which: &str, unit: &str) -> Result<(), UnitProblem> {
            let program = self.0.path().join("systemctl");
            turn(
                program.to_str().unwrap(),
                which,
                unit,
                Duration::from_secs(3),
            )
            .await
        }
    }

    #[tokio::test]
    async fn a_unit_is_waited_for_until_its_state_is_right() {
        let fake = Fake::new("deactivating\nactive\ninactive\n", "activating\nactive\n");
        fake.turn("stop", "hr.service").await.unwrap();
        fake.turn("start", "hr.service").await.unwrap();
        let calls = fs::read_to_string(fake.0.path().join("calls")).unwrap();
        let asked = calls.matches("is-active -- hr.service").count();
        assert_eq!(asked, 5, "{calls}");
        assert!(calls.starts_with("stop -- hr.service\n"), "{calls}");
    }

    #[tokio::test]
    async fn a_unit_that_falls_or_stays_up_is_an_error_that_names_its_state() {
        let fake = Fake::new("active\n", "activating\nfailed\n");
        let fallen = fake.turn("start", "hr.service").await;
        assert_eq!(fallen, Err(UnitProblem::State("failed".to_owned())));
        let up = fake.turn("stop", "hr.service").await;
        assert_eq!(up, Err(UnitProblem::State("active".to_owned())));
        let refused = fake.turn("stop", "stubborn").await.unwrap_err();
        assert!(matches!(refused, UnitProblem::Command(_)), "{refused:?}");
    }
}
