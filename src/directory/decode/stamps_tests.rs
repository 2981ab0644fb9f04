#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use proptest::prelude::*;

use super::stamps;
use crate::model::{InvocationId, LocalStamp, Stamp, Usn};

/// Two of the stamps that a Samba DC holds of its schema head.
const SCHEMA_HEAD: &str = "0100000000000000020000000000000000000000010000003c8d13210300000080dfb4b8a4ddfa4e8794ec559d58d5940d000000000000000d000000000000000e030900010000003e8d13210300000080dfb4b8a4ddfa4e8794ec559d58d5943e0f0000000000003e0f000000000000";

fn hex(text: &str) -> Vec<u8> {
    text.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

#[test]
fn reads_what_a_dc_answered() {
    let read = stamps(&hex(SCHEMA_HEAD)).unwrap();
    let origin: InvocationId = "b8b4df80-dda4-4efa-8794-ec559d58d594".parse().unwrap();
    let expected = |seconds, usn| LocalStamp {
        stamp: Stamp {
            version: 1,
            seconds,
            origin,
            usn: Usn::new(usn).unwrap(),
        },
        local: Usn::new(usn).unwrap(),
    };
    let at = 0x0003_2113_8d3c - 11_644_473_600;
    assert_eq!(
        read,
        [
            (0, expected(at, 13)),
            (0x0009_030e, expected(at + 2, 0x0f3e))
        ]
    );
}

#[test]
fn what_is_no_such_blob_is_refused_with_its_place() {
    let good = hex(SCHEMA_HEAD);
    let broken = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut blob = good.clone();
        change(&mut blob);
        let error = stamps(&blob).unwrap_err();
        assert_eq!(error.attribute, "replPropertyMetaData");
        (error.offset, error.problem)
    };
    assert_eq!(broken(&|blob| blob[0] = 2).0, 0);
    assert_eq!(broken(&|blob| blob[8] = 3).0, 8);
    assert_eq!(broken(&|blob| blob.push(0)).0, 8);
    assert_eq!(broken(&|blob| blob.truncate(111)).0, 8);
    assert_eq!(broken(&|blob| blob.truncate(15)).0, 12);
    assert_eq!(
        broken(&|blob| blob[16 + 39] = 0x80).0,
        16 + 32,
        "negative originating USN"
    );
    assert_eq!(
        broken(&|blob| blob[16 + 47] = 0x80).0,
        16 + 40,
        "negative local USN"
    );
    let (offset, problem) = broken(&|blob| blob.copy_within(16..20, 64));
    assert_eq!(offset, 64);
    assert!(problem.contains("twice"), "{problem}");
    let time = broken(&|blob| blob[24..32].copy_from_slice(&i64::MIN.to_le_bytes()));
    assert_eq!(time.0, 24);
}

#[test]
fn an_object_without_stamps_has_an_empty_blob() {
    assert!(
        stamps(&hex("01000000000000000000000000000000"))
            .unwrap()
            .is_empty()
    );
}

fn any_stamp() -> impl Strategy<Value = LocalStamp> {
    let seconds = -11_644_473_600..i64::MAX - 11_644_473_600;
    (
        any::<u32>(),
        seconds,
        any::<[u8; 16]>(),
        0..=i64::MAX,
        0..=i64::MAX,
    )
        .prop_map(|(version, seconds, origin, usn, local)| LocalStamp {
            stamp: Stamp {
                version,
                seconds,
                origin: InvocationId::from_octets(origin),
                usn: Usn::new(usn).unwrap(),
            },
            local: Usn::new(local).unwrap(),
        })
}

proptest! {
    #[test]
    fn what_was_written_is_read(entries in prop::collection::btree_map(any::<u32>(), any_stamp(), 0..20)) {
        let mut blob = Vec::new();
        for word in [1, 0, u32::try_from(entries.len()).unwrap(), 0] {
            blob.extend(word.to_le_bytes());
        }
        for (attid, LocalStamp { stamp, local }) in &entries {
            blob.extend(attid.to_le_bytes());
            blob.extend(stamp.version.to_le_bytes());
            blob.extend((stamp.seconds + 11_644_473_600).to_le_bytes());
            blob.extend(stamp.origin.to_octets());
            blob.extend(stamp.usn.get().to_le_bytes());
            blob.extend(local.get().to_le_bytes());
        }
        prop_assert_eq!(stamps(&blob).unwrap(), entries.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn no_bytes_make_it_panic(head in prop::bool::ANY, mut bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        if head && bytes.len() >= 16 {
            let count = u32::try_from((bytes.len() - 16) / 48).unwrap();
            bytes[..8].copy_from_slice(&[1, 0, 0, 0, 0, 0, 0, 0]);
            bytes[8..12].copy_from_slice(&count.to_le_bytes());
        }
        let _ = stamps(&bytes);
    }
}
