//! The simulated DCs as LDAP servers on loopback.
//!
//! Owns the protocol (`ber`, `request`, `search`, `answer`), the certificates made on the spot, the ports, and the
//! faults that are ordered by call. It answers what the collector, the failover, `check`, `discover` and a sync ask,
//! as AD answers it; what nobody asks is refused in LDAP's words.
//!
//! # Decisions
//! - The databases are in one [`Forest`] behind one lock, which is never held over a wait: every answer is of one
//!   moment, as a DC's is.
//! - A DC has two ports, the directory's and the global catalog's; a fault strikes both, and a DC that is no global
//!   catalog refuses the second.
//! - BER is read and written here by hand: a few message types, and no library's limits or panics in between.

mod answer;
mod ber;
mod blob;
mod certificates;
mod connection;
mod database;
mod filter;
mod front;
mod naming;
mod request;
mod root;
mod schema;
mod search;
mod shared;
mod view;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use uuid::Uuid;

use super::forest::{Forest, ForestError, Saved};
use crate::clock;
use crate::config::{Credentials, DcSettings, Security, Timeouts, TlsTrust};
use crate::model::NameError;
use certificates::Authority;
use front::Front;
pub use shared::Fault;
use shared::{Cover, Shared};

/// The account the DCs know.
pub const READER: &str = "reader@sim.test";

/// The lab could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// The forest could not.
    #[error(transparent)]
    Forest(#[from] ForestError),
    /// No certificate could be made.
    #[error("the simulated DCs got no certificates: {0}")]
    Certificates(String),
    /// A port or a file.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: io::Error,
    },
    /// A DC's name is no name of a configuration.
    #[error(transparent)]
    Name(#[from] NameError),
}

fn io_failed(what: impl Into<String>) -> impl FnOnce(io::Error) -> LabError {
    let what = what.into();
    move |source| LabError::Io { what, source }
}

/// The ports of one DC.
struct Dsa {
    directory: Front,
    /// Open on a global catalog alone.
    catalog: Front,
    is_global_catalog: bool,
}

impl Dsa {
    fn new(shared: Shared, is_global_catalog: bool) -> io::Result<Self> {
        let catalog = Front::new(Arc::new(shared.of_catalog()))?;
        let mut dsa = Self {
            directory: Front::new(Arc::new(shared))?,
            catalog,
            is_global_catalog,
        };
        dsa.start()?;
        Ok(dsa)
    }

    fn start(&mut self) -> io::Result<()> {
        self.directory.start()?;
        if self.is_global_catalog {
            self.catalog.start()?;
        }
        Ok(())
    }

    async fn refuse(&mut self) -> io::Result<()> {
        self.directory.refuse().await?;
        self.catalog.refuse().await
    }

    async fn kill(&mut self) -> io::Result<()> {
        self.directory.kill().await?;
        self.catalog.kill().await
    }
}

/// A forest with a running server for every DC; dropping it ends them.
pub struct Lab {
    forest: Arc<Mutex<Forest>>,
    fronts: Vec<Dsa>,
    security: Security,
    hosts: Vec<String>,
    ca_file: Option<PathBuf>,
    password: String,
}

impl std::fmt::Debug for Lab {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lab")
            .field("hosts", &self.hosts)
            .finish_non_exhaustive()
    }
}

impl Lab {
    /// Starts a server per DC: LDAPS, with the authority's certificate put into `folder`, or in clear without one.
    ///
    /// Must be called within a tokio runtime.
    pub fn start(forest: Forest, folder: Option<&Path>) -> Result<Self, LabError> {
        match folder {
            Some(folder) => Self::secured(forest, folder, Security::Ldaps),
            None => Self::with_authority(forest, None, Security::Clear),
        }
    }

    /// The same with StartTLS: in clear, no password is taken.
    pub fn start_tls(forest: Forest, folder: &Path) -> Result<Self, LabError> {
        Self::secured(forest, folder, Security::StartTls)
    }

    fn secured(forest: Forest, folder: &Path, security: Security) -> Result<Self, LabError> {
        let authority = Authority::new()?;
        let file = folder.join("ca.pem");
        let what = format!("writing {}", file.display());
        std::fs::write(&file, authority.pem()).map_err(io_failed(what))?;
        Self::with_authority(forest, Some((authority, file)), security)
    }

    fn with_authority(
        forest: Forest,
        authority: Option<(Authority, PathBuf)>,
        security: Security,
    ) -> Result<Self, LabError> {
        let password = Uuid::new_v4().to_string();
        let catalogs: Vec<bool> = forest.dcs.iter().map(|dc| dc.is_global_catalog).collect();
        let hosts = (0..catalogs.len())
            .map(|dc| forest.host(dc))
            .collect::<Result<Vec<_>, _>>()?;
        let forest = Arc::new(Mutex::new(forest));
        let mut fronts = Vec::new();
        for (number, (host, is_global_catalog)) in hosts.iter().zip(catalogs).enumerate() {
            let cover = match &authority {
                None => Cover::Clear,
                Some((authority, _)) if security == Security::StartTls => {
                    Cover::StartTls(authority.acceptor(host)?)
                }
                Some((authority, _)) => Cover::Ldaps(authority.acceptor(host)?),
            };
            let shared = Shared::new(Arc::clone(&forest), number, cover, password.clone());
            let dsa = Dsa::new(shared, is_global_catalog);
            fronts.push(dsa.map_err(io_failed(format!("opening a port for {host}")))?);
        }
        Ok(Self {
            forest,
            fronts,
            security,
            hosts,
            ca_file: authority.map(|(_, file)| file),
            password,
        })
    }

    /// Lets `work` see and change the forest; nobody is answered meanwhile.
    pub fn with<T>(&self, work: impl FnOnce(&mut Forest) -> T) -> T {
        let mut forest = self.forest.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut forest)
    }

    /// The forest itself, for whoever drives it beside.
    pub fn shared_forest(&self) -> Arc<Mutex<Forest>> {
        Arc::clone(&self.forest)
    }

    /// How the DC is reached: named `dc1`, `dc2`, …
    pub fn settings(&self, dc: usize, timeouts: Timeouts) -> Result<DcSettings, LabError> {
        let front = self.fronts.get(dc).ok_or(ForestError::NoDc(dc))?;
        let host = self.hosts.get(dc).ok_or(ForestError::NoDc(dc))?;
        let trust = match &self.ca_file {
            Some(file) => TlsTrust::File(file.clone()),
            None => TlsTrust::System,
        };
        Ok(DcSettings {
            name: format!("dc{}", dc.saturating_add(1)).parse()?,
            host: host.clone(),
            address: Some("127.0.0.1".to_owned()),
            port: front.directory.port,
            global_catalog_port: front.catalog.port,
            server_name: None,
            security: self.security,
            trust,
            credentials: Credentials::Simple {
                user: READER.to_owned(),
                password: self.password.clone().into(),
            },
            timeouts,
        })
    }

    fn front(&mut self, dc: usize) -> Result<&mut Dsa, LabError> {
        Ok(self.fronts.get_mut(dc).ok_or(ForestError::NoDc(dc))?)
    }

    /// Makes a running DC misbehave, or behave again.
    pub fn set_fault(&self, dc: usize, fault: Fault) -> Result<(), LabError> {
        let front = self.fronts.get(dc).ok_or(ForestError::NoDc(dc))?;
        front.directory.shared.set_fault(fault);
        Ok(())
    }

    /// Lets the port of `dc` answer from the database of `other`, as an alias or a load balancer would; with
    /// `dc` itself it is as before.
    pub fn answer_as(&self, dc: usize, other: usize) -> Result<(), LabError> {
        self.with(|forest| forest.dc(other).map(drop))?;
        let front = self.fronts.get(dc).ok_or(ForestError::NoDc(dc))?;
        front.directory.shared.answer_as(other);
        Ok(())
    }

    /// Resets every connection of a DC, which runs on and takes new ones.
    pub fn reset_connections(&self, dc: usize) -> Result<(), LabError> {
        let front = self.fronts.get(dc).ok_or(ForestError::NoDc(dc))?;
        front.directory.reset();
        front.catalog.reset();
        Ok(())
    }

    /// Closes the port: new connections are refused, open ones go on, and so does the DC.
    pub async fn refuse(&mut self, dc: usize) -> Result<(), LabError> {
        let front = self.front(dc)?;
        front.refuse().await.map_err(io_failed("closing a port"))
    }

    /// Kills the DC: the port is closed, every connection reset, nothing replicates with it.
    pub async fn kill(&mut self, dc: usize) -> Result<(), LabError> {
        self.with(|forest| forest.dc_mut(dc).map(|dc| dc.is_alive = false))?;
        let front = self.front(dc)?;
        front.kill().await.map_err(io_failed("closing a port"))
    }

    /// Starts a DC that was killed or refused, with its database as it was.
    pub async fn revive(&mut self, dc: usize) -> Result<(), LabError> {
        self.with(|forest| forest.dc_mut(dc).map(|dc| dc.is_alive = true))?;
        let front = self.front(dc)?;
        // What still lives of before is ended first, so that the start finds a closed port.
        front.kill().await.map_err(io_failed("closing a port"))?;
        front.start().map_err(io_failed("opening a port"))
    }

    /// Restores a DC's database under a new invocationId; its connections are reset, as by the restart it takes.
    pub async fn restore(&mut self, dc: usize, saved: &Saved) -> Result<(), LabError> {
        self.kill(dc).await?;
        let now = clock::now().as_millis();
        self.with(|forest| forest.restore(dc, saved, now))?;
        self.revive(dc).await
    }

    /// Puts a DC's database back without a new invocationId; its connections are reset.
    pub async fn roll_back(&mut self, dc: usize, saved: &Saved) -> Result<(), LabError> {
        self.kill(dc).await?;
        let now = clock::now().as_millis();
        self.with(|forest| forest.roll_back(dc, saved, now))?;
        self.revive(dc).await
    }
}

#[cfg(test)]
mod naming_tests;
