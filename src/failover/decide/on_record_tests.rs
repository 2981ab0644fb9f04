use crate::model::{DcName, Incarnation, InvocationId, Quarantine, UtcMs};

use super::{UndoRefused, on_record};

fn id(number: u128) -> InvocationId {
    InvocationId::from_uuid(uuid::Uuid::from_u128(number))
}

fn at(ms: i64) -> UtcMs {
    UtcMs::from_millis(ms)
}

fn life(number: u128, quarantined: Option<i64>, released: Option<i64>) -> Incarnation {
    Incarnation {
        invocation_id: id(number),
        server_name: "DC1".to_owned(),
        ds_service_name: "CN=NTDS Settings,CN=DC1,DC=example,DC=com".parse().unwrap(),
        site: "Home".to_owned(),
        is_global_catalog: true,
        is_read_only: false,
        first_seen: at(1),
        last_seen: at(2),
        quarantine: quarantined.map(|since| Quarantine {
            since: at(since),
            reason: "fell".to_owned(),
        }),
        released_at: released.map(at),
    }
}

#[test]
fn a_cursor_of_a_rolled_back_dc_is_not_put_back() {
    let dc: DcName = "dc1".parse().unwrap();
    let since = |lives: &[Incarnation], cursor_of| match on_record(&dc, lives, cursor_of, at(100)) {
        Ok(()) => None,
        Err(UndoRefused::Quarantined { since, .. }) => Some(since.as_millis()),
        Err(other) => panic!("{other}"),
    };
    assert_eq!(since(&[life(1, None, None)], Some(id(1))), None);
    assert_eq!(since(&[life(1, Some(50), None)], Some(id(1))), Some(50));
    // Released before the failover, the cursor is of after the release; released since, it is not.
    assert_eq!(since(&[life(1, None, Some(90))], Some(id(1))), None);
    assert_eq!(since(&[life(1, None, Some(110))], Some(id(1))), Some(110));
    // Another life's quarantine matters only where the cursor may count on that one.
    let lives = [life(1, None, None), life(2, Some(60), None)];
    assert_eq!(since(&lives, Some(id(1))), None);
    assert_eq!(since(&lives, None), Some(60));
}
