//! `rockpool db backup`: one file with everything, while the server goes on.

use std::path::Path;

use serde_json::json;

use super::progress::{Progress, bytes};
use crate::cli::args::{self, Takes};
use crate::cli::{Call, Command, Failure};
use crate::store::portability::backup;

pub(super) const COMMAND: Command =
    Command { name: "backup", aliases: &[], about: "Copy the database to a file, while the server runs or not", run };

const TAKES: Takes = Takes {
    name: "db backup",
    operands: &["file"],
    about: COMMAND.about,
    flags: &[&args::DATA_DIR, &args::FORCE, &args::OUTPUT],
};

fn run(call: Call) -> Result<(), Failure> {
    let Some(asked) = args::read(call, &TAKES)? else { return Ok(()) };
    let database = asked.sqlite("back it up with pg_dump, or copy it to a SQLite file with \"rockpool db copy\"")?;
    let file = Path::new(&asked.operands[0]);
    let mut progress = Progress::new("backup");
    let made =
        backup::backup(&database, file, asked.has(&args::FORCE), &mut |done, total| progress.show(done, total, bytes));
    drop(progress);
    let made = made.map_err(Failure::of)?;
    asked.answer(
        &format!(
            "Copied {} (version {}) to {}, {}.",
            database.display(),
            made.version,
            file.display(),
            bytes(made.bytes)
        ),
        &json!({"database": database, "file": file, "bytes": made.bytes, "version": made.version}),
    )
}
