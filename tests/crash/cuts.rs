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

/// Cuts after `polls` polls, lets everything end, resumes and checks. `None` once it completed before the cut.
fn cut_at(kind: Kind, restart: bool, polls: usize) -> Option<Option<AttemptState>> {
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
        completed.is_none().then_some(state)
    })
}

#[test]
fn cut_at_every_await() {
    for (kind, restart) in COMBINATIONS {
        let mut ends = Vec::new();
        for polls in 0.. {
            match cut_at(kind, restart, polls) {
                Some(state) => ends.push(state),
                None => break,
            }
        }
        let count = |wanted| ends.iter().filter(|state| **state == wanted).count();
        assert!(count(None) > 0, "{kind:?}: no cut came before the order");
        assert!(
            count(Some(AttemptState::RolledBack)) > 2,
            "{kind:?}: {ends:?}"
        );
        assert!(count(Some(AttemptState::Done)) > 0, "{kind:?}: {ends:?}");
    }
}
