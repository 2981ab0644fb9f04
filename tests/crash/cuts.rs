//! The future is dropped at every point where it waits.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use highwater::failover::apply;
use highwater::model::AttemptState;

use crate::scene::{COMBINATIONS, Kind, Scene, runtime};

/// Polls the future inside at most `left` times, then gives up on it.
struct Cut<F> {
    inner: Pin<Box<F>>,
    left: usize,
}

impl<F: Future> Future for Cut<F> {
    type Output = Option<F::Output>;
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        self.left -= 1;
        match self.inner.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            // At the last poll the cut is made at once: while what was begun is still under way.
            Poll::Pending if self.left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }
}

/// Where a run with a cut ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// It completed before the cut.
    Uncut,
    /// Nothing had been begun.
    Nothing,
    /// The attempt ended so.
    Attempt(AttemptState),
}

/// Cuts after `polls` polls, lets everything end, resumes and checks.
fn cut_at(kind: Kind, restart: bool, polls: usize) -> End {
    let scene = Scene::new(kind);
    let before = runtime();
    let completed = before.block_on(async {
        let store = scene.open().await;
        let consumer = scene.consumer(&store);
        let order = scene.order(&consumer, restart).await;
        let cut = Cut {
            inner: Box::pin(apply(&store, &consumer, order, |_| {})),
            left: polls,
        };
        cut.await
    });
    drop(before);
    if let Some(applied) = &completed {
        assert!(applied.as_ref().unwrap().is_complete());
    }
    runtime().block_on(async {
        let resumed = scene.resume().await.unwrap();
        let state = scene.check(restart).await;
        if let Some(resumed) = resumed {
            assert_eq!(Some(resumed.state), state);
            assert!(completed.is_none());
        }
        match state {
            _ if completed.is_some() => End::Uncut,
            None => End::Nothing,
            Some(state) => End::Attempt(state),
        }
    })
}

#[test]
fn cut_at_every_await() {
    for (kind, restart) in COMBINATIONS {
        let mut ends = Vec::new();
        for polls in 0.. {
            match cut_at(kind, restart, polls) {
                End::Uncut => break,
                end => ends.push(end),
            }
        }
        let count = |wanted| ends.iter().filter(|end| **end == wanted).count();
        assert!(
            count(End::Nothing) > 0,
            "{kind:?}: no cut came before the order"
        );
        assert!(
            count(End::Attempt(AttemptState::RolledBack)) > 2,
            "{kind:?}: {ends:?}"
        );
        assert!(
            count(End::Attempt(AttemptState::Done)) > 0,
            "{kind:?}: {ends:?}"
        );
    }
}
