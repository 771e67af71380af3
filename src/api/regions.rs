//! Where workspaces are reached: the deployment's own region, the processes behind it, the relays, the
//! host names of apps.

use uuid::Uuid;

use super::routes::{Access, Handler, Limit, Route, Routes, Stream};
use super::{Cx, Error, Reply, reply};
use crate::http::WebSocketOptions;
use crate::rbac::{Action, Object, Resource};
use crate::replicas;
use crate::sdk;
use crate::store::queries::replicas::Replica;

/// The routes answered here.
pub fn routes(r: &mut Routes) {
    r.user("GET", "/api/v2/regions", get_regions);
    r.user("GET", "/api/v2/replicas", get_replicas);
    r.user("GET", "/api/v2/applications/host", get_app_host);
    r.user_of(sdk::FeatureName::WorkspaceProxy, "GET", "/api/v2/workspaceproxies", get_proxies);
    let handler = Handler::Stream(follow_derp_map);
    r.add("GET", "/api/v2/derp-map", Route { access: Access::Anyone, handler, max_body: 0, limit: Limit::Usual });
}

/// The regions that apps of workspaces can be reached through.
fn get_regions(cx: &Cx) -> Reply {
    reply::ok(&sdk::RegionsResponse { regions: vec![primary(cx)?] })
}

/// The regions with their state.
fn get_proxies(cx: &Cx) -> Reply {
    reply::ok(&sdk::RegionsResponse { regions: vec![primary_proxy(cx)?] })
}

/// The processes of the deployment that are there.
fn get_replicas(cx: &Cx) -> Reply {
    cx.db().require(Action::Read, &Object::of(Resource::Replicas))?;
    let found = replicas::present(&cx.deployment, &cx.system_db())?;
    let render = |r: Replica| sdk::Replica {
        id: r.id,
        hostname: r.hostname,
        created_at: r.created_at,
        relay_address: r.relay_address,
        region_id: r.region_id,
        error: r.error,
        database_latency: r.database_latency,
    };
    reply::ok(&found.into_iter().map(render).collect::<Vec<_>>())
}

/// The host name pattern of apps with a host name of their own.
fn get_app_host(cx: &Cx) -> Reply {
    reply::ok(&sdk::AppHostResponse { host: app_host(cx) })
}

/// The relays, for as long as somebody wants to know: this server has none.
fn follow_derp_map(_: &Cx) -> Result<Stream, Error> {
    Ok(Box::new(|upgrade| {
        let Ok(socket) = upgrade.websocket(WebSocketOptions::default()) else { return };
        let no_relays = serde_json::json!({ "Regions": {}, "omitDefaultRegions": true });
        if socket.send_json(&no_relays).is_ok() {
            // Nothing will change; the channel tells only of the end.
            let _ = socket.closed().recv();
        }
    }))
}

/// The deployment's own region.
fn primary(cx: &Cx) -> Result<sdk::Region, Error> {
    let shown = cx.db().get_default_proxy_config()?;
    Ok(sdk::Region {
        id: Uuid::try_parse(&cx.deployment.id).unwrap_or_default(),
        name: "primary".to_owned(),
        display_name: shown.display_name,
        icon_url: shown.icon_url,
        healthy: true,
        path_app_url: cx.deployment.access_url.clone(),
        wildcard_hostname: app_host(cx),
    })
}

/// The deployment's own region with its state.
pub fn primary_proxy(cx: &Cx) -> Result<sdk::WorkspaceProxy, Error> {
    let started_at = cx.deployment.replica.started_at;
    Ok(sdk::WorkspaceProxy {
        region: primary(cx)?,
        derp_enabled: false,
        derp_only: false,
        status: sdk::WorkspaceProxyStatus {
            status: sdk::ProxyHealthStatus::Ok,
            report: sdk::ProxyHealthReport::default(),
            checked_at: cx.now(),
        },
        created_at: started_at,
        updated_at: started_at,
        deleted: false,
        version: cx.deployment.version.clone(),
    })
}

fn app_host(cx: &Cx) -> String {
    let pattern = cx.deployment.config.settings.get("wildcard-access-url").value.to_json();
    with_port(pattern.as_str().unwrap_or_default(), &cx.deployment.access_url)
}

/// The pattern, with the port of the address that the server is reached under unless it has its own.
fn with_port(pattern: &str, access_url: &str) -> String {
    let authority = access_url.split_once("://").map_or("", |(_, rest)| rest).split('/').next().unwrap_or_default();
    match authority.rsplit_once(':') {
        Some((_, port))
            if !pattern.is_empty() && !pattern.contains(':') && port.bytes().all(|b| b.is_ascii_digit()) =>
        {
            format!("{pattern}:{port}")
        }
        _ => pattern.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn app_hosts_are_on_the_port_of_the_access_url() {
        for (pattern, url, want) in [
            ("*.example.com", "https://example.com", "*.example.com"),
            ("*.example.com", "http://example.com:3000", "*.example.com:3000"),
            ("*.example.com:80", "http://example.com:3000", "*.example.com:80"),
            ("*.example.com", "http://[::1]", "*.example.com"),
            ("", "http://example.com:3000", ""),
        ] {
            assert_eq!(with_port(pattern, url), want, "{pattern} {url}");
        }
    }
}
