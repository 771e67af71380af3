//! `rockpool db copy`: a whole deployment from one database to another.

use serde_json::json;

use super::progress::{Progress, rows};
use crate::cli::args::{self, Takes};
use crate::cli::{Call, Command, Failure};
use crate::store::portability::copy;

pub(super) const COMMAND: Command = Command {
    name: "copy",
    aliases: &[],
    about: "Copy a whole deployment between databases: postgres://..., sqlite:PATH or a path",
    run,
};

const TAKES: Takes =
    Takes { name: "db copy", operands: &["from", "to"], about: COMMAND.about, flags: &[&args::FORCE, &args::OUTPUT] };

fn run(call: Call) -> Result<(), Failure> {
    let Some(asked) = args::read(call, &TAKES)? else { return Ok(()) };
    let (from, to) = (asked.place(0)?, asked.place(1)?);
    let mut progress = Progress::new("copy");
    let done = copy::copy(&from, &to, asked.has(&args::FORCE), &mut |step| {
        progress.rename(if step.verifying { "verify" } else { step.table });
        progress.show(step.done, step.total, rows);
    });
    drop(progress);
    let done = done.map_err(Failure::of)?;
    let (copying, verifying) = (done.copying.as_secs_f64(), done.verifying.as_secs_f64());
    let tables = done.tables.iter().map(|copied| {
        let sum = copied.sum;
        json!({"table": copied.table, "rows": sum.rows, "checksum": format!("{:032x}", sum.checksum)})
    });
    asked.answer(
        &format!(
            "Copied {} in {} tables from {from} to {to} in {copying:.1} s, and compared them in {verifying:.1} s.",
            rows(done.rows),
            done.tables.len()
        ),
        &json!({
            "from": from.to_string(),
            "to": to.to_string(),
            "rows": done.rows,
            "copy_seconds": copying,
            "verify_seconds": verifying,
            "rows_per_second": (done.rows as f64 / copying.max(f64::EPSILON)).round(),
            "tables": tables.collect::<Vec<_>>(),
        }),
    )
}
