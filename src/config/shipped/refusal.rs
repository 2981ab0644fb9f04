//! The DC lives and refuses: certificates, credentials, rights.

use super::codes::{ldap, windows};
use super::{Shipped, rule};
use crate::model::Outcome;

/// The sub-code of an AD bind error, as `AcceptSecurityContext error, data 52e`.
macro_rules! ad {
    ($name:literal, $code:literal) => {
        rule(
            $name,
            Outcome::Credentials,
            concat!("AcceptSecurityContext error, data ", $code, "\\b"),
            &[concat!(
                "javax.naming.AuthenticationException: [LDAP: error code 49 - 80090308: LdapErr: DSID-0C090439, \
                 comment: AcceptSecurityContext error, data ",
                $code,
                ", v4563"
            )],
        )
    };
}

/// What says so in particular.
pub(super) const RULES: &[Shipped] = &[
    ad!("ad-unknown-user", "525"),
    ad!("ad-wrong-password", "52e"),
    ad!("ad-not-at-this-time", "530"),
    ad!("ad-not-from-here", "531"),
    ad!("ad-password-expired", "532"),
    ad!("ad-account-disabled", "533"),
    ad!("ad-account-expired", "701"),
    ad!("ad-password-must-change", "773"),
    ad!("ad-account-locked", "775"),
    rule(
        "certificate",
        Outcome::Certificate,
        concat!(
            r"x509: |remote error: tls|PKIX path|certification path|no trusted certificate|peer not authenticated|unknown.ca\b|UntrustedRoot|altnames?\b",
            r"|subject alternative|RemoteCertificate\w+|SSLPeerUnverified|CERT_E_|SEC_E_(?:UNTRUSTED_ROOT|CERT_|WRONG_PRINCIPAL)",
            r"|0x800B01|host ?name (?:does not|doesn.t) match|host ?name (?:mismatch|verif\w+)",
            // what is wrong, after the word and before it
            r"|\bcert(?:ificate)?s?(?:\b|_|[a-z]*exception)[^\n]{0,80}?(?:expired|\bnot |untrusted|unknown|revoked|self.?signed",
            r"|invalid|rejected|required|mismatch|\bbad\b|fail|unverified|missing|exception)",
            r"|(?:expired|untrusted|invalid|unknown|revoked|\bbad|self.?signed|unsupported|verif\w+|issuer)[^\n]{0,30}?[ _]cert(?:ificate)?\b",
        ),
        &[
            "javax.naming.CommunicationException: simple bind failed: dc1.example.com:636 [Root exception is \
             javax.net.ssl.SSLHandshakeException: sun.security.validator.ValidatorException: PKIX path building failed: \
             sun.security.provider.certpath.SunCertPathBuilderException: unable to find valid certification path to \
             requested target]",
            "java.security.cert.CertificateExpiredException: NotAfter: Sun Nov 22 10:00:00 UTC 2026",
            "System.Security.Authentication.AuthenticationException: The remote certificate is invalid according to the \
             validation procedure: RemoteCertificateNameMismatch",
            "ldap_start_tls: Connect error (-11) additional info: error:0A000086:SSL routines::certificate verify failed",
            "TLS: hostname does not match CN in peer certificate",
            "A certificate chain could not be built to a trusted root authority (0x800B010A)",
            "unable to get local issuer certificate",
        ],
    ),
    rule(
        "invalid-credentials",
        Outcome::Credentials,
        concat!(
            ldap!("49"),
            "|",
            windows!(
                "132[67]|1328|1329|133[01]|1385|178[789]|1790|1793|1907|1909",
                "52[EF]|53[0-3]|569|6F[B-E]|701|773|775"
            ),
            r"|0x8009030[CDE]|AcceptSecurityContext error|trust relationship",
            r"|NT_STATUS_(?:ACCOUNT|LOGON|PASSWORD|WRONG_PASSWORD|NO_SUCH_USER|NO_TRUST|TRUST|DOMAIN_TRUST|NETWORK_CREDENTIAL",
            r"|INVALID_LOGON|INVALID_WORKSTATION|TIME_DIFFERENCE)\w*",
            r"|(?:invalid|wrong|bad|incorrect|unknown|empty)[ _-]?(?:(?:bind|user)[ _-]?)?(?:credential|password|user ?name|login)",
            r"|\b(?:account|password|logon|login|credentials?|ticket)\b[^\n]{0,40}?\b(?:expired|locked|disabled|revoked|incorrect",
            r"|invalid|wrong|rejected|denied|not valid|not accepted|not allowed|must (?:be )?change)",
            r"|(?:password|account|credential)s?(?:expired|locked|disabled)|rejected the client credentials|log(?:on|in) fail|(?:no-start|stopped)-(?:credentials|permission)",
            // Kerberos
            r"|KDC_ERR_(?:PREAUTH|CLIENT|C_|S_PRINCIPAL|KEY_EXPIRED|ETYPE|POLICY)\w*|KRB_?AP_ERR\w*|preauthentication failed",
            r"|not found in kerberos database|no (?:kerberos )?credentials|credentials? cache[^\n]{0,40}?(?:not found|empty|permission)",
            r"|clock skew|encryption type|keytab[^\n]{0,40}?(?:not found|no such|permission|no suitable|does not)",
        ),
        &[
            "javax.naming.AuthenticationException: [LDAP: error code 49 - Invalid Credentials]",
            "ldap_bind: Invalid credentials (49)",
            "ldap.INVALID_CREDENTIALS: {'desc': 'Invalid credentials'}",
            "System.DirectoryServices.Protocols.LdapException: The supplied credential is invalid.",
            "System.DirectoryServices.DirectoryServicesCOMException (0x8007052E): The user name or password is incorrect.",
            "Logon failure: unknown user name or bad password.",
            "kinit: Preauthentication failed while getting initial credentials",
            "NT_STATUS_ACCOUNT_DISABLED",
        ],
    ),
    rule(
        "not-permitted",
        Outcome::Credentials,
        concat!(
            ldap!("7|8|13|48|50"),
            "|",
            windows!("8344|8453|1314", "2098|2105|522|4DC"),
            r"|0x80070005|0x80090346|\bSecErr: |NT_STATUS_(?:ACCESS_DENIED|PRIVILEGE)\w*|WERR_\w*ACCESS_DENIED",
            r"|strong(?:\(er\)|er)?.?auth(?:entication)?.?required|confidentiality[ _]?required|inappropriate.?auth",
            r"|auth(?:entication)?.?method.?not.?supported|bind must be completed|without (?:authentication|a bind|bind)|(?:authentication|bind) (?:is )?required",
            r"|insufficient[ _-]?(?:access|right|permission|privilege)|NoPermission|unauthori[sz]ed",
            r"|\b(?:access|permission|privilege|authori[sz]ation)s?\b[^\n]{0,20}?\b(?:denied|refused|not held|failed)",
            r"|(?:permission|access)denied|not (?:authori[sz]ed|permitted)",
        ),
        &[
            "javax.naming.NoPermissionException: [LDAP: error code 50 - 00002098: SecErr: DSID-03150F94, problem 4003 \
             (INSUFF_ACCESS_RIGHTS), data 0]",
            "javax.naming.AuthenticationNotSupportedException: [LDAP: error code 8 - 00002028: LdapErr: DSID-0C090259, \
             comment: The server requires binds to turn on integrity checking]",
            "ldap_bind: Strong(er) authentication required (8)",
            "Insufficient access (50)",
            "RPC error 8453: Replication access was denied",
        ],
    ),
];

/// What says so in general; where an outage has more to say, that comes first.
pub(super) const GENERAL: &[Shipped] = &[
    rule(
        "tls-handshake",
        Outcome::Certificate,
        r"SSLHandshakeException|handshake.?fail|SSLException|SEC_E_|\btls: |\bSSL(?:Error|_ERROR\w*| routines)|TLS_?ERROR|\b(?:SSL|TLS|StartTLS)\b[^\n]{0,30}?\b(?:error|fail)|Security\.Authentication\.AuthenticationException",
        &["javax.net.ssl.SSLHandshakeException: Received fatal alert: handshake_failure"],
    ),
    rule(
        "authentication",
        Outcome::Credentials,
        r"authenticat\w+ (?:was |has )?(?:fail|error|reject|den|refus)|fail\w* to authenticate|AuthenticationException|LoginException|GSS(?:API)? (?:error|failure)|\bSASL\b[^\n]{0,20}?fail",
        &["SASL(-1): generic failure: GSSAPI Error: Unspecified GSS failure"],
    ),
];
