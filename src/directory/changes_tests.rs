#![expect(clippy::unwrap_used, reason = "tests")]

use super::{ChangeQuery, Target, bracketed};
use crate::model::Usn;

fn filter(floor: i64, ceiling: Option<i64>, filter: Option<&str>) -> String {
    ChangeQuery {
        base: Target::Dn("DC=lab,DC=test".parse().unwrap()),
        floor: Usn::new(floor).unwrap(),
        ceiling: ceiling.map(|usn| Usn::new(usn).unwrap()),
        filter,
    }
    .filter()
}

#[test]
fn the_floor_is_left_out_and_the_ceiling_is_not() {
    assert_eq!(filter(0, None, None), "(uSNChanged>=1)");
    assert_eq!(
        filter(41, Some(50), None),
        "(&(uSNChanged>=42)(uSNChanged<=50))"
    );
    assert_eq!(
        filter(41, None, Some("objectClass=user")),
        "(&(uSNChanged>=42)(objectClass=user))"
    );
    assert_eq!(
        filter(1, Some(2), Some(" (|(a=b)(c=d))")),
        "(&(uSNChanged>=2)(uSNChanged<=2)(|(a=b)(c=d)))"
    );
    assert_eq!(
        filter(i64::MAX, None, None),
        format!("(uSNChanged>={})", i64::MAX)
    );
}

#[test]
fn brackets_are_put_where_they_are_missing() {
    assert_eq!(bracketed("a=b"), "(a=b)");
    assert_eq!(bracketed(" (a=b) "), "(a=b)");
}

#[test]
fn an_object_is_a_base_by_its_guid() {
    let guid = "77477019-4d8d-495d-ad94-b4a05adf5d28";
    assert_eq!(
        Target::Guid(guid.parse().unwrap()).base(),
        format!("<GUID={guid}>")
    );
}
