//! Running a command, such as a consumer's stop and start: no shell, bounded in time, its output kept for the error.
//!
//! # Decisions
//! - A command runs in a process group of its own, and the whole group is killed when its time is over or nobody
//!   waits for it any more.
//! - A command that ended well may leave processes behind (a start does): they are not touched. One that keeps our
//!   pipe open loses it, so a daemon must be started with its output redirected.

use std::fmt;
use std::fs::File;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, Command};

/// How much of a command's output is kept.
const KEPT: usize = 2048;
/// How long output is waited for once the command has ended.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// What became of a command that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandFailure {
    /// There is no program in it.
    Empty,
    /// It could not be run.
    NotRun {
        /// The program.
        program: String,
        /// What the system said.
        problem: String,
    },
    /// It ran for too long and was killed.
    TimedOut {
        /// The program.
        program: String,
        /// The bound.
        bound: Duration,
        /// The end of its output.
        output: String,
    },
    /// It said that it failed.
    Failed {
        /// The program.
        program: String,
        /// Exit status or signal.
        status: String,
        /// The exit status alone; `None` after a signal.
        code: Option<i32>,
        /// The end of its output.
        output: String,
    },
}

impl fmt::Display for CommandFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let output = match self {
            Self::Empty => return f.write_str("is empty: name a program and its arguments"),
            Self::NotRun { program, problem } => {
                return write!(f, "could not be run: `{program}`: {problem}");
            }
            Self::TimedOut {
                program,
                bound,
                output,
            } => {
                write!(
                    f,
                    "(`{program}`) ran longer than command_timeout ({} s) and was killed",
                    bound.as_secs_f64()
                )?;
                output
            }
            Self::Failed {
                program,
                status,
                output,
                code: _,
            } => {
                write!(f, "(`{program}`) failed with {status}")?;
                output
            }
        };
        if output.is_empty() {
            f.write_str(", without output")
        } else {
            write!(f, "; it wrote: {output}")
        }
    }
}

/// What a command finds on its standard input.
#[derive(Debug)]
pub(crate) enum Input {
    /// Nothing.
    Nothing,
    /// This file, which it keeps open until it has ended.
    File(File),
    /// This text; what it writes to standard output is then thrown away, and its last words are those of its errors.
    Text(String),
}

/// Runs the command to its end, at most `bound`.
pub(crate) async fn run(
    argv: &[String],
    bound: Duration,
    input: Input,
) -> Result<(), CommandFailure> {
    run_with(argv, bound, input, &[]).await
}

/// The same with these further variables in its environment.
pub(crate) async fn run_with(
    argv: &[String],
    bound: Duration,
    input: Input,
    variables: &[(&str, String)],
) -> Result<(), CommandFailure> {
    let (stdin, stdout, text) = match input {
        Input::Nothing => (Stdio::null(), Stdio::piped(), String::new()),
        Input::File(file) => (Stdio::from(file), Stdio::piped(), String::new()),
        Input::Text(text) => (Stdio::piped(), Stdio::null(), text),
    };
    let words = Tail::new(KEPT);
    let child = (stdin, stdout, text);
    carry_out(argv, bound, child, variables, (words.clone(), words)).await
}

/// Runs the command with `text` on its standard input and gives its standard output, at most `most` bytes of its end.
pub(crate) async fn ask(
    argv: &[String],
    bound: Duration,
    text: String,
    most: usize,
) -> Result<String, CommandFailure> {
    let (answer, words) = (Tail::new(most), Tail::new(KEPT));
    let child = (Stdio::piped(), Stdio::piped(), text);
    carry_out(argv, bound, child, &[], (answer.clone(), words)).await?;
    Ok(answer.text())
}

async fn carry_out(
    argv: &[String],
    bound: Duration,
    (stdin, stdout, text): (Stdio, Stdio, String),
    variables: &[(&str, String)],
    (out, tail): (Tail, Tail),
) -> Result<(), CommandFailure> {
    let (program, arguments) = argv.split_first().ok_or(CommandFailure::Empty)?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .envs(variables.iter().map(|(name, value)| (*name, value)))
        .stdin(stdin)
        .stdout(stdout)
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    #[cfg(unix)]
    command.process_group(0);
    let mut child = command.spawn().map_err(|error| CommandFailure::NotRun {
        program: program.clone(),
        problem: error.to_string(),
    })?;
    let mut group = Group(child.id());
    let ended = tokio::time::timeout(bound, attend(&mut child, &text, &out, &tail)).await;
    let program = program.clone();
    match ended {
        Ok(Ok(status)) => {
            group.0 = None;
            if status.success() {
                return Ok(());
            }
            Err(CommandFailure::Failed {
                program,
                status: status.to_string(),
                code: status.code(),
                output: tail.text(),
            })
        }
        Ok(Err(error)) => Err(CommandFailure::NotRun {
            program,
            problem: error.to_string(),
        }),
        Err(_) => {
            drop(group);
            // Killed: this only collects its exit status.
            drop(tokio::time::timeout(LAST_WORDS, child.wait()).await);
            Err(CommandFailure::TimedOut {
                program,
                bound,
                output: tail.text(),
            })
        }
    }
}

async fn attend(
    child: &mut Child,
    text: &str,
    answer: &Tail,
    tail: &Tail,
) -> std::io::Result<ExitStatus> {
    let (out, err, input) = (child.stdout.take(), child.stderr.take(), child.stdin.take());
    let reading = async { tokio::join!(feed(input, text), drain(out, answer), drain(err, tail)) };
    tokio::pin!(reading);
    let mut all_read = false;
    let status = loop {
        tokio::select! {
            status = child.wait() => break status,
            _ = &mut reading, if !all_read => all_read = true,
        }
    };
    if !all_read {
        // A process it left behind may hold the pipe open for ever.
        drop(tokio::time::timeout(LAST_WORDS, &mut reading).await);
    }
    status
}

/// A command that ends well without having read all has read all that it wants.
async fn feed(pipe: Option<ChildStdin>, text: &str) {
    if let Some(mut pipe) = pipe {
        // What a failure means is said by the command's exit status.
        drop(pipe.write_all(text.as_bytes()).await);
    }
}

async fn drain(pipe: Option<impl AsyncRead + Unpin>, tail: &Tail) {
    let Some(mut pipe) = pipe else { return };
    let mut buffer = Vec::with_capacity(KEPT);
    while let Ok(1..) = pipe.read_buf(&mut buffer).await {
        tail.push(&buffer);
        buffer.clear();
    }
}

/// The end of what a command wrote, so many bytes at most.
#[derive(Debug, Clone)]
struct Tail {
    kept: Arc<Mutex<Vec<u8>>>,
    most: usize,
}

impl Tail {
    fn new(most: usize) -> Self {
        Self {
            kept: Arc::default(),
            most,
        }
    }

    fn push(&self, bytes: &[u8]) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(bytes);
        let over = kept.len().saturating_sub(self.most);
        kept.drain(..over);
    }

    fn text(&self) -> String {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&kept).trim().to_owned()
    }
}

/// Kills the process group when dropped, unless it was emptied before.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(group) = self
            .0
            .and_then(|id| i32::try_from(id).ok())
            .and_then(rustix::process::Pid::from_raw)
        {
            // Fails only where the whole group is gone already.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}
