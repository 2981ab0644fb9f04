//! What the sync asked for is at fault, or has to be asked again.

use super::codes::{ldap, windows};
use super::{Shipped, rule};
use crate::model::Outcome;

/// What passes by itself.
pub(super) const TRANSIENT: &[Shipped] = &[
    rule(
        "busy",
        Outcome::Transient,
        concat!(
            ldap!("51"),
            "|",
            windows!("8206", "200E"),
            r"|LDAP_BUSY|\b(?:server|service|directory|dc)\b[^\n]{0,15}?\bbusy|Busy(?:Exception|Error)|problem 5001",
            r"|too many (?:connections|requests)|resource temporarily unavailable|Retryable|transient condition",
        ),
        &[
            "javax.naming.ServiceUnavailableException: [LDAP: error code 51 - 0000200E: SvcErr: DSID-02082A2D]",
            "Server is busy (51)",
            "System.DirectoryServices.Protocols.DirectoryOperationException: The directory server is busy.",
            "The directory service is busy. (Exception from HRESULT: 0x8007200E)",
        ],
    ),
    rule(
        "limit",
        Outcome::Transient,
        concat!(
            ldap!("3|4|11"),
            r"|(?:time|size|admin(?:istrative)?)[ _]?limit[ _]?(?:was |for this request was )?exceeded|(?:time|size|admin)LimitExceeded",
        ),
        &[
            "javax.naming.TimeLimitExceededException: [LDAP: error code 3 - Timelimit Exceeded]",
            "Administrative limit exceeded (11)",
        ],
    ),
];

/// What has words of an outage in it and is none.
pub(super) const UNREADABLE: &[Shipped] = &[
    rule(
        "not-supported",
        Outcome::Data,
        concat!(
            ldap!("12"),
            r"|critical[ _-]?extension|problem 50(?:0[3569]|1[0-2])\b"
        ),
        &[
            "ldap.UNAVAILABLE_CRITICAL_EXTENSION: {'desc': 'Critical extension is unavailable'}",
            "[LDAP: error code 1 - 000020D6: SvcErr: DSID-031007E5, problem 5012 (DIR_ERROR), data 0",
        ],
    ),
    rule(
        "unreadable",
        Outcome::Data,
        r"SAXParse|(?:XML|JSON|YAML|LDIF)\w*(?:parse|syntax|decode|stream)\w*|while parsing|pars(?:e|ing) (?:error|fail)",
        &["org.xml.sax.SAXParseException; lineNumber: 1; columnNumber: 1; Premature end of file."],
    ),
];

/// Objects, names, filters and referrals.
pub(super) const RULES: &[Shipped] = &[rule(
    "object",
    Outcome::Data,
    concat!(
        ldap!("2|6|10|1[6-9]|2[01]|3[2346]|5[34]|6[04-9]|7[16]|8[379]|9[2-57]|20[12]"),
        "|",
        windows!(
            "82[34]\\d|825[4-8]",
            "200[A-D]|2016|202[B-F]|203[0-7EF]|204[0-4]"
        ),
        r"|\b(?:Name|Atr|Upd|Ref)Err\b|referral|continuation reference|(?:schema|constraint|naming|object ?class)[ _-]?violation",
        r"|SchemaViolation|\b(?:Invalid|No)?NameException|NameAlreadyBound|NameNotFound",
        r"|Invalid[ _-]?(?:Attribute|DN|name|syntax|filter|search|value|object)|no[ _-]?(?:such|matching)[ _-]?(?:object|attribute|entry|user|group)",
        r"|already[ _-]?exists|(?:un|not )willing[ _-]?to[ _-]?(?:perform|process)|undefined[ _-]?attribute|attribute or value exists|not allowed on",
        r"|\b(?:object|entry|attribute|user|group|container|identity)\b[^\n]{0,40}?(?:not found|does not exist|cannot be found)",
        r"|(?:cannot|can.?t|could not|unable to|failed to) find (?:an? |the |any )?(?:object|entry|attribute|user|group|container)",
        r"|\bfilter\b[^\n]{0,30}?(?:invalid|error|malformed|not be recognized|unknown)|(?:bad|malformed|illegal)[^\n]{0,15}?(?:filter|\bdn\b)",
        r"|(?:protocol|encoding|decoding|parameter|filter)[ _](?:compile[ _])?error|control not found|affects multiple",
    ),
    &[
        "javax.naming.directory.InvalidAttributeValueException: [LDAP: error code 19 - 0000207B: AtrErr: \
         DSID-03191030]",
        "javax.naming.NameNotFoundException: [LDAP: error code 32 - 0000208D: NameErr: DSID-0310020A, problem 2001 \
         (NO_OBJECT)]",
        "ldap_add: Constraint violation (19)",
        "System.DirectoryServices.Protocols.DirectoryOperationException: The object already exists.",
        "LDAP Error(10): Referral",
    ],
)];
