//! `rockpool db dump`: everything as text, alike on both engines.

use std::io::{self, BufWriter, Write};

use crate::cli::args::{self, Takes};
use crate::cli::{Call, Command, Failure};
use crate::store::portability::{Error, dump};

pub(super) const COMMAND: Command = Command {
    name: "dump",
    aliases: &[],
    about: "Print everything in the database, or the one given, as lines to compare; secrets are among them",
    run,
};

const TAKES: Takes = Takes {
    name: "db dump",
    operands: &["[database]"],
    about: COMMAND.about,
    flags: &[&args::DATA_DIR, &args::POSTGRES_URL],
};

fn run(call: Call) -> Result<(), Failure> {
    let Some(asked) = args::read(call, &TAKES)? else { return Ok(()) };
    let mut source = asked.place(0)?.source().map_err(Failure::of)?;
    let mut out = BufWriter::new(io::stdout().lock());
    match dump::dump(source.as_mut(), &mut out) {
        Err(Error::Io { source, .. }) => Err(source.into()),
        other => other.map_err(Failure::of),
    }?;
    Ok(out.flush()?)
}
