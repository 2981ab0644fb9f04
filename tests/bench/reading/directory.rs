//! A slapd with many users, started and ended by this program; all of it lies in a folder below the build folder.
//!
//! # Decisions
//! - uSNChanged has no index: with one, slapd answers a range over everything page by page in minutes.

use std::fmt::Write as _;
use std::io::{BufWriter, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::prelude::*;
use highwater::clock::Stopwatch;
use highwater::config::Timeouts;
use tempfile::TempDir;

use crate::attributes::{IMAGE, PLAIN};
use crate::peers::Source;

pub(crate) const BASE: &str = "cn=bench";
pub(crate) const USER: &str = "cn=admin,cn=bench";
pub(crate) const PASSWORD: &str = "bench";
pub(crate) const FILTER: &str = "(uSNChanged>=1)";

pub(crate) const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(10),
    operation: Duration::from_mins(2),
    search: Duration::from_mins(10),
};

/// The first so many of them slapd knows by itself.
const BUILT_IN: usize = 3;

/// A running slapd; it ends when this is dropped.
pub(crate) struct Directory {
    child: Child,
    _folder: TempDir,
    pub(crate) port: u16,
}

impl Directory {
    /// Loads so many users and waits until slapd listens.
    pub(crate) fn start(users: usize) -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let data = folder.path().join("data");
        std::fs::create_dir(&data).unwrap();
        let config = folder.path().join("slapd.conf");
        std::fs::write(&config, configuration(folder.path())).unwrap();
        let ldif = folder.path().join("users.ldif");
        write_users(&ldif, users);
        let loaded = slapd("slapadd")
            .arg("-q")
            .arg("-f")
            .arg(&config)
            .arg("-l")
            .arg(&ldif)
            .output();
        let loaded = loaded.expect_program("slapadd");
        assert!(loaded.status.success(), "{loaded:?}");
        std::fs::remove_file(&ldif).unwrap();
        let port = TcpListener::bind(("127.0.0.1", 0))
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let child = slapd("slapd")
            .arg("-f")
            .arg(&config)
            .args(["-d", "0", "-h", &format!("ldap://127.0.0.1:{port}")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let directory = Self {
            child: child.expect_program("slapd"),
            _folder: folder,
            port,
        };
        let waited = Stopwatch::start();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(
                waited.elapsed() < Duration::from_secs(20),
                "slapd does not listen"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        directory
    }

    /// Where a client of this port reads: slapd's own or that of a relay before it.
    pub(crate) fn source(port: u16) -> Source {
        Source {
            url: format!("ldap://127.0.0.1:{port}"),
            user: USER,
            password: PASSWORD,
            base: BASE,
            filter: FILTER,
        }
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Says which package is missing where a program cannot be started.
trait ExpectProgram<T> {
    fn expect_program(self, name: &str) -> T;
}

impl<T> ExpectProgram<T> for std::io::Result<T> {
    fn expect_program(self, name: &str) -> T {
        self.unwrap_or_else(|error| {
            println!("cannot start {name} (Debian: slapd): {error}");
            std::process::exit(1)
        })
    }
}

/// A program that Debian keeps where only root looks.
fn slapd(name: &str) -> Command {
    let full = Path::new("/usr/sbin").join(name);
    Command::new(if full.exists() { full } else { name.into() })
}

fn configuration(folder: &Path) -> String {
    let mut text = String::new();
    let own = || IMAGE.iter().skip(BUILT_IN);
    for (number, name) in own().enumerate() {
        let (syntax, rules) = match *name {
            "uSNChanged" => (27, "EQUALITY integerMatch ORDERING integerOrderingMatch"),
            "objectGUID" | "replPropertyMetaData" => (40, "EQUALITY octetStringMatch"),
            _ => (15, "EQUALITY caseIgnoreMatch"),
        };
        // The arc that OpenLDAP sets aside for trials.
        writeln!(
            text,
            "attributetype ( 1.3.6.1.4.1.4203.666.99.1.{} NAME '{name}' {rules} SYNTAX 1.3.6.1.4.1.1466.115.121.1.{syntax} )",
            number + 1
        )
        .unwrap();
    }
    let may: Vec<&str> = own().copied().collect();
    writeln!(
        text,
        "objectclass ( 1.3.6.1.4.1.4203.666.99.2 NAME 'benchUser' SUP top STRUCTURAL MUST cn MAY ( description $ {} ) )",
        may.join(" $ ")
    )
    .unwrap();
    let folder = folder.display();
    write!(
        text,
        "modulepath /usr/lib/ldap\nmoduleload back_mdb\npidfile {folder}/pid\nsizelimit unlimited\ndatabase mdb\n\
         maxsize 2147483648\nsuffix \"{BASE}\"\nrootdn \"{USER}\"\nrootpw {PASSWORD}\ndirectory {folder}/data\n"
    )
    .unwrap();
    text
}

fn write_users(file: &Path, users: usize) {
    let mut out = BufWriter::new(std::fs::File::create(file).unwrap());
    write!(out, "dn: {BASE}\nobjectClass: benchUser\ncn: bench\n\n").unwrap();
    for user in 1..=users {
        let dn = format!("cn=user {user:06},{BASE}");
        write!(out, "dn: {dn}\nobjectClass: top\nobjectClass: benchUser\ncn: user {user:06}\nuSNChanged: {user}\n").unwrap();
        for name in PLAIN
            .iter()
            .filter(|name| !matches!(**name, "objectClass" | "cn" | "uSNChanged"))
        {
            let values = if *name == "proxyAddresses" { 3 } else { 1 };
            for value in 1..=values {
                writeln!(out, "{name}: {value} of {name} of user {user:06}").unwrap();
            }
        }
        let mut guid = [0_u8; 16];
        guid[..8].copy_from_slice(&u64::try_from(user).unwrap().to_be_bytes());
        let (guid, stamps) = (
            BASE64_STANDARD.encode(guid),
            BASE64_STANDARD.encode(stamps(user)),
        );
        write!(
            out,
            "objectGUID:: {guid}\nreplPropertyMetaData:: {stamps}\n\n"
        )
        .unwrap();
    }
    out.flush().unwrap();
}

/// A replPropertyMetaData with a stamp for each attribute, numbered as they are listed.
fn stamps(user: usize) -> Vec<u8> {
    let usn = u64::try_from(user).unwrap();
    let count = u32::try_from(PLAIN.len()).unwrap();
    let mut blob = Vec::new();
    for word in [1, 0, count, 0] {
        blob.extend(u32::to_le_bytes(word));
    }
    for attid in 0..count {
        blob.extend(attid.to_le_bytes());
        blob.extend(1_u32.to_le_bytes());
        blob.extend((13_400_000_000 + usn).to_le_bytes());
        blob.extend([7; 16]);
        blob.extend(usn.to_le_bytes());
        blob.extend(usn.to_le_bytes());
    }
    blob
}
