//! Versions of templates, and what their import found. A version is guarded by its template; before it
//! has one, by the templates of its organization.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::rbac::{Action, Object, Resource};
use crate::sdk::ParameterFormType;
use crate::store::db::{Guarded, Switches};
use crate::store::query::queries;
use crate::store::record::rows;
use crate::store::{Db, Error, Json, Where};
use crate::time::Time;

/// One answer that a parameter offers, as it is kept.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ParameterOption {
    /// For people.
    pub name: String,
    /// For people, longer.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What is chosen.
    pub value: String,
    /// Where a picture of it is.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub icon: String,
}

/// A login elsewhere that a version asks for, as it is kept.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExternalAuthProvider {
    /// Which of the deployment's providers.
    pub id: String,
    /// Whether a workspace can do without.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
}

rows! {
    /// A row of `template_version_with_user`.
    pub struct TemplateVersion {
        pub id: Uuid,
        pub template_id: Option<Uuid>,
        pub organization_id: Uuid,
        pub created_at: Time,
        pub updated_at: Time,
        pub name: String,
        pub readme: String,
        pub job_id: Uuid,
        pub created_by: Uuid,
        pub external_auth_providers: Json<Vec<ExternalAuthProvider>>,
        pub message: String,
        pub archived: bool,
        pub source_example_id: Option<String>,
        pub has_ai_task: Option<bool>,
        pub has_external_agent: Option<bool>,
        pub created_by_avatar_url: String,
        pub created_by_username: String,
        pub created_by_name: String,
    }

    /// A version that is about to be made.
    pub struct NewTemplateVersion {
        pub id: Uuid,
        pub template_id: Option<Uuid>,
        pub organization_id: Uuid,
        pub created_at: Time,
        pub updated_at: Time,
        pub name: String,
        pub message: String,
        pub readme: String,
        pub job_id: Uuid,
        pub created_by: Uuid,
        pub source_example_id: Option<String>,
    }

    /// The name of a version.
    pub struct TemplateVersionName {
        pub id: Uuid,
        pub name: String,
    }

    /// A row of `template_version_parameters`.
    pub struct TemplateVersionParameter {
        pub template_version_id: Uuid,
        pub name: String,
        pub description: String,
        pub r#type: String = "type",
        pub mutable: bool,
        pub default_value: String,
        pub icon: String,
        pub options: Json<Vec<ParameterOption>>,
        pub validation_regex: String,
        pub validation_min: Option<i32>,
        pub validation_max: Option<i32>,
        pub validation_error: String,
        pub validation_monotonic: String,
        pub required: bool,
        pub display_name: String,
        pub display_order: i32,
        pub ephemeral: bool,
        pub form_type: ParameterFormType,
    }

    /// A row of `template_version_variables`.
    pub struct TemplateVersionVariable {
        pub template_version_id: Uuid,
        pub name: String,
        pub description: String,
        pub r#type: String = "type",
        pub value: String,
        pub default_value: String,
        pub required: bool,
        pub sensitive: bool,
    }

    /// A row of `template_version_workspace_tags`.
    pub struct TemplateVersionWorkspaceTag {
        pub template_version_id: Uuid,
        pub key: String,
        pub value: String,
    }

    /// A row of `template_version_terraform_values`.
    pub struct TemplateVersionTerraformValues {
        pub template_version_id: Uuid,
        pub updated_at: Time,
        pub cached_plan: serde_json::Value,
        pub cached_module_files: Option<Uuid>,
        pub provisionerd_version: String,
    }
}

/// What stands for a version when somebody asks for it.
pub struct VersionScope(Object);

impl Guarded for VersionScope {
    fn object(&self, _: Switches) -> Object {
        self.0.clone()
    }
}

impl VersionScope {
    /// The template's object, or all templates of the organization when there is no template yet.
    pub(in crate::store) fn of(
        db: &Db,
        template_id: Option<Uuid>,
        organization_id: Uuid,
    ) -> Result<VersionScope, Error> {
        Ok(VersionScope(match template_id {
            Some(id) => db.unguarded().get_template_by_id(id)?.object(db.switches()),
            None => Object::of(Resource::Template).org(organization_id),
        }))
    }
    /// The same for the version of that id.
    pub(in crate::store) fn of_version(db: &Db, id: Uuid) -> Result<VersionScope, Error> {
        let version = db.unguarded().get_template_version_by_id(id)?;
        VersionScope::of(db, version.template_id, version.organization_id)
    }
    fn of_job(db: &Db, job_id: Uuid) -> Result<VersionScope, Error> {
        let version = db.unguarded().get_template_version_by_job_id(job_id)?;
        VersionScope::of(db, version.template_id, version.organization_id)
    }
}

/// A version of a template is made by who may read that template and make templates like it.
fn may_insert(db: &Db, version: &NewTemplateVersion) -> Result<(), Error> {
    let scope = VersionScope::of(db, version.template_id, version.organization_id)?;
    if version.template_id.is_some() && !db.may_on(Action::Read, &scope) {
        return Err(Error::NotFound);
    }
    db.require_on(Action::Create, &scope)
}

/// What came before is told to who may read the template; without a template nothing ever did.
fn may_read_previous(db: &Db, template_id: Option<Uuid>) -> Result<(), Error> {
    let template = db.unguarded().get_template_by_id(template_id.ok_or(Error::NotFound)?)?;
    db.require_on(Action::Read, &template)
}

queries! {
    /// A version by id.
    GetTemplateVersionByID = get_template_version_by_id(db, id: Uuid) -> one TemplateVersion;
        allow(via Read |version| VersionScope::of(db, version.template_id, version.organization_id)?),
        sql "SELECT {row} FROM template_version_with_user WHERE id = :id";

    /// The version that a job imports.
    GetTemplateVersionByJobID = get_template_version_by_job_id(db, job_id: Uuid) -> one TemplateVersion;
        allow(via Read |version| VersionScope::of(db, version.template_id, version.organization_id)?),
        sql "SELECT {row} FROM template_version_with_user WHERE job_id = :job_id";

    /// A version of a template by name.
    GetTemplateVersionByTemplateIDAndName = get_template_version_by_template_id_and_name(db, template_id: Option<Uuid>, name: &str) -> one TemplateVersion;
        allow(via Read |version| VersionScope::of(db, version.template_id, version.organization_id)?),
        sql "SELECT {row} FROM template_version_with_user WHERE template_id = :template_id AND name = :name";

    /// These versions.
    GetTemplateVersionsByIDs = get_template_versions_by_ids(db, ids: &[Uuid]) -> many TemplateVersion;
        allow(system Read System),
        sql "SELECT {row} FROM template_version_with_user WHERE id IN [:ids]";

    /// The names of these versions.
    GetTemplateVersionsByIDs = get_template_version_names_by_ids(db, ids: &[Uuid]) -> many TemplateVersionName;
        allow(system Read System),
        sql "SELECT {row} FROM template_versions WHERE id IN [:ids]";

    /// The versions of a template that meet some conditions, oldest first. Versions are `v`.
    GetTemplateVersionsByTemplateID = get_template_versions_by_template_id(db, template_id: Uuid, conditions: &Where, limit: i64, offset: i64) -> many TemplateVersion;
        allow(on Read db.unguarded().get_template_by_id(template_id)?),
        sql "SELECT {row:v} FROM template_version_with_user v WHERE v.template_id = :template_id AND {where}
            ORDER BY v.created_at, v.id LIMIT CASE WHEN :limit = 0 THEN -1 ELSE :limit END OFFSET :offset",
        pg "SELECT {row:v} FROM template_version_with_user v WHERE v.template_id = :template_id AND {where}
            ORDER BY v.created_at, v.id LIMIT NULLIF(:limit, 0) OFFSET :offset";

    /// The version of a template that was made right before the one of that name.
    GetPreviousTemplateVersion = get_previous_template_version(db, organization_id: Uuid, name: &str, template_id: Option<Uuid>) -> one TemplateVersion;
        allow(check may_read_previous(db, template_id)),
        sql "SELECT {row} FROM template_version_with_user
            WHERE organization_id = :organization_id AND template_id = :template_id AND created_at <
                (SELECT created_at FROM template_versions WHERE organization_id = :organization_id AND name = :name AND template_id = :template_id)
            ORDER BY created_at DESC LIMIT 1";

    /// Makes a version.
    InsertTemplateVersion = insert_template_version(db, version: &NewTemplateVersion) -> exec;
        allow(check may_insert(db, version)),
        sql "INSERT INTO template_versions {insert}";

    /// Changes a version's name, message and template.
    UpdateTemplateVersionByID = update_template_version_by_id(db, id: Uuid, template_id: Option<Uuid>, updated_at: Time, name: &str, message: &str) -> exec;
        allow(on Update VersionScope::of_version(db, id)?),
        sql "UPDATE template_versions SET {set} WHERE id = :id";

    /// Keeps the readme that an import found.
    UpdateTemplateVersionDescriptionByJobID = update_template_version_description_by_job_id(db, job_id: Uuid, readme: &str, updated_at: Time) -> exec;
        allow(on Update VersionScope::of_job(db, job_id)?),
        sql "UPDATE template_versions SET readme = :readme, updated_at = :updated_at WHERE job_id = :job_id";

    /// Keeps which logins elsewhere an import found wanted.
    UpdateTemplateVersionExternalAuthProvidersByJobID = update_template_version_external_auth_providers_by_job_id(db, job_id: Uuid, external_auth_providers: Json<Vec<ExternalAuthProvider>>, updated_at: Time) -> exec;
        allow(on Update VersionScope::of_job(db, job_id)?),
        sql "UPDATE template_versions SET external_auth_providers = :external_auth_providers, updated_at = :updated_at WHERE job_id = :job_id";

    /// Keeps what kinds of workspaces an import found.
    UpdateTemplateVersionFlagsByJobID = update_template_version_flags_by_job_id(db, job_id: Uuid, has_ai_task: Option<bool>, has_external_agent: Option<bool>, updated_at: Time) -> exec;
        allow(on Update VersionScope::of_job(db, job_id)?),
        sql "UPDATE template_versions SET has_ai_task = :has_ai_task, has_external_agent = :has_external_agent, updated_at = :updated_at WHERE job_id = :job_id";

    /// Whether workspaces of a version are tasks.
    GetTemplateVersionHasAITask = get_template_version_has_ai_task(db, id: Uuid) -> one bool;
        allow(on Read VersionScope::of_version(db, id)?),
        sql "SELECT coalesce(has_ai_task, FALSE) FROM template_versions WHERE id = :id";

    /// Archives those versions of a template that meet some conditions, are not active, are not being imported
    /// and are in no workspace's latest build. Versions are `v`, their jobs `j`.
    ArchiveUnusedTemplateVersions = archive_unused_template_versions(db, template_id: Uuid, updated_at: Time, conditions: &Where) -> many Uuid;
        allow(on Update db.unguarded().get_template_by_id(template_id)?),
        sql "UPDATE template_versions SET archived = TRUE, updated_at = :updated_at WHERE id IN (
                SELECT v.id FROM template_versions v
                JOIN templates t ON t.id = v.template_id
                JOIN provisioner_jobs j ON j.id = v.job_id
                WHERE v.template_id = :template_id AND v.archived = FALSE AND v.id <> t.active_version_id
                AND j.job_status NOT IN ('pending', 'running') AND {where}
                AND NOT EXISTS (
                    SELECT 1 FROM workspace_builds b WHERE b.template_version_id = v.id AND b.transition <> 'delete'
                    AND NOT EXISTS (SELECT 1 FROM workspace_builds later WHERE later.workspace_id = b.workspace_id AND later.build_number > b.build_number)
                )
            ) RETURNING id";

    /// Takes a version back from the archive.
    UnarchiveTemplateVersion = unarchive_template_version(db, id: Uuid, updated_at: Time) -> exec;
        allow(on Update VersionScope::of_version(db, id)?),
        sql "UPDATE template_versions SET archived = FALSE, updated_at = :updated_at WHERE id = :id";

    /// What a version asks of those who make a workspace, in the order to ask.
    GetTemplateVersionParameters = get_template_version_parameters(db, template_version_id: Uuid) -> many TemplateVersionParameter;
        allow(on Read VersionScope::of_version(db, template_version_id)?),
        sql "SELECT {row} FROM template_version_parameters WHERE template_version_id = :template_version_id ORDER BY display_order, lower(name)";

    /// Keeps a parameter that an import found.
    InsertTemplateVersionParameter = insert_template_version_parameter(db, parameter: &TemplateVersionParameter) -> exec;
        allow(system Create System),
        sql "INSERT INTO template_version_parameters {insert}";

    /// What a version asks of those who import it.
    GetTemplateVersionVariables = get_template_version_variables(db, template_version_id: Uuid) -> many TemplateVersionVariable;
        allow(on Read VersionScope::of_version(db, template_version_id)?),
        sql "SELECT {row} FROM template_version_variables WHERE template_version_id = :template_version_id ORDER BY name";

    /// Keeps a variable that an import found.
    InsertTemplateVersionVariable = insert_template_version_variable(db, variable: &TemplateVersionVariable) -> exec;
        allow(system Create System),
        sql "INSERT INTO template_version_variables {insert}";

    /// The tags that a version gives to builds of its workspaces.
    GetTemplateVersionWorkspaceTags = get_template_version_workspace_tags(db, template_version_id: Uuid) -> many TemplateVersionWorkspaceTag;
        allow(on Read VersionScope::of_version(db, template_version_id)?),
        sql "SELECT {row} FROM template_version_workspace_tags WHERE template_version_id = :template_version_id ORDER BY lower(key)";

    /// Keeps a tag that an import found.
    InsertTemplateVersionWorkspaceTag = insert_template_version_workspace_tag(db, tag: &TemplateVersionWorkspaceTag) -> exec;
        allow(system Create System),
        sql "INSERT INTO template_version_workspace_tags {insert}";

    /// What an import kept for rendering the version's parameters again.
    GetTemplateVersionTerraformValues = get_template_version_terraform_values(db, template_version_id: Uuid) -> one TemplateVersionTerraformValues;
        allow(on Read VersionScope::of_version(db, template_version_id)?),
        sql "SELECT {row} FROM template_version_terraform_values WHERE template_version_id = :template_version_id";

    /// Keeps what is needed for rendering the version's parameters again.
    InsertTemplateVersionTerraformValuesByJobID = insert_template_version_terraform_values_by_job_id(db, job_id: Uuid, cached_plan: &serde_json::Value, cached_module_files: Option<Uuid>, updated_at: Time, provisionerd_version: &str) -> exec;
        allow(system Create System),
        sql "INSERT INTO template_version_terraform_values (template_version_id, cached_plan, cached_module_files, updated_at, provisionerd_version)
            VALUES ((SELECT id FROM template_versions WHERE job_id = :job_id), :cached_plan, :cached_module_files, :updated_at, :provisionerd_version)";
}
