//! Numbers beside what makes them codes, as regular expressions.

/// A result code of LDAP: `error code 49`, `LDAP Error(10)`, `resultCode=91`, `err=49`, `ldap_bind: ... (49)`.
macro_rules! ldap {
    ($codes:literal) => {
        concat!(
            r"\b(?:(?:(?:error|result|return)[ _]?code|ldap[ _:]*error)[ \t:=>#('\x22\[]{1,4}|(?:rc|err)[ =]{1,3})(?:",
            $codes,
            r")\b|\bldap(?:_\w+|\w*(?:exception|error))\b[^\n]*\((?:",
            $codes,
            r")\)"
        )
    };
}

/// An error of a socket: the number of Windows, the last four digits of its HRESULT, the number of Linux.
macro_rules! socket {
    ($windows:literal, $hresult:literal, $linux:literal) => {
        concat!(
            r"\b(?:winerror|wsa\w*|winsock|socketexception|errno|(?:os|socket|native)[ _]?error",
            r"|error[ _]?(?:code|number|value|no))\W{1,6}(?:",
            $windows,
            r")\b|\berror[ (#=]{1,2}(?:",
            $windows,
            r")\b|\b0x8007(?:",
            $hresult,
            r")\b|\b(?:errno|os error)\W{1,4}(?:",
            $linux,
            r")\b"
        )
    };
}

/// An error of Windows: the number, and its hexadecimal digits alone, in an HRESULT or before AD's own words.
macro_rules! windows {
    ($numbers:literal, $hex:literal) => {
        concat!(
            r"\berror(?:[ (#=]{1,2}|[ _]?(?:code|number|value)[ :=#(\[]{1,3})(?:",
            $numbers,
            r")\b|\b0x(?:8007|0000)?0*(?:",
            $hex,
            r")\b|\b0000(?:",
            $hex,
            r"): "
        )
    };
}

pub(super) use {ldap, socket, windows};
