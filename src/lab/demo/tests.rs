//! The demonstration shows what it claims.

#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn the_vector_start_misses_nothing_and_no_replication_time_does() {
    let mut said = 0;
    let report = run(7, |_| said += 1).await.unwrap();
    assert!(said >= 4, "{said}");
    assert!(report.vector_missed_nothing(), "{report:#?}");
    let row = |means| {
        let mut rows = report.rows.iter().filter(move |row| row.means == means);
        rows.next().unwrap()
    };
    // Not every run loses something by a bound of 0, but the bound the lag proves never does.
    let honest = row(Means::TimeHonest);
    assert_eq!(honest.missed, Some(0), "{honest:?}");
    let read = |means| row(means).tally.read;
    assert!(read(Means::TimeNone) <= read(Means::TimeHonest));
    assert!(read(Means::TimeHonest) <= read(Means::TimeGenerous));
    assert!(read(Means::Vector) <= read(Means::TimeGenerous));
}
