//! The errors of a failed sync, as `on-error` is given them: arguments, or what stands on standard input.
//!
//! # Decisions
//! - Of a long input the begin and the end are kept: a trace begins with what went wrong, a log ends with it. What is
//!   between them is read and let go, so that whoever writes is not cut off.
//! - Stack frames are dropped before anything is counted or cut.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{ErrorKind, IsTerminal as _, Read};

use super::CliError;
use crate::model::Encoding;
use crate::on_error::decide::{most_telling, shortened, without_frames};

/// The bytes of standard input that are kept of its begin and of its end; even, so that UTF-16 stays whole.
const HEAD: usize = 64 * 1024;
const TAIL: usize = 1024 * 1024;
/// The most errors, and characters of each, that are kept.
const ERRORS: usize = 100;
const ERROR: usize = 4_000;

/// The errors as given, else the lines of standard input.
pub(super) fn errors(given: &[OsString]) -> Result<Vec<String>, CliError> {
    // An error is on record in whatever encoding it came.
    let given = given.iter().map(|text| text.to_string_lossy());
    let mut texts: Vec<String> = given.map(|text| without_frames(&text)).collect();
    if texts.is_empty() && !std::io::stdin().is_terminal() {
        let text = text_from(std::io::stdin().lock()).map_err(|source| {
            CliError::failed("cannot read the errors from standard input", source)
        })?;
        texts = without_frames(&text).lines().map(str::to_owned).collect();
    }
    let lines = texts.iter().map(|text| text.trim());
    let lines: Vec<&str> = lines.filter(|text| !text.is_empty()).collect();
    if lines.is_empty() {
        return Err(CliError::Usage(
            "no error is given: name it as an argument, or write it to standard input".to_owned(),
        ));
    }
    let kept = most_telling(&lines, ERRORS).into_iter();
    Ok(kept.map(|text| shortened(text, ERROR)).collect())
}

/// Begin and end of what is written, as text.
fn text_from(mut from: impl Read) -> std::io::Result<String> {
    let (mut head, mut tail) = (Vec::new(), VecDeque::new());
    let mut is_cut = false;
    let mut part = vec![0; 64 * 1024];
    loop {
        let read = match from.read(&mut part) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let part = part.get(..read).unwrap_or_default();
        let (first, rest) = part.split_at(part.len().min(HEAD - head.len()));
        head.extend_from_slice(first);
        tail.extend(rest);
        // Two at a time, so that no letter of UTF-16 is cut in two.
        let over = tail.len().saturating_sub(TAIL).next_multiple_of(2);
        is_cut |= over > 0;
        tail.drain(..over.min(tail.len()));
    }
    let encoding = Encoding::of(&head);
    if is_cut {
        let end = encoding.lossy(tail.make_contiguous());
        return Ok(encoding.lossy(&head) + "\n" + &end);
    }
    head.extend(tail);
    Ok(encoding.lossy(&head))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::io::{Error, ErrorKind, Read};

    use super::{HEAD, TAIL, text_from};

    /// Gives its bytes a few at a time, interrupted before each.
    struct Halting<'a> {
        rest: &'a [u8],
        is_interrupted: bool,
    }

    impl Read for Halting<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            self.is_interrupted = !self.is_interrupted;
            if self.is_interrupted {
                return Err(Error::from(ErrorKind::Interrupted));
            }
            let few = buffer.len().min(1_013);
            self.rest.read(buffer.get_mut(..few).unwrap())
        }
    }

    fn read(bytes: &[u8]) -> String {
        let halting = Halting {
            rest: bytes,
            is_interrupted: false,
        };
        text_from(halting).unwrap()
    }

    #[test]
    fn begin_and_end_of_what_is_written_are_kept() {
        let most = HEAD + TAIL;
        for length in [0, 7, HEAD, HEAD + 1, most - 1, most, most + 1, 3 * most + 5] {
            let all: Vec<u8> = (b' '..b'z').cycle().take(length).collect();
            let text = read(&all);
            if length <= most {
                assert_eq!(text.as_bytes(), all, "of {length} bytes");
                continue;
            }
            let (begin, end) = text.split_once('\n').unwrap();
            assert!(all.starts_with(begin.as_bytes()), "of {length} bytes");
            assert!(all.ends_with(end.as_bytes()), "of {length} bytes");
            assert_eq!(begin.len(), HEAD);
            assert!((TAIL - 1..=TAIL).contains(&end.len()), "of {length} bytes");
        }
    }

    #[test]
    fn a_long_log_in_utf_16_stays_text() {
        let log = "ldap: Verbindung abgewiesen — kaputt\r\n".repeat(60_000);
        let units = log.encode_utf16().flat_map(u16::to_le_bytes);
        let bytes: Vec<u8> = [0xff, 0xfe].into_iter().chain(units).collect();
        let text = read(&bytes);
        assert!(text.starts_with("ldap: Verb") && text.ends_with("kaputt\r\n"));
        assert!(!text.contains('\u{fffd}'));
    }
}
