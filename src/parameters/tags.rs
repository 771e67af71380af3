//! The provisioner tags that a template gives to what is built of it: its `coder_workspace_tags`.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::block::Block;
use super::diagnostics::{error, refusal};
use super::template::Template;
use super::{Rendered, owner};
use crate::deployment::Deployment;
use crate::provisioner::hcl::value::Value;
use crate::provisioner::source::Source;
use crate::provisioner::types::VariableValue;
use crate::sdk;
use crate::store::{self, Db};

/// Stands for the name of a tag that is not known.
const UNKNOWN: &str = "unknown";

/// Reads a block into the form's tags.
pub(super) fn read(block: &Block<'_>, out: &mut Rendered) {
    let Some(attr) = block.body.attr("tags") else { return };
    let entries: Vec<(Option<String>, Value)> = match attr.expr.as_object() {
        // Each by itself, so that one that fails leaves the others.
        Some(object) => object.iter().map(|(k, v)| (block.key(k), block.eval_parts(v.expr()))).collect(),
        None => match block.eval_parts(&attr.expr).as_map() {
            Some(map) => map.iter().map(|(k, v)| (Some(k.clone()), v.clone())).collect(),
            None => {
                let detail = "The attribute \"tags\" is something else, or cannot be worked out.";
                out.diagnostics.push(error("Tags must be an object", detail));
                return;
            }
        },
    };
    for (name, value) in entries.into_iter().filter(|(_, value)| !value.is_null()) {
        match (name, value.to_text()) {
            (Some(name), Some(text)) => drop(out.tags.insert(name, text)),
            (None, _) => wrong(out, UNKNOWN, "The name of a tag is not known".to_owned()),
            (Some(name), None) if value.is_unknown() => {
                let why = "The value of a tag is not known: it refers to something without a value";
                wrong(out, &name, why.to_owned());
            }
            (Some(name), None) => {
                wrong(out, &name, format!("The value of a tag must be a text, not {}", value.kind()));
            }
        }
    }
}

fn wrong(out: &mut Rendered, name: &str, why: String) {
    out.wrong_tags.entry(name.to_owned()).or_default().push(error(why, ""));
}

impl Rendered {
    /// The tags, if all of them can be used.
    pub fn usable_tags(self) -> Result<BTreeMap<String, String>, sdk::Response> {
        match refusal("Unable to parse workspace tags", &self.diagnostics, &self.wrong_tags) {
            Some(body) => Err(body),
            None => Ok(self.tags),
        }
    }
}

/// Why a template's tags cannot be said.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The owner is not there, or hidden.
    #[error("the owner {0} was not found")]
    NoOwner(Uuid),
    /// Something is wrong with the template: the body of a 400.
    #[error("{}", .0.message)]
    Refused(Box<sdk::Response>),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// A template that nobody has imported yet.
#[derive(Debug, Clone, Copy)]
pub struct Unread<'a> {
    /// The organization it is for.
    pub organization: Uuid,
    /// Who imports it.
    pub owner: Uuid,
    /// Its files.
    pub source: &'a Source,
    /// Values for its variables.
    pub variables: &'a [(String, String)],
}

/// The tags of a template's import: what its files say for whoever imports it, with every parameter at
/// its default. What else would keep people from building with it is found out here too: errors of its
/// form, and presets that do not go with it.
pub fn of_import(deployment: &Deployment, db: &Db, unread: Unread<'_>) -> Result<BTreeMap<String, String>, Error> {
    let owner = owner::fetch(deployment, db, unread.organization, unread.owner)?.ok_or(Error::NoOwner(unread.owner))?;
    let variables = unread
        .variables
        .iter()
        .map(|(name, value)| VariableValue { name: name.clone(), value: value.clone(), sensitive: false })
        .collect();
    let rendered = render(deployment, unread.source, variables, &owner);
    let presets = refusal("The presets are not valid", &[], &rendered.wrong_presets);
    let tags = rendered.usable_tags().map_err(|body| Error::Refused(Box::new(body)))?;
    match presets {
        Some(body) => Err(Error::Refused(Box::new(body))),
        None => Ok(tags),
    }
}

/// The same for a template of classic parameters: the tags, with every variable at its default too.
pub fn of_classic_import(deployment: &Deployment, source: &Source) -> Result<BTreeMap<String, String>, Error> {
    let rendered = render(deployment, source, Vec::new(), &Value::UNKNOWN);
    let rendered = Rendered { diagnostics: Vec::new(), ..rendered };
    rendered.usable_tags().map_err(|body| Error::Refused(Box::new(body)))
}

fn render(deployment: &Deployment, source: &Source, variables: Vec<VariableValue>, owner: &Value) -> Rendered {
    let host = super::form::host(deployment, source.clone());
    Template::read(host, variables, serde_json::Value::Null).render(owner, &BTreeMap::new())
}
