#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::{Look, Remaining, Stands, is_to_the_letter, what_remains, where_it_stands};
use crate::model::{
    Attempt, AttemptKind, AttemptState, Cursor, CursorTag, HeldCursor, Knowledge, Switch, Usn,
    UtcMs,
};

fn cursor(dc: u8, updated: i64, deleted: i64) -> Cursor {
    Cursor {
        ldap_host: format!("dc{dc}"),
        global_catalog: None,
        invocation_id: Some(
            format!("0000000{dc}-0000-0000-0000-000000000000")
                .parse()
                .unwrap(),
        ),
        last_updated: Usn::new(updated).unwrap(),
        last_deleted: Usn::new(deleted).unwrap(),
    }
}

/// What a plain cursor shows, or an outside one whose places say which it is.
fn look(found: &Cursor, stands: Option<Stands>) -> Look {
    Look {
        held: HeldCursor {
            cursor: found.clone(),
            tag: CursorTag("1".to_owned()),
        },
        stands,
    }
}

fn attempt(state: AttemptState, was_stopped: bool, old: &Cursor, new: &Cursor) -> Attempt {
    let (dc, at) = ("dc2".parse().unwrap(), UtcMs::from_millis(1));
    Attempt {
        id: 1,
        resource: "hr".parse().unwrap(),
        kind: AttemptKind::Failover,
        made_at: at,
        who: String::new(),
        channel: String::new(),
        plan: String::new(),
        plan_hash: String::new(),
        orders: Switch {
            resource: "hr".parse().unwrap(),
            to: "dc2".parse().unwrap(),
            expected: HeldCursor {
                cursor: old.clone(),
                tag: CursorTag("1".to_owned()),
            },
            new: new.clone(),
            knowledge: Knowledge::Void {
                since: at,
                dc,
                reason: String::new(),
            },
            restart: true,
        },
        was_stopped,
        state,
        old_cursor: None,
        ended_at: None,
        outcome: None,
        steps: Vec::new(),
    }
}

#[test]
fn every_state_with_every_cursor() {
    use AttemptState as S;
    let (old, new) = (cursor(1, 500, 490), cursor(2, 900, 890));
    let back = Remaining::RollBack { start_again: true };
    let unasked = Remaining::RollBack { start_again: false };
    let (moved, read_on) = (cursor(1, 510, 490), cursor(2, 900, 895));
    let other = cursor(3, 500, 490);
    // Behind the new start: nobody of ours put it there.
    let behind = cursor(2, 899, 890);
    let anything = [&old, &new, &moved, &read_on, &other, &behind];
    for (state, wanted) in [
        (S::Begun, unasked),
        (S::Stopping, back),
        (S::Stopped, back),
        (S::Starting, Remaining::Start),
        (S::Done, Remaining::Nothing),
        (S::Conflict, Remaining::Nothing),
    ] {
        let attempt = attempt(state, false, &old, &new);
        assert_eq!(what_remains(&attempt, None), wanted, "{state}");
        for found in anything {
            assert_eq!(
                what_remains(&attempt, Some(&look(found, None))),
                wanted,
                "{state} {found:?}"
            );
        }
    }
    let conflict = Remaining::Conflict;
    for (found, writing, switched) in [
        (&old, back, conflict),
        (&new, Remaining::Record, Remaining::Start),
        (&moved, back, conflict),
        (&read_on, Remaining::Record, Remaining::Start),
        (&other, conflict, conflict),
        (&behind, conflict, conflict),
    ] {
        let seen = look(found, None);
        let in_state = |state| what_remains(&attempt(state, false, &old, &new), Some(&seen));
        assert_eq!(in_state(S::Writing), writing, "{found:?}");
        assert_eq!(in_state(S::Switched), switched, "{found:?}");
    }
    for state in [S::Writing, S::Switched] {
        let attempt = attempt(state, false, &old, &new);
        assert_eq!(what_remains(&attempt, None), Remaining::Look);
    }
}

#[test]
fn on_one_host_progress_from_either_is_nobodys() {
    // A manual step back on the same DC.
    let (old, new) = (cursor(1, 500, 500), cursor(1, 300, 300));
    let found = cursor(1, 510, 510);
    assert_eq!(where_it_stands(&old, &new, &found), Stands::Neither);
    let found = cursor(1, 310, 310);
    assert_eq!(where_it_stands(&old, &new, &found), Stands::New);
    // A restored DC, and a sync that does not write incarnations down.
    let mut new = cursor(1, 300, 300);
    new.invocation_id = cursor(2, 0, 0).invocation_id;
    let mut found = cursor(1, 600, 600);
    found.invocation_id = None;
    assert_eq!(where_it_stands(&old, &new, &found), Stands::Neither);
}

#[test]
fn what_the_places_of_an_outside_cursor_say_decides() {
    use AttemptState as S;
    let (old, new) = (cursor(1, 500, 500), cursor(2, 300, 300));
    // To its values this is the new one with progress; to its places it is half of each.
    let found = cursor(2, 500, 500);
    let back = Remaining::RollBack { start_again: true };
    for (stands, writing, switched) in [
        (Stands::Old, back, Remaining::Conflict),
        (Stands::New, Remaining::Record, Remaining::Start),
        (Stands::Half, Remaining::Complete, Remaining::Conflict),
        (Stands::Neither, Remaining::Conflict, Remaining::Conflict),
    ] {
        let seen = look(&found, Some(stands));
        let in_state = |state| what_remains(&attempt(state, false, &old, &new), Some(&seen));
        assert_eq!(in_state(S::Writing), writing, "{stands:?}");
        assert_eq!(in_state(S::Switched), switched, "{stands:?}");
        assert_eq!(in_state(S::Stopped), back, "{stands:?}");
        assert!(!is_to_the_letter(&seen, &new));
    }
    let mut kept = new.clone();
    kept.invocation_id = None;
    assert!(is_to_the_letter(&look(&kept, Some(Stands::New)), &new));
    assert!(!is_to_the_letter(&look(&kept, Some(Stands::Half)), &new));
    assert!(!is_to_the_letter(&look(&kept, None), &new));
}

fn any_cursor() -> impl Strategy<Value = Cursor> {
    (1..4u8, 0..6i64, 0..6i64, any::<bool>()).prop_map(|(dc, updated, deleted, silent)| {
        let mut cursor = cursor(dc, updated, deleted);
        if silent {
            cursor.invocation_id = None;
        }
        cursor
    })
}

proptest! {
    #[test]
    fn a_decision_is_safe(
        state in 0..AttemptState::ALL.len(), was_stopped: bool, old in any_cursor(), new in any_cursor(),
        found in proptest::option::of(any_cursor()),
    ) {
        let state = *AttemptState::ALL.get(state).unwrap();
        let attempt = attempt(state, was_stopped, &old, &new);
        let remaining = what_remains(&attempt, found.as_ref().map(|found| look(found, None)).as_ref());
        prop_assert_eq!(remaining == Remaining::Nothing, state.is_ended());
        match remaining {
            // Only what is sure to come from the new cursor is recorded as switched.
            Remaining::Record => {
                let found = found.unwrap();
                prop_assert_ne!(&found, &old);
                prop_assert_eq!(&found.ldap_host, &new.ldap_host);
                prop_assert!(found.last_updated >= new.last_updated && found.last_deleted >= new.last_deleted);
                prop_assert_eq!(state, AttemptState::Writing);
            }
            Remaining::RollBack { start_again } => {
                prop_assert!(state <= AttemptState::Writing);
                prop_assert!(!(start_again && was_stopped));
                if state == AttemptState::Writing {
                    prop_assert_eq!(&found.unwrap().ldap_host, &old.ldap_host);
                }
            }
            Remaining::Start => prop_assert!(state == AttemptState::Switched || state == AttemptState::Starting),
            Remaining::Conflict => prop_assert!(found.is_some_and(|found| found != new || new == old)),
            Remaining::Complete => prop_assert!(false, "a plain cursor has no halves"),
            Remaining::Look => prop_assert!(found.is_none()),
            Remaining::Nothing => {}
        }
    }
}
