//! The threads that own the connections, and the bounded queues to them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::{StoreError, open};

/// How many jobs may wait for the writer, and for the readers; a full queue makes the caller wait.
const QUEUE: usize = 256;
const READERS: usize = 2;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// The threads of one open database; dropping it drains the queues and joins the threads.
#[derive(Debug)]
pub(super) struct Workers {
    path: PathBuf,
    write_jobs: Option<mpsc::Sender<Job>>,
    read_jobs: Option<mpsc::Sender<Job>>,
    writer: Option<JoinHandle<()>>,
    readers: Vec<JoinHandle<()>>,
}

impl Workers {
    pub(super) fn start(path: PathBuf, tuning: open::Tuning) -> Result<Self, StoreError> {
        let writer = open::writer(&path, tuning)?;
        let readers = (0..READERS)
            .map(|_| open::reader(&path, tuning))
            .collect::<Result<Vec<_>, _>>()?;
        let (write_jobs, write_queue) = mpsc::channel(QUEUE);
        let (read_jobs, read_queue) = mpsc::channel(QUEUE);
        let mut workers = Self {
            path,
            write_jobs: Some(write_jobs),
            read_jobs: Some(read_jobs),
            writer: None,
            readers: Vec::new(),
        };
        let write_queue = Arc::new(Mutex::new(write_queue));
        workers.writer = Some(spawn("store-writer", writer, write_queue)?);
        let read_queue = Arc::new(Mutex::new(read_queue));
        for reader in readers {
            let reader = spawn("store-reader", reader, Arc::clone(&read_queue))?;
            workers.readers.push(reader);
        }
        Ok(workers)
    }

    pub(super) fn path(&self) -> &PathBuf {
        &self.path
    }

    pub(super) async fn write<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let behavior = TransactionBehavior::Immediate;
        submit(self.write_jobs.as_ref(), move |connection| {
            in_transaction(connection, behavior, job)
        })
        .await
    }

    /// Runs `job` on the writer's connection outside of any transaction.
    pub(super) async fn maintain<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    {
        submit(self.write_jobs.as_ref(), job).await
    }

    pub(super) async fn read<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let behavior = TransactionBehavior::Deferred;
        submit(self.read_jobs.as_ref(), move |connection| {
            in_transaction(connection, behavior, job)
        })
        .await
    }
}

fn spawn(
    name: &str,
    mut connection: Connection,
    queue: Arc<Mutex<mpsc::Receiver<Job>>>,
) -> Result<JoinHandle<()>, StoreError> {
    let take = move || {
        queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .blocking_recv()
    };
    let serve = move || {
        while let Some(job) = take() {
            // A defect in one job must not take the store from all others: its transaction is rolled back
            // while unwinding, and its caller is answered `Closed`.
            drop(catch_unwind(AssertUnwindSafe(|| job(&mut connection))));
        }
    };
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(serve)
        .map_err(|error| StoreError::Other(error.to_string()))
}

async fn submit<T, F>(queue: Option<&mpsc::Sender<Job>>, job: F) -> Result<T, StoreError>
where
    T: Send + 'static,
    F: FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
{
    let (answer, answered) = oneshot::channel();
    let run: Job = Box::new(move |connection| {
        let result = job(connection);
        // The caller may have stopped waiting; the work is done all the same.
        drop(answer.send(result));
    });
    queue
        .ok_or(StoreError::Closed)?
        .send(run)
        .await
        .map_err(|_| StoreError::Closed)?;
    answered.await.map_err(|_| StoreError::Closed)?
}

fn in_transaction<T>(
    connection: &mut Connection,
    behavior: TransactionBehavior,
    job: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let transaction = connection.transaction_with_behavior(behavior)?;
    let value = job(&transaction)?;
    transaction.commit()?;
    Ok(value)
}

impl Drop for Workers {
    fn drop(&mut self) {
        // The readers first: only a connection that may write can, as the last one, put the log back into the file.
        self.read_jobs = None;
        self.readers.drain(..).for_each(join);
        self.write_jobs = None;
        self.writer.take().into_iter().for_each(join);
    }
}

fn join(thread: JoinHandle<()>) {
    if thread.thread().id() != std::thread::current().id() {
        drop(thread.join());
    }
}

/// The file of this name beside the database, as `<database>.<suffix>`.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    PathBuf::from(name)
}
