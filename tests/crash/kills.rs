//! The process is killed at its n-th write, sync, rename or unlink, for every n.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use highwater::model::AttemptState;

use crate::scene::{COMBINATIONS, Kind, Scene, runtime};

const CALLS: [&str; 9] = [
    "pwrite64",
    "write",
    "fsync",
    "fdatasync",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "ftruncate",
];
/// The most kills per kind of consumer and order; more are spread evenly over the run.
const MOST: usize = 100;
/// Where the child finds its part: `apply` or `resume`, the kind, whether to restart, and the folder.
const PART: &str = "HIGHWATER_CRASH_PART";

/// The process that is killed, and the one that resumes.
#[test]
#[ignore = "a part of `killed_at_every_write`, which runs it in processes of their own"]
fn child() {
    let part = std::env::var(PART).expect("run by killed_at_every_write");
    let mut words = part.splitn(4, ' ');
    let mut word = || words.next().unwrap();
    let (role, kind, restart) = (word(), word(), word() == "true");
    let kind = match kind {
        "Store" => Kind::Store,
        "File" => Kind::File,
        _ => Kind::Outside,
    };
    let scene = Scene::at(Path::new(word()), kind);
    runtime().block_on(async {
        if role == "apply" {
            assert!(scene.apply(restart).await.unwrap().is_complete());
        } else {
            scene.resume().await.unwrap();
        }
    });
}

fn as_child(mut command: Command, scene: &Scene, role: &str, restart: bool) -> Output {
    command.env(PART, part(scene, role, restart));
    command.output().expect("the child runs")
}

fn own_program() -> Vec<String> {
    let program = std::env::current_exe().unwrap();
    let arguments = [
        program.to_str().unwrap(),
        "--ignored",
        "--exact",
        "kills::child",
        "--test-threads=1",
    ];
    arguments.map(str::to_owned).to_vec()
}

/// Starts a process of its own for the part.
pub(crate) fn spawn(scene: &Scene, role: &str, restart: bool) -> Child {
    let program = own_program();
    let mut command = Command::new(&program[0]);
    command.args(&program[1..]).stdout(Stdio::null());
    command.env(PART, part(scene, role, restart));
    command.spawn().unwrap()
}

fn part(scene: &Scene, role: &str, restart: bool) -> String {
    format!("{role} {:?} {restart} {}", scene.kind, scene.dir.display())
}

fn under_strace(scene: &Scene, options: &[String], restart: bool) -> Output {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq"]).args(options).args(own_program());
    as_child(strace, scene, "apply", restart)
}

/// How often one thread makes each call in a whole run: the counts strace's `when` goes by.
fn clean_run(kind: Kind, restart: bool) -> BTreeMap<&'static str, usize> {
    let scene = Scene::new(kind);
    let log = scene.dir.join("strace");
    let options = [
        "-o".to_owned(),
        log.display().to_string(),
        "-e".to_owned(),
        format!("trace={}", CALLS.join(",")),
    ];
    let run = under_strace(&scene, &options, restart);
    assert!(run.status.success(), "{run:?}");
    let mut per_thread: BTreeMap<(String, &str), usize> = BTreeMap::new();
    for line in fs::read_to_string(&log).unwrap().lines() {
        let (thread, rest) = line.split_once(' ').unwrap();
        let name = rest.trim_start().split('(').next().unwrap();
        if let Some(call) = CALLS.iter().find(|call| **call == name) {
            *per_thread.entry((thread.to_owned(), call)).or_default() += 1;
        }
    }
    let mut most = BTreeMap::new();
    for ((_, call), count) in per_thread {
        let entry = most.entry(call).or_insert(0);
        *entry = count.max(*entry);
    }
    let state = runtime().block_on(scene.check(restart));
    assert_eq!(state, Some(AttemptState::Done));
    most
}

/// How a run that should be killed ended.
struct Ended {
    /// Whether it was killed.
    killed: bool,
    /// How its attempt was settled.
    state: Option<AttemptState>,
    /// Whether it had come between the two places of an outside cursor.
    halved: bool,
}

/// Kills at the n-th `call`, resumes in a fresh process, checks.
fn kill_at(kind: Kind, restart: bool, call: &str, n: usize) -> Ended {
    let scene = Scene::new(kind);
    let options = [
        "-o".to_owned(),
        "/dev/null".to_owned(),
        "-e".to_owned(),
        format!("trace={call}"),
        "-e".to_owned(),
        format!("inject={call}:signal=SIGKILL:when={n}"),
    ];
    let run = under_strace(&scene, &options, restart);
    let killed = run.status.signal() == Some(9);
    assert!(killed || run.status.success(), "{call} {n}: {run:?}");
    let program = own_program();
    let mut fresh = Command::new(&program[0]);
    fresh.args(&program[1..]);
    let resumed = as_child(fresh, &scene, "resume", restart);
    assert!(resumed.status.success(), "{call} {n}: {resumed:?}");
    let runtime = runtime();
    Ended {
        killed,
        state: runtime.block_on(scene.check(restart)),
        halved: runtime.block_on(scene.was_cut_between_places()),
    }
}

#[test]
fn killed_at_every_write() {
    let found = Command::new("strace").arg("-V").output();
    assert!(
        found.is_ok_and(|run| run.status.success()),
        "this test kills the program with strace: install it (apt-get install strace)"
    );
    for (kind, restart) in COMBINATIONS {
        let points: Vec<(&str, usize)> = clean_run(kind, restart)
            .into_iter()
            .flat_map(|(call, most)| (1..=most).map(move |n| (call, n)))
            .collect();
        assert!(points.len() > 20, "strace saw only {points:?}");
        let wanted = points.len().min(MOST);
        let (mut missed, mut back, mut forward, mut halves) = (0, 0, 0, 0);
        for index in 0..wanted {
            let (call, n) = points[index * points.len() / wanted];
            let Ended {
                killed,
                state,
                halved,
            } = kill_at(kind, restart, call, n);
            // How often threads wake each other, which is a `write` too, differs from run to run.
            missed += usize::from(!killed && call != "write");
            if killed {
                back += usize::from(state == Some(AttemptState::RolledBack));
                forward += usize::from(state == Some(AttemptState::Done));
                halves += usize::from(halved);
            }
        }
        assert!(
            missed * 5 <= wanted,
            "{kind:?}: {missed} of {wanted} runs were not killed"
        );
        assert!(
            back > 0 && forward > 0,
            "{kind:?}: {back} back, {forward} forward"
        );
        assert_eq!(
            halves > 0,
            kind == Kind::Outside,
            "{kind:?}: {halves} halves"
        );
    }
}
