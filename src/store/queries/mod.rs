//! The declared queries, a file an aggregate, each with its row types.

pub mod agent_logs;
pub mod api_keys;
pub mod audit_logs;
pub mod connection_logs;
pub mod crypto_keys;
pub mod deployment_stats;
pub mod external_auth;
pub mod files;
pub mod git_ssh_keys;
pub mod groups;
pub mod locks;
pub mod notifications;
pub mod oauth2;
pub mod organizations;
pub mod port_shares;
pub mod presets;
pub mod provisioner_daemons;
pub mod provisioner_jobs;
pub mod provisioner_keys;
pub mod provisioner_lists;
pub mod purge;
pub mod quotas;
pub mod replicas;
pub mod resources;
pub mod roles;
pub mod site_configs;
pub mod tasks;
pub mod template_versions;
pub mod templates;
pub mod user_links;
pub mod users;
pub mod workspace_builds;
pub mod workspace_list;
pub mod workspace_sharing;
pub mod workspaces;

use crate::store::statement::Query;

/// Every declared query, by aggregate.
pub fn all() -> impl Iterator<Item = &'static Query> {
    [
        agent_logs::QUERIES,
        api_keys::QUERIES,
        audit_logs::QUERIES,
        connection_logs::QUERIES,
        crypto_keys::QUERIES,
        deployment_stats::QUERIES,
        external_auth::QUERIES,
        files::QUERIES,
        git_ssh_keys::QUERIES,
        groups::QUERIES,
        locks::QUERIES,
        notifications::QUERIES,
        oauth2::QUERIES,
        organizations::QUERIES,
        port_shares::QUERIES,
        presets::QUERIES,
        provisioner_daemons::QUERIES,
        provisioner_jobs::QUERIES,
        provisioner_keys::QUERIES,
        provisioner_lists::QUERIES,
        purge::QUERIES,
        quotas::QUERIES,
        resources::QUERIES,
        replicas::QUERIES,
        roles::QUERIES,
        site_configs::QUERIES,
        template_versions::QUERIES,
        templates::QUERIES,
        tasks::QUERIES,
        user_links::QUERIES,
        users::QUERIES,
        workspace_builds::QUERIES,
        workspace_list::QUERIES,
        workspace_sharing::QUERIES,
        workspaces::QUERIES,
    ]
    .into_iter()
    .flatten()
    .copied()
}
