//! What the deployment is entitled to, told to clients, and the refusal where it is not.

use super::routes::Routes;
use super::{Cx, Error, Reply, reply};
use crate::config::Licensing;
use crate::licensing;
use crate::sdk;

/// The routes answered here.
pub fn routes(r: &mut Routes) {
    r.anyone("GET", "/api/v2/entitlements", get_entitlements);
}

/// Refuses where the deployment may not use a feature.
pub fn require(cx: &Cx, feature: sdk::FeatureName) -> Result<(), Error> {
    if licensing::entitled(&cx.deployment.config, feature) {
        return Ok(());
    }
    Err(Error::new(403, format!("{} is a Premium feature. Contact sales!", licensing::display_name(feature))))
}

/// Every feature, and whether it is there.
fn get_entitlements(cx: &Cx) -> Reply {
    let config = &cx.deployment.config;
    let active_users = cx.system_db().get_active_user_count()?;
    reply::ok(&sdk::Entitlements {
        features: licensing::features(config, active_users),
        warnings: Vec::new(),
        errors: Vec::new(),
        has_license: config.licensing == Licensing::Entitled,
        trial: false,
        require_telemetry: false,
        refreshed_at: cx.now(),
    })
}
