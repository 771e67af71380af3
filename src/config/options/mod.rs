//! Every option of `rockpool server`, declared once: flag, environment variable, YAML key, type,
//! default, help, and whether this server honours it.
//!
//! Parsing, `--help`, `--write-config` and the body of `GET /api/v2/deployment/config` are all read
//! off these tables; reading values is [`super::load`]'s business, and what a value means is
//! [`super::Config`]'s. To add an option, add a line to the table of its heading.

mod ai;
mod deployment;
mod groups;
mod introspection;
mod login;
mod networking;
mod notifications;
mod ours;
mod provisioning;

use std::sync::LazyLock;

use super::value::{Kind, StructKind};

/// A heading that options stand under, perhaps below another.
#[derive(Debug, PartialEq, Eq)]
pub struct Group {
    /// What `--help` shows.
    pub name: &'static str,
    /// The key that its options are nested under in YAML.
    pub yaml: Option<&'static str>,
    /// The heading above it.
    pub parent: Option<&'static Group>,
}

impl Group {
    /// This heading and those above it, outermost first.
    pub fn ancestry(&'static self) -> Vec<&'static Group> {
        let mut chain: Vec<_> = std::iter::successors(Some(self), |group| group.parent).collect();
        chain.reverse();
        chain
    }

    /// The names of [`Group::ancestry`], as in `Networking / TLS`.
    pub fn full_name(&'static self) -> String {
        self.ancestry().iter().map(|group| group.name).collect::<Vec<_>>().join(" / ")
    }
}

/// What this server does with an option that is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Honoured {
    /// Follows it.
    Yes,
    /// Accepts it and shows it to clients, with a warning that nothing in this server follows it yet.
    NotYet,
    /// Refuses to start, because going on without it would be less safe than was asked for; says why.
    RefuseIfSet(&'static str),
}

/// One option.
#[derive(Debug, Clone, Copy)]
pub struct OptionSpec {
    /// Long flag without dashes. Also the option's name within this program, so options that have no
    /// flag on the command line carry one here all the same.
    pub flag: &'static str,
    /// Title, as the dashboard shows it.
    pub name: &'static str,
    /// Type of the value.
    pub kind: Kind,
    /// Whether the flag can be given on the command line; false for what a process list must not show.
    pub on_command_line: bool,
    /// One-letter flag.
    pub short: Option<char>,
    /// Environment variable.
    pub env: Option<&'static str>,
    /// A name that the variable had in older versions; it counts as the same.
    pub older_env: Option<&'static str>,
    /// Last part of the YAML key; [`OptionSpec::yaml_path`] has it whole.
    pub yaml: Option<&'static str>,
    /// Default, in the form a flag's value has.
    pub default: Option<&'static str>,
    /// What the default comes to in this server, where that departs from the reference's.
    pub comes_to: Option<&'static str>,
    /// What it does, for `--help`.
    pub help: &'static str,
    /// Heading.
    pub group: Option<&'static Group>,
    /// Where the value stands in the API's `DeploymentValues`; options with the same place share one value.
    pub field: Option<&'static str>,
    /// Whether that place is left out while the value is empty.
    pub omitted_if_empty: bool,
    /// Values are never shown.
    pub secret: bool,
    /// Needs a licence in the reference.
    pub enterprise: bool,
    /// Concerns workspace proxies too.
    pub proxies: bool,
    /// Left out of `--help`.
    pub hidden: bool,
    /// Flags of the options that took its place.
    pub use_instead: &'static [&'static str],
    /// What this server does with it.
    pub honoured: Honoured,
}

impl OptionSpec {
    /// The whole YAML key, as in `networking.tls.address`.
    pub fn yaml_path(&self) -> Option<String> {
        let key = self.yaml?;
        let above = self.group.map(Group::ancestry).unwrap_or_default();
        let parts: Vec<&str> = above.iter().filter_map(|group| group.yaml).chain([key]).collect();
        Some(parts.join("."))
    }
}

/// Every option, in the order of the tables.
pub fn all() -> &'static [&'static OptionSpec] {
    static ALL: LazyLock<Vec<&'static OptionSpec>> = LazyLock::new(|| {
        [
            networking::OPTIONS,
            introspection::OPTIONS,
            login::OPTIONS,
            provisioning::OPTIONS,
            notifications::OPTIONS,
            ai::OPTIONS,
            deployment::OPTIONS,
            ours::OPTIONS,
        ]
        .iter()
        .flat_map(|table| table.iter())
        .collect()
    });
    &ALL
}

/// Where in [`all`] the option of that flag stands.
pub fn position(flag: &str) -> Option<usize> {
    all().iter().position(|spec| spec.flag == flag)
}

/// The option of that flag.
pub fn find(flag: &str) -> Option<&'static OptionSpec> {
    position(flag).map(|at| all()[at])
}

// What follows is the vocabulary of the tables: a constructor a type, and one method an attribute.

const fn spec(flag: &'static str, name: &'static str, kind: Kind) -> OptionSpec {
    OptionSpec {
        flag,
        name,
        kind,
        on_command_line: true,
        short: None,
        env: None,
        older_env: None,
        yaml: None,
        default: None,
        comes_to: None,
        help: "",
        group: None,
        field: None,
        omitted_if_empty: false,
        secret: false,
        enterprise: false,
        proxies: false,
        hidden: false,
        use_instead: &[],
        honoured: Honoured::Yes,
    }
}

const fn switch(flag: &'static str, name: &'static str) -> OptionSpec {
    spec(flag, name, Kind::Bool)
}

const fn int(flag: &'static str, name: &'static str) -> OptionSpec {
    spec(flag, name, Kind::Int)
}

const fn duration(flag: &'static str, name: &'static str) -> OptionSpec {
    spec(flag, name, Kind::Duration)
}

const fn text(flag: &'static str, name: &'static str) -> OptionSpec {
    spec(flag, name, Kind::Text)
}

const fn list(flag: &'static str, name: &'static str) -> OptionSpec {
    spec(flag, name, Kind::List)
}

const fn url(flag: &'static str, name: &'static str) -> OptionSpec {
    spec(flag, name, Kind::Url)
}

const fn host_port(flag: &'static str, name: &'static str) -> OptionSpec {
    spec(flag, name, Kind::HostPort)
}

const fn regexp(flag: &'static str, name: &'static str) -> OptionSpec {
    spec(flag, name, Kind::Regexp)
}

const fn config_path(flag: &'static str, name: &'static str) -> OptionSpec {
    spec(flag, name, Kind::ConfigPath)
}

const fn choice(flag: &'static str, name: &'static str, choices: &'static [&'static str]) -> OptionSpec {
    spec(flag, name, Kind::Choice(choices))
}

const fn structured(flag: &'static str, name: &'static str, kind: StructKind) -> OptionSpec {
    spec(flag, name, Kind::Struct(kind))
}

impl OptionSpec {
    const fn short(self, letter: char) -> Self {
        Self { short: Some(letter), ..self }
    }
    const fn env(self, name: &'static str) -> Self {
        Self { env: Some(name), ..self }
    }
    const fn older_env(self, name: &'static str) -> Self {
        Self { older_env: Some(name), ..self }
    }
    const fn not_on_command_line(self) -> Self {
        Self { on_command_line: false, ..self }
    }
    const fn group(self, group: &'static Group) -> Self {
        Self { group: Some(group), ..self }
    }
    const fn yaml(self, key: &'static str) -> Self {
        Self { yaml: Some(key), ..self }
    }
    const fn field(self, path: &'static str) -> Self {
        Self { field: Some(path), ..self }
    }
    const fn omitted_if_empty(self) -> Self {
        Self { omitted_if_empty: true, ..self }
    }
    const fn default(self, value: &'static str) -> Self {
        Self { default: Some(value), ..self }
    }
    const fn comes_to(self, text: &'static str) -> Self {
        Self { comes_to: Some(text), ..self }
    }
    const fn help(self, sentence: &'static str) -> Self {
        Self { help: sentence, ..self }
    }
    const fn secret(self) -> Self {
        Self { secret: true, ..self }
    }
    const fn enterprise(self) -> Self {
        Self { enterprise: true, ..self }
    }
    const fn proxies(self) -> Self {
        Self { proxies: true, ..self }
    }
    const fn hidden(self) -> Self {
        Self { hidden: true, ..self }
    }
    const fn use_instead(self, flags: &'static [&'static str]) -> Self {
        Self { use_instead: flags, ..self }
    }
    const fn not_yet(self) -> Self {
        Self { honoured: Honoured::NotYet, ..self }
    }
    const fn refused(self, why: &'static str) -> Self {
        Self { honoured: Honoured::RefuseIfSet(why), ..self }
    }
}
