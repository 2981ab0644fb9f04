//! Each write is kept or undone by itself, and answered with what became of it.
#![expect(clippy::panic, clippy::unwrap_used, reason = "tests")]

use tempfile::TempDir;
use tokio::sync::oneshot::Receiver;

use super::*;

type Answered = Receiver<Result<i64, StoreError>>;

/// A file with a table of numbers, whose parents are looked for at the commit alone.
fn numbers() -> (TempDir, Connection) {
    let folder = tempfile::tempdir().unwrap();
    let connection = Connection::open(folder.path().join("numbers.db")).unwrap();
    connection
        .execute_batch(
            "PRAGMA foreign_keys = ON; CREATE TABLE number (n INTEGER PRIMARY KEY, filler BLOB, \
             parent INTEGER REFERENCES number DEFERRABLE INITIALLY DEFERRED)",
        )
        .unwrap();
    (folder, connection)
}

fn kept(connection: &Connection) -> Vec<i64> {
    let mut query = connection
        .prepare("SELECT n FROM number ORDER BY n")
        .unwrap();
    let rows = query.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

fn insert(
    tx: &Transaction<'_>,
    n: i64,
    bytes: i64,
    parent: Option<i64>,
) -> Result<i64, StoreError> {
    tx.execute(
        "INSERT INTO number VALUES (?1, zeroblob(?2), ?3)",
        (n, bytes, parent),
    )?;
    Ok(n)
}

fn part<F>(job: F) -> (Box<dyn Part>, Answered)
where
    F: FnOnce(&Transaction<'_>) -> Result<i64, StoreError> + Send + 'static,
{
    let (part, answered) = Asked::new(job);
    (Box::new(part), answered)
}

#[test]
fn a_failed_or_panicking_write_takes_nothing_from_the_others() {
    let (_folder, mut connection) = numbers();
    let (parts, mut answers): (Vec<_>, Vec<_>) = [
        part(|tx| insert(tx, 1, 0, None)),
        part(|tx| {
            insert(tx, 2, 0, None)?;
            Err(StoreError::Unreadable("no good".to_owned()))
        }),
        part(|tx| insert(tx, 3, 0, None)),
        part(|tx| {
            insert(tx, 4, 0, None)?;
            panic!("a defect")
        }),
        part(|tx| insert(tx, 5, 0, None)),
    ]
    .into_iter()
    .unzip();
    commit_together(&mut connection, parts);
    assert_eq!(kept(&connection), [1, 3, 5]);
    let answers: Vec<_> = answers.iter_mut().map(Receiver::try_recv).collect();
    for (at, n) in [(0, 1), (2, 3), (4, 5)] {
        assert!(matches!(answers.get(at), Some(Ok(Ok(kept))) if *kept == n));
    }
    assert!(matches!(
        answers.get(1),
        Some(Ok(Err(StoreError::Unreadable(_))))
    ));
    assert!(
        matches!(answers.get(3), Some(Err(_))),
        "its caller is not left waiting"
    );
}

#[test]
fn a_commit_that_fails_is_told_to_all() {
    let (_folder, mut connection) = numbers();
    let (first, mut one) = part(|tx| insert(tx, 1, 0, None));
    let (orphan, mut two) = part(|tx| insert(tx, 2, 0, Some(77)));
    commit_together(&mut connection, vec![first, orphan]);
    assert!(kept(&connection).is_empty());
    for answer in [one.try_recv(), two.try_recv()] {
        assert!(
            matches!(answer, Ok(Err(StoreError::Other(_)))),
            "{answer:?}"
        );
    }
    let (again, mut three) = part(|tx| insert(tx, 1, 0, None));
    commit_together(&mut connection, vec![again]);
    assert!(
        matches!(three.try_recv(), Ok(Ok(1))),
        "the connection is of use again"
    );
}

#[test]
fn on_a_full_disk_nobody_hears_of_a_write_that_is_not_there() {
    let (_folder, mut connection) = numbers();
    connection
        .pragma_update(None, "max_page_count", 20)
        .unwrap();
    let (parts, mut answers): (Vec<_>, Vec<_>) = [
        part(|tx| insert(tx, 1, 10, None)),
        part(|tx| insert(tx, 2, 1_000_000, None)),
        part(|tx| insert(tx, 3, 10, None)),
    ]
    .into_iter()
    .unzip();
    commit_together(&mut connection, parts);
    let kept = kept(&connection);
    for (n, answer) in (1..).zip(&mut answers) {
        match answer.try_recv().unwrap() {
            Ok(told) => assert!(told == n && kept.contains(&n)),
            Err(error) => {
                assert!(matches!(error, StoreError::DiskFull), "{error}");
                assert!(!kept.contains(&n));
            }
        }
    }
    assert!(!kept.contains(&2) && kept.contains(&3), "{kept:?}");
}

#[test]
fn a_transaction_that_cannot_begin_is_told_to_all() {
    let (folder, mut connection) = numbers();
    let other = Connection::open(folder.path().join("numbers.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    connection.busy_timeout(std::time::Duration::ZERO).unwrap();
    let (first, mut one) = part(|tx| insert(tx, 1, 0, None));
    let (second, mut two) = part(|tx| insert(tx, 2, 0, None));
    commit_together(&mut connection, vec![first, second]);
    for answer in [one.try_recv(), two.try_recv()] {
        assert!(
            matches!(answer, Ok(Err(StoreError::Locked(_)))),
            "{answer:?}"
        );
    }
}
