//! What everybody may ask: is it up, and what is it.

use super::routes::Routes;
use super::{Cx, Reply, reply};
use crate::sdk;

/// The routes answered here.
pub fn routes(r: &mut Routes) {
    r.anyone("GET", "/healthz", get_healthz);
    r.anyone("GET", "/api/v2/buildinfo", get_build_info);
    r.anyone("GET", "/api/v2", get_api_root);
}

/// Says that the server answers.
fn get_healthz(_: &Cx) -> Reply {
    reply::bytes(200, "text/plain; charset=utf-8", b"OK".to_vec())
}

/// A greeting for those who wonder what this port is.
fn get_api_root(_: &Cx) -> Reply {
    reply::message("👋")
}

/// Version and place of this server.
fn get_build_info(cx: &Cx) -> Reply {
    reply::ok(&sdk::BuildInfoResponse {
        external_url: crate::version::EXTERNAL_URL.to_owned(),
        version: cx.deployment.version.clone(),
        dashboard_url: cx.deployment.access_url.clone(),
        telemetry: false,
        workspace_proxy: false,
        agent_api_version: crate::version::AGENT_API.to_owned(),
        provisioner_api_version: crate::version::PROVISIONER_API.to_owned(),
        upgrade_message: String::new(),
        deployment_id: cx.deployment.id.clone(),
        webpush_public_key: String::new(),
    })
}
