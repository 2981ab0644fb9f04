//! The drawings, character by character.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;

fn at(minute: i64) -> UtcMs {
    let start: UtcMs = "2026-11-22T08:00:00Z".parse().unwrap();
    start.plus_ms(minute * 60_000)
}

fn series(title: &str, samples: impl IntoIterator<Item = (i64, i64)>) -> Series {
    Series {
        title: title.to_owned(),
        samples: samples
            .into_iter()
            .map(|(minute, usn)| (at(minute), Usn::new(usn).unwrap()))
            .collect(),
    }
}

/// A DC that is busy, silent for a while, and busier; and one that stands still.
fn two() -> Vec<Series> {
    let busy = (0..=60)
        .filter(|minute| !(25..40).contains(minute))
        .map(|m| (m, 48_000 + m * m / 4));
    vec![
        series("dc1", busy),
        series("dc2", (0..=60).rev().map(|minute| (minute, 7))),
    ]
}

#[test]
fn a_drawing_in_ascii() {
    let expected = "\
dc1
48900 +                                                 ****
      |                                            ******
      |                                     ********
      |                                   ***
      |                ******
48000 +*****************

dc2
      |
      |
    7 +*****************************************************
      |
      |
      |

       2026-11-22T08:00:00.000Z     2026-11-22T09:00:00.000Z";
    assert_eq!(draw(&two(), 61, false), expected);
}

#[test]
fn a_drawing_in_braille() {
    let expected = "\
dc1
48900 ┤                                                 ⣀⡤⠴⠚
      │                                            ⣠⠤⠴⠚⠉⠁
      │                                     ⢀⣀⣠⠴⠒⠋⠉⠁
      │                                   ⠒⠋⠉
      │                     ⡀
48000 ┤⣀⣀⣀⣀⣀⣀⣀⣀⡤⠤⠤⠤⠤⠤⠖⠒⠒⠚⠉⠉⠉⠁

dc2
      │
      │
    7 ┤⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀
      │
      │
      │

       2026-11-22T08:00:00.000Z     2026-11-22T09:00:00.000Z";
    assert_eq!(draw(&two(), 61, true), expected);
}

#[test]
fn no_line_is_wider_than_the_terminal_and_a_narrow_one_still_shows_something() {
    for width in [40, 61, 80, 200] {
        for braille in [false, true] {
            let drawn = draw(&two(), width, braille);
            let widest = drawn
                .lines()
                .map(|line| line.chars().count())
                .max()
                .unwrap();
            assert!((width - 10..=width).contains(&widest), "{width}: {widest}");
        }
    }
    assert!(draw(&two(), 0, true).contains("2026-11-22T08:00:00.000Z\n"));
}

#[test]
fn nothing_one_sample_and_the_largest_numbers_are_drawn() {
    assert_eq!(draw(&[], 80, true), "no samples to draw");
    let one = draw(&[series("dc1", [(0, 5)])], 40, false);
    assert_eq!(one.matches('*').count(), 1, "{one}");
    let far = [(0, 0), (1, i64::MAX)];
    let most = draw(&[series("dc1", far)], 60, true);
    assert!(most.contains(&i64::MAX.to_string()), "{most}");
}
