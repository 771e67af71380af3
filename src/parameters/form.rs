//! A version's form: which of the two ways of rendering it has, and for whom it was rendered so far.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use parking_lot::Mutex;
use uuid::Uuid;

use super::diagnostics::{OWNER_NOT_FOUND, coded, error};
use super::stored::StoredForm;
use super::template::Template;
use super::{Rendered, Renderer, owner};
use crate::deployment::Deployment;
use crate::provisioner::hcl;
use crate::provisioner::hcl::functions::Host;
use crate::provisioner::hcl::value::Value;
use crate::provisioner::source::{Source, SourceError};
use crate::provisioner::types::VariableValue;
use crate::rbac::system;
use crate::store::queries::provisioner_jobs::ProvisionerJob;
use crate::store::queries::template_versions::{TemplateVersion, TemplateVersionVariable};
use crate::store::{self, Db, Optional};

/// Why there is no form.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The version is still being imported.
    #[error("the template version's import has not ended")]
    NotReady,
    /// The version's files cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// The form of a version, for whoever's handle to the data it was prepared with.
pub struct Form {
    deployment: Deployment,
    db: Db,
    organization: Uuid,
    kind: Kind,
    /// Owners as far as the caller may see them: a form is rendered at every keystroke.
    owners: Mutex<HashMap<Uuid, Option<Arc<Value>>>>,
}

enum Kind {
    Evaluated(Template),
    Stored(StoredForm),
}

impl Form {
    /// The form of a version whose import has ended.
    pub fn prepare(
        deployment: &Deployment,
        db: &Db,
        version: &TemplateVersion,
        import: &ProvisionerJob,
    ) -> Result<Form, Error> {
        if import.completed_at.is_none() {
            return Err(Error::NotReady);
        }
        let kept = db.get_template_version_terraform_values(version.id).optional()?;
        let kind = match kept.filter(|k| is_evaluated(&k.provisionerd_version)) {
            None => Kind::Stored(StoredForm::new(db.get_template_version_parameters(version.id)?)),
            Some(kept) => {
                // Who may read the version may read as much of its files as the form shows.
                let files = db.acting_as(system::file_reader());
                let source = Source::from_tar(&files.get_file_by_id(import.file_id)?.data)?;
                let variables = db.get_template_version_variables(version.id)?;
                let variables = variables.into_iter().filter_map(variable).collect();
                let host = host(deployment, source);
                let read = hcl::with_room(|| Template::read(host, variables, kept.cached_plan));
                Kind::Evaluated(read.map_err(no_room)?)
            }
        };
        Ok(Form {
            deployment: deployment.clone(),
            db: db.clone(),
            organization: version.organization_id,
            kind,
            owners: Mutex::default(),
        })
    }

    fn owner(&self, id: Uuid) -> Result<Option<Arc<Value>>, store::Error> {
        if let Some(known) = self.owners.lock().get(&id) {
            return Ok(known.clone());
        }
        let found = owner::fetch(&self.deployment, &self.db, self.organization, id)?.map(Arc::new);
        self.owners.lock().insert(id, found.clone());
        Ok(found)
    }
}

impl Renderer for Form {
    fn render(&self, owner: Uuid, values: &BTreeMap<String, String>) -> Result<Rendered, store::Error> {
        match &self.kind {
            Kind::Stored(form) => form.render(owner, values),
            Kind::Evaluated(template) => Ok(match self.owner(owner)? {
                // Forms are rendered on the small stacks of connections, too.
                Some(known) => hcl::with_room(|| template.render(&known, values)).map_err(no_room)?,
                None => Rendered {
                    diagnostics: vec![coded(
                        OWNER_NOT_FOUND,
                        error("The workspace owner was not found", "There is no such user, or you may not see them."),
                    )],
                    ..Rendered::default()
                },
            }),
        }
    }
}

/// There is no thread to be had to evaluate on.
fn no_room(e: std::io::Error) -> store::Error {
    store::Error::Unavailable(format!("a template cannot be evaluated now: {e}"))
}

/// Whether an import by a provisioner of that API version kept what evaluating takes.
fn is_evaluated(version: &str) -> bool {
    let parts = version.split_once('.').and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
    parts.is_some_and(|parts: (u32, u32)| parts >= (1, 6))
}

/// The value of a variable; nothing where it has none.
fn variable(row: TemplateVersionVariable) -> Option<VariableValue> {
    let value = if row.value.is_empty() { row.default_value } else { row.value };
    (!value.is_empty()).then_some(VariableValue { name: row.name, value, sensitive: row.sensitive })
}

/// Where the functions of a template find its files.
pub(super) fn host(deployment: &Deployment, source: Source) -> Host {
    Host {
        source: Arc::new(source),
        planned_at: deployment.clock.now(),
        clock: deployment.clock.clone(),
        ids: deployment.ids.clone(),
        ..Host::none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_evaluated_since_provisioner_api_1_6() {
        for version in ["", "na", "0.0", "0.10", "1.4", "1.5", "1", "1.x"] {
            assert!(!is_evaluated(version), "{version:?}");
        }
        for version in ["1.6", "1.7", "1.8", "1.10", "2.0", "2.17", "4.0"] {
            assert!(is_evaluated(version), "{version:?}");
        }
    }
}
