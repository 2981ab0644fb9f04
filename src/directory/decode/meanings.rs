//! What the values of some well-known attributes mean beyond their syntax.

/// How values are read where the syntax alone does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A large integer that counts 100 ns since 1601.
    Time,
    /// Sixteen octets of a GUID.
    Guid,
    /// An integer of these bits.
    Flags(&'static [(u32, &'static str)]),
    /// An integer that is one of these.
    OneOf(&'static [(u32, &'static str)]),
}

/// What the values of the attribute of this name mean; the name is compared without case.
pub(super) fn meaning(name: &str) -> Option<Meaning> {
    KNOWN
        .iter()
        .find(|(names, _)| names.iter().any(|known| known.eq_ignore_ascii_case(name)))
        .map(|(_, meaning)| *meaning)
}

const KNOWN: &[(&[&str], Meaning)] = &[
    (TIMES, Meaning::Time),
    (GUIDS, Meaning::Guid),
    (
        &["userAccountControl", "msDS-User-Account-Control-Computed"],
        Meaning::Flags(USER_ACCOUNT_CONTROL),
    ),
    (&["groupType"], Meaning::Flags(GROUP_TYPE)),
    (&["sAMAccountType"], Meaning::OneOf(SAM_ACCOUNT_TYPE)),
];

const TIMES: &[&str] = &[
    "accountExpires",
    "badPasswordTime",
    "creationTime",
    "lastLogoff",
    "lastLogon",
    "lastLogonTimestamp",
    "lastSetTime",
    "lockoutTime",
    "ms-Mcs-AdmPwdExpirationTime",
    "msDS-ApproximateLastLogonTimeStamp",
    "msDS-Cached-Membership-Time-Stamp",
    "msDS-LastFailedInteractiveLogonTime",
    "msDS-LastSuccessfulInteractiveLogonTime",
    "msDS-UserPasswordExpiryTimeComputed",
    "msLAPS-PasswordExpirationTime",
    "priorSetTime",
    "pwdLastSet",
];

const GUIDS: &[&str] = &[
    "attributeSecurityGUID",
    "currMachineId",
    "invocationId",
    "msDFS-GenerationGUIDv2",
    "msDFS-LinkIdentityGUIDv2",
    "msDFS-NamespaceIdentityGUIDv2",
    "mS-DS-ConsistencyGuid",
    "msDS-OptionalFeatureGUID",
    "msExchArchiveGUID",
    "msExchMailboxGuid",
    "netbootGUID",
    "objectGUID",
    "parentGUID",
    "schemaIDGUID",
    "siteGUID",
];

/// ADTS 2.2.16, without the prefix `ADS_UF_`.
const USER_ACCOUNT_CONTROL: &[(u32, &str)] = &[
    (0x0000_0001, "SCRIPT"),
    (0x0000_0002, "ACCOUNT_DISABLE"),
    (0x0000_0008, "HOMEDIR_REQUIRED"),
    (0x0000_0010, "LOCKOUT"),
    (0x0000_0020, "PASSWD_NOTREQD"),
    (0x0000_0040, "PASSWD_CANT_CHANGE"),
    (0x0000_0080, "ENCRYPTED_TEXT_PASSWORD_ALLOWED"),
    (0x0000_0100, "TEMP_DUPLICATE_ACCOUNT"),
    (0x0000_0200, "NORMAL_ACCOUNT"),
    (0x0000_0800, "INTERDOMAIN_TRUST_ACCOUNT"),
    (0x0000_1000, "WORKSTATION_TRUST_ACCOUNT"),
    (0x0000_2000, "SERVER_TRUST_ACCOUNT"),
    (0x0001_0000, "DONT_EXPIRE_PASSWD"),
    (0x0002_0000, "MNS_LOGON_ACCOUNT"),
    (0x0004_0000, "SMARTCARD_REQUIRED"),
    (0x0008_0000, "TRUSTED_FOR_DELEGATION"),
    (0x0010_0000, "NOT_DELEGATED"),
    (0x0020_0000, "USE_DES_KEY_ONLY"),
    (0x0040_0000, "DONT_REQUIRE_PREAUTH"),
    (0x0080_0000, "PASSWORD_EXPIRED"),
    (0x0100_0000, "TRUSTED_TO_AUTHENTICATE_FOR_DELEGATION"),
    (0x0200_0000, "NO_AUTH_DATA_REQUIRED"),
    (0x0400_0000, "PARTIAL_SECRETS_ACCOUNT"),
    (0x0800_0000, "USE_AES_KEYS"),
];

/// ADTS 2.2.12, without the prefix `GROUP_TYPE_`.
const GROUP_TYPE: &[(u32, &str)] = &[
    (0x0000_0001, "BUILTIN_LOCAL_GROUP"),
    (0x0000_0002, "ACCOUNT_GROUP"),
    (0x0000_0004, "RESOURCE_GROUP"),
    (0x0000_0008, "UNIVERSAL_GROUP"),
    (0x0000_0010, "APP_BASIC_GROUP"),
    (0x0000_0020, "APP_QUERY_GROUP"),
    (0x8000_0000, "SECURITY_ENABLED"),
];

/// MS-SAMR 2.2.1.9, without the prefix `SAM_`.
const SAM_ACCOUNT_TYPE: &[(u32, &str)] = &[
    (0x0000_0000, "DOMAIN_OBJECT"),
    (0x1000_0000, "GROUP_OBJECT"),
    (0x1000_0001, "NON_SECURITY_GROUP_OBJECT"),
    (0x2000_0000, "ALIAS_OBJECT"),
    (0x2000_0001, "NON_SECURITY_ALIAS_OBJECT"),
    (0x3000_0000, "USER_OBJECT"),
    (0x3000_0001, "MACHINE_ACCOUNT"),
    (0x3000_0002, "TRUST_ACCOUNT"),
    (0x4000_0000, "APP_BASIC_GROUP"),
    (0x4000_0001, "APP_QUERY_GROUP"),
];
