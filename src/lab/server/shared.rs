//! What all connections of one simulated DC share.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_rustls::TlsAcceptor;

use crate::lab::forest::Forest;

/// How a DC misbehaves while it runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Fault {
    /// Not at all.
    #[default]
    None,
    /// It takes connections and never says a word.
    Hang,
    /// It sends the first half of the answer to a search, then resets the connection.
    ResetMidAnswer,
    /// Every answer takes this long.
    Slow(Duration),
    /// It answers searches with an `ExtendedResponse`, as Samba does where it refuses a control.
    ExtendedResponse,
    /// It answers searches with LDAP 51, busy.
    Busy,
}

/// How connections are secured.
#[derive(Clone)]
pub(super) enum Cover {
    /// Not at all.
    Clear,
    /// From the first byte.
    Ldaps(TlsAcceptor),
    /// When the client asks for it (RFC 4511 4.14); before, no password is taken.
    StartTls(TlsAcceptor),
}

/// What all connections to one port of a simulated DC share.
pub(super) struct Shared {
    forest: Arc<Mutex<Forest>>,
    fault: Arc<Mutex<Fault>>,
    answers_as: Arc<AtomicUsize>,
    pub(super) cover: Cover,
    pub(super) password: String,
    /// Whether this is the global catalog's port.
    pub(super) is_catalog: bool,
}

impl Shared {
    pub(super) fn new(
        forest: Arc<Mutex<Forest>>,
        number: usize,
        cover: Cover,
        password: String,
    ) -> Self {
        Self {
            forest,
            fault: Arc::default(),
            answers_as: Arc::new(AtomicUsize::new(number)),
            cover,
            password,
            is_catalog: false,
        }
    }

    /// The same DC at its global catalog's port: a fault strikes both.
    pub(super) fn of_catalog(&self) -> Self {
        Self {
            forest: Arc::clone(&self.forest),
            fault: Arc::clone(&self.fault),
            answers_as: Arc::clone(&self.answers_as),
            cover: self.cover.clone(),
            password: self.password.clone(),
            is_catalog: true,
        }
    }

    /// The forest, locked: never held over a wait.
    pub(super) fn forest(&self) -> MutexGuard<'_, Forest> {
        self.forest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn fault(&self) -> Fault {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_fault(&self, fault: Fault) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    /// The number of the DC whose database is answered from.
    pub(super) fn answers_as(&self) -> usize {
        self.answers_as.load(Ordering::Relaxed)
    }

    pub(super) fn answer_as(&self, number: usize) {
        self.answers_as.store(number, Ordering::Relaxed);
    }
}
