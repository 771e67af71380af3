//! Finds the value of every option: command line, then environment, then YAML file, then default.
//!
//! Takes all it needs as arguments, so that tests need not touch the process's own environment.
//! What the values mean together is [`super::Config`]'s business.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::Path;

use lexopt::Arg;

use super::error::ConfigError;
use super::options::{self, Honoured, OptionSpec};
use super::suggest::closest;
use super::value::{Kind, Value};
use super::{external_auth, yaml};

/// Where a value came from; the later ones win.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// Nobody set the option, and it has no default.
    Unset,
    /// The default.
    Default,
    /// The YAML file.
    Yaml,
    /// The environment.
    Env,
    /// The command line.
    Flag,
}

/// The value of an option and where it came from.
#[derive(Clone, PartialEq)]
pub struct Setting {
    /// The value.
    pub value: Value,
    /// Where it came from.
    pub source: Source,
}

/// The settings of all options.
#[derive(Clone, PartialEq)]
pub struct Settings {
    /// In the order of [`options::all`].
    entries: Vec<Setting>,
}

impl Settings {
    /// The setting of an option. The flag must be one of the tables'.
    pub fn get(&self, flag: &str) -> &Setting {
        let at = options::position(flag).unwrap_or_else(|| panic!("no option is called {flag:?}"));
        &self.entries[at]
    }

    /// The value of a switch.
    pub fn switch(&self, flag: &str) -> bool {
        self.get(flag).value == Value::Bool(true)
    }

    /// The value of a whole number.
    pub fn int(&self, flag: &str) -> i64 {
        match self.get(flag).value {
            Value::Int(number) => number,
            _ => 0,
        }
    }

    /// The value of a duration, in nanoseconds.
    pub fn duration_ns(&self, flag: &str) -> i64 {
        match self.get(flag).value {
            Value::DurationNs(ns) => ns,
            _ => 0,
        }
    }

    /// The value of a text of any kind.
    pub fn text(&self, flag: &str) -> &str {
        match &self.get(flag).value {
            Value::Text(text) => text,
            _ => "",
        }
    }

    /// The value of a list.
    pub fn list(&self, flag: &str) -> &[String] {
        match &self.get(flag).value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// Every option with its setting, in the order of the tables.
    pub fn iter(&self) -> impl Iterator<Item = (&'static OptionSpec, &Setting)> {
        options::all().iter().copied().zip(&self.entries)
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.iter().filter(|(_, setting)| setting.source > Source::Default);
        f.debug_map()
            .entries(shown.map(|(spec, setting)| {
                let value: &dyn fmt::Debug = if spec.secret { &"•••" } else { &setting.value };
                (spec.flag, format!("{value:?} ({:?})", setting.source))
            }))
            .finish()
    }
}

/// What the command line asks for.
#[derive(Debug)]
pub enum Loaded {
    /// Help, and nothing else.
    Help,
    /// To go on with these settings.
    Settings {
        /// The settings.
        settings: Settings,
        /// What the administrator should hear about them.
        warnings: Vec<String>,
    },
}

/// Flags that belong to the whole program, not to the server: the flag and whether a value follows.
/// Service units may carry them, so they are taken with a warning.
pub const PROGRAM_FLAGS: &[(&str, bool)] = &[
    ("url", true),
    ("debug-options", false),
    ("token", true),
    ("no-version-warning", false),
    ("no-feature-warning", false),
    ("header", true),
    ("header-command", true),
    ("force-tty", false),
    ("disable-direct-connections", false),
    ("disable-network-telemetry", false),
    ("use-keyring", false),
    ("global-config", true),
    ("no-open", false),
    ("debug-http", false),
    ("agent-token", true),
    ("agent-token-file", true),
    ("agent-url", true),
    ("auth", true),
];

/// Reads the settings from the arguments after `server`, the environment, and the YAML file that these name.
pub fn load(args: impl IntoIterator<Item = OsString>, env: &BTreeMap<String, String>) -> Result<Loaded, ConfigError> {
    let mut loader = Loader { slots: vec![None; options::all().len()], warnings: Vec::new() };
    if loader.read_flags(args)? == AskedForHelp::Yes {
        return Ok(Loaded::Help);
    }
    loader.read_env(env)?;
    loader.read_yaml()?;
    loader.append_external_auth(env)?;
    loader.check_honoured()?;
    let settings = loader.finish()?;
    Ok(Loaded::Settings { settings, warnings: loader.warnings })
}

#[derive(PartialEq)]
enum AskedForHelp {
    Yes,
    No,
}

/// A value that somebody set.
#[derive(Clone)]
struct Slot {
    value: Value,
    source: Source,
    /// The flag, variable or key, for messages.
    place: String,
}

struct Loader {
    /// In the order of [`options::all`].
    slots: Vec<Option<Slot>>,
    warnings: Vec<String>,
}

impl Loader {
    fn read_flags(&mut self, args: impl IntoIterator<Item = OsString>) -> Result<AskedForHelp, ConfigError> {
        let mut parser = lexopt::Parser::from_args(args);
        let mut without_effect = Vec::new();
        while let Some(arg) = parser.next().map_err(|error| ConfigError::UnexpectedArgument(error.to_string()))? {
            let (spec, written) = match arg {
                Arg::Short('h') | Arg::Long("help") => return Ok(AskedForHelp::Yes),
                Arg::Short(letter) => match options::all().iter().find(|spec| spec.short == Some(letter)) {
                    Some(&spec) => (spec, format!("-{letter}")),
                    None => return Err(ConfigError::UnknownShort(letter)),
                },
                Arg::Long(flag) => match options::find(flag).filter(|spec| spec.on_command_line) {
                    Some(spec) => (spec, format!("--{flag}")),
                    None => {
                        let flag = flag.to_owned();
                        let Some((_, has_value)) = PROGRAM_FLAGS.iter().find(|(known, _)| *known == flag) else {
                            return Err(ConfigError::UnknownFlag { suggestion: suggest(&flag), flag });
                        };
                        if *has_value {
                            parser.value().map_err(|_| ConfigError::NeedsValue(format!("--{flag}")))?;
                        } else {
                            parser.optional_value();
                        }
                        without_effect.push(format!("--{flag}"));
                        continue;
                    }
                },
                Arg::Value(word) => return Err(ConfigError::UnexpectedArgument(word.to_string_lossy().into_owned())),
            };
            let text = match spec.kind {
                // What follows the letter of a switch is the next letter.
                Kind::Bool if !written.starts_with("--") => "true".into(),
                Kind::Bool => parser.optional_value().unwrap_or_else(|| "true".into()),
                _ => parser.value().map_err(|_| ConfigError::NeedsValue(written.clone()))?,
            };
            let text = text.into_string().map_err(|_| ConfigError::NotUtf8(written.clone()))?;
            self.set(spec, &text, Source::Flag, written)?;
        }
        if !without_effect.is_empty() {
            self.warnings.push(format!("{} has no effect on the server", without_effect.join(", ")));
        }
        Ok(AskedForHelp::No)
    }

    fn read_env(&mut self, env: &BTreeMap<String, String>) -> Result<(), ConfigError> {
        for &spec in options::all() {
            for name in [spec.env, spec.older_env].into_iter().flatten() {
                // An empty variable counts as not set, as units with `CODER_X=` in them expect.
                if let Some(text) = env.get(name).filter(|text| !text.is_empty()) {
                    self.set(spec, text, Source::Env, name.to_owned())?;
                    break;
                }
            }
        }
        self.warn_of_slips(env);
        Ok(())
    }

    /// A variable that is nearly an option's name was probably meant to be one.
    fn warn_of_slips(&mut self, env: &BTreeMap<String, String>) {
        let known: Vec<&str> = options::all().iter().flat_map(|spec| [spec.env, spec.older_env]).flatten().collect();
        for name in env.keys().filter(|name| name.starts_with("CODER_") || name.starts_with("ROCKPOOL_")) {
            if known.contains(&name.as_str()) {
                continue;
            }
            if let Some(meant) = closest(name, known.iter().copied()) {
                self.warnings.push(format!("{name} is no option, so it has no effect; did you mean {meant}?"));
            }
        }
    }

    fn read_yaml(&mut self) -> Result<(), ConfigError> {
        let Some(Slot { value: Value::Text(path), .. }) =
            options::position("config").and_then(|at| self.slots[at].clone())
        else {
            return Ok(());
        };
        for (at, node) in yaml::read(Path::new(&path))? {
            let spec = options::all()[at];
            if self.slots[at].is_some() {
                continue;
            }
            let place = spec.yaml_path().unwrap_or_default();
            let value = spec.kind.read_yaml(node).map_err(|problem| invalid(spec, &place, problem))?;
            self.slots[at] = Some(Slot { value, source: Source::Yaml, place });
        }
        Ok(())
    }

    /// Providers also come as numbered variables; these follow those of the YAML file.
    fn append_external_auth(&mut self, env: &BTreeMap<String, String>) -> Result<(), ConfigError> {
        let mut found = external_auth::from_env(env)?;
        let Some(at) = options::position("external-auth-providers").filter(|_| !found.is_empty()) else {
            return Ok(());
        };
        let mut providers = match self.slots[at].take() {
            Some(Slot { value: Value::ExternalAuth(providers), .. }) => providers,
            _ => Vec::new(),
        };
        providers.append(&mut found);
        let place = "CODER_EXTERNAL_AUTH_*".to_owned();
        self.slots[at] = Some(Slot { value: Value::ExternalAuth(providers), source: Source::Env, place });
        Ok(())
    }

    /// Takes a value unless a better source has set one; a flag given again replaces, or adds to a list.
    fn set(&mut self, spec: &OptionSpec, text: &str, source: Source, place: String) -> Result<(), ConfigError> {
        let mut value = spec.kind.parse(text).map_err(|problem| invalid(spec, &place, problem))?;
        let Some(at) = options::position(spec.flag) else { return Ok(()) };
        match &mut self.slots[at] {
            Some(before) if before.source > source => return Ok(()),
            Some(Slot { value: Value::List(before), source: Source::Flag, .. }) => {
                if let Value::List(more) = &mut value {
                    // An empty list wipes what came before it.
                    let mut all = if more.is_empty() { Vec::new() } else { std::mem::take(before) };
                    all.append(more);
                    value = Value::List(all);
                }
            }
            _ => {}
        }
        self.slots[at] = Some(Slot { value, source, place });
        Ok(())
    }

    /// Warns of options that have no effect, or refuses them.
    fn check_honoured(&mut self) -> Result<(), ConfigError> {
        let (mut ignored, mut refused) = (Vec::new(), Vec::new());
        for (spec, slot) in options::all().iter().zip(&self.slots) {
            let Some(slot) = slot else { continue };
            if !spec.use_instead.is_empty() {
                let now: Vec<_> = spec.use_instead.iter().map(|flag| format!("--{flag}")).collect();
                self.warnings.push(format!("{} is an older name: use {}", slot.place, now.join(" or ")));
            }
            let default = default_of(spec)?;
            if slot.value.is_empty() || default.as_ref() == Some(&slot.value) {
                continue;
            }
            match spec.honoured {
                Honoured::Yes => {}
                Honoured::NotYet => ignored.push(slot.place.clone()),
                Honoured::RefuseIfSet(why) => refused.push((slot.place.clone(), why)),
            }
        }
        if !refused.is_empty() {
            return Err(ConfigError::Refused(refused));
        }
        if !ignored.is_empty() {
            self.warnings.push(format!("accepted, but without effect in this version: {}", ignored.join(", ")));
        }
        Ok(())
    }

    /// Fills in defaults. Options with one place in the API share the value that has the best source;
    /// of equal ones, that of the current name.
    fn finish(&mut self) -> Result<Settings, ConfigError> {
        let mut entries = Vec::with_capacity(self.slots.len());
        for (spec, slot) in options::all().iter().zip(&self.slots) {
            let setting = match slot {
                Some(slot) => Setting { value: slot.value.clone(), source: slot.source },
                None => match default_of(spec)? {
                    Some(value) => Setting { value, source: Source::Default },
                    None => Setting { value: spec.kind.empty(), source: Source::Unset },
                },
            };
            entries.push(setting);
        }
        let mut best: BTreeMap<&str, usize> = BTreeMap::new();
        for (at, spec) in options::all().iter().enumerate() {
            let Some(field) = spec.field else { continue };
            let rank = |at: usize| (entries[at].source, options::all()[at].use_instead.is_empty());
            let held = best.entry(field).or_insert(at);
            if rank(at) > rank(*held) {
                *held = at;
            }
        }
        let shared: Vec<Setting> = options::all()
            .iter()
            .enumerate()
            .map(|(at, spec)| entries[spec.field.map_or(at, |field| best[field])].clone())
            .collect();
        Ok(Settings { entries: shared })
    }
}

fn default_of(spec: &OptionSpec) -> Result<Option<Value>, ConfigError> {
    let parsed = spec.default.map(|text| spec.kind.parse(text)).transpose();
    parsed.map_err(|problem| invalid(spec, &format!("default of --{}", spec.flag), problem))
}

fn invalid(spec: &OptionSpec, place: &str, problem: String) -> ConfigError {
    // Problems quote the value.
    let problem = if spec.secret { format!("the value is not a {}", spec.kind.name()) } else { problem };
    ConfigError::Invalid { place: place.to_owned(), problem }
}

/// The flag that looks most like `flag`, if one does.
fn suggest(flag: &str) -> Option<String> {
    let known = options::all().iter().filter(|spec| spec.on_command_line && !spec.hidden).map(|spec| spec.flag);
    closest(flag, known).map(str::to_owned)
}
