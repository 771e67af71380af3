//! Templates themselves: made of a version, changed, deleted.

use uuid::Uuid;

use super::schedule::{self, Check, Schedule, Touch};
use super::{Error, publish_update};
use crate::deployment::Deployment;
use crate::licensing;
use crate::rbac::{Acl, ActionSet, Resource, role_actions};
use crate::sdk::{
    CORSBehavior, CreateTemplateRequest, FeatureName, UpdateTemplateMeta, WireEnum, Word, WorkspaceAgentPortShareLevel,
};
use crate::store::queries::organizations::Organization;
use crate::store::queries::template_versions::TemplateVersion;
use crate::store::queries::templates::{NewTemplate, Template, TemplateAcl, TemplateMeta};
use crate::store::{self, Db, Optional};

/// What the deployment is entitled to, of all that a template can be set to.
#[derive(Debug, Clone, Copy)]
pub struct Entitled {
    /// Which versions workspaces may have, and deprecation.
    pub access_control: bool,
    /// How widely ports are shared.
    pub port_sharing: bool,
}

impl Entitled {
    /// As the deployment's configuration has it.
    pub fn of(deployment: &Deployment) -> Entitled {
        let has = |feature| licensing::entitled(&deployment.config, feature);
        Entitled { access_control: has(FeatureName::AccessControl), port_sharing: has(FeatureName::ControlSharedPorts) }
    }

    /// The level that ports of a template are shared at most.
    pub fn port_share_level(self, kept: WorkspaceAgentPortShareLevel) -> WorkspaceAgentPortShareLevel {
        if self.port_sharing { kept } else { WorkspaceAgentPortShareLevel::Public }
    }
}

/// By how much activity puts off the stop where nothing is said: an hour.
const DEFAULT_ACTIVITY_BUMP_MS: i64 = 3_600_000;

/// Makes a template of a version that belongs to none yet.
pub fn create(
    deployment: &Deployment,
    db: &Db,
    creator: Uuid,
    organization: &Organization,
    request: &CreateTemplateRequest,
) -> Result<Template, Error> {
    let name = &request.name;
    if db.get_template_by_organization_and_name(organization.id, false, name).optional()?.is_some() {
        return Err(Error::NameTaken(name.clone()));
    }
    let version = version_for(db, request.template_version_id)?;
    let import = db.get_provisioner_job_by_id(version.job_id)?;
    let mut check = Check::default();
    let ms = |given: Option<i64>| given.unwrap_or_default();
    let autostop = request.autostop_requirement.clone().unwrap_or_default();
    let default_ttl_ms = check.not_negative("default_ttl_ms", ms(request.default_ttl_ms));
    let bump = request.activity_bump_ms.unwrap_or(DEFAULT_ACTIVITY_BUMP_MS);
    let activity_bump_ms = check.not_negative("activity_bump_ms", bump);
    let autostop_days = check.autostop_days(&autostop);
    let autostart_days =
        request.autostart_requirement.as_ref().map_or(schedule::EVERY_DAY, |days| check.autostart_days(days));
    let entitled = Entitled::of(deployment);
    let wanted_level = request.max_port_share_level.as_ref();
    let level = port_share_level(&mut check, entitled, "max_port_share_level", wanted_level);
    let cors = cors_behavior(&mut check, request.cors_behavior.as_ref());
    let schedule = Schedule {
        allow_user_autostart: request.allow_user_autostart.unwrap_or(true),
        allow_user_autostop: request.allow_user_autostop.unwrap_or(true),
        default_ttl_ms,
        activity_bump_ms,
        autostop_days,
        autostop_weeks: check.autostop_weeks(autostop.weeks),
        autostart_days,
        failure_ttl_ms: check.not_negative("failure_ttl_ms", ms(request.failure_ttl_ms)),
        // Clients know both by this name.
        time_til_dormant_ms: check.not_negative("time_til_dormant_autodeletion_ms", ms(request.dormant_ttl_ms)),
        time_til_dormant_autodelete_ms: check
            .not_negative("time_til_dormant_autodeletion_ms", ms(request.delete_ttl_ms)),
    };
    check.finish()?;

    let now = deployment.clock.now();
    let everyone = if request.disable_everyone_group_access { Acl::EMPTY } else { everyone_may_use(organization.id) };
    let new = NewTemplate {
        id: deployment.ids.uuid(),
        created_at: now,
        updated_at: now,
        organization_id: organization.id,
        name: name.clone(),
        provisioner: import.provisioner,
        active_version_id: version.id,
        description: request.description.clone(),
        created_by: creator,
        icon: request.icon.clone(),
        user_acl: TemplateAcl(Acl::EMPTY),
        group_acl: TemplateAcl(everyone),
        display_name: request.display_name.clone(),
        allow_user_cancel_workspace_jobs: request.allow_user_cancel_workspace_jobs.unwrap_or_default(),
        max_port_sharing_level: level.unwrap_or(WorkspaceAgentPortShareLevel::Owner),
        use_classic_parameter_flow: request.template_use_classic_parameter_flow.unwrap_or_default(),
        cors_behavior: cors.unwrap_or(CORSBehavior::Simple),
    };
    db.tx_named("postTemplate", |db| {
        db.insert_template(&new).map_err(|e| taken(e, name))?;
        // Before it belongs to the template, who makes templates may still change it.
        db.update_template_version_by_id(version.id, Some(new.id), now, &version.name, &version.message)?;
        if request.require_active_version && entitled.access_control {
            db.update_template_access_control_by_id(new.id, true, "")?;
        }
        let made = db.get_template_by_id(new.id)?;
        schedule::set(deployment, db, &made, schedule, Touch::default())?;
        Ok(db.get_template_by_id(new.id)?)
    })
}

/// The version that a template can be made of.
fn version_for(db: &Db, id: Uuid) -> Result<TemplateVersion, Error> {
    let version = match db.get_template_version_by_id(id) {
        Err(e) if e.is_hidden() => return Err(Error::NoVersion(id)),
        found => found?,
    };
    if version.archived {
        return Err(Error::Archived(id));
    }
    if version.template_id.is_some() {
        return Err(Error::HasTemplate(id));
    }
    Ok(version)
}

/// The list that lets every member of the organization use a template.
fn everyone_may_use(organization: Uuid) -> Acl {
    let actions = role_actions(Resource::Template, "use").unwrap_or(ActionSet::NONE);
    [(organization, actions)].into_iter().collect()
}

fn taken(e: store::Error, name: &str) -> Error {
    if e.is_unique() { Error::NameTaken(name.to_owned()) } else { Error::Store(e) }
}

fn port_share_level(
    check: &mut Check,
    entitled: Entitled,
    field: &str,
    wanted: Option<&Word<WorkspaceAgentPortShareLevel>>,
) -> Option<WorkspaceAgentPortShareLevel> {
    let level = wanted?.known();
    if !entitled.port_sharing {
        check.refuse(field, "This deployment has no restrictions of port sharing.");
        return None;
    }
    if level.is_none() {
        check.refuse(field, format!("Must be one of {}.", words::<WorkspaceAgentPortShareLevel>()));
    }
    level
}

fn cors_behavior(check: &mut Check, wanted: Option<&Word<CORSBehavior>>) -> Option<CORSBehavior> {
    let behavior = wanted?.known();
    if behavior.is_none() {
        check.refuse("cors_behavior", format!("Must be one of {}.", words::<CORSBehavior>()));
    }
    behavior
}

fn words<E: WireEnum>() -> String {
    E::ALL.iter().map(|word| word.as_str()).collect::<Vec<_>>().join(", ")
}

/// Changes a template. What is left out of the request counts as zero, but for what can be left out;
/// the answer is nothing when that is what the template has already.
pub fn update(
    deployment: &Deployment,
    db: &Db,
    template: &Template,
    request: &UpdateTemplateMeta,
) -> Result<Option<Template>, Error> {
    let had = Schedule::of(template);
    let mut check = Check::default();
    let default_ttl_ms = check.not_negative("default_ttl_ms", request.default_ttl_ms);
    let activity_bump_ms = check.not_negative("activity_bump_ms", request.activity_bump_ms);
    let autostop = request.autostop_requirement.as_ref();
    let autostop_days = autostop.map_or(had.autostop_days, |wanted| check.autostop_days(wanted));
    let autostart_days =
        request.autostart_requirement.as_ref().map_or(had.autostart_days, |wanted| check.autostart_days(wanted));
    let autostop_weeks = autostop.map_or(had.autostop_weeks, |wanted| check.autostop_weeks(wanted.weeks));
    let wanted = Schedule {
        allow_user_autostart: request.allow_user_autostart,
        allow_user_autostop: request.allow_user_autostop,
        default_ttl_ms,
        activity_bump_ms,
        autostop_days,
        autostop_weeks,
        autostart_days,
        failure_ttl_ms: check.none_or_a_minute("failure_ttl_ms", request.failure_ttl_ms),
        time_til_dormant_ms: check.none_or_a_minute("time_til_dormant_ms", request.time_til_dormant_ms),
        time_til_dormant_autodelete_ms: check
            .none_or_a_minute("time_til_dormant_autodelete_ms", request.time_til_dormant_autodelete_ms),
    };
    // Clients know it by this name here.
    let entitled = Entitled::of(deployment);
    let shown = entitled.port_share_level(template.max_port_sharing_level);
    let wanted_level = request.max_port_share_level.as_ref().filter(|word| word.known() != Some(shown));
    let level = port_share_level(&mut check, entitled, "max_port_sharing_level", wanted_level);
    let cors = cors_behavior(&mut check, request.cors_behavior.as_ref().filter(|word| !word.is_empty()));
    check.finish()?;

    let or_kept = |given: &Option<String>, kept: &String| given.as_ref().unwrap_or(kept).clone();
    let meta = TemplateMeta {
        id: template.id,
        updated_at: deployment.clock.now(),
        description: or_kept(&request.description, &template.description),
        name: if request.name.is_empty() { template.name.clone() } else { request.name.clone() },
        icon: or_kept(&request.icon, &template.icon),
        display_name: or_kept(&request.display_name, &template.display_name),
        allow_user_cancel_workspace_jobs: request.allow_user_cancel_workspace_jobs,
        group_acl: group_acl(template, request.disable_everyone_group_access),
        max_port_sharing_level: level.unwrap_or(template.max_port_sharing_level),
        use_classic_parameter_flow: request.use_classic_parameter_flow.unwrap_or(template.use_classic_parameter_flow),
        cors_behavior: cors.unwrap_or(template.cors_behavior),
    };
    let deprecated = or_kept(&request.deprecation_message, &template.deprecated);
    // Without the feature nothing is deprecated, but what is can be brought back.
    let deprecated =
        if entitled.access_control || deprecated.is_empty() { deprecated } else { template.deprecated.clone() };
    let require_active_version =
        if entitled.access_control { request.require_active_version } else { template.require_active_version };
    let access_changes = require_active_version != template.require_active_version || deprecated != template.deprecated;
    // A name that is left out counts as a change: it is what clients send that change something else.
    let named = request.name == template.name;
    if named && wanted == had && !access_changes && is_same(&meta, template) {
        return Ok(None);
    }
    let updated = db.tx(|db| {
        if meta.max_port_sharing_level != template.max_port_sharing_level {
            narrow_port_shares(db, template.id, meta.max_port_sharing_level)?;
        }
        db.update_template_meta_by_id(&meta).map_err(|e| taken(e, &meta.name))?;
        if access_changes {
            db.update_template_access_control_by_id(template.id, require_active_version, &deprecated)?;
        }
        let touch = Touch {
            last_used_at: request.update_workspace_last_used_at,
            dormant_at: request.update_workspace_dormant_at,
        };
        schedule::set(deployment, db, template, wanted, touch)?;
        Ok::<_, Error>(db.get_template_by_id(template.id)?)
    })?;
    publish_update(deployment, template.id);
    Ok(Some(updated))
}

fn group_acl(template: &Template, disable_everyone: bool) -> TemplateAcl {
    let mut acl = template.group_acl.clone();
    if disable_everyone {
        acl.0.set(template.organization_id, ActionSet::NONE);
    }
    acl
}

fn is_same(meta: &TemplateMeta, template: &Template) -> bool {
    meta.description == template.description
        && meta.display_name == template.display_name
        && meta.icon == template.icon
        && meta.allow_user_cancel_workspace_jobs == template.allow_user_cancel_workspace_jobs
        && meta.use_classic_parameter_flow == template.use_classic_parameter_flow
        && meta.max_port_sharing_level == template.max_port_sharing_level
        && meta.cors_behavior == template.cors_behavior
}

/// Takes back shares of ports that a template's new level no longer allows at all.
fn narrow_port_shares(db: &Db, template: Uuid, level: WorkspaceAgentPortShareLevel) -> Result<(), store::Error> {
    match level {
        WorkspaceAgentPortShareLevel::Owner => db.delete_workspace_agent_port_shares_by_template(template)?,
        WorkspaceAgentPortShareLevel::Authenticated => {
            db.reduce_workspace_agent_share_level_to_authenticated_by_template(template)?
        }
        _ => 0,
    };
    Ok(())
}

/// Deletes a template that has no workspaces. `everything` sees all of them, whoever asks.
pub fn delete(deployment: &Deployment, db: &Db, everything: &Db, template: &Template) -> Result<(), Error> {
    if everything.count_workspaces_by_template_id(template.id)? > 0 {
        return Err(Error::HasWorkspaces);
    }
    db.update_template_deleted_by_id(template.id, true, deployment.clock.now())?;
    publish_update(deployment, template.id);
    Ok(())
}
