//! Reading a document, and checking what its types alone do not say.

use std::collections::BTreeSet;

use super::document::{Recovery, RecoveryIncarnation, VERSION};
use crate::model::{InvocationId, ResourceName, UtcMs};
use crate::store::StoreError;

fn wrong(field: impl Into<String>, problem: impl Into<String>) -> StoreError {
    StoreError::Recovery {
        field: field.into(),
        problem: problem.into(),
    }
}

impl Recovery {
    /// The name of the recovery data of a resource.
    pub fn name_of(resource: &ResourceName) -> String {
        format!("ADSyncRecovery_{resource}")
    }

    /// Reads and checks a document; the error names the field.
    pub fn from_json(json: &str) -> Result<Self, StoreError> {
        let mut input = serde_json::Deserializer::from_str(json);
        let recovery: Self = serde_path_to_error::deserialize(&mut input).map_err(|error| {
            wrong(
                error.path().to_string(),
                format!("is unusable: {}", error.inner()),
            )
        })?;
        input
            .end()
            .map_err(|error| wrong(".", format!("is followed by something else: {error}")))?;
        recovery.validate()?;
        Ok(recovery)
    }

    /// Checks that the parts fit together.
    pub fn validate(&self) -> Result<(), StoreError> {
        if self.version != VERSION {
            let problem = format!("is {}, this program reads {VERSION}", self.version);
            return Err(wrong("version", problem));
        }
        let expected = Self::name_of(&self.resource);
        if self.name != expected {
            let problem = format!("is `{}`, not `{expected}` as `resource` says", self.name);
            return Err(wrong("name", problem));
        }
        let known = self.validate_dcs()?;
        self.validate_evidence(&known)?;
        if let Some(cursor) = self.cursor.as_ref().filter(|held| held.generation < 1) {
            let problem = format!("is {}, it begins at 1", cursor.generation);
            return Err(wrong("cursor.generation", problem));
        }
        Ok(())
    }

    fn validate_dcs(&self) -> Result<BTreeSet<InvocationId>, StoreError> {
        let (mut names, mut known) = (BTreeSet::new(), BTreeSet::new());
        for (d, dc) in self.dcs.iter().enumerate() {
            if !names.insert(&dc.name) {
                let problem = format!("is `{}`, which another DC here has already", dc.name);
                return Err(wrong(format!("dcs[{d}].name"), problem));
            }
            for (i, life) in dc.incarnations.iter().enumerate() {
                let at = format!("dcs[{d}].incarnations[{i}]");
                if !known.insert(life.invocation_id) {
                    let problem = format!("is {}, which is here twice", life.invocation_id);
                    return Err(wrong(format!("{at}.invocationId"), problem));
                }
                validate_incarnation(&at, life)?;
            }
        }
        Ok(known)
    }

    fn validate_evidence(&self, known: &BTreeSet<InvocationId>) -> Result<(), StoreError> {
        let mut polls = BTreeSet::new();
        for (e, poll) in self.evidence.iter().enumerate() {
            if !known.contains(&poll.invocation_id) {
                let problem = format!("is {}, which no DC here has", poll.invocation_id);
                return Err(wrong(format!("evidence[{e}].invocationId"), problem));
            }
            if !polls.insert((poll.invocation_id, poll.collected_at)) {
                let problem = format!("is {}, which is here twice", poll.collected_at);
                return Err(wrong(format!("evidence[{e}].collectedAt"), problem));
            }
            if poll.vectors.is_empty() {
                let problem = "names no naming context; leave the entry out";
                return Err(wrong(format!("evidence[{e}].vectors"), problem));
            }
        }
        Ok(())
    }
}

fn validate_incarnation(at: &str, life: &RecoveryIncarnation) -> Result<(), StoreError> {
    if life.last_seen < life.first_seen {
        let problem = format!("is {}, before firstSeen", life.last_seen);
        return Err(wrong(format!("{at}.lastSeen"), problem));
    }
    let mut before = None;
    for (s, sample) in life.samples.iter().enumerate() {
        if sample.0 < 0 || before.is_some_and(|before| sample.0 <= before) {
            let moment = UtcMs::from_millis(sample.0);
            let problem =
                format!("is of {moment}: samples must follow each other in time, from 1970 on");
            return Err(wrong(format!("{at}.samples[{s}]"), problem));
        }
        before = Some(sample.0);
    }
    Ok(())
}
