//! The attributes that objects of the forest have, with the names and numbers of AD's schema.

use super::definition::{Definition, Syntax, multi, single};

macro_rules! attributes {
    ($($name:ident = $definition:expr,)+) => {
        /// A stored attribute; ordered by its number, as `replPropertyMetaData` is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(missing_docs, reason = "each is named after the attribute it is")]
        pub enum Attribute {
            $($name,)+
        }

        impl Attribute {
            /// Every attribute.
            pub const ALL: [Attribute; [$(stringify!($name)),+].len()] = [$(Self::$name),+];

            /// What the schema says of it.
            pub const fn definition(self) -> Definition {
                match self {
                    $(Self::$name => $definition,)+
                }
            }
        }
    };
}

attributes! {
    ObjectClass = multi("objectClass", "2.5.4.0", 0x0000_0000, Syntax::Oid, 8).global(),
    Cn = single("cn", "2.5.4.3", 0x0000_0003, Syntax::Text, 1).global(),
    Sn = single("sn", "2.5.4.4", 0x0000_0004, Syntax::Text, 5),
    Ou = multi("ou", "2.5.4.11", 0x0000_000b, Syntax::Text, 1).global(),
    Description = multi("description", "2.5.4.13", 0x0000_000d, Syntax::Text, 0),
    TelephoneNumber = single("telephoneNumber", "2.5.4.20", 0x0000_0014, Syntax::Text, 0),
    GivenName = single("givenName", "2.5.4.42", 0x0000_002a, Syntax::Text, 5),
    WhenCreated = single("whenCreated", "1.2.840.113556.1.2.2", 0x0002_0002, Syntax::Time, 0).global(),
    HasMasterNcs = multi("hasMasterNCs", "1.2.840.113556.1.2.14", 0x0002_000e, Syntax::Dn, 0).global().linked(76),
    IsDeleted = single("isDeleted", "1.2.840.113556.1.2.48", 0x0002_0030, Syntax::Boolean, 0).global(),
    TombstoneLifetime = single("tombstoneLifetime", "1.2.840.113556.1.2.54", 0x0002_0036, Syntax::Integer, 0),
    InvocationId = single("invocationId", "1.2.840.113556.1.2.115", 0x0002_0073, Syntax::Octets, 1),
    ProxyAddresses = multi("proxyAddresses", "1.2.840.113556.1.2.210", 0x0002_00d2, Syntax::Text, 5).global(),
    Name = single("name", "1.2.840.113556.1.4.1", 0x0009_0001, Syntax::Text, 13).global(),
    UserAccountControl = single("userAccountControl", "1.2.840.113556.1.4.8", 0x0009_0008, Syntax::Integer, 25).global(),
    PwdLastSet = single("pwdLastSet", "1.2.840.113556.1.4.96", 0x0009_0060, Syntax::Large, 0),
    ObjectSid = single("objectSid", "1.2.840.113556.1.4.146", 0x0009_0092, Syntax::Sid, 9).global(),
    LogonCount = single("logonCount", "1.2.840.113556.1.4.169", 0x0009_00a9, Syntax::Integer, 0).local(),
    SamAccountName = single("sAMAccountName", "1.2.840.113556.1.4.221", 0x0009_00dd, Syntax::Text, 13).global(),
    Options = single("options", "1.2.840.113556.1.4.307", 0x0009_0133, Syntax::Integer, 0),
    DnsHostName = single("dNSHostName", "1.2.840.113556.1.4.619", 0x0009_026b, Syntax::Text, 9).global(),
    UserPrincipalName = single("userPrincipalName", "1.2.840.113556.1.4.656", 0x0009_0290, Syntax::Text, 1).global(),
    GroupType = single("groupType", "1.2.840.113556.1.4.750", 0x0009_02ee, Syntax::Integer, 9).global(),
    LastKnownParent = single("lastKnownParent", "1.2.840.113556.1.4.781", 0x0009_030d, Syntax::Dn, 0),
    UnixUserPassword = multi("unixUserPassword", "1.2.840.113556.1.4.1910", 0x0009_0776, Syntax::Octets, 128),
    Mail = single("mail", "0.9.2342.19200300.100.1.3", 0x0015_0003, Syntax::Text, 1).global(),
    Dc = single("dc", "0.9.2342.19200300.100.1.25", 0x0015_0019, Syntax::Text, 0).global(),
    ThumbnailPhoto = single("thumbnailPhoto", "2.16.840.1.113730.3.1.35", 0x0016_0023, Syntax::Octets, 0),
    TestTag = single("highwaterTestTag", "1.3.6.1.4.1.55555.1.1.7", 0x8a3f_1c05, Syntax::Text, 0).extension(),
}

/// The linked attribute (linkID 2 in AD's schema): it has value stamps instead of one of its own.
pub const MEMBER: &str = "member";

impl Attribute {
    /// What a person's entry may get another line of text in.
    pub const OF_A_PERSON: [Attribute; 5] = [
        Self::Sn,
        Self::Description,
        Self::TelephoneNumber,
        Self::GivenName,
        Self::Mail,
    ];

    /// Its LDAP name.
    pub const fn ldap_name(self) -> &'static str {
        self.definition().name
    }

    /// Its number in `replPropertyMetaData`.
    pub const fn attid(self) -> u32 {
        self.definition().attid
    }

    /// Its attributeID in the schema, a dotted OID.
    pub const fn oid(self) -> &'static str {
        self.definition().oid
    }

    /// The attribute of this LDAP name, compared without case.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|attribute| attribute.ldap_name().eq_ignore_ascii_case(name))
    }

    /// Whether it is an RDN attribute: every DC stamps it by itself when `name` arrives.
    pub const fn is_rdn(self) -> bool {
        matches!(self, Self::Cn | Self::Ou | Self::Dc)
    }

    /// Whether it is written by every DC for itself alone: it has no stamp and never leaves the DC (ADTS 3.1.1.2.3).
    pub const fn is_local(self) -> bool {
        matches!(self, Self::LogonCount)
    }

    /// Whether it is stamped and never shown, for want of the right CONTROL_ACCESS (ADTS 3.1.1.4.4, searchFlags 128).
    pub const fn is_confidential(self) -> bool {
        self.definition().search_flags & 128 != 0
    }

    /// Whether a tombstone keeps it (ADTS 3.1.1.5.5.1.1, cut to what there is here).
    pub const fn outlives_deletion(self) -> bool {
        matches!(
            self,
            Self::ObjectClass
                | Self::Cn
                | Self::Ou
                | Self::WhenCreated
                | Self::IsDeleted
                | Self::UserAccountControl
                | Self::ObjectSid
                | Self::Name
                | Self::SamAccountName
                | Self::GroupType
                | Self::LastKnownParent
        )
    }
}

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is named after the class it is")]
pub enum Class {
    User,
    Group,
    OrganizationalUnit,
    Container,
    DomainDns,
    Configuration,
    Site,
    Server,
    NtdsDsa,
    NtdsDsaRo,
    DirectoryService,
    LostAndFound,
}

impl Class {
    /// The values of objectClass.
    pub fn names(self) -> &'static [&'static str] {
        match self {
            Self::User => &["top", "person", "organizationalPerson", "user"],
            Self::Group => &["top", "group"],
            Self::OrganizationalUnit => &["top", "organizationalUnit"],
            Self::Container => &["top", "container"],
            Self::DomainDns => &["top", "domain", "domainDNS"],
            Self::Configuration => &["top", "configuration"],
            Self::Site => &["top", "site"],
            Self::Server => &["top", "server"],
            Self::NtdsDsa => &["top", "applicationSettings", "nTDSDSA"],
            Self::NtdsDsaRo => &["top", "applicationSettings", "nTDSDSA", "nTDSDSARO"],
            Self::DirectoryService => &["top", "nTDSService"],
            Self::LostAndFound => &["top", "lostAndFound"],
        }
    }

    /// The attribute that names objects of this class.
    pub fn rdn(self) -> Attribute {
        match self {
            Self::OrganizationalUnit => Attribute::Ou,
            Self::DomainDns => Attribute::Dc,
            _ => Attribute::Cn,
        }
    }
}
