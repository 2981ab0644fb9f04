//! The PostgreSQL side: one connection for each reading or writing, over TLS unless the configuration says otherwise.
//!
//! # Decisions
//! - Values go as text and become what the column is, so that no type has to be configured.
//! - Before a value is reset, putting it back is tried within the same transaction.
//! - The transaction is REPEATABLE READ: a row that another session changed since it was read cannot be changed in it,
//!   which the server says and which is told as "moved".

use bytes::BytesMut;
use rustls::pki_types::InvalidDnsNameError;
use secrecy::ExposeSecret as _;
use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{Format, IsNull, ToSql, Type};
use tokio_postgres::{
    Client, Config, Error, IsolationLevel, NoTls, SimpleQueryMessage, Transaction,
};

use super::super::spot::{Change, Fields, SpotError, told as told_fields};
use super::statement::{Bound, Dialect, Reading, Statement, numbered, readings, writings};
use super::tls::Tls;
use super::{NO_NULL, no_row, not_put_back, put, several_rows};
use crate::config::{Postgres, Rows, Secret};
use crate::directory;

/// A connection; its task ends with it.
struct Session {
    client: Client,
    task: JoinHandle<()>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(super) async fn read(server: &Postgres, rows: &Rows, place: &str) -> Result<Fields, SpotError> {
    let mut session = connect(server, place).await?;
    let started = session.client.build_transaction().read_only(true).start();
    let transaction = started.await.map_err(|error| told(place, &error, false))?;
    fields(&transaction, rows, place).await
}

pub(super) async fn replace(
    server: &Postgres,
    rows: &Rows,
    old: &Fields,
    new: &Change,
    place: &str,
) -> Result<(), SpotError> {
    let mut session = connect(server, place).await?;
    let started = session
        .client
        .build_transaction()
        .isolation_level(IsolationLevel::RepeatableRead)
        .start();
    let failed = |error: Error| told(place, &error, true);
    let mut transaction = started.await.map_err(failed)?;
    let moved = || SpotError::Moved {
        place: place.to_owned(),
    };
    if fields(&transaction, rows, place).await? != *old {
        return Err(moved());
    }
    for writing in writings(rows, Dialect::Postgres, old, new) {
        match execute(&transaction, &writing, place).await? {
            1 => {}
            0 => return Err(moved()),
            _ => return Err(several_rows(place)),
        }
    }
    let mut wanted = old.clone();
    for (field, text) in new {
        match text {
            Some(text) => wanted.insert(*field, text.clone()),
            None => wanted.remove(field),
        };
    }
    let written = fields(&transaction, rows, place).await?;
    if written != wanted {
        let problem = format!(
            "{} would read back as {}; it was taken back",
            told_fields(&wanted),
            told_fields(&written)
        );
        return Err(SpotError::Unwritable {
            place: place.to_owned(),
            problem,
            cure: "correct the statements".to_owned(),
        });
    }
    if new.values().any(Option::is_none) {
        rehearse(&mut transaction, rows, (old, &written), new, place).await?;
    }
    transaction.commit().await.map_err(failed)
}

/// Puts back what was just reset, looks whether it is what it was, and undoes that again.
async fn rehearse(
    transaction: &mut Transaction<'_>,
    rows: &Rows,
    (before, stands): (&Fields, &Fields),
    new: &Change,
    place: &str,
) -> Result<(), SpotError> {
    let failed = |error: Error| told(place, &error, true);
    let opposite: Change = new
        .keys()
        .map(|field| (*field, before.get(field).cloned()))
        .collect();
    let rehearsal = transaction.savepoint("rehearsal").await.map_err(failed)?;
    let mut is_back = true;
    for writing in writings(rows, Dialect::Postgres, stands, &opposite) {
        is_back &= execute(&rehearsal, &writing, place).await? == 1;
    }
    is_back = is_back && fields(&rehearsal, rows, place).await? == *before;
    rehearsal.rollback().await.map_err(failed)?;
    if is_back {
        return Ok(());
    }
    Err(not_put_back(place))
}

async fn connect(server: &Postgres, place: &str) -> Result<Session, SpotError> {
    let mut config = Config::new();
    config
        .host(&server.host)
        .port(server.port)
        .dbname(&server.database)
        .user(&server.user)
        .application_name("highwater");
    match &server.password {
        None => {}
        Some(Secret::Known(password)) => {
            config.password(password.expose_secret());
        }
        Some(Secret::NotRead(_)) => {
            return Err(SpotError::Refused {
                place: place.to_owned(),
                problem: "its password was not read, since this command works from the store"
                    .to_owned(),
                cure: "use a command that connects, such as `highwater check`".to_owned(),
            });
        }
    }
    let failed = |error: Error| told(place, &error, false);
    match &server.trust {
        None => {
            config.ssl_mode(SslMode::Disable);
            let (client, connection) = config.connect(NoTls).await.map_err(failed)?;
            Ok(session(client, connection))
        }
        Some(trust) => {
            config.ssl_mode(SslMode::Require);
            let trusting = directory::trusting(trust).map_err(|problem| SpotError::Tls {
                place: place.to_owned(),
                problem: problem.to_string(),
                cure: "correct `ca_file` or the system's certificates".to_owned(),
            })?;
            let (client, connection) = config.connect(Tls::new(trusting)).await.map_err(failed)?;
            Ok(session(client, connection))
        }
    }
}

fn session(
    client: Client,
    connection: impl Future<Output = Result<(), Error>> + Send + 'static,
) -> Session {
    let task = tokio::spawn(async move {
        // What becomes of it is told by the request that waits for it.
        drop(connection.await);
    });
    Session { client, task }
}

async fn fields(
    transaction: &Transaction<'_>,
    rows: &Rows,
    place: &str,
) -> Result<Fields, SpotError> {
    let mut all = Fields::new();
    for reading in readings(rows, Dialect::Postgres) {
        let found = if reading.by_hand {
            by_hand(transaction, &reading, place).await?
        } else {
            bound(transaction, &reading, place).await?
        };
        match found {
            Some(mut found) => all.append(&mut found),
            None if reading.must_be => return Err(no_row(place)),
            None => {}
        }
    }
    Ok(all)
}

/// The operator's own statement, whose columns may be of any type: the simple protocol gives them as text.
async fn by_hand(
    transaction: &Transaction<'_>,
    reading: &Reading,
    place: &str,
) -> Result<Option<Fields>, SpotError> {
    let failed = |error: Error| told(place, &error, false);
    let answer = transaction
        .simple_query(&reading.statement.sql)
        .await
        .map_err(failed)?;
    let mut rows = answer.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let Some(row) = rows.next() else {
        return Ok(None);
    };
    let mut fields = Fields::new();
    for field in &reading.fields {
        let text = row.try_get(field.word()).map_err(failed)?;
        put(&mut fields, *field, text.map(str::to_owned));
    }
    match rows.next() {
        Some(_) => Err(several_rows(place)),
        None => Ok(Some(fields)),
    }
}

async fn bound(
    transaction: &Transaction<'_>,
    reading: &Reading,
    place: &str,
) -> Result<Option<Fields>, SpotError> {
    let failed = |error: Error| told(place, &error, false);
    let (sql, values) = prepared(&reading.statement, place)?;
    let rows = transaction
        .query(&sql, &references(&values))
        .await
        .map_err(failed)?;
    let row = match rows.as_slice() {
        [] => return Ok(None),
        [only] => only,
        _ => return Err(several_rows(place)),
    };
    let mut fields = Fields::new();
    for field in &reading.fields {
        put(
            &mut fields,
            *field,
            row.try_get(field.word()).map_err(failed)?,
        );
    }
    Ok(Some(fields))
}

async fn execute(
    transaction: &Transaction<'_>,
    writing: &Statement,
    place: &str,
) -> Result<u64, SpotError> {
    let (sql, values) = prepared(writing, place)?;
    let done = transaction.execute(&sql, &references(&values)).await;
    done.map_err(|error| told(place, &error, true))
}

/// The statement with numbers for names, and the values in that order.
fn prepared(statement: &Statement, place: &str) -> Result<(String, Vec<AsText>), SpotError> {
    let (sql, names) = numbered(&statement.sql);
    let mut values = Vec::new();
    for name in names {
        match statement.values.get(&name) {
            Some(Bound::Text(text)) => values.push(AsText(Some(text.clone()))),
            Some(Bound::Of(_, text)) => values.push(AsText(text.clone())),
            None => {
                return Err(SpotError::Flawed {
                    place: place.to_owned(),
                    what: "a name in the statement".to_owned(),
                    value: format!(":{name}"),
                    must: "one such as :new_updated or :old_host".to_owned(),
                });
            }
        }
    }
    Ok((sql, values))
}

fn references(values: &[AsText]) -> Vec<&(dyn ToSql + Sync)> {
    values
        .iter()
        .map(|value| value as &(dyn ToSql + Sync))
        .collect()
}

/// A value that goes as text, whatever the server takes it for.
#[derive(Debug)]
struct AsText(Option<String>);

impl ToSql for AsText {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match &self.0 {
            Some(text) => {
                out.extend_from_slice(text.as_bytes());
                Ok(IsNull::No)
            }
            None => Ok(IsNull::Yes),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    tokio_postgres::types::to_sql_checked!();
}

/// What the server or the connection said, in words an operator can act on.
fn told(place: &str, error: &Error, is_writing: bool) -> SpotError {
    let place = place.to_owned();
    if let Some(answer) = error.as_db_error() {
        let problem = answer.message().to_owned();
        let code = answer.code();
        if [
            SqlState::T_R_SERIALIZATION_FAILURE,
            SqlState::T_R_DEADLOCK_DETECTED,
        ]
        .contains(code)
        {
            return SpotError::Moved { place };
        }
        let refusals = [
            SqlState::INVALID_PASSWORD,
            SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
            SqlState::INSUFFICIENT_PRIVILEGE,
        ];
        if refusals.contains(code) {
            let cure =
                "check user and password, and GRANT that role SELECT and UPDATE on the table"
                    .to_owned();
            return SpotError::Refused {
                place,
                problem,
                cure,
            };
        }
        let cure = if *code == SqlState::NOT_NULL_VIOLATION {
            NO_NULL
        } else {
            "correct the database, table and column names or the statements"
        };
        let cure = cure.to_owned();
        return failure(place, problem, cure, is_writing);
    }
    // The library's own words say little: what lies behind them says what happened.
    let mut problem = error.to_string();
    let mut source = std::error::Error::source(error);
    let mut is_tls = problem.contains("TLS");
    while let Some(deeper) = source {
        is_tls |= deeper.is::<InvalidDnsNameError>() || deeper.is::<rustls::Error>();
        problem = format!("{problem}: {deeper}");
        source = deeper.source();
    }
    if is_tls {
        let cure =
            "give `ca_file` the authority of the server's certificate and `host` the name in it"
                .to_owned();
        return SpotError::Tls {
            place,
            problem,
            cure,
        };
    }
    let cure = "check host, port and network, and that the server is up".to_owned();
    failure(place, problem, cure, is_writing)
}

fn failure(place: String, problem: String, cure: String, is_writing: bool) -> SpotError {
    if is_writing {
        SpotError::Unwritable {
            place,
            problem,
            cure,
        }
    } else {
        SpotError::Unreadable {
            place,
            problem,
            cure,
        }
    }
}
