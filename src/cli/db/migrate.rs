//! `rockpool db migrate up|down|status`: the schema's version, seen and changed by hand.
//!
//! A server brings its database up by itself. This is for those who want to see where it is, to do it before the server
//! starts, or to go back because an older program is to take over.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use serde_json::json;

use crate::cli::args::{self, Asked, Takes};
use crate::cli::{Call, Command, Failure};
use crate::store::lock::Lock;
use crate::store::migrate::{self, EMPTY, LATEST, MigrateError, Status};
use crate::store::portability::place::Place;

pub(super) const COMMAND: Command =
    Command { name: "migrate", aliases: &[], about: "Show or change the version of the database's schema", run };

const TAKES: Takes = Takes {
    name: "db migrate",
    operands: &["up|down|status"],
    about: COMMAND.about,
    flags: &[&args::DATA_DIR, &args::POSTGRES_URL, &args::TO, &args::FORCE, &args::OUTPUT],
};

/// How long another program may keep the file to itself.
const PATIENCE: Duration = Duration::from_secs(5);

fn run(call: Call) -> Result<(), Failure> {
    let Some(asked) = args::read(call, &TAKES)? else { return Ok(()) };
    let up = match asked.operands[0].to_str() {
        Some("status") => return show(&asked),
        Some("up") => true,
        Some("down") => false,
        _ => return Err(Failure::Usage("db migrate: say up, down or status".to_owned())),
    };
    let mut database = Open::of(&asked, true)?;
    let from = database.status().and_then(Status::known).map_err(Failure::of)?;
    let to = target(&asked, up, from)?;
    let copy = database.go(to).map_err(Failure::of)?;
    let kept = copy.as_ref().map(|copy| format!(" As it was before it is in {}.", copy.display())).unwrap_or_default();
    let moved = match (from, to) {
        _ if from == to => format!("{} is at version {to} already.", database.name()),
        (EMPTY, _) => format!("Made {} at version {to}.", database.name()),
        _ => format!("Moved {} from version {from} to {to}.{kept}", database.name()),
    };
    asked.answer(&moved, &json!({"database": database.name(), "from": from, "to": to, "kept": copy}))
}

/// The version to end at.
fn target(asked: &Asked, up: bool, from: i64) -> Result<i64, Failure> {
    let before = || migrate::versions().map(|(version, _)| version).take_while(|version| *version < from).last();
    let to = asked.number(&args::TO)?.unwrap_or_else(|| if up { LATEST } else { before().unwrap_or(EMPTY) });
    if (up && to < from) || (!up && to > from) {
        let (way, other) = if up { ("up", "down") } else { ("down", "up") };
        return Err(Failure::Usage(format!("db migrate: {way} does not lead from {from} to {to}; say {other}")));
    }
    if to == EMPTY && from != EMPTY && !asked.has(&args::FORCE) {
        return Err(Failure::Failed("the way down to nothing removes all data: say --force to have that".to_owned()));
    }
    Ok(to)
}

fn show(asked: &Asked) -> Result<(), Failure> {
    let mut database = Open::of(asked, false)?;
    let status = database.status().map_err(Failure::of)?;
    let at = status.version.unwrap_or(EMPTY);
    let known = status.known();
    let mut text = match (&known, status.version) {
        (Err(error), _) => format!("{}: {error}", database.name()),
        (Ok(_), None) => format!("{} is empty; a server would bring it to version {LATEST}.", database.name()),
        (Ok(LATEST), _) => format!("{} is at version {LATEST}, the latest.", database.name()),
        (Ok(at), _) => format!("{} is at version {at}; a server would bring it to {LATEST}.", database.name()),
    };
    let mut steps = Vec::new();
    for (version, name) in migrate::versions() {
        let applied = version <= at;
        text.push_str(&format!("\n  {version}  {name:<20}{}", if applied { "applied" } else { "to come" }));
        steps.push(json!({"version": version, "name": name, "applied": applied}));
    }
    let json = json!({
        "database": database.name(), "version": status.version, "dirty": status.dirty, "latest": LATEST,
        "supported": known.is_ok(), "steps": steps,
    });
    asked.answer(&text, &json)
}

/// A database that is open for this.
enum Open {
    Sqlite { path: PathBuf, conn: Connection, _lock: Option<Lock> },
    Missing { path: PathBuf },
    Postgres { name: String, client: Box<postgres::Client> },
}

impl Open {
    fn of(asked: &Asked, to_change: bool) -> Result<Open, Failure> {
        match asked.database()? {
            Place::Sqlite(path) if to_change => {
                if let Some(folder) = path.parent() {
                    std::fs::DirBuilder::new()
                        .recursive(true)
                        .mode(0o700)
                        .create(folder)
                        .map_err(|error| Failure::Failed(format!("{}: {error}", folder.display())))?;
                }
                let lock = Lock::take(&path).map_err(Failure::of)?;
                let conn = Connection::open(&path).map_err(|error| unusable(&path, &error))?;
                Open::sqlite(path, conn, Some(lock))
            }
            Place::Sqlite(path) if !path.exists() => Ok(Open::Missing { path }),
            Place::Sqlite(path) => {
                let conn = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)
                    .map_err(|error| unusable(&path, &error))?;
                Open::sqlite(path, conn, None)
            }
            Place::Postgres(target) => {
                let client = crate::store::postgres::connect(&target).map_err(Failure::of)?;
                Ok(Open::Postgres { name: target.to_string(), client: Box::new(client) })
            }
        }
    }

    fn sqlite(path: PathBuf, conn: Connection, lock: Option<Lock>) -> Result<Open, Failure> {
        conn.busy_timeout(PATIENCE).map_err(|error| unusable(&path, &error))?;
        Ok(Open::Sqlite { path, conn, _lock: lock })
    }

    fn name(&self) -> String {
        match self {
            Open::Sqlite { path, .. } | Open::Missing { path } => path.display().to_string(),
            Open::Postgres { name, .. } => name.clone(),
        }
    }

    fn status(&mut self) -> Result<Status, MigrateError> {
        match self {
            Open::Sqlite { conn, .. } => migrate::sqlite::status(conn),
            Open::Missing { .. } => Ok(Status::NOTHING),
            Open::Postgres { client, .. } => migrate::postgres::status(&mut **client),
        }
    }

    /// Brings it to a version, and says where it is kept as it was.
    fn go(&mut self, version: i64) -> Result<Option<PathBuf>, MigrateError> {
        match self {
            Open::Sqlite { conn, .. } => {
                let copy = migrate::sqlite::back_up_before(conn, version)?;
                migrate::sqlite::to(conn, version).map(|()| copy)
            }
            Open::Missing { .. } => Ok(None),
            Open::Postgres { client, .. } => migrate::postgres::to(client, version).map(|()| None),
        }
    }
}

fn unusable(path: &Path, error: &rusqlite::Error) -> Failure {
    Failure::Failed(format!("cannot open {}: {error}", path.display()))
}
