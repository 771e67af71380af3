//! `rockpool db lint`: no migration and no fixture may name the schema that its tables are in.
//!
//! Tables are found through `search_path`, which deployments set as they like; one script that says otherwise breaks
//! them. The search is for the plain text, comments included: a word in a comment is soon a word in a statement.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::cli::{Call, Command, Failure, help};

pub(super) const COMMAND: Command =
    Command { name: "lint", aliases: &[], about: "Refuse SQL files that name the schema of their tables", run };

/// What may not be in a file.
const NAMED: &str = "public.";
/// The lines that are shown of one file.
const SHOWN: usize = 5;

fn run(call: Call) -> Result<(), Failure> {
    let mut operands = Vec::new();
    let mut parser = lexopt::Parser::from_args(call.args);
    while let Some(arg) = parser.next().map_err(|error| Failure::Usage(format!("db lint: {error}")))? {
        match arg {
            lexopt::Arg::Short('h') | lexopt::Arg::Long("help") => {
                return help::print_command("db lint", "[file or folder ...]", COMMAND.about, &[]);
            }
            lexopt::Arg::Value(operand) => operands.push(operand),
            other => return Err(Failure::Usage(format!("db lint: {}", other.unexpected()))),
        }
    }
    let files = files(operands)?;
    let (mut report, mut bad) = (String::new(), 0);
    for file in &files {
        let text = std::fs::read(file).map_err(|error| failed(file, &error))?;
        let found = findings(&String::from_utf8_lossy(&text));
        if !found.is_empty() {
            bad += 1;
            let _ = write!(report, "{}\n{found}", file.display());
        }
    }
    io::stdout().write_all(report.as_bytes())?;
    match bad {
        0 => Ok(()),
        1 => Err(Failure::Failed(format!("1 file names a schema: leave {NAMED:?} out, search_path finds the tables"))),
        _ => Err(Failure::Failed(format!(
            "{bad} files name a schema: leave {NAMED:?} out, search_path finds the tables"
        ))),
    }
}

/// The first offending lines of a text, a line each with its number; nothing when there are none.
fn findings(text: &str) -> String {
    let found = || text.lines().enumerate().filter(|(_, line)| line.contains(NAMED));
    let mut report = String::new();
    for (at, line) in found().take(SHOWN) {
        let _ = writeln!(report, "    {}: {}", at + 1, line.trim());
    }
    let more = found().count().saturating_sub(SHOWN);
    if more > 0 {
        let _ = writeln!(report, "    and {more} more");
    }
    report
}

/// The files that are meant: those named, and all below the folders that are named, in order.
fn files(operands: Vec<OsString>) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    let mut waiting: Vec<PathBuf> = operands.into_iter().rev().map(PathBuf::from).collect();
    while let Some(path) = waiting.pop() {
        if !path.is_dir() {
            files.push(path);
            continue;
        }
        let entries = std::fs::read_dir(&path).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let mut below: Vec<_> =
            entries.map_err(|error| failed(&path, &error))?.into_iter().map(|entry| entry.path()).collect();
        below.sort_by(|one, other| other.cmp(one));
        waiting.extend(below);
    }
    Ok(files)
}

fn failed(path: &Path, error: &io::Error) -> Failure {
    Failure::Failed(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_most_five_lines_of_a_file_are_shown() {
        for (lines, want) in [
            (0, ""),
            (2, "    1: a public.t\n    2: a public.t\n"),
            (
                6,
                "    1: a public.t\n    2: a public.t\n    3: a public.t\n    4: a public.t\n    5: a public.t\n    and 1 more\n",
            ),
        ] {
            assert_eq!(findings(&"  a public.t\n".repeat(lines)), want, "{lines} lines");
        }
        assert_eq!(findings("'public'\nrepublic\n"), "");
        assert_eq!(findings("\n-- once public.users\n"), "    2: -- once public.users\n");
    }
}
