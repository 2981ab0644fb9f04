//! Digests of link values (R8).

use sha2::{Digest, Sha256};

use super::rules::{Rule, holds};
use crate::model::{Image, LinkDigest, LinkValue, ObjectGuid};

/// Takes the targets out of an image's links that the consumer was told deleted: a DC that is behind still shows them,
/// and when it learns of the delete, nothing would tell the consumer to drop them once more (R8).
pub fn drop_deleted(image: &mut Image, is_deleted: impl Fn(ObjectGuid) -> bool) {
    if !holds(Rule::DeletedTargets) {
        return;
    }
    for values in image.links.values_mut() {
        values.retain(|value| !is_deleted(value.target));
    }
    image.links.retain(|_, values| !values.is_empty());
}

/// The digest of one forward link's values: of their targets' objectGUIDs in order and what they carry besides, so
/// neither the DC's order nor the targets' names matter. SHA-256, cut to 128 bits.
pub fn digest(values: &[LinkValue]) -> LinkDigest {
    let mut targets: Vec<_> = values
        .iter()
        .map(|value| (value.target, &value.data))
        .collect();
    targets.sort_unstable();
    targets.dedup();
    let mut hash = Sha256::new();
    for (target, data) in targets {
        hash.update(target.to_octets());
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
