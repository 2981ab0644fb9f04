//! The attributes that objects of the forest have, with the names and numbers of AD's schema.

/// An attribute with an originating stamp; ordered by its number, as `replPropertyMetaData` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each is named after the attribute it is")]
pub enum Attribute {
    ObjectClass,
    Cn,
    Sn,
    Ou,
    Description,
    TelephoneNumber,
    GivenName,
    HasMasterNcs,
    IsDeleted,
    TombstoneLifetime,
    InvocationId,
    Options,
    UserAccountControl,
    Name,
    SamAccountName,
    DnsHostName,
    LastKnownParent,
    Mail,
    Dc,
}

/// The linked attribute (linkID 2 in AD's schema): it has value stamps instead of one of its own.
pub const MEMBER: &str = "member";

impl Attribute {
    /// Every attribute.
    pub const ALL: [Attribute; 19] = [
        Self::ObjectClass,
        Self::Cn,
        Self::Sn,
        Self::Ou,
        Self::Description,
        Self::TelephoneNumber,
        Self::GivenName,
        Self::HasMasterNcs,
        Self::IsDeleted,
        Self::TombstoneLifetime,
        Self::InvocationId,
        Self::Options,
        Self::UserAccountControl,
        Self::Name,
        Self::SamAccountName,
        Self::DnsHostName,
        Self::LastKnownParent,
        Self::Mail,
        Self::Dc,
    ];

    /// What a person's entry may get another value of.
    pub const OF_A_PERSON: [Attribute; 5] = [
        Self::Sn,
        Self::Description,
        Self::TelephoneNumber,
        Self::GivenName,
        Self::Mail,
    ];

    /// The LDAP name, and the attid with the prefixes of a fresh forest (DRSR 5.16.4).
    fn known_as(self) -> (&'static str, u32) {
        match self {
            Self::ObjectClass => ("objectClass", 0x0000_0000),
            Self::Cn => ("cn", 0x0000_0003),
            Self::Sn => ("sn", 0x0000_0004),
            Self::Ou => ("ou", 0x0000_000b),
            Self::Description => ("description", 0x0000_000d),
            Self::TelephoneNumber => ("telephoneNumber", 0x0000_0014),
            Self::GivenName => ("givenName", 0x0000_002a),
            Self::HasMasterNcs => ("hasMasterNCs", 0x0002_000e),
            Self::IsDeleted => ("isDeleted", 0x0002_0030),
            Self::TombstoneLifetime => ("tombstoneLifetime", 0x0002_0036),
            Self::InvocationId => ("invocationId", 0x0002_0073),
            Self::Options => ("options", 0x0002_0133),
            Self::UserAccountControl => ("userAccountControl", 0x0009_0008),
            Self::Name => ("name", 0x0009_0001),
            Self::SamAccountName => ("sAMAccountName", 0x0009_00dd),
            Self::DnsHostName => ("dNSHostName", 0x0009_026b),
            Self::LastKnownParent => ("lastKnownParent", 0x0009_030d),
            Self::Mail => ("mail", 0x0015_0003),
            Self::Dc => ("dc", 0x0015_0019),
        }
    }

    /// Its LDAP name.
    pub fn ldap_name(self) -> &'static str {
        self.known_as().0
    }

    /// Its number in `replPropertyMetaData`.
    pub fn attid(self) -> u32 {
        self.known_as().1
    }

    /// The attribute of this LDAP name, compared without case.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|attribute| attribute.ldap_name().eq_ignore_ascii_case(name))
    }

    /// Whether it is an RDN attribute: every DC stamps it by itself when `name` arrives.
    pub fn is_rdn(self) -> bool {
        matches!(self, Self::Cn | Self::Ou | Self::Dc)
    }

    /// Whether a tombstone keeps it (ADTS 3.1.1.5.5.1.1, cut to what there is here).
    pub fn outlives_deletion(self) -> bool {
        matches!(
            self,
            Self::ObjectClass
                | Self::Cn
                | Self::Ou
                | Self::IsDeleted
                | Self::UserAccountControl
                | Self::Name
                | Self::SamAccountName
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
