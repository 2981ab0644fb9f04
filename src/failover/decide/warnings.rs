//! What the operator should know before a plan is carried out.

use crate::model::{Chosen, Method, Verdict, Warning};

use super::input::Input;

/// Clocks that differ by more are shown.
const SKEW_SHOWN_MS: i64 = 5_000;

/// Every warning, those of the candidates first.
pub(super) fn warnings(
    input: &Input,
    candidates: &[Verdict],
    chosen: Option<&Chosen>,
) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let bound_ms = input.ask.replication_time.as_millis();
    for verdict in candidates {
        if let Some(lag_ms) = verdict.lag_ms.filter(|lag| *lag > bound_ms) {
            warnings.push(Warning::LagAboveReplicationTime {
                dc: verdict.dc.clone(),
                lag_ms,
                bound_ms,
            });
        }
    }
    for candidate in &input.candidates {
        let skew = candidate
            .probe
            .as_ref()
            .ok()
            .and_then(|facts| facts.skew_ms);
        if let Some(skew_ms) = skew.filter(|skew| skew.abs() > SKEW_SHOWN_MS) {
            warnings.push(Warning::ClockSkew {
                dc: candidate.dc.clone(),
                skew_ms,
            });
        }
    }
    if let Some(chosen) = chosen {
        warnings.extend(source_answers(input));
        let verdict = candidates
            .iter()
            .find(|verdict| verdict.dc == chosen.switch.to);
        warnings.extend(
            verdict
                .into_iter()
                .flat_map(|verdict| of_choice(input, chosen, verdict)),
        );
    }
    warnings
}

/// A move away from a DC that is well is mostly a mistake in the resource's name.
fn source_answers(input: &Input) -> Option<Warning> {
    let source = &input.source.dc;
    let mut candidates = input.candidates.iter();
    let facts = candidates
        .find(|candidate| candidate.dc == *source)?
        .probe
        .as_ref()
        .ok()?;
    Some(Warning::SourceAnswers {
        dc: source.clone(),
        committed: facts.committed,
    })
}

fn of_choice(input: &Input, chosen: &Chosen, verdict: &Verdict) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let dc = verdict.dc.clone();
    if !chosen.start.proven {
        let because = match verdict.starts.as_ref().map(|starts| &starts.vector) {
            Some(Err(why)) => why.to_string(),
            _ => "--allow-gap accepts that changes may be skipped".to_owned(),
        };
        warnings.push(Warning::Unproven {
            dc: dc.clone(),
            because,
        });
    }
    if chosen.method == Method::Time {
        warnings.extend(of_failure(input, chosen, verdict));
    }
    if let Some(at_most) = chosen.ghosts_at_most.filter(|at_most| *at_most > 0) {
        warnings.push(Warning::Ghosts {
            dc,
            source_dc: input.source.dc.clone(),
            at_most,
        });
    }
    warnings
}

/// What is to be known of the FailureTimestamp given, where the start hangs on it.
fn of_failure(input: &Input, chosen: &Chosen, verdict: &Verdict) -> Option<Warning> {
    let given = input.ask.failure_timestamp?;
    let Some(read_by) = input.source.read_by.map(|sample| sample.not_begun_at()) else {
        return (!chosen.start.proven).then_some(Warning::LastReadUnknown { given });
    };
    let counted = super::failure(&input.ask, Some(read_by))?;
    if counted < given {
        return Some(Warning::FailureTakenEarlier {
            given,
            taken: counted,
        });
    }
    // Less replicationTime it must not be later than what the DC in use had passed on.
    let target = counted.minus_ms(input.ask.replication_time.as_millis());
    let is_late = given > read_by && target > read_by.minus_ms(verdict.lag_ms.unwrap_or(0));
    (is_late && !chosen.start.proven).then_some(Warning::FailureAfterLastRead {
        given,
        proven: read_by,
    })
}
