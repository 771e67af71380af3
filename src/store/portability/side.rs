//! What copying needs of an engine: rows out of one, rows into one. Two implement it.

use super::Error;
use super::place::Place;
use super::tables::{Sequence, Table};
use super::value::{Sum, Value, write_line, write_value};

/// A value that is not what its column holds, or that the other engine cannot hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// The table.
    pub table: &'static str,
    /// Which row: its number in reading, and its first column.
    pub row: String,
    /// The column.
    pub column: &'static str,
    /// What is wrong.
    pub problem: String,
}

impl Flaw {
    /// A flaw in column `at` of the row with these values, the `number`th that was read.
    pub(super) fn new(table: &Table, number: u64, values: &[Value<'_>], at: usize, problem: String) -> Flaw {
        let mut row = format!("row {number}");
        if let (Some(first), true) = (values.first(), at > 0) {
            row.push_str(&format!(" ({} = ", table.columns[0].name));
            write_value(first, &mut row);
            row.push(')');
        }
        Flaw { table: table.name, row, column: table.columns[at].name, problem }
    }
}

/// Takes the rows of a table, or what is wrong with one.
pub type EachRow<'a> = &'a mut dyn FnMut(Result<&[Value<'_>], Flaw>) -> Result<(), Error>;

/// Takes rows that are sound.
pub type PutRow<'a> = &'a mut dyn FnMut(&[Value<'_>]) -> Result<(), Error>;

/// A database to read, as it is at one moment however long that takes.
pub trait Source {
    /// Where it is.
    fn place(&self) -> &Place;
    /// How many rows a table has.
    fn count(&mut self, table: &Table) -> Result<u64, Error>;
    /// Gives every row of a table to `each`.
    fn rows(&mut self, table: &'static Table, each: EachRow<'_>) -> Result<(), Error>;
    /// The last number that a sequence gave out; 0 when it gave none.
    fn last_number(&mut self, sequence: &Sequence) -> Result<i64, Error>;
    /// Runs a query that finds rows which should not be, and answers with their texts, `at_most` of them.
    fn texts(&mut self, sql: &str, at_most: usize) -> Result<Vec<String>, Error>;
}

/// A database to fill. Until [`Target::finish`], it says of itself that it is unfinished.
pub trait Target: Source {
    /// Whether an earlier copy into it was not finished.
    fn is_unfinished(&mut self) -> Result<bool, Error>;
    /// Marks it as unfinished, lasting, and then takes out every row of ours.
    fn begin(&mut self) -> Result<(), Error>;
    /// Puts rows into a table: `feed` gives them one by one. Nothing else happens for it: no trigger acts.
    fn load(
        &mut self,
        table: &'static Table,
        feed: &mut dyn FnMut(PutRow<'_>) -> Result<(), Error>,
    ) -> Result<(), Error>;
    /// Sets the last number that a sequence gave out.
    fn set_last_number(&mut self, sequence: &Sequence, last: i64) -> Result<(), Error>;
    /// Makes everything last, and takes the mark away.
    fn finish(&mut self) -> Result<(), Error>;
}

/// Adds up a table.
pub fn sum(source: &mut (impl Source + ?Sized), table: &'static Table) -> Result<Sum, Error> {
    let mut sum = Sum::default();
    let mut line = String::new();
    source.rows(table, &mut |row| {
        line.clear();
        write_line(row.map_err(Error::Value)?, &mut line);
        sum.add(&line);
        Ok(())
    })?;
    Ok(sum)
}
