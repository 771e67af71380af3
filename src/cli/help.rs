//! Help texts: the list of commands, and the flags of each.
//!
//! The server's flags come from the tables in [`crate::config::options`]; other commands list theirs
//! as [`Flag`]s. Both are laid out here, so that every command's help looks alike.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write as _};

use super::{COMMANDS, Command, Failure};
use crate::config::options::{self, Honoured, OptionSpec};

const WIDTH: usize = 80;
const INDENT: usize = 10;

/// A flag of a command other than the server.
#[derive(Clone, Copy)]
pub struct Flag {
    /// One-letter form.
    pub short: Option<char>,
    /// Long form without dashes.
    pub long: &'static str,
    /// Type of the value.
    pub kind: &'static str,
    /// Environment variable.
    pub env: Option<&'static str>,
    /// Default.
    pub default: Option<&'static str>,
    /// What it does.
    pub help: &'static str,
}

/// Prints the list of commands.
pub fn print_root() -> Result<(), Failure> {
    Ok(io::stdout().write_all(root().as_bytes())?)
}

/// Prints the help of a command with these flags.
pub fn print_command(name: &str, usage: &str, about: &str, flags: &[Flag]) -> Result<(), Failure> {
    let mut text = head(name, usage, about);
    text.push_str("\nOPTIONS:\n");
    for flag in flags {
        let names = names(flag.short, Some(flag.long));
        entry(&mut text, &names, flag.kind, flag.env, flag.default, &[flag.help]);
    }
    text.push_str(&foot());
    Ok(io::stdout().write_all(text.as_bytes())?)
}

/// Prints the list of a group's commands.
pub fn print_group(name: &str, about: &str, commands: &[Command]) -> Result<(), Failure> {
    let mut text = head(name, "<subcommand>", about);
    text.push_str("\nSUBCOMMANDS:\n");
    list(&mut text, commands);
    text.push_str(&foot());
    Ok(io::stdout().write_all(text.as_bytes())?)
}

/// Prints the help of the server.
pub fn print_server(about: &str) -> Result<(), Failure> {
    Ok(io::stdout().write_all(server(about).as_bytes())?)
}

fn root() -> String {
    let mut text = String::from(
        "USAGE:\n  rockpool [global-flags] <subcommand>\n\n  \
         A self-hosted control plane for remote development workspaces.\n\nSUBCOMMANDS:\n",
    );
    list(&mut text, COMMANDS);
    text.push_str("\nGLOBAL OPTIONS:\n");
    entry(&mut text, &names(Some('h'), Some("help")), "bool", None, None, &["Show help, also after a subcommand."]);
    entry(&mut text, &names(None, Some("version")), "bool", None, None, &["Show which version this is."]);
    text
}

/// A line a command, names and descriptions lined up.
fn list(text: &mut String, commands: &[Command]) {
    let widest = commands.iter().map(|command| command.name.len()).max().unwrap_or(0);
    for command in commands {
        let _ = writeln!(text, "    {:widest$}    {}", command.name, command.about);
    }
}

fn server(about: &str) -> String {
    let mut text = head("server", "[flags]", about);
    let mut groups: BTreeMap<String, Vec<&OptionSpec>> = BTreeMap::new();
    for &spec in options::all().iter().filter(|spec| !spec.hidden) {
        let group = spec.group.map(|group| group.full_name()).unwrap_or_default();
        groups.entry(group).or_default().push(spec);
    }
    for (group, mut specs) in groups {
        let space = if group.is_empty() { "" } else { " " };
        let _ = writeln!(text, "\n{}{space}OPTIONS:", group.to_uppercase());
        specs.sort_by_key(|spec| spec.name);
        for spec in specs {
            option(&mut text, spec);
        }
    }
    text.push_str(&foot());
    text
}

fn option(text: &mut String, spec: &OptionSpec) {
    let names = names(spec.short, spec.on_command_line.then_some(spec.flag));
    let mut notes = vec![spec.help];
    let older = spec.use_instead.iter().map(|flag| format!("--{flag}")).collect::<Vec<_>>().join(" or ");
    let older = format!("Older name: use {older}.");
    if !spec.use_instead.is_empty() {
        notes.push(&older);
    }
    let why;
    match spec.honoured {
        Honoured::Yes => {}
        Honoured::NotYet => notes.push("Accepted, but without effect in this version."),
        Honoured::RefuseIfSet(reason) => {
            why = format!("Not supported: {reason}.");
            notes.push(&why);
        }
    }
    entry(text, &names, &spec.kind.name(), spec.env, spec.comes_to.or(spec.default), &notes);
}

fn head(name: &str, usage: &str, about: &str) -> String {
    format!("USAGE:\n  rockpool {name} {usage}\n\n  {about}\n")
}

fn foot() -> String {
    "\n———\nRun `rockpool --help` for a list of global options.\n".to_owned()
}

/// `-c, --config`, lined up whether or not there is a letter.
fn names(short: Option<char>, long: Option<&str>) -> String {
    match (short, long) {
        (Some(letter), Some(long)) => format!("  -{letter}, --{long}"),
        (None, Some(long)) => format!("      --{long}"),
        (_, None) => "      (environment only)".to_owned(),
    }
}

fn entry(text: &mut String, names: &str, kind: &str, env: Option<&str>, default: Option<&str>, notes: &[&str]) {
    let env = env.map(|name| format!(", ${name}")).unwrap_or_default();
    let default = default.map(|value| format!(" (default: {value})")).unwrap_or_default();
    let _ = writeln!(text, "{names} {kind}{env}{default}");
    for note in notes {
        for line in wrapped(note, WIDTH - INDENT) {
            let _ = writeln!(text, "{:INDENT$}{line}", "");
        }
    }
    text.push('\n');
}

/// Breaks a text into lines of at most `width` letters, between words.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_help_shows_every_visible_option_under_its_heading() {
        let text = server("Run it");
        for spec in options::all() {
            let line = format!("--{} ", spec.flag);
            assert_eq!(text.contains(&line), spec.on_command_line && !spec.hidden, "{}", spec.flag);
        }
        let tls = text.split("NETWORKING / TLS OPTIONS:").nth(1).expect("the heading is there");
        let tls = tls.split("OPTIONS:").next().expect("there is text before the next heading");
        assert!(tls.contains("      --tls-address host:port, $CODER_TLS_ADDRESS (default: 127.0.0.1:3443)\n"));
        assert!(text.lines().all(|line| !line.starts_with("          ") || line.len() <= WIDTH));
    }

    #[test]
    fn texts_are_broken_between_words() {
        assert_eq!(wrapped("one two  three", 7), ["one two", "three"]);
        assert_eq!(wrapped("unbreakable", 3), ["unbreakable"]);
    }
}
