//! What the views with rules of their own answer. Those that only join names are covered by the catalogue.

use super::{PREBUILDS_USER, Rows};

#[test]
fn everyone_is_a_group_of_all_members_and_deleted_users_are_in_none() {
    let rows = Rows::without_references();
    let organization = rows.id();
    rows.insert("groups", &[("id", &organization), ("organization_id", &organization), ("name", &"Everyone")]);
    let group = rows.insert("groups", &[("organization_id", &organization), ("name", &"testers")]);
    for (name, deleted) in [("ann", 0), ("bob", 1)] {
        let user = rows.insert("users", &[("username", &name), ("deleted", &deleted)]);
        rows.insert("organization_members", &[("organization_id", &organization), ("user_id", &user)]);
        rows.insert("group_members", &[("group_id", &group), ("user_id", &user)]);
    }
    let sql =
        "SELECT group_name || ' ' || user_username FROM group_members_expanded WHERE organization_id = '{}' ORDER BY 1";
    assert_eq!(rows.column(&sql.replace("{}", &organization)), ["Everyone ann", "testers ann"]);
}

#[test]
fn a_workspace_carries_the_names_around_it() {
    let rows = Rows::without_references();
    let owner = rows.insert("users", &[("username", &"ann")]);
    let organization = rows.insert("organizations", &[("name", &"home")]);
    let template = rows.insert("templates", &[("name", &"box")]);
    let group = rows.insert("groups", &[("name", &"testers"), ("avatar_url", &"/t.png")]);
    let acl = format!(r#"{{"{group}":["use"],"unknown":["use"]}}"#);
    let workspace = rows.insert(
        "workspaces",
        &[("owner_id", &owner), ("organization_id", &organization), ("template_id", &template), ("group_acl", &acl)],
    );
    let task = rows.insert("tasks", &[("workspace_id", &workspace)]);
    let found = rows.one("SELECT owner_username || ' ' || organization_name || ' ' || template_name || ' ' || task_id FROM workspaces_expanded");
    assert_eq!(found, format!("ann home box {task}"));
    assert_eq!(
        rows.one("SELECT group_acl_display_info FROM workspaces_expanded"),
        format!(r#"{{"{group}":{{"name":"testers","avatar_url":"/t.png"}},"unknown":{{"name":"","avatar_url":""}}}}"#)
    );
    assert_eq!(rows.one("SELECT user_acl_display_info FROM workspaces_expanded"), "{}");
}

/// Adds a build, and returns it with its job.
fn build(rows: &Rows, workspace: &str, number: i64, more: &[(&str, &dyn rusqlite::ToSql)]) -> (String, String) {
    let job = rows.insert("provisioner_jobs", &[]);
    let given = [("workspace_id", &workspace as &dyn rusqlite::ToSql), ("build_number", &number), ("job_id", &job)];
    (rows.insert("workspace_builds", &[&given, more].concat()), job)
}

#[test]
fn the_latest_build_is_the_one_with_the_highest_number() {
    let rows = Rows::without_references();
    let (two, none, deleted) =
        (rows.insert("workspaces", &[]), rows.insert("workspaces", &[]), rows.insert("workspaces", &[("deleted", &1)]));
    let (latest, job) = build(&rows, &two, 2, &[("created_at", &1)]);
    build(&rows, &two, 1, &[("created_at", &2)]);
    build(&rows, &deleted, 1, &[]);
    rows.set("provisioner_jobs", &job, "started_at = 1");
    let found =
        rows.column("SELECT id || ' ' || workspace_id || ' ' || job_status FROM workspace_latest_builds ORDER BY id");
    assert_eq!(found, ["NULL".to_owned(), format!("{latest} {two} running")], "{none} has no build");
}

#[test]
fn a_prebuild_is_ready_when_all_its_agents_are_and_has_the_last_preset() {
    let rows = Rows::without_references();
    let of_prebuilds = [("owner_id", &PREBUILDS_USER as &dyn rusqlite::ToSql)];
    let (prebuild, claimed, plain) = (
        rows.insert("workspaces", &of_prebuilds),
        rows.insert("workspaces", &[]),
        rows.insert("workspaces", &of_prebuilds),
    );
    for (number, preset) in [(1, Some("old")), (2, Some("new")), (3, None)] {
        build(&rows, &prebuild, number, &[("template_version_preset_id", &preset)]);
    }
    build(&rows, &claimed, 1, &[("template_version_preset_id", &"new")]);
    build(&rows, &plain, 1, &[]);
    let look = || rows.column("SELECT id || ' ' || current_preset_id || ' ' || ready FROM workspace_prebuilds");
    assert_eq!(look(), [format!("{prebuild} new 0")], "without agents it is not ready");

    let job = rows
        .one(&format!("SELECT job_id FROM workspace_builds WHERE workspace_id = '{prebuild}' AND build_number = 3"));
    let resource = rows.insert("workspace_resources", &[("job_id", &job)]);
    let agent = |state: &str, deleted: i64| {
        rows.insert(
            "workspace_agents",
            &[("resource_id", &resource), ("lifecycle_state", &state), ("deleted", &deleted)],
        )
    };
    agent("ready", 0);
    agent("off", 1);
    assert_eq!(look(), [format!("{prebuild} new 1")]);
    let late = agent("starting", 0);
    assert_eq!(look(), [format!("{prebuild} new 0")]);
    rows.set("workspace_agents", &late, "lifecycle_state = 'ready'");
    assert_eq!(look(), [format!("{prebuild} new 1")]);
}

#[test]
fn only_builds_of_the_prebuilds_user_are_prebuild_builds() {
    let rows = Rows::without_references();
    let workspace = rows.insert("workspaces", &[]);
    let (ours, _) = build(&rows, &workspace, 1, &[("initiator_id", &PREBUILDS_USER)]);
    build(&rows, &workspace, 2, &[]);
    assert_eq!(rows.column("SELECT id FROM workspace_prebuild_builds"), [ours]);
}

#[test]
fn job_statistics_are_seconds_and_nothing_is_negative() {
    let rows = Rows::without_references();
    let (_, job) = build(&rows, &rows.insert("workspaces", &[]), 1, &[]);
    rows.insert("provisioner_jobs", &[]);
    rows.set("provisioner_jobs", &job, "created_at = 1000000, started_at = 2500000, completed_at = 7500000");
    for (stage, from, to) in
        [("plan", 3_000_000, 3_500_000), ("plan", 2_750_000, 3_000_000), ("apply", 5_000_000, 4_000_000)]
    {
        rows.insert(
            "provisioner_job_timings",
            &[("job_id", &job), ("stage", &stage), ("started_at", &from), ("ended_at", &to)],
        );
    }
    let sql = "SELECT concat_ws(' ', job_status, queued_secs, completion_secs, canceled_secs, init_secs, plan_secs, graph_secs, apply_secs)
               FROM provisioner_job_stats";
    assert_eq!(rows.column(sql), ["succeeded 1.5 5.0 0.0 0.0 0.75 0.0 0.0"]);
}

#[test]
fn the_status_of_a_task_is_that_of_the_first_part_that_is_not_active() {
    let rows = Rows::without_references();
    let owner = rows.insert("users", &[]);
    let workspace = rows.insert("workspaces", &[]);
    let task = rows.insert("tasks", &[("owner_id", &owner)]);
    let status = || rows.one("SELECT status FROM tasks_with_status");
    assert_eq!(status(), "pending", "no workspace");
    rows.set("tasks", &task, &format!("workspace_id = '{workspace}'"));
    assert_eq!(status(), "pending", "no build");

    let (build_id, job) = build(&rows, &workspace, 1, &[("transition", &"start")]);
    let agent = rows.insert("workspace_agents", &[]);
    let app = rows.insert("workspace_apps", &[]);
    rows.insert("task_workspace_apps", &[("task_id", &task), ("workspace_build_number", &1)]);
    for (table, id, change, want) in [
        ("provisioner_jobs", &job, "started_at = NULL", "initializing"),
        ("provisioner_jobs", &job, "error = 'no'", "error"),
        ("provisioner_jobs", &job, "error = NULL, canceled_at = 1", "error"),
        ("provisioner_jobs", &job, "canceled_at = NULL, started_at = 1", "initializing"),
        ("provisioner_jobs", &job, "completed_at = 2", "initializing"),
        ("workspace_builds", &build_id, "transition = 'stop'", "paused"),
        ("workspace_builds", &build_id, "transition = 'delete'", "paused"),
        ("provisioner_jobs", &job, "completed_at = NULL", "unknown"),
        ("workspace_builds", &build_id, "transition = 'start'", "initializing"),
    ] {
        rows.set(table, id, change);
        assert_eq!(status(), want, "{change}");
    }
    rows.conn
        .execute("UPDATE task_workspace_apps SET workspace_agent_id = ?1, workspace_app_id = ?2", [&agent, &app])
        .expect("an agent and an app");
    for (table, id, change, want) in [
        ("workspace_agents", &agent, "lifecycle_state = 'starting'", "initializing"),
        ("workspace_agents", &agent, "lifecycle_state = 'shutting_down'", "unknown"),
        ("workspace_agents", &agent, "lifecycle_state = 'start_error'", "active"),
        ("workspace_agents", &agent, "lifecycle_state = 'ready'", "active"),
        ("workspace_apps", &app, "health = 'initializing'", "initializing"),
        ("workspace_apps", &app, "health = 'unhealthy'", "error"),
        ("workspace_apps", &app, "health = 'healthy'", "active"),
    ] {
        rows.set(table, id, change);
        assert_eq!(status(), want, "{change}");
    }
    assert_eq!(
        rows.one("SELECT status_debug FROM tasks_with_status"),
        r#"{"build":{"transition":"start","job_status":"running","computed":"active"},"agent":{"lifecycle_state":"ready","computed":"active"},"app":{"health":"healthy","computed":"active"}}"#
    );
    // A later build that no app serves yet.
    build(&rows, &workspace, 2, &[("transition", &"stop")]);
    rows.insert("task_workspace_apps", &[("task_id", &task), ("workspace_build_number", &2)]);
    assert_eq!(status(), "unknown", "pending stop");
    rows.set("tasks", &task, "deleted_at = 1");
    assert_eq!(rows.column("SELECT status FROM tasks_with_status"), [""; 0]);
}
