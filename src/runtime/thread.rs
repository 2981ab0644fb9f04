//! Work on a thread of its own, with a runtime of its own.
//!
//! # Decisions
//! - The reading of many objects is a long talk between the task that reads and the one that drives its connection. On
//!   the shared threads every entry wakes another thread up; on one thread the two take turns, for about a third less CPU.
//! - Ends as a task does: a panic goes on where the work is waited for, and nobody waiting any more is the end of it.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use tokio::runtime::Builder;
use tokio::sync::oneshot;

/// Runs a future on a thread of this name, and gives what it gives; an error where no thread can be had.
///
/// Dropping the returned future drops the work where it waits next. A panic in the work is one here.
pub async fn on_own_thread<T: Send + 'static>(
    name: &str,
    work: impl Future<Output = T> + Send + 'static,
) -> std::io::Result<T> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let (mut tell, told) = oneshot::channel();
    let run = move || {
        let ended = catch_unwind(AssertUnwindSafe(|| {
            runtime.block_on(async {
                tokio::select! {
                    ended = work => Some(ended),
                    () = tell.closed() => None,
                }
            })
        }));
        // A name server that is gone can hold a helper of the runtime for minutes, which nobody waits for.
        runtime.shutdown_background();
        // Where nobody waits any more, nobody wants to know.
        drop(tell.send(ended));
    };
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(run)?;
    match told.await {
        Ok(Ok(Some(ended))) => Ok(ended),
        Ok(Err(panic)) => resume_unwind(panic),
        Ok(Ok(None)) | Err(_) => Err(std::io::Error::other("the thread ended without a word")),
    }
}

#[cfg(test)]
#[path = "thread_tests.rs"]
mod tests;
