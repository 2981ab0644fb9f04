//! The unit files: systemd takes them, they are hardened, and their command lines are Highwater's.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use clap::{CommandFactory as _, Parser as _, ValueEnum as _};
use highwater::cli::args::Args;
use highwater::cli::config::Example;
use tempfile::TempDir;

/// Where the units expect the program.
const INSTALLED: &str = "/usr/local/bin/highwater";

const SERVICES: [&str; 2] = ["highwater.service", "highwater-collect.service"];

fn units() -> Vec<(&'static str, &'static str)> {
    vec![
        ("highwater.service", Example::Service.text()),
        ("highwater-collect.service", Example::CollectService.text()),
        ("highwater-collect.timer", Example::CollectTimer.text()),
    ]
}

/// The units as they would be installed, with the program that was built.
fn installed() -> (TempDir, Vec<PathBuf>) {
    let folder = tempfile::tempdir().unwrap();
    let files = units().into_iter().map(|(name, text)| {
        let path = folder.path().join(name);
        let text = text.replace(INSTALLED, env!("CARGO_BIN_EXE_highwater"));
        std::fs::write(&path, text).unwrap();
        path
    });
    let files = files.collect();
    (folder, files)
}

fn systemd_analyze(arguments: &[&str], files: &[&Path]) -> Output {
    let output = Command::new("systemd-analyze")
        .args(arguments)
        .args(files)
        .output();
    output.unwrap_or_else(|error| {
        panic!("systemd-analyze cannot be run ({error}): install the package systemd")
    })
}

fn said(output: &Output) -> String {
    let both = [output.stdout.clone(), output.stderr.clone()].concat();
    String::from_utf8(both).unwrap()
}

#[test]
fn systemd_finds_no_mistake_in_them() {
    let (folder, files) = installed();
    let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    let good = systemd_analyze(&["verify", "--man=no"], &files);
    assert!(good.status.success(), "{}", said(&good));
    assert_eq!(said(&good), "");

    let wrong = folder.path().join("wrong.service");
    let text = Example::Service.text().replace("Type=notify", "Type=notfy");
    std::fs::write(&wrong, text).unwrap();
    let wrong = said(&systemd_analyze(&["verify", "--man=no"], &[&wrong]));
    assert!(wrong.contains("notfy"), "verify sees mistakes: {wrong}");
}

#[test]
fn the_services_are_hardened() {
    let (_folder, files) = installed();
    let exposure = |file: &Path, most: &str| {
        let threshold = format!("--threshold={most}");
        let asked = ["security", "--offline=true", "--no-pager", &threshold];
        systemd_analyze(&asked, &[file])
    };
    for file in files
        .iter()
        .filter(|file| file.ends_with(SERVICES[0]) || file.ends_with(SERVICES[1]))
    {
        // In tenths: an exposure of 2.0 at most.
        let judged = exposure(file, "20");
        assert!(judged.status.success(), "{}", said(&judged));
        assert!(
            said(&judged).contains("Overall exposure level"),
            "{}",
            said(&judged)
        );
        assert!(
            !exposure(file, "1").status.success(),
            "the threshold counts"
        );
    }
}

/// The value of every line `key=value` of a unit.
fn values<'u>(unit: &'u str, key: &str) -> Vec<&'u str> {
    let lines = unit.lines().filter_map(|line| line.split_once('='));
    lines
        .filter(|(name, _)| *name == key)
        .map(|(_, value)| value)
        .collect()
}

#[test]
fn every_command_line_in_them_is_one_of_highwaters() {
    let mut parsed = 0;
    for (name, text) in units() {
        let executed = text
            .lines()
            .filter(|line| line.starts_with("Exec"))
            .filter_map(|line| line.split_once('='))
            .map(|(_, line)| line)
            .filter(|line| line.starts_with(INSTALLED));
        // What a comment tells to type: to the end of the line, a redirection left out.
        let told = text
            .lines()
            .filter(|line| line.starts_with('#'))
            .flat_map(|line| {
                line.match_indices(" highwater ")
                    .map(|(at, _)| &line[at + 1..])
            })
            .chain(
                text.split('`')
                    .filter(|code| code.starts_with("highwater ")),
            )
            .map(|line| line.split(['>', ')', '`']).next().unwrap())
            .filter(|line| is_a_command(line));
        for line in executed.chain(told) {
            Args::try_parse_from(line.split_whitespace())
                .unwrap_or_else(|error| panic!("`{line}` of {name}: {error}"));
            parsed += 1;
        }
    }
    assert!(parsed >= 6, "{parsed}");
}

/// Whether the second word is a command, so that the line is no prose.
fn is_a_command(line: &str) -> bool {
    let second = line.split_whitespace().nth(1).unwrap_or_default();
    Args::command().find_subcommand(second).is_some()
}

#[test]
fn they_say_what_the_program_does() {
    let service = Example::Service.text();
    assert_eq!(values(service, "Type"), ["notify"]);
    assert_eq!(values(service, "Restart"), ["on-failure"]);
    assert_eq!(values(service, "ExecReload"), ["/bin/kill -HUP $MAINPID"]);
    let refused = values(service, "RestartPreventExitStatus").join(" ");
    assert_eq!(refused, format!("{} {}", exit("Usage"), exit("Config")));
    let fine = values(Example::CollectService.text(), "SuccessExitStatus").join(" ");
    assert_eq!(fine, format!("{} {}", exit("Partial"), exit("Unreachable")));
    for (name, text) in units()
        .into_iter()
        .filter(|(name, _)| SERVICES.contains(name))
    {
        assert_eq!(values(text, "User"), ["highwater"], "{name}");
        assert_eq!(values(text, "StateDirectory"), ["highwater"], "{name}");
    }
    // Where the example configuration keeps its store.
    assert!(
        Example::Config
            .text()
            .contains("\"/var/lib/highwater/highwater.db\"")
    );
}

fn exit(name: &str) -> u8 {
    use highwater::cli::Exit;
    let all = [Exit::Usage, Exit::Config, Exit::Partial, Exit::Unreachable];
    let found = all.into_iter().find(|exit| format!("{exit:?}") == name);
    found.unwrap().code()
}

#[test]
fn the_program_writes_them() {
    for what in Example::value_variants() {
        let name = what.to_possible_value().unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_highwater"))
            .args(["config", "example", name.get_name()])
            .output()
            .unwrap();
        assert!(output.status.success());
        assert_eq!(String::from_utf8(output.stdout).unwrap(), what.text());
    }
}
