//! What a server's result code means, in words: LDAP's own codes and AD's sub-codes.

use super::error::{DirectoryError, one_line};
use crate::model::FailureKind;

/// `operationsError`: with AD also the answer to reading before a bind.
const OPERATIONS_ERROR: u32 = 1;
const STRONGER_AUTH_REQUIRED: u32 = 8;
const CONFIDENTIALITY_REQUIRED: u32 = 13;
/// `noSuchObject`.
pub(super) const NO_SUCH_OBJECT: u32 = 32;
const INVALID_CREDENTIALS: u32 = 49;
const UNWILLING_TO_PERFORM: u32 = 53;
/// Samba's setting without which SASL over TLS is refused.
const SAMBA_SASL: &str = "SASL over TLS may be switched off (Samba: `ldap server require strong auth = allow_sasl_over_tls`)";

/// The name of a result code (RFC 4511 appendix A) and what it means here, with the server's words.
pub(super) fn sentence(code: u32, text: &str) -> String {
    let meaning = match code {
        1 => "operations error",
        2 => "protocol error",
        3 => "time limit exceeded: the DC's MaxQueryDuration, or it is overloaded",
        4 => "size limit exceeded",
        7 => "authentication method not supported",
        8 => "stronger authentication required",
        10 => "a referral: this DC does not hold that naming context (on the LDAP port)",
        11 => "administrative limit exceeded",
        12 => "unavailable critical extension: the DC refuses the control",
        13 => "confidentiality required: use LDAPS or StartTLS",
        16 => "no such attribute",
        32 => "no such object: it does not exist, or the account may not see it",
        34 => "invalid DN",
        48 => "inappropriate authentication",
        49 => "invalid credentials",
        50 => "insufficient access rights: grant the account read access",
        51 => "busy: try again later",
        52 => "unavailable: the DC is starting or stopping",
        53 => "unwilling to perform",
        80 => "other error",
        _ => "an error",
    };
    let text = one_line(text);
    if text.is_empty() {
        format!("{meaning} (LDAP {code})")
    } else {
        format!("{meaning} (LDAP {code}: {text})")
    }
}

/// Whether the server wants a bind before it answers.
fn wants_bind(code: u32, text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    code == OPERATIONS_ERROR
        && (text.contains("successful bind must be completed")
            || text.contains("without authentication"))
}

/// The kind of failure a result code stands for.
pub(super) fn kind(code: u32, text: &str) -> FailureKind {
    match code {
        _ if wants_bind(code, text) => FailureKind::Permission,
        STRONGER_AUTH_REQUIRED | CONFIDENTIALITY_REQUIRED => FailureKind::StrongerAuthRequired,
        7 | 48 | INVALID_CREDENTIALS => FailureKind::Credentials,
        NO_SUCH_OBJECT | 50 => FailureKind::Permission,
        3 | 11 | 51 | 52 => FailureKind::Busy,
        _ => FailureKind::Protocol,
    }
}

/// The error for a search that was answered with this code.
pub(super) fn of_search(target: &str, what: &str, code: u32, text: &str) -> DirectoryError {
    if wants_bind(code, text) {
        return DirectoryError::Permission {
            target: target.to_owned(),
            what: what.to_owned(),
            grant: "the DC answers anonymous clients with the rootDSE only: configure credentials"
                .to_owned(),
        };
    }
    DirectoryError::Result {
        target: target.to_owned(),
        what: what.to_owned(),
        code,
        text: one_line(text),
    }
}

/// The error for a bind that was answered with this code.
pub(super) fn of_bind(target: &str, code: u32, text: &str, encrypted: bool) -> DirectoryError {
    let target = target.to_owned();
    let words = one_line(text);
    let sub = sub_code(text);
    if sub == Some(0x8009_0346) || text.contains("80090346") {
        return DirectoryError::StrongerAuthRequired {
            target,
            problem: format!(
                "it insists on channel binding and did not get a matching one ({words}); use a simple bind \
                 over TLS, and see that nothing between us and the DC ends the TLS connection"
            ),
        };
    }
    match code {
        STRONGER_AUTH_REQUIRED | CONFIDENTIALITY_REQUIRED => DirectoryError::StrongerAuthRequired {
            target,
            problem: if encrypted {
                format!(
                    "signing or channel binding is missing (LDAP {code}: {words}); {SAMBA_SASL}, or use a \
                     simple bind over TLS"
                )
            } else {
                format!("the bind was in clear (LDAP {code}: {words}); use LDAPS or StartTLS")
            },
        },
        UNWILLING_TO_PERFORM => DirectoryError::StrongerAuthRequired {
            target,
            problem: format!(
                "it is unwilling to take this bind (LDAP 53: {words}); {SAMBA_SASL}, or use a simple bind over TLS"
            ),
        },
        INVALID_CREDENTIALS => DirectoryError::Credentials {
            target,
            problem: format!(
                "{} (LDAP 49: {words})",
                sub.and_then(meaning_of_sub_code)
                    .unwrap_or("wrong user or password")
            ),
        },
        7 | 48 => DirectoryError::Credentials {
            target,
            problem: format!(
                "the DC does not take this way to authenticate: {}",
                sentence(code, text)
            ),
        },
        _ => DirectoryError::Result {
            target,
            what: "the bind".to_owned(),
            code,
            text: words,
        },
    }
}

/// AD's sub-code: the hexadecimal number after `data ` in `… AcceptSecurityContext error, data 52e, v1db1`.
fn sub_code(text: &str) -> Option<u32> {
    let (_, tail) = text.split_once(" data ")?;
    let digits = tail.split(|c: char| !c.is_ascii_hexdigit()).next()?;
    u32::from_str_radix(digits, 16).ok()
}

/// What AD's sub-code of LDAP 49 says (Windows system error codes, written in hexadecimal).
fn meaning_of_sub_code(code: u32) -> Option<&'static str> {
    Some(match code {
        0x525 => "the user does not exist; check the user name",
        0x52e => "wrong user or password",
        0x530 => "the account may not log on at this hour",
        0x531 => "the account may not log on from this machine",
        0x532 => "the password has expired; set a new one",
        0x533 => "the account is disabled; enable it",
        0x534 => "the account may not log on in this way",
        0x701 => "the account has expired; extend it",
        0x773 => "the password must be changed before the first logon; set a new one",
        0x775 => "the account is locked out; unlock it, and look for who uses an old password",
        _ => return None,
    })
}

#[cfg(test)]
#[path = "refusal_tests.rs"]
mod tests;
