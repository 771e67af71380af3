//! Partial indexes serve a query only when it spells their condition as they do, which nothing else would notice.

use regex::Regex;
use rockpool::store::queries;

use super::Rows;

#[test]
fn look_ups_use_the_index_that_is_meant_for_them() {
    let rows = Rows::with_references();
    for (look_up, index) in [
        ("users WHERE lower(email) = lower('x') AND deleted = FALSE", "users_email_lower_idx"),
        ("users WHERE lower(username) = lower('x') AND users.deleted = FALSE", "users_username_lower_idx"),
        ("organizations WHERE lower(name) = lower('x') AND deleted = FALSE", "idx_organization_name_lower"),
        (
            "templates WHERE organization_id = 'x' AND lower(name) = lower('x') AND deleted = FALSE",
            "templates_organization_id_name_idx",
        ),
        (
            "workspaces WHERE owner_id = 'x' AND lower(name) = lower('x') AND deleted = FALSE",
            "workspaces_owner_id_lower_idx",
        ),
        ("workspaces WHERE next_start_at <= 1 AND deleted = FALSE", "workspace_next_start_at_idx"),
        ("tasks WHERE owner_id = 'x' AND lower(name) = 'x' AND deleted_at IS NULL", "tasks_owner_id_name_unique_idx"),
        ("provisioner_jobs WHERE started_at IS NULL", "provisioner_jobs_started_at_idx"),
        (
            "provisioner_daemons WHERE organization_id = 'x' AND name = 'x' AND lower(coalesce(tags ->> 'owner', '')) = ''",
            "idx_provisioner_daemons_org_name_owner_key",
        ),
        // Through the views.
        ("workspaces_expanded WHERE id = 'x'", "sqlite_autoindex_workspaces_1"),
        ("workspace_latest_builds WHERE workspace_id = 'x'", "sqlite_autoindex_workspace_builds_3"),
        ("tasks_with_status WHERE id = 'x'", "sqlite_autoindex_tasks_1"),
        ("provisioner_job_stats WHERE job_id = 'x'", "sqlite_autoindex_workspace_builds_2"),
    ] {
        let sql = format!("EXPLAIN QUERY PLAN SELECT * FROM {look_up}");
        let mut plan = rows.conn.prepare(&sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        let steps: Vec<String> =
            plan.query_map([], |row| row.get("detail")).expect("a plan").collect::<Result<_, _>>().expect("steps");
        assert!(steps.iter().any(|step| step.contains(&format!("{index} "))), "{look_up}: {steps:#?}");
    }
}

#[test]
fn queries_spell_conditions_as_the_partial_indexes_do() {
    let misspelt = Regex::new(
        r"\b(?:deleted|is_default)\s*=\s*(?:false|true|0|1)\b|(?i:\bNOT\s+(?:\w+\.)?(?:deleted|is_default)\b)",
    )
    .expect("a pattern");
    for (text, caught) in [
        ("deleted = FALSE AND is_default = TRUE", false),
        ("NOT preset.disabled AND x.deleted = :deleted", false),
        ("u.deleted = false", true),
        ("deleted = 0", true),
        ("not u.deleted", true),
    ] {
        assert_eq!(misspelt.is_match(text), caught, "{text}");
    }
    for query in queries::all() {
        let found = misspelt.find(query.sql).map(|found| found.as_str());
        assert_eq!(found, None, "{}: write `deleted = FALSE`, or SQLite leaves the index aside", query.name);
    }
}
