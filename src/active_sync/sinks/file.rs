//! Events appended to a file as lines of JSON, written through to the disk before they count as taken.
//!
//! # Decisions
//! - The file is the owner's alone (0600), since events hold personal data. An owner may let a group read it: a new
//!   file after a rotation takes the group's bits over. A file that everybody may open is refused.
//! - A last line without its end is what a crash left of an event that was never acknowledged and will come again: it is
//!   cut off. It is only cut where it looks like ours, so that a wrong `path` destroys nothing.
//! - A full disk takes the events that fit as whole lines; what was written of the next is cut off at once.
//! - After a failed `fsync` the lines in question are cut off and written again: the system may have forgotten them
//!   while it says that they are there.
//! - The file is locked while it is open, and opened again where another program has renamed it.
//! - The work is done on a thread of its own, which finishes it even where the delivery is broken off; the next delivery
//!   waits for it.

mod open;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::Mutex;

use super::{Delivered, Down, lines};
use crate::config::FileSink;
use crate::model::Queued;
use open::Open;

#[derive(Debug)]
pub(super) struct JsonLines {
    writer: Arc<Mutex<Writer>>,
}

impl JsonLines {
    pub(super) fn new(settings: &FileSink) -> Self {
        Self {
            writer: Arc::new(Mutex::new(Writer {
                settings: settings.clone(),
                open: None,
            })),
        }
    }

    pub(super) async fn deliver(&mut self, events: &[Queued]) -> Delivered {
        let mut writer = Arc::clone(&self.writer).lock_owned().await;
        let events = events.to_vec();
        let done = tokio::task::spawn_blocking(move || writer.deliver(&events)).await;
        done.unwrap_or_else(|_| Delivered {
            down: Some(Down::for_now("writing was broken off: the service stops")),
            ..Delivered::default()
        })
    }
}

#[derive(Debug)]
struct Writer {
    settings: FileSink,
    open: Option<Open>,
}

/// What became of the events of one write.
struct Written {
    /// How many are on the disk.
    count: usize,
    problem: Option<Down>,
}

impl Writer {
    fn deliver(&mut self, events: &[Queued]) -> Delivered {
        let mut delivered = Delivered::default();
        let mut rest = events;
        while !rest.is_empty() {
            let (count, problem) = match self.ready_for(rest) {
                Ok((open, fitting)) => {
                    let written = open.append(rest.get(..fitting).unwrap_or(rest));
                    (written.count, written.problem)
                }
                Err(down) => (0, Some(down)),
            };
            let (done, left) = rest.split_at(count.min(rest.len()));
            if let Some(last) = done.last() {
                delivered.acknowledged_up_to = Some(last.seq);
            }
            rest = left;
            if problem.is_some() {
                // Looked at anew, with all checks, before the next write.
                self.open = None;
                delivered.down = problem;
                break;
            }
        }
        delivered
    }

    /// The file, open and with room for the first event, and how many of the events fit into it: at least one.
    fn ready_for(&mut self, events: &[Queued]) -> Result<(&mut Open, usize), Down> {
        let FileSink {
            path,
            rotate_bytes,
            keep,
        } = &self.settings;
        let open = match self.open.take() {
            Some(open) if open.is_still_at(path) => open,
            _ => Open::at(path)?,
        };
        let length = open.length()?;
        let fitting = fitting(events, rotate_bytes.saturating_sub(length));
        let (open, fitting) = if fitting == 0 && length > 0 {
            let mode = open.mode()?;
            drop(open);
            rotate(path, *keep)?;
            let open = Open::at(path)?;
            open.set_mode(mode)?;
            (open, self::fitting(events, *rotate_bytes))
        } else {
            (open, fitting)
        };
        Ok((self.open.insert(open), fitting.max(1)))
    }
}

/// How many of the events fit into so many bytes.
fn fitting(events: &[Queued], room: u64) -> usize {
    let mut left = room;
    let fits = |one: &&Queued| match left.checked_sub(one.event.body.len() as u64 + 1) {
        Some(rest) => {
            left = rest;
            true
        }
        None => false,
    };
    events.iter().take_while(fits).count()
}

impl Open {
    /// Appends the events as far as the disk takes them.
    fn append(&mut self, events: &[Queued]) -> Written {
        let nothing = |problem| Written {
            count: 0,
            problem: Some(problem),
        };
        let before = match self.length() {
            Ok(length) => length,
            Err(down) => return nothing(down),
        };
        let bytes = lines(events);
        let (done, failed) = self.write(&bytes);
        let (count, whole) = whole_lines(events, done);
        if done > whole
            && let Err(down) = self.cut(before + whole as u64)
        {
            return nothing(down);
        }
        if let Err(error) = self.file.sync_data() {
            // Where this fails too, the same lines come twice.
            drop(self.cut(before));
            return nothing(self.failed("written through to the disk", &error));
        }
        Written {
            count,
            problem: failed.map(|error| self.failed("written", &error)),
        }
    }

    /// Writes as much as can be; says how much that was.
    fn write(&mut self, bytes: &[u8]) -> (usize, Option<std::io::Error>) {
        let mut done = 0;
        while let Some(rest) = bytes.get(done..)
            && !rest.is_empty()
        {
            match self.file.write(rest) {
                Ok(0) => return (done, Some(std::io::ErrorKind::WriteZero.into())),
                Ok(more) => done += more,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return (done, Some(error)),
            }
        }
        (done, None)
    }
}

/// How many events lie whole within the first `written` bytes of their lines, and where the last of them ends.
fn whole_lines(events: &[Queued], written: usize) -> (usize, usize) {
    let mut end = 0;
    for (count, one) in events.iter().enumerate() {
        let next = end + one.event.body.len() + 1;
        if next > written {
            return (count, end);
        }
        end = next;
    }
    (events.len(), end)
}

/// Makes `path` the first of the older files, and each older one the next. Where a former rotation was cut short there
/// is a gap, which is filled; else the oldest goes.
fn rotate(path: &Path, keep: u32) -> Result<(), Down> {
    let free = (1..=keep).find(|number| {
        let older = fs::symlink_metadata(numbered(path, *number));
        older.is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
    });
    for number in (1..free.unwrap_or(keep)).rev() {
        rename(&numbered(path, number), &numbered(path, number + 1))?;
    }
    rename(path, &numbered(path, 1))?;
    open::sync_folder(path)
}

fn rename(from: &Path, to: &Path) -> Result<(), Down> {
    fs::rename(from, to).map_err(|error| {
        Down::for_now(format!(
            "{} cannot be renamed to {}: {error}; check the folder's permissions",
            from.display(),
            to.display()
        ))
    })
}

/// The older file of this number.
fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    PathBuf::from(name)
}
