//! `rockpool authz check`: holds the rules against a document of expectations.

use std::io::{self, Read, Write};

use serde_json::json;

use super::document::{self, Outcome};
use crate::cli::args::{self, OUTPUT, Takes};
use crate::cli::{Call, Command, Failure};

pub(super) const COMMAND: Command =
    Command { name: "check", aliases: &[], about: "Hold the rules against a document of expectations", run };

const TAKES: Takes = Takes { name: "authz check", about: COMMAND.about, operands: &["file"], flags: &[&OUTPUT] };

fn run(call: Call) -> Result<(), Failure> {
    let Some(asked) = args::read(call, &TAKES)? else { return Ok(()) };
    let file = asked.text(0)?;
    let text = match file {
        "-" => {
            let mut text = String::new();
            io::stdin().read_to_string(&mut text).map(|_| text)
        }
        path => std::fs::read_to_string(path),
    };
    let text = text.map_err(|e| Failure::Failed(format!("cannot read {file}: {e}")))?;
    let outcome = document::check(&text).map_err(|e| Failure::Failed(format!("{file}: {e}")))?;
    let mut out = io::stdout().lock();
    if asked.json {
        let answer = json!({
            "cases": outcome.cases,
            "checks": outcome.checks,
            "failed_cases": outcome.failed_cases,
            "failures": outcome.failures,
            "warnings": outcome.warnings,
        });
        writeln!(out, "{answer:#}")?;
    } else {
        for warning in &outcome.warnings {
            writeln!(io::stderr(), "warning: {warning}")?;
        }
        out.write_all(told(&outcome).as_bytes())?;
    }
    out.flush()?;
    if outcome.failures.is_empty() { Ok(()) } else { Err(Failure::Told) }
}

/// Every case that does not hold, then the count.
fn told(outcome: &Outcome) -> String {
    let mut text = String::new();
    let mut last = "";
    for unmet in &outcome.failures {
        if unmet.case != last {
            text.push_str(&format!("{}\n", unmet.case));
            last = &unmet.case;
        }
        text.push_str(&format!(
            "  {} {} {}: expected {}, got {}: {}\n",
            unmet.subject, unmet.action, unmet.resource_type, unmet.expected, unmet.actual, unmet.reason
        ));
    }
    text.push_str(&count(outcome));
    text.push('\n');
    text
}

fn count(outcome: &Outcome) -> String {
    match outcome.failed_cases {
        0 => format!("All {} cases hold ({} checks).", outcome.cases, outcome.checks),
        failed => {
            let unmet = outcome.failures.len();
            format!("{failed} of {} cases do not hold ({unmet} of {} checks).", outcome.cases, outcome.checks)
        }
    }
}
