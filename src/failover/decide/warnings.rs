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
        if chosen.method == Method::Time {
            warnings.extend(failure_too_late(input, verdict));
        }
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

/// The FailureTimestamp less replicationTime must not be later than what the DC in use had passed on.
fn failure_too_late(input: &Input, verdict: &Verdict) -> Option<Warning> {
    let given = input.ask.failure_timestamp?;
    let proven = input.source.read_by?.not_begun_at();
    let target = given.minus_ms(input.ask.replication_time.as_millis());
    (target > proven.minus_ms(verdict.lag_ms.unwrap_or(0)))
        .then_some(Warning::FailureAfterLastRead { given, proven })
}
