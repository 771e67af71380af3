//! The arguments of the commands of the group: operands, the flags that several share, and which database is meant.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;

use lexopt::{Arg, ValueExt};

use super::super::help::{self, Flag};
use crate::cli::{Call, Failure};
use crate::config::{Asked as Configured, Config};
use crate::store::portability::place::Place;
use crate::store::postgres::Target;

/// What a command takes.
pub(super) struct Takes {
    /// The name after `rockpool`.
    pub name: &'static str,
    /// Its operands, as its help shows them; those in brackets may be left out.
    pub operands: &'static [&'static str],
    /// One line on what it does.
    pub about: &'static str,
    /// Its flags, out of the constants below.
    pub flags: &'static [&'static Flag],
}

/// Where the server keeps everything.
pub(super) const DATA_DIR: Flag = Flag {
    short: None,
    long: "data-dir",
    kind: "string",
    env: Some("ROCKPOOL_DATA_DIR"),
    default: Some("~/.config/rockpool"),
    help: "Directory below which the server keeps everything.",
};
/// Whether the answer is for a program.
pub(super) const OUTPUT: Flag = Flag {
    short: Some('o'),
    long: "output",
    kind: "text|json",
    env: None,
    default: Some("text"),
    help: "Form of the answer.",
};
/// Whether what is there may go.
pub(super) const FORCE: Flag = Flag {
    short: None,
    long: "force",
    kind: "bool",
    env: None,
    default: None,
    help: "Overwrite what is there already.",
};

/// Where the server keeps everything instead.
pub(super) const POSTGRES_URL: Flag = Flag {
    short: None,
    long: "postgres-url",
    kind: "string",
    env: Some("CODER_PG_CONNECTION_URL"),
    default: None,
    help: "URL of the PostgreSQL database, for a server that keeps everything in one.",
};
/// Where a migration is to end.
pub(super) const TO: Flag = Flag {
    short: None,
    long: "to",
    kind: "int",
    env: None,
    default: None,
    help: "Version to end at. Without it: up goes to the latest, down one version back; 0 removes everything.",
};

/// What was asked of a command.
pub(super) struct Asked {
    /// The operands, as many as the command takes.
    pub operands: Vec<OsString>,
    /// Whether what is there may go.
    pub force: bool,
    /// Where a migration is to end.
    pub to: Option<i64>,
    /// Whether the answer is to be JSON.
    pub json: bool,
    server: Vec<OsString>,
    env: BTreeMap<String, String>,
}

/// The database that a command is to work on.
pub(super) enum Database {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A Postgres database.
    Postgres(Target),
}

/// Reads the arguments; `None` when only help was asked for, which is then printed.
pub(super) fn read(call: Call, takes: &Takes) -> Result<Option<Asked>, Failure> {
    let mut asked = Asked { operands: vec![], force: false, to: None, json: false, server: vec![], env: call.env };
    let usage = |error: lexopt::Error| Failure::Usage(format!("{}: {error}", takes.name));
    let mut parser = lexopt::Parser::from_args(call.args);
    while let Some(arg) = parser.next().map_err(usage)? {
        let long = match &arg {
            Arg::Short('h') => "help",
            Arg::Short('o') => OUTPUT.long,
            Arg::Long(long) => long,
            Arg::Value(operand) if asked.operands.len() < takes.operands.len() => {
                asked.operands.push(operand.clone());
                continue;
            }
            _ => return Err(usage(arg.unexpected())),
        };
        if long == "help" {
            let shown = |name: &&str| if name.starts_with('[') { format!(" {name}") } else { format!(" <{name}>") };
            let operands = takes.operands.iter().map(shown).collect::<String>();
            let flags = takes.flags.iter().map(|flag| **flag).collect::<Vec<_>>();
            help::print_command(takes.name, &format!("[flags]{operands}"), takes.about, &flags)?;
            return Ok(None);
        }
        match takes.flags.iter().find(|flag| flag.long == long).map(|flag| flag.long) {
            Some("output") => {
                asked.json = match parser.value().map_err(usage)?.to_str() {
                    Some("json") => true,
                    Some("text") => false,
                    _ => return Err(Failure::Usage(format!("{}: --output is text or json", takes.name))),
                };
            }
            Some("force") => asked.force = true,
            Some("to") => asked.to = Some(parser.value().and_then(|version| version.parse()).map_err(usage)?),
            // What says where the database is means the same as to the server, which reads it.
            Some(of_server) => {
                let mut flag = OsString::from(format!("--{of_server}="));
                flag.push(parser.value().map_err(usage)?);
                asked.server.push(flag);
            }
            None => return Err(usage(arg.unexpected())),
        }
    }
    match takes.operands.get(asked.operands.len()).filter(|name| !name.starts_with('[')) {
        Some(missing) => Err(Failure::Usage(format!("{}: {missing} is missing", takes.name))),
        None => Ok(Some(asked)),
    }
}

impl Asked {
    /// The database of the server that is started with the same settings.
    pub fn database(&self) -> Result<Database, Failure> {
        let Configured::Run(config) = Config::read(self.server.iter().cloned(), &self.env).map_err(Failure::of)? else {
            return Err(Failure::Failed("the settings ask for no server".to_owned()));
        };
        Ok(match config.postgres_url {
            Some(url) => Database::Postgres(Target::parse(url.expose()).map_err(Failure::of)?),
            None => Database::Sqlite(config.data_dir.join("rockpool.db")),
        })
    }

    /// The database that the operand at `index` names; without one, that of the server.
    pub fn place(&self, index: usize) -> Result<Place, Failure> {
        let place = match self.operands.get(index) {
            Some(named) => match named.to_str() {
                Some(text) => Place::parse(text),
                None => Ok(Place::Sqlite(named.into())),
            },
            None => match self.database()? {
                Database::Sqlite(path) => Ok(Place::Sqlite(path)),
                Database::Postgres(target) => Ok(Place::Postgres(Box::new(target))),
            },
        };
        place.map_err(Failure::of)
    }

    /// The same, for a command that works on files only; `instead` says what to do about a Postgres one.
    pub fn sqlite(&self, instead: &str) -> Result<PathBuf, Failure> {
        match self.database()? {
            Database::Sqlite(path) => Ok(path),
            Database::Postgres(_) => Err(Failure::Failed(format!("the database is on Postgres: {instead}"))),
        }
    }

    /// Prints the answer in the form that was asked for.
    pub fn answer(&self, text: &str, json: &serde_json::Value) -> Result<(), Failure> {
        let mut out = io::stdout();
        Ok(if self.json { writeln!(out, "{json:#}") } else { writeln!(out, "{text}") }?)
    }
}
