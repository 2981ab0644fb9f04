//! Each rule broken on purpose: what the product is given, or what it orders, is spoiled.

use highwater::failover::decide::Input;
use highwater::model::{DcFacts, Evidence, Knowledge, Plan, Preference, Switch};

use crate::consumer::Consumer;
use crate::forest::Forest;
use crate::product::Product;
use crate::source::{at, index_of, usn, vectors};

/// One rule broken on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    VectorAfterSearch,
    UpperBound,
    StartAtTold,
    NoMinimum,
    OldCursor,
    OldIncarnation,
    NoSecondCommitted,
    NoReplicationTime,
    CollectedBefore,
    AboveTarget,
    LargestSeen,
    UsesRolledBack,
    /// Not a rule: a rollback that no reading shows, the limit of what can be known.
    UnseenRollback,
}

impl Broken {
    /// Spoils what the collector has read.
    pub(crate) fn spoil_facts(self, facts: &mut DcFacts) {
        if self == Self::CollectedBefore {
            facts.committed_at = facts.started_at;
        }
    }

    /// Spoils what a failover is decided from.
    pub(crate) fn spoil_input(
        self,
        input: &mut Input,
        product: &Product,
        consumer: &Consumer,
        forest: &Forest,
        tick: i64,
    ) {
        match self {
            Self::VectorAfterSearch => {
                if let (Some(evidence), Some(after)) =
                    (&mut input.source.evidence, &consumer.vectors_after)
                {
                    evidence.vectors = vectors(after);
                    evidence.collected_at = at(tick);
                }
            }
            Self::NoSecondCommitted => {
                let cursor = &input.cursor.cursor;
                let newest = product.newest_source(cursor.invocation_id.unwrap());
                input.source.evidence = newest.map(|mut sample| {
                    sample.committed_after = cursor.read_up_to();
                    sample
                });
            }
            Self::OldIncarnation => {
                for candidate in &mut input.candidates {
                    let dc = index_of(&candidate.dc);
                    let history = product.history(dc);
                    let old = history
                        .iter()
                        .find(|row| row.invocation_id != forest.dcs[dc].id);
                    candidate.at_target = old.map(|row| row.sample).or(candidate.at_target);
                }
            }
            Self::UsesRolledBack => {
                for candidate in &mut input.candidates {
                    if forest.dcs[index_of(&candidate.dc)].paused {
                        candidate.incarnations.clear();
                        (candidate.known, candidate.newest) = (None, None);
                        candidate.preference = Preference::Prefer;
                    }
                }
            }
            _ => {}
        }
    }

    /// Spoils what is carried out.
    pub(crate) fn spoil_switch(
        self,
        switch: &mut Switch,
        plan: &Plan,
        input: &Input,
        product: &Product,
        consumer: &Consumer,
    ) {
        let id = switch.new.invocation_id.unwrap();
        let start = match self {
            Self::OldCursor => Some(input.cursor.cursor.read_up_to()),
            Self::StartAtTold => consumer
                .told
                .iter()
                .filter_map(|told| told.get(&id).map(|value| usn(*value)))
                .min(),
            Self::AboveTarget => plan.target.and_then(|target| {
                let history = product.history(index_of(&switch.to));
                let mut later = history
                    .iter()
                    .rev()
                    .filter(|row| row.invocation_id == id && row.sample.collected_at > target);
                later.next().map(|row| row.sample.committed)
            }),
            _ => None,
        };
        if let Some(start) = start {
            (switch.new.last_updated, switch.new.last_deleted) = (start, start);
        }
        let evidence = plan.chosen.as_ref().map(|chosen| &chosen.start.evidence);
        if let (Self::NoMinimum, Knowledge::Held { held, start, .. }) =
            (self, &mut switch.knowledge)
        {
            let before = match (evidence, &input.source.evidence, &input.knowledge) {
                (Some(Evidence::SourceSample { .. }), Some(sample), _) => sample.vectors.clone(),
                (_, _, Some(Knowledge::Held { held, .. })) => held.clone(),
                _ => return,
            };
            let ia = input.cursor.cursor.invocation_id.unwrap();
            for (nc, vector) in before {
                let own = vector.with(ia, input.cursor.cursor.read_up_to());
                held.insert(nc, own.with(id, *start));
            }
        }
    }
}
