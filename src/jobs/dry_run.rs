//! Plans a template version with chosen values, and stores what it would make.

use uuid::Uuid;

use super::Failed;
use super::made::Occasion;
use super::runner::Running;
use crate::provisioner::{
    GraphSource, InitRequest, Metadata, PlanRequest, RichParameterValue, Session, VariableValue, WorkspaceTransition,
};
use crate::sdk;

/// Runs a dry run.
pub fn run(
    running: &Running<'_>,
    mut session: Box<dyn Session>,
    version: Uuid,
    workspace_name: String,
    values: Vec<RichParameterValue>,
) -> Result<(), Failed> {
    let (log, deployment) = (running.log, running.deployment);
    log.enter("Initializing Terraform Directory");
    let request =
        InitRequest { template_source_archive: running.archive()?, omit_module_files: true, ..InitRequest::default() };
    let init = session.init(request, log).map_err(|e| Failed::of(e).after("init error"))?;
    let owner = running.db.acting_as(crate::rbac::system::restricted()).get_user_by_id(running.job.initiator_id)?;
    let variables = running.db.get_template_version_variables(version)?;
    let metadata = Metadata {
        coder_url: deployment.access_url.clone(),
        workspace_transition: WorkspaceTransition::Start,
        workspace_name: if workspace_name.is_empty() { "dryrun".to_owned() } else { workspace_name },
        workspace_id: deployment.ids.uuid().to_string(),
        workspace_owner: owner.username,
        workspace_owner_id: owner.id.to_string(),
        workspace_owner_email: owner.email,
        workspace_owner_name: owner.name,
        workspace_owner_groups: vec!["Everyone".to_owned()],
        ..Metadata::default()
    };
    let request = PlanRequest {
        metadata,
        rich_parameter_values: values,
        variable_values: variables
            .into_iter()
            .map(|v| VariableValue { name: v.name, value: v.value, sensitive: v.sensitive })
            .collect(),
        ..PlanRequest::default()
    };
    log.stage("Detecting persistent resources");
    let plan = session
        .plan(request, log)
        .map_err(|e| Failed::of(e).after("plan during dry-run provision error").after("dry-run provision for start"))?;
    log.enter("Graphing Infrastructure");
    let graph = session.graph(GraphSource::Plan, log).map_err(|e| {
        Failed::of(e).after("graph during dry-run provision error").after("dry-run provision for start")
    })?;
    let now = deployment.clock.now();
    running.complete(|db| {
        let occasion = Occasion {
            db,
            ids: &deployment.ids,
            job: running.job.id,
            transition: sdk::WorkspaceTransition::Start,
            now,
        };
        occasion.resources(&graph.resources)?;
        occasion.modules(&init.modules)?;
        for timings in [&init.timings, &plan.timings, &graph.timings] {
            running.keep_timings(db, timings)?;
        }
        Ok(())
    })
}
