//! What an entry of the audit log says in words, and where what it tells of is to be seen.

use std::collections::HashMap;

use uuid::Uuid;

use crate::api::{Cx, Error};
use crate::sdk::{AuditAction, ResourceType};
use crate::store;
use crate::store::queries::audit_logs::AuditLog;

/// A sentence with `{user}` and `{target}` in it, which whoever shows it fills in.
pub(super) fn description(entry: &AuditLog) -> String {
    let action = match entry.status_code {
        303 => format!("was redirected attempting to {}", entry.action),
        400.. => format!("unsuccessfully attempted to {}", entry.action),
        _ => past(entry.action).to_owned(),
    };
    let is_reset = entry.action == AuditAction::RequestPasswordReset;
    // Anybody who knows an address can ask for its password to be reset, so nobody is said to have.
    let who = if is_reset { "" } else { "{user} " };
    let object = match entry.resource_type {
        ResourceType::ApiKey
            if matches!(entry.action, AuditAction::Login | AuditAction::Logout | AuditAction::Register) =>
        {
            String::new()
        }
        // A public key is too long a name.
        ResourceType::GitSshKey => " the git ssh key".to_owned(),
        _ if is_reset => " for {target}".to_owned(),
        ResourceType::ConvertLogin => format!(" {} to {{target}}", noun(entry.resource_type)),
        other => format!(" {} {{target}}", noun(other)),
    };
    format!("{who}{action}{object}")
}

fn past(action: AuditAction) -> &'static str {
    match action {
        AuditAction::Create => "created",
        AuditAction::Write => "updated",
        AuditAction::Delete => "deleted",
        AuditAction::Start => "started",
        AuditAction::Stop => "stopped",
        AuditAction::Login => "logged in",
        AuditAction::Logout => "logged out",
        AuditAction::Register => "registered",
        AuditAction::RequestPasswordReset => "password reset requested",
        AuditAction::Connect => "connected",
        AuditAction::Disconnect => "disconnected",
        AuditAction::Open => "opened",
        AuditAction::Close => "closed",
    }
}

fn noun(resource: ResourceType) -> &'static str {
    use ResourceType::*;
    match resource {
        // A build is told of as its workspace.
        WorkspaceBuild => "workspace",
        TemplateVersion => "template version",
        ApiKey => "token",
        ConvertLogin => "login type conversion",
        WorkspaceProxy => "workspace proxy",
        Oauth2ProviderApp => "oauth2 app",
        Oauth2ProviderAppSecret => "oauth2 app secret",
        CustomRole => "custom role",
        OrganizationMember => "organization member",
        NotificationTemplate => "notification template",
        IdpSyncSettingsOrganization | IdpSyncSettingsGroup | IdpSyncSettingsRole => "settings",
        WorkspaceAgent => "workspace agent",
        WorkspaceApp => "workspace app",
        other => other.as_str(),
    }
}

/// Where the things that entries tell of are to be seen, by id. What the caller may not read counts as deleted.
#[derive(Default)]
pub(super) struct Links {
    users: HashMap<Uuid, bool>,
    templates: HashMap<Uuid, bool>,
    workspaces: HashMap<Uuid, Place>,
    builds: HashMap<Uuid, Uuid>,
    tasks: HashMap<Uuid, Place>,
    /// Applications, and secrets with the application each is of.
    apps: HashMap<Uuid, Uuid>,
}

struct Place {
    deleted: bool,
    owner: String,
    name: String,
}

impl Links {
    /// Looks everything up.
    pub(super) fn of(cx: &Cx, entries: &[AuditLog]) -> Result<Links, Error> {
        let ids = |kind: ResourceType| -> Vec<Uuid> {
            let of_kind = entries.iter().filter(|entry| entry.resource_type == kind);
            super::distinct(of_kind.map(|entry| entry.resource_id))
        };
        let db = cx.db();
        let mut links = Links::default();
        let users = ids(ResourceType::User);
        if !users.is_empty() {
            links.users = db.get_users_by_ids(&users)?.into_iter().map(|user| (user.id, user.deleted)).collect();
        }
        let templates = ids(ResourceType::Template);
        if !templates.is_empty() {
            links.templates = db.get_templates_by_ids(&templates)?.into_iter().map(|t| (t.id, t.deleted)).collect();
        }
        let builds = ids(ResourceType::WorkspaceBuild);
        if !builds.is_empty() {
            let found = cx.system_db().get_workspace_ids_of_builds(&builds)?;
            links.builds = found.into_iter().map(|build| (build.id, build.workspace_id)).collect();
        }
        let workspaces =
            super::distinct(ids(ResourceType::Workspace).into_iter().chain(links.builds.values().copied()));
        if !workspaces.is_empty() {
            let place = |w: crate::store::queries::workspaces::Workspace| {
                (w.id, Place { deleted: w.deleted, owner: w.owner_username, name: w.name })
            };
            links.workspaces = db.get_workspaces_by_ids(&workspaces)?.into_iter().map(place).collect();
        }
        links.find_tasks(cx, &ids(ResourceType::Task))?;
        let apps = ids(ResourceType::Oauth2ProviderApp);
        if !apps.is_empty() {
            let found = readable(db.get_oauth2_provider_app_ids(&apps))?;
            links.apps.extend(found.into_iter().map(|id| (id, id)));
        }
        let secrets = ids(ResourceType::Oauth2ProviderAppSecret);
        if !secrets.is_empty() {
            let found = readable(db.get_oauth2_provider_apps_of_secrets(&secrets))?;
            links.apps.extend(found.into_iter().map(|secret| (secret.id, secret.app_id)));
        }
        Ok(links)
    }

    fn find_tasks(&mut self, cx: &Cx, ids: &[Uuid]) -> Result<(), Error> {
        if ids.is_empty() {
            return Ok(());
        }
        let found = cx.db().get_tasks_by_ids(ids)?;
        let owners = super::distinct(found.iter().map(|task| task.owner_id));
        let names: HashMap<Uuid, String> =
            cx.db().get_usernames_by_ids(&owners)?.into_iter().map(|user| (user.id, user.username)).collect();
        self.tasks = found
            .into_iter()
            .map(|task| {
                let owner = names.get(&task.owner_id).cloned().unwrap_or_default();
                let deleted = task.deleted_at.is_some_and(|at| at < cx.now());
                (task.id, Place { deleted, owner, name: task.id.to_string() })
            })
            .collect();
        Ok(())
    }

    /// Whether what an entry tells of is gone, and else the path under which the dashboard shows it.
    pub(super) fn of_entry(&self, entry: &AuditLog) -> (bool, String) {
        let (id, target) = (&entry.resource_id, &entry.resource_target);
        let link = match entry.resource_type {
            ResourceType::User => alive(self.users.get(id)).then(|| format!("/users?filter={target}")),
            ResourceType::Template => alive(self.templates.get(id)).then(|| format!("/templates/{target}")),
            ResourceType::Workspace => self.workspace(id).map(|place| format!("/@{}/{target}", place.owner)),
            ResourceType::WorkspaceBuild => {
                self.builds.get(id).and_then(|workspace| self.workspace(workspace)).map(|place| {
                    let number = entry.additional_fields.get("build_number").and_then(|n| n.as_str());
                    match number.unwrap_or_default() {
                        "" => String::new(),
                        number => format!("/@{}/{}/builds/{number}", place.owner, place.name),
                    }
                })
            }
            ResourceType::Task => {
                let task = self.tasks.get(id).filter(|task| !task.deleted);
                task.map(|task| format!("/tasks/{}/{}", task.owner, task.name))
            }
            ResourceType::Oauth2ProviderApp | ResourceType::Oauth2ProviderAppSecret => {
                self.apps.get(id).map(|app| format!("/deployment/oauth2-provider/apps/{app}"))
            }
            _ => Some(String::new()),
        };
        (link.is_none(), link.unwrap_or_default())
    }

    fn workspace(&self, id: &Uuid) -> Option<&Place> {
        self.workspaces.get(id).filter(|place| !place.deleted)
    }
}

/// What the caller may not read at all is as nothing.
fn readable<T>(found: Result<Vec<T>, store::Error>) -> Result<Vec<T>, Error> {
    match found {
        Err(e) if e.is_hidden() => Ok(Vec::new()),
        found => Ok(found?),
    }
}

fn alive(deleted: Option<&bool>) -> bool {
    deleted == Some(&false)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::time::Time;

    #[test]
    fn an_entry_says_what_was_done_or_tried() {
        use AuditAction::*;
        for (resource_type, action, status_code, want) in [
            (ResourceType::User, Create, 201, "{user} created user {target}"),
            (ResourceType::User, Write, 409, "{user} unsuccessfully attempted to write user {target}"),
            (ResourceType::User, RequestPasswordReset, 204, "password reset requested for {target}"),
            (ResourceType::ApiKey, Login, 201, "{user} logged in"),
            (ResourceType::ApiKey, Login, 401, "{user} unsuccessfully attempted to login"),
            (ResourceType::ApiKey, Login, 303, "{user} was redirected attempting to login"),
            (ResourceType::ApiKey, Delete, 204, "{user} deleted token {target}"),
            (ResourceType::GitSshKey, Write, 200, "{user} updated the git ssh key"),
            (ResourceType::WorkspaceBuild, Stop, 200, "{user} stopped workspace {target}"),
            (ResourceType::ConvertLogin, Create, 201, "{user} created login type conversion to {target}"),
            (ResourceType::HealthSettings, Write, 200, "{user} updated health_settings {target}"),
            (ResourceType::IdpSyncSettingsRole, Write, 200, "{user} updated settings {target}"),
        ] {
            let entry = AuditLog {
                id: Uuid::nil(),
                time: Time::ZERO,
                user_id: Uuid::nil(),
                organization_id: Uuid::nil(),
                ip: None,
                user_agent: None,
                resource_type,
                resource_id: Uuid::nil(),
                resource_target: String::new(),
                action,
                diff: json!({}),
                status_code,
                additional_fields: json!({}),
                request_id: Uuid::nil(),
                resource_icon: String::new(),
            };
            assert_eq!(description(&entry), want);
        }
    }
}
