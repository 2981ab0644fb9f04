//! Digests of link values (R8).

use sha2::{Digest, Sha256};

use super::rules::{Rule, holds};
use crate::model::{Image, LinkDigest, LinkValue, ObjectGuid, TargetFate};

/// Shows an image's links as they are to the consumer. Targets it was told deleted are taken out: a DC that is behind
/// still shows them, and when it learns of the delete, nothing would tell the consumer to drop them once more (R8). Those
/// that came back are marked, since links to them as told before were dropped with the delete.
pub fn settle_targets(image: &mut Image, fate: impl Fn(ObjectGuid) -> Option<TargetFate>) {
    for values in image.links.values_mut() {
        values.retain_mut(|value| match fate(value.target) {
            Some(TargetFate::Deleted) => !holds(Rule::DeletedTargets),
            Some(TargetFate::Revived(life)) => {
                value.life = if holds(Rule::Regained) { life } else { 0 };
                true
            }
            None => true,
        });
    }
    image.links.retain(|_, values| !values.is_empty());
}

/// The digest of one forward link's values: of their targets' objectGUIDs in order, what they carry besides, and in which
/// life the target is, so neither the DC's order nor the targets' names matter. SHA-256, cut to 128 bits.
pub fn digest(values: &[LinkValue]) -> LinkDigest {
    let mut targets: Vec<_> = values
        .iter()
        .map(|value| (value.target, &value.data, value.life))
        .collect();
    targets.sort_unstable();
    targets.dedup();
    let mut hash = Sha256::new();
    for (target, data, life) in targets {
        hash.update(target.to_octets());
        if life > 0 {
            hash.update([0]);
            hash.update(life.to_be_bytes());
        }
        if let Some(data) = data {
            hash.update((data.len() as u64).to_be_bytes());
            hash.update(data);
        }
    }
    let mut short = [0; 16];
    for (to, from) in short.iter_mut().zip(hash.finalize()) {
        *to = from;
    }
    LinkDigest(short)
}
