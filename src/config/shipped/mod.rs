//! The rules that come with the program: the errors of a sync in the words of Java, .NET, Python, Go, OpenLDAP, Samba,
//! Kerberos, Windows and of Highwater itself, each with samples that `rules test` runs.
//!
//! # Decisions
//! - The first rule that matches counts, the configuration's own before these; so the special stands before the
//!   general. An AD sub-code has a rule of its own, because its name is what an administrator wants to read.
//! - A rule is a vocabulary: what a product calls a thing and what it says of it, in any order and with a few words in
//!   between, not the lines of one version. Names of classes count like words.
//! - A number counts only beside what makes it a code: `codes` has the three kinds. Alone it may be an id or a port.
//! - Refusals stand before outages, since a refusal may end with "connection closed". The words of an outage stand before
//!   those of a bad object, since a sync logs many of the latter before the DC dies.
//! - 51 (busy) passes by itself; 52 (unavailable), 81 (server down) and 91 (connect error) are outages (RFC 4511
//!   appendix A; 81 and 91 are codes of the C API, draft-ietf-ldapext-ldap-c-api 17).

mod codes;
mod outage;
mod refusal;
mod request;

use crate::model::Outcome;

/// One rule that comes with the program.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shipped {
    /// Its name.
    pub(super) name: &'static str,
    /// What it makes of an error.
    pub(super) outcome: Outcome,
    /// The regular expression, without regard to case.
    pub(super) pattern: &'static str,
    /// Errors it must match.
    pub(super) samples: &'static [&'static str],
}

/// The rules, in the order they are tried.
pub(super) fn shipped() -> impl Iterator<Item = &'static Shipped> {
    let groups = [
        OWN,
        refusal::RULES,
        request::TRANSIENT,
        request::UNREADABLE,
        outage::RULES,
        refusal::GENERAL,
        request::RULES,
    ];
    groups.into_iter().flatten()
}

const fn rule(
    name: &'static str,
    outcome: Outcome,
    pattern: &'static str,
    samples: &'static [&'static str],
) -> Shipped {
    Shipped {
        name,
        outcome,
        pattern,
        samples,
    }
}

/// What our own sync reports.
const OWN: &[Shipped] = &[
    rule(
        "own-credentials",
        Outcome::Credentials,
        "(?-i:^(credentials|stronger_auth_required|permission): )",
        &["credentials: dc1.example.com:636: the DC refused user svc: wrong password"],
    ),
    rule(
        "own-certificate",
        Outcome::Certificate,
        "(?-i:^tls: )",
        &["tls: dc1.example.com:636: invalid peer certificate"],
    ),
    rule(
        "own-outage",
        Outcome::Outage,
        "(?-i:^(unknown_host|refused|unreachable|timeout|disconnected): )",
        &[
            "refused: dc1.example.com:636: connection refused",
            "timeout: dc1.example.com:636: no answer within 5s",
        ],
    ),
    rule(
        "own-busy",
        Outcome::Transient,
        "(?-i:^busy: )",
        &["busy: dc1.example.com:636: the DC is busy"],
    ),
];
