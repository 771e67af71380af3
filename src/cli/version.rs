//! `rockpool version`: what this program is.

use std::io::{self, Write};

use lexopt::Arg;
use serde_json::json;

use crate::version;

use super::args::OUTPUT;
use super::{Call, Command, Failure, help};

pub(super) const COMMAND: Command = Command { name: "version", aliases: &[], about: "Show which version this is", run };

/// The version of this program.
const VERSION: &str = concat!("v", env!("CARGO_PKG_VERSION"));

const FLAGS: &[help::Flag] = &[OUTPUT];

/// Prints the answer to `--version`.
pub(super) fn print_line() -> Result<(), Failure> {
    Ok(writeln!(io::stdout(), "rockpool {VERSION} (API of {})", version::SPOKEN)?)
}

fn run(call: Call) -> Result<(), Failure> {
    let mut json = false;
    let mut parser = lexopt::Parser::from_args(call.args);
    let usage = |error: lexopt::Error| Failure::Usage(error.to_string());
    while let Some(arg) = parser.next().map_err(usage)? {
        match arg {
            Arg::Short('h') | Arg::Long("help") => {
                return help::print_command(COMMAND.name, "[flags]", COMMAND.about, FLAGS);
            }
            Arg::Short('o') | Arg::Long("output") => match parser.value().map_err(usage)?.to_str() {
                Some("json") => json = true,
                Some("text") => json = false,
                _ => return Err(Failure::Usage("--output is text or json".to_owned())),
            },
            other => return Err(usage(other.unexpected())),
        }
    }
    if !json {
        return print_line();
    }
    let about = json!({
        "version": VERSION,
        "api_version": version::SPOKEN,
        "build_time": "0001-01-01T00:00:00Z",
        "external_url": version::EXTERNAL_URL,
        "slim": false,
        "agpl": false,
        "boring_crypto": false,
    });
    Ok(writeln!(io::stdout(), "{about:#}")?)
}
