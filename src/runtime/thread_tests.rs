#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::on_own_thread;

#[tokio::test]
async fn work_has_a_thread_of_its_name_and_gives_its_result() {
    let here = std::thread::current().id();
    let there = on_own_thread("feed", async {
        tokio::task::yield_now().await;
        let thread = std::thread::current();
        (thread.id(), thread.name().map(str::to_owned))
    });
    let (id, name) = there.await.unwrap();
    assert_ne!(id, here);
    assert_eq!(name.as_deref(), Some("feed"));
}

#[tokio::test]
async fn its_panic_is_one_of_whoever_waits() {
    let waiting = tokio::spawn(on_own_thread("feed", async { panic!("of its own") }));
    let end: Result<std::io::Result<()>, _> = waiting.await;
    let panic = end.unwrap_err().into_panic();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"of its own"));
}

#[tokio::test]
async fn work_that_nobody_waits_for_ends() {
    let dropped = CancellationToken::new();
    let guard = dropped.clone().drop_guard();
    let work = on_own_thread("feed", async move {
        let _guard = guard;
        std::future::pending::<()>().await;
    });
    let waiting = tokio::spawn(work);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!dropped.is_cancelled());
    waiting.abort();
    let ended = tokio::time::timeout(Duration::from_secs(10), dropped.cancelled());
    ended.await.unwrap();
}
