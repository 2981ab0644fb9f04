//! The disk is full while the DC in use dies: the service lives, says so, and does everything once there is room.

use std::path::PathBuf;
use std::time::Duration;

use super::failing::{in_use, reacting};
use super::feed::Fed;
use super::lab::{Lab, show};
use super::mailing::Post;
use super::process::{command, run, until};
use super::writers::Writers;

const SOON: Duration = Duration::from_mins(1);

/// A file system of a few megabytes; unmounted when dropped.
struct Small(PathBuf);

impl Small {
    fn mount(lab: &Lab) -> Self {
        let at = lab.scratch().join("small");
        std::fs::create_dir(&at).unwrap();
        let words = ["-t", "tmpfs", "-o", "size=48m", "highwater-test"];
        run(command(
            "mount",
            &[&words[..], &[at.to_str().unwrap()]].concat(),
        ))
        .success();
        Self(at)
    }

    /// Nothing more can be written.
    fn fill(&self) {
        let fill = "dd if=/dev/zero of=\"$1/ballast\" bs=64k 2>/dev/null; dd if=/dev/zero bs=1k >> \"$1/ballast\" \
                    2>/dev/null; true";
        run(command("sh", &["-c", fill, "_", self.0.to_str().unwrap()])).success();
    }

    fn make_room(&self) {
        std::fs::remove_file(self.0.join("ballast")).unwrap();
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let outcome = run(command("umount", &["-l", self.0.to_str().unwrap()]));
        if outcome.code != Some(0) {
            show(&format!("not unmounted: {outcome}"));
        }
    }
}

#[test]
fn on_a_full_disk_nothing_is_lost_and_the_mail_goes_when_there_is_room() {
    let lab = Lab::fresh();
    let small = Small::mount(&lab);
    let post = Post::open(&lab);
    let store = small.0.join("highwater.db");
    let configuration = reacting(&lab, &post, "on").store(store.to_str().unwrap());
    let fed = Fed::loaded_with(&lab, configuration);
    let product = &fed.product;
    let service = product.service();
    let writers = Writers::of_everything(&lab, 63, 10);
    fed.wait_events("dc1", 30);
    small.fill();
    until("the service says so", SOON, || {
        service.stderr().contains("disk")
    });
    lab.kill("dc1");
    writers.end("dc1");
    let refused = || {
        service
            .stderr()
            .matches("dc1.lab.test:636: connection refused")
            .count()
    };
    until("it is known that dc1 is gone", SOON, || refused() >= 6);
    assert_eq!(post.count(), 0, "nothing can be decided");
    small.make_room();
    post.wait(2, SOON);
    until("another DC is in use", SOON, || in_use(product) != "dc1");
    let to = in_use(product);
    fed.wait_events(&to, 30);
    let mails = post.mails();
    let subjects: Vec<&str> = mails.iter().map(|mail| mail.header("subject")).collect();
    assert_eq!(
        subjects,
        [
            format!("[Highwater] hr was moved from dc1 to {to}").as_str(),
            "[Highwater] resolved: hr: outage of dc1 is over"
        ]
    );
    mails[0].says(&["refused: dc1.lab.test:636"]);
    lab.start("dc1");
    let written = writers.stop_and_count();
    for dc in ["dc1", "dc2", "dc3"] {
        let truth = fed.catch_up(dc, Duration::from_secs(100));
        assert_eq!(
            truth.wrong(),
            0,
            "missed, compared with {dc}: {:#}",
            truth.0
        );
    }
    let ended = service.terminate().success();
    show(&format!(
        "full disk: dc1 → {to}, {written} writes, nothing missed, {} mails; {} lines of the log speak of the disk",
        post.count(),
        ended
            .stderr
            .lines()
            .filter(|line| line.contains("disk"))
            .count()
    ));
}
