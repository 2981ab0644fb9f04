//! Sends what the outbox holds: leased, sent, marked.
//!
//! # Decisions
//! - Deliveries to different targets go side by side; one that hangs is bounded by its channel's timeout, and the lease is
//!   longer than that.
//! - Where the mark cannot be written (a full disk), this process knows of the delivery and marks it when the lease is
//!   over. One that dies with that knowledge leaves it to be sent again, with the same Message-ID: once too often is better
//!   than never.

use std::sync::PoisonError;

use tokio::task::JoinSet;

use super::channels::{Outcome, deliver};
use super::decide::{self, Admitted};
use super::desk::Desk;
use crate::clock;
use crate::config::Channel;
use crate::model::{NoticeKind, UtcMs};
use crate::store::{LeasedDelivery, StoreError};

/// How many deliveries are under way at once.
const AT_ONCE: u32 = 8;
/// What a lease lasts beyond the longest timeout, in milliseconds.
const SPARE_MS: i64 = 30_000;

impl Desk {
    /// Sends what is due, at most a handful; how many deliveries were tried.
    pub async fn send_due(&self) -> Result<usize, StoreError> {
        let leased = self
            .store
            .lease_deliveries(clock::now(), self.longest_ms() + SPARE_MS, AT_ONCE)
            .await?;
        let tried = leased.len();
        let mut sending = JoinSet::new();
        for leased in leased {
            let desk = self.clone();
            sending.spawn(async move { desk.send(leased).await });
        }
        let mut failed = Ok(());
        while let Some(ended) = sending.join_next().await {
            match ended {
                Ok(result) => failed = failed.and(result),
                Err(panic) => {
                    tracing::error!("a delivery ended in a panic, it is tried again: {panic}");
                }
            }
        }
        failed.map(|()| tried)
    }

    async fn send(&self, leased: LeasedDelivery) -> Result<(), StoreError> {
        let delivery = &leased.delivery;
        let outcome = if self.is_unmarked(delivery.id) {
            Outcome::Taken
        } else {
            deliver(&self.settings.on_error, &delivery.target, &delivery.notice).await
        };
        let now = clock::now();
        let written = match outcome {
            Outcome::Taken => {
                self.set_unmarked(delivery.id, true);
                let marked = self.store.mark_sent(&leased, now).await?;
                self.set_unmarked(delivery.id, false);
                marked
            }
            Outcome::Later(why) => {
                let again = decide::after_failure(delivery.queued_at, delivery.tries, now);
                match again {
                    Some(again) => {
                        tracing::warn!(to = %delivery.target, "not delivered, again at {again}: {why}");
                    }
                    None => {
                        tracing::error!(to = %delivery.target, "not delivered for three days, given up: {why}");
                    }
                }
                self.store.mark_failed(&leased, &why, again, now).await?
            }
            Outcome::Refused(why) => {
                tracing::error!(
                    to = %delivery.target,
                    "refused for good: {why}; `highwater mail resend {}` tries it once more",
                    delivery.id
                );
                self.store.mark_failed(&leased, &why, None, now).await?
            }
        };
        if !written {
            tracing::warn!(to = %delivery.target, "the lease was over before the delivery was: it may come twice");
        }
        Ok(())
    }

    fn is_unmarked(&self, delivery: i64) -> bool {
        let unmarked = self.unmarked.lock();
        unmarked
            .unwrap_or_else(PoisonError::into_inner)
            .contains(&delivery)
    }

    fn set_unmarked(&self, delivery: i64, is: bool) {
        let mut unmarked = self.unmarked.lock().unwrap_or_else(PoisonError::into_inner);
        if is {
            unmarked.insert(delivery);
        } else {
            unmarked.remove(&delivery);
        }
    }

    /// Tells recipients who have room again what was held back.
    pub async fn tell_of_held_back(&self, now: UtcMs) -> Result<(), StoreError> {
        for held in self.store.held_back().await? {
            // An ordinary notice would go out: then there is room for the number as well.
            if self
                .admitted(NoticeKind::Repeated, &held.target, now)
                .await?
                == Admitted::HeldBack
            {
                continue;
            }
            let headline = format!("{} notices were held back", held.subjects.len());
            let mut content = self.empty(NoticeKind::HeldBack, headline, now);
            let most = self.settings.on_error.notices.most_per_hour;
            content.said = format!(
                "more than {most} an hour: notices.most_per_hour; these did not come one by one"
            );
            content.held_back = held.subjects;
            content.commands = vec!["highwater incidents".to_owned()];
            let addressed = self
                .addressed_to(&content, vec![held.target], None, now)
                .await?;
            if let Some(addressed) = addressed {
                self.store.tell_held_back(addressed, now).await?;
            }
        }
        Ok(())
    }

    /// The longest timeout of any channel, in milliseconds.
    fn longest_ms(&self) -> i64 {
        let on_error = &self.settings.on_error;
        let of_channels = on_error.channels.values().map(|channel| match channel {
            Channel::Mail(_) => on_error
                .mail
                .as_ref()
                .map_or_else(Default::default, |mail| mail.timeout),
            Channel::Webhook(hook) | Channel::Alertmanager(hook) => hook.timeout,
            Channel::Command(command) => command.timeout,
        });
        let longest = of_channels.max().unwrap_or_default();
        i64::try_from(longest.as_millis()).unwrap_or(i64::MAX / 2)
    }
}
