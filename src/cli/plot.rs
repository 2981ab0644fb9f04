//! USN over time as a small drawing for the terminal.
//!
//! # Decisions
//! - Every incarnation has a drawing of its own, since USNs of two compare to nothing; all share the time axis.
//! - Samples are joined by a line, but not over a pause of more than three times the usual one: a gap in the line is a
//!   time without samples.
//! - Braille dots (2 × 4 in a character) where the terminal can show them, `*` otherwise.

use crate::model::{Usn, UtcMs};

/// The rows of one drawing.
const ROWS: usize = 6;
/// The row that the middle of the canvas is in, from the top.
const MIDDLE: usize = ROWS / 2 - 1;
/// The fewest columns worth drawing in.
const NARROWEST: usize = 20;
/// A pause longer than so many usual ones is a gap.
const GAP: i64 = 3;

/// The bits of a Braille pattern (Unicode block 2800): left dots 1 2 3 7, right dots 4 5 6 8, from the top.
const BITS: [[u32; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];

/// One incarnation's samples.
pub(super) struct Series {
    /// What stands above the drawing.
    pub(super) title: String,
    /// The samples, in any order.
    pub(super) samples: Vec<(UtcMs, Usn)>,
}

/// Draws every series, at most `width` characters wide.
pub(super) fn draw(series: &[Series], width: usize, braille: bool) -> String {
    let times = || {
        series
            .iter()
            .flat_map(|one| one.samples.iter().map(|s| s.0))
    };
    let (Some(from), Some(to)) = (times().min(), times().max()) else {
        return "no samples to draw".to_owned();
    };
    let labels = series.iter().flat_map(|one| &one.samples);
    let label = labels.map(|s| s.1.to_string().len()).max().unwrap_or(0);
    let columns = width.saturating_sub(label + 3).max(NARROWEST);
    let mut drawn: Vec<String> = series
        .iter()
        .filter(|one| !one.samples.is_empty())
        .map(|one| panel(one, (from, to), label, columns, braille))
        .collect();
    drawn.push(time_axis(from, to, label, columns));
    drawn.join("\n")
}

/// Whether the locale is UTF-8, so that Braille can be shown (the order of the variables is POSIX's).
pub(super) fn braille() -> bool {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(set)
        .is_some_and(|locale| {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        })
}

fn panel(
    series: &Series,
    span: (UtcMs, UtcMs),
    label: usize,
    columns: usize,
    braille: bool,
) -> String {
    let mut samples = series.samples.clone();
    samples.sort_unstable();
    let usns = || samples.iter().map(|sample| sample.1.get());
    let (low, high) = (usns().min().unwrap_or(0), usns().max().unwrap_or(0));
    let mut canvas = Canvas::new(columns, braille);
    let place = |(at, usn): (UtcMs, Usn)| {
        let x = scaled(
            at.ms_since(span.0),
            span.1.ms_since(span.0),
            canvas.wide - 1,
        );
        // One value alone runs through the middle.
        let y = if low == high {
            canvas.high / 2
        } else {
            scaled(usn.get() - low, high - low, canvas.high - 1)
        };
        (x, y)
    };
    let usual = usual_pause(&samples);
    let mut dots = Vec::new();
    let mut before: Option<((UtcMs, Usn), Dot)> = None;
    for sample in samples {
        let dot = place(sample);
        let joined = before.filter(|((at, _), _)| sample.0.ms_since(*at) <= usual * GAP);
        line(joined.map_or(dot, |(_, dot)| dot), dot, &mut dots);
        before = Some((sample, dot));
    }
    for dot in dots {
        canvas.set(dot);
    }
    let (tick, wall) = if braille { ('┤', '│') } else { ('+', '|') };
    let rows = canvas.rows();
    let last = rows.len().saturating_sub(1);
    let lines = rows.iter().enumerate().map(|(nth, row)| {
        let (text, edge) = match nth {
            _ if low == high && nth != MIDDLE => (String::new(), wall),
            MIDDLE if low == high => (low.to_string(), tick),
            0 => (high.to_string(), tick),
            _ if nth == last => (low.to_string(), tick),
            _ => (String::new(), wall),
        };
        format!("{text:>label$} {edge}{row}").trim_end().to_owned()
    });
    let lines: Vec<String> = std::iter::once(series.title.clone()).chain(lines).collect();
    lines.join("\n") + "\n"
}

/// From when to when, below the drawings.
fn time_axis(from: UtcMs, to: UtcMs, label: usize, columns: usize) -> String {
    let (from, to) = (from.to_string(), to.to_string());
    let indent = label + 2;
    match columns.checked_sub(from.len() + to.len()) {
        Some(space @ 1..) => format!("{:indent$}{from}{:space$}{to}", "", ""),
        _ => format!("{:indent$}{from}\n{:indent$}{to}", "", ""),
    }
}

/// The middle one of all pauses between samples, at least a millisecond.
fn usual_pause(samples: &[(UtcMs, Usn)]) -> i64 {
    let pairs = samples.iter().zip(samples.iter().skip(1));
    let mut pauses: Vec<i64> = pairs.map(|(a, b)| b.0.ms_since(a.0)).collect();
    pauses.sort_unstable();
    pauses.get(pauses.len() / 2).copied().unwrap_or(0).max(1)
}

/// `part` of `whole` on a scale from 0 to `last`, to the nearest.
fn scaled(part: i64, whole: i64, last: usize) -> usize {
    let wide = |number: i64| u128::try_from(number).unwrap_or(0);
    let scale = u128::try_from(last).unwrap_or(0);
    let whole = wide(whole).max(1);
    let at = (wide(part) * scale + whole / 2) / whole;
    usize::try_from(at).unwrap_or(last).min(last)
}

/// Column from the left and row from the bottom, in dots.
type Dot = (usize, usize);

/// Every dot from one to the other, without a hole; `to` is not left of `from`.
fn line(from: Dot, to: Dot, dots: &mut Vec<Dot>) {
    let wide = to.0.saturating_sub(from.0);
    let mut before = from.1;
    for step in 0..=wide {
        let y = match wide {
            0 => to.1,
            _ if to.1 >= from.1 => from.1 + (to.1 - from.1) * step / wide,
            _ => from.1 - (from.1 - to.1) * step / wide,
        };
        let rows = before.min(y)..=before.max(y);
        dots.extend(rows.map(|row| (from.0 + step, row)));
        before = y;
    }
}

/// Where dots are set.
struct Canvas {
    wide: usize,
    high: usize,
    braille: bool,
    dots: std::collections::BTreeSet<Dot>,
}

impl Canvas {
    fn new(columns: usize, braille: bool) -> Self {
        let (wide, high) = if braille {
            (columns * 2, ROWS * 4)
        } else {
            (columns, ROWS)
        };
        Self {
            wide,
            high,
            braille,
            dots: std::collections::BTreeSet::new(),
        }
    }

    fn set(&mut self, dot: Dot) {
        self.dots.insert(dot);
    }

    /// The rows of characters, top first.
    fn rows(&self) -> Vec<String> {
        let columns = if self.braille {
            self.wide / 2
        } else {
            self.wide
        };
        let row = |row: usize| {
            (0..columns)
                .map(|column| self.character(column, row))
                .collect()
        };
        (0..ROWS).map(row).collect()
    }

    fn character(&self, column: usize, row: usize) -> char {
        if !self.braille {
            let set = self.dots.contains(&(column, ROWS - 1 - row));
            return if set { '*' } else { ' ' };
        }
        let mut bits = 0;
        for (down, pair) in BITS.iter().enumerate() {
            for (right, bit) in pair.iter().enumerate() {
                let y = self.high - 1 - (row * 4 + down);
                if self.dots.contains(&(column * 2 + right, y)) {
                    bits |= bit;
                }
            }
        }
        if bits == 0 {
            return ' ';
        }
        char::from_u32(0x2800 + bits).unwrap_or('*')
    }
}

#[cfg(test)]
mod tests;
