//! What triggers, views and checks do with rows: the same claims as on SQLite, in Postgres' own types.

use std::cell::{Cell, RefCell};

use postgres::Client;
use postgres::error::SqlState;
use serde_json::Value as Json;

use super::super::{PREBUILDS_USER, facts, list, text};
use super::column;
use crate::support::postgres::{TestDatabase, database, waits_for_its_run};

/// A database in which rows need not have the rows they refer to, and an inserter that fills in what a test does not name.
struct Rows {
    client: RefCell<Client>,
    schema: Json,
    made: Cell<u32>,
    _database: TestDatabase,
}

impl Rows {
    /// Nothing, when this run is about the other engine.
    fn new() -> Option<Rows> {
        if waits_for_its_run() {
            return None;
        }
        let database = database();
        let mut client = database.connect();
        let keys = "SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname)
                    FROM pg_constraint WHERE contype = 'f' AND connamespace = current_schema()::regnamespace";
        for drop in column(&mut client, keys) {
            client.batch_execute(&drop).expect("without references");
        }
        Some(Rows {
            client: RefCell::new(client),
            schema: facts("schema.json"),
            made: Cell::new(0),
            _database: database,
        })
    }

    fn id(&self) -> String {
        self.made.set(self.made.get() + 1);
        format!("00000000-0000-4000-8000-{:012}", self.made.get())
    }

    /// Inserts a row, and returns its id if it has one.
    #[track_caller]
    fn insert(&self, table: &str, given: &[(&str, &str)]) -> String {
        self.try_insert(table, given).unwrap_or_else(|err| panic!("{table}: {err:?}"))
    }

    fn try_insert(&self, table: &str, given: &[(&str, &str)]) -> Result<String, postgres::Error> {
        let mut values: Vec<(String, String)> = Vec::new();
        for column in list(&self.schema["tables"][table]["columns"]) {
            let (name, kind) = (text(column, "name"), text(column, "type"));
            let optional = column.get("nullable").is_some() || column.get("default").is_some();
            let wanted = name == "username" || name == "id" && kind == "uuid";
            if let Some((_, value)) = given.iter().find(|(given, _)| *given == name) {
                values.push((name.to_owned(), (*value).to_owned()));
            } else if wanted || !optional && column.get("generated").is_none() {
                values.push((name.to_owned(), self.filling(table, name, kind)));
            }
        }
        let names: Vec<_> = values.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        let literals: Vec<_> = values.iter().map(|(_, value)| format!("'{value}'")).collect();
        self.client.borrow_mut().batch_execute(&format!(
            "INSERT INTO {table} ({}) VALUES ({})",
            names.join(", "),
            literals.join(", ")
        ))?;
        Ok(values.into_iter().find(|(name, _)| name == "id").map(|(_, id)| id).unwrap_or_default())
    }

    fn filling(&self, table: &str, column: &str, kind: &str) -> String {
        if let Some(first) = self.schema["enums"][kind].get(0) {
            return first.as_str().expect("enum values are text").to_owned();
        }
        match kind {
            "uuid" => self.id(),
            "jsonb" => "{}".into(),
            "inet" => "127.0.0.1".into(),
            "boolean" => "false".into(),
            "integer" | "bigint" | "smallint" | "double precision" | "real" => "1".into(),
            _ if kind == "date" || kind.starts_with("timestamp") => "2026-01-02".into(),
            _ if column == "allow_list" => "{*:*}".into(),
            _ if kind.ends_with("[]") => "{}".into(),
            _ if table == "telemetry_locks" && column == "event_type" => "boundary_usage_summary".into(),
            _ if table == "usage_events" && column == "event_type" => "dc_managed_agents_v1".into(),
            _ => format!("n{}", self.made.replace(self.made.get() + 1)),
        }
    }

    fn execute(&self, sql: &str) -> Result<(), postgres::Error> {
        self.client.borrow_mut().batch_execute(sql)
    }

    fn try_set(&self, table: &str, id: &str, change: &str) -> Result<(), postgres::Error> {
        self.execute(&format!("UPDATE {table} SET {change} WHERE id = '{id}'"))
    }

    #[track_caller]
    fn set(&self, table: &str, id: &str, change: &str) {
        self.try_set(table, id, change).unwrap_or_else(|err| panic!("{table}: {change}: {err:?}"));
    }

    /// The values of one expression, as text, in order.
    #[track_caller]
    fn column(&self, expression: &str, rest: &str) -> Vec<String> {
        column(&mut self.client.borrow_mut(), &format!("SELECT ({expression})::text {rest}"))
    }

    #[track_caller]
    fn one(&self, expression: &str, rest: &str) -> String {
        let found = self.column(expression, rest);
        assert_eq!(found.len(), 1, "{expression} {rest} finds {found:?}");
        found.into_iter().next().unwrap_or_default()
    }

    /// A build of a workspace, and its job.
    fn build(&self, workspace: &str, number: &str, more: &[(&str, &str)]) -> (String, String) {
        let job = self.insert("provisioner_jobs", &[]);
        let given = [("workspace_id", workspace), ("build_number", number), ("job_id", &job)];
        (self.insert("workspace_builds", &[&given, more].concat()), job)
    }
}

#[track_caller]
fn assert_refused<T: std::fmt::Debug>(result: Result<T, postgres::Error>, words: &str) {
    let error = result.expect_err(words);
    let said = error.as_db_error().expect("the database refuses").to_string();
    assert!(said.contains(words), "{said} does not say {words:?}");
}

#[test]
fn a_deleted_user_has_neither_keys_nor_logins() {
    let Some(rows) = Rows::new() else { return };
    let (gone, here) = (rows.insert("users", &[]), rows.insert("users", &[]));
    for user in [&gone, &here] {
        rows.insert("api_keys", &[("id", user), ("user_id", user)]);
        rows.insert("user_links", &[("user_id", user)]);
    }
    rows.set("users", &gone, "deleted = TRUE, updated_at = '2026-02-03 04:05:06Z'");
    rows.set("users", &gone, "updated_at = now()");
    assert_eq!(rows.column("user_id", "FROM api_keys"), [here.as_str()]);
    assert_eq!(rows.column("user_id", "FROM user_links"), [here.as_str()]);
    let deleted = "user_id || ' ' || to_char(deleted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')";
    assert_eq!(rows.column(deleted, "FROM user_deleted"), [format!("{gone} 2026-02-03 04:05:06")]);

    assert_refused(rows.try_insert("api_keys", &[("user_id", &gone)]), "deleted user");
    assert_refused(rows.try_insert("user_links", &[("user_id", &gone)]), "deleted user");
    assert_refused(rows.execute(&format!("UPDATE user_links SET user_id = '{gone}'")), "deleted user");
}

#[test]
fn changes_of_a_users_status_are_recorded_at_the_time_of_the_update() {
    let Some(rows) = Rows::new() else { return };
    let user = rows.insert("users", &[("status", "dormant"), ("updated_at", "epoch")]);
    for (status, second) in [("active", 2), ("active", 3), ("suspended", 4)] {
        rows.set("users", &user, &format!("status = '{status}', updated_at = to_timestamp({second})"));
    }
    let found = rows.column(
        "new_status || ' ' || extract(epoch FROM changed_at)::int",
        &format!("FROM user_status_changes WHERE user_id = '{user}' ORDER BY changed_at"),
    );
    assert_eq!(found, ["dormant 0", "active 2", "suspended 4"]);
}

#[test]
fn an_organization_has_its_members_role_and_goes_only_when_it_is_empty() {
    let Some(rows) = Rows::new() else { return };
    let organization = rows.insert("organizations", &[]);
    let role = rows.one(
        "name || is_system || member_permissions",
        &format!("FROM custom_roles WHERE organization_id = '{organization}'"),
    );
    assert_eq!(role, "organization-membertrue[]");

    let of = ("organization_id", organization.as_str());
    rows.insert("groups", &[("name", "Everyone"), ("id", &organization), of]);
    for (table, what, gone) in [
        ("workspaces", "1 workspaces", "UPDATE workspaces SET deleted = TRUE"),
        ("templates", "1 templates", "UPDATE templates SET deleted = TRUE"),
        ("provisioner_keys", "1 provisioner keys", "DELETE FROM provisioner_keys"),
        ("groups", "1 groups", "DELETE FROM groups WHERE name <> 'Everyone'"),
    ] {
        rows.insert(table, &[of]);
        assert_refused(rows.try_set("organizations", &organization, "deleted = TRUE"), what);
        rows.execute(gone).expect(gone);
    }
    let (first, second) = (rows.insert("users", &[]), rows.insert("users", &[]));
    for user in [&first, &second] {
        rows.insert("organization_members", &[("user_id", user), of]);
    }
    rows.insert("workspaces", &[of]);
    assert_refused(rows.try_set("organizations", &organization, "deleted = TRUE"), "1 workspaces, 1 members");
    rows.execute("UPDATE workspaces SET deleted = TRUE").expect("update");
    rows.set("users", &second, "deleted = TRUE");
    rows.set("organizations", &organization, "deleted = TRUE");
}

#[test]
fn who_leaves_an_organization_leaves_its_groups_and_a_deleted_role_leaves_its_members() {
    let Some(rows) = Rows::new() else { return };
    let (here, there, user) = (rows.id(), rows.id(), rows.insert("users", &[]));
    rows.insert("custom_roles", &[("name", "tester"), ("organization_id", &here)]);
    for organization in [&here, &there] {
        rows.insert(
            "organization_members",
            &[("organization_id", organization), ("user_id", &user), ("roles", "{admin,tester,viewer}")],
        );
        let group = rows.insert("groups", &[("organization_id", organization)]);
        rows.insert("group_members", &[("group_id", &group), ("user_id", &user)]);
    }
    rows.execute("DELETE FROM custom_roles WHERE name = 'tester'").expect("delete");
    let roles = |organization: &str| {
        rows.one("roles", &format!("FROM organization_members WHERE organization_id = '{organization}'"))
    };
    assert_eq!((roles(&here), roles(&there)), ("{admin,viewer}".into(), "{admin,tester,viewer}".into()));
    rows.execute(&format!("DELETE FROM organization_members WHERE organization_id = '{here}'")).expect("delete");
    let left = rows.column("groups.organization_id", "FROM group_members JOIN groups ON groups.id = group_id");
    assert_eq!(left, [there]);
}

#[test]
fn a_revoked_token_takes_its_session_along() {
    let Some(rows) = Rows::new() else { return };
    for key in ["revoked", "kept"] {
        rows.insert("api_keys", &[("id", key)]);
        rows.insert("oauth2_provider_app_tokens", &[("api_key_id", key), ("hash_prefix", key)]);
    }
    rows.execute("DELETE FROM oauth2_provider_app_tokens WHERE api_key_id = 'revoked'").expect("delete");
    assert_eq!(rows.column("id", "FROM api_keys"), ["kept"]);
}

#[test]
fn a_notification_is_queued_when_it_is_enabled_and_once_a_day() {
    let Some(rows) = Rows::new() else { return };
    for (by_default, preference, queued) in [
        ("true", None, true),
        ("false", None, false),
        ("true", Some("true"), false),
        ("false", Some("true"), false),
        ("true", Some("false"), true),
        ("false", Some("false"), true),
    ] {
        let template = rows.insert("notification_templates", &[("enabled_by_default", by_default)]);
        let user = rows.id();
        let of = [("notification_template_id", template.as_str()), ("user_id", user.as_str())];
        if let Some(disabled) = preference {
            rows.insert("notification_preferences", &[of[0], of[1], ("disabled", disabled)]);
        }
        match rows.try_insert("notification_messages", &of) {
            Ok(_) => assert!(queued, "queued with {by_default} and {preference:?}"),
            refused => {
                assert!(!queued, "refused with {by_default} and {preference:?}: {refused:?}");
                assert_refused(refused, "notification is not enabled");
            }
        }
    }

    let (template, user) = (rows.id(), rows.id());
    let queue = |payload: &str, targets: &str, at: &str| {
        rows.try_insert(
            "notification_messages",
            &[
                ("notification_template_id", &template),
                ("user_id", &user),
                ("payload", payload),
                ("targets", targets),
                ("created_at", at),
            ],
        )
    };
    let (a, b) = (rows.id(), rows.id());
    let both = format!("{{{a},{b}}}");
    let first = queue("{}", &both, "1970-01-01 00:00Z").expect("the first");
    let plain = format!("{template}:{user}:smtp:{{}}:{a},{b}:1970-01-01 00:00:00");
    let hash =
        rows.one(&format!("dedupe_hash = md5('{plain}')"), &format!("FROM notification_messages WHERE id = '{first}'"));
    assert_eq!(hash, "true");
    let again = queue("{}", &both, "1970-01-01 23:59Z").expect_err("the same day");
    assert_eq!(again.code(), Some(&SqlState::UNIQUE_VIOLATION));
    for (payload, targets, at) in [
        ("{}", both.as_str(), "1970-01-02 00:00Z"),
        ("[]", &both, "epoch"),
        ("{}", &format!("{{{b},{a}}}"), "epoch"),
        ("{}", "{}", "epoch"),
    ] {
        queue(payload, targets, at).unwrap_or_else(|err| panic!("{payload} {targets} {at}: {err:?}"));
    }
    rows.set("notification_messages", &first, "status = 'sent'");
}

#[test]
fn usage_is_summed_by_day_and_a_repeated_event_counts_once() {
    let Some(rows) = Rows::new() else { return };
    for (id, count, at) in [
        ("a", 2, "1970-01-01 00:00Z"),
        ("b", 3, "1970-01-01 23:00Z"),
        ("b", 3, "1970-01-01 23:00Z"),
        ("c", 4, "1970-01-02 00:00Z"),
    ] {
        let sql = format!(
            "INSERT INTO usage_events (id, event_type, event_data, created_at)
             VALUES ('{id}', 'dc_managed_agents_v1', '{{\"count\": {count}}}', '{at}') ON CONFLICT (id) DO NOTHING"
        );
        rows.execute(&sql).expect("insert");
    }
    let sums = rows.column("day || ' ' || event_type || ' ' || usage_data", "FROM usage_events_daily ORDER BY day");
    assert_eq!(
        sums,
        [r#"1970-01-01 dc_managed_agents_v1 {"count": 5}"#, r#"1970-01-02 dc_managed_agents_v1 {"count": 4}"#]
    );
    rows.execute("ALTER TABLE usage_events DROP CONSTRAINT usage_event_type_check").expect("without the check");
    assert_refused(rows.try_insert("usage_events", &[("event_type", "new")]), "type new");
}

#[test]
fn the_next_start_is_void_when_the_schedule_changes_or_the_workspace_sleeps() {
    let Some(rows) = Rows::new() else { return };
    for (change, kept) in [
        ("autostart_schedule = 'later'", "false"),
        ("autostart_schedule = 'later', next_start_at = now()", "true"),
        ("autostart_schedule = 'soon'", "true"),
        ("name = 'other'", "true"),
        ("dormant_at = now()", "false"),
        ("autostart_schedule = NULL", "true"),
    ] {
        let workspace = rows.insert("workspaces", &[("autostart_schedule", "soon"), ("next_start_at", "epoch")]);
        rows.set("workspaces", &workspace, change);
        let found = rows.one("next_start_at IS NOT NULL", &format!("FROM workspaces WHERE id = '{workspace}'"));
        assert_eq!(found, kept, "{change}");
    }
}

#[test]
fn agents_of_one_build_have_different_names() {
    let Some(rows) = Rows::new() else { return };
    let resources = || {
        let job = rows.id();
        rows.insert("workspace_builds", &[("job_id", &job)]);
        (
            rows.insert("workspace_resources", &[("job_id", &job)]),
            rows.insert("workspace_resources", &[("job_id", &job)]),
        )
    };
    let ((one, sibling), (other, _)) = (resources(), resources());
    let import = rows.insert("workspace_resources", &[]);
    let add =
        |resource: &str, name: &str| rows.try_insert("workspace_agents", &[("resource_id", resource), ("name", name)]);
    let main = add(&one, "main").expect("the first");
    let refused = add(&sibling, "main").expect_err("a sibling");
    assert_eq!(refused.code(), Some(&SqlState::UNIQUE_VIOLATION), "clients tell it by that");
    assert_refused(add(&one, "main"), "an agent named main");
    let elsewhere = add(&other, "main").expect("another build");
    add(&import, "main").expect("no build at all");
    add(&import, "main").expect("no build, so no rule");
    let helper = add(&sibling, "helper").expect("another name");
    assert_refused(rows.try_set("workspace_agents", &helper, "name = 'main'"), "an agent named main");
    rows.set("workspace_agents", &main, "name = 'main', deleted = TRUE");
    rows.set("workspace_agents", &helper, "name = 'main'");
    assert_refused(
        rows.try_set("workspace_agents", &elsewhere, &format!("resource_id = '{one}'")),
        "an agent named main",
    );
}

#[test]
fn jobs_go_to_daemons_that_have_their_tags() {
    let Some(rows) = Rows::new() else { return };
    let untagged = r#"{"scope":"organization","owner":""}"#;
    let tagged = r#"{"scope":"organization","owner":"","zone":"a"}"#;
    let more = r#"{"scope":"organization","owner":"","zone":"a","gpu":"yes"}"#;
    let own = r#"{"scope":"user","owner":"me"}"#;
    for (daemon, job, takes) in [
        (untagged, untagged, "true"),
        (tagged, untagged, "false"),
        (untagged, tagged, "false"),
        (tagged, tagged, "true"),
        (more, tagged, "true"),
        (tagged, more, "false"),
        (own, untagged, "false"),
        (own, own, "true"),
    ] {
        assert_eq!(
            rows.one(&format!("provisioner_tagset_contains('{daemon}', '{job}')"), ""),
            takes,
            "daemon {daemon}, job {job}"
        );
    }
}

#[test]
fn whoever_writes_the_tailnet_tables_tells_the_other_coordinators() {
    let Some(rows) = Rows::new() else { return };
    let mut listener = rows._database.connect();
    listener
        .batch_execute("LISTEN tailnet_coordinator_heartbeat; LISTEN tailnet_peer_update; LISTEN tailnet_tunnel_update")
        .expect("listen");
    let (coordinator, peer, other) = (rows.id(), rows.id(), rows.id());
    rows.insert("tailnet_coordinators", &[("id", &coordinator)]);
    rows.insert("tailnet_peers", &[("id", &peer), ("coordinator_id", &coordinator)]);
    rows.insert("tailnet_tunnels", &[("coordinator_id", &coordinator), ("src_id", &peer), ("dst_id", &other)]);
    rows.execute("DELETE FROM tailnet_tunnels; DELETE FROM tailnet_peers").expect("delete");
    listener.batch_execute("SELECT 1").expect("what came so far");
    let mut heard = Vec::new();
    while let Some(notice) =
        postgres::fallible_iterator::FallibleIterator::next(&mut listener.notifications().iter()).expect("a notice")
    {
        heard.push((notice.channel().to_owned(), notice.payload().to_owned()));
    }
    let told = |channel: &str, payload: &str| (channel.to_owned(), payload.to_owned());
    let (peers, tunnel) =
        (told("tailnet_peer_update", &peer), told("tailnet_tunnel_update", &format!("{peer},{other}")));
    assert_eq!(
        heard,
        [told("tailnet_coordinator_heartbeat", &coordinator), peers.clone(), tunnel.clone(), tunnel, peers]
    );
}

#[test]
fn everyone_is_a_group_of_all_members_and_deleted_users_are_in_none() {
    let Some(rows) = Rows::new() else { return };
    let organization = rows.id();
    rows.insert("groups", &[("id", &organization), ("organization_id", &organization), ("name", "Everyone")]);
    let group = rows.insert("groups", &[("organization_id", &organization), ("name", "testers")]);
    for (name, deleted) in [("ann", "false"), ("bob", "true")] {
        let user = rows.insert("users", &[("username", name), ("deleted", deleted)]);
        rows.insert("organization_members", &[("organization_id", &organization), ("user_id", &user)]);
        rows.insert("group_members", &[("group_id", &group), ("user_id", &user)]);
    }
    let found = rows.column(
        "group_name || ' ' || user_username",
        &format!("FROM group_members_expanded WHERE organization_id = '{organization}' ORDER BY 1"),
    );
    assert_eq!(found, ["Everyone ann", "testers ann"]);
}

#[test]
fn a_workspace_carries_the_names_around_it_and_its_latest_build() {
    let Some(rows) = Rows::new() else { return };
    let owner = rows.insert("users", &[("username", "ann")]);
    let organization = rows.insert("organizations", &[("name", "home")]);
    let template = rows.insert("templates", &[("name", "box")]);
    let group = rows.insert("groups", &[("name", "testers"), ("avatar_url", "/t.png")]);
    let acl = format!(r#"{{"{group}":["use"]}}"#);
    let workspace = rows.insert(
        "workspaces",
        &[("owner_id", &owner), ("organization_id", &organization), ("template_id", &template), ("group_acl", &acl)],
    );
    let task = rows.insert("tasks", &[("workspace_id", &workspace)]);
    let names = "owner_username || ' ' || organization_name || ' ' || template_name || ' ' || task_id";
    assert_eq!(rows.one(names, "FROM workspaces_expanded"), format!("ann home box {task}"));
    let shown = format!(r#"{{"{group}": {{"name": "testers", "avatar_url": "/t.png"}}}}"#);
    assert_eq!(rows.one("group_acl_display_info", "FROM workspaces_expanded"), shown);
    assert_eq!(rows.one("user_acl_display_info", "FROM workspaces_expanded"), "{}");

    let none = rows.insert("workspaces", &[]);
    let (latest, job) = rows.build(&workspace, "2", &[("created_at", "epoch")]);
    rows.build(&workspace, "1", &[]);
    rows.build(&rows.insert("workspaces", &[("deleted", "true")]), "1", &[]);
    rows.set("provisioner_jobs", &job, "started_at = now()");
    let found =
        rows.column("id || ' ' || workspace_id || ' ' || job_status", "FROM workspace_latest_builds ORDER BY id");
    assert_eq!(found, [format!("{latest} {workspace} running"), "NULL".into()], "{none} has no build");
}

#[test]
fn a_prebuild_is_ready_when_all_its_agents_are_and_has_the_last_preset() {
    let Some(rows) = Rows::new() else { return };
    let of_prebuilds = [("owner_id", PREBUILDS_USER)];
    let (prebuild, claimed, plain) = (
        rows.insert("workspaces", &of_prebuilds),
        rows.insert("workspaces", &[]),
        rows.insert("workspaces", &of_prebuilds),
    );
    let (old, new) = (rows.id(), rows.id());
    rows.build(&prebuild, "1", &[("template_version_preset_id", &old), ("initiator_id", PREBUILDS_USER)]);
    rows.build(&prebuild, "2", &[("template_version_preset_id", &new)]);
    let (_, job) = rows.build(&prebuild, "3", &[]);
    rows.build(&claimed, "1", &[("template_version_preset_id", &new)]);
    rows.build(&plain, "1", &[]);
    assert_eq!(rows.column("build_number", "FROM workspace_prebuild_builds"), ["1"]);
    let look = || rows.column("id || ' ' || current_preset_id || ' ' || ready", "FROM workspace_prebuilds");
    assert_eq!(look(), [format!("{prebuild} {new} false")], "without agents it is not ready");
    let resource = rows.insert("workspace_resources", &[("job_id", &job)]);
    let agent = |state: &str, deleted: &str| {
        rows.insert("workspace_agents", &[("resource_id", &resource), ("lifecycle_state", state), ("deleted", deleted)])
    };
    agent("ready", "false");
    agent("off", "true");
    assert_eq!(look(), [format!("{prebuild} {new} true")]);
    let late = agent("starting", "false");
    assert_eq!(look(), [format!("{prebuild} {new} false")]);
    rows.set("workspace_agents", &late, "lifecycle_state = 'ready'");
    assert_eq!(look(), [format!("{prebuild} {new} true")]);
}

#[test]
fn job_statistics_are_seconds_and_nothing_is_negative() {
    let Some(rows) = Rows::new() else { return };
    let (_, job) = rows.build(&rows.insert("workspaces", &[]), "1", &[]);
    rows.insert("provisioner_jobs", &[]);
    rows.set(
        "provisioner_jobs",
        &job,
        "created_at = to_timestamp(1), started_at = to_timestamp(2.5), completed_at = to_timestamp(7.5)",
    );
    for (stage, from, to) in [("plan", 3.0, 3.5), ("plan", 2.75, 3.0), ("apply", 5.0, 4.0)] {
        rows.insert(
            "provisioner_job_timings",
            &[
                ("job_id", &job),
                ("stage", stage),
                ("started_at", &format!("1970-01-01 00:00:{from}Z")),
                ("ended_at", &format!("1970-01-01 00:00:{to}Z")),
            ],
        );
    }
    let all =
        "concat_ws(' ', job_status, queued_secs::real, completion_secs::real, canceled_secs::real, init_secs::real,
                         plan_secs::real, graph_secs::real, apply_secs::real)";
    assert_eq!(rows.column(all, "FROM provisioner_job_stats"), ["succeeded 1.5 5 0 0 0.75 0 0"]);
}

#[test]
fn the_status_of_a_task_is_that_of_the_first_part_that_is_not_active() {
    let Some(rows) = Rows::new() else { return };
    let (owner, workspace) = (rows.insert("users", &[]), rows.insert("workspaces", &[]));
    let task = rows.insert("tasks", &[("owner_id", &owner)]);
    let status = || rows.one("status", "FROM tasks_with_status");
    assert_eq!(status(), "pending", "no workspace");
    rows.set("tasks", &task, &format!("workspace_id = '{workspace}'"));
    assert_eq!(status(), "pending", "no build");
    let (build, job) = rows.build(&workspace, "1", &[("transition", "start")]);
    let (agent, app) = (rows.insert("workspace_agents", &[]), rows.insert("workspace_apps", &[]));
    rows.insert("task_workspace_apps", &[("task_id", &task), ("workspace_build_number", "1")]);
    let serve = format!("UPDATE task_workspace_apps SET workspace_agent_id = '{agent}', workspace_app_id = '{app}'");
    for (table, id, change, want) in [
        ("provisioner_jobs", &job, "started_at = NULL", "initializing"),
        ("provisioner_jobs", &job, "error = 'no'", "error"),
        ("provisioner_jobs", &job, "error = NULL, canceled_at = now()", "error"),
        ("provisioner_jobs", &job, "canceled_at = NULL, started_at = now()", "initializing"),
        ("provisioner_jobs", &job, "completed_at = now()", "initializing"),
        ("workspace_builds", &build, "transition = 'stop'", "paused"),
        ("workspace_builds", &build, "transition = 'delete'", "paused"),
        ("provisioner_jobs", &job, "completed_at = NULL", "unknown"),
        ("workspace_builds", &build, "transition = 'start'", "initializing"),
        ("workspace_agents", &agent, "lifecycle_state = 'starting'", "initializing"),
        ("workspace_agents", &agent, "lifecycle_state = 'shutting_down'", "unknown"),
        ("workspace_agents", &agent, "lifecycle_state = 'start_error'", "active"),
        ("workspace_agents", &agent, "lifecycle_state = 'ready'", "active"),
        ("workspace_apps", &app, "health = 'initializing'", "initializing"),
        ("workspace_apps", &app, "health = 'unhealthy'", "error"),
        ("workspace_apps", &app, "health = 'healthy'", "active"),
    ] {
        if table == "workspace_agents" {
            rows.execute(&serve).expect("an agent and an app");
        }
        rows.set(table, id, change);
        assert_eq!(status(), want, "{change}");
    }
    let debug: Json = serde_json::from_str(&rows.one("status_debug", "FROM tasks_with_status")).expect("JSON");
    assert_eq!(
        debug,
        serde_json::json!({
            "build": {"transition": "start", "job_status": "running", "computed": "active"},
            "agent": {"lifecycle_state": "ready", "computed": "active"},
            "app": {"health": "healthy", "computed": "active"},
        })
    );
    rows.set("tasks", &task, "deleted_at = now()");
    assert_eq!(rows.column("status", "FROM tasks_with_status"), [""; 0]);
}

#[test]
fn named_checks_refuse_what_their_names_say() {
    let Some(rows) = Rows::new() else { return };
    for (table, change, check) in [
        ("api_keys", "allow_list = '{}'", None),
        ("custom_roles", "organization_id = '00000000-0000-0000-0000-000000000000'", Some("organization_id_not_zero")),
        ("provisioner_jobs", "logs_length = 1048577", Some("max_provisioner_logs_length")),
        ("template_version_parameters", "validation_monotonic = 'up'", Some("validation_monotonic_order")),
        ("usage_events", "event_type = 'other'", Some("usage_event_type_check")),
        ("telemetry_locks", "event_type = 'other'", Some("telemetry_lock_event_type_constraint")),
        ("users", "hashed_one_time_passcode = ''", Some("one_time_passcode_set")),
        ("users", "username = ''", Some("users_username_min_length")),
        ("workspace_agents", "subsystems = '{envbox,none}'", Some("subsystems_not_none")),
        (
            "workspace_builds",
            "deadline = to_timestamp(2), max_deadline = to_timestamp(1)",
            Some("workspace_builds_deadline_below_max_deadline"),
        ),
    ] {
        rows.insert(table, &[]);
        match (rows.execute(&format!("UPDATE {table} SET {change}")), check) {
            (Err(refused), Some(check)) => {
                assert_eq!(refused.as_db_error().and_then(|e| e.constraint()), Some(check), "{table}: {change}");
            }
            // array_length of an empty array is null, and a check that is null passes; so it does in the reference.
            (Ok(()), None) => {}
            (outcome, check) => panic!("{table}: {change}: {outcome:?}, not {check:?}"),
        }
    }
}

#[test]
fn a_new_database_holds_the_references_first_rows_and_no_others() {
    if waits_for_its_run() {
        return;
    }
    let database = database();
    let mut client = database.connect();
    let seeds = &facts("seed_rows.json")["by_migrations"];
    let mut one = |sql: &str| column(&mut client, sql).join("; ");
    let organization =
        one("SELECT id::text FROM organizations WHERE is_default AND name = 'coder' AND display_name = 'Coder'");
    uuid::Uuid::parse_str(&organization).expect("one organization, whose id is a uuid");
    for (sql, want) in [
        (
            "SELECT concat_ws(' ', id, username, email, name, status, login_type, is_system, rbac_roles, hashed_password) FROM users",
            format!("{PREBUILDS_USER} prebuilds prebuilds@system Prebuilds Owner active none t {{}} \\x6e6f6e65"),
        ),
        (
            "SELECT concat_ws(' ', user_id, organization_id, roles) FROM organization_members",
            format!("{PREBUILDS_USER} {organization} {{}}"),
        ),
        ("SELECT concat_ws(' ', user_id, new_status) FROM user_status_changes", format!("{PREBUILDS_USER} active")),
        (
            "SELECT concat_ws(' ', id, organization_id, name, source, quota_allowance) FROM groups",
            format!("{organization} {organization} Everyone user 0"),
        ),
        (
            "SELECT concat_ws(' ', name, is_system, organization_id, org_permissions) FROM custom_roles",
            format!("organization-member t {organization} []"),
        ),
        (
            "SELECT concat_ws(' ', right(id::text, 1), name, length(hashed_secret), tags) FROM provisioner_keys ORDER BY id",
            "1 built-in 0 {}; 2 user-auth 0 {}; 3 psk 0 {}".to_owned(),
        ),
    ] {
        assert_eq!(one(sql), want, "{sql}");
    }
    let templates = list(&seeds["notification_templates"]).map(|seed| {
        let enabled = if seed["enabled_by_default"] == true { "t" } else { "f" };
        format!("{} {} {} {} {enabled}", text(seed, "id"), text(seed, "name"), text(seed, "group"), text(seed, "kind"))
    });
    let mut templates: Vec<_> = templates.collect();
    templates.sort();
    let found = one(
        "SELECT concat_ws(' ', id, name, \"group\", kind, enabled_by_default) FROM notification_templates ORDER BY id",
    );
    assert_eq!(found, templates.join("; "));

    // The words of both engines' templates are the same.
    let mut sqlite = super::super::fresh();
    let sqlite = sqlite.transaction().expect("read");
    let words = "SELECT concat_ws('|', id, title_template, body_template) FROM notification_templates ORDER BY id";
    let ours: Vec<String> =
        sqlite.prepare(words).and_then(|mut all| all.query_map([], |row| row.get(0))?.collect()).expect("words");
    assert_eq!(one(words), ours.join("; "));
    let tables = one(
        "SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace ORDER BY 1",
    );
    let filled: Vec<&str> =
        tables.split("; ").filter(|table| one(&format!("SELECT count(*)::text FROM {table}")) != "0").collect();
    let mut want: Vec<&str> = seeds.as_object().expect("an object").keys().map(String::as_str).collect();
    want.retain(|table| *table != "notification_templates_note");
    want.push("schema_migrations");
    want.sort_unstable();
    assert_eq!(filled, want);
}
