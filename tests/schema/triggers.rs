//! What each trigger does.

use super::{Rows, assert_refused};

#[test]
fn a_deleted_user_gets_no_api_key() {
    let rows = Rows::without_references();
    let user = rows.insert("users", &[("deleted", &1)]);
    assert_refused(rows.try_insert("api_keys", &[("user_id", &user)]), "deleted user");
    rows.set("users", &user, "deleted = 0");
    rows.insert("api_keys", &[("user_id", &user)]);
}

#[test]
fn a_deleted_user_gets_no_login() {
    let rows = Rows::without_references();
    let (gone, here) = (rows.insert("users", &[("deleted", &1)]), rows.insert("users", &[]));
    assert_refused(rows.try_insert("user_links", &[("user_id", &gone)]), "deleted user");
    rows.insert("user_links", &[("user_id", &here)]);
    let moved = rows.conn.execute("UPDATE user_links SET user_id = ?1", [&gone]);
    assert_refused(moved, "deleted user");
}

#[test]
fn deleting_a_user_signs_them_out_everywhere_and_is_remembered() {
    let rows = Rows::without_references();
    let (user, other) = (rows.insert("users", &[("updated_at", &5)]), rows.insert("users", &[]));
    for owner in [&user, &other] {
        rows.insert("api_keys", &[("id", owner), ("user_id", owner)]);
        rows.insert("user_links", &[("user_id", owner)]);
    }
    rows.set("users", &user, "deleted = 1, updated_at = 6");
    rows.set("users", &user, "updated_at = 7");
    assert_eq!(rows.column("SELECT user_id FROM api_keys"), [other.as_str()]);
    assert_eq!(rows.column("SELECT user_id FROM user_links"), [other.as_str()]);
    assert_eq!(rows.column("SELECT user_id || ' ' || deleted_at FROM user_deleted"), [format!("{user} 6")]);
}

#[test]
fn changes_of_a_users_status_are_recorded_at_the_time_of_the_update() {
    let rows = Rows::without_references();
    let user = rows.insert("users", &[("status", &"dormant"), ("updated_at", &1)]);
    rows.set("users", &user, "status = 'active', updated_at = 2");
    rows.set("users", &user, "status = 'active', updated_at = 3");
    rows.set("users", &user, "status = 'suspended', updated_at = 4");
    let sql =
        "SELECT new_status || ' ' || changed_at FROM user_status_changes WHERE user_id = '{}' ORDER BY changed_at";
    assert_eq!(rows.column(&sql.replace("{}", &user)), ["dormant 1", "active 2", "suspended 4"]);
    assert_eq!(rows.one("SELECT count(DISTINCT id) = count(*) FROM user_status_changes"), "1");
}

#[test]
fn an_organization_starts_with_the_role_of_its_members() {
    let rows = Rows::without_references();
    let organization = rows.insert("organizations", &[("created_at", &9)]);
    let sql = "SELECT name || ' ' || is_system || ' ' || created_at || ' ' || member_permissions FROM custom_roles";
    let found = rows.one(&format!("{sql} WHERE organization_id = '{organization}'"));
    assert_eq!(found, "organization-member 1 9 []");
}

#[test]
fn an_organization_in_use_cannot_be_deleted() {
    let rows = Rows::without_references();
    let organization = rows.insert("organizations", &[]);
    let belongs = [("organization_id", &organization as &dyn rusqlite::ToSql)];
    for (table, what, gone) in [
        ("workspaces", "1 workspaces", "UPDATE workspaces SET deleted = 1"),
        ("templates", "1 templates", "UPDATE templates SET deleted = 1"),
        ("provisioner_keys", "1 provisioner keys", "DELETE FROM provisioner_keys"),
        ("groups", "1 groups", "DELETE FROM groups WHERE name <> 'Everyone'"),
    ] {
        if table == "groups" {
            rows.insert("groups", &[("name", &"Everyone"), ("id", &organization), belongs[0]]);
            rows.try_set("organizations", &organization, "name = 'only Everyone is not in the way'").expect("renamed");
        }
        rows.insert(table, &belongs);
        assert_refused(rows.try_set("organizations", &organization, "deleted = 1"), what);
        rows.conn.execute(gone, []).expect(gone);
    }
    let (first, second) = (rows.insert("users", &[]), rows.insert("users", &[]));
    for user in [&first, &second] {
        rows.insert("organization_members", &[("user_id", user), belongs[0]]);
    }
    rows.insert("workspaces", &belongs);
    let refused = rows.try_set("organizations", &organization, "deleted = 1");
    assert_refused(refused, "1 workspaces, 1 members");
    rows.conn.execute("UPDATE workspaces SET deleted = 1", []).expect("update");
    rows.set("users", &second, "deleted = 1");
    rows.set("organizations", &organization, "deleted = 1");
}

#[test]
fn who_leaves_an_organization_leaves_its_groups() {
    let rows = Rows::without_references();
    let (here, there, user) = (rows.id(), rows.id(), rows.insert("users", &[]));
    for organization in [&here, &there] {
        rows.insert("organization_members", &[("organization_id", organization), ("user_id", &user)]);
        let group = rows.insert("groups", &[("organization_id", organization)]);
        rows.insert("group_members", &[("group_id", &group), ("user_id", &user)]);
        rows.insert("group_members", &[("group_id", &group)]);
    }
    rows.conn.execute("DELETE FROM organization_members WHERE organization_id = ?1", [&here]).expect("delete");
    let left =
        "SELECT groups.organization_id FROM group_members JOIN groups ON groups.id = group_id WHERE user_id = '{}'";
    assert_eq!(rows.column(&left.replace("{}", &user)), [there]);
    assert_eq!(rows.one("SELECT count(*) FROM group_members"), "3");
}

#[test]
fn a_deleted_role_is_taken_from_the_members_of_its_organization() {
    let rows = Rows::without_references();
    let (here, there) = (rows.id(), rows.id());
    rows.insert("custom_roles", &[("name", &"tester"), ("organization_id", &here)]);
    for organization in [&here, &there] {
        for (user, roles) in [("a", r#"["admin","tester","viewer"]"#), ("b", r#"["viewer"]"#)] {
            rows.insert(
                "organization_members",
                &[("organization_id", organization), ("user_id", &user), ("roles", &roles)],
            );
        }
    }
    rows.conn.execute("DELETE FROM custom_roles WHERE name = 'tester'", []).expect("delete");
    let roles = |organization: &str| {
        rows.column(&format!(
            "SELECT roles FROM organization_members WHERE organization_id = '{organization}' ORDER BY user_id"
        ))
    };
    assert_eq!(roles(&here), [r#"["admin","viewer"]"#, r#"["viewer"]"#]);
    assert_eq!(roles(&there), [r#"["admin","tester","viewer"]"#, r#"["viewer"]"#]);
}

#[test]
fn a_revoked_token_takes_its_session_along() {
    let rows = Rows::without_references();
    for key in ["revoked", "kept"] {
        rows.insert("api_keys", &[("id", &key)]);
        rows.insert("oauth2_provider_app_tokens", &[("api_key_id", &key)]);
    }
    rows.conn.execute("DELETE FROM oauth2_provider_app_tokens WHERE api_key_id = 'revoked'", []).expect("delete");
    assert_eq!(rows.column("SELECT id FROM api_keys"), ["kept"]);
}

#[test]
fn a_notification_that_is_not_enabled_is_not_queued() {
    let rows = Rows::without_references();
    for (by_default, preference, queued) in [
        (1, None, true),
        (0, None, false),
        (1, Some(1), false),
        (0, Some(1), false),
        (1, Some(0), true),
        (0, Some(0), true),
    ] {
        let template = rows.insert("notification_templates", &[("enabled_by_default", &by_default)]);
        let user = rows.id();
        let of = [("notification_template_id", &template as &dyn rusqlite::ToSql), ("user_id", &user)];
        if let Some(disabled) = preference {
            rows.insert("notification_preferences", &[of[0], of[1], ("disabled", &disabled)]);
        }
        match rows.try_insert("notification_messages", &of) {
            Ok(_) => assert!(queued, "queued with {by_default} and {preference:?}"),
            refused => {
                assert!(!queued, "refused with {by_default} and {preference:?}: {refused:?}");
                assert_refused(refused, "notification is not enabled");
            }
        }
    }
}

#[test]
fn the_same_notification_is_queued_once_a_day() {
    const DAY: i64 = 86_400_000_000;
    let rows = Rows::without_references();
    let (template, user) = (rows.id(), rows.id());
    let queue = |payload: &str, targets: &str, at: i64| {
        rows.try_insert(
            "notification_messages",
            &[
                ("notification_template_id", &template),
                ("user_id", &user),
                ("payload", &payload),
                ("targets", &targets),
                ("created_at", &at),
            ],
        )
    };
    let first = queue("{}", r#"["a","b"]"#, 0).expect("the first");
    // md5 of template:user:smtp:{}:a,b:1970-01-01 00:00:00, as Postgres would have it.
    let hash = |id: &str| rows.one(&format!("SELECT dedupe_hash FROM notification_messages WHERE id = '{id}'"));
    let plain = format!("{template}:{user}:smtp:{{}}:a,b:1970-01-01 00:00:00");
    assert_eq!(hash(&first), rows.one(&format!("SELECT md5('{plain}')")));
    assert_eq!(rows.one("SELECT md5('abc')"), "900150983cd24fb0d6963f7d28e17f72");

    let again = queue("{}", r#"["a","b"]"#, DAY - 1).expect_err("the same day");
    assert!(again.to_string().contains("notification_messages.dedupe_hash"), "{again}");
    for (payload, targets, at) in
        [("{}", r#"["a","b"]"#, DAY), ("[]", r#"["a","b"]"#, 0), ("{}", r#"["b","a"]"#, 0), ("{}", "[]", 0)]
    {
        queue(payload, targets, at).unwrap_or_else(|error| panic!("{payload} {targets} {at}: {error}"));
    }
    let before = hash(&first);
    rows.set("notification_messages", &first, "status = 'sent'");
    assert_eq!(hash(&first), before, "sending changes nothing that counts");
    rows.set("notification_messages", &first, "payload = '{\"x\":1}'");
    assert_ne!(hash(&first), before);
}

#[test]
fn usage_is_summed_by_day_and_a_repeated_event_counts_once() {
    const HOUR: i64 = 3_600_000_000;
    let rows = Rows::without_references();
    let add = |id: &str, count: i64, at: i64| {
        let sql = "INSERT INTO usage_events (id, event_type, event_data, created_at)
                   VALUES (?1, 'dc_managed_agents_v1', json_object('count', ?2), ?3) ON CONFLICT (id) DO NOTHING";
        rows.conn.execute(sql, rusqlite::params![id, count, at]).expect("insert");
    };
    add("a", 2, 0);
    add("b", 3, 23 * HOUR);
    add("b", 3, 23 * HOUR);
    add("c", 4, 24 * HOUR);
    let sums = rows.column("SELECT day || ' ' || event_type || ' ' || usage_data FROM usage_events_daily ORDER BY day");
    assert_eq!(
        sums,
        [r#"1970-01-01 dc_managed_agents_v1 {"count":5}"#, r#"1970-01-02 dc_managed_agents_v1 {"count":4}"#]
    );
}

#[test]
fn usage_of_an_unknown_kind_is_not_summed_by_guess() {
    let rows = Rows::without_references();
    rows.conn
        .execute_batch("ALTER TABLE usage_events DROP CONSTRAINT usage_event_type_check")
        .expect("without the check");
    assert_refused(rows.try_insert("usage_events", &[("event_type", &"new")]), "type new");
}

#[test]
fn the_next_start_is_void_when_the_schedule_changes_or_the_workspace_sleeps() {
    let rows = Rows::without_references();
    for (change, next) in [
        ("autostart_schedule = 'later'", "NULL"),
        ("autostart_schedule = 'later', next_start_at = 200", "200"),
        ("autostart_schedule = 'soon'", "100"),
        ("name = 'other'", "100"),
        ("dormant_at = 50", "NULL"),
        ("autostart_schedule = NULL", "100"),
    ] {
        let workspace = rows.insert("workspaces", &[("autostart_schedule", &"soon"), ("next_start_at", &100)]);
        rows.set("workspaces", &workspace, change);
        assert_eq!(
            rows.one(&format!("SELECT next_start_at FROM workspaces WHERE id = '{workspace}'")),
            next,
            "{change}"
        );
    }
}

#[test]
fn agents_of_one_build_have_different_names() {
    let rows = Rows::without_references();
    let resource_of_a_build = |rows: &Rows| {
        let job = rows.id();
        rows.insert("workspace_builds", &[("job_id", &job)]);
        (
            rows.insert("workspace_resources", &[("job_id", &job)]),
            rows.insert("workspace_resources", &[("job_id", &job)]),
        )
    };
    let (one, sibling) = resource_of_a_build(&rows);
    let (other_build, _) = resource_of_a_build(&rows);
    let import = rows.insert("workspace_resources", &[]);
    let add = |resource: &str, name: &str| {
        rows.try_insert("workspace_agents", &[("resource_id", &resource), ("name", &name)])
    };

    let main = add(&one, "main").expect("the first");
    assert_refused(add(&one, "main"), "an agent named main");
    assert_refused(add(&sibling, "main"), "an agent named main");
    add(&other_build, "main").expect("another build");
    add(&import, "main").expect("no build at all");
    add(&import, "main").expect("no build, so no rule");

    let helper = add(&sibling, "helper").expect("another name");
    assert_refused(rows.try_set("workspace_agents", &helper, "name = 'main'"), "an agent named main");
    rows.set("workspace_agents", &main, "name = 'main'");
    rows.set("workspace_agents", &main, "deleted = 1");
    rows.set("workspace_agents", &helper, "name = 'main'");
    assert_refused(
        rows.try_set(
            "workspace_agents",
            &rows.one(&format!("SELECT id FROM workspace_agents WHERE resource_id = '{other_build}'")),
            &format!("resource_id = '{one}'"),
        ),
        "an agent named main",
    );
}
