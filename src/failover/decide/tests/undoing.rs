//! Undo: its refusals, the lowered start, and the case where nothing was read meanwhile.

use super::build::*;
use crate::failover::decide::{Reads, UndoInput, UndoRefused, decide, undo};
use crate::model::{Knowledge, Switch};

/// dc1 → dc2 at 200 was carried out: S is then {1: 90, 2: 200, 3: 300}.
fn done() -> Switch {
    decide(&input(), ms(10_001)).chosen.unwrap().switch
}

fn undo_input(change: impl FnOnce(&mut UndoInput)) -> UndoInput {
    let done = done();
    let mut input = UndoInput {
        back_to: dc(1),
        cursor: cursor(2, 230),
        knowledge: Some(done.knowledge.clone()),
        incarnation: Some(id(1)),
        facts: Some(facts(1, 120, &[(2, 240), (3, 280)])),
        reads: Reads::Changes,
        allow_gap: false,
        restart: true,
        done,
    };
    change(&mut input);
    input
}

fn undone(change: impl FnOnce(&mut UndoInput)) -> Result<Switch, UndoRefused> {
    undo(&undo_input(change), ms(20_000))
}

#[test]
fn the_old_cursor_is_lowered_to_what_the_other_dc_had() {
    let back = undone(|_| ()).unwrap();
    assert_eq!(back.to, dc(1));
    assert_eq!(back.expected, cursor(2, 230));
    assert_eq!(back.new, cursor(1, 90).cursor, "dc2 had dc1 up to 90 only");
    let held = vectors(&[(1, 90), (2, 200), (3, 280)]);
    assert_eq!(
        back.knowledge.held(),
        Some(&held),
        "R3 again, with dc1's vector"
    );
    let lower = undone(|i| i.done.expected = cursor(1, 70)).unwrap();
    assert_eq!(
        lower.new,
        cursor(1, 70).cursor,
        "never above the old cursor"
    );
}

#[test]
fn without_the_old_dcs_vector_only_the_start_is_known() {
    for facts in [None, Some(facts(1, 120, &[]))] {
        let back = undone(|i| {
            i.facts = facts.map(|mut facts| {
                facts.vectors.clear();
                facts
            });
        });
        assert_eq!(back.unwrap().knowledge.held(), Some(&vectors(&[(1, 90)])));
    }
}

#[test]
fn where_nothing_is_known_the_old_cursor_comes_back_only_to_a_sync_that_never_ran() {
    let void = |i: &mut UndoInput| i.knowledge = None;
    let unread = undone(|i| {
        void(i);
        i.done.restart = false;
        i.cursor.cursor = i.done.new.clone();
    });
    assert_eq!(unread.unwrap().new, cursor(1, 100).cursor);
    let read = undone(|i| {
        void(i);
        i.done.restart = false;
    });
    assert!(
        matches!(read, Err(UndoRefused::Unproven { .. })),
        "the cursor has moved"
    );
    let started = undone(|i| {
        void(i);
        i.cursor.cursor = i.done.new.clone();
    });
    assert!(
        matches!(started, Err(UndoRefused::Unproven { .. })),
        "it ran, so it may have taken a page"
    );
    let by_hand = undone(|i| {
        i.done.restart = false;
        i.cursor.cursor = i.done.new.clone();
    });
    assert_eq!(
        by_hand.unwrap().new,
        cursor(1, 90).cursor,
        "somebody may have started it by hand"
    );
}

#[test]
fn every_refusal() {
    assert!(matches!(
        undone(|i| i.cursor = cursor(3, 5)),
        Err(UndoRefused::MovedOn { .. })
    ));
    assert!(matches!(
        undone(|i| i.cursor.cursor.global_catalog = Some("gc".to_owned())),
        Err(UndoRefused::MovedOn { .. })
    ));
    let restored = UndoRefused::Restored {
        dc: dc(1),
        present: id(9),
        old: id(1),
    };
    assert_eq!(
        undone(|i| i.facts = Some(facts(9, 500, &[]))),
        Err(restored)
    );
    let back = UndoRefused::RolledBack {
        dc: dc(1),
        committed: usn(99),
        old: usn(100),
    };
    assert_eq!(undone(|i| i.facts = Some(facts(1, 99, &[]))), Err(back));
    let unproven = Err(UndoRefused::Unproven {
        from: dc(2),
        dc: dc(1),
    });
    assert_eq!(undone(|i| i.knowledge = None), unproven);
    assert_eq!(undone(|i| i.knowledge = Some(void())), unproven);
    assert_eq!(
        undone(|i| i.knowledge = Some(switched(1, 2, 200, &[(2, 200)]))),
        unproven
    );
    assert_eq!(
        undone(|i| {
            i.done.expected.cursor.invocation_id = None;
            i.incarnation = None;
        }),
        unproven
    );
}

#[test]
fn a_gap_allowed_puts_the_old_cursor_back_and_proves_nothing() {
    let forced = undone(|i| {
        i.knowledge = None;
        i.allow_gap = true;
        i.restart = false;
    })
    .unwrap();
    assert_eq!((forced.new, forced.restart), (cursor(1, 100).cursor, false));
    assert!(matches!(forced.knowledge, Knowledge::Void { .. }));
}
