//! `rockpool db restore`: a backup takes the place of the database.

use std::path::Path;

use serde_json::json;

use super::progress::{Progress, bytes};
use crate::cli::args::{self, Takes};
use crate::cli::{Call, Command, Failure};
use crate::store::portability::restore;
use crate::time::Clock;

pub(super) const COMMAND: Command = Command {
    name: "restore",
    aliases: &[],
    about: "Put a backup in the place of the database of a stopped server",
    run,
};

const TAKES: Takes =
    Takes { name: "db restore", operands: &["file"], about: COMMAND.about, flags: &[&args::DATA_DIR, &args::OUTPUT] };

fn run(call: Call) -> Result<(), Failure> {
    let Some(asked) = args::read(call, &TAKES)? else { return Ok(()) };
    let database = asked.sqlite("restore it with pg_restore, or copy a backup into it with \"rockpool db copy\"")?;
    let file = Path::new(&asked.operands[0]);
    let mut progress = Progress::new("restore");
    let now = Clock::system().now();
    let done = restore::restore(file, &database, now, &mut |done, total| progress.show(done, total, bytes));
    drop(progress);
    let done = done.map_err(Failure::of)?;
    let kept = done.kept.as_ref().map(|kept| format!(" What was there before is {}.", kept.display()));
    asked.answer(
        &format!(
            "Restored {} (version {}) as {}.{}",
            file.display(),
            done.version,
            database.display(),
            kept.unwrap_or_default()
        ),
        &json!({"database": database, "file": file, "version": done.version, "kept": done.kept}),
    )
}
