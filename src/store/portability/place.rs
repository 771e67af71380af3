//! Where a database is: a SQLite file or a Postgres URL, as an operator writes it.

use std::fmt;
use std::path::PathBuf;

use super::Error;
use super::postgres_side::PostgresSide;
use super::side::{Source, Target};
use super::sqlite_side::SqliteSide;
use crate::store::postgres;

/// Where a database is. Shown, it has no password.
#[derive(Debug, Clone)]
pub enum Place {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A database on a Postgres server.
    Postgres(Box<postgres::Target>),
}

impl Place {
    /// Reads `postgres://...`, `postgresql://...`, `sqlite:PATH` or a path.
    ///
    /// # Errors
    /// When it is a URL of another kind, or one that makes no sense.
    pub fn parse(text: &str) -> Result<Place, Error> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            let target = postgres::Target::parse(text).map_err(|error| Error::Refused(error.to_string()))?;
            return Ok(Place::Postgres(Box::new(target)));
        }
        let path = match text.strip_prefix("sqlite:") {
            Some(path) => path.strip_prefix("//").unwrap_or(path),
            None if text.contains("://") => {
                return Err(Error::Refused(format!(
                    "{text}: a database is postgres://..., sqlite:PATH, or the path of an SQLite file"
                )));
            }
            None => text,
        };
        if path.is_empty() {
            return Err(Error::Refused("the path of the SQLite file is missing".to_owned()));
        }
        Ok(Place::Sqlite(path.into()))
    }

    /// What the engine is called.
    pub fn engine(&self) -> &'static str {
        match self {
            Place::Sqlite(_) => "sqlite",
            Place::Postgres(_) => "postgres",
        }
    }

    /// Opens what is there, to read.
    ///
    /// # Errors
    /// When there is no deployment of the version of this program, or a copy that was not finished.
    pub fn source(&self) -> Result<Box<dyn Source>, Error> {
        Ok(match self {
            Place::Sqlite(path) => Box::new(SqliteSide::source(path)?),
            Place::Postgres(target) => Box::new(PostgresSide::source(target)?),
        })
    }

    /// Opens what is there to be overwritten, or makes it.
    ///
    /// # Errors
    /// When a server uses it, or it cannot be brought to the version of this program.
    pub(super) fn target(&self) -> Result<Box<dyn Target>, Error> {
        Ok(match self {
            Place::Sqlite(path) => Box::new(SqliteSide::target(path)?),
            Place::Postgres(target) => Box::new(PostgresSide::target(target)?),
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Sqlite(path) => path.display().fmt(f),
            Place::Postgres(target) => target.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_url_or_a_path() {
        for (text, want) in [
            ("pool.db", "sqlite pool.db"),
            ("/var/lib/pool.db", "sqlite /var/lib/pool.db"),
            ("sqlite:pool.db", "sqlite pool.db"),
            ("sqlite:///var/pool.db", "sqlite /var/pool.db"),
        ] {
            let place = Place::parse(text).expect(text);
            assert_eq!(format!("{} {place}", place.engine()), want, "{text}");
        }
        for text in ["", "sqlite:", "mysql://here/pool", "postgres://[broken"] {
            assert!(Place::parse(text).is_err(), "{text}");
        }
        let place = Place::parse("postgres://me:hush@db.example/pool").expect("a URL");
        assert_eq!(place.engine(), "postgres");
        assert!(!place.to_string().contains("hush"), "{place}");
    }
}
