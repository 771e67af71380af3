//! Workspaces: making one, reading one, listing them.
//!
//! What can be changed about one is in [`workspace_settings`](super::workspace_settings), its builds in
//! [`workspace_builds`](super::workspace_builds), following it in
//! [`workspace_watch`](super::workspace_watch).

use std::collections::HashMap;

use uuid::Uuid;

use super::params::Page;
use super::routes::Routes;
use super::{Cx, Error, Reply, lookup, reply, workspace_search, workspace_view as view};
use crate::audit::{AboutWorkspace, workspace_fields};
use crate::builds::order::Page as Found;
use crate::builds::{self, Version, Wanted, events, finish, presets};
use crate::rbac::{Action, Object, Resource};
use crate::schedule::next_allowed_autostart;
use crate::sdk::{self, AuditAction, AutomaticUpdates, ResourceType, WorkspaceTransition};
use crate::store;
use crate::store::Optional;
use crate::store::queries::templates::Template;
use crate::store::queries::users::User;
use crate::store::queries::workspace_list::WorkspaceSearch;
use crate::store::queries::workspaces::{NewWorkspace, Workspace, workspace_object};
use crate::time::Time;

/// The routes answered here.
pub fn routes(r: &mut Routes) {
    r.user("GET", "/api/v2/workspaces", list);
    r.user("GET", "/api/v2/workspaces/{workspace}", get);
    r.user("GET", "/api/v2/users/{user}/workspace/{workspacename}", get_by_name);
    r.user("POST", "/api/v2/users/{user}/workspaces", post);
    r.user("POST", "/api/v2/organizations/{organization}/members/{user}/workspaces", post_by_member);
}

/// The workspace that `{workspace}` names.
pub fn param(cx: &Cx) -> Result<Workspace, Error> {
    Ok(cx.db().get_workspace_by_id(cx.uuid_param("workspace")?)?)
}

/// The owner that `{user}` names, known to the caller as a user or as a member of some organization.
pub struct Owner {
    /// The user.
    pub user: User,
    /// Where the caller may know of the user, when not everywhere.
    organizations: Option<Vec<Uuid>>,
}

/// Finds an owner. Whoever is known to the caller neither as a user nor as a member does not exist.
pub fn owner_param(cx: &Cx) -> Result<Owner, Error> {
    let system = cx.system_db();
    let user = lookup::user_as(cx, &system)?;
    if cx.db().may_on(Action::Read, &user) {
        return Ok(Owner { user, organizations: None });
    }
    let found = system.get_organization_ids_by_member_ids(&[user.id])?;
    let known: Vec<Uuid> =
        found.into_iter().flat_map(|of| of.organization_ids).filter(|org| knows_member(cx, user.id, *org)).collect();
    if known.is_empty() {
        return Err(Error::not_found());
    }
    Ok(Owner { user, organizations: Some(known) })
}

fn knows_member(cx: &Cx, user: Uuid, organization: Uuid) -> bool {
    let member = Object::of(Resource::OrganizationMember).id(user).owner(user).org(organization);
    cx.db().may(Action::Read, &member)
}

/// A list of the workspaces that the caller may see and that match a search.
fn list(cx: &Cx) -> Reply {
    let page = Page::of(cx)?;
    let search = match cx.query("q") {
        "" => None,
        query => Some(workspace_search::parse(cx, query)?),
    };
    let Found { ids, count } = find(cx, search.as_ref(), page)?;
    let mut rows: HashMap<Uuid, Workspace> = if ids.is_empty() {
        HashMap::new()
    } else {
        cx.db().get_workspaces_by_ids(&ids)?.into_iter().map(|w| (w.id, w)).collect()
    };
    let in_order = ids.iter().filter_map(|id| rows.remove(id)).collect();
    reply::ok(&sdk::WorkspacesResponse { workspaces: view::workspaces(cx, in_order)?, count })
}

/// Which workspaces a page shows, in order, and how many there are in all.
fn find(cx: &Cx, search: Option<&WorkspaceSearch>, page: Page) -> Result<Found, Error> {
    let actor = cx.actor()?;
    let everything = WorkspaceSearch::default();
    if search.is_none() {
        let order = &cx.deployment.workspace_order;
        if let Some(found) = order.page(cx.db(), &actor.subject, actor.user_id, page.limit, page.offset)? {
            return Ok(found);
        }
    }
    let search = search.unwrap_or(&everything);
    let conditions = search.conditions(cx.db().dialect(), cx.now());
    let ids = cx.db().get_workspace_page(&conditions, actor.user_id, page.limit, page.offset)?;
    let count = if search.looks_at_builds() {
        cx.db().count_workspaces_by_build(&conditions)?
    } else {
        cx.db().count_workspaces(&conditions)?
    };
    Ok(Found { ids, count })
}

/// One workspace.
fn get(cx: &Cx) -> Reply {
    let workspace = param(cx)?;
    let include_deleted = include_deleted(cx, "deleted")?;
    if workspace.deleted && !include_deleted {
        return Err(Error::new(
            410,
            format!("Workspace {} was deleted. Ask for it with include_deleted=true to see it still.", workspace.id),
        ));
    }
    reply::ok(&view::workspace(cx, workspace)?)
}

/// Whether deleted workspaces are asked for too; clients know what is wrong with that by two names.
fn include_deleted(cx: &Cx, field: &str) -> Result<bool, Error> {
    match cx.query("include_deleted") {
        "" | "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        other => Err(Error::invalid(
            format!("\"include_deleted\" is true or false, not {other:?}."),
            field,
            "Must be a valid boolean",
        )),
    }
}

/// One workspace by its owner and name.
fn get_by_name(cx: &Cx) -> Reply {
    let owner = owner_param(cx)?;
    let include_deleted = include_deleted(cx, "include_deleted")?;
    let name = cx.param("workspacename");
    let find = |deleted| cx.db().get_workspace_by_owner_id_and_name(owner.user.id, name, deleted);
    let workspace = match find(false) {
        Err(store::Error::NotFound) if include_deleted => find(true)?,
        found => found?,
    };
    let shown = view::workspaces(cx, vec![workspace])?.pop().ok_or_else(Error::not_found)?;
    reply::ok(&shown)
}

/// Makes a workspace for a user.
fn post(cx: &Cx) -> Reply {
    let owner = owner_param(cx)?;
    let body: sdk::CreateWorkspaceRequest = cx.body()?;
    let template = template_of(cx, &body)?;
    if owner.organizations.as_ref().is_some_and(|known| !known.contains(&template.organization_id)) {
        return Err(Error::not_found());
    }
    create(cx, &owner.user, &body, &template)
}

/// The same, for a member of an organization.
fn post_by_member(cx: &Cx) -> Reply {
    let organization = lookup::organization(cx)?;
    let system = cx.system_db();
    let user = lookup::user_as(cx, &system)?;
    let found = system.get_organization_ids_by_member_ids(&[user.id])?;
    let is_member = found.iter().any(|of| of.organization_ids.contains(&organization.id));
    if !is_member || !knows_member(cx, user.id, organization.id) {
        return Err(Error::not_found());
    }
    let body: sdk::CreateWorkspaceRequest = cx.body()?;
    let template = template_of(cx, &body)?;
    create(cx, &user, &body, &template)
}

/// The template that a request names, itself or by one of its versions.
fn template_of(cx: &Cx, body: &sdk::CreateWorkspaceRequest) -> Result<Template, Error> {
    let missing = |e: store::Error, what: &str, field: &str, id: Uuid| {
        if e.is_hidden() {
            Error::invalid(format!("{what} {id} does not exist."), field, "template not found")
        } else {
            e.into()
        }
    };
    let template_id = match (body.template_id, body.template_version_id) {
        (Some(id), _) => id,
        (None, version_id) => {
            let id = version_id.unwrap_or_default();
            let version = cx
                .db()
                .get_template_version_by_id(id)
                .map_err(|e| missing(e, "Template version", "template_version_id", id))?;
            if version.archived {
                return Err(Error::new(500, "The template version is archived: choose another for the workspace.")
                    .field("template_version_id", "template version archived"));
            }
            version.template_id.unwrap_or_default()
        }
    };
    let template =
        cx.db().get_template_by_id(template_id).map_err(|e| missing(e, "Template", "template_id", template_id))?;
    if template.deleted {
        return Err(Error::new(404, format!("Template {:?} has been deleted!", template.name)));
    }
    Ok(template)
}

/// Makes a workspace and its first build.
fn create(cx: &Cx, owner: &User, body: &sdk::CreateWorkspaceRequest, template: &Template) -> Reply {
    let audit = cx.audit(ResourceType::Workspace, AuditAction::Create);
    audit.fields(workspace_fields(&AboutWorkspace { owner: &owner.username, ..AboutWorkspace::default() }));
    may_create(cx, owner, template)?;
    let policy = finish::policy(&cx.deployment.config, template);
    let now = cx.now();
    let autostart_schedule = valid_schedule(body.autostart_schedule.as_deref())
        .map_err(|why| Error::invalid("The schedule for starting cannot be read.", "schedule", why))?;
    let next_start_at = autostart_schedule.as_deref().and_then(|s| next_allowed_autostart(now, s, &policy));
    let ttl = valid_ttl(body.ttl_ms, policy.default_ttl)
        .map_err(|why| Error::invalid("Invalid time until shutdown.", "ttl_ms", why))?;
    let automatic_updates = if body.automatic_updates.is_empty() {
        AutomaticUpdates::Never
    } else {
        body.automatic_updates.known().ok_or_else(|| {
            Error::invalid("Invalid automatic updates setting.", "automatic_updates", "must be always or never")
        })?
    };
    if cx.system_db().get_workspace_by_owner_id_and_name(owner.id, &body.name, false).optional()?.is_some() {
        return Err(name_taken(&body.name));
    }
    let initiator_id = cx.actor()?.user_id;
    let id = cx.deployment.ids.uuid();
    let version_id = body.template_version_id.unwrap_or(template.active_version_id);
    let (workspace, made) = cx.db().tx::<_, Error>(|db| {
        let preset_id = match body.template_version_preset_id {
            Some(preset) => Some(preset),
            None => presets::find_matching(db, version_id, &body.rich_parameter_values)?,
        };
        let new = NewWorkspace {
            id,
            created_at: now,
            updated_at: now,
            owner_id: owner.id,
            organization_id: template.organization_id,
            template_id: template.id,
            name: body.name.clone(),
            autostart_schedule: autostart_schedule.clone(),
            ttl,
            // A new workspace stands at the top of a list by last use.
            last_used_at: now,
            automatic_updates,
            next_start_at,
        };
        db.insert_workspace(&new).map_err(|e| if e.is_unique() { name_taken(&body.name) } else { e.into() })?;
        let workspace = db.get_workspace_by_id(id)?;
        let wanted = Wanted {
            version: body.template_version_id.map_or(Version::Active, Version::Of),
            initiator_id: Some(initiator_id),
            parameters: &body.rich_parameter_values,
            preset_id,
            ..Wanted::new(&workspace, WorkspaceTransition::Start)
        };
        let made = builds::build(&cx.deployment, db, &wanted)?;
        Ok((workspace, made))
    })?;
    audit.after(&workspace);
    crate::jobs::post(&cx.deployment, &made.job);
    events::publish(&cx.deployment.pubsub, workspace.owner_id, workspace.id, events::Kind::StateChange);
    let build = view::fresh_build(cx, made, &workspace)?;
    reply::created(&view::fresh_workspace(cx, workspace, template, build)?)
}

fn may_create(cx: &Cx, owner: &User, template: &Template) -> Result<(), Error> {
    if !cx.db().may(Action::Create, &workspace_object(template.organization_id, owner.id)) {
        return Err(Error::new(403, "Unauthorized to create workspace.").detail(
            "Seeing a template does not mean that you may make workspaces in its organization, or for this owner. Ask an administrator for that right.",
        ));
    }
    if !cx.db().may_on(Action::Use, template) {
        return Err(Error::new(403, format!("Unauthorized access to use the template {:?}.", template.name))
            .detail("You may see this template but not use it. Ask an administrator for that right."));
    }
    if !template.deprecated.is_empty() {
        let message = format!("Template {:?} is deprecated: no new workspaces are made of it.", template.name);
        return Err(Error::bad(message).detail(template.deprecated.clone()));
    }
    Ok(())
}

/// The refusal of a name that another workspace of the owner has.
pub fn name_taken(name: &str) -> Error {
    Error::conflict(format!("Workspace {name:?} already exists."))
        .field("name", "This value is already in use and should be unique.")
}

const MINUTE_MS: i64 = 60_000;
const LONGEST_TTL_MS: i64 = 30 * 24 * 60 * MINUTE_MS;

/// A schedule, once it is known to be one of a week; none for an empty text.
pub fn valid_schedule(text: Option<&str>) -> Result<Option<String>, String> {
    match text.filter(|t| !t.is_empty()) {
        None => Ok(None),
        Some(text) => match crate::schedule::Cron::weekly(text) {
            Ok(_) => Ok(Some(text.to_owned())),
            Err(why) => Err(why.to_string()),
        },
    }
}

/// A time to run, in nanoseconds and whole minutes. Nothing or zero is the default; a default of zero is none.
pub fn valid_ttl(ttl_ms: Option<i64>, default_ns: i64) -> Result<Option<i64>, String> {
    match ttl_ms.filter(|ms| *ms != 0) {
        None => Ok((default_ns != 0).then_some(default_ns)),
        Some(ms) => match ms - ms % MINUTE_MS {
            short if short < MINUTE_MS => Err("the time until a workspace stops is a minute or more".into()),
            long if long > LONGEST_TTL_MS => Err("time until shutdown must be at most 30 days".into()),
            whole => Ok(Some(whole * 1_000_000)),
        },
    }
}

/// Whether a new deadline is far enough ahead of now and after the start.
pub fn valid_deadline(now: Time, started_at: Time, deadline: Time) -> Result<(), String> {
    if deadline < now.plus_micros(29 * MINUTE_MS * 1000) {
        return Err("the deadline has to be half an hour away or more".into());
    }
    if deadline < started_at {
        return Err("new deadline must be after the workspace was started".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_to_run_is_of_whole_minutes_up_to_thirty_days() {
        for (ms, default, want) in [
            (None, 0, Ok(None)),
            (Some(0), 0, Ok(None)),
            (None, 5, Ok(Some(5))),
            (Some(0), 5, Ok(Some(5))),
            (Some(60_000), 5, Ok(Some(60_000_000_000))),
            (Some(119_999), 0, Ok(Some(60_000_000_000))),
            (Some(59_999), 0, Err(())),
            (Some(-1), 0, Err(())),
            (Some(LONGEST_TTL_MS + 1), 0, Ok(Some(LONGEST_TTL_MS * 1_000_000))),
            (Some(LONGEST_TTL_MS + MINUTE_MS), 0, Err(())),
            (Some(i64::MAX), 0, Err(())),
        ] {
            assert_eq!(valid_ttl(ms, default).map_err(|_| ()), want, "{ms:?} {default}");
        }
    }
}
