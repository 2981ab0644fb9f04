//! Situations to decide on: a DC that is down, and everything that could be otherwise.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::*;
use crate::model::{
    Attempt, AttemptKind, AttemptState, Cursor, CursorTag, FailureKind, HeldCursor, Knowledge,
    Switch, Usn,
};

pub(super) const NOW: i64 = 1_800_000_000_000;

pub(super) fn at(seconds: i64) -> UtcMs {
    UtcMs::from_millis(NOW + seconds * 1_000)
}

pub(super) fn dc(name: &str) -> DcName {
    name.parse().unwrap()
}

pub(super) fn failed(seconds: i64, kind: FailureKind) -> Sighting {
    Sighting {
        at: at(seconds),
        failed: Some(kind),
        took_ms: 0,
    }
}

pub(super) fn answered(seconds: i64) -> Sighting {
    Sighting {
        at: at(seconds),
        failed: None,
        took_ms: 0,
    }
}

/// A situation that calls for a failover, owned.
#[derive(Debug, Clone)]
pub(super) struct Scene {
    pub(super) mode: AutoFailover,
    pub(super) outcome: Outcome,
    pub(super) have: u32,
    pub(super) dc: Option<DcName>,
    pub(super) sightings: BTreeMap<DcName, Vec<Sighting>>,
    pub(super) brakes: Brakes,
    pub(super) proposal: Option<Proposal>,
    pub(super) safety: Safety,
}

impl Scene {
    /// dc1 refuses for a minute, dc2 answers, the sync has failed three times.
    pub(super) fn down() -> Self {
        let refused = FailureKind::Refused;
        Self {
            mode: AutoFailover::On,
            outcome: Outcome::Outage,
            have: 3,
            dc: Some(dc("dc1")),
            sightings: [
                (
                    dc("dc1"),
                    vec![
                        answered(-100),
                        failed(-60, refused),
                        failed(-30, refused),
                        failed(-1, refused),
                    ],
                ),
                (dc("dc2"), vec![answered(-40)]),
            ]
            .into(),
            brakes: Brakes::default(),
            proposal: None,
            safety: Safety::default(),
        }
    }

    pub(super) fn seen(mut self, of: &str, sightings: Vec<Sighting>) -> Self {
        self.sightings.insert(dc(of), sightings);
        self
    }

    pub(super) fn decided(&self) -> Stance {
        let situation = Situation {
            mode: self.mode,
            outcome: self.outcome,
            errors: Signal {
                have: self.have,
                need: 3,
                within: Duration::from_secs(90),
            },
            dc: self.dc.as_ref(),
            sightings: &self.sightings,
            brakes: &self.brakes,
            proposal: self.proposal.as_ref(),
            safety: &self.safety,
        };
        decide(&situation, at(0))
    }

    /// The words of the reasons, in one text.
    pub(super) fn words(&self) -> String {
        let why: Vec<String> = self.decided().why.iter().map(ToString::to_string).collect();
        why.join("; ")
    }
}

pub(super) fn proposal(state: ProposalState) -> Proposal {
    Proposal {
        id: 7,
        resource: "hr".parse().unwrap(),
        incident: Some(1),
        made_at: at(-30),
        proposed_by: None,
        runs_by_itself: false,
        failure_timestamp: None,
        replication_time: None,
        plan: None,
        state,
        expires_at: None,
        answered_by: None,
        answered_at: None,
        reason: None,
        attempt: None,
        outcome: None,
        ended_at: state.is_ended().then(|| at(-10)),
    }
}

pub(super) fn attempt(id: i64, seconds: i64, channel: &str, state: AttemptState) -> Attempt {
    let cursor = Cursor {
        ldap_host: "dc1.example.com".to_owned(),
        global_catalog: None,
        invocation_id: None,
        last_updated: Usn::new(1).unwrap(),
        last_deleted: Usn::new(1).unwrap(),
    };
    Attempt {
        id,
        resource: "hr".parse().unwrap(),
        kind: AttemptKind::Failover,
        made_at: at(seconds),
        who: "anna".to_owned(),
        channel: channel.to_owned(),
        plan: "{}".to_owned(),
        plan_hash: String::new(),
        orders: Switch {
            resource: "hr".parse().unwrap(),
            to: dc("dc2"),
            expected: HeldCursor {
                cursor: cursor.clone(),
                tag: CursorTag("1".to_owned()),
            },
            new: cursor,
            knowledge: Knowledge::Void {
                since: at(seconds),
                dc: dc("dc2"),
                reason: String::new(),
            },
            restart: true,
        },
        was_stopped: false,
        state,
        old_cursor: None,
        ended_at: state.is_ended().then(|| at(seconds)),
        outcome: None,
        steps: Vec::new(),
    }
}
