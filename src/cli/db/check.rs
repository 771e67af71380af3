//! `rockpool db check`: whether the database is sound, and what is not.

use std::fmt::Write as _;

use serde_json::json;

use super::progress::{Progress, rows};
use crate::cli::args::{self, Takes};
use crate::cli::{Call, Command, Failure};
use crate::store::portability::check::{self, Problem};

pub(super) const COMMAND: Command = Command {
    name: "check",
    aliases: &[],
    about: "Check the database, or the one given: integrity, references, values, rows that belong to nothing",
    run,
};

const TAKES: Takes = Takes {
    name: "db check",
    operands: &["[database]"],
    about: COMMAND.about,
    flags: &[&args::DATA_DIR, &args::POSTGRES_URL, &args::OUTPUT],
};

fn run(call: Call) -> Result<(), Failure> {
    let Some(asked) = args::read(call, &TAKES)? else { return Ok(()) };
    let place = asked.place(0)?;
    let mut progress = Progress::new("check");
    let found = check::check(&place, &mut |done, total| progress.show(done, total, rows));
    drop(progress);
    let found = found.map_err(Failure::of)?;
    let text = if found.problems.is_empty() {
        format!("{place} (version {}) is sound: {} in it.", found.version, rows(found.rows))
    } else {
        table(&found.problems)
    };
    let problems = found.problems.iter().map(|problem| {
        json!({"check": problem.check, "table": problem.table, "row": problem.row, "problem": problem.problem})
    });
    asked.answer(
        &text,
        &json!({
            "database": place.to_string(),
            "engine": place.engine(),
            "version": found.version,
            "rows": found.rows,
            "problems": problems.collect::<Vec<_>>(),
        }),
    )?;
    match found.problems.len() {
        0 => Ok(()),
        1 => Err(Failure::Failed(format!("1 problem in {place}"))),
        count => Err(Failure::Failed(format!("{count} problems in {place}"))),
    }
}

/// A line a problem, in columns.
fn table(problems: &[Problem]) -> String {
    let heading = ["CHECK", "TABLE", "ROW", "PROBLEM"].map(str::to_owned);
    let mut lines = vec![heading];
    lines.extend(problems.iter().map(|problem| {
        let Problem { check, table, row, problem } = problem.clone();
        [check.to_owned(), table, row, problem.replace('\n', " ")]
    }));
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2)];
    let mut text = String::new();
    for [check, table, row, problem] in &lines {
        let [a, b, c] = widths;
        let _ = writeln!(text, "{check:a$}  {table:b$}  {row:c$}  {problem}");
    }
    text.trim_end().to_owned()
}
