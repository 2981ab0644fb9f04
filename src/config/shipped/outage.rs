//! The DC, or the way to it, may be down.

use super::codes::{ldap, socket, windows};
use super::{Shipped, rule};
use crate::model::Outcome;

/// From the cause that can be named to what only says that there is no answer.
pub(super) const RULES: &[Shipped] = &[
    rule(
        "unknown-host",
        Outcome::Outage,
        concat!(
            socket!("1100[1-4]", "2AF[9-C]", "-[235]|8"),
            r"|UnknownHost|WSA(?:HOST_NOT_FOUND|TRY_AGAIN|NO_DATA)|NXDOMAIN|gaierror|getaddrinfo|\bENOTFOUND\b|\bEAI_\w+",
            r"|no such host|unknown host|name or service not known|(?:temporary|permanent) failure in name resolution",
            r"|nodename nor servname|(?:bad|invalid) (?:server|host) ?(?:name|address)|no address associated",
            r"|\b(?:host|host ?name|server name|dns name)\b[^\n]{0,60}?(?:not|cannot) (?:be )?(?:found|resolved|known)",
            r"|(?:could not|cannot|can.?t|unable to|failed to)[^\n]{0,15}? (?:resolve|look ?up)|dns (?:lookup|resolution|query|name)[^\n]{0,20}? (?:fail|error)",
        ),
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
        concat!(
            socket!("10061", "274D", "111|61"),
            r"|connection[ _]?refused|ECONNREFUSED|actively refused",
        ),
        &[
            "javax.naming.CommunicationException: dc1.example.com:389 [Root exception is java.net.ConnectException: \
             Connection refused (Connection refused)]",
            "No connection could be made because the target machine actively refused it. 192.0.2.11:636",
            "ldap_connect_to_host: connect errno:111 Connection refused",
            "WinError 10061",
            "NT_STATUS_CONNECTION_REFUSED",
        ],
    ),
    rule(
        "unreachable",
        Outcome::Outage,
        concat!(
            socket!(
                "100(?:50|51|64|65)",
                "27(?:42|43|50|51)",
                "10[01]|11[23]|6[45]"
            ),
            "|",
            windows!("1231|1232", "4CF|4D0"),
            r"|no ?route ?to ?host|E(?:HOST|NET)(?:UNREACH|DOWN)|unreachable|not reachable|host is down|network is down",
            r"|0x80070035|network path was not found",
        ),
        &[
            "java.net.NoRouteToHostException: No route to host (Host unreachable)",
            "A socket operation was attempted to an unreachable host. 192.0.2.11:636",
            "connect: Network is unreachable",
        ],
    ),
    rule(
        "timeout",
        Outcome::Outage,
        concat!(
            ldap!("85"),
            "|",
            socket!("10060", "274C", "110|60"),
            "|",
            windows!("121|1460", "79|5B4"),
            r"|timed[ -]?out|ETIMEDOUT|LDAP_TIMEOUT|TIMEOUT_?(?:Exception|Error)|IO_TIMEOUT|deadline exceeded",
            r"|(?:operation|request|read|write|connect|connection|i/o|socket|response|client.side|bind|search|receive)[ -]time-?out",
            r"|[:;] timeout\b|time-?out (?:limit |period )?(?:was |has |is )?(?:expired|exceeded|reached|occurred|elapsed|error|while|waiting|after)",
            r"|(?:did|does|do|is|are) ?n.t (?:properly )?respon|(?:did|does|do|is|are|was) not (?:properly )?respon",
            r"|no (?:response|answer|reply) (?:from|was|within|received)",
        ),
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
        concat!(
            socket!(
                "100(?:38|5[2-4789])",
                "27(?:26|4[4-69A])",
                "32|10[347]|5[47]"
            ),
            r"|ECONN(?:RESET|ABORTED)|\bEPIPE\b|ENOTCONN|forcibly closed|broken pipe|socket hang up|notice of disconnection",
            r"|\b(?:connection|socket|session|channel|stream)s?\b[^\n]{0,60}?\b(?:closed|reset|aborted|lost|broken|dropped|terminated",
            r"|disconnected|interrupted|shut ?down|not open|not connected|hung up)",
            r"|(?:closed|lost|broken|dropped|terminated|stale)(?: the| by)?(?: \w+)? (?:connection|socket|session|channel|handshake)",
            r"|outbound has closed|ldaps?://\S+ closed|SessionTerminated|(?:unexpected|premature) EOF|EOFException|[:\x22] EOF\b|EOF occurred",
        ),
        &[
            "javax.naming.CommunicationException: Connection reset [Root exception is java.net.SocketException: \
             Connection reset]; remaining name 'OU=People,DC=example,DC=com'",
            "javax.naming.ServiceUnavailableException: dc1.example.com:389; socket closed",
            "javax.net.ssl.SSLHandshakeException: Remote host terminated the handshake",
            "An existing connection was forcibly closed by the remote host",
            "ber_get_next: Broken pipe",
            "ConnectionError: 1__ldap://dc1.example.com:389 closed",
            "LDAP Result Code 200 \"Network Error\": EOF",
        ],
    ),
    rule(
        "unavailable",
        Outcome::Outage,
        concat!(
            ldap!("52"),
            "|",
            windows!("8207", "200F"),
            r"|LDAP_UNAVAILABLE|Unavailable(?:Exception|Error)|problem 5002",
            r"|\b(?:server|service|host|dc|controller|kdc|catalog|backend|endpoint)s?\b[^=\n][^\n]{0,40}?\b(?:unavailable",
            r"|not (?:available|accessible|running)|shutting down|offline)|(?:going|went|gone|is|are) offline",
            r"|\bno (?:\w+ ){0,3}(?:servers?|hosts?|dcs?|domain controllers?|endpoints?)(?: \w+){0,2} (?:available|found|left|reachable|online)",
            r"|\bno (?:available|active|usable|suitable|working) (?:servers?|dcs?|domain controllers?)",
        ),
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
        concat!(
            ldap!("81|91"),
            "|",
            windows!("1311|1355|1722|1726|1753|8250", "51F|54B|6BA|6BE|6D9|203A"),
            r"|\b0x0*(?:51|5B)\b|0x80090311|0x80070040|SERVER_DOWN|LDAP_CONNECT_ERROR|ServerDown",
            r"|NT_STATUS_(?:CONNECTION|HOST|NETWORK|PORT|IO_|NO_LOGON_SERVERS|NO_SUCH_DOMAIN|DOMAIN_CONTROLLER|PIPE|END_OF_FILE",
            r"|(?:REMOTE|LOCAL)_DISCONNECT|VIRTUAL_CIRCUIT|UNEXPECTED_NETWORK|BAD_NETWORK|INVALID_CONNECTION|RPC)\w*|WERR_\w*DCNOTFOUND",
            r"|not operational|network name is no longer available|no more endpoints|\b(?:is|are|was|currently|server|host|dc)[ _-]down\b",
            // cannot connect to it, reach it, find it, or it cannot be; a contact is also an object, DC= is in every name
            r"|(?:can ?not|can.?t|could ?n.?t|could not|unable to|failed to|(?:attempting|trying) to)(?: contact",
            r"|(?: \w+){0,2}? (?:reach|connect|communicate|(?:establish|open|obtain|create) (?:\S+ ){0,3}?(?:connection|socket|session|channel)",
            r"|(?:find|locate|discover) (?:\S+ ){0,2}?(?:server|host|dc|domain controller|kdc|global catalog)))\b",
            r"|(?:error|failed|failure)(?: while| when| on| in| during)? (?:connecting|contacting|connect\b)|connect failed",
            r"|\b(?:server|host|domain|controller|kdc|forest|catalog)\b[^\n]{0,60}?(?:could not|cannot|can.?t) be (?:contacted|reached|located)",
            r"|\bconnection\b[^\n]{0,60}?(?:could not|cannot|can.?t|could) be (?:established|opened|made|created)",
            r"|\bldap_\w+[^\n]*\(-(?:1|11)\)",
            r"|(?:stopped|no-start)-(?:server|connecti\w+)",
            r"|\b(?:socket|connect|connection|network|communication|transport|i/o)[ _-](?:error|failure|failed|problem)",
        ),
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
        concat!(
            r"simple bind failed: \S+:\d+|(?:Connect|Connection\w*|Communications?|Socket\w*|\w*Timeout|ServerPool\w*",
            r"|ClosedChannel|MaximumRetries)(?:Exception|Error)",
        ),
        &["javax.naming.CommunicationException: dc1.example.com:389"],
    ),
];
