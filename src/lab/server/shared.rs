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

/// What all connections of one simulated DC share.
pub(super) struct Shared {
    forest: Arc<Mutex<Forest>>,
    fault: Mutex<Fault>,
    answers_as: AtomicUsize,
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) password: String,
    /// Whether this is the global catalog's port.
    pub(super) is_catalog: bool,
}

impl Shared {
    pub(super) fn new(
        forest: Arc<Mutex<Forest>>,
        number: usize,
        tls: Option<TlsAcceptor>,
        password: String,
    ) -> Self {
        Self {
            forest,
            fault: Mutex::default(),
            answers_as: AtomicUsize::new(number),
            tls,
            password,
            is_catalog: false,
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
