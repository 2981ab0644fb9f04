//! Organizational units: made, moved into one another, deleted when empty, and what happens to what loses its unit.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::index::Kind;
use super::object::Place;
use super::schema::{Attribute, Class};
use super::write::Changes;
use super::{DOMAIN, Forest, ForestError};

impl Forest {
    /// Makes an organizational unit on a DC.
    pub fn new_unit(
        &mut self,
        dc: usize,
        now: i64,
        rdn: &str,
        parent: Uuid,
    ) -> Result<Uuid, ForestError> {
        let place = Place {
            rdn: rdn.to_owned(),
            parent: Some(parent),
        };
        self.create(dc, now, Class::OrganizationalUnit, place, Changes::new())
    }

    /// The live organizational units of a DC whose containers live too.
    pub fn live_units(&self, dc: usize) -> Result<Vec<Uuid>, ForestError> {
        let holder = self.dc(dc)?;
        let units = holder.of_kind(Kind::Unit).iter().copied();
        Ok(units
            .filter(|unit| {
                let parent = holder.objects.get(unit).and_then(|unit| unit.place.parent);
                holder.is_live(*unit) && parent.is_some_and(|parent| holder.is_live(parent))
            })
            .collect())
    }

    /// Whether a unit may go below a container: neither lies nor ever lay the container below it, on any DC.
    pub fn may_go_below(&self, unit: Uuid, container: Uuid) -> bool {
        let (mut seen, mut next) = (BTreeSet::new(), vec![container]);
        while let Some(at) = next.pop() {
            if at == unit {
                return false;
            }
            if seen.insert(at) {
                let above = self.lay_in.range((at, Uuid::nil())..=(at, Uuid::max()));
                next.extend(above.map(|(_, above)| *above));
            }
        }
        true
    }

    /// Notes where a unit lies, or why it cannot.
    pub(super) fn note_container(
        &mut self,
        guid: Uuid,
        parent: Option<Uuid>,
    ) -> Result<(), ForestError> {
        let Some(parent) = parent else { return Ok(()) };
        if !self.may_go_below(guid, parent) {
            return Err(ForestError::Cycle(guid));
        }
        self.lay_in.insert((guid, parent));
        Ok(())
    }

    /// Moves what lies below a deleted unit into LostAndFound, as an originating write of this DC (ADTS 3.1.1.5.5.1.5,
    /// DRSR 4.1.10.6.6); a read-only DC waits until a writable one has done it.
    pub(super) fn find_lost(&mut self, dc: usize, now: i64) -> Result<(), ForestError> {
        if self.takes_writes(dc).is_err() || !self.dc(dc)?.is_live(self.lost_and_found) {
            return Ok(());
        }
        let holder = self.dc(dc)?;
        let lost: Vec<(Uuid, Uuid)> = holder
            .of_kind(Kind::Unit)
            .iter()
            .filter(|unit| !holder.is_live(**unit))
            .flat_map(|unit| {
                holder
                    .children(*unit)
                    .into_iter()
                    .map(|child| (child, *unit))
            })
            .collect();
        for (child, unit) in lost {
            let Some(object) = self.dc(dc)?.objects.get(&child) else {
                continue;
            };
            if object.nc != DOMAIN {
                continue;
            }
            let place = Place {
                rdn: object.place.rdn.clone(),
                parent: Some(self.lost_and_found),
            };
            let was_in = vec![unit.to_bytes_le().to_vec()];
            let changes = [(Attribute::LastKnownParent, was_in)].into();
            self.lay_in.insert((child, self.lost_and_found));
            self.originate(dc, now, child, changes, Some(place))?;
        }
        Ok(())
    }
}
