//! `completions` and `man`.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use clap::CommandFactory as _;
use highwater::cli::args::Args;

use super::{run, stderr, stdout};

#[test]
fn every_shell_gets_a_script_that_knows_every_command() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = run(Path::new("/"), &["completions", shell]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let script = stdout(&output);
        for command in Args::command().get_subcommands() {
            let name = command.get_name();
            assert!(script.contains(name), "{shell} does not know {name}");
        }
    }
    let unknown = run(Path::new("/"), &["completions", "tcsh"]);
    assert_eq!(unknown.status.code(), Some(2));
}

#[test]
fn bash_completes_with_it() {
    let script = stdout(&run(Path::new("/"), &["completions", "bash"]));
    let ask = "\nCOMP_WORDS=(highwater fai)\nCOMP_CWORD=1\n_highwater highwater fai highwater\necho \"${COMPREPLY[@]}\"\n";
    let mut bash = Command::new("bash")
        .args(["--norc", "--noprofile"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut typed = bash.stdin.take().unwrap();
    typed.write_all((script + ask).as_bytes()).unwrap();
    drop(typed);
    let output = bash.wait_with_output().unwrap();
    assert_eq!(stdout(&output).trim(), "failover");
}

#[test]
fn the_page_of_the_program_goes_to_stdout() {
    let output = run(Path::new("/"), &["man"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let page = stdout(&output);
    assert!(page.contains(".TH highwater 1"), "{page}");
    assert!(page.contains("highwater\\-failover(1)"), "{page}");
    assert!(page.contains("78 configuration"), "{page}");
}

#[test]
fn a_folder_gets_a_page_for_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["-o", "json", "man", "."]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let told: Vec<String> = serde_json::from_str(&stdout(&output)).unwrap();
    let mut wanted = vec!["./highwater.1".to_owned()];
    let mut program = Args::command();
    program.build();
    for command in program
        .get_subcommands()
        .filter(|one| one.get_name() != "help")
    {
        wanted.push(format!("./highwater-{}.1", command.get_name()));
    }
    for page in &wanted {
        assert!(told.contains(page), "{page} of {told:?}");
    }
    assert!(told.contains(&"./highwater-config-check.1".to_owned()));
    for page in &told {
        let text = std::fs::read_to_string(folder.path().join(page)).unwrap();
        assert!(text.contains("highwater "), "{page} has an example: {text}");
    }
    let written = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(written, told.len());
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let output = run(Path::new("/"), &["man", "/nonexistent/man1"]);
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(said.contains("/nonexistent/man1/highwater.1"), "{said}");
}
