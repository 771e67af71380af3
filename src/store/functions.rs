//! The SQL functions of ours that the schema calls. A connection that writes must have them: an insert that fires
//! a trigger fails where the function is missing. The schema stays readable without.

use md5::{Digest, Md5};
use rusqlite::{Connection, functions::FunctionFlags};

/// Adds the functions to a connection; adding them again changes nothing.
///
/// # Errors
/// When SQLite refuses, as it does while a statement of the connection is running.
pub fn register(conn: &Connection) -> rusqlite::Result<()> {
    let pure = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
    // As in Postgres: the digest in hexadecimal, and null for null.
    conn.create_scalar_function("md5", 1, pure, |call| {
        let text: Option<String> = call.get(0)?;
        Ok(text.map(|text| Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect::<String>()))
    })
}
