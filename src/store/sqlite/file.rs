//! Judges a database file before anything is written to it or beside it: whether it is there, ours,
//! whole, and on a disk that SQLite can lock. Whatever is refused stays as it was, to the byte.
//!
//! It reads the header itself and lets SQLite look only at what cannot change under its hands: with
//! `immutable` SQLite makes no `-wal` and no `-shm`. Only a database that a killed server left with
//! writes in its log is opened in earnest, and then without the checkpoint that closing would do.

use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::store::{Error, functions};

/// Marks a database as ours: "Rock" in the header, which `file` and others show.
pub(super) const APPLICATION_ID: i32 = 0x526f_636b;
/// How values are kept in it. A database with a higher one is a later program's.
pub(super) const FORMAT: i32 = 1;

/// A database up to this size is read through at every start, in some tens of milliseconds; a larger
/// one while it is already in use.
pub(super) const READ_THROUGH_AT_START: u64 = 32 << 20;

const HEADER: usize = 100;
/// What the first bytes of every SQLite database are.
pub(in crate::store) const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// What there is at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing yet.
    Nothing,
    /// A database of ours.
    Ours,
    /// A database of ours that is not marked as such yet.
    Unmarked,
}

/// Looks at `path`; an error says why there will be no server on it.
pub(super) fn examine(path: &Path) -> Result<Found, Error> {
    let Some(header) = header(path)? else { return Ok(Found::Nothing) };
    let number = |at: usize| i32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let refuse = |why: String| Err(refusal(path, &why));
    match (number(68), number(60)) {
        (APPLICATION_ID, ..=FORMAT) => Ok(Found::Ours),
        (APPLICATION_ID, format) => refuse(format!(
            "a later version of this program wrote it (format {format}; this one knows {FORMAT}). Start that version"
        )),
        (0, _) if is_ours_by_tables(path)? => Ok(Found::Unmarked),
        _ => refuse(
            "it is a database of another program. Move it away, or point --data-dir to a directory of its own".into(),
        ),
    }
}

/// Reads a database through, unless it is too large for that at a start.
pub(super) fn check(path: &Path) -> Result<(), Error> {
    let size = std::fs::metadata(path).map_or(0, |file| file.len());
    if size > READ_THROUGH_AT_START {
        return Ok(());
    }
    let shm = beside(path, "-shm");
    let had_shm = shm.exists();
    let has_log = has_log(path);
    let looked = open_to_look(path, has_log).and_then(|conn| damage(&conn));
    if has_log && !had_shm {
        // SQLite makes it anew whenever it is not there.
        std::fs::remove_file(shm).ok();
    }
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    let what = match looked {
        Ok(None) => return Ok(()),
        Ok(Some(what)) => what,
        Err(e) if matches!(e.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase)) => e.to_string(),
        Err(e) => return Err(refusal(path, &e.to_string())),
    };
    Err(refusal(path, &format!("it is damaged: {what}. Restore a backup, or move it away to begin anew")))
}

/// What is wrong with the pages of a database, if anything is.
pub(super) fn damage(conn: &Connection) -> rusqlite::Result<Option<String>> {
    // CHECKs hold whenever a row is written; to evaluate them again would take most of the time.
    conn.pragma_update(None, "ignore_check_constraints", true)?;
    let found: String = conn.query_row("PRAGMA main.quick_check(1)", [], |row| row.get(0))?;
    Ok((found != "ok").then_some(found))
}

/// Refuses a network file system: SQLite's locks and its shared memory do not work there, and sooner or
/// later the database is damaged.
pub(super) fn check_filesystem(path: &Path) -> Result<(), Error> {
    let place = if path.exists() { path } else { path.parent().unwrap_or(path) };
    let Ok(found) = rustix::fs::statfs(place) else { return Ok(()) };
    let advice = "Keep the data directory on a local disk, or use --postgres-url";
    match filesystem(found.f_type as u64 & 0xffff_ffff) {
        Some((name, Trust::Never)) => Err(refusal(path, &format!("it is on a network file system ({name}). {advice}"))),
        Some((name, Trust::Perhaps)) => {
            log::warn!(target: "store", "{} is on {name}, which may not keep SQLite's promises. {advice}", path.display());
            Ok(())
        }
        None => Ok(()),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Trust {
    Never,
    Perhaps,
}

/// The file systems that SQLite cannot rely on, by their magic numbers (`statfs(2)`).
fn filesystem(magic: u64) -> Option<(&'static str, Trust)> {
    Some(match magic {
        0x6969 => ("NFS", Trust::Never),
        0x517b | 0xff53_4d42 | 0xfe53_4d42 => ("SMB", Trust::Never),
        0x5346_414f | 0x6b41_4653 => ("AFS", Trust::Never),
        0x7375_7245 => ("Coda", Trust::Never),
        0x564c => ("NCP", Trust::Never),
        0x0102_1997 => ("9p, a folder shared by the host", Trust::Perhaps),
        0x00c3_6400 => ("Ceph", Trust::Perhaps),
        0x0bd0_0bd0 => ("Lustre", Trust::Perhaps),
        _ => return None,
    })
}

/// By how many bytes the database can grow, as far as the file system and the process's limit say.
pub(super) fn room(path: &Path) -> u64 {
    let disk = rustix::fs::statvfs(path).map_or(u64::MAX, |disk| disk.f_bavail.saturating_mul(disk.f_frsize));
    let limit = rustix::process::getrlimit(rustix::process::Resource::Fsize).current.unwrap_or(u64::MAX);
    let size = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len());
    disk.min(limit.saturating_sub(size(path).max(size(&beside(path, "-wal")))))
}

/// The name of a file that SQLite keeps beside a database.
pub(in crate::store) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The header, or nothing where there is no database yet.
fn header(path: &Path) -> Result<Option<[u8; HEADER]>, Error> {
    let mut read = Vec::with_capacity(HEADER);
    match std::fs::File::open(path).and_then(|file| file.take(HEADER as u64).read_to_end(&mut read)) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(refusal(path, &e.to_string())),
        Ok(0) => return Ok(None),
        Ok(_) => {}
    }
    match <[u8; HEADER]>::try_from(read) {
        Ok(header) if header.starts_with(MAGIC) => Ok(Some(header)),
        _ => Err(refusal(path, "it is not an SQLite database. Move it away, or point --data-dir elsewhere")),
    }
}

/// Whether a database without a mark holds our tables, or nothing but those of a replication tool.
fn is_ours_by_tables(path: &Path) -> Result<bool, Error> {
    let look = || {
        let conn = open_to_look(path, false)?;
        conn.query_row(
            "SELECT count(*) FILTER (WHERE name IN ('schema_migrations', 'provisioner_jobs')) = 2,
                    count(*) FILTER (WHERE name NOT LIKE '\\_litestream\\_%' ESCAPE '\\') = 0
               FROM sqlite_schema WHERE type = 'table'",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
    };
    let (ours, empty): (bool, bool) = look().map_err(|e: rusqlite::Error| refusal(path, &e.to_string()))?;
    // Of one that looks empty, the log of its writer may hold the tables.
    Ok(ours || (empty && !has_log(path)))
}

fn has_log(path: &Path) -> bool {
    std::fs::metadata(beside(path, "-wal")).is_ok_and(|wal| wal.len() > 0)
}

fn open_to_look(path: &Path, has_log: bool) -> rusqlite::Result<Connection> {
    let conn = if has_log {
        let conn =
            Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        conn
    } else {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Connection::open_with_flags(uri(path), flags)?
    };
    functions::register(&conn)?;
    Ok(conn)
}

/// The path as a URI that tells SQLite that nothing changes the file meanwhile.
fn uri(path: &Path) -> String {
    use std::fmt::Write;
    use std::os::unix::ffi::OsStrExt;
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => uri.push(char::from(*byte)),
            other => {
                let _ = write!(uri, "%{other:02X}");
            }
        }
    }
    uri + "?immutable=1"
}

fn refusal(path: &Path, why: &str) -> Error {
    Error::Unavailable(format!("cannot use {}: {why}. Nothing was changed", path.display()))
}

/// Makes an empty file for a new database, for its owner alone: secrets will be in it. SQLite gives the files that it
/// puts beside it the same mode.
pub(in crate::store) fn make_private(path: &Path) -> std::io::Result<()> {
    std::fs::OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_file_systems_are_known_by_their_numbers() {
        for (magic, found) in [
            (0x6969, Some(("NFS", Trust::Never))),
            (0xfe53_4d42, Some(("SMB", Trust::Never))),
            (0xff53_4d42, Some(("SMB", Trust::Never))),
            (0x0102_1997, Some(("9p, a folder shared by the host", Trust::Perhaps))),
            (0xef53, None),      // ext4
            (0x9123_683e, None), // btrfs
            (0x0102_1994, None), // tmpfs
        ] {
            assert_eq!(filesystem(magic), found, "{magic:x}");
        }
    }

    #[test]
    fn any_path_can_be_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a?b#c%20 ü.db");
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE t (a)").unwrap();
        let conn = open_to_look(&path, false).unwrap();
        assert_eq!(damage(&conn).unwrap(), None);
        assert_eq!(conn.query_row("SELECT count(*) FROM t", [], |row| row.get::<_, i64>(0)).unwrap(), 0);
    }
}
