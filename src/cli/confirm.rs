//! Asking before something is changed.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use super::CliError;

/// Asks on the terminal; anything but `y` or `yes` ends the command, and so does the lack of a terminal.
pub(super) fn ask(question: &str) -> Result<(), CliError> {
    if !io::stdin().is_terminal() {
        let reason =
            "this changes something and there is no terminal to ask at: give --yes to go on"
                .to_owned();
        return Err(CliError::Usage(reason));
    }
    let mut terminal = anstream::stderr();
    let asked = write!(terminal, "{question} [y/N] ").and_then(|()| terminal.flush());
    let mut answer = String::new();
    asked
        .and_then(|()| io::stdin().lock().read_line(&mut answer))
        .map_err(|error| CliError::failed("cannot ask at the terminal", error))?;
    if matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
        Ok(())
    } else {
        Err(CliError::Declined)
    }
}
