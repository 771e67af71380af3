//! What an error of Postgres means to a caller of the store.

use std::error::Error as _;

use postgres::error::{DbError, Severity, SqlState};

use crate::store::Error;

/// The error in the store's terms. Where a constraint was broken the text is its name, which is the schema's own.
pub(super) fn fault(e: postgres::Error) -> Error {
    match e.as_db_error() {
        Some(refusal) => refused(refusal),
        // A socket that is gone, a server that does not answer, TLS: whatever it was, there is no database.
        None if is_gone(&e) => Error::Unavailable(with_cause(&e)),
        None => Error::Bug(with_cause(&e)),
    }
}

/// Whether the connection cannot be used any more.
pub(super) fn is_broken(e: &postgres::Error) -> bool {
    match e.as_db_error() {
        Some(refusal) => matches!(refusal.parsed_severity(), Some(Severity::Fatal | Severity::Panic)),
        None => is_gone(e),
    }
}

/// Whether a statement failed only because what was known of it is out of date: a migration has changed a table,
/// or a pooler between us and the server has handed us another session.
pub(super) fn is_stale(e: &postgres::Error) -> bool {
    match e.as_db_error() {
        Some(refusal) if *refusal.code() == SqlState::INVALID_SQL_STATEMENT_NAME => true,
        Some(refusal) if *refusal.code() == SqlState::FEATURE_NOT_SUPPORTED => {
            refusal.routine() == Some("RevalidateCachedQuery")
        }
        _ => false,
    }
}

fn is_gone(e: &postgres::Error) -> bool {
    let mut cause = e.source();
    while let Some(e) = cause {
        if e.is::<std::io::Error>() {
            return true;
        }
        cause = e.source();
    }
    e.is_closed()
}

/// The driver says what failed, its cause says why.
pub(super) fn with_cause(e: &postgres::Error) -> String {
    match e.as_db_error() {
        Some(refusal) => format!("{} (SQLSTATE {})", refusal.message(), refusal.code().code()),
        None => match e.source() {
            Some(cause) => format!("{e}: {cause}"),
            None => e.to_string(),
        },
    }
}

fn refused(e: &DbError) -> Error {
    let message = || format!("{} (SQLSTATE {})", e.message(), e.code().code());
    let named = || e.constraint().map_or_else(message, str::to_owned);
    match *e.code() {
        SqlState::UNIQUE_VIOLATION | SqlState::EXCLUSION_VIOLATION => Error::Unique(named()),
        SqlState::FOREIGN_KEY_VIOLATION | SqlState::RESTRICT_VIOLATION => Error::ForeignKey(named()),
        SqlState::CHECK_VIOLATION => Error::Refused(named()),
        // What triggers of the schema say, and columns that are too short for a text or cannot hold it.
        SqlState::RAISE_EXCEPTION => Error::Refused(e.message().to_owned()),
        SqlState::NOT_NULL_VIOLATION | SqlState::STRING_DATA_RIGHT_TRUNCATION => Error::Refused(message()),
        SqlState::CHARACTER_NOT_IN_REPERTOIRE | SqlState::UNTRANSLATABLE_CHARACTER => Error::Refused(message()),
        SqlState::T_R_SERIALIZATION_FAILURE | SqlState::T_R_DEADLOCK_DETECTED | SqlState::LOCK_NOT_AVAILABLE => {
            Error::LostRace(message())
        }
        // A statement that took longer than statement_timeout, or that an administrator ended.
        SqlState::QUERY_CANCELED | SqlState::READ_ONLY_SQL_TRANSACTION => Error::Unavailable(message()),
        SqlState::DISK_FULL => Error::Full(message()),
        _ => match &e.code().code()[..2] {
            // No connection, wrong password, no memory or disk or slots left, server going down, broken disk.
            "08" | "28" | "53" | "57" | "58" | "XX" | "3D" => Error::Unavailable(message()),
            _ => Error::Bug(message()),
        },
    }
}
