#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use base64::prelude::*;
use proptest::prelude::*;

use super::PrefixTable;
use crate::model::AttributeOid;

/// `prefixMap` of a Samba DC, version 4.17.
const SAMBA: &str = "QkRTRAAAAAApAAAAAAACACkAAAAAAAAAAgAAAAQAAgABAAAAAgAAAAgAAgACAAAACAAAAAwAAgADAAAACAAAABAAAgAEAAAACAAAABQAAgAFAAAACAAAABgAAgAGAAAACAAAABwAAgAHAAAACAAAACAAAgAIAAAAAgAAACQAAgAJAAAACAAAACgAAgAKAAAACAAAACwAAgATAAAACAAAADAAAgAUAAAACAAAADQAAgAVAAAACQAAADgAAgAWAAAACQAAADwAAgAXAAAACgAAAEAAAgAYAAAAAgAAAEQAAgAZAAAAAgAAAEgAAgAaAAAAAgAAAEwAAgALAAAACgAAAFAAAgAMAAAACQAAAFQAAgANAAAACgAAAFgAAgAOAAAACQAAAFwAAgAPAAAACgAAAGAAAgAQAAAACQAAAGQAAgARAAAACQAAAGgAAgASAAAACgAAAGwAAgAbAAAACQAAAHAAAgAcAAAACQAAAHQAAgAdAAAACAAAAHgAAgAeAAAACAAAAHwAAgAfAAAACQAAAIAAAgAgAAAACQAAAIQAAgAhAAAACgAAAIgAAgAiAAAACgAAAIwAAgAjAAAACgAAAJAAAgAkAAAACgAAAJQAAgAlAAAABgAAAJgAAgAmAAAABgAAAJwAAgAnAAAACQAAAKAAAgAoAAAACQAAAKQAAgACAAAAVQQAAAIAAABVBgAACAAAACqGSIb3FAECCAAAACqGSIb3FAEDCAAAAGCGSAFlAgIBCAAAAGCGSAFlAgIDCAAAAGCGSAFlAgEFCAAAAGCGSAFlAgEEAgAAAFUFAAAIAAAAKoZIhvcUAQQIAAAAKoZIhvcUAQUIAAAACZImiZPyLGQIAAAAYIZIAYb4QgMJAAAACZImiZPyLGQBAAAACQAAAGCGSAGG+EIDAQAAAAoAAAAqhkiG9xQBBbZYAAACAAAAVRUAAAIAAABVEgAAAgAAAFUUAAAKAAAAKoZIhvcUAQSCBAAACQAAACqGSIb3FAEFOAAAAAoAAAAqhkiG9xQBBIIGAAAJAAAAKoZIhvcUAQU5AAAACgAAACqGSIb3FAEEggcAAAkAAAAqhkiG9xQBBToAAAAJAAAAKoZIhvcUAQVJAAAACgAAACqGSIb3FAEEgjEAAAkAAAArBgEEAYs6ZXcAAAAJAAAAYIZIAYb4QgMCAAAACAAAACsGAQQBgXoBCAAAACqGSIb3DQEJCQAAAAmSJomT8ixkBAAAAAkAAAAqhkiG9xQBBhcAAAAKAAAAKoZIhvcUAQYSAQAACgAAACqGSIb3FAEGEgIAAAoAAAAqhkiG9xQBBg0DAAAKAAAAKoZIhvcUAQYNBAAABgAAACsGAQEBAQAABgAAACsGAQEBAgAACQAAACsGAQQBt30EAQAAAAkAAAArBgEEAbd9BAI=";

fn samba() -> Vec<u8> {
    BASE64_STANDARD.decode(SAMBA).unwrap()
}

fn attid(table: &PrefixTable, oid: &str) -> Option<u32> {
    table.attid(&AttributeOid::new(oid))
}

/// A `prefixMap` as Windows stores it (as DSInternals reads it from ntds.dit).
fn windows(entries: &[(u16, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (number, prefix) in entries {
        body.extend(number.to_le_bytes());
        body.extend(u16::try_from(prefix.len()).unwrap().to_le_bytes());
        body.extend(*prefix);
    }
    let mut value = u32::try_from(entries.len()).unwrap().to_le_bytes().to_vec();
    value.extend(u32::try_from(body.len() + 8).unwrap().to_le_bytes());
    value.extend(body);
    value
}

#[test]
fn well_known_attributes_have_their_well_known_numbers() {
    let table = PrefixTable::standard();
    // name, OID and number as Samba's drsuapi.idl lists them
    for (oid, number) in [
        ("2.5.4.0", 0x0000_0000),
        ("2.5.4.3", 0x0000_0003),
        ("1.2.840.113556.1.2.48", 0x0002_0030),
        ("1.2.840.113556.1.2.281", 0x0002_0119),
        ("1.2.840.113556.1.4.1", 0x0009_0001),
        ("1.2.840.113556.1.4.90", 0x0009_005a),
        ("1.2.840.113556.1.4.221", 0x0009_00dd),
        ("1.2.840.113556.1.4.1696", 0x0009_06a0),
        ("0.9.2342.19200300.100.1.25", 0x0015_0019),
        ("2.16.840.1.113730.3.140", 0x0014_008c),
        ("1.3.6.1.1.1.1.3", 0x0025_0003),
    ] {
        assert_eq!(attid(&table, oid), Some(number), "{oid}");
    }
}

#[test]
fn a_large_last_number_is_cut_and_marked() {
    // A last number of three octets leaves the first of them in the prefix.
    let prefix = [
        &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x14, 0x01, 0x04][..],
        &[0x81],
    ]
    .concat();
    let table = PrefixTable::with_map(&windows(&[(0x4608, &prefix)])).unwrap();
    assert_eq!(attid(&table, "1.2.840.113556.1.4.16384"), Some(0x4608_8000));
    assert_eq!(attid(&table, "1.2.840.113556.1.4.16391"), Some(0x4608_8007));
    assert_eq!(attid(&table, "1.2.840.113556.1.4.16383"), Some(0x0009_3fff));
    assert_eq!(attid(&table, "1.2.840.113556.1.4.32768"), None);
}

#[test]
fn an_oid_of_nobody_has_no_number() {
    let table = PrefixTable::standard();
    for oid in [
        "1.3.6.1.4.1.99999.1",
        "",
        "1",
        "2.5.4",
        "3.5.4.1",
        "1.40.1",
        "2.5.4.x",
        "2.5.4.+3",
        "2..4",
    ] {
        assert_eq!(attid(&table, oid), None, "{oid}");
    }
}

#[test]
fn a_samba_dc_says_the_same_and_adds_its_own() {
    let read = PrefixTable::with_map(&samba()).unwrap();
    let standard = PrefixTable::standard();
    assert_eq!(read.0.len(), 41);
    for (prefix, number) in &standard.0 {
        assert_eq!(read.0.get(prefix), Some(number));
    }
    assert_eq!(attid(&read, "1.3.6.1.4.1.7165.4.1.7"), Some(0x0027_0007));
    assert_eq!(attid(&standard, "1.3.6.1.4.1.7165.4.1.7"), None);
}

#[test]
fn a_windows_dc_says_only_what_was_added() {
    let map = windows(&[(0x1a2b, &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x81, 0x49])]);
    let read = PrefixTable::with_map(&map).unwrap();
    assert_eq!(attid(&read, "1.3.6.1.4.1.201.5"), Some(0x1a2b_0005));
    assert_eq!(attid(&read, "2.5.4.3"), Some(3));
}

#[test]
fn a_damaged_map_is_refused() {
    for length in 0..samba().len() {
        assert!(
            PrefixTable::with_map(&samba()[..length]).is_err(),
            "{length}"
        );
    }
    let good = windows(&[(1, b"ab"), (2, b"c")]);
    for length in 0..good.len() {
        assert!(PrefixTable::with_map(&good[..length]).is_err(), "{length}");
    }
    assert!(PrefixTable::with_map(&windows(&[(1, b"ab"), (2, b"ab")])).is_err());
    assert!(PrefixTable::with_map(&windows(&[(1, b"")])).is_err());
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(is_samba in any::<bool>(), mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if is_samba && bytes.len() > 20 {
            bytes[..8].copy_from_slice(b"BDSD\0\0\0\0");
            bytes[16] = bytes[8];
            bytes[9..12].fill(0);
            bytes[17..20].fill(0);
        }
        let _ = PrefixTable::with_map(&bytes);
    }

    #[test]
    fn no_text_makes_it_panic(text in "[0-9.]{0,60}") {
        let _ = attid(&PrefixTable::standard(), &text);
    }
}
