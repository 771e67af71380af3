//! `rockpool authz`: what the rules say, and why. [`check`] holds them against a document of expectations, [`explain`]
//! asks about a user and a thing of the deployment. Both ask [`crate::rbac`], as the server does.

mod check;
mod document;
mod explain;

use lexopt::Arg;

use super::{Call, Command, Failure, help, unknown};

pub(super) const COMMAND: Command =
    Command { name: "authz", aliases: &[], about: "Check and explain who may do what", run };

/// Every command of the group, in the order of its help.
static COMMANDS: &[Command] = &[check::COMMAND, explain::COMMAND];

/// Whether the answer is for a program.
const OUTPUT: help::Flag = help::Flag {
    short: Some('o'),
    long: "output",
    kind: "text|json",
    env: None,
    default: Some("text"),
    help: "Form of the answer.",
};

fn run(mut call: Call) -> Result<(), Failure> {
    if call.args.is_empty() {
        return help::print_group(COMMAND.name, COMMAND.about, COMMANDS);
    }
    let first = call.args.remove(0);
    match first.to_string_lossy().as_ref() {
        "--help" | "-h" | "help" => help::print_group(COMMAND.name, COMMAND.about, COMMANDS),
        name => match COMMANDS.iter().find(|command| command.name == name) {
            Some(command) => (command.run)(call),
            None => Err(unknown(name, COMMANDS)),
        },
    }
}

/// What a command of the group takes.
struct Takes {
    name: &'static str,
    about: &'static str,
    operands: &'static [&'static str],
    flags: &'static [help::Flag],
}

/// What was asked of a command.
#[derive(Default)]
struct Asked {
    operands: Vec<String>,
    json: bool,
    /// The other flags, with their values, as often as they were given.
    flags: Vec<(&'static str, String)>,
}

/// Reads the arguments; `None` when only help was asked for, which is then printed.
fn read(call: &Call, takes: &Takes) -> Result<Option<Asked>, Failure> {
    let mut asked = Asked::default();
    let usage = |error: lexopt::Error| Failure::Usage(format!("{}: {error}", takes.name));
    let mut parser = lexopt::Parser::from_args(call.args.iter().cloned());
    while let Some(arg) = parser.next().map_err(usage)? {
        let long = match &arg {
            Arg::Short('o') => OUTPUT.long,
            Arg::Short('h') => "help",
            Arg::Long(long) => long,
            Arg::Value(operand) if asked.operands.len() < takes.operands.len() => {
                let operand = operand.to_str().ok_or_else(|| Failure::Usage("operands must be UTF-8".to_owned()))?;
                asked.operands.push(operand.to_owned());
                continue;
            }
            _ => return Err(usage(arg.unexpected())),
        };
        if long == "help" {
            let operands = takes.operands.iter().map(|name| format!(" <{name}>")).collect::<String>();
            help::print_command(takes.name, &format!("[flags]{operands}"), takes.about, takes.flags)?;
            return Ok(None);
        }
        let Some(flag) = takes.flags.iter().find(|flag| flag.long == long) else {
            return Err(usage(arg.unexpected()));
        };
        let value = parser.value().map_err(usage)?;
        let value = value.to_str().ok_or_else(|| Failure::Usage(format!("--{} must be UTF-8", flag.long)))?;
        match (flag.long, value) {
            ("output", "json") => asked.json = true,
            ("output", "text") => asked.json = false,
            ("output", _) => return Err(Failure::Usage(format!("{}: --output is text or json", takes.name))),
            (long, value) => asked.flags.push((long, value.to_owned())),
        }
    }
    match takes.operands.get(asked.operands.len()) {
        Some(missing) => Err(Failure::Usage(format!("{}: {missing} is missing", takes.name))),
        None => Ok(Some(asked)),
    }
}
