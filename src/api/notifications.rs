//! What kinds of message there are, how they can be sent, and which of them a user wants. Sending is not here.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::routes::Routes;
use super::{Cx, Error, OrForbidden, Reply, lookup, reply};
use crate::sdk;
use crate::store::queries::notifications as rows;
use crate::store::value::Json;

/// The routes answered here.
pub fn routes(r: &mut Routes) {
    r.user("GET", "/api/v2/notifications/templates/system", get_templates_of_system);
    r.user("GET", "/api/v2/notifications/templates/custom", get_templates_of_users);
    r.user("GET", "/api/v2/notifications/dispatch-methods", get_methods);
    r.user("GET", "/api/v2/users/{user}/notifications/preferences", get_preferences);
    r.user("PUT", "/api/v2/users/{user}/notifications/preferences", put_preferences);
}

/// How messages can be sent. Every message is in its user's inbox besides, so that is nothing to choose.
const METHODS: [&str; 2] = ["smtp", "webhook"];

/// The kinds of message that the server sends of itself.
fn get_templates_of_system(cx: &Cx) -> Reply {
    templates(cx, "system")
}

/// The kinds of message that users send.
fn get_templates_of_users(cx: &Cx) -> Reply {
    templates(cx, "custom")
}

fn templates(cx: &Cx, kind: &str) -> Reply {
    let found = cx.db().get_notification_templates_by_kind(kind)?;
    reply::ok(&found.into_iter().map(render_template).collect::<Vec<_>>())
}

fn render_template(row: rows::NotificationTemplate) -> sdk::NotificationTemplate {
    sdk::NotificationTemplate {
        id: row.id,
        name: row.name,
        title_template: row.title_template,
        body_template: row.body_template,
        actions: row.actions.unwrap_or_default(),
        group: row.group.unwrap_or_default(),
        method: row.method.unwrap_or_default(),
        kind: row.kind,
        enabled_by_default: row.enabled_by_default,
    }
}

/// How messages can be sent, and how they are where nothing else is said.
fn get_methods(cx: &Cx) -> Reply {
    reply::ok(&sdk::NotificationMethodsResponse {
        available: METHODS.map(str::to_owned).to_vec(),
        default: cx.deployment.config.notifications_method.clone(),
    })
}

/// What a user chose.
fn get_preferences(cx: &Cx) -> Reply {
    let user = lookup::user(cx)?;
    preferences(cx, user.id)
}

/// Chooses which kinds of message come to a user; of kinds that are not named nothing changes.
fn put_preferences(cx: &Cx) -> Reply {
    let user = lookup::user(cx)?;
    let body: sdk::UpdateUserNotificationPreferences = cx.body()?;
    let mut disabled = BTreeMap::new();
    for (text, is_disabled) in &body.template_disabled_map {
        let Ok(id) = Uuid::try_parse(text) else {
            return Err(Error::bad("Kinds of message are named by their ids.").detail(format!("{text:?} is no UUID.")));
        };
        disabled.insert(id, *is_disabled);
    }
    match cx.db().update_user_notification_preferences(user.id, Json(&disabled), cx.now()) {
        Ok(_) => preferences(cx, user.id),
        Err(e) if e.is_foreign_key() => Err(Error::bad("There is no such kind of message.")),
        Err(e) => Err(e).or_forbidden(),
    }
}

/// Null when a user chose nothing yet.
fn preferences(cx: &Cx, user: Uuid) -> Reply {
    let found = cx.db().get_user_notification_preferences(user)?;
    let show = |row: rows::NotificationPreference| sdk::NotificationPreference {
        id: row.notification_template_id,
        disabled: row.disabled,
        updated_at: row.updated_at,
    };
    let shown: Vec<_> = found.into_iter().map(show).collect();
    reply::ok(&(!shown.is_empty()).then_some(shown))
}
