//! An open connection to one DC: every operation bounded, every end explained.
//!
//! # Decisions
//! - The LDAP library runs each connection in a task, and that task panics on messages it does not expect, an
//!   `ExtendedResponse` to a search for one (Samba answers a refused critical control so). Its handle is kept:
//!   when an operation is cut off, the task's end says why.
//! - Pages are pulled, one at a time: the library queues without bound, so at most one page is ever under way.
//! - Known limit: the library reads BER by recursion without a depth limit, so an answer nested some thousands
//!   deep overflows the stack and ends the process, which nothing outside the library can catch. Over TLS only
//!   the DC itself can send one; in clear, anybody on the way can.
//! - After a timeout the operation is abandoned and the session had best be dropped: what the DC does with
//!   the old operation is unknown.

use std::panic::AssertUnwindSafe;
use std::task::Poll;
use std::time::Duration;

use ldap3::controls::{Control as LdapControl, PagedResults, RawControl};
use ldap3::{Ldap, LdapError, LdapResult};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::connect::Port;
use super::entry::{Entry, entry, page_cookie};
use super::error::{BROKEN, DirectoryError, one_line};
use super::refusal;
use super::search::{Control, Query, Scope};
use super::socket::Budget;
use crate::config::Timeouts;

/// AD's `MaxPageSize` (ADTS 3.1.1.3.4.6); larger pages are cut to it anyway.
const PAGE_SIZE: i32 = 1000;
/// More entries than this in answer to one page are no paging.
const MOST_PER_PAGE: usize = 100_000;
/// How long the end of the connection's task is waited for, which has ended already when it is asked.
const POST_MORTEM: Duration = Duration::from_secs(1);
const PAGED_RESULTS: &str = "1.2.840.113556.1.4.319";

/// An authenticated connection to a DC; dropping it closes the connection.
#[derive(Debug)]
pub struct Session {
    pub(super) ldap: Ldap,
    pub(super) driver: Option<JoinHandle<ldap3::result::Result<()>>>,
    pub(super) target: String,
    pub(super) timeouts: Timeouts,
    pub(super) port: Port,
    pub(super) expected_server: Option<String>,
}

impl Drop for Session {
    fn drop(&mut self) {
        // Without this the task lives on where it is blocked writing to a peer that reads nothing.
        if let Some(driver) = &self.driver {
            driver.abort();
        }
    }
}

/// How an operation failed below LDAP's result codes.
#[derive(Debug)]
pub(super) enum Fault {
    Timeout,
    Panic(String),
    Library(LdapError),
}

/// The answer to one search operation; no entries where one of them is none, and why.
type Answer = (Result<Vec<Entry>, String>, LdapResult);

impl Session {
    /// Host and port, as errors name it.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Which of the DC's ports this is.
    pub fn port(&self) -> Port {
        self.port
    }

    /// The bounds on waiting.
    pub fn timeouts(&self) -> Timeouts {
        self.timeouts
    }

    /// Reads one object; where it does not exist or may not be seen, the error is [`DirectoryError::Result`] 32.
    pub async fn search_base(
        &mut self,
        dn: &str,
        attributes: &[&str],
    ) -> Result<Entry, DirectoryError> {
        let what = if dn.is_empty() {
            "reading the rootDSE".to_owned()
        } else {
            format!("reading {dn}")
        };
        let query = Query {
            base: dn,
            scope: Scope::Base,
            filter: "(objectClass=*)",
            attributes,
            controls: Vec::new(),
        };
        let bound = self.timeouts.operation;
        let (entries, _) = self.operation(&query, Vec::new(), bound, &what).await?;
        entries.into_iter().next().ok_or_else(|| {
            refusal::of_search(
                &self.target,
                &what,
                refusal::NO_SUCH_OBJECT,
                "nothing returned",
            )
        })
    }

    /// Begins a paged search; nothing is sent before the first page is asked for.
    pub fn pages<'s, 'q>(&'s mut self, query: Query<'q>) -> Pages<'s, 'q> {
        Pages {
            left: self.timeouts.search,
            session: self,
            query,
            cookie: Some(Vec::new()),
        }
    }

    /// One page of a search, and the cookie that asks for the next one; an empty cookie asks for the first.
    pub(super) async fn page(
        &mut self,
        query: &Query<'_>,
        cookie: Vec<u8>,
        bound: Duration,
    ) -> Result<(Vec<Entry>, Option<Vec<u8>>), DirectoryError> {
        let what = describe(query);
        let paged = paged_control(PAGE_SIZE, cookie);
        let (entries, result) = self.operation(query, vec![paged], bound, &what).await?;
        let control = result
            .ctrls
            .into_iter()
            .find(|LdapControl(_, raw)| raw.ctype == PAGED_RESULTS);
        let Some(LdapControl(_, raw)) = control else {
            return Ok((entries, None));
        };
        let cookie = page_cookie(&raw.val.unwrap_or_default())
            .map_err(|problem| self.protocol(&what, problem))?;
        Ok((entries, Some(cookie).filter(|cookie| !cookie.is_empty())))
    }

    /// All entries of a paged search, for results known to be small.
    pub async fn search_all(&mut self, query: Query<'_>) -> Result<Vec<Entry>, DirectoryError> {
        let mut pages = self.pages(query);
        let mut all = Vec::new();
        while let Some(page) = pages.next_page().await? {
            all.extend(page);
        }
        Ok(all)
    }

    /// At most `most` entries of a search, for "is there any"; the server's own size limit is used.
    pub async fn search_some(
        &mut self,
        query: &Query<'_>,
        most: i32,
    ) -> Result<Vec<Entry>, DirectoryError> {
        let paged = paged_control(most, Vec::new());
        let bound = self.timeouts.operation;
        let what = describe(query);
        Ok(self.operation(query, vec![paged], bound, &what).await?.0)
    }

    /// Says goodbye to the DC and closes the connection, within the operation's bound.
    pub async fn close(mut self) {
        let bound = self.timeouts.operation;
        if let Err(fault) = bounded(bound, self.ldap.unbind()).await {
            tracing::debug!(target = %self.target, ?fault, "unbind failed");
        }
    }

    async fn operation(
        &mut self,
        query: &Query<'_>,
        more: Vec<RawControl>,
        bound: Duration,
        what: &str,
    ) -> Result<(Vec<Entry>, LdapResult), DirectoryError> {
        let mut controls: Vec<RawControl> =
            query.controls.iter().cloned().map(Control::into).collect();
        controls.extend(more);
        let search = collect(&mut self.ldap, query, controls, Budget::new(bound));
        // The bound inside lets the operation be abandoned; this one holds whatever happens there.
        let outer = bound.saturating_add(Duration::from_secs(1));
        let (entries, result) = match bounded(outer, search).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(fault)) | Err(fault) => return Err(self.explain(what, fault).await),
        };
        if result.rc != 0 {
            return Err(refusal::of_search(
                &self.target,
                what,
                result.rc,
                &result.text,
            ));
        }
        let entries = entries.map_err(|problem| self.protocol(what, problem))?;
        Ok((entries, result))
    }

    /// The protocol error for this DC.
    pub(super) fn protocol(&self, what: &str, problem: impl Into<String>) -> DirectoryError {
        DirectoryError::Protocol {
            target: self.target.clone(),
            what: what.to_owned(),
            problem: one_line(&problem.into()),
        }
    }

    /// The error a fault stands for, with the cause of death where the connection has died.
    pub(super) async fn explain(&mut self, what: &str, fault: Fault) -> DirectoryError {
        let target = self.target.clone();
        let error = match fault {
            Fault::Timeout | Fault::Library(LdapError::Timeout { .. }) => {
                return DirectoryError::Timeout {
                    target,
                    what: what.to_owned(),
                    after: self.timeouts.operation,
                };
            }
            Fault::Panic(message) => {
                return self.protocol(what, format!("{message}; {BROKEN}"));
            }
            Fault::Library(error) => error,
        };
        match error {
            LdapError::OpSend { .. }
            | LdapError::ResultRecv { .. }
            | LdapError::IdScrubSend { .. }
            | LdapError::MiscSend { .. }
            | LdapError::EndOfStream => self.post_mortem(what).await,
            LdapError::Io { source } => DirectoryError::Disconnected {
                target,
                what: what.to_owned(),
                cause: io_cause(&source),
            },
            LdapError::LdapResult { result } => {
                refusal::of_search(&target, what, result.rc, &result.text)
            }
            other => DirectoryError::Internal {
                target,
                problem: one_line(&format!("{what} failed in the LDAP library: {other}")),
            },
        }
    }

    /// Why the connection's task has ended.
    async fn post_mortem(&mut self, what: &str) -> DirectoryError {
        let lost = |cause: String| DirectoryError::Disconnected {
            target: self.target.clone(),
            what: what.to_owned(),
            cause: one_line(&cause),
        };
        let Some(driver) = self.driver.take() else {
            return lost("the connection had ended before".to_owned());
        };
        let abort = driver.abort_handle();
        match timeout(POST_MORTEM, driver).await {
            Err(_) => {
                abort.abort();
                lost("the operation was given up by the LDAP library".to_owned())
            }
            Ok(Ok(Ok(()))) => lost("the DC closed the connection".to_owned()),
            Ok(Ok(Err(LdapError::Io { source }))) if source.to_string() == "decoding error" => {
                self.protocol(what, format!("a message is no LDAP; {BROKEN}"))
            }
            Ok(Ok(Err(LdapError::Io { source }))) => lost(io_cause(&source)),
            Ok(Ok(Err(error))) => lost(error.to_string()),
            Ok(Err(end)) => match end.try_into_panic() {
                Err(_) => lost("the connection was closed by us".to_owned()),
                Ok(panic) => {
                    let message = panic_message(panic.as_ref());
                    match message.strip_prefix("unrecognized op id: ") {
                        Some(op) => self.protocol(
                            what,
                            format!(
                                "a message of type {op} came instead of a search result{}; {BROKEN}",
                                if op == "24" {
                                    " (an extended response: the DC refuses the request or a critical control)"
                                } else {
                                    ""
                                }
                            ),
                        ),
                        None => lost(format!(
                            "the LDAP library failed on an answer of the DC: {message}"
                        )),
                    }
                }
            },
        }
    }
}

/// A paged search under way: memory for one page, whatever the result.
#[derive(Debug)]
pub struct Pages<'s, 'q> {
    session: &'s mut Session,
    query: Query<'q>,
    /// What to send for the next page; `None` after the last one or an error.
    cookie: Option<Vec<u8>>,
    left: Duration,
}

impl Pages<'_, '_> {
    /// The next page, at most 1000 entries with AD's defaults, or `None` after the last one.
    ///
    /// A page is bounded by `Timeouts::operation`, all pages together by `Timeouts::search`; the time between
    /// two calls, the caller's own, is not counted. After an error the search is over.
    pub async fn next_page(&mut self) -> Result<Option<Vec<Entry>>, DirectoryError> {
        let Some(cookie) = self.cookie.take() else {
            return Ok(None);
        };
        let what = describe(&self.query);
        let timeouts = self.session.timeouts;
        if self.left.is_zero() {
            return Err(DirectoryError::Timeout {
                target: self.session.target.clone(),
                what,
                after: timeouts.search,
            });
        }
        let bound = timeouts.operation.min(self.left);
        let budget = Budget::new(self.left);
        let (entries, cookie) = self.session.page(&self.query, cookie, bound).await?;
        self.left = budget.left();
        self.cookie = cookie;
        Ok(Some(entries))
    }
}

fn describe(query: &Query<'_>) -> String {
    format!("the search for {} in {}", query.filter, query.base)
}

fn paged_control(size: i32, cookie: Vec<u8>) -> RawControl {
    let mut control: RawControl = PagedResults { size, cookie }.into();
    control.crit = true;
    control
}

/// Sends one search and takes in its entries, referrals left out, within the budget; abandons it when that runs out.
async fn collect(
    ldap: &mut Ldap,
    query: &Query<'_>,
    controls: Vec<RawControl>,
    budget: Budget,
) -> Result<Answer, Fault> {
    if !controls.is_empty() {
        ldap.with_controls(controls);
    }
    let mut stream = None;
    let mut entries: Result<Vec<Entry>, String> = Ok(Vec::new());
    // One bound around all of it: the library's own would set a timer for every message.
    let walk = async {
        let search = ldap.streaming_search(
            query.base,
            query.scope.into(),
            query.filter,
            query.attributes.to_vec(),
        );
        let stream = stream.insert(search.await.map_err(Fault::Library)?);
        while let Some(item) = stream.next().await.map_err(Fault::Library)? {
            if item.is_ref() || item.is_intermediate() {
                continue;
            }
            if entries.as_ref().is_ok_and(|all| all.len() >= MOST_PER_PAGE) {
                let problem = format!("more than {MOST_PER_PAGE} entries in one page");
                return Err(Fault::Panic(problem));
            }
            // At once: what the library made of it is freed while it is still in the processor's cache.
            match (&mut entries, entry(item.0)) {
                (Ok(all), Ok(entry)) => all.push(entry),
                (Ok(_), Err(problem)) => entries = Err(problem),
                (Err(_), _) => {}
            }
        }
        Ok(stream.finish().await)
    };
    if let Ok(ended) = timeout(budget.left(), walk).await {
        return Ok((entries, ended?));
    }
    if let Some(mut stream) = stream {
        let id = stream.ldap_handle().last_id();
        stream.finish().await;
        let short = Duration::from_millis(250);
        if timeout(short, ldap.abandon(id)).await.is_err() {
            tracing::debug!(id, "the abandon could not be sent");
        }
    }
    Err(Fault::Timeout)
}

/// Runs a future of the LDAP library: bounded, and with its panics caught, since it panics on malformed answers.
pub(super) async fn bounded<T>(
    bound: Duration,
    operation: impl Future<Output = T>,
) -> Result<T, Fault> {
    let mut operation = Box::pin(operation);
    let guarded = std::future::poll_fn(move |context| {
        let poll = AssertUnwindSafe(|| operation.as_mut().poll(context));
        match std::panic::catch_unwind(poll) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Err(panic) => Poll::Ready(Err(Fault::Panic(panic_message(panic.as_ref())))),
        }
    });
    timeout(bound, guarded).await.unwrap_or(Err(Fault::Timeout))
}

/// An IO error's words without the link to documentation that rustls appends.
fn io_cause(error: &std::io::Error) -> String {
    let words = error.to_string();
    match words.split_once(": https://") {
        Some((head, _)) => head.to_owned(),
        None => words,
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("it failed without a word")
        .to_owned()
}
