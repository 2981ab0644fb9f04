//! The examples of the known products: each passes `config check --strict` once the files it names are there.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use highwater::config::preset_names;

use super::{run, stderr, stdout};

/// Puts the files that the examples name into `folder`.
fn furnish(folder: &Path) {
    let made = rcgen::generate_simple_self_signed(vec!["ca.example.com".to_owned()]).unwrap();
    std::fs::write(folder.join("ca.pem"), made.cert.pem()).unwrap();
    for secret in ["reader.pass", "idm.pass"] {
        let path = folder.join(secret);
        std::fs::write(&path, "hunter2").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
}

/// The example with its files in `folder` instead of where an administrator puts them.
fn moved(text: &str, folder: &Path) -> String {
    let folder = folder.display();
    text.replace("/etc/highwater/", &format!("{folder}/"))
        .replace("/var/lib/highwater/", &format!("{folder}/"))
}

#[test]
fn every_preset_has_an_example_without_mistakes_and_warnings() {
    let folder = tempfile::tempdir().unwrap();
    furnish(folder.path());
    for name in preset_names() {
        let shown = run(folder.path(), &["config", "example", "--preset", name]);
        assert_eq!(shown.status.code(), Some(0), "{}", stderr(&shown));
        let text = stdout(&shown);
        assert!(text.contains(&format!("preset = \"{name}\"")), "{text}");
        // What is commented out is known too.
        let full: Vec<&str> = text
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(rest) if rest.contains(" = \"") => rest,
                _ => line,
            })
            .collect();
        for text in [text.clone(), full.join("\n")] {
            std::fs::write(
                folder.path().join("highwater.toml"),
                moved(&text, folder.path()),
            )
            .unwrap();
            let checked = run(folder.path(), &["config", "check", "--strict"]);
            assert_eq!(checked.status.code(), Some(0), "{}", stderr(&checked));
            let table = stdout(&checked);
            assert!(
                table.contains(&format!("preset \"{name}\" stands for")),
                "{table}"
            );
        }
    }
}

#[test]
fn the_preset_of_the_commented_example_loads_without_its_hashes() {
    let example = highwater::config::EXAMPLE;
    let (_, rest) = example.split_once("#[resource.idm]\n").unwrap();
    let block = rest.split("\n\n").next().unwrap();
    let text: Vec<&str> = block
        .lines()
        .map(|line| line.strip_prefix('#').unwrap_or(line))
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("highwater.toml");
    std::fs::write(
        &path,
        format!("{example}\n[resource.idm]\n{}", text.join("\n")),
    )
    .unwrap();
    let settings = highwater::config::load(&path, highwater::config::Secrets::Skip)
        .unwrap_or_else(|error| panic!("{error}"));
    let presets = settings
        .resources
        .values()
        .filter_map(|resource| resource.consumer.preset.as_ref());
    let names: Vec<&str> = presets.map(|preset| preset.name.as_str()).collect();
    assert_eq!(names, ["openidm"]);
}
