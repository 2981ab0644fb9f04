#![expect(clippy::unwrap_used, reason = "tests")]

use super::{JsonPart, JsonPath, json_part};

fn key(name: &str) -> JsonPart {
    JsonPart::Key(name.to_owned())
}

#[test]
fn pointers_are_taken_apart() {
    let path: JsonPath = "/a~1b/~0c/".parse().unwrap();
    assert_eq!(path.levels(), [vec![key("a/b"), key("~c"), key("")]]);
    let path: JsonPath = "/provisions/[schema.name=a~1b=c]/syncToken#/value"
        .parse()
        .unwrap();
    let pick = JsonPart::Pick {
        at: vec!["schema".to_owned(), "name".to_owned()],
        is: "a/b=c".to_owned(),
    };
    assert_eq!(
        path.levels(),
        [
            vec![key("provisions"), pick, key("syncToken")],
            vec![key("value")]
        ]
    );
    assert_eq!(
        path.to_string(),
        "/provisions/[schema.name=a~1b=c]/syncToken#/value"
    );
}

#[test]
fn what_names_nothing_is_refused() {
    for text in [
        "",
        "a",
        "a/b",
        "#",
        "/a#",
        "/a#b",
        "/~3",
        "/~",
        "/[a]",
        "/[=x]",
        "/[a..b=x]",
    ] {
        let error = text.parse::<JsonPath>().unwrap_err().to_string();
        assert!(error.contains("write it like"), "{text}: {error}");
    }
}

#[test]
fn any_text_can_be_a_part() {
    for name in ["", "~", "a/b#c~1", "[", "ü"] {
        let path: JsonPath = format!("/{}", json_part(name)).parse().unwrap();
        assert_eq!(path.levels(), [vec![key(name)]], "{name}");
    }
}
