//! A change put into words: one CloudEvents 1.0 event, as `schema/event.schema.json` describes it.
//!
//! # Decisions
//! - A change's id is made from its originating stamp, so it is the same whichever DC showed it. DCs put changes
//!   together differently, so the same holds for an event's id only where the same changes came together.
//! - No two events have one id, or a receiver that goes by ids would drop the second. A stamp is told once for each time
//!   that the object was delivered whole: with a delete, a leave or another whole image the consumer loses what it was told
//!   before, and may need the very stamp again. A group can have the same members again, and an object the same name: the
//!   ids of such events are made of the moment, and the ids after them of theirs. What was told of a
//!   DC that is declared lost is given up, and may yet come by a third DC: from then on ids are made of how often that was
//!   so too. What is delivered twice comes from the outbox, which keeps ids.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::Sought;
use super::change::{Change, Changed};
use super::rules::{Rule, holds};
use crate::directory::decode::{json_link, json_values};
use crate::model::{
    AttributeOid, CursorTag, DcName, InvocationId, Load, ObjectGuid, Op, Outgoing, ResourceName,
    Schema, Stamp, Usn, UtcMs,
};

/// Where an event comes from.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The feed's resource.
    pub resource: &'a ResourceName,
    /// The DC that was read.
    pub dc: &'a DcName,
    /// Its incarnation.
    pub reader: InvocationId,
    /// The attributes the DC has.
    pub schema: &'a Schema,
    /// How often what had been told of a DC was given up, see [`Feed::given_up`](crate::model::Feed::given_up).
    pub given_up: u64,
}

/// What the ids of later events about the object are made of, once this one is told that is not told once and no more:
/// see [`Told::generation`](crate::model::Told).
pub fn generation(event: &Outgoing) -> u64 {
    let first = event.id.get(..16).unwrap_or_default();
    // 63 bits: the store's integers are signed.
    u64::from_str_radix(first, 16).map_or(1, |id| (id >> 1).max(1))
}

/// The event that delivers a change; `now` is its time where no stamp says one.
pub fn event(source: &Source<'_>, change: &Change, now: UtcMs) -> Outgoing {
    let ids: Vec<String> = change
        .changed
        .iter()
        .map(|changed| change_id(change.guid, changed))
        .collect();
    let id = event_id(source, change, &ids, now);
    let newest = change.changed.iter().filter_map(|changed| match changed {
        Changed::Stamped { stamp, .. } => Some(stamp.seconds),
        Changed::Linked { .. } => None,
    });
    let time = newest
        .max()
        .and_then(seconds)
        .unwrap_or_else(|| now.to_string());
    let body = json!({
        "specversion": "1.0",
        "id": id,
        "source": format!("highwater:{}", source.resource),
        "type": format!("highwater.object.{}", change.op),
        "subject": change.guid.to_string(),
        "time": time,
        "datacontenttype": "application/json",
        "data": data(source, change, &ids),
    });
    Outgoing {
        id,
        guid: Some(change.guid),
        body: body.to_string(),
    }
}

/// The event that says how far the feed has come while nothing changes.
pub fn heartbeat(source: &Source<'_>, last_updated: Usn, now: UtcMs) -> Outgoing {
    let data = json!({ "lastUpdated": last_updated });
    let which = last_updated.to_string();
    of_feed(source, "heartbeat", &which, data, now)
}

/// The event before all that a load delivers. Two loads may begin at the same moment; the fence that a load takes over is
/// no other's.
pub fn load_started(source: &Source<'_>, load: &Load, fence: &CursorTag, now: UtcMs) -> Outgoing {
    of_feed(source, "load.started", &fence.0, load_data(load), now)
}

/// The event after all that a load delivered. Where the load replaces what was delivered before, a receiver drops the
/// objects that nothing was delivered of since it started: what it was told of them is not known any more.
pub fn load_completed(source: &Source<'_>, load: &Load, now: UtcMs) -> Outgoing {
    let pass = load.pass.to_string();
    of_feed(source, "load.completed", &pass, load_data(load), now)
}

fn load_data(load: &Load) -> Value {
    json!({ "since": load.since.to_string(), "replaces": load.replaces })
}

/// An event of the feed itself, `highwater.feed.<kind>`; `data` besides where and when.
fn of_feed(source: &Source<'_>, kind: &str, which: &str, mut data: Value, now: UtcMs) -> Outgoing {
    let at = now.to_string();
    let kind = format!("highwater.feed.{kind}");
    let hash = add_text(Sha256::new(), source.resource.as_str());
    let hash = add_text(hash, &kind).chain_update(source.reader.to_octets());
    let id = hex(add_text(hash, which).chain_update(at.as_bytes()));
    if let Some(data) = data.as_object_mut() {
        data.insert("dc".to_owned(), json!(source.dc));
        data.insert("invocationId".to_owned(), json!(source.reader));
        data.insert("at".to_owned(), json!(at));
    }
    let body = json!({
        "specversion": "1.0",
        "id": id,
        "source": format!("highwater:{}", source.resource),
        "type": kind,
        "time": at,
        "datacontenttype": "application/json",
        "data": data,
    });
    Outgoing {
        id,
        guid: None,
        body: body.to_string(),
    }
}

/// The data of an event; `ids` are those of its changes.
fn data(source: &Source<'_>, change: &Change, ids: &[String]) -> Value {
    let mut data = Map::new();
    data.insert("op".to_owned(), json!(change.op));
    data.insert("objectGuid".to_owned(), json!(change.guid.to_string()));
    data.insert("dn".to_owned(), json!(change.dn));
    if let Some(previous) = &change.previous_dn {
        data.insert("previousDn".to_owned(), json!(previous));
    }
    if let Some(parent) = &change.last_known_parent {
        data.insert("lastKnownParent".to_owned(), json!(parent));
    }
    data.insert("objectClass".to_owned(), json!(change.classes));
    data.insert("reason".to_owned(), json!(change.reason));
    data.insert("attributes".to_owned(), attributes(source, change));
    let changed: Vec<Value> = change
        .changed
        .iter()
        .zip(ids)
        .map(|(changed, id)| words(source.schema, id, changed))
        .collect();
    data.insert("changed".to_owned(), Value::Array(changed));
    for (key, oids) in [("unreadable", &change.unreadable), ("kept", &change.kept)] {
        let names: Vec<_> = oids.iter().map(|oid| name_of(source.schema, oid)).collect();
        if key == "unreadable" || !names.is_empty() {
            data.insert(key.to_owned(), json!(names));
        }
    }
    data.insert(
        "readFrom".to_owned(),
        json!({
            "dc": source.dc, "invocationId": source.reader, "usnChanged": change.usn_changed,
        }),
    );
    Value::Object(data)
}

/// Values by name; `null` where an attribute was cleared.
fn attributes(source: &Source<'_>, change: &Change) -> Value {
    let mut shown = Map::new();
    for (oid, values) in &change.values {
        let Some(attribute) = source.schema.attribute(oid) else {
            continue;
        };
        let value = if values.is_empty() {
            Value::Null
        } else {
            json_values(attribute, values)
        };
        shown.insert(attribute.name.clone(), value);
    }
    for (oid, values) in &change.links {
        let Some(attribute) = source.schema.attribute(oid) else {
            continue;
        };
        let mut targets = values.iter().map(json_link);
        let value = match (values.is_empty(), attribute.is_single_valued) {
            (true, _) => Value::Null,
            (false, true) => targets.next().unwrap_or(Value::Null),
            (false, false) => Value::Array(targets.collect()),
        };
        shown.insert(attribute.name.clone(), value);
    }
    Value::Object(shown)
}

fn words(schema: &Schema, id: &str, changed: &Changed) -> Value {
    match changed {
        Changed::Stamped {
            oid,
            stamp,
            repairs,
        } => {
            let mut words = Map::new();
            words.insert("attribute".to_owned(), json!(name_of(schema, oid)));
            words.insert("changeId".to_owned(), json!(id));
            words.insert("version".to_owned(), json!(stamp.version));
            words.insert("origin".to_owned(), json!(stamp.origin));
            words.insert("usn".to_owned(), json!(stamp.usn));
            if let Some(at) = seconds(stamp.seconds) {
                words.insert("at".to_owned(), json!(at));
            }
            if repairs.is_some() {
                words.insert("repairs".to_owned(), json!(true));
            }
            Value::Object(words)
        }
        Changed::Linked { oid, .. } => {
            json!({ "attribute": name_of(schema, oid), "changeId": id })
        }
    }
}

fn name_of(schema: &Schema, oid: &AttributeOid) -> String {
    schema
        .attribute(oid)
        .map_or_else(|| oid.to_string(), |attribute| attribute.name.clone())
}

/// The id of one change: the same whichever DC showed it.
pub fn change_id(guid: ObjectGuid, changed: &Changed) -> String {
    let hash = Sha256::new().chain_update(guid.to_octets());
    hex(match changed {
        Changed::Stamped { oid, stamp, .. } => add_stamp(add_text(hash, oid.as_str()), *stamp),
        Changed::Linked { oid, digest } => add_text(hash, oid.as_str()).chain_update(digest.0),
    })
}

/// Whether nothing but this one event can ever be told of what it tells: it has a stamp that the consumer has not heard.
pub fn is_once(change: &Change) -> bool {
    let fresh = |changed: &Changed| matches!(changed, Changed::Stamped { repairs: None, .. });
    matches!(change.op, Op::Update | Op::Move | Op::Delete) && change.changed.iter().any(fresh)
}

/// The id of an event: of the object, what happened, and the changes; of what sets an older value right, that too; and of
/// the moment, where all of that can be so once more.
fn event_id(source: &Source<'_>, change: &Change, ids: &[String], now: UtcMs) -> String {
    let mut ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    ids.sort_unstable();
    let mut hash = add_text(
        Sha256::new().chain_update(change.guid.to_octets()),
        change.op.code(),
    );
    for id in &ids {
        hash = add_text(hash, id);
    }
    for changed in &change.changed {
        if let Changed::Stamped {
            repairs: Some(last),
            ..
        } = changed
        {
            hash = add_text(hash, "repairs");
            if let Some(last) = last {
                hash = add_stamp(hash, *last);
            }
        }
    }
    if let Some(
        Sought::Below {
            container: found,
            name: stamp,
        }
        | Sought::Regained {
            member: found,
            undeleted: stamp,
        },
    ) = change.found_by
    {
        hash = add_stamp(hash.chain_update(found.to_octets()), stamp);
    }
    if !is_once(change) {
        hash = hash
            .chain_update(source.reader.to_octets())
            .chain_update(change.usn_changed.get().to_be_bytes())
            .chain_update(now.as_millis().to_be_bytes());
    }
    if change.generation > 0 && holds(Rule::Generations) {
        hash = add_text(hash, "generation").chain_update(change.generation.to_be_bytes());
    }
    if let Some(pass) = change.pass {
        hash = hash.chain_update(pass.to_be_bytes());
    }
    if source.given_up > 0 {
        hash = add_text(hash, "given up").chain_update(source.given_up.to_be_bytes());
    }
    hex(hash)
}

fn add_stamp(hash: Sha256, stamp: Stamp) -> Sha256 {
    hash.chain_update(stamp.version.to_be_bytes())
        .chain_update(stamp.seconds.to_be_bytes())
        .chain_update(stamp.origin.to_octets())
        .chain_update(stamp.usn.get().to_be_bytes())
}

/// Text with its length, so that no two sequences of texts are alike.
fn add_text(hash: Sha256, text: &str) -> Sha256 {
    let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
    hash.chain_update(length.to_be_bytes()).chain_update(text)
}

/// The first 128 bits in hexadecimal.
fn hex(hash: Sha256) -> String {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    let halves = |byte: &u8| [byte >> 4, byte & 0xf];
    let digit = |half: u8| DIGITS.get(usize::from(half));
    let hash = hash.finalize();
    let halves = hash.iter().take(16).flat_map(halves);
    halves.filter_map(digit).collect()
}

fn seconds(seconds: i64) -> Option<String> {
    let at: DateTime<Utc> = DateTime::from_timestamp(seconds, 0)?;
    Some(at.to_rfc3339_opts(SecondsFormat::Secs, true))
}
