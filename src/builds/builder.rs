//! Makes a build: who may, of which version, with which values and state, for which provisioners.
//!
//! The order in which things are looked at is the order in which a build may be refused. Everything
//! runs in one transaction; once that has ended well, the caller posts the job and tells the watchers.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::parameters::{self, Sources};
use super::tags::TagExpressions;
use super::{Error, finish, presets};
use crate::deployment::Deployment;
use crate::jobs;
use crate::licensing;
use crate::parameters::{Form, Renderer};
use crate::rbac::{Action, Object, Resource, system};
use crate::sdk::{
    FeatureName, ProvisionerJobStatus, ProvisionerJobType, WorkspaceBuildParameter, WorkspaceTransition as Transition,
};
use crate::store::queries::provisioner_daemons::ProvisionerDaemon;
use crate::store::queries::provisioner_jobs::ProvisionerJob;
use crate::store::queries::template_versions::TemplateVersion;
use crate::store::queries::templates::Template;
use crate::store::queries::workspace_builds::{BuildReason, NewWorkspaceBuild, WorkspaceBuild, transition_action};
use crate::store::queries::workspaces::Workspace;
use crate::store::{self, Db, Optional};
use crate::time::Time;

/// Which version is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// The one of the build before.
    Last,
    /// The template's active one.
    Active,
    /// This one.
    Of(Uuid),
}

/// What the provisioner is told to remember.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// What it remembered of the build before.
    Kept,
    /// This.
    Given(Vec<u8>),
    /// Nothing: what the workspace holds is left to itself.
    Orphaned,
}

/// What a build is to prebuilt workspaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Nothing.
    Ordinary = 0,
    /// It makes or removes one.
    Create = 1,
    /// It hands one over.
    Claim = 2,
}

/// What is to be built.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    /// Of this workspace, as it was when who asks was checked to know it.
    pub workspace: &'a Workspace,
    /// What it does.
    pub transition: Transition,
    /// Of this version.
    pub version: Version,
    /// With this state.
    pub state: State,
    /// Who asked; the owner, when nobody is named.
    pub initiator_id: Option<Uuid>,
    /// Why.
    pub reason: BuildReason,
    /// The least level of the provisioner's log; empty for the usual one.
    pub log_level: &'a str,
    /// Values that were asked for.
    pub parameters: &'a [WorkspaceBuildParameter],
    /// The preset that was asked for.
    pub preset_id: Option<Uuid>,
    /// What it is to prebuilt workspaces.
    pub stage: Stage,
    /// Whether the subject must be allowed to. Services that act by a rule of their own are.
    pub authorize: bool,
}

impl<'a> Wanted<'a> {
    /// A plain build of the version before, by the owner.
    pub fn new(workspace: &'a Workspace, transition: Transition) -> Wanted<'a> {
        Wanted {
            workspace,
            transition,
            version: Version::Last,
            state: State::Kept,
            initiator_id: None,
            reason: BuildReason::Initiator,
            log_level: "",
            parameters: &[],
            preset_id: None,
            stage: Stage::Ordinary,
            authorize: true,
        }
    }
}

/// A build that was made.
#[derive(Debug)]
pub struct Made {
    /// The build.
    pub build: WorkspaceBuild,
    /// Its job. It may be over already: see [`State::Orphaned`].
    pub job: ProvisionerJob,
    /// The build before.
    pub previous: Option<WorkspaceBuild>,
}

/// What was read about a build so far.
struct Known {
    template: Template,
    version: TemplateVersion,
    import: ProvisionerJob,
    last: Option<WorkspaceBuild>,
}

/// Where a template requires its active version, starting another is for those who manage the template.
fn may_start_version(deployment: &Deployment, db: &Db, wanted: &Wanted<'_>, known: &Known) -> Result<(), Error> {
    let Known { template, version, .. } = known;
    let other = wanted.transition == Transition::Start && version.id != template.active_version_id;
    if other && finish::requires_active_version(&deployment.config, template) && !db.may_on(Action::Update, template) {
        return Err(Error::refused(
            403,
            "The build could not be kept.",
            "This template requires its active version: update the workspace to start it.",
        ));
    }
    Ok(())
}

/// Makes a build, inside the caller's transaction.
pub fn build(deployment: &Deployment, db: &Db, wanted: &Wanted<'_>) -> Result<Made, Error> {
    let workspace = wanted.workspace;
    if wanted.authorize {
        may_act(db, wanted)?;
    }
    let template = db.get_template_by_id(workspace.template_id)?;
    if wanted.authorize {
        may_have_extras(deployment, db, wanted, &template)?;
    }
    let last = db.get_latest_workspace_build_by_workspace_id(workspace.id).optional()?;
    let version = version(db, wanted, &template, last.as_ref())?;
    let import = db.get_provisioner_job_by_id(version.job_id)?;
    is_imported(&version, &import)?;
    is_permitted(deployment, &version)?;
    is_idle(db, last.as_ref())?;
    let known = Known { template, version, import, last };

    let (values, tags) = resolve(deployment, db, wanted, &known)?;
    let now = deployment.clock.now();
    let build_id = deployment.ids.uuid();
    let initiator_id = wanted.initiator_id.unwrap_or(workspace.owner_id);
    let job = jobs::insert(
        deployment,
        db,
        jobs::New {
            id: deployment.ids.uuid(),
            organization_id: known.template.organization_id,
            initiator_id,
            kind: ProvisionerJobType::WorkspaceBuild,
            provisioner: known.template.provisioner,
            storage_method: known.import.storage_method,
            file_id: known.import.file_id,
            input: jobs::Input::WorkspaceBuild {
                workspace_build_id: build_id,
                log_level: wanted.log_level.to_owned(),
                prebuilt_workspace_stage: wanted.stage as i32,
            },
            tags,
        },
    )?;
    let preset_id = match wanted.preset_id {
        Some(id) => Some(id),
        None => presets::find_matching(db, known.version.id, &values)?,
    };
    may_start_version(deployment, db, wanted, &known)?;
    let provisioner_state = match (&wanted.state, &known.last) {
        (State::Given(bytes), _) => Some(bytes.clone()),
        (State::Kept, Some(last)) => db.get_workspace_build_provisioner_state(last.id)?,
        (State::Kept, None) | (State::Orphaned, _) => None,
    };
    let build_number = known.last.as_ref().map_or(1, |last| last.build_number + 1);
    let new = NewWorkspaceBuild {
        id: build_id,
        created_at: now,
        updated_at: now,
        workspace_id: workspace.id,
        template_version_id: known.version.id,
        build_number,
        transition: wanted.transition,
        initiator_id,
        job_id: job.id,
        provisioner_state,
        // Known once the build is finished.
        deadline: Time::ZERO,
        max_deadline: Time::ZERO,
        reason: wanted.reason,
        template_version_preset_id: preset_id,
    };
    db.insert_workspace_build(&new).map_err(|e| match e {
        store::Error::Denied(why) => Error::refused(403, "The build could not be kept.", why.to_string()),
        store::Error::Unique(_) => Error::refused(409, "The build could not be kept.", "Another build was just made."),
        store::Error::ForeignKey(_) if wanted.preset_id.is_some() => Error::refused(
            400,
            "The build could not be kept.",
            format!("There is no preset {}.", wanted.preset_id.unwrap_or_default()),
        ),
        other => Error::Store(other),
    })?;
    if let Some(task_id) = workspace.task_id {
        db.upsert_task_workspace_app(task_id, build_number, None, None)?;
    }
    let (names, texts): (Vec<String>, Vec<String>) = values.into_iter().map(|v| (v.name, v.value)).unzip();
    db.insert_workspace_build_parameters(build_id, &names, &texts)?;
    let build = db.get_workspace_build_by_id(build_id)?;
    let job = if wanted.state == State::Orphaned { let_go(db, workspace, job, now)? } else { job };
    Ok(Made { build, job, previous: known.last })
}

/// A dormant workspace is not started but woken first, which is changing it.
fn may_act(db: &Db, wanted: &Wanted<'_>) -> Result<(), Error> {
    let workspace = wanted.workspace;
    let action = match wanted.transition {
        Transition::Start if workspace.dormant_at.is_some() => Action::Update,
        other => transition_action(other),
    };
    let prebuilt = || workspace.is_prebuild() && action == Action::Delete;
    if db.may_on(action, workspace) || (prebuilt() && db.may(action, &workspace.prebuilt_object())) {
        return Ok(());
    }
    if !db.may_on(Action::Read, workspace) {
        return Err(Error::Store(store::Error::NotFound));
    }
    let message = format!("You do not have permission to {action} this workspace.");
    Err(Error::refused(403, message, "Ask an administrator of the deployment or organization to grant it."))
}

/// State and log levels are not for everybody.
fn may_have_extras(deployment: &Deployment, db: &Db, wanted: &Wanted<'_>, template: &Template) -> Result<(), Error> {
    if wanted.state != State::Kept && !db.may_on(Action::Update, template) {
        return Err(Error::plainly(403, "Only template managers may provide custom state"));
    }
    if wanted.log_level.is_empty() {
        return Ok(());
    }
    if !db.may(Action::Read, &Object::of(Resource::DeploymentConfig)) {
        let message = "Workspace builds with a custom log level are restricted to administrators only.";
        return Err(Error::plainly(400, message));
    }
    if !deployment.config.enable_terraform_debug_mode {
        return Err(Error::plainly(400, "Terraform debug mode is disabled in the deployment configuration."));
    }
    Ok(())
}

fn version(
    db: &Db,
    wanted: &Wanted<'_>,
    template: &Template,
    last: Option<&WorkspaceBuild>,
) -> Result<TemplateVersion, Error> {
    let missing = || Error::plainly(400, "template version does not exist");
    let id = match (wanted.version, last) {
        (Version::Of(id), _) => id,
        (Version::Active, _) => template.active_version_id,
        (Version::Last, Some(last)) => last.template_version_id,
        (Version::Last, None) => return Err(missing()),
    };
    let version = db.get_template_version_by_id(id).map_err(|e| if e.is_hidden() { missing() } else { e.into() })?;
    if version.template_id != Some(template.id) {
        return Err(Error::plainly(400, "template version doesn't match template"));
    }
    Ok(version)
}

fn is_imported(version: &TemplateVersion, import: &ProvisionerJob) -> Result<(), Error> {
    match import.job_status {
        ProvisionerJobStatus::Pending | ProvisionerJobStatus::Running => Err(Error::plainly(
            406,
            format!("The provided template version is {}. Wait for it to complete importing!", import.job_status),
        )),
        ProvisionerJobStatus::Failed | ProvisionerJobStatus::Canceled => {
            let why = import.error.as_deref().unwrap_or_default();
            let name = &version.name;
            Err(Error::plainly(
                400,
                format!(
                    "The provided template version {name:?} has failed to import: {why:?}. You cannot build workspaces with it!"
                ),
            ))
        }
        _ => Ok(()),
    }
}

/// External agents are a licensed feature, whatever a build does.
fn is_permitted(deployment: &Deployment, version: &TemplateVersion) -> Result<(), Error> {
    let entitled = licensing::entitled(&deployment.config, FeatureName::WorkspaceExternalAgent);
    if version.has_external_agent == Some(true) && !entitled {
        let message = "Build is not permitted: this template has external agents, which need a licence.";
        return Err(Error::plainly(403, message));
    }
    Ok(())
}

fn is_idle(db: &Db, last: Option<&WorkspaceBuild>) -> Result<(), Error> {
    let Some(last) = last else { return Ok(()) };
    match db.get_provisioner_job_by_id(last.job_id)?.job_status {
        ProvisionerJobStatus::Pending | ProvisionerJobStatus::Running | ProvisionerJobStatus::Canceling => {
            Err(Error::plainly(409, "A workspace build is already active."))
        }
        _ => Ok(()),
    }
}

/// The values of the build, and the tags of its job.
fn resolve(
    deployment: &Deployment,
    db: &Db,
    wanted: &Wanted<'_>,
    known: &Known,
) -> Result<(Vec<WorkspaceBuildParameter>, BTreeMap<String, String>), Error> {
    let version = known.version.id;
    if wanted.transition == Transition::Start && db.get_parameter_schema_count_by_job_id(known.import.id)? > 0 {
        return Err(Error::refused(
            400,
            "Unable to build workspace with unsupported parameters",
            "This version asks for parameters in a way that is no longer supported: its template needs a new version.",
        ));
    }
    let previous: Vec<WorkspaceBuildParameter> = match &known.last {
        Some(last) => db.get_workspace_build_parameters(last.id)?.into_iter().map(pair).collect(),
        None => Vec::new(),
    };
    let preset: Vec<WorkspaceBuildParameter> = match wanted.preset_id {
        Some(id) => db
            .get_preset_parameters_by_preset_id(id)
            .map_err(|e| {
                if e.is_hidden() {
                    Error::refused(400, "There is no such preset.", format!("{id} is the id of none."))
                } else {
                    e.into()
                }
            })?
            .into_iter()
            .map(|p| WorkspaceBuildParameter { name: p.name, value: p.value })
            .collect(),
        None => Vec::new(),
    };
    let sources = Sources { previous: &previous, wanted: wanted.parameters, preset: &preset };
    let owner = wanted.workspace.owner_id;
    let (values, own_tags) = if known.template.use_classic_parameter_flow {
        let values = parameters::classic(&db.get_template_version_parameters(version)?, sources)?;
        let expressions = TagExpressions::new(
            db.get_template_version_workspace_tags(version)?,
            db.get_template_version_variables(version)?,
        );
        let tags = expressions.evaluate(&by_name(&values))?;
        (values, tags)
    } else {
        let form = Form::prepare(deployment, db, &known.version, &known.import)?;
        let values = parameters::dynamic(&form, owner, known.last.is_none(), sources)?;
        let tags = form.render(owner, &by_name(&values))?.usable_tags();
        (values, tags.map_err(|body| Error::Refused { status: 400, body: Box::new(body) })?)
    };
    let mut tags = jobs::owner_tags(owner, &[&known.import.tags]);
    tags.extend(own_tags);
    Ok((values, tags))
}

fn pair(row: crate::store::queries::workspace_builds::WorkspaceBuildParameter) -> WorkspaceBuildParameter {
    WorkspaceBuildParameter { name: row.name, value: row.value }
}

fn by_name(values: &[WorkspaceBuildParameter]) -> BTreeMap<String, String> {
    values.iter().map(|v| (v.name.clone(), v.value.clone())).collect()
}

/// Where no provisioner is there to take it, letting a workspace go is done here: a provisioner would
/// have nothing to do either.
fn let_go(db: &Db, workspace: &Workspace, job: ProvisionerJob, now: Time) -> Result<ProvisionerJob, Error> {
    let daemons = db.acting_as(system::restricted()).get_provisioner_daemons()?;
    if daemons.iter().any(|d| is_there(d, &job, now)) {
        return Ok(job);
    }
    db.acting_as(system::provisionerd())
        .update_provisioner_job_with_complete_with_started_at_by_id(job.id, now, None)?;
    db.update_workspace_deleted_by_id(workspace.id, true)?;
    Ok(db.get_provisioner_job_by_id(job.id)?)
}

fn is_there(daemon: &ProvisionerDaemon, job: &ProvisionerJob, now: Time) -> bool {
    daemon.organization_id == job.organization_id
        && daemon.provisioners.iter().any(|p| p == job.provisioner.as_str())
        && store::functions::takes(&daemon.tags, &job.tags)
        && daemon.last_seen_at.is_some_and(|seen| seen + jobs::queue::STALE >= now)
}
