//! An open way to the DC that the cursor names, with what is needed to understand it.

use std::collections::BTreeSet;

use super::decide::Source;
use super::error::FeedError;
use super::pass::Rest;
use crate::config::{self, DcSettings, ResourceSettings, Settings};
use crate::directory::{ChangeSource, Directory, Port, Position, Projection};
use crate::model::{
    AttributeOid, Cursor, DcName, Dn, HostAttribute, Identity, InvocationId, Schema,
};

/// A way to a DC whose schema has been read.
pub(super) struct Reader<S> {
    pub(super) dc: DcName,
    pub(super) host: String,
    pub(super) identity: Identity,
    pub(super) source: S,
    pub(super) what: What,
    /// The naming contexts the bases lie in.
    pub(super) contexts: Vec<Dn>,
    /// Where the DC stood when the last pass on this way was committed.
    pub(super) rest: Option<Rest>,
}

/// What is read and told, by the DC's schema.
pub(super) struct What {
    pub(super) schema: Schema,
    pub(super) projection: Projection,
    pub(super) wanted: BTreeSet<AttributeOid>,
}

impl<S: ChangeSource> Reader<S> {
    /// Connects to a DC of a resource and reads its schema.
    pub(super) async fn open(
        directory: &impl Directory<Source = S>,
        resource: &ResourceSettings,
        feed: &config::Feed,
        dc: &DcSettings,
    ) -> Result<Self, FeedError> {
        let port = match resource.host_attribute {
            HostAttribute::LdapHost => Port::Directory,
            HostAttribute::GlobalCatalog => Port::GlobalCatalog,
        };
        let mut source = directory.open(dc, port).await?;
        let position = source.position(&resource.base_contexts).await?;
        let contexts = contexts(resource, dc, &position)?;
        let schema = source.schema(&position.schema).await?;
        let projection = Projection::new(&schema, &feed.attributes, &feed.exclude);
        let projection = projection.map_err(|problem| FeedError::Projection {
            resource: resource.name.clone(),
            problem,
        })?;
        let wanted = schema
            .iter()
            .map(|attribute| attribute.oid.clone())
            .filter(|oid| projection.wants(oid))
            .collect();
        Ok(Self {
            dc: dc.name.clone(),
            host: dc.host.clone(),
            identity: position.identity,
            source,
            what: What {
                schema,
                projection,
                wanted,
            },
            contexts,
            rest: None,
        })
    }

    /// Where the DC stands now; an error where it is not the incarnation the cursor counts on.
    pub(super) async fn position(
        &mut self,
        resource: &ResourceSettings,
        cursor: &Cursor,
    ) -> Result<Position, FeedError> {
        let position = self.source.position(&resource.base_contexts).await?;
        self.same(resource, cursor, position.identity.invocation_id)?;
        // A session outlives a restore where nothing resets it.
        self.identity = position.identity.clone();
        Ok(position)
    }

    /// Whether the incarnation is still the cursor's (R1: read again when the pass is complete).
    pub(super) async fn verify(
        &mut self,
        resource: &ResourceSettings,
        cursor: &Cursor,
    ) -> Result<(), FeedError> {
        let identity = self.source.identify().await?;
        self.same(resource, cursor, identity.invocation_id)
    }

    fn same(
        &self,
        resource: &ResourceSettings,
        cursor: &Cursor,
        found: InvocationId,
    ) -> Result<(), FeedError> {
        match cursor.invocation_id {
            Some(expected) if expected != found => Err(FeedError::OtherIncarnation {
                resource: resource.name.clone(),
                dc: self.dc.clone(),
                expected,
                found,
            }),
            _ => Ok(()),
        }
    }

    /// What the events say of where they come from.
    pub(super) fn origin<'a>(
        &'a self,
        resource: &'a ResourceSettings,
        given_up: u64,
    ) -> Source<'a> {
        Source {
            resource: &resource.name,
            dc: &self.dc,
            reader: self.identity.invocation_id,
            schema: &self.what.schema,
            given_up,
        }
    }

    /// What K and S stand for: what is read and told, and as whom (R9).
    pub(super) fn fingerprint(&self, resource: &ResourceSettings, feed: &config::Feed) -> String {
        let bases: BTreeSet<_> = resource.base_contexts.iter().map(Dn::folded).collect();
        let bases: Vec<_> = bases.into_iter().collect();
        format!(
            "bases {}; filter {}; {}; {:?}",
            bases.join(" | "),
            feed.filter,
            self.what.projection.fingerprint(),
            resource.host_attribute,
        )
    }
}

/// The DC a cursor names.
pub(super) fn dc_in_use<'s>(
    settings: &'s Settings,
    resource: &ResourceSettings,
    cursor: &Cursor,
) -> Result<&'s DcSettings, FeedError> {
    let host = cursor.host(resource.host_attribute).unwrap_or_default();
    settings
        .dc_of_host(host)
        .ok_or_else(|| FeedError::UnknownHost {
            resource: resource.name.clone(),
            host: host.to_owned(),
        })
}

/// The naming contexts of the bases, each once; an error where a base lies in none.
fn contexts(
    resource: &ResourceSettings,
    dc: &DcSettings,
    position: &Position,
) -> Result<Vec<Dn>, FeedError> {
    let held: BTreeSet<&Dn> = position
        .vectors
        .keys()
        .chain(position.instance_types.keys())
        .collect();
    for base in &resource.base_contexts {
        if !held.iter().any(|context| base.is_within(context)) {
            return Err(FeedError::NoContext {
                resource: resource.name.clone(),
                dc: dc.name.clone(),
                base: base.clone(),
            });
        }
    }
    Ok(held.into_iter().cloned().collect())
}
