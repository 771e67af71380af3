//! Copies a deployment from one database to another, of the same engine or the other one.
//!
//! The source is read as it is at one moment, and servers may go on using it. The target takes everything in one
//! transaction, at whose end each table is read back and compared: the number of rows, and a checksum of what they are.
//! From before the first row until then the target says of itself that it is unfinished, which servers and other copies
//! heed (`schema_migrations.dirty`, which Coder heeds too, and a table of that name).

use std::time::Duration;

use super::Error;
use super::place::Place;
use super::side::{Source, Target, sum};
use super::tables::{SEQUENCES, TABLES, Table};
use super::value::{Sum, write_line};

/// Tables that have rows in a database that was only just made.
const SEEDED: &[&str] = &[
    "users",
    "organizations",
    "organization_members",
    "groups",
    "custom_roles",
    "user_status_changes",
    "provisioner_keys",
    "notification_templates",
];
/// How many rows go by before progress is told.
const TOLD_EVERY: u64 = 1000;

/// How far a copy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The table at hand.
    pub table: &'static str,
    /// Whether it is being read back, after all were written.
    pub verifying: bool,
    /// Rows that were copied, or read back, of all tables.
    pub done: u64,
    /// Rows that there are.
    pub total: u64,
}

/// A table that was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// Its name.
    pub table: &'static str,
    /// What is in it now.
    pub sum: Sum,
}

/// A copy that was finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Every table, in the order of copying.
    pub tables: Vec<Copied>,
    /// Rows in all.
    pub rows: u64,
    /// How long the rows took to copy, with what the target does to index them.
    pub copying: Duration,
    /// How long they took to compare.
    pub verifying: Duration,
}

/// Copies everything. `overwrite`: what is in the target may go; without it only a target that nobody has used is taken.
///
/// # Errors
/// When there is nothing to copy or no place for it, a value of one engine cannot be kept by the other, or what arrived is
/// not what was sent. The target is then unfinished, unless it was refused before.
pub fn copy(from: &Place, to: &Place, overwrite: bool, progress: &mut dyn FnMut(Step)) -> Result<Report, Error> {
    if is_same(from, to) {
        return Err(Error::Refused("the two databases are the same one".to_owned()));
    }
    let mut source = from.source()?;
    let mut target = to.target()?;
    if !overwrite {
        expect_unused(target.as_mut())?;
    }
    let counts = TABLES.iter().map(|table| source.count(table)).collect::<Result<Vec<_>, _>>()?;
    let total = counts.iter().sum();
    target.begin()?;

    let begun = std::time::Instant::now();
    let mut tables = Vec::with_capacity(TABLES.len());
    let mut step = Step { table: "", verifying: false, done: 0, total };
    for table in TABLES {
        step.table = table.name;
        tables.push(Copied {
            table: table.name,
            sum: one(source.as_mut(), target.as_mut(), table, &mut step, progress)?,
        });
    }
    for sequence in SEQUENCES {
        let last = source.last_number(sequence)?;
        target.set_last_number(sequence, last)?;
    }
    let copying = begun.elapsed();

    let begun = std::time::Instant::now();
    step = Step { table: "", verifying: true, done: 0, total };
    for (table, copied) in TABLES.iter().zip(&tables) {
        step.table = table.name;
        progress(step);
        let arrived = sum(target.as_mut(), table)?;
        if arrived != copied.sum {
            return Err(Error::Refused(format!(
                "{}: {} rows were sent and {} arrived, with checksums {:032x} and {:032x}",
                table.name, copied.sum.rows, arrived.rows, copied.sum.checksum, arrived.checksum
            )));
        }
        step.done += arrived.rows;
    }
    target.finish()?;
    let rows = tables.iter().map(|copied| copied.sum.rows).sum();
    Ok(Report { tables, rows, copying, verifying: begun.elapsed() })
}

/// Copies a table.
fn one(
    source: &mut dyn Source,
    target: &mut dyn Target,
    table: &'static Table,
    step: &mut Step,
    progress: &mut dyn FnMut(Step),
) -> Result<Sum, Error> {
    let mut sum = Sum::default();
    let mut line = String::new();
    progress(*step);
    target.load(table, &mut |put| {
        source.rows(table, &mut |row| {
            let values = row.map_err(Error::Value)?;
            put(values)?;
            line.clear();
            write_line(values, &mut line);
            sum.add(&line);
            step.done += 1;
            if sum.rows.is_multiple_of(TOLD_EVERY) {
                progress(*step);
            }
            Ok(())
        })
    })?;
    Ok(sum)
}

/// Refuses a target that somebody has used. One that an earlier copy left unfinished may still hold what it was to replace.
fn expect_unused(target: &mut dyn Target) -> Result<(), Error> {
    if target.is_unfinished()? {
        return Err(Error::Refused(format!(
            "an earlier copy into {} was not finished: copy into another one, or give --force to replace everything in it",
            target.place()
        )));
    }
    let users = target.texts("SELECT username FROM users WHERE NOT is_system", 1)?;
    let mut full = (!users.is_empty()).then_some("users");
    for table in TABLES.iter().filter(|table| !SEEDED.contains(&table.name)) {
        if full.is_none() && target.count(table)? > 0 {
            full = Some(table.name);
        }
    }
    match full {
        None => Ok(()),
        Some(table) => Err(Error::Refused(format!(
            "{} is not empty, there are {table} in it: copy into another one, or give --force to replace everything",
            target.place()
        ))),
    }
}

fn is_same(from: &Place, to: &Place) -> bool {
    match (from, to) {
        (Place::Sqlite(from), Place::Sqlite(to)) => {
            from == to || matches!((from.canonicalize(), to.canonicalize()), (Ok(from), Ok(to)) if from == to)
        }
        (Place::Postgres(from), Place::Postgres(to)) => from.to_string() == to.to_string(),
        _ => false,
    }
}
