//! Rust source → the paths it names, with their lines. Knows just enough of the language for that.

/// A path as written (`crate::store::Store`); a use tree gives one per leaf.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) line: usize,
    pub(crate) path: Vec<String>,
}

impl Named {
    /// Whether the segments occur in the path, next to each other.
    pub(crate) fn contains(&self, segments: &[&str]) -> bool {
        self.path
            .windows(segments.len())
            .any(|window| window == segments)
    }

    pub(crate) fn starts_with(&self, segments: &[&str]) -> bool {
        self.path.len() >= segments.len()
            && self
                .path
                .iter()
                .zip(segments)
                .all(|(mine, theirs)| mine == theirs)
    }
}

/// The text with comments and literals replaced by spaces; line ends stay.
pub(crate) fn code_only(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(rest) = characters.get(at..).filter(|rest| !rest.is_empty()) {
        let word_before = at
            .checked_sub(1)
            .and_then(|i| characters.get(i))
            .is_some_and(|c| in_word(*c));
        let length = skipped(rest, word_before);
        for character in rest.iter().take(length.max(1)) {
            code.push(if length == 0 || *character == '\n' {
                *character
            } else {
                ' '
            });
        }
        at += length.max(1);
    }
    code
}

fn in_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// How many characters of a comment or literal the text starts with; 0 for code.
fn skipped(rest: &[char], word_before: bool) -> usize {
    match rest {
        ['/', '/', ..] => rest.iter().take_while(|c| **c != '\n').count(),
        ['/', '*', ..] => block_comment(rest),
        ['"', ..] => quoted(rest, '"'),
        ['r', '"' | '#', ..] if !word_before => raw_string(rest, 1),
        ['b', 'r', '"' | '#', ..] if !word_before => raw_string(rest, 2),
        ['\'', '\\', ..] | ['\'', _, '\'', ..] => quoted(rest, '\''),
        _ => 0,
    }
}

fn block_comment(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(pair) = rest.get(at..at + 2) {
        match pair {
            ['/', '*'] => depth += 1,
            ['*', '/'] => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

fn quoted(rest: &[char], quote: char) -> usize {
    let mut escaped = false;
    for (at, character) in rest.iter().enumerate().skip(1) {
        if escaped {
            escaped = false;
        } else if *character == '\\' {
            escaped = true;
        } else if *character == quote {
            return at + 1;
        }
    }
    rest.len()
}

fn raw_string(rest: &[char], prefix: usize) -> usize {
    let hashes = rest.iter().skip(prefix).take_while(|c| **c == '#').count();
    if rest.get(prefix + hashes) != Some(&'"') {
        return 0; // a raw identifier
    }
    let end: Vec<char> = std::iter::once('"')
        .chain(std::iter::repeat_n('#', hashes))
        .collect();
    let body = prefix + hashes + 1;
    rest.get(body..)
        .and_then(|inner| inner.windows(end.len()).position(|window| window == end))
        .map_or(rest.len(), |at| body + at + end.len())
}

/// (line from 1, token): words, `::`, and single characters.
pub(crate) fn tokens(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (index, line) in code_only(text).lines().enumerate() {
        let mut rest = line;
        while let Some(first) = rest.chars().next() {
            let length = if in_word(first) {
                rest.find(|c| !in_word(c)).unwrap_or(rest.len())
            } else if rest.starts_with("::") {
                2
            } else {
                first.len_utf8()
            };
            let (token, after) = rest.split_at(length);
            if !first.is_whitespace() {
                found.push((index + 1, token.to_owned()));
            }
            rest = after;
        }
    }
    found
}

/// Every path the text names, in order.
pub(crate) fn paths(text: &str) -> Vec<Named> {
    let tokens = tokens(text);
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        at = tree(&tokens, at, &[], &mut found).max(at + 1);
    }
    found
}

/// Reads one path or use tree that starts at `at` below `prefix`; the index after it.
fn tree(
    tokens: &[(usize, String)],
    mut at: usize,
    prefix: &[String],
    found: &mut Vec<Named>,
) -> usize {
    let word = |at: usize| {
        tokens
            .get(at)
            .filter(|(_, t)| t == "*" || t.starts_with(in_word))
    };
    let is = |at: usize, what: &str| tokens.get(at).is_some_and(|(_, t)| t == what);
    if is(at, "::") {
        at += 1; // `::std::fs`
    }
    let Some((line, _)) = word(at) else { return at };
    let mut path = prefix.to_vec();
    while let Some((_, segment)) = word(at) {
        path.push(segment.clone());
        at += 1;
        if !is(at, "::") {
            break;
        }
        if is(at + 1, "{") {
            at += 2;
            while at < tokens.len() && !is(at, "}") {
                at = tree(tokens, at, &path, found).max(at + 1);
            }
            return at + 1;
        }
        if word(at + 1).is_none() {
            break; // `::<`
        }
        at += 1;
    }
    found.push(Named { line: *line, path });
    at
}
