//! What each resource and data type takes: attributes and nested blocks, as the coder provider 2.13,
//! Terraform's built-in provider and the null provider declare them.
//!
//! [`find`] is the list of what the embedded provisioner can plan. A type that is not in it needs
//! Terraform.

use crate::provisioner::hcl::config::Mode;
use crate::provisioner::hcl::types::Type;

/// A resource or data type.
#[derive(Debug)]
pub struct Schema {
    /// Resource or data.
    pub mode: Mode,
    /// Its name.
    pub of: &'static str,
    /// The version state is written in.
    pub version: u64,
    /// What it takes.
    pub body: Body,
}

/// What a block takes.
#[derive(Debug)]
pub struct Body {
    /// Attributes.
    pub attrs: &'static [Attr],
    /// Nested blocks.
    pub blocks: &'static [Nested],
}

/// An attribute.
#[derive(Clone, Copy, Debug)]
pub struct Attr {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub of: Of,
    /// Who sets it.
    pub need: Need,
    /// Whether it must not be shown.
    pub sensitive: bool,
    /// What it is when left out.
    pub default: Def,
    /// The only values it takes; empty when any goes.
    pub one_of: &'static [&'static str],
}

/// The type of an attribute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Of {
    /// True or false.
    Bool,
    /// A whole number.
    Number,
    /// Text.
    String,
    /// Text by name.
    Map,
    /// Texts in order.
    List,
    /// The owner's roles.
    Roles,
    /// Whatever comes.
    Any,
}

/// Who sets an attribute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Need {
    /// The template must.
    Required,
    /// The template may.
    Optional,
    /// The provider does.
    Computed,
    /// The template may, else the provider does.
    Either,
}

/// What an attribute is when left out.
#[derive(Clone, Copy, Debug)]
pub enum Def {
    /// Null.
    None,
    /// That boolean.
    Bool(bool),
    /// That number.
    Number(i64),
    /// That text.
    Text(&'static str),
}

/// A nested block.
#[derive(Debug)]
pub struct Nested {
    /// Its word.
    pub kind: &'static str,
    /// Whether its order does not matter.
    pub set: bool,
    /// How many there must be.
    pub least: usize,
    /// How many there may be.
    pub most: usize,
    /// Whether the provider fills it in when the template does not.
    pub computed: bool,
    /// What it takes.
    pub body: Body,
}

impl Of {
    /// As a type constraint.
    pub fn constraint(self) -> Type {
        match self {
            Of::Bool => Type::Bool,
            Of::Number => Type::Number,
            Of::String => Type::String,
            Of::Map => Type::Map(Type::String.into()),
            Of::List => Type::List(Type::String.into()),
            Of::Roles => Type::List(Type::Any.into()),
            Of::Any => Type::Any,
        }
    }
}

const fn attr(name: &'static str, of: Of) -> Attr {
    Attr { name, of, need: Need::Optional, sensitive: false, default: Def::None, one_of: &[] }
}
const fn text(name: &'static str) -> Attr {
    attr(name, Of::String)
}
const fn number(name: &'static str) -> Attr {
    attr(name, Of::Number)
}
const fn flag(name: &'static str) -> Attr {
    attr(name, Of::Bool)
}
/// The id that every object of the coder provider has.
const ID: Attr = text("id").either();
const AGENT_ID: Attr = text("agent_id").required();

impl Attr {
    const fn required(self) -> Attr {
        Attr { need: Need::Required, ..self }
    }
    const fn computed(self) -> Attr {
        Attr { need: Need::Computed, ..self }
    }
    const fn either(self) -> Attr {
        Attr { need: Need::Either, ..self }
    }
    const fn secret(self) -> Attr {
        Attr { sensitive: true, ..self }
    }
    const fn is(self, default: bool) -> Attr {
        Attr { default: Def::Bool(default), ..self }
    }
    const fn or(self, default: &'static str) -> Attr {
        Attr { default: Def::Text(default), ..self }
    }
    const fn at(self, default: i64) -> Attr {
        Attr { default: Def::Number(default), ..self }
    }
    const fn one_of(self, one_of: &'static [&'static str]) -> Attr {
        Attr { one_of, ..self }
    }
}

const fn list(kind: &'static str, most: usize, body: Body) -> Nested {
    Nested { kind, set: false, least: 0, most, computed: false, body }
}
const fn set(kind: &'static str, most: usize, body: Body) -> Nested {
    Nested { kind, set: true, least: 0, most, computed: false, body }
}
const fn body(attrs: &'static [Attr], blocks: &'static [Nested]) -> Body {
    Body { attrs, blocks }
}
const fn resource(of: &'static str, version: u64, body: Body) -> Schema {
    Schema { mode: Mode::Managed, of, version, body }
}
const fn data(of: &'static str, body: Body) -> Schema {
    // State writes 0 for data whatever the provider says.
    Schema { mode: Mode::Data, of, version: 0, body }
}
const MANY: usize = usize::MAX;

/// The schema of a type.
pub fn find(mode: Mode, of: &str) -> Option<&'static Schema> {
    SCHEMAS.iter().find(|s| s.mode == mode && s.of == of)
}

static SCHEMAS: &[Schema] = &[
    resource(
        "coder_agent",
        1,
        body(
            &[
                text("api_key_scope").or("all").one_of(&["all", "no_user_data"]),
                text("arch").required().one_of(&["amd64", "armv7", "arm64"]),
                text("auth").or("token").one_of(&[
                    "token",
                    "google-instance-identity",
                    "aws-instance-identity",
                    "azure-instance-identity",
                ]),
                number("connection_timeout").at(120),
                text("dir"),
                attr("env", Of::Map),
                ID,
                text("init_script").computed(),
                text("motd_file"),
                number("order"),
                text("os").required().one_of(&["linux", "darwin", "windows"]),
                text("shutdown_script"),
                text("startup_script"),
                text("startup_script_behavior").or("non-blocking").one_of(&["blocking", "non-blocking"]),
                text("token").computed().secret(),
                text("troubleshooting_url"),
            ],
            &[
                Nested {
                    computed: true,
                    ..set(
                        "display_apps",
                        1,
                        body(
                            &[
                                flag("port_forwarding_helper").is(true),
                                flag("ssh_helper").is(true),
                                flag("vscode").is(true),
                                flag("vscode_insiders").is(false),
                                flag("web_terminal").is(true),
                            ],
                            &[],
                        ),
                    )
                },
                list(
                    "metadata",
                    MANY,
                    body(
                        &[
                            text("display_name"),
                            number("interval").required(),
                            text("key").required(),
                            number("order"),
                            text("script").required(),
                            number("timeout"),
                        ],
                        &[],
                    ),
                ),
                set(
                    "resources_monitoring",
                    1,
                    body(
                        &[],
                        &[
                            set("memory", 1, body(&[flag("enabled").required(), number("threshold").required()], &[])),
                            set(
                                "volume",
                                MANY,
                                body(
                                    &[
                                        flag("enabled").required(),
                                        text("path").required(),
                                        number("threshold").required(),
                                    ],
                                    &[],
                                ),
                            ),
                        ],
                    ),
                ),
            ],
        ),
    ),
    resource("coder_agent_instance", 0, body(&[AGENT_ID, ID, text("instance_id").required()], &[])),
    resource(
        "coder_ai_task",
        1,
        body(
            &[text("app_id").either(), flag("enabled").computed(), text("id").computed(), text("prompt").computed()],
            &[set("sidebar_app", 1, body(&[text("id").required()], &[]))],
        ),
    ),
    resource(
        "coder_app",
        1,
        body(
            &[
                AGENT_ID,
                text("command"),
                text("display_name"),
                flag("external").is(false),
                text("group"),
                flag("hidden").is(false),
                text("icon"),
                ID,
                text("open_in").or("slim-window").one_of(&["tab", "slim-window"]),
                number("order"),
                text("share").or("owner").one_of(&["owner", "authenticated", "public"]),
                text("slug").required(),
                flag("subdomain"),
                text("tooltip"),
                text("url"),
            ],
            &[set(
                "healthcheck",
                1,
                body(&[number("interval").required(), number("threshold").required(), text("url").required()], &[]),
            )],
        ),
    ),
    resource(
        "coder_devcontainer",
        1,
        body(&[AGENT_ID, text("config_path"), ID, text("workspace_folder").required()], &[]),
    ),
    resource("coder_env", 1, body(&[AGENT_ID, ID, text("name").required(), text("value")], &[])),
    resource("coder_external_agent", 1, body(&[AGENT_ID, ID], &[])),
    resource(
        "coder_metadata",
        1,
        body(
            &[number("daily_cost"), flag("hide"), text("icon"), ID, text("resource_id").required()],
            &[list(
                "item",
                MANY,
                body(
                    &[flag("is_null").computed(), text("key").required(), flag("sensitive").is(false), text("value")],
                    &[],
                ),
            )],
        ),
    ),
    resource(
        "coder_script",
        1,
        body(
            &[
                AGENT_ID,
                text("cron"),
                text("display_name").required(),
                text("icon"),
                ID,
                text("log_path"),
                flag("run_on_start").is(false),
                flag("run_on_stop").is(false),
                text("script").required(),
                flag("start_blocks_login").is(false),
                number("timeout").at(0),
            ],
            &[],
        ),
    ),
    resource("null_resource", 0, body(&[text("id").computed(), attr("triggers", Of::Map)], &[])),
    resource(
        "terraform_data",
        0,
        body(
            &[
                text("id").computed(),
                attr("input", Of::Any),
                attr("output", Of::Any).computed(),
                attr("triggers_replace", Of::Any),
            ],
            &[],
        ),
    ),
    data(
        "coder_external_auth",
        body(&[text("access_token").computed().secret(), text("id").required(), flag("optional")], &[]),
    ),
    data(
        "coder_parameter",
        body(
            &[
                text("default"),
                text("description"),
                text("display_name"),
                flag("ephemeral").is(false),
                text("form_type").one_of(&[
                    "radio",
                    "slider",
                    "input",
                    "dropdown",
                    "checkbox",
                    "switch",
                    "multi-select",
                    "tag-select",
                    "textarea",
                    "error",
                ]),
                text("icon"),
                ID,
                flag("mutable").is(false),
                text("name").required(),
                flag("optional").computed(),
                number("order"),
                text("styling").or("{}"),
                text("type").or("string").one_of(&["string", "number", "bool", "list(string)"]),
                text("value").computed(),
            ],
            &[
                list(
                    "option",
                    MANY,
                    body(&[text("description"), text("icon"), text("name").required(), text("value").required()], &[]),
                ),
                list(
                    "validation",
                    1,
                    body(
                        &[
                            text("error"),
                            number("max"),
                            flag("max_disabled").computed(),
                            number("min"),
                            flag("min_disabled").computed(),
                            text("monotonic"),
                            text("regex"),
                        ],
                        &[],
                    ),
                ),
            ],
        ),
    ),
    data("coder_provisioner", body(&[text("arch").computed(), ID, text("os").computed()], &[])),
    data("coder_task", body(&[flag("enabled").computed(), text("id").computed(), text("prompt").computed()], &[])),
    data(
        "coder_workspace",
        body(
            &[
                number("access_port").computed(),
                text("access_url").computed(),
                text("id").computed(),
                flag("is_prebuild").computed(),
                flag("is_prebuild_claim").computed(),
                text("name").computed(),
                number("prebuild_count").computed(),
                number("start_count").computed(),
                text("template_id").computed(),
                text("template_name").computed(),
                text("template_version").computed(),
                text("transition").computed(),
            ],
            &[],
        ),
    ),
    data(
        "coder_workspace_owner",
        body(
            &[
                text("email").computed(),
                text("full_name").computed(),
                attr("groups", Of::List).computed(),
                text("id").computed(),
                text("login_type").computed(),
                text("name").computed(),
                text("oidc_access_token").computed().secret(),
                attr("rbac_roles", Of::Roles).computed(),
                text("session_token").computed().secret(),
                text("ssh_private_key").computed().secret(),
                text("ssh_public_key").computed(),
            ],
            &[],
        ),
    ),
    data(
        "coder_workspace_preset",
        body(
            &[
                flag("default").is(false),
                text("description"),
                text("icon"),
                text("id").computed(),
                text("name").required(),
                attr("parameters", Of::Map),
            ],
            &[set(
                "prebuilds",
                1,
                body(
                    &[number("instances").required()],
                    &[
                        set("expiration_policy", 1, body(&[number("ttl").required()], &[])),
                        list(
                            "scheduling",
                            1,
                            body(
                                &[text("timezone").required()],
                                &[Nested {
                                    least: 1,
                                    ..list(
                                        "schedule",
                                        MANY,
                                        body(&[text("cron").required(), number("instances").required()], &[]),
                                    )
                                }],
                            ),
                        ),
                    ],
                ),
            )],
        ),
    ),
    data("coder_workspace_tags", body(&[ID, attr("tags", Of::Map)], &[])),
];

impl Schema {
    /// The provider's address as state writes it.
    pub fn provider(&self) -> &'static str {
        match self.of {
            "terraform_data" => "provider[\"terraform.io/builtin/terraform\"]",
            "null_resource" => "provider[\"registry.terraform.io/hashicorp/null\"]",
            _ => "provider[\"registry.terraform.io/coder/coder\"]",
        }
    }
    /// The provider's full name as plans write it.
    pub fn provider_name(&self) -> &'static str {
        self.provider().trim_start_matches("provider[\"").trim_end_matches("\"]")
    }
    /// The provider's short name, as timings have it.
    pub fn source(&self) -> &'static str {
        self.provider_name().rsplit('/').next().unwrap_or_default()
    }
}
