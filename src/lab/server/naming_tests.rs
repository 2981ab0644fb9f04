//! Names as clients give and get them.

#![expect(clippy::unwrap_used, reason = "tests")]

use uuid::Uuid;

use super::naming::{Alternative, Extended, alternative, sid_octets, sid_text};

const GUID: &str = "bdbfd4b3-453c-42ee-98e2-7b4a698a61b8";
/// BUILTIN\Administrators.
const SID: &str = "S-1-5-32-544";

#[test]
fn an_extended_dn_has_guid_and_sid_in_either_form() {
    let guid: Uuid = GUID.parse().unwrap();
    let sid = sid_octets(SID).unwrap();
    assert_eq!(sid_text(&sid).unwrap(), SID);
    let dn = "CN=Administrator,DC=fabrikam,DC=com";
    assert_eq!(
        Extended::Text.name(guid, Some(&sid), dn),
        format!("<GUID={GUID}>;<SID={SID}>;{dn}")
    );
    assert_eq!(
        Extended::Hex.name(guid, Some(&sid), dn),
        format!(
            "<GUID=b3d4bfbd3c45ee4298e27b4a698a61b8>;\
             <SID=01020000000000052000000020020000>;{dn}"
        )
    );
    assert_eq!(
        Extended::Text.name(guid, None, dn),
        format!("<GUID={GUID}>;{dn}")
    );
}

#[test]
fn a_base_may_be_a_guid_or_a_sid() {
    let guid: Uuid = GUID.parse().unwrap();
    for base in [
        format!("<GUID={GUID}>"),
        "<GUID=b3d4bfbd3c45ee4298e27b4a698a61b8>".to_owned(),
        format!("<guid={GUID}>;CN=whoever"),
    ] {
        assert_eq!(alternative(&base), Some(Alternative::Guid(guid)), "{base}");
    }
    let sid = sid_octets(SID).unwrap();
    let base = format!("<SID={SID}>");
    assert_eq!(alternative(&base), Some(Alternative::Sid(sid)));
    for wrong in [
        "DC=sim,DC=test",
        "<GUID=xyz>",
        "<GUID=b3d4>",
        "<WKGUID=1>",
        "",
    ] {
        assert_eq!(alternative(wrong), None, "{wrong}");
    }
}
