//! The rules of the program over the texts that sync products write.

use super::super::*;
use crate::config;

/// Under `# name of a part`: the right outcome, a tab, the text, where `\\n` and `\\t` stand for a new line and a tab.
const TEXTS: &str = include_str!("error_texts.tsv");

/// Part, right outcome, text.
fn texts() -> Vec<(&'static str, &'static str, String)> {
    let mut part = "";
    let mut found = Vec::new();
    for line in TEXTS.lines() {
        if let Some(name) = line.strip_prefix("# ") {
            part = name;
        } else {
            let (outcome, text) = line.split_once('\t').unwrap();
            let text = text.replace("\\n", "\n").replace("\\t", "\t");
            found.push((part, outcome, text));
        }
    }
    found
}

#[test]
fn of_the_texts_of_each_part_98_in_100_are_judged_right() {
    let process = config::shipped_process("shipped");
    let all = texts();
    let mut parts: Vec<&str> = all.iter().map(|(part, ..)| *part).collect();
    parts.dedup();
    assert_eq!(parts.len(), 3);
    for part in parts {
        let of_part: Vec<_> = all.iter().filter(|(of, ..)| *of == part).collect();
        let mut wrong = Vec::new();
        for (_, right, text) in &of_part {
            let judged = classify(&process, std::slice::from_ref(text));
            if judged.outcome.code() != *right {
                wrong.push(format!("{right}, not {judged:?}: {text}"));
            }
        }
        let (count, total) = (of_part.len() - wrong.len(), of_part.len());
        println!("{part}: {count} of {total}\n{}", wrong.join("\n"));
        assert!(count * 100 >= total * 98, "{part}: {wrong:#?}");
    }
}

#[test]
fn numbers_that_nothing_makes_a_code_say_nothing() {
    let process = config::shipped_process("shipped");
    let judged = |text: String| classify(&process, &[text]).outcome;
    for number in [
        8, 32, 49, 50, 51, 52, 53, 81, 85, 91, 101, 104, 110, 111, 113, 1311, 1326, 1355, 1722,
        8206, 8207, 8250, 8453, 10_051, 10_054, 10_060, 10_061, 11_001,
    ] {
        for text in [
            format!("uid={number} was not mapped"),
            format!("{number} entries read ({number}), {number} ms"),
            format!("ldap://dc1:{number}/ page {number}"),
            format!("ERROR: {number} records were skipped"),
        ] {
            assert_eq!(judged(text.clone()), Outcome::Unknown, "{text}");
        }
    }
    let refused =
        "uid=10061 was not added: [LDAP: error code 19 - 0000200B: AtrErr: DSID-03151E4D]";
    assert_eq!(judged(refused.to_owned()), Outcome::Data);
}
