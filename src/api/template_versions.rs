//! Versions of templates: made of an uploaded file, read with everything that their import found,
//! renamed, promoted, archived.

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

use super::params::{Page, Params};
use super::resources::{self, Place};
use super::routes::{Routes, Stream};
use super::{Audit, Cx, Error, Reply, files, jobs, lookup, reply};
use crate::external_auth::links;
use crate::jobs::{JobWithQueue, with_queue};
use crate::markdown;
use crate::parameters::tags;
use crate::provisioner::source::Source;
use crate::rbac::{Action, Object, Resource};
use crate::sdk::{self, AuditAction, ProvisionerJobStatus, ResourceType, ValidationMonotonicOrder};
use crate::store::queries::provisioner_jobs::ProvisionerJob;
use crate::store::queries::template_versions as rows;
use crate::store::queries::template_versions::TemplateVersion;
use crate::store::queries::templates::Template;
use crate::store::{Optional, Where};
use crate::templates::{self, examples, versions};

/// What stands for a secret.
const REDACTED: &str = "*redacted*";

/// The routes answered here.
pub fn routes(r: &mut Routes) {
    r.user("POST", "/api/v2/organizations/{organization}/templateversions", post_version);
    r.user("GET", "/api/v2/templateversions/{templateversion}", get_version);
    r.user("PATCH", "/api/v2/templateversions/{templateversion}", patch_version);
    r.user("PATCH", "/api/v2/templateversions/{templateversion}/cancel", cancel_version);
    r.user("POST", "/api/v2/templateversions/{templateversion}/archive", archive_version);
    r.user("POST", "/api/v2/templateversions/{templateversion}/unarchive", unarchive_version);
    r.user("GET", "/api/v2/templateversions/{templateversion}/resources", get_resources);
    r.user("GET", "/api/v2/templateversions/{templateversion}/rich-parameters", get_parameters);
    r.user("GET", "/api/v2/templateversions/{templateversion}/variables", get_variables);
    r.user("GET", "/api/v2/templateversions/{templateversion}/external-auth", get_external_auth);
    r.user("GET", "/api/v2/templateversions/{templateversion}/schema", get_nothing_any_more);
    r.user("GET", "/api/v2/templateversions/{templateversion}/parameters", get_nothing_any_more);
    r.follow("/api/v2/templateversions/{templateversion}/logs", get_logs, follow_logs);
    r.user("GET", "/api/v2/templates/{template}/versions", get_versions);
    r.user("PATCH", "/api/v2/templates/{template}/versions", patch_active_version);
    r.user("POST", "/api/v2/templates/{template}/versions/archive", archive_versions);
    r.user("GET", "/api/v2/templates/{template}/versions/{templateversionname}", get_version_by_name);
    let of_template = "/api/v2/organizations/{organization}/templates/{templatename}/versions/{templateversionname}";
    r.user("GET", of_template, get_version_by_template_name);
    let previous =
        "/api/v2/organizations/{organization}/templates/{templatename}/versions/{templateversionname}/previous";
    r.user("GET", previous, get_previous_version);
}

/// Makes a version of a file, or of an example, and has it imported.
fn post_version(cx: &Cx) -> Reply {
    let organization = lookup::organization(cx)?;
    let body: sdk::CreateTemplateVersionRequest = cx.body()?;
    let created_by = cx.actor()?.user_id;
    let template_id = body.template_id.filter(|id| !id.is_nil());
    let classic = match template_id {
        Some(id) => {
            let template = cx.db().get_template_by_id(id).map_err(|e| hidden_as(e, "There is no such template."))?;
            template.use_classic_parameter_flow
        }
        None => false,
    };
    let file_id = body.file_id.filter(|id| !id.is_nil());
    let file_id = match (file_id, body.example_id.as_str()) {
        (Some(_), id) if !id.is_empty() => return Err(Error::bad("Give an example_id or a file_id, not both.")),
        (Some(id), _) => id,
        (None, id) => keep_example(cx, id)?,
    };
    let file = cx.db().get_file_by_id(file_id).map_err(|e| hidden_as(e, "There is no such file."))?;
    let variables: Vec<_> = body.user_variable_values.into_iter().map(|v| (v.name, v.value)).collect();
    let template_tags = template_tags(cx, organization.id, &file.data, &variables, classic)?;
    let audit = cx.audit(ResourceType::TemplateVersion, AuditAction::Create);
    let (version, job) = versions::create(
        &cx.deployment,
        cx.db(),
        versions::New {
            organization_id: organization.id,
            template_id,
            created_by,
            file_id,
            example_id: Some(body.example_id).filter(|id| !id.is_empty()),
            name: body.name,
            message: body.message,
            provisioner: body.provisioner.known().unwrap_or(sdk::ProvisionerType::Terraform),
            template_tags,
            tags: body.tags,
            variables,
        },
    )?;
    audit.after(&version);
    let matched = jobs::matched_provisioners(cx, &job)?;
    let job = jobs::render(JobWithQueue { job, position: 0, size: 0 });
    reply::created(&render(version, job, Some(matched)))
}

/// The provisioner tags that a template says itself. Of files that cannot be read the import tells why.
fn template_tags(
    cx: &Cx,
    organization: Uuid,
    archive: &[u8],
    variables: &[(String, String)],
    classic: bool,
) -> Result<BTreeMap<String, String>, Error> {
    let Ok(source) = Source::from_tar(archive) else { return Ok(BTreeMap::new()) };
    let tags = if classic {
        tags::of_classic_import(&cx.deployment, &source)
    } else {
        let unread = tags::Unread { organization, owner: cx.actor()?.user_id, source: &source, variables };
        tags::of_import(&cx.deployment, cx.db(), unread)
    };
    tags.map_err(|e| match e {
        tags::Error::NoOwner(_) => Error::bad("The workspace tags cannot be checked.").detail(e.to_string()),
        tags::Error::Refused(body) => Error::from(*body),
        tags::Error::Store(e) => e.into(),
    })
}

fn hidden_as(e: crate::store::Error, message: &str) -> Error {
    if e.is_hidden() { Error::new(404, message) } else { e.into() }
}

/// Keeps an example's files as if the caller had uploaded them.
fn keep_example(cx: &Cx, id: &str) -> Result<Uuid, Error> {
    let own_file = Object::of(Resource::File).owner(cx.actor()?.user_id);
    if !cx.db().may(Action::Create, &own_file) || !cx.db().may(Action::Read, &own_file) {
        return Err(Error::forbidden());
    }
    let Some(archive) = examples::archive(id) else {
        return Err(Error::bad("There is no such example.").detail(format!("No example has the id {id:?}.")));
    };
    Ok(files::keep(cx, archive.map_err(Error::internal)?)?.0.id)
}

/// One version.
fn get_version(cx: &Cx) -> Reply {
    show(cx, lookup::template_version(cx)?)
}

fn show(cx: &Cx, version: TemplateVersion) -> Reply {
    let job = job_of(cx, &version)?;
    let waits = job.job_status == ProvisionerJobStatus::Pending;
    let matched = if waits { Some(jobs::matched_provisioners(cx, &job)?) } else { None };
    reply::ok(&render(version, jobs::render_one(cx, job)?, matched))
}

/// A version's import. Who reads the version reads it.
fn job_of(cx: &Cx, version: &TemplateVersion) -> Result<ProvisionerJob, Error> {
    cx.db().get_provisioner_jobs_by_ids(&[version.job_id])?.pop().ok_or_else(Error::not_found)
}

/// A version as the API shows it. One without a template has the nil id for it.
fn render(
    version: TemplateVersion,
    job: sdk::ProvisionerJob,
    matched_provisioners: Option<sdk::MatchedProvisioners>,
) -> sdk::TemplateVersion {
    sdk::TemplateVersion {
        id: version.id,
        template_id: Some(version.template_id.unwrap_or_default()),
        organization_id: version.organization_id,
        created_at: version.created_at,
        updated_at: version.updated_at,
        name: version.name,
        message: version.message,
        job,
        readme: version.readme,
        created_by: sdk::MinimalUser {
            id: version.created_by,
            username: version.created_by_username,
            name: version.created_by_name,
            avatar_url: version.created_by_avatar_url,
        },
        archived: version.archived,
        warnings: Vec::new(),
        matched_provisioners,
        has_external_agent: version.has_external_agent.unwrap_or(false),
    }
}

/// Changes a version's name and message.
fn patch_version(cx: &Cx) -> Reply {
    let version = lookup::template_version(cx)?;
    let body: sdk::PatchTemplateVersionRequest = cx.body()?;
    // A taken name is the client's to mend, as when one is made of it.
    let updated = versions::rename(&cx.deployment, cx.db(), &version, &body.name, body.message.as_deref());
    match updated {
        Err(templates::Error::VersionNameTaken(name)) => Err(Error::invalid(
            format!("The template has another version named {name:?}."),
            "name",
            "This name is taken.",
        )),
        updated => show(cx, updated?),
    }
}

/// Cancels a version's import.
fn cancel_version(cx: &Cx) -> Reply {
    let version = lookup::template_version(cx)?;
    versions::cancel(&cx.deployment, cx.db(), version.job_id)?;
    reply::message("The job has been marked as canceled.")
}

/// The version that `{templateversion}` names, and the entry that a change is logged with.
fn version_to_change(cx: &Cx) -> Result<(TemplateVersion, Audit), Error> {
    let audit = cx.audit(ResourceType::TemplateVersion, AuditAction::Write);
    let version = lookup::template_version(cx)?;
    audit.before(&version);
    Ok((version, audit))
}

/// Archives a version.
fn archive_version(cx: &Cx) -> Reply {
    let (version, audit) = version_to_change(cx)?;
    if version.archived {
        return Err(Error::bad("The template version is archived already."));
    }
    versions::archive(&cx.deployment, cx.db(), &version).map_err(hide)?;
    let version = TemplateVersion { archived: true, ..version };
    audit.after(&version);
    reply::ok(&format!("template version {:?} archived", version.id.to_string()))
}

/// Those who may not archive are told as little as if there were nothing to archive.
fn hide(e: templates::Error) -> Error {
    match e {
        templates::Error::Store(e) if e.is_hidden() => Error::not_found(),
        other => other.into(),
    }
}

/// Takes a version back from the archive.
fn unarchive_version(cx: &Cx) -> Reply {
    let (version, audit) = version_to_change(cx)?;
    if !version.archived {
        return Err(Error::bad("The template version is not archived."));
    }
    versions::unarchive(&cx.deployment, cx.db(), &version).map_err(hide)?;
    let version = TemplateVersion { archived: false, ..version };
    audit.after(&version);
    reply::ok(&format!("template version {:?} unarchived", version.id.to_string()))
}

/// What a version would make.
fn get_resources(cx: &Cx) -> Reply {
    let version = lookup::template_version(cx)?;
    show_resources(cx, &job_of(cx, &version)?)
}

/// What a job that has ended made.
pub fn show_resources(cx: &Cx, job: &ProvisionerJob) -> Reply {
    if job.completed_at.is_none() {
        return Err(Error::bad("The job has not completed yet."));
    }
    let mut made = resources::of_jobs(cx, &HashMap::from([(job.id, Place::default())]))?;
    reply::ok(&made.remove(&job.id).unwrap_or_default())
}

/// What a version asks of those who make a workspace.
fn get_parameters(cx: &Cx) -> Reply {
    let version = lookup::template_version(cx)?;
    if job_of(cx, &version)?.completed_at.is_none() {
        return Err(Error::new(425, "The import of the template version has not ended yet."));
    }
    let parameters = cx.db().get_template_version_parameters(version.id)?;
    reply::ok(&parameters.into_iter().map(render_parameter).collect::<Vec<_>>())
}

fn render_parameter(parameter: rows::TemplateVersionParameter) -> sdk::TemplateVersionParameter {
    let option = |option: rows::ParameterOption| sdk::TemplateVersionParameterOption {
        name: option.name,
        description: option.description,
        value: option.value,
        icon: option.icon,
    };
    sdk::TemplateVersionParameter {
        name: parameter.name,
        display_name: parameter.display_name,
        description_plaintext: markdown::plaintext(&parameter.description),
        description: parameter.description,
        r#type: parameter.r#type,
        form_type: parameter.form_type.as_str().to_owned(),
        mutable: parameter.mutable,
        default_value: parameter.default_value,
        icon: parameter.icon,
        options: parameter.options.0.into_iter().map(option).collect(),
        validation_error: parameter.validation_error,
        validation_regex: parameter.validation_regex,
        validation_min: parameter.validation_min,
        validation_max: parameter.validation_max,
        validation_monotonic: ValidationMonotonicOrder::parse(&parameter.validation_monotonic),
        required: parameter.required,
        ephemeral: parameter.ephemeral,
    }
}

/// What a version asks of those who import it; secrets are not told.
fn get_variables(cx: &Cx) -> Reply {
    let version = lookup::template_version(cx)?;
    if job_of(cx, &version)?.completed_at.is_none() {
        return Err(Error::new(403, "The import of the template version has not ended yet."));
    }
    let show = |variable: rows::TemplateVersionVariable| {
        let hide = |text: String| if variable.sensitive { REDACTED.to_owned() } else { text };
        sdk::TemplateVersionVariable {
            name: variable.name,
            description: variable.description,
            r#type: variable.r#type,
            value: hide(variable.value),
            default_value: hide(variable.default_value),
            required: variable.required,
            sensitive: variable.sensitive,
        }
    };
    let variables = cx.db().get_template_version_variables(version.id)?;
    reply::ok(&variables.into_iter().map(show).collect::<Vec<_>>())
}

/// The services that a version wants, and whether the caller is connected to them.
fn get_external_auth(cx: &Cx) -> Reply {
    let version = lookup::template_version(cx)?;
    let (deployment, user) = (&cx.deployment, cx.actor()?.user_id);
    let mut shown = Vec::new();
    for wanted in &version.external_auth_providers.0 {
        let Some(provider) = deployment.external_auth.find(&wanted.id) else {
            let message =
                format!("The template version wants the external auth provider {:?}, which is not there.", wanted.id);
            return Err(Error::new(404, message).detail("Change the template so that it uses another provider."));
        };
        let authenticated = match cx.db().get_external_auth_link(&provider.id, user).optional()? {
            None => false,
            Some(link) => match links::fresh(deployment, cx.db(), provider, link) {
                Ok(_) => true,
                Err(links::Error::Invalid(_)) => false,
                Err(links::Error::Store(e)) => return Err(e.into()),
                Err(e) => {
                    return Err(Error::new(500, "The token could not be renewed.").detail(e.to_string()));
                }
            },
        };
        shown.push(sdk::TemplateVersionExternalAuth {
            id: provider.id.clone(),
            r#type: provider.kind.clone(),
            display_name: provider.display_name.clone(),
            display_icon: provider.display_icon.clone(),
            authenticate_url: format!("{}/external-auth/{}", deployment.access_url, provider.id),
            authenticated,
            optional: wanted.optional,
        });
    }
    reply::ok(&shown)
}

/// What versions once had and old clients still ask for.
fn get_nothing_any_more(cx: &Cx) -> Reply {
    lookup::template_version(cx)?;
    reply::ok(&[(); 0])
}

/// The log of a version's import.
fn get_logs(cx: &Cx) -> Reply {
    let version = lookup::template_version(cx)?;
    jobs::logs(cx, &job_of(cx, &version)?)
}

/// The same while it grows.
fn follow_logs(cx: &Cx) -> Result<Stream, Error> {
    let version = lookup::template_version(cx)?;
    jobs::follow(cx, &job_of(cx, &version)?)
}

/// The versions of a template, oldest first.
fn get_versions(cx: &Cx) -> Reply {
    let template = lookup::template(cx)?;
    let page = Page::of(cx)?;
    let mut params = Params::of_query(cx);
    let include_archived = params.boolean("include_archived").unwrap_or(false);
    params.finish("Query parameters have invalid values.")?;
    let mut conditions = Where::new();
    if !include_archived {
        conditions.and("v.archived = FALSE");
    }
    if let Some(after) = page.after_id {
        let Some(after) = cx.db().get_template_version_by_id(after).optional()? else {
            return Err(Error::bad(format!("There is no template version {after}, which after_id names.")));
        };
        let (time, id) = (after.created_at, after.id);
        conditions.and_all(
            "v.created_at > ? OR (v.created_at = ? AND v.id > ?)",
            vec![
                crate::store::value::Value::Time(time),
                crate::store::value::Value::Time(time),
                crate::store::value::Value::Uuid(id),
            ],
        );
    }
    let found = cx.db().get_template_versions_by_template_id(template.id, &conditions, page.limit, page.offset)?;
    let ids: Vec<Uuid> = found.iter().map(|version| version.job_id).collect();
    let imports = cx.db().get_provisioner_jobs_by_ids(&ids)?;
    let mut imports: HashMap<Uuid, _> = with_queue(&cx.deployment, &cx.system_db(), imports)?
        .into_iter()
        .map(|import| (import.job.id, jobs::render(import)))
        .collect();
    let mut shown = Vec::with_capacity(found.len());
    for version in found {
        let job = imports.remove(&version.job_id);
        let job = job.ok_or_else(|| Error::internal(format!("template version {} has no job", version.id)))?;
        shown.push(render(version, job, None));
    }
    reply::ok(&shown)
}

/// Makes a version the active one of its template.
fn patch_active_version(cx: &Cx) -> Reply {
    let audit = cx.audit(ResourceType::Template, AuditAction::Write);
    let template = lookup::template(cx)?;
    audit.before(&template);
    let body: sdk::UpdateActiveTemplateVersion = cx.body()?;
    let version =
        cx.db().get_template_version_by_id(body.id).map_err(|e| hidden_as(e, "There is no such template version."))?;
    versions::promote(&cx.deployment, cx.db(), &template, &version)?;
    audit.after(&Template { active_version_id: version.id, ..template });
    reply::message("The version is now the template's active one.")
}

/// Archives versions of a template that nothing uses.
fn archive_versions(cx: &Cx) -> Reply {
    let audit = cx.audit(ResourceType::Template, AuditAction::Write);
    let template = lookup::template(cx)?;
    // The template stays as it is; that its versions were archived is all there is to tell.
    audit.before(&template).after(&template);
    let body: sdk::ArchiveTemplateVersionsRequest = cx.body()?;
    let archived = versions::archive_unused(&cx.deployment, cx.db(), template.id, body.all).map_err(hide)?;
    reply::ok(&sdk::ArchiveTemplateVersionsResponse {
        template_id: template.id,
        archived_ids: Some(archived).filter(|ids| !ids.is_empty()),
    })
}

/// A version of a template, by name.
fn get_version_by_name(cx: &Cx) -> Reply {
    let template = lookup::template(cx)?;
    show(cx, named(cx, template.id)?)
}

/// The same, with the template by name too.
fn get_version_by_template_name(cx: &Cx) -> Reply {
    let template = lookup::template_by_name(cx)?;
    show(cx, named(cx, template.id)?)
}

/// The version right before one.
fn get_previous_version(cx: &Cx) -> Reply {
    let template = lookup::template_by_name(cx)?;
    let version = named(cx, template.id)?;
    let previous =
        cx.db().get_previous_template_version(template.organization_id, &version.name, Some(template.id)).optional()?;
    let none = || Error::new(404, format!("No version of the template is older than {:?}.", version.name));
    show(cx, previous.ok_or_else(none)?)
}

fn named(cx: &Cx, template: Uuid) -> Result<TemplateVersion, Error> {
    let name = cx.param("templateversionname");
    let found = versions::by_name(cx.db(), template, name)?;
    found.ok_or_else(|| Error::new(404, format!("The template has no version named {name:?}.")))
}
