//! The outbox of notices: queued with what they tell of, leased, sent, marked.
//!
//! # Decisions
//! - A lease that ran out is anybody's: what a killed process was sending is sent again, with the same Message-ID.
//! - Times beyond what any pause or lease can be come from a clock that was set back since: they bind nobody, else a mail
//!   would wait until the clock has caught up.
//! - Of what is due for one target the oldest goes first, alone, and within a thread a mail waits for the one before it,
//!   for an hour at most: nobody reads that it is over before they read what.
//! - An outcome is written only while the lease is one's own, so a slow sender does not overwrite a quicker one's.

use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::{coded, maybe_time, time};
use crate::model::{Delivery, DeliveryState, Notice, NoticeKind, Target, UtcMs};
use crate::store::cursors::{from_json, to_json};
use crate::store::{Store, StoreError, values};

/// What may be taken at ?1 by who leases for ?2 milliseconds. No pause is longer than 30 minutes, and another process's
/// lease may be longer than ours by less than an hour.
const DUE: &str = "state = 'queued' AND (due_at <= ?1 OR queued_at > ?1 OR due_at > ?1 + 1800000) \
                   AND (leased_until <= ?1 OR leased_until > ?1 + ?2 + 3600000) AND NOT EXISTS \
                   (SELECT 1 FROM mail_outbox e JOIN notice en ON en.id = e.notice_id, notice n \
                   WHERE n.id = mail_outbox.notice_id AND e.state = 'queued' AND e.id < mail_outbox.id \
                   AND e.channel = mail_outbox.channel AND e.recipient = mail_outbox.recipient \
                   AND coalesce(en.thread, en.message_id) = coalesce(n.thread, n.message_id) \
                   AND e.queued_at > ?1 - 3600000)";

/// A notice and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addressed {
    /// The notice.
    pub notice: Notice,
    /// Where it goes.
    pub targets: Vec<Target>,
    /// Where it would go, but for the cap.
    pub held_back: Vec<Target>,
}

/// A delivery that is ours until the lease ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeasedDelivery {
    /// The delivery.
    pub delivery: Delivery,
    /// When the lease ends; it is also the mark of whose it is.
    pub until: UtcMs,
}

/// What is held back for one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldBackFor {
    /// The target.
    pub target: Target,
    /// The subjects, oldest first.
    pub subjects: Vec<String>,
}

/// What the outbox holds that was not delivered.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct OutboxState {
    /// Deliveries that are due, or will be.
    pub queued: u64,
    /// When the oldest of them was queued.
    pub oldest: Option<UtcMs>,
    /// What went wrong last with the oldest that was tried.
    pub problem: Option<String>,
    /// Deliveries above their recipient's cap.
    pub held_back: u64,
    /// Deliveries that were refused for good.
    pub dead: u64,
}

impl Store {
    /// What was not delivered, counted.
    pub async fn outbox_state(&self) -> Result<OutboxState, StoreError> {
        self.read(|tx| {
            let counted = tx
                .prepare_cached(
                    "SELECT count(*) FILTER (WHERE state = 'queued'), min(queued_at) FILTER (WHERE state = 'queued'), \
                     count(*) FILTER (WHERE state = 'held_back'), count(*) FILTER (WHERE state = 'dead') \
                     FROM mail_outbox WHERE state IN ('queued', 'held_back', 'dead')",
                )?
                .query_row([], |row| {
                    Ok((row.get(0)?, maybe_time(row, 1), row.get(2)?, row.get(3)?))
                })?;
            let (queued, oldest, held_back, dead) = counted;
            let problem: Option<String> = tx
                .prepare_cached(
                    "SELECT problem FROM mail_outbox WHERE state = 'queued' AND problem IS NOT NULL ORDER BY id LIMIT 1",
                )?
                .query_row([], |row| row.get(0))
                .optional()?;
            Ok(OutboxState {
                queued: values::count("mail_outbox", queued)?,
                oldest: oldest?,
                problem,
                held_back: values::count("mail_outbox", held_back)?,
                dead: values::count("mail_outbox", dead)?,
            })
        })
        .await
    }

    /// Queues a notice that belongs to no change of state.
    pub async fn queue_notice(&self, notice: Addressed) -> Result<(), StoreError> {
        self.write(move |tx| queue_in(tx, None, &notice)).await
    }

    /// Queues a notice that tells of what was held back for its targets, and takes that as told.
    pub async fn tell_held_back(&self, notice: Addressed, at: UtcMs) -> Result<(), StoreError> {
        self.write(move |tx| {
            for target in &notice.targets {
                tx.execute(
                    "UPDATE mail_outbox SET state = 'sent', ended_at = ?3, problem = 'told as a number' \
                     WHERE channel = ?1 AND recipient = ?2 AND state = 'held_back'",
                    params![target.channel, target.recipient, at.as_millis()],
                )?;
            }
            queue_in(tx, None, &notice)
        })
        .await
    }

    /// Takes deliveries that are due, one for each target and at most `limit`, for `lease_ms` from `now`.
    pub async fn lease_deliveries(
        &self,
        now: UtcMs,
        lease_ms: i64,
        limit: u32,
    ) -> Result<Vec<LeasedDelivery>, StoreError> {
        // Most looks find nothing, and a look needs no write lock.
        let due = self
            .read(move |tx| {
                let mut query =
                    tx.prepare_cached(&format!("SELECT 1 FROM mail_outbox WHERE {DUE}"))?;
                Ok(query.exists(params![now.as_millis(), lease_ms])?)
            })
            .await?;
        if !due {
            return Ok(Vec::new());
        }
        self.write(move |tx| {
            let until = now.plus_ms(lease_ms);
            let ids: Vec<i64> = tx
                .prepare_cached(&format!(
                    "SELECT min(id) FROM mail_outbox WHERE {DUE} GROUP BY channel, recipient ORDER BY 1 LIMIT ?3"
                ))?
                .query_map(params![now.as_millis(), lease_ms, limit], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            let mut leased = Vec::new();
            for id in ids {
                tx.execute(
                    "UPDATE mail_outbox SET leased_until = ?2, tries = tries + 1 WHERE id = ?1",
                    params![id, until.as_millis()],
                )?;
                let delivery = load(tx, "WHERE o.id = ?1", &[&id])?.pop();
                leased.extend(delivery.map(|delivery| LeasedDelivery { delivery, until }));
            }
            Ok(leased)
        })
        .await
    }

    /// Writes down that a delivery was taken, and that what waits for another try at its target need not wait longer;
    /// `false` where the lease is another's by now.
    pub async fn mark_sent(&self, leased: &LeasedDelivery, at: UtcMs) -> Result<bool, StoreError> {
        self.end_lease(leased, DeliveryState::Sent, None, at).await
    }

    /// Writes down that a delivery failed: tried again at `again`, or a dead letter where there is none.
    pub async fn mark_failed(
        &self,
        leased: &LeasedDelivery,
        problem: &str,
        again: Option<UtcMs>,
        at: UtcMs,
    ) -> Result<bool, StoreError> {
        let Some(again) = again else {
            let problem = Some(problem.to_owned());
            return self
                .end_lease(leased, DeliveryState::Dead, problem, at)
                .await;
        };
        let (id, until) = (leased.delivery.id, leased.until);
        let problem = problem.to_owned();
        self.write(move |tx| {
            let changed = tx.execute(
                // By a clock that was set back it was queued in the future; the pause is by the present one.
                "UPDATE mail_outbox SET due_at = ?3, leased_until = 0, problem = ?4, queued_at = min(queued_at, ?5) \
                 WHERE id = ?1 AND leased_until = ?2 AND state = 'queued'",
                params![
                    id,
                    until.as_millis(),
                    again.as_millis(),
                    problem,
                    at.as_millis()
                ],
            )?;
            Ok(changed == 1)
        })
        .await
    }

    async fn end_lease(
        &self,
        leased: &LeasedDelivery,
        state: DeliveryState,
        problem: Option<String>,
        at: UtcMs,
    ) -> Result<bool, StoreError> {
        let (id, until) = (leased.delivery.id, leased.until);
        let target = leased.delivery.target.clone();
        self.write(move |tx| {
            if state == DeliveryState::Sent {
                tx.execute(
                    "UPDATE mail_outbox SET due_at = ?3 WHERE channel = ?1 AND recipient = ?2 AND state = 'queued' \
                     AND due_at > ?3",
                    params![target.channel, target.recipient, at.as_millis()],
                )?;
            }
            let changed = tx.execute(
                "UPDATE mail_outbox SET state = ?3, problem = coalesce(?4, problem), ended_at = ?5, leased_until = 0 \
                 WHERE id = ?1 AND leased_until = ?2 AND state = 'queued'",
                params![id, until.as_millis(), state.code(), problem, at.as_millis()],
            )?;
            Ok(changed == 1)
        })
        .await
    }

    /// How many deliveries to a target were queued at `since` or later and not held back.
    pub async fn deliveries_since(&self, target: &Target, since: UtcMs) -> Result<u32, StoreError> {
        let target = target.clone();
        self.read(move |tx| {
            let n = tx
                .prepare_cached(
                    "SELECT count(*) FROM mail_outbox WHERE channel = ?1 AND recipient = ?2 AND queued_at >= ?3 \
                     AND state <> 'held_back' AND problem IS NOT 'told as a number'",
                )?
                .query_row(
                    params![target.channel, target.recipient, since.as_millis()],
                    |row| row.get(0),
                )?;
            values::count("mail_outbox", n)
        })
        .await
    }

    /// What is held back, by target.
    pub async fn held_back(&self) -> Result<Vec<HeldBackFor>, StoreError> {
        self.read(|tx| {
            let mut found: Vec<HeldBackFor> = Vec::new();
            for delivery in load(
                tx,
                "WHERE o.state = 'held_back' ORDER BY o.channel, o.recipient, o.id",
                &[],
            )? {
                match found.last_mut() {
                    Some(last) if last.target == delivery.target => {
                        last.subjects.push(delivery.notice.subject);
                    }
                    _ => found.push(HeldBackFor {
                        target: delivery.target,
                        subjects: vec![delivery.notice.subject],
                    }),
                }
            }
            Ok(found)
        })
        .await
    }

    /// The deliveries in these states, newest first, at most `limit`.
    pub async fn deliveries(
        &self,
        state: DeliveryState,
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreError> {
        self.read(move |tx| {
            load(
                tx,
                "WHERE o.state = ?1 ORDER BY o.id DESC LIMIT ?2",
                &[&state.code(), &limit],
            )
        })
        .await
    }

    /// Queues dead letters again, one or all, with the Message-ID they had; how many there were.
    pub async fn resend_deliveries(&self, id: Option<i64>, at: UtcMs) -> Result<usize, StoreError> {
        self.write(move |tx| {
            let changed = tx.execute(
                "UPDATE mail_outbox SET state = 'queued', due_at = ?2, queued_at = ?2, leased_until = 0, tries = 0, \
                 ended_at = NULL WHERE state = 'dead' AND (?1 IS NULL OR id = ?1)",
                params![id, at.as_millis()],
            )?;
            Ok(changed)
        })
        .await
    }
}

/// Queues a notice for all its targets, inside a transaction. One of this Message-ID that is there already is kept.
pub(super) fn queue_in(
    tx: &Transaction<'_>,
    incident: Option<i64>,
    addressed: &Addressed,
) -> Result<(), StoreError> {
    let notice = &addressed.notice;
    let id: Option<i64> = tx
        .prepare_cached(
            "INSERT INTO notice (incident_id, kind, at, message_id, thread, subject, body_text, body_html, data) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (message_id) DO NOTHING RETURNING id",
        )?
        .query_row(
            params![
                incident,
                notice.kind.code(),
                notice.at.as_millis(),
                notice.message_id,
                notice.thread,
                notice.subject,
                notice.text,
                notice.html,
                to_json(&notice.data)?,
            ],
            |row| row.get(0),
        )
        .optional()?;
    let Some(id) = id else {
        return Ok(());
    };
    let queued = addressed
        .targets
        .iter()
        .map(|target| (target, DeliveryState::Queued));
    let held = addressed
        .held_back
        .iter()
        .map(|target| (target, DeliveryState::HeldBack));
    for (target, state) in queued.chain(held) {
        // What waits for another try is news again, and goes before this.
        tx.prepare_cached(
            "UPDATE mail_outbox SET due_at = ?3 WHERE channel = ?1 AND recipient = ?2 AND state = 'queued' AND due_at > ?3",
        )?
        .execute(params![target.channel, target.recipient, notice.at.as_millis()])?;
        tx.prepare_cached(
            "INSERT INTO mail_outbox (notice_id, channel, recipient, state, queued_at, due_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?5)",
        )?
        .execute(params![
            id,
            target.channel,
            target.recipient,
            state.code(),
            notice.at.as_millis()
        ])?;
    }
    Ok(())
}

fn load(
    tx: &Transaction<'_>,
    condition: &str,
    bound: &[&dyn rusqlite::ToSql],
) -> Result<Vec<Delivery>, StoreError> {
    let sql = format!(
        "SELECT o.id, o.channel, o.recipient, o.state, o.tries, o.queued_at, o.problem, n.kind, n.at, n.message_id, \
         n.thread, n.subject, n.body_text, n.body_html, n.data FROM mail_outbox o JOIN notice n ON n.id = o.notice_id \
         {condition}"
    );
    tx.prepare_cached(&sql)?
        .query_and_then(bound, delivery)?
        .collect()
}

fn delivery(row: &Row<'_>) -> Result<Delivery, StoreError> {
    let (state, kind): (String, String) = (row.get(3)?, row.get(7)?);
    Ok(Delivery {
        id: row.get(0)?,
        target: Target {
            channel: row.get(1)?,
            recipient: row.get(2)?,
        },
        state: coded(
            "mail_outbox.state",
            DeliveryState::ALL,
            DeliveryState::code,
            &state,
        )?,
        tries: row.get(4)?,
        queued_at: maybe_time(row, 5)?.unwrap_or(UtcMs::from_millis(0)),
        problem: row.get(6)?,
        notice: Notice {
            kind: coded("notice.kind", NoticeKind::ALL, NoticeKind::code, &kind)?,
            at: time(row, 8)?,
            message_id: row.get(9)?,
            thread: row.get(10)?,
            subject: row.get(11)?,
            text: row.get(12)?,
            html: row.get(13)?,
            data: from_json("notice.data", &row.get::<_, String>(14)?)?,
        },
    })
}

#[cfg(test)]
impl Store {
    /// A store that does not wait for another process's write, for tests of what then happens.
    pub(crate) async fn open_impatient(path: &std::path::Path) -> Result<Self, StoreError> {
        let tuning = crate::store::open::Tuning {
            busy: std::time::Duration::from_millis(10),
            max_pages: None,
        };
        Self::open_tuned(path, tuning).await
    }

    /// What waits is due, whoever has it leased: as after hours, for tests that have none.
    pub(crate) async fn make_everything_due(&self) {
        let done = self
            .write(|tx| Ok(tx.execute("UPDATE mail_outbox SET due_at = 0, leased_until = 0", [])?));
        drop(done.await);
    }
}
