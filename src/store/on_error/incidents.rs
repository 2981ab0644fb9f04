//! Incidents: opened by the first failure, changed with what tells of it, resolved once.

use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::outbox::{Addressed, queue_in};
use super::{coded, failures, maybe_time, time};
use crate::model::{
    DcName, Failure, Incident, IncidentEvent, Outcome, ResourceName, Stance, UtcMs, Verdicted,
};
use crate::store::cursors::{from_json, parsed, to_json};
use crate::store::{Store, StoreError, values};

/// What became of a failure that was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It opened this incident.
    Opened(i64),
    /// It belongs to this incident, which was open.
    Joined(i64),
    /// Its resource names no process, or has left the DC that failed: it is on record, and that is all.
    Recorded,
    /// It had been looked at before.
    Already,
}

/// That an incident was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldAs {
    /// What its errors said then.
    pub outcome: Outcome,
    /// The channels it was told on.
    pub channels: Vec<String>,
    /// The Message-ID that later mails hang on, where it has none yet; `None` where nobody was to be told.
    pub thread: Option<String>,
}

/// When an incident had been told last, as it was read: a change that rests on that is made only while it is so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenTold(pub Option<UtcMs>);

/// A change of one incident, with what is written along with it.
#[derive(Debug, Clone, Default)]
pub struct IncidentChange {
    /// How it stands now.
    pub stance: Option<Stance>,
    /// What happened.
    pub event: Option<String>,
    /// Nothing is changed where it has been told since; somebody else's word may have come in between.
    pub only_if: Option<SeenTold>,
    /// It was told, by the notices that go with this.
    pub told: Option<ToldAs>,
    /// Who acknowledged it.
    pub acknowledged_by: Option<String>,
    /// How it ended.
    pub resolution: Option<String>,
    /// What is told, and to whom.
    pub notices: Vec<Addressed>,
}

impl Store {
    /// Takes down what the rules made of a failure: it joins the resource's open incident or opens one. Where no process
    /// is to hear of it it is recorded only.
    pub async fn take_failure(
        &self,
        failure: &Failure,
        verdict: &Verdicted,
        is_ours: bool,
        dc: Option<DcName>,
        at: UtcMs,
    ) -> Result<Taken, StoreError> {
        let (failure, verdict) = (failure.clone(), verdict.clone());
        self.write(move |tx| {
            if !is_ours {
                let judged = failures::judge_in(tx, failure.id, &verdict, None)?;
                return Ok(if judged {
                    Taken::Recorded
                } else {
                    Taken::Already
                });
            }
            let open: Option<i64> = tx
                .prepare_cached(
                    "SELECT id FROM incident WHERE resource = ?1 AND resolved_at IS NULL",
                )?
                .query_row([failure.resource.as_str()], |row| row.get(0))
                .optional()?;
            let incident = match open {
                Some(id) => id,
                None => open_in(tx, &failure, &verdict, dc.as_ref())?,
            };
            if !failures::judge_in(tx, failure.id, &verdict, Some(incident))? {
                // Rolling back would be an error to the caller; an incident without failures is worse.
                if open.is_none() {
                    tx.execute(
                        "DELETE FROM incident_event WHERE incident_id = ?1",
                        [incident],
                    )?;
                    tx.execute("DELETE FROM incident WHERE id = ?1", [incident])?;
                }
                return Ok(Taken::Already);
            }
            if open.is_none() {
                return Ok(Taken::Opened(incident));
            }
            join_in(tx, incident, &failure, &verdict, at)?;
            Ok(Taken::Joined(incident))
        })
        .await
    }

    /// Changes an open incident; `false`, and nothing written, where it is not open.
    pub async fn change_incident(
        &self,
        id: i64,
        change: IncidentChange,
        at: UtcMs,
    ) -> Result<bool, StoreError> {
        let mut all = self
            .change_incidents(vec![(id, change)], Vec::new(), at)
            .await?;
        Ok(all.pop() == Some(true))
    }

    /// Changes several open incidents and queues what tells of all of them, in one transaction; for each whether it was
    /// open. Where none was, nothing is queued; where one has been told since it was read, nothing is done at all.
    pub async fn change_incidents(
        &self,
        changes: Vec<(i64, IncidentChange)>,
        notices: Vec<Addressed>,
        at: UtcMs,
    ) -> Result<Vec<bool>, StoreError> {
        self.write(move |tx| {
            for (id, change) in &changes {
                if !is_as_seen(tx, *id, change.only_if)? {
                    return Ok(vec![false; changes.len()]);
                }
            }
            let mut done = Vec::new();
            for (id, change) in &changes {
                done.push(change_in(tx, *id, change, at)?);
            }
            if done.contains(&true) {
                for notice in &notices {
                    queue_in(tx, changes.first().map(|(id, _)| *id), notice)?;
                }
            }
            Ok(done)
        })
        .await
    }

    /// The open incidents, oldest first, with their events.
    pub async fn open_incidents(&self) -> Result<Vec<Incident>, StoreError> {
        self.read(|tx| load(tx, "WHERE resolved_at IS NULL ORDER BY id", &[]))
            .await
    }

    /// The newest incidents, newest first, of one resource or all.
    pub async fn incidents(
        &self,
        resource: Option<&ResourceName>,
        limit: u32,
    ) -> Result<Vec<Incident>, StoreError> {
        let resource = resource.map(ToString::to_string);
        self.read(move |tx| match &resource {
            Some(resource) => load(
                tx,
                "WHERE resource = ?1 ORDER BY id DESC LIMIT ?2",
                &[resource, &limit],
            ),
            None => load(tx, "ORDER BY id DESC LIMIT ?1", &[&limit]),
        })
        .await
    }

    /// One incident.
    pub async fn incident(&self, id: i64) -> Result<Option<Incident>, StoreError> {
        self.read(move |tx| Ok(load(tx, "WHERE id = ?1", &[&id])?.pop()))
            .await
    }

    /// Acknowledges an incident, open or over: nothing repeats, and the hold after its failover ends. `false` where
    /// there is none.
    pub async fn acknowledge_incident(
        &self,
        id: i64,
        by: &str,
        at: UtcMs,
    ) -> Result<bool, StoreError> {
        let by = by.to_owned();
        self.write(move |tx| {
            let changed = tx.execute(
                "UPDATE incident SET acknowledged_by = ?2, acknowledged_at = ?3 WHERE id = ?1",
                params![id, by, at.as_millis()],
            )?;
            if changed == 1 {
                add_event(tx, id, at, &format!("acknowledged by {by}"))?;
            }
            Ok(changed == 1)
        })
        .await
    }

    /// When an incident of the resource was last acknowledged.
    pub async fn newest_acknowledgement(
        &self,
        resource: &ResourceName,
    ) -> Result<Option<UtcMs>, StoreError> {
        let resource = resource.clone();
        self.read(move |tx| {
            let newest: Option<i64> = tx
                .prepare_cached("SELECT max(acknowledged_at) FROM incident WHERE resource = ?1")?
                .query_row([resource.as_str()], |row| row.get(0))?;
            Ok(newest.map(UtcMs::from_millis))
        })
        .await
    }
}

fn open_in(
    tx: &Transaction<'_>,
    failure: &Failure,
    verdict: &Verdicted,
    dc: Option<&DcName>,
) -> Result<i64, StoreError> {
    tx.execute(
        "INSERT INTO incident (resource, opened_at, failure_timestamp, outcome, rule, dc, failures, last_failure_at, \
         told_to) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1, ?2, '[]')",
        params![
            failure.resource.as_str(),
            failure.at.as_millis(),
            failure.failure_timestamp.map(UtcMs::as_millis),
            verdict.outcome.code(),
            verdict.rule,
            dc.map(DcName::as_str),
        ],
    )?;
    let id = tx.last_insert_rowid();
    let text = format!(
        "opened by a failure that {} reported: {}",
        failure.source,
        named(verdict)
    );
    add_event(tx, id, failure.at, &text)?;
    Ok(id)
}

fn named(verdict: &Verdicted) -> String {
    match &verdict.rule {
        Some(rule) => format!("{} (rule {rule})", verdict.outcome),
        None => format!("{} (no rule knows it)", verdict.outcome),
    }
}

fn join_in(
    tx: &Transaction<'_>,
    id: i64,
    failure: &Failure,
    verdict: &Verdicted,
    at: UtcMs,
) -> Result<(), StoreError> {
    let before: String =
        tx.query_row("SELECT outcome FROM incident WHERE id = ?1", [id], |row| {
            row.get(0)
        })?;
    tx.execute(
        "UPDATE incident SET failures = failures + 1, last_failure_at = max(last_failure_at, ?2), outcome = ?3, \
         rule = ?4 WHERE id = ?1",
        params![id, failure.at.as_millis(), verdict.outcome.code(), verdict.rule],
    )?;
    if before != verdict.outcome.code() {
        add_event(
            tx,
            id,
            at,
            &format!("the errors now say {}", named(verdict)),
        )?;
    }
    Ok(())
}

/// Whether an incident was not told since it was read.
pub(super) fn is_as_seen(
    tx: &Transaction<'_>,
    id: i64,
    seen: Option<SeenTold>,
) -> Result<bool, StoreError> {
    let Some(SeenTold(told_at)) = seen else {
        return Ok(true);
    };
    let as_seen = tx
        .prepare_cached("SELECT 1 FROM incident WHERE id = ?1 AND told_at IS ?2")?
        .exists(params![id, told_at.map(UtcMs::as_millis)])?;
    Ok(as_seen)
}

pub(super) fn change_in(
    tx: &Transaction<'_>,
    id: i64,
    change: &IncidentChange,
    at: UtcMs,
) -> Result<bool, StoreError> {
    let is_open = tx
        .prepare_cached("SELECT 1 FROM incident WHERE id = ?1 AND resolved_at IS NULL")?
        .exists([id])?;
    if !is_open {
        return Ok(false);
    }
    if let Some(stance) = &change.stance {
        tx.execute(
            "UPDATE incident SET stance = ?2 WHERE id = ?1",
            params![id, to_json(stance)?],
        )?;
    }
    if let Some(told) = &change.told {
        told_in(tx, id, told, at)?;
    }
    if let Some(by) = &change.acknowledged_by {
        tx.execute(
            "UPDATE incident SET acknowledged_by = ?2, acknowledged_at = ?3 WHERE id = ?1",
            params![id, by, at.as_millis()],
        )?;
    }
    if let Some(text) = &change.event {
        add_event(tx, id, at, text)?;
    }
    if let Some(resolution) = &change.resolution {
        tx.execute(
            "UPDATE incident SET resolved_at = ?2, resolution = ?3 WHERE id = ?1",
            params![id, at.as_millis(), resolution],
        )?;
        add_event(tx, id, at, &format!("resolved: {resolution}"))?;
    }
    for notice in &change.notices {
        queue_in(tx, Some(id), notice)?;
    }
    Ok(true)
}

/// Takes down that an incident was told.
pub(super) fn told_in(
    tx: &Transaction<'_>,
    id: i64,
    told: &ToldAs,
    at: UtcMs,
) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE incident SET told_at = ?2, told_as = ?3, told_to = ?4, thread = coalesce(thread, ?5) WHERE id = ?1",
        params![
            id,
            at.as_millis(),
            told.outcome.code(),
            to_json(&told.channels)?,
            told.thread
        ],
    )?;
    Ok(())
}

/// Adds what happened, without asking whether the incident is open.
pub(super) fn add_event(
    tx: &Transaction<'_>,
    incident: i64,
    at: UtcMs,
    text: &str,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO incident_event (incident_id, seq, at, text) SELECT ?1, \
         (SELECT coalesce(max(seq), 0) + 1 FROM incident_event WHERE incident_id = ?1), ?2, ?3",
        params![incident, at.as_millis(), text],
    )?;
    Ok(())
}

fn load(
    tx: &Transaction<'_>,
    condition: &str,
    bound: &[&dyn rusqlite::ToSql],
) -> Result<Vec<Incident>, StoreError> {
    let sql = format!(
        "SELECT id, resource, opened_at, failure_timestamp, outcome, rule, dc, failures, last_failure_at, stance, \
         acknowledged_by, acknowledged_at, thread, told_at, told_as, told_to, resolved_at, resolution FROM incident \
         {condition}"
    );
    let mut query = tx.prepare_cached(&sql)?;
    let found: Result<Vec<Incident>, StoreError> = query.query_and_then(bound, incident)?.collect();
    let mut found = found?;
    for one in &mut found {
        one.events = events(tx, one.id)?;
    }
    Ok(found)
}

fn incident(row: &Row<'_>) -> Result<Incident, StoreError> {
    let outcome = |code: &str| coded("incident.outcome", Outcome::ALL, Outcome::code, code);
    let dc: Option<String> = row.get(6)?;
    let stance: Option<String> = row.get(9)?;
    let told_as: Option<String> = row.get(14)?;
    Ok(Incident {
        id: row.get(0)?,
        resource: parsed("incident.resource", &row.get::<_, String>(1)?)?,
        opened_at: time(row, 2)?,
        failure_timestamp: maybe_time(row, 3)?,
        outcome: outcome(&row.get::<_, String>(4)?)?,
        rule: row.get(5)?,
        dc: dc.map(|dc| parsed("incident.dc", &dc)).transpose()?,
        failures: values::count("incident.failures", row.get(7)?)?,
        last_failure_at: time(row, 8)?,
        stance: stance
            .map(|stance| from_json("incident.stance", &stance))
            .transpose()?,
        acknowledged_by: row.get(10)?,
        acknowledged_at: maybe_time(row, 11)?,
        thread: row.get(12)?,
        told_at: maybe_time(row, 13)?,
        told_as: told_as.map(|code| outcome(&code)).transpose()?,
        told_to: from_json("incident.told_to", &row.get::<_, String>(15)?)?,
        resolved_at: maybe_time(row, 16)?,
        resolution: row.get(17)?,
        events: Vec::new(),
    })
}

fn events(tx: &Transaction<'_>, incident: i64) -> Result<Vec<IncidentEvent>, StoreError> {
    tx.prepare_cached("SELECT at, text FROM incident_event WHERE incident_id = ?1 ORDER BY seq")?
        .query_and_then([incident], |row| {
            Ok(IncidentEvent {
                at: time(row, 0)?,
                text: row.get(1)?,
            })
        })?
        .collect()
}
