//! What can be wrong with how the server was told what to do.

use std::path::PathBuf;

/// Why options could not be read. Messages never hold the value of a secret.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A flag that neither this server nor the reference has.
    #[error("unknown flag: --{flag}{}", did_you_mean(suggestion))]
    UnknownFlag {
        /// As written, without dashes.
        flag: String,
        /// A flag that looks like it.
        suggestion: Option<String>,
    },
    /// A one-letter flag that does not exist.
    #[error("unknown shorthand flag: '{0}' in -{0}")]
    UnknownShort(char),
    /// A flag without its value.
    #[error("flag needs an argument: {0}")]
    NeedsValue(String),
    /// A word that belongs to no flag.
    #[error("unexpected argument {0:?}: every option begins with --")]
    UnexpectedArgument(String),
    /// An argument or variable that is not UTF-8.
    #[error("{0} is not valid UTF-8")]
    NotUtf8(String),
    /// A value that does not fit its option.
    #[error("{place}: {problem}")]
    Invalid {
        /// The flag, variable or key that held it.
        place: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A file that could not be read.
    #[error("{place}: reading {}: {source}", path.display())]
    Unreadable {
        /// The option that names it.
        place: &'static str,
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// A file that is not YAML.
    #[error("decoding yaml: {}: {problem}", path.display())]
    NotYaml {
        /// The file.
        path: PathBuf,
        /// What the parser says.
        problem: String,
    },
    /// Keys in a YAML file that are no options.
    #[error("applying yaml: {}", unknown_keys(.0))]
    UnknownKeys(Vec<String>),
    /// Options that this server must not ignore, and cannot follow.
    #[error("{}", refusals(.0))]
    Refused(Vec<(String, &'static str)>),
    /// Options that do not go together, or lack one another.
    #[error("{0}")]
    Contradiction(String),
}

fn did_you_mean(suggestion: &Option<String>) -> String {
    suggestion.as_ref().map(|flag| format!(" (did you mean --{flag}?)")).unwrap_or_default()
}

fn unknown_keys(keys: &[String]) -> String {
    keys.iter().map(|key| format!("unknown option {key:?}")).collect::<Vec<_>>().join("; ")
}

fn refusals(refused: &[(String, &'static str)]) -> String {
    let each: Vec<_> = refused.iter().map(|(place, why)| format!("{place} is not supported: {why}")).collect();
    format!("{}. Leave it out to go on without", each.join("; "))
}
