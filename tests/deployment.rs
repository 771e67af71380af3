//! The deployment as clients and administrators see it: what it is, what it may do, how it looks, how it is.

use std::collections::BTreeSet;

use rockpool::sdk::client::Request;
use rockpool::sdk::{
    AppearanceConfig, DeploymentStats, Entitlement, Entitlements, FeatureName, HealthSettings, HealthcheckReport,
    Region, RegionsResponse, Replica,
};
use serde_json::{Value, json};
use tungstenite::Message;

use crate::support::{Options, Server};

#[test]
fn everything_is_there_unless_licences_are_enforced() {
    let server = Server::start();
    let open: Entitlements = server.anonymous().get("/api/v2/entitlements").ok(200);
    assert_eq!(open.features.len(), FeatureName::ALL.len());
    assert!(open.has_license);
    for (name, entitled, enabled) in [
        ("multiple_organizations", Entitlement::Entitled, true),
        ("custom_roles", Entitlement::Entitled, true),
        ("browser_only", Entitlement::Entitled, false),
        ("user_limit", Entitlement::NotEntitled, false),
    ] {
        let feature = &open.features[name];
        assert_eq!((feature.entitlement, feature.enabled), (entitled, enabled), "{name}");
    }

    let server = Options::default().set("ROCKPOOL_LICENSING", "enforced").start();
    let owner = server.owner();
    let closed: Entitlements = owner.get("/api/v2/entitlements").ok(200);
    assert!(!closed.has_license);
    assert!(closed.features.values().all(|f| f.entitlement == Entitlement::NotEntitled && !f.enabled));
    assert_eq!(closed.features["user_limit"].actual, Some(1));
    for refused in [
        owner.post("/api/v2/organizations", json!({"name": "second"})),
        owner.delete("/api/v2/organizations/default"),
        owner.post("/api/v2/organizations/default/members/roles", json!({"name": "own"})),
        // Of what is not to be had nobody is told to sign in.
        server.anonymous().get("/api/v2/groups"),
        server.anonymous().get("/api/v2/workspaceproxies"),
    ] {
        assert!(refused.to_string().contains("Premium feature"), "{refused}");
        refused.expect(403);
    }
    let quota: Value = owner.get("/api/v2/workspace-quota/me").ok(200);
    assert_eq!(quota["budget"], -1);
}

#[test]
fn the_appearance_is_what_an_owner_made_it() {
    let server = Server::start();
    let owner = server.owner();
    let (_, member) = server.user("mona", &[]);
    server.anonymous().get("/api/v2/appearance").refused(401);

    let banner = json!({"enabled": true, "message": "Maintenance", "background_color": "#00ff00"});
    let wanted =
        json!({"application_name": "Works", "logo_url": "https://example.com/l.png", "announcement_banners": [banner]});
    member.put("/api/v2/appearance", &wanted).refused(403);
    owner.put("/api/v2/appearance", &wanted).expect(200);
    let seen: AppearanceConfig = member.get("/api/v2/appearance").ok(200);
    assert_eq!((seen.application_name.as_str(), seen.logo_url.as_str()), ("Works", "https://example.com/l.png"));
    assert_eq!(seen.announcement_banners.len(), 1);
    assert_eq!(seen.service_banner.message, "Maintenance", "the first banner, for older clients");

    for colour in ["green", "#abc", "", "#00ff0g"] {
        let body = json!({"announcement_banners": [{"background_color": colour}]});
        owner.put("/api/v2/appearance", body).refused(400);
    }
    let unchanged: AppearanceConfig = owner.get("/api/v2/appearance").ok(200);
    assert_eq!(unchanged.application_name, "Works");
}

#[test]
fn the_configuration_and_the_numbers_are_for_those_who_may_read_them() {
    let server = Options::default().set("CODER_OIDC_CLIENT_SECRET", "do-not-tell").start();
    let owner = server.owner();
    let (_, member) = server.user("mona", &[]);
    let (_, auditor) = server.user("olga", &["auditor"]);
    for path in ["/api/v2/deployment/config", "/api/v2/deployment/stats"] {
        member.get(path).refused(403);
        server.anonymous().get(path).refused(401);
        auditor.get(path).expect(200);
    }
    let config = owner.get("/api/v2/deployment/config").expect(200);
    assert!(!config.to_string().contains("do-not-tell"));
    assert!(config.json()["options"].as_array().is_some_and(|options| options.len() > 100));
    let stats: DeploymentStats = owner.get("/api/v2/deployment/stats").ok(200);
    assert_eq!((stats.workspaces.running, stats.workspaces.connection_latency_ms.p50), (0, -1.0));
    let ssh: Value = member.get("/api/v2/deployment/ssh").ok(200);
    assert_eq!(ssh["hostname_prefix"], "coder.");
}

#[test]
fn experiments_are_those_that_were_asked_for() {
    let server = Options::default().set("CODER_EXPERIMENTS", "*,Workspace-Sharing,unheard-of").start();
    let enabled: Vec<String> = server.owner().get("/api/v2/experiments").ok(200);
    assert_eq!(enabled, ["workspace-sharing", "unheard-of"]);
    let available: Value = server.owner().get("/api/v2/experiments/available").ok(200);
    assert_eq!(available, json!({"safe": []}));
}

#[test]
fn health_is_looked_at_and_parts_of_it_dismissed() {
    let server = Server::start();
    let owner = server.owner();
    let (_, member) = server.user("mona", &[]);
    for path in ["/api/v2/debug/health", "/api/v2/debug/health/settings", "/api/v2/debug/metrics"] {
        member.get(path).refused(403);
    }
    let report: HealthcheckReport = owner.get("/api/v2/debug/health").ok(200);
    assert!(report.database.healthy && report.access_url.healthy, "{report:?}");
    assert!(report.websocket.healthy, "{report:?}");
    assert_eq!(report.access_url.access_url, server.url());
    assert!(!report.provisioner_daemons.items.is_empty(), "the server's own are there");
    let again: HealthcheckReport = owner.get("/api/v2/debug/health").ok(200);
    assert_eq!(again.time, report.time, "a report is kept for a while");
    let forced: HealthcheckReport = owner.get("/api/v2/debug/health?force=true").ok(200);
    assert!(forced.time > report.time);

    let settings = "/api/v2/debug/health/settings";
    owner.put(settings, json!({"dismissed_healthchecks": ["DERP", "Websocket"]})).expect(200);
    owner.put(settings, json!({"dismissed_healthchecks": ["DERP", "Websocket"]})).expect(204);
    owner.put(settings, json!({"dismissed_healthchecks": ["Nothing"]})).refused(400);
    member.put(settings, json!({"dismissed_healthchecks": []})).refused(403);
    let kept: HealthSettings = owner.get(settings).ok(200);
    assert_eq!(kept.dismissed_healthchecks.map(|d| d.len()), Some(2));
    let report: HealthcheckReport = owner.get("/api/v2/debug/health").ok(200);
    assert!(report.derp.base.dismissed && report.websocket.base.dismissed && !report.database.base.dismissed);
}

#[test]
fn switches_stay_as_an_owner_left_them() {
    let server = Server::start();
    let owner = server.owner();
    let (_, member) = server.user("mona", &[]);
    for (path, field) in
        [("/api/v2/notifications/settings", "notifier_paused"), ("/api/v2/prebuilds/settings", "reconciliation_paused")]
    {
        assert_eq!(member.get(path).expect(200).json(), json!({field: false}));
        member.put(path, json!({field: true})).refused(403);
        owner.put(path, json!({field: true})).expect(200);
        owner.put(path, json!({field: true})).expect(304);
        owner.put(path, json!({field: "yes"})).refused(400);
        assert_eq!(member.get(path).expect(200).json(), json!({field: true}));
    }
}

#[test]
fn a_websocket_comes_back_as_it_was_sent() {
    let server = Server::start();
    let (_, member) = server.user("mona", &[]);
    assert_eq!(member.websocket("/api/v2/debug/ws").err().and_then(|e| e.status()), Some(403));
    let mut socket = server.owner().websocket("/api/v2/debug/ws").unwrap();
    for message in [Message::text("hello"), Message::binary(vec![0, 255])] {
        socket.send(message.clone()).unwrap();
        assert_eq!(socket.read().unwrap(), message);
    }
}

#[test]
fn the_deployment_has_one_region_and_one_process() {
    let server = Options::default().set("CODER_WILDCARD_ACCESS_URL", "*.apps.example.com").start();
    let (_, member) = server.user("mona", &[]);
    let regions: RegionsResponse<Region> = member.get("/api/v2/regions").ok(200);
    let [region] = regions.regions.as_slice() else { panic!("{regions:?}") };
    assert_eq!((region.name.as_str(), region.path_app_url.as_str()), ("primary", server.url()));
    let port = server.url().rsplit(':').next().unwrap();
    assert_eq!(region.wildcard_hostname, format!("*.apps.example.com:{port}"));
    member.get("/api/v2/replicas").refused(404);
    let replicas: Vec<Replica> = server.owner().get("/api/v2/replicas").ok(200);
    assert_eq!(replicas.len(), 1);
}

#[test]
fn requests_are_counted_and_shown_on_an_address_of_their_own() {
    let server = Options::default()
        .set("CODER_PROMETHEUS_ENABLE", "true")
        .set("CODER_PROMETHEUS_ADDRESS", "127.0.0.1:0")
        .set("CODER_PROMETHEUS_COLLECT_DB_METRICS", "true")
        .start();
    let address = server.running().metrics_addresses().first().expect("an address").to_string();
    server.owner().get("/api/v2/users/me").expect(200);
    server.anonymous().get("/api/v2/nothing").expect(404);
    let metrics = rockpool::sdk::Client::new(&format!("http://{address}")).unwrap();
    for target in ["/", "/metrics", "/any/path"] {
        let answer = metrics.send(&Request { method: "GET", target, ..Request::default() }).unwrap();
        let text = String::from_utf8(answer.body).unwrap();
        for line in [
            r#"coderd_api_requests_processed_total{code="200",method="GET",path="/api/v2/users/{user}"} 1"#,
            r#"coderd_api_requests_processed_total{code="404",method="GET",path="UNKNOWN"} 1"#,
            r#"coderd_db_query_counts_total{method="GET",query="GetUserByID",route="/api/v2/users/{user}"}"#,
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }
}

#[test]
fn what_is_asked_beforehand_is_answered_as_it_would_be_tried() {
    let server = Server::start();
    let (user, member) = server.user("mona", &[]);
    let organization = server.organization();
    let ask = |object: Value, action: &str| -> bool {
        let body = json!({"checks": {"it": {"object": object, "action": action}}});
        let answer: Value = member.post("/api/v2/authcheck", body).ok(200);
        answer["it"].as_bool().unwrap()
    };
    let owner_id = server.owner_id();
    for (object, action, want) in [
        (json!({"resource_type": "workspace", "owner_id": "me", "organization_id": organization}), "create", true),
        (json!({"resource_type": "workspace", "owner_id": owner_id, "organization_id": organization}), "read", false),
        (json!({"resource_type": "workspace", "owner_id": "me", "organization_id": "default"}), "create", false),
        (json!({"resource_type": "organization", "any_org": true}), "read", true),
        (json!({"resource_type": "organization", "any_org": true, "organization_id": organization}), "read", false),
        (json!({"resource_type": "castle"}), "read", false),
        (json!({"resource_type": "user", "owner_id": "me"}), "fly", false),
        (json!({"resource_type": "user", "owner_id": "me"}), "ssh", false),
        (json!({"resource_type": "user", "resource_id": user.id}), "read", true),
        (json!({"resource_type": "user", "resource_id": owner_id}), "read", false),
        // Everybody is in the group of everybody.
        (json!({"resource_type": "group", "resource_id": organization}), "read", true),
    ] {
        assert_eq!(ask(object.clone(), action), want, "{action} {object}");
    }
    // Not even whoever may do everything can do what a thing has not.
    let owners = |action: &str| -> Value {
        let check = json!({"object": {"resource_type": "file"}, "action": action});
        server.owner().post("/api/v2/authcheck", json!({"checks": {"it": check}})).json()["it"].clone()
    };
    assert_eq!((owners("create"), owners("delete"), owners("fly")), (json!(true), json!(false), json!(false)));
    for object in [
        json!({}),
        json!({"resource_type": "workspace", "resource_id": "x"}),
        json!({"resource_type": "file", "resource_id": owner_id}),
    ] {
        member.post("/api/v2/authcheck", json!({"checks": {"it": {"object": object, "action": "read"}}})).refused(400);
    }
    let many: serde_json::Map<String, Value> = (0..11)
        .map(|n| {
            (n.to_string(), json!({"object": {"resource_type": "user", "resource_id": user.id}, "action": "read"}))
        })
        .collect();
    member.post("/api/v2/authcheck", json!({"checks": many})).refused(400);
}

#[test]
fn what_there_is_not_says_so_and_methods_are_named() {
    let server = Server::start();
    server.anonymous().get("/api/v2/nothing").refused(404);
    let answer = server.anonymous().post("/api/v2/buildinfo", json!({})).expect(405);
    assert_eq!(answer.header("Allow"), Some("GET"));
    let answer =
        server.owner().send(&Request { method: "OPTIONS", target: "/api/v2/organizations", ..Request::default() });
    let allowed: BTreeSet<&str> =
        answer.answer.headers.iter().filter(|(n, _)| n == "Allow").map(|(_, v)| v.as_str()).collect();
    assert_eq!(allowed, BTreeSet::from(["GET", "POST"]));
    let preflight = vec![("Origin", "https://example.com"), ("Access-Control-Request-Method", "GET")];
    let request = Request { method: "OPTIONS", target: "/api/v2/users/me", headers: preflight, body: &[] };
    // No operation of the API, so that there is nothing to hold the answer against.
    let answer = server.anonymous().0.send(&request).unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("Access-Control-Allow-Origin"), None, "another origin is not let in");
}

#[test]
fn nothing_is_set_up_to_link_and_no_licence_is_taken() {
    let server = Server::start();
    let owner = server.owner();
    let (_, member) = server.user("mona", &[]);
    let links: Value = member.get("/api/v2/external-auth").ok(200);
    assert_eq!(links, json!({"providers": [], "links": []}));
    member.get("/api/v2/external-auth/hub").refused(404);
    assert_eq!(owner.get("/api/v2/licenses").json(), Value::Null);
    owner.post("/api/v2/licenses", json!({"license": "a.b.c"})).refused(400);
    assert_eq!(owner.post("/api/v2/licenses", json!({})).invalid(), ["license"]);
    member.post("/api/v2/licenses", json!({"license": "x"})).refused(403);
    owner.delete("/api/v2/licenses/99").refused(404);
    member.delete("/api/v2/licenses/99").refused(403);
}
