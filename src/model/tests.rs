//! The laws of the values: vectors form a lattice, names fold, numbers and times survive printing.

#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;
use uuid::Uuid;

use super::*;

fn vector() -> impl Strategy<Value = Vector> {
    prop::collection::vec((0_u128..6, 0_i64..20), 0..6).prop_map(|entries| {
        let entry = |(id, usn)| {
            let id = InvocationId::from_uuid(Uuid::from_u128(id));
            (id, Usn::new(usn).unwrap())
        };
        entries.into_iter().map(entry).collect()
    })
}

proptest! {
    #[test]
    fn vectors_form_a_lattice(a in vector(), b in vector(), c in vector()) {
        prop_assert_eq!(a.meet(&b), b.meet(&a));
        prop_assert_eq!(a.join(&b), b.join(&a));
        prop_assert_eq!(a.meet(&b).meet(&c), a.meet(&b.meet(&c)));
        prop_assert_eq!(a.join(&b).join(&c), a.join(&b.join(&c)));
        prop_assert_eq!(a.meet(&a.join(&b)), a.clone());
        prop_assert_eq!(a.join(&a.meet(&b)), a.clone());
        prop_assert_eq!(a.meet(&a), a.clone());
        prop_assert_eq!(a.meet(&Vector::new()), Vector::new());
        prop_assert_eq!(a.join(&Vector::new()), a.clone());
    }

    #[test]
    fn covering_is_the_order_of_the_lattice(a in vector(), b in vector(), c in vector()) {
        prop_assert!(a.covers(&a) && a.covers(&Vector::new()));
        prop_assert!(a.covers(&a.meet(&b)) && a.join(&b).covers(&a));
        prop_assert_eq!(a.covers(&b), a.join(&b) == a);
        prop_assert_eq!(a.covers(&b), a.meet(&b) == b);
        prop_assert!(!(a.covers(&b) && b.covers(&a)) || a == b);
        prop_assert!(!(a.covers(&b) && b.covers(&c)) || a.covers(&c));
        prop_assert!(!(a.covers(&c) && b.covers(&c)) || a.meet(&b).covers(&c));
    }

    #[test]
    fn a_vector_keeps_no_zero(a in vector(), n in 0_u128..6) {
        let id = InvocationId::from_uuid(Uuid::from_u128(n));
        prop_assert!(a.iter().all(|(_, usn)| usn > Usn::ZERO));
        prop_assert_eq!(a.clone().with(id, Usn::ZERO).get(id), None);
        let text = serde_json::to_string(&a).unwrap();
        prop_assert_eq!(serde_json::from_str::<Vector>(&text).unwrap(), a);
    }

    #[test]
    fn names_compare_without_case_and_blanks(parts in prop::collection::vec("[a-zA-Zöß0-9]{1,6}", 1..5),
                                            gap in " {0,3}", gap_after in " {0,3}") {
        let plain = parts.iter().map(|part| format!("ou={part}")).collect::<Vec<_>>().join(",");
        let spaced = parts.iter().map(|part| format!("OU{gap}={gap_after}{part}"))
            .collect::<Vec<_>>().join(&format!("{gap},{gap_after}"));
        let (plain, spaced): (Dn, Dn) = (plain.parse().unwrap(), spaced.parse().unwrap());
        prop_assert_eq!(&plain, &spaced);
        prop_assert_eq!(plain.cmp(&spaced), std::cmp::Ordering::Equal);
        let again: Dn = spaced.folded().parse().unwrap();
        prop_assert_eq!(again.folded(), spaced.folded());
        let child: Dn = format!("CN=x,{plain}").parse().unwrap();
        prop_assert!(child.is_within(&plain) && plain.is_within(&plain) && !plain.is_within(&child));
        let sibling: Dn = format!("CN=x{plain}").parse().unwrap();
        prop_assert!(!sibling.is_within(&plain));
    }

    #[test]
    fn any_text_folds_once(text in ".{0,40}") {
        if let Ok(dn) = text.parse::<Dn>() {
            prop_assert_eq!(dn.as_str().parse::<Dn>().unwrap(), dn);
        }
        prop_assert_eq!(text.parse::<DcName>().is_ok_and(|name| name.as_str() != text), false);
        let _ = (text.parse::<UtcMs>(), text.parse::<Usn>(), text.parse::<Hours>(), text.parse::<InvocationId>());
    }

    #[test]
    fn usns_survive_printing(value in any::<i64>()) {
        if let Ok(usn) = Usn::new(value) {
            prop_assert_eq!(usn.to_string().parse::<Usn>().unwrap().get(), value);
        } else {
            prop_assert!(value < 0);
            prop_assert!(value.to_string().parse::<Usn>().is_err());
            prop_assert!(serde_json::from_str::<Usn>(&value.to_string()).is_err());
        }
    }

    #[test]
    fn times_survive_printing(ms in -62_135_596_800_000_i64..253_402_300_800_000) {
        let time = UtcMs::from_millis(ms);
        prop_assert_eq!(time.to_string().parse::<UtcMs>().unwrap(), time);
        let text = serde_json::to_string(&time).unwrap();
        prop_assert_eq!(serde_json::from_str::<UtcMs>(&text).unwrap(), time);
    }

    #[test]
    fn time_is_total(ms in any::<i64>(), by in any::<i64>()) {
        let time = UtcMs::from_millis(ms);
        let _ = (time.plus_ms(by), time.minus_ms(by), time.ms_since(UtcMs::from_millis(by)), time.to_string());
    }

    #[test]
    fn a_bound_in_hours_never_shrinks(hours in prop_oneof![any::<f64>(), -1.0..90_000.0]) {
        match Hours::new(hours) {
            Ok(bound) => {
                prop_assert!((0.0..=87_600.0).contains(&hours));
                #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
                let ms = bound.as_millis() as f64;
                prop_assert!(ms >= hours * 3_600_000.0 && ms <= hours * 3_600_000.0 + 1.0);
                prop_assert_eq!(f64::from(hours.to_string().parse::<Hours>().unwrap()).to_bits(), hours.to_bits());
            }
            Err(_) => prop_assert!(!(0.0..=87_600.0).contains(&hours)),
        }
    }
}

#[test]
fn garbage_is_refused() {
    for text in ["", "-1", "+1", " 1", "1.0", "9223372036854775808", "٣"] {
        assert!(text.parse::<Usn>().is_err(), "{text}");
    }
    for text in ["", "yesterday", "2026-13-01T00:00:00Z", "1700000000"] {
        assert!(text.parse::<UtcMs>().is_err(), "{text}");
    }
    for text in ["", "-1", "NaN", "inf", "87600.1", "3h"] {
        assert!(text.parse::<Hours>().is_err(), "{text}");
    }
    for text in ["", "plain", "=x", ",dc=x"] {
        assert!(text.parse::<Dn>().is_err(), "{text}");
    }
    for text in ["", ".x", "a b", "a/b", &"x".repeat(65)] {
        assert!(text.parse::<DcName>().is_err(), "{text}");
    }
}

#[test]
fn an_escaped_blank_or_comma_stays() {
    let dn = |text: &str| text.parse::<Dn>().unwrap();
    assert_ne!(dn("cn=a\\ ,dc=x"), dn("cn=a,dc=x"));
    assert_ne!(dn("cn=a\\,dc=x"), dn("cn=a,dc=x"));
}

#[test]
fn octets_are_mixed_endian() {
    let octets: [u8; 16] = std::array::from_fn(|n| u8::try_from(n).unwrap());
    let id = InvocationId::from_octets(octets);
    assert_eq!(id.to_string(), "03020100-0504-0706-0809-0a0b0c0d0e0f");
    assert_eq!(id.to_octets(), octets);
}

#[test]
fn a_sample_tells_when_its_poll_had_not_begun() {
    let sample = Sample {
        collected_at: UtcMs::from_millis(1_000),
        committed: Usn::ZERO,
        took_ms: 40,
        skew_ms: None,
    };
    assert_eq!(sample.not_begun_at(), UtcMs::from_millis(959));
}

#[test]
fn codes_of_failures_are_those_of_json() {
    for kind in FailureKind::ALL {
        assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{kind}\""));
    }
}
