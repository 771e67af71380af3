//! What a user likes: theme, font, quiet hours, what to be spared; and what goes with a user: the Git
//! key, and the parameter values given before.

use super::user_to_change;
use crate::api::params::Params;
use crate::api::routes::Routes;
use crate::api::{Cx, Error, Reply, lookup, reply};
use crate::schedule::Cron;
use crate::schedule::cron::zoned;
use crate::sdk::{self, AuditAction, ResourceType, TerminalFontName};
use crate::store::Optional;
use crate::store::queries::git_ssh_keys::GitSshKey;
use crate::store::queries::users::User;
use crate::time::Time;
use crate::users::git_keys;
use crate::users::quiet_hours;

/// What quiet hours are part of.
const SCHEDULING: sdk::FeatureName = sdk::FeatureName::AdvancedTemplateScheduling;

/// The routes answered here.
pub(super) fn routes(r: &mut Routes) {
    r.user("GET", "/api/v2/users/{user}/appearance", get_appearance);
    r.user("PUT", "/api/v2/users/{user}/appearance", put_appearance);
    r.user("GET", "/api/v2/users/{user}/preferences", get_preferences);
    r.user("PUT", "/api/v2/users/{user}/preferences", put_preferences);
    r.user_of(SCHEDULING, "GET", "/api/v2/users/{user}/quiet-hours", get_quiet_hours);
    r.user_of(SCHEDULING, "PUT", "/api/v2/users/{user}/quiet-hours", put_quiet_hours);
    r.user("GET", "/api/v2/users/{user}/gitsshkey", get_git_ssh_key);
    r.user("PUT", "/api/v2/users/{user}/gitsshkey", put_git_ssh_key);
    r.user("GET", "/api/v2/users/{user}/autofill-parameters", get_autofill_parameters);
}

/// How a user likes the dashboard.
fn get_appearance(cx: &Cx) -> Reply {
    let user = lookup::user(cx)?;
    let theme_preference = cx.db().get_user_theme_preference(user.id).optional()?.unwrap_or_default();
    let font = cx.db().get_user_terminal_font(user.id).optional()?.unwrap_or_default();
    // A font of another version is no reason to show nothing.
    let terminal_font = TerminalFontName::parse(&font).unwrap_or(TerminalFontName::Unset);
    reply::ok(&sdk::UserAppearanceSettings { theme_preference, terminal_font })
}

/// Changes how a user likes the dashboard.
fn put_appearance(cx: &Cx) -> Reply {
    let user = lookup::user(cx)?;
    let body: sdk::UpdateUserAppearanceSettingsRequest = cx.body()?;
    let Some(terminal_font) = body.terminal_font.known() else {
        return Err(Error::bad("There is no such font for the terminal."));
    };
    cx.db().tx::<_, Error>(|db| {
        db.update_user_theme_preference(user.id, &body.theme_preference)?;
        db.update_user_terminal_font(user.id, terminal_font.as_str())?;
        Ok(())
    })?;
    reply::ok(&sdk::UserAppearanceSettings { theme_preference: body.theme_preference, terminal_font })
}

/// What a user wants to be spared.
fn get_preferences(cx: &Cx) -> Reply {
    let user = lookup::user(cx)?;
    let dismissed = cx.db().get_user_task_notification_alert_dismissed(user.id).optional()?;
    reply::ok(&sdk::UserPreferenceSettings { task_notification_alert_dismissed: dismissed.as_deref() == Some("true") })
}

/// Changes what a user wants to be spared.
fn put_preferences(cx: &Cx) -> Reply {
    let user = lookup::user(cx)?;
    let body: sdk::UpdateUserPreferenceSettingsRequest = cx.body()?;
    let dismissed = body.task_notification_alert_dismissed;
    cx.db().update_user_task_notification_alert_dismissed(user.id, if dismissed { "true" } else { "false" })?;
    reply::ok(&sdk::UserPreferenceSettings { task_notification_alert_dismissed: dismissed })
}

/// When a user does not mind a stopped workspace.
fn get_quiet_hours(cx: &Cx) -> Reply {
    let user = lookup::user(cx)?;
    show_quiet_hours(cx, &user.quiet_hours_schedule)
}

/// Changes the hours in which a user does not mind a stopped workspace.
fn put_quiet_hours(cx: &Cx) -> Reply {
    let (user, audit) = user_to_change(cx)?;
    let body: sdk::UpdateUserQuietHoursScheduleRequest = cx.body()?;
    if !quiet_hours::users_may_choose(&cx.deployment.config) {
        return Err(Error::new(403, "Here users cannot choose their quiet hours."));
    }
    // A blank text goes back to everybody's hours.
    let chosen = match body.schedule.trim() {
        "" => String::new(),
        text => written(
            &quiet_hours::once_a_day(text)
                .map_err(|why| Error::invalid("The schedule is not valid.", "schedule", why))?,
        ),
    };
    cx.db().update_user_quiet_hours_schedule(user.id, &chosen)?;
    audit.after(&User { quiet_hours_schedule: chosen.clone(), ..user });
    show_quiet_hours(cx, &chosen)
}

fn show_quiet_hours(cx: &Cx, chosen: &str) -> Reply {
    let config = &cx.deployment.config;
    let may_choose = quiet_hours::users_may_choose(config);
    let text = quiet_hours::of_user(config, chosen);
    let schedule = quiet_hours::once_a_day(text).map_err(Error::internal)?;
    let (hour, minute) = schedule.single_time().unwrap_or_default();
    let next = schedule.next(cx.now()).ok_or_else(|| Error::internal(format!("{text:?} never comes")))?;
    reply::ok(&sdk::UserQuietHoursScheduleResponse {
        raw_schedule: written(&schedule),
        user_set: may_choose && !chosen.is_empty(),
        user_can_set: may_choose,
        time: format!("{hour:02}:{minute:02}"),
        timezone: zone_name(&schedule).to_owned(),
        next: in_zone(&schedule, next),
    })
}

fn zone_name(schedule: &Cron) -> &str {
    schedule.zone().iana_name().unwrap_or("UTC")
}

/// A schedule as it is stored and shown: the zone always in front.
fn written(schedule: &Cron) -> String {
    format!("CRON_TZ={} {}", zone_name(schedule), schedule.fields())
}

/// A time in RFC 3339 with the offset of the schedule's zone.
fn in_zone(schedule: &Cron, time: Time) -> String {
    let zoned = zoned(time, schedule.zone());
    if zoned.offset() == jiff::tz::Offset::UTC {
        return time.to_string();
    }
    zoned.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// The public half of the key with which a user's workspaces reach Git.
fn get_git_ssh_key(cx: &Cx) -> Reply {
    let user = lookup::user(cx)?;
    show_git_ssh_key(cx.db().get_git_ssh_key(user.id)?)
}

/// Makes a user a new key for Git.
fn put_git_ssh_key(cx: &Cx) -> Reply {
    let audit = cx.audit(ResourceType::GitSshKey, AuditAction::Write);
    let user = lookup::user(cx)?;
    // Asked before a key is made, which can take seconds.
    audit.before(&cx.db().get_git_ssh_key(user.id)?);
    let algorithm = cx.deployment.config.ssh_keygen_algorithm;
    let pair = git_keys::generate(algorithm, &cx.deployment.ids).map_err(Error::internal)?;
    let changed = cx.db().update_git_ssh_key(user.id, &pair.private, &pair.public, cx.now())?;
    audit.after(&changed);
    show_git_ssh_key(changed)
}

fn show_git_ssh_key(key: GitSshKey) -> Reply {
    reply::ok(&sdk::GitSSHKey {
        user_id: key.user_id,
        created_at: key.created_at,
        updated_at: key.updated_at,
        public_key: key.public_key,
    })
}

/// The values that a user gave the parameters of a template last.
fn get_autofill_parameters(cx: &Cx) -> Reply {
    let user = lookup::user(cx)?;
    let mut params = Params::of_query(cx);
    if cx.query("template_id").is_empty() {
        params.refuse("template_id", "\"template_id\" is required.");
    }
    let template = params.uuid("template_id").unwrap_or_default();
    params.refuse_others();
    params.finish("Query parameters are not valid.")?;
    let values = cx.db().get_user_workspace_build_parameters(user.id, template)?;
    reply::ok(&values.into_iter().map(|v| sdk::UserParameter { name: v.name, value: v.value }).collect::<Vec<_>>())
}
