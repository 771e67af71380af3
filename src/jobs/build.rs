//! Builds a workspace: plans and applies its template for the transition that was asked for, and
//! stores the state, what was made, and what that changes about the workspace.

use uuid::Uuid;

use super::Failed;
use super::made::Occasion;
use super::runner::{Running, provisioner_transition};
use crate::audit::{self, AboutWorkspace, Asked, Auditable, Entry};
use crate::auth::oidc;
use crate::auth::token::Token;
use crate::builds::{events, finish};
use crate::deployment::Deployment;
use crate::external_auth::links;
use crate::provisioner::{
    ExternalAuthProvider, GraphComplete, GraphSource, InitRequest, Metadata, PlanRequest, PrebuiltWorkspaceBuildStage,
    RichParameterValue, Role, RunningAgentAuthToken, Session, VariableValue,
};
use crate::rbac::{scopes, system};
use crate::sdk::{self, LogLevel, WorkspaceTransition};
use crate::store::queries::api_keys::ApiKey;
use crate::store::queries::provisioner_jobs::ProvisionerJob;
use crate::store::queries::template_versions::TemplateVersion;
use crate::store::queries::users::User;
use crate::store::queries::workspace_builds::WorkspaceBuild;
use crate::store::queries::workspaces::Workspace;
use crate::store::{self, Db, Optional};
use crate::time::Time;

/// What a build is of.
struct Subject {
    build: WorkspaceBuild,
    workspace: Workspace,
    version: TemplateVersion,
    owner: User,
}

impl Subject {
    fn read(db: &Db, build: Uuid) -> Result<Subject, store::Error> {
        let build = db.get_workspace_build_by_id(build)?;
        let workspace = db.get_workspace_by_id(build.workspace_id)?;
        let version = db.get_template_version_by_id(build.template_version_id)?;
        let owner = db.acting_as(system::restricted()).get_user_by_id(workspace.owner_id)?;
        Ok(Subject { build, workspace, version, owner })
    }
}

/// Runs a build.
pub fn run(running: &Running<'_>, mut session: Box<dyn Session>, build: Uuid, stage: i32) -> Result<(), Failed> {
    let (log, db) = (running.log, running.db);
    let subject = Subject::read(db, build)?;
    let transition = subject.build.transition;
    let request = plan_request(running, &subject, stage)?;
    let incoming = request.state.clone();

    log.enter("Initializing Terraform Directory");
    let archive =
        InitRequest { template_source_archive: running.archive()?, omit_module_files: true, ..InitRequest::default() };
    let init = session.init(archive, log).map_err(|e| Failed { state: Some(incoming.clone()), ..Failed::of(e) })?;
    log.enter("Planning Infrastructure");
    let plan = session.plan(request, log).map_err(Failed::of)?;
    if plan.ai_task_count > 1 {
        return Err(Failed::because(format!(
            "only one 'coder_ai_task' resource can be provisioned per template, found {}",
            plan.ai_task_count
        )));
    }
    if transition != WorkspaceTransition::Delete && plan.daily_cost != 0 {
        commit_quota(running, &subject, plan.daily_cost)?;
    }
    log.stage(match transition {
        WorkspaceTransition::Start => "Starting workspace",
        WorkspaceTransition::Stop => "Stopping workspace",
        WorkspaceTransition::Delete => "Destroying workspace",
    });
    let applied = session.apply(log).map_err(Failed::of)?;
    log.enter("Graphing Infrastructure");
    let graph = session
        .graph(GraphSource::State, log)
        .map_err(|e| Failed { state: Some(applied.state.clone()), ..Failed::of(e) })?;

    running.complete(|db| {
        let occasion = Occasion {
            db,
            ids: &running.deployment.ids,
            job: running.job.id,
            transition,
            now: running.deployment.clock.now(),
        };
        occasion.resources(&graph.resources)?;
        occasion.modules(&init.modules)?;
        keep_succeeded(running, db, &subject, &applied.state, &graph)?;
        for timings in [&init.timings, &plan.timings, &applied.timings, &graph.timings] {
            running.keep_timings(db, timings)?;
        }
        Ok(())
    })?;
    publish(running.deployment, &subject.workspace);
    Ok(())
}

fn keep_succeeded(
    running: &Running<'_>,
    db: &Db,
    subject: &Subject,
    state: &[u8],
    graph: &GraphComplete,
) -> Result<(), Failed> {
    let now = running.deployment.clock.now();
    let system = db.acting_as(system::restricted());
    system.update_workspace_build_provisioner_state_by_id(subject.build.id, Some(state.to_vec()), now)?;
    let external = graph.resources.iter().any(|r| r.r#type == "coder_external_agent");
    db.update_workspace_build_flags_by_id(
        subject.build.id,
        Some(subject.workspace.task_id.is_some()),
        Some(external),
        now,
    )?;
    finish::succeeded(running.deployment, db, &subject.workspace, &subject.build, now).map_err(|e| match e {
        crate::builds::Error::Store(e) => Failed::from(e),
        refused => Failed::because(refused.to_string()),
    })
}

/// Keeps what a failed build leaves: the state as far as it came, and with it no deadline.
pub fn keep_failed(db: &Db, job: &ProvisionerJob, failed: &Failed, now: Time) -> Result<(), store::Error> {
    let Some(build) = db.get_workspace_build_by_job_id(job.id).optional()? else { return Ok(()) };
    let system = db.acting_as(system::restricted());
    match &failed.state {
        Some(state) => {
            system.update_workspace_build_provisioner_state_by_id(build.id, Some(state.clone()), now)?;
        }
        None if db.get_workspace_build_provisioner_state(build.id)?.is_none() && build.build_number > 1 => {
            // What the build before left is still there: it must not be forgotten.
            let before = db.get_workspace_build_by_number(build.workspace_id, build.build_number - 1)?;
            let state = db.get_workspace_build_provisioner_state(before.id)?;
            system.update_workspace_build_provisioner_state_by_id(build.id, state, now)?;
        }
        None => {}
    }
    Ok(())
}

/// Writes to the audit log how a build ended: that it did is told by its status.
pub fn log_end(deployment: &Deployment, db: &Db, job: &ProvisionerJob, status: u16) {
    if let Err(e) = write_end(deployment, db, job, status) {
        log::error!(target: "provisionerd", job:% = job.id; "the end of a build cannot be logged: {e}");
    }
}

fn write_end(deployment: &Deployment, db: &Db, job: &ProvisionerJob, status: u16) -> Result<(), store::Error> {
    let Some(build) = db.get_workspace_build_by_job_id(job.id).optional()? else { return Ok(()) };
    let workspace = db.get_workspace_by_id(build.workspace_id)?;
    let before = db.get_workspace_build_by_number(workspace.id, build.build_number - 1).optional()?;
    let action = match build.transition {
        WorkspaceTransition::Start => sdk::AuditAction::Start,
        WorkspaceTransition::Stop => sdk::AuditAction::Stop,
        WorkspaceTransition::Delete => sdk::AuditAction::Delete,
    };
    let about = AboutWorkspace {
        id: workspace.id,
        name: &workspace.name,
        build_number: Some(build.build_number),
        build_reason: build.reason.as_str(),
        ..AboutWorkspace::default()
    };
    let entry = Entry {
        before: before.map(|before| before.snapshot()),
        after: Some(build.snapshot()),
        organization_id: Some(workspace.organization_id),
        additional_fields: audit::workspace_fields(&about),
        ..Entry::new(sdk::ResourceType::WorkspaceBuild, action)
    };
    let asked = Asked { user_id: Some(job.initiator_id), request_id: job.id, ..Asked::default() };
    audit::in_background(deployment, &entry, &asked, status, deployment.clock.now());
    Ok(())
}

/// Tells those who watch that a build begins.
pub fn announce(running: &Running<'_>) -> Result<(), store::Error> {
    announce_job(running.deployment, running.db, running.job)
}

/// Tells those who watch that something about a job's build changed.
pub fn announce_job(deployment: &Deployment, db: &Db, job: &ProvisionerJob) -> Result<(), store::Error> {
    let Some(build) = db.get_workspace_build_by_job_id(job.id).optional()? else { return Ok(()) };
    publish(deployment, &db.get_workspace_by_id(build.workspace_id)?);
    Ok(())
}

fn publish(deployment: &Deployment, workspace: &Workspace) {
    events::publish(&deployment.pubsub, workspace.owner_id, workspace.id, events::Kind::StateChange);
}

fn plan_request(running: &Running<'_>, subject: &Subject, stage: i32) -> Result<PlanRequest, Failed> {
    let db = running.db;
    let values = |build: Uuid| -> Result<Vec<RichParameterValue>, store::Error> {
        Ok(db
            .get_workspace_build_parameters(build)?
            .into_iter()
            .map(|v| RichParameterValue { name: v.name, value: v.value })
            .collect())
    };
    let previous = match subject.build.build_number {
        1 => Vec::new(),
        n => match db.get_workspace_build_by_number(subject.workspace.id, n - 1).optional()? {
            Some(build) => values(build.id)?,
            None => Vec::new(),
        },
    };
    let variables = db.get_template_version_variables(subject.version.id)?;
    Ok(PlanRequest {
        metadata: metadata(running, subject, stage)?,
        rich_parameter_values: values(subject.build.id)?,
        previous_parameter_values: previous,
        variable_values: variables
            .into_iter()
            .filter(|v| v.required || !v.value.is_empty() || !v.default_value.is_empty())
            .map(|v| VariableValue { name: v.name, value: v.value, sensitive: v.sensitive })
            .collect(),
        external_auth_providers: external_tokens(running, subject)?,
        state: db.get_workspace_build_provisioner_state(subject.build.id)?.unwrap_or_default(),
    })
}

/// The owner's tokens at the services that the template wants; those that are not to be had are left out.
fn external_tokens(running: &Running<'_>, subject: &Subject) -> Result<Vec<ExternalAuthProvider>, Failed> {
    let deployment = running.deployment;
    let mut tokens = Vec::new();
    for wanted in &subject.version.external_auth_providers.0 {
        let Some(provider) = deployment.external_auth.find(&wanted.id) else { continue };
        let db = deployment.system_db();
        let Some(link) = db.get_external_auth_link(&wanted.id, subject.workspace.owner_id).optional()? else {
            continue;
        };
        match links::fresh(deployment, &db, provider, link) {
            Ok(link) => {
                tokens.push(ExternalAuthProvider { id: wanted.id.clone(), access_token: link.oauth_access_token });
            }
            Err(links::Error::Invalid(_)) => {}
            Err(links::Error::Store(e)) => return Err(e.into()),
            Err(e) => {
                let id = &wanted.id;
                return Err(Failed::because(format!("the owner's token at {id:?} could not be renewed: {e}")));
            }
        }
    }
    Ok(tokens)
}

fn metadata(running: &Running<'_>, subject: &Subject, stage: i32) -> Result<Metadata, Failed> {
    let (db, deployment) = (running.db, running.deployment);
    let Subject { build, workspace, version, owner } = subject;
    let organization = workspace.organization_id;
    let system = db.acting_as(system::restricted());
    let known = deployment.subjects.of_user(&system, owner.id).map_err(|e| Failed::because(e.to_string()))?;
    let roles = known.subject.roles().iter().filter(|r| r.org().is_none_or(|org| org == organization));
    let key = system.get_git_ssh_key(owner.id).optional()?;
    let (public_key, private_key) = key.map_or_else(Default::default, |k| (k.public_key, k.private_key));
    let stage = match stage {
        1 => PrebuiltWorkspaceBuildStage::Create,
        2 => PrebuiltWorkspaceBuildStage::Claim,
        _ => PrebuiltWorkspaceBuildStage::None,
    };
    Ok(Metadata {
        coder_url: deployment.access_url.clone(),
        workspace_transition: provisioner_transition(build.transition),
        workspace_name: workspace.name.clone(),
        workspace_id: workspace.id.to_string(),
        workspace_owner: owner.username.clone(),
        workspace_owner_id: owner.id.to_string(),
        workspace_owner_email: owner.email.clone(),
        workspace_owner_name: owner.name.clone(),
        workspace_owner_login_type: owner.login_type.as_str().to_owned(),
        workspace_owner_groups: system.get_group_names_of_user(owner.id, organization)?,
        workspace_owner_rbac_roles: roles
            .map(|r| Role {
                name: r.name().to_owned(),
                org_id: r.org().map_or_else(String::new, |org| org.to_string()),
            })
            .collect(),
        workspace_owner_session_token: session_token(running, subject)?,
        workspace_owner_ssh_public_key: public_key,
        workspace_owner_ssh_private_key: private_key,
        workspace_owner_oidc_access_token: oidc::links::access_token(deployment, owner.id)?.unwrap_or_default(),
        workspace_build_id: build.id.to_string(),
        template_id: workspace.template_id.to_string(),
        template_name: workspace.template_name.clone(),
        template_version: version.name.clone(),
        template_version_id: version.id.to_string(),
        template_version_modules_file: String::new(),
        task_id: workspace.task_id.unwrap_or_default().to_string(),
        task_prompt: String::new(),
        running_agent_auth_tokens: if stage == PrebuiltWorkspaceBuildStage::Claim {
            running_agents(db, workspace.id)?
        } else {
            Vec::new()
        },
        prebuilt_workspace_build_stage: stage,
    })
}

/// The tokens that the agents of a claimed workspace run with: those of its first build.
fn running_agents(db: &Db, workspace: Uuid) -> Result<Vec<RunningAgentAuthToken>, store::Error> {
    let first = db.get_workspace_build_by_number(workspace, 1)?;
    let system = db.acting_as(system::restricted());
    let resources: Vec<Uuid> =
        system.get_workspace_resources_by_job_ids(&[first.job_id])?.into_iter().map(|r| r.id).collect();
    let agents = system.get_workspace_agents_by_resource_ids(&resources)?;
    Ok(agents
        .into_iter()
        .map(|a| RunningAgentAuthToken { agent_id: a.id.to_string(), token: a.auth_token.to_string() })
        .collect())
}

/// A start gives the template a fresh token of the owner, and every build takes the one before away.
fn session_token(running: &Running<'_>, subject: &Subject) -> Result<String, Failed> {
    let name = format!("{}_{}_session_token", subject.owner.id, subject.workspace.id);
    let deployment = running.deployment;
    let now = deployment.clock.now();
    let lifetime = deployment.config.sessions.max_token_lifetime;
    let starts = subject.build.transition == WorkspaceTransition::Start && !subject.workspace.is_prebuild();
    running.db.tx(|db| {
        if let Some(old) = db.get_api_key_by_name(subject.owner.id, &name).optional()? {
            db.delete_api_key_by_id(&old.id)?;
        }
        if !starts {
            return Ok(String::new());
        }
        let token = Token::generate(&deployment.ids);
        db.insert_api_key(&ApiKey {
            id: token.id.clone(),
            hashed_secret: token.hashed_secret(),
            user_id: subject.owner.id,
            last_used: Time::ZERO,
            expires_at: now + lifetime,
            created_at: now,
            updated_at: now,
            // As a session of the owner: it is not among the tokens that the owner has made.
            login_type: subject.owner.login_type,
            lifetime_seconds: lifetime.as_secs() as i64,
            ip_address: "0.0.0.0".to_owned(),
            token_name: name.clone(),
            scopes: vec![scopes::ALL.to_owned()],
            allow_list: vec!["*:*".to_owned()],
        })?;
        Ok(token.text())
    })
}

/// Takes the build's cost out of its owner's quota; refused when it grows beyond what the groups allow.
fn commit_quota(running: &Running<'_>, subject: &Subject, cost: i32) -> Result<(), Failed> {
    running.log.stage("Commit quota");
    let (owner, organization) = (subject.workspace.owner_id, subject.workspace.organization_id);
    let refused = running.db.tx_named("commit_quota", |db| {
        let db = db.acting_as(system::restricted());
        if running.deployment.config.licensing == crate::config::Licensing::Entitled {
            let consumed = db.get_quota_consumed_for_user(owner, organization)?;
            let allowance = db.get_quota_allowance_for_user(owner, organization)?;
            let before = match subject.build.build_number {
                1 => 0,
                n => db
                    .get_workspace_build_by_number(subject.workspace.id, n - 1)
                    .optional()?
                    .map_or(0, |b| b.daily_cost),
            };
            if consumed + i64::from(cost) > allowance && cost >= before {
                return Ok::<_, store::Error>(Some((consumed, allowance)));
            }
        }
        db.update_workspace_build_cost_by_id(subject.build.id, cost)?;
        Ok(None)
    })?;
    match refused {
        Some((consumed, allowance)) => {
            running
                .log
                .say(LogLevel::Error, &format!("This build costs {cost} a day; {consumed} of {allowance} are in use."));
            Err(Failed::because("insufficient quota"))
        }
        None => {
            running.log.say(LogLevel::Info, &format!("Build cost: {cost}"));
            Ok(())
        }
    }
}
