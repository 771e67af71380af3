//! Writes everything in a database as text that does not depend on the engine: two databases with the same text hold the
//! same. It is for comparing; nothing reads it back.
//!
//! A heading a table (`# name column column ...`), then a line a row, in the order of their bytes. A table at a time is
//! held in memory for that. It has every secret in it that the database has.

use std::io::Write;

use super::side::Source;
use super::tables::TABLES;
use super::value::write_line;
use super::{Error, io_error_of};

/// Writes all of `source`.
///
/// # Errors
/// When a value is not what its column holds, or `out` takes no more.
pub fn dump(source: &mut dyn Source, out: &mut dyn Write) -> Result<(), Error> {
    let mut lines = Vec::new();
    for table in TABLES {
        lines.clear();
        source.rows(table, &mut |row| {
            let mut line = String::new();
            write_line(row.map_err(Error::Value)?, &mut line);
            lines.push(line);
            Ok(())
        })?;
        lines.sort_unstable();
        let columns = table.columns.iter().map(|column| column.name).collect::<Vec<_>>().join(" ");
        let mut write = || {
            writeln!(out, "# {} {columns}", table.name)?;
            lines.iter().try_for_each(|line| writeln!(out, "{line}"))
        };
        write().map_err(io_error_of("cannot write the dump"))?;
    }
    Ok(())
}
