//! Reads a template version: its variables, what it makes when started and when stopped, what it asks
//! for, and stores all of it.

use uuid::Uuid;

use super::Failed;
use super::made::Occasion;
use super::runner::Running;
use crate::provisioner::{
    GraphComplete, GraphSource, InitRequest, Metadata, ParseComplete, PlanRequest, Session, VariableValue,
    WorkspaceTransition,
};
use crate::sdk::{self, JobErrorCode};
use crate::store::queries::presets::{Preset, PresetPrebuildSchedule};
use crate::store::queries::template_versions::{
    ExternalAuthProvider, ParameterOption, TemplateVersionParameter, TemplateVersionVariable,
    TemplateVersionWorkspaceTag,
};
use crate::store::{self, Db, Json, Optional};

/// Runs an import.
pub fn run(
    running: &Running<'_>,
    mut session: Box<dyn Session>,
    version: Uuid,
    given: Vec<(String, String)>,
) -> Result<(), Failed> {
    let log = running.log;
    log.enter("Initializing Terraform Directory");
    let archive = running.archive()?;
    let init = session
        .init(InitRequest { template_source_archive: archive, ..InitRequest::default() }, log)
        .map_err(|e| Failed::of(e).after("the template could not be prepared for import"))?;
    log.stage("Parsing template parameters");
    let parsed = session.parse(log).map_err(|e| Failed::of(e).after("parse error"))?;
    let values = keep_parsed(running, version, &parsed, &given)?;

    log.stage("Detecting persistent resources");
    let start = detect(running, session.as_mut(), WorkspaceTransition::Start, &values)?;
    log.stage("Detecting ephemeral resources");
    let stop = detect(running, session.as_mut(), WorkspaceTransition::Stop, &values)?;

    let deployment = running.deployment;
    let now = deployment.clock.now();
    let unknown = start
        .graph
        .external_auth_providers
        .iter()
        .find(|p| deployment.external_auth.find(&p.id).is_none())
        .map(|p| format!("external auth provider {:?} is not configured", p.id));
    // What the version needs is kept in any case, but without a provider of that name nothing can be built of it.
    running.end(unknown.clone(), |db| {
        let occasion = Occasion {
            db,
            ids: &deployment.ids,
            job: running.job.id,
            transition: sdk::WorkspaceTransition::Start,
            now,
        };
        occasion.resources(&start.graph.resources)?;
        occasion.modules(&init.modules)?;
        Occasion { transition: sdk::WorkspaceTransition::Stop, ..occasion }.resources(&stop.graph.resources)?;
        keep_parameters(db, version, &start.graph)?;
        keep_presets(running, db, version, &start.graph)?;
        let providers = start
            .graph
            .external_auth_providers
            .iter()
            .map(|p| ExternalAuthProvider { id: p.id.clone(), optional: p.optional })
            .collect();
        db.update_template_version_external_auth_providers_by_job_id(running.job.id, Json(providers), now)?;
        db.update_template_version_flags_by_job_id(
            running.job.id,
            Some(start.graph.has_ai_tasks),
            Some(start.graph.has_external_agents),
            now,
        )?;
        let plan: serde_json::Value = serde_json::from_slice(&start.plan).unwrap_or_else(|_| serde_json::json!({}));
        db.insert_template_version_terraform_values_by_job_id(
            running.job.id,
            &plan,
            None,
            now,
            crate::version::PROVISIONER_API,
        )?;
        for timings in [&init.timings, &start.timings, &start.graph.timings] {
            running.keep_timings(db, timings)?;
        }
        Ok(())
    })?;
    unknown.map_or(Ok(()), |why| Err(Failed::because(why)))
}

struct Pass {
    plan: Vec<u8>,
    timings: Vec<crate::provisioner::Timing>,
    graph: GraphComplete,
}

fn detect(
    running: &Running<'_>,
    session: &mut dyn Session,
    transition: WorkspaceTransition,
    values: &[VariableValue],
) -> Result<Pass, Failed> {
    let title = format!("template import provision for {}", transition.as_str());
    let metadata = Metadata {
        coder_url: running.deployment.access_url.clone(),
        workspace_owner_groups: vec!["Everyone".to_owned()],
        workspace_transition: transition,
        ..Metadata::default()
    };
    let request = PlanRequest { metadata, variable_values: values.to_vec(), ..PlanRequest::default() };
    let plan = session
        .plan(request, running.log)
        .map_err(|e| Failed::of(e).after("the template could not be planned for its import").after(&title))?;
    running.log.enter("Graphing Infrastructure");
    let graph = session
        .graph(GraphSource::Plan, running.log)
        .map_err(|e| Failed::of(e).after("the graph of the template could not be made for its import").after(&title))?;
    Ok(Pass { plan: plan.plan, timings: plan.timings, graph })
}

/// Keeps what a template declares, and answers with the values of its variables.
fn keep_parsed(
    running: &Running<'_>,
    version: Uuid,
    parsed: &ParseComplete,
    given: &[(String, String)],
) -> Result<Vec<VariableValue>, Failed> {
    let mut given = given.to_vec();
    for (name, value) in values_of_active_version(running, version)? {
        if !given.iter().any(|(n, _)| *n == name) {
            given.push((name, value));
        }
    }
    let now = running.deployment.clock.now();
    let mut values = Vec::new();
    let mut missing = Vec::new();
    running.db.tx(|db| {
        (values, missing) = (Vec::new(), Vec::new());
        for v in &parsed.template_variables {
            let value = given
                .iter()
                .find(|(n, _)| *n == v.name)
                .map_or_else(|| v.default_value.clone(), |(_, value)| value.clone());
            if v.required && value.is_empty() {
                missing.push(v.name.clone());
            }
            db.insert_template_version_variable(&TemplateVersionVariable {
                template_version_id: version,
                name: v.name.clone(),
                description: v.description.clone(),
                r#type: v.r#type.clone(),
                value: value.clone(),
                default_value: v.default_value.clone(),
                required: v.required,
                sensitive: v.sensitive,
            })?;
            values.push(VariableValue { name: v.name.clone(), value, sensitive: v.sensitive });
        }
        for (key, value) in &parsed.workspace_tags {
            db.insert_template_version_workspace_tag(&TemplateVersionWorkspaceTag {
                template_version_id: version,
                key: key.clone(),
                value: value.clone(),
            })?;
        }
        if !parsed.readme.is_empty() {
            db.update_template_version_description_by_job_id(
                running.job.id,
                &String::from_utf8_lossy(&parsed.readme),
                now,
            )?;
        }
        Ok::<_, store::Error>(())
    })?;
    if !missing.is_empty() {
        let mut failed =
            Failed::because(format!("update job: required template variables need values: {}", missing.join(", ")));
        failed.code = Some(JobErrorCode::RequiredTemplateVariables.as_str());
        return Err(failed);
    }
    Ok(values)
}

/// Values that the template's active version has, for variables that nobody gave one now.
fn values_of_active_version(running: &Running<'_>, version: Uuid) -> Result<Vec<(String, String)>, store::Error> {
    let Some(template) = running.db.get_template_version_by_id(version)?.template_id else { return Ok(Vec::new()) };
    let Some(template) = running.db.get_template_by_id(template).optional()? else { return Ok(Vec::new()) };
    let kept = running.db.get_template_version_variables(template.active_version_id)?;
    Ok(kept.into_iter().map(|v| (v.name, v.value)).collect())
}

fn keep_parameters(db: &Db, version: Uuid, graph: &GraphComplete) -> Result<(), Failed> {
    for p in &graph.parameters {
        let form_type = sdk::ParameterFormType::parse(p.form_type.as_str()).ok_or_else(|| {
            Failed::because(format!("parameter {:?} has the unknown form type {:?}", p.name, p.form_type.as_str()))
        })?;
        db.insert_template_version_parameter(&TemplateVersionParameter {
            template_version_id: version,
            name: p.name.clone(),
            description: p.description.clone(),
            r#type: p.r#type.clone(),
            mutable: p.mutable,
            default_value: p.default_value.clone(),
            icon: p.icon.clone(),
            options: Json(
                p.options
                    .iter()
                    .map(|o| ParameterOption {
                        name: o.name.clone(),
                        description: o.description.clone(),
                        value: o.value.clone(),
                        icon: o.icon.clone(),
                    })
                    .collect(),
            ),
            validation_regex: p.validation_regex.clone(),
            validation_min: p.validation_min,
            validation_max: p.validation_max,
            validation_error: p.validation_error.clone(),
            validation_monotonic: p.validation_monotonic.clone(),
            required: p.required,
            display_name: p.display_name.clone(),
            display_order: p.order,
            ephemeral: p.ephemeral,
            form_type,
        })?;
    }
    Ok(())
}

fn keep_presets(running: &Running<'_>, db: &Db, version: Uuid, graph: &GraphComplete) -> Result<(), Failed> {
    let ids = &running.deployment.ids;
    for p in &graph.presets {
        let id = ids.uuid();
        let prebuild = p.prebuild.as_ref();
        db.insert_preset(&Preset {
            id,
            template_version_id: version,
            name: p.name.clone(),
            created_at: running.deployment.clock.now(),
            desired_instances: prebuild.map(|b| b.instances),
            invalidate_after_secs: prebuild.and_then(|b| b.expiration_policy.as_ref()).map(|e| e.ttl),
            prebuild_status: crate::store::queries::presets::PrebuildStatus::Healthy,
            scheduling_timezone: prebuild
                .and_then(|b| b.scheduling.as_ref())
                .map(|s| s.timezone.clone())
                .unwrap_or_default(),
            is_default: p.default,
            description: p.description.clone(),
            icon: p.icon.clone(),
            last_invalidated_at: None,
        })?;
        let parameter_ids: Vec<Uuid> = p.parameters.iter().map(|_| ids.uuid()).collect();
        let names: Vec<String> = p.parameters.iter().map(|v| v.name.clone()).collect();
        let values: Vec<String> = p.parameters.iter().map(|v| v.value.clone()).collect();
        db.insert_preset_parameters(id, &parameter_ids, &names, &values)?;
        for s in prebuild.and_then(|b| b.scheduling.as_ref()).map(|s| s.schedule.as_slice()).unwrap_or_default() {
            db.insert_preset_prebuild_schedule(&PresetPrebuildSchedule {
                id: ids.uuid(),
                preset_id: id,
                cron_expression: s.cron.clone(),
                desired_instances: s.instances,
            })?;
        }
    }
    Ok(())
}
