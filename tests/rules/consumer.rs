//! The external sync: it polls one DC by the rule, takes whole objects, and keeps no stamps of its own (the ones
//! here serve the comparison only).

use std::collections::BTreeMap;

use highwater::model::{Cursor, HeldCursor, HostAttribute, InvocationId, Usn};

use crate::forest::{Attr, Dc, Seen};
use crate::source::{host, usn};

pub(crate) type Image = BTreeMap<u8, Attr>;

/// What the sync does wrong, on purpose.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Habits {
    /// It searches with an upper bound.
    pub(crate) upper_bound: bool,
    /// Its cursor is the largest uSNChanged it saw.
    pub(crate) largest_seen: bool,
}

struct Search {
    from: i64,
    committed: i64,
    place: usize,
    largest: i64,
    vectors: Vec<Seen>,
    pages: Vec<(u64, Image)>,
}

pub(crate) struct Consumer {
    pub(crate) dc: usize,
    /// The cursor as it was last read or written.
    pub(crate) held: HeldCursor,
    pub(crate) state: BTreeMap<u64, Image>,
    pub(crate) habits: Habits,
    /// Whether each page is taken when it comes, or all when the search is complete.
    streaming: bool,
    page: usize,
    search: Option<Search>,
    /// Per NC, the greatest vector ever read before a completed search (K): never a start.
    pub(crate) told: Vec<Seen>,
    /// Per NC, the vector as it stood after the last search: never evidence.
    pub(crate) vectors_after: Option<Vec<Seen>>,
}

/// Before the first search.
pub(crate) fn first_cursor(dc: usize, id: InvocationId) -> Cursor {
    Cursor {
        ldap_host: host(dc),
        global_catalog: None,
        invocation_id: Some(id),
        last_updated: Usn::ZERO,
        last_deleted: Usn::ZERO,
    }
}

impl Consumer {
    pub(crate) fn new(
        dc: usize,
        held: HeldCursor,
        ncs: usize,
        streaming: bool,
        page: usize,
    ) -> Self {
        Self {
            dc,
            held,
            state: BTreeMap::new(),
            habits: Habits::default(),
            streaming,
            page,
            search: None,
            told: vec![Seen::new(); ncs],
            vectors_after: None,
        }
    }

    pub(crate) fn is_searching(&self) -> bool {
        self.search.is_some()
    }

    /// The connection breaks: an unfinished search moves no cursor. Gives back the cursor that is to be written.
    pub(crate) fn stop(&mut self) -> Option<Cursor> {
        let search = self.search.take()?;
        if !self.habits.largest_seen {
            return None;
        }
        self.take(search.pages);
        Some(self.advanced(search.largest))
    }

    /// Takes over the cursor that a switch wrote.
    pub(crate) fn move_to(&mut self, dc: usize, held: HeldCursor) {
        assert_eq!(
            held.cursor.host(HostAttribute::LdapHost),
            Some(host(dc).as_str())
        );
        self.search = None;
        self.dc = dc;
        self.held = held;
        self.vectors_after = None;
    }

    /// One step of a poll: the reading of highestCommittedUSN, or one page. Gives back the cursor that is to be
    /// written, where the search is complete.
    pub(crate) fn step(&mut self, dc: &Dc) -> Option<Cursor> {
        if !dc.alive || self.held.cursor.invocation_id != Some(dc.id) {
            return None;
        }
        let Some(mut search) = self.search.take() else {
            self.search = Some(Search {
                from: self.held.cursor.read_up_to().get(),
                committed: dc.usn,
                place: 0,
                largest: 0,
                vectors: dc.vectors.clone(),
                pages: Vec::new(),
            });
            return None;
        };
        let mut page = Vec::new();
        while page.len() < self.page && search.place < dc.order.len() {
            let id = dc.order[search.place];
            let object = &dc.objects[&id];
            search.place += 1;
            let within = !self.habits.upper_bound || object.changed <= search.committed;
            if object.changed > search.from && within {
                search.largest = search.largest.max(object.changed);
                page.push((id, object.attrs.clone()));
            }
        }
        if self.streaming {
            self.take(page);
        } else {
            search.pages.extend(page);
        }
        if search.place < dc.order.len() {
            self.search = Some(search);
            return None;
        }
        Some(self.complete(search, dc))
    }

    fn complete(&mut self, search: Search, dc: &Dc) -> Cursor {
        self.take(search.pages);
        let reached = if self.habits.largest_seen {
            search.largest
        } else {
            search.committed
        };
        let cursor = self.advanced(reached);
        for (told, read) in self.told.iter_mut().zip(&search.vectors) {
            let own = (dc.id, search.committed);
            for (id, usn) in read
                .iter()
                .map(|(id, usn)| (*id, *usn))
                .chain(std::iter::once(own))
            {
                let entry = told.entry(id).or_insert(0);
                *entry = usn.max(*entry);
            }
        }
        self.vectors_after = Some(dc.vectors.clone());
        cursor
    }

    fn advanced(&self, reached: i64) -> Cursor {
        let mut cursor = self.held.cursor.clone();
        cursor.last_updated = cursor.last_updated.max(usn(reached));
        cursor.last_deleted = cursor.last_deleted.max(usn(reached));
        cursor
    }

    fn take(&mut self, images: Vec<(u64, Image)>) {
        self.state.extend(images);
    }
}
