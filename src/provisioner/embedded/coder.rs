//! What the objects of the coder provider come to: data read from the build, resources given ids,
//! tokens and scripts. Everything happens in memory; there is nothing outside to make or unmake.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::parameter;
use super::prebuilds;
use crate::ids::Ids;
use crate::provisioner::hcl::value::{Data, Keyed, Value};
use crate::provisioner::types::*;

/// The build that templates see.
#[derive(Clone, Default)]
pub struct Build {
    /// Who, what, which.
    pub metadata: Metadata,
    /// Parameter values by name.
    pub parameters: BTreeMap<String, String>,
    /// Parameter values of the build before, by name.
    pub previous: BTreeMap<String, String>,
    /// Access tokens by external provider.
    pub external_auth: BTreeMap<String, String>,
    /// Scripts that start an agent, by `<os>_<arch>`.
    pub agent_scripts: BTreeMap<String, String>,
    /// Randomness.
    pub ids: Ids,
}

/// What the provider thinks its server is called when nobody says.
const NO_URL: &str = "https://mydeployment.coder.com";
const NIL: &str = "00000000-0000-0000-0000-000000000000";

type Attributes = BTreeMap<String, Value>;

fn text_or(text: &str, otherwise: &str) -> Value {
    if text.is_empty() { otherwise } else { text }.into()
}

impl Build {
    fn url(&self) -> &str {
        if self.metadata.coder_url.is_empty() { NO_URL } else { &self.metadata.coder_url }
    }
    fn fresh(&self) -> String {
        self.ids.uuid().to_string()
    }
    /// The task's id, unless the build is for none.
    fn task(&self) -> Option<&str> {
        let id = self.metadata.task_id.as_str();
        (!id.is_empty() && id != NIL).then_some(id)
    }
    /// The token an agent already runs with.
    fn running_token(&self, agent: &str) -> Option<&str> {
        match self.metadata.running_agent_auth_tokens.as_slice() {
            [only] => Some(&only.token),
            many => many.iter().find(|t| t.agent_id == agent).map(|t| t.token.as_str()),
        }
    }

    /// Reads a data block of that type, decoded.
    pub fn read(&self, of: &str, config: Value) -> Result<Value, String> {
        let Data::Map(_, mut at) = config.data else { return Ok(Value::UNKNOWN) };
        let mut put = |name: &str, value: Value| drop(at.insert(name.to_owned(), value));
        match of {
            "coder_external_auth" => {
                let id =
                    at.get("id").and_then(Value::as_str).filter(|id| !id.is_empty()).ok_or("id must not be empty")?;
                let token = self.external_auth.get(id).cloned().unwrap_or_default();
                at.insert("access_token".to_owned(), Value::from(token).marked(true));
            }
            "coder_parameter" => return self.parameter(at),
            "coder_provisioner" => {
                put("id", self.fresh().into());
                put("os", std::env::consts::OS.into());
                put("arch", architecture().into());
            }
            "coder_task" => {
                put("id", self.task().map_or_else(|| self.fresh(), str::to_owned).into());
                put("enabled", self.task().is_some().into());
                put("prompt", self.metadata.task_prompt.as_str().into());
            }
            "coder_workspace" => self.workspace(&mut at)?,
            "coder_workspace_owner" => self.owner(&mut at),
            "coder_workspace_preset" => return prebuilds::preset(at),
            "coder_workspace_tags" => put("id", self.fresh().into()),
            other => return Err(format!("there is no data type {other:?}")),
        }
        Ok(at.into())
    }

    fn parameter(&self, mut at: Attributes) -> Result<Value, String> {
        for rules in at.get_mut("validation").into_iter().flat_map(items) {
            let absent = |rules: &Attributes, name| rules.get(name).is_none_or(Value::is_null);
            let (min, max) = (absent(rules, "min"), absent(rules, "max"));
            rules.insert("min_disabled".to_owned(), min.into());
            rules.insert("max_disabled".to_owned(), max.into());
        }
        let optional = at.get("default").is_some_and(|v| !v.is_null());
        let name = at.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let (given, before) = (self.parameters.get(&name), self.previous.get(&name));
        let whole = Value::from(at.clone());
        let (value, form) = parameter::value(&whole, given.map(String::as_str), before.map(String::as_str))?;
        at.insert("id".to_owned(), self.fresh().into());
        at.insert("optional".to_owned(), optional.into());
        at.insert("form_type".to_owned(), form.as_str().into());
        at.insert("value".to_owned(), value.into());
        if at.get("option").and_then(Value::as_seq).is_some_and(<[Value]>::is_empty) {
            at.insert("option".to_owned(), Value::NULL);
        }
        Ok(at.into())
    }

    fn workspace(&self, at: &mut Attributes) -> Result<(), String> {
        let m = &self.metadata;
        if !m.workspace_build_id.is_empty() {
            for (what, given) in [("id", &m.template_id), ("name", &m.template_name), ("version", &m.template_version)]
            {
                if given.is_empty() {
                    return Err(format!("the build does not say the template's {what}"));
                }
            }
        }
        let start = m.workspace_transition == WorkspaceTransition::Start;
        let prebuilt = m.prebuilt_workspace_build_stage == PrebuiltWorkspaceBuildStage::Create;
        let claimed = m.prebuilt_workspace_build_stage == PrebuiltWorkspaceBuildStage::Claim;
        let id = if m.workspace_id.is_empty() { self.fresh() } else { m.workspace_id.clone() };
        let values: [(&str, Value); 12] = [
            ("access_port", port(self.url())?.into()),
            ("access_url", self.url().into()),
            ("id", id.into()),
            ("is_prebuild", prebuilt.into()),
            ("is_prebuild_claim", claimed.into()),
            ("name", text_or(&m.workspace_name, "default")),
            ("prebuild_count", i64::from(prebuilt).into()),
            ("start_count", i64::from(start).into()),
            ("template_id", m.template_id.as_str().into()),
            ("template_name", m.template_name.as_str().into()),
            ("template_version", m.template_version.as_str().into()),
            ("transition", m.workspace_transition.as_str().into()),
        ];
        at.extend(values.map(|(k, v)| (k.to_owned(), v)));
        Ok(())
    }

    fn owner(&self, at: &mut Attributes) {
        let m = &self.metadata;
        let id = if m.workspace_owner_id.is_empty() { self.fresh() } else { m.workspace_owner_id.clone() };
        let login = Some(m.workspace_owner_login_type.as_str()).filter(|t| !t.is_empty());
        let roles = m
            .workspace_owner_rbac_roles
            .iter()
            .map(|r| Value::object([("name", r.name.as_str().into()), ("org_id", Value::from(r.org_id.as_str()))]));
        let secret = |s: &str| Value::from(s).marked(true);
        let values: [(&str, Value); 11] = [
            ("email", text_or(&m.workspace_owner_email, "default@example.com")),
            ("full_name", text_or(&m.workspace_owner_name, "default")),
            ("groups", Value::strings(m.workspace_owner_groups.iter().map(String::as_str))),
            ("id", id.into()),
            ("login_type", login.map_or(Value::NULL, Value::from)),
            ("name", text_or(&m.workspace_owner, "default")),
            ("oidc_access_token", secret(&m.workspace_owner_oidc_access_token)),
            ("rbac_roles", Value::list(roles.collect())),
            ("session_token", secret(&m.workspace_owner_session_token)),
            ("ssh_private_key", secret(&m.workspace_owner_ssh_private_key)),
            ("ssh_public_key", m.workspace_owner_ssh_public_key.as_str().into()),
        ];
        at.extend(values.map(|(k, v)| (k.to_owned(), v)));
    }

    /// Makes a resource of that type: fills in what the provider sets.
    pub fn create(&self, of: &str, planned: Value) -> Result<Value, String> {
        let Data::Map(kind, mut at) = planned.data else { return Err("nothing was planned".to_owned()) };
        let id = match of {
            "null_resource" => (self.ids.uuid().as_u128() >> 65).to_string(),
            "coder_ai_task" => self.task().map_or_else(|| self.fresh(), str::to_owned),
            _ => self.fresh(),
        };
        // Only what could not be planned: an id given by the template stays.
        if at.get("id").is_none_or(|v| v.is_null() || v.is_unknown()) {
            at.insert("id".to_owned(), id.into());
        }
        match of {
            "coder_agent" => self.agent(&mut at),
            "coder_ai_task" => self.ai_task(&mut at)?,
            "coder_script" => runs_sometimes(&at)?,
            // What a provider gives back carries no marks.
            "terraform_data" => {
                let output = at.get("input").cloned().unwrap_or(Value::NULL).unmarked();
                at.insert("output".to_owned(), output);
            }
            _ => {}
        }
        Ok(Data::Map(kind, at).into())
    }

    /// Brings a resource from state up to date, as reading it from the provider does.
    pub fn refresh(&self, of: &str, value: Value) -> Value {
        match value.data {
            Data::Map(kind, mut at) if of == "coder_agent" => {
                self.agent(&mut at);
                Data::Map(kind, at).into()
            }
            data => data.into(),
        }
    }

    fn agent(&self, at: &mut Attributes) {
        let word = |name: &str| at.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let token = self.running_token(&word("id")).map_or_else(|| self.fresh(), str::to_owned);
        let url = format!("{}/", self.url().trim_end_matches('/'));
        let script = self.agent_scripts.get(&format!("{}_{}", word("os"), word("arch"))).cloned().unwrap_or_default();
        let script = script.replace("${ACCESS_URL}", &url).replace("${AUTH_TYPE}", &word("auth"));
        at.insert("init_script".to_owned(), script.into());
        at.insert("token".to_owned(), Value::from(token).marked(true));
        if at.get("display_apps").and_then(Value::as_seq).is_none_or(<[Value]>::is_empty) {
            at.insert("display_apps".to_owned(), display_apps());
        }
    }

    fn ai_task(&self, at: &mut Attributes) -> Result<(), String> {
        at.insert("enabled".to_owned(), self.task().is_some().into());
        let prompt = Some(self.metadata.task_prompt.as_str()).filter(|p| !p.is_empty());
        at.insert("prompt".to_owned(), prompt.map_or(Value::NULL, Value::from));
        let named = |v: Option<&Value>| v.and_then(Value::as_str).filter(|s| !s.is_empty()).map(str::to_owned);
        let beside = at.get("sidebar_app").and_then(Value::as_seq).and_then(<[Value]>::first);
        let app = named(at.get("app_id")).or(named(beside.map(|b| b.attribute("id"))));
        at.insert("app_id".to_owned(), app.ok_or("app_id must be set")?.into());
        Ok(())
    }

    /// The environment that commands of a template see, as Terraform's would.
    pub fn environment(&self) -> Vec<(String, String)> {
        let m = &self.metadata;
        let list = |names: &[String]| serde_json::Value::from(names.to_vec()).to_string();
        let roles: serde_json::Value = (m.workspace_owner_rbac_roles.iter())
            .map(|r| serde_json::json!({ "name": r.name, "org_id": r.org_id }))
            .collect();
        let mut env: Vec<(String, String)> = [
            ("CODER_AGENT_URL", self.url()),
            ("CODER_WORKSPACE_TRANSITION", m.workspace_transition.as_str()),
            ("CODER_WORKSPACE_NAME", &m.workspace_name),
            ("CODER_WORKSPACE_OWNER", &m.workspace_owner),
            ("CODER_WORKSPACE_OWNER_EMAIL", &m.workspace_owner_email),
            ("CODER_WORKSPACE_OWNER_NAME", &m.workspace_owner_name),
            ("CODER_WORKSPACE_OWNER_OIDC_ACCESS_TOKEN", &m.workspace_owner_oidc_access_token),
            ("CODER_WORKSPACE_OWNER_GROUPS", &list(&m.workspace_owner_groups)),
            ("CODER_WORKSPACE_OWNER_SSH_PUBLIC_KEY", &m.workspace_owner_ssh_public_key),
            ("CODER_WORKSPACE_OWNER_SSH_PRIVATE_KEY", &m.workspace_owner_ssh_private_key),
            ("CODER_WORKSPACE_OWNER_LOGIN_TYPE", &m.workspace_owner_login_type),
            ("CODER_WORKSPACE_OWNER_RBAC_ROLES", &roles.to_string()),
            ("CODER_WORKSPACE_ID", &m.workspace_id),
            ("CODER_WORKSPACE_OWNER_ID", &m.workspace_owner_id),
            ("CODER_WORKSPACE_OWNER_SESSION_TOKEN", &m.workspace_owner_session_token),
            ("CODER_WORKSPACE_TEMPLATE_ID", &m.template_id),
            ("CODER_WORKSPACE_TEMPLATE_NAME", &m.template_name),
            ("CODER_WORKSPACE_TEMPLATE_VERSION", &m.template_version),
            ("CODER_WORKSPACE_BUILD_ID", &m.workspace_build_id),
            ("CODER_TASK_ID", &m.task_id),
            ("CODER_TASK_PROMPT", &m.task_prompt),
        ]
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .to_vec();
        match m.prebuilt_workspace_build_stage {
            PrebuiltWorkspaceBuildStage::None => {}
            PrebuiltWorkspaceBuildStage::Create => env.push(("CODER_WORKSPACE_IS_PREBUILD".into(), "true".into())),
            PrebuiltWorkspaceBuildStage::Claim => env.push(("CODER_WORKSPACE_IS_PREBUILD_CLAIM".into(), "true".into())),
        }
        let scripts = self.agent_scripts.iter().map(|(k, v)| (format!("CODER_AGENT_SCRIPT_{k}"), v.clone()));
        env.extend(scripts);
        for token in &m.running_agent_auth_tokens {
            let of = if m.running_agent_auth_tokens.len() == 1 { "" } else { &token.agent_id };
            let digest: String = Sha256::digest(of).iter().map(|b| format!("{b:02x}")).collect();
            env.push((format!("CODER_RUNNING_WORKSPACE_AGENT_TOKEN_{digest}"), token.token.clone()));
        }
        env
    }
}

/// The objects in a list of nested blocks, to be changed.
fn items(list: &mut Value) -> impl Iterator<Item = &mut Attributes> {
    let items = match &mut list.data {
        Data::Seq(_, items) => items.as_mut_slice(),
        _ => &mut [],
    };
    items.iter_mut().filter_map(|v| match &mut v.data {
        Data::Map(_, map) => Some(map),
        _ => None,
    })
}

/// The built-in applications shown when the template does not say.
fn display_apps() -> Value {
    let on = DisplayApps::default();
    let of: [(&str, bool); 5] = [
        ("port_forwarding_helper", on.port_forwarding_helper),
        ("ssh_helper", on.ssh_helper),
        ("vscode", on.vscode),
        ("vscode_insiders", on.vscode_insiders),
        ("web_terminal", on.web_terminal),
    ];
    let map = of.into_iter().map(|(k, v)| (k.to_owned(), v.into())).collect();
    Value::set(vec![Data::Map(Keyed::Object, map).into()])
}

/// The machine's architecture in the words of agents.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "arm" => "armv7",
        other => other,
    }
}

/// The port of a URL, or the one its scheme implies.
fn port(url: &str) -> Result<i64, String> {
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    match host.rsplit_once(':').filter(|(_, port)| !port.contains(']')) {
        Some((_, port)) => port.parse().map_err(|_| format!("the access URL {url:?} has no proper port")),
        None => Ok(if scheme == "https" { 443 } else { 80 }),
    }
}

/// What must hold of a resource beyond its schema.
pub fn check(of: &str, at: &Value) -> Result<(), String> {
    let set = |name: &str| match &at.attribute(name).data {
        Data::Null => false,
        Data::Seq(_, items) => !items.is_empty(),
        _ => true,
    };
    let exclude = |a: &str, b: &str| match set(a) && set(b) {
        true => Err(format!("{a} and {b} exclude each other")),
        false => Ok(()),
    };
    let length = |name: &str, most: usize| match at.attribute(name).as_str().is_some_and(|s| s.len() > most) {
        true => Err(format!("{name} is longer than {most} bytes")),
        false => Ok(()),
    };
    let least = |name: &str, least: i64| match at.attribute(name).as_number().and_then(|n| n.as_i64()) {
        Some(n) if n < least => Err(format!("{name} must be at least {least}, not {n}")),
        _ => Ok(()),
    };
    let yes = |name: &str| at.attribute(name).as_bool() == Some(true);
    match of {
        "coder_agent" => {
            least("connection_timeout", 0)?;
            distinct(at.attribute("metadata"), "key")?;
            for monitoring in at.attribute("resources_monitoring").as_seq().unwrap_or_default() {
                let volumes = monitoring.attribute("volume");
                distinct(volumes, "path")?;
                for volume in volumes.as_seq().unwrap_or_default() {
                    if volume.attribute("path").as_str().is_some_and(|p| !p.starts_with('/')) {
                        return Err("the path of a volume must be absolute".to_owned());
                    }
                }
                let memory = monitoring.attribute("memory").as_seq().unwrap_or_default();
                for watched in volumes.as_seq().unwrap_or_default().iter().chain(memory) {
                    let threshold = watched.attribute("threshold").as_number().and_then(|n| n.as_i64());
                    if threshold.is_some_and(|t| !(0..=100).contains(&t)) {
                        return Err("a threshold must be between 0 and 100".to_owned());
                    }
                }
            }
        }
        "coder_ai_task" => exclude("app_id", "sidebar_app")?,
        "coder_app" => {
            let slug = at.attribute("slug").as_str();
            if slug.is_some_and(|s| !is_slug(s)) {
                return Err(format!(
                    "slug {:?} must be lower-case letters and digits, with single hyphens between them",
                    slug.unwrap_or_default()
                ));
            }
            exclude("command", "url")?;
            exclude("command", "healthcheck")?;
            if yes("external") {
                exclude("external", "healthcheck")?;
                exclude("external", "command")?;
                exclude("external", "subdomain")?;
            }
            length("display_name", 64)?;
            length("group", 64)?;
            length("tooltip", 2048)?;
        }
        "coder_devcontainer" if at.attribute("workspace_folder").as_str() == Some("") => {
            return Err("workspace_folder must not be empty".to_owned());
        }
        "coder_env" => {
            let name = at.attribute("name").as_str().unwrap_or("_");
            let fine = |c: char| c == '_' || c.is_ascii_alphanumeric();
            if name.is_empty() || !name.chars().all(fine) || name.starts_with(|c: char| c.is_ascii_digit()) {
                return Err(format!("{name:?} is not a name for an environment variable"));
            }
        }
        "coder_metadata" => distinct(at.attribute("item"), "key")?,
        "coder_script" => {
            let cron = at.attribute("cron").as_str().unwrap_or_default();
            if !cron.is_empty() {
                prebuilds::script_cron(cron)?;
            }
            least("timeout", 0)?;
        }
        _ => {}
    }
    Ok(())
}

/// Whether a script has an occasion to run, which is found out when it is made, not when it is planned.
fn runs_sometimes(script: &Attributes) -> Result<(), String> {
    let yes = |name: &str| script.get(name).and_then(Value::as_bool) == Some(true);
    let cron = script.get("cron").and_then(Value::as_str).unwrap_or_default();
    if !yes("run_on_start") && !yes("run_on_stop") && cron.is_empty() {
        return Err("one of run_on_start, run_on_stop and cron must be set".to_owned());
    }
    if yes("start_blocks_login") && !yes("run_on_start") {
        return Err("start_blocks_login goes only with run_on_start".to_owned());
    }
    Ok(())
}

/// Lower-case letters and digits, with single hyphens between them.
pub fn is_slug(text: &str) -> bool {
    let part = |p: &str| !p.is_empty() && p.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    text.split('-').all(part)
}

fn distinct(list: &Value, name: &str) -> Result<(), String> {
    let mut seen = Vec::new();
    for value in list.as_seq().unwrap_or_default().iter().filter_map(|v| v.attribute(name).as_str()) {
        if seen.contains(&value) {
            return Err(format!("two blocks have the {name} {value:?}"));
        }
        seen.push(value);
    }
    Ok(())
}

/// The items of a `coder_metadata` whose value the template leaves out are marked so.
pub fn mark_nulls(metadata: &mut Value) {
    let Data::Map(_, at) = &mut metadata.data else { return };
    for item in at.get_mut("item").into_iter().flat_map(items) {
        let null = item.get("value").is_none_or(Value::is_null);
        item.insert("is_null".to_owned(), null.into());
    }
}
