//! Versions of templates: made of a file by an import job, renamed, promoted, archived.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{Error, publish_update};
use crate::deployment::Deployment;
use crate::jobs;
use crate::sdk::{ProvisionerJobStatus, ProvisionerJobType, ProvisionerStorageMethod, ProvisionerType};
use crate::store::queries::provisioner_jobs::ProvisionerJob;
use crate::store::queries::template_versions::{NewTemplateVersion, TemplateVersion};
use crate::store::queries::templates::Template;
use crate::store::{self, Db, Optional, Where};
use crate::words;

/// A version that is asked for.
#[derive(Debug, Clone)]
pub struct New {
    /// Its organization.
    pub organization_id: Uuid,
    /// Its template, if there is one already.
    pub template_id: Option<Uuid>,
    /// Who asks.
    pub created_by: Uuid,
    /// Its files.
    pub file_id: Uuid,
    /// The example that the files are, if they are one.
    pub example_id: Option<String>,
    /// What it is called; something made up when empty.
    pub name: String,
    /// What is new in it.
    pub message: String,
    /// What reads it.
    pub provisioner: ProvisionerType,
    /// Tags that the template itself asks for.
    pub template_tags: BTreeMap<String, String>,
    /// Tags asked for; they win over the template's.
    pub tags: BTreeMap<String, String>,
    /// Values for its variables.
    pub variables: Vec<(String, String)>,
}

/// Makes a version and posts the job that imports it.
pub fn create(deployment: &Deployment, db: &Db, new: New) -> Result<(TemplateVersion, ProvisionerJob), Error> {
    let (id, job_id) = (deployment.ids.uuid(), deployment.ids.uuid());
    let now = deployment.clock.now();
    let name = if new.name.is_empty() { words::name(&deployment.ids, "_") } else { new.name.clone() };
    let tags = jobs::owner_tags(new.created_by, &[&new.template_tags, &new.tags]);
    let version = NewTemplateVersion {
        id,
        template_id: new.template_id,
        organization_id: new.organization_id,
        created_at: now,
        updated_at: now,
        name: name.clone(),
        message: new.message.clone(),
        readme: String::new(),
        job_id,
        created_by: new.created_by,
        source_example_id: new.example_id.clone(),
    };
    let made = db.tx(|db| {
        let job = jobs::insert(
            deployment,
            db,
            jobs::New {
                id: job_id,
                organization_id: new.organization_id,
                initiator_id: new.created_by,
                kind: ProvisionerJobType::TemplateVersionImport,
                provisioner: new.provisioner,
                storage_method: ProvisionerStorageMethod::File,
                file_id: new.file_id,
                input: jobs::Input::TemplateVersionImport {
                    template_version_id: id,
                    user_variable_values: new.variables.clone(),
                },
                tags: tags.clone(),
            },
        )?;
        db.insert_template_version(&version).map_err(|e| taken(e, &name))?;
        Ok::<_, Error>((db.get_template_version_by_id(id)?, job))
    })?;
    jobs::post(deployment, &made.1);
    Ok(made)
}

fn taken(e: store::Error, name: &str) -> Error {
    if e.is_unique() { Error::VersionNameTaken(name.to_owned()) } else { Error::Store(e) }
}

/// Changes a version's name, unless empty, and its message, if one is given.
pub fn rename(
    deployment: &Deployment,
    db: &Db,
    version: &TemplateVersion,
    name: &str,
    message: Option<&str>,
) -> Result<TemplateVersion, Error> {
    let name = if name.is_empty() { &version.name } else { name };
    let message = message.unwrap_or(&version.message);
    db.tx(|db| {
        db.update_template_version_by_id(version.id, version.template_id, deployment.clock.now(), name, message)
            .map_err(|e| taken(e, name))?;
        Ok(db.get_template_version_by_id(version.id)?)
    })
}

/// Makes a version the one that new workspaces of its template get.
pub fn promote(deployment: &Deployment, db: &Db, template: &Template, version: &TemplateVersion) -> Result<(), Error> {
    if version.template_id != Some(template.id) {
        return Err(Error::OtherTemplate);
    }
    let job = db.get_provisioner_job_by_id(version.job_id)?;
    if job.job_status != ProvisionerJobStatus::Succeeded {
        return Err(Error::NotImported(job.job_status));
    }
    if version.archived {
        return Err(Error::Unusable(version.id));
    }
    db.update_template_active_version_by_id(template.id, version.id, deployment.clock.now())?;
    publish_update(deployment, template.id);
    Ok(())
}

/// Archives the versions of a template that nothing uses: those whose import failed, or all of them.
pub fn archive_unused(deployment: &Deployment, db: &Db, template: Uuid, all: bool) -> Result<Vec<Uuid>, Error> {
    let mut conditions = Where::new();
    if !all {
        conditions.and("j.job_status = 'failed'");
    }
    Ok(db.archive_unused_template_versions(template, deployment.clock.now(), &conditions)?)
}

/// Archives one version.
pub fn archive(deployment: &Deployment, db: &Db, version: &TemplateVersion) -> Result<(), Error> {
    let template = version.template_id.ok_or(Error::NoTemplate)?;
    let mut conditions = Where::new();
    conditions.and_with("v.id = ?", version.id);
    let archived = db.archive_unused_template_versions(template, deployment.clock.now(), &conditions)?;
    if archived.is_empty() { Err(Error::InUse) } else { Ok(()) }
}

/// Takes a version back from the archive.
pub fn unarchive(deployment: &Deployment, db: &Db, version: &TemplateVersion) -> Result<(), Error> {
    if version.template_id.is_none() {
        return Err(Error::NoTemplate);
    }
    db.unarchive_template_version(version.id, deployment.clock.now())?;
    Ok(())
}

/// Cancels a job, once.
pub fn cancel(deployment: &Deployment, db: &Db, job_id: Uuid) -> Result<(), Error> {
    let job = db.tx(|db| {
        let job = db.get_provisioner_job_by_id(job_id)?;
        if job.completed_at.is_some() {
            return Err(Error::Completed);
        }
        if job.canceled_at.is_some() {
            return Err(Error::Canceled);
        }
        jobs::cancel(deployment, db, &job)?;
        Ok(job)
    })?;
    jobs::announce_cancel(deployment, &job);
    Ok(())
}

/// The version of a template by name.
pub fn by_name(db: &Db, template: Uuid, name: &str) -> Result<Option<TemplateVersion>, store::Error> {
    match db.get_template_version_by_template_id_and_name(Some(template), name).optional() {
        Err(e) if e.is_hidden() => Ok(None),
        found => found,
    }
}

/// Posts a job that plans an imported version, as `import` read it.
pub fn dry_run(
    deployment: &Deployment,
    db: &Db,
    initiator: Uuid,
    import: &ProvisionerJob,
    input: jobs::Input,
) -> Result<ProvisionerJob, Error> {
    let job = jobs::insert(
        deployment,
        db,
        jobs::New {
            id: deployment.ids.uuid(),
            organization_id: import.organization_id,
            initiator_id: initiator,
            kind: ProvisionerJobType::TemplateVersionDryRun,
            provisioner: import.provisioner,
            storage_method: import.storage_method,
            file_id: import.file_id,
            input,
            tags: import.tags.clone(),
        },
    )?;
    jobs::post(deployment, &job);
    Ok(job)
}
