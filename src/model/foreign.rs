//! Text of others for a person's eyes: what a product, a server or a log wrote must not act on a terminal, nor look like
//! lines of ours. JSON keeps it as it came.

/// The text in one line: line ends and tabs become blanks, other control characters U+FFFD.
pub fn in_a_line(text: &str) -> String {
    text.chars()
        .map(|letter| match letter {
            '\n' | '\r' | '\t' => ' ',
            letter => seen(letter),
        })
        .collect()
}

/// The text as a terminal may get it: it keeps its lines and tabs, and other control characters become U+FFFD.
pub fn on_a_screen(text: &str) -> String {
    text.chars()
        .map(|letter| match letter {
            '\n' | '\t' => letter,
            letter => seen(letter),
        })
        .collect()
}

/// Control characters, and those that turn the direction of text (Unicode Bidirectional Algorithm 2), are not shown.
fn seen(letter: char) -> char {
    let turns = matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if letter.is_control() || turns {
        '\u{fffd}'
    } else {
        letter
    }
}

#[cfg(test)]
mod tests {
    use super::{in_a_line, on_a_screen};

    #[test]
    fn nothing_in_it_acts() {
        let text = "a\tb\r\n\u{1b}[2J\u{9b}31m\0\u{7f}\u{202e}ä→";
        let rest = "\u{fffd}[2J\u{fffd}31m\u{fffd}\u{fffd}\u{fffd}ä→";
        assert_eq!(in_a_line(text), format!("a b  {rest}"));
        assert_eq!(on_a_screen(text), format!("a\tb\u{fffd}\n{rest}"));
    }
}
