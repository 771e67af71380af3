//! Which provisioners may take a build: the tags of the version's import, and over them the tags that
//! the template works out from its variables and the build's parameters.

use std::collections::BTreeMap;

use hcl_edit::expr::Expression;

use super::Error;
use crate::provisioner::hcl::eval::{self, EvalError, Evaluator, Scope};
use crate::provisioner::hcl::functions::Host;
use crate::provisioner::hcl::value::Value;
use crate::store::queries::template_versions::{TemplateVersionVariable, TemplateVersionWorkspaceTag};

/// The tags of a version as its template writes them, with the values of its variables.
#[derive(Debug, Clone, Default)]
pub struct TagExpressions {
    /// Name and expression.
    tags: Vec<(String, String)>,
    variables: BTreeMap<String, String>,
}

impl TagExpressions {
    /// Of these tags; a variable without a value has its default.
    pub fn new(tags: Vec<TemplateVersionWorkspaceTag>, variables: Vec<TemplateVersionVariable>) -> TagExpressions {
        let value = |v: TemplateVersionVariable| if v.value.is_empty() { v.default_value } else { v.value };
        TagExpressions {
            tags: tags.into_iter().map(|t| (t.key, t.value)).collect(),
            variables: variables.into_iter().map(|v| (v.name.clone(), value(v))).collect(),
        }
    }

    /// The tags that these parameters give.
    pub fn evaluate(&self, parameters: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Error> {
        let scope = Names { variables: &self.variables, parameters, host: Host::none() };
        self.tags
            .iter()
            .map(|(key, text)| {
                let value = evaluate(text, &scope)
                    .map_err(|why| Error::refused(400, format!("The workspace tag {key:?} has no value."), why))?;
                Ok((key.clone(), value))
            })
            .collect()
    }
}

fn evaluate(text: &str, scope: &Names<'_>) -> Result<String, String> {
    let expression: Expression = text.parse().map_err(|e| format!("{text} is no expression: {e}"))?;
    let value = Evaluator::new(scope).expr(&expression).map_err(|e| e.message)?;
    value.to_text().ok_or_else(|| format!("{text} is a {}, not a text, number or boolean", value.kind()))
}

/// What names in a tag's expression stand for.
struct Names<'a> {
    variables: &'a BTreeMap<String, String>,
    parameters: &'a BTreeMap<String, String>,
    host: Host,
}

impl Scope for Names<'_> {
    fn resolve(&self, root: &str, path: &[&str]) -> eval::Result<(Value, usize)> {
        let (found, took) = match (root, path) {
            ("var", [name, ..]) => (self.variables.get(*name), 1),
            ("data", ["coder_parameter", name, "value", ..]) => (self.parameters.get(*name), 3),
            _ => (None, 0),
        };
        match found {
            Some(text) => Ok((Value::from(text.as_str()), took)),
            None => Err(EvalError::new(format!(
                "{}: tags know only variables and the values of parameters",
                std::iter::once(root).chain(path.iter().copied()).collect::<Vec<_>>().join(".")
            ))),
        }
    }
    fn host(&self) -> &Host {
        &self.host
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_worked_out_from_variables_and_parameters() {
        let map = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
        };
        let variables = map(&[("cluster", "blue")]);
        let parameters = map(&[("region", "eu"), ("cpu", "4")]);
        for (text, want) in [
            (r#""fixed""#, Some("fixed")),
            ("4 + 6", Some("10")),
            ("data.coder_parameter.cpu.value + 1", Some("5")),
            (r#""${var.cluster}-${data.coder_parameter.region.value}""#, Some("blue-eu")),
            ("!true", Some("false")),
            (r#"data.coder_parameter.region.value == "eu" ? "near" : "far""#, Some("near")),
            ("var.cluster", Some("blue")),
            ("var.unknown", None),
            ("data.coder_workspace.me.name", None),
            ("[1]", None),
            ("4 +", None),
        ] {
            let tags = TagExpressions { tags: vec![("t".into(), text.into())], variables: variables.clone() };
            let got = tags.evaluate(&parameters);
            match want {
                Some(want) => assert_eq!(got.unwrap(), map(&[("t", want)]), "{text}"),
                None => assert!(matches!(got, Err(Error::Refused { status: 400, .. })), "{text}"),
            }
        }
    }
}
