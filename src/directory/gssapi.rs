//! Kerberos: where its tickets come from, and the SASL GSSAPI bind over TLS.
//!
//! # Decisions
//! - The Kerberos library finds keytab and cache by `KRB5_CLIENT_KTNAME` and `KRB5CCNAME` in the process's
//!   environment and by nothing else that can be reached from here, and a running program cannot change its
//!   environment safely. So [`kerberos_environment`] says what must be there, the program starts itself
//!   again with it or its unit sets it, and a bind with another environment is refused: it would
//!   authenticate as somebody else.
//! - With a keytab the library takes its first entry. A configured principal that is not the first is refused.
//! - With a keytab and no cache, the cache is in memory, so that tickets of whoever started us are not used.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use super::error::DirectoryError;
use super::session::Session;

const KEYTAB: &str = "KRB5_CLIENT_KTNAME";
const CACHE: &str = "KRB5CCNAME";
const MEMORY: &str = "MEMORY:highwater";

/// The environment variables the Kerberos library needs for this keytab and cache; none for neither.
pub fn kerberos_environment(
    keytab: Option<&Path>,
    ccache: Option<&Path>,
) -> BTreeMap<&'static str, OsString> {
    let file = |path: &Path| {
        let mut value = OsString::from("FILE:");
        value.push(path);
        value
    };
    let mut wanted = BTreeMap::new();
    if let Some(keytab) = keytab {
        wanted.insert(KEYTAB, file(keytab));
        wanted.insert(CACHE, OsString::from(MEMORY));
    }
    if let Some(ccache) = ccache {
        wanted.insert(CACHE, file(ccache));
    }
    wanted
}

/// Refuses what cannot work: a build without Kerberos, an unfit keytab, another environment.
pub(super) fn check(
    target: &str,
    principal: Option<&str>,
    keytab: Option<&Path>,
    ccache: Option<&Path>,
) -> Result<(), DirectoryError> {
    let refuse = |problem: String| {
        Err(DirectoryError::Credentials {
            target: target.to_owned(),
            problem,
        })
    };
    if !cfg!(feature = "gssapi") {
        return refuse(
            "this program was built without Kerberos; build it with `--features gssapi`, or use a simple \
             bind over TLS"
                .to_owned(),
        );
    }
    if let (Some(wanted), Some(path)) = (principal, keytab) {
        let first = match std::fs::read(path) {
            Err(error) => return refuse(format!("keytab {}: {error}", path.display())),
            Ok(bytes) => first_principal(&bytes),
        };
        match first {
            Err(problem) => return refuse(format!("keytab {}: {problem}", path.display())),
            Ok(first) if first != wanted => {
                return refuse(format!(
                    "the first principal in keytab {} is {first}, not {wanted}, and Kerberos takes the first; \
                     make a keytab for {wanted} alone",
                    path.display()
                ));
            }
            Ok(_) => {}
        }
    }
    for (name, value) in kerberos_environment(keytab, ccache) {
        if std::env::var_os(name).as_ref() != Some(&value) {
            let value = value.to_string_lossy();
            return refuse(format!(
                "Kerberos reads its files from the environment only: start the program with {name}={value} \
                 (systemd: Environment={name}={value})"
            ));
        }
    }
    Ok(())
}

/// The first principal of a keytab (MIT file format 0x0502: big-endian, size-prefixed entries).
fn first_principal(keytab: &[u8]) -> Result<String, String> {
    let mut rest = keytab
        .strip_prefix(&[5, 2])
        .ok_or("not a keytab of version 2")?;
    loop {
        let size = i32::from_be_bytes(take(&mut rest)?);
        let length = usize::try_from(size.unsigned_abs()).unwrap_or(usize::MAX);
        let entry = rest.get(..length).ok_or("it ends inside an entry")?;
        rest = rest.get(length..).unwrap_or_default();
        // A negative size is a hole where an entry was deleted.
        if size > 0 {
            return principal(entry);
        }
    }
}

fn principal(mut entry: &[u8]) -> Result<String, String> {
    let components = u16::from_be_bytes(take(&mut entry)?);
    let realm = counted(&mut entry)?;
    let mut name = String::new();
    for at in 0..components {
        if at > 0 {
            name.push('/');
        }
        name.push_str(&counted(&mut entry)?);
    }
    Ok(format!("{name}@{realm}"))
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], String> {
    let (head, tail) = rest
        .split_first_chunk::<N>()
        .ok_or("it ends before its first entry does")?;
    *rest = tail;
    Ok(*head)
}

fn counted(rest: &mut &[u8]) -> Result<String, String> {
    let length = usize::from(u16::from_be_bytes(take(rest)?));
    let text = rest.get(..length).ok_or("it ends inside a name")?;
    *rest = rest.get(length..).unwrap_or_default();
    String::from_utf8(text.to_vec()).map_err(|_| "a name in it is not UTF-8".to_owned())
}

/// Binds with the tickets of the environment, for the service `ldap/host`.
#[cfg(feature = "gssapi")]
pub(super) async fn bind(
    session: &mut Session,
    host: &str,
    bound: Duration,
) -> Result<(), DirectoryError> {
    use super::session::Fault;

    let mut ldap = session.ldap.clone();
    let host = host.to_owned();
    let runtime = tokio::runtime::Handle::current();
    // The Kerberos library blocks on files and on the KDC, so it gets a thread; the thread ends by its own bounds.
    let exchange = tokio::task::spawn_blocking(move || {
        runtime.block_on(tokio::time::timeout(bound, ldap.sasl_gssapi_bind(&host)))
    });
    let result = match tokio::time::timeout(bound, exchange).await {
        Err(_) | Ok(Ok(Err(_))) => Err(Fault::Timeout),
        Ok(Err(end)) => Err(Fault::Panic(end.to_string())),
        Ok(Ok(Ok(Err(ldap3::LdapError::GssapiOperationError(words))))) => {
            return Err(DirectoryError::Credentials {
                target: session.target.clone(),
                problem: super::error::one_line(&format!(
                    "Kerberos: {words}; check keytab or cache, the clock, and the service name ldap/HOST"
                )),
            });
        }
        Ok(Ok(Ok(result))) => Ok(result),
    };
    session.judge_bind(result, true).await
}

/// Never reached: a build without Kerberos refuses such credentials before it connects.
#[cfg(not(feature = "gssapi"))]
#[expect(
    clippy::unused_async,
    reason = "the same shape as with the feature, which awaits"
)]
pub(super) async fn bind(
    session: &mut Session,
    _host: &str,
    _bound: Duration,
) -> Result<(), DirectoryError> {
    Err(DirectoryError::Internal {
        target: session.target.clone(),
        problem: "this program was built without Kerberos; build it with `--features gssapi`"
            .to_owned(),
    })
}

#[cfg(test)]
#[path = "gssapi_tests.rs"]
mod tests;
