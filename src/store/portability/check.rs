//! Looks whether a database is sound: the file, references, every value, and rows that belong to nothing.

use super::place::Place;
use super::side::{Flaw, Source};
use super::tables::TABLES;
use super::{Error, Progress, sqlite_error, sqlite_file};
use crate::store::migrate;

/// How many problems of a kind are listed for a table.
pub const LISTED: usize = 20;

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Which check found it.
    pub check: &'static str,
    /// The table, where it is about one.
    pub table: String,
    /// The row, where it is about one.
    pub row: String,
    /// What is wrong.
    pub problem: String,
}

/// What was looked at, and what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The version of the schema.
    pub version: i64,
    /// How many rows were read.
    pub rows: u64,
    /// What is wrong; nothing when all is well.
    pub problems: Vec<Problem>,
}

/// Columns, each with its table before it, that name a row of the table after it though no foreign key says so. `NULL`
/// and the zero UUID name none. Only where what is named outlives the row: records of what happened (audit log,
/// statistics) may name what is gone since.
const REFERENCES: &[(&str, &str, &str)] = &[
    ("aibridge_token_usages", "interception_id", "aibridge_interceptions"),
    ("aibridge_tool_usages", "interception_id", "aibridge_interceptions"),
    ("aibridge_user_prompts", "interception_id", "aibridge_interceptions"),
    ("custom_roles", "organization_id", "organizations"),
    ("external_auth_links", "user_id", "users"),
    ("files", "created_by", "users"),
    ("provisioner_jobs", "file_id", "files"),
    ("provisioner_jobs", "initiator_id", "users"),
    ("template_versions", "job_id", "provisioner_jobs"),
    ("templates", "active_version_id", "template_versions"),
    ("workspace_agent_scripts", "log_source_id", "workspace_agent_log_sources"),
    ("workspace_builds", "initiator_id", "users"),
];

/// Checks the database at `place`, which a server may be using.
///
/// # Errors
/// When it cannot be read at all, or is of another version than this program.
pub fn check(place: &Place, progress: Progress<'_>) -> Result<Report, Error> {
    let mut problems = Vec::new();
    if let Place::Sqlite(path) = place {
        let conn = sqlite_file::open_reader(path)?;
        let found = sqlite_file::problems(&conn, LISTED as u32).map_err(sqlite_error("cannot check", path))?;
        problems.extend(found.into_iter().map(|found| Problem {
            check: found.kind,
            table: found.table,
            row: found.row.map(|row| format!("rowid {row}")).unwrap_or_default(),
            problem: found.says,
        }));
        if problems.iter().any(|problem| problem.check == sqlite_file::INTEGRITY) {
            // What else would be found in a damaged file is its consequence.
            return Ok(Report { version: sqlite_file::version(&conn, path)?, rows: 0, problems });
        }
    }
    let mut source = place.source()?;
    if let Place::Postgres(_) = place {
        catalogue(source.as_mut(), &mut problems)?;
    }
    let rows = values(source.as_mut(), &mut problems, progress)?;
    orphans(source.as_mut(), &mut problems)?;
    Ok(Report { version: migrate::LATEST, rows, problems })
}

/// Reads every value there is: each must be what its column holds.
fn values(source: &mut dyn Source, problems: &mut Vec<Problem>, progress: Progress<'_>) -> Result<u64, Error> {
    let counts = TABLES.iter().map(|table| source.count(table)).collect::<Result<Vec<_>, _>>()?;
    let (mut done, total) = (0, counts.iter().sum());
    for table in TABLES {
        let mut listed = 0;
        source.rows(table, &mut |row| {
            done += 1;
            progress(done, total);
            if let Err(Flaw { table, row, column, problem }) = row
                && listed < LISTED
            {
                listed += 1;
                let problem = format!("{column}: {problem}");
                problems.push(Problem { check: "value", table: table.to_owned(), row, problem });
            }
            Ok(())
        })?;
    }
    Ok(done)
}

/// Looks for rows that name others which are not there.
fn orphans(source: &mut dyn Source, problems: &mut Vec<Problem>) -> Result<(), Error> {
    for (table, column, to) in REFERENCES {
        let sql = format!(
            "SELECT DISTINCT CAST({table}.{column} AS text) FROM {table}
             WHERE {column} IS NOT NULL AND {column} <> '00000000-0000-0000-0000-000000000000'
                 AND NOT EXISTS (SELECT 1 FROM {to} WHERE {to}.id = {table}.{column})"
        );
        for id in source.texts(&sql, LISTED)? {
            problems.push(Problem {
                check: "orphan",
                table: (*table).to_owned(),
                row: format!("{column} = {id}"),
                problem: format!("there is no such row in {to}"),
            });
        }
    }
    Ok(())
}

/// What Postgres itself knows to be unsound: indexes that were left invalid, keys that were never checked.
fn catalogue(source: &mut dyn Source, problems: &mut Vec<Problem>) -> Result<(), Error> {
    let checks = [
        (
            "index",
            "is invalid and not used: REINDEX it",
            "SELECT class.relname::text FROM pg_catalog.pg_index AS index
             JOIN pg_catalog.pg_class AS class ON class.oid = index.indexrelid
             JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = class.relnamespace
             WHERE NOT index.indisvalid AND namespace.nspname = current_schema()",
        ),
        (
            "constraint",
            "has not been checked against all rows: VALIDATE it",
            "SELECT c.conname::text FROM pg_catalog.pg_constraint AS c
             JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = c.connamespace
             WHERE NOT c.convalidated AND namespace.nspname = current_schema()",
        ),
    ];
    for (check, says, sql) in checks {
        for name in source.texts(sql, LISTED)? {
            problems.push(Problem { check, table: String::new(), row: name, problem: says.to_owned() });
        }
    }
    Ok(())
}
