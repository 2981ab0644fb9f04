//! A program with a notice as JSON on its standard input: exit 0 takes it, 65 (`EX_DATAERR`) refuses it for good.

use super::Outcome;
use crate::config::CommandSink;
use crate::consumer::CommandFailure;
use crate::consumer::command::{self, Input};
use crate::model::Notice;

pub(super) async fn run(settings: &CommandSink, notice: &Notice) -> Outcome {
    let text = format!("{}\n", notice.data);
    match command::run(&settings.argv, settings.timeout, Input::Text(text)).await {
        Ok(()) => Outcome::Taken,
        Err(failure @ CommandFailure::Failed { code: Some(65), .. }) => {
            Outcome::Refused(failure.to_string())
        }
        Err(failure) => Outcome::Later(failure.to_string()),
    }
}
