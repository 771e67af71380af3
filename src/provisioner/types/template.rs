//! What a template declares: variables, parameters, presets, external providers.

/// A variable that a template declares.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TemplateVariable {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Its type constraint, as the template writes it.
    pub r#type: String,
    /// Its default as text; empty without one.
    pub default_value: String,
    /// Whether it must be given.
    pub required: bool,
    /// Whether its value must not be shown.
    pub sensitive: bool,
}

/// How a parameter is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ParameterFormType {
    /// As its type suggests.
    #[default]
    Default,
    /// Not at all: it is in error.
    FormError,
    /// One of a few, all in sight.
    Radio,
    /// One of many.
    Dropdown,
    /// A line of text.
    Input,
    /// Several lines of text.
    Textarea,
    /// A number in a range.
    Slider,
    /// Yes or no.
    Checkbox,
    /// On or off.
    Switch,
    /// Free words.
    Tagselect,
    /// Several of many.
    Multiselect,
}

impl ParameterFormType {
    const NAMES: [(&'static str, ParameterFormType); 11] = [
        ("", ParameterFormType::Default),
        ("error", ParameterFormType::FormError),
        ("radio", ParameterFormType::Radio),
        ("dropdown", ParameterFormType::Dropdown),
        ("input", ParameterFormType::Input),
        ("textarea", ParameterFormType::Textarea),
        ("slider", ParameterFormType::Slider),
        ("checkbox", ParameterFormType::Checkbox),
        ("switch", ParameterFormType::Switch),
        ("tag-select", ParameterFormType::Tagselect),
        ("multi-select", ParameterFormType::Multiselect),
    ];
    /// The name a template writes and the database keeps.
    pub fn as_str(self) -> &'static str {
        Self::NAMES.iter().find(|(_, t)| *t == self).map_or("", |(name, _)| name)
    }
    /// The form type of that name.
    pub fn parse(name: &str) -> Option<ParameterFormType> {
        Self::NAMES.iter().find(|(n, _)| *n == name).map(|(_, t)| *t)
    }
}

/// One of the values a parameter offers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RichParameterOption {
    /// What it is called.
    pub name: String,
    /// What choosing it means.
    pub description: String,
    /// The value it stands for.
    pub value: String,
    /// Its icon.
    pub icon: String,
}

/// A parameter that a template asks for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RichParameter {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// `string`, `number`, `bool` or `list(string)`.
    pub r#type: String,
    /// Whether it may change after the workspace was made.
    pub mutable: bool,
    /// Its default as text; empty without one.
    pub default_value: String,
    /// Its icon.
    pub icon: String,
    /// The values it offers; empty when any value goes.
    pub options: Vec<RichParameterOption>,
    /// A pattern its value must match.
    pub validation_regex: String,
    /// What to say when its value is refused.
    pub validation_error: String,
    /// The least value.
    pub validation_min: Option<i32>,
    /// The greatest value.
    pub validation_max: Option<i32>,
    /// `increasing` or `decreasing`, or nothing.
    pub validation_monotonic: String,
    /// Whether a value must be given.
    pub required: bool,
    /// What it is called in a form.
    pub display_name: String,
    /// Its place in a form.
    pub order: i32,
    /// Whether its value is forgotten after the build.
    pub ephemeral: bool,
    /// How it is asked for.
    pub form_type: ParameterFormType,
}

/// A named set of parameter values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Preset {
    /// Its name.
    pub name: String,
    /// The values it sets.
    pub parameters: Vec<PresetParameter>,
    /// How many workspaces of it are kept ready.
    pub prebuild: Option<Prebuild>,
    /// Whether it is chosen when nothing else is.
    pub default: bool,
    /// What it is for.
    pub description: String,
    /// Its icon.
    pub icon: String,
}

/// A value that a preset sets.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PresetParameter {
    /// The parameter's name.
    pub name: String,
    /// The value.
    pub value: String,
}

/// How many workspaces of a preset are kept ready, and when.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prebuild {
    /// How many, when no schedule says otherwise.
    pub instances: i32,
    /// Seconds after which an unclaimed one is replaced.
    pub expiration_policy: Option<ExpirationPolicy>,
    /// Other numbers at other times.
    pub scheduling: Option<Scheduling>,
}

/// When an unclaimed prebuilt workspace is too old.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExpirationPolicy {
    /// Its life in seconds.
    pub ttl: i32,
}

/// Numbers of prebuilt workspaces by time of the week.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scheduling {
    /// The time zone the schedules are read in.
    pub timezone: String,
    /// The schedules; they do not overlap.
    pub schedule: Vec<Schedule>,
}

/// A stretch of the week with a number of its own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Schedule {
    /// When, as a cron expression with `*` minutes.
    pub cron: String,
    /// How many.
    pub instances: i32,
}

/// An external provider that a template needs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExternalAuthProviderResource {
    /// The provider's id.
    pub id: String,
    /// Whether it works without.
    pub optional: bool,
}
