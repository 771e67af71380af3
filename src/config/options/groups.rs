//! The headings that options stand under, in `--help` and in YAML files.

use super::Group;

macro_rules! group {
    ($ident:ident, $name:literal, $yaml:expr $(, in $parent:ident)?) => {
        pub(super) static $ident: Group = Group { name: $name, yaml: $yaml, parent: group!(@parent $($parent)?) };
    };
    (@parent) => { None };
    (@parent $parent:ident) => { Some(&$parent) };
}

group!(NETWORKING, "Networking", Some("networking"));
group!(TLS, "TLS", Some("tls"), in NETWORKING);
group!(HTTP, "HTTP", Some("http"), in NETWORKING);
group!(DERP, "DERP", Some("derp"), in NETWORKING);
group!(INTROSPECTION, "Introspection", Some("introspection"));
group!(PPROF, "pprof", Some("pprof"), in INTROSPECTION);
group!(STATS, "Stats Collection", Some("statsCollection"), in INTROSPECTION);
group!(USAGE_STATS, "Usage Stats", Some("usageStats"), in STATS);
group!(PROMETHEUS, "Prometheus", Some("prometheus"), in INTROSPECTION);
group!(TRACING, "Tracing", Some("tracing"), in INTROSPECTION);
group!(LOGGING, "Logging", Some("logging"), in INTROSPECTION);
group!(HEALTH_CHECK, "Health Check", Some("healthcheck"), in INTROSPECTION);
group!(OAUTH2, "OAuth2", Some("oauth2"));
group!(GITHUB, "GitHub", Some("github"), in OAUTH2);
group!(OIDC, "OIDC", Some("oidc"));
group!(TELEMETRY, "Telemetry", Some("telemetry"));
group!(PROVISIONING, "Provisioning", Some("provisioning"));
group!(QUIET_HOURS, "User Quiet Hours Schedule", Some("userQuietHoursSchedule"));
group!(DANGEROUS, "⚠️ Dangerous", Some("dangerous"));
group!(CLIENT, "Client", Some("client"));
group!(CONFIG, "Config", None);
group!(EMAIL, "Email", Some("email"));
group!(EMAIL_AUTH, "Email Authentication", Some("emailAuth"), in EMAIL);
group!(EMAIL_TLS, "Email TLS", Some("emailTLS"), in EMAIL);
group!(NOTIFICATIONS, "Notifications", Some("notifications"));
group!(NOTIFICATIONS_EMAIL, "Email", Some("email"), in NOTIFICATIONS);
group!(NOTIFICATIONS_EMAIL_AUTH, "Email Authentication", Some("emailAuth"), in NOTIFICATIONS_EMAIL);
group!(NOTIFICATIONS_EMAIL_TLS, "Email TLS", Some("emailTLS"), in NOTIFICATIONS_EMAIL);
group!(NOTIFICATIONS_WEBHOOK, "Webhook", Some("webhook"), in NOTIFICATIONS);
group!(PREBUILDS, "Workspace Prebuilds", Some("workspace_prebuilds"));
group!(NOTIFICATIONS_INBOX, "Inbox", Some("inbox"), in NOTIFICATIONS);
group!(AI_BRIDGE, "AI Bridge", Some("aibridge"));
group!(AI_BRIDGE_PROXY, "AI Bridge Proxy", Some("aibridgeproxy"));
group!(RETENTION, "Retention", Some("retention"));
group!(ROCKPOOL, "Rockpool", Some("rockpool"));
