//! Finds what was probably meant.

/// The one of `known` nearest to `written`, where it is near enough to be meant; case and `_` do not count.
pub(crate) fn nearest<'k>(
    written: &str,
    known: impl IntoIterator<Item = &'k str>,
) -> Option<&'k str> {
    let wanted = folded(written);
    let bound = (wanted.len() / 3).max(1);
    known
        .into_iter()
        .map(|candidate| {
            let meant = folded(candidate);
            let near = is_swapped(&wanted, &meant) || is_begin(&wanted, &meant);
            let far = if near { 1 } else { distance(&wanted, &meant) };
            (far, candidate)
        })
        .filter(|(far, _)| *far <= bound)
        .min()
        .map(|(_, candidate)| candidate)
}

/// The cure for an unknown name: the nearest known one, or all of them.
pub(super) fn cure(written: &str, known: &[&str]) -> String {
    match nearest(written, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "there is none to choose from".to_owned(),
        None => format!("known here: {}", known.join(", ")),
    }
}

fn folded(text: &str) -> Vec<char> {
    text.chars()
        .filter(|c| !matches!(c, '_' | '-'))
        .flat_map(char::to_lowercase)
        .collect()
}

/// Whether two neighbouring letters changed places.
fn is_swapped(from: &[char], to: &[char]) -> bool {
    let mut differing = from.iter().zip(to).enumerate().filter(|(_, (a, b))| a != b);
    match (differing.next(), differing.next(), differing.next()) {
        (Some((at, (a, b))), Some((then, (c, d))), None) => {
            from.len() == to.len() && then == at + 1 && a == d && b == c
        }
        _ => false,
    }
}

/// Whether the end was left out.
fn is_begin(from: &[char], to: &[char]) -> bool {
    from.len() >= 3 && to.starts_with(from)
}

/// How many letters must be put in, left out or replaced (Levenshtein).
fn distance(from: &[char], to: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (done, a) in from.iter().enumerate() {
        let mut next = vec![done + 1];
        let steps = row.iter().zip(row.iter().skip(1)).zip(to);
        for ((diagonal, above), b) in steps {
            let left = next.last().copied().unwrap_or_default();
            let replaced = diagonal + usize::from(a != b);
            next.push(replaced.min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}
