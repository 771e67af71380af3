//! What can go wrong in the store, in terms its callers can act on.

use crate::rbac::Denied;

/// A failed store operation.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such row.
    #[error("no such row")]
    NotFound,
    /// The subject may not do this. Handlers tell it apart from [`Error::NotFound`] only where existence is no secret.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// A unique key is taken; the text names the index or its columns as the engine does.
    #[error("already taken: {0}")]
    Unique(String),
    /// A row that is referred to does not exist, or a row that others refer to cannot go.
    #[error("a reference does not hold: {0}")]
    ForeignKey(String),
    /// A CHECK or a trigger of the schema refused the row; the text names it.
    #[error("refused by the schema: {0}")]
    Refused(String),
    /// A transaction lost a race and can be run again.
    #[error("the transaction lost a race: {0}")]
    LostRace(String),
    /// What was to be written found no room: a full disk, a quota, a limit on the size of files.
    #[error("the disk is full, or a quota or limit is reached: {0}")]
    Full(String),
    /// The database cannot be used just now: busy, damaged, out of reach.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// A stored value is not of the form that is kept there.
    #[error("a stored value cannot be read: {0}")]
    Decode(String),
    /// A statement that is wrong, or a use of the store that is.
    #[error("store: {0}")]
    Bug(String),
}

impl Error {
    /// Whether there is no such row, or none that the subject may know of.
    pub fn is_hidden(&self) -> bool {
        matches!(self, Error::NotFound | Error::Denied(_))
    }
    /// Whether a unique key was taken.
    pub fn is_unique(&self) -> bool {
        matches!(self, Error::Unique(_))
    }
    /// Whether a row that another must point to is not there.
    pub fn is_foreign_key(&self) -> bool {
        matches!(self, Error::ForeignKey(_))
    }
}

/// The error of a transaction's closure: a store error, or a caller's own that may hold one.
pub trait TxError: From<Error> {
    /// The store error inside, if any: the store runs a transaction again when it lost a race.
    fn store_error(&self) -> Option<&Error>;
}

impl TxError for Error {
    fn store_error(&self) -> Option<&Error> {
        Some(self)
    }
}

/// Makes a missing row an ordinary answer.
pub trait Optional<T> {
    /// `None` for [`Error::NotFound`].
    fn optional(self) -> Result<Option<T>, Error>;
}

impl<T> Optional<T> for Result<T, Error> {
    fn optional(self) -> Result<Option<T>, Error> {
        match self {
            Ok(row) => Ok(Some(row)),
            Err(Error::NotFound) => Ok(None),
            Err(e) => Err(e),
        }
    }
}
