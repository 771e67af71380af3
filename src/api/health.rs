//! The health report, and which of its parts are not to be minded.

use super::error::OrForbidden;
use super::routes::Routes;
use super::{Cx, Error, Reply, authn, debug, regions, reply};
use crate::audit::Settings;
use crate::health::{self, Look};
use crate::rbac::{Action, Object, Resource};
use crate::sdk::{self, AuditAction, ResourceType};
use crate::store::Optional;

/// The routes answered here.
pub fn routes(r: &mut Routes) {
    r.user("GET", "/api/v2/debug/health", get_health);
    r.user("GET", "/api/v2/debug/health/settings", get_settings);
    r.user("PUT", "/api/v2/debug/health/settings", put_settings);
}

/// The report: a recent one, or (`force=true`) a new one; as JSON, or (`format=text`) in a few words.
fn get_health(cx: &Cx) -> Reply {
    debug::allow(cx)?;
    let look = Look {
        token: authn::token_of(&cx.request, cx.queries()).unwrap_or_default(),
        db: &cx.system_db(),
        proxies: vec![regions::primary_proxy(cx)?],
        force: cx.query("force") == "true",
    };
    let mut report = health::report(&cx.deployment, look).map_err(|busy| {
        Error::new(503, "The health report is being made.").detail(busy.to_string()).header("Retry-After", "1")
    })?;
    health::dismiss(&mut report, &settings(cx)?.dismissed_healthchecks.unwrap_or_default());
    match cx.query("format") {
        "" | "json" => reply::ok(&report),
        "text" => reply::bytes(200, "text/plain; charset=utf-8", as_text(&report).into_bytes()),
        other => Err(Error::bad(format!("Invalid format option {other:?}.")).detail("It can be \"json\" or \"text\".")),
    }
}

fn as_text(report: &sdk::HealthcheckReport) -> String {
    format!(
        "time: {}\nhealthy: {}\nderp: {}\naccess_url: {}\nwebsocket: {}\ndatabase: {}\n",
        report.time,
        report.healthy,
        report.derp.healthy,
        report.access_url.healthy,
        report.websocket.healthy,
        report.database.healthy
    )
}

/// Which parts are not to be minded.
fn get_settings(cx: &Cx) -> Reply {
    debug::allow(cx)?;
    let dismissed = settings(cx)?.dismissed_healthchecks.unwrap_or_default();
    reply::ok(&sdk::HealthSettings { dismissed_healthchecks: Some(dismissed) })
}

/// Changes which parts are not to be minded; 204 when that changes nothing.
fn put_settings(cx: &Cx) -> Reply {
    debug::allow(cx)?;
    cx.db().require(Action::Update, &Object::of(Resource::DeploymentConfig)).or_forbidden()?;
    let body: sdk::UpdateHealthSettings = cx.body()?;
    let known = |word: sdk::Word<sdk::HealthSection>| {
        word.known().ok_or_else(|| {
            Error::bad("The health settings cannot be kept.")
                .detail(format!("{:?} is no part of the health report", word.as_str()))
        })
    };
    let dismissed = body.dismissed_healthchecks.map(|words| words.into_iter().map(known).collect()).transpose()?;
    let wanted = sdk::HealthSettings { dismissed_healthchecks: dismissed };
    let stored = serde_json::to_string(&wanted).map_err(Error::internal)?;
    if cx.db().get_health_settings().optional()?.as_deref() == Some(stored.as_str()) {
        return reply::none();
    }
    let show = |kept: &sdk::HealthSettings| {
        let dismissed = serde_json::json!(kept.dismissed_healthchecks);
        Settings::new(ResourceType::HealthSettings, "").with("dismissed_healthchecks", dismissed)
    };
    cx.audit(ResourceType::HealthSettings, AuditAction::Write).before(&show(&settings(cx)?)).after(&show(&wanted));
    cx.db().upsert_health_settings(&stored)?;
    reply::ok(&wanted)
}

fn settings(cx: &Cx) -> Result<sdk::HealthSettings, Error> {
    match cx.db().get_health_settings().optional()? {
        Some(stored) => serde_json::from_str(&stored).map_err(|e| Error::internal(format!("health settings: {e}"))),
        None => Ok(sdk::HealthSettings { dismissed_healthchecks: None }),
    }
}
