//! The command line: which command was asked for, and how it ends.
//!
//! One file a command group. A command gets its arguments and environment in a [`Call`], prints to
//! standard output, and fails with a [`Failure`]; [`main`] turns that into a message on standard
//! error and an exit status. To add a command, write its file and add it to [`COMMANDS`].

mod args;
mod authz;
pub mod banner;
mod db;
pub mod help;
pub mod server;
mod version;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use crate::config::suggest::closest;

/// What a command is called with.
#[derive(Debug, Clone)]
pub struct Call {
    /// The arguments after the command's name.
    pub args: Vec<OsString>,
    /// The environment.
    pub env: BTreeMap<String, String>,
}

/// A command.
pub struct Command {
    /// Its name.
    pub name: &'static str,
    /// Other names.
    pub aliases: &'static [&'static str],
    /// One line for the list of commands.
    pub about: &'static str,
    /// What it does.
    pub run: fn(Call) -> Result<(), Failure>,
}

/// Every command, in the order of `--help`.
pub static COMMANDS: &[Command] = &[server::COMMAND, db::COMMAND, authz::COMMAND, version::COMMAND];

/// Why a command ended without having done what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It was asked in a way that makes no sense.
    #[error("{0}")]
    Usage(String),
    /// It could not be done.
    #[error("{0}")]
    Failed(String),
    /// What is wrong is in the answer already.
    #[error("see above")]
    Told,
    /// Nobody reads the output any more.
    #[error("the output is closed")]
    OutputClosed,
}

impl Failure {
    /// A failure out of any error.
    pub fn of(error: impl std::fmt::Display) -> Failure {
        Failure::Failed(error.to_string())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        if error.kind() == io::ErrorKind::BrokenPipe { Failure::OutputClosed } else { Failure::of(error) }
    }
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let env = std::env::vars_os().filter_map(|(name, text)| Some((name.into_string().ok()?, text.into_string().ok()?)));
    run(Call { args: std::env::args_os().skip(1).collect(), env: env.collect() })
}

/// Runs the command that `call`'s first argument names. 0 is success, 1 a failure, 2 a usage that makes no sense.
pub fn run(call: Call) -> ExitCode {
    let (name, outcome) = dispatch(call);
    let failure = match outcome {
        // A reader that has seen enough, such as `head`, is no failure.
        Ok(()) | Err(Failure::OutputClosed) => return ExitCode::SUCCESS,
        Err(Failure::Told) => return ExitCode::FAILURE,
        Err(failure) => failure,
    };
    let command = name.map(|name| format!("rockpool {name}")).unwrap_or_else(|| "rockpool".to_owned());
    // When standard error is closed there is nobody to tell.
    let _ = writeln!(io::stderr(), "{command}: {failure}");
    match failure {
        Failure::Usage(_) => {
            let _ = writeln!(io::stderr(), "See \"{command} --help\".");
            ExitCode::from(2)
        }
        Failure::Failed(_) | Failure::Told | Failure::OutputClosed => ExitCode::FAILURE,
    }
}

/// The command's name, once that is known, and how it went.
fn dispatch(mut call: Call) -> (Option<&'static str>, Result<(), Failure>) {
    if call.args.is_empty() {
        return (None, help::print_root());
    }
    let first = call.args.remove(0);
    match first.to_string_lossy().as_ref() {
        "--help" | "-h" | "help" => match call.args.first().map(|name| name.to_string_lossy().into_owned()) {
            None => (None, help::print_root()),
            Some(name) => {
                call.args = vec![OsString::from(name), OsString::from("--help")];
                dispatch(call)
            }
        },
        "--version" => (None, version::print_line()),
        name => match find(name) {
            Some(command) => (Some(command.name), (command.run)(call)),
            None => (None, Err(unknown(name, COMMANDS))),
        },
    }
}

fn find(name: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| command.name == name || command.aliases.contains(&name))
}

/// The failure of a name that none of `commands` has.
fn unknown(name: &str, commands: &[Command]) -> Failure {
    if let Some(flag) = name.strip_prefix("--") {
        return Failure::Usage(format!("unknown flag: --{flag}"));
    }
    let hint = closest(name, commands.iter().map(|command| command.name));
    let hint = hint.map(|known| format!(" (did you mean {known:?}?)")).unwrap_or_default();
    Failure::Usage(format!("unknown command {name:?}{hint}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(args: &[&str]) -> (Option<&'static str>, String) {
        let call = Call { args: args.iter().map(OsString::from).collect(), env: BTreeMap::new() };
        let (name, outcome) = dispatch(call);
        (name, outcome.map_or_else(|failure| failure.to_string(), |()| "fine".to_owned()))
    }

    #[test]
    fn unknown_commands_and_flags_are_named() {
        for (args, want) in [
            (&["serve"][..], "unknown command \"serve\" (did you mean \"server\"?)"),
            (&["frobnicate"], "unknown command \"frobnicate\""),
            (&["--frobnicate"], "unknown flag: --frobnicate"),
            (&["help", "frobnicate"], "unknown command \"frobnicate\""),
        ] {
            assert_eq!(outcome(args), (None, want.to_owned()), "{args:?}");
        }
    }

    #[test]
    fn a_command_with_a_bad_flag_fails_under_its_name() {
        let (name, message) = outcome(&["server", "--htp-address", "x"]);
        assert_eq!(name, Some("server"));
        assert_eq!(message, "unknown flag: --htp-address (did you mean --http-address?)");
    }
}
