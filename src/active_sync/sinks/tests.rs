//! The sinks against real files, programs and a web server.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

#[cfg(unix)]
mod command;
#[cfg(unix)]
mod file;
#[cfg(unix)]
mod full_disk;
#[cfg(unix)]
mod killed;
mod server;
mod webhook;

use std::io::Write;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::*;
use crate::model::{Outgoing, Queued};

/// An event whose body says its number.
fn event(seq: i64) -> Queued {
    sized(seq, 0)
}

/// An event with so many more bytes in its body.
fn sized(seq: i64, more: usize) -> Queued {
    let body = serde_json::json!({ "specversion": "1.0", "n": seq, "pad": "x".repeat(more) });
    Queued {
        seq,
        event: Outgoing {
            id: format!("{seq:032x}"),
            guid: None,
            body: body.to_string(),
        },
    }
}

fn events(seqs: std::ops::Range<i64>) -> Vec<Queued> {
    seqs.map(event).collect()
}

/// The numbers of the events on these lines, each of which must be whole.
fn numbers(text: &str) -> Vec<i64> {
    text.lines()
        .map(|line| {
            let value: serde_json::Value =
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            value["n"].as_i64().unwrap()
        })
        .collect()
}

fn down(delivered: &Delivered) -> &Down {
    let found = delivered.down.as_ref();
    found.unwrap_or_else(|| panic!("not down: {delivered:?}"))
}

fn all_up_to(seq: i64) -> Delivered {
    Delivered {
        acknowledged_up_to: Some(seq),
        ..Delivered::default()
    }
}

/// A pipe of so many bytes of room, which then fails.
#[derive(Clone)]
struct Pipe {
    text: Arc<Mutex<Vec<u8>>>,
    room: Arc<Mutex<usize>>,
    error: std::io::ErrorKind,
}

impl Pipe {
    fn new(error: std::io::ErrorKind) -> Self {
        Self {
            text: Arc::default(),
            room: Arc::new(Mutex::new(usize::MAX)),
            error,
        }
    }

    fn set_room(&self, room: usize) {
        *self.room.lock().unwrap() = room;
    }

    fn text(&self) -> String {
        String::from_utf8(self.text.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut room = self.room.lock().unwrap();
        let fits = bytes.len().min(*room);
        if fits == 0 {
            return Err(self.error.into());
        }
        *room -= fits;
        self.text.lock().unwrap().extend_from_slice(&bytes[..fits]);
        Ok(fits)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn standard_output_gets_whole_lines() {
    let pipe = Pipe::new(std::io::ErrorKind::Other);
    let mut sink = stdout::Stdout::new(pipe.clone());
    assert_eq!(sink.deliver(&[]).await, Delivered::default());
    assert_eq!(sink.deliver(&events(1..4)).await, all_up_to(3));
    assert_eq!(numbers(&pipe.text()), [1, 2, 3]);

    pipe.set_room(5);
    let failed = sink.deliver(&events(4..6)).await;
    assert_eq!(failed.acknowledged_up_to, None);
    assert!(!down(&failed).is_fatal);
    let torn = pipe.text();
    assert!(!torn.ends_with('\n'), "{torn}");

    pipe.set_room(usize::MAX);
    assert_eq!(sink.deliver(&events(4..6)).await, all_up_to(5));
    let rest = pipe.text().strip_prefix(&torn).unwrap().to_owned();
    assert_eq!(numbers(rest.strip_prefix('\n').unwrap()), [4, 5]);
}

#[tokio::test]
async fn a_reader_of_standard_output_that_is_gone_ends_it() {
    let pipe = Pipe::new(std::io::ErrorKind::BrokenPipe);
    pipe.set_room(0);
    let gone = stdout::Stdout::new(pipe).deliver(&events(6..7)).await;
    assert!(down(&gone).is_fatal);
    assert!(
        down(&gone)
            .why
            .contains("reader of standard output is gone")
    );
}

#[test]
fn a_wait_is_spread_and_bounded_and_heeds_the_receiver() {
    let (ms, secs) = (Duration::from_millis, Duration::from_secs);
    assert_eq!(next_wait(1, None, 1.0), secs(1));
    assert_eq!(next_wait(1, None, 0.0), ms(100));
    assert_eq!(next_wait(4, None, 0.5), secs(4));
    assert_eq!(next_wait(9, None, 1.0), secs(256));
    assert_eq!(next_wait(10, None, 1.0), secs(300));
    assert_eq!(next_wait(u32::MAX, None, 1.0), secs(300));
    assert_eq!(next_wait(1, Some(secs(7)), 1.0), secs(7));
    assert_eq!(next_wait(9, Some(secs(7)), 1.0), secs(256));
    assert_eq!(next_wait(1, Some(secs(900)), 0.0), secs(900));
    assert_eq!(next_wait(1, Some(Duration::MAX), 0.0), secs(3600));
}

proptest! {
    #[test]
    fn no_wait_is_out_of_bounds(attempt: u32, asked in proptest::option::of(any::<u64>()), chance: f64) {
        let wait = next_wait(attempt, asked.map(Duration::from_millis), chance);
        prop_assert!(wait >= Duration::from_millis(100) && wait <= Duration::from_hours(1));
    }
}

#[test]
fn a_delivery_can_be_done_by_any_thread() {
    fn is_send<T: Send>(_: &T) {}
    let settings = config::Sink::Stdout;
    let mut sink = Sink::new("out", &settings).unwrap();
    assert_eq!(sink.name(), "out");
    is_send(&sink.deliver(&[]));
}
