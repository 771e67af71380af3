//! What everybody may ask: is it up, and what is it.

use super::routes::Routes;
use super::{Cx, Error, Reply, reply};
use crate::sdk;

/// The routes answered here.
pub fn routes(r: &mut Routes) {
    r.anyone("GET", "/healthz", get_healthz);
    r.anyone("GET", "/api/v2/buildinfo", get_build_info);
    r.anyone("GET", "/api/v2", get_api_root);
    r.anyone("GET", "/api/v2/updatecheck", get_update_check);
    r.anyone("GET", "/latency-check", get_latency_check);
    r.anyone("POST", "/api/v2/csp/reports", post_csp_report);
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
        upgrade_message: cx.deployment.config.clients.cli_upgrade_message.clone(),
        deployment_id: cx.deployment.id.clone(),
        webpush_public_key: String::new(),
    })
}

/// Whether there is something newer. The server looks nowhere by itself, so what runs is what it knows of.
fn get_update_check(cx: &Cx) -> Reply {
    reply::ok(&sdk::UpdateCheckResponse {
        current: true,
        version: cx.deployment.version.clone(),
        url: crate::version::EXTERNAL_URL.to_owned(),
    })
}

/// Something to measure a round trip with, from any page.
fn get_latency_check(_: &Cx) -> Reply {
    let mut response = reply::bytes(200, "text/plain; charset=utf-8", b"OK".to_vec())?;
    let open = [
        ("Timing-Allow-Origin", "*"),
        ("Access-Control-Allow-Origin", "*"),
        ("Access-Control-Allow-Headers", "*"),
        ("Access-Control-Allow-Credentials", "false"),
        ("Access-Control-Allow-Methods", "*"),
    ];
    response.headers.extend(open.map(|(name, value)| (name.to_owned(), value.to_owned())));
    Ok(response)
}

/// Takes a browser's report of a breach of the content security policy into the log.
fn post_csp_report(cx: &Cx) -> Reply {
    let report: serde_json::Value = serde_json::from_slice(&cx.request.body)
        .map_err(|e| Error::bad("The report is not JSON.").detail(e.to_string()))?;
    log::debug!(target: "csp", report:% = report["csp-report"]; "a browser reports a breach of the content security policy");
    reply::ok(&"ok")
}
