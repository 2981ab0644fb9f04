//! A spot in an entry of a directory, as 389 Directory Server, RadiantOne and NetIQ keep one.
//!
//! # Decisions
//! - Old values are deleted by value and new ones added in one operation, so nobody's write in between is lost.
//! - A cookie is shown in base64, since it is no text. Every other value is text.
//! - An attribute that is missing is added, as an undo of its removal needs. Where the product writes one at the same
//!   time, the server refuses a second value of a single-valued attribute; two values of another are seen on reading.
//! - A write without an answer is settled by reading back.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::host_text;
use super::spot::{Change, Field, Fields, Found, SpotError};
use crate::config::LdapSpotSettings;
use crate::directory::{DirectoryError, Entry, Modified, Port, Replacement, Session};
use crate::model::FailureKind;

/// `noSuchObject`.
const NO_SUCH_OBJECT: u32 = 32;

/// An entry that holds host or cursor.
#[derive(Debug, Clone)]
pub(crate) struct LdapSpot {
    settings: LdapSpotSettings,
}

impl LdapSpot {
    /// The spot that the settings describe.
    pub(crate) fn new(settings: LdapSpotSettings) -> Self {
        Self { settings }
    }

    /// Reads the fields.
    pub(crate) async fn read(&self) -> Result<Found, SpotError> {
        let mut session = self.open().await?;
        let found = self.get(&mut session).await;
        session.close().await;
        found
    }

    /// Writes `new` where `expected` still stands; [`SpotError::Moved`] otherwise. Safe to repeat.
    pub(crate) async fn replace(&self, expected: &Found, new: &Change) -> Result<(), SpotError> {
        let mut session = self.open().await?;
        let replaced = self.replace_on(&mut session, expected, new).await;
        session.close().await;
        replaced
    }

    async fn replace_on(
        &self,
        session: &mut Session,
        expected: &Found,
        new: &Change,
    ) -> Result<(), SpotError> {
        let found = self.get(session).await?;
        if has(&found.fields, new) {
            return Ok(());
        }
        if found.tag != expected.tag {
            return Err(self.moved());
        }
        let replacements = self.replacements(&found.fields, new)?;
        match session.modify(&self.settings.entry, &replacements).await {
            Ok(Modified::Done) => Ok(()),
            Ok(Modified::NotAsExpected) => Err(self.moved()),
            Err(error) if error.ends_session() => self.settle(expected, new, &error).await,
            Err(error) => Err(self.unwritable(
                &error,
                "grant the account the right to write these attributes",
            )),
        }
    }

    /// What became of a write that was not answered.
    async fn settle(
        &self,
        expected: &Found,
        new: &Change,
        said: &DirectoryError,
    ) -> Result<(), SpotError> {
        match self.read().await {
            Ok(found) if has(&found.fields, new) => Ok(()),
            Ok(found) if found.tag == expected.tag => Err(self.unwritable(
                said,
                "read back, the old values still stand; look into the server's log, then try again",
            )),
            Ok(_) => Err(self.moved()),
            Err(error) => Err(SpotError::Unwritable {
                place: self.place(),
                problem: format!("{said}, and it could not be read back ({error})"),
                cure: "it may have been written; see to it that the server answers, then try again"
                    .to_owned(),
            }),
        }
    }

    fn replacements(&self, old: &Fields, new: &Change) -> Result<Vec<Replacement>, SpotError> {
        let mut replacements = Vec::new();
        for (field, text) in new {
            let Some(attribute) = self.settings.attributes.get(field) else {
                let must = "one of the fields in `attributes`";
                return Err(self.flawed(format!("the new {field}"), "in no place", must));
            };
            if old.get(field) == text.as_ref() {
                continue;
            }
            let old = old.get(field).map(|text| self.bytes(*field, text));
            let new = text.as_ref().map(|text| self.bytes(*field, text));
            replacements.push(Replacement {
                attribute: attribute.clone(),
                old: old.transpose()?,
                new: new.transpose()?,
            });
        }
        Ok(replacements)
    }

    fn bytes(&self, field: Field, text: &str) -> Result<Vec<u8>, SpotError> {
        if field != Field::Cookie {
            return Ok(text.as_bytes().to_owned());
        }
        STANDARD
            .decode(text)
            .map_err(|_| self.flawed("the cookie".to_owned(), "no base64", "base64"))
    }

    async fn open(&self) -> Result<Session, SpotError> {
        Session::open(&self.settings.server, Port::Directory)
            .await
            .map_err(|error| self.unreadable(&error))
    }

    async fn get(&self, session: &mut Session) -> Result<Found, SpotError> {
        let names: Vec<&str> = self
            .settings
            .attributes
            .values()
            .map(String::as_str)
            .collect();
        let entry = session
            .search_base(&self.settings.entry, &names)
            .await
            .map_err(|error| self.unreadable(&error))?;
        let mut fields = Fields::new();
        let mut digest = Sha256::new();
        for (field, attribute) in &self.settings.attributes {
            let Some(value) = self.value(&entry, attribute)? else {
                continue;
            };
            digest.update(field.word());
            digest.update(value.len().to_be_bytes());
            digest.update(value);
            let text = if *field == Field::Cookie {
                STANDARD.encode(value)
            } else {
                let text = std::str::from_utf8(value);
                let text =
                    text.map_err(|_| self.flawed(format!("`{attribute}`"), "no UTF-8", "text"))?;
                text.to_owned()
            };
            fields.insert(*field, text);
        }
        Ok(Found {
            fields,
            tag: STANDARD.encode(digest.finalize()),
        })
    }

    fn value<'e>(&self, entry: &'e Entry, attribute: &str) -> Result<Option<&'e [u8]>, SpotError> {
        let mut values = entry.values(attribute);
        if values.len() > 1 {
            let many = format!("{} values", values.len());
            return Err(self.flawed(format!("`{attribute}`"), &many, "one value"));
        }
        Ok(values.next())
    }

    /// Where it is, for a person.
    pub(crate) fn place(&self) -> String {
        let server = &self.settings.server;
        format!("{} on {}:{}", self.settings.entry, server.host, server.port)
    }

    fn moved(&self) -> SpotError {
        SpotError::Moved {
            place: self.place(),
        }
    }

    fn flawed(&self, what: String, value: &str, must: &str) -> SpotError {
        SpotError::Flawed {
            place: self.place(),
            what,
            value: host_text::shown(value),
            must: must.to_owned(),
        }
    }

    fn unwritable(&self, error: &DirectoryError, cure: &str) -> SpotError {
        SpotError::Unwritable {
            place: self.place(),
            problem: error.to_string(),
            cure: cure.to_owned(),
        }
    }

    fn unreadable(&self, error: &DirectoryError) -> SpotError {
        let (place, problem) = (self.place(), error.to_string());
        if let DirectoryError::Result { code, .. } = error
            && *code == NO_SUCH_OBJECT
        {
            return SpotError::Missing {
                place,
                detail: String::new(),
                cure: "check `entry`, and that the account may see it".to_owned(),
            };
        }
        match error.kind() {
            FailureKind::Tls => SpotError::Tls {
                place,
                problem,
                cure: "`ca_file` names the authority to trust".to_owned(),
            },
            FailureKind::Credentials
            | FailureKind::Permission
            | FailureKind::StrongerAuthRequired => SpotError::Refused {
                place,
                problem,
                cure: "check user and password, and what the account may read".to_owned(),
            },
            _ => SpotError::Unreadable {
                place,
                problem,
                cure: "check that the server runs and answers there".to_owned(),
            },
        }
    }
}

fn has(fields: &Fields, new: &Change) -> bool {
    new.iter()
        .all(|(field, text)| fields.get(field) == text.as_ref())
}

#[cfg(test)]
#[path = "ldap_tests.rs"]
mod tests;
