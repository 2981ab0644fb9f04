//! What the clients ask for; every attribute is one of Active Directory's own schema.

/// What every client asks for.
pub(crate) const PLAIN: [&str; 35] = [
    "objectClass",
    "cn",
    "description",
    "uSNChanged",
    "sn",
    "givenName",
    "displayName",
    "sAMAccountName",
    "userPrincipalName",
    "mail",
    "department",
    "company",
    "title",
    "manager",
    "telephoneNumber",
    "mobile",
    "physicalDeliveryOfficeName",
    "streetAddress",
    "l",
    "st",
    "postalCode",
    "co",
    "c",
    "employeeID",
    "employeeNumber",
    "employeeType",
    "division",
    "homeDirectory",
    "homeDrive",
    "scriptPath",
    "profilePath",
    "info",
    "initials",
    "wWWHomePage",
    "proxyAddresses",
];
/// What an image needs besides, and all together.
pub(crate) const STAMPED: [&str; 2] = ["objectGUID", "replPropertyMetaData"];
pub(crate) const IMAGE: [&str; 37] = {
    let mut all = [""; 37];
    let (head, tail) = all.split_at_mut(PLAIN.len());
    head.copy_from_slice(&PLAIN);
    tail.copy_from_slice(&STAMPED);
    all
};
