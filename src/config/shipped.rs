//! The rules that come with the program: the usual errors of a sync in the spellings of Java (JNDI), .NET, OpenLDAP,
//! Windows and of Highwater itself, each with samples that `rules test` runs.
//!
//! # Decisions
//! - The first rule that matches counts, the configuration's own before these; so the special stands before the
//!   general. An AD sub-code has a rule of its own, because its name is what an administrator wants to read.
//! - 51 (busy) passes by itself; 52 (unavailable), 81 (server down) and 91 (connect error) are outages (RFC 4511
//!   appendix A; 81 and 91 are codes of the C API, draft-ietf-ldapext-ldap-c-api 17).

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

/// The rules, in the order they are tried.
pub(super) const SHIPPED: &[Shipped] = &[
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
        "PKIX path (building|validation) failed|valid certification path|Certificate(Expired|NotYetValid)?Exception|\
         certificate verify failed|certificate has expired|self.signed certificate|hostname does not match|\
         RemoteCertificate(NameMismatch|ChainErrors|NotAvailable)|remote certificate (is invalid|was rejected)|\
         invalid peer certificate|UntrustedRoot|No subject alternative|CERT_E_|SEC_E_(UNTRUSTED_ROOT|CERT_EXPIRED|\
         CERT_UNKNOWN|WRONG_PRINCIPAL)|0x800B01",
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
        ],
    ),
    rule(
        "invalid-credentials",
        Outcome::Credentials,
        "error code 49\\b|invalid.?credentials|credential is invalid|\\(49\\)|user name or password is incorrect|\
         unknown user name or bad password|logon failure|0x8007052E|0x8009030C|\
         KDC_ERR_(PREAUTH_FAILED|CLIENT_REVOKED|C_PRINCIPAL_UNKNOWN)|Preauthentication failed|\
         credentials have been revoked|not found in Kerberos database",
        &[
            "javax.naming.AuthenticationException: [LDAP: error code 49 - Invalid Credentials]",
            "ldap_bind: Invalid credentials (49)",
            "ldap.INVALID_CREDENTIALS: {'desc': 'Invalid credentials'}",
            "System.DirectoryServices.Protocols.LdapException: The supplied credential is invalid.",
            "System.DirectoryServices.DirectoryServicesCOMException (0x8007052E): The user name or password is incorrect.",
            "Logon failure: unknown user name or bad password.",
            "kinit: Preauthentication failed while getting initial credentials",
        ],
    ),
    rule(
        "not-permitted",
        Outcome::Credentials,
        "error code (8|50)\\b|strong(\\(er\\)|er)?.?auth(entication)?.?required|insufficient.?access|NoPermissionException|\
         LDAP_INSUFFICIENT_RIGHTS|\\b00002098\\b|UnauthorizedAccessException",
        &[
            "javax.naming.NoPermissionException: [LDAP: error code 50 - 00002098: SecErr: DSID-03150F94, problem 4003 \
             (INSUFF_ACCESS_RIGHTS), data 0]",
            "javax.naming.AuthenticationNotSupportedException: [LDAP: error code 8 - 00002028: LdapErr: DSID-0C090259, \
             comment: The server requires binds to turn on integrity checking]",
            "ldap_bind: Strong(er) authentication required (8)",
            "Insufficient access (50)",
        ],
    ),
    rule(
        "busy",
        Outcome::Transient,
        "error code 51\\b|\\(51\\)|LDAP_BUSY|(server|service) is (too )?busy|0x8007200E",
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
        "error code (3|4|11)\\b|(time|size|admin(istrative)?) ?limit ?(was )?exceeded|TimeLimitExceededException|\
         SizeLimitExceededException",
        &[
            "javax.naming.TimeLimitExceededException: [LDAP: error code 3 - Timelimit Exceeded]",
            "Administrative limit exceeded (11)",
        ],
    ),
    rule(
        "unknown-host",
        Outcome::Outage,
        "UnknownHostException|No such host is known|\\b11001\\b|WSAHOST_NOT_FOUND|NXDOMAIN|Name or service not known|\
         (Temporary|Permanent) failure in name resolution|nodename nor servname|could not resolve|Host not found|\
         getaddrinfo",
        &[
            "javax.naming.CommunicationException: dc1.example.com:389 [Root exception is java.net.UnknownHostException: \
             dc1.example.com]",
            "System.Net.Sockets.SocketException (11001): No such host is known.",
            "ldap_connect_to_host: getaddrinfo failed: Name or service not known",
        ],
    ),
    rule(
        "refused",
        Outcome::Outage,
        "Connection refused|ECONNREFUSED|actively refused|\\b10061\\b|WSAECONNREFUSED",
        &[
            "javax.naming.CommunicationException: dc1.example.com:389 [Root exception is java.net.ConnectException: \
             Connection refused (Connection refused)]",
            "No connection could be made because the target machine actively refused it. 192.0.2.11:636",
            "ldap_connect_to_host: connect errno:111 Connection refused",
            "WinError 10061",
        ],
    ),
    rule(
        "unreachable",
        Outcome::Outage,
        "No ?Route ?To ?Host|E(HOST|NET)UNREACH|Network is unreachable|host is down|unreachable (host|network)|\
         \\b100(50|51|65)\\b",
        &[
            "java.net.NoRouteToHostException: No route to host (Host unreachable)",
            "A socket operation was attempted to an unreachable host. 192.0.2.11:636",
            "connect: Network is unreachable",
        ],
    ),
    rule(
        "timeout",
        Outcome::Outage,
        "timed? ?out|SocketTimeoutException|ETIMEDOUT|\\b10060\\b|did not properly respond|client.?side timeout|\
         LDAP_TIMEOUT|error code 85\\b|\\(85\\)|0x8007(2042|05B4)",
        &[
            "javax.naming.CommunicationException: dc1.example.com:636 [Root exception is java.net.SocketTimeoutException: \
             connect timed out]",
            "javax.naming.NamingException: LDAP response read timed out, timeout used:60000ms.; remaining name \
             'DC=example,DC=com'",
            "A connection attempt failed because the connected party did not properly respond after a period of time \
             (10060)",
            "System.DirectoryServices.Protocols.LdapException: The operation was aborted because the client side timeout \
             limit was exceeded.",
            "ldap_result: Timed out (-5)",
        ],
    ),
    rule(
        "reset",
        Outcome::Outage,
        "Connection reset|ECONNRESET|forcibly closed|\\b100(53|54)\\b|Broken pipe|Socket (is )?closed|\
         connection (was )?(closed|aborted)|outbound has closed|terminated the handshake|Notice of Disconnection|\
         premature EOF|unexpected EOF|end of file",
        &[
            "javax.naming.CommunicationException: Connection reset [Root exception is java.net.SocketException: \
             Connection reset]; remaining name 'OU=People,DC=example,DC=com'",
            "javax.naming.ServiceUnavailableException: dc1.example.com:389; socket closed",
            "javax.net.ssl.SSLHandshakeException: Remote host terminated the handshake",
            "An existing connection was forcibly closed by the remote host",
            "ber_get_next: Broken pipe",
        ],
    ),
    rule(
        "unavailable",
        Outcome::Outage,
        "error code 52\\b|\\(52\\)|LDAP_UNAVAILABLE|(server|service) is unavailable|ServiceUnavailableException|\
         0x8007200F",
        &[
            "javax.naming.ServiceUnavailableException: [LDAP: error code 52 - 00000000: LdapErr: DSID-0C090E4C, comment: \
             Error initializing SSL/TLS, data 0, v4563]",
            "Server is unavailable (52)",
            "System.DirectoryServices.Protocols.DirectoryOperationException: The directory service is unavailable.",
            "System.DirectoryServices.Protocols.LdapException: The LDAP server is unavailable.",
        ],
    ),
    rule(
        "server-down",
        Outcome::Outage,
        "error code (81|91)\\b|\\((81|91)\\)|Can't contact LDAP server|LDAP_(SERVER_DOWN|CONNECT_ERROR)|\
         \\bSERVER_DOWN\\b|Connect error|server is not operational|0x8007203A|0x5[1bB]\\b|RPC server is unavailable|\
         0x800706BA|domain (either )?does not exist or could not be contacted|0x8007054B|(contact|find) any KDC|\
         locate (a )?KDC",
        &[
            "ldap_sasl_bind(SIMPLE): Can't contact LDAP server (-1)",
            "ldap.SERVER_DOWN: {'desc': \"Can't contact LDAP server\"}",
            "netscape.ldap.LDAPException: failed to connect to server ldap://dc1.example.com:389 (91)",
            "ldap_connect: error code 81 (0x51) LDAP_SERVER_DOWN",
            "ldap_start_tls: Connect error (-11)",
            "System.Runtime.InteropServices.COMException (0x8007203A): The server is not operational.",
            "The specified domain either does not exist or could not be contacted.",
            "kinit: Cannot contact any KDC for realm 'EXAMPLE.COM' while getting initial credentials",
        ],
    ),
    rule(
        "communication",
        Outcome::Outage,
        "javax\\.naming\\.CommunicationException",
        &["javax.naming.CommunicationException: dc1.example.com:389"],
    ),
    rule(
        "tls-handshake",
        Outcome::Certificate,
        "SSLHandshakeException|handshake.?failure|SSLException|SEC_E_",
        &["javax.net.ssl.SSLHandshakeException: Received fatal alert: handshake_failure"],
    ),
    rule(
        "object",
        Outcome::Data,
        "error code (16|17|18|19|20|21|32|34|53|64|65|66|67|68|69|71)\\b|SchemaViolationException|\
         InvalidAttribute(Value|s)?Exception|(No|Invalid)?NameException|NameAlreadyBoundException|NameNotFoundException|\
         constraint.?violation|object ?class ?violation|no.?such.?(object|attribute)|already.?exists|invalid.?DN.?syntax|\
         unwilling to perform|attribute or value exists",
        &[
            "javax.naming.directory.InvalidAttributeValueException: [LDAP: error code 19 - 0000207B: AtrErr: \
             DSID-03191030]",
            "javax.naming.NameNotFoundException: [LDAP: error code 32 - 0000208D: NameErr: DSID-0310020A, problem 2001 \
             (NO_OBJECT)]",
            "ldap_add: Constraint violation (19)",
            "System.DirectoryServices.Protocols.DirectoryOperationException: The object already exists.",
        ],
    ),
];
