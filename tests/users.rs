//! Users: making, finding, changing and removing them, and who may do it to whom.

use std::collections::BTreeMap;

use rockpool::auth::password::Hasher;
use rockpool::ids::Ids;
use rockpool::rbac::system;
use rockpool::sdk::{
    GetUsersResponse, GitSSHKey, Response, User, UserAppearanceSettings, UserPreferenceSettings,
    UserQuietHoursScheduleResponse, UserRoles, UserStatus, ValidateUserPasswordResponse,
};
use rockpool::server::Hands;
use rockpool::time::{Clock, Time};
use serde_json::{Value, json};

use crate::support::postgres::{self, Engine};
use crate::support::{Client, Options, PASSWORD, Server};

const NOBODY: &str = "3f0c6f0e-1f0c-4a60-9f3e-5a5a5a5a5a5a";

fn names(list: &GetUsersResponse) -> Vec<&str> {
    list.users.iter().map(|user| user.username.as_str()).collect()
}

fn log_in(server: &Server, name: &str, password: &str) -> u16 {
    let body = json!({"email": format!("{name}@example.com"), "password": password});
    server.anonymous().post("/api/v2/users/login", body).answer.status
}

#[test]
fn a_user_is_made_as_asked_or_refused_with_the_reason() {
    let server = Server::start();
    let owner = server.owner();
    let organization = server.organization();
    let with = |changes: Value| {
        let mut body = json!({
            "email": "new@example.com", "username": "new-one", "password": PASSWORD, "organization_ids": [organization],
        });
        for (key, value) in changes.as_object().unwrap() {
            body[key] = value.clone();
        }
        owner.post("/api/v2/users", body)
    };
    server.user("taken", &[]);
    for (changes, status, fields) in [
        (json!({"email": "no-mail"}), 400, &["email"][..]),
        (json!({"username": "under_score"}), 400, &["username"]),
        (json!({"username": "x".repeat(33)}), 400, &["username"]),
        (json!({"name": " lead"}), 400, &["name"]),
        (json!({"email": "", "username": ""}), 400, &["email", "username"]),
        (json!({"password": "password"}), 400, &["password"]),
        (json!({"password": ""}), 400, &["password"]),
        (json!({"organization_ids": []}), 400, &["organization_ids"]),
        (json!({"organization_ids": ["default"]}), 400, &[]),
        (json!({"organization_ids": [NOBODY]}), 404, &[]),
        (json!({"username": "TAKEN"}), 409, &[]),
        (json!({"email": "Taken@Example.com"}), 409, &[]),
        (json!({"login_type": "none"}), 400, &[]),
        (json!({"login_type": "token", "password": ""}), 400, &[]),
        (json!({"login_type": "oidc", "password": ""}), 400, &[]),
        (json!({"login_type": "pigeon", "password": ""}), 400, &[]),
        (json!({"user_status": "asleep"}), 400, &["user_status"]),
    ] {
        let refused = with(changes.clone()).refused(status);
        let named: Vec<&str> = refused.validations.iter().map(|v| v.field.as_str()).collect();
        assert_eq!(named, fields, "{changes}");
    }
    for (n, (changes, status, login_type)) in [
        (json!({}), "dormant", "password"),
        (json!({"user_status": "active", "name": "New One"}), "active", "password"),
        (json!({"user_status": "suspended"}), "suspended", "password"),
        (json!({"login_type": "none", "password": ""}), "dormant", "none"),
        (json!({"organization_ids": ["00000000-0000-0000-0000-000000000000", organization]}), "dormant", "password"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut changes = changes;
        changes["username"] = format!("made-{n}").into();
        changes["email"] = format!("made-{n}@example.com").into();
        let made: User = with(changes.clone()).ok(201);
        assert_eq!((made.status.as_str(), made.login_type.as_str()), (status, login_type), "{changes}");
        assert_eq!(made.organization_ids, [organization], "{changes}");
        assert!(made.roles.is_empty() && made.last_seen_at == Time::ZERO, "{changes}");
    }
}

#[test]
fn only_those_who_administer_users_make_them() {
    let server = Server::start();
    let body = |name: &str| {
        let email = format!("{name}@example.com");
        json!({"email": email, "username": name, "password": PASSWORD, "organization_ids": [server.organization()]})
    };
    for (role, status) in [("", 403), ("auditor", 403), ("template-admin", 403), ("user-admin", 201)] {
        let name = format!("by-{role}").trim_end_matches('-').to_owned();
        let (_, client) = server.user(&name, if role.is_empty() { &[] } else { std::slice::from_ref(&role) });
        client.post("/api/v2/users", body(&format!("from-{name}"))).expect(status);
    }
    server.anonymous().post("/api/v2/users", body("nobody")).refused(401);
}

#[test]
fn the_list_is_searched_paged_and_counted() {
    let server = Server::start();
    let owner = server.owner();
    for (name, roles) in [("ann", &["auditor"][..]), ("bob", &["template-admin", "user-admin"]), ("cleo", &[])] {
        server.user(name, roles);
    }
    let organization = server.organization();
    let eve = json!({"email": "queen@example.org", "username": "Eve", "login_type": "none", "organization_ids": [organization]});
    owner.post("/api/v2/users", eve).expect(201);
    owner.put("/api/v2/users/cleo/status/suspend", json!({})).expect(200);
    for (query, want) in [
        ("", &["ann", "bob", "cleo", "Eve", "owner"][..]),
        ("q=AN", &["ann"]),
        ("q=example.org", &["Eve"]),
        ("q=nobody", &[]),
        ("q=status:suspended", &["cleo"]),
        ("q=status:suspended,dormant", &["cleo", "Eve"]),
        ("q=role:owner", &["owner"]),
        ("q=role:auditor,user-admin", &["ann", "bob"]),
        ("q=role:member", &["ann", "bob", "cleo", "Eve", "owner"]),
        ("q=login_type:none", &["Eve"]),
        ("q=status:active%20role:user-admin%20b", &["bob"]),
        ("q=created_before:%222020-01-01T00:00:00Z%22", &[]),
        ("q=created_after:%222020-01-01T00:00:00Z%22%20status:suspended", &["cleo"]),
        ("q=last_seen_after:%222020-01-01T00:00:00Z%22", &["ann", "bob", "cleo", "owner"]),
        ("q=github_com_user_id:5", &[]),
        ("limit=0", &["ann", "bob", "cleo", "Eve", "owner"]),
    ] {
        let list: GetUsersResponse = owner.get(&format!("/api/v2/users?{query}")).ok(200);
        assert_eq!((names(&list), list.count), (want.to_vec(), want.len() as i64), "{query}");
    }
    for (query, want, count) in [
        ("limit=2", &["ann", "bob"][..], 5),
        ("limit=2&offset=2", &["cleo", "Eve"], 5),
        ("limit=2&offset=4", &["owner"], 5),
        // Past the end there is nothing to take the count from.
        ("limit=2&offset=6", &[], 0),
        (&format!("after_id={NOBODY}"), &[], 0),
    ] {
        let list: GetUsersResponse = owner.get(&format!("/api/v2/users?{query}")).ok(200);
        assert_eq!((names(&list), list.count), (want.to_vec(), count), "{query}");
    }
    let bob: User = owner.get("/api/v2/users/bob").ok(200);
    let after: GetUsersResponse = owner.get(&format!("/api/v2/users?after_id={}&limit=1", bob.id)).ok(200);
    assert_eq!(names(&after), ["cleo"]);
    for (query, field) in [
        ("q=status:asleep", "status"),
        ("q=login_type:pigeon", "login_type"),
        ("q=colour:red", "colour"),
        ("q=status:", "q"),
        ("q=created_after:2020-01-01T00:00:00Z", "q"),
        ("q=created_after:yesterday", "created_after"),
        ("q=search:a%20b", "search"),
        ("q=github_com_user_id:x", "github_com_user_id"),
        ("limit=-1", "limit"),
        ("offset=x", "offset"),
        ("after_id=bob", "after_id"),
        ("limit=1&limit=2", "limit"),
    ] {
        assert_eq!(owner.get(&format!("/api/v2/users?{query}")).invalid(), [field], "{query}");
    }
}

#[test]
fn others_are_hidden_from_a_member_and_shown_to_administrators() {
    let server = Server::start();
    let (molly, as_molly) = server.user("molly", &[]);
    let (_, as_other) = server.user("oscar", &[]);
    let (_, as_admin) = server.user("uma", &["user-admin"]);
    for client in [&as_molly, &as_admin, &server.owner()] {
        for key in ["molly", "MOLLY", &molly.id.to_string()] {
            let found: User = client.get(&format!("/api/v2/users/{key}")).ok(200);
            assert_eq!(found.id, molly.id);
        }
    }
    // Hidden and missing are told in the same words.
    let hidden = as_other.get(&format!("/api/v2/users/{}", molly.id)).refused(400).message;
    assert_eq!(as_other.get(&format!("/api/v2/users/{NOBODY}")).refused(400).message, hidden);
    let seen: GetUsersResponse = as_other.get("/api/v2/users").ok(200);
    assert_eq!(names(&seen), ["oscar"]);
}

#[test]
fn a_user_says_how_to_be_called_and_administrators_how_to_be_found() {
    let server = Server::start();
    let (_, as_moss) = server.user("moss", &[]);
    let (_, as_admin) = server.user("uma", &["user-admin"]);
    server.user("nell", &[]);
    let put = |client: &Client, who: &str, username: &str, name: &str| {
        client.put(&format!("/api/v2/users/{who}/profile"), json!({"username": username, "name": name}))
    };
    let moss: User = put(&as_moss, "me", "moss", "Moss Green").ok(200);
    assert_eq!(moss.name, "Moss Green");
    put(&as_moss, "me", "moss2", "").refused(404);
    put(&as_moss, "nell", "nell", "Taken").refused(400);
    put(&as_admin, "moss", "NELL", "").refused(409);
    put(&as_admin, "moss", "a b", " x").refused(400);
    let moss: User = put(&as_admin, "moss", "moss2", "Moss").ok(200);
    assert_eq!((moss.username.as_str(), moss.name.as_str()), ("moss2", "Moss"));
    as_admin.get("/api/v2/users/moss").refused(400);
}

#[test]
fn a_suspended_user_is_out_at_once_and_in_again_when_activated() {
    let server = Server::start();
    let (_, as_sam) = server.user("sam", &[]);
    let (_, as_other) = server.user("nick", &[]);
    let (_, as_admin) = server.user("uma", &["user-admin"]);
    let set = |client: &Client, who: &str, status: &str| {
        client.put(&format!("/api/v2/users/{who}/status/{status}"), json!({}))
    };
    set(&as_other, "sam", "suspend").refused(400);
    let sam: User = set(&as_admin, "sam", "suspend").ok(200);
    assert_eq!(sam.status, UserStatus::Suspended);
    as_sam.get("/api/v2/users/me").refused(401);
    assert_eq!(log_in(&server, "sam", PASSWORD), 401);
    set(&as_admin, "sam", "activate").expect(200);
    as_sam.get("/api/v2/users/me").expect(200);
    assert_eq!(log_in(&server, "sam", PASSWORD), 201);
    set(&as_admin, "uma", "suspend").refused(400);
    set(&as_admin, "owner", "suspend").refused(400);
    set(&server.owner(), "me", "suspend").refused(400);
}

#[test]
fn the_last_owner_who_can_act_stays() {
    let server = Server::start();
    let owner = server.owner();
    let (_, as_admin) = server.user("uma", &["user-admin"]);
    let roles = |client: &Client, who: &str, roles: &[&str]| {
        client.put(&format!("/api/v2/users/{who}/roles"), json!({"roles": roles}))
    };
    as_admin.delete("/api/v2/users/owner").refused(400);
    owner.delete("/api/v2/users/me").refused(403);
    roles(&owner, "me", &[]).refused(400);

    // A second owner who has never been there cannot act.
    let (second, as_second) = server.user("second", &["owner"]);
    let db = server.running().deployment.system_db();
    db.update_user_status(second.id, UserStatus::Dormant, Time::from_micros(0), false).unwrap();
    as_admin.delete("/api/v2/users/owner").refused(400);
    // Whoever signs in can; now either may go, and then the other stays.
    assert_eq!(log_in(&server, "second", PASSWORD), 201);
    roles(&as_second, "owner", &[]).expect(200);
    let back: User = roles(&as_second, "owner", &["owner"]).ok(200);
    assert_eq!(back.roles.len(), 1);
    as_admin.delete("/api/v2/users/owner").expect(200);
    as_admin.delete("/api/v2/users/second").refused(400);
    as_second.get("/api/v2/users/me").expect(200);
}

#[test]
fn a_deleted_user_loses_sessions_and_name_and_stays_readable_by_id() {
    let server = Server::start();
    let owner = server.owner();
    let (dell, as_dell) = server.user("dell", &[]);
    let (_, as_other) = server.user("nick", &[]);
    as_dell.delete("/api/v2/users/me").refused(403);
    as_other.delete("/api/v2/users/dell").refused(400);
    let _: Response = owner.delete("/api/v2/users/dell").ok(200);
    as_dell.get("/api/v2/users/me").refused(401);
    assert_eq!(log_in(&server, "dell", PASSWORD), 401);
    owner.get("/api/v2/users/dell").refused(400);
    let kept: User = owner.get(&format!("/api/v2/users/{}", dell.id)).ok(200);
    assert_eq!(kept.username, "dell");
    let (again, _) = server.user("dell", &[]);
    assert_ne!(again.id, dell.id);
}

#[test]
fn roles_are_given_and_taken_by_those_who_may() {
    let server = Server::start();
    let owner = server.owner();
    let (_, as_rory) = server.user("rory", &[]);
    let (_, as_admin) = server.user("uma", &["user-admin"]);
    let put = |client: &Client, roles: Value| client.put("/api/v2/users/rory/roles", json!({"roles": roles}));
    let rory: User = put(&owner, json!(["template-admin", "auditor", "auditor"])).ok(200);
    assert_eq!(rory.roles.iter().map(|r| r.name.as_str()).collect::<Vec<_>>(), ["auditor", "template-admin"]);
    let held: UserRoles = as_rory.get("/api/v2/users/me/roles").ok(200);
    assert_eq!(held.roles, ["auditor", "template-admin"]);
    assert_eq!(held.organization_roles, BTreeMap::from([(server.organization(), vec![])]));
    for unknown in ["king", "", "organization-admin", &format!("organization-admin:{}", server.organization())] {
        put(&owner, json!([unknown])).refused(400);
    }
    put(&as_admin, json!(["auditor"])).refused(400);
    put(&as_rory, json!([])).refused(400);
    let rory: User = put(&owner, Value::Null).ok(200);
    assert!(rory.roles.is_empty());
    // The implied role is all that a user administrator hands out.
    put(&as_admin, json!(["member"])).expect(200);
    put(&as_admin, json!(["owner"])).refused(400);
}

#[test]
fn a_new_password_ends_the_sessions_of_the_old_one() {
    let server = Server::start();
    let owner = server.owner();
    const NEW: &str = "AnotherPassword2!";
    let (_, as_paula) = server.user("paula", &[]);
    let (_, as_admin) = server.user("uma", &["user-admin"]);
    let put = |client: &Client, who: &str, body: Value| client.put(&format!("/api/v2/users/{who}/password"), body);
    for body in [
        json!({"password": NEW}),
        json!({"old_password": "wrong", "password": NEW}),
        json!({"old_password": PASSWORD, "password": PASSWORD}),
        json!({"old_password": PASSWORD, "password": "weak"}),
    ] {
        put(&as_paula, "me", body).refused(400);
    }
    // Who may not end somebody's sessions may not change the password either.
    put(&as_admin, "paula", json!({"password": NEW})).refused(403);
    as_paula.get("/api/v2/users/me").expect(200);
    put(&as_paula, "me", json!({"old_password": PASSWORD, "password": NEW})).expect(204);
    as_paula.get("/api/v2/users/me").refused(401);
    assert_eq!((log_in(&server, "paula", PASSWORD), log_in(&server, "paula", NEW)), (401, 201));
    put(&owner, "paula", json!({"password": PASSWORD})).expect(204);
    assert_eq!(log_in(&server, "paula", PASSWORD), 201);
}

#[test]
fn a_forgotten_password_is_changed_with_a_code_once_and_in_time() {
    let clock = Clock::held(Time::parse("2026-05-01T12:00:00Z").unwrap());
    let server = Options::default().hands(Hands { clock: clock.clone(), ..Hands::default() }).start();
    let (otto, as_otto) = server.user("otto", &[]);
    let nobody = server.anonymous();
    for email in ["otto@example.com", "nobody@example.com"] {
        nobody.post("/api/v2/users/otp/request", json!({"email": email})).expect(204);
    }
    let code = "5b4e3f4c-0b1a-4a59-8a53-0c8f7a1f5d11";
    let give = |minutes: u64| {
        let hashed = Hasher::new(1, Ids::random()).hash(code).unwrap();
        let until = clock.now() + std::time::Duration::from_secs(60 * minutes);
        let db = server.running().deployment.db_as(system::restricted());
        db.update_user_hashed_one_time_passcode(otto.id, hashed.as_bytes(), until).unwrap();
    };
    let change = |email: &str, code: &str, password: &str| {
        let body = json!({"email": email, "one_time_passcode": code, "password": password});
        nobody.post("/api/v2/users/otp/change-password", body)
    };
    const NEW: &str = "AnotherPassword2!";
    give(20);
    let wrong = change("otto@example.com", NOBODY, NEW).refused(400);
    assert_eq!(change("nobody@example.com", code, NEW).refused(400), wrong);
    change("otto@example.com", code, "weak").refused(400);
    change("otto@example.com", code, PASSWORD).refused(400);
    change("otto@example.com", code, NEW).expect(204);
    as_otto.get("/api/v2/users/me").refused(401);
    assert_eq!(log_in(&server, "otto", NEW), 201);
    assert_eq!(change("otto@example.com", code, "YetAnotherOne3!").refused(400), wrong);
    give(20);
    clock.advance(std::time::Duration::from_secs(20 * 60 + 1));
    assert_eq!(change("otto@example.com", code, "YetAnotherOne3!").refused(400), wrong);
}

#[test]
fn passwords_are_judged_before_they_are_chosen() {
    let server = Server::start();
    for (password, valid) in [("a", false), ("password123", false), (PASSWORD, true), ("correct horse", true)] {
        let judged: ValidateUserPasswordResponse =
            server.anonymous().post("/api/v2/users/validate-password", json!({"password": password})).ok(200);
        assert_eq!((judged.valid, judged.details.is_empty()), (valid, valid), "{password}");
    }
    assert_eq!(server.anonymous().post("/api/v2/users/validate-password", json!({})).invalid(), ["password"]);
}

#[test]
fn tastes_are_kept_a_user_each() {
    let server = Server::start();
    let (_, as_moss) = server.user("moss", &[]);
    let (_, as_other) = server.user("nell", &[]);
    let fresh: UserAppearanceSettings = as_moss.get("/api/v2/users/me/appearance").ok(200);
    assert_eq!((fresh.theme_preference.as_str(), fresh.terminal_font.as_str()), ("", ""));
    let dark = json!({"theme_preference": "dark", "terminal_font": "fira-code"});
    as_moss.put("/api/v2/users/me/appearance", &dark).expect(200);
    for (body, fields) in [
        (json!({"theme_preference": "light"}), &["terminal_font"][..]),
        (json!({"theme_preference": "light", "terminal_font": "comic"}), &[]),
    ] {
        assert_eq!(as_moss.put("/api/v2/users/me/appearance", body).invalid(), fields);
    }
    assert_eq!(server.owner().get("/api/v2/users/moss/appearance").expect(200).json(), dark);
    as_other.get("/api/v2/users/moss/appearance").refused(400);
    let spared: UserPreferenceSettings =
        as_moss.put("/api/v2/users/me/preferences", json!({"task_notification_alert_dismissed": true})).ok(200);
    assert!(spared.task_notification_alert_dismissed);
    let others: UserPreferenceSettings = as_other.get("/api/v2/users/me/preferences").ok(200);
    assert!(!others.task_notification_alert_dismissed);
}

#[test]
fn quiet_hours_are_one_time_of_every_day() {
    let clock = Clock::held(Time::parse("2026-11-24T02:34:36Z").unwrap());
    let server = Options::default().hands(Hands { clock, ..Hands::default() }).start();
    let (_, as_quinn) = server.user("quinn", &[]);
    let put = |schedule: &str| as_quinn.put("/api/v2/users/me/quiet-hours", json!({"schedule": schedule}));
    let everybodys: UserQuietHoursScheduleResponse = as_quinn.get("/api/v2/users/me/quiet-hours").ok(200);
    assert_eq!((everybodys.raw_schedule.as_str(), everybodys.user_set), ("CRON_TZ=UTC 0 0 * * *", false));
    assert_eq!(everybodys.next, "2026-11-25T00:00:00Z");
    for schedule in ["soon", "0 1 * * 1", "*/5 1 * * *", "0 25 * * *", "CRON_TZ=Nowhere/Else 0 1 * * *"] {
        assert_eq!(put(schedule).invalid(), ["schedule"], "{schedule}");
    }
    let chosen: UserQuietHoursScheduleResponse = put("CRON_TZ=Europe/Berlin 30 4 * * *").ok(200);
    assert_eq!((chosen.time.as_str(), chosen.timezone.as_str(), chosen.user_set), ("04:30", "Europe/Berlin", true));
    assert_eq!(chosen.next, "2026-11-24T04:30:00+01:00");

    let fixed = Options::default().set("CODER_ALLOW_CUSTOM_QUIET_HOURS", "false").start();
    fixed.owner().put("/api/v2/users/me/quiet-hours", json!({"schedule": "0 1 * * *"})).refused(403);
}

#[test]
fn every_user_has_a_key_for_git_of_the_configured_kind() {
    for (algorithm, kind) in [("ed25519", "ssh-ed25519 "), ("ecdsa", "ecdsa-sha2-nistp256 ")] {
        let server = Options::default().set("CODER_SSH_KEYGEN_ALGORITHM", algorithm).start();
        let (gita, as_gita) = server.user("gita", &[]);
        let first: GitSSHKey = as_gita.get("/api/v2/users/me/gitsshkey").ok(200);
        assert!(first.public_key.starts_with(kind) && first.user_id == gita.id, "{}", first.public_key);
        let second: GitSSHKey = as_gita.put("/api/v2/users/me/gitsshkey", json!({})).ok(200);
        assert_ne!(first.public_key, second.public_key);
        assert_eq!(first.created_at, second.created_at);
        let read: GitSSHKey = server.owner().get("/api/v2/users/gita/gitsshkey").ok(200);
        assert_eq!(read.public_key, second.public_key);
    }
}

#[test]
fn reading_oneself_again_asks_the_database_nothing() {
    let server = Options::default()
        .set("CODER_PROMETHEUS_ENABLE", "true")
        .set("CODER_PROMETHEUS_ADDRESS", "127.0.0.1:0")
        .set("CODER_PROMETHEUS_COLLECT_DB_METRICS", "true")
        .start();
    let owner = server.owner();
    owner.get("/api/v2/users/me").expect(200);
    owner.get("/api/v2/users/me").expect(200);
    let queries = || -> BTreeMap<String, u64> {
        let gathered = server.running().deployment.registry.gather();
        let counts = gathered.iter().find(|family| family.name() == "coderd_db_query_counts_total").unwrap();
        let label = |metric: &prometheus::proto::Metric, name: &str| {
            metric.get_label().iter().find(|l| l.name() == name).map(|l| l.value().to_owned()).unwrap_or_default()
        };
        let of_route = counts.get_metric().iter().filter(|m| label(m, "route") == "/api/v2/users/{user}");
        of_route.map(|m| (label(m, "query"), m.get_counter().get_value() as u64)).collect()
    };
    let before = queries();
    owner.get("/api/v2/users/me").expect(200);
    let after = queries();
    let ran: BTreeMap<&str, u64> = after
        .iter()
        .map(|(query, count)| (query.as_str(), count - before.get(query).unwrap_or(&0)))
        .filter(|(_, count)| *count > 0)
        .collect();
    // Nobody else writes to an SQLite file, so what was read before still holds. Where there may be other replicas, each
    // may have changed what the caller may do, and all is asked for again.
    let want = match postgres::engine() {
        Engine::Sqlite => BTreeMap::new(),
        Engine::Postgres => BTreeMap::from([
            ("CustomRoles", 1),
            ("GetAPIKeyByID", 1),
            ("GetAuthorizationUserRoles", 1),
            ("GetOrganizationIDsByMemberIDs", 1),
            ("GetUserByID", 1),
        ]),
    };
    assert_eq!(ran, want);
}
