//! `rockpool authz`: what the rules say, and why. [`check`] holds them against a document of expectations, [`explain`]
//! asks about a user and a thing of the deployment. Both ask [`crate::rbac`], as the server does.

mod check;
mod document;
mod explain;

use super::{Call, Command, Failure, help, unknown};

pub(super) const COMMAND: Command =
    Command { name: "authz", aliases: &[], about: "Check and explain who may do what", run };

/// Every command of the group, in the order of its help.
static COMMANDS: &[Command] = &[check::COMMAND, explain::COMMAND];

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
