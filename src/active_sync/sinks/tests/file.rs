//! The file: rotation, what a crash left, and what may be opened.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::*;

struct Scene {
    folder: TempDir,
    sink: Sink,
}

impl Scene {
    fn new(rotate_bytes: u64, keep: u32) -> Self {
        let folder = TempDir::new().unwrap();
        let sink = sink(&folder.path().join("hr.jsonl"), rotate_bytes, keep);
        Self { folder, sink }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("hr.jsonl")
    }

    fn older(&self, number: u32) -> PathBuf {
        self.folder.path().join(format!("hr.jsonl.{number}"))
    }

    fn text(&self) -> String {
        fs::read_to_string(self.path()).unwrap()
    }

    /// As after a restart.
    fn anew(&mut self) {
        self.sink = sink(&self.path(), 1 << 20, 3);
    }

    async fn refusal(&mut self) -> String {
        let delivered = self.sink.deliver(&events(1..2)).await;
        assert_eq!(delivered.acknowledged_up_to, None);
        down(&delivered).why.clone()
    }
}

pub(super) fn sink(path: &Path, rotate_bytes: u64, keep: u32) -> Sink {
    let settings = config::FileSink {
        path: path.to_owned(),
        rotate_bytes,
        keep,
    };
    Sink::new("log", &config::Sink::File(settings)).unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn in_file(path: &Path) -> Vec<i64> {
    numbers(&fs::read_to_string(path).unwrap())
}

#[tokio::test]
async fn events_are_appended_for_the_owner_alone() {
    let mut scene = Scene::new(1 << 20, 3);
    assert_eq!(scene.sink.deliver(&[]).await, Delivered::default());
    assert_eq!(scene.sink.deliver(&events(1..4)).await, all_up_to(3));
    assert_eq!(mode(&scene.path()), 0o600);
    scene.anew();
    assert_eq!(scene.sink.deliver(&events(4..6)).await, all_up_to(5));
    assert_eq!(in_file(&scene.path()), [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn files_rotate_between_events_and_the_oldest_go() {
    let line = event(1).event.body.len() as u64 + 1;
    let mut scene = Scene::new(3 * line, 2);
    assert_eq!(scene.sink.deliver(&events(1..2)).await, all_up_to(1));
    fs::set_permissions(scene.path(), Permissions::from_mode(0o640)).unwrap();
    assert_eq!(scene.sink.deliver(&events(2..9)).await, all_up_to(8));
    assert_eq!(in_file(&scene.path()), [7, 8]);
    assert_eq!(in_file(&scene.older(1)), [4, 5, 6]);
    assert_eq!(in_file(&scene.older(2)), [1, 2, 3]);
    assert_eq!(mode(&scene.path()), 0o640, "the group may go on reading");
    // One event is larger than a file may be: it gets one of its own.
    let large = [sized(9, 1000), event(9)];
    assert_eq!(scene.sink.deliver(&large).await, all_up_to(9));
    assert_eq!(in_file(&scene.path()), [9]);
    assert_eq!(in_file(&scene.older(1)), [9]);
    assert_eq!(in_file(&scene.older(2)), [7, 8]);
    assert!(!scene.older(3).exists());
}

#[tokio::test]
async fn a_rotation_that_was_cut_short_loses_no_file() {
    let line = event(1).event.body.len() as u64 + 1;
    let mut scene = Scene::new(line, 3);
    assert_eq!(scene.sink.deliver(&events(1..5)).await, all_up_to(4));
    // As left by a crash after the first two renames: 3 was dropped, 2 became 3, 1 became 2.
    fs::rename(scene.older(2), scene.older(3)).unwrap();
    fs::rename(scene.older(1), scene.older(2)).unwrap();
    assert_eq!(scene.sink.deliver(&events(5..6)).await, all_up_to(5));
    let all: Vec<_> = (1..=3).flat_map(|n| in_file(&scene.older(n))).collect();
    assert_eq!(all, [4, 3, 2], "the gap was filled");
    // After the last rename, before the new file was made.
    fs::remove_file(scene.older(3)).unwrap();
    fs::rename(scene.older(2), scene.older(3)).unwrap();
    fs::rename(scene.older(1), scene.older(2)).unwrap();
    fs::rename(scene.path(), scene.older(1)).unwrap();
    scene.anew();
    assert_eq!(scene.sink.deliver(&events(6..7)).await, all_up_to(6));
    assert_eq!(in_file(&scene.older(1)), [5]);
    assert_eq!(in_file(&scene.path()), [6]);
}

#[tokio::test]
async fn a_torn_last_line_is_cut_off() {
    let whole = format!("{}\n", event(1).event.body);
    let long = sized(2, 200_000).event.body;
    let zeros = "\0".repeat(5000);
    for (text, kept) in [
        (String::new(), vec![]),
        (whole.clone(), vec![1]),
        (format!("{whole}{{"), vec![1]),
        (format!("{whole}{long}"), vec![1]),
        (format!("{whole}{zeros}"), vec![1]),
        (event(2).event.body, vec![]),
        (format!("{whole}{}", event(2).event.body), vec![1]),
    ] {
        let mut scene = Scene::new(1 << 20, 3);
        fs::write(scene.path(), &text).unwrap();
        fs::set_permissions(scene.path(), Permissions::from_mode(0o600)).unwrap();
        assert_eq!(scene.sink.deliver(&events(3..4)).await, all_up_to(3));
        assert_eq!(in_file(&scene.path()), [kept, vec![3]].concat());
    }
}

#[tokio::test]
async fn what_is_not_ours_is_left_alone() {
    for text in ["root:x:0:0", "a line\nroot:x:0:0", "[1, 2"] {
        let mut scene = Scene::new(1 << 20, 3);
        fs::write(scene.path(), text).unwrap();
        fs::set_permissions(scene.path(), Permissions::from_mode(0o600)).unwrap();
        let why = scene.refusal().await;
        assert!(why.contains("does not end with a line of events"), "{why}");
        assert_eq!(scene.text(), text);
    }
}

#[tokio::test]
async fn links_folders_and_files_that_everybody_may_open_are_refused() {
    let mut scene = Scene::new(1 << 20, 3);
    let other = scene.folder.path().join("other");
    fs::write(&other, "").unwrap();
    symlink(&other, scene.path()).unwrap();
    assert!(scene.refusal().await.contains("no regular file"));
    assert_eq!(fs::read_to_string(&other).unwrap(), "");
    fs::remove_file(scene.path()).unwrap();

    fs::create_dir(scene.path()).unwrap();
    assert!(scene.refusal().await.contains("no regular file"));
    fs::remove_dir(scene.path()).unwrap();

    fs::write(scene.path(), "").unwrap();
    fs::set_permissions(scene.path(), Permissions::from_mode(0o604)).unwrap();
    let why = scene.refusal().await;
    assert!(
        why.contains("mode 0604") && why.contains("chmod o="),
        "{why}"
    );
    fs::set_permissions(scene.path(), Permissions::from_mode(0o600)).unwrap();
    assert_eq!(scene.sink.deliver(&events(1..2)).await, all_up_to(1));

    let mut nowhere = sink(Path::new("/nowhere/hr.jsonl"), 1, 1);
    let delivered = nowhere.deliver(&events(1..2)).await;
    assert!(down(&delivered).why.contains("make the folder"));
}

#[tokio::test]
async fn two_writers_do_not_share_a_file() {
    let mut scene = Scene::new(1 << 20, 3);
    assert_eq!(scene.sink.deliver(&events(1..2)).await, all_up_to(1));
    let delivered = sink(&scene.path(), 1 << 20, 3).deliver(&events(2..3)).await;
    let why = &down(&delivered).why;
    assert!(why.contains("in use by another process"), "{why}");
    assert_eq!(in_file(&scene.path()), [1]);
}

#[tokio::test]
async fn a_file_that_somebody_has_moved_or_emptied_is_found_out() {
    let mut scene = Scene::new(1 << 20, 3);
    assert_eq!(scene.sink.deliver(&events(1..3)).await, all_up_to(2));
    let moved = scene.folder.path().join("moved");
    fs::rename(scene.path(), &moved).unwrap();
    assert_eq!(scene.sink.deliver(&events(3..4)).await, all_up_to(3));
    assert_eq!(
        (in_file(&moved), in_file(&scene.path())),
        (vec![1, 2], vec![3])
    );
    fs::write(scene.path(), "").unwrap();
    assert_eq!(scene.sink.deliver(&events(4..5)).await, all_up_to(4));
    assert_eq!(in_file(&scene.path()), [4]);
    fs::remove_file(scene.path()).unwrap();
    assert_eq!(scene.sink.deliver(&events(5..6)).await, all_up_to(5));
    assert_eq!(in_file(&scene.path()), [5]);
}

#[tokio::test]
async fn a_delivery_that_is_broken_off_leaves_whole_lines() {
    let mut scene = Scene::new(1 << 30, 3);
    for round in 0..20_i64 {
        let large: Vec<Queued> = (0..50).map(|n| sized(round * 50 + n, 20_000)).collect();
        let bound = Duration::from_micros(200 * u64::try_from(round).unwrap());
        drop(tokio::time::timeout(bound, scene.sink.deliver(&large)).await);
    }
    assert_eq!(scene.sink.deliver(&events(-1..0)).await, all_up_to(-1));
    let found = in_file(&scene.path());
    assert_eq!(found.last(), Some(&-1));
    assert!(found.len() > 50, "some were written: {}", found.len());
}
