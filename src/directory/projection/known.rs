//! Attributes that are treated apart by their names, compared without case.

/// What no DC shows to anybody (ADTS 3.1.1.4.4).
const NEVER_SHOWN: &[&str] = &[
    "currentValue",
    "dBCSPwd",
    "initialAuthIncoming",
    "initialAuthOutgoing",
    "lmPwdHistory",
    "msDS-ExecuteScriptPassword",
    "ntPwdHistory",
    "pekList",
    "priorValue",
    "supplementalCredentials",
    "trustAuthIncoming",
    "trustAuthOutgoing",
    "unicodePwd",
];

/// Secrets that a privileged account may read: told only when named.
const SECRET: &[&str] = &[
    "ms-DS-MachineAccountPassword",
    "msDS-ManagedPassword",
    "msDS-ManagedPasswordId",
    "msDS-ManagedPasswordPreviousId",
    "ms-Mcs-AdmPwd",
    "msDS-TransformationRulesCompiled",
    "msFVE-KeyPackage",
    "msFVE-RecoveryPassword",
    "msKds-RootKeyData",
    "msPKIAccountCredentials",
    "msPKI-CredentialRoamingTokens",
    "msPKIDPAPIMasterKeys",
    "msSFU30Password",
    "os400Password",
    "sambaLMPassword",
    "sambaNTPassword",
    "unixUserPassword",
    "userPassword",
];

/// The beginnings of names of further secrets.
const SECRET_FAMILIES: &[&str] = &["msLAPS-", "msTPM-"];

/// What changes without anybody's doing, is each DC's own bookkeeping, or is told in another way.
const NOISE: &[&str] = &[
    "badPasswordTime",
    "badPwdCount",
    "dSASignature",
    "dSCorePropagationData",
    "isDeleted",
    "isRecycled",
    "lastKnownParent",
    "lastLogoff",
    "lastLogon",
    "lastLogonTimestamp",
    "logonCount",
    "msDS-Cached-Membership",
    "msDS-Cached-Membership-Time-Stamp",
    "msDS-FailedInteractiveLogonCount",
    "msDS-FailedInteractiveLogonCountAtLastSuccessfulLogon",
    "msDS-LastFailedInteractiveLogonTime",
    "msDS-LastKnownRDN",
    "msDS-LastSuccessfulInteractiveLogonTime",
    "msDS-RevealedUsers",
    "nTSecurityDescriptor",
    "replPropertyMetaData",
    "replUpToDateVector",
    "repsFrom",
    "repsTo",
    "uSNChanged",
    "uSNCreated",
    "uSNDSALastObjRemoved",
    "uSNLastObjRem",
    "whenChanged",
];

fn is_in(names: &[&str], name: &str) -> bool {
    names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

pub(super) fn is_never_shown(name: &str) -> bool {
    is_in(NEVER_SHOWN, name)
}

pub(super) fn is_secret(name: &str) -> bool {
    let begins = |family: &&str| {
        name.split_at_checked(family.len())
            .is_some_and(|(head, _)| head.eq_ignore_ascii_case(family))
    };
    is_in(SECRET, name) || SECRET_FAMILIES.iter().any(begins)
}

pub(super) fn is_noise(name: &str) -> bool {
    is_in(NOISE, name)
}

/// Whether every event has it anyway.
pub(super) fn is_in_every_event(name: &str) -> bool {
    is_in(&["objectGUID", "distinguishedName"], name)
}
