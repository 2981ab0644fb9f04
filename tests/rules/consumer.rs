//! The external sync: it polls one DC by the rule, takes whole objects, and keeps no stamps of its own (the ones
//! here serve the comparison only).

use std::collections::BTreeMap;

use highwater::model::{Cursor, HostAttribute, InvocationId, Knowledge, Usn};

use crate::forest::{Attr, Dc, Seen};

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
    pub(crate) cursor: Cursor,
    pub(crate) knowledge: Option<Knowledge>,
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

pub(crate) fn host(dc: usize) -> String {
    format!("dc{dc}.example.com")
}

impl Consumer {
    pub(crate) fn new(
        dc: usize,
        id: InvocationId,
        ncs: usize,
        streaming: bool,
        page: usize,
    ) -> Self {
        Self {
            dc,
            cursor: Cursor {
                ldap_host: host(dc),
                global_catalog: None,
                invocation_id: Some(id),
                last_updated: Usn::ZERO,
                last_deleted: Usn::ZERO,
            },
            knowledge: None,
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

    /// The connection breaks: an unfinished search moves no cursor.
    pub(crate) fn stop(&mut self) {
        let Some(search) = self.search.take() else {
            return;
        };
        if self.habits.largest_seen {
            self.take(search.pages);
            self.advance(search.largest);
        }
    }

    /// Takes over what a switch orders.
    pub(crate) fn move_to(&mut self, dc: usize, cursor: Cursor, knowledge: Knowledge) {
        assert_eq!(
            cursor.host(HostAttribute::LdapHost),
            Some(host(dc).as_str())
        );
        self.search = None;
        self.dc = dc;
        self.cursor = cursor;
        self.knowledge = Some(knowledge);
        self.vectors_after = None;
    }

    /// One step of a poll: the reading of highestCommittedUSN, or one page.
    pub(crate) fn step(&mut self, dc: &Dc) {
        if !dc.alive || self.cursor.invocation_id != Some(dc.id) {
            return;
        }
        let Some(mut search) = self.search.take() else {
            self.search = Some(Search {
                from: self.cursor.read_up_to().get(),
                committed: dc.usn,
                place: 0,
                largest: 0,
                vectors: dc.vectors.clone(),
                pages: Vec::new(),
            });
            return;
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
        } else {
            self.complete(search, dc);
        }
    }

    fn complete(&mut self, search: Search, dc: &Dc) {
        self.take(search.pages);
        let reached = if self.habits.largest_seen {
            search.largest
        } else {
            search.committed
        };
        self.advance(reached);
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
    }

    fn advance(&mut self, usn: i64) {
        let usn = Usn::new(usn).unwrap();
        self.cursor.last_updated = self.cursor.last_updated.max(usn);
        self.cursor.last_deleted = self.cursor.last_deleted.max(usn);
    }

    fn take(&mut self, images: Vec<(u64, Image)>) {
        self.state.extend(images);
    }
}
