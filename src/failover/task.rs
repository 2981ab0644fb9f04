//! The failover task: reads what a decision needs, decides, and words the order that [`super::apply()`] carries out.

use super::apply::Order;
use super::decide::{self, FeedState, Reads, UndoInput, UndoRefused};
use super::error::FailoverError;
use super::gather::{Standing, dc_in_use, gather, probe, probe_all, standing, wanted};
use crate::clock;
use crate::config::{DcSettings, ResourceSettings, Settings};
use crate::model::{
    Ask, Attempt, AttemptKind, Chosen, DcFacts, DcName, HeldCursor, Plan, PollFailure, Switch,
    UtcMs,
};
use crate::store::{CursorSeen, Store};

/// How an order came, where it was typed.
const COMMAND_LINE: &str = "command line";

/// Reads the cursor, the evidence and every candidate, and makes the plan.
pub async fn plan(
    store: &Store,
    settings: &Settings,
    resource: &ResourceSettings,
    ask: Ask,
) -> Result<Plan, FailoverError> {
    plan_without(store, settings, resource, ask, None).await
}

/// The same where one DC is known to be down, and why: it is not asked once more, which takes as long as it hangs.
pub async fn plan_without(
    store: &Store,
    settings: &Settings,
    resource: &ResourceSettings,
    ask: Ask,
    down: Option<(DcName, PollFailure)>,
) -> Result<Plan, FailoverError> {
    let standing = note_standing(store, settings, resource, clock::now()).await?;
    let probes = probe_all(settings, resource, &ask, down).await;
    let input = gather(store, settings, resource, ask, standing, probes).await?;
    Ok(decide::decide(&input, clock::now()))
}

/// Reads where the resource's consumer stands and takes that down as seen: what [`plan`] does before it asks any DC.
pub async fn note_standing(
    store: &Store,
    settings: &Settings,
    resource: &ResourceSettings,
    now: UtcMs,
) -> Result<Standing, FailoverError> {
    let standing = standing(store, resource).await?;
    let cursor = &standing.cursor;
    let source = dc_in_use(settings, resource, cursor)?;
    let seen = CursorSeen {
        resource: resource.name.clone(),
        dc: Some(source.name.clone()),
        invocation_id: cursor.cursor.invocation_id,
        read_up_to: cursor.cursor.read_up_to(),
        seen_at: now,
    };
    store.note_cursor_seen(&seen).await?;
    Ok(standing)
}

/// The order for a plan's choice.
pub fn order(plan: &Plan, chosen: &Chosen, who: String) -> Result<Order, FailoverError> {
    let plan_json = serde_json::to_string(plan).map_err(FailoverError::Unwritable)?;
    Ok(Order {
        switch: chosen.switch.clone(),
        plan_json,
        plan_hash: plan.hash.clone(),
        kind: AttemptKind::Failover,
        who,
        channel: COMMAND_LINE.to_owned(),
    })
}

/// An undo, decided: the attempt it takes back and what is to be done.
#[derive(Debug, Clone)]
pub struct UndoPlan {
    /// The attempt it takes back.
    pub attempt: Attempt,
    /// What is to be done, or why not.
    pub switch: Result<Switch, UndoRefused>,
    /// Whether the old DC answered just now; `None` where it was not asked.
    pub answers: Option<bool>,
}

/// Decides how the newest failover of the resource is undone.
pub async fn plan_undo(
    store: &Store,
    settings: &Settings,
    resource: &ResourceSettings,
    restart: bool,
    allow_gap: bool,
) -> Result<UndoPlan, FailoverError> {
    let ask = async |back_to: &DcSettings| {
        let facts = probe(back_to, &wanted(resource)).await.ok();
        (facts, clock::now())
    };
    plan_undo_asking(store, settings, resource, restart, allow_gap, ask).await
}

/// The same; `ask` says what the old DC answers and what time it is then.
pub async fn plan_undo_asking(
    store: &Store,
    settings: &Settings,
    resource: &ResourceSettings,
    restart: bool,
    allow_gap: bool,
    ask: impl AsyncFnOnce(&DcSettings) -> (Option<DcFacts>, UtcMs),
) -> Result<UndoPlan, FailoverError> {
    let newest = store.newest_completed(&resource.name).await?;
    let attempt = newest
        .filter(|attempt| attempt.kind == AttemptKind::Failover)
        .ok_or_else(|| FailoverError::NothingToUndo(resource.name.clone()))?;
    let done = attempt.orders.clone();
    let back_to = dc_in_use(settings, resource, &done.expected)?;
    let lives = store.incarnations(&back_to.name).await?;
    let sound = decide::on_record(
        &back_to.name,
        &lives,
        done.expected.cursor.invocation_id,
        attempt.made_at,
    );
    if let Err(refused) = sound {
        let switch = Err(refused);
        return Ok(UndoPlan {
            attempt,
            switch,
            answers: None,
        });
    }
    let Standing { cursor, feed } = standing(store, resource).await?;
    let knowledge = match &feed {
        Some(feed) => Some(feed.knowledge(&cursor, &done.to)),
        None => store.knowledge(&resource.name).await?,
    };
    let (facts, now) = ask(back_to).await;
    let input = UndoInput {
        back_to: back_to.name.clone(),
        knowledge,
        reads: reads(resource, feed.as_ref(), &cursor),
        cursor,
        incarnation: match lives.as_slice() {
            [only] => Some(only.invocation_id),
            _ => None,
        },
        facts,
        done,
        allow_gap,
        restart,
    };
    Ok(UndoPlan {
        switch: decide::undo(&input, now),
        attempt,
        answers: Some(input.facts.is_some()),
    })
}

fn reads(resource: &ResourceSettings, feed: Option<&FeedState>, cursor: &HeldCursor) -> Reads {
    match feed {
        _ if !resource.consumer.position.has_usns() => Reads::AllAnywhere,
        Some(feed) if feed.begins_anew(cursor).is_some() => Reads::AllAnywhere,
        Some(_) if decide::reads_all(cursor) => Reads::AllHere,
        _ => Reads::Changes,
    }
}

/// The order for an undo.
pub fn undo_order(undone: &Attempt, switch: Switch, who: String) -> Order {
    Order {
        switch,
        plan_json: serde_json::json!({ "undo_of": undone.id }).to_string(),
        plan_hash: undone.plan_hash.clone(),
        kind: AttemptKind::Undo,
        who,
        channel: COMMAND_LINE.to_owned(),
    }
}
