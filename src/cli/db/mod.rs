//! `rockpool db`: what an operator does to the database itself, beside a running server or without one.
//!
//! One file a command; what they do is in [`crate::store`]. A command reads its arguments with [`args`], tells how far
//! it is with [`progress`], and answers with a text or, for `-o json`, with JSON.

mod backup;
mod check;
mod copy;
mod dump;
mod lint;
mod migrate;
mod progress;
mod restore;

use super::{Call, Command, Failure, help, unknown};

pub(super) const COMMAND: Command =
    Command { name: "db", aliases: &["database"], about: "Back up, restore, check and move the database", run };

/// Every command of the group, in the order of its help.
static COMMANDS: &[Command] =
    &[backup::COMMAND, restore::COMMAND, check::COMMAND, copy::COMMAND, dump::COMMAND, migrate::COMMAND, lint::COMMAND];

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
