//! Templates: listed, read, made, changed, deleted; who used them; the examples that come with the server.

use uuid::Uuid;

use super::params::Params;
use super::routes::Routes;
use super::{Cx, Error, Reply, lookup, reply};
use crate::rbac::{Action, Object, Resource};
use crate::sdk::{self, AuditAction, ResourceType};
use crate::store::queries::templates::Template;
use crate::store::{self, Optional, Where};
use crate::templates::schedule::{self, autostart_days, autostop_weeks, day_names, millis};
use crate::templates::stats::Stats;
use crate::templates::{self, examples, settings};
use crate::time::Time;

const MICROS_PER_HOUR: i64 = 3_600_000_000;
const MICROS_PER_DAY: i64 = 24 * MICROS_PER_HOUR;
/// How many days of use are told.
const DAYS_TOLD: i64 = 60;

/// The routes answered here.
pub fn routes(r: &mut Routes) {
    r.user("GET", "/api/v2/templates", get_templates);
    r.user("GET", "/api/v2/templates/examples", get_examples);
    r.user("GET", "/api/v2/templates/{template}", get_template);
    r.user("PATCH", "/api/v2/templates/{template}", patch_template);
    r.user("DELETE", "/api/v2/templates/{template}", delete_template);
    r.user("GET", "/api/v2/templates/{template}/daus", get_daily_users);
    r.user("POST", "/api/v2/organizations/{organization}/templates", post_template);
    r.user("GET", "/api/v2/organizations/{organization}/templates", get_templates_of_organization);
    r.user("GET", "/api/v2/organizations/{organization}/templates/examples", get_examples_of_organization);
    r.user("GET", "/api/v2/organizations/{organization}/templates/{templatename}", get_template_by_name);
}

/// One template.
fn get_template(cx: &Cx) -> Reply {
    reply::ok(&render_one(cx, lookup::template(cx)?)?)
}

/// One template, by name.
fn get_template_by_name(cx: &Cx) -> Reply {
    reply::ok(&render_one(cx, lookup::template_by_name(cx)?)?)
}

/// Makes a template of a version.
fn post_template(cx: &Cx) -> Reply {
    let audit = cx.audit(ResourceType::Template, AuditAction::Create);
    let audit_version = cx.audit(ResourceType::TemplateVersion, AuditAction::Write);
    let organization = lookup::organization(cx)?;
    let body: sdk::CreateTemplateRequest = cx.body()?;
    let creator = cx.actor()?.user_id;
    if let Some(version) = cx.db().get_template_version_by_id(body.template_version_id).optional().unwrap_or_default() {
        audit_version.before(&version);
    }
    let template = settings::create(&cx.deployment, cx.db(), creator, &organization, &body)?;
    audit.after(&template);
    audit_version.after(&cx.db().get_template_version_by_id(template.active_version_id)?);
    reply::created(&render_one(cx, template)?)
}

/// Changes a template; 304 when nothing changes.
fn patch_template(cx: &Cx) -> Reply {
    let audit = cx.audit(ResourceType::Template, AuditAction::Write);
    let template = lookup::template(cx)?;
    audit.before(&template);
    let body: sdk::UpdateTemplateMeta = cx.body()?;
    match settings::update(&cx.deployment, cx.db(), &template, &body)? {
        Some(updated) => {
            audit.after(&updated);
            reply::ok(&render_one(cx, updated)?)
        }
        None => {
            audit.after(&template);
            reply::empty(304)
        }
    }
}

/// Deletes a template that has no workspaces.
fn delete_template(cx: &Cx) -> Reply {
    let audit = cx.audit(ResourceType::Template, AuditAction::Delete);
    let template = lookup::template(cx)?;
    audit.before(&template);
    settings::delete(&cx.deployment, cx.db(), &cx.system_db(), &template)?;
    reply::message("The template was deleted.")
}

/// The templates that a search finds, in all organizations.
fn get_templates(cx: &Cx) -> Reply {
    list(cx, None)
}

/// The same in one organization.
fn get_templates_of_organization(cx: &Cx) -> Reply {
    let organization = lookup::organization(cx)?;
    list(cx, Some(organization.id))
}

fn list(cx: &Cx, organization: Option<Uuid>) -> Reply {
    let conditions = search(cx, cx.query("q"), organization)?;
    let found = cx.db().get_templates_with_filter(&conditions)?;
    let mut shown = render(cx, found)?;
    // Those that many use come first; among equals the order is by name.
    shown.sort_by_key(|template| std::cmp::Reverse(template.active_user_count));
    reply::ok(&shown)
}

/// What a search asks for. Deprecated templates must be asked for.
fn search(cx: &Cx, query: &str, organization: Option<Uuid>) -> Result<Where, Error> {
    let mut params = Params::of_search(&query.to_lowercase(), "display_name");
    let mut conditions = Where::new();
    if params.is_fine() {
        let named = params.parsed("organization", |text| organization_id(cx, text));
        let deleted = params.boolean("deleted").unwrap_or(false);
        let deprecated = params.boolean("deprecated").unwrap_or(false);
        conditions.and_with("t.deleted = ?", deleted);
        conditions.and(if deprecated { "t.deprecated <> ''" } else { "t.deprecated = ''" });
        if let Some(id) = organization.or(named).filter(|id| !id.is_nil()) {
            conditions.and_with("t.organization_id = ?", id);
        }
        for (name, piece) in [
            ("exact_name", "lower(t.name) = lower(?)"),
            ("exact_display_name", "lower(t.display_name) = lower(?)"),
            ("name", "lower(t.name) LIKE '%' || lower(?) || '%'"),
            (
                "display_name",
                // Names have no spaces, so where the name stands in for the display name they do not count.
                "CASE WHEN t.display_name <> '' THEN lower(t.display_name) LIKE '%' || lower(?) || '%'
                    ELSE lower(t.name) LIKE '%' || replace(lower(?), ' ', '') || '%' END",
            ),
        ] {
            let text = params.text(name);
            if !text.is_empty() {
                conditions.and_with(piece, text.as_str());
            }
        }
        let ids = params.uuids("ids");
        if !ids.is_empty() {
            conditions.and_with(in_list(cx), ids.as_slice());
        }
        if let Some(wanted) = params.boolean("has-ai-task") {
            conditions.and_with("v.has_ai_task = ?", wanted);
        }
        if let Some(wanted) = params.boolean("has_external_agent") {
            conditions.and_with("v.has_external_agent = ?", wanted);
        }
        let mut author = params.uuid("author_id").filter(|id| !id.is_nil());
        match params.text("author").as_str() {
            "" => {}
            "me" => author = Some(cx.actor()?.user_id),
            name => {
                let piece =
                    "t.created_by = (SELECT id FROM users WHERE lower(username) = lower(?) AND deleted = FALSE)";
                conditions.and_with(piece, name);
            }
        }
        if let Some(author) = author {
            conditions.and_with("t.created_by = ?", author);
        }
        params.refuse_others();
    }
    params.finish("The search for templates cannot be understood.")?;
    Ok(conditions)
}

fn in_list(cx: &Cx) -> &'static str {
    match cx.db().dialect() {
        store::driver::Dialect::Sqlite => "t.id IN (SELECT value FROM json_each(?))",
        store::driver::Dialect::Postgres => "t.id = ANY(?)",
    }
}

fn organization_id(cx: &Cx, text: &str) -> Result<Uuid, String> {
    if let Ok(id) = Uuid::try_parse(text) {
        return Ok(id);
    }
    let found = cx.db().get_organization_by_name(text, false);
    found.map(|organization| organization.id).map_err(|_| format!("names an organization that is not there: {text:?}."))
}

/// The examples that come with the server, for those who see templates.
fn get_examples(cx: &Cx) -> Reply {
    cx.db().require(Action::Read, &Object::of(Resource::Template).any_org())?;
    reply::ok(&examples::list())
}

/// The same, for those who see templates of one organization.
fn get_examples_of_organization(cx: &Cx) -> Reply {
    let organization = lookup::organization(cx)?;
    cx.db().require(Action::Read, &Object::of(Resource::Template).org(organization.id))?;
    reply::ok(&examples::list())
}

/// How many people used a template on each of the last days.
fn get_daily_users(cx: &Cx) -> Reply {
    let template = lookup::template(cx)?;
    let mut params = Params::of_query(cx);
    let tz_hour_offset = params.integer("tz_offset").unwrap_or(0);
    params.refuse_others();
    params.finish("Query parameters have invalid values.")?;
    // What happened in this hour counts, and days are those of UTC, shown as they begin elsewhere.
    let end = (cx.now().micros().div_euclid(MICROS_PER_HOUR) + 1) * MICROS_PER_HOUR;
    let start = end.div_euclid(MICROS_PER_DAY) * MICROS_PER_DAY - DAYS_TOLD * MICROS_PER_DAY;
    let (from, to) = (Time::from_micros(start), Time::from_micros(end));
    let used = cx.db().get_template_daily_users(template.id, from, to)?;
    let days = (end - start + MICROS_PER_DAY - 1) / MICROS_PER_DAY;
    let entries = (0..days).map(|day| {
        let shift = tz_hour_offset.saturating_mul(MICROS_PER_HOUR);
        let begins = Time::from_micros(start + day * MICROS_PER_DAY).plus_micros(shift);
        sdk::DAUEntry {
            date: jiff::tz::Offset::UTC.to_datetime(begins.timestamp()).date().to_string(),
            amount: used.iter().find(|row| row.day == day).map_or(0, |row| row.users),
        }
    });
    reply::ok(&sdk::DAUsResponse { entries: entries.collect(), tz_hour_offset })
}

/// One template as the API shows it.
pub fn render_one(cx: &Cx, template: Template) -> Result<sdk::Template, Error> {
    render(cx, vec![template])?.pop().ok_or_else(Error::not_found)
}

/// Templates as the API shows them, in the same order.
pub fn render(cx: &Cx, templates: Vec<Template>) -> Result<Vec<sdk::Template>, Error> {
    let ids: Vec<Uuid> = templates.iter().map(|template| template.id).collect();
    let stats = cx.deployment.build_times.stats(&cx.system_db(), &ids, cx.now())?;
    let entitled = settings::Entitled::of(&cx.deployment);
    Ok(templates.into_iter().zip(stats).map(|(template, stats)| show(template, stats, entitled)).collect())
}

fn show(template: Template, stats: Stats, entitled: settings::Entitled) -> sdk::Template {
    sdk::Template {
        autostop_requirement: sdk::TemplateAutostopRequirement {
            days_of_week: day_names(template.autostop_requirement_days_of_week as u8 & schedule::EVERY_DAY),
            weeks: autostop_weeks(&template),
        },
        autostart_requirement: sdk::TemplateAutostartRequirement { days_of_week: day_names(autostart_days(&template)) },
        id: template.id,
        created_at: template.created_at,
        updated_at: template.updated_at,
        organization_id: template.organization_id,
        organization_name: template.organization_name,
        organization_display_name: template.organization_display_name,
        organization_icon: template.organization_icon,
        name: template.name,
        display_name: template.display_name,
        provisioner: template.provisioner,
        active_version_id: template.active_version_id,
        active_user_count: stats.active_user_count,
        build_time_stats: stats.build_times,
        description: template.description,
        deprecated: !template.deprecated.is_empty(),
        deprecation_message: template.deprecated,
        icon: template.icon,
        default_ttl_ms: millis(template.default_ttl),
        activity_bump_ms: millis(template.activity_bump),
        created_by_id: template.created_by,
        created_by_name: template.created_by_username,
        allow_user_autostart: template.allow_user_autostart,
        allow_user_autostop: template.allow_user_autostop,
        allow_user_cancel_workspace_jobs: template.allow_user_cancel_workspace_jobs,
        failure_ttl_ms: millis(template.failure_ttl),
        time_til_dormant_ms: millis(template.time_til_dormant),
        time_til_dormant_autodelete_ms: millis(template.time_til_dormant_autodelete),
        require_active_version: template.require_active_version && entitled.access_control,
        max_port_share_level: entitled.port_share_level(template.max_port_sharing_level),
        cors_behavior: template.cors_behavior,
        use_classic_parameter_flow: template.use_classic_parameter_flow,
    }
}

impl From<templates::Error> for Error {
    fn from(e: templates::Error) -> Error {
        use templates::Error::*;
        let version = |status, message: String, detail: &str| {
            Error::new(status, message).field("template_version_id", detail.to_owned())
        };
        match e {
            // What is changed was read before, so that it exists is no secret.
            Store(store::Error::Denied(_)) => Error::forbidden(),
            Store(e) => e.into(),
            Times(e) => e.into(),
            Invalid(wrong) => {
                wrong.into_iter().fold(Error::bad("The template's settings cannot be used."), |e, wrong| {
                    e.field(&wrong.field, wrong.detail)
                })
            }
            NameTaken(name) => Error::conflict(format!("A template named {name:?} already exists."))
                .field("name", "This name is taken."),
            VersionNameTaken(name) => Error::conflict(format!("The template already has a version named {name:?}."))
                .field("name", "This name is taken."),
            NoVersion(id) => version(404, format!("There is no template version {id}."), "Does not exist."),
            Archived(id) => version(400, format!("The template version {id} is archived."), "Is archived."),
            HasTemplate(id) => version(
                400,
                format!("The template version {id} is part of a template already."),
                "Is part of a template.",
            ),
            Unusable(id) => Error::bad(format!("The template version {id} is archived.")),
            OtherTemplate => Error::bad("The template version does not belong to this template."),
            NotImported(status) => Error::new(403, "Only versions that were imported well can be promoted.")
                .detail(format!("The version's import is {status}.")),
            NoTemplate => Error::bad("A template version that has no template cannot be archived."),
            InUse => Error::conflict("The template version is in use.").detail(
                "A workspace is at this version, or it is the template's active one, or its import has not ended.",
            ),
            HasWorkspaces => Error::bad("Delete all workspaces of the template first."),
            Completed => Error::bad("The job has already completed."),
            Canceled => Error::bad("The job has already been canceled."),
        }
    }
}
