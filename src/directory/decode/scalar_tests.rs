#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::{
    boolean, dn, generalized_time, instance_type, integer, invocation_id, rdn_value, service_place,
    text, usn,
};

fn time(value: &str) -> String {
    generalized_time("currentTime", value.as_bytes())
        .unwrap()
        .to_string()
}

#[test]
fn times() {
    for (value, expected) in [
        ("20261122111535.0Z", "2026-11-22T11:15:35.000Z"),
        ("20261122100253.25Z", "2026-11-22T10:02:53.250Z"),
        ("20261122100253,1239Z", "2026-11-22T10:02:53.123Z"),
        ("20261122100253Z", "2026-11-22T10:02:53.000Z"),
        ("202611221002Z", "2026-11-22T10:02:00.000Z"),
        ("2026112210.5Z", "2026-11-22T10:30:00.000Z"),
        ("202611221002.5Z", "2026-11-22T10:02:30.000Z"),
        ("20261122100253.0+0130", "2026-11-22T08:32:53.000Z"),
        ("20261231233000-01", "2027-01-01T00:30:00.000Z"),
        ("20281231235960Z", "2029-01-01T00:00:00.000Z"),
        ("20280229000000Z", "2028-02-29T00:00:00.000Z"),
        (
            "20261122100253.00000000000000000000001Z",
            "2026-11-22T10:02:53.000Z",
        ),
    ] {
        assert_eq!(time(value), expected, "{value}");
    }
}

#[test]
fn no_times() {
    for (value, offset) in [
        ("", 0),
        ("2026", 4),
        ("20261322100253Z", 4),
        ("20260229100253Z", 6),
        ("20261122240253Z", 8),
        ("20261122106053Z", 10),
        ("20261122100261Z", 12),
        ("20261122100253", 14),
        ("20261122100253.Z", 15),
        ("20261122100253.0", 16),
        ("20261122100253.0Zx", 17),
        ("20261122100253+25", 15),
        ("2026112210025Z", 13),
        ("2026-11-22T10:02:53Z", 4),
    ] {
        let error = generalized_time("currentTime", value.as_bytes()).unwrap_err();
        assert_eq!(error.offset, offset, "{value}: {error}");
    }
}

#[test]
fn numbers() {
    let highest = |value: &[u8]| usn("highestCommittedUSN", value);
    assert_eq!(highest(b"4148").unwrap().get(), 4148);
    assert_eq!(highest(b"9223372036854775807").unwrap().get(), i64::MAX);
    assert_eq!(highest(b"41x8").unwrap_err().offset, 2);
    for value in [
        &b""[..],
        b"-1",
        b"+1",
        b" 1",
        b"9223372036854775808",
        b"\xff",
    ] {
        assert!(highest(value).is_err(), "{value:?}");
    }
    assert_eq!(integer("options", b"-2147483648").unwrap(), i32::MIN);
    assert_eq!(integer("options", b"-1x").unwrap_err().offset, 2);
    for value in [&b""[..], b"-", b"+1", b"2147483648", b"1 "] {
        assert!(integer("options", value).is_err(), "{value:?}");
    }
    let full = instance_type(b"5").unwrap();
    assert!(full.is_writable() && !full.is_being_built());
    assert!(instance_type(b"20").unwrap().is_being_built());
}

#[test]
fn truth_text_and_ids() {
    assert!(boolean("isSynchronized", b"TRUE").unwrap());
    assert!(!boolean("isSynchronized", b"FALSE").unwrap());
    assert!(boolean("isSynchronized", b"true").is_err());
    assert_eq!(text("x", b"ab\xff").unwrap_err().offset, 2);
    assert!(dn("dsServiceName", b"nothing").is_err());
    assert_eq!(invocation_id(&[7; 15]).unwrap_err().offset, 0);
    assert_eq!(invocation_id(&[7; 17]).unwrap_err().offset, 16);
    assert!(invocation_id(&[0; 16]).is_err());
    assert!(invocation_id(&[7; 16]).is_ok());
}

#[test]
fn places() {
    let place = |name: &str| service_place("dsServiceName", &name.parse().unwrap());
    let found = place(
        "CN=NTDS Settings,CN=DC1,CN=Servers,CN=Default-First-Site-Name,CN=Sites,CN=Configuration,DC=lab,DC=test",
    )
    .unwrap();
    assert_eq!(found.server, "DC1");
    assert_eq!(found.site, "Default-First-Site-Name");
    let escaped = place(
        "cn=ntds settings, cn=DC\\2C1, cn=servers, cn=K\\c3\\b6ln\\, S\\+1, cn=sites, cn=configuration",
    )
    .unwrap();
    assert_eq!(escaped.server, "DC,1");
    assert_eq!(escaped.site, "Köln, S+1");
    for wrong in [
        "CN=DC1,CN=Servers,CN=x,CN=Sites",
        "CN=NTDS Settings,CN=DC1",
        "CN=NTDS Settings,CN=DC1,CN=Servers,CN=x,CN=Other",
        "CN=NTDS Settings,CN=,CN=Servers,CN=x,CN=Sites",
    ] {
        assert!(place(wrong).is_err(), "{wrong}");
    }
    let server = rdn_value("serverName", &"CN=DC1,CN=Servers".parse().unwrap());
    assert_eq!(server.unwrap(), "DC1");
}

proptest! {
    #[test]
    fn times_round_trip(ms in 0_i64..253_402_300_799_999, hours in -14_i64..=14) {
        let utc = chrono::DateTime::from_timestamp_millis(ms).unwrap();
        let written = format!("{}Z", utc.format("%Y%m%d%H%M%S%.3f"));
        let read = generalized_time("t", written.as_bytes()).unwrap();
        prop_assert_eq!(read.as_millis(), ms);
        let sign = if hours < 0 { '-' } else { '+' };
        let moved = written.replace('Z', &format!("{sign}{:02}00", hours.abs()));
        let read = generalized_time("t", moved.as_bytes()).unwrap();
        prop_assert_eq!(read.as_millis(), ms - hours * 3_600_000);
    }

    #[test]
    fn any_bytes_never_panic(value in proptest::collection::vec(any::<u8>(), 0..60)) {
        for error in [
            generalized_time("t", &value).err(),
            usn("u", &value).err(),
            integer("i", &value).err(),
            boolean("b", &value).err(),
            invocation_id(&value).err(),
        ].into_iter().flatten() {
            prop_assert!(error.offset <= value.len());
        }
        if let Ok(name) = dn("d", &value) {
            prop_assert!(service_place("d", &name).is_err());
            let _ = rdn_value("d", &name);
        }
    }

    #[test]
    fn any_digits_never_panic(value in "[0-9]{0,30}[.,]?[0-9]{0,30}[Z+-]?[0-9]{0,5}") {
        let _ = generalized_time("t", value.as_bytes());
        let _ = usn("u", value.as_bytes());
    }
}
