//! Settings that are kept in the database, one text a key.

use crate::store::query::queries;
use crate::store::record::rows;

rows! {
    /// How the deployment's own region is shown.
    pub struct DefaultProxy {
        pub display_name: String,
        pub icon_url: String,
    }
}

queries! {
    /// The id of this deployment.
    GetDeploymentID = get_deployment_id(db) -> one String;
        allow(none),
        sql "SELECT value FROM site_configs WHERE key = 'deployment_id'";

    /// Keeps the id of this deployment, once.
    InsertDeploymentID = insert_deployment_id(db, value: &str) -> exec;
        allow(system Create System),
        sql "INSERT INTO site_configs (key, value) VALUES ('deployment_id', :value)";

    /// The text kept under a key of the server's own.
    GetRuntimeConfig = get_runtime_config(db, key: &str) -> one String;
        allow(system Read System),
        sql "SELECT value FROM site_configs WHERE key = :key";

    /// Keeps a text under a key.
    UpsertRuntimeConfig = upsert_runtime_config(db, key: &str, value: &str) -> exec;
        allow(system Create System),
        sql "INSERT INTO site_configs (key, value) VALUES (:key, :value) ON CONFLICT (key) DO UPDATE SET value = excluded.value";

    /// What the deployment calls itself.
    GetApplicationName = get_application_name(db) -> one String;
        allow(none),
        sql "SELECT value FROM site_configs WHERE key = 'application_name'";

    /// Changes what the deployment calls itself.
    UpsertApplicationName = upsert_application_name(db, value: &str) -> exec;
        allow(system Update DeploymentConfig),
        sql "INSERT INTO site_configs (key, value) VALUES ('application_name', :value) ON CONFLICT (key) DO UPDATE SET value = excluded.value";

    /// Where the deployment's logo is.
    GetLogoURL = get_logo_url(db) -> one String;
        allow(none),
        sql "SELECT value FROM site_configs WHERE key = 'logo_url'";

    /// Changes where the deployment's logo is.
    UpsertLogoURL = upsert_logo_url(db, value: &str) -> exec;
        allow(system Update DeploymentConfig),
        sql "INSERT INTO site_configs (key, value) VALUES ('logo_url', :value) ON CONFLICT (key) DO UPDATE SET value = excluded.value";

    /// The banners across the dashboard, as JSON.
    GetAnnouncementBanners = get_announcement_banners(db) -> one String;
        allow(none),
        sql "SELECT value FROM site_configs WHERE key = 'announcement_banners'";

    /// Changes the banners across the dashboard.
    UpsertAnnouncementBanners = upsert_announcement_banners(db, value: &str) -> exec;
        allow(system Update DeploymentConfig),
        sql "INSERT INTO site_configs (key, value) VALUES ('announcement_banners', :value) ON CONFLICT (key) DO UPDATE SET value = excluded.value";

    /// Which health checks are dismissed, as JSON.
    GetHealthSettings = get_health_settings(db) -> one String;
        allow(none),
        sql "SELECT value FROM site_configs WHERE key = 'health_settings'";

    /// Changes which health checks are dismissed.
    UpsertHealthSettings = upsert_health_settings(db, value: &str) -> exec;
        allow(system Update DeploymentConfig),
        sql "INSERT INTO site_configs (key, value) VALUES ('health_settings', :value) ON CONFLICT (key) DO UPDATE SET value = excluded.value";

    /// What the deployment's own region is called.
    GetDefaultProxyConfig = get_default_proxy_config(db) -> one DefaultProxy;
        allow(none),
        sql "SELECT
            coalesce((SELECT value FROM site_configs WHERE key = 'default_proxy_display_name'), 'Default'),
            coalesce((SELECT value FROM site_configs WHERE key = 'default_proxy_icon_url'), '/emojis/1f3e1.png')";

    /// Whether notifications are held back, as JSON.
    GetNotificationsSettings = get_notifications_settings(db) -> one String;
        allow(none),
        sql "SELECT value FROM site_configs WHERE key = 'notifications_settings'";

    /// Changes whether notifications are held back.
    UpsertNotificationsSettings = upsert_notifications_settings(db, value: &str) -> exec;
        allow(system Update DeploymentConfig),
        sql "INSERT INTO site_configs (key, value) VALUES ('notifications_settings', :value) ON CONFLICT (key) DO UPDATE SET value = excluded.value";

    /// Whether prebuilt workspaces are left as they are, as JSON.
    GetPrebuildsSettings = get_prebuilds_settings(db) -> one String;
        allow(none),
        sql "SELECT value FROM site_configs WHERE key = 'prebuilds_settings'";

    /// Changes whether prebuilt workspaces are left as they are.
    UpsertPrebuildsSettings = upsert_prebuilds_settings(db, value: &str) -> exec;
        allow(system Update DeploymentConfig),
        sql "INSERT INTO site_configs (key, value) VALUES ('prebuilds_settings', :value) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
}
