//! Events as lines of JSON on standard output.
//!
//! # Decisions
//! - Taken means written and flushed; what the reader at the other end does with it is not known.
//! - The work is done on a thread of its own, which finishes it even where the delivery is broken off, so that no line
//!   is left half written by that; the next delivery waits for it. A slow reader slows the feed.
//! - A failed write may have left half a line: the next delivery begins on a line of its own.

use std::io::{self, Write};
use std::sync::Arc;

use tokio::sync::Mutex;

use super::{Delivered, Down, lines};
use crate::model::Queued;

#[derive(Debug)]
pub(super) struct Stdout<W> {
    writer: Arc<Mutex<Writer<W>>>,
}

#[derive(Debug)]
struct Writer<W> {
    out: W,
    /// Whether the last write has failed, perhaps within a line.
    is_torn: bool,
}

impl<W: Write + Send + 'static> Stdout<W> {
    pub(super) fn new(out: W) -> Self {
        let writer = Writer {
            out,
            is_torn: false,
        };
        Self {
            writer: Arc::new(Mutex::new(writer)),
        }
    }

    pub(super) async fn deliver(&mut self, events: &[Queued]) -> Delivered {
        let Some(last) = events.last() else {
            return Delivered::default();
        };
        let lines = lines(events);
        let mut writer = Arc::clone(&self.writer).lock_owned().await;
        let down = match tokio::task::spawn_blocking(move || writer.write(&lines)).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(down(&error)),
            Err(_) => Some(Down::for_now("writing was broken off: the service stops")),
        };
        Delivered {
            acknowledged_up_to: down.is_none().then_some(last.seq),
            dead: Vec::new(),
            down,
        }
    }
}

impl<W: Write> Writer<W> {
    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        if std::mem::replace(&mut self.is_torn, true) {
            self.out.write_all(b"\n")?;
        }
        self.out.write_all(lines)?;
        self.out.flush()?;
        self.is_torn = false;
        Ok(())
    }
}

fn down(error: &io::Error) -> Down {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Down::for_good("the reader of standard output is gone"),
        _ => Down::for_now(format!("standard output cannot be written: {error}")),
    }
}
