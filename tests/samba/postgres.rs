//! A PostgreSQL server of the scenario's own, in the client's view: TLS with a certificate of the lab's CA, and no
//! other way in over TCP.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::lab::{CLIENT, Lab};
use super::process::{Outcome, Running, until};

/// The role and its password, which is the database's name too.
pub(crate) const ROLE: &str = "product";

/// A running server; stopped when dropped.
#[derive(Debug)]
pub(crate) struct Postgres<'a> {
    lab: &'a Lab,
    folder: PathBuf,
    running: Option<Running>,
}

/// Where the server's programs are, of the newest version.
fn programs() -> PathBuf {
    let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") else {
        panic!("this scenario needs PostgreSQL: install it (apt-get install postgresql)");
    };
    let mut found: Vec<PathBuf> = versions
        .map(|version| version.unwrap().path().join("bin"))
        .filter(|folder| folder.join("initdb").exists())
        .collect();
    found.sort();
    found.pop().unwrap()
}

/// The words that run a program of the server's as its own user.
fn as_postgres(program: &str) -> Vec<String> {
    let program = programs().join(program).to_str().unwrap().to_owned();
    let words = [
        "setpriv",
        "--reuid=postgres",
        "--regid=postgres",
        "--clear-groups",
        &program,
    ];
    words.map(str::to_owned).into()
}

impl<'a> Postgres<'a> {
    /// Makes a database and starts its server.
    pub(crate) fn start(lab: &'a Lab) -> Self {
        let folder = lab.scratch().join("pg");
        std::fs::set_permissions(lab.scratch(), PermissionsExt::from_mode(0o755)).unwrap();
        let mut server = Self {
            lab,
            folder,
            running: None,
        };
        server.prepare();
        let data = server.path("data");
        let mut words = as_postgres("postgres");
        words.extend(["-D", &data].map(str::to_owned));
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        server.running = Some(lab.spawn(CLIENT, "postgres", &words));
        until("PostgreSQL answers", Duration::from_secs(30), || {
            server.sql_in("postgres", "SELECT 1").code == Some(0)
        });
        let made = format!("CREATE DATABASE {ROLE}");
        server.sql_in("postgres", &made).success();
        server
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).to_str().unwrap().to_owned()
    }

    fn exec(&self, words: &[String]) -> Outcome {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        self.lab.exec(CLIENT, &words)
    }

    fn prepare(&self) {
        std::fs::create_dir(&self.folder).unwrap();
        std::fs::write(self.folder.join("password"), ROLE).unwrap();
        let (ca, key) = (
            self.lab.folder().join("ca/ca.pem"),
            self.lab.folder().join("ca/ca.key"),
        );
        let shell = format!(
            "set -e; cd {folder}
             openssl req -new -newkey rsa:2048 -nodes -keyout key.pem -out csr.pem -subj /CN=localhost 2> openssl.log
             printf 'subjectAltName=DNS:localhost\\nbasicConstraints=critical,CA:FALSE\\n' > ext
             openssl x509 -req -in csr.pem -CA {ca} -CAkey {key} -set_serial 77 -days 2 -extfile ext -out cert.pem \
                2>> openssl.log
             chown -R postgres:postgres .; chmod 600 key.pem password",
            folder = self.folder.display(),
            ca = ca.display(),
            key = key.display(),
        );
        self.exec(&["sh", "-c", &shell].map(str::to_owned))
            .success();
        let mut words = as_postgres("initdb");
        let (data, password) = (self.path("data"), self.path("password"));
        let flags = [
            "-D",
            &data,
            "-U",
            ROLE,
            "--pwfile",
            &password,
            "-A",
            "scram-sha-256",
            "--no-sync",
            "-E",
            "UTF8",
            "--locale=C",
        ];
        words.extend(flags.map(str::to_owned));
        self.exec(&words).success();
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nunix_socket_directories = '{folder}'\nssl = on\nfsync = off\n\
             ssl_cert_file = '{folder}/cert.pem'\nssl_key_file = '{folder}/key.pem'\n",
            folder = self.folder.display()
        );
        std::fs::write(self.folder.join("data/postgresql.auto.conf"), settings).unwrap();
        let access = "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n";
        std::fs::write(self.folder.join("data/pg_hba.conf"), access).unwrap();
    }

    /// The folder of its Unix socket, which lets everybody in.
    pub(crate) fn socket(&self) -> String {
        self.folder.to_str().unwrap().to_owned()
    }

    /// The environment that lets `psql` in, as `env` takes it.
    pub(crate) fn environment(&self) -> Vec<String> {
        vec![
            format!("PGHOST={}", self.folder.display()),
            format!("PGUSER={ROLE}"),
            format!("PGDATABASE={ROLE}"),
        ]
    }

    fn sql_in(&self, database: &str, statement: &str) -> Outcome {
        let host = self.folder.to_str().unwrap();
        let words = [
            "psql", "-X", "-q", "-A", "-t", "-h", host, "-U", ROLE, "-d", database, "-c", statement,
        ];
        self.lab.exec(CLIENT, &words)
    }

    /// What a statement answers.
    #[track_caller]
    pub(crate) fn sql(&self, statement: &str) -> String {
        let answer = self.sql_in(ROLE, statement).success();
        answer.stdout.trim().to_owned()
    }

    /// The lines of a spot's `postgres` table; the password is written beside the configuration.
    pub(crate) fn settings(&self, folder: &Path, table: &str) -> String {
        let secret = folder.join("product.pass");
        std::fs::write(&secret, ROLE).unwrap();
        std::fs::set_permissions(&secret, PermissionsExt::from_mode(0o600)).unwrap();
        let authority = self.lab.folder().join("ca/ca.pem");
        format!(
            "[{table}.postgres]\nhost = \"localhost\"\ndatabase = \"{ROLE}\"\nuser = \"{ROLE}\"\n\
             password = {{ file = \"product.pass\" }}\nca_file = \"{}\"\n",
            authority.display()
        )
    }
}

impl Drop for Postgres<'_> {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            // A fast shutdown: it takes the sessions down with it.
            running.signal("INT");
            drop(running);
        }
    }
}
