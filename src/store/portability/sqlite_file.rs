//! A SQLite database as a file: opening it without making one, copying it whole, and looking whether it is sound.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::{Error, Progress, io_error, sqlite_error};
use crate::store::migrate;
use crate::store::sqlite::file::MAGIC;

/// How long to wait for a writer of the same file.
const PATIENCE: Duration = Duration::from_secs(5);
/// The kind of a problem of the file itself.
pub(super) const INTEGRITY: &str = "integrity";
/// How often progress is told.
const TICK: Duration = Duration::from_millis(100);

/// Opens the database at `path`, which must be there.
pub(super) fn open(path: &Path, access: OpenFlags) -> Result<Connection, Error> {
    let mut head = [0; MAGIC.len()];
    match File::open(path).and_then(|mut file| file.read_exact(&mut head)) {
        Ok(()) if head == *MAGIC => {}
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(io_error("cannot read", path)(error)),
        _ => return Err(Error::Refused(format!("{} is not an SQLite database", path.display()))),
    }
    let conn = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .map_err(sqlite_error("cannot open", path))?;
    conn.busy_timeout(PATIENCE).map_err(sqlite_error("cannot open", path))?;
    Ok(conn)
}

/// Opens the database at `path` to read from, alongside a server or not.
///
/// The file is opened for writing all the same: the last connection to close one then puts away what belongs to it.
pub(super) fn open_reader(path: &Path) -> Result<Connection, Error> {
    let conn = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    conn.pragma_update(None, "query_only", true).map_err(sqlite_error("cannot open", path))?;
    Ok(conn)
}

/// Makes an empty file that nobody else can read.
pub(super) fn make_private(path: &Path) -> Result<File, Error> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    made.map_err(io_error("cannot make", path))
}

/// The version of the schema in `conn`: one that this program can work with or bring up to date.
pub(super) fn version(conn: &Connection, path: &Path) -> Result<i64, Error> {
    match migrate::sqlite::status(conn)?.known()? {
        migrate::EMPTY => Err(Error::Refused(format!("{} holds no deployment", path.display()))),
        version => Ok(version),
    }
}

/// Copies the database behind `conn` to the new file `to`, as it is at one moment, and waits for the disk.
///
/// Nobody is held up: writers go on meanwhile. `VACUUM INTO` reads in one transaction, where SQLite's page by page
/// backup begins again whenever another process writes.
pub(super) fn copy(conn: &mut Connection, to: &Path, progress: Progress<'_>) -> Result<(), Error> {
    // Made first, so that nobody else can read what is secret in it.
    let file = make_private(to)?;
    let pages = |pragma| conn.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let total = pages("page_count").and_then(|count| Ok(count * pages("page_size")?));
    let total = total.map_err(sqlite_error("cannot copy to", to))?.unsigned_abs();
    // SQLite does not say how far it is, but the new file's size does.
    let (tell, told) = mpsc::channel();
    let copied = thread::scope(|scope| {
        scope.spawn(move || tell.send(conn.execute("VACUUM main INTO ?1", [to.to_string_lossy()])));
        loop {
            match told.recv_timeout(TICK) {
                Ok(copied) => return copied.map_err(sqlite_error("cannot copy to", to)),
                Err(RecvTimeoutError::Timeout) => {
                    progress(file.metadata().map_or(0, |now| now.len()).min(total), total)
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(io_error("cannot copy to", to)(io::Error::other("the copy ended by a panic")));
                }
            }
        }
    });
    copied?;
    progress(total, total);
    file.sync_all().map_err(io_error("cannot write", to))
}

/// What SQLite finds wrong with the file behind `conn`, `at_most` of each kind.
pub(super) fn problems(conn: &Connection, at_most: u32) -> rusqlite::Result<Vec<Problem>> {
    let mut found = Vec::new();
    let mut check = conn.prepare(&format!("PRAGMA main.integrity_check({at_most})"))?;
    for line in check.query_map([], |row| row.get::<_, String>(0))? {
        let line = line?;
        match line.strip_prefix("CHECK constraint failed in ").or_else(|| line.strip_prefix("NULL value in ")) {
            _ if line == "ok" => {}
            // A value where it does not belong, in a file that is whole.
            Some(table) => {
                let table = table.split('.').next().unwrap_or(table).to_owned();
                found.push(Problem { kind: "constraint", table, row: None, says: line });
            }
            None => {
                found.push(Problem { kind: INTEGRITY, table: String::new(), row: None, says: line.replace('\n', " ") });
            }
        }
    }
    // References cannot be followed through pages that make no sense.
    if found.iter().any(|problem| problem.kind == INTEGRITY) {
        return Ok(found);
    }
    let mut check = conn.prepare("PRAGMA main.foreign_key_check")?;
    let broken = check.query_map([], |row| {
        let (table, rowid, parent): (_, Option<i64>, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let says = format!("refers to a row of {parent} that is not there");
        Ok(Problem { kind: "foreign key", table, row: rowid, says })
    })?;
    for problem in broken.take(at_most as usize) {
        found.push(problem?);
    }
    Ok(found)
}

/// Something wrong with a database file.
pub(super) struct Problem {
    /// What kind of check found it.
    pub kind: &'static str,
    /// The table, where it is known.
    pub table: String,
    /// SQLite's number of the row, where it is known.
    pub row: Option<i64>,
    /// What is wrong.
    pub says: String,
}

/// Puts what the folder of `path` holds on disk: a file that was made, renamed or removed there.
pub(super) fn sync_folder(path: &Path) -> Result<(), Error> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io_error("cannot write to", folder))
}

/// Removes a file that may not be there.
pub(super) fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error("cannot remove", path)(error)),
        _ => Ok(()),
    }
}
