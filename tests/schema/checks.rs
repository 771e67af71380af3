//! Named checks, and what types mean: each case is a change that must be refused, and by what.

use super::Rows;

#[test]
fn named_checks_refuse_what_their_names_say() {
    let rows = Rows::without_references();
    let ids = |table: &str| rows.insert(table, &[]);
    let zero = super::ZERO_TIME;
    for (table, change, check) in [
        ("api_keys", "allow_list = '[]'".to_owned(), "api_keys_allow_list_not_empty"),
        (
            "custom_roles",
            "organization_id = '00000000-0000-0000-0000-000000000000'".to_owned(),
            "organization_id_not_zero",
        ),
        ("provisioner_jobs", "logs_length = 1048577".to_owned(), "max_provisioner_logs_length"),
        ("template_version_parameters", "validation_monotonic = 'up'".to_owned(), "validation_monotonic_order"),
        ("usage_events", "event_type = 'other'".to_owned(), "usage_event_type_check"),
        ("telemetry_locks", "event_type = 'other'".to_owned(), "telemetry_lock_event_type_constraint"),
        ("users", "hashed_one_time_passcode = x'00'".to_owned(), "one_time_passcode_set"),
        ("users", "one_time_passcode_expires_at = 1".to_owned(), "one_time_passcode_set"),
        ("users", "username = ''".to_owned(), "users_username_min_length"),
        ("workspace_agents", "logs_length = 1048577".to_owned(), "max_logs_length"),
        ("workspace_agents", r#"subsystems = '["envbox", "none"]'"#.to_owned(), "subsystems_not_none"),
        (
            "workspace_builds",
            "deadline = 2, max_deadline = 1".to_owned(),
            "workspace_builds_deadline_below_max_deadline",
        ),
        (
            "workspace_builds",
            format!("deadline = {zero}, max_deadline = 1"),
            "workspace_builds_deadline_below_max_deadline",
        ),
        // Types: an enum, an array of one, a flag, JSON, a length.
        ("workspace_builds", "reason = 'boredom'".to_owned(), "workspace_builds_reason_enum"),
        ("api_keys", r#"scopes = '["coder:all", "coder:some"]'"#.to_owned(), "not of api_key_scope"),
        ("provisioner_daemons", r#"provisioners = '["bash"]'"#.to_owned(), "not of provisioner_type"),
        ("workspace_agents", r#"display_apps = '[1]'"#.to_owned(), "not of display_app"),
        ("users", "deleted = 2".to_owned(), "deleted IN (0, 1)"),
        ("users", "rbac_roles = '{}'".to_owned(), "json_type(rbac_roles)"),
        ("workspaces", "user_acl = '{'".to_owned(), "json_valid(user_acl)"),
        ("workspaces", format!("name = '{}'", "w".repeat(65)), "length(name) <= 64"),
    ] {
        ids(table);
        let error =
            rows.conn.execute(&format!("UPDATE {table} SET {change}"), []).expect_err(&format!("{table}: {change}"));
        assert!(error.to_string().contains(check), "{table}: {change}: {error}, not {check}");
    }
}

#[test]
fn named_checks_let_the_rest_through() {
    let rows = Rows::without_references();
    let zero = super::ZERO_TIME;
    for (table, change) in [
        ("users", "hashed_one_time_passcode = x'00', one_time_passcode_expires_at = 1".to_owned()),
        ("workspace_builds", "deadline = 1, max_deadline = 1".to_owned()),
        ("workspace_builds", format!("deadline = 5, max_deadline = {zero}")),
        ("workspace_builds", format!("deadline = {zero}, max_deadline = {zero}")),
        ("workspace_agents", r#"logs_length = 1048576, subsystems = '["envbox"]'"#.to_owned()),
        ("custom_roles", "organization_id = NULL, is_system = 0, name = id".to_owned()),
        ("workspaces", format!("name = '{}'", "é".repeat(64))),
    ] {
        let id = rows.insert(table, &[]);
        rows.set(table, &id, &change);
    }
}

#[test]
fn the_status_of_a_job_follows_from_its_times_and_error() {
    let rows = Rows::without_references();
    let job = rows.insert("provisioner_jobs", &[]);
    for (state, status) in [
        ("started_at = NULL", "pending"),
        ("started_at = 1", "running"),
        ("canceled_at = 2", "canceling"),
        ("completed_at = 3", "canceled"),
        ("canceled_at = NULL", "succeeded"),
        ("error = ''", "succeeded"),
        ("error = 'no'", "failed"),
        ("completed_at = NULL", "failed"),
        ("canceled_at = 2", "failed"),
    ] {
        rows.set("provisioner_jobs", &job, state);
        assert_eq!(rows.one(&format!("SELECT job_status FROM provisioner_jobs WHERE id = '{job}'")), status, "{state}");
    }
}

#[test]
fn names_are_unique_whatever_their_case_until_deleted() {
    let rows = Rows::without_references();
    let first = rows.insert("users", &[("username", &"Ann"), ("email", &"Ann@example.com")]);
    let error = rows.try_insert("users", &[("username", &"ann")]).expect_err("the name is taken");
    assert!(error.to_string().contains("users_username_lower_idx"), "{error}");
    rows.set("users", &first, "deleted = 1");
    rows.insert("users", &[("username", &"ann"), ("email", &"ann@EXAMPLE.com")]);
}

#[test]
fn defaults_make_an_id_and_the_time_without_us() {
    let rows = Rows::without_references();
    let id = rows.insert("users", &[]);
    rows.conn
        .execute("INSERT INTO user_secrets (user_id, name, description, value) VALUES (?1, 'n', '', '')", [&id])
        .expect("insert");
    let made = rows.one("SELECT id FROM user_secrets");
    let parsed = uuid::Uuid::parse_str(&made).expect("a uuid");
    assert_eq!((parsed.get_version_num(), parsed.get_variant()), (4, uuid::Variant::RFC4122), "{made}");
    assert_eq!(made, parsed.to_string(), "in lower case, with hyphens");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_micros();
    let made: u128 = rows.one("SELECT created_at FROM user_secrets").parse().expect("a number");
    assert!(now.abs_diff(made) < 60_000_000, "{made} is not the time in microseconds, which is {now}");
}
