//! Switches that administrators flip while the server runs: whether notifications go out, and whether
//! prebuilt workspaces are kept in stock. Whoever acts on one reads it at every turn.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::OrForbidden;
use super::routes::Routes;
use super::{Audit, Cx, Error, Reply, entitlements, reply};
use crate::audit::Settings;
use crate::sdk::{self, AuditAction, FeatureName, ResourceType, Validate};
use crate::store::{self, Db, Optional};

/// The routes answered here.
pub fn routes(r: &mut Routes) {
    r.user("GET", "/api/v2/notifications/settings", get_notifications);
    r.user("PUT", "/api/v2/notifications/settings", put_notifications);
    r.user("GET", "/api/v2/prebuilds/settings", get_prebuilds);
    r.user("PUT", "/api/v2/prebuilds/settings", put_prebuilds);
}

/// Whether notifications are held back.
fn get_notifications(cx: &Cx) -> Reply {
    get::<sdk::NotificationsSettings>(cx.db().get_notifications_settings())
}

/// Holds notifications back, or lets them go out.
fn put_notifications(cx: &Cx) -> Reply {
    let show = |kept: &sdk::NotificationsSettings| {
        Settings::new(ResourceType::NotificationsSettings, "").with("notifier_paused", kept.notifier_paused)
    };
    let audit = cx.audit(ResourceType::NotificationsSettings, AuditAction::Write);
    put(cx, &audit, show, Db::get_notifications_settings, |db, text| db.upsert_notifications_settings(text))
}

/// Whether prebuilt workspaces are left as they are.
fn get_prebuilds(cx: &Cx) -> Reply {
    entitlements::require(cx, FeatureName::WorkspacePrebuilds)?;
    get::<sdk::PrebuildsSettings>(cx.db().get_prebuilds_settings())
}

/// Leaves prebuilt workspaces as they are, or keeps them in stock again.
fn put_prebuilds(cx: &Cx) -> Reply {
    entitlements::require(cx, FeatureName::WorkspacePrebuilds)?;
    let show = |kept: &sdk::PrebuildsSettings| {
        Settings::new(ResourceType::PrebuildsSettings, "").with("reconciliation_paused", kept.reconciliation_paused)
    };
    let audit = cx.audit(ResourceType::PrebuildsSettings, AuditAction::Write);
    put(cx, &audit, show, Db::get_prebuilds_settings, |db, text| db.upsert_prebuilds_settings(text))
}

type Kept = Result<String, store::Error>;

fn get<T: Serialize + DeserializeOwned + Default>(kept: Kept) -> Reply {
    let settings: T = match kept.optional()? {
        Some(text) => serde_json::from_str(&text).map_err(|e| Error::internal(format!("settings: {e}")))?,
        None => T::default(),
    };
    reply::ok(&settings)
}

/// Keeps what was sent; 304 when that is kept already.
fn put<T: Serialize + DeserializeOwned + Validate + Default>(
    cx: &Cx,
    audit: &Audit,
    show: fn(&T) -> Settings,
    kept: fn(&Db) -> Kept,
    keep: fn(&Db, &str) -> Result<u64, store::Error>,
) -> Reply {
    let body: T = cx.body()?;
    let text = serde_json::to_string(&body).map_err(Error::internal)?;
    let present = kept(cx.db()).optional()?;
    if present.as_deref() == Some(text.as_str()) {
        return reply::empty(304);
    }
    let before = present.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    audit.before(&show(&before)).after(&show(&body));
    keep(cx.db(), &text).or_forbidden()?;
    reply::ok(&body)
}
