//! The threads that own the connections, and the bounded queues to them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::together::{Asked, Part, commit_together};
use super::{StoreError, open};

/// How many jobs may wait for the writer, and for the readers; a full queue makes the caller wait.
const QUEUE: usize = 256;
const READERS: usize = 2;
/// The most writes that share a transaction: other processes wait for the lock no longer than these take.
const MOST_TOGETHER: usize = 64;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// What the writer is asked to do.
enum WriteJob {
    /// A job that has the connection for itself.
    Alone(Job),
    /// A write that may share its transaction with those that wait beside it.
    Together(Box<dyn Part>),
}

/// The threads of one open database; dropping it drains the queues and joins the threads.
#[derive(Debug)]
pub(super) struct Workers {
    path: PathBuf,
    write_jobs: Option<mpsc::Sender<WriteJob>>,
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
        let write = move || serve_writes(writer, write_queue);
        workers.writer = Some(spawn("store-writer", write)?);
        let read_queue = Arc::new(Mutex::new(read_queue));
        for reader in readers {
            let queue = Arc::clone(&read_queue);
            let read = move || serve_reads(reader, &queue);
            workers.readers.push(spawn("store-reader", read)?);
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
        let job = move |connection: &mut Connection| in_transaction(connection, behavior, job);
        submit(self.write_jobs.as_ref(), job, WriteJob::Alone).await
    }

    /// As [`Workers::write`], but the transaction may be shared with other such writes that wait: each is kept or
    /// undone by itself, and answered when all that were kept are on disk.
    pub(super) async fn write_together<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let (part, answered) = Asked::new(job);
        send(self.write_jobs.as_ref(), WriteJob::Together(Box::new(part))).await?;
        answered.await.map_err(|_| StoreError::Closed)?
    }

    /// Runs `job` on the writer's connection outside of any transaction.
    pub(super) async fn maintain<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    {
        submit(self.write_jobs.as_ref(), job, WriteJob::Alone).await
    }

    pub(super) async fn read<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let behavior = TransactionBehavior::Deferred;
        let job = move |connection: &mut Connection| in_transaction(connection, behavior, job);
        submit(self.read_jobs.as_ref(), job, |job| job).await
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StoreError> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map_err(|error| StoreError::Other(error.to_string()))
}

fn serve_reads(mut connection: Connection, queue: &Mutex<mpsc::Receiver<Job>>) {
    let take = || {
        queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .blocking_recv()
    };
    while let Some(job) = take() {
        run(&mut connection, job);
    }
}

fn serve_writes(mut connection: Connection, mut queue: mpsc::Receiver<WriteJob>) {
    let mut waiting = None;
    while let Some(job) = waiting.take().or_else(|| queue.blocking_recv()) {
        let mut parts = match job {
            WriteJob::Alone(job) => {
                run(&mut connection, job);
                continue;
            }
            WriteJob::Together(part) => vec![part],
        };
        while parts.len() < MOST_TOGETHER {
            match queue.try_recv() {
                Ok(WriteJob::Together(part)) => parts.push(part),
                Ok(alone) => {
                    waiting = Some(alone);
                    break;
                }
                Err(_) => break,
            }
        }
        commit_together(&mut connection, parts);
    }
}

/// A defect in one job must not take the store from all others: its transaction is rolled back while unwinding, and
/// its caller is answered `Closed`.
fn run(connection: &mut Connection, job: Job) {
    drop(catch_unwind(AssertUnwindSafe(|| job(connection))));
}

async fn send<J>(queue: Option<&mpsc::Sender<J>>, job: J) -> Result<(), StoreError> {
    let queue = queue.ok_or(StoreError::Closed)?;
    queue.send(job).await.map_err(|_| StoreError::Closed)
}

async fn submit<T, F, J>(
    queue: Option<&mpsc::Sender<J>>,
    job: F,
    wrap: impl FnOnce(Job) -> J,
) -> Result<T, StoreError>
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
    send(queue, wrap(run)).await?;
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
