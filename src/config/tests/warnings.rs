//! What loads and may not be meant.

use super::super::warning::{self, Doubt};
use super::*;

const QUIET: &str = r#"[process.ad]
notify = ["page"]
[channel.page]
kind = "command"
argv = ["/usr/local/bin/page"]
"#;

/// A file whose store is in `folder`, and of which nothing is to be warned.
fn quiet(folder: &Path) -> String {
    let store = folder.join("hw.db").display().to_string();
    let text = BASE
        .replace("hw.db", &store)
        .replace("backup_dcs", "process = \"ad\"\nbackup_dcs")
        .replace(
            "position = \"before_search\"",
            "position = \"before_search\"\nstop = [\"a\"]\nstart = [\"b\"]",
        );
    text + QUIET
}

/// The kind, the field and the line of what is warned of.
fn warned(text: &str) -> Vec<(Doubt, String, usize)> {
    let settings = load_text(text).unwrap_or_else(|error| panic!("{error}"));
    let found = warning::warnings(&settings, Path::new("hw.toml"), text);
    let kinds = found.warnings.into_iter();
    kinds
        .map(|warning| (warning.kind, warning.field, warning.problem.line))
        .collect()
}

fn line(text: &str, begin: &str) -> usize {
    text.lines()
        .position(|line| line.starts_with(begin))
        .unwrap()
        + 1
}

#[test]
fn a_file_with_all_that_is_wanted_has_none() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(warned(&quiet(folder.path())), []);
    let ours = BASE.replace(
        "kind = \"store\"\nposition = \"before_search\"",
        "kind = \"builtin\"\n[resource.hr.feed.sink.out]\nkind = \"stdout\"",
    );
    let doubts = warned(&ours);
    let stops = doubts.iter().any(|(kind, ..)| *kind == Doubt::NothingStops);
    assert!(!stops, "{doubts:?}");
}

#[test]
fn each_doubt_is_told_at_its_table() {
    let folder = tempfile::tempdir().unwrap();
    let good = quiet(folder.path());
    let consumer = "[resource.hr.consumer]";
    for (from, to, kind, field, at) in [
        (
            "stop = [\"a\"]\nstart = [\"b\"]\n",
            "",
            Doubt::NothingStops,
            "resource.hr.consumer",
            consumer,
        ),
        (
            "start = [\"b\"]\n",
            "",
            Doubt::NothingStarts,
            "resource.hr.consumer",
            consumer,
        ),
        (
            "notify = [\"page\"]",
            "[[process.ad.rule]]\nname = \"x\"\nmatch = \"x\"\noutcome = \"data\"\nnotify = [\"page\"]",
            Doubt::NobodyIsTold,
            "process.ad",
            "[process.ad]",
        ),
        (
            "[channel.page]",
            "[process.old]\n[channel.page]",
            Doubt::UnusedProcess,
            "process.old",
            "[process.old]",
        ),
        (
            "[channel.page]",
            "[channel.spare]\nkind = \"command\"\nargv = [\"/bin/x\"]\n[channel.page]",
            Doubt::UnusedChannel,
            "channel.spare",
            "[channel.spare]",
        ),
        (
            "hw.db",
            "gone/hw.db",
            Doubt::StoreFolderMissing,
            "store.path",
            "path",
        ),
    ] {
        let text = good.replacen(from, to, 1);
        let expected = (kind, field.to_owned(), line(&text, at));
        assert_eq!(warned(&text), [expected], "{text}");
    }
    let text = good.replace("process = \"ad\"\n", "");
    let kinds: Vec<Doubt> = warned(&text).into_iter().map(|(kind, ..)| kind).collect();
    assert_eq!(kinds, [Doubt::NobodyIsTold, Doubt::UnusedProcess]);
}

#[cfg(unix)]
#[test]
fn a_store_that_this_account_may_not_write_is_told() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let mode = |mode| {
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(0o500);
    let doubts = warned(&quiet(folder.path()));
    mode(0o700);
    if rustix::process::geteuid().is_root() {
        assert_eq!(doubts, [], "root may write everywhere");
    } else {
        assert_eq!(
            doubts,
            [(Doubt::StoreNotWritable, "store.path".to_owned(), 2)]
        );
    }
}
