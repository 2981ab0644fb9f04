#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;
use uuid::Uuid;

use super::{ExtendedDn, dn_with_data, extended_dn};
use crate::model::ObjectGuid;

const GUID: &str = "77477019-4d8d-495d-ad94-b4a05adf5d28";
const SID: &str = "<SID=S-1-5-21-3855967971-2365970620-2907121269-512>";
const DN: &str = "CN=Domain Admins,CN=Users,DC=lab,DC=test";

fn guid() -> ObjectGuid {
    GUID.parse().unwrap()
}

fn read(value: &str) -> ExtendedDn {
    extended_dn("member", value.as_bytes()).unwrap()
}

#[test]
fn both_forms_of_the_guid_mean_the_same() {
    let hex = "197047778d4d5d49ad94b4a05adf5d28";
    let bare = "<SID=010500000000000515000000>";
    for value in [
        format!("<GUID={GUID}>;{SID};{DN}"),
        format!("<GUID={hex}>;{bare};{DN}"),
        format!("<GUID={GUID}>;{DN}"),
        format!("<RMD_ADDTIME=1>;<guid={GUID}>;{DN}"),
    ] {
        let read = read(&value);
        assert_eq!(read.needed_guid("member"), Ok(guid()), "{value}");
        assert_eq!(read.dn, DN);
        assert_eq!(read.plain(), DN);
    }
}

#[test]
fn a_name_without_guid_says_which_it_is() {
    let read = read(DN);
    assert_eq!((read.guid, read.dn.as_str()), (None, DN));
    let error = read.needed_guid("member").unwrap_err();
    assert_eq!(error.attribute, "member");
    assert!(error.problem.contains(DN), "{error}");
}

#[test]
fn a_dn_with_data_keeps_its_data() {
    for (data, value) in [
        ("B:8:deadbeef", format!("B:8:deadbeef:<GUID={GUID}>;{DN}")),
        (
            "S:5:a:b\u{e4}c",
            format!("S:5:a:b\u{e4}c:<GUID={GUID}>;{SID};{DN}"),
        ),
        ("B:0:", format!("B:0::<GUID={GUID}>;{DN}")),
    ] {
        let read = dn_with_data("wellKnownObjects", value.as_bytes()).unwrap();
        assert_eq!(read.guid, Some(guid()));
        assert_eq!(read.dn, DN);
        assert_eq!(read.data.as_deref(), Some(data));
        assert_eq!(read.plain(), format!("{data}:{DN}"));
    }
    let alone = dn_with_data("x", DN.as_bytes()).unwrap();
    assert_eq!((alone.dn.as_str(), alone.data), (DN, None));
}

#[test]
fn what_is_no_name_is_refused_with_its_place() {
    for (value, offset) in [
        (format!("<GUID={GUID}"), 0),
        (format!("<GUID={GUID}>{DN}"), 43),
        (format!("<GUID={GUID}>;"), 44),
        (format!("<GUID={GUID}>;<GUID={GUID}>;{DN}"), 44),
        (format!("<GUID=x{GUID}>;{DN}"), 0),
        (String::new(), 0),
    ] {
        let error = extended_dn("member", value.as_bytes()).unwrap_err();
        assert_eq!(error.offset, offset, "{value}: {error}");
    }
    for value in ["B:", "B:x:00:CN=a", "B:9:00:CN=a", "B:2:00CN=a", "B:2:00:"] {
        assert!(dn_with_data("x", value.as_bytes()).is_err(), "{value}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..80), words in "[BS]:[0-9]{0,3}:.{0,20}(<[GUIDS=0-9a-f>;-]{0,50}){0,3}") {
        for value in [bytes.as_slice(), words.as_bytes()] {
            let _ = extended_dn("x", value);
            let _ = dn_with_data("x", value);
        }
    }

    #[test]
    fn any_guid_and_name_come_back(octets in any::<[u8; 16]>(), name in "[A-Z]{2}=[^<\u{0}]{1,40}") {
        let guid = ObjectGuid::from_octets(octets);
        let hex = Uuid::from_bytes(octets).simple().to_string().to_uppercase();
        for value in [format!("<GUID={guid}>;{name}"), format!("<GUID={hex}>;{name}")] {
            let read = extended_dn("x", value.as_bytes()).unwrap();
            prop_assert_eq!(read.guid, Some(guid));
            prop_assert_eq!(&read.dn, &name);
        }
    }
}
