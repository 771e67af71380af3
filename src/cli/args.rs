//! The arguments of commands that work on a deployment: operands, the flags that several share, and which database is
//! meant.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;

use lexopt::Arg;

use super::help::{self, Flag};
use super::{Call, Failure};
use crate::config::{Asked as Configured, Config};
use crate::server::DATABASE;
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
    /// Whether the answer is to be JSON.
    pub json: bool,
    /// The other flags with their values, as often as they were given; one that takes no value has an empty one.
    given: Vec<(&'static str, OsString)>,
    env: BTreeMap<String, String>,
}

/// Reads the arguments; `None` when only help was asked for, which is then printed.
pub(super) fn read(call: Call, takes: &Takes) -> Result<Option<Asked>, Failure> {
    let mut asked = Asked { operands: vec![], json: false, given: vec![], env: call.env };
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
        match takes.flags.iter().find(|flag| flag.long == long) {
            Some(flag) if flag.long == OUTPUT.long => {
                asked.json = match parser.value().map_err(usage)?.to_str() {
                    Some("json") => true,
                    Some("text") => false,
                    _ => return Err(Failure::Usage(format!("{}: --output is text or json", takes.name))),
                };
            }
            Some(flag) if flag.kind == "bool" => asked.given.push((flag.long, OsString::new())),
            Some(flag) => asked.given.push((flag.long, parser.value().map_err(usage)?)),
            None => return Err(usage(arg.unexpected())),
        }
    }
    match takes.operands.get(asked.operands.len()).filter(|name| !name.starts_with('[')) {
        Some(missing) => Err(Failure::Usage(format!("{}: {missing} is missing", takes.name))),
        None => Ok(Some(asked)),
    }
}

impl Asked {
    /// Whether a flag was given.
    pub fn has(&self, flag: &Flag) -> bool {
        self.values(flag).next().is_some()
    }

    /// The values of a flag, as often as it was given.
    pub fn values(&self, flag: &Flag) -> impl Iterator<Item = &OsString> {
        self.given.iter().filter(|(long, _)| *long == flag.long).map(|(_, value)| value)
    }

    /// The number that a flag was given, the last of them.
    pub fn number(&self, flag: &Flag) -> Result<Option<i64>, Failure> {
        let Some(given) = self.values(flag).last() else { return Ok(None) };
        let number = given.to_str().and_then(|text| text.parse().ok());
        number.map(Some).ok_or_else(|| Failure::Usage(format!("--{} takes a number, not {given:?}", flag.long)))
    }

    /// The values of a flag as texts.
    pub fn texts(&self, flag: &Flag) -> Result<Vec<String>, Failure> {
        let text = |value: &OsString| value.to_str().map(str::to_owned);
        let texts: Option<Vec<String>> = self.values(flag).map(text).collect();
        texts.ok_or_else(|| Failure::Usage(format!("--{} must be UTF-8", flag.long)))
    }

    /// The operand at `index` as text, which the command requires.
    pub fn text(&self, index: usize) -> Result<&str, Failure> {
        let operand = self.operands.get(index).and_then(|operand| operand.to_str());
        operand.ok_or_else(|| Failure::Usage("operands must be UTF-8".to_owned()))
    }

    /// The settings of the server that is meant. What says where its database is means the same as to the server itself.
    pub fn config(&self) -> Result<Config, Failure> {
        let of_server = [DATA_DIR, POSTGRES_URL].into_iter().flat_map(|flag| {
            self.values(&flag)
                .map(move |value| {
                    let mut argument = OsString::from(format!("--{}=", flag.long));
                    argument.push(value);
                    argument
                })
                .collect::<Vec<_>>()
        });
        match Config::read(of_server, &self.env).map_err(Failure::of)? {
            Configured::Run(config) => Ok(*config),
            _ => Err(Failure::Failed("the settings ask for no server".to_owned())),
        }
    }

    /// The database of the server that is started with the same settings.
    pub fn database(&self) -> Result<Place, Failure> {
        let config = self.config()?;
        Ok(match config.postgres_url {
            Some(url) => Place::Postgres(Box::new(Target::parse(url.expose()).map_err(Failure::of)?)),
            None => Place::Sqlite(config.data_dir.join(DATABASE)),
        })
    }

    /// The database that the operand at `index` names; without one, that of the server.
    pub fn place(&self, index: usize) -> Result<Place, Failure> {
        let Some(named) = self.operands.get(index) else { return self.database() };
        match named.to_str() {
            Some(text) => Place::parse(text).map_err(Failure::of),
            None => Ok(Place::Sqlite(named.into())),
        }
    }

    /// The same, for a command that works on files only; `instead` says what to do about a Postgres one.
    pub fn sqlite(&self, instead: &str) -> Result<PathBuf, Failure> {
        match self.database()? {
            Place::Sqlite(path) => Ok(path),
            Place::Postgres(_) => Err(Failure::Failed(format!("the database is on Postgres: {instead}"))),
        }
    }

    /// Prints the answer in the form that was asked for.
    pub fn answer(&self, text: &str, json: &serde_json::Value) -> Result<(), Failure> {
        let mut out = io::stdout();
        Ok(if self.json { writeln!(out, "{json:#}") } else { writeln!(out, "{text}") }?)
    }
}
