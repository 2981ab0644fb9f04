//! What can stop a plan, a failover or an undo before its decision.

use crate::consumer::ConsumerError;
use crate::model::ResourceName;
use crate::store::StoreError;

/// A plan, failover or undo that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum FailoverError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The consumer's cursor could not be read.
    #[error(transparent)]
    Consumer(#[from] ConsumerError),
    /// The cursor names a host that is no DC of the configuration.
    #[error(
        "the cursor of resource `{resource}` names the host `{host}`, which is the `host` of no [dc] section: add the \
         section, or correct the cursor"
    )]
    UnknownHost {
        /// The resource.
        resource: ResourceName,
        /// The host the cursor names.
        host: String,
    },
    /// A global catalog host is to be rewritten and the cursor has none.
    #[error(
        "resource `{resource}` searches subdomains through a global catalog, but its cursor names no globalCatalog: \
         set it, or set search_subdomains = false"
    )]
    NoGlobalCatalog {
        /// The resource.
        resource: ResourceName,
    },
    /// Nothing to undo.
    #[error(
        "the newest completed move of resource `{0}` is no failover, or there is none: there is nothing to undo"
    )]
    NothingToUndo(ResourceName),
    /// A plan that cannot be written as JSON.
    #[error("the plan cannot be written down: {0}")]
    Unwritable(#[source] serde_json::Error),
}
