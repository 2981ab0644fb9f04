//! Progress on stderr, for a person at a terminal.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// What ends within this is shown no progress.
const SOON: Duration = Duration::from_millis(300);
/// How often a spinner turns.
const TURN: Duration = Duration::from_millis(120);

/// Shows on stderr that `work` goes on and for how long; nothing where stderr is no terminal, nothing is to be said,
/// or it is soon done.
pub(super) async fn during<T>(what: &'static str, quiet: bool, work: impl Future<Output = T>) -> T {
    if quiet || !std::io::stderr().is_terminal() {
        return work.await;
    }
    let mut work = std::pin::pin!(work);
    if let Ok(done) = tokio::time::timeout(SOON, work.as_mut()).await {
        return done;
    }
    let spinner = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{msg} {spinner} {elapsed}") {
        spinner.set_style(style);
    }
    spinner.set_message(what);
    spinner.enable_steady_tick(TURN);
    let done = work.await;
    spinner.finish_and_clear();
    done
}

/// A bar over `steps` steps on stderr; hidden where stderr is no terminal or nothing is to be said.
pub(super) fn bar(what: &'static str, steps: usize, quiet: bool) -> ProgressBar {
    let target = if quiet || !std::io::stderr().is_terminal() {
        ProgressDrawTarget::hidden()
    } else {
        ProgressDrawTarget::stderr()
    };
    let bar = ProgressBar::with_draw_target(Some(u64::try_from(steps).unwrap_or(u64::MAX)), target);
    if let Ok(style) = ProgressStyle::with_template("{msg} {bar:30} {pos}/{len} {elapsed}") {
        bar.set_style(style);
    }
    bar.with_message(what)
}

/// Turns a full bar into what is done after its last step, for however long that takes.
pub(super) fn last_step(bar: &ProgressBar, what: &'static str) {
    bar.set_message(what);
    bar.enable_steady_tick(TURN);
}
